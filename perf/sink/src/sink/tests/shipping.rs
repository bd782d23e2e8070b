//! A workload's truth against what a small shipper of its files brings in.

use std::fs;
use std::path::Path;

use bytes::Bytes;
use longship_workload::spec::{Format, ReopenAfter, Rotation, Spec, Stamps};
use longship_workload::tag::Tag;
use longship_workload::truth::Truth;
use longship_workload::workload::{Pace, Until, Workload};

use super::client::{Client, compress, entry};
use super::{Check, Options, Sink, checking};
use crate::decode::proto::{EntryAdapter, PushRequest, StreamAdapter};
use crate::server::PUSH_PATH;
use crate::verdict::{Verdict, compare};

/// The entries of a log by output, from its oldest generation on, parsed without regard for speed.
fn entries(log: &Path, format: Format) -> [Vec<EntryAdapter>; 2] {
    let name = log.file_name().unwrap().to_str().unwrap();
    let mut generations: Vec<_> = fs::read_dir(log.parent().unwrap())
        .unwrap()
        .map(|file| file.unwrap().path())
        .filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with(&format!("{name}.")))
        .collect();
    generations.sort();
    generations.push(log.to_path_buf());
    let mut outputs = [Vec::new(), Vec::new()];
    let mut partial = String::new();
    for generation in generations {
        for line in fs::read_to_string(generation).unwrap().lines() {
            match format {
                Format::Cri => {
                    let fields: Vec<_> = line.splitn(4, ' ').collect();
                    partial.push_str(fields[3]);
                    if fields[2] == "F" {
                        let time_ns = nanoseconds(fields[0]);
                        let line = Bytes::from(std::mem::take(&mut partial));
                        outputs[usize::from(fields[1] == "stderr")].push(entry(time_ns, line));
                    }
                }
                Format::Docker => {
                    let json: serde_json::Value = serde_json::from_str(line).unwrap();
                    let log = Bytes::from(json["log"].as_str().unwrap().to_owned());
                    let time_ns = nanoseconds(json["time"].as_str().unwrap());
                    outputs[usize::from(json["stream"] == "stderr")].push(entry(time_ns, log));
                }
                Format::Plain | Format::Identical => {
                    let time_ns = outputs[0].len().try_into().unwrap();
                    outputs[0].push(entry(time_ns, Bytes::from(line.to_owned())));
                }
            }
        }
    }
    outputs
}

