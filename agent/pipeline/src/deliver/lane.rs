//! A shard's way to one destination: the batch that fills up, those that wait, those that are under way.
//!
//! Order: a stream has at most one batch under way and one that waits for it, retries included, so its entries arrive in
//! the order they were queued. A batch is sent as soon as none of its streams is under way.

use std::collections::VecDeque;

use slab::Slab;

use super::retry::Backoff;
use crate::budget::Budget;
use crate::counters::LaneCounters;
use crate::encode::chunk::{Chunk, SegmentPool};
use crate::encode::compress::{Body, Compressor};
use crate::encode::protobuf::stream_head;
use crate::environment::{LogIndex, Remainder};
use crate::limits;
use crate::plan::{DestinationKind, Retry, WriteIndex};
use crate::streams::{StreamId, Streams};

/// No batch.
const NONE: u32 = u32::MAX;

/// The way to one destination.
pub(crate) struct Lane {
    /// The component it belongs to.
    pub(crate) write: WriteIndex,
    /// The destination's place in it.
    pub(crate) destination: usize,
    /// The destination's name in the positions.
    pub(crate) key: u64,
    /// The shard that sends what is left of all shards.
    pub(crate) home: usize,
    /// A batch waits no longer than this.
    pub(crate) batch_wait_ns: u64,
    /// What is done about failures; `None` for destinations that have none.
    pub(crate) retry: Option<Retry>,
    /// When the next request may be sent.
    pub(crate) backoff: Backoff,
    /// Logs that cannot go on before a batch is settled.
    pub(crate) blocked: Vec<LogIndex>,
    /// What was sent.
    pub(crate) counters: LaneCounters,
    /// Remainders of other shards that wait to be sent with ours.
    pub(crate) remainders: Vec<Remainder>,
    /// When the first of them came, or our own batch was due.
    pub(crate) merging_since_ns: Option<u64>,
    /// When to try again to send what found too much sent and unanswered.
    pub(crate) tokens_again_ns: Option<u64>,
    batch_bytes_max: usize,
    streams: Vec<LaneStream>,
    open: OpenBatch,
    batches: Slab<Batch>,
    /// Sealed batches that were not sent, or failed and go again, in order.
    waiting: VecDeque<usize>,
    in_flight: usize,
    spare: Vec<Batch>,
    head: Vec<u8>,
}

/// A stream as one destination has it.
#[derive(Clone, Copy, Debug)]
struct LaneStream {
    chunk: Chunk,
    in_open: bool,
    in_flight: u32,
    waiting: u32,
}

/// The batch that fills up.
struct OpenBatch {
    sequence: u64,
    streams: Vec<StreamId>,
    items: Vec<Item>,
    entries: u64,
    line_bytes: usize,
    source_bytes: u64,
    opened_ns: u64,
    /// How many of its streams have a batch that waits already.
    conflicts: usize,
}

/// A sealed batch.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// Counts from 1 in each lane.
    pub(crate) sequence: u64,
    /// What it covers.
    pub(crate) items: Vec<Item>,
    /// The request's body; away while the request is under way.
    pub(crate) body: Body,
    /// Remainders of other shards in it.
    pub(crate) remainders: Vec<Remainder>,
    /// Entries in it, without those of the remainders.
    pub(crate) entries: u64,
    /// Their lines' bytes.
    pub(crate) line_bytes: usize,
    /// Source bytes they came from.
    pub(crate) source_bytes: u64,
    /// How often it was sent.
    pub(crate) attempts: u32,
    /// When its first entry was queued.
    pub(crate) opened_ns: u64,
    /// When it was sent last.
    pub(crate) sent_ns: u64,
    /// The write of the journal that has to be done before it is sent.
    pub(crate) after_journal: u64,
    /// Its source bytes are counted as sent and not answered.
    pub(crate) holds_tokens: bool,
    /// Compressed bytes.
    pub(crate) body_bytes: u64,
    streams: Vec<StreamId>,
    blocked_on: u32,
    /// What it takes of the budget.
    body_cost: u64,
}

impl Batch {
    /// Source bytes, those of the remainders included.
    pub(crate) fn all_source_bytes(&self) -> u64 {
        self.source_bytes + self.remainders.iter().map(|remainder| remainder.source_bytes).sum::<u64>()
    }

    /// Entries, those of the remainders included.
    pub(crate) fn all_entries(&self) -> u64 {
        self.entries + self.remainders.iter().map(|remainder| remainder.entries).sum::<u64>()
    }

