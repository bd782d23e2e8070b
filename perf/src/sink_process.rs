//! A `perf sink` in a process and on a core of its own.

use std::io::{self, BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use longship_sink::report::{Stats, WriterReport};
use serde::de::DeserializeOwned;

use crate::http::Connection;
use crate::sink::LISTENING;

/// A running sink; it ends when dropped, and with this process.
#[derive(Debug)]
pub(crate) struct SinkProcess {
    child: Child,
    url: String,
    connection: Connection,
}

impl SinkProcess {
    /// Starts a sink on a core; with `check` it checks what it gets, otherwise it only reads.
    pub(crate) fn start(core: usize, check: bool) -> io::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command
            .args(["sink", "--listen", "127.0.0.1:0", "--until-stdin-closes", "--core", &core.to_string()])
            .args(check.then_some("--check"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let mut line = String::new();
        let stdout = child.stdout.take().expect("it was piped above");
        BufReader::new(stdout).read_line(&mut line)?;
        let Some(url) = line.trim_end().strip_prefix(LISTENING) else {
            child.wait()?;
            return Err(io::Error::other("the sink did not start"));
        };
        let connection = Connection::open(url)?;
        Ok(Self { child, url: url.to_owned(), connection })
    }

    /// Its address without a path.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn stats(&mut self) -> io::Result<Stats> {
        self.page("/stats")
    }

    pub(crate) fn writers(&mut self) -> io::Result<Vec<WriterReport>> {
        self.page("/writers")
    }

    fn page<T: DeserializeOwned>(&mut self, path: &str) -> io::Result<T> {
        Ok(serde_json::from_slice(&self.connection.get(path)?.body)?)
    }
}

impl Drop for SinkProcess {
    fn drop(&mut self) {
        // Its standard input closes, so it ends.
        drop(self.child.stdin.take());
        drop(self.child.wait());
    }
}
