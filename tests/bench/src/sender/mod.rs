//! Bare senders: they send packets that were made before, and do nothing else. That is the least that
//! sending can cost, and the limit to which the servers are compared.
pub(crate) mod images;
mod outlet;

use crate::Result;
use clap::ValueEnum as _;
use images::Images;
use outlet::Outlet;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::{Read, Write, stdout};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

/// The system call by which a bare sender hands packets to the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Kind {
    /// `sendmsg` with `UDP_SEGMENT`: several datagrams in one call, which the kernel cuts apart (GSO).
    Gso,
    /// `sendmmsg`: several datagrams in one call, each given by itself.
    Mmsg,
    /// `writev` of interleaved packets on a TCP connection, with header and payload in buffers of their
    /// own.
    Writev,
}

/// What a bare sender is told on its command line.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Options {
    /// By which system call
    #[arg(long, value_enum)]
    pub(crate) kind: Kind,
    /// What `record` wrote
    #[arg(long)]
    pub(crate) images: PathBuf,
    /// How often the clip is laid out in memory
    #[arg(long)]
    pub(crate) copies: usize,
    /// How many sessions to wait for
    #[arg(long)]
    pub(crate) sessions: usize,
    /// Over how many seconds of the clip the sessions' starts are spread; 0: all send the same
    /// frame at the same time
    #[arg(long)]
    pub(crate) places: f64,
    /// Over how many seconds their starts are spread; 0: they start together
    #[arg(long)]
    pub(crate) starts: f64,
    /// Packets sent at once, as the server does; the quanta of a frame are spread over half of its
    /// interval
    #[arg(long, default_value_t = QUANTUM)]
    pub(crate) quantum: usize,
    /// The most seconds from one quantum of a frame to the next
    #[arg(long, default_value_t = INTERVAL.as_secs_f64())]
    pub(crate) apart: f64,
}

/// The number of packets that pinhole-server sends at one time for a stream.
pub(crate) const QUANTUM: usize = 43;
/// The same of a live stream, and the most seconds until the next ones.
pub(crate) const LIVE: (usize, f64) = (2 * QUANTUM, 0.0042);

impl Options {
    /// Returns command-line arguments that say the same as these options.
    pub(crate) fn to_args(&self) -> Vec<String> {
        let kind = self.kind.to_possible_value().map_or_else(String::new, |kind| kind.get_name().to_owned());
        let pairs = [
            ("--kind", kind),
            ("--images", self.images.display().to_string()),
            ("--copies", self.copies.to_string()),
            ("--sessions", self.sessions.to_string()),
            ("--places", self.places.to_string()),
            ("--starts", self.starts.to_string()),
            ("--quantum", self.quantum.to_string()),
            ("--apart", self.apart.to_string()),
        ];
        pairs.into_iter().flat_map(|(name, value)| [name.to_owned(), value]).collect()
    }
}

const INTERVAL: Duration = Duration::from_nanos(33_333_333);
/// What is due is sent together once in this time, as an event loop does whose timers have this
/// resolution (epoll's).
const TICK: Duration = Duration::from_millis(1);
/// When to try again where a connection took no more.
const AGAIN: Duration = Duration::from_millis(1);

/// One receiver, and what it is sent next.
#[derive(Debug)]
struct Session {
    outlet: Outlet,
    frame: usize,
    /// The packet at which the next quantum begins, and what a connection took of it before.
    packet: usize,
    taken: usize,
    due: Instant,
}

/// Returns how long after the first one the session `n` of `sessions` starts, if the starts are spread
/// over `span`. `n` counts from 0. The times of the frames of different sessions differ, too: with
/// starts at equal distances, all sessions could share a few phases of the frame interval. If `span` is
/// zero, all sessions start together.
pub(crate) fn start_of(n: usize, sessions: usize, span: Duration) -> Duration {
    const GOLDEN: f64 = 0.618_033_988_749_895;
    if span.is_zero() {
        return span;
    }
    span.mul_f64(n as f64 / sessions as f64) + INTERVAL.mul_f64((n as f64 * GOLDEN).fract())
}

/// Prints the address at which it listens, waits for all sessions, and sends until it is killed or the
/// clip has ended for each session.
///
/// # Errors
/// Returns an error if the packets cannot be read, or if the system refuses a socket or a write to a
/// connection.
pub(crate) fn run(options: &Options) -> Result<()> {
    let interleaved = options.kind == Kind::Writev;
    let images = Images::load(&options.images, options.copies, interleaved)?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    println!("listening {}", listener.local_addr()?);
    stdout().flush()?;
    let mut sessions = Vec::with_capacity(options.sessions);
    for _ in 0..options.sessions {
        sessions.push(listener.accept()?.0);
    }
    let mut destinations = Vec::with_capacity(options.sessions);
    for mut stream in sessions {
        let mut port = [0; 2];
        stream.read_exact(&mut port)?;
        destinations.push((stream, SocketAddr::from((Ipv4Addr::LOCALHOST, u16::from_be_bytes(port)))));
    }
    let socket = outlet::udp_socket(options.kind)?;
    let begin = Instant::now();
    let mut queue = BinaryHeap::new();
    let mut sessions = Vec::with_capacity(options.sessions);
    for (n, (stream, to)) in destinations.into_iter().enumerate() {
        let share = n as f64 / options.sessions as f64;
        let frame = (share * options.places / INTERVAL.as_secs_f64()) as usize;
        let due = begin + start_of(n, options.sessions, Duration::from_secs_f64(options.starts));
        let outlet = Outlet::new(options.kind, &socket, stream, to)?;
        sessions.push(Session { outlet, frame, packet: images.frames[frame].start, taken: 0, due });
        queue.push(Reverse((due, n)));
    }
    while let Some(Reverse((at, n))) = queue.pop() {
        if at > Instant::now() {
            let ticks = (at - begin).as_nanos().div_ceil(TICK.as_nanos()) as u32;
            thread::sleep((begin + TICK * ticks).saturating_duration_since(Instant::now()));
        }
        if let Some(next) = sessions[n].send(&images, options)? {
            queue.push(Reverse((next, n)));
        }
    }
    Ok(())
}

impl Session {
    /// Sends what is due. Returns when to call this again, or `None` if the clip has ended.
    fn send(&mut self, images: &Images, options: &Options) -> Result<Option<Instant>> {
        let Some(frame) = images.frames.get(self.frame) else { return Ok(None) };
        // A connection has flow control of its own, and needs no pace.
        let quantum = if options.kind == Kind::Writev { frame.len() } else { options.quantum };
        let end = frame.end.min(self.packet + quantum);
        let packets = &images.packets[self.packet..end];
        let len: usize = packets.iter().map(ExactSizeIterator::len).sum();
        self.taken += self.outlet.send(&images.bytes, packets, self.taken)?;
        if self.taken < len {
            return Ok(Some(Instant::now() + AGAIN));
        }
        (self.packet, self.taken) = (end, 0);
        if end == frame.end {
            self.frame += 1;
            self.due += INTERVAL;
            return Ok(Some(self.due));
        }
        let nth = (end - frame.start) / quantum;
        let apart = INTERVAL / 2 / frame.len().div_ceil(quantum) as u32;
        Ok(Some(self.due + apart.min(Duration::from_secs_f64(options.apart)) * nth as u32))
    }
}
