//! A client whose path stands still shortly before the end of what it watches.
use super::pair::{Clip, Pair};
use crate::client::{Config, Event, PlayOptions, TransportChoice};
use crate::rtsp::Scale;
use crate::server;
use crate::time::{Duration, Instant};
use std::vec::Vec;

const MINUTE: Duration = Duration::from_secs(60);

fn playing(transport: TransportChoice, scale: i32) -> Pair {
    let config = Config { transport, ..Config::DEFAULT };
    let mut pair = Pair::with(config, server::Config::DEFAULT, Clip::new(150));
    let scale = Scale::from_thousandths(scale).unwrap();
    pair.client.play_with(PlayOptions { scale, ..PlayOptions::default() });
    pair
}

/// The numbers of the frames that came, which are whole.
fn whole(pair: &Pair) -> Vec<usize> {
    let frames = pair.album.frames.iter().inspect(|seen| assert!(seen.flags.integrity.is_complete()));
    frames.map(|seen| pair.clip.0.iter().position(|(_, data)| *data == seen.data).unwrap()).collect()
}

/// When the client was told of the end.
fn ended_at(pair: &Pair) -> Option<Instant> {
    pair.events.iter().find_map(|(at, event)| (*event == Event::Ended).then_some(*at))
}

#[test]
fn the_last_frame_comes_after_any_stall_and_bye_after_it() {
    for (transport, scale) in [
        (TransportChoice::Tcp, 1_000),
        (TransportChoice::Tcp, -1_000),
        (TransportChoice::Tcp, 4_000),
        (TransportChoice::Udp, 1_000),
        (TransportChoice::Udp, -1_000),
    ] {
        let mut undisturbed = playing(transport, scale);
        assert!(undisturbed.run_to(MINUTE, |event| *event == Event::Ended));
        let (end, all) = (undisturbed.now, whole(&undisturbed));
        for stall in 1..=10 {
            for before in [1_000, 100, 45, 10] {
                let mut pair = playing(transport, scale);
                pair.run(end.since(Instant::from_micros(before * 1_000)));
                let missing = all.len() - whole(&pair).len();
                let until = pair.now + Duration::from_secs(stall);
                match transport {
                    TransportChoice::Udp => pair.full_until = until,
                    _ => pair.stalled_until = until,
                }
                pair.run(MINUTE);
                let case = std::format!("{transport:?} at {scale}: {stall} s, {before} ms before the end");
                let came = whole(&pair);
                assert_eq!(came.last(), all.last(), "{case}: {came:?}");
                let ended = ended_at(&pair).expect("an end");
                // By BYE: silence takes longer. Silence is the end where the last frame alone is missing, or where
                // no datagrams come.
                let late = ended.since(until);
                assert!(late < Duration::from_millis(500), "{case}: {late:?}");
                assert!(transport == TransportChoice::Udp || missing <= 1 || ended >= until, "{case}");
            }
        }
    }
}
