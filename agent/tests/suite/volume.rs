//! A lot of lines arrives exactly once, with its times and in order, in little memory.
//!
//! `LONGSHIP_VOLUME_MIB` sets how much.

use std::time::{Duration, Instant};

use longship_sink::sink::Check;
use longship_workload::digest::content_hash;
use longship_workload::spec::Spec;
use longship_workload::truth::Truth;
use longship_workload::workload::{Pace, Until, Workload};

use crate::harness::agent::PATIENCE;
use crate::harness::checks::{NO_TENANT, amount, assert_well_formed, checking, mebibytes, wait_for_all_within};
use crate::harness::configuration::{Route, endpoint, labels};
use crate::harness::node::Node;

#[test]
fn a_gibibyte_in_200_files_arrives_exactly_once_in_96_mib() {
    let bytes = amount("LONGSHIP_VOLUME_MIB", 1024) << 20;
    let node = Node::new();
    let sink = checking(Check::default());
    let route =
        Route { name: "pods", glob: node.glob(""), stages: "stage.cri { }", endpoint: endpoint(&sink.push_url(), "") };
    node.configure(&route.text());
    let spec = Spec { files: 200, active: 200, stderr_percent: 10, ..Spec::default() };
    let mut workload = Workload::create(&node.logs(), &spec).unwrap();
    // Half of it lies there, the rest is written meanwhile.
    let half = Until { source_bytes: Some(bytes / 2), ..Until::default() };
    workload.run(Pace::Unlimited, half).unwrap();

    let begin = Instant::now();
    let mut agent = node.start(&[]);
    let truth = workload.spawn(Pace::Unlimited, half).join().unwrap().truth();
    let patience = PATIENCE + Duration::from_secs(bytes / SLOWEST_BYTES_PER_SECOND);
    let verdict = wait_for_all_within(patience, &mut agent, &sink, NO_TENANT, &truth);
    let seconds = begin.elapsed().as_secs_f64();
    let resident_bytes_max = agent.resident_bytes_max();
    agent.stop();

    println!(
        "{:.0} MiB, {} lines in {seconds:.1} s ({:.0} MiB/s with their writer and the checks); peak {:.1} MiB",
        mebibytes(truth.source_bytes()),
        truth.entries(),
        mebibytes(truth.source_bytes()) / seconds,
        mebibytes(resident_bytes_max)
    );
    assert!(verdict.is_exact(), "{verdict}");
    assert_well_formed(&sink);
    let check = sink.stats().check.unwrap();
    assert_eq!((check.stored, check.out_of_order), (truth.entries(), 0));
    assert_eq!(check.content_hash, written_hash(&truth, &node));
    assert!(resident_bytes_max <= 96 << 20, "peak memory is {:.1} MiB", mebibytes(resident_bytes_max));
}

/// On no machine is an agent slower.
const SLOWEST_BYTES_PER_SECOND: u64 = 20 << 20;

/// The content hash a receiver of everything has: over labels, times and lines.
fn written_hash(truth: &Truth, node: &Node) -> u64 {
    let streams: Vec<_> = truth
        .writers
        .iter()
        .flat_map(|writer| {
            let filename = node.logs().join(&writer.path);
            [("stdout", &writer.stdout), ("stderr", &writer.stderr)]
                .map(|(stream, digest)| (labels(&filename, "pods", Some(stream)), digest))
        })
        .filter(|(_, digest)| digest.entries > 0)
        .collect();
    content_hash(streams.iter().map(|(labels, digest)| (labels.as_str(), *digest)))
}
