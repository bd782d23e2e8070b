//! Holds what arrived against what was written.

use std::collections::HashMap;
use std::fmt::{self, Display};

use longship_workload::digest::Digest;
use longship_workload::truth::{Truth, WriterTruth};
use serde::{Deserialize, Serialize};

use crate::report::WriterReport;

/// How what arrived differs from what was written. An entry counts as arrived once an answer has settled it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// Entries written.
    pub written: u64,
    /// Different entries that arrived.
    pub arrived: u64,
    /// Entries that were written and have not arrived.
    pub lost: u64,
    /// Of the lost ones, those that were in a push that was refused or not answered.
    pub lost_unanswered: u64,
    /// Times an entry arrived again in its stream.
    pub duplicated: u64,
    /// Bytes of the entries that arrived again.
    pub duplicated_bytes: u64,
    /// Entries that arrived for the first time after a later one of their writer and stream.
    pub reordered: u64,
    /// Entries that arrived and that nobody has written; at most, where a writer's sequences have gaps.
    pub unwritten: u64,
    /// Writers whose entries differ in content, order or, where lines have their own, time.
    pub differing: u64,
    /// Of the differing writers, those of which nothing but times differ.
    pub retimed: u64,
    /// What differs, by the first writers that do.
    pub examples: Vec<String>,
}

impl Verdict {
    /// Every entry arrived exactly once, in order, with its content and time.
    pub fn is_exact(&self) -> bool {
        self.is_complete() && self.duplicated == 0
    }

    /// Every entry arrived, in order, with its content and time; some of them more than once, perhaps.
    pub fn is_complete(&self) -> bool {
        self.lost == 0 && self.reordered == 0 && self.unwritten == 0 && self.differing == 0
    }
}

impl Display for Verdict {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "{} written, {} arrived, {} lost ({} of them seen unanswered), {} duplicated, {} reordered, {} unwritten, \
             {} writers differ ({} of them only in times)",
            self.written,
            self.arrived,
            self.lost,
            self.lost_unanswered,
            self.duplicated,
            self.reordered,
            self.unwritten,
            self.differing,
            self.retimed
        )?;
        for example in &self.examples {
            write!(out, "\n  {example}")?;
        }
        Ok(())
    }
}

/// Compares what one tenant got with what was written. Each writer's entries are expected in one stream per output that
/// it wrote to. Identical lines carry no tag; for them compare a stream's `stored` with the truth.
pub fn compare(truth: &Truth, tenant: &str, writers: &[WriterReport]) -> Verdict {
    let mut reports: HashMap<u32, &WriterReport> =
        writers.iter().filter(|report| report.tenant == tenant).map(|report| (report.writer, report)).collect();
    let mut verdict = Verdict::default();
    for written in &truth.writers {
        let report = reports.remove(&written.writer);
        verdict.add(written, report, truth.spec.format.has_times());
    }
    for report in reports.values() {
        verdict.unwritten += report.accepted;
        verdict.example(|| format!("writer {} is unknown", report.writer));
    }
    verdict
}

impl Verdict {
    fn add(&mut self, written: &WriterTruth, report: Option<&WriterReport>, with_times: bool) {
        self.written += written.entries;
        let Some(report) = report else {
            self.lost += written.entries;
            if written.entries > 0 {
                self.differing += 1;
                self.example(|| format!("writer {}: none of {} entries", written.writer, written.entries));
            }
            return;
        };
        let beyond = report.accepted.min(report.sequence_end.saturating_sub(written.entries));
        let lost = written.entries - (report.accepted - beyond);
        self.arrived += report.accepted;
        self.lost += lost;
        self.lost_unanswered += lost.min(report.received - report.accepted);
        self.duplicated += report.duplicated;
        self.duplicated_bytes += report.duplicated_bytes;
        self.reordered += report.reordered;
        self.unwritten += beyond;
        if !has_same_entries(written, report, with_times) {
            self.differing += 1;
            self.retimed += u64::from(with_times && has_same_entries(written, report, false));
            self.example(|| {
                format!(
                    "writer {} ({}): {} of {} entries, up to {}, gaps {:?}, {} duplicated, {} reordered, {} streams",
                    written.writer,
                    written.path.display(),
                    report.accepted,
                    written.entries,
                    report.sequence_end,
                    report.gaps,
                    report.duplicated,
                    report.reordered,
                    report.tracks.len()
                )
            });
        }
    }

    fn example(&mut self, example: impl FnOnce() -> String) {
        if self.examples.len() < EXAMPLES {
            self.examples.push(example());
        }
    }
}

/// So many writers are told of.
const EXAMPLES: usize = 10;

/// Whether each output's entries are those of one stream.
fn has_same_entries(written: &WriterTruth, report: &WriterReport, with_times: bool) -> bool {
    let mut outputs: Vec<&Digest> =
        [&written.stdout, &written.stderr].into_iter().filter(|digest| digest.entries > 0).collect();
    for track in report.tracks.iter().filter(|track| track.accepted.entries > 0) {
        let Some(place) = outputs.iter().position(|output| output.matches(&track.accepted, with_times)) else {
            return false;
        };
        outputs.swap_remove(place);
    }
    outputs.is_empty()
}
