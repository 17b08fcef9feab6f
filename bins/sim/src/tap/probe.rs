//! Probes a network for the board's addresses before the board uses them.
use super::host::HostError;
use super::net::Net;
use crate::tun::Tap;
use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{
    ArpHardware, ArpOperation, ArpPacket, ArpRepr, EthernetAddress, EthernetFrame, EthernetProtocol,
    EthernetRepr, Icmpv6Packet, Icmpv6Repr, IpProtocol, Ipv6Address, Ipv6Packet, Ipv6Repr, NdiscRepr,
};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::thread;
use std::time::Duration;

/// Number of probes, as packets may be lost (RFC 5227, 2.1.1, and RFC 4862, 5.1, send one to three).
const TIMES: u32 = 2;
/// Time to wait for an answer to each probe.
const WAIT: Duration = Duration::from_millis(200);
const STEP: Duration = Duration::from_millis(10);
/// The hardware address that probes are sent from.
const PROBER: EthernetAddress = EthernetAddress([2, b'P', b'?', 0, 0, 1]);
/// Neighbour discovery ignores packets that a router has forwarded (RFC 4861, 7.1).
const HOP_LIMIT: u8 = 255;

/// Probes for the board's addresses. Another board on smoltcp does not answer probes.
///
/// # Errors
/// Returns the address that another host has, or the error of the TAP.
pub(super) fn ask(tap: &Tap, boards: &[Net]) -> Result<(), HostError> {
    let mut buffer = [0; 2048];
    for _ in 0..TIMES {
        for board in boards {
            // Fails if the TAP has no other end: no host is on it then.
            let _ = tap.send(&probe(board.address));
        }
        for _ in 0..WAIT.as_millis() / STEP.as_millis() {
            while let Some(len) = tap.receive(&mut buffer)? {
                let Some((address, hardware)) = owner(&buffer[..len]) else { continue };
                if let Some(board) = boards.iter().find(|board| board.address == address) {
                    return Err(HostError::Taken { board: *board, hardware: hardware.to_string() });
                }
            }
            thread::sleep(STEP);
        }
    }
    Ok(())
}

/// Returns a probe for an address (RFC 5227, 1.1; RFC 4862, 5.4.2).
fn probe(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(target) => {
            let arp = ArpRepr::EthernetIpv4 {
                operation: ArpOperation::Request,
                source_hardware_addr: PROBER,
                source_protocol_addr: Ipv4Addr::UNSPECIFIED,
                target_hardware_addr: EthernetAddress([0; 6]),
                target_protocol_addr: target,
            };
            frame(EthernetAddress::BROADCAST, EthernetProtocol::Arp, arp.buffer_len(), |payload| {
                arp.emit(&mut ArpPacket::new_unchecked(payload));
            })
        }
        IpAddr::V6(target) => {
            let [.., a, b, c] = target.octets();
            let group = Ipv6Address::from_octets([0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, a, b, c]);
            let ask = Icmpv6Repr::Ndisc(NdiscRepr::NeighborSolicit { target_addr: target, lladdr: None });
            let ip = Ipv6Repr {
                src_addr: Ipv6Addr::UNSPECIFIED,
                dst_addr: group,
                next_header: IpProtocol::Icmpv6,
                payload_len: ask.buffer_len(),
                hop_limit: HOP_LIMIT,
            };
            let to = EthernetAddress([0x33, 0x33, 0xff, a, b, c]);
            frame(to, EthernetProtocol::Ipv6, ip.buffer_len() + ask.buffer_len(), |payload| {
                let mut packet = Ipv6Packet::new_unchecked(payload);
                ip.emit(&mut packet);
                let mut message = Icmpv6Packet::new_unchecked(packet.payload_mut());
                ask.emit(&ip.src_addr, &ip.dst_addr, &mut message, &ChecksumCapabilities::default());
            })
        }
    }
}

/// Returns the address that a frame announces, and the hardware address of its owner.
fn owner(frame: &[u8]) -> Option<(IpAddr, EthernetAddress)> {
    let frame = EthernetFrame::new_checked(frame).ok()?;
    let from = frame.src_addr();
    match frame.ethertype() {
        EthernetProtocol::Arp => {
            let arp = ArpPacket::new_checked(frame.payload()).ok()?;
            let is_ipv4 = arp.hardware_type() == ArpHardware::Ethernet && arp.protocol_len() == 4;
            let octets: [u8; 4] = arp.source_protocol_addr().get(..4)?.try_into().ok()?;
            is_ipv4.then(|| (Ipv4Addr::from(octets).into(), from))
        }
        EthernetProtocol::Ipv6 => {
            let packet = Ipv6Packet::new_checked(frame.payload()).ok()?;
            let ip = Ipv6Repr::parse(&packet).ok()?;
            let message = Icmpv6Packet::new_checked(packet.payload()).ok()?;
            let (from_ip, to_ip) = (ip.src_addr, ip.dst_addr);
            match Icmpv6Repr::parse(&from_ip, &to_ip, &message, &ChecksumCapabilities::default()).ok()? {
                Icmpv6Repr::Ndisc(NdiscRepr::NeighborAdvert { target_addr, .. }) => {
                    Some((target_addr.into(), from))
                }
                _ => None,
            }
        }
        _ => None,
    }
}

