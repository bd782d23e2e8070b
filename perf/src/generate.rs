//! `perf gen`: writes logs and the truth about them.

use std::fs;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use longship_workload::spec::{
    Format, Layout, Payload, ReopenAfter, Rotation, SYNTHETIC_START_NS, SYNTHETIC_STEP_NS, Spec, Stamps,
};
use longship_workload::truth::Truth;
use longship_workload::workload::{Pace, Until, Workload};

use crate::process::raise_open_files;
use crate::quantity::{bytes, duration, named};

/// Writes logs from a seed, as fast as possible or at a pace, and a truth file that tells what should arrive.
///
/// Every line carries its writer, its number and its time as `lsw=<writer>/<number>/<nanoseconds>`, so that a checking
/// `perf sink` can say what is missing, came twice or out of order. Nothing is written into a folder that is not empty.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Folder of the logs; made if it is not there.
    folder: PathBuf,
    /// Where the truth goes when all is written [default: FOLDER.truth.json].
    #[arg(long)]
    truth: Option<PathBuf>,

    /// Stop after so many bytes in the files (64KiB, 10MB, 1GiB).
    #[arg(long, value_parser = bytes, required_unless_present_any = ["lines", "duration"])]
    bytes: Option<u64>,
    /// Stop after so many lines.
    #[arg(long)]
    lines: Option<u64>,
    /// Stop after so long (250ms, 10s, 5m).
    #[arg(long, value_parser = duration)]
    duration: Option<Duration>,
    /// Lines per second over all logs; without it as fast as possible.
    #[arg(long)]
    rate: Option<u32>,

    /// Same seed, same lines.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How lines stand in their file: cri, docker, plain, identical.
    #[arg(long, default_value = "cri", value_parser = named::<Format>)]
    format: Format,
    /// What lines say: mixed, logfmt, json, access.
    #[arg(long, default_value = "mixed", value_parser = named::<Payload>)]
    payload: Payload,
    /// Mean bytes of a line in its file, prefix and newline included. Content over 16 KiB becomes partial records.
    #[arg(long, default_value_t = 221)]
    line_bytes: u32,
    /// Share of lines on standard error, in percent.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=100))]
    stderr_percent: u8,
    /// Lines have the time at which they are written instead of made-up ones.
    #[arg(long)]
    wall_times: bool,

    /// Number of logs.
    #[arg(long, default_value_t = 1)]
    files: u32,
    /// How many of them grow [default: all].
    #[arg(long)]
    active: Option<u32>,
    /// Lines of each log that does not grow.
    #[arg(long, default_value_t = 10)]
    idle_lines: u32,
    /// How long ago the logs that do not grow were written.
    #[arg(long, default_value = "1h", value_parser = duration)]
    idle_age: Duration,
    /// Where logs stand: pods (as below /var/log/pods), flat.
    #[arg(long, default_value = "pods", value_parser = named::<Layout>)]
    layout: Layout,

    /// Rotate a log of this size as the kubelet does: rename it to 0.log.<time>, make a new 0.log.
    #[arg(long, value_parser = bytes)]
    rotate_bytes: Option<u64>,
    /// How long lines go to the renamed log before the new one is made.
    #[arg(long, default_value = "0ms", value_parser = duration)]
    reopen_after: Duration,
    /// Rotated logs that stay; 0 removes a log as soon as its successor is there.
    #[arg(long, default_value_t = 4)]
    keep: u32,
    /// Compress rotated logs, the last one excepted.
    #[arg(long)]
    gzip: bool,
}

impl Arguments {
    fn spec(&self) -> Spec {
        let rotation = self.rotate_bytes.map(|bytes| Rotation {
            bytes,
            reopen_after: ReopenAfter::Time(self.reopen_after),
            keep: self.keep,
            gzip: self.gzip,
        });
        let synthetic = Stamps::Synthetic { start_ns: SYNTHETIC_START_NS, step_ns: SYNTHETIC_STEP_NS };
        Spec {
            seed: self.seed,
            format: self.format,
            payload: self.payload,
            line_bytes: self.line_bytes,
            files: self.files,
            active: self.active.unwrap_or(self.files),
            idle_lines: self.idle_lines,
            idle_age: self.idle_age,
            layout: self.layout,
            stderr_percent: self.stderr_percent,
            stamps: if self.wall_times { Stamps::Wall } else { synthetic },
            rotation,
        }
    }
}

/// Writes what the arguments ask for.
pub(crate) fn generate(arguments: &Arguments) -> io::Result<()> {
    let folder = &arguments.folder;
    fs::create_dir_all(folder)?;
    if fs::read_dir(folder)?.next().is_some() {
        return Err(io::Error::other(format!("{} is not empty", folder.display())));
    }
    raise_open_files()?;
    let begin = Instant::now();
    let mut workload = Workload::create(folder, &arguments.spec())?;
    let pace = arguments.rate.map_or(Pace::Unlimited, Pace::LinesPerSecond);
    let until = Until { entries: arguments.lines, source_bytes: arguments.bytes, duration: arguments.duration };
    workload.run(pace, until)?;

    let truth = workload.truth();
    let path = arguments.truth.clone().unwrap_or_else(|| folder.with_added_extension("truth.json"));
    truth.save(&path)?;
    writeln!(io::stdout(), "{}", summary(&truth, begin.elapsed()))?;
    writeln!(io::stdout(), "truth: {}", path.display())
}

fn summary(truth: &Truth, elapsed: Duration) -> String {
    let rotations: u64 = truth.writers.iter().map(|writer| writer.rotations).sum();
    format!(
        "{} lines, {} bytes in {} logs, {} rotations, {:.3} s",
        truth.entries(),
        truth.source_bytes(),
        truth.writers.len(),
        rotations,
        elapsed.as_secs_f64()
    )
}
