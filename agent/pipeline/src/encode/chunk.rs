//! Holds the encoded entries of a stream until they are sealed.
//!
//! A chunk is a chain of segments out of its shard's [`SegmentPool`]. A segment never moves and never grows, so bytes
//! are copied into it once; an entry lies in one segment. Segments come in four sizes, because a shard may hold ten
//! thousand streams with one short line each, or one stream with a full batch: a chunk's first segment is of the
//! smallest size and each further one of the next.
//!
//! Every segment in use counts against the agent's budget, by its capacity.

use super::protobuf::{ENTRY_HEAD_BYTES, entry_head};
use crate::budget::Budget;

/// Capacities of the sizes of segments. The largest is a block of snappy, which is compressed on its own.
const SIZES: [usize; 4] = [1 << 10, 4 << 10, 16 << 10, 64 << 10];

/// The size of a segment made for one entry that is longer than any size; freed after use.
const OVERSIZE: u8 = 4;
const _: () = assert!(OVERSIZE as usize == SIZES.len());

/// No segment.
const NONE: u32 = u32::MAX;

/// Encoded entries of one stream.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chunk {
    head: u32,
    tail: u32,
    bytes: u32,
}

impl Chunk {
    /// A chunk without entries.
    pub(crate) const EMPTY: Self = Self { head: NONE, tail: NONE, bytes: 0 };

    /// Encoded bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes as usize
    }
}

/// The budget does not allow another segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OutOfBudget;

/// Where all chunks of a shard have their segments.
pub(crate) struct SegmentPool {
    segments: Vec<Segment>,
    /// Free segments by size; those without memory under `OVERSIZE`.
    free: [Vec<u32>; SIZES.len() + 1],
    budget: Budget,
}

struct Segment {
    bytes: Vec<u8>,
    next: u32,
    size: u8,
}

impl SegmentPool {
    /// Creates a pool without segments.
    pub(crate) fn new(budget: Budget) -> Self {
        Self { segments: Vec::new(), free: Default::default(), budget }
    }

    /// Makes room at the chunk's end for an entry with a line of `line_bytes`, in one piece, so that the next
    /// [`Self::append`] cannot fail.
    #[inline]
    pub(crate) fn reserve(&mut self, chunk: &mut Chunk, line_bytes: usize) -> Result<(), OutOfBudget> {
        let bytes = ENTRY_HEAD_BYTES + line_bytes;
        match self.size_to_add(chunk, bytes) {
            None => Ok(()),
            Some((size, capacity)) if self.budget.take(capacity as u64) => {
                self.add_segment(chunk, size, capacity);
                Ok(())
            }
            Some(_) => Err(OutOfBudget),
        }
    }

    /// Makes room like [`Self::reserve`], over the budget where it must be.
    pub(crate) fn reserve_anyway(&mut self, chunk: &mut Chunk, line_bytes: usize) {
        let bytes = ENTRY_HEAD_BYTES + line_bytes;
        if let Some((size, capacity)) = self.size_to_add(chunk, bytes) {
            self.budget.take_anyway(capacity as u64);
            self.add_segment(chunk, size, capacity);
        }
    }

    /// The size and capacity of the segment that the chunk needs for `bytes` more; `None` if its last one has room.
    fn size_to_add(&self, chunk: &Chunk, bytes: usize) -> Option<(usize, usize)> {
        let next = match self.segments.get(chunk.tail as usize) {
            Some(tail) if tail.bytes.capacity() - tail.bytes.len() >= bytes => return None,
            Some(tail) => usize::from(tail.size + 1).min(SIZES.len() - 1),
            None => 0,
        };
        let size = (next..SIZES.len()).find(|size| SIZES[*size] >= bytes);
        Some(size.map_or_else(|| (usize::from(OVERSIZE), bytes), |size| (size, SIZES[size])))
    }

    fn add_segment(&mut self, chunk: &mut Chunk, size: usize, capacity: usize) {
        let index = self.free[size].pop().unwrap_or_else(|| {
            self.segments.push(Segment { bytes: Vec::new(), next: NONE, size: 0 });
            u32::try_from(self.segments.len() - 1).expect("the budget allows far fewer segments")
        });
        let segment = &mut self.segments[index as usize];
        segment.size = u8::try_from(size).expect("there are five sizes");
        segment.next = NONE;
        segment.bytes.reserve_exact(capacity);
        match self.segments.get_mut(chunk.tail as usize) {
            Some(tail) => tail.next = index,
            None => chunk.head = index,
        }
        chunk.tail = index;
    }

