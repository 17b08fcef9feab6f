//! What is refused, with which code, and that the dialogue goes on after it (RFC 2326, 11 and
//! pitfalls of real clients).
use super::*;

/// Sends `bytes`, checks the reply's code and CSeq, and that the next request is answered.
#[track_caller]
fn refused(bench: &mut Bench, bytes: &str, status: u16, cseq: &str) -> Reply {
    bench.receive(bytes);
    let reply = bench.reply();
    assert_eq!((reply.status, reply.get("CSeq")), (status, cseq), "{bytes}");
    bench.ok("OPTIONS", "*", "");
    reply
}

#[test]
fn what_cannot_be_read_is_answered_and_skipped() {
    let mut bench = Bench::new();
    refused(&mut bench, "OPTIONS * RTSP/1.0\r\n\r\n", 400, "");
    refused(&mut bench, "OPTIONS * RTSP/1.0\r\nCSeq: one\r\n\r\n", 400, "");
    refused(&mut bench, "OPTIONS * RTSP/one\r\nCSeq: 3\r\n\r\n", 400, "3");
    refused(&mut bench, "DESCRIBE rtsp://h/clip\r\nCSeq: 4\r\n\r\n", 400, "4");
    refused(&mut bench, "OPTIONS * RTSP/1.0\r\nCSeq: 5\r\nno field\r\n\r\n", 400, "5");
    refused(&mut bench, "DESCRIBE http://h/clip RTSP/1.0\r\nCSeq: 6\r\n\r\n", 400, "6");
    refused(&mut bench, "OPTIONS * RTSP/2.0\r\nCSeq: 7\r\n\r\n", 505, "7");
    refused(&mut bench, "FETCH * RTSP/1.0\r\nCSeq: 8\r\n\r\n", 501, "8");
    refused(&mut bench, "options * RTSP/1.0\r\nCSeq: 9\r\n\r\n", 501, "9");
}

#[test]
fn what_a_server_that_plays_does_not_do() {
    let mut bench = Bench::new();
    for method in ["ANNOUNCE", "RECORD", "REDIRECT"] {
        let reply = refused(&mut bench, &format!("{method} {URL} RTSP/1.0\r\nCSeq: 1\r\n\r\n"), 405, "1");
        assert!(reply.get("Allow").contains("PLAY"), "{reply:?}");
    }
}

#[test]
fn an_option_that_is_required_is_named_in_the_refusal() {
    let mut bench = Bench::new();
    for field in ["Require", "Proxy-Require", "require"] {
        let request = format!("SETUP {URL} RTSP/1.0\r\nCSeq: 302\r\n{field}: funky-feature\r\n\r\n");
        let reply = refused(&mut bench, &request, 551, "302");
        assert_eq!(reply.get("Unsupported"), "funky-feature");
    }
}

#[test]
fn a_description_in_another_language_is_not_acceptable() {
    let mut bench = Bench::new();
    let request = format!("DESCRIBE {URL} RTSP/1.0\r\nCSeq: 1\r\nAccept: application/mheg\r\n\r\n");
    refused(&mut bench, &request, 406, "1");
}

#[test]
fn a_message_too_long_is_dropped_to_its_end() {
    let mut bench = Bench::new();
    let body = "x".repeat(5000);
    let request = format!("SET_PARAMETER {URL} RTSP/1.0\r\nCSeq: 1\r\nContent-Length: 5000\r\n\r\n{body}");
    refused(&mut bench, &request, 413, "1");
}

