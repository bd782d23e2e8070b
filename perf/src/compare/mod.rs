//! `perf compare`: agents beside each other and beside the limit, on the same data; `perf run` is Longship alone.

mod interleave;
mod plot;
mod report;
mod table;

use std::fs;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use self::report::{Report, Tested};
use crate::agents::Program;
use crate::complain;
use crate::data::DataArguments;
use crate::machine::Machine;
use crate::pinning::Cores;
use crate::quantity::duration;
use crate::run::agent::Setting;

/// Measures Longship and other agents, one after the other on the same data, beside the machine's limit.
///
/// The data is made once and read once before anything is measured. Then each run is the limit program followed by
/// every agent, each with a fresh sink on another core, which only reads and answers. An agent's time is from the start
/// of its process to the last answer, its CPU time that of the whole process. After the runs each agent ships the data
/// once more to a sink that checks every line: figures count only if all arrived, in order and with their times.
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    conditions: Conditions,
    /// Another agent: promtail, fluent-bit, alloy or vector, and its binary. May be given several times.
    #[arg(long = "peer", value_name = "KIND=PATH", value_parser = Program::peer)]
    peers: Vec<Program>,
    /// Draw the medians into an SVG file.
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
}

/// Measures Longship: how fast it ships CRI lines on one core, what that costs, and how near it comes to `perf limits`.
///
/// As `perf compare` without peers; that all arrived is checked only if asked for.
#[derive(Args)]
pub(crate) struct RunArguments {
    #[command(flatten)]
    conditions: Conditions,
    /// Run once more with a sink that checks that every line arrives exactly once, in order and unchanged.
    #[arg(long)]
    check: bool,
}

/// What is measured, and how.
#[derive(Args)]
struct Conditions {
    /// Longship's binary, run as `AGENT run CONFIG --storage.path DIR --server.http.listen-addr ADDR --cores 1`.
    #[arg(long)]
    agent: PathBuf,
    /// A further flag for Longship, such as `--agent-flag=--write.compression=none`. May be given several times.
    #[arg(long = "agent-flag", value_name = "FLAG", allow_hyphen_values = true)]
    agent_flags: Vec<String>,
    #[command(flatten)]
    data: DataArguments,
    /// Numbers of files to measure with.
    #[arg(long, value_delimiter = ',', default_value = "1,200")]
    files: Vec<u32>,
    /// Runs of limit and agents, one after the other.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    #[command(flatten)]
    cores: Cores,
    /// Longest time for one run.
    #[arg(long, default_value = "10m", value_parser = duration)]
    timeout: Duration,
    /// Print JSON; progress goes to standard error either way.
    #[arg(long)]
    json: bool,
}

impl Conditions {
    fn setting(&self) -> Setting {
        Setting { cores: self.cores, timeout: self.timeout }
    }
}

/// Measures Longship and its peers, prints, and draws if asked to.
pub(crate) fn compare(arguments: &Arguments) -> io::Result<()> {
    let report = measure(&arguments.conditions, &arguments.peers, true)?;
    if let Some(path) = &arguments.plot {
        fs::write(path, plot::draw(&report))?;
        complain(&format!("plot: {}", path.display()));
    }
    finish(&arguments.conditions, &report)
}

/// Measures Longship alone and prints.
pub(crate) fn run(arguments: &RunArguments) -> io::Result<()> {
    let report = measure(&arguments.conditions, &[], arguments.check)?;
    finish(&arguments.conditions, &report)
}

fn measure(conditions: &Conditions, peers: &[Program], check: bool) -> io::Result<Report> {
    let programs = [&[Program::longship(&conditions.agent).with_flags(&conditions.agent_flags)], peers].concat();
    let setting = conditions.setting();
    let mut cases = Vec::new();
    for &files in &conditions.files {
        cases.push(interleave::case(&setting, &conditions.data, &programs, (files, conditions.runs), check)?);
    }
    Ok(Report { machine: Machine::here(), agents: programs.iter().map(Tested::new).collect(), cases })
}

/// Prints. That Longship lost, repeated or changed lines is an error; what peers did is only told.
fn finish(conditions: &Conditions, report: &Report) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if conditions.json {
        writeln!(out, "{}", serde_json::to_string_pretty(report)?)?;
    } else {
        table::print(report, &mut out)?;
    }
    let mut verdicts = report.cases.iter().filter_map(|case| case.agents.first()?.check.as_ref());
    match verdicts.find(|verdict| !verdict.is_exact()) {
        Some(verdict) => Err(io::Error::other(format!("not every line arrived exactly once: {verdict}"))),
        None => Ok(()),
    }
}
