//! `perf limits`: what a plain loop on one core makes of the same data.

mod batch;
mod blocks;
mod cri;
mod pass;

use std::io::{self, Write};

use clap::Args;

pub(crate) use self::pass::{Log, Pass, Step, pass};
use crate::data::{self, DataArguments};
use crate::http::Connection;
use crate::measure::megabytes;
use crate::pinning::{Cores, pin};
use crate::quantity::bytes;
use crate::sink_process::SinkProcess;

/// Measures the limit: read, find lines, parse CRI, encode, compress and push in one loop on one core.
///
/// Reads of 256 KiB go to page-aligned memory; a batch is sent when its lines reach the batch size, and its answer is
/// waited for. There are no threads, no files to watch, no positions: an agent can come near this and not beyond it.
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    data: DataArguments,
    /// Number of files.
    #[arg(long, default_value_t = 1)]
    files: u32,
    /// Bytes of lines in a batch.
    #[arg(long, default_value = "1MiB", value_parser = bytes)]
    batch_bytes: u64,
    /// Measure each step with those before it.
    #[arg(long)]
    steps: bool,
    /// How often to measure; the median is told.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    #[command(flatten)]
    cores: Cores,
    /// Push to a sink that is there already, such as http://127.0.0.1:3100.
    #[arg(long)]
    url: Option<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Measures and prints.
pub(crate) fn limits(arguments: &Arguments) -> io::Result<()> {
    let data = data::prepare(&arguments.data, arguments.files)?;
    data.warm()?;
    let sink = match arguments.url {
        Some(_) => None,
        None => Some(SinkProcess::start(arguments.cores.sink_core, false)?),
    };
    let url = sink.as_ref().map(SinkProcess::url).or(arguments.url.as_deref()).expect("one of the two is there");
    let mut connection = Connection::open(url)?;
    pin(arguments.cores.core)?;
    let batch_bytes = usize::try_from(arguments.batch_bytes).map_err(io::Error::other)?;
    let logs = data.logs();
    let steps: &[Step] = if arguments.steps { &Step::ALL } else { &[Step::Post] };
    let mut medians = Vec::new();
    for &step in steps {
        let mut passes = Vec::new();
        for _ in 0..arguments.runs {
            passes.push(pass(step, &logs, batch_bytes, &mut connection)?);
        }
        passes.sort_by(|left, right| left.measure.seconds.total_cmp(&right.measure.seconds));
        medians.push(passes[passes.len() / 2]);
    }
    let mut out = io::stdout().lock();
    if arguments.json { writeln!(out, "{}", serde_json::to_string(&medians)?) } else { print(&medians, &mut out) }
}

fn print(passes: &[Pass], out: &mut impl Write) -> io::Result<()> {
    writeln!(
        out,
        "{:<20} {:>10} {:>12} {:>12} {:>10} {:>9}",
        "step", "MB/s", "lines/s", "CPU s/GiB", "wire MB", "requests"
    )?;
    for Pass { step, measure } in passes {
        writeln!(
            out,
            "{:<20} {:>10.0} {:>12.0} {:>12.3} {:>10.1} {:>9}",
            step.name(),
            measure.megabytes_per_second(),
            measure.lines_per_second(),
            measure.cpu_seconds_per_gibibyte(),
            megabytes(measure.wire_bytes),
            measure.requests
        )?;
    }
    Ok(())
}
