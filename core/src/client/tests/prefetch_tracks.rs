//! Two tracks that are fetched ahead together.
use super::prefetch::{described, playing, refused};
use crate::client::{PlayOptions, Prefetch, PrefetchAction, PrefetchOptions};
use crate::codec::Codec;
use crate::frame::{
    FrameEnd, FrameId, FrameRing, FrameSink, FrameStore, Full, Seek, Slot, TrackId, TrackInfo,
};
use crate::rtsp::{Method, Status};
use crate::time::{Duration, MediaTime};
use proptest::prelude::*;
use std::collections::VecDeque;
use std::vec;
use std::vec::Vec;

const VIDEO: Track = Track { clock_rate: 90_000, interval: 40_000, size: 100, frames: 0 };
const AUDIO: Track = Track { clock_rate: 8_000, interval: 20_000, size: 20, frames: 0 };

/// A track of frames of one size.
#[derive(Clone, Copy, Debug)]
struct Track {
    clock_rate: u32,
    /// Microseconds from one frame to the next.
    interval: u64,
    size: usize,
    frames: u64,
}

impl Track {
    fn pts(&self, number: u64) -> MediaTime {
        MediaTime::from_micros(number * self.interval)
    }

    const fn info(&self) -> TrackInfo<'static> {
        TrackInfo::new(Codec::Jpeg, self.clock_rate)
    }

    /// As many frames as begin in so many milliseconds.
    fn of(self, millis: u64) -> Self {
        Self { frames: (millis * 1_000).div_ceil(self.interval), ..self }
    }
}

/// A server that takes its time to answer, and a viewer that shows the frames of both tracks in the
/// order of their times.
struct Sim {
    prefetch: Prefetch,
    rings: [FrameRing<Vec<Slot>, Vec<u8>>; 2],
    tracks: [Track; 2],
    /// All frames in the order in which the server sends them.
    sent: Vec<(MediaTime, u8, u64)>,
    plays: bool,
    /// The next of `sent`.
    at: usize,
    /// What waits for an answer.
    asked: VecDeque<PrefetchAction>,
    /// How often the server was asked for what.
    pauses: u32,
    places: Vec<MediaTime>,
    /// The next frame of each track that is to be seen.
    next: [u64; 2],
    watched: [bool; 2],
    knows_pause: bool,
    ended: u32,
}

impl Sim {
    /// A presentation of two tracks, whose rings hold so many frames each.
    fn new(tracks: [Track; 2], slots: [usize; 2]) -> Self {
        let mut sent: Vec<_> = (0u8..)
            .zip(&tracks)
            .flat_map(|(index, track)| (0..track.frames).map(move |n| (track.pts(n), index, n)))
            .collect();
        sent.sort();
        let ring = |index: usize| {
            let bytes = slots[index] * tracks[index].size;
            FrameRing::new(tracks[index].info(), vec![Slot::EMPTY; slots[index]], vec![0; bytes])
        };
        let mut prefetch = Prefetch::new(Some(PrefetchOptions::default()));
        prefetch.watch_from(1, FrameId(0));
        let length = tracks.iter().map(|track| track.pts(track.frames)).max().unwrap();
        prefetch.on_event(&described(2, length.since(MediaTime::ZERO)));
        let rings = [ring(0), ring(1)];
        prefetch.play(PlayOptions::default(), &rings);
        prefetch.on_event(&playing(None));
        Self {
            prefetch,
            rings,
            tracks,
            sent,
            plays: true,
            at: 0,
            asked: VecDeque::new(),
            pauses: 0,
            places: Vec::new(),
            next: [0; 2],
            watched: [true; 2],
            knows_pause: true,
            ended: 0,
        }
    }

    /// One frame of the medium, whose bytes tell its number.
    fn frame(&mut self, index: u8, number: u64) -> Result<(), Full> {
        let track = self.tracks[usize::from(index)];
        let mut sink = self.prefetch.sink(&mut self.rings);
        sink.begin(index, track.pts(number).to_ticks(track.clock_rate))?;
        sink.write_at(index, 0, &vec![number as u8; track.size])?;
        let duration = Duration::from_micros(track.interval).to_ticks(track.clock_rate);
        sink.finish(index, FrameEnd::intra(track.size, duration as u32));
        Ok(())
    }

    fn come(&mut self, frames: u64) {
        for _ in 0..frames {
            if self.plays
                && let Some(&(_, index, number)) = self.sent.get(self.at)
            {
                let _ = self.frame(index, number);
                self.at += 1;
            }
            if self.plays && self.at >= self.sent.len() {
                self.plays = false;
                self.prefetch.on_event(&crate::client::Event::Ended);
            }
        }
        self.poll();
    }

