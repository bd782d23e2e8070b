//! The whole data plane on real files, every rung, against a sink that checks.

use std::fs::{self, OpenOptions};
use std::io::Write as _;

use longship_sink::fault::{Action, Fault};
use longship_sink::sink::{Check, Options as SinkOptions, Sink};

use super::*;
use crate::plan::{
    Authentication, Destination, DestinationKind, Endpoint, Retry, Route, Source, Stage, Tls, Write, WriteIndex,
};

fn plan(sink: &Sink) -> Plan {
    let endpoint = Endpoint {
        url: sink.push_url(),
        tenant_id: String::new(),
        headers: Vec::new(),
        user_agent: "test".to_owned(),
        authentication: Authentication::None,
        tls: Tls::default(),
        request_timeout: Duration::from_secs(5),
        retry: Retry {
            backoff_min: Duration::from_millis(10),
            backoff_max: Duration::from_millis(100),
            attempts_max: None,
            retry_on_429: true,
        },
    };
    let destination = Destination {
        name: "0".to_owned(),
        batch_wait: Duration::from_millis(50),
        batch_bytes_max: 1 << 20,
        kind: DestinationKind::Loki(Box::new(endpoint)),
    };
    Plan {
        sources: vec![Source {
            component_id: "loki.source.file.f".to_owned(),
            tail_from_end: false,
            routes: vec![Route { stages: vec![Stage::Cri { partial_bytes_max: None }], write: WriteIndex(0) }],
        }],
        writes: vec![Write {
            component_id: "loki.write.w".to_owned(),
            external_labels: Vec::new(),
            destinations: vec![destination],
        }],
    }
}

fn options(storage: &Path, read_rung: ReadRung, observe_rung: ObserveRung) -> Options {
    Options {
        storage_path: storage.to_owned(),
        shards: 2,
        pin: false,
        read_rung,
        observe_rung,
        budget_bytes: crate::limits::BUDGET_BYTES,
        unanswered_bytes_max: crate::limits::UNANSWERED_BYTES_MAX,
        compression: Compression::default(),
    }
}

fn targets(folder: &Path) -> Vec<Target> {
    let target = |number: usize| {
        let path = folder.join(format!("{number}.log"));
        Target { labels: vec![("filename".to_owned(), path.display().to_string())], path }
    };
    (0..LOGS).map(target).collect()
}

const LOGS: usize = 5;

