//! Follows logs: opens what their paths name, notices what was renamed, truncated or deleted, lets go of what is done.

use std::cmp::Reverse;
use std::io;
use std::path::PathBuf;

use super::{ClosedFile, Shard, nanos};
use crate::environment::{Environment, LogIndex};
use crate::event::Event;
use crate::identity::{FileStatus, Identity};
use crate::limits;
use crate::positions::format::{FileId, TimedRun, write_file, write_forgotten};
use crate::positions::restored::RestoredPosition;
use crate::read::generation::{Generation, Opened};
use crate::read::log::Log;

/// Endings of names that are not read as generations: they are compressed, or still being made.
const NOT_PLAIN: &[&str] = &["gz", "bz2", "xz", "zst", "lz4", "tmp"];

/// A file that was opened and looked at.
struct Candidate<F> {
    file: F,
    status: FileStatus,
    identity: Identity,
    known: Option<Known>,
}

/// What is known of a file from before.
struct Known {
    file_id: FileId,
    positions: Vec<RestoredPosition>,
    runs: Vec<TimedRun>,
}

impl Known {
    /// Everything before this offset is settled at all destinations.
    fn position(&self) -> u64 {
        self.positions.iter().map(|position| position.position).min().unwrap_or(0)
    }

    /// Where reading has to begin: lines that were given read times get the same ones only if their run is read from its
    /// start.
    fn start(&self) -> u64 {
        let position = self.position();
        let run = self.runs.iter().find(|run| run.start < position && position < run.end);
        run.map_or(position, |run| run.start)
    }
}

impl<E: Environment> Shard<E> {
    /// Looks at the logs whose paths something happened to.
    pub(super) fn look_at_paths(&mut self, now_ns: u64) {
        while let Some(index) = self.looks.pop_front() {
            self.look(index, now_ns);
        }
    }

    /// Looks at the logs that are due.
    pub(super) fn sweep(&mut self, now_ns: u64) {
        while let Some(Reverse((due_ns, index))) = self.timers.peek().copied()
            && due_ns <= now_ns
        {
            self.timers.pop();
            if self.logs[index.0 as usize].as_ref().is_some_and(|log| log.look_due_ns == due_ns) {
                self.look(index, now_ns);
            }
        }
    }

    /// Looks at all logs in the next turn: signals were lost.
    pub(super) fn look_at_everything(&mut self) {
        for index in self.log_indexes() {
            self.mark_look(index);
        }
    }

    fn look(&mut self, index: LogIndex, now_ns: u64) {
        let Some(mut log) = self.take_log(index) else { return };
        log.look_queued = false;
        self.look_at_generations(index, &mut log, now_ns);
        if log.closing_at.is_some() {
            self.look_for_rename(&mut log, now_ns);
        } else if !self.stopping {
            self.look_at_path(index, &mut log, now_ns);
        }
        self.flush_stale_records(index, &mut log, now_ns);
        self.let_go(&mut log, now_ns);
        let done = log.closing_at.is_some() && log.generations.is_empty();
        log.look_due_ns = u64::MAX;
        self.schedule_look(index, &mut log, now_ns);
        self.put_log(index, log);
        if done {
            self.remove_log(index);
        }
    }

    /// Looks at the path of a log that is not wanted any more: where it names another file or none, the target may be
    /// gone only until the log is made anew, and the renamed file is still written to.
    fn look_for_rename(&mut self, log: &mut Log<E::File>, now_ns: u64) {
        let named = self.env.status_at(&log.path);
        if let Some(generation) = log.attached()
            && !named.is_ok_and(|named| generation.status.is_same_file(&named))
        {
            generation.detach(now_ns);
        }
    }

