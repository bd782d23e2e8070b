//! A set of sequence numbers that is cheap where they have few gaps.

/// Which of a writer's lines were seen: a bit per line, in pages that are made when needed.
#[derive(Debug, Default)]
pub(crate) struct Sequences {
    pages: Vec<Option<Box<Page>>>,
    count: u64,
    end: u64,
}

type Page = [u64; PAGE_WORDS];
const PAGE_WORDS: usize = 64;
const PAGE_BITS: u64 = 64 * PAGE_WORDS as u64;
/// Higher numbers are no sequences: they would make the list of pages larger than 8 MiB.
pub(crate) const SEQUENCE_END: u64 = PAGE_BITS << 20;

impl Sequences {
    /// Adds a number below [`SEQUENCE_END`]; returns whether it is new.
    pub(crate) fn insert(&mut self, sequence: u64) -> bool {
        let (page, word, bit) = place(sequence);
        if self.pages.len() <= page {
            self.pages.resize_with(page + 1, || None);
        }
        let word = &mut self.pages[page].get_or_insert_with(|| Box::new([0; PAGE_WORDS]))[word];
        let is_new = *word & bit == 0;
        *word |= bit;
        self.count += u64::from(is_new);
        self.end = self.end.max(sequence + 1);
        is_new
    }

    /// Adds all of another set's numbers.
    pub(crate) fn union(&mut self, other: &Self) {
        for (page, words) in other.pages.iter().enumerate().filter_map(|(page, words)| Some((page, words.as_ref()?))) {
            if self.pages.len() <= page {
                self.pages.resize_with(page + 1, || None);
            }
            let own = self.pages[page].get_or_insert_with(|| Box::new([0; PAGE_WORDS]));
            for (own, word) in own.iter_mut().zip(words.iter()) {
                self.count += u64::from((word & !*own).count_ones());
                *own |= word;
            }
        }
        self.end = self.end.max(other.end);
    }

    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// The highest number and one, 0 without any.
    pub(crate) fn end(&self) -> u64 {
        self.end
    }

    /// Returns the first `limit` gaps below [`Self::end`], each as its first number and the one after its last.
    pub(crate) fn gaps(&self, limit: usize) -> Vec<(u64, u64)> {
        let mut gaps = Vec::new();
        let mut sequence = 0;
        while sequence < self.end && gaps.len() < limit {
            let begin = self.next(sequence, false);
            if begin >= self.end {
                break;
            }
            sequence = self.next(begin, true);
            gaps.push((begin, sequence));
        }
        gaps
    }

    /// Returns the first number from `sequence` on that is in the set, or that is not; at the latest the set's end.
    fn next(&self, mut sequence: u64, is_in: bool) -> u64 {
        while sequence < self.end {
            let (page, word, _) = place(sequence);
            let Some(words) = &self.pages[page] else {
                if !is_in {
                    return sequence;
                }
                sequence = (sequence / PAGE_BITS + 1) * PAGE_BITS;
                continue;
            };
            let wanted = if is_in { words[word] } else { !words[word] };
            let rest = wanted >> (sequence % 64);
            if rest != 0 {
                return sequence + u64::from(rest.trailing_zeros());
            }
            sequence = (sequence / 64 + 1) * 64;
        }
        self.end
    }
}

fn place(sequence: u64) -> (usize, usize, u64) {
    let index = |number: u64| usize::try_from(number).expect("sequences are below SEQUENCE_END");
    (index(sequence / PAGE_BITS), index(sequence % PAGE_BITS / 64), 1 << (sequence % 64))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use longship_workload::random::Random;

    use super::Sequences;

    /// The gaps as a plain walk over all numbers finds them.
    fn gaps(numbers: &BTreeSet<u64>) -> Vec<(u64, u64)> {
        let mut gaps = Vec::new();
        let mut next = 0;
        for &number in numbers {
            if number > next {
                gaps.push((next, number));
            }
            next = number + 1;
        }
        gaps
    }

    #[test]
    fn agrees_with_a_plain_set() {
        for seed in 0..20 {
            let mut random = Random::new(seed, 0);
            let (mut own, mut other) = (BTreeSet::new(), BTreeSet::new());
            let (mut sequences, mut further) = (Sequences::default(), Sequences::default());
            for _ in 0..2_000 {
                let number = random.pick(&[0, 4_090, 8_192, 40_000]) + u64::from(random.below(300));
                if random.below(3) == 0 {
                    assert_eq!(further.insert(number), other.insert(number));
                } else {
                    assert_eq!(sequences.insert(number), own.insert(number));
                }
            }
            let plain: BTreeSet<_> = own.union(&other).copied().collect();
            sequences.union(&further);
            assert_eq!(sequences.count(), plain.len() as u64);
            assert_eq!(sequences.end(), plain.last().unwrap() + 1);
            assert_eq!(sequences.gaps(usize::MAX), gaps(&plain));
            assert_eq!(sequences.gaps(2), gaps(&plain)[..2]);
        }
    }
}
