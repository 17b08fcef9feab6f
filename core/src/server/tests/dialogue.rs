//! What clients and this server say to each other when all is well (RFC 2326, 10).
use super::*;

#[test]
fn options_names_the_methods() {
    let mut bench = Bench::new();
    for url in ["*", URL] {
        let reply = bench.ok("OPTIONS", url, "");
        assert_eq!(
            reply.get("Public"),
            "OPTIONS, DESCRIBE, SETUP, PLAY, PAUSE, TEARDOWN, GET_PARAMETER, SET_PARAMETER"
        );
    }
}

#[test]
fn a_description_says_what_its_controls_are_relative_to() {
    let mut bench = Bench::new();
    for (url, base) in [
        (URL, "rtsp://h/clip/"),
        ("rtsp://h/clip/", "rtsp://h/clip/"),
        // RFC 3986, 5.2 replaces all from the last slash on, and that may be one of the query.
        ("RTSP://h:8554/a%20b?x=1", "rtsp://h:8554/a%20b/"),
        ("rtsp://h/clip/?x=1/2", "rtsp://h/clip/"),
    ] {
        let reply = bench.ok("DESCRIBE", url, "Accept: text/html, application/sdp;q=0.5\r\n");
        assert_eq!(reply.get("Content-Base"), base);
        assert_eq!(reply.get("Content-Type"), "application/sdp");
        assert_eq!(reply.get("Content-Length"), format!("{}", reply.body.len()));
        assert!(reply.body.contains("a=range:npt=0-0.4\r\n"), "{}", reply.body);
    }
}

/// A client may append the control to what it asked for, or resolve it against Content-Base as RFC 3986 says or as
/// most do.
#[test]
fn a_query_is_no_obstacle_to_a_setup() {
    for url in [
        "rtsp://h/clip/trackID=0",
        "rtsp://h/clip/trackID=0?x=1",
        "rtsp://h/clip?x=1/trackID=0",
        "rtsp://h/clip/track0",
    ] {
        let mut bench = Bench::new();
        bench.ok("SETUP", url, TCP);
    }
}

#[cfg(feature = "timestamp")]
#[test]
fn a_timestamp_is_repeated_in_each_reply() {
    let mut bench = Bench::new();
    for (method, status) in [("OPTIONS", 200), ("DESCRIBE", 200), ("PLAY", 454), ("RECORD", 405)] {
        let reply = bench.request(method, URL, "Timestamp: 417.892 0.3\r\n");
        assert_eq!((reply.status, reply.get("Timestamp")), (status, "417.892 0.3"));
        assert_eq!(bench.request(method, URL, "").get("Timestamp"), "");
    }
    assert_eq!(bench.ok("SETUP", URL, &format!("Timestamp: 1\r\n{TCP}")).get("Timestamp"), "1");
}

#[test]
fn a_session_has_a_long_random_id_and_says_its_timeout() {
    let ids = [1, 2].map(|random| {
        let mut bench = Bench { random, ..Bench::new() };
        let session = String::from(bench.set_up(0, UDP).get("Session"));
        let (id, timeout) = session.split_once(';').unwrap();
        assert_eq!(timeout, "timeout=60");
        assert!(id.len() == 16 && id.bytes().all(|b| b.is_ascii_hexdigit()), "{id}");
        String::from(id)
    });
    assert_ne!(ids[0], ids[1]);
}

