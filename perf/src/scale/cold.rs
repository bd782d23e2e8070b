//! A cold file beside quiet ones that are read as they grow.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use longship_sink::report::LatencyReport;
use longship_workload::spec::{Format, Spec, Stamps};
use longship_workload::workload::{Pace, Until, Workload};
use rustix::fs::{Advice, fadvise};
use serde::Serialize;

use super::agent::{Launch, Rung, Setting, logs_below, scratch, start, wait_for_files};
use super::configuration::{Input, Logs};
use crate::measure::float;
use crate::process::raise_open_files;
use crate::sink_process::SinkProcess;

/// How quiet files fare while a shard reads a cold one.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Cold {
    pub(super) rung: Rung,
    pub(super) cold_bytes: u64,
    pub(super) cold_megabytes_per_second: f64,
    /// Lines of the quiet files that were written meanwhile.
    pub(super) quiet_lines: u64,
    /// Append to read, of the quiet files.
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
    pub(super) p999_ms: f64,
}

/// Ships a cold file and, from its first push to its last, writes to quiet ones.
///
/// The quiet files' lines have no time of their own, so their entries have the time at which they were read.
pub(super) fn cold(setting: &Setting, rung: Rung, cold_bytes: u64) -> io::Result<Cold> {
    raise_open_files()?;
    let folder = scratch(setting)?;
    let (staged, pending, quiet) =
        (folder.path().join("staged"), folder.path().join("cold"), folder.path().join("quiet"));
    fs::create_dir(&pending)?;
    let (log, lines_bytes) = stage(&staged, cold_bytes)?;
    let spec = Spec {
        files: QUIET_FILES,
        active: QUIET_FILES,
        format: Format::Plain,
        stamps: Stamps::Wall,
        ..Spec::default()
    };
    let workload = Workload::create(&quiet, &spec)?;
    let mut cold_sink = SinkProcess::start(setting.sink_core, false)?;
    let mut quiet_sink = SinkProcess::start(setting.sink_core, true)?;
    let input = |name, folder: &Path, sink: &SinkProcess| Input {
        name,
        logs: Logs::Matching(logs_below(folder)),
        is_cri: false,
        url: sink.url().to_owned(),
    };
    let inputs = vec![input("cold", &pending, &cold_sink), input("quiet", &quiet, &quiet_sink)];
    let mut agent = start(setting, &Launch { rung, ..Launch::new(inputs) })?;
    wait_for_files(&mut agent, u64::from(QUIET_FILES))?;

    drop_from_cache(&log)?;
    fs::rename(&log, pending.join("cold.log"))?;
    agent.wait("the cold file is not read", || Ok(cold_sink.stats()?.requests.arrived > 0))?;
    let progress = workload.progress();
    let pace = Pace::LinesPerSecond(QUIET_LINES_PER_SECOND);
    let running = workload.spawn(pace, Until::default());
    let waited =
        agent.wait("the cold file is not shipped", || Ok(cold_sink.stats()?.uncompressed_bytes >= lines_bytes));
    running.stop()?;
    waited?;
    let mut read = LatencyReport::default();
    agent.wait("not every quiet line arrived", || {
        let check = quiet_sink.stats()?.check.unwrap_or_default();
        read = check.read_latency;
        Ok(check.tagged.accepted >= progress.entries())
    })?;
    agent.stop()?;
    let stats = cold_sink.stats()?;
    let (first_ns, last_ns) = stats.first_arrival_ns.zip(stats.last_answer_ns).unwrap_or_default();
    let seconds = Duration::from_nanos(last_ns.saturating_sub(first_ns)).as_secs_f64();
    Ok(Cold {
        rung,
        cold_bytes,
        cold_megabytes_per_second: float(cold_bytes) / 1e6 / seconds,
        quiet_lines: read.lines,
        p50_ms: float(read.p50_us) / 1e3,
        p99_ms: float(read.p99_us) / 1e3,
        p999_ms: float(read.p999_us) / 1e3,
    })
}

/// Writes the file that will be cold. Returns it, and the bytes of its lines without their newlines.
fn stage(folder: &Path, bytes: u64) -> io::Result<(PathBuf, u64)> {
    let mut workload = Workload::create(folder, &Spec { format: Format::Plain, ..Spec::default() })?;
    workload.run(Pace::Unlimited, Until { source_bytes: Some(bytes), ..Until::default() })?;
    let truth = workload.truth();
    let writer = truth.writers.first().ok_or_else(|| io::Error::other("nothing was written"))?;
    Ok((folder.join(&writer.path), writer.stdout.text_bytes))
}

/// Has the kernel forget a file's pages, for which they have to be on the disk.
fn drop_from_cache(path: &Path) -> io::Result<()> {
    let file = File::open(path)?;
    file.sync_all()?;
    Ok(fadvise(&file, 0, None, Advice::DontNeed)?)
}

const QUIET_FILES: u32 = 200;
/// Ten a second for each file.
const QUIET_LINES_PER_SECOND: u32 = 2_000;
