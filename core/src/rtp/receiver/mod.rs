//! [`Receiver`]: the receiving end of one RTP stream, from packets to frames.
mod config;
mod output;
mod report;
mod statistics;
#[cfg(test)]
mod tests;
mod timeline;

use super::rtcp::{Compound, Packet as Control};
use super::{Arrival, Packet, Port, ReorderWindow, Statistics, StatisticsCounters};
use crate::frame::{ClockReference, FrameSink, TrackInfo};
use crate::random::split_mix;
use crate::time::{Duration, Instant, MediaTime};
use core::fmt;
use output::Output;
use report::Schedule;
use timeline::Timeline;

pub use config::ReceiverConfig;
pub use report::Report;
pub use statistics::ReceiverStatistics;
pub use timeline::Start;

/// The most packets of a stream that its first packet may have overtaken.
const MAX_OVERTAKEN: u16 = 64;

/// How the packets of a stream reach a [`Receiver`], and so whether the receiver must put them in order. Pass
/// it to [`Receiver::set_delivery`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Delivery {
    /// Packets come in order and without loss, as over TCP. Each packet is used at once, and no storage is
    /// needed. Receiver reports are about 5 seconds apart.
    Ordered,
    /// Packets are datagrams, which can be lost and can overtake each other. If packets are missing, the
    /// packets after the missing ones wait in the storage. Receiver reports are 1 to 5 seconds apart on
    /// average, so that the sender soon learns of loss. The higher the bit rate of the stream, the shorter
    /// the interval (RFC 3550, 6.2, reduced minimum interval).
    Datagrams {
        /// The length in bytes of the longest packet that can wait, with its RTP header. A longer packet is
        /// used at once, and the packets that are missing before the longer packet are given up.
        max_packet: u16,
        /// How long a packet waits for the packets that are missing before it. When a packet has waited for
        /// this time since it came, the missing packets are given up as lost.
        wait: Duration,
    },
}

/// What a [`Receiver`] did with a packet. The caller need not act on any of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Handled {
    /// The packet is a media packet of the stream, and was counted. The data of the packet goes into a frame
    /// at once, or waits for missing packets before this packet. The data is not used in two cases: packets
    /// after this one were used already ([`ReceiverStatistics::late`]), or the payload is malformed or empty.
    Media,
    /// The packet is RTCP, or came on [`Port::Rtcp`]. The receiver has taken from it the sender reports and
    /// BYEs of the stream's source, and has ignored all else.
    Control,
    /// The packet was dropped, for one of these reasons:
    ///
    /// - It is malformed.
    /// - It has another payload type.
    /// - It is a duplicate.
    /// - It comes from another source, or its sequence number is too far from the highest one so far. This
    ///   may be the start of a new source or sequence: if the very next packet comes from the same source as
    ///   this packet and has the next number, the receiver accepts that next packet, and goes on with the new
    ///   source or sequence.
    Refused,
}

/// The receiving end of one RTP stream: it takes packets and builds frames. The receiver counts packets, puts
/// them in order in storage that the caller provides, writes frames with their media time to a [`FrameSink`],
/// and makes receiver reports. It knows no RTSP. If you know the media time at which the stream starts, pass
/// it to [`Self::expect_start`]; otherwise the first frame has media time 0.
///
/// In each turn of your loop, do the following:
///
/// 1. Pass what came to [`Self::handle_packet`]. If the time of [`Self::poll_at`] has come, call
///    [`Self::handle_timeout`].
/// 2. If the time of [`Self::report_at`] has come, send what [`Self::poll_report`] returns.
/// 3. If the time of [`Self::ends_at`] has come, the source has said BYE: call [`Self::finish`] once. Call it
///    as well if you stop receiving without a BYE.
///
/// Pass the same `storage` to [`Self::set_delivery`] and to all later calls. If other storage is passed, the
/// packets that wait are lost. The storage may be empty. Then no packet waits, and every packet missing in
/// the sequence is given up at once.
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
    /// The last packet was of another payload type.
    strange: bool,
    last_activity: Option<Instant>,
    ends_at: Option<Instant>,
    delivery: Delivery,
    window: ReorderWindow,
    output: Output,
    reports: Schedule,
    random: u64,
}

