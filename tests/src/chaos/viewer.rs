//! The steady viewers: they take every packet at once, and do nothing that a good client would not.
use super::frames::{Frames, Tally};
use super::ground::{Ground, Stream};
use super::rtcp::receiver_report;
use crate::Transport;
use crate::dialogue::{Dialogue, UdpPair};
use crate::rtp::Rtp;
use nix::sys::socket::{setsockopt, sockopt::RcvBufForce};
use socket2::SockRef;
use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How long a viewer waits for the next packet. It gives up then.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often a viewer reports on what it receives (RFC 3550, 6.2).
const REPORTS: Duration = Duration::from_secs(5);
/// The receive buffer of a UDP viewer: a second of the clip, for the time for which its thread may have to wait.
const BUFFER: usize = 4 << 20;
/// The SSRC of all viewers as receivers.
pub(super) const RECEIVER: u32 = 0x1234_5678;

/// What one steady viewer watches.
#[derive(Clone, Debug)]
pub(super) struct Viewer<'a> {
    pub(super) url: String,
    pub(super) transport: Transport,
    /// The hashes of the frames of the clip; empty if they are not known.
    pub(super) cycle: &'a [u64],
}

/// What one steady viewer has seen.
#[derive(Clone, Debug)]
pub(super) struct Watched {
    pub(super) viewer: String,
    pub(super) tally: Tally,
    /// Whether the stream went on until the viewer was told to stop.
    pub(super) lasted: bool,
    /// How many datagrams the viewer's own system has dropped, because the viewer had no time to read them.
    pub(super) dropped: u64,
}

/// Where the packets of a viewer come from.
enum Source {
    Datagrams { pair: UdpPair, rtcp_port: u16 },
    Connection,
}

impl Viewer<'_> {
    /// Watches until `over` is set, and tells `ground` of the stream.
    ///
    /// # Panics
    /// Panics if the server refuses to play.
    pub(super) fn watch(&self, ground: &Ground, over: &AtomicBool) -> Watched {
        let mut dialogue = Dialogue::connect(ground.server);
        let (source, ports) = self.set_up(&mut dialogue, ground);
        dialogue.request("PLAY", &self.url, &[]).ok();
        let (mut frames, mut buffer) = (Frames::new(self.cycle), vec![0; 65_536]);
        let (mut reported, mut lasted) = (Instant::now(), true);
        while !over.load(Ordering::Relaxed) {
            let packet = match &source {
                Source::Datagrams { pair, .. } => {
                    pair.rtp.recv(&mut buffer).ok().map(|len| Rtp::parse(&buffer[..len]))
                }
                Source::Connection => match dialogue.interleaved(PATIENCE) {
                    Some((0, packet)) => Some(Rtp::parse(&packet)),
                    Some(_) => continue,
                    None => None,
                },
            };
            let (now, first) = (Instant::now(), frames.newest().is_none());
            let Some(packet) = packet else {
                lasted = false;
                break;
            };
            frames.take(now, &packet);
            if first {
                ground.tell(Stream { ssrc: packet.ssrc, ports });
            }
            if now - reported > REPORTS {
                reported = now;
                let (ssrc, highest) = frames.newest().expect("a packet has come");
                source.report(&mut dialogue, &receiver_report(RECEIVER, ssrc, (0, 0), highest), ground);
            }
        }
        let dropped = match &source {
            Source::Datagrams { pair, .. } => dropped(&pair.rtp),
            Source::Connection => 0,
        };
        let mount = self.url.rsplit('/').next().unwrap_or_default();
        Watched { viewer: format!("{mount} {}", self.transport), tally: frames.tally(), lasted, dropped }
    }

    /// Returns where packets will come from, and the client's and the server's port for them.
    fn set_up(&self, dialogue: &mut Dialogue, ground: &Ground) -> (Source, Option<(u16, u16)>) {
        if self.transport == Transport::Tcp {
            dialogue.set_up_tcp(&self.url);
            return (Source::Connection, None);
        }
        let pair = UdpPair::bind();
        // Only the administrator may have more than the system's limit.
        if setsockopt(&pair.rtp, RcvBufForce, &BUFFER).is_err() {
            SockRef::from(&pair.rtp).set_recv_buffer_size(BUFFER).expect("a UDP socket");
        }
        pair.rtp.set_read_timeout(Some(PATIENCE)).expect("a UDP socket");
        let reply = dialogue.set_up(&self.url, &pair.transport());
        let port = server_port(reply.header("Transport").unwrap_or_default()).expect("the server's port");
        let rtp = (ground.server.ip(), port);
        // Nobody else can send to the viewer: the attack is on the server.
        pair.rtp.connect(rtp).expect("a UDP socket");
        pair.rtp.send(&[0x80, 0, 0, 0]).expect("a UDP socket");
        let own = pair.rtp.local_addr().expect("a bound socket").port();
        (Source::Datagrams { pair, rtcp_port: port + 1 }, Some((own, port)))
    }
}

impl Source {
    fn report(&self, dialogue: &mut Dialogue, report: &[u8], ground: &Ground) {
        match self {
            Self::Datagrams { pair, rtcp_port } => {
                // As any datagram, a report may be lost.
                let _ = pair.rtcp.send_to(report, (ground.server.ip(), *rtcp_port));
            }
            Self::Connection => {
                let [high, low] = (report.len() as u16).to_be_bytes();
                dialogue.send(&[&[b'$', 1, high, low][..], report].concat());
            }
        }
    }
}

/// Returns the server's port for RTP from the value of a Transport header (RFC 2326, 12.39).
pub(super) fn server_port(transport: &str) -> Option<u16> {
    let (_, ports) = transport.split_once("server_port=")?;
    ports.split(['-', ';']).next()?.parse().ok()
}

/// Returns how many datagrams were dropped because the socket's buffer was full.
fn dropped(socket: &UdpSocket) -> u64 {
    let port = socket.local_addr().expect("a bound socket").port();
    let local = format!("0100007F:{port:04X}");
    let table = std::fs::read_to_string("/proc/net/udp").unwrap_or_default();
    let mut rows = table.lines().map(|row| row.split_whitespace().collect::<Vec<_>>());
    let row = rows.find(|row| row.get(1) == Some(&&*local));
    row.and_then(|row| row.last()?.parse().ok()).unwrap_or(0)
}

/// Plays a clip of `frames` frames over TCP for as long as it takes, and returns the hashes of its frames.
///
/// # Panics
/// Panics if the stream does not come, or is not whole.
pub(super) fn learn(ground: &Ground, url: &str, frames: usize) -> Vec<u64> {
    let mut dialogue = Dialogue::connect(ground.server);
    dialogue.set_up_tcp(url);
    dialogue.request("PLAY", url, &[]).ok();
    let (mut hashes, mut checked) = (Vec::new(), Frames::new(&[]));
    while hashes.len() < frames {
        let (channel, packet) = dialogue.interleaved(PATIENCE).expect("the stream goes on");
        if channel == 0 {
            hashes.extend(checked.take(Instant::now(), &Rtp::parse(&packet)));
        }
    }
    assert_eq!(checked.tally().complete, frames as u64, "{url} is no reference");
    hashes
}
