//! Checks the frames of one RTP/JPEG stream: that none is missing or changed, and when each is complete.
use crate::rtp::Rtp;
use std::hash::{DefaultHasher, Hasher};
use std::time::{Duration, Instant};

/// How many frames the clips of the chaos run have in a second.
pub(super) const RATE: u32 = 30;
/// The time from one frame to the next.
pub(super) const INTERVAL: Duration = Duration::from_nanos(1_000_000_000 / RATE as u64);
/// The same in ticks of the RTP clock (RFC 2435, 3).
const TICKS: u32 = 90_000 / RATE;

/// What a viewer has seen of a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// The number of frames that came whole, and of which the pictures were the right ones.
    pub(super) complete: u64,
    /// The number of frames that were cut short or had other bytes than those of the clip.
    pub(super) damaged: u64,
    /// The number of frames of which no packet came, counted by the steps of the RTP timestamps. Frames that the
    /// server leaves out because it is late are among them.
    pub(super) missing: u64,
    /// By how much the longest time from one complete frame to the next was longer than the interval of frames.
    pub(super) longest: Duration,
    /// When that time ended, since the first frame.
    pub(super) longest_at: Duration,
    /// By how much a frame came too early at most, by the times of frames from the first one on.
    pub(super) early: Duration,
}

/// Puts the packets of one stream together to frames, in the order in which they were sent.
#[derive(Debug)]
pub(super) struct Frames<'a> {
    /// The hashes of the frames of the clip that is played over and over; empty if they are not known.
    cycle: &'a [u64],
    /// Which frame of the cycle the newest one is.
    place: Option<usize>,
    tally: Tally,
    ssrc: Option<u32>,
    /// The sequence number of the newest packet, extended by its cycles (RFC 3550, A.1).
    highest: u32,
    open: Option<Open>,
    /// The RTP timestamp of the newest frame.
    timestamp: Option<u32>,
    /// When the first complete frame came, its RTP timestamp, and when the newest one came.
    completed: Option<(Instant, u32, Instant)>,
}

/// A frame of which packets are still to come.
#[derive(Debug)]
struct Open {
    timestamp: u32,
    len: u32,
    whole: bool,
    hasher: DefaultHasher,
}

impl<'a> Frames<'a> {
    pub(super) const fn new(cycle: &'a [u64]) -> Self {
        Self {
            cycle,
            place: None,
            tally: Tally {
                complete: 0,
                damaged: 0,
                missing: 0,
                longest: Duration::ZERO,
                longest_at: Duration::ZERO,
                early: Duration::ZERO,
            },
            ssrc: None,
            highest: 0,
            open: None,
            timestamp: None,
            completed: None,
        }
    }

    pub(super) const fn tally(&self) -> Tally {
        self.tally
    }

    /// Returns the SSRC of the stream and the extended sequence number of its newest packet; `None` before the
    /// first one.
    pub(super) fn newest(&self) -> Option<(u32, u32)> {
        Some((self.ssrc?, self.highest))
    }

    /// Takes a packet that came at `at`. Packets of other streams are passed over. Returns the hash of the frame
    /// that is complete with this packet, if there is one.
    pub(super) fn take(&mut self, at: Instant, packet: &Rtp) -> Option<u64> {
        if self.ssrc.is_none() {
            (self.ssrc, self.highest) = (Some(packet.ssrc), u32::from(packet.sequence).wrapping_sub(1));
        }
        if self.ssrc != Some(packet.ssrc) {
            return None;
        }
        let step = packet.sequence.wrapping_sub(self.highest as u16);
        self.highest = self.highest.wrapping_add(u32::from(step));
        if let Some(open) = self.open.take_if(|open| open.timestamp != packet.timestamp) {
            self.ends(&open, None, at);
        }
        let mut open = self.open.take().unwrap_or_else(|| Open {
            timestamp: packet.timestamp,
            len: 0,
            whole: true,
            hasher: DefaultHasher::new(),
        });
        let (tables, scan) = parts(&packet.payload);
        open.whole &= packet.fragment_offset() == open.len;
        open.len += scan.len() as u32;
        open.hasher.write(tables);
        open.hasher.write(scan);
        if !packet.marker {
            self.open = Some(open);
            return None;
        }
        let hash = open.hasher.finish();
        self.ends(&open, Some(hash), at);
        Some(hash)
    }

