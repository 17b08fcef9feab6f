//! How long sessions and connections live (RFC 2326, A.2 and 12.37).
use super::*;

#[test]
fn a_connection_that_never_asks_is_closed() {
    let mut bench = Bench::new();
    bench.run(millis(9_999));
    assert_eq!(bench.told, []);
    bench.run(millis(1));
    assert_eq!(bench.told, [Told::Disconnect(ConnError::Idle)]);
    assert_eq!(bench.next(), None);
}

#[test]
fn after_the_first_request_there_is_more_patience() {
    let mut bench = Bench::new();
    bench.run(seconds(9));
    bench.ok("OPTIONS", "*", "");
    bench.run(millis(59_999));
    assert_eq!(bench.told, []);
    bench.run(millis(1));
    assert_eq!(bench.told, [Told::Disconnect(ConnError::Idle)]);
}

#[test]
fn bytes_that_make_no_request_do_not_keep_a_connection() {
    let mut bench = Bench::new();
    for _ in 0..10 {
        bench.receive("O");
        bench.run(seconds(1));
    }
    assert_eq!(bench.told, [Told::Disconnect(ConnError::Idle)]);
}

/// Whole messages that ask for nothing, from a client that has asked for something before.
#[test]
fn messages_that_are_no_requests_do_not_keep_a_connection() {
    let nothing =
        ["$\0\0\0", "$\u{7}\0\u{4}abcd", "RTSP/1.0 200 OK\r\nCSeq: 9\r\n\r\n", "\r\n", "OPTIONS * "];
    for message in nothing {
        for asks in [false, true] {
            let mut bench = Bench::new();
            if asks {
                bench.ok("OPTIONS", "*", "");
            }
            let patience = if asks { 60 } else { 10 };
            for _ in 0..patience / 2 {
                assert_eq!(bench.told, []);
                bench.receive(message);
                bench.run(seconds(2));
            }
            assert_eq!(bench.told, [Told::Disconnect(ConnError::Idle)], "{message:?}");
        }
    }
}

#[test]
fn only_a_sessions_own_channels_keep_it() {
    for (channel, is_own) in [(0, true), (1, true), (2, false), (254, false)] {
        let mut bench = Bench::new();
        bench.set_up(0, TCP);
        for _ in 0..4 {
            bench.run(seconds(50));
            bench.receive([b'$', channel, 0, 0]);
        }
        let is_kept = bench.told == [Told::Opened(0, LowerTransport::Interleaved)];
        assert_eq!(is_kept, is_own, "{channel}: {:?}", bench.told);
    }
}

#[test]
fn a_connection_that_asks_is_kept() {
    let mut bench = Bench::new();
    for _ in 0..4 {
        bench.ok("OPTIONS", "*", "");
        bench.run(seconds(50));
    }
    assert_eq!(bench.told, []);
}

#[test]
fn a_silent_udp_client_is_said_goodbye_to_and_then_its_connection_ends() {
    let mut bench = Bench::of(Clip::of(10_000, 100));
    bench.start(UDP, "");
    bench.run(millis(59_999));
    bench.datagrams.clear();
    bench.run(millis(2));
    let last = bench.datagrams.last().unwrap();
    assert_eq!((last.port, sender_report(&last.bytes).2), (Port::Rtcp, true));
    let [Told::Opened(..), Told::Closed(0, CloseReason::Timeout, summary), Told::Disconnect(ConnError::Idle)] =
        bench.told[..]
    else {
        panic!("{:?}", bench.told)
    };
    assert_eq!(summary.frames, 1500);
    bench.datagrams.clear();
    bench.run(seconds(10));
    assert_eq!((&bench.datagrams[..], bench.next()), (&[][..], None));
}

#[test]
fn a_session_that_never_played_ends_without_a_word() {
    let mut bench = Bench::new();
    bench.set_up(0, UDP);
    bench.run(seconds(61));
    assert_eq!(bench.datagrams, []);
    assert!(matches!(bench.told[1], Told::Closed(0, CloseReason::Timeout, Summary { packets: 0, .. })));
}

#[test]
fn requests_and_reports_keep_a_session() {
    let mut bench = Bench::of(Clip::of(10_000, 100));
    bench.start(UDP, "");
    let from = SocketAddr::new(PEER, 5001);
    for n in 0..6 {
        bench.run(seconds(50));
        if n % 2 == 0 {
            bench.ok("GET_PARAMETER", URL, "");
        } else {
            // A report that tells nothing is a sign of life too.
            bench.conn.handle_datagram(bench.now(), from, PORTS.socket, Port::Rtcp, b"");
        }
    }
    assert_eq!(bench.told, [Told::Opened(0, LowerTransport::Udp)]);
    bench.run(seconds(61));
    assert!(matches!(bench.told[1], Told::Closed(0, CloseReason::Timeout, _)));
}

#[test]
fn requests_for_another_session_do_not_keep_this_one() {
    let mut bench = Bench::new();
    bench.set_up(0, UDP);
    bench.session.clear();
    bench.set_up(1, UDP);
    for _ in 0..2 {
        bench.run(seconds(31));
        bench.ok("GET_PARAMETER", URL, "");
    }
    let closed: Vec<_> = bench.told.iter().filter(|told| matches!(told, Told::Closed(..))).collect();
    assert!(matches!(closed[..], [Told::Closed(0, CloseReason::Timeout, _)]), "{closed:?}");
}

