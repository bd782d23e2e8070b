//! Durations and sizes as texts, in the forms that Go and Alloy read.
//!
//! Flags and attributes share these. The messages are those of Alloy, which end up behind a place in a file.

use std::time::Duration;

/// Units of [`duration`], in nanoseconds.
const DURATION_UNITS: [(&str, f64); 8] =
    [("ns", 1.0), ("us", 1e3), ("µs", 1e3), ("μs", 1e3), ("ms", 1e6), ("s", 1e9), ("m", 60e9), ("h", 3_600e9)];

/// Units of [`bytes`]. Powers of 1024 under both names, as in Alloy.
const BYTE_UNITS: [(&str, f64); 9] = [
    ("B", 1.0),
    ("KiB", 1024.0),
    ("KB", 1024.0),
    ("MiB", 1_048_576.0),
    ("MB", 1_048_576.0),
    ("GiB", 1_073_741_824.0),
    ("GB", 1_073_741_824.0),
    ("TiB", 1_099_511_627_776.0),
    ("TB", 1_099_511_627_776.0),
];

/// The longest duration that Go holds, which is the longest a user can have meant.
const NANOSECONDS_MAX: f64 = 9_223_372_036_854_775_807.0;

/// The largest size that Alloy holds.
const BYTES_MAX: f64 = 9_223_372_036_854_775_807.0;

/// Reads a duration such as `15s`, `1h30m`, `1.5m` or `0`.
///
/// A negative one is an error: nothing here can wait for less than no time.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let quoted = longship_syntax::quote(text.as_bytes());
    let sum = sum(text, &DURATION_UNITS).map_err(|error| match error {
        SumError::NoNumber => format!("time: invalid duration {quoted}"),
        SumError::Unit("") => format!("time: missing unit in duration {quoted}"),
        SumError::Unit(unit) => {
            format!("time: unknown unit {} in duration {quoted}", longship_syntax::quote(unit.as_bytes()))
        }
        SumError::Negative => format!("time: negative duration {quoted}"),
    })?;
    if sum > NANOSECONDS_MAX {
        return Err(format!("time: invalid duration {quoted}"));
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "not negative, and bounded just above")]
    let nanoseconds = sum as u64;
    Ok(Duration::from_nanos(nanoseconds))
}

/// Reads a size such as `1MiB`, `10KB` or `512B`. A number needs its unit.
pub(crate) fn bytes(text: &str) -> Result<u64, String> {
    let sum = sum(text, &BYTE_UNITS).map_err(|error| match error {
        SumError::NoNumber => format!("units: invalid {text}"),
        SumError::Unit(unit) => format!("units: unknown unit {unit} in {text}"),
        SumError::Negative => format!("units: negative size {text}"),
    })?;
    if sum > BYTES_MAX {
        return Err(format!("units: invalid {text}"));
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "not negative, and bounded just above")]
    let bytes = sum as u64;
    Ok(bytes)
}

/// Writes a duration as Go does: `15s`, `1h30m0s`, `250ms`, `82.963µs`.
pub(crate) fn go_duration(duration: Duration) -> String {
    let fraction = |whole: u128, part: u128, digits: usize| match part {
        0 => whole.to_string(),
        part => format!("{whole}.{}", format!("{part:0digits$}").trim_end_matches('0')),
    };
    let nanoseconds = duration.as_nanos();
    match nanoseconds {
        0 => "0s".to_owned(),
        1..1_000 => format!("{nanoseconds}ns"),
        1_000..1_000_000 => format!("{}µs", fraction(nanoseconds / 1_000, nanoseconds % 1_000, 3)),
        1_000_000..1_000_000_000 => format!("{}ms", fraction(nanoseconds / 1_000_000, nanoseconds % 1_000_000, 6)),
        _ => {
            let (minutes, rest) = (nanoseconds / 60_000_000_000, nanoseconds % 60_000_000_000);
            let seconds = fraction(rest / 1_000_000_000, rest % 1_000_000_000, 9);
            match (minutes / 60, minutes % 60) {
                (0, 0) => format!("{seconds}s"),
                (0, minutes) => format!("{minutes}m{seconds}s"),
                (hours, minutes) => format!("{hours}h{minutes}m{seconds}s"),
            }
        }
    }
}