fn append(folder: &Path, number: usize, lines: std::ops::Range<usize>) {
    let mut text = String::new();
    for line in lines {
        text += &format!("2023-11-14T22:13:20.{line:09}Z stdout F log {number} line {line}\n");
    }
    let path = folder.join(format!("{number}.log"));
    let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

async fn until(mut done: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !done() {
        assert!(begin.elapsed() < Duration::from_secs(20), "it takes too long");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn ship(read_rung: ReadRung, observe_rung: ObserveRung) {
    let folder = tempfile::tempdir().unwrap();
    let storage = folder.path().join("storage");
    let logs = folder.path().join("logs");
    fs::create_dir(&logs).unwrap();
    let sink =
        Sink::start(SinkOptions::check(Check { entries_kept: 100_000, ..Check::default() })).expect("a sink starts");
    (0..LOGS - 1).for_each(|number| append(&logs, number, 0..1_000));
    let start = || Pipeline::start(plan(&sink), options(&storage, read_rung, observe_rung)).expect("it starts");

    let pipeline = start();
    pipeline.set_targets(SourceIndex(0), targets(&logs));
    until(|| sink.entries().len() == (LOGS - 1) * 1_000).await;
    // A file that appears, one that is rotated, and a sink that has a bad day.
    sink.set_faults(vec![Fault::next(3, Action::refuse(500))]);
    append(&logs, LOGS - 1, 0..1_000);
    fs::rename(logs.join("0.log"), logs.join("0.log.20261125-101112")).unwrap();
    append(&logs, 0, 1_000..2_000);
    (1..LOGS - 1).for_each(|number| append(&logs, number, 1_000..1_500));
    let expected = (LOGS - 1) * 1_000 + 2_000 + (LOGS - 2) * 500;
    until(|| sink.entries().len() == expected).await;
    let snapshot = pipeline.snapshot().await;
    assert_eq!(snapshot.files.len(), LOGS);
    assert_eq!(snapshot.files.iter().map(|file| file.read_lines).sum::<u64>(), expected as u64);
    let report = pipeline.stop(Duration::from_secs(5)).await;
    assert!(report.drained);
    assert_eq!(report.last.destinations[0].sent_entries, expected as u64);
    assert_eq!(report.unacknowledged_bytes, 0);

    // A later life goes on where this one ended.
    append(&logs, 3, 1_500..1_600);
    let pipeline = start();
    pipeline.set_targets(SourceIndex(0), targets(&logs));
    until(|| sink.entries().len() == expected + 100).await;
    assert!(pipeline.stop(Duration::from_secs(5)).await.drained);
    let mut lines: Vec<Vec<u8>> = sink.entries().into_iter().map(|entry| entry.line).collect();
    lines.sort();
    let all = lines.len();
    lines.dedup();
    assert_eq!((all, lines.len()), (expected + 100, expected + 100));
    let rungs = (snapshot.read_rung, snapshot.observe_rung);
    assert_eq!(rungs.0, if read_rung == ReadRung::Pread { "pread" } else { "io_uring" });
    assert_eq!(rungs.1, if observe_rung == ObserveRung::Poll { "poll" } else { "inotify" });
}

#[tokio::test(flavor = "current_thread")]
async fn ships_by_io_uring_and_inotify() {
    let allowed = thread::spawn(|| tokio_uring::Runtime::new(&tokio_uring::builder()).is_ok()).join();
    if !allowed.expect("the probe does not panic") {
        println!("SKIPPED io_uring is refused here");
        return;
    }
    ship(ReadRung::IoUring, ObserveRung::Inotify).await;
}

#[tokio::test(flavor = "current_thread")]
async fn ships_by_pread_and_inotify() {
    ship(ReadRung::Pread, ObserveRung::Inotify).await;
}

#[tokio::test(flavor = "current_thread")]
async fn ships_by_pread_and_polling() {
    ship(ReadRung::Pread, ObserveRung::Poll).await;
}

#[tokio::test(flavor = "current_thread")]
async fn stopping_ends_in_time_whatever_the_sink_does() {
    let folder = tempfile::tempdir().unwrap();
    let sink = Sink::start(SinkOptions::check(Check::default())).expect("a sink starts");
    sink.set_faults(vec![Fault::always(Action::Hang)]);
    append(folder.path(), 0, 0..1_000);
    let storage = folder.path().join("storage");
    let pipeline =
        Pipeline::start(plan(&sink), options(&storage, ReadRung::Auto, ObserveRung::Auto)).expect("it starts");
    pipeline.set_targets(SourceIndex(0), targets(folder.path()));
    until(|| sink.unanswered_now() > 0).await;
    let report = pipeline.stop(Duration::from_millis(300)).await;
    assert!(!report.drained);
    assert!(report.unacknowledged_bytes > 0);
    assert!(report.took < Duration::from_millis(300) + STOP_MARGIN, "{:?}", report.took);
}

#[test]
fn generations_of_a_log_are_of_one_shard() {
    for names in [
        &["/a/0.log", "/a/0.log.20261125-101112", "/a/0.log.20261125-101112.gz"][..],
        &["/a/messages", "/a/messages.1", "/a/messages-20261125"],
    ] {
        for shards in 1..8 {
            let shard = shard_of(Path::new(names[0]), shards);
            assert!(names.iter().all(|name| shard_of(Path::new(name), shards) == shard), "{names:?}");
        }
    }
}

#[test]
fn logs_of_one_folder_are_spread() {
    let mut logs = [0; 4];
    for number in 0..1_000 {
        logs[shard_of(Path::new(&format!("/a/writer-{number:05}.log")), 4)] += 1;
    }
    assert!(logs.iter().all(|logs| *logs > 150), "{logs:?}");
}
