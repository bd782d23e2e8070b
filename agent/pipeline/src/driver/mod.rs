//! Runs a shard on a thread of its own: waits for what it began and for what others send it, and gives it its turns.
//!
//! The thread has one runtime and never shares it: tokio-uring's where the kernel allows io_uring, else tokio's
//! current-thread runtime. Everything the shard began runs there as a task and ends in its inbox; what comes from other
//! threads is in its mailbox.

mod inbox;
pub(crate) mod mailbox;
mod page_buffer;
mod reader;
mod runtime;
mod system;

use std::future::poll_fn;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::mpsc;

use self::inbox::{Completion, Inbox};
use self::mailbox::{Mailbox, Order, all_drained};
use self::runtime::Runtime;
use self::system::{Journal, Receiver, System, seed};
use crate::deliver::client::Client;
use crate::deliver::echo::Echo;
use crate::environment::Environment as _;
use crate::event::Event;
use crate::observe::inotify::Inotify;
use crate::pipeline::{ObserveRung, ReadRung, StartError};
use crate::plan::{DestinationKind, Plan, WriteIndex};
use crate::positions::writer::JournalQueue;
use crate::random::Random;
use crate::shard::{Shard, ShardReport, ShardSetup};

/// How a shard's thread is set up.
pub(crate) struct DriverSetup {
    pub(crate) shard: ShardSetup,
    pub(crate) mailboxes: Arc<[Arc<Mailbox>]>,
    pub(crate) journal: JournalQueue,
    pub(crate) events: mpsc::Sender<Event>,
    pub(crate) read_rung: ReadRung,
    pub(crate) observe_rung: ObserveRung,
    /// The processor the thread stays on.
    pub(crate) processor: Option<usize>,
}

