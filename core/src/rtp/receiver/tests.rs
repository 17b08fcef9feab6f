use super::*;
use crate::codec::Codec;
use crate::frame::{FrameEnd, Full, Integrity, TrackInfo};
use crate::rtp::rtcp::sr::SenderInfo;
use crate::rtp::rtcp::{CompoundRepr, reports};
use crate::rtp::{HEADER_LEN, Repr};
use crate::time::NtpTime;
use std::vec::Vec;

const RATE: u32 = 90_000;
/// Ticks from one frame to the next.
const FRAME: u32 = 3_600;
const WAIT: Duration = Duration::from_millis(50);
const NTP: NtpTime = NtpTime(0xE000_0000_0000_0000);

/// A frame that ended: its time, and whether all of it came.
type Seen = (MediaTime, bool);

#[derive(Default)]
struct Sink {
    clock_rate: u32,
    open: Option<MediaTime>,
    frames: Vec<Seen>,
    durations: Vec<Duration>,
}

impl FrameSink for Sink {
    fn describe(&mut self, _: u8, info: TrackInfo<'_>) {
        self.clock_rate = info.clock_rate;
    }

    fn begin(&mut self, _: u8, time: u64) -> Result<(), Full> {
        self.open = Some(MediaTime::from_ticks(time, self.clock_rate));
        Ok(())
    }

    fn write_at(&mut self, _: u8, _: usize, _: &[u8]) -> Result<(), Full> {
        Ok(())
    }

    fn finish(&mut self, track: u8, end: FrameEnd<'_>) {
        assert_eq!(track, 3);
        self.frames.extend(self.open.take().map(|pts| (pts, end.flags.integrity == Integrity::Complete)));
        self.durations.push(Duration::from_ticks(u64::from(end.duration), self.clock_rate));
    }

    fn abandon(&mut self, _: u8) {
        self.open = None;
    }
}

/// A receiver in virtual time, and a sender of frames of two packets.
struct Bench {
    receiver: Receiver,
    storage: Vec<u8>,
    sink: Sink,
    ssrc: u32,
    now: Instant,
}

fn config(clock_rate: u32) -> ReceiverConfig {
    ReceiverConfig {
        track: 3,
        codec: Codec::Jpeg,
        payload_type: 26,
        clock_rate,
        frame_interval: Some(FRAME),
        dimensions: None,
        ssrc: 99,
        cname: *b"0123456789abcdef",
    }
}

fn bench(slots: usize) -> Bench {
    let mut storage = std::vec![0; slots * 110];
    let mut receiver = Receiver::new(config(RATE), 1);
    receiver.set_delivery(Delivery::Datagrams { max_packet: 100, wait: WAIT }, &mut storage);
    Bench { receiver, storage, sink: Sink::default(), ssrc: 7, now: Instant::from_micros(1_000_000) }
}

fn at(millis: u64) -> MediaTime {
    MediaTime::from_micros(millis * 1_000)
}

/// Packet `half` of frame `frame`, whose packets are numbered in sequence.
fn packet(ssrc: u32, frame: u32, half: u32) -> Vec<u8> {
    let repr = Repr {
        payload_type: 26,
        marker: half == 1,
        sequence_number: (2 * frame + half) as u16,
        timestamp: frame.wrapping_mul(FRAME),
        ssrc,
    };
    let mut header = [0; HEADER_LEN];
    repr.emit(&mut header);
    let offset = (half * 20) as u8;
    [&header[..], &[0, 0, 0, offset, 1, 50, 2, 2], &[0x55; 20]].concat()
}

impl Bench {
    fn wait(&mut self, millis: u64) {
        self.now = self.now + Duration::from_millis(millis);
    }

    fn offer(&mut self, port: Port, bytes: &[u8]) -> Handled {
        self.receiver.handle_packet(self.now, port, bytes, &mut self.storage, &mut self.sink)
    }

    fn half(&mut self, frame: u32, half: u32) -> Handled {
        self.offer(Port::Rtp, &packet(self.ssrc, frame, half))
    }

    fn frame(&mut self, frame: u32) {
        for half in 0..2 {
            assert_eq!(self.half(frame, half), Handled::Media);
        }
    }

