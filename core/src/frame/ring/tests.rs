//! The ring against a model, and its edges.
use super::*;
use crate::codec::jpeg::TRACK;
use crate::time::MediaTime;
use proptest::prelude::*;
use std::collections::VecDeque;
use std::vec;
use std::vec::Vec;

const T: TrackId = TrackId { media: 0, track: 0 };
const END: FrameEnd<'static> = FrameEnd::intra(usize::MAX, 3_600);

/// The time of frame `n` of 25 a second.
fn at(n: u64) -> u64 {
    n * 3_600
}

fn frame(n: u64, data: &[u8]) -> Frame<'_> {
    Frame::intra(data, at(n), 3_600)
}

fn media_time(n: u64) -> MediaTime {
    MediaTime::from_ticks(at(n), TRACK.clock_rate)
}

#[test]
fn a_frame_larger_than_the_ring_is_refused_and_costs_no_other() {
    let mut ring = FrameRing::new(TRACK, [Slot::default(); 4], [0u8; 64]);
    ring.push(&frame(0, &[1; 40])).unwrap();
    assert_eq!(ring.push(&frame(1, &[2; 65])), Err(Full));
    assert_eq!(ring.frame(T, FrameId(0)).unwrap().data, [1; 40]);
    ring.push(&frame(1, &[3; 24])).unwrap();
    assert_eq!(ring.frames(), FrameId(0)..FrameId(2));
}

#[test]
fn what_is_kept_is_not_evicted_and_writing_can_be_tried_again() {
    let mut ring = FrameRing::new(TRACK, [Slot::default(); 4], [0u8; 64]);
    for n in 0..2 {
        ring.push(&frame(n, &[n as u8; 30])).unwrap();
    }
    ring.keep_from(FrameId(0));
    assert_eq!(ring.push(&frame(2, &[2; 30])), Err(Full));
    assert_eq!(ring.frame(T, FrameId(0)).unwrap().data, [0; 30]);
    ring.keep_from(FrameId(1));
    ring.push(&frame(2, &[2; 30])).unwrap();
    assert_eq!(ring.frame(T, FrameId(1)).unwrap().data, [1; 30]);
    assert_eq!(ring.frame(T, FrameId(0)).unwrap_err(), Miss::Overrun { newest: FrameId(2) });
}

#[test]
fn a_hole_reads_as_zeros_not_as_an_old_frame() {
    let mut ring = FrameRing::new(TRACK, [Slot::default(); 2], [0u8; 32]);
    ring.push(&frame(0, &[0xAA; 32])).unwrap();
    ring.begin(0, at(1)).unwrap();
    ring.write_at(0, 8, &[1; 4]).unwrap();
    ring.write_at(0, 0, &[2; 2]).unwrap();
    ring.finish(0, END);
    assert_eq!(ring.frame(T, FrameId(1)).unwrap().data, [2, 2, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1]);
}

#[test]
fn without_slots_nothing_can_be_written() {
    let mut ring = FrameRing::new(TRACK, Vec::<Slot>::new(), [0u8; 32]);
    assert_eq!(ring.push(&frame(0, &[1])), Err(Full));
    assert_eq!(ring.frame(T, FrameId(0)).unwrap_err(), Miss::NotYet);
}

#[test]
fn the_end_is_told_after_the_newest_frame() {
    let mut ring = FrameRing::new(TRACK, [Slot::default(); 2], [0u8; 32]);
    ring.push(&frame(0, &[1])).unwrap();
    ring.end();
    assert!(ring.frame(T, FrameId(0)).is_ok());
    assert_eq!(ring.frame(T, FrameId(1)).unwrap_err(), Miss::End);
    ring.restart(FrameId(9));
    assert_eq!(ring.frame(T, FrameId(9)).unwrap_err(), Miss::NotYet);
}

#[test]
fn a_jump_ends_a_time_range_and_losses_do_not() {
    let mut ring = FrameRing::new(TRACK, [Slot::default(); 16], [0u8; 64]);
    // Twelve are lost behind the third, and one more than that behind the fourth.
    for n in [0, 1, 2, 15, 29, 30] {
        ring.push(&frame(n, &[0])).unwrap();
    }
    // A player has sought back, to a place that is there.
    for n in [1, 2] {
        ring.push(&frame(n, &[0])).unwrap();
    }
    let range = |frames: core::ops::Range<u64>, from, to| TimeRange {
        frames: FrameId(frames.start)..FrameId(frames.end),
        from: media_time(from),
        to: media_time(to),
    };
    assert_eq!(
        ring.time_ranges().collect::<Vec<_>>(),
        [range(6..8, 1, 3), range(4..6, 29, 31), range(0..4, 0, 16)]
    );
    let found = [0, 1, 2, 14, 15, 16, 30, 31].map(|n| ring.find(media_time(n)).map(|id| id.0));
    assert_eq!(found, [Some(0), Some(6), Some(7), Some(2), Some(3), None, Some(5), None]);
}

