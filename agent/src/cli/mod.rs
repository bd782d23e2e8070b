//! The command line: argv → command → exit code.

mod alloy_flags;
mod flags;
mod run;

use std::process::ExitCode;

use clap::{ArgAction, Parser, Subcommand};

/// Ships the logs of a node to Loki.
///
/// Reads the configuration language of Grafana Alloy: a file in which components are joined by references, such as
///
///     local.file_match "pods" {
///       path_targets = [{"__path__" = "/var/log/pods/*/*/*.log"}]
///     }
///     loki.source.file "pods" {
///       targets    = local.file_match.pods.targets
///       forward_to = [loki.process.pods.receiver]
///     }
///     loki.process "pods" {
///       forward_to = [loki.write.default.receiver]
///       stage.cri { }
///     }
///     loki.write "default" {
///       endpoint {
///         url = "http://loki:3100/loki/api/v1/push"
///       }
///     }
///
/// A position in a file moves only when Loki has accepted what lies before it, so nothing is lost when the agent or Loki
/// stops; a restart goes on where the last answer came from.
#[derive(Debug, Parser)]
#[command(
    name = "longship",
    display_name = "longship,",
    version = concat!("version v", env!("CARGO_PKG_VERSION")),
    disable_version_flag = true,
    verbatim_doc_comment
)]
struct CommandLine {
    /// Print the version
    #[arg(short = 'v', long, action = ArgAction::Version)]
    version: (),
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(run::Arguments),
}

/// Does what the command line says.
pub fn main() -> ExitCode {
    match CommandLine::parse().command {
        Command::Run(arguments) => run::run(&arguments),
    }
}

/// Prints a line on standard error.
#[expect(clippy::print_stderr, reason = "a command line tool speaks to its user")]
fn complain(line: &str) {
    eprintln!("{line}");
}