/// The numbers of a session: those that its packets tell everybody, and its identifier, which they must
/// not.
fn numbers(mut random: impl FnMut() -> u64) -> [u64; 5] {
    let mut bench = Bench::new();
    let (now, ports) = (bench.now(), Some(PORTS));
    let request = format!("SETUP {URL}/track0 RTSP/1.0\r\nCSeq: 1\r\n{UDP}\r\n");
    let mut turn = bench.conn.turn(now, &mut bench.storage);
    turn.set_ports(ports);
    turn.handle_stream(request.as_bytes()).unwrap();
    while let Some(event) = turn.poll_event() {
        let Event::Request(request) = event else { continue };
        let Action::Setup(setup) = request.action() else { panic!("a SETUP") };
        let _ = setup.accept(0, &mut random);
    }
    bench.turn();
    let session = String::from(bench.reply().get("Session").split(';').next().unwrap());
    bench.session = session.clone();
    bench.ok("PLAY", URL, "");
    bench.run(millis(1));
    let report = bench.datagrams.iter().find(|datagram| datagram.port == Port::Rtcp).unwrap();
    let [_, Ok(rtcp::Packet::SourceDescription(names))] =
        rtcp::Compound::new(&report.bytes).collect::<Vec<_>>()[..]
    else {
        panic!("a name")
    };
    let ssrc = sender_report(&report.bytes).0;
    let cname = String::from_utf8(names.cname(ssrc).unwrap().into()).unwrap();
    let first = bench.rtp()[0].1;
    let hexadecimal = |text: &str| u64::from_str_radix(text, 16).unwrap();
    let (sequence, timestamp) = (first.sequence.into(), first.timestamp.into());
    [hexadecimal(&session), hexadecimal(&cname), first.ssrc.into(), sequence, timestamp]
}

#[test]
fn no_number_of_a_session_tells_another() {
    let drawn = |bit: Option<usize>| {
        let mut draws = (0..Setup::DRAWS).map(|draw| match bit {
            Some(bit) if bit / 64 == draw => 0x0123_4567_89AB_CDEF ^ 1 << (bit % 64),
            _ => 0x0123_4567_89AB_CDEF,
        });
        numbers(move || draws.next().expect("no more draws"))
    };
    let usual = drawn(None);
    let mut bits = [0; 5];
    for bit in 0..64 * Setup::DRAWS {
        let changed = drawn(Some(bit));
        let differ: Vec<_> = (0..5).filter(|&n| changed[n] != usual[n]).collect();
        assert!(differ.len() <= 1, "bit {bit} is in {differ:?}");
        differ.iter().for_each(|&n| bits[n] += 1);
    }
    // Those of the session, CNAME, SSRC, sequence number and timestamp.
    assert_eq!(bits, [64, 64, 32, 16, 32]);
}

#[test]
fn play_announces_its_first_packet_and_sends_the_clip_whole() {
    let mut bench = Bench::new();
    let reply = bench.start(UDP, "Range: npt=0.000-\r\n");
    assert_eq!(reply.get("Range"), "npt=0-0.4");
    assert!(reply.get("RTP-Info").starts_with("url=rtsp://h/clip/trackID=0;seq="), "{reply:?}");
    bench.run(seconds(1));

    let packets = bench.rtp();
    let first = packets[0].1;
    assert_eq!(reply.rtp_info(0, "seq"), u32::from(first.sequence));
    assert_eq!(reply.rtp_info(0, "rtptime"), first.timestamp);
    assert_eq!(packets.len(), 30);
    for (n, (_, packet)) in packets.iter().enumerate() {
        assert_eq!(packet.sequence, first.sequence.wrapping_add(n as u16));
        assert_eq!(packet.timestamp, first.timestamp.wrapping_add(n as u32 / 3 * 3600));
        assert_eq!((packet.marker, packet.offset == 0), (n % 3 == 2, n % 3 == 0));
    }
}

#[test]
fn a_range_starts_at_the_first_frame_in_it() {
    let mut bench = Bench::new();
    let reply = bench.start(UDP, "Range: npt=0.1-\r\n");
    assert_eq!(reply.get("Range"), "npt=0.12-0.4");
    bench.run(seconds(1));
    let packets = bench.rtp();
    assert_eq!((packets.len(), packets[0].1.timestamp), (7 * 3, reply.rtp_info(0, "rtptime")));
}

