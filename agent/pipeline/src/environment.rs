//! The seam between a shard and the world: files, clocks, randomness, requests, the positions journal.
//!
//! A shard is a state machine that never waits. It asks its environment to begin something and is told later, by one of
//! the `on_…` methods of [`crate::shard::Shard`], what came of it. So the same code runs on io_uring, on pread, and in a
//! seeded simulation, and nothing is ever dropped half way.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use crate::encode::compress::Body;
use crate::event::Event;
use crate::identity::FileStatus;

/// What a shard may ask of the world.
pub(crate) trait Environment {
    /// An open file.
    type File;

    /// Nanoseconds since some fixed moment; never goes back.
    fn now_ns(&self) -> u64;

    /// Nanoseconds since the epoch, as the clock on the wall has it.
    fn wall_ns(&self) -> i64;

    /// A random number.
    fn random(&mut self) -> u64;

    /// Opens a file for reading.
    fn open(&mut self, path: &Path) -> io::Result<Self::File>;

    /// Looks at an open file.
    fn status(&mut self, file: &Self::File) -> io::Result<FileStatus>;

    /// Looks at the file at a path; symbolic links are followed.
    fn status_at(&mut self, path: &Path) -> io::Result<FileStatus>;

    /// Gives the path that a path with symbolic links stands for.
    fn resolve(&mut self, path: &Path) -> io::Result<PathBuf>;

    /// Reads the first bytes of a file at once and gives how many there were.
    fn read_head(&mut self, file: &Self::File, head: &mut [u8]) -> io::Result<usize>;

    /// Finds the last newline of a file of this size and gives the offset after it; 0 where there is none.
    fn end_of_last_line(&mut self, file: &Self::File, size: u64) -> io::Result<u64>;

    /// Lists the names beside `path` that begin with its file name and go on with a `.` or `-`.
    fn rotated_names(&mut self, path: &Path) -> io::Result<Vec<PathBuf>>;

    /// Asks for [`Signal`]s about the names in a folder; `None` where events cannot be had and one has to look.
    fn watch(&mut self, folder: &Path) -> Option<WatchId>;

    /// Ends what [`Self::watch`] began.
    fn unwatch(&mut self, watch: WatchId);

    /// A read of this size can begin now.
    fn has_buffer(&self, size: BufferSize) -> bool;

    /// Begins the read that a ticket names; `on_read` follows. There is a buffer.
    fn read(&mut self, file: &Self::File, ticket: ReadTicket, size: BufferSize);

    /// Takes the records out of `records` to write them to the positions journal, and gives the number of this write;
    /// `on_journal_written` follows, in order.
    fn journal(&mut self, records: &mut Vec<u8>) -> u64;

    /// Begins to send a body to the lane's destination; `on_answer` follows and returns the body.
    fn send(&mut self, ticket: PushTicket, body: Body);

    /// Gives a remainder to the home shard of its destination, or back if there is no room on the way.
    fn hand_over(&mut self, home: usize, remainder: Remainder) -> Result<(), Remainder>;

    /// Tells a shard what became of the remainder it handed over.
    fn hand_back(&mut self, origin: usize, settled: SettledRemainder);

    /// Tells the operator something.
    fn report(&mut self, event: Event);
}

/// The two sizes of read buffers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BufferSize {
    /// For files that have little to read.
    Small,
    /// For files that have a backlog.
    Large,
}

/// A watched folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct WatchId(pub(crate) u32);

/// Something happened to files.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Signal<'a> {
    /// The file of this name was written or truncated.
    Written {
        /// The folder.
        watch: WatchId,
        /// The name in it.
        name: &'a OsStr,
    },
    /// The name came, went, or names another file now.
    Renamed {
        /// The folder.
        watch: WatchId,
        /// The name in it.
        name: &'a OsStr,
    },
    /// The folder is gone, and the watch with it.
    FolderGone {
        /// The folder.
        watch: WatchId,
    },
    /// Signals were lost.
    Overflow,
}

/// Names a read that is under way: the log, and the generation of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ReadTicket {
    pub(crate) log: LogIndex,
    pub(crate) serial: u32,
    /// Offset of the first byte that is read, a multiple of a page.
    pub(crate) offset: u64,
    /// How many bytes are asked for.
    pub(crate) bytes: usize,
    /// How many of them are known to be there.
    pub(crate) bytes_known: usize,
}

/// The place of a log in its shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct LogIndex(pub(crate) u32);

/// Names a request that is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct PushTicket {
    /// The lane, so the destination.
    pub(crate) lane: usize,
    /// The batch's place in it.
    pub(crate) batch: usize,
}

/// What came of a request.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// The destination answered.
    Response {
        /// HTTP status.
        status: u16,
        /// The pause it asked for.
        retry_after_ns: Option<u64>,
        /// The beginning of the answer's body.
        body: Vec<u8>,
    },
    /// There was no answer. The destination may or may not have taken the data.
    Failed {
        /// What went wrong.
        error: String,
    },
}

/// A shard's part of a request that the destination's home shard sends.
#[derive(Debug)]
pub(crate) struct Remainder {
    /// The shard it comes from.
    pub(crate) origin: usize,
    /// The lane; lanes have the same places in all shards.
    pub(crate) lane: usize,
    /// The batch's place in the origin's lane.
    pub(crate) batch: usize,
    /// Streams with their encoded entries: `labels_bytes:u32 entries_bytes:u32 labels entries`, one after the other.
    pub(crate) streams: Vec<u8>,
    /// Entries in it.
    pub(crate) entries: u64,
    /// Their lines' bytes.
    pub(crate) line_bytes: usize,
    /// The source bytes they came from.
    pub(crate) source_bytes: u64,
}

/// What became of a remainder.
#[derive(Debug)]
pub(crate) struct SettledRemainder {
    /// The remainder; its memory is used again.
    pub(crate) remainder: Remainder,
}
