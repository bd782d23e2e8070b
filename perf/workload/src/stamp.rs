//! The clock that lines take their times from.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::spec::Stamps;

/// Hands out times that never decrease.
#[derive(Clone, Debug)]
pub struct Clock {
    stamps: Stamps,
    next_ns: u64,
}

impl Clock {
    /// A clock that has handed out nothing yet.
    pub fn new(stamps: Stamps) -> Self {
        let next_ns = match stamps {
            Stamps::Synthetic { start_ns, .. } => start_ns,
            Stamps::Wall => 0,
        };
        Self { stamps, next_ns }
    }

    /// Returns the time of the next line, in nanoseconds since 1970.
    pub fn next_ns(&mut self) -> u64 {
        match self.stamps {
            Stamps::Synthetic { step_ns, .. } => {
                let now = self.next_ns;
                self.next_ns += step_ns;
                now
            }
            Stamps::Wall => {
                self.next_ns = self.next_ns.max(wall_ns());
                self.next_ns
            }
        }
    }

    /// Returns the time that the next line will have, or now.
    pub(crate) fn now_ns(&self) -> u64 {
        match self.stamps {
            Stamps::Synthetic { .. } => self.next_ns,
            Stamps::Wall => wall_ns(),
        }
    }
}

/// Returns the machine's time in nanoseconds since 1970, 0 if its clock stands before that.
pub fn wall_ns() -> u64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_1970.as_nanos()).expect("the year is before 2554")
}

#[cfg(test)]
mod tests {
    use super::{Clock, wall_ns};
    use crate::spec::Stamps;

    #[test]
    fn synthetic_times_step_and_wall_times_do_not_decrease() {
        let mut clock = Clock::new(Stamps::Synthetic { start_ns: 100, step_ns: 7 });
        assert_eq!([clock.next_ns(), clock.next_ns(), clock.next_ns()], [100, 107, 114]);

        let before = wall_ns();
        let mut clock = Clock::new(Stamps::Wall);
        let times = [clock.next_ns(), clock.next_ns()];
        assert!(before <= times[0] && times[0] <= times[1] && times[1] <= wall_ns());
    }
}
