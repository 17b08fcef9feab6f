//! A server connection in virtual time, with a client that only counts bytes: what all tests of
//! this module stand on.
mod adapt;
mod batches;
mod bytes;
mod clock;
mod dialogue;
mod hostile;
mod latching;
mod late_end;
mod live;
mod live_pace;
#[cfg(feature = "auth")]
mod login;
#[cfg(feature = "auth")]
mod login_app;
mod pace;
mod refusals;
mod requests;
mod sessions;
mod tracks;
mod transports;
mod turns;

use super::*;
use crate::codec::jpeg::{Header, Sampling, TRACK};
use crate::frame::{Frame, FrameId, FrameStore, Miss, Seek, TrackId, TrackInfo};
use crate::payload::jpeg;
use crate::random::split_mix;
use crate::rtp;
use crate::rtp::rtcp;
use crate::rtsp::{Message, Parsed, Status, parse};
use crate::sdp::{AddressType, Presentation, Track};
use crate::time::{Duration, Instant, MediaTime, Now, NtpTime, Wake};
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::string::String;
use std::vec::Vec;
use std::{format, vec};

pub(super) const URL: &str = "rtsp://h/clip";
pub(super) const PEER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 7));
pub(super) const CLIENT: SocketAddr = SocketAddr::new(PEER, 40_554);
pub(super) const PORTS: PortPair = PortPair { socket: 3, rtp: 6000, rtcp: 6001 };
pub(super) const UDP: &str = "Transport: RTP/AVP;unicast;client_port=5000-5001\r\n";
pub(super) const TCP: &str = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n";
/// 25 frames a second.
pub(super) const INTERVAL: Duration = Duration::from_millis(40);
/// The connection begins here, so that there is a past.
const START: Instant = Instant::from_micros(1_000_000_000);

/// A JPEG file with a scan of `scan_len` bytes, none of which is 0xFF.
pub(super) fn picture(scan_len: usize) -> Vec<u8> {
    let (luma, chroma) = ([16; 64], [17; 64]);
    let header = Header {
        width: 64,
        height: 48,
        sampling: Sampling::Yuv420,
        restart_interval: 0,
        luma: &luma,
        chroma: &chroma,
    };
    let mut file = vec![0; Header::MAX_LEN];
    let info = header.emit(&mut file).unwrap();
    file.truncate(info.scan as usize);
    file.extend((0..scan_len).map(|n| (n % 251) as u8));
    file.extend([0xFF, 0xD9]);
    file
}

/// One track: a clip if it has ended, else a live source with a window of frames.
#[derive(Clone, Debug)]
pub(super) struct Clip {
    pub(super) frames: Vec<(Vec<u8>, MediaTime)>,
    pub(super) first: u64,
    pub(super) ended: bool,
}

impl Clip {
    /// `count` frames, each with a scan of `scan_len` bytes.
    pub(super) fn of(count: u64, scan_len: usize) -> Self {
        let file = picture(scan_len);
        let frames = (0..count).map(|n| (file.clone(), pts(n))).collect();
        Self { frames, first: 0, ended: true }
    }

    pub(super) fn live() -> Self {
        Self { ended: false, ..Self::of(0, 0) }
    }

    pub(super) fn push(&mut self, scan_len: usize, pts: MediaTime) {
        self.frames.push((picture(scan_len), pts));
    }
}

impl FrameStore for Clip {
    fn info(&self, _: TrackId) -> Option<TrackInfo<'_>> {
        Some(TRACK)
    }

    fn frame(&self, _: TrackId, id: FrameId) -> Result<Frame<'_>, Miss> {
        if id.0 < self.first {
            return Err(Miss::Overrun { newest: FrameId(self.frames.len() as u64 - 1) });
        }
        let miss = if self.ended { Miss::End } else { Miss::NotYet };
        let (data, pts) = self.frames.get(id.0 as usize).ok_or(miss)?;
        Ok(frame(data, *pts))
    }

    fn seek(&self, _: TrackId, to: Seek) -> Result<FrameId, Miss> {
        let found = match to {
            Seek::Live => self.frames.len().saturating_sub(1),
            Seek::To(time) => self.frames.partition_point(|(_, pts)| *pts < time),
        };
        Ok(FrameId((found as u64).max(self.first)))
    }
}

