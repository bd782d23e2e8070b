//! What the data plane has to tell an operator, for the control plane to log.
//!
//! Events travel through a bounded queue. When it is full they are counted and left out: a log line is never worth a
//! stalled shard. Echoed entries are the exception, they are a destination's data and wait for room.

use std::path::PathBuf;

use crate::plan::{SourceIndex, WriteIndex};

/// Something worth a log line.
#[derive(Clone, Debug)]
pub enum Event {
    /// A file is followed from now on.
    TailStarted {
        /// By which component.
        source: SourceIndex,
        /// The file.
        path: PathBuf,
        /// Where reading starts.
        offset: u64,
    },
    /// A file is no longer followed.
    TailStopped {
        /// By which component.
        source: SourceIndex,
        /// The file.
        path: PathBuf,
    },
    /// A file cannot be opened or read. It is tried again.
    TailFailed {
        /// By which component.
        source: SourceIndex,
        /// The file.
        path: PathBuf,
        /// The system call and its error.
        error: String,
    },
    /// A file became shorter, and is read again from its start.
    Truncated {
        /// By which component.
        source: SourceIndex,
        /// The file.
        path: PathBuf,
        /// Bytes that were observed but not read before.
        lost_bytes: u64,
    },
    /// A push failed and is sent again.
    PushRetried {
        /// The component.
        write: WriteIndex,
        /// Its destination.
        destination: usize,
        /// HTTP status, where there was an answer.
        status: Option<u16>,
        /// What went wrong.
        error: String,
    },
    /// Entries were given up.
    PushDropped {
        /// The component.
        write: WriteIndex,
        /// Its destination.
        destination: usize,
        /// HTTP status, where there was an answer.
        status: Option<u16>,
        /// How many entries.
        entries: u64,
        /// Why, as in the metrics.
        reason: &'static str,
        /// What the destination said.
        error: String,
    },
    /// Entries for a `loki.echo` component.
    Echo {
        /// The component.
        write: WriteIndex,
        /// The entries, in order.
        entries: Vec<EchoEntry>,
    },
    /// A folder cannot be watched for a reason other than that it is not there; its files are polled. Told once for each
    /// shard: the reason is most often a limit that holds for all.
    WatchFailed {
        /// The folder.
        folder: PathBuf,
        /// The error.
        error: String,
    },
    /// The positions journal cannot be written. Nothing more is acknowledged until it can.
    PositionsFailed {
        /// The system call and its error.
        error: String,
    },
}

/// One entry for `loki.echo`.
#[derive(Clone, Debug)]
pub struct EchoEntry {
    /// Nanoseconds since the epoch.
    pub timestamp_ns: i64,
    /// The label set as Loki would get it.
    pub labels: String,
    /// The line.
    pub line: String,
}
