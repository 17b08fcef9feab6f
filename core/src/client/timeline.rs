//! From the RTP timestamps of one track to media time, and from their steps to the frames that
//! are missing.
use crate::rtsp::Scale;
use crate::sdp::FrameRate;
use crate::time::{Duration, MediaTime};

/// The first frame after PLAY comes this long after the RTP time in RTP-Info at most; else that is
/// not believed.
const PLAUSIBLE: Duration = Duration::from_secs(10);

/// So many packets from before a PLAY, or fewer, still come after its reply.
const MAX_AHEAD: u16 = 1_000;

/// Where a PLAY goes on, as far as that is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Start {
    pub(super) pts: MediaTime,
    /// What RTP-Info says is the RTP time of `pts`.
    pub(super) rtptime: Option<u32>,
    /// The first packet that belongs to it, where others still come from before.
    pub(super) from_seq: Option<u16>,
    /// It is where the media were paused: time must not run back, whatever is said.
    pub(super) resumed: bool,
    /// How fast the medium goes by; `None`: as before.
    pub(super) scale: Option<Scale>,
}

#[derive(Clone, Copy, Debug)]
struct Anchor {
    pts: MediaTime,
    /// Since `pts`, which goes beyond the 32 bits of a timestamp.
    ticks: u64,
    /// The newest timestamp.
    timestamp: u32,
}

/// The clock of one track.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timeline {
    clock_rate: u32,
    /// The frame interval by the session description, in ticks.
    described: Option<u32>,
    scale: Scale,
    /// The smallest step between frames without a loss between.
    smallest: Option<u32>,
    /// The last steps, the newest in front.
    steps: [Option<u32>; 3],
    anchor: Option<Anchor>,
    start: Option<Start>,
    /// The one after it, which was granted before a packet of `start` came.
    next: Option<Start>,
    /// The newest frame's time.
    newest: Option<MediaTime>,
    pub(super) missing: u64,
    pub(super) skipped: u64,
}

impl Timeline {
    pub(super) fn new(clock_rate: u32, frame_rate: Option<FrameRate>) -> Self {
        let described = frame_rate
            .and_then(|rate| u64::from(clock_rate).saturating_mul(1_000).checked_div(u64::from(rate.0)))
            .and_then(|ticks| u32::try_from(ticks).ok())
            .filter(|&ticks| ticks > 0);
        Self {
            clock_rate,
            described,
            scale: Scale::NORMAL,
            smallest: None,
            steps: [None; 3],
            anchor: None,
            start: None,
            next: None,
            newest: None,
            missing: 0,
            skipped: 0,
        }
    }

    /// A PLAY was asked for or granted: the next frame is the first one of it.
    pub(super) fn play(&mut self, start: Start) {
        self.next = None;
        self.start = match self.start {
            // Nothing has come of the place from where it goes on: what came is of another one.
            Some(before) if start.resumed && !before.resumed => {
                Some(Start { pts: before.pts, resumed: false, ..start })
            }
            _ => Some(start),
        };
    }

    /// A PLAY from another place, while playing, was granted. Packets from before it may still come.
    pub(super) fn jump(&mut self, start: Start) {
        match self.start {
            Some(_) if start.from_seq.is_some() && !start.resumed => self.next = Some(start),
            _ => self.play(start),
        }
    }

    /// A PLAY was granted, of which packets may have overtaken the reply. Its first one has the
    /// number `seq`, if that is known.
    pub(super) fn granted(&mut self, start: Start, seq: Option<u16>) {
        let rate = self.clock_rate;
        let Some(anchor) = self.anchor.as_mut().filter(|_| self.start.is_none()) else {
            let resumed = start.resumed && self.start.is_none_or(|asked| asked.resumed);
            self.start = Some(Start { resumed, from_seq: seq, ..start });
            return;
        };
        let of_before =
            |rtptime: &u32| anchor.timestamp != *rtptime && since(rate, anchor.timestamp, *rtptime).is_some();
        if start.rtptime.as_ref().is_some_and(of_before) {
            // What has come is from before this PLAY: the server did not know yet that it was over.
            self.start = Some(Start { from_seq: seq, ..start });
            return;
        }
        let since = start.rtptime.and_then(|rtptime| since(rate, rtptime, anchor.timestamp));
        // Time does not run back.
        let back = |since: u64| start.pts + span(rate, since) < anchor.pts + span(rate, anchor.ticks);
        if let Some(since) = since.map(u64::from).filter(|since| !start.resumed || !back(*since)) {
            (anchor.pts, anchor.ticks) = (start.pts, since);
        }
        self.set_scale(start.scale);
    }

