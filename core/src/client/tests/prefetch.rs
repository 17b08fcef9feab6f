//! Recorded media that are longer than the ring, fetched ahead of who watches.
use super::pair::{Clip, INTERVAL, Pair};
use super::screen::Screen;
use crate::client::{Config, Event, PlayOptions, Prefetch, PrefetchAction, PrefetchOptions, TransportChoice};
use crate::codec::jpeg::TRACK;
use crate::frame::{FrameEnd, FrameId, FrameSink, FrameStore, Full, Seek, TrackId};
use crate::frame::{FrameRing, Slot};
use crate::rtsp::LowerTransport;
use crate::rtsp::{Method, Range, Scale, Speed, Status};
use crate::server;
use crate::time::{Duration, MediaTime};
use proptest::prelude::*;
use std::collections::VecDeque;
use std::vec;
use std::vec::Vec;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const TRANSPORTS: [TransportChoice; 2] = [TransportChoice::Udp, TransportChoice::Tcp];
/// About 80 frames of a clip, which is more than three seconds.
const SMALL: usize = 400_000;

fn pair(transport: TransportChoice, server: server::Config, frames: u64, bytes: usize) -> Pair {
    let server = server::Config { adapt: false, ..server };
    let mut pair = Pair::with(Config { transport, ..Config::DEFAULT }, server, Clip::new(frames));
    pair.screen = Some(Screen::new(Some(PrefetchOptions::default()), 1_000, bytes));
    pair
}

fn screen(pair: &mut Pair) -> &mut Screen {
    pair.screen.as_mut().unwrap()
}

/// Every frame was shown, once, in order and when it was due, and nothing is said to be amiss.
fn assert_all_shown(pair: &mut Pair) {
    let frames = pair.clip.0.len();
    let shown = screen(pair).shown.clone();
    let wrong = shown.iter().enumerate().find(|(at, (number, _))| at != number);
    assert_eq!((wrong, shown.len()), (None, frames));
    let late: Vec<_> = shown.iter().filter(|(_, late)| *late > Duration::ZERO).collect();
    assert!(late.is_empty(), "{late:?}");
    let figures = pair.client.statistics(0).unwrap();
    let amiss = (figures.lost, figures.frames_damaged, figures.frames_missing, figures.frames_skipped);
    assert_eq!((amiss, figures.frames_complete), ((0, 0, 0, 0), frames as u64));
    let told = pair.told();
    let ended = screen(pair).asked.iter().filter(|ask| **ask == PrefetchAction::Ended).count();
    assert_eq!(ended, 1);
    assert!(!told.contains(&Event::Paused) && !told.contains(&Event::Ended));
    let playing = told.iter().filter(|event| matches!(event, Event::Playing { .. })).count();
    assert_eq!(playing, 1);
}

fn pauses(pair: &mut Pair) -> usize {
    screen(pair).asked.iter().filter(|ask| **ask == PrefetchAction::Pause).count()
}

#[test]
fn a_medium_much_longer_than_the_ring_is_shown_whole() {
    for transport in TRANSPORTS {
        let mut pair = pair(transport, server::Config::DEFAULT, 1_500, SMALL);
        pair.run(MINUTE + SECOND + SECOND);
        assert_all_shown(&mut pair);
        // Each time, a quarter of the ring is fetched.
        assert!((20..100).contains(&pauses(&mut pair)), "{}", pauses(&mut pair));
    }
}

#[test]
fn few_slots_bound_what_is_ahead_as_few_bytes_do() {
    let mut pair = pair(TransportChoice::Tcp, server::Config::DEFAULT, 500, SMALL);
    *screen(&mut pair) = Screen::new(Some(PrefetchOptions::default()), 20, SMALL);
    pair.run(MINUTE);
    assert_all_shown(&mut pair);
    assert!(pauses(&mut pair) > 50);
}

#[test]
fn who_wants_more_ahead_than_there_is_room_for_goes_on_all_the_same() {
    for transport in TRANSPORTS {
        let mut pair = pair(transport, server::Config::DEFAULT, 400, SMALL);
        screen(&mut pair).prebuffer = MINUTE;
        assert!(!screen(&mut pair).prefetch.awaits_viewer(0));
        pair.run(MINUTE);
        assert_all_shown(&mut pair);
        assert!(!screen(&mut pair).prefetch.awaits_viewer(0), "all has come");
    }
}

