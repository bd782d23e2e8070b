//! The client against a sink that checks, misbehaves, goes away and comes back.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;

use longship_sink::fault::{Action, Fault, Refusal};
use longship_sink::report::RequestRecord;
use longship_sink::sink::{Check, Options, Sink};
use longship_sink::tls::Identity;

use super::*;
use crate::encode::compress::{Compression, Compressor};
use crate::encode::protobuf::{ENTRY_HEAD_BYTES, entry_head, stream_head};
use crate::plan::{Authentication, Pem, Retry, Secret, Tls};

fn endpoint(url: String) -> Endpoint {
    Endpoint {
        url,
        tenant_id: String::new(),
        headers: Vec::new(),
        user_agent: "Alloy/v1.0 (linux)".to_owned(),
        authentication: Authentication::None,
        tls: Tls::default(),
        request_timeout: Duration::from_secs(5),
        retry: Retry {
            backoff_min: Duration::from_millis(500),
            backoff_max: Duration::from_secs(300),
            attempts_max: None,
            retry_on_429: true,
        },
    }
}

fn checking() -> (Sink, Client) {
    let sink = Sink::start(Options::check(Check::default())).unwrap();
    let client = Client::new(&endpoint(sink.push_url()));
    (sink, client)
}

/// A push of one entry.
fn body(line: &str) -> Body {
    let mut head = [0; ENTRY_HEAD_BYTES];
    let head_bytes = entry_head(&mut head, 1, line.len());
    let mut stream = Vec::new();
    stream_head(&mut stream, br#"{a="x"}"#, head_bytes + line.len());
    let mut compressor = Compressor::new(Compression::Snappy);
    compressor.begin(Body::default());
    compressor.append(&stream);
    compressor.append(&head[..head_bytes]);
    compressor.append(line.as_bytes());
    compressor.finish()
}

fn run<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(work)
}

/// Pushes an entry and gives the answer, once it is sure that the body came back as it was, in the same memory.
async fn push(client: &Client, line: &str) -> Answer {
    let body = body(line);
    let (memory, before) = (body.bytes.as_ptr(), body.as_slice().to_vec());
    let (answer, body) = client.push(body).await;
    assert_eq!(body.bytes.as_ptr(), memory, "not a copy");
    assert_eq!(body.as_slice(), before);
    answer
}

async fn push_ok(client: &Client) {
    assert_eq!(response(push(client, "line").await).0, 204);
}

fn response(answer: Answer) -> (u16, Option<u64>, String) {
    match answer {
        Answer::Response { status, retry_after_ns, body } => (status, retry_after_ns, String::from_utf8(body).unwrap()),
        Answer::Failed { error } => panic!("{error}"),
    }
}

fn failure(answer: Answer) -> String {
    match answer {
        Answer::Failed { error } => error,
        Answer::Response { status, .. } => panic!("answered {status}"),
    }
}

fn refusal(status: u16, retry_after: Option<&str>, text: Option<&str>) -> Vec<Fault> {
    let (retry_after, text) = (retry_after.map(str::to_owned), text.map(str::to_owned));
    vec![Fault::next(1, Action::Refuse(Refusal { status, retry_after, text, stored: false }))]
}

#[test]
fn an_entry_arrives_over_a_connection_that_is_used_again() {
    let (sink, client) = checking();
    run(async {
        for _ in 0..20 {
            push_ok(&client).await;
        }
    });
    let stats = sink.stats();
    assert_eq!((stats.connections, stats.check.unwrap().accepted), (1, 20));
}

#[test]
fn several_pushes_at_once_keep_as_many_connections() {
    let (sink, client) = checking();
    sink.set_faults(vec![Fault::slow(Duration::from_millis(50))]);
    run(async {
        for _ in 0..2 {
            tokio::join!(push_ok(&client), push_ok(&client), push_ok(&client));
        }
    });
    assert_eq!((sink.stats().connections, sink.stats().requests.unanswered_max), (3, 3));
    assert_eq!(client.idle.borrow().len(), 3);
}

