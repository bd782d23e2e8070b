//! Reads Prometheus' text format.

use std::collections::BTreeMap;

/// The series of one page.
#[derive(Debug)]
pub(crate) struct Metrics {
    series: Vec<Series>,
}

#[derive(Debug)]
struct Series {
    name: String,
    labels: Vec<(String, String)>,
    value: f64,
}

impl Metrics {
    /// Reads a page. A line that is not of the format fails the test.
    pub(crate) fn parse(text: &str) -> Self {
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        Self { series: lines.map(|line| Series::parse(line).unwrap_or_else(|| panic!("no series: {line}"))).collect() }
    }

    /// The sum of a metric's series that have these labels; `None` without any.
    pub(crate) fn sum(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        self.of(name).filter(|series| series.has(labels)).map(|series| series.value).reduce(|sum, value| sum + value)
    }

    /// The values of a metric by one of its labels; series that are equal in it are added up.
    pub(crate) fn by(&self, name: &str, label: &str) -> BTreeMap<String, f64> {
        let mut values = BTreeMap::new();
        for series in self.of(name) {
            *values.entry(series.label(label).unwrap_or_default().to_owned()).or_default() += series.value;
        }
        values
    }

    /// The value of a label in the series of a metric that is 1 and has these labels, as metrics that name a state have
    /// it.
    pub(crate) fn state(&self, name: &str, labels: &[(&str, &str)], label: &str) -> Option<&str> {
        self.of(name).find(|series| series.value > 0.5 && series.has(labels))?.label(label)
    }

    fn of(&self, name: &str) -> impl Iterator<Item = &Series> {
        self.series.iter().filter(move |series| series.name == name)
    }
}

impl Series {
    fn parse(line: &str) -> Option<Self> {
        let name_end = line.find(['{', ' '])?;
        let (name, mut rest) = line.split_at(name_end);
        let mut labels = Vec::new();
        if let Some(inside) = rest.strip_prefix('{') {
            rest = inside;
            while !rest.starts_with('}') {
                let (label, after) = rest.split_once("=\"")?;
                let (value, after) = quoted(after)?;
                labels.push((label.to_owned(), value));
                rest = after.strip_prefix(',').unwrap_or(after);
            }
            rest = rest.strip_prefix('}')?;
        }
        let value = rest.split_whitespace().next()?.parse().ok()?;
        Some(Self { name: name.to_owned(), labels, value })
    }

    fn has(&self, labels: &[(&str, &str)]) -> bool {
        labels.iter().all(|(label, value)| self.label(label) == Some(value))
    }

    fn label(&self, name: &str) -> Option<&str> {
        self.labels.iter().find(|(label, _)| label == name).map(|(_, value)| value.as_str())
    }
}

/// Reads up to the closing quote; returns what was quoted, and the rest.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    loop {
        match chars.next()? {
            (at, '"') => return Some((value, text.split_at(at + 1).1)),
            (_, '\\') => value.push(match chars.next()?.1 {
                'n' => '\n',
                other => other,
            }),
            (_, char) => value.push(char),
        }
    }
}

#[test]
fn series_are_found_by_name_and_labels() {
    let page = "# TYPE a counter\na{x=\"1\",y=\"q\\\"}\"} 3\na{x=\"2\",y=\"\"} 1e3 1700000000\na_b 7\nc{rung=\"u\"} 0\nc{rung=\"v\"} 1\n";
    let metrics = Metrics::parse(page);
    assert_eq!(metrics.sum("a", &[]), Some(1_003.0));
    assert_eq!(metrics.sum("a", &[("x", "1"), ("y", "q\"}")]), Some(3.0));
    assert_eq!(metrics.sum("a", &[("x", "3")]), None);
    assert_eq!(metrics.sum("a_b", &[]), Some(7.0));
    assert_eq!(metrics.by("a", "x"), BTreeMap::from([("1".to_owned(), 3.0), ("2".to_owned(), 1_000.0)]));
    assert_eq!(metrics.state("c", &[], "rung"), Some("v"));
}
