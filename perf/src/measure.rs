//! What it took to ship an amount of data.

use serde::{Deserialize, Serialize};

/// Amounts and times of one run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Measure {
    pub(crate) source_bytes: u64,
    pub(crate) lines: u64,
    pub(crate) requests: u64,
    /// Bytes of compressed bodies.
    pub(crate) wire_bytes: u64,
    pub(crate) seconds: f64,
    pub(crate) cpu_seconds: f64,
}

impl Measure {
    pub(crate) fn megabytes_per_second(&self) -> f64 {
        megabytes(self.source_bytes) / self.seconds
    }

    pub(crate) fn lines_per_second(&self) -> f64 {
        float(self.lines) / self.seconds
    }

    pub(crate) fn wire_megabytes(&self) -> f64 {
        megabytes(self.wire_bytes)
    }

    pub(crate) fn cpu_seconds_per_gibibyte(&self) -> f64 {
        self.cpu_seconds / (float(self.source_bytes) / float(1 << 30))
    }
}

/// Returns the middle value, the upper one of two.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

pub(crate) fn megabytes(bytes: u64) -> f64 {
    float(bytes) / 1e6
}

pub(crate) fn mebibytes(bytes: u64) -> f64 {
    float(bytes) / float(1 << 20)
}

#[expect(clippy::cast_precision_loss, reason = "amounts are far below 2^53, and rates are printed with few digits")]
pub(crate) fn float(amount: u64) -> f64 {
    amount as f64
}

#[cfg(test)]
mod tests {
    use super::{Measure, median};

    #[test]
    fn rates_are_per_second_and_per_gibibyte() {
        let measure =
            Measure { source_bytes: 1 << 31, lines: 1_000, requests: 1, wire_bytes: 1, seconds: 4.0, cpu_seconds: 3.0 };
        assert!((measure.megabytes_per_second() - 536.870_912).abs() < 1e-9);
        assert!((measure.lines_per_second() - 250.0).abs() < 1e-9);
        assert!((measure.cpu_seconds_per_gibibyte() - 1.5).abs() < 1e-9);
        assert!((median([3.0, 1.0, 2.0]) - 2.0).abs() < 1e-9);
    }
}
