//! What a misspelt name may have meant.

use longship_syntax::Diagnostic;

/// How alike two names must be, from 0 (nothing in common) to 1 (equal).
const LIKENESS_MIN: f64 = 0.85;

/// Adds to a diagnostic about an unknown name the known one that is most like it, if one is alike enough.
pub(crate) fn add(diagnostic: Diagnostic, name: &str, known: &[&str]) -> Diagnostic {
    match nearest(name, known) {
        Some(nearest) => diagnostic.with_hint(format!("did you mean {nearest:?}?")),
        None => diagnostic,
    }
}

fn nearest<'k>(name: &str, known: &[&'k str]) -> Option<&'k str> {
    let likeness =
        |other: &str| strsim::jaro_winkler(name, other).max(strsim::normalized_damerau_levenshtein(name, other));
    let alike = known.iter().map(|other| (likeness(other), *other)).filter(|(likeness, _)| *likeness >= LIKENESS_MIN);
    alike.max_by(|left, right| left.0.total_cmp(&right.0)).map(|(_, other)| other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_names() {
        let known = ["loki.source.file", "loki.process", "loki.write", "loki.echo", "local.file_match"];
        let check = |name: &str, expect: Option<&str>| assert_eq!(nearest(name, &known), expect, "{name}");
        check("loki.source.fiel", Some("loki.source.file"));
        check("loki.wriite", Some("loki.write"));
        check("local.source.file", Some("loki.source.file"));
        check("prometheus.scrape", None);
        check("x", None);
    }

    #[test]
    fn names_of_attributes() {
        let known = ["url", "batch_size", "batch_wait", "name"];
        let check = |name: &str, expect: Option<&str>| assert_eq!(nearest(name, &known), expect, "{name}");
        check("batchsize", Some("batch_size"));
        check("batch_siez", Some("batch_size"));
        check("foo", None);
    }
}
