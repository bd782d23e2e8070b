//! One run of an agent: from its start until the sink has everything.

use std::io;
use std::path::Path;
use std::time::Duration;

use longship_sink::report::Stats;
use longship_sink::verdict::{Verdict, compare};
use longship_workload::stamp::wall_ns;
use longship_workload::truth::Truth;
use serde::Serialize;

use crate::agents::process::Process;
use crate::agents::{Place, Program};
use crate::data::Data;
use crate::measure::Measure;
use crate::pinning::Cores;
use crate::process::usage;
use crate::sink_process::SinkProcess;

/// Where agents run.
#[derive(Clone, Debug)]
pub(crate) struct Setting {
    pub(crate) cores: Cores,
    /// A run that takes longer has failed.
    pub(crate) timeout: Duration,
}

/// What a run showed.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct AgentRun {
    /// From the start of the process to the last answer.
    #[serde(flatten)]
    pub(crate) measure: Measure,
    pub(crate) resident_bytes_max: u64,
    /// From the start of the process to its first push.
    pub(crate) startup_seconds: f64,
}

/// Measures an agent against a draining sink.
pub(crate) fn measure(setting: &Setting, program: &Program, data: &Data) -> io::Result<AgentRun> {
    let mut sink = SinkProcess::start(setting.cores.sink_core, false)?;
    let mut process = start(setting, program, data, &sink)?;
    let (port, truth) = (process.port, &data.truth);
    let mut stats = Stats::default();
    process.wait_for(|| {
        stats = sink.stats()?;
        // A sink that does not decode cannot count entries, but no pushes have less than this in them; once so much
        // is there, the agent is asked, and not before: being asked costs it time. Only snappy says what it decompresses
        // to.
        let is_done = stats.uncompressed_bytes.max(stats.body_bytes) >= least_bytes(truth)
            && program.sent_entries(port).map_or_else(|| is_quiet(&stats), |entries| entries >= truth.entries());
        Ok((!is_done).then(|| not_all(&stats)))
    })?;
    let used = usage(process.pid())?;
    let (first_ns, last_ns) = stats.first_arrival_ns.zip(stats.last_answer_ns).unwrap_or_default();
    let since_start = |ns: u64| Duration::from_nanos(ns.saturating_sub(process.started_ns)).as_secs_f64();
    let run = AgentRun {
        measure: Measure {
            source_bytes: truth.source_bytes(),
            lines: truth.entries(),
            requests: stats.requests.arrived,
            wire_bytes: stats.body_bytes,
            seconds: since_start(last_ns),
            cpu_seconds: used.cpu.as_secs_f64(),
        },
        resident_bytes_max: used.resident_bytes_max,
        startup_seconds: since_start(first_ns),
    };
    process.stop()?;
    Ok(run)
}

/// Runs an agent against a checking sink until all lines are there or nothing more comes, stops it, and compares.
pub(crate) fn check(setting: &Setting, program: &Program, data: &Data) -> io::Result<Verdict> {
    let mut sink = SinkProcess::start(setting.cores.sink_core, true)?;
    let mut process = start(setting, program, data, &sink)?;
    process.wait_for(|| {
        let stats = sink.stats()?;
        let accepted = stats.check.as_ref().map_or(0, |check| check.tagged.accepted);
        let is_done = accepted >= data.truth.entries() || is_quiet(&stats);
        Ok((!is_done).then(|| not_all(&stats)))
    })?;
    process.stop()?;
    Ok(compare(&data.truth, "fake", &sink.writers()?))
}

fn not_all(stats: &Stats) -> String {
    format!("the sink has {} requests with {} bytes, and that is not all", stats.requests.arrived, stats.body_bytes)
}

/// Starts an agent on the disk of the data, so that positions cost what they cost.
fn start(setting: &Setting, program: &Program, data: &Data, sink: &SinkProcess) -> io::Result<Process> {
    let parent = data.folder.parent().unwrap_or_else(|| Path::new("."));
    Process::start(parent, &[setting.cores.core], setting.timeout, |folder, port| {
        program.prepare(&Place { logs: &data.folder, folder, sink_url: sink.url(), port })
    })
}

/// Returns how many bytes the entries take at least: their lines, and for each the tags and lengths of
/// entry, time and line, and five bytes of seconds. That is for protobuf; JSON takes more.
pub(crate) fn least_bytes(truth: &Truth) -> u64 {
    let lines: u64 = truth.writers.iter().map(|writer| writer.stdout.text_bytes + writer.stderr.text_bytes).sum();
    lines + truth.entries() * (2 + 2 + 1 + 5 + 2)
}

/// Whether nothing has come for so long that nothing more will.
fn is_quiet(stats: &Stats) -> bool {
    let last_ns = stats.last_answer_ns.unwrap_or(u64::MAX);
    stats.requests.unanswered_now == 0 && Duration::from_nanos(wall_ns().saturating_sub(last_ns)) > QUIET
}

/// Longer than the pauses of an agent that has something to send.
const QUIET: Duration = Duration::from_secs(5);
