//! What the data plane counted, as plain values for the control plane to expose.
//!
//! Counters only ever grow while the process lives; everything else is a reading. A snapshot is built on request
//! ([`crate::Pipeline::snapshot`]) and is the only way figures leave the shards.

use std::path::PathBuf;
use std::time::Duration;

use crate::plan::{SourceIndex, WriteIndex};

/// Readings of the whole data plane, taken shard by shard (not at one instant).
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// The rung that file reads run on: `io_uring` or `pread`.
    pub read_rung: &'static str,
    /// The rung that file events come from: `inotify` or `poll`.
    pub observe_rung: &'static str,
    /// Why a higher rung is not in use, for each one refused: rung and reason.
    pub refused_rungs: Vec<(&'static str, String)>,
    /// One per file that is followed, or ended less than the grace period ago.
    pub files: Vec<FileSnapshot>,
    /// One per destination, summed over the shards.
    pub destinations: Vec<DestinationSnapshot>,
    /// One per shard.
    pub shards: Vec<ShardSnapshot>,
    /// Bytes of the in-flight budget in use.
    pub budget_used_bytes: u64,
    /// The in-flight budget.
    pub budget_bytes: u64,
}

/// One followed log: the file at a path, with what is left of the generations before it.
#[derive(Clone, Debug)]
pub struct FileSnapshot {
    /// The component that follows it.
    pub source: SourceIndex,
    /// Its path.
    pub path: PathBuf,
    /// Offset in the newest generation up to which it has been read.
    pub read_offset_bytes: u64,
    /// Size of the newest generation when it was last looked at.
    pub size_bytes: u64,
    /// Bytes read from all generations since the process started, with newlines and prefixes.
    pub read_bytes: u64,
    /// Lines read from all generations since the process started.
    pub read_lines: u64,
    /// Bytes that were passed over because a truncation or a rewritten file took them away, or that could not be read.
    pub lost_bytes: u64,
    /// It is open and being followed.
    pub active: bool,
}

/// What one destination was sent.
#[derive(Clone, Debug, Default)]
pub struct DestinationSnapshot {
    /// The component it belongs to.
    pub write: WriteIndex,
    /// Its place in [`crate::plan::Write::destinations`].
    pub destination: usize,
    /// Compressed bytes of accepted pushes.
    pub sent_bytes: u64,
    /// Entries of accepted pushes.
    pub sent_entries: u64,
    /// Source bytes (with newlines and prefixes) behind accepted entries.
    pub acknowledged_bytes: u64,
    /// Pushes sent again after a failure.
    pub retries: u64,
    /// What was given up, by reason.
    pub dropped: Vec<Dropped>,
    /// Entries that Loki named as refused, by the reason in its answer. They are part of `dropped` too.
    pub refused: Vec<(&'static str, u64)>,
    /// Requests by HTTP status (`None`: no answer), with the time they took.
    pub requests: Vec<(Option<u16>, Histogram)>,
    /// Compressed size of the pushes that were accepted, in bytes.
    pub request_bytes: Histogram,
    /// Time from reading an entry's batch to its acceptance, in seconds, once per batch.
    pub propagation_seconds: Histogram,
}

/// Entries given up for one reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// The reason, as in Alloy's `loki_write_dropped_entries_total`.
    pub reason: &'static str,
    /// How many entries.
    pub entries: u64,
    /// Their lines' bytes.
    pub bytes: u64,
}

/// Readings of one shard.
#[derive(Clone, Debug, Default)]
pub struct ShardSnapshot {
    /// Streams that are known.
    pub streams: u64,
    /// Turns taken.
    pub turns: u64,
    /// Batches this shard compressed.
    pub batches_sealed: u64,
    /// Remainders this shard handed to a destination's home shard.
    pub remainders_handed_over: u64,
    /// Requests this shard sent.
    pub requests: u64,
    /// Event queue overflows, each followed by a rescan.
    pub event_overflows: u64,
    /// Lines that were cut to the longest line.
    pub lines_cut: u64,
    /// Bytes cut off them.
    pub lines_cut_bytes: u64,
    /// Lines that were not valid UTF-8 and were mended.
    pub lines_mended: u64,
    /// Open partial (CRI `P`) records given up whole because their memory bound was reached, or ended by a rotation.
    pub partials_flushed: u64,
    /// Joined records that were cut to `max_partial_line_size`.
    pub partials_truncated: u64,
}

/// A cumulative histogram with fixed upper bounds.
#[derive(Clone, Debug, Default)]
pub struct Histogram {
    /// Upper bounds, ascending; one more bucket than these stands for infinity.
    pub bounds: &'static [f64],
    /// How many values fell into each bucket (not cumulative); one longer than `bounds`.
    pub counts: Vec<u64>,
    /// Sum of the values.
    pub sum: f64,
}

/// What was left when the data plane stopped.
#[derive(Clone, Debug, Default)]
pub struct StopReport {
    /// Everything that was read is acknowledged or dropped with a reason.
    pub drained: bool,
    /// Source bytes that were read and not acknowledged; the next start reads them again.
    pub unacknowledged_bytes: u64,
    /// How long stopping took.
    pub took: Duration,
    /// The last readings.
    pub last: Snapshot,
}