    fn timeout(&mut self) {
        self.receiver.handle_timeout(self.now, &mut self.storage, &mut self.sink);
    }

    fn control(&mut self, sender: Option<SenderInfo>, bye: bool) {
        let compound = CompoundRepr { ssrc: self.ssrc, sender, reports: &[], cname: b"x", bye };
        let mut bytes = [0; 100];
        let len = compound.emit(&mut bytes).unwrap();
        assert_eq!(self.offer(Port::Rtcp, &bytes[..len]), Handled::Control);
    }

    /// Sends the report that is due; returns what it says was lost, if it says anything.
    fn report(&mut self) -> Option<Option<i32>> {
        let report = self.receiver.poll_report(self.now)?;
        let lost = reports(report.bytes()).next().map(|block| block.cumulative_lost);
        report.commit();
        Some(lost)
    }

    fn report_after(&self) -> Duration {
        self.receiver.report_at().unwrap().since(self.now)
    }
}

#[test]
fn packets_become_frames_with_times() {
    let mut bench = bench(4);
    for frame in 10..13 {
        bench.frame(frame);
    }
    assert_eq!(bench.sink.frames, [(at(0), true), (at(40), true), (at(80), true)]);
    assert_eq!(bench.sink.durations, [Duration::from_millis(40); 3]);
    assert_eq!((bench.receiver.newest(), bench.receiver.has_open()), (Some(at(80)), false));
    assert_eq!(bench.receiver.last_activity(), Some(bench.now));
}

#[test]
fn reordered_packets_are_put_in_order() {
    let mut bench = bench(4);
    bench.half(0, 0);
    bench.half(1, 0);
    bench.half(1, 1);
    assert!(bench.sink.frames.is_empty());
    bench.half(0, 1);
    assert_eq!(bench.sink.frames, [(at(0), true), (at(40), true)]);
    let statistics = bench.receiver.statistics();
    assert_eq!((statistics.packets, statistics.reordered, statistics.lost), (4, 1, 0));
    assert_eq!(statistics.octets, 4 * 28);
}

#[test]
fn a_lost_packet_is_given_up_in_time() {
    let mut bench = bench(4);
    bench.half(0, 0);
    bench.frame(1);
    assert_eq!(bench.receiver.poll_at(), Some(bench.now + WAIT));
    bench.wait(49);
    bench.timeout();
    assert!(bench.sink.frames.is_empty());
    bench.wait(1);
    bench.timeout();
    assert_eq!(bench.sink.frames, [(at(0), false), (at(40), true)]);
    let statistics = bench.receiver.statistics();
    assert_eq!((statistics.frames_complete, statistics.frames_damaged, statistics.lost), (1, 1, 1));
}

#[test]
fn without_slots_every_gap_is_a_loss() {
    let mut bench = bench(0);
    bench.half(0, 0);
    bench.frame(1);
    assert_eq!(bench.sink.frames, [(at(0), false), (at(40), true)]);
    bench.half(0, 1);
    assert_eq!(bench.receiver.statistics().late, 1);
}

#[test]
fn numbers_and_timestamps_wrap() {
    let mut bench = bench(4);
    let first = u32::MAX / FRAME - 1;
    // Timestamps are counted on here; the sender's wrap with them.
    for frame in 0..4 {
        let mut bytes = packet(7, 0, 0);
        bytes[1] |= 0x80;
        bytes[2..4].copy_from_slice(&65_534u16.wrapping_add(frame as u16).to_be_bytes());
        let timestamp = (first * FRAME).wrapping_add(frame * FRAME);
        bytes[4..8].copy_from_slice(&timestamp.to_be_bytes());
        assert_eq!(bench.offer(Port::Rtp, &bytes), Handled::Media);
    }
    assert_eq!(bench.sink.frames, [0, 40, 80, 120].map(|millis| (at(millis), true)));
    assert_eq!(bench.receiver.statistics().lost, 0);
}