#[test]
fn who_holds_a_picture_for_minutes_pauses_the_server_once_and_goes_on() {
    for transport in TRANSPORTS {
        let mut pair = pair(transport, server::Config::DEFAULT, 400, SMALL);
        pair.run(SECOND);
        screen(&mut pair).paused = true;
        let before = pair.now;
        pair.run(MINUTE.scaled(5, 1));
        assert_eq!(pauses(&mut pair), 1, "{:?}", screen(&mut pair).asked);
        assert!(screen(&mut pair).prefetch.awaits_viewer(0));
        assert!(!screen(&mut pair).prefetch.awaits_viewer(1), "nobody watches it");
        let requests = std::string::String::from_utf8_lossy(&pair.requests).into_owned();
        assert!(requests.matches("GET_PARAMETER").count() >= 5, "{requests}");
        assert_eq!(requests.matches("PLAY rtsp").count(), 1);
        assert!(pair.now.since(before) >= MINUTE && pair.closed().is_empty());
        let now = pair.now;
        screen(&mut pair).go_on(now);
        pair.run(MINUTE);
        let asked = screen(&mut pair).asked.clone();
        let Some(PrefetchAction::Play(options)) = asked.get(1) else { panic!("{asked:?}") };
        assert!(matches!(options.from, Some(Seek::To(_))) && options.speed.thousandths() == 2_000);
        let shown: Vec<_> = screen(&mut pair).shown.iter().map(|(number, _)| *number).collect();
        assert!(shown.into_iter().eq(0..400));
    }
}

/// The connection sends no PLAY then: there is no response to wait for.
#[test]
fn playing_what_plays_changes_nothing() {
    for transport in TRANSPORTS {
        let mut pair = pair(transport, server::Config::DEFAULT, 400, SMALL);
        pair.run(SECOND);
        let screen = pair.screen.as_mut().unwrap();
        let options = screen.prefetch.play(PlayOptions::default(), &screen.rings);
        pair.client.play_with(options);
        pair.run(MINUTE);
        assert_all_shown(&mut pair);
    }
}

#[test]
fn a_stall_of_three_seconds_is_not_seen_with_four_seconds_fetched() {
    for transport in TRANSPORTS {
        for begin in [100u64, 1_300, 2_500, 4_100, 7_700, 15_000] {
            let mut pair = pair(transport, server::Config::DEFAULT, 1_000, 3 * SMALL);
            screen(&mut pair).prebuffer = Duration::from_secs(4);
            for _ in 0..1_000 {
                if screen(&mut pair).ahead() >= Duration::from_secs(4) {
                    break;
                }
                pair.run(Duration::from_millis(20));
            }
            pair.run(Duration::from_millis(begin));
            let ahead = screen(&mut pair).ahead();
            assert!(ahead >= Duration::from_secs(4), "{ahead:?} at {begin}");
            pair.stalled_until = pair.now + Duration::from_secs(3);
            pair.run(MINUTE);
            assert_all_shown(&mut pair);
        }
    }
}

#[test]
fn a_server_that_knows_no_speed_and_one_that_rounds_to_seconds_leave_no_hole() {
    for transport in TRANSPORTS {
        let slow = server::Config { max_speed: 1, ..server::Config::DEFAULT };
        let mut pair = pair(transport, slow, 500, SMALL);
        // At the rate of the medium it never gets ahead by itself.
        pair.run(SECOND);
        screen(&mut pair).paused = true;
        pair.run(MINUTE);
        let now = pair.now;
        screen(&mut pair).go_on(now);
        pair.rounded = |asked| MediaTime::from_micros(asked.as_micros() / 1_000_000 * 1_000_000);
        pair.run(MINUTE);
        assert_all_shown_from(&mut pair);
    }
}

/// The same as [`assert_all_shown`], of frames that came again as well.
fn assert_all_shown_from(pair: &mut Pair) {
    let shown: Vec<_> = screen(pair).shown.iter().map(|(number, _)| *number).collect();
    assert!(shown.iter().copied().eq(0..pair.clip.0.len()), "{shown:?}");
    assert_eq!(screen(pair).rings[0].time_ranges().count(), 1);
    let figures = pair.client.statistics(0).unwrap();
    assert_eq!((figures.frames_damaged, figures.frames_missing, figures.frames_skipped), (0, 0, 0));
    assert!(figures.frames_unstored > 0);
}

