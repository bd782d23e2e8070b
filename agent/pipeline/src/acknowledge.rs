//! How far one stream of one file has been settled at one destination.
//!
//! A file's lines are read in *runs*; a batch covers whole runs of each of its files, because sealing ends the run it
//! interrupts. So a batch's answer settles a stream up to where the batch's cover of the file ends, and two numbers
//! say all: what is settled, and where the first unsettled run begins.
//!
//! Marks and offsets differ for one kind of record: one that was joined from parts begins (its mark) before the line
//! that completed it. Whether an entry is settled is judged by the completing line; where reading has to begin again,
//! by the mark.

/// Nothing is unsettled.
const NOTHING: u64 = u64::MAX;

/// Progress of one stream of one file at one destination.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Progress {
    /// Entries completed by a line before this offset are settled, or were before the process started.
    settled: u64,
    /// Where reading has to begin again to meet every unsettled entry.
    first_unsettled: u64,
    /// The last batch that holds an entry, by its sequence number; batches of a lane count from 1.
    last_batch: u64,
}

impl Progress {
    /// Progress of a stream of which everything before `settled` was settled in an earlier life.
    pub(crate) fn new(settled: u64) -> Self {
        Self { settled, first_unsettled: NOTHING, last_batch: 0 }
    }

    /// The entry completed by the line at `offset` is settled already, so a second reading passes over it.
    pub(crate) fn is_settled(&self, offset: u64) -> bool {
        offset < self.settled
    }

    /// Notes that an entry was queued in batch `batch`; reading has to begin at `from` to meet it again. True for the
    /// first one in that batch.
    pub(crate) fn queue(&mut self, batch: u64, from: u64) -> bool {
        if self.last_batch == batch {
            return false;
        }
        if self.first_unsettled == NOTHING {
            self.first_unsettled = from;
        }
        self.last_batch = batch;
        true
    }

    /// Notes that batch `batch` is settled. It held all entries of this stream up to `end`, which is where the batch's
    /// cover of the file ends, or where a record of this stream begins that was open then. `resume` is where reading had
    /// to begin to meet all that came after the batch, open records of other streams included.
    pub(crate) fn settle(&mut self, batch: u64, end: u64, resume: u64) {
        self.settled = self.settled.max(end);
        self.first_unsettled = if self.last_batch == batch { NOTHING } else { resume };
    }

    /// Where reading has to begin again to meet every unsettled entry; `None` where there is none.
    pub(crate) fn first_unsettled(&self) -> Option<u64> {
        (self.first_unsettled != NOTHING).then_some(self.first_unsettled)
    }

    /// Entries completed by a line before this offset are settled.
    pub(crate) fn settled(&self) -> u64 {
        self.settled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_settle_one_after_the_other() {
        let mut progress = Progress::new(0);
        assert_eq!(progress.first_unsettled(), None);
        assert!(progress.queue(1, 100));
        assert!(!progress.queue(1, 150));
        assert!(progress.queue(2, 200));
        assert_eq!(progress.first_unsettled(), Some(100));
        progress.settle(1, 190, 190);
        assert_eq!(progress.first_unsettled(), Some(190));
        assert_eq!(progress.settled(), 190);
        progress.settle(2, 300, 300);
        assert_eq!(progress.first_unsettled(), None);
        assert_eq!(progress.settled(), 300);
        assert!(progress.queue(3, 900));
        assert_eq!(progress.first_unsettled(), Some(900));
    }

    #[test]
    fn an_open_record_is_met_again() {
        let mut progress = Progress::new(0);
        progress.queue(1, 0);
        // Batch 1 ends at 1000 while a record of this stream is open that began at 500; the line at 1200 completes it.
        progress.queue(2, 500);
        progress.settle(1, 500, 500);
        assert_eq!(progress.first_unsettled(), Some(500));
        assert!(progress.is_settled(499));
        assert!(!progress.is_settled(1200));
        progress.settle(2, 1300, 1300);
        assert!(progress.is_settled(500), "its first part does not open it again");
    }
}