#[test]
fn a_frame_each_second_is_one_range() {
    let mut ring = FrameRing::new(TRACK, [Slot::default(); 4], [0u8; 64]);
    for n in 0..4 {
        ring.push(&Frame::intra(&[0], n * 90_000, if n == 0 { 0 } else { 90_000 })).unwrap();
    }
    let ranges: Vec<_> = ring.time_ranges().map(|range| range.frames).collect();
    assert_eq!(ranges, [FrameId(1)..FrameId(4), FrameId(0)..FrameId(1)]);
    assert_eq!(ring.find(media_time(0)), Some(FrameId(0)));
}

#[test]
fn bytes_and_frames_are_counted_as_they_come_and_go() {
    let mut ring = FrameRing::new(TRACK, [Slot::default(); 3], [0u8; 64]);
    assert_eq!((ring.capacity(), ring.slot_count(), ring.frame_count(), ring.bytes_used()), (64, 3, 0, 0));
    for n in 0..5 {
        ring.push(&frame(n, &[0; 10])).unwrap();
    }
    assert_eq!((ring.frame_count(), ring.bytes_used()), (3, 30));
    assert_eq!([0, 2, 3, 5, 9].map(|id| ring.bytes_from(FrameId(id))), [30, 30, 20, 0, 0]);
    ring.restart(FrameId(20));
    assert_eq!((ring.frame_count(), ring.bytes_used(), ring.bytes_from(FrameId(0))), (0, 0, 0));
}

#[test]
fn missing_ranges_are_kept_with_their_frame() {
    let mut ring = FrameRing::new(TRACK, [Slot::EMPTY; 3], [0u8; 64]);
    let missing = [ByteRange::new(2, 5), ByteRange::new(9, 11)];
    let flags = Flags::INTRA.with_integrity(Integrity::Partial);
    let partial = Frame { flags, missing: &missing, ..frame(0, &[7; 21]) };
    ring.push(&partial).unwrap();
    ring.push(&frame(1, &[8; 20])).unwrap();
    assert_eq!(ring.frame(T, FrameId(0)), Ok(partial));
    assert_eq!((ring.bytes_used(), ring.frame(T, FrameId(1))), (57, Ok(frame(1, &[8; 20]))));
    // There is no room for the ranges as well.
    let mut ring = FrameRing::new(TRACK, [Slot::EMPTY; 3], [0u8; 30]);
    ring.push(&partial).unwrap();
    let damaged = Frame { flags: Flags::INTRA.with_integrity(Integrity::Damaged), missing: &[], ..partial };
    assert_eq!(ring.frame(T, FrameId(0)), Ok(damaged));
}

#[test]
fn what_was_written_after_the_end_is_dropped() {
    let mut ring = FrameRing::new(TRACK, [Slot::EMPTY; 2], [0u8; 32]);
    ring.begin(0, 0).unwrap();
    ring.write_at(0, 0, &[1; 10]).unwrap();
    ring.finish(0, FrameEnd::intra(4, 0));
    assert_eq!((ring.frame(T, FrameId(0)).unwrap().data, ring.bytes_used()), (&[1; 4][..], 4));
}

#[test]
fn a_reader_that_is_overrun_goes_on_at_a_sync_frame() {
    let mut ring = FrameRing::new(TRACK, [Slot::EMPTY; 3], [0u8; 32]);
    for n in 0..5 {
        let flags = Flags { sync: n == 3, ..Flags::INTRA };
        ring.push(&Frame { flags, ..frame(n, &[0]) }).unwrap();
    }
    assert_eq!(ring.frame(T, FrameId(0)), Err(Miss::Overrun { newest: FrameId(3) }));
    assert_eq!(ring.seek(T, Seek::Live), Ok(FrameId(3)));
}

#[derive(Clone, Debug)]
enum Op {
    /// The lengths of a frame's parts, and how much later it is than the frame before, in
    /// milliseconds.
    Push(Vec<usize>, i64),
    Abandon(usize),
    Keep(u64),
    KeepNone,
    Restart,
}

fn op() -> impl Strategy<Value = Op> {
    let step = prop_oneof![6 => Just(40i64), 1 => 41i64..540, 1 => 541i64..9_000, 1 => -3_000i64..0];
    prop_oneof![
        8 => (prop::collection::vec(0usize..40, 0..4), step).prop_map(|(parts, step)| Op::Push(parts, step)),
        1 => (0usize..120).prop_map(Op::Abandon),
        1 => (0u64..6).prop_map(Op::Keep),
        1 => Just(Op::KeepNone),
        1 => Just(Op::Restart),
    ]
}

/// A frame as the model keeps it.
struct Kept {
    id: u64,
    data: Vec<u8>,
    millis: u64,
}