/// Reads the nanoseconds of a time of 2026-11-24, on which all synthetic lines are written.
fn nanoseconds(time: &str) -> i64 {
    let time = time.strip_prefix("2026-11-24T").unwrap().strip_suffix('Z').unwrap();
    let (clock, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let seconds = clock.split(':').fold(0, |seconds, part| seconds * 60 + part.parse::<i64>().unwrap());
    let fraction: i64 = format!("{fraction:0<9}").parse().unwrap();
    (1_795_478_400 + seconds) * 1_000_000_000 + fraction
}

/// Pushes every log of a workload, `batch` entries of a stream at a time.
fn ship(client: &mut Client, folder: &Path, truth: &Truth, batch: usize) {
    for writer in &truth.writers {
        for (output, entries) in ["stdout", "stderr"].iter().zip(entries(&folder.join(&writer.path), truth.spec.format))
        {
            let labels = format!("{{filename=\"{}\", stream=\"{output}\"}}", writer.path.display());
            for entries in entries.chunks(batch) {
                let stream = StreamAdapter { labels: labels.clone(), entries: entries.to_vec(), hash: 0 };
                let body = compress(&PushRequest { streams: vec![stream] });
                assert_eq!(client.request("POST", PUSH_PATH, &body).unwrap().status, 204);
            }
        }
    }
}

fn write(folder: &Path, spec: &Spec, entries: u64) -> Truth {
    let mut workload = Workload::create(folder, spec).unwrap();
    // One line per log in turn.
    workload.run(Pace::LinesPerSecond(1_000_000), Until { entries: Some(entries), ..Until::default() }).unwrap();
    workload.truth()
}

fn shipped(spec: &Spec, lines: u64) -> (Sink, Client, tempfile::TempDir, Truth) {
    let folder = tempfile::tempdir().unwrap();
    let truth = write(folder.path(), spec, lines);
    let (sink, mut client) = checking(Check::default());
    ship(&mut client, folder.path(), &truth, 100);
    (sink, client, folder, truth)
}

fn verdict(sink: &Sink, truth: &Truth) -> Verdict {
    compare(truth, "fake", &sink.writers())
}

#[test]
fn what_is_shipped_once_and_in_order_equals_the_truth() {
    let rotation = Rotation { bytes: 20_000, reopen_after: ReopenAfter::Lines(3), keep: 1_000, gzip: false };
    for spec in [
        Spec { files: 5, active: 5, stderr_percent: 20, rotation: Some(rotation), ..Spec::default() },
        Spec { format: Format::Docker, stderr_percent: 20, line_bytes: 300, ..Spec::default() },
        Spec { format: Format::Plain, line_bytes: 100, ..Spec::default() },
        Spec { line_bytes: 40_000, ..Spec::default() },
        Spec { files: 4, active: 1, idle_lines: 7, ..Spec::default() },
    ] {
        let (sink, _, _, truth) = shipped(&spec, 600);
        let verdict = verdict(&sink, &truth);
        assert!(verdict.is_exact(), "{spec:?}: {verdict}");
        assert_eq!((verdict.arrived, verdict.written), (truth.entries(), truth.entries()));
        let check = sink.stats().check.unwrap();
        assert_eq!((check.findings, check.out_of_order), (0, 0), "{:?}", check.first_findings);
    }
}

#[test]
fn every_difference_is_seen() {
    let (sink, mut client, folder, truth) = shipped(&Spec { files: 2, active: 2, ..Spec::default() }, 500);
    assert!(verdict(&sink, &truth).is_exact());
    ship(&mut client, folder.path(), &truth, 500);
    let twice = verdict(&sink, &truth);
    assert_eq!(twice.duplicated, 500);
    assert!(twice.is_complete() && !twice.is_exact(), "{twice}");

    let mut more = truth.clone();
    more.writers[1].entries += 1;
    let lost = verdict(&sink, &more);
    assert_eq!((lost.lost, lost.is_complete()), (1, false), "{lost}");

    let mut fewer = truth.clone();
    fewer.writers.pop();
    let unwritten = verdict(&sink, &fewer);
    assert_eq!(unwritten.unwritten, truth.writers[1].entries, "{unwritten}");
    assert!(!unwritten.is_complete());

    let mut other = truth.clone();
    other.writers[0].stdout.timed ^= 1;
    let differing = verdict(&sink, &other);
    assert_eq!((differing.differing, differing.retimed, differing.lost), (1, 1, 0), "{differing}");
    assert!(!differing.is_complete());

    let nothing = compare(&truth, "somebody else", &sink.writers());
    assert_eq!(nothing.lost, 500, "tenants are apart");
}

#[test]
fn a_wrong_order_is_seen_though_all_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let truth = write(folder.path(), &Spec::default(), 100);
    let (sink, mut client) = checking(Check::default());
    let mut entries = entries(&folder.path().join(&truth.writers[0].path), Format::Cri)[0].clone();
    entries.swap(40, 41);
    let stream = StreamAdapter { labels: "{a=\"x\"}".to_owned(), entries, hash: 0 };
    client.request("POST", PUSH_PATH, &compress(&PushRequest { streams: vec![stream] })).unwrap();
    let verdict = verdict(&sink, &truth);
    assert_eq!((verdict.lost, verdict.reordered, verdict.differing, verdict.retimed), (0, 1, 1, 0), "{verdict}");
    assert_eq!(sink.stats().check.unwrap().out_of_order, 1);
}

#[test]
fn identical_lines_are_counted_by_what_is_stored() {
    let folder = tempfile::tempdir().unwrap();
    let truth = write(folder.path(), &Spec { format: Format::Identical, ..Spec::default() }, 1_000);
    let sink = Sink::start(Options::check(Check { drop_equal: true, ..Check::default() })).unwrap();
    let mut client = Client::new(&sink);
    ship(&mut client, folder.path(), &truth, 300);
    ship(&mut client, folder.path(), &truth, 300);
    let streams = sink.streams();
    assert!(streams[0].stored.matches(&truth.writers[0].stdout, false), "{streams:?}");
    assert_eq!((streams[0].received, streams[0].equal), (2_000, 1_000));
    assert!(sink.writers().is_empty(), "they carry no tag");
}

#[test]
fn synthetic_times_lie_where_the_shipper_expects_them() {
    let spec = Spec::default();
    let Stamps::Synthetic { start_ns, .. } = spec.stamps else { unreachable!("the default is synthetic") };
    assert_eq!(nanoseconds("2026-11-24T01:44:09.440037965Z"), i64::try_from(start_ns).unwrap());
    let folder = tempfile::tempdir().unwrap();
    let truth = write(folder.path(), &spec, 10);
    let entries = &entries(&folder.path().join(&truth.writers[0].path), Format::Cri)[0];
    for entry in entries {
        let time = entry.timestamp.unwrap();
        let time_ns = time.seconds * 1_000_000_000 + i64::from(time.nanos);
        assert_eq!(Tag::find(&entry.line).unwrap().written_ns, u64::try_from(time_ns).unwrap());
    }
}
