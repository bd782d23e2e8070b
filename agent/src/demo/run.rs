//! The order of a demo: begin, watch, end, compare, tell.

use std::io::{self, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use longship_sink::sink::{self, Check, Sink};
use longship_sink::verdict::compare;
use tempfile::TempDir;
use tokio::signal::unix::{SignalKind, signal};

use super::balance::{AgentSums, Books, NodeLog, PodLog};
use super::configuration;
use super::followed::Followed;
use super::live::LiveLine;
use super::pods::{GrowingPods, Pods, WrittenPod, WrittenPods};
use super::report::Report;
use crate::boot::{Agent, BootError, Settings};
use crate::graph::{self, LoadError, SourceFile};
use crate::quantity::go_duration;

/// What a demo is to be.
#[derive(Clone, Debug)]
pub struct Options {
    /// It ends after so long, or when the process is told to stop.
    pub duration: Duration,
    /// A pattern of the node's logs.
    pub logs: String,
    /// Lines per second in the generated logs.
    pub rate: u32,
}

/// Why there was no demo.
#[derive(Debug)]
pub enum DemoError {
    /// The temporary folder, or something in it, cannot be written.
    Folder(io::Error),
    /// The receiver does not start.
    Receiver(io::Error),
    /// Signals cannot be waited for.
    Signals(io::Error),
    /// The embedded configuration is refused.
    Configuration(LoadError),
    /// The agent does not start.
    Start(BootError),
}

impl std::fmt::Display for DemoError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Folder(error) => write!(f, "writing generated logs to a temporary folder: {error}"),
            Self::Receiver(error) => write!(f, "starting the receiver: {error}"),
            Self::Signals(error) => write!(f, "waiting for signals: {error}"),
            Self::Configuration(error) => write!(f, "the demo's configuration: {error}"),
            Self::Start(error) => write!(f, "starting the agent: {error}"),
        }
    }
}

impl std::error::Error for DemoError {}

/// Runs a demo from its beginning to its outcome.
pub async fn run(options: &Options) -> Result<Report, DemoError> {
    let begun = Instant::now();
    let (demo, pods) = Demo::begin(options).await?;
    let (books, rung) = demo.run(pods, options.duration).await?;
    Ok(Report::new(&books, rung, begun.elapsed()))
}

/// A demo under way.
struct Demo {
    agent: Agent,
    receiver: Sink,
    followed: Followed,
    /// Removed when it is dropped.
    folder: TempDir,
}

impl Demo {
    /// Starts everything, the writing of the generated logs last.
    async fn begin(options: &Options) -> Result<(Self, GrowingPods), DemoError> {
        let folder = tempfile::Builder::new().prefix("longship-demo-").tempdir().map_err(DemoError::Folder)?;
        let root = folder.path().canonicalize().map_err(DemoError::Folder)?;
        let pods = Pods::create(&root.join("pods")).map_err(DemoError::Folder)?;
        let receiver = Sink::start(sink::Options::check(Check::default())).map_err(DemoError::Receiver)?;

        let text = configuration::text(&options.logs, &root.join("pods"), &receiver.push_url());
        let configuration = graph::load(&[SourceFile { name: "demo.alloy".to_owned(), text: text.into_bytes() }])
            .map_err(DemoError::Configuration)?;
        let followed = Followed::new(&configuration.plan);
        let agent = Agent::start(configuration, &settings(&root)).await.map_err(DemoError::Start)?;
        announce(options, &agent);
        Ok((Self { agent, receiver, followed, folder }, pods.grow(options.rate)))
    }

    /// Watches for the duration, then ends everything in order. Returns what everybody counted, and the rung.
    async fn run(mut self, pods: GrowingPods, duration: Duration) -> Result<(Books, String), DemoError> {
        let watched = self.watch(duration).await;
        // The writers are told to stop even if watching failed.
        let pods = pods.end().map_err(DemoError::Folder)?;
        watched?;
        let written = pods.logs().map_err(DemoError::Folder)?;
        self.settle(&written).await;
        let (books, rung) = self.end(&pods, &written).await;
        Ok((books, rung))
    }

