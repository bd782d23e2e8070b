//! Seals batches when they are full or due, sends them, and deals with the answers.

use super::{Outbound, Shard, nanos};
use crate::deliver::lane::Batch;
use crate::deliver::response::{Refusal, Verdict, judge};
use crate::encode::compress::Body;
use crate::environment::{Answer, Environment, LogIndex, PushTicket, Remainder, SettledRemainder};
use crate::event::Event;
use crate::limits;
use crate::positions::format::write_runs;
use crate::read::log::Log;

/// How long a lane waits that found too much sent and unanswered, unless one of its own requests is answered first.
const TOKENS_WAIT_NS: u64 = 2_000_000;

/// Alloy's reason for what a destination refused.
const REFUSED: &str = "ingester_error";

/// Alloy's reason for what was over a rate limit.
const RATE_LIMITED: &str = "rate_limited";

impl<E: Environment> Shard<E> {
    /// Seals and sends what is due.
    pub(super) fn send(&mut self, now_ns: u64) {
        for lane in 0..self.outbound.lanes.len() {
            self.seal_due(lane, now_ns);
            self.send_waiting(lane, now_ns);
        }
    }

    /// The next moment at which something is due that is not yet.
    pub(super) fn next_send_ns(&self, now_ns: u64) -> u64 {
        let shards = self.plan.shards;
        let merged = |since_ns: u64| since_ns + nanos(limits::MERGE_WINDOW);
        let moments = self.outbound.lanes.iter().flat_map(|lane| {
            let retry_ns = lane.has_waiting().then(|| lane.backoff.until_ns());
            [lane.due_ns(shards), lane.merging_since_ns.map(merged), retry_ns, lane.tokens_again_ns]
        });
        moments.flatten().filter(|moment| *moment > now_ns).min().unwrap_or(u64::MAX)
    }

    fn seal_due(&mut self, lane_index: usize, now_ns: u64) {
        let lane = &mut self.outbound.lanes[lane_index];
        let own_due = !lane.open_is_empty()
            && (self.stopping || lane.due_ns(self.plan.shards).is_some_and(|due_ns| due_ns <= now_ns));
        if self.plan.shards == 1 || self.stopping && lane.remainders.is_empty() {
            if own_due && lane.can_seal() {
                self.seal(lane_index, None, Vec::new());
            }
        } else if lane.home != self.plan.index {
            if own_due && lane.can_hand_over() {
                self.hand_over(lane_index);
            }
        } else {
            if own_due {
                lane.merging_since_ns.get_or_insert(now_ns);
            }
            let window_ns = if self.stopping { 0 } else { nanos(limits::MERGE_WINDOW) };
            if lane.merging_since_ns.is_some_and(|since_ns| since_ns + window_ns <= now_ns) {
                self.merge(lane_index, own_due);
            }
        }
    }

    /// Sends what the shards have left over for a destination, ours included, in as few requests as fit.
    fn merge(&mut self, lane_index: usize, own_due: bool) {
        let mut with_own = own_due && self.outbound.lanes[lane_index].can_seal();
        loop {
            let lane = &mut self.outbound.lanes[lane_index];
            if !lane.can_wait() || !with_own && lane.remainders.is_empty() {
                break;
            }
            let mut bytes = if with_own { lane.open_line_bytes() } else { 0 };
            let mut taken = 0;
            for remainder in &lane.remainders {
                bytes += remainder.line_bytes;
                if (taken > 0 || with_own) && bytes > lane.batch_bytes_max() {
                    break;
                }
                taken += 1;
            }
            let remainders: Vec<Remainder> = lane.remainders.drain(..taken).collect();
            if std::mem::take(&mut with_own) {
                self.seal(lane_index, None, remainders);
            } else {
                let Outbound { pool, compressor, streams, budget, lanes, .. } = &mut self.outbound;
                lanes[lane_index].seal_remainders(pool, compressor, streams, budget, remainders);
                self.counters.batches_sealed += 1;
            }
        }
        let lane = &mut self.outbound.lanes[lane_index];
        if lane.remainders.is_empty() {
            lane.merging_since_ns = None;
        }
    }

    /// Seals a lane's open batch. A log that is being worked on is out of its place, so it is given.
    pub(super) fn seal(
        &mut self,
        lane: usize,
        current: Option<(LogIndex, &mut Log<E::File>)>,
        remainders: Vec<Remainder>,
    ) {
        let after_journal = self.cover(lane, current);
        let Outbound { pool, compressor, streams, budget, lanes, .. } = &mut self.outbound;
        let lane = &mut lanes[lane];
        let at = lane.seal(pool, compressor, streams, budget, remainders);
        lane.batch(at).after_journal = after_journal;
        self.counters.batches_sealed += 1;
    }