#[test]
fn a_range_ends_before_the_first_frame_behind_it_and_play_goes_on_from_there() {
    let mut bench = Bench::new();
    let reply = bench.start(UDP, "Range: npt=0.08-0.2\r\n");
    assert_eq!(reply.get("Range"), "npt=0.08-0.2");
    bench.run(seconds(1));
    let first = bench.rtp();
    assert_eq!(first.len(), 3 * 3);
    assert_eq!(bench.told, [Told::Opened(0, LowerTransport::Udp), Told::Ended]);

    let reply = bench.ok("PLAY", URL, "");
    assert_eq!(reply.get("Range"), "npt=0.2-0.4");
    bench.run(seconds(1));
    let rest = bench.rtp();
    assert_eq!(rest.len(), 5 * 3);
    assert_eq!(rest[0].1.sequence, first[8].1.sequence.wrapping_add(1));
    assert_eq!(rest[0].1.timestamp, first[8].1.timestamp.wrapping_add(3600));
}

/// The connection takes 2000 bytes of each turn, so that a frame is under way when a request comes.
fn in_the_middle_of_a_frame() -> Bench {
    let mut bench = Bench::new();
    bench.set_up(0, TCP);
    bench.out.clear();
    bench.window = 2000;
    bench
}

#[test]
fn pause_finishes_the_frame_and_play_goes_on_with_the_next_one() {
    let mut bench = in_the_middle_of_a_frame();
    bench.receive(format!("PLAY {URL} RTSP/1.0\r\nCSeq: 2\r\nSession: {}\r\n\r\n", bench.session));
    bench.receive(format!("PAUSE {URL} RTSP/1.0\r\nCSeq: 3\r\nSession: {}\r\n\r\n", bench.session));
    bench.window = usize::MAX;
    bench.run(seconds(5));
    let before: Vec<_> = bench.channel(0).iter().map(|bytes| rtp(bytes)).collect();
    assert_eq!(before.iter().map(|packet| packet.marker).collect::<Vec<_>>(), [false, false, true]);

    let reply = bench.ok("PLAY", URL, "");
    assert_eq!(reply.get("Range"), "npt=0.04-0.4");
    bench.run(seconds(1));
    let after: Vec<_> = bench.channel(0).iter().map(|bytes| rtp(bytes)).collect();
    assert_eq!(after.len(), 9 * 3);
    assert_eq!(after[0].sequence, before[2].sequence.wrapping_add(1));
    assert_eq!(after[0].timestamp, before[2].timestamp.wrapping_add(3600));
    assert_eq!(u32::from(after[0].sequence), reply.rtp_info(0, "seq"));
    assert_eq!(after[0].timestamp, reply.rtp_info(0, "rtptime"));
}

#[test]
fn play_elsewhere_while_playing_goes_there_after_the_frame() {
    let mut bench = in_the_middle_of_a_frame();
    let session = bench.session.clone();
    bench.receive(format!("PLAY {URL} RTSP/1.0\r\nCSeq: 2\r\nSession: {session}\r\n\r\n"));
    bench
        .receive(format!("PLAY {URL} RTSP/1.0\r\nCSeq: 3\r\nSession: {session}\r\nRange: npt=0.32-\r\n\r\n"));
    bench.window = usize::MAX;
    bench.run(seconds(1));
    let reply = bench.reply();
    assert_eq!(reply.get("CSeq"), "3");
    let packets: Vec<_> = bench.channel(0).iter().map(|bytes| rtp(bytes)).collect();
    // The frame that was begun, and the last two.
    assert_eq!(packets.len(), 3 * 3);
    let there = packets[3];
    assert_eq!(u32::from(there.sequence), reply.rtp_info(0, "seq"));
    assert_eq!(there.timestamp, reply.rtp_info(0, "rtptime"));
    assert_eq!(there.timestamp, packets[2].timestamp.wrapping_add(3600));
    assert_eq!(there.sequence, packets[2].sequence.wrapping_add(1));
}

