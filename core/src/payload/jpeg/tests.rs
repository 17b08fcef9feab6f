use super::{DepacketizeError, Depacketizer, Payload};
use crate::codec::jpeg::{Header, JpegInfo, Sampling, TRACK};
use crate::frame::{ByteRange, Flags, Frame, FrameId, FrameRing, FrameStore, Integrity, Slot, TrackId};
use crate::payload::{Cursor, Packetizer, Pushed, payload_type};
use crate::rtp;
use proptest::prelude::*;
use std::vec;
use std::vec::Vec;

/// The least room that a server gives a payload: a packet of 548 bytes without its RTP header.
const MIN_ROOM: usize = 548 - rtp::HEADER_LEN;

fn file(header: &Header<'_>, scan: &[u8]) -> Vec<u8> {
    let mut file = vec![0; Header::MAX_LEN];
    let info = header.emit(&mut file).unwrap();
    file.truncate(info.scan as usize);
    file.extend(scan);
    file.extend([0xFF, 0xD9]);
    file
}

fn frame(data: &[u8]) -> Frame<'_> {
    Frame::intra(data, 0, 0)
}

fn packetizer<'a>(frame: &Frame<'a>, room: usize) -> Option<Packetizer<'a>> {
    Packetizer::new(&TRACK, frame, room)
}

/// The packets that a frame makes, in order.
fn packets(frame: &Frame<'_>, room: usize) -> Vec<Vec<u8>> {
    let (mut packets, mut sequence_number) = (Vec::new(), 0);
    let packetizer = packetizer(frame, room).unwrap();
    let mut next = Some(Cursor::START);
    while let Some(at) = next {
        let fragment = packetizer.fragment(at).unwrap();
        next = fragment.next;
        let (payload_type, marker) = (payload_type(&TRACK), fragment.marker);
        let repr = rtp::Repr { payload_type, marker, sequence_number, timestamp: 9, ssrc: 1 };
        let (mut header, mut extension) = ([0; rtp::HEADER_LEN], Vec::new());
        repr.emit(&mut header);
        if let Some(fields) = packetizer.extension(&fragment) {
            extension.resize(fields.repr().buffer_len(), 0);
            fields.repr().emit(&mut header, &mut extension).unwrap();
        }
        let mut head = [0; 16];
        let head_len = packetizer.emit_head(&fragment, &mut head).unwrap();
        let payload = [&head[..head_len], &packetizer.parts(&fragment).unwrap().concat()].concat();
        assert_eq!((payload.len(), extension.len()), (fragment.payload, fragment.extension));
        packets.push([&header[..], &extension, &payload].concat());
        sequence_number = sequence_number.wrapping_add(1).wrapping_add(fragment.skip_after);
    }
    packets
}

#[test]
fn a_real_picture_with_restart_markers_says_so_in_every_packet() {
    let data = include_bytes!("../../codec/jpeg/testdata/cjpeg-422-restart-row.jpg");
    let (frame, info) = (frame(data), JpegInfo::locate(data).unwrap());
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
    let mut data = file(&header, &scan);
    assert!(packetizer(&frame(&data), 1388).is_none());
    data.pop();
    data.pop();
    data.pop();
    let packetizer = packetizer(&frame(&data), 1388).unwrap();
    assert_eq!(packetizer.count(), ((1 << 24) - 1 - 1248_u32).div_ceil(1380) + 1);
}

