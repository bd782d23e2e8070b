//! Times as RFC 3339 has them.

use std::time::Duration;

/// Writes the time that is `since_epoch` after the beginning of 1970, in UTC, with as many digits as it needs.
pub(crate) fn rfc3339(since_epoch: Duration) -> String {
    let mut text = to_the_second(since_epoch);
    if since_epoch.subsec_nanos() > 0 {
        let fraction = format!("{:09}", since_epoch.subsec_nanos());
        text.push('.');
        text.push_str(fraction.trim_end_matches('0'));
    }
    text.push('Z');
    text
}

/// Writes the time that is `since_epoch` after the beginning of 1970, in UTC, with milliseconds.
pub(crate) fn rfc3339_millis(since_epoch: Duration) -> String {
    format!("{}.{:03}Z", to_the_second(since_epoch), since_epoch.subsec_millis())
}

fn to_the_second(since_epoch: Duration) -> String {
    let seconds = since_epoch.as_secs();
    let (year, month, day) = civil(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")
}

/// Returns the year, month and day that is so many days after 1970-01-01.
fn civil(days: u64) -> (u64, u64, u64) {
    // Years begin in March here, so that the leap day is the last of a year, and eras of 400 years in the year 0.
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        let check = |seconds: u64, nanoseconds: u32, expect: &str| {
            assert_eq!(rfc3339(Duration::new(seconds, nanoseconds)), expect);
        };
        assert_eq!(rfc3339_millis(Duration::new(1, 2_000_000)), "1970-01-01T00:00:01.002Z");
        check(0, 0, "1970-01-01T00:00:00Z");
        check(951_782_399, 1, "2000-02-28T23:59:59.000000001Z");
        check(951_782_400, 0, "2000-02-29T00:00:00Z");
        check(951_868_800, 0, "2000-03-01T00:00:00Z");
        check(1_795_484_649, 440_037_900, "2026-11-24T01:44:09.4400379Z");
        check(4_107_542_399, 500_000_000, "2100-02-28T23:59:59.5Z");
        check(4_107_542_400, 0, "2100-03-01T00:00:00Z");
    }
}
