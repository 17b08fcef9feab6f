use crate::codec::jpeg::{Header, JpegInfo, Sampling};
use crate::frame::{Format, Frame};
use crate::frame::{FrameId, FrameStore, TrackId};
use crate::frame::{FrameRing, Slot};
use crate::payload::Cut;
use crate::payload::jpeg::Payload;
use crate::payload::jpeg::{Depacketizer, Pushed};
use crate::rtp;
use crate::time::{Duration, MediaTime};
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
    Frame::jpeg(data, info, MediaTime::ZERO, Duration::ZERO)
}

/// The packets that a frame makes, in order.
fn packets(frame: &Frame<'_>, room: usize) -> Vec<Vec<u8>> {
    let mut packets = Vec::new();
    let cut = Cut::new(frame, room).unwrap();
    let mut next = Some(0);
    while let Some(offset) = next {
        let span = cut.span(offset).unwrap();
        next = span.next;
        let (marker, sequence_number) = (next.is_none(), packets.len() as u16);
        let repr = rtp::Repr { payload_type: 26, marker, sequence_number, timestamp: 9, ssrc: 1 };
        let (mut header, mut extension) = ([0; rtp::HEADER_LEN], Vec::new());
        repr.emit(&mut header);
        if let Some(fields) = cut.extension(offset) {
            extension.resize(fields.repr().buffer_len(), 0);
            fields.repr().emit(&mut header, &mut extension).unwrap();
        }
        let mut head = [0; 16];
        let head_len = cut.emit_head(offset, &mut head).unwrap();
        let payload = [&head[..head_len], &cut.parts(&span).unwrap().concat()].concat();
        assert_eq!((payload.len(), extension.len()), (span.payload, span.extension));
        packets.push([&header[..], &extension, &payload].concat());
    }
    packets
}

fn real(bytes: &[u8]) -> (Vec<u8>, JpegInfo) {
    let inspected = crate::codec::jpeg::inspect(bytes).unwrap();
    (bytes.into(), inspected.info)
}

#[test]
fn a_real_picture_with_restart_markers_says_so_in_every_packet() {
    let (data, info) = real(include_bytes!("../../codec/jpeg/testdata/cjpeg-422-restart-row.jpg"));
    let frame = frame(&data, info);
    for bytes in packets(&frame, MIN_ROOM) {
        let packet = rtp::Packet::new_checked(&bytes[..]).unwrap();
        let payload = Payload::parse(packet.payload()).unwrap();
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
    assert!(Cut::new(&frame(&data, info), 1388).is_none());
    let most = JpegInfo { scan_len: info.scan_len - 1, ..info };
    let cut = Cut::new(&frame(&data, most), 1388).unwrap();
    assert_eq!(cut.count(), ((1 << 24) - 1 - 1248_u32).div_ceil(1380) + 1);
}

#[test]
fn a_size_that_the_header_cannot_say_stands_in_the_extension_of_the_first_packet() {
    let tables = [1; 64];
    for (width, height, extended) in
        [(2040, 8, false), (640, 360, false), (2048, 8, true), (641, 360, true), (8, 65_535, true)]
    {
        let (sampling, restart_interval) = (Sampling::Yuv420, 0);
        let header = Header { width, height, sampling, restart_interval, luma: &tables, chroma: &tables };
        let (data, info) = file(&header, &[0; 2_000]);
        let packets = packets(&frame(&data, info), MIN_ROOM);
        let extensions: Vec<_> = packets
            .iter()
            .map(|bytes| {
                rtp::Packet::new_checked(&bytes[..]).unwrap().extension().map(|(p, d)| (p, d.to_vec()))
            })
            .collect();
        let at = data.windows(2).position(|bytes| bytes == [0xFF, 0xC0]).unwrap();
        let sof = &data[at..at + 19];
        let expected = (0xFFD8, [sof, &[0xFF]].concat());
        assert_eq!(extensions[0], extended.then_some(expected), "{width}x{height}");
        assert!(extensions[1..].iter().all(Option::is_none));
    }
}

#[test]
fn payloads_carry_the_static_type_of_jpeg() {
    let (data, info) = real(include_bytes!("../../codec/jpeg/testdata/cjpeg-420-q75.jpg"));
    assert_eq!(Cut::new(&frame(&data, info), MIN_ROOM).unwrap().payload_type(), 26);
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
    fn packets_are_of_one_length_but_the_last_and_as_many_as_counted(
        picture in pictures(), room in MIN_ROOM..9000,
    ) {
        let frame = frame(&picture.0, picture.1);
        let packets = packets(&frame, room);
        prop_assert_eq!(packets.len(), Cut::new(&frame, room).unwrap().count() as usize);
        let (last, others) = packets.split_last().unwrap();
        let length = rtp::HEADER_LEN + room;
        prop_assert!(others.iter().all(|packet| packet.len() == length));
        prop_assert!(last.len() <= length);
    }

    #[test]
    fn what_was_cut_is_put_together_again(picture in pictures(), room in MIN_ROOM..9000) {
        let (data, info) = picture;
        let packets = packets(&frame(&data, info), room);
        let mut ring = FrameRing::new([Slot::default(); 1], vec![0; data.len() + 100]);
        // The packets alone tell the size, whatever it is.
        let mut depacketizer = Depacketizer::new(None);
        let last = packets.len() - 1;
        for (n, packet) in packets.iter().enumerate() {
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
        let Some(cut) = Cut::new(&frame, room) else { return Ok(()) };
        let _ = cut.span(offset).map(|span| cut.parts(&span));
        let _ = (cut.extension(offset), cut.emit_head(offset, &mut [0; 10]));
        // What is counted can be sent, from its first fragment to its last.
        let mut sent = 0;
        let mut next = Some(0);
        while let Some(offset) = next {
            let span = cut.span(offset).unwrap();
            prop_assert!(cut.parts(&span).is_some());
            next = span.next;
            sent += 1;
        }
        prop_assert_eq!(sent, cut.count());
    }
}
