//! Logs that come back from a real Loki.
//!
//! The agent tails CRI logs that grow and are rotated while it runs. When it says that everything was accepted, Loki is
//! told to flush and asked for every stream; times, lines and their order are compared with what the writers know.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, ensure};
use longship_workload::digest::Digest;
use longship_workload::spec::{ReopenAfter, Rotation, Spec, Stamps};
use longship_workload::truth::Truth;
use longship_workload::workload::{Pace, Until, Workload};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::http;
use crate::say;
use crate::workspace::{cargo, run, target};

/// What the logs hold together.
const LINES: u64 = 100_000;
/// How fast they are written: slow enough for Loki's limits, fast enough for some rotations a second.
const LINES_PER_SECOND: u32 = 10_000;
/// How long the agent may take until everything was accepted.
const PATIENCE: Duration = Duration::from_secs(120);
/// Entries that Loki returns at most for one query, unless it is configured otherwise.
const PAGE: usize = 5_000;
/// Labels that Loki adds by itself.
const ADDED: [&str; 2] = ["detected_level", "service_name"];

/// Ships logs to the Loki at `LONGSHIP_TEST_LOKI_URL` and compares what it returns.
pub(super) fn loki() -> Result<()> {
    let url = std::env::var("LONGSHIP_TEST_LOKI_URL").context("LONGSHIP_TEST_LOKI_URL is not set")?;
    let url = url.trim_end_matches('/');
    run(cargo().args(["build", "--locked", "--package", "longship"]))?;
    let folder = tempfile::tempdir().context("making a folder")?;
    let logs = folder.path().join("logs");
    fs::create_dir(&logs).context("making the logs' folder")?;
    let begin_ns = u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos())?;
    let name = format!("e2e-{begin_ns}");

    let mut workload = Workload::create(&logs, &spec(begin_ns)).context("making the logs")?;
    let agent = Agent::start(folder.path(), &configuration(&logs, url, &name))?;
    let until = Until { entries: Some(LINES), ..Until::default() };
    workload.run(Pace::LinesPerSecond(LINES_PER_SECOND), until).context("writing the logs")?;
    let truth = workload.truth();
    agent.wait_until_sent(truth.entries())?;
    agent.stop()?;

    http::post(&format!("{url}/flush"))?;
    let rotations: u64 = truth.writers.iter().map(|writer| writer.rotations).sum();
    let streams = compare(&logs, &truth, url, &name)?;
    say(&format!("{} lines of {streams} streams, {rotations} rotations: Loki has them as written", truth.entries()));
    Ok(())
}

/// Logs with two outputs, rotated every few seconds. Every line has a time of its own, lately.
fn spec(begin_ns: u64) -> Spec {
    Spec {
        files: 10,
        active: 10,
        stderr_percent: 20,
        stamps: Stamps::Synthetic { start_ns: begin_ns, step_ns: 1_009 },
        rotation: Some(Rotation { bytes: 512 << 10, reopen_after: ReopenAfter::Lines(10), keep: 2, gzip: true }),
        ..Spec::default()
    }
}

fn configuration(logs: &Path, url: &str, name: &str) -> String {
    let pattern = logs.join("*/*/*.log");
    format!(
        r#"local.file_match "logs" {{
	path_targets = [{{__path__ = "{}", job = "e2e"}}]
	sync_period  = "1s"
}}

loki.source.file "logs" {{
	targets    = local.file_match.logs.targets
	forward_to = [loki.process.cri.receiver]
}}

loki.process "cri" {{
	stage.cri {{ }}

	forward_to = [loki.write.loki.receiver]
}}

loki.write "loki" {{
	endpoint {{
		url = "{url}/loki/api/v1/push"
	}}

	external_labels = {{run = "{name}"}}
}}
"#,
        pattern.display()
    )
}

/// A running agent; killed when it goes out of sight.
struct Agent {
    process: Child,
    metrics: String,
}

impl Agent {
    /// Starts the agent with its files in `folder`.
    fn start(folder: &Path, configuration: &str) -> Result<Self> {
        let path = folder.join("config.alloy");
        fs::write(&path, configuration).context("writing the configuration")?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("looking for a free port")?;
        let address = listener.local_addr()?;
        drop(listener);
        let mut command = Command::new(target().join("debug/longship"));
        command.arg("run").arg(path).arg("--storage.path").arg(folder.join("storage"));
        command.arg(format!("--server.http.listen-addr={address}"));
        let process = command.spawn().context("starting the agent")?;
        Ok(Self { process, metrics: format!("http://{address}/metrics") })
    }

