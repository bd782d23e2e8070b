//! Compresses blocks in the format of snappy.
//!
//! A block is elements: literals, which are bytes as they are, and copies of bytes at most 64 KiB before. Like other
//! compressors this one goes through a block with a table of where a few bytes were seen last, and copies from there
//! where the same bytes come again. What it does for lines of logs, in which mispredicted branches are most of the cost:
//!
//! - it looks for six equal bytes, not four: a copy takes two or three bytes, so shorter ones gain little;
//! - it looks at every other place, and sees at once by how many bytes a match began earlier: half of the lookups,
//!   and no match is missed; from a long stretch without any it takes ever longer steps;
//! - a match's second place goes into the table, so that matches are found whether they lie at odd or even distances.
//!
//! Source of the format: `google/snappy`, `format_description.txt`.

/// A block is no longer than this: copies reach as far.
pub(crate) const BLOCK_BYTES_MAX: usize = 64 << 10;

/// Elements take at most this much more than the block they are made from: a literal's tag and length take three bytes
/// at most, and the copy after it, of six bytes or more in three, makes up for them.
pub(crate) const ROOM_BYTES: usize = 3;

/// Two bits of a tag tell the kind of element.
const LITERAL: u8 = 0;
/// A copy of 4 to 11 bytes from less than 2 KiB before, in two bytes.
const NEAR_COPY: u32 = 1;
/// A copy of 1 to 64 bytes, in three.
const COPY: u32 = 2;
const NEAR_BYTES_MAX: usize = 11;
const NEAR_DISTANCE_END: usize = 2 << 10;
const COPY_BYTES_MAX: usize = 64;
/// The last one of several is not shorter, so that it can be a near one.
const COPY_BYTES_MIN: usize = 4;

/// Equal bytes that make a match.
const MATCH_BITS: u32 = 48;
const MATCH_MASK: u64 = (1 << MATCH_BITS) - 1;
/// Bits of a place in the table.
const TABLE_BITS: u32 = 14;
/// No match begins so close to a block's end, so that words can be read without asking.
const MARGIN_BYTES: usize = 16;
/// A step is this share of the bytes without a match so far, and two at least.
const STEP_SHARE: usize = 32;
/// Literals up to this length are stored as so many bytes.
const LITERAL_STORE_BYTES: usize = 32;

/// Compresses blocks, each on its own.
pub(crate) struct BlockCompressor {
    /// Where bytes with a hash were seen last.
    table: Box<[u16; 1 << TABLE_BITS]>,
}

impl BlockCompressor {
    pub(crate) fn new() -> Self {
        Self { table: Box::new([0; 1 << TABLE_BITS]) }
    }

    /// Writes the elements of a block to the beginning of `out`, which has [`ROOM_BYTES`] more than the block, and gives
    /// their length.
    pub(crate) fn compress(&mut self, block: &[u8], out: &mut [u8]) -> usize {
        debug_assert!(block.len() <= BLOCK_BYTES_MAX, "places and distances have sixteen bits");
        let mut elements = Elements { out, end: 0 };
        let mut done = 0;
        if let Some(last) = block.len().checked_sub(MARGIN_BYTES) {
            self.table.fill(0);
            let mut at = 1;
            while let Some((from, to)) = self.find(block, done, at, last) {
                elements.short_literal(block, done, to);
                let (mut from, mut to) = (from, to);
                loop {
                    let length = equal_bytes(block, from, to);
                    elements.copy(to - from, length);
                    let second = to + 1;
                    if second <= last {
                        self.exchange(word(block, second), second);
                    }
                    done = to + length;
                    if done > last {
                        break;
                    }
                    // A match is often followed by another one at once.
                    let here = word(block, done);
                    from = self.exchange(here, done);
                    to = done;
                    if !is_match(here, word(block, from)) {
                        break;
                    }
                }
                at = done + 1;
            }
        }
        elements.literal(&block[done..]);
        elements.end
    }

