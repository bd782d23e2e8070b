//! Gives lines without a time of their own the time they were read at, so that no two get the same.
//!
//! Loki drops an entry that equals another in stream, time and text, so read times are strictly increasing in a shard,
//! and two shards never give the same nanosecond: with S shards, shard `p` gives only times that leave `p` when
//! divided by S. A run of lines of one file gets times that are S apart, so the run's first time is enough to give every
//! line the same time again when it is read a second time.

/// The read times of one shard.
#[derive(Debug)]
pub(crate) struct ReadClock {
    /// No time at or below this one is given any more.
    last: i64,
    step: i64,
    phase: i64,
}

impl ReadClock {
    /// Creates the clock of shard `shard` of `shards`. All its times are later than `floor`, the latest time given by
    /// an earlier life.
    pub(crate) fn new(shard: usize, shards: usize, floor: i64) -> Self {
        let step = i64::try_from(shards).expect("there are few shards").max(1);
        let phase = i64::try_from(shard).expect("there are few shards");
        Self { last: floor, step, phase }
    }

    /// Nanoseconds between the times of two lines of a run.
    pub(crate) fn step(&self) -> i64 {
        self.step
    }

    /// Gives the first time of a run that begins now. The clock on the wall may have been set back; the times go on.
    pub(crate) fn begin(&self, wall_ns: i64) -> i64 {
        let earliest = wall_ns.max(self.last.saturating_add(1));
        earliest.saturating_add((self.phase - earliest).rem_euclid(self.step))
    }

    /// Notes that a run which began at `first` had `lines` lines.
    pub(crate) fn end(&mut self, first: i64, lines: u64) {
        self.last = self.last.max(time_of(first, self.step, lines));
    }
}

/// The time of the line `number`, counted from 0, of a run.
pub(crate) fn time_of(first: i64, step: i64, number: u64) -> i64 {
    first.saturating_add(step.saturating_mul(i64::try_from(number).unwrap_or(i64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_gives_a_time_twice_whatever_the_wall_clock_does() {
        let mut random = crate::random::Random::new(5);
        for shards in 1..5 {
            let mut clocks: Vec<ReadClock> = (0..shards).map(|shard| ReadClock::new(shard, shards, 1_000)).collect();
            let mut given = std::collections::BTreeSet::new();
            let mut last = vec![1_000; shards];
            for _ in 0..2_000 {
                let shard = random.below(shards as u64) as usize;
                let wall = 1_000 + random.below(3_000).cast_signed();
                let first = clocks[shard].begin(wall);
                let lines = random.below(5);
                for number in 0..lines {
                    let time = time_of(first, clocks[shard].step(), number);
                    assert!(given.insert(time), "{time} was given twice");
                    assert!(time > last[shard]);
                    assert!(number > 0 || time >= wall);
                    last[shard] = time;
                }
                clocks[shard].end(first, lines);
            }
        }
    }
}
