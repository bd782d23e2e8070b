//! Looks for files, off the data plane, and says who is to follow which.
//!
//! One thread of its own walks folders, because a walk blocks. It looks once at the start and then at each component's
//! `sync_period`, hands what it found to the [`TargetGraph`], and applies what follows from it. A period in which nothing
//! can have come or gone, as far as the folders' events tell, is passed over.

mod folders;
mod glob;
mod pattern;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::mpsc::{self, RecvTimeoutError, TryRecvError};
use std::time::{Duration, Instant, SystemTime};

use longship_pipeline::plan::{SourceIndex, Target};

use self::folders::Folders;
use self::glob::Glob;
use crate::graph::{Change, MatcherIndex, Patterns, TargetGraph, TextMap, fingerprint};
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
        let mut search = Search { targets, subscriber, due, looked: BTreeMap::new(), found: BTreeMap::new() };
        std::thread::Builder::new().name("discover".to_owned()).spawn(move || search.run(&stopped))?;
        Ok(Self { _running: running })
    }
}

struct Search<S> {
    targets: TargetGraph,
    subscriber: S,
    /// When each component looks next.
    due: BTreeMap<MatcherIndex, Instant>,
    /// Where each looked last, and when it looks again whatever happens there.
    looked: BTreeMap<MatcherIndex, (Folders, Instant)>,
    /// The fingerprint of what each found last.
    found: BTreeMap<MatcherIndex, u64>,
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
            if let Some(found) = found {
                self.compare(matcher, found);
            }
        }
    }

    /// Returns what a component finds; `None` if that cannot be anything else than the last time.
    fn look(&mut self, matcher: MatcherIndex) -> Option<Vec<TextMap>> {
        let now = Instant::now();
        let patterns = self.targets.patterns(matcher);
        self.due.insert(matcher, now + patterns.sync_period);
        let (folders, again) = self.looked.entry(matcher).or_insert_with(|| (Folders::new(), now));
        // Files grow old without an event.
        let ages = !patterns.ignore_older_than.is_zero();
        if !ages && now < *again && !folders.may_have_changed() {
            return None;
        }
        *again = now + FULL_LOOK_INTERVAL;
        folders.begin();
        Some(matching_targets(&patterns, folders))
    }

    fn compare(&mut self, matcher: MatcherIndex, found: Vec<TextMap>) {
        let fingerprint = fingerprint(&found);
        if self.found.insert(matcher, fingerprint) == Some(fingerprint) {
            return;
        }
        let changes = self.targets.found(matcher, &found);
        drop(found);
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
                self.looked.remove(&matcher);
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

/// Folders are walked this often even if nothing is heard of them: a link may lead elsewhere, a folder above may have been
/// renamed.
const FULL_LOOK_INTERVAL: Duration = Duration::from_secs(300);

/// Returns a target for each file and each pattern that it matches, sorted.
fn matching_targets(patterns: &Patterns<'_>, folders: &mut Folders) -> Vec<TextMap> {
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
        for file in glob.files(oldest, folders) {
            let mut target = labels.clone();
            target.insert("__path__".to_owned(), file);
            found.insert(target);
        }
    }
    found.into_iter().collect()
}

#[cfg(test)]
mod tests;