    /// Finds the next match at or after `at`. Gives where its bytes were before, and where they are, which may be earlier
    /// than `at`, but not earlier than `done`.
    #[inline(always)]
    fn find(&mut self, block: &[u8], done: usize, mut at: usize, last: usize) -> Option<(usize, usize)> {
        let mut strides = 2 * STEP_SHARE;
        while at <= last {
            let here = word(block, at);
            let before = self.exchange(here, at);
            if is_match(here, word(block, before)) {
                let earlier = equal_bytes_before(block, before, at).min(at - done);
                return Some((before - earlier, at - earlier));
            }
            let step = strides / STEP_SHARE;
            at += step;
            strides += step;
        }
        None
    }

    /// Gives where bytes like these were seen last, perhaps, and notes that they are at `at`.
    #[inline(always)]
    fn exchange(&mut self, word: u64, at: usize) -> usize {
        // Multiplying by 2^64 over the golden ratio has every input bit reach the highest output bits.
        let hash = (word << (u64::BITS - MATCH_BITS)).wrapping_mul(0x9e37_79b1_85eb_ca87) >> (u64::BITS - TABLE_BITS);
        let place = &mut self.table[hash as usize];
        usize::from(std::mem::replace(place, low_u16(at)))
    }
}

/// Writes a block's elements without compressing it. `out` is as for [`BlockCompressor::compress`].
pub(crate) fn store(block: &[u8], out: &mut [u8]) -> usize {
    let mut elements = Elements { out, end: 0 };
    elements.literal(block);
    elements.end
}

/// Elements that are written one after the other.
struct Elements<'a> {
    out: &'a mut [u8],
    end: usize,
}

impl Elements<'_> {
    /// Writes a literal, which is most often a short one and never at the block's very end.
    #[inline(always)]
    fn short_literal(&mut self, block: &[u8], from: usize, to: usize) {
        let length = to - from;
        if length == 0 {
            return;
        }
        match block[from..].first_chunk::<LITERAL_STORE_BYTES>() {
            Some(bytes) if length <= LITERAL_STORE_BYTES => {
                // Storing more than is needed, to be overwritten, is faster than a loop over what is.
                self.out[self.end] = literal_tag(length - 1);
                self.out[self.end + 1..][..LITERAL_STORE_BYTES].copy_from_slice(bytes);
                self.end += 1 + length;
            }
            _ => self.literal(&block[from..to]),
        }
    }

    /// Writes a literal of any length.
    #[cold]
    #[inline(never)]
    fn literal(&mut self, bytes: &[u8]) {
        let Some(length) = bytes.len().checked_sub(1) else { return };
        // Lengths from 61 on stand in one or two bytes after the tag.
        let [low, high, ..] = length.to_le_bytes();
        let head = match length {
            0..60 => &[literal_tag(length)][..],
            60..256 => &[literal_tag(60), low][..],
            _ => &[literal_tag(61), low, high][..],
        };
        for part in [head, bytes] {
            self.out[self.end..][..part.len()].copy_from_slice(part);
            self.end += part.len();
        }
    }

    /// Writes copies of so many bytes, four at least, from so far before.
    #[inline(always)]
    fn copy(&mut self, distance: usize, mut length: usize) {
        while length > COPY_BYTES_MAX {
            let part = if length < COPY_BYTES_MAX + COPY_BYTES_MIN { length - COPY_BYTES_MIN } else { COPY_BYTES_MAX };
            self.element(copy_element(distance, part));
            self.end += 3;
            length -= part;
        }
        let near = length <= NEAR_BYTES_MAX && distance < NEAR_DISTANCE_END;
        let element = if near { near_copy_element(distance, length) } else { copy_element(distance, length) };
        self.element(element);
        self.end += if near { 2 } else { 3 };
    }

    /// Stores the bytes of a copy, and one more to be overwritten.
    #[inline(always)]
    fn element(&mut self, element: u32) {
        self.out[self.end..][..4].copy_from_slice(&element.to_le_bytes());
    }
}

