//! The mark in every line that says who wrote it, as which of its lines, when.
//!
//! Layout: `lsw=<writer>/<sequence>/<time>`, all decimal; writer and sequence without leading zeros, the time in
//! nanoseconds since 1970 with exactly 19 digits, so that a tag that was cut off is no tag. What follows the tag is no
//! digit.

use memchr::memmem;

/// Who wrote a line, as which of its lines, when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tag {
    /// Number of the writer.
    pub writer: u32,
    /// Number of the line among the writer's, from 0, without gaps.
    pub sequence: u64,
    /// Nanoseconds since 1970.
    pub written_ns: u64,
}

impl Tag {
    /// Bytes of the longest tag.
    pub const BYTES_MAX: usize = MARKER.len() + 10 + 1 + 20 + 1 + TIME_DIGITS;

    /// Finds the first tag in `line`.
    pub fn find(line: &[u8]) -> Option<Self> {
        memmem::find_iter(line, MARKER).find_map(|at| Self::parse(&line[at + MARKER.len()..]))
    }

    /// Appends the tag's text.
    pub fn append(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(MARKER);
        append_decimal(u64::from(self.writer), out);
        out.push(b'/');
        append_decimal(self.sequence, out);
        out.push(b'/');
        append_digits(self.written_ns, TIME_DIGITS, out);
    }

    fn parse(text: &[u8]) -> Option<Self> {
        let (writer, text) = take_decimal(text)?;
        let (sequence, text) = take_decimal(text.strip_prefix(b"/")?)?;
        let text = text.strip_prefix(b"/")?;
        let (written_ns, rest) = take_decimal(text)?;
        if text.len() - rest.len() != TIME_DIGITS {
            return None;
        }
        Some(Self { writer: u32::try_from(writer).ok()?, sequence, written_ns })
    }
}

/// What every tag begins with.
const MARKER: &[u8] = b"lsw=";
/// Enough until the year 2286.
const TIME_DIGITS: usize = 19;

/// Appends `value` without leading zeros.
pub(crate) fn append_decimal(value: u64, out: &mut Vec<u8>) {
    append_digits(value, value.checked_ilog10().map_or(1, |log| log as usize + 1), out);
}

/// Appends the last `digits` digits of `value`.
pub(crate) fn append_digits(mut value: u64, digits: usize, out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + digits, b'0');
    for digit in out[start..].iter_mut().rev() {
        *digit += (value % 10) as u8;
        value /= 10;
    }
}

/// Takes the digits at the start of `text`, if there are any and they fit.
fn take_decimal(text: &[u8]) -> Option<(u64, &[u8])> {
    let end = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    let value =
        digits.iter().try_fold(0_u64, |value, digit| value.checked_mul(10)?.checked_add(u64::from(digit - b'0')))?;
    (end > 0).then_some((value, rest))
}

#[cfg(test)]
mod tests {
    use super::Tag;

    fn text(tag: Tag) -> Vec<u8> {
        let mut out = Vec::new();
        tag.append(&mut out);
        out
    }

    #[test]
    fn what_is_appended_is_found() {
        for (writer, sequence, written_ns) in
            [(0, 0, 0), (7, 1_234_567, 1_763_948_649_440_037_965), (u32::MAX, u64::MAX, 9_999_999_999_999_999_999)]
        {
            let tag = Tag { writer, sequence, written_ns };
            let tag_text = text(tag);
            assert!(tag_text.len() <= Tag::BYTES_MAX);
            assert_eq!(Tag::find(&tag_text), Some(tag));
            let line = [b"msg=\"lsw=oops\" ".as_slice(), &tag_text, b"\"}".as_slice()].concat();
            assert_eq!(Tag::find(&line), Some(tag));
        }
    }

    #[test]
    fn a_cut_tag_is_no_tag() {
        let whole = text(Tag { writer: 7, sequence: 12, written_ns: 1_763_948_649_440_037_965 });
        for cut in 0..whole.len() {
            assert_eq!(Tag::find(&whole[..cut]), None, "cut at {cut}");
        }
        assert_eq!(Tag::find(b"lsw=1/2/17639486494400379651 "), None, "a digit too many");
        assert_eq!(Tag::find(b"lsw=4294967296/2/1763948649440037965"), None, "no such writer");
        assert_eq!(Tag::find(b"lsw=/2/1763948649440037965"), None);
    }
}
