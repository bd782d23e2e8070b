//! `longship run`: exit codes, signals, what is printed where.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};

fn longship() -> Command {
    Command::new(env!("CARGO_BIN_EXE_longship"))
}

/// Runs the agent with a configuration that it is to refuse.
fn refused(path: &Path) -> (Option<i32>, String) {
    let Output { status, stderr, stdout } = longship().arg("run").arg(path).output().unwrap();
    assert!(stdout.is_empty());
    (status.code(), String::from_utf8(stderr).unwrap())
}

/// An agent that runs until it gets a signal.
struct Running {
    child: Child,
    stderr: BufReader<ChildStderr>,
    log: String,
    /// Holds its configuration and positions.
    _folder: tempfile::TempDir,
}

impl Running {
    fn start(configuration: &str, flags: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.alloy");
        std::fs::write(&path, configuration).unwrap();
        let mut child = longship()
            .arg("run")
            .arg(&path)
            .arg(format!("--storage.path={}", folder.path().join("data").display()))
            .args(["--server.http.listen-addr=127.0.0.1:0", "--cores=1"])
            .args(flags)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        Self { child, stderr, log: String::new(), _folder: folder }
    }

    /// Reads log lines until one has a text in it, and returns that one.
    fn wait_for(&mut self, text: &str) -> String {
        loop {
            let mut line = String::new();
            let length = self.stderr.read_line(&mut line).unwrap();
            assert_ne!(length, 0, "no line with {text:?} in:\n{}", self.log);
            self.log.push_str(&line);
            if line.contains(text) {
                return line;
            }
        }
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for the end, and returns the exit code.
    fn end(mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended already unless a test failed.
        self.child.kill().unwrap_or_default();
    }
}

fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_configuration_at_fault_ends_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.alloy");
    std::fs::write(&path, "loki.wriite \"w\" {\n}\nloki.echo \"e\" {\n  x = 1\n}\n").unwrap();
    let place = path.display();
    let expect = format!(
        "Error: {place}:1:1: cannot find the definition of component name \"loki.wriite\"\n\n\
         1 | loki.wriite \"w\" {{\n  | ^^^^^^^^^^^\n2 | }}\nHint: did you mean \"loki.write\"?\n\n\
         Error: {place}:4:3: unrecognized attribute name \"x\"\n\n\
         3 | loki.echo \"e\" {{\n4 |   x = 1\n  |   ^^^^^\n5 | }}\n\
         Error: could not perform the initial load successfully\n"
    );
    assert_eq!(refused(&path), (Some(1), expect));
}

#[test]
fn a_configuration_that_is_not_there_ends_the_start() {
    let (code, stderr) = refused(Path::new("/nowhere/c.alloy"));
    assert_eq!(code, Some(1));
    assert!(stderr.starts_with("Error: /nowhere/c.alloy: No such file or directory"), "{stderr}");
}

#[test]
fn version() {
    let expect = format!("longship, version v{}\n", env!("CARGO_PKG_VERSION"));
    for flag in ["-v", "--version"] {
        let output = longship().arg(flag).output().unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), expect);
    }
}

#[test]
fn it_runs_until_it_is_told_to_stop() {
    let mut agent = Running::start("loki.echo \"e\" { }\n", &["--cluster.enabled=true"]);
    let warning = agent.wait_for("clustering");
    assert!(warning.contains(" level=warn msg=\"--cluster.enabled=true: clustering is not supported"), "{warning}");
    agent.wait_for("msg=\"finished complete graph evaluation\" controller_path=/ controller_id=\"\" duration=");
    let listening = agent.wait_for("now listening for http traffic");
    let address = listening.trim_end().rsplit_once("addr=").unwrap().1.to_owned();
    agent.wait_for("msg=\"Longship is running\"");
    assert!(get(&address, "/-/ready").starts_with("HTTP/1.1 200 "));

    agent.signal(Signal::HUP);
    agent.wait_for("cannot reload");
    assert!(get(&address, "/-/healthy").starts_with("HTTP/1.1 200 "));

    agent.signal(Signal::TERM);
    agent.wait_for("msg=\"interrupt received\"");
    agent.wait_for("Longship has stopped");
    assert_eq!(agent.end(), Some(0));
}

#[test]
fn a_log_may_be_json() {
    let mut agent = Running::start("logging {\n  format = \"json\"\n}\n", &[]);
    let line = agent.wait_for("Longship is running");
    assert!(
        line.starts_with("{\"ts\":\"") && line.ends_with(",\"level\":\"info\",\"msg\":\"Longship is running\"}\n"),
        "{line}"
    );
    agent.signal(Signal::INT);
    assert_eq!(agent.end(), Some(0));
}
