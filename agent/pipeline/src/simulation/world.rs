//! Files, clocks, requests and the journal as a seed decides them.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::sink::Sink;
use crate::encode::compress::Body;
use crate::environment::{
    Answer, BufferSize, Environment, PushTicket, ReadTicket, Remainder, SettledRemainder, Signal, WatchId,
};
use crate::event::Event;
use crate::identity::FileStatus;
use crate::random::Random;

pub(crate) const MS: u64 = 1_000_000;

/// What a seed decides once.
#[derive(Clone, Debug)]
pub(crate) struct Weather {
    pub(crate) inotify: bool,
    /// One signal in this many gets lost, and an overflow is told instead; 0 for none.
    pub(crate) signal_loss: u64,
    /// One read in this many is cut short; 0 for none.
    pub(crate) short_reads: u64,
    pub(crate) slow_disk: bool,
    /// One request in this many fails; 0 for none.
    pub(crate) failures: u64,
    pub(crate) slow_journal: bool,
    pub(crate) births: bool,
}

/// Everything there is outside of the shards.
pub(crate) struct World {
    pub(crate) now_ns: u64,
    pub(crate) random: Random,
    pub(crate) weather: Weather,
    pub(crate) files: Files,
    pub(crate) sink: Sink,
    /// What is on the disk of the journal, without its header.
    pub(crate) journal: Vec<u8>,
    wall_offset_ns: i64,
    watches: BTreeMap<PathBuf, WatchId>,
    pub(crate) shards: Vec<Pending>,
    pub(crate) trace: bool,
}

/// What a shard has begun and was not told of yet.
#[derive(Default)]
pub(crate) struct Pending {
    pub(crate) signals: VecDeque<OwnedSignal>,
    pub(crate) reads: Vec<PendingRead>,
    pub(crate) requests: Vec<PendingRequest>,
    pub(crate) journal: VecDeque<(u64, u64, Vec<u8>)>,
    pub(crate) remainders: VecDeque<Remainder>,
    pub(crate) settled: VecDeque<SettledRemainder>,
    journal_number: u64,
    small_reads: usize,
    large_reads: usize,
}

/// A signal with its name.
#[derive(Clone)]
pub(crate) enum OwnedSignal {
    Written(WatchId, OsString),
    Renamed(WatchId, OsString),
    Overflow,
}

impl OwnedSignal {
    pub(crate) fn borrow(&self) -> Signal<'_> {
        match self {
            Self::Written(watch, name) => Signal::Written { watch: *watch, name },
            Self::Renamed(watch, name) => Signal::Renamed { watch: *watch, name },
            Self::Overflow => Signal::Overflow,
        }
    }
}

pub(crate) struct PendingRead {
    pub(crate) due_ns: u64,
    pub(crate) ticket: ReadTicket,
    pub(crate) size: BufferSize,
    pub(crate) inode: u64,
}

pub(crate) struct PendingRequest {
    pub(crate) due_ns: u64,
    pub(crate) ticket: PushTicket,
    pub(crate) body: Body,
    pub(crate) answer: Answer,
    /// The sink's number of this request, if it got there.
    pub(crate) received: Option<usize>,
}

/// A file system of one folder.
#[derive(Default)]
pub(crate) struct Files {
    pub(crate) names: BTreeMap<PathBuf, u64>,
    pub(crate) inodes: BTreeMap<u64, Inode>,
    next_inode: u64,
}

#[derive(Clone, Default)]
pub(crate) struct Inode {
    pub(crate) content: Vec<u8>,
    birth_ns: i64,
    modified_ns: i64,
    links: u64,
    /// Shared with everyone who has it open.
    open: Rc<()>,
}

/// An open file.
pub(crate) struct Handle {
    number: u64,
    _open: Rc<()>,
}

impl World {
    pub(crate) fn new(seed: u64, weather: Weather, shards: usize, sink: Sink) -> Self {
        Self {
            now_ns: 1,
            random: Random::new(seed),
            weather,
            files: Files::default(),
            sink,
            journal: Vec::new(),
            wall_offset_ns: 1_700_000_000_000_000_000,
            watches: BTreeMap::new(),
            shards: (0..shards).map(|_| Pending::default()).collect(),
            trace: false,
        }
    }

