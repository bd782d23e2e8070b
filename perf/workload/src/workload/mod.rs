//! Many logs, written by one thread as fast as it can or at a steady pace.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use crate::format::PARTIAL_BYTES;
use crate::spec::{Format, Layout, Spec};
use crate::stamp::Clock;
use crate::truth::Truth;
use crate::writer::Writer;

/// The logs of a [`Spec`].
#[derive(Debug)]
pub struct Workload {
    spec: Spec,
    writers: Vec<Writer>,
    clock: Clock,
    /// Whose turn it is among the active writers.
    turn: usize,
    progress: Arc<Progress>,
}

/// How much was written, for whoever watches.
#[derive(Debug, Default)]
pub struct Progress {
    entries: AtomicU64,
    source_bytes: AtomicU64,
    stop: AtomicBool,
}

/// How fast lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// As fast as possible, a block of lines per log.
    Unlimited,
    /// So many lines a second over all logs, one line per log in turn.
    LinesPerSecond(u32),
}

/// When to stop; whichever comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Until {
    /// After so many lines.
    pub entries: Option<u64>,
    /// After the line that reaches so many bytes in the files.
    pub source_bytes: Option<u64>,
    /// After so long.
    pub duration: Option<Duration>,
}

impl Workload {
    /// Makes the logs in `folder`, and writes those that do not grow.
    pub fn create(folder: &Path, spec: &Spec) -> io::Result<Self> {
        check(spec).map_err(|reason| io::Error::new(io::ErrorKind::InvalidInput, reason))?;
        let mut clock = Clock::new(spec.stamps);
        let mut writers = Vec::with_capacity(spec.files as usize);
        for number in 0..spec.files {
            let mut writer = Writer::create(spec, number, folder, &log_path(spec, number))?;
            if number >= spec.active {
                writer.write(u64::from(spec.idle_lines), &mut clock)?;
                writer.rest()?;
                age(writer.log(), spec.idle_age)?;
            }
            writers.push(writer);
        }
        let workload = Self { spec: spec.clone(), writers, clock, turn: 0, progress: Arc::default() };
        workload.progress.entries.store(workload.truth().entries(), Ordering::Relaxed);
        workload.progress.source_bytes.store(workload.truth().source_bytes(), Ordering::Relaxed);
        Ok(workload)
    }

    /// What was written so far.
    pub fn truth(&self) -> Truth {
        Truth { spec: self.spec.clone(), writers: self.writers.iter().map(|writer| writer.truth().clone()).collect() }
    }

    /// The writers, for tests that write lines or rotate at moments of their own.
    pub fn writers(&mut self) -> (&mut [Writer], &mut Clock) {
        (&mut self.writers, &mut self.clock)
    }

    /// Counters that another thread may watch while [`Self::run`] runs, and its stop.
    pub fn progress(&self) -> Arc<Progress> {
        Arc::clone(&self.progress)
    }

    /// Writes until the amount is reached or [`Progress::stop`] is called. Everything is in the files when it returns; a
    /// log may have been renamed and have no successor, until [`Self::settle`].
    pub fn run(&mut self, pace: Pace, until: Until) -> io::Result<()> {
        let mut amount = Amount::begin(until);
        let written = match pace {
            Pace::Unlimited => self.run_unlimited(&mut amount),
            Pace::LinesPerSecond(rate) => self.run_paced(rate, &mut amount),
        };
        self.writers.iter_mut().try_for_each(Writer::flush)?;
        written
    }

    /// Completes the rotations that were begun, as the kubelet does.
    pub fn settle(&mut self) -> io::Result<()> {
        self.writers.iter_mut().try_for_each(Writer::settle)
    }

    /// [`Self::run`] in a thread of its own.
    pub fn spawn(mut self, pace: Pace, until: Until) -> Running {
        let progress = self.progress();
        Running { progress, thread: thread::spawn(move || self.run(pace, until).map(|()| self)) }
    }

    fn run_unlimited(&mut self, amount: &mut Amount) -> io::Result<()> {
        let block_lines = (BLOCK_BYTES / self.spec.line_bytes).max(1);
        loop {
            for _ in 0..block_lines {
                if amount.is_reached(&self.progress) {
                    return Ok(());
                }
                self.append(amount)?;
            }
            self.turn += 1;
        }
    }