    /// The viewer looks at the next frames, whichever tracks they are of.
    fn look(&mut self, frames: u64) {
        for _ in 0..frames {
            let next = |index: &usize| self.tracks[*index].pts(self.next[*index]);
            let there =
                |index: &usize| self.watched[*index] && self.next[*index] < self.tracks[*index].frames;
            let Some(index) = (0..2).filter(there).min_by_key(next) else { break };
            let id = FrameId(self.next[index]);
            let Ok(frame) = self.rings[index].frame(TrackId::default(), id) else { break };
            assert_eq!(frame.data, vec![id.0 as u8; self.tracks[index].size]);
            self.next[index] += 1;
        }
        for index in (0..2).filter(|index| self.watched[*index]) {
            self.prefetch.watch_from(index as u8, FrameId(self.next[index]));
        }
        self.poll();
    }

    /// The server answers what it was asked. PLAY begins so many frames early.
    fn answer(&mut self, early: usize) {
        match self.asked.pop_front() {
            Some(PrefetchAction::Pause) if !self.knows_pause => {
                self.prefetch.on_event(&refused(Method::Pause, Status::METHOD_NOT_ALLOWED));
            }
            Some(PrefetchAction::Pause) if core::mem::take(&mut self.plays) => {
                self.prefetch.on_event(&crate::client::Event::Paused);
            }
            Some(PrefetchAction::Play(PlayOptions { from: Some(Seek::To(at)), .. })) => {
                let at = self.sent.partition_point(|(pts, ..)| *pts < at);
                if at >= self.sent.len() {
                    self.prefetch.on_event(&refused(Method::Play, Status::INVALID_RANGE));
                } else {
                    (self.plays, self.at) = (true, at.saturating_sub(early));
                    let (start, ..) = self.sent[self.at];
                    self.prefetch.on_event(&playing(Some(start)));
                }
            }
            _ => {}
        }
        self.poll();
    }

    fn poll(&mut self) {
        while let Some(action) = self.prefetch.poll(&self.rings) {
            match action {
                PrefetchAction::Ended => self.ended += 1,
                PrefetchAction::Pause => self.pauses += 1,
                PrefetchAction::Play(PlayOptions { from: Some(Seek::To(at)), .. }) => self.places.push(at),
                _ => {}
            }
            self.asked.push_back(action);
            self.asked.retain(|action| *action != PrefetchAction::Ended);
        }
        assert!(self.asked.len() <= 2);
    }

    /// Goes on until all that will be seen is seen.
    fn play_out(&mut self) {
        for _ in 0..3_000 {
            if self.ended > 0 && self.asked.is_empty() && (0..2).all(|index| self.has_seen_all(index)) {
                break;
            }
            self.answer(0);
            self.come(3);
            self.look(2);
        }
    }

    fn has_seen_all(&self, index: usize) -> bool {
        !self.watched[index] || self.next[index] >= self.tracks[index].frames
    }

    fn assert_all_seen(&self) {
        let frames = self.tracks.map(|track| track.frames);
        assert_eq!((self.next, self.ended), (frames, 1));
    }
}

#[test]
fn the_fuller_ring_pauses_both_tracks() {
    let mut sim = Sim::new([VIDEO.of(60_000), AUDIO.of(60_000)], [10, 1_000]);
    sim.come(3 * 7 + 1);
    assert_eq!((sim.pauses, sim.rings[0].frame_count(), sim.rings[1].frame_count()), (1, 8, 14));
    sim.answer(0);
    sim.look(6);
    assert_eq!(sim.places, []);
    // The video is down to half of its ring. The audio ends before it.
    sim.look(3);
    assert_eq!(sim.places, [AUDIO.pts(14) - Duration::from_millis(1)]);
    sim.play_out();
    sim.assert_all_seen();
}

#[test]
fn what_one_track_lacks_is_fetched_first() {
    let mut sim = Sim::new([VIDEO.of(60_000), AUDIO.of(60_000)], [10, 1_000]);
    // PAUSE takes its time: the video has no room for frames 10 to 13.
    sim.come(3 * 14);
    sim.answer(0);
    assert_eq!((sim.rings[0].frame_count(), sim.rings[1].frame_count()), (10, 28));
    sim.look(3 * 5);
    assert_eq!(sim.places, [VIDEO.pts(10) - Duration::from_millis(1)]);
    sim.answer(3);
    let before = sim.rings[1].frames();
    sim.come(3 * 4);
    // The audio that comes again is not stored.
    assert_eq!((sim.rings[0].frames().end, sim.rings[1].frames().end), (FrameId(13), before.end));
    sim.play_out();
    sim.assert_all_seen();
}

