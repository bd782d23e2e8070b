//! Targets that change while the agent runs.

use longship_pipeline::plan::{SourceIndex, Target};

use super::super::{Change, MatcherIndex, TargetGraph, TextMap};
use super::load;

fn targets(text: &str) -> TargetGraph {
    load(&format!("{text}\nloki.echo \"e\" {{ }}\n")).unwrap().targets
}

fn labels(pairs: &[(&str, &str)]) -> TextMap {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn target(path: &str, pairs: &[(&str, &str)]) -> Target {
    let mut all = labels(pairs);
    all.insert("filename".to_owned(), path.to_owned());
    Target { path: path.into(), labels: all.into_iter().collect() }
}

fn patterns(graph: &TargetGraph, matcher: MatcherIndex) -> Vec<String> {
    graph.patterns(matcher).targets.iter().map(|target| target["__path__"].clone()).collect()
}

#[test]
fn fixed_targets_are_known_from_the_start() {
    let graph = targets(
        "loki.source.file \"x\" {
           targets = [
             {\"__path__\" = \"/b/*.log\", \"__meta\" = \"m\", \"job\" = \"j\", \"filename\" = \"mine\"},
             {\"__path__\" = \"/a.log\", \"n\" = 1},
             {\"__path__\" = \"/a.log\", \"n\" = \"1\", \"__other\" = \"x\"},
             {\"job\" = \"without a path\"},
           ]
           forward_to = [loki.echo.e.receiver]
         }",
    );
    let expect = vec![target("/a.log", &[("n", "1")]), target("/b/*.log", &[("job", "j")])];
    assert_eq!(graph.first(), [Change::Targets(SourceIndex(0), expect)]);
    assert_eq!(graph.matchers(), []);
}

#[test]
fn found_files_reach_every_source_that_refers_to_them() {
    let mut graph = targets(
        "local.file_match \"m\" {
           path_targets = [{\"__path__\" = \"/*.log\"}]
         }
         loki.source.file \"x\" {
           targets = array.concat([{\"__path__\" = \"/fixed\"}], local.file_match.m.targets)
           forward_to = [loki.echo.e.receiver]
         }
         loki.source.file \"y\" {
           targets = local.file_match.m.targets
           forward_to = [loki.echo.e.receiver]
         }
         loki.source.file \"nobody\" {
           targets = local.file_match.m.targets
           forward_to = []
         }",
    );
    let fixed = target("/fixed", &[]);
    assert_eq!(
        graph.first(),
        [Change::Targets(SourceIndex(0), vec![fixed.clone()]), Change::Targets(SourceIndex(1), Vec::new())]
    );
    let [matcher] = graph.matchers()[..] else { panic!("one component matches") };
    assert_eq!(patterns(&graph, matcher), ["/*.log"]);

    let found = [labels(&[("__path__", "/a.log"), ("job", "j")])];
    let file = target("/a.log", &[("job", "j")]);
    assert_eq!(
        graph.found(matcher, &found),
        [Change::Targets(SourceIndex(0), vec![file.clone(), fixed]), Change::Targets(SourceIndex(1), vec![file])]
    );
    assert_eq!(graph.found(matcher, &found), []);
}

#[test]
fn patterns_may_come_from_another_match() {
    let mut graph = targets(
        "local.file_match \"second\" {
           path_targets = local.file_match.first.targets
         }
         local.file_match \"first\" {
           path_targets = [{\"__path__\" = \"/*.log\"}]
         }
         loki.source.file \"x\" {
           targets = local.file_match.second.targets
           forward_to = [loki.echo.e.receiver]
         }",
    );
    let [second, first] = graph.matchers()[..] else { panic!("two components match") };
    assert_eq!(patterns(&graph, second), [""; 0]);
    let found = [labels(&[("__path__", "/a.log")])];
    assert_eq!(graph.found(first, &found), [Change::Patterns(second)]);
    assert_eq!(patterns(&graph, second), ["/a.log"]);
    assert_eq!(graph.found(second, &found), [Change::Targets(SourceIndex(0), vec![target("/a.log", &[])])]);
}

#[test]
fn a_source_can_match_itself() {
    let mut graph = targets(
        "loki.source.file \"x\" {
           targets = [{\"__path__\" = \"/*.log\"}]
           forward_to = [loki.echo.e.receiver]
           file_match {
             enabled           = true
             sync_period       = \"14s\"
             ignore_older_than = \"1h\"
           }
         }",
    );
    assert_eq!(graph.first(), []);
    let [matcher] = graph.matchers()[..] else { panic!("one component matches") };
    let patterns = graph.patterns(matcher);
    assert_eq!((patterns.component_id, patterns.sync_period.as_secs()), ("loki.source.file.x", 14));
    assert_eq!(patterns.ignore_older_than.as_secs(), 3_600);
    let found = [labels(&[("__path__", "/a.log")])];
    assert_eq!(graph.found(matcher, &found), [Change::Targets(SourceIndex(0), vec![target("/a.log", &[])])]);
}

#[test]
fn a_component_keeps_its_targets_while_they_cannot_be_worked_out() {
    let mut graph = targets(
        "local.file_match \"m\" {
           path_targets = [{\"__path__\" = \"/*.log\"}]
         }
         loki.source.file \"x\" {
           targets = [{\"__path__\" = array.concat(local.file_match.m.targets, [{\"job\" = \"/z\"}])[0].job}]
           forward_to = [loki.echo.e.receiver]
         }",
    );
    let [matcher] = graph.matchers()[..] else { panic!("one component matches") };
    assert_eq!(graph.first(), [Change::Targets(SourceIndex(0), vec![target("/z", &[])])]);
    let found = |pairs: &[(&str, &str)]| [labels(pairs)];
    let failed = graph.found(matcher, &found(&[("__path__", "/a")]));
    let [Change::Failed { component_id, error }] = &failed[..] else { panic!("{failed:?}") };
    assert_eq!(component_id, "loki.source.file.x");
    assert!(error.ends_with("field \"job\" does not exist"), "{error}");
    assert_eq!(
        graph.found(matcher, &found(&[("__path__", "/a"), ("job", "/j")])),
        [
            Change::Recovered { component_id: "loki.source.file.x".to_owned() },
            Change::Targets(SourceIndex(0), vec![target("/j", &[])]),
        ]
    );
}
