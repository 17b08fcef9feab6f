//! Requests as the application sees and answers them.
use super::*;
use crate::rtsp::Method;

/// The next request, which must be there.
macro_rules! next_request {
    ($turn:expr) => {
        loop {
            match $turn.poll_event() {
                Some(Event::Request(request)) => break request,
                Some(Event::Notice(_)) => {}
                None => panic!("no request"),
            }
        }
    };
}

/// Hands in a request, and answers it by `answer`. Returns the reply.
fn answered(bench: &mut Bench, bytes: &str, answer: impl FnOnce(Request<'_>) -> Answered) -> Reply {
    let mut turn = bench.conn.turn(bench.now(), &mut bench.storage);
    turn.set_ports(bench.ports);
    assert_eq!(turn.handle_stream(bytes.as_bytes()), Ok(bytes.len()));
    let _ = answer(next_request!(turn));
    assert!(turn.poll_event().is_none_or(|event| matches!(event, Event::Notice(_))));
    bench.turn();
    bench.reply()
}

#[test]
fn a_request_shows_its_parts() {
    let mut bench = Bench::new();
    bench.set_up(0, UDP);
    let id = bench.session.clone();
    let bytes = format!(
        "SET_PARAMETER {URL}/track0?a RTSP/1.0\r\nCSeq: 7\r\nAuthorization: Digest a\r\nX: 1\r\n\
         Authorization: Basic b\r\nSession: {id}\r\nContent-Length: 3\r\n\r\nk: "
    );
    let reply = answered(&mut bench, &bytes, |request| {
        assert_eq!(request.method(), Method::SetParameter);
        assert_eq!(request.raw_url(), b"rtsp://h/clip/track0?a");
        assert_eq!(request.url().unwrap().track().unwrap().1, 0);
        assert_eq!(request.header("AUTHORIZATION"), Some(&b"Digest a"[..]));
        let all = request.headers().filter(|header| header.name == b"Authorization");
        assert_eq!(all.map(|header| header.value).collect::<Vec<_>>(), [&b"Digest a"[..], b"Basic b"]);
        assert_eq!((request.body(), request.peer()), (&b"k: "[..], CLIENT));
        assert_eq!(format!("{}", request.session().unwrap()), id);
        assert_eq!(request.now().at, START);
        request.respond(Status::OK, &[("X", "2")], "text/parameters", b"k: v")
    });
    assert_eq!((reply.status, reply.get("CSeq"), reply.get("X")), (200, "7", "2"));
    assert_eq!((reply.get("Content-Type"), reply.get("Content-Length")), ("text/parameters", "4"));
    assert_eq!(reply.body, "k: v");
}

#[test]
fn a_refusal_carries_several_fields_of_one_name() {
    let mut bench = Bench::new();
    let challenges =
        [("WWW-Authenticate", "Digest realm=\"a\", nonce=\"b\""), ("WWW-Authenticate", "Basic realm=\"a\"")];
    let bytes = format!("DESCRIBE {URL} RTSP/1.0\r\nCSeq: 1\r\n\r\n");
    let reply = answered(&mut bench, &bytes, |request| request.refuse(Status::UNAUTHORIZED, &challenges));
    assert_eq!((reply.status, reply.get("CSeq"), reply.body.as_str()), (401, "1", ""));
    let sent = reply.headers.iter().filter(|(name, _)| name == "WWW-Authenticate");
    assert_eq!(sent.map(|(_, value)| value.as_str()).collect::<Vec<_>>(), challenges.map(|(_, value)| value));
    bench.ok("DESCRIBE", URL, "");
}

#[test]
fn every_method_can_be_refused() {
    let mut bench = Bench::new();
    bench.start(UDP, "");
    let id = bench.session.clone();
    let methods = [
        "OPTIONS",
        "DESCRIBE",
        "PLAY",
        "PAUSE",
        "TEARDOWN",
        "GET_PARAMETER",
        "SET_PARAMETER",
        "ANNOUNCE",
        "RECORD",
        "REDIRECT",
        "FETCH",
    ];
    for method in methods {
        let bytes = format!("{method} {URL} RTSP/1.0\r\nCSeq: 1\r\nSession: {id}\r\n\r\n");
        let reply = answered(&mut bench, &bytes, |request| {
            assert_eq!(request.method().name(), method.as_bytes());
            request.refuse(Status::FORBIDDEN, &[])
        });
        assert_eq!(reply.status, 403, "{method}");
    }
    // Nothing came of any of them.
    bench.run(seconds(1));
    assert_eq!(bench.rtp().len(), 30);
}

#[test]
fn a_request_is_offered_once_a_turn() {
    let mut bench = Bench::new();
    let bytes = format!("DESCRIBE {URL} RTSP/1.0\r\nCSeq: 1\r\n\r\nOPTIONS * RTSP/1.0\r\nCSeq: 2\r\n\r\n");
    assert_eq!(bench.take(bytes.as_bytes()), Ok(bytes.len()));
    for put_off in [false, true, false] {
        let mut turn = bench.conn.turn(bench.now(), &mut bench.storage);
        let request = next_request!(turn);
        assert_eq!(request.method(), Method::Describe);
        if put_off {
            let _ = request.later();
        } else {
            drop(request);
        }
        assert!(turn.poll_event().is_none() && turn.has_unanswered());
        // Whoever sleeps by it is not woken for what only the application can do.
        assert!(bench.next().is_some_and(|at| at > bench.at));
    }
    bench.turn();
    assert_eq!(bench.sent().len(), 2);
}

#[test]
fn bytes_of_an_unanswered_request_can_be_taken_back() {
    let mut bench = Bench::new();
    let bytes = b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\nOPTIONS";
    for _ in 0..2 {
        let mut turn = bench.conn.turn(bench.now(), &mut bench.storage);
        assert_eq!(turn.handle_stream(bytes), Ok(bytes.len()));
        let _ = next_request!(turn).later();
        assert!(turn.has_unanswered() && !turn.is_storage_free());
        assert_eq!(turn.take_back(), bytes.len());
        assert!(turn.is_storage_free());
    }
    bench.receive(&bytes[..bytes.len() - 7]);
    assert_eq!(bench.reply().get("CSeq"), "1");
}

#[test]
fn what_cannot_be_sent_is_a_500() {
    let mut bench = Bench::new();
    let bytes = "OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n";
    let long = "x".repeat(4000);
    for value in ["a\r\nX: b", long.as_str()] {
        let reply = answered(&mut bench, bytes, |request| request.refuse(Status::FORBIDDEN, &[("X", value)]));
        assert_eq!((reply.status, reply.get("CSeq"), reply.get("X")), (500, "1", ""));
    }
    let reply = answered(&mut bench, bytes, |request| {
        request.respond(Status::OK, &[], "text/plain", long.as_bytes())
    });
    assert_eq!((reply.status, reply.body.as_str()), (500, ""));
}

#[test]
fn a_setup_names_its_presentation_and_track() {
    let mut bench = Bench::new();
    for (url, presentation, track) in [
        ("rtsp://h/clip/track3", "clip", 3),
        ("rtsp://h/clip", "clip", 0),
        ("rtsp://h/a/b?c/track2", "a/b", 2),
    ] {
        let bytes = format!("SETUP {url} RTSP/1.0\r\nCSeq: 1\r\n{TCP}\r\n");
        let reply = answered(&mut bench, &bytes, |request| {
            let Action::Setup(setup) = request.action() else { panic!("no SETUP") };
            assert_eq!((setup.url().path_is(presentation), setup.track()), (true, track));
            assert_eq!((setup.transport(), setup.ports()), (LowerTransport::Interleaved, Some(PORTS)));
            setup.into_request().proceed()
        });
        assert_eq!(reply.status, 404);
    }
}

#[test]
fn udp_without_ports_is_refused() {
    let mut bench = Bench::new();
    bench.ports = None;
    assert_eq!(bench.request("SETUP", URL, UDP).status, 461);
    bench.set_up(0, TCP);
}
