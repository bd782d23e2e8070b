//! The figures as tables.

use std::io::{self, Write};

use super::catch_up::CatchUp;
use super::idle::Idle;
use super::live::Live;
use super::{Cold, Report};
use crate::machine::Machine;
use crate::measure::mebibytes;

/// Prints what was measured.
pub(super) fn print(report: &Report, out: &mut impl Write) -> io::Result<()> {
    let Machine { kernel, processor, cores } = &report.machine;
    writeln!(out, "{processor}, {cores} cores, Linux {kernel}")?;
    print_catch_up("files", &report.files, out)?;
    print_catch_up("streams", &report.streams, out)?;
    print_catch_up("cores", &report.cores, out)?;
    print_live("rates", &report.rates, out)?;
    if let Some(idle) = &report.idle {
        print_idle(idle, out)?;
    }
    print_catch_up("one hot file", &report.hot, out)?;
    print_live("many files that grow", &report.growing, out)?;
    print_cold(&report.cold, out)
}

fn print_catch_up(title: &str, cases: &[CatchUp], out: &mut impl Write) -> io::Result<()> {
    let Some(first) = cases.first() else { return Ok(()) };
    writeln!(out, "\n{title}: logs that are there already, medians of {} runs", first.runs)?;
    writeln!(
        out,
        "{:>7} {:>7} {:>8} {:>6} {:>9} {:>8} {:>10} {:>10} {:>9} {:>9}",
        "files", "active", "streams", "cores", "rung", "MB/s", "lines/s", "CPU s/GiB", "peak MiB", "requests"
    )?;
    for case in cases {
        writeln!(
            out,
            "{:>7} {:>7} {:>8} {:>6} {:>9} {:>8.0} {:>10.0} {:>10.2} {:>9.1} {:>9.0}",
            case.size.files,
            case.size.active,
            case.size.streams,
            case.size.cores,
            case.size.rung.name(),
            case.megabytes_per_second,
            case.lines_per_second,
            case.cpu_seconds_per_gibibyte,
            mebibytes(case.resident_bytes_max),
            case.requests
        )?;
    }
    Ok(())
}

fn print_live(title: &str, cases: &[Live], out: &mut impl Write) -> io::Result<()> {
    let Some(first) = cases.first() else { return Ok(()) };
    writeln!(out, "\n{title}: every line arrived once; a batch waits up to {:.0} ms", first.batch_wait_ms)?;
    writeln!(
        out,
        "{:>7} {:>7} {:>9} {:>10} {:>8} {:>10} {:>9} {:>8} {:>8}",
        "files", "active", "rung", "lines/s", "cores", "CPU s/GiB", "peak MiB", "p50 ms", "p99 ms"
    )?;
    for case in cases {
        writeln!(
            out,
            "{:>7} {:>7} {:>9} {:>10.0} {:>8.4} {:>10.2} {:>9.1} {:>8.0} {:>8.0}",
            case.load.files,
            case.load.active,
            case.load.rung.name(),
            case.lines_per_second_written,
            case.cores_used,
            case.cpu_seconds_per_gibibyte,
            mebibytes(case.resident_bytes_max),
            case.p50_ms,
            case.p99_ms
        )?;
    }
    Ok(())
}

fn print_idle(idle: &Idle, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "\n{} idle files for {:.0} s", idle.files, idle.seconds)?;
    writeln!(out, "  {:.3} % of a core", idle.cores_used * 100.0)?;
    writeln!(
        out,
        "  {:.1} MiB, {:.0} bytes a file over the {:.1} MiB with a few files",
        mebibytes(idle.resident_bytes),
        idle.bytes_per_file,
        mebibytes(idle.resident_bytes_few)
    )?;
    match &idle.system_calls {
        Some(calls) => {
            let total: f64 = calls.iter().map(|(_, rate)| rate).sum();
            let names = calls.iter().take(CALLS_SHOWN).map(|(name, rate)| format!("{name} {rate:.1}"));
            writeln!(out, "  {total:.1} system calls a second: {}", names.collect::<Vec<_>>().join(", "))
        }
        None => writeln!(out, "  system calls were not counted: that takes Linux' perf and the right to use it"),
    }
}

const CALLS_SHOWN: usize = 10;

fn print_cold(cases: &[Cold], out: &mut impl Write) -> io::Result<()> {
    let Some(first) = cases.first() else { return Ok(()) };
    writeln!(out, "\na cold file of {:.0} MiB beside quiet ones on one shard", mebibytes(first.cold_bytes))?;
    writeln!(
        out,
        "{:>9} {:>10} {:>12} {:>12} {:>12} {:>12}",
        "rung", "cold MB/s", "quiet lines", "read p50 ms", "read p99 ms", "p99.9 ms"
    )?;
    for case in cases {
        writeln!(
            out,
            "{:>9} {:>10.0} {:>12} {:>12.2} {:>12.2} {:>12.2}",
            case.rung.name(),
            case.cold_megabytes_per_second,
            case.quiet_lines,
            case.p50_ms,
            case.p99_ms,
            case.p999_ms
        )?;
    }
    Ok(())
}
