//! Every developer command: `cargo xtask …`.

mod chart;
mod e2e;
mod image;
mod test;

mod tools;
mod workspace;

#[cfg(test)]
mod tidy;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Tests, packs and tries out Longship.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Test(test::Arguments),
    Chart(chart::Arguments),
    Image(image::Arguments),
    E2e(e2e::Arguments),
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Test(arguments) => test::test(&arguments),
        Command::Chart(arguments) => chart::chart(&arguments),
        Command::Image(arguments) => image::image(&arguments),
        Command::E2e(arguments) => e2e::e2e(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Prints a line on standard output.
#[expect(clippy::print_stdout, reason = "a command line tool speaks to its user")]
fn say(line: &str) {
    println!("{line}");
}
