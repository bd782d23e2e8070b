//! The benchmarking harness: makes logs, takes pushes, measures agents and what the machine could do at best.

mod compare;
mod generate;
mod limits;
mod scale;
mod sink;
mod steps;

mod agents;
mod run;

mod data;
mod machine;
mod measure;
mod sink_process;

mod http;
mod pinning;
mod process;
mod quantity;

use std::io;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Measures log shippers against the machine's limit, with loads and a Loki-compatible receiver of its own.
#[derive(Parser)]
#[command(name = "perf", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Gen(generate::Arguments),
    Sink(sink::Arguments),
    Limits(limits::Arguments),
    Run(compare::RunArguments),
    Compare(compare::Arguments),
    Scale(scale::Arguments),
    Steps(steps::Arguments),
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Gen(arguments) => generate::generate(&arguments),
        Command::Sink(arguments) => sink::sink(&arguments),
        Command::Limits(arguments) => limits::limits(&arguments),
        Command::Run(arguments) => compare::run(&arguments),
        Command::Compare(arguments) => compare::compare(&arguments),
        Command::Scale(arguments) => scale::scale(&arguments),
        Command::Steps(arguments) => steps::steps(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        // Who read our output has had enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("perf: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// Prints a line on standard error.
#[expect(clippy::print_stderr, reason = "a command line tool speaks to its user")]
fn complain(line: &str) {
    eprintln!("{line}");
}
