//! One run of an agent: from its start until the sink has everything.

use std::fs::{self, File};
use std::io;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use longship_sink::report::Stats;
use longship_sink::verdict::{Verdict, compare};
use longship_workload::stamp::wall_ns;
use longship_workload::truth::Truth;
use rustix::process::{Pid, Signal, kill_process};
use serde::Serialize;

use super::longship;
use crate::data::Data;
use crate::measure::Measure;
use crate::pinning::spawn_pinned;
use crate::process::usage;
use crate::sink_process::SinkProcess;

/// Where and how an agent runs.
#[derive(Clone, Debug)]
pub(super) struct Setting {
    pub(super) agent: PathBuf,
    pub(super) agent_core: usize,
    pub(super) sink_core: usize,
    /// A run that takes longer has failed.
    pub(super) timeout: Duration,
}

/// What a run showed.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct AgentRun {
    /// From the start of the process to the last answer.
    #[serde(flatten)]
    pub(super) measure: Measure,
    pub(super) resident_bytes_max: u64,
    /// From the start of the process to its first push.
    pub(super) startup_seconds: f64,
}

/// Measures an agent against a draining sink.
pub(super) fn measure(setting: &Setting, data: &Data) -> io::Result<AgentRun> {
    let mut sink = SinkProcess::start(setting.sink_core, false)?;
    let mut process = Process::start(setting, data, &sink)?;
    let stats = process.wait(setting, &mut sink, |stats, process| {
        // A sink that does not decode cannot count entries, but no push has less than this in it; once so much is
        // there, the agent is asked, and not before: being asked costs it time.
        stats.uncompressed_bytes >= least_bytes(&data.truth)
            && process.has_sent(&data.truth).unwrap_or_else(|| is_quiet(stats))
    })?;
    let used = usage(process.child.id())?;
    let (first_ns, last_ns) = stats.first_arrival_ns.zip(stats.last_answer_ns).unwrap_or_default();
    process.stop(setting)?;
    Ok(AgentRun {
        measure: Measure {
            source_bytes: data.truth.source_bytes(),
            lines: data.truth.entries(),
            requests: stats.requests.arrived,
            wire_bytes: stats.body_bytes,
            seconds: Duration::from_nanos(last_ns.saturating_sub(process.started_ns)).as_secs_f64(),
            cpu_seconds: used.cpu.as_secs_f64(),
        },
        resident_bytes_max: used.resident_bytes_max,
        startup_seconds: Duration::from_nanos(first_ns.saturating_sub(process.started_ns)).as_secs_f64(),
    })
}

/// Runs an agent against a checking sink until all lines are there or nothing more comes, stops it, and compares.
pub(super) fn check(setting: &Setting, data: &Data) -> io::Result<Verdict> {
    let mut sink = SinkProcess::start(setting.sink_core, true)?;
    let mut process = Process::start(setting, data, &sink)?;
    process.wait(setting, &mut sink, |stats, _| {
        let accepted = stats.check.as_ref().map_or(0, |check| check.tagged.accepted);
        accepted >= data.truth.entries() || is_quiet(stats)
    })?;
    process.stop(setting)?;
    Ok(compare(&data.truth, "fake", &sink.writers()?))
}

/// Returns how many bytes of protobuf the entries take at least: their lines, and for each the tags and lengths of
/// entry, time and line, and five bytes of seconds.
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
/// How often the sink is asked.
const POLL: Duration = Duration::from_millis(10);

/// An agent that runs, in a folder of its own.
struct Process {
    child: Child,
    started_ns: u64,
    port: u16,
    folder: tempfile::TempDir,
}

impl Process {
    fn start(setting: &Setting, data: &Data, sink: &SinkProcess) -> io::Result<Self> {
        // On the disk of the data, so that positions cost what they cost.
        let parent = data.folder.parent().unwrap_or_else(|| Path::new("."));
        let folder = tempfile::Builder::new().prefix("agent-").tempdir_in(parent)?;
        let push_url = format!("{}/loki/api/v1/push", sink.url());
        let configuration = folder.path().join("config.alloy");
        fs::write(&configuration, longship::configuration(&data.folder, &push_url))?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let log = File::create(folder.path().join(LOG))?;
        let storage = folder.path().join("storage");
        let mut command = longship::command(&setting.agent, &configuration, &storage, port);
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let started_ns = wall_ns();
        let child = spawn_pinned(&mut command, setting.agent_core)?;
        Ok(Self { child, started_ns, port, folder })
    }

    /// Waits until the sink's sums are as wanted and returns them.
    fn wait(
        &mut self,
        setting: &Setting,
        sink: &mut SinkProcess,
        is_done: impl Fn(&Stats, &Self) -> bool,
    ) -> io::Result<Stats> {
        let begin = Instant::now();
        loop {
            let stats = sink.stats()?;
            if is_done(&stats, self) {
                return Ok(stats);
            }
            if let Some(status) = self.child.try_wait()? {
                return Err(self.failure(&format!("the agent ended with {status}")));
            }
            if begin.elapsed() > setting.timeout {
                let seconds = setting.timeout.as_secs();
                return Err(self.failure(&format!(
                    "after {seconds} s the sink has {} requests with {} bytes of protobuf, and that is not all",
                    stats.requests.arrived, stats.uncompressed_bytes
                )));
            }
            thread::sleep(POLL);
        }
    }

    /// Whether the agent says that all was answered; `None` where it says nothing.
    fn has_sent(&self, truth: &Truth) -> Option<bool> {
        longship::sent_entries(self.port).map(|entries| entries >= truth.entries())
    }

    /// Asks the agent to end, and waits for that.
    fn stop(&mut self, setting: &Setting) -> io::Result<()> {
        kill_process(Pid::from_child(&self.child), Signal::TERM)?;
        let begin = Instant::now();
        while self.child.try_wait()?.is_none() {
            if begin.elapsed() > setting.timeout {
                return Err(self.failure("the agent does not end on SIGTERM"));
            }
            thread::sleep(POLL);
        }
        Ok(())
    }

    /// Returns an error with the last of what the agent said.
    fn failure(&self, reason: &str) -> io::Error {
        let log = fs::read_to_string(self.folder.path().join(LOG)).unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();
        let last = lines[lines.len().saturating_sub(LOG_LINES)..].join("\n");
        io::Error::other(format!("{reason}\n{last}"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It has ended already, unless something went wrong.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

const LOG: &str = "agent.log";
/// So much of what a failed agent said is shown.
const LOG_LINES: usize = 20;
