//! Times as text, in UTC, for the formats that log files and Loki use.

use crate::tag::append_digits;

/// A time taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Civil {
    /// Year, 1970 or later.
    pub year: u64,
    /// Month from 1.
    pub month: u64,
    /// Day from 1.
    pub day: u64,
    /// Hour.
    pub hour: u64,
    /// Minute.
    pub minute: u64,
    /// Second.
    pub second: u64,
    /// Nanosecond.
    pub nanosecond: u64,
}

impl Civil {
    /// Takes apart nanoseconds since 1970.
    ///
    /// Days become a date by counting years from March, so that the leap day is a year's last (Hinnant,
    /// "chrono-compatible low-level date algorithms").
    pub fn from_ns(ns: u64) -> Self {
        let seconds = ns / 1_000_000_000;
        let (days, of_day) = (seconds / 86_400 + 719_468, seconds % 86_400);
        let (era, day_of_era) = (days / 146_097, days % 146_097);
        let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
        Self {
            year: era * 400 + year_of_era + u64::from(month <= 2),
            month,
            day: day_of_year - (153 * month_from_march + 2) / 5 + 1,
            hour: of_day / 3_600,
            minute: of_day / 60 % 60,
            second: of_day % 60,
            nanosecond: ns % 1_000_000_000,
        }
    }

    /// Appends `2026-11-24T01:44:09.44Z`: as many digits after the point as needed, none without a fraction. Container
    /// runtimes write this (Go's `RFC3339Nano`), so about every tenth line has fewer than nine digits.
    pub fn append_rfc3339_nano(&self, out: &mut Vec<u8>) {
        self.append_date(b'-', out);
        out.push(b'T');
        self.append_time(out);
        self.append_fraction(out);
        out.push(b'Z');
    }

    /// Returns `2026-11-24T01:44:09Z`.
    pub fn rfc3339(&self) -> String {
        self.text(|civil, out| {
            civil.append_date(b'-', out);
            out.push(b'T');
            civil.append_time(out);
            out.push(b'Z');
        })
    }

    /// Returns `2026-11-24 01:44:09.44 +0000 UTC`, as Go prints a time.
    pub fn go_string(&self) -> String {
        self.text(|civil, out| {
            civil.append_date(b'-', out);
            out.push(b' ');
            civil.append_time(out);
            civil.append_fraction(out);
            out.extend_from_slice(b" +0000 UTC");
        })
    }

    /// Returns `20261124-014409`, as the kubelet ends the names of rotated logs.
    pub fn rotation_suffix(&self) -> String {
        self.text(|civil, out| {
            append_digits(civil.year, 4, out);
            append_digits(civil.month, 2, out);
            append_digits(civil.day, 2, out);
            out.push(b'-');
            append_digits(civil.hour, 2, out);
            append_digits(civil.minute, 2, out);
            append_digits(civil.second, 2, out);
        })
    }

    /// Appends `24/Nov/2026:01:44:09 +0000`, as access logs have it.
    pub(crate) fn append_access(&self, out: &mut Vec<u8>) {
        append_digits(self.day, 2, out);
        out.push(b'/');
        let month = usize::try_from(self.month).expect("a month is below 13");
        out.extend_from_slice(MONTHS[month - 1].as_bytes());
        out.push(b'/');
        append_digits(self.year, 4, out);
        out.push(b':');
        self.append_time(out);
        out.extend_from_slice(b" +0000");
    }

    fn append_date(&self, separator: u8, out: &mut Vec<u8>) {
        append_digits(self.year, 4, out);
        out.push(separator);
        append_digits(self.month, 2, out);
        out.push(separator);
        append_digits(self.day, 2, out);
    }

    fn append_time(&self, out: &mut Vec<u8>) {
        append_digits(self.hour, 2, out);
        out.push(b':');
        append_digits(self.minute, 2, out);
        out.push(b':');
        append_digits(self.second, 2, out);
    }

    fn append_fraction(&self, out: &mut Vec<u8>) {
        if self.nanosecond > 0 {
            out.push(b'.');
            append_digits(self.nanosecond, 9, out);
            let zeros = out.iter().rev().take_while(|&&byte| byte == b'0').count();
            out.truncate(out.len() - zeros);
        }
    }

    fn text(&self, append: impl FnOnce(&Self, &mut Vec<u8>)) -> String {
        let mut out = Vec::with_capacity(40);
        append(self, &mut out);
        String::from_utf8(out).expect("digits and punctuation are ASCII")
    }
}

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

#[cfg(test)]
mod tests {
    use super::Civil;

    fn rfc3339_nano(ns: u64) -> String {
        let mut out = Vec::new();
        Civil::from_ns(ns).append_rfc3339_nano(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn known_times() {
        // Checked with `date -u -d @SECONDS`.
        for (ns, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400_000_000_000, "2000-02-29T00:00:00Z"),
            (951_868_799_999_999_999, "2000-02-29T23:59:59.999999999Z"),
            (1_795_484_649_440_037_965, "2026-11-24T01:44:09.440037965Z"),
            (1_795_484_649_440_000_000, "2026-11-24T01:44:09.44Z"),
            (4_102_444_799_000_000_001, "2099-12-31T23:59:59.000000001Z"),
            (4_107_542_400_000_000_000, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(rfc3339_nano(ns), text);
        }
    }

    #[test]
    fn other_shapes() {
        let civil = Civil::from_ns(1_795_484_649_440_037_900);
        assert_eq!(civil.rfc3339(), "2026-11-24T01:44:09Z");
        assert_eq!(civil.go_string(), "2026-11-24 01:44:09.4400379 +0000 UTC");
        assert_eq!(civil.rotation_suffix(), "20261124-014409");
        let mut access = Vec::new();
        civil.append_access(&mut access);
        assert_eq!(access, b"24/Nov/2026:01:44:09 +0000");
    }
}
