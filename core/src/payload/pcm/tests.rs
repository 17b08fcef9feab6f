use super::*;
use crate::codec::Codec;
use crate::codec::jpeg::{self, Header, Sampling};
use crate::codec::pcm::Sample;
use crate::frame::{FrameId, FrameRing, FrameStore, Integrity, Seek, Slot, TrackId, TrackInfo};
use crate::payload::payload_type;
use crate::rtp::{Framing, Handled, Play, Port, Receiver, ReceiverConfig, Sender, SenderConfig};
use crate::time::{Duration, Instant, MediaTime, Now, NtpTime};
use proptest::prelude::*;
use std::vec;
use std::vec::Vec;

const STEREO: TrackInfo<'static> =
    TrackInfo::new(Codec::Pcm(Pcm { sample: Sample::L16, channels: 2 }), 44_100);
const PHONE: TrackInfo<'static> =
    TrackInfo::new(Codec::Pcm(Pcm { sample: Sample::Pcmu, channels: 1 }), 8_000);
const T: TrackId = TrackId { media: 0, track: 0 };

type Ring = FrameRing<Vec<Slot>, Vec<u8>>;

fn ring(info: TrackInfo<'static>) -> Ring {
    FrameRing::new(info, vec![Slot::EMPTY; 1_000], vec![0; 2 << 20])
}

/// A JPEG file of 64 x 48 pixels.
fn picture(number: u8) -> Vec<u8> {
    let tables = [16; 64];
    let (sampling, restart_interval) = (Sampling::Yuv420, 0);
    let header = Header { width: 64, height: 48, sampling, restart_interval, luma: &tables, chroma: &tables };
    let mut file = vec![0; Header::MAX_LEN];
    let scan = header.emit(&mut file).unwrap().scan as usize;
    file.truncate(scan);
    file.extend([number; 3_000]);
    file.extend([0xFF, 0xD9]);
    file
}

fn now(micros: u64) -> Now {
    let at = Instant::from_micros(5_000_000 + micros);
    Now { at, ntp: NtpTime::from_unix(Duration::from_micros(1_700_000_000_000_000 + micros)) }
}

/// What is sent of a store in seven seconds, as it is due: when each packet leaves, and to which port.
fn sent(store: &Ring, random: u64, play: Play) -> Vec<(u64, Port, Vec<u8>)> {
    let config = SenderConfig {
        track: T,
        framing: Framing::Datagram,
        max_packet: 1_400,
        late: Duration::from_secs(9),
        adapt: false,
        live_burst: SenderConfig::DEFAULT_LIVE_BURST,
        cname: 5,
        ssrc: (random >> 32) as u32,
        sequence_number: random as u16,
        timestamp: (random >> 16) as u32,
    };
    let mut sender = Sender::new(now(0), config);
    sender.play(play, store).unwrap();
    let (mut packets, mut out) = (Vec::new(), [0; 2_000]);
    for micros in (0..7_000_000).step_by(1_000) {
        while let Some(mut transmit) = sender.poll_transmit(now(micros), store) {
            let port = transmit.port();
            let batch = transmit.emit(1, &mut out).unwrap();
            packets.push((micros, port, out[..batch.len].to_vec()));
            transmit.commit(1);
        }
    }
    packets
}

fn received(packets: &[(u64, Port, Vec<u8>)], info: TrackInfo<'static>) -> (Receiver, Ring) {
    let mut receiver = Receiver::new(ReceiverConfig::new(info, payload_type(&info)), 9);
    let mut frames = ring(info);
    for (micros, port, bytes) in packets {
        let handled = receiver.handle_packet(now(*micros).at, *port, bytes, &mut [], &mut frames);
        assert_ne!(handled, Handled::Refused);
    }
    (receiver, frames)
}

