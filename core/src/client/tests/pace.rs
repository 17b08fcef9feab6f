//! Scale and Speed, between a client and a server of this crate.
use super::pair::{Clip, Datagram, INTERVAL, Pair};
use crate::client::{Config, Event, PlayOptions, Port, TransportChoice};
use crate::frame::Seek;
use crate::rtsp::{Scale, Speed};
use crate::time::{Duration, MediaTime};
use std::boxed::Box;
use std::vec::Vec;

const MINUTE: Duration = Duration::from_secs(60);
const TRANSPORTS: [TransportChoice; 2] = [TransportChoice::Udp, TransportChoice::Tcp];

fn at(millis: u64) -> MediaTime {
    MediaTime::ZERO + Duration::from_millis(millis)
}

fn options(from: Option<u64>, scale: i32, speed: u32) -> PlayOptions {
    PlayOptions {
        from: from.map(|millis| Seek::To(at(millis))),
        scale: Scale::from_thousandths(scale).unwrap(),
        speed: Speed::from_thousandths(speed).unwrap(),
    }
}

fn pair(transport: TransportChoice, frames: u64, options: PlayOptions) -> Pair {
    let mut pair = Pair::new(Config { transport, ..Config::DEFAULT }, Clip::new(frames));
    pair.client.play_with(options);
    pair
}

/// The frames that came, all of them whole: which, and when they are to be shown.
fn seen(pair: &Pair) -> Vec<(usize, u64)> {
    let figures = pair.client.statistics(0).unwrap();
    let lost = (figures.frames_damaged, figures.frames_missing, figures.frames_skipped, figures.lost);
    assert_eq!(lost, (0, 0, 0, 0));
    let frames = pair.album.frames.iter();
    frames
        .map(|seen| {
            let number = pair.clip.0.iter().position(|(_, data)| *data == seen.data).unwrap();
            (number, seen.pts.as_micros().saturating_add(20) / 1_000)
        })
        .collect()
}

fn is_ended(event: &Event<'_>) -> bool {
    *event == Event::Ended
}

#[test]
fn at_four_times_the_rate_frames_are_left_out_and_none_is_missing() {
    for transport in TRANSPORTS {
        let mut pair = pair(transport, 100, options(None, 4_000, 1_000));
        assert!(pair.run_to(MINUTE, is_ended));
        let expected: Vec<_> = (0..25).map(|n| (4 * n, 40 * n as u64)).collect();
        assert_eq!(seen(&pair), expected);
        assert!(pair.album.frames.iter().all(|seen| seen.duration == INTERVAL));
        // A second of it, and what the dialogue takes.
        assert!(pair.now.as_micros() < 1_200_000, "{:?}", pair.now);
    }
}

#[test]
fn at_half_the_rate_each_frame_is_shown_twice_as_long() {
    let mut pair = pair(TransportChoice::Udp, 20, options(Some(400), 500, 1_000));
    assert!(pair.run_to(MINUTE, is_ended));
    let expected: Vec<_> = (10..20).map(|n| (n, 400 + 80 * (n as u64 - 10))).collect();
    assert_eq!(seen(&pair), expected);
    let doubled = INTERVAL.scaled(2, 1);
    assert!(pair.album.frames.iter().all(|seen| seen.duration == doubled));
}

#[test]
fn backwards_the_time_for_which_it_is_played_goes_forward() {
    for transport in TRANSPORTS {
        let mut pair = pair(transport, 50, options(None, -1_000, 1_000));
        assert!(pair.run_to(MINUTE, is_ended));
        let expected: Vec<_> = (0..50).map(|n| (49 - n, 1_960 + 40 * n as u64)).collect();
        assert_eq!(seen(&pair), expected);
        assert!(pair.now.as_micros() < 2_200_000);
    }
}

