//! One open file of a log: how far it was read, which of its lines were given which time, how far it is settled.

use std::collections::VecDeque;

use crate::acknowledge::Progress;
use crate::clock::{ReadClock, time_of};
use crate::identity::{FileStatus, Fingerprint, Identity};
use crate::positions::format::{FileId, TimedRun};
use crate::positions::restored::RestoredPosition;

/// An open file of a log.
pub(crate) struct Generation<F> {
    /// Its number in the log; later generations have higher ones.
    pub(crate) serial: u32,
    /// The open file.
    pub(crate) file: F,
    /// Its number in the positions journal.
    pub(crate) file_id: FileId,
    /// What it is known by.
    pub(crate) identity: Identity,
    /// What was seen of it last.
    pub(crate) status: FileStatus,
    /// Everything before this offset was read, and is settled, queued or part of an open record.
    pub(crate) read_offset: u64,
    /// The largest size it was seen to have.
    pub(crate) observed_bytes: u64,
    /// Where reading began in this life.
    pub(crate) start_offset: u64,
    /// The log's path names it.
    pub(crate) attached: bool,
    /// When the path stopped naming it.
    pub(crate) detached_ns: u64,
    /// When it was last seen to grow.
    pub(crate) grown_ns: u64,
    /// Reading has reached its end, and what follows it in the log may be read.
    pub(crate) drained: bool,
    /// No more can be read of it: it was truncated, and what is in it now is another generation.
    pub(crate) gone: bool,
    /// A line that is longer than a line may be has been cut; the rest of it is passed over. Where it begins.
    pub(crate) cut_line: Option<u64>,
    /// When its first bytes were last compared with what they were.
    pub(crate) fingerprint_checked_ns: u64,
    /// The run that is being read.
    run: Run,
    /// Runs whose lines have read times, in the order of their offsets, as long as they are not settled. Those behind
    /// the read offset are from a first reading.
    runs: VecDeque<(TimedRun, IsJournalled)>,
    /// Progress by outlet of the log.
    progress: Vec<Progress>,
    /// Where an earlier life was.
    restored: Vec<RestoredPosition>,
    /// The last positions written to the journal.
    journalled: Vec<Journalled>,
}

/// A run is in the journal.
type IsJournalled = bool;

/// What the journal says of a lane. The settled offsets of streams that are ahead only grow, so their sum tells whether
/// one of them has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Journalled {
    lane: usize,
    position: u64,
    ahead: u64,
}

/// The run that is being read.
#[derive(Clone, Copy, Debug, Default)]
struct Run {
    start: u64,
    first_ns: i64,
    step: i64,
    lines: u64,
    /// A line of it was given its read time.
    timed: bool,
    /// It was read a first time, and its lines get the times they had.
    again: bool,
    /// Where it ends, because the first reading ended it there or had another run begin there.
    until: u64,
    /// Where the line at the read offset ends, if some of its entries are queued and some are not.
    begun_to: Option<u64>,
}

impl<F> Generation<F> {
    /// Creates the generation of a file that was just opened and begins to be read at `read_offset`.
    pub(crate) fn new(serial: u32, file: F, opened: Opened, now_ns: u64) -> Self {
        let Opened { file_id, identity, status, read_offset, restored, runs } = opened;
        Self {
            serial,
            file,
            file_id,
            identity,
            status,
            observed_bytes: status.size,
            read_offset,
            start_offset: read_offset,
            attached: true,
            detached_ns: 0,
            grown_ns: now_ns,
            drained: false,
            gone: false,
            cut_line: None,
            fingerprint_checked_ns: now_ns,
            run: Run::default(),
            runs: runs.into_iter().map(|run| (run, true)).collect(),
            progress: Vec::with_capacity(1),
            restored,
            journalled: Vec::with_capacity(1),
        }
    }