#[test]
fn another_source_needs_two_packets() {
    let mut bench = bench(4);
    bench.frame(0);
    bench.half(1, 0);
    bench.ssrc = 8;
    assert_eq!(bench.half(500, 0), Handled::Refused);
    assert_eq!(bench.half(500, 1), Handled::Media);
    bench.frame(501);
    // Time goes on where it was; what was open is finished. Of frame 500, the start is missing.
    let seen = [(at(0), true), (at(40), false), (at(120), true)];
    assert_eq!(bench.sink.frames, seen);
    assert_eq!(bench.receiver.statistics().packets, 6);
}

#[test]
fn an_announced_source_is_taken_at_once() {
    let mut bench = bench(4);
    bench.receiver.expect_source(Some(8));
    bench.frame(0);
    bench.ssrc = 8;
    bench.frame(500);
    assert_eq!(bench.sink.frames, [(at(0), true), (at(40), true)]);
}

#[test]
fn a_restart_of_the_sequence_goes_on() {
    let mut bench = bench(4);
    bench.frame(0);
    assert_eq!(bench.half(9_000, 0), Handled::Refused);
    assert_eq!(bench.half(9_000, 1), Handled::Media);
    bench.frame(9_001);
    assert_eq!(bench.sink.frames, [(at(0), true), (at(80), true)]);
}

#[test]
fn a_start_says_where_time_begins() {
    let mut bench = bench(4);
    let start = Start { time: at(5_000), ..Start::default() };
    bench.receiver.expect_start(start);
    assert!(bench.receiver.is_starting());
    bench.receiver.confirm_start(Start { rtp_time: Some(4 * FRAME), first_sequence: Some(8), ..start });
    // The first packet is overtaken, which its announced number tells.
    bench.half(4, 1);
    assert!(bench.sink.open.is_none() && !bench.receiver.is_starting());
    bench.half(4, 0);
    bench.frame(5);
    assert_eq!(bench.sink.frames, [(at(5_000), true), (at(5_040), true)]);
}

#[test]
fn packets_of_others_are_refused() {
    let mut bench = bench(4);
    let mut bytes = packet(7, 0, 0);
    bytes[1] = 96;
    assert_eq!(bench.offer(Port::Rtp, &bytes), Handled::Refused);
    assert_eq!(bench.offer(Port::Rtp, &bytes[..5]), Handled::Refused);
    bench.frame(0);
    assert_eq!(bench.half(0, 1), Handled::Refused);
    assert_eq!(bench.receiver.statistics().duplicates, 1);
}

#[test]
fn the_first_report_follows_the_first_packet() {
    let mut bench = bench(4);
    assert_eq!((bench.receiver.report_at(), bench.report()), (None, None));
    bench.frame(0);
    let after = bench.report_after();
    assert!((Duration::from_millis(250)..Duration::from_millis(750)).contains(&after), "{after:?}");
    bench.wait(749);
    bench.half(1, 1);
    assert_eq!(bench.report(), Some(Some(1)));
    assert_eq!(bench.report(), None);
}

/// 360 kbit divided by the bandwidth (RFC 3550, 6.2), but no less than a second, times 0.5 to 1.5.
#[test]
fn report_intervals_follow_the_bandwidth() {
    for (octets, ordered, mean) in
        [(0, false, 5_000), (1_000, true, 5_000), (18_000, false, 2_500), (90_000, false, 1_000)]
    {
        let mut bench = bench(4);
        if ordered {
            bench.receiver.set_delivery(Delivery::Ordered, &mut []);
        }
        bench.frame(0);
        bench.wait(1_000);
        bench.report().unwrap();
        bench.wait(1_000);
        bench.receiver.octets += octets;
        bench.receiver.request_report(bench.now);
        bench.report().unwrap();
        let after = bench.report_after();
        let mean = Duration::from_millis(mean);
        assert!(after >= mean.times(1, 2) && after <= mean.times(3, 2), "{after:?}, not {mean:?}");
    }
}

#[test]
fn a_report_that_is_dropped_stays_due() {
    let mut bench = bench(4);
    bench.receiver.request_report(bench.now);
    assert!(bench.receiver.poll_report(bench.now).is_some());
    // Before any packet it is empty.
    assert_eq!((bench.report(), bench.report()), (Some(None), None));
    bench.frame(0);
    let report = bench.receiver.poll_report(bench.now + Duration::from_secs(2)).unwrap();
    let mut out = [0; Report::MAX_LEN];
    assert_eq!(report.emit(&mut out[..20]), None);
    let len = report.emit(&mut out).unwrap();
    assert_eq!(&out[..len], report.bytes());
    assert_eq!(reports(&out[..len]).next().unwrap().highest_sequence, 1);
}

