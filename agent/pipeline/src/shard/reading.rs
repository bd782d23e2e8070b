//! Reads: which log is read next, and what becomes of the bytes.
//!
//! Logs with news are read together, once in a round, with small reads. Logs that have more than that take turns with
//! large ones: a turn lasts until a batch is full, so that a batch is mostly of one log, and ends then, so that no log
//! starves the others.

use std::io;
use std::time::Duration;

use super::{PART_WAIT_NS, STARVED_WAIT_NS, Shard, nanos};
use crate::deliver::lane::Refused;
use crate::environment::{BufferSize, Environment, LogIndex, ReadTicket};
use crate::event::Event;
use crate::limits::{self, LARGE_BUFFER_BYTES, LARGE_READ_BYTES, PAGE_BYTES, SMALL_BUFFER_BYTES};
use crate::read::log::Log;

use super::queueing::Line;

/// A log's turn ends after this many bytes, whatever the size of its batches.
const TURN_BYTES_MAX: u64 = 4 << 20;

impl<E: Environment> Shard<E> {
    /// Begins the reads of this turn.
    pub(super) fn begin_reads(&mut self, now_ns: u64) {
        if self.stopping {
            return;
        }
        if now_ns >= self.next_round_ns && !self.news.is_empty() {
            self.next_round_ns = now_ns + nanos(self.round_interval(now_ns));
            for _ in 0..self.news.len() {
                if !self.env.has_buffer(BufferSize::Small) {
                    // The rest of the round goes on as soon as a buffer is free.
                    self.next_round_ns = now_ns;
                    break;
                }
                let Some(index) = self.news.pop_front() else { break };
                self.begin_read(index, now_ns);
            }
        }
        while self.env.has_buffer(BufferSize::Large)
            && let Some(index) = self.backlog.pop_front()
        {
            if self.begin_read(index, now_ns) {
                break;
            }
        }
    }

    fn round_interval(&self, now_ns: u64) -> Duration {
        if now_ns < self.renaming_until_ns { limits::ROUND_INTERVAL_RENAMING } else { limits::ROUND_INTERVAL }
    }

    /// Begins to read a log, unless there is nothing to read or it has to wait; true if a read is under way.
    fn begin_read(&mut self, index: LogIndex, now_ns: u64) -> bool {
        let Some(mut log) = self.take_log(index) else { return false };
        log.queued = false;
        let begun = self.begin_log_read(index, &mut log, now_ns);
        self.put_log(index, log);
        begun
    }

    fn begin_log_read(&mut self, index: LogIndex, log: &mut Log<E::File>, now_ns: u64) -> bool {
        if log.reading || log.blocked {
            return false;
        }
        let Some(mut at) = log.to_read() else { return false };
        if self.check_rewritten(index, log, at, now_ns) {
            match log.to_read() {
                Some(next) => at = next,
                None => return false,
            }
        }
        let generation = &log.generations[at];
        let start = generation.read_offset - generation.read_offset % PAGE_BYTES;
        // What is there at least: an unfinished line that was seen goes on.
        let unfinished = log.seen_end.saturating_sub(start) + 1;
        let known = generation.observed_bytes.saturating_sub(start);
        let expected = known.max(unfinished);
        let (size, bytes) = if unfinished > LARGE_READ_BYTES as u64 {
            (BufferSize::Large, LARGE_BUFFER_BYTES)
        } else if expected > SMALL_BUFFER_BYTES as u64 {
            (BufferSize::Large, LARGE_READ_BYTES)
        } else {
            (BufferSize::Small, SMALL_BUFFER_BYTES)
        };
        if !self.env.has_buffer(size) {
            log.queued = true;
            match size {
                BufferSize::Small => self.news.push_back(index),
                BufferSize::Large => self.backlog.push_back(index),
            }
            return false;
        }
        log.reading = true;
        let bytes_known = usize::try_from(known).map_or(bytes, |known| known.min(bytes));
        let ticket = ReadTicket { log: index, serial: generation.serial, offset: start, bytes, bytes_known };
        self.env.read(&generation.file, ticket, size);
        true
    }

    /// Takes what a read brought: the bytes from the ticket's offset on.
    pub(crate) fn on_read(&mut self, ticket: ReadTicket, result: io::Result<&[u8]>) {
        let Some(mut log) = self.take_log(ticket.log) else { return };
        log.reading = false;
        if let Some(at) = log.by_serial(ticket.serial).filter(|at| !log.generations[*at].gone) {
            match result {
                Ok(bytes) => self.take_bytes(ticket, &mut log, at, bytes),
                Err(error) => {
                    let error = format!("read: {error}");
                    self.env.report(Event::TailFailed { source: log.source, path: log.path.clone(), error });
                }
            }
        }
        self.put_log(ticket.log, log);
    }

