//! The line that shows, on a terminal, what is going on.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::Instant;

use longship_pipeline::Snapshot;
use longship_sink::report::Stats;

use super::quantity;

/// A line on standard error that is written again and again. Shows nothing where that is not a terminal.
pub(super) struct LiveLine {
    begun: Instant,
    shown: Option<Shown>,
    is_terminal: bool,
}

/// What the line was made of.
#[derive(Clone, Copy)]
struct Shown {
    at: Instant,
    lines: u64,
    bytes: u64,
}

impl LiveLine {
    pub(super) fn begin() -> Self {
        Self { begun: Instant::now(), shown: None, is_terminal: io::stderr().is_terminal() }
    }

    /// Shows a snapshot in place of the one before.
    pub(super) fn show(&mut self, snapshot: &Snapshot, receiver: &Stats) {
        if !self.is_terminal {
            return;
        }
        let now = Shown {
            at: Instant::now(),
            lines: snapshot.files.iter().map(|file| file.read_lines).sum(),
            bytes: snapshot.files.iter().map(|file| file.read_bytes).sum(),
        };
        let before = self.shown.replace(now).unwrap_or(Shown { at: self.begun, lines: 0, bytes: 0 });
        let text = line(self.begun, before, now, snapshot, receiver);
        // A terminal that has gone away needs no line.
        drop(write!(io::stderr(), "\r\x1b[K{text}"));
    }

    /// Takes the line away.
    pub(super) fn end(self) {
        if self.shown.is_some() {
            drop(write!(io::stderr(), "\r\x1b[K"));
        }
    }
}

fn line(begun: Instant, before: Shown, now: Shown, snapshot: &Snapshot, receiver: &Stats) -> String {
    let seconds = now.at.duration_since(before.at).as_secs_f64().max(0.001);
    let lag: u64 = snapshot
        .files
        .iter()
        .filter(|file| file.active)
        .map(|file| file.size_bytes.saturating_sub(file.read_offset_bytes))
        .sum();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate of lines is far below 2^64")]
    let lines = (now.lines.saturating_sub(before.lines) as f64 / seconds) as u64;
    format!(
        "{:5.1} s  {:>9} lines/s  {:7.2} MB/s  {} files  {} streams  lag {}",
        now.at.duration_since(begun).as_secs_f64(),
        quantity::count(lines),
        now.bytes.saturating_sub(before.bytes) as f64 / seconds / 1e6,
        quantity::count(snapshot.files.len() as u64),
        quantity::count(receiver.check.as_ref().map_or(0, |check| check.streams)),
        quantity::bytes(lag),
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use longship_pipeline::FileSnapshot;
    use longship_pipeline::plan::SourceIndex;
    use longship_sink::report::CheckStats;

    use super::*;

    #[test]
    fn rates_are_of_the_time_since_the_last_line() {
        let begun = Instant::now();
        let before = Shown { at: begun + Duration::from_secs(2), lines: 100, bytes: 1_000_000 };
        let now = Shown { at: begun + Duration::from_millis(2_500), lines: 1_100, bytes: 2_000_000 };
        let file = FileSnapshot {
            source: SourceIndex(0),
            path: "/a".into(),
            read_offset_bytes: 500,
            size_bytes: 1_700,
            read_bytes: 0,
            read_lines: 0,
            lost_bytes: 0,
            active: true,
        };
        let ended = FileSnapshot { active: false, ..file.clone() };
        let snapshot = Snapshot { files: vec![file, ended], ..Snapshot::default() };
        let check = CheckStats { streams: 3, ..CheckStats::default() };
        let receiver = Stats { check: Some(check), ..Stats::default() };
        let text = line(begun, before, now, &snapshot, &receiver);
        assert_eq!(text, "  2.5 s      2,000 lines/s     2.00 MB/s  2 files  3 streams  lag 1.2 kB");
    }
}
