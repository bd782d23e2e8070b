//! Cuts a text into tokens.
//!
//! The parser calls [`Lexer::next_token`] until it gets [`TokenKind::Eof`], which repeats from then on. Every call moves
//! on, and no byte is looked at more than twice, so lexing takes linear time on any input.
//!
//! A statement ends at the end of its line: where a newline, or the end of the text, follows a token that can end an
//! expression, a terminator stands. Comments are tokens. One that runs to the end of its line stands behind the
//! terminator, which is then where the comment begins.
//!
//! The lexer never gives up. A fault becomes a diagnostic, and the nearest sensible token is returned. It is found when
//! the character comes up for decision, one character ahead of the token's end, which decides the order of diagnostics
//! among those of the parser.

use crate::character;
use crate::diagnostic::Diagnostic;
use crate::identifier;
use crate::source::{FileId, SourceMap, Span};
use crate::token::{Token, TokenKind};

/// How many diagnostics one text can have. A file with more is not a configuration, and may be a large one.
pub(crate) const DIAGNOSTICS_MAX: usize = 1_000;

/// The state of cutting one text into tokens.
#[derive(Debug)]
pub struct Lexer<'s> {
    file: FileId,
    bytes: &'s [u8],
    at: Cursor,
    /// Whether the end of the line ends a statement, because the last token can end an expression.
    ends_statement: bool,
    /// Faults of single characters before this offset have been reported: lookahead passes some characters twice.
    checked: usize,
    diagnostics: Vec<Diagnostic>,
}

/// A place in the text with the character that stands there.
#[derive(Clone, Copy, Debug)]
struct Cursor {
    /// `None` at the end of the text; U+FFFD for a byte that is not UTF-8.
    character: Option<char>,
    offset: usize,
    /// Offset of the next character.
    next: usize,
}

const BYTE_ORDER_MARK: char = '\u{feff}';

impl<'s> Lexer<'s> {
    /// Begins to cut a text. A byte order mark in front of it is skipped.
    pub fn new(sources: &'s SourceMap, file: FileId) -> Lexer<'s> {
        let mut lexer = Lexer {
            file,
            bytes: sources.source(file).bytes(),
            at: Cursor { character: None, offset: 0, next: 0 },
            ends_statement: false,
            checked: 0,
            diagnostics: Vec::new(),
        };
        lexer.advance();
        if lexer.at.character == Some(BYTE_ORDER_MARK) {
            lexer.advance();
        }
        lexer
    }

    /// Returns what was found wrong so far, in the order it was found. After a thousand findings no more are added.
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }

    /// Adds a finding of whoever uses the tokens, so that one list holds all of them in order.
    pub(crate) fn report(&mut self, diagnostic: Diagnostic) {
        if self.diagnostics.len() < DIAGNOSTICS_MAX {
            self.diagnostics.push(diagnostic);
        }
    }

    /// Returns everything that was found wrong.
    pub(crate) fn into_diagnostics(self) -> Vec<Diagnostic> {
        self.diagnostics
    }

