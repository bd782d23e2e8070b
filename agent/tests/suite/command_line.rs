//! What operators type and read.

use std::fs;
use std::process::{Command, Output};

use longship_sink::fault::{Action, Fault};
use longship_sink::sink::Check;

use crate::harness::agent::LONGSHIP;
use crate::harness::checks::{checking, lines};
use crate::harness::configuration::{Route, endpoint};
use crate::harness::node::Node;

#[test]
fn the_arguments_of_an_alloy_container_are_taken() {
    let node = Node::new();
    let sink = checking(Check { entries_kept: 10, ..Check::default() });
    node.configure(
        &Route { name: "plain", glob: node.glob(""), stages: "", endpoint: endpoint(&sink.push_url(), "") }.text(),
    );
    fs::write(node.logs().join("a.log"), "hello\n").unwrap();
    // As the chart of Alloy gives them; storage path and address come first there as here.
    let mut agent = node.start(&[
        "--server.http.ui-path-prefix=/",
        "--disable-reporting",
        "--cluster.enabled=false",
        "--stability.level=generally-available",
    ]);
    agent.wait_ready();
    agent.wait("the line", |_| lines(&sink) == ["hello"]);
    assert_eq!(agent.get("/-/healthy").unwrap().0, 200);
    let version = agent.metrics().state("longship_build_info", &[], "version").map(str::to_owned);
    assert_eq!(version.as_deref(), Some(env!("CARGO_PKG_VERSION")));
    let said = agent.said();
    assert!(said.contains("level=info"), "{said}");
    agent.stop();
}

#[test]
fn every_mistake_in_a_configuration_is_told_with_its_place() {
    let node = Node::new();
    node.configure(
        "local.file_mtach \"logs\" {\n\tpath_targets = []\n}\n\nloki.write \"sink\" {\n\tendpoint {\n\t\turl     = \
         \"http://127.0.0.1:1/loki/api/v1/push\"\n\t\turll_two = 1\n\t}\n}\n",
    );
    let output = run(&node);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    let file = node.configuration();
    for place in ["1:1", "8:3"] {
        let place = format!("{}:{place}", file.display());
        assert!(said.contains(&place), "{place} is not in:\n{said}");
    }
    assert!(said.contains("did you mean"), "{said}");
    assert!(said.contains("local.file_match"), "{said}");
}

#[test]
fn a_missing_configuration_is_an_error() {
    let node = Node::new();
    let output = run(&node);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("config.alloy"), "{said}");
}

#[test]
fn secrets_are_neither_logged_nor_exposed() {
    let node = Node::new();
    let sink = checking(Check { entries_kept: 10, ..Check::default() });
    let basic = "basic_auth {\n\t\t\tusername = \"shipper\"\n\t\t\tpassword = \"swordfish-basic\"\n\t\t}";
    let bearer = "bearer_token = \"swordfish-bearer\"";
    let route = |name, authentication| {
        let endpoint = endpoint(&sink.push_url(), &format!("min_backoff_period = \"10ms\"\n\t\t{authentication}"));
        Route { name, glob: node.glob(name), stages: "", endpoint }.text()
    };
    node.configure(&(route("basic", basic) + &route("bearer", bearer)));
    for folder in ["basic", "bearer"] {
        fs::create_dir(node.logs().join(folder)).unwrap();
        fs::write(node.logs().join(folder).join("a.log"), "hello\n").unwrap();
    }
    // Failures are what an agent has most to say about.
    sink.set_faults(vec![Fault::next(4, Action::refuse(401)), Fault::next(2, Action::ResetBeforeBody)]);
    let mut agent = node.start(&[]);
    agent.wait_ready();
    agent.wait("both lines", |_| lines(&sink).len() == 2);

    let requests = sink.requests();
    let sent: Vec<_> = requests.iter().filter_map(|request| request.header("authorization")).collect();
    assert!(sent.contains(&"Basic c2hpcHBlcjpzd29yZGZpc2gtYmFzaWM="), "{sent:?}");
    assert!(sent.contains(&"Bearer swordfish-bearer"), "{sent:?}");
    let (_, metrics) = agent.get("/metrics").unwrap();
    let said = agent.said();
    assert!(said.contains("401"), "the failures were not told: {said}");
    agent.stop();
    for text in [said, metrics] {
        assert!(!text.contains("swordfish") && !text.contains("c3dvcmRmaXNo"), "{text}");
        assert!(!text.contains("c2hpcHBlcjpzd29yZGZpc2"), "{text}");
    }
}

/// Runs an agent that ends of itself.
fn run(node: &Node) -> Output {
    let mut command = Command::new(LONGSHIP);
    command.arg("run").arg(node.configuration()).arg("--storage.path").arg(node.file("storage"));
    command.arg("--server.http.listen-addr=127.0.0.1:0").output().unwrap()
}
