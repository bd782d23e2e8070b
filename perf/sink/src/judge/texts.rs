//! The words of Loki 3.4's answers, as an agent has to read them.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use hyper::StatusCode;
use longship_workload::civil::Civil;

use super::Failed;
use crate::book::StreamBook;
use crate::decode::Stream;
use crate::fault::EntryReason;
use crate::labels::LabelSet;

pub(super) const NO_STREAMS: &str = "error at least one valid stream is required for ingestion";
pub(super) const NO_LABELS: &str = "error at least one label pair is required per stream";

/// An ingester lists so many of the entries it refused (`max_returned_stream_errors`).
const LISTED: usize = 10;

pub(super) fn labels(reason: &str) -> String {
    format!("couldn't parse labels: {reason}")
}

pub(super) fn label_names(labels: &LabelSet, names: usize, limit: usize) -> String {
    format!("entry for stream '{labels}' has {names} label names; limit {limit}")
}

pub(super) fn label_name_long(labels: &LabelSet, name: &str) -> String {
    format!("stream '{labels}' has label name too long: '{name}'")
}

pub(super) fn label_value_long(labels: &LabelSet, value: &str) -> String {
    format!("stream '{labels}' has label value too long: '{value}'")
}

pub(super) fn label_twice(labels: &LabelSet, name: &str) -> String {
    format!("stream '{labels}' has duplicate label name: '{name}'")
}

pub(super) fn too_old(labels: &LabelSet, time_ns: i64, oldest_ns: i64) -> String {
    let (time, oldest) = (civil(time_ns).rfc3339(), civil(oldest_ns).rfc3339());
    format!("entry for stream '{labels}' has timestamp too old: {time}, oldest acceptable timestamp is: {oldest}")
}

pub(super) fn too_new(labels: &LabelSet, time_ns: i64) -> String {
    format!("entry for stream '{labels}' has timestamp too new: {}", civil(time_ns).rfc3339())
}

pub(super) fn line_long(labels: &LabelSet, bytes: usize, limit: usize) -> String {
    format!(
        "Max entry size '{limit}' bytes exceeded for stream '{labels}' while adding an entry with length '{bytes}' bytes"
    )
}

pub(super) fn metadata_large(labels: &LabelSet, bytes: usize, limit: usize) -> String {
    format!(
        "stream '{labels}' has structured metadata too large: '{bytes}' bytes, limit: '{limit}' bytes. Please see \
         `limits_config.max_structured_metadata_size` or contact your Loki administrator to increase it"
    )
}

pub(super) fn metadata_many(labels: &LabelSet, pairs: usize, limit: usize) -> String {
    format!(
        "stream '{labels}' has too many structured metadata labels: '{pairs}', limit: '{limit}'. Please see \
         `limits_config.max_structured_metadata_entries_count` or contact your Loki administrator to increase it"
    )
}

/// Joins the distributor's reasons: each text once, with its number where there is more than one reason.
pub(super) fn grouped(reasons: &[String]) -> String {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for reason in reasons {
        *counts.entry(reason).or_default() += 1;
    }
    if let [reason] = reasons {
        return reason.clone();
    }
    let texts: Vec<_> = counts.into_iter().map(|(reason, count)| format!("{count} errors like: {reason}")).collect();
    texts.join("; ")
}

/// What is said where a tenant is over its rate limit.
pub(super) fn tenant_rate(tenant: &str, limit: u64, lines: usize, bytes: usize) -> String {
    format!(
        "ingestion rate limit exceeded for user {tenant} (limit: {limit} bytes/sec) while attempting to ingest \
         '{lines}' lines totaling '{bytes}' bytes, reduce log volume or contact your Loki administrator to see if the \
         limit can be increased"
    )
}

/// The name of a status, which is all that is said where nothing better is known.
pub(super) fn status_name(status: u16) -> String {
    let known = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
    known.unwrap_or("unknown status").to_owned()
}

/// What an ingester says of a stream some of whose `left` entries failed.
pub(super) fn ingester(tenant: &str, known: &StreamBook, stream: &Stream, failed: &[Failed], left: usize) -> String {
    let labels = &known.labels;
    if failed.iter().any(|failed| failed.reason == EntryReason::ActiveStreams) {
        return format!(
            "maximum active stream limit exceeded when trying to create stream {labels}, reduce the number of active \
             streams (reduce labels or reduce label values), or contact your Loki administrator to see if the limit \
             can be increased, user: '{tenant}'"
        );
    }
    let mut text = String::new();
    for failed in failed.iter().take(LISTED) {
        let entry = &stream.entries[failed.entry];
        let time = civil(entry.time_ns).go_string();
        let reason = if failed.reason == EntryReason::StreamRate {
            format!(
                "Per stream rate limit exceeded (limit: 3MB/sec) while attempting to ingest for stream '{labels}' \
                 totaling {}, consider splitting a stream via additional labels or contact your Loki administrator to \
                 see if the limit can be increased",
                byte_size(entry.line.len())
            )
        } else {
            let (time, cutoff) = (civil(entry.time_ns).rfc3339(), civil(failed.cutoff_ns).rfc3339());
            format!("entry too far behind, entry timestamp is: {time}, oldest acceptable timestamp is: {cutoff}")
        };
        writeln!(text, "entry with timestamp {time} ignored, reason: '{reason}',").expect("a string takes everything");
    }
    let ignored = failed.len();
    write!(text, "user '{tenant}', total ignored: {ignored} out of {left} for stream: {labels}")
        .expect("a string takes everything");
    text
}

/// Prints a size as Loki does: in the largest unit that divides it.
fn byte_size(bytes: usize) -> String {
    for (unit, size) in [("GB", 1 << 30), ("MB", 1 << 20), ("KB", 1 << 10)] {
        if bytes > 0 && bytes.is_multiple_of(size) {
            return format!("{}{unit}", bytes / size);
        }
    }
    format!("{bytes}B")
}

fn civil(ns: i64) -> Civil {
    Civil::from_ns(u64::try_from(ns).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::{byte_size, grouped};

    #[test]
    fn sizes_are_short() {
        for (bytes, text) in [(0, "0B"), (500, "500B"), (1_500, "1500B"), (2_048, "2KB"), (3 << 20, "3MB")] {
            assert_eq!(byte_size(bytes), text);
        }
    }

    #[test]
    fn reasons_are_grouped_as_loki_groups_them() {
        let reasons = |texts: &[&str]| grouped(&texts.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(reasons(&["a"]), "a");
        assert_eq!(reasons(&["a", "a"]), "2 errors like: a");
        assert_eq!(reasons(&["b", "a", "b"]), "1 errors like: a; 2 errors like: b");
    }
}
