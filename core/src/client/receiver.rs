//! What comes in for one track: whose it is, in which order, and what becomes of it.
use super::event::Figures;
use super::timeline::{Start, Timeline, span};
use crate::frame::{FrameEnd, FrameSink, Full};
use crate::payload::jpeg::Depacketizer;
use crate::rtp;
use crate::rtp::rtcp::ReportBlock;
use crate::rtp::{Arrival, Statistics, StatisticsCounters, Window};
use crate::sdp::FrameRate;
use crate::time::{Duration, Instant, MediaTime};

/// So many packets of a stream, or fewer, can be overtaken before the first of all came.
const MAX_OVERTAKEN: u16 = 64;

/// A track as the session description tells it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Coding {
    pub(super) payload_type: u8,
    pub(super) clock_rate: u32,
    pub(super) frame_rate: Option<FrameRate>,
    pub(super) dimensions: Option<(u16, u16)>,
}

#[derive(Clone, Debug)]
pub(super) struct Receiver {
    coding: Coding,
    statistics: Option<Statistics>,
    /// Of the sources before.
    before: StatisticsCounters,
    octets: u64,
    /// Who will send, if SETUP said so.
    pub(super) expected_ssrc: Option<u32>,
    /// The last packet of somebody else: who, and the number of the one to follow.
    candidate: Option<(u32, u16)>,
    /// The number of the first packet after PLAY, if the server said so.
    expected_seq: Option<u16>,
    /// A PLAY was asked for, and no packet has come since: a new source or sequence is no surprise.
    pub(super) fresh: bool,
    pub(super) last_packet: Option<Instant>,
    window: Window,
    output: Output,
}

impl Receiver {
    pub(super) fn new(coding: Coding) -> Self {
        Self {
            coding,
            statistics: None,
            before: StatisticsCounters::default(),
            octets: 0,
            expected_ssrc: None,
            candidate: None,
            expected_seq: None,
            fresh: true,
            last_packet: None,
            window: Window::default(),
            output: Output {
                timeline: Timeline::new(coding.clock_rate, coding.frame_rate),
                depacketizer: Depacketizer::new(coding.dimensions),
                carried: 0,
            },
        }
    }

    pub(super) const fn coding(&self) -> &Coding {
        &self.coding
    }

    /// Octets of payload that came.
    pub(super) const fn octets(&self) -> u64 {
        self.octets
    }

    pub(super) const fn timeline(&self) -> &Timeline {
        &self.output.timeline
    }

    /// Starts anew with an empty window.
    pub(super) fn set_window(&mut self, window: Window) {
        self.window = window;
    }

    /// A frame was begun, and its end has not come.
    pub(super) const fn has_open(&self) -> bool {
        self.output.depacketizer.has_open()
    }

    pub(super) fn poll_at(&self) -> Option<Instant> {
        self.window.poll_at()
    }

    /// A PLAY is on its way: its packets may overtake the reply.
    pub(super) fn expect_play(&mut self, start: Start) {
        (self.fresh, self.expected_seq) = (true, None);
        if !start.resumed {
            // PAUSE has cut it off, perhaps; what was asked for does not go on in its middle.
            self.output.depacketizer.forget_open();
        }
        self.output.timeline.play(start);
    }

    /// A PLAY from another place, while playing, was granted.
    pub(super) fn jump(&mut self, start: Start) {
        self.output.timeline.jump(start);
    }

    /// The PLAY of [`Self::expect_play`] was granted.
    pub(super) fn granted(&mut self, start: Start, seq: Option<u16>) {
        self.expected_seq = seq.filter(|_| self.fresh);
        self.output.timeline.granted(start, seq);
    }