    pub(crate) fn say(&self, what: impl FnOnce() -> String) {
        if self.trace {
            println!("{:>12.6} {}", self.now_ns as f64 / 1e9, what());
        }
    }

    pub(crate) fn wall_ns(&self) -> i64 {
        self.now_ns.cast_signed() + self.wall_offset_ns
    }

    /// Sets the clock on the wall to another time. Which files came and went unseen is told by their times, so the clock
    /// goes back only where none do.
    pub(crate) fn jump_clock(&mut self, back: bool) {
        let jump_ms = self.random.below(2_000).cast_signed();
        self.wall_offset_ns += (if back { jump_ms - 1_000 } else { jump_ms }) * 1_000_000;
    }

    fn tell(&mut self, path: &Path, written: bool) {
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return };
        let Some(watch) = self.watches.get(folder).copied() else { return };
        let lost = self.weather.signal_loss > 0 && self.random.once_in(self.weather.signal_loss);
        let name = name.to_owned();
        let signal = match (lost, written) {
            (true, _) => OwnedSignal::Overflow,
            (false, true) => OwnedSignal::Written(watch, name),
            (false, false) => OwnedSignal::Renamed(watch, name),
        };
        for pending in &mut self.shards {
            pending.signals.push_back(signal.clone());
        }
    }

    pub(crate) fn create(&mut self, path: &Path) {
        let wall_ns = self.wall_ns();
        let birth_ns = if self.weather.births { wall_ns } else { 0 };
        // Real file systems give a freed inode number to the next file.
        let free = self.files.inodes.iter().find(|(_, inode)| inode.links == 0).map(|(number, _)| *number);
        let reused = free.filter(|number| self.weather.births && !self.is_open(*number) && self.random.once_in(2));
        let number = reused.unwrap_or_else(|| {
            self.files.next_inode += 1;
            self.files.next_inode
        });
        self.say(|| format!("create {} inode {number}", path.display()));
        let inode = Inode { content: Vec::new(), birth_ns, modified_ns: wall_ns, links: 1, open: Rc::default() };
        self.files.inodes.insert(number, inode);
        if let Some(old) = self.files.names.insert(path.to_owned(), number) {
            self.unlink_inode(old);
        }
        self.tell(path, false);
    }

    /// Somebody has the file open.
    fn is_open(&self, inode: u64) -> bool {
        Rc::strong_count(&self.files.inodes[&inode].open) > 1
    }

    fn unlink_inode(&mut self, number: u64) {
        if let Some(inode) = self.files.inodes.get_mut(&number) {
            inode.links = 0;
        }
    }

    pub(crate) fn append(&mut self, inode: u64, bytes: &[u8]) {
        self.say(|| format!("append to inode {inode} {:?}", String::from_utf8_lossy(bytes)));
        let wall_ns = self.wall_ns();
        let file = self.files.inodes.get_mut(&inode).expect("a writer writes to a file there is");
        file.content.extend_from_slice(bytes);
        file.modified_ns = wall_ns;
        let names = self.files.names.iter().filter(|(_, number)| **number == inode);
        let names: Vec<PathBuf> = names.map(|(name, _)| name.clone()).collect();
        for name in names {
            self.tell(&name, true);
        }
    }

    pub(crate) fn rename(&mut self, from: &Path, to: &Path) {
        self.say(|| format!("rename {} to {}", from.display(), to.display()));
        let inode = self.files.names.remove(from).expect("a writer renames a file there is");
        if let Some(old) = self.files.names.insert(to.to_owned(), inode) {
            self.unlink_inode(old);
        }
        self.tell(from, false);
        self.tell(to, false);
    }

    /// The process is killed: what its shards had begun is cut off where it is. A request under way may arrive all
    /// the same; a journal write may have been done.
    pub(crate) fn kill(&mut self, shards: usize) {
        let dead = std::mem::take(&mut self.shards);
        for mut pending in dead {
            for mut request in pending.requests.drain(..) {
                if request.received.is_none() && self.random.once_in(2) {
                    let now_ns = self.now_ns;
                    request.received = self.sink.receive(request.body.as_slice(), now_ns);
                }
            }
            let done = self.random.below(pending.journal.len() as u64 + 1);
            for (_, _, bytes) in pending.journal.drain(..).take(usize::try_from(done).expect("few")) {
                self.journal.extend_from_slice(&bytes);
            }
        }
        self.shards = (0..shards).map(|_| Pending::default()).collect();
        self.watches.clear();
    }

    /// The moment of the next thing that completes.
    pub(crate) fn next_completion_ns(&self) -> Option<u64> {
        let moments = self.shards.iter().flat_map(|pending| {
            let reads = pending.reads.iter().map(|read| read.due_ns);
            let requests = pending.requests.iter().map(|request| request.due_ns);
            let journal = pending.journal.iter().map(|(due_ns, ..)| *due_ns);
            reads.chain(requests).chain(journal)
        });
        moments.min()
    }

    fn fate(&mut self, body: &[u8]) -> (u64, Answer, Option<usize>) {
        let now_ns = self.now_ns;
        let longest = if self.random.once_in(10) { 3_000 } else { 20 };
        let delay = MS / 10 + self.random.below(longest) * MS;
        let response = |status, body: &str, retry_after_ns| Answer::Response {
            status,
            retry_after_ns,
            body: body.as_bytes().to_vec(),
        };
        let failed = |error: &str| Answer::Failed { error: error.to_owned() };
        if self.weather.failures == 0 || !self.random.once_in(self.weather.failures) {
            let received = self.sink.receive(body, now_ns);
            return (delay, response(204, "", None), received);
        }
        match self.random.below(6) {
            0 => (delay, response(429, "too many", Some(50 * MS)), None),
            1 => (delay, response(500, "oops", None), None),
            2 => (delay, failed("connection refused"), None),
            3 => {
                let received = self.sink.receive(body, now_ns);
                (delay, response(503, "stored, then failed", None), received)
            }
            4 => {
                let received = self.sink.receive(body, now_ns);
                (5_000 * MS, failed("no answer in time"), received)
            }
            _ => {
                let received = self.sink.receive(body, now_ns);
                (delay, failed("connection reset"), received)
            }
        }
    }
}

