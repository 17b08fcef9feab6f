//! The system calls by which bare senders send.
use super::Kind;
use crate::Result;
use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrIn, sendmmsg};
use quinn_udp::{Transmit, UdpSocketState};
use std::io::{ErrorKind, IoSlice, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::ops::Range;
use std::os::fd::AsRawFd as _;
use std::rc::Rc;

/// The largest datagram's payload, which is what one segmented send may take.
const MAX_BATCH: usize = 65_507;
/// `$` framing, RTP header, JPEG header: what a server writes anew for each session.
const HEADERS: usize = 4 + 12 + 8;
/// What one `writev` may take (IOV_MAX).
const MAX_SLICES: usize = 1024;
/// As a server has it.
const SEND_BUFFER: usize = 4 << 20;

/// The UDP socket that all sessions of a bare sender share.
#[derive(Debug)]
pub(super) struct Shared {
    socket: UdpSocket,
    state: UdpSocketState,
}

/// Opens the nonblocking UDP socket that all sessions share.
///
/// # Errors
/// Returns an error if the system refuses the socket, or if `kind` is [`Kind::Gso`] and the kernel
/// cannot segment UDP.
pub(super) fn udp_socket(kind: Kind) -> Result<Rc<Shared>> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    socket.set_nonblocking(true)?;
    socket2::SockRef::from(&socket).set_send_buffer_size(SEND_BUFFER)?;
    let state = UdpSocketState::new((&socket).into())?;
    if kind == Kind::Gso && state.max_gso_segments() == 1 {
        return Err("this kernel does no UDP segmentation".into());
    }
    Ok(Rc::new(Shared { socket, state }))
}

/// Where the packets of one session go, and by which system call.
#[derive(Debug)]
pub(super) enum Outlet {
    Gso { shared: Rc<Shared>, to: SocketAddr },
    Mmsg { shared: Rc<Shared>, to: SockaddrIn },
    Writev { stream: TcpStream },
}

impl Outlet {
    /// Makes the outlet of one session. UDP goes over `shared` to the address `to`, and interleaved
    /// packets go over `stream`.
    ///
    /// # Errors
    /// Returns an error if `to` is no IPv4 address for [`Kind::Mmsg`], or if options of `stream` cannot
    /// be set.
    pub(super) fn new(kind: Kind, shared: &Rc<Shared>, stream: TcpStream, to: SocketAddr) -> Result<Self> {
        let shared = Rc::clone(shared);
        Ok(match (kind, to) {
            (Kind::Gso, _) => Self::Gso { shared, to },
            (Kind::Mmsg, SocketAddr::V4(to)) => Self::Mmsg { shared, to: to.into() },
            (Kind::Mmsg, SocketAddr::V6(_)) => return Err("receivers are on IPv4".into()),
            (Kind::Writev, _) => {
                stream.set_nonblocking(true)?;
                stream.set_nodelay(true)?;
                Self::Writev { stream }
            }
        })
    }

    /// Sends the packets of `bytes` that `packets` says, without the first `skip` bytes of them, which
    /// an earlier call has sent. Returns how many bytes were taken: if they are fewer than the rest,
    /// call this again later with so many more skipped. A datagram that is refused is lost, and counts
    /// as taken.
    ///
    /// # Errors
    /// Returns an error if the connection fails.
    pub(super) fn send(&self, bytes: &[u8], packets: &[Range<usize>], skip: usize) -> Result<usize> {
        let all = packets.iter().map(ExactSizeIterator::len).sum::<usize>();
        match self {
            Self::Gso { shared, to } => {
                send_segmented(shared, *to, bytes, packets);
                Ok(all)
            }
            Self::Mmsg { shared, to } => {
                let slices: Vec<_> =
                    packets.iter().map(|range| [IoSlice::new(&bytes[range.clone()])]).collect();
                let to = vec![Some(*to); packets.len()];
                let mut headers = MultiHeaders::preallocate(packets.len(), None);
                // A full buffer is the only error there is on loopback.
                let _ =
                    sendmmsg(shared.socket.as_raw_fd(), &mut headers, &slices, &to, [], MsgFlags::empty());
                Ok(all)
            }
            Self::Writev { stream } => write_slices(stream, bytes, packets, skip),
        }
    }
}

/// In batches of packets that are equal in length but the last, which may be shorter.
fn send_segmented(shared: &Shared, destination: SocketAddr, bytes: &[u8], packets: &[Range<usize>]) {
    let mut rest = packets;
    while let Some(first) = rest.first() {
        let segment = first.len();
        let most = shared.state.max_gso_segments().min(MAX_BATCH / segment).max(1);
        let equal = rest.iter().take(most).take_while(|packet| packet.len() == segment).count();
        let shorter = rest.get(equal).is_some_and(|packet| equal < most && packet.len() < segment);
        let (batch, after) = rest.split_at(equal + usize::from(shorter));
        let contents = &bytes[first.start..batch.last().map_or(first.end, |last| last.end)];
        let segment_size = (batch.len() > 1).then_some(segment);
        let transmit = Transmit { destination, ecn: None, contents, segment_size, src_ip: None };
        // As above.
        let _ = shared.state.try_send((&shared.socket).into(), &transmit);
        rest = after;
    }
}

fn write_slices(
    mut stream: &TcpStream,
    bytes: &[u8],
    packets: &[Range<usize>],
    skip: usize,
) -> Result<usize> {
    let mut slices = Vec::with_capacity(2 * packets.len());
    for packet in packets {
        let (header, payload) = bytes[packet.clone()].split_at(HEADERS.min(packet.len()));
        slices.extend([IoSlice::new(header), IoSlice::new(payload)]);
    }
    let mut slices = &mut slices[..];
    IoSlice::advance_slices(&mut slices, skip);
    match stream.write_vectored(&slices[..slices.len().min(MAX_SLICES)]) {
        Ok(written) => Ok(written),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(0),
        Err(error) => Err(error.into()),
    }
}
