//! Takes apart a line of the CRI log format.
//!
//! ```text
//! <time> <stdout|stderr> <flag>[:<tag>…] <content>
//! 2026-11-24T01:44:09.440037965Z stderr P first half of a long li
//! ```
//!
//! The format is the Kubernetes CRI's (`kubernetes/design-proposals-archive`, `kubelet-cri-logging.md`): flag `P` marks
//! a part of a longer line, `F` the last part. As Alloy does, the time may be any word and the flag may be missing; a
//! line that does not have this shape is not a CRI line.

use super::timestamp::TimestampParser;

/// One line; the content is a range of the line that was parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CriLine<'a> {
    /// Nanoseconds since the epoch, where the first word is a time.
    pub(crate) time_ns: Option<i64>,
    /// The process wrote to standard error, not standard output.
    pub(crate) stderr: bool,
    /// More of the same line follows.
    pub(crate) partial: bool,
    /// What the process wrote.
    pub(crate) content: &'a [u8],
}

/// Length of the time that containerd and CRI-O write in UTC, with nine fractional digits.
const TIME_BYTES: usize = 30;

/// Takes a line apart, or gives `None` where it is not a CRI line.
#[inline]
pub(crate) fn parse<'a>(line: &'a [u8], timestamps: &mut TimestampParser) -> Option<CriLine<'a>> {
    let (time_ns, rest) = match line.split_at_checked(TIME_BYTES) {
        // What parses as a time holds no space, so this is the whole first word.
        Some((time, [b' ', rest @ ..])) if let Some(time_ns) = timestamps.parse(time) => (Some(time_ns), rest),
        _ => {
            let end = memchr::memchr(b' ', line)?;
            (timestamps.parse(&line[..end]), &line[end + 1..])
        }
    };
    let (stream, rest) = rest.split_first_chunk::<6>()?;
    let stderr = match stream {
        b"stdout" => false,
        b"stderr" => true,
        _ => return None,
    };
    let Some((b' ', rest)) = rest.split_first() else { return None };
    let (partial, content) = match rest {
        [b'F', b' ', content @ ..] => (false, content),
        [b'P', b' ', content @ ..] => (true, content),
        _ => tagged(rest),
    };
    Some(CriLine { time_ns, stderr, partial, content })
}

/// Reads the rarer forms: a flag at the end of the line, a flag with tags, no flag at all.
#[cold]
fn tagged(rest: &[u8]) -> (bool, &[u8]) {
    match rest {
        [flag @ (b'F' | b'P')] => (*flag == b'P', &[]),
        [flag @ (b'F' | b'P'), b':', tags @ ..] => match memchr::memchr(b' ', tags) {
            Some(end) => (*flag == b'P', &tags[end + 1..]),
            None => (*flag == b'P', &[]),
        },
        content => (false, content),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expected: Option<(Option<i64>, bool, bool, &str)>) {
        let parsed = parse(line.as_bytes(), &mut TimestampParser::new());
        let expected = expected.map(|(time_ns, stderr, partial, content)| CriLine {
            time_ns,
            stderr,
            partial,
            content: content.as_bytes(),
        });
        assert_eq!(parsed, expected, "{line:?}");
    }

    #[test]
    fn takes_lines_apart() {
        const TIME: &str = "2023-11-14T22:13:20.123456789Z";
        const NS: Option<i64> = Some(1_700_000_000_123_456_789);
        check(&format!("{TIME} stdout F hello"), Some((NS, false, false, "hello")));
        check(&format!("{TIME} stderr P half"), Some((NS, true, true, "half")));
        check(&format!("{TIME} stdout F "), Some((NS, false, false, "")));
        check(&format!("{TIME} stdout F"), Some((NS, false, false, "")));
        check(&format!("{TIME} stdout F  two spaces "), Some((NS, false, false, " two spaces ")));
        check(&format!("{TIME} stdout P:tag:x y"), Some((NS, false, true, "y")));
        check(&format!("{TIME} stdout F:tag"), Some((NS, false, false, "")));
        check(&format!("{TIME} stdout no flag"), Some((NS, false, false, "no flag")));
        check(&format!("{TIME} stdout Foo"), Some((NS, false, false, "Foo")));
        check("2023-11-15T07:13:20.123456789+09:00 stdout F x", Some((NS, false, false, "x")));
        check("something stderr content", Some((None, true, false, "content")));
        check("29 characters of one long wor stdout F x", None);
        check("a-word-of-thirty-characters--- stdout F x", Some((None, false, false, "x")));
        check(&format!("{TIME} stdin F x"), None);
        check(&format!("{TIME} stdoutF x"), None);
        check(&format!("{TIME} stdout"), None);
        check(TIME, None);
        check("not a cri line", None);
        check("", None);
    }
}
