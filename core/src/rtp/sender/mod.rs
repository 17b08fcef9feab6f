//! [`Sender`]: sends one RTP stream from a [`FrameStore`]. Nothing here knows RTSP.
mod adapt;
#[cfg_attr(
    not(feature = "server"),
    expect(dead_code, reason = "a connection asks more of a burst than a sender")
)]
mod burst;
mod config;
mod cursor;
mod pace;
mod packet;
mod report;
mod schedule;
mod select;
#[cfg(test)]
mod tests;
mod transmit;

pub(crate) use burst::Next;
#[cfg(feature = "server")]
pub(crate) use burst::{Message, PIECES};
pub use config::{Framing, Play, SenderConfig, SenderCounters, SenderEvent};
#[cfg(feature = "server")]
pub(crate) use pace::{MAX_UDP_SPEED, VARIES};
pub use pace::{Pace, Scale, Speed};
#[cfg(feature = "server")]
pub(crate) use packet::Packet;
pub use transmit::{Batch, Transmit};
pub(crate) use transmit::{MAX_PACKET, MIN_PACKET};

use crate::frame::{FrameId, FrameStore, Miss, Seek, TrackId, Want};
use crate::payload::Cursor;
use crate::rtp::rtcp;
use crate::time::{Duration, Instant, MediaTime, Now, sooner};
use adapt::{ADAPTS, Adaptation};
use config::{MAGIC, Outlet, PREFIX_LEN};
use schedule::Origin;
use select::Selection;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Nothing was played yet, or the sender is paused.
    Ready,
    Playing,
    /// The sender pauses as soon as the frame that was begun is sent.
    Pausing,
    /// The last packet was sent. BYE follows at `at`.
    Ending {
        at: Instant,
        /// Whether the track ends here, and not only the range that was asked for.
        over: bool,
    },
    /// BYE is due, and the stream ends with it.
    Leaving,
    Over,
}

/// Where and how to go on, once the frame that was begun is sent and the place is known.
#[derive(Clone, Copy, Debug)]
struct Target {
    place: Place,
    origin: Origin,
    pace: Pace,
    stop: u64,
    live: bool,
}

#[derive(Clone, Copy, Debug)]
enum Place {
    Frame(FrameId),
    /// The store does not know yet which frame that is.
    Seek(Seek),
}

