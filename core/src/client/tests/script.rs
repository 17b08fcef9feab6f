//! The client against what other servers say, and against what no server should say.
use super::pair::{Album, Clip};
use crate::client::{
    ClientConn, ClientError, Config, Event, LowerTransport, PlayOptions, Port, TransportChoice, Unusable,
};
use crate::codec::jpeg::TRACK;
use crate::frame::{Frame, Seek};
use crate::payload::{Cursor, Packetizer};
use crate::rtp;
use crate::rtp::rtcp;
use crate::rtsp::interleaved;
use crate::rtsp::{AuthScheme, Method, Pair, Range, Scale, Speed, Status};
use crate::time::{Duration, Instant, MediaTime, Now};
use proptest::prelude::*;
use std::string::{String, ToString};
use std::vec::Vec;
use std::{format, vec};

const URL: &str = "rtsp://user:secret@cam.example/live?channel=1";
pub(super) const OPTIONS: &str =
    "RTSP/1.0 200 OK\r\nCSeq: {}\r\nPublic: DESCRIBE, SETUP, TEARDOWN, PLAY, GET_PARAMETER\r\n\r\n";
pub(super) const SDP: &str = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=x\r\nt=0 0\r\na=control:*\r\n\
    m=audio 0 RTP/AVP 3\r\na=control:trackID=1\r\nm=video 0 RTP/AVP 26\r\na=control:trackID=2\r\n";
pub(super) const TCP: &str = "RTSP/1.0 200 OK\r\nCSeq: {}\r\nSession: 4711;timeout=30\r\n\
    Transport: RTP/AVP/TCP;unicast;interleaved=4-5\r\n\r\n";
pub(super) const PLAY: &str = "RTSP/1.0 200 OK\r\nCSeq: {}\r\nSession: 4711\r\nRange: npt=0-\r\n\r\n";

pub(super) struct Script {
    pub(super) client: ClientConn<Vec<u8>, &'static str>,
    pub(super) album: Album,
    pub(super) now: Instant,
    cseq: String,
}

impl Script {
    fn new(transport: TransportChoice) -> Self {
        let config = Config { transport, ..Config::DEFAULT };
        let storage = vec![0; config.storage_len(8_192)];
        let client = ClientConn::new(config, Now::default(), URL, 9, storage).unwrap();
        Self { client, album: Album::default(), now: Instant::ZERO, cseq: String::new() }
    }

    /// As far as the last of these replies.
    pub(super) fn after(transport: TransportChoice, replies: &[&str]) -> Self {
        let mut script = Self::new(transport);
        script.client.play(None);
        for reply in replies {
            script.request();
            script.reply(reply);
        }
        script
    }

    /// Playing interleaved, on channels 4 and 5.
    pub(super) fn playing() -> Self {
        let mut script = Self::after(TransportChoice::Tcp, &[OPTIONS, &described(SDP), TCP, PLAY]);
        assert!(matches!(
            script.events().last(),
            Some(Event::Playing { lower: LowerTransport::Interleaved, .. })
        ));
        script
    }

    fn at(&self) -> Now {
        Now { at: self.now, ..Now::default() }
    }

    /// What the client says now.
    fn said(&mut self) -> String {
        let now = self.at();
        let Some(chunk) = self.client.poll_stream(now) else { return String::new() };
        let said = chunk.bytes().to_vec();
        chunk.advance(said.len());
        String::from_utf8_lossy(&said).to_string()
    }

    /// The client's next request.
    pub(super) fn request(&mut self) -> String {
        let request = self.said();
        if let Some((_, rest)) = request.split_once("CSeq: ") {
            self.cseq = rest.split("\r\n").next().unwrap().to_string();
        }
        request
    }

    pub(super) fn reply(&mut self, reply: &str) {
        self.bytes(reply.replace("{}", &self.cseq).as_bytes());
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        let now = self.at();
        let _ = self.client.handle_stream(now, bytes, &mut self.album);
    }