#[test]
fn reports_stop_until_asked_for() {
    let mut bench = bench(4);
    bench.frame(0);
    bench.receiver.stop_reports();
    bench.wait(10_000);
    bench.frame(1);
    assert_eq!(bench.report(), None);
    bench.receiver.request_report(bench.now);
    assert_eq!(bench.report(), Some(Some(0)));
}

#[test]
fn a_bye_ends_after_the_wait() {
    let mut bench = bench(4);
    bench.half(0, 0);
    bench.control(None, true);
    assert_eq!(bench.receiver.ends_at(), Some(bench.now + WAIT));
    bench.wait(60);
    bench.receiver.finish(&mut bench.storage, &mut bench.sink);
    assert_eq!(bench.sink.frames, [(at(0), false)]);
    bench.receiver.end_now(bench.now);
    assert_eq!(bench.receiver.ends_at(), Some(bench.now));
    bench.receiver.forget_bye();
    bench.receiver.end_now(bench.now);
    assert_eq!(bench.receiver.ends_at(), None);
    // Nothing overtakes what comes in order.
    bench.receiver.set_delivery(Delivery::Ordered, &mut []);
    bench.control(None, true);
    assert_eq!(bench.receiver.ends_at(), Some(bench.now));
}

#[test]
fn a_bye_of_another_source_is_ignored() {
    let mut bench = bench(4);
    bench.frame(0);
    bench.ssrc = 8;
    bench.control(None, true);
    assert_eq!(bench.receiver.ends_at(), None);
}

/// Video at 90 kHz and audio at 44.1 kHz, whose media times and RTP times have nothing in common.
#[test]
fn sender_reports_put_two_tracks_on_one_clock() {
    let (mut video, mut audio) = (bench(4), bench(4));
    audio.receiver = Receiver::new(config(44_100), 2);
    let info = |ntp, rtp_timestamp| Some(SenderInfo { ntp, rtp_timestamp, packets: 1, octets: 1 });
    video.frame(100);
    audio.frame(1);
    assert_eq!(video.receiver.clock(), None);
    // The audio's report is of half a second later.
    video.control(info(NTP, 100 * FRAME + 9_000), false);
    audio.control(info(NtpTime(NTP.0 + (1 << 31)), FRAME + 44_100), false);
    let (video, audio) = (video.receiver.clock().unwrap(), audio.receiver.clock().unwrap());
    assert_eq!((video.ntp, video.time, audio.time), (NTP, 9_000, 44_100));
    // The video's 0.1 s is the audio's 0.5 s.
    assert_eq!(video.map(RATE, 9_000, audio, 44_100), Some(22_050));
    assert_eq!(audio.map(44_100, 22_050, video, RATE), Some(9_000));
    let origin = NtpTime(NTP.0 - (1 << 32));
    let common = Some(MediaTime::from_micros(1_000_000));
    assert_eq!(video.media_time(RATE, 9_000, origin), common);
    assert_eq!(audio.media_time(44_100, 22_050, origin), common);
}

#[test]
fn reports_are_found_on_the_media_port() {
    let mut bench = bench(4);
    bench.frame(0);
    let compound = CompoundRepr { ssrc: 7, sender: None, reports: &[], cname: b"x", bye: true };
    let mut bytes = [0; 100];
    let len = compound.emit(&mut bytes).unwrap();
    assert_eq!(bench.offer(Port::Rtp, &bytes[..len]), Handled::Control);
    assert!(bench.receiver.ends_at().is_some());
}

#[test]
fn empty_packets_pass_their_losses_on() {
    let mut bench = bench(0);
    bench.half(0, 0);
    // A packet without a payload comes in place of the frame's rest, which is lost.
    bench.offer(Port::Rtp, &packet(7, 1, 0)[..HEADER_LEN]);
    bench.half(1, 1);
    assert_eq!(bench.sink.frames[0], (at(0), false));
}
