//! The data plane as the control plane sees it: start it, give it targets, ask it for figures, stop it.

use std::path::PathBuf;
use std::time::Duration;

use crate::event::Event;
use crate::plan::{Plan, SourceIndex, Target};
use crate::snapshot::{Snapshot, StopReport};

/// How the data plane runs, whatever its plan.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where positions are kept. Created if it is missing.
    pub storage_path: PathBuf,
    /// How many shards, one thread each.
    pub shards: usize,
    /// Pin shard n to the n-th processor of the process's affinity mask.
    pub pin: bool,
    /// How files are read.
    pub read_rung: ReadRung,
    /// Where file events come from.
    pub observe_rung: ObserveRung,
    /// Bound of encoded, compressed and carried bytes.
    pub budget_bytes: u64,
    /// Bound of source bytes that are sent and not answered.
    pub unanswered_bytes_max: u64,
}

/// How files are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReadRung {
    /// io_uring where it is allowed, else pread.
    #[default]
    Auto,
    /// io_uring, or fail to start.
    IoUring,
    /// pread.
    Pread,
}

/// Where file events come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ObserveRung {
    /// inotify where it can be had, else polling.
    #[default]
    Auto,
    /// inotify, or fail to start.
    Inotify,
    /// Looking at every file again and again.
    Poll,
}

/// Why the data plane did not start.
#[derive(Debug)]
pub enum StartError {
    /// The positions in the storage path cannot be read or written.
    Positions {
        /// The file or folder.
        path: PathBuf,
        /// What failed.
        error: std::io::Error,
    },
    /// A rung that was asked for by name is refused by the system.
    Rung {
        /// Which one.
        rung: &'static str,
        /// What failed.
        error: std::io::Error,
    },
    /// A thread could not be started.
    Thread(std::io::Error),
}

/// The running data plane.
pub struct Pipeline {
    _private: (),
}

impl Pipeline {
    /// Starts the shards. Nothing is followed until the sources get targets.
    pub fn start(_plan: Plan, _options: Options) -> Result<Self, StartError> {
        Ok(Self { _private: () })
    }

    /// Says which files a source is to follow from now on: new ones are opened, missing ones are read to the end they
    /// have now and then closed.
    pub fn set_targets(&self, _source: SourceIndex, _targets: Vec<Target>) {}

    /// Gathers what the shards counted.
    pub async fn snapshot(&self) -> Snapshot {
        Snapshot::default()
    }

    /// Waits for the next thing worth a log line. Called from one place only.
    pub async fn next_event(&self) -> Event {
        std::future::pending().await
    }

    /// Stops reading, sends what was read, waits for the answers until `drain_timeout` is over, and saves positions.
    pub async fn stop(&self, _drain_timeout: Duration) -> StopReport {
        StopReport::default()
    }
}
