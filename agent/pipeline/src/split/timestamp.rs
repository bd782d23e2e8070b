//! Reads the RFC 3339 times that container runtimes write before a line.
//!
//! A runtime writes thousands of lines in one minute, so everything up to the minute is worked out once and compared as
//! one 16-byte word afterwards. Format: RFC 3339 section 5.6, with any number of fractional digits up to nine (further
//! ones are cut off, as Go's `time.RFC3339Nano` does).

/// Nanoseconds in a second.
const NANOS: i64 = 1_000_000_000;

/// Parses times, remembering the minute it saw last.
#[derive(Debug)]
pub(crate) struct TimestampParser {
    /// `YYYY-MM-DDTHH:MM` of the last time that parsed.
    minute: [u8; 16],
    /// That minute in seconds since the epoch, as if it were UTC.
    minute_seconds: i64,
}

impl TimestampParser {
    /// Creates a parser that remembers nothing yet.
    pub(crate) fn new() -> Self {
        Self { minute: [0; 16], minute_seconds: 0 }
    }

    /// Gives the nanoseconds since the epoch, or `None` where `text` is not an RFC 3339 time in the years that 64 bits
    /// of nanoseconds can hold.
    #[inline]
    pub(crate) fn parse(&mut self, text: &[u8]) -> Option<i64> {
        let (minute, rest) = text.split_first_chunk::<16>()?;
        if *minute != self.minute {
            self.minute_seconds = minute_seconds(minute)?;
            self.minute = *minute;
        }
        let (&[b':', s1, s0], rest) = rest.split_first_chunk::<3>()? else { return None };
        let second = digit(s1)? * 10 + digit(s0)?;
        if second > 59 {
            return None;
        }
        let (nanos, rest) = fraction(rest)?;
        let offset = zone(rest)?;
        let seconds = self.minute_seconds + second - offset;
        seconds.checked_mul(NANOS)?.checked_add(nanos)
    }
}

/// Reads `.digits`, or nothing; gives nanoseconds and what follows.
fn fraction(text: &[u8]) -> Option<(i64, &[u8])> {
    let Some((b'.' | b',', digits)) = text.split_first() else { return Some((0, text)) };
    if let Some((nine, rest)) = digits.split_first_chunk::<9>()
        && let Some(nanos) = nine_digits(nine)
        && !rest.first().is_some_and(u8::is_ascii_digit)
    {
        return Some((nanos, rest));
    }
    let count = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if count == 0 {
        return None;
    }
    let mut nanos = 0;
    for digit in digits[..count].iter().chain(std::iter::repeat(&b'0')).take(9) {
        nanos = nanos * 10 + i64::from(digit - b'0');
    }
    Some((nanos, &digits[count..]))
}

