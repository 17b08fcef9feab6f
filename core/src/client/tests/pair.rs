//! Both ends in one test: a virtual clock, and a link that can be tampered with.
use super::screen::Screen;
use crate::client::{ClientConn, Config, Event, PlayOptions, Port};
use crate::codec::jpeg::{Header, JpegInfo, Sampling, TRACK};
use crate::frame::{
    Flags, Frame, FrameEnd, FrameId, FrameSink, FrameStore, Full, Miss, Seek, TrackId, TrackInfo,
};
use crate::random::split_mix;
use crate::rtsp::{Pair as Ports, Position, Status};
use crate::sdp::{AddressType, FrameRate, Presentation, Track};
use crate::server::{self, Action, Answered, CloseReason, Notice, PortPair, Request, ServerConn, Summary};
use crate::time::{Duration, Instant, MediaTime, Now, NtpTime};
use core::net::SocketAddr;
use std::boxed::Box;
use std::vec::Vec;

pub(super) const URL: &str = "rtsp://10.0.0.1:8554/clip";
pub(super) const INTERVAL: Duration = Duration::from_millis(40);
const SERVER_RTP: u16 = 5_000;
const CLIENT_RTP: u16 = 6_000;

/// A recorded clip of 25 frames a second.
#[derive(Clone)]
pub(super) struct Clip(pub(super) Vec<(JpegInfo, Vec<u8>)>);

impl Clip {
    /// `count` frames of up to 9 KB, like JPEG files but for what is in the scan.
    pub(super) fn new(count: u64) -> Self {
        Self((0..count).map(Self::picture).collect())
    }

    fn picture(number: u64) -> (JpegInfo, Vec<u8>) {
        let mut random = number;
        let (luma, chroma) = ([1 + (number % 200) as u8; 64], [9; 64]);
        let header = Header {
            width: 320,
            height: 240,
            sampling: Sampling::Yuv420,
            restart_interval: 0,
            luma: &luma,
            chroma: &chroma,
        };
        let mut file = std::vec![0; Header::MAX_LEN];
        let mut info = header.emit(&mut file).unwrap();
        file.truncate(info.scan as usize);
        info.scan_len = (200 + split_mix(&mut random) % 8_000) as u32;
        file.extend((0..info.scan_len).map(|_| split_mix(&mut random) as u8 & 0x7F));
        file.extend([0xFF, 0xD9]);
        (info, file)
    }

    pub(super) fn duration(&self) -> Duration {
        INTERVAL.scaled(self.0.len() as u64, 1)
    }

    pub(super) fn pts(number: u64) -> MediaTime {
        MediaTime::ZERO + INTERVAL.scaled(number, 1)
    }
}

impl FrameStore for Clip {
    fn info(&self, _: TrackId) -> Option<TrackInfo<'_>> {
        Some(TRACK)
    }

    fn frame(&self, _: TrackId, id: FrameId) -> Result<Frame<'_>, Miss> {
        let (_, data) = self.0.get(id.0 as usize).ok_or(Miss::End)?;
        let duration = INTERVAL.to_ticks(TRACK.clock_rate) as u32;
        Ok(Frame::intra(data, Self::pts(id.0).to_ticks(TRACK.clock_rate), duration))
    }

    fn seek(&self, _: TrackId, to: Seek) -> Result<FrameId, Miss> {
        Ok(match to {
            Seek::To(pts) => FrameId(pts.as_micros().div_ceil(INTERVAL.as_micros()).min(self.0.len() as u64)),
            Seek::Live => FrameId(self.0.len() as u64),
        })
    }
}

/// A frame that came.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Seen {
    pub(super) track: u8,
    pub(super) pts: MediaTime,
    pub(super) data: Vec<u8>,
    pub(super) duration: Duration,
    pub(super) flags: Flags,
}

/// All frames that came, of tracks that may overlap.
#[derive(Default)]
pub(super) struct Album {
    pub(super) frames: Vec<Seen>,
    open: [Option<(MediaTime, Vec<u8>)>; 4],
}

impl FrameSink for Album {
    fn begin(&mut self, track: u8, time: u64) -> Result<(), Full> {
        let pts = MediaTime::from_ticks(time, TRACK.clock_rate);
        self.open[usize::from(track)] = Some((pts, Vec::new()));
        Ok(())
    }

    fn write_at(&mut self, track: u8, at: usize, bytes: &[u8]) -> Result<(), Full> {
        let (_, data) = self.open[usize::from(track)].as_mut().ok_or(Full)?;
        data.resize(data.len().max(at + bytes.len()), 0);
        data[at..at + bytes.len()].copy_from_slice(bytes);
        Ok(())
    }