#[test]
fn a_track_nobody_watches_is_a_window() {
    let mut sim = Sim::new([VIDEO.of(10_000), AUDIO.of(10_000)], [100, 5]);
    sim.prefetch.unwatch(1);
    sim.watched[1] = false;
    sim.come(60);
    assert_eq!((sim.pauses, sim.rings[1].frames()), (0, FrameId(35)..FrameId(40)));
    sim.play_out();
    assert_eq!((sim.next, sim.ended), ([sim.tracks[0].frames, 0], 1));
}

#[test]
fn only_the_second_track_can_be_watched() {
    let mut sim = Sim::new([VIDEO.of(10_000), AUDIO.of(10_000)], [5, 20]);
    sim.prefetch.unwatch(0);
    sim.watched[0] = false;
    sim.come(30);
    assert_eq!((sim.pauses, sim.rings[0].frames()), (1, FrameId(5)..FrameId(10)));
    sim.play_out();
    assert_eq!((sim.next, sim.ended), ([0, sim.tracks[1].frames], 1));
}

#[test]
fn a_track_that_falls_silent_is_not_waited_for() {
    let mut sim = Sim::new([VIDEO.of(20_000), AUDIO.of(2_000)], [50, 50]);
    sim.play_out();
    sim.assert_all_seen();
    // Nothing is fetched twice but what found no room.
    assert!(sim.places.is_sorted(), "{:?}", sim.places);
}

#[test]
fn a_seek_takes_both_tracks_along() {
    let mut sim = Sim::new([VIDEO.of(60_000), AUDIO.of(60_000)], [10, 20]);
    sim.come(12);
    let ends = [sim.rings[0].frames().end, sim.rings[1].frames().end];
    let place = MediaTime::from_micros(30_000_000);
    let options = PlayOptions { from: Some(Seek::To(place)), ..PlayOptions::default() };
    assert_eq!(sim.prefetch.play(options, &sim.rings).from, options.from);
    // What is still of the old place is not stored.
    sim.come(6);
    assert_eq!([sim.rings[0].frames().end, sim.rings[1].frames().end], ends);
    sim.asked.push_back(PrefetchAction::Play(options));
    sim.answer(0);
    sim.come(6);
    for (ring, end) in sim.rings.iter().zip(ends) {
        assert_eq!(
            ring.time_ranges().next().map(|range| (range.frames.start, range.from)),
            Some((end, place))
        );
    }
}

#[test]
fn another_connection_goes_on_with_both_tracks() {
    let mut sim = Sim::new([VIDEO.of(4_000), AUDIO.of(4_000)], [100, 200]);
    sim.come(30);
    sim.prefetch.disconnected();
    let options = sim.prefetch.play(PlayOptions::default(), &sim.rings);
    assert_eq!(options.from, Some(Seek::To(VIDEO.pts(10) - Duration::from_millis(1))));
    sim.asked.push_back(PrefetchAction::Play(options));
    sim.answer(4);
    sim.play_out();
    sim.assert_all_seen();
}

#[derive(Clone, Copy, Debug)]
enum Op {
    Come(u64),
    Look(u64),
    Answer(usize),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        (0u64..20).prop_map(Op::Come),
        (0u64..20).prop_map(Op::Look),
        prop_oneof![3 => Just(0usize), 1 => 0usize..60].prop_map(Op::Answer),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Whoever takes how long for what, and however little the rings hold: each frame of both tracks is
    /// seen, once and in order, and then the end is told.
    #[test]
    fn no_frame_of_two_tracks_is_left_out(
        lengths in (100u64..4_000, 100u64..4_000),
        slots in (2usize..40, 2usize..80),
        knows_pause in prop::bool::weighted(0.8),
        ops in prop::collection::vec(op(), 0..100),
    ) {
        let mut sim = Sim::new([VIDEO.of(lengths.0), AUDIO.of(lengths.1)], [slots.0, slots.1]);
        sim.knows_pause = knows_pause;
        for op in ops {
            match op {
                Op::Come(frames) => sim.come(frames),
                Op::Look(frames) => sim.look(frames),
                Op::Answer(early) => sim.answer(early),
            }
        }
        sim.play_out();
        prop_assert_eq!((sim.next, sim.ended), (sim.tracks.map(|track| track.frames), 1), "{:?}", sim.prefetch);
    }
}
