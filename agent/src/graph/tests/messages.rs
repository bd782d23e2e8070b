//! What a user is told about a configuration that is not right.

use super::{errors, load};

/// The rest of a configuration in which `loki.write.w` is a component.
const WRITE: &str = "loki.write \"w\" {\n  endpoint {\n    url = \"http://l/p\"\n  }\n}\n";

#[track_caller]
fn check(text: &str, expect: &[&str]) {
    assert_eq!(errors(text), expect, "{text}");
}

/// Checks what a body of `loki.write` gives; it begins on line 2.
#[track_caller]
fn check_write(body: &str, expect: &[&str]) {
    check(&format!("loki.write \"w\" {{\n{body}\n}}\n"), expect);
}

/// Checks what the body of an endpoint gives; it begins on line 3.
#[track_caller]
fn check_endpoint(body: &str, expect: &[&str]) {
    check_write(&format!("endpoint {{ \nurl = \"http://l/p\"\n{body}\n}}"), expect);
}

#[test]
fn components_that_do_not_exist() {
    check(
        "loki.source.fiel \"x\" { }",
        &[
            "c.alloy:1:1: cannot find the definition of component name \"loki.source.fiel\" -- did you mean \"loki.source.file\"?",
        ],
    );
    check(
        "local.source.file \"x\" { }",
        &[
            "c.alloy:1:1: cannot find the definition of component name \"local.source.file\" -- did you mean \"loki.source.file\"?",
        ],
    );
    check(
        "prometheus.scrape \"x\" { }",
        &[
            "c.alloy:1:1: cannot find the definition of component name \"prometheus.scrape\" (not supported by this agent)",
        ],
    );
    check("nonsense \"x\" { }", &["c.alloy:1:1: cannot find the definition of component name \"nonsense\""]);
    check("declare \"x\" { }", &["c.alloy:1:1: block \"declare\" is not supported by this version of longship"]);
    check("x = 1", &["c.alloy:1:1: unrecognized attribute name \"x\""]);
}

#[test]
fn labels() {
    check("loki.echo { }", &["c.alloy:1:1: component \"loki.echo\" must have a label"]);
    check("loki.echo \"\" { }", &["c.alloy:1:1: component \"loki.echo\" must have a label"]);
    check("logging \"x\" { }", &[]);
}

#[test]
fn ids_are_declared_once() {
    check(
        "loki.echo \"e\" { }\n\nloki.echo \"e\" { }",
        &["c.alloy:3:1: block loki.echo.e already declared at c.alloy:1:1"],
    );
    check("logging { }\nlogging { }", &["c.alloy:2:1: block logging already declared at c.alloy:1:1"]);
}

#[test]
fn references() {
    check(
        "loki.source.file \"x\" {\n  targets    = local.file_match.nope.targets\n  forward_to = [loki.write.nothere.receiver]\n}",
        &[
            "c.alloy:2:16: component \"local.file_match.nope.targets\" does not exist or is out of scope",
            "c.alloy:3:17: component \"loki.write.nothere.receiver\" does not exist or is out of scope",
        ],
    );
    let wrong = format!("{WRITE}loki.process \"p\" {{\n  forward_to = [loki.write.v.receiver, loki.write.w]\n}}");
    check(
        &wrong,
        &[
            "c.alloy:7:17: component \"loki.write.v.receiver\" does not exist or is out of scope -- did you mean \"loki.write.w\"?",
        ],
    );
    let wrong = format!("{WRITE}loki.process \"p\" {{\n  forward_to = [loki.write.w]\n}}");
    check(&wrong, &["c.alloy:7:17: loki.write.w should be capsule, got object"]);
    let wrong = format!("{WRITE}loki.process \"p\" {{\n  forward_to = [loki.write.w.output]\n}}");
    check(&wrong, &["c.alloy:7:30: field \"output\" does not exist"]);
    let wrong = format!("{WRITE}loki.source.file \"x\" {{\n  targets = concatt([])\n  forward_to = []\n}}");
    check(&wrong, &["c.alloy:7:13: component \"concatt\" does not exist or is out of scope"]);
}

#[test]
fn what_refers_to_a_faulty_block_is_not_at_fault_itself() {
    check(
        "loki.relabel \"r\" { }\nloki.process \"p\" { forward_to = [loki.relabel.r.receiver] }",
        &["c.alloy:1:1: cannot find the definition of component name \"loki.relabel\" (not supported by this agent)"],
    );
}

