//! [`Receiver`]: the receiving end of one RTP stream, from packets to frames.
mod output;
mod report;
#[cfg(test)]
mod tests;
mod timeline;

use super::rtcp::{Compound, Packet as Control};
use super::{Arrival, Packet, Port, ReorderWindow, Statistics, StatisticsCounters};
use crate::codec::Codec;
use crate::frame::{ClockReference, FrameSink, TrackInfo};
use crate::random::split_mix;
use crate::time::{Duration, Instant, MediaTime};
use output::Output;
use report::Schedule;
use timeline::Timeline;

pub use report::Report;
pub use timeline::Start;

/// The most packets of a stream that its first packet may have overtaken.
const MAX_OVERTAKEN: u16 = 64;

/// The configuration of a [`Receiver`]: what it has to know of its stream, and of its own reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ReceiverConfig {
    /// The number by which the [`FrameSink`] knows the track.
    pub track: u8,
    /// The codec of the stream.
    pub codec: Codec,
    /// The payload type of the stream's packets. Packets of any other type are refused.
    pub payload_type: u8,
    /// The clock rate of the stream in ticks per second.
    pub clock_rate: u32,
    /// The announced interval between frames, in ticks; `None` if it is not known.
    pub frame_interval: Option<u32>,
    /// The announced width and height in pixels, if there are any; see
    /// [`Depacketizer::new`](crate::payload::Depacketizer::new).
    pub dimensions: Option<(u16, u16)>,
    /// The SSRC of the receiver's own reports: a random number (RFC 3550, 8.1).
    pub ssrc: u32,
    /// The canonical name in the receiver's reports, in ASCII. 16 random characters are enough (RFC
    /// 7022, 4.2).
    pub cname: [u8; 16],
}

impl ReceiverConfig {
    /// Returns the configuration for track 0 of a sink, whose packets have this payload type, with
    /// nothing else announced. `ssrc` and `cname` are 0 and have to be set.
    pub const fn new(info: TrackInfo<'_>, payload_type: u8) -> Self {
        let TrackInfo { codec, clock_rate, .. } = info;
        let (track, frame_interval, dimensions, ssrc, cname) = (0, None, None, 0, [b'0'; 16]);
        Self { track, codec, payload_type, clock_rate, frame_interval, dimensions, ssrc, cname }
    }
}

/// How the packets of a stream reach a [`Receiver`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Delivery {
    /// Packets come in order and without loss, as over TCP. Each is used at once, and reports keep the
    /// full minimum interval.
    Ordered,
    /// Packets are datagrams, which can be lost and can overtake each other. A packet waits for missing
    /// packets before it. Reports use the reduced minimum interval (RFC 3550, 6.2), so that the sender
    /// soon knows of loss.
    Datagrams {
        /// The length of the longest packet that can wait, in bytes. A longer one is used at once, and
        /// missing packets before it are given up.
        max_packet: u16,
        /// How long a packet waits for missing packets before it. After that they are given up.
        wait: Duration,
    },
}

/// What a [`Receiver`] did with a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Handled {
    /// The packet is a media packet of the stream. Its data is in a frame, or it waits for missing
    /// packets before it.
    Media,
    /// The packet is RTCP. A sender report or BYE of the stream's source in it was noted.
    Control,
    /// The packet was dropped: it is malformed, of another stream or source, a duplicate, or not
    /// plausible.
    Refused,
}

/// Counts of what has come of a stream since the beginning, over all of its sources.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct ReceiverStatistics {
    /// RTP packets that came, without duplicates.
    pub packets: u64,
    /// Bytes of RTP payload in these packets.
    pub octets: u64,
    /// Packets that have not come. A packet that comes late is subtracted again.
    pub lost: u64,
    /// Packets that came after they had been given up.
    pub late: u64,
    /// Packets that came again.
    pub duplicates: u64,
    /// Packets that came after later ones.
    pub reordered: u64,
    /// The interarrival jitter in ticks of the track's clock (RFC 3550, 6.4.1).
    pub jitter: u32,
    /// The interarrival jitter as a span of time.
    pub jitter_time: Duration,
    /// Frames that came completely.
    pub frames_complete: u64,
    /// Frames of which a part is missing.
    pub frames_damaged: u64,
    /// Frames of which nothing useful came, as far as timestamps and lost packets tell.
    pub frames_missing: u64,
    /// Frames that came and that the sink refused, because it had no room for them or has them already.
    pub frames_unstored: u64,
    /// Frames that the sender left out.
    pub frames_skipped: u64,
}

