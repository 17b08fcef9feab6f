use super::super::header;
use super::*;
use crate::codec::jpeg::{inspect, mend};
use crate::frame::Full;
use crate::payload::jpeg::{HeaderRepr, Restart, Tables};
use proptest::prelude::*;
use std::vec::Vec;

const LUMA: [u8; 64] = [16; 64];
const CHROMA: [u8; 64] = [17; 64];
const PICTURE: HeaderRepr<'static> = HeaderRepr {
    offset: 0,
    sampling: Sampling::Yuv420,
    restart: None,
    q: 255,
    width: 64,
    height: 48,
    tables: Some(Tables { luma: &LUMA, chroma: &CHROMA }),
};

/// A frame that was finished.
#[derive(Clone)]
struct Done {
    time: u64,
    data: Vec<u8>,
    integrity: Integrity,
    missing: Vec<ByteRange>,
}

impl Done {
    fn info(&self) -> JpegInfo {
        JpegInfo::locate(&self.data).unwrap()
    }

    fn scan(&self) -> &[u8] {
        let info = self.info();
        &self.data[info.scan as usize..][..info.scan_len as usize]
    }
}

/// Keeps every frame that was finished, and refuses those larger than `limit`.
#[derive(Default)]
struct Frames {
    open: Option<(u64, Vec<u8>)>,
    done: Vec<Done>,
    limit: Option<usize>,
}

impl FrameSink for Frames {
    fn begin(&mut self, _: u8, time: u64) -> Result<(), Full> {
        self.open = Some((time, Vec::new()));
        Ok(())
    }

    fn write_at(&mut self, _: u8, at: usize, bytes: &[u8]) -> Result<(), Full> {
        let (_, frame) = self.open.as_mut().ok_or(Full)?;
        let end = at + bytes.len();
        if self.limit.is_some_and(|limit| end > limit) {
            return Err(Full);
        }
        frame.resize(frame.len().max(end), 0);
        frame[at..end].copy_from_slice(bytes);
        Ok(())
    }

    fn finish(&mut self, _: u8, end: FrameEnd<'_>) {
        let (time, mut data) = self.open.take().unwrap();
        data.truncate(end.len);
        let (integrity, missing) = (end.flags.integrity, end.missing.to_vec());
        self.done.push(Done { time, data, integrity, missing });
    }

    fn abandon(&mut self, _: u8) {
        self.open = None;
    }
}

struct Bench {
    depacketizer: Depacketizer,
    frames: Frames,
}

fn bench() -> Bench {
    Bench { depacketizer: Depacketizer::new(None), frames: Frames::default() }
}

impl Bench {
    fn push(&mut self, gap: u16, packet: &[u8]) -> Result<Pushed, DepacketizeError> {
        let packet = rtp::Packet::new_checked(packet).unwrap();
        let time = u64::from(packet.timestamp());
        self.depacketizer.push(0, &packet, gap, time, &mut self.frames)
    }

    fn counts(&self) -> [u64; 4] {
        let DepacketizerCounters { complete, damaged, abandoned, refused, .. } = self.depacketizer.counters();
        [complete, damaged, abandoned, refused]
    }

    /// The last frame's scan, whether it is complete, and its size in pixels.
    fn last(&self) -> (&[u8], bool, (u16, u16)) {
        let done = self.frames.done.last().unwrap();
        let (info, scan) = (done.info(), done.scan());
        assert_eq!(done.data[info.scan as usize + scan.len()..], EOI);
        (scan, done.integrity.is_complete(), (info.width, info.height))
    }
}

fn packet(timestamp: u32, marker: bool, header: HeaderRepr<'_>, data: &[u8]) -> Vec<u8> {
    let rtp = rtp::Repr { payload_type: 26, marker, sequence_number: 0, timestamp, ssrc: 1 };
    let mut out = std::vec![0; rtp::HEADER_LEN + header.buffer_len()];
    let (head, rest) = out.split_first_chunk_mut().unwrap();
    rtp.emit(head);
    header.emit(rest).unwrap();
    out.extend(data);
    out
}

/// A frame's packets, with `size` bytes of `scan` each.
fn packets(timestamp: u32, header: HeaderRepr<'_>, scan: &[u8], size: usize) -> Vec<Vec<u8>> {
    let count = scan.len().div_ceil(size);
    let part = |(i, data): (usize, &[u8])| {
        packet(timestamp, i + 1 == count, HeaderRepr { offset: (i * size) as u32, ..header }, data)
    };
    scan.chunks(size).enumerate().map(part).collect()
}