    /// Bytes of lines, those of the remainders included.
    pub(crate) fn all_line_bytes(&self) -> usize {
        self.line_bytes + self.remainders.iter().map(|remainder| remainder.line_bytes).sum::<usize>()
    }
}

/// One stream of one generation in a batch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Item {
    /// The log.
    pub(crate) log: LogIndex,
    /// The generation of it.
    pub(crate) serial: u32,
    /// The outlet the entries went through.
    pub(crate) outlet: u32,
    /// Offset up to which the batch covers the generation; set at sealing.
    pub(crate) end: u64,
    /// Where reading has to begin to meet what comes after the batch; set at sealing.
    pub(crate) resume: u64,
}

/// Why an entry cannot be queued now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// The open batch has to be sealed first.
    BatchFull,
    /// The budget is used up.
    Budget,
}

/// What a lane is created from.
pub(crate) struct LanePlan<'a> {
    pub(crate) write: WriteIndex,
    pub(crate) destination: usize,
    pub(crate) plan: &'a crate::plan::Destination,
    pub(crate) key: u64,
    pub(crate) home: usize,
}

impl Lane {
    /// Creates a lane with nothing in it.
    pub(crate) fn new(plan: &LanePlan<'_>) -> Self {
        let retry = match &plan.plan.kind {
            DestinationKind::Loki(endpoint) => Some(endpoint.retry.clone()),
            DestinationKind::Echo => None,
        };
        Self {
            write: plan.write,
            destination: plan.destination,
            key: plan.key,
            home: plan.home,
            batch_wait_ns: u64::try_from(plan.plan.batch_wait.as_nanos()).unwrap_or(u64::MAX),
            retry,
            backoff: Backoff::default(),
            blocked: Vec::new(),
            counters: LaneCounters::new(),
            remainders: Vec::new(),
            merging_since_ns: None,
            tokens_again_ns: None,
            batch_bytes_max: plan.plan.batch_bytes_max,
            streams: Vec::new(),
            open: OpenBatch {
                sequence: 1,
                streams: Vec::new(),
                items: Vec::new(),
                entries: 0,
                line_bytes: 0,
                source_bytes: 0,
                opened_ns: 0,
                conflicts: 0,
            },
            batches: Slab::new(),
            waiting: VecDeque::new(),
            in_flight: 0,
            spare: Vec::new(),
            head: Vec::new(),
        }
    }

    /// Makes room for an entry with a line of `line_bytes`, so that [`Self::append`] can queue it.
    #[inline]
    pub(crate) fn prepare(
        &mut self,
        pool: &mut SegmentPool,
        stream: StreamId,
        line_bytes: usize,
    ) -> Result<(), Refused> {
        if self.open.line_bytes + line_bytes > self.batch_bytes_max && self.open.entries > 0 {
            return Err(Refused::BatchFull);
        }
        if stream.index() >= self.streams.len() {
            let idle = LaneStream { chunk: Chunk::EMPTY, in_open: false, in_flight: NONE, waiting: NONE };
            self.streams.resize(stream.index() + 1, idle);
        }
        let chunk = &mut self.streams[stream.index()].chunk;
        // With nothing of this lane in memory, nothing would ever free what it waits for.
        let alone = self.open.entries == 0 && self.batches.is_empty();
        if pool.reserve(chunk, line_bytes).is_err() && !alone {
            return Err(Refused::Budget);
        }
        Ok(())
    }

    /// Queues an entry for which room was made.
    #[inline]
    pub(crate) fn append(&mut self, pool: &mut SegmentPool, stream: StreamId, time_ns: i64, line: &[u8], now_ns: u64) {
        let open = &mut self.open;
        let lane_stream = &mut self.streams[stream.index()];
        pool.reserve_anyway(&mut lane_stream.chunk, line.len());
        pool.append(&mut lane_stream.chunk, time_ns, line);
        if !lane_stream.in_open {
            lane_stream.in_open = true;
            open.conflicts += usize::from(lane_stream.waiting != NONE);
            open.streams.push(stream);
        }
        if open.entries == 0 {
            open.opened_ns = now_ns;
        }
        open.entries += 1;
        open.line_bytes += line.len();
    }

    /// The number of the batch that fills up.
    pub(crate) fn open_sequence(&self) -> u64 {
        self.open.sequence
    }

