//! Keeps the neighbours that are in use among those that smoltcp remembers.
//!
//! smoltcp remembers the hardware addresses of a few neighbours
//! ([`IFACE_NEIGHBOR_CACHE_COUNT`]). It takes in everybody who asks for its own address by ARP or neighbour
//! discovery, in place of the neighbour of whom it has not heard for longest. A host that asks under many
//! addresses therefore makes it forget a viewer that is only being sent packets; the viewer is asked for its
//! address then, and its packets wait.
//!
//! [`Neighbours`] stands between the interface and its device. Before so many strangers were taken in that
//! one in use would be forgotten, it lets smoltcp hear of those in use.
use core::cell::RefCell;
use smoltcp::config::IFACE_NEIGHBOR_CACHE_COUNT;
use smoltcp::phy::{self, Device, DeviceCapabilities, Medium, PacketMeta};
use smoltcp::time::{Duration, Instant};
#[cfg(feature = "proto-ipv4")]
use smoltcp::wire::{ArpOperation, ArpPacket, ArpRepr, Ipv4Packet};
use smoltcp::wire::{
    EthernetAddress, EthernetFrame, EthernetProtocol, EthernetRepr, IpAddress, IpProtocol, TcpPacket,
};
#[cfg(feature = "proto-ipv6")]
use smoltcp::{
    phy::ChecksumCapabilities,
    wire::{Icmpv6Message, Icmpv6Packet, Icmpv6Repr, Ipv6Packet, Ipv6Repr, NdiscNeighborFlags, NdiscRepr},
};

/// How long after the last packet to it a neighbour is in use: as long as smoltcp remembers one.
const IN_USE: Duration = Duration::from_secs(60);
/// The most bytes of a frame with which neighbours tell their addresses. Longer ones are cut.
const FRAME: usize = 128;
const ETHERNET_HEADER: usize = 14;

/// Keeps up to `N` neighbours that are in use among those that smoltcp remembers. A neighbour is in use for
/// 60 s after UDP or the bytes of a TCP connection were sent to it, or by it, as a router, to other hosts. `N`
/// should be greater than the number of clients that the server takes, and has to be less than
/// [`IFACE_NEIGHBOR_CACHE_COUNT`].
///
/// Pass [`Self::guard`] to each [`Interface::poll`](smoltcp::iface::Interface::poll) in place of the device.
///
/// This takes about 50 bytes a neighbour, and about 3 KiB of code. It is for networks whose hosts are not
/// trusted to keep to one address; where nobody asks under many addresses, it changes nothing.
#[derive(Debug)]
pub struct Neighbours<const N: usize>(RefCell<State<N>>);

impl<const N: usize> Default for Neighbours<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize> Neighbours<N> {
    /// Knows no neighbour yet.
    pub const fn new() -> Self {
        const { assert!(N > 0 && N < IFACE_NEIGHBOR_CACHE_COUNT, "smoltcp has to remember more than N") };
        Self(RefCell::new(State { known: [None; N], strangers: 0, waiting: None, next: 0 }))
    }

    /// Returns a device for the interface that works on `device`, of any medium.
    pub fn guard<'a, D: Device>(&'a mut self, device: &'a mut D) -> Guard<'a, D, N> {
        Guard { state: &self.0, device }
    }
}

/// A neighbour that has told its address.
#[derive(Clone, Copy, Debug)]
struct Neighbour {
    address: IpAddress,
    hardware: EthernetAddress,
    /// When it told it.
    heard: Instant,
    /// Our own addresses, by which it was last sent packets, and when; `None` before the first.
    used: Option<(IpAddress, EthernetAddress, Instant)>,
}

impl Neighbour {
    fn is_in_use(&self, now: Instant) -> bool {
        self.used.is_some_and(|(.., at)| now < at + IN_USE)
    }
}

#[derive(Debug)]
struct State<const N: usize> {
    known: [Option<Neighbour>; N],
    /// How many others smoltcp may have taken in since it heard of those in use.
    strangers: usize,
    /// A stranger's frame, which smoltcp is given after it has heard of those in use.
    waiting: Option<([u8; FRAME], usize)>,
    /// The place in `known` of the next neighbour of which smoltcp is to hear.
    next: usize,
}

