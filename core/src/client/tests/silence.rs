//! A server that plays and falls silent: it is asked for a sign of life, and given up without one.
use super::pair::Clip;
use super::script::{OPTIONS, PLAY, SDP, Script, described};
use crate::client::{ClientError, Event, TransportChoice};
use crate::rtsp::Method;
use crate::time::Duration;
use std::vec;

const UDP: &str = "RTSP/1.0 200 OK\r\nCSeq: {}\r\nSession: 4711;timeout=60\r\n\
    Transport: RTP/AVP;unicast;client_port=5000-5001;server_port=6000-6001\r\n\r\n";
const OK: &str = "RTSP/1.0 200 OK\r\nCSeq: {}\r\n\r\n";
const WAIT: Duration = Duration::from_secs(5);

/// Returns the method that is asked now, among the reports that are sent on the same connection.
fn asked(script: &mut Script) -> Option<&'static str> {
    let said = script.request();
    ["GET_PARAMETER", "OPTIONS"].into_iter().find(|method| said.contains(&std::format!("{method} rtsp")))
}

/// Playing by UDP, by this answer to PLAY.
pub(super) fn udp(play: &str) -> Script {
    let mut script = Script::after(TransportChoice::Udp, &[OPTIONS, &described(SDP)]);
    script.events();
    let ports = Some(crate::rtsp::Pair { rtp: 5000, rtcp: 5001 });
    assert_eq!(script.client.setup(0, ports), Ok(()));
    for reply in [UDP, play] {
        script.request();
        script.reply(reply);
    }
    assert!(matches!(script.events().last(), Some(Event::Playing { .. })));
    script
}

#[test]
fn a_server_that_is_gone_is_given_up_in_fifteen_seconds() {
    for mut script in [udp(PLAY), Script::playing()] {
        script.pass(WAIT);
        assert!(asked(&mut script) == Some("GET_PARAMETER"));
        script.pass(WAIT);
        assert!(asked(&mut script) == Some("OPTIONS"), "another method, at once");
        assert_eq!(script.events(), [Event::Stalled]);
        script.pass(WAIT);
        let timeout = ClientError::Timeout { method: Method::Options };
        assert_eq!(script.events(), [Event::Failed(timeout)]);
    }
}

#[test]
fn a_silence_costs_one_request() {
    let clip = Clip::new(2);
    let mut script = Script::playing();
    let next = script.frame(&clip, 0, 1, 10, 90_000);
    script.pass(WAIT);
    assert!(asked(&mut script) == Some("GET_PARAMETER"));
    script.reply(OK);
    assert_eq!(asked(&mut script), None);
    script.pass(Duration::from_secs(4));
    assert_eq!((asked(&mut script), script.events()), (None, vec![]));

    script.frame(&clip, 1, 1, next, 93_600);
    script.pass(WAIT);
    assert!(asked(&mut script) == Some("GET_PARAMETER"), "it has fallen silent once more");
}

#[test]
fn a_server_that_answers_options_alone_is_there() {
    let mut script = Script::playing();
    script.pass(WAIT);
    assert!(asked(&mut script) == Some("GET_PARAMETER"));
    script.pass(WAIT);
    assert!(asked(&mut script) == Some("OPTIONS"));
    script.reply(OK);
    script.pass(Duration::from_secs(4));
    assert_eq!(script.events(), [Event::Stalled]);
}

#[test]
fn a_server_that_sends_media_is_given_its_time() {
    let clip = Clip::new(40);
    let mut script = Script::playing();
    let mut next = 10;
    for second in 0..15 {
        next = script.frame(&clip, second, 1, next, 90_000 * (second as u32 + 1));
        script.pass(Duration::from_secs(1));
        assert_eq!(asked(&mut script).is_none(), second < 14, "after {second} s");
    }
    // It is busy, and answers late.
    for second in 15..24 {
        next = script.frame(&clip, second, 1, next, 90_000 * (second as u32 + 1));
        script.pass(Duration::from_secs(1));
    }
    script.reply(OK);
    assert_eq!((asked(&mut script), script.events()), (None, vec![]));
}