    /// Notes that a stream of a generation has its first entry in the batch that fills up.
    pub(crate) fn cover(&mut self, log: LogIndex, serial: u32, outlet: u32) {
        self.open.items.push(Item { log, serial, outlet, end: 0, resume: 0 });
    }

    /// Counts source bytes as part of the batch that fills up.
    pub(crate) fn count_source_bytes(&mut self, bytes: u64) {
        self.open.source_bytes += bytes;
    }

    /// What the batch that fills up covers.
    pub(crate) fn open_items(&mut self) -> &mut [Item] {
        &mut self.open.items
    }

    /// The batch that fills up has no entry.
    pub(crate) fn open_is_empty(&self) -> bool {
        self.open.entries == 0
    }

    /// Lines' bytes in the batch that fills up.
    pub(crate) fn open_line_bytes(&self) -> usize {
        self.open.line_bytes
    }

    /// When the batch that fills up is due; `None` while it is empty. With several shards it is due at moments that all
    /// of them share, so that their remainders meet.
    pub(crate) fn due_ns(&self, shards: usize) -> Option<u64> {
        if self.open.entries == 0 {
            return None;
        }
        let due = self.open.opened_ns.saturating_add(self.batch_wait_ns);
        Some(if shards > 1 { due - due % self.batch_wait_ns.max(1) } else { due })
    }

    /// One more batch may wait.
    pub(crate) fn can_wait(&self) -> bool {
        self.waiting.len() < limits::BATCHES_WAITING_MAX
    }

    /// The batch that fills up can be sealed: one more may wait, and none of its streams has one that waits.
    pub(crate) fn can_seal(&self) -> bool {
        self.open.conflicts == 0 && self.can_wait()
    }

    /// A batch holds no more than this many bytes of lines, unless it is a single line.
    pub(crate) fn batch_bytes_max(&self) -> usize {
        self.batch_bytes_max
    }

    /// The batch that fills up can be handed over: nothing has to be answered before it.
    pub(crate) fn can_hand_over(&self) -> bool {
        self.open.conflicts == 0
            && self.open.streams.iter().all(|stream| self.streams[stream.index()].in_flight == NONE)
    }

    /// Seals the batch that fills up and begins the next one; the items' ends are set. `remainders` go with it. Gives
    /// the batch's place.
    pub(crate) fn seal(
        &mut self,
        pool: &mut SegmentPool,
        compressor: &mut Compressor,
        streams: &Streams,
        budget: &Budget,
        remainders: Vec<Remainder>,
    ) -> usize {
        let batch = self.begin_batch();
        self.compress(batch, pool, compressor, streams, budget, remainders)
    }

    /// Makes a batch of remainders alone.
    pub(crate) fn seal_remainders(
        &mut self,
        pool: &mut SegmentPool,
        compressor: &mut Compressor,
        streams: &Streams,
        budget: &Budget,
        remainders: Vec<Remainder>,
    ) {
        let batch = Batch { opened_ns: self.merging_since_ns.unwrap_or(0), ..Batch::default() };
        self.compress(batch, pool, compressor, streams, budget, remainders);
    }

    /// Makes the body of a batch and lets it wait.
    fn compress(
        &mut self,
        mut batch: Batch,
        pool: &mut SegmentPool,
        compressor: &mut Compressor,
        streams: &Streams,
        budget: &Budget,
        mut remainders: Vec<Remainder>,
    ) -> usize {
        compressor.begin(std::mem::take(&mut batch.body));
        if remainders.is_empty() {
            for stream in &batch.streams {
                let lane_stream = &mut self.streams[stream.index()];
                self.head.clear();
                stream_head(&mut self.head, streams.labels(*stream).as_bytes(), lane_stream.chunk.bytes());
                compressor.append(&self.head);
                pool.slices(&lane_stream.chunk).for_each(|slice| compressor.append(slice));
                pool.free(&mut lane_stream.chunk);
            }
        } else {
            self.merge(&batch.streams, pool, compressor, streams, &remainders);
        }
        batch.body = compressor.finish();
        batch.body_bytes = batch.body.as_slice().len() as u64;
        batch.body_cost = batch.body.bytes.len() as u64;
        budget.take_anyway(batch.body_cost);
        batch.remainders.append(&mut remainders);
        self.enqueue(batch)
    }

