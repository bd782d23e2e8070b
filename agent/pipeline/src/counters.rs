//! Counts that a shard keeps for itself, in plain numbers, and gives away when it is asked.

use crate::snapshot::{Dropped, Histogram};

/// Counts values by size.
#[derive(Clone, Debug)]
pub(crate) struct HistogramCells<const BOUNDS: usize> {
    bounds: &'static [f64; BOUNDS],
    counts: [u64; BOUNDS],
    above: u64,
    sum: f64,
}

impl<const BOUNDS: usize> HistogramCells<BOUNDS> {
    /// Creates an empty histogram with these upper bounds, ascending.
    pub(crate) fn new(bounds: &'static [f64; BOUNDS]) -> Self {
        Self { bounds, counts: [0; BOUNDS], above: 0, sum: 0.0 }
    }

    /// Counts a value.
    pub(crate) fn observe(&mut self, value: f64) {
        match self.bounds.iter().position(|bound| value <= *bound) {
            Some(bucket) => self.counts[bucket] += 1,
            None => self.above += 1,
        }
        self.sum += value;
    }

    /// Adds what was counted to `histogram`.
    pub(crate) fn add_to(&self, histogram: &mut Histogram) {
        histogram.bounds = self.bounds;
        histogram.counts.resize(BOUNDS + 1, 0);
        let counts = self.counts.iter().chain(std::iter::once(&self.above));
        for (total, count) in histogram.counts.iter_mut().zip(counts) {
            *total += count;
        }
        histogram.sum += self.sum;
    }
}

/// Bounds of request durations in seconds: the Prometheus client libraries' default, as Alloy has them.
pub(crate) const DURATION_SECONDS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// Bounds of request sizes in bytes, as Alloy has them.
pub(crate) const REQUEST_BYTES: [f64; 8] =
    [1024.0, 4096.0, 16384.0, 65536.0, 262_144.0, 1_048_576.0, 4_194_304.0, 16_777_216.0];

/// Bounds of the time from reading to acceptance in seconds, as Alloy has them.
pub(crate) const PROPAGATION_SECONDS: [f64; 10] = [0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0];

/// What a shard sent to one destination.
#[derive(Clone, Debug)]
pub(crate) struct LaneCounters {
    pub(crate) sent_bytes: u64,
    pub(crate) sent_entries: u64,
    pub(crate) acknowledged_bytes: u64,
    pub(crate) retries: u64,
    pub(crate) dropped: Vec<Dropped>,
    pub(crate) refused: Vec<(&'static str, u64)>,
    pub(crate) requests: Vec<(Option<u16>, HistogramCells<11>)>,
    pub(crate) request_bytes: HistogramCells<8>,
    pub(crate) propagation: HistogramCells<10>,
}

impl LaneCounters {
    /// Nothing was sent yet.
    pub(crate) fn new() -> Self {
        Self {
            sent_bytes: 0,
            sent_entries: 0,
            acknowledged_bytes: 0,
            retries: 0,
            dropped: Vec::new(),
            refused: Vec::new(),
            requests: Vec::new(),
            request_bytes: HistogramCells::new(&REQUEST_BYTES),
            propagation: HistogramCells::new(&PROPAGATION_SECONDS),
        }
    }

    /// Counts a request by what it was answered with.
    pub(crate) fn count_request(&mut self, status: Option<u16>, seconds: f64) {
        let at = self.requests.iter().position(|(known, _)| *known == status).unwrap_or_else(|| {
            self.requests.push((status, HistogramCells::new(&DURATION_SECONDS)));
            self.requests.len() - 1
        });
        self.requests[at].1.observe(seconds);
    }

    /// Counts entries that were given up.
    pub(crate) fn count_dropped(&mut self, reason: &'static str, entries: u64, bytes: u64) {
        add_dropped(&mut self.dropped, Dropped { reason, entries, bytes });
    }

    /// Counts an entry that the destination named as refused.
    pub(crate) fn count_refused(&mut self, reason: &'static str, entries: u64) {
        add_refused(&mut self.refused, reason, entries);
    }
}

/// Adds to the count of the same reason.
pub(crate) fn add_dropped(all: &mut Vec<Dropped>, more: Dropped) {
    match all.iter_mut().find(|known| known.reason == more.reason) {
        Some(known) => {
            known.entries += more.entries;
            known.bytes += more.bytes;
        }
        None => all.push(more),
    }
}

/// Adds to the count of the same reason.
pub(crate) fn add_refused(all: &mut Vec<(&'static str, u64)>, reason: &'static str, entries: u64) {
    match all.iter_mut().find(|(known, _)| *known == reason) {
        Some((_, count)) => *count += entries,
        None => all.push((reason, entries)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_on_a_bound_counts_below_it() {
        let mut cells = HistogramCells::new(&[1.0, 2.0]);
        for value in [0.5, 1.0, 1.5, 2.0, 2.5] {
            cells.observe(value);
        }
        let mut histogram = Histogram::default();
        cells.add_to(&mut histogram);
        cells.add_to(&mut histogram);
        assert_eq!(histogram.counts, [4, 4, 2]);
        assert!((histogram.sum - 15.0).abs() < 1e-9);
    }
}
