//! One track that was set up: a cursor into a store, and what is due at it. `Copy`, so that to look
//! ahead is to walk a copy, and a guard that is dropped has nothing to undo.
use super::adapt::Adaptation;
use super::event::{SessionId, Summary, Why};
use super::pace::Pace;
use super::packet::Packet;
use super::run::{Cursor, Next, Run};
use crate::frame::{Frame, FrameId, FrameStore, Miss, Seek, TrackId};
use crate::num::div_up;
use crate::payload::Cut;
use crate::rtp;
use crate::rtp::rtcp;
use crate::rtsp::LowerTransport;
use crate::rtsp::interleaved;
use crate::storage::put;
use crate::time::{Duration, Instant, MediaTime, Now, sooner};

/// Packets that leave at once, and bytes: a stock receiver's buffer of 208 KiB holds about 90
/// packets of 1400 bytes, and few of 9000.
const QUANTUM: u32 = 32;
const QUANTUM_BYTES: u32 = QUANTUM * 1400;
/// Sender reports are this far apart on average (RFC 3550, 6.2, the recommended minimum).
const REPORT_EVERY: Duration = Duration::from_secs(5);
/// Where a frame does not say for how long it is shown.
const ASSUMED_DURATION: Duration = Duration::from_millis(33);

/// After frames were left out for time, a lateness of one in so many parts of the configured one is
/// enough to leave out more, for as many times that.
const HURRY: u32 = 8;

/// How a stream's packets travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// To these ports of the RTSP peer's own address, and no other.
    Udp {
        socket: u8,
        rtp: u16,
        rtcp: u16,
        /// The interface of a link-local address (RFC 4007, 6), once a datagram has come by it.
        scope_id: u32,
        latched: bool,
    },
    Interleaved {
        rtp: u8,
        rtcp: u8,
    },
}

