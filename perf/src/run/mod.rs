//! `perf run`: an agent beside the limit on the same data.

mod agent;
mod longship;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use clap::Args;
use longship_sink::verdict::Verdict;
use serde::Serialize;

pub(crate) use self::agent::least_bytes;
use self::agent::{AgentRun, Setting};
pub(crate) use self::longship::{metric, sent_entries};
use crate::complain;
use crate::data::{self, Data, DataArguments};
use crate::limits::Pass;
use crate::machine::Machine;
use crate::measure::{Measure, mebibytes, median, megabytes};
use crate::quantity::duration;
use crate::sink_process::SinkProcess;

/// Measures an agent: how fast it ships CRI lines on one core, what that costs, and how near it comes to `perf limits`.
///
/// The data is made once and read once before anything is measured. Then each run is the limit program followed by the
/// agent, each with a fresh sink on another core, which only reads and answers. An agent's time is from the start of
/// its process to the last answer, its CPU time that of the whole process. That the sink has everything is known from
/// the bytes that the pushes' snappy preambles add up to, and then from the agent's own count of sent entries.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The agent's binary, run as `AGENT run CONFIG --storage.path DIR --server.http.listen-addr ADDR --cores 1`.
    #[arg(long)]
    agent: PathBuf,
    #[command(flatten)]
    data: DataArguments,
    /// Numbers of files to measure with.
    #[arg(long, value_delimiter = ',', default_value = "1,200")]
    files: Vec<u32>,
    /// Runs of limit and agent, one after the other.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// Run once more with a sink that checks that every line arrives exactly once, in order and unchanged.
    #[arg(long)]
    check: bool,
    /// Core of limit program and agent.
    #[arg(long, default_value_t = 0)]
    core: usize,
    /// Core of the sink.
    #[arg(long, default_value_t = 1)]
    sink_core: usize,
    /// Longest time for one run.
    #[arg(long, default_value = "10m", value_parser = duration)]
    timeout: Duration,
    /// Print JSON; progress goes to standard error either way.
    #[arg(long)]
    json: bool,
}

/// Everything that was measured.
#[derive(Serialize)]
struct Report {
    machine: Machine,
    agent: PathBuf,
    /// What the agent says of its version.
    version: Option<String>,
    cases: Vec<Case>,
}

/// One number of files.
#[derive(Serialize)]
struct Case {
    files: u32,
    source_bytes: u64,
    lines: u64,
    runs: Vec<Run>,
    /// The agent's throughput as a share of the limit program's: the median over the runs.
    ratio: f64,
    check: Option<Verdict>,
}

/// The limit program, then the agent.
#[derive(Serialize)]
struct Run {
    limit: Measure,
    agent: AgentRun,
}

impl Run {
    fn ratio(&self) -> f64 {
        self.agent.measure.megabytes_per_second() / self.limit.megabytes_per_second()
    }
}

/// Measures and prints. An agent that loses, repeats or changes lines in the checking run is an error.
pub(crate) fn run(arguments: &Arguments) -> io::Result<()> {
    let setting = Setting {
        agent: arguments.agent.clone(),
        agent_core: arguments.core,
        sink_core: arguments.sink_core,
        timeout: arguments.timeout,
    };
    let mut cases = Vec::new();
    for &files in &arguments.files {
        cases.push(case(arguments, &setting, files)?);
    }
    let version = version(&arguments.agent);
    let report = Report { machine: Machine::here(), agent: arguments.agent.clone(), version, cases };
    let mut out = io::stdout().lock();
    if arguments.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&report)?)?;
    } else {
        print(&report, &mut out)?;
    }
    match report.cases.iter().filter_map(|case| case.check.as_ref()).find(|verdict| !verdict.is_exact()) {
        Some(verdict) => Err(io::Error::other(format!("not every line arrived exactly once: {verdict}"))),
        None => Ok(()),
    }
}