    /// Takes in an RTP packet. Says whether it was one of this track.
    pub(super) fn on_rtp<K: FrameSink + ?Sized>(
        &mut self,
        now: Instant,
        track: u8,
        bytes: &[u8],
        storage: &mut [u8],
        sink: &mut K,
    ) -> bool {
        let Ok(packet) = rtp::Packet::new_checked(bytes) else { return false };
        if packet.payload_type() != self.coding.payload_type {
            return false;
        }
        if !self.accept_source(&packet) {
            return false;
        }
        let seq = packet.sequence_number();
        let ssrc = packet.ssrc();
        if self.statistics.is_some_and(|statistics| statistics.ssrc() != ssrc) {
            self.forget_source(track, storage, sink);
        }
        let statistics = self.statistics.get_or_insert(Statistics::new(ssrc, self.coding.clock_rate));
        let mut arrival = statistics.on_packet(now, seq, packet.timestamp());
        if arrival == Arrival::Suspect && self.fresh {
            // Some servers begin another sequence at each PLAY.
            self.forget_source(track, storage, sink);
            let statistics = self.statistics.insert(Statistics::new(ssrc, self.coding.clock_rate));
            arrival = statistics.on_packet(now, seq, packet.timestamp());
        }
        if let Arrival::Restart { .. } = arrival {
            self.drain(track, storage, sink);
            self.output.interrupt(track, sink);
        }
        let Some(sequence) = arrival.sequence() else { return false };
        if core::mem::take(&mut self.fresh)
            && let Some(ahead) = self.expected_seq.take().map(|expected| seq.wrapping_sub(expected))
            && ahead <= MAX_OVERTAKEN
        {
            self.window.expect(sequence.wrapping_sub(u32::from(ahead)));
        }
        self.last_packet = Some(now);
        self.octets = self.octets.saturating_add(packet.payload().len() as u64);
        let output = &mut self.output;
        self.window.offer(storage, now, sequence, bytes, &mut |bytes, gap| {
            output.deliver(track, bytes, gap, sink);
        });
        true
    }

    /// Gives up what is overdue.
    pub(super) fn handle_timeout<K: FrameSink + ?Sized>(
        &mut self,
        now: Instant,
        track: u8,
        storage: &mut [u8],
        sink: &mut K,
    ) {
        let output = &mut self.output;
        self.window.handle_timeout(storage, now, &mut |bytes, gap| output.deliver(track, bytes, gap, sink));
    }

    /// Nothing more comes: what is held goes on, and the open frame ends.
    pub(super) fn finish<K: FrameSink + ?Sized>(&mut self, track: u8, storage: &mut [u8], sink: &mut K) {
        self.drain(track, storage, sink);
        self.output.finish(track, sink);
    }

    pub(super) fn is_from(&self, ssrc: u32) -> bool {
        self.statistics.map_or(self.expected_ssrc, |statistics| Some(statistics.ssrc())) == Some(ssrc)
    }

    pub(super) const fn statistics_mut(&mut self) -> Option<&mut Statistics> {
        self.statistics.as_mut()
    }

    /// The block for a report now, and the statistics once that is sent.
    pub(super) fn report(&self, now: Instant) -> Option<(ReportBlock, Statistics)> {
        let mut statistics = self.statistics?;
        let block = statistics.report_block(now);
        Some((block, statistics))
    }

    pub(super) fn figures(&self) -> Figures {
        let current = self.statistics.map(|statistics| statistics.counters()).unwrap_or_default();
        let before = &self.before;
        let jitter = self.statistics.map_or(0, |statistics| statistics.jitter());
        let frames = self.output.depacketizer.counters();
        Figures {
            packets: before.received.saturating_add(current.received),
            octets: self.octets,
            lost: before.lost.saturating_add(current.lost),
            late: self.window.counters().dropped,
            duplicates: before.duplicate.saturating_add(current.duplicate),
            reordered: before.late.saturating_add(current.late),
            jitter,
            jitter_time: span(self.coding.clock_rate, u64::from(jitter)),
            frames_complete: frames.complete,
            frames_damaged: frames.damaged,
            frames_missing: self.output.timeline.missing.saturating_add(frames.abandoned),
            frames_unstored: frames.unstored,
            frames_skipped: self.output.timeline.skipped,
        }
    }