/// Without FF, so that it may stand in a scan.
fn scan(len: usize) -> Vec<u8> {
    (1..=250u8).cycle().take(len).collect()
}

#[test]
fn fragments_become_the_file_that_inspection_describes() {
    let mut bench = bench();
    let scan = scan(2_500);
    let packets = packets(90, PICTURE, &scan, 1_000);
    assert_eq!(bench.push(0, &packets[0]), Ok(Pushed::Stored));
    assert_eq!(bench.push(0, &packets[1]), Ok(Pushed::Stored));
    assert_eq!(bench.push(0, &packets[2]), Ok(Pushed::Finished { complete: true }));
    assert_eq!(bench.last(), (&scan[..], true, (64, 48)));
    let done = &bench.frames.done[0];
    let inspected = inspect(&done.data).unwrap();
    let info = done.info();
    assert_eq!((inspected.info, inspected.len), (info, done.data.len()));
    assert_eq!(done.data[info.luma_table as usize..][..64], LUMA);
    assert_eq!(done.data[info.chroma_table as usize..][..64], CHROMA);
    assert_eq!(done.time, 90);
}

#[test]
fn tables_are_computed_for_q_below_100() {
    let mut bench = bench();
    let header = HeaderRepr { q: 60, sampling: Sampling::Yuv422, tables: None, ..PICTURE };
    bench.push(0, &packets(1, header, &scan(10), 10)[0]).unwrap();
    let info = bench.frames.done[0].info();
    let table = &bench.frames.done[0].data[info.luma_table as usize..][..64];
    assert_eq!((info.sampling, table), (Sampling::Yuv422, &quantisers(60).unwrap().0[..]));
}

#[test]
fn the_restart_interval_is_kept() {
    let mut bench = bench();
    let restart = Restart { interval: 12, first: true, last: true, count: None };
    let header = HeaderRepr { restart: Some(restart), ..PICTURE };
    for packet in packets(1, header, &scan(30), 10) {
        bench.push(0, &packet).unwrap();
    }
    let info = bench.frames.done[0].info();
    assert_eq!((info.restart_interval, info.scan as usize), (12, Header::len(12)));
    assert_eq!(bench.last().0, scan(30));
}

#[test]
fn a_hole_in_the_middle_reads_as_zeros() {
    let mut bench = bench();
    let packets = packets(1, PICTURE, &scan(3_000), 1_000);
    bench.push(0, &packets[0]).unwrap();
    assert_eq!(bench.push(1, &packets[2]), Ok(Pushed::Finished { complete: false }));
    let mut expected = scan(3_000);
    expected[1_000..2_000].fill(0);
    assert_eq!(bench.last(), (&expected[..], false, (64, 48)));
}

#[test]
fn a_lost_end_is_found_out_by_the_next_frame() {
    let mut bench = bench();
    let first = packets(1, PICTURE, &scan(2_000), 1_000);
    let second = packets(2, PICTURE, &scan(500), 1_000);
    bench.push(0, &first[0]).unwrap();
    assert_eq!(bench.push(1, &second[0]), Ok(Pushed::Finished { complete: true }));
    assert_eq!(bench.counts(), [1, 1, 0, 0]);
    assert!(!bench.frames.done[0].integrity.is_complete());
}

#[test]
fn a_camera_that_never_sets_the_marker_is_no_loss() {
    let mut bench = bench();
    bench.push(0, &packet(1, false, PICTURE, &scan(10))).unwrap();
    bench.push(0, &packet(2, false, PICTURE, &scan(10))).unwrap();
    assert_eq!(bench.counts(), [1, 0, 0, 0]);
}

#[test]
fn a_lost_first_packet_is_replaced_by_the_tables_before() {
    let mut bench = bench();
    let frame = |timestamp| packets(timestamp, PICTURE, &scan(2_000), 1_000);
    assert_eq!(bench.push(1, &frame(1)[1]), Err(DepacketizeError::NoTables { q: 255 }));
    for packet in frame(2) {
        bench.push(0, &packet).unwrap();
    }
    assert_eq!(bench.push(1, &frame(3)[1]), Ok(Pushed::Finished { complete: false }));
    assert_eq!(bench.counts(), [1, 1, 1, 0]);
    assert_eq!(bench.last().0[..1_000], [0; 1_000]);
    let info = bench.frames.done[1].info();
    assert_eq!(bench.frames.done[1].data[info.luma_table as usize..][..64], LUMA);
}

