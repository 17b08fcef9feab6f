//! Too many, vanishing and hostile clients on a server with few sockets.
mod common;

use common::{NO_FAULTS, sample};
use pinhole::client::{Config, TransportChoice};
use pinhole_sim::wire::Medium;
use pinhole_sim::world::{Family, Host, Media, RTSP, SMALL, Sim, udp};
use pinhole_smoltcp::memory::ServerResources;
use pinhole_smoltcp::server::CONFIG;
use pinhole_smoltcp::time;
use pinhole_tests::stranger::syn;
use smoltcp::iface::SocketHandle;
use smoltcp::socket::{Socket, tcp, udp};
use smoltcp::wire::Ipv4Address;
use std::net::SocketAddrV4;

const URL: &str = "rtsp://10.0.0.1:8554/clip";

fn start(resources: ServerResources, media: Media) -> Sim {
    Sim::new(Medium::Ip, Family::V4, NO_FAULTS, resources, media)
}

fn recorded(frames: usize) -> Media {
    Media::Recorded(sample(frames))
}

fn live() -> Media {
    Media::Live(sample(30))
}

fn watch(sim: &mut Sim, transport: TransportChoice) {
    let mut config = Config::DEFAULT;
    config.transport = transport;
    sim.watch(config);
}

fn logged(sim: &Sim, what: &str) -> usize {
    sim.served.app.log.iter().filter(|event| event.contains(what)).count()
}

/// Adds a host that the test drives, and connects `sockets` of its sockets to the server.
fn connect(sim: &mut Sim, sockets: u16) -> Vec<SocketHandle> {
    let mut host = sim.host();
    let connect = |n| {
        let socket = host.tcp(2048, 1024);
        host.connect(socket, (sim.served.host.address, RTSP), 40_000 + n);
        socket
    };
    let sockets: Vec<_> = (0..sockets).map(connect).collect();
    sim.others.push(host);
    let connected = sim.run(1, |sim| {
        let host = sim.others.last_mut().unwrap();
        sockets.iter().all(|socket| host.socket(*socket).state() == tcp::State::Established)
    });
    assert!(connected);
    sockets
}

fn host(sim: &mut Sim) -> &mut Host {
    sim.others.last_mut().unwrap()
}

/// Sends a request, and returns the head of the response.
fn request(sim: &mut Sim, socket: SocketHandle, request: &str) -> String {
    host(sim).socket(socket).send_slice(format!("{request}\r\n\r\n").as_bytes()).unwrap();
    let mut reply = vec![];
    let complete = |reply: &[u8]| reply.windows(4).any(|four| four == b"\r\n\r\n");
    assert!(sim.run(5, |sim| {
        let socket = host(sim).socket(socket);
        while socket.can_recv() {
            socket.recv(|bytes| (bytes.len(), reply.extend_from_slice(bytes))).unwrap();
        }
        complete(&reply)
    }));
    String::from_utf8_lossy(&reply).into_owned()
}

/// Sets up and plays by `transport`. Returns the response to SETUP.
fn play(sim: &mut Sim, socket: SocketHandle, transport: &str) -> String {
    let setup = format!("SETUP {URL}/track0 RTSP/1.0\r\nCSeq: 1\r\nTransport: {transport}");
    let reply = request(sim, socket, &setup);
    let session = reply.split("Session: ").nth(1).unwrap_or_else(|| panic!("{reply}"));
    let session = session.split([';', '\r']).next().unwrap();
    let played = request(sim, socket, &format!("PLAY {URL} RTSP/1.0\r\nCSeq: 2\r\nSession: {session}"));
    assert!(played.starts_with("RTSP/1.0 200"), "{played}");
    reply
}

#[test]
fn a_full_server_refuses_until_a_client_leaves() {
    let mut sim = start(SMALL, recorded(30));
    watch(&mut sim, TransportChoice::Udp);
    watch(&mut sim, TransportChoice::Tcp);
    assert!(sim.run(5, |sim| sim.watchers.iter().all(|watcher| watcher.told("Playing"))));
    watch(&mut sim, TransportChoice::Auto);
    assert!(sim.run(5, |sim| sim.watchers[2].told("Failed(Disconnected)")), "{:?}", sim.watchers[2].log);
    assert!(sim.run(5, |sim| sim.watchers[..2].iter().all(|watcher| watcher.told("Ended"))));
    for watcher in &sim.watchers[..2] {
        assert_eq!(watcher.check(&sim.served.clip), (30, 0));
    }
    sim.watchers[0].client.conn_mut().teardown();
    assert!(sim.run(5, |sim| sim.served.server.connected() == 1));
    watch(&mut sim, TransportChoice::Auto);
    assert!(sim.run(5, |sim| sim.watchers[3].told("Ended")), "{:?}", sim.watchers[3].log);
    assert_eq!(sim.watchers[3].check(&sim.served.clip), (30, 0));
}