impl<const N: usize> State<N> {
    /// Takes note of a frame that has arrived. Returns whether smoltcp may have it now; if not, it is among
    /// those that [`Self::told`] returns.
    fn arrived(&mut self, frame: &[u8], now: Instant) -> bool {
        let Some((address, hardware)) = teller(frame) else { return true };
        match self.known.iter_mut().flatten().find(|known| known.address == address) {
            Some(known) if known.is_in_use(now) => return true,
            Some(known) => (known.hardware, known.heard) = (hardware, now),
            None => self.learn(Neighbour { address, hardware, heard: now, used: None }, now),
        }
        if self.strangers < IFACE_NEIGHBOR_CACHE_COUNT - N {
            self.strangers += 1;
            return true;
        }
        let (mut copy, len) = ([0; FRAME], frame.len().min(FRAME));
        copy.iter_mut().zip(frame).for_each(|(to, from)| *to = *from);
        (self.waiting, self.next, self.strangers) = (Some((copy, len)), 0, 1);
        false
    }

    /// Remembers a neighbour in the place of the one that is not in use and was heard of first. Forgets it if
    /// all are in use.
    fn learn(&mut self, neighbour: Neighbour, now: Instant) {
        let leaves = |known: &&mut Option<Neighbour>| !known.is_some_and(|known| known.is_in_use(now));
        let heard = |known: &&mut Option<Neighbour>| known.map(|known| known.heard);
        if let Some(place) = self.known.iter_mut().filter(leaves).min_by_key(heard) {
            *place = Some(neighbour);
        }
    }

    /// Takes note of a frame that is sent.
    fn sent(&mut self, frame: &[u8], now: Instant) {
        let Some(Sent { from, to, hardware, own }) = sent(frame) else { return };
        let by_address = self.known.iter().position(|known| known.is_some_and(|known| known.address == to));
        // A host that is no neighbour is reached by one of the same version of IP: a router.
        let is_router =
            |known: &Neighbour| known.hardware == hardware && known.address.version() == to.version();
        let by_router = || self.known.iter().position(|known| known.as_ref().is_some_and(is_router));
        let place = by_address.or_else(by_router).and_then(|at| self.known.get_mut(at)?.as_mut());
        if let Some(known) = place {
            // What smoltcp believes.
            (known.hardware, known.used) = (hardware, Some((from, own, now)));
        }
    }

    /// Returns the next frame for smoltcp that does not come from the device, and its length; `None` if there
    /// is none.
    fn told(&mut self, now: Instant) -> Option<([u8; FRAME], usize)> {
        self.waiting?;
        while let Some(known) = self.known.get(self.next) {
            self.next += 1;
            if let Some(frame) = known.filter(|known| known.is_in_use(now)).and_then(|known| tell(&known)) {
                return Some(frame);
            }
        }
        self.waiting.take()
    }
}

/// Returns the addresses of the neighbour of which smoltcp learns by a frame; `None` if it is no such frame.
fn teller(frame: &[u8]) -> Option<(IpAddress, EthernetAddress)> {
    let ethernet = EthernetFrame::new_checked(frame).ok()?;
    match ethernet.ethertype() {
        #[cfg(feature = "proto-ipv4")]
        EthernetProtocol::Arp => {
            let packet = ArpPacket::new_checked(ethernet.payload()).ok()?;
            let ArpRepr::EthernetIpv4 { source_hardware_addr, source_protocol_addr, .. } =
                ArpRepr::parse(&packet).ok()?
            else {
                return None;
            };
            Some((source_protocol_addr.into(), source_hardware_addr))
        }
        #[cfg(feature = "proto-ipv6")]
        EthernetProtocol::Ipv6 => {
            let packet = Ipv6Packet::new_checked(ethernet.payload()).ok()?;
            // Behind extension headers, there may be one, too.
            if packet.next_header() == IpProtocol::Icmpv6 {
                let message = Icmpv6Packet::new_checked(packet.payload()).ok()?;
                if !matches!(
                    message.msg_type(),
                    Icmpv6Message::NeighborSolicit | Icmpv6Message::NeighborAdvert
                ) {
                    return None;
                }
            } else if packet.next_header() != IpProtocol::HopByHop {
                return None;
            }
            Some((packet.src_addr().into(), ethernet.src_addr()))
        }
        _ => None,
    }
}

