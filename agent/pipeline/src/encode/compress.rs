//! Builds the body of a push: one block of snappy around one protobuf message, without holding the message in one piece.
//!
//! A snappy block is its uncompressed length followed by elements that copy from at most 64 KiB before them. The
//! compressor works on pieces of 64 KiB, each on its own, so a block made piece by piece equals one made at once:
//! full segments are compressed where they lie, and short ones are gathered to a piece first.
//! Source of the format: `google/snappy`, `format_description.txt`.

use snap::raw::{Encoder, max_compress_len};

use super::protobuf::varint;

/// What snappy compresses on its own.
const PIECE_BYTES: usize = 64 << 10;

/// Room for the uncompressed length before the elements: a varint of 32 bits.
const PREAMBLE_BYTES: usize = 5;

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
    encoder: Encoder,
    /// Bytes that are too few to be compressed on their own.
    gathered: Vec<u8>,
    out: Vec<u8>,
    /// How many bytes of `out` are in use; the rest is room.
    out_end: usize,
    message_bytes: usize,
}

impl Compressor {
    /// Creates a compressor.
    pub(crate) fn new() -> Self {
        Self {
            encoder: Encoder::new(),
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
        // compressor cannot find again across the cut.
        const WHOLE: usize = PIECE_BYTES * 3 / 4;
        while !bytes.is_empty() {
            if bytes.len() >= WHOLE {
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

    /// Compresses one piece to the end of `out`.
    ///
    /// The encoder writes a length before the elements. That length is laid over the last bytes before them, which are
    /// put back afterwards.
    fn compress(&mut self, piece: &[u8]) {
        self.reserve(max_compress_len(piece.len()));
        let mut length = [0; PREAMBLE_BYTES];
        let length_bytes = varint(&mut length, 0, piece.len() as u64);
        let start = self.out_end - length_bytes;
        let covered = length_bytes_before(&self.out, self.out_end);
        let written = self
            .encoder
            .compress(piece, &mut self.out[start..])
            .expect("the output has room for the longest result and the input is shorter than 4 GiB");
        self.out[self.out_end - PREAMBLE_BYTES..self.out_end].copy_from_slice(&covered);
        self.out_end = start + written;
    }

    /// Makes room for `bytes` more. Bytes past `out_end` are of no meaning.
    fn reserve(&mut self, bytes: usize) {
        let needed = self.out_end + bytes;
        if self.out.len() < needed {
            self.out.resize(needed, 0);
        }
    }
}

/// The bytes before `end` that a length may cover.
fn length_bytes_before(out: &[u8], end: usize) -> [u8; PREAMBLE_BYTES] {
    *out[..end].last_chunk().expect("every piece comes after the room for the preamble")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    #[test]
    fn what_comes_out_decompresses_to_what_went_in() {
        let mut random = Random::new(3);
        let mut compressor = Compressor::new();
        let mut body = Body::default();
        for round in 0..300 {
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
    fn costs_no_more_bytes_than_compressing_at_once() {
        let line = |number: usize| format!("level=info msg=\"request {number} took {} ms\" path=/a/b\n", number % 977);
        let message: String = (0..20_000).map(line).collect();
        let mut compressor = Compressor::new();
        compressor.begin(Body::default());
        for part in message.as_bytes().chunks(63 << 10) {
            compressor.append(part);
        }
        let ours = compressor.finish().as_slice().len();
        let whole = Encoder::new().compress_vec(message.as_bytes()).expect("short enough").len();
        assert!(ours * 1000 <= whole * 1010, "{ours} bytes against {whole}");
    }
}
