//! A comparison as text.

use std::io::{self, Write};

use super::report::{Case, Outcome, Report};
use crate::machine::Machine;
use crate::measure::{Measure, mebibytes, median};

/// Prints one table per number of files.
pub(super) fn print(report: &Report, out: &mut impl Write) -> io::Result<()> {
    let Machine { kernel, processor, cores } = &report.machine;
    writeln!(out, "{processor}, {cores} cores, Linux {kernel}; medians of the runs")?;
    for agent in &report.agents {
        let version = agent.version.as_deref().unwrap_or("version unknown");
        writeln!(out, "{}: {version}; pushes {}", agent.name, agent.encoding)?;
    }
    report.cases.iter().try_for_each(|case| print_case(case, out))
}

fn print_case(case: &Case, out: &mut impl Write) -> io::Result<()> {
    let Case { files, source_bytes, lines, .. } = case;
    writeln!(out, "\n{files} files, {lines} lines, {:.0} MiB", mebibytes(*source_bytes))?;
    writeln!(
        out,
        "{:<11} {:>8} {:>10} {:>10} {:>9} {:>9} {:>9} {:>6} {:>6} {:>9} {:>8} {:>9} {:>9}",
        "",
        "MB/s",
        "lines/s",
        "CPU s/GiB",
        "peak MiB",
        "wire MB",
        "requests",
        "lost",
        "twice",
        "of limit",
        "of wire",
        "speed",
        "CPU"
    )?;
    let limit = |value: fn(&Measure) -> f64| median(case.limit.iter().map(value));
    writeln!(out, "{:<11} {}", "limit", amounts(limit, ""))?;
    for outcome in &case.agents {
        writeln!(out, "{:<11} {}", outcome.name, row(case, outcome))?;
    }
    writeln!(
        out,
        "of limit, of wire: throughput and bytes on the wire to the limit program's; speed, CPU: how many times as fast \
         Longship is, and how much more CPU time the agent takes than it"
    )
}

fn row(case: &Case, outcome: &Outcome) -> String {
    let (Some(ratios), Some(peak)) = (case.ratios(outcome), outcome.resident_bytes_max()) else {
        return outcome.mark();
    };
    let median = |value| outcome.median(value).unwrap_or(f64::NAN);
    let count = |value: fn(&longship_sink::verdict::Verdict) -> u64| {
        outcome.check.as_ref().map_or_else(|| "-".to_owned(), |verdict| value(verdict).to_string())
    };
    let mark = if outcome.counts() { String::new() } else { format!("  does not count: {}", outcome.mark()) };
    format!(
        "{} {:>6} {:>6} {:>9.3} {:>8.3} {:>8.1}x {:>8.1}x{mark}",
        amounts(median, &format!("{:.1}", mebibytes(peak))),
        count(|verdict| verdict.lost),
        count(|verdict| verdict.duplicated),
        ratios.throughput_to_limit,
        ratios.wire_to_limit,
        ratios.longship_throughput,
        ratios.longship_cpu,
    )
}

fn amounts(of: impl Fn(fn(&Measure) -> f64) -> f64, peak: &str) -> String {
    format!(
        "{:>8.1} {:>10.0} {:>10.2} {peak:>9} {:>9.1} {:>9.0}",
        of(Measure::megabytes_per_second),
        of(Measure::lines_per_second),
        of(Measure::cpu_seconds_per_gibibyte),
        of(Measure::wire_megabytes),
        of(|measure| f64::from(u32::try_from(measure.requests).unwrap_or(u32::MAX))),
    )
}

#[cfg(test)]
mod tests {
    use super::super::report::tests::report;
    use super::print;

    #[test]
    fn what_does_not_count_is_marked() {
        let mut out = Vec::new();
        print(&report(), &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        let line = |name: &str| text.lines().rfind(|line| line.starts_with(name)).unwrap().to_owned();
        assert!(line("limit").contains(" 100.0 "), "{text}");
        assert!(line("longship").contains(" 50.0 ") && !line("longship").contains("count"), "{text}");
        assert!(line("promtail").ends_with(" 10.0x     10.0x  does not count: 3 lost"), "{text}");
        assert!(line("alloy").ends_with("failed"), "{text}");
    }
}
