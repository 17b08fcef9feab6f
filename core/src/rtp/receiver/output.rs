//! What packets go through once they are in order: the timeline, then the depacketizer.
use super::timeline::Timeline;
use crate::codec::Codec;
use crate::frame::{FrameEnd, FrameSink, Full, TrackInfo};
use crate::payload::{Depacketizer, DepacketizerCounters};
use crate::rtp;
use core::fmt;

#[derive(Clone, Debug)]
pub(super) struct Output {
    pub(super) timeline: Timeline,
    depacketizer: Depacketizer,
    /// The track's number for the sink.
    track: u8,
    /// Packets that were lost before packets without a payload.
    carried: u16,
}

impl Output {
    pub(super) const fn new(
        track: u8,
        codec: Codec,
        timeline: Timeline,
        dimensions: Option<(u16, u16)>,
    ) -> Self {
        Self { timeline, depacketizer: Depacketizer::new(codec, dimensions), track, carried: 0 }
    }

    /// Takes in a packet, in order. `gap` is how many packets were lost just before it.
    pub(super) fn deliver<K: FrameSink + ?Sized>(&mut self, bytes: &[u8], gap: u16, sink: &mut K) {
        let Ok(packet) = rtp::Packet::new_checked(bytes) else { return };
        let gap = gap.saturating_add(core::mem::take(&mut self.carried));
        if packet.payload().is_empty() {
            // Sent to keep a path open, or to pad.
            self.carried = gap;
            return;
        }
        let time = self.timeline.on_packet(packet.timestamp(), packet.sequence_number(), gap);
        let mut sink = self.timed(sink);
        match self.depacketizer.push(self.track, &packet, gap, time, &mut sink) {
            Err(error) if !error.is_full() => sink.refused(self.track, &error),
            _ => {}
        }
    }

    /// Finishes the open frame as it is, if there is one.
    pub(super) fn finish<K: FrameSink + ?Sized>(&mut self, sink: &mut K) {
        let mut sink = self.timed(sink);
        self.depacketizer.finish_open(self.track, &mut sink);
    }

    /// Finishes the open frame, and prepares for another source or sequence.
    pub(super) fn interrupt<K: FrameSink + ?Sized>(&mut self, sink: &mut K) {
        self.finish(sink);
        self.timeline.interrupt();
        self.carried = 0;
    }

    /// Forgets the open frame: it is to come again as a whole.
    pub(super) fn forget_open(&mut self) {
        self.depacketizer.forget_open();
    }

    pub(super) const fn has_open(&self) -> bool {
        self.depacketizer.has_open()
    }

    pub(super) const fn frames(&self) -> DepacketizerCounters {
        self.depacketizer.counters()
    }

    fn timed<'a, K: FrameSink + ?Sized>(&self, sink: &'a mut K) -> Timed<'a, K> {
        Timed { sink, duration: self.timeline.duration() }
    }
}

/// Tells frames how long they are shown, where packets do not say it.
struct Timed<'a, K: ?Sized> {
    sink: &'a mut K,
    /// In ticks.
    duration: u32,
}

impl<K: FrameSink + ?Sized> FrameSink for Timed<'_, K> {
    fn describe(&mut self, track: u8, info: TrackInfo<'_>) {
        self.sink.describe(track, info);
    }

    fn begin(&mut self, track: u8, time: u64) -> Result<(), Full> {
        self.sink.begin(track, time)
    }

    fn write_at(&mut self, track: u8, at: usize, bytes: &[u8]) -> Result<(), Full> {
        self.sink.write_at(track, at, bytes)
    }

    fn finish(&mut self, track: u8, end: FrameEnd<'_>) {
        let duration = if end.duration > 0 { end.duration } else { self.duration };
        self.sink.finish(track, FrameEnd { duration, ..end });
    }

    fn abandon(&mut self, track: u8) {
        self.sink.abandon(track);
    }

    fn refused(&mut self, track: u8, reason: &dyn fmt::Display) {
        self.sink.refused(track, reason);
    }
}
