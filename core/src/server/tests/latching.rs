//! Whose a datagram is, and which ports are learned from it (RFC 2326, 16: only the client's own
//! address is believed).
use super::*;
use crate::rtsp::Pair;
use core::net::{Ipv6Addr, SocketAddrV6};

const OTHER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 8));
const SOCKET: u8 = PORTS.socket;

fn from(port: u16) -> SocketAddr {
    SocketAddr::new(PEER, port)
}

/// A session over UDP that plays, and its SSRC.
fn playing() -> (Bench, u32) {
    let mut bench = Bench::of(Clip::of(1000, 100));
    bench.start(UDP, "");
    bench.turn();
    let ssrc = bench.rtp()[0].1.ssrc;
    (bench, ssrc)
}

/// Where RTP and RTCP go from now on.
fn destinations(bench: &mut Bench) -> (SocketAddr, SocketAddr) {
    bench.datagrams.clear();
    bench.run(seconds(8));
    let to = |port| bench.datagrams.iter().find(|datagram| datagram.port == port).unwrap().to;
    let last = (to(Port::Rtp), to(Port::Rtcp));
    bench.datagrams.clear();
    last
}

#[test]
fn claims_are_ordered_by_what_they_prove() {
    let (bench, ssrc) = playing();
    let report = receiver_report(ssrc, 0);
    let claim = |from, port, data: &[u8]| bench.conn.claim(from, SOCKET, port, data);
    assert_eq!(claim(from(5000), Port::Rtp, b""), Claim::Exact);
    assert_eq!(claim(from(5001), Port::Rtcp, b""), Claim::Exact);
    assert_eq!(claim(from(5001), Port::Rtp, b""), Claim::Latch, "RTCP's port to the RTP socket");
    assert_eq!(claim(from(40_000), Port::Rtcp, &report), Claim::Ssrc);
    assert_eq!(claim(from(40_000), Port::Rtcp, &receiver_report(ssrc ^ 1, 0)), Claim::Latch);
    assert_eq!(claim(from(40_000), Port::Rtp, &report), Claim::Latch, "no report there");
    let ports = [Port::Rtp, Port::Rtcp];
    for (data, port) in ports.into_iter().flat_map(|port| [(&report[..], port), (b"", port)]) {
        for from in [SocketAddr::new(OTHER, 5000), SocketAddr::new(OTHER, 5001)] {
            assert_eq!(claim(from, port, data), Claim::No);
        }
    }
    assert!(Claim::No < Claim::Latch && Claim::Latch < Claim::Ssrc && Claim::Ssrc < Claim::Exact);
}

/// A link-local address is one only together with its interface (RFC 4007, 6): the same address by another
/// one is somebody else's.
#[test]
fn a_link_local_client_is_known_by_its_interface() {
    let peer = Ipv6Addr::new(0xFE80, 0, 0, 0, 0, 0, 0, 7);
    let mut bench = Bench::of(Clip::of(1000, 100));
    let to = |port, interface| SocketAddr::from(SocketAddrV6::new(peer, port, 0, interface));
    bench.conn = ServerConn::new(Config::DEFAULT, bench.now(), to(CLIENT.port(), 3));
    bench.start(UDP, "");
    bench.turn();
    let ssrc = bench.rtp()[0].1.ssrc;
    assert_eq!(destinations(&mut bench), (to(5000, 3), to(5001, 3)));
    let report = receiver_report(ssrc, 0);
    let claim = |interface| bench.conn.claim(to(5001, interface), SOCKET, Port::Rtcp, &report);
    assert_eq!([claim(3), claim(4), claim(0)], [Claim::Exact, Claim::No, Claim::No]);
}

#[test]
fn routes_say_what_is_claimed() {
    let (mut bench, ssrc) = playing();
    let routes = |bench: &Bench| bench.conn.routes().collect::<Vec<_>>();
    let [route] = routes(&bench)[..] else { panic!("one track by UDP") };
    let announced = Pair { rtp: 5000, rtcp: 5001 };
    assert_eq!(route, UdpRoute::new(SOCKET, announced, ssrc, Pair { rtp: false, rtcp: false }));
    bench.conn.handle_datagram(bench.now(), from(40_000), SOCKET, Port::Rtp, b"");
    let [route] = routes(&bench)[..] else { panic!("one track by UDP") };
    assert_eq!((route.to, route.announced), (Pair { rtp: 40_000, rtcp: 5001 }, announced));
    assert_eq!(route.latched, Pair { rtp: true, rtcp: false });
    assert_eq!(bench.conn.plays().count(), 1);
    bench.ok("TEARDOWN", URL, "");
    bench.turn();
    assert_eq!((routes(&bench).len(), bench.conn.plays().count()), (0, 0));
}

