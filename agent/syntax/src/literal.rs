//! The values that literals stand for.

use std::borrow::Cow;

use crate::character;

/// The value of a number literal. A sign is not part of it but an operator.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// A whole number.
    Int(i64),
    /// A whole number above `i64::MAX`.
    Uint(u64),
    /// A number with a point or exponent, or a whole one above `u64::MAX`.
    Float(f64),
    /// A number that no float holds, such as `1e999`.
    OutOfRange,
}

impl Number {
    /// Reads the text of a number token; `None` if it has none of a number's forms (`1e`).
    ///
    /// A whole number that begins with `0` is octal, as in Alloy; if a digit is 8 or 9 it is a float, also as in Alloy.
    pub(crate) fn read(text: &str) -> Option<Number> {
        let octal = text.strip_prefix('0').filter(|digits| !digits.is_empty());
        let (digits, radix) = octal.map_or((text, 10), |digits| (digits, 8));
        if let Ok(value) = i64::from_str_radix(digits, radix) {
            return Some(Number::Int(value));
        }
        if let Ok(value) = u64::from_str_radix(digits, radix) {
            return Some(Number::Uint(value));
        }
        let value: f64 = text.parse().ok()?;
        Some(if value.is_finite() { Number::Float(value) } else { Number::OutOfRange })
    }
}

/// The value of a string literal: any bytes, because `"\xff"` may be written.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Text {
    bytes: Box<[u8]>,
}

impl Text {
    /// The bytes of the string.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The string, if it is UTF-8.
    pub fn as_str(&self) -> Option<&str> {
        str::from_utf8(&self.bytes).ok()
    }

    /// The string with U+FFFD for bytes that are not UTF-8.
    pub fn to_str_lossy(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.bytes)
    }

    /// Reads a string token with its quotes or back-ticks; `None` if the lexer found fault with it.
    pub(crate) fn read(literal: &[u8]) -> Option<Text> {
        let (quote, literal) = literal.split_first()?;
        let (end, inner) = literal.split_last()?;
        if quote != end {
            return None;
        }
        let bytes = match quote {
            b'`' => inner.iter().copied().filter(|byte| *byte != b'\r').collect(),
            _ => unescape(inner)?.into(),
        };
        Some(Text { bytes })
    }
}

/// Replaces the escapes of a double-quoted string.
fn unescape(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(rest.len());
    loop {
        let Some(backslash) = rest.iter().position(|byte| *byte == b'\\') else {
            bytes.extend_from_slice(rest);
            return Some(bytes);
        };
        bytes.extend_from_slice(&rest[..backslash]);
        let (kind, after) = rest[backslash + 1..].split_first()?;
        rest = after;
        bytes.push(match kind {
            b'a' => 0x07,
            b'b' => 0x08,
            b'f' => 0x0c,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'v' => 0x0b,
            b'\\' | b'"' => *kind,
            b'0'..=b'7' => {
                let digits = rest.split_off(..2)?;
                u8::try_from(code(&[&[*kind], digits].concat(), 8)?).ok()?
            }
            b'x' => u8::try_from(code(rest.split_off(..2)?, 16)?).ok()?,
            b'u' | b'U' => {
                let digits = rest.split_off(..if *kind == b'u' { 4 } else { 8 })?;
                let character = char::from_u32(code(digits, 16)?)?;
                bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                continue;
            }
            _ => return None,
        });
    }
}

/// Reads a number of digits alone.
fn code(digits: &[u8], radix: u32) -> Option<u32> {
    digits.iter().try_fold(0_u32, |code, digit| {
        let digit = char::from(*digit).to_digit(radix)?;
        code.checked_mul(radix)?.checked_add(digit)
    })
}

