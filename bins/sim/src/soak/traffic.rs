//! The packets that passed the hosts' ports, against which the reports of both ends are checked.
//!
//! RTCP is parsed here by hand: the core's own parsing is what is tested.
use super::address::{SERVER, host};
use super::flow::Flow;
use super::trace::Capture;
use crate::network::Observer;
use crate::wire::Medium;
use pinhole::time::Instant;
use smoltcp::wire::{EthernetFrame, EthernetProtocol, IpAddress, IpProtocol};
use smoltcp::wire::{Ipv4Packet, Ipv6Packet, UdpPacket};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

const RECEIVER_REPORT: u8 = 201;
const SENDER_REPORT: u8 = 200;

/// The RTP packets of all sessions.
#[derive(Debug)]
pub(super) struct Traffic {
    /// By the client's index and its port for RTP.
    pub(super) flows: BTreeMap<(usize, u16), Flow>,
    /// The server's reports can be checked exactly: no packet waits for a neighbour, and corruption is
    /// detected.
    pub(super) exact: bool,
    /// Packets that the server's sockets hold.
    pub(super) waiting: usize,
    /// The first wrong report: the client's index, and a message.
    pub(super) wrong: Option<(usize, String)>,
}

impl Traffic {
    pub(super) const fn new(exact: bool, waiting: usize) -> Self {
        Self { flows: BTreeMap::new(), exact, waiting, wrong: None }
    }

    fn record(&mut self, client: usize, result: Result<(), String>) {
        if let (Err(what), None) = (result, &self.wrong) {
            self.wrong = Some((client, what));
        }
    }

    /// A datagram left the server or a client.
    fn on_sent(&mut self, at: Instant, datagram: &Datagram<'_>) {
        let Datagram { from, to, payload } = *datagram;
        let exact = self.exact;
        if from.0 == SERVER {
            let client = to.0;
            if to.1.is_multiple_of(2) {
                let flow = self.flows.entry((client, to.1)).or_default();
                let result = flow.on_sent(at, payload);
                return self.record(client, result);
            }
            let Some(flow) = self.flows.get(&(client, to.1 - 1)).filter(|_| exact) else { return };
            if let [_, SENDER_REPORT, rest @ ..] = payload
                && let Some(packets) = rest.get(18..).and_then(|packets| packets.first_chunk())
            {
                let result = flow.on_sender_report(u32::from_be_bytes(*packets), self.waiting);
                self.record(client, result);
            }
            return;
        }
        let Some(flow) = self.flows.get_mut(&(from.0, from.1.wrapping_sub(1))) else { return };
        if let [0x81, RECEIVER_REPORT, rest @ ..] = payload
            && let Some(block) = rest.get(6..).and_then(|block| block.first_chunk())
        {
            let result = flow.on_receiver_report(block, !exact);
            self.record(from.0, result);
        }
    }

    fn on_received(&mut self, host: usize, datagram: &Datagram<'_>) {
        let Datagram { from, to, payload } = *datagram;
        if from.0 == SERVER && to.0 == host && to.1.is_multiple_of(2) {
            self.flows.entry(to).or_default().on_arrived(payload);
        }
    }
}

/// A UDP datagram with valid checksums: host and port of its source and its destination.
struct Datagram<'a> {
    from: (usize, u16),
    to: (usize, u16),
    payload: &'a [u8],
}

impl<'a> Datagram<'a> {
    fn of(medium: Medium, frame: &'a [u8]) -> Option<Self> {
        let packet = match medium {
            Medium::Ip => frame,
            Medium::Ethernet => {
                let frame = EthernetFrame::new_checked(frame).ok()?;
                matches!(frame.ethertype(), EthernetProtocol::Ipv4 | EthernetProtocol::Ipv6)
                    .then(|| frame.payload())?
            }
        };
        let (from, to, payload): (IpAddress, IpAddress, _) = match packet.first()? >> 4 {
            4 => {
                let packet = Ipv4Packet::new_checked(packet).ok()?;
                let udp = packet.next_header() == IpProtocol::Udp && packet.verify_checksum();
                udp.then(|| (packet.src_addr().into(), packet.dst_addr().into(), packet.payload()))?
            }
            6 => {
                let packet = Ipv6Packet::new_checked(packet).ok()?;
                let udp = packet.next_header() == IpProtocol::Udp;
                udp.then(|| (packet.src_addr().into(), packet.dst_addr().into(), packet.payload()))?
            }
            _ => return None,
        };
        let udp = UdpPacket::new_checked(payload).ok()?;
        let whole = udp.verify_checksum(&from, &to);
        whole.then(|| Self {
            from: (host(from), udp.src_port()),
            to: (host(to), udp.dst_port()),
            payload: udp.payload(),
        })
    }
}

/// Observes the port of one host.
#[derive(Debug)]
pub(super) struct PortObserver {
    pub(super) medium: Medium,
    pub(super) host: usize,
    pub(super) traffic: Rc<RefCell<Traffic>>,
    pub(super) capture: Option<Capture>,
}

impl Observer for PortObserver {
    fn on_sent(&mut self, at: Instant, frame: &[u8]) {
        if let Some(capture) = &mut self.capture {
            capture.on_packet(at, frame);
        }
        if let Some(datagram) = Datagram::of(self.medium, frame) {
            self.traffic.borrow_mut().on_sent(at, &datagram);
        }
    }

    fn on_received(&mut self, at: Instant, frame: &[u8]) {
        if let Some(capture) = &mut self.capture {
            capture.on_packet(at, frame);
        }
        if self.host != SERVER
            && let Some(datagram) = Datagram::of(self.medium, frame)
        {
            self.traffic.borrow_mut().on_received(self.host, &datagram);
        }
    }
}