impl Route {
    pub(super) const fn lower(&self) -> LowerTransport {
        match self {
            Self::Udp { .. } => LowerTransport::Udp,
            Self::Interleaved { .. } => LowerTransport::Interleaved,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Set up, or paused (RFC 2326, A: Ready).
    Ready,
    Playing,
    /// To be Ready as soon as the frame that was begun is sent.
    Pausing,
    /// Its last packet is sent; BYE follows at this time.
    Ending {
        at: Instant,
        /// Of the medium, and not only of the range that was asked for.
        over: bool,
    },
    /// To be said BYE to at once, and then forgotten.
    Leaving(Why),
    /// To be forgotten.
    Gone(Why),
}

/// Media time `pts` leaves at `at`; from there on, time goes by the [`Pace`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Anchor {
    pub(super) at: Instant,
    pub(super) pts: MediaTime,
}

/// Where a PLAY goes on, once the frame that was begun is sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Jump {
    pub(super) frame: FrameId,
    pub(super) anchor: Option<Anchor>,
    pub(super) pace: Pace,
    pub(super) rtp: u32,
    pub(super) stop: Option<MediaTime>,
    pub(super) live: bool,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Stream {
    pub(super) session: SessionId,
    pub(super) track: TrackId,
    pub(super) route: Route,
    pub(super) phase: Phase,
    /// The frame at the cursor, and how far it is sent.
    pub(super) frame: FrameId,
    pub(super) offset: u32,
    packet_in_frame: u32,
    /// It was played backwards, and the frame at the cursor was the last one.
    before_start: bool,
    /// PLAY without Range starts over: never played, or played to its end.
    pub(super) fresh: bool,
    pub(super) stop: Option<MediaTime>,
    /// The medium has no end, and its frames come when they are made.
    live: bool,
    pub(super) jump: Option<Jump>,
    /// Unknown until the first frame is there.
    pub(super) anchor: Option<Anchor>,
    pub(super) pace: Pace,
    /// RTP time at the anchor.
    rtp_base: u32,
    /// For how long it was played from the anchor to the end of the newest frame that was begun.
    played: Duration,
    /// The RTP time of the last report, behind which none goes back.
    rtp_reported: u32,
    pub(super) sequence_number: u16,
    pub(super) ssrc: u32,
    /// The store had no frame at the last look: the next one is live, and sets the pace.
    at_live_edge: bool,
    not_before: Instant,
    /// The frame at the cursor is the one to send now, however late it is.
    settled: bool,
    /// Frames were left out for time not long before.
    hurry_until: Instant,
    report_at: Instant,
    random: u32,
    /// `None`: it is not adapted to what is reported.
    adaptation: Option<Adaptation>,
    pub(super) max_packet: u16,
    pub(super) created: Instant,
    pub(super) heard: Instant,
    pub(super) sum: Summary,
    pub(super) tell_opened: bool,
    pub(super) tell_ended: bool,
    pub(super) tell_skipped: u64,
    pub(super) tell_adapted: bool,
}

/// What a new stream is made of.
pub(super) struct Setup {
    pub(super) session: SessionId,
    pub(super) track: TrackId,
    pub(super) route: Route,
    pub(super) max_packet: u16,
    /// Fewer frames are sent where packets are reported lost.
    pub(super) adapt: bool,
    pub(super) random: u64,
}

impl Stream {
    pub(super) fn new(now: Now, setup: Setup) -> Self {
        let random = setup.random;
        // A byte stream loses nothing, and slows the sender down by itself.
        let adapt = setup.adapt && setup.route.lower() == LowerTransport::Udp;
        Self {
            session: setup.session,
            track: setup.track,
            route: setup.route,
            phase: Phase::Ready,
            frame: FrameId(0),
            offset: 0,
            packet_in_frame: 0,
            before_start: false,
            fresh: true,
            stop: None,
            live: false,
            jump: None,
            anchor: None,
            pace: Pace::default(),
            rtp_base: (random >> 16) as u32,
            played: Duration::ZERO,
            rtp_reported: (random >> 16) as u32,
            sequence_number: random as u16,
            ssrc: (random >> 32) as u32,
            at_live_edge: false,
            not_before: Instant::ZERO,
            settled: false,
            hurry_until: Instant::ZERO,
            report_at: now.at,
            random: random as u32 | 1,
            adaptation: adapt.then(|| Adaptation::new(now.at, random as u16)),
            max_packet: setup.max_packet,
            created: now.at,
            heard: now.at,
            sum: Summary::default(),
            tell_opened: true,
            tell_ended: false,
            tell_skipped: 0,
            tell_adapted: false,
        }
    }

    /// To be forgotten, after a BYE if anything was sent.
    pub(super) fn leave(&mut self, why: Why) {
        match self.phase {
            Phase::Leaving(_) | Phase::Gone(_) => {}
            _ if self.sum.packets > 0 => self.phase = Phase::Leaving(why),
            _ => self.phase = Phase::Gone(why),
        }
    }

    /// Takes what the client reports of this stream.
    pub(super) fn read_reports(&mut self, now: Now, compound: &[u8]) {
        if let Some(block) = rtcp::reports(compound).filter(|block| block.ssrc == self.ssrc).last() {
            self.sum.lost = block.cumulative_lost;
            if self.is_playing()
                && let Some(adaptation) = &mut self.adaptation
            {
                self.tell_adapted |= adaptation.on_report(now.at, &block);
            }
        }
    }

    /// One frame in so many is sent.
    pub(super) fn one_in(&self) -> u8 {
        self.adaptation.map_or(1, |adaptation| adaptation.one_in())
    }

    pub(super) const fn is_udp(&self) -> bool {
        matches!(self.route, Route::Udp { .. })
    }

    /// It is not on its way out.
    // Inlined, which is what the compiler does, it takes 100 bytes more.
    #[cfg_attr(target_pointer_width = "32", inline(never))]
    pub(super) const fn is_open(&self) -> bool {
        !matches!(self.phase, Phase::Leaving(_) | Phase::Gone(_))
    }

