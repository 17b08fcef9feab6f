//! Many clients on one thread, which read packets and look at their headers only.
mod control;
mod stream;
mod tally;

use crate::Result;
use crate::rtsp::SetUp;
use crate::sender::start_of;
use control::Control;
use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Registry, Token};
use nix::sys::socket::{setsockopt, sockopt};
use pinhole::rtp::{HEADER_LEN, Packet, Repr};
use quinn_udp::{RecvMeta, UdpSocketState};
use socket2::{Domain, Protocol, Socket, Type};
use std::io::{self, ErrorKind, IoSliceMut, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::time::{Duration, Instant};
use stream::Scanner;
use tally::Tally;

pub(crate) use tally::{Count, quantile};

/// What is asked of the kernel where a receiver is to lose nothing by its own fault.
const LARGE_BUFFER: usize = 4 << 20;
/// Reads of one socket before the others get their turn.
const READS: usize = 8;
/// Two neighbouring ports are soon found: half of all free ports are even.
const ATTEMPTS: usize = 64;
/// What one system call may bring: so many datagrams, each of up to so many bytes. Of those that
/// the kernel has put together fewer are enough.
const PLAIN: (usize, usize) = (32, 2048);
const GRO: (usize, usize) = (4, 65_535);

/// A header alone, and a receiver report without blocks (RFC 3550, 5.1 and 6.4.2).
const EMPTY_RTP: [u8; HEADER_LEN] = [0x80, 26, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
const EMPTY_REPORT: [u8; 8] = [0x80, 201, 0, 1, 0, 0, 0, 0];

/// How the clients receive RTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Receive {
    /// As UDP datagrams.
    Udp {
        /// Has the kernel put several datagrams together (`UDP_GRO`), so that one call reads them.
        gro: bool,
        /// Keeps the receive buffer that a socket has by default, and asks for no larger one.
        stock: bool,
    },
    /// Interleaved with RTSP on one TCP connection.
    Tcp,
}

/// Where clients get their sessions.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// The URL of a medium of an RTSP server.
    Rtsp(String),
    /// The URL of a medium of an RTSP server inside TLS, and the file with its certificate.
    Rtsps(String, PathBuf),
    /// The address of a bare sender. It takes the client's UDP port (0 for TCP) as two bytes,
    /// big-endian, and starts when it has the ports of all sessions.
    Bare(SocketAddr),
}

/// Clients that were set up. Call [`Self::play`] to start them, then [`Self::run`] to receive, and
/// [`Self::take`] for the counts.
#[derive(Debug)]
pub(crate) struct Load {
    poll: Poll,
    sessions: Vec<Session>,
    buffers: Buffers,
    /// When readiness is told, sockets are read this much later.
    late: Duration,
    began: Instant,
    /// Sockets that may hold more, and will not say so again.
    unread: Vec<Token>,
}

#[derive(Debug)]
struct Session {
    control: Control,
    scanner: Scanner,
    udp: Option<Udp>,
    play: Vec<u8>,
    tally: Tally,
}

#[derive(Debug)]
struct Udp {
    socket: UdpSocket,
    state: UdpSocketState,
    /// It is never read: sender reports are few and short. Without it each would be answered by
    /// ICMP.
    rtcp: socket2::Socket,
}

#[derive(Debug)]
struct Buffers {
    bytes: Vec<u8>,
    shape: (usize, usize),
}

impl Load {
    /// Sets up `sessions` sessions of a medium of this frame rate. When a socket has something, it is
    /// read `late` later. Session number n, counted from 0, starts `place(n)` seconds into the medium,
    /// or wherever the server starts it if that is `None`.
    ///
    /// # Errors
    /// Returns the error of the first session that cannot be set up.
    pub(crate) fn new(
        source: &Source,
        receive: Receive,
        sessions: usize,
        frames_per_second: f64,
        late: Duration,
        place: impl Fn(usize) -> Option<f64>,
    ) -> Result<Self> {
        let poll = Poll::new()?;
        let mut all = Vec::with_capacity(sessions);
        for n in 0..sessions {
            let mut session = Session::new(source, receive, frames_per_second, place(n))
                .map_err(|error| format!("session {n}: {error}"))?;
            session.register(poll.registry(), n)?;
            all.push(session);
        }
        let shape = if matches!(receive, Receive::Udp { gro: true, .. }) { GRO } else { PLAIN };
        let len = (shape.0 * shape.1).max(LARGE_BUFFER / 16);
        let buffers = Buffers { bytes: vec![0; len], shape };
        Ok(Self { poll, sessions: all, buffers, late, began: Instant::now(), unread: Vec::new() })
    }

