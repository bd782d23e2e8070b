//! The data plane as the control plane sees it: start it, give it targets, ask it for figures, stop it.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, mpsc as std_mpsc};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};
use xxhash_rust::xxh3::Xxh3;

use crate::budget::Budget;
use crate::counters::{add_dropped, add_refused};
use crate::driver::mailbox::{Mailbox, Order};
use crate::driver::{self, DriverSetup, Rungs, ShardEnd};
use crate::encode::compress::Compression;
use crate::event::Event;
use crate::limits::EVENT_QUEUE;
use crate::plan::{Labels, Plan, SourceIndex, Target};
use crate::positions::storage::Storage;
use crate::positions::writer::{Callbacks, JournalWriter};
use crate::shard::{LogTargets, ShardReport, ShardSetup};
use crate::snapshot::{DestinationSnapshot, Histogram, Snapshot, StopReport};

/// How the data plane runs, whatever its plan.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where positions are kept. Created if it is missing.
    pub storage_path: PathBuf,
    /// How many shards, one thread each.
    pub shards: usize,
    /// Pin shard n to the n-th processor of the process's affinity mask.
    pub pin: bool,
    /// How files are read.
    pub read_rung: ReadRung,
    /// Where file events come from.
    pub observe_rung: ObserveRung,
    /// Bound of encoded, compressed and carried bytes.
    pub budget_bytes: u64,
    /// Bound of source bytes that are sent and not answered.
    pub unanswered_bytes_max: u64,
    /// What is done to make requests shorter.
    pub compression: Compression,
}

/// How files are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReadRung {
    /// io_uring where it is allowed, else pread.
    #[default]
    Auto,
    /// io_uring, or fail to start.
    IoUring,
    /// pread.
    Pread,
}

/// Where file events come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ObserveRung {
    /// inotify where it can be had, else polling.
    #[default]
    Auto,
    /// inotify, or fail to start.
    Inotify,
    /// Looking at every file again and again.
    Poll,
}

/// Why the data plane did not start.
#[derive(Debug)]
pub enum StartError {
    /// The positions in the storage path cannot be read or written.
    Positions {
        /// The file or folder.
        path: PathBuf,
        /// What failed.
        error: std::io::Error,
    },
    /// A rung that was asked for by name is refused by the system.
    Rung {
        /// Which one.
        rung: &'static str,
        /// What failed.
        error: std::io::Error,
    },
    /// A thread could not be started.
    Thread(std::io::Error),
}

/// The running data plane.
pub struct Pipeline {
    mailboxes: Arc<[Arc<Mailbox>]>,
    events: tokio::sync::Mutex<mpsc::Receiver<Event>>,
    running: Mutex<Option<Running>>,
    rungs: Rungs,
    budget: Budget,
}

/// What is given up when the data plane stops.
struct Running {
    ends: Vec<oneshot::Receiver<ShardEnd>>,
    journal: JournalWriter,
}

/// A shard that does not end this long after its deadline is left behind; so is the journal's disk.
const STOP_MARGIN: Duration = Duration::from_secs(2);

/// A shard that does not answer within this time is left out of a snapshot.
const REPORT_WAIT: Duration = Duration::from_secs(2);

impl Pipeline {
    /// Starts the shards. Nothing is followed until the sources get targets.
    pub fn start(plan: Plan, options: Options) -> Result<Self, StartError> {
        let shards = options.shards.max(1);
        let (storage, restored) =
            Storage::open(&options.storage_path).map_err(|(path, error)| StartError::Positions { path, error })?;
        let mailboxes: Arc<[Arc<Mailbox>]> = (0..shards).map(|_| Arc::new(Mailbox::new())).collect();
        let (events, received) = mpsc::channel(EVENT_QUEUE);
        let journal = start_journal(storage, Arc::clone(&mailboxes), events.clone())?;
        let budget = Budget::new(options.budget_bytes);
        let tokens = Budget::new(options.unanswered_bytes_max);
        let restored = Arc::new(restored);
        let processors = if options.pin { driver::processors() } else { Vec::new() };
        let (started, ready) = std_mpsc::channel();
        let mut ends = Vec::new();
        for index in 0..shards {
            let setup = DriverSetup {
                shard: ShardSetup {
                    index,
                    shards,
                    plan: plan.clone(),
                    budget: budget.clone(),
                    tokens: tokens.clone(),
                    compression: options.compression,
                    restored: Arc::clone(&restored),
                },
                mailboxes: Arc::clone(&mailboxes),
                journal: journal.queue(),
                events: events.clone(),
                read_rung: options.read_rung,
                observe_rung: options.observe_rung,
                processor: processors.get(index % processors.len().max(1)).copied(),
            };
            ends.push(spawn_shard(index, setup, started.clone()).map_err(StartError::Thread)?);
        }
        drop(started);
        let running = Running { ends, journal };
        match ready.iter().collect::<Result<Vec<Rungs>, StartError>>() {
            Ok(rungs) => Ok(Self {
                mailboxes,
                events: tokio::sync::Mutex::new(received),
                running: Mutex::new(Some(running)),
                rungs: lowest(rungs),
                budget,
            }),
            Err(error) => {
                mailboxes.iter().for_each(|mailbox| mailbox.order(Order::Stop(Instant::now())));
                running.journal.stop();
                Err(error)
            }
        }
    }

