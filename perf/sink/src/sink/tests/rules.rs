//! What is stored and what is refused.

use std::time::Duration;

use longship_workload::digest::{Digest, content_hash};

use super::client::{compress, entry};
use super::{Check, checking, tagged};
use crate::decode::proto::{LabelPairAdapter, PushRequest, StreamAdapter};
use crate::limits::{Limits, Rate};
use crate::server::PUSH_PATH;
use crate::sink::Sink;

const SECOND: i64 = 1_000_000_000;

fn counts(sink: &Sink) -> [u64; 5] {
    let check = sink.stats().check.unwrap();
    [check.received, check.accepted, check.refused, check.stored, check.equal]
}

#[test]
fn a_push_is_decoded_and_counted() {
    let (sink, mut client) = checking(Check { entries_kept: 2, ..Check::default() });
    let answer =
        client.push(&[(r#"{a="x"}"#, &[(1, "one"), (3, "three"), (2, "two")]), (r#"{a="y"}"#, &[(5, "ü")])]).unwrap();
    assert_eq!((answer.status, answer.text.as_str()), (204, ""));

    let stats = sink.stats();
    let check = stats.check.unwrap();
    assert_eq!((check.received, check.accepted, check.stored, check.streams), (4, 4, 4, 2));
    assert_eq!((check.accepted_bytes, check.out_of_order, check.findings), (13, 1, 0), "{:?}", check.first_findings);
    assert_eq!(stats.requests.answered.into_iter().collect::<Vec<_>>(), [(204, 1)]);
    assert_eq!((stats.requests.arrived, stats.requests.unanswered_now), (1, 0));

    let streams = sink.streams();
    let mut expected = [Digest::default(); 2];
    for (time, line) in [(1, "one"), (3, "three"), (2, "two")] {
        expected[0].add(time, line.as_bytes());
    }
    expected[1].add(5, "ü".as_bytes());
    assert_eq!([streams[0].stored, streams[1].stored], expected);
    assert_eq!([streams[0].out_of_order, streams[1].out_of_order], [1, 0]);
    assert_eq!(check.content_hash, content_hash([(r#"{a="y"}"#, &expected[1]), (r#"{a="x"}"#, &expected[0])]));

    let entries = sink.entries();
    let lines: Vec<_> = entries.iter().map(|entry| (entry.time_ns, entry.line.as_slice())).collect();
    assert_eq!(lines, [(1, b"one".as_slice()), (3, b"three".as_slice())], "two are kept");
    assert_eq!((entries[0].tenant.as_str(), entries[0].labels.as_str()), ("fake", r#"{a="x"}"#));

    let requests = sink.requests();
    assert_eq!((requests[0].streams, requests[0].entries, requests[0].unanswered), (2, 4, 1));
}

#[test]
fn what_is_equal_is_stored_once_only_on_demand() {
    let streams: &[(&str, &[(i64, &str)])] =
        &[(r#"{a="x"}"#, &[(1, "same"), (1, "same"), (1, "other"), (2, "same")]), (r#"{a="y"}"#, &[(1, "same")])];
    let (sink, mut client) = checking(Check { drop_equal: true, ..Check::default() });
    for _ in 0..2 {
        assert_eq!(client.push(streams).unwrap().status, 204);
    }
    assert_eq!(counts(&sink), [10, 10, 0, 4, 6]);
    let (sink, mut client) = checking(Check::default());
    client.push(streams).unwrap();
    assert_eq!(counts(&sink), [5, 5, 0, 5, 0]);
}

#[test]
fn metadata_tells_entries_apart() {
    let (sink, mut client) = checking(Check { drop_equal: true, entries_kept: 9, ..Check::default() });
    for value in ["1", "2", "1"] {
        let pair = LabelPairAdapter { name: "trace".to_owned(), value: value.to_owned() };
        let mut entry = entry(1, "same".into());
        entry.structured_metadata = vec![pair];
        let stream = StreamAdapter { labels: r#"{a="x"}"#.to_owned(), entries: vec![entry], hash: 0 };
        client.request("POST", PUSH_PATH, &compress(&PushRequest { streams: vec![stream] })).unwrap();
    }
    assert_eq!(counts(&sink), [3, 3, 0, 2, 1]);
    assert_eq!(sink.entries()[1].metadata, [("trace".to_owned(), "2".to_owned())]);
}

#[test]
fn a_push_that_cannot_be_read_is_refused_whole() {
    let (sink, mut client) = checking(Check::default());
    let good: (&str, &[(i64, &str)]) = (r#"{a="x"}"#, &[(1, "one")]);
    for (streams, status, text) in [
        (vec![], 422, "error at least one valid stream is required for ingestion\n"),
        (vec![good, ("{}", &[(1, "one")])], 400, "error at least one label pair is required per stream\n"),
        (
            vec![good, ("{a=}", &[(1, "one")])],
            400,
            "couldn't parse labels: 1:4: parse error: unexpected '}', expected '\"'\n",
        ),
    ] {
        let answer = client.push(&streams).unwrap();
        assert_eq!((answer.status, answer.text.as_str()), (status, text));
    }
    for (body, text) in [
        (b"\xff\xff\xff\xff\xff\xff".to_vec(), "snappy: corrupt input\n"),
        (snap::raw::Encoder::new().compress_vec(b"\x0a\xff").unwrap(), "failed to decode Protobuf message"),
    ] {
        let answer = client.request("POST", PUSH_PATH, &body).unwrap();
        assert_eq!(answer.status, 400);
        assert!(answer.text.starts_with(text), "{}", answer.text);
    }
    assert_eq!(counts(&sink), [0, 0, 0, 0, 0]);
    assert_eq!(client.push(&[good]).unwrap().status, 204, "the connection stays usable");
}

#[test]
fn bad_times_and_strange_things_are_told() {
    let (sink, mut client) = checking(Check::default());
    let mut push = |change: fn(&mut StreamAdapter)| {
        let mut stream =
            StreamAdapter { labels: r#"{a="x"}"#.to_owned(), entries: vec![entry(1, "one".into())], hash: 0 };
        change(&mut stream);
        client.request("POST", PUSH_PATH, &compress(&PushRequest { streams: vec![stream] })).unwrap()
    };
    let answer = push(|stream| stream.entries[0].timestamp = None);
    assert_eq!((answer.status, answer.text.as_str()), (400, "entry without a timestamp in stream {a=\"x\"}\n"));
    let answer = push(|stream| stream.entries[0].timestamp.as_mut().unwrap().nanos = -1);
    assert_eq!((answer.status, answer.text.as_str()), (400, "timestamp: nanos -1 not in range [0, 1e9)\n"));
    let answer = push(|stream| stream.entries[0].timestamp.as_mut().unwrap().seconds = i64::MAX);
    assert_eq!(answer.status, 400);
    let no_findings = sink.stats().check.unwrap().findings;
    assert_eq!(no_findings, 0);

    assert_eq!(push(|stream| stream.entries.clear()).status, 204);
    assert_eq!(push(|stream| stream.entries[0].line = b"\xff"[..].into()).status, 204);
    assert_eq!(push(|stream| stream.entries[0].parsed.push(LabelPairAdapter::default())).status, 204);
    assert_eq!(push(|stream| stream.labels = r#"{b="1",a="2"}"#.to_owned()).status, 204);
    assert_eq!(push(|stream| stream.labels = r#"{__path__="1"}"#.to_owned()).status, 204);
    let check = sink.stats().check.unwrap();
    assert_eq!(
        check.first_findings,
        [
            "stream {a=\"x\"} without entries",
            "line that is not UTF-8 in stream {a=\"x\"}",
            "entry with parsed labels in stream {a=\"x\"}",
            "label set not in canonical form: {b=\"1\",a=\"2\"}",
            "reserved label __path__ in {__path__=\"1\"}",
        ]
    );
    assert_eq!(check.findings, 5);
    assert_eq!(sink.streams()[2].labels, r#"{a="x"}"#);
    assert_eq!(sink.streams()[1].labels, r#"{a="2", b="1"}"#, "one spelling for each stream");
}

#[test]
fn the_distributor_refuses_single_entries() {
    let limits = Limits { line_bytes: 10, label_names: 2, ..Limits::default() };
    let (sink, mut client) = checking(Check { limits, ..Check::default() });
    let long = "x".repeat(11);
    let answer = client.push(&[(r#"{a="x"}"#, &[(1, "one"), (2, &long), (3, "three")])]).unwrap();
    let text = "Max entry size '10' bytes exceeded for stream '{a=\"x\"}' while adding an entry with length '11' bytes";
    assert_eq!((answer.status, answer.text), (400, format!("{text}\n")));
    assert_eq!(counts(&sink), [3, 2, 1, 2, 0]);

    let many = r#"{a="1", b="2", c="3"}"#;
    let answer = client.push(&[(many, &[(1, "one"), (2, "two")]), (r#"{a="x"}"#, &[(4, &long), (5, &long)])]).unwrap();
    let expected =
        format!("2 errors like: {text}; 1 errors like: entry for stream '{many}' has 3 label names; limit 2\n");
    assert_eq!(answer.text, expected);
    assert_eq!(counts(&sink), [7, 2, 5, 2, 0]);

    for (labels, text) in [
        (r#"{a="x", a="y"}"#, r#"stream '{a="x", a="y"}' has duplicate label name: 'a'"#.to_owned()),
        (r#"{a="x", b="y", service_name="z"}"#, String::new()),
    ] {
        let answer = client.push(&[(labels, &[(1, "one")])]).unwrap();
        assert_eq!(answer.text.trim_end(), text);
    }
    let name = "n".repeat(1_025);
    let answer = client.push(&[(&format!("{{{name}=\"x\"}}"), &[(1, "one")])]).unwrap();
    assert!(answer.text.contains("has label name too long: 'nnn"), "{}", answer.text);
    let value = "v".repeat(2_049);
    let answer = client.push(&[(&format!("{{a=\"{value}\"}}"), &[(1, "one")])]).unwrap();
    assert!(answer.text.contains("has label value too long: 'vvv"), "{}", answer.text);
}

#[test]
fn times_far_from_now_are_refused_on_demand() {
    let hour = Duration::from_secs(3_600);
    let limits = Limits { age: Some(hour), ahead: Some(hour), ..Limits::default() };
    let (_sink, mut client) = checking(Check { limits, ..Check::default() });
    let answer = client.push(&[(r#"{a="x"}"#, &[(SECOND, "one")])]).unwrap();
    let text =
        "entry for stream '{a=\"x\"}' has timestamp too old: 1970-01-01T00:00:01Z, oldest acceptable timestamp is: ";
    assert!(answer.status == 400 && answer.text.starts_with(text), "{}", answer.text);
    let answer = client.push(&[(r#"{a="x"}"#, &[(7_258_118_400 * SECOND, "one")])]).unwrap();
    assert_eq!(answer.text, "entry for stream '{a=\"x\"}' has timestamp too new: 2200-01-01T00:00:00Z\n");
}

#[test]
fn the_order_window_is_told_of_the_last_stream_only() {
    let (sink, mut client) = checking(Check::default());
    let (old, new) = (1_000 * SECOND, 10_000 * SECOND);
    let window: &[(i64, &str)] = &[(new, "new"), (old, "old"), (new - 3_600 * SECOND, "in the window")];
    let answer = client.push(&[(r#"{a="x"}"#, window)]).unwrap();
    assert_eq!(answer.status, 400);
    assert_eq!(
        answer.text,
        "entry with timestamp 1970-01-01 00:16:40 +0000 UTC ignored, reason: 'entry too far behind, entry timestamp \
         is: 1970-01-01T00:16:40Z, oldest acceptable timestamp is: 1970-01-01T01:46:40Z',\nuser 'fake', total ignored: \
         1 out of 3 for stream: {a=\"x\"}\n"
    );
    assert_eq!(counts(&sink), [3, 2, 1, 2, 0]);

    let answer = client.push(&[(r#"{a="x"}"#, &[(old, "old")]), (r#"{a="y"}"#, &[(old, "old")])]).unwrap();
    assert_eq!(answer.status, 204, "the loss in the first stream is silent");
    assert_eq!(counts(&sink), [5, 3, 2, 3, 0]);
    assert_eq!(sink.stats().check.unwrap().refused_silently, 1);
    assert_eq!(sink.streams()[0].refused, 2);
}

#[test]
fn an_ingesters_answer_hides_the_distributors() {
    let limits = Limits { line_bytes: 5, ..Limits::default() };
    let (sink, mut client) = checking(Check { limits, ..Check::default() });
    let answer =
        client.push(&[(r#"{a="x"}"#, &[(10_000 * SECOND, "new"), (1, "too long"), (1_000 * SECOND, "old")])]).unwrap();
    assert!(answer.text.ends_with("total ignored: 1 out of 2 for stream: {a=\"x\"}\n"), "{}", answer.text);
    assert_eq!(counts(&sink), [3, 1, 2, 1, 0]);
    assert_eq!(sink.stats().check.unwrap().refused_silently, 1);
}

#[test]
fn at_most_ten_refused_entries_are_listed() {
    let (_sink, mut client) = checking(Check::default());
    client.push(&[(r#"{a="x"}"#, &[(10_000 * SECOND, "new")])]).unwrap();
    let lines: Vec<_> = (0..12).map(|second| (second * SECOND, "old")).collect();
    let answer = client.push(&[(r#"{a="x"}"#, &lines)]).unwrap();
    assert_eq!(answer.text.matches(" ignored, reason: ").count(), 10);
    assert!(answer.text.ends_with("user 'fake', total ignored: 12 out of 12 for stream: {a=\"x\"}\n"));
}

#[test]
fn lines_of_a_workload_are_followed() {
    let (sink, mut client) = checking(Check::default());
    let lines: Vec<_> = [0, 1, 3, 2, 3, 6].map(|sequence| (1, tagged(sequence))).into();
    let borrowed: Vec<_> = lines.iter().map(|(time, line)| (*time, line.as_str())).collect();
    client.push(&[(r#"{a="x"}"#, &borrowed)]).unwrap();
    let writers = sink.writers();
    assert_eq!(writers.len(), 1);
    let writer = &writers[0];
    assert_eq!((writer.writer, writer.received, writer.accepted, writer.sequence_end), (7, 5, 5, 7));
    assert_eq!((writer.duplicated, writer.reordered), (1, 1));
    assert_eq!(writer.duplicated_bytes, tagged(3).len() as u64);
    assert_eq!(writer.gaps, [(4, 6)]);
    let mut digest = Digest::default();
    for sequence in [0, 1, 3, 2, 6] {
        digest.add(1, tagged(sequence).as_bytes());
    }
    assert_eq!(writer.tracks[0].accepted, digest, "each line once, in the order of arrival");

    let check = sink.stats().check.unwrap();
    assert_eq!((check.tagged.accepted, check.tagged.duplicated, check.tagged.reordered), (5, 1, 1));
    assert_eq!(check.latency.lines, 5);
}

#[test]
fn latency_is_from_the_lines_time_to_the_pushs_arrival() {
    let (sink, mut client) = checking(Check::default());
    let line = format!("lsw=7/0/{:019}", longship_workload::stamp::wall_ns() - 50_000_000);
    client.push(&[(r#"{a="x"}"#, &[(1, &line)])]).unwrap();
    let latency = sink.stats().check.unwrap().latency;
    assert!((50_000..5_000_000).contains(&latency.max_us), "{latency:?}");
}

#[test]
fn a_stream_over_its_rate_is_refused_whole_and_told_of_only_if_it_is_the_last() {
    let rate = Rate { bytes_per_second: 1, burst_bytes: 5 };
    let limits = Limits { stream_rate: Some(rate), ..Limits::default() };
    let (sink, mut client) = checking(Check { limits, ..Check::default() });
    let fast: &[(i64, &str)] = &[(1, "one"), (2, "two")];
    let slow: &[(i64, &str)] = &[(1, "one")];
    let answer = client.push(&[(r#"{a="fast"}"#, fast), (r#"{a="slow"}"#, slow)]).unwrap();
    assert_eq!(answer.status, 204);
    assert_eq!(counts(&sink), [3, 1, 2, 1, 0], "the loss in the first stream is silent");
    assert_eq!(sink.stats().check.unwrap().refused_silently, 2);

    let answer = client.push(&[(r#"{a="slow"}"#, &[(2, "x")]), (r#"{a="fast"}"#, fast)]).unwrap();
    assert_eq!(answer.status, 429);
    let text = "entry with timestamp 1970-01-01 00:00:00.000000002 +0000 UTC ignored, reason: 'Per stream rate limit \
                exceeded (limit: 3MB/sec) while attempting to ingest for stream '{a=\"fast\"}' totaling 3B, ";
    assert!(answer.text.contains(text), "{}", answer.text);
    assert!(answer.text.ends_with("total ignored: 2 out of 2 for stream: {a=\"fast\"}\n"), "{}", answer.text);
    assert_eq!(counts(&sink), [6, 2, 4, 2, 0]);
}

#[test]
fn a_tenant_over_its_rate_is_refused_the_whole_push() {
    let rate = Rate { bytes_per_second: 1, burst_bytes: 5 };
    let limits = Limits { tenant_rate: Some(rate), ..Limits::default() };
    let (sink, mut client) = checking(Check { limits, ..Check::default() });
    let answer = client.push(&[(r#"{a="x"}"#, &[(1, "one"), (2, "two")])]).unwrap();
    let text = "ingestion rate limit exceeded for user fake (limit: 1 bytes/sec) while attempting to ingest '2' lines \
                totaling '6' bytes, ";
    assert!(answer.status == 429 && answer.text.starts_with(text), "{} {}", answer.status, answer.text);
    assert_eq!(counts(&sink), [2, 0, 0, 0, 0], "nothing is stored, and nothing settled");
    assert_eq!(client.push(&[(r#"{a="x"}"#, &[(1, "one")])]).unwrap().status, 204);
}

#[test]
fn a_stream_too_many_is_refused() {
    let limits = Limits { streams: Some(2), ..Limits::default() };
    let (sink, mut client) = checking(Check { limits, ..Check::default() });
    let lines: &[(i64, &str)] = &[(1, "one"), (2, "two")];
    let three = [(r#"{a="x"}"#, lines), (r#"{a="y"}"#, lines), (r#"{a="z"}"#, lines)];
    let answer = client.push(&three).unwrap();
    let text = "maximum active stream limit exceeded when trying to create stream {a=\"z\"}, ";
    assert!(answer.status == 429 && answer.text.starts_with(text), "{} {}", answer.status, answer.text);
    assert_eq!(counts(&sink), [6, 4, 2, 4, 0]);
    assert_eq!(client.push(&[three[2], three[0]]).unwrap().status, 204, "only the last stream's fate is told");
    assert_eq!(counts(&sink), [10, 6, 4, 6, 0]);
}

#[test]
fn as_loki_does_it_all_limits_hold() {
    let Check { drop_equal, limits, .. } = Check::loki();
    assert!(drop_equal && limits.age.is_some() && limits.ahead.is_some() && limits.order_window.is_some());
    let rates = [limits.tenant_rate, limits.stream_rate].map(|rate| rate.map(|rate| rate.bytes_per_second >> 20));
    assert_eq!((rates, limits.streams), ([Some(4), Some(3)], Some(5_000)));
}