impl ReceiverStatistics {
    /// Returns the sum of these counts and those of an earlier connection to the same track. The jitter
    /// stays that of `self`.
    #[must_use]
    pub const fn after(self, before: &Self) -> Self {
        Self {
            packets: self.packets.saturating_add(before.packets),
            octets: self.octets.saturating_add(before.octets),
            lost: self.lost.saturating_add(before.lost),
            late: self.late.saturating_add(before.late),
            duplicates: self.duplicates.saturating_add(before.duplicates),
            reordered: self.reordered.saturating_add(before.reordered),
            jitter: self.jitter,
            jitter_time: self.jitter_time,
            frames_complete: self.frames_complete.saturating_add(before.frames_complete),
            frames_damaged: self.frames_damaged.saturating_add(before.frames_damaged),
            frames_missing: self.frames_missing.saturating_add(before.frames_missing),
            frames_unstored: self.frames_unstored.saturating_add(before.frames_unstored),
            frames_skipped: self.frames_skipped.saturating_add(before.frames_skipped),
        }
    }
}

/// The receiving end of one RTP stream.
///
/// It accepts a source, counts, puts packets in order in caller-provided storage, builds frames in a
/// [`FrameSink`] with their media time, and makes receiver reports. It knows no RTSP. If the caller
/// knows where the stream starts, it says so with [`Self::expect_start`]; otherwise the first frame has
/// time 0.
///
/// In each turn of its loop, the caller does the following:
///
/// 1. It passes in what came with [`Self::handle_packet`], and calls [`Self::handle_timeout`] at the
///    time of [`Self::poll_at`].
/// 2. It sends what [`Self::poll_report`] returns, at the time of [`Self::report_at`].
/// 3. It calls [`Self::finish`] at the time of [`Self::ends_at`], when the source has said BYE.
///
/// The caller passes the same `storage` to all calls, from [`Self::set_delivery`] on. It may be empty;
/// then no packet waits, and every gap is a loss.
#[derive(Clone, Debug)]
pub struct Receiver {
    config: ReceiverConfig,
    /// Statistics of the current source.
    statistics: Option<Statistics>,
    /// Counters of earlier sources.
    before: StatisticsCounters,
    octets: u64,
    /// The source that was announced.
    expected_source: Option<u32>,
    /// The last packet of another source: its SSRC, and the number of the packet to follow.
    candidate: Option<(u32, u16)>,
    /// The sequence number that was announced of the first packet after a start.
    first_sequence: Option<u16>,
    /// A start is expected, and no packet has come since: a new source or sequence is no surprise.
    starting: bool,
    last_activity: Option<Instant>,
    ends_at: Option<Instant>,
    delivery: Delivery,
    window: ReorderWindow,
    output: Output,
    reports: Schedule,
    random: u64,
}

impl Receiver {
    /// Creates a receiver for one stream. `random` must be different each time, as it spreads the times
    /// of reports.
    pub fn new(config: ReceiverConfig, random: u64) -> Self {
        let timeline = Timeline::new(config.clock_rate, config.frame_interval);
        Self {
            config,
            statistics: None,
            before: StatisticsCounters::default(),
            octets: 0,
            expected_source: None,
            candidate: None,
            first_sequence: None,
            starting: true,
            last_activity: None,
            ends_at: None,
            delivery: Delivery::Ordered,
            window: ReorderWindow::default(),
            output: Output::new(config.track, config.codec, timeline, config.dimensions),
            reports: Schedule::default(),
            random,
        }
    }