    /// Hands a lane's open batch over to the home shard of its destination, as soon as the read times in it are in the
    /// journal: that shard does not ask.
    fn hand_over(&mut self, lane_index: usize) {
        if self.cover(lane_index, None) > self.journal_done {
            return;
        }
        let origin = self.plan.index;
        let Outbound { pool, compressor, streams, budget, lanes, .. } = &mut self.outbound;
        let lane = &mut lanes[lane_index];
        let remainder = lane.hand_over(pool, streams, budget, origin, lane_index);
        match self.env.hand_over(lane.home, remainder) {
            Ok(()) => self.counters.remainders_handed_over += 1,
            Err(remainder) => lane.keep_remainder(remainder, compressor, budget),
        }
    }

    /// Notes how far the open batch of a lane covers its generations, and has the journal know the read times in it.
    /// Gives the number of the write that has to be done before the batch is sent.
    fn cover(&mut self, lane: usize, mut current: Option<(LogIndex, &mut Log<E::File>)>) -> u64 {
        let mut timed = false;
        for item in self.outbound.lanes[lane].open_items() {
            let log = match &mut current {
                Some((index, log)) if *index == item.log => &mut **log,
                _ => self.logs[item.log.0 as usize].as_mut().expect("a log with unsettled entries is not removed"),
            };
            let at = log.by_serial(item.serial).expect("a generation with unsettled entries is not let go of");
            let generation = &log.generations[at];
            item.end = log.complete_to(generation, item.outlet as usize);
            item.resume = log.first_open_mark(generation).map_or(item.end, |mark| mark.min(item.end));
            let generation = &mut log.generations[at];
            generation.take_unwritten_runs(&mut self.runs);
            for runs in self.runs.chunk_by(|a, b| a.step == b.step) {
                write_runs(&mut self.journal, generation.file_id, runs.iter().copied());
                timed = true;
            }
        }
        if timed {
            self.runs_journal = self.env.journal(&mut self.journal);
        }
        // Another lane may have had these runs written, and that write may not be done.
        self.runs_journal
    }

    fn send_waiting(&mut self, lane_index: usize, now_ns: u64) {
        let lane = &mut self.outbound.lanes[lane_index];
        lane.tokens_again_ns = None;
        while lane.backoff.until_ns() <= now_ns
            && let Some(at) = lane.next_to_send(self.journal_done)
        {
            let batch = lane.batch(at);
            if !batch.holds_tokens && !self.outbound.tokens.take_or_alone(batch.all_source_bytes()) {
                lane.tokens_again_ns = Some(now_ns + TOKENS_WAIT_NS);
                break;
            }
            batch.holds_tokens = true;
            batch.attempts += 1;
            batch.sent_ns = now_ns;
            let again = batch.attempts > 1;
            let body = std::mem::take(&mut batch.body);
            lane.counters.retries += u64::from(again);
            lane.begin_flight(at);
            self.counters.requests += 1;
            self.env.send(PushTicket { lane: lane_index, batch: at }, body);
        }
    }

    /// Takes the answer to a request.
    pub(crate) fn on_answer(&mut self, ticket: PushTicket, answer: &Answer, body: Body) {
        let now_ns = self.env.now_ns();
        let lane = &mut self.outbound.lanes[ticket.lane];
        lane.end_flight(ticket.batch);
        let batch = lane.batch(ticket.batch);
        batch.body = body;
        let seconds = now_ns.saturating_sub(batch.sent_ns) as f64 / 1e9;
        let status = match answer {
            Answer::Response { status, .. } => Some(*status),
            Answer::Failed { .. } => None,
        };
        lane.counters.count_request(status, seconds);
        match judge(answer) {
            Verdict::Accepted => {
                lane.backoff.succeed();
                self.count_accepted(ticket, 0, now_ns);
                self.settle(ticket);
            }
            Verdict::Refused(refusal) => {
                lane.backoff.succeed();
                self.count_refused(ticket, status, &refusal, now_ns);
                self.settle(ticket);
            }
            Verdict::Retry { rate_limited, after_ns, may_be_stored, error } => {
                self.retry(ticket, status, rate_limited, after_ns, may_be_stored, error);
            }
        }
    }

