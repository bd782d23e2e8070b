use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use flate2::read::GzDecoder;

use super::Writer;
use crate::digest::Digest;
use crate::spec::{Format, ReopenAfter, Rotation, Spec, Stamps};
use crate::stamp::Clock;
use crate::tag::Tag;

const STAMPS: Stamps = Stamps::Synthetic { start_ns: 1_795_484_649_440_037_965, step_ns: 10_007 };

fn writer(folder: &Path, spec: &Spec) -> (Writer, Clock) {
    (Writer::create(spec, 3, folder, Path::new("pod/app/0.log")).unwrap(), Clock::new(STAMPS))
}

fn rotation(bytes: u64, reopen_after: ReopenAfter, keep: u32, gzip: bool) -> Option<Rotation> {
    Some(Rotation { bytes, reopen_after, keep, gzip })
}

/// The files beside the log by name, as text, decompressed where they are compressed.
fn files(folder: &Path) -> BTreeMap<String, String> {
    fs::read_dir(folder.join("pod/app"))
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let mut text = String::new();
            if path.extension().is_some_and(|last| last == "gz") {
                GzDecoder::new(fs::File::open(&path).unwrap()).read_to_string(&mut text).unwrap();
            } else {
                text = fs::read_to_string(&path).unwrap();
            }
            (path.file_name().unwrap().to_str().unwrap().to_owned(), text)
        })
        .collect()
}

/// All sequences in the files, from the oldest generation to the log itself.
fn sequences(files: &BTreeMap<String, String>) -> Vec<u64> {
    let rotated = files.iter().filter(|(name, _)| *name != "0.log").map(|(_, text)| text);
    rotated
        .chain(files.get("0.log"))
        .flat_map(|text| text.lines())
        .map(|line| Tag::find(line.as_bytes()).unwrap().sequence)
        .collect()
}

#[test]
fn truth_is_what_a_reader_of_the_file_finds() {
    for (format, line_bytes) in [(Format::Cri, 221), (Format::Docker, 512), (Format::Plain, 100), (Format::Cri, 40_000)]
    {
        let folder = tempfile::tempdir().unwrap();
        let spec = Spec { format, line_bytes, stderr_percent: 30, ..Spec::default() };
        let (mut writer, mut clock) = writer(folder.path(), &spec);
        writer.write(200, &mut clock).unwrap();

        let text = files(folder.path()).remove("0.log").unwrap();
        let truth = writer.truth();
        assert_eq!(truth.source_bytes, text.len() as u64);
        assert_eq!(truth.entries, 200);
        let mean = text.len() as u64 / 200;
        assert!(mean.abs_diff(u64::from(line_bytes)) < u64::from(line_bytes) / 10, "{format:?}: mean {mean} bytes");

        let [mut stdout, mut stderr] = [Digest::default(); 2];
        let mut partial = String::new();
        for line in text.lines() {
            let (output, content) = match format {
                Format::Cri => {
                    let mut fields = line.splitn(4, ' ').skip(1);
                    let (output, flag) = (fields.next().unwrap(), fields.next().unwrap());
                    partial.push_str(fields.next().unwrap());
                    if flag == "P" {
                        continue;
                    }
                    (output.to_owned(), std::mem::take(&mut partial))
                }
                Format::Docker => {
                    let json: serde_json::Value = serde_json::from_str(line).unwrap();
                    (json["stream"].as_str().unwrap().to_owned(), json["log"].as_str().unwrap().to_owned())
                }
                Format::Plain | Format::Identical => ("stdout".to_owned(), line.to_owned()),
            };
            let digest = if output == "stdout" { &mut stdout } else { &mut stderr };
            digest.add(0, content.as_bytes());
        }
        assert!(stdout.matches(&truth.stdout, false), "{format:?}");
        assert!(stderr.matches(&truth.stderr, false), "{format:?}");
        assert_eq!(stderr.entries > 0, format.has_outputs());
    }
}

