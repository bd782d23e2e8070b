//! What happens to files.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;

use longship_sink::sink::{Check, Sink};

use super::bench::{Bench, append, expect_lines, lines_of};
use crate::harness::agent::Agent;
use crate::harness::checks::checking;
use crate::harness::configuration::labels;

/// A sink that keeps what the tests of this file write.
fn sink() -> Sink {
    checking(Check { entries_kept: 10_000, ..Check::default() })
}

/// A file that was truncated is read from its start, whether an agent saw it happen or not. Nothing is lost that was
/// read before.
pub(super) fn truncated_and_replaced(bench: &Bench) {
    let sink = sink();
    bench.node.configure(&bench.route("plain", "", &sink, ""));
    let log = bench.log("plain", "a.log");
    let stream = labels(&log, "plain", None);
    append(&log, "one\ntwo\n");
    let mut agent = bench.start();
    expect_lines(&mut agent, &sink, &stream, &["one", "two"]);

    File::options().write(true).open(&log).unwrap().set_len(0).unwrap();
    agent.wait("a file that is seen empty", |agent| file_bytes(agent, &log) == Some(0.0));
    append(&log, "three is longer than both\n");
    expect_lines(&mut agent, &sink, &stream, &["one", "two", "three is longer than both"]);
    assert_eq!(agent.metrics().sum("longship_source_file_lost_bytes_total", &[]).unwrap_or(0.0), 0.0);
    agent.stop();

    // Shorter than the position, then longer with another beginning: both without a witness.
    fs::write(&log, "four\n").unwrap();
    let mut agent = bench.start();
    expect_lines(&mut agent, &sink, &stream, &["one", "two", "three is longer than both", "four"]);
    agent.stop();
    fs::write(&log, "five\nsix\n").unwrap();
    let mut agent = bench.start();
    expect_lines(&mut agent, &sink, &stream, &["one", "two", "three is longer than both", "four", "five", "six"]);

    // Another file in its place.
    let other = bench.log("plain", "a.new");
    fs::write(&other, "seven\n").unwrap();
    fs::rename(&other, &log).unwrap();
    let all = ["one", "two", "three is longer than both", "four", "five", "six", "seven"];
    expect_lines(&mut agent, &sink, &stream, &all);

    // Truncated and written beyond the position at once: told by its beginning.
    fs::write(&log, "eight is as long\nas it takes\n").unwrap();
    let all = [&all[..], &["eight is as long", "as it takes"]].concat();
    expect_lines(&mut agent, &sink, &stream, &all);
    agent.stop();
}

/// Files appear in folders that appear; files are deleted with lines in them that were not read yet.
pub(super) fn come_and_go(bench: &Bench) {
    let sink = sink();
    bench.node.configure(&bench.route("plain", "", &sink, ""));
    let mut agent = bench.start();

    let deep = bench.log("plain", "of/new/folders/a.log");
    fs::create_dir_all(deep.parent().unwrap()).unwrap();
    append(&deep, "deep\n");
    expect_lines(&mut agent, &sink, &labels(&deep, "plain", None), &["deep"]);

    let log = bench.log("plain", "b.log");
    let stream = labels(&log, "plain", None);
    append(&log, "first\n");
    expect_lines(&mut agent, &sink, &stream, &["first"]);
    let mut file = File::options().append(true).open(&log).unwrap();
    let many: Vec<_> = (0..1_000).map(|number| format!("line {number}")).collect();
    file.write_all((many.join("\n") + "\n").as_bytes()).unwrap();
    fs::remove_file(&log).unwrap();
    drop(file);
    let mut expected = vec!["first"];
    expected.extend(many.iter().map(String::as_str));
    expect_lines(&mut agent, &sink, &stream, &expected);

    append(&log, "again\n");
    expected.push("again");
    expect_lines(&mut agent, &sink, &stream, &expected);

    // A folder that goes takes nothing with it that was read, and disturbs nobody.
    fs::remove_dir_all(bench.log("plain", "of")).unwrap();
    append(&log, "still there\n");
    expected.push("still there");
    expect_lines(&mut agent, &sink, &stream, &expected);
    assert_eq!(lines_of(&sink, &labels(&deep, "plain", None)), ["deep"]);
    agent.stop();
}

/// A line without its newline waits, over a restart too. The last line of a file that was rotated away is complete.
pub(super) fn unfinished_line(bench: &Bench) {
    let sink = sink();
    bench.node.configure(&bench.route("plain", "", &sink, ""));
    let log = bench.log("plain", "a.log");
    let stream = labels(&log, "plain", None);
    append(&log, "one\ntw");
    let mut agent = bench.start();
    expect_lines(&mut agent, &sink, &stream, &["one"]);
    append(&log, "o\nthr");
    expect_lines(&mut agent, &sink, &stream, &["one", "two"]);
    agent.stop();

    let mut agent = bench.start();
    append(&log, "ee\nlast without newline");
    expect_lines(&mut agent, &sink, &stream, &["one", "two", "three"]);
    fs::rename(&log, bench.log("plain", "a.log.1")).unwrap();
    append(&log, "next\n");
    expect_lines(&mut agent, &sink, &stream, &["one", "two", "three", "last without newline", "next"]);
    agent.stop();
}

/// The size of a file, as the agent sees it.
fn file_bytes(agent: &Agent, log: &Path) -> Option<f64> {
    agent.metrics().sum("loki_source_file_file_bytes_total", &[("path", log.to_str().unwrap())])
}
