use std::collections::HashMap;
use std::path::Path;

use longship_pipeline::plan::Plan;
use longship_pipeline::{Compression, ObserveRung, Options, Pipeline, ReadRung};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;

/// A data plane without sources.
fn pipeline(storage: &Path) -> Arc<Pipeline> {
    let options = Options {
        storage_path: storage.to_owned(),
        shards: 1,
        pin: false,
        read_rung: ReadRung::Pread,
        observe_rung: ObserveRung::Poll,
        budget_bytes: 1 << 20,
        unanswered_bytes_max: 1 << 20,
        compression: Compression::default(),
    };
    Arc::new(Pipeline::start(Plan::default(), options).expect("an empty plan starts"))
}

fn components() -> Vec<Component> {
    ["loki.write.a", "loki.write.b", "loki.process.c"]
        .map(|id| Component {
            id: id.to_owned(),
            name: id.rsplit_once('.').expect("it has a label").0.to_owned(),
            is_healthy: true,
        })
        .to_vec()
}

/// Serves `state` until the test ends.
fn serve(state: &Arc<State>, limits: Limits) -> SocketAddr {
    let server = Server { limits, ..Server::bind("127.0.0.1:0").unwrap() };
    let address = server.local_addr();
    tokio::spawn(server.serve(Arc::clone(state)));
    address
}

struct Answer {
    status: u16,
    headers: HashMap<String, String>,
    body: String,
}

/// Sends a request with these words and reads all that comes.
async fn request(address: SocketAddr, method: &str, path: &str) -> Answer {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(format!("{method} {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").expect("a whole head");
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).expect("a status");
    let headers = lines.filter_map(|line| line.split_once(": "));
    Answer {
        status: status.parse().expect("a number"),
        headers: headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect(),
        body: body.to_owned(),
    }
}

async fn get(address: SocketAddr, path: &str) -> (u16, String) {
    let answer = request(address, "GET", path).await;
    (answer.status, answer.body)
}

#[tokio::test]
async fn ready_once_a_configuration_is_loaded() {
    let storage = tempfile::tempdir().unwrap();
    let state = Arc::new(State::new());
    let address = serve(&state, Limits::default());
    assert_eq!(get(address, "/-/ready").await, (503, "Alloy is not ready.\n".to_owned()));
    assert_eq!(get(address, "/-/healthy").await.0, 200);
    assert_eq!(get(address, "/metrics").await.0, 200);
    state.loaded(Arc::default(), pipeline(storage.path()), components());
    assert_eq!(get(address, "/-/ready").await, (200, "Alloy is ready.\n".to_owned()));
}

#[tokio::test]
async fn unhealthy_components_are_named() {
    let storage = tempfile::tempdir().unwrap();
    let state = Arc::new(State::new());
    let address = serve(&state, Limits::default());
    state.loaded(Arc::default(), pipeline(storage.path()), components());
    assert_eq!(get(address, "/-/healthy").await, (200, "All Alloy components are healthy.\n".to_owned()));
    state.set_health("loki.write.b", false);
    state.set_health("loki.process.c", false);
    let expected = "unhealthy components: loki.write, loki.process\n".to_owned();
    assert_eq!(get(address, "/-/healthy").await, (500, expected));
    state.set_health("loki.write.b", true);
    state.set_health("loki.process.c", true);
    assert_eq!(get(address, "/-/healthy").await.0, 200);
}

#[tokio::test]
async fn figures_of_both_planes_are_on_one_page() {
    let storage = tempfile::tempdir().unwrap();
    let state = Arc::new(State::new());
    let address = serve(&state, Limits::default());
    state.loaded(Arc::default(), pipeline(storage.path()), components());
    let answer = request(address, "GET", "/metrics").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    for line in [
        concat!("longship_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1"),
        "alloy_config_last_load_successful 1",
        "# TYPE alloy_component_controller_running_components gauge",
        "# TYPE process_resident_memory_bytes gauge",
        "# TYPE longship_budget_bytes gauge",
    ] {
        assert!(answer.body.lines().any(|other| other == line), "{line}");
    }
}

