//! A histogram of latencies whose buckets grow with the value.

use crate::report::LatencyReport;

/// Counts microseconds in buckets that are at most a thirty-second of the value wide.
#[derive(Debug, Default)]
pub(crate) struct Latency {
    buckets: Vec<u64>,
    lines: u64,
    negative: u64,
    sum_us: u64,
    max_us: u64,
}

/// Values below this have a bucket each, and so many buckets share each doubling above.
const FINE: u64 = 32;

impl Latency {
    /// Adds the time from one moment to another, both in nanoseconds since 1970.
    pub(crate) fn add(&mut self, from_ns: u64, to_ns: u64) {
        self.negative += u64::from(from_ns > to_ns);
        let us = to_ns.saturating_sub(from_ns) / 1_000;
        let bucket = bucket(us);
        if self.buckets.len() <= bucket {
            self.buckets.resize(bucket + 1, 0);
        }
        self.buckets[bucket] += 1;
        self.lines += 1;
        self.sum_us = self.sum_us.saturating_add(us);
        self.max_us = self.max_us.max(us);
    }

    pub(crate) fn report(&self) -> LatencyReport {
        LatencyReport {
            lines: self.lines,
            negative: self.negative,
            mean_us: self.sum_us.checked_div(self.lines).unwrap_or(0),
            p50_us: self.percentile(500),
            p90_us: self.percentile(900),
            p99_us: self.percentile(990),
            p999_us: self.percentile(999),
            max_us: self.max_us,
        }
    }

    /// Returns a value that `per_mille` of the lines do not exceed.
    fn percentile(&self, per_mille: u64) -> u64 {
        let wanted = (self.lines * per_mille).div_ceil(1_000);
        let mut seen = 0;
        for (bucket, count) in self.buckets.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return upper_bound(bucket).min(self.max_us);
            }
        }
        self.max_us
    }
}

fn bucket(us: u64) -> usize {
    let doublings = (us / FINE).checked_ilog2().map_or(0, |log| log + 1);
    let bucket = if doublings == 0 { us } else { u64::from(doublings) * FINE + (us >> (doublings - 1)) - FINE };
    usize::try_from(bucket).expect("there are under 2,000 buckets")
}

/// Returns the highest value of a bucket.
fn upper_bound(bucket: usize) -> u64 {
    let (doublings, within) = (bucket as u64 / FINE, bucket as u64 % FINE);
    if doublings == 0 { within } else { ((FINE + within + 1) << (doublings - 1)) - 1 }
}

#[cfg(test)]
mod tests {
    use super::{Latency, bucket, upper_bound};

    #[test]
    fn buckets_join_and_are_narrow() {
        let mut last = 0;
        for us in (0..100_000).chain((100_000..20_000_000_000).step_by(9_999_991)) {
            let bucket = bucket(us);
            assert!(bucket >= last, "{us}");
            last = bucket;
            let bound = upper_bound(bucket);
            assert!(us <= bound && bound - us <= us / 32, "{us} in a bucket up to {bound}");
            assert!(bucket == 0 || upper_bound(bucket - 1) < us, "{us}");
        }
    }

    #[test]
    fn percentiles_are_near_the_true_ones() {
        let mut latency = Latency::default();
        for ms in 1..=1_000 {
            latency.add(5, 5 + ms * 1_000_000);
        }
        latency.add(10, 5);
        let report = latency.report();
        assert_eq!((report.lines, report.negative, report.max_us), (1_001, 1, 1_000_000));
        for (percentile, ms) in [(report.p50_us, 500), (report.p90_us, 900), (report.p99_us, 990)] {
            assert!((ms * 1_000..ms * 1_032).contains(&percentile), "{percentile} us for {ms} ms");
        }
        assert_eq!(Latency::default().report().p99_us, 0);
    }
}
