//! When a medium is over, and what is asked for around its end.
use super::pair::Clip;
use super::script::{OPTIONS, PLAY, SDP, Script, TCP, bye, described, framed, packets};
use super::silence::udp;
use crate::client::{Event, TransportChoice};
use crate::frame::Seek;
use crate::time::{Duration, Instant, MediaTime};
use std::vec::Vec;
use std::{format, vec};

/// Playing interleaved, a range of the medium.
fn playing(range: &str) -> Script {
    let reply = PLAY.replace("npt=0-", range);
    let mut script = Script::after(TransportChoice::Tcp, &[OPTIONS, &described(SDP), TCP, &reply]);
    assert!(matches!(script.events().last(), Some(Event::Playing { .. })));
    script
}

#[test]
fn bye_of_the_source_ends_and_of_another_does_not() {
    let clip = Clip::new(2);
    let mut script = Script::playing();
    script.frame(&clip, 0, 1, 10, 90_000);
    script.events();
    script.bytes(&framed(5, &bye(2)));
    script.pass(Duration::ZERO);
    assert_eq!(script.events(), []);
    // On RTP's channel, as a device that knows one only.
    script.bytes(&framed(4, &bye(1)));
    script.pass(Duration::ZERO);
    assert_eq!(script.events(), [Event::Ended]);
    script.client.play(None);
    assert!(script.request().contains("\r\nRange: npt=0.000-\r\n"));
}

#[test]
fn silence_in_the_middle_of_an_interleaved_frame_is_not_the_end() {
    let clip = Clip::new(2);
    let mut script = playing("npt=0-0.08");
    let next = script.frame(&clip, 0, 1, 10, 90_000);
    let last = packets(&clip, 1, 1, next, 93_600);
    let (end, begun) = last.split_last().unwrap();
    begun.iter().for_each(|packet| script.bytes(&framed(4, packet)));
    script.pass(Duration::from_secs(10));
    assert_eq!(script.events(), [Event::Stalled]);
    script.pass(Duration::from_secs(60));
    assert_eq!(script.events(), []);
    script.bytes(&framed(4, end));
    assert!(script.album.frames.iter().all(|seen| seen.flags.integrity.is_complete()));
    script.pass(Duration::from_secs(1));
    assert_eq!((script.events(), script.album.frames.len()), (vec![Event::Ended], 2));
}

#[test]
fn a_stall_that_lasts_longer_than_the_medium_is_its_end() {
    let clip = Clip::new(1);
    let mut script = playing("npt=0-60");
    script.frame(&clip, 0, 1, 10, 90_000);
    script.pass(Duration::from_secs(10));
    assert_eq!(script.events(), [Event::Stalled]);
    answer_keepalive(&mut script);
    script.pass(Duration::from_secs(49));
    assert_eq!(script.events(), []);
    assert_eq!(script.client.poll_at().timer, Some(Instant::ZERO + Duration::from_secs(60)));
    script.pass(Duration::from_secs(1));
    assert_eq!(script.events(), [Event::Ended]);
}

#[test]
fn nothing_at_the_end_of_the_medium_is_its_end() {
    let mut script = Script::after(TransportChoice::Tcp, &[OPTIONS, &described(SDP), TCP]);
    script.request();
    script.pass(Duration::from_millis(1));
    script.reply(&PLAY.replace("npt=0-", "npt=8-8"));
    script.events();
    script.pass(Duration::from_secs(10));
    assert_eq!(script.events(), [Event::Stalled]);
    answer_keepalive(&mut script);
    script.pass(Duration::ZERO);
    assert_eq!(script.events(), [Event::Ended]);
}

