//! Sends one RTP stream from a [`FrameStore`]; nothing here knows RTSP.
mod adapt;
mod burst;
mod cursor;
mod pace;
mod packet;
mod report;
mod schedule;
mod transmit;

pub(crate) use burst::{Message, Next, PIECES};
pub(crate) use pace::MAX_UDP_SPEED;
pub use pace::{Pace, Scale, Speed};
pub(crate) use packet::Packet;
pub use transmit::{Batch, Transmit};
pub(crate) use transmit::{MAX_PACKET, MIN_PACKET};

use crate::frame::{FrameId, FrameStore, Miss, Seek, TrackId};
use crate::payload::Cursor;
use crate::rtp::rtcp;
use crate::time::{Duration, Instant, MediaTime, Now, sooner};
use adapt::Adaptation;
use schedule::Origin;

/// The first byte of a message on a byte stream.
const MAGIC: u8 = b'$';
/// The length of the head of such a message: the first byte, a channel, and a length of 16 bits.
const PREFIX_LEN: usize = 4;

/// How packets are told apart on their way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Framing {
    /// Each packet is one datagram. Packets are paced, and the sender adapts to reported loss.
    Datagram,
    /// Packets are messages on a byte stream (RFC 2326, 10.12), which paces the sender by itself.
    Interleaved {
        /// The channel of RTP packets.
        rtp: u8,
        /// The channel of RTCP packets.
        rtcp: u8,
    },
}

impl Framing {
    /// Returns the bytes in front of each packet.
    const fn prefix_len(self) -> usize {
        match self {
            Self::Datagram => 0,
            Self::Interleaved { .. } => PREFIX_LEN,
        }
    }
}

/// What a [`Sender`] is made of.
#[derive(Clone, Copy, Debug)]
pub struct SenderConfig {
    /// The track to send.
    pub track: TrackId,
    /// How packets are told apart on their way.
    pub framing: Framing,
    /// The length of an RTP packet in bytes at most, with its header: from 548 to 65,507.
    pub max_packet: u16,
    /// How far the sender may fall behind before it leaves out whole frames; over an hour counts as an
    /// hour.
    pub late: Duration,
    /// Whether a receiver that reports more than 10 % of datagrams lost is sent fewer frames, down to
    /// one in eight, until it reports less than 2 %.
    pub adapt: bool,
    /// The number whose 16 hexadecimal digits are the CNAME (RFC 3550, 6.5.1). Streams that are to be
    /// synchronised have the same one.
    pub cname: u64,
    /// A random number. The SSRC, the first sequence number and the first RTP time come from it, and
    /// must be hard to guess (RFC 3550, 5.1).
    pub random: u64,
}

impl SenderConfig {
    /// Returns the SSRC of the sender.
    pub const fn ssrc(&self) -> u32 {
        (self.random >> 32) as u32
    }
}

/// From where to where a track is played, and how fast.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Play {
    /// Where to begin. `None` goes on after the newest frame that was begun.
    pub from: Option<Seek>,
    /// Where to stop: no frame at this time or beyond it, in the direction of play, is sent. `None`
    /// plays to the track's end.
    pub stop: Option<MediaTime>,
    /// How fast.
    pub pace: Pace,
    /// Whether the track has no end and its frames come when they are made.
    pub live: bool,
}

/// The figures of a [`Sender`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SenderCounters {
    /// Frames of which the last packet was sent.
    pub frames: u64,
    /// Frames that were due and not sent: the sender was late, the store had overrun it, or they could
    /// not be sent.
    pub frames_skipped: u64,
    /// Frames that were left out because the receiver reported loss.
    pub frames_thinned: u64,
    /// RTP packets sent.
    pub packets: u64,
    /// RTP payload bytes sent.
    pub octets: u64,
    /// The packets that the receiver last reported as lost in all; negative where duplicates outnumber
    /// them (RFC 3550, 6.4.1).
    pub lost: i32,
}

