//! Writes the messages of Loki's push request, field by field, without building them first.
//!
//! ```text
//! PushRequest  { repeated StreamAdapter streams = 1 }
//! StreamAdapter{ string labels = 1; repeated EntryAdapter entries = 2 }
//! EntryAdapter { Timestamp timestamp = 1; string line = 2 }
//! Timestamp    { int64 seconds = 1; int32 nanos = 2 }
//! ```
//!
//! Source: `grafana/loki`, `pkg/push/push.proto`. A chunk holds encoded entries with their tags, so the entries of one
//! stream from several chunks are joined by laying them end to end.

/// Tag of a length-delimited field: `number << 3 | 2`.
const FIELD_1: u8 = 0x0a;
const FIELD_2: u8 = 0x12;
/// Tag of a varint field: `number << 3`.
const VARINT_1: u8 = 0x08;
const VARINT_2: u8 = 0x10;

/// Room for an entry's head: everything before the line's own bytes.
///
/// Entry tag and length (1 + 5), timestamp tag and length (2), seconds (1 + 10), nanos (1 + 5), line tag and length (6),
/// and what the last of these numbers is stored beyond its end.
pub(crate) const ENTRY_HEAD_BYTES: usize = 6 + 2 + 11 + 6 + 6 + (SHORT_VARINT_BYTES - 1);

/// Encodes an entry's head into `head`, and gives how many bytes of it are used; the line follows it.
///
/// Fields that are zero are left out, as proto3 prescribes; an empty line has no line field.
pub(crate) fn entry_head(head: &mut [u8; ENTRY_HEAD_BYTES], time_ns: i64, line_bytes: usize) -> usize {
    // A negative int64 is written as the unsigned number of the same bits.
    let seconds = Number::new(time_ns.div_euclid(1_000_000_000).cast_unsigned());
    let nanos = Number::new(time_ns.rem_euclid(1_000_000_000).cast_unsigned());
    let line = Number::new(line_bytes as u64);
    let time_bytes = seconds.field_bytes() + nanos.field_bytes();
    let entry = Number::new((2 + time_bytes + line.field_bytes() + line_bytes) as u64);

    let mut end = entry.put_field(head, 0, FIELD_2);
    head[end] = FIELD_1;
    head[end + 1] = time_bytes.to_le_bytes()[0];
    end += 2;
    for (number, tag) in [(seconds, VARINT_1), (nanos, VARINT_2), (line, FIELD_2)] {
        if number.value != 0 {
            end = number.put_field(head, end, tag);
        }
    }
    end
}

/// A number and how many bytes its varint has.
#[derive(Clone, Copy)]
struct Number {
    value: u64,
    bytes: usize,
}

/// Numbers of so many bytes are written without a loop.
const SHORT_VARINT_BYTES: usize = size_of::<u64>();

impl Number {
    #[inline(always)]
    fn new(value: u64) -> Self {
        Self { value, bytes: varint_bytes(value) }
    }

    /// Bytes of a field with this number after its tag; zero is left out.
    #[inline(always)]
    fn field_bytes(self) -> usize {
        if self.value == 0 { 0 } else { 1 + self.bytes }
    }

    /// Writes a tag and the number, and gives the end. Up to eight bytes are stored in any case.
    #[inline(always)]
    fn put_field(self, out: &mut [u8; ENTRY_HEAD_BYTES], at: usize, tag: u8) -> usize {
        out[at] = tag;
        if self.bytes > SHORT_VARINT_BYTES {
            return varint(out, at + 1, self.value);
        }
        // Fifty-six bits become eight times seven, in halves, quarters and eighths of the word.
        let halves = self.value & 0x0fff_ffff | self.value << 4 & 0x0fff_ffff_0000_0000;
        let quarters = halves & 0x0000_3fff_0000_3fff | halves << 2 & 0x3fff_0000_3fff_0000;
        let eighths = quarters & 0x007f_007f_007f_007f | quarters << 1 & 0x7f00_7f00_7f00_7f00;
        let more = 0x0080_8080_8080_8080 >> (8 * (SHORT_VARINT_BYTES - self.bytes));
        out[at + 1..][..SHORT_VARINT_BYTES].copy_from_slice(&(eighths | more).to_le_bytes());
        at + 1 + self.bytes
    }
}

