//! The agent.

use std::process::ExitCode;

fn main() -> ExitCode {
    longship::cli::main()
}