    fn retry(
        &mut self,
        ticket: PushTicket,
        status: Option<u16>,
        rate_limited: bool,
        after_ns: Option<u64>,
        may_be_stored: bool,
        error: String,
    ) {
        let (now_ns, random) = (self.env.now_ns(), self.env.random());
        let lane = &mut self.outbound.lanes[ticket.lane];
        let retry = lane.retry.clone();
        let batch = lane.batch(ticket.batch);
        let exhausted = retry.as_ref().is_some_and(|retry| {
            retry.attempts_max.is_some_and(|max| batch.attempts >= max) || rate_limited && !retry.retry_on_429
        });
        if exhausted {
            let reason = if rate_limited { RATE_LIMITED } else { REFUSED };
            let (entries, bytes) = (batch.all_entries(), batch.all_line_bytes() as u64);
            lane.counters.count_dropped(reason, entries, bytes);
            let (write, destination) = (lane.write, lane.destination);
            self.env.report(Event::PushDropped { write, destination, status, entries, reason, error });
            self.settle(ticket);
            return;
        }
        if !may_be_stored {
            // What was surely not taken cannot be there twice after a kill.
            let bytes = batch.all_source_bytes();
            if std::mem::take(&mut batch.holds_tokens) {
                self.outbound.tokens.give_back(bytes);
            }
        }
        if let Some(retry) = &retry {
            lane.backoff.fail(retry, now_ns, after_ns, random);
        }
        lane.put_back(ticket.batch);
        let (write, destination) = (lane.write, lane.destination);
        self.env.report(Event::PushRetried { write, destination, status, error });
    }

    /// Counts a batch of which all but `refused` entries were taken.
    fn count_accepted(&mut self, ticket: PushTicket, refused: u64, now_ns: u64) {
        let lane = &mut self.outbound.lanes[ticket.lane];
        let batch = lane.batch(ticket.batch);
        let (bytes, entries) = (batch.body_bytes, batch.all_entries());
        let propagation = now_ns.saturating_sub(batch.opened_ns) as f64 / 1e9;
        lane.counters.sent_bytes += bytes;
        lane.counters.sent_entries += entries - refused.min(entries);
        lane.counters.request_bytes.observe(bytes as f64);
        lane.counters.propagation.observe(propagation);
    }

    /// Counts a batch that was refused for good, whole or in part.
    fn count_refused(&mut self, ticket: PushTicket, status: Option<u16>, refusal: &Refusal, now_ns: u64) {
        let lane = &mut self.outbound.lanes[ticket.lane];
        let batch = lane.batch(ticket.batch);
        let (all, line_bytes) = (batch.all_entries(), batch.all_line_bytes() as u64);
        let entries = refusal.entries.map_or(all, |entries| entries.min(all));
        // Loki does not say how long the refused lines were; their share of the batch is the best guess there is.
        let bytes = line_bytes * entries / all.max(1);
        lane.counters.count_dropped(REFUSED, entries, bytes);
        for (reason, named) in &refusal.reasons {
            lane.counters.count_refused(reason, if refusal.entries.is_none() { entries } else { *named });
        }
        let (write, destination) = (lane.write, lane.destination);
        if entries < all {
            self.count_accepted(ticket, entries, now_ns);
        }
        let error = refusal.error.clone();
        self.env.report(Event::PushDropped { write, destination, status, entries, reason: REFUSED, error });
    }

    /// Takes a remainder of another shard, to be sent with ours.
    pub(crate) fn on_remainder(&mut self, remainder: Remainder) {
        let now_ns = self.env.now_ns();
        let lane = &mut self.outbound.lanes[remainder.lane];
        lane.merging_since_ns.get_or_insert(now_ns);
        lane.remainders.push(remainder);
    }

    /// Takes back a remainder that its destination's home shard has settled.
    pub(crate) fn on_remainder_settled(&mut self, settled: SettledRemainder) {
        let remainder = settled.remainder;
        let lane = &mut self.outbound.lanes[remainder.lane];
        lane.batch(remainder.batch).body = Body { bytes: remainder.streams, start: 0 };
        self.settle(PushTicket { lane: remainder.lane, batch: remainder.batch });
    }

    /// Settles a batch, whatever its fate was: what it covers is done with.
    fn settle(&mut self, ticket: PushTicket) {
        let lane = &mut self.outbound.lanes[ticket.lane];
        let mut batch: Batch = lane.settle(ticket.batch, &self.outbound.budget);
        if batch.holds_tokens {
            self.outbound.tokens.give_back(batch.all_source_bytes());
        }
        for item in &batch.items {
            let Some(log) = &mut self.logs[item.log.0 as usize] else { continue };
            let at = log.by_serial(item.serial).expect("a generation with unsettled entries is not let go of");
            let progress = log.generations[at].progress(item.outlet as usize);
            progress.settle(batch.sequence, item.end, item.resume);
            if !log.dirty {
                log.dirty = true;
                self.dirty.push(item.log);
            }
        }
        for remainder in batch.remainders.drain(..) {
            self.env.hand_back(remainder.origin, SettledRemainder { remainder });
        }
        let lane = &mut self.outbound.lanes[ticket.lane];
        lane.recycle(batch);
        let mut blocked = std::mem::take(&mut lane.blocked);
        blocked.append(&mut self.starved);
        self.unblock(&blocked);
        blocked.clear();
        self.outbound.lanes[ticket.lane].blocked = blocked;
        self.settled = true;
    }
}
