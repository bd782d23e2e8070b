//! The positions journal on disk.
//!
//! ```text
//! journal = header record*
//! header  = "LONGSHIP" version:u32                         version 1
//! record  = length:u32 crc32:u32 payload                   length and checksum of the payload
//! payload = 1 file:varint inode:varint device:varint birth_ns:i64 fingerprint_bytes:varint fingerprint:u64
//!             component:text path:text                     a file and what it is known by
//!         | 2 file:varint destination:u64 position:varint (stream:u64 settled:varint)*
//!         | 3 file:varint step:varint count:varint (start:varint end:varint first_ns:i64)*
//!                                                          runs whose lines were given their read time
//!         | 4 file:varint                                  the file is forgotten
//! text    = length:varint bytes
//! ```
//!
//! Fixed numbers are little-endian; a varint is protobuf's. Records replace what earlier ones said of the same file and
//! destination; runs are added to. The checksum is CRC-32 (IEEE). Reading ends at the first record that is cut short or
//! damaged: what a power cut tore was never acted upon. Destinations and streams are named by XXH3 hashes, so that a
//! record stays short.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use crate::encode::protobuf::varint;
use crate::identity::{Fingerprint, Identity};

/// The first bytes of a journal.
pub(crate) const HEADER: [u8; 12] = *b"LONGSHIP\x01\0\0\0";

/// A file in the journal, by a number that is never used twice in one journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct FileId(pub(crate) u64);

/// Lines that were given their read time: those of the run from `start` to `end`, the first one `first_ns`, each
/// further one the record's step later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TimedRun {
    /// Offset of the first line.
    pub(crate) start: u64,
    /// Offset after the last one.
    pub(crate) end: u64,
    /// Time of the first line in nanoseconds since the epoch.
    pub(crate) first_ns: i64,
    /// Nanoseconds from one line to the next.
    pub(crate) step: i64,
}

/// What a record says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Record {
    /// A file and what it is known by.
    File { file: FileId, identity: Identity, component: String, path: PathBuf },
    /// How far a file is settled at a destination.
    Position { file: FileId, destination: u64, position: u64, ahead: Vec<(u64, u64)> },
    /// Runs whose lines were given their read time.
    Runs { file: FileId, runs: Vec<TimedRun> },
    /// The file is forgotten.
    Forgotten { file: FileId },
}

/// Appends the record that says what a file is known by.
pub(crate) fn write_file(out: &mut Vec<u8>, file: FileId, identity: &Identity, component: &str, path: &Path) {
    record(out, |out| {
        out.push(1);
        put(out, file.0);
        put(out, identity.inode);
        put(out, identity.device);
        out.extend_from_slice(&identity.birth_ns.to_le_bytes());
        put(out, u64::from(identity.fingerprint.bytes));
        out.extend_from_slice(&identity.fingerprint.hash.to_le_bytes());
        for text in [component.as_bytes(), path.as_os_str().as_bytes()] {
            put(out, text.len() as u64);
            out.extend_from_slice(text);
        }
    });
}

/// Appends the record that says how far a file is settled at a destination; `ahead` are the streams that are further.
pub(crate) fn write_position(
    out: &mut Vec<u8>,
    file: FileId,
    destination: u64,
    position: u64,
    ahead: impl Iterator<Item = (u64, u64)>,
) {
    record(out, |out| {
        out.push(2);
        put(out, file.0);
        out.extend_from_slice(&destination.to_le_bytes());
        put(out, position);
        for (stream, settled) in ahead {
            out.extend_from_slice(&stream.to_le_bytes());
            put(out, settled);
        }
    });
}

/// Appends the record that says which times lines were given. All runs have one step.
pub(crate) fn write_runs(out: &mut Vec<u8>, file: FileId, runs: impl ExactSizeIterator<Item = TimedRun> + Clone) {
    let step = runs.clone().next().map_or(1, |run| run.step);
    record(out, |out| {
        out.push(3);
        put(out, file.0);
        put(out, step.cast_unsigned());
        put(out, runs.len() as u64);
        for run in runs {
            debug_assert_eq!(run.step, step, "the caller groups runs by step");
            put(out, run.start);
            put(out, run.end);
            out.extend_from_slice(&run.first_ns.to_le_bytes());
        }
    });
}

/// Appends the record that forgets a file.
pub(crate) fn write_forgotten(out: &mut Vec<u8>, file: FileId) {
    record(out, |out| {
        out.push(4);
        put(out, file.0);
    });
}

/// Frames what `write` appends.
fn record(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; 8]);
    write(out);
    let payload = &out[start + 8..];
    let length = u32::try_from(payload.len()).expect("a record is a few kilobytes");
    let checksum = crc32fast::hash(payload);
    out[start..start + 4].copy_from_slice(&length.to_le_bytes());
    out[start + 4..start + 8].copy_from_slice(&checksum.to_le_bytes());
}

fn put(out: &mut Vec<u8>, value: u64) {
    let mut bytes = [0; 10];
    let end = varint(&mut bytes, 0, value);
    out.extend_from_slice(&bytes[..end]);
}

/// Reads the records of a journal, without its header, up to the first one that is not whole.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Reads what stands after the header.
    pub(crate) fn new(records: &'a [u8]) -> Self {
        Self { rest: records }
    }

    /// Bytes that were not read: those from the first record on that is not whole.
    #[cfg(test)]
    pub(crate) fn rest_bytes(&self) -> usize {
        self.rest.len()
    }
}

