//! Measures how old a live picture is when it has been decoded: from the last byte of its JPEG at the
//! server's input to the picture at the client's output.
//!
//! The pictures have numbers drawn into them, so that each is known again in what a client puts out.
mod camera;
mod client;
mod number;
mod table;
mod wire;

use crate::load::quantile;
use crate::target::{self, binary};
use crate::{Common, Result, machine, report};
use camera::{Camera, Pictures, Written};
use client::Client;
use pinhole_tests::Transport;
use pinhole_tests::peer::{PYTHON, Peer, available};
use pinhole_tests::process::{Running, repository};
use serde_json::json;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};
pub(crate) use table::HEADING;

/// What is measured: the names of sizes, and width and height in pixels.
const SIZES: [(&str, (usize, usize)); 2] = [("1080p30", (1920, 1080)), ("720p30", (1280, 720))];
/// After the first picture of a client, and before any counts.
const WARM_UP: Duration = Duration::from_secs(3);
/// How long a server may take to come up.
const STARTS: Duration = Duration::from_secs(30);
/// How long a client may take until its first picture.
const FIRST: Duration = Duration::from_secs(30);
/// How long pictures may be under way at the end.
const STRAGGLERS: Duration = Duration::from_secs(1);

/// The server that sends the pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Server {
    Pinhole,
    /// Two of them: the second one takes the pictures from the first, and the client from the second.
    Twice,
    Gst,
}

impl Server {
    const fn name(self) -> &'static str {
        match self {
            Self::Pinhole => "pinhole-server",
            Self::Twice => "pinhole-server, twice",
            Self::Gst => "gst-rtsp-server",
        }
    }

    /// Starts the server with a pipe as its input.
    fn start(self, extra: &[String]) -> Result<Running> {
        Ok(match self {
            Self::Pinhole | Self::Twice => {
                let mut command = Command::new(binary("pinhole-server")?);
                Running::start(command.args(["--json", "--listen", "127.0.0.1:0"]).args(extra).arg("-"))
            }
            Self::Gst => {
                let mut command = Command::new(PYTHON);
                Running::start(
                    command.arg(repository().join("tests/peers/gst_server.py")).args(["-", "shared"]),
                )
            }
        })
    }

    /// Starts the server that takes its pictures from `url`, if there are two.
    fn start_second(self, url: &str, transport: Transport, extra: &[String]) -> Result<Option<Running>> {
        if self != Self::Twice {
            return Ok(None);
        }
        let mut command = Command::new(binary("pinhole-server")?);
        command.args(["--json", "--listen", "127.0.0.1:0", "--source-transport", &transport.to_string()]);
        Ok(Some(Running::start(command.args(extra).arg(format!("live={url}")))))
    }

    /// Waits until the server says its URL.
    fn url(process: &Running) -> String {
        process.wait_stdout(STARTS, |lines| {
            let from =
                |line: &String| Some(format!("rtsp:{}", line.split_once("rtsp:")?.1.split('"').next()?));
            lines.iter().find_map(from)
        })
    }
}

/// One line of a table: how a client sees the pictures of a server.
#[derive(Debug)]
struct Row {
    server: Server,
    client: Client,
    size: &'static str,
    transport: Transport,
    /// How many pictures were written to the server.
    written: usize,
    /// How long each of those took that were seen, in microseconds.
    took: Vec<u32>,
}

impl Row {
    /// Returns the time in milliseconds that so many of all pictures do not exceed; `None` if fewer came.
    fn quantile(&self, share: f64) -> Option<f64> {
        let mut all = self.took.clone();
        // Those that were not seen took longer than all others.
        all.resize(self.written.max(all.len()), u32::MAX);
        let found = quantile(&mut all, share);
        (found < u32::MAX && !all.is_empty()).then(|| f64::from(found) / 1e3)
    }
}

