//! The writer of one log.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::digest::Digest;
use crate::format::{Output, append_record, overhead_bytes};
use crate::payload::append_content;
use crate::random::Random;
use crate::rotation::Generations;
use crate::spec::{Format, ReopenAfter, Rotation, Spec};
use crate::stamp::Clock;
use crate::tag::Tag;
use crate::truth::WriterTruth;

/// Appends lines to one log, rotates it, and keeps count.
#[derive(Debug)]
pub struct Writer {
    spec: Spec,
    log: PathBuf,
    /// What lines go to: the log, or the renamed one until the new log is made. `None` while at rest.
    file: Option<File>,
    /// Size of `file`.
    file_bytes: u64,
    /// Whole lines that are not in `file` yet.
    pending: Vec<u8>,
    /// The content of the line in the making.
    content: Vec<u8>,
    generations: Generations,
    /// Set from the rename until the new log is made.
    renamed: Option<Renamed>,
    random: Random,
    truth: WriterTruth,
}

/// When the new log is to be made.
#[derive(Debug)]
struct Renamed {
    lines_left: u64,
    at: Instant,
}

impl Writer {
    /// Makes the log `path` below `folder`, with the folders it needs. It must not be there yet.
    pub fn create(spec: &Spec, writer: u32, folder: &Path, path: &Path) -> io::Result<Self> {
        let log = folder.join(path);
        if let Some(parent) = log.parent() {
            fs::create_dir_all(parent)?;
        }
        Ok(Self {
            spec: spec.clone(),
            file: Some(File::create_new(&log)?),
            log,
            file_bytes: 0,
            pending: Vec::with_capacity(PENDING_BYTES + 2 * spec.line_bytes as usize),
            content: Vec::new(),
            generations: Generations::new(),
            renamed: None,
            random: Random::new(spec.seed, u64::from(writer)),
            truth: WriterTruth {
                writer,
                path: path.to_path_buf(),
                entries: 0,
                source_bytes: 0,
                rotations: 0,
                stdout: Digest::default(),
                stderr: Digest::default(),
            },
        })
    }

    /// What was written so far, pending lines included.
    pub fn truth(&self) -> &WriterTruth {
        &self.truth
    }

    /// The log's path.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Writes `lines` lines and flushes.
    pub fn write(&mut self, lines: u64, clock: &mut Clock) -> io::Result<()> {
        for _ in 0..lines {
            self.append(clock)?;
        }
        self.flush()
    }

    /// Makes one line, which is in the file after [`Self::flush`] at the latest; rotates where the specification asks.
    pub fn append(&mut self, clock: &mut Clock) -> io::Result<()> {
        if let Some(renamed) = &mut self.renamed {
            if renamed.lines_left == 0 && Instant::now() >= renamed.at {
                self.reopen()?;
            } else {
                renamed.lines_left = renamed.lines_left.saturating_sub(1);
            }
        }
        self.append_line(clock);
        let rotation_bytes = self.spec.rotation.as_ref().map_or(u64::MAX, |rotation| rotation.bytes);
        if self.renamed.is_none() && self.file_bytes + self.pending.len() as u64 >= rotation_bytes {
            self.rotate(clock)
        } else if self.pending.len() >= PENDING_BYTES {
            self.flush()
        } else {
            Ok(())
        }
    }

    /// Writes what is pending to the file.
    pub fn flush(&mut self) -> io::Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        if self.file.is_none() {
            self.file = Some(OpenOptions::new().append(true).open(&self.log)?);
        }
        let file = self.file.as_mut().expect("it was opened above");
        file.write_all(&self.pending)?;
        self.file_bytes += self.pending.len() as u64;
        self.pending.clear();
        Ok(())
    }

    /// Begins a rotation now, whatever the log's size: flushes and renames. The new log is made when the
    /// specification's delay is over and the next line comes, or at once without a delay. Does nothing while the new
    /// log of an earlier rotation is still to be made, or where the specification has no rotation.
    pub fn rotate(&mut self, clock: &Clock) -> io::Result<()> {
        let Some(rotation) = self.spec.rotation.clone() else { return Ok(()) };
        if self.renamed.is_some() {
            return Ok(());
        }
        self.flush()?;
        self.generations.rename(&self.log, &rotation, clock.now_ns())?;
        self.truth.rotations += 1;
        let renamed = Renamed::begin(&rotation);
        let without_delay = renamed.lines_left == 0 && renamed.at <= Instant::now();
        self.renamed = Some(renamed);
        if without_delay { self.reopen() } else { Ok(()) }
    }

    /// Flushes, and makes the new log if a rotation was begun.
    pub fn settle(&mut self) -> io::Result<()> {
        if self.renamed.is_some() { self.reopen() } else { self.flush() }
    }

    /// Flushes and closes the file; the next line opens it again.
    pub fn rest(&mut self) -> io::Result<()> {
        self.flush()?;
        if self.renamed.is_none() {
            self.file = None;
        }
        Ok(())
    }

    /// Makes the new log; what is pending still goes to the renamed one.
    fn reopen(&mut self) -> io::Result<()> {
        self.flush()?;
        self.file = Some(File::create_new(&self.log)?);
        self.file_bytes = 0;
        self.renamed = None;
        match &self.spec.rotation {
            Some(rotation) => self.generations.trim(rotation),
            None => Ok(()),
        }
    }

    fn append_line(&mut self, clock: &mut Clock) {
        let spec = &self.spec;
        let time_ns = clock.next_ns();
        self.content.clear();
        if spec.format == Format::Identical {
            self.content.extend_from_slice(IDENTICAL);
        } else {
            let tag = Tag { writer: self.truth.writer, sequence: self.truth.entries, written_ns: time_ns };
            let length = content_bytes(spec, &mut self.random);
            append_content(spec.payload, tag, length, &mut self.random, &mut self.content);
        }
        let to_stderr = spec.format.has_outputs() && self.random.below(100) < u32::from(spec.stderr_percent);
        let output = if to_stderr { Output::Stderr } else { Output::Stdout };

        let before = self.pending.len();
        let entry_ns = append_record(spec.format, output, &self.content, time_ns, clock, &mut self.pending);
        self.truth.source_bytes += (self.pending.len() - before) as u64;
        self.truth.entries += 1;
        if spec.format == Format::Docker {
            self.content.push(b'\n');
        }
        let digest = if to_stderr { &mut self.truth.stderr } else { &mut self.truth.stdout };
        digest.add(i64::try_from(entry_ns).expect("the year is before 2262"), &self.content);
    }
}

impl Renamed {
    fn begin(rotation: &Rotation) -> Self {
        let now = Instant::now();
        match rotation.reopen_after {
            ReopenAfter::Lines(lines_left) => Self { lines_left, at: now },
            ReopenAfter::Time(delay) => Self { lines_left: 0, at: now + delay },
        }
    }
}

/// Returns the length of the next line's content, spread by an eighth of the line around the wanted one.
fn content_bytes(spec: &Spec, random: &mut Random) -> usize {
    let spread = spec.line_bytes / 8;
    let line_bytes = spec.line_bytes - spread + random.below(2 * spread + 1);
    (line_bytes as usize).saturating_sub(overhead_bytes(spec.format))
}

/// What every line of [`Format::Identical`] says.
const IDENTICAL: &[u8] = b"heartbeat: all systems nominal";
/// As much is gathered before it is written.
const PENDING_BYTES: usize = 256 * 1024;

#[cfg(test)]
mod tests;
