//! A sender in virtual time, with a store of frames and without RTSP.
use super::*;
use crate::codec::Codec;
use crate::codec::jpeg::{Header, Sampling};
use crate::frame::{Flags, Frame, Integrity, TrackInfo};
use crate::rtp::Packet;
use crate::time::{Duration, NtpTime};
use std::string::String;
use std::vec;
use std::vec::Vec;

/// A JPEG file with a scan of `scan_len` bytes, none of which is 0xFF.
fn picture(scan_len: usize) -> Vec<u8> {
    let (luma, chroma) = ([16; 64], [17; 64]);
    let sampling = Sampling::Yuv420;
    let header =
        Header { width: 64, height: 48, sampling, restart_interval: 0, luma: &luma, chroma: &chroma };
    let mut file = vec![0; Header::MAX_LEN];
    let info = header.emit(&mut file).unwrap();
    file.truncate(info.scan as usize);
    file.extend((0..scan_len).map(|n| (n % 251) as u8));
    file.extend([0xFF, 0xD9]);
    file
}

/// A track whose frames are all of one picture. What they are to each other is told by letters: `x` needs no
/// other and is not needed, `I`, `P` and `b` are what they are in H.264, `-` is unusable, and `?` is not
/// there yet.
struct Store {
    picture: Vec<u8>,
    kinds: Vec<char>,
    clock_rate: u32,
    /// Ticks from one frame to the next.
    step: u64,
    /// The first frame that is not gone.
    first: u64,
    ended: bool,
}

impl Store {
    /// 25 frames a second, each of two packets.
    fn of(kinds: &str) -> Self {
        let kinds = kinds.chars().collect();
        Self { picture: picture(2_000), kinds, clock_rate: 90_000, step: 3_600, first: 0, ended: true }
    }

    fn repeated(kinds: &str, times: usize) -> Self {
        Self::of(&kinds.repeat(times))
    }
}

impl FrameStore for Store {
    fn info(&self, _: TrackId) -> Option<TrackInfo<'_>> {
        Some(TrackInfo::new(Codec::Jpeg, self.clock_rate))
    }

    fn frame(&self, _: TrackId, id: FrameId) -> Result<Frame<'_>, Miss> {
        if id.0 < self.first {
            let newest = self.kinds.iter().rposition(|kind| "xI".contains(*kind)).unwrap();
            return Err(Miss::Overrun { newest: FrameId(newest as u64) });
        }
        let (sync, droppable) = match self.kinds.get(id.0 as usize) {
            Some('x') => (true, true),
            Some('I') => (true, false),
            Some('P') => (false, false),
            Some('b') => (false, true),
            Some('-') => return Err(Miss::Unusable),
            None if self.ended => return Err(Miss::End),
            _ => return Err(Miss::NotYet),
        };
        let flags = Flags { sync, droppable, integrity: Integrity::Complete };
        let (time, duration) = (id.0 * self.step, self.step as u32);
        Ok(Frame { data: &self.picture, time, duration, flags, missing: &[] })
    }

    fn seek(&self, _: TrackId, to: Seek) -> Result<FrameId, Miss> {
        Ok(FrameId(match to {
            Seek::Live => self.kinds.len() as u64 - 1,
            Seek::To(time) => time.to_ticks(self.clock_rate).div_ceil(self.step).min(self.kinds.len() as u64),
        }))
    }

    fn time(&self, _: TrackId, id: FrameId) -> Result<u64, Miss> {
        self.kinds.get(id.0 as usize).map(|_| id.0 * self.step).ok_or(Miss::End)
    }
}

const START: Instant = Instant::from_micros(1_000_000_000);
const CONFIG: SenderConfig = SenderConfig {
    track: TrackId { media: 0, track: 0 },
    framing: Framing::Datagram,
    max_packet: 1_400,
    late: Duration::from_secs(1),
    adapt: true,
    live_burst: SenderConfig::DEFAULT_LIVE_BURST,
    cname: 7,
    ssrc: 0x1234_5678,
    sequence_number: 0xDEF0,
    timestamp: 0x5678_9ABC,
};

struct Bench {
    sender: Sender,
    store: Store,
    at: Instant,
    /// The packets that were sent, and when.
    sent: Vec<(Duration, Vec<u8>)>,
    events: Vec<SenderEvent>,
}