/// A frame of [`INTERVAL`].
pub(super) fn frame(data: &[u8], pts: MediaTime) -> Frame<'_> {
    let duration = INTERVAL.to_ticks(TRACK.clock_rate) as u32;
    Frame::intra(data, pts.to_ticks(TRACK.clock_rate), duration)
}

/// When frame `n` of a clip is shown.
pub(super) fn pts(n: u64) -> MediaTime {
    MediaTime::from_micros(n * INTERVAL.as_micros())
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
}

impl Reply {
    pub(super) fn get(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(other, _)| other == name);
        found.map_or("", |(_, value)| value)
    }

    /// The number of a parameter of RTP-Info, in its entry `index`.
    pub(super) fn rtp_info(&self, index: usize, name: &str) -> u32 {
        let entry = self.get("RTP-Info").split(',').nth(index).expect("an entry");
        let value = entry.split(';').find_map(|part| part.strip_prefix(&format!("{name}=")));
        value.expect("a parameter").parse().unwrap()
    }
}

/// One thing on the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    Reply(Reply),
    Data(u8, Vec<u8>),
}

/// One datagram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Datagram {
    pub(super) at: Duration,
    pub(super) to: SocketAddr,
    pub(super) port: Port,
    pub(super) bytes: Vec<u8>,
}

/// A [`Notice`] without its session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Told {
    Opened(u8, LowerTransport),
    Skipped(u64),
    Adapted(u8),
    Ended,
    Closed(u8, CloseReason, Summary),
    Disconnect(ConnError),
}

/// The fields of an RTP packet that the tests compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rtp {
    pub(super) sequence: u16,
    pub(super) timestamp: u32,
    pub(super) marker: bool,
    pub(super) ssrc: u32,
    pub(super) offset: u32,
}

pub(super) fn rtp(bytes: &[u8]) -> Rtp {
    let packet = rtp::Packet::new_checked(bytes).unwrap();
    assert_eq!(packet.payload_type(), 26);
    let payload = jpeg::Payload::parse(packet.payload()).unwrap();
    let (sequence, timestamp) = (packet.sequence_number(), packet.timestamp());
    Rtp { sequence, timestamp, marker: packet.marker(), ssrc: packet.ssrc(), offset: payload.offset }
}

/// A connection, its storage and application, and the client's end of it.
pub(super) struct Bench<S = Clip, const TRACKS: usize = MAX_TRACKS> {
    pub(super) conn: ServerConn<TRACKS>,
    pub(super) storage: Vec<u8>,
    pub(super) store: S,
    pub(super) at: Instant,
    /// Where the medium ends, as the application answers PLAY.
    pub(super) end: Option<MediaTime>,
    /// What the application says to everything, if it refuses.
    pub(super) refusal: Option<Status>,
    /// The application puts every request off.
    pub(super) slow: bool,
    /// How many requests it put off.
    pub(super) put_off: usize,
    /// Where random numbers come from: this one, changed at each draw.
    pub(super) random: u64,
    pub(super) ports: Option<PortPair>,
    /// Bytes that the connection takes in one write, and until it is blocked.
    pub(super) write: usize,
    /// It is written to by one call, and not by two.
    pub(super) at_once: bool,
    pub(super) window: usize,
    /// Packets in one send call.
    pub(super) segments: usize,
    pub(super) out: Vec<u8>,
    pub(super) datagrams: Vec<Datagram>,
    pub(super) told: Vec<Told>,
    pub(super) cseq: u32,
    pub(super) session: String,
}

impl Bench<Clip> {
    /// A clip of ten frames, each of three packets.
    pub(super) fn new() -> Self {
        Self::of(Clip::of(10, 3000))
    }

    pub(super) fn of(clip: Clip) -> Self {
        let end = clip.ended.then(|| pts(clip.frames.len() as u64));
        Self::with(clip, Config::DEFAULT, end)
    }
}

impl<S: FrameStore> Bench<S> {
    pub(super) fn with(store: S, config: Config, end: Option<MediaTime>) -> Self {
        Self::with_tracks(store, config, end)
    }
}