    pub(super) fn pass(&mut self, span: Duration) {
        self.now = self.now + span;
        let now = self.at();
        self.client.handle_timeout(now, &mut self.album);
    }

    pub(super) fn events(&mut self) -> Vec<Event<'static>> {
        let now = self.at();
        let mut events = Vec::new();
        while let Some(event) = self.client.poll_event(now) {
            events.push(match event {
                Event::Redirected { location } => {
                    Event::Redirected { location: Vec::leak(location.to_vec()) }
                }
                Event::Described { tracks, duration } => Event::Described { tracks, duration },
                Event::Setup { track } => Event::Setup { track },
                Event::ServerPorts { track, ports, source } => Event::ServerPorts { track, ports, source },
                Event::Playing { lower, range, scale, speed } => {
                    Event::Playing { lower, range, scale, speed }
                }
                Event::Refused { method, status, auth } => Event::Refused { method, status, auth },
                Event::Failed(error) => Event::Failed(error),
                Event::SwitchedToTcp => Event::SwitchedToTcp,
                Event::Paused => Event::Paused,
                Event::Stalled => Event::Stalled,
                Event::Ended => Event::Ended,
                Event::Closed => Event::Closed,
            });
        }
        events
    }

    /// Gives the frame on channel 4, in packets from `seq` on.
    pub(super) fn frame(&mut self, clip: &Clip, number: usize, ssrc: u32, seq: u16, timestamp: u32) -> u16 {
        let packets = packets(clip, number, ssrc, seq, timestamp);
        for packet in &packets {
            self.bytes(&framed(4, packet));
        }
        seq.wrapping_add(packets.len() as u16)
    }
}

pub(super) fn described(sdp: &str) -> String {
    let head = "RTSP/1.0 200 OK\r\nCSeq: {}\r\nContent-Type: application/sdp\r\nContent-Length: ";
    format!("{head}{}\r\n\r\n{sdp}", sdp.len())
}

pub(super) fn framed(channel: u8, packet: &[u8]) -> Vec<u8> {
    let header = interleaved::Header { channel, len: packet.len() as u16 };
    [&header.emit()[..], packet].concat()
}

pub(super) fn packets(clip: &Clip, number: usize, ssrc: u32, mut seq: u16, timestamp: u32) -> Vec<Vec<u8>> {
    let (_, data) = &clip.0[number];
    let packetizer = Packetizer::new(&TRACK, &Frame::intra(data, 0, 0), 1_300).unwrap();
    let (mut packets, mut next) = (Vec::new(), Some(Cursor::START));
    while let Some(at) = next {
        let fragment = packetizer.fragment(at).unwrap();
        let mut head = [0; 16];
        let head_len = packetizer.emit_head(&fragment, &mut head).unwrap();
        let marker = fragment.marker;
        let mut header = [0; 12];
        rtp::Repr { payload_type: 26, marker, sequence_number: seq, timestamp, ssrc }.emit(&mut header);
        let parts = packetizer.parts(&fragment).unwrap().concat();
        packets.push([&header[..], &head[..head_len], &parts].concat());
        (seq, next) = (seq.wrapping_add(1), fragment.next);
    }
    packets
}