/// What happened to a [`Sender`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum SenderEvent {
    /// So many frames were left out: see [`SenderCounters::frames_skipped`].
    Skipped(u64),
    /// One frame in so many is sent from here on, from 1 to 8, by what the receiver reported.
    Adapted(u8),
    /// The track was played to its end, or to where it was to stop, and BYE was sent.
    Ended,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Nothing was played yet, or it is paused.
    Ready,
    Playing,
    /// To be ready as soon as the frame that was begun is sent.
    Pausing,
    /// The last packet is sent. BYE follows at `at`.
    Ending {
        at: Instant,
        /// Whether the track ends here, and not only the range that was asked for.
        over: bool,
    },
    /// BYE is due, and the end.
    Leaving,
    Over,
}

/// Where and how to go on, once the frame that was begun is sent.
#[derive(Clone, Copy, Debug)]
struct Target {
    frame: FrameId,
    origin: Option<Origin>,
    pace: Pace,
    stop: MediaTime,
    live: bool,
}

/// Sends one track of a [`FrameStore`] as an RTP stream (RFC 3550): packets with a clock and sequence
/// numbers, paced as the frames are shown, with sender reports between them and a BYE at the end.
///
/// The caller polls it: [`Self::poll_transmit`] until `None`, again at the time that [`Self::poll_at`]
/// returns, and when the store has a new frame.
#[derive(Clone, Copy, Debug)]
pub struct Sender {
    track: TrackId,
    framing: Framing,
    max_packet: u16,
    phase: Phase,
    /// The frame at the cursor, and how far it is sent.
    frame: FrameId,
    cursor: Cursor,
    packet_in_frame: u32,
    /// It is played backwards, and the frame at the cursor was the last one.
    before_start: bool,
    /// Nothing was played yet, or the track was played to its end.
    fresh: bool,
    live: bool,
    stop: MediaTime,
    /// The newest PLAY, while the frame that was begun before it is being sent.
    target: Option<Target>,
    /// `None` until the first frame is there.
    origin: Option<Origin>,
    pace: Pace,
    /// The RTP time at the origin.
    rtp_base: u32,
    /// The playing time from the origin to the end of the newest frame that was begun.
    played: Duration,
    /// The RTP time of the last report. No later one goes back behind it.
    rtp_reported: u32,
    sequence_number: u16,
    ssrc: u32,
    /// The store had no frame at the last look: the next one is live, and sets the schedule.
    at_live_edge: bool,
    not_before: Instant,
    /// The frame at the cursor is the one to send now, however late it is.
    settled: bool,
    /// Frames were left out not long before this time because the sender was late.
    hurry_until: Instant,
    late_micros: u32,
    report_at: Instant,
    random: u32,
    /// `None` if the sender does not adapt.
    adaptation: Option<Adaptation>,
    cname: u64,
    counters: SenderCounters,
    skipped: u32,
    adapted: bool,
    ended: bool,
}

impl Sender {
    /// Makes a sender that waits for [`Self::play`].
    pub fn new(now: Now, config: SenderConfig) -> Self {
        let random = config.random;
        let rtp_base = (random >> 16) as u32;
        // A byte stream loses nothing.
        let adapt = config.adapt && config.framing == Framing::Datagram;
        Self {
            track: config.track,
            framing: config.framing,
            max_packet: config.max_packet.clamp(MIN_PACKET, MAX_PACKET),
            phase: Phase::Ready,
            frame: FrameId(0),
            cursor: Cursor::START,
            packet_in_frame: 0,
            before_start: false,
            fresh: true,
            live: false,
            stop: MediaTime::ZERO,
            target: None,
            origin: None,
            pace: Pace::default(),
            rtp_base,
            played: Duration::ZERO,
            rtp_reported: rtp_base,
            sequence_number: random as u16,
            ssrc: config.ssrc(),
            at_live_edge: false,
            not_before: Instant::ZERO,
            settled: false,
            hurry_until: Instant::ZERO,
            late_micros: u32::try_from(config.late.as_micros()).unwrap_or(u32::MAX),
            report_at: now.at,
            random: random as u32 | 1,
            adaptation: adapt.then(|| Adaptation::new(now.at, random as u16)),
            cname: config.cname,
            counters: SenderCounters::default(),
            skipped: 0,
            adapted: false,
            ended: false,
        }
    }

    /// The track that is sent.
    pub const fn track(&self) -> TrackId {
        self.track
    }

