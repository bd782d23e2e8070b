//! `longship demo`: run it, print its outcome.

use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use super::complain;
use crate::demo::{self, Report};
use crate::quantity;

/// Shows Longship at work on this machine, without a cluster and without Loki.
///
/// Follows the machine's log files and a small tree of generated pod logs with the real pipeline, and pushes them to a
/// receiver in the same process, which speaks Loki's push protocol and checks what it gets. On a terminal a line shows
/// what is going on. In the end independent counts are compared: bytes as the kernel tells them with bytes as the agent
/// read them, entries as the agent sent them with entries as the receiver decoded them. The exit code is 0 if they
/// agree.
///
/// Nothing is written outside a temporary folder, nothing leaves the machine. Files that you may not read are left out;
/// run it as root to see them all.
#[derive(Clone, Debug, Args)]
pub(super) struct Arguments {
    /// End after so long (250ms, 10s, 5m); Ctrl-C ends it sooner
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = quantity::duration)]
    duration: Duration,
    /// Print the outcome as one line of JSON, the last one of standard output
    #[arg(long)]
    json: bool,
    /// The log files to follow beside the generated ones
    #[arg(long, value_name = "PATTERN", default_value = "/var/log/**/*.log")]
    logs: String,
    /// Lines per second in the generated logs
    #[arg(long, value_name = "LINES", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..))]
    rate: u32,
}

/// Runs a demo to its end.
pub(super) fn run(arguments: &Arguments) -> ExitCode {
    let options = demo::Options { duration: arguments.duration, logs: arguments.logs.clone(), rate: arguments.rate };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(&format!("Error: the control plane's runtime does not start: {error}"));
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(demo::run(&options)) {
        Ok(report) => {
            tell(&report, arguments.json);
            if report.is_balanced() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            complain(&format!("Error: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// Prints the outcome on standard output.
fn tell(report: &Report, json: bool) {
    let mut out = io::stdout();
    let colours = out.is_terminal() && std::env::var_os("NO_COLOR").is_none();
    // Who has closed standard output still gets the exit code.
    drop(if json { writeln!(out, "{}", report.json()) } else { write!(out, "\n{}", report.summary(colours)) });
}
