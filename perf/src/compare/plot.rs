//! A comparison as bars in an SVG file.

use super::report::{Case, Outcome, Report};
use crate::measure::{Measure, mebibytes, median};

/// Draws throughput, CPU time and peak memory side by side, and under each other the numbers of files.
pub(super) fn draw(report: &Report) -> String {
    let rows = report.cases.iter().map(|case| case.agents.len() + 1).collect::<Vec<_>>();
    let heights = rows.iter().map(|&rows| CASE_HEAD + count(rows) * ROW);
    let height = TOP + heights.clone().sum::<f64>() + BOTTOM;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" \
         font-size=\"12\" fill=\"#222\">\n<rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#fff\"/>\n"
    );
    for (panel, x) in PANELS.iter().zip(panel_starts()) {
        text(&mut svg, (x, 20.0), "font-weight=\"bold\"", panel.title);
    }
    let mut y = TOP;
    for (case, height) in report.cases.iter().zip(heights) {
        draw_case(&mut svg, case, y);
        y += height;
    }
    let machine = &report.machine;
    let machine = format!(
        "{}, Linux {}; medians, one core for the program and one for the sink; pale: does not count",
        machine.processor, machine.kernel
    );
    text(&mut svg, (MARGIN, height - 12.0), "fill=\"#666\"", &machine);
    svg.push_str("</svg>\n");
    svg
}

fn draw_case(svg: &mut String, case: &Case, top: f64) {
    let files = if case.files == 1 { "1 file".to_owned() } else { format!("{} files", case.files) };
    text(svg, (MARGIN, top + 16.0), "font-weight=\"bold\"", &files);
    for (panel, x) in PANELS.iter().zip(panel_starts()) {
        let limit = (panel.limit)(case).map(|value| ("limit", Some(value), "#999", true));
        let agents = case.agents.iter().map(|outcome| {
            let color = if outcome.name == "longship" { "#1f6fb2" } else { "#d98c3f" };
            (outcome.name, (panel.agent)(outcome), color, outcome.counts())
        });
        let limit_row = limit.unwrap_or(("limit", None, "#999", true));
        let bars: Vec<_> = std::iter::once(limit_row).chain(agents).collect();
        let most = bars.iter().filter_map(|bar| bar.1).fold(f64::MIN_POSITIVE, f64::max);
        for (row, (name, value, color, counts)) in bars.into_iter().enumerate() {
            let y = top + CASE_HEAD + count(row) * ROW;
            if x < LABELS + 1.0 {
                text(svg, (MARGIN, y + 13.0), "", name);
            }
            let Some(value) = value else { continue };
            let (width, opacity) = (value / most * BAR, if counts { 1.0 } else { 0.35 });
            svg.push_str(&format!(
                "<rect x=\"{x}\" y=\"{y}\" width=\"{width:.1}\" height=\"{}\" fill=\"{color}\" opacity=\"{opacity}\"/>\n",
                ROW - 4.0
            ));
            text(svg, (x + width + 4.0, y + 13.0), "", &(panel.label)(value));
        }
    }
}

/// One kind of figure.
struct Panel {
    title: &'static str,
    limit: fn(&Case) -> Option<f64>,
    agent: fn(&Outcome) -> Option<f64>,
    label: fn(f64) -> String,
}

const PANELS: [Panel; 3] = [
    Panel {
        title: "MB/s",
        limit: |case| Some(median(case.limit.iter().map(Measure::megabytes_per_second))),
        agent: |outcome| outcome.median(Measure::megabytes_per_second),
        label: |value| format!("{value:.0}"),
    },
    Panel {
        title: "CPU seconds per GiB",
        limit: |case| Some(median(case.limit.iter().map(Measure::cpu_seconds_per_gibibyte))),
        agent: |outcome| outcome.median(Measure::cpu_seconds_per_gibibyte),
        label: |value| format!("{value:.1}"),
    },
    Panel {
        title: "peak resident MiB",
        limit: |_| None,
        agent: |outcome| outcome.resident_bytes_max().map(mebibytes),
        label: |value| format!("{value:.0}"),
    },
];

fn panel_starts() -> impl Iterator<Item = f64> {
    (0..PANELS.len()).map(|panel| LABELS + count(panel) * (BAR + VALUE))
}

fn text(svg: &mut String, (x, y): (f64, f64), attributes: &str, text: &str) {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    svg.push_str(&format!("<text x=\"{x:.1}\" y=\"{y:.1}\" {attributes}>{text}</text>\n"));
}

fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

const MARGIN: f64 = 12.0;
const TOP: f64 = 28.0;
const BOTTOM: f64 = 34.0;
/// Where the first panel begins; left of it are the names.
const LABELS: f64 = 92.0;
/// The longest bar, and room for the figure behind it.
const BAR: f64 = 200.0;
const VALUE: f64 = 60.0;
const ROW: f64 = 20.0;
const CASE_HEAD: f64 = 24.0;
const WIDTH: f64 = LABELS + 3.0 * (BAR + VALUE);

#[cfg(test)]
mod tests {
    use super::super::report::tests::report;
    use super::draw;

    #[test]
    fn bars_are_as_long_as_their_figures_and_pale_if_they_do_not_count() {
        let svg = draw(&report());
        let bars: Vec<_> = svg.lines().filter(|line| line.starts_with("<rect x=\"92\"")).collect();
        for (bar, (width, opacity)) in bars.iter().zip([("200.0", "1"), ("100.0", "1"), ("10.0", "0.35")]) {
            assert!(bar.contains(&format!(" width=\"{width}\"")), "{bar}");
            assert!(bar.contains(&format!(" opacity=\"{opacity}\"")), "{bar}");
        }
        assert_eq!(bars.len(), 3, "what failed has no bar\n{svg}");
        assert!(svg.contains("A &amp; B &lt;C&gt;"), "{svg}");
        assert!(svg.ends_with("</svg>\n"));
    }
}