    /// The first source is taken, and one that SETUP named, or that comes first after a PLAY; any
    /// other when two of its packets came in sequence.
    fn accept_source(&mut self, packet: &rtp::Packet<&[u8]>) -> bool {
        let (ssrc, seq) = (packet.ssrc(), packet.sequence_number());
        let known = self.statistics.is_none_or(|statistics| statistics.ssrc() == ssrc);
        if known || self.fresh || self.expected_ssrc == Some(ssrc) || self.candidate == Some((ssrc, seq)) {
            self.candidate = None;
            return true;
        }
        self.candidate = Some((ssrc, seq.wrapping_add(1)));
        false
    }

    fn forget_source<K: FrameSink + ?Sized>(&mut self, track: u8, storage: &mut [u8], sink: &mut K) {
        self.drain(track, storage, sink);
        self.output.interrupt(track, sink);
        let Some(counters) = self.statistics.take().map(|statistics| statistics.counters()) else { return };
        let before = &mut self.before;
        before.received = before.received.saturating_add(counters.received);
        before.lost = before.lost.saturating_add(counters.lost);
        before.duplicate = before.duplicate.saturating_add(counters.duplicate);
        before.late = before.late.saturating_add(counters.late);
    }

    fn drain<K: FrameSink + ?Sized>(&mut self, track: u8, storage: &mut [u8], sink: &mut K) {
        let output = &mut self.output;
        self.window.flush(storage, &mut |bytes, gap| output.deliver(track, bytes, gap, sink));
    }
}

/// What packets go through when they are in order.
#[derive(Clone, Debug)]
struct Output {
    timeline: Timeline,
    depacketizer: Depacketizer,
    /// Lost before packets that carry nothing.
    carried: u16,
}

impl Output {
    fn deliver<K: FrameSink + ?Sized>(&mut self, track: u8, bytes: &[u8], gap: u16, sink: &mut K) {
        let Ok(packet) = rtp::Packet::new_checked(bytes) else { return };
        let gap = gap.saturating_add(core::mem::take(&mut self.carried));
        if packet.payload().is_empty() {
            // Sent to keep a path open, or to pad.
            self.carried = gap;
            return;
        }
        let pts = self.timeline.on_packet(packet.timestamp(), packet.sequence_number(), gap);
        let mut sink = Timed { sink, duration: self.timeline.duration() };
        // Why a packet is of no use shows in the frame, and in the depacketizer's counters.
        let _ = self.depacketizer.push(track, &packet, gap, pts, &mut sink);
    }

    fn finish<K: FrameSink + ?Sized>(&mut self, track: u8, sink: &mut K) {
        let mut sink = Timed { sink, duration: self.timeline.duration() };
        self.depacketizer.finish_open(track, &mut sink);
    }

    fn interrupt<K: FrameSink + ?Sized>(&mut self, track: u8, sink: &mut K) {
        self.finish(track, sink);
        self.timeline.interrupt();
        self.carried = 0;
    }
}

/// Tells frames for how long they are shown, which their packets do not.
struct Timed<'a, K: ?Sized> {
    sink: &'a mut K,
    duration: Duration,
}

impl<K: FrameSink + ?Sized> FrameSink for Timed<'_, K> {
    fn begin(&mut self, track: u8, pts: MediaTime) -> Result<(), Full> {
        self.sink.begin(track, pts)
    }

    fn write_at(&mut self, track: u8, at: usize, bytes: &[u8]) -> Result<(), Full> {
        self.sink.write_at(track, at, bytes)
    }

    fn finish(&mut self, track: u8, end: FrameEnd) {
        self.sink.finish(track, FrameEnd { duration: self.duration, ..end });
    }

    fn abandon(&mut self, track: u8) {
        self.sink.abandon(track);
    }
}
