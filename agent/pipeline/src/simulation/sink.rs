//! A Loki that remembers everything it got.

use std::collections::{BTreeMap, HashMap, HashSet};

use prost::Message as _;

use crate::environment::PushTicket;
use crate::push::PushRequest;

/// Everything that was received.
#[derive(Default)]
pub(crate) struct Sink {
    /// Entries by stream, in the order they came: time, line, request.
    pub(crate) streams: BTreeMap<String, Vec<(i64, String, usize)>>,
    /// Requests that were answered with a 2xx.
    pub(crate) answered: HashSet<usize>,
    requests: usize,
    /// Streams under way, by shard and lane.
    under_way: HashMap<(usize, PushTicket), Vec<String>>,
}

impl Sink {
    fn decode(body: &[u8]) -> PushRequest {
        let message = snap::raw::Decoder::new().decompress_vec(body).expect("the body is snappy");
        PushRequest::decode(message.as_slice()).expect("the message is a push request")
    }

    /// Says what is in a request.
    pub(crate) fn describe(body: &[u8]) -> String {
        let lines = Self::decode(body).streams.into_iter().flat_map(|stream| {
            let labels = stream.labels;
            stream.entries.into_iter().map(move |entry| {
                let time = entry.timestamp.unwrap_or_default();
                format!("\n{:14}{labels} {}.{:09} {:?}", "", time.seconds, time.nanos, entry.line)
            })
        });
        lines.collect()
    }

    /// Takes a request and gives it a number.
    pub(crate) fn receive(&mut self, body: &[u8], _now_ns: u64) -> Option<usize> {
        let request = self.requests;
        self.requests += 1;
        for stream in Self::decode(body).streams {
            let entries = self.streams.entry(stream.labels).or_default();
            for entry in stream.entries {
                let time = entry.timestamp.unwrap_or_default();
                let time_ns = time.seconds * 1_000_000_000 + i64::from(time.nanos);
                entries.push((time_ns, entry.line, request));
            }
        }
        Some(request)
    }

    /// Checks that no stream of this request is under way in another one of the same shard and lane.
    pub(crate) fn check_order(&mut self, shard: usize, ticket: PushTicket, body: &[u8]) {
        let streams: Vec<String> = Self::decode(body).streams.into_iter().map(|stream| stream.labels).collect();
        let distinct: HashSet<&String> = streams.iter().collect();
        assert_eq!(distinct.len(), streams.len(), "a stream stands twice in one request");
        for ((other_shard, other), under_way) in &self.under_way {
            if (*other_shard, other.lane) == (shard, ticket.lane) {
                assert!(under_way.iter().all(|stream| !streams.contains(stream)), "a stream is under way twice");
            }
        }
        self.under_way.insert((shard, ticket), streams);
    }

    /// Takes note that a shard got the answer to its request.
    pub(crate) fn answered(&mut self, shard: usize, ticket: PushTicket, received: Option<usize>, accepted: bool) {
        self.under_way.remove(&(shard, ticket));
        if accepted {
            self.answered.extend(received);
        }
    }

    /// All shards are gone.
    pub(crate) fn forget_under_way(&mut self) {
        self.under_way.clear();
    }
}
