//! A reader of Prometheus's text format that takes nothing but what is certainly right.

use std::collections::{BTreeMap, BTreeSet};

/// A family as it was read.
#[derive(Debug)]
pub(super) struct Family {
    pub(super) kind: String,
    pub(super) samples: BTreeMap<Series, f64>,
}

/// A sample's name and labels, sorted.
pub(super) type Series = (String, Vec<(String, String)>);

/// Reads a page. Panics at the first thing that is wrong.
pub(super) fn read(page: &str) -> BTreeMap<String, Family> {
    assert!(page.ends_with('\n'), "the last line is not ended");
    let mut families = BTreeMap::new();
    let mut lines = page.lines().peekable();
    while let Some(line) = lines.next() {
        let help = line.strip_prefix("# HELP ").unwrap_or_else(|| panic!("a family begins with its help: {line}"));
        let (name, _) = help.split_once(' ').expect("a name and a text");
        assert!(is_name(name, true), "{line}");
        let line = lines.next().expect("a type follows");
        let kind = line.strip_prefix(&format!("# TYPE {name} ")).unwrap_or_else(|| panic!("wrong type: {line}"));
        let mut samples = BTreeMap::new();
        while let Some(line) = lines.next_if(|line| !line.starts_with('#')) {
            let (series, value) = sample(line);
            assert!(samples.insert(series, value).is_none(), "twice: {line}");
        }
        let family = Family { kind: kind.to_owned(), samples };
        check(name, &family);
        assert!(families.insert(name.to_owned(), family).is_none(), "family twice: {name}");
    }
    families
}

fn is_name(name: &str, colons: bool) -> bool {
    let is_start = |char: char| char.is_ascii_alphabetic() || char == '_' || colons && char == ':';
    name.starts_with(is_start) && name.chars().all(|char| is_start(char) || char.is_ascii_digit())
}

fn sample(line: &str) -> (Series, f64) {
    let end = line.find(['{', ' ']).unwrap_or_else(|| panic!("no value: {line}"));
    let (name, mut rest) = line.split_at(end);
    assert!(is_name(name, true), "{line}");
    let mut labels = Vec::new();
    if let Some(list) = rest.strip_prefix('{') {
        rest = list;
        loop {
            let (label, value) = rest.split_once("=\"").unwrap_or_else(|| panic!("no label: {line}"));
            assert!(is_name(label, false), "label {label}: {line}");
            let (value, after) = label_value(value).unwrap_or_else(|| panic!("no label value: {line}"));
            labels.push((label.to_owned(), value));
            if let Some(next) = after.strip_prefix(',') {
                rest = next;
            } else {
                rest = after.strip_prefix('}').unwrap_or_else(|| panic!("labels do not end: {line}"));
                break;
            }
        }
    }
    labels.sort();
    let names: BTreeSet<_> = labels.iter().map(|(name, _)| name).collect();
    assert_eq!(names.len(), labels.len(), "label twice: {line}");
    let value = rest.strip_prefix(' ').unwrap_or_else(|| panic!("no value: {line}"));
    ((name.to_owned(), labels), number(value).unwrap_or_else(|| panic!("no number: {line}")))
}

/// Reads a label's value up to its quote; gives it and what follows the quote.
fn label_value(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.chars();
    loop {
        match chars.next()? {
            '"' => return Some((value, chars.as_str())),
            '\\' => value.push(match chars.next()? {
                '\\' => '\\',
                '"' => '"',
                'n' => '\n',
                _ => return None,
            }),
            char => value.push(char),
        }
    }
}

fn number(text: &str) -> Option<f64> {
    match text {
        "+Inf" => Some(f64::INFINITY),
        "-Inf" => Some(f64::NEG_INFINITY),
        "NaN" => Some(f64::NAN),
        _ if text.contains(|char: char| char.is_ascii_digit()) => text.parse().ok(),
        _ => None,
    }
}

/// Checks that a family's samples are what its type promises.
fn check(name: &str, family: &Family) {
    match family.kind.as_str() {
        "gauge" => assert!(family.samples.keys().all(|(sample, _)| sample == name), "{name}"),
        "counter" => {
            let fits = |((sample, _), value): (&Series, &f64)| sample == name && *value >= 0.0;
            assert!(family.samples.iter().all(fits), "{name}");
        }
        "histogram" => check_histogram(name, family),
        other => panic!("{name} is a {other}"),
    }
}

/// Values up to a bound.
#[derive(Debug)]
struct Bucket {
    bound: f64,
    values: f64,
}

fn check_histogram(name: &str, family: &Family) {
    let mut buckets: BTreeMap<&[(String, String)], Vec<Bucket>> = BTreeMap::new();
    let (mut sums, mut counts) = (BTreeSet::new(), BTreeMap::new());
    let mut of_bucket = Vec::new();
    for ((sample, labels), value) in &family.samples {
        if sample == &format!("{name}_bucket") {
            let (bound, rest): (Vec<_>, Vec<_>) = labels.iter().cloned().partition(|(label, _)| label == "le");
            let [(_, bound)] = bound.as_slice() else { panic!("{name} has a bucket without a bound") };
            of_bucket.push((rest, number(bound).expect("a bound is a number"), *value));
        } else if sample == &format!("{name}_sum") {
            sums.insert(labels.as_slice());
        } else {
            assert_eq!(sample, &format!("{name}_count"));
            counts.insert(labels.as_slice(), *value);
        }
    }
    for (labels, bound, value) in &of_bucket {
        buckets.entry(labels).or_default().push(Bucket { bound: *bound, values: *value });
    }
    assert_eq!(buckets.len(), counts.len(), "{name}");
    for (labels, mut buckets) in buckets {
        buckets.sort_by(|left, right| left.bound.total_cmp(&right.bound));
        let is_rising = |left: &Bucket, right: &Bucket| left.bound < right.bound && left.values <= right.values;
        assert!(buckets.is_sorted_by(is_rising), "{name} {buckets:?}");
        let last = buckets.last().expect("a series has a bucket");
        assert_eq!((last.bound, Some(&last.values)), (f64::INFINITY, counts.get(labels)), "{name}");
        assert!(sums.contains(labels), "{name}");
    }
}
