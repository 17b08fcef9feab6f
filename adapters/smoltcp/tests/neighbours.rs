//! Strangers who ask for the server's address under many addresses do not make it forget its viewers.
mod common;

use common::{NO_FAULTS, sample};
use pinhole::client::{Config, TransportChoice};
use pinhole_sim::wire::Medium;
use pinhole_sim::world::{Family, Media, SMALL, Sim, udp};
use pinhole_smoltcp::memory::ServerResources;
use pinhole_smoltcp::neighbours::Neighbours;
use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{
    ArpOperation, ArpPacket, ArpRepr, EthernetAddress, EthernetFrame, EthernetProtocol, EthernetRepr,
    Icmpv6Packet, Icmpv6Repr, IpProtocol, Ipv4Address, Ipv6Address, Ipv6Packet, Ipv6Repr, NdiscRepr,
};

/// How many strangers ask in a second.
const RATE: u32 = 200;
const SECONDS: u32 = 30;
const SERVER: EthernetAddress = EthernetAddress([2, 0, 0, 0, 0, 1]);

fn from_stranger(n: u32, ethertype: EthernetProtocol, len: usize, emit: impl FnOnce(&mut [u8])) -> Vec<u8> {
    let mut frame = vec![0; 14 + len];
    let [.., b, c] = n.to_be_bytes();
    let source = EthernetAddress([2, 1, 0, 0, b, c]);
    let mut ethernet = EthernetFrame::new_unchecked(&mut frame[..]);
    EthernetRepr { src_addr: source, dst_addr: SERVER, ethertype }.emit(&mut ethernet);
    emit(ethernet.payload_mut());
    frame
}

/// Who has the server's address? asks stranger `n`.
fn question(family: Family, n: u32) -> Vec<u8> {
    let [.., b, c] = n.to_be_bytes();
    let hardware = EthernetAddress([2, 1, 0, 0, b, c]);
    if family == Family::V4 {
        let arp = ArpRepr::EthernetIpv4 {
            operation: ArpOperation::Request,
            source_hardware_addr: hardware,
            source_protocol_addr: Ipv4Address::new(10, 0, 0, 20 + (n % 200) as u8),
            target_hardware_addr: EthernetAddress([0; 6]),
            target_protocol_addr: Ipv4Address::new(10, 0, 0, 1),
        };
        return from_stranger(n, EthernetProtocol::Arp, arp.buffer_len(), |payload| {
            arp.emit(&mut ArpPacket::new_unchecked(payload));
        });
    }
    let address = |last| Ipv6Address::new(0xfd00, 0, 0, 0, 0, 0, 0, last);
    let ask = Icmpv6Repr::Ndisc(NdiscRepr::NeighborSolicit {
        target_addr: address(1),
        lladdr: Some(hardware.into()),
    });
    let ip = Ipv6Repr {
        src_addr: address(0x1000 + n as u16),
        dst_addr: Ipv6Address::new(0xff02, 0, 0, 0, 0, 1, 0xff00, 1),
        next_header: IpProtocol::Icmpv6,
        payload_len: ask.buffer_len(),
        hop_limit: 255,
    };
    from_stranger(n, EthernetProtocol::Ipv6, ip.buffer_len() + ask.buffer_len(), |payload| {
        let mut packet = Ipv6Packet::new_unchecked(payload);
        ip.emit(&mut packet);
        let mut message = Icmpv6Packet::new_unchecked(packet.payload_mut());
        ask.emit(&ip.src_addr, &ip.dst_addr, &mut message, &ChecksumCapabilities::default());
    })
}

/// Has two viewers watch by UDP while strangers ask. Returns how many frames each has missed or never had,
/// and how many strangers' questions arrived.
fn watched(family: Family, keeps: bool) -> [u64; 2] {
    // Room for what waits for a neighbour's address, so that nothing is lost for want of it.
    let resources = ServerResources { udp: udp(60), ..SMALL };
    let mut sim = Sim::new(Medium::Ethernet, family, NO_FAULTS, resources, Media::Live(sample(30)));
    sim.served.host.neighbours = keeps.then(Neighbours::new);
    for _ in 0..2 {
        let mut config = Config::DEFAULT;
        config.transport = TransportChoice::Udp;
        sim.watch(config);
    }
    assert!(sim.run(5, |sim| sim.watchers.iter().all(|watcher| watcher.told("Playing"))));
    sim.pass(1000);
    let frames =
        |sim: &Sim| [0, 1].map(|n| sim.watchers[n].client.conn().statistics(0).unwrap().frames_complete);
    let before = frames(&sim);
    for n in 0..RATE * SECONDS {
        let now = pinhole_smoltcp::time::from_smoltcp(sim.at);
        sim.network.borrow_mut().inject(now, &question(family, n));
        sim.pass(u64::from(1000 / RATE));
    }
    let after = frames(&sim);
    [0, 1].map(|n| u64::from(SECONDS * 30).saturating_sub(after[n] - before[n]))
}

#[test]
fn strangers_cost_no_viewer_a_frame() {
    for family in [Family::V4, Family::V6] {
        // A frame may be on its way.
        assert!(watched(family, true).iter().all(|missing| *missing <= 1), "{family:?}");
    }
}

/// Without what keeps neighbours, smoltcp forgets them: this is what the other test would not see otherwise.
#[test]
fn smoltcp_alone_forgets_its_viewers() {
    for family in [Family::V4, Family::V6] {
        let missing = watched(family, false);
        assert!(missing.iter().any(|missing| *missing > 30), "{family:?}: {missing:?}");
    }
}
