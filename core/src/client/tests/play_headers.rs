//! What PLAY asks for in its headers, and what the answer tells.
use super::script::{OPTIONS, PLAY, SDP, Script, TCP, described};
use crate::client::{Event, LowerTransport, PlayOptions, TransportChoice};
use crate::frame::Seek;
use crate::rtsp::{Range, Scale, Speed};
use crate::time::MediaTime;
use std::format;
use std::string::{String, ToString};

#[test]
fn a_range_in_the_reply_is_told() {
    let mut script = Script::after(TransportChoice::Tcp, &[OPTIONS, &described(SDP), TCP]);
    script.request();
    script.reply(&PLAY.replace("npt=0-", "npt=2.5-10"));
    let range = Range {
        end: Some(MediaTime::from_micros(10_000_000)),
        ..Range::starting_at(MediaTime::from_micros(2_500_000))
    };
    assert_eq!(
        script.events().last(),
        Some(&Event::Playing {
            lower: LowerTransport::Interleaved,
            range,
            scale: Scale::NORMAL,
            speed: Speed::NORMAL
        })
    );
}

/// What is said of one header in the next request.
fn header(request: &str, name: &str) -> Option<String> {
    let value = request.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    value.map(ToString::to_string)
}

fn paced(from: Option<u64>, scale: i32, speed: u32) -> PlayOptions {
    PlayOptions {
        from: from.map(|millis| Seek::To(MediaTime::from_micros(millis * 1_000))),
        scale: Scale::from_thousandths(scale).unwrap(),
        speed: Speed::from_thousandths(speed).unwrap(),
    }
}

#[test]
fn scale_and_speed_are_asked_for_where_they_are_not_1_and_where_they_change() {
    let mut script = Script::after(TransportChoice::Tcp, &[OPTIONS, &described(SDP), TCP]);
    // What was asked before is not sent yet: the last call counts.
    script.client.play_with(paced(Some(1_500), -500, 2_500));
    let asked = |request: &str| ["Range", "Scale", "Speed"].map(|name| header(request, name));
    let some = |text: &str| Some(text.to_string());
    assert_eq!(asked(&script.request()), [some("npt=1.5-"), some("-0.5"), some("2.5")]);
    script.reply("RTSP/1.0 200 OK\r\nCSeq: {}\r\nRange: npt=1.48-0\r\nScale: -1\r\n\r\n");
    let scale = Scale::from_thousandths(-1_000).unwrap();
    let told = script.events();
    assert!(
        matches!(told.last(), Some(Event::Playing { scale: s, speed: Speed::NORMAL, .. }) if *s == scale),
        "{told:?}"
    );
    // The same again is nothing; 1 must be said, or it would stay.
    script.client.play_with(paced(None, -500, 2_500));
    assert_eq!(script.request(), "");
    script.client.play_with(paced(None, 1_000, 1_000));
    assert_eq!(asked(&script.request()), [None, some("1"), some("1")]);
    script.reply("RTSP/1.0 200 OK\r\nCSeq: {}\r\n\r\n");
    script.client.play(Some(Seek::To(MediaTime::ZERO)));
    assert_eq!(asked(&script.request()), [some("npt=0.000-"), None, None]);
}

#[test]
fn gstreamer_is_not_asked_for_a_speed_by_which_its_timestamps_would_go() {
    for (server, asked) in [("GStreamer RTSP server", None), ("other", Some("2"))] {
        let described = described(SDP).replace("CSeq", &format!("Server: {server}\r\nCSeq"));
        let mut script = Script::after(TransportChoice::Tcp, &[OPTIONS, &described, TCP]);
        script.client.play_with(paced(None, 1_000, 2_000));
        assert_eq!(header(&script.request(), "Speed").as_deref(), asked);
    }
}

#[test]
fn a_pace_stays_when_it_goes_on_after_a_pause() {
    let mut script = Script::after(TransportChoice::Tcp, &[OPTIONS, &described(SDP), TCP]);
    script.client.play_with(paced(None, 4_000, 2_000));
    script.request();
    script.reply(&PLAY.replace("Range", "Scale: 4\r\nSpeed: 2\r\nRange"));
    script.client.pause();
    script.request();
    script.reply("RTSP/1.0 200 OK\r\nCSeq: {}\r\n\r\n");
    script.client.play(None);
    let request = script.request();
    assert_eq!(header(&request, "Range"), None);
    assert_eq!(header(&request, "Scale").as_deref(), Some("4"));
    assert_eq!(header(&request, "Speed").as_deref(), Some("2"));
}
