//! Expressions.

use super::Parser;
use crate::ast::{BinaryOperator, Expr, ExprKind, Field, Ident, Operation, Step, UnaryOperator};
use crate::literal::{Number, Text};
use crate::token::{Token, TokenKind};

/// Where a text that should have been an expression is over.
const EXPRESSION_ENDS: [TokenKind; 5] =
    [TokenKind::Terminator, TokenKind::RParen, TokenKind::RCurly, TokenKind::RBrack, TokenKind::Comma];

impl Parser<'_> {
    /// `Expr`
    pub(super) fn expression(&mut self) -> Expr {
        self.binary(1)
    }

    /// Operators of a level and above with their operands, all of them left associative but `^`.
    fn binary(&mut self, level: u8) -> Expr {
        let mut left = self.power();
        loop {
            match binary_operator(self.token.kind) {
                Some(operator) if operator.level() >= level => {
                    let operator_span = self.span(self.token);
                    self.advance();
                    let operand = self.binary(operator.level() + 1);
                    left = join(left, Operation { operator, operator_span, operand });
                }
                _ => return left,
            }
        }
    }

    /// `Unary [ "^" Power ]`, which is right associative.
    fn power(&mut self) -> Expr {
        self.nested(|parser| {
            let base = parser.unary();
            if parser.token.kind != TokenKind::Pow {
                return base;
            }
            let operator_span = parser.span(parser.token);
            parser.advance();
            let operand = parser.power();
            join(base, Operation { operator: BinaryOperator::Power, operator_span, operand })
        })
    }

    /// `{ "!" | "-" } Postfix`
    fn unary(&mut self) -> Expr {
        let operator = match self.token.kind {
            TokenKind::Not => UnaryOperator::Not,
            TokenKind::Sub => UnaryOperator::Negate,
            _ => return self.postfix(),
        };
        let operator_span = self.span(self.token);
        self.advance();
        let operand = Box::new(self.nested(Parser::unary));
        Expr { span: operator_span.to(operand.span), kind: ExprKind::Unary { operator, operand } }
    }

    /// `Primary { "." IDENT | "[" Expr "]" | "(" [ Expr { "," Expr } [ "," ] ] ")" }`
    fn postfix(&mut self) -> Expr {
        let base = self.primary();
        let mut steps = Vec::new();
        loop {
            match self.token.kind {
                TokenKind::Dot => {
                    self.advance();
                    let name = self.expect(TokenKind::Ident);
                    steps.push(Step::Field(Ident { text: self.text(name), span: self.span(name) }));
                }
                TokenKind::LBrack => {
                    let start = self.expect(TokenKind::LBrack).start;
                    let index = Box::new(self.expression());
                    self.expect(TokenKind::RBrack);
                    steps.push(Step::Index { index, brackets: self.span_from(start) });
                }
                TokenKind::LParen => {
                    let start = self.expect(TokenKind::LParen).start;
                    let arguments = self.list(TokenKind::RParen, "expression list", Parser::expression);
                    self.expect(TokenKind::RParen);
                    steps.push(Step::Call { arguments, parens: self.span_from(start) });
                }
                TokenKind::String | TokenKind::LCurly => {
                    if !self.misplaced_block(base.span.start) {
                        break;
                    }
                }
                _ => break,
            }
        }
        match steps.last() {
            None => base,
            Some(last) => {
                Expr { span: base.span.to(last.span()), kind: ExprKind::Access { base: Box::new(base), steps } }
            }
        }
    }

    /// Reads what stands behind an expression as the rest of a block, `[ STRING ] "{" Body "}"`: someone may have tried
    /// to assign one. Returns false if it is none, with the rest of the statement skipped.
    fn misplaced_block(&mut self, start: usize) -> bool {
        if self.token.kind == TokenKind::String {
            self.advance();
        }
        if self.token.kind != TokenKind::LCurly {
            self.expect(TokenKind::LCurly);
            self.skip_statement();
            return false;
        }
        let (_, _, closed) = self.braced_body();
        if closed {
            self.error_about(self.span_from(start), "cannot use a block as an expression");
        } else {
            self.skip_statement();
        }
        closed
    }

    /// `Literal | "(" Expr ")" | Array | Object | IDENT`
    fn primary(&mut self) -> Expr {
        let start = self.token.start;
        let kind = match self.token.kind {
            TokenKind::LParen => {
                self.advance();
                let inner = Box::new(self.expression());
                self.expect(TokenKind::RParen);
                ExprKind::Paren(inner)
            }
            TokenKind::LBrack => {
                self.advance();
                let elements = self.list(TokenKind::RBrack, "expression list", Parser::expression);
                self.expect(TokenKind::RBrack);
                ExprKind::Array(elements)
            }
            TokenKind::LCurly => {
                self.advance();
                let fields = match self.token.kind {
                    // Of `{]` it is the bracket that is wrong, not the field that is missing.
                    TokenKind::RBrack => Vec::new(),
                    _ => self.list(TokenKind::RCurly, "field list", Parser::field),
                };
                self.expect(TokenKind::RCurly);
                ExprKind::Object(fields.into_iter().flatten().collect())
            }
            other => match self.simple(self.token) {
                Some(kind) => {
                    self.advance();
                    kind
                }
                None => {
                    self.error(format!("expected expression, got {other}"));
                    self.skip_to(&EXPRESSION_ENDS);
                    ExprKind::Invalid
                }
            },
        };
        Expr { kind, span: self.span_from(start) }
    }

    /// Returns the expression that a single token makes, if it makes one.
    fn simple(&self, token: Token) -> Option<ExprKind> {
        let text = self.lexer.text(token);
        match token.kind {
            TokenKind::Null => Some(ExprKind::Null),
            TokenKind::Bool => Some(ExprKind::Bool(text == b"true")),
            TokenKind::Ident => Some(ExprKind::Variable(self.text(token))),
            TokenKind::Number | TokenKind::Float => {
                Some(Number::read(&self.text(token)).map_or(ExprKind::Invalid, ExprKind::Number))
            }
            TokenKind::String => Some(Text::read(text).map_or(ExprKind::Invalid, ExprKind::String)),
            _ => None,
        }
    }

    /// `[ Item { "," Item } [ "," ] ]`, up to the token that closes the list or the end.
    fn list<T>(&mut self, until: TokenKind, what: &str, mut item: impl FnMut(&mut Self) -> T) -> Vec<T> {
        let mut items = Vec::new();
        while self.token.kind != until && self.token.kind != TokenKind::Eof {
            items.push(item(self));
            if self.token.kind == until {
                break;
            }
            if self.token.kind != TokenKind::Comma {
                self.error(format!("missing ',' in {what}"));
            }
            self.advance();
        }
        items
    }

    /// `Field = ( IDENT | STRING ) "=" Expr`. Returns nothing for one without a name.
    fn field(&mut self) -> Option<Field> {
        let quoted = self.token.kind == TokenKind::String;
        let name = if quoted || self.token.kind == TokenKind::Ident {
            let text = if quoted {
                Text::read(self.lexer.text(self.token)).map(|text| text.to_str_lossy().into_owned())
            } else {
                Some(self.text(self.token))
            };
            let span = self.span(self.token);
            self.advance();
            text.map(|text| Ident { text, span })
        } else {
            self.error(format!("expected field name (string or identifier), got {}", self.token.kind));
            self.skip_to(&[TokenKind::Assign]);
            None
        };
        self.expect(TokenKind::Assign);
        let value = self.expression();
        Some(Field { name: name?, quoted, value })
    }
}