#[test]
fn a_client_that_takes_what_it_is_sent_is_alive() {
    let mut bench = Bench::of(Clip::of(5_000, 100));
    bench.start(TCP, "");
    bench.run(seconds(190));
    assert_eq!(bench.told, [Told::Opened(0, LowerTransport::Interleaved)]);
}

#[test]
fn a_client_that_reads_nothing_is_let_go_all_the_same() {
    let mut bench = Bench::of(Clip::of(10_000, 2_000));
    bench.start(TCP, "");
    bench.run(millis(50));
    bench.window = 0;
    bench.run(seconds(130));
    assert!(matches!(bench.told[1], Told::Closed(0, CloseReason::Timeout, _)), "{:?}", bench.told);
    assert_eq!(bench.told[2], Told::Disconnect(ConnError::Idle));
}

#[test]
fn a_request_whose_session_ends_before_it_is_told_is_refused() {
    let mut bench = Bench::of(Clip::of(10, 100));
    bench.set_up(0, UDP);
    let play = format!("PLAY {URL} RTSP/1.0\r\nCSeq: 2\r\nSession: {}\r\n\r\n", bench.session);
    bench.take(play.as_bytes()).unwrap();
    bench.at = bench.at + seconds(60);
    bench.turn();
    assert_eq!(bench.reply().status, 454);
    assert_eq!(bench.put_off, 0);
    bench.ok("OPTIONS", "*", "");
}

#[test]
fn a_request_whose_session_ends_before_it_is_answered_is_refused() {
    let mut bench = Bench::of(Clip::of(10, 100));
    bench.set_up(0, UDP);
    bench.slow = true;
    bench.receive(format!("PLAY {URL} RTSP/1.0\r\nCSeq: 2\r\nSession: {}\r\n\r\n", bench.session));
    bench.run(seconds(60));
    bench.answer();
    bench.turn();
    assert_eq!(bench.reply().status, 454);
    bench.run(seconds(1));
    assert_eq!(bench.datagrams, []);
}

#[test]
fn a_connection_that_fails_ends_its_sessions_with_bye() {
    for transport in [TCP, UDP] {
        let mut bench = Bench::new();
        bench.start(transport, "");
        bench.run(millis(10));
        bench.receive("\x16\x03\x01\x02\0");
        bench.run(millis(1));
        let report = match transport {
            TCP => bench.channel(1).last().unwrap().to_vec(),
            _ => bench.datagrams.iter().rfind(|d| d.port == Port::Rtcp).unwrap().bytes.clone(),
        };
        assert!(sender_report(&report).2, "{transport}: no BYE");
        let closed = bench.told.iter().any(|told| matches!(told, Told::Closed(0, CloseReason::Closed, _)));
        assert!(closed, "{transport}: {:?}", bench.told);
    }
}

#[test]
fn close_says_goodbye_and_takes_no_more() {
    let mut bench = Bench::new();
    bench.start(TCP, "");
    bench.run(millis(10));
    bench.conn.close();
    bench.run(millis(1));
    let reports = bench.channel(1);
    assert!(sender_report(reports.last().unwrap()).2);
    assert!(bench.told.contains(&Told::Disconnect(ConnError::Closed)));
    assert!(bench.told.iter().any(|told| matches!(told, Told::Closed(0, CloseReason::Closed, _))));
    assert_eq!(bench.take(b"O"), Err(ConnError::Closed));
    bench.run(seconds(1));
    assert_eq!((bench.sent(), bench.next()), (vec![], None));
}

#[test]
fn a_lost_connection_ends_what_was_interleaved_and_says_goodbye_to_the_rest() {
    let mut bench = Bench::new();
    bench.start(TCP, "");
    bench.session.clear();
    bench.set_up(1, UDP);
    bench.ok("PLAY", URL, "");
    bench.run(millis(10));
    bench.sent();
    bench.window = 0;
    bench.conn.disconnected();
    bench.run(millis(1));
    let closed = |told: &&Told| matches!(told, Told::Closed(_, CloseReason::Closed, _));
    assert_eq!(bench.told.iter().filter(closed).count(), 2);
    assert!(sender_report(&bench.datagrams.last().unwrap().bytes).2);
}

#[test]
fn storage_that_is_too_small_ends_the_connection() {
    for config in [Config::DEFAULT, Config { max_packet: 0, ..Config::DEFAULT }] {
        let need = config.storage_len(0);
        for len in [need, need - 1, 0] {
            let mut bench = Bench::with(Clip::of(1, 1), config, None);
            bench.storage.truncate(len);
            bench.receive("OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n");
            if len == need {
                assert_eq!(bench.reply().status, 200);
                continue;
            }
            let error = ConnError::StorageTooSmall { need };
            assert_eq!((bench.sent(), &bench.told[..]), (vec![], &[Told::Disconnect(error)][..]));
            assert_eq!(format!("{error}"), format!("a connection's storage must have {need} bytes or more"));
        }
    }
}