fn frame(
    to: EthernetAddress,
    ethertype: EthernetProtocol,
    len: usize,
    write: impl FnOnce(&mut [u8]),
) -> Vec<u8> {
    let header = EthernetRepr { src_addr: PROBER, dst_addr: to, ethertype };
    let mut bytes = vec![0; header.buffer_len() + len];
    let mut frame = EthernetFrame::new_unchecked(&mut bytes[..]);
    header.emit(&mut frame);
    write(frame.payload_mut());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use smoltcp::wire::NdiscNeighborFlags;

    const HOST: EthernetAddress = EthernetAddress([2, 0, 0, 0, 0, 9]);

    /// Returns a frame that the host sends.
    fn of_host(ethertype: EthernetProtocol, len: usize, write: impl FnOnce(&mut [u8])) -> Vec<u8> {
        let mut frame = frame(PROBER, ethertype, len, write);
        EthernetFrame::new_unchecked(&mut frame[..]).set_src_addr(HOST);
        frame
    }

    #[test]
    fn arp_replies_name_an_owner() {
        let asked = probe("10.0.0.2".parse().unwrap());
        let asked = EthernetFrame::new_checked(&asked).unwrap();
        assert!(asked.dst_addr().is_broadcast());
        let asked = ArpRepr::parse(&ArpPacket::new_checked(asked.payload()).unwrap()).unwrap();
        let ArpRepr::EthernetIpv4 { source_hardware_addr, target_protocol_addr, .. } = asked else {
            panic!("{asked:?}");
        };
        let reply = ArpRepr::EthernetIpv4 {
            operation: ArpOperation::Reply,
            source_hardware_addr: HOST,
            source_protocol_addr: target_protocol_addr,
            target_hardware_addr: source_hardware_addr,
            target_protocol_addr: Ipv4Addr::UNSPECIFIED,
        };
        let reply = of_host(EthernetProtocol::Arp, reply.buffer_len(), |payload| {
            reply.emit(&mut ArpPacket::new_unchecked(payload));
        });
        assert_eq!(owner(&reply), Some(("10.0.0.2".parse().unwrap(), HOST)));
    }

    #[test]
    fn neighbour_advertisements_name_an_owner() {
        let address: Ipv6Addr = "fd00::2".parse().unwrap();
        let asked = probe(address.into());
        let asked = EthernetFrame::new_checked(&asked).unwrap();
        let packet = Ipv6Packet::new_checked(asked.payload()).unwrap();
        let ip = Ipv6Repr::parse(&packet).unwrap();
        assert_eq!((ip.dst_addr, ip.hop_limit), ("ff02::1:ff00:2".parse().unwrap(), 255));
        let message = Icmpv6Packet::new_checked(packet.payload()).unwrap();
        let message =
            Icmpv6Repr::parse(&ip.src_addr, &ip.dst_addr, &message, &ChecksumCapabilities::default());
        let Ok(Icmpv6Repr::Ndisc(NdiscRepr::NeighborSolicit { target_addr, .. })) = message else {
            panic!("{message:?}");
        };
        let flags = NdiscNeighborFlags::OVERRIDE;
        let reply = Icmpv6Repr::Ndisc(NdiscRepr::NeighborAdvert { flags, target_addr, lladdr: None });
        let all_nodes = "ff02::1".parse().unwrap();
        let ip = Ipv6Repr { src_addr: address, dst_addr: all_nodes, payload_len: reply.buffer_len(), ..ip };
        let reply = of_host(EthernetProtocol::Ipv6, ip.buffer_len() + reply.buffer_len(), |payload| {
            let mut packet = Ipv6Packet::new_unchecked(payload);
            ip.emit(&mut packet);
            let mut message = Icmpv6Packet::new_unchecked(packet.payload_mut());
            reply.emit(&ip.src_addr, &ip.dst_addr, &mut message, &ChecksumCapabilities::default());
        });
        assert_eq!(owner(&reply), Some((address.into(), HOST)));
    }

    #[test]
    fn other_frames_name_no_owner() {
        for address in ["10.0.0.2", "fd00::2"] {
            let question = probe(address.parse().unwrap());
            for len in 0..question.len() {
                assert_eq!(owner(&question[..len]), None, "{address} {len}");
                assert_eq!(owner(&vec![0; len]), None);
            }
        }
    }
}