#[test]
fn half_open_connections_disturb_no_session() {
    let mut sim = start(ServerResources { connections: 4, ..SMALL }, recorded(60));
    watch(&mut sim, TransportChoice::Udp);
    assert!(sim.run(5, |sim| sim.watchers[0].told("Playing")));
    for n in 0..200u16 {
        for k in 0..5 {
            // From an address that nobody has.
            let from = SocketAddrV4::new(Ipv4Address::new(10, 0, 1, n as u8), 1_000 + 5 * n + k);
            let packet = syn(from, SocketAddrV4::new(Ipv4Address::new(10, 0, 0, 1), RTSP));
            sim.network.borrow_mut().inject(time::from_smoltcp(sim.at), &packet);
        }
        sim.pass(50);
    }
    assert!(sim.watchers[0].told("Ended"), "{:?}", sim.watchers[0].log);
    assert_eq!(sim.watchers[0].check(&sim.served.clip), (60, 0));
    // The sockets are free again after the time that such a client has.
    sim.pass(1_100);
    for _ in 0..3 {
        watch(&mut sim, TransportChoice::Tcp);
    }
    assert!(sim.run(10, |sim| sim.watchers[1..].iter().all(|watcher| watcher.told("Ended"))));
}

#[test]
fn connections_that_are_only_opened_lock_nobody_out_for_long() {
    let mut sim = start(ServerResources { connections: 4, ..SMALL }, recorded(30));
    sim.pass(10);
    for n in 0..8 {
        let from = SocketAddrV4::new(Ipv4Address::new(10, 0, 1, n), 1_000);
        let packet = syn(from, SocketAddrV4::new(Ipv4Address::new(10, 0, 0, 1), RTSP));
        sim.network.borrow_mut().inject(time::from_smoltcp(sim.at), &packet);
    }
    sim.pass(100);
    watch(&mut sim, TransportChoice::Udp);
    assert!(sim.run(1, |sim| sim.watchers[0].told("Failed(Disconnected)")), "all places are taken");
    sim.pass(2_000);
    watch(&mut sim, TransportChoice::Udp);
    assert!(sim.run(5, |sim| sim.watchers[1].told("Ended")), "{:?}", sim.watchers[1].log);
}

#[test]
fn silent_connections_lock_nobody_out_for_long() {
    let resources = ServerResources { connections: 4, config: CONFIG, ..SMALL };
    let mut sim = start(resources, recorded(30));
    connect(&mut sim, 4);
    // Neither do those that say nothing with many words.
    for _ in 0..10 {
        sim.pass(500);
        let sockets: Vec<_> = host(&mut sim).sockets.iter().map(|(handle, _)| handle).collect();
        for socket in sockets {
            let _ = host(&mut sim).socket(socket).send_slice(b"$\0\0\0");
        }
    }
    // They have three seconds for TCP's closing handshake, too.
    sim.pass(3_100);
    watch(&mut sim, TransportChoice::Udp);
    assert!(sim.run(5, |sim| sim.watchers[0].told("Ended")), "{:?}", sim.watchers[0].log);
}

