//! Numbers as people write them on a command line.

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::Value;

/// Reads `1073741824`, `64KiB`, `1GiB` or `10MB`.
pub(crate) fn bytes(text: &str) -> Result<u64, String> {
    let (number, unit) = split(text)?;
    let factor: u64 = match unit {
        "" | "B" => 1,
        "kB" | "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "K" | "KiB" => 1 << 10,
        "M" | "MiB" => 1 << 20,
        "G" | "GiB" => 1 << 30,
        _ => return Err(format!("expected a size such as 64KiB, 10MB or 1GiB, got {text:?}")),
    };
    number.checked_mul(factor).ok_or_else(|| format!("{text} is too large"))
}

/// Reads `250ms`, `10s`, `5m` or `1h`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = split(text)?;
    let milliseconds = match unit {
        "ms" => Some(number),
        "s" => number.checked_mul(1_000),
        "m" => number.checked_mul(60_000),
        "h" => number.checked_mul(3_600_000),
        _ => return Err(format!("expected a time such as 250ms, 10s or 5m, got {text:?}")),
    };
    milliseconds.map(Duration::from_millis).ok_or_else(|| format!("{text} is too long"))
}

/// Reads a value by the name that its JSON form has.
pub(crate) fn named<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_value(Value::String(text.to_owned())).map_err(|error| error.to_string())
}

fn split(text: &str) -> Result<(u64, &str), String> {
    let end = text.find(|char: char| !char.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    let number = digits.parse().map_err(|error| format!("{text:?}: {error}"))?;
    Ok((number, unit))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use longship_workload::spec::Format;

    use super::{bytes, duration, named};

    #[test]
    fn sizes_and_times() {
        for (text, value) in [("7", 7), ("64KiB", 65_536), ("10MB", 10_000_000), ("1GiB", 1 << 30), ("2G", 2 << 30)] {
            assert_eq!(bytes(text), Ok(value));
        }
        for (text, milliseconds) in [("250ms", 250), ("10s", 10_000), ("5m", 300_000), ("1h", 3_600_000)] {
            assert_eq!(duration(text), Ok(Duration::from_millis(milliseconds)));
        }
        for text in ["", "KiB", "1XB", "-1", "99999999999GiB"] {
            bytes(text).unwrap_err();
        }
        for text in ["10", "s", "1d"] {
            duration(text).unwrap_err();
        }
    }

    #[test]
    fn names() {
        assert_eq!(named::<Format>("docker"), Ok(Format::Docker));
        assert!(named::<Format>("dokcer").unwrap_err().contains("expected one of `cri`, `docker`"));
    }
}
