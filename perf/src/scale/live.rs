//! Logs that grow at a steady rate.

use std::io;
use std::time::{Duration, Instant};

use longship_sink::report::CheckStats;
use longship_sink::verdict::compare;
use longship_workload::spec::{Spec, Stamps};
use longship_workload::workload::{Pace, Until, Workload};
use serde::Serialize;

use super::agent::{Launch, Rung, Setting, logs_below, scratch, start, wait_for_files};
use super::configuration::{Input, Logs};
use crate::measure::float;
use crate::process::{raise_open_files, running_time, usage};
use crate::sink_process::SinkProcess;

/// How much is written, and how it is read.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Load {
    pub(super) files: u32,
    pub(super) active: u32,
    pub(super) lines_per_second: u32,
    pub(super) rung: Rung,
}

/// What a load costs.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Live {
    #[serde(flatten)]
    pub(super) load: Load,
    /// Lines that were written in the measured time.
    pub(super) lines_per_second_written: f64,
    /// Share of a core.
    pub(super) cores_used: f64,
    pub(super) cpu_seconds_per_gibibyte: f64,
    pub(super) resident_bytes_max: u64,
    /// Append to arrival.
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
    /// The wait of a batch that is not full is part of the latencies.
    pub(super) batch_wait_ms: f64,
}

/// Measures a load for a while. Every line has to arrive exactly once.
pub(super) fn live(setting: &Setting, load: Load, duration: Duration) -> io::Result<Live> {
    let Load { files, active, lines_per_second, rung } = load;
    raise_open_files()?;
    let logs = scratch(setting)?;
    let mut workload = Workload::create(logs.path(), &Spec { files, active, stamps: Stamps::Wall, ..Spec::default() })?;
    let mut sink = SinkProcess::start(setting.sink_core, true)?;
    let logs = Logs::Matching(logs_below(logs.path()));
    let input = Input { name: "logs", logs, is_cri: true, url: sink.url().to_owned() };
    let launch = Launch { rung, ..Launch::new(vec![input]) };
    let mut agent = start(setting, &launch)?;
    wait_for_files(&mut agent, u64::from(files))?;

    let pace = Pace::LinesPerSecond(lines_per_second);
    workload.run(pace, Until { duration: Some(WARM_UP), ..Until::default() })?;
    let before = (workload.truth(), running_time(agent.pid())?, Instant::now());
    workload.run(pace, Until { duration: Some(duration), ..Until::default() })?;
    let (truth, cpu, seconds) = (workload.truth(), running_time(agent.pid())? - before.1, before.2.elapsed());

    let mut check = CheckStats::default();
    agent.wait("not every line arrived", || {
        check = sink.stats()?.check.unwrap_or_default();
        Ok(check.tagged.accepted >= truth.entries())
    })?;
    let used = usage(agent.pid())?;
    agent.stop()?;
    let verdict = compare(&truth, "fake", &sink.writers()?);
    if !verdict.is_exact() {
        return Err(io::Error::other(format!("not every line arrived exactly once: {verdict}")));
    }
    let written_bytes = float(truth.source_bytes() - before.0.source_bytes());
    Ok(Live {
        load,
        lines_per_second_written: float(truth.entries() - before.0.entries()) / seconds.as_secs_f64(),
        cores_used: cpu.as_secs_f64() / seconds.as_secs_f64(),
        cpu_seconds_per_gibibyte: cpu.as_secs_f64() / (written_bytes / float(1 << 30)),
        resident_bytes_max: used.resident_bytes_max,
        p50_ms: float(check.latency.p50_us) / 1e3,
        p99_ms: float(check.latency.p99_us) / 1e3,
        batch_wait_ms: launch.batch_wait.as_secs_f64() * 1e3,
    })
}

/// Written before anything is measured.
const WARM_UP: Duration = Duration::from_secs(2);
