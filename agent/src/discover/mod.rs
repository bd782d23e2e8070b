//! Looks for files, off the data plane, and says who is to follow which.
//!
//! One thread of its own walks folders, because a walk blocks. It looks once at the start and then at each component's
//! `sync_period`, hands what it found to the [`TargetGraph`], and applies what follows from it.

mod glob;
mod pattern;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::mpsc::{self, RecvTimeoutError, TryRecvError};
use std::time::{Duration, Instant, SystemTime};

use longship_pipeline::plan::{SourceIndex, Target};

use self::glob::Glob;
use crate::graph::{Change, MatcherIndex, Patterns, TargetGraph, TextMap};
use crate::log;

/// What discovery tells the rest of the agent.
pub trait Subscriber: Send + 'static {
    /// A source is to follow these files from now on.
    fn set_targets(&mut self, source: SourceIndex, targets: Vec<Target>);

    /// A component's targets cannot be worked out, or can again.
    fn set_health(&mut self, component_id: &str, is_healthy: bool);
}

/// The running thread. When this is dropped it tells nothing more and ends, which nobody waits for: a walk may hang in a
/// file system that does not answer.
#[derive(Debug)]
pub struct Discovery {
    _running: mpsc::Sender<()>,
}

impl Discovery {
    /// Starts to look for files. What is known without looking is told before this returns.
    pub fn start(targets: TargetGraph, mut subscriber: impl Subscriber) -> io::Result<Self> {
        for change in targets.first() {
            if let Change::Targets(source, targets) = change {
                subscriber.set_targets(source, targets);
            }
        }
        let (running, stopped) = mpsc::channel();
        let now = Instant::now();
        let due = targets.matchers().into_iter().map(|matcher| (matcher, now)).collect();
        let mut search = Search { targets, subscriber, due, found: BTreeMap::new() };
        std::thread::Builder::new().name("discover".to_owned()).spawn(move || search.run(&stopped))?;
        Ok(Self { _running: running })
    }
}

struct Search<S> {
    targets: TargetGraph,
    subscriber: S,
    /// When each component looks next.
    due: BTreeMap<MatcherIndex, Instant>,
    /// What each found last.
    found: BTreeMap<MatcherIndex, Vec<TextMap>>,
}

impl<S: Subscriber> Search<S> {
    /// Looks whenever somebody's time has come, until the other end of the channel is gone.
    fn run(&mut self, stopped: &mpsc::Receiver<()>) {
        loop {
            let next = self.due.iter().min_by_key(|(_, due)| **due).map(|(matcher, due)| (*matcher, *due));
            let Some((matcher, due)) = next else {
                // Nobody looks for files; the thread has only to end in time.
                let _closed = stopped.recv();
                return;
            };
            let wait = due.saturating_duration_since(Instant::now());
            if stopped.recv_timeout(wait) != Err(RecvTimeoutError::Timeout) {
                return;
            }
            let found = self.look(matcher);
            if stopped.try_recv() != Err(TryRecvError::Empty) {
                return;
            }
            self.compare(matcher, found);
        }
    }

    fn look(&mut self, matcher: MatcherIndex) -> Vec<TextMap> {
        let patterns = self.targets.patterns(matcher);
        let found = matching_targets(&patterns);
        self.due.insert(matcher, Instant::now() + patterns.sync_period);
        found
    }

    fn compare(&mut self, matcher: MatcherIndex, found: Vec<TextMap>) {
        if self.found.get(&matcher) == Some(&found) {
            return;
        }
        let changes = self.targets.found(matcher, &found);
        self.found.insert(matcher, found);
        for change in changes {
            self.apply(change);
        }
    }

    fn apply(&mut self, change: Change) {
        match change {
            Change::Targets(source, targets) => {
                self.subscriber.set_targets(source, targets);
            }
            Change::Patterns(matcher) => {
                self.due.insert(matcher, Instant::now());
            }
            Change::Failed { component_id, error } => {
                log!(Error, "failed to reevaluate component", component_id = component_id, err = error);
                self.subscriber.set_health(&component_id, false);
            }
            Change::Recovered { component_id } => self.subscriber.set_health(&component_id, true),
        }
    }
}

/// Returns a target for each file and each pattern that it matches, sorted.
fn matching_targets(patterns: &Patterns<'_>) -> Vec<TextMap> {
    let oldest = match patterns.ignore_older_than {
        Duration::ZERO => None,
        age => SystemTime::now().checked_sub(age),
    };
    let mut found = BTreeSet::new();
    for labels in patterns.targets {
        let text = |name: &str| labels.get(name).map(String::as_str).filter(|text| !text.is_empty());
        let Some(path) = text("__path__") else {
            log!(Warn, "target without __path__ is left out", component_id = patterns.component_id);
            continue;
        };
        let glob = match Glob::new(path, text("__path_exclude__")) {
            Ok(glob) => glob,
            Err(error) => {
                log!(Error, "bad pattern", component_id = patterns.component_id, err = error);
                continue;
            }
        };
        for file in glob.files(oldest) {
            let mut target = labels.clone();
            target.insert("__path__".to_owned(), file);
            found.insert(target);
        }
    }
    found.into_iter().collect()
}

#[cfg(test)]
mod tests;
