//! Measures pinhole-server against bare senders of the same packets, and against a stock server; and
//! pinhole-viewer against stock clients, by what it costs and by how soon it shows a live picture.
//!
//! The server has processor 0 for itself. The clients, all on one thread, have processor 1. A Gbit
//! counts the original file's bytes in frames that came whole, and nothing else. What a machine can do
//! changes from minute to minute if it is shared, so only ratios within one run can be relied on.
#![forbid(unsafe_code)]
mod cell;
mod chart;
mod clip;
mod latency;
mod load;
mod machine;
mod plan;
mod receive;
mod relay;
mod report;
mod rtsp;
mod sender;
mod target;

use cell::Setting;
use clap::{Args, Parser, Subcommand, ValueEnum};
use clip::{Clip, Scratch};
use load::Receive;
use pinhole_tests::Transport;
use pinhole_tests::process::repository;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use target::{Medium, Target};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Measures pinhole-server and pinhole-viewer on loopback; needs Linux, and two processors that do little else
#[derive(Debug, Parser)]
#[command(after_help = pinhole_args::VALUES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The first clip, 50 sessions, against the bare senders: less than a minute
    Quick(Common),
    /// Everything that docs/benchmarks.md shows: about half an hour
    Full(Common),
    /// What it costs to receive one stream, pinhole-viewer against GStreamer and ffmpeg: under
    /// three minutes for each clip
    Receive(Common),
    /// How old a live picture is when it has been decoded, with pinhole-viewer, GStreamer and ffmpeg as
    /// clients: about ten minutes
    Latency(Common),
    /// What it costs to take a stream from a server and send it to 1, 10 and 50 clients, against GStreamer:
    /// about ten minutes for each clip
    Relay(Relay),
    /// A single measurement, for use with a profiler
    Cell(Cell),
    #[command(hide = true)]
    Sender(sender::Options),
}

#[derive(Debug, Args)]
struct Common {
    /// Motion-JPEG files, taken at 30 frames a second [default: the 1080p and 1440p clips in
    /// video/, or else the sample clip]
    clips: Vec<PathBuf>,
    /// Where the table, the figures and the charts go
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// How long each measurement counts, such as 10s
    #[arg(long, value_name = "TIME", value_parser = pinhole_args::duration)]
    duration: Option<Duration>,
    /// How often each measurement is made; the median counts
    #[arg(long, value_name = "N")]
    repeat: Option<usize>,
    /// A further argument for pinhole-server
    #[arg(long = "server-arg", value_name = "ARG", allow_hyphen_values = true)]
    server_args: Vec<String>,
}

#[derive(Debug, Args)]
struct Cell {
    #[command(flatten)]
    common: Common,
    /// Who sends
    #[arg(long, value_enum, default_value = "pinhole")]
    server: Server,
    /// How it is received
    #[arg(long, value_enum, default_value = "udp")]
    mode: Mode,
    /// One stream for all, and not each at its own place in a file
    #[arg(long)]
    live: bool,
    /// By how many
    #[arg(long, default_value_t = 50)]
    sessions: usize,
    /// After which time a socket is read that has something, such as 2ms
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = pinhole_args::time)]
    late: Duration,
    /// The receive buffer that sockets have by default
    #[arg(long)]
    stock: bool,
    /// Finds how many sessions are held, up to this number
    #[arg(long, value_name = "MOST")]
    held: Option<usize>,
    /// Measures the memory of a session
    #[arg(long)]
    memory: bool,
}

#[derive(Debug, Args)]
struct Relay {
    #[command(flatten)]
    common: Common,
    /// To how many clients the stream is sent, one number after the other
    #[arg(long, value_name = "N", value_delimiter = ',', default_values_t = relay::CLIENTS)]
    clients: Vec<usize>,
    /// By what it is taken and sent [default: one after the other]
    #[arg(long, value_name = "TRANSPORT", value_parser = transport)]
    transport: Option<Transport>,
    /// Leaves GStreamer out, for use with a profiler
    #[arg(long)]
    alone: bool,
}

