//! When a destination that failed is tried again.

use crate::plan::Retry;

/// The back-off of one destination on one shard.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    /// Failures since the last success.
    failures: u32,
    /// Nothing is sent before this.
    until_ns: u64,
}

impl Backoff {
    /// Nothing is sent before this moment.
    pub(crate) fn until_ns(&self) -> u64 {
        self.until_ns
    }

    /// The last request failed: until one succeeds, only one at a time is under way.
    pub(crate) fn is_probing(&self) -> bool {
        self.failures > 0
    }

    /// Notes a request that was answered with anything but a failure that may pass.
    pub(crate) fn succeed(&mut self) {
        *self = Self::default();
    }

    /// Notes a failure. The pause doubles each time between the two bounds and is drawn from its upper half, so that
    /// agents that failed together do not come back together; a pause the destination asked for is kept in full.
    pub(crate) fn fail(&mut self, retry: &Retry, now_ns: u64, after_ns: Option<u64>, random: u64) {
        let nanos = |duration: std::time::Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let doubled = nanos(retry.backoff_min).saturating_mul(1_u64.checked_shl(self.failures).unwrap_or(u64::MAX));
        let pause = doubled.clamp(1_000_000, nanos(retry.backoff_max).max(1_000_000));
        let jittered = pause / 2 + random % (pause / 2 + 1);
        self.failures = self.failures.saturating_add(1).min(63);
        self.until_ns = now_ns.saturating_add(jittered.max(after_ns.unwrap_or(0)));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn pauses_double_up_to_the_bound_and_honour_what_was_asked_for() {
        let retry = Retry {
            backoff_min: Duration::from_millis(500),
            backoff_max: Duration::from_secs(5),
            attempts_max: None,
            retry_on_429: true,
        };
        let mut backoff = Backoff::default();
        let mut random = crate::random::Random::new(1);
        for expected_ms in [500, 1000, 2000, 4000, 5000, 5000] {
            backoff.fail(&retry, 1_000, None, random.next());
            let pause = backoff.until_ns() - 1_000;
            let longest = expected_ms * 1_000_000;
            assert!((longest / 2..=longest).contains(&pause), "{pause} for {expected_ms} ms");
        }
        for _ in 0..100 {
            backoff.fail(&retry, 0, None, random.next());
        }
        backoff.fail(&retry, 0, Some(60_000_000_000), 3);
        assert_eq!(backoff.until_ns(), 60_000_000_000);
        backoff.succeed();
        assert_eq!(backoff.until_ns(), 0);
        assert!(!backoff.is_probing());
    }
}