    /// Looks at the path: what it names now may be another file.
    fn look_at_path(&mut self, index: LogIndex, log: &mut Log<E::File>, now_ns: u64) {
        if !log.observed {
            self.watch_again(index, log);
        }
        let named = match self.env.status_at(&log.path) {
            Ok(status) => status,
            Err(error) => {
                if let Some(generation) = log.attached() {
                    generation.detach(now_ns);
                }
                if error.kind() == io::ErrorKind::NotFound && log.missed_since_ns.is_none() {
                    log.missed_since_ns = Some(self.env.wall_ns());
                }
                if error.kind() != io::ErrorKind::NotFound || log.generations.is_empty() {
                    self.report_failure(log, "stat", &error);
                }
                return;
            }
        };
        if let Some(generation) = log.attached() {
            if generation.status.is_same_file(&named) {
                return;
            }
            generation.detach(now_ns);
        }
        if let Err((call, error)) = self.open_named(index, log, now_ns) {
            self.report_failure(log, call, &error);
        }
    }

    /// Looks at every open file of a log: it may have grown or been truncated.
    fn look_at_generations(&mut self, index: LogIndex, log: &mut Log<E::File>, now_ns: u64) {
        for at in 0..log.generations.len() {
            let generation = &mut log.generations[at];
            if generation.gone {
                continue;
            }
            let Ok(status) = self.env.status(&generation.file) else { continue };
            if generation.observe(status, now_ns) {
                log.written(now_ns, 0);
            }
            let shorter = status.size < log.generations[at].read_offset;
            if shorter || self.begins_otherwise(&mut log.generations[at], now_ns) {
                self.restart(index, log, at, now_ns);
            } else if log.generations[at].unread_bytes() > 0 {
                let generation = &mut log.generations[at];
                // An unfinished line at the end of a generation that was taken as read is not news.
                if generation.drained && generation.status.size > generation.read_offset {
                    generation.drained = false;
                }
                self.queue_news(index, log);
            }
        }
        // A detached generation waits for its end to settle, which only another reading of the end can tell.
        if log.to_read().is_some_and(|at| !log.generations[at].attached) {
            self.queue_news(index, log);
        }
    }

    /// A file begins with other bytes than it did: it was truncated and written again. Looked at once in a while, since
    /// it takes a read.
    fn begins_otherwise(&mut self, generation: &mut Generation<E::File>, now_ns: u64) -> bool {
        if now_ns.saturating_sub(generation.fingerprint_checked_ns) < nanos(limits::FINGERPRINT_CHECK_INTERVAL) {
            return false;
        }
        generation.fingerprint_checked_ns = now_ns;
        let mut head = [0; limits::FINGERPRINT_BYTES_MAX];
        let expected = usize::from(generation.identity.fingerprint.bytes);
        match self.env.read_head(&generation.file, &mut head[..expected]) {
            Ok(bytes) => !generation.identity.fingerprint.matches(&head[..bytes]),
            Err(_) => false,
        }
    }

    /// Checks a log that has something to read for having been rewritten, before it is read.
    pub(super) fn check_rewritten(&mut self, index: LogIndex, log: &mut Log<E::File>, at: usize, now_ns: u64) -> bool {
        let rewritten = self.begins_otherwise(&mut log.generations[at], now_ns);
        if rewritten {
            self.restart(index, log, at, now_ns);
        }
        rewritten
    }

    /// Begins anew with a file that was rewritten. What was read of it before is settled under its old identity.
    pub(super) fn restart(&mut self, index: LogIndex, log: &mut Log<E::File>, at: usize, now_ns: u64) {
        let generation = &mut log.generations[at];
        let attached = generation.attached;
        let lost_bytes = generation.observed_bytes.saturating_sub(generation.read_offset);
        generation.detach(now_ns);
        generation.gone = true;
        generation.drained = true;
        generation.cut_line = None;
        log.seen_end = 0;
        log.lost_bytes += lost_bytes;
        self.mark_dirty(index, log);
        self.env.report(Event::Truncated { source: log.source, path: log.path.clone(), lost_bytes });
        if attached && let Err((call, error)) = self.open_named(index, log, now_ns) {
            self.report_failure(log, call, &error);
        }
    }

