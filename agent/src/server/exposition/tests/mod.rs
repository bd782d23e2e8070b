mod strict;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use longship_pipeline::plan::{
    Authentication, Destination, DestinationKind, Endpoint, Plan, Retry, Secret, Source, SourceIndex, Tls, Write,
    WriteIndex,
};
use longship_pipeline::{DestinationSnapshot, Dropped, FileSnapshot, Histogram, ShardSnapshot, Snapshot};

use self::strict::{Family, read};
use super::{Recorder, page};

fn loki(url: &str, tenant: &str) -> Destination {
    let endpoint = Endpoint {
        url: url.to_owned(),
        tenant_id: tenant.to_owned(),
        headers: vec![("X-Key".to_owned(), "hunter2".to_owned())],
        user_agent: "test".to_owned(),
        authentication: Authentication::Basic {
            username: "u".to_owned(),
            password: Secret::Inline("hunter2".to_owned()),
        },
        tls: Tls::default(),
        request_timeout: Duration::from_secs(1),
        retry: Retry {
            backoff_min: Duration::from_secs(1),
            backoff_max: Duration::from_secs(1),
            attempts_max: None,
            retry_on_429: true,
        },
    };
    destination(DestinationKind::Loki(Box::new(endpoint)))
}

fn destination(kind: DestinationKind) -> Destination {
    Destination { name: "0".to_owned(), batch_wait: Duration::from_secs(1), batch_bytes_max: 1 << 20, kind }
}

/// Two sources; one `loki.write` with two destinations of one host and tenant and one of another tenant; an echo.
fn plan() -> Plan {
    let source = |id: &str| Source { component_id: id.to_owned(), tail_from_end: false, routes: Vec::new() };
    let write =
        |id: &str, destinations| Write { component_id: id.to_owned(), external_labels: Vec::new(), destinations };
    Plan {
        sources: vec![source("loki.source.file.pods"), source("loki.source.file.idle")],
        writes: vec![
            write(
                "loki.write.w",
                vec![
                    loki("http://user:hunter2@loki:3100/loki/api/v1/push", "a"),
                    loki("http://loki:3100/other/push", "a"),
                    loki("http://loki:3100/loki/api/v1/push", "b"),
                ],
            ),
            write("loki.echo.e", vec![destination(DestinationKind::Echo)]),
        ],
    }
}

fn file(path: &str, read_lines: u64) -> FileSnapshot {
    FileSnapshot {
        source: SourceIndex(0),
        path: PathBuf::from(path),
        read_offset_bytes: 100,
        size_bytes: 200,
        read_bytes: 1_000,
        read_lines,
        lost_bytes: 7,
        active: true,
    }
}

fn counted(write: u16, destination: usize) -> DestinationSnapshot {
    let histogram = |counts: [u64; 3]| Histogram { bounds: &[0.5, 2.5], counts: counts.to_vec(), sum: 1.25 };
    DestinationSnapshot {
        write: WriteIndex(write),
        destination,
        sent_bytes: 10,
        sent_entries: 20,
        acknowledged_bytes: 30,
        retries: 4,
        dropped: vec![
            Dropped { reason: "ingester_error", entries: 5, bytes: 50 },
            Dropped { reason: "other", entries: 6, bytes: 60 },
        ],
        refused: vec![("line_too_long", 5)],
        requests: vec![(Some(204), histogram([1, 2, 3])), (None, histogram([0, 0, 1]))],
        request_bytes: histogram([1, 1, 1]),
        propagation_seconds: histogram([6, 0, 0]),
    }
}

fn snapshot() -> Snapshot {
    Snapshot {
        read_rung: "pread",
        observe_rung: "inotify",
        refused_rungs: vec![("io_uring", "io_uring_setup: \"not\" permitted".to_owned())],
        files: vec![file("/var/log/a \"b\"\\c\nd.log", 11), file("/var/log/e.log", 12)],
        destinations: vec![counted(0, 0), counted(0, 1), counted(1, 0)],
        shards: vec![ShardSnapshot { turns: 8, ..ShardSnapshot::default() }, ShardSnapshot::default()],
        budget_used_bytes: 1,
        budget_bytes: 1 << 25,
    }
}

