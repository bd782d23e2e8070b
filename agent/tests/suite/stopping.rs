//! A stop is over in time, whatever the sink does, and the next start goes on where it ended.

use std::time::Duration;

use longship_sink::fault::{Action, Fault};
use longship_sink::sink::{Check, Sink};
use longship_sink::verdict::Verdict;
use longship_workload::spec::Spec;
use longship_workload::workload::{Pace, Running, Until, Workload};
use rustix::process::Signal;

use crate::harness::checks::{NO_TENANT, checking, wait_for_all};
use crate::harness::configuration::{Route, endpoint};
use crate::harness::node::Node;

const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);
/// What a stop may take beside the wait for answers.
const MARGIN: Duration = Duration::from_millis(1_500);

#[test]
fn a_stop_sends_what_was_read_and_is_over_at_once() {
    for signal in [Signal::TERM, Signal::INT] {
        let (took, verdict) = stopped(signal, |_| {}, |_| {});
        assert!(took < DRAIN_TIMEOUT, "it took {took:?}");
        assert!(verdict.is_exact(), "{verdict}");
    }
}

#[test]
fn a_stop_is_over_in_time_while_the_sink_does_not_answer() {
    let (took, verdict) = stopped(
        Signal::TERM,
        |sink| {
            sink.set_faults(vec![Fault::always(Action::Hang)]);
            assert!(sink.wait(Duration::from_secs(10), |stats| stats.requests.unanswered_now > 0));
        },
        |sink| sink.set_faults(Vec::new()),
    );
    assert!(took < DRAIN_TIMEOUT + MARGIN, "it took {took:?}");
    // What was answered is not sent again; what hung was not answered.
    assert!(verdict.is_exact(), "{verdict}");
}

#[test]
fn a_stop_is_over_in_time_while_the_sink_fails() {
    let (took, verdict) = stopped(
        Signal::TERM,
        |sink| {
            sink.set_faults(vec![Fault::always(Action::refuse(500))]);
            assert!(sink.wait(Duration::from_secs(10), |stats| stats.requests.answered.contains_key(&500)));
        },
        |sink| sink.set_faults(Vec::new()),
    );
    assert!(took < DRAIN_TIMEOUT + MARGIN, "it took {took:?}");
    assert!(verdict.is_exact(), "{verdict}");
}

#[test]
fn a_stop_is_over_in_time_while_the_sink_is_down() {
    let (took, verdict) = stopped(Signal::TERM, |sink| sink.go_down().unwrap(), |sink| sink.come_up().unwrap());
    assert!(took < DRAIN_TIMEOUT + MARGIN, "it took {took:?}");
    // An answer that broke off with its connection does not count as received.
    assert!(verdict.is_complete(), "{verdict}");
}

/// Stops an agent under load after `breaks` happened to its sink, starts another one after `mends`, and returns how
/// long the stop took and what arrived in the end.
fn stopped(signal: Signal, breaks: impl Fn(&Sink), mends: impl Fn(&Sink)) -> (Duration, Verdict) {
    let node = Node::alone();
    let sink = checking(Check::default());
    let route =
        Route { name: "pods", glob: node.glob(""), stages: "stage.cri { }", endpoint: endpoint(&sink.push_url(), "") };
    node.configure(&route.text());
    let running = write(&node);
    let drain_timeout = format!("--drain-timeout={}s", DRAIN_TIMEOUT.as_secs());
    let mut agent = node.start(&[&drain_timeout]);
    agent.wait("lines of all files", |_| {
        let writers = sink.writers();
        writers.len() == 10 && writers.iter().all(|writer| writer.accepted > 100)
    });
    breaks(&sink);
    let took = agent.stop_by(signal);
    println!("{signal:?} took {took:?}");

    mends(&sink);
    let mut agent = node.start(&[]);
    let truth = running.stop().unwrap().truth();
    let verdict = wait_for_all(&mut agent, &sink, NO_TENANT, &truth);
    agent.stop();
    (took, verdict)
}

fn write(node: &Node) -> Running {
    let spec = Spec { files: 10, active: 10, ..Spec::default() };
    Workload::create(&node.logs(), &spec).unwrap().spawn(Pace::LinesPerSecond(5_000), Until::default())
}
