//! Goes once over the data, doing all steps up to a given one.

use std::fs::File;
use std::hint::black_box;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::batch::Batch;
use super::blocks::Blocks;
use super::cri::Parser;
use crate::http::Connection;
use crate::measure::Measure;
use crate::process::own_cpu;

/// How far a pass goes. Each step includes those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Step {
    Read,
    Lines,
    Parse,
    Encode,
    Compress,
    Post,
}

impl Step {
    pub(crate) const ALL: [Self; 6] = [Self::Read, Self::Lines, Self::Parse, Self::Encode, Self::Compress, Self::Post];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Lines => "+ lines (memchr)",
            Self::Parse => "+ CRI and time",
            Self::Encode => "+ protobuf",
            Self::Compress => "+ snappy",
            Self::Post => "+ POST and answer",
        }
    }
}

/// A file and the labels of its stream.
#[derive(Clone, Debug)]
pub(crate) struct Log {
    pub(crate) path: PathBuf,
    pub(crate) labels: String,
}

/// What a pass did and took.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Pass {
    pub(crate) step: Step,
    pub(crate) measure: Measure,
}

/// Goes over the logs. `connection` is where batches go in [`Step::Post`].
pub(crate) fn pass(step: Step, logs: &[Log], batch_bytes: usize, connection: &mut Connection) -> io::Result<Pass> {
    // One function per step, so that no step pays for the choice.
    match step {
        Step::Read => run::<0>(step, logs, batch_bytes, connection),
        Step::Lines => run::<1>(step, logs, batch_bytes, connection),
        Step::Parse => run::<2>(step, logs, batch_bytes, connection),
        Step::Encode => run::<3>(step, logs, batch_bytes, connection),
        Step::Compress => run::<4>(step, logs, batch_bytes, connection),
        Step::Post => run::<5>(step, logs, batch_bytes, connection),
    }
}

fn run<const STEP: u8>(step: Step, logs: &[Log], batch_bytes: usize, connection: &mut Connection) -> io::Result<Pass> {
    let mut blocks = Blocks::new();
    let mut sender = Sender::<STEP>::new(batch_bytes, connection);
    let (mut source_bytes, mut lines) = (0, 0);
    let (begin, begin_cpu) = (Instant::now(), own_cpu());
    for log in logs {
        let file = File::open(&log.path)
            .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", log.path.display())))?;
        if STEP >= 3 {
            sender.batch.open(&log.labels);
        }
        source_bytes += blocks.read(&file, |block| {
            lines += take_block::<STEP>(block, &mut sender, &log.labels)?;
            Ok(())
        })?;
    }
    if STEP >= 3 {
        sender.send()?;
    }
    let (elapsed, cpu): (Duration, Duration) = (begin.elapsed(), own_cpu() - begin_cpu);
    let measure = Measure {
        source_bytes,
        lines,
        requests: sender.requests,
        wire_bytes: sender.wire_bytes,
        seconds: elapsed.as_secs_f64(),
        cpu_seconds: cpu.as_secs_f64(),
    };
    Ok(Pass { step, measure })
}

/// Takes the whole lines of a block; returns their number.
fn take_block<const STEP: u8>(block: &[u8], sender: &mut Sender<'_, STEP>, labels: &str) -> io::Result<u64> {
    if STEP == 0 {
        black_box(block);
        return Ok(0);
    }
    let (mut lines, mut start) = (0, 0);
    for newline in memchr::memchr_iter(b'\n', block) {
        let text = &block[start..newline];
        start = newline + 1;
        lines += 1;
        if STEP == 1 {
            black_box(text);
            continue;
        }
        let Some(line) = sender.parser.parse(text) else {
            let text = String::from_utf8_lossy(&text[..text.len().min(80)]);
            return Err(io::Error::other(format!("expected whole CRI lines on standard output, got {text}")));
        };
        if STEP == 2 {
            black_box(line);
            continue;
        }
        if sender.batch.line_bytes() + line.content.len() > sender.batch_bytes {
            sender.send()?;
            sender.batch.open(labels);
        }
        sender.batch.append(line.seconds, line.nanoseconds, line.content);
    }
    Ok(lines)
}

/// What comes after the lines.
struct Sender<'a, const STEP: u8> {
    parser: Parser,
    batch: Batch,
    batch_bytes: usize,
    encoder: snap::raw::Encoder,
    compressed: Vec<u8>,
    connection: &'a mut Connection,
    requests: u64,
    wire_bytes: u64,
}

impl<'a, const STEP: u8> Sender<'a, STEP> {
    fn new(batch_bytes: usize, connection: &'a mut Connection) -> Self {
        Self {
            parser: Parser::default(),
            batch: Batch::default(),
            batch_bytes,
            encoder: snap::raw::Encoder::new(),
            compressed: Vec::new(),
            connection,
            requests: 0,
            wire_bytes: 0,
        }
    }

    /// Seals the batch, and compresses and sends it if the pass goes that far.
    fn send(&mut self) -> io::Result<()> {
        let push = self.batch.seal();
        if push.is_empty() {
            return Ok(());
        }
        if STEP >= 4 {
            let bytes_max = snap::raw::max_compress_len(push.len());
            if self.compressed.len() < bytes_max {
                self.compressed.resize(bytes_max, 0);
            }
            let bytes = self.encoder.compress(push, &mut self.compressed).map_err(io::Error::other)?;
            self.wire_bytes += bytes as u64;
            if STEP >= 5 {
                let answer = self.connection.push("/loki/api/v1/push", &self.compressed[..bytes])?;
                if answer.status != 204 {
                    let text = String::from_utf8_lossy(&answer.body);
                    return Err(io::Error::other(format!("the sink answered {}: {text}", answer.status)));
                }
                self.requests += 1;
            }
        }
        black_box(push);
        self.batch.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests;