impl Pending {
    pub(crate) fn buffer_free(&self, size: BufferSize) -> bool {
        match size {
            BufferSize::Small => self.small_reads < 3,
            BufferSize::Large => self.large_reads < 2,
        }
    }

    pub(crate) fn release(&mut self, size: BufferSize) {
        match size {
            BufferSize::Small => self.small_reads -= 1,
            BufferSize::Large => self.large_reads -= 1,
        }
    }
}

/// The world as one shard sees it.
#[derive(Clone)]
pub(crate) struct SimulatedEnvironment {
    pub(crate) world: Rc<RefCell<World>>,
    pub(crate) shard: usize,
}

fn not_found() -> io::Error {
    io::Error::from(io::ErrorKind::NotFound)
}

impl SimulatedEnvironment {
    fn status_of(&self, number: u64) -> FileStatus {
        let world = self.world.borrow();
        let inode = &world.files.inodes[&number];
        FileStatus {
            inode: number,
            device: 1,
            birth_ns: inode.birth_ns,
            modified_ns: inode.modified_ns,
            size: inode.content.len() as u64,
            links: inode.links,
            regular: true,
        }
    }
}

impl Environment for SimulatedEnvironment {
    type File = Handle;

    fn now_ns(&self) -> u64 {
        self.world.borrow().now_ns
    }

    fn wall_ns(&self) -> i64 {
        self.world.borrow().wall_ns()
    }

    fn random(&mut self) -> u64 {
        self.world.borrow_mut().random.next()
    }

    fn open(&mut self, path: &Path) -> io::Result<Handle> {
        let world = self.world.borrow();
        let number = *world.files.names.get(path).ok_or_else(not_found)?;
        Ok(Handle { number, _open: Rc::clone(&world.files.inodes[&number].open) })
    }

    fn status(&mut self, file: &Handle) -> io::Result<FileStatus> {
        Ok(self.status_of(file.number))
    }

    fn status_at(&mut self, path: &Path) -> io::Result<FileStatus> {
        let number = self.open(path)?.number;
        Ok(self.status_of(number))
    }

    fn resolve(&mut self, path: &Path) -> io::Result<PathBuf> {
        self.open(path).map(|_| path.to_owned())
    }