    /// Notes what was seen of the file; true if it was written since the last time.
    pub(crate) fn observe(&mut self, status: FileStatus, now_ns: u64) -> bool {
        let written = status.size > self.status.size || status.modified_ns != self.status.modified_ns;
        if written {
            self.grown_ns = now_ns;
        }
        self.status = status;
        self.observed_bytes = self.observed_bytes.max(status.size);
        written
    }

    /// Notes that the log's path does not name it any more.
    pub(crate) fn detach(&mut self, now_ns: u64) {
        if self.attached {
            self.attached = false;
            self.detached_ns = now_ns;
        }
    }

    /// Begins a run at the read offset.
    pub(crate) fn begin_run(&mut self, clock: &ReadClock, wall_ns: i64) {
        let start = self.read_offset;
        self.run = match self.runs.iter().find(|(run, _)| run.end > start) {
            Some((run, _)) if run.start == start => Run {
                start,
                first_ns: run.first_ns,
                step: run.step,
                lines: 0,
                timed: true,
                again: true,
                until: run.end,
                begun_to: None,
            },
            later => Run {
                start,
                first_ns: clock.begin(wall_ns),
                step: clock.step(),
                lines: 0,
                timed: false,
                again: false,
                until: later.map_or(u64::MAX, |(run, _)| if run.start > start { run.start } else { run.end }),
                begun_to: None,
            },
        };
    }

    /// Gives the read time of the next line, and remembers that it was given.
    pub(crate) fn read_time(&mut self) -> i64 {
        self.run.timed = true;
        time_of(self.run.first_ns, self.run.step, self.run.lines)
    }

    /// Notes that a line was read up to `offset`. Ends the run where a first reading ended it.
    pub(crate) fn advance(&mut self, offset: u64, clock: &mut ReadClock, wall_ns: i64) {
        self.read_offset = offset;
        self.run.lines += 1;
        self.run.begun_to = None;
        if offset >= self.run.until {
            self.end_run(clock);
            self.begin_run(clock, wall_ns);
        }
    }

    /// Notes that some entries of the line at the read offset, which ends at `end`, are queued. The others get the same
    /// time when it is read again.
    pub(crate) fn begin_line(&mut self, end: u64) {
        self.run.begun_to = Some(end);
    }

    /// Ends the run at the read offset. A run that is being read again is cut in two there, so that what follows has
    /// a beginning of its own.
    pub(crate) fn end_run(&mut self, clock: &mut ReadClock) {
        let (run, end) = (self.run, self.read_offset);
        self.run = Run { start: end, ..Run::default() };
        let time_at_end = time_of(run.first_ns, run.step, run.lines);
        if run.again {
            if run.start < end
                && end < run.until
                && let Some(at) = self.runs.iter().position(|(known, _)| known.start == run.start)
            {
                let rest = TimedRun { start: end, end: run.until, first_ns: time_at_end, step: run.step };
                self.runs[at].0.end = end;
                self.runs[at].1 = false;
                self.runs.insert(at + 1, (rest, false));
            }
            return;
        }
        clock.end(run.first_ns, run.lines + u64::from(run.begun_to.is_some()));
        if run.timed {
            if run.lines > 0 {
                self.add_run(TimedRun { start: run.start, end, first_ns: run.first_ns, step: run.step });
            }
            if let Some(begun_to) = run.begun_to {
                self.add_run(TimedRun { start: end, end: begun_to, first_ns: time_at_end, step: run.step });
            }
        }
    }

    /// Remembers a run. What lies under it was read under another split into runs, and is not read again.
    fn add_run(&mut self, run: TimedRun) {
        self.runs.retain(|(known, _)| known.end <= run.start || known.start >= run.end);
        let at = self.runs.partition_point(|(known, _)| known.start < run.start);
        self.runs.insert(at, (run, false));
    }

    /// Where the run that is being read begins.
    pub(crate) fn run_start(&self) -> u64 {
        self.run.start
    }

    /// Gives the runs that are not in the journal yet, and counts them as written.
    pub(crate) fn take_unwritten_runs(&mut self, out: &mut Vec<TimedRun>) {
        out.clear();
        for (run, journalled) in &mut self.runs {
            if !std::mem::replace(journalled, true) {
                out.push(*run);
            }
        }
    }

