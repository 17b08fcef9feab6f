//! A client of this crate watches a server of this crate.
use super::pair::{Clip, Datagram, INTERVAL, Pair};
use crate::client::{ClientError, Config, Event, LowerTransport, Port, ReceiverStatistics, TransportChoice};
use crate::frame::Seek;
use crate::random::split_mix;
use crate::rtsp::{Method, Status};
use crate::server::{self, CloseReason};
use crate::time::{Duration, MediaTime};
use proptest::prelude::*;
use std::boxed::Box;
use std::vec::Vec;

const MINUTE: Duration = Duration::from_secs(60);

fn config(transport: TransportChoice) -> Config {
    Config { transport, ..Config::DEFAULT }
}

fn pair(transport: TransportChoice, frames: u64) -> Pair {
    let mut pair = Pair::new(config(transport), Clip::new(frames));
    pair.client.play(None);
    pair
}

fn is_ended(event: &Event<'_>) -> bool {
    *event == Event::Ended
}

fn is_playing(event: &Event<'_>) -> bool {
    matches!(event, Event::Playing { .. })
}

fn after(millis: u64) -> Vec<Duration> {
    std::vec![Duration::from_millis(millis)]
}

/// The numbers of the frames that came whole, each equal to the clip's, and at its time.
fn whole(pair: &Pair) -> Vec<usize> {
    let frames = pair.album.frames.iter().filter(|seen| seen.flags.integrity.is_complete());
    frames
        .map(|seen| {
            let number = pair.clip.0.iter().position(|(_, data)| *data == seen.data).expect("of the clip");
            let pts = INTERVAL.scaled(number as u64, 1).as_micros();
            assert!(seen.pts.as_micros().abs_diff(pts) <= 20, "{:?} is frame {number}", seen.pts);
            assert!(seen.duration.as_micros().abs_diff(INTERVAL.as_micros()) <= 20);
            number
        })
        .collect()
}

fn all(pair: &Pair) -> Vec<usize> {
    (0..pair.clip.0.len()).collect()
}

fn figures(pair: &Pair) -> ReceiverStatistics {
    pair.client.statistics(0).unwrap()
}

#[test]
fn a_clip_comes_whole_over_either_transport() {
    for (transport, lower) in [
        (TransportChoice::Udp, LowerTransport::Udp),
        (TransportChoice::Auto, LowerTransport::Udp),
        (TransportChoice::Tcp, LowerTransport::Interleaved),
    ] {
        let mut pair = pair(transport, 50);
        assert!(pair.run_to(MINUTE, is_ended));
        assert_eq!(whole(&pair), all(&pair));
        let figures = figures(&pair);
        assert_eq!((figures.frames_complete, figures.frames_damaged, figures.frames_missing), (50, 0, 0));
        assert_eq!((figures.lost, figures.duplicates, figures.frames_skipped), (0, 0, 0));
        let told = pair.told();
        assert!(matches!(told[0], Event::Described { tracks: 1, duration: Some(length) }
            if length == Duration::from_secs(2)));
        let playing = told.iter().find(|event| is_playing(event)).unwrap();
        assert!(matches!(playing, Event::Playing { lower: l, .. } if *l == lower));
        assert_eq!(pair.client.track(0).unwrap().dimensions, Some((320, 240)));
        // BYE comes one interval after the last frame.
        assert!(pair.now.as_micros() < 2_200_000);
    }
}

#[test]
fn small_writes_change_nothing() {
    for max_write in [1, 2, 7, 100, 1_500] {
        let mut pair = pair(TransportChoice::Tcp, 10);
        pair.max_write = max_write;
        assert!(pair.run_to(MINUTE, is_ended));
        assert_eq!(whole(&pair), all(&pair));
    }
}