fn transport(text: &str) -> std::result::Result<Transport, String> {
    let found = Transport::ALL.into_iter().find(|transport| transport.to_string() == text);
    found.ok_or_else(|| "it is udp or tcp".to_owned())
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Server {
    Pinhole,
    /// Inside TLS; with --mode tcp
    PinholeTls,
    Gst,
    /// Inside TLS; with --mode tcp
    GstTls,
    Gso,
    Mmsg,
    Writev,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Mode {
    Udp,
    Gro,
    Tcp,
}

fn main() -> ExitCode {
    let done = match pinhole_args::parse::<Cli>().command {
        Command::Sender(options) => sender::run(&options),
        Command::Quick(common) => plan::run(&common, plan::Extent::Quick),
        Command::Full(common) => plan::run(&common, plan::Extent::Full),
        Command::Receive(common) => receive::run(&common),
        Command::Latency(common) => latency::run(&common),
        Command::Relay(relay) => relay::run(&relay),
        Command::Cell(cell) => single(&cell),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("pinhole-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

impl Common {
    /// Returns the clips of the command line, or the default ones, each laid out long enough for
    /// measurements of `window`.
    fn clips(&self, scratch: &Scratch, window: Duration) -> Result<Vec<Clip>> {
        let mut paths = self.clips.clone();
        if paths.is_empty() {
            let video = repository().join("video");
            let large = ["bunny1080.mjpeg", "bunny1440.mjpeg"].map(|name| video.join(name));
            paths.extend(large.into_iter().filter(|path| path.exists()));
            if paths.is_empty() {
                paths.push(video.join("bunny288.mjpeg"));
            }
        }
        // Watchers that are 20 seconds apart, from the first to the last, find nothing in a cache
        // that another left there.
        let seconds = 20.0 + window.as_secs_f64() + 6.0;
        paths.iter().map(|path| Clip::new(path, &scratch.0, seconds)).collect()
    }

    fn window(&self, default: Duration) -> Duration {
        self.duration.unwrap_or(default)
    }
}

/// Does what comes before the first measurement: builds the server, allows many open files, and keeps
/// this process on the processor of the load. Returns a directory for files, which is removed when it is
/// dropped.
fn prepare() -> Result<Scratch> {
    target::build("pinhole-server")?;
    machine::raise_file_limit()?;
    machine::pin(machine::LOAD)?;
    Scratch::new()
}

fn single(cell: &Cell) -> Result<()> {
    let scratch = prepare()?;
    let window = cell.common.window(Duration::from_secs(10));
    let target = match cell.server {
        Server::Pinhole => Target::Pinhole,
        Server::PinholeTls => Target::PinholeTls,
        Server::Gst => Target::Gst,
        Server::GstTls => Target::GstTls,
        Server::Gso => Target::Bare(sender::Kind::Gso),
        Server::Mmsg => Target::Bare(sender::Kind::Mmsg),
        Server::Writev => Target::Bare(sender::Kind::Writev),
    };
    let receive = match cell.mode {
        Mode::Udp => Receive::Udp { gro: false, stock: cell.stock },
        Mode::Gro => Receive::Udp { gro: true, stock: cell.stock },
        Mode::Tcp => Receive::Tcp,
    };
    let setting = Setting {
        target,
        medium: if cell.live { Medium::Live } else { Medium::Recorded },
        receive,
        sessions: cell.sessions,
        window,
        late: cell.late,
    };
    let extra = &cell.common.server_args;
    for clip in cell.common.clips(&scratch, window)? {
        if matches!(target, Target::Bare(_)) {
            target::record(&clip, extra)?;
        }
        let figures = match (cell.memory, cell.held) {
            (true, _) => {
                let (all, anonymous) = cell::memory(&clip, target, receive, cell.sessions, extra)?;
                serde_json::json!({ "bytes_per_session": all, "anonymous": anonymous })
            }
            (_, Some(most)) => {
                let (sessions, figures) = cell::held(&clip, &setting, extra, most)?;
                serde_json::json!({ "held": sessions, "at": figures.map(cell::Figures::to_json) })
            }
            _ => {
                let repeats =
                    (0..cell.common.repeat.unwrap_or(1)).map(|_| cell::measure(&clip, &setting, extra));
                let figures = repeats.map(|figures| Ok(figures?.to_json())).collect::<Result<Vec<_>>>()?;
                figures.into()
            }
        };
        println!("{}: {figures:#}", clip.name);
    }
    Ok(())
}
