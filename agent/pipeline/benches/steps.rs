//! Does one step of a line over and over, for a counter of instructions: `steps STEP LOG TIMES`.
//!
//! `perf steps` runs it for different numbers of times: what the difference costs is the step's cost, whatever it takes
//! to start and to prepare.

use std::hint::black_box;
use std::io::{self, Write as _};

use longship_pipeline::bench::Bench;

fn main() -> io::Result<()> {
    let arguments: Vec<_> = std::env::args().collect();
    let [_, step, log, times] = arguments.as_slice() else {
        return Err(io::Error::other("expected a step, a log and a number of times"));
    };
    let log = std::fs::read(log)?;
    let bench = Bench::new(&log);
    let step = named(step).ok_or_else(|| io::Error::other(format!("there is no step {step}")))?;
    let times: u64 = times.parse().map_err(io::Error::other)?;
    let sum = (0..times).fold(0_u64, |sum, _| sum.wrapping_add(step(black_box(&bench))));
    writeln!(io::stdout(), "{} lines, {sum}", bench.lines())
}

fn named<'a>(step: &str) -> Option<fn(&Bench<'a>) -> u64> {
    match step {
        "split" => Some(Bench::split),
        "time" => Some(Bench::time),
        "cri" => Some(Bench::cri),
        "labels" => Some(Bench::labels),
        "encode" => Some(Bench::encode),
        "compress" => Some(Bench::compress),
        _ => None,
    }
}
