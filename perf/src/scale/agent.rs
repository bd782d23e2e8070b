//! A Longship that runs, for one case.

use std::fs::{self, File};
use std::io;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use longship_workload::stamp::wall_ns;
use rustix::process::{Pid, Signal, kill_process};
use serde::Serialize;

use super::configuration::{Input, configuration};
use crate::pinning::spawn_pinned_to;
use crate::run::metric;

/// Where and how agents run.
#[derive(Clone, Debug)]
pub(super) struct Setting {
    pub(super) agent: PathBuf,
    /// The first of them is that of agents with one shard. The sink's core is one of the others.
    pub(super) agent_cores: [usize; 2],
    pub(super) sink_core: usize,
    /// In it each agent has a folder of its own.
    pub(super) folder: PathBuf,
    /// What takes longer has failed.
    pub(super) timeout: Duration,
}

/// How one agent is started.
#[derive(Clone, Debug)]
pub(super) struct Launch {
    pub(super) inputs: Vec<Input>,
    /// Shards, one or two.
    pub(super) cores: u16,
    pub(super) rung: Rung,
    pub(super) batch_wait: Duration,
}

impl Launch {
    /// One shard with everything as by default.
    pub(super) fn new(inputs: Vec<Input>) -> Self {
        Self { inputs, cores: 1, rung: Rung::Auto, batch_wait: BATCH_WAIT }
    }
}

/// Longship's default.
pub(super) const BATCH_WAIT: Duration = Duration::from_secs(1);

/// How files are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Rung {
    Auto,
    IoUring,
    Pread,
}

impl Rung {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::IoUring => "io_uring",
            Self::Pread => "pread",
        }
    }
}

/// A running agent; killed when dropped.
pub(super) struct Agent {
    child: Child,
    pub(super) started_ns: u64,
    pub(super) port: u16,
    folder: tempfile::TempDir,
    timeout: Duration,
}

impl Agent {
    pub(super) fn start(setting: &Setting, launch: &Launch) -> io::Result<Self> {
        let folder = tempfile::Builder::new().prefix("agent-").tempdir_in(&setting.folder)?;
        let path = folder.path().join("config.alloy");
        fs::write(&path, configuration(&launch.inputs, launch.batch_wait))?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let log = File::create(folder.path().join(LOG))?;
        let mut command = Command::new(&setting.agent);
        command.arg("run").arg(&path).arg("--storage.path").arg(folder.path().join("storage"));
        command.args(["--server.http.listen-addr", &format!("127.0.0.1:{port}")]);
        command.args(["--cores", &launch.cores.to_string(), "--read.rung", launch.rung.name()]);
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let started_ns = wall_ns();
        let cores = if launch.cores == 1 { &setting.agent_cores[..1] } else { &setting.agent_cores[..] };
        let child = spawn_pinned_to(&mut command, cores)?;
        Ok(Self { child, started_ns, port, folder, timeout: setting.timeout })
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it has so many files open.
    pub(super) fn follows(&mut self, files: u64) -> io::Result<()> {
        let port = self.port;
        self.wait("it does not follow every file", || {
            Ok(metric(port, "loki_source_file_files_active_total").is_some_and(|active| active >= files))
        })
    }

    /// Waits until something is so. `what` says what is wrong if it does not become so in time.
    pub(super) fn wait(&mut self, what: &str, mut is_so: impl FnMut() -> io::Result<bool>) -> io::Result<()> {
        let begin = Instant::now();
        while !is_so()? {
            if let Some(status) = self.child.try_wait()? {
                return Err(self.failure(&format!("the agent ended with {status}")));
            }
            if begin.elapsed() > self.timeout {
                return Err(self.failure(&format!("after {} s: {what}", self.timeout.as_secs())));
            }
            thread::sleep(POLL);
        }
        Ok(())
    }

    /// Asks it to end, and waits for that.
    pub(super) fn stop(mut self) -> io::Result<()> {
        kill_process(Pid::from_child(&self.child), Signal::TERM)?;
        let begin = Instant::now();
        while self.child.try_wait()?.is_none() {
            if begin.elapsed() > self.timeout {
                return Err(self.failure("the agent does not end on SIGTERM"));
            }
            thread::sleep(POLL);
        }
        Ok(())
    }

    /// Returns an error with the last of what the agent said.
    fn failure(&self, reason: &str) -> io::Error {
        let log = fs::read_to_string(self.folder.path().join(LOG)).unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();
        let last = lines[lines.len().saturating_sub(LOG_LINES)..].join("\n");
        io::Error::other(format!("{reason}\n{last}"))
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // It has ended already, unless something went wrong.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A folder for logs that are written while an agent runs; removed when dropped.
pub(super) fn scratch(setting: &Setting) -> io::Result<tempfile::TempDir> {
    tempfile::Builder::new().prefix("logs-").tempdir_in(&setting.folder)
}

/// Every log that a folder has, at any depth.
pub(super) fn logs_below(folder: &Path) -> PathBuf {
    folder.join("**").join("*.log")
}

/// How often something that is waited for is looked at.
const POLL: Duration = Duration::from_millis(10);
const LOG: &str = "agent.log";
/// So much of what a failed agent said is shown.
const LOG_LINES: usize = 20;