#[test]
fn a_vanished_client_times_out() {
    for (medium, transport) in [
        (Medium::Ip, TransportChoice::Udp),
        (Medium::Ethernet, TransportChoice::Udp),
        (Medium::Ethernet, TransportChoice::Tcp),
    ] {
        let media = live();
        let mut sim = Sim::new(medium, Family::V4, NO_FAULTS, SMALL, media);
        watch(&mut sim, transport);
        watch(&mut sim, TransportChoice::Udp);
        assert!(sim.run(5, |sim| sim.watchers.iter().all(|watcher| watcher.told("Playing"))));
        sim.watchers[0].host.port.cut(true);
        sim.pass(55_000);
        assert_eq!((sim.served.server.connected(), logged(&sim, "Closed {")), (2, 0));
        assert!(
            sim.run(15, |sim| sim.served.server.connected() == 1),
            "{:?} {:?}",
            sim.served.server,
            sim.served.app.log
        );
        assert_eq!(logged(&sim, "reason: Timeout"), 1, "{:?}", sim.served.app.log);
        let before = sim.watchers[1].client.conn().statistics(0).unwrap();
        assert_eq!((before.lost, before.frames_damaged + before.frames_missing), (0, 0));
        // And goes on.
        sim.pass(2_000);
        let after = sim.watchers[1].client.conn().statistics(0).unwrap();
        assert!(after.frames_complete >= before.frames_complete + 59);
    }
}

#[test]
fn media_of_a_client_that_never_reads_time_out() {
    let mut sim = start(SMALL, live());
    let socket = connect(&mut sim, 1)[0];
    play(&mut sim, socket, "RTP/AVP/TCP;interleaved=0-1");
    // It acknowledges all there is, with a window of nothing.
    assert!(!sim.run(59, |sim| sim.served.server.connected() == 0));
    // TCP's farewell does not get through either.
    assert!(sim.run(5, |sim| sim.served.server.connected() == 0), "{:?}", sim.served.app.log);
    assert_eq!(logged(&sim, "reason: Timeout"), 1, "{:?}", sim.served.app.log);
    watch(&mut sim, TransportChoice::Tcp);
    assert!(sim.run(5, |sim| sim.watchers[0].told("Playing")));
}

#[test]
fn garbage_is_disconnected_and_unknown_media_refused() {
    let mut sim = start(SMALL, recorded(1));
    let sockets = connect(&mut sim, 2);
    let refused = request(&mut sim, sockets[0], "DESCRIBE rtsp://10.0.0.1:8554/other RTSP/1.0\r\nCSeq: 1");
    assert!(refused.starts_with("RTSP/1.0 404"), "{refused}");
    let refused = request(
        &mut sim,
        sockets[0],
        &format!("SETUP {URL}/track1 RTSP/1.0\r\nCSeq: 2\r\nTransport: RTP/AVP/TCP"),
    );
    assert!(refused.starts_with("RTSP/1.0 404"), "{refused}");
    host(&mut sim).socket(sockets[1]).send_slice(&[b'x'; 1024]).unwrap();
    assert!(sim.run(5, |sim| host(sim).socket(sockets[1]).state() == tcp::State::CloseWait));
    assert_eq!(logged(&sim, "Disconnect("), 1, "{:?}", sim.served.app.log);
    host(&mut sim).socket(sockets[1]).close();
    assert!(sim.run(10, |sim| sim.served.server.connected() == 1));
}

/// Returns the number of packets that arrived at a socket since the last call.
fn arrived(sim: &mut Sim, socket: SocketHandle) -> usize {
    let socket = host(sim).sockets.get_mut::<udp::Socket>(socket);
    std::iter::from_fn(|| socket.recv().ok().map(|_| ())).count()
}

#[test]
fn ambiguous_datagrams_move_no_session() {
    let mut sim = start(SMALL, live());
    let sockets = connect(&mut sim, 2);
    let [a, b, unknown] = [5000, 6000, 7000].map(|port| host(&mut sim).udp_pair(port, 40, 2).rtp);
    play(&mut sim, sockets[0], "RTP/AVP;unicast;client_port=5000-5001");
    play(&mut sim, sockets[1], "RTP/AVP;unicast;client_port=6000-6001");
    let come = |sim: &mut Sim, from: Option<SocketHandle>| {
        if let Some(from) = from {
            let to = (sim.served.host.address, 6970);
            host(sim).sockets.get_mut::<udp::Socket>(from).send_slice(&[0x80; 12], to).unwrap();
        }
        sim.pass(40);
        let _ = [a, b, unknown].map(|socket| arrived(sim, socket));
        sim.pass(40);
        [a, b, unknown].map(|socket| arrived(sim, socket) > 0)
    };
    assert_eq!(come(&mut sim, None), [true, true, false]);
    // It could be either one's.
    assert_eq!(come(&mut sim, Some(unknown)), [true, true, false]);
    // One of the two is known now; it can only be the other's.
    assert_eq!(come(&mut sim, Some(a)), [true, true, false]);
    assert_eq!(come(&mut sim, Some(unknown)), [true, false, true]);
}