    /// Returns when Loki has accepted so many entries.
    fn wait_until_sent(&self, entries: u64) -> Result<()> {
        let begin = Instant::now();
        loop {
            let sent = http::get(&self.metrics).map(|text| sent_entries(&text)).unwrap_or_default();
            if sent >= entries {
                ensure!(sent == entries, "{entries} entries were written, Loki accepted {sent}");
                return Ok(());
            }
            ensure!(begin.elapsed() < PATIENCE, "of {entries} entries Loki accepted {sent} in {PATIENCE:?}");
            thread::sleep(Duration::from_millis(100));
        }
    }

    /// Stops the agent as Kubernetes does.
    fn stop(mut self) -> Result<()> {
        kill_process(Pid::from_child(&self.process), Signal::TERM).context("stopping the agent")?;
        let status = self.process.wait().context("waiting for the agent")?;
        ensure!(status.success(), "the agent ended with {status}");
        Ok(())
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // Whether it still ran is of no interest any more.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// Adds up the entries that all destinations accepted.
fn sent_entries(exposition: &str) -> u64 {
    let series = exposition.lines().filter(|line| line.starts_with("loki_write_sent_entries_total"));
    series.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
}

/// Compares every stream with what its writer knows; returns how many there are.
fn compare(logs: &Path, truth: &Truth, url: &str, name: &str) -> Result<usize> {
    let mut streams = 0;
    for writer in &truth.writers {
        let filename = logs.join(&writer.path);
        for (output, expected) in [("stdout", &writer.stdout), ("stderr", &writer.stderr)] {
            let labels = [
                ("filename", filename.to_str().context("the folder's name is UTF-8")?),
                ("job", "e2e"),
                ("run", name),
                ("stream", output),
            ];
            let got = stored(url, &labels, truth)?;
            ensure!(got.matches(expected, true), "{labels:?}: expected {expected:?}, got {got:?}");
            streams += 1;
        }
    }
    Ok(streams)
}

/// Returns the digest of what Loki has under a set of labels.
fn stored(url: &str, labels: &[(&str, &str)], truth: &Truth) -> Result<Digest> {
    let Stamps::Synthetic { start_ns, step_ns } = truth.spec.stamps else { unreachable!("times are synthetic") };
    let end_ns = start_ns + truth.entries() * step_ns + 1;
    let selector: Vec<_> = labels.iter().map(|(name, value)| format!("{name}=\"{value}\"")).collect();
    let query = escape(&format!("{{{}}}", selector.join(",")));
    let (mut digest, mut from_ns) = (Digest::default(), start_ns);
    loop {
        let parameters = format!("query={query}&start={from_ns}&end={end_ns}&limit={PAGE}&direction=forward");
        let answer = http::get(&format!("{url}/loki/api/v1/query_range?{parameters}"))?;
        let page = entries(&serde_json::from_str(&answer).context("reading Loki's answer")?, labels)?;
        for (time_ns, line) in &page {
            digest.add(i64::try_from(*time_ns)?, line.as_bytes());
        }
        match page.last() {
            // No two lines have the same time, so the next page begins right after this one.
            Some((time_ns, _)) if page.len() == PAGE => from_ns = time_ns + 1,
            _ => return Ok(digest),
        }
    }
}

/// Returns the entries of an answer by time; labels other than those asked for and [`ADDED`] are an error.
fn entries(answer: &Value, labels: &[(&str, &str)]) -> Result<Vec<(u64, String)>> {
    let mut entries = Vec::new();
    for stream in answer["data"]["result"].as_array().context("an answer has results")? {
        for (name, value) in stream["stream"].as_object().context("a result has labels")? {
            let expected = labels.iter().any(|(label, text)| label == name && value == text);
            ensure!(expected || ADDED.contains(&name.as_str()), "unexpected label {name}={value}");
        }
        for value in stream["values"].as_array().context("a result has values")? {
            let text = |index: usize| value[index].as_str().context("a value is a time and a line");
            entries.push((text(0)?.parse()?, text(1)?.to_owned()));
        }
    }
    entries.sort_by_key(|(time_ns, _)| *time_ns);
    Ok(entries)
}

/// Escapes a text for the query of an address.
fn escape(text: &str) -> String {
    let escape = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(escape).collect()
}
