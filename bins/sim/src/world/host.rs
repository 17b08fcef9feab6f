//! A host of the simulated network.
use crate::faults::Faults;
use crate::network::{Network, Port};
use crate::wire::Medium;
use pinhole_smoltcp::UdpPair;
use pinhole_smoltcp::neighbours::Neighbours;
use pinhole_smoltcp::time::{from_smoltcp, to_smoltcp};
use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::socket::{Socket, tcp, udp};
use smoltcp::time::Instant;
use smoltcp::wire::{EthernetAddress, HardwareAddress, IpAddress, IpCidr};
use std::cell::RefCell;
use std::rc::Rc;

/// The version of IP that all hosts of a network use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// IPv4. The hosts have addresses in 10.0.0.0/24.
    V4,
    /// IPv6. The hosts have addresses in fd00::/64.
    V6,
}

/// How many neighbours that are in use a [`Host`] can keep.
pub const KEPT: usize = 6;

/// A host of a simulated network: a smoltcp interface, and sockets that own their buffers.
/// [`Sim::host`](super::Sim::host) creates one.
pub struct Host {
    iface: Interface,
    /// The host's end of its link to the network, with the link's faults.
    pub port: Port,
    /// What keeps the host's neighbours that are in use; `None` at first, for smoltcp alone.
    pub neighbours: Option<Neighbours<KEPT>>,
    /// The host's sockets. Add one with [`Self::tcp`] or [`Self::udp_pair`].
    pub sockets: SocketSet<'static>,
    /// The host's IP address. The last part of the address is the host's number. The server's number is 1;
    /// the other hosts have the next numbers.
    pub address: IpAddress,
}

impl Host {
    pub(super) fn new(
        network: &Rc<RefCell<Network>>,
        medium: Medium,
        family: Family,
        faults: Faults,
        number: u8,
    ) -> Self {
        Self::boot(Network::plug_in(network, faults), medium, family, number, Instant::ZERO, number.into())
    }

    /// Creates a host that is switched on when its clock shows `at`.
    pub(crate) fn boot(
        mut port: Port,
        medium: Medium,
        family: Family,
        number: u8,
        at: Instant,
        seed: u64,
    ) -> Self {
        let (iface, address) = interface(&mut port, medium, family, number, at, seed);
        Self { iface, port, neighbours: None, sockets: SocketSet::new(vec![]), address }
    }

    /// Switches the host off and on again. Its sockets are gone without a word to their peers.
    pub(crate) fn reboot(&mut self, medium: Medium, family: Family, number: u8, at: Instant, seed: u64) {
        let (iface, address) = interface(&mut self.port, medium, family, number, at, seed);
        (self.iface, self.address, self.sockets) = (iface, address, SocketSet::new(vec![]));
    }

    /// Adds a TCP socket with buffers of `receive` and `transmit` bytes, and returns its handle. The socket
    /// is closed at first. Call [`Self::connect`] to connect it, or [`listen`](tcp::Socket::listen) of
    /// [`Self::socket`] to listen.
    pub fn tcp(&mut self, receive: usize, transmit: usize) -> SocketHandle {
        let buffer = |len| tcp::SocketBuffer::new(vec![0; len]);
        self.sockets.add(tcp::Socket::new(buffer(receive), buffer(transmit)))
    }

    /// Adds two UDP sockets: one bound to `port` for RTP, and one bound to `port + 1` for RTCP. Each socket
    /// has a buffer for `receive` received packets and a buffer for `transmit` packets to be sent. Each
    /// packet may have up to 1500 bytes, without the headers of UDP and IP. Returns the handles of both
    /// sockets.
    ///
    /// # Panics
    /// If `port` is 0 or 65535.
    pub fn udp_pair(&mut self, port: u16, receive: usize, transmit: usize) -> UdpPair {
        let mut bind = |port: u16| {
            let buffer = |n| udp::PacketBuffer::new(vec![udp::PacketMetadata::EMPTY; n], vec![0; n * 1500]);
            let mut socket = udp::Socket::new(buffer(receive), buffer(transmit));
            socket.bind(port).expect("a new socket can be bound");
            self.sockets.add(socket)
        };
        UdpPair { rtp: bind(port), rtcp: bind(port + 1) }
    }