    /// Counts a frame, and those between it and the one before.
    fn ends(&mut self, open: &Open, hash: Option<u64>, at: Instant) {
        let step = self.timestamp.map_or(1, |before| open.timestamp.wrapping_sub(before) / TICKS);
        self.timestamp = Some(open.timestamp);
        self.tally.missing += u64::from(step.saturating_sub(1));
        self.place = self.place.map(|before| (before + step as usize) % self.cycle.len());
        let right = match (self.place, hash) {
            (Some(place), Some(hash)) => self.cycle[place] == hash,
            (None, Some(hash)) => {
                // Which frame it is, is known by the first one that the clip has only once.
                let places = || (0..self.cycle.len()).filter(|place| self.cycle[*place] == hash);
                self.place = places().next().filter(|_| places().count() == 1);
                self.cycle.is_empty() || places().count() > 0
            }
            (_, None) => false,
        };
        if !(open.whole && right && step > 0) {
            self.tally.damaged += 1;
            return;
        }
        self.tally.complete += 1;
        let (first, timestamp, before) = self.completed.unwrap_or((at, open.timestamp, at));
        let gap = (at - before).saturating_sub(INTERVAL);
        if gap > self.tally.longest {
            (self.tally.longest, self.tally.longest_at) = (gap, at - first);
        }
        let due = INTERVAL.mul_f64(f64::from(open.timestamp.wrapping_sub(timestamp)) / f64::from(TICKS));
        self.tally.early = self.tally.early.max(due.saturating_sub(at - first));
        self.completed = Some((first, timestamp, at));
    }
}

/// Returns the quantisation tables and the scan data of an RTP/JPEG payload (RFC 2435, 3.1).
fn parts(payload: &[u8]) -> (&[u8], &[u8]) {
    let (first, kind, q) = (payload[1..4] == [0; 3], payload[4], payload[5]);
    let rest = &payload[if kind & 0x40 != 0 { 12 } else { 8 }..];
    match q {
        128.. if first => rest[4..].split_at(usize::from(u16::from_be_bytes([rest[2], rest[3]]))),
        _ => (&[], rest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The packets of frames of two packets each: (sequence number, number of the frame, content, is it the
    /// second).
    fn tally(cycle: &[u64], packets: &[(u16, u32, u8, bool)]) -> Tally {
        let (mut frames, start) = (Frames::new(cycle), Instant::now());
        for &(sequence, number, content, marker) in packets {
            let offset = if marker { 3 } else { 0 };
            let payload = vec![0, 0, 0, offset, 1, 80, 8, 8, content, content, content];
            let timestamp = number.wrapping_mul(TICKS);
            let packet = Rtp { marker, payload_type: 26, sequence, timestamp, ssrc: 7, payload };
            frames.take(start + INTERVAL * number, &packet);
        }
        frames.tally()
    }

    fn hash(content: u8) -> u64 {
        let mut hasher = DefaultHasher::new();
        for _ in 0..2 {
            hasher.write(&[]);
            hasher.write(&[content; 3]);
        }
        hasher.finish()
    }

    #[test]
    fn a_frame_counts_once() {
        let cycle = [hash(1), hash(2)];
        let repeated = [hash(1), hash(1), hash(2)];
        let twice = [(9, 4, 1, false), (10, 4, 1, true), (11, 5, 2, true)];
        assert_eq!(tally(&repeated, &twice), Tally { complete: 1, damaged: 1, ..Tally::default() });
        let whole = [(9, 4, 2, false), (10, 4, 2, true), (11, 5, 1, false), (12, 5, 1, true)];
        assert_eq!(tally(&cycle, &whole), Tally { complete: 2, ..Tally::default() });
        let changed = [(9, 4, 2, false), (10, 4, 2, true), (11, 5, 2, false), (12, 5, 2, true)];
        assert_eq!(tally(&cycle, &changed), Tally { complete: 1, damaged: 1, ..Tally::default() });
        let cut = [(9, 4, 2, false), (11, 5, 1, false), (12, 5, 1, true), (14, 6, 2, true)];
        assert_eq!(tally(&[], &cut), Tally { complete: 1, damaged: 2, ..Tally::default() });
    }

    #[test]
    fn a_frame_that_is_left_out_is_missing_and_makes_a_gap() {
        let cycle = [hash(1), hash(2)];
        let left_out = [(9, 4, 2, false), (10, 4, 2, true), (11, 7, 1, false), (12, 7, 1, true)];
        let two = Tally {
            complete: 2,
            missing: 2,
            longest: 2 * INTERVAL,
            longest_at: 3 * INTERVAL,
            ..Tally::default()
        };
        assert_eq!(tally(&cycle, &left_out), two);
    }
}
