//! What restart markers cost, and what they save when packets are lost: two ways to send them.
//!
//!     cargo run --release -p pinhole --example restart_intervals -- CLIP.mjpeg...
//!
//! For each clip and several intervals, a line for each way:
//!
//! - `equal`: packets of one size, wherever the intervals lie; the receiver looks for the markers.
//! - `aligned`: packets of whole intervals, filled up with RTP padding, of which there are at most
//!   255 bytes, to one size where they can be.
//!
//! `bytes` and `batches` are ratios to the same clip without markers. A batch is what one system
//! call sends with segmentation offload: packets of one size, but the last, which may be shorter;
//! at most 64, and 65,507 bytes. `area` is how much of the clip's picture area 1 % of lost packets
//! cost, in per cent; without markers, that is every frame of which a packet is lost.
use pinhole::codec::jpeg::{
    JpegInfo, Missing, RecodeOptions, TRACK, inspect, recode, recode_max_len, restart_interval_for,
};
use pinhole::frame::{FrameRing, Slot};
use pinhole::frame::{FrameStore, Integrity, TrackId};
use pinhole::payload::jpeg::Depacketizer;
use pinhole::payload::jpeg::{HeaderRepr, Q_DYNAMIC, Restart, Tables};
use pinhole::rtp;
use std::error::Error;
use std::ops::Range;

/// Bytes of a packet with its RTP header.
const PACKET: usize = 1_400;
/// RTP header, main header and restart header.
const HEADERS: usize = rtp::HEADER_LEN + 8 + 4;
/// Quantisation table header, and the tables.
const TABLES: usize = 4 + 128;
const MAX_PADDING: usize = 255;
const MAX_BATCH: usize = 65_507 / PACKET;
/// Each frame is sent so often, with other losses.
const ROUNDS: u32 = 10;
const LOST_PER_MILLION: u64 = 10_000;

fn main() -> Result<(), Box<dyn Error>> {
    println!("clip, intervals a packet, MCUs an interval, way: bytes, batches, area");
    for path in std::env::args().skip(1) {
        let clip = std::fs::read(&path)?;
        let plain = Sums::of(&clip, |_| 0, Way::Equal)?;
        println!("{path}, no markers: {:.2} % area", plain.area_percent());
        // Quarters of an interval in a packet.
        for quarters in [2, 4, 8, 16, 32] {
            let interval =
                |info: &JpegInfo| restart_interval_for(info, 2 * 4 * (PACKET - HEADERS) / quarters);
            for way in [Way::Equal, Way::Aligned] {
                let sums = Sums::of(&clip, interval, way)?;
                println!(
                    "{path}, {}, {:.0}, {way:?}: {:.3}, {:.2}, {:.3} %",
                    quarters as f64 / 4.0,
                    sums.intervals as f64 / sums.frames as f64,
                    sums.bytes as f64 / plain.bytes as f64,
                    sums.batches as f64 / plain.batches as f64,
                    sums.area_percent(),
                );
            }
        }
    }
    Ok(())
}

/// Where packets begin and end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Equal,
    Aligned,
}

/// A packet: which bytes of the scan it has, and its length.
type Packet = (Range<usize>, usize);

struct Frame {
    file: Vec<u8>,
    info: JpegInfo,
    /// Where each interval starts in the scan, and where the last ends.
    starts: Vec<usize>,
}

#[derive(Default)]
struct Sums {
    frames: u64,
    /// MCUs of an interval.
    intervals: u64,
    bytes: u64,
    batches: u64,
    area: f64,
}

impl Sums {
    fn of(clip: &[u8], interval: impl Fn(&JpegInfo) -> u16, way: Way) -> Result<Self, Box<dyn Error>> {
        let (mut sums, mut rest, mut random) = (Self::default(), clip, 1);
        while let Ok(found) = inspect(rest) {
            let frame = Frame::new(rest, found.len, interval(&found.info))?;
            let packets = match way {
                Way::Equal => equal(&frame),
                Way::Aligned => aligned(&frame),
            };
            sums.frames += 1;
            sums.intervals += u64::from(frame.info.restart_interval);
            sums.bytes += packets.iter().map(|(_, len)| *len as u64).sum::<u64>();
            sums.batches += batches(&packets);
            for _ in 0..ROUNDS {
                let lost: Vec<_> =
                    packets.iter().map(|_| next(&mut random) % 1_000_000 < LOST_PER_MILLION).collect();
                sums.area += frame.area_lost(&packets, &lost, way == Way::Aligned)? / f64::from(ROUNDS);
            }
            rest = &rest[found.len..];
        }
        Ok(sums)
    }

    fn area_percent(&self) -> f64 {
        100.0 * self.area / self.frames as f64
    }
}

impl Frame {
    fn new(src: &[u8], len: usize, interval: u16) -> Result<Self, Box<dyn Error>> {
        let mut file = vec![0; recode_max_len(len) * 2];
        let done = recode(src, &mut file, RecodeOptions { restart_interval: Some(interval) })?;
        let scan = &file[done.info.scan as usize..][..done.info.scan_len as usize];
        let is_start = |at: &usize| scan[at - 2] == 0xFF && scan[at - 1] & 0xF8 == 0xD0;
        let starts = [0].into_iter().chain((2..scan.len()).filter(is_start)).chain([scan.len()]).collect();
        Ok(Self { info: done.info, starts, file })
    }

