//! The thread that looks for files, with real folders.

use std::fs;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use super::*;
use crate::graph::{SourceFile, load};

/// What a subscriber was told.
#[derive(Debug, PartialEq, Eq)]
enum Told {
    /// The targets' paths, below the test's folder, with their label `job`.
    Targets(u16, Vec<(String, Option<String>)>),
    Health(String, bool),
}

struct Recorder {
    root: String,
    told: Sender<Told>,
}

impl Subscriber for Recorder {
    fn set_targets(&mut self, source: SourceIndex, targets: Vec<Target>) {
        let below = |target: &Target| {
            let path = target.path.strip_prefix(&self.root).unwrap_or(&target.path).display().to_string();
            let job = target.labels.iter().find(|(name, _)| name == "job").map(|(_, value)| value.clone());
            (path, job)
        };
        // The test may have seen enough.
        self.told.send(Told::Targets(source.0, targets.iter().map(below).collect())).unwrap_or_default();
    }

    fn set_health(&mut self, component_id: &str, is_healthy: bool) {
        self.told.send(Told::Health(component_id.to_owned(), is_healthy)).unwrap_or_default();
    }
}

/// Starts discovery with a configuration in which ROOT stands for a folder.
fn start(text: &str, root: &Path) -> (Discovery, Receiver<Told>) {
    let text = format!("{text}\nloki.echo \"e\" {{ }}\n").replace("ROOT", &root.display().to_string());
    let configuration = load(&[SourceFile { name: "c.alloy".to_owned(), text: text.into_bytes() }]).unwrap();
    let (told, receiver) = channel();
    let recorder = Recorder { root: root.display().to_string(), told };
    (Discovery::start(configuration.targets, recorder).unwrap(), receiver)
}

fn next(told: &Receiver<Told>) -> Told {
    told.recv_timeout(Duration::from_secs(10)).expect("discovery tells something")
}

/// Waits until discovery tells `expect`. A look that falls between two steps of a test tells half of it before.
fn until(told: &Receiver<Told>, expect: &Told) {
    while next(told) != *expect {}
}

fn targets(source: u16, targets: &[(&str, Option<&str>)]) -> Told {
    let owned = |(path, job): &(&str, Option<&str>)| ((*path).to_owned(), job.map(str::to_owned));
    Told::Targets(source, targets.iter().map(owned).collect())
}

const SOURCE: &str = r#"
loki.source.file "x" {
  targets    = local.file_match.m.targets
  forward_to = [loki.echo.e.receiver]
}
"#;

#[test]
fn files_that_come_and_go_change_the_targets() {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("a.log"), "").unwrap();
    let text = format!(
        r#"{SOURCE}
        local.file_match "m" {{
          path_targets = [
            {{"__path__" = "ROOT/*.log", "__path_exclude__" = "ROOT/not*.log", "job" = "j"}},
            {{"__path__" = "ROOT/**/b.log"}},
            {{"job" = "no path"}},
            {{"__path__" = "ROOT/{{bad"}},
          ]
          sync_period  = "10ms"
        }}"#
    );
    let (discovery, told) = start(&text, root.path());
    assert_eq!(next(&told), targets(0, &[]));
    assert_eq!(next(&told), targets(0, &[("a.log", Some("j"))]));

    fs::write(root.path().join("not.log"), "").unwrap();
    fs::write(root.path().join("b.log"), "").unwrap();
    // One file under two label sets is two targets.
    until(&told, &targets(0, &[("a.log", Some("j")), ("b.log", None), ("b.log", Some("j"))]));

    fs::remove_file(root.path().join("b.log")).unwrap();
    until(&told, &targets(0, &[("a.log", Some("j"))]));
    // Nothing changes, so nothing is told.
    told.recv_timeout(Duration::from_millis(100)).unwrap_err();
    drop(discovery);
    told.recv().unwrap_err();
}

#[test]
fn fixed_targets_are_told_before_start_returns() {
    let root = tempfile::tempdir().unwrap();
    let text = r#"
        loki.source.file "x" {
          targets    = [{"__path__" = "ROOT/a*.log"}]
          forward_to = [loki.echo.e.receiver]
        }"#;
    let (_discovery, told) = start(text, root.path());
    assert_eq!(told.try_recv(), Ok(targets(0, &[("a*.log", None)])));
}

#[test]
fn a_component_whose_targets_fail_is_unhealthy_until_they_do_not() {
    let root = tempfile::tempdir().unwrap();
    let text = r#"
        local.file_match "m" {
          path_targets = [{"__path__" = "ROOT/*.log"}]
          sync_period  = "10ms"
        }
        loki.source.file "x" {
          targets    = [{"__path__" = array.concat(local.file_match.m.targets, [{"job" = "/first"}])[0].job}]
          forward_to = [loki.echo.e.receiver]
        }"#;
    let (_discovery, told) = start(text, root.path());
    assert_eq!(next(&told), targets(0, &[("/first", None)]));
    let id = || "loki.source.file.x".to_owned();

    fs::write(root.path().join("a.log"), "").unwrap();
    assert_eq!(next(&told), Told::Health(id(), false));
    fs::remove_file(root.path().join("a.log")).unwrap();
    assert_eq!(next(&told), Told::Health(id(), true));
}

#[test]
fn it_ends_when_nobody_looks_for_files() {
    let root = tempfile::tempdir().unwrap();
    let (discovery, told) = start("", root.path());
    drop(discovery);
    told.recv().unwrap_err();
}
