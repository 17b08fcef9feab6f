//! `tap`: a server with the memory of a microcontroller, on a network interface of this machine.
mod board;
mod budget;
mod cable;
mod host;
mod net;
mod probe;
mod report;
mod totals;

use crate::options::FaultArgs;
use crate::signals;
use crate::tun::parse_name;
use board::Board;
use budget::Budget;
use cable::{Cable, Capture};
use indicatif::ProgressBar;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use net::Net;
use pinhole::sdp::FrameRate;
use pinhole::server::Config;
use pinhole_args::{RATES, VALUES};
use pinhole_sim::clip::Clip;
use pinhole_sim::faults::Faults;
use pinhole_smoltcp::server::CONFIG;
use pinhole_std::media::{NormaliseOptions, PatternFormat};
use report::{Report, Status};
use smoltcp::config::IFACE_MAX_ADDR_COUNT;
use smoltcp::phy::{DeviceCapabilities, Medium};
use std::error::Error;
use std::io::ErrorKind;
use std::net::IpAddr;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How often the status line on the terminal is written.
const LINE_EVERY: Duration = Duration::from_secs(1);
/// How long clients have to receive the end of their sessions.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);
const ETHERNET_HEADER: usize = 14;
/// The longest frame of a TAP, including Ethernet's header.
const MAX_FRAME: u16 = u16::MAX;

/// Serve video with the memory of a microcontroller, from a TCP/IP stack of its own.
///
/// The board is at the other end of a TAP. It has a camera that sees the clip over and over, whose
/// pictures are read in place, and so much memory for all else. Runs until Ctrl-C or SIGTERM, and
/// takes leave of all clients.
#[derive(Debug, clap::Args)]
#[command(after_help = format!("{VALUES}{RATES}"))]
pub(crate) struct Args {
    /// A Motion-JPEG file, or a directory of .jpg pictures.
    #[arg(value_name = "MEDIA", required_unless_present = "pattern", conflicts_with = "pattern")]
    media: Option<PathBuf>,

    /// A moving test pattern of this size and rate instead.
    #[arg(long, value_name = "WxH[@FPS]", value_parser = pinhole_args::pattern)]
    pattern: Option<PatternFormat>,

    /// Frames per second of media without a clock of their own.
    #[arg(long, value_name = "N", default_value = "30", value_parser = pinhole_args::frame_rate)]
    fps: FrameRate,

    /// The interface: a TAP that is there is used, else it is made.
    #[arg(long, value_name = "NAME", default_value = "tap0", value_parser = parse_name)]
    tap: String,

    /// The board's address; again for another, as of IPv6. This machine gets the first other one of
    /// the network, if it has none there.
    #[arg(long, value_name = "IP/PREFIX", default_value = "192.168.69.2/24", value_parser = net::board_address)]
    ip: Vec<Net>,

    /// The RTSP port.
    #[arg(long, value_name = "PORT", default_value = "554", value_parser = clap::value_parser!(u16).range(1..))]
    port: u16,

    /// All memory of the server, the TCP/IP stack and the network interface, such as 64KiB.
    #[arg(long, value_name = "SIZE", default_value = "64KiB", value_parser = pinhole_args::memory)]
    ram: usize,

    /// Clients at once.
    #[arg(long, value_name = "N", default_value = "4", value_parser = clap::value_parser!(u16).range(1..))]
    sessions: u16,

    /// The largest IP packet in bytes, with its headers.
    #[arg(long, value_name = "BYTES", default_value = "1500", value_parser = mtu)]
    mtu: u16,

    #[command(flatten)]
    faults: FaultArgs,

    /// Write all frames of the interface, as the board sees them, to a file for Wireshark.
    #[arg(long, value_name = "FILE")]
    pcap: Option<PathBuf>,

    /// Stop after this time, such as 30s.
    #[arg(long, value_name = "TIME", value_parser = pinhole_args::duration)]
    duration: Option<Duration>,

    /// Print events as JSON, one object a line, the last of which has all figures.
    #[arg(long)]
    json: bool,
}

