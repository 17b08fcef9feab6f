//! Writes the tables, the figures and the charts.
use crate::cell::Figures;
use crate::chart::{Chart, Line};
use crate::clip::{Clip, RATE};
use crate::latency;
use crate::plan::{Found, MODES, Mode, Row, STOCK_LATE, median};
use crate::receive;
use crate::sender::Kind;
use crate::target::Target;
use crate::{Result, machine};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::Duration;

/// Returns one measurement as a line of text for people.
pub(crate) fn line(target: Target, figures: &Figures) -> String {
    let cost = figures.per_gbit();
    let cost = if cost.is_finite() { format!("{cost:.4}") } else { "-".to_owned() };
    format!(
        "{}: {cost} CPU-s per Gbit, {:.2} % whole, server {:.0} %, clients {:.0} %",
        target.name(),
        100.0 * figures.whole_share(),
        100.0 * figures.server_load(),
        100.0 * figures.load
    )
}

/// Prints the tables, and writes `benchmarks.md`, `benchmarks.json` and the charts into the directory
/// `out`. The parts of `benchmarks.md` that other commands make stay as they are there.
///
/// # Errors
/// Returns an error if a file cannot be written.
pub(crate) fn write(found: &Found, clips: &[Clip], out: &Path) -> Result<()> {
    fs::create_dir_all(out)?;
    let mut page = String::from(HEAD);
    let rounds = found.rows.first().map_or(&[][..], |row| &row.rounds);
    let seconds = rounds.first().map_or(0.0, |figures| figures.seconds);
    writeln!(page, "\nMeasured on: {}. Rounds: {} of {seconds:.1} s each.\n", machine::name(), rounds.len())?;
    for clip in clips {
        let rate = clip.gbit_per_frame() * RATE * 1e3;
        writeln!(page, "## {}: {rate:.1} Mbit/s a session", clip.name)?;
        for mode in &MODES {
            let rows: Vec<&Row> =
                found.rows.iter().filter(|row| row.clip == clip.name && row.mode == mode.key).collect();
            if rows.is_empty() {
                continue;
            }
            writeln!(page, "\n### {}\n", mode.title)?;
            if let Some(chart) = chart(clip, mode, &rows) {
                let name = format!("benchmarks-{}-{}.svg", clip.name, mode.key);
                fs::write(out.join(&name), chart.to_svg())?;
                writeln!(page, "![{}]({name})\n", chart.title)?;
            }
            page += &table(&rows);
        }
        page.push('\n');
    }
    page += &others(found);
    let before = fs::read_to_string(out.join(PAGE)).unwrap_or_default();
    for heading in [RECEIVING, latency::HEADING] {
        page += part(&before, heading);
    }
    fs::write(out.join(PAGE), &page)?;
    fs::write(out.join("benchmarks.json"), format!("{:#}\n", to_json(found)))?;
    println!("{page}");
    eprintln!("written to {}", out.display());
    Ok(())
}

/// The file of all tables.
const PAGE: &str = "benchmarks.md";

/// What begins the part of the page that `receive` makes.
const RECEIVING: &str = "\n## Receiving\n";

/// Returns the part of a page from `heading` up to the next part; empty if the page has no such part.
fn part<'a>(page: &'a str, heading: &str) -> &'a str {
    let Some(from) = page.find(heading).and_then(|at| page.get(at..)) else { return "" };
    let next = from.get(heading.len()..).and_then(|rest| rest.find("\n## "));
    next.and_then(|next| from.get(..heading.len() + next)).unwrap_or(from)
}

/// Prints a part of the page, and puts it into `benchmarks.md` in the directory `out`, in place of the part
/// with the same heading if there is one, and else at the end.
///
/// # Errors
/// Returns an error if a file cannot be written.
pub(crate) fn replace_part(out: &Path, heading: &str, text: &str) -> Result<()> {
    fs::create_dir_all(out)?;
    let before = fs::read_to_string(out.join(PAGE)).unwrap_or_default();
    let page = match part(&before, heading) {
        "" => format!("{before}{text}"),
        old => before.replacen(old, text, 1),
    };
    fs::write(out.join(PAGE), page)?;
    println!("{text}");
    eprintln!("written to {}", out.display());
    Ok(())
}

