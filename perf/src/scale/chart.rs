//! Plots as SVG: a line over a logarithmic axis, from zero up.

use std::fmt::Write as _;

use super::Report;

/// A plot of one figure against a size.
struct Chart<'a> {
    title: &'a str,
    /// What grows from left to right.
    size: &'a str,
    points: Vec<(f64, f64)>,
}

/// Returns the plots of what was measured at two sizes or more, with the names of their files.
pub(super) fn charts(report: &Report) -> Vec<(&'static str, String)> {
    let chart = |title, size, points| Chart { title, size, points };
    let files = |value: fn(&super::CatchUp) -> f64| {
        report.files.iter().map(move |case| (f64::from(case.size.files), value(case))).collect()
    };
    let streams = report.streams.iter().map(|case| (f64::from(case.size.streams), case.cpu_seconds_per_gibibyte));
    let cores = report.cores.iter().map(|case| (f64::from(case.size.cores), case.megabytes_per_second));
    let rates = |value: fn(&super::Live) -> f64| {
        report.rates.iter().map(move |case| (f64::from(case.load.lines_per_second), value(case))).collect()
    };
    let all = [
        ("files-cpu.svg", chart("CPU seconds per GiB", "files", files(|case| case.cpu_seconds_per_gibibyte))),
        (
            "files-memory.svg",
            chart("peak MiB", "files", files(|case| crate::measure::mebibytes(case.resident_bytes_max))),
        ),
        ("streams-cpu.svg", chart("CPU seconds per GiB", "streams", streams.collect())),
        ("cores-speed.svg", chart("MB/s", "cores", cores.collect())),
        ("rates-cpu.svg", chart("share of a core", "lines per second", rates(|case| case.cores_used))),
        ("rates-latency.svg", chart("p99 from append to arrival, ms", "lines per second", rates(|case| case.p99_ms))),
    ];
    let drawn = all.into_iter().filter(|(_, chart)| chart.points.len() > 1);
    drawn.map(|(name, chart)| (name, chart.svg())).collect()
}

const WIDTH: f64 = 480.0;
const HEIGHT: f64 = 260.0;
/// Room for numbers and words around the lines.
const LEFT: f64 = 60.0;
const RIGHT: f64 = 30.0;
const TOP: f64 = 36.0;
const BOTTOM: f64 = 44.0;

impl Chart<'_> {
    fn svg(&self) -> String {
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" \
             font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
             <text x=\"{LEFT}\" y=\"20\" font-size=\"14\">{}</text>\n",
            self.title
        );
        self.draw(&mut svg).expect("a string takes everything");
        svg + "</svg>\n"
    }

    fn draw(&self, svg: &mut String) -> std::fmt::Result {
        let highest = self.points.iter().map(|(_, value)| *value).fold(f64::MIN_POSITIVE, f64::max);
        let step = step(highest);
        let top = (highest / step).ceil() * step;
        let bottom_edge = HEIGHT - BOTTOM;
        let y = |value: f64| bottom_edge - value / top * (bottom_edge - TOP);
        let mut value = 0.0;
        while value <= top * 1.001 {
            let at = y(value);
            writeln!(svg, "<path d=\"M{LEFT} {at:.1}H{:.1}\" stroke=\"#ddd\"/>", WIDTH - RIGHT)?;
            writeln!(
                svg,
                "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                LEFT - 6.0,
                at + 4.0,
                short(value)
            )?;
            value += step;
        }
        let logarithms = self.points.iter().map(|(size, _)| size.ln());
        let (first, last) = logarithms.fold((f64::MAX, f64::MIN), |(low, high), x| (low.min(x), high.max(x)));
        let x = |size: f64| LEFT + (size.ln() - first) / (last - first) * (WIDTH - LEFT - RIGHT);
        let mut path = String::new();
        for (number, &(size, value)) in self.points.iter().enumerate() {
            let (x, y) = (x(size), y(value));
            write!(path, "{}{x:.1} {y:.1}", if number == 0 { 'M' } else { 'L' })?;
            writeln!(svg, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"#1f6feb\"/>")?;
            writeln!(
                svg,
                "<text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
                bottom_edge + 18.0,
                short(size)
            )?;
        }
        writeln!(svg, "<path d=\"{path}\" fill=\"none\" stroke=\"#1f6feb\" stroke-width=\"2\"/>")?;
        let (middle, below) = ((LEFT + WIDTH - RIGHT) / 2.0, HEIGHT - 8.0);
        writeln!(svg, "<text x=\"{middle}\" y=\"{below}\" text-anchor=\"middle\">{}</text>", self.size)
    }
}

/// Returns a round distance between lines of which two to five reach over the highest value.
fn step(highest: f64) -> f64 {
    let power = 10_f64.powf(highest.log10().floor());
    let leading = highest / power;
    if leading < 2.0 {
        power / 2.0
    } else if leading < 5.0 {
        power
    } else {
        power * 2.0
    }
}

/// Prints a number as short as it may be.
fn short(value: f64) -> String {
    if value >= 1_000.0 {
        format!("{}k", value / 1_000.0)
    } else if value >= 1.0 || value == 0.0 {
        format!("{}", (value * 10.0).round() / 10.0)
    } else {
        format!("{}", (value * 1e4).round() / 1e4)
    }
}

#[cfg(test)]
mod tests {
    use super::{Chart, short, step};

    #[test]
    fn points_lie_where_their_values_are() {
        let chart = Chart { title: "MB/s", size: "files", points: vec![(1.0, 400.0), (100.0, 200.0), (10_000.0, 0.0)] };
        let svg = chart.svg();
        // Lines at 0, 100, …, 400: the highest value is at the top, zero at the bottom, and 100 in the middle of 1 and
        // 10,000.
        for (x, y) in [("60.0", "36.0"), ("255.0", "126.0"), ("450.0", "216.0")] {
            assert!(svg.contains(&format!("<circle cx=\"{x}\" cy=\"{y}\"")), "{x} {y} in {svg}");
        }
        assert!(svg.contains(">10k</text>") && svg.ends_with("</svg>\n"), "{svg}");
    }

    #[test]
    fn steps_are_round_and_numbers_short() {
        for (highest, expected) in [(409.0, 100.0), (1.3, 0.5), (0.02, 0.01), (7.0, 2.0)] {
            assert!((step(highest) - expected).abs() < 1e-12, "{highest}: {}", step(highest));
        }
        assert_eq!([0.0, 0.015, 2.5, 10_000.0].map(short), ["0", "0.015", "2.5", "10k"]);
    }
}