impl Receiver {
    /// Creates a receiver for one stream. Until [`Self::set_delivery`] is called, the receiver expects
    /// packets in order ([`Delivery::Ordered`]). `random` is a random number that spreads the times of
    /// reports. Use another number for each receiver; otherwise their reports are sent at the same times.
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
            strange: false,
            last_activity: None,
            ends_at: None,
            delivery: Delivery::Ordered,
            window: ReorderWindow::default(),
            output: Output::new(config.track, config.codec, timeline, config.dimensions),
            reports: Schedule::default(),
            random,
        }
    }

    /// Sets how packets come from now on. Before the first call, packets are expected to come as with
    /// [`Delivery::Ordered`]. Call this again if packets come in another way from then on. Packets that wait
    /// in `storage` at the time of a call are dropped.
    ///
    /// With [`Delivery::Datagrams`], packets that come after a missing packet wait in `storage`. Each packet
    /// that waits takes `max_packet + 10` bytes of `storage`. If there is no room for another packet, missing
    /// packets are given up, so that the packets after them need not wait. Pass the same `storage` to all
    /// later calls of this receiver.
    ///
    /// With [`Delivery::Ordered`], `storage` is not used and may be empty.
    pub fn set_delivery(&mut self, delivery: Delivery, storage: &mut [u8]) {
        self.delivery = delivery;
        (self.window, self.reports.reduced) = match delivery {
            Delivery::Ordered => (ReorderWindow::default(), false),
            Delivery::Datagrams { max_packet, wait } => (ReorderWindow::new(storage, max_packet, wait), true),
        };
    }

    /// Sets the SSRC of the source that will send, if the SSRC was announced. If it was not announced, pass
    /// `None`. Packets of the announced source are accepted at once.
    ///
    /// Other sources are accepted as well:
    ///
    /// - If no packet has come since [`Self::new`] or since the last [`Self::expect_start`], the first packet
    ///   of any source is accepted.
    /// - After that, another source must send two packets with consecutive numbers: the first of the two is
    ///   refused, and the second is accepted.
    pub const fn expect_source(&mut self, ssrc: Option<u32>) {
        self.expected_source = ssrc;
    }

    /// Announces that the stream is about to start or to continue at `start`. Call this when PLAY is sent,
    /// because packets may come at any time from then on, even before [`Self::confirm_start`]. The next
    /// packet may have any source and any sequence number. If the source has said BYE, the BYE is forgotten.
    ///
    /// If a part of a frame has come, but not its end, and [`Start::resumed`] is false, that frame is
    /// forgotten and never finished. If [`Start::resumed`] is true, that frame goes on.
    pub fn expect_start(&mut self, start: Start) {
        (self.starting, self.first_sequence, self.ends_at) = (true, None, None);
        if !start.resumed {
            // A pause may have cut the frame off, and the new place does not continue in its middle.
            self.output.forget_open();
        }
        self.output.timeline.expect(start);
    }

    /// Corrects the start that [`Self::expect_start`] has announced. Call this when the response to PLAY has
    /// come, with the start that the response names. Frames that came before this call keep their times. If
    /// this is not called, the start that [`Self::expect_start`] has announced holds.
    pub fn confirm_start(&mut self, start: Start) {
        self.first_sequence = start.first_sequence.filter(|_| self.starting);
        self.output.timeline.confirm(start);
    }

    /// Announces that the stream jumps to `start` while it plays. If the stream was paused before, call
    /// [`Self::expect_start`] instead. [`Start::first_sequence`] says which packets belong to the new place:
    ///
    /// - If it is set, packets before that number still belong to the old place.
    /// - If it is `None`, the next packet belongs to the new place.
    pub fn jump(&mut self, start: Start) {
        self.output.timeline.jump(start);
    }

    /// Takes one packet that came at `now` on the UDP port or interleaved channel `port`. `bytes` is one
    /// whole datagram, or the data of one interleaved message without its 4-byte `$` prefix. Before this
    /// call, drop datagrams from other addresses than the sender's. If the packet completes a frame, or shows
    /// that the frame before it is over, that frame is finished in `sink`. RTCP is recognised on
    /// [`Port::Rtp`] too (RFC 5761, 4).
    ///
    /// Pass the `storage` that was passed to [`Self::set_delivery`]. If [`Self::set_delivery`] was never
    /// called, `storage` may be empty.
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

    /// Takes a compound RTCP packet that came at `now`. `bytes` is one whole datagram, or the data of one
    /// interleaved message without its 4-byte `$` prefix. Sender reports of the stream's source give the
    /// source's clock ([`Self::clock`]). A BYE of that source ends the stream ([`Self::ends_at`]). Packets of
    /// other sources are ignored. If a packet in `bytes` is malformed, that packet and the rest of `bytes`
    /// are ignored. If you pass all packets to [`Self::handle_packet`], do not call this: that method calls
    /// it for RTCP.
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

    /// Gives up missing packets, if packets after them have waited at `now` for the time given in
    /// [`Delivery::Datagrams`]. Builds frames in `sink` from the packets that waited. Call this at the time
    /// of [`Self::poll_at`]. Before that time, this does nothing. Pass the `storage` that was passed to
    /// [`Self::set_delivery`].
    pub fn handle_timeout<K: FrameSink + ?Sized>(&mut self, now: Instant, storage: &mut [u8], sink: &mut K) {
        let output = &mut self.output;
        self.window.handle_timeout(storage, now, &mut |bytes, gap| output.deliver(bytes, gap, sink));
    }

    /// Ends the stream: builds frames in `sink` from all packets that wait. If the end of a frame has not
    /// come, the frame is finished with the data that has come. Call this once at the time of
    /// [`Self::ends_at`], and when the connection or session ends; otherwise the last frame may never be
    /// finished. A second call does nothing. To receive again, call [`Self::expect_start`]. Pass the
    /// `storage` that was passed to [`Self::set_delivery`].
    pub fn finish<K: FrameSink + ?Sized>(&mut self, storage: &mut [u8], sink: &mut K) {
        self.drain(storage, sink);
        self.output.finish(sink);
    }

    /// Returns the receiver report that is due at `now`: send it, then call [`Report::commit`]. Returns
    /// `None` if no report is due: call this again at the time of [`Self::report_at`]. If a report is due
    /// before the first packet of the stream has come, the report has no block about a source.
    pub fn poll_report(&mut self, now: Instant) -> Option<Report<'_>> {
        Report::new(self, now)
    }

    /// Makes a report due at `now`: the next [`Self::poll_report`] returns it. Call this if the sender waits
    /// for a report, or if the path from the sender is only open after a packet to the sender, as through a
    /// NAT. Without this call, the first report is due about half a second after the first packet.
    pub const fn request_report(&mut self, now: Instant) {
        self.reports.at = Some(now);
    }

    /// Stops making reports, for example for a stream that is to be set up again. A call of
    /// [`Self::request_report`] starts reports again, and so does the next packet.
    pub fn stop_reports(&mut self) {
        self.reports.stop();
    }

    /// Returns when to call [`Self::poll_report`]. If the time has passed, call [`Self::poll_report`] at
    /// once. Returns `None` if no report is planned, for example before the first packet: then there is
    /// nothing to send until a packet comes.
    pub const fn report_at(&self) -> Option<Instant> {
        self.reports.at
    }

    /// Returns when to call [`Self::handle_timeout`]. If the time has passed, call [`Self::handle_timeout`]
    /// at once. Returns `None` if no packet waits: [`Self::handle_timeout`] has nothing to do before the next
    /// packet comes.
    pub fn poll_at(&self) -> Option<Instant> {
        self.window.poll_at()
    }

    /// Returns when the stream ends because its source has said BYE. The time includes a wait for packets
    /// that are still on their way. When the time has come, call [`Self::finish`] once. After that, this
    /// method still returns the same time, until [`Self::expect_start`] or [`Self::forget_bye`] is called.
    /// Returns `None` if the source has not said BYE.
    pub const fn ends_at(&self) -> Option<Instant> {
        self.ends_at
    }

    /// Says that no more packets are on their way, for example because the connection is closed. If the
    /// source has said BYE, the stream ends at `now`: [`Self::ends_at`] then returns `now`. If the source has
    /// not said BYE, this does nothing.
    pub fn end_now(&mut self, now: Instant) {
        self.ends_at = self.ends_at.map(|_| now);
    }

    /// Forgets that the source has said BYE: [`Self::ends_at`] then returns `None`. Call this if the BYE
    /// belongs to an earlier play. [`Self::expect_start`] does this by itself.
    pub const fn forget_bye(&mut self) {
        self.ends_at = None;
    }

    /// Returns the wall clock time in the newest sender report of the source, and the media time of that
    /// moment. With both times of each track, the tracks of one sender can be synchronised. Returns `None`
    /// until both a packet and a sender report of the source have come. If the source has no wall clock, this
    /// always returns `None`.
    pub fn clock(&self) -> Option<ClockReference> {
        self.output.timeline.clock()
    }

    /// Returns when the last media packet was accepted. RTCP and refused packets do not count. Returns `None`
    /// if no media packet has come yet. If the time is long ago, the stream has stopped.
    pub const fn last_activity(&self) -> Option<Instant> {
        self.last_activity
    }

    /// Returns true if no media packet has been accepted since the last [`Self::expect_start`] or, without
    /// such a call, since [`Self::new`].
    pub const fn is_starting(&self) -> bool {
        self.starting
    }

    /// Returns true if a part of a frame has come and was used, but not the end of that frame.
    pub const fn has_open(&self) -> bool {
        self.output.has_open()
    }

    /// Returns the media time of the newest frame of which a packet has come and was used, whether or not the
    /// frame is complete. Returns `None` if no media packet has come yet.
    pub fn newest(&self) -> Option<MediaTime> {
        self.output.timeline.newest()
    }

    /// Returns how long a frame is shown: the announced or measured interval from one frame to the next. If
    /// neither is known, the result is [`Duration::ZERO`].
    pub fn frame_duration(&self) -> Duration {
        Duration::from_ticks(u64::from(self.output.timeline.duration()), self.config.clock_rate)
    }

    /// Returns the configuration that was passed to [`Self::new`].
    pub const fn config(&self) -> &ReceiverConfig {
        &self.config
    }

    /// Returns the counts of what has come since [`Self::new`].
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
        let (found, expected) = (packet.payload_type(), self.config.payload_type);
        if found != expected {
            if !core::mem::replace(&mut self.strange, true) {
                sink.refused(self.config.track, &OtherPayloadType { found, expected });
            }
            return None;
        }
        self.strange = false;
        if !self.accepts_source(&packet) {
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
        let first = self.last_activity.replace(now).is_none();
        if first || self.reports.at.is_none() {
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

/// Says that a packet is of another payload type than the stream.
struct OtherPayloadType {
    found: u8,
    expected: u8,
}

impl fmt::Display for OtherPayloadType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { found, expected } = self;
        write!(f, "RTP packets of payload type {found}, where the session description says {expected}")
    }
}

/// Whether a packet that came to the port for RTP is RTCP (RFC 5761, 4). Some devices use one port or
/// channel for both.
fn is_rtcp(bytes: &[u8], payload_type: u8) -> bool {
    matches!(bytes, [_, kind @ 192..=223, ..] if kind & 0x7F != payload_type)
}
