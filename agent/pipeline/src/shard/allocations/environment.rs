//! A world that allocates nothing itself: files that all hold the same text again and again, and answers that are
//! always 204.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use crate::encode::compress::Body;
use crate::environment::{
    Answer, BufferSize, Environment, PushTicket, ReadTicket, Remainder, SettledRemainder, WatchId,
};
use crate::event::Event;
use crate::identity::FileStatus;
use crate::limits::{LARGE_BUFFER_BYTES, LARGE_BUFFERS, PAGE_BYTES, SMALL_BUFFERS};
use crate::random::Random;

/// What every request is answered with.
pub(super) const ACCEPTED: Answer = Answer::Response { status: 204, retry_after_ns: None, body: Vec::new() };

const FOLDER: &str = "/var/log/pods";

pub(super) const WATCH: WatchId = WatchId(0);

/// One line in so many is a part of a record that goes on in the next line.
pub(super) const PARTIAL_EVERY: usize = 50;

/// What stands in every file, over and over.
#[derive(Clone)]
pub(super) struct Text {
    /// The text, and its start once more, so that a read may begin anywhere.
    bytes: Rc<[u8]>,
    period: usize,
}

impl Text {
    /// Writes this many CRI lines of 100 to 340 bytes.
    pub(super) fn new(lines: usize) -> Self {
        let mut random = Random::new(3);
        let mut bytes = Vec::new();
        for line in 0..lines {
            let (seconds, nanos) = (line / 100 % 60, random.below(1_000_000_000));
            let flag = if line % PARTIAL_EVERY == 0 { 'P' } else { 'F' };
            let head = format!("2026-11-24T01:44:{seconds:02}.{nanos:09}Z stdout {flag} level=info request={line} ");
            bytes.extend_from_slice(head.as_bytes());
            let padding = if line + 1 == lines {
                // A whole number of pages, because reads begin at pages.
                let end = bytes.len() as u64 + 1;
                end.next_multiple_of(PAGE_BYTES) - end
            } else {
                40 + random.below(240)
            };
            for _ in 0..padding {
                bytes.push(b'a' + u8::try_from(random.below(20)).expect("below 20"));
            }
            bytes.push(b'\n');
        }
        let period = bytes.len();
        bytes.extend_from_within(..LARGE_BUFFER_BYTES);
        Self { bytes: bytes.into(), period }
    }

    /// Bytes after which it begins again.
    pub(super) fn period(&self) -> u64 {
        self.period as u64
    }

    /// What a read at an offset brings of a file of this size.
    pub(super) fn at(&self, offset: u64, bytes: usize, size: u64) -> &[u8] {
        let there = usize::try_from(size.saturating_sub(offset)).expect("a test's files are small");
        let start = usize::try_from(offset % self.period()).expect("within the text");
        &self.bytes[start..start + bytes.min(there)]
    }
}

/// The world.
pub(super) struct WarmEnvironment {
    pub(super) now_ns: u64,
    pub(super) text: Text,
    /// Sizes of the files, which are opened in order.
    pub(super) sizes: Vec<u64>,
    /// The name of each file in its folder.
    pub(super) names: Vec<OsString>,
    /// Reads under way.
    pub(super) reads: VecDeque<(ReadTicket, BufferSize)>,
    /// Requests under way.
    pub(super) requests: VecDeque<(PushTicket, Body)>,
    pub(super) journal_writes: u64,
    free_small: usize,
    free_large: usize,
    random: Random,
}

impl WarmEnvironment {
    pub(super) fn new(logs: usize, text: Text) -> Self {
        let name = |log: usize| OsString::from(log.to_string());
        Self {
            now_ns: 1,
            text,
            sizes: vec![0; logs],
            names: (0..logs).map(name).collect(),
            reads: VecDeque::with_capacity(SMALL_BUFFERS + LARGE_BUFFERS),
            requests: VecDeque::with_capacity(crate::limits::REQUESTS_MAX),
            journal_writes: 0,
            free_small: SMALL_BUFFERS,
            free_large: LARGE_BUFFERS,
            random: Random::new(11),
        }
    }

    /// The paths of the files, in order.
    pub(super) fn paths(&self) -> impl Iterator<Item = PathBuf> + use<> {
        (0..self.sizes.len()).map(|log| Path::new(FOLDER).join(log.to_string()))
    }

    /// Appends to a file, up to a size.
    pub(super) fn grow(&mut self, log: usize, bytes: u64, goal: u64) {
        let size = &mut self.sizes[log];
        *size = (*size + bytes).min(goal);
    }

    /// Takes the buffer of a read back.
    pub(super) fn release(&mut self, size: BufferSize) {
        *self.free(size) += 1;
    }

    fn free(&mut self, size: BufferSize) -> &mut usize {
        match size {
            BufferSize::Small => &mut self.free_small,
            BufferSize::Large => &mut self.free_large,
        }
    }
}

impl Environment for WarmEnvironment {
    /// The place of the file.
    type File = usize;

    fn now_ns(&self) -> u64 {
        self.now_ns
    }

    fn wall_ns(&self) -> i64 {
        1_700_000_000_000_000_000 + self.now_ns.cast_signed()
    }

    fn random(&mut self) -> u64 {
        self.random.next()
    }

    fn open(&mut self, path: &Path) -> io::Result<usize> {
        let name = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.parse().ok());
        name.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }

    fn status(&mut self, file: &usize) -> io::Result<FileStatus> {
        let size = self.sizes[*file];
        let modified_ns = size.cast_signed();
        Ok(FileStatus { inode: *file as u64, device: 1, birth_ns: 1, modified_ns, size, links: 1, regular: true })
    }

    fn status_at(&mut self, path: &Path) -> io::Result<FileStatus> {
        let file = self.open(path)?;
        self.status(&file)
    }

    fn resolve(&mut self, path: &Path) -> io::Result<PathBuf> {
        Ok(path.to_owned())
    }

    fn read_head(&mut self, file: &usize, head: &mut [u8]) -> io::Result<usize> {
        let bytes = self.text.at(0, head.len(), self.sizes[*file]);
        head[..bytes.len()].copy_from_slice(bytes);
        Ok(bytes.len())
    }

    fn end_of_last_line(&mut self, _file: &usize, _size: u64) -> io::Result<u64> {
        Ok(0)
    }

    fn rotated_names(&mut self, _path: &Path) -> io::Result<Vec<PathBuf>> {
        Ok(Vec::new())
    }

    fn watch(&mut self, _folder: &Path) -> Option<WatchId> {
        Some(WATCH)
    }

    fn unwatch(&mut self, _watch: WatchId) {}

    fn has_buffer(&self, size: BufferSize) -> bool {
        match size {
            BufferSize::Small => self.free_small > 0,
            BufferSize::Large => self.free_large > 0,
        }
    }

    fn read(&mut self, _file: &usize, ticket: ReadTicket, size: BufferSize) {
        *self.free(size) -= 1;
        self.reads.push_back((ticket, size));
    }

    fn journal(&mut self, records: &mut Vec<u8>) -> u64 {
        records.clear();
        self.journal_writes += 1;
        self.journal_writes
    }

    fn send(&mut self, ticket: PushTicket, body: Body) {
        self.requests.push_back((ticket, body));
    }

    fn hand_over(&mut self, _home: usize, remainder: Remainder) -> Result<(), Remainder> {
        Err(remainder)
    }

    fn hand_back(&mut self, _origin: usize, _settled: SettledRemainder) {}

    fn report(&mut self, _event: Event) {}
}
