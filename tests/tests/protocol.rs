//! The server's RTSP, RTP and RTCP, by hand: what a stock client would not notice, or would never
//! send.
use pinhole_tests::clip::Clip;
use pinhole_tests::dialogue::{Dialogue, Reply, UdpPair, datagram};
use pinhole_tests::hostile::{FALSE_REPORTS, bad_requests, noise, odd_requests};
use pinhole_tests::rtp::{Rtp, SenderReport, rtcp_packets, rtcp_type, sender_report};
use pinhole_tests::server::Server;
use pinhole_tests::undisturbed;
use std::io::{Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const SOON: Duration = Duration::from_secs(5);

/// A server of the sample clip and the clip's URL.
fn served(options: &[&str]) -> (Server, String) {
    let clip = Clip::sample();
    let server = Server::with(options, &[&clip.path]);
    let url = server.url(clip.mount());
    (server, url)
}

/// The next RTP packet on channel 0; `None` at a BYE, or after `limit` without one.
fn next_rtp(dialogue: &mut Dialogue, limit: Duration) -> Option<Rtp> {
    loop {
        match dialogue.interleaved(limit)? {
            (0, packet) => return Some(Rtp::parse(&packet)),
            (_, compound) if is_bye(&compound) => return None,
            _ => {}
        }
    }
}

fn is_bye(compound: &[u8]) -> bool {
    rtcp_packets(compound).iter().any(|(kind, _)| *kind == rtcp_type::BYE)
}

/// All packets up to the BYE, at the end of the clip.
fn play_out(dialogue: &mut Dialogue) -> Vec<Rtp> {
    std::iter::from_fn(|| next_rtp(dialogue, SOON)).collect()
}

fn frames(packets: &[Rtp]) -> usize {
    packets.iter().filter(|packet| packet.marker).count()
}

#[track_caller]
fn assert_contiguous(packets: &[Rtp]) {
    for pair in packets.windows(2) {
        assert_eq!(pair[1].sequence, pair[0].sequence.wrapping_add(1));
        assert_eq!(pair[1].ssrc, pair[0].ssrc);
    }
}

#[track_caller]
fn assert_first_is_announced(play: &Reply, first: &Rtp) {
    assert_eq!(play.rtp_info("seq"), u32::from(first.sequence), "{play:?}");
    assert_eq!(play.rtp_info("rtptime"), first.timestamp, "{play:?}");
    assert_eq!(first.fragment_offset(), 0, "the first packet begins a frame");
}

#[test]
fn options_names_the_methods() {
    let (server, url) = served(&[]);
    let mut dialogue = Dialogue::connect(server.address());
    for target in [&*url, "*"] {
        let public = dialogue.request("OPTIONS", target, &[]).ok();
        let public: Vec<_> = public.header("Public").unwrap().split(',').map(str::trim).collect();
        for method in ["DESCRIBE", "SETUP", "PLAY", "PAUSE", "TEARDOWN", "GET_PARAMETER", "SET_PARAMETER"] {
            assert!(public.contains(&method), "{method} not in {public:?}");
        }
    }
}

#[test]
fn a_description_names_jpeg_and_the_length() {
    let (server, url) = served(&[]);
    let reply = Dialogue::connect(server.address()).request("DESCRIBE", &url, &[]).ok();
    assert_eq!(reply.header("Content-Type"), Some("application/sdp"));
    assert!(reply.body.starts_with("v=0\r\n"), "{}", reply.body);
    assert!(reply.body.contains("m=video 0 RTP/AVP 26\r\n"), "{}", reply.body);
    // 60 frames at 30 a second.
    assert!(reply.body.contains("a=range:npt=0-2"), "{}", reply.body);
}

#[test]
fn play_resumes_where_pause_stopped() {
    let (server, url) = served(&[]);
    let mut dialogue = Dialogue::connect(server.address());
    dialogue.set_up_tcp(&url);
    dialogue.request("PLAY", &url, &[]).ok();
    let mut packets = Vec::new();
    while frames(&packets) < 20 {
        packets.push(next_rtp(&mut dialogue, SOON).expect("the clip has 60 frames"));
    }
    dialogue.request("PAUSE", &url, &[]).ok();
    // What was sent before the reply; then silence.
    packets.extend(std::iter::from_fn(|| next_rtp(&mut dialogue, Duration::ZERO)));
    assert_eq!(next_rtp(&mut dialogue, Duration::from_millis(700)), None, "RTP while paused");

    let play = dialogue.request("PLAY", &url, &[]).ok();
    let rest = play_out(&mut dialogue);
    assert_first_is_announced(&play, &rest[0]);
    packets.extend(rest);
    assert_contiguous(&packets);
    assert_eq!(frames(&packets), 60, "each frame once");
}

#[test]
fn a_range_starts_where_it_says() {
    let (server, url) = served(&[]);
    let mut dialogue = Dialogue::connect(server.address());
    dialogue.set_up_tcp(&url);
    dialogue.request("PLAY", &url, &[]).ok();
    let whole = play_out(&mut dialogue);
    assert_eq!(frames(&whole), 60);

    let play = dialogue.request("PLAY", &url, &[("Range", "npt=1-")]).ok();
    assert!(play.header("Range").is_some_and(|range| range.starts_with("npt=1")), "{play:?}");
    let second = play_out(&mut dialogue);
    assert_first_is_announced(&play, &second[0]);
    assert_eq!(frames(&second), 30, "one second of two");
    // The payloads are those of the second half, byte for byte.
    let payloads = |packets: &[Rtp]| packets.iter().map(|p| p.payload.clone()).collect::<Vec<_>>();
    assert_eq!(payloads(&second), payloads(&whole[whole.len() - second.len()..]));
    // Sequence and timestamp stay continuous across the jump (RFC 2326, B).
    assert_eq!(second[0].sequence, whole[whole.len() - 1].sequence.wrapping_add(1));
    let step = second[0].timestamp.wrapping_sub(whole[whole.len() - 1].timestamp);
    assert!((1..90_000 * 60).contains(&step), "the timestamp jumped by {step}");
}

#[test]
fn an_end_of_range_is_kept() {
    let (server, url) = served(&[]);
    let mut dialogue = Dialogue::connect(server.address());
    dialogue.set_up_tcp(&url);
    dialogue.request("PLAY", &url, &[("Range", "npt=0.5-1.5")]).ok();
    assert_eq!(frames(&play_out(&mut dialogue)), 30);
}

#[test]
fn play_starts_again_after_bye() {
    let _turn = undisturbed();
    let (server, url) = served(&[]);
    let mut dialogue = Dialogue::connect(server.address());
    dialogue.set_up_tcp(&url);
    for round in 0..2 {
        let play = dialogue.request("PLAY", &url, &[]).ok();
        let start = Instant::now();
        let packets = play_out(&mut dialogue);
        assert_first_is_announced(&play, &packets[0]);
        assert_eq!(frames(&packets), 60, "round {round}");
        // 59 intervals and one more before the BYE.
        let took = start.elapsed();
        assert!((1_800..3_000).contains(&took.as_millis()), "round {round} took {took:?}");
    }
}

#[test]
fn rtp_info_matches_the_packets() {
    let (server, url) = served(&[]);
    let mut dialogue = Dialogue::connect(server.address());
    let pair = UdpPair::bind();
    let setup = dialogue.set_up(&url, &pair.transport());
    let transport = setup.header("Transport").unwrap();
    let ports = transport.split(';').find_map(|part| part.strip_prefix("server_port=")).unwrap();
    let (rtp_port, rtcp_port) = ports.split_once('-').unwrap();
    let play = dialogue.request("PLAY", &url, &[]).ok();
    let (from, first) = datagram(&pair.rtp, SOON).expect("RTP comes");
    assert_eq!(from.port().to_string(), rtp_port);
    assert_first_is_announced(&play, &Rtp::parse(&first));
    let (from, report) = datagram(&pair.rtcp, SOON).expect("RTCP comes");
    assert_eq!(from.port().to_string(), rtcp_port);
    assert_eq!(sender_report(&report).map(|sr| sr.ssrc), Some(Rtp::parse(&first).ssrc));
    // The BYE ends the stream (RFC 3550, 6.6).
    let ends = std::iter::from_fn(|| datagram(&pair.rtcp, SOON)).any(|(_, compound)| is_bye(&compound));
    assert!(ends, "no BYE");
}

#[test]
fn a_sender_report_maps_both_clocks() {
    let _turn = undisturbed();
    let (server, url) = served(&["--loop"]);
    let mut dialogue = Dialogue::connect(server.address());
    dialogue.set_up_tcp(&url);
    dialogue.request("PLAY", &url, &[]).ok();
    let (mut rtp, mut reports) = (None, Vec::new());
    let end = Instant::now() + Duration::from_secs(30);
    while reports.len() < 2 && Instant::now() < end {
        let (channel, packet) = dialogue.interleaved(SOON).expect("an endless stream");
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
        match channel {
            0 => rtp = Some((Rtp::parse(&packet), now)),
            _ => reports.extend(sender_report(&packet).zip(rtp.clone())),
        }
    }
    assert_eq!(reports.len(), 2, "two sender reports within 30 s");
    for (report, (packet, at)) in &reports {
        assert_eq!(report.ssrc, packet.ssrc);
        // When the packet was to be shown, by the report; it came at that time, or nearly.
        let shown =
            unix_seconds(*report) + f64::from(packet.timestamp.wrapping_sub(report.rtp) as i32) / 90_000.0;
        assert!((shown - at).abs() < 0.5, "the report is {} s off", shown - at);
    }
    // The two clocks run alike.
    let [(first, _), (second, _)] = &reports[..] else { unreachable!() };
    let media = f64::from(second.rtp.wrapping_sub(first.rtp)) / 90_000.0;
    let wall = unix_seconds(*second) - unix_seconds(*first);
    assert!((media - wall).abs() < 0.05, "{media} s of RTP time in {wall} s");
}

/// The wall clock of a report, since 1970 instead of 1900.
fn unix_seconds(report: SenderReport) -> f64 {
    report.ntp as f64 / 2f64.powi(32) - 2_208_988_800.0
}

#[test]
fn messages_may_come_in_pieces() {
    let (server, url) = served(&[]);
    let mut dialogue = Dialogue::connect(server.address());
    let request = odd_requests(&url);
    for byte in request.as_bytes() {
        dialogue.send(&[*byte]);
    }
    dialogue.send(request.as_bytes());
    for cseq in ["1", "2", "3", "4", "1", "2", "3", "4"] {
        assert_eq!(dialogue.reply().ok().header("CSeq"), Some(cseq));
    }
}

#[test]
fn a_session_lives_and_ends() {
    let (server, url) = served(&["--loop"]);
    let mut dialogue = Dialogue::connect(server.address());
    let setup = dialogue.set_up_tcp(&url);
    let session = setup.header("Session").unwrap();
    let (id, parameters) = session.split_once(';').expect("a timeout is announced");
    assert!(id.len() >= 8 && parameters.contains("timeout="), "{session}");
    dialogue.request("PLAY", &url, &[]).ok();
    for method in ["GET_PARAMETER", "SET_PARAMETER", "OPTIONS", "PLAY"] {
        dialogue.request(method, &url, &[]).ok();
    }
    dialogue.request("TEARDOWN", &url, &[]).ok();
    assert_eq!(dialogue.request("PLAY", &url, &[]).status, 454);
}

#[test]
fn a_client_may_change_to_tcp() {
    let (server, url) = served(&[]);
    let mut dialogue = Dialogue::connect(server.address());
    // ffmpeg's way when no UDP arrives: it forgets the session and begins another.
    dialogue.set_up(&url, &UdpPair::bind().transport());
    dialogue.session = None;
    dialogue.set_up_tcp(&url);
    dialogue.request("PLAY", &url, &[]).ok();
    assert_eq!(frames(&play_out(&mut dialogue)), 60);
}

#[test]
fn the_first_supported_transport_is_taken() {
    let (server, url) = served(&[]);
    let list =
        "RAW/RAW/UDP;unicast, RTP/SAVP;unicast;client_port=5000-5001,RTP/AVP/TCP;interleaved=4-5;unicast";
    let reply = Dialogue::connect(server.address()).set_up(&url, list);
    let transport = reply.header("Transport").unwrap();
    assert!(transport.starts_with("RTP/AVP/TCP") && transport.contains("interleaved=4-5"), "{transport}");
}

#[test]
fn a_stream_is_never_aimed_at_a_third_party() {
    let (server, url) = served(&[]);
    let mut dialogue = Dialogue::connect(server.address());
    let pair = UdpPair::bind();
    let third = UdpSocket::bind(("127.0.0.2", pair.rtp.local_addr().unwrap().port())).unwrap();
    let setup = dialogue.try_set_up(&url, &format!("{};destination=127.0.0.2", pair.transport()));
    // To refuse is as good as to overlook it (RFC 2326, 16).
    if setup.status == 200 {
        dialogue.request("PLAY", &url, &[]).ok();
        assert!(datagram(&pair.rtp, SOON).is_some(), "the client itself gets nothing");
    }
    assert_eq!(datagram(&third, Duration::from_millis(300)), None);
}

#[test]
fn bad_requests_get_their_status() {
    let (server, url) = served(&[]);
    let mut bystander = Dialogue::connect(server.address());
    bystander.set_up_tcp(&url);
    bystander.request("PLAY", &url, &[]).ok();

    let cases = bad_requests(&url, &server.url("none"));
    for (request, statuses) in &cases {
        if request.starts_with("GET ") {
            // RTSP over HTTP comes to this port, too: who speaks HTTP is answered in it.
            let mut http = TcpStream::connect(server.address()).expect("the server listens");
            http.set_read_timeout(Some(2 * SOON)).expect("a TCP socket");
            http.write_all(request.as_bytes()).expect("the server reads");
            let mut status = [0; 13];
            http.read_exact(&mut status).expect("the server answers");
            assert_eq!(&status, b"HTTP/1.1 400 ");
            continue;
        }
        let mut dialogue = Dialogue::connect(server.address());
        dialogue.send(request.as_bytes());
        let status = dialogue.reply().status;
        assert!(statuses.contains(&status), "{status} instead of {statuses:?} for {request:.80}");
    }
    // No message at all: anything but a hang of the others will do.
    for noise in noise() {
        Dialogue::connect(server.address()).send(&noise);
    }
    assert_eq!(frames(&play_out(&mut bystander)), 60, "the bystander's stream suffered");
}

#[test]
fn an_unsupported_requirement_is_named() {
    let (server, url) = served(&[]);
    let reply = Dialogue::connect(server.address()).request("OPTIONS", &url, &[("Require", "warp")]);
    assert_eq!((reply.status, reply.header("Unsupported")), (551, Some("warp")));
}

#[test]
fn requests_in_the_wrong_state_are_refused() {
    let (server, url) = served(&[]);
    let mut dialogue = Dialogue::connect(server.address());
    dialogue.set_up_tcp(&url);
    // A range beyond the end (457), a session that another connection made up (454).
    assert_eq!(dialogue.request("PLAY", &url, &[("Range", "npt=100-")]).status, 457);
    dialogue.session = Some("made-up-by-the-client".to_owned());
    assert_eq!(dialogue.request("PAUSE", &url, &[]).status, 454);
}

#[test]
fn rubbish_costs_only_its_own_session() {
    let (mut server, url) = served(&[]);
    let mut dialogue = Dialogue::connect(server.address());
    dialogue.set_up_tcp(&url);
    dialogue.request("PLAY", &url, &[]).ok();
    dialogue.send(FALSE_REPORTS);
    assert_eq!(frames(&play_out(&mut dialogue)), 60);
    assert!(server.is_alive());
}