#[test]
fn a_body_larger_than_socket_buffers_arrives_whole() {
    let (sink, client) = checking();
    let mut random = crate::random::Random::new(5);
    let lines: Vec<u8> = (0..200_000).map(|_| b'!' + u8::try_from(random.below(90)).unwrap()).collect();
    let large = String::from_utf8(lines).unwrap();
    run(async {
        // A message of many megabytes that does not compress: one entry for each 200,000 bytes.
        let mut compressor = Compressor::new(Compression::Snappy);
        compressor.begin(Body::default());
        for _ in 0..40 {
            let mut head = [0; ENTRY_HEAD_BYTES];
            let head_bytes = entry_head(&mut head, 1, large.len());
            let mut stream = Vec::new();
            stream_head(&mut stream, br#"{a="x"}"#, head_bytes + large.len());
            compressor.append(&stream);
            compressor.append(&head[..head_bytes]);
            compressor.append(large.as_bytes());
        }
        let (answer, _) = client.push(compressor.finish()).await;
        assert_eq!(response(answer).0, 204);
    });
    assert_eq!(sink.stats().check.unwrap().accepted, 40);
}

#[test]
fn answers_bring_status_pause_and_text() {
    let (sink, client) = checking();
    run(async {
        sink.set_faults(vec![Fault::next(1, Action::throttle(7))]);
        let (status, pause, text) = response(push(&client, "line").await);
        assert_eq!((status, pause), (429, Some(7_000_000_000)));
        assert!(text.contains("rate limit"), "{text}");

        sink.set_faults(refusal(500, None, None));
        assert_eq!(response(push(&client, "line").await).0, 500);

        sink.set_faults(refusal(503, Some("Sun, 06 Nov 1994 08:49:37 GMT"), None));
        assert_eq!(response(push(&client, "line").await).1, Some(0), "a moment that has passed");

        sink.set_faults(refusal(400, None, Some("entry for stream '{}' is too old")));
        let expected = (400, None, "entry for stream '{}' is too old\n".to_owned());
        assert_eq!(response(push(&client, "line").await), expected);
    });
    assert_eq!(sink.stats().connections, 1, "refusals leave the connection as it was");
}

#[test]
fn a_redirect_is_an_answer() {
    let (sink, client) = checking();
    sink.set_faults(refusal(307, None, Some("elsewhere")));
    assert_eq!(response(run(push(&client, "line"))).0, 307);
}

#[test]
fn no_more_of_an_answer_is_read_than_is_of_use() {
    let (sink, client) = checking();
    run(async {
        sink.set_faults(refusal(400, None, Some(&"x".repeat(1 << 20))));
        assert_eq!(response(push(&client, "line").await).2.len(), crate::limits::ANSWER_BYTES_MAX);
        push_ok(&client).await;
    });
    assert_eq!(sink.stats().connections, 2, "the rest of the answer is not waited for");
}

#[test]
fn silence_is_a_failure_after_the_timeout() {
    let sink = Sink::start(Options::drain()).unwrap();
    let client = Client::new(&Endpoint { request_timeout: Duration::from_millis(200), ..endpoint(sink.push_url()) });
    run(async {
        push_ok(&client).await;
        sink.set_faults(vec![Fault::next(1, Action::Hang)]);
        let begin = Instant::now();
        let error = failure(push(&client, "line").await);
        assert_eq!(error, format!("push to {}: no answer after 200ms", sink.address()));
        assert!(begin.elapsed() < Duration::from_secs(2));
        push_ok(&client).await;
    });
    assert!(sink.wait(Duration::from_secs(5), |stats| stats.requests.abandoned == 1));
    assert_eq!(sink.stats().connections, 2, "a late answer must not meet the next request");
}

#[test]
fn a_reset_after_the_request_was_sent_is_a_failure() {
    let (sink, client) = checking();
    run(async {
        push_ok(&client).await;
        for action in [Action::ResetAfterBody, Action::ResetBeforeBody] {
            sink.set_faults(vec![Fault::next(1, action)]);
            let error = failure(push(&client, "line").await);
            assert_eq!(error, format!("push to {}: connection reset by peer", sink.address()));
            push_ok(&client).await;
        }
    });
    assert_eq!(sink.stats().requests.arrived, 5, "what may have been taken is not sent again here");
}

#[test]
fn a_refused_connection_is_told_with_its_address() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let client = Client::new(&endpoint(format!("http://{address}/push")));
    assert_eq!(failure(run(push(&client, "line"))), format!("connect {address}: connection refused"));
}

