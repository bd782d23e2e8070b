//! `cargo xtask e2e`: tests against systems that are not ours, and long forms of tests, by name.

mod delivery;
mod http;
mod image;
mod loki;
mod simulation;

use anyhow::Result;
use clap::{Args, Subcommand};

use crate::say;

/// Tests against outside systems and long forms of tests; without a name it lists them.
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    name: Option<Name>,
}

#[derive(Subcommand)]
enum Name {
    /// Logs come back from a real Loki as they were written; needs LONGSHIP_TEST_LOKI_URL.
    Loki,
    /// The container image holds a program that runs with nothing else around it; needs root.
    Image,
    /// The simulation of whole shards with more seeds than the test has.
    Simulation(simulation::Arguments),
    /// The process tests that prove delivery with more kills and more data than the tests have.
    Delivery(delivery::Arguments),
}

/// Runs the named test.
pub(crate) fn e2e(arguments: &Arguments) -> Result<()> {
    match &arguments.name {
        Some(Name::Loki) => loki::loki(),
        Some(Name::Image) => image::image(),
        Some(Name::Simulation(arguments)) => simulation::simulation(arguments),
        Some(Name::Delivery(arguments)) => delivery::delivery(arguments),
        None => {
            for (name, needs) in LIST {
                say(&format!("{name:<12} {needs}"));
            }
            Ok(())
        }
    }
}

const LIST: [(&str, &str); 4] = [
    ("loki", "logs come back from a real Loki as they were written; LONGSHIP_TEST_LOKI_URL names it"),
    ("image", "the container image holds a program that runs with nothing else around it; as root"),
    ("simulation", "whole shards against a plain model, with a million seeds; --seeds says how many"),
    ("delivery", "the agent under load with 2,000 kills and 16 GiB of lines; --kills and --volume-mib say how much"),
];
