//! The world as it is: files, clocks, the positions journal, requests.

use std::ffi::OsStr;
use std::fs::{self, OpenOptions};
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, ResolveFlags, Statx, StatxFlags, openat2, statx};
use tokio::sync::mpsc;

use super::inbox::{Completion, Inbox};
use super::mailbox::Mailbox;
use super::reader::{OpenFile, Reader, pread};
use crate::deliver::client::Client;
use crate::deliver::echo::Echo;
use crate::encode::compress::Body;
use crate::environment::{BufferSize, Environment, PushTicket, ReadTicket, Remainder, SettledRemainder, WatchId};
use crate::event::Event;
use crate::identity::FileStatus;
use crate::observe::inotify::Inotify;
use crate::positions::writer::{JournalQueue, JournalWrite};
use crate::random::Random;

/// What takes the bodies of one lane.
pub(super) enum Receiver {
    /// Loki's push endpoint.
    Loki(Rc<Client>),
    /// The agent's own log.
    Echo(Rc<Echo>),
}

/// The world of one shard.
pub(super) struct System {
    pub(super) started: Instant,
    pub(super) random: Random,
    pub(super) reader: Reader,
    pub(super) inbox: Rc<Inbox>,
    /// None where files are polled.
    pub(super) inotify: Option<Inotify>,
    /// By lane.
    pub(super) receivers: Vec<Receiver>,
    pub(super) mailboxes: Arc<[Arc<Mailbox>]>,
    pub(super) journal: Journal,
    pub(super) events: mpsc::Sender<Event>,
    /// Folders that could not be watched were told of.
    pub(super) watch_failed: bool,
}

/// A shard's side of the positions journal.
pub(super) struct Journal {
    shard: usize,
    queue: JournalQueue,
    last: u64,
    /// Records that found no room in the queue; they keep their order.
    kept: Vec<u8>,
}

impl Journal {
    pub(super) fn new(shard: usize, queue: JournalQueue) -> Self {
        Self { shard, queue, last: 0, kept: Vec::new() }
    }

    /// Gives the writer what found no room before. False if it still does not.
    pub(super) fn flush(&mut self) -> bool {
        if !self.kept.is_empty() {
            let records = std::mem::take(&mut self.kept);
            if let Err(back) = self.queue.push(JournalWrite { shard: self.shard, number: self.last, records }) {
                self.kept = back.records;
            }
        }
        self.kept.is_empty()
    }

    /// The number of the last write.
    pub(super) fn last(&self) -> u64 {
        self.last
    }

    fn write(&mut self, records: &mut Vec<u8>) -> u64 {
        self.last += 1;
        if self.kept.is_empty() {
            self.kept = std::mem::replace(records, self.queue.spare());
        } else {
            self.kept.append(records);
        }
        self.flush();
        self.last
    }
}

/// Gives a number that differs from process to process.
pub(super) fn seed() -> u64 {
    RandomState::new().build_hasher().finish()
}

impl Environment for System {
    type File = OpenFile;