    /// Why it is to be forgotten, if it is.
    pub(super) const fn gone(&self) -> Option<Why> {
        match self.phase {
            Phase::Gone(why) => Some(why),
            _ => None,
        }
    }

    /// Playing, as the client sees it (RFC 2326, A).
    pub(super) const fn is_playing(&self) -> bool {
        matches!(self.phase, Phase::Playing | Phase::Ending { .. })
    }

    /// There is something to tell of it.
    pub(super) const fn has_event(&self) -> bool {
        self.gone().is_some()
            || self.tell_opened
            || self.tell_ended
            || self.tell_skipped > 0
            || self.tell_adapted
    }

    pub(super) const fn is_sending(&self) -> bool {
        matches!(self.phase, Phase::Playing | Phase::Pausing | Phase::Ending { .. } | Phase::Leaving(_))
    }

    /// The figures as of now.
    pub(super) fn summary(&self, now: Now) -> Summary {
        Summary { lifetime: now.at.since(self.created), ..self.sum }
    }

    /// What a packet's payload may take.
    fn room(&self) -> usize {
        usize::from(self.max_packet).saturating_sub(rtp::HEADER_LEN)
    }

    /// RTP time after the newest frame that was begun: where a jump goes on (RFC 2326, B).
    fn rtp_next(&self) -> u32 {
        self.rtp_at(self.played)
    }

    /// RTP time when it was played for so long from the anchor.
    const fn rtp_at(&self, played: Duration) -> u32 {
        self.rtp_base.wrapping_add(ticks(played))
    }

    /// When the frame is to leave.
    fn frame_due(&self, pts: MediaTime) -> Option<Instant> {
        let anchor = self.anchor?;
        Some(anchor.at + self.pace.delivery(self.pace.played(anchor.pts, pts)))
    }

    /// Over how much of its interval a frame's packets are spread.
    fn spread(&self, frame: &Frame<'_>) -> Duration {
        self.pace.delivery(self.pace.shown(duration(frame))).times(1, 2)
    }

    /// When the packet at the cursor is to leave: a frame's packets are spread over half of its
    /// interval in quanta, so that a receiver's buffer holds them. A stream has its own flow
    /// control, and needs no pace.
    fn packet_due(&self, frame: &Frame<'_>) -> Option<Instant> {
        let start = self.frame_due(frame.pts)?;
        if !self.is_udp() {
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

    fn cut<'a>(&self, frame: &Frame<'a>) -> Option<Cut<'a>> {
        Cut::new(frame, self.room())
    }

    fn quanta(&self, cut: &Cut<'_>) -> u32 {
        div_up(cut.count(), self.quantum())
    }

    /// How many packets leave at once.
    fn quantum(&self) -> u32 {
        QUANTUM_BYTES.checked_div(u32::from(self.max_packet)).unwrap_or(1).clamp(1, QUANTUM)
    }

    /// Brings the cursor to a frame that can be sent, before a look at it. Doing it twice is doing
    /// it once.
    pub(super) fn settle<S: FrameStore + ?Sized>(&mut self, now: Now, late: Duration, store: &S) {
        if (self.phase == Phase::Pausing || self.jump.is_some())
            && store.frame(self.track, self.frame).is_err()
        {
            // What is left of the frame is gone: there is nothing to finish.
            self.leave_frame(1);
        }
        if self.phase != Phase::Playing {
            return;
        }
        if self.before_start {
            return self.end(now, true);
        }
        if let Some(adaptation) = &mut self.adaptation {
            self.tell_adapted |= adaptation.rise(now.at);
        }
        match store.frame(self.track, self.frame) {
            Ok(frame) if self.offset == 0 => {
                if self.is_beyond_stop(frame.pts) {
                    return self.end(now, false);
                }
                self.settle_clock(now, late, &frame);
                if self.cut(&frame).is_none() {
                    return self.skip(1);
                }
                self.skip_late(now, late, &frame, store);
                self.settled = true;
            }
            Ok(_) => {}
            // Recorded media may be read ahead only just in time: their own clock holds.
            Err(Miss::NotYet) => self.at_live_edge = self.live,
            // To go on with the newest would be to turn round.
            Err(Miss::Overrun { .. }) if self.pace.is_reverse() => self.end(now, true),
            Err(Miss::Overrun { resume }) => {
                // Who plays live so late that frames are gone before they are due would go on so.
                self.at_live_edge = self.live;
                self.skip(resume.0.saturating_sub(self.frame.0));
            }
            Err(Miss::End) => self.end(now, true),
        }
    }

