//! Feeds packets in any order and with any payload to a depacketizer. The frames that it completes
//! must be as it describes them, and must be readable after mending; a payload that is a JPEG file of the sender's
//! stays what it is. Another depacketizer takes the same
//! payloads as PCM audio.
#![no_main]
use libfuzzer_sys::fuzz_target;
use pinhole::codec::Codec;
use pinhole::codec::jpeg::{JpegInfo, MendError, Missing, TRACK, inspect, mend, mend_max_len};
use pinhole::codec::pcm::{Pcm, Sample};
use pinhole::frame::{FrameId, FrameRing, FrameStore, Integrity, Slot, TrackId, TrackInfo};
use pinhole::payload::jpeg::Depacketizer;
use pinhole::payload::{self, Pushed};
use pinhole::rtp;

/// Timestamp, marker, packets lost before it, and payload.
type Sent<'a> = (u8, bool, u8, &'a [u8]);

fuzz_target!(|input: (Option<(u16, u16)>, Vec<Sent<'_>>)| {
    let (dimensions, packets) = input;
    let has_files = packets.iter().any(|(.., payload)| payload.windows(2).any(|bytes| bytes == [0xFF, 0xD8]));
    let mut ring = FrameRing::new(TRACK, [Slot::EMPTY; 4], vec![0; 100_000]);
    let mut depacketizer = Depacketizer::new(dimensions);
    let stereo = Pcm { sample: Sample::L16, channels: 2 };
    let mut sound =
        FrameRing::new(TrackInfo::new(Codec::Pcm(stereo), 44_100), [Slot::EMPTY; 4], vec![0; 100_000]);
    let mut sound_depacketizer = payload::Depacketizer::new(Codec::Pcm(stereo), None);
    for (timestamp, marker, gap, payload) in packets {
        let timestamp = u32::from(timestamp);
        let repr = rtp::Repr { payload_type: 26, marker, sequence_number: 0, timestamp, ssrc: 0 };
        let mut header = [0; rtp::HEADER_LEN];
        repr.emit(&mut header);
        let bytes = [&header[..], payload].concat();
        let packet = rtp::Packet::new_checked(&bytes[..]).unwrap();
        let heard = sound_depacketizer.push(0, &packet, u16::from(gap), 0, &mut sound);
        assert_eq!(heard.is_ok(), payload.len() % stereo.instant_len() == 0);
        let before = ring.frames().end;
        let pushed = depacketizer.push(0, &packet, u16::from(gap), 0, &mut ring);
        let (FrameId(first), FrameId(next)) = (ring.frames().start, ring.frames().end);
        if matches!(pushed, Ok(Pushed::Finished { .. })) {
            assert!(next > before.0);
        }
        for id in before.0.max(first)..next {
            let frame = ring.frame(TrackId::default(), FrameId(id)).unwrap();
            let located = JpegInfo::locate(frame.data);
            assert!(has_files || located.is_some(), "a normalised file");
            let Some(info) = located else { continue };
            let end = info.scan as usize + info.scan_len as usize;
            assert!(has_files || frame.data.len() == end + 2);
            assert!(has_files || frame.data.starts_with(b"\xFF\xD8") && frame.data.ends_with(b"\xFF\xD9"));
            // The scan may be anything; all before it is this crate's own.
            let _ = inspect(frame.data);
            if frame.flags.integrity == Integrity::Partial {
                // The scan may have markers that no sender would put there.
                let Some(missing) = Missing::locate(frame.data, &info, frame.missing) else { continue };
                assert!(missing.areas(&info).next().is_some());
                let mut out = vec![0; mend_max_len(&info, &missing, frame.data.len())];
                match mend(frame.data, &info, &missing, &mut out) {
                    Ok(len) => assert!(inspect(&out[..len]).is_ok()),
                    Err(error) => assert_ne!(error, MendError::OutputFull),
                }
            }
        }
    }
    depacketizer.finish_open(0, &mut ring);
});
