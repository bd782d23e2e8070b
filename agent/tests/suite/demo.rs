//! `longship demo`, as a user starts it.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use crate::harness::agent::LONGSHIP;

/// A folder with logs, one for temporary files and one to start the demo in.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        for folder in ["logs/deep/er", "tmp", "here"] {
            fs::create_dir_all(place.path().join(folder)).unwrap();
        }
        fs::write(place.path().join("logs/rests.log"), "one\ntwo\n\nfour\n").unwrap();
        fs::write(place.path().join("logs/deep/unfinished.log"), "one\ntwo, and no").unwrap();
        fs::write(place.path().join("logs/deep/er/empty.log"), "").unwrap();
        fs::write(place.path().join("logs/deep/er/long.log"), format!("{}\nx\n", "y".repeat(300 << 10))).unwrap();
        fs::write(place.path().join("logs/other.txt"), "not a log\n").unwrap();
        place
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn demo(&self, arguments: &[&str]) -> Child {
        Command::new(LONGSHIP)
            .arg("demo")
            .arg("--logs")
            .arg(self.path().join("logs/**/*.log"))
            .args(arguments)
            .env("TMPDIR", self.path().join("tmp"))
            .current_dir(self.path().join("here"))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// Panics unless the folders for temporary files and the one where the demo was started are empty.
    fn assert_clean(&self) {
        for folder in ["tmp", "here"] {
            let left: Vec<_> = fs::read_dir(self.path().join(folder)).unwrap().collect();
            assert!(left.is_empty(), "{folder}: {left:?}");
        }
    }
}

fn outcome(output: &Output) -> Value {
    let text = String::from_utf8_lossy(&output.stdout);
    let last = text.lines().last().unwrap_or_else(|| panic!("no outcome: {output:?}"));
    serde_json::from_str(last).unwrap_or_else(|error| panic!("{error}: {last}"))
}

#[test]
fn a_machine_whose_logs_grow_is_balanced() {
    let place = Place::new();
    let log = place.path().join("logs/grows.log");
    let mut growing = File::create(&log).unwrap();
    let demo = place.demo(&["--json", "--duration", "2s"]);
    let until = Instant::now() + Duration::from_secs(2);
    let mut lines = 0;
    while Instant::now() < until {
        writeln!(growing, "line {lines}").unwrap();
        lines += 1;
        if lines == 300 {
            fs::rename(&log, log.with_added_extension("1")).unwrap();
            growing = File::create(&log).unwrap();
        }
        thread::sleep(Duration::from_millis(2));
    }
    let output = demo.wait_with_output().unwrap();
    let outcome = outcome(&output);
    assert_eq!(outcome["balanced"], true, "{outcome:#}");
    assert!(output.status.success(), "{output:?}");
    // Twelve generated ones, and one may be empty until its first line.
    assert!(outcome["files"].as_u64() >= Some(16), "{outcome:#}");
    assert!(outcome["lines"].as_u64() > Some(2_000 + lines), "{outcome:#}");
    assert_eq!(outcome["lines"], outcome["entries_received"], "{outcome:#}");
    assert_eq!(outcome["bytes_unread"], "two, and no".len(), "{outcome:#}");
    assert_eq!(outcome["bytes_dropped"], 0, "{outcome:#}");
    let rung = outcome["rung"].as_str().expect("a rung");
    assert!(["inotify+io_uring", "inotify+pread"].contains(&rung), "{rung}");
    place.assert_clean();
}

#[test]
fn an_interrupt_ends_it_early_and_in_order() {
    let place = Place::new();
    let begun = Instant::now();
    let demo = place.demo(&["--json", "--duration", "10m"]);
    thread::sleep(Duration::from_millis(1_500));
    let pid = Pid::from_raw(i32::try_from(demo.id()).unwrap()).expect("a process has a number");
    kill_process(pid, Signal::INT).unwrap();
    let output = demo.wait_with_output().unwrap();
    assert_eq!(outcome(&output)["balanced"], true, "{output:?}");
    assert!(output.status.success());
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    place.assert_clean();
}

#[test]
fn people_get_a_summary_without_colours_where_there_is_no_terminal() {
    let place = Place::new();
    let output = place.demo(&["--duration", "500ms", "--rate", "200"]).wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("Balanced: "), "{text}");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("/metrics"), "{said}");
    assert!(!(text + &said).contains('\x1b'));
    place.assert_clean();
}

#[test]
fn its_help_teaches() {
    let output = Place::new().demo(&["--help"]).wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    for part in ["--duration", "--json", "[default: 10s]", "/var/log/**/*.log", "Nothing is written outside"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(output.status.success());
}
