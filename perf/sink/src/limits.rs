//! What Loki refuses, as its `limits_config` says.

use std::time::Duration;

/// Loki's limits on labels, lines, times and rates. A field's default is Loki's, but for those that hold a push against
/// the clock: synthetic workloads have times of their own, and come as fast as they can.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Labels of a stream (`max_label_names_per_series`).
    pub label_names: usize,
    /// Bytes of a label's name (`max_label_name_length`).
    pub label_name_bytes: usize,
    /// Bytes of a label's value (`max_label_value_length`).
    pub label_value_bytes: usize,
    /// Bytes of a line (`max_line_size`).
    pub line_bytes: usize,
    /// Bytes of an entry's structured metadata (`max_structured_metadata_size`).
    pub metadata_bytes: usize,
    /// Pairs of an entry's structured metadata (`max_structured_metadata_entries_count`).
    pub metadata_pairs: usize,
    /// How far an entry may be behind its stream's newest one (half of `max_chunk_age`).
    pub order_window: Option<Duration>,
    /// How old an entry may be (`reject_old_samples_max_age`).
    pub age: Option<Duration>,
    /// How far ahead of the clock an entry may be (`creation_grace_period`).
    pub ahead: Option<Duration>,
    /// How fast a tenant may push (`ingestion_rate_mb`, `ingestion_burst_size_mb`).
    pub tenant_rate: Option<Rate>,
    /// How fast a stream may grow (`per_stream_rate_limit`, `per_stream_rate_limit_burst`).
    pub stream_rate: Option<Rate>,
    /// Streams of a tenant (`max_global_streams_per_user`).
    pub streams: Option<usize>,
}

/// A rate of lines' bytes, and how far it may be exceeded after a pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// What is allowed in the long run.
    pub bytes_per_second: u64,
    /// What is allowed at once.
    pub burst_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            label_names: 15,
            label_name_bytes: 1_024,
            label_value_bytes: 2_048,
            line_bytes: 256 << 10,
            metadata_bytes: 64 << 10,
            metadata_pairs: 128,
            order_window: Some(Duration::from_secs(3_600)),
            age: None,
            ahead: None,
            tenant_rate: None,
            stream_rate: None,
            streams: None,
        }
    }
}

impl Limits {
    /// These limits with Loki's defaults for entries far from the clock.
    #[must_use]
    pub fn with_clock(self) -> Self {
        Self { age: Some(Duration::from_secs(168 * 3_600)), ahead: Some(Duration::from_secs(600)), ..self }
    }

    /// These limits with Loki's defaults for rates and numbers of streams.
    #[must_use]
    pub fn with_rates(self) -> Self {
        let rate =
            |rate_mib: u64, burst_mib: u64| Rate { bytes_per_second: rate_mib << 20, burst_bytes: burst_mib << 20 };
        Self { tenant_rate: Some(rate(4, 6)), stream_rate: Some(rate(3, 15)), streams: Some(5_000), ..self }
    }
}