    /// Opens the file at a log's path as its newest generation, with the generations before it that were missed.
    fn open_named(
        &mut self,
        index: LogIndex,
        log: &mut Log<E::File>,
        now_ns: u64,
    ) -> Result<(), (&'static str, io::Error)> {
        let resolved = self.env.resolve(&log.path).map_err(|error| ("readlink", error))?;
        if resolved != log.path {
            self.watch_name(index, log, &resolved);
            log.resolved = Some(resolved);
        }
        let candidate = self.open_candidate(log, &log.path.clone())?;
        if !candidate.status.regular {
            return Err(("open", io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file")));
        }
        if self.live.get(&(log.source, candidate.status.inode)).is_some_and(|owner| *owner != index) {
            // Another log still has it open, as a generation that was renamed to this path. It is read there to its
            // end; what is left of it then is read here.
            return Ok(());
        }
        let component = &self.plan.sources[usize::from(log.source.0)].component_id;
        let had_earlier = !log.generations.is_empty() || !log.retired.is_empty();
        if had_earlier || log.missed_since_ns.is_some() || self.restored.knows_path(component, &log.path) {
            self.open_missed(index, log, &candidate.status, now_ns);
        }
        let from_end = self.plan.sources[usize::from(log.source.0)].tail_from_end && !had_earlier;
        let known = candidate.known.is_some();
        let ago_ns = self.env.wall_ns().saturating_sub(candidate.status.modified_ns).max(0).cast_unsigned();
        let start = match &candidate.known {
            None if from_end => {
                self.env.end_of_last_line(&candidate.file, candidate.status.size).map_err(|error| ("read", error))?
            }
            _ => 0,
        };
        let offset = self.add_generation(index, log, candidate, start, now_ns);
        log.open_failures = 0;
        log.written(now_ns, ago_ns);
        if !known || !had_earlier {
            self.env.report(Event::TailStarted { source: log.source, path: log.path.clone(), offset });
        }
        self.queue_news(index, log);
        Ok(())
    }

    /// Opens the generations of a log that came and went unseen: files beside its path that were renamed from it and
    /// are newer than the newest one it knew.
    fn open_missed(&mut self, index: LogIndex, log: &mut Log<E::File>, newest: &FileStatus, now_ns: u64) {
        let Ok(names) = self.env.rotated_names(log.resolved.as_ref().unwrap_or(&log.path)) else { return };
        let mut unlisted = std::mem::take(&mut log.retired);
        let mut candidates = Vec::new();
        for path in names {
            let plain = path.extension().is_none_or(|ending| !NOT_PLAIN.iter().any(|not| ending == *not));
            if !plain || self.by_path[usize::from(log.source.0)].contains_key(path.as_os_str()) {
                continue;
            }
            let Ok(candidate) = self.open_candidate(log, &path) else { continue };
            let inode = candidate.status.inode;
            if let Some(at) = unlisted.iter().position(|(_, retired)| *retired == inode) {
                let retired = unlisted.swap_remove(at);
                if candidate.known.as_ref().is_some_and(|known| known.position() >= candidate.status.size) {
                    log.retired.push(retired);
                    continue;
                }
            }
            if candidate.status.regular && inode != newest.inode && !self.live.contains_key(&(log.source, inode)) {
                candidates.push((path, candidate));
            }
        }
        for (file, inode) in unlisted {
            write_forgotten(&mut self.journal, file);
            self.closed.remove(&inode);
        }
        let age = |status: &FileStatus| if status.birth_ns != 0 { status.birth_ns } else { status.modified_ns };
        // What is known was opened in the order of its numbers. What is not came later, in the order of its time; times
        // are coarse on some file systems, and names by date, as runtimes give them, decide between equal ones.
        let order = |(path, candidate): &(PathBuf, Candidate<E::File>)| {
            let number = candidate.known.as_ref().map_or(u64::MAX, |known| known.file_id.0);
            (number, age(&candidate.status), path.clone())
        };
        candidates.sort_by_cached_key(order);
        let open = log.generations.iter().map(|generation| age(&generation.status));
        let known = candidates.iter().filter(|(_, candidate)| candidate.known.is_some());
        let newest_known = open.chain(known.map(|(_, candidate)| age(&candidate.status))).max();
        let newest_known = newest_known.or(log.missed_since_ns);
        for (_, candidate) in candidates {
            let missed = newest_known.is_some_and(|newest| age(&candidate.status) >= newest);
            if candidate.known.is_some() || missed {
                self.add_generation(index, log, candidate, 0, now_ns);
                let generation = log.generations.back_mut().expect("one was just added");
                generation.detach(now_ns);
            }
        }
    }

    /// Opens a file and finds out what is known of it.
    fn open_candidate(
        &mut self,
        log: &Log<E::File>,
        path: &std::path::Path,
    ) -> Result<Candidate<E::File>, (&'static str, io::Error)> {
        let file = self.env.open(path).map_err(|error| ("open", error))?;
        let status = self.env.status(&file).map_err(|error| ("stat", error))?;
        let mut head = [0; limits::FINGERPRINT_BYTES_MAX];
        let bytes = if status.regular { self.env.read_head(&file, &mut head) } else { Ok(0) };
        let head = &head[..bytes.map_err(|error| ("read", error))?];
        let known = self.known(log, &status, head);
        Ok(Candidate { file, status, identity: Identity::of(&status, head), known })
    }

    fn known(&self, log: &Log<E::File>, status: &FileStatus, head: &[u8]) -> Option<Known> {
        // What this life closed last is newer than what an earlier one wrote down.
        if let Some(closed) = self.closed.get(&status.inode) {
            let same = closed.source == log.source && closed.identity.matches(status, head);
            return same.then(|| Known { file_id: closed.file, positions: closed.positions.clone(), runs: Vec::new() });
        }
        let component = &self.plan.sources[usize::from(log.source.0)].component_id;
        let restored = self.restored.find(component, status, head)?;
        let (file_id, positions, runs) = (restored.file, restored.positions.clone(), restored.runs.clone());
        let known = Known { file_id, positions, runs };
        // A file that is shorter than its position was truncated in between.
        (known.position() <= status.size).then_some(known)
    }

    /// Makes an opened file the newest generation of a log. `start` is where reading begins if nothing is known of it.
    /// Gives where it does begin.
    fn add_generation(
        &mut self,
        index: LogIndex,
        log: &mut Log<E::File>,
        candidate: Candidate<E::File>,
        start: u64,
        now_ns: u64,
    ) -> u64 {
        let Candidate { file, status, identity, known } = candidate;
        let (file_id, read_offset, restored, runs) = match known {
            Some(known) => (known.file_id, known.start(), known.positions, known.runs),
            None => {
                let file_id = self.next_file;
                self.next_file = FileId(file_id.0 + self.file_step);
                (file_id, start, Vec::new(), Vec::new())
            }
        };
        let component = &self.plan.sources[usize::from(log.source.0)].component_id;
        write_file(&mut self.journal, file_id, &identity, component, &log.path);
        self.closed.remove(&status.inode);
        self.live.insert((log.source, status.inode), index);
        let opened = Opened { file_id, identity, status, read_offset, restored, runs };
        let generation = Generation::new(log.next_serial, file, opened, now_ns);
        log.next_serial += 1;
        log.generations.push_back(generation);
        self.add_progress(log);
        self.mark_dirty(index, log);
        // A file whose reading began at its end must not be taken for a new one after a kill.
        self.settled = true;
        read_offset
    }

    /// Lets go of generations that are read to their end and settled.
    pub(super) fn let_go(&mut self, log: &mut Log<E::File>, now_ns: u64) {
        let mut at = 0;
        while at < log.generations.len() {
            let generation = &log.generations[at];
            let quiet_ns = now_ns.saturating_sub(generation.detached_ns.max(generation.grown_ns));
            let linger_ns = nanos(match (generation.gone, generation.status.links) {
                (true, _) => std::time::Duration::ZERO,
                (false, 0) => limits::UNLINKED_LINGER,
                (false, _) => limits::ROTATION_LINGER,
            });
            let ended = !generation.attached && (quiet_ns >= linger_ns || self.stopping);
            let unwanted = generation.attached && log.closing_at.is_some();
            if !generation.drained || !(ended || unwanted) || log.dirty || !log.is_settled(generation) {
                at += 1;
                continue;
            }
            let generation = log.generations.remove(at).expect("the place was just looked at");
            self.close_generation(log, generation);
        }
    }

    /// Remembers what is known of a generation that was closed.
    fn close_generation(&mut self, log: &mut Log<E::File>, generation: Generation<E::File>) {
        let inode = generation.status.inode;
        let still_open = log.generations.iter().any(|other| other.status.inode == inode);
        if !still_open {
            self.live.remove(&(log.source, inode));
        }
        if generation.gone || generation.status.links == 0 {
            write_forgotten(&mut self.journal, generation.file_id);
            return;
        }
        let position = |lane: &usize| RestoredPosition {
            destination: self.outbound.lanes[*lane].key,
            position: generation.read_offset,
            ahead: Vec::new(),
        };
        let positions = log.lanes.iter().map(position).collect();
        let (file, identity) = (generation.file_id, generation.identity);
        self.closed.insert(inode, ClosedFile { source: log.source, file, identity, positions });
        log.retired.push((file, inode));
    }

    /// Works out when a log has to be looked at next, if that is earlier than it is looked at anyway.
    pub(super) fn schedule_look(&mut self, index: LogIndex, log: &mut Log<E::File>, now_ns: u64) {
        let idle = now_ns >= log.idle_from_ns;
        let quiet = match (log.observed, idle) {
            (true, false) => limits::SWEEP_INTERVAL_ACTIVE,
            (true, true) => limits::SWEEP_INTERVAL_IDLE,
            (false, false) => limits::POLL_INTERVAL_ACTIVE,
            (false, true) => limits::POLL_INTERVAL_IDLE,
        };
        // Looks of many logs that were opened together are spread over the interval.
        let quiet_ns = nanos(quiet);
        let mut wait_ns = quiet_ns - self.env.random() % (quiet_ns / 4 + 1);
        if log.attached().is_none() && log.closing_at.is_none() {
            let doubled = nanos(limits::OPEN_RETRY_MIN) << log.open_failures.min(10);
            wait_ns = wait_ns.min(doubled.min(nanos(limits::OPEN_RETRY_MAX)));
        }
        for generation in log.generations.iter().filter(|generation| !generation.attached) {
            let detached_for = now_ns.saturating_sub(generation.detached_ns.max(generation.grown_ns));
            let soon = nanos(limits::DETACHED_LOOK_INTERVAL);
            // The longer nothing comes, the less often one has to look.
            wait_ns = wait_ns.min((detached_for / 4).clamp(soon, 1_000_000_000));
        }
        if log.closing_at.is_some() && log.attached().is_some() {
            wait_ns = wait_ns.min(nanos(limits::DETACHED_LOOK_INTERVAL));
        }
        let due_ns = now_ns + wait_ns;
        if due_ns < log.look_due_ns {
            log.look_due_ns = due_ns;
            self.timers.push(Reverse((due_ns, index)));
        }
    }

    pub(super) fn queue_news(&mut self, index: LogIndex, log: &mut Log<E::File>) {
        if !log.queued {
            log.queued = true;
            self.news.push_back(index);
        }
    }

    fn report_failure(&mut self, log: &mut Log<E::File>, call: &str, error: &io::Error) {
        log.open_failures = log.open_failures.saturating_add(1);
        // One line when it begins; the metrics and the page show that it lasts.
        if log.open_failures == 1 {
            let error = format!("{call}: {error}");
            self.env.report(Event::TailFailed { source: log.source, path: log.path.clone(), error });
        }
    }
}