#[test]
fn tables_that_are_named_must_have_come_under_that_name() {
    let mut bench = bench();
    bench.push(0, &packet(1, true, HeaderRepr { q: 200, ..PICTURE }, &scan(10))).unwrap();
    let named = HeaderRepr { tables: None, ..PICTURE };
    bench.push(0, &packet(2, true, HeaderRepr { q: 200, ..named }, &scan(10))).unwrap();
    let other = packet(3, true, HeaderRepr { q: 201, ..named }, &scan(10));
    assert_eq!(bench.push(0, &other), Err(DepacketizeError::NoTables { q: 201 }));
    assert_eq!(bench.counts(), [2, 0, 1, 0]);
}

#[test]
fn an_offset_is_believed_only_as_far_as_losses_explain() {
    let mut bench = bench();
    bench.push(0, &packet(1, false, PICTURE, &scan(1_000))).unwrap();
    let at = |offset| packet(1, false, HeaderRepr { offset, ..PICTURE }, &scan(10));
    let hole = |offset| Err(DepacketizeError::Hole { offset, expected: 1_000 });
    assert_eq!(bench.push(0, &at(1_001)), hole(1_001));
    // The refused packet counts as one more that is missing.
    assert_eq!(bench.push(1, &at(0xFF_FFFF)), hole(0xFF_FFFF));
    assert_eq!(bench.push(0, &at(1_000 + 3 * 1_500 + 1)), hole(5_501));
    assert_eq!(bench.push(0, &at(1_000 + 4 * 1_500)), Ok(Pushed::Stored));
    let end = packet(1, true, HeaderRepr { offset: 7_010, ..PICTURE }, &[]);
    assert_eq!(bench.push(0, &end), Ok(Pushed::Finished { complete: false }));
    assert_eq!(bench.counts(), [0, 1, 0, 3]);
}

#[test]
fn a_frame_that_begins_with_a_lie_is_abandoned_once() {
    let mut bench = bench();
    let lie = packet(1, false, HeaderRepr { offset: 1 << 23, q: 50, ..PICTURE }, &scan(10));
    assert!(matches!(bench.push(0, &lie), Err(DepacketizeError::Hole { .. })));
    assert_eq!(bench.push(0, &lie), Ok(Pushed::Skipped));
    let end = packet(1, true, PICTURE, &scan(10));
    assert_eq!(bench.push(0, &end), Ok(Pushed::Skipped));
    assert_eq!(bench.push(0, &end), Ok(Pushed::Finished { complete: true }));
    assert_eq!(bench.counts(), [1, 0, 1, 0]);
}

#[test]
fn a_repeated_fragment_is_ignored_and_an_overlapping_one_refused() {
    let mut bench = bench();
    let packets = packets(1, PICTURE, &scan(2_000), 1_000);
    bench.push(0, &packets[0]).unwrap();
    assert_eq!(bench.push(0, &packets[0]), Ok(Pushed::Stored));
    assert_eq!(bench.push(0, &packets[1]), Ok(Pushed::Finished { complete: true }));

    bench.push(0, &packets[0]).unwrap();
    let over = packet(1, false, HeaderRepr { offset: 999, ..PICTURE }, &scan(10));
    assert_eq!(bench.push(0, &over), Err(DepacketizeError::Overlap { offset: 999, expected: 1_000 }));
    assert_eq!(bench.push(0, &packets[1]), Ok(Pushed::Finished { complete: false }));
    assert_eq!(bench.last().0, scan(2_000));
}

#[test]
fn a_frame_cannot_change_inside_but_the_next_one_may() {
    let mut bench = bench();
    bench.push(0, &packet(1, false, PICTURE, &scan(1_000))).unwrap();
    let wider = HeaderRepr { offset: 1_000, width: 128, ..PICTURE };
    assert_eq!(bench.push(0, &packet(1, true, wider, &scan(10))), Err(DepacketizeError::Changed));
    assert_eq!(bench.last(), (&scan(1_000)[..], false, (64, 48)));
    bench.push(0, &packet(2, true, HeaderRepr { width: 128, ..PICTURE }, &scan(10))).unwrap();
    assert_eq!(bench.last(), (&scan(10)[..], true, (128, 48)));
}

