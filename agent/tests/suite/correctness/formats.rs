//! What stands in files.

use std::fs;
use std::time::Duration;

use longship_sink::sink::Check;
use longship_workload::spec::{Format, ReopenAfter, Rotation, Spec};
use longship_workload::workload::{Pace, Until, Workload};

use super::bench::{Bench, append, expect_lines};
use crate::harness::checks::{assert_well_formed, checking, mebibytes, wait_for_all};
use crate::harness::configuration::labels;

/// Content of one entry; the rest of a longer line is cut off.
const LINE_BYTES_MAX: usize = 256 << 10;

/// CRI with and without records in parts, Docker's JSON and plain lines, all rotated while they are written, in files
/// that were not there when the agent started.
pub(super) fn all_formats_with_rotation(bench: &Bench) {
    let sink = checking(Check::default());
    let rotation = |bytes, reopen_after| Some(Rotation { bytes, reopen_after, keep: 50, gzip: false });
    let [lines, time] = [ReopenAfter::Lines(5), ReopenAfter::Time(Duration::from_millis(50))];
    let mixed = Spec { files: 4, active: 4, stderr_percent: 20, ..Spec::default() };
    let workloads = [
        ("cri", "stage.cri { }", 2_000, Spec { rotation: rotation(100_000, lines), ..mixed.clone() }),
        (
            "parts",
            "stage.cri { }",
            50,
            Spec { line_bytes: 40_000, rotation: rotation(500_000, lines), ..mixed.clone() },
        ),
        (
            "docker",
            "stage.docker { }",
            1_000,
            Spec { format: Format::Docker, line_bytes: 300, rotation: rotation(70_000, time), ..mixed.clone() },
        ),
        ("plain", "", 2_000, Spec { format: Format::Plain, rotation: rotation(100_000, time), ..mixed }),
    ];
    // Writers of different workloads have equal numbers, so each workload is a tenant.
    let configuration: String = workloads
        .iter()
        .map(|(name, stages, ..)| bench.route(name, stages, &sink, &format!("tenant_id = \"{name}\"")))
        .collect();
    bench.node.configure(&configuration);
    let mut agent = bench.start();
    let running = workloads.map(|(name, _, rate, spec)| {
        let workload = Workload::create(&bench.node.logs().join(name), &spec).unwrap();
        let until = Until { duration: Some(Duration::from_secs(3)), ..Until::default() };
        (name, workload.spawn(Pace::LinesPerSecond(rate), until))
    });
    for (name, running) in running {
        let truth = running.join().unwrap().truth();
        let verdict = wait_for_all(&mut agent, &sink, name, &truth);
        assert!(verdict.is_exact(), "{name}: {verdict}");
        assert!(truth.writers.iter().all(|writer| writer.rotations > 0), "{name} was not rotated");
    }
    agent.stop();
    let check = sink.stats().check.unwrap();
    assert_eq!((check.received, check.out_of_order), (check.accepted, 0));
    assert_well_formed(&sink);
}

/// The parts of a record are joined over a restart and over a rotation; the entry has the time of the last one.
pub(super) fn records_in_parts(bench: &Bench) {
    let sink = checking(Check { entries_kept: 100, ..Check::default() });
    bench.node.configure(&bench.route("cri", "stage.cri { }", &sink, ""));
    let log = bench.log("cri", "a.log");
    let [stdout, stderr] = ["stdout", "stderr"].map(|stream| labels(&log, "cri", Some(stream)));
    let line = |second: u32, rest: &str| format!("2026-11-24T01:44:{second:02}.000000001Z {rest}\n");
    append(&log, line(1, "stdout F whole"));
    append(&log, line(2, "stdout P begun "));
    append(&log, line(3, "stderr F beside it"));
    let mut agent = bench.start();
    expect_lines(&mut agent, &sink, &stderr, &["beside it"]);
    expect_lines(&mut agent, &sink, &stdout, &["whole"]);
    agent.stop();

    let mut agent = bench.start();
    append(&log, line(4, "stdout P in one life, "));
    append(&log, line(5, "stdout F ended in the next"));
    append(&log, line(6, "stdout P begun in one file, "));
    let joined = "begun in one life, ended in the next";
    expect_lines(&mut agent, &sink, &stdout, &["whole", joined]);
    fs::rename(&log, bench.log("cri", "a.log.20261124-014407")).unwrap();
    append(&log, line(7, "stdout F ended in the next"));
    expect_lines(&mut agent, &sink, &stdout, &["whole", joined, "begun in one file, ended in the next"]);
    agent.stop();

    let entries = sink.entries().into_iter().filter(|entry| entry.labels == stdout);
    let times: Vec<_> = entries.map(|entry| entry.time_ns - NS_OF_0144).collect();
    assert_eq!(times, [1_000_000_001, 5_000_000_001, 7_000_000_001]);
    assert_eq!(sink.stats().check.unwrap().received, 4, "nothing is sent twice");
}

