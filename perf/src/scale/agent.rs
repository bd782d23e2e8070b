//! A Longship that runs, for one case.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;

use super::configuration::{Input, configuration};
use crate::agents::process::{Process, metric};
use crate::agents::{Program, longship};

/// Where and how agents run.
#[derive(Clone)]
pub(super) struct Setting {
    pub(super) agent: Program,
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

/// Starts an agent.
pub(super) fn start(setting: &Setting, launch: &Launch) -> io::Result<Process> {
    let cores = if launch.cores == 1 { &setting.agent_cores[..1] } else { &setting.agent_cores[..] };
    Process::start(&setting.folder, cores, setting.timeout, |folder, port| {
        let path = folder.join("config.alloy");
        fs::write(&path, configuration(&launch.inputs, launch.batch_wait))?;
        let mut command = longship::command(&setting.agent.path, &path, folder, port);
        command.args(["--cores", &launch.cores.to_string(), "--read.rung", launch.rung.name()]);
        Ok(command)
    })
}

/// Waits until it has so many files open.
pub(super) fn wait_for_files(agent: &mut Process, files: u64) -> io::Result<()> {
    let port = agent.port;
    agent.wait("it does not follow every file", || {
        Ok(metric(port, "/metrics", "loki_source_file_files_active_total").is_some_and(|active| active >= files))
    })
}

/// A folder for logs that are written while an agent runs; removed when dropped.
pub(super) fn scratch(setting: &Setting) -> io::Result<tempfile::TempDir> {
    tempfile::Builder::new().prefix("logs-").tempdir_in(&setting.folder)
}

/// Every log that a folder has, at any depth.
pub(super) fn logs_below(folder: &Path) -> PathBuf {
    folder.join("**").join("*.log")
}