    /// How packets are told apart on their way.
    pub const fn framing(&self) -> Framing {
        self.framing
    }

    /// The synchronisation source of the packets (RFC 3550, 3).
    pub const fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// The figures so far.
    pub const fn counters(&self) -> &SenderCounters {
        &self.counters
    }

    /// Plays. Between frames it takes effect at once; otherwise the frame that was begun is sent to its
    /// end first. A newer call replaces one that did not take effect yet. RTP time and sequence numbers
    /// go on from where they are (RFC 2326, B).
    ///
    /// Returns when the first frame is shown, if the store knows that. The schedule begins at `now` then;
    /// otherwise it begins when the first frame is there.
    #[cfg_attr(target_pointer_width = "32", inline(never))]
    pub fn play<S: FrameStore + ?Sized>(&mut self, now: Now, play: Play, store: &S) -> Option<MediaTime> {
        let Play { from, stop, pace, live } = play;
        let frame = match from {
            Some(to) => pace.seek(store, self.track, to).unwrap_or_default(),
            None => self.resume_at(pace),
        };
        let clock_rate = store.info(self.track).map_or(0, |info| info.clock_rate);
        let first = store.time(self.track, frame).ok().map(|time| MediaTime::from_ticks(time, clock_rate));
        let origin = first.map(|media| Origin { at: now.at, media });
        let nowhere = if pace.is_reverse() { MediaTime::ZERO } else { MediaTime::from_micros(u64::MAX) };
        self.target = Some(Target { frame, origin, pace, stop: stop.unwrap_or(nowhere), live });
        let begun = self.has_begun();
        (self.phase, self.fresh, self.ended) = (Phase::Playing, false, false);
        if !begun {
            self.take_target();
        }
        first
    }

    /// Begins the schedule of the newest [`Self::play`] with this time of the medium at `at`. Tracks that
    /// are played together begin with one time, the earliest that [`Self::play`] returned for them.
    pub fn begin_at(&mut self, at: Instant, time: MediaTime) {
        let origin = match &mut self.target {
            Some(target) => &mut target.origin,
            None => &mut self.origin,
        };
        *origin = Some(Origin { at, media: time });
    }

    /// Returns when the schedule began, and with which time of the medium; `None` while the newest
    /// [`Self::play`] waits for its first frame, or for the end of a frame that was begun before it.
    pub fn origin(&self) -> Option<(Instant, MediaTime)> {
        let origin = self.origin.filter(|_| self.target.is_none())?;
        Some((origin.at, origin.media))
    }

    /// Takes the schedule of another track, if none has begun.
    pub fn join(&mut self, at: Instant, time: MediaTime) {
        self.origin.get_or_insert(Origin { at, media: time });
    }

    /// Pauses, once the frame that was begun is sent.
    pub fn pause(&mut self) {
        match self.phase {
            Phase::Playing if !self.cursor.is_start() => self.phase = Phase::Pausing,
            Phase::Playing | Phase::Ending { .. } => self.phase = Phase::Ready,
            // The receiver does not know yet that it has come to the end, and will go on from there.
            Phase::Ready => self.fresh &= self.counters.packets == 0,
            _ => {}
        }
    }

    /// Ends the stream: BYE is due at once, if anything was sent. Nothing follows it.
    pub fn leave(&mut self) {
        match self.phase {
            Phase::Over => {}
            _ if self.counters.packets > 0 => self.phase = Phase::Leaving,
            _ => self.phase = Phase::Over,
        }
    }

    /// Ends the stream without a BYE.
    pub const fn abandon(&mut self) {
        self.phase = Phase::Over;
    }

    /// Whether the stream has ended by [`Self::leave`] or [`Self::abandon`], and nothing is left to send.
    pub fn is_over(&self) -> bool {
        self.phase == Phase::Over
    }

    /// Whether it plays. It does until the BYE that follows the last frame.
    pub const fn is_playing(&self) -> bool {
        matches!(self.phase, Phase::Playing | Phase::Ending { .. })
    }

    /// Whether there is nothing to go on from: nothing was played yet, or the track was played to its end.
    pub const fn is_fresh(&self) -> bool {
        self.fresh
    }

