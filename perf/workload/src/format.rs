//! Puts content into the lines of a log file, as container runtimes do it.

use crate::civil::Civil;
use crate::spec::Format;
use crate::stamp::Clock;

/// What of a container's a line was written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Output {
    Stdout,
    Stderr,
}

impl Output {
    fn name(self) -> &'static [u8] {
        match self {
            Self::Stdout => b"stdout",
            Self::Stderr => b"stderr",
        }
    }
}

/// Content over this many bytes becomes partial records: the limit of both containerd and Docker.
pub(crate) const PARTIAL_BYTES: usize = 16 * 1024;

/// Bytes that the format adds to the content of a line, with the newline; about, because times differ in length.
pub(crate) fn overhead_bytes(format: Format) -> usize {
    match format {
        Format::Cri => "2026-11-24T01:44:09.440037965Z stdout F \n".len(),
        Format::Docker => "{\"log\":\"\\n\",\"stream\":\"stdout\",\"time\":\"2026-11-24T01:44:09.440037965Z\"}\n".len(),
        Format::Plain | Format::Identical => "\n".len(),
    }
}

/// Appends the lines of one record. `time_ns` is the time of its first line; further lines take theirs from `clock`.
/// Returns the time of the last line, which is the entry's.
pub(crate) fn append_record(
    format: Format,
    output: Output,
    content: &[u8],
    time_ns: u64,
    clock: &mut Clock,
    out: &mut Vec<u8>,
) -> u64 {
    match format {
        Format::Cri => append_cri(output, content, time_ns, clock, out),
        Format::Docker => {
            append_docker(output, content, time_ns, out);
            time_ns
        }
        Format::Plain | Format::Identical => {
            out.extend_from_slice(content);
            out.push(b'\n');
            time_ns
        }
    }
}

fn append_cri(output: Output, content: &[u8], mut time_ns: u64, clock: &mut Clock, out: &mut Vec<u8>) -> u64 {
    let mut rest = content;
    loop {
        let (part, after) = rest.split_at(rest.len().min(PARTIAL_BYTES));
        Civil::from_ns(time_ns).append_rfc3339_nano(out);
        out.push(b' ');
        out.extend_from_slice(output.name());
        out.extend_from_slice(if after.is_empty() { b" F " } else { b" P " });
        out.extend_from_slice(part);
        out.push(b'\n');
        if after.is_empty() {
            return time_ns;
        }
        rest = after;
        time_ns = clock.next_ns();
    }
}

fn append_docker(output: Output, content: &[u8], time_ns: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"log\":\"");
    append_json_escaped(content, out);
    out.extend_from_slice(b"\\n\",\"stream\":\"");
    out.extend_from_slice(output.name());
    out.extend_from_slice(b"\",\"time\":\"");
    Civil::from_ns(time_ns).append_rfc3339_nano(out);
    out.extend_from_slice(b"\"}\n");
}

/// Escapes what Docker's driver escapes: with what JSON asks for also `<`, `>` and `&`. Content has no control bytes.
fn append_json_escaped(content: &[u8], out: &mut Vec<u8>) {
    for &byte in content {
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'<' => out.extend_from_slice(b"\\u003c"),
            b'>' => out.extend_from_slice(b"\\u003e"),
            b'&' => out.extend_from_slice(b"\\u0026"),
            _ => out.push(byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Output, PARTIAL_BYTES, append_record};
    use crate::spec::{Format, Stamps};
    use crate::stamp::Clock;

    const TIME_NS: u64 = 1_795_484_649_440_037_965;

    fn record(format: Format, output: Output, content: &[u8]) -> (String, u64) {
        let mut clock = Clock::new(Stamps::Synthetic { start_ns: TIME_NS + 10, step_ns: 10 });
        let mut out = Vec::new();
        let time = append_record(format, output, content, TIME_NS, &mut clock, &mut out);
        (String::from_utf8(out).unwrap(), time)
    }

    #[test]
    fn one_line_of_each_format() {
        let (line, time) = record(Format::Cri, Output::Stdout, b"a b");
        assert_eq!((line.as_str(), time), ("2026-11-24T01:44:09.440037965Z stdout F a b\n", TIME_NS));
        let (line, _) = record(Format::Docker, Output::Stderr, b"say \"a&b\\\"");
        assert_eq!(
            line,
            "{\"log\":\"say \\\"a\\u0026b\\\\\\\"\\n\",\"stream\":\"stderr\",\"time\":\"2026-11-24T01:44:09.440037965Z\"}\n"
        );
        assert_eq!(record(Format::Plain, Output::Stdout, b"a b").0, "a b\n");
    }

    #[test]
    fn long_content_is_cut_and_the_entry_has_the_last_lines_time() {
        let content = vec![b'x'; 2 * PARTIAL_BYTES + 1];
        let (lines, time) = record(Format::Cri, Output::Stdout, &content);
        assert_eq!(time, TIME_NS + 20);
        let heads: Vec<_> = lines.lines().map(|line| (line.split('x').next().unwrap(), line.len())).collect();
        assert_eq!(
            heads,
            [
                ("2026-11-24T01:44:09.440037965Z stdout P ", 40 + PARTIAL_BYTES),
                ("2026-11-24T01:44:09.440037975Z stdout P ", 40 + PARTIAL_BYTES),
                ("2026-11-24T01:44:09.440037985Z stdout F ", 40 + 1),
            ]
        );
        let (lines, _) = record(Format::Cri, Output::Stdout, &content[..PARTIAL_BYTES]);
        assert_eq!(lines.lines().count(), 1, "the limit itself fits");
    }
}
