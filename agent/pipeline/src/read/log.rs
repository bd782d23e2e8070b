//! One followed log: the file at a path, the generations before it that are not done with, and where its lines go.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::ops::Range;
use std::path::PathBuf;

use super::generation::Generation;
use crate::limits::IDLE_AFTER;
use crate::plan::{Labels, SourceIndex};
use crate::positions::format::FileId;
use crate::stages::{ProgramState, Variant};
use crate::streams::StreamId;

/// A followed log.
pub(crate) struct Log<F> {
    /// The component that follows it.
    pub(crate) source: SourceIndex,
    /// The path that names its newest generation.
    pub(crate) path: PathBuf,
    /// What its path resolves to, where that is another name.
    pub(crate) resolved: Option<PathBuf>,
    /// Folders and names that signals about it come under.
    pub(crate) names: Vec<(PathBuf, OsString)>,
    /// There are signals for all of them; else one has to look.
    pub(crate) observed: bool,
    /// One for each program that its routes have.
    pub(crate) tracks: Vec<Track>,
    /// Where entries go, by number. They are never taken out: progress is kept by their number.
    pub(crate) outlets: Vec<Outlet>,
    /// The lanes its routes lead to.
    pub(crate) lanes: Vec<usize>,
    /// Its open files, oldest first. At most the last one is at the path.
    pub(crate) generations: VecDeque<Generation<F>>,
    /// The number the next generation gets.
    pub(crate) next_serial: u32,
    /// Files that were read to their end and closed and may still be on disk: number in the journal and inode.
    pub(crate) retired: Vec<(FileId, u64)>,
    /// The line at the read offset, if some tracks are done with it.
    pub(crate) line_begun: Option<LineBegun>,
    /// Before this moment of the clock on the wall there was nothing at its path that could have been missed; what came
    /// and went since is looked for.
    pub(crate) missed_since_ns: Option<i64>,
    /// It stands in one of the shard's queues.
    pub(crate) queued: bool,
    /// A read of it is under way.
    pub(crate) reading: bool,
    /// It waits for a lane or the budget.
    pub(crate) blocked: bool,
    /// The path has to be looked at in the next turn.
    pub(crate) look_queued: bool,
    /// It has to be looked at by this moment.
    pub(crate) look_due_ns: u64,
    /// From this moment on it is idle, unless it is seen to be written.
    pub(crate) idle_from_ns: u64,
    /// Attempts to open it that failed, since the last one that did not.
    pub(crate) open_failures: u32,
    /// Its target is gone: it is read to this offset of its newest generation and then closed.
    pub(crate) closing_at: Option<u64>,
    /// Its positions may have changed.
    pub(crate) dirty: bool,
    /// Bytes read in this turn.
    pub(crate) turn_bytes: u64,
    /// How far the last read of the generation that is being read got.
    pub(crate) seen_end: u64,
    /// Bytes and lines read of all generations.
    pub(crate) read_bytes: u64,
    pub(crate) read_lines: u64,
    /// Bytes that were observed and could not be read.
    pub(crate) lost_bytes: u64,
}

/// The lines of a log as one program takes them apart.
pub(crate) struct Track {
    /// The program, by its place in the shard.
    pub(crate) program: usize,
    /// What is open in it.
    pub(crate) state: ProgramState,
    /// Who gets the result.
    pub(crate) feeds: Vec<Feed>,
}

/// One target's label set on one route.
pub(crate) struct Feed {
    /// The route, by its place in the source.
    pub(crate) route: usize,
    /// The target's labels.
    pub(crate) labels: Labels,
    /// It is wanted still; else it only keeps its outlets.
    pub(crate) active: bool,
    /// The outlets of each variant that was met, by their numbers.
    pub(crate) variants: Vec<(Variant, Range<usize>)>,
}

impl Feed {
    /// The outlets of a variant, if they were worked out.
    pub(crate) fn outlets(&self, variant: Variant) -> Option<Range<usize>> {
        self.variants.iter().find(|(known, _)| *known == variant).map(|(_, outlets)| outlets.clone())
    }
}

/// Where entries of one label set go: a stream, on its way to one destination.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outlet {
    /// The lane.
    pub(crate) lane: usize,
    /// The stream.
    pub(crate) stream: StreamId,
    /// The track that takes its lines apart, by its place in the log, and what it makes of them.
    pub(crate) track: usize,
    pub(crate) variant: Variant,
}