#[test]
fn times_of_the_truth_are_those_in_the_lines() {
    let folder = tempfile::tempdir().unwrap();
    let (mut writer, mut clock) = writer(folder.path(), &Spec::default());
    writer.write(50, &mut clock).unwrap();
    let mut digest = Digest::default();
    for line in files(folder.path())["0.log"].lines() {
        // A line's tag holds the same time as its prefix; the prefix is checked where it is formatted.
        let time_ns = Tag::find(line.as_bytes()).unwrap().written_ns;
        digest.add(time_ns.cast_signed(), line.splitn(4, ' ').nth(3).unwrap().as_bytes());
    }
    assert_eq!(digest, writer.truth().stdout);
}

#[test]
fn rotated_generations_hold_every_line_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let spec = Spec { rotation: rotation(10_000, ReopenAfter::Lines(0), 100, false), ..Spec::default() };
    let (mut writer, mut clock) = writer(folder.path(), &spec);
    writer.write(1_000, &mut clock).unwrap();
    let files = files(folder.path());
    assert_eq!(sequences(&files), (0..1_000).collect::<Vec<_>>());
    assert_eq!(files.len() as u64, writer.truth().rotations + 1);
    assert!(writer.truth().rotations >= 20, "{}", writer.truth().rotations);
    for (name, text) in files.iter().filter(|(name, _)| *name != "0.log") {
        assert!((10_000..10_300).contains(&text.len()), "{name} has {} bytes", text.len());
        assert!(name.starts_with("0.log.20261124-0144"), "{name}");
    }
}

#[test]
fn lines_go_to_the_renamed_log_until_the_new_one_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let spec = Spec { rotation: rotation(u64::MAX, ReopenAfter::Lines(3), 5, false), ..Spec::default() };
    let (mut writer, mut clock) = writer(folder.path(), &spec);
    writer.write(10, &mut clock).unwrap();
    writer.rotate(&clock).unwrap();
    assert!(!writer.log().exists());
    writer.write(3, &mut clock).unwrap();
    assert!(!writer.log().exists(), "the delay is three lines");
    writer.write(2, &mut clock).unwrap();
    let files = files(folder.path());
    let counts: Vec<_> = files.values().map(|text| text.lines().count()).collect();
    assert_eq!(counts, [2, 13], "{:?}", files.keys());
}

#[test]
fn a_delay_in_time_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let delay = Duration::from_millis(30);
    let spec = Spec { rotation: rotation(u64::MAX, ReopenAfter::Time(delay), 5, false), ..Spec::default() };
    let (mut writer, mut clock) = writer(folder.path(), &spec);
    writer.write(1, &mut clock).unwrap();
    writer.rotate(&clock).unwrap();
    std::thread::sleep(delay);
    writer.write(1, &mut clock).unwrap();
    assert_eq!(files(folder.path())["0.log"].lines().count(), 1);
}

#[test]
fn old_generations_are_compressed_then_removed() {
    let folder = tempfile::tempdir().unwrap();
    let spec = Spec { rotation: rotation(u64::MAX, ReopenAfter::Lines(0), 3, true), ..Spec::default() };
    let (mut writer, mut clock) = writer(folder.path(), &spec);
    for _ in 0..5 {
        writer.write(10, &mut clock).unwrap();
        writer.rotate(&clock).unwrap();
    }
    let files = files(folder.path());
    let suffixes: Vec<_> = files.keys().map(|name| name.rsplit_once('.').unwrap().1).collect();
    assert_eq!(suffixes, ["log", "gz", "gz", "20261124-014413"], "the last one is never compressed");
    assert_eq!(sequences(&files), (20..50).collect::<Vec<_>>());
}

#[test]
fn without_generations_to_keep_a_log_is_removed_when_its_successor_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let spec = Spec { rotation: rotation(u64::MAX, ReopenAfter::Lines(1), 0, false), ..Spec::default() };
    let (mut writer, mut clock) = writer(folder.path(), &spec);
    writer.write(2, &mut clock).unwrap();
    writer.rotate(&clock).unwrap();
    assert_eq!(files(folder.path()).len(), 1, "it is only renamed yet");
    writer.write(2, &mut clock).unwrap();
    let files = files(folder.path());
    assert_eq!(files.keys().collect::<Vec<_>>(), ["0.log"]);
    assert_eq!(sequences(&files), [3]);
}