    fn finish(&mut self, track: u8, end: FrameEnd<'_>) {
        let (pts, data) = self.open[usize::from(track)].take().unwrap();
        let duration = Duration::from_ticks(u64::from(end.duration), TRACK.clock_rate);
        self.frames.push(Seen { track, pts, data, duration, flags: end.flags });
    }

    fn abandon(&mut self, track: u8) {
        self.open[usize::from(track)] = None;
    }
}

/// A datagram on the link.
pub(super) struct Datagram<'a> {
    pub(super) to_client: bool,
    pub(super) port: Port,
    /// How many went this way from this port before.
    pub(super) nth: u64,
    pub(super) bytes: &'a [u8],
}

/// What becomes of a datagram: after which delays it arrives, and how often.
pub(super) type Fate = Box<dyn FnMut(&Datagram<'_>) -> Vec<Duration>>;

struct InFlight {
    at: Instant,
    to_client: bool,
    port: Port,
    track: u8,
    bytes: Vec<u8>,
}

pub(super) struct Pair {
    pub(super) server: ServerConn,
    storage: Vec<u8>,
    pub(super) client: ClientConn<Vec<u8>, &'static str>,
    pub(super) clip: Clip,
    pub(super) album: Album,
    /// Who watches, instead of the album.
    pub(super) screen: Option<Screen>,
    pub(super) now: Instant,
    /// What the client told, and when.
    pub(super) events: Vec<(Instant, Event<'static>)>,
    pub(super) closed_by_server: Vec<(CloseReason, Summary)>,
    /// What the client sent on the connection.
    pub(super) requests: Vec<u8>,
    /// Instead of what the server would answer to SETUP.
    pub(super) refuse_udp: bool,
    /// Where a PLAY begins, by what it asks for.
    pub(super) rounded: fn(MediaTime) -> MediaTime,
    /// Until then nothing comes through to the client.
    pub(super) stalled_until: Instant,
    /// Until then nothing comes through to the client on the connection, and datagrams do.
    pub(super) mute_until: Instant,
    /// Until then the server's UDP socket takes nothing.
    pub(super) full_until: Instant,
    pub(super) fate: Fate,
    /// Bytes that one write on the connection takes, at most.
    pub(super) max_write: usize,
    in_flight: Vec<InFlight>,
    /// Datagrams by way and port: to the server RTP and RTCP, to the client RTP and RTCP.
    pub(super) sent: [u64; 4],
    random: u64,
}

impl Pair {
    /// With a server that sends every frame, whatever is lost.
    pub(super) fn new(config: Config, clip: Clip) -> Self {
        Self::with(config, server::Config { adapt: false, ..server::Config::DEFAULT }, clip)
    }

    pub(super) fn with(config: Config, server_config: server::Config, clip: Clip) -> Self {
        let now = Now::default();
        let peer = SocketAddr::from(([10, 0, 0, 2], 0));
        let storage = std::vec![0; server_config.storage_len(1_024)];
        let client = std::vec![0; config.storage_len(64 * 1_510)];
        Self {
            server: ServerConn::new(server_config, now, peer),
            storage,
            client: ClientConn::new(config, now, URL, 2, client).unwrap(),
            clip,
            album: Album::default(),
            screen: None,
            now: Instant::ZERO,
            events: Vec::new(),
            closed_by_server: Vec::new(),
            requests: Vec::new(),
            refuse_udp: false,
            rounded: |asked| asked,
            stalled_until: Instant::ZERO,
            mute_until: Instant::ZERO,
            full_until: Instant::ZERO,
            fate: Box::new(|_| std::vec![Duration::from_millis(3)]),
            max_write: 65_536,
            in_flight: Vec::new(),
            sent: [0; 4],
            random: 3,
        }
    }

    /// Lets time pass.
    pub(super) fn run(&mut self, span: Duration) {
        self.run_until(span, |_| false);
    }

    /// Lets time pass until the client tells of something like `event`; false if it does not.
    pub(super) fn run_to(&mut self, span: Duration, event: fn(&Event<'_>) -> bool) -> bool {
        let before = self.events.len();
        self.run_until(span, |pair| pair.events[before..].iter().any(|(_, told)| event(told)))
    }

    fn run_until(&mut self, span: Duration, done: impl Fn(&Self) -> bool) -> bool {
        let end = self.now + span;
        let mut rounds_now = 0;
        loop {
            self.turn();
            if done(self) {
                return true;
            }
            let heard_at = self.stalled_until.max(self.mute_until);
            let stalled = self.now < heard_at;
            let client = self.client.poll_at().earliest(true, true);
            let full = self.now < self.full_until;
            let server = self.server.poll_at(&self.clip).earliest(!stalled, !full);
            let link = self.in_flight.iter().map(|datagram| datagram.at).min();
            let stall = stalled.then_some(heard_at);
            let full = full.then_some(self.full_until);
            let screen = self.screen.as_ref().and_then(Screen::wakes_at);
            let next = [client, server, link, stall, full, screen].into_iter().flatten().min();
            let next = next.unwrap_or(end).max(self.now);
            rounds_now = if next > self.now { 0 } else { rounds_now + 1 };
            assert!(rounds_now < 1_000, "an end asks to be called and does nothing at {:?}", self.now);
            if next >= end {
                self.now = end;
                self.turn();
                return done(self);
            }
            self.now = next;
        }
    }

    /// Why the sessions ended that the server has closed.
    pub(super) fn closed(&self) -> Vec<CloseReason> {
        self.closed_by_server.iter().map(|(reason, _)| *reason).collect()
    }

    pub(super) fn told(&self) -> Vec<Event<'static>> {
        self.events.iter().map(|(_, event)| *event).collect()
    }

    fn clock(&self) -> Now {
        Now { at: self.now, ntp: NtpTime::from_unix(Duration::from_micros(self.now.as_micros())) }
    }

    fn turn(&mut self) {
        let now = self.clock();
        self.arrive(now);
        let sink = sink(&mut self.screen, &mut self.album);
        self.client.handle_timeout(now, sink);
        loop {
            self.serve(now);
            self.listen(now);
            if let Some(screen) = &mut self.screen {
                screen.show(self.now, &self.clip);
                screen.ask(&mut self.client);
            }
            let moved = self.write_to_client(now) | self.write_to_server(now);
            if !moved {
                break;
            }
        }
        self.transmit(now);
    }

    fn arrive(&mut self, now: Now) {
        let (mut due, rest): (Vec<_>, Vec<_>) =
            self.in_flight.drain(..).partition(|datagram| datagram.at <= now.at);
        self.in_flight = rest;
        due.sort_by_key(|datagram| datagram.at);
        for InFlight { to_client, port, track, bytes, .. } in due {
            if to_client {
                let sink = sink(&mut self.screen, &mut self.album);
                self.client.handle_datagram(now, track, port, &bytes, sink);
            } else {
                let number = CLIENT_RTP + u16::from(port == Port::Rtcp);
                self.server.handle_datagram(now, ([10, 0, 0, 2], number).into(), 0, port, &bytes);
            }
        }
    }

    fn serve(&mut self, now: Now) {
        let mut turn = self.server.turn(now, &mut self.storage);
        turn.set_ports(Some(PortPair { socket: 0, rtp: SERVER_RTP, rtcp: SERVER_RTP + 1 }));
        turn.serve(&mut Program {
            clip: &self.clip,
            refuse_udp: self.refuse_udp,
            rounded: self.rounded,
            closed: &mut self.closed_by_server,
        });
    }

    fn listen(&mut self, now: Now) {
        loop {
            let event = match self.client.poll_event(now) {
                None => break,
                Some(Event::Redirected { .. }) => Event::Redirected { location: &[] },
                Some(Event::Described { tracks, duration }) => Event::Described { tracks, duration },
                Some(Event::Setup { track }) => Event::Setup { track },
                Some(Event::ServerPorts { track, ports, source }) => {
                    Event::ServerPorts { track, ports, source }
                }
                Some(Event::Playing { lower, range, scale, speed }) => {
                    Event::Playing { lower, range, scale, speed }
                }
                Some(Event::Refused { method, status }) => Event::Refused { method, status },
                Some(Event::Failed(error)) => Event::Failed(error),
                Some(Event::SwitchedToTcp) => Event::SwitchedToTcp,
                Some(Event::Paused) => Event::Paused,
                Some(Event::Stalled) => Event::Stalled,
                Some(Event::Ended) => Event::Ended,
                Some(Event::Closed) => Event::Closed,
            };
            if let Event::Setup { track } = event {
                let rtp = CLIENT_RTP + 2 * u16::from(track);
                self.client.setup(track, Some(Ports { rtp, rtcp: rtp + 1 })).unwrap();
            }
            let told = self.screen.as_mut().is_none_or(|screen| screen.prefetch.on_event(&event));
            if let (Event::Described { .. }, Some(screen)) = (event, &mut self.screen) {
                let options = screen.prefetch.play(PlayOptions::default(), &screen.rings);
                self.client.play_with(options);
            }
            if told {
                self.events.push((now.at, event));
            }
        }
    }

    fn write_len(&mut self) -> usize {
        1 + (split_mix(&mut self.random) as usize) % self.max_write
    }

    fn write_to_client(&mut self, now: Now) -> bool {
        let mut bytes = std::vec![0; self.write_len()];
        if self.now < self.stalled_until.max(self.mute_until) {
            return false;
        }
        let mut turn = self.server.turn(now, &mut self.storage);
        let Some(chunk) = turn.poll_stream(&self.clip) else { return false };
        let len = chunk.fill(&mut bytes);
        chunk.advance(len);
        // A client that is over reads no more.
        let _ = self.client.handle_stream(now, &bytes[..len], sink(&mut self.screen, &mut self.album));
        true
    }

    fn write_to_server(&mut self, now: Now) -> bool {
        let mut bytes = std::vec![0; self.write_len()];
        let Some(chunk) = self.client.poll_stream(now) else { return false };
        let len = chunk.fill(&mut bytes);
        chunk.advance(len);
        self.requests.extend(&bytes[..len]);
        let _ = self.server.turn(now, &mut self.storage).handle_stream(&bytes[..len]);
        true
    }

    fn transmit(&mut self, now: Now) {
        let mut bytes = std::vec![0; 65_536];
        while let Some(mut pending) = self.server.poll_transmit(now, &self.clip) {
            if self.now < self.full_until {
                break;
            }
            let port = pending.port();
            let number = CLIENT_RTP + u16::from(port == Port::Rtcp);
            assert_eq!(pending.to(), SocketAddr::from(([10, 0, 0, 2], number)));
            let batch = pending.emit(64, &mut bytes).unwrap();
            pending.commit(batch.count);
            for packet in bytes[..batch.len].chunks(batch.segment) {
                self.send(true, port, 0, packet);
            }
        }
        while let Some(pending) = self.client.poll_transmit(now) {
            let (port, track) = (pending.port(), pending.track());
            assert_eq!(pending.to_port(), SERVER_RTP + u16::from(port == Port::Rtcp));
            let len = pending.emit(&mut bytes).unwrap();
            pending.commit();
            self.send(false, port, track, &bytes[..len]);
        }
    }

    fn send(&mut self, to_client: bool, port: Port, track: u8, bytes: &[u8]) {
        let nth = &mut self.sent[usize::from(to_client) * 2 + usize::from(port == Port::Rtcp)];
        let datagram = Datagram { to_client, port, nth: *nth, bytes };
        *nth += 1;
        for delay in (self.fate)(&datagram) {
            let at = self.now.max(self.stalled_until) + delay;
            self.in_flight.push(InFlight { at, to_client, port, track, bytes: bytes.to_vec() });
        }
    }
}

/// The program that the server is part of.
struct Program<'a> {
    clip: &'a Clip,
    refuse_udp: bool,
    rounded: fn(MediaTime) -> MediaTime,
    closed: &'a mut Vec<(CloseReason, Summary)>,
}

impl server::Application for Program<'_> {
    type Store = Clip;

    fn store(&self) -> &Clip {
        self.clip
    }

    fn request(&mut self, request: Request<'_>) -> Answered {
        let end = Some(MediaTime::ZERO + self.clip.duration());
        match request.action() {
            Action::Describe(describe) => describe.accept(&Presentation {
                name: "clip",
                session_id: 1,
                version: 1,
                address_type: AddressType::Ip4,
                duration: Some(self.clip.duration()),
                tracks: &[Track {
                    info: TRACK,
                    dimensions: Some((320, 240)),
                    frame_rate: Some(FrameRate(25_000)),
                }],
            }),
            Action::Setup(setup) if self.refuse_udp && setup.transport() == server::LowerTransport::Udp => {
                setup.into_request().refuse(Status::UNSUPPORTED_TRANSPORT, &[])
            }
            Action::Setup(setup) => setup.accept(0, &mut || 0x1234_5678_9ABC_DEF0),
            Action::Play(play) => match play.range().and_then(|range| range.start) {
                Some(Position::At(at)) => play.accept_from(self.clip, Seek::To((self.rounded)(at)), end),
                _ => play.accept(self.clip, end),
            },
            Action::Other(request) => request.proceed(),
        }
    }

    fn notice(&mut self, _: SocketAddr, notice: Notice) {
        if let Notice::Closed { reason, summary, .. } = notice {
            self.closed.push((reason, summary));
        }
    }
}

/// Where frames go: to who watches, else into the album.
fn sink<'a>(screen: &'a mut Option<Screen>, album: &'a mut Album) -> &'a mut dyn FrameSink {
    match screen {
        Some(screen) => screen,
        None => album,
    }
}
