//! Counts shared by all shards that bound what is in memory and what is on its way.
//!
//! One of the few things shards share: an atomic number. It is taken from in pieces of at least a segment, never per
//! line.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A bounded amount of bytes that several owners take from.
#[derive(Clone, Debug)]
pub(crate) struct Budget {
    used: Arc<AtomicU64>,
    total: u64,
}

impl Budget {
    /// Creates a budget of which nothing is taken.
    pub(crate) fn new(total: u64) -> Self {
        Self { used: Arc::default(), total }
    }

    /// Takes `bytes`, unless that is more than what is left.
    pub(crate) fn take(&self, bytes: u64) -> bool {
        // A number that only bounds: no other memory is published by it, so relaxed order is enough.
        let taken = |used: u64| used.checked_add(bytes).filter(|used| *used <= self.total);
        self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, taken).is_ok()
    }

    /// Takes `bytes` like [`Self::take`], and however many they are where nothing else is taken: what is larger than
    /// the whole budget goes alone.
    pub(crate) fn take_or_alone(&self, bytes: u64) -> bool {
        self.take(bytes) || self.used.compare_exchange(0, bytes, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// Takes `bytes` whether or not they are left; for memory that exists already.
    pub(crate) fn take_anyway(&self, bytes: u64) {
        self.used.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Gives back what was taken.
    pub(crate) fn give_back(&self, bytes: u64) {
        let before = self.used.fetch_sub(bytes, Ordering::Relaxed);
        debug_assert!(before >= bytes, "only what was taken is given back");
    }

    /// What is taken.
    pub(crate) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// What there is in all.
    pub(crate) fn total(&self) -> u64 {
        self.total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_up_to_the_total() {
        let budget = Budget::new(10);
        assert!(budget.take(6));
        assert!(!budget.take(5));
        assert!(budget.take(4));
        assert!(!budget.take(1));
        budget.give_back(10);
        assert_eq!(budget.used(), 0);
        assert!(!budget.take(u64::MAX));
    }

    #[test]
    fn what_is_too_large_goes_alone() {
        let budget = Budget::new(10);
        assert!(budget.take_or_alone(11));
        assert!(!budget.take_or_alone(1));
        budget.give_back(11);
        assert!(budget.take_or_alone(1));
        assert!(!budget.take_or_alone(11));
    }
}
