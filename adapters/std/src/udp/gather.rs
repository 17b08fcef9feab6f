//! Sends batches that the kernel gathers from several places. `quinn-udp` takes a batch in one piece;
//! the copy would cost as much as a quarter of the whole send.
use super::Sent;
use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{ControlMessage, MsgFlags, SockaddrStorage, sendmsg};
use std::io::IoSlice;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsRawFd;

/// Sends the concatenation of `pieces` as packets of `segment` bytes. Returns `None` if the kernel
/// refuses this way of sending; nothing was sent then.
pub(super) fn send(
    socket: &impl AsRawFd,
    destination: SocketAddr,
    source: IpAddr,
    pieces: &[IoSlice<'_>],
    segment: u16,
) -> Option<Sent> {
    let to = SockaddrStorage::from(destination);
    let segment = ControlMessage::UdpGsoSegments(&segment);
    let flags = MsgFlags::MSG_DONTWAIT;
    let sent = match source {
        IpAddr::V4(address) => {
            let ipi_spec_dst = libc::in_addr { s_addr: u32::from_ne_bytes(address.octets()) };
            let info =
                libc::in_pktinfo { ipi_ifindex: 0, ipi_spec_dst, ipi_addr: libc::in_addr { s_addr: 0 } };
            let control = [segment, ControlMessage::Ipv4PacketInfo(&info)];
            sendmsg(socket.as_raw_fd(), pieces, &control, flags, Some(&to))
        }
        IpAddr::V6(address) => {
            let ipi6_addr = libc::in6_addr { s6_addr: address.octets() };
            let info = libc::in6_pktinfo { ipi6_addr, ipi6_ifindex: 0 };
            let control = [segment, ControlMessage::Ipv6PacketInfo(&info)];
            sendmsg(socket.as_raw_fd(), pieces, &control, flags, Some(&to))
        }
    };
    match sent {
        Ok(_) => Some(Sent::Taken),
        Err(Errno::EAGAIN) => Some(Sent::Blocked),
        Err(Errno::EMSGSIZE) => Some(Sent::TooBig),
        Err(_) => None,
    }
}
