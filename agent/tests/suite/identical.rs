//! Lines that are all the same and have no times of their own are all stored: Loki drops what is equal in stream, time
//! and text, so each has a time of its own, and keeps it when it is sent again.

use std::fs::File;
use std::io::Write as _;
use std::time::Duration;

use longship_sink::fault::Fault;
use longship_sink::sink::{Check, Sink};
use longship_workload::digest::Digest;
use longship_workload::spec::{Format, Spec};
use longship_workload::stamp::wall_ns;
use longship_workload::tag::Tag;
use longship_workload::workload::{Pace, Until, Workload};

use crate::harness::agent::Agent;
use crate::harness::checks::{assert_well_formed, checking};
use crate::harness::configuration::{Route, endpoint};
use crate::harness::node::Node;

const LINES: u64 = 100_000;

#[test]
fn identical_lines_are_all_stored() {
    let (node, sink, written) = identical("");
    let mut agent = node.start(&[]);
    wait_for_last(&mut agent, &sink);
    agent.stop();
    assert_all_stored(&sink, &written);
    assert_eq!(sink.stats().check.unwrap().equal, 0, "nothing had to be sent again");
}

#[test]
fn identical_lines_that_are_sent_again_have_the_times_they_had() {
    // Many small pushes, so that kills fall between them.
    let (node, sink, written) = identical(r#"batch_size = "64KiB""#);
    sink.set_faults(vec![Fault::slow(Duration::from_millis(20))]);
    for _ in 0..5 {
        let before = sink.stats().requests.arrived;
        let mut agent = node.start(&[]);
        agent.wait("a push that is unanswered", |_| {
            let requests = sink.stats().requests;
            requests.arrived > before + 3 && requests.unanswered_now > 0
        });
        agent.kill();
    }
    let killed_at = sink.stats().check.unwrap().stored;
    let mut agent = node.start(&[]);
    wait_for_last(&mut agent, &sink);
    agent.stop();
    let equal = sink.stats().check.unwrap().equal;
    println!("{killed_at} of {LINES} lines were stored at the last kill, {equal} came again with the times they had");
    assert!(killed_at < LINES && equal > 0, "no kill fell between lines and their answers");
    assert_all_stored(&sink, &written);
}

/// A node with a file of identical lines and a last one that carries a tag, a sink that drops what is equal, and what
/// was written.
fn identical(attributes: &str) -> (Node, Sink, Digest) {
    let node = Node::new();
    let sink = checking(Check { drop_equal: true, ..Check::default() });
    let route =
        Route { name: "plain", glob: node.glob(""), stages: "", endpoint: endpoint(&sink.push_url(), attributes) };
    node.configure(&route.text());
    let spec = Spec { format: Format::Identical, ..Spec::default() };
    let mut workload = Workload::create(&node.logs(), &spec).unwrap();
    workload.run(Pace::Unlimited, Until { entries: Some(LINES), ..Until::default() }).unwrap();

    let writer = workload.truth().writers.remove(0);
    let mut last = Vec::new();
    Tag { writer: writer.writer, sequence: 0, written_ns: wall_ns() }.append(&mut last);
    let mut written = writer.stdout;
    written.add(0, &last);
    last.push(b'\n');
    File::options().append(true).open(node.logs().join(&writer.path)).unwrap().write_all(&last).unwrap();
    (node, sink, written)
}

/// Waits for the last line; the stream's order says that all others came before it.
fn wait_for_last(agent: &mut Agent, sink: &Sink) {
    agent.wait("the last line", |_| sink.stats().check.unwrap().tagged.accepted == 1);
}

fn assert_all_stored(sink: &Sink, written: &Digest) {
    let streams = sink.streams();
    let [stream] = streams.as_slice() else { panic!("{streams:?}") };
    assert_eq!(stream.stored.entries, LINES + 1);
    assert!(stream.stored.matches(written, false), "{stream:?} against {written:?}");
    assert_eq!(stream.out_of_order, 0, "read times do not decrease");
    assert_well_formed(sink);
}
