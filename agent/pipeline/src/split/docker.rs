//! Takes apart a line of Docker's `json-file` log driver.
//!
//! ```text
//! {"log":"a line\n","stream":"stderr","time":"2026-11-24T01:44:09.440037965Z"}
//! ```
//!
//! Docker cuts what a process writes into records of 16 KiB; a record that does not end with a newline is followed by
//! the rest of its line. The scanner accepts what Go's `encoding/json` accepts for this object (any order of keys, keys
//! in any case, further keys with any value, the last of equal keys wins) and gives `None` for everything else, so that
//! the line passes as it is, as in Alloy.

/// Docker reads a process's output through a buffer of this size; only a record this long can be a part of a line.
/// Source: `moby/moby`, `daemon/logger/copier.go`, `defaultBufSize`.
pub(crate) const PART_BYTES: usize = 16 * 1024;

/// Nested further values are skipped this deep; a line that nests deeper passes as it is.
const DEPTH_MAX: usize = 64;

/// Scratch space for the parts of one line; a line's fields are valid until the next one is parsed.
#[derive(Debug, Default)]
pub(crate) struct DockerParser {
    log: Vec<u8>,
    stream: Vec<u8>,
    time: Vec<u8>,
}

/// One line, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DockerLine<'a> {
    /// What the process wrote, with its newline.
    pub(crate) log: &'a [u8],
    /// `stdout` or `stderr`, or whatever stands there; empty where nothing does.
    pub(crate) stream: &'a [u8],
    /// The time as text; empty where there is none.
    pub(crate) time: &'a [u8],
}

impl DockerLine<'_> {
    /// More of the same line follows in the next record.
    pub(crate) fn is_partial(&self) -> bool {
        self.log.len() >= PART_BYTES && self.log.last() != Some(&b'\n')
    }
}

impl DockerParser {
    /// Takes a line apart, or gives `None` where it is not a line of this format.
    pub(crate) fn parse(&mut self, line: &[u8]) -> Option<DockerLine<'_>> {
        self.log.clear();
        self.stream.clear();
        self.time.clear();
        let mut cursor = Cursor { rest: line };
        cursor.expect(b'{')?;
        if cursor.peek()? == b'}' {
            return None;
        }
        loop {
            cursor.skip_space();
            let field = match cursor.raw_string()? {
                key if key.eq_ignore_ascii_case(b"log") => Some(&mut self.log),
                key if key.eq_ignore_ascii_case(b"stream") => Some(&mut self.stream),
                key if key.eq_ignore_ascii_case(b"time") => Some(&mut self.time),
                _ => None,
            };
            cursor.expect(b':')?;
            match field {
                Some(field) => match cursor.peek()? {
                    b'"' => {
                        let raw = cursor.raw_string()?;
                        field.clear();
                        unescape(raw, field)?;
                    }
                    // A null leaves a Go string as it is.
                    b'n' => cursor.skip_value(0)?,
                    _ => return None,
                },
                None => cursor.skip_value(0)?,
            }
            match cursor.next()? {
                b',' => {}
                b'}' => break,
                _ => return None,
            }
        }
        cursor.skip_space();
        if !cursor.rest.is_empty() || self.log.is_empty() {
            return None;
        }
        Some(DockerLine { log: &self.log, stream: &self.stream, time: &self.time })
    }
}

/// Walks over JSON text.
struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    fn skip_space(&mut self) {
        let space = self.rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n')).count();
        self.rest = &self.rest[space..];
    }

    /// Gives the next byte that is not white space, and leaves it.
    fn peek(&mut self) -> Option<u8> {
        self.skip_space();
        self.rest.first().copied()
    }

    /// Takes the next byte that is not white space.
    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.rest = &self.rest[1..];
        Some(byte)
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        (self.next()? == byte).then_some(())
    }

    /// Takes a string and gives what stands between its quotes, escapes and all.
    fn raw_string(&mut self) -> Option<&'a [u8]> {
        let (b'"', text) = self.rest.split_first()? else { return None };
        let mut from = 0;
        loop {
            let at = from + memchr::memchr2(b'"', b'\\', &text[from..])?;
            if text[at] == b'"' {
                self.rest = &text[at + 1..];
                let raw = &text[..at];
                return raw.iter().all(|byte| *byte >= 0x20).then_some(raw);
            }
            from = at + 2;
            if from > text.len() {
                return None;
            }
        }
    }

    /// Takes any value.
    fn skip_value(&mut self, depth: usize) -> Option<()> {
        if depth > DEPTH_MAX {
            return None;
        }
        match self.peek()? {
            b'"' => drop(self.raw_string()?),
            open @ (b'{' | b'[') => {
                let close = if open == b'{' { b'}' } else { b']' };
                self.rest = &self.rest[1..];
                if self.peek()? == close {
                    self.rest = &self.rest[1..];
                    return Some(());
                }
                loop {
                    if open == b'{' {
                        self.skip_space();
                        self.raw_string()?;
                        self.expect(b':')?;
                    }
                    self.skip_value(depth + 1)?;
                    match self.next()? {
                        b',' => {}
                        byte if byte == close => break,
                        _ => return None,
                    }
                }
            }
            b't' => self.word(b"true")?,
            b'f' => self.word(b"false")?,
            b'n' => self.word(b"null")?,
            _ => self.number()?,
        }
        Some(())
    }

    fn word(&mut self, word: &[u8]) -> Option<()> {
        self.rest = self.rest.strip_prefix(word)?;
        Some(())
    }

    fn number(&mut self) -> Option<()> {
        self.rest = self.rest.strip_prefix(b"-").unwrap_or(self.rest);
        if let [b'0', _, ..] = self.digits()? {
            return None;
        }
        if let Some(rest) = self.rest.strip_prefix(b".") {
            self.rest = rest;
            self.digits()?;
        }
        if let [b'e' | b'E', rest @ ..] = self.rest {
            self.rest = rest.strip_prefix(b"+").or_else(|| rest.strip_prefix(b"-")).unwrap_or(rest);
            self.digits()?;
        }
        Some(())
    }

    fn digits(&mut self) -> Option<&'a [u8]> {
        let count = self.rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, rest) = self.rest.split_at(count);
        self.rest = rest;
        (count > 0).then_some(digits)
    }
}