#[test]
fn a_reordering_duplicating_link_loses_nothing() {
    let mut pair = pair(TransportChoice::Udp, 60);
    let mut random = 5;
    pair.fate = Box::new(move |datagram| match (datagram.port, split_mix(&mut random) % 10) {
        (Port::Rtcp, _) => after(3),
        (_, 0) => after(30),
        (_, 1) => [after(3), after(9)].concat(),
        _ => after(3),
    });
    assert!(pair.run_to(MINUTE, is_ended));
    assert_eq!(whole(&pair), all(&pair));
    let figures = figures(&pair);
    assert_eq!((figures.lost, figures.frames_damaged, figures.frames_missing), (0, 0, 0));
    assert!(figures.duplicates > 0 && figures.reordered > 0);
}

#[test]
fn every_frame_is_accounted_for_when_packets_are_lost() {
    let mut pair = pair(TransportChoice::Udp, 200);
    let mut random = 6;
    // Bursts, so that whole frames go; the first and the last frame are spared.
    pair.fate = Box::new(move |datagram| {
        let spared = datagram.port == Port::Rtcp || !(20..600).contains(&datagram.nth);
        let burst = (datagram.nth / 13) % 5 == 2;
        match split_mix(&mut random) % 50 {
            _ if spared => after(3),
            _ if burst => Vec::new(),
            0 => Vec::new(),
            _ => after(3),
        }
    });
    assert!(pair.run_to(MINUTE, is_ended));
    let figures = figures(&pair);
    let frames = figures.frames_complete + figures.frames_damaged + figures.frames_missing;
    assert_eq!((frames, figures.frames_skipped), (200, 0));
    assert!(figures.frames_damaged > 0 && figures.frames_missing > 0 && figures.lost > 0);
    assert_eq!(whole(&pair).len() as u64, figures.frames_complete);
}

#[test]
fn a_first_frame_that_is_lost_is_missing_and_the_second_in_its_place() {
    let mut pair = pair(TransportChoice::Udp, 20);
    let first = pair.clip.0[0].0.scan_len;
    pair.fate = Box::new(move |datagram| {
        // The first frame is all that has these packets.
        let lost =
            datagram.to_client && datagram.port == Port::Rtp && datagram.nth <= u64::from(first / 1_380);
        if lost { Vec::new() } else { after(3) }
    });
    assert!(pair.run_to(MINUTE, is_ended));
    assert_eq!(whole(&pair), (1..20).collect::<Vec<_>>());
    assert_eq!(figures(&pair).frames_missing, 1);
}

#[test]
fn pause_holds_and_play_goes_on_where_it_stopped() {
    for transport in [TransportChoice::Udp, TransportChoice::Tcp] {
        let mut pair = pair(transport, 100);
        for _ in 0..3 {
            assert!(pair.run_to(MINUTE, is_playing));
            pair.run(Duration::from_millis(700));
            pair.client.pause();
            assert!(pair.run_to(MINUTE, |event| *event == Event::Paused));
            pair.run(Duration::from_millis(100));
            let held = pair.album.frames.len();
            // Longer than a stall.
            pair.run(Duration::from_secs(30));
            assert_eq!(pair.album.frames.len(), held);
            pair.client.play(None);
        }
        assert!(pair.run_to(MINUTE, is_ended));
        assert_eq!(whole(&pair), all(&pair));
        assert!(!pair.told().contains(&Event::Stalled));
    }
}

#[test]
fn play_from_a_place_plays_the_rest_and_then_from_the_start() {
    for transport in [TransportChoice::Udp, TransportChoice::Tcp] {
        let mut pair = Pair::new(config(transport), Clip::new(50));
        pair.client.play(Some(Seek::To(MediaTime::from_micros(1_000_000))));
        assert!(pair.run_to(MINUTE, is_ended));
        assert_eq!(whole(&pair), (25..50).collect::<Vec<_>>());
        pair.album.frames.clear();
        pair.client.play(None);
        assert!(pair.run_to(MINUTE, is_ended));
        assert_eq!(whole(&pair), all(&pair));
    }
}