#[test]
fn a_message_without_a_findable_end_ends_the_connection() {
    let endless = format!("OPTIONS {} RTSP/1.0\r\n", "x".repeat(5000));
    let huge = String::from("OPTIONS * RTSP/1.0\r\nCSeq: 1\r\nContent-Length: 18446744073709551615\r\n\r\n");
    let unknown = String::from("OPTIONS * RTSP/1.0\r\nCSeq: 1\r\nContent-Length: x\r\n\r\n");
    let tls = String::from("\x16\x03\x01\x02\0");
    for (bytes, status) in [(endless, 413), (huge, 413), (unknown, 400), (tls, 400)] {
        let mut bench = Bench::new();
        bench.receive(&bytes);
        assert_eq!(bench.reply().status, status, "{bytes}");
        assert!(matches!(bench.told[..], [Told::Disconnect(_)]), "{:?}", bench.told);
        let error = bench.take(b"OPTIONS * RTSP/1.0\r\nCSeq: 2\r\n\r\n");
        assert!(matches!(error, Err(ConnError::NotRtsp { .. } | ConnError::TooLong { .. })));
        bench.run(seconds(100));
        assert_eq!((bench.sent(), bench.told.len()), (vec![], 1));
    }
}

#[test]
fn the_place_of_an_error_counts_from_the_connections_first_byte() {
    let mut bench = Bench::new();
    let request = "OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n";
    bench.receive(request);
    bench.receive("\r\n\0");
    let at = request.len() as u64 + 2;
    assert_eq!(bench.told, [Told::Disconnect(ConnError::NotRtsp { at })]);
}

#[test]
fn a_session_that_is_not_there() {
    let mut bench = Bench::new();
    for id in ["", "0123456789abcdef", "12345678", "0123456789abcdef0", "a b"] {
        bench.session = id.into();
        for method in ["PLAY", "PAUSE", "TEARDOWN"] {
            assert_eq!(bench.request(method, URL, "").status, 454, "{method} {id:?}");
        }
        if !id.is_empty() {
            for method in ["SETUP", "GET_PARAMETER", "SET_PARAMETER"] {
                assert_eq!(bench.request(method, URL, UDP).status, 454, "{method} {id:?}");
            }
        }
    }
}

#[test]
fn a_transport_cannot_change_while_playing() {
    let mut bench = Bench::new();
    bench.start(UDP, "");
    assert_eq!(bench.request("SETUP", &format!("{URL}/track0"), TCP).status, 455);
    bench.run(millis(380));
    assert_eq!(bench.request("SETUP", &format!("{URL}/track0"), TCP).status, 455, "the last interval");
    bench.run(millis(30));
    bench.set_up(0, TCP);
}

#[test]
fn ranges_that_are_none() {
    let mut bench = Bench::new();
    bench.set_up(0, UDP);
    for range in [
        "npt=0.4-",
        "npt=7-",
        "npt=0.2-0.1",
        "npt=0.2-0.2",
        "npt=x-",
        "npt=-",
        "smpte=0:10:20-",
        "clock=19961108T1425Z-",
        "frames=1-",
        "",
    ] {
        assert_eq!(bench.request("PLAY", URL, &format!("Range: {range}\r\n")).status, 457, "{range}");
    }
    assert_eq!(bench.ok("PLAY", URL, "").get("Range"), "npt=0-0.4");
}

#[test]
fn one_track_of_several_cannot_be_played_alone() {
    let mut bench = Bench::new();
    bench.set_up(0, UDP);
    bench.ok("PLAY", &format!("{URL}/track0"), "");
    bench.ok("PAUSE", &format!("{URL}/track0"), "");
    bench.set_up(1, UDP);
    for method in ["PLAY", "PAUSE"] {
        assert_eq!(bench.request(method, &format!("{URL}/track0"), "").status, 460);
        bench.ok(method, URL, "");
    }
    bench.ok("TEARDOWN", &format!("{URL}/track1"), "");
    bench.ok("PLAY", &format!("{URL}/track0"), "");
}

#[test]
fn what_the_application_refuses() {
    let mut bench = Bench::new();
    for status in [Status::NOT_FOUND, Status::AGGREGATE_OPERATION_NOT_ALLOWED] {
        bench.refusal = Some(status);
        for method in ["DESCRIBE", "SETUP"] {
            assert_eq!(bench.request(method, URL, UDP).status, status.0);
        }
    }
}
