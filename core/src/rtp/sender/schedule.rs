//! When packets leave: a frame's packets are spread over half of its interval, in quanta that a
//! receiver's buffer holds. A live frame, for which somebody waits, is spread less.
use super::burst::{Burst, Next, Position};
use super::config::{LIVE_UNIT, Outlet};
use super::{Phase, Sender};
use crate::frame::{Frame, FrameStore, TrackInfo};
use crate::num::div_up;
use crate::payload::{Packetizer, payload_type};
use crate::rtp;
use crate::time::{Duration, Instant, MediaTime, Now};

/// How many bytes of recorded media leave at once, as packets of this length or fewer longer ones: a stock
/// receiver's buffer of 208 KiB holds about 90 packets of 1400 bytes, and few of 9000. Two quanta fit, and the
/// kernel takes each of them in one piece. For live media, as many bytes are one quantum as the configuration says,
/// which are two of these by default.
const PACKET: u32 = 1400;
const QUANTUM_BYTES: u32 = 43 * PACKET;
/// The longest time from one quantum of live media to the next, in microseconds, and the longest time that one
/// waits for the one before it where both are due. So a receiver with a stock buffer that reads 2 ms late never
/// finds more than one of them, unless they have to follow each other faster than that: those of a frame leave
/// within half of its interval. The first, which is 120 KB by default, leaves at once, and a second one after 4.2 ms.
const LIVE_INTERVAL: u32 = 4_200;
const LIVE_WAIT: u32 = 2_100;
/// For how many milliseconds a frame is shown that does not say so.
const ASSUMED_MILLIS: u32 = 33;

/// The origin of the schedule: the medium's time `time` is due at `at`, and from there on time goes by
/// the pace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Origin {
    /// `u64::MAX` microseconds until it is known.
    at: Instant,
    /// In ticks of the track. Until it is known, a time that no frame comes after in the direction of play.
    time: u64,
}

impl Origin {
    const NEVER: Instant = Instant::from_micros(u64::MAX);

    /// The origin of a schedule that has not begun, with the time that it will begin with, if that is
    /// known.
    pub(super) fn with(time: Option<u64>, reverse: bool) -> Self {
        Self { at: Self::NEVER, time: time.unwrap_or(if reverse { 0 } else { u64::MAX }) }
    }

    /// Begins the schedule, unless it has begun: with the time that was set, but not after `time` in the
    /// direction of play.
    #[cfg_attr(target_pointer_width = "32", inline(never))]
    pub(super) fn begin(&mut self, at: Instant, time: u64, reverse: bool) {
        if self.at == Self::NEVER {
            self.at = at;
            if if reverse { time > self.time } else { time < self.time } {
                self.time = time;
            }
        }
    }

    /// Returns when it began, and with which time; `None` if it has not begun.
    pub(super) fn begun(self) -> Option<(Instant, u64)> {
        (self.at != Self::NEVER).then_some((self.at, self.time))
    }

    /// Moves all that is due by the time from `from` to `to`.
    pub(super) fn shift(&mut self, from: Instant, to: Instant) {
        self.at = self.at + to.since(from) - from.since(to);
    }
}

