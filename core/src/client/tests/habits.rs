//! Habits of cameras and recorders, each as it was met: what they send stays as it is here.
use super::pair::Clip;
use super::script::{OPTIONS, PLAY, SDP, Script, TCP, described};
use crate::client::{ClientError, Event, PlayOptions, TransportChoice};
use crate::frame::Seek;
use crate::rtsp::{Method, Scale, Speed, Status};
use crate::time::{Duration, MediaTime};
use std::format;
use std::string::{String, ToString};
use std::vec::Vec;

/// The description of a live camera that says so (RFC 2326, C.1.5).
const LIVE_SDP: &str =
    "v=0\r\ns=x\r\na=control:*\r\na=range:npt=now-\r\nm=video 0 RTP/AVP 26\r\na=control:track1\r\n";
const OK: &str = "RTSP/1.0 200 OK\r\nCSeq: {}\r\n\r\n";

fn header(request: &str, name: &str) -> Option<String> {
    let mut lines = request.split("\r\n").filter_map(|line| line.split_once(": "));
    lines.find(|(found, _)| *found == name).map(|(_, value)| value.to_string())
}

fn asked(request: &str) -> [Option<String>; 3] {
    ["Range", "Scale", "Speed"].map(|name| header(request, name))
}

fn some(value: &str) -> Option<String> {
    Some(value.to_string())
}

/// After so many seconds, in which a picture came each second. Returns the requests to keep the session alive,
/// each of which is answered so.
fn play_on(script: &mut Script, seconds: u32, answer: Option<&str>) -> Vec<String> {
    let (clip, mut next, mut requests) = (Clip::new(1), 10, Vec::new());
    for second in 0..seconds {
        script.pass(Duration::from_secs(1));
        next = script.frame(&clip, 0, 1, next, 90_000 * second);
        let said = script.request();
        if let Some(at) = said.find("GET_PARAMETER").or_else(|| said.find("OPTIONS")) {
            requests.push(said[at..].split(' ').next().unwrap().to_string());
            if let Some(answer) = answer {
                script.reply(answer);
            }
        }
    }
    assert!(!script.events().iter().any(|event| matches!(event, Event::Failed(_) | Event::Closed)));
    requests
}

/// Devices with a timeout of 6 seconds that do not answer GET_PARAMETER, which counts as a sign of life
/// nevertheless.
#[test]
fn a_keepalive_without_an_answer_is_repeated_in_time_by_another_method() {
    let setup = TCP.replace("timeout=30", "timeout=6");
    let mut script = Script::after(TransportChoice::Tcp, &[OPTIONS, &described(SDP), &setup, PLAY]);
    let requests = play_on(&mut script, 31, None);
    // None is further from the one before than the timeout.
    assert!(requests.len() >= 9, "{requests:?}");
    assert_eq!(requests[..4], ["GET_PARAMETER", "OPTIONS", "GET_PARAMETER", "OPTIONS"]);
    // It is given up when media stop as well.
    let mut failed = false;
    for _ in 0..30 {
        script.pass(Duration::from_secs(1));
        script.request();
        failed |=
            script.events().iter().any(|event| matches!(event, Event::Failed(ClientError::Timeout { .. })));
    }
    assert!(failed);
}

/// Devices that answer each request in a session with 501, or that say that there is no session while they
/// send its pictures.
#[test]
fn refused_keepalives_end_no_session_whose_media_come() {
    for status in ["501 Not Implemented", "454 Session Not Found", "405 Method Not Allowed"] {
        let mut script = Script::playing();
        let refusal = format!("RTSP/1.0 {status}\r\nCSeq: {{}}\r\n\r\n");
        let requests = play_on(&mut script, 100, Some(&refusal));
        assert_eq!(
            requests,
            ["GET_PARAMETER", "OPTIONS", "GET_PARAMETER", "OPTIONS", "GET_PARAMETER", "OPTIONS"]
        );
    }
}

