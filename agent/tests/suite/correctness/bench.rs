//! A node whose agents run on one rung.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use longship_sink::sink::Sink;

use crate::harness::agent::Agent;
use crate::harness::configuration::{Route, endpoint};
use crate::harness::node::Node;

/// How files are read and watched.
pub(super) struct Rung {
    read: &'static str,
    observe: &'static str,
}

pub(super) const IO_URING_INOTIFY: Rung = Rung { read: "io_uring", observe: "inotify" };
pub(super) const PREAD_INOTIFY: Rung = Rung { read: "pread", observe: "inotify" };
pub(super) const PREAD_POLL: Rung = Rung { read: "pread", observe: "poll" };

/// Runs a test on a rung.
pub(super) fn on_rung(rung: &'static Rung, test: fn(&Bench)) {
    let bench = Bench { node: Node::new(), rung };
    if rung.read == IO_URING_INOTIFY.read
        && let Some(reason) = io_uring_refused(&bench.node)
    {
        println!("skipped: io_uring is refused: {reason}");
        return;
    }
    test(&bench);
}

/// Why io_uring cannot be had here, if it cannot; as an agent says that may choose.
fn io_uring_refused(node: &Node) -> Option<&'static str> {
    static REFUSED: OnceLock<Option<String>> = OnceLock::new();
    let refused = REFUSED.get_or_init(|| {
        node.configure("");
        let mut agent = node.start(&[]);
        agent.wait_ready();
        let metrics = agent.metrics();
        agent.stop();
        let is_refused = metrics.state("longship_read_rung", &[], "rung") != Some("io_uring");
        let reason = metrics.state("longship_rung_refused", &[("rung", "io_uring")], "reason");
        is_refused.then(|| reason.expect("what is refused is refused for a reason").to_owned())
    });
    refused.as_deref()
}

pub(super) struct Bench {
    pub(super) node: Node,
    rung: &'static Rung,
}

impl Bench {
    /// Configures one route from all files in the folder of its name.
    pub(super) fn route(&self, name: &str, stages: &str, sink: &Sink, others: &str) -> String {
        let folder = self.node.logs().join(name);
        fs::create_dir_all(folder).unwrap();
        Route { name, glob: self.node.glob(name), stages, endpoint: endpoint(&sink.push_url(), others) }.text()
    }

    /// The path of a log in the folder of a route.
    pub(super) fn log(&self, route: &str, name: &str) -> PathBuf {
        self.node.logs().join(route).join(name)
    }

    /// Starts an agent, and makes sure that it runs on the rung.
    pub(super) fn start(&self) -> Agent {
        let Rung { read, observe } = self.rung;
        let mut agent = self.node.start(&[&format!("--read.rung={read}"), &format!("--observe.rung={observe}")]);
        agent.wait_ready();
        let metrics = agent.metrics();
        assert_eq!(metrics.state("longship_read_rung", &[], "rung"), Some(*read));
        assert_eq!(metrics.state("longship_observe_rung", &[], "rung"), Some(*observe));
        agent
    }
}

/// Appends to a file, which is made if it is missing.
pub(super) fn append(path: &Path, bytes: impl AsRef<[u8]>) {
    File::options().create(true).append(true).open(path).unwrap().write_all(bytes.as_ref()).unwrap();
}

/// The lines that a stream has stored, in their order.
pub(super) fn lines_of(sink: &Sink, labels: &str) -> Vec<String> {
    let entries = sink.entries().into_iter().filter(|entry| entry.labels == labels);
    entries.map(|entry| String::from_utf8(entry.line).unwrap()).collect()
}

/// Waits until a stream has stored as many lines as are expected, and compares them.
pub(super) fn expect_lines(agent: &mut Agent, sink: &Sink, labels: &str, expected: &[&str]) {
    let arrived = agent.wait_for(crate::harness::agent::PATIENCE, |_| lines_of(sink, labels).len() >= expected.len());
    let lines = lines_of(sink, labels);
    assert_eq!(lines, expected, "{}", if arrived { "other lines" } else { "not all lines came" });
}