#[test]
fn at_a_higher_speed_the_same_comes_sooner() {
    for (transport, speed, took) in
        [(TransportChoice::Udp, 4_000, 1_000), (TransportChoice::Tcp, 10_000, 400)]
    {
        let mut pair = pair(transport, 100, options(None, 1_000, speed));
        assert!(pair.run_to(MINUTE, is_ended));
        let expected: Vec<_> = (0..100).map(|n| (n, 40 * n as u64)).collect();
        assert_eq!(seen(&pair), expected);
        assert!(pair.now.as_micros() / 1_000 < took + 200, "{:?}", pair.now);
    }
}

/// At four times the rate, more than ten seconds of frames come before the response.
#[test]
fn a_response_that_comes_late_places_the_frames_after_it() {
    let mut pair = pair(TransportChoice::Udp, 1_000, options(None, 1_000, 4_000));
    pair.run(Duration::from_millis(500));
    pair.client.play_with(options(Some(10_000), 1_000, 4_000));
    let asked = pair.album.frames.len();
    pair.mute_until = pair.now + Duration::from_millis(2_600);
    pair.run(Duration::from_millis(2_550));
    assert!(pair.album.frames.len() > asked + 250);
    pair.run(Duration::from_millis(100));
    let answered = pair.album.frames.len();
    assert!(pair.run_to(MINUTE, is_ended));
    let seen = seen(&pair);
    let after: Vec<_> =
        seen[answered..].iter().map(|(number, millis)| *millis as i64 - 40 * *number as i64).collect();
    assert!(after.len() > 400 && after.iter().all(|off| *off == 0), "{after:?}");
}

#[test]
fn a_scale_that_changes_while_it_plays_places_the_frames_anew() {
    let mut pair = pair(TransportChoice::Udp, 100, options(None, 1_000, 1_000));
    pair.run(Duration::from_millis(500));
    pair.client.play_with(options(None, 500, 1_000));
    pair.run(Duration::from_millis(800));
    pair.client.play_with(options(None, -2_000, 1_000));
    assert!(pair.run_to(MINUTE, is_ended));
    let numbers: Vec<_> = seen(&pair).iter().map(|(number, _)| *number).collect();
    let turn = numbers.windows(2).position(|pair| pair[1] < pair[0]).unwrap();
    assert_eq!(numbers[..=turn], (0..=turn).collect::<Vec<_>>());
    assert!(numbers[turn..].windows(2).skip(1).all(|pair| pair[0] - pair[1] == 2), "{numbers:?}");
    let playing = pair.told().iter().filter(|event| matches!(event, Event::Playing { .. })).count();
    assert_eq!(playing, 3);
}

#[test]
fn a_lost_bye_at_any_pace_costs_a_second() {
    for (scale, speed, length) in [(4_000, 1_000, 1_000), (-2_000, 1_000, 2_000), (1_000, 4_000, 1_000)] {
        let mut pair = pair(TransportChoice::Udp, 100, options(None, scale, speed));
        pair.fate = Box::new(|datagram: &Datagram<'_>| match (datagram.to_client, datagram.port) {
            (true, Port::Rtcp) => Vec::new(),
            _ => std::vec![Duration::from_millis(3)],
        });
        assert!(pair.run_to(MINUTE, is_ended));
        let took = pair.now.as_micros() / 1_000;
        assert!((length + 900..length + 1_200).contains(&took), "{took} ms at {scale} and {speed}");
    }
}

#[test]
fn a_pause_at_a_scale_goes_on_at_it_to_the_end() {
    for scale in [4_000, -4_000] {
        let mut pair = pair(TransportChoice::Tcp, 100, options(None, scale, 1_000));
        pair.run(Duration::from_millis(400));
        pair.client.pause();
        pair.run(Duration::from_secs(5));
        pair.client.play(None);
        assert!(pair.run_to(MINUTE, is_ended));
        let seen = seen(&pair);
        assert_eq!(seen.len(), 25);
        assert!(seen.windows(2).all(|pair| pair[0].0.abs_diff(pair[1].0) == 4 && pair[1].1 > pair[0].1));
        assert!(pair.now.as_micros() < 6_300_000, "{:?}", pair.now);
    }
}
