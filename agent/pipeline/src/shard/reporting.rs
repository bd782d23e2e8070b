//! Says what was counted.

use super::Shard;
use crate::counters::LaneCounters;
use crate::environment::Environment;
use crate::plan::WriteIndex;
use crate::read::log::Log;
use crate::snapshot::{FileSnapshot, ShardSnapshot};

/// Readings of one shard.
pub(crate) struct ShardReport {
    pub(crate) files: Vec<FileSnapshot>,
    /// By component and place in it.
    pub(crate) destinations: Vec<(WriteIndex, usize, LaneCounters)>,
    pub(crate) shard: ShardSnapshot,
    /// Source bytes that were read and are not settled.
    pub(crate) unacknowledged_bytes: u64,
}

impl<E: Environment> Shard<E> {
    /// Gathers what was counted.
    pub(crate) fn report(&mut self) -> ShardReport {
        let now_ns = self.env.now_ns();
        let grace_ns = super::nanos(crate::limits::ENDED_FILE_GRACE);
        self.ended.retain(|(ended_ns, _)| now_ns - ended_ns < grace_ns);
        self.counters.streams = self.outbound.streams.len() as u64;
        let open = self.logs.iter().flatten().map(|log| snapshot_of(log));
        let files = open.chain(self.ended.iter().map(|(_, file)| file.clone())).collect();
        let lanes = &self.outbound.lanes;
        ShardReport {
            files,
            destinations: lanes.iter().map(|lane| (lane.write, lane.destination, lane.counters.clone())).collect(),
            shard: self.counters.clone(),
            unacknowledged_bytes: lanes.iter().map(|lane| lane.unsettled_bytes()).sum(),
        }
    }

    /// Keeps the last readings of a log that is forgotten, for a while.
    pub(super) fn note_ended(&mut self, log: &Log<E::File>) {
        let now_ns = self.env.now_ns();
        let grace_ns = super::nanos(crate::limits::ENDED_FILE_GRACE);
        self.ended.retain(|(ended_ns, file)| {
            let same = (file.source, &file.path) == (log.source, &log.path);
            now_ns - ended_ns < grace_ns && !same
        });
        self.ended.push((now_ns, FileSnapshot { active: false, ..snapshot_of(log) }));
    }
}

fn snapshot_of<F>(log: &Log<F>) -> FileSnapshot {
    let newest = log.generations.back();
    FileSnapshot {
        source: log.source,
        path: log.path.clone(),
        read_offset_bytes: newest.map_or(0, |generation| generation.read_offset),
        size_bytes: newest.map_or(0, |generation| generation.status.size),
        read_bytes: log.read_bytes,
        read_lines: log.read_lines,
        lost_bytes: log.lost_bytes,
        active: newest.is_some_and(|generation| generation.attached),
    }
}