/// The tag of a literal: its length less one, or how its length is told.
#[inline(always)]
fn literal_tag(length: usize) -> u8 {
    length.to_le_bytes()[0] << 2 | LITERAL
}

#[inline(always)]
fn copy_element(distance: usize, length: usize) -> u32 {
    low_u32(distance << 8 | (length - 1) << 2) | COPY
}

#[inline(always)]
fn near_copy_element(distance: usize, length: usize) -> u32 {
    let (low, high) = (distance & 0xff, distance >> 8);
    low_u32(low << 8 | high << 5 | (length.wrapping_sub(4) & 7) << 2) | NEAR_COPY
}

/// The eight bytes at a place.
#[inline(always)]
fn word(block: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(*block[at..].first_chunk().expect("places in the table are before the margin"))
}

#[inline(always)]
fn is_match(left: u64, right: u64) -> bool {
    (left ^ right) & MATCH_MASK == 0
}

/// How many bytes are equal from two places on.
#[inline(always)]
fn equal_bytes(block: &[u8], from: usize, to: usize) -> usize {
    let mut length = 0;
    while let (Some(left), Some(right)) = (block[from + length..].first_chunk(), block[to + length..].first_chunk()) {
        let different = u128::from_le_bytes(*left) ^ u128::from_le_bytes(*right);
        if different != 0 {
            return length + (different.trailing_zeros() / u8::BITS) as usize;
        }
        length += size_of::<u128>();
    }
    let rest = block[from + length..].iter().zip(&block[to + length..]);
    length + rest.take_while(|(left, right)| left == right).count()
}

/// How many of the eight bytes before two places are equal, counted backwards; none close to the block's beginning.
#[inline(always)]
fn equal_bytes_before(block: &[u8], from: usize, to: usize) -> usize {
    let (Some(left), Some(right)) = (block[..from].last_chunk(), block[..to].last_chunk()) else { return 0 };
    let different = u64::from_le_bytes(*left) ^ u64::from_le_bytes(*right);
    (different.leading_zeros() / u8::BITS) as usize
}

#[expect(clippy::cast_possible_truncation, reason = "a block has at most 64 KiB")]
#[inline(always)]
fn low_u16(place: usize) -> u16 {
    place as u16
}