impl<S: FrameStore, const TRACKS: usize> Bench<S, TRACKS> {
    pub(super) fn with_tracks(store: S, config: Config, end: Option<MediaTime>) -> Self {
        let storage = vec![0; config.storage_len(2048)];
        let now = Now { at: START, ntp: NtpTime::default() };
        Self {
            conn: ServerConn::with_tracks(config, now, CLIENT),
            storage,
            store,
            at: START,
            end,
            refusal: None,
            slow: false,
            put_off: 0,
            random: 42,
            ports: Some(PORTS),
            write: usize::MAX,
            at_once: false,
            window: usize::MAX,
            segments: 64,
            out: Vec::new(),
            datagrams: Vec::new(),
            told: Vec::new(),
            cseq: 0,
            session: String::new(),
        }
    }

    /// The wall clock goes with the other one.
    pub(super) fn now(&self) -> Now {
        Now { at: self.at, ntp: NtpTime::from_unix(self.at.since(Instant::ZERO)) }
    }

    /// Since the connection began.
    pub(super) fn elapsed(&self) -> Duration {
        self.at.since(START)
    }

    /// Hands in what the client says, as a socket would: as much as there is room for at once.
    pub(super) fn receive(&mut self, bytes: impl AsRef<[u8]>) {
        let mut rest = bytes.as_ref();
        for _ in 0..10_000 {
            let Ok(taken) = self.take(rest) else { break };
            rest = &rest[taken..];
            if rest.is_empty() {
                break;
            }
            self.turn();
        }
        self.turn();
    }

