//! The steps of a line, each on its own, for `benches/steps.rs`. Not part of a normal build.
//!
//! A step is made of the functions that a shard calls, on lines that are prepared before; what it returns depends on all
//! that it did, so that no part of it can be left out.

use crate::budget::Budget;
use crate::encode::chunk::{Chunk, SegmentPool};
use crate::encode::compress::{Body, Compression, Compressor};
use crate::encode::protobuf::{ENTRY_HEAD_BYTES, entry_head};
use crate::limits::LARGE_READ_BYTES;
use crate::plan::Labels;
use crate::read::log::Feed;
use crate::split::cri;
use crate::split::timestamp::TimestampParser;
use crate::stages::Variant;

/// CRI lines, and what the steps before a step make of them.
pub struct Bench<'a> {
    log: &'a [u8],
    lines: Vec<&'a [u8]>,
    times: Vec<&'a [u8]>,
    /// Times and contents.
    entries: Vec<(i64, &'a [u8])>,
    /// Encoded entries.
    message: Vec<u8>,
    feed: Feed,
}

/// Bytes of lines in a batch, as by default.
const BATCH_BYTES: usize = 1 << 20;
/// Lines on standard output: the first stage found its format and the first of its values.
const STDOUT: Variant = Variant(1);
/// The same for standard error.
const STDERR: Variant = Variant(2);

impl<'a> Bench<'a> {
    /// Prepares a log in which every line is a CRI line.
    pub fn new(log: &'a [u8]) -> Self {
        let lines: Vec<_> = log.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end).collect();
        let times = lines.iter().map(|line| &line[..line.iter().position(|byte| *byte == b' ').unwrap_or(0)]).collect();
        let mut timestamps = TimestampParser::new();
        let entry = |line: &&'a [u8]| {
            let parsed = cri::parse(line, &mut timestamps)?;
            Some((parsed.time_ns?, parsed.content))
        };
        let entries: Vec<_> = lines.iter().filter_map(entry).collect();
        let mut message = Vec::new();
        for (time_ns, content) in &entries {
            let mut head = [0; ENTRY_HEAD_BYTES];
            let bytes = entry_head(&mut head, *time_ns, content.len());
            message.extend_from_slice(&head[..bytes]);
            message.extend_from_slice(content);
        }
        let variants = vec![(STDERR, 0..1), (STDOUT, 1..2)];
        let feed = Feed { route: 0, labels: Labels::new(), active: true, variants };
        Self { log, lines, times, entries, message, feed }
    }

    /// Lines of the log.
    pub fn lines(&self) -> usize {
        self.lines.len()
    }

    /// Finds the lines of reads, and whether they are UTF-8.
    pub fn split(&self) -> u64 {
        let mut sum = 0;
        for read in self.log.chunks(LARGE_READ_BYTES) {
            sum += std::str::from_utf8(read).map_or_else(|error| error.valid_up_to(), str::len) as u64;
            sum += memchr::memchr_iter(b'\n', read).fold(0, |sum, at| sum + at as u64);
        }
        sum
    }

    /// Reads the times of lines.
    pub fn time(&self) -> u64 {
        let mut timestamps = TimestampParser::new();
        let times = self.times.iter().filter_map(|time| timestamps.parse(time));
        times.fold(0, |sum, time| sum ^ time.cast_unsigned())
    }

    /// Takes lines apart, times included.
    pub fn cri(&self) -> u64 {
        let mut timestamps = TimestampParser::new();
        let parsed = self.lines.iter().filter_map(|line| cri::parse(line, &mut timestamps));
        parsed.fold(0, |sum, line| sum ^ line.time_ns.unwrap_or(0).cast_unsigned() ^ line.content.len() as u64)
    }

    /// Finds the outlets of lines' labels.
    pub fn labels(&self) -> u64 {
        let outlets = self.lines.iter().filter_map(|line| {
            let variant = std::hint::black_box(if line.is_empty() { STDERR } else { STDOUT });
            self.feed.outlets(variant)
        });
        outlets.fold(0, |sum, outlets| sum + outlets.end as u64)
    }

    /// Encodes entries into the chunks of full batches.
    pub fn encode(&self) -> u64 {
        let mut pool = SegmentPool::new(Budget::new(4 * BATCH_BYTES as u64));
        let (mut chunk, mut line_bytes, mut sum) = (Chunk::EMPTY, 0, 0);
        for (time_ns, content) in &self.entries {
            if line_bytes + content.len() > BATCH_BYTES {
                sum += chunk.bytes() as u64;
                pool.free(&mut chunk);
                line_bytes = 0;
            }
            let reserved = pool.reserve(&mut chunk, content.len());
            reserved.expect("the budget has room for more than a batch");
            pool.append(&mut chunk, *time_ns, content);
            line_bytes += content.len();
        }
        sum + chunk.bytes() as u64
    }

    /// Compresses batches.
    pub fn compress(&self) -> u64 {
        let mut compressor = Compressor::new(Compression::Snappy);
        let (mut body, mut sum) = (Body::default(), 0);
        for batch in self.message.chunks(BATCH_BYTES) {
            compressor.begin(body);
            for segment in batch.chunks(64 << 10) {
                compressor.append(segment);
            }
            body = compressor.finish();
            sum += body.as_slice().len() as u64;
        }
        sum
    }
}