#[test]
fn a_size_that_the_header_cannot_say_stands_in_the_extension_of_the_first_packet() {
    let tables = [1; 64];
    for (width, height, extended) in
        [(2040, 8, false), (640, 360, false), (2048, 8, true), (641, 360, true), (8, 65_535, true)]
    {
        let (sampling, restart_interval) = (Sampling::Yuv420, 0);
        let header = Header { width, height, sampling, restart_interval, luma: &tables, chroma: &tables };
        let data = file(&header, &[0; 2_000]);
        let packets = packets(&frame(&data), MIN_ROOM);
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

prop_compose! {
    fn pictures()(
        size in (1u16..3000, 1u16..3000), tall: bool, restart_interval in prop_oneof![Just(0), 1u16..],
        tables: [u8; 2], scan in prop::collection::vec(0u8..0xFF, 1..20_000),
    ) -> Vec<u8> {
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
        let frame = frame(&picture);
        let packets = packets(&frame, room);
        prop_assert_eq!(packets.len(), packetizer(&frame, room).unwrap().count() as usize);
        let (last, others) = packets.split_last().unwrap();
        let length = rtp::HEADER_LEN + room;
        prop_assert!(others.iter().all(|packet| packet.len() == length));
        prop_assert!(last.len() <= length);
    }

    #[test]
    fn what_was_cut_is_put_together_again(picture in pictures(), room in MIN_ROOM..9000) {
        let packets = packets(&frame(&picture), room);
        let mut ring = FrameRing::new(TRACK, [Slot::EMPTY; 1], vec![0; picture.len() + 100]);
        // The packets alone tell the size, whatever it is.
        let mut depacketizer = Depacketizer::new(None);
        let last = packets.len() - 1;
        for (n, packet) in packets.iter().enumerate() {
            let packet = rtp::Packet::new_checked(&packet[..]).unwrap();
            let pushed = depacketizer.push(0, &packet, 0, 0, &mut ring);
            prop_assert_eq!(pushed, Ok(if n == last { Pushed::Finished { complete: true } } else { Pushed::Stored }));
        }
        prop_assert_eq!(ring.frame(TrackId::default(), FrameId(0)).unwrap(), frame(&picture));
    }

    #[test]
    fn any_bytes_are_cut_or_refused(
        mut data in pictures(), cut in 0usize..3_000, at in 0usize..700, byte: u8, unit: u32, offset: u32,
        room in 0usize..2000, missing in prop::collection::vec((0u32..3_000, 0u32..3_000), 0..3),
    ) {
        data.truncate(cut);
        if let Some(damaged) = data.get_mut(at) {
            *damaged = byte;
        }
        let missing: Vec<_> = missing.into_iter().map(|(start, end)| ByteRange::new(start, end)).collect();
        let frame = Frame { missing: &missing, ..frame(&data) };
        let Some(packetizer) = packetizer(&frame, room) else { return Ok(()) };
        if let Some(fragment) = packetizer.fragment(Cursor { unit, at: offset }) {
            let _ = (packetizer.parts(&fragment), packetizer.extension(&fragment));
            let _ = packetizer.emit_head(&fragment, &mut [0; 10]);
        }
        // What is counted can be sent, from its first fragment to its last.
        let (mut sent, mut next) = (0, Some(Cursor::START));
        while let Some(at) = next {
            let fragment = packetizer.fragment(at).unwrap();
            prop_assert!(packetizer.parts(&fragment).is_some());
            prop_assert!(fragment.next.is_none_or(|next| next.at > at.at));
            next = fragment.next;
            sent += 1;
        }
        prop_assert!(!missing.is_empty() || sent == packetizer.count());
    }

    /// A frame with holes that is sent on: who gets it next has the same holes, and no others.
    #[test]
    fn holes_are_sent_on_as_holes(
        lost in prop::collection::vec(prop::bool::weighted(0.15), 24), room in MIN_ROOM..1_400, onward in MIN_ROOM..1_400,
    ) {
        let file = include_bytes!("../../codec/jpeg/testdata/cjpeg-422-restart-row.jpg");
        let small = 100 + room % 100;
        let received = |packets: Vec<Vec<u8>>, lost: &dyn Fn(usize) -> bool| {
            let mut ring = FrameRing::new(TRACK, [Slot::EMPTY; 2], vec![0; 4 * file.len()]);
            let (mut depacketizer, mut expected) = (Depacketizer::new(None), 0);
            for (n, bytes) in packets.iter().enumerate() {
                let packet = rtp::Packet::new_checked(&bytes[..]).unwrap();
                if lost(n) {
                    continue;
                }
                let gap = packet.sequence_number().wrapping_sub(expected);
                expected = packet.sequence_number().wrapping_add(1);
                let stored = depacketizer.push(0, &packet, gap, 0, &mut ring);
                let _: Result<Pushed, DepacketizeError> = stored;
            }
            depacketizer.finish_open(0, &mut ring);
            ring
        };
        // The first packet carries the tables; nothing can be made without them.
        let first = received(packets(&frame(file), small), &|n| n > 0 && lost[n % lost.len()]);
        let frame = first.frame(TrackId::default(), FrameId(0)).unwrap();
        prop_assume!(frame.flags.integrity != Integrity::Damaged);
        // Of a frame without any scan nothing can be sent on.
        let scan = JpegInfo::locate(frame.data).unwrap().scan;
        prop_assume!(frame.missing.first() != Some(&ByteRange::new(scan, frame.data.len() as u32 - 2)));
        let second = received(packets(&frame, onward), &|_| false);
        let again = second.frame(TrackId::default(), FrameId(0)).unwrap();
        let expected: Flags = frame.flags;
        prop_assert_eq!(again.flags, expected);
        // Holes may grow together, where it cannot be told how long each was.
        let end = again.data.len() as u32 - 2;
        let is_in = |inner: &ByteRange, outer: &ByteRange| {
            outer.start() <= inner.start() && (inner.end() <= outer.end() || outer.end() == end)
        };
        for before in frame.missing {
            prop_assert!(again.missing.iter().any(|after| is_in(before, after)), "{:?} {:?}", frame.missing, again.missing);
        }
        if let ([before], [after]) = (frame.missing, again.missing) {
            prop_assert!(before == after || (before.start() == after.start() && after.end() == end));
        }
        let is_missing = |at: usize| again.missing.iter().any(|range| (range.start()..range.end()).contains(&(at as u32)));
        for (at, byte) in again.data.iter().enumerate().take(end as usize) {
            prop_assert!(is_missing(at) || *byte == frame.data[at], "byte {}", at);
        }
    }
}