#[test]
fn the_true_size_comes_from_the_session_description() {
    let mut bench = bench();
    bench.depacketizer = Depacketizer::new(Some((2_560, 1_437)));
    let mut size = |width, height| {
        bench.push(0, &packet(1, true, HeaderRepr { width, height, ..PICTURE }, &scan(10))).unwrap();
        bench.last().2
    };
    assert_eq!(size(2_560, 1_437), (2_560, 1_437));
    assert_eq!(size(640, 1_440), (640, 1_437));
    assert_eq!(size(640, 480), (640, 480));
}

const MARKED: &[u8] = include_bytes!("../../../codec/jpeg/testdata/cjpeg-422-restart-row.jpg");

/// What comes of [`MARKED`] in packets of `size` bytes, for each packet that may be lost.
fn each_packet_lost(size: usize) -> Vec<Done> {
    let file = MARKED;
    let info = inspect(file).unwrap().info;
    let restart = Restart { interval: info.restart_interval, first: true, last: true, count: None };
    let table = |at: u32| file[at as usize..].first_chunk().unwrap();
    let tables = Some(Tables { luma: table(info.luma_table), chroma: table(info.chroma_table) });
    let (width, height) = (info.width, info.height);
    let header =
        HeaderRepr { sampling: info.sampling, restart: Some(restart), width, height, tables, ..PICTURE };
    let scan = &file[info.scan as usize..][..info.scan_len as usize];
    let count = scan.len().div_ceil(size);
    let mut bench = bench();
    bench.depacketizer = Depacketizer::new(Some((width, height)));
    for lost in 0..count {
        // Whole, for the tables; then with the packet lost; and the start of another.
        for timestamp in [2 * lost as u32, 2 * lost as u32 + 1] {
            let mut gap = 0;
            for (n, packet) in packets(timestamp, header, scan, size).into_iter().enumerate() {
                match timestamp % 2 == 1 && n == lost {
                    true => gap = 1,
                    false => drop(bench.push(mem::take(&mut gap), &packet).unwrap()),
                }
            }
            if gap == 1 {
                bench.depacketizer.finish_open(0, &mut bench.frames);
            }
        }
    }
    bench.frames.done.into_iter().skip(1).step_by(2).collect()
}

#[test]
fn a_lost_packet_costs_intervals_that_can_be_mended() {
    for size in [70, 150, 400] {
        let (info, frames) = (inspect(MARKED).unwrap().info, each_packet_lost(size));
        assert_eq!(frames.len(), (info.scan_len as usize).div_ceil(size));
        for frame in frames {
            assert_eq!((frame.integrity, frame.missing.len()), (Integrity::Partial, 1));
            let damaged = frame.info();
            let missing = Missing::locate(&frame.data, &damaged, &frame.missing).unwrap();
            let mut mended = std::vec![0; 2 * MARKED.len()];
            let len = mend(&frame.data, &damaged, &missing, &mut mended).unwrap();
            let found = inspect(&mended[..len]).unwrap();
            // The same intervals but for those that are missing.
            let intervals = |file: &[u8], info: &JpegInfo| -> Vec<Vec<u8>> {
                let scan = &file[info.scan as usize..][..info.scan_len as usize];
                let is_marker = |at: usize| at > 0 && scan[at - 1] == 0xFF && scan[at] & 0xF8 == 0xD0;
                let ends = (0..scan.len()).filter(|at| is_marker(*at)).map(|at| at + 1).chain([scan.len()]);
                let mut start = 0;
                ends.map(|end| scan[mem::replace(&mut start, end)..end].to_vec()).collect()
            };
            let (before, after) = (intervals(MARKED, &info), intervals(&mended[..len], &found.info));
            assert_eq!(before.len(), after.len());
            for (n, (before, after)) in before.iter().zip(&after).enumerate() {
                let missing = missing.ranges().any(|range| (range.first..range.end()).contains(&(n as u16)));
                assert_eq!(before == after, !missing, "interval {n} of {missing:?}");
            }
        }
    }
}

