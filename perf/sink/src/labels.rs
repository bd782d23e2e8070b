//! Label sets as Loki writes and reads them: `{app="web", stream="stdout"}`.

use std::fmt::{self, Display, Write as _};
use std::iter::Peekable;
use std::str::CharIndices;

/// A label set, sorted by name. Labels without a value are absent, as Loki has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LabelSet {
    pairs: Vec<(String, String)>,
    /// Whether the text it was read from had the labels sorted by name, each name once, and nothing but a comma and a
    /// space between them.
    pub(crate) was_canonical: bool,
}

impl LabelSet {
    pub(crate) fn from_pairs(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut pairs: Vec<_> = pairs.into_iter().filter(|(_, value)| !value.is_empty()).collect();
        pairs.sort();
        Self { pairs, was_canonical: true }
    }

    /// Reads a label set; returns what is wrong with a place, as `1:<column>: parse error: …`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut parser = Parser { text, chars: text.char_indices().peekable(), was_canonical: true };
        let pairs = parser.label_set()?;
        let sorted = pairs.is_sorted_by(|(left, _), (right, _)| left < right);
        let was_canonical = parser.was_canonical && sorted && pairs.iter().all(|(_, value)| !value.is_empty());
        Ok(Self { was_canonical, ..Self::from_pairs(pairs) })
    }

    pub(crate) fn pairs(&self) -> &[(String, String)] {
        &self.pairs
    }
}

impl Display for LabelSet {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_char('{')?;
        for (index, (name, value)) in self.pairs.iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            write!(out, "{separator}{name}=\"")?;
            for char in value.chars() {
                match char {
                    '"' => out.write_str("\\\"")?,
                    '\\' => out.write_str("\\\\")?,
                    '\n' => out.write_str("\\n")?,
                    '\r' => out.write_str("\\r")?,
                    '\t' => out.write_str("\\t")?,
                    control if control.is_ascii_control() => write!(out, "\\x{:02x}", u32::from(control))?,
                    other => out.write_char(other)?,
                }
            }
            out.write_char('"')?;
        }
        out.write_char('}')
    }
}

struct Parser<'a> {
    text: &'a str,
    chars: Peekable<CharIndices<'a>>,
    was_canonical: bool,
}

impl Parser<'_> {
    fn label_set(&mut self) -> Result<Vec<(String, String)>, String> {
        let mut pairs = Vec::new();
        self.space(0);
        self.expect('{')?;
        self.space(0);
        let mut at_end = self.take('}');
        while !at_end {
            let name = self.name()?;
            self.space(0);
            self.expect('=')?;
            self.space(0);
            pairs.push((name, self.quoted()?));
            self.space(0);
            at_end = self.take('}');
            if !at_end {
                self.expect(',')?;
                self.space(1);
                at_end = self.take('}');
                self.was_canonical &= !at_end;
            }
        }
        self.space(0);
        match self.chars.next() {
            None => Ok(pairs),
            Some((at, char)) => Err(unexpected(at, Some(char), "the end")),
        }
    }

    fn name(&mut self) -> Result<String, String> {
        let mut name = String::new();
        while let Some((_, char)) = self.chars.next_if(|(_, char)| {
            *char == '_' || char.is_ascii_alphabetic() || (!name.is_empty() && char.is_ascii_digit())
        }) {
            name.push(char);
        }
        if name.is_empty() { Err(self.unexpected("a label name or \"}\"")) } else { Ok(name) }
    }

    /// Reads a quoted value with Go's escapes, or a raw one between back quotes.
    fn quoted(&mut self) -> Result<String, String> {
        if self.take('`') {
            self.was_canonical = false;
            let mut value = String::new();
            loop {
                match self.chars.next() {
                    Some((_, '`')) => return Ok(value),
                    Some((_, char)) => value.push(char),
                    None => return Err(unexpected(self.text.len(), None, "a back quote")),
                }
            }
        }
        self.expect('"')?;
        let mut value = Vec::new();
        loop {
            match self.chars.next() {
                Some((_, '"')) => break,
                Some((_, '\\')) => self.escape(&mut value)?,
                Some((at, '\n')) => return Err(unexpected(at, Some('\n'), "a closing quote")),
                Some((_, char)) => value.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes()),
                None => return Err(unexpected(self.text.len(), None, "a closing quote")),
            }
        }
        String::from_utf8(value).map_err(|error| format!("1:1: parse error: label value: {}", error.utf8_error()))
    }

    /// Reads what follows a backslash.
    fn escape(&mut self, value: &mut Vec<u8>) -> Result<(), String> {
        let Some((at, char)) = self.chars.next() else { return Err(self.unexpected("an escape")) };
        let simple = match char {
            'a' => 0x07,
            'b' => 0x08,
            'f' => 0x0c,
            'n' => b'\n',
            'r' => b'\r',
            't' => b'\t',
            'v' => 0x0b,
            '\\' | '"' => char as u8,
            'x' => {
                let byte = self.hex(2)?;
                value.push(u8::try_from(byte).expect("two digits are a byte"));
                return Ok(());
            }
            'u' | 'U' => {
                let code = self.hex(if char == 'u' { 4 } else { 8 })?;
                let Some(char) = char::from_u32(code) else { return Err(unexpected(at, Some(char), "a character")) };
                value.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
                return Ok(());
            }
            other => return Err(unexpected(at, Some(other), "an escape")),
        };
        value.push(simple);
        Ok(())
    }

    fn hex(&mut self, digits: u32) -> Result<u32, String> {
        (0..digits).try_fold(0, |code, _| match self.chars.peek().and_then(|(_, char)| char.to_digit(16)) {
            Some(digit) => {
                self.chars.next();
                Ok(code << 4 | digit)
            }
            None => Err(self.unexpected("a hexadecimal digit")),
        })
    }

    /// Skips white space, of which `canonical` characters belong here.
    fn space(&mut self, canonical: usize) {
        let mut spaces = 0;
        while self.chars.next_if(|(_, char)| char.is_ascii_whitespace()).is_some() {
            spaces += 1;
        }
        self.was_canonical &= spaces == canonical;
    }

    fn take(&mut self, wanted: char) -> bool {
        self.chars.next_if(|(_, char)| *char == wanted).is_some()
    }

    fn expect(&mut self, wanted: char) -> Result<(), String> {
        if self.take(wanted) { Ok(()) } else { Err(self.unexpected(&format!("{wanted:?}"))) }
    }

    fn unexpected(&mut self, wanted: &str) -> String {
        let (at, char) = self.chars.peek().map_or((self.text.len(), None), |&(at, char)| (at, Some(char)));
        unexpected(at, char, wanted)
    }
}

