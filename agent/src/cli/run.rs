//! `longship run`: load, start, wait for a signal, drain.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::alloy_flags::AlloyFlags;
use super::complain;
use super::flags::Flags;
use crate::boot::{Agent, BootError};
use crate::graph::{self, Configuration};
use crate::{log, memory, quantity};

/// Runs the agent with a configuration, until SIGTERM or SIGINT.
///
/// On the signal it stops reading, sends what it has read, waits for the answers as long as --drain-timeout allows, and
/// saves positions. A second signal ends it at once; nothing is lost by that, the next start reads again what was not
/// answered. The exit code is 1 if the configuration cannot be loaded.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The configuration: a file, or a folder of which all *.alloy files are read as one
    path: PathBuf,
    #[command(flatten)]
    pub(super) flags: Flags,
    #[command(flatten)]
    pub(super) alloy_flags: AlloyFlags,
}

/// Runs the agent to its end.
pub(super) fn run(arguments: &Arguments) -> ExitCode {
    memory::share_arena();
    let configuration = match load(arguments) {
        Ok(mut configuration) => {
            configuration.warnings.extend_from_slice(arguments.alloy_flags.warnings());
            configuration
        }
        Err(message) => {
            complain(message.trim_end());
            complain("Error: could not perform the initial load successfully");
            return ExitCode::FAILURE;
        }
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(&format!("Error: the control plane's runtime does not start: {error}"));
            return ExitCode::FAILURE;
        }
    };
    runtime.block_on(serve(arguments, configuration))
}

/// Reads the configuration; the error is text for a user.
fn load(arguments: &Arguments) -> Result<Configuration, String> {
    let path = &arguments.path;
    let files = graph::read(path).map_err(|error| format!("Error: {}: {error}", path.display()))?;
    let is_colored = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    graph::load(&files).map_err(|error| if is_colored { error.colored() } else { error.to_string() })
}

async fn serve(arguments: &Arguments, configuration: Configuration) -> ExitCode {
    // Signals are waited for from now on, so that none that comes while everything starts has its default effect.
    let mut signals = match Signals::new() {
        Ok(signals) => signals,
        Err(error) => {
            complain(&format!("Error: signals cannot be waited for: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let settings = arguments.flags.settings();
    let agent = match Agent::start(configuration, &settings).await {
        Ok(agent) => agent,
        Err(error) => return refuse(&error),
    };

    signals.end().await;
    log!(Info, "interrupt received");
    tokio::select! {
        report = agent.stop() => {
            let took = quantity::go_duration(report.took);
            if report.drained {
                log!(Info, "Longship has stopped, everything that was read is acknowledged", took = took);
            } else {
                log!(
                    Warn,
                    "Longship has stopped before everything that was read was acknowledged",
                    took = took,
                    unacknowledged_bytes = report.unacknowledged_bytes,
                );
            }
            ExitCode::SUCCESS
        }
        () = signals.end() => {
            log!(Warn, "second interrupt received, ending at once");
            // Threads of the data plane are still at work, and need not be waited for.
            std::process::exit(1)
        }
    }
}

fn refuse(error: &BootError) -> ExitCode {
    log!(Error, "failed to start", err = error);
    ExitCode::FAILURE
}

struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for a signal that ends the agent.
    async fn end(&mut self) {
        loop {
            tokio::select! {
                _ = self.interrupt.recv() => return,
                _ = self.terminate.recv() => return,
                _ = self.hangup.recv() => log!(
                    Warn,
                    "SIGHUP received, but this version cannot reload its configuration; restart to apply a new one",
                ),
            }
        }
    }
}