#[test]
fn a_range_of_which_nothing_comes_ends_with_a_sign_of_life() {
    for (range, seconds) in [("npt=8-8", 1), ("npt=7-8", 2)] {
        let mut script = playing(range);
        script.pass(Duration::from_secs(seconds) - Duration::from_millis(1));
        assert!(!script.request().contains("GET_PARAMETER"), "{range}: it may be on its way");
        script.pass(Duration::from_millis(1));
        assert_eq!(script.events(), [], "{range}: it may still be on its way");
        answer_keepalive(&mut script);
        script.pass(Duration::ZERO);
        assert_eq!(script.events(), [Event::Ended], "{range}");
    }
    // Where no packet ever came by UDP, the range need not be empty.
    let mut script = udp(&PLAY.replace("npt=0-", "npt=8-8"));
    script.pass(Duration::from_secs(5));
    answer_keepalive(&mut script);
    script.pass(Duration::ZERO);
    assert_eq!(script.events(), []);
}

#[test]
fn what_comes_late_is_no_empty_range() {
    let clip = Clip::new(2);
    let mut script = playing("npt=7.92-8");
    script.pass(Duration::from_millis(1_200));
    let next = script.frame(&clip, 0, 1, 10, 90_000);
    answer_keepalive(&mut script);
    script.pass(Duration::from_millis(900));
    assert_eq!(script.events(), []);
    script.frame(&clip, 1, 1, next, 93_600);
    script.pass(Duration::from_secs(1));
    assert_eq!((script.events(), script.album.frames.len()), (vec![Event::Ended], 2));
}

#[test]
fn a_connection_that_stalls_for_longer_than_the_medium_is_not_its_end() {
    let clip = Clip::new(2);
    let mut script = playing("npt=0-12");
    script.pass(Duration::from_millis(1));
    let next = script.frame(&clip, 0, 1, 10, 90_000);
    script.pass(Duration::from_secs(10));
    assert_eq!(script.events(), [Event::Stalled]);
    assert!(script.request().contains("GET_PARAMETER rtsp"));
    script.pass(Duration::from_secs(2));
    assert_eq!(script.events(), []);
    // The connection goes on with what was under way.
    script.frame(&clip, 1, 1, next, 93_600);
    script.reply("RTSP/1.0 200 OK\r\nCSeq: {}\r\n\r\n");
    script.pass(Duration::ZERO);
    assert_eq!((script.events(), shown(&script)), (vec![], vec![0, 40]));
    script.pass(Duration::from_secs(10));
    assert_eq!(script.events(), [Event::Stalled]);
    answer_keepalive(&mut script);
    script.pass(Duration::ZERO);
    assert_eq!(script.events(), [Event::Ended]);
}

/// Whether the server is there is asked at once.
fn answer_keepalive(script: &mut Script) {
    assert_eq!(script.client.poll_at().stream, Some(Instant::ZERO));
    assert!(script.request().contains("GET_PARAMETER rtsp"));
    script.reply("RTSP/1.0 200 OK\r\nCSeq: {}\r\n\r\n");
}

/// Answers PLAY: from where, and the number and time of the first packet.
fn answer(script: &mut Script, range: &str, seq: u16, rtptime: u32) {
    let info = format!("\r\nRTP-Info: url=trackID=2;seq={seq};rtptime={rtptime}\r\n\r\n");
    script.reply(&PLAY.replace("npt=0-", range).replace("\r\n\r\n", &info));
    assert!(matches!(script.events()[..], [Event::Playing { .. }]));
}

fn shown(script: &Script) -> Vec<u64> {
    script.album.frames.iter().map(|seen| seen.pts.as_micros() / 1_000).collect()
}

fn to(millis: u64) -> Option<Seek> {
    Some(Seek::To(MediaTime::from_micros(millis * 1_000)))
}