#[test]
fn a_nat_is_learned_once_from_the_clients_address() {
    let (mut bench, ssrc) = playing();
    let now = bench.now();
    assert!(bench.conn.may_latch(SOCKET) && !bench.conn.may_latch(SOCKET + 1));
    // A third party, then the dummy packets that open a NAT.
    bench.conn.handle_datagram(now, SocketAddr::new(OTHER, 5000), SOCKET, Port::Rtp, b"");
    assert_eq!(destinations(&mut bench), (from(5000), from(5001)));
    let now = bench.now();
    bench.conn.handle_datagram(now, from(40_000), SOCKET, Port::Rtp, b"\x80");
    assert!(!bench.conn.may_latch(SOCKET));
    assert_eq!(destinations(&mut bench), (from(40_000), from(5001)));
    // Another RTP port comes too late.
    let now = bench.now();
    bench.conn.handle_datagram(now, from(40_777), SOCKET, Port::Rtp, b"\x80");
    // RTCP's port comes with the first report.
    bench.conn.handle_datagram(now, from(40_001), SOCKET, Port::Rtcp, &receiver_report(ssrc, 3));
    assert_eq!(destinations(&mut bench), (from(40_000), from(40_001)));
    bench.ok("TEARDOWN", URL, "");
    bench.turn();
    assert!(matches!(bench.told[1], Told::Closed(0, _, Summary { lost: 3, .. })));
}

#[test]
fn the_announced_ports_are_settled_by_a_datagram_from_either() {
    for (port, number) in [(Port::Rtp, 5000), (Port::Rtcp, 5001)] {
        let (mut bench, _) = playing();
        let now = bench.now();
        bench.conn.handle_datagram(now, from(number), SOCKET, port, b"");
        assert_eq!(bench.conn.claim(from(40_000), SOCKET, Port::Rtp, b""), Claim::No);
        assert!(!bench.conn.may_latch(SOCKET));
    }
}

/// A program on the client's host, or another one behind its NAT, was faster than the client.
#[test]
fn the_announced_ports_always_win_the_stream_back() {
    for (port, number) in [(Port::Rtp, 5000), (Port::Rtcp, 5001)] {
        let (mut bench, ssrc) = playing();
        let now = bench.now();
        let report = receiver_report(ssrc, 9);
        bench.conn.handle_datagram(now, from(666), SOCKET, Port::Rtp, b"\x80");
        bench.conn.handle_datagram(now, from(667), SOCKET, Port::Rtcp, &report);
        assert_eq!(destinations(&mut bench), (from(666), from(667)));
        let now = bench.now();
        assert_eq!(bench.conn.claim(from(number), SOCKET, port, b""), Claim::Announced);
        bench.conn.handle_datagram(now, from(number), SOCKET, port, b"");
        assert_eq!(destinations(&mut bench), (from(5000), from(5001)));
        // And from now on they are its own.
        let now = bench.now();
        for (other, data) in [(Port::Rtp, &b"\x80"[..]), (Port::Rtcp, b""), (Port::Rtcp, &report)] {
            assert_eq!(bench.conn.claim(from(668), SOCKET, other, data), Claim::No);
            bench.conn.handle_datagram(now, from(668), SOCKET, other, data);
        }
        assert_eq!(destinations(&mut bench), (from(5000), from(5001)));
    }
}

#[test]
fn the_port_of_rtcp_moves_once() {
    for first in [&receiver_report(playing().1, 0)[..], b""] {
        let (mut bench, ssrc) = playing();
        let now = bench.now();
        bench.conn.handle_datagram(now, from(40_001), SOCKET, Port::Rtcp, first);
        for number in 40_002..40_010 {
            let report = receiver_report(ssrc, 0);
            assert_eq!(bench.conn.claim(from(number), SOCKET, Port::Rtcp, &report), Claim::No);
            bench.conn.handle_datagram(now, from(number), SOCKET, Port::Rtcp, &report);
        }
        assert_eq!(destinations(&mut bench).1, from(40_001));
    }
}