#[test]
fn without_restart_markers_or_with_contradicting_packets_damage_is_only_damage() {
    let mut bench = bench();
    let restart = Restart { interval: 4, first: true, last: true, count: None };
    let marked = HeaderRepr { restart: Some(restart), ..PICTURE };
    for header in [PICTURE, marked] {
        bench.push(0, &packet(1, false, header, &scan(1_000))).unwrap();
        let over = HeaderRepr { offset: 999, ..header };
        bench.push(0, &packet(1, false, over, &scan(10))).unwrap_err();
        bench.push(1, &packet(1, true, HeaderRepr { offset: 1_400, ..header }, &scan(10))).unwrap();
        assert_eq!(bench.frames.done.last().unwrap().integrity, Integrity::Damaged);
    }
}

#[test]
fn an_extension_brings_tables_and_a_restart_interval_for_its_frame() {
    let mut bench = bench();
    let picture = HeaderRepr { q: 50, tables: None, ..PICTURE };
    let mut extended = packet(1, true, picture, &scan(10));
    extended[0] |= 0x10;
    let dqt = [&[0xFF, 0xDB, 0, 67, 0][..], &LUMA].concat();
    let extension = [&[0xFF, 0xD8, 0, 19][..], &[0xFF, 0xDD, 0, 4, 0, 6], &dqt, &[0xFF]].concat();
    extended.splice(12..12, extension);
    bench.push(0, &extended).unwrap();
    bench.push(0, &packet(2, true, picture, &scan(10))).unwrap();
    let found: Vec<_> = bench
        .frames
        .done
        .iter()
        .map(|done| {
            let info = done.info();
            (info.restart_interval, done.data[info.chroma_table as usize..][..64].to_vec())
        })
        .collect();
    assert_eq!(found, [(6, LUMA.to_vec()), (0, quantisers(50).unwrap().1.to_vec())]);
}

#[test]
fn without_it_a_frame_too_large_to_say_is_abandoned() {
    let large = packet(1, true, HeaderRepr { width: 2_560, ..PICTURE }, &scan(10));
    assert_eq!(bench().push(0, &large), Err(DepacketizeError::NoDimensions));
}

#[test]
fn the_true_size_comes_from_an_onvif_extension() {
    let mut bench = bench();
    let mut large = packet(1, true, HeaderRepr { width: 2_560, ..PICTURE }, &scan(10));
    large[0] |= 0x10;
    // A restart interval stands before the frame header, and fill bytes after it.
    let dri = [0xFF, 0xDD, 0, 4, 0, 0];
    let sof = [0xFF, 0xC0, 0, 17, 8, 0x05, 0xA0, 0x0A, 0, 3, 1, 0x22, 0, 2, 0x11, 1, 3, 0x11, 1];
    let extension = [&[0xFF, 0xD8, 0, 7][..], &dri, &sof, &[0xFF; 3]].concat();
    large.splice(12..12, extension);
    bench.push(0, &large).unwrap();
    assert_eq!(bench.last().2, (2_560, 1_440));
}

#[test]
fn an_eoi_in_the_last_fragments_is_not_doubled() {
    let mut bench = bench();
    let whole = [&scan(9)[..], &EOI].concat();
    for packet in packets(1, PICTURE, &whole, 10) {
        bench.push(0, &packet).unwrap();
    }
    assert_eq!(bench.last(), (&scan(9)[..], true, (64, 48)));
}

#[test]
fn an_unreadable_packet_damages_its_frame_only() {
    let mut bench = bench();
    let packets = packets(1, PICTURE, &scan(3_000), 1_000);
    let mut broken = packets[1].clone();
    broken[16] = 3;
    bench.push(0, &packets[0]).unwrap();
    let error = header::Error::UnsupportedType { found: 3 };
    assert_eq!(bench.push(0, &broken), Err(DepacketizeError::Payload(error)));
    assert_eq!(bench.push(0, &packets[2]), Ok(Pushed::Finished { complete: false }));
    for packet in &packets {
        bench.push(0, packet).unwrap();
    }
    assert_eq!(bench.counts(), [1, 1, 0, 1]);
}

#[test]
fn a_frame_without_room_is_abandoned_and_the_next_one_taken() {
    let mut bench = bench();
    bench.frames.limit = Some(Header::MAX_LEN + 100);
    let large = packets(1, PICTURE, &scan(300), 90);
    bench.push(0, &large[0]).unwrap();
    assert_eq!(bench.push(0, &large[1]), Err(DepacketizeError::Full));
    assert_eq!(bench.push(0, &large[2]), Ok(Pushed::Skipped));
    assert_eq!(bench.push(0, &large[3]), Ok(Pushed::Skipped));
    bench.push(0, &packet(2, true, PICTURE, &scan(90))).unwrap();
    assert_eq!((bench.counts(), bench.depacketizer.counters().unstored), ([1, 0, 0, 0], 1));
}

