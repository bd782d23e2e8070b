//! One run of the limit program.

use std::io;
use std::process::{Command, Stdio};

use super::agent::Setting;
use crate::data::DataArguments;
use crate::limits::Pass;
use crate::measure::Measure;
use crate::sink_process::SinkProcess;

/// Runs the limit program in a process of its own, as agents do.
pub(crate) fn measure(setting: &Setting, data: &DataArguments, files: u32) -> io::Result<Measure> {
    let sink = SinkProcess::start(setting.cores.sink_core, false)?;
    let output = Command::new(std::env::current_exe()?)
        .args(["limits", "--json", "--runs", "1", "--url", sink.url()])
        .args(["--files", &files.to_string(), "--core", &setting.cores.core.to_string()])
        .args(data.as_flags())
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        return Err(io::Error::other(format!("the limit program ended with {}", output.status)));
    }
    let passes: Vec<Pass> = serde_json::from_slice(&output.stdout)?;
    passes.first().map(|pass| pass.measure).ok_or_else(|| io::Error::other("the limit program measured nothing"))
}
