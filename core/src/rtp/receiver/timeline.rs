//! [`Timeline`]: from the RTP timestamps of one stream to its media time, and from their steps to
//! the frames that are missing.
#[cfg(test)]
mod tests;

use crate::frame::ClockReference;
use crate::rtp::Scale;
use crate::time::{MediaTime, NtpTime};

/// The first frame of a start comes at most this long after [`Start::rtp_time`], beyond the frames of which packets
/// came before; otherwise that RTP time is not believed.
const PLAUSIBLE_SECS: u64 = 10;

/// At most this many packets from before a start still come after it was announced.
const MAX_AHEAD: u16 = 1_000;

/// The place at which a stream starts or continues, as far as RTSP tells. Pass it to
/// [`Receiver::expect_start`](super::Receiver::expect_start). The default has media time 0, and all else is
/// unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Start {
    /// The media time of the first frame after this start. The media times of later frames follow from their
    /// RTP timestamps.
    pub time: MediaTime,
    /// The RTP timestamp that stands for [`Self::time`], if the sender has given it (`rtptime` of
    /// `RTP-Info`). This value is only used if the timestamp of the first packet after the start is equal to
    /// it, or later by at most 10 seconds and a frame for each packet since [`Self::first_sequence`]. If this
    /// is `None` or not used, the timestamp of the first packet after the start stands for [`Self::time`].
    pub rtp_time: Option<u32>,
    /// The sequence number of the first packet after this start, if the sender has given it (`seq` of
    /// `RTP-Info`). Packets whose numbers are 1 to 999 before this number still belong to the place that was
    /// played before. The first other packet begins the new place. If this is `None`, the next packet to come
    /// begins the new place.
    pub first_sequence: Option<u16>,
    /// Is true if the stream continues where it was paused.
    ///
    /// - If this is true, media time does not go back: if [`Self::time`] is not after the newest frame that
    ///   has come, the next frame gets the media time right after that frame.
    /// - If this is false, media time may go back.
    pub resumed: bool,
    /// The scale at which the sender plays from this start on. `None` keeps the previous scale; before the
    /// first start that has a scale, it is 1. The receiver only uses the scale to tell how far apart frames
    /// are. The media times of frames rise at any scale, even when the medium is played backwards, because
    /// they count the time of playing.
    pub scale: Option<Scale>,
}

/// Which media time an RTP timestamp stands for.
#[derive(Clone, Copy, Debug)]
struct Mapping {
    /// The newest timestamp, extended to 64 bits.
    timestamp: u64,
    /// Its media time in ticks.
    time: u64,
}

/// The media time of one stream, exact in ticks of its clock.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timeline {
    clock_rate: u32,
    /// The frame interval in ticks that the session description announces.
    described: Option<u32>,
    scale: Scale,
    /// The smallest step between two frames without a loss between.
    smallest: Option<u32>,
    /// The last steps, the newest first.
    steps: [Option<u32>; 3],
    mapping: Option<Mapping>,
    /// The start whose first packet has not come.
    start: Option<Start>,
    /// The start after it, which was granted before a packet of `start` came.
    next: Option<Start>,
    /// The sequence number of the newest packet.
    sequence_number: u16,
    /// The newest frame's time in ticks. Unlike the mapping, it outlives its source.
    newest: Option<u64>,
    /// Wall clock and extended timestamp of the newest sender report.
    sender_report: Option<(NtpTime, u64)>,
    missing: u64,
    skipped: u64,
}

impl Timeline {
    pub(super) fn new(clock_rate: u32, frame_interval: Option<u32>) -> Self {
        Self {
            clock_rate,
            described: frame_interval.filter(|&ticks| ticks > 0),
            scale: Scale::NORMAL,
            smallest: None,
            steps: [None; 3],
            mapping: None,
            start: None,
            next: None,
            sequence_number: 0,
            newest: None,
            sender_report: None,
            missing: 0,
            skipped: 0,
        }
    }

    /// Notes a start that was asked for: the next frame is its first one.
    pub(super) fn expect(&mut self, start: Start) {
        self.next = None;
        self.start = match self.start {
            // Nothing has come of the place from where it goes on: what came is of another one.
            Some(before) if start.resumed && !before.resumed => {
                Some(Start { time: before.time, resumed: false, ..start })
            }
            _ => Some(start),
        };
    }

    /// Notes a jump while the stream flows. Packets from before it may still come.
    pub(super) fn jump(&mut self, start: Start) {
        match self.start {
            Some(_) if start.first_sequence.is_some() && !start.resumed => self.next = Some(start),
            _ => self.expect(start),
        }
    }