#[test]
fn another_place_begins_with_its_first_frame_and_what_was_there_stays() {
    for transport in TRANSPORTS {
        for held in [false, true] {
            let mut pair = pair(transport, server::Config::DEFAULT, 500, 3 * SMALL);
            pair.run(SECOND);
            screen(&mut pair).paused = held;
            pair.run(SECOND.scaled(if held { 20 } else { 1 }, 1));
            let screen_now = screen(&mut pair);
            let place = MediaTime::ZERO + SECOND.scaled(12, 1);
            let options = PlayOptions { from: Some(Seek::To(place)), ..PlayOptions::default() };
            let options = screen_now.prefetch.play(options, &screen_now.rings);
            let first = screen_now.rings[0].frames().end;
            screen_now.next = first;
            pair.client.play_with(options);
            pair.run(SECOND);
            let ring = &screen(&mut pair).rings[0];
            let frame = ring.frame(TrackId::default(), first).unwrap();
            assert_eq!(frame.media_time(TRACK.clock_rate), place, "{transport:?} {held}");
            let spans: Vec<_> = ring.time_ranges().collect();
            assert_eq!((spans.len(), spans[0].from, spans[1].frames.end), (2, place, first));
            let figures = pair.client.statistics(0).unwrap();
            assert_eq!((figures.frames_damaged, figures.frames_missing), (0, 0));
        }
    }
}

#[test]
fn a_frame_larger_than_the_ring_is_measured_if_none_ever_fits() {
    let mut pair = pair(TransportChoice::Tcp, server::Config::DEFAULT, 10, 700);
    pair.run(SECOND);
    let largest = pair.clip.0.iter().map(|(_, data)| data.len()).max().unwrap();
    let (_, measured) = screen(&mut pair).prefetch.too_large().unwrap();
    assert!(measured.abs_diff(largest) < 64, "{measured} for {largest}");
}

type Ring = FrameRing<Vec<Slot>, Vec<u8>>;

/// Events and frames, as a connection would give them.
struct Bench {
    prefetch: Prefetch,
    rings: [Ring; 1],
}

impl Bench {
    fn new(duration: Option<Duration>) -> Self {
        let rings = [FrameRing::new(TRACK, vec![Slot::EMPTY; 10], vec![0; 1_000])];
        let mut bench = Self { prefetch: Prefetch::new(Some(PrefetchOptions::default())), rings };
        bench.told(Event::Described { tracks: 1, duration });
        let options = bench.play(None);
        assert_eq!(options.speed == Speed::NORMAL, duration.is_none());
        bench.told(PLAYING);
        bench
    }

    fn told(&mut self, event: Event<'_>) -> bool {
        self.prefetch.on_event(&event)
    }

    fn play(&mut self, from: Option<u64>) -> PlayOptions {
        let from = from.map(|number| Seek::To(Clip::pts(number)));
        self.prefetch.play(PlayOptions { from, ..PlayOptions::default() }, &self.rings)
    }

    /// A frame of a hundred bytes, at its place in the medium.
    fn frame(&mut self, number: u64) -> Result<(), Full> {
        let mut sink = self.prefetch.sink(&mut self.rings);
        sink.begin(0, Clip::pts(number).to_ticks(TRACK.clock_rate))?;
        sink.write_at(0, 0, &[number as u8; 100])?;
        sink.finish(0, FrameEnd::intra(100, 3_600));
        Ok(())
    }

    fn frames(&mut self, numbers: core::ops::Range<u64>) -> Vec<u64> {
        numbers.filter(|&number| self.frame(number).is_ok()).collect()
    }

    fn poll(&mut self) -> Option<PrefetchAction> {
        self.prefetch.poll(&self.rings)
    }

    /// Where the server is asked to go on.
    fn goes_on_at(&mut self) -> Option<MediaTime> {
        match self.poll() {
            Some(PrefetchAction::Play(PlayOptions { from: Some(Seek::To(at)), .. })) => Some(at),
            _ => None,
        }
    }
}