    /// The progress of an outlet.
    pub(crate) fn progress(&mut self, outlet: usize) -> &mut Progress {
        &mut self.progress[outlet]
    }

    /// Adds the progress of outlets that the log has since this was called last. `name` gives the outlet's destination
    /// and stream as the positions name them.
    pub(crate) fn add_outlets(&mut self, count: usize, mut name: impl FnMut(usize) -> (u64, u64)) {
        for outlet in self.progress.len()..count {
            let (destination, stream) = name(outlet);
            self.progress.push(Progress::new(self.restored_settled(destination, stream)));
        }
    }

    /// An earlier life had read the lines before this offset.
    pub(crate) fn read_before(&self) -> u64 {
        let ahead = |restored: &RestoredPosition| restored.ahead.iter().map(|(_, settled)| *settled).max();
        let ends = self.restored.iter().map(|restored| ahead(restored).unwrap_or(0).max(restored.position));
        ends.max().unwrap_or(0)
    }

    /// Streams that an earlier life had settled further than its position at a destination.
    pub(crate) fn restored_ahead(&self, destination: u64) -> impl Iterator<Item = (u64, u64)> {
        let of_destination = self.restored.iter().filter(move |restored| restored.destination == destination);
        of_destination.flat_map(|restored| restored.ahead.iter().copied())
    }

    /// Everything before this offset was settled at a destination in an earlier life. One that has no position goes on
    /// at the furthest of the others.
    pub(crate) fn restored_position(&self, destination: u64) -> u64 {
        let own = self.restored.iter().find(|restored| restored.destination == destination);
        let furthest = || self.restored.iter().map(|restored| restored.position).max();
        own.map(|restored| restored.position).or_else(furthest).unwrap_or(0)
    }

    /// How far an earlier life had settled a stream at a destination.
    fn restored_settled(&self, destination: u64, stream: u64) -> u64 {
        let ahead = self.restored_ahead(destination).find(|(ahead, _)| *ahead == stream);
        ahead.map_or_else(|| self.restored_position(destination), |(_, settled)| settled)
    }

    /// Progress of all outlets, in their order.
    pub(crate) fn all_progress(&self) -> &[Progress] {
        &self.progress
    }

    /// Notes the position of a lane, and the sum of what is settled beyond it. Gives how far the position is from the
    /// last one that was noted, or `None` if the journal has both already.
    pub(crate) fn note_position(&mut self, lane: usize, destination: u64, position: u64, ahead: u64) -> Option<u64> {
        let now = Journalled { lane, position, ahead };
        if let Some(known) = self.journalled.iter_mut().find(|known| known.lane == lane) {
            let before = std::mem::replace(known, now);
            return (before != now).then(|| position.saturating_sub(before.position));
        }
        self.journalled.push(now);
        let before = self.restored_position(destination).max(self.start_offset);
        Some(position.saturating_sub(before))
    }

    /// Forgets the runs before `position`, the lowest of all lanes: nothing of them is read again.
    pub(crate) fn forget_runs(&mut self, position: u64) {
        while self.runs.front().is_some_and(|(run, _)| run.end <= position) {
            self.runs.pop_front();
        }
    }

    /// Takes a longer fingerprint, now that more of the file's start is known; true if it changed.
    pub(crate) fn learn(&mut self, head: &[u8]) -> bool {
        let grows = self.identity.fingerprint.should_grow_to(head);
        if grows {
            self.identity.fingerprint = Fingerprint::of(head);
        }
        grows
    }

    /// Bytes that are known to be there and were not read.
    pub(crate) fn unread_bytes(&self) -> u64 {
        if self.gone { 0 } else { self.status.size.saturating_sub(self.read_offset) }
    }
}

