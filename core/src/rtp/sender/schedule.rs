//! When packets leave: a frame's packets are spread over half of its interval, in quanta that a
//! receiver's buffer holds.
use super::burst::{Burst, Next, Position};
use super::{Framing, Phase, Sender};
use crate::frame::{Frame, FrameStore, Miss, TrackInfo};
use crate::num::div_up;
use crate::payload::{Packetizer, payload_type};
use crate::rtp;
use crate::time::{Duration, Instant, MediaTime, Now};

/// How many packets leave at once, and how many bytes: a stock receiver's buffer of 208 KiB holds about
/// 90 packets of 1400 bytes, and few of 9000.
const QUANTUM: u32 = 32;
const QUANTUM_BYTES: u32 = QUANTUM * 1400;
/// For how long a frame is shown that does not say so.
const ASSUMED_DURATION: Duration = Duration::from_millis(33);

/// The frame at the cursor, and what the track's clock makes of its times.
#[derive(Debug)]
pub(super) struct Look<'a> {
    info: TrackInfo<'a>,
    frame: Frame<'a>,
    /// When the frame is shown.
    pub(super) time: MediaTime,
    /// For how long the frame is shown.
    pub(super) duration: Duration,
}

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
                if self.origin.is_some() && self.report_at <= now.at && self.cursor.is_start() {
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
        // Borrowed where they lie: to take a frame, or a packetizer, out of its option copies it.
        let Ok(look) = &self.look(store) else { return None };
        let due = self.packet_due(look)?;
        let stopped = self.before_start || (self.cursor.is_start() && self.is_beyond_stop(look.time));
        if stopped || (!whole && (due > now.at || self.is_to_settle(now, look))) {
            return None;
        }
        let played = self.pace.played(self.origin?.media, look.time);
        let shown = self.pace.shown(look.duration);
        let Some(packetizer) = &self.packetizer(look) else { return None };
        let left = match self.framing {
            Framing::Datagram if !whole => {
                let sent = self.packet_in_frame.checked_rem(self.quantum()).unwrap_or(0);
                self.quantum().saturating_sub(sent)
            }
            _ => u32::MAX,
        };
        let burst = Burst {
            packetizer: *packetizer,
            due,
            framing: self.framing,
            header: rtp::Repr {
                payload_type: payload_type(look.info.codec),
                marker: false,
                sequence_number: self.sequence_number,
                timestamp: self.rtp_at(played),
                ssrc: self.ssrc,
            },
            at: Position {
                sequence_number: self.sequence_number,
                cursor: Some(self.cursor),
                left,
                packets: 0,
                octets: 0,
            },
            played: played + shown,
            shown,
            // Behind schedule, the quanta follow each other at four times the speed at most.
            pause: self.spread(look).times(1, self.quanta(packetizer).saturating_mul(2)),
        };
        burst.peek().is_some().then_some(burst)
    }

    /// The RTP time at a playing time from the origin.
    pub(super) const fn rtp_at(&self, played: Duration) -> u32 {
        self.rtp_base.wrapping_add(ticks(played))
    }

    /// When the packet at the cursor is to leave. A byte stream has its own flow control, and needs no
    /// pace within a frame.
    pub(super) fn packet_due(&self, look: &Look<'_>) -> Option<Instant> {
        let origin = self.origin?;
        let start = origin.at + self.pace.delivery(self.pace.played(origin.media, look.time));
        if !self.is_datagram() {
            return Some(start);
        }
        let nth = self.packet_in_frame.checked_div(self.quantum()).unwrap_or(0);
        // Most frames of most cameras are one quantum: nothing to count.
        let after = match (nth, self.packetizer(look)) {
            (1.., Some(packetizer)) => self.spread(look).times(nth, self.quanta(&packetizer)),
            _ => Duration::ZERO,
        };
        Some((start + after).max(self.not_before))
    }

    /// How long a frame's packets take to leave.
    fn spread(&self, look: &Look<'_>) -> Duration {
        self.pace.delivery(self.pace.shown(look.duration)).times(1, 2)
    }

    /// Looks at the frame at the cursor.
    pub(super) fn look<'a, S: FrameStore + ?Sized>(&self, store: &'a S) -> Result<Look<'a>, Miss> {
        let frame = store.frame(self.track, self.frame)?;
        let info = store.info(self.track).ok_or(Miss::End)?;
        let duration = match frame.duration {
            0 => ASSUMED_DURATION,
            ticks => Duration::from_ticks(u64::from(ticks), info.clock_rate),
        };
        Ok(Look { info, frame, time: frame.media_time(info.clock_rate), duration })
    }

    pub(super) fn packetizer<'a>(&self, look: &Look<'a>) -> Option<Packetizer<'a>> {
        let room = usize::from(self.max_packet).saturating_sub(rtp::HEADER_LEN);
        Packetizer::new(&look.info, &look.frame, room)
    }

    fn quanta(&self, packetizer: &Packetizer<'_>) -> u32 {
        div_up(packetizer.count(), self.quantum())
    }

    /// How many packets leave at once.
    fn quantum(&self) -> u32 {
        QUANTUM_BYTES.checked_div(u32::from(self.max_packet)).unwrap_or(1).clamp(1, QUANTUM)
    }

    /// How far the sender is behind with a frame.
    pub(super) fn lateness(&self, now: Now, look: &Look<'_>) -> Duration {
        self.origin.map_or(Duration::ZERO, |origin| {
            let required = self.pace.required(now.at.since(origin.at));
            required - self.pace.played(origin.media, look.time)
        })
    }
}

/// Ticks of the 90 kHz clock that all video formats have, to the nearest.
const fn ticks(span: Duration) -> u32 {
    (span.as_micros().wrapping_mul(9).wrapping_add(50) / 100) as u32
}