/// Prints the table of receivers, and puts it into `benchmarks.md` in the directory `out`, in place of
/// the one that is there.
///
/// # Errors
/// Returns an error if a file cannot be written.
pub(crate) fn write_receiving(
    rows: &[receive::Row],
    rounds: usize,
    window: Duration,
    out: &Path,
) -> Result<()> {
    let mut part = format!("{RECEIVING}{RECEIVING_HEAD}");
    let seconds = window.as_secs_f64();
    writeln!(part, "\nMeasured on: {}. Rounds: {rounds} of {seconds:.1} s each.\n", machine::name())?;
    part += "| clip | transport | receiver | CPU | pinhole-viewer takes of it |\n|-|-|-|-:|-:|\n";
    for receive::Row { clip, transport, receiver, shares, ratio } in rows {
        let share = 100.0 * median(shares.clone()).unwrap_or(f64::NAN);
        let ratio = ratio.unwrap_or(f64::NAN);
        writeln!(part, "| {clip} | {transport} | {} | {share:.2} % | {ratio:.2} |", receiver.name())?;
    }
    replace_part(out, RECEIVING, &part)
}

const RECEIVING_HEAD: &str = "
One stream of a repeating clip is received, reassembled and thrown away, in under three minutes for a clip:

    cargo run --release -p pinhole-bench -- receive --out docs CLIP.mjpeg...

The server has one processor and the receiver has the other. The receivers are
`pinhole-viewer --headless --no-decode --cache 16MiB`, `gst-launch-1.0 rtspsrc ! rtpjpegdepay ! fakesink`, and, if
the picture is not too large for it, `ffmpeg -c copy -f null`, with their own defaults, one after the other, in
several rounds. CPU is the share of a processor that all threads of a receiver take while it runs steadily, with
their time in the kernel. Each ratio is taken within a round; the table has the medians.
";

const HEAD: &str = "\
# Benchmarks

Made by one command on Linux, in about half an hour. With `quick` instead of `full` it takes less than a minute,
and measures only the first clip, at 50 sessions; `cell --help` explains single measurements, for a profiler:

    cargo run --release -p pinhole-bench -- full --out docs CLIP.mjpeg...

The server has one processor and all clients together have the other, on loopback. A Gbit counts the bytes of the
original file in frames that came whole, and nothing that a server adds. pinhole-server serves the clip as
`prepare` makes it. Each client of recorded media is at a place of its own in the clip, and starts at a time
of its own.

A *bare* sender sends from memory exactly the packets that pinhole-server sends, at the same pace, and does
nothing else. It is the limit, and all ratios are to it, round by round. Figures of different machines, or of
one machine on different days, cannot be compared; ratios can. The lateness of a frame counts from the frame of
its session that was the least late.
";

fn chart(clip: &Clip, mode: &Mode, rows: &[&Row]) -> Option<Chart> {
    let mut lines: Vec<Line> = Vec::new();
    for row in rows {
        let Some(cost) = cost(row) else { continue };
        let name = row.target.name();
        let at = lines.iter().position(|line| line.name == name).unwrap_or_else(|| {
            let colour = match row.target {
                Target::Bare(Kind::Gso | Kind::Writev) => 0,
                Target::Pinhole => 1,
                Target::Bare(Kind::Mmsg) => 2,
                Target::Gst => 3,
                Target::PinholeTls => 4,
                Target::GstTls => 5,
            };
            lines.push(Line { name, colour, points: Vec::new() });
            lines.len() - 1
        });
        lines[at].points.push((row.sessions, cost));
    }
    let enough = lines.iter().any(|line| line.points.len() > 1);
    let title = format!("{}, {}: server CPU-s per Gbit, by sessions", clip.name, mode.title);
    enough.then_some(Chart { title, lines })
}

fn cost(row: &Row) -> Option<f64> {
    median(row.rounds.iter().map(Figures::per_gbit).collect())
}