/// Applies an operator to everything left of it. Operators of one level make one node, `^` never does.
fn join(left: Expr, operation: Operation) -> Expr {
    let span = left.span.to(operation.operand.span);
    let level = operation.operator.level();
    let (first, rest) = match left.kind {
        ExprKind::Binary { first, mut rest } if rest[0].operator.level() == level => {
            rest.push(operation);
            (first, rest)
        }
        _ => (Box::new(left), vec![operation]),
    };
    Expr { kind: ExprKind::Binary { first, rest }, span }
}

fn binary_operator(kind: TokenKind) -> Option<BinaryOperator> {
    Some(match kind {
        TokenKind::Or => BinaryOperator::Or,
        TokenKind::And => BinaryOperator::And,
        TokenKind::Eq => BinaryOperator::Equal,
        TokenKind::Neq => BinaryOperator::NotEqual,
        TokenKind::Lt => BinaryOperator::Less,
        TokenKind::Lte => BinaryOperator::LessOrEqual,
        TokenKind::Gt => BinaryOperator::Greater,
        TokenKind::Gte => BinaryOperator::GreaterOrEqual,
        TokenKind::Add => BinaryOperator::Add,
        TokenKind::Sub => BinaryOperator::Subtract,
        TokenKind::Mul => BinaryOperator::Multiply,
        TokenKind::Div => BinaryOperator::Divide,
        TokenKind::Mod => BinaryOperator::Modulo,
        _ => return None,
    })
}