    /// Starts all sessions, spread over `span` as [`start_of`] says, and receives meanwhile.
    ///
    /// # Errors
    /// Returns an error if a connection is lost, or if the system fails.
    pub(crate) fn play(&mut self, span: Duration) -> Result<()> {
        let start = Instant::now();
        let count = self.sessions.len();
        let mut order: Vec<_> = (0..count).map(|n| (start_of(n, count, span), n)).collect();
        order.sort_unstable();
        for (at, n) in order {
            self.run(start + at)?;
            let Session { control, play, .. } = &mut self.sessions[n];
            control.write_all(play)?;
        }
        Ok(())
    }

    /// Receives until `end`. A session that ends or fails only stops counting.
    ///
    /// # Errors
    /// Returns an error if the system fails.
    pub(crate) fn run(&mut self, end: Instant) -> Result<()> {
        let mut events = Events::with_capacity(1024);
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            let timeout = if self.unread.is_empty() { left } else { Duration::ZERO };
            match self.poll.poll(&mut events, Some(timeout)) {
                Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error.into()),
                _ => {}
            }
            if !self.late.is_zero() && !events.is_empty() {
                std::thread::sleep(self.late);
            }
            for token in std::mem::take(&mut self.unread) {
                self.read(token);
            }
            for event in &events {
                self.read(event.token());
            }
        }
    }

    /// Returns what each session received since the last call, which was `seconds` ago.
    pub(crate) fn take(&mut self, seconds: f64) -> impl Iterator<Item = Count> {
        self.sessions.iter_mut().map(move |session| session.tally.take(seconds))
    }

    fn read(&mut self, token: Token) {
        let Some(session) = self.sessions.get_mut(token.0 / 2) else { return };
        for _ in 0..READS {
            let now = self.began.elapsed().as_micros() as u64;
            let tally = &mut session.tally;
            let read = match (&session.udp, token.0 % 2) {
                (Some(udp), 1) => udp.read(&mut self.buffers, |header, len| tally.push(now, header, len)),
                _ => session.control.read(&mut self.buffers.bytes).map(|read| {
                    let bytes = &self.buffers.bytes[..read];
                    session.scanner.push(bytes, |header, len| tally.push(now, header, len));
                    read > 0
                }),
            };
            match read {
                Ok(true) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // Nothing more to read, or nothing ever.
                Ok(false) | Err(_) => return,
            }
        }
        self.unread.push(token);
    }
}

impl Session {
    fn new(source: &Source, receive: Receive, frames_per_second: f64, place: Option<f64>) -> Result<Self> {
        let (udp, port) = match receive {
            Receive::Udp { gro, stock } => {
                let (udp, port) = Udp::bind(gro, stock)?;
                (Some(udp), port)
            }
            Receive::Tcp => (None, 0),
        };
        let (control, play) = match source {
            Source::Rtsp(url) => {
                let transport = match udp {
                    Some(_) => format!("RTP/AVP;unicast;client_port={port}-{}", port + 1),
                    None => "RTP/AVP/TCP;unicast;interleaved=0-1".to_owned(),
                };
                let set_up = SetUp::new(url, &transport)?;
                if let (Some(udp), Some(to)) = (&udp, set_up.rtp) {
                    udp.punch(to)?;
                }
                let play = set_up.play(place).into_bytes();
                (Control::new(set_up.stream)?, play)
            }
            Source::Rtsps(url, certificate) => {
                let stream = control::secure(url, certificate)?;
                let set_up = SetUp::over(stream, url, "RTP/AVP/TCP;unicast;interleaved=0-1")?;
                let play = set_up.play(place).into_bytes();
                (Control::of_tls(set_up.stream)?, play)
            }
            Source::Bare(address) => {
                (Control::new(TcpStream::connect(address)?)?, port.to_be_bytes().to_vec())
            }
        };
        Ok(Self { control, scanner: Scanner::default(), udp, play, tally: Tally::new(frames_per_second) })
    }