impl Bench {
    fn of(store: Store) -> Self {
        Self::with(store, CONFIG)
    }

    fn with(store: Store, config: SenderConfig) -> Self {
        let now = Now { at: START, ntp: NtpTime(0) };
        Self { sender: Sender::new(now, config), store, at: START, sent: Vec::new(), events: Vec::new() }
    }

    fn now(&self) -> Now {
        Now { at: self.at, ntp: NtpTime(self.at.as_micros()) }
    }

    fn play(&mut self, play: Play) -> Result<MediaTime, Miss> {
        self.sender.play(play, &self.store)
    }

    /// Sends what is due.
    fn turn(&mut self) {
        let now = self.now();
        while let Some(mut transmit) = self.sender.poll_transmit(now, &self.store) {
            let mut buffer = vec![0; 65_507];
            let batch = transmit.emit(64, &mut buffer).unwrap();
            let packets = buffer[..batch.len].chunks(batch.segment);
            self.sent.extend(packets.map(|packet| (self.at.since(START), packet.to_vec())));
            transmit.commit(batch.count);
        }
        self.events.extend(core::iter::from_fn(|| self.sender.poll_event()));
    }

    /// Lets time pass, and sends whenever something is due.
    fn run(&mut self, span: Duration) {
        let end = self.at + span;
        self.turn();
        // Bounded: each round is a wake-up.
        for _ in 0..100_000 {
            let due = self.sender.poll_at(&self.store).filter(|due| *due <= end);
            let Some(due) = due else { break };
            self.at = self.at.max(due);
            self.turn();
        }
        self.at = end;
    }

    /// When each frame began to be sent, in milliseconds, and its RTP time from the first one's.
    fn frames(&self) -> Vec<(u64, u32)> {
        let packets: Vec<_> = self.sent.iter().filter(|(_, bytes)| bytes[1] & 0x7F == 26).collect();
        let Some((_, first)) = packets.first() else { return Vec::new() };
        let base = Packet::new_checked(&first[..]).unwrap().timestamp();
        let mut frames: Vec<(u64, u32)> = Vec::new();
        for (at, bytes) in packets {
            let time = Packet::new_checked(&bytes[..]).unwrap().timestamp().wrapping_sub(base);
            if frames.last().is_none_or(|(_, last)| *last != time) {
                frames.push((at.as_millis(), time));
            }
        }
        frames
    }

    /// The kinds of the frames that were sent.
    fn kinds(&self) -> String {
        let base = self.store.first;
        let kinds = self.frames().into_iter().map(|(_, time)| base + u64::from(time) / self.store.step);
        kinds.map(|n| self.store.kinds[n as usize]).collect()
    }

    fn rtcp(&self) -> usize {
        self.sent.iter().filter(|(_, bytes)| bytes[1] == 200).count()
    }

