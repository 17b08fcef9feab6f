//! An RTSP camera without an operating system or an allocator: the loop that firmware of your own
//! starts from. `docs/firmware.md` says what it needs of another board.
//!
//! It serves `/clip`, which lies in flash, and `/pattern`, which is drawn as it goes, to several
//! clients at once, by UDP or interleaved.
#![no_std]
#![no_main]

mod account;
mod app;
mod commands;
mod media;

use account::Gate;
use app::Camera;
use commands::Commands;
use core::net::Ipv4Addr;
use core::panic::PanicInfo;
use cortex_m_rt::entry;
use heapless::Vec;
use media::Media;
use mps2::{Board, FrameBuffers};
use pinhole::frame::PoolSlot;
use pinhole_smoltcp::memory::{Arena, ServerResources, TcpBuffers, UdpBuffers};
use pinhole_smoltcp::server::{CONFIG, CatalogApp, Connection, Logins, Server};
use pinhole_smoltcp::time;
use smoltcp::iface::{Interface, SocketSet, SocketStorage};
use smoltcp::phy::Device;
use smoltcp::socket::udp::PacketMetadata;
use smoltcp::time::Duration;
use smoltcp::wire::{EthernetAddress, IpCidr};

/// Of those that are administered locally.
const MAC: [u8; 6] = [0x02, 0x50, 0x48, 0x4F, 0x4C, 0x45];
const ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 168, 69, 2);
const PREFIX: u8 = 24;
const RTSP_PORT: u16 = 554;
const RTP_PORT: u16 = 6970;

/// Clients at once: `PINHOLE_SESSIONS` at the time of the build, 1 to 4.
const SESSIONS: usize = match option_env!("PINHOLE_SESSIONS") {
    None => 4,
    Some(text) => match text.as_bytes() {
        [digit @ b'1'..=b'4'] => (*digit - b'0') as usize,
        _ => panic!("PINHOLE_SESSIONS is to be 1, 2, 3 or 4"),
    },
};

/// Each of the media has one.
const TRACKS: usize = 1;

/// What the server takes of the memory.
const RESOURCES: ServerResources<TRACKS> = ServerResources {
    connections: SESSIONS,
    // Three packets that are interleaved.
    tcp: TcpBuffers { receive: 512, transmit: 3 * (4 + CONFIG.max_packet as usize) },
    udp: Some(UdpBuffers::to_send(2, CONFIG.max_packet as usize)),
    ring: None,
    pool: Some(media::POOL),
    config: CONFIG,
};

/// The loop turns at least so often, whatever there is to do, and feeds the watchdog.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);
const WATCHDOG_MILLIS: u32 = 2_000;

#[entry]
fn main() -> ! {
    static mut FRAMES: FrameBuffers = FrameBuffers::EMPTY;
    static mut BYTES: [u8; RESOURCES.bytes()] = [0; RESOURCES.bytes()];
    // Vectors, as these would take flash: their empty values are not zeros.
    static mut PACKETS: Vec<PacketMetadata, { RESOURCES.packets() }> = Vec::new();
    static mut SOCKETS: Vec<SocketStorage<'static>, { RESOURCES.sockets() }> = Vec::new();
    static mut SLOTS: Vec<PoolSlot, { media::POOL.buffers }> = Vec::new();
    static mut CONNECTIONS: Vec<Connection<TRACKS>, SESSIONS> = Vec::new();
    static mut PICTURES: [u8; media::POOL.bytes()] = [0; media::POOL.bytes()];

    let mut board = match Board::start(MAC, FRAMES) {
        Ok(board) => board,
        Err(error) => defmt::panic!("{}", error),
    };
    board.watchdog.start(WATCHDOG_MILLIS);
    defmt::info!("start: {}, restarts: {}", board.cause, board.restarts);

    // The network.
    let mut config = smoltcp::iface::Config::new(EthernetAddress(MAC).into());
    config.random_seed = board.entropy().draw();
    let mut iface = Interface::new(config, &mut board.network, board.clock.now());
    iface.update_ip_addrs(|addresses| {
        // The first one: there is room for it.
        let _ = addresses.push(IpCidr::new(ADDRESS.into(), PREFIX));
    });

    // The server.
    SOCKETS.extend((0..RESOURCES.sockets()).map(|_| SocketStorage::EMPTY));
    PACKETS.extend((0..RESOURCES.packets()).map(|_| PacketMetadata::EMPTY));
    let mut sockets = SocketSet::new(&mut SOCKETS[..]);
    let mut arena = Arena::new(BYTES, PACKETS);
    let udp = RESOURCES.udp.map(|buffers| arena.udp_pair(&buffers, RTP_PORT, &mut sockets));
    CONNECTIONS.extend((0..SESSIONS).map(|_| arena.connection(&RESOURCES, &mut sockets)));
    let storage = arena.storage(&RESOURCES);
    let ip_mtu = board.network.capabilities().ip_mtu();
    let server = Server::new(RTSP_PORT, udp, RESOURCES.config, CONNECTIONS, storage, &sockets, ip_mtu);
    let mut server = match server {
        Ok(server) => server,
        Err(error) => defmt::panic!("{}", error),
    };

    // What it serves.
    SLOTS.extend((0..media::POOL.buffers).map(|_| PoolSlot::EMPTY));
    let mut media = Media::new(SLOTS, PICTURES);
    let mut camera = Camera::new(board.entropy());
    let mut logins = Logins::<SESSIONS>::new(account::key(board.entropy()));
    let mut commands = Commands::default();

    // Before anyone is told where to connect: the first turn listens.
    let app = CatalogApp { catalog: &mut camera, store: &media };
    let mut app = Gate { app, logins: &mut logins };
    server.poll(time::now(board.clock.now()), &mut sockets, &mut app);
    app::announce(ADDRESS);

    loop {
        let now = board.clock.now();
        let next_frame = media.update(now, server.wanted());
        iface.poll(now, &mut board.network, &mut sockets);
        let app = CatalogApp { catalog: &mut camera, store: &media };
        let mut app = Gate { app, logins: &mut logins };
        let server_at = server.poll(time::now(now), &mut sockets, &mut app);
        commands.obey(&mut board.console);
        board.watchdog.feed();

        let wake = [iface.poll_at(now, &sockets), server_at, next_frame].into_iter().flatten();
        board.sleep(wake.fold(now + LONGEST_SLEEP, Ord::min));
    }
}

/// Says where, for `addr2line -ipfe camera ADDRESS`, and starts anew.
#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    mps2::restart_after_panic(|| {
        for caller in mps2::callers().take(8) {
            defmt::error!("panic, called from {=u32:#x}", caller);
        }
    })
}