    fn read_head(&mut self, file: &Handle, head: &mut [u8]) -> io::Result<usize> {
        let world = self.world.borrow();
        let content = &world.files.inodes[&file.number].content;
        let bytes = content.len().min(head.len());
        head[..bytes].copy_from_slice(&content[..bytes]);
        Ok(bytes)
    }

    fn end_of_last_line(&mut self, file: &Handle, size: u64) -> io::Result<u64> {
        let world = self.world.borrow();
        let content = &world.files.inodes[&file.number].content[..usize::try_from(size).expect("small")];
        Ok(memchr::memrchr(b'\n', content).map_or(0, |at| at as u64 + 1))
    }

    fn rotated_names(&mut self, path: &Path) -> io::Result<Vec<PathBuf>> {
        let world = self.world.borrow();
        let prefix = path.as_os_str().to_str().expect("the simulation's names are text");
        let rotated = |name: &&PathBuf| {
            let rest = name.as_os_str().to_str().and_then(|name| name.strip_prefix(prefix));
            rest.is_some_and(|rest| rest.starts_with('.') || rest.starts_with('-'))
        };
        Ok(world.files.names.keys().filter(rotated).cloned().collect())
    }

    fn watch(&mut self, folder: &Path) -> Option<WatchId> {
        let mut world = self.world.borrow_mut();
        if !world.weather.inotify {
            return None;
        }
        let next = WatchId(u32::try_from(world.watches.len()).expect("few"));
        Some(*world.watches.entry(folder.to_owned()).or_insert(next))
    }

    fn unwatch(&mut self, _watch: WatchId) {}

    fn has_buffer(&self, size: BufferSize) -> bool {
        self.world.borrow().shards[self.shard].buffer_free(size)
    }

    fn read(&mut self, file: &Handle, ticket: ReadTicket, size: BufferSize) {
        let mut world = self.world.borrow_mut();
        let slow = world.weather.slow_disk && world.random.once_in(8);
        let due_ns = world.now_ns + 1_000 + if slow { world.random.below(500) * MS } else { 0 };
        let pending = &mut world.shards[self.shard];
        match size {
            BufferSize::Small => pending.small_reads += 1,
            BufferSize::Large => pending.large_reads += 1,
        }
        pending.reads.push(PendingRead { due_ns, ticket, size, inode: file.number });
    }

    fn journal(&mut self, records: &mut Vec<u8>) -> u64 {
        let mut world = self.world.borrow_mut();
        let delay = if world.weather.slow_journal { world.random.below(200) * MS } else { 0 };
        let due_ns = world.now_ns + delay;
        let pending = &mut world.shards[self.shard];
        pending.journal_number += 1;
        // Writes are done in order.
        let due_ns = pending.journal.back().map_or(due_ns, |(last, ..)| due_ns.max(*last));
        pending.journal.push_back((due_ns, pending.journal_number, std::mem::take(records)));
        pending.journal_number
    }

    fn send(&mut self, ticket: PushTicket, body: Body) {
        let mut world = self.world.borrow_mut();
        let now_ns = world.now_ns;
        let shard = self.shard;
        world.sink.check_order(shard, ticket, body.as_slice());
        let (delay, answer, received) = world.fate(body.as_slice());
        world.say(|| format!("request {received:?} holds {}", Sink::describe(body.as_slice())));
        world.say(|| format!("shard {shard} sends {ticket:?}, answer {answer:?} in {} ms", delay / MS));
        let request = PendingRequest { due_ns: now_ns + delay, ticket, body, answer, received };
        world.shards[shard].requests.push(request);
    }

    fn hand_over(&mut self, home: usize, remainder: Remainder) -> Result<(), Remainder> {
        let mut world = self.world.borrow_mut();
        if world.shards[home].remainders.len() >= 2 {
            return Err(remainder);
        }
        world.shards[home].remainders.push_back(remainder);
        Ok(())
    }

    fn hand_back(&mut self, origin: usize, settled: SettledRemainder) {
        self.world.borrow_mut().shards[origin].settled.push_back(settled);
    }

    fn report(&mut self, event: Event) {
        let shard = self.shard;
        self.world.borrow().say(|| format!("shard {shard} reports {event:?}"));
    }
}
