//! `perf scale`: what an agent costs as files, streams, cores and rates grow.

mod agent;
mod catch_up;
mod chart;
mod cold;
mod configuration;
mod idle;
mod live;
mod table;

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use serde::Serialize;

use self::agent::{Rung, Setting};
use self::catch_up::{CatchUp, Size, catch_up};
use self::cold::{Cold, cold};
use self::idle::{Idle, idle};
use self::live::{Live, Load, live};
use crate::agents::Program;
use crate::complain;
use crate::data::{self, Data, DataArguments};
use crate::machine::Machine;
use crate::pinning::{Cores, pin};
use crate::quantity::{bytes, duration};

/// Measures how an agent's cost grows: with files, streams, cores and rates, while nothing is written, and by io_uring
/// against pread.
///
/// Files, streams, cores: logs that are there already are shipped as fast as possible to a sink that only reads.
/// Rates: logs are written at a steady rate, and a sink checks that every line arrives once; a line's latency is from its
/// write to the arrival of its push. Idle: nothing is written to the files for the whole time. Rungs: each case on
/// io_uring and on pread. Agents with two shards have the sink's core as well. A table goes to standard output; the
/// figures and plots go to a folder.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Longship's binary.
    #[arg(long)]
    agent: PathBuf,
    #[command(flatten)]
    data: DataArguments,
    /// What to measure.
    #[arg(long, value_delimiter = ',', default_values_t = Part::ALL)]
    only: Vec<Part>,
    /// Runs of each case with logs that are there already; their median is told.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// Files of the largest case; a tenth of them are active.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(100..))]
    files: u32,
    /// Rates in lines per second.
    #[arg(long, value_delimiter = ',', default_value = "1000,10000,100000")]
    rates: Vec<u32>,
    /// How long each rate is measured.
    #[arg(long, default_value = "20s", value_parser = duration)]
    duration: Duration,
    /// How long idle files are measured.
    #[arg(long, default_value = "60s", value_parser = duration)]
    idle_duration: Duration,
    /// Bytes of the cold file.
    #[arg(long, default_value = "1GiB", value_parser = bytes)]
    cold_bytes: u64,
    #[command(flatten)]
    cores: Cores,
    /// Longest time for one step of a case.
    #[arg(long, default_value = "10m", value_parser = duration)]
    timeout: Duration,
    /// Folder for scale.json and the plots.
    #[arg(long, default_value = "target/perf-scale")]
    out: PathBuf,
}

/// A part of the measurements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    Files,
    Streams,
    Cores,
    Rates,
    Idle,
    Rungs,
}

impl Part {
    const ALL: [Self; 6] = [Self::Files, Self::Streams, Self::Cores, Self::Rates, Self::Idle, Self::Rungs];
}

impl std::fmt::Display for Part {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.to_possible_value().map_or(Ok(()), |value| out.write_str(value.get_name()))
    }
}

/// Everything that was measured.
#[derive(Serialize)]
struct Report {
    machine: Machine,
    agent: PathBuf,
    /// What the agent says of its version.
    version: Option<String>,
    files: Vec<CatchUp>,
    streams: Vec<CatchUp>,
    cores: Vec<CatchUp>,
    rates: Vec<Live>,
    idle: Option<Idle>,
    /// One hot file on each rung.
    hot: Vec<CatchUp>,
    /// Many files that grow on each rung.
    growing: Vec<Live>,
    cold: Vec<Cold>,
}