    fn scan(&self) -> &[u8] {
        &self.file[self.info.scan as usize..][..self.info.scan_len as usize]
    }

    /// The part of the picture that a receiver does not get: with numbers in the packets, the
    /// intervals in those that are lost; without, what the depacketizer says.
    fn area_lost(&self, packets: &[Packet], lost: &[bool], numbered: bool) -> Result<f64, Box<dyn Error>> {
        let total = (self.starts.len() - 1) as f64;
        if numbered {
            let is_lost = |interval: &&[usize]| {
                let overlaps = |packet: &Range<usize>| packet.start < interval[1] && packet.end > interval[0];
                packets.iter().zip(lost).any(|((packet, _), lost)| *lost && overlaps(packet))
            };
            return Ok(self.starts.windows(2).filter(is_lost).count() as f64 / total);
        }
        let mut ring = FrameRing::new(TRACK, [Slot::EMPTY], vec![0; self.file.len() * 2]);
        let mut depacketizer = Depacketizer::new(Some((self.info.width, self.info.height)));
        // A whole frame first, for the tables; another one last, if the end is lost.
        let mut gap = 0;
        for timestamp in 0..2 {
            for (n, (range, _)) in packets.iter().enumerate() {
                if timestamp == 1 && lost[n] {
                    gap += 1;
                    continue;
                }
                let bytes = self.packet(timestamp, n + 1 == packets.len(), range.clone())?;
                let packet = rtp::Packet::new_checked(&bytes[..]).map_err(|_| "no packet")?;
                depacketizer.push(0, &packet, std::mem::take(&mut gap), 0, &mut ring)?;
            }
        }
        if lost.iter().all(|lost| *lost) {
            return Ok(1.0);
        }
        depacketizer.finish_open(0, &mut ring);
        let newest = ring.frames().start;
        let frame = ring.frame(TrackId::default(), newest).map_err(|_| "no frame")?;
        Ok(match frame.flags.integrity {
            Integrity::Complete => 0.0,
            Integrity::Partial => {
                let info = JpegInfo::locate(frame.data).ok_or("no JPEG")?;
                let missing = Missing::locate(frame.data, &info, frame.missing).ok_or("no intervals")?;
                f64::from(missing.count()) / total
            }
            Integrity::Damaged => 1.0,
        })
    }

    fn packet(&self, timestamp: u32, marker: bool, range: Range<usize>) -> Result<Vec<u8>, Box<dyn Error>> {
        let table = |at: u32| self.file[at as usize..].first_chunk().ok_or("no table");
        let interval = self.info.restart_interval;
        let restart = Restart { interval, first: true, last: true, count: None };
        let header = HeaderRepr {
            offset: range.start as u32,
            sampling: self.info.sampling,
            restart: (interval > 0).then_some(restart),
            q: Q_DYNAMIC,
            width: self.info.width,
            height: self.info.height,
            tables: Some(Tables {
                luma: table(self.info.luma_table)?,
                chroma: table(self.info.chroma_table)?,
            }),
        };
        let repr = rtp::Repr { payload_type: 26, marker, sequence_number: 0, timestamp, ssrc: 0 };
        let mut bytes = vec![0; PACKET];
        let (head, rest) = bytes.split_first_chunk_mut().ok_or("too short")?;
        repr.emit(head);
        let len = header.emit(rest).ok_or("no room")?;
        bytes.truncate(rtp::HEADER_LEN + len);
        bytes.extend(&self.scan()[range]);
        Ok(bytes)
    }
}

fn equal(frame: &Frame) -> Vec<Packet> {
    let (mut packets, mut at) = (Vec::new(), 0);
    while at < frame.scan().len() {
        let headers = headers(frame, at);
        let end = frame.scan().len().min(at + PACKET - headers);
        packets.push((at..end, headers + end - at));
        at = end;
    }
    packets
}

fn aligned(frame: &Frame) -> Vec<Packet> {
    let (mut packets, mut at) = (Vec::new(), 0);
    while at < frame.scan().len() {
        let headers = headers(frame, at);
        let most = at + PACKET - headers;
        // As many intervals as fit; of one that does not, a part.
        let whole = frame.starts.iter().copied().take_while(|end| *end <= most).last();
        let end = whole.filter(|end| *end > at).unwrap_or(most);
        let len = headers + end - at;
        let padding = if PACKET - len <= MAX_PADDING { PACKET - len } else { 0 };
        packets.push((at..end, len + padding));
        at = end;
    }
    packets
}

fn headers(frame: &Frame, offset: usize) -> usize {
    let restart = if frame.info.restart_interval > 0 { 0 } else { 4 };
    HEADERS - restart + if offset == 0 { TABLES } else { 0 }
}

fn batches(packets: &[Packet]) -> u64 {
    let (mut count, mut open) = (0, 0);
    for (_, len) in packets {
        if open == 0 {
            count += 1;
        }
        open = if *len == PACKET && open + 1 < MAX_BATCH { open + 1 } else { 0 };
    }
    count
}

/// The next number of Marsaglia's generator (xorshift).
fn next(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}