    fn take_bytes(&mut self, ticket: ReadTicket, log: &mut Log<E::File>, at: usize, bytes: &[u8]) {
        let now_ns = self.env.now_ns();
        let before = log.generations[at].read_offset;
        let seen_end = ticket.offset + bytes.len() as u64;
        log.seen_end = seen_end.max(before);
        if ticket.offset == 0 {
            let fingerprint = log.generations[at].identity.fingerprint;
            if bytes.len() >= usize::from(fingerprint.bytes) && !fingerprint.matches(bytes) {
                self.restart(ticket.log, log, at, now_ns);
                return;
            }
            self.learn(log, at, bytes);
        }
        let skipped = usize::try_from(before - ticket.offset).expect("a read begins at most a page before");
        let fresh = bytes.get(skipped..).unwrap_or_default();
        let seals = self.counters.batches_sealed + self.counters.remainders_handed_over;
        let mut refused = self.pass(ticket.log, log, at, fresh, now_ns);
        let rest = usize::try_from(log.seen_end - log.generations[at].read_offset).expect("within the read");
        let full = bytes.len() == ticket.bytes;
        if refused.is_none() && full && ticket.bytes == LARGE_BUFFER_BYTES && rest == fresh.len() {
            refused = self.cut_line(ticket.log, log, at, fresh, now_ns);
        }
        let after = log.generations[at].read_offset;
        log.read_bytes += after - before;
        log.turn_bytes += after - before;
        if after > before {
            self.mark_dirty(ticket.log, log);
        }
        if seen_end > log.generations[at].observed_bytes {
            // A backlog may be old; what was not there when the file was looked at is not.
            log.written(now_ns, 0);
        }
        match refused {
            Some((lane, why)) => self.block(ticket.log, log, lane, why, now_ns),
            None if full => {
                let sealed = seals != self.counters.batches_sealed + self.counters.remainders_handed_over;
                self.queue_backlog(ticket.log, log, sealed || log.turn_bytes >= TURN_BYTES_MAX);
            }
            None => self.at_end(ticket.log, log, at, &fresh[fresh.len() - rest..], now_ns),
        }
    }

    /// Takes all whole lines of `bytes`, which begin at the read offset. Gives the lane that refused one, and why.
    fn pass(
        &mut self,
        index: LogIndex,
        log: &mut Log<E::File>,
        at: usize,
        bytes: &[u8],
        now_ns: u64,
    ) -> Option<(usize, Refused)> {
        let wall_ns = self.env.wall_ns();
        let bytes = self.pass_over_cut_line(log, at, bytes);
        let base = log.generations[at].read_offset;
        log.generations[at].begin_run(&self.clock, wall_ns);
        let valid_to = match std::str::from_utf8(bytes) {
            Ok(_) => bytes.len(),
            Err(error) => error.valid_up_to(),
        };
        let mut start = 0;
        let mut refused = None;
        let mut lines = 0;
        for newline in memchr::memchr_iter(b'\n', bytes) {
            let text = &bytes[start..newline];
            let line = Line {
                bytes: text.strip_suffix(b"\r").unwrap_or(text),
                is_utf8: newline <= valid_to,
                generation: at,
                offset: base + start as u64,
                source_bytes: (newline + 1 - start) as u64,
                now_ns,
            };
            if let Err(stop) = self.queue_or_seal(index, log, line, wall_ns) {
                refused = Some(stop);
                break;
            }
            start = newline + 1;
            lines += 1;
            log.generations[at].advance(base + start as u64, &mut self.clock, wall_ns);
        }
        log.generations[at].end_run(&mut self.clock);
        log.read_lines += lines;
        refused
    }