/// Serves until a signal, or until the time is over.
///
/// # Errors
/// Returns what does not fit, what is taken, or why the TAP cannot be used.
pub(crate) fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    let faults = args.faults.faults()?;
    if args.ip.len() > IFACE_MAX_ADDR_COUNT {
        let message = format!("--ip can be given {IFACE_MAX_ADDR_COUNT} times, not {}\n", args.ip.len());
        return Err(clap::Error::raw(clap::error::ErrorKind::TooManyValues, message).into());
    }
    let mut config = CONFIG;
    // The headers of IPv4 and UDP take 28 bytes. Packets to clients on IPv6 are shortened.
    config.max_packet = args.mtu - 28;
    let mut capabilities = DeviceCapabilities::default();
    capabilities.medium = Medium::Ethernet;
    capabilities.max_transmission_unit = ETHERNET_HEADER + usize::from(args.mtu);
    let budget = Budget::divide(args.ram, args.sessions.into(), config, &capabilities)?;

    let (mount, clip) = clip(args, config)?;
    let stop = signals::stop_flag()?;
    let host::BoardTap { tap, is_old } = host::set_up(&args.tap, &args.ip, args.mtu)?;
    if is_old {
        probe::ask(&tap, &args.ip)?;
    }
    let seed = (faults != Faults::NONE).then(|| args.faults.seed());
    let mut cable = Cable::new(
        tap,
        (faults, args.faults.push_back),
        seed.unwrap_or(0),
        capabilities.max_transmission_unit,
    );
    if let Some(path) = &args.pcap {
        let capture = Capture::create(path);
        cable.capture(capture.map_err(|error| format!("--pcap {}: {error}", path.display()))?);
    }
    let poll = Poll::new()?;
    poll.registry().register(&mut SourceFd(&cable.tap().as_raw_fd()), Token(0), Interest::READABLE)?;

    let report = Report { json: args.json };
    let urls: Vec<_> = args.ip.iter().map(|ip| url(ip.address, args.port, &mount)).collect();
    let flash = clip.bytes();
    let micros = clip.duration().as_micros() as f64 * budget.by_tcp() as f64 / flash as f64;
    let round_trip = Duration::from_micros(micros as u64);
    let addresses: Vec<_> = args.ip.iter().map(|ip| (*ip).into()).collect();
    let board = Board::new(&budget, cable, capabilities, &addresses, args.port, (mount, clip), report)?;
    report.serving(&urls, &budget, flash, round_trip, seed);

    serve(board, args.duration, &stop, poll, report)
}

/// Polls the board whenever there is something to do, until it stops.
fn serve(
    mut board: Board,
    duration: Option<Duration>,
    stop: &AtomicBool,
    mut poll: Poll,
    report: Report,
) -> Result<(), Box<dyn Error>> {
    let mut events = Events::with_capacity(4);
    let start = Instant::now();
    let mut deadline = duration.and_then(|duration| start.checked_add(duration));
    let mut stopping = false;
    // Draws nothing if standard error is not a terminal.
    let line = ProgressBar::new_spinner();
    let mut line_at = start;
    loop {
        let now = Instant::now();
        let at = smoltcp::time::Instant::from_micros((now - start).as_micros() as i64);
        let wake = board.poll(at);
        board.cable_mut().check()?;
        if let Some(error) = board.cable_mut().capture_trouble() {
            eprintln!("pinhole-sim: --pcap: {error}; nothing more is written");
        }
        let is_late = deadline.is_some_and(|deadline| now >= deadline);
        if stopping && (is_late || board.connected() == 0) {
            break;
        }
        if !stopping && (is_late || stop.load(Ordering::Relaxed)) {
            (stopping, deadline) = (true, now.checked_add(CLOSE_TIMEOUT));
            board.close();
            continue;
        }
        if now >= line_at {
            line_at = now + LINE_EVERY;
            line.set_message(status(&board, at, now - start).line());
            line.tick();
        }
        let until = deadline.map_or(line_at, |deadline| deadline.min(line_at));
        let left = until.saturating_duration_since(now);
        let wait = wake.map_or(left, |wake| left.min((wake.max(at) - at).into()));
        match poll.poll(&mut events, Some(wait)) {
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error.into()),
            _ => {}
        }
    }
    line.finish_and_clear();
    let time = start.elapsed();
    let at = smoltcp::time::Instant::from_micros(time.as_micros() as i64);
    report.stopped(&status(&board, at, time));
    Ok(())
}

fn mtu(text: &str) -> Result<u16, String> {
    let mtu = pinhole_args::mtu(text)?;
    let longest = MAX_FRAME - ETHERNET_HEADER as u16;
    if mtu > longest {
        return Err(format!("{} more than a TAP takes: {longest} at the most", mtu - longest));
    }
    Ok(mtu)
}

/// Returns the name and the clip of the camera.
fn clip(args: &Args, config: Config) -> Result<(String, Clip), Box<dyn Error>> {
    let normalising = NormaliseOptions { max_packet: config.max_packet, ..NormaliseOptions::default() };
    if let Some(format) = args.pattern {
        return Ok(("pattern".to_owned(), Clip::pattern(format, normalising)?));
    }
    let path = args.media.as_deref().unwrap_or(Path::new(""));
    let mount = path.file_stem().map_or("camera".into(), |name| name.to_string_lossy().into_owned());
    Ok((mount, Clip::open(path, args.fps, normalising)?))
}

fn url(address: IpAddr, port: u16, mount: &str) -> String {
    let host = match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    };
    // 554 is RTSP's default port.
    let port = if port == 554 { String::new() } else { format!(":{port}") };
    format!("rtsp://{host}{port}/{mount}")
}

fn status(board: &Board, at: smoltcp::time::Instant, time: Duration) -> Status {
    let (sessions, totals) = board.totals(at);
    let cable = board.cable();
    Status { time, sessions, totals, counts: cable.counts(), faults: cable.counters() }
}
