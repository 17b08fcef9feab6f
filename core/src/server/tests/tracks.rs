//! Several tracks in a session, and several sessions on a connection.
use super::*;
use crate::frame::{FrameRing, Slot};

type Ring = FrameRing<[Slot; 32], Vec<u8>>;

/// Two rings, lent as the slice that the trait is implemented for.
struct Rings([Ring; 2]);

impl FrameStore for Rings {
    fn info(&self, track: TrackId) -> Option<TrackInfo<'_>> {
        self.0[..].info(track)
    }

    fn frame(&self, track: TrackId, id: FrameId) -> Result<Frame<'_>, Miss> {
        self.0[..].frame(track, id)
    }

    fn seek(&self, track: TrackId, to: Seek) -> Result<FrameId, Miss> {
        self.0[..].seek(track, to)
    }
}

fn empty() -> Ring {
    FrameRing::new(TRACK, [Slot::EMPTY; 32], vec![0; 100_000])
}

fn push(ring: &mut Ring, scan_len: usize, pts: MediaTime) {
    ring.push(&frame(&picture(scan_len), pts)).unwrap();
}

/// 20 frames a track; those of the second track come 13 ms after those of the first.
fn rings() -> Rings {
    Rings([Duration::ZERO, millis(13)].map(|offset| {
        let mut ring = empty();
        (0..20).for_each(|n| push(&mut ring, 500, pts(n) + offset));
        ring.end();
        ring
    }))
}

fn bench() -> Bench<Rings> {
    Bench::with(rings(), Config::DEFAULT, Some(pts(20)))
}

/// SETUP of both tracks in one session.
fn set_up(bench: &mut Bench<Rings>) {
    bench.set_up(0, "Transport: RTP/AVP;unicast;client_port=5000-5001\r\n");
    bench.set_up(1, "Transport: RTP/AVP;unicast;client_port=5002-5003\r\n");
}

/// What was sent to a port since the connection began.
fn to(bench: &Bench<Rings>, port: u16) -> Vec<(Duration, Rtp)> {
    let mine = bench.datagrams.iter().filter(|datagram| datagram.to.port() == port);
    mine.map(|datagram| (datagram.at, rtp(&datagram.bytes))).collect()
}

#[test]
fn one_play_starts_all_tracks_on_one_clock() {
    let mut bench = bench();
    set_up(&mut bench);
    let reply = bench.ok("PLAY", URL, "");
    let urls = [0, 1].map(|n| reply.get("RTP-Info").split(',').nth(n).unwrap().split(';').next().unwrap());
    assert_eq!(urls, ["url=rtsp://h/clip/trackID=0", "url=rtsp://h/clip/trackID=1"]);
    bench.run(seconds(1));
    for (track, port) in [(0, 5000), (1, 5002)] {
        let packets = to(&bench, port);
        assert_eq!(packets.len(), 20);
        for (n, (at, packet)) in packets.iter().enumerate() {
            let offset = 13 * track as u64;
            assert_eq!(*at, millis(40 * n as u64 + offset));
            // rtptime stands for the start of the range (RFC 2326, 12.33), not for the first frame.
            let since = packet.timestamp.wrapping_sub(reply.rtp_info(track, "rtptime"));
            assert_eq!(since, 3600 * n as u32 + 90 * offset as u32);
        }
        assert_eq!(u32::from(packets[0].1.sequence), reply.rtp_info(track, "seq"));
    }
    assert_eq!(bench.told.iter().filter(|told| **told == Told::Ended).count(), 2);
}

#[test]
fn reports_of_both_tracks_agree_on_the_time() {
    let mut bench = bench();
    set_up(&mut bench);
    let play = bench.ok("PLAY", URL, "");
    bench.run(seconds(1));
    let reports = bench.datagrams.iter().filter(|datagram| datagram.port == Port::Rtcp);
    for report in reports {
        let track = usize::from(report.to.port() - 5001) / 2;
        let (_, info, _) = sender_report(&report.bytes);
        let since = info.rtp_timestamp.wrapping_sub(play.rtp_info(track, "rtptime"));
        assert_eq!(u64::from(since), report.at.as_micros() * 9 / 100);
    }
}

#[test]
fn pause_and_play_keep_the_tracks_together() {
    let mut bench = bench();
    set_up(&mut bench);
    bench.ok("PLAY", URL, "");
    bench.run(millis(100));
    bench.ok("PAUSE", URL, "");
    bench.run(millis(500));
    let sent = [to(&bench, 5000).len(), to(&bench, 5002).len()];
    assert_eq!(sent, [3, 3]);
    let reply = bench.ok("PLAY", URL, "");
    assert_eq!(reply.get("Range"), "npt=0.12-0.8");
    bench.run(seconds(1));
    let first = [5000, 5002].map(|port| to(&bench, port)[3].0);
    assert_eq!(first, [millis(600), millis(613)]);
}