impl Iterator for Reader<'_> {
    type Item = Record;

    fn next(&mut self) -> Option<Record> {
        let (frame, rest) = self.rest.split_first_chunk::<8>()?;
        let &[l0, l1, l2, l3, c0, c1, c2, c3] = frame;
        let (payload, rest) = rest.split_at_checked(u32::from_le_bytes([l0, l1, l2, l3]) as usize)?;
        if crc32fast::hash(payload) != u32::from_le_bytes([c0, c1, c2, c3]) {
            return None;
        }
        let record = parse(payload)?;
        self.rest = rest;
        Some(record)
    }
}

fn parse(payload: &[u8]) -> Option<Record> {
    let (&kind, mut rest) = payload.split_first()?;
    let file = FileId(take(&mut rest)?);
    let record = match kind {
        1 => {
            let inode = take(&mut rest)?;
            let device = take(&mut rest)?;
            let birth_ns = i64::from_le_bytes(take_bytes(&mut rest)?);
            let bytes = u16::try_from(take(&mut rest)?).ok()?;
            let hash = u64::from_le_bytes(take_bytes(&mut rest)?);
            let identity = Identity { inode, device, birth_ns, fingerprint: Fingerprint { bytes, hash } };
            let component = String::from_utf8(take_text(&mut rest)?).ok()?;
            let path = PathBuf::from(OsString::from_vec(take_text(&mut rest)?));
            Record::File { file, identity, component, path }
        }
        2 => {
            let destination = u64::from_le_bytes(take_bytes(&mut rest)?);
            let position = take(&mut rest)?;
            let mut ahead = Vec::new();
            while !rest.is_empty() {
                ahead.push((u64::from_le_bytes(take_bytes(&mut rest)?), take(&mut rest)?));
            }
            Record::Position { file, destination, position, ahead }
        }
        3 => {
            let step = take(&mut rest)?.cast_signed();
            let count = take(&mut rest)?;
            let runs = (0..count)
                .map(|_| {
                    let (start, end) = (take(&mut rest)?, take(&mut rest)?);
                    let first_ns = i64::from_le_bytes(take_bytes(&mut rest)?);
                    Some(TimedRun { start, end, first_ns, step })
                })
                .collect::<Option<_>>()?;
            Record::Runs { file, runs }
        }
        4 => Record::Forgotten { file },
        _ => return None,
    };
    rest.is_empty().then_some(record)
}

fn take(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for place in 0..10 {
        let (&byte, after) = rest.split_first()?;
        *rest = after;
        value |= u64::from(byte & 0x7f).checked_shl(place * 7)?;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

fn take_bytes<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (bytes, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(*bytes)
}

fn take_text(rest: &mut &[u8]) -> Option<Vec<u8>> {
    let length = usize::try_from(take(rest)?).ok()?;
    let (text, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(text.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> (Vec<u8>, Vec<Record>) {
        let file = FileId(300);
        let identity = Identity {
            inode: u64::MAX,
            device: 1 << 40,
            birth_ns: -5,
            fingerprint: Fingerprint { bytes: 1024, hash: 0x0123_4567_89ab_cdef },
        };
        let runs = [
            TimedRun { start: 0, end: 128, first_ns: 1_700_000_000_000_000_001, step: 4 },
            TimedRun { start: 128, end: u64::MAX, first_ns: i64::MAX, step: 4 },
        ];
        let mut out = Vec::new();
        write_file(&mut out, file, &identity, "loki.source.file.pods", Path::new("/var/log/ö"));
        write_position(&mut out, file, 7, 1 << 33, [(1, 2), (u64::MAX, 4)].into_iter());
        write_runs(&mut out, file, runs.into_iter());
        write_forgotten(&mut out, FileId(u64::MAX));
        let records = vec![
            Record::File {
                file,
                identity,
                component: "loki.source.file.pods".to_owned(),
                path: PathBuf::from("/var/log/ö"),
            },
            Record::Position { file, destination: 7, position: 1 << 33, ahead: vec![(1, 2), (u64::MAX, 4)] },
            Record::Runs { file, runs: runs.to_vec() },
            Record::Forgotten { file: FileId(u64::MAX) },
        ];
        (out, records)
    }

    #[test]
    fn reads_what_was_written() {
        let (bytes, records) = sample();
        let mut reader = Reader::new(&bytes);
        assert_eq!(reader.by_ref().collect::<Vec<_>>(), records);
        assert_eq!(reader.rest_bytes(), 0);
    }

    #[test]
    fn a_journal_torn_at_any_byte_gives_the_whole_records_before() {
        let (bytes, records) = sample();
        let mut ends = Vec::new();
        let mut reader = Reader::new(&bytes);
        while reader.next().is_some() {
            ends.push(bytes.len() - reader.rest_bytes());
        }
        for cut in 0..bytes.len() {
            let whole = ends.iter().filter(|end| **end <= cut).count();
            assert_eq!(Reader::new(&bytes[..cut]).collect::<Vec<_>>(), records[..whole], "cut at {cut}");
        }
    }

    #[test]
    fn a_flipped_bit_ends_the_journal_before_its_record() {
        let (bytes, records) = sample();
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            let read: Vec<_> = Reader::new(&damaged).collect();
            assert!(read.len() < records.len(), "bit {bit}");
            assert_eq!(read, records[..read.len()], "bit {bit}");
        }
    }
}