    /// Notes what the sender says of the start that was expected. Packets may have overtaken that.
    pub(super) fn confirm(&mut self, start: Start) {
        let Some(mapping) = self.mapping.filter(|_| self.start.is_none()) else {
            let resumed = start.resumed && self.start.is_none_or(|expected| expected.resumed);
            self.start = Some(Start { resumed, ..start });
            return;
        };
        let newest = mapping.timestamp as u32;
        let plausible = self.plausible(None);
        let of_before = |rtp_time: u32| newest != rtp_time && since(newest, rtp_time, plausible).is_some();
        if start.rtp_time.is_some_and(of_before) {
            // What has come is from before this start: the sender did not know yet that it was over.
            self.start = Some(start);
            return;
        }
        let since = self.since_start(start, newest);
        let time = since.map(|since| self.ticks(start.time).saturating_add(u64::from(since)));
        // Time does not run back.
        if let Some(time) = time.filter(|&time| !start.resumed || time >= mapping.time) {
            self.mapping = Some(Mapping { time, ..mapping });
        }
        self.set_scale(start.scale);
    }

    /// Prepares for another source, or for timestamps that start anew. Time goes on all the same.
    pub(super) fn interrupt(&mut self) {
        (self.mapping, self.sender_report) = (None, None);
        self.start = self.next.take().or(self.start);
        if self.start.is_none() && self.newest.is_some() {
            self.start = Some(Start { resumed: true, ..Start::default() });
        }
    }

    /// Takes in a packet, in order. `gap` is how many packets were lost just before it. Returns the
    /// media time of its frame in ticks.
    pub(super) fn on_packet(&mut self, timestamp: u32, sequence_number: u16, gap: u16) -> u64 {
        self.sequence_number = sequence_number;
        if let Some(next) = self.next.take_if(|next| reaches(next, sequence_number)) {
            self.start = Some(next);
        }
        let same = self.mapping.is_some_and(|mapping| mapping.timestamp as u32 == timestamp);
        if let Some(start) =
            self.start.filter(|start| !same && (self.mapping.is_none() || reaches(start, sequence_number)))
        {
            return self.begin(start, timestamp, gap);
        }
        let Some(mapping) = self.mapping else {
            return self.begin(Start::default(), timestamp, gap);
        };
        let step = timestamp.wrapping_sub(mapping.timestamp as u32);
        if step > i32::MAX as u32 {
            let start = Start { resumed: true, ..Start::default() };
            return self.begin(start, timestamp, gap);
        }
        if step > 0 {
            self.count(step, gap);
            let [newest, before, _] = self.steps;
            self.steps = [Some(step), newest, before];
            if gap == 0 {
                self.smallest = Some(self.smallest.map_or(step, |smallest| smallest.min(step)));
            }
        }
        let step = u64::from(step);
        self.place(mapping.timestamp.wrapping_add(step), mapping.time.saturating_add(step))
    }

    /// Keeps the wall clock `ntp` that a sender report gives for `timestamp`. A sender without a
    /// wall clock says 0, which is none (RFC 3550, 6.4.1).
    pub(super) fn on_sender_report(&mut self, ntp: NtpTime, timestamp: u32) {
        if ntp != NtpTime::default() {
            self.sender_report = Some((ntp, self.extend(timestamp)));
        }
    }

    /// The wall clock of the newest sender report, and the media time that it stands for.
    pub(super) fn clock(&self) -> Option<ClockReference> {
        let (Mapping { timestamp, time }, (ntp, reported)) = (self.mapping?, self.sender_report?);
        let since = reported.wrapping_sub(timestamp) as i64;
        let reference = ClockReference { ntp, time };
        Some(match time.checked_add_signed(since) {
            Some(time) => ClockReference { time, ..reference },
            // The report is of a moment before tick 0: it is moved to tick 0.
            None => {
                let before = since.unsigned_abs().saturating_sub(time);
                ClockReference {
                    ntp: ClockReference { ntp, time: 0 }.ntp_at(self.clock_rate, before),
                    time: 0,
                }
            }
        })
    }

    /// How long a frame is shown, in ticks; 0 if that is not known.
    pub(super) fn duration(&self) -> u32 {
        let nominal = self.nominal().map(|nominal| nominal.max(self.smallest.unwrap_or(0)));
        nominal.or(self.steps[0]).unwrap_or(0)
    }

    /// The time of the newest frame of all that came.
    pub(super) fn newest(&self) -> Option<MediaTime> {
        self.newest.map(|ticks| self.media_time(ticks))
    }

    /// Frames of which nothing came, as far as timestamps and lost packets tell.
    pub(super) const fn missing(&self) -> u64 {
        self.missing
    }

    /// Frames that the sender left out.
    pub(super) const fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Media time from ticks, to the nearest microsecond.
    pub(super) fn media_time(&self, ticks: u64) -> MediaTime {
        MediaTime::from_ticks(ticks, self.clock_rate)
    }

    /// Ticks from media time, to the nearest tick.
    fn ticks(&self, time: MediaTime) -> u64 {
        time.to_ticks(self.clock_rate)
    }

