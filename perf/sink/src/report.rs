//! What a sink tells about what it got.

use std::collections::BTreeMap;
use std::time::Instant;

use longship_workload::digest::Digest;
use serde::{Deserialize, Serialize};

/// Sums over everything so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stats {
    /// Connections that were taken, those included whose TLS handshake failed.
    pub connections: u64,
    /// Pushes.
    pub requests: RequestStats,
    /// Bytes of bodies, as they came.
    pub body_bytes: u64,
    /// Bytes of what the bodies decompress to; in drain mode as their snappy preambles say.
    pub uncompressed_bytes: u64,
    /// When the first push arrived, in nanoseconds since 1970.
    pub first_arrival_ns: Option<u64>,
    /// When the last push was answered, in nanoseconds since 1970.
    pub last_answer_ns: Option<u64>,
    /// What is known of the pushes' entries; `None` in drain mode.
    pub check: Option<CheckStats>,
}

/// How pushes ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestStats {
    /// All that arrived.
    pub arrived: u64,
    /// Those that are under way now.
    pub unanswered_now: u64,
    /// The highest number that was under way at a time.
    pub unanswered_max: u64,
    /// Answers by status.
    pub answered: BTreeMap<u16, u64>,
    /// Connections that a fault reset.
    pub reset: u64,
    /// Those the client gave up, or whose connection broke, before an answer.
    pub abandoned: u64,
}

/// What is known of entries.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckStats {
    /// Entries in pushes that could be decoded.
    pub received: u64,
    /// Entries that an answer settled: in a push answered 2xx, or stored beside refused ones of a push answered 4xx.
    pub accepted: u64,
    /// Bytes of the accepted entries' lines.
    pub accepted_bytes: u64,
    /// Entries that were refused one by one.
    pub refused: u64,
    /// Those of the refused that the answer did not tell of.
    pub refused_silently: u64,
    /// Entries that are stored.
    pub stored: u64,
    /// Entries that were not stored because an equal one is; only with [`crate::sink::Check::drop_equal`].
    pub equal: u64,
    /// Stored entries that are older than one stored before them in their stream.
    pub out_of_order: u64,
    /// Streams that hold at least one entry.
    pub streams: u64,
    /// Lines with a tag of `longship-workload`.
    pub tagged: TaggedStats,
    /// From a tagged line's time to the arrival of the first push that got it accepted.
    pub latency: LatencyReport,
    /// From a tagged line's time to the time of its entry: how long a line that has no time of its own waited to be
    /// read.
    pub read_latency: LatencyReport,
    /// Over labels, times and lines of all stored entries, whatever their order
    /// ([`longship_workload::digest::content_hash`]).
    pub content_hash: u64,
    /// Things that Loki takes, but that no agent should send.
    pub findings: u64,
    /// What the first of them were.
    pub first_findings: Vec<String>,
}

/// Sums over all writers' lines.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaggedStats {
    /// Different lines in pushes of any end.
    pub received: u64,
    /// Different lines that an answer settled.
    pub accepted: u64,
    /// How often a line was accepted again in the stream where it was accepted before.
    pub duplicated: u64,
    /// Bytes of the lines accepted again.
    pub duplicated_bytes: u64,
    /// Lines accepted for the first time after a later one of the same writer and stream.
    pub reordered: u64,
}

/// A distribution of latencies. Percentiles are upper bounds that are at most a thirty-second too high.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LatencyReport {
    /// Number of lines.
    pub lines: u64,
    /// Lines whose time was after their arrival; they count as 0.
    pub negative: u64,
    /// Mean in microseconds.
    pub mean_us: u64,
    /// Half of the lines took at most so many microseconds.
    pub p50_us: u64,
    /// 90 percent.
    pub p90_us: u64,
    /// 99 percent.
    pub p99_us: u64,
    /// 99.9 percent.
    pub p999_us: u64,
    /// The slowest line.
    pub max_us: u64,
}

/// One stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamReport {
    /// Whose it is.
    pub tenant: String,
    /// Its labels, sorted.
    pub labels: String,
    /// Entries in pushes that could be decoded.
    pub received: u64,
    /// Entries that an answer settled.
    pub accepted: u64,
    /// Entries that were refused one by one.
    pub refused: u64,
    /// Entries not stored because an equal one is.
    pub equal: u64,
    /// Stored entries that are older than one stored before them.
    pub out_of_order: u64,
    /// The stored entries in the order of their arrival.
    pub stored: Digest,
}

/// What arrived of one writer of `longship-workload` for one tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WriterReport {
    /// Whose entries these are.
    pub tenant: String,
    /// The writer's number.
    pub writer: u32,
    /// Different lines in pushes of any end; what is not also accepted was refused or never answered.
    pub received: u64,
    /// Different lines that an answer settled.
    pub accepted: u64,
    /// The highest accepted sequence and one.
    pub sequence_end: u64,
    /// The first gaps among the accepted sequences below `sequence_end`, each as its first number and the one after its
    /// last.
    pub gaps: Vec<(u64, u64)>,
    /// How often a line was accepted again in the stream where it was accepted before.
    pub duplicated: u64,
    /// Bytes of the lines accepted again.
    pub duplicated_bytes: u64,
    /// Lines accepted for the first time after a later one of the same stream.
    pub reordered: u64,
    /// The writer's lines by stream.
    pub tracks: Vec<TrackReport>,
}

/// The lines of one writer in one stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrackReport {
    /// The stream.
    pub labels: String,
    /// Each accepted line once, in the order of first acceptance.
    pub accepted: Digest,
}

/// An entry that was kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptEntry {
    /// Whose it is.
    pub tenant: String,
    /// Its stream.
    pub labels: String,
    /// Its time in nanoseconds since 1970.
    pub time_ns: i64,
    /// Its line.
    pub line: Vec<u8>,
    /// Its structured metadata.
    pub metadata: Vec<(String, String)>,
}

/// One push.
#[derive(Clone, Debug)]
pub struct RequestRecord {
    /// Number of the push, from 0.
    pub number: u64,
    /// When its head had arrived.
    pub arrived: Instant,
    /// The same in nanoseconds since 1970.
    pub arrived_ns: u64,
    /// When it was answered, reset or given up; `None` while it is under way.
    pub ended: Option<Instant>,
    /// How it ended.
    pub end: End,
    /// Whose it is.
    pub tenant: String,
    /// Pushes that were under way when it arrived, itself included.
    pub unanswered: u64,
    /// Bytes of the body, as far as it came.
    pub body_bytes: u64,
    /// Stream elements in it; 0 in drain mode.
    pub streams: u64,
    /// Entries in it; 0 in drain mode.
    pub entries: u64,
    /// The request's headers, names in lower case.
    pub headers: Vec<(String, String)>,
}

impl RequestRecord {
    /// Returns the first value of a header, whose name is given in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }

    /// Whether the push was under way at `moment`.
    pub fn was_unanswered_at(&self, moment: Instant) -> bool {
        self.arrived <= moment && self.ended.is_none_or(|ended| ended > moment)
    }
}

/// How a push ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It has not.
    UnderWay,
    /// An answer with this status was handed to the connection.
    Answered(u16),
    /// A fault reset the connection.
    Reset,
    /// The client gave up or its connection broke.
    Abandoned,
}