#[test]
fn components_are_counted_by_health() {
    let storage = tempfile::tempdir().unwrap();
    let recorder = Recorder::default();
    metrics::with_local_recorder(&recorder, || {
        let state = State::new();
        state.loaded(Arc::default(), pipeline(storage.path()), components());
        state.set_health("loki.write.b", false);
    });
    let page = exposition::page(&recorder, None);
    for (health, count) in [("healthy", 2), ("unhealthy", 1)] {
        let labels = format!("controller_id=\"\",controller_path=\"/\",health_type=\"{health}\"");
        assert!(page.contains(&format!("alloy_component_controller_running_components{{{labels}}} {count}\n")));
    }
}

#[tokio::test]
async fn other_paths_and_methods_are_refused() {
    let address = serve(&Arc::new(State::new()), Limits::default());
    for path in ["/metricsx", "/-/", "/-/reload", "//metrics"] {
        assert_eq!(get(address, path).await, (404, "404 page not found\n".to_owned()), "{path}");
    }
    for path in ["/", "/metrics", "/-/ready", "/-/healthy"] {
        for method in ["POST", "DELETE", "OPTIONS"] {
            let answer = request(address, method, path).await;
            assert_eq!((answer.status, answer.headers["allow"].as_str()), (405, "GET, HEAD"), "{method} {path}");
        }
        let whole = request(address, "GET", path).await;
        let head = request(address, "HEAD", path).await;
        assert_eq!((head.status, head.body.as_str()), (whole.status, ""), "HEAD {path}");
        assert!(!whole.body.is_empty() && head.headers.contains_key("content-length"), "{path}");
    }
    assert_eq!(get(address, "/-/ready?x=1").await.0, 503);
}

#[tokio::test]
async fn clients_that_send_nothing_are_dropped_and_keep_nobody_out_for_long() {
    let limits = Limits { connections: 2, head: Duration::from_millis(200), connection: Duration::from_secs(60) };
    let address = serve(&Arc::new(State::new()), limits);
    let mut idle = Vec::new();
    for _ in 0..6 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET /-/ready HT").await.unwrap();
        idle.push(stream);
    }
    assert_eq!(get(address, "/-/ready").await.0, 503);
    for mut stream in idle {
        let mut rest = Vec::new();
        // An answer or none, the connection ends.
        drop(stream.read_to_end(&mut rest).await);
    }
}

#[tokio::test]
async fn no_connection_outlives_its_time() {
    let limits = Limits { connections: 1, head: Duration::from_secs(60), connection: Duration::from_millis(200) };
    let address = serve(&Arc::new(State::new()), limits);
    let mut stuck = TcpStream::connect(address).await.unwrap();
    stuck.write_all(b"POST /-/ready HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n").await.unwrap();
    assert_eq!(get(address, "/-/ready").await.0, 503);
}

#[tokio::test]
async fn nonsense_does_not_stop_the_server() {
    let address = serve(&Arc::new(State::new()), Limits::default());
    for nonsense in [&b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..], b"\r\n\r\n\r\n", b"GET\0/ HTTP/9.9\r\n\r\n"]
    {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(nonsense).await.unwrap();
        stream.shutdown().await.unwrap();
        drop(stream.read_to_end(&mut Vec::new()).await);
    }
    let long = format!("/{}", "x".repeat(1 << 20));
    let mut stream = TcpStream::connect(address).await.unwrap();
    drop(stream.write_all(format!("GET {long} HTTP/1.1\r\n").as_bytes()).await);
    drop(stream);
    assert_eq!(get(address, "/-/ready").await.0, 503);
}

#[tokio::test]
async fn a_port_alone_is_every_address_and_a_taken_one_is_an_error() {
    let server = Server::bind(":0").unwrap();
    assert!(server.local_addr().ip().is_unspecified());
    let holder = Server::bind("127.0.0.1:0").unwrap();
    let taken = holder.local_addr().to_string();
    assert_eq!(Server::bind(&taken).unwrap_err().kind(), io::ErrorKind::AddrInUse);
    assert!(Server::bind("no port").is_err());
}