fn unexpected(at: usize, char: Option<char>, wanted: &str) -> String {
    let found = char.map_or_else(|| "end of input".to_owned(), |char| format!("{char:?}"));
    format!("1:{}: parse error: unexpected {found}, expected {wanted}", at + 1)
}

#[cfg(test)]
mod tests {
    use super::LabelSet;

    fn check(text: &str, canonical: bool, expected: &str) {
        let labels = LabelSet::parse(text).unwrap();
        assert_eq!((labels.to_string().as_str(), labels.was_canonical), (expected, canonical), "{text}");
    }

    #[test]
    fn reads_what_loki_reads() {
        check(r#"{a="x"}"#, true, r#"{a="x"}"#);
        check(r#"{a="x", b="y"}"#, true, r#"{a="x", b="y"}"#);
        check(r#"{job="q\"uo\\te\n"}"#, true, r#"{job="q\"uo\\te\n"}"#);
        check(r#"{a="한글 ✓"}"#, true, r#"{a="한글 ✓"}"#);
        check("{}", true, "{}");
        check(r#"{b="y", a="x"}"#, false, r#"{a="x", b="y"}"#);
        check(r#"{a="x",b="y"}"#, false, r#"{a="x", b="y"}"#);
        check(r#" { a = "x" , } "#, false, r#"{a="x"}"#);
        check(r#"{a="", b="y"}"#, false, r#"{b="y"}"#);
        check(r#"{a="x", a="y"}"#, false, r#"{a="x", a="y"}"#);
        check("{a=`x\\n`}", false, r#"{a="x\\n"}"#);
        check(r#"{a="\x41\u00e9\U0001F600\x01"}"#, true, "{a=\"Aé😀\\x01\"}");
    }

    #[test]
    fn refuses_the_rest_with_a_place() {
        for (text, error) in [
            ("", "1:1: parse error: unexpected end of input, expected '{'"),
            ("{a}", "1:3: parse error: unexpected '}', expected '='"),
            ("{1a=\"x\"}", "1:2: parse error: unexpected '1', expected a label name or \"}\""),
            ("{a=x}", "1:4: parse error: unexpected 'x', expected '\"'"),
            ("{a=\"x}", "1:7: parse error: unexpected end of input, expected a closing quote"),
            ("{a=\"x\" b=\"y\"}", "1:8: parse error: unexpected 'b', expected ','"),
            ("{a=\"\\q\"}", "1:6: parse error: unexpected 'q', expected an escape"),
            ("{a=\"\\xg1\"}", "1:7: parse error: unexpected 'g', expected a hexadecimal digit"),
            ("{a=\"\\ud800\"}", "1:6: parse error: unexpected 'u', expected a character"),
            ("{a=\"\\xff\"}", "1:1: parse error: label value: invalid utf-8 sequence of 1 bytes from index 0"),
            ("{a=\"x\"}b", "1:8: parse error: unexpected 'b', expected the end"),
            ("{a-b=\"x\"}", "1:3: parse error: unexpected '-', expected '='"),
        ] {
            assert_eq!(LabelSet::parse(text).unwrap_err(), error, "{text}");
        }
    }
}
