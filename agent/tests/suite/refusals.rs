//! What refusals settle: pauses are kept, what is refused for good is counted and not sent again.

use std::time::Duration;

use longship_sink::fault::{Action, EntryReason, EntryRefusal, Fault, Refusal};
use longship_sink::report::End;
use longship_sink::sink::{Check, Sink};
use longship_workload::spec::Spec;
use longship_workload::truth::Truth;
use longship_workload::workload::{Pace, Until, Workload};

use crate::harness::agent::Agent;
use crate::harness::checks::{NO_TENANT, checking, wait_for_all};
use crate::harness::configuration::{Route, endpoint};
use crate::harness::metrics::Metrics;
use crate::harness::node::Node;

const LINES: u64 = 1_000;

#[test]
fn a_pause_that_was_asked_for_is_kept() {
    let (node, sink, truth) = setting("min_backoff_period = \"10ms\"");
    sink.set_faults(vec![Fault::next(1, Action::throttle(2))]);
    let mut agent = node.start(&[]);
    agent.wait_ready();
    let verdict = wait_for_all(&mut agent, &sink, NO_TENANT, &truth);
    assert!(verdict.is_exact(), "{verdict}");
    let metrics = agent.metrics();
    agent.stop();

    let requests = sink.requests();
    assert_eq!(requests[0].end, End::Answered(429));
    // One that was under way already when the answer came is no breach.
    let answered = requests[0].ended.unwrap();
    let pause = requests[1..].iter().filter(|next| next.arrived > answered).map(|next| next.arrived - answered).min();
    println!("the next push came {pause:?} after an answer that asked for 2 s");
    assert!(pause.is_some_and(|pause| pause >= Duration::from_secs(2)), "{pause:?}");
    assert!(metrics.sum("loki_write_batch_retries_total", &[]) >= Some(1.0), "{metrics:?}");
    assert_eq!(dropped(&metrics), 0);
}

#[test]
fn entries_refused_for_good_are_counted_and_nothing_is_sent_again() {
    let (node, sink, truth) = setting("");
    let refusal = EntryRefusal { reason: EntryReason::TooFarBehind, streams: None, every: 10 };
    sink.set_faults(vec![Fault::next(1, Action::RefuseEntries(refusal))]);
    let mut agent = node.start(&[]);
    agent.wait_ready();
    wait_for_received(&mut agent, &sink, &truth);
    let metrics = agent.metrics();
    agent.stop();

    let check = sink.stats().check.unwrap();
    assert!(check.refused > 0 && check.refused_silently == 0, "{check:?}");
    assert_eq!(check.received, LINES, "nothing is sent again");
    assert_eq!(check.stored, LINES - check.refused);
    assert_eq!(dropped(&metrics), check.refused, "{metrics:?}");
    // Loki lists at most ten.
    let named = metrics.sum("longship_refused_entries_total", &[("reason", "too_far_behind")]).map(whole);
    assert_eq!(named, Some(check.refused.min(10)), "{metrics:?}");
    let sent = metrics.sum("loki_write_sent_entries_total", &[]).map(whole);
    assert_eq!(sent, Some(LINES - check.refused));
}

#[test]
fn a_push_refused_whole_is_counted_and_not_sent_again() {
    let (node, sink, truth) = setting("batch_size = \"16KiB\"");
    let text = Some("couldn't parse labels: 1:2: parse error: unexpected character".to_owned());
    sink.set_faults(vec![Fault::next(1, Action::Refuse(Refusal { status: 400, text, ..Refusal::default() }))]);
    let mut agent = node.start(&[]);
    agent.wait_ready();
    wait_for_received(&mut agent, &sink, &truth);
    let metrics = agent.metrics();
    agent.stop();

    let refused = sink.requests()[0].entries;
    let check = sink.stats().check.unwrap();
    assert!((1..LINES).contains(&refused), "{refused} of {LINES} entries were in the first push");
    assert_eq!((check.received, check.accepted), (LINES, LINES - refused), "nothing is sent again");
    assert_eq!(dropped(&metrics), refused, "{metrics:?}");
}

#[test]
fn a_push_that_failed_as_often_as_it_may_is_counted_and_dropped() {
    let (node, sink, truth) =
        setting("min_backoff_period = \"10ms\"\n\t\tmax_backoff_retries = 3\n\t\tbatch_size = \"16KiB\"");
    sink.set_faults(vec![Fault::next(3, Action::refuse(503))]);
    let mut agent = node.start(&[]);
    agent.wait_ready();
    wait_for_received(&mut agent, &sink, &truth);
    let metrics = agent.metrics();
    agent.stop();

    let requests = sink.requests();
    let refused = requests[0].entries;
    let check = sink.stats().check.unwrap();
    assert_eq!(check.accepted, LINES - refused);
    assert_eq!(check.received, LINES + 2 * refused, "three attempts");
    assert_eq!(dropped(&metrics), refused, "{metrics:?}");
}

/// A node with a log of [`LINES`] lines.
fn setting(attributes: &str) -> (Node, Sink, Truth) {
    let node = Node::new();
    let sink = checking(Check::default());
    let endpoint = endpoint(&sink.push_url(), attributes);
    node.configure(&Route { name: "pods", glob: node.glob(""), stages: "stage.cri { }", endpoint }.text());
    let mut workload = Workload::create(&node.logs(), &Spec::default()).unwrap();
    workload.run(Pace::Unlimited, Until { entries: Some(LINES), ..Until::default() }).unwrap();
    (node, sink, workload.truth())
}

/// Waits until the sink has seen every line and has answered.
fn wait_for_received(agent: &mut Agent, sink: &Sink, truth: &Truth) {
    agent.wait("all lines answered", |agent| {
        let received = sink.stats().check.unwrap().received;
        // The agent has seen an answer once it has counted its entries.
        received >= truth.entries()
            && sink.unanswered_now() == 0
            && agent.metrics().sum("loki_write_sent_entries_total", &[]).map_or(0, whole) + dropped(&agent.metrics())
                >= truth.entries()
    });
}

/// Entries that the agent has given up because the sink refused them.
fn dropped(metrics: &Metrics) -> u64 {
    let all = metrics.sum("loki_write_dropped_entries_total", &[]);
    let refused = metrics.sum("loki_write_dropped_entries_total", &[("reason", "ingester_error")]);
    assert_eq!(all, refused, "there is one reason");
    whole(refused.unwrap_or(0.0))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counters are whole and not negative")]
fn whole(value: f64) -> u64 {
    value as u64
}
