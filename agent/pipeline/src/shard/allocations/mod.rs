//! A shard allocates nothing once it is warm: a million CRI lines of 200 streams, from read buffer to sealed batch,
//! answer and position.

mod allocator;
mod environment;

use std::sync::Arc;
use std::time::Duration;

use super::{LogTargets, Shard, ShardSetup};
use crate::budget::Budget;
use crate::encode::compress::Compression;
use crate::environment::Signal;
use crate::limits;
use crate::plan::{
    Authentication, Destination, DestinationKind, Endpoint, Plan, Retry, Route, Source, SourceIndex, Stage, Tls, Write,
    WriteIndex,
};
use crate::positions::restored::Restored;
use crate::random::Random;
use environment::{Text, WATCH, WarmEnvironment};

/// Logs, each with one stream.
const LOGS: usize = 200;

/// Lines of a log in one pass over the text; all logs together have a million.
const LINES: usize = 5_000;

fn plan() -> Plan {
    let endpoint = Endpoint {
        url: String::new(),
        tenant_id: String::new(),
        headers: Vec::new(),
        user_agent: String::new(),
        authentication: Authentication::None,
        tls: Tls::default(),
        request_timeout: Duration::from_secs(10),
        retry: Retry {
            backoff_min: Duration::from_millis(500),
            backoff_max: Duration::from_secs(300),
            attempts_max: None,
            retry_on_429: true,
        },
    };
    let destination = Destination {
        name: "0".to_owned(),
        batch_wait: Duration::from_secs(1),
        batch_bytes_max: 1 << 20,
        kind: DestinationKind::Loki(Box::new(endpoint)),
    };
    let stages = vec![Stage::Cri { partial_bytes_max: None }];
    Plan {
        sources: vec![Source {
            component_id: "loki.source.file.pods".to_owned(),
            tail_from_end: false,
            routes: vec![Route { stages, write: WriteIndex(0) }],
        }],
        writes: vec![Write {
            component_id: "loki.write.default".to_owned(),
            external_labels: vec![("cluster".to_owned(), "test".to_owned())],
            destinations: vec![destination],
        }],
    }
}

fn shard(text: Text) -> Shard<WarmEnvironment> {
    let env = WarmEnvironment::new(LOGS, text);
    let targets: Vec<LogTargets> = env
        .paths()
        .map(|path| LogTargets { label_sets: vec![vec![("filename".to_owned(), path.display().to_string())]], path })
        .collect();
    let setup = ShardSetup {
        index: 0,
        shards: 1,
        plan: plan(),
        budget: Budget::new(limits::BUDGET_BYTES),
        tokens: Budget::new(limits::UNANSWERED_BYTES_MAX),
        compression: Compression::Snappy,
        restored: Arc::new(Restored::default()),
    };
    let mut shard = Shard::new(env, setup);
    shard.set_targets(SourceIndex(0), &targets);
    shard
}

/// Lets all logs grow by one pass over the text, a bit at a time, and the shard ship it. They grow alike in every pass,
/// so that no pass has a higher tide than those before it.
fn ship(shard: &mut Shard<WarmEnvironment>) {
    let mut random = Random::new(7);
    let goal = shard.env.sizes[0] + shard.env.text.period();
    let names = std::mem::take(&mut shard.env.names);
    while shard.env.sizes.iter().any(|size| *size < goal) {
        for (log, name) in names.iter().enumerate() {
            let bytes = if random.once_in(4) { random.below(200 << 10) } else { random.below(4 << 10) };
            shard.env.grow(log, bytes, goal);
            shard.on_signal(Signal::Written { watch: WATCH, name });
        }
        settle(shard);
    }
    shard.env.names = names;
}

/// Gives the shard turns, and what it began, until it has nothing left to do.
fn settle(shard: &mut Shard<WarmEnvironment>) {
    loop {
        let due_ns = shard.turn();
        let answers = shard.env.requests.len();
        let mut told = answers > 0;
        while let Some((ticket, size)) = shard.env.reads.pop_front() {
            shard.env.release(size);
            let text = shard.env.text.clone();
            shard.on_read(ticket, Ok(text.at(ticket.offset, ticket.bytes, shard.env.sizes[ticket.log.0 as usize])));
            told = true;
        }
        shard.on_journal_written(shard.env.journal_writes);
        // What a turn sent is answered after the reads that it began.
        for _ in 0..answers {
            let Some((ticket, body)) = shard.env.requests.pop_front() else { break };
            shard.on_answer(ticket, &environment::ACCEPTED, body);
        }
        if !told && shard.is_drained() && shard.news.is_empty() && shard.backlog.is_empty() {
            return;
        }
        shard.env.now_ns = if told { shard.env.now_ns + 20_000 } else { due_ns.max(shard.env.now_ns + 1_000) };
    }
}

#[test]
fn a_warm_shard_allocates_nothing() {
    let mut shard = shard(Text::new(LINES));
    // Files are opened and buffers grow to the size that this load needs.
    for _ in 0..2 {
        ship(&mut shard);
    }

    let counters = shard.outbound.lanes[0].counters.clone();
    let before = allocator::counts();
    let begin = std::time::Instant::now();
    ship(&mut shard);
    let elapsed = begin.elapsed();
    let after = allocator::counts();

    let shipped = &shard.outbound.lanes[0].counters;
    let (lines, bytes) = ((LOGS * LINES) as u64, LOGS as u64 * shard.env.text.period());
    let entries = lines - lines / environment::PARTIAL_EVERY as u64;
    println!("{lines} lines of {bytes} bytes in {elapsed:?}");
    assert_eq!(shipped.sent_entries - counters.sent_entries, entries, "every record was accepted");
    assert_eq!(shipped.acknowledged_bytes - counters.acknowledged_bytes, bytes, "every byte is behind a position");
    assert_eq!(after.since(before), allocator::Counts::default());
}