#[test]
fn a_frame_without_any_data_is_none() {
    let mut bench = bench();
    assert_eq!(bench.push(0, &packet(1, true, PICTURE, &[])), Ok(Pushed::Skipped));
    assert_eq!((bench.counts(), bench.frames.done.len()), ([0, 0, 1, 0], 0));
}

#[test]
fn what_is_open_at_a_goodbye_is_finished_as_damaged() {
    let mut bench = bench();
    bench.push(0, &packet(1, false, PICTURE, &scan(10))).unwrap();
    bench.depacketizer.finish_open(0, &mut bench.frames);
    bench.depacketizer.finish_open(0, &mut bench.frames);
    assert_eq!(bench.last(), (&scan(10)[..], false, (64, 48)));
    assert_eq!(bench.counts(), [0, 1, 0, 0]);
}

#[test]
fn what_is_open_and_forgotten_is_not_counted() {
    let mut bench = bench();
    bench.push(0, &packet(1, false, PICTURE, &scan(10))).unwrap();
    bench.depacketizer.forget_open();
    bench.push(0, &packet(2, true, PICTURE, &scan(90))).unwrap();
    assert_eq!((bench.counts(), bench.frames.done.len()), ([1, 0, 0, 0], 1));
}

/// What a network does to one packet.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Arrives,
    Lost,
    Repeated,
}

proptest! {
    #[test]
    fn a_complete_frame_has_the_bytes_that_were_sent(
        frames in prop::collection::vec((1usize..4_000, 1usize..1_500), 1..12),
        fates in prop::collection::vec(
            prop_oneof![8 => Just(Fate::Arrives), 1 => Just(Fate::Lost), 1 => Just(Fate::Repeated)],
            60,
        ),
    ) {
        let mut bench = bench();
        let (mut fates, mut gap) = (fates.into_iter().cycle(), 0);
        // Each frame's scan is its own: what it was made of must not come from another.
        let scan = |i: usize, len| (0..len).map(|at| (at + 7 * i) as u8 % 251 + 1).collect::<Vec<_>>();
        let mut whole = 0;
        for (i, &(len, size)) in frames.iter().enumerate() {
            let size = size.max(len / 20);
            let mut all = true;
            for packet in packets(i as u32, PICTURE, &scan(i, len), size) {
                let times = match fates.next().unwrap() {
                    Fate::Arrives => 1,
                    Fate::Lost => 0,
                    // The end of a frame repeated is the next frame's business.
                    Fate::Repeated => 1 + usize::from(packet[1] & 0x80 == 0),
                };
                if times == 0 {
                    (gap, all) = (gap + 1, false);
                }
                for _ in 0..times {
                    let _ = bench.push(std::mem::take(&mut gap), &packet);
                }
            }
            whole += u64::from(all);
        }
        prop_assert_eq!(bench.counts()[0], whole);
        for done in &bench.frames.done {
            let i = done.time as usize;
            if done.integrity.is_complete() {
                prop_assert_eq!(done.scan(), scan(i, frames[i].0));
            }
        }
    }

    #[test]
    fn arbitrary_packets_only_ever_give_well_formed_frames(
        packets in prop::collection::vec(
            (0u32..3, any::<bool>(), 0u16..3, prop::collection::vec(any::<u8>(), 0..40), 0u32..60),
            0..60,
        ),
    ) {
        let mut bench = bench();
        for (timestamp, marker, gap, mut payload, offset) in packets {
            // Mostly plausible headers, or nothing would get past the first check.
            if let Some(header) = payload.first_chunk_mut::<8>() {
                let [_, _, _, low] = offset.to_be_bytes();
                *header = [0, 0, 0, low, header[4] & 65, 50 + header[5] % 2, 1, 1];
            }
            let repr = rtp::Repr { payload_type: 26, marker, sequence_number: 0, timestamp, ssrc: 1 };
            let mut bytes = [0; rtp::HEADER_LEN];
            repr.emit(&mut bytes);
            let _ = bench.push(gap, &[&bytes[..], &payload].concat());
        }
        bench.depacketizer.finish_open(0, &mut bench.frames);
        for done in &bench.frames.done {
            prop_assert_eq!(&done.data[..2], [0xFF, marker::SOI]);
            prop_assert!(done.data.ends_with(&EOI));
        }
        let [complete, damaged, ..] = bench.counts();
        prop_assert_eq!(bench.frames.done.len() as u64, complete + damaged);
    }
}

