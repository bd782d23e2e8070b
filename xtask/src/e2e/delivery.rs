//! The process tests that prove delivery, with as many kills and as much data as one likes.

use anyhow::Result;
use clap::Args;

use crate::workspace::{cargo, run};

#[derive(Args)]
pub(super) struct Arguments {
    /// How often the agent is killed under load.
    #[arg(long, default_value_t = 2_000)]
    kills: u64,
    /// Seed of the moments of the kills.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// MiB of CRI lines in 200 files.
    #[arg(long, default_value_t = 16_384)]
    volume_mib: u64,
    /// MiB of CRI lines that two shards ship.
    #[arg(long, default_value_t = 4_096)]
    two_shards_mib: u64,
}

/// Runs the tests, optimised, and shows what they measure.
pub(super) fn delivery(arguments: &Arguments) -> Result<()> {
    let mut command = cargo();
    command.args(["test", "--release", "--package", "longship", "--test", "main", "--", "--nocapture"]);
    command.env("LONGSHIP_KILLS", arguments.kills.to_string());
    command.env("LONGSHIP_KILLS_SEED", arguments.seed.to_string());
    command.env("LONGSHIP_VOLUME_MIB", arguments.volume_mib.to_string());
    command.env("LONGSHIP_TWO_SHARDS_MIB", arguments.two_shards_mib.to_string());
    run(&mut command)
}