    fn report(&mut self, fraction_lost: u8, cumulative_lost: i32, highest_sequence: u32) {
        let block = rtcp::ReportBlock {
            ssrc: CONFIG.ssrc,
            fraction_lost,
            cumulative_lost,
            highest_sequence,
            ..rtcp::ReportBlock::default()
        };
        let compound =
            rtcp::CompoundRepr { ssrc: 9, sender: None, reports: &[block], cname: b"viewer", bye: false };
        let mut report = vec![0; compound.buffer_len()];
        compound.emit(&mut report).unwrap();
        self.sender.handle_rtcp(self.now(), &report);
    }
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

const FROM_START: Play =
    Play { from: Some(Seek::To(MediaTime::ZERO)), stop: None, pace: Pace::NORMAL, live: false };

fn at_scale(thousandths: i32) -> Play {
    let scale = Scale::from_thousandths(thousandths).unwrap();
    Play { pace: Pace::nearest(scale, Speed::NORMAL, 1_000), ..FROM_START }
}

#[test]
fn frames_leave_when_they_are_shown() {
    let mut bench = Bench::of(Store::of("xxxxx"));
    assert_eq!(bench.play(FROM_START), Ok(MediaTime::ZERO));
    let (sequence, time) = bench.sender.next_rtp(bench.now(), &bench.store);
    bench.run(millis(1_000));
    let expected = [(0, 0), (40, 3_600), (80, 7_200), (120, 10_800), (160, 14_400)];
    assert_eq!(bench.frames(), expected);
    let packets: Vec<_> = bench.sent.iter().filter(|(_, bytes)| bytes[1] & 0x7F == 26).collect();
    for ((_, packet), n) in packets.iter().zip(0u16..) {
        let packet = Packet::new_checked(&packet[..]).unwrap();
        assert_eq!(packet.sequence_number(), sequence.wrapping_add(n));
        assert_eq!(packet.ssrc(), CONFIG.ssrc);
    }
    assert_eq!(Packet::new_checked(&packets[0].1[..]).unwrap().timestamp(), time);
    assert_eq!(bench.events, [SenderEvent::Ended]);
    assert_eq!(bench.sent.last().unwrap().0, millis(200), "BYE when the last one was shown");
    assert_eq!((bench.sender.counters().frames, bench.sender.counters().packets), (5, 10));
}

#[test]
fn rtp_time_has_no_drift_over_a_day() {
    const RATE: u32 = 44_100;
    let frames = u64::from(RATE) * 86_400 / 1_024;
    let mut store = Store { clock_rate: RATE, step: 1_024, picture: picture(10), ..Store::of("") };
    store.kinds = vec!['x'; frames as usize];
    let mut bench = Bench::of(store);
    bench.play(FROM_START).unwrap();
    let (_, base) = bench.sender.next_rtp(bench.now(), &bench.store);
    let mut buffer = [0; 1_400];
    let mut sent = 0;
    while sent < frames {
        let now = bench.now();
        while let Some(mut transmit) = bench.sender.poll_transmit(now, &bench.store) {
            let batch = transmit.emit(1, &mut buffer).unwrap();
            if transmit.port() == crate::rtp::Port::Rtp {
                let packet = Packet::new_checked(&buffer[..batch.len]).unwrap();
                assert_eq!(packet.timestamp(), base.wrapping_add((sent * 1_024) as u32));
                let due = (u128::from(sent) * 1_024_000_000 + u128::from(RATE / 2)) / u128::from(RATE);
                assert_eq!(u128::from(now.at.since(START).as_micros()), due);
                sent += 1;
            }
            transmit.commit(1);
        }
        bench.at = bench.sender.poll_at(&bench.store).unwrap();
    }
}

#[test]
fn other_scales_round_each_frame_alone() {
    let mut bench = Bench::of(Store { step: 1_001, ..Store::repeated("x", 3_000) });
    bench.play(at_scale(300)).unwrap();
    bench.run(Duration::from_secs(60));
    let frames = bench.frames();
    assert!(frames.len() > 1_000);
    for ((_, time), n) in frames.iter().zip(0u64..) {
        assert_eq!(u64::from(*time), n * 1_001 * 1_000 / 300, "{n}");
    }
}

#[test]
fn play_waits_for_its_first_frame() {
    let mut bench = Bench::of(Store::of("?xxx"));
    assert_eq!(bench.play(FROM_START), Ok(MediaTime::ZERO), "its time is known");
    assert_eq!(bench.sender.poll_at(&bench.store), None);
    let wanted = bench.sender.wanted().unwrap();
    assert_eq!((wanted.frame, wanted.by, wanted.backwards), (FrameId(0), Instant::ZERO, false));
    bench.run(millis(500));
    assert!(bench.sent.is_empty());
    bench.store.kinds[0] = 'x';
    bench.run(millis(500));
    assert_eq!(bench.frames(), [(500, 0), (540, 3_600), (580, 7_200), (620, 10_800)]);
}

#[test]
fn a_newer_play_replaces_one_that_waits() {
    let mut bench = Bench::of(Store::of("?xx"));
    bench.play(FROM_START).unwrap();
    bench.run(millis(100));
    let from = Some(Seek::To(MediaTime::from_micros(40_000)));
    assert_eq!(bench.play(Play { from, ..FROM_START }), Ok(MediaTime::from_micros(40_000)));
    bench.run(millis(100));
    assert_eq!(bench.frames(), [(100, 0), (140, 3_600)]);
}

#[test]
fn a_frame_that_was_begun_is_finished_before_a_play() {
    // 60 packets: two quanta.
    let mut bench = Bench::of(Store { picture: picture(80_000), ..Store::of("xxxx") });
    bench.play(FROM_START).unwrap();
    bench.turn();
    let before = bench.sent.len();
    let from = Some(Seek::To(MediaTime::from_micros(80_000)));
    bench.play(Play { from, ..FROM_START }).unwrap();
    let (sequence, time) = bench.sender.next_rtp(bench.now(), &bench.store);
    bench.run(millis(15));
    let (_, next) = bench.sent[before..]
        .iter()
        .find(|(_, bytes)| {
            bytes[1] & 0x7F == 26 && Packet::new_checked(&bytes[..]).unwrap().timestamp() == time
        })
        .expect("the frame of the second PLAY");
    assert_eq!(Packet::new_checked(&next[..]).unwrap().sequence_number(), sequence);
    assert_eq!(bench.frames()[1].1, 3_600, "RTP time goes on");
}

#[test]
fn a_frame_that_was_begun_is_wanted_until_it_is_too_late() {
    // 60 packets: two quanta.
    let mut bench = Bench::of(Store { picture: picture(80_000), ..Store::of("xxxx") });
    bench.play(FROM_START).unwrap();
    assert_eq!(bench.sender.wanted().unwrap().held_until, None);
    bench.turn();
    let begun = bench.sender.wanted().unwrap();
    assert_eq!((begun.frame, begun.held_until), (FrameId(0), Some(START + CONFIG.late)));
    bench.run(millis(15));
    let next = bench.sender.wanted().unwrap();
    assert_eq!((next.frame, next.held_until), (FrameId(1), None));
}

#[test]
fn unusable_frames_are_passed_over_in_both_directions() {
    let kinds = std::format!("xx{}xx", "-".repeat(200));
    let mut bench = Bench::of(Store::of(&kinds));
    bench.play(FROM_START).unwrap();
    bench.run(Duration::from_secs(20));
    assert_eq!(bench.kinds(), "xxxx");

    let mut bench = Bench::of(Store::of(&kinds));
    let last = Some(Seek::To(MediaTime::from_micros(203 * 40_000)));
    bench.play(Play { from: last, ..at_scale(-1_000) }).unwrap();
    bench.run(Duration::from_secs(20));
    assert_eq!(bench.frames().iter().map(|(_, time)| time / 3_600).collect::<Vec<_>>(), [0, 1, 202, 203]);
    assert_eq!(bench.sender.counters().frames_skipped, 200);
}

#[test]
fn nothing_but_unusable_frames_ends_with_the_track() {
    let mut bench = Bench::of(Store::repeated("-", 1_000));
    bench.play(FROM_START).unwrap();
    bench.run(millis(10));
    assert_eq!((bench.sender.counters().frames, bench.events.last()), (0, Some(&SenderEvent::Ended)));
}

#[test]
fn a_new_receiver_begins_with_a_sync_frame() {
    let mut bench = Bench::of(Store { ended: false, ..Store::of("IPbPbIPbP") });
    bench.store.first = 2;
    bench.play(Play { from: Some(Seek::To(MediaTime::from_micros(80_000))), ..FROM_START }).unwrap();
    bench.store.first = 5;
    bench.run(millis(500));
    assert_eq!(bench.kinds(), "IPbP");
    assert_eq!(bench.sender.counters().frames_thinned, 0);
}

#[test]
fn after_lateness_sending_resumes_at_a_sync_frame() {
    let mut bench = Bench::of(Store::repeated("IPPb", 100));
    bench.play(FROM_START).unwrap();
    bench.run(millis(90));
    bench.at = bench.at + millis(3_000);
    bench.sent.clear();
    bench.run(millis(500));
    let (_, first) = bench.sent.iter().find(|(_, bytes)| bytes[1] & 0x7F == 26).unwrap();
    let sent = Packet::new_checked(&first[..]).unwrap().timestamp().wrapping_sub(CONFIG.timestamp);
    assert_eq!(sent / 3_600 % 4, 0, "an I frame");
    let skipped = bench.sender.counters().frames_skipped;
    assert!((70..80).contains(&skipped), "{skipped}");
}

#[test]
fn an_overrun_resumes_at_a_sync_frame() {
    let mut bench = Bench::of(Store { ended: false, ..Store::of("IPPbIPPb") });
    bench.play(Play { live: true, ..FROM_START }).unwrap();
    bench.turn();
    bench.store.first = 3;
    bench.sent.clear();
    bench.run(millis(200));
    bench.store.first = 4;
    assert_eq!(bench.kinds(), "IPPb");
}

#[test]
fn what_is_recorded_is_never_early() {
    // Played over and over, it has no end. Each frame is loaded soon after the one before it was sent.
    for known in [true, false] {
        let mut bench = Bench::of(Store { ended: false, ..Store::of("x") });
        bench.play(Play { live: true, ..FROM_START }).unwrap();
        for _ in 0..10 {
            bench.store.kinds.extend(known.then_some('?'));
            bench.run(millis(10));
            bench.store.kinds.truncate(bench.sender.frame.0 as usize);
            bench.store.kinds.push('x');
            bench.run(millis(30));
        }
        let last = bench.frames()[9];
        // A frame of a camera is not held back, for nothing would be gained.
        let at = if known { 360 } else { 330 };
        assert_eq!(last, (at, 9 * 3_600));
    }
}

#[test]
fn a_scale_leaves_out_droppable_frames_first() {
    for (scale, sent) in [(2_000, "IPPIPP"), (4_000, "IPPIPP"), (8_000, "II")] {
        let mut bench = Bench::of(Store::of("IPPbIPPb"));
        bench.play(at_scale(scale)).unwrap();
        bench.run(millis(1_000));
        let times = bench.frames().into_iter().map(|(_, time)| time * (scale as u32 / 1_000) / 3_600);
        let kinds: String = times.map(|n| bench.store.kinds[n as usize]).collect();
        assert_eq!(kinds, sent, "{scale}");
    }
}

#[test]
fn backwards_only_sync_frames_are_sent() {
    let mut bench = Bench::of(Store::of("IPPbIPPb"));
    let last = Some(Seek::To(MediaTime::from_micros(7 * 40_000)));
    bench.play(Play { from: last, ..at_scale(-1_000) }).unwrap();
    bench.run(millis(1_000));
    assert_eq!(bench.frames().len(), 2);
    assert_eq!(bench.frames()[1].1, 4 * 3_600);
}

#[test]
fn reported_loss_leaves_out_droppable_frames_first() {
    let mut bench = Bench::of(Store::repeated("IPPb", 200));
    bench.play(FROM_START).unwrap();
    for n in 0..4u32 {
        bench.run(millis(1_000));
        bench.report(100, 40 * (n + 1) as i32, 0xDEF0 + 100 * (n + 1));
    }
    bench.sent.clear();
    bench.run(millis(1_000));
    assert!(bench.events.contains(&SenderEvent::Adapted(2)), "{:?}", bench.events);
    let counters = *bench.sender.counters();
    assert!(counters.frames_thinned > 5 && counters.frames_skipped == 0, "{counters:?}");
}

#[test]
fn several_batches_are_committed_at_once() {
    let mut bench = Bench::of(Store { picture: picture(8_000), ..Store::of("xx") });
    bench.play(FROM_START).unwrap();
    bench.run(Duration::ZERO);
    bench.at = bench.at + millis(40);
    let now = bench.now();
    let mut transmit = bench.sender.poll_transmit(now, &bench.store).unwrap();
    let (mut buffer, mut packets) = ([0; 65_507], Vec::new());
    while let Some(batch) = transmit.emit(2, &mut buffer) {
        assert!(batch.count <= 2);
        packets.extend(buffer[..batch.len].chunks(batch.segment).map(<[u8]>::to_vec));
    }
    assert_eq!(packets.len(), 6);
    transmit.rewind();
    let batch = transmit.emit(64, &mut buffer).unwrap();
    assert_eq!(buffer[..batch.len].chunks(batch.segment).map(<[u8]>::to_vec).collect::<Vec<_>>(), packets);
    transmit.commit(5);
    let mut rest = bench.sender.poll_transmit(now, &bench.store).unwrap();
    let batch = rest.emit(64, &mut buffer).unwrap();
    assert_eq!(buffer[..batch.len], packets[5]);
}

#[test]
fn a_byte_stream_has_a_head_before_each_packet() {
    let framing = Framing::Interleaved { rtp: 2, rtcp: 3 };
    let mut bench = Bench::with(Store::of("x"), SenderConfig { framing, ..CONFIG });
    bench.play(FROM_START).unwrap();
    let mut buffer = [0; 2_000];
    for channel in [3, 2, 2] {
        let mut transmit =
            bench.sender.poll_transmit(Now { at: START, ntp: NtpTime(0) }, &bench.store).unwrap();
        let batch = transmit.emit(1, &mut buffer).unwrap();
        let len = u16::from_be_bytes([buffer[2], buffer[3]]);
        assert_eq!((buffer[0], buffer[1], usize::from(len)), (b'$', channel, batch.len - 4));
        transmit.commit(1);
    }
}

#[test]
fn interleaved_packets_as_long_as_datagrams_can_be_are_sent() {
    let framing = Framing::Interleaved { rtp: 0, rtcp: 1 };
    let store = Store { picture: picture(300_000), ..Store::of("x") };
    for by_pieces in [false, true] {
        let mut bench = Bench::with(
            Store { picture: store.picture.clone(), ..Store::of("x") },
            SenderConfig { framing, max_packet: u16::MAX, ..CONFIG },
        );
        bench.play(FROM_START).unwrap();
        let mut lengths = Vec::new();
        while let Some(mut transmit) = bench.sender.poll_transmit(bench.now(), &bench.store) {
            let (mut buffer, mut heads) = (vec![0; 65_511], [0; 200]);
            assert!(transmit.next_len() <= buffer.len());
            let batch = match by_pieces {
                false => transmit.emit(64, &mut buffer),
                true => {
                    let mut at = 0;
                    transmit.pieces(64, 64, &mut heads, |piece| {
                        buffer[at..at + piece.len()].copy_from_slice(piece);
                        at += piece.len();
                    })
                }
            };
            let batch = batch.expect("a packet");
            let said = usize::from(u16::from_be_bytes([buffer[2], buffer[3]]));
            assert_eq!((buffer[0], said), (b'$', batch.segment - 4));
            lengths.push((batch.count, batch.len));
            transmit.commit(batch.count);
        }
        // A report, and the frame.
        assert_eq!(lengths.len(), 6);
        assert_eq!((lengths[1..5].to_vec(), bench.sender.counters().frames), (vec![(1, 65_511); 4], 1));
    }
}

#[test]
fn leaving_says_bye_if_anything_was_sent() {
    let mut bench = Bench::of(Store::of("xxx"));
    bench.play(FROM_START).unwrap();
    bench.turn();
    let reports = bench.rtcp();
    bench.sender.leave();
    bench.run(millis(100));
    assert_eq!((bench.rtcp(), bench.sender.is_over()), (reports + 1, true));
    assert!(bench.sent.last().unwrap().1.ends_with(&[0x81, 203, 0, 1, 0x12, 0x34, 0x56, 0x78]));

    let mut bench = Bench::of(Store::of("xxx"));
    bench.play(FROM_START).unwrap();
    bench.sender.leave();
    bench.run(millis(100));
    assert!(bench.sent.is_empty() && bench.sender.is_over());
}

#[test]
fn tracks_that_are_played_together_share_a_schedule() {
    let mut video = Bench::of(Store::of("xxx"));
    let mut audio = Bench::of(Store { clock_rate: 8_000, step: 160, ..Store::of("??????") });
    let first = [video.play(FROM_START), audio.play(FROM_START)].into_iter().flatten().min().unwrap();
    for bench in [&mut video, &mut audio] {
        bench.sender.begin_with(first);
    }
    video.run(millis(30));
    let (at, time) = video.sender.origin().unwrap();
    assert_eq!((at, time, audio.sender.origin()), (START, MediaTime::ZERO, None));
    audio.sender.join(at, time);
    audio.store.kinds.fill('x');
    audio.at = video.at;
    audio.run(millis(100));
    assert_eq!(audio.frames().iter().map(|(at, _)| *at).collect::<Vec<_>>(), [30, 35, 40, 60, 80, 100]);
}