/// Measures all servers and clients in turn, prints tables, and writes them into their part of
/// `benchmarks.md`, and all figures to `benchmarks-latency.json`.
pub(crate) fn run(common: &Common) -> Result<()> {
    for program in ["pinhole-server", "pinhole-viewer"] {
        target::build(program)?;
    }
    let scratch = crate::clip::Scratch::new()?;
    let (window, rounds) = (common.window(Duration::from_secs(10)), common.repeat.unwrap_or(2));
    let mut rows = Vec::new();
    let mut bytes = Vec::new();
    for (size, pixels) in SIZES {
        let pictures = Arc::new(Pictures::make(common.clips.first(), pixels, &scratch.0)?);
        bytes.push((size, pictures.mean_len()));
        for transport in Transport::ALL {
            let mut of_this: Vec<_> = plan(transport)?
                .into_iter()
                .map(|(server, client)| Row { server, client, size, transport, written: 0, took: Vec::new() })
                .collect();
            for _ in 0..rounds {
                for row in &mut of_this {
                    measure(row, &pictures, window, &common.server_args)?;
                }
            }
            rows.extend(of_this);
        }
    }
    let out = common.out.clone().unwrap_or_else(|| PathBuf::from(repository()).join("target/benchmarks"));
    let part = table::part(&rows, &bytes, rounds, window);
    report::replace_part(&out, HEADING, &part)?;
    let figures = json!({
        "machine": machine::name(), "seconds": window.as_secs_f64(), "rounds": rounds,
        "rows": rows.iter().map(table::to_json).collect::<Vec<_>>(),
    });
    fs::write(out.join("benchmarks-latency.json"), format!("{figures:#}\n"))?;
    Ok(())
}

/// Returns the pairs of servers and clients that this machine has.
fn plan(transport: Transport) -> Result<Vec<(Server, Client)>> {
    let mut wires = vec![Client::Wire { announces: false }];
    if transport == Transport::Udp {
        wires.push(Client::Wire { announces: true });
    }
    let mut plan: Vec<_> = wires.iter().cloned().chain(client::viewers()?).collect();
    if available(&[Peer::Gstreamer]) {
        plan.push(Client::Gst);
    }
    if available(&[Peer::Ffmpeg]) {
        plan.push(Client::Ffmpeg);
    }
    let mut plan: Vec<_> = plan.into_iter().map(|client| (Server::Pinhole, client)).collect();
    plan.extend(wires.into_iter().map(|client| (Server::Twice, client)));
    if available(&[Peer::Gstreamer, Peer::GstServer]) {
        plan.extend([Client::Wire { announces: false }, Client::Gst].map(|client| (Server::Gst, client)));
    }
    Ok(plan)
}

/// Adds one round to a row.
fn measure(row: &mut Row, pictures: &Arc<Pictures>, window: Duration, extra: &[String]) -> Result<()> {
    let mut server = row.server.start(extra)?;
    let camera = Camera::start(server.take_stdin(), pictures.clone());
    let url = Server::url(&server);
    let second = row.server.start_second(&url, row.transport, extra)?;
    let url = second.as_ref().map_or(url, Server::url);
    let seen = row.client.start(&url, row.transport, pictures.size)?;
    let names = format!("{} to {}, {} by {}", row.server.name(), row.client.name(), row.size, row.transport);
    let limit = Instant::now() + FIRST;
    while seen.count() == 0 {
        if Instant::now() > limit {
            return Err(format!("{names}: no picture\n{server}\n{}", seen.messages()).into());
        }
        thread::sleep(Duration::from_millis(10));
    }
    thread::sleep(WARM_UP);
    let begin = Instant::now();
    thread::sleep(window);
    let end = Instant::now();
    thread::sleep(STRAGGLERS);
    let written = camera.written();
    let counted = |picture: &&Written| (begin..end).contains(&picture.at);
    let took: Vec<_> =
        seen.latencies(&written).filter(|(of, _)| counted(&of)).map(|(_, took)| took).collect();
    let count = written.iter().filter(counted).count();
    let mut sorted = took.clone();
    let [p50, p99] = [0.5, 0.99].map(|share| f64::from(quantile(&mut sorted, share)) / 1e3);
    eprintln!("  {names}: {} of {count} pictures, p50 {p50:.1} ms, p99 {p99:.1} ms", took.len());
    row.written += count;
    row.took.extend(took);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_that_were_not_seen_count_as_the_slowest() {
        let took = (1..=98).map(|n| n * 1_000).collect();
        let (client, transport) = (Client::Gst, Transport::Udp);
        let mut row = Row { server: Server::Gst, client, size: "", transport, written: 100, took };
        assert_eq!((row.quantile(0.5), row.quantile(0.99)), (Some(51.0), None));
        row.written = 98;
        assert_eq!(row.quantile(0.99), Some(97.0));
        row.took.clear();
        assert_eq!(row.quantile(0.5), None);
        row.written = 0;
        assert_eq!(row.quantile(0.5), None);
    }
}
