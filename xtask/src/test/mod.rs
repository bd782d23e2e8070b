//! `cargo xtask test`: every test, and how many passed.
//!
//! Steps run in order and none keeps the next from running. Each counts: a format or lint check as one test, cargo's
//! tests one by one. The last line of the output is the sum.

mod libtest;

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use clap::Args;

use crate::workspace::{cargo, run};
use crate::{say, tools};
use libtest::{Reader, Tally};

/// Runs every test; the last line says how many passed, failed and were skipped.
///
/// A test that needs what is not here is skipped and says why. Tests against outside systems are `cargo xtask e2e`.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Install missing tools first: Debian packages, which needs root, and Helm, which needs Go.
    #[arg(long)]
    install: bool,
    /// Only tests whose name contains this; format and lints are not checked then.
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
}

/// Runs the tests; fails if one does.
pub(crate) fn test(arguments: &Arguments) -> Result<()> {
    let mut report = Report::default();
    if arguments.install {
        report.step("install", tools::install)?;
    }
    match &arguments.filter {
        Some(filter) => report.tests(&["test", "--workspace", "--locked", "--no-fail-fast", filter]),
        None => {
            report.check("format", cargo().args(["fmt", "--all", "--check"]));
            report.tests(&["test", "--workspace", "--locked", "--no-fail-fast"]);
            let clippy = ["clippy", "--workspace", "--all-targets", "--locked", "--", "--deny", "warnings"];
            report.check("lints", cargo().args(clippy));
        }
    }
    report.close()
}

/// What the steps gave so far.
#[derive(Default)]
struct Report {
    tally: Tally,
    seconds: Vec<(&'static str, Duration)>,
}

impl Report {
    /// Runs something that takes its time.
    fn step<T>(&mut self, name: &'static str, work: impl FnOnce() -> T) -> T {
        say(&format!("== {name}"));
        let begin = Instant::now();
        let result = work();
        self.seconds.push((name, begin.elapsed()));
        result
    }

    /// Counts a command as a test.
    fn check(&mut self, name: &'static str, command: &mut Command) {
        match self.step(name, || run(command)) {
            Ok(()) => self.tally.passed += 1,
            Err(error) => self.tally.fail(name, &format!("{error:#}")),
        }
    }

    /// Counts the tests that a cargo command runs.
    fn tests(&mut self, command: &[&str]) {
        let tally = self.step("tests", || cargo_tests(command));
        match tally {
            Ok(tally) => self.tally.add(tally),
            Err(error) => self.tally.fail("tests", &format!("{error:#}")),
        }
    }

    /// Says what was skipped, what failed, how long the steps took, and the sum.
    fn close(self) -> Result<()> {
        let Tally { passed, failed, skipped } = self.tally;
        for (name, reason) in &skipped {
            say(&format!("skipped {name}: {reason}"));
        }
        for (name, reason) in &failed {
            say(&format!("failed {name}: {reason}"));
        }
        let steps: Vec<_> =
            self.seconds.iter().map(|(name, time)| format!("{name} {:.1} s", time.as_secs_f64())).collect();
        say(&steps.join(", "));
        say(&format!("{passed} passed, {} failed, {} skipped", failed.len(), skipped.len()));
        if failed.is_empty() { Ok(()) } else { std::process::exit(1) }
    }
}

/// Runs tests with cargo, shows what is worth reading of their output, and counts them.
fn cargo_tests(command: &[&str]) -> Result<Tally> {
    let mut child =
        cargo().args(command).args(["--", "--show-output"]).stdout(Stdio::piped()).spawn().context("starting cargo")?;
    let output = child.stdout.take().expect("the standard output is a pipe");
    let mut reader = Reader::default();
    for line in BufReader::new(output).split(b'\n') {
        let line = line.context("reading what the tests print")?;
        let line = String::from_utf8_lossy(&line);
        if reader.read(&line) {
            say(&line);
        }
    }
    let status = child.wait().context("waiting for cargo")?;
    let tally = reader.close();
    if !status.success() && tally.failed.is_empty() {
        bail!("cargo ended with {status}");
    }
    Ok(tally)
}
