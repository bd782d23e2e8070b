//! A program that runs while something is measured, with a folder of its own.

use std::fs::{self, File};
use std::io;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use longship_workload::stamp::wall_ns;
use rustix::process::{Pid, Signal, kill_process};

use super::exposition::sum;
use crate::http::Connection;
use crate::pinning::spawn_pinned;

/// A running agent; killed when dropped.
pub(crate) struct Process {
    child: Child,
    pub(crate) started_ns: u64,
    /// Where its own pages are.
    pub(crate) port: u16,
    folder: tempfile::TempDir,
    timeout: Duration,
}

impl Process {
    /// Starts what `prepare` makes of a folder below `parent` and a free port. What takes longer than `timeout` has failed.
    pub(crate) fn start(
        parent: &Path,
        cores: &[usize],
        timeout: Duration,
        prepare: impl FnOnce(&Path, u16) -> io::Result<Command>,
    ) -> io::Result<Self> {
        let folder = tempfile::Builder::new().prefix("agent-").tempdir_in(parent)?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut command = prepare(folder.path(), port)?;
        let log = File::create(folder.path().join(LOG))?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let started_ns = wall_ns();
        let child = spawn_pinned(&mut command, cores)?;
        Ok(Self { child, started_ns, port, folder, timeout })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until something is so. `missing` says what is not, if that takes too long.
    pub(crate) fn wait(&mut self, missing: &str, mut is_so: impl FnMut() -> io::Result<bool>) -> io::Result<()> {
        self.wait_for(|| Ok((!is_so()?).then(|| missing.to_owned())))
    }

    /// Waits until nothing is missing.
    pub(crate) fn wait_for(&mut self, mut missing: impl FnMut() -> io::Result<Option<String>>) -> io::Result<()> {
        let begin = Instant::now();
        while let Some(missing) = missing()? {
            if let Some(status) = self.child.try_wait()? {
                return Err(self.failure(&format!("the agent ended with {status}")));
            }
            if begin.elapsed() > self.timeout {
                return Err(self.failure(&format!("after {} s: {missing}", self.timeout.as_secs())));
            }
            thread::sleep(POLL);
        }
        Ok(())
    }

    /// Asks it to end, and waits for that.
    pub(crate) fn stop(mut self) -> io::Result<()> {
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

impl Drop for Process {
    fn drop(&mut self) {
        // It has ended already, unless something went wrong.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Returns the sum of a metric's series on an agent's page; `None` where it does not answer or has none.
pub(crate) fn metric(port: u16, page: &str, name: &str) -> Option<u64> {
    let answer = Connection::open(&format!("http://127.0.0.1:{port}")).ok()?.get(page).ok()?;
    sum(str::from_utf8(&answer.body).ok()?, name)
}

/// How often something that is waited for is looked at.
const POLL: Duration = Duration::from_millis(10);
const LOG: &str = "agent.log";
/// So much of what a failed agent said is shown.
const LOG_LINES: usize = 20;