/// Reads nine digits at once: eight as one word, then the last.
fn nine_digits(text: &[u8; 9]) -> Option<i64> {
    let (eight, last) = text.split_first_chunk::<8>()?;
    let word = u64::from_le_bytes(*eight);
    // Every byte is in '0'..='9': the high nibble is 3, and adding 6 does not carry out of the low one.
    let high = word & 0xf0f0_f0f0_f0f0_f0f0;
    let carried = word.wrapping_add(0x0606_0606_0606_0606) & 0xf0f0_f0f0_f0f0_f0f0;
    if high != 0x3030_3030_3030_3030 || carried != 0x3030_3030_3030_3030 {
        return None;
    }
    // Pairs, then fours, then all eight; the first digit is the lowest byte.
    let digits = word & 0x0f0f_0f0f_0f0f_0f0f;
    let pairs = (digits.wrapping_mul(10) + (digits >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs.wrapping_mul(100) + (pairs >> 16)) & 0x0000_ffff_0000_ffff;
    let eight = (fours.wrapping_mul(10_000) + (fours >> 32)) & 0xffff_ffff;
    Some(i64::try_from(eight).ok()? * 10 + digit(last[0])?)
}

/// Reads `Z` or `±hh:mm` up to the end; gives the seconds east of UTC.
fn zone(text: &[u8]) -> Option<i64> {
    match text {
        b"Z" => Some(0),
        &[sign @ (b'+' | b'-'), h1, h0, b':', m1, m0] => {
            let hours = digit(h1)? * 10 + digit(h0)?;
            let minutes = digit(m1)? * 10 + digit(m0)?;
            if hours > 24 || minutes > 60 {
                return None;
            }
            let seconds = hours * 3600 + minutes * 60;
            Some(if sign == b'-' { -seconds } else { seconds })
        }
        _ => None,
    }
}

/// Turns `YYYY-MM-DDTHH:MM` into seconds since the epoch.
fn minute_seconds(text: &[u8; 16]) -> Option<i64> {
    let &[y3, y2, y1, y0, b'-', mo1, mo0, b'-', d1, d0, b'T', h1, h0, b':', mi1, mi0] = text else { return None };
    let year = digit(y3)? * 1000 + digit(y2)? * 100 + digit(y1)? * 10 + digit(y0)?;
    let month = digit(mo1)? * 10 + digit(mo0)?;
    let day = digit(d1)? * 10 + digit(d0)?;
    let hour = digit(h1)? * 10 + digit(h0)?;
    let minute = digit(mi1)? * 10 + digit(mi0)?;
    if !(1..=12).contains(&month) || day < 1 || day > days_in_month(year, month) || hour > 23 || minute > 59 {
        return None;
    }
    Some(days_from_civil(year, month, day) * 86_400 + hour * 3600 + minute * 60)
}

/// Days since 1970-01-01 of a date of the Gregorian calendar.
///
/// Counts years from March, so that the leap day is the last day of a year, and in eras of 400 years (146,097 days).
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

fn digit(byte: u8) -> Option<i64> {
    byte.is_ascii_digit().then(|| i64::from(byte - b'0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_runtimes_write() {
        let mut parser = TimestampParser::new();
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2023-11-14T22:13:20Z", Some(1_700_000_000 * NANOS)),
            ("2023-11-14T22:13:20.123456789Z", Some(1_700_000_000 * NANOS + 123_456_789)),
            ("2023-11-14T22:13:21.000000001Z", Some(1_700_000_001 * NANOS + 1)),
            ("2023-11-14T22:13:20.5Z", Some(1_700_000_000 * NANOS + 500_000_000)),
            ("2023-11-14T22:13:20.1234567891234Z", Some(1_700_000_000 * NANOS + 123_456_789)),
            ("2023-11-15T07:13:20.1+09:00", Some(1_700_000_000 * NANOS + 100_000_000)),
            ("2023-11-14T17:43:20-04:30", Some(1_700_000_000 * NANOS)),
            ("2024-02-29T12:00:00Z", Some(1_709_208_000 * NANOS)),
            ("1969-12-31T23:59:59.999999999Z", Some(-1)),
            ("2023-02-29T12:00:00Z", None),
            ("2023-13-01T00:00:00Z", None),
            ("2023-11-14T24:00:00Z", None),
            ("2023-11-14T22:60:00Z", None),
            ("2023-11-14T22:13:60Z", None),
            ("2023-11-14T22:13:20", None),
            ("2023-11-14T22:13:20.Z", None),
            ("2023-11-14T22:13:20.12345678aZ", None),
            ("2023-11-14T22:13:20.123456789", None),
            ("2023-11-14T22:13:20Zx", None),
            ("2023-11-14 22:13:20Z", None),
            ("2023-11-14t22:13:20Z", None),
            ("9999-12-31T23:59:59Z", None),
            ("something", None),
            ("", None),
        ] {
            assert_eq!(parser.parse(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn every_day_of_four_centuries_follows_the_day_before() {
        let mut expected = days_from_civil(1700, 1, 1);
        for year in 1700..2300 {
            for month in 1..=12 {
                for day in 1..=days_in_month(year, month) {
                    assert_eq!(days_from_civil(year, month, day), expected, "{year}-{month}-{day}");
                    expected += 1;
                }
            }
        }
    }

    #[test]
    fn a_bad_time_does_not_spoil_the_remembered_minute() {
        let mut parser = TimestampParser::new();
        assert_eq!(parser.parse(b"2023-11-14T22:13:20Z"), Some(1_700_000_000 * NANOS));
        assert_eq!(parser.parse(b"2023-99-14T22:13:20Z"), None);
        assert_eq!(parser.parse(b"2023-11-14T22:13:21Z"), Some(1_700_000_001 * NANOS));
        assert_eq!(parser.parse(b"2023-11-14T22:14:00Z"), Some(1_700_000_040 * NANOS));
    }
}
