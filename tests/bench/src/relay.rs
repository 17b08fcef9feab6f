//! What it costs to take one stream from a server and to send it to many clients: pinhole-server with a source of the
//! network, and a pipeline of GStreamer from `rtspsrc` to gst-rtsp-server.
use crate::cell::WARM_UP;
use crate::clip::{Clip, RATE, Scratch};
use crate::load::{Load, Receive, Source};
use crate::target::{self, binary};
use crate::{Result, machine, report};
use pinhole_tests::Transport;
use pinhole_tests::peer::{PYTHON, Peer, available};
use pinhole_tests::process::{Running, repository};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

/// The heading of the part of `benchmarks.md`.
pub(crate) const HEADING: &str = "\n## Relays\n";

const HEAD: &str = "
What it costs to take a stream from a server and to send it to clients, in seconds of processor time for each Gbit that
is received whole, of the stream once and of all clients together:

    cargo run --release -p pinhole-bench -- relay --out docs [CLIP.mjpeg]

The relay has a processor for itself; the server that it takes the stream from, and the clients, have another one. Both
relays take the stream by the same transport as they send it. GStreamer's is
`rtspsrc latency=0 ! rtpjpegdepay ! rtpjpegpay` in a shared medium of gst-rtsp-server. The ratio is that of pinhole-server
to it.
";

/// How long a server may take to come up.
const STARTS: Duration = Duration::from_secs(30);
/// How many clients the stream is sent to.
pub(crate) const CLIENTS: [usize; 3] = [1, 10, 50];

/// What takes the stream and sends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Relay {
    Pinhole,
    Gst,
}

impl Relay {
    const fn name(self) -> &'static str {
        match self {
            Self::Pinhole => "pinhole-server",
            Self::Gst => "GStreamer",
        }
    }

    /// Starts the relay on the processor [`machine::SERVER`]. Returns it, and the URL of the stream.
    fn start(self, url: &str, transport: Transport, extra: &[String]) -> Result<(Running, String)> {
        machine::pin(machine::SERVER)?;
        let transport = transport.to_string();
        let mut command = match self {
            Self::Pinhole => {
                let mut command = Command::new(binary("pinhole-server")?);
                command.args(["--json", "--listen", "127.0.0.1:0", "--source-transport", &transport]);
                command.args(extra).arg(format!("clip={url}"));
                command
            }
            Self::Gst => {
                let mut command = Command::new(PYTHON);
                command.arg(repository().join("tests/peers/gst_server.py")).args([url, &transport]);
                command
            }
        };
        let process = Running::start(&mut command);
        machine::pin(machine::LOAD)?;
        let url = url_of(&process);
        Ok((process, url))
    }
}

/// Waits until a server says its URL.
fn url_of(process: &Running) -> String {
    process.wait_stdout(STARTS, |lines| {
        let from = |line: &String| Some(format!("rtsp:{}", line.split_once("rtsp:")?.1.split('"').next()?));
        lines.iter().find_map(from)
    })
}

/// One line of the table.
#[derive(Clone, Debug)]
struct Row {
    clip: String,
    transport: Transport,
    clients: usize,
    relay: Relay,
    /// The processor seconds for each Gbit, of each round.
    costs: Vec<f64>,
    /// The share of frames that came whole, of the worst round.
    whole: f64,
}

impl Row {
    fn cost(&self) -> f64 {
        let mut costs = self.costs.clone();
        costs.sort_by(f64::total_cmp);
        costs.get(costs.len() / 2).copied().unwrap_or(f64::NAN)
    }
}

/// Measures both relays, prints the table, and writes it into its part of `benchmarks.md`, and all figures to
/// `benchmarks-relay.json`.
pub(crate) fn run(options: &crate::Relay) -> Result<()> {
    let common = &options.common;
    let scratch = crate::prepare()?;
    let (window, rounds) = (common.window(Duration::from_secs(10)), common.repeat.unwrap_or(3));
    let mut relays = vec![Relay::Pinhole];
    if !options.alone && available(&[Peer::Gstreamer, Peer::GstServer]) {
        relays.push(Relay::Gst);
    }
    let mut rows = Vec::new();
    for clip in common.clips(&scratch, window)? {
        for transport in Transport::ALL {
            if options.transport.is_some_and(|only| only != transport) {
                continue;
            }
            for &clients in &options.clients {
                let row = |relay: &Relay| Row {
                    clip: clip.name.clone(),
                    transport,
                    clients,
                    relay: *relay,
                    costs: Vec::new(),
                    whole: 1.0,
                };
                let mut of_this: Vec<_> = relays.iter().map(row).collect();
                for _ in 0..rounds {
                    for row in &mut of_this {
                        measure(row, &clip, window, &common.server_args)?;
                    }
                }
                rows.extend(of_this);
            }
        }
    }
    let out = common.out.clone().unwrap_or_else(|| PathBuf::from(repository()).join("target/benchmarks"));
    report::replace_part(&out, HEADING, &part(&rows, rounds, window))?;
    let figures = json!({
        "machine": machine::name(), "seconds": window.as_secs_f64(), "rounds": rounds,
        "rows": rows.iter().map(to_json).collect::<Vec<_>>(),
    });
    fs::write(out.join("benchmarks-relay.json"), format!("{figures:#}\n"))?;
    drop::<Scratch>(scratch);
    Ok(())
}

