//! Counts the instructions that it takes to make RTP packets, next to those of a bare copy of the same
//! bytes.
//!
//! [`probe::timer`] says how they are counted.
#![no_std]
#![no_main]
use core::hint::black_box;
use core::net::{Ipv4Addr, SocketAddr};
use cortex_m_rt::entry;
use pinhole::codec::jpeg::TRACK;
use pinhole::frame::{Frame, FrameId, FrameStore, Miss, Seek, TrackId, TrackInfo};
use pinhole::server::{Action, Config, Event, PortPair, ServerConn};
use pinhole::time::{Duration, Instant, Now, NtpTime};
use probe::timer::{self, Timer};

/// The packets of a frame: two quanta, so that the pacer has something to do.
const PACKETS: usize = 64;
const PACKET: usize = 1400;
/// In front of the scan in each packet but the first: RTP's header and RTP/JPEG's.
const HEAD: usize = 12 + 8;
/// The quantisation tables in the first packet.
const TABLES: usize = 128;
/// What is in front of the first packet's part of the scan.
const FIRST_HEAD: usize = HEAD + 4 + TABLES;
const SCAN: usize = PACKETS * (PACKET - HEAD) - (FIRST_HEAD - HEAD);

/// The segments of a JPEG file as cameras write it: APP0, tables, Huffman tables that nobody reads here, the
/// frame header and SOS, between which a comment moves the scan to an even place or to an odd one, as scans
/// have it.
const SEGMENTS: usize = 2 + 18 + (4 + 2 * 65) + (4 + 416) + 19 + 4 + 14;
/// Where the scan starts, at a whole word.
const SCAN_AT: usize = SEGMENTS.next_multiple_of(4);

/// A file that starts at a whole word.
#[repr(align(4))]
struct File<const LEN: usize>([u8; LEN]);

/// Two frames in flash, which differ by where their scans start.
static ALIGNED: File<{ SCAN_AT + SCAN }> = File(file());
static MISALIGNED: File<{ SCAN_AT + 3 + SCAN }> = File(file());

/// A JPEG file with a scan of [`SCAN`] bytes at its end.
const fn file<const LEN: usize>() -> [u8; LEN] {
    let mut file = [0x5A; LEN];
    let mut at = put(&mut file, 0, &[0xFF, 0xD8, 0xFF, 0xE0, 0, 16]) + 14;
    at = put(&mut file, at, &[0xFF, 0xDB, 0, 132, 0]) + 64;
    at = put(&mut file, at, &[1]) + 64;
    at = put(&mut file, at, &[0xFF, 0xC4, 1, 162]) + 416;
    at = put(&mut file, at, &[0xFF, 0xC0, 0, 17, 8, 1, 224, 2, 128, 3, 1, 0x22, 0, 2, 0x11, 1, 3, 0x11, 1]);
    let comment = LEN - SCAN - SEGMENTS;
    at = put(&mut file, at, &[0xFF, 0xFE, 0, 2 + comment as u8]) + comment;
    put(&mut file, at, &[0xFF, 0xDA, 0, 12, 3, 1, 0, 2, 0x11, 3, 0x11, 0, 63, 0]);
    file
}

/// Writes `bytes` at `at`; returns where they end.
const fn put(file: &mut [u8], at: usize, bytes: &[u8]) -> usize {
    let mut n = 0;
    while n < bytes.len() {
        file[at + n] = bytes[n];
        n += 1;
    }
    at + n
}

/// The frame whose scan starts at such a place.
fn frame(misaligned: usize) -> &'static [u8] {
    if misaligned == 0 { &ALIGNED.0 } else { &MISALIGNED.0 }
}

/// 40 ms.
const FRAME_TICKS: u32 = TRACK.clock_rate / 25;

#[entry]
fn main() -> ! {
    timer::measure(|timer| {
        for (name, misaligned) in [("aligned", 0), ("misaligned", 3)] {
            let packets = packetise(timer, misaligned)?;
            let copies = copy(timer, misaligned)?;
            timer.report(name, &[packets, copies].map(|count| count / PACKETS as u32))?;
        }
        Some(())
    })
}

/// A clip of one frame, again and again.
struct Clip(&'static [u8]);

impl FrameStore for Clip {
    fn info(&self, _: TrackId) -> Option<TrackInfo<'_>> {
        Some(TRACK)
    }

    fn frame(&self, _: TrackId, id: FrameId) -> Result<Frame<'_>, Miss> {
        Ok(Frame::intra(self.0, id.0 * u64::from(FRAME_TICKS), FRAME_TICKS))
    }

    fn seek(&self, _: TrackId, _: Seek) -> Result<FrameId, Miss> {
        Ok(FrameId(0))
    }
}

