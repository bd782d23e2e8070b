//! One life of an agent, from its start to its end.

use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::metrics::Metrics;
use super::node::Node;

/// The binary under test.
pub(crate) const LONGSHIP: &str = env!("CARGO_BIN_EXE_longship");

/// Nothing that is waited for takes longer on a busy machine, unless a test says so.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A running agent. It is killed when dropped; if a test fails, the last of what it said is shown.
pub(crate) struct Agent {
    child: Child,
    port: u16,
    log: PathBuf,
    /// Where this life begins in the log.
    log_start: u64,
    /// It was waited for.
    ended: bool,
}

impl Agent {
    pub(super) fn start(node: &Node, arguments: &[&str]) -> Self {
        let path = node.file("agent.log");
        let log = File::options().create(true).append(true).open(&path).unwrap();
        let log_start = log.metadata().unwrap().len();
        let port = free_port();
        let mut command = Command::new(LONGSHIP);
        command.arg("run").arg(node.configuration());
        command.arg("--storage.path").arg(node.file("storage"));
        command.arg(format!("--server.http.listen-addr=127.0.0.1:{port}"));
        command.args(arguments);
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let child = command.spawn().unwrap();
        Self { child, port, log: path, log_start, ended: false }
    }

    /// Waits until a condition holds. Fails the test if the agent ends before, or after [`PATIENCE`].
    pub(crate) fn wait(&mut self, wanted: &str, condition: impl FnMut(&Self) -> bool) {
        if !self.wait_for(PATIENCE, condition) {
            panic!("after {} s there is not: {wanted}", PATIENCE.as_secs());
        }
    }

    /// Waits until a condition holds; false if it does not in time. Fails the test if the agent ends before.
    pub(crate) fn wait_for(&mut self, patience: Duration, mut condition: impl FnMut(&Self) -> bool) -> bool {
        let begin = Instant::now();
        while !condition(self) {
            if let Some(status) = self.child.try_wait().unwrap() {
                self.ended = true;
                panic!("the agent ended with {status}");
            }
            if begin.elapsed() > patience {
                return false;
            }
            thread::sleep(POLL);
        }
        true
    }

    /// Waits until it says that it is ready.
    pub(crate) fn wait_ready(&mut self) {
        self.wait("an agent that is ready", |agent| agent.get("/-/ready").is_ok_and(|(status, _)| status == 200));
    }

    /// Gets a page: its status and its text.
    pub(crate) fn get(&self, path: &str) -> io::Result<(u16, String)> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        // HTTP/1.0 has neither chunks nor connections that stay open.
        stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: 127.0.0.1:{}\r\n\r\n", self.port).as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let unreadable = || io::Error::other(format!("unreadable answer: {answer}"));
        let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(unreadable)?;
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(unreadable)?;
        Ok((status, body.to_owned()))
    }

    /// Its metrics now; it must be ready.
    pub(crate) fn metrics(&self) -> Metrics {
        let (status, text) = self.get("/metrics").unwrap();
        assert_eq!(status, 200, "{text}");
        Metrics::parse(&text)
    }

    /// The most memory it had resident so far (`VmHWM` of proc_pid_status(5)).
    pub(crate) fn resident_bytes_max(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() << 10
    }

    /// What it has said in this life.
    pub(crate) fn said(&self) -> String {
        let mut log = File::open(&self.log).unwrap();
        log.seek(SeekFrom::Start(self.log_start)).unwrap();
        let mut said = String::new();
        log.read_to_string(&mut said).unwrap();
        said
    }

    /// Kills it without warning, and returns the moment before.
    pub(crate) fn kill(mut self) -> Instant {
        let moment = Instant::now();
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.ended = true;
        moment
    }

    /// Sends it a signal that does not end it.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Asks it to end, waits for that, and returns how long it took. Fails the test unless it ends well.
    pub(crate) fn stop(self) -> Duration {
        self.stop_by(Signal::TERM)
    }

    /// The same with another signal.
    pub(crate) fn stop_by(mut self, signal: Signal) -> Duration {
        let begin = Instant::now();
        self.signal(signal);
        let status = self.wait_end();
        assert!(status.success(), "the agent ended with {status}");
        begin.elapsed()
    }

    /// Waits until it ends of itself.
    pub(crate) fn wait_end(&mut self) -> ExitStatus {
        let begin = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                self.ended = true;
                return status;
            }
            assert!(begin.elapsed() < PATIENCE, "the agent does not end");
            thread::sleep(POLL);
        }
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        if thread::panicking() {
            let said = self.said();
            let lines: Vec<_> = said.lines().collect();
            let last = &lines[lines.len().saturating_sub(LINES_SHOWN)..];
            println!("the last of what the agent said:\n{}", last.join("\n"));
        }
        if !self.ended {
            // It may have ended by itself meanwhile.
            drop(self.child.kill());
            drop(self.child.wait());
        }
    }
}

/// A port that nobody listens on now.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// How often a condition is looked at.
const POLL: Duration = Duration::from_millis(5);
/// So much of what a failed agent said is shown.
const LINES_SHOWN: usize = 30;
