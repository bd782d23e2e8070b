//! The thread that writes the positions journal for all shards.
//!
//! A shard gives it records and goes on; only a batch with read times waits until its records are written. It fsyncs at
//! most once a second, so a power cut takes at most that second.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle, Thread};
use std::time::{Duration, Instant};

use crossbeam::queue::ArrayQueue;

use super::storage::Storage;

/// Writes of all shards that wait. A shard keeps what finds no room.
const QUEUE: usize = 256;

/// Vectors that wait to be filled again.
const SPARE: usize = 64;

/// How often the journal is brought to the disk.
const SYNC_INTERVAL: Duration = Duration::from_secs(1);

/// The pause after a write failed.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// Records of one shard.
pub(crate) struct JournalWrite {
    /// The shard.
    pub(crate) shard: usize,
    /// Counts the shard's writes.
    pub(crate) number: u64,
    /// The records.
    pub(crate) records: Vec<u8>,
}

/// What the thread calls back.
pub(crate) struct Callbacks {
    /// The writes of a shard up to a number are done.
    pub(crate) written: Box<dyn Fn(usize, u64) + Send>,
    /// A write failed, and is tried again.
    pub(crate) failed: Box<dyn Fn(io::Error) + Send>,
}

/// A shard's way to the thread.
#[derive(Clone)]
pub(crate) struct JournalQueue {
    queue: Arc<ArrayQueue<JournalWrite>>,
    spare: Arc<ArrayQueue<Vec<u8>>>,
    thread: Thread,
}

impl JournalQueue {
    /// Gives the thread something to write, or gives it back if there is no room.
    pub(crate) fn push(&self, write: JournalWrite) -> Result<(), JournalWrite> {
        self.queue.push(write)?;
        self.thread.unpark();
        Ok(())
    }

    /// Gives an empty vector for the next records.
    pub(crate) fn spare(&self) -> Vec<u8> {
        self.spare.pop().unwrap_or_default()
    }
}

/// The running thread.
pub(crate) struct JournalWriter {
    queue: JournalQueue,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl JournalWriter {
    /// Starts the thread.
    pub(crate) fn start(storage: Storage, callbacks: Callbacks) -> io::Result<Self> {
        let (queue, spare) = (Arc::new(ArrayQueue::new(QUEUE)), Arc::new(ArrayQueue::new(SPARE)));
        let stop = Arc::new(AtomicBool::new(false));
        let mut writing = Writing {
            storage,
            callbacks,
            queue: Arc::clone(&queue),
            spare: Arc::clone(&spare),
            stop: Arc::clone(&stop),
            synced: Instant::now(),
        };
        let thread = thread::Builder::new().name("journal".to_owned()).spawn(move || writing.run())?;
        let queue = JournalQueue { queue, spare, thread: thread.thread().clone() };
        Ok(Self { queue, stop, thread })
    }

    /// Gives a shard's way to the thread.
    pub(crate) fn queue(&self) -> JournalQueue {
        self.queue.clone()
    }

    /// Ends the thread once everything it was given is on the disk, or cannot be written. The shards have ended.
    pub(crate) fn stop(self) {
        self.stop.store(true, Ordering::Release);
        self.queue.thread.unpark();
        // A panic in the thread was printed by it.
        drop(self.thread.join());
    }
}

struct Writing {
    storage: Storage,
    callbacks: Callbacks,
    queue: Arc<ArrayQueue<JournalWrite>>,
    spare: Arc<ArrayQueue<Vec<u8>>>,
    stop: Arc<AtomicBool>,
    synced: Instant,
}

impl Writing {
    fn run(&mut self) {
        loop {
            // Looked at before the queue: what was pushed before the stop is written.
            let stopping = self.stop.load(Ordering::Acquire);
            while let Some(write) = self.queue.pop() {
                if !self.write(write) {
                    return;
                }
            }
            if stopping {
                self.sync();
                return;
            }
            match (self.storage.is_unsynced(), SYNC_INTERVAL.checked_sub(self.synced.elapsed())) {
                (false, _) => thread::park(),
                (true, Some(rest)) => thread::park_timeout(rest),
                (true, None) => self.sync(),
            }
        }
    }

    /// Writes until it succeeds; false if the thread is to end before that.
    fn write(&mut self, write: JournalWrite) -> bool {
        let JournalWrite { shard, number, mut records } = write;
        while let Err(error) = self.storage.append(&records) {
            (self.callbacks.failed)(error);
            if self.stop.load(Ordering::Acquire) {
                return false;
            }
            thread::park_timeout(RETRY_INTERVAL);
        }
        (self.callbacks.written)(shard, number);
        records.clear();
        // More than there is room for are freed.
        drop(self.spare.push(records));
        true
    }

    fn sync(&mut self) {
        self.synced = Instant::now();
        if let Err(error) = self.storage.sync().and_then(|()| self.storage.compact_if_grown()) {
            (self.callbacks.failed)(error);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;
    use crate::positions::format::{FileId, write_forgotten};

    #[test]
    fn writes_in_order_and_says_so() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (storage, _) = Storage::open(folder.path()).map_err(|(_, error)| error).unwrap();
        let (done, written) = mpsc::channel();
        let callbacks = Callbacks {
            written: Box::new(move |shard, number| done.send((shard, number)).expect("the test listens")),
            failed: Box::new(|error| panic!("{error}")),
        };
        let writer = JournalWriter::start(storage, callbacks).unwrap();
        let queue = writer.queue();
        let mut expected = crate::positions::format::HEADER.to_vec();
        for number in 1..=1_000 {
            let mut records = queue.spare();
            assert!(records.is_empty());
            write_forgotten(&mut records, FileId(number));
            expected.extend_from_slice(&records);
            let mut write = JournalWrite { shard: 3, number, records };
            while let Err(back) = queue.push(write) {
                write = back;
                thread::yield_now();
            }
        }
        writer.stop();
        assert_eq!(written.iter().last(), Some((3, 1_000)));
        let bytes = std::fs::read(folder.path().join("positions.journal")).unwrap();
        assert!(bytes == expected);
    }
}
