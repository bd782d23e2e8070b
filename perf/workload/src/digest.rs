//! Sums over entries that are equal when two parties saw the same ones.
//!
//! A writer adds each entry it expects to arrive, a receiver each one that did. Sums of hashes do not depend on the
//! order; `ordered` does, and is compared per writer and output, where order is promised.

use serde::{Deserialize, Serialize};

/// A digest of a list of entries, each a time and a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digest {
    /// Number of entries.
    pub entries: u64,
    /// Bytes of all texts.
    pub text_bytes: u64,
    /// Sum of the texts' hashes.
    pub texts: u64,
    /// Sum of the hashes of time and text.
    pub timed: u64,
    /// Chain over the texts' hashes in their order.
    pub ordered: u64,
}

impl Digest {
    /// Adds an entry after those added so far.
    pub fn add(&mut self, time_ns: i64, text: &[u8]) {
        self.add_hashed(EntryHash::of(time_ns, text));
    }

    /// Adds an entry whose hash was taken before.
    pub fn add_hashed(&mut self, hash: EntryHash) {
        self.entries += 1;
        self.text_bytes += u64::from(hash.text_bytes);
        self.texts = self.texts.wrapping_add(hash.text);
        self.timed = self.timed.wrapping_add(hash.timed);
        self.ordered = fold(self.ordered.rotate_left(5) ^ hash.text, MULTIPLIERS[1]);
    }

    /// Whether both saw the same entries in the same order; the times count only if `with_times`, because a line
    /// without a time of its own gets one from whoever reads it.
    pub fn matches(&self, other: &Self, with_times: bool) -> bool {
        let times = !with_times || self.timed == other.timed;
        times
            && self.entries == other.entries
            && self.text_bytes == other.text_bytes
            && self.texts == other.texts
            && self.ordered == other.ordered
    }
}

/// What a [`Digest`] needs of one entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryHash {
    /// Hash of the text.
    pub text: u64,
    /// Hash of time and text.
    pub timed: u64,
    /// Bytes of the text, at most `u32::MAX`.
    pub text_bytes: u32,
}

impl EntryHash {
    /// Takes the hash of an entry.
    pub fn of(time_ns: i64, text: &[u8]) -> Self {
        let hash = hash_bytes(text);
        Self {
            text: hash,
            timed: fold(hash ^ time_ns.cast_unsigned(), MULTIPLIERS[0]),
            text_bytes: u32::try_from(text.len()).unwrap_or(u32::MAX),
        }
    }
}

/// Digest of everything, whatever the order of streams and of the entries in them: over each stream's labels with the
/// times and texts of its entries.
pub fn content_hash<'a>(streams: impl IntoIterator<Item = (&'a str, &'a Digest)>) -> u64 {
    streams.into_iter().fold(0, |sum, (labels, digest)| {
        let stream = fold(hash_bytes(labels.as_bytes()) ^ digest.timed, MULTIPLIERS[0] ^ digest.entries);
        sum.wrapping_add(stream)
    })
}

/// Returns a 64-bit hash of `bytes`: no defence against an adversary, equal on every machine.
pub fn hash_bytes(bytes: &[u8]) -> u64 {
    let mut state = (bytes.len() as u64).wrapping_mul(MULTIPLIERS[2]);
    let (pairs, rest) = bytes.as_chunks::<16>();
    for pair in pairs {
        let (low, high) = halves(*pair);
        state = fold(low ^ state, high ^ MULTIPLIERS[0]).wrapping_add(state.rotate_left(23));
    }
    let mut last = [0; 16];
    last[..rest.len()].copy_from_slice(rest);
    let (low, high) = halves(last);
    state = fold(low ^ state, high ^ MULTIPLIERS[1]).wrapping_add(state.rotate_left(23));
    fold(state, MULTIPLIERS[2])
}

/// Odd numbers without a pattern: the fractional digits of the square roots of 2, 3 and 5.
const MULTIPLIERS: [u64; 3] = [0x6a09_e667_f3bc_c909, 0xbb67_ae85_84ca_a73b, 0x3c6e_f372_fe94_f82b];

/// Multiplies to 128 bits and folds the halves, which moves every input bit into every output bit.
fn fold(left: u64, right: u64) -> u64 {
    let product = u128::from(left) * u128::from(right);
    #[expect(clippy::cast_possible_truncation, reason = "the two halves are taken apart on purpose")]
    let (low, high) = (product as u64, (product >> 64) as u64);
    low ^ high ^ left.rotate_left(32)
}

/// Splits sixteen bytes into two little-endian numbers.
fn halves(pair: [u8; 16]) -> (u64, u64) {
    let both = u128::from_le_bytes(pair);
    #[expect(clippy::cast_possible_truncation, reason = "the two halves are taken apart on purpose")]
    let (low, high) = (both as u64, (both >> 64) as u64);
    (low, high)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::{Digest, content_hash, hash_bytes};

    fn digest(entries: &[(i64, &str)]) -> Digest {
        let mut digest = Digest::default();
        for (time, text) in entries {
            digest.add(*time, text.as_bytes());
        }
        digest
    }

    #[test]
    fn order_shows_only_in_the_ordered_part() {
        let forth = digest(&[(1, "a"), (2, "b"), (3, "c")]);
        let back = digest(&[(3, "c"), (2, "b"), (1, "a")]);
        assert_eq!((forth.texts, forth.timed, forth.entries), (back.texts, back.timed, back.entries));
        assert_ne!(forth.ordered, back.ordered);
        assert!(!forth.matches(&back, true));
        assert!(forth.matches(&forth, true));
    }

    #[test]
    fn a_changed_time_shows_only_with_times() {
        let sent = digest(&[(1, "a"), (2, "b")]);
        let swapped = digest(&[(2, "a"), (1, "b")]);
        assert!(sent.matches(&swapped, false));
        assert!(!sent.matches(&swapped, true));
    }

    #[test]
    fn every_bit_and_every_length_changes_the_hash() {
        let mut seen = HashSet::new();
        let mut line = [b'x'; 67];
        for length in 0..=line.len() {
            assert!(seen.insert(hash_bytes(&line[..length])), "length {length}");
        }
        for byte in 0..line.len() {
            for bit in 0..8 {
                line[byte] ^= 1 << bit;
                assert!(seen.insert(hash_bytes(&line)), "byte {byte} bit {bit}");
                line[byte] ^= 1 << bit;
            }
        }
        assert_ne!(hash_bytes(b"a"), hash_bytes(b"a\0"), "padding is told from zeros");
    }

    #[test]
    fn content_hash_knows_the_labels_and_not_the_order_of_streams() {
        let (one, two) = (digest(&[(1, "a")]), digest(&[(2, "b"), (3, "c")]));
        let sum = content_hash([("{x=\"1\"}", &one), ("{x=\"2\"}", &two)]);
        assert_eq!(sum, content_hash([("{x=\"2\"}", &two), ("{x=\"1\"}", &one)]));
        assert_ne!(sum, content_hash([("{x=\"1\"}", &two), ("{x=\"2\"}", &one)]));
    }
}