#[expect(clippy::cast_possible_truncation, reason = "an element has at most four bytes")]
#[inline(always)]
fn low_u32(element: usize) -> u32 {
    element as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encode::protobuf::{ENTRY_HEAD_BYTES, entry_head, varint};
    use crate::random::Random;

    fn decompressed(elements: &[u8], bytes: usize) -> Vec<u8> {
        let mut text = vec![0; 5];
        let start = varint(&mut text, 0, bytes as u64);
        text.truncate(start);
        text.extend_from_slice(elements);
        snap::raw::Decoder::new().decompress_vec(&text).expect("valid snappy")
    }

    /// Compresses and stores a block in exactly the room that is promised to be enough. Gives the compressed length.
    fn check(compressor: &mut BlockCompressor, block: &[u8]) -> usize {
        let mut out = vec![0xaa; block.len() + ROOM_BYTES];
        let stored = store(block, &mut out);
        assert!(decompressed(&out[..stored], block.len()) == block, "{} bytes stored", block.len());
        let compressed = compressor.compress(block, &mut out);
        assert!(decompressed(&out[..compressed], block.len()) == block, "{} bytes compressed", block.len());
        compressed
    }

    /// Bytes of some letters with copies of what came before, of lengths and from distances around every border.
    fn block(random: &mut Random, bytes: usize, letters: u64, copies: u64) -> Vec<u8> {
        let mut block = Vec::new();
        while block.len() < bytes {
            let run = [3, 12, 70, 300, 5_000][random.below(5) as usize];
            let length = 1 + random.below(run) as usize;
            let reach = [8, 2_100, 70_000][random.below(3) as usize];
            let distance = 1 + random.below(reach) as usize;
            if random.below(10) < copies && distance <= block.len() {
                for _ in 0..length {
                    block.push(block[block.len() - distance]);
                }
            } else {
                block.extend((0..length).map(|_| random.below(letters).to_le_bytes()[0]));
            }
        }
        block.truncate(bytes);
        block
    }

    #[test]
    fn what_comes_out_decompresses_to_what_went_in() {
        let mut compressor = BlockCompressor::new();
        let mut random = Random::new(11);
        for bytes in (0..200).chain([255, 256, 257, 4_000, BLOCK_BYTES_MAX - 1, BLOCK_BYTES_MAX]) {
            for letters in [1, 2, 256] {
                for copies in [0, 5, 9] {
                    check(&mut compressor, &block(&mut random, bytes, letters, copies));
                }
            }
        }
        for _ in 0..500 {
            let bytes = random.below(BLOCK_BYTES_MAX as u64 + 1) as usize;
            let (letters, copies) = (1 + random.below(256), random.below(10));
            check(&mut compressor, &block(&mut random, bytes, letters, copies));
        }
    }

    #[test]
    fn what_cannot_be_compressed_stays_as_it_is() {
        let mut random = Random::new(5);
        let noise: Vec<u8> = (0..BLOCK_BYTES_MAX).map(|_| random.next().to_le_bytes()[0]).collect();
        assert_eq!(check(&mut BlockCompressor::new(), &noise), noise.len() + 3);
    }

    #[test]
    fn lines_of_logs_take_about_as_many_bytes_as_with_snap() {
        let mut compressor = BlockCompressor::new();
        for lines in [logfmt, access, json] {
            let mut message = Vec::new();
            for (number, line) in (0..).zip(lines(&mut Random::new(9)).lines()) {
                let mut head = [0; ENTRY_HEAD_BYTES];
                let end = entry_head(&mut head, 1_700_000_000_000_000_000 + number * 31_415_926, line.len());
                message.extend_from_slice(&head[..end]);
                message.extend_from_slice(line.as_bytes());
            }
            message.truncate(BLOCK_BYTES_MAX);
            let ours = check(&mut compressor, &message);
            let theirs = snap::raw::Encoder::new().compress_vec(&message).unwrap().len();
            assert!(ours * 100 <= theirs * 104, "{ours} bytes against {theirs}");
        }
    }

    fn logfmt(random: &mut Random) -> String {
        let line = |number: u64| {
            let (user, took) = (random.below(5_000), random.below(90_000));
            format!("ts=1700000{number:06} level=info caller=server.go:{} user={user} took={took}us\n", number % 70)
        };
        (0..1_000).map(line).collect()
    }

    fn access(random: &mut Random) -> String {
        let line = |number: u64| {
            let (host, item, bytes) = (random.below(65_536), random.below(100_000), random.below(50_000));
            format!(
                "10.1.{}.{} - - [25/Nov/2026:14:12:{:02} +0000] \"GET /api/v1/items/{item} HTTP/1.1\" 200 {bytes} \"-\" \
                 \"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)\"\n",
                host / 256,
                host % 256,
                number / 90
            )
        };
        (0..1_000).map(line).collect()
    }

    fn json(random: &mut Random) -> String {
        let line = |number: u64| {
            let (trace, user) = (random.next(), random.below(5_000));
            let word = ["query finished", "request served", "cache miss", "token refreshed"][random.below(4) as usize];
            format!(
                "{{\"ts\":1700000{number:06},\"level\":\"info\",\"msg\":\"{word}\",\"trace_id\":\"{trace:016x}\",\"user\":{user}}}\n"
            )
        };
        (0..1_000).map(line).collect()
    }
}