/// Returns `text` as a double-quoted string literal of the language.
///
/// What can be seen stands for itself and everything else is escaped, so that the result is one line of printable
/// UTF-8. The escapes are those that Go's `%q` chooses, because Alloy's messages hold text quoted that way.
pub fn quote(text: &[u8]) -> String {
    use std::fmt::Write;

    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for (offset, character) in character::all(text) {
        let short = match character {
            Some('\x07') => 'a',
            Some('\x08') => 'b',
            Some('\x0c') => 'f',
            Some('\n') => 'n',
            Some('\r') => 'r',
            Some('\t') => 't',
            Some('\x0b') => 'v',
            Some(same @ ('"' | '\\')) => same,
            Some(seen) if character::is_printable(seen) => {
                out.push(seen);
                continue;
            }
            unseen => {
                match unseen.map(u32::from) {
                    None => write!(out, "\\x{:02x}", text[offset]),
                    Some(code @ ..0x80) => write!(out, "\\x{code:02x}"),
                    Some(code @ ..0x1_0000) => write!(out, "\\u{code:04x}"),
                    Some(code) => write!(out, "\\U{code:08x}"),
                }
                .expect("writing to a string cannot fail");
                continue;
            }
        };
        out.extend(['\\', short]);
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        let check = |text: &str, expect: Option<Number>| assert_eq!(Number::read(text), expect, "{text}");
        check("0", Some(Number::Int(0)));
        check("42", Some(Number::Int(42)));
        check("9223372036854775807", Some(Number::Int(i64::MAX)));
        check("9223372036854775808", Some(Number::Uint(1 << 63)));
        check("18446744073709551616", Some(Number::Float(18_446_744_073_709_551_616.0)));
        check("010", Some(Number::Int(8)));
        check("00", Some(Number::Int(0)));
        check("089", Some(Number::Float(89.0)));
        check("1.", Some(Number::Float(1.0)));
        check(".5", Some(Number::Float(0.5)));
        check("00.5", Some(Number::Float(0.5)));
        check("1e-3", Some(Number::Float(0.001)));
        check("1.5E+2", Some(Number::Float(150.0)));
        check("1e999", Some(Number::OutOfRange));
        check(&"9".repeat(400), Some(Number::OutOfRange));
        check("1e", None);
        check("1e+", None);
    }

    #[test]
    fn strings() {
        let check = |literal: &[u8], expect: Option<&[u8]>| {
            let text = Text::read(literal);
            assert_eq!(text.as_ref().map(Text::as_bytes), expect, "{}", literal.escape_ascii());
        };
        check(br#""""#, Some(b""));
        check(br#""a b""#, Some(b"a b"));
        check(br#""\a\b\f\n\r\t\v\\\"""#, Some(b"\x07\x08\x0c\n\r\t\x0b\\\""));
        check(br#""\101\377\0008""#, Some(b"A\xff\x008"));
        check(br#""\x41\xFf""#, Some(b"A\xff"));
        check(br#""\u00e9\U0001F600""#, Some("é😀".as_bytes()));
        check("\"é\"".as_bytes(), Some("é".as_bytes()));
        check(b"`a\\n\r\nb\"`", Some(b"a\\n\nb\""));
        check(b"\"", None);
        check(b"\"a", None);
        check(b"", None);
        check(br#""\q""#, None);
        check(br#""\'""#, None);
        check(br#""\400""#, None);
        check(br#""\12""#, None);
        check(br#""\x+1""#, None);
        check(br#""\ud800""#, None);
        check(br#""\U00110000""#, None);
        check(br#""\"#, None);
    }

    #[test]
    fn texts_as_strings() {
        let text = Text::read(br#""a\xff""#).unwrap();
        assert_eq!((text.as_str(), text.to_str_lossy().as_ref()), (None, "a\u{fffd}"));
        let text = Text::read(b"`a`").unwrap();
        assert_eq!((text.as_str(), text.to_str_lossy().as_ref()), (Some("a"), "a"));
    }

    #[test]
    fn quoting() {
        let check = |text: &[u8], expect: &str| {
            assert_eq!(quote(text), expect);
            assert_eq!(Text::read(expect.as_bytes()).as_ref().map(Text::as_bytes), Some(text), "{expect}");
        };
        check(b"", r#""""#);
        check(b"a b'c", r#""a b'c""#);
        check(b"\x07\x08\x0c\n\r\t\x0b\\\"", r#""\a\b\f\n\r\t\v\\\"""#);
        check(b"\x00\x7f\xff", r#""\x00\x7f\xff""#);
        check("é\u{a0}\u{200b}\u{e0001}".as_bytes(), r#""é\u00a0\u200b\U000e0001""#);
    }
}