    /// Another source, or its timestamps start anew: time goes on all the same.
    pub(super) fn interrupt(&mut self) {
        self.anchor = None;
        self.start = self.next.take().or(self.start);
        if self.start.is_none() && self.newest.is_some() {
            self.start = Some(Start { resumed: true, ..Start::default() });
        }
    }

    /// Takes in a packet, in order, with the number of those lost just before it; returns when its
    /// frame is to be shown.
    pub(super) fn on_packet(&mut self, timestamp: u32, sequence_number: u16, gap: u16) -> MediaTime {
        if let Some(next) = self.next.take_if(|next| reaches(next, sequence_number)) {
            self.start = Some(next);
        }
        let same = self.anchor.is_some_and(|anchor| anchor.timestamp == timestamp);
        if let Some(start) =
            self.start.filter(|start| !same && (self.anchor.is_none() || reaches(start, sequence_number)))
        {
            return self.begin(start, timestamp, gap);
        }
        let Some(anchor) = self.anchor else {
            return self.begin(Start::default(), timestamp, gap);
        };
        let step = timestamp.wrapping_sub(anchor.timestamp);
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
        let ticks = anchor.ticks.saturating_add(u64::from(step));
        self.anchor = Some(Anchor { ticks, timestamp, ..anchor });
        self.show(anchor.pts + self.span(ticks))
    }

    /// For how long a frame is shown; zero where that is not known.
    pub(super) fn duration(&self) -> Duration {
        let nominal = self.nominal().map(|nominal| nominal.max(self.smallest.unwrap_or(0)));
        nominal.or(self.steps[0]).map_or(Duration::ZERO, |ticks| self.span(u64::from(ticks)))
    }

    /// When the newest frame is shown, of all that came.
    pub(super) const fn newest(&self) -> Option<MediaTime> {
        self.newest
    }

    fn begin(&mut self, start: Start, timestamp: u32, gap: u16) -> MediaTime {
        self.set_scale(start.scale);
        let since = start.rtptime.and_then(|rtptime| since(self.clock_rate, rtptime, timestamp)).unwrap_or(0);
        if gap > 0 && since > 0 {
            // The first frames of all are lost; `since` counts them from the one that was to come.
            self.count(since.saturating_add(self.interval().unwrap_or(since)), gap);
        }
        let ticks = u64::from(since);
        let mut anchor = Anchor { pts: start.pts, ticks, timestamp };
        // Time does not run back. Where it goes on is the server's to say: it may have left frames out,
        // so that the next one is nearer than those before it were.
        let back = |newest: &MediaTime| start.resumed && anchor.pts + self.span(ticks) <= *newest;
        if let Some(newest) = self.newest.filter(back) {
            anchor = Anchor { pts: newest + self.duration(), ticks: 0, timestamp };
        }
        (self.anchor, self.start) = (Some(anchor), None);
        self.show(anchor.pts + self.span(anchor.ticks))
    }

