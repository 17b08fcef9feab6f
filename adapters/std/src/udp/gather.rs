//! Sends datagrams and batches that the kernel gathers from several places.
//!
//! `quinn-udp` takes a batch in one piece; the copy would cost as much as a quarter of the whole send. It
//! also gives segmentation offload up for a whole socket where the kernel refuses one batch, whose only
//! fault may be its destination.
use super::Sent;
use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{ControlMessage, MsgFlags, SockaddrStorage, sendmsg};
use std::io::IoSlice;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::sync::OnceLock;

/// Sends the concatenation of `pieces` as one datagram, or as packets of `segment` bytes.
pub(super) fn send(
    socket: &impl AsRawFd,
    destination: SocketAddr,
    source: Option<IpAddr>,
    pieces: &[IoSlice<'_>],
    segment: Option<u16>,
) -> Sent {
    let to = SockaddrStorage::from(destination);
    let info = |address: Ipv4Addr| libc::in_pktinfo {
        ipi_ifindex: 0,
        ipi_spec_dst: libc::in_addr { s_addr: u32::from_ne_bytes(address.octets()) },
        ipi_addr: libc::in_addr { s_addr: 0 },
    };
    // The interface of a link-local source is that of its destination.
    let info6 = |address: Ipv6Addr| libc::in6_pktinfo {
        ipi6_addr: libc::in6_addr { s6_addr: address.octets() },
        ipi6_ifindex: 0,
    };
    let (v4, v6) = match source {
        Some(IpAddr::V4(address)) => (Some(info(address)), None),
        Some(IpAddr::V6(address)) => (None, Some(info6(address))),
        None => (None, None),
    };
    let mut control = heapless::Vec::<ControlMessage<'_>, 2>::new();
    let messages = [
        segment.as_ref().map(ControlMessage::UdpGsoSegments),
        v4.as_ref().map(ControlMessage::Ipv4PacketInfo),
        v6.as_ref().map(ControlMessage::Ipv6PacketInfo),
    ];
    control.extend(messages.into_iter().flatten().take(2));
    match sendmsg(socket.as_raw_fd(), pieces, &control, MsgFlags::MSG_DONTWAIT, Some(&to)) {
        Ok(_) => Sent::Taken,
        Err(Errno::EAGAIN | Errno::EINTR) => Sent::Blocked,
        Err(Errno::EMSGSIZE) => Sent::TooBig,
        // The way to this destination cannot do it, such as one by IPsec or a driver without checksums;
        // or the destination itself is one that the kernel refuses.
        Err(Errno::EIO | Errno::EINVAL | Errno::EOPNOTSUPP) if segment.is_some() => Sent::Unsegmented,
        Err(error) => {
            tracing::debug!(%destination, %error, "datagrams not sent");
            Sent::Taken
        }
    }
}

/// Returns whether the kernel takes segmented batches, which it is asked only once. It is asked by a batch
/// to ourselves: what befalls the packets of a peer says nothing about the kernel.
pub(super) fn segments() -> bool {
    static SEGMENTS: OnceLock<bool> = OnceLock::new();
    *SEGMENTS.get_or_init(|| {
        let loopback: [IpAddr; 2] = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
        // Without a loopback interface, the socket option that was set tells enough.
        loopback.into_iter().find_map(probe).unwrap_or(true)
    })
}

/// Sends a batch of two packets from `address` to itself. Returns `None` if that cannot be tried.
fn probe(address: IpAddr) -> Option<bool> {
    let socket = UdpSocket::bind((address, 0)).ok()?;
    socket.set_nonblocking(true).ok()?;
    let to = socket.local_addr().ok()?;
    match send(&socket, to, Some(address), &[IoSlice::new(&[0; 2])], Some(1)) {
        Sent::Unsegmented => Some(false),
        // Some kernels take the batch, and send it as one packet.
        Sent::Taken => socket.recv(&mut [0; 2]).ok().map(|len| len == 1),
        Sent::Blocked | Sent::TooBig => None,
    }
}
