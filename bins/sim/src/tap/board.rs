//! The board: a server with its memory and a network device.
use super::budget::Budget;
use super::cable::Cable;
use super::report::Report;
use super::totals::SessionTotals;
use pinhole::rtsp::Url;
use pinhole::sdp::{AddressType, Presentation, Track};
use pinhole::server::Notice;
use pinhole::time::{Duration, Now, NtpTime};
use pinhole_sim::clip::Clip;
use pinhole_sim::device::{Device, Link};
use pinhole_smoltcp::memory::Arena;
use pinhole_smoltcp::server::{Catalog, CatalogApp, Random, Server, SetupError};
use pinhole_smoltcp::time;
use smoltcp::iface::{Config, Interface, SocketSet, SocketStorage};
use smoltcp::phy::DeviceCapabilities;
use smoltcp::socket::udp::PacketMetadata;
use smoltcp::time::Instant;
use smoltcp::wire::{EthernetAddress, IpCidr};
use std::net::SocketAddr;
use std::time::SystemTime;

/// RTP's port. RTCP's is the next one.
const RTP: u16 = 6970;

/// A server in exactly the memory of its budget, and the clip that it serves.
pub(super) struct Board {
    iface: Interface,
    device: Device<Cable>,
    sockets: SocketSet<'static>,
    server: Server<'static>,
    program: Program,
    clip: Clip,
}

/// The application of the server.
struct Program {
    mount: String,
    tracks: [Track<'static>; 1],
    report: Report,
    /// Statistics of the sessions that have ended.
    ended: SessionTotals,
    sessions: usize,
}

impl Board {
    /// Creates a board at these addresses that serves a clip as a live camera.
    ///
    /// # Errors
    /// Returns the error of [`Server::new`].
    ///
    /// # Panics
    /// If there are more addresses than smoltcp has room for.
    pub(super) fn new(
        budget: &Budget,
        cable: Cable,
        capabilities: DeviceCapabilities,
        addresses: &[IpCidr],
        port: u16,
        (mount, clip): (String, Clip),
        report: Report,
    ) -> Result<Self, SetupError> {
        let resources = &budget.resources;
        let ip_mtu = capabilities.ip_mtu();
        let mut device = Device::new(cable, capabilities);
        let mut config = Config::new(hardware_address(addresses).into());
        config.random_seed = random();
        let mut iface = Interface::new(config, &mut device, Instant::ZERO);
        iface.update_ip_addrs(|all| all.extend(addresses.iter().copied()));

        // Never freed, as statics.
        let mut sockets = SocketSet::new(static_slice(resources.sockets(), || SocketStorage::EMPTY));
        let packets = static_slice(resources.packets(), || PacketMetadata::EMPTY);
        let mut arena = Arena::new(static_slice(resources.bytes(), || 0), packets);
        let udp = resources.udp.map(|buffers| arena.udp_pair(&buffers, RTP, &mut sockets));
        let mut connections = Vec::with_capacity(resources.connections);
        connections.extend((0..resources.connections).map(|_| arena.connection(resources, &mut sockets)));
        let connections = Box::leak(connections.into_boxed_slice());
        let storage = arena.storage(resources);
        let server = Server::new(port, udp, resources.config, connections, storage, &sockets, ip_mtu)?;

        let tracks = [clip.track()];
        let program = Program { mount, tracks, report, ended: SessionTotals::default(), sessions: 0 };
        Ok(Self { iface, device, sockets, server, program, clip })
    }

    /// Does everything that can be done now. Returns when to call it next if no frame arrives before.
    pub(super) fn poll(&mut self, at: Instant) -> Option<Instant> {
        let live = self.clip.live(time::from_smoltcp(at));
        self.device.link_mut().deliver(time::from_smoltcp(at));
        self.iface.poll(at, &mut self.device, &mut self.sockets);
        let mut app = CatalogApp { catalog: &mut self.program, store: &live };
        let served_at = self.server.poll(now(at), &mut self.sockets, &mut app);
        let picture = self.server.wanted().next().map(|_| time::to_smoltcp(live.next_at()));
        // A device that takes nothing has nothing to be polled for.
        let ready = self.device.link().ready_at();
        let iface_at =
            self.iface.poll_at(at, &self.sockets).map(|wake| if wake <= at { wake.max(ready) } else { wake });
        let cable_at = self.device.link().poll_at().map(time::to_smoltcp);
        [served_at, picture, iface_at, cable_at].into_iter().flatten().min()
    }

    /// Begins to end all sessions; [`Self::poll`] does the rest.
    pub(super) fn close(&mut self) {
        self.server.close();
    }

    /// Returns the number of connections in use.
    pub(super) fn connected(&self) -> usize {
        self.server.connected()
    }

    /// Returns the number of sessions, and the statistics of all sessions so far.
    pub(super) fn totals(&self, at: Instant) -> (usize, SessionTotals) {
        let mut totals = self.program.ended;
        self.server.summaries(now(at)).for_each(|(_, summary)| totals.add(&summary));
        (self.program.sessions, totals)
    }

    /// Returns the cable.
    pub(super) const fn cable(&self) -> &Cable {
        self.device.link()
    }

    /// Returns the cable.
    pub(super) const fn cable_mut(&mut self) -> &mut Cable {
        self.device.link_mut()
    }
}

impl Random for Program {
    fn random(&mut self) -> u64 {
        random()
    }
}

impl Catalog for Program {
    fn find(&self, url: &Url<'_>) -> Option<u16> {
        url.path_is(&self.mount).then_some(0)
    }

    fn describe(&self, _: u16) -> Presentation<'_> {
        Presentation {
            name: &self.mount,
            session_id: 1,
            version: 1,
            address_type: AddressType::Ip4,
            duration: None,
            tracks: &self.tracks,
        }
    }

    fn notice(&mut self, peer: SocketAddr, notice: Notice) {
        match notice {
            Notice::Opened { .. } => self.sessions += 1,
            Notice::Closed { summary, .. } => {
                self.sessions -= 1;
                self.ended.add(&summary);
            }
            _ => {}
        }
        self.report.notice(peer, notice);
    }
}

/// Returns a hardware address that is derived from the first address: boards on one network have
/// different ones.
fn hardware_address(addresses: &[IpCidr]) -> EthernetAddress {
    let mut octets = [2, b'P', 0, 0, 0, 0];
    let address = addresses.first().map(IpCidr::address);
    let last = match address {
        Some(smoltcp::wire::IpAddress::Ipv4(address)) => address.octets(),
        Some(smoltcp::wire::IpAddress::Ipv6(address)) => (address.to_bits() as u32).to_be_bytes(),
        None => [0; 4],
    };
    octets[2..].copy_from_slice(&last);
    EthernetAddress(octets)
}

/// Returns a slice of `len` elements that is never freed.
fn static_slice<T>(len: usize, make: impl Fn() -> T) -> &'static mut [T] {
    let mut all = Vec::with_capacity(len);
    all.extend((0..len).map(|_| make()));
    Box::leak(all.into_boxed_slice())
}

/// Returns the board's time, with the wall clock's.
fn now(at: Instant) -> Now {
    let wall = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    Now { ntp: NtpTime::from_unix(Duration::from(wall)), ..time::now(at) }
}

/// Returns a number that is hard to guess, as long as the system has randomness.
fn random() -> u64 {
    getrandom::u64().unwrap_or_else(|_| fastrand::u64(..))
}
