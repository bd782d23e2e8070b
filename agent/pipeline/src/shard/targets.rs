//! Takes the targets of a source: which logs are followed, under which label sets.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::{Shard, Watch};
use crate::environment::{Environment, LogIndex, WatchId};
use crate::event::Event;
use crate::plan::{Labels, SourceIndex};
use crate::read::log::{Feed, Log, Track};

/// A path and all label sets it is wanted under.
#[derive(Clone, Debug)]
pub(crate) struct LogTargets {
    pub(crate) path: PathBuf,
    pub(crate) label_sets: Vec<Labels>,
}

impl<E: Environment> Shard<E> {
    /// Follows these logs for a source, and no others. A changed label set takes effect at the read offset.
    pub(crate) fn set_targets(&mut self, source: SourceIndex, targets: &[LogTargets]) {
        let wanted: HashSet<&OsStr> = targets.iter().map(|target| target.path.as_os_str()).collect();
        for index in self.log_indexes() {
            let gone = self.logs[index.0 as usize].as_ref().is_some_and(|log| {
                log.source == source && log.closing_at.is_none() && !wanted.contains(log.path.as_os_str())
            });
            if gone && let Some(mut log) = self.take_log(index) {
                log.closing_at = Some(log.attached().map_or(0, |generation| generation.observed_bytes));
                self.put_log(index, log);
                self.mark_news(index);
                self.mark_look(index);
            }
        }
        for target in targets {
            let index = match self.by_path[usize::from(source.0)].get(target.path.as_os_str()) {
                Some(index) => *index,
                None => self.add_log(source, &target.path),
            };
            if let Some(mut log) = self.take_log(index) {
                if log.closing_at.take().is_some() {
                    // It ended only because it was not wanted; it may have grown since.
                    if let Some(generation) = log.attached() {
                        generation.drained = false;
                    }
                }
                self.set_feeds(&mut log, &target.label_sets);
                self.put_log(index, log);
                self.mark_look(index);
            }
        }
    }

    fn add_log(&mut self, source: SourceIndex, path: &Path) -> LogIndex {
        let mut log = Box::new(Log::new(source, path.to_owned()));
        for route in &self.plan.routes[usize::from(source.0)] {
            for lane in route.lanes.clone() {
                if !log.lanes.contains(&lane) {
                    log.lanes.push(lane);
                }
            }
        }
        let index = self.free_logs.pop().unwrap_or_else(|| {
            self.logs.push(None);
            LogIndex(u32::try_from(self.logs.len() - 1).expect("memory ends before there are that many logs"))
        });
        self.by_path[usize::from(source.0)].insert(path.as_os_str().to_owned(), index);
        self.watch_name(index, &mut log, path);
        self.put_log(index, log);
        index
    }