    fn run_paced(&mut self, rate: u32, amount: &mut Amount) -> io::Result<()> {
        let begin = Instant::now();
        let mut written = 0;
        loop {
            let due = u64::try_from(begin.elapsed().as_nanos() * u128::from(rate) / 1_000_000_000)
                .expect("lines are counted in 64 bits");
            let first = self.turn;
            while written < due {
                if amount.is_reached(&self.progress) {
                    return Ok(());
                }
                self.append(amount)?;
                self.turn += 1;
                written += 1;
            }
            let active = self.spec.active as usize;
            for turn in first..self.turn.min(first + active) {
                self.writers[turn % active].flush()?;
            }
            if amount.is_reached(&self.progress) {
                return Ok(());
            }
            let next_line_at = Duration::from_nanos((written + 1) * 1_000_000_000 / u64::from(rate));
            thread::sleep(next_line_at.saturating_sub(begin.elapsed()).clamp(TICK, PAUSE_MAX));
        }
    }

    /// Appends a line to the log whose turn it is.
    fn append(&mut self, amount: &mut Amount) -> io::Result<()> {
        let writer = &mut self.writers[self.turn % self.spec.active as usize];
        let before = writer.truth().source_bytes;
        writer.append(&mut self.clock)?;
        let bytes = writer.truth().source_bytes - before;
        amount.entries += 1;
        amount.source_bytes += bytes;
        self.progress.entries.fetch_add(1, Ordering::Relaxed);
        self.progress.source_bytes.fetch_add(bytes, Ordering::Relaxed);
        Ok(())
    }
}

impl Progress {
    /// Lines written so far; those of the last moment may not be in the files yet.
    pub fn entries(&self) -> u64 {
        self.entries.load(Ordering::Relaxed)
    }

    /// Bytes written so far, with the same reservation.
    pub fn source_bytes(&self) -> u64 {
        self.source_bytes.load(Ordering::Relaxed)
    }

    /// Ends [`Workload::run`] at the next line.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// A workload that is being written by a thread of its own.
#[derive(Debug)]
pub struct Running {
    progress: Arc<Progress>,
    thread: JoinHandle<io::Result<Workload>>,
}

impl Running {
    /// How much was written.
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Waits until the amount is reached.
    pub fn join(self) -> io::Result<Workload> {
        self.thread.join().unwrap_or_else(|_| Err(io::Error::other("the writing thread panicked")))
    }

    /// Stops writing.
    pub fn stop(self) -> io::Result<Workload> {
        self.progress.stop();
        self.join()
    }
}

/// What a run has written, and what it is to write.
struct Amount {
    until: Until,
    begin: Instant,
    entries: u64,
    source_bytes: u64,
}

impl Amount {
    fn begin(until: Until) -> Self {
        Self { until, begin: Instant::now(), entries: 0, source_bytes: 0 }
    }

    fn is_reached(&self, progress: &Progress) -> bool {
        self.until.entries.is_some_and(|entries| self.entries >= entries)
            || self.until.source_bytes.is_some_and(|bytes| self.source_bytes >= bytes)
            || self.until.duration.is_some_and(|duration| self.begin.elapsed() >= duration)
            || progress.stop.load(Ordering::Relaxed)
    }
}

/// Returns where a log stands below the workload's folder.
fn log_path(spec: &Spec, number: u32) -> PathBuf {
    match spec.layout {
        Layout::Pods => {
            let uid = format!("{:08x}-0000-4000-8000-{number:012x}", spec.seed & 0xffff_ffff);
            PathBuf::from(format!("load_writer-{number:05}_{uid}/app/0.log"))
        }
        Layout::Flat => PathBuf::from(format!("writer-{number:05}.log")),
    }
}

/// Sets back the time of the last write.
fn age(log: &Path, age: Duration) -> io::Result<()> {
    if age.is_zero() {
        return Ok(());
    }
    std::fs::File::options().write(true).open(log)?.set_modified(SystemTime::now() - age)
}

/// Returns what makes a specification impossible.
fn check(spec: &Spec) -> Result<(), String> {
    if spec.active == 0 || spec.active > spec.files {
        return Err(format!("between 1 and {} of {} files can be active, got {}", spec.files, spec.files, spec.active));
    }
    if spec.line_bytes == 0 || spec.line_bytes > LINE_BYTES_MAX {
        return Err(format!("a line has between 1 and {LINE_BYTES_MAX} bytes, got {}", spec.line_bytes));
    }
    if spec.format == Format::Docker && spec.line_bytes as usize > PARTIAL_BYTES / 2 {
        return Err(format!(
            "Docker cuts content over {PARTIAL_BYTES} bytes into entries of their own, so lines of {} bytes would not \
             be entries",
            spec.line_bytes
        ));
    }
    Ok(())
}

/// As much goes to one log before the next has its turn, where there is no pace.
const BLOCK_BYTES: u32 = 256 * 1024;
/// How long a paced run sleeps at least between its lines.
const TICK: Duration = Duration::from_millis(1);
/// How late a paced run may see that it is to stop.
const PAUSE_MAX: Duration = Duration::from_millis(100);
/// More would not be logs.
const LINE_BYTES_MAX: u32 = 64 << 20;

#[cfg(test)]
mod tests;