    /// Passes over what is left of a line that was cut, and gives what follows it.
    fn pass_over_cut_line<'a>(&mut self, log: &mut Log<E::File>, at: usize, bytes: &'a [u8]) -> &'a [u8] {
        let generation = &mut log.generations[at];
        if generation.cut_line.is_none() {
            return bytes;
        }
        let newline = memchr::memchr(b'\n', bytes);
        self.counters.lines_cut_bytes += newline.unwrap_or(bytes.len()) as u64;
        let passed = newline.map_or(bytes.len(), |newline| newline + 1);
        if newline.is_some() {
            generation.cut_line = None;
        }
        generation.read_offset += passed as u64;
        &bytes[passed..]
    }

    /// Queues a line, sealing the batch that is full.
    #[inline]
    fn queue_or_seal(
        &mut self,
        index: LogIndex,
        log: &mut Log<E::File>,
        line: Line<'_>,
        wall_ns: i64,
    ) -> Result<(), (usize, Refused)> {
        while let Err((lane, why)) = self.queue_line(index, log, line) {
            if !self.make_room(lane, index, log, line.generation) {
                return Err((lane, why));
            }
            log.generations[line.generation].begin_run(&self.clock, wall_ns);
        }
        Ok(())
    }

    /// Seals a lane's open batch in the middle of a run, if it can be.
    fn make_room(&mut self, lane: usize, index: LogIndex, log: &mut Log<E::File>, at: usize) -> bool {
        let can = !self.outbound.lanes[lane].open_is_empty() && self.outbound.lanes[lane].can_seal();
        if can {
            log.generations[at].end_run(&mut self.clock);
            self.seal(lane, Some((index, log)), Vec::new());
        }
        can
    }

    /// Takes the beginning of a line that does not end within the longest line, and has the rest passed over.
    fn cut_line(
        &mut self,
        index: LogIndex,
        log: &mut Log<E::File>,
        at: usize,
        bytes: &[u8],
        now_ns: u64,
    ) -> Option<(usize, Refused)> {
        let wall_ns = self.env.wall_ns();
        let generation = &mut log.generations[at];
        let offset = generation.read_offset;
        generation.begin_run(&self.clock, wall_ns);
        let source_bytes = bytes.len() as u64;
        let line = Line { bytes, is_utf8: false, generation: at, offset, source_bytes, now_ns };
        let refused = self.queue_or_seal(index, log, line, wall_ns).err();
        let generation = &mut log.generations[at];
        if refused.is_none() {
            log.read_lines += 1;
            generation.advance(offset + source_bytes, &mut self.clock, wall_ns);
            generation.cut_line = Some(offset);
        }
        generation.end_run(&mut self.clock);
        refused
    }

    /// Deals with the end of a generation: what was written since, whether it was truncated, whether it is done with.
    /// `rest` is the unfinished line that stands there.
    fn at_end(&mut self, index: LogIndex, log: &mut Log<E::File>, at: usize, rest: &[u8], now_ns: u64) {
        log.turn_bytes = 0;
        let generation = &mut log.generations[at];
        let Ok(status) = self.env.status(&generation.file) else { return };
        if generation.observe(status, now_ns) {
            log.written(now_ns, 0);
        }
        if status.size < log.generations[at].read_offset {
            self.restart(index, log, at, now_ns);
            return;
        }
        if status.size > log.seen_end {
            self.queue_news(index, log);
            return;
        }
        let generation = &log.generations[at];
        let unwanted = generation.attached && log.closing_at.is_some();
        // Whoever wrote it may not have let go of it, as long as there is no successor or a line is unfinished.
        let followed = at + 1 < log.generations.len();
        let wait = if followed && rest.is_empty() { limits::ROTATION_SETTLE } else { limits::ROTATION_SETTLE_UNSURE };
        let settled_ns = generation.detached_ns.max(generation.grown_ns) + nanos(wait);
        let done = unwanted || !generation.attached && now_ns >= settled_ns;
        let refused = if done {
            self.drain(index, log, at, rest, now_ns)
        } else {
            let stale_ns = now_ns.saturating_sub(PART_WAIT_NS);
            self.flush_open_records(index, log, at, stale_ns, now_ns).err()
        };
        if let Some((lane, why)) = refused {
            self.block(index, log, lane, why, now_ns);
        }
        self.schedule_look(index, log, now_ns);
    }

    /// Ends a generation: its unfinished line is a line after all, and the next generation may be read.
    fn drain(
        &mut self,
        index: LogIndex,
        log: &mut Log<E::File>,
        at: usize,
        rest: &[u8],
        now_ns: u64,
    ) -> Option<(usize, Refused)> {
        let wall_ns = self.env.wall_ns();
        if log.generations[at].cut_line.take().is_some() {
            log.generations[at].read_offset += rest.len() as u64;
        } else if !rest.is_empty() {
            let generation = &mut log.generations[at];
            generation.begin_run(&self.clock, wall_ns);
            let line = Line {
                bytes: rest.strip_suffix(b"\r").unwrap_or(rest),
                is_utf8: false,
                generation: at,
                offset: generation.read_offset,
                source_bytes: rest.len() as u64,
                now_ns,
            };
            let refused = self.queue_or_seal(index, log, line, wall_ns).err();
            let generation = &mut log.generations[at];
            if refused.is_none() {
                log.read_lines += 1;
                log.read_bytes += rest.len() as u64;
                generation.advance(line.offset + rest.len() as u64, &mut self.clock, wall_ns);
            }
            generation.end_run(&mut self.clock);
            if refused.is_some() {
                return refused;
            }
        }
        if log.generations[at].attached && log.closing_at.is_some() {
            // Nothing follows that could hold the rest of an open record.
            if let Err(refused) = self.flush_open_records(index, log, at, u64::MAX, now_ns) {
                return Some(refused);
            }
        }
        log.generations[at].drained = true;
        log.seen_end = 0;
        self.mark_dirty(index, log);
        if log.to_read().is_some() {
            self.queue_news(index, log);
        }
        None
    }

    /// Gives up on the rest of records that wait for it for long, where no read comes to do it.
    pub(super) fn flush_stale_records(&mut self, index: LogIndex, log: &mut Log<E::File>, now_ns: u64) {
        let Some(last) = log.generations.len().checked_sub(1) else { return };
        if log.reading || log.blocked || self.stopping {
            return;
        }
        let at = log.to_read().unwrap_or(last);
        let stale_ns = now_ns.saturating_sub(PART_WAIT_NS);
        if let Err((lane, why)) = self.flush_open_records(index, log, at, stale_ns, now_ns) {
            self.block(index, log, lane, why, now_ns);
        }
    }

    fn flush_open_records(
        &mut self,
        index: LogIndex,
        log: &mut Log<E::File>,
        at: usize,
        before_ns: u64,
        now_ns: u64,
    ) -> Result<(), (usize, Refused)> {
        if log.tracks.iter().all(|track| track.state.is_empty()) {
            return Ok(());
        }
        let wall_ns = self.env.wall_ns();
        log.generations[at].begin_run(&self.clock, wall_ns);
        let result = loop {
            match self.flush_open_record(index, log, at, before_ns, now_ns) {
                Ok(true) => self.mark_dirty(index, log),
                Ok(false) => break Ok(()),
                Err((lane, why)) => {
                    if !self.make_room(lane, index, log, at) {
                        break Err((lane, why));
                    }
                }
            }
        };
        log.generations[at].end_run(&mut self.clock);
        result
    }

    /// Lets a log wait for what refused its line.
    fn block(&mut self, index: LogIndex, log: &mut Log<E::File>, lane: usize, why: Refused, now_ns: u64) {
        log.blocked = true;
        log.turn_bytes = 0;
        match why {
            Refused::BatchFull => self.outbound.lanes[lane].blocked.push(index),
            Refused::Budget => {
                if self.starved.is_empty() {
                    self.starved_until_ns = now_ns + STARVED_WAIT_NS;
                }
                self.starved.push(index);
            }
        }
    }

    /// Lets logs try again that found the budget used up.
    pub(super) fn feed_starved(&mut self, now_ns: u64) {
        if now_ns >= self.starved_until_ns {
            let mut starved = std::mem::take(&mut self.starved);
            self.unblock(&starved);
            starved.clear();
            self.starved = starved;
        }
    }

    /// Lets blocked logs go on.
    pub(super) fn unblock(&mut self, indexes: &[LogIndex]) {
        for index in indexes {
            if let Some(log) = &mut self.logs[index.0 as usize] {
                log.blocked = false;
                if !log.queued {
                    log.queued = true;
                    self.backlog.push_back(*index);
                }
            }
        }
    }

    /// Queues a log that has more to read, behind the others if its turn is over.
    fn queue_backlog(&mut self, index: LogIndex, log: &mut Log<E::File>, turn_over: bool) {
        if turn_over {
            log.turn_bytes = 0;
        }
        if !log.queued {
            log.queued = true;
            if turn_over {
                self.backlog.push_back(index);
            } else {
                self.backlog.push_front(index);
            }
        }
    }

    /// Takes a longer fingerprint of a file from its first bytes.
    fn learn(&mut self, log: &mut Log<E::File>, at: usize, head: &[u8]) {
        let generation = &mut log.generations[at];
        if generation.learn(head) {
            let component = &self.plan.sources[usize::from(log.source.0)].component_id;
            let (file_id, identity) = (generation.file_id, generation.identity);
            crate::positions::format::write_file(&mut self.journal, file_id, &identity, component, &log.path);
            // A later life could not tell the file from another one.
            self.settled = true;
        }
    }

    pub(super) fn mark_dirty(&mut self, index: LogIndex, log: &mut Log<E::File>) {
        if !log.dirty {
            log.dirty = true;
            self.dirty.push(index);
        }
    }
}