/// What is known of a file when it was just opened.
pub(crate) struct Opened {
    pub(crate) file_id: FileId,
    pub(crate) identity: Identity,
    pub(crate) status: FileStatus,
    pub(crate) read_offset: u64,
    pub(crate) restored: Vec<RestoredPosition>,
    pub(crate) runs: Vec<TimedRun>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generation(read_offset: u64, runs: Vec<TimedRun>) -> Generation<()> {
        let status = FileStatus { inode: 1, device: 1, birth_ns: 1, modified_ns: 1, size: 0, links: 1, regular: true };
        let identity = Identity::of(&status, b"");
        let opened = Opened { file_id: FileId(1), identity, status, read_offset, restored: Vec::new(), runs };
        Generation::new(0, (), opened, 0)
    }

    /// Reads lines of ten bytes up to `end` and gives their times.
    fn read(generation: &mut Generation<()>, clock: &mut ReadClock, wall_ns: i64, end: u64) -> Vec<i64> {
        generation.begin_run(clock, wall_ns);
        let mut times = Vec::new();
        while generation.read_offset < end {
            times.push(generation.read_time());
            let offset = generation.read_offset + 10;
            generation.advance(offset, clock, wall_ns);
        }
        generation.end_run(clock);
        times
    }

    #[test]
    fn lines_read_again_have_the_time_they_had() {
        let mut clock = ReadClock::new(1, 3, 0);
        let mut first = generation(0, Vec::new());
        let mut times = read(&mut first, &mut clock, 1_000, 30);
        times.extend(read(&mut first, &mut clock, 1_001, 50));
        times.extend(read(&mut first, &mut clock, 9_000, 80));
        let mut written = Vec::new();
        first.take_unwritten_runs(&mut written);
        assert_eq!(written.len(), 3);

        // A later life reads the same lines in other pieces, then new ones.
        let mut clock = ReadClock::new(0, 2, 10_000);
        let mut second = generation(0, written.clone());
        let mut again = Vec::new();
        for end in [10, 40, 60, 80] {
            again.extend(read(&mut second, &mut clock, 5, end));
        }
        assert_eq!(again, times);
        let new = read(&mut second, &mut clock, 5, 100);
        assert!(new[0] > 10_000 && new[1] > new[0]);

        // What a second life writes down is enough for a third one.
        let mut more = Vec::new();
        second.take_unwritten_runs(&mut more);
        let mut journal = Vec::new();
        let path = std::path::Path::new("/a");
        crate::positions::format::write_file(&mut journal, FileId(1), &second.identity, "c", path);
        for runs in written.chunk_by(|a, b| a.step == b.step).chain(more.chunk_by(|a, b| a.step == b.step)) {
            crate::positions::format::write_runs(&mut journal, FileId(1), runs.iter().copied());
        }
        let restored = crate::positions::restored::Restored::read(&journal);
        let runs = restored.files().next().expect("there is one").runs.clone();
        let mut third = generation(0, runs);
        let mut clock = ReadClock::new(0, 1, 20_000);
        let third_times = read(&mut third, &mut clock, 5, 100);
        assert_eq!(third_times[..8], times);
        assert_eq!(third_times[8..], new);
    }

    #[test]
    fn settled_runs_are_forgotten() {
        let mut clock = ReadClock::new(0, 1, 0);
        let mut generation = generation(0, Vec::new());
        read(&mut generation, &mut clock, 1, 30);
        read(&mut generation, &mut clock, 2, 60);
        generation.forget_runs(30);
        let mut left = Vec::new();
        generation.take_unwritten_runs(&mut left);
        assert_eq!(left.iter().map(|run| run.start).collect::<Vec<_>>(), [30]);
    }

    #[test]
    fn lines_with_times_of_their_own_leave_no_runs() {
        let mut clock = ReadClock::new(0, 1, 0);
        let mut generation = generation(0, Vec::new());
        generation.begin_run(&clock, 1);
        generation.advance(10, &mut clock, 1);
        generation.end_run(&mut clock);
        let mut runs = Vec::new();
        generation.take_unwritten_runs(&mut runs);
        assert!(runs.is_empty());
    }
}
