//! The folder an agent lives in, which stays when the agent is killed.

use std::fs;
use std::path::PathBuf;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::agent::Agent;

/// A temporary folder with logs, configuration, storage and what the agents said.
pub(crate) struct Node {
    folder: tempfile::TempDir,
    _share: Share,
}

/// A test's share of the machine.
#[expect(dead_code, reason = "the guards are held, not read")]
enum Share {
    Part(RwLockReadGuard<'static, ()>),
    Whole(RwLockWriteGuard<'static, ()>),
}

static MACHINE: RwLock<()> = RwLock::new(());

impl Node {
    /// A node of a test that may run beside others.
    pub(crate) fn new() -> Self {
        Self::with(Share::Part(MACHINE.read().unwrap_or_else(PoisonError::into_inner)))
    }

    /// A node of a test that measures time: no other test runs until it is dropped.
    pub(crate) fn alone() -> Self {
        Self::with(Share::Whole(MACHINE.write().unwrap_or_else(PoisonError::into_inner)))
    }

    fn with(share: Share) -> Self {
        let node = Self { folder: tempfile::Builder::new().prefix("longship-").tempdir().unwrap(), _share: share };
        fs::create_dir(node.logs()).unwrap();
        node
    }

    /// A file beside the logs.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The folder that logs are written to.
    pub(crate) fn logs(&self) -> PathBuf {
        self.file("logs")
    }

    /// The glob of all logs in a folder below that of the logs.
    pub(crate) fn glob(&self, folder: &str) -> String {
        self.logs().join(folder).join("**/*.log").display().to_string()
    }

    /// The configuration's file.
    pub(crate) fn configuration(&self) -> PathBuf {
        self.file("config.alloy")
    }

    /// Sets the configuration of the agents that are started from now on.
    pub(crate) fn configure(&self, text: &str) {
        fs::write(self.configuration(), text).unwrap();
    }

    /// Starts an agent with further arguments. It need not be ready when this returns.
    pub(crate) fn start(&self, arguments: &[&str]) -> Agent {
        Agent::start(self, arguments)
    }
}