/// Appends a stream's head: what stands before `entries_bytes` bytes of encoded entries.
pub(crate) fn stream_head(out: &mut Vec<u8>, labels: &[u8], entries_bytes: usize) {
    let labels_field_bytes = 1 + varint_bytes(labels.len() as u64) + labels.len();
    let mut number = [0; 10];
    out.push(FIELD_1);
    let end = varint(&mut number, 0, (labels_field_bytes + entries_bytes) as u64);
    out.extend_from_slice(&number[..end]);
    out.push(FIELD_1);
    let end = varint(&mut number, 0, labels.len() as u64);
    out.extend_from_slice(&number[..end]);
    out.extend_from_slice(labels);
}

/// Writes `value` at `at` and gives the end: seven bits a byte, lowest first, the high bit set on all but the last.
pub(crate) fn varint(out: &mut [u8], mut at: usize, mut value: u64) -> usize {
    while value >= 0x80 {
        out[at] = value.to_le_bytes()[0] | 0x80;
        at += 1;
        value >>= 7;
    }
    out[at] = value.to_le_bytes()[0];
    at + 1
}

/// How many bytes [`varint`] writes.
pub(crate) fn varint_bytes(value: u64) -> usize {
    // The highest bit's number over seven and one more, without dividing by seven.
    let highest = 63 - (value | 1).leading_zeros() as usize;
    (highest * 9 + 73) / 64
}

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::*;
    use crate::push::{EntryAdapter, PushRequest, StreamAdapter, Timestamp};

    fn encode(labels: &str, entries: &[(i64, &str)]) -> Vec<u8> {
        let mut chunk = Vec::new();
        for (time_ns, line) in entries {
            let mut head = [0; ENTRY_HEAD_BYTES];
            let end = entry_head(&mut head, *time_ns, line.len());
            chunk.extend_from_slice(&head[..end]);
            chunk.extend_from_slice(line.as_bytes());
        }
        let mut out = Vec::new();
        stream_head(&mut out, labels.as_bytes(), chunk.len());
        out.extend_from_slice(&chunk);
        out
    }

    fn reference(labels: &str, entries: &[(i64, &str)]) -> Vec<u8> {
        let entries = entries
            .iter()
            .map(|(time_ns, line)| EntryAdapter {
                timestamp: Some(Timestamp {
                    seconds: time_ns.div_euclid(1_000_000_000),
                    nanos: i32::try_from(time_ns.rem_euclid(1_000_000_000)).unwrap(),
                }),
                line: (*line).to_owned(),
            })
            .collect();
        PushRequest { streams: vec![StreamAdapter { labels: labels.to_owned(), entries }] }.encode_to_vec()
    }

    #[test]
    fn equals_what_prost_writes_at_every_border() {
        let line = |bytes: usize| "x".repeat(bytes);
        for time_ns in [0, 1, -1, 127, 1_000_000_000, 1_700_000_000_123_456_789, i64::MAX, i64::MIN, -2_000_000_000] {
            for bytes in [0, 1, 100, 127, 128, 16_383, 16_384, 262_144] {
                let entries = [(time_ns, &*line(bytes))];
                assert_eq!(encode("{a=\"b\"}", &entries), reference("{a=\"b\"}", &entries), "{time_ns} {bytes}");
            }
        }
    }

    #[test]
    fn equals_what_prost_writes_for_random_streams() {
        let mut random = crate::random::Random::new(7);
        for _ in 0..2_000 {
            let labels = "l".repeat(random.below(300) as usize);
            let lines: Vec<(i64, String)> = (0..random.below(8))
                .map(|_| (random.next().cast_signed() >> random.below(63), "é".repeat(random.below(400) as usize)))
                .collect();
            let entries: Vec<(i64, &str)> = lines.iter().map(|(time, line)| (*time, line.as_str())).collect();
            // An empty label string is left out by prost; a stream without labels is never encoded.
            if !labels.is_empty() {
                assert_eq!(encode(&labels, &entries), reference(&labels, &entries));
            }
        }
    }

    #[test]
    fn varint_bytes_is_what_varint_writes() {
        for shift in 0..64 {
            for value in [1_u64 << shift, (1 << shift) - 1, u64::MAX >> shift] {
                let mut out = [0; 10];
                assert_eq!(varint(&mut out, 0, value), varint_bytes(value), "{value}");
            }
        }
    }
}