enum SumError<'t> {
    /// There is no number where one should be.
    NoNumber,
    /// What stands behind a number is no unit.
    Unit(&'t str),
    /// The text has a minus sign, and more than zero behind it.
    Negative,
}

/// Adds up numbers with their units. `0` needs none.
fn sum<'t>(text: &'t str, units: &[(&str, f64)]) -> Result<f64, SumError<'t>> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if unsigned == "0" {
        return Ok(0.0);
    }
    let mut sum = 0.0;
    let mut rest = unsigned;
    loop {
        let is_number = |character: char| character.is_ascii_digit() || character == '.';
        let (number, after) = rest.split_at(rest.find(|character| !is_number(character)).unwrap_or(rest.len()));
        let (unit, after) = after.split_at(after.find(is_number).unwrap_or(after.len()));
        let number: f64 = number.parse().map_err(|_not_a_number| SumError::NoNumber)?;
        let (_, factor) = units.iter().find(|(name, _)| *name == unit).ok_or(SumError::Unit(unit))?;
        sum += number * factor;
        if after.is_empty() {
            break;
        }
        rest = after;
    }
    if text.starts_with('-') && sum > 0.0 { Err(SumError::Negative) } else { Ok(sum) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        let check = |text: &str, expect: Duration| assert_eq!(duration(text), Ok(expect), "{text}");
        check("0", Duration::ZERO);
        check("-0", Duration::ZERO);
        check("15s", Duration::from_secs(15));
        check("+15s", Duration::from_secs(15));
        check("1h30m", Duration::from_secs(5_400));
        check("1.5m", Duration::from_secs(90));
        check(".5s", Duration::from_millis(500));
        check("250ms", Duration::from_millis(250));
        check("7µs3ns", Duration::from_nanos(7_003));
        check("0s", Duration::ZERO);
    }

    #[test]
    fn texts_that_are_no_durations() {
        let check = |text: &str, expect: &str| assert_eq!(duration(text), Err(expect.to_owned()), "{text}");
        check("", "time: invalid duration \"\"");
        check("s", "time: invalid duration \"s\"");
        check("1.2.3s", "time: invalid duration \"1.2.3s\"");
        check("30", "time: missing unit in duration \"30\"");
        check("1 sec", "time: unknown unit \" sec\" in duration \"1 sec\"");
        check("1d", "time: unknown unit \"d\" in duration \"1d\"");
        check("-1s", "time: negative duration \"-1s\"");
        check("9999999999999h", "time: invalid duration \"9999999999999h\"");
    }

    #[test]
    fn sizes() {
        let check = |text: &str, expect: u64| assert_eq!(bytes(text), Ok(expect), "{text}");
        check("0", 0);
        check("512B", 512);
        check("10KB", 10_240);
        check("32MiB", 32 << 20);
        check("1.5MiB", 3 << 19);
        check("1GiB512MiB", 3 << 29);
        check("2TB", 2 << 40);
    }

    #[test]
    fn texts_that_are_no_sizes() {
        let check = |text: &str, expect: &str| assert_eq!(bytes(text), Err(expect.to_owned()), "{text}");
        check("", "units: invalid ");
        check("MiB", "units: invalid MiB");
        check("1b", "units: unknown unit b in 1b");
        check("10", "units: unknown unit  in 10");
        check("-1B", "units: negative size -1B");
        check("9999999999999TB", "units: invalid 9999999999999TB");
    }

    #[test]
    fn durations_as_go_writes_them() {
        let check = |nanoseconds: u64, expect: &str| {
            assert_eq!(go_duration(Duration::from_nanos(nanoseconds)), expect);
        };
        check(0, "0s");
        check(999, "999ns");
        check(82_963, "82.963µs");
        check(8_794_336, "8.794336ms");
        check(15_000_000_000, "15s");
        check(1_500_000_000, "1.5s");
        check(90_000_000_000, "1m30s");
        check(5_400_000_000_000, "1h30m0s");
    }
}