#[test]
fn circles() {
    check(
        "loki.process \"a\" { forward_to = [loki.process.b.receiver] }\n\
         loki.process \"b\" { forward_to = [loki.process.a.receiver] }",
        &["c.alloy:1:34: cycle: loki.process.a, loki.process.b"],
    );
    check(
        "loki.process \"a\" { forward_to = [loki.process.a.receiver] }",
        &["c.alloy:1:34: self reference: loki.process.a"],
    );
    check(
        "local.file_match \"a\" { path_targets = local.file_match.b.targets }\n\
         local.file_match \"b\" { path_targets = concat(local.file_match.a.targets, []) }",
        &[
            "c.alloy:1:39: cycle: local.file_match.a, local.file_match.b",
            "c.alloy:2:39: this stdlib function is deprecated; please refer to the documentation for updated usage and alternatives",
        ],
    );
}

#[test]
fn attributes_and_blocks() {
    check_write(
        "  endpoint {\n    batchsize = \"1MiB\"\n  }",
        &[
            "c.alloy:2:3: missing required attribute \"url\"",
            "c.alloy:3:5: unrecognized attribute name \"batchsize\" -- did you mean \"batch_size\"?",
        ],
    );
    check_write("  endpiont { }", &["c.alloy:2:3: unrecognized block name \"endpiont\" -- did you mean \"endpoint\"?"]);
    check_write("  endpoint = {}", &["c.alloy:2:3: \"endpoint\" must be a block, but is used as an attribute"]);
    check_write(
        "  external_labels { }",
        &["c.alloy:2:3: \"external_labels\" must be an attribute, but is used as a block"],
    );
    check_endpoint("url = \"http://b\"", &["c.alloy:4:1: attribute \"url\" may only be provided once"]);
    check_endpoint("basic_auth { }\nbasic_auth { }", &["c.alloy:5:1: block \"basic_auth\" may only be provided once"]);
    check_endpoint(
        "batch_wait = \"1 sec\"",
        &["c.alloy:4:14: \"1 sec\" time: unknown unit \" sec\" in duration \"1 sec\""],
    );
    check_endpoint("remote_timeout = 30", &["c.alloy:4:18: 30 time: missing unit in duration \"30\""]);
    check_endpoint("batch_size = \"1b\"", &["c.alloy:4:14: \"1b\" units: unknown unit b in 1b"]);
    check_endpoint("headers = {a = true}", &["c.alloy:4:16: true should be string, got bool"]);
    check(
        "loki.source.file \"x\" {\n  targets = \"/tmp/a.log\"\n  forward_to = []\n}",
        &["c.alloy:2:13: \"/tmp/a.log\" should be array, got string"],
    );
}

#[test]
fn addresses() {
    let check = |url: &str, expect: &str| {
        check_write(&format!("endpoint {{ url = \"{url}\" }}"), &[&format!("c.alloy:2:18: {expect}")]);
    };
    check("loki/push", "url has no scheme, expected http:// or https://");
    check("ftp://loki", "unsupported protocol scheme \"ftp\"");
    check("http://user:secret@/push", "url has no host");
    check("http://:3100/push", "url has no host");
    check("", "url has no scheme, expected http:// or https://");
}

#[test]
fn authentication() {
    let clash = "at most one of basic_auth, authorization, oauth2, bearer_token & bearer_token_file must be configured";
    check_endpoint("bearer_token = \"a\"\nbearer_token_file = \"b\"", &[&format!("c.alloy:5:21: {clash}")]);
    check_endpoint("bearer_token = \"a\"\nbasic_auth { }", &[&format!("c.alloy:5:1: {clash}")]);
    check_endpoint(
        "basic_auth {\npassword = \"a\"\npassword_file = \"b\"\n}",
        &["c.alloy:6:17: at most one of basic_auth password & password_file must be configured"],
    );
    check_endpoint(
        "authorization { type = \"Basic\" }",
        &["c.alloy:4:24: authorization type cannot be set to \"basic\", use \"basic_auth\" instead"],
    );
    check_endpoint("oauth2 { }", &["c.alloy:4:1: block \"oauth2\" is not supported by this version of longship"]);
}

#[test]
fn tls() {
    check_endpoint(
        "tls_config {\nca_pem = \"a\"\nca_file = \"b\"\ncert_file = \"c\"\nmin_version = \"TLS9\"\n}",
        &[
            "c.alloy:4:1: a client certificate needs both cert_pem or cert_file and key_pem or key_file",
            "c.alloy:6:11: at most one of ca_pem and ca_file must be configured",
            "c.alloy:8:15: unrecognized TLS version \"TLS9\", expected one of \"TLS10\", \"TLS11\", \"TLS12\", \"TLS13\"",
        ],
    );
}

#[test]
fn endpoints_of_one_name_would_share_positions() {
    check_write(
        "endpoint {\nname = \"a\"\nurl = \"http://b\"\n}\nendpoint {\nname = \"a\"\nurl = \"http://c\"\n}",
        &["c.alloy:1:1: endpoint name \"a\" is used more than once"],
    );
}

