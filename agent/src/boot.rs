//! The order in which everything starts, and in which it stops.
//!
//! ```text
//! start   own log → server bound → data plane → events to the log → ready → targets
//! stop    targets → data plane drained → events to the log → server
//! ```
//!
//! The server is bound first, so that a taken port is an error before a file is touched, and ends last, so that a drain
//! can be watched. Nothing is followed before everything that reports on it runs; ready says that the configuration
//! runs, not that the first look for files is over.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use longship_pipeline::plan::{Plan, SourceIndex, Target};
use longship_pipeline::{Compression, ObserveRung, Options, Pipeline, ReadRung, StartError, StopReport, limits};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::discover::{Discovery, Subscriber};
use crate::graph::Configuration;
use crate::server::{self, Server};
use crate::{cores, descriptors, events, log, quantity};

/// What the command line says about how the agent runs.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where positions are kept.
    pub storage_path: PathBuf,
    /// Where the server listens, as `host:port`.
    pub listen_addr: String,
    /// How many shards; `None` takes what the cgroup allows.
    pub cores: Option<usize>,
    /// Pin each shard to a processor.
    pub pin: bool,
    /// How files are read.
    pub read_rung: ReadRung,
    /// Where file events come from.
    pub observe_rung: ObserveRung,
    /// Bound of encoded, compressed and carried bytes.
    pub budget_bytes: u64,
    /// What is done to make requests shorter.
    pub compression: Compression,
    /// How long stopping may take.
    pub drain_timeout: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            storage_path: PathBuf::from("data-alloy/"),
            listen_addr: "127.0.0.1:12345".to_owned(),
            cores: None,
            pin: false,
            read_rung: ReadRung::Auto,
            observe_rung: ObserveRung::Auto,
            budget_bytes: limits::BUDGET_BYTES,
            compression: Compression::default(),
            drain_timeout: Duration::from_secs(15),
        }
    }
}

/// Why the agent did not start.
#[derive(Debug)]
pub enum BootError {
    /// The server cannot listen.
    Listen {
        /// Where.
        addr: String,
        /// What failed.
        error: io::Error,
    },
    /// The data plane did not start.
    Pipeline(StartError),
    /// The thread that looks for files could not be started.
    Discovery(io::Error),
}

impl fmt::Display for BootError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listen { addr, error } => write!(f, "failed to listen on {addr}: {error}"),
            Self::Pipeline(StartError::Positions { path, error }) => {
                write!(f, "positions in {} cannot be used: {error}", path.display())
            }
            Self::Pipeline(StartError::Rung { rung, error }) => write!(f, "{rung} is refused by the system: {error}"),
            Self::Pipeline(StartError::Thread(error)) | Self::Discovery(error) => {
                write!(f, "a thread could not be started: {error}")
            }
        }
    }
}

impl std::error::Error for BootError {}

/// The running agent.
pub struct Agent {
    pipeline: Arc<Pipeline>,
    discovery: Discovery,
    server: JoinHandle<()>,
    server_addr: SocketAddr,
    events: JoinHandle<()>,
    /// Tells the task behind `events` that no more will come.
    events_end: oneshot::Sender<()>,
    drain_timeout: Duration,
}

impl Agent {
    /// Starts everything. Called within a tokio runtime, which must go on running.
    pub async fn start(configuration: Configuration, settings: &Settings) -> Result<Self, BootError> {
        log::configure(configuration.logging.level, configuration.logging.format);
        log!(Info, "Longship is starting", version = env!("CARGO_PKG_VERSION"));
        if let Err(error) = descriptors::raise_limit() {
            log!(Warn, "the limit of open files cannot be raised", err = error);
        }
        for warning in &configuration.warnings {
            log!(Warn, warning);
        }
        let took = quantity::go_duration(configuration.took);
        log!(Info, "finished complete graph evaluation", controller_path = "/", controller_id = "", duration = took);

        let listen = |error| BootError::Listen { addr: settings.listen_addr.clone(), error };
        let server = Server::bind(&settings.listen_addr).map_err(listen)?;
        let server_addr = server.local_addr();
        let state = Arc::new(server::State::new());
        let server = tokio::spawn(server.serve(Arc::clone(&state)));
        log!(Info, "now listening for http traffic", service = "http", addr = server_addr);

        let plan = Arc::new(configuration.plan.clone());
        let pipeline = Pipeline::start(configuration.plan, options(settings)).map_err(BootError::Pipeline)?;
        let pipeline = Arc::new(pipeline);
        let (events_end, end) = oneshot::channel();
        let events = tokio::spawn(log_events(Arc::clone(&pipeline), Arc::clone(&plan), end));

        let components = configuration.components.into_iter().map(|component| server::Component {
            id: component.id,
            name: component.kind.to_owned(),
            is_healthy: true,
        });
        state.loaded(plan, Arc::clone(&pipeline), components.collect());
        let followers = Followers { pipeline: Arc::clone(&pipeline), state: Arc::clone(&state) };
        let discovery = Discovery::start(configuration.targets, followers).map_err(BootError::Discovery)?;
        log!(Info, "Longship is running");
        let drain_timeout = settings.drain_timeout;
        Ok(Self { pipeline, discovery, server, server_addr, events, events_end, drain_timeout })
    }

