use std::path::Path;

use longship_sink::sink::{Check, Options, Sink};
use longship_sink::verdict::compare;
use longship_workload::spec::{Format, Spec};
use longship_workload::truth::Truth;
use longship_workload::workload::{Pace, Until, Workload};

use super::{Log, Step, pass};
use crate::http::Connection;

fn write(folder: &Path, spec: &Spec) -> (Truth, Vec<Log>) {
    let mut workload = Workload::create(folder, spec).unwrap();
    workload.run(Pace::LinesPerSecond(1_000_000), Until { entries: Some(20_000), ..Until::default() }).unwrap();
    let truth = workload.truth();
    let log = |path: &Path| Log { path: folder.join(path), labels: format!("{{filename=\"{}\"}}", path.display()) };
    let logs = truth.writers.iter().map(|writer| log(&writer.path)).collect();
    (truth, logs)
}

#[test]
fn what_is_posted_is_every_line_once_in_few_requests() {
    for files in [1, 20] {
        let folder = tempfile::tempdir().unwrap();
        let (truth, logs) = write(folder.path(), &Spec { files, active: files, ..Spec::default() });
        let sink = Sink::start(Options::check(Check::default())).unwrap();
        let mut connection = Connection::open(&sink.url()).unwrap();
        let posted = pass(Step::Post, &logs, 1 << 20, &mut connection).unwrap().measure;

        let verdict = compare(&truth, "fake", &sink.writers());
        assert!(verdict.is_exact(), "{verdict}");
        let stats = sink.stats();
        let check = stats.check.unwrap();
        assert_eq!((check.findings, check.out_of_order), (0, 0), "{:?}", check.first_findings);
        assert_eq!((posted.lines, posted.source_bytes), (truth.entries(), truth.source_bytes()));
        assert_eq!((posted.requests, posted.wire_bytes), (stats.requests.arrived, stats.body_bytes));
        assert_eq!(posted.requests, check.accepted_bytes.div_ceil((1 << 20) - 300), "batches are full");
    }
}

#[test]
fn every_step_goes_over_all_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let (truth, logs) = write(folder.path(), &Spec::default());
    let sink = Sink::start(Options::drain()).unwrap();
    let mut connection = Connection::open(&sink.url()).unwrap();
    for step in Step::ALL {
        let pass = pass(step, &logs, 1 << 20, &mut connection).unwrap().measure;
        assert_eq!(pass.source_bytes, truth.source_bytes(), "{step:?}");
        assert_eq!(pass.lines, if step == Step::Read { 0 } else { truth.entries() }, "{step:?}");
        assert_eq!(pass.wire_bytes > 0, matches!(step, Step::Compress | Step::Post));
        assert_eq!(pass.requests > 0, step == Step::Post);
    }
}

#[test]
fn other_lines_and_refusals_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    let (_, logs) = write(folder.path(), &Spec { format: Format::Docker, ..Spec::default() });
    let sink = Sink::start(Options::drain()).unwrap();
    let mut connection = Connection::open(&sink.url()).unwrap();
    let error = pass(Step::Parse, &logs, 1 << 20, &mut connection).unwrap_err();
    assert!(error.to_string().starts_with("expected whole CRI lines on standard output, got {\"log\""), "{error}");

    let folder = tempfile::tempdir().unwrap();
    let (_, logs) = write(folder.path(), &Spec::default());
    sink.set_faults(vec![longship_sink::fault::Fault::always(longship_sink::fault::Action::refuse(503))]);
    let error = pass(Step::Post, &logs, 1 << 20, &mut connection).unwrap_err();
    assert_eq!(error.to_string(), "the sink answered 503: Service Unavailable\n");
}