    /// Says which files a source is to follow from now on: new ones are opened, missing ones are read to the end they
    /// have now and then closed.
    pub fn set_targets(&self, source: SourceIndex, targets: Vec<Target>) {
        // Bytes are compared, which is much faster than the parts of paths.
        let mut label_sets: BTreeMap<OsString, Vec<Labels>> = BTreeMap::new();
        for target in targets {
            let sets = label_sets.entry(target.path.into_os_string()).or_default();
            if !sets.contains(&target.labels) {
                sets.push(target.labels);
            }
        }
        let mut by_shard: Vec<Vec<LogTargets>> = self.mailboxes.iter().map(|_| Vec::new()).collect();
        for (path, label_sets) in label_sets {
            let path = PathBuf::from(path);
            let shard = shard_of(&path, by_shard.len());
            by_shard[shard].push(LogTargets { path, label_sets });
        }
        for (mailbox, targets) in self.mailboxes.iter().zip(by_shard) {
            mailbox.order(Order::SetTargets(source, targets));
        }
    }

    /// Gathers what the shards counted.
    pub async fn snapshot(&self) -> Snapshot {
        let ask = |mailbox: &Arc<Mailbox>| {
            let (answer, report) = oneshot::channel();
            mailbox.order(Order::Report(answer));
            report
        };
        let answers: Vec<_> = self.mailboxes.iter().map(ask).collect();
        let mut reports = Vec::new();
        for answer in answers {
            // A shard that has ended does not answer.
            if let Ok(Ok(report)) = tokio::time::timeout(REPORT_WAIT, answer).await {
                reports.push(report);
            }
        }
        self.merge(reports)
    }

    /// Waits until there is something worth a log line, and takes all there is. Called from one place only.
    pub async fn take_events(&self, taken: &mut Vec<Event>) {
        if self.events.lock().await.recv_many(taken, EVENT_QUEUE).await == 0 {
            // Everybody who could tell of anything has ended.
            std::future::pending::<()>().await;
        }
    }

    /// Stops reading, sends what was read, waits for the answers until `drain_timeout` is over, and saves positions.
    pub async fn stop(&self, drain_timeout: Duration) -> StopReport {
        let begin = Instant::now();
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(Running { ends, journal }) = running else { return StopReport::default() };
        let deadline = begin + drain_timeout;
        self.mailboxes.iter().for_each(|mailbox| mailbox.order(Order::Stop(deadline)));
        let mut drained = true;
        let mut unacknowledged_bytes = 0;
        let mut reports = Vec::new();
        for end in ends {
            match tokio::time::timeout_at((deadline + STOP_MARGIN).into(), end).await {
                Ok(Ok(end)) => {
                    drained &= end.drained;
                    unacknowledged_bytes += end.report.unacknowledged_bytes;
                    reports.push(end.report);
                }
                _ => drained = false,
            }
        }
        let written = tokio::task::spawn_blocking(|| journal.stop());
        drained &= tokio::time::timeout(STOP_MARGIN, written).await.is_ok();
        StopReport { drained, unacknowledged_bytes, took: begin.elapsed(), last: self.merge(reports) }
    }

    fn merge(&self, reports: Vec<ShardReport>) -> Snapshot {
        let mut snapshot = Snapshot {
            read_rung: self.rungs.read,
            observe_rung: self.rungs.observe,
            refused_rungs: self.rungs.refused.clone(),
            budget_used_bytes: self.budget.used(),
            budget_bytes: self.budget.total(),
            ..Snapshot::default()
        };
        for report in reports {
            snapshot.files.extend(report.files);
            snapshot.shards.push(report.shard);
            if snapshot.destinations.is_empty() {
                let empty = report.destinations.iter().map(|(write, destination, _)| DestinationSnapshot {
                    write: *write,
                    destination: *destination,
                    ..DestinationSnapshot::default()
                });
                snapshot.destinations.extend(empty);
            }
            // Every shard has the same destinations in the same order.
            for (sum, (.., cells)) in snapshot.destinations.iter_mut().zip(report.destinations) {
                add_destination(sum, &cells);
            }
        }
        snapshot
    }
}