/// Adds one round to a row.
fn measure(row: &mut Row, clip: &Clip, window: Duration, extra: &[String]) -> Result<()> {
    let mut command = Command::new(binary("pinhole-server")?);
    command.args(["--json", "--listen", "127.0.0.1:0", "--loop"]).arg(target::prepared(clip)?);
    let server = Running::start(&mut command);
    let (relay, url) = row.relay.start(&url_of(&server), row.transport, extra)?;
    let receive = match row.transport {
        Transport::Udp => Receive::Udp { gro: false, stock: false },
        Transport::Tcp => Receive::Tcp,
    };
    let mut load = Load::new(&Source::Rtsp(url), receive, row.clients, RATE, Duration::ZERO, |_| None)?;
    load.play(Duration::from_secs(1))?;
    load.run(Instant::now() + WARM_UP)?;
    load.take(0.0).for_each(drop);
    let (begin, before) = (Instant::now(), machine::cpu_time(relay.id())?);
    load.run(begin + window)?;
    let seconds = begin.elapsed().as_secs_f64();
    let spent = machine::cpu_time(relay.id())?.saturating_sub(before).as_secs_f64();
    let (mut whole, mut missing) = (0, 0);
    for count in load.take(seconds) {
        whole += count.whole;
        missing += count.missing;
    }
    if whole == 0 {
        return Err(format!("{}: no frame came\n{relay}", row.relay.name()).into());
    }
    // What the relay has received is the stream once.
    let gbit = (seconds * RATE + whole as f64) * clip.gbit_per_frame();
    let cost = spent / gbit;
    row.whole = row.whole.min(whole as f64 / (whole + missing) as f64);
    let (name, transport, clients) = (row.relay.name(), row.transport, row.clients);
    eprintln!(
        "  {name}, {} by {transport} to {clients}: {cost:.3} s a Gbit, {:.1} % whole",
        row.clip,
        100.0 * row.whole
    );
    row.costs.push(cost);
    Ok(())
}

fn part(rows: &[Row], rounds: usize, window: Duration) -> String {
    let mut part = format!("{HEADING}{HEAD}\n");
    let seconds = window.as_secs_f64();
    let _ =
        writeln!(part, "Measured on: {}. Median of {rounds} rounds of {seconds:.1} s.\n", machine::name());
    part += "| clip | transport | clients | pinhole-server | GStreamer | ratio |\n|-|-|-:|-:|-:|-:|\n";
    for row in rows.iter().filter(|row| row.relay == Relay::Pinhole) {
        let other = rows.iter().find(|other| {
            (&other.clip, other.transport, other.clients) == (&row.clip, row.transport, row.clients)
                && other.relay == Relay::Gst
        });
        let shown = |row: &Row| match row.whole >= 0.999 {
            true => format!("{:.3} s", row.cost()),
            false => format!("{:.3} s, {:.1} % whole", row.cost(), 100.0 * row.whole),
        };
        let ratio = other.map_or_else(|| "-".to_owned(), |other| format!("{:.2}", row.cost() / other.cost()));
        let _ = writeln!(
            part,
            "| {} | {} | {} | {} | {} | {ratio} |",
            row.clip,
            row.transport,
            row.clients,
            shown(row),
            other.map_or_else(|| "-".to_owned(), shown)
        );
    }
    part
}

fn to_json(row: &Row) -> Value {
    json!({
        "clip": row.clip, "transport": row.transport.to_string(), "clients": row.clients,
        "relay": row.relay.name(), "cpu_seconds_per_gbit": row.costs, "whole_share": row.whole,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_that_of_medians_in_one_setting() {
        let row = |relay, clients, costs: &[f64]| Row {
            clip: "a".into(),
            transport: Transport::Udp,
            clients,
            relay,
            costs: costs.into(),
            whole: 1.0,
        };
        let rows = [
            row(Relay::Pinhole, 1, &[0.2, 9.0, 0.1]),
            row(Relay::Gst, 1, &[1.0, 0.9, 8.0]),
            row(Relay::Pinhole, 10, &[0.1]),
        ];
        let part = part(&rows, 3, Duration::from_secs(1));
        assert!(part.contains("| a | udp | 1 | 0.200 s | 1.000 s | 0.20 |"), "{part}");
        assert!(part.contains("| a | udp | 10 | 0.100 s | - | - |"), "{part}");
    }
}
