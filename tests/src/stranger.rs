//! Sends packets in the name of hosts that do not exist, on an Ethernet interface. Nobody answers packets
//! that are sent to such hosts.
use nix::ifaddrs::getifaddrs;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, bind, socket};
use nix::unistd::write;
use smoltcp::wire::{
    ArpOperation, ArpPacket, ArpRepr, EthernetAddress, EthernetFrame, EthernetProtocol, IpProtocol,
    Ipv4Packet, Ipv4Repr, TcpControl, TcpPacket, TcpRepr, TcpSeqNumber,
};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::{AsRawFd as _, OwnedFd};

/// Sends packets to a server in the name of hosts that do not exist, over an Ethernet interface. A test uses
/// this to flood the server with connections that are begun and never completed.
#[derive(Debug)]
pub struct Strangers {
    interface: OwnedFd,
    server: SocketAddrV4,
    server_mac: EthernetAddress,
}

impl Strangers {
    /// Opens the Ethernet interface with the name `interface`, which must lead to the server. `server` is the
    /// IPv4 address and the TCP port of the server, and `server_mac` is the Ethernet address of the server.
    ///
    /// # Panics
    /// Panics if there is no such interface, or if raw packets are not allowed. To be allowed, run the test
    /// as root or within [`crate::network::in_own_network`].
    pub fn on(interface: &str, server: SocketAddrV4, server_mac: [u8; 6]) -> Self {
        let mut addresses = getifaddrs().expect("interfaces are told");
        let address = addresses.find_map(|found| {
            let address = found.address.filter(|_| found.interface_name == interface)?;
            address.as_link_addr().copied()
        });
        let address = address.unwrap_or_else(|| panic!("there is no {interface}"));
        // Of no protocol: it sends, and is given nothing that comes.
        let socket = socket(AddressFamily::Packet, SockType::Raw, SockFlag::SOCK_CLOEXEC, None);
        let socket = socket.expect("frames may be sent");
        bind(socket.as_raw_fd(), &address).expect("an Ethernet interface");
        Self { interface: socket, server, server_mac: EthernetAddress(server_mac) }
    }

    /// Sends an ARP request for the server in the name of the host `host`, so that the server learns an
    /// Ethernet address for that host. If this was not called, the server asks for the Ethernet address, and
    /// finds out that there is no such host. If the queue of the interface is full, nothing is sent.
    pub fn introduce(&self, host: Ipv4Addr) {
        let arp = ArpRepr::EthernetIpv4 {
            operation: ArpOperation::Request,
            source_hardware_addr: mac(host),
            source_protocol_addr: host,
            target_hardware_addr: EthernetAddress([0; 6]),
            target_protocol_addr: *self.server.ip(),
        };
        let mut packet = vec![0; arp.buffer_len()];
        arp.emit(&mut ArpPacket::new_unchecked(&mut packet));
        self.send(host, EthernetAddress::BROADCAST, EthernetProtocol::Arp, &packet);
    }

    /// Sends the server a TCP SYN in the name of a host that does not exist, and nothing more, so that the
    /// connection stays half open. `from` is the address and the port of that host. If the queue of the
    /// interface is full, nothing is sent.
    pub fn half_open(&self, from: SocketAddrV4) {
        self.send(*from.ip(), self.server_mac, EthernetProtocol::Ipv4, &syn(from, self.server));
    }

    fn send(&self, host: Ipv4Addr, to: EthernetAddress, protocol: EthernetProtocol, packet: &[u8]) {
        let mut bytes = vec![0; EthernetFrame::<&[u8]>::buffer_len(packet.len())];
        let mut frame = EthernetFrame::new_unchecked(&mut bytes);
        frame.set_src_addr(mac(host));
        frame.set_dst_addr(to);
        frame.set_ethertype(protocol);
        frame.payload_mut().copy_from_slice(packet);
        // The interface's queue may be full.
        let _ = write(&self.interface, &bytes);
    }
}

/// Returns the Ethernet address of a host: a locally administered one, different for each IP address.
fn mac(host: Ipv4Addr) -> EthernetAddress {
    let [a, b, c, d] = host.octets();
    EthernetAddress([0x02, 0, a, b, c, d])
}

/// Returns an IPv4 packet with a TCP SYN, which asks for a connection from `from` to `to`, with right
/// checksums and no data. The result has no Ethernet header. The TCP sequence number is the port of `from`.
pub fn syn(from: SocketAddrV4, to: SocketAddrV4) -> Vec<u8> {
    let tcp = TcpRepr {
        src_port: from.port(),
        dst_port: to.port(),
        control: TcpControl::Syn,
        seq_number: TcpSeqNumber(i32::from(from.port())),
        ack_number: None,
        window_len: 1000,
        window_scale: None,
        max_seg_size: None,
        sack_permitted: false,
        sack_ranges: [None; 3],
        timestamp: None,
        payload: &[],
    };
    let ip = Ipv4Repr {
        src_addr: *from.ip(),
        dst_addr: *to.ip(),
        next_header: IpProtocol::Tcp,
        payload_len: tcp.buffer_len(),
        hop_limit: 64,
    };
    let mut packet = vec![0; ip.buffer_len() + tcp.buffer_len()];
    let checksums = Default::default();
    ip.emit(&mut Ipv4Packet::new_unchecked(&mut packet), &checksums);
    let segment = &mut packet[ip.buffer_len()..];
    tcp.emit(&mut TcpPacket::new_unchecked(segment), &(*from.ip()).into(), &(*to.ip()).into(), &checksums);
    packet
}