    fn show(&mut self, pts: MediaTime) -> MediaTime {
        self.newest = Some(pts);
        pts
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

    /// The frame interval by the session description, in ticks, longer where the medium goes by
    /// slower: faster, frames are left out.
    fn nominal(&self) -> Option<u32> {
        let slow = u64::from(self.scale.magnitude().min(1_000)).max(1);
        let ticks = u64::from(self.described?).saturating_mul(1_000).checked_div(slow)?;
        u32::try_from(ticks).ok()
    }

    /// What was seen of steps is of another scale.
    fn set_scale(&mut self, scale: Option<Scale>) {
        if let Some(scale) = scale.filter(|&scale| scale != self.scale) {
            (self.scale, self.smallest, self.steps) = (scale, None, [None; 3]);
        }
    }

    fn span(&self, ticks: u64) -> Duration {
        span(self.clock_rate, ticks)
    }
}

/// Whether the packet belongs to what PLAY asked for. A number far ahead is not believed.
fn reaches(start: &Start, sequence_number: u16) -> bool {
    let until = start.from_seq.map_or(0, |seq| seq.wrapping_sub(sequence_number));
    !(1..MAX_AHEAD).contains(&until)
}

/// How many frames, `interval` apart, have their place between two that are `step` apart.
fn frames_between(step: u32, interval: u32) -> u64 {
    let intervals = step.saturating_add(interval / 2).checked_div(interval).unwrap_or(1);
    u64::from(intervals.saturating_sub(1))
}

/// Ticks from RTP time `rtptime` to `timestamp`, if the two can belong together.
fn since(clock_rate: u32, rtptime: u32, timestamp: u32) -> Option<u32> {
    let since = timestamp.wrapping_sub(rtptime);
    (span(clock_rate, u64::from(since)) <= PLAUSIBLE).then_some(since)
}

/// For how long so much of a medium is played.
pub(super) fn played(media: Duration, scale: Scale) -> Duration {
    media.scaled(1_000, u64::from(scale.magnitude()))
}

/// A number of ticks as time, to the nearest microsecond.
pub(super) fn span(clock_rate: u32, ticks: u64) -> Duration {
    let rate = u64::from(clock_rate).max(1);
    let whole = Duration::from_secs(ticks.checked_div(rate).unwrap_or(0));
    let rest = ticks.checked_rem(rate).unwrap_or(0).saturating_mul(1_000_000).saturating_add(rate / 2);
    whole + Duration::from_micros(rest.checked_div(rate).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec;

    const SECOND: u32 = 90_000;

    fn at(millis: u64) -> MediaTime {
        MediaTime::ZERO + Duration::from_millis(millis)
    }

    fn timeline(fps: Option<u32>) -> Timeline {
        Timeline::new(SECOND, fps.map(|fps| FrameRate(fps * 1_000)))
    }

    fn start(millis: u64) -> Start {
        Start { pts: at(millis), ..Start::default() }
    }

    #[test]
    fn time_goes_on_when_the_timestamp_wraps() {
        let mut timeline = timeline(None);
        timeline.play(start(500));
        assert_eq!(timeline.on_packet(u32::MAX - 899, 1, 0), at(500));
        assert_eq!(timeline.on_packet(u32::MAX - 899, 2, 0), at(500));
        assert_eq!(timeline.on_packet(900, 3, 0), at(520));
        let mut timestamp = 900u32;
        for n in 1..100_000u64 {
            timestamp = timestamp.wrapping_add(SECOND);
            assert_eq!(timeline.on_packet(timestamp, 4, 0), at(520 + n * 1_000));
        }
    }

    #[test]
    fn an_rtptime_that_is_plausible_places_a_stream_whose_first_frames_are_lost() {
        let mut timeline = timeline(Some(25));
        timeline.play(Start { rtptime: Some(1_000), ..start(2_000) });
        assert_eq!(timeline.on_packet(1_000 + 3 * 3_600, 1, 40), at(2_120));
        assert_eq!((timeline.missing, timeline.skipped), (3, 0));
    }

    #[test]
    fn an_rtptime_that_is_wrong_or_zero_does_not_matter() {
        for rtptime in [None, Some(0), Some(2_000_000_000), Some(u32::MAX)] {
            let mut timeline = timeline(Some(25));
            timeline.play(Start { rtptime, ..start(2_000) });
            assert_eq!(timeline.on_packet(1_500_000_000, 1, 0), at(2_000));
        }
    }

    #[test]
    fn packets_that_overtake_the_reply_are_placed_by_it_afterwards() {
        let mut timeline = timeline(Some(25));
        timeline.play(start(0));
        assert_eq!(timeline.on_packet(10_000, 1, 0), at(0));
        timeline.granted(Start { rtptime: Some(10_000), ..start(1_000) }, None);
        assert_eq!(timeline.on_packet(13_600, 2, 0), at(1_040));
    }

    #[test]
    fn what_is_still_from_before_a_play_does_not_set_its_clock() {
        let mut timeline = timeline(Some(25));
        timeline.play(start(0));
        assert_eq!(timeline.on_packet(10_000, 7, 0), at(0));
        timeline.granted(Start { rtptime: Some(17_200), ..start(60_000) }, Some(9));
        assert_eq!(timeline.on_packet(13_600, 8, 0), at(40));
        assert_eq!(timeline.on_packet(17_200, 9, 0), at(60_000));
    }

    #[test]
    fn a_server_that_resumes_later_than_the_next_frame_is_believed() {
        let resumed = |millis| Start { resumed: true, ..start(millis) };
        let mut timeline = timeline(Some(25));
        timeline.play(start(0));
        timeline.on_packet(0, 1, 0);
        // It leaves out four of five: the distance is no bound to the next one.
        assert_eq!(timeline.on_packet(5 * 3_600, 2, 0), at(200));
        timeline.play(resumed(280));
        assert_eq!(timeline.on_packet(7 * 3_600, 3, 0), at(280));
        // The same, where the packet overtakes the reply.
        timeline.play(resumed(0));
        assert_eq!(timeline.on_packet(12 * 3_600, 4, 0), at(480));
        timeline.granted(Start { rtptime: Some(12 * 3_600), ..resumed(600) }, Some(4));
        assert_eq!(timeline.on_packet(13 * 3_600, 5, 0), at(640));
        timeline.granted(Start { rtptime: Some(13 * 3_600), ..resumed(500) }, Some(5));
        assert_eq!(timeline.on_packet(14 * 3_600, 6, 0), at(680));
    }

    #[test]
    fn the_rest_of_a_frame_from_before_a_pause_does_not_begin_what_comes_after_it() {
        let mut timeline = timeline(Some(25));
        timeline.play(start(0));
        timeline.on_packet(0, 1, 0);
        let resumed = |millis| Start { resumed: true, ..start(millis) };
        timeline.play(resumed(0));
        timeline.granted(Start { rtptime: Some(7_200), ..resumed(80) }, Some(4));
        // Its first packet is lost.
        assert_eq!(timeline.on_packet(3_600, 3, 1), at(40));
        assert_eq!(timeline.on_packet(7_200, 4, 0), at(80));
    }

    #[test]
    fn a_pause_right_after_a_seek_goes_on_from_there() {
        let mut timeline = timeline(Some(25));
        timeline.play(start(0));
        timeline.on_packet(0, 1, 0);
        assert_eq!(timeline.on_packet(90_000, 2, 0), at(1_000));
        timeline.play(Start { from_seq: Some(3), ..start(400) });
        timeline.play(Start { resumed: true, ..start(0) });
        timeline.granted(Start { resumed: true, rtptime: Some(93_600), ..start(440) }, Some(3));
        assert_eq!(timeline.on_packet(93_600, 3, 0), at(440));
        // The same, where the packet overtakes the reply.
        timeline.play(Start { from_seq: Some(4), ..start(200) });
        timeline.play(Start { resumed: true, ..start(0) });
        assert_eq!(timeline.on_packet(97_200, 4, 0), at(200));
    }

    #[test]
    fn a_seek_takes_effect_at_the_packet_that_rtp_info_names() {
        let mut timeline = timeline(Some(25));
        timeline.play(start(0));
        timeline.on_packet(10_000, 7, 0);
        timeline.play(Start { from_seq: Some(10), ..start(60_000) });
        assert_eq!(timeline.on_packet(13_600, 9, 0), at(40));
        assert_eq!(timeline.on_packet(17_200, 10, 0), at(60_000));
        assert_eq!(timeline.on_packet(20_800, 11, 0), at(60_040));
    }

    #[test]
    fn what_was_on_its_way_before_a_seek_is_of_the_play_before_it() {
        // The first PLAY of all, and one after another.
        for played in [false, true] {
            let mut timeline = timeline(Some(25));
            if played {
                timeline.on_packet(10_000, 1, 0);
            }
            timeline.play(Start { rtptime: Some(90_000), from_seq: Some(3), ..start(2_000) });
            timeline.jump(Start { rtptime: Some(93_600), from_seq: Some(6), ..start(9_000) });
            // Its first packet is lost, which those after it waited for.
            assert_eq!(timeline.on_packet(90_000, 4, 1), at(2_000));
            assert_eq!(timeline.on_packet(90_000, 5, 0), at(2_000));
            assert_eq!(timeline.on_packet(93_600, 6, 0), at(9_000));
            assert_eq!(timeline.on_packet(97_200, 7, 0), at(9_040));
        }
    }

    #[test]
    fn a_seek_stands_where_nothing_comes_of_the_play_before_it() {
        for interrupted in [false, true] {
            let mut timeline = timeline(Some(25));
            timeline.play(start(2_000));
            timeline.jump(Start { from_seq: Some(6), ..start(9_000) });
            if interrupted {
                timeline.interrupt();
            }
            assert_eq!(timeline.on_packet(93_600, if interrupted { 900 } else { 6 }, 0), at(9_000));
        }
    }

    #[test]
    fn time_does_not_run_back_when_a_server_resumes_early_or_starts_anew() {
        let mut timeline = timeline(Some(25));
        timeline.play(start(0));
        timeline.on_packet(0, 1, 0);
        assert_eq!(timeline.on_packet(3_600, 2, 0), at(40));
        timeline.play(Start { resumed: true, ..start(10) });
        assert_eq!(timeline.on_packet(7_200, 3, 0), at(80));
        assert_eq!(timeline.on_packet(5, 4, 0), at(120));
        timeline.interrupt();
        assert_eq!(timeline.on_packet(1_000_000_000, 900, 0), at(160));
    }

    #[test]
    fn frames_between_two_are_missing_only_if_packets_are() {
        let mut timeline = timeline(None);
        timeline.on_packet(0, 1, 0);
        timeline.on_packet(3_600, 2, 0);
        timeline.on_packet(4 * 3_600, 20, 17);
        assert_eq!((timeline.missing, timeline.skipped), (2, 0));
        timeline.on_packet(7 * 3_600, 21, 0);
        assert_eq!((timeline.missing, timeline.skipped), (2, 2));
        timeline.on_packet(8 * 3_600 + 100, 25, 3);
        assert_eq!((timeline.missing, timeline.skipped), (2, 2));
        assert_eq!(timeline.duration(), timeline.span(3_700));
    }

    #[test]
    fn frames_that_a_sender_leaves_out_because_of_loss_are_not_missing() {
        let mut timeline = timeline(Some(25));
        let mut timestamp = 0;
        let mut send = |steps: u32, gap| {
            timestamp += steps * 3_600;
            timeline.on_packet(timestamp, 0, gap);
            (timeline.missing, timeline.skipped)
        };
        send(1, 0);
        send(1, 0);
        // Every second frame from here on: three later, that is known.
        assert_eq!([send(2, 1), send(2, 1), send(2, 1)], [(1, 0), (2, 0), (3, 0)]);
        assert_eq!([send(2, 3), send(2, 3)], [(3, 1), (3, 2)]);
        // One of those that were sent is lost as a whole.
        assert_eq!(send(4, 9), (4, 4));
        // Every frame again, of which one is lost.
        assert_eq!([send(1, 1), send(2, 4)], [(4, 4), (5, 4)]);
    }

    #[test]
    fn a_camera_that_announces_thirty_frames_and_sends_fifteen_misses_none() {
        let mut timeline = timeline(Some(30));
        for n in 0..10 {
            timeline.on_packet(n * 6_000, n as u16 * 2, 0);
        }
        timeline.on_packet(10 * 6_000, 25, 6);
        assert_eq!((timeline.missing, timeline.skipped), (0, 0));
        assert_eq!(timeline.duration(), Duration::from_micros(66_667));
    }

    proptest! {
        #[test]
        fn any_packets_are_taken(rate: u32, fps in prop::option::of(1u32..), packets: Vec<(u32, u16, u16, u8, u64)>) {
            let mut timeline = Timeline::new(rate, fps.map(FrameRate));
            for (timestamp, seq, gap, op, pts) in packets {
                let start = Start {
                    pts: MediaTime::from_micros(pts),
                    rtptime: (op & 1 > 0).then_some(timestamp),
                    from_seq: (op & 2 > 0).then_some(seq),
                    resumed: op & 4 > 0,
                    scale: Scale::from_thousandths(i32::from(op) * 100),
                };
                match op % 7 {
                    0 => timeline.play(start),
                    1 => timeline.granted(start, (op & 8 > 0).then_some(seq)),
                    2 => timeline.interrupt(),
                    3 => timeline.jump(start),
                    _ => {}
                }
                let pts = timeline.on_packet(timestamp, seq, gap);
                prop_assert_eq!(timeline.newest(), Some(pts));
                let _ = timeline.duration();
            }
        }
    }
}