    /// The last frame is sent: BYE follows when it was shown. So it does at the end of a range that
    /// the client asked for, too: the session is Ready then (RFC 2326, A.2), and without a BYE no
    /// client knows that nothing more comes.
    fn end(&mut self, now: Now, over: bool) {
        let last = self.anchor.map_or(now.at, |anchor| anchor.at + self.pace.delivery(self.played));
        self.phase = Phase::Ending { at: last, over };
    }

    fn is_beyond_stop(&self, pts: MediaTime) -> bool {
        self.stop.is_some_and(|stop| if self.pace.is_reverse() { pts < stop } else { pts >= stop })
    }

    fn settle_clock(&mut self, now: Now, late: Duration, frame: &Frame<'_>) {
        let at_live_edge = core::mem::take(&mut self.at_live_edge);
        let Some(anchor) = &mut self.anchor else {
            self.anchor = Some(Anchor { at: now.at, pts: frame.pts });
            return;
        };
        // At the edge nothing is played but forward, as it comes.
        let due = anchor.at + frame.pts.since(anchor.pts);
        if at_live_edge && due > now.at {
            // Nothing is gained by holding back what came before it was due.
            anchor.at = anchor.at - due.since(now.at);
        } else if at_live_edge && now.at.since(due) > late {
            // The newest there is: the source's clock is slow, or stood still. To skip it would be
            // to skip all that follow.
            anchor.at = anchor.at + now.at.since(due);
        }
    }

    /// Late at a frame's start: whole frames are left out, or the lateness would grow until the
    /// store overran the session in the middle of one.
    fn skip_late<S: FrameStore + ?Sized>(&mut self, now: Now, late: Duration, frame: &Frame<'_>, store: &S) {
        let Some(anchor) = self.anchor else { return };
        // Who cannot keep up at all is late again soon: little at a time is left out then, or the
        // picture would go slowly for a while and then jump.
        let bound = if now.at < self.hurry_until { late.times(1, HURRY) } else { late };
        if self.lateness(now, frame) > bound {
            self.hurry_until = now.at + late.times(HURRY, 1);
            let required = self.pace.required(now.at.since(anchor.at));
            let shown = required - self.pace.shown(duration(frame));
            let to = self.pace.media_at(anchor.pts, shown);
            let to = self.pace.seek(store, self.track, Seek::To(to));
            self.skip(self.pace.steps(self.frame, to));
        }
    }

    fn lateness(&self, now: Now, frame: &Frame<'_>) -> Duration {
        self.anchor.map_or(Duration::ZERO, |anchor| {
            let required = self.pace.required(now.at.since(anchor.at));
            required - self.pace.played(anchor.pts, frame.pts)
        })
    }

    /// A look ahead has come to a frame that is late enough to be left out, perhaps, which
    /// [`Self::settle`] decides.
    fn is_to_settle(&self, now: Now, frame: &Frame<'_>) -> bool {
        self.offset == 0 && !self.settled && self.lateness(now, frame) > duration(frame)
    }

