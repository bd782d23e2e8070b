//! The harness as its users run it, with a stand-in for the agent.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

const PERF: &str = env!("CARGO_BIN_EXE_perf");

fn perf(arguments: &[&str]) -> Output {
    Command::new(PERF).args(arguments).output().unwrap()
}

fn text(output: &[u8]) -> &str {
    str::from_utf8(output).unwrap()
}

/// Writes an agent that takes its address from the configuration and ships with the limit program, then waits for its
/// end as an agent does.
fn stand_in(folder: &Path, flags: &str) -> PathBuf {
    let path = folder.join("agent");
    let script = format!(
        "#!/bin/sh\n\
         [ \"$1\" = run ] || exit 9\n\
         url=$(sed -n 's|.*\"\\(http://[^/]*\\)/loki/api/v1/push\".*|\\1|p' \"$2\")\n\
         '{PERF}' limits --url \"$url\" --runs 1 {flags} || exit 8\n\
         trap 'exit 0' TERM\n\
         while :; do sleep 0.05; done\n"
    );
    fs::write(&path, script).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

#[test]
fn an_agent_is_measured_and_checked() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let data = data.to_str().unwrap();
    let agent = stand_in(folder.path(), &format!("--data '{data}' --bytes 3MB --files 2"));
    let agent = agent.to_str().unwrap();
    let arguments =
        ["run", "--agent", agent, "--data", data, "--bytes", "3MB", "--files", "2", "--runs", "1", "--check", "--json"];
    let output = perf(&[&arguments[..], &["--sink-core", "0"]].concat());
    assert!(output.status.success(), "{}", text(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let case = &report["cases"][0];
    assert_eq!((case["files"].as_u64(), case["limit"].as_array().unwrap().len()), (Some(2), 1));
    assert_eq!(case["agents"][0]["check"]["lost"], 0);
    assert_eq!(case["agents"][0]["check"]["arrived"], case["lines"]);
    let agents = case["agents"][0]["runs"].as_array().unwrap();
    assert_eq!(agents.len(), 1);
    for (limit, agent) in case["limit"].as_array().unwrap().iter().zip(agents) {
        for field in ["source_bytes", "lines", "requests", "wire_bytes"] {
            assert_eq!(limit[field], agent[field], "the stand-in is the limit program: {field}");
        }
        assert!(agent["seconds"].as_f64().unwrap() >= agent["startup_seconds"].as_f64().unwrap());
        assert!(agent["resident_bytes_max"].as_u64().unwrap() > 100_000);
    }
}

#[test]
fn agents_are_compared_and_a_peer_that_fails_is_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let data = data.to_str().unwrap();
    let agent = stand_in(folder.path(), &format!("--data '{data}' --bytes 3MB --files 1"));
    let agent = agent.to_str().unwrap();
    let (peer, plot) = (format!("alloy={agent}"), folder.path().join("plot.svg"));
    let arguments = ["compare", "--agent", agent, "--peer", &peer, "--peer", "promtail=/bin/false", "--data", data];
    let flags = ["--bytes", "3MB", "--files", "1", "--runs", "2", "--sink-core", "0", "--json", "--plot"];
    let output = perf(&[&arguments[..], &flags, &[plot.to_str().unwrap()]].concat());
    assert!(output.status.success(), "{}", text(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let agents = report["cases"][0]["agents"].as_array().unwrap();
    let summary: Vec<_> = agents
        .iter()
        .map(|agent| (agent["name"].as_str().unwrap(), agent["runs"].as_array().unwrap().len(), &agent["counts"]))
        .collect();
    let (yes, no) = (Value::Bool(true), Value::Bool(false));
    assert_eq!(summary, [("longship", 2, &yes), ("alloy", 2, &yes), ("promtail", 0, &no)]);
    assert!(agents[2]["failure"].as_str().unwrap().starts_with("the agent ended with exit status: 1"));
    assert!(text(&output.stderr).contains("1 files, run 2 of 2: alloy "), "{}", text(&output.stderr));
    assert!(fs::read_to_string(plot).unwrap().starts_with("<svg "));
}

#[test]
fn an_agent_that_sends_too_little_or_ends_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let data = data.to_str().unwrap();
    let run = |agent: &str, more: &[&str]| {
        let arguments = ["run", "--agent", agent, "--data", data, "--bytes", "3MB", "--files", "1", "--runs", "1"];
        perf(&[&arguments[..], &["--sink-core", "0"], more].concat())
    };
    // It ships other data, of which there is too little.
    let agent = stand_in(folder.path(), &format!("--data '{data}' --bytes 1MB --files 1"));
    let output = run(agent.to_str().unwrap(), &["--timeout", "2s"]);
    assert!(!output.status.success());
    assert!(text(&output.stderr).contains("perf: after 2 s: the sink has 1 requests"), "{}", text(&output.stderr));
    let output = run("/bin/false", &[]);
    assert!(text(&output.stderr).contains("the agent ended with exit status: 1"), "{}", text(&output.stderr));
    let output = run("/nonexistent", &[]);
    assert!(text(&output.stderr).contains("starting /nonexistent: No such file"), "{}", text(&output.stderr));
}

#[test]
fn logs_are_written_with_their_truth() {
    let folder = tempfile::tempdir().unwrap();
    let logs = folder.path().join("logs");
    let logs = logs.to_str().unwrap();
    let flags = ["--lines", "5000", "--files", "3", "--active", "1", "--rotate-bytes", "100KiB", "--format", "docker"];
    let output = perf(&[&["gen", logs][..], &flags].concat());
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stdout).starts_with("5020 lines, "), "{}", text(&output.stdout));
    let truth: Value = serde_json::from_slice(&fs::read(format!("{logs}.truth.json")).unwrap()).unwrap();
    assert_eq!(truth["writers"][0]["entries"], 5_000);
    assert_eq!(truth["spec"]["format"], "docker");
    assert!(truth["writers"][0]["rotations"].as_u64().unwrap() > 5);
    let output = perf(&["gen", logs, "--lines", "1"]);
    assert!(text(&output.stderr).ends_with("is not empty\n"), "{}", text(&output.stderr));
    let output = perf(&["gen", logs]);
    assert_eq!(output.status.code(), Some(2), "an amount is asked for");
}