fn table(rows: &[&Row]) -> String {
    let mut out = String::from(
        "| sessions | sender | CPU-s per Gbit | ratio | whole | damaged | missing | late p50 | late p99 | server | clients |\n\
         |-:|-|-:|-:|-:|-:|-:|-:|-:|-:|-:|\n",
    );
    for row in rows {
        let of = |figure: fn(&Figures) -> f64| median(row.rounds.iter().map(figure).collect());
        let sum = |count: fn(&Figures) -> u64| row.rounds.iter().map(count).sum::<u64>();
        let show = |value: Option<f64>, digits: usize, unit: &str| {
            value.map_or_else(|| "-".to_owned(), |value| format!("{value:.digits$}{unit}"))
        };
        out += &format!(
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |\n",
            row.sessions,
            row.target.name(),
            show(cost(row), 4, ""),
            show(row.ratio, 2, ""),
            show(of(|f| 100.0 * f.whole_share()), 2, " %"),
            sum(|f| f.damaged),
            sum(|f| f.missing),
            show(of(|f| f64::from(f.late_p50) / 1e3), 1, " ms"),
            show(of(|f| f64::from(f.late_p99) / 1e3), 1, " ms"),
            show(of(|f| 100.0 * f.server_load()), 0, " %"),
            show(of(|f| 100.0 * f.load), 0, " %"),
        );
    }
    out
}

fn others(found: &Found) -> String {
    let mut out = String::new();
    if !found.stock.is_empty() {
        out += &format!(
            "## A receiver with the default buffer that reads {} ms late\n\n| clip | sender | whole | damaged | missing |\n|-|-|-:|-:|-:|\n",
            STOCK_LATE.as_millis()
        );
        for (clip, target, figures) in &found.stock {
            let whole = 100.0 * figures.whole_share();
            out += &format!(
                "| {clip} | {} | {whole:.2} % | {} | {} |\n",
                target.name(),
                figures.damaged,
                figures.missing
            );
        }
    }
    if !found.held.is_empty() {
        out += "\n## Sessions held by one processor, at least 99.9 % of frames whole\n\n| clip | mode | sender | sessions |\n|-|-|-|-:|\n";
        for (clip, mode, target, sessions) in &found.held {
            out += &format!("| {clip} | {mode} | {} | {sessions} |\n", target.name());
        }
    }
    if !found.memory.is_empty() {
        out +=
            "\n## Memory a session, the media apart\n\n| mode | resident | of it in no file |\n|-|-:|-:|\n";
        for (mode, all, anonymous) in &found.memory {
            out += &format!("| {mode} | {:.1} KiB | {:.1} KiB |\n", all / 1024.0, anonymous / 1024.0);
        }
    }
    out
}

fn to_json(found: &Found) -> Value {
    let rows = found.rows.iter().map(|row| {
        json!({
            "clip": row.clip, "mode": row.mode, "sender": row.target.name(), "sessions": row.sessions,
            "ratio": row.ratio, "rounds": row.rounds.iter().map(|f| f.to_json()).collect::<Vec<_>>(),
        })
    });
    let held = found.held.iter().map(
        |(clip, mode, target, sessions)| json!({ "clip": clip, "mode": mode, "sender": target.name(), "sessions": sessions }),
    );
    let memory = found.memory.iter().map(
        |(mode, all, anonymous)| json!({ "mode": mode, "bytes_per_session": all, "anonymous": anonymous }),
    );
    let stock = found.stock.iter().map(
        |(clip, target, figures)| json!({ "clip": clip, "sender": target.name(), "figures": figures.to_json() }),
    );
    json!({
        "machine": machine::name(), "costs": rows.collect::<Vec<_>>(), "held": held.collect::<Vec<_>>(),
        "memory": memory.collect::<Vec<_>>(), "stock": stock.collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_told_from_each_other() {
        let page = format!("# Benchmarks\n## One\n|a|\n{RECEIVING}\n|b|\n\n## Latency\n\n### c\n");
        assert_eq!(part(&page, RECEIVING), format!("{RECEIVING}\n|b|\n"));
        assert_eq!(part(&page, latency::HEADING), "\n## Latency\n\n### c\n");
        assert_eq!(part("# Benchmarks\n", RECEIVING), "");
    }

    #[test]
    fn a_part_takes_the_place_of_the_one_before() {
        let scratch = crate::clip::Scratch::new().unwrap();
        let page = || fs::read_to_string(scratch.0.join(PAGE)).unwrap();
        for (heading, text) in [(RECEIVING, "one\n"), (latency::HEADING, "two\n"), (RECEIVING, "three\n")] {
            replace_part(&scratch.0, heading, &format!("{heading}{text}")).unwrap();
        }
        assert_eq!(page(), "\n## Receiving\nthree\n\n## Latency\ntwo\n");
    }
}