#[test]
fn a_seek_while_playing_changes_the_time_with_the_picture() {
    for transport in [TransportChoice::Udp, TransportChoice::Tcp] {
        let mut pair = pair(transport, 100);
        pair.run(Duration::from_millis(800));
        pair.client.play(Some(Seek::To(MediaTime::from_micros(3_200_000))));
        assert!(pair.run_to(MINUTE, is_ended));
        let seen = whole(&pair);
        let jump = seen.iter().position(|&number| number >= 80).unwrap();
        assert_eq!(seen[..jump], (0..jump).collect::<Vec<_>>());
        assert_eq!(seen[jump..], (80..100).collect::<Vec<_>>());
        assert_eq!(figures(&pair).frames_damaged, 0);
    }
}

#[test]
fn a_lost_bye_costs_a_second() {
    let mut pair = pair(TransportChoice::Udp, 50);
    pair.fate = Box::new(|datagram: &Datagram<'_>| {
        let is_bye = datagram.to_client && datagram.port == Port::Rtcp && has_bye(datagram.bytes);
        if is_bye { Vec::new() } else { after(3) }
    });
    assert!(pair.run_to(MINUTE, is_ended));
    assert_eq!(whole(&pair), all(&pair));
    assert!((2_900_000..3_100_000).contains(&pair.now.as_micros()));
}

fn has_bye(compound: &[u8]) -> bool {
    use crate::rtp::rtcp::{Compound, Packet};
    Compound::new(compound).any(|packet| matches!(packet, Ok(Packet::Bye(_))))
}

#[test]
fn a_udp_blackhole_ends_in_tcp() {
    let mut pair = pair(TransportChoice::Auto, 50);
    pair.fate = Box::new(|_| Vec::new());
    assert!(pair.run_to(MINUTE, |event| *event == Event::SwitchedToTcp));
    assert!((2_000_000..2_100_000).contains(&pair.now.as_micros()));
    assert!(pair.run_to(MINUTE, is_ended));
    assert_eq!(whole(&pair), all(&pair));
    assert_eq!(pair.client.track(0).unwrap().lower, Some(LowerTransport::Interleaved));
    assert_eq!(pair.closed(), [CloseReason::Replaced]);
}

#[test]
fn udp_that_is_ruled_out_stalls_and_is_not_given_up() {
    let mut pair = pair(TransportChoice::Udp, 2_000);
    pair.fate = Box::new(|_| Vec::new());
    assert!(pair.run_to(MINUTE, |event| *event == Event::Stalled));
    assert!(!pair.told().contains(&Event::SwitchedToTcp));
}

#[test]
fn a_server_that_refuses_udp_is_asked_for_tcp() {
    let mut pair = pair(TransportChoice::Auto, 20);
    pair.refuse_udp = true;
    assert!(pair.run_to(MINUTE, is_ended));
    assert!(pair.told().contains(&Event::SwitchedToTcp));
    assert_eq!(whole(&pair), all(&pair));

    let mut pair = self::pair(TransportChoice::Udp, 20);
    pair.refuse_udp = true;
    assert!(pair.run_to(MINUTE, |event| *event == Event::Closed));
    let refused = Event::Refused { method: Method::Setup, status: Status::UNSUPPORTED_TRANSPORT };
    assert!(pair.told().contains(&refused));
}

#[test]
fn a_paused_session_lives_as_long_as_it_is_kept() {
    for transport in [TransportChoice::Udp, TransportChoice::Tcp] {
        let mut pair = pair(transport, 100);
        pair.fate = Box::new(|datagram: &Datagram<'_>| {
            // Without the client's reports, which keep a session alive as well.
            if datagram.to_client { after(3) } else { Vec::new() }
        });
        pair.run(Duration::from_secs(1));
        pair.client.pause();
        pair.run(MINUTE.scaled(10, 1));
        assert_eq!(pair.closed(), []);
        let asked = pair.requests.windows(13).filter(|text| text == b"GET_PARAMETER").count();
        assert!((19..=21).contains(&asked), "{asked} keepalives");
        pair.client.play(None);
        assert!(pair.run_to(MINUTE, is_ended));
        assert_eq!(whole(&pair), all(&pair));
    }
}