#[test]
fn what_this_version_cannot_do_is_said() {
    let source = |body: &str| {
        format!("{WRITE}loki.source.file \"x\" {{\ntargets = []\nforward_to = [loki.write.w.receiver]\n{body}\n}}")
    };
    let unsupported =
        |place: &str, what: &str| format!("c.alloy:{place}: {what} is not supported by this version of longship");
    for (body, place, what) in [
        ("encoding = \"UTF-16\"", "9:12", "encoding \"UTF-16\""),
        ("legacy_positions_file = \"/p\"", "9:25", "attribute \"legacy_positions_file\""),
        ("on_positions_file_error = \"skip\"", "9:27", "on_positions_file_error \"skip\""),
        ("decompression { enabled = true }", "9:1", "block \"decompression\""),
    ] {
        check(&source(body), &[&unsupported(place, what)]);
    }
    for body in [
        "encoding = \"utf-8\"",
        "legacy_positions_file = \"\"",
        "on_positions_file_error = \"restart_from_beginning\"",
        "decompression { enabled = false }",
        "file_watch { min_poll_frequency = \"1s\" }",
        "file_match { enabled = true }",
    ] {
        check(&source(body), &[]);
    }
    check_endpoint("proxy_url = \"http://p\"", &[&unsupported("4:13", "attribute \"proxy_url\"")]);
    check_write("max_streams = 5", &[&unsupported("2:15", "attribute \"max_streams\"")]);
}

#[test]
fn stages() {
    let check = |stage: &str, expect: &[&str]| {
        check(&format!("loki.process \"p\" {{\nforward_to = []\n{stage}\n}}"), expect);
    };
    check("stage.cri { }\nstage.docker { }\nstage.cri { max_partial_lines = 5 }", &[]);
    check("stage.crii { }", &["c.alloy:3:1: unrecognized block name \"stage.crii\" -- did you mean \"stage.cri\"?"]);
    check("stage.json { }", &["c.alloy:3:1: block \"stage.json\" is not supported by this version of longship"]);
    check("stage.docker { x = 1 }", &["c.alloy:3:16: unrecognized attribute name \"x\""]);
    check("stage.static_labels { }", &["c.alloy:3:1: missing required attribute \"values\""]);
    check("stage.static_labels { values = {\"a-b\" = \"c\"} }", &["c.alloy:3:32: invalid label name: a-b"]);
}

#[test]
fn settings() {
    check(
        "logging {\nlevel = \"loud\"\nformat = \"xml\"\ncolour = 1\n}",
        &[
            "c.alloy:2:9: unrecognized log level \"loud\", expected one of \"debug\", \"info\", \"warn\", \"error\"",
            "c.alloy:3:10: unrecognized log format \"xml\", expected one of \"logfmt\", \"json\"",
            "c.alloy:4:1: unrecognized attribute name \"colour\"",
        ],
    );
    check("livedebugging {\n  enabled = true\n}", &[]);
}

#[test]
fn warnings_do_not_stop_a_configuration() {
    let text = "loki.write \"w\" {\n}\nloki.source.file \"x\" {\ntargets = concat([])\nforward_to = [loki.write.w.receiver]\n}";
    assert_eq!(
        load(text).unwrap().warnings,
        [
            "c.alloy:1:1: loki.write.w has no endpoint, so nothing is read for it",
            "c.alloy:3:1: nothing receives what loki.source.file.x yields, so it reads nothing",
            "c.alloy:4:11: this stdlib function is deprecated; please refer to the documentation for updated usage and alternatives",
        ]
    );
}

#[test]
fn texts_that_do_not_parse_are_the_only_thing_reported() {
    check(
        "loki.wriite \"w\" {\n  a = [1\n}",
        &["c.alloy:2:9: missing ',' in expression list", "c.alloy:3:1: expected expression, got }"],
    );
}

#[test]
fn errors_are_printed_with_their_lines() {
    let error = load("loki.write \"w\" {\n  endpiont { }\n}\n").unwrap_err();
    let expect = "Error: c.alloy:2:3: unrecognized block name \"endpiont\"\n\n\
                  1 | loki.write \"w\" {\n2 |   endpiont { }\n  |   ^^^^^^^^^^^^\n3 | }\nHint: did you mean \"endpoint\"?\n";
    assert_eq!(error.to_string(), expect);
}

#[test]
fn no_part_of_a_configuration_is_too_odd_to_load() {
    let whole = include_str!("data/arguments.alloy");
    for end in 0..whole.len() {
        // What is wrong with it is of no interest here, only that it is told.
        drop(load(whole.get(..end).unwrap()));
    }
    let lines: Vec<_> = whole.lines().collect();
    for left_out in 0..lines.len() {
        let rest: Vec<_> =
            lines.iter().enumerate().filter(|(line, _)| *line != left_out).map(|(_, line)| *line).collect();
        drop(load(&rest.join("\n")));
    }
}