/// Measures what was asked for.
pub(crate) fn scale(arguments: &Arguments) -> io::Result<()> {
    let machine = Machine::here();
    let Cores { core, sink_core } = arguments.cores;
    pin(sink_core)?;
    let data = data::prepare(&arguments.data, 1)?;
    let parent = data.folder.parent().ok_or_else(|| io::Error::other("data has no folder"))?;
    let setting = Setting {
        agent: Program::longship(&arguments.agent),
        agent_cores: [core, sink_core],
        sink_core,
        folder: parent.to_path_buf(),
        timeout: arguments.timeout,
    };
    let mut report = Report {
        machine,
        agent: arguments.agent.clone(),
        version: setting.agent.version(),
        files: Vec::new(),
        streams: Vec::new(),
        cores: Vec::new(),
        rates: Vec::new(),
        idle: None,
        hot: Vec::new(),
        growing: Vec::new(),
        cold: Vec::new(),
    };
    for part in &arguments.only {
        match part {
            Part::Files => report.files = files(arguments, &setting)?,
            Part::Streams => report.streams = streams(arguments, &setting)?,
            Part::Cores => report.cores = cores(arguments, &setting)?,
            Part::Rates => report.rates = rates(arguments, &setting)?,
            Part::Idle => report.idle = Some(idle(&setting, arguments.files, arguments.idle_duration)?),
            Part::Rungs => rungs(arguments, &setting, &mut report)?,
        }
        complain(&format!("{part}: done"));
    }
    fs::create_dir_all(&arguments.out)?;
    serde_json::to_writer_pretty(File::create(arguments.out.join("scale.json"))?, &report)?;
    for (name, svg) in chart::charts(&report) {
        fs::write(arguments.out.join(name), svg)?;
    }
    let mut out = io::stdout().lock();
    table::print(&report, &mut out)?;
    writeln!(out, "figures and plots: {}", arguments.out.display())
}

/// One file, then ten, a hundred and so on, all of them active but for the last: there a tenth is.
fn files(arguments: &Arguments, setting: &Setting) -> io::Result<Vec<CatchUp>> {
    let growing = std::iter::successors(Some(1), |files| Some(files * 10)).take_while(|files| *files < arguments.files);
    let mut cases: Vec<_> = growing.map(|files| (files, files)).collect();
    cases.push((arguments.files, arguments.files / 10));
    let mut measured = Vec::new();
    for (files, active) in cases {
        measured.push(measure(arguments, setting, Size::of(files, active))?);
    }
    Ok(measured)
}

/// All files active, with one stream for all of them up to one for each.
fn streams(arguments: &Arguments, setting: &Setting) -> io::Result<Vec<CatchUp>> {
    let mut measured = Vec::new();
    let below =
        std::iter::successors(Some(1), |streams| Some(streams * 10)).take_while(|streams| *streams < arguments.files);
    for streams in below.chain([arguments.files]) {
        measured.push(measure(arguments, setting, Size { streams, ..Size::of(arguments.files, arguments.files) })?);
    }
    Ok(measured)
}

fn cores(arguments: &Arguments, setting: &Setting) -> io::Result<Vec<CatchUp>> {
    let mut measured = Vec::new();
    for cores in [1, 2] {
        measured.push(measure(arguments, setting, Size { cores, ..Size::of(FEW, FEW) })?);
    }
    Ok(measured)
}

fn rates(arguments: &Arguments, setting: &Setting) -> io::Result<Vec<Live>> {
    let mut measured = Vec::new();
    for &lines_per_second in &arguments.rates {
        let load = Load { files: 10, active: 10, lines_per_second, rung: Rung::Auto };
        measured.push(live(setting, load, arguments.duration)?);
    }
    Ok(measured)
}

fn rungs(arguments: &Arguments, setting: &Setting, report: &mut Report) -> io::Result<()> {
    let many = arguments.files / 10;
    for rung in [Rung::IoUring, Rung::Pread] {
        report.hot.push(measure(arguments, setting, Size { rung, ..Size::of(1, 1) })?);
        let load = Load { files: many, active: many, lines_per_second: GROWING_LINES_PER_SECOND, rung };
        report.growing.push(live(setting, load, arguments.duration)?);
        report.cold.push(cold(setting, rung, arguments.cold_bytes)?);
    }
    Ok(())
}

fn measure(arguments: &Arguments, setting: &Setting, size: Size) -> io::Result<CatchUp> {
    let data: Data = data::prepare_active(&arguments.data, size.files, size.active)?;
    data.warm()?;
    let measured = catch_up(setting, &data, size, arguments.runs)?;
    complain(&format!(
        "{} files of which {} are active, {} streams, {} cores, {}: {:.0} MB/s, {:.2} CPU s/GiB",
        size.files,
        size.active,
        size.streams,
        size.cores,
        size.rung.name(),
        measured.megabytes_per_second,
        measured.cpu_seconds_per_gibibyte
    ));
    Ok(measured)
}

/// Files of a node with some pods.
const FEW: u32 = 200;
/// Lines written to many files together: each gets a line every ten milliseconds.
const GROWING_LINES_PER_SECOND: u32 = 100_000;
