//! Logs that are there already, shipped as fast as an agent can.

use std::io;
use std::time::Duration;

use longship_sink::report::Stats;
use serde::Serialize;

use super::agent::{Launch, Rung, Setting, logs_below, start};
use super::configuration::{Input, Logs};
use crate::data::Data;
use crate::measure::{Measure, median};
use crate::process::usage;
use crate::run::agent::least_bytes;
use crate::sink_process::SinkProcess;

/// What is varied.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Size {
    pub(super) files: u32,
    pub(super) active: u32,
    pub(super) streams: u32,
    pub(super) cores: u16,
    pub(super) rung: Rung,
}

impl Size {
    /// One stream for each file.
    pub(super) fn of(files: u32, active: u32) -> Self {
        Self { files, active, streams: files, cores: 1, rung: Rung::Auto }
    }
}

/// What a size costs: the medians of some runs.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct CatchUp {
    #[serde(flatten)]
    pub(super) size: Size,
    pub(super) runs: u32,
    pub(super) megabytes_per_second: f64,
    pub(super) lines_per_second: f64,
    pub(super) cpu_seconds_per_gibibyte: f64,
    /// The largest of all runs.
    pub(super) resident_bytes_max: u64,
    pub(super) requests: f64,
}

/// Measures a size some times.
pub(super) fn catch_up(setting: &Setting, data: &Data, size: Size, runs: u32) -> io::Result<CatchUp> {
    let mut measured = Vec::new();
    for _ in 0..runs {
        measured.push(run(setting, data, size)?);
    }
    let median_of = |value: fn(&Measure) -> f64| median(measured.iter().map(|(measure, _)| value(measure)));
    Ok(CatchUp {
        size,
        runs,
        megabytes_per_second: median_of(Measure::megabytes_per_second),
        lines_per_second: median_of(Measure::lines_per_second),
        cpu_seconds_per_gibibyte: median_of(Measure::cpu_seconds_per_gibibyte),
        resident_bytes_max: measured.iter().map(|(_, resident)| *resident).max().unwrap_or(0),
        requests: median_of(|measure| f64::from(u32::try_from(measure.requests).unwrap_or(u32::MAX))),
    })
}

fn run(setting: &Setting, data: &Data, size: Size) -> io::Result<(Measure, u64)> {
    let mut sink = SinkProcess::start(setting.sink_core, false)?;
    let logs = if size.streams == size.files {
        Logs::Matching(logs_below(&data.folder))
    } else {
        let paths = data.truth.writers.iter().map(|writer| data.folder.join(&writer.path));
        Logs::Grouped(paths.collect(), size.streams as usize)
    };
    let input = Input { name: "logs", logs, is_cri: true, url: sink.url().to_owned() };
    let launch = Launch { cores: size.cores, rung: size.rung, batch_wait: LAST_WAIT, ..Launch::new(vec![input]) };
    let mut agent = start(setting, &launch)?;
    let (port, truth) = (agent.port, &data.truth);
    let mut stats = Stats::default();
    agent.wait("not everything was sent", || {
        stats = sink.stats()?;
        // The agent is asked when the sink may have everything, and not before: being asked costs it time.
        Ok(stats.uncompressed_bytes >= least_bytes(truth)
            && setting.agent.sent_entries(port).is_some_and(|entries| entries >= truth.entries()))
    })?;
    let used = usage(agent.pid())?;
    let last_ns = stats.last_answer_ns.unwrap_or_default();
    let measure = Measure {
        source_bytes: truth.source_bytes(),
        lines: truth.entries(),
        requests: stats.requests.arrived,
        wire_bytes: stats.body_bytes,
        seconds: Duration::from_nanos(last_ns.saturating_sub(agent.started_ns)).as_secs_f64(),
        cpu_seconds: used.cpu.as_secs_f64(),
    };
    agent.stop()?;
    Ok((measure, used.resident_bytes_max))
}

/// How long the last batch of a run waits.
const LAST_WAIT: Duration = Duration::from_millis(250);
