//! Bodies with their attributes and blocks.

use super::Parser;
use crate::ast::{Attribute, Block, BlockName, Body, Ident, Label, Statement};
use crate::identifier::is_identifier;
use crate::literal::quote;
use crate::source::Span;
use crate::token::TokenKind;

/// What stands before the `=` of an attribute or the `{` of a block.
struct Head {
    parts: Vec<Ident>,
    label: Option<Label>,
}

impl Parser<'_> {
    /// `Body = { Statement TERMINATOR }`, up to the token that closes it or the end. The last terminator may be missing.
    pub(super) fn body(&mut self, until: TokenKind) -> Body {
        let mut statements = Vec::new();
        while self.token.kind != until && self.token.kind != TokenKind::Eof {
            statements.extend(self.statement());
            if self.token.kind == until {
                break;
            }
            if self.token.kind != TokenKind::Terminator {
                self.error(format!("expected {}, got {}", TokenKind::Terminator, self.token.kind));
                self.skip_statement();
            }
            self.advance();
        }
        Body { statements }
    }

    /// `Statement = Attribute | Block`. Returns nothing for one that cannot be used.
    fn statement(&mut self) -> Option<Statement> {
        let Some(head) = self.head() else {
            self.skip_to(&[TokenKind::Ident]);
            return None;
        };
        match self.token.kind {
            TokenKind::Assign => self.attribute(head).map(Statement::Attribute),
            TokenKind::LCurly => Some(Statement::Block(self.block(head))),
            other => {
                let has_label = head.label.is_some_and(|label| !label.text.is_empty());
                let either = if head.parts.len() == 1 && !has_label { "attribute assignment or " } else { "" };
                self.error(format!("expected {either}block body, got {other}"));
                self.skip_to(&[TokenKind::Ident]);
                None
            }
        }
    }

    /// `Head = IDENT { "." IDENT } [ STRING ]`
    fn head(&mut self) -> Option<Head> {
        if self.token.kind != TokenKind::Ident {
            self.error(format!("expected identifier, got {}", self.token.kind));
            return None;
        }
        let mut parts = vec![self.part()];
        while self.token.kind == TokenKind::Dot {
            self.advance();
            if self.token.kind != TokenKind::Ident {
                self.error(format!("expected identifier, got {}", self.token.kind));
            }
            parts.push(self.part());
        }
        let label = match self.token.kind {
            TokenKind::Assign | TokenKind::LCurly => None,
            TokenKind::String => Some(self.label()),
            other => {
                self.error(format!("expected block label, got {other}"));
                self.advance();
                None
            }
        };
        Some(Head { parts, label })
    }

    fn part(&mut self) -> Ident {
        let ident = Ident { text: self.text(self.token), span: self.span(self.token) };
        self.advance();
        ident
    }

    fn label(&mut self) -> Label {
        let literal = self.lexer.text(self.token);
        if literal[0] != b'"' {
            self.error(format!("expected block label to be a double quoted string, but got {}", quote(literal)));
        }
        let text = literal.get(1..literal.len() - 1).unwrap_or_default();
        let is_name = str::from_utf8(text).is_ok_and(is_identifier);
        if !text.is_empty() && !is_name {
            self.error(format!("expected block label to be a valid identifier, but got {}", quote(text)));
        }
        let label = Label { text: String::from_utf8_lossy(text).into_owned(), span: self.span(self.token) };
        self.advance();
        label
    }

    /// `Attribute = IDENT "=" Expr`, from the `=` on.
    fn attribute(&mut self, head: Head) -> Option<Attribute> {
        self.advance();
        if head.parts.len() > 1 {
            let message = "attribute names may only consist of a single identifier with no \".\"";
            self.error_about(head.span(), message);
        } else if let Some(label) = &head.label {
            self.error_about(label.span, "attribute names may not have labels");
        }
        let value = self.expression();
        match (<[Ident; 1]>::try_from(head.parts), head.label) {
            (Ok([name]), None) => Some(Attribute { name, value }),
            _ => None,
        }
    }

    /// `Block = IDENT { "." IDENT } [ STRING ] "{" Body "}"`, from the `{` on.
    fn block(&mut self, head: Head) -> Block {
        let (body, braces, _) = self.braced_body();
        let texts: Vec<_> = head.parts.iter().map(|part| part.text.as_str()).collect();
        let name = BlockName { text: texts.join("."), span: head.span() };
        Block { name, label: head.label, body, braces }
    }

    /// `"{" Body "}"`. Returns the braces' span, and whether the second one was there.
    pub(super) fn braced_body(&mut self) -> (Body, Span, bool) {
        let start = self.expect(TokenKind::LCurly).start;
        let body = self.nested(|parser| parser.body(TokenKind::RCurly));
        let closed = self.expect(TokenKind::RCurly).kind == TokenKind::RCurly;
        (body, self.span_from(start), closed)
    }
}

impl Head {
    fn span(&self) -> Span {
        let (first, last) = (&self.parts[0], &self.parts[self.parts.len() - 1]);
        first.span.to(last.span)
    }
}