    /// Hands in what the client says, and no more than that.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Result<usize, ConnError> {
        self.conn.turn(self.now(), &mut self.storage).handle_stream(bytes)
    }

    pub(super) fn stream_room(&mut self) -> usize {
        self.conn.turn(self.now(), &mut self.storage).stream_room()
    }

    /// All that can be done now, in the order that the module describes.
    pub(super) fn turn(&mut self) {
        let now = self.now();
        self.events();
        while self.window > 0
            && let mut turn = self.conn.turn(now, &mut self.storage)
            && let Some(chunk) = turn.poll_stream(&self.store)
        {
            let mut buffer = [0; 65_536];
            let room = self.write.min(self.window).min(buffer.len());
            let filled = if self.at_once {
                chunk.write(&mut buffer[..room])
            } else {
                let filled = chunk.fill(&mut buffer[..room]);
                chunk.advance(filled);
                filled
            };
            assert!(filled > 0, "a chunk has something to say");
            self.out.extend(&buffer[..filled]);
            if self.window < usize::MAX {
                self.window -= filled;
            }
            self.events();
        }
        let elapsed = self.elapsed();
        while let Some(mut pending) = self.conn.poll_transmit(now, &self.store) {
            let (to, port) = (pending.to(), pending.port());
            assert_eq!(pending.socket(), PORTS.socket);
            let mut buffer = [0; 65_536];
            let batch = pending.emit(self.segments, &mut buffer).unwrap();
            assert!(batch.count <= self.segments && batch.len <= 65_507);
            pending.commit(batch.count);
            let segments = buffer[..batch.len].chunks(batch.segment);
            assert_eq!(segments.len(), batch.count);
            self.datagrams.extend(segments.map(|bytes| Datagram {
                at: elapsed,
                to,
                port,
                bytes: bytes.into(),
            }));
        }
    }

    /// Has the application answer what was asked, and take note of what happened.
    pub(super) fn events(&mut self) {
        let now = self.now();
        let mut app = App {
            store: &self.store,
            end: self.end,
            refusal: self.refusal,
            slow: self.slow,
            put_off: &mut self.put_off,
            random: &mut self.random,
            told: &mut self.told,
        };
        let mut turn = self.conn.turn(now, &mut self.storage);
        turn.set_ports(self.ports);
        turn.serve(&mut app);
    }

    /// Has the application answer what it put off.
    pub(super) fn answer(&mut self) {
        self.slow = false;
        self.events();
    }

    pub(super) fn wake(&self) -> Wake {
        self.conn.poll_at(&self.store)
    }

    /// When there is something to do again, for a loop whose outlets are open.
    pub(super) fn next(&self) -> Option<Instant> {
        self.wake().earliest(self.window > 0, true)
    }

    /// Lets time pass, and sleeps by [`ServerConn::poll_at`] only.
    ///
    /// # Panics
    /// If it names a time at which there is nothing to do.
    pub(super) fn run(&mut self, span: Duration) {
        let until = self.at + span;
        self.turn();
        loop {
            let mut rounds = 0;
            while self.next().is_some_and(|at| at <= self.at) {
                rounds += 1;
                assert!(rounds < 4, "poll_at spins: {:?}", self.wake());
                self.turn();
            }
            self.at = self.next().filter(|at| *at < until).unwrap_or(until);
            self.turn();
            if self.at == until {
                return;
            }
        }
    }

    /// A request, with its own CSeq and the session's id, and its reply.
    pub(super) fn request(&mut self, method: &str, url: &str, headers: &str) -> Reply {
        self.cseq += 1;
        let session = match self.session.as_str() {
            "" => String::new(),
            id => format!("Session: {id}\r\n"),
        };
        let cseq = self.cseq;
        self.receive(format!("{method} {url} RTSP/1.0\r\nCSeq: {cseq}\r\n{session}{headers}\r\n"));
        let reply = self.reply();
        assert_eq!(reply.get("CSeq"), format!("{cseq}"));
        reply
    }

    /// The last reply among what was sent; the interleaved packets stay.
    pub(super) fn reply(&mut self) -> Reply {
        let sent = self.sent();
        let reply = sent.iter().rev().find_map(|sent| match sent {
            Sent::Reply(reply) => Some(reply.clone()),
            Sent::Data(..) => None,
        });
        for sent in sent {
            if let Sent::Data(channel, bytes) = sent {
                let header = crate::rtsp::interleaved::Header { channel, len: bytes.len() as u16 };
                self.out.extend(header.emit());
                self.out.extend(bytes);
            }
        }
        reply.expect("a reply")
    }

    pub(super) fn ok(&mut self, method: &str, url: &str, headers: &str) -> Reply {
        let reply = self.request(method, url, headers);
        assert_eq!(reply.status, 200, "{method}: {reply:?}");
        reply
    }

    /// SETUP of a track; the session's id is kept for the requests that follow.
    pub(super) fn set_up(&mut self, track: u8, transport: &str) -> Reply {
        let reply = self.ok("SETUP", &format!("{URL}/track{track}"), transport);
        let id = reply.get("Session").split(';').next().unwrap();
        self.session = id.into();
        reply
    }

    /// SETUP and PLAY.
    pub(super) fn start(&mut self, transport: &str, range: &str) -> Reply {
        self.set_up(0, transport);
        self.ok("PLAY", URL, range)
    }

    /// What was written to the connection since the last call, taken apart.
    pub(super) fn sent(&mut self) -> Vec<Sent> {
        let (sent, rest) = take_apart(&self.out);
        self.out = rest.into();
        sent
    }

    /// Packets on a channel since the last call; the rest of the connection is dropped.
    pub(super) fn channel(&mut self, wanted: u8) -> Vec<Vec<u8>> {
        let data = self.sent().into_iter().filter_map(|sent| match sent {
            Sent::Data(channel, bytes) if channel == wanted => Some(bytes),
            _ => None,
        });
        data.collect()
    }

    /// RTP by UDP since the last call, with the time; RTCP is dropped.
    pub(super) fn rtp(&mut self) -> Vec<(Duration, Rtp)> {
        let sent = core::mem::take(&mut self.datagrams).into_iter();
        sent.filter(|datagram| datagram.port == Port::Rtp).map(|d| (d.at, rtp(&d.bytes))).collect()
    }
}

/// What a bench's program answers.
pub(super) struct App<'b, S> {
    pub(super) store: &'b S,
    pub(super) end: Option<MediaTime>,
    pub(super) refusal: Option<Status>,
    pub(super) slow: bool,
    pub(super) put_off: &'b mut usize,
    pub(super) random: &'b mut u64,
    pub(super) told: &'b mut Vec<Told>,
}

