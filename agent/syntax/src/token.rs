//! The smallest units of the language.

use std::fmt;

/// A token with the bytes it covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: TokenKind,
    /// Offset of its first byte.
    pub start: usize,
    /// Offset after its last byte. A terminator that the end of the text or a comment stands for is empty.
    pub end: usize,
}

/// What a token is. Displays as error messages name it: operators as themselves, the others in capitals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the text of each is in `symbol`, below")]
pub enum TokenKind {
    Illegal,
    Eof,
    Comment,
    Ident,
    Number,
    Float,
    String,
    Bool,
    Null,
    Or,
    And,
    Not,
    Assign,
    Eq,
    Neq,
    Lt,
    Lte,
    Gt,
    Gte,
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    Pow,
    LCurly,
    RCurly,
    LParen,
    RParen,
    LBrack,
    RBrack,
    Comma,
    Dot,
    Terminator,
}

impl TokenKind {
    /// Tells whether an expression or block can end with it, so that a newline behind it ends the statement.
    pub(crate) fn ends_expression(self) -> bool {
        use TokenKind::{Bool, Float, Ident, Null, Number, RBrack, RCurly, RParen, String};
        matches!(self, Ident | Number | Float | String | Bool | Null | RCurly | RParen | RBrack)
    }

    fn symbol(self) -> &'static str {
        match self {
            TokenKind::Illegal => "ILLEGAL",
            TokenKind::Eof => "EOF",
            TokenKind::Comment => "COMMENT",
            TokenKind::Ident => "IDENT",
            TokenKind::Number => "NUMBER",
            TokenKind::Float => "FLOAT",
            TokenKind::String => "STRING",
            TokenKind::Bool => "BOOL",
            TokenKind::Null => "NULL",
            TokenKind::Or => "||",
            TokenKind::And => "&&",
            TokenKind::Not => "!",
            TokenKind::Assign => "=",
            TokenKind::Eq => "==",
            TokenKind::Neq => "!=",
            TokenKind::Lt => "<",
            TokenKind::Lte => "<=",
            TokenKind::Gt => ">",
            TokenKind::Gte => ">=",
            TokenKind::Add => "+",
            TokenKind::Sub => "-",
            TokenKind::Mul => "*",
            TokenKind::Div => "/",
            TokenKind::Mod => "%",
            TokenKind::Pow => "^",
            TokenKind::LCurly => "{",
            TokenKind::RCurly => "}",
            TokenKind::LParen => "(",
            TokenKind::RParen => ")",
            TokenKind::LBrack => "[",
            TokenKind::RBrack => "]",
            TokenKind::Comma => ",",
            TokenKind::Dot => ".",
            TokenKind::Terminator => "TERMINATOR",
        }
    }
}

impl fmt::Display for TokenKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.symbol())
    }
}
