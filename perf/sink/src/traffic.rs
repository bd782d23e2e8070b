//! The list of pushes: which are under way, how the others ended.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use hyper::HeaderMap;
use longship_workload::stamp::wall_ns;

use crate::report::{End, RequestRecord, RequestStats, Stats};
use crate::sink::Shared;

/// Counts all pushes and remembers the last ones.
#[derive(Debug)]
pub(crate) struct Traffic {
    connections: u64,
    stats: RequestStats,
    body_bytes: u64,
    uncompressed_bytes: u64,
    first_arrival_ns: Option<u64>,
    last_answer_ns: Option<u64>,
    /// The last `kept` pushes, without gaps in their numbers.
    records: VecDeque<RequestRecord>,
    kept: usize,
}

impl Traffic {
    pub(crate) fn new(kept: usize) -> Self {
        Self {
            connections: 0,
            stats: RequestStats::default(),
            body_bytes: 0,
            uncompressed_bytes: 0,
            first_arrival_ns: None,
            last_answer_ns: None,
            records: VecDeque::new(),
            kept,
        }
    }

    pub(crate) fn stats(&self) -> Stats {
        Stats {
            connections: self.connections,
            requests: self.stats.clone(),
            body_bytes: self.body_bytes,
            uncompressed_bytes: self.uncompressed_bytes,
            first_arrival_ns: self.first_arrival_ns,
            last_answer_ns: self.last_answer_ns,
            check: None,
        }
    }

    /// Notes a connection.
    pub(crate) fn connected(&mut self) {
        self.connections += 1;
    }

    pub(crate) fn unanswered_now(&self) -> u64 {
        self.stats.unanswered_now
    }

    pub(crate) fn records(&self) -> Vec<RequestRecord> {
        self.records.iter().cloned().collect()
    }

    fn begin(&mut self, tenant: &str, headers: &HeaderMap) -> u64 {
        let number = self.stats.arrived;
        let arrived_ns = wall_ns();
        self.first_arrival_ns.get_or_insert(arrived_ns);
        self.stats.arrived += 1;
        self.stats.unanswered_now += 1;
        self.stats.unanswered_max = self.stats.unanswered_max.max(self.stats.unanswered_now);
        if self.kept > 0 {
            if self.records.len() == self.kept {
                self.records.pop_front();
            }
            self.records.push_back(RequestRecord {
                number,
                arrived: Instant::now(),
                arrived_ns,
                ended: None,
                end: End::UnderWay,
                tenant: tenant.to_owned(),
                unanswered: self.stats.unanswered_now,
                body_bytes: 0,
                streams: 0,
                entries: 0,
                headers: headers.iter().map(|(name, value)| (name.to_string(), text(value.as_bytes()))).collect(),
            });
        }
        number
    }

    fn end(&mut self, number: u64, end: End) {
        self.stats.unanswered_now -= 1;
        match end {
            End::UnderWay => {}
            End::Answered(status) => {
                *self.stats.answered.entry(status).or_default() += 1;
                self.last_answer_ns = Some(wall_ns());
            }
            End::Reset => self.stats.reset += 1,
            End::Abandoned => self.stats.abandoned += 1,
        }
        if let Some(record) = self.record(number) {
            record.ended = Some(Instant::now());
            record.end = end;
        }
    }

    /// Returns the record of a push, unless it was forgotten for newer ones.
    fn record(&mut self, number: u64) -> Option<&mut RequestRecord> {
        let first = self.records.front()?.number;
        self.records.get_mut(usize::try_from(number.checked_sub(first)?).ok()?)
    }
}

/// A push that is under way. Dropped before an end was told, it was abandoned.
#[derive(Debug)]
pub(crate) struct Exchange {
    shared: Arc<Shared>,
    number: u64,
    ended: bool,
}

impl Exchange {
    pub(crate) fn begin(shared: &Arc<Shared>, tenant: &str, headers: &HeaderMap) -> Self {
        let number = shared.state().traffic.begin(tenant, headers);
        Self { shared: Arc::clone(shared), number, ended: false }
    }

    /// Notes that the body has come.
    pub(crate) fn took_body(&self, body_bytes: u64) {
        let traffic = &mut self.shared.state().traffic;
        traffic.body_bytes += body_bytes;
        if let Some(record) = traffic.record(self.number) {
            record.body_bytes = body_bytes;
        }
    }

    /// Notes what the body held.
    pub(crate) fn decoded(&self, streams: u64, entries: u64, uncompressed_bytes: u64) {
        let traffic = &mut self.shared.state().traffic;
        traffic.uncompressed_bytes += uncompressed_bytes;
        if let Some(record) = traffic.record(self.number) {
            record.streams = streams;
            record.entries = entries;
        }
    }

    pub(crate) fn end(mut self, end: End) {
        self.ended = true;
        self.shared.state().traffic.end(self.number, end);
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if !self.ended {
            self.shared.state().traffic.end(self.number, End::Abandoned);
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
