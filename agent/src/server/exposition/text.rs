//! Prometheus's text format, version 0.0.4.
//!
//! A [`Page`] is written family by family: its name, meaning and type, then all of its samples. What is written is valid
//! as long as no family is begun twice and no two samples of one have the same labels; who writes a family sees to that.

use std::fmt::{self, Display, Write as _};

use longship_pipeline::Histogram;

/// What the page is served as.
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A page in the making.
#[derive(Debug, Default)]
pub(crate) struct Page {
    text: String,
}

/// How the samples of a family are to be understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Only ever grows, while the process lives.
    Counter,
    /// A reading.
    Gauge,
    /// Values counted by size.
    Histogram,
}

/// The value of a sample.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Value {
    /// A count; written with all its digits.
    Whole(u64),
    /// Anything else.
    Real(f64),
}

impl Page {
    /// Begins a family.
    pub(crate) fn family<'a>(&'a mut self, name: &'a str, kind: Kind, help: &str) -> Family<'a> {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        self.write(format_args!("# HELP {name} {}\n# TYPE {name} {kind}\n", Escaped { text: help, quotes: false }));
        Family { name, page: self }
    }

    /// Writes a family of one sample without labels.
    pub(crate) fn single(&mut self, name: &str, kind: Kind, help: &str, value: impl Into<Value>) {
        self.family(name, kind, help).sample(&[], value);
    }

    /// Ends the page.
    pub(crate) fn into_text(self) -> String {
        self.text
    }

    fn write(&mut self, text: fmt::Arguments<'_>) {
        self.text.write_fmt(text).expect("writing to a string does not fail");
    }
}

/// A family in the making.
#[derive(Debug)]
pub(crate) struct Family<'a> {
    name: &'a str,
    page: &'a mut Page,
}

impl Family<'_> {
    /// Writes a sample.
    pub(crate) fn sample(&mut self, labels: &[(&str, &str)], value: impl Into<Value>) {
        self.line("", labels, None, value.into());
    }

    /// Writes the samples of one histogram.
    pub(crate) fn histogram(&mut self, labels: &[(&str, &str)], histogram: &Histogram) {
        let mut below = 0;
        for (place, count) in histogram.counts.iter().enumerate() {
            below += count;
            let bound = histogram.bounds.get(place).copied().unwrap_or(f64::INFINITY);
            self.line("_bucket", labels, Some(bound), Value::Whole(below));
        }
        self.line("_sum", labels, None, Value::Real(histogram.sum));
        self.line("_count", labels, None, Value::Whole(below));
    }

    fn line(&mut self, suffix: &str, labels: &[(&str, &str)], bound: Option<f64>, value: Value) {
        self.page.write(format_args!("{}{suffix}", self.name));
        let mut before = '{';
        for (name, value) in labels {
            self.page.write(format_args!("{before}{name}=\"{}\"", Escaped { text: value, quotes: true }));
            before = ',';
        }
        if let Some(bound) = bound {
            self.page.write(format_args!("{before}le=\"{}\"", Number(bound)));
            before = ',';
        }
        let end = if before == '{' { "" } else { "}" };
        self.page.write(format_args!("{end} {value}\n"));
    }
}

impl From<u64> for Value {
    fn from(count: u64) -> Self {
        Self::Whole(count)
    }
}

impl From<f64> for Value {
    fn from(reading: f64) -> Self {
        Self::Real(reading)
    }
}

impl Display for Value {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(count) => count.fmt(out),
            Self::Real(reading) => Number(*reading).fmt(out),
        }
    }
}

/// A number as Prometheus's own client writes it: the shortest digits that read back as the same, with an exponent where
/// it is below -4 or above 5. A bucket's bound is a label, so its text has to be the same too.
struct Number(f64);

impl Display for Number {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(number) = *self;
        if number.is_nan() {
            return out.write_str("NaN");
        }
        if number.is_infinite() {
            return out.write_str(if number > 0.0 { "+Inf" } else { "-Inf" });
        }
        let shortest = format!("{number:e}");
        let (digits, exponent) = shortest.split_once('e').expect("it was written with an exponent");
        let exponent: i32 = exponent.parse().expect("an exponent is a number");
        if (-4..=5).contains(&exponent) {
            return number.fmt(out);
        }
        let sign = if exponent < 0 { '-' } else { '+' };
        write!(out, "{digits}e{sign}{:02}", exponent.abs())
    }
}

/// Text with what would end it early taken care of.
struct Escaped<'a> {
    text: &'a str,
    quotes: bool,
}

impl Display for Escaped<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in self.text.split_inclusive(['\\', '\n', '"']) {
            let (plain, escaped) = match part.as_bytes().last() {
                Some(b'\\') => (part.strip_suffix('\\'), "\\\\"),
                Some(b'\n') => (part.strip_suffix('\n'), "\\n"),
                Some(b'"') if self.quotes => (part.strip_suffix('"'), "\\\""),
                _ => (None, ""),
            };
            out.write_str(plain.unwrap_or(part))?;
            out.write_str(escaped)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_the_reference_does() {
        for (number, text) in [
            (0.0, "0"),
            (1.0, "1"),
            (-1.5, "-1.5"),
            (0.005, "0.005"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (262_144.0, "262144"),
            (1_048_576.0, "1.048576e+06"),
            (16_777_216.0, "1.6777216e+07"),
            (1_795_484_649.451_162_8, "1.7954846494511628e+09"),
            (f64::MAX, "1.7976931348623157e+308"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(Number(number).to_string(), text);
        }
    }

    #[test]
    fn what_would_end_a_text_is_escaped() {
        let mut page = Page::default();
        page.family("x", Kind::Gauge, "a \"b\"\\\nc").sample(&[("path", "/a\\b\"c\"\nd"), ("e", "")], 1.0);
        let expected = "# HELP x a \"b\"\\\\\\nc\n# TYPE x gauge\nx{path=\"/a\\\\b\\\"c\\\"\\nd\",e=\"\"} 1\n";
        assert_eq!(page.into_text(), expected);
    }

    #[test]
    fn counts_keep_all_their_digits() {
        let mut page = Page::default();
        page.single("x_total", Kind::Counter, "x", u64::MAX);
        assert_eq!(page.into_text(), "# HELP x_total x\n# TYPE x_total counter\nx_total 18446744073709551615\n");
    }

    #[test]
    fn buckets_are_cumulative() {
        let mut page = Page::default();
        let histogram = Histogram { bounds: &[0.5, 1_048_576.0], counts: vec![1, 2, 3], sum: 9.5 };
        page.family("x", Kind::Histogram, "x").histogram(&[("a", "b")], &histogram);
        let samples: Vec<String> =
            page.into_text().lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect();
        assert_eq!(
            samples,
            [
                "x_bucket{a=\"b\",le=\"0.5\"} 1",
                "x_bucket{a=\"b\",le=\"1.048576e+06\"} 3",
                "x_bucket{a=\"b\",le=\"+Inf\"} 6",
                "x_sum{a=\"b\"} 9.5",
                "x_count{a=\"b\"} 6"
            ]
        );
    }
}
