//! Series of the followed files, under the names that Alloy's `loki.source.file` has.
//!
//! A file's series are there as long as it is in the snapshot, so they end with it, after a grace period.

use std::borrow::Cow;
use std::collections::BTreeMap;

use longship_pipeline::plan::Plan;
use longship_pipeline::{FileSnapshot, Snapshot};

use super::text::{Kind, Page};
use super::{COMPONENT_PATH, component_id};

/// Writes the series of all sources and of the files they follow.
pub(super) fn write(page: &mut Page, plan: &Plan, snapshot: &Snapshot) {
    let files = Files::gather(plan, snapshot);
    let mut family =
        page.family("loki_source_file_files_active_total", Kind::Gauge, "Files that are open and being followed.");
    for (component, active) in &files.active {
        family.sample(&[("component_id", component), COMPONENT_PATH], *active);
    }
    let read = "Offset up to which the file has been read, in bytes.";
    files.write(page, "loki_source_file_read_bytes_total", Kind::Gauge, read, |file| file.read_offset_bytes);
    let size = "Size of the file when it was last looked at, in bytes.";
    files.write(page, "loki_source_file_file_bytes_total", Kind::Gauge, size, |file| file.size_bytes);
    let lines = "Lines read from the file and from the generations before it.";
    files.write(page, "loki_source_file_read_lines_total", Kind::Counter, lines, |file| file.read_lines);

    let lost = "Bytes that a truncation or a rewritten file took away before they were read.";
    let mut family = page.family("longship_source_file_lost_bytes_total", Kind::Counter, lost);
    for ((component, path), file) in &files.by_path {
        family.sample(&[("component_id", component), ("path", path)], file.lost_bytes);
    }
}

/// The files of a snapshot by what their series are told apart by. Paths are not copied: a node may have ten thousand.
struct Files<'a> {
    active: BTreeMap<&'a str, u64>,
    by_path: BTreeMap<(&'a str, Cow<'a, str>), Readings>,
}

/// What is told of a file.
struct Readings {
    read_offset_bytes: u64,
    size_bytes: u64,
    read_lines: u64,
    lost_bytes: u64,
    active: bool,
}

impl<'a> Files<'a> {
    fn gather(plan: &'a Plan, snapshot: &'a Snapshot) -> Self {
        let mut active: BTreeMap<_, _> = plan.sources.iter().map(|source| (source.component_id.as_str(), 0)).collect();
        let mut by_path = BTreeMap::new();
        for file in &snapshot.files {
            let component = component_id(plan, file.source);
            *active.entry(component).or_default() += u64::from(file.active);
            let path = file.path.to_string_lossy();
            by_path.entry((component, path)).and_modify(|known| add(known, file)).or_insert(Readings {
                read_offset_bytes: file.read_offset_bytes,
                size_bytes: file.size_bytes,
                read_lines: file.read_lines,
                lost_bytes: file.lost_bytes,
                active: file.active,
            });
        }
        Self { active, by_path }
    }

    fn write(&self, page: &mut Page, name: &str, kind: Kind, help: &str, value: fn(&Readings) -> u64) {
        let mut family = page.family(name, kind, help);
        for ((component, path), file) in &self.by_path {
            family.sample(&[("component_id", component), COMPONENT_PATH, ("path", path)], value(file));
        }
    }
}

/// Adds what another file under the same path counted: one that ended a moment ago, or one whose path differs only in
/// what is not UTF-8. The readings are those of the one that is followed.
fn add(known: &mut Readings, other: &FileSnapshot) {
    known.read_lines += other.read_lines;
    known.lost_bytes += other.lost_bytes;
    if other.active && !known.active {
        known.active = true;
        known.read_offset_bytes = other.read_offset_bytes;
        known.size_bytes = other.size_bytes;
    }
}