fn case(arguments: &Arguments, setting: &Setting, files: u32) -> io::Result<Case> {
    let data = data::prepare(&arguments.data, files)?;
    data.warm()?;
    let mut runs = Vec::new();
    for number in 1..=arguments.runs {
        let run = Run { limit: limit(arguments, files)?, agent: agent::measure(setting, &data)? };
        complain(&format!(
            "{files} files, run {number} of {}: limit {:.0} MB/s, agent {:.0} MB/s, ratio {:.3}",
            arguments.runs,
            run.limit.megabytes_per_second(),
            run.agent.measure.megabytes_per_second(),
            run.ratio()
        ));
        runs.push(run);
    }
    let check = if arguments.check { Some(check(setting, &data, files)?) } else { None };
    Ok(Case {
        files,
        source_bytes: data.truth.source_bytes(),
        lines: data.truth.entries(),
        ratio: median(runs.iter().map(Run::ratio)),
        runs,
        check,
    })
}

fn check(setting: &Setting, data: &Data, files: u32) -> io::Result<Verdict> {
    let verdict = agent::check(setting, data)?;
    complain(&format!("{files} files, checked: {verdict}"));
    Ok(verdict)
}

/// Runs the limit program in a process of its own, as the agent does.
fn limit(arguments: &Arguments, files: u32) -> io::Result<Measure> {
    let sink = SinkProcess::start(arguments.sink_core, false)?;
    let output = Command::new(std::env::current_exe()?)
        .args(["limits", "--json", "--runs", "1", "--url", sink.url()])
        .args(["--files", &files.to_string(), "--core", &arguments.core.to_string()])
        .args(arguments.data.as_flags())
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        return Err(io::Error::other(format!("the limit program ended with {}", output.status)));
    }
    let passes: Vec<Pass> = serde_json::from_slice(&output.stdout)?;
    passes.first().map(|pass| pass.measure).ok_or_else(|| io::Error::other("the limit program measured nothing"))
}

pub(crate) fn version(agent: &Path) -> Option<String> {
    let output = Command::new(agent).arg("--version").output().ok().filter(|output| output.status.success())?;
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().next().map(str::to_owned)
}

fn print(report: &Report, out: &mut impl Write) -> io::Result<()> {
    let Machine { kernel, processor, cores } = &report.machine;
    writeln!(out, "{processor}, {cores} cores, Linux {kernel}; medians of the runs")?;
    writeln!(
        out,
        "{:<14} {:>8} {:>12} {:>10} {:>9} {:>9} {:>9} {:>7}",
        "", "MB/s", "lines/s", "CPU s/GiB", "peak MiB", "wire MB", "requests", "ratio"
    )?;
    for case in &report.cases {
        let limits: Vec<_> = case.runs.iter().map(|run| run.limit).collect();
        let agents: Vec<_> = case.runs.iter().map(|run| run.agent.measure).collect();
        let peak = case.runs.iter().map(|run| run.agent.resident_bytes_max).max().map_or(0.0, mebibytes);
        print_row(out, &format!("limit, {}", case.files), &limits, "", "")?;
        print_row(
            out,
            &format!("agent, {}", case.files),
            &agents,
            &format!("{peak:.1}"),
            &format!("{:.3}", case.ratio),
        )?;
    }
    Ok(())
}

fn print_row(out: &mut impl Write, name: &str, measures: &[Measure], peak: &str, ratio: &str) -> io::Result<()> {
    let of = |value: fn(&Measure) -> f64| median(measures.iter().map(value));
    writeln!(
        out,
        "{name:<14} {:>8.0} {:>12.0} {:>10.2} {peak:>9} {:>9.1} {:>9.0} {ratio:>7}",
        of(Measure::megabytes_per_second),
        of(Measure::lines_per_second),
        of(Measure::cpu_seconds_per_gibibyte),
        of(|measure| megabytes(measure.wire_bytes)),
        of(|measure| f64::from(u32::try_from(measure.requests).unwrap_or(u32::MAX))),
    )
}