impl<S: FrameStore> Application for App<'_, S> {
    type Store = S;

    fn store(&self) -> &S {
        self.store
    }

    fn request(&mut self, request: Request<'_>) -> Answered {
        const JPEG: Track<'static> = Track { info: TRACK, dimensions: Some((64, 48)), frame_rate: None };
        if self.slow {
            *self.put_off += 1;
            return request.later();
        }
        match (request.action(), self.refusal) {
            (Action::Other(request), _) => request.proceed(),
            (action, Some(status)) => action.into_request().refuse(status, &[]),
            (Action::Describe(describe), None) => describe.accept(&Presentation {
                name: "clip",
                session_id: 1,
                version: 1,
                address_type: AddressType::Ip4,
                duration: self.end.map(|end| end.since(MediaTime::ZERO)),
                tracks: &[JPEG],
            }),
            (Action::Setup(setup), None) => {
                let burst = setup.receive_buffer().and_then(|bytes| u32::try_from(bytes).ok());
                let setup = burst.into_iter().fold(setup, Setup::with_live_burst);
                setup.accept(0, &mut || split_mix(self.random))
            }
            (Action::Play(play), None) if self.end.is_none() => play.accept_live(self.store),
            (Action::Play(play), None) => play.accept(self.store, self.end),
        }
    }

    fn notice(&mut self, peer: SocketAddr, notice: Notice) {
        assert_eq!(peer.port(), CLIENT.port());
        self.told.push(match notice {
            Notice::Opened { track, transport, .. } => Told::Opened(track.track, transport),
            Notice::Skipped { frames, .. } => Told::Skipped(frames),
            Notice::Adapted { one_in, .. } => Told::Adapted(one_in),
            Notice::Ended { .. } => Told::Ended,
            Notice::Closed { track, reason, summary, .. } => Told::Closed(track.track, reason, summary),
            Notice::Disconnect(error) => Told::Disconnect(error),
            #[cfg(feature = "auth")]
            Notice::LoginRefused { .. } => unreachable!("there is no login"),
        });
    }
}

/// Replies and `$` messages, and the part of one at the end.
///
/// # Panics
/// At anything else.
pub(super) fn take_apart(mut bytes: &[u8]) -> (Vec<Sent>, &[u8]) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.into()).unwrap();
    let mut sent = Vec::new();
    loop {
        let (message, len) = match parse(bytes).unwrap() {
            Parsed::Partial => return (sent, bytes),
            Parsed::Skip(_) => panic!("an empty line between messages"),
            Parsed::Complete(message, len) => (message, len),
        };
        sent.push(match message {
            Message::Request(request) => panic!("{request:?}"),
            Message::Data(data) => Sent::Data(data.channel, data.payload.into()),
            Message::Response(response) => Sent::Reply(Reply {
                status: response.status.0,
                headers: response.headers.iter().map(|h| (text(h.name), text(h.value))).collect(),
                body: text(response.body),
            }),
        });
        bytes = &bytes[len..];
    }
}

/// The sender's part of a report, if the compound is one that RFC 3550, 6.1 allows: a report, a
/// name, and at most a BYE, whether there is one.
pub(super) fn sender_report(compound: &[u8]) -> (u32, rtcp::sr::SenderInfo, bool) {
    let packets: Vec<_> = rtcp::Compound::new(compound).map(Result::unwrap).collect();
    let (report, bye) = match packets[..] {
        [rtcp::Packet::SenderReport(report), rtcp::Packet::SourceDescription(_)] => (report, false),
        [rtcp::Packet::SenderReport(report), rtcp::Packet::SourceDescription(_), rtcp::Packet::Bye(_)] => {
            (report, true)
        }
        _ => panic!("{packets:?}"),
    };
    (report.ssrc(), report.info(), bye)
}

/// A receiver report about `ssrc`.
pub(super) fn receiver_report(ssrc: u32, cumulative_lost: i32) -> Vec<u8> {
    let block = rtcp::ReportBlock { ssrc, cumulative_lost, jitter: 45, ..rtcp::ReportBlock::default() };
    let compound =
        rtcp::CompoundRepr { ssrc: 9, sender: None, reports: &[block], cname: b"client", bye: false };
    let mut out = vec![0; compound.buffer_len()];
    compound.emit(&mut out).unwrap();
    out
}

pub(super) fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

pub(super) fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}