    /// Takes the batch that fills up out as a remainder for the destination's home shard, which will send it. The
    /// streams in it are under way from now on.
    pub(crate) fn hand_over(
        &mut self,
        pool: &mut SegmentPool,
        streams: &Streams,
        budget: &Budget,
        origin: usize,
        lane: usize,
    ) -> Remainder {
        let mut batch = self.begin_batch();
        let mut bytes = std::mem::take(&mut batch.body).bytes;
        bytes.clear();
        for stream in &batch.streams {
            let lane_stream = &mut self.streams[stream.index()];
            let labels = streams.labels(*stream).as_bytes();
            for length in [labels.len(), lane_stream.chunk.bytes()] {
                bytes.extend_from_slice(&u32::try_from(length).expect("a batch is far below 4 GiB").to_le_bytes());
            }
            bytes.extend_from_slice(labels);
            pool.slices(&lane_stream.chunk).for_each(|slice| bytes.extend_from_slice(slice));
            pool.free(&mut lane_stream.chunk);
        }
        batch.body_cost = bytes.len() as u64;
        budget.take_anyway(batch.body_cost);
        let (entries, line_bytes, source_bytes) = (batch.entries, batch.line_bytes, batch.source_bytes);
        let at = self.enqueue(batch);
        self.take_streams(at);
        Remainder { origin, lane, batch: at, streams: bytes, entries, line_bytes, source_bytes }
    }

    /// Takes back a remainder for which there was no room on the way, as a batch of our own.
    pub(crate) fn keep_remainder(&mut self, remainder: Remainder, compressor: &mut Compressor, budget: &Budget) {
        let batch = &mut self.batches[remainder.batch];
        compressor.begin(std::mem::take(&mut batch.body));
        for (labels, entries) in split_remainder(&remainder.streams) {
            self.head.clear();
            stream_head(&mut self.head, labels, entries.len());
            compressor.append(&self.head);
            compressor.append(entries);
        }
        batch.body = compressor.finish();
        batch.body_bytes = batch.body.as_slice().len() as u64;
        budget.give_back(batch.body_cost);
        batch.body_cost = batch.body.bytes.len() as u64;
        budget.take_anyway(batch.body_cost);
        self.put_back(remainder.batch);
    }

    /// Moves what the open batch holds into a batch of its own.
    fn begin_batch(&mut self) -> Batch {
        let mut batch = self.spare.pop().unwrap_or_default();
        let open = &mut self.open;
        batch.sequence = open.sequence;
        batch.entries = std::mem::take(&mut open.entries);
        batch.line_bytes = std::mem::take(&mut open.line_bytes);
        batch.source_bytes = std::mem::take(&mut open.source_bytes);
        batch.opened_ns = open.opened_ns;
        batch.attempts = 0;
        batch.after_journal = 0;
        batch.holds_tokens = false;
        std::mem::swap(&mut batch.items, &mut open.items);
        std::mem::swap(&mut batch.streams, &mut open.streams);
        open.sequence += 1;
        open.conflicts = 0;
        batch
    }

    /// Notes for its streams that a batch waits.
    fn enqueue(&mut self, mut batch: Batch) -> usize {
        batch.blocked_on = 0;
        let entry = self.batches.vacant_entry();
        let at = entry.key();
        let number = u32::try_from(at).expect("a lane has a few batches");
        for stream in &batch.streams {
            let stream = &mut self.streams[stream.index()];
            debug_assert_eq!(stream.waiting, NONE, "a stream has one batch that waits");
            stream.in_open = false;
            stream.waiting = number;
            batch.blocked_on += u32::from(stream.in_flight != NONE);
        }
        entry.insert(batch);
        self.waiting.push_back(at);
        at
    }

    /// Writes our streams and those of the remainders, equal label sets as one stream.
    fn merge(
        &mut self,
        own: &[StreamId],
        pool: &mut SegmentPool,
        compressor: &mut Compressor,
        streams: &Streams,
        remainders: &[Remainder],
    ) {
        let own_streams = own.iter().map(|stream| (streams.labels(*stream).as_bytes(), Err(*stream)));
        let others = remainders.iter().flat_map(|remainder| split_remainder(&remainder.streams));
        let mut parts: Vec<(_, Result<&[u8], StreamId>)> =
            own_streams.chain(others.map(|(labels, entries)| (labels, Ok(entries)))).collect();
        parts.sort_by_key(|(labels, _)| *labels);
        for group in parts.chunk_by(|(a, _), (b, _)| a == b) {
            let bytes = |part: &Result<&[u8], StreamId>| match part {
                Ok(entries) => entries.len(),
                Err(stream) => self.streams[stream.index()].chunk.bytes(),
            };
            let entries_bytes = group.iter().map(|(_, part)| bytes(part)).sum();
            self.head.clear();
            stream_head(&mut self.head, group[0].0, entries_bytes);
            compressor.append(&self.head);
            for (_, part) in group {
                match part {
                    Ok(entries) => compressor.append(entries),
                    Err(stream) => {
                        pool.slices(&self.streams[stream.index()].chunk).for_each(|slice| compressor.append(slice));
                    }
                }
            }
        }
        for stream in own {
            pool.free(&mut self.streams[stream.index()].chunk);
        }
    }

