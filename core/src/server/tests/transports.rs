//! Which transport a SETUP gets (RFC 2326, 12.39).
use super::*;

/// The transport in the reply, without the SSRC.
fn granted(bench: &mut Bench, offered: &str) -> Result<String, u16> {
    let reply = bench.request("SETUP", &format!("{URL}/track0"), &format!("Transport: {offered}\r\n"));
    match reply.status {
        200 => {
            let (transport, ssrc) = reply.get("Transport").rsplit_once(";ssrc=").unwrap();
            assert_eq!(ssrc.len(), 8);
            Ok(transport.into())
        }
        status => Err(status),
    }
}

fn granted_alone(offered: &str) -> Result<String, u16> {
    granted(&mut Bench::new(), offered)
}

const UDP_GRANTED: &str = "RTP/AVP;unicast;client_port=5000-5001;server_port=6000-6001";

#[test]
fn the_first_that_is_supported_of_the_clients_list() {
    for offered in [
        "RTP/AVP;unicast;client_port=5000-5001",
        "RTP/AVP/UDP;client_port=5000",
        "rtp/avp;mode=\"PLAY\";client_port=5000-5001;unicast",
        "RTP/AVP;unicast;client_port=5000-5001;mode=\"PLAY,RECORD\"",
        "RTP/AVP;multicast;ttl=127, RTP/SAVP;client_port=9, RTP/AVP;unicast;client_port=5000-5001, RTP/AVP/TCP",
        "RTP/AVP;client_port=0, RTP/AVP;client_port=x, RTP/AVP;client_port=5000-5001",
        "RTP/AVP\r\nTransport: RTP/AVP;unicast;client_port=5000-5001",
    ] {
        assert_eq!(granted_alone(offered), Ok(UDP_GRANTED.into()), "{offered}");
    }
    assert_eq!(
        granted_alone("RTP/AVP/TCP;unicast;interleaved=4-5,RTP/AVP;unicast;client_port=5000-5001"),
        Ok("RTP/AVP/TCP;unicast;interleaved=4-5".into())
    );
}

#[test]
fn none_that_is_supported() {
    for offered in [
        "RTP/AVP;multicast",
        "RTP/AVP;unicast",
        "RTP/AVP;unicast;client_port=0-1",
        "RTP/AVP;unicast;client_port=5000-0",
        "RTP/SAVP;unicast;client_port=5000-5001",
        "RTP/AVP/TCP;interleaved=255",
        "RTP/AVP/TCP;mode=RECORD",
        "",
    ] {
        assert_eq!(granted_alone(offered), Err(461), "{offered}");
    }
    assert_eq!(Bench::new().request("SETUP", URL, "").status, 461);
}

#[test]
fn udp_is_passed_over_where_it_cannot_be_used() {
    let mut bench = Bench::new();
    bench.ports = None;
    for (offered, expected) in [
        ("RTP/AVP;unicast;client_port=5000-5001,RTP/AVP/TCP;unicast;interleaved=4-5", Ok("4-5")),
        ("RTP/AVP/TCP;unicast;interleaved=4-5,RTP/AVP;unicast;client_port=5000-5001", Ok("4-5")),
        ("RTP/AVP;client_port=5000-5001\r\nTransport: RTP/AVP/TCP", Ok("0-1")),
        ("RTP/AVP;unicast;client_port=5000-5001", Err(461)),
        ("RTP/AVP;client_port=5000-5001, RTP/AVP/TCP;mode=RECORD", Err(461)),
    ] {
        let expected = expected.map(|channels| format!("RTP/AVP/TCP;unicast;interleaved={channels}"));
        assert_eq!(granted(&mut bench, offered), expected, "{offered}");
    }
}

#[test]
fn a_destination_is_ignored() {
    let mut bench = Bench::new();
    bench.start(
        "Transport: RTP/AVP;unicast;destination=10.9.9.9;source=1.2.3.4;client_port=5000-5001\r\n",
        "",
    );
    bench.run(seconds(1));
    assert!(!bench.datagrams.is_empty());
    assert!(bench.datagrams.iter().all(|datagram| datagram.to.ip() == PEER));
    let transport = granted_alone("RTP/AVP;unicast;destination=10.9.9.9;client_port=5000-5001");
    assert_eq!(transport, Ok(UDP_GRANTED.into()));
}

#[test]
fn channels_are_the_clients_or_free_ones() {
    let mut bench = Bench::new();
    let mut channels = |track: u8, offered: &str| {
        let reply = bench.set_up(track, &format!("Transport: RTP/AVP/TCP;unicast;{offered}\r\n"));
        String::from(reply.get("Transport").split(';').nth(2).unwrap())
    };
    assert_eq!(channels(0, "interleaved=2-3"), "interleaved=2-3");
    assert_eq!(channels(1, ""), "interleaved=0-1");
    assert_eq!(channels(2, "interleaved=3-4"), "interleaved=4-5", "3 is taken");
    assert_eq!(channels(3, "interleaved=7-7"), "interleaved=6-7", "one for both");
    // Set up again, a track gives its channels up.
    assert_eq!(channels(0, "interleaved=2-3"), "interleaved=2-3");
}

#[test]
fn ffmpeg_falls_back_to_tcp_without_naming_its_session() {
    let mut bench = Bench::new();
    bench.start(UDP, "");
    bench.run(millis(60));
    bench.ok("PAUSE", URL, "");
    bench.session.clear();
    bench.start(TCP, "");
    bench.run(seconds(1));
    assert_eq!(bench.channel(0).len(), 30);
    let closed =
        |told: &Told| matches!(told, Told::Closed(0, CloseReason::Replaced, Summary { frames: 2, .. }));
    assert_eq!(bench.told.iter().filter(|told| closed(told)).count(), 1, "{:?}", bench.told);
    assert!(bench.told.contains(&Told::Opened(0, LowerTransport::Interleaved)));
}

#[test]
fn another_client_falls_back_within_its_session() {
    let mut bench = Bench::new();
    bench.start(UDP, "");
    bench.ok("PAUSE", URL, "");
    let before = bench.session.clone();
    bench.start(TCP, "");
    assert_eq!(bench.session, before);
    bench.run(seconds(1));
    assert_eq!(bench.channel(0).len(), 30);
}

#[test]
fn a_setup_that_is_refused_costs_nothing() {
    let mut bench = Bench::new();
    bench.set_up(0, TCP);
    bench.ports = None;
    assert_eq!(bench.request("SETUP", &format!("{URL}/track0"), UDP).status, 461);
    bench.ok("PLAY", URL, "");
}

#[test]
fn four_tracks_can_be_set_up_and_set_up_again() {
    let mut bench = Bench::new();
    for track in [0, 1, 2, 3, 0, 3] {
        bench.set_up(track, UDP);
    }
    assert_eq!(bench.request("SETUP", &format!("{URL}/track4"), UDP).status, 453);
    bench.ok("TEARDOWN", &format!("{URL}/track2"), "");
    bench.set_up(4, UDP);
}
