use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use super::{Pace, Until, Workload};
use crate::spec::{Format, Layout, Spec, Stamps};
use crate::truth::Truth;

fn files(folder: &Path, workload: &Workload) -> Vec<Vec<u8>> {
    workload.truth().writers.iter().map(|writer| fs::read(folder.join(&writer.path)).unwrap()).collect()
}

#[test]
fn a_seed_decides_every_byte() {
    let write = |seed| {
        let folder = tempfile::tempdir().unwrap();
        let spec = Spec { seed, files: 3, active: 3, ..Spec::default() };
        let mut workload = Workload::create(folder.path(), &spec).unwrap();
        workload.run(Pace::Unlimited, Until { source_bytes: Some(1 << 20), ..Until::default() }).unwrap();
        let files = files(folder.path(), &workload);
        let bytes: usize = files.iter().map(Vec::len).sum();
        assert!((1 << 20..(1 << 20) + 300).contains(&bytes), "{bytes} bytes");
        assert_eq!(workload.truth().source_bytes(), bytes as u64);
        assert_eq!(workload.progress().source_bytes(), bytes as u64);
        files
    };
    assert!(write(1) == write(1), "two runs of one seed differ");
    assert!(write(1) != write(2), "two seeds give the same bytes");
}

#[test]
fn files_that_do_not_grow_hold_their_lines_and_are_old() {
    let folder = tempfile::tempdir().unwrap();
    let age = Duration::from_secs(3_600);
    let spec = Spec { files: 10, active: 2, idle_lines: 5, idle_age: age, layout: Layout::Flat, ..Spec::default() };
    let mut workload = Workload::create(folder.path(), &spec).unwrap();
    workload.run(Pace::Unlimited, Until { entries: Some(4_000), ..Until::default() }).unwrap();
    let truth = workload.truth();
    let entries: Vec<_> = truth.writers.iter().map(|writer| writer.entries).collect();
    assert_eq!(entries[2..], [5; 8]);
    assert!(entries[0] > 1_000 && entries[1] > 1_000, "{entries:?}");
    assert_eq!(truth.entries(), 4_040);
    let modified = |name: &str| fs::metadata(folder.path().join(name)).unwrap().modified().unwrap();
    assert!(modified("writer-00009.log").elapsed().unwrap() > Duration::from_secs(3_500));
    assert!(modified("writer-00000.log").elapsed().unwrap() < Duration::from_secs(100));
}

#[test]
fn identical_lines_are_identical_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let spec = Spec { format: Format::Identical, ..Spec::default() };
    let mut workload = Workload::create(folder.path(), &spec).unwrap();
    workload.run(Pace::Unlimited, Until { entries: Some(1_000), ..Until::default() }).unwrap();
    let text = String::from_utf8(files(folder.path(), &workload).remove(0)).unwrap();
    assert_eq!(text.lines().count(), 1_000);
    assert!(text.lines().all(|line| line == text.lines().next().unwrap()));
    assert_eq!(workload.truth().writers[0].stdout.entries, 1_000);
}

#[test]
fn a_pace_is_kept_and_a_stop_is_heard() {
    let folder = tempfile::tempdir().unwrap();
    let spec = Spec { files: 3, active: 3, stamps: Stamps::Wall, ..Spec::default() };
    let workload = Workload::create(folder.path(), &spec).unwrap();
    let begin = Instant::now();
    let running = workload.spawn(Pace::LinesPerSecond(2_000), Until::default());
    while running.progress().entries() < 200 {
        std::thread::sleep(Duration::from_millis(1));
    }
    let workload = running.stop().unwrap();
    let entries = workload.truth().entries();
    let allowed = begin.elapsed().as_micros() * 2 / 1_000 + 1;
    assert!(entries >= 200 && u128::from(entries) <= allowed, "{entries} lines, {allowed} allowed");
    let counts: Vec<_> = workload.truth().writers.iter().map(|writer| writer.entries).collect();
    assert!(counts.iter().max().unwrap() - counts.iter().min().unwrap() <= 1, "{counts:?}");
    let bytes: usize = files(folder.path(), &workload).iter().map(Vec::len).sum();
    assert_eq!(bytes as u64, workload.truth().source_bytes(), "everything is in the files after a run");
}

#[test]
fn a_truth_is_saved_and_loaded() {
    let folder = tempfile::tempdir().unwrap();
    let mut workload = Workload::create(&folder.path().join("logs"), &Spec::default()).unwrap();
    workload.run(Pace::Unlimited, Until { entries: Some(10), ..Until::default() }).unwrap();
    let path = folder.path().join("truth.json");
    workload.truth().save(&path).unwrap();
    assert_eq!(Truth::load(&path).unwrap(), workload.truth());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "no unfinished file stays");
}

#[test]
fn impossible_specifications_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (spec, reason) in [
        (Spec { files: 2, active: 3, ..Spec::default() }, "between 1 and 2 of 2 files can be active, got 3"),
        (Spec { line_bytes: 0, ..Spec::default() }, "a line has between 1 and 67108864 bytes, got 0"),
        (
            Spec { format: Format::Docker, line_bytes: 16_384, ..Spec::default() },
            "Docker cuts content over 16384 bytes",
        ),
    ] {
        let error = Workload::create(folder.path(), &spec).unwrap_err().to_string();
        assert!(error.starts_with(reason), "{error}");
    }
}
