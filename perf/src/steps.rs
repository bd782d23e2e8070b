//! `perf steps`: what each step of a line costs, in instructions.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::Args;
use longship_workload::spec::Spec;
use longship_workload::workload::{Pace, Until, Workload};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::complain;
use crate::measure::float;

/// Counts the instructions of each step of a line: split, time, CRI, label lookup, encode, compress.
///
/// Instructions are the same on a busy machine and an idle one. Valgrind's callgrind counts them, while the pipeline's
/// bench does a step once and three times over the same lines: the difference is the step's. To be run in the workspace,
/// because the bench is built first. The figures stand beside the last ones that were saved.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The last figures.
    #[arg(long, default_value = "perf/steps.json")]
    last: PathBuf,
    /// Save these figures as the last ones.
    #[arg(long)]
    save: bool,
    /// A bench that is built already.
    #[arg(long, value_name = "PATH")]
    bench: Option<PathBuf>,
}

/// Instructions by step.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Figures {
    /// Mean bytes of a line in its file.
    line_bytes: f64,
    /// What compiled the bench.
    compiler: String,
    instructions_per_line: BTreeMap<String, f64>,
}

/// Counts and prints.
pub(crate) fn steps(arguments: &Arguments) -> io::Result<()> {
    let last = match File::open(&arguments.last) {
        Ok(file) => serde_json::from_reader(BufReader::new(file))?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Figures::default(),
        Err(error) => return Err(error),
    };
    let bench = arguments.bench.clone().map_or_else(build, Ok)?;
    let folder = tempfile::tempdir()?;
    let (log, bytes) = write_log(&folder.path().join("log"))?;
    let mut figures = Figures { line_bytes: float(bytes) / float(LINES), compiler: compiler(), ..Figures::default() };
    for step in STEPS {
        let [once, thrice] = [1, 3].map(|times| count(&bench, step, &log, times));
        let instructions = thrice?.saturating_sub(once?) / 2;
        figures.instructions_per_line.insert(step.to_owned(), float(instructions) / float(LINES));
        complain(&format!("{step}: counted"));
    }
    print(&figures, &last, &mut io::stdout().lock())?;
    if arguments.save {
        fs::write(&arguments.last, serde_json::to_string_pretty(&figures)? + "\n")?;
    }
    Ok(())
}

/// In the order of a line's way.
const STEPS: [&str; 6] = ["split", "time", "cri", "labels", "encode", "compress"];
const LINES: u64 = 20_000;

/// Builds the pipeline's bench as it is released, and returns where it is.
fn build() -> io::Result<PathBuf> {
    let output = Command::new("cargo")
        .args(["build", "--release", "--package", "longship-pipeline", "--features", "bench", "--bench", "steps"])
        .args(["--message-format", "json-render-diagnostics"])
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| io::Error::new(error.kind(), format!("cargo: {error}")))?;
    if !output.status.success() {
        return Err(io::Error::other("the bench does not build"));
    }
    executable(&String::from_utf8_lossy(&output.stdout)).ok_or_else(|| io::Error::other("cargo names no bench"))
}

/// Finds the last executable that cargo's messages tell of.
fn executable(messages: &str) -> Option<PathBuf> {
    let path = |line: &str| serde_json::from_str::<Value>(line).ok()?.get("executable")?.as_str().map(PathBuf::from);
    messages.lines().rev().find_map(path)
}

/// What will compile a bench here.
fn compiler() -> String {
    let output = Command::new("rustc").arg("--version").output();
    output.map_or_else(|_| String::new(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Writes the same lines each time. Returns where, and how many bytes.
fn write_log(folder: &Path) -> io::Result<(PathBuf, u64)> {
    let mut workload = Workload::create(folder, &Spec::default())?;
    workload.run(Pace::Unlimited, Until { entries: Some(LINES), ..Until::default() })?;
    let truth = workload.truth();
    let writer = truth.writers.first().ok_or_else(|| io::Error::other("nothing was written"))?;
    Ok((folder.join(&writer.path), truth.source_bytes()))
}

/// Counts the instructions of the bench doing a step so many times.
fn count(bench: &Path, step: &str, log: &Path, times: u32) -> io::Result<u64> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(bench)
        .arg(step)
        .arg(log)
        .arg(times.to_string())
        .output()
        .map_err(|error| io::Error::new(error.kind(), format!("valgrind: {error}")))?;
    let text = String::from_utf8_lossy(&output.stderr);
    collected(&text)
        .filter(|_| output.status.success())
        .ok_or_else(|| io::Error::other(format!("valgrind counted nothing of step {step}:\n{text}")))
}

/// Reads `==7== Collected : 12345`.
fn collected(text: &str) -> Option<u64> {
    text.lines().find_map(|line| line.split_once("Collected :")?.1.trim().parse().ok())
}

fn print(figures: &Figures, last: &Figures, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "lines of {:.0} bytes, {}", figures.line_bytes, figures.compiler)?;
    if !last.compiler.is_empty() && last.compiler != figures.compiler {
        writeln!(out, "the last figures are of {}", last.compiler)?;
    }
    writeln!(
        out,
        "{:<10} {:>18} {:>18} {:>10} {:>8}",
        "step", "instructions/line", "instructions/byte", "last", "change"
    )?;
    for step in STEPS {
        let Some(&now) = figures.instructions_per_line.get(step) else { continue };
        let (before, change) = match last.instructions_per_line.get(step) {
            Some(&before) => (format!("{before:.1}"), format!("{:+.1} %", (now / before - 1.0) * 100.0)),
            None => (String::new(), String::new()),
        };
        writeln!(out, "{step:<10} {now:>18.1} {:>18.2} {before:>10} {change:>8}", now / figures.line_bytes)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::{Figures, collected, executable, print};

    #[test]
    fn what_the_tools_say_is_read() {
        assert_eq!(collected("==7== Events    : Ir\n==7== Collected : 12345\n==7== \n"), Some(12_345));
        assert_eq!(collected("==7== \n"), None);
        let messages = "{\"reason\":\"compiler-artifact\",\"executable\":null}\n{\"executable\":\"/t/steps-1\"}\n{\"reason\":\"x\"}\n";
        assert_eq!(executable(messages), Some(PathBuf::from("/t/steps-1")));
    }

    #[test]
    fn figures_stand_beside_the_last_ones() {
        let figures = |cri: f64| Figures {
            line_bytes: 200.0,
            compiler: "rustc".to_owned(),
            instructions_per_line: [("cri".to_owned(), cri)].into(),
        };
        let mut out = Vec::new();
        print(&figures(110.0), &figures(100.0), &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        let fields: Vec<_> = text.lines().last().unwrap().split_whitespace().collect();
        assert_eq!(fields, ["cri", "110.0", "0.55", "100.0", "+10.0", "%"]);
    }
}
