//! Line charts as SVG, readable on a light and on a dark background.
use std::fmt::Write as _;

/// A chart of costs by the number of sessions, with the cost on a logarithmic scale.
#[derive(Debug)]
pub(crate) struct Chart {
    /// What the chart shows, in one line.
    pub(crate) title: String,
    /// The lines of the chart, one for each sender.
    pub(crate) lines: Vec<Line>,
}

/// One line of a chart: the costs of one sender.
#[derive(Debug)]
pub(crate) struct Line {
    /// The name of the sender.
    pub(crate) name: &'static str,
    /// One of [`COLOURS`], from 0; others are taken modulo their number. A sender has the same colour in all
    /// charts.
    pub(crate) colour: usize,
    /// The number of sessions and the cost at each measured point, in order.
    pub(crate) points: Vec<(usize, f64)>,
}

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 380.0;
const LEFT: f64 = 56.0;
const RIGHT: f64 = 560.0;
const TOP: f64 = 52.0;
const BOTTOM: f64 = 334.0;
/// How many colours there are.
const COLOURS: usize = 6;
/// Labels closer than this would touch.
const LABEL: f64 = 17.0;
const STYLE: &str = "\
svg{font:13px system-ui,sans-serif;fill:#24292f}.b{fill:#fff}\
.g{stroke:#d0d7de}.l{fill:none;stroke-width:2.5}.t{font-weight:600}\
.c0{stroke:#6e7781;fill:#6e7781}.c1{stroke:#0969da;fill:#0969da}\
.c2{stroke:#bc4c00;fill:#bc4c00}.c3{stroke:#1a7f37;fill:#1a7f37}\
.c4{stroke:#8250df;fill:#8250df}.c5{stroke:#9a6700;fill:#9a6700}text{stroke:none!important}\
@media(prefers-color-scheme:dark){svg{fill:#e6edf3}.b{fill:#0d1117}.g{stroke:#30363d}\
.c0{stroke:#8b949e;fill:#8b949e}.c1{stroke:#58a6ff;fill:#58a6ff}\
.c2{stroke:#f0883e;fill:#f0883e}.c3{stroke:#3fb950;fill:#3fb950}\
.c4{stroke:#bc8cff;fill:#bc8cff}.c5{stroke:#d29922;fill:#d29922}}.l{fill:none!important}";

impl Chart {
    /// Returns the whole SVG file.
    pub(crate) fn to_svg(&self) -> String {
        let costs = || self.lines.iter().flat_map(|line| line.points.iter().map(|point| point.1));
        let ticks = ticks(costs().fold(f64::INFINITY, f64::min), costs().fold(0.0, f64::max));
        let mut sessions: Vec<usize> =
            self.lines.iter().flat_map(|line| line.points.iter().map(|point| point.0)).collect();
        sessions.sort_unstable();
        sessions.dedup();
        let (low, high) = (ticks[0].ln(), ticks[ticks.len() - 1].ln());
        let y = |cost: f64| BOTTOM - (BOTTOM - TOP) * (cost.ln() - low) / (high - low);
        let step = (RIGHT - LEFT) / sessions.len() as f64;
        let x = |count: usize| {
            LEFT + step * (sessions.iter().position(|&other| other == count).unwrap_or(0) as f64 + 0.5)
        };

        let mut out = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\">\
             <title>{title}</title><style>{STYLE}</style>\n\
             <rect class=\"b\" width=\"{WIDTH}\" height=\"{HEIGHT}\"/>\n<text class=\"t\" x=\"16\" y=\"26\">{title}</text>\n",
            title = escaped(&self.title)
        );
        for tick in &ticks {
            let y = y(*tick);
            let _ = writeln!(
                out,
                "<line class=\"g\" x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
                 <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{tick}</text>",
                LEFT - 8.0,
                y + 4.5
            );
        }
        for count in &sessions {
            let _ = writeln!(
                out,
                "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{count}</text>",
                x(*count),
                BOTTOM + 22.0
            );
        }
        let ends = self.lines.iter().map(|line| line.points.last().map_or(BOTTOM, |&(_, cost)| y(cost)));
        let labels = apart(&ends.collect::<Vec<_>>());
        for (line, label) in self.lines.iter().zip(labels) {
            let class = line.colour % COLOURS;
            let points: Vec<_> =
                line.points.iter().map(|&(count, cost)| format!("{:.1},{:.1}", x(count), y(cost))).collect();
            let _ = writeln!(out, "<polyline class=\"l c{class}\" points=\"{}\"/>", points.join(" "));
            for (count, cost) in &line.points {
                let _ = writeln!(
                    out,
                    "<circle class=\"c{class}\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"3\"><title>{}: {cost:.4}</title></circle>",
                    x(*count),
                    y(*cost),
                    escaped(line.name)
                );
            }
            let _ = writeln!(
                out,
                "<text class=\"c{class}\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
                RIGHT + 8.0,
                label + 4.5,
                escaped(line.name)
            );
        }
        out += "</svg>\n";
        out
    }
}

/// Returns 1, 2 and 5 times the powers of ten around the costs from `low` to `high`.
fn ticks(low: f64, high: f64) -> Vec<f64> {
    let all = (-4..=3).flat_map(|power| [1.0, 2.0, 5.0].map(|n: f64| (n, power)));
    // Read from text, that it prints as short as it is.
    let all: Vec<f64> = all.filter_map(|(n, power)| format!("{n}e{power}").parse().ok()).collect();
    let first = all.iter().rposition(|&tick| tick <= low).unwrap_or(0).min(all.len() - 2);
    let last = all.iter().position(|&tick| tick >= high).unwrap_or(all.len() - 1).max(first + 1);
    all[first..=last].to_vec()
}

/// Returns the same heights, moved down where a label would lie on another.
fn apart(heights: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..heights.len()).collect();
    order.sort_by(|&a, &b| heights[a].total_cmp(&heights[b]));
    let mut placed = heights.to_vec();
    for pair in order.windows(2) {
        placed[pair[1]] = placed[pair[1]].max(placed[pair[0]] + LABEL);
    }
    placed
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_has_all_costs_between_round_numbers() {
        assert_eq!(ticks(0.07, 0.54), [0.05, 0.1, 0.2, 0.5, 1.0]);
        assert_eq!(ticks(0.1, 0.1), [0.1, 0.2]);
        assert!(ticks(0.0, f64::MAX).len() > 2);
    }

    #[test]
    fn labels_are_moved_apart_in_their_order() {
        assert_eq!(apart(&[100.0, 90.0, 200.0]), [107.0, 90.0, 200.0]);
    }

    #[test]
    fn a_chart_names_its_lines_and_marks_each_point() {
        let points = vec![(1, 0.2), (50, 0.1)];
        let lines = vec![
            Line { name: "a<b", colour: 0, points: points.clone() },
            Line { name: "c", colour: 1, points },
        ];
        let svg = Chart { title: "R&D".to_owned(), lines }.to_svg();
        assert!(svg.contains("<title>R&amp;D</title>") && svg.contains(">a&lt;b</text>"));
        assert_eq!((svg.matches("<polyline").count(), svg.matches("<circle").count()), (2, 4));
    }
}
