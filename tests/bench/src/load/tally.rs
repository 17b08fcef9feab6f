//! Counts what one session receives, from RTP headers alone.
use pinhole::rtp::Repr;

/// Ticks of RTP time a second (RFC 2435, 3: the clock of JPEG).
const CLOCK: f64 = 90_000.0;

/// Counts the frames of one session. The first frame does not count, as it may have been joined midway.
#[derive(Debug)]
pub(crate) struct Tally {
    /// Ticks from one frame to the next.
    interval: f64,
    newest: Option<Newest>,
    /// The frame in hand was received from its start, and has no gap so far.
    sound: bool,
    /// The frame in hand was joined midway, or may have been.
    joined: bool,
    /// A frame was begun and its marker has not come.
    open: bool,
    open_bytes: u64,
    window: Window,
}

#[derive(Clone, Copy, Debug)]
struct Newest {
    sequence_number: u16,
    timestamp: u32,
    /// The timestamp without its wrap.
    ticks: i64,
}

#[derive(Debug, Default)]
struct Window {
    /// The arrival in microseconds and the RTP time of each whole frame.
    whole: Vec<(u64, i64)>,
    damaged: u64,
    bytes: u64,
}

/// The frames that a session received between two calls of [`Tally::take`].
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Count {
    /// The number of frames of which every packet came.
    pub(crate) whole: u64,
    /// The number of frames of which some packets came, but not all.
    pub(crate) damaged: u64,
    /// The number of frames that were to come, by RTP time and by the clock, and did not come whole.
    /// Damaged frames are counted here, too.
    pub(crate) missing: u64,
    /// The number of RTP payload bytes of the whole frames.
    pub(crate) bytes: u64,
    /// For each whole frame, by how many microseconds it was later than the frame that was the least
    /// late.
    pub(crate) late: Vec<u32>,
}

impl Tally {
    /// Makes the counter of a stream with this frame rate.
    pub(crate) fn new(frames_per_second: f64) -> Self {
        Self {
            interval: CLOCK / frames_per_second,
            newest: None,
            sound: false,
            joined: true,
            open: false,
            open_bytes: 0,
            window: Window::default(),
        }
    }

    /// Takes a packet that arrived at `now`, in microseconds since any fixed moment. `payload` is the
    /// length in bytes of what follows the fixed header. Packets that are late or come twice are left
    /// out.
    pub(crate) fn push(&mut self, now: u64, header: Repr, payload: usize) {
        let Some(newest) = self.newest else {
            self.newest = Some(Newest {
                sequence_number: header.sequence_number,
                timestamp: header.timestamp,
                ticks: 0,
            });
            self.open = !header.marker;
            return;
        };
        let step = header.sequence_number.wrapping_sub(newest.sequence_number) as i16;
        if step <= 0 {
            return;
        }
        let next_frame = header.timestamp != newest.timestamp;
        if next_frame || !self.open {
            // A packet that is missing may be the start of this frame, unless it must be the end of
            // the one before.
            let expected = if self.open { 2 } else { 1 };
            if self.open {
                self.window.damaged += u64::from(!self.joined);
            }
            self.sound = step == expected;
            (self.open, self.joined, self.open_bytes) = (true, false, 0);
        } else {
            self.sound &= step == 1;
        }
        let ticks = newest.ticks + i64::from(header.timestamp.wrapping_sub(newest.timestamp) as i32);
        self.newest =
            Some(Newest { sequence_number: header.sequence_number, timestamp: header.timestamp, ticks });
        self.open_bytes += payload as u64;
        if header.marker {
            self.open = false;
            if self.sound {
                self.window.whole.push((now, ticks));
                self.window.bytes += self.open_bytes;
            } else {
                self.window.damaged += u64::from(!self.joined);
            }
        }
    }

