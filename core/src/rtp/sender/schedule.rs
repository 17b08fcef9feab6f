//! When packets leave: a frame's packets are spread over half of its interval, in quanta that a
//! receiver's buffer holds.
use super::burst::{Burst, Next, Position};
use super::{Framing, Phase, Sender};
use crate::frame::{Frame, FrameStore};
use crate::num::div_up;
use crate::payload::Cut;
use crate::rtp;
use crate::time::{Duration, Instant, MediaTime, Now};

/// How many packets leave at once, and how many bytes: a stock receiver's buffer of 208 KiB holds about
/// 90 packets of 1400 bytes, and few of 9000.
const QUANTUM: u32 = 32;
const QUANTUM_BYTES: u32 = QUANTUM * 1400;
/// For how long a frame is shown that does not say so.
const ASSUMED_DURATION: Duration = Duration::from_millis(33);

/// The origin of the schedule: `media` is due at `at`, and from there on time goes by the pace.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin {
    pub(crate) at: Instant,
    pub(crate) media: MediaTime,
}

impl Sender {
    /// Returns what is due at the cursor.
    pub(crate) fn next<'a, S: FrameStore + ?Sized>(&self, now: Now, store: &'a S) -> Option<Next<'a>> {
        match self.phase {
            Phase::Leaving => Some(Next::Report { due: now.at }),
            Phase::Ending { at, .. } if at <= now.at => Some(Next::Report { due: at }),
            Phase::Playing | Phase::Pausing => {
                if self.origin.is_some() && self.report_at <= now.at && self.offset == 0 {
                    return Some(Next::Report { due: self.report_at });
                }
                self.burst(now, store, false).map(Next::Media)
            }
            Phase::Ready | Phase::Ending { .. } | Phase::Over => None,
        }
    }

    /// Returns the packets that leave together from the cursor on, if they are due; with `whole`, all
    /// the rest of the frame, due or not.
    pub(super) fn burst<'a, S: FrameStore + ?Sized>(
        &self,
        now: Now,
        store: &'a S,
        whole: bool,
    ) -> Option<Burst<'a>> {
        // Borrowed where they lie: to take a frame, or a cut, out of its option copies it.
        let Ok(frame) = &store.frame(self.track, self.frame) else { return None };
        let due = self.packet_due(frame)?;
        let stopped = self.before_start || (self.offset == 0 && self.is_beyond_stop(frame.pts));
        if stopped || (!whole && (due > now.at || self.is_to_settle(now, frame))) {
            return None;
        }
        let played = self.pace.played(self.origin?.media, frame.pts);
        let shown = self.pace.shown(duration(frame));
        let Some(cut) = &self.cut(frame) else { return None };
        let left = match self.framing {
            Framing::Datagram if !whole => {
                let sent = self.packet_in_frame.checked_rem(self.quantum()).unwrap_or(0);
                self.quantum().saturating_sub(sent)
            }
            _ => u32::MAX,
        };
        let burst = Burst {
            cut: *cut,
            due,
            framing: self.framing,
            header: rtp::Repr {
                payload_type: cut.payload_type(),
                marker: false,
                sequence_number: self.sequence_number,
                timestamp: self.rtp_at(played),
                ssrc: self.ssrc,
            },
            at: Position {
                sequence_number: self.sequence_number,
                offset: Some(self.offset),
                left,
                packets: 0,
                octets: 0,
            },
            played: played + shown,
            shown,
            // Behind schedule, the quanta follow each other at four times the speed at most.
            pause: self.spread(frame).times(1, self.quanta(cut).saturating_mul(2)),
        };
        burst.peek().is_some().then_some(burst)
    }

    /// The RTP time at a playing time from the origin.
    pub(super) const fn rtp_at(&self, played: Duration) -> u32 {
        self.rtp_base.wrapping_add(ticks(played))
    }

    /// When the packet at the cursor is to leave. A byte stream has its own flow control, and needs no
    /// pace within a frame.
    pub(super) fn packet_due(&self, frame: &Frame<'_>) -> Option<Instant> {
        let origin = self.origin?;
        let start = origin.at + self.pace.delivery(self.pace.played(origin.media, frame.pts));
        if !self.is_datagram() {
            return Some(start);
        }
        let nth = self.packet_in_frame.checked_div(self.quantum()).unwrap_or(0);
        // Most frames of most cameras are one quantum: nothing to count.
        let after = match (nth, self.cut(frame)) {
            (1.., Some(cut)) => self.spread(frame).times(nth, self.quanta(&cut)),
            _ => Duration::ZERO,
        };
        Some((start + after).max(self.not_before))
    }

    /// How long a frame's packets take to leave.
    fn spread(&self, frame: &Frame<'_>) -> Duration {
        self.pace.delivery(self.pace.shown(duration(frame))).times(1, 2)
    }

    pub(super) fn cut<'a>(&self, frame: &Frame<'a>) -> Option<Cut<'a>> {
        Cut::new(frame, usize::from(self.max_packet).saturating_sub(rtp::HEADER_LEN))
    }

    fn quanta(&self, cut: &Cut<'_>) -> u32 {
        div_up(cut.count(), self.quantum())
    }

    /// How many packets leave at once.
    fn quantum(&self) -> u32 {
        QUANTUM_BYTES.checked_div(u32::from(self.max_packet)).unwrap_or(1).clamp(1, QUANTUM)
    }

    /// How far the sender is behind with a frame.
    pub(super) fn lateness(&self, now: Now, frame: &Frame<'_>) -> Duration {
        self.origin.map_or(Duration::ZERO, |origin| {
            let required = self.pace.required(now.at.since(origin.at));
            required - self.pace.played(origin.media, frame.pts)
        })
    }
}

/// For how long a frame is shown.
pub(super) fn duration(frame: &Frame<'_>) -> Duration {
    if frame.duration == Duration::ZERO { ASSUMED_DURATION } else { frame.duration }
}

/// Ticks of the 90 kHz clock that all video formats have, to the nearest.
const fn ticks(span: Duration) -> u32 {
    (span.as_micros().wrapping_mul(9).wrapping_add(50) / 100) as u32
}