#[test]
fn a_name_that_is_none_is_told() {
    let client = Client::new(&endpoint("http://loki.invalid./push".to_owned()));
    let error = failure(run(push(&client, "line")));
    assert!(error.starts_with("look up loki.invalid.: failed to lookup address information"), "{error}");
}

#[test]
fn a_server_that_was_restarted_is_connected_to_anew() {
    let (sink, client) = checking();
    run(async {
        tokio::join!(push_ok(&client), push_ok(&client));
        sink.go_down().unwrap();
        sink.come_up().unwrap();
        push_ok(&client).await;
        push_ok(&client).await;
    });
    assert_eq!((sink.stats().connections, sink.stats().check.unwrap().accepted), (3, 4));
}

#[test]
fn a_connection_that_the_server_closes_after_its_answer_is_not_kept() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/push", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        for stream in listener.incoming().take(2) {
            let mut stream = stream.unwrap();
            let mut request = [0; 4096];
            assert!(stream.read(&mut request).unwrap() > 0);
            stream.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n").unwrap();
        }
    });
    let client = Client::new(&endpoint(url));
    run(async {
        push_ok(&client).await;
        push_ok(&client).await;
    });
    server.join().unwrap();
}

#[test]
fn an_answer_may_come_before_the_body_is_taken() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/push", listener.local_addr().unwrap());
    let (client_ends, hung_up) = std::sync::mpsc::channel::<()>();
    let server = std::thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        assert!(stream.read(&mut [0; 64]).unwrap() > 0);
        stream.write_all(b"HTTP/1.1 413 Payload Too Large\r\nContent-Length: 9\r\n\r\ntoo large").unwrap();
        // The rest is never read; the client hangs up on its own.
        hung_up.recv().unwrap_err();
        drop(stream);
    });
    let client = Client::new(&endpoint(url));
    let body = Body { bytes: vec![7; 64 << 20], start: 3 };
    let memory = body.bytes.as_ptr();
    let (answer, body) = run(client.push(body));
    assert_eq!(response(answer), (413, None, "too large".to_owned()));
    assert_eq!((body.bytes.as_ptr(), body.bytes.len(), body.start), (memory, 64 << 20, 3));
    assert!(client.idle.borrow().is_empty());
    drop(client_ends);
    server.join().unwrap();
}

#[test]
fn a_connection_that_is_idle_for_long_is_closed() {
    let (sink, client) = checking();
    run(async {
        push_ok(&client).await;
        client.close_idle();
        assert_eq!(client.idle.borrow().len(), 1);
        client.idle.borrow_mut()[0].idle_since = Instant::now().checked_sub(IDLE_MAX).unwrap();
        push_ok(&client).await;
    });
    assert_eq!((sink.stats().connections, client.idle.borrow().len()), (2, 1));
}

#[test]
fn a_bad_url_fails_every_push() {
    let client = Client::new(&endpoint("loki:3100/push".to_owned()));
    assert_eq!(failure(run(push(&client, "line"))), "url: no scheme, expected http:// or https://");
}

/// Pushes over a client made from a changed endpoint, and gives the request as it arrived.
fn request(change: impl FnOnce(&mut Endpoint)) -> RequestRecord {
    let sink = Sink::start(Options::drain()).unwrap();
    let mut endpoint = endpoint(sink.push_url());
    change(&mut endpoint);
    run(push_ok(&Client::new(&endpoint)));
    sink.requests().remove(0)
}

#[test]
fn a_push_has_the_headers_that_loki_expects() {
    let request = request(|endpoint| endpoint.tenant_id = "team-a".to_owned());
    let expected_bytes = body("line").as_slice().len().to_string();
    for (name, value) in [
        ("content-type", "application/x-protobuf"),
        ("content-encoding", "snappy"),
        ("user-agent", "Alloy/v1.0 (linux)"),
        ("x-scope-orgid", "team-a"),
        ("content-length", expected_bytes.as_str()),
    ] {
        assert_eq!(request.header(name), Some(value), "{name}");
    }
    assert!(request.header("host").unwrap().starts_with("127.0.0.1:"));
    assert_eq!(request.headers.len(), 6, "{:?}", request.headers);
}

