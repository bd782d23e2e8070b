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

/// The longest an entry's head gets: everything before the line's own bytes.
///
/// Entry tag and length (1 + 5), timestamp tag and length (2), seconds (1 + 10), nanos (1 + 5), line tag and length (6).
pub(crate) const ENTRY_HEAD_BYTES_MAX: usize = 6 + 2 + 11 + 6 + 6;

/// Encodes an entry's head into `head`, and gives how many bytes of it are used; the line follows it.
///
/// Fields that are zero are left out, as proto3 prescribes; an empty line has no line field.
pub(crate) fn entry_head(head: &mut [u8; ENTRY_HEAD_BYTES_MAX], time_ns: i64, line_bytes: usize) -> usize {
    let seconds = time_ns.div_euclid(1_000_000_000);
    let nanos = time_ns.rem_euclid(1_000_000_000);
    let mut time = [0; 2 + 11 + 6];
    let mut time_end = 2;
    if seconds != 0 {
        time[time_end] = VARINT_1;
        // A negative int64 is written as the unsigned number of the same bits.
        time_end = varint(&mut time, time_end + 1, seconds.cast_unsigned());
    }
    if nanos != 0 {
        time[time_end] = VARINT_2;
        time_end = varint(&mut time, time_end + 1, nanos.cast_unsigned());
    }
    time[0] = FIELD_1;
    time[1] = u8::try_from(time_end - 2).expect("a timestamp is at most 17 bytes");
    let line_field_bytes = if line_bytes == 0 { 0 } else { 1 + varint_bytes(line_bytes as u64) + line_bytes };

    head[0] = FIELD_2;
    let mut end = varint(head, 1, (time_end + line_field_bytes) as u64);
    head[end..end + time_end].copy_from_slice(&time[..time_end]);
    end += time_end;
    if line_bytes != 0 {
        head[end] = FIELD_2;
        end = varint(head, end + 1, line_bytes as u64);
    }
    end
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
    (64 - (value | 1).leading_zeros() as usize).div_ceil(7)
}

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::*;
    use crate::push::{EntryAdapter, PushRequest, StreamAdapter, Timestamp};

    fn encode(labels: &str, entries: &[(i64, &str)]) -> Vec<u8> {
        let mut chunk = Vec::new();
        for (time_ns, line) in entries {
            let mut head = [0; ENTRY_HEAD_BYTES_MAX];
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
