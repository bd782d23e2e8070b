//! One core's part of the data plane: a state machine that turns signals and completed reads into pushes, and answers
//! into positions.
//!
//! Its driver calls [`Shard::turn`], waits until the returned moment or until something it began is done, hands that to
//! one of the `on_…` methods, and calls [`Shard::turn`] again. A turn begins everything that can be begun: looks at
//! paths, reads, requests, journal writes. Nothing here waits, and nothing is shared but two budgets.

#[cfg(test)]
mod allocations;
mod following;
mod queueing;
mod reading;
mod reporting;
mod sending;
mod settling;
mod targets;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::ffi::{OsStr, OsString};
use std::sync::Arc;

use crate::budget::Budget;
use crate::clock::ReadClock;
use crate::deliver::lane::{Lane, LanePlan};
use crate::encode::chunk::SegmentPool;
use crate::encode::compress::{Compression, Compressor};
use crate::environment::{BufferSize, Environment, LogIndex, Signal, WatchId};
use crate::limits::RENAMING;
use crate::plan::{Plan, Source, SourceIndex, Stage, WriteIndex};
use crate::positions::format::{FileId, TimedRun};
use crate::positions::restored::{Restored, RestoredPosition};
use crate::read::log::Log;
use crate::snapshot::{FileSnapshot, ShardSnapshot};
use crate::stages::Program;
use crate::streams::Streams;

pub(crate) use reporting::ShardReport;
pub(crate) use settling::destination_key;
pub(crate) use targets::LogTargets;

/// One core's part of the data plane.
pub(crate) struct Shard<E: Environment> {
    /// The world.
    pub(crate) env: E,
    plan: ShardPlan,
    programs: Vec<Program>,
    outbound: Outbound,
    clock: ReadClock,
    /// Logs by index. One that is being worked on is out of its place.
    logs: Vec<Option<Box<Log<E::File>>>>,
    free_logs: Vec<LogIndex>,
    /// The log at a path, for each source.
    by_path: Vec<HashMap<OsString, LogIndex>>,
    by_name: HashMap<WatchId, HashMap<OsString, Vec<LogIndex>>>,
    /// By the folder's path.
    watches: HashMap<OsString, Watch>,
    /// Logs that something happened to.
    news: VecDeque<LogIndex>,
    /// Logs that are known to have more to read.
    backlog: VecDeque<LogIndex>,
    /// Logs whose path has to be looked at.
    looks: VecDeque<LogIndex>,
    /// Logs that wait for the budget, and when they try again.
    starved: Vec<LogIndex>,
    starved_until_ns: u64,
    next_round_ns: u64,
    /// Rounds are more frequent before this moment.
    renaming_until_ns: u64,
    /// When logs have to be looked at; entries that do not agree with their log's due date are out of date.
    timers: BinaryHeap<Reverse<(u64, LogIndex)>>,
    /// What earlier lives wrote down.
    restored: Arc<Restored>,
    /// Files that this life is done with, by inode.
    closed: HashMap<u64, ClosedFile>,
    /// Inodes that are open in a log.
    live: HashMap<(SourceIndex, u64), LogIndex>,
    next_file: FileId,
    file_step: u64,
    /// Records for the positions journal that were not given to it yet.
    journal: Vec<u8>,
    /// The last write of the journal that is done.
    journal_done: u64,
    /// The last write of the journal that read times were in.
    runs_journal: u64,
    dirty: Vec<LogIndex>,
    /// Something was settled since positions were last written.
    settled: bool,
    next_positions_ns: u64,
    /// Scratch: runs, and streams with how far they are settled.
    runs: Vec<TimedRun>,
    ahead: Vec<(u64, u64)>,
    idle_since_ns: Option<u64>,
    stopping: bool,
    /// Logs that ended a while ago, with the moment and their last readings.
    ended: Vec<(u64, FileSnapshot)>,
    /// What it counted.
    pub(crate) counters: ShardSnapshot,
}

/// What entries go through on their way out: separate from the logs, so that both can be worked on at once.
pub(crate) struct Outbound {
    pub(crate) lanes: Vec<Lane>,
    pub(crate) streams: Streams,
    pub(crate) pool: SegmentPool,
    pub(crate) compressor: Compressor,
    pub(crate) budget: Budget,
    /// Source bytes that are sent and not answered.
    pub(crate) tokens: Budget,
}

/// The plan, with what was worked out from it.
struct ShardPlan {
    index: usize,
    shards: usize,
    sources: Vec<Source>,
    /// For each source, for each of its routes: the program and the lanes.
    routes: Vec<Vec<Route>>,
    writes: Vec<crate::plan::Write>,
}