#[test]
fn headers_of_the_configuration_override_none_of_the_standard_ones() {
    let labels = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect::<Vec<_>>()
    };
    let custom = labels(&[
        ("X-Cluster", "prod"),
        ("content-type", "text/plain"),
        ("Content-Length", "1"),
        ("HOST", "elsewhere"),
        ("User-Agent", "curl"),
        ("Transfer-Encoding", "chunked"),
        ("X-Scope-OrgID", "custom"),
    ]);
    let with = |tenant: &str| {
        let custom = custom.clone();
        let tenant_id = tenant.to_owned();
        request(|endpoint| (endpoint.headers, endpoint.tenant_id) = (custom, tenant_id))
    };
    let request = with("team-a");
    assert_eq!(request.header("x-cluster"), Some("prod"));
    assert_eq!(request.header("content-type"), Some("application/x-protobuf"));
    assert_eq!(request.header("user-agent"), Some("Alloy/v1.0 (linux)"));
    assert_eq!(request.header("x-scope-orgid"), Some("team-a"));
    assert_eq!(request.header("transfer-encoding"), None);
    assert!(request.header("host").unwrap().starts_with("127.0.0.1:"));
    assert_eq!(request.headers.len(), 7, "{:?}", request.headers);
    assert_eq!(with("").header("x-scope-orgid"), Some("custom"), "nothing else names the tenant");
}

#[test]
fn a_header_that_cannot_be_sent_is_told() {
    let mut endpoint = endpoint("http://127.0.0.1:1/push".to_owned());
    endpoint.headers = vec![("a b".to_owned(), String::new())];
    let error = failure(run(push(&Client::new(&endpoint), "line")));
    assert_eq!(error, "header \"a b\": invalid HTTP header name");
}

#[test]
fn authentication_arrives() {
    let authorization = |authentication: Authentication| {
        request(|endpoint| endpoint.authentication = authentication).header("authorization").unwrap().to_owned()
    };
    let password = Secret::Inline("pass:word".to_owned());
    let basic = Authentication::Basic { username: "user".to_owned(), password };
    assert_eq!(authorization(basic), "Basic dXNlcjpwYXNzOndvcmQ=");
    let credentials = Secret::Inline("token".to_owned());
    let bearer = Authentication::Header { scheme: "Bearer".to_owned(), credentials };
    assert_eq!(authorization(bearer), "Bearer token");
    let in_url = request(|endpoint| endpoint.url = endpoint.url.replace("//", "//user:pass%3Aword@"));
    assert_eq!(in_url.header("authorization"), Some("Basic dXNlcjpwYXNzOndvcmQ="));
    assert!(in_url.header("host").unwrap().starts_with("127.0.0.1:"));
}

#[test]
fn a_secret_in_a_file_is_read_for_every_connection() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    let sink = Sink::start(Options::drain()).unwrap();
    let mut endpoint = endpoint(sink.push_url());
    endpoint.authentication =
        Authentication::Header { scheme: "Bearer".to_owned(), credentials: Secret::File(path.clone()) };
    let client = Client::new(&endpoint);
    run(async {
        let error = failure(push(&client, "line").await);
        assert_eq!(error, format!("prepare the connection: read {}: no such file or directory", path.display()));
        for token in ["one", "two"] {
            std::fs::write(&path, format!("{token}\n")).unwrap();
            push_ok(&client).await;
            sink.go_down().unwrap();
            sink.come_up().unwrap();
        }
    });
    let seen: Vec<_> =
        sink.requests().iter().map(|request| request.header("authorization").unwrap().to_owned()).collect();
    assert_eq!(seen, ["Bearer one", "Bearer two"]);
}