const PLAYING: Event<'static> = Event::Playing {
    lower: LowerTransport::Udp,
    range: Range { start: None, end: None },
    scale: Scale::NORMAL,
    speed: Speed::NORMAL,
};

pub(super) fn described(tracks: u8, duration: Duration) -> Event<'static> {
    Event::Described { tracks, duration: Some(duration) }
}

pub(super) fn playing(start: Option<MediaTime>) -> Event<'static> {
    let range = start.map_or(Range { start: None, end: None }, Range::starting_at);
    Event::Playing { lower: LowerTransport::Udp, range, scale: Scale::NORMAL, speed: Speed::NORMAL }
}

pub(super) fn refused(method: Method<'static>, status: Status) -> Event<'static> {
    Event::Refused { method, status }
}

#[test]
fn live_media_are_a_window_and_never_paused() {
    let mut bench = Bench::new(None);
    assert_eq!(bench.frames(0..100).len(), 100);
    assert_eq!((bench.poll(), bench.rings[0].frames()), (None, FrameId(90)..FrameId(100)));
}

#[test]
fn what_finds_no_room_is_fetched_again_from_there() {
    let mut bench = Bench::new(Some(MINUTE));
    // PAUSE was sent at eight, and takes its time.
    assert_eq!(bench.frames(0..8).len(), 8);
    assert_eq!(bench.poll(), Some(PrefetchAction::Pause));
    assert_eq!(bench.frames(8..14), [8, 9]);
    bench.prefetch.watch_from(0, FrameId(3));
    // There is room by now, but a hole would be left.
    assert_eq!(bench.frame(14), Err(Full));
    assert!(!bench.told(Event::Paused));
    assert_eq!(bench.poll(), None);
    bench.prefetch.watch_from(0, FrameId(5));
    assert_eq!(bench.goes_on_at(), Some(Clip::pts(10) - Duration::from_millis(1)));
    assert_eq!(bench.poll(), None);
    assert!(!bench.told(PLAYING));
    // The server has rounded.
    assert_eq!(bench.frames(7..12), [10, 11]);
    assert_eq!(bench.rings[0].time_ranges().count(), 1);
}

#[test]
fn a_server_that_does_not_pause_is_asked_for_the_same_again() {
    let mut bench = Bench::new(Some(MINUTE));
    bench.frames(0..8);
    assert_eq!(bench.poll(), Some(PrefetchAction::Pause));
    assert!(!bench.told(refused(Method::Pause, Status::METHOD_NOT_ALLOWED)));
    assert_eq!(bench.poll(), None);
    assert_eq!(bench.frames(8..20), [8, 9]);
    bench.prefetch.watch_from(0, FrameId(6));
    assert_eq!(bench.goes_on_at(), Some(Clip::pts(10) - Duration::from_millis(1)));
    // It goes on until it has read that.
    assert_eq!(bench.frames(20..30), []);
    assert!(!bench.told(PLAYING));
    assert_eq!(bench.frames(80..82), []);
    assert_eq!(bench.frames(10..13), [10, 11, 12]);
    assert_eq!(bench.poll(), None);
}

#[test]
fn a_medium_that_is_shorter_than_the_server_said_ends() {
    let mut bench = Bench::new(Some(MINUTE));
    bench.frames(0..8);
    assert_eq!(bench.poll(), Some(PrefetchAction::Pause));
    assert!(!bench.told(Event::Paused));
    bench.prefetch.watch_from(0, FrameId(8));
    assert!(bench.goes_on_at().is_some());
    assert!(!bench.told(refused(Method::Play, Status::INVALID_RANGE)));
    assert_eq!((bench.poll(), bench.poll()), (Some(PrefetchAction::Ended), None));
    // Once more, from the start.
    assert_eq!(bench.play(None).from, Some(Seek::To(MediaTime::ZERO)));
}

#[test]
fn an_end_that_comes_with_pause_is_told() {
    let mut bench = Bench::new(Some(Duration::from_millis(8 * 40)));
    bench.frames(0..8);
    assert_eq!(bench.poll(), Some(PrefetchAction::Pause));
    assert!(!bench.told(Event::Paused));
    assert_eq!((bench.poll(), bench.poll()), (Some(PrefetchAction::Ended), None));
}

#[test]
fn an_end_that_comes_before_all_is_stored_is_not_told() {
    let mut bench = Bench::new(Some(Duration::from_millis(12 * 40)));
    bench.frames(0..12);
    assert_eq!(bench.poll(), Some(PrefetchAction::Pause));
    assert!(!bench.told(Event::Ended));
    assert_eq!(bench.poll(), None);
    bench.prefetch.watch_from(0, FrameId(10));
    assert!(bench.goes_on_at().is_some());
    assert!(!bench.told(PLAYING));
    assert_eq!(bench.frames(10..12), [10, 11]);
    assert!(!bench.told(Event::Ended));
    assert_eq!((bench.poll(), bench.prefetch.is_over()), (Some(PrefetchAction::Ended), true));
}

#[test]
fn an_end_long_before_the_end_is_believed_when_it_is_said_again() {
    for goes_on in [true, false] {
        let mut bench = Bench::new(Some(MINUTE));
        bench.frames(0..4);
        assert!(!bench.told(Event::Ended));
        assert!(bench.goes_on_at().is_some());
        if goes_on {
            assert!(!bench.told(PLAYING));
            assert!(!bench.told(Event::Ended));
        } else {
            assert!(!bench.told(refused(Method::Play, Status::BAD_REQUEST)));
        }
        assert_eq!((bench.poll(), bench.poll()), (Some(PrefetchAction::Ended), None));
    }
}

#[test]
fn frames_too_large_for_what_is_left_are_not_asked_for_until_the_viewer_moves() {
    let mut bench = Bench::new(Some(MINUTE));
    bench.rings = [FrameRing::new(TRACK, vec![Slot::EMPTY; 10], vec![0; 250])];
    assert_eq!(bench.frames(0..3), [0, 1]);
    assert_eq!(bench.poll(), Some(PrefetchAction::Pause));
    bench.told(Event::Paused);
    bench.prefetch.watch_from(0, FrameId(1));
    assert!(bench.goes_on_at().is_some());
    bench.told(PLAYING);
    // The ring's end is too short for one, and its start is in the way of the next.
    assert_eq!(bench.frames(2..4), [2]);
    assert_eq!(bench.poll(), Some(PrefetchAction::Pause));
    bench.told(Event::Paused);
    assert_eq!(bench.poll(), None);
    bench.prefetch.watch_from(0, FrameId(2));
    assert!(bench.goes_on_at().is_some());
}

#[test]
fn another_connection_goes_on_behind_the_newest_frame_or_at_the_place_last_asked_for() {
    let mut bench = Bench::new(Some(MINUTE));
    bench.frames(0..3);
    bench.prefetch.disconnected();
    assert_eq!(bench.play(None).from, Some(Seek::To(Clip::pts(3) - Duration::from_millis(1))));
    assert!(bench.told(PLAYING));
    assert_eq!(bench.frames(2..5), [3, 4]);
    bench.play(Some(700));
    bench.prefetch.disconnected();
    assert_eq!(bench.play(None).from, Some(Seek::To(Clip::pts(700))));
}

#[test]
fn a_live_source_that_starts_anew_goes_on_in_time() {
    let mut bench = Bench::new(None);
    bench.frames(0..3);
    bench.prefetch.disconnected();
    assert_eq!(bench.play(None).from, None);
    bench.prefetch.go_on_at(Clip::pts(50));
    bench.frames(7..9);
    let spans: Vec<_> =
        bench.rings[0].time_ranges().map(|range| (range.frames.start.0, range.from)).collect();
    assert_eq!(spans, [(3, Clip::pts(50)), (0, Clip::pts(0))]);
}

#[test]
fn who_holds_the_server_himself_is_not_played_to() {
    let mut bench = Bench::new(Some(MINUTE));
    bench.frames(0..2);
    bench.prefetch.hold();
    assert!(bench.told(Event::Paused));
    bench.prefetch.watch_from(0, FrameId(2));
    assert_eq!(bench.poll(), None);
    assert_eq!(bench.play(None).from, Some(Seek::To(Clip::pts(2) - Duration::from_millis(1))));
}

#[test]
fn a_pause_does_not_forget_the_end() {
    let mut bench = Bench::new(Some(Duration::from_millis(120)));
    bench.frames(0..3);
    assert!(!bench.told(Event::Ended));
    assert_eq!(bench.poll(), Some(PrefetchAction::Ended));
    bench.prefetch.hold();
    assert_eq!((bench.poll(), bench.prefetch.is_over()), (None, true));
    assert_eq!(bench.play(None).from, Some(Seek::To(MediaTime::ZERO)));
}

#[derive(Clone, Copy, Debug)]
enum Op {
    /// So many frames come, if the server plays.
    Come(u64),
    /// The viewer looks at so many.
    Look(u64),
    /// The server answers what it was asked; PLAY begins so many frames early.
    Answer(u64),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        (0u64..8).prop_map(Op::Come),
        (0u64..8).prop_map(Op::Look),
        prop_oneof![3 => Just(0u64), 1 => 0u64..30].prop_map(Op::Answer),
    ]
}