#[test]
fn a_sink_ends_with_its_standard_input() {
    let mut child = Command::new(PERF)
        .args(["sink", "--listen", "127.0.0.1:0", "--until-stdin-closes", "--check"])
        .args(["--faults", r#"[{"action":{"refuse":{"status":503}}}]"#])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = lines.next().unwrap().unwrap();
    let address = line.strip_prefix("listening on http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(b"POST /loki/api/v1/push HTTP/1.1\r\nHost: sink\r\nContent-Length: 0\r\n\r\n").unwrap();
    let mut status = String::new();
    BufReader::new(&stream).read_line(&mut status).unwrap();
    // An empty body is no push, so the fault has nothing to refuse.
    assert_eq!(status, "HTTP/1.1 400 Bad Request\r\n");
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
}

#[test]
fn limits_are_measured_step_by_step() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let flags = ["--data", data, "--bytes", "2MB", "--files", "2", "--runs", "1", "--sink-core", "0"];
    let output = perf(&[&["limits", "--steps", "--json"][..], &flags].concat());
    assert!(output.status.success(), "{}", text(&output.stderr));
    let passes: Value = serde_json::from_slice(&output.stdout).unwrap();
    let steps: Vec<_> = passes.as_array().unwrap().iter().map(|pass| pass["step"].as_str().unwrap()).collect();
    assert_eq!(steps, ["read", "lines", "parse", "encode", "compress", "post"]);
    assert!(passes[5]["measure"]["requests"].as_u64().unwrap() >= 2);
    let output = perf(&[&["limits"][..], &flags].concat());
    assert!(text(&output.stdout).lines().nth(1).unwrap().starts_with("+ POST and answer"), "{}", text(&output.stdout));
}