#[test]
fn closing_a_server_ends_all_sessions() {
    let mut sim = start(ServerResources { connections: 3, ..SMALL }, live());
    watch(&mut sim, TransportChoice::Udp);
    watch(&mut sim, TransportChoice::Tcp);
    assert!(sim.run(5, |sim| sim.watchers.iter().all(|watcher| watcher.told("Playing"))));
    sim.pass(1_000);
    sim.served.server.close();
    assert!(sim.run(10, |sim| sim.served.server.connected() == 0));
    assert_eq!(logged(&sim, "reason: Closed"), 2, "{:?}", sim.served.app.log);
    let ended = sim.run(5, |sim| sim.watchers.iter().all(|watcher| watcher.told("Ended")));
    assert!(ended, "{:?} {:?}", sim.watchers[0].log, sim.watchers[1].log);
    watch(&mut sim, TransportChoice::Auto);
    assert!(sim.run(5, |sim| sim.watchers[2].told("Failed(Disconnected)")));
}

#[test]
fn requests_of_a_client_that_never_reads_time_out() {
    let mut sim = start(SMALL, recorded(1));
    let socket = connect(&mut sim, 1)[0];
    let options = format!("OPTIONS {URL} RTSP/1.0\r\nCSeq: 1\r\n\r\n");
    // Until there is no room left anywhere.
    for _ in 0..1_000 {
        let socket = host(&mut sim).socket(socket);
        if socket.send_capacity() - socket.send_queue() > options.len() {
            socket.send_slice(options.as_bytes()).unwrap();
        }
        sim.pass(1);
    }
    assert!(!sim.run(58, |sim| sim.served.server.connected() == 0));
    // TCP's farewell does not get through either.
    assert!(sim.run(5, |sim| sim.served.server.connected() == 0), "{:?}", sim.served.app.log);
}

/// The rest of a medium fits into the socket's buffer when its client has vanished, but not the BYE of the
/// session's end.
#[test]
fn a_client_vanishing_near_the_end_times_out() {
    let vanish = |transmit| {
        let mut resources = ServerResources { connections: 1, ..SMALL };
        resources.config.session_timeout = pinhole::time::Duration::from_secs(8);
        resources.tcp.transmit = transmit;
        let mut sim = start(resources, recorded(10));
        watch(&mut sim, TransportChoice::Tcp);
        assert!(sim.run(5, |sim| sim.watchers[0].told("Playing")));
        sim.watchers[0].host.port.cut(true);
        assert!(sim.run(5, |sim| logged(sim, "Ended") == 1));
        sim
    };
    let queued = vanish(1_000_000)
        .served
        .host
        .sockets
        .iter()
        .filter_map(|(_, socket)| match socket {
            Socket::Tcp(socket) => Some(socket.send_queue()),
            _ => None,
        })
        .sum::<usize>();
    assert!(queued > 10_000, "{queued}");
    let mut sim = vanish(queued + 20);
    // The timeout, and TCP's farewell.
    assert!(sim.run(8 + 4, |sim| sim.served.server.connected() == 0), "{:?}", sim.served.app.log);
}

/// Requests stay in the socket's buffer, which is a ring, until they are complete, and until there is room
/// for a reply; here for one at a time.
#[test]
fn fragmented_and_pipelined_requests_are_answered_in_order() {
    const REQUESTS: usize = 40;
    let mut sim = start(SMALL, live());
    let socket = connect(&mut sim, 1)[0];
    play(&mut sim, socket, "RTP/AVP/TCP;interleaved=0-1");
    let requests: Vec<_> = (0..REQUESTS)
        .map(|n| format!("OPTIONS {URL} RTSP/1.0\r\nCSeq: {}\r\nX: {}\r\n\r\n", 100 + n, "x".repeat(n)))
        .collect();
    let (mut said, mut heard) = (requests.concat().into_bytes(), vec![]);
    let mut piece = 0;
    let done = sim.run(20, |sim| {
        let socket = host(sim).socket(socket);
        // Of all lengths, whole requests and more among them.
        piece = (piece * 5 + 7) % 239;
        let taken = socket.send_slice(&said[..piece.min(said.len())]).unwrap();
        said.drain(..taken);
        while socket.can_recv() {
            socket.recv(|bytes| (bytes.len(), heard.extend_from_slice(bytes))).unwrap();
        }
        String::from_utf8_lossy(&heard).contains(&format!("CSeq: {}\r\n", 100 + REQUESTS - 1))
    });
    assert!(done, "{:?}", sim.served.app.log);
    let text = String::from_utf8_lossy(&heard);
    let answered: Vec<_> = text.split("RTSP/1.0 200 OK\r\nCSeq: ").skip(1).map(|rest| &rest[..3]).collect();
    let asked: Vec<_> = (0..REQUESTS).map(|n| (100 + n).to_string()).collect();
    assert_eq!(answered[answered.len() - REQUESTS..], asked);
    // And what is interleaved goes on.
    sim.pass(500);
    assert!(host(&mut sim).socket(socket).recv_queue() > 0);
}