fn families(snapshot: &Snapshot) -> BTreeMap<String, Family> {
    read(&page(&Recorder::default(), Some((&plan(), snapshot))))
}

/// The value of the only sample of a family that has all these labels.
fn value(families: &BTreeMap<String, Family>, sample: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let family = families.iter().find(|(name, _)| {
        sample.strip_prefix(name.as_str()).is_some_and(|rest| ["", "_bucket", "_sum", "_count"].contains(&rest))
    });
    let has = |series: &[(String, String)], label: &(&str, &str)| {
        series.iter().any(|(name, value)| (name.as_str(), value.as_str()) == *label)
    };
    let mut found = family?
        .1
        .samples
        .iter()
        .filter(|((name, series), _)| name == sample && labels.iter().all(|label| has(series, label)));
    let first = found.next().map(|(_, value)| *value);
    assert!(found.next().is_none(), "{sample} {labels:?} is not one sample");
    first
}

#[test]
fn names_types_and_labels_are_those_of_the_reference() {
    let families = families(&snapshot());
    let component = "component_id component_path";
    let address = "component_id component_path host tenant";
    for (name, kind, labels) in [
        ("loki_source_file_files_active_total", "gauge", component.to_owned()),
        ("loki_source_file_file_bytes_total", "gauge", format!("{component} path")),
        ("loki_source_file_read_bytes_total", "gauge", format!("{component} path")),
        ("loki_source_file_read_lines_total", "counter", format!("{component} path")),
        ("loki_write_batch_retries_total", "counter", address.to_owned()),
        ("loki_write_dropped_bytes_total", "counter", "component_id component_path host reason tenant".to_owned()),
        ("loki_write_dropped_entries_total", "counter", "component_id component_path host reason tenant".to_owned()),
        ("loki_write_entry_propagation_latency_seconds", "histogram", address.to_owned()),
        (
            "loki_write_request_duration_seconds",
            "histogram",
            "component_id component_path host status_code tenant".to_owned(),
        ),
        ("loki_write_request_size_bytes", "histogram", address.to_owned()),
        ("loki_write_sent_bytes_total", "counter", address.to_owned()),
        ("loki_write_sent_entries_total", "counter", address.to_owned()),
        ("longship_acknowledged_bytes_total", "counter", "component_id host tenant".to_owned()),
        ("longship_source_file_lost_bytes_total", "counter", "component_id path".to_owned()),
        ("longship_rung_refused", "gauge", "reason rung".to_owned()),
        ("longship_shard_turns_total", "counter", "shard".to_owned()),
    ] {
        let family = families.get(name).unwrap_or_else(|| panic!("{name} is missing"));
        assert_eq!(family.kind, kind, "{name}");
        assert!(!family.samples.is_empty(), "{name}");
        for (_, series) in family.samples.keys() {
            let names: Vec<_> = series.iter().map(|(label, _)| label.as_str()).filter(|label| *label != "le").collect();
            assert_eq!(names.join(" "), labels, "{name}");
        }
    }
}

#[test]
fn files_have_their_figures_and_escaped_paths() {
    let families = families(&snapshot());
    let first = [("component_id", "loki.source.file.pods"), ("path", "/var/log/a \"b\"\\c\nd.log")];
    for (name, expected) in [
        ("loki_source_file_read_bytes_total", 100.0),
        ("loki_source_file_file_bytes_total", 200.0),
        ("loki_source_file_read_lines_total", 11.0),
        ("longship_source_file_lost_bytes_total", 7.0),
    ] {
        assert_eq!(value(&families, name, &first), Some(expected), "{name}");
    }
    for (component, active) in [("loki.source.file.pods", 2.0), ("loki.source.file.idle", 0.0)] {
        let labels = [("component_id", component), ("component_path", "/")];
        assert_eq!(value(&families, "loki_source_file_files_active_total", &labels), Some(active));
    }
}