    /// Leaves out so many frames of those that are sent at this scale.
    fn skip(&mut self, frames: u64) {
        if frames > 0 {
            self.sum.frames_skipped = self.sum.frames_skipped.saturating_add(frames);
            self.tell_skipped = self.tell_skipped.saturating_add(frames);
            self.go_on(frames);
        }
    }

    /// Goes on after the frame at the cursor: with what waited for its end, or else so many frames on.
    fn leave_frame(&mut self, steps: u64) {
        self.go_on(steps);
        if self.phase == Phase::Pausing {
            self.phase = Phase::Ready;
        }
        self.take_jump();
    }

    fn go_on(&mut self, steps: u64) {
        let next = self.pace.step(self.frame, steps);
        self.at_frame(next.unwrap_or(self.frame));
        self.before_start = next.is_none();
    }

    /// Brings the cursor to the start of a frame.
    fn at_frame(&mut self, frame: FrameId) {
        if self.offset > 0 {
            // The rest of the one before is gone. Without a gap it would look as if it had come to its
            // end: not every sender marks it.
            self.sequence_number = self.sequence_number.wrapping_add(1);
        }
        (self.frame, self.offset, self.packet_in_frame) = (frame, 0, 0);
        (self.before_start, self.settled) = (false, false);
    }

    /// Starts, or goes on at `jump`: at once between frames, else when the frame that was begun is
    /// sent, so that no frame reaches the client in part.
    pub(super) fn play(&mut self, jump: Jump) {
        let begun = matches!(self.phase, Phase::Playing | Phase::Pausing) && self.offset > 0;
        self.jump = Some(jump);
        self.fresh = false;
        self.tell_ended = false;
        if !begun {
            self.take_jump();
        }
        self.phase = Phase::Playing;
    }

    /// Sets the clock of the PLAY that was just taken.
    pub(super) fn anchor_play(&mut self, anchor: Option<Anchor>) {
        match &mut self.jump {
            Some(jump) => jump.anchor = anchor,
            None => self.anchor = anchor,
        }
    }

    fn take_jump(&mut self) {
        if let Some(jump) = self.jump.take() {
            self.at_frame(jump.frame);
            (self.anchor, self.stop, self.live) = (jump.anchor, jump.stop, jump.live);
            (self.pace, self.rtp_base, self.played) = (jump.pace, jump.rtp, Duration::ZERO);
            self.at_live_edge = false;
        }
    }

    /// Ready, after the frame that was begun.
    pub(super) fn pause(&mut self) {
        match self.phase {
            Phase::Playing if self.offset > 0 => self.phase = Phase::Pausing,
            Phase::Playing | Phase::Ending { .. } => self.phase = Phase::Ready,
            // The client does not know yet that it has come to the end, and will go on from there.
            Phase::Ready => self.fresh &= self.sum.packets == 0,
            _ => {}
        }
    }

    /// Where a PLAY without Range goes on at its own pace: after the frame that was begun.
    pub(super) fn resume_at(&self, pace: Pace) -> FrameId {
        match self.jump {
            Some(jump) => jump.frame,
            None if self.offset > 0 => pace.step(self.frame, 1).unwrap_or(self.frame),
            None => self.frame,
        }
    }

    /// The pace that it has, or will have after the frame that was begun.
    pub(super) fn latest_pace(&self) -> Pace {
        self.jump.map_or(self.pace, |jump| jump.pace)
    }

    /// RTP time and sequence number of the first packet after a PLAY now (RFC 2326, 12.33): after
    /// what remains of a frame that was begun.
    pub(super) fn next_rtp<S: FrameStore + ?Sized>(&self, now: Now, store: &S) -> (u16, u32) {
        let mut ahead = *self;
        let begun = matches!(self.phase, Phase::Playing | Phase::Pausing) && self.offset > 0;
        match self.run(now, store, true) {
            Some(mut rest) if begun => {
                while let Some(span) = rest.peek() {
                    rest.pass(&span);
                }
                ahead.pass(now, &rest);
            }
            // What remains is gone.
            None if begun => ahead.sequence_number = ahead.sequence_number.wrapping_add(1),
            _ => {}
        }
        (ahead.sequence_number, ahead.rtp_next())
    }