#[test]
fn a_long_clip_is_reported_on() {
    let mut pair = pair(TransportChoice::Udp, 1_500);
    let mut random = 7;
    pair.fate = Box::new(move |datagram| {
        let lost =
            datagram.to_client && datagram.port == Port::Rtp && split_mix(&mut random).is_multiple_of(20);
        if lost { Vec::new() } else { after(3) }
    });
    assert!(pair.run_to(MINUTE.scaled(2, 1), is_ended));
    // One in half a second to one and a half, of a minute.
    assert!((40..120).contains(&pair.sent[1]), "{} reports", pair.sent[1]);
    let lost = figures(&pair).lost;
    pair.client.teardown();
    assert!(pair.run_to(MINUTE, |event| *event == Event::Closed));
    pair.run(Duration::from_millis(100));
    let [(reason, summary)] = pair.closed_by_server[..] else { panic!("one session") };
    assert_eq!(reason, CloseReason::Teardown);
    let reported = u64::try_from(summary.lost).unwrap();
    assert!(lost > 100 && (lost * 8 / 10..=lost).contains(&reported), "{reported} of {lost}");
}

#[test]
fn a_stream_of_few_bits_is_reported_on_less_often() {
    let mut pair = pair(TransportChoice::Udp, 1_500);
    // All but the first of a frame's packets are lost, and most of those.
    pair.fate = Box::new(|datagram| match datagram.port {
        Port::Rtp if !datagram.nth.is_multiple_of(40) => Vec::new(),
        _ => after(3),
    });
    assert!(pair.run_to(MINUTE.scaled(2, 1), is_ended));
    assert!((10..30).contains(&pair.sent[1]), "{} reports", pair.sent[1]);
}

#[test]
fn frames_that_the_server_leaves_out_for_loss_are_not_missing_to_the_client() {
    let mut pair = Pair::with(config(TransportChoice::Udp), server::Config::DEFAULT, Clip::new(1_000));
    pair.client.play(None);
    let mut random = 8;
    let lossy = std::rc::Rc::new(std::cell::Cell::new(true));
    let fate = lossy.clone();
    pair.fate = Box::new(move |datagram| {
        let rtp = datagram.to_client && datagram.port == Port::Rtp;
        let lost = fate.get() && rtp && split_mix(&mut random).is_multiple_of(5);
        if lost { Vec::new() } else { after(3) }
    });
    pair.run(Duration::from_secs(10));
    lossy.set(false);
    pair.run(Duration::from_secs(20));
    let before = whole(&pair).len();
    assert!(pair.run_to(MINUTE, is_ended));
    let whole = whole(&pair);
    assert!(whole[before..].is_sorted_by(|a, b| a + 1 == *b), "all again: {whole:?}");
    let figures = figures(&pair);
    pair.client.teardown();
    assert!(pair.run_to(MINUTE, |event| *event == Event::Closed));
    pair.run(Duration::from_millis(100));
    let [(_, summary)] = pair.closed_by_server[..] else { panic!("one session") };
    assert_eq!((summary.frames + summary.frames_thinned, summary.frames_skipped), (1_000, 0));
    assert!(summary.frames_thinned > 100, "{summary:?}");
    let seen = figures.frames_complete + figures.frames_damaged;
    assert_eq!(seen + figures.frames_missing + figures.frames_skipped, 1_000);
    // The first few frames after each change of the rate can be taken for missing.
    assert!((seen + figures.frames_missing).abs_diff(summary.frames) < 10, "{figures:?} of {summary:?}");
}