/// 2026-11-24T01:44:00Z.
const NS_OF_0144: i64 = 1_795_484_640_000_000_000;

/// Empty lines are entries; a carriage return before the newline goes; what is not UTF-8 is replaced; NUL stays; a line
/// that is not of the format passes as it is.
pub(super) fn odd_bytes(bench: &Bench) {
    let sink = checking(Check { entries_kept: 100, ..Check::default() });
    let configuration = bench.route("plain", "", &sink, "") + &bench.route("cri", "stage.cri { }", &sink, "");
    bench.node.configure(&configuration);
    let plain = bench.log("plain", "a.log");
    append(
        &plain,
        b"first\n\nwindows\r\n\r\nnot \xff\xfe UTF-8\ncut \xe2\x82\nnul \0 byte\n  spaces  \nh\xc3\xa9llo\n",
    );
    let cri = bench.log("cri", "a.log");
    const TIME: &[u8] = b"2026-11-24T01:44:09.440037965Z stdout F ";
    append(
        &cri,
        [TIME, b"\n", TIME, b"not \xff UTF-8\n", TIME, b"nul \0 byte\n", b"\nno runtime wrote this\n"].concat(),
    );

    let mut agent = bench.start();
    expect_lines(
        &mut agent,
        &sink,
        &labels(&plain, "plain", None),
        &[
            "first",
            "",
            "windows",
            "",
            "not \u{fffd}\u{fffd} UTF-8",
            "cut \u{fffd}",
            "nul \0 byte",
            "  spaces  ",
            "héllo",
        ],
    );
    let of_cri = labels(&cri, "cri", Some("stdout"));
    expect_lines(&mut agent, &sink, &of_cri, &["", "not \u{fffd} UTF-8", "nul \0 byte"]);
    expect_lines(&mut agent, &sink, &labels(&cri, "cri", None), &["", "no runtime wrote this"]);
    assert_eq!(agent.metrics().sum("longship_lines_mended_total", &[]), Some(3.0));
    agent.stop();
    assert_well_formed(&sink);
}

/// A line of 100 MB is cut to what Loki takes, before its newline comes, and costs no memory.
pub(super) fn a_line_of_100_mb(bench: &Bench) {
    let sink = checking(Check { entries_kept: 100, ..Check::default() });
    let configuration = bench.route("plain", "", &sink, "") + &bench.route("cri", "stage.cri { }", &sink, "");
    bench.node.configure(&configuration);
    let [plain, cri] = ["plain", "cri"].map(|route| bench.log(route, "a.log"));
    let [of_plain, of_cri] = [labels(&plain, "plain", None), labels(&cri, "cri", Some("stdout"))];
    let prefix = "2026-11-24T01:44:09.440037965Z stdout F ";
    let long = "x".repeat(100 << 20);
    append(&plain, format!("before\n{long}"));
    append(&cri, format!("{prefix}before\n{prefix}{long}"));
    // The first line of its stream, so that it has to come twice before it can be queued.
    append(&bench.log("plain", "b.log"), format!("{}\n", "y".repeat(LINE_BYTES_MAX + 5)));
    let (cut, _) = long.split_at(LINE_BYTES_MAX);
    let mut agent = bench.start();
    expect_lines(&mut agent, &sink, &of_plain, &["before", cut]);
    expect_lines(&mut agent, &sink, &of_cri, &["before", cut]);
    append(&plain, "its end\nafter\n");
    append(&cri, format!("its end\n{prefix}after\n"));
    expect_lines(&mut agent, &sink, &of_plain, &["before", cut, "after"]);
    expect_lines(&mut agent, &sink, &of_cri, &["before", cut, "after"]);

    let metrics = agent.metrics();
    assert_eq!(metrics.sum("longship_lines_cut_total", &[]), Some(3.0));
    let cut_bytes = 2 * (long.len() + "its end".len() - LINE_BYTES_MAX) + 5;
    assert_eq!(metrics.sum("longship_lines_cut_bytes_total", &[]), Some(cut_bytes as f64));
    let resident_bytes_max = agent.resident_bytes_max();
    agent.stop();
    assert!(resident_bytes_max <= 96 << 20, "peak memory is {:.1} MiB", mebibytes(resident_bytes_max));
    assert_well_formed(&sink);
}
