use super::*;
use crate::frame::{FrameId, FrameStore, Integrity, TrackId};
use crate::jpeg::{Header, JpegInfo, Sampling};
use crate::receive::{Depacketizer, Pushed};
use crate::ring::{FrameRing, Slot};
use crate::time::{Duration, MediaTime};
use crate::wire::jpeg::Payload;
use crate::wire::rtp;
use proptest::prelude::*;
use std::vec;
use std::vec::Vec;

/// The least room that a server gives a payload: a packet of 548 bytes without its RTP header.
const MIN_ROOM: usize = 548 - rtp::HEADER_LEN;

fn file(header: &Header<'_>, scan: &[u8]) -> (Vec<u8>, JpegInfo) {
    let mut file = vec![0; Header::MAX_LEN];
    let info = header.emit(&mut file).unwrap();
    file.truncate(info.scan as usize);
    file.extend(scan);
    file.extend([0xFF, 0xD9]);
    (file, JpegInfo { scan_len: scan.len() as u32, ..info })
}

fn frame<'a>(data: &'a [u8], info: JpegInfo) -> Frame<'a> {
    let (pts, duration) = (MediaTime::ZERO, Duration::ZERO);
    Frame { data, format: Format::Jpeg(info), pts, duration, integrity: Integrity::Complete }
}

/// The payloads that a frame makes, in order.
fn payloads(frame: &Frame<'_>, room: usize) -> Vec<Vec<u8>> {
    let mut payloads = Vec::new();
    let mut next = Some(0);
    while let Some(offset) = next {
        let fragment = fragment(frame, offset, room).unwrap();
        payloads.push([&fragment.header[..fragment.header_len], &fragment.parts.concat()].concat());
        next = fragment.next;
    }
    payloads
}

fn real(bytes: &[u8]) -> (Vec<u8>, JpegInfo) {
    let inspected = crate::jpeg::inspect(bytes).unwrap();
    (bytes.into(), inspected.info)
}

#[test]
fn a_real_picture_with_restart_markers_says_so_in_every_packet() {
    let (data, info) = real(include_bytes!("../jpeg/testdata/cjpeg-422-restart-row.jpg"));
    let frame = frame(&data, info);
    for bytes in payloads(&frame, MIN_ROOM) {
        let payload = Payload::parse(&bytes).unwrap();
        let restart = payload.restart.unwrap();
        assert_eq!(restart.interval, info.restart_interval);
        // Not aligned to intervals: the whole frame is to be put together first (RFC 2435, 3.1.7).
        assert_eq!((restart.first, restart.last, restart.count), (true, true, None));
        assert_eq!(payload.tables.is_some(), payload.offset == 0);
    }
}

#[test]
fn a_frame_that_offsets_cannot_reach_is_not_sent() {
    let scan = vec![0; 1 << 24];
    let tables = [1; 64];
    let header = Header {
        width: 8,
        height: 8,
        sampling: Sampling::Yuv420,
        restart_interval: 0,
        luma: &tables,
        chroma: &tables,
    };
    let (data, info) = file(&header, &scan);
    assert_eq!(count(&frame(&data, info), 1388), 0);
    let most = JpegInfo { scan_len: info.scan_len - 1, ..info };
    assert_eq!(count(&frame(&data, most), 1388), ((1 << 24) - 1 - 1248_u32).div_ceil(1380) + 1);
}

#[test]
fn payloads_carry_the_static_type_of_jpeg() {
    let (_, info) = real(include_bytes!("../jpeg/testdata/cjpeg-420-q75.jpg"));
    assert_eq!(payload_type(&Format::Jpeg(info)), 26);
}

prop_compose! {
    fn pictures()(
        size in (1u16..3000, 1u16..3000), tall: bool, restart_interval in prop_oneof![Just(0), 1u16..],
        tables: [u8; 2], scan in prop::collection::vec(0u8..0xFF, 1..20_000),
    ) -> (Vec<u8>, JpegInfo) {
        let header = Header {
            width: size.0,
            height: size.1,
            sampling: if tall { Sampling::Yuv420 } else { Sampling::Yuv422 },
            restart_interval,
            luma: &[tables[0]; 64],
            chroma: &[tables[1]; 64],
        };
        file(&header, &scan)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn payloads_are_of_one_length_but_the_last_and_as_many_as_counted(
        picture in pictures(), room in MIN_ROOM..9000,
    ) {
        let frame = frame(&picture.0, picture.1);
        let payloads = payloads(&frame, room);
        prop_assert_eq!(payloads.len(), count(&frame, room) as usize);
        let (last, others) = payloads.split_last().unwrap();
        prop_assert!(others.iter().all(|payload| payload.len() == room));
        prop_assert!(last.len() <= room);
    }

    #[test]
    fn what_was_cut_is_put_together_again(picture in pictures(), room in MIN_ROOM..9000) {
        let (data, info) = picture;
        let payloads = payloads(&frame(&data, info), room);
        let mut ring = FrameRing::new([Slot::default(); 1], vec![0; data.len() + 100]);
        let mut depacketizer = Depacketizer::new(Some((info.width, info.height)));
        let last = payloads.len() - 1;
        for (n, payload) in payloads.iter().enumerate() {
            let repr = rtp::Repr {
                payload_type: 26, marker: n == last, sequence_number: n as u16, timestamp: 9, ssrc: 1,
            };
            let mut header = [0; rtp::HEADER_LEN];
            repr.emit(&mut header);
            let packet = [&header[..], payload].concat();
            let packet = rtp::Packet::new_checked(&packet[..]).unwrap();
            let pushed = depacketizer.push(0, &packet, 0, MediaTime::ZERO, &mut ring);
            prop_assert_eq!(pushed, Ok(if n == last { Pushed::Finished { complete: true } } else { Pushed::Stored }));
        }
        let received = ring.frame(TrackId::default(), FrameId(0)).unwrap();
        prop_assert_eq!(received.format, Format::Jpeg(info));
        prop_assert_eq!(received.data, &data[..]);
    }

    #[test]
    fn a_description_that_lies_never_panics(
        data in prop::collection::vec(any::<u8>(), 0..300), offset: u32, room in 0usize..2000,
        [luma_table, chroma_table, scan, scan_len] in [0u32..400, 0u32..400, 0u32..400, 0u32..400], restart_interval: u16,
    ) {
        let (width, height, sampling) = (9, 9, Sampling::Yuv422);
        let info = JpegInfo { width, height, sampling, restart_interval, luma_table, chroma_table, scan, scan_len };
        let frame = frame(&data, info);
        let _ = fragment(&frame, offset, room);
        let counted = count(&frame, room);
        // What is counted can be sent, from its first fragment to its last.
        let mut sent = 0;
        let mut next = Some(0).filter(|_| counted > 0);
        while let Some(offset) = next {
            next = fragment(&frame, offset, room).unwrap().next;
            sent += 1;
        }
        prop_assert_eq!(sent, counted);
    }
}
