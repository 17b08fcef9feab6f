//! The client against packets that other servers send, and against bytes that no server should send.
use super::pair::{Album, Clip};
use super::script::{OPTIONS, PLAY, SDP, Script, TCP, bye, described, framed, packets};
use crate::client::{Event, Port, TransportChoice};
use crate::frame::Seek;
use crate::rtp;
use crate::rtsp::Pair;
use crate::time::{Duration, MediaTime};
use proptest::prelude::*;
use std::string::{String, ToString};
use std::vec;
use std::vec::Vec;

#[test]
fn another_source_is_taken_after_two_packets_and_time_goes_on() {
    let clip = Clip::new(6);
    let mut script = Script::playing();
    let next = script.frame(&clip, 0, 1, 10, 90_000);
    script.frame(&clip, 1, 1, next, 93_600);
    // A stray packet of somebody else changes nothing.
    script.bytes(&framed(4, &packets(&clip, 5, 3, 500, 7)[0]));
    // The first packet is what it costs.
    let next = script.frame(&clip, 2, 2, 40_000, 1_000_000);
    let next = script.frame(&clip, 3, 2, next, 1_003_600);
    script.frame(&clip, 4, 2, next, 1_007_200);
    let whole: Vec<_> =
        script.album.frames.iter().filter(|seen| seen.flags.integrity.is_complete()).collect();
    assert_eq!(whole.len(), 4);
    assert!(whole.iter().map(|seen| seen.pts).is_sorted_by(|a, b| a < b));
    assert_eq!(whole[3].pts.since(whole[2].pts), Duration::from_millis(40));
    assert_eq!(whole[3].data, clip.0[4].1);
    let figures = script.client.statistics(0).unwrap();
    assert_eq!(figures.frames_complete, 4);
}

#[test]
fn a_source_that_starts_anew_after_pause_loses_nothing() {
    let clip = Clip::new(4);
    let mut script = Script::playing();
    let next = script.frame(&clip, 0, 1, 10, 90_000);
    script.frame(&clip, 1, 1, next, 93_600);
    for (ssrc, seq) in [(1, 30_000), (2, 100)] {
        script.client.pause();
        script.request();
        script.reply(PLAY);
        assert!(script.events().contains(&Event::Paused));
        script.client.play(None);
        assert!(!script.request().contains("Range"));
        script.reply("RTSP/1.0 200 OK\r\nCSeq: {}\r\n\r\n");
        script.frame(&clip, 2, ssrc, seq, 5);
    }
    let frames = &script.album.frames;
    assert_eq!(frames.len(), 4);
    assert!(frames.iter().all(|seen| seen.flags.integrity.is_complete()));
    assert!(frames.iter().map(|seen| seen.pts.as_micros()).eq([0, 40_000, 80_000, 120_000]));
}

#[test]
fn silence_is_told_once_until_more_comes() {
    let clip = Clip::new(2);
    let mut script = Script::playing();
    let next = script.frame(&clip, 0, 1, 10, 90_000);
    for _ in 0..2 {
        script.pass(Duration::from_secs(10));
        assert_eq!(script.events(), [Event::Stalled]);
        script.pass(Duration::from_secs(5));
        assert_eq!(script.events(), []);
        script.frame(&clip, 1, 1, next, 93_600);
        script.said();
        script.reply("RTSP/1.0 200 OK\r\n\r\n");
    }
}

#[test]
fn a_packet_too_long_for_the_storage_is_dropped_and_the_next_one_used() {
    let clip = Clip::new(1);
    let mut script = Script::playing();
    let long = framed(4, &[0x80; 20_000]);
    script.bytes(&long[..5]);
    script.bytes(&long[5..]);
    script.frame(&clip, 0, 1, 10, 90_000);
    assert_eq!((script.client.dropped(), script.album.frames.len()), (1, 1));
}

#[test]
fn empty_packets_and_those_of_other_payload_types_are_no_frames() {
    let clip = Clip::new(2);
    let mut script = Script::playing();
    let next = script.frame(&clip, 0, 1, 10, 90_000);
    let mut packet = [0; 12];
    let repr = rtp::Repr { payload_type: 26, marker: false, sequence_number: next, timestamp: 0, ssrc: 1 };
    repr.emit(&mut packet);
    script.bytes(&framed(4, &packet));
    rtp::Repr { payload_type: 0, ..repr }.emit(&mut packet);
    script.bytes(&framed(4, &packet));
    script.frame(&clip, 1, 1, next.wrapping_add(1), 93_600);
    assert!(script.album.frames.iter().all(|seen| seen.flags.integrity.is_complete()));
    assert_eq!(script.album.frames.len(), 2);
}

/// The replies of a whole session, with media between.
fn session(clip: &Clip) -> Vec<Vec<u8>> {
    let media = |number: usize| {
        let packets = packets(clip, number, 1, number as u16 * 8, 90_000 + number as u32 * 3_600);
        packets.iter().flat_map(|packet| framed(4, packet)).collect::<Vec<_>>()
    };
    let play = PLAY.replace("\r\n\r\n", "\r\nRTP-Info: url=trackID=2;seq=0;rtptime=90000\r\n\r\n");
    vec![
        OPTIONS.into(),
        described(SDP).into_bytes(),
        TCP.into(),
        [play.as_bytes(), &media(0), b"\r\n", &media(1), &framed(5, &bye(1))].concat(),
    ]
}

