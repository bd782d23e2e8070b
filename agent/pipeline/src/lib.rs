//! The data plane: from bytes in log files to acknowledged entries in Loki.

mod acknowledge;
mod budget;
mod clock;
mod counters;
mod deliver;
mod driver;
mod encode;
mod environment;
mod event;
mod identity;
mod labels;
pub mod limits;
mod observe;
mod pipeline;
pub mod plan;
mod positions;
mod push;
mod random;
mod read;
mod shard;
#[cfg(test)]
mod simulation;
mod snapshot;
mod split;
mod stages;
mod streams;

pub use event::{EchoEntry, Event};
pub use pipeline::{ObserveRung, Options, Pipeline, ReadRung, StartError};
pub use snapshot::{DestinationSnapshot, Dropped, FileSnapshot, Histogram, ShardSnapshot, Snapshot, StopReport};