/// Sends one track of a [`FrameStore`] as an RTP stream (RFC 3550). The sender makes RTP packets, which
/// become due when their frames are to be shown. It also makes sender reports between frames, and a BYE at
/// the end. The caller sends the packets.
///
/// Start with [`Self::play`]. Call [`Self::poll_transmit`] until it returns `None`. Do so again at the time
/// that [`Self::poll_at`] returns, and whenever the store has a new frame. Pass RTCP from the receiver to
/// [`Self::handle_rtcp`]. To end the stream, call [`Self::leave`] and send the BYE; if the sender is only
/// dropped, the receiver learns nothing of the end. A sender needs no RTSP connection:
///
/// ```
/// use pinhole::codec::jpeg;
/// use pinhole::frame::{Frame, FrameRing, Seek, Slot, TrackId};
/// use pinhole::rtp::{Play, Port, Sender, SenderConfig};
/// use pinhole::time::{Duration, Instant, Now};
///
/// // What is sent: here two pictures of 40 ms each.
/// # let picture = &include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/codec/jpeg/testdata/cjpeg-422-restart-row.jpg"))[..];
/// let mut ring = FrameRing::new(jpeg::TRACK, [Slot::EMPTY; 4], vec![0; 100_000]);
/// ring.push(&Frame::intra(picture, 0, 3_600))?;
/// ring.push(&Frame::intra(picture, 3_600, 3_600))?;
/// ring.end();
///
/// # let mut seed = 0x1234_5678_9ABC_DEF0_u64;
/// # let generator = move || { seed = seed.wrapping_mul(0x5851_F42D_4C95_7F2D).rotate_left(29); seed };
/// let mut random = generator; // of the system or the chip: hard to guess
/// let mut now = Now::default();
/// let mut sender = Sender::new(now, SenderConfig::new(TrackId::default(), &mut random));
/// sender.play(Play { from: Some(Seek::To(Default::default())), ..Play::default() }, &ring).unwrap();
///
/// let (mut packets, mut reports, mut buffer) = (0, 0, [0; 1_400]);
/// while let Some(at) = sender.poll_at(&ring) {
///     now.at = now.at.max(at); // a program sleeps until then
///     while let Some(mut transmit) = sender.poll_transmit(now, &ring) {
///         let batch = transmit.emit(1, &mut buffer).expect("room for a packet");
///         match transmit.port() {
///             Port::Rtp => packets += batch.count,
///             Port::Rtcp => reports += batch.count,
///         }
///         transmit.commit(batch.count);
///     }
/// }
/// assert_eq!(sender.counters().packets, packets as u64);
/// assert_eq!((sender.counters().frames, reports), (2, 2)); // a report before the first frame, and BYE
/// # Ok::<(), pinhole::frame::Full>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Sender {
    track: TrackId,
    outlet: Outlet,
    max_packet: u16,
    phase: Phase,
    /// The frame at the cursor, and how much of it was sent.
    frame: FrameId,
    cursor: Cursor,
    packet_in_frame: u32,
    /// Whether the frame at the cursor was the last one of a track that is played backwards.
    before_start: bool,
    /// Whether nothing was played yet, or the track was played to its end.
    fresh: bool,
    live: bool,
    /// In ticks; the first or last possible time if there is none.
    stop: u64,
    /// The newest PLAY, while the frame that was begun before it is being sent, or the store does not know
    /// the place.
    target: Option<Target>,
    origin: Origin,
    /// Ticks a second, as the store says; 0 until that is known.
    clock_rate: u32,
    pace: Pace,
    selection: Selection,
    /// The RTP time at the origin.
    rtp_base: u32,
    /// The playing time from the origin to the end of the newest frame that was begun, in ticks.
    played: u64,
    /// The RTP time of the last report. No later one goes back behind it.
    rtp_reported: u32,
    sequence_number: u16,
    ssrc: u32,
    /// The store had no frame at the last look: the next one is live, and sets the schedule.
    at_live_edge: bool,
    not_before: Instant,
    /// The frame at the cursor is one to send: what follows is worked out.
    settled: bool,
    /// When its first packet is due.
    frame_due: Instant,
    /// How late the first packet of it was sent, if it was, in microseconds.
    begun_late: u32,
    /// From one quantum of it to the next, in microseconds.
    quantum_interval: u32,
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
    /// Makes a sender for the stream that `config` describes. `now` is the current time. The sender sends
    /// nothing until [`Self::play`].
    pub fn new(now: Now, config: SenderConfig) -> Self {
        // A byte stream loses nothing.
        let adapt = ADAPTS && config.adapt && config.framing == Framing::Datagram;
        Self {
            track: config.track,
            outlet: Outlet::new(config.framing, config.live_burst),
            max_packet: config.max_packet.clamp(MIN_PACKET, MAX_PACKET),
            phase: Phase::Ready,
            frame: FrameId(0),
            cursor: Cursor::START,
            packet_in_frame: 0,
            before_start: false,
            fresh: true,
            live: false,
            stop: 0,
            target: None,
            origin: Origin::with(None, false),
            clock_rate: 0,
            pace: Pace::default(),
            selection: Selection::NEW,
            rtp_base: config.timestamp,
            played: 0,
            rtp_reported: config.timestamp,
            sequence_number: config.sequence_number,
            ssrc: config.ssrc,
            at_live_edge: false,
            not_before: Instant::ZERO,
            settled: false,
            frame_due: Instant::ZERO,
            begun_late: 0,
            quantum_interval: 0,
            hurry_until: Instant::ZERO,
            late_micros: u32::try_from(config.late.as_micros()).unwrap_or(u32::MAX),
            report_at: now.at,
            // Everybody may guess when reports come.
            random: config.ssrc | 1,
            adaptation: adapt.then(|| Adaptation::new(now.at, config.sequence_number)),
            cname: config.cname,
            counters: SenderCounters::default(),
            skipped: 0,
            adapted: false,
            ended: false,
        }
    }

    /// Returns the track that is sent: the [`SenderConfig::track`] that was passed to [`Self::new`].
    pub const fn track(&self) -> TrackId {
        self.track
    }

    /// Returns how packets are separated: as UDP datagrams, or as interleaved messages on a byte stream. This
    /// is the [`SenderConfig::framing`] that was passed to [`Self::new`].
    pub const fn framing(&self) -> Framing {
        self.outlet.framing()
    }

    /// Returns the SSRC of the packets, which identifies the stream (RFC 3550, 3).
    pub const fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// Returns the counts of frames and packets since [`Self::new`].
    pub const fn counters(&self) -> &SenderCounters {
        &self.counters
    }

    /// Starts to play as `play` says. If only a part of a frame was sent so far, the rest of that frame is
    /// sent before the new place. If an earlier call of this method has not taken effect yet, this call
    /// replaces it. RTP timestamps and sequence numbers continue (RFC 2326, B). If the first frame of the new
    /// place is not in `store` yet, the sender waits for that frame, and the schedule begins when the frame
    /// is there.
    ///
    /// Returns the media time of the first frame of the new place. If several tracks are played together,
    /// call [`Self::begin_with`] next.
    ///
    /// # Errors
    /// Returns the [`Miss`] of the first frame if the time of that frame is not known. The sender plays all
    /// the same, so do not call this method again. [`Miss::End`] means that nothing is left to play: only a
    /// BYE and [`SenderEvent::Ended`] follow. After any other [`Miss`], the sender begins as soon as the
    /// store has a frame to send.
    pub fn play<S: FrameStore + ?Sized>(&mut self, play: Play, store: &S) -> Result<MediaTime, Miss> {
        let Play { from, stop, pace, live } = play;
        if let Some(info) = store.info(self.track) {
            self.clock_rate = info.clock_rate;
        }
        let place = match from {
            Some(to) => {
                pace.seek(store, self.track, self.clock_rate, to).map_or(Place::Seek(to), Place::Frame)
            }
            None => self.resume_at(pace),
        };
        let first = match place {
            Place::Frame(id) => store.time(self.track, id),
            Place::Seek(_) => Err(Miss::NotYet),
        };
        let nowhere = if pace.is_reverse() { 0 } else { u64::MAX };
        let stop = stop.map_or(nowhere, |stop| stop.to_ticks(self.clock_rate));
        self.target =
            Some(Target { place, origin: Origin::with(first.ok(), pace.is_reverse()), pace, stop, live });
        let begun = self.has_begun();
        (self.phase, self.fresh, self.ended) = (Phase::Playing, false, false);
        if !begun {
            self.at_frame(self.frame);
            self.take_target();
        }
        first.map(|first| self.media_time(first))
    }

    /// Sets the media time with which the schedule of the newest [`Self::play`] begins, so that tracks that
    /// are played together stay together. Call this method on the senders of all these tracks, right after
    /// [`Self::play`] and before the next [`Self::poll_transmit`]. A sender that plays alone does not need
    /// it.
    ///
    /// `time` is the earliest of the times that [`Self::play`] has returned for these tracks. If the tracks
    /// are played backwards, `time` is the latest of these times. If the first frame of a sender comes later
    /// in the direction of play, the sender waits until that frame is due.
    pub fn begin_with(&mut self, time: MediaTime) {
        let origin = Origin::with(Some(time.to_ticks(self.clock_rate)), false);
        match &mut self.target {
            Some(target) => target.origin = origin,
            None => self.origin = origin,
        }
    }

    /// Returns when the schedule of the newest [`Self::play`] began, and the media time that was due at that
    /// moment. If several tracks are played together, pass both values to [`Self::join`] of the other tracks.
    ///
    /// Returns `None` if the schedule has not begun yet: nothing was played, the store does not have the
    /// first frame yet, or the rest of an earlier frame is still being sent. Ask again after the next
    /// [`Self::poll_transmit`].
    pub fn origin(&self) -> Option<(Instant, MediaTime)> {
        let (at, time) = self.origin.begun().filter(|_| self.target.is_none())?;
        Some((at, self.media_time(time)))
    }

    /// Begins the schedule of this sender: `time` of the medium is due at `at`. Pass the two values that
    /// [`Self::origin`] of another track returns, so that both tracks have one schedule. If the schedule of
    /// this sender has begun already, this does nothing.
    pub fn join(&mut self, at: Instant, time: MediaTime) {
        self.origin.begin(at, time.to_ticks(self.clock_rate), self.pace.is_reverse());
    }

    /// Pauses. Call [`Self::play`] to continue. What happens depends on the state:
    ///
    /// - If only a part of a frame was sent so far, the rest of that frame is still sent, so go on with
    ///   [`Self::poll_transmit`].
    /// - If the last frame of the track was sent and the BYE was not, the BYE is dropped.
    /// - If the sender does not play, nothing is sent or dropped.
    pub fn pause(&mut self) {
        match self.phase {
            Phase::Playing if !self.cursor.is_start() => self.phase = Phase::Pausing,
            Phase::Playing | Phase::Ending { .. } => self.phase = Phase::Ready,
            // The receiver does not know yet that it has come to the end, and will go on from there.
            Phase::Ready => self.fresh &= self.counters.packets == 0,
            _ => {}
        }
    }

    /// Ends the stream. Do not call [`Self::play`] afterwards: that would start the stream again.
    ///
    /// - If any RTP packet was sent since [`Self::new`], a BYE is due at once: send and commit what
    ///   [`Self::poll_transmit`] returns until [`Self::is_over`] is true. If only a part of a frame was sent
    ///   so far, the rest of that frame is not sent.
    /// - If no RTP packet was sent, the stream is over at once, without a BYE.
    pub fn leave(&mut self) {
        match self.phase {
            Phase::Over => {}
            _ if self.counters.packets > 0 => self.phase = Phase::Leaving,
            _ => self.phase = Phase::Over,
        }
    }

    /// Ends the stream without a BYE, for example because its destination is gone. Nothing more is sent. Do
    /// not call [`Self::play`] afterwards: that would start the stream again.
    pub const fn abandon(&mut self) {
        self.phase = Phase::Over;
    }

    /// Returns true if the stream has ended by [`Self::leave`] or [`Self::abandon`], and nothing is left to
    /// send. The sender can then be dropped. If a track was only played to its end, the result is false,
    /// because another [`Self::play`] can go on.
    pub fn is_over(&self) -> bool {
        self.phase == Phase::Over
    }

    /// Returns true from [`Self::play`] on, until [`Self::pause`], [`Self::leave`] or [`Self::abandon`] is
    /// called, or until the BYE after the last frame is sent.
    pub const fn is_playing(&self) -> bool {
        matches!(self.phase, Phase::Playing | Phase::Ending { .. })
    }

    /// Returns true if there is no place to continue from: nothing was played yet, or the track was played to
    /// its end. If the result is true, set [`Play::from`] in the next [`Self::play`]. A call of
    /// [`Self::pause`] after the end of the track makes the result false: the receiver may not know of the
    /// end yet, and may ask to continue from the place where it paused.
    pub const fn is_fresh(&self) -> bool {
        self.fresh
    }

    /// Returns the pace of the newest [`Self::play`], also if that call has not taken effect yet. Before the
    /// first call, it is [`Pace::NORMAL`].
    pub fn pace(&self) -> Pace {
        self.target.as_ref().map_or(self.pace, |target| target.pace)
    }

    /// Takes RTCP that came at `now` from the receiver of this stream. `compound` is one whole datagram, or
    /// the data of one interleaved message without its 4-byte `$` prefix. If `compound` has several reports
    /// on this stream, the last of them is used. The report sets [`SenderCounters::lost`] and
    /// [`SenderCounters::jitter`], and the sender
    /// adapts to the loss in it ([`SenderConfig::adapt`]). All else in `compound` is ignored, also malformed
    /// packets and BYE.
    pub fn handle_rtcp(&mut self, now: Now, compound: &[u8]) {
        if let Some(block) = rtcp::reports(compound).filter(|block| block.ssrc == self.ssrc).last() {
            (self.counters.lost, self.counters.jitter) = (block.cumulative_lost, block.jitter);
            if block.cumulative_lost > 0 {
                // Its buffer may hold more than a switch on the way, or than its program reads in time.
                self.outlet.limit_bursts();
            }
            if ADAPTS
                && self.is_playing()
                && let Some(adaptation) = &mut self.adaptation
            {
                self.adapted |= adaptation.on_report(now.at, &block, self.counters.packets as u32);
            }
        }
    }

    /// Returns the packets that are due at `now`. Send and commit the packets as [`Transmit`] describes, and
    /// call this again until it returns `None`. After `None`, no packet is due before the time that
    /// [`Self::poll_at`] returns, unless the store gets a new frame. Pass the same `store` as to
    /// [`Self::play`].
    pub fn poll_transmit<'a, S: FrameStore + ?Sized>(
        &'a mut self,
        now: Now,
        store: &'a S,
    ) -> Option<Transmit<'a>> {
        self.settle(now, store);
        let next = self.next(now, store)?;
        Some(Transmit::new(self, next, now))
    }

    /// Returns when to call [`Self::poll_transmit`] next. If the time has passed, as [`Instant::ZERO`] always
    /// has, call [`Self::poll_transmit`] at once. Returns `None` if no packet becomes due by time alone: wait
    /// until the store has a new frame, or until you call [`Self::play`] or [`Self::leave`]. When the store
    /// has a new frame, call this method again, because the time may have become earlier.
    pub fn poll_at<S: FrameStore + ?Sized>(&self, store: &S) -> Option<Instant> {
        match self.phase {
            Phase::Leaving => return Some(Instant::ZERO),
            Phase::Ending { at, .. } => return Some(at),
            Phase::Playing | Phase::Pausing => {}
            Phase::Ready | Phase::Over => return None,
        }
        let mut due = self.report_due();
        let media = match self.look_ahead(store) {
            Err(Miss::NotYet) => return due,
            Err(_) => Instant::ZERO,
            Ok(at) => at,
        };
        sooner(&mut due, media);
        due
    }

    /// When the packet at the cursor is due.
    fn look_ahead<S: FrameStore + ?Sized>(&self, store: &S) -> Result<Instant, Miss> {
        if let Some(due) = self.packet_due() {
            return Ok(due);
        }
        // What is not settled yet is to be looked at.
        match self.target.as_ref().map(|target| target.place).filter(|_| self.is_between_places()) {
            Some(Place::Seek(to)) => store.seek(self.track, to).map(|_| Instant::ZERO),
            Some(Place::Frame(_)) => Ok(Instant::ZERO),
            None => store.frame(self.track, self.frame).map(|_| Instant::ZERO),
        }
    }

    /// Returns the next event; `None` if there is none at present. Call this after [`Self::handle_rtcp`] and
    /// after the calls of [`Self::poll_transmit`], until it returns `None`. If an event is not fetched before
    /// another event of the same kind happens, the two become one.
    pub fn poll_event(&mut self) -> Option<SenderEvent> {
        let skipped = core::mem::take(&mut self.skipped);
        if skipped > 0 {
            return Some(SenderEvent::Skipped(u64::from(skipped)));
        }
        if ADAPTS && core::mem::take(&mut self.adapted) {
            let one_in = self.adaptation.map_or(1, |adaptation| adaptation.one_in());
            return Some(SenderEvent::Adapted(one_in));
        }
        core::mem::take(&mut self.ended).then_some(SenderEvent::Ended)
    }

    /// Returns true if [`Self::poll_event`] will return an event.
    pub const fn has_event(&self) -> bool {
        self.skipped > 0 || (ADAPTS && self.adapted) || self.ended
    }

    /// Returns the frame that is being sent, or, between frames, the frame that will be sent next. Use this
    /// if the store has to prepare frames. Returns `None` if the sender does not play: no frame is needed
    /// then.
    pub fn wanted(&self) -> Option<Want> {
        let plays = matches!(self.phase, Phase::Playing | Phase::Pausing);
        let by = if self.cursor.is_start() {
            self.due_at(self.played).unwrap_or_default()
        } else {
            self.not_before
        };
        let held_until = (!self.cursor.is_start())
            .then(|| self.frame_due + Duration::from_micros(self.begun_late.into()) + self.late());
        let backwards = self.pace.is_reverse();
        let want = Want { track: self.track, frame: self.frame, by, backwards, held_until };
        plays.then_some(want)
    }

    /// Returns the sequence number and the RTP timestamp with which the next frame begins, for the `RTP-Info`
    /// header of the response to PLAY (RFC 2326, 12.33). Call this after [`Self::play`], with the same
    /// `store`. If the rest of an earlier frame is still to be sent, the result is the number and the
    /// timestamp that follow that frame.
    pub fn next_rtp<S: FrameStore + ?Sized>(&self, now: Now, store: &S) -> (u16, u32) {
        let mut ahead = *self;
        match self.burst(store, now.at, true) {
            Some(Next::Media(mut rest)) if self.has_begun() => {
                while let Some(span) = &rest.peek() {
                    rest.pass(span);
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
        matches!(self.outlet, Outlet::Datagrams { .. })
    }
}