    /// Begins to connect a TCP socket from `from_port` to `to`. This does not wait: the connection is made
    /// while the host is polled.
    ///
    /// # Panics
    /// If the socket is in use, if a port is 0, or if this is no TCP socket of the host.
    pub fn connect(&mut self, socket: SocketHandle, to: (IpAddress, u16), from_port: u16) {
        let context = self.iface.context();
        self.sockets.get_mut::<tcp::Socket<'_>>(socket).connect(context, to, from_port).expect("it is free");
    }

    /// Returns a TCP socket of the host, by its handle.
    ///
    /// # Panics
    /// If the host has no TCP socket with this handle.
    pub fn socket(&mut self, socket: SocketHandle) -> &mut tcp::Socket<'static> {
        self.sockets.get_mut(socket)
    }

    /// Resets all connections.
    pub(crate) fn abort_all(&mut self) {
        for (_, socket) in self.sockets.iter_mut() {
            if let Socket::Tcp(socket) = socket {
                socket.abort();
            }
        }
    }

    /// Returns the context of the interface and the sockets, which a client needs to connect.
    pub(crate) fn context(&mut self) -> (&mut smoltcp::iface::Context, &mut SocketSet<'static>) {
        (self.iface.context(), &mut self.sockets)
    }

    /// Forgets the hardware addresses of all neighbours. One that was learned from a changed packet would
    /// stay for a minute otherwise.
    pub(crate) fn forget_neighbours(&mut self) {
        // smoltcp forgets neighbours when its own addresses may have changed.
        self.iface.update_ip_addrs(|_| {});
    }

    pub(crate) fn poll(&mut self, at: Instant) {
        match &mut self.neighbours {
            Some(kept) => self.iface.poll(at, &mut kept.guard(&mut self.port), &mut self.sockets),
            None => self.iface.poll(at, &mut self.port, &mut self.sockets),
        };
    }

    /// Returns when the interface is to be polled next, on the host's clock.
    pub(crate) fn iface_at(&mut self, at: Instant) -> Option<Instant> {
        self.iface.poll_at(at, &self.sockets)
    }

    /// Returns when the interface is to be polled next, or now if a frame has arrived.
    pub(super) fn poll_at(&mut self, at: Instant) -> Option<Instant> {
        let arrived = self.port.has_frame(from_smoltcp(at)).then_some(at);
        // A device that takes nothing has nothing to be polled for.
        let ready = to_smoltcp(self.port.ready_at());
        arrived.or_else(|| self.iface_at(at)).map(|wake| if wake <= at { wake.max(ready) } else { wake })
    }
}

fn interface(
    port: &mut Port,
    medium: Medium,
    family: Family,
    number: u8,
    at: Instant,
    seed: u64,
) -> (Interface, IpAddress) {
    let hardware = match medium {
        Medium::Ip => HardwareAddress::Ip,
        Medium::Ethernet => HardwareAddress::Ethernet(EthernetAddress([2, 0, 0, 0, 0, number])),
    };
    let mut config = Config::new(hardware);
    config.random_seed = seed;
    let mut iface = Interface::new(config, port, at);
    let address = match family {
        Family::V4 => IpAddress::v4(10, 0, 0, number),
        Family::V6 => IpAddress::v6(0xfd00, 0, 0, 0, 0, 0, 0, u16::from(number)),
    };
    let prefix = if family == Family::V4 { 24 } else { 64 };
    iface.update_ip_addrs(|all| all.push(IpCidr::new(address, prefix)).expect("there is room for one"));
    (iface, address)
}