pub(super) fn bye(ssrc: u32) -> Vec<u8> {
    let mut bytes = [0; 80];
    let compound =
        rtcp::CompoundRepr { ssrc, sender: Some(Default::default()), reports: &[], cname: b"x", bye: true };
    let len = compound.emit(&mut bytes).unwrap();
    bytes[..len].to_vec()
}

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
    let unauthorized =
        "RTSP/1.0 401 Unauthorized\r\nCSeq: {}\r\nWWW-Authenticate: Digest realm=\"x\"\r\n\r\n";
    let mut script = Script::after(TransportChoice::Tcp, &[unauthorized, unauthorized]);
    let refused = |method, status, auth| Event::Refused { method, status, auth };
    let auth = Some(AuthScheme::Digest);
    assert_eq!(script.events(), [refused(Method::Describe, Status::UNAUTHORIZED, auth), Event::Closed]);

    let not_found = "RTSP/1.0 404 Not Found\r\nCSeq: {}\r\n\r\n";
    let mut script = Script::after(TransportChoice::Tcp, &[OPTIONS, not_found]);
    assert_eq!(script.events(), [refused(Method::Describe, Status::NOT_FOUND, None), Event::Closed]);

    let invalid = "RTSP/1.0 457 Invalid Range\r\nCSeq: {}\r\n\r\n";
    let mut script = Script::after(TransportChoice::Tcp, &[OPTIONS, &described(SDP), TCP, invalid]);
    assert_eq!(script.events().last(), Some(&refused(Method::Play, Status::INVALID_RANGE, None)));
    script.client.play(Some(Seek::Live));
    assert!(script.request().contains("\r\nRange: npt=now-\r\n"));
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
fn another_source_is_taken_after_two_packets_and_time_goes_on() {
    let clip = Clip::new(6);
    let mut script = Script::playing();
    let next = script.frame(&clip, 0, 1, 10, 90_000);
    script.frame(&clip, 1, 1, next, 93_600);
    // A stray packet of somebody else changes nothing.
    script.bytes(&framed(4, &packets(&clip, 5, 3, 500, 7)[0]));
    // The first packet is what it costs.
    let next = script.frame(&clip, 2, 2, 40_000, 1_000_000);
    let next = script.frame(&clip, 3, 2, next, 1_003_600);
    script.frame(&clip, 4, 2, next, 1_007_200);
    let whole: Vec<_> =
        script.album.frames.iter().filter(|seen| seen.flags.integrity.is_complete()).collect();
    assert_eq!(whole.len(), 4);
    assert!(whole.iter().map(|seen| seen.pts).is_sorted_by(|a, b| a < b));
    assert_eq!(whole[3].pts.since(whole[2].pts), Duration::from_millis(40));
    assert_eq!(whole[3].data, clip.0[4].1);
    let figures = script.client.statistics(0).unwrap();
    assert_eq!(figures.frames_complete, 4);
}

#[test]
fn a_source_that_starts_anew_after_pause_loses_nothing() {
    let clip = Clip::new(4);
    let mut script = Script::playing();
    let next = script.frame(&clip, 0, 1, 10, 90_000);
    script.frame(&clip, 1, 1, next, 93_600);
    for (ssrc, seq) in [(1, 30_000), (2, 100)] {
        script.client.pause();
        script.request();
        script.reply(PLAY);
        assert!(script.events().contains(&Event::Paused));
        script.client.play(None);
        assert!(!script.request().contains("Range"));
        script.reply("RTSP/1.0 200 OK\r\nCSeq: {}\r\n\r\n");
        script.frame(&clip, 2, ssrc, seq, 5);
    }
    let frames = &script.album.frames;
    assert_eq!(frames.len(), 4);
    assert!(frames.iter().all(|seen| seen.flags.integrity.is_complete()));
    assert!(frames.iter().map(|seen| seen.pts.as_micros()).eq([0, 40_000, 80_000, 120_000]));
}

