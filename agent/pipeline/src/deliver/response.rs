//! What Loki's answer to a push means for the entries in it.
//!
//! The texts are those of Loki 2.9 to 3.7: `pkg/validation/validate.go`, `pkg/ingester/stream.go` and
//! `pkg/distributor/distributor.go` in `grafana/loki`.

use crate::environment::Answer;

/// What is to be done about a push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// All of it was taken.
    Accepted,
    /// Some or all of it was refused for good; the rest was taken. None of it is sent again.
    Refused(Refusal),
    /// Nothing was taken, and it may be later.
    Retry {
        /// 429.
        rate_limited: bool,
        /// The pause the destination asked for.
        after_ns: Option<u64>,
        /// The destination may have taken the data all the same.
        may_be_stored: bool,
        /// What it said.
        error: String,
    },
}

/// What was refused, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// How many entries; `None` for all.
    pub(crate) entries: Option<u64>,
    /// Why, for each refused entry that the answer names.
    pub(crate) reasons: Vec<(&'static str, u64)>,
    /// What the destination said.
    pub(crate) error: String,
}

/// Reasons by a part of the text that gives them.
const REASONS: &[(&str, &str)] = &[
    ("max entry size", "line_too_long"),
    ("timestamp too new", "timestamp_too_new"),
    ("timestamp too old", "timestamp_too_old"),
    ("entry too far behind", "too_far_behind"),
    ("entry out of order", "out_of_order"),
    ("per stream rate limit", "stream_rate_limited"),
    ("maximum active stream limit", "stream_limit"),
    ("label names; limit", "too_many_labels"),
    ("label name too long", "label_name_too_long"),
    ("label value too long", "label_value_too_long"),
    ("duplicate label name", "duplicate_label"),
    ("structured metadata", "structured_metadata"),
    ("couldn't parse labels", "invalid_labels"),
    ("error parsing labels", "invalid_labels"),
    ("at least one label pair", "missing_labels"),
    ("snappy", "undecodable"),
    ("proto", "undecodable"),
];

/// Reasons for which the whole push is refused, before any of it is looked at entry by entry.
const WHOLE: &[&str] = &["invalid_labels", "missing_labels", "undecodable"];

/// The reason of a refusal whose text is not known.
const OTHER: &str = "other";

/// Judges an answer.
pub(crate) fn judge(answer: &Answer) -> Verdict {
    let (status, after_ns, body) = match answer {
        Answer::Failed { error } => {
            return Verdict::Retry { rate_limited: false, after_ns: None, may_be_stored: true, error: error.clone() };
        }
        Answer::Response { status, retry_after_ns, body } => (*status, *retry_after_ns, body),
    };
    let text = String::from_utf8_lossy(body);
    match status {
        200..=299 => Verdict::Accepted,
        // The data is at fault; sent again it would be refused again.
        400 | 413 | 422 => Verdict::Refused(refusal(status, &text)),
        // The address, the credentials or the destination are: what is in the file can wait until that is mended.
        _ => Verdict::Retry {
            rate_limited: status == 429,
            after_ns,
            may_be_stored: status >= 500,
            error: error_text(status, &text),
        },
    }
}

/// Says what an answer said, as Alloy's log lines do: the first line of it, at most 1,024 bytes.
pub(crate) fn error_text(status: u16, body: &str) -> String {
    let line = body.lines().next().unwrap_or_default();
    let end = (0..=line.len().min(1024)).rev().find(|end| line.is_char_boundary(*end)).unwrap_or(0);
    let (line, _) = line.split_at(end);
    match hyper::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()) {
        Some(reason) => format!("server returned HTTP status {status} {reason} ({status}): {line}"),
        None => format!("server returned HTTP status {status} ({status}): {line}"),
    }
}