    /// Returns the text of a token.
    pub(crate) fn text(&self, token: Token) -> &'s [u8] {
        &self.bytes[token.start..token.end]
    }

    /// Returns the next token.
    pub fn next_token(&mut self) -> Token {
        self.skip_white_space();
        let start = self.at.offset;
        let Some(first) = self.at.character else {
            let kind = if self.ends_statement { TokenKind::Terminator } else { TokenKind::Eof };
            self.ends_statement = false;
            return Token { kind, start, end: start };
        };

        if self.ends_statement && first == '/' && self.comments_fill_line() {
            self.ends_statement = false;
            return Token { kind: TokenKind::Terminator, start, end: start };
        }
        let kind = if character::is_letter(first) {
            self.name()
        } else if first.is_ascii_digit() || first == '.' && self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.number()
        } else {
            self.advance();
            self.symbol(first, start)
        };
        self.ends_statement =
            if kind == TokenKind::Illegal { first == '\'' || self.ends_statement } else { kind.ends_expression() };
        Token { kind, start, end: self.at.offset }
    }

    /// Moves to the next character, and reports it if no text may have it.
    fn advance(&mut self) {
        let offset = self.at.next;
        let Some((character, length)) = character::first(&self.bytes[offset..]) else {
            self.at = Cursor { character: None, offset, next: offset };
            return;
        };
        if offset >= self.checked {
            self.checked = offset + length;
            match character {
                Some('\0') => self.error(offset, "illegal character NUL"),
                Some(BYTE_ORDER_MARK) if offset > 0 => self.error(offset, "illegal byte order mark"),
                Some(_) => {}
                None => self.error(offset, "illegal UTF-8 encoding"),
            }
        }
        let character = Some(character.unwrap_or(char::REPLACEMENT_CHARACTER));
        self.at = Cursor { character, offset, next: offset + length };
    }

    /// Moves on if the current character is the expected one, and tells whether it was.
    fn take(&mut self, expected: char) -> bool {
        let found = self.at.character == Some(expected);
        if found {
            self.advance();
        }
        found
    }

    /// Returns the byte after the current character.
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at.next).copied()
    }

    fn error(&mut self, offset: usize, message: impl Into<String>) {
        self.report(Diagnostic::error(Span::point(self.file, offset), message));
    }

    fn skip_white_space(&mut self) {
        while let Some(' ' | '\t' | '\r' | '\n') = self.at.character {
            if self.at.character == Some('\n') && self.ends_statement {
                return;
            }
            self.advance();
        }
    }

    fn name(&mut self) -> TokenKind {
        let start = self.at.offset;
        while self.at.character.is_some_and(|next| character::is_letter(next) || character::is_digit(next)) {
            self.advance();
        }
        let name = &self.bytes[start..self.at.offset];
        match name {
            b"null" => TokenKind::Null,
            _ if identifier::is_keyword(name) => TokenKind::Bool,
            _ => TokenKind::Ident,
        }
    }

    fn number(&mut self) -> TokenKind {
        let start = self.at.offset;
        let mut kind = TokenKind::Number;
        self.digits();
        if self.take('.') {
            kind = TokenKind::Float;
            self.digits();
        }
        if self.take('e') || self.take('E') {
            kind = TokenKind::Float;
            let _signed = self.take('+') || self.take('-');
            if self.digits() == 0 {
                self.error(start, "exponent has no digits");
            }
        }
        kind
    }

    /// Moves behind a run of digits and returns how many there were.
    fn digits(&mut self) -> usize {
        let start = self.at.offset;
        while self.at.character.is_some_and(|next| next.is_ascii_digit()) {
            self.advance();
        }
        self.at.offset - start
    }

    /// Reads the rest of any other token, whose `first` character is behind the cursor.
    fn symbol(&mut self, first: char, start: usize) -> TokenKind {
        match first {
            '\n' => TokenKind::Terminator,
            '"' => self.string(start, '"'),
            '`' => self.raw_string(start),
            '\'' => {
                self.error(start, "illegal single-quoted string; use double quotes");
                self.string(start, '\'');
                TokenKind::Illegal
            }
            '/' => self.slash(start),
            '|' => self.doubled('|', TokenKind::Or),
            '&' => self.doubled('&', TokenKind::And),
            '!' => self.either(TokenKind::Not, TokenKind::Neq),
            '=' => self.either(TokenKind::Assign, TokenKind::Eq),
            '<' => self.either(TokenKind::Lt, TokenKind::Lte),
            '>' => self.either(TokenKind::Gt, TokenKind::Gte),
            '+' => TokenKind::Add,
            '-' => TokenKind::Sub,
            '*' => TokenKind::Mul,
            '%' => TokenKind::Mod,
            '^' => TokenKind::Pow,
            '{' => TokenKind::LCurly,
            '}' => TokenKind::RCurly,
            '(' => TokenKind::LParen,
            ')' => TokenKind::RParen,
            '[' => TokenKind::LBrack,
            ']' => TokenKind::RBrack,
            ',' => TokenKind::Comma,
            '.' => TokenKind::Dot,
            // It was reported when it came up.
            BYTE_ORDER_MARK => TokenKind::Illegal,
            other => {
                self.error(start, format!("illegal character {}", character::code_point(other)));
                TokenKind::Illegal
            }
        }
    }

    fn doubled(&mut self, second: char, kind: TokenKind) -> TokenKind {
        if !self.take(second) {
            self.error(self.at.offset, format!("missing second {second} in {kind}"));
        }
        kind
    }

    fn either(&mut self, alone: TokenKind, with_equals: TokenKind) -> TokenKind {
        if self.take('=') { with_equals } else { alone }
    }

    fn string(&mut self, start: usize, quote: char) -> TokenKind {
        loop {
            match self.at.character {
                None | Some('\n') => {
                    self.error(start, "string literal not terminated");
                    return TokenKind::String;
                }
                Some('\\') => {
                    self.advance();
                    self.escape();
                }
                Some(other) => {
                    self.advance();
                    if other == quote {
                        return TokenKind::String;
                    }
                }
            }
        }
    }

    fn raw_string(&mut self, start: usize) -> TokenKind {
        while self.at.character.is_some() {
            if self.take('`') {
                return TokenKind::String;
            }
            self.advance();
        }
        self.error(start, "string literal not terminated");
        TokenKind::String
    }

    /// Reads an escape sequence behind its backslash. At a fault it stops before the character that does not fit.
    fn escape(&mut self) {
        let start = self.at.offset;
        let (digits, radix, code_max) = match self.at.character {
            Some('a' | 'b' | 'f' | 'n' | 'r' | 't' | 'v' | '\\' | '"') => return self.advance(),
            Some('0'..='7') => (3, 8, 0xff),
            Some('x') => (2, 16, 0xff),
            Some('u') => (4, 16, u32::from(char::MAX)),
            Some('U') => (8, 16, u32::from(char::MAX)),
            Some(_) => return self.error(start, "unknown escape sequence"),
            None => return self.error(start, "escape sequence not terminated"),
        };
        if radix == 16 {
            self.advance();
        }
        let mut code = 0;
        for _ in 0..digits {
            match self.at.character.map(|character| (character, character.to_digit(radix))) {
                Some((_, Some(digit))) => code = code * radix + digit,
                Some((character, None)) => {
                    let character = character::code_point(character);
                    return self.error(start, format!("illegal character {character} in escape sequence"));
                }
                None => return self.error(start, "escape sequence not terminated"),
            }
            self.advance();
        }
        if code > code_max || char::from_u32(code).is_none() {
            self.error(start, "escape sequence is invalid Unicode code point");
        }
    }

    /// Reads the rest of a comment or, where none begins, a division sign.
    fn slash(&mut self, start: usize) -> TokenKind {
        if self.take('/') {
            while !matches!(self.at.character, None | Some('\n')) {
                self.advance();
            }
            return TokenKind::Comment;
        }
        if !self.take('*') {
            return TokenKind::Div;
        }
        while self.at.character.is_some() {
            if self.take('*') {
                if self.take('/') {
                    return TokenKind::Comment;
                }
            } else {
                self.advance();
            }
        }
        self.error(start, "block comment not terminated");
        TokenKind::Comment
    }

    /// Tells whether nothing but comments stands between the cursor and the end of the line. A comment that spans lines
    /// ends the first of them.
    fn comments_fill_line(&mut self) -> bool {
        let start = self.at;
        let fill = loop {
            if !self.take('/') {
                break matches!(self.at.character, None | Some('\n'));
            }
            if self.at.character == Some('/') {
                break true;
            }
            if !self.take('*') {
                break false;
            }
            if !self.rest_of_block_comment_in_line() {
                break true;
            }
            self.skip_white_space();
        };
        self.at = start;
        fill
    }

    /// Moves behind a block comment and returns true, or stops at the end of the line or text.
    fn rest_of_block_comment_in_line(&mut self) -> bool {
        loop {
            match self.at.character {
                None | Some('\n') => return false,
                Some('*') => {
                    self.advance();
                    if self.take('/') {
                        return true;
                    }
                }
                Some(_) => self.advance(),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the tokens of a text as `kind` or, where text belongs to it, `kind:text`, then its errors.
    fn lex(text: &[u8]) -> String {
        let mut sources = SourceMap::new();
        let file = sources.add("", text);
        let mut lexer = Lexer::new(&sources, file);
        let mut out = Vec::new();
        loop {
            let token = lexer.next_token();
            if token.kind == TokenKind::Eof {
                break;
            }
            let ended = token.kind == TokenKind::Terminator;
            let text = if ended { b"$" } else { lexer.text(token) };
            out.push(String::from_utf8_lossy(text).into_owned());
        }
        for diagnostic in lexer.diagnostics() {
            out.push(format!("!{} {}", diagnostic.span.unwrap().start, diagnostic.message));
        }
        out.join("|")
    }

    fn check(text: &str, expect: &str) {
        assert_eq!(lex(text.as_bytes()), expect, "{text:?}");
    }

    #[test]
    fn kinds() {
        let mut sources = SourceMap::new();
        let text = "a 1 1.5 \"s\" `r` true false null || && ! = == != < <= > >= + - * / % ^ { } ( ) [ ] , . // c";
        let file = sources.add("", text);
        let mut lexer = Lexer::new(&sources, file);
        let mut kinds = Vec::new();
        loop {
            let token = lexer.next_token();
            if token.kind == TokenKind::Eof {
                break;
            }
            kinds.push(token.kind.to_string());
        }
        let expect = "IDENT NUMBER FLOAT STRING STRING BOOL BOOL NULL || && ! = == != < <= > >= + - * / % ^ \
                      { } ( ) [ ] , . COMMENT";
        assert_eq!(kinds.join(" "), expect);
        assert_eq!(lexer.next_token().kind, TokenKind::Eof);
    }

    #[test]
    fn numbers() {
        check("1.+.5", "1.|+|.5|$");
        check("1.5.5", "1.5|.5|$");
        check("007 1e5 1E+5 1e-5", "007|1e5|1E+5|1e-5|$");
        check("10E", "10E|$|!0 exponent has no digits");
        check("1e+x", "1e+|x|$|!0 exponent has no digits");
        check("0x1f 1_000", "0|x1f|1|_000|$");
        check("a.0", "a|.0|$");
        check("..", ".|.");
    }

    #[test]
    fn names() {
        check("a_1 _ ŝ9 a۰۱۸", "a_1|_|ŝ9|a۰۱۸|$");
        check("nulls true_ False", "nulls|true_|False|$");
    }

    #[test]
    fn terminators() {
        check("a\n\n\nb\n", "a|$|b|$");
        check("a", "a|$");
        check("", "");
        check("\n \r\n\t", "");
        check("a =\n1\n", "a|=|1|$");
        check("a(\n1,\n2)\n", "a|(|1|,|2|)|$");
        check("[\n]\n{\n}\n", "[|]|$|{|}|$");
        check("1\n1.\n\"\"\ntrue\nnull\n", "1|$|1.|$|\"\"|$|true|$|null|$");
        check("a\r\nb\r", "a|$|b|$");
    }

    #[test]
    fn comments_and_terminators() {
        check("a // c\nb", "a|$|// c|b|$");
        check("a // c", "a|$|// c");
        check("a /* c */\nb", "a|$|/* c */|b|$");
        check("a /* c */ b", "a|/* c */|b|$");
        check("a /* c\n */ b", "a|$|/* c\n */|b|$");
        check("a /* b */ /* c */ // d\n", "a|$|/* b */|/* c */|// d");
        check("a /* b */ /* c */ + /* d */ 1", "a|/* b */|/* c */|+|/* d */|1|$");
        check("a /**//", "a|/**/|/");
        check("a /* c", "a|$|/* c|!2 block comment not terminated");
        check("/*/ a", "/*/ a|!0 block comment not terminated");
        check("/***/a", "/***/|a|$");
        check("# c", "#|c|$|!0 illegal character U+0023 '#'");
    }

    #[test]
    fn strings() {
        check(r#""a\"b" "\x41\101é\U0001F600" "\\""#, r#""a\"b"|"\x41\101é\U0001F600"|"\\"|$"#);
        check("`a\n\\` b", "`a\n\\`|b|$");
        check("\"a\nb", "\"a|$|b|$|!0 string literal not terminated");
        check("\"a", "\"a|$|!0 string literal not terminated");
        check("`a\n", "`a\n|$|!0 string literal not terminated");
        check("'a' b", "'a'|b|$|!0 illegal single-quoted string; use double quotes");
        check("\"\\q\\'\"", "\"\\q\\'\"|$|!2 unknown escape sequence|!4 unknown escape sequence");
        check("\"\\", "\"\\|$|!2 escape sequence not terminated|!0 string literal not terminated");
        check("\"\\x4", "\"\\x4|$|!2 escape sequence not terminated|!0 string literal not terminated");
        check("\"\\x4g\"", "\"\\x4g\"|$|!2 illegal character U+0067 'g' in escape sequence");
        check("\"\\08\"", "\"\\08\"|$|!2 illegal character U+0038 '8' in escape sequence");
        check("\"\\400\"", "\"\\400\"|$|!2 escape sequence is invalid Unicode code point");
        check("\"\\ud800\"", "\"\\ud800\"|$|!2 escape sequence is invalid Unicode code point");
        check("\"\\UFFFFFFFF\"", "\"\\UFFFFFFFF\"|$|!2 escape sequence is invalid Unicode code point");
    }

    #[test]
    fn illegal_characters() {
        check("a ; b", "a|;|b|$|!2 illegal character U+003B ';'");
        check("a;\n", "a|;|$|!1 illegal character U+003B ';'");
        check("a | b & c", "a|||b|&|c|$|!3 missing second | in |||!7 missing second & in &&");
        check("a\0b", "a|\0|b|$|!1 illegal character NUL|!1 illegal character U+0000");
        check("\"a\0b\"", "\"a\0b\"|$|!2 illegal character NUL");
        check("…", "…|!0 illegal character U+2026 '…'");
        assert_eq!(lex(b"a \xff"), "a|\u{fffd}|$|!2 illegal UTF-8 encoding|!2 illegal character U+FFFD '\u{fffd}'");
        assert_eq!(lex(b"a // \xff\n"), "a|$|// \u{fffd}|!5 illegal UTF-8 encoding");
    }

    #[test]
    fn byte_order_marks() {
        check("\u{feff}a", "a|$");
        check("\u{feff}\u{feff}", "\u{feff}|!3 illegal byte order mark");
        check("a \u{feff}", "a|\u{feff}|$|!2 illegal byte order mark");
        check("//\u{feff}", "//\u{feff}|!2 illegal byte order mark");
    }
}