    /// The data plane.
    pub fn pipeline(&self) -> &Arc<Pipeline> {
        &self.pipeline
    }

    /// Where the server listens.
    pub fn server_addr(&self) -> SocketAddr {
        self.server_addr
    }

    /// Stops everything. What was read is sent and its answer awaited, as long as the drain timeout allows.
    pub async fn stop(self) -> StopReport {
        drop(self.discovery);
        let report = self.pipeline.stop(self.drain_timeout).await;
        drop(self.events_end);
        if self.events.await.is_err() {
            log!(Error, "logging of events ended by a panic");
        }
        self.server.abort();
        report
    }
}

/// Passes on what discovery finds.
struct Followers {
    pipeline: Arc<Pipeline>,
    state: Arc<server::State>,
}

impl Subscriber for Followers {
    fn set_targets(&mut self, source: SourceIndex, targets: Vec<Target>) {
        self.pipeline.set_targets(source, targets);
    }

    fn set_health(&mut self, component_id: &str, is_healthy: bool) {
        self.state.set_health(component_id, is_healthy);
    }
}

fn options(settings: &Settings) -> Options {
    Options {
        storage_path: settings.storage_path.clone(),
        shards: settings.cores.unwrap_or_else(cores::default_shards),
        pin: settings.pin,
        read_rung: settings.read_rung,
        observe_rung: settings.observe_rung,
        budget_bytes: settings.budget_bytes,
        unanswered_bytes_max: limits::UNANSWERED_BYTES_MAX,
        compression: settings.compression,
    }
}

/// Logs the data plane's events until there are no more after `end`.
async fn log_events(pipeline: Arc<Pipeline>, plan: Arc<Plan>, mut end: oneshot::Receiver<()>) {
    let mut taken = Vec::new();
    loop {
        tokio::select! {
            // What is in the queue at the end is logged too.
            biased;
            () = pipeline.take_events(&mut taken) => taken.drain(..).for_each(|event| events::report(&event, &plan)),
            _ = &mut end => return,
        }
        // Ten thousand files that are opened at once wake this task some times, not ten thousand.
        tokio::time::sleep(EVENTS_GATHER).await;
    }
}

/// Events are logged this much later at most.
const EVENTS_GATHER: Duration = Duration::from_millis(10);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{SourceFile, load};

    fn start(text: &str, settings: &Settings) -> Result<(Agent, tokio::runtime::Runtime), BootError> {
        let files = [SourceFile { name: "c.alloy".to_owned(), text: text.as_bytes().to_vec() }];
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let agent = runtime.block_on(Agent::start(load(&files).unwrap(), settings))?;
        Ok((agent, runtime))
    }

    #[test]
    fn an_agent_with_nothing_to_do_starts_and_stops() {
        let storage = tempfile::tempdir().unwrap();
        let settings = Settings {
            storage_path: storage.path().to_owned(),
            listen_addr: "127.0.0.1:0".to_owned(),
            cores: Some(1),
            ..Settings::default()
        };
        let (agent, runtime) = start("logging {\n  level = \"warn\"\n}\n", &settings).unwrap();
        assert_ne!(agent.server_addr().port(), 0);
        assert_eq!(runtime.block_on(agent.stop()).unacknowledged_bytes, 0);
    }

    #[test]
    fn a_taken_port_is_an_error_before_anything_is_written() {
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let storage = tempfile::tempdir().unwrap();
        let settings = Settings {
            storage_path: storage.path().join("data"),
            listen_addr: taken.local_addr().unwrap().to_string(),
            ..Settings::default()
        };
        let error = start("", &settings).err().unwrap().to_string();
        assert!(error.starts_with("failed to listen on 127.0.0.1:"), "{error}");
        assert!(!settings.storage_path.exists());
    }
}