    /// Whether it may have something to send, now or later.
    pub(crate) const fn is_sending(&self) -> bool {
        matches!(self.phase, Phase::Playing | Phase::Pausing | Phase::Ending { .. } | Phase::Leaving)
    }

    /// The pace of the newest [`Self::play`].
    pub fn pace(&self) -> Pace {
        self.target.map_or(self.pace, |target| target.pace)
    }

    /// Takes an RTCP compound from the receiver: what it reports of this stream.
    pub fn handle_rtcp(&mut self, now: Now, compound: &[u8]) {
        if let Some(block) = rtcp::reports(compound).filter(|block| block.ssrc == self.ssrc).last() {
            self.counters.lost = block.cumulative_lost;
            if self.is_playing()
                && let Some(adaptation) = &mut self.adaptation
            {
                self.adapted |= adaptation.on_report(now.at, &block);
            }
        }
    }

    /// Returns what is due now; `None` if nothing is.
    pub fn poll_transmit<'a, S: FrameStore + ?Sized>(
        &'a mut self,
        now: Now,
        store: &'a S,
    ) -> Option<Transmit<'a>> {
        self.settle(now, store);
        let next = self.next(now, store)?;
        Some(Transmit::new(self, next, now))
    }

    /// Returns when [`Self::poll_transmit`] will have something; `None` if it has nothing until the store
    /// has a new frame.
    pub fn poll_at<S: FrameStore + ?Sized>(&self, store: &S) -> Option<Instant> {
        match self.phase {
            Phase::Leaving => return Some(Instant::ZERO),
            Phase::Ending { at, .. } => return Some(at),
            Phase::Playing | Phase::Pausing => {}
            Phase::Ready | Phase::Over => return None,
        }
        let mut due = self.origin.map(|_| self.report_at).filter(|_| self.cursor.is_start());
        let media = match self.look(store) {
            // Not settled yet: to be looked at.
            Ok(_) if self.cursor.is_start() && self.at_live_edge => Instant::ZERO,
            Ok(look) => self.packet_due(&look).unwrap_or_default(),
            Err(Miss::NotYet) => return due,
            Err(Miss::Overrun { .. } | Miss::Unusable | Miss::End) => Instant::ZERO,
        };
        sooner(&mut due, media);
        due
    }

    /// Returns what happened since the last call. To be called until `None`.
    pub fn poll_event(&mut self) -> Option<SenderEvent> {
        let skipped = core::mem::take(&mut self.skipped);
        if skipped > 0 {
            return Some(SenderEvent::Skipped(u64::from(skipped)));
        }
        if core::mem::take(&mut self.adapted) {
            let one_in = self.adaptation.map_or(1, |adaptation| adaptation.one_in());
            return Some(SenderEvent::Adapted(one_in));
        }
        core::mem::take(&mut self.ended).then_some(SenderEvent::Ended)
    }

    /// Whether [`Self::poll_event`] has something.
    pub const fn has_event(&self) -> bool {
        self.skipped > 0 || self.adapted || self.ended
    }

    /// The frame that is sent next, or that is being sent.
    pub(crate) const fn frame(&self) -> FrameId {
        self.frame
    }

    /// Returns the sequence number and the RTP time with which the next frame begins (RFC 2326, 12.33).
    pub fn next_rtp<S: FrameStore + ?Sized>(&self, now: Now, store: &S) -> (u16, u32) {
        let mut ahead = *self;
        match self.burst(now, store, true) {
            Some(mut rest) if self.has_begun() => {
                while let Some(fragment) = rest.peek() {
                    rest.pass(&fragment);
                }
                ahead.pass(now, &rest);
            }
            // What remains of the frame is gone.
            None if self.has_begun() => ahead.sequence_number = ahead.sequence_number.wrapping_add(1),
            _ => {}
        }
        (ahead.sequence_number, ahead.rtp_at(ahead.played))
    }

    /// A frame was begun, and its rest will be sent.
    const fn has_begun(&self) -> bool {
        matches!(self.phase, Phase::Playing | Phase::Pausing) && !self.cursor.is_start()
    }

    const fn is_datagram(&self) -> bool {
        matches!(self.framing, Framing::Datagram)
    }
}
