//! Appends entries to a push in the making, as protobuf.

/// A `logproto.PushRequest` that grows in place.
///
/// The length of a stream stands before its entries and is not known until its end: five bytes are left for it, which
/// is valid protobuf with padding.
#[derive(Debug, Default)]
pub(super) struct Batch {
    bytes: Vec<u8>,
    /// Where the length of the stream that is open belongs.
    open: Option<usize>,
    line_bytes: usize,
}

impl Batch {
    /// Bytes of all lines so far.
    pub(super) fn line_bytes(&self) -> usize {
        self.line_bytes
    }

    /// Opens a stream; the one before is closed.
    pub(super) fn open(&mut self, labels: &str) {
        self.close();
        self.bytes.push(STREAMS);
        self.open = Some(self.bytes.len());
        self.bytes.extend_from_slice(&[0; LENGTH_BYTES]);
        self.bytes.push(LABELS);
        let mut length = [0; LENGTH_BYTES];
        let end = varint(labels.len() as u64, &mut length);
        self.bytes.extend_from_slice(&length[..end]);
        self.bytes.extend_from_slice(labels.as_bytes());
    }

    /// Appends an entry to the stream that is open.
    pub(super) fn append(&mut self, seconds: u64, nanoseconds: u32, line: &[u8]) {
        let mut time = [SECONDS, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let mut time_bytes = 1 + varint(seconds & SECONDS_MAX, &mut time[1..]);
        if nanoseconds > 0 {
            time[time_bytes] = NANOS;
            time_bytes += 1 + varint(u64::from(nanoseconds), &mut time[time_bytes + 1..]);
        }
        let mut line_length = [0; LENGTH_BYTES];
        let line_length_bytes = varint(line.len() as u64, &mut line_length);
        let entry_bytes = 2 + time_bytes + 1 + line_length_bytes + line.len();

        // Everything before the line goes in at once.
        let mut head = [0; 1 + LENGTH_BYTES + 2 + 12 + 1 + LENGTH_BYTES];
        head[0] = ENTRIES;
        let mut end = 1 + varint(entry_bytes as u64, &mut head[1..]);
        head[end] = TIMESTAMP;
        head[end + 1] = u8::try_from(time_bytes).expect("a time has at most twelve bytes");
        head[end + 2..end + 14].copy_from_slice(&time);
        end += 2 + time_bytes;
        head[end] = LINE;
        head[end + 1..end + 1 + LENGTH_BYTES].copy_from_slice(&line_length);
        end += 1 + line_length_bytes;
        self.bytes.extend_from_slice(&head[..end]);
        self.bytes.extend_from_slice(line);
        self.line_bytes += line.len();
    }

    /// Closes the push and returns it; it is empty without entries.
    pub(super) fn seal(&mut self) -> &[u8] {
        self.close();
        if self.line_bytes == 0 { &[] } else { &self.bytes }
    }

    /// Starts over.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.open = None;
        self.line_bytes = 0;
    }

    fn close(&mut self) {
        if let Some(at) = self.open.take() {
            let mut length = (self.bytes.len() - at - LENGTH_BYTES) as u64;
            for byte in &mut self.bytes[at..at + LENGTH_BYTES] {
                *byte = low_bits(length) | 0x80;
                length >>= 7;
            }
            self.bytes[at + LENGTH_BYTES - 1] &= 0x7f;
        }
    }
}

// Field numbers and wire types of logproto.
const STREAMS: u8 = 1 << 3 | 2;
const LABELS: u8 = 1 << 3 | 2;
const ENTRIES: u8 = 2 << 3 | 2;
const TIMESTAMP: u8 = 1 << 3 | 2;
const LINE: u8 = 2 << 3 | 2;
const SECONDS: u8 = 1 << 3;
const NANOS: u8 = 2 << 3;

/// Bytes of a length that may be up to 32 GiB.
const LENGTH_BYTES: usize = 5;
/// What five bytes hold: a time before the year 3058.
const SECONDS_MAX: u64 = (1 << 35) - 1;

/// Writes a number in base 128, low digits first; returns the bytes it took.
fn varint(mut value: u64, out: &mut [u8]) -> usize {
    let mut end = 0;
    while value >= 0x80 {
        out[end] = low_bits(value) | 0x80;
        value >>= 7;
        end += 1;
    }
    out[end] = low_bits(value);
    end + 1
}

fn low_bits(value: u64) -> u8 {
    value.to_le_bytes()[0] & 0x7f
}