/// Appends a JSON string's text to `out`, without its escapes. An unpaired surrogate becomes U+FFFD, as in Go.
fn unescape(mut raw: &[u8], out: &mut Vec<u8>) -> Option<()> {
    while let Some(at) = memchr::memchr(b'\\', raw) {
        out.extend_from_slice(&raw[..at]);
        let (&escape, rest) = raw[at + 1..].split_first()?;
        raw = rest;
        let byte = match escape {
            b'"' | b'\\' | b'/' => escape,
            b'n' => b'\n',
            b't' => b'\t',
            b'r' => b'\r',
            b'b' => 0x08,
            b'f' => 0x0c,
            b'u' => {
                let first = hex4(&mut raw)?;
                let character = match first {
                    0xd800..0xdc00 => {
                        let mut ahead = raw.strip_prefix(b"\\u").unwrap_or_default();
                        match hex4(&mut ahead) {
                            Some(second @ 0xdc00..0xe000) => {
                                raw = ahead;
                                char::from_u32(0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00))
                            }
                            _ => None,
                        }
                    }
                    _ => char::from_u32(first),
                };
                let character = character.unwrap_or(char::REPLACEMENT_CHARACTER);
                out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                continue;
            }
            _ => return None,
        };
        out.push(byte);
    }
    out.extend_from_slice(raw);
    Some(())
}

/// Takes four hexadecimal digits.
fn hex4(text: &mut &[u8]) -> Option<u32> {
    let (digits, rest) = text.split_first_chunk::<4>()?;
    let mut value = 0;
    for digit in digits {
        value = value * 16 + char::from(*digit).to_digit(16)?;
    }
    *text = rest;
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expected: Option<(&str, &str, &str)>) {
        let mut parser = DockerParser::default();
        let parsed = parser.parse(line.as_bytes()).map(|line| {
            let text = |bytes| std::str::from_utf8(bytes).expect("the input is UTF-8 and escapes give UTF-8");
            (text(line.log), text(line.stream), text(line.time))
        });
        assert_eq!(parsed, expected, "{line}");
    }

    #[test]
    fn takes_lines_apart() {
        check(r#"{"log":"a\n","stream":"stdout","time":"T"}"#, Some(("a\n", "stdout", "T")));
        check(r#" { "time" : "T" , "log" : "a" , "stream" : "s" } "#, Some(("a", "s", "T")));
        check(r#"{"log":"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00"}"#, Some(("\"\\/\u{8}\u{c}\n\r\té😀", "", "")));
        check(r#"{"log":"\ud83d x \ude00"}"#, Some(("\u{fffd} x \u{fffd}", "", "")));
        check(
            r#"{"log":"a","attrs":{"x":[1,-2.5e+3,{"y":null}],"z":{}},"b":[],"c":true,"d":false}"#,
            Some(("a", "", "")),
        );
        check(r#"{"LOG":"a","Stream":"s"}"#, Some(("a", "s", "")));
        check(r#"{"log":"a","log":"b"}"#, Some(("b", "", "")));
        check(r#"{"log":"a","time":null}"#, Some(("a", "", "")));
        for bad in [
            "",
            "{}",
            "{",
            "i'm not json!",
            r#"{"msg":"x"}"#,
            r#"{"log":""}"#,
            r#"{"log":1}"#,
            r#"{"log":"a"#,
            r#"{"log":"a\"#,
            r#"{"log":"a"} x"#,
            r#"{"log":"a",}"#,
            r#"{"log":"\x"}"#,
            r#"{"log":"\u12"}"#,
            r#"{"log":"a","n":01}"#,
            r#"{"log":"a","n":1.}"#,
            r#"{"log":"a","n":nul}"#,
            "{\"log\":\"a\nb\"}",
            r#"["log"]"#,
        ] {
            check(bad, None);
        }
        let deep = format!(r#"{{"log":"a","x":{}{}}}"#, "[".repeat(1000), "]".repeat(1000));
        check(&deep, None);
    }

    #[test]
    fn only_a_full_buffer_without_newline_is_partial() {
        let partial = |log: &[u8]| DockerLine { log, stream: b"", time: b"" }.is_partial();
        assert!(!partial(b"short"));
        assert!(!partial(b"short\n"));
        assert!(partial(&[b'x'; PART_BYTES]));
        let mut line = vec![b'x'; PART_BYTES];
        line[PART_BYTES - 1] = b'\n';
        assert!(!partial(&line));
    }
}