/// Whichever of two that are served in turns vanishes.
#[test]
fn a_vanished_neighbour_blocks_no_other_session() {
    for gone in [0, 1] {
        // Longer than smoltcp knows a neighbour that says nothing; and room for packets of both.
        let mut resources = ServerResources { udp: udp(60), ..SMALL };
        resources.config.session_timeout = pinhole::time::Duration::from_secs(120);
        let media = live();
        let mut sim = Sim::new(Medium::Ethernet, Family::V4, NO_FAULTS, resources, media);
        watch(&mut sim, TransportChoice::Udp);
        watch(&mut sim, TransportChoice::Udp);
        assert!(sim.run(5, |sim| sim.watchers.iter().all(|watcher| watcher.told("Playing"))));
        sim.watchers[gone].host.port.cut(true);
        assert!(sim.run(140, |sim| sim.served.server.connected() == 1), "{:?}", sim.served.app.log);
        let figures = sim.watchers[1 - gone].client.conn().statistics(0).unwrap();
        // The others wait once, for as long as smoltcp lets a socket rest that has found nobody.
        let skipped = sim.served.app.skipped;
        assert!(figures.frames_complete + skipped > 119 * 30, "{figures:?}");
        assert!(skipped < 10 && figures.lost == 0, "{skipped} {figures:?}");
    }
}

/// Where two vanish within half a second, the farewell to one would hold up that to the other, who
/// is sent media until then: they would hold up those of all.
#[test]
fn short_session_timeouts_avoid_blocked_sockets() {
    for millis in (0..500).step_by(100) {
        let resources = ServerResources { connections: 3, config: CONFIG, ..SMALL };
        let mut sim = Sim::new(Medium::Ethernet, Family::V4, NO_FAULTS, resources, live());
        (0..3).for_each(|_| watch(&mut sim, TransportChoice::Udp));
        assert!(sim.run(5, |sim| sim.watchers.iter().all(|watcher| watcher.told("Playing"))));
        // Long enough for a report, after which nothing is heard of it.
        sim.pass(3_000);
        sim.watchers[0].host.port.cut(true);
        sim.pass(millis);
        sim.watchers[1].host.port.cut(true);
        assert!(sim.run(70, |sim| sim.served.server.connected() == 1), "{:?}", sim.served.app.log);
        sim.pass(3_000);
        let figures = sim.watchers[2].client.conn().statistics(0).unwrap();
        assert_eq!((sim.served.app.skipped, figures.lost), (0, 0), "{millis} ms: {figures:?}");
    }
}

#[test]
fn scarce_buffers_are_shared_fairly() {
    // A packet for each turn, and 1000 turns a second: the two want 1200.
    let resources = ServerResources { udp: udp(1), ..SMALL };
    let mut sim = start(resources, live());
    sim.busy = smoltcp::time::Duration::from_millis(1);
    watch(&mut sim, TransportChoice::Udp);
    watch(&mut sim, TransportChoice::Udp);
    sim.pass(20_000);
    let [a, b] = [0, 1].map(|n| sim.watchers[n].client.conn().statistics(0).unwrap());
    assert!(sim.served.app.skipped > 0);
    assert!(a.packets.abs_diff(b.packets) < a.packets / 10, "{a:?} {b:?}");
    assert_eq!(a.frames_damaged + b.frames_damaged, 0);
}