/// A server that takes its time to answer, and a viewer.
struct Sim {
    bench: Bench,
    total: u64,
    plays: bool,
    at: u64,
    /// What waits for an answer, and what is asked after that.
    asked: VecDeque<PrefetchAction>,
    next: u64,
    ended: u32,
}

impl Sim {
    fn step(&mut self, op: Op) {
        match op {
            Op::Come(frames) => {
                for _ in 0..frames {
                    if self.plays {
                        let _ = self.bench.frame(self.at);
                        self.at += 1;
                    }
                    if self.plays && self.at >= self.total {
                        self.plays = false;
                        self.bench.told(Event::Ended);
                    }
                }
            }
            Op::Look(frames) => {
                for _ in 0..frames {
                    let Ok(frame) = self.bench.rings[0].frame(TrackId::default(), FrameId(self.next)) else {
                        break;
                    };
                    assert_eq!(
                        (frame.media_time(TRACK.clock_rate), frame.data),
                        (Clip::pts(self.next), &[self.next as u8; 100][..])
                    );
                    self.next += 1;
                }
                self.bench.prefetch.watch_from(0, FrameId(self.next));
            }
            Op::Answer(early) => match self.asked.pop_front() {
                Some(PrefetchAction::Pause) if core::mem::take(&mut self.plays) => {
                    self.bench.told(Event::Paused);
                }
                Some(PrefetchAction::Play(PlayOptions { from: Some(Seek::To(at)), .. })) => {
                    let at = at.as_micros().div_ceil(INTERVAL.as_micros());
                    if at >= self.total {
                        self.bench.told(refused(Method::Play, Status::INVALID_RANGE));
                    } else {
                        (self.plays, self.at) = (true, at.saturating_sub(early));
                        let range = Range::starting_at(Clip::pts(self.at));
                        self.bench.told(Event::Playing {
                            lower: LowerTransport::Udp,
                            range,
                            scale: Scale::NORMAL,
                            speed: Speed::NORMAL,
                        });
                    }
                }
                _ => {}
            },
        }
        while let Some(ask) = self.bench.poll() {
            match ask {
                PrefetchAction::Ended => self.ended += 1,
                ask => self.asked.push_back(ask),
            }
        }
        assert!(self.asked.len() <= 2);
    }
}

proptest! {
    /// Whoever takes how long for what, and if the medium is shorter than the server said, too: each
    /// frame is seen, once and in order, and then the end is told.
    #[test]
    fn no_frame_is_left_out_and_none_seen_twice(
        total in 1u64..120,
        more_said in 0u64..40,
        ops in prop::collection::vec(op(), 0..200),
    ) {
        let mut bench = Bench::new(Some(INTERVAL.scaled(total + more_said, 1)));
        bench.rings = [FrameRing::new(TRACK, vec![Slot::EMPTY; 12], vec![0; 1_050])];
        let mut sim = Sim { bench, total, plays: true, at: 0, asked: VecDeque::new(), next: 0, ended: 0 };
        ops.into_iter().for_each(|op| sim.step(op));
        for _ in 0..1_000 {
            [Op::Answer(0), Op::Come(3), Op::Look(2)].into_iter().for_each(|op| sim.step(op));
        }
        prop_assert_eq!((sim.next, sim.ended), (total, 1));
    }
}
