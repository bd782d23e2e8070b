//! Encodings, TLS, headers, pages, the sink's own coming and going.

use std::io::{ErrorKind, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::client::{Client, protobuf};
use super::{Check, Options, Sink, checking};
use crate::fault::{Action, Fault};
use crate::report::{Stats, StreamReport, WriterReport};
use crate::server::PUSH_PATH;
use crate::tls::Identity;

const JSON: &[u8] =
    br#"{"streams":[{"stream":{"b":"y","a":1},"values":[["1700000000000000001","one",{"trace":"t"}]]}]}"#;

#[test]
fn json_is_taken_plain_gzipped_and_deflated() {
    let (sink, client) = checking(Check { entries_kept: 9, ..Check::default() });
    let mut client = client.with("Content-Type", "application/json; charset=utf-8");
    assert_eq!(client.request("POST", PUSH_PATH, JSON).unwrap().status, 204);

    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(JSON).unwrap();
    let mut deflate = DeflateEncoder::new(Vec::new(), Compression::fast());
    deflate.write_all(JSON).unwrap();
    for (encoding, body) in [("gzip", gzip.finish().unwrap()), ("deflate", deflate.finish().unwrap())] {
        let mut client = Client::new(&sink).with("Content-Type", "application/json").with("Content-Encoding", encoding);
        assert_eq!(client.request("POST", PUSH_PATH, &body).unwrap().status, 204, "{encoding}");
        assert_eq!(client.request("POST", PUSH_PATH, &body[1..]).unwrap().status, 400, "{encoding}");
    }
    let entries = sink.entries();
    assert_eq!(entries.len(), 3);
    for entry in entries {
        assert_eq!((entry.labels.as_str(), entry.time_ns), (r#"{a="1", b="y"}"#, 1_700_000_000_000_000_001));
        assert_eq!(entry.line, b"one");
        assert_eq!(entry.metadata, [("trace".to_owned(), "t".to_owned())]);
    }
    let answer = Client::new(&sink).with("Content-Encoding", "zstd").request("POST", PUSH_PATH, JSON).unwrap();
    assert_eq!((answer.status, answer.text.as_str()), (400, "Content-Encoding \"zstd\" not supported\n"));
}

#[test]
fn snappy_is_taken_with_and_without_its_header_and_in_gzip() {
    let (sink, client) = checking(Check::default());
    let body = protobuf(&[(r#"{a="x"}"#, &[(1, "one")])]);
    let mut client = client.with("Content-Encoding", "snappy").with("Content-Type", "application/x-protobuf");
    assert_eq!(client.request("POST", PUSH_PATH, &body).unwrap().status, 204);
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(&body).unwrap();
    let mut client = Client::new(&sink).with("Content-Encoding", "gzip");
    assert_eq!(client.request("POST", PUSH_PATH, &gzip.finish().unwrap()).unwrap().status, 204);
    assert_eq!(sink.stats().check.unwrap().accepted, 2);
}

#[test]
fn draining_counts_bodies_and_what_they_decompress_to() {
    let sink = Sink::start(Options::drain()).unwrap();
    let mut client = Client::new(&sink);
    let line = "x".repeat(1_000_000);
    let body = protobuf(&[(r#"{a="x"}"#, &[(1, &line)])]);
    for _ in 0..3 {
        assert_eq!(client.request("POST", PUSH_PATH, &body).unwrap().status, 204);
    }
    let stats = sink.stats();
    let uncompressed = snap::raw::decompress_len(&body).unwrap() as u64;
    assert_eq!((stats.body_bytes, stats.uncompressed_bytes), (3 * body.len() as u64, 3 * uncompressed));
    assert!(stats.check.is_none() && sink.streams().is_empty() && sink.writers().is_empty());
    assert!(stats.first_arrival_ns.unwrap() <= stats.last_answer_ns.unwrap());
    assert_eq!(sink.requests()[2].body_bytes, body.len() as u64);
}

#[test]
fn only_the_last_requests_are_remembered_with_their_headers() {
    let sink = Sink::start(Options { requests_kept: 2, ..Options::drain() }).unwrap();
    for token in ["one", "two", "three"] {
        let mut client = Client::new(&sink).with("Authorization", &format!("Bearer {token}"));
        client.push(&[]).unwrap();
    }
    let requests = sink.requests();
    let seen: Vec<_> = requests.iter().map(|request| (request.number, request.header("authorization"))).collect();
    assert_eq!(seen, [(1, Some("Bearer two")), (2, Some("Bearer three"))]);
    assert_eq!(sink.stats().connections, 3);
}

#[test]
fn pages_tell_what_the_handle_tells() {
    let (sink, mut client) = checking(Check::default());
    client.push(&[(r#"{a="x"}"#, &[(1, &super::tagged(0))])]).unwrap();
    assert_eq!(serde_json::from_str::<Stats>(&client.get("/stats").text).unwrap(), sink.stats());
    assert_eq!(serde_json::from_str::<Vec<StreamReport>>(&client.get("/streams").text).unwrap(), sink.streams());
    assert_eq!(serde_json::from_str::<Vec<WriterReport>>(&client.get("/writers").text).unwrap(), sink.writers());
    assert_eq!((client.get("/ready").status, client.get("/ready").text.as_str()), (200, "ready\n"));
    assert_eq!(client.get("/nothing").status, 404);
    assert_eq!(client.get(PUSH_PATH).status, 405);
}

#[test]
fn tls_shows_the_given_certificate() {
    let options = Options { tls: Some(Identity::loopback()), ..Options::check(Check::default()) };
    let sink = Sink::start(options).unwrap();
    assert!(sink.push_url().starts_with("https://127.0.0.1:"), "{}", sink.push_url());

    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(Identity::loopback().certificates_pem.as_bytes()).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let config = Arc::new(config);
    let connect = |name: &'static str| {
        let connection = ClientConnection::new(Arc::clone(&config), ServerName::try_from(name).unwrap()).unwrap();
        Client::over(StreamOwned::new(connection, TcpStream::connect(sink.address()).unwrap()))
    };
    for name in ["localhost", "127.0.0.1"] {
        assert_eq!(connect(name).push(&[(r#"{a="x"}"#, &[(1, "one")])]).unwrap().status, 204, "{name}");
    }
    connect("loki.example").push(&[]).unwrap_err();
    assert_eq!(sink.stats().check.unwrap().accepted, 2);

    sink.set_faults(vec![Fault::always(Action::ResetAfterBody)]);
    let error = connect("localhost").push(&[(r#"{a="x"}"#, &[(1, "one")])]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[test]
fn a_certificate_that_is_none_is_an_error() {
    let identity = Identity { key_pem: "nonsense".to_owned(), ..Identity::loopback() };
    assert!(Sink::start(Options { tls: Some(identity.clone()), ..Options::drain() }).is_err());
    assert!(!format!("{identity:?}").contains("nonsense"));
}

#[test]
fn a_sink_goes_down_and_comes_up_at_the_same_address() {
    let (sink, mut client) = checking(Check::default());
    sink.set_faults(vec![Fault::next(1, Action::Hang)]);
    client.send("POST", PUSH_PATH, &protobuf(&[(r#"{a="x"}"#, &[(1, "one")])])).unwrap();
    assert!(sink.wait(Duration::from_secs(5), |stats| stats.requests.unanswered_now == 1));
    sink.go_down().unwrap();
    assert_eq!(sink.stats().requests.abandoned, 1);
    client.receive().unwrap_err();
    assert_eq!(TcpStream::connect(sink.address()).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    sink.come_up().unwrap();
    let mut client = Client::new(&sink);
    assert_eq!(client.push(&[(r#"{a="x"}"#, &[(1, "one")])]).unwrap().status, 204);
    sink.come_up().unwrap();
    assert_eq!(client.get("/ready").status, 200, "up already, nothing changes");
}

#[test]
fn a_stopped_sink_finishes_what_is_under_way_and_can_be_asked() {
    let (sink, mut client) = checking(Check::default());
    sink.set_faults(vec![Fault::slow(Duration::from_millis(100)), Fault::always(Action::Hang)]);
    client.send("POST", PUSH_PATH, &protobuf(&[(r#"{a="x"}"#, &[(1, "one")])])).unwrap();
    assert!(sink.wait(Duration::from_secs(5), |stats| stats.requests.unanswered_now == 1));
    sink.stop();
    assert_eq!(client.receive().unwrap().status, 204);
    assert_eq!(sink.stats().check.unwrap().accepted, 1);
    sink.stop();
    assert!(sink.go_down().is_err());
}

#[test]
fn a_stopped_sink_does_not_wait_for_what_hangs() {
    let (sink, mut client) = checking(Check::default());
    sink.set_faults(vec![Fault::always(Action::Hang)]);
    client.send("POST", PUSH_PATH, &protobuf(&[(r#"{a="x"}"#, &[(1, "one")])])).unwrap();
    assert!(sink.wait(Duration::from_secs(5), |stats| stats.requests.unanswered_now == 1));
    sink.stop();
    assert_eq!(sink.stats().requests.abandoned, 1);
}
