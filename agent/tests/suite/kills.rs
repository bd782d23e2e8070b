//! Kills at random moments lose nothing, and little is sent twice.
//!
//! `LONGSHIP_KILLS` sets how many, `LONGSHIP_KILLS_SEED` their moments.

use std::thread;
use std::time::{Duration, Instant};

use longship_sink::fault::Fault;
use longship_sink::sink::{Check, Options, Sink};
use longship_workload::random::Random;
use longship_workload::spec::{ReopenAfter, Rotation, Spec, Stamps};
use longship_workload::workload::{Pace, Until, Workload};

use crate::harness::checks::{NO_TENANT, amount, assert_well_formed, mebibytes, wait_for_all};
use crate::harness::configuration::{Route, endpoint};
use crate::harness::node::Node;

/// What a kill may have sent twice.
const AGAIN_BYTES_MAX: u64 = 8 << 20;

#[test]
fn kills_under_load_with_rotation_lose_nothing() {
    let kills = amount("LONGSHIP_KILLS", 200);
    let node = Node::new();
    let sink = Sink::start(Options { requests_kept: 64, ..Options::check(Check::default()) }).unwrap();
    // A push is under way nearly always: the next one is sent as soon as this one is answered.
    sink.set_faults(vec![Fault::slow(Duration::from_millis(100))]);
    let route =
        Route { name: "pods", glob: node.glob(""), stages: "stage.cri { }", endpoint: endpoint(&sink.push_url(), "") };
    node.configure(&route.text());
    // All generations stay: an agent that is killed all the time falls behind on a busy machine, and what a writer
    // removes before it was read is not the agent's to keep.
    let rotation = Rotation { bytes: 128 << 10, reopen_after: ReopenAfter::Lines(20), keep: 10_000, gzip: false };
    let spec = Spec { files: 20, active: 20, stamps: Stamps::Wall, rotation: Some(rotation), ..Spec::default() };
    let running = Workload::create(&node.logs(), &spec).unwrap().spawn(Pace::LinesPerSecond(20_000), Until::default());

    let begin = Instant::now();
    let mut random = Random::new(amount("LONGSHIP_KILLS_SEED", 1), 0);
    let mut unanswered = 0;
    for kill in 1..=kills {
        let moment = life(&node, &sink, &mut random);
        unanswered += u64::from(sink.requests().iter().any(|request| request.was_unanswered_at(moment)));
        let check = sink.stats().check.unwrap();
        let again = (check.stored - check.tagged.received) * u64::from(spec.line_bytes);
        assert!(again <= kill * AGAIN_BYTES_MAX, "after {kill} kills {again} bytes were sent again");
    }
    let seconds = begin.elapsed().as_secs_f64();

    let mut workload = running.stop().unwrap();
    let truth = workload.truth();
    let mut agent = node.start(&[]);
    // The last life begins while some logs are renamed and have no successor: what is left in them is read once they do.
    let at_path = truth.writers.iter().filter(|writer| node.logs().join(&writer.path).exists()).count();
    agent.wait_ready();
    agent.wait("the logs at their paths followed", |agent| {
        agent.metrics().sum("loki_source_file_files_active_total", &[]) >= Some(at_path as f64)
    });
    workload.settle().unwrap();
    let verdict = wait_for_all(&mut agent, &sink, NO_TENANT, &truth);
    agent.stop();
    let rotations: u64 = truth.writers.iter().map(|writer| writer.rotations).sum();
    let written: u64 = truth.writers.iter().map(|writer| writer.stdout.text_bytes).sum();
    let stored: u64 = sink.streams().iter().map(|stream| stream.stored.text_bytes).sum();
    println!(
        "{kills} kills in {seconds:.0} s, {unanswered} with a push unanswered; {rotations} rotations, {} of \
         {} complete at the end; {verdict}; sent again {:.2} MiB, accepted again {:.2} MiB a kill",
        at_path,
        truth.writers.len(),
        mebibytes(stored - written) / kills as f64,
        mebibytes(verdict.duplicated_bytes) / kills as f64,
    );
    assert!(unanswered * 10 >= kills * 9, "only {unanswered} of {kills} kills came while a push was unanswered");
    assert!(rotations >= kills, "{rotations} rotations are no load");
    assert!(stored - written <= kills * AGAIN_BYTES_MAX, "{} bytes were sent again", stored - written);
    assert!(verdict.duplicated_bytes <= kills * AGAIN_BYTES_MAX, "{verdict}");
    assert_well_formed(&sink);
}

/// Starts an agent and kills it at a random moment: one in thirty at any time after its start, the others after their
/// first push. Returns the moment.
fn life(node: &Node, sink: &Sink, random: &mut Random) -> Instant {
    let arrived = sink.stats().requests.arrived;
    let mut agent = node.start(&[]);
    if random.below(30) > 0 {
        agent.wait("its first push", |_| sink.stats().requests.arrived > arrived);
    }
    thread::sleep(Duration::from_micros(u64::from(random.below(250_000))));
    agent.kill()
}
