//! The client against what other servers answer, and against what no server should answer.
use super::script::{OPTIONS, PLAY, SDP, Script, TCP, described, framed};
use crate::client::{ClientConn, ClientError, Config, Event, TransportChoice, Unusable};
use crate::frame::Seek;
use crate::rtsp::{Method, Pair, Status};
use crate::time::{Duration, Instant, Now};
use std::string::String;
use std::{format, vec};

#[test]
fn the_password_stays_at_home_and_the_query_in_the_url() {
    let mut script = Script::new(TransportChoice::Tcp);
    assert!(
        script.request().starts_with("OPTIONS rtsp://cam.example/live?channel=1 RTSP/1.0\r\nCSeq: 1\r\n")
    );
    script.reply(OPTIONS);
    let describe = script.request();
    assert!(describe.starts_with("DESCRIBE rtsp://cam.example/live?channel=1 RTSP/1.0\r\nCSeq: 2\r\n"));
    assert!(describe.contains("\r\nAccept: application/sdp\r\n"));
}

#[test]
fn controls_are_resolved_as_servers_expect() {
    let base = "Content-Base: rtsp://cam.example/base/\r\n";
    let location = "Content-Location: rtsp://cam.example/location\r\n";
    let cases = [
        // live555: a base with a slash.
        (base, "*", "trackID=2", "rtsp://cam.example/base/trackID=2", "rtsp://cam.example/base/"),
        (location, "*", "trackID=2", "rtsp://cam.example/location/trackID=2", "rtsp://cam.example/location"),
        // Hikvision: absolute controls.
        (
            base,
            "rtsp://cam.example/all",
            "rtsp://cam.example/t2",
            "rtsp://cam.example/t2",
            "rtsp://cam.example/all",
        ),
        (base, "all", "t2", "rtsp://cam.example/base/t2", "rtsp://cam.example/base/all"),
        ("", "*", "t2", "rtsp://cam.example/live?channel=1/t2", "rtsp://cam.example/live?channel=1"),
        (base, "", "", "rtsp://cam.example/base/", "rtsp://cam.example/base/"),
    ];
    for (header, session, media, setup, play) in cases {
        let control = |control: &str| match control {
            "" => String::new(),
            control => format!("a=control:{control}\r\n"),
        };
        let sdp = format!(
            "v=0\r\ns=x\r\n{}m=video 0 RTP/AVP 96\r\na=rtpmap:96 jpeg/90000\r\n{}",
            control(session),
            control(media)
        );
        let described = described(&sdp).replacen("Content-Type", &format!("{header}Content-Type"), 1);
        let mut script = Script::after(TransportChoice::Tcp, &[OPTIONS, &described]);
        assert!(script.request().starts_with(&format!("SETUP {setup} RTSP/1.0\r\n")));
        script.reply(TCP);
        assert!(script.request().starts_with(&format!("PLAY {play} RTSP/1.0\r\n")));
    }
}

#[test]
fn a_track_that_cannot_be_received_is_passed_over_unless_it_is_the_only_one() {
    let mut script = Script::after(TransportChoice::Tcp, &[OPTIONS, &described(SDP)]);
    assert_eq!(script.events(), [Event::Described { tracks: 1, duration: None }]);
    assert!(script.request().contains("trackID=2 RTSP"));

    let h264 = "v=0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n";
    let mut script = Script::after(TransportChoice::Tcp, &[OPTIONS, &described(h264)]);
    assert_eq!(script.events(), [Event::Failed(ClientError::NoTrack)]);
}

#[test]
fn more_tracks_than_fit_are_passed_over() {
    let sdp = format!("v=0\r\n{}", "m=video 0 RTP/AVP 26\r\na=control:x\r\n".repeat(9));
    let mut script = Script::after(TransportChoice::Tcp, &[OPTIONS, &described(&sdp)]);
    assert_eq!(script.events(), [Event::Described { tracks: 4, duration: None }]);
}

