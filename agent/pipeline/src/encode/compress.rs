//! Builds the body of a push: one block of snappy around one protobuf message, without holding the message in one piece.
//!
//! A snappy block is its uncompressed length followed by elements that copy from at most 64 KiB before them. Pieces of
//! 64 KiB are compressed each on its own and laid end to end: full segments where they lie, and short ones gathered to
//! a piece first. Source of the format: `google/snappy`, `format_description.txt`.

use super::protobuf::varint;
use super::snappy::{self, BlockCompressor, ROOM_BYTES};

/// What is compressed on its own.
const PIECE_BYTES: usize = snappy::BLOCK_BYTES_MAX;

/// Room for the uncompressed length before the elements: a varint of 32 bits.
const PREAMBLE_BYTES: usize = 5;

/// What is done to make bodies shorter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// They are compressed.
    #[default]
    Snappy,
    /// Nothing: they have snappy's format, which Loki expects, and all bytes in it are as they were.
    None,
}

/// A sealed request body. The bytes of it are `bytes[start..]`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Body {
    /// The body, with unused room before it.
    pub(crate) bytes: Vec<u8>,
    /// Where it begins.
    pub(crate) start: usize,
}

impl Body {
    /// The body itself.
    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.bytes[self.start..]
    }
}

/// Makes bodies. Owned by a shard and used for one body at a time: [`Self::begin`], any number of [`Self::append`],
/// [`Self::finish`].
pub(crate) struct Compressor {
    /// `None` leaves the bytes as they are.
    blocks: Option<BlockCompressor>,
    /// Bytes that are too few to be compressed on their own.
    gathered: Vec<u8>,
    out: Vec<u8>,
    /// How many bytes of `out` are in use; the rest is room.
    out_end: usize,
    message_bytes: usize,
}

impl Compressor {
    /// Creates a compressor.
    pub(crate) fn new(compression: Compression) -> Self {
        Self {
            blocks: (compression == Compression::Snappy).then(BlockCompressor::new),
            gathered: Vec::with_capacity(PIECE_BYTES),
            out: Vec::new(),
            out_end: 0,
            message_bytes: 0,
        }
    }

    /// Starts a body in the memory of `recycled`.
    pub(crate) fn begin(&mut self, recycled: Body) {
        self.out = recycled.bytes;
        self.out_end = PREAMBLE_BYTES;
        self.message_bytes = 0;
        self.gathered.clear();
    }

    /// Appends a part of the message.
    pub(crate) fn append(&mut self, mut bytes: &[u8]) {
        self.message_bytes += bytes.len();
        // A nearly full segment is worth a piece of its own: copying it would cost more than the few bytes that the
        // compressor cannot find again across the cut. What is not compressed is never copied twice.
        const WHOLE: usize = PIECE_BYTES * 3 / 4;
        while !bytes.is_empty() {
            if self.blocks.is_none() || bytes.len() >= WHOLE {
                self.flush_gathered();
                let (piece, rest) = bytes.split_at(bytes.len().min(PIECE_BYTES));
                self.compress(piece);
                bytes = rest;
            } else {
                let room = PIECE_BYTES - self.gathered.len();
                let (part, rest) = bytes.split_at(bytes.len().min(room));
                self.gathered.extend_from_slice(part);
                bytes = rest;
                if self.gathered.len() == PIECE_BYTES {
                    self.flush_gathered();
                }
            }
        }
    }

    /// Ends the body.
    pub(crate) fn finish(&mut self) -> Body {
        self.flush_gathered();
        let mut preamble = [0; PREAMBLE_BYTES];
        let length = varint(&mut preamble, 0, self.message_bytes as u64);
        let start = PREAMBLE_BYTES - length;
        self.reserve(0);
        self.out[start..PREAMBLE_BYTES].copy_from_slice(&preamble[..length]);
        let mut bytes = std::mem::take(&mut self.out);
        bytes.truncate(self.out_end);
        Body { bytes, start }
    }

    /// Uncompressed bytes of the body so far.
    #[cfg(test)]
    pub(crate) fn message_bytes(&self) -> usize {
        self.message_bytes
    }

    fn flush_gathered(&mut self) {
        if !self.gathered.is_empty() {
            let gathered = std::mem::take(&mut self.gathered);
            self.compress(&gathered);
            self.gathered = gathered;
            self.gathered.clear();
        }
    }

    /// Writes one piece's elements to the end of `out`.
    fn compress(&mut self, piece: &[u8]) {
        self.reserve(piece.len() + ROOM_BYTES);
        let out = &mut self.out[self.out_end..];
        self.out_end += match &mut self.blocks {
            Some(blocks) => blocks.compress(piece, out),
            None => snappy::store(piece, out),
        };
    }

    /// Makes room for `bytes` more. Bytes past `out_end` are of no meaning.
    fn reserve(&mut self, bytes: usize) {
        let needed = self.out_end + bytes;
        if self.out.len() < needed {
            self.out.resize(needed, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    #[test]
    fn what_comes_out_decompresses_to_what_went_in() {
        let mut random = Random::new(3);
        let mut compressors = [Compression::Snappy, Compression::None].map(Compressor::new);
        let mut body = Body::default();
        for round in 0..300 {
            let compressor = &mut compressors[round % 2];
            let mut message = Vec::new();
            compressor.begin(body);
            for _ in 0..random.below(12) {
                let part: Vec<u8> = match random.below(3) {
                    0 => (0..random.below(200)).map(|_| random.next().to_le_bytes()[0]).collect(),
                    1 => vec![b'a'; random.below(200_000) as usize],
                    _ => (0..random.below(70_000)).map(|at| at.to_le_bytes()[0] / 7).collect(),
                };
                compressor.append(&part);
                message.extend_from_slice(&part);
            }
            assert_eq!(compressor.message_bytes(), message.len());
            body = compressor.finish();
            let decompressed = snap::raw::Decoder::new().decompress_vec(body.as_slice()).expect("valid snappy");
            assert!(decompressed == message, "round {round}");
        }
    }

    #[test]
    fn parts_cost_hardly_more_bytes_than_the_whole() {
        let line = |number: usize| format!("level=info msg=\"request {number} took {} ms\" path=/a/b\n", number % 977);
        let message: String = (0..20_000).map(line).collect();
        let mut compressor = Compressor::new(Compression::Snappy);
        let [whole, parts] = [message.len(), 63 << 10].map(|bytes| {
            compressor.begin(Body::default());
            message.as_bytes().chunks(bytes).for_each(|part| compressor.append(part));
            compressor.finish().as_slice().len()
        });
        assert!(parts * 1000 <= whole * 1010, "{parts} bytes against {whole}");
    }
}
