//! The outcome of a demo, for programs and for people.

use std::time::Duration;

use serde::Serialize;

use super::balance::Books;
use super::quantity;

/// The outcome of a demo.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Files that were followed.
    files: u64,
    /// Of them, those that became shorter, so that nobody knows what was written to them.
    files_rewritten: u64,
    /// Streams that the receiver holds.
    streams: u64,
    /// Lines that the agent read.
    lines: u64,
    /// Bytes in the files, by fstat.
    bytes_written: u64,
    /// Bytes that the agent read.
    bytes_read: u64,
    /// Bytes in the files that the agent had not read when the demo ended: unfinished lines, and what it had not come to.
    bytes_unread: u64,
    /// Bytes read whose entries the receiver accepted.
    bytes_acknowledged: u64,
    /// Bytes of lines that were given up.
    bytes_dropped: u64,
    /// Entries that the agent sent.
    entries_sent: u64,
    /// Entries that the receiver decoded and accepted.
    entries_received: u64,
    /// How long it all took.
    seconds: f64,
    /// Half of the generated lines arrived so soon after they were written, in milliseconds.
    latency_p50_ms: f64,
    /// 99 percent of them.
    latency_p99_ms: f64,
    /// How file events are observed and how files are read.
    rung: String,
    /// All independent counts agree.
    balanced: bool,
    /// What does not agree.
    differences: Vec<String>,
}

impl Report {
    pub(super) fn new(books: &Books, rung: String, took: Duration) -> Self {
        let differences = books.differences();
        let bytes_written = books.written_bytes();
        let bytes_read = books.counted(|counted| counted.read_bytes);
        let latency = &books.receiver.latency;
        Self {
            files: books.files(),
            files_rewritten: books.node.iter().filter(|log| log.is_rewritten()).count() as u64,
            streams: books.receiver.streams,
            lines: books.counted(|counted| counted.read_lines),
            bytes_written,
            bytes_read,
            bytes_unread: bytes_written.saturating_sub(bytes_read),
            bytes_acknowledged: books.agent.acknowledged_bytes,
            bytes_dropped: books.agent.dropped_bytes,
            entries_sent: books.agent.sent_entries,
            entries_received: books.receiver.accepted,
            seconds: took.as_secs_f64(),
            latency_p50_ms: latency.p50_us as f64 / 1e3,
            latency_p99_ms: latency.p99_us as f64 / 1e3,
            rung,
            balanced: differences.is_empty(),
            differences,
        }
    }

    /// Whether all independent counts agree.
    pub fn is_balanced(&self) -> bool {
        self.balanced
    }

    /// The outcome on one line.
    pub fn json(&self) -> String {
        serde_json::to_string(self).expect("a report has string keys and no failing parts")
    }

    /// The outcome in words.
    pub fn summary(&self, colours: bool) -> String {
        let (heading, colour) = if self.balanced {
            ("Balanced: what was written, read, sent and received agrees.", GREEN)
        } else {
            ("NOT balanced: counts of the same thing differ.", RED)
        };
        let (begin, end) = if colours { (colour, PLAIN) } else { ("", "") };
        let count = quantity::count;
        let bytes = quantity::bytes;
        let mut text = format!("{begin}{heading}{end}\n\n");
        let mut row = |name: &str, value: String| {
            text.push_str(&format!("  {name:<9}{value}\n"));
        };
        row("files", format!("{} followed, {} streams", count(self.files), count(self.streams)));
        row(
            "entries",
            format!(
                "{} lines read, {} sent, {} received",
                count(self.lines),
                count(self.entries_sent),
                count(self.entries_received)
            ),
        );
        row(
            "bytes",
            format!(
                "{} written, {} read, {} acknowledged, {} dropped, {} not read yet",
                bytes(self.bytes_written),
                bytes(self.bytes_read),
                bytes(self.bytes_acknowledged),
                bytes(self.bytes_dropped),
                bytes(self.bytes_unread)
            ),
        );
        row(
            "latency",
            format!(
                "from write to receipt: half within {:.0} ms, 99 % within {:.0} ms",
                self.latency_p50_ms, self.latency_p99_ms
            ),
        );
        let seconds = self.seconds.max(0.001);
        let (lines, megabytes) = (self.lines as f64 / seconds, self.bytes_read as f64 / 1e6 / seconds);
        row("rate", format!("{lines:.0} lines/s, {megabytes:.2} MB/s over {seconds:.1} s"));
        row("rung", self.rung.clone());
        for difference in self.differences.iter().take(DIFFERENCES_TOLD) {
            row("differs", difference.clone());
        }
        let more = self.differences.len().saturating_sub(DIFFERENCES_TOLD);
        if more > 0 {
            row("", format!("and {more} more, all with --json"));
        }
        text
    }
}

/// So many differences are told in words.
const DIFFERENCES_TOLD: usize = 10;

const GREEN: &str = "\x1b[32m";
const RED: &str = "\x1b[31m";
const PLAIN: &str = "\x1b[0m";

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::super::balance::AgentSums;
    use super::*;

    fn report(is_drained: bool) -> Report {
        let agent = AgentSums { is_drained, dropped_bytes: 5, ..AgentSums::default() };
        let books = Books { agent, ..Books::default() };
        Report::new(&books, "inotify+pread".to_owned(), Duration::from_millis(2_500))
    }

    #[test]
    fn programs_get_one_line_with_the_promised_fields() {
        let json = report(true).json();
        assert!(!json.contains('\n'));
        let json: Value = serde_json::from_str(&json).unwrap();
        for field in ["files", "streams", "lines", "bytes_read", "bytes_acknowledged", "bytes_dropped"] {
            assert!(json[field].is_u64(), "{field}");
        }
        assert_eq!(json["bytes_dropped"], 5);
        assert_eq!(json["rung"], "inotify+pread");
        assert_eq!(json["balanced"], true);
        assert_eq!(json["seconds"], 2.5);
    }

    #[test]
    fn people_are_told_what_differs_in_colour_if_they_see_colours() {
        let report = report(false);
        assert!(!report.balanced);
        let plain = report.summary(false);
        assert!(plain.starts_with("NOT balanced") && plain.contains("differs  the agent"));
        assert!(!plain.contains('\x1b'));
        assert!(report.summary(true).starts_with("\x1b[31mNOT"));
    }
}