/// A packet as a camera with three tables sends it: for each component one, in 192 bytes.
#[test]
fn of_three_tables_the_first_two_count() {
    let scan = scan(500);
    let mut payload = std::vec![0, 0, 0, 0, 1, 128, 8, 6, 0, 0, 0, 192];
    payload.extend([&LUMA[..], &CHROMA, &CHROMA, &scan].concat());
    let rtp = rtp::Repr { payload_type: 26, marker: true, sequence_number: 0, timestamp: 0, ssrc: 1 };
    let mut head = [0; rtp::HEADER_LEN];
    rtp.emit(&mut head);
    let packet = |payload: &[u8]| [&head[..], payload].concat();
    let mut bench = bench();
    assert_eq!(bench.push(0, &packet(&payload)), Ok(Pushed::Finished { complete: true }));
    let done = bench.frames.done.last().unwrap();
    let info = done.info();
    let table = |at: u32| &done.data[at as usize..][..64];
    assert_eq!((table(info.luma_table), table(info.chroma_table)), (&LUMA[..], &CHROMA[..]));
    assert_eq!(done.scan(), scan);
    // Tables of 16 bits say so; a third one of 16 bits is not needed.
    payload[9] = 1;
    let found = DepacketizeError::Payload(header::Error::TablePrecision { at: 9, found: 1 });
    assert_eq!(bench.push(0, &packet(&payload)), Err(found));
    payload[9] = 4;
    assert_eq!(bench.push(0, &packet(&payload)), Ok(Pushed::Finished { complete: true }));
    payload[11] = 190;
    let found = DepacketizeError::Payload(header::Error::TableLength { at: 10, found: 190 });
    assert_eq!(bench.push(0, &packet(&payload)), Err(found));
}

/// Bridges and home-made cameras that put a JPEG file where its scan should be.
#[test]
fn a_whole_file_as_payload_is_that_file() {
    const FILE: &[u8] = include_bytes!("../../../codec/jpeg/testdata/cjpeg-420-q75.jpg");
    for file in [FILE, &FILE[..FILE.len() - 2]] {
        let mut bench = bench();
        let packets = packets(0, PICTURE, file, 300);
        for packet in &packets {
            bench.push(0, packet).unwrap();
        }
        let done = bench.frames.done.last().unwrap();
        assert_eq!((&done.data[..], done.integrity), (FILE, Integrity::Complete));
        // Without its start it cannot be shown.
        let mut later = packets;
        let [first, second, ..] = &mut later[..] else { panic!("it has more packets") };
        first[4..8].fill(9);
        second[4..8].fill(9);
        assert_eq!(bench.push(1, second), Err(DepacketizeError::NoHeader));
    }
}

/// Proxies by live555 that lose packets before they number them.
#[test]
fn a_marker_bit_that_comes_early_leaves_the_rest_missing() {
    let restart = Restart { interval: 1, first: true, last: true, count: None };
    // 12 MCUs, so 12 intervals.
    let interval = |n: usize| {
        let mut bytes = scan(40);
        if n < 11 {
            bytes.extend(restart_marker(n as u16));
        }
        bytes
    };
    let whole: Vec<u8> = (0..12).flat_map(interval).collect();
    let header = HeaderRepr { restart: Some(restart), ..PICTURE };
    for (len, missing_from) in [(whole.len(), None), (4 * 42 + 9, Some(4 * 42)), (11 * 42 - 1, Some(10 * 42))]
    {
        let mut bench = bench();
        for packet in packets(0, header, &whole[..len], 100) {
            bench.push(0, &packet).unwrap();
        }
        let done = bench.frames.done.last().unwrap();
        let scan = done.info().scan;
        assert_eq!(done.integrity, missing_from.map_or(Integrity::Complete, |_| Integrity::Partial), "{len}");
        let ranges: Vec<_> = missing_from
            .map(|from| ByteRange::new(scan + from as u32, scan + len as u32))
            .into_iter()
            .collect();
        assert_eq!(done.missing, ranges, "{len}");
        let counts = if missing_from.is_none() { [1, 0, 0, 0] } else { [0, 1, 0, 0] };
        assert_eq!(bench.counts(), counts);
    }
}