struct Route {
    program: usize,
    write: WriteIndex,
    lanes: std::ops::Range<usize>,
}

/// A watched folder and how many logs need it.
struct Watch {
    id: Option<WatchId>,
    users: usize,
}

/// A file this life is done with.
struct ClosedFile {
    source: SourceIndex,
    file: FileId,
    identity: crate::identity::Identity,
    positions: Vec<RestoredPosition>,
}

/// How a shard is set up.
pub(crate) struct ShardSetup {
    /// Which one of how many.
    pub(crate) index: usize,
    pub(crate) shards: usize,
    pub(crate) plan: Plan,
    pub(crate) budget: Budget,
    pub(crate) tokens: Budget,
    pub(crate) compression: Compression,
    pub(crate) restored: Arc<Restored>,
}

impl<E: Environment> Shard<E> {
    /// Creates a shard that follows nothing yet.
    pub(crate) fn new(env: E, setup: ShardSetup) -> Self {
        let ShardSetup { index, shards, plan, budget, tokens, compression, restored } = setup;
        let mut programs: Vec<(Vec<Stage>, Program)> = Vec::new();
        let mut lanes = Vec::new();
        let mut write_lanes = Vec::new();
        for (number, write) in plan.writes.iter().enumerate() {
            let first = lanes.len();
            for (destination, destination_plan) in write.destinations.iter().enumerate() {
                let key = destination_key(&write.component_id, destination_plan);
                let home = usize::try_from(key % shards as u64).expect("there are few shards");
                let write = WriteIndex(u16::try_from(number).expect("a configuration has few components"));
                lanes.push(Lane::new(&LanePlan { write, destination, plan: destination_plan, key, home }));
            }
            write_lanes.push(first..lanes.len());
        }
        let mut route = |route: &crate::plan::Route| {
            let program = programs.iter().position(|(stages, _)| Program::is_shared(stages, &route.stages));
            let program = program.unwrap_or_else(|| {
                programs.push((route.stages.clone(), Program::new(&route.stages)));
                programs.len() - 1
            });
            Route { program, write: route.write, lanes: write_lanes[usize::from(route.write.0)].clone() }
        };
        let routes = plan.sources.iter().map(|source| source.routes.iter().map(&mut route).collect()).collect();
        let by_path = plan.sources.iter().map(|_| HashMap::new()).collect();
        let next_file = FileId(restored.next_file().0 + index as u64);
        Self {
            env,
            plan: ShardPlan { index, shards, sources: plan.sources, routes, writes: plan.writes },
            programs: programs.into_iter().map(|(_, program)| program).collect(),
            outbound: Outbound {
                lanes,
                streams: Streams::default(),
                pool: SegmentPool::new(budget.clone()),
                compressor: Compressor::new(compression),
                budget,
                tokens,
            },
            clock: ReadClock::new(index, shards, restored.latest_read_time()),
            logs: Vec::new(),
            free_logs: Vec::new(),
            by_path,
            by_name: HashMap::new(),
            watches: HashMap::new(),
            news: VecDeque::new(),
            backlog: VecDeque::new(),
            looks: VecDeque::new(),
            starved: Vec::new(),
            starved_until_ns: 0,
            next_round_ns: 0,
            renaming_until_ns: 0,
            timers: BinaryHeap::new(),
            restored,
            closed: HashMap::new(),
            live: HashMap::new(),
            next_file,
            file_step: shards as u64,
            journal: Vec::new(),
            journal_done: 0,
            runs_journal: 0,
            dirty: Vec::new(),
            settled: false,
            next_positions_ns: 0,
            runs: Vec::new(),
            ahead: Vec::new(),
            idle_since_ns: None,
            stopping: false,
            ended: Vec::new(),
            counters: ShardSnapshot::default(),
        }
    }

    /// Begins everything that can be begun, and gives the moment by which the next turn is due whatever happens.
    pub(crate) fn turn(&mut self) -> u64 {
        let now_ns = self.env.now_ns();
        self.counters.turns += 1;
        self.look_at_paths(now_ns);
        self.sweep(now_ns);
        self.feed_starved(now_ns);
        self.begin_reads(now_ns);
        self.send(now_ns);
        self.write_positions(now_ns);
        self.trim(now_ns);
        self.next_turn_ns(now_ns)
    }