/// A frame with which a neighbour is used.
struct Sent {
    from: IpAddress,
    to: IpAddress,
    hardware: EthernetAddress,
    own: EthernetAddress,
}

fn sent(frame: &[u8]) -> Option<Sent> {
    let ethernet = EthernetFrame::new_checked(frame).ok()?;
    let (from, to, protocol, payload): (IpAddress, IpAddress, _, _) = match ethernet.ethertype() {
        #[cfg(feature = "proto-ipv4")]
        EthernetProtocol::Ipv4 => {
            let packet = Ipv4Packet::new_checked(ethernet.payload()).ok()?;
            (packet.src_addr().into(), packet.dst_addr().into(), packet.next_header(), packet.payload())
        }
        #[cfg(feature = "proto-ipv6")]
        EthernetProtocol::Ipv6 => {
            let packet = Ipv6Packet::new_checked(ethernet.payload()).ok()?;
            (packet.src_addr().into(), packet.dst_addr().into(), packet.next_header(), packet.payload())
        }
        _ => return None,
    };
    let uses = match protocol {
        IpProtocol::Udp => true,
        // Anybody is sent a reset, or the answer to a SYN.
        IpProtocol::Tcp => TcpPacket::new_checked(payload).is_ok_and(|segment| !segment.payload().is_empty()),
        _ => false,
    };
    uses.then(|| Sent { from, to, hardware: ethernet.dst_addr(), own: ethernet.src_addr() })
}

/// Returns a frame by which a neighbour that is in use tells its address, and its length.
fn tell(neighbour: &Neighbour) -> Option<([u8; FRAME], usize)> {
    let Neighbour { address, hardware, used, .. } = *neighbour;
    let (own_address, own, _) = used?;
    let (mut room, ethertype) = ([0; FRAME], ethertype_of(address));
    let mut frame = EthernetFrame::new_unchecked(&mut room[..]);
    EthernetRepr { src_addr: hardware, dst_addr: own, ethertype }.emit(&mut frame);
    let body = frame.payload_mut();
    let len = match (address, own_address) {
        #[cfg(feature = "proto-ipv4")]
        (IpAddress::Ipv4(source), IpAddress::Ipv4(target)) => {
            let reply = ArpRepr::EthernetIpv4 {
                operation: ArpOperation::Reply,
                source_hardware_addr: hardware,
                source_protocol_addr: source,
                target_hardware_addr: own,
                target_protocol_addr: target,
            };
            reply.emit(&mut ArpPacket::new_unchecked(body));
            reply.buffer_len()
        }
        #[cfg(feature = "proto-ipv6")]
        (IpAddress::Ipv6(source), IpAddress::Ipv6(target)) => {
            let advert = Icmpv6Repr::Ndisc(NdiscRepr::NeighborAdvert {
                flags: NdiscNeighborFlags::SOLICITED | NdiscNeighborFlags::OVERRIDE,
                target_addr: source,
                lladdr: Some(hardware.into()),
            });
            let ip = Ipv6Repr {
                src_addr: source,
                dst_addr: target,
                next_header: IpProtocol::Icmpv6,
                payload_len: advert.buffer_len(),
                hop_limit: 255,
            };
            let len = ip.buffer_len() + advert.buffer_len();
            let mut packet = Ipv6Packet::new_unchecked(body.get_mut(..len)?);
            ip.emit(&mut packet);
            let mut message = Icmpv6Packet::new_unchecked(packet.payload_mut());
            advert.emit(&source, &target, &mut message, &ChecksumCapabilities::default());
            len
        }
        #[allow(unreachable_patterns, reason = "with one version of IP there is no other case")]
        _ => return None,
    };
    Some((room, ETHERNET_HEADER + len))
}

