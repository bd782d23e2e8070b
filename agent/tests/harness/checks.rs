//! Holds what a sink got against what was written.

use std::env;
use std::time::Duration;

use longship_sink::sink::{Check, Options, Sink};
use longship_sink::verdict::{Verdict, compare};
use longship_workload::truth::Truth;

use super::agent::{Agent, PATIENCE};

/// The tenant of pushes that name none.
pub(crate) const NO_TENANT: &str = "fake";

/// A sink that checks.
pub(crate) fn checking(check: Check) -> Sink {
    Sink::start(Options::check(check)).unwrap()
}

/// Waits until everything that was written has arrived, and returns how it differs. Fails the test where something is
/// missing in the end.
pub(crate) fn wait_for_all(agent: &mut Agent, sink: &Sink, tenant: &str, truth: &Truth) -> Verdict {
    wait_for_all_within(PATIENCE, agent, sink, tenant, truth)
}

/// The same with another patience.
pub(crate) fn wait_for_all_within(
    patience: Duration,
    agent: &mut Agent,
    sink: &Sink,
    tenant: &str,
    truth: &Truth,
) -> Verdict {
    let accepted = |sink: &Sink| -> u64 {
        sink.writers().iter().filter(|writer| writer.tenant == tenant).map(|writer| writer.accepted).sum()
    };
    let arrived = agent.wait_for(patience, |_| accepted(sink) >= truth.entries());
    let verdict = compare(truth, tenant, &sink.writers());
    assert!(arrived && verdict.is_complete(), "{verdict}");
    verdict
}

/// Fails the test unless the sink saw nothing that an agent should not send.
pub(crate) fn assert_well_formed(sink: &Sink) {
    let check = sink.stats().check.unwrap();
    assert_eq!((check.findings, check.refused), (0, 0), "{:?}", check.first_findings);
}

/// The lines of all kept entries in the order of their arrival.
pub(crate) fn lines(sink: &Sink) -> Vec<String> {
    sink.entries().into_iter().map(|entry| String::from_utf8(entry.line).unwrap()).collect()
}

/// The number in an environment variable, which asks for a longer or shorter form of a test.
pub(crate) fn amount(variable: &str, default: u64) -> u64 {
    env::var(variable).map_or(default, |text| text.parse().unwrap_or_else(|error| panic!("{variable}: {error}")))
}

/// `bytes` in MiB, to print.
#[expect(clippy::cast_precision_loss, reason = "it is printed with one decimal")]
pub(crate) fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