fn refusal(status: u16, text: &str) -> Refusal {
    let error = error_text(status, text);
    let mut reasons: Vec<(&'static str, u64)> = Vec::new();
    let (mut listed, mut ignored, mut whole) = (0, None, status == 413);
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        if let Some(count) = total_ignored(line) {
            ignored = Some(ignored.unwrap_or(0) + count);
            continue;
        }
        let lower = line.to_ascii_lowercase();
        let reason = REASONS.iter().find(|(part, _)| lower.contains(part)).map_or(OTHER, |(_, reason)| *reason);
        whole |= WHOLE.contains(&reason);
        listed += 1;
        match reasons.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, count)) => *count += 1,
            None => reasons.push((reason, 1)),
        }
    }
    // A text that is not Loki's says nothing about single entries.
    whole |= reasons.iter().all(|(reason, _)| *reason == OTHER) && ignored.is_none();
    if whole {
        let reason = reasons.first().map_or(OTHER, |(reason, _)| *reason);
        return Refusal { entries: None, reasons: vec![(reason, 1)], error };
    }
    Refusal { entries: Some(ignored.unwrap_or(0).max(listed)), reasons, error }
}

/// Reads N of `total ignored: N out of M`.
fn total_ignored(line: &str) -> Option<u64> {
    let (_, rest) = line.split_once("total ignored: ")?;
    let (count, _) = rest.split_once(' ')?;
    count.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn respond(status: u16, body: &str) -> Verdict {
        judge(&Answer::Response { status, retry_after_ns: Some(7), body: body.as_bytes().to_vec() })
    }

    fn refused(body: &str) -> (Option<u64>, Vec<(&'static str, u64)>) {
        match respond(400, body) {
            Verdict::Refused(refusal) => (refusal.entries, refusal.reasons),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn statuses() {
        assert_eq!(respond(204, ""), Verdict::Accepted);
        assert_eq!(respond(200, "x"), Verdict::Accepted);
        for (status, rate_limited, may_be_stored) in
            [(429, true, false), (500, false, true), (503, false, true), (404, false, false), (401, false, false)]
        {
            let verdict = respond(status, "no\nmore");
            let Verdict::Retry { rate_limited: limited, after_ns, may_be_stored: stored, error } = verdict else {
                panic!("{status} is tried again")
            };
            assert_eq!((limited, stored, after_ns), (rate_limited, may_be_stored, Some(7)), "{status}");
            assert!(error.ends_with(": no"), "{error}");
        }
        assert!(matches!(respond(413, "too large"), Verdict::Refused(Refusal { entries: None, .. })));
    }

    #[test]
    fn entries_that_loki_names() {
        assert_eq!(
            refused(
                "entry with timestamp 2023-11-14 22:13:20 +0000 UTC ignored, reason: 'entry too far behind, entry \
                 timestamp is: 2023-11-14T22:13:20Z, oldest acceptable timestamp is: 2023-11-15T00:00:00Z',\n\
                 user 'fake', total ignored: 12 out of 20 for stream: {a=\"b\"}"
            ),
            (Some(12), vec![("too_far_behind", 1)])
        );
        assert_eq!(
            refused(
                "Max entry size '262144' bytes exceeded for stream '{a=\"b\"}' while adding an entry with length \
                 '300000' bytes\nentry for stream '{a=\"b\"}' has timestamp too new: 2030-01-01T00:00:00Z"
            ),
            (Some(2), vec![("line_too_long", 1), ("timestamp_too_new", 1)])
        );
        assert_eq!(
            refused("entry for stream '{}' has 20 label names; limit 15"),
            (Some(1), vec![("too_many_labels", 1)])
        );
    }

    #[test]
    fn pushes_refused_whole() {
        assert_eq!(refused("couldn't parse labels: 1:2: parse error: x"), (None, vec![("invalid_labels", 1)]));
        assert_eq!(
            refused("error at least one label pair is required per stream"),
            (None, vec![("missing_labels", 1)])
        );
        assert_eq!(refused("snappy: corrupt input"), (None, vec![("undecodable", 1)]));
        assert_eq!(refused("<html>a proxy's page</html>"), (None, vec![("other", 1)]));
        assert_eq!(refused(""), (None, vec![("other", 1)]));
    }

    #[test]
    fn the_text_is_cut_between_characters() {
        let text = error_text(500, &"é".repeat(1000));
        assert!(text.starts_with("server returned HTTP status 500 Internal Server Error (500): é"));
        assert_eq!(text.matches('é').count(), 512);
    }
}