/// The time ranges by looking at each frame and the one before: numbers of the first and last, the oldest
/// range first.
fn model_ranges(model: &VecDeque<Kept>) -> Vec<(usize, usize)> {
    let mut spans: Vec<(usize, usize)> = Vec::new();
    for (index, kept) in model.iter().enumerate() {
        let goes_on = |before: &Kept| (before.millis..=before.millis + 540).contains(&kept.millis);
        match spans.last_mut() {
            Some((_, last)) if goes_on(&model[*last]) => *last = index,
            _ => spans.push((index, index)),
        }
    }
    spans
}

fn model_find(model: &VecDeque<Kept>, millis: u64) -> Option<FrameId> {
    let covers =
        |&&(first, last): &&(usize, usize)| (model[first].millis..model[last].millis + 40).contains(&millis);
    let spans = model_ranges(model);
    let (first, last) = spans.iter().rev().find(covers)?;
    (*first..=*last).rev().find(|&index| model[index].millis <= millis).map(|index| FrameId(model[index].id))
}

proptest! {
    /// Whatever is in the ring reads as it was written, and is found at its time; what is kept
    /// stays.
    #[test]
    fn the_ring_is_a_queue_of_frames(
        ops in prop::collection::vec(op(), 0..120),
        slots in 1usize..7,
        cap in 1usize..100,
        times in prop::collection::vec(0u64..20_000, 4),
    ) {
        let mut ring = FrameRing::new(TRACK, vec![Slot::default(); slots], vec![0u8; cap]);
        let mut model: VecDeque<Kept> = VecDeque::new();
        let (mut next, mut tag, mut millis, mut keep) = (0u64, 0u8, 5_000u64, None);
        for op in ops {
            let oldest = ring.frames().start.0;
            match op {
                Op::Push(parts, step) => {
                    millis = millis.saturating_add_signed(step);
                    let mut data = Vec::new();
                    let mut ok = ring.begin(0, millis * 90).is_ok();
                    for n in parts {
                        tag = tag.wrapping_add(1);
                        ok = ok && ring.write_at(0, data.len(), &vec![tag; n]).is_ok();
                        data.extend(vec![tag; n]);
                    }
                    if ok {
                        ring.finish(0, END);
                        model.push_back(Kept { id: next, data, millis });
                        next += 1;
                    } else {
                        ring.abandon(0);
                        prop_assert!(data.len() > cap || keep.is_some_and(|keep| keep < next));
                    }
                }
                Op::Abandon(n) => {
                    if ring.begin(0, 0).is_ok() {
                        let _ = ring.write_at(0, 0, &vec![0xEE; n]);
                    }
                    ring.abandon(0);
                }
                Op::Keep(back) => {
                    keep = Some(next.saturating_sub(back));
                    ring.keep_from(FrameId(next.saturating_sub(back)));
                }
                Op::KeepNone => {
                    keep = None;
                    ring.keep_from(FrameId(u64::MAX));
                }
                Op::Restart => {
                    next += 3;
                    ring.restart(FrameId(next));
                    model.clear();
                }
            }
            let frames = ring.frames();
            prop_assert_eq!(frames.end, FrameId(next));
            if let (Some(keep), false) = (keep, model.is_empty()) {
                prop_assert!(frames.start.0 <= keep.max(oldest));
            }
            while model.front().is_some_and(|kept| kept.id < frames.start.0) {
                model.pop_front();
            }
            prop_assert_eq!(model.len(), ring.frame_count());
            prop_assert_eq!(ring.bytes_used(), model.iter().map(|kept| kept.data.len()).sum::<usize>());
            for (index, kept) in model.iter().enumerate() {
                let frame = ring.frame(T, FrameId(kept.id)).unwrap();
                prop_assert_eq!(frame.data, &kept.data[..]);
                prop_assert_eq!(frame.time, kept.millis * 90);
                let from = model.range(index..).map(|kept| kept.data.len()).sum::<usize>();
                prop_assert_eq!(ring.bytes_from(FrameId(kept.id)), from);
                prop_assert_eq!(ring.find(frame.media_time(TRACK.clock_rate)), model_find(&model, kept.millis));
            }
            let spans = model_ranges(&model);
            if let [_] = spans[..] {
                for kept in &model {
                    let first = model.iter().find(|first| first.millis >= kept.millis).unwrap();
                    let time = MediaTime::from_micros(kept.millis * 1_000);
                    prop_assert_eq!(ring.seek(T, Seek::To(time)), Ok(FrameId(first.id)));
                }
            }
            let told: Vec<_> = ring.time_ranges().collect();
            prop_assert_eq!(told.len(), spans.len());
            for (told, &(first, last)) in told.iter().rev().zip(&spans) {
                let (first, last) = (&model[first], &model[last]);
                prop_assert_eq!(&told.frames, &(FrameId(first.id)..FrameId(last.id + 1)));
                prop_assert_eq!(told.from.as_micros(), first.millis * 1_000);
                prop_assert_eq!(told.to.as_micros(), (last.millis + 40) * 1_000);
            }
            for &millis in &times {
                let time = MediaTime::from_micros(millis * 1_000);
                prop_assert_eq!(ring.find(time), model_find(&model, millis));
            }
        }
    }
}