    /// Appends an entry to the chunk's end. Room for it was reserved.
    #[inline]
    pub(crate) fn append(&mut self, chunk: &mut Chunk, time_ns: i64, line: &[u8]) {
        let tail = &mut self.segments[chunk.tail as usize].bytes;
        debug_assert!(tail.capacity() - tail.len() >= ENTRY_HEAD_BYTES + line.len(), "room was reserved");
        let start = tail.len();
        tail.extend_from_slice(&[0; ENTRY_HEAD_BYTES]);
        let head = tail[start..].first_chunk_mut().expect("it was just appended");
        let head_bytes = entry_head(head, time_ns, line.len());
        tail.truncate(start + head_bytes);
        tail.extend_from_slice(line);
        chunk.bytes += u32::try_from(head_bytes + line.len()).expect("a segment is shorter than 4 GiB");
    }

    /// Gives the chunk's segments in order.
    pub(crate) fn slices(&self, chunk: &Chunk) -> impl Iterator<Item = &[u8]> {
        let mut at = chunk.head;
        std::iter::from_fn(move || {
            let segment = self.segments.get(at as usize)?;
            at = segment.next;
            Some(segment.bytes.as_slice())
        })
    }

    /// Takes the chunk's segments back.
    pub(crate) fn free(&mut self, chunk: &mut Chunk) {
        let mut at = chunk.head;
        while let Some(segment) = self.segments.get_mut(at as usize) {
            let next = segment.next;
            self.budget.give_back(segment.bytes.capacity() as u64);
            segment.bytes.clear();
            if segment.size == OVERSIZE {
                segment.bytes = Vec::new();
            }
            self.free[usize::from(segment.size)].push(at);
            at = next;
        }
        *chunk = Chunk::EMPTY;
    }

    /// Gives the memory of free segments back to the system; they are made anew when they are needed.
    pub(crate) fn trim(&mut self) {
        let (spare, oversize) = self.free.split_at_mut(SIZES.len());
        for index in spare.iter_mut().flat_map(|free| free.drain(..)) {
            self.segments[index as usize].bytes = Vec::new();
            oversize[0].push(index);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(pool: &SegmentPool, chunk: &Chunk) -> Vec<u8> {
        pool.slices(chunk).flatten().copied().collect()
    }

    fn put(pool: &mut SegmentPool, chunk: &mut Chunk, line: &[u8]) -> Result<(), OutOfBudget> {
        pool.reserve(chunk, line.len())?;
        pool.append(chunk, TIME_NS, line);
        Ok(())
    }

    const TIME_NS: i64 = 1_700_000_000_123_456_789;

    /// An entry as [`put`] encodes it.
    fn entry(line: &[u8]) -> Vec<u8> {
        let mut head = [0; ENTRY_HEAD_BYTES];
        let head_bytes = entry_head(&mut head, TIME_NS, line.len());
        [&head[..head_bytes], line].concat()
    }

    #[test]
    fn keeps_the_order_of_two_interleaved_chunks() {
        let mut pool = SegmentPool::new(Budget::new(1 << 20));
        let (mut a, mut b) = (Chunk::EMPTY, Chunk::EMPTY);
        let (mut expected_a, mut expected_b) = (Vec::new(), Vec::new());
        for number in 0..500_u32 {
            let line = vec![number.to_le_bytes()[0]; number as usize % 300];
            put(&mut pool, &mut a, &line).unwrap();
            expected_a.append(&mut entry(&line));
            put(&mut pool, &mut b, &line[..line.len() / 2]).unwrap();
            expected_b.append(&mut entry(&line[..line.len() / 2]));
        }
        assert_eq!(text(&pool, &a), expected_a);
        assert_eq!(text(&pool, &b), expected_b);
        assert_eq!(a.bytes(), expected_a.len());
    }

    #[test]
    fn gives_all_of_the_budget_back() {
        let budget = Budget::new(1 << 20);
        let mut pool = SegmentPool::new(budget.clone());
        let mut chunk = Chunk::EMPTY;
        put(&mut pool, &mut chunk, b"x").unwrap();
        assert_eq!(budget.used(), 1 << 10);
        put(&mut pool, &mut chunk, &[0; 300 << 10]).unwrap();
        assert_eq!(budget.used(), (1 << 10) + (300 << 10) + ENTRY_HEAD_BYTES as u64);
        pool.free(&mut chunk);
        assert_eq!(budget.used(), 0);
        assert_eq!(chunk.bytes(), 0);
        assert_eq!(text(&pool, &chunk), b"");
    }

    #[test]
    fn a_refused_segment_leaves_the_chunk_as_it_was() {
        let budget = Budget::new(6 << 10);
        let mut pool = SegmentPool::new(budget.clone());
        let mut chunk = Chunk::EMPTY;
        let mut lines = 0;
        while put(&mut pool, &mut chunk, &[7; 100]) == Ok(()) {
            lines += 1;
        }
        assert_eq!(lines, 8 + 34, "a segment of 1 KiB and one of 4 KiB");
        assert_eq!(text(&pool, &chunk), entry(&[7; 100]).repeat(lines));
        pool.free(&mut chunk);
        pool.trim();
        assert_eq!(put(&mut pool, &mut chunk, b"again"), Ok(()));
        assert_eq!(text(&pool, &chunk), entry(b"again"));
    }
}
