//! The data plane: from bytes in log files to acknowledged entries in Loki.

mod event;
mod pipeline;
pub mod plan;
mod snapshot;

pub use event::{EchoEntry, Event};
pub use pipeline::{ObserveRung, Options, Pipeline, ReadRung, StartError};
pub use snapshot::{DestinationSnapshot, Dropped, FileSnapshot, Histogram, ShardSnapshot, Snapshot, StopReport};
