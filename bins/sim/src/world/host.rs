//! A machine of the simulated network.
use crate::faults::Faults;
use crate::network::{Network, Port};
use crate::wire::Medium;
use pinhole_smoltcp::UdpPair;
use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::socket::{Socket, tcp, udp};
use smoltcp::time::Instant;
use smoltcp::wire::{EthernetAddress, HardwareAddress, IpAddress, IpCidr};
use std::cell::RefCell;
use std::rc::Rc;

/// Which version of IP the hosts speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// In 10.0.0.0/24.
    V4,
    /// In fd00::/64.
    V6,
}

/// One machine: an interface, and sockets that own their buffers.
pub struct Host {
    iface: Interface,
    /// Its link to the network.
    pub port: Port,
    /// All of its sockets.
    pub sockets: SocketSet<'static>,
    /// Its only address, which ends in its number.
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

    /// A machine that is switched on at a time of its own clock.
    pub(crate) fn boot(
        mut port: Port,
        medium: Medium,
        family: Family,
        number: u8,
        at: Instant,
        seed: u64,
    ) -> Self {
        let (iface, address) = interface(&mut port, medium, family, number, at, seed);
        Self { iface, port, sockets: SocketSet::new(vec![]), address }
    }

    /// Switches it off, and on again: its sockets are gone, and nobody was told.
    pub(crate) fn reboot(&mut self, medium: Medium, family: Family, number: u8, at: Instant, seed: u64) {
        let (iface, address) = interface(&mut self.port, medium, family, number, at, seed);
        (self.iface, self.address, self.sockets) = (iface, address, SocketSet::new(vec![]));
    }

    /// Adds a TCP socket with buffers of so many bytes.
    pub fn tcp(&mut self, receive: usize, transmit: usize) -> SocketHandle {
        let buffer = |len| tcp::SocketBuffer::new(vec![0; len]);
        self.sockets.add(tcp::Socket::new(buffer(receive), buffer(transmit)))
    }

    /// Adds two UDP sockets, bound to `port` and the one above, with buffers for so many packets.
    ///
    /// # Panics
    /// For port 0, and for the last one.
    pub fn udp_pair(&mut self, port: u16, receive: usize, transmit: usize) -> UdpPair {
        let mut bind = |port: u16| {
            let buffer = |n| udp::PacketBuffer::new(vec![udp::PacketMetadata::EMPTY; n], vec![0; n * 1500]);
            let mut socket = udp::Socket::new(buffer(receive), buffer(transmit));
            socket.bind(port).expect("a new socket can be bound");
            self.sockets.add(socket)
        };
        UdpPair { rtp: bind(port), rtcp: bind(port + 1) }
    }

    /// Connects a socket of its own to `to`.
    ///
    /// # Panics
    /// If the socket is not free.
    pub fn connect(&mut self, socket: SocketHandle, to: (IpAddress, u16), from_port: u16) {
        let context = self.iface.context();
        self.sockets.get_mut::<tcp::Socket<'_>>(socket).connect(context, to, from_port).expect("it is free");
    }

    /// One of its TCP sockets.
    pub fn socket(&mut self, socket: SocketHandle) -> &mut tcp::Socket<'static> {
        self.sockets.get_mut(socket)
    }

    /// Resets all of its connections.
    pub(crate) fn abort_all(&mut self) {
        for (_, socket) in self.sockets.iter_mut() {
            if let Socket::Tcp(socket) = socket {
                socket.abort();
            }
        }
    }

    /// The interface and the sockets: what a client needs to connect.
    pub(crate) fn context(&mut self) -> (&mut smoltcp::iface::Context, &mut SocketSet<'static>) {
        (self.iface.context(), &mut self.sockets)
    }

    /// Whose hardware address it has learned: where a changed byte went unnoticed, a wrong one, which
    /// would stay for a minute.
    pub(crate) fn forget_neighbours(&mut self) {
        // smoltcp forgets them whenever it may have got another address.
        self.iface.update_ip_addrs(|_| {});
    }

    pub(crate) fn poll(&mut self, at: Instant) {
        self.iface.poll(at, &mut self.port, &mut self.sockets);
    }

    /// When the interface has something to do by itself, by its own clock.
    pub(crate) fn iface_at(&mut self, at: Instant) -> Option<Instant> {
        self.iface.poll_at(at, &self.sockets)
    }

    /// When the interface has something to do, or a frame waits for it.
    pub(super) fn poll_at(&mut self, at: Instant) -> Option<Instant> {
        let arrived = self.port.has_frame(pinhole_smoltcp::time::from_smoltcp(at)).then_some(at);
        arrived.or_else(|| self.iface_at(at))
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