#[test]
fn a_file_has_series_as_long_as_the_snapshot_has_it() {
    let mut snapshot = snapshot();
    let has = |snapshot: &Snapshot, path: &str| page(&Recorder::default(), Some((&plan(), snapshot))).contains(path);
    assert!(has(&snapshot, "/var/log/e.log"));
    snapshot.files[1].active = false;
    assert!(has(&snapshot, "/var/log/e.log"));
    snapshot.files.pop();
    assert!(!has(&snapshot, "/var/log/e.log"));
}

#[test]
fn a_file_that_came_back_is_one_series() {
    let mut snapshot = snapshot();
    snapshot.files = vec![
        FileSnapshot { active: false, read_offset_bytes: 900, ..file("/a.log", 5) },
        FileSnapshot { read_offset_bytes: 90, ..file("/a.log", 6) },
    ];
    let families = families(&snapshot);
    assert_eq!(value(&families, "loki_source_file_read_lines_total", &[]), Some(11.0));
    assert_eq!(value(&families, "loki_source_file_read_bytes_total", &[]), Some(90.0));
}

#[test]
fn destinations_that_share_host_and_tenant_share_their_series() {
    let families = families(&snapshot());
    let shared = [("component_id", "loki.write.w"), ("host", "loki:3100"), ("tenant", "a")];
    assert_eq!(value(&families, "loki_write_sent_entries_total", &shared), Some(40.0));
    assert_eq!(value(&families, "longship_acknowledged_bytes_total", &shared), Some(60.0));
    let dropped = |reason| {
        let [component, host, tenant] = shared;
        value(&families, "loki_write_dropped_entries_total", &[component, host, tenant, ("reason", reason)])
    };
    assert_eq!(dropped("ingester_error"), Some(10.0));
    assert_eq!(dropped("other"), Some(12.0));
    for (code, count) in [("204", 12.0), ("-1", 2.0)] {
        let [component, host, tenant] = shared;
        let labels = [component, host, tenant, ("status_code", code)];
        assert_eq!(value(&families, "loki_write_request_duration_seconds_count", &labels), Some(count));
        assert_eq!(value(&families, "loki_write_request_duration_seconds_sum", &labels), Some(2.5));
    }
    let [component, host, tenant] = shared;
    let bucket = [component, host, tenant, ("status_code", "204"), ("le", "2.5")];
    assert_eq!(value(&families, "loki_write_request_duration_seconds_bucket", &bucket), Some(6.0));
}

#[test]
fn what_has_not_happened_is_there_as_zero() {
    let families = families(&Snapshot::default());
    let quiet = [("component_id", "loki.write.w"), ("component_path", "/"), ("host", "loki:3100"), ("tenant", "b")];
    for name in ["loki_write_sent_entries_total", "loki_write_sent_bytes_total", "loki_write_batch_retries_total"] {
        assert_eq!(value(&families, name, &quiet), Some(0.0), "{name}");
    }
    for reason in ["ingester_error", "rate_limited", "stream_limited", "line_too_long", "queue_is_full"] {
        let [component, path, host, tenant] = quiet;
        let labels = [component, path, host, tenant, ("reason", reason)];
        assert_eq!(value(&families, "loki_write_dropped_entries_total", &labels), Some(0.0), "{reason}");
    }
}

#[test]
fn no_secret_is_on_the_page_and_no_echo() {
    let text = page(&Recorder::default(), Some((&plan(), &snapshot())));
    assert!(!text.contains("hunter2"));
    assert!(!text.contains("loki.echo"));
}

#[test]
fn rungs_and_shards() {
    let families = families(&snapshot());
    assert_eq!(value(&families, "longship_read_rung", &[("rung", "pread")]), Some(1.0));
    assert_eq!(value(&families, "longship_observe_rung", &[("rung", "inotify")]), Some(1.0));
    let refused = [("rung", "io_uring"), ("reason", "io_uring_setup: \"not\" permitted")];
    assert_eq!(value(&families, "longship_rung_refused", &refused), Some(1.0));
    assert_eq!(value(&families, "longship_shard_turns_total", &[("shard", "0")]), Some(8.0));
    assert_eq!(value(&families, "longship_shard_turns_total", &[("shard", "1")]), Some(0.0));
}
