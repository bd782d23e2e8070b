//! What clients see of each fault, and what the books say of it.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use super::client::{Answer, Client, protobuf};
use super::{Check, Options, Sink, checking, tagged};
use crate::fault::{Action, EntryReason, EntryRefusal, Fault, Refusal, Scope};
use crate::report::{End, WriterReport};
use crate::server::PUSH_PATH;

const LABELS: &str = r#"{a="x"}"#;

fn push(client: &mut Client, sequences: &[u64]) -> std::io::Result<Answer> {
    let lines: Vec<_> = sequences.iter().map(|sequence| (1, tagged(*sequence))).collect();
    let borrowed: Vec<_> = lines.iter().map(|(time, line)| (*time, line.as_str())).collect();
    client.push(&[(LABELS, &borrowed)])
}

fn writer(sink: &Sink) -> WriterReport {
    sink.writers().remove(0)
}

#[test]
fn a_refused_push_is_received_and_not_accepted() {
    let (sink, mut client) = checking(Check::default());
    for (action, status, text) in [
        (Action::refuse(500), 500, "Internal Server Error\n"),
        (Action::refuse(503), 503, "Service Unavailable\n"),
        (
            Action::refuse(429),
            429,
            "ingestion rate limit exceeded for user fake (limit: 4194304 bytes/sec) while attempting to ingest '2' \
             lines totaling '84' bytes, reduce log volume or contact your Loki administrator to see if the limit can \
             be increased\n",
        ),
        (Action::Refuse(Refusal { status: 400, text: Some("no".to_owned()), ..Refusal::default() }), 400, "no\n"),
    ] {
        sink.set_faults(vec![Fault::next(1, action)]);
        let answer = push(&mut client, &[0, 1]).unwrap();
        assert_eq!((answer.status, answer.text.as_str()), (status, text));
        assert!(!answer.head.contains("retry-after"));
    }
    let report = writer(&sink);
    assert_eq!((report.received, report.accepted, report.duplicated), (2, 0, 0));
    let check = sink.stats().check.unwrap();
    assert_eq!((check.received, check.accepted, check.stored), (8, 0, 0));

    assert_eq!(push(&mut client, &[0, 1]).unwrap().status, 204, "the faults were for one request each");
    let report = writer(&sink);
    assert_eq!((report.received, report.accepted, report.duplicated), (2, 2, 0), "sent again, not twice accepted");
    push(&mut client, &[1]).unwrap();
    assert_eq!(writer(&sink).duplicated, 1);
}

#[test]
fn a_throttle_names_its_pause() {
    let (sink, mut client) = checking(Check::default());
    sink.set_faults(vec![Fault::always(Action::throttle(7))]);
    let answer = push(&mut client, &[0]).unwrap();
    assert_eq!(answer.status, 429);
    assert!(answer.head.contains("\r\nretry-after: 7"), "{}", answer.head);
}

#[test]
fn a_refused_push_may_be_stored_nevertheless() {
    let (sink, mut client) = checking(Check { drop_equal: true, ..Check::default() });
    sink.set_faults(vec![Fault::next(1, Action::Refuse(Refusal { status: 500, stored: true, ..Refusal::default() }))]);
    push(&mut client, &[0, 1]).unwrap();
    let check = sink.stats().check.unwrap();
    assert_eq!((check.accepted, check.stored, check.equal), (0, 2, 0));
    push(&mut client, &[0, 1]).unwrap();
    let check = sink.stats().check.unwrap();
    assert_eq!((check.accepted, check.stored, check.equal), (2, 2, 2));
}