    /// When [`Self::next`] has something.
    pub(super) fn due_at<S: FrameStore + ?Sized>(&self, store: &S) -> Option<Instant> {
        match self.phase {
            Phase::Leaving(_) => return Some(Instant::ZERO),
            Phase::Ending { at, .. } => return Some(at),
            Phase::Playing | Phase::Pausing => {}
            Phase::Ready | Phase::Gone(_) => return None,
        }
        let mut due = self.anchor.map(|_| self.report_at).filter(|_| self.offset == 0);
        let media = match store.frame(self.track, self.frame) {
            // Not settled yet: to be looked at.
            Ok(_) if self.offset == 0 && self.at_live_edge => Instant::ZERO,
            Ok(frame) => self.packet_due(&frame).unwrap_or_default(),
            Err(Miss::NotYet) => return due,
            Err(Miss::Overrun { .. } | Miss::End) => Instant::ZERO,
        };
        sooner(&mut due, media);
        due
    }

    /// What is due at the cursor.
    pub(super) fn next<'a, S: FrameStore + ?Sized>(&self, now: Now, store: &'a S) -> Option<Next<'a>> {
        match self.phase {
            Phase::Leaving(_) => Some(Next::Report { due: now.at }),
            Phase::Ending { at, .. } if at <= now.at => Some(Next::Report { due: at }),
            Phase::Playing | Phase::Pausing => {
                if self.anchor.is_some() && self.report_at <= now.at && self.offset == 0 {
                    return Some(Next::Report { due: self.report_at });
                }
                self.run(now, store, false).map(Next::Media)
            }
            Phase::Ready | Phase::Ending { .. } | Phase::Gone(_) => None,
        }
    }

    /// The packets that leave together from the cursor on, if they are due; `whole`: all the rest
    /// of the frame, due or not.
    fn run<'a, S: FrameStore + ?Sized>(&self, now: Now, store: &'a S, whole: bool) -> Option<Run<'a>> {
        // Borrowed where they lie: to take a frame, or a cut, out of its option copies it.
        let Ok(frame) = &store.frame(self.track, self.frame) else { return None };
        let due = self.packet_due(frame)?;
        let stopped = self.before_start || (self.offset == 0 && self.is_beyond_stop(frame.pts));
        if stopped || (!whole && (due > now.at || self.is_to_settle(now, frame))) {
            return None;
        }
        let played = self.pace.played(self.anchor?.pts, frame.pts);
        let shown = self.pace.shown(duration(frame));
        let Some(cut) = &self.cut(frame) else { return None };
        let (channel, left) = match self.route {
            Route::Interleaved { rtp, .. } => (Some(rtp), u32::MAX),
            Route::Udp { .. } if whole => (None, u32::MAX),
            Route::Udp { .. } => {
                let sent = self.packet_in_frame.checked_rem(self.quantum()).unwrap_or(0);
                (None, self.quantum().saturating_sub(sent))
            }
        };
        let run = Run {
            cut: *cut,
            due,
            channel,
            header: rtp::Repr {
                payload_type: cut.payload_type(),
                marker: false,
                sequence_number: self.sequence_number,
                timestamp: self.rtp_at(played),
                ssrc: self.ssrc,
            },
            cursor: Cursor {
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
        run.peek().is_some().then_some(run)
    }

    /// Moves the cursor past what `run` has passed.
    pub(super) fn pass(&mut self, now: Now, run: &Run<'_>) {
        let Cursor { sequence_number, offset, left, packets, octets } = run.cursor;
        if packets == 0 {
            return;
        }
        if !self.is_udp() {
            // The peer takes what it is sent, which is a sign of life: not every client keeps an
            // interleaved session alive by requests.
            self.heard = now.at;
        }
        self.sequence_number = sequence_number;
        self.sum.packets = self.sum.packets.saturating_add(u64::from(packets));
        self.sum.octets = self.sum.octets.saturating_add(u64::from(octets));
        self.packet_in_frame = self.packet_in_frame.wrapping_add(packets);
        if left == 0 || offset.is_none() {
            self.not_before = now.at + run.pause;
        }
        // Also of a frame whose rest will be gone: the next one must not have its RTP time.
        self.played = run.played;
        match offset {
            Some(next) => self.offset = next,
            None => {
                self.offset = 0;
                self.sum.frames = self.sum.frames.saturating_add(1);
                let steps = self.adaptation.map_or(1, |adaptation| adaptation.steps(run.shown));
                self.sum.frames_thinned = self.sum.frames_thinned.saturating_add(steps.saturating_sub(1));
                self.leave_frame(steps);
            }
        }
    }

    /// The report or BYE that [`Self::next`] has: SR and SDES, and BYE in the end, as one compound
    /// (RFC 3550, 6.1).
    pub(super) fn report<'a>(&self, now: Now, cname: &[u8]) -> Packet<'a> {
        let info = rtcp::sr::SenderInfo {
            ntp: now.ntp,
            rtp_timestamp: self.rtp_now(now),
            packets: self.sum.packets as u32,
            octets: self.sum.octets as u32,
        };
        let bye = matches!(self.phase, Phase::Leaving(_) | Phase::Ending { .. });
        let compound = rtcp::CompoundRepr { ssrc: self.ssrc, sender: Some(info), reports: &[], cname, bye };
        Packet::new([&[]; 3], |head| {
            let len = compound.buffer_len();
            let at = match self.route {
                Route::Udp { .. } => 0,
                Route::Interleaved { rtcp: channel, .. } => {
                    let len = u16::try_from(len).unwrap_or(u16::MAX);
                    put(head, 0, &interleaved::Header { channel, len }.emit());
                    interleaved::HEADER_LEN
                }
            };
            compound.emit(head.get_mut(at..)?)?;
            Some(at.saturating_add(len))
        })
    }

    /// Moves past the report that was made at the same time.
    pub(super) fn pass_report(&mut self, now: Now) {
        self.rtp_reported = self.rtp_now(now);
        self.random = xorshift(self.random);
        self.report_at = now.at + rtcp::interval(self.random, REPORT_EVERY);
        match self.phase {
            Phase::Leaving(why) => self.phase = Phase::Gone(why),
            Phase::Ending { over, .. } => {
                (self.phase, self.fresh, self.tell_ended) = (Phase::Ready, over, true);
            }
            _ => {}
        }
    }

    /// The RTP time of a report: what is being delivered, for with a speed RTP time goes by as fast.
    fn rtp_now(&self, now: Now) -> u32 {
        let delivered = self.anchor.map_or(self.played, |a| self.pace.delivered(now.at.since(a.at)));
        let ahead = self.rtp_at(delivered).wrapping_sub(self.rtp_reported);
        // A jump goes on from the newest frame, which was late, perhaps.
        if ahead < 1 << 31 { self.rtp_reported.wrapping_add(ahead) } else { self.rtp_reported }
    }
}

fn duration(frame: &Frame<'_>) -> Duration {
    if frame.duration == Duration::ZERO { ASSUMED_DURATION } else { frame.duration }
}

/// Ticks of the 90 kHz clock that all video formats have, to the nearest.
pub(super) const fn ticks(span: Duration) -> u32 {
    (span.as_micros().wrapping_mul(9).wrapping_add(50) / 100) as u32
}

/// Marsaglia's generator: enough to keep reports from marching in step, and no more.
const fn xorshift(mut x: u32) -> u32 {
    x ^= x << 13;
    x ^= x >> 17;
    x ^ (x << 5)
}