    /// Has signals about a name reach a log.
    pub(super) fn watch_name(&mut self, index: LogIndex, log: &mut Log<E::File>, path: &Path) {
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return };
        if log.names.iter().any(|(known, known_name)| known == folder && known_name == name) {
            return;
        }
        let watch = match self.watches.get_mut(folder.as_os_str()) {
            Some(watch) => {
                watch.users += 1;
                watch.id
            }
            None => {
                let id = self.env.watch(folder);
                self.watches.insert(folder.as_os_str().to_owned(), Watch { id, users: 1 });
                id
            }
        };
        log.names.push((folder.to_owned(), name.to_owned()));
        log.observed = watch.is_some() && log.observed;
        if let Some(watch) = watch {
            let names = self.by_name.entry(watch).or_default();
            let logs = names.entry(name.to_owned()).or_insert_with(|| Vec::with_capacity(1));
            if !logs.contains(&index) {
                logs.push(index);
            }
        }
    }

    fn unwatch_name(&mut self, index: LogIndex, folder: &Path, name: &OsStr) {
        let Some(watch) = self.watches.get_mut(folder.as_os_str()) else { return };
        watch.users -= 1;
        let (id, last) = (watch.id, watch.users == 0);
        if last {
            self.watches.remove(folder.as_os_str());
        }
        let Some(id) = id else { return };
        if let Some(names) = self.by_name.get_mut(&id)
            && let Some(logs) = names.get_mut(name)
        {
            logs.retain(|log| *log != index);
            if logs.is_empty() {
                names.remove(name);
            }
            if names.is_empty() {
                self.by_name.remove(&id);
            }
        }
        if last {
            self.env.unwatch(id);
        }
    }

    /// A folder is gone. Its logs are looked at from time to time until it can be watched again.
    pub(super) fn forget_watch(&mut self, gone: WatchId) {
        for watch in self.watches.values_mut().filter(|watch| watch.id == Some(gone)) {
            watch.id = None;
        }
        for index in self.by_name.remove(&gone).unwrap_or_default().into_values().flatten() {
            if let Some(log) = &mut self.logs[index.0 as usize] {
                log.observed = false;
            }
            self.mark_look(index);
        }
    }

    /// Watches the folders of a log that could not be watched before, because they were not there.
    pub(super) fn watch_again(&mut self, index: LogIndex, log: &mut Log<E::File>) {
        let mut observed = true;
        for (folder, name) in &log.names {
            let Some(watch) = self.watches.get_mut(folder.as_os_str()) else { continue };
            watch.id = watch.id.or_else(|| self.env.watch(folder));
            match watch.id {
                Some(id) => {
                    let logs = self.by_name.entry(id).or_default().entry(name.clone()).or_default();
                    if !logs.contains(&index) {
                        logs.push(index);
                    }
                }
                None => observed = false,
            }
        }
        log.observed = observed;
    }

    /// Sets the label sets of a log's entries. Feeds that are not wanted any more keep their outlets: entries of them
    /// may be under way.
    fn set_feeds(&mut self, log: &mut Log<E::File>, label_sets: &[Labels]) {
        for feed in log.tracks.iter_mut().flat_map(|track| &mut track.feeds) {
            feed.active = false;
        }
        let budget = &self.outbound.budget;
        for (number, route) in self.plan.routes[usize::from(log.source.0)].iter().enumerate() {
            let track = log.tracks.iter().position(|track| track.program == route.program).unwrap_or_else(|| {
                let state = self.programs[route.program].state(budget);
                let feeds = Vec::with_capacity(label_sets.len());
                log.tracks.push(Track { program: route.program, state, feeds });
                log.tracks.len() - 1
            });
            let feeds = &mut log.tracks[track].feeds;
            for labels in label_sets {
                match feeds.iter_mut().find(|feed| feed.route == number && feed.labels == *labels) {
                    Some(feed) => feed.active = true,
                    None => {
                        let variants = Vec::with_capacity(1);
                        feeds.push(Feed { route: number, labels: labels.clone(), active: true, variants });
                    }
                }
            }
        }
        // A line that was begun under other feeds is queued under these from its beginning.
        log.line_begun = None;
    }

    /// Forgets a log that is closed.
    pub(super) fn remove_log(&mut self, index: LogIndex) {
        let Some(mut log) = self.take_log(index) else { return };
        self.note_ended(&log);
        self.free_logs.push(index);
        self.by_path[usize::from(log.source.0)].remove(log.path.as_os_str());
        for (folder, name) in std::mem::take(&mut log.names) {
            self.unwatch_name(index, &folder, &name);
        }
        for outlet in &log.outlets {
            self.outbound.streams.release(outlet.stream);
        }
        self.news.retain(|queued| *queued != index);
        self.backlog.retain(|queued| *queued != index);
        self.looks.retain(|queued| *queued != index);
        self.dirty.retain(|queued| *queued != index);
        self.starved.retain(|queued| *queued != index);
        for lane in &mut self.outbound.lanes {
            lane.blocked.retain(|blocked| *blocked != index);
        }
        self.env.report(Event::TailStopped { source: log.source, path: log.path.clone() });
    }
}
