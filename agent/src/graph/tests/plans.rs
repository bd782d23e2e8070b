//! Configurations and the plans they are lowered to, under `data`.
//!
//! `NAME.alloy` is lowered, and its plan, as `Debug` shows it, must be `NAME.plan`. With `LONGSHIP_UPDATE=1` in the
//! environment the plans are written instead; their differences are part of a change and read like it.

use std::fs;
use std::path::Path;

use super::super::{load, read};

#[test]
fn plans_are_as_recorded() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/graph/tests/data");
    let mut compared = 0;
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "alloy") {
            continue;
        }
        let configuration = load(&read(&path).unwrap()).unwrap();
        let found = format!("{:#?}\n", configuration.plan);
        let golden = path.with_extension("plan");
        if std::env::var_os("LONGSHIP_UPDATE").is_some() {
            fs::write(&golden, &found).unwrap();
        }
        let expect = fs::read_to_string(&golden).unwrap_or_default();
        assert!(found == expect, "{} differs from {}:\n{found}", path.display(), golden.display());
        compared += 1;
    }
    assert!(compared >= 4, "only {compared} plans");
}

#[test]
fn a_folder_is_one_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("b.alloy", "loki.echo \"e\" { }\n");
    write("a.alloy", "loki.process \"p\" {\n  forward_to = [loki.echo.e.receiver]\n}\n");
    write("c.txt", "this is no configuration");
    fs::create_dir(folder.path().join("d.alloy")).unwrap();
    let configuration = load(&read(folder.path()).unwrap()).unwrap();
    let ids: Vec<_> = configuration.components.iter().map(|component| component.id.as_str()).collect();
    assert_eq!(ids, ["loki.process.p", "loki.echo.e"]);

    write("z.alloy", "loki.echo \"e\" { }\n");
    let error = load(&read(folder.path()).unwrap()).unwrap_err().to_string();
    let folder = folder.path().display();
    let expect = format!("Error: {folder}/z.alloy:1:1: block loki.echo.e already declared at {folder}/b.alloy:1:1\n");
    assert!(error.starts_with(&expect), "{error}");
}

#[test]
fn ways_that_multiply_are_refused() {
    let mut text =
        "loki.source.file \"x\" {\n  targets = []\n  forward_to = [loki.process.p0.receiver]\n}\n".to_owned();
    for step in 0..12 {
        let next = format!("loki.process.p{}.receiver", step + 1);
        text.push_str(&format!("loki.process \"p{step}\" {{\n  forward_to = [{next}, {next}]\n}}\n"));
    }
    text.push_str("loki.process \"p12\" {\n  forward_to = [loki.echo.e.receiver]\n}\nloki.echo \"e\" { }\n");
    let expect = "c.alloy:1:1: more than 1000 ways lead from loki.source.file.x to where entries end";
    assert_eq!(super::errors(&text), [expect]);
}
