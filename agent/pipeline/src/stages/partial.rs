//! Records that a runtime wrote in parts, from the first part to the last.
//!
//! The parts are kept here, not in the read buffer, because the last one may come much later, or in the next generation
//! of the log. What is kept counts against the budget. At a stop it is thrown away: the position stays where the record
//! begins, so it is read again.

use super::program::Variant;
use crate::budget::Budget;

/// Where an open record begins in a generation, or goes on in a later one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hold {
    /// The generation.
    pub(crate) serial: u32,
    /// Offset of its first line that belongs to the record.
    pub(crate) mark: u64,
}

/// The open records of one log and one stage, at most one for each variant.
pub(crate) struct OpenRecords {
    records: Vec<OpenRecord>,
    /// One that ended; its memory is used again.
    spare: Option<OpenRecord>,
    budget: Budget,
}

/// One open record.
#[derive(Default)]
pub(crate) struct OpenRecord {
    /// What it has in common with its last part.
    pub(crate) variant: Variant,
    /// Its parts so far, without what was cut off.
    pub(crate) bytes: Vec<u8>,
    /// One for each generation it has parts in.
    pub(crate) holds: Vec<Hold>,
    /// The time of its last part.
    pub(crate) time_ns: Option<i64>,
    /// When that part came.
    pub(crate) touched_ns: u64,
    /// What was taken of the budget for `bytes`.
    cost: u64,
}

/// A spare record keeps no more memory than this; nothing counts it.
const SPARE_BYTES_MAX: usize = 64 << 10;

impl OpenRecord {
    /// Where it begins in a generation.
    pub(crate) fn mark(&self, serial: u32) -> Option<u64> {
        self.holds.iter().find(|hold| hold.serial == serial).map(|hold| hold.mark)
    }
}

impl OpenRecords {
    /// Creates an empty set.
    pub(crate) fn new(budget: Budget) -> Self {
        Self { records: Vec::new(), spare: None, budget }
    }

    /// No record is open.
    pub(crate) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Where the earliest open record begins in a generation.
    pub(crate) fn first_mark(&self, serial: u32) -> Option<u64> {
        self.records.iter().filter_map(|record| record.mark(serial)).min()
    }

    /// Gives a record that got no part since `before_ns`.
    pub(crate) fn stale(&self, before_ns: u64) -> Option<&OpenRecord> {
        self.records.iter().find(|record| record.touched_ns <= before_ns)
    }

    /// The open record of a variant.
    pub(crate) fn get(&self, variant: Variant) -> Option<&OpenRecord> {
        self.records.iter().find(|record| record.variant == variant)
    }

    /// Adds a part to the record of a variant, or begins one. What makes it longer than `bytes_max` is cut off. Gives
    /// how many bytes were added.
    pub(crate) fn push(&mut self, variant: Variant, part: &Part<'_>, bytes_max: usize) -> usize {
        let at = self.records.iter().position(|record| record.variant == variant).unwrap_or_else(|| {
            self.records.push(OpenRecord { variant, ..self.spare.take().unwrap_or_default() });
            self.records.len() - 1
        });
        let record = &mut self.records[at];
        for hold in part.holds {
            if !record.holds.iter().any(|known| known.serial == hold.serial) {
                record.holds.push(*hold);
            }
        }
        let added = part.bytes.len().min(bytes_max.saturating_sub(record.bytes.len()));
        record.bytes.extend_from_slice(&part.bytes[..added]);
        record.time_ns = part.time_ns;
        record.touched_ns = part.now_ns;
        let cost = record.bytes.capacity() as u64;
        self.budget.take_anyway(cost - record.cost);
        record.cost = cost;
        added
    }

    /// Takes back the last `added` bytes of a record: the line they came from could not be queued, and comes again.
    pub(crate) fn undo(&mut self, variant: Variant, added: usize) {
        if let Some(record) = self.records.iter_mut().find(|record| record.variant == variant) {
            record.bytes.truncate(record.bytes.len() - added);
        }
    }

    /// Ends the record of a variant.
    pub(crate) fn end(&mut self, variant: Variant) {
        let Some(at) = self.records.iter().position(|record| record.variant == variant) else { return };
        let mut record = self.records.swap_remove(at);
        self.budget.give_back(record.cost);
        if record.bytes.capacity() <= SPARE_BYTES_MAX {
            record.bytes.clear();
            record.holds.clear();
            record.cost = 0;
            self.spare = Some(record);
        }
    }
}

impl Drop for OpenRecords {
    fn drop(&mut self) {
        for record in &self.records {
            self.budget.give_back(record.cost);
        }
    }
}

/// A part of a record.
pub(crate) struct Part<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) holds: &'a [Hold],
    pub(crate) time_ns: Option<i64>,
    pub(crate) now_ns: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(records: &mut OpenRecords, variant: u64, bytes: &str, serial: u32, mark: u64) -> usize {
        let holds = [Hold { serial, mark }];
        let part = Part { bytes: bytes.as_bytes(), holds: &holds, time_ns: Some(1), now_ns: mark };
        records.push(Variant(variant), &part, 10)
    }

    #[test]
    fn a_record_holds_every_generation_it_has_parts_in() {
        let budget = Budget::new(1 << 20);
        let mut records = OpenRecords::new(budget.clone());
        push(&mut records, 1, "abc", 0, 100);
        push(&mut records, 2, "x", 0, 150);
        push(&mut records, 1, "def", 1, 7);
        push(&mut records, 1, "ghi", 1, 20);
        assert_eq!(records.get(Variant(1)).unwrap().bytes, b"abcdefghi");
        assert_eq!(records.first_mark(0), Some(100));
        assert_eq!(records.first_mark(1), Some(7));
        records.end(Variant(1));
        assert_eq!(records.first_mark(0), Some(150));
        assert_eq!(records.first_mark(1), None);
        assert!(records.stale(150).is_some());
        assert!(records.stale(149).is_none());
        drop(records);
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn what_is_too_long_is_cut_and_a_part_can_be_taken_back() {
        let mut records = OpenRecords::new(Budget::new(1 << 20));
        assert_eq!(push(&mut records, 1, "12345678", 0, 0), 8);
        let added = push(&mut records, 1, "abcd", 0, 9);
        assert_eq!(added, 2);
        assert_eq!(records.get(Variant(1)).unwrap().bytes, b"12345678ab");
        records.undo(Variant(1), added);
        assert_eq!(records.get(Variant(1)).unwrap().bytes, b"12345678");
    }
}
