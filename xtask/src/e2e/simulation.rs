//! The seeded simulation of the data plane, for as long as one likes.

use anyhow::Result;
use clap::Args;

use crate::workspace::{cargo, run};

#[derive(Args)]
pub(super) struct Arguments {
    /// Number of seeds, from 0.
    #[arg(long, default_value_t = 1_000_000)]
    seeds: u64,
}

/// Runs the simulation, optimised; it stops at the first seed that fails and says how to run that one again.
pub(super) fn simulation(arguments: &Arguments) -> Result<()> {
    let mut command = cargo();
    command.args(["test", "--release", "--package", "longship-pipeline", "every_seed_delivers_every_line"]);
    run(command.args(["--", "--nocapture"]).env("LONGSHIP_SIMULATION_SEEDS", arguments.seeds.to_string()))
}
