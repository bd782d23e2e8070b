//! What the agent says of itself, and in which form.

use std::process::{Command, Output};

use rustix::process::Signal;

use crate::harness::agent::LONGSHIP;
use crate::harness::node::Node;

#[test]
fn what_is_wrong_with_a_configuration_is_printed_with_its_lines() {
    let node = Node::new();
    node.configure("loki.wriite \"w\" {\n}\nloki.echo \"e\" {\n  x = 1\n}\n");
    let Output { status, stdout, stderr } =
        Command::new(LONGSHIP).arg("run").arg(node.configuration()).output().unwrap();
    let path = node.configuration();
    let path = path.display();
    let expect = format!(
        "Error: {path}:1:1: cannot find the definition of component name \"loki.wriite\"\n\n\
         1 | loki.wriite \"w\" {{\n  | ^^^^^^^^^^^\n2 | }}\nHint: did you mean \"loki.write\"?\n\n\
         Error: {path}:4:3: unrecognized attribute name \"x\"\n\n\
         3 | loki.echo \"e\" {{\n4 |   x = 1\n  |   ^^^^^\n5 | }}\n\
         Error: could not perform the initial load successfully\n"
    );
    assert_eq!(String::from_utf8(stderr).unwrap(), expect);
    assert_eq!((status.code(), stdout.as_slice()), (Some(1), &[][..]));
}

#[test]
fn the_version_is_told_in_the_usual_form() {
    let expect = format!("longship, version v{}\n", env!("CARGO_PKG_VERSION"));
    for flag in ["-v", "--version"] {
        let output = Command::new(LONGSHIP).arg(flag).output().unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), expect);
    }
}

#[test]
fn a_life_is_told_in_order_and_a_hangup_does_not_end_it() {
    let node = Node::new();
    node.configure("loki.echo \"e\" { }\n");
    let mut agent = node.start(&["--cluster.enabled=true"]);
    agent.wait_ready();
    agent.signal(Signal::HUP);
    agent.wait("the warning about the signal", |agent| agent.said().contains("cannot reload"));
    assert_eq!(agent.get("/-/healthy").unwrap().0, 200);
    agent.signal(Signal::TERM);
    assert!(agent.wait_end().success());

    let said = agent.said();
    let mut rest = said.as_str();
    for part in [
        " level=info msg=\"Longship is starting\" version=",
        " level=warn msg=\"--cluster.enabled=true: clustering is not supported",
        " level=info msg=\"finished complete graph evaluation\" controller_path=/ controller_id=\"\" duration=",
        " level=info msg=\"now listening for http traffic\" service=http addr=127.0.0.1:",
        " level=info msg=\"Longship is running\"\n",
        " level=warn msg=\"SIGHUP received, but this version cannot reload",
        " level=info msg=\"interrupt received\"\n",
        " level=info msg=\"Longship has stopped, everything that was read is acknowledged\" took=",
    ] {
        let (_, after) =
            rest.split_once(part).unwrap_or_else(|| panic!("{part:?} is not where it belongs in:\n{said}"));
        rest = after;
    }
}

#[test]
fn lines_may_be_json() {
    let node = Node::new();
    node.configure("logging {\n  format = \"json\"\n}\n");
    let mut agent = node.start(&[]);
    agent.wait_ready();
    let ends = ",\"level\":\"info\",\"msg\":\"Longship is running\"}";
    let is_said = |line: &str| line.starts_with("{\"ts\":\"") && line.ends_with(ends);
    agent.wait("the line in JSON", |agent| agent.said().lines().any(is_said));
    agent.stop();
}

#[test]
fn echoed_entries_are_log_lines() {
    let node = Node::new();
    let path = node.logs().join("a.log");
    let path = path.display();
    node.configure(&format!(
        "loki.source.file \"x\" {{\n  targets    = [{{\"__path__\" = \"{path}\", \"job\" = \"j\"}}]\n  \
         forward_to = [loki.echo.e.receiver]\n}}\nloki.echo \"e\" {{ }}\n"
    ));
    std::fs::write(node.logs().join("a.log"), "level=info msg=\"hello\"\n").unwrap();
    let mut agent = node.start(&[]);
    let expect = format!("labels=\"{{filename=\\\"{path}\\\", job=\\\"j\\\"}}\" structured_metadata={{}}\n");
    agent.wait("the entry", |agent| agent.said().contains(&expect));
    let said = agent.said();
    let line = said.lines().find(|line| line.contains("received log entry")).unwrap();
    let begin = " level=info msg=\"received log entry\" component_path=/ component_id=loki.echo.e \
                 entry=\"level=info msg=\\\"hello\\\"\" entry_timestamp=";
    assert!(line.contains(begin), "{line}");
    let tailing = format!(
        " level=info msg=\"start tailing file\" component_path=/ component_id=loki.source.file.x component=tailer path={path} "
    );
    assert!(said.contains(&tailing), "{said}");
    agent.stop();
}
