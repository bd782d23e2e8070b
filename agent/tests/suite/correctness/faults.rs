//! What happens to sink and agent.

use longship_sink::fault::{Action, Fault, Scope};
use longship_sink::sink::Check;
use longship_workload::spec::{ReopenAfter, Rotation, Spec, Stamps};
use longship_workload::workload::{Pace, Running, Until, Workload};

use super::bench::Bench;
use crate::harness::checks::{NO_TENANT, assert_well_formed, checking, wait_for_all};

/// Refusals that may pass, resets and answers that never come: everything is accepted once in the end.
pub(super) fn misbehaving_sink(bench: &Bench) {
    let sink = checking(Check::default());
    let hasty = "remote_timeout = \"300ms\"\n\t\tmin_backoff_period = \"10ms\"\n\t\tmax_backoff_period = \"100ms\"";
    bench.node.configure(&bench.route("pods", "stage.cri { }", &sink, hasty));
    let fault =
        |seed, probability, action| Fault { scope: Scope::Chance { probability, seed }, ..Fault::always(action) };
    sink.set_faults(vec![
        fault(1, 0.10, Action::refuse(429)),
        fault(2, 0.10, Action::refuse(500)),
        fault(3, 0.10, Action::ResetBeforeBody),
        fault(4, 0.10, Action::ResetAfterBody),
        fault(5, 0.05, Action::Hang),
    ]);
    let running = write(bench);
    let mut agent = bench.start();
    let enough = |sink: &longship_sink::sink::Sink| {
        let requests = sink.stats().requests;
        [429, 500].iter().all(|status| requests.answered.contains_key(status))
            && requests.reset >= 2
            && requests.abandoned >= 1
    };
    agent.wait("every fault", |_| enough(&sink));
    let truth = running.stop().unwrap().truth();
    let verdict = wait_for_all(&mut agent, &sink, NO_TENANT, &truth);
    let dropped = agent.metrics().sum("loki_write_dropped_entries_total", &[]);
    agent.stop();
    assert!(verdict.is_exact(), "{verdict}");
    assert_eq!(dropped.unwrap_or(0.0), 0.0);
    assert_well_formed(&sink);
}

/// An agent that is asked to end, again and again under load, sends nothing twice and loses nothing.
pub(super) fn stops_and_starts(bench: &Bench) {
    let sink = checking(Check::default());
    bench.node.configure(&bench.route("pods", "stage.cri { }", &sink, ""));
    let running = write(bench);
    for _ in 0..5 {
        let before = sink.stats().requests.arrived;
        let mut agent = bench.start();
        agent.wait("three pushes", |_| sink.stats().requests.arrived >= before + 3);
        agent.stop();
    }
    let mut workload = running.stop().unwrap();
    let truth = workload.truth();
    let mut agent = bench.start();
    workload.settle().unwrap();
    let verdict = wait_for_all(&mut agent, &sink, NO_TENANT, &truth);
    agent.stop();
    assert!(verdict.is_exact(), "{verdict}");
    let check = sink.stats().check.unwrap();
    assert_eq!(check.received, truth.entries(), "nothing is sent twice");
    assert_well_formed(&sink);
}

/// A load with rotation and records in parts.
fn write(bench: &Bench) -> Running {
    let rotation = Rotation { bytes: 2_000_000, reopen_after: ReopenAfter::Lines(3), keep: 50, gzip: false };
    let spec = Spec {
        files: 5,
        active: 5,
        line_bytes: 18_000,
        stderr_percent: 20,
        stamps: Stamps::Wall,
        rotation: Some(rotation),
        ..Spec::default()
    };
    let workload = Workload::create(&bench.node.logs().join("pods"), &spec).unwrap();
    workload.spawn(Pace::LinesPerSecond(200), Until::default())
}