    /// Returns what came since the last call, which was `seconds` ago, and starts counting anew.
    pub(crate) fn take(&mut self, seconds: f64) -> Count {
        let Window { whole, damaged, bytes } = std::mem::take(&mut self.window);
        let count = whole.len() as u64;
        // By RTP time a frame that was skipped shows; by the clock, a sender that runs slow. One
        // frame may lie across each edge of the window.
        let by_rtp = match (whole.first(), whole.last()) {
            (Some(first), Some(last)) => ((last.1 - first.1) as f64 / self.interval).round() as u64 + 1,
            _ => 0,
        };
        let by_clock = ((seconds * CLOCK / self.interval) as u64).saturating_sub(1);
        let missing = by_rtp.max(by_clock).saturating_sub(count);
        let lag = |&(at, ticks): &(u64, i64)| at as i64 - (ticks as f64 * 1e6 / CLOCK) as i64;
        let least = whole.iter().map(lag).min().unwrap_or(0);
        let late = whole.iter().map(|frame| u32::try_from(lag(frame) - least).unwrap_or(u32::MAX)).collect();
        Count { whole: count, damaged, missing, bytes, late }
    }
}

/// Returns the value that the share `share` (0 to 1) of `values` does not exceed; 0 if there are no
/// values. Changes the order of `values`.
pub(crate) fn quantile(values: &mut [u32], share: f64) -> u32 {
    let at = (values.len().saturating_sub(1) as f64 * share).round() as usize;
    if values.is_empty() { 0 } else { *values.select_nth_unstable(at).1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: u64 = 33_333;

    struct Sender {
        tally: Tally,
        sequence_number: u16,
        timestamp: u32,
    }

    impl Sender {
        /// A first frame has gone out already: it does not count.
        fn new() -> Self {
            let mut sender =
                Self { tally: Tally::new(30.0), sequence_number: u16::MAX - 3, timestamp: u32::MAX - 4000 };
            sender.frame(0, 0..4);
            sender
        }

        /// Of a frame of four packets, those in `came`.
        fn frame(&mut self, at: u64, came: std::ops::Range<u16>) {
            self.timestamp = self.timestamp.wrapping_add(3000);
            for n in 0..4 {
                let header = Repr {
                    payload_type: 26,
                    marker: n == 3,
                    sequence_number: self.sequence_number,
                    timestamp: self.timestamp,
                    ssrc: 1,
                };
                if came.contains(&n) {
                    self.tally.push(at, header, 100);
                }
                self.sequence_number = self.sequence_number.wrapping_add(1);
            }
        }
    }

    #[test]
    fn whole_frames_count_across_the_wraps_and_lateness_is_by_their_timestamps() {
        let mut sender = Sender::new();
        for n in 1..=30 {
            let late = if n == 7 { 5000 } else { 0 };
            sender.frame(n * FRAME + n / 3 + late, 0..4);
        }
        let mut count = sender.tally.take(1.0);
        assert_eq!((count.whole, count.damaged, count.missing, count.bytes), (30, 0, 0, 12_000));
        assert!(quantile(&mut count.late, 0.5) <= 1);
        assert!((5000..5002).contains(&quantile(&mut count.late, 1.0)));
    }

    #[test]
    fn a_packet_lost_anywhere_costs_its_frame_only() {
        for (came, name) in [(1..4, "first"), (0..3, "last")] {
            let mut sender = Sender::new();
            for n in 1..=9 {
                sender.frame(n * FRAME, if n == 5 { came.clone() } else { 0..4 });
            }
            let count = sender.tally.take(0.3);
            assert_eq!((count.damaged, count.missing), (1, 1), "{name}");
            assert_eq!(count.whole, 8, "{name}");
        }
    }

    #[test]
    fn a_frame_of_which_nothing_came_is_missing() {
        let mut sender = Sender::new();
        for n in 1..=9 {
            sender.frame(n * FRAME, if n == 5 { 0..0 } else { 0..4 });
        }
        let count = sender.tally.take(0.3);
        // What follows the gap may have lost its start too: that cannot be told.
        assert_eq!((count.whole, count.damaged, count.missing), (7, 1, 2));
    }

    #[test]
    fn a_sender_that_runs_slow_misses_frames_though_none_is_left_out() {
        let mut sender = Sender::new();
        for n in 1..=15 {
            sender.frame(2 * n * FRAME, 0..4);
        }
        assert_eq!(sender.tally.take(1.0).missing, 14);
    }

    #[test]
    fn nothing_at_all_is_all_missing() {
        assert_eq!(Tally::new(30.0).take(10.0).missing, 299);
        assert_eq!(quantile(&mut [], 0.5), 0);
    }
}
