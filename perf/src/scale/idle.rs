//! Logs that nothing is written to.

use std::collections::BTreeMap;
use std::io;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use longship_workload::spec::Spec;
use longship_workload::workload::Workload;
use serde::Serialize;

use super::agent::{Launch, Setting, logs_below, scratch, start, wait_for_files};
use super::configuration::{Input, Logs};
use crate::measure::float;
use crate::process::{raise_open_files, resident_bytes, running_time};
use crate::sink_process::SinkProcess;

/// What idle files cost.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Idle {
    pub(super) files: u32,
    pub(super) seconds: f64,
    /// Share of a core.
    pub(super) cores_used: f64,
    pub(super) resident_bytes: u64,
    /// What it has with a few files.
    pub(super) resident_bytes_few: u64,
    pub(super) bytes_per_file: f64,
    /// System calls a second by name, the most frequent first; `None` where Linux' `perf` is not there or may not count.
    pub(super) system_calls: Option<Vec<(String, f64)>>,
}

/// Measures so many files that were last written an hour ago.
pub(super) fn idle(setting: &Setting, files: u32, duration: Duration) -> io::Result<Idle> {
    let few = follow(setting, FEW, Duration::ZERO)?;
    let many = follow(setting, files, duration)?;
    let grown = float(many.resident_bytes.saturating_sub(few.resident_bytes));
    Ok(Idle { resident_bytes_few: few.resident_bytes, bytes_per_file: grown / f64::from(files - FEW), ..many })
}

/// Follows files until all is quiet, and measures then: time first, system calls afterwards, since counting takes time.
fn follow(setting: &Setting, files: u32, duration: Duration) -> io::Result<Idle> {
    raise_open_files()?;
    let logs = scratch(setting)?;
    // One log has to be active in a workload; nothing is written to it either.
    let spec = Spec { files: files + 1, idle_lines: 10, idle_age: Duration::from_secs(3_600), ..Spec::default() };
    let truth = Workload::create(logs.path(), &spec)?.truth();
    let mut sink = SinkProcess::start(setting.sink_core, true)?;
    let input =
        Input { name: "logs", logs: Logs::Matching(logs_below(logs.path())), is_cri: true, url: sink.url().to_owned() };
    let mut agent = start(setting, &Launch::new(vec![input]))?;
    wait_for_files(&mut agent, u64::from(files))?;
    agent.wait("not every line arrived", || {
        let accepted = sink.stats()?.check.map_or(0, |check| check.tagged.accepted);
        Ok(accepted >= truth.entries())
    })?;
    thread::sleep(SETTLE);
    let (before, begin) = (running_time(agent.pid())?, Instant::now());
    thread::sleep(duration);
    let seconds = begin.elapsed().as_secs_f64();
    let cpu = (running_time(agent.pid())? - before).as_secs_f64();
    let system_calls = if duration.is_zero() { None } else { count_system_calls(agent.pid(), duration) };
    let resident_bytes = resident_bytes(agent.pid())?;
    agent.stop()?;
    Ok(Idle {
        files,
        seconds,
        cores_used: cpu / seconds,
        resident_bytes,
        resident_bytes_few: 0,
        bytes_per_file: 0.0,
        system_calls,
    })
}

/// What memory is compared with.
const FEW: u32 = 10;
/// Longer than it takes an agent to find that there is nothing to do and to give memory back.
const SETTLE: Duration = Duration::from_secs(15);

/// Counts a process' system calls by kernel tracepoints, with `perf stat` of the Linux tools.
fn count_system_calls(pid: u32, duration: Duration) -> Option<Vec<(String, f64)>> {
    let output = Command::new("/usr/bin/perf")
        .args(["stat", "-x", ",", "-e", "syscalls:sys_enter_*", "-p", &pid.to_string(), "--", "sleep"])
        .arg(duration.as_secs_f64().to_string())
        .stdin(Stdio::null())
        .output()
        .ok()?;
    let counts = counts(str::from_utf8(&output.stderr).ok()?);
    (output.status.success() && !counts.is_empty()).then(|| {
        let per_second = |(name, count): (String, u64)| (name, float(count) / duration.as_secs_f64());
        let mut calls: Vec<_> = counts.into_iter().map(per_second).collect();
        calls.sort_by(|left, right| right.1.total_cmp(&left.1));
        calls
    })
}

/// Reads lines such as `318732,,syscalls:sys_enter_statx,670314675,100.00,,`, and leaves out what was not called.
fn counts(text: &str) -> BTreeMap<String, u64> {
    let count = |line: &str| {
        let mut fields = line.split(',');
        let count = fields.next()?.parse().ok().filter(|count| *count > 0)?;
        Some((fields.nth(1)?.strip_prefix("syscalls:sys_enter_")?.to_owned(), count))
    };
    text.lines().filter_map(count).collect()
}

#[cfg(test)]
mod tests {
    use super::counts;

    #[test]
    fn what_was_called_is_counted() {
        let text = "\n27,,syscalls:sys_enter_statx,670314675,100.00,,\n0,,syscalls:sys_enter_read,1,100.00,,\n\
                    <not counted>,,syscalls:sys_enter_write,0,0.00,,\n";
        assert_eq!(counts(text).into_iter().collect::<Vec<_>>(), [("statx".to_owned(), 27)]);
    }
}