fn ethertype_of(address: IpAddress) -> EthernetProtocol {
    match address {
        #[cfg(feature = "proto-ipv4")]
        IpAddress::Ipv4(_) => EthernetProtocol::Arp,
        #[cfg(feature = "proto-ipv6")]
        IpAddress::Ipv6(_) => EthernetProtocol::Ipv6,
    }
}

/// A device whose interface keeps the neighbours that are in use: see [`Neighbours::guard`].
#[derive(Debug)]
pub struct Guard<'a, D, const N: usize> {
    state: &'a RefCell<State<N>>,
    device: &'a mut D,
}

impl<D: Device, const N: usize> Device for Guard<'_, D, N> {
    type RxToken<'t>
        = Received<'t, D::RxToken<'t>, N>
    where
        Self: 't;
    type TxToken<'t>
        = ToSend<'t, D::TxToken<'t>, N>
    where
        Self: 't;

    fn receive(&mut self, now: Instant) -> Option<(Self::RxToken<'_>, Self::TxToken<'_>)> {
        let state = (self.device.capabilities().medium == Medium::Ethernet).then_some(self.state);
        // If there is no room to answer in, this waits for the next turn, as all frames do.
        let told = state.filter(|state| state.borrow().waiting.is_some());
        if let Some(state) = told {
            let sending = self.device.transmit(now)?;
            let (frame, len) = state.borrow_mut().told(now)?;
            return Some((
                Received(Frame::Told(frame, len)),
                ToSend { device: sending, state: Some(state), now },
            ));
        }
        let (device, sending) = self.device.receive(now)?;
        Some((Received(Frame::Arrived { device, state, now }), ToSend { device: sending, state, now }))
    }

    fn transmit(&mut self, now: Instant) -> Option<Self::TxToken<'_>> {
        let state = (self.device.capabilities().medium == Medium::Ethernet).then_some(self.state);
        Some(ToSend { device: self.device.transmit(now)?, state, now })
    }

    fn capabilities(&self) -> DeviceCapabilities {
        self.device.capabilities()
    }
}

/// A frame for the interface.
#[derive(Debug)]
pub struct Received<'a, T, const N: usize>(Frame<'a, T, N>);

#[derive(Debug)]
enum Frame<'a, T, const N: usize> {
    /// One that has arrived.
    Arrived { device: T, state: Option<&'a RefCell<State<N>>>, now: Instant },
    /// One that does not come from the device, and its length.
    Told([u8; FRAME], usize),
}

impl<T: phy::RxToken, const N: usize> phy::RxToken for Received<'_, T, N> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, read: F) -> R {
        match self.0 {
            Frame::Told(frame, len) => read(frame.get(..len).unwrap_or_default()),
            Frame::Arrived { device, state, now } => device.consume(|frame| {
                let passes = state.is_none_or(|state| state.borrow_mut().arrived(frame, now));
                // smoltcp passes over an empty frame.
                read(if passes { frame } else { &[] })
            }),
        }
    }

    fn meta(&self) -> PacketMeta {
        match &self.0 {
            Frame::Told(..) => PacketMeta::default(),
            Frame::Arrived { device, .. } => device.meta(),
        }
    }
}

/// Room for one frame.
#[derive(Debug)]
pub struct ToSend<'a, T, const N: usize> {
    device: T,
    state: Option<&'a RefCell<State<N>>>,
    now: Instant,
}

impl<T: phy::TxToken, const N: usize> phy::TxToken for ToSend<'_, T, N> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, write: F) -> R {
        let Self { device, state, now } = self;
        device.consume(len, |frame| {
            let result = write(frame);
            if let Some(state) = state {
                state.borrow_mut().sent(frame, now);
            }
            result
        })
    }

    fn set_meta(&mut self, meta: PacketMeta) {
        self.device.set_meta(meta);
    }
}