    fn now_ns(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn wall_ns(&self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
    }

    fn random(&mut self) -> u64 {
        self.random.next()
    }

    fn open(&mut self, path: &Path) -> io::Result<OpenFile> {
        // A pipe or a device under a log's name must not stop the shard.
        let flags = i32::try_from((OFlags::NONBLOCK | OFlags::NOCTTY).bits()).expect("flags are few bits");
        Ok(OpenFile::new(OpenOptions::new().read(true).custom_flags(flags).open(path)?))
    }

    fn status(&mut self, file: &OpenFile) -> io::Result<FileStatus> {
        Ok(file_status(&statx(file.fd(), c"", AtFlags::EMPTY_PATH, FIELDS)?))
    }

    fn status_at(&mut self, path: &Path) -> io::Result<FileStatus> {
        Ok(file_status(&statx(CWD, path, AtFlags::empty(), FIELDS)?))
    }

    fn resolve(&mut self, path: &Path) -> io::Result<PathBuf> {
        // A path without links is its own; that is one system call, and to follow links is one for every part of it.
        if is_plain(path) && openat2(CWD, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty(), WITHOUT_LINKS).is_ok() {
            return Ok(path.to_owned());
        }
        fs::canonicalize(path)
    }

    fn read_head(&mut self, file: &OpenFile, head: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < head.len() {
            match pread(file, &mut head[filled..], filled as u64)? {
                0 => break,
                bytes => filled += bytes,
            }
        }
        Ok(filled)
    }

    fn end_of_last_line(&mut self, file: &OpenFile, size: u64) -> io::Result<u64> {
        let mut piece = [0; 4 << 10];
        let mut end = size;
        while end > 0 {
            let start = end.saturating_sub(piece.len() as u64);
            let bytes = usize::try_from(end - start).expect("at most a piece");
            let filled = pread(file, &mut piece[..bytes], start)?;
            if let Some(at) = memchr::memrchr(b'\n', &piece[..filled]) {
                return Ok(start + at as u64 + 1);
            }
            end = start;
        }
        Ok(0)
    }

    fn rotated_names(&mut self, path: &Path) -> io::Result<Vec<PathBuf>> {
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return Ok(Vec::new()) };
        let mut names = Vec::new();
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if is_rotated(name, &entry.file_name()) {
                names.push(entry.path());
            }
        }
        Ok(names)
    }

    fn watch(&mut self, folder: &Path) -> Option<WatchId> {
        match self.inotify.as_mut()?.watch(folder) {
            Ok(watch) => Some(watch),
            Err(error) => {
                // A folder that is not there is nothing to complain of; it is watched once it is.
                if error.kind() != io::ErrorKind::NotFound && !std::mem::replace(&mut self.watch_failed, true) {
                    self.report(Event::WatchFailed { folder: folder.to_owned(), error: error.to_string() });
                }
                None
            }
        }
    }

    fn unwatch(&mut self, watch: WatchId) {
        if let Some(inotify) = &mut self.inotify {
            inotify.unwatch(watch);
        }
    }

    fn has_buffer(&self, size: BufferSize) -> bool {
        self.reader.has_buffer(size)
    }

    fn read(&mut self, file: &OpenFile, ticket: ReadTicket, size: BufferSize) {
        self.reader.begin(file, ticket, size, &self.inbox);
    }

    fn journal(&mut self, records: &mut Vec<u8>) -> u64 {
        self.journal.write(records)
    }

    fn send(&mut self, ticket: PushTicket, body: Body) {
        let inbox = Rc::clone(&self.inbox);
        match &self.receivers[ticket.lane] {
            Receiver::Loki(client) => {
                let client = Rc::clone(client);
                tokio::task::spawn_local(async move {
                    let (answer, body) = client.push(body).await;
                    inbox.push(Completion::Answered { ticket, answer, body });
                });
            }
            Receiver::Echo(echo) => {
                let echo = Rc::clone(echo);
                tokio::task::spawn_local(async move {
                    let answer = echo.take(body.as_slice()).await;
                    inbox.push(Completion::Answered { ticket, answer, body });
                });
            }
        }
    }

    fn hand_over(&mut self, home: usize, remainder: Remainder) -> Result<(), Remainder> {
        self.mailboxes[home].hand_over(remainder)
    }

    fn hand_back(&mut self, origin: usize, settled: SettledRemainder) {
        self.mailboxes[origin].hand_back(settled);
    }

    fn report(&mut self, event: Event) {
        // A log line is never worth a stalled shard: what finds no room is left out.
        drop(self.events.try_send(event));
    }
}

/// Follow no links.
const WITHOUT_LINKS: ResolveFlags = ResolveFlags::NO_SYMLINKS;

/// Nothing in a path needs to be left out to have it as it is resolved.
fn is_plain(path: &Path) -> bool {
    let bytes = path.as_os_str().as_bytes();
    let no_part = |part: &[u8]| memchr::memmem::find(bytes, part).is_none();
    let no_end = |end: &[u8]| !bytes.ends_with(end);
    path.is_absolute()
        && no_part(b"//")
        && no_part(b"/./")
        && no_part(b"/../")
        && no_end(b"/")
        && no_end(b"/.")
        && no_end(b"/..")
}

/// What is asked of a file.
const FIELDS: StatxFlags = StatxFlags::BASIC_STATS.union(StatxFlags::BTIME);

fn file_status(status: &Statx) -> FileStatus {
    let nanos = |time: rustix::fs::StatxTimestamp| time.tv_sec * 1_000_000_000 + i64::from(time.tv_nsec);
    let born = status.stx_mask & StatxFlags::BTIME.bits() != 0;
    FileStatus {
        inode: status.stx_ino,
        device: rustix::fs::makedev(status.stx_dev_major, status.stx_dev_minor),
        birth_ns: if born { nanos(status.stx_btime) } else { 0 },
        modified_ns: nanos(status.stx_mtime),
        size: status.stx_size,
        links: u64::from(status.stx_nlink),
        regular: rustix::fs::FileType::from_raw_mode(u32::from(status.stx_mode)) == rustix::fs::FileType::RegularFile,
    }
}

/// A name beside a log's is one that rotation gives: the log's, a `.` or `-`, and something more.
fn is_rotated(log: &OsStr, name: &OsStr) -> bool {
    let rest = name.as_bytes().strip_prefix(log.as_bytes());
    rest.is_some_and(|rest| rest.len() > 1 && matches!(rest[0], b'.' | b'-'))
}