#[test]
fn a_paused_session_ends_if_the_server_does_not_know_it_and_not_if_it_knows_no_keepalive() {
    for (status, goes_on) in [("501 Not Implemented", true), ("454 Session Not Found", false)] {
        let mut script = Script::playing();
        script.client.pause();
        script.request();
        script.reply(OK);
        for _ in 0..4 {
            script.pass(Duration::from_secs(15));
            script.request();
            script.reply(&format!("RTSP/1.0 {status}\r\nCSeq: {{}}\r\n\r\n"));
        }
        let lost = Event::Failed(ClientError::SessionLost { status: Status::SESSION_NOT_FOUND });
        assert_eq!(script.events().contains(&lost), !goes_on, "{status}");
    }
}

/// RFC 2326, C.3: a camera whose Content-Base leads nowhere.
#[test]
fn the_sessions_absolute_control_is_the_base_of_relative_ones() {
    let sdp =
        "v=0\r\ns=x\r\na=control:rtsp://cam.example/media/\r\nm=video 0 RTP/AVP 26\r\na=control:track1\r\n";
    for control in ["rtsp://cam.example/media/", "rtsp://cam.example/media"] {
        let described = described(&sdp.replace("rtsp://cam.example/media/", control));
        let described =
            described.replacen("Content-Type", "Content-Base: rtsp://cam.example/live/\r\nContent-Type", 1);
        let mut script = Script::after(TransportChoice::Tcp, &[OPTIONS, &described]);
        assert!(
            script.request().starts_with("SETUP rtsp://cam.example/media/track1 RTSP/1.0\r\n"),
            "{control}"
        );
        script.reply(TCP);
        assert!(script.request().starts_with(&format!("PLAY {control} RTSP/1.0\r\n")));
    }
}

/// A camera sends nothing after `Range: npt=0-`, and plays `npt=0.000-`.
#[test]
fn times_have_decimals() {
    let mut script = Script::after(TransportChoice::Tcp, &[OPTIONS, &described(SDP), TCP]);
    assert_eq!(asked(&script.request()), [some("npt=0.000-"), None, None]);
    script.reply(PLAY);
    for (seconds, range) in [(7_000_000, "npt=7.000-"), (1_500_000, "npt=1.5-"), (1_041_708, "npt=1.041708-")]
    {
        script.client.play(Some(Seek::To(MediaTime::from_micros(seconds))));
        assert_eq!(header(&script.request(), "Range").as_deref(), Some(range));
        script.reply(PLAY);
    }
}

#[test]
fn what_is_live_is_asked_for_without_a_place_or_pace() {
    let mut options = PlayOptions::default();
    (options.scale, options.speed) =
        (Scale::from_thousandths(2_000).unwrap(), Speed::from_thousandths(4_000).unwrap());
    for from in [None, Some(Seek::Live)] {
        let mut script = Script::after(TransportChoice::Tcp, &[OPTIONS, &described(LIVE_SDP), TCP]);
        script.client.play_with(PlayOptions { from, ..options });
        assert_eq!(asked(&script.request()), [None, None, None]);
    }
}

/// Recorders that refuse header fields of PLAY with a status of their choice.
#[test]
fn a_refused_play_is_asked_for_again_without_what_may_be_left_out() {
    let speed = Speed::from_thousandths(4_000).unwrap();
    let options = PlayOptions { speed, ..PlayOptions::default() };
    for status in [400, 451, 456, 457, 501, 551] {
        let mut script = Script::after(TransportChoice::Tcp, &[OPTIONS, &described(SDP), TCP]);
        script.client.play_with(options);
        assert_eq!(asked(&script.request()), [some("npt=0.000-"), None, some("4")]);
        script.events();
        let refusal = format!("RTSP/1.0 {status} No\r\nCSeq: {{}}\r\n\r\n");
        script.reply(&refusal);
        let again = script.request();
        assert!(again.starts_with("PLAY "), "{status}: {again}");
        assert_eq!(asked(&again), [None, None, None], "{status}");
        assert_eq!(script.events(), []);
        // Once.
        script.reply(&refusal);
        let refused = Event::Refused { method: Method::Play, status: Status(status) };
        assert_eq!((script.events(), script.request()), (Vec::from([refused]), String::new()));
    }
}