#[test]
fn a_report_counts_only_from_where_rtp_goes() {
    let lost = |bench: &Bench| bench.conn.summaries(bench.now()).next().unwrap().1.lost;
    let (mut bench, ssrc) = playing();
    let now = bench.now();
    // RTP goes to the announced port, whether that is confirmed or not: these are somebody else's.
    for number in [40_001, 40_001, 40_002] {
        bench.conn.handle_datagram(now, from(number), SOCKET, Port::Rtcp, &receiver_report(ssrc, 7));
        assert_eq!(lost(&bench), 0);
    }
    for (number, reported) in [(5001, 1), (5000, 7), (40_001, 7)] {
        bench.conn.handle_datagram(now, from(number), SOCKET, Port::Rtcp, &receiver_report(ssrc, reported));
        assert_eq!(lost(&bench), 1, "{number}");
    }
    bench.conn.handle_datagram(now, from(5001), SOCKET, Port::Rtcp, &receiver_report(ssrc ^ 1, 7));
    assert_eq!(lost(&bench), 1, "of another stream");
}

/// The kernel refuses what is sent there.
#[test]
fn port_0_is_no_port() {
    let (bench, ssrc) = playing();
    for (port, data) in [(Port::Rtp, &b"\x80"[..]), (Port::Rtcp, &receiver_report(ssrc, 0))] {
        assert_eq!(bench.conn.claim(from(0), SOCKET, port, data), Claim::No);
    }
    let mut bench = Bench::new();
    for ports in ["0-1", "0", "5000-0"] {
        let transport = format!("Transport: RTP/AVP;unicast;client_port={ports}\r\n");
        assert_eq!(bench.request("SETUP", &format!("{URL}/track0"), &transport).status, 461, "{ports}");
    }
}

#[test]
fn a_datagram_to_another_pair_settles_nothing() {
    let (mut bench, ssrc) = playing();
    let now = bench.now();
    assert_eq!(bench.conn.claim(from(40_000), SOCKET + 1, Port::Rtp, b""), Claim::No);
    let report = receiver_report(ssrc, 1);
    assert_eq!(bench.conn.claim(from(40_000), SOCKET + 1, Port::Rtcp, &report), Claim::No);
    bench.conn.handle_datagram(now, from(40_000), SOCKET + 1, Port::Rtp, b"");
    assert_eq!(destinations(&mut bench), (from(5000), from(5001)));
}

#[test]
fn what_several_tracks_could_claim_is_nobodys() {
    let mut bench = Bench::of(Clip::of(100, 100));
    let mut tracks = Vec::new();
    for track in 0..3 {
        let first = 5000 + 2 * u16::from(track);
        bench.set_up(track, &format!("Transport: RTP/AVP;unicast;client_port={first}-{}\r\n", first + 1));
        tracks.push(first);
        let claim = bench.conn.claim(from(40_000), SOCKET, Port::Rtp, b"");
        assert_eq!(claim, if track == 0 { Claim::Latch } else { Claim::No }, "{track}");
    }
    assert_eq!(bench.conn.claim(from(5004), SOCKET, Port::Rtp, b""), Claim::Exact);
    // The last that is not settled can be learned.
    for port in [5000, 5004] {
        bench.conn.handle_datagram(bench.now(), from(port), SOCKET, Port::Rtp, b"");
    }
    assert_eq!(bench.conn.claim(from(40_000), SOCKET, Port::Rtp, b""), Claim::Latch);
    bench.ok("TEARDOWN", &format!("{URL}/track1"), "");
    assert_eq!(bench.conn.claim(from(40_000), SOCKET, Port::Rtp, b""), Claim::No);
}

#[test]
fn an_interleaved_track_claims_no_datagram() {
    let mut bench = Bench::new();
    bench.start(TCP, "");
    for port in [Port::Rtp, Port::Rtcp] {
        assert_eq!(bench.conn.claim(from(5000), SOCKET, port, b""), Claim::No);
    }
    assert!(!bench.conn.may_latch(SOCKET));
}
