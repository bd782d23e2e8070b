//! Takes apart whole CRI lines on standard output, as fast as this machine can.

/// A line taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Line<'a> {
    pub(super) seconds: u64,
    pub(super) nanoseconds: u32,
    pub(super) content: &'a [u8],
}

/// A parser that remembers the last minute it saw: lines of the same minute need no calendar.
#[derive(Debug, Default)]
pub(super) struct Parser {
    /// `2026-11-24T01:44` of the last line.
    minute: [u8; MINUTE_BYTES],
    /// When that minute begins.
    minute_seconds: u64,
}

const MINUTE_BYTES: usize = "2026-11-24T01:44".len();

impl Parser {
    /// Takes apart `<time> stdout F <content>`; `None` for anything else.
    pub(super) fn parse<'a>(&mut self, line: &'a [u8]) -> Option<Line<'a>> {
        let minute = line.first_chunk::<MINUTE_BYTES>()?;
        if *minute != self.minute {
            self.minute_seconds = minute_seconds(minute)?;
            self.minute = *minute;
        }
        let (seconds, rest) = line[MINUTE_BYTES..].split_first_chunk::<3>()?;
        let seconds = self.minute_seconds + u64::from(two_digits(seconds[1], seconds[2])?);
        // Nine digits are the usual case; runtimes leave out zeros at the end.
        let (nanoseconds, rest) = match rest.split_first_chunk::<11>() {
            Some((&[b'.', digits @ .., last, b'Z'], rest)) => (eight_digits(digits)? * 10 + digit(last)?, rest),
            _ => fraction(rest)?,
        };
        Some(Line { seconds, nanoseconds, content: rest.strip_prefix(b" stdout F ")? })
    }
}

/// Reads a fraction of any length up to nine digits, or none, and the `Z` after it.
fn fraction(text: &[u8]) -> Option<(u32, &[u8])> {
    let end = memchr::memchr(b'Z', text)?;
    let (text, rest) = (&text[..end], &text[end + 1..]);
    if text.is_empty() {
        return Some((0, rest));
    }
    let digits = text.strip_prefix(b".").filter(|digits| (1..=9).contains(&digits.len()))?;
    let value = digits.iter().try_fold(0, |value, &byte| Some(value * 10 + digit(byte)?))?;
    let missing = u32::try_from(9 - digits.len()).ok()?;
    Some((value * 10_u32.pow(missing), rest))
}

/// Reads eight digits at once: pairs, then fours, then all are joined by multiplications that add neighbours.
fn eight_digits(digits: [u8; 8]) -> Option<u32> {
    let text = u64::from_le_bytes(digits);
    let high = text & 0xf0f0_f0f0_f0f0_f0f0;
    let carry = text.wrapping_add(0x0606_0606_0606_0606) & 0xf0f0_f0f0_f0f0_f0f0;
    if high != 0x3030_3030_3030_3030 || carry != 0x3030_3030_3030_3030 {
        return None;
    }
    let digits = text & 0x0f0f_0f0f_0f0f_0f0f;
    let pairs = (digits * 10 + (digits >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs * 100 + (pairs >> 16)) & 0x0000_ffff_0000_ffff;
    let all = fours * 10_000 + (fours >> 32);
    u32::try_from(all & 0xffff_ffff).ok()
}

/// Returns the seconds since 1970 at which `2026-11-24T01:44` begins.
fn minute_seconds(minute: &[u8; MINUTE_BYTES]) -> Option<u64> {
    let &[y1, y2, y3, y4, b'-', mo1, mo2, b'-', d1, d2, b'T', h1, h2, b':', mi1, mi2] = minute else { return None };
    let year = u64::from(two_digits(y1, y2)?) * 100 + u64::from(two_digits(y3, y4)?);
    let (month, day) = (u64::from(two_digits(mo1, mo2)?), u64::from(two_digits(d1, d2)?));
    let (hour, minute) = (u64::from(two_digits(h1, h2)?), u64::from(two_digits(mi1, mi2)?));
    if year < 1970 || !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 23 || minute > 59 {
        return None;
    }
    // Years begin in March here, so that the leap day is the last.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1 - 719_468;
    Some(days * 86_400 + hour * 3_600 + minute * 60)
}

fn two_digits(tens: u8, ones: u8) -> Option<u32> {
    Some(digit(tens)? * 10 + digit(ones)?)
}

fn digit(byte: u8) -> Option<u32> {
    byte.is_ascii_digit().then(|| u32::from(byte - b'0'))
}

#[cfg(test)]
mod tests {
    use longship_workload::civil::Civil;

    use super::{Line, Parser};

    fn check(line: &str, expected: Option<(u64, u32, &str)>) {
        let expected =
            expected.map(|(seconds, nanoseconds, content)| Line { seconds, nanoseconds, content: content.as_bytes() });
        assert_eq!(Parser::default().parse(line.as_bytes()), expected, "{line}");
    }

    #[test]
    fn lines_of_a_runtime() {
        check("2026-11-24T01:44:09.440037965Z stdout F a b", Some((1_795_484_649, 440_037_965, "a b")));
        check("2026-11-24T01:44:09.44Z stdout F ", Some((1_795_484_649, 440_000_000, "")));
        check("2026-11-24T01:44:09Z stdout F x", Some((1_795_484_649, 0, "x")));
        check("2000-02-29T23:59:59.999999999Z stdout F x", Some((951_868_799, 999_999_999, "x")));
        check("2026-11-24T01:44:09.440037965Z stderr F a", None);
        check("2026-11-24T01:44:09.440037965Z stdout P a", None);
        check("2026-11-24T01:44:09.4400379655Z stdout F a", None);
        check("2026-11-24T01:44:09.44003796xZ stdout F a", None);
        check("2026-11-24T01:44:09.4:0037965Z stdout F a", None);
        check("2026-11-24T01:44:09.Z stdout F a", None);
        check("2026-13-24T01:44:09Z stdout F a", None);
        check("2026-11-24T01:44:0", None);
        check("", None);
    }

    #[test]
    fn times_agree_with_the_writers() {
        let mut parser = Parser::default();
        let mut ns = 1_795_484_649_440_037_965_u64;
        for step in 0..20_000_u64 {
            let mut line = Vec::new();
            Civil::from_ns(ns).append_rfc3339_nano(&mut line);
            line.extend_from_slice(b" stdout F x");
            let parsed = parser.parse(&line).unwrap();
            assert_eq!(parsed.seconds * 1_000_000_000 + u64::from(parsed.nanoseconds), ns);
            ns += 7_919 * step * step;
        }
    }
}