#[test]
fn refused_entries_leave_the_others_stored() {
    let (sink, mut client) = checking(Check::default());
    let refusal = EntryRefusal { reason: EntryReason::StreamRate, streams: None, every: 2 };
    sink.set_faults(vec![Fault::next(1, Action::RefuseEntries(refusal))]);
    let answer = push(&mut client, &[0, 1, 2]).unwrap();
    assert_eq!(answer.status, 429);
    assert!(
        answer.text.starts_with(
            "entry with timestamp 1970-01-01 00:00:00.000000001 +0000 UTC ignored, reason: 'Per stream rate limit \
             exceeded (limit: 3MB/sec) while attempting to ingest for stream '{a=\"x\"}' totaling 42B, consider"
        ),
        "{}",
        answer.text
    );
    assert!(answer.text.ends_with("',\nuser 'fake', total ignored: 2 out of 3 for stream: {a=\"x\"}\n"));
    let report = writer(&sink);
    assert_eq!((report.received, report.accepted, report.gaps), (1, 1, vec![(0, 1)]));
}

#[test]
fn only_the_last_streams_refusal_is_told() {
    let (sink, mut client) = checking(Check::default());
    let refusal = |streams: &str| EntryRefusal {
        reason: EntryReason::ActiveStreams,
        streams: Some(streams.to_owned()),
        every: 1,
    };
    let streams: &[(&str, &[(i64, &str)])] = &[(r#"{a="x"}"#, &[(1, "one")]), (r#"{a="y"}"#, &[(1, "one")])];
    sink.set_faults(vec![Fault::always(Action::RefuseEntries(refusal(r#""x""#)))]);
    assert_eq!(client.push(streams).unwrap().status, 204);
    let check = sink.stats().check.unwrap();
    assert_eq!((check.accepted, check.refused, check.refused_silently), (1, 1, 1));
    sink.set_faults(vec![Fault::always(Action::RefuseEntries(refusal(r#""y""#)))]);
    let answer = client.push(streams).unwrap();
    assert_eq!(answer.status, 429);
    assert!(answer.text.starts_with("maximum active stream limit exceeded when trying to create stream {a=\"y\"}"));
    let check = sink.stats().check.unwrap();
    assert_eq!((check.accepted, check.refused, check.refused_silently), (2, 2, 1));
}

#[test]
fn a_slow_answer_is_unanswered_until_it_comes() {
    let (sink, mut client) = checking(Check::default());
    sink.set_faults(vec![Fault::slow(Duration::from_millis(150))]);
    let begin = Instant::now();
    client.send("POST", PUSH_PATH, &protobuf(&[(LABELS, &[(1, &tagged(0))])])).unwrap();
    assert!(sink.wait(Duration::from_secs(5), |stats| stats.check.as_ref().unwrap().received == 1));
    assert_eq!(sink.unanswered_now(), 1);
    assert_eq!(writer(&sink).accepted, 0);
    assert_eq!(client.receive().unwrap().status, 204);
    assert!(begin.elapsed() >= Duration::from_millis(150));
    assert_eq!((sink.unanswered_now(), writer(&sink).accepted), (0, 1));
    let request = sink.requests().remove(0);
    assert!(request.was_unanswered_at(request.arrived + Duration::from_millis(100)));
    assert!(!request.was_unanswered_at(Instant::now()));
}

#[test]
fn a_hanging_push_is_abandoned_when_the_client_leaves() {
    let (sink, mut client) = checking(Check::default());
    sink.set_faults(vec![Fault::next(1, Action::Hang)]);
    client.set_timeout(Duration::from_millis(50));
    let error = push(&mut client, &[0]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock, "no answer comes");
    assert_eq!(sink.unanswered_now(), 1);
    drop(client);
    assert!(sink.wait(Duration::from_secs(5), |stats| stats.requests.abandoned == 1));
    assert_eq!(sink.requests()[0].end, End::Abandoned);
    let (report, check) = (writer(&sink), sink.stats().check.unwrap());
    assert_eq!((report.received, report.accepted, check.stored), (1, 0, 1), "it was stored, nobody knows");
}

#[test]
fn a_connection_is_reset_before_or_after_the_body() {
    let (sink, mut client) = checking(Check::default());
    sink.set_faults(vec![Fault::next(1, Action::ResetBeforeBody), Fault::next(1, Action::ResetAfterBody)]);
    let error = push(&mut client, &[0]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert_eq!(sink.stats().check.unwrap().received, 0);
    let mut client = Client::new(&sink);
    let error = push(&mut client, &[1]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    let report = writer(&sink);
    assert_eq!((report.received, report.accepted), (1, 0), "taken, and the client cannot know");
    assert_eq!(sink.stats().check.unwrap().stored, 1);
    let ends: Vec<_> = sink.requests().iter().map(|request| request.end).collect();
    assert_eq!(ends, [End::Reset, End::Reset]);
    assert_eq!(push(&mut Client::new(&sink), &[1]).unwrap().status, 204);
    assert_eq!(sink.unanswered_now(), 0);
}

#[test]
fn a_body_that_breaks_off_is_no_push() {
    let (sink, mut client) = checking(Check::default());
    let body = protobuf(&[(LABELS, &[(1, "one")])]);
    let answer = client.request("POST", PUSH_PATH, &[body.as_slice(), &[0; 10]].concat()).unwrap();
    assert_eq!(answer.status, 400, "trailing bytes make it corrupt");
    let mut broken = Client::new(&sink);
    broken.begin("POST", PUSH_PATH, body.len() + 1, &body).unwrap();
    assert!(sink.wait(Duration::from_secs(5), |stats| stats.requests.arrived == 2));
    drop(broken);
    assert!(sink.wait(Duration::from_secs(5), |stats| stats.requests.abandoned == 1));
    assert_eq!(sink.stats().check.unwrap().received, 0);
}

#[test]
fn a_tenant_may_suffer_alone() {
    let (sink, client) = checking(Check::default());
    sink.set_faults(vec![Fault::always(Action::refuse(503)).for_tenant("a")]);
    let mut of_a = client.with("X-Scope-OrgID", "a");
    let mut of_b = Client::new(&sink).with("X-Scope-OrgID", "b");
    assert_eq!(push(&mut of_a, &[0]).unwrap().status, 503);
    assert_eq!(push(&mut of_b, &[0]).unwrap().status, 204);
    let writers: Vec<_> =
        sink.writers().into_iter().map(|writer| (writer.tenant, writer.received, writer.accepted)).collect();
    assert_eq!(writers, [("a".to_owned(), 1, 0), ("b".to_owned(), 1, 1)], "tenants' streams are apart");
}

#[test]
fn faults_work_without_decoding() {
    let sink = Sink::start(Options::drain()).unwrap();
    let mut client = Client::new(&sink);
    sink.set_faults(vec![Fault::next(1, Action::throttle(1)), Fault::next(1, Action::ResetAfterBody)]);
    assert_eq!(push(&mut client, &[0]).unwrap().status, 429);
    assert_eq!(push(&mut client, &[0]).unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert_eq!(push(&mut Client::new(&sink), &[0]).unwrap().status, 204);
}

#[test]
fn faults_are_switched_over_http() {
    let (sink, mut client) = checking(Check::default());
    let control = br#"{"faults":[{"scope":{"next":1},"action":{"refuse":{"status":503}}}]}"#;
    assert_eq!(client.request("POST", "/control", control).unwrap().status, 200);
    assert_eq!(push(&mut client, &[0]).unwrap().status, 503);
    let in_force: serde_json::Value = serde_json::from_str(&client.get("/control").text).unwrap();
    assert_eq!(in_force[0]["fired"], 1);
    assert_eq!(push(&mut client, &[0]).unwrap().status, 204);
    let answer = client.request("POST", "/control", br#"{"faults":[{"action":"explode"}]}"#).unwrap();
    assert_eq!(answer.status, 400);
    assert!(answer.text.contains("unknown variant `explode`"), "{}", answer.text);

    sink.set_faults(vec![Fault { scope: Scope::For(Duration::ZERO), ..Fault::always(Action::Hang) }]);
    assert_eq!(push(&mut client, &[1]).unwrap().status, 204, "its time is over");
}