#[test]
fn what_comes_after_the_end_is_of_the_place_that_was_asked_for_before_it() {
    let clip = Clip::new(4);
    let mut script = playing("npt=0-8");
    let next = script.frame(&clip, 0, 1, 10, 90_000);
    script.client.play(to(7_800));
    assert!(script.request().contains("\r\nRange: npt=7.8-\r\n"));
    script.bytes(&framed(5, &bye(1)));
    script.pass(Duration::ZERO);
    assert_eq!(script.events(), [Event::Ended]);
    // That place is still to come, so there is nothing to ask for.
    script.client.play(None);
    // This overtakes the answer.
    let after = script.frame(&clip, 1, 1, next, 500_000);
    answer(&mut script, "npt=7.8-8", next, 500_000);
    assert_eq!(script.request(), "");
    let next = script.frame(&clip, 2, 1, after, 503_600);
    assert_eq!(shown(&script), [0, 7_800, 7_840]);
    script.bytes(&framed(5, &bye(1)));
    script.pass(Duration::ZERO);
    assert_eq!(script.events(), [Event::Ended]);
    script.client.play(None);
    assert!(script.request().contains("\r\nRange: npt=0.000-\r\n"));
    answer(&mut script, "npt=0-8", next, 600_000);
    script.frame(&clip, 3, 1, next, 600_000);
    assert_eq!(shown(&script)[3..], [0]);
}

#[test]
fn a_bye_before_the_answer_is_of_what_came_before_the_answer() {
    let clip = Clip::new(2);
    for came in [false, true] {
        let mut script = playing("npt=0-8");
        let next = script.frame(&clip, 0, 1, 10, 90_000);
        script.bytes(&framed(5, &bye(1)));
        script.pass(Duration::ZERO);
        script.client.play(to(7_960));
        script.request();
        script.events();
        if came {
            script.frame(&clip, 1, 1, next, 500_000);
        }
        script.bytes(&framed(5, &bye(1)));
        answer(&mut script, "npt=7.96-8", next, 500_000);
        script.pass(Duration::ZERO);
        assert_eq!(script.events().contains(&Event::Ended), came);
    }
}

#[test]
fn a_server_that_says_0_resumes_unless_nothing_was_left() {
    let clip = Clip::new(3);
    // The second frame is the last one; or BYE says that one was, before PAUSE is answered or after.
    for (range, bye_before, bye_after, over) in [
        ("npt=0-8", false, false, false),
        ("npt=0-0.08", false, false, true),
        ("npt=0-8", true, false, true),
        ("npt=0-8", false, true, true),
    ] {
        let mut script = playing(range);
        let next = script.frame(&clip, 0, 1, 10, 90_000);
        let next = script.frame(&clip, 1, 1, next, 93_600);
        script.client.pause();
        script.request();
        if bye_before {
            script.bytes(&framed(5, &bye(1)));
        }
        script.reply(PLAY);
        assert_eq!(script.events(), [Event::Paused]);
        if bye_after {
            script.bytes(&framed(5, &bye(1)));
        }
        script.pass(Duration::from_secs(1));
        script.client.play(None);
        assert!(!script.request().contains("Range"));
        answer(&mut script, range, next, 500_000);
        script.frame(&clip, 2, 1, next, 500_000);
        assert_eq!(shown(&script), [0, 40, if over { 0 } else { 80 }], "{range} {bye_before} {bye_after}");
        script.pass(Duration::ZERO);
        assert_eq!(script.events(), []);
    }
}

#[test]
fn a_pause_that_came_too_late_does_not_hide_that_it_starts_over() {
    let clip = Clip::new(3);
    for ended in [false, true] {
        let mut script = playing("npt=0-8");
        let next = script.frame(&clip, 0, 1, 10, 90_000);
        script.client.pause();
        script.request();
        script.client.play(None);
        if ended {
            script.bytes(&framed(5, &bye(1)));
        }
        script.reply("RTSP/1.0 455 Method Not Valid in This State\r\nCSeq: {}\r\n\r\n");
        script.events();
        assert!(!script.request().contains("Range"));
        answer(&mut script, "npt=0-8", next, 93_600);
        script.frame(&clip, 1, 1, next, 93_600);
        assert_eq!(shown(&script), [0, if ended { 0 } else { 40 }]);
    }
}