#[test]
fn a_pause_before_the_jump_does_not_forget_where_to() {
    let mut bench = in_the_middle_of_a_frame();
    bench.window = 1000;
    let session = bench.session.clone();
    for request in ["PLAY", "PLAY", "PAUSE"] {
        bench.cseq += 1;
        let range = if bench.cseq == 3 { "Range: npt=0.32-\r\n" } else { "" };
        let cseq = bench.cseq;
        bench.receive(format!(
            "{request} {URL} RTSP/1.0\r\nCSeq: {cseq}\r\nSession: {session}\r\n{range}\r\n"
        ));
    }
    bench.window = usize::MAX;
    bench.run(seconds(1));
    assert_eq!(bench.channel(0).len(), 3);
    assert_eq!(bench.ok("PLAY", URL, "").get("Range"), "npt=0.32-0.4");
}

#[test]
fn play_while_playing_changes_nothing() {
    let mut bench = Bench::new();
    bench.start(UDP, "");
    bench.run(millis(100));
    let reply = bench.ok("PLAY", URL, "");
    assert_eq!(reply.get("Range"), "");
    let announced = (reply.rtp_info(0, "seq"), reply.rtp_info(0, "rtptime"));
    let before = bench.rtp().len();
    bench.run(seconds(1));
    let after = bench.rtp();
    assert_eq!(before + after.len(), 30);
    assert_eq!(announced, (u32::from(after[0].1.sequence), after[0].1.timestamp));
}

#[test]
fn play_in_the_last_interval_changes_nothing_either() {
    let mut bench = Bench::new();
    bench.start(UDP, "");
    bench.run(millis(380));
    assert_eq!(bench.rtp().len(), 30);
    bench.ok("PLAY", URL, "");
    bench.run(seconds(1));
    assert_eq!(bench.told.iter().filter(|told| **told == Told::Ended).count(), 1);
    assert_eq!(bench.datagrams.last().unwrap().at, millis(400));
}

#[test]
fn teardown_ends_the_session_at_once_with_bye_and_the_connection_goes_on() {
    let mut bench = Bench::new();
    let ssrc = ssrc_of(&bench.set_up(0, UDP));
    bench.ok("PLAY", URL, "");
    bench.run(millis(50));
    bench.datagrams.clear();
    bench.ok("TEARDOWN", URL, "");
    bench.run(seconds(1));
    let Told::Closed(0, CloseReason::Teardown, summary) = bench.told[1] else { panic!("{:?}", bench.told) };
    assert_eq!((summary.frames, summary.packets, summary.lifetime), (2, 6, millis(50)));
    let [bye] = &bench.datagrams[..] else { panic!("{:?}", bench.datagrams) };
    assert_eq!((bye.at, bye.port, bye.to), (millis(50), Port::Rtcp, SocketAddr::new(PEER, 5001)));
    assert_is_bye(&bye.bytes, ssrc, &summary);
    assert_eq!(bench.request("PLAY", URL, "").status, 454);
    bench.session.clear();
    bench.start(UDP, "");
}

#[test]
fn the_bye_of_an_interleaved_session_follows_the_answer_to_teardown() {
    // Also where it has ended, and where the connection takes it in pieces.
    for (played, write) in [(50, usize::MAX), (50, 7), (5_000, usize::MAX)] {
        let mut bench = Bench::new();
        bench.write = write;
        let ssrc = ssrc_of(&bench.set_up(0, TCP));
        bench.ok("PLAY", URL, "");
        bench.run(millis(played));
        bench.sent();
        bench.receive(format!("TEARDOWN {URL} RTSP/1.0\r\nCSeq: 9\r\nSession: {}\r\n\r\n", bench.session));
        let sent = bench.sent();
        let [Sent::Reply(reply), Sent::Data(1, bye)] = &sent[..] else { panic!("{sent:?}") };
        assert_eq!((reply.status, reply.get("CSeq")), (200, "9"));
        let Some(Told::Closed(0, CloseReason::Teardown, summary)) = bench.told.last() else {
            panic!("{:?}", bench.told)
        };
        assert_is_bye(bye, ssrc, summary);
        bench.run(seconds(1));
        assert_eq!((bench.sent(), bench.conn.routes().count()), (Vec::new(), 0));
    }
}