    /// Looks, and shows what there is to see, until time is up or somebody presses Ctrl-C.
    async fn watch(&mut self, duration: Duration) -> Result<(), DemoError> {
        let mut interrupt = signal(SignalKind::interrupt()).map_err(DemoError::Signals)?;
        let mut terminate = signal(SignalKind::terminate()).map_err(DemoError::Signals)?;
        let mut end = std::pin::pin!(tokio::time::sleep(duration));
        let mut ticks = tokio::time::interval(LOOK_INTERVAL);
        let mut live = LiveLine::begin();
        loop {
            tokio::select! {
                () = end.as_mut() => break,
                _ = interrupt.recv() => break,
                _ = terminate.recv() => break,
                _ = ticks.tick() => {
                    let snapshot = self.agent.pipeline().snapshot().await;
                    self.followed.take(&snapshot);
                    live.show(&snapshot, &self.receiver.stats());
                }
            }
        }
        live.end();
        Ok(())
    }

    /// Waits until the agent has read what is there: the generated logs whole, those of the node for a while only,
    /// because there may be a lot of them and they may grow for ever.
    async fn settle(&mut self, written: &[WrittenPod]) {
        let begun = Instant::now();
        loop {
            self.followed.take(&self.agent.pipeline().snapshot().await);
            let extents = self.followed.extents();
            let is_node_read = self.followed.node_logs(&extents, &extents).iter().all(NodeLog::is_read);
            let are_pods_read = self.followed.pod_logs(written).iter().all(PodLog::is_read);
            let patience = if are_pods_read { NODE_PATIENCE } else { PODS_PATIENCE };
            if is_node_read && are_pods_read || begun.elapsed() >= patience {
                return;
            }
            tokio::time::sleep(SETTLE_INTERVAL).await;
        }
    }

    /// Ends reading and sending, and gathers what everybody counted.
    async fn end(self, pods: &WrittenPods, written: &[WrittenPod]) -> (Books, String) {
        let Self { agent, receiver, mut followed, folder } = self;
        let before = followed.extents();
        let stopped = agent.stop().await;
        followed.take(&stopped.last);
        let after = followed.extents();
        receiver.stop();
        let books = Books {
            node: followed.node_logs(&before, &after),
            pods: followed.pod_logs(written),
            agent: AgentSums::of(&stopped),
            receiver: receiver.stats().check.unwrap_or_default(),
            verdict: compare(&pods.truth, TENANT, &receiver.writers()),
        };
        // What cannot be removed is left to whoever cleans the folder of temporary files.
        drop(folder.close());
        (books, format!("{}+{}", stopped.last.observe_rung, stopped.last.read_rung))
    }
}

/// How often the agent is asked for its figures.
const LOOK_INTERVAL: Duration = Duration::from_millis(200);
/// How often they are asked for once nothing is written any more.
const SETTLE_INTERVAL: Duration = Duration::from_millis(20);
/// How long the agent may take to catch up with the node's logs.
const NODE_PATIENCE: Duration = Duration::from_secs(2);
/// How long it may take to catch up with the generated ones.
const PODS_PATIENCE: Duration = Duration::from_secs(10);
/// The tenant of pushes that name none.
const TENANT: &str = "fake";

/// How long the agent may take to get answers to what it has read.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);

/// How the agent of a demo runs: as by default, with all that it writes below `root`, and figures on a free port.
fn settings(root: &Path) -> Settings {
    Settings {
        storage_path: root.join("data"),
        listen_addr: "127.0.0.1:0".to_owned(),
        drain_timeout: DRAIN_TIMEOUT,
        ..Settings::default()
    }
}

/// Says, on standard error, what is going to happen.
fn announce(options: &Options, agent: &Agent) {
    let (logs, duration) = (&options.logs, go_duration(options.duration));
    let address = agent.server_addr();
    let text =
        format!("longship demo: {logs} and generated pod logs for {duration}, figures at http://{address}/metrics");
    // Who has closed standard error does not want to know.
    drop(writeln!(io::stderr(), "{text}"));
}
