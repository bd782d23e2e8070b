//! The data plane: from bytes in log files to acknowledged entries in Loki.

mod acknowledge;
mod budget;
mod clock;
mod counters;
mod deliver;
mod encode;
mod environment;
mod event;
mod identity;
mod labels;
pub mod limits;
mod pipeline;
pub mod plan;
mod positions;
mod push;
mod read;
mod shard;
#[cfg(test)]
mod simulation;
mod snapshot;
mod split;
mod stages;
mod streams;
#[cfg(test)]
mod testing;

pub use event::{EchoEntry, Event};
pub use pipeline::{ObserveRung, Options, Pipeline, ReadRung, StartError};
pub use snapshot::{DestinationSnapshot, Dropped, FileSnapshot, Histogram, ShardSnapshot, Snapshot, StopReport};