/// The rungs a shard runs on, and why the higher ones were refused.
#[derive(Clone, Debug)]
pub(crate) struct Rungs {
    pub(crate) read: &'static str,
    pub(crate) observe: &'static str,
    pub(crate) refused: Vec<(&'static str, String)>,
}

/// How a shard ended.
pub(crate) struct ShardEnd {
    /// Everything that was read is settled, and the positions say so.
    pub(crate) drained: bool,
    pub(crate) report: ShardReport,
}

/// The processors this process may run on.
pub(crate) fn processors() -> Vec<usize> {
    runtime::processors()
}

/// Runs a shard until it is told to stop. `started` is told once what it runs on, or why it does not run.
pub(crate) fn run(setup: DriverSetup, started: impl FnOnce(Result<Rungs, StartError>)) -> Option<ShardEnd> {
    if let Some(processor) = setup.processor {
        // A refusal costs some speed and nothing else.
        let _refused = runtime::pin(processor);
    }
    let (runtime, refused) = match Runtime::new(setup.read_rung) {
        Ok(runtime) => runtime,
        Err(error) => {
            started(Err(error));
            return None;
        }
    };
    runtime.block_on(async {
        match Driver::new(setup, &runtime, refused) {
            Ok((driver, rungs)) => {
                started(Ok(rungs));
                Some(driver.run().await)
            }
            Err(error) => {
                started(Err(error));
                None
            }
        }
    })
}

/// A shard with what wakes it.
struct Driver {
    shard: Shard<System>,
    index: usize,
    inbox: Rc<Inbox>,
    mailboxes: Arc<[Arc<Mailbox>]>,
    /// Tells of signals; `None` where files are polled.
    signals: Option<AsyncFd<OwnedFd>>,
    /// There are signals that were not taken yet.
    signals_ready: bool,
    /// The last journal write that the shard knows to be done.
    journal_done: u64,
    /// Stopping ends at this moment.
    stop_at: Option<Instant>,
}

impl Driver {
    fn new(
        setup: DriverSetup,
        runtime: &Runtime,
        mut refused: Vec<(&'static str, String)>,
    ) -> Result<(Self, Rungs), StartError> {
        let DriverSetup { shard, mailboxes, journal, events, observe_rung, .. } = setup;
        let index = shard.index;
        let (reader, unregistered) = runtime.reader();
        refused.extend(unregistered.map(|error| ("registered buffers", format!("io_uring_register: {error}"))));
        let (inotify, refusal) = open_inotify(observe_rung)?;
        refused.extend(refusal.map(|error| ("inotify", error)));
        let signals = match &inotify {
            Some(inotify) => {
                let readiness = inotify.readiness();
                Some(readiness.map_err(|error| StartError::Rung { rung: "inotify", error })?)
            }
            None => None,
        };
        let rungs =
            Rungs { read: runtime.rung(), observe: if inotify.is_some() { "inotify" } else { "poll" }, refused };
        let inbox = Rc::new(Inbox::default());
        let system = System {
            started: Instant::now(),
            random: Random::new(seed()),
            reader,
            inbox: Rc::clone(&inbox),
            inotify,
            receivers: receivers(&shard.plan, &events),
            mailboxes: Arc::clone(&mailboxes),
            journal: Journal::new(index, journal),
            events,
            watch_failed: false,
        };
        let driver = Self {
            shard: Shard::new(system, shard),
            index,
            inbox,
            mailboxes,
            signals,
            signals_ready: false,
            journal_done: 0,
            stop_at: None,
        };
        Ok((driver, rungs))
    }

    async fn run(mut self) -> ShardEnd {
        loop {
            let due_ns = self.shard.turn();
            if let Some(stop_at) = self.stop_at {
                let drained = self.is_drained();
                if all_drained(&self.mailboxes, self.index, drained) || Instant::now() >= stop_at {
                    self.flush_journal();
                    return ShardEnd { drained, report: self.shard.report() };
                }
            }
            self.wait(due_ns).await;
            self.take_completions();
            self.take_mail();
            self.take_signals();
        }
    }

    /// Waits until there is something to take, or the next turn is due.
    async fn wait(&mut self, due_ns: u64) {
        let now_ns = self.shard.env.now_ns();
        if due_ns <= now_ns || !self.inbox.is_empty() {
            // Requests make progress beside a shard that never waits.
            tokio::task::yield_now().await;
            return;
        }
        let mut due_ns = due_ns;
        if self.signals_ready {
            due_ns = due_ns.min(self.shard.signals_from_ns());
        }
        let mailbox = Arc::clone(&self.mailboxes[self.index]);
        loop {
            let wait = Duration::from_nanos(due_ns.saturating_sub(now_ns)).min(LONGEST_WAIT);
            let until =
                self.stop_at.map_or(wait, |stop_at| wait.min(stop_at.saturating_duration_since(Instant::now())));
            tokio::select! {
                biased;
                () = poll_fn(|context| self.inbox.poll_ready(context)) => return,
                () = mailbox.changed() => return,
                () = readable(self.signals.as_ref()), if !self.signals_ready => {
                    self.signals_ready = true;
                    if let Some(inotify) = &self.shard.env.inotify {
                        inotify.disarm();
                    }
                    let from_ns = self.shard.signals_from_ns();
                    if from_ns <= self.shard.env.now_ns() {
                        return;
                    }
                    due_ns = due_ns.min(from_ns);
                }
                () = tokio::time::sleep(until) => return,
            }
        }
    }

    fn take_completions(&mut self) {
        while let Some(completion) = self.inbox.pop() {
            match completion {
                Completion::Read { ticket, result, buffer } => {
                    let result = result.map(|bytes| buffer.filled(bytes));
                    self.shard.on_read(ticket, result);
                    self.shard.env.reader.recycle(buffer);
                }
                Completion::Answered { ticket, answer, body } => self.shard.on_answer(ticket, &answer, body),
            }
        }
    }

    fn take_mail(&mut self) {
        let mailbox = Arc::clone(&self.mailboxes[self.index]);
        self.shard.env.journal.flush();
        let done = mailbox.journal_done();
        if done > self.journal_done {
            self.journal_done = done;
            self.shard.on_journal_written(done);
        }
        while let Some(remainder) = mailbox.next_remainder() {
            self.shard.on_remainder(remainder);
        }
        while let Some(settled) = mailbox.next_settled() {
            self.shard.on_remainder_settled(settled);
        }
        while let Some(order) = mailbox.next_order() {
            match order {
                Order::SetTargets(source, targets) => self.shard.set_targets(source, &targets),
                // Whoever asked may have given up.
                Order::Report(answer) => drop(answer.send(self.shard.report())),
                Order::Stop(at) => {
                    self.stop_at = Some(at);
                    self.shard.stop();
                }
            }
        }
    }

    /// Takes the signals there are, once in a round: a log that is written all the time is one signal, not thousands.
    fn take_signals(&mut self) {
        if !self.signals_ready || self.shard.env.now_ns() < self.shard.signals_from_ns() {
            return;
        }
        self.signals_ready = false;
        // It is out of its place while its signals are taken: they never change what is watched.
        let (Some(signals), Some(mut inotify)) = (&self.signals, self.shard.env.inotify.take()) else { return };
        let result = signals.try_io(Interest::READABLE, |_| {
            inotify.drain(|signal| self.shard.on_signal(signal))?;
            Err::<(), _>(std::io::ErrorKind::WouldBlock.into())
        });
        self.shard.env.inotify = Some(inotify);
        if result.is_err_and(|error| error.kind() != std::io::ErrorKind::WouldBlock) {
            self.shard.on_signal(crate::environment::Signal::Overflow);
        }
    }

    fn is_drained(&mut self) -> bool {
        let journal = &mut self.shard.env.journal;
        let written = journal.flush() && journal.last() == self.journal_done;
        self.shard.is_drained() && written
    }

    /// Gives the journal what it has no room for at the moment, if it gets some before long.
    fn flush_journal(&mut self) {
        let until = Instant::now() + FLUSH_WAIT;
        while !self.shard.env.journal.flush() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Timers reach no further than this.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// How long the end of a shard waits for room in the journal's queue.
const FLUSH_WAIT: Duration = Duration::from_secs(1);

async fn readable(signals: Option<&AsyncFd<OwnedFd>>) {
    match signals {
        // Taking the signals shows what is wrong with the descriptor, if anything is.
        Some(signals) => drop(signals.readable().await),
        None => std::future::pending().await,
    }
}

fn open_inotify(rung: ObserveRung) -> Result<(Option<Inotify>, Option<String>), StartError> {
    if rung == ObserveRung::Poll {
        return Ok((None, None));
    }
    match Inotify::new() {
        Ok(inotify) => Ok((Some(inotify), None)),
        Err(error) if rung == ObserveRung::Inotify => Err(StartError::Rung { rung: "inotify", error }),
        Err(error) => Ok((None, Some(format!("inotify_init1: {error}")))),
    }
}

/// Gives what takes the bodies of each lane. A shard makes its lanes in the same order.
fn receivers(plan: &Plan, events: &mpsc::Sender<Event>) -> Vec<Receiver> {
    let mut receivers = Vec::new();
    for (number, write) in plan.writes.iter().enumerate() {
        let index = WriteIndex(u16::try_from(number).expect("a configuration has few components"));
        receivers.extend(write.destinations.iter().map(|destination| match &destination.kind {
            DestinationKind::Loki(endpoint) => Receiver::Loki(Rc::new(Client::new(endpoint))),
            DestinationKind::Echo => Receiver::Echo(Rc::new(Echo::new(index, events.clone()))),
        }));
    }
    receivers
}