fn watch(clip: &Clip, split: usize) -> (Vec<Event<'static>>, Album) {
    let mut script = Script::new(TransportChoice::Tcp);
    script.client.play(None);
    let (mut events, mut at) = (Vec::new(), 0);
    for (cseq, reply) in (1..).zip(session(clip)) {
        script.request();
        let reply = String::from_utf8_lossy(&reply)
            .find("{}")
            .map(|at| [&reply[..at], cseq.to_string().as_bytes(), &reply[at + 2..]].concat())
            .unwrap_or(reply);
        let here = split.saturating_sub(at).min(reply.len());
        script.bytes(&reply[..here]);
        script.bytes(&reply[here..]);
        at += reply.len();
        script.pass(Duration::ZERO);
        events.extend(script.events());
    }
    (events, script.album)
}

#[test]
fn where_the_connection_is_cut_changes_nothing() {
    let clip = Clip::new(2);
    let (events, album) = watch(&clip, 0);
    assert_eq!(album.frames.len(), 2);
    assert!(album.frames.iter().zip(&clip.0).all(|(seen, (_, data))| seen.data == *data));
    assert_eq!(events.last(), Some(&Event::Ended));
    let len = session(&clip).iter().map(Vec::len).sum();
    for split in 1..len {
        let (split_events, split_album) = watch(&clip, split);
        assert_eq!((&split_events, &split_album.frames), (&events, &album.frames), "at byte {split}");
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_at_any_point_never_panic(
        transport in prop_oneof![Just(TransportChoice::Auto), Just(TransportChoice::Tcp)],
        prefix in 0usize..4,
        pieces in prop::collection::vec((0u8..8, prop::collection::vec(any::<u8>(), 0..80), 0u64..3_000), 0..30),
    ) {
        let clip = Clip::new(2);
        let mut script = Script::new(transport);
        script.client.play(None);
        for reply in session(&clip).into_iter().take(prefix) {
            script.request();
            script.reply(&String::from_utf8_lossy(&reply));
            script.events();
            let _ = script.client.setup(0, Some(Pair { rtp: 1, rtcp: 2 }));
        }
        for (kind, bytes, millis) in pieces {
            let now = script.at();
            let tamper = |packet: &[u8]| {
                let mut packet = packet.to_vec();
                for (at, byte) in bytes.iter().enumerate() {
                    if let Some(to) = packet.get_mut(at * 7) {
                        *to ^= byte & 0x11;
                    }
                }
                packet
            };
            match kind {
                0 => script.bytes(&bytes),
                1 => script.bytes(&framed(4, &bytes)),
                2 => script.bytes(&framed(4, &tamper(&packets(&clip, 0, 1, 5, 7)[0]))),
                3 => script.bytes(&framed(5, &tamper(&bye(1)))),
                4 => script.client.handle_datagram(now, 0, Port::Rtp, &bytes, &mut script.album),
                5 => {
                    let reply = [b"RTSP/1.0 200 OK\r\n", &bytes[..], b"\r\n\r\n"].concat();
                    script.bytes(&reply);
                }
                6 => script.reply(&String::from_utf8_lossy(&tamper(PLAY.as_bytes()))),
                _ => script.client.play(Some(Seek::To(MediaTime::from_micros(millis)))),
            }
            script.pass(Duration::from_millis(millis));
            script.request();
            while let Some(pending) = script.client.poll_transmit(now) {
                pending.commit();
            }
            script.events();
            let _ = (script.client.poll_at(), script.client.statistics(0));
        }
    }

    #[test]
    fn arbitrary_datagrams_never_panic(
        datagrams in prop::collection::vec((any::<bool>(), prop::collection::vec(any::<u8>(), 0..60)), 0..40),
    ) {
        let mut script = Script::after(TransportChoice::Udp, &[OPTIONS, &described(SDP)]);
        script.said();
        let _ = script.client.setup(0, Some(Pair { rtp: 1, rtcp: 2 }));
        script.request();
        script.reply("RTSP/1.0 200 OK\r\nCSeq: {}\r\nSession: 1\r\nTransport: RTP/AVP;server_port=3-4\r\n\r\n");
        script.request();
        script.reply(PLAY);
        for (rtcp, mut bytes) in datagrams {
            // As far as the checks that would refuse nearly all.
            if let [first, second, ..] = &mut bytes[..] {
                *first = 0x80 | (*first & 0x1F);
                *second = if rtcp { 200 + (*second & 3) } else { 26 | (*second & 0x80) };
            }
            let now = script.at();
            let port = if rtcp { Port::Rtcp } else { Port::Rtp };
            script.client.handle_datagram(now, 0, port, &bytes, &mut script.album);
            script.pass(Duration::from_millis(20));
        }
    }
}