    fn register(&mut self, registry: &Registry, n: usize) -> io::Result<()> {
        registry.register(self.control.socket(), Token(2 * n), Interest::READABLE)?;
        match &mut self.udp {
            Some(udp) => registry.register(&mut udp.socket, Token(2 * n + 1), Interest::READABLE),
            None => Ok(()),
        }
    }
}

impl Udp {
    /// Binds a pair of neighbouring ports, the first one even. Returns the pair and the first port.
    fn bind(gro: bool, stock: bool) -> Result<(Self, u16)> {
        let bind = |port| {
            let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
            socket.set_nonblocking(true)?;
            socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)).into())?;
            io::Result::Ok(socket)
        };
        for _ in 0..ATTEMPTS {
            let rtp = bind(0)?;
            let port = rtp.local_addr()?.as_socket().map_or(0, |address| address.port());
            if !port.is_multiple_of(2) {
                continue;
            }
            let Ok(rtcp) = bind(port + 1) else { continue };
            if !stock {
                rtp.set_recv_buffer_size(LARGE_BUFFER)?;
            }
            let socket = UdpSocket::from_std(rtp.into());
            let state = UdpSocketState::new((&socket).into())?;
            setsockopt(&socket, sockopt::UdpGroSegment, &gro)?;
            return Ok((Self { socket, state, rtcp }, port));
        }
        Err("no two neighbouring UDP ports are free".into())
    }

    /// Sends a packet each to the server's RTP and RTCP ports, as stock clients do: it opens the
    /// way through a NAT, and tells the server whose port is whose.
    fn punch(&self, rtp: SocketAddr) -> io::Result<()> {
        let mut rtcp = rtp;
        rtcp.set_port(rtp.port() + 1);
        self.socket.send_to(&EMPTY_RTP, rtp)?;
        self.rtcp.send_to(&EMPTY_REPORT, &rtcp.into())?;
        Ok(())
    }

    /// Reads by one system call, and calls `tell` with the header and the payload length of each RTP
    /// packet. Returns whether anything was read.
    fn read(&self, buffers: &mut Buffers, mut tell: impl FnMut(Repr, usize)) -> io::Result<bool> {
        let (count, len) = buffers.shape;
        let mut slices = [const { None }; PLAIN.0];
        for (slice, bytes) in slices.iter_mut().zip(buffers.bytes.chunks_mut(len).take(count)) {
            *slice = Some(IoSliceMut::new(bytes));
        }
        let mut slices = slices.map(|slice| slice.unwrap_or_else(|| IoSliceMut::new(&mut [])));
        let mut meta = [RecvMeta::default(); PLAIN.0];
        let received = self.state.recv((&self.socket).into(), &mut slices[..count], &mut meta[..count])?;
        for (bytes, meta) in slices.iter().zip(&meta[..received]) {
            for datagram in bytes[..meta.len].chunks(meta.stride.max(1)) {
                if let Some(header) = header(datagram) {
                    tell(header, datagram.len() - HEADER_LEN);
                }
            }
        }
        Ok(received > 0)
    }
}

/// The fixed header at the start of `bytes`. What would follow it, and need not be there, is left
/// out of account.
fn header(bytes: &[u8]) -> Option<Repr> {
    let mut fixed = *bytes.first_chunk::<HEADER_LEN>()?;
    fixed[0] &= 0xC0;
    Packet::new_checked(fixed).ok().map(|packet| Repr::parse(&packet))
}