impl Sender {
    /// Returns what is due at the cursor, which was [settled](Self::settle).
    pub(crate) fn next<'a, S: FrameStore + ?Sized>(&self, now: Now, store: &'a S) -> Option<Next<'a>> {
        let report_due = match self.phase {
            Phase::Leaving => Some(now.at),
            Phase::Ending { at, .. } => Some(at),
            Phase::Playing | Phase::Pausing => self.report_due(),
            Phase::Ready | Phase::Over => None,
        };
        if let Some(due) = report_due.filter(|due| *due <= now.at) {
            return Some(Next::Report { due });
        }
        if !matches!(self.phase, Phase::Playing | Phase::Pausing) {
            return None;
        }
        let due = self.packet_due().filter(|due| *due <= now.at)?;
        self.burst(store, due, false)
    }

    /// When the next report is due, between frames.
    pub(super) fn report_due(&self) -> Option<Instant> {
        self.origin.begun().map(|_| self.report_at).filter(|_| self.cursor.is_start())
    }

    /// When the packet at the cursor is to leave; `None` if the frame is not settled. A byte stream has its
    /// own flow control, and needs no pace within a frame.
    pub(super) fn packet_due(&self) -> Option<Instant> {
        if !self.settled || !self.is_datagram() {
            return Some(self.frame_due).filter(|_| self.settled);
        }
        let nth = self.packet_in_frame.checked_div(self.quantum()).unwrap_or(0);
        let after = u64::from(self.quantum_interval).saturating_mul(u64::from(nth));
        Some((self.frame_due + Duration::from_micros(after)).max(self.not_before))
    }

    /// Returns the packets that leave together from the cursor on, as what is due; with `whole`, all the rest
    /// of the frame.
    pub(super) fn burst<'a, S: FrameStore + ?Sized>(
        &self,
        store: &'a S,
        due: Instant,
        whole: bool,
    ) -> Option<Next<'a>> {
        let info = &store.info(self.track)?;
        // Borrowed where they lie: to take a frame, or a packetizer, out of its option copies it.
        let Ok(frame) = &store.frame(self.track, self.frame) else { return None };
        let Some(packetizer) = &self.packetizer(info, frame) else { return None };
        let played = self.played_at(frame);
        let shown = self.shown(frame);
        let left = match self.outlet {
            Outlet::Datagrams { .. } if !whole => {
                let sent = self.packet_in_frame.checked_rem(self.quantum()).unwrap_or(0);
                self.quantum().saturating_sub(sent)
            }
            _ => u32::MAX,
        };
        let burst = Burst {
            packetizer: *packetizer,
            due,
            framing: self.framing(),
            header: rtp::Repr {
                payload_type: payload_type(info),
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
            played: played.saturating_add(shown),
            shown,
        };
        burst.peek().is_some().then_some(Next::Media(burst))
    }

    /// Works out when the packets leave of a frame of which nothing is sent yet.
    pub(super) fn schedule(&mut self, frame: &Frame<'_>, packetizer: &Packetizer<'_>) {
        let quanta = div_up(packetizer.count(), self.quantum());
        // Most frames of most cameras are one quantum, after which nothing is to be spread; the next frame
        // waits half as long as the frame's packets take to leave.
        let spread = self.pace.delivery(self.span(self.shown(frame)));
        let interval = spread.times(1, quanta.saturating_mul(2)).as_micros();
        let longest = if self.live { LIVE_INTERVAL } else { u32::MAX };
        self.quantum_interval = u32::try_from(interval).unwrap_or(u32::MAX).min(longest);
    }

    /// How long a quantum waits for the one before it where both are due: behind schedule, those of recorded
    /// media follow each other at four times the speed at most.
    pub(super) fn wait(&self) -> Duration {
        let interval = self.quantum_interval;
        Duration::from_micros(u64::from(if self.live { interval.min(LIVE_WAIT) } else { interval / 2 }))
    }

    /// The playing time from the origin to a frame, in ticks. Exact at scale 1; otherwise rounded once,
    /// so that nothing accumulates.
    pub(super) fn played_at(&self, frame: &Frame<'_>) -> u64 {
        self.origin.begun().map_or(0, |(_, start)| self.pace.played(start, frame.time))
    }

    /// The RTP time at a playing time from the origin.
    pub(super) const fn rtp_at(&self, played: u64) -> u32 {
        self.rtp_base.wrapping_add(played as u32)
    }

    /// When what is played at a time is due.
    pub(super) fn due_at(&self, played: u64) -> Option<Instant> {
        let (at, _) = self.origin.begun()?;
        Some(at + self.pace.delivery(self.span(played)))
    }

    pub(super) fn packetizer<'a>(&self, info: &TrackInfo<'a>, frame: &Frame<'a>) -> Option<Packetizer<'a>> {
        Packetizer::new(info, frame, usize::from(self.max_packet).saturating_sub(rtp::HEADER_LEN))
    }

    /// Ticks as a span of time.
    pub(super) fn span(&self, ticks: u64) -> Duration {
        Duration::from_ticks(ticks, self.clock_rate)
    }

    /// Ticks as a time of the medium.
    pub(super) fn media_time(&self, ticks: u64) -> MediaTime {
        MediaTime::from_ticks(ticks, self.clock_rate)
    }

    /// For how long a frame is shown, in ticks.
    pub(super) fn shown(&self, frame: &Frame<'_>) -> u64 {
        let duration = match frame.duration {
            0 => self.clock_rate / 1_000 * ASSUMED_MILLIS,
            ticks => ticks,
        };
        self.pace.shown(u64::from(duration), self.stride())
    }

    /// How many packets leave at once.
    // Inlined four times, it takes 68 bytes of a microcontroller's flash.
    #[cfg_attr(target_pointer_width = "32", inline(never))]
    fn quantum(&self) -> u32 {
        let bytes = match self.outlet {
            Outlet::Datagrams { live_burst } if self.live => u32::from(live_burst).saturating_mul(LIVE_UNIT),
            _ => QUANTUM_BYTES,
        };
        (bytes / u32::from(self.max_packet).max(PACKET)).max(1)
    }
}
