//! Errors of a server's set-up, and the sizes that they name.
use pinhole_sim::world::SMALL;
use pinhole_smoltcp::UdpPair;
use pinhole_smoltcp::memory::{Arena, PacketBuffer, ServerResources, TcpBuffers, UdpBuffers};
use pinhole_smoltcp::server::{Connection, Server, SetupError};
use smoltcp::iface::SocketSet;
use smoltcp::socket::udp::PacketMetadata;
use smoltcp::socket::{tcp, udp};

/// The arguments of [`Server::new`].
struct Parts {
    listen: u16,
    connections: Vec<Connection>,
    storage: &'static mut [u8],
    pair: Option<UdpPair>,
    sockets: SocketSet<'static>,
}

/// Returns the error message of a server with these resources, after `spoil` has changed its parts.
fn refusal(resources: ServerResources, ip_mtu: usize, spoil: impl FnOnce(&mut Parts)) -> String {
    let mut sockets = SocketSet::new(vec![]);
    let packets = vec![PacketMetadata::EMPTY; resources.packets()].leak();
    let mut arena = Arena::new(vec![0; resources.bytes()].leak(), packets);
    let pair = resources.udp.map(|buffers| arena.udp_pair(&buffers, 6970, &mut sockets));
    let connections =
        (0..resources.connections).map(|_| arena.connection(&resources, &mut sockets)).collect();
    let storage = arena.storage(&resources);
    let mut parts = Parts { listen: 554, connections, storage, pair, sockets };
    spoil(&mut parts);
    let Parts { listen, connections, storage, pair, sockets } = parts;
    match Server::new(listen, pair, resources.config, connections.leak(), storage, &sockets, ip_mtu) {
        Ok(_) => String::new(),
        Err(unusable) => unusable.to_string(),
    }
}

fn nothing(_: &mut Parts) {}

#[track_caller]
fn assert_says(said: &str, words: &[&str]) {
    assert!(!said.is_empty() && words.iter().all(|word| said.contains(word)), "'{said}' without {words:?}");
}

#[test]
fn unfit_packets_and_buffers_are_refused() {
    assert_eq!(refusal(SMALL, 1428, nothing), "");
    assert_says(&refusal(SMALL, 1427, nothing), &["1400", " 1 too long", "1399"]);
    let udp = |rtp, rtcp| {
        let buffers = UdpBuffers { rtp_transmit: rtp, rtcp_transmit: rtcp, ..UdpBuffers::to_send(0, 0) };
        refusal(ServerResources { udp: Some(buffers), ..SMALL }, 1500, nothing)
    };
    let (packet, report) = (PacketBuffer::of(1, 1400), PacketBuffer::of(1, 80));
    assert_eq!(udp(packet, report), "");
    assert_says(
        &udp(PacketBuffer { bytes: 1399, ..packet }, report),
        &["6970", "1399", " 1 too few", "1400"],
    );
    assert_says(&udp(PacketBuffer { packets: 0, ..packet }, report), &["6970", "1400 too few"]);
    assert_says(&udp(packet, PacketBuffer::of(1, 79)), &["6971", "79", " 1 too few", "80"]);
    let tcp = |receive, transmit, packet| {
        let mut resources = ServerResources { tcp: TcpBuffers { receive, transmit }, udp: None, ..SMALL };
        resources.config.max_packet = packet;
        refusal(resources, 1500, nothing)
    };
    assert_eq!(tcp(256, 1536, 1400), "");
    assert_says(&tcp(255, 1536, 1400), &["receive", "connection 0", "255", " 1 too few", "256"]);
    assert_says(&tcp(256, 1535, 1400), &["transmit", "connection 0", "1535", " 1 too few", "1536"]);
    assert_says(&tcp(256, 9003, 9000), &["transmit", "connection 0", "9003", " 1 too few", "9004"]);
    let short = refusal(SMALL, 1500, |parts| parts.storage = vec![0; 3000].leak());
    assert_says(&short, &["storage", "3000", "196 too few", "3196"]);
}

fn buffer() -> tcp::SocketBuffer<'static> {
    tcp::SocketBuffer::new(vec![0; 10])
}

fn udp_at(port: u16) -> udp::Socket<'static> {
    let packets = || udp::PacketBuffer::new(vec![PacketMetadata::EMPTY; 1], vec![0; 1500]);
    let mut socket = udp::Socket::new(packets(), packets());
    if port > 0 {
        socket.bind(port).unwrap();
    }
    socket
}

#[test]
fn clashing_ports_and_sockets_are_refused() {
    assert_says(&refusal(SMALL, 1500, |parts| parts.listen = 0), &["port 0"]);
    for (rtp, rtcp) in [(0, 6971), (6970, 0), (6971, 6972), (6970, 6972), (6970, 6970)] {
        let said = refusal(SMALL, 1500, |parts| {
            parts.sockets = SocketSet::new(vec![]);
            parts.connections.clear();
            let pair = [rtp, rtcp].map(|port| parts.sockets.add(udp_at(port)));
            parts.pair = Some(UdpPair { rtp: pair[0], rtcp: pair[1] });
        });
        assert_says(&said, &["UDP", &format!("ports {rtp} and {rtcp}")]);
    }
    for port in [6970, 6971] {
        let said = refusal(SMALL, 1500, |parts| {
            parts.sockets.add(udp_at(port));
        });
        assert_says(&said, &["another socket", &port.to_string()]);
    }
    let listening = |port| {
        refusal(SMALL, 1500, |parts| {
            let mut other = tcp::Socket::new(buffer(), buffer());
            other.listen(port).unwrap();
            parts.sockets.add(other);
        })
    };
    assert_says(&listening(554), &["another socket", "554"]);
    assert_eq!(listening(80), "");
    let twice = refusal(SMALL, 1500, |parts| {
        let handle =
            parts.sockets.iter().find(|(_, socket)| matches!(socket, smoltcp::socket::Socket::Tcp(_)));
        let handle = handle.unwrap().0;
        parts.connections.push(Connection::new(handle));
    });
    assert_says(&twice, &["connection 2", "one before"]);
}

#[test]
fn an_exhausted_arena_is_refused() {
    let mut sockets = SocketSet::new(vec![]);
    let mut bytes = vec![0; SMALL.bytes() - 1];
    let mut arena = Arena::new(&mut bytes, &mut []);
    let mut connections = [(); 2].map(|()| arena.connection(&SMALL, &mut sockets));
    let pair = arena.udp_pair(&SMALL.udp.unwrap(), 6970, &mut sockets);
    let refused =
        Server::new(554, Some(pair), SMALL.config, &mut connections, vec![0; 9999].leak(), &sockets, 1500);
    assert_eq!(refused.err(), Some(SetupError::UdpBufferTooSmall { port: 6970, need: 1400, has: 0 }));
}