    /// Gives the next batch that may be sent as far as order and the journal go, `journalled` being the last write
    /// that is done.
    pub(crate) fn next_to_send(&self, journalled: u64) -> Option<usize> {
        if self.in_flight >= if self.backoff.is_probing() { 1 } else { limits::REQUESTS_MAX } {
            return None;
        }
        self.waiting.iter().copied().find(|at| {
            let batch = &self.batches[*at];
            batch.blocked_on == 0 && batch.after_journal <= journalled
        })
    }

    /// Something waits to be sent.
    pub(crate) fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// A batch by its place.
    pub(crate) fn batch(&mut self, at: usize) -> &mut Batch {
        &mut self.batches[at]
    }

    /// Notes that a request with a batch is under way.
    pub(crate) fn begin_flight(&mut self, at: usize) {
        self.in_flight += 1;
        self.take_streams(at);
    }

    /// Notes that a batch does not wait any more, and has its streams. One that is sent again has them still.
    fn take_streams(&mut self, at: usize) {
        self.waiting.retain(|waiting| *waiting != at);
        let number = u32::try_from(at).expect("a lane has a few batches");
        for stream in &self.batches[at].streams {
            let stream = &mut self.streams[stream.index()];
            if stream.waiting == number {
                stream.waiting = NONE;
                self.open.conflicts -= usize::from(stream.in_open);
            }
            stream.in_flight = number;
        }
    }

    /// Notes that a request with a batch was answered. Its streams are still the batch's: nothing passes it.
    pub(crate) fn end_flight(&mut self, at: usize) {
        debug_assert!(self.batches.contains(at), "only a batch that was sent is answered");
        self.in_flight -= 1;
    }

    /// Lets a batch that failed wait again, before all others.
    pub(crate) fn put_back(&mut self, at: usize) {
        self.waiting.push_front(at);
    }

    /// Takes out a batch that is settled and lets those go that waited for its streams.
    pub(crate) fn settle(&mut self, at: usize, budget: &Budget) -> Batch {
        let batch = self.batches.remove(at);
        for stream in &batch.streams {
            let stream = &mut self.streams[stream.index()];
            stream.in_flight = NONE;
            if let Some(next) = self.batches.get_mut(stream.waiting as usize) {
                next.blocked_on -= 1;
            }
        }
        budget.give_back(batch.body_cost);
        batch
    }

    /// Takes back the memory of a settled batch.
    pub(crate) fn recycle(&mut self, mut batch: Batch) {
        batch.items.clear();
        batch.streams.clear();
        batch.remainders.clear();
        if self.spare.len() < limits::REQUESTS_MAX + limits::BATCHES_WAITING_MAX {
            self.spare.push(batch);
        }
    }

    /// Nothing is queued, waiting or under way.
    pub(crate) fn is_empty(&self) -> bool {
        self.open.entries == 0 && self.batches.is_empty() && self.remainders.is_empty()
    }

    /// Source bytes of all that is not settled, without what other shards handed over.
    pub(crate) fn unsettled_bytes(&self) -> u64 {
        self.open.source_bytes + self.batches.iter().map(|(_, batch)| batch.source_bytes).sum::<u64>()
    }

    /// Gives the memory of settled batches back to the system.
    pub(crate) fn trim(&mut self) {
        self.spare.clear();
    }
}

/// Takes a remainder's streams apart, into labels and entries.
fn split_remainder(mut bytes: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    std::iter::from_fn(move || {
        let (labels, rest) = bytes.split_first_chunk::<4>()?;
        let (entries, rest) = rest.split_first_chunk::<4>()?;
        let (labels, rest) = rest.split_at_checked(u32::from_le_bytes(*labels) as usize)?;
        let (entries, rest) = rest.split_at_checked(u32::from_le_bytes(*entries) as usize)?;
        bytes = rest;
        Some((labels, entries))
    })
}
