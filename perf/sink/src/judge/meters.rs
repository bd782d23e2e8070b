//! What tenants and streams have used of what they may have.

use std::collections::{HashMap, HashSet};

use crate::book::StreamId;
use crate::limits::Rate;

/// The rates in use, and the streams there are.
#[derive(Debug, Default)]
pub(crate) struct Meters {
    tenants: HashMap<String, Bucket>,
    streams: HashMap<StreamId, Bucket>,
    /// The streams of each tenant that an ingester has taken entries of.
    open: HashMap<String, HashSet<StreamId>>,
}

impl Meters {
    /// Takes bytes of a tenant's rate; false, and nothing taken, if it has not as many left.
    pub(super) fn take_tenant(&mut self, tenant: &str, rate: Rate, bytes: u64, now_ns: u64) -> bool {
        if !self.tenants.contains_key(tenant) {
            self.tenants.insert(tenant.to_owned(), Bucket::full(rate, now_ns));
        }
        self.tenants.get_mut(tenant).is_some_and(|bucket| bucket.take(rate, bytes, now_ns))
    }

    /// Takes bytes of a stream's rate in the same way.
    pub(super) fn take_stream(&mut self, stream: StreamId, rate: Rate, bytes: u64, now_ns: u64) -> bool {
        self.streams.entry(stream).or_insert_with(|| Bucket::full(rate, now_ns)).take(rate, bytes, now_ns)
    }

    /// Opens a stream unless it is open; false if the tenant has `limit` others.
    pub(super) fn open_stream(&mut self, tenant: &str, stream: StreamId, limit: usize) -> bool {
        let open = self.open.entry(tenant.to_owned()).or_default();
        if !open.contains(&stream) && open.len() < limit {
            open.insert(stream);
        }
        open.contains(&stream)
    }
}

/// What is left of a rate: it fills with time, up to the burst.
#[derive(Debug)]
struct Bucket {
    /// Billionths of a byte, so that no time is too short to fill it.
    left: u128,
    filled_ns: u64,
}

impl Bucket {
    fn full(rate: Rate, now_ns: u64) -> Self {
        Self { left: u128::from(rate.burst_bytes) * NANOS, filled_ns: now_ns }
    }

    fn take(&mut self, rate: Rate, bytes: u64, now_ns: u64) -> bool {
        let passed_ns = now_ns.saturating_sub(self.filled_ns);
        let filled = self.left + u128::from(rate.bytes_per_second) * u128::from(passed_ns);
        self.left = filled.min(u128::from(rate.burst_bytes) * NANOS);
        self.filled_ns = self.filled_ns.max(now_ns);
        let wanted = u128::from(bytes) * NANOS;
        let enough = wanted <= self.left;
        if enough {
            self.left -= wanted;
        }
        enough
    }
}

const NANOS: u128 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::{Bucket, Rate};

    #[test]
    fn a_bucket_gives_its_burst_and_then_its_rate() {
        let rate = Rate { bytes_per_second: 1_000, burst_bytes: 3_000 };
        let mut bucket = Bucket::full(rate, 0);
        assert!(bucket.take(rate, 3_000, 0));
        assert!(!bucket.take(rate, 1, 0));
        assert!(!bucket.take(rate, 1_000, 999_000_000), "what is refused takes nothing");
        assert!(bucket.take(rate, 1_000, 1_000_000_000));
        assert!(bucket.take(rate, 3_000, 60_000_000_000));
        assert!(!bucket.take(rate, 1, 60_000_000_000), "it holds no more than the burst");
        assert!(!bucket.take(rate, 3_001, 120_000_000_000));
        assert!(!bucket.take(rate, 3_001, 0), "a clock that goes back fills nothing");
    }
}