#[test]
fn sound_and_pictures_share_one_clock() {
    let (mut video, mut audio) = (ring(jpeg::TRACK), ring(STEREO));
    // Six seconds of both. Sound comes in blocks of 1,024 instants, as sound cards give it.
    for n in 0..150u8 {
        video.push(&Frame::intra(&picture(n), u64::from(n) * 3_600, 3_600)).unwrap();
    }
    for n in 0..258u64 {
        let block: Vec<u8> = (0..1_024 * 4).map(|at| (at + n as usize) as u8).collect();
        audio.push(&Frame::intra(&block, n * 1_024, 1_024)).unwrap();
    }
    // Both begin with their first frames.
    video.keep_from(FrameId(0));
    let whole = Play { from: Some(Seek::To(MediaTime::ZERO)), ..Play::default() };
    let (pictures, pictures_came) = received(&sent(&video, 0x1234_5678_9ABC_DEF0, whole), jpeg::TRACK);
    let (sound, sound_came) = received(&sent(&audio, 0x0FED_CBA9_8765_4321, whole), STEREO);

    assert_eq!((pictures_came.frame_count(), pictures.statistics().frames_complete), (150, 150));
    let frames = |ring: &Ring| -> Vec<(u64, u32, Vec<u8>)> {
        let ids = ring.frames().start.0..ring.frames().end.0;
        ids.map(|id| ring.frame(T, FrameId(id)).unwrap())
            .map(|frame| (frame.time, frame.duration, frame.data.to_vec()))
            .collect()
    };
    // Each packet is a frame: samples follow each other without a gap.
    let (before, after) = (frames(&audio), frames(&sound_came));
    let samples = |frames: &[(u64, u32, Vec<u8>)]| {
        frames.iter().flat_map(|(_, _, data)| data.clone()).collect::<Vec<_>>()
    };
    assert_eq!(samples(&before), samples(&after));
    for pair in after.windows(2) {
        assert_eq!(pair[0].0 + u64::from(pair[0].1), pair[1].0);
    }
    assert_eq!(sound.statistics().frames_complete, after.len() as u64);

    // A second of sound is shown with the frame of that second, by the senders' reports.
    let (picture_clock, sound_clock) = (pictures.clock().unwrap(), sound.clock().unwrap());
    let mapped = picture_clock.map(90_000, 45_000, sound_clock, 44_100).unwrap();
    assert!(mapped.abs_diff(22_050) <= 45, "{mapped}");
}

#[test]
fn a_live_source_is_heard_from_its_newest_block() {
    let mut audio = ring(PHONE);
    for n in 0..4u64 {
        audio.push(&Frame::intra(&[n as u8; 160], n * 160, 160)).unwrap();
    }
    let live = Play { from: Some(Seek::Live), live: true, ..Play::default() };
    let packets = sent(&audio, 7, live);
    let (_, came) = received(&packets, PHONE);
    let frame = came.frame(T, FrameId(0)).unwrap();
    assert_eq!(
        (frame.data, frame.duration, frame.flags.integrity),
        (&[3; 160][..], 160, Integrity::Complete)
    );
}

#[test]
fn half_a_sample_is_refused() {
    let mut frames = ring(STEREO);
    let mut depacketizer = Depacketizer::new(Pcm { sample: Sample::L16, channels: 2 });
    let mut bytes = vec![0x80, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    bytes.extend([1, 2, 3]);
    let packet = rtp::Packet::new_checked(&bytes[..]).unwrap();
    let error = depacketizer.push(0, &packet, 0, &mut frames).unwrap_err();
    assert_eq!(error, DepacketizeError::Length { len: 3, instant: 4 });
    assert_eq!((depacketizer.counters().refused, frames.frame_count()), (1, 0));
}

#[test]
fn payload_types_are_the_static_ones() {
    let l16 = |channels, rate| TrackInfo::new(Codec::Pcm(Pcm { sample: Sample::L16, channels }), rate);
    let types = [STEREO, l16(1, 44_100), PHONE, l16(2, 48_000)].map(|info| payload_type(&info));
    assert_eq!(types, [10, 11, 0, 97]);
}

proptest! {
    #[test]
    fn payloads_are_whole_instants_and_all_of_them(
        channels in 0u8..9, pcmu: bool, len in 0usize..5_000, room in 0usize..1_500,
    ) {
        let pcm = Pcm { sample: if pcmu { Sample::Pcmu } else { Sample::L16 }, channels };
        let data: Vec<u8> = (0..len).map(|at| at as u8).collect();
        let frame = Frame::intra(&data, 0, 0);
        let Some(packetizer) = Packetizer::new(pcm, &frame, room) else {
            let instant = pcm.instant_len();
            prop_assert!(instant == 0 || room < instant || len == 0 || len % instant != 0);
            return Ok(());
        };
        let (mut came, mut next, mut count) = (Vec::new(), Some(Cursor::START), 0);
        while let Some(at) = next {
            let fragment = packetizer.fragment(at).unwrap();
            prop_assert_eq!(fragment.ticks as usize * pcm.instant_len(), came.len());
            prop_assert!(fragment.payload <= room && fragment.payload.is_multiple_of(pcm.instant_len()));
            came.extend(packetizer.parts(&fragment).unwrap().concat());
            (next, count) = (fragment.next, count + 1);
        }
        prop_assert_eq!((came, count), (data.clone(), packetizer.count()));
    }
}