#[test]
fn no_secret_is_in_the_text_of_a_failure() {
    let mut endpoint = endpoint("http://user:secret@127.0.0.1:1/push".to_owned());
    let tell = |endpoint: &Endpoint| failure(run(push(&Client::new(endpoint), "line")));
    assert_eq!(tell(&endpoint), "connect 127.0.0.1:1: connection refused");
    let credentials = Secret::Inline("secret\n".to_owned());
    endpoint.authentication = Authentication::Header { scheme: "Bearer".to_owned(), credentials };
    assert_eq!(tell(&endpoint), "prepare the connection: authorization: failed to parse header value");
}

/// Starts a sink that speaks TLS and pushes to it with these settings.
fn push_over_tls(server: Identity, tls: Tls) -> Answer {
    let sink = Sink::start(Options { tls: Some(server), ..Options::drain() }).unwrap();
    let client = Client::new(&Endpoint { tls, ..endpoint(sink.push_url()) });
    run(async {
        let answer = push(&client, "line").await;
        if matches!(answer, Answer::Response { .. }) {
            push_ok(&client).await;
            assert_eq!(sink.stats().connections, 1);
        }
        answer
    })
}

fn trusting() -> Tls {
    Tls { ca: Some(Pem::Inline(Identity::loopback().certificates_pem)), ..Tls::default() }
}

#[test]
fn a_server_is_trusted_by_the_given_authority() {
    assert_eq!(response(push_over_tls(Identity::loopback(), trusting())).0, 204);
    assert_eq!(response(push_over_tls(Identity::loopback(), Tls { tls13_only: true, ..trusting() })).0, 204);
    let named = Tls { server_name: Some("localhost".to_owned()), ..trusting() };
    assert_eq!(response(push_over_tls(Identity::loopback(), named)).0, 204);
}

#[test]
fn a_server_that_is_not_trusted_gets_nothing() {
    let check = |tls, expected: &str| {
        let error = failure(push_over_tls(Identity::loopback(), tls));
        assert!(error.starts_with("TLS handshake with 127.0.0.1:") && error.contains(expected), "{error}");
    };
    check(Tls::default(), "invalid peer certificate");
    let other = Tls { ca: Some(Pem::Inline(Identity::client().certificates_pem)), ..Tls::default() };
    check(other, "invalid peer certificate: UnknownIssuer");
    let named = Tls { server_name: Some("loki.example".to_owned()), ..trusting() };
    check(named, "not valid for name \"loki.example\"");
}

#[test]
fn any_server_is_trusted_on_demand() {
    let name = Some("loki.example".to_owned());
    let blind = Tls { insecure_skip_verify: true, server_name: name, ..Tls::default() };
    assert_eq!(response(push_over_tls(Identity::loopback(), blind)).0, 204);
}

#[test]
fn a_server_that_asks_gets_our_certificate() {
    let server = Identity { clients_pem: Some(Identity::client().certificates_pem), ..Identity::loopback() };
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: String| {
        std::fs::write(folder.path().join(name), text).unwrap();
        Pem::File(folder.path().join(name))
    };
    let identity =
        (file("client.crt", Identity::client().certificates_pem), file("client.key", Identity::client().key_pem));
    let known = Tls { identity: Some(identity), ..trusting() };
    assert_eq!(response(push_over_tls(server.clone(), known)).0, 204);
    let error = failure(push_over_tls(server, trusting()));
    assert!(error.contains("received fatal alert: CertificateRequired"), "{error}");
}

#[test]
fn what_is_wrong_with_a_certificate_is_told() {
    let check = |tls, expected: &str| {
        let error = failure(push_over_tls(Identity::loopback(), tls));
        assert_eq!(error, format!("prepare the connection: {expected}"));
    };
    let empty = || Pem::Inline(String::new());
    let missing = Pem::File(Path::new("/nowhere/ca.crt").to_owned());
    check(
        Tls { ca: Some(missing), ..Tls::default() },
        "certificate authority: read /nowhere/ca.crt: no such file or directory",
    );
    check(Tls { ca: Some(empty()), ..Tls::default() }, "certificate authority: there is no certificate in it");
    let identity = Some((Pem::Inline(Identity::client().certificates_pem), empty()));
    check(Tls { identity, ..trusting() }, "client key: no items found");
}