#[test]
fn silence_is_told_once_until_more_comes() {
    let clip = Clip::new(2);
    let mut script = Script::playing();
    let next = script.frame(&clip, 0, 1, 10, 90_000);
    for _ in 0..2 {
        script.pass(Duration::from_secs(10));
        assert_eq!(script.events(), [Event::Stalled]);
        script.pass(Duration::from_secs(5));
        assert_eq!(script.events(), []);
        script.frame(&clip, 1, 1, next, 93_600);
        script.said();
        script.reply("RTSP/1.0 200 OK\r\n\r\n");
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
fn a_packet_too_long_for_the_storage_is_dropped_and_the_next_one_used() {
    let clip = Clip::new(1);
    let mut script = Script::playing();
    let long = framed(4, &[0x80; 20_000]);
    script.bytes(&long[..5]);
    script.bytes(&long[5..]);
    script.frame(&clip, 0, 1, 10, 90_000);
    assert_eq!((script.client.dropped(), script.album.frames.len()), (1, 1));
}

#[test]
fn empty_packets_and_those_of_other_payload_types_are_no_frames() {
    let clip = Clip::new(2);
    let mut script = Script::playing();
    let next = script.frame(&clip, 0, 1, 10, 90_000);
    let mut packet = [0; 12];
    let repr = rtp::Repr { payload_type: 26, marker: false, sequence_number: next, timestamp: 0, ssrc: 1 };
    repr.emit(&mut packet);
    script.bytes(&framed(4, &packet));
    rtp::Repr { payload_type: 0, ..repr }.emit(&mut packet);
    script.bytes(&framed(4, &packet));
    script.frame(&clip, 1, 1, next.wrapping_add(1), 93_600);
    assert!(script.album.frames.iter().all(|seen| seen.flags.integrity.is_complete()));
    assert_eq!(script.album.frames.len(), 2);
}

#[test]
fn a_url_or_storage_that_is_of_no_use_is_refused_at_once() {
    let config = Config::DEFAULT;
    let new = |url, len| ClientConn::new(config, Now::default(), url, 1, vec![0; len]).map(|_| ());
    assert!(matches!(new("http://x/", 100_000), Err(Unusable::Url(_))));
    let need = config.storage_len(0);
    assert_eq!(new("rtsp://x/", need - 1), Err(Unusable::StorageTooSmall { need }));
    assert_eq!(new("rtsp://x/", need), Ok(()));
}

#[test]
fn a_url_too_long_to_keep_is_an_error_of_its_own() {
    let sdp = format!("v=0\r\nm=video 0 RTP/AVP 26\r\na=control:{}\r\n", "x".repeat(2_000));
    let mut script = Script::after(TransportChoice::Tcp, &[OPTIONS, &described(&sdp)]);
    assert_eq!(script.events(), [Event::Failed(ClientError::NoRoom)]);
}

/// The replies of a whole session, with media between.
fn session(clip: &Clip) -> Vec<Vec<u8>> {
    let media = |number: usize| {
        let packets = packets(clip, number, 1, number as u16 * 8, 90_000 + number as u32 * 3_600);
        packets.iter().flat_map(|packet| framed(4, packet)).collect::<Vec<_>>()
    };
    let play = PLAY.replace("\r\n\r\n", "\r\nRTP-Info: url=trackID=2;seq=0;rtptime=90000\r\n\r\n");
    vec![
        OPTIONS.into(),
        described(SDP).into_bytes(),
        TCP.into(),
        [play.as_bytes(), &media(0), b"\r\n", &media(1), &framed(5, &bye(1))].concat(),
    ]
}

fn watch(clip: &Clip, split: usize) -> (Vec<Event<'static>>, Album) {
    let mut script = Script::new(TransportChoice::Tcp);
    script.client.play(None);
    let (mut events, mut at) = (Vec::new(), 0);
    for (cseq, reply) in (1..).zip(session(clip)) {
        script.request();
        let reply = String::from_utf8_lossy(&reply)
            .find("{}")
            .map(|at| [&reply[..at], cseq.to_string().as_bytes(), &reply[at + 2..]].concat())
            .unwrap_or(reply);
        let here = split.saturating_sub(at).min(reply.len());
        script.bytes(&reply[..here]);
        script.bytes(&reply[here..]);
        at += reply.len();
        script.pass(Duration::ZERO);
        events.extend(script.events());
    }
    (events, script.album)
}

#[test]
fn where_the_connection_is_cut_changes_nothing() {
    let clip = Clip::new(2);
    let (events, album) = watch(&clip, 0);
    assert_eq!(album.frames.len(), 2);
    assert!(album.frames.iter().zip(&clip.0).all(|(seen, (_, data))| seen.data == *data));
    assert_eq!(events.last(), Some(&Event::Ended));
    let len = session(&clip).iter().map(Vec::len).sum();
    for split in 1..len {
        let (split_events, split_album) = watch(&clip, split);
        assert_eq!((&split_events, &split_album.frames), (&events, &album.frames), "at byte {split}");
    }
}

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
    assert_eq!(asked(&script.request()), [some("npt=0-"), None, None]);
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

proptest! {
    #[test]
    fn arbitrary_bytes_at_any_point_never_panic(
        transport in prop_oneof![Just(TransportChoice::Auto), Just(TransportChoice::Tcp)],
        prefix in 0usize..4,
        pieces in prop::collection::vec((0u8..8, prop::collection::vec(any::<u8>(), 0..80), 0u64..3_000), 0..30),
    ) {
        let clip = Clip::new(2);
        let mut script = Script::new(transport);
        script.client.play(None);
        for reply in session(&clip).into_iter().take(prefix) {
            script.request();
            script.reply(&String::from_utf8_lossy(&reply));
            script.events();
            let _ = script.client.setup(0, Some(Pair { rtp: 1, rtcp: 2 }));
        }
        for (kind, bytes, millis) in pieces {
            let now = script.at();
            let tamper = |packet: &[u8]| {
                let mut packet = packet.to_vec();
                for (at, byte) in bytes.iter().enumerate() {
                    if let Some(to) = packet.get_mut(at * 7) {
                        *to ^= byte & 0x11;
                    }
                }
                packet
            };
            match kind {
                0 => script.bytes(&bytes),
                1 => script.bytes(&framed(4, &bytes)),
                2 => script.bytes(&framed(4, &tamper(&packets(&clip, 0, 1, 5, 7)[0]))),
                3 => script.bytes(&framed(5, &tamper(&bye(1)))),
                4 => script.client.handle_datagram(now, 0, Port::Rtp, &bytes, &mut script.album),
                5 => {
                    let reply = [b"RTSP/1.0 200 OK\r\n", &bytes[..], b"\r\n\r\n"].concat();
                    script.bytes(&reply);
                }
                6 => script.reply(&String::from_utf8_lossy(&tamper(PLAY.as_bytes()))),
                _ => script.client.play(Some(Seek::To(MediaTime::from_micros(millis)))),
            }
            script.pass(Duration::from_millis(millis));
            script.request();
            while let Some(pending) = script.client.poll_transmit(now) {
                pending.commit();
            }
            script.events();
            let _ = (script.client.poll_at(), script.client.statistics(0));
        }
    }

    #[test]
    fn arbitrary_datagrams_never_panic(
        datagrams in prop::collection::vec((any::<bool>(), prop::collection::vec(any::<u8>(), 0..60)), 0..40),
    ) {
        let mut script = Script::after(TransportChoice::Udp, &[OPTIONS, &described(SDP)]);
        script.said();
        let _ = script.client.setup(0, Some(Pair { rtp: 1, rtcp: 2 }));
        script.request();
        script.reply("RTSP/1.0 200 OK\r\nCSeq: {}\r\nSession: 1\r\nTransport: RTP/AVP;server_port=3-4\r\n\r\n");
        script.request();
        script.reply(PLAY);
        for (rtcp, mut bytes) in datagrams {
            // As far as the checks that would refuse nearly all.
            if let [first, second, ..] = &mut bytes[..] {
                *first = 0x80 | (*first & 0x1F);
                *second = if rtcp { 200 + (*second & 3) } else { 26 | (*second & 0x80) };
            }
            let now = script.at();
            let port = if rtcp { Port::Rtcp } else { Port::Rtp };
            script.client.handle_datagram(now, 0, port, &bytes, &mut script.album);
            script.pass(Duration::from_millis(20));
        }
    }
}
