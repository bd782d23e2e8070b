//! `cargo xtask chart`: lints the Helm chart and compares what it renders with what is committed.
//!
//! Each `charts/longship/tests/NAME.values.yaml` is a case; `NAME.expect.yaml` beside it is what it renders to.

mod values;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use clap::Args;

use crate::workspace::{output, root};
use crate::{say, tools};

/// Lints the Helm chart and compares what it renders with the expectations in charts/longship/tests.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Write what the chart renders as the new expectations.
    #[arg(long)]
    update: bool,
}

/// Checks the chart; fails at the first case that is not as expected.
pub(crate) fn chart(arguments: &Arguments) -> Result<()> {
    let helm = tools::helm().context("Helm is missing; cargo xtask test --install installs it")?;
    for case in cases()? {
        lint(&helm, &case)?;
        let rendered = render(&helm, &case)?;
        if arguments.update {
            fs::write(case.expectation(), rendered).context("writing an expectation")?;
        } else {
            compare(&case, &rendered)?;
        }
        say(&format!("{}: ok", case.name));
    }
    let (path, readme) = (folder().join("README.md"), documented()?);
    if arguments.update {
        fs::write(path, readme).context("writing the README")?;
    } else {
        let written = fs::read_to_string(path).context("reading the README")?;
        ensure!(written == readme, "the README's table is out of date (cargo xtask chart --update)");
    }
    Ok(())
}

/// A file of values with what it should render to.
struct Case {
    name: String,
    values: PathBuf,
}

impl Case {
    fn expectation(&self) -> PathBuf {
        self.values.with_file_name(format!("{}.expect.yaml", self.name))
    }
}

fn folder() -> PathBuf {
    root().join("charts/longship")
}

/// Returns all cases by name.
fn cases() -> Result<Vec<Case>> {
    let mut cases = Vec::new();
    for entry in fs::read_dir(folder().join("tests")).context("listing the chart's tests")? {
        let values = entry?.path();
        let file = values.file_name().unwrap_or_default().to_string_lossy();
        if let Some(name) = file.strip_suffix(".values.yaml") {
            cases.push(Case { name: name.to_owned(), values: values.clone() });
        }
    }
    ensure!(!cases.is_empty(), "the chart has no tests");
    cases.sort_by(|left, right| left.name.cmp(&right.name));
    Ok(cases)
}

/// Returns the chart's README as it should be.
fn documented() -> Result<String> {
    let read = |name: &str| fs::read_to_string(folder().join(name)).with_context(|| format!("reading {name}"));
    values::document(&read("README.md")?, &read("values.yaml")?)
}

fn lint(helm: &Path, case: &Case) -> Result<()> {
    output(Command::new(helm).arg("lint").arg(folder()).args(["--strict", "--values"]).arg(&case.values))?;
    Ok(())
}

/// Returns the objects that a case makes, for a release `logs` in a namespace of the same name.
fn render(helm: &Path, case: &Case) -> Result<String> {
    let mut command = Command::new(helm);
    command.args(["template", "logs"]).arg(folder()).args(["--namespace", "logs", "--values"]).arg(&case.values);
    output(&mut command)
}

/// Fails where a case renders to something else than it should.
fn compare(case: &Case, rendered: &str) -> Result<()> {
    let path = case.expectation();
    let expected = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    let difference = expected.lines().zip(rendered.lines()).position(|(expected, got)| expected != got);
    let line = difference.unwrap_or_else(|| expected.lines().count().min(rendered.lines().count()));
    let of = |text: &str| text.lines().nth(line).unwrap_or("the end").to_owned();
    ensure!(
        expected == rendered,
        "{}:{}: expected {:?}, got {:?} (cargo xtask chart --update takes it over)",
        path.display(),
        line + 1,
        of(&expected),
        of(rendered)
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::process::Command;

    use longship_syntax::{SourceMap, parse_file};

    use super::{cases, compare, documented, folder, lint, render};
    use crate::tools;
    use crate::workspace::output;

    #[test]
    fn the_chart_renders_as_expected() {
        let Some(helm) = tools::helm() else {
            println!("skipped: Helm is missing");
            return;
        };
        for case in cases().unwrap() {
            lint(&helm, &case).unwrap();
            compare(&case, &render(&helm, &case).unwrap()).unwrap();
        }
    }

    #[test]
    fn a_workload_that_loses_positions_is_refused() {
        let Some(helm) = tools::helm() else {
            println!("skipped: Helm is missing");
            return;
        };
        let mut command = Command::new(helm);
        command.args(["template", "logs"]).arg(folder()).args(["--set", "controller.type=deployment"]);
        let error = output(&mut command).unwrap_err().to_string();
        assert!(error.contains("controller.type is \"deployment\": positions are kept on the node"), "{error}");
    }

    #[test]
    fn the_readme_lists_the_values() {
        let readme = fs::read_to_string(folder().join("README.md")).unwrap();
        assert_eq!(readme, documented().unwrap(), "cargo xtask chart --update makes the table anew");
    }

    #[test]
    fn the_default_configuration_parses() {
        let mut sources = SourceMap::new();
        let file = sources.add("config.alloy", fs::read(folder().join("config.alloy")).unwrap());
        let (_, diagnostics) = parse_file(&sources, file);
        assert!(diagnostics.is_empty(), "{diagnostics:?}");
    }
}
