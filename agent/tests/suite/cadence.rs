//! How often pushes are sent: quiet shards share them, busy ones do not wait for each other.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use longship_sink::sink::{Check, Options, Sink};
use longship_workload::spec::Spec;
use longship_workload::workload::{Pace, Until, Workload};

use crate::harness::agent::Agent;
use crate::harness::checks::{checking, mebibytes};
use crate::harness::configuration::Route;
use crate::harness::metrics::Metrics;
use crate::harness::node::Node;

const BATCH_WAIT: Duration = Duration::from_millis(500);
const SHARDS: usize = 4;

#[test]
fn four_quiet_shards_send_one_request_per_batch_wait() {
    let node = Node::alone();
    let sink = checking(Check::default());
    let endpoint = format!("url = \"{}\"\n\t\tbatch_wait = \"{}ms\"", sink.push_url(), BATCH_WAIT.as_millis());
    node.configure(&Route { name: "quiet", glob: node.glob(""), stages: "", endpoint }.text());
    let mut agent = node.start(&["--cores=4"]);
    agent.wait_ready();
    let logs = one_log_per_shard(&node, &mut agent);

    // The round before the measured ones has each stream's first acceptance behind it.
    write_evenly(&logs, BATCH_WAIT * 2);
    agent.wait("the first lines' acceptance", |_| sink.unanswered_now() == 0);
    let begin = Instant::now();
    let rounds = 10;
    write_evenly(&logs, BATCH_WAIT * rounds);
    let end = Instant::now();

    let requests = sink.requests();
    let measured: Vec<_> =
        requests.iter().filter(|request| (begin..end).contains(&request.arrived)).map(|r| r.streams).collect();
    println!("{} requests in {rounds} batch_waits, with {measured:?} streams", measured.len());
    let expected = rounds as usize;
    assert!((expected - 1..=expected + 1).contains(&measured.len()), "{} requests: {measured:?}", measured.len());
    // At the window's ends a shard's line may just miss the others'.
    let shared = measured.iter().filter(|streams| **streams == logs.len() as u64).count();
    assert!(shared + 2 >= measured.len(), "the shards' streams do not travel together: {measured:?}");
    agent.stop();
}

/// Makes logs in new folders until each shard has one; returns one of each.
fn one_log_per_shard(node: &Node, agent: &mut Agent) -> Vec<PathBuf> {
    let streams = |agent: &Agent| agent.metrics().by("longship_shard_streams", "shard");
    let mut before = streams(agent);
    let mut logs = BTreeMap::new();
    for number in 0..100 {
        let log = node.logs().join(format!("folder-{number}/app.log"));
        fs::create_dir(log.parent().unwrap()).unwrap();
        fs::write(&log, "the first line\n").unwrap();
        let mut now = before.clone();
        agent.wait("a stream more", |agent| {
            now = streams(agent);
            now != before
        });
        let shard = now.iter().find(|(shard, streams)| before.get(*shard) != Some(streams)).unwrap().0.clone();
        logs.entry(shard).or_insert(log);
        if logs.len() == SHARDS {
            return logs.into_values().collect();
        }
        before = now;
    }
    panic!("after 100 folders there are logs on shards {:?} alone", logs.keys());
}

/// Writes 100 lines a second, to each log in turn.
fn write_evenly(logs: &[PathBuf], duration: Duration) {
    let mut files: Vec<_> = logs.iter().map(|log| fs::File::options().append(true).open(log).unwrap()).collect();
    let begin = Instant::now();
    let mut number: u32 = 0;
    while begin.elapsed() < duration {
        let place = number as usize % files.len();
        files[place].write_all(format!("line {number}\n").as_bytes()).unwrap();
        number += 1;
        thread::sleep((Duration::from_millis(10) * number).saturating_sub(begin.elapsed()));
    }
}

/// `LONGSHIP_TWO_SHARDS_MIB` sets how much is shipped.
#[test]
fn two_busy_shards_compress_and_send_for_themselves() {
    let bytes = crate::harness::checks::amount("LONGSHIP_TWO_SHARDS_MIB", 512) << 20;
    let node = Node::alone();
    let sink = Sink::start(Options::drain()).unwrap();
    let endpoint = format!("url = \"{}\"\n\t\tbatch_wait = \"250ms\"", sink.push_url());
    node.configure(&Route { name: "busy", glob: node.glob(""), stages: "stage.cri { }", endpoint }.text());
    // Each log has a folder, and folders are spread over the shards.
    let mut workload = Workload::create(&node.logs(), &Spec { files: 32, active: 32, ..Spec::default() }).unwrap();
    workload.run(Pace::Unlimited, Until { source_bytes: Some(bytes), ..Until::default() }).unwrap();
    let truth = workload.truth();

    let begin = Instant::now();
    let mut agent = node.start(&["--cores=2"]);
    agent.wait_ready();
    let mut samples: Vec<Vec<f64>> = Vec::new();
    let mut last = Instant::now();
    agent.wait("all entries sent", |agent| {
        let metrics = agent.metrics();
        if last.elapsed() >= SAMPLE {
            last = Instant::now();
            samples.push(sealed(&metrics));
        }
        metrics.sum("loki_write_sent_entries_total", &[]) == Some(count(truth.entries()))
    });
    let seconds = begin.elapsed().as_secs_f64();
    let metrics = agent.metrics();
    agent.stop();

    let sealed = sealed(&metrics);
    let of = |name| metrics.by(name, "shard").into_values().collect::<Vec<_>>();
    let (requests, handed_over) =
        (of("longship_shard_requests_total"), of("longship_shard_remainders_handed_over_total"));
    println!(
        "{:.0} MiB/s on two shards beside a draining sink; batches sealed {sealed:?}, requests {requests:?}, remainders \
         handed over {handed_over:?}",
        mebibytes(truth.source_bytes()) / seconds
    );
    let all: f64 = sealed.iter().sum();
    assert_eq!(sealed.len(), 2);
    assert!(sealed.iter().all(|sealed| *sealed > all / 5.0), "one shard compresses nearly all: {sealed:?}");
    assert!(requests.iter().zip(&sealed).all(|(sent, sealed)| *sent >= sealed / 2.0), "one shard sends for the other");
    assert!(handed_over.iter().sum::<f64>() < all / 10.0, "full batches are handed over: {handed_over:?}");
    // As long as both have something to do, no sample finds one of them waiting.
    let both_busy = samples.windows(2).filter(|pair| pair[1].iter().zip(&sealed).all(|(now, end)| *now < end * 0.9));
    for pair in both_busy {
        let grown: Vec<_> = pair[1].iter().zip(&pair[0]).map(|(now, before)| now - before).collect();
        assert!(grown.iter().all(|grown| *grown > 0.0), "a shard waits: {grown:?} batches in {SAMPLE:?}, {samples:?}");
    }
}

/// The batches each shard has sealed.
fn sealed(metrics: &Metrics) -> Vec<f64> {
    metrics.by("longship_shard_batches_sealed_total", "shard").into_values().collect()
}

/// In this time a busy shard seals many batches.
const SAMPLE: Duration = Duration::from_millis(250);

#[expect(clippy::cast_precision_loss, reason = "entries of a test are far below 2^53")]
fn count(entries: u64) -> f64 {
    entries as f64
}
