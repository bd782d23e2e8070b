//! Series of the data plane itself: what it runs on, its memory, its shards.

use longship_pipeline::{ShardSnapshot, Snapshot};

use super::text::{Kind, Page};

/// Writes the series of the data plane.
pub(super) fn write(page: &mut Page, snapshot: &Snapshot) {
    write_rungs(page, snapshot);
    let help = "Encoded, compressed and carried bytes in memory.";
    page.single("longship_budget_used_bytes", Kind::Gauge, help, snapshot.budget_used_bytes);
    let help = "Highest amount of encoded, compressed and carried bytes.";
    page.single("longship_budget_bytes", Kind::Gauge, help, snapshot.budget_bytes);
    for Series { name, kind, help, value } in SHARD_SERIES {
        let mut family = page.family(name, *kind, help);
        for (number, shard) in snapshot.shards.iter().enumerate() {
            family.sample(&[("shard", &number.to_string())], value(shard));
        }
    }
}

fn write_rungs(page: &mut Page, snapshot: &Snapshot) {
    let rungs = [
        ("longship_read_rung", "How files are read.", snapshot.read_rung),
        ("longship_observe_rung", "Where file events come from.", snapshot.observe_rung),
    ];
    for (name, help, rung) in rungs.into_iter().filter(|(_, _, rung)| !rung.is_empty()) {
        page.family(name, Kind::Gauge, help).sample(&[("rung", rung)], 1);
    }
    let mut family = page.family("longship_rung_refused", Kind::Gauge, "Why a better rung is not in use.");
    for (rung, reason) in &snapshot.refused_rungs {
        family.sample(&[("rung", rung), ("reason", reason)], 1);
    }
}

/// A figure that every shard has.
struct Series {
    name: &'static str,
    kind: Kind,
    help: &'static str,
    value: fn(&ShardSnapshot) -> u64,
}

const SHARD_SERIES: &[Series] = &[
    Series {
        name: "longship_shard_streams",
        kind: Kind::Gauge,
        help: "Streams that the shard knows.",
        value: |shard| shard.streams,
    },
    Series {
        name: "longship_shard_turns_total",
        kind: Kind::Counter,
        help: "Turns of the shard's loop.",
        value: |shard| shard.turns,
    },
    Series {
        name: "longship_shard_batches_sealed_total",
        kind: Kind::Counter,
        help: "Batches that the shard compressed.",
        value: |shard| shard.batches_sealed,
    },
    Series {
        name: "longship_shard_remainders_handed_over_total",
        kind: Kind::Counter,
        help: "Incomplete batches that the shard left to a destination's home shard.",
        value: |shard| shard.remainders_handed_over,
    },
    Series {
        name: "longship_shard_requests_total",
        kind: Kind::Counter,
        help: "Pushes that the shard sent.",
        value: |shard| shard.requests,
    },
    Series {
        name: "longship_shard_event_overflows_total",
        kind: Kind::Counter,
        help: "Times the kernel dropped file events; each is followed by a look at every file.",
        value: |shard| shard.event_overflows,
    },
    Series {
        name: "longship_lines_cut_total",
        kind: Kind::Counter,
        help: "Lines that were cut to the longest line.",
        value: |shard| shard.lines_cut,
    },
    Series {
        name: "longship_lines_cut_bytes_total",
        kind: Kind::Counter,
        help: "Bytes that were cut off lines.",
        value: |shard| shard.lines_cut_bytes,
    },
    Series {
        name: "longship_lines_mended_total",
        kind: Kind::Counter,
        help: "Lines whose bytes were not UTF-8 and were replaced.",
        value: |shard| shard.lines_mended,
    },
    Series {
        name: "longship_partial_records_flushed_total",
        kind: Kind::Counter,
        help: "Partial records that were sent without their end, for want of memory or because their file ended.",
        value: |shard| shard.partials_flushed,
    },
    Series {
        name: "longship_partial_records_truncated_total",
        kind: Kind::Counter,
        help: "Joined partial records that were cut to the configured size.",
        value: |shard| shard.partials_truncated,
    },
];
