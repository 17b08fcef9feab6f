//! Turns frames into packets and back with the calls that a server and a client make, compared with
//! copying the same bytes.
use crate::measure::{Subject, medians, report};
use pinhole::codec::jpeg::{JpegInfo, RecodeOptions, TRACK, inspect, recode, recode_max_len};
use pinhole::frame::{Frame, FrameId, FrameStore, Miss, Seek, TrackId, TrackInfo};
use pinhole::frame::{FrameRing, Slot};
use pinhole::payload::jpeg::Depacketizer;
use pinhole::rtp;
use pinhole::server::{Action, Config, Event, PortPair, ServerConn};
use pinhole::time::{Duration, Instant, Now, NtpTime};
use std::hint::black_box;
use std::net::{Ipv4Addr, SocketAddr};

const INTERVAL: Duration = Duration::from_millis(40);
/// Packets in one send call, and the largest that one takes.
const SEGMENTS: usize = 64;
const BATCH: usize = 65_507;

pub(crate) fn run(clip: &[Vec<u8>]) {
    let clip = Clip(clip.iter().map(|frame| ready(frame)).collect());
    let mut session = Session::new(&clip);
    // What one round of the clip is, as packets.
    let mut sent = Vec::new();
    session.send(&clip, |packet| sent.push(packet.to_vec()));
    let len = sent.iter().map(Vec::len).sum();

    let mut batch = vec![0; BATCH];
    let mut copy_batch = || {
        for (data, _) in &clip.0 {
            for part in data.chunks(BATCH) {
                batch[..part.len()].copy_from_slice(black_box(part));
                black_box(&batch);
            }
        }
    };
    let mut packetise = || {
        session.send(&clip, |packet| {
            black_box(packet);
        })
    };
    let mut subjects: [Subject<'_>; 2] = [("copy", &mut copy_batch), ("packetise", &mut packetise)];
    let times = medians(&mut subjects);
    for ((name, _), time) in subjects.iter().zip(&times) {
        report(name, *time, len, times[0]);
    }

    let room: usize = clip.0.iter().map(|(data, _)| data.len() + 1024).sum();
    let mut ring = FrameRing::new(TRACK, vec![Slot::EMPTY; 64], vec![0; room]);
    let mut depacketizer = Depacketizer::new(Some((clip.0[0].1.width, clip.0[0].1.height)));
    let mut depacketise = || {
        for packet in &sent {
            let packet = rtp::Packet::new_checked(packet.as_slice()).unwrap();
            black_box(depacketizer.push(0, &packet, 0, 0, &mut ring)).unwrap();
        }
    };
    let mut bytes = vec![0; room];
    let mut copy_frames = || {
        let mut at = 0;
        for (data, _) in &clip.0 {
            bytes[at..at + data.len()].copy_from_slice(black_box(data));
            at += data.len();
            black_box(&bytes);
        }
    };
    let mut subjects: [Subject<'_>; 2] = [("copy", &mut copy_frames), ("depacketise", &mut depacketise)];
    let times = medians(&mut subjects);
    for ((name, _), time) in subjects.iter().zip(&times) {
        report(name, *time, len, times[0]);
    }
    assert_eq!(depacketizer.counters().damaged, 0);
}

/// A frame as a server has it.
fn ready(frame: &[u8]) -> (Vec<u8>, JpegInfo) {
    let found = inspect(frame).unwrap();
    if !found.needs_recode() {
        return (frame.to_vec(), found.info);
    }
    let mut out = vec![0; recode_max_len(frame.len())];
    let done = recode(frame, &mut out, RecodeOptions::default()).unwrap();
    out.truncate(done.len);
    (out, done.info)
}

/// Frames without end: those of the clip, again and again.
struct Clip(Vec<(Vec<u8>, JpegInfo)>);

impl FrameStore for Clip {
    fn info(&self, _: TrackId) -> Option<TrackInfo<'_>> {
        Some(TRACK)
    }

    fn frame(&self, _: TrackId, id: FrameId) -> Result<Frame<'_>, Miss> {
        let (data, _) = &self.0[(id.0 % self.0.len() as u64) as usize];
        let interval = INTERVAL.to_ticks(TRACK.clock_rate);
        Ok(Frame::intra(data, id.0 * interval, interval as u32))
    }

    fn seek(&self, _: TrackId, _: Seek) -> Result<FrameId, Miss> {
        Ok(FrameId(0))
    }
}

/// A session over UDP that plays, in virtual time.
struct Session {
    conn: ServerConn,
    storage: Vec<u8>,
    at: Instant,
    frame: u64,
    batch: Vec<u8>,
}

impl Session {
    fn new(clip: &Clip) -> Self {
        let at = Instant::from_micros(1_000_000);
        let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 40_000));
        let storage = vec![0; Config::DEFAULT.storage_len(2048)];
        let conn = ServerConn::new(Config::DEFAULT, now(at), peer);
        let mut session = Self { conn, storage, at, frame: 0, batch: vec![0; BATCH] };
        let setup = "SETUP rtsp://h/c/track0 RTSP/1.0\r\nCSeq: 1\r\n\
                     Transport: RTP/AVP;unicast;client_port=5000-5001\r\n\r\n";
        let reply = session.ask(clip, setup);
        let id = reply.split("Session: ").nth(1).and_then(|rest| rest.split([';', '\r']).next()).unwrap();
        session.ask(clip, &format!("PLAY rtsp://h/c RTSP/1.0\r\nCSeq: 2\r\nSession: {id}\r\n\r\n"));
        session
    }

    /// Says something to the server, and answers its questions; its reply.
    fn ask(&mut self, clip: &Clip, request: &str) -> String {
        let mut turn = self.conn.turn(now(self.at), &mut self.storage);
        turn.set_ports(Some(PortPair { socket: 0, rtp: 6000, rtcp: 6001 }));
        turn.handle_stream(request.as_bytes()).unwrap();
        while let Some(event) = turn.poll_event() {
            let Event::Request(request) = event else { continue };
            let _ = match request.action() {
                Action::Setup(setup) => setup.accept(0, &mut || 1),
                Action::Play(play) => play.accept(clip, None),
                other => other.into_request().proceed(),
            };
        }
        let mut reply = vec![0; 4096];
        let chunk = turn.poll_stream(clip).unwrap();
        let len = chunk.fill(&mut reply);
        chunk.advance(len);
        reply.truncate(len);
        String::from_utf8(reply).unwrap()
    }

    /// Sends the clip once, each packet when it is due.
    fn send(&mut self, clip: &Clip, mut each: impl FnMut(&[u8])) {
        self.frame += clip.0.len() as u64;
        while let Some(wake) = self.conn.poll_at(clip).datagram {
            let next = self.conn.wanted().next().unwrap().frame;
            if next.0 >= self.frame {
                return;
            }
            self.at = self.at.max(wake);
            while let Some(mut pending) = self.conn.poll_transmit(now(self.at), clip) {
                let is_media = pending.port() == pinhole::server::Port::Rtp;
                let batch = pending.emit(SEGMENTS, &mut self.batch).unwrap();
                pending.commit(batch.count);
                if is_media {
                    self.batch[..batch.len].chunks(batch.segment).for_each(&mut each);
                }
            }
        }
    }
}

/// The wall clock stands still: nothing here looks at it.
fn now(at: Instant) -> Now {
    Now { at, ntp: NtpTime::from_unix(Duration::ZERO) }
}