/// A line that some tracks are done with and others are not, because a lane had no room.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LineBegun {
    pub(crate) serial: u32,
    pub(crate) offset: u64,
    /// Where it ends.
    pub(crate) end: u64,
    /// How many tracks are done with it.
    pub(crate) tracks: usize,
}

impl<F> Log<F> {
    /// Creates a log that has no generation yet.
    pub(crate) fn new(source: SourceIndex, path: PathBuf) -> Self {
        Self {
            source,
            path,
            resolved: None,
            names: Vec::with_capacity(1),
            observed: true,
            tracks: Vec::with_capacity(1),
            outlets: Vec::with_capacity(1),
            lanes: Vec::with_capacity(1),
            // A quiet node has ten thousand logs with one generation and one stream each.
            generations: VecDeque::with_capacity(1),
            next_serial: 0,
            retired: Vec::new(),
            line_begun: None,
            missed_since_ns: None,
            queued: false,
            reading: false,
            blocked: false,
            look_queued: false,
            look_due_ns: 0,
            idle_from_ns: 0,
            open_failures: 0,
            closing_at: None,
            dirty: false,
            turn_bytes: 0,
            seen_end: 0,
            read_bytes: 0,
            read_lines: 0,
            lost_bytes: 0,
        }
    }

    /// Notes that its newest file was last written so long ago.
    pub(crate) fn written(&mut self, now_ns: u64, ago_ns: u64) {
        let idle_after_ns = u64::try_from(IDLE_AFTER.as_nanos()).unwrap_or(u64::MAX);
        self.idle_from_ns = now_ns + idle_after_ns.saturating_sub(ago_ns);
    }

    /// The generation that is to be read: the first one that is not at its end.
    pub(crate) fn to_read(&self) -> Option<usize> {
        self.generations.iter().position(|generation| !generation.drained)
    }

    /// The generation at the path.
    pub(crate) fn attached(&mut self) -> Option<&mut Generation<F>> {
        self.generations.back_mut().filter(|generation| generation.attached)
    }

    /// The place of a generation.
    pub(crate) fn by_serial(&self, serial: u32) -> Option<usize> {
        self.generations.iter().position(|generation| generation.serial == serial)
    }

    /// Where the earliest record of a generation begins that is not complete.
    pub(crate) fn first_open_mark(&self, generation: &Generation<F>) -> Option<u64> {
        let open = self.tracks.iter().filter_map(|track| track.state.first_mark(generation.serial));
        open.chain(generation.cut_line).min()
    }

    /// How far the entries that went through an outlet are complete: to the read offset, or to where a record of that
    /// outlet begins that is open.
    pub(crate) fn complete_to(&self, generation: &Generation<F>, outlet: usize) -> u64 {
        let Outlet { track, variant, .. } = self.outlets[outlet];
        if let Some(begun) = self.line_begun
            && (begun.serial, begun.offset) == (generation.serial, generation.read_offset)
            && track < begun.tracks
        {
            return begun.end;
        }
        let mark = self.tracks[track].state.mark_of(variant, generation.serial);
        mark.map_or(generation.read_offset, |mark| mark.min(generation.read_offset))
    }

    /// The position of a generation on a lane: reading has to begin there to meet all that is not settled.
    pub(crate) fn position(&self, generation: &Generation<F>, lane: usize) -> u64 {
        let progress = self.outlets.iter().zip(generation.all_progress());
        let unsettled =
            progress.filter(|(outlet, _)| outlet.lane == lane).filter_map(|(_, progress)| progress.first_unsettled());
        unsettled.chain(self.first_open_mark(generation)).min().unwrap_or(generation.read_offset)
    }

    /// Nothing of a generation is unsettled on any lane.
    pub(crate) fn is_settled(&self, generation: &Generation<F>) -> bool {
        self.first_open_mark(generation).is_none()
            && generation.all_progress().iter().all(|progress| progress.first_unsettled().is_none())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_idle_by_the_time_of_its_last_write() {
        let second = 1_000_000_000;
        let mut log = Log::<()>::new(SourceIndex(0), PathBuf::new());
        for (ago_s, idle_from_s) in [(0, 307), (100, 207), (300, 7), (3_600, 7)] {
            log.written(7 * second, ago_s * second);
            assert_eq!(log.idle_from_ns, idle_from_s * second, "written {ago_s} s ago");
        }
    }
}