    /// Says how packets come from now on, at first in order. What `storage` holds is dropped:
    /// with [`Delivery::Datagrams`], packets wait in it, each in `max_packet` bytes and 10.
    pub fn set_delivery(&mut self, delivery: Delivery, storage: &mut [u8]) {
        self.delivery = delivery;
        (self.window, self.reports.reduced) = match delivery {
            Delivery::Ordered => (ReorderWindow::default(), false),
            Delivery::Datagrams { max_packet, wait } => (ReorderWindow::new(storage, max_packet, wait), true),
        };
    }

    /// Names the synchronisation source that will send, if it was announced. Other sources are
    /// accepted as well: the first of all or after a start, and any of which two packets come in
    /// sequence.
    pub const fn expect_source(&mut self, ssrc: Option<u32>) {
        self.expected_source = ssrc;
    }

    /// Announces that the stream is about to start or to continue. Its packets may come at any time, even
    /// before [`Self::confirm_start`]. An open frame is forgotten unless `start` resumes.
    pub fn expect_start(&mut self, start: Start) {
        (self.starting, self.first_sequence, self.ends_at) = (true, None, None);
        if !start.resumed {
            // A pause may have cut the frame off, and the new place does not continue in its middle.
            self.output.forget_open();
        }
        self.output.timeline.expect(start);
    }

    /// Says where the stream that [`Self::expect_start`] announced really starts. Frames that came
    /// before this call keep their times.
    pub fn confirm_start(&mut self, start: Start) {
        self.first_sequence = start.first_sequence.filter(|_| self.starting);
        self.output.timeline.confirm(start);
    }

    /// Says that the stream continues from another place without a pause. With
    /// [`Start::first_sequence`], packets before that number still belong to the old place.
    pub fn jump(&mut self, start: Start) {
        self.output.timeline.jump(start);
    }

    /// Takes one packet that came at `now` to the port for RTP or for RTCP. RTCP is also recognised on the
    /// port for RTP (RFC 5761, 4). Frames that the packet completes are finished in `sink`.
    pub fn handle_packet<K: FrameSink + ?Sized>(
        &mut self,
        now: Instant,
        port: Port,
        bytes: &[u8],
        storage: &mut [u8],
        sink: &mut K,
    ) -> Handled {
        if port == Port::Rtcp || is_rtcp(bytes, self.config.payload_type) {
            self.handle_rtcp(now, bytes);
            return Handled::Control;
        }
        if self.handle_rtp(now, bytes, storage, sink).is_some() { Handled::Media } else { Handled::Refused }
    }

    /// Takes a compound RTCP packet. Sender reports of the stream's source give its clock, and a BYE of
    /// that source ends the stream. Malformed packets and packets of other sources are ignored.
    pub fn handle_rtcp(&mut self, now: Instant, bytes: &[u8]) {
        for packet in Compound::new(bytes).map_while(Result::ok) {
            match packet {
                Control::SenderReport(report) if self.is_from(report.ssrc()) => {
                    let info = report.info();
                    if let Some(statistics) = &mut self.statistics {
                        statistics.on_sender_report(now, info.ntp);
                        self.output.timeline.on_sender_report(info.ntp, info.rtp_timestamp);
                    }
                }
                Control::Bye(bye) if bye.sources().any(|ssrc| self.is_from(ssrc)) => {
                    // The BYE may have overtaken the last media packets.
                    let wait = match self.delivery {
                        Delivery::Ordered => Duration::ZERO,
                        Delivery::Datagrams { wait, .. } => wait,
                    };
                    self.ends_at.get_or_insert(now + wait);
                }
                _ => {}
            }
        }
    }

    /// Gives up the missing packets that are overdue at `now`, and releases the packets that waited for
    /// them.
    pub fn handle_timeout<K: FrameSink + ?Sized>(&mut self, now: Instant, storage: &mut [u8], sink: &mut K) {
        let output = &mut self.output;
        self.window.handle_timeout(storage, now, &mut |bytes, gap| output.deliver(bytes, gap, sink));
    }

    /// Ends the stream: releases all packets that wait, and finishes the open frame with the data that
    /// came. The receiver can continue with another start.
    pub fn finish<K: FrameSink + ?Sized>(&mut self, storage: &mut [u8], sink: &mut K) {
        self.drain(storage, sink);
        self.output.finish(sink);
    }