#[test]
fn what_is_heard_of_one_track_keeps_both() {
    let mut bench = bench();
    set_up(&mut bench);
    bench.ok("PLAY", URL, "");
    for _ in 0..5 {
        bench.run(seconds(50));
        let from = SocketAddr::new(PEER, 5001);
        bench.conn.handle_datagram(bench.now(), from, PORTS.socket, Port::Rtcp, b"");
    }
    let closed = bench.told.iter().filter(|told| matches!(told, Told::Closed(..)));
    assert_eq!(closed.count(), 0);
    bench.run(seconds(61));
    let closed = bench.told.iter().filter(|told| matches!(told, Told::Closed(_, CloseReason::Timeout, _)));
    assert_eq!(closed.count(), 2);
}

#[test]
fn one_track_can_be_torn_down_and_then_the_other() {
    let mut bench = bench();
    set_up(&mut bench);
    bench.ok("PLAY", URL, "");
    bench.run(millis(10));
    bench.ok("TEARDOWN", &format!("{URL}/track0"), "");
    bench.run(seconds(1));
    assert_eq!((to(&bench, 5000).len(), to(&bench, 5002).len()), (1, 20));
    bench.ok("TEARDOWN", &format!("{URL}/track1"), "");
    bench.run(millis(1));
    // The second one is also at its end, where it says BYE, too.
    assert_eq!((goodbyes(&bench, 5000), goodbyes(&bench, 5002)), (1, 2));
}

#[test]
fn all_tracks_of_a_session_say_bye_when_it_is_torn_down() {
    let mut bench = bench();
    set_up(&mut bench);
    bench.ok("PLAY", URL, "");
    bench.run(millis(100));
    bench.ok("TEARDOWN", URL, "");
    bench.run(seconds(1));
    assert_eq!((goodbyes(&bench, 5000), goodbyes(&bench, 5002)), (1, 1));
    assert!(bench.datagrams.iter().all(|datagram| datagram.at <= millis(100)));
}

/// How many BYEs the track got whose RTP goes to a port, each of which names its SSRC.
fn goodbyes(bench: &Bench<Rings>, port: u16) -> usize {
    let ssrc = to(bench, port)[0].1.ssrc;
    let reports = bench.datagrams.iter().filter(|datagram| datagram.to.port() == port + 1);
    let reports = reports.map(|datagram| sender_report(&datagram.bytes));
    reports.inspect(|report| assert_eq!(report.0, ssrc)).filter(|report| report.2).count()
}

#[test]
fn two_sessions_on_one_connection_go_their_own_ways() {
    let mut bench = bench();
    bench.start(TCP, "");
    let first = core::mem::take(&mut bench.session);
    bench.run(millis(100));
    let setup = bench.start("Transport: RTP/AVP/TCP;unicast;interleaved=2-3\r\n", "Range: npt=0.4-\r\n");
    assert_ne!(bench.session, first);
    assert_eq!(setup.get("Session"), bench.session);
    bench.run(millis(50));
    let second = core::mem::replace(&mut bench.session, first);
    bench.ok("TEARDOWN", URL, "");
    bench.session = second;
    bench.ok("GET_PARAMETER", URL, "");
    bench.run(seconds(1));
    let sent = bench.sent();
    let count = |wanted| sent.iter().filter(|sent| matches!(sent, Sent::Data(n, _) if *n == wanted)).count();
    assert_eq!((count(0), count(2)), (4, 10));
}

#[test]
fn a_track_in_the_middle_of_a_frame_lends_nobody_the_clock_it_is_to_leave() {
    let mut bench = Bench::with(Rings([empty(), empty()]), Config::DEFAULT, None);
    bench.store.0.iter_mut().for_each(|ring| push(ring, 3000, pts(0)));
    bench.set_up(0, TCP);
    bench.set_up(1, "Transport: RTP/AVP/TCP;interleaved=2-3\r\n");
    bench.window = 2000;
    bench.receive(format!("PLAY {URL} RTSP/1.0\r\nCSeq: 3\r\nSession: {}\r\n\r\n", bench.session));
    bench.run(millis(500));
    bench.slow = true;
    let range = "Range: npt=60-\r\n";
    bench.receive(format!("PLAY {URL} RTSP/1.0\r\nCSeq: 4\r\nSession: {}\r\n{range}\r\n", bench.session));
    bench.answer();
    // The second track is there already, where no frame is yet; the first one is not.
    assert!(bench.conn.turn(bench.now(), &mut bench.storage).poll_stream(&bench.store).is_some());
    bench.store.0.iter_mut().for_each(|ring| push(ring, 3000, MediaTime::from_micros(60_000_000)));
    bench.window = usize::MAX;
    bench.run(seconds(1));
    let reply = bench.reply();
    assert_eq!(reply.get("CSeq"), "4");
    let packets = bench.channel(2);
    assert_eq!(rtp(&packets[0]).timestamp, reply.rtp_info(1, "rtptime"));
}
