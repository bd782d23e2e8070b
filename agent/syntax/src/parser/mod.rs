//! From a text to its tree, with everything that is wrong with it.
//!
//! Recursive descent, one function for each form of the grammar: [`statement`] has the bodies, attributes and blocks,
//! [`expression`] the rest; what both need is here. After an error the parser goes on, as Alloy does and from the same
//! place, so that the list of errors is the same:
//!
//! - A token that should be another is taken for it.
//! - What cannot be an expression is skipped to the next comma, closing bracket or end of line.
//! - What cannot be a statement is skipped to the next name.
//! - Errors in one line are mostly the echo of the first, so the parser reports no two in a row of the same line.
//!
//! Recursion is bounded by [`NESTING_MAX`]; every other loop consumes a token a turn, so parsing takes linear time. At
//! that bound, and after a thousand errors, the parser gives up: one last error says so, and the rest of the text counts
//! as missing.

#![expect(clippy::wildcard_enum_match_arm, reason = "a rule treats all tokens alike that it does not name")]

mod expression;
mod statement;
#[cfg(test)]
mod tests;

use crate::ast::{Comment, Expr, File};
use crate::diagnostic::Diagnostic;
use crate::lexer::{DIAGNOSTICS_MAX, Lexer};
use crate::source::{FileId, Source, SourceMap, Span};
use crate::token::{Token, TokenKind};

/// How deep blocks, brackets and operators may nest.
///
/// Hand-written configurations stay below twenty. The bound keeps parser, evaluator and whatever else walks a tree by
/// recursion within a thread's stack on any input.
pub const NESTING_MAX: usize = 128;

/// Parses a configuration file.
///
/// The tree holds what could be read. It is the whole file if the diagnostics hold no error; otherwise it is fit for
/// inspection, not for evaluation.
pub fn parse_file(sources: &SourceMap, file: FileId) -> (File, Vec<Diagnostic>) {
    let mut parser = Parser::new(sources, file);
    let body = parser.body(TokenKind::Eof);
    let comments = std::mem::take(&mut parser.comments);
    (File { source: file, body, comments }, parser.into_diagnostics())
}

/// Parses a text that is one expression, with nothing but comments and empty lines behind it.
pub fn parse_expression(sources: &SourceMap, file: FileId) -> (Expr, Vec<Diagnostic>) {
    let mut parser = Parser::new(sources, file);
    let expression = parser.expression();
    if parser.expect(TokenKind::Terminator).kind == TokenKind::Terminator {
        parser.expect(TokenKind::Eof);
    }
    (expression, parser.into_diagnostics())
}

struct Parser<'s> {
    file: FileId,
    source: &'s Source,
    lexer: Lexer<'s>,
    /// The token to be parsed next, never a comment.
    token: Token,
    /// Where the token before it ended.
    previous_end: usize,
    comments: Vec<Comment>,
    /// Line of the last error that [`Parser::error`] reported, 0 before the first.
    last_error_line: usize,
    /// How many forms the current token is nested in.
    depth: usize,
    /// Why the parser gave up, if it did. From then on the end is the only token, and no errors are reported.
    gave_up: Option<Diagnostic>,
}

impl<'s> Parser<'s> {
    fn new(sources: &'s SourceMap, file: FileId) -> Parser<'s> {
        let mut parser = Parser {
            file,
            source: sources.source(file),
            lexer: Lexer::new(sources, file),
            token: Token { kind: TokenKind::Eof, start: 0, end: 0 },
            previous_end: 0,
            comments: Vec::new(),
            last_error_line: 0,
            depth: 0,
            gave_up: None,
        };
        parser.advance();
        parser
    }

    /// Moves to the next token and puts the comments before it aside.
    fn advance(&mut self) {
        self.previous_end = self.token.end;
        while self.gave_up.is_none() {
            self.token = self.lexer.next_token();
            if self.lexer.diagnostics().len() == DIAGNOSTICS_MAX {
                return self.give_up("too many errors, the rest of the file was not read".to_owned());
            }
            if self.token.kind != TokenKind::Comment {
                return;
            }
            let text = self.text(self.token).replace('\r', "");
            let span = self.span(self.token);
            self.comments.push(Comment { text, span });
        }
    }

    /// Moves on, and reports an error if the token moved past was not the expected one. Returns that token.
    fn expect(&mut self, kind: TokenKind) -> Token {
        let token = self.token;
        if token.kind != kind {
            self.error(format!("expected {kind}, got {}", token.kind));
        }
        self.advance();
        token
    }

    /// Moves to the next token of one of the kinds, or to the end.
    fn skip_to(&mut self, kinds: &[TokenKind]) {
        while self.token.kind != TokenKind::Eof && !kinds.contains(&self.token.kind) {
            self.advance();
        }
    }

    /// Moves to the end of the statement: the first terminator outside of all brackets that were opened on the way.
    fn skip_statement(&mut self) {
        let (mut curlies, mut parens, mut brackets) = (0_isize, 0_isize, 0_isize);
        while self.token.kind != TokenKind::Eof {
            let (count, step) = match self.token.kind {
                TokenKind::LCurly => (&mut curlies, 1),
                TokenKind::RCurly => (&mut curlies, -1),
                TokenKind::LParen => (&mut parens, 1),
                TokenKind::RParen => (&mut parens, -1),
                TokenKind::LBrack => (&mut brackets, 1),
                TokenKind::RBrack => (&mut brackets, -1),
                TokenKind::Terminator if curlies <= 0 && parens <= 0 && brackets <= 0 => return,
                _ => (&mut curlies, 0),
            };
            *count += step;
            self.advance();
        }
    }

    /// Reports an error at the current token, unless the last one was in the same line.
    fn error(&mut self, message: String) {
        let line = self.source.position(self.token.start).line;
        if self.gave_up.is_none() && line != self.last_error_line {
            self.last_error_line = line;
            let place = Span::point(self.file, self.token.start);
            self.lexer.report(Diagnostic::error(place, message));
        }
    }

    /// Reports an error about something that was parsed whole. It does not silence others in its line.
    fn error_about(&mut self, span: Span, message: &str) {
        self.lexer.report(Diagnostic::error(span, message));
    }

    /// Parses something that can hold itself, so that it counts as one level.
    fn nested<T>(&mut self, parse: impl FnOnce(&mut Parser<'s>) -> T) -> T {
        self.depth += 1;
        if self.depth > NESTING_MAX {
            self.give_up(format!("blocks and expressions may not nest deeper than {NESTING_MAX} levels"));
        }
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }

    /// Reports an error at the current token and makes it the last one.
    fn give_up(&mut self, message: String) {
        if self.gave_up.is_none() {
            self.gave_up = Some(Diagnostic::error(Span::point(self.file, self.token.start), message));
        }
        let end = self.source.bytes().len();
        self.token = Token { kind: TokenKind::Eof, start: end, end };
    }

    fn into_diagnostics(self) -> Vec<Diagnostic> {
        let mut diagnostics = self.lexer.into_diagnostics();
        diagnostics.extend(self.gave_up);
        diagnostics
    }

    fn span(&self, token: Token) -> Span {
        Span::new(self.file, token.start..token.end)
    }

    /// Returns the span from an offset to the end of the last token moved past.
    fn span_from(&self, start: usize) -> Span {
        Span::new(self.file, start..self.previous_end.max(start))
    }

    fn text(&self, token: Token) -> String {
        String::from_utf8_lossy(self.lexer.text(token)).into_owned()
    }
}
