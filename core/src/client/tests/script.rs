//! A server that says what a test has it say, and a client that is told it.
use super::pair::{Album, Clip};
use crate::client::{ClientConn, Config, Event, LowerTransport, TransportChoice};
use crate::codec::jpeg::TRACK;
use crate::frame::Frame;
use crate::payload::{Cursor, Packetizer};
use crate::rtp;
use crate::rtp::rtcp;
use crate::rtsp::interleaved;
use crate::time::{Duration, Instant, Now};
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
    pub(super) cseq: String,
}

impl Script {
    pub(super) fn new(transport: TransportChoice) -> Self {
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

    pub(super) fn at(&self) -> Now {
        Now { at: self.now, ..Now::default() }
    }

    /// What the client says now.
    pub(super) fn said(&mut self) -> String {
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
                Event::Refused { method, status } => Event::Refused { method, status },
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