#[test]
fn who_has_sent_nothing_says_no_bye() {
    for transport in [UDP, TCP] {
        let mut bench = Bench::new();
        bench.set_up(0, transport);
        bench.ok("TEARDOWN", URL, "");
        bench.run(seconds(1));
        assert_eq!((bench.sent(), &bench.datagrams[..]), (Vec::new(), &[][..]));
        assert!(matches!(bench.told[1], Told::Closed(0, CloseReason::Teardown, Summary { packets: 0, .. })));
    }
}

/// The SSRC that the reply to a SETUP names.
fn ssrc_of(setup: &Reply) -> u32 {
    let ssrc = setup.get("Transport").split(";ssrc=").nth(1).unwrap();
    u32::from_str_radix(ssrc.split(';').next().unwrap(), 16).unwrap()
}

/// SR, SDES with a CNAME of 16 bytes, and BYE (RFC 3550, 6.4.1, 6.5 and 6.6).
#[track_caller]
fn assert_is_bye(compound: &[u8], ssrc: u32, summary: &Summary) {
    let source = ssrc.to_be_bytes();
    let (packets, octets) = (summary.packets as u32, summary.octets as u32);
    assert_eq!(compound[..8], [&[0x80, 200, 0, 6], &source[..]].concat());
    assert_eq!(compound[20..28], [packets.to_be_bytes(), octets.to_be_bytes()].concat());
    assert_eq!(compound[28..38], [&[0x81, 202, 0, 6], &source[..], &[1, 16]].concat());
    assert!(compound[38..54].iter().all(u8::is_ascii_hexdigit));
    assert_eq!(compound[54..], [&[0, 0, 0x81, 203, 0, 1], &source[..]].concat());
}

#[test]
fn parameters_without_a_body_are_a_ping() {
    let mut bench = Bench::new();
    bench.ok("GET_PARAMETER", "*", "");
    bench.set_up(0, UDP);
    for method in ["GET_PARAMETER", "SET_PARAMETER", "OPTIONS"] {
        bench.ok(method, URL, "");
    }
    let reply = bench.request("SET_PARAMETER", URL, "Content-Length: 13\r\n\r\nbarparam: x");
    assert_eq!(reply.status, 451);
    assert_eq!(reply.get("Session"), bench.session);
}

#[test]
fn a_description_may_take_its_time_and_requests_keep_their_order() {
    let mut bench = Bench::new();
    bench.slow = true;
    bench.receive(format!("DESCRIBE {URL} RTSP/1.0\r\nCSeq: 1\r\n\r\nOPTIONS * RTSP/1.0\r\nCSeq: 2\r\n\r\n"));
    bench.run(seconds(1));
    assert_eq!(bench.sent(), []);
    bench.answer();
    bench.turn();
    let replies = bench.sent();
    let cseq = |sent: &Sent| match sent {
        Sent::Reply(reply) => String::from(reply.get("CSeq")),
        Sent::Data(..) => String::new(),
    };
    assert_eq!(replies.iter().map(cseq).collect::<Vec<_>>(), ["1", "2"]);
}

#[test]
fn a_url_too_long_for_rtp_info_is_played_without() {
    let mut bench = Bench::new();
    let url = format!("{URL}?token={}", "x".repeat(1400));
    let setup = bench.ok("SETUP", &format!("{url}/track0"), UDP);
    bench.session = setup.get("Session").split(';').next().unwrap().into();
    let reply = bench.ok("PLAY", &url, "");
    assert_eq!((reply.get("Range"), reply.get("RTP-Info")), ("npt=0-0.4", ""));
}