#[test]
fn what_does_not_speak_rtsp_is_named() {
    let cases: [(&[u8], ClientError); 4] = [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", ClientError::Http { at: 0 }),
        (b"\x15\x03\x01\x00\x02\x02\x16", ClientError::NotRtsp { at: 0 }),
        (b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", ClientError::NotRtsp { at: 22 }),
        (b"220 mail.example ESMTP\r\n", ClientError::NotRtsp { at: 17 }),
    ];
    for (bytes, error) in cases {
        let mut script = Script::new(TransportChoice::Auto);
        script.request();
        script.bytes(bytes);
        assert_eq!(script.events(), [Event::Failed(error)]);
        let now = script.at();
        assert_eq!(script.client.handle_stream(now, b"x", &mut script.album), Err(error));
        assert_eq!(script.said(), "");
    }
}

#[test]
fn an_error_tells_its_byte_of_the_connection() {
    let mut script = Script::playing();
    let before: usize = [OPTIONS, &described(SDP), TCP, PLAY].iter().map(|text| text.len() - 1).sum();
    script.bytes(&framed(9, &[0; 96]));
    script.bytes(b"\x00\x01");
    let at = before as u64 + 100;
    assert_eq!(script.events(), [Event::Failed(ClientError::NotRtsp { at })]);
}

#[test]
fn refusals_are_told_with_what_the_server_wants() {
    let refused = |method, status| Event::Refused { method, status };
    let forbidden = "RTSP/1.0 403 Forbidden\r\nCSeq: {}\r\n\r\n";
    let mut script = Script::after(TransportChoice::Tcp, &[forbidden, forbidden]);
    assert_eq!(script.events(), [refused(Method::Describe, Status(403)), Event::Closed]);

    let not_found = "RTSP/1.0 404 Not Found\r\nCSeq: {}\r\n\r\n";
    let mut script = Script::after(TransportChoice::Tcp, &[OPTIONS, not_found]);
    assert_eq!(script.events(), [refused(Method::Describe, Status::NOT_FOUND), Event::Closed]);

    let invalid = "RTSP/1.0 457 Invalid Range\r\nCSeq: {}\r\n\r\n";
    let mut script = Script::after(TransportChoice::Tcp, &[OPTIONS, &described(SDP), TCP]);
    script.client.play(Some(Seek::Live));
    assert!(script.request().contains("\r\nRange: npt=now-\r\n"));
    script.reply(invalid);
    script.request();
    script.reply(invalid);
    assert_eq!(script.events().last(), Some(&refused(Method::Play, Status::INVALID_RANGE)));
}

#[test]
fn a_redirect_tells_where_to() {
    let moved = "RTSP/1.0 302 Moved Temporarily\r\nCSeq: {}\r\nLocation: rtsp://other.example/live\r\n\r\n";
    let mut script = Script::after(TransportChoice::Tcp, &[OPTIONS, moved]);
    let location = &b"rtsp://other.example/live"[..];
    assert_eq!(script.events(), [Event::Redirected { location }, Event::Closed]);
}

#[test]
fn a_device_that_counts_wrongly_is_understood() {
    let mut script = Script::after(
        TransportChoice::Tcp,
        &[
            "RTSP/1.0 200 OK\r\nCSeq: 99\r\n\r\n",
            &described(SDP).replace("CSeq: {}\r\n", ""),
            "RTSP/1.0 100 Continue\r\nCSeq: {}\r\n\r\n",
        ],
    );
    assert_eq!(script.said(), "");
    script.reply(TCP);
    assert!(script.request().starts_with("PLAY"));
}

#[test]
fn a_receive_buffer_is_announced_with_the_ports() {
    for (announced, said) in [(None, false), (Some(212_992), true)] {
        let mut script = Script::after(TransportChoice::Auto, &[OPTIONS, &described(SDP)]);
        script.said();
        assert!(script.events().contains(&Event::Setup { track: 0 }));
        announced.into_iter().for_each(|bytes| script.client.announce_buffer(bytes));
        script.client.setup(0, Some(Pair { rtp: 6_000, rtcp: 6_001 })).unwrap();
        let request = script.request();
        assert!(request.starts_with("SETUP"), "{request}");
        assert_eq!(request.contains("\r\nx-receive-buffer: 212992\r\n"), said, "{request}");
        assert_eq!(request.matches("receive-buffer").count(), usize::from(said), "{request}");
        // On a byte stream, it would mean nothing.
        script.reply("RTSP/1.0 461 Unsupported Transport\r\nCSeq: {}\r\n\r\n");
        let request = script.request();
        assert!(request.starts_with("SETUP") && !request.contains("receive-buffer"), "{request}");
    }
}

#[test]
fn the_response_to_a_request_that_was_given_up_is_not_mistaken_for_another() {
    let udp = "RTSP/1.0 200 OK\r\nCSeq: {}\r\nSession: 1\r\nTransport: RTP/AVP;server_port=7000-7001\r\n\r\n";
    let mut script = Script::after(TransportChoice::Auto, &[OPTIONS, &described(SDP)]);
    script.said();
    assert!(script.events().contains(&Event::Setup { track: 0 }));
    assert!(script.client.setup(1, None).is_err());
    script.client.setup(0, Some(Pair { rtp: 6_000, rtcp: 6_001 })).unwrap();
    assert!(script.request().contains("\r\nTransport: RTP/AVP;unicast;client_port=6000-6001\r\n"));
    script.reply(udp);
    let ports = Some(Pair { rtp: 7_000, rtcp: 7_001 });
    assert_eq!(script.events(), [Event::ServerPorts { track: 0, ports, source: None }]);
    script.request();
    script.reply(PLAY);
    script.pass(Duration::from_secs(2));
    assert!(script.request().starts_with("PAUSE"));
    let pause = script.cseq.clone();
    // The response does not come in time; it comes between SETUP and its own.
    script.pass(Duration::from_secs(2));
    let setup = script.request();
    assert!(setup.contains("interleaved=0-1") && !setup.contains("Session"));
    script.bytes(format!("RTSP/1.0 454 Session Not Found\r\nCSeq: {pause}\r\n\r\n").as_bytes());
    script.reply(TCP);
    assert!(script.request().starts_with("PLAY"));
    assert!(!script.events().iter().any(|event| matches!(event, Event::Refused { .. })));
}

#[test]
fn the_responses_to_two_requests_that_were_given_up_are_not_mistaken_for_that_to_teardown() {
    let mut script = Script::playing();
    let mut keepalive = || {
        script.pass(Duration::from_secs(15));
        assert!(!script.request().is_empty());
        script.cseq.clone()
    };
    let first = keepalive();
    let second = keepalive();
    assert_ne!(first, second);
    script.client.teardown();
    assert!(script.request().starts_with("TEARDOWN"));
    script.events();
    for given_up in [first, second] {
        script.bytes(format!("RTSP/1.0 200 OK\r\nCSeq: {given_up}\r\n\r\n").as_bytes());
        assert_eq!(script.events(), []);
    }
    script.reply("RTSP/1.0 200 OK\r\nCSeq: {}\r\n\r\n");
    assert_eq!(script.events(), [Event::Closed]);
}

#[test]
fn a_server_that_does_not_answer_is_a_timeout() {
    let mut script = Script::new(TransportChoice::Tcp);
    script.request();
    assert_eq!(script.client.poll_at().timer, Some(Instant::ZERO + Duration::from_secs(10)));
    script.pass(Duration::from_secs(10));
    assert_eq!(script.events(), [Event::Failed(ClientError::Timeout { method: Method::Options })]);
}

#[test]
fn a_teardown_that_is_not_answered_ends_all_the_same() {
    let mut script = Script::playing();
    script.client.teardown();
    assert!(script.request().starts_with("TEARDOWN rtsp://cam.example/live?channel=1 RTSP"));
    script.pass(Duration::from_secs(2));
    assert_eq!(script.events(), [Event::Closed]);
}

#[test]
fn the_servers_requests_are_answered() {
    let mut script = Script::playing();
    script.bytes(b"OPTIONS * RTSP/1.0\r\nCSeq: 7\r\n\r\nANNOUNCE rtsp://x RTSP/1.0\r\nCSeq: 8\r\n\r\n");
    let said = script.said();
    assert!(said.starts_with("RTSP/1.0 200 OK\r\nCSeq: 7\r\nPublic: "), "{said}");
    assert!(said.ends_with("RTSP/1.0 501 Not Implemented\r\nCSeq: 8\r\n\r\n"), "{said}");
    for n in 0..1_000 {
        script.bytes(format!("OPTIONS * RTSP/1.0\r\nCSeq: {n}\r\n\r\n").as_bytes());
    }
    // Who does not read the answers is not answered any more, but asked all the same.
    script.client.pause();
    let said = script.said();
    assert!(said.len() < 2_048 && said.contains("PAUSE rtsp"));
}

#[test]
fn a_session_is_kept_by_what_the_server_knows() {
    let simple = "RTSP/1.0 200 OK\r\nCSeq: {}\r\nPublic: DESCRIBE, SETUP, PLAY\r\n\r\n";
    let mut script = Script::after(TransportChoice::Tcp, &[simple, &described(SDP), TCP, PLAY]);
    let at = script.now + Duration::from_secs(15);
    assert_eq!(script.client.poll_at().stream, Some(at));
    script.pass(Duration::from_secs(15));
    let request = script.request();
    assert!(request.starts_with("OPTIONS") && request.contains("\r\nSession: 4711\r\n"));
}

#[test]
fn one_bad_response_to_a_keepalive_is_forgiven() {
    let mut script = Script::playing();
    script.pass(Duration::from_secs(15));
    assert!(script.request().starts_with("GET_PARAMETER"));
    script.reply("RTSP/1.0 501 Not Implemented\r\nCSeq: {}\r\n\r\n");
    for _ in 0..3 {
        script.pass(Duration::from_secs(15));
        assert!(script.request().starts_with("OPTIONS"));
        script.reply("RTSP/1.0 200 OK\r\nCSeq: {}\r\n\r\n");
    }
    for _ in 0..2 {
        assert!(!script.events().iter().any(|event| matches!(event, Event::Failed(_))));
        script.pass(Duration::from_secs(15));
        script.request();
        script.reply("RTSP/1.0 454 Session Not Found\r\nCSeq: {}\r\n\r\n");
    }
    let status = Status::SESSION_NOT_FOUND;
    assert_eq!(script.events().last(), Some(&Event::Failed(ClientError::SessionLost { status })));
}

#[test]
fn one_keepalive_without_a_response_is_forgiven() {
    let mut script = Script::playing();
    script.events();
    for last in [false, true] {
        script.pass(Duration::from_secs(15));
        script.request();
        script.pass(Duration::from_secs(10));
        let timeout = Event::Failed(ClientError::Timeout { method: Method::Options });
        assert_eq!(script.events().contains(&timeout), last);
    }
}

#[test]
fn a_session_that_the_server_does_not_know_is_lost() {
    let mut script = Script::playing();
    script.client.pause();
    assert!(script.request().starts_with("PAUSE"));
    script.reply("RTSP/1.0 454 Session Not Found\r\nCSeq: {}\r\n\r\n");
    let status = Status::SESSION_NOT_FOUND;
    assert_eq!(script.events(), [Event::Failed(ClientError::SessionLost { status })]);
}

#[test]
fn a_url_or_storage_that_is_of_no_use_is_refused_at_once() {
    let config = Config::DEFAULT;
    let new = |url, len| ClientConn::new(config, Now::default(), url, 1, vec![0; len]).map(|_| ());
    assert!(matches!(new("http://x/", 100_000), Err(Unusable::Url(_))));
    let need = config.storage_len(0);
    assert_eq!(new("rtsp://x/", need - 1), Err(Unusable::StorageTooSmall { need }));
    assert_eq!(new("rtsp://x/", need), Ok(()));
    assert!(matches!(new("rtsps://x/", need), Err(Unusable::Url(_))), "it would not be encrypted");
    let secure = Config { secure: true, ..config };
    let made = ClientConn::new(secure, Now::default(), "rtsps://x/", 1, vec![0; need]);
    assert_eq!(made.is_ok(), cfg!(feature = "rtsps"));
}

#[test]
fn a_url_too_long_to_keep_is_an_error_of_its_own() {
    let sdp = format!("v=0\r\nm=video 0 RTP/AVP 26\r\na=control:{}\r\n", "x".repeat(2_000));
    let mut script = Script::after(TransportChoice::Tcp, &[OPTIONS, &described(&sdp)]);
    assert_eq!(script.events(), [Event::Failed(ClientError::NoRoom)]);
}