    /// Returns the receiver report that is due at `now`; `None` if none is due. Before the first packet
    /// the report is empty.
    pub fn poll_report(&mut self, now: Instant) -> Option<Report<'_>> {
        Report::new(self, now)
    }

    /// Makes a report due at `now`. This is for a sender that waits for a report, or for a network path
    /// that a packet in this direction opens. Otherwise the first report follows the first packet.
    pub const fn request_report(&mut self, now: Instant) {
        self.reports.at = Some(now);
    }

    /// Stops making reports, for example for a stream that is to be set up again. The first packet, or
    /// [`Self::request_report`], starts them again.
    pub fn stop_reports(&mut self) {
        self.reports.stop();
    }

    /// Returns when [`Self::poll_report`] will return a report; `None` if none is planned.
    pub const fn report_at(&self) -> Option<Instant> {
        self.reports.at
    }

    /// Returns when [`Self::handle_timeout`] has something to do; `None` if no packet waits.
    pub fn poll_at(&self) -> Option<Instant> {
        self.window.poll_at()
    }

    /// Returns when the stream ends because its source has said BYE, after a wait for packets that are
    /// still on their way. Call [`Self::finish`] at that time. `None` if the source has said no BYE.
    pub const fn ends_at(&self) -> Option<Instant> {
        self.ends_at
    }

    /// Says that no packet is on its way any more, so that a stream whose source has said BYE ends at
    /// `now`.
    pub fn end_now(&mut self, now: Instant) {
        self.ends_at = self.ends_at.map(|_| now);
    }

    /// Forgets a BYE that belonged to what was sent before.
    pub const fn forget_bye(&mut self) {
        self.ends_at = None;
    }

    /// Returns the wall clock time in the source's newest sender report, and the media time of that
    /// moment. `None` until a packet and a report of the source have come, and if the source has no wall
    /// clock.
    pub fn clock(&self) -> Option<ClockReference> {
        self.output.timeline.clock()
    }

    /// Returns when the last media packet came; `None` if none has come.
    pub const fn last_activity(&self) -> Option<Instant> {
        self.last_activity
    }

    /// Whether a start was announced, and no packet has come since.
    pub const fn is_starting(&self) -> bool {
        self.starting
    }

    /// Whether a frame was begun whose end has not come yet.
    pub const fn has_open(&self) -> bool {
        self.output.has_open()
    }

    /// Returns the media time of the newest frame that has come; `None` if none has come.
    pub fn newest(&self) -> Option<MediaTime> {
        self.output.timeline.newest()
    }

    /// Returns the interval between frames; zero if it is not known.
    pub fn frame_duration(&self) -> Duration {
        Duration::from_ticks(u64::from(self.output.timeline.duration()), self.config.clock_rate)
    }

    /// Returns the configuration of the receiver.
    pub const fn config(&self) -> &ReceiverConfig {
        &self.config
    }

    /// Returns the counts of what has come since the beginning.
    pub fn statistics(&self) -> ReceiverStatistics {
        let current = self.statistics.map(|statistics| statistics.counters()).unwrap_or_default();
        let before = &self.before;
        let jitter = self.statistics.map_or(0, |statistics| statistics.jitter());
        let (frames, timeline) = (self.output.frames(), &self.output.timeline);
        ReceiverStatistics {
            packets: before.received.saturating_add(current.received),
            octets: self.octets,
            lost: before.lost.saturating_add(current.lost),
            late: self.window.counters().dropped,
            duplicates: before.duplicate.saturating_add(current.duplicate),
            reordered: before.late.saturating_add(current.late),
            jitter,
            jitter_time: Duration::from_ticks(u64::from(jitter), self.config.clock_rate),
            frames_complete: frames.complete,
            frames_damaged: frames.damaged,
            frames_missing: timeline.missing().saturating_add(frames.abandoned),
            frames_unstored: frames.unstored,
            frames_skipped: timeline.skipped(),
        }
    }

    /// Takes an RTP packet. Returns `None` if it is refused.
    fn handle_rtp<K: FrameSink + ?Sized>(
        &mut self,
        now: Instant,
        bytes: &[u8],
        storage: &mut [u8],
        sink: &mut K,
    ) -> Option<()> {
        let packet = Packet::new_checked(bytes).ok()?;
        if packet.payload_type() != self.config.payload_type || !self.accepts_source(&packet) {
            return None;
        }
        let (ssrc, number, timestamp) = (packet.ssrc(), packet.sequence_number(), packet.timestamp());
        if self.statistics.is_some_and(|statistics| statistics.ssrc() != ssrc) {
            self.forget_source(storage, sink);
        }
        if self.statistics.is_none() {
            let ReceiverConfig { track, codec, clock_rate, .. } = self.config;
            sink.describe(track, TrackInfo::new(codec, clock_rate));
        }
        let new = Statistics::new(ssrc, self.config.clock_rate);
        let mut arrival = self.statistics.get_or_insert(new).on_packet(now, number, timestamp);
        if arrival == Arrival::Suspect && self.starting {
            // Some servers start another sequence of numbers at each PLAY.
            self.forget_source(storage, sink);
            arrival = self.statistics.insert(new).on_packet(now, number, timestamp);
        }
        if let Arrival::Restart { .. } = arrival {
            self.drain(storage, sink);
            self.output.interrupt(sink);
        }
        let sequence = arrival.sequence()?;
        if core::mem::take(&mut self.starting)
            && let Some(ahead) = self.first_sequence.take().map(|first| number.wrapping_sub(first))
            && ahead <= MAX_OVERTAKEN
        {
            self.window.expect(sequence.wrapping_sub(u32::from(ahead)));
        }
        if self.last_activity.replace(now).is_none() {
            let random = split_mix(&mut self.random) as u32;
            self.reports.on_first_packet(now, random);
        }
        self.octets = self.octets.saturating_add(packet.payload().len() as u64);
        let output = &mut self.output;
        self.window.offer(storage, now, sequence, bytes, &mut |bytes, gap| output.deliver(bytes, gap, sink));
        Some(())
    }

    /// Returns whether to accept a packet's source. The first source is accepted, and one that was
    /// announced or that comes first after a start. Any other source is accepted once two of its packets
    /// have come in sequence.
    fn accepts_source(&mut self, packet: &Packet<&[u8]>) -> bool {
        let (ssrc, number) = (packet.ssrc(), packet.sequence_number());
        let known = self.statistics.is_none_or(|statistics| statistics.ssrc() == ssrc);
        let expected = self.starting || self.expected_source == Some(ssrc);
        if known || expected || self.candidate == Some((ssrc, number)) {
            self.candidate = None;
            return true;
        }
        self.candidate = Some((ssrc, number.wrapping_add(1)));
        false
    }

    fn is_from(&self, ssrc: u32) -> bool {
        self.statistics.map_or(self.expected_source, |statistics| Some(statistics.ssrc())) == Some(ssrc)
    }

    fn forget_source<K: FrameSink + ?Sized>(&mut self, storage: &mut [u8], sink: &mut K) {
        self.drain(storage, sink);
        self.output.interrupt(sink);
        let Some(counters) = self.statistics.take().map(|statistics| statistics.counters()) else { return };
        let before = &mut self.before;
        before.received = before.received.saturating_add(counters.received);
        before.lost = before.lost.saturating_add(counters.lost);
        before.duplicate = before.duplicate.saturating_add(counters.duplicate);
        before.late = before.late.saturating_add(counters.late);
    }

    fn drain<K: FrameSink + ?Sized>(&mut self, storage: &mut [u8], sink: &mut K) {
        let output = &mut self.output;
        self.window.flush(storage, &mut |bytes, gap| output.deliver(bytes, gap, sink));
    }
}

/// Whether a packet that came to the port for RTP is RTCP (RFC 5761, 4). Some devices use one port or
/// channel for both.
fn is_rtcp(bytes: &[u8], payload_type: u8) -> bool {
    matches!(bytes, [_, kind @ 192..=223, ..] if kind & 0x7F != payload_type)
}