    /// Takes a signal about files.
    pub(crate) fn on_signal(&mut self, signal: Signal<'_>) {
        match signal {
            Signal::Written { watch, name } => self.mark_named(watch, name, Self::mark_news),
            Signal::Renamed { watch, name } => {
                self.renaming_until_ns = self.env.now_ns() + nanos(RENAMING);
                self.mark_named(watch, name, Self::mark_look);
            }
            Signal::FolderGone { watch } => self.forget_watch(watch),
            Signal::Overflow => {
                self.counters.event_overflows += 1;
                self.look_at_everything();
            }
        }
    }

    /// Takes note that a journal write is done.
    pub(crate) fn on_journal_written(&mut self, number: u64) {
        self.journal_done = self.journal_done.max(number);
    }

    /// Begins to stop: nothing more is read, everything that was is sent at once.
    pub(crate) fn stop(&mut self) {
        self.stopping = true;
    }

    /// Nothing is queued, waiting or under way, and all positions are with the journal.
    pub(crate) fn is_drained(&self) -> bool {
        self.outbound.lanes.iter().all(Lane::is_empty) && self.journal.is_empty() && self.dirty.is_empty()
    }

    /// Signals are worth having from this moment on: the next round over the logs with news is due then.
    pub(crate) fn signals_from_ns(&self) -> u64 {
        self.next_round_ns
    }

    /// Marks the logs that a name in a folder belongs to.
    fn mark_named(&mut self, watch: WatchId, name: &OsStr, mark: fn(&mut Self, LogIndex)) {
        let log = |shard: &Self, at: usize| shard.by_name.get(&watch)?.get(name)?.get(at).copied();
        let mut at = 0;
        while let Some(index) = log(self, at) {
            mark(self, index);
            at += 1;
        }
    }

    /// Puts a log into the queue of those that something happened to.
    fn mark_news(&mut self, index: LogIndex) {
        if let Some(log) = &mut self.logs[index.0 as usize]
            && !log.queued
        {
            log.queued = true;
            self.news.push_back(index);
        }
    }

    /// Has a log's path looked at in the next turn.
    fn mark_look(&mut self, index: LogIndex) {
        if let Some(log) = &mut self.logs[index.0 as usize]
            && !log.look_queued
        {
            log.look_queued = true;
            self.looks.push_back(index);
        }
    }

    /// Takes a log out of its place, to work on it beside the rest of the shard.
    fn take_log(&mut self, index: LogIndex) -> Option<Box<Log<E::File>>> {
        self.logs.get_mut(index.0 as usize)?.take()
    }

    fn put_log(&mut self, index: LogIndex, log: Box<Log<E::File>>) {
        self.logs[index.0 as usize] = Some(log);
    }

    fn log_indexes(&self) -> impl Iterator<Item = LogIndex> + use<E> {
        (0..u32::try_from(self.logs.len()).expect("memory ends before there are that many logs")).map(LogIndex)
    }

    /// Gives unused memory back when there was nothing to do for a while.
    fn trim(&mut self, now_ns: u64) {
        let idle = self.outbound.lanes.iter().all(Lane::is_empty) && self.backlog.is_empty();
        match (idle, self.idle_since_ns) {
            (false, _) => self.idle_since_ns = None,
            (true, None) => self.idle_since_ns = Some(now_ns),
            (true, Some(since_ns)) if since_ns != u64::MAX && now_ns - since_ns > 10_000_000_000 => {
                self.outbound.pool.trim();
                self.outbound.lanes.iter_mut().for_each(Lane::trim);
                self.idle_since_ns = Some(u64::MAX);
            }
            (true, Some(_)) => {}
        }
    }

    fn next_turn_ns(&self, now_ns: u64) -> u64 {
        let mut next = self.timers.peek().map_or(u64::MAX, |Reverse((due_ns, _))| *due_ns);
        if !self.looks.is_empty() {
            return now_ns;
        }
        if !self.stopping {
            if !self.backlog.is_empty() && self.env.has_buffer(BufferSize::Large) {
                return now_ns;
            }
            if !self.news.is_empty() && self.env.has_buffer(BufferSize::Small) {
                next = next.min(self.next_round_ns);
            }
            if !self.starved.is_empty() {
                next = next.min(self.starved_until_ns);
            }
        }
        if !self.dirty.is_empty() || !self.journal.is_empty() {
            next = next.min(self.next_positions_ns);
        }
        next.min(self.next_send_ns(now_ns))
    }
}

fn nanos(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// How long a record that was written in parts waits for its next part.
const PART_WAIT_NS: u64 = 60_000_000_000;

/// How long logs wait that found the budget used up, unless something is settled first.
const STARVED_WAIT_NS: u64 = 10_000_000;

/// How often positions are written that moved without anything being settled.
const POSITIONS_INTERVAL_NS: u64 = 1_000_000_000;