fn add_destination(sum: &mut DestinationSnapshot, cells: &crate::counters::LaneCounters) {
    sum.sent_bytes += cells.sent_bytes;
    sum.sent_entries += cells.sent_entries;
    sum.acknowledged_bytes += cells.acknowledged_bytes;
    sum.retries += cells.retries;
    cells.dropped.iter().for_each(|dropped| add_dropped(&mut sum.dropped, *dropped));
    cells.refused.iter().for_each(|(reason, entries)| add_refused(&mut sum.refused, reason, *entries));
    for (status, histogram) in &cells.requests {
        let at = sum.requests.iter().position(|(known, _)| known == status).unwrap_or_else(|| {
            sum.requests.push((*status, Histogram::default()));
            sum.requests.len() - 1
        });
        histogram.add_to(&mut sum.requests[at].1);
    }
    cells.request_bytes.add_to(&mut sum.request_bytes);
    cells.propagation.add_to(&mut sum.propagation_seconds);
}

fn start_journal(
    storage: Storage,
    mailboxes: Arc<[Arc<Mailbox>]>,
    events: mpsc::Sender<Event>,
) -> Result<JournalWriter, StartError> {
    let callbacks = Callbacks {
        written: Box::new(move |shard, number| mailboxes[shard].journal_written(number)),
        failed: Box::new(move |error| drop(events.try_send(Event::PositionsFailed { error: error.to_string() }))),
    };
    JournalWriter::start(storage, callbacks).map_err(StartError::Thread)
}

/// Starts a shard's thread. A panic in it is a fault of ours: the process ends at once, and the next one goes on from the
/// positions, instead of shipping a part of the logs for ever.
fn spawn_shard(
    index: usize,
    setup: DriverSetup,
    started: std_mpsc::Sender<Result<Rungs, StartError>>,
) -> std::io::Result<oneshot::Receiver<ShardEnd>> {
    struct AbortOnPanic;
    impl Drop for AbortOnPanic {
        fn drop(&mut self) {
            if thread::panicking() {
                std::process::abort();
            }
        }
    }
    let (ended, end) = oneshot::channel();
    thread::Builder::new().name(format!("shard-{index}")).spawn(move || {
        let _guard = AbortOnPanic;
        // Whoever started or stops the shard may have given up.
        let result = driver::run(setup, move |rungs| drop(started.send(rungs)));
        if let Some(result) = result {
            drop(ended.send(result));
        }
    })?;
    Ok(end)
}

/// The rungs of all shards together: the lowest of each kind, and every refusal once.
fn lowest(rungs: Vec<Rungs>) -> Rungs {
    let lowest = |name: fn(&Rungs) -> &'static str, low: &'static str, high| {
        if rungs.iter().any(|rungs| name(rungs) == low) { low } else { high }
    };
    let mut refused: Vec<(&'static str, String)> = rungs.iter().flat_map(|rungs| rungs.refused.clone()).collect();
    refused.sort_unstable();
    refused.dedup();
    Rungs {
        read: lowest(|rungs| rungs.read, "pread", "io_uring"),
        observe: lowest(|rungs| rungs.observe, "poll", "inotify"),
        refused,
    }
}

/// Gives the shard that a log belongs to. A log's generations have its name with something behind it, and may be targets
/// of their own, so a name counts up to where rotation goes on: its first dot, or a dash before a date.
fn shard_of(path: &Path, shards: usize) -> usize {
    let mut hash = Xxh3::new();
    hash.update(path.parent().unwrap_or(path).as_os_str().as_bytes());
    let name = path.file_name().unwrap_or_default().as_bytes();
    let is_date = |rest: &[u8]| rest.len() >= 8 && rest[..8].iter().all(u8::is_ascii_digit);
    let ends = |at: &usize| name[*at] == b'.' || name[*at] == b'-' && is_date(&name[at + 1..]);
    let end = (1..name.len()).find(ends).unwrap_or(name.len());
    hash.update(b"/");
    hash.update(&name[..end]);
    usize::try_from(hash.digest() % shards as u64).expect("there are few shards")
}
