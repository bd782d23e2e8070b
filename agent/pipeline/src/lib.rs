//! The data plane: from bytes in log files to acknowledged entries in Loki.

#![cfg_attr(
    test,
    expect(
        clippy::cast_possible_truncation,
        clippy::type_complexity,
        clippy::wildcard_enum_match_arm,
        clippy::redundant_clone,
        reason = "tests work with small numbers, and spell out what they expect"
    )
)]

mod acknowledge;
#[cfg(feature = "bench")]
#[doc(hidden)]
pub mod bench;
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

pub use encode::compress::Compression;
pub use event::{EchoEntry, Event};
pub use pipeline::{ObserveRung, Options, Pipeline, ReadRung, StartError};
pub use snapshot::{DestinationSnapshot, Dropped, FileSnapshot, Histogram, ShardSnapshot, Snapshot, StopReport};