    fn begin(&mut self, start: Start, timestamp: u32, gap: u16) -> u64 {
        self.set_scale(start.scale);
        let since = self.since_start(start, timestamp).unwrap_or(0);
        if gap > 0 && since > 0 {
            // The first frames of all are lost; `since` counts them from the one that was to come.
            self.count(since.saturating_add(self.interval().unwrap_or(since)), gap);
        }
        let time = self.ticks(start.time).saturating_add(u64::from(since));
        // Time does not run back. Where it goes on is the sender's to say: it may have left frames
        // out, so that the next one is nearer than those before it were.
        let back = |newest: &u64| start.resumed && time <= *newest;
        let time =
            self.newest.filter(back).map_or(time, |newest| newest.saturating_add(u64::from(self.duration())));
        self.start = None;
        self.place(self.extend(timestamp), time)
    }

    fn place(&mut self, timestamp: u64, time: u64) -> u64 {
        self.mapping = Some(Mapping { timestamp, time });
        self.newest = Some(time);
        time
    }

    /// Extends a timestamp to 64 bits: the one nearest to the newest that is known.
    fn extend(&self, timestamp: u32) -> u64 {
        let reported = || self.sender_report.map(|(_, reported)| reported);
        let Some(known) = self.mapping.map(|mapping| mapping.timestamp).or_else(reported) else {
            return u64::from(timestamp);
        };
        let step = timestamp.wrapping_sub(known as u32) as i32;
        known.wrapping_add_signed(i64::from(step))
    }

    /// Counts the frames between two that came `step` apart. What was lost can hold as many frames
    /// as packets at most, and those no nearer to each other than all that came of late: a sender
    /// may leave some out, because of that very loss. The others were never sent.
    fn count(&mut self, step: u32, gap: u16) {
        let Some(interval) = self.interval() else { return };
        let of_late = self.steps.iter().copied().min().flatten().unwrap_or(0);
        let between = frames_between(step, interval);
        let missing = frames_between(step, interval.max(of_late)).min(u64::from(gap));
        self.missing = self.missing.saturating_add(missing);
        // The frame rate that is announced is no witness: GStreamer tells 50 of a clip with 25.
        if self.smallest.is_some() {
            self.skipped = self.skipped.saturating_add(between.saturating_sub(missing));
        }
    }

    /// The frame interval in ticks. Devices announce a higher frame rate than they have more often
    /// than a lower one.
    fn interval(&self) -> Option<u32> {
        self.nominal().max(self.smallest)
    }

    /// The announced frame interval in ticks, longer where the medium goes by slower. Where it goes
    /// by faster, frames are left out.
    fn nominal(&self) -> Option<u32> {
        let slow = u64::from(self.scale.magnitude().min(1_000)).max(1);
        let ticks = u64::from(self.described?).saturating_mul(1_000).checked_div(slow)?;
        u32::try_from(ticks).ok()
    }

    /// Forgets the steps that were seen at another scale.
    fn set_scale(&mut self, scale: Option<Scale>) {
        if let Some(scale) = scale.filter(|&scale| scale != self.scale) {
            (self.scale, self.smallest, self.steps) = (scale, None, [None; 3]);
        }
    }

    /// Ticks from the RTP time of a start to the timestamp of the newest packet, if the two can belong together.
    fn since_start(&self, start: Start, timestamp: u32) -> Option<u32> {
        since(start.rtp_time?, timestamp, self.plausible(start.first_sequence))
    }

    /// How many ticks the newest packet can be after the start whose first packet had the sequence number `first`.
    /// What the sender says of the start may come late, when packets of many frames are there already: at a high speed
    /// they are minutes.
    fn plausible(&self, first: Option<u16>) -> u64 {
        let packets = first.map_or(0, |first| self.sequence_number.wrapping_sub(first));
        let packets = if packets > i16::MAX as u16 { 0 } else { packets };
        let frames = u64::from(packets).saturating_mul(u64::from(self.interval().unwrap_or(0)));
        PLAUSIBLE_SECS.saturating_mul(u64::from(self.clock_rate)).saturating_add(frames)
    }
}

/// Ticks from one timestamp to another, if they are as many as are `plausible` at most.
fn since(from: u32, to: u32, plausible: u64) -> Option<u32> {
    let since = to.wrapping_sub(from);
    // A step of more than half of the range is one back.
    (since <= i32::MAX as u32 && u64::from(since) <= plausible).then_some(since)
}

/// Whether the packet belongs to `start`. A number far ahead is not believed.
fn reaches(start: &Start, sequence_number: u16) -> bool {
    let until = start.first_sequence.map_or(0, |first| first.wrapping_sub(sequence_number));
    !(1..MAX_AHEAD).contains(&until)
}

/// How many frames, `interval` apart, have their place between two that are `step` apart.
fn frames_between(step: u32, interval: u32) -> u64 {
    let intervals = step.saturating_add(interval / 2).checked_div(interval).unwrap_or(1);
    u64::from(intervals.saturating_sub(1))
}