fn at(millis: u64) -> Now {
    let at = Instant::from_micros(1_000_000) + Duration::from_millis(millis);
    Now { at, ntp: NtpTime(0) }
}

/// All that a turn of the main loop does for a session by UDP, for each of a frame's two quanta.
fn packetise(timer: &Timer, misaligned: usize) -> Option<u32> {
    let clip = Clip(frame(misaligned));
    let mut storage = [0; Config::DEFAULT.storage_len(512)];
    let peer = SocketAddr::from((Ipv4Addr::new(10, 0, 0, 2), 40_000));
    let mut conn = ServerConn::new(Config::DEFAULT, at(0), peer);
    play(&mut conn, &mut storage, &clip)?;
    // The first frame, and the report in front of it.
    let (mut socket, mut sent) = ([0; PACKET], 0);
    turn(&mut conn, &mut storage, at(0), &clip, &mut socket)?;
    turn(&mut conn, &mut storage, at(20), &clip, &mut socket)?;
    let instructions = timer.counted(|| {
        for now in [at(40), at(60)] {
            sent += turn(&mut conn, &mut storage, now, &clip, &mut socket)?;
            black_box(conn.poll_at(&clip));
        }
        Some(())
    })?;
    (sent == PACKETS).then_some(instructions)
}

/// Sends what is due; says how many packets that is.
fn turn(
    conn: &mut ServerConn,
    storage: &mut [u8],
    now: Now,
    clip: &Clip,
    socket: &mut [u8; PACKET],
) -> Option<usize> {
    let mut packets = 0;
    let mut turn = conn.turn(now, storage);
    while let Some(mut pending) = turn.poll_transmit(clip) {
        black_box((pending.to(), pending.port()));
        loop {
            let room = socket.get_mut(..pending.next_len())?;
            packets += pending.emit(1, room)?.count;
            black_box(&*socket);
            if !pending.advance(1) {
                break;
            }
        }
    }
    Some(packets)
}

/// Has a client set the clip up and play it.
fn play(conn: &mut ServerConn, storage: &mut [u8], clip: &Clip) -> Option<()> {
    let mut reply = [0; 2000];
    let mut session = [0; 16];
    say(conn, storage, clip, &[b"SETUP rtsp://h/clip/track0 RTSP/1.0\r\nCSeq: 1\r\nTransport: RTP/AVP;client_port=5000-5001\r\n\r\n"])?;
    conn.turn(at(0), storage).poll_stream(clip)?.write(&mut reply);
    let id = reply.windows(9).position(|name| name == b"Session: ")?;
    session.copy_from_slice(reply.get(id + 9..id + 25)?);
    say(conn, storage, clip, &[b"PLAY rtsp://h/clip RTSP/1.0\r\nCSeq: 2\r\nSession: ", &session, b"\r\n\r\n"])
}

fn say(conn: &mut ServerConn, storage: &mut [u8], clip: &Clip, request: &[&[u8]]) -> Option<()> {
    let mut turn = conn.turn(at(0), storage);
    turn.set_ports(Some(PortPair { socket: 0, rtp: 6000, rtcp: 6001 }));
    for part in request {
        turn.handle_stream(part).ok()?;
    }
    while let Some(event) = turn.poll_event() {
        let Event::Request(request) = event else { continue };
        let _ = match request.action() {
            Action::Setup(setup) => setup.accept(0, &mut || 1),
            Action::Play(play) => play.accept_live(clip),
            other => other.into_request().proceed(),
        };
    }
    Some(())
}

/// The scan's bytes, in the same pieces from the same places to the same places.
fn copy(timer: &Timer, misaligned: usize) -> Option<u32> {
    let mut socket = [0; PACKET];
    let mut rest = frame(misaligned).get(SCAN_AT + misaligned..)?;
    timer.counted(|| {
        let mut head = FIRST_HEAD;
        while !rest.is_empty() {
            let to = socket.get_mut(head..)?;
            let (from, later) = rest.split_at_checked(to.len())?;
            to.copy_from_slice(from);
            black_box(&socket);
            (rest, head) = (later, HEAD);
        }
        Some(())
    })
}
