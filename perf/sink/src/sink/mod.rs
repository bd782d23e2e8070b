//! A running sink, as its owner sees it.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc as blocking};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use crate::book::Book;
use crate::fault::{Fault, Faults};
use crate::judge::Meters;
use crate::limits::Limits;
use crate::report::{KeptEntry, RequestRecord, Stats, StreamReport, WriterReport};
use crate::server::{Command, PUSH_PATH, serve};
use crate::tls::{self, Identity};
use crate::traffic::Traffic;

/// What a sink is to be.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where it listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// What it does with pushes.
    pub mode: Mode,
    /// Speak TLS as this server.
    pub tls: Option<Identity>,
    /// So many of the last pushes are remembered with their headers.
    pub requests_kept: usize,
}

impl Options {
    /// A sink on a free port of 127.0.0.1 that reads and forgets.
    pub fn drain() -> Self {
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        Self { listen, mode: Mode::Drain, tls: None, requests_kept: 1_000 }
    }

    /// A sink on a free port of 127.0.0.1 that checks what it gets.
    pub fn check(check: Check) -> Self {
        Self { mode: Mode::Check(check), ..Self::drain() }
    }
}

/// What a sink does with pushes.
#[derive(Clone, Debug)]
pub enum Mode {
    /// Reads bodies, counts and answers; does not decode. [`crate::fault::Action::RefuseEntries`] has no effect.
    Drain,
    /// Decodes, judges as Loki would, and keeps books.
    Check(Check),
}

/// How a checking sink checks.
#[derive(Clone, Debug, Default)]
pub struct Check {
    /// Store what is equal in stream, time, line and structured metadata once, as Loki does. Eight bytes per stored
    /// entry.
    pub drop_equal: bool,
    /// So many of the first stored entries are kept whole.
    pub entries_kept: usize,
    /// What is refused.
    pub limits: Limits,
}

impl Check {
    /// As Loki does it where nothing else is configured: all of its limits, and what is equal is stored once.
    pub fn loki() -> Self {
        Self { drop_equal: true, limits: Limits::default().with_clock().with_rates(), ..Self::default() }
    }
}

/// A running sink. It ends when dropped.
#[derive(Debug)]
pub struct Sink {
    address: SocketAddr,
    has_tls: bool,
    shared: Arc<Shared>,
    commands: mpsc::UnboundedSender<Command>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Sink {
    /// Starts a sink in a thread of its own. It listens when this returns.
    pub fn start(options: Options) -> io::Result<Self> {
        let listener = TcpListener::bind(options.listen)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let tls = options.tls.as_ref().map(tls::acceptor).transpose()?;
        let shared = Arc::new(Shared::new(&options));
        let (commands, receiver) = mpsc::unbounded_channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
        let listener = {
            let _entered = runtime.enter();
            tokio::net::TcpListener::from_std(listener)?
        };
        let serving = serve(listener, address, tls, Arc::clone(&shared), receiver);
        let thread = thread::Builder::new().name("sink".to_owned()).spawn(move || runtime.block_on(serving))?;
        Ok(Self { address, has_tls: options.tls.is_some(), shared, commands, thread: Mutex::new(Some(thread)) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address without a path, such as `http://127.0.0.1:3100`.
    pub fn url(&self) -> String {
        let scheme = if self.has_tls { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// Where pushes go.
    pub fn push_url(&self) -> String {
        self.url() + PUSH_PATH
    }

    /// Sums over everything so far.
    pub fn stats(&self) -> Stats {
        self.shared.stats()
    }

    /// All streams by tenant and labels; none in drain mode.
    pub fn streams(&self) -> Vec<StreamReport> {
        self.shared.streams()
    }

    /// All writers by tenant and number; none in drain mode.
    pub fn writers(&self) -> Vec<WriterReport> {
        self.shared.writers()
    }

    /// The entries that were kept, in the order in which they were stored.
    pub fn entries(&self) -> Vec<KeptEntry> {
        self.shared.state().book.as_ref().map_or_else(Vec::new, Book::kept)
    }

    /// The last pushes, in the order of their arrival.
    pub fn requests(&self) -> Vec<RequestRecord> {
        self.shared.state().traffic.records()
    }

    /// How many pushes have arrived and are not answered.
    pub fn unanswered_now(&self) -> u64 {
        self.shared.state().traffic.unanswered_now()
    }

    /// Puts these faults in place of those in force; none makes it behave again. Requests under way keep theirs.
    pub fn set_faults(&self, faults: Vec<Fault>) {
        self.shared.state().faults.set(faults);
    }

    /// Waits until the sums are as wanted; returns whether they became so in time.
    pub fn wait(&self, timeout: Duration, wanted: impl Fn(&Stats) -> bool) -> bool {
        let begin = Instant::now();
        loop {
            if wanted(&self.stats()) {
                return true;
            }
            if begin.elapsed() >= timeout {
                return false;
            }
            thread::sleep(POLL);
        }
    }

    /// Closes the listener and breaks all connections, as a server that dies. What is under way is abandoned.
    pub fn go_down(&self) -> io::Result<()> {
        self.command(Command::GoDown)
    }

    /// Listens again, on the same address.
    pub fn come_up(&self) -> io::Result<()> {
        self.command(Command::ComeUp)
    }

    /// Answers what is under way, for at most half a second, and ends; blocks until then. What it knows can still be
    /// asked.
    pub fn stop(&self) {
        // A server that has ended takes no commands.
        drop(self.commands.send(Command::Stop));
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // Its panic was printed where it happened.
            drop(thread.join());
        }
    }

    fn command(&self, command: impl FnOnce(blocking::Sender<io::Result<()>>) -> Command) -> io::Result<()> {
        let (done, outcome) = blocking::channel();
        self.commands.send(command(done)).map_err(|ended| io::Error::other(ended.to_string()))?;
        outcome.recv().map_err(io::Error::other)?
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.stop();
    }
}

/// How often [`Sink::wait`] looks.
const POLL: Duration = Duration::from_millis(2);

/// What the server and the owner of a sink both see.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) limits: Limits,
    is_checking: bool,
    state: Mutex<State>,
}

/// Everything that changes.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) traffic: Traffic,
    pub(crate) faults: Faults,
    /// `None` in drain mode.
    pub(crate) book: Option<Book>,
    pub(crate) meters: Meters,
}

impl Shared {
    fn new(options: &Options) -> Self {
        let check = if let Mode::Check(check) = &options.mode { Some(check.clone()) } else { None };
        Self {
            limits: check.as_ref().map(|check| check.limits.clone()).unwrap_or_default(),
            is_checking: check.is_some(),
            state: Mutex::new(State {
                traffic: Traffic::new(options.requests_kept),
                faults: Faults::default(),
                book: check.map(Book::new),
                meters: Meters::default(),
            }),
        }
    }

    pub(crate) fn is_checking(&self) -> bool {
        self.is_checking
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panics while holding the sink's state")
    }

    pub(crate) fn stats(&self) -> Stats {
        let state = self.state();
        Stats { check: state.book.as_ref().map(Book::stats), ..state.traffic.stats() }
    }

    pub(crate) fn streams(&self) -> Vec<StreamReport> {
        self.state().book.as_ref().map_or_else(Vec::new, Book::streams)
    }

    pub(crate) fn writers(&self) -> Vec<WriterReport> {
        self.state().book.as_ref().map_or_else(Vec::new, Book::writers)
    }
}

#[cfg(test)]
mod tests;