#[test]
fn a_place_that_was_named_is_not_left_out() {
    let mut script = Script::after(TransportChoice::Tcp, &[OPTIONS, &described(SDP), TCP]);
    let mut options = PlayOptions::default();
    (options.from, options.speed) =
        (Some(Seek::To(MediaTime::from_micros(5_000_000))), Speed::from_thousandths(4_000).unwrap());
    script.client.play_with(options);
    script.request();
    script.events();
    script.reply("RTSP/1.0 551 Option not supported\r\nCSeq: {}\r\n\r\n");
    assert_eq!(asked(&script.request()), [some("npt=5.000-"), None, None]);
    script.reply("RTSP/1.0 457 Invalid Range\r\nCSeq: {}\r\n\r\n");
    let refused = Event::Refused { method: Method::Play, status: Status::INVALID_RANGE };
    assert_eq!((script.events(), script.request()), (Vec::from([refused]), String::new()));
}

#[test]
fn a_server_that_sends_its_clients_elsewhere_is_left_in_order() {
    let mut script = Script::playing();
    script.bytes(
        b"REDIRECT rtsp://cam.example/live RTSP/1.0\r\nCSeq: 5\r\nLocation: rtsp://other.example/x\r\n\r\n",
    );
    let said = script.request();
    assert!(said.starts_with("RTSP/1.0 200 OK\r\nCSeq: 5\r\n"), "{said}");
    assert!(said.contains("\r\n\r\nTEARDOWN "), "{said}");
    assert_eq!(script.events(), []);
    script.reply(OK);
    let redirected = Event::Redirected { location: b"rtsp://other.example/x" };
    assert_eq!(script.events(), [redirected, Event::Closed]);

    // Without a place to go to, nothing happens.
    let mut script = Script::playing();
    script.bytes(b"REDIRECT rtsp://cam.example/live RTSP/1.0\r\nCSeq: 5\r\n\r\n");
    assert_eq!(script.request(), "RTSP/1.0 400 Bad Request\r\nCSeq: 5\r\n\r\n");
    assert_eq!(script.events(), []);
}

#[test]
fn jpeg_has_other_names_in_descriptions() {
    for map in ["26 MJPEG/90000", "26 mjpg/90000", "26 JPG/90000/1", "26 JPEG", "26 JPEG/0", "26 MJPEG"] {
        let sdp = format!("v=0\r\nm=video 0 RTP/AVP 26\r\na=rtpmap:{map}\r\na=control:x\r\n");
        let mut script = Script::after(TransportChoice::Tcp, &[OPTIONS, &described(&sdp)]);
        assert_eq!(script.events(), [Event::Described { tracks: 1, duration: None }], "{map}");
        assert_eq!(script.client.track(0).map(|track| track.clock_rate), Some(90_000), "{map}");
    }
}

#[test]
fn codecs_that_cannot_be_received_are_named() {
    let sdp = "v=0\r\nm=video 0 RTP/AVP 96 97\r\na=rtpmap:96 H264/90000\r\na=rtpmap:97 H265/90000\r\n\
        m=audio 0 RTP/AVP 98\r\na=rtpmap:98 MPEG4-GENERIC/48000/2\r\nm=application 0 RTP/AVP 107\r\n";
    let mut script = Script::after(TransportChoice::Tcp, &[OPTIONS, &described(sdp)]);
    assert_eq!(script.events(), [Event::Failed(ClientError::NoTrack)]);
    assert_eq!(script.client.encodings(), b"H264, H265, MPEG4-GENERIC");
}