#[test]
fn interleaved_media_are_reported_on_in_the_connection() {
    let mut pair = pair(TransportChoice::Tcp, 500);
    assert!(pair.run_to(MINUTE, is_ended));
    // On channel 1, a receiver report with one block, and the canonical name.
    let reports =
        pair.requests.windows(6).filter(|bytes| matches!(bytes, [b'$', 1, 0, 60, 0x81, 201])).count();
    assert!((3..10).contains(&reports), "{reports} reports");
}

#[test]
fn teardown_ends_it_at_any_time() {
    for millis in 0..60 {
        for transport in [TransportChoice::Udp, TransportChoice::Tcp] {
            let mut pair = pair(transport, 50);
            pair.max_write = 50;
            pair.run(Duration::from_millis(millis));
            pair.client.teardown();
            assert!(pair.run_to(MINUTE, |event| *event == Event::Closed));
            assert_eq!(pair.client.poll_event(Default::default()), None);
        }
    }
}

#[test]
fn a_lost_connection_is_a_failure_but_not_after_the_end() {
    let mut pair = pair(TransportChoice::Tcp, 20);
    pair.run(Duration::from_millis(300));
    let now = crate::time::Now { at: pair.now, ..Default::default() };
    pair.client.disconnected(now, &mut pair.album);
    assert_eq!(pair.client.poll_event(now), Some(Event::Failed(ClientError::Disconnected)));

    let mut pair = self::pair(TransportChoice::Tcp, 20);
    assert!(pair.run_to(MINUTE, is_ended));
    let now = crate::time::Now { at: pair.now, ..Default::default() };
    pair.client.disconnected(now, &mut pair.album);
    assert_eq!(pair.client.poll_event(now), Some(Event::Closed));
    assert_eq!(pair.client.poll_event(now), None);
}

#[test]
fn a_server_that_says_bye_and_hangs_up_has_ended() {
    let mut pair = pair(TransportChoice::Udp, 50);
    pair.run(Duration::from_millis(300));
    while pair.client.poll_event(Default::default()).is_some() {}
    pair.server.close();
    // BYE is there; packets that it overtook are still waited for.
    pair.run(Duration::from_millis(10));
    let now = crate::time::Now { at: pair.now, ..Default::default() };
    assert_eq!(pair.client.poll_event(now), None);
    pair.client.disconnected(now, &mut pair.album);
    assert_eq!(pair.client.poll_event(now), Some(Event::Ended));
    assert_eq!(pair.client.poll_event(now), Some(Event::Closed));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn every_frame_is_accounted_for_on_any_link(
        seed: u64,
        loss in 0u64..30,
        late in 0u64..30,
        repeat in 0u64..30,
        pauses in prop::collection::vec(50u64..900, 0..3),
    ) {
        let mut pair = pair(TransportChoice::Udp, 60);
        let mut random = seed;
        pair.fate = Box::new(move |datagram| {
            let dice = split_mix(&mut random);
            let mut arrivals = Vec::new();
            if !datagram.to_client || datagram.port == Port::Rtcp || dice % 100 >= loss {
                arrivals.extend(after(if dice >> 16 & 127 < late { 40 } else { 2 }));
            }
            if dice >> 32 & 127 < repeat {
                arrivals.extend(after(5));
            }
            arrivals
        });
        for pause in pauses {
            pair.run(Duration::from_millis(pause));
            pair.client.pause();
            pair.run(Duration::from_millis(pause));
            pair.client.play(None);
        }
        prop_assert!(pair.run_to(MINUTE, is_ended));
        let seen = whole(&pair);
        prop_assert!(seen.is_sorted());
        let figures = figures(&pair);
        prop_assert_eq!(seen.len() as u64, figures.frames_complete);
        let frames = figures.frames_complete + figures.frames_damaged + figures.frames_missing;
        prop_assert!(frames <= 60 && figures.frames_skipped == 0, "{:?}", figures);
        if loss == 0 {
            prop_assert_eq!((seen.len(), figures.lost), (60, 0));
        }
    }
}
