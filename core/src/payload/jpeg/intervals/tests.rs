use super::*;
use crate::codec::jpeg::Sampling;
use proptest::prelude::*;
use std::vec;
use std::vec::Vec;

/// A frame of one MCU an interval.
fn info(intervals: u16) -> JpegInfo {
    JpegInfo { restart_interval: 1, ..JpegInfo::of_size(16 * intervals, 16, Sampling::Yuv420) }
}

/// Intervals of these lengths, and where each starts; markers belong to the interval before.
fn scan(lengths: &[usize]) -> (Vec<u8>, Vec<usize>) {
    let (mut scan, mut starts) = (Vec::new(), vec![0]);
    for (n, &length) in lengths.iter().enumerate() {
        // Stuffed FF now and then; bytes that look like a marker's second.
        scan.extend((0..length).map(|at| match at % 5 {
            3 if at + 1 < length => 0xFF,
            4 => 0x00,
            _ => 0xD0 | (at % 8) as u8,
        }));
        if n + 1 < lengths.len() {
            scan.extend([0xFF, marker::RST0 | (n % 8) as u8]);
        }
        starts.push(scan.len());
    }
    (scan, starts)
}

/// What is missing when pieces of `size` bytes come but those in `lost`.
fn receive(lengths: &[usize], size: usize, lost: &[usize]) -> Option<Missing> {
    let (scan, _) = scan(lengths);
    let mut tracker = IntervalTracker::new(&info(lengths.len() as u16)).unwrap();
    let mut next = 0;
    for (n, piece) in scan.chunks(size).enumerate() {
        if !lost.contains(&n) {
            tracker.advance((n * size) as u32, piece, n * size != next, None);
            next = n * size + piece.len();
        }
    }
    tracker.finish(next == scan.len(), scan.len() as u32)
}

fn ranges(missing: Option<Missing>) -> Vec<[u16; 2]> {
    missing.iter().flat_map(Missing::ranges).map(|range| [range.first, range.count]).collect()
}

#[test]
fn a_lost_packet_costs_the_intervals_that_it_touches() {
    // Each takes twelve bytes with its marker.
    assert_eq!(ranges(receive(&[10; 20], 12, &[3])), [[3, 2]]);
    // The marker before interval 5 as well.
    assert_eq!(ranges(receive(&[10; 20], 30, &[1])), [[2, 4]]);
    assert_eq!(ranges(receive(&[10; 20], 12, &[0, 9])), [[0, 2], [9, 2]]);
    assert_eq!(receive(&[10; 20], 12, &[]), None);
}

#[test]
fn a_lost_end_is_missing_to_the_end() {
    assert_eq!(ranges(receive(&[10; 20], 30, &[7])), [[17, 3]]);
    assert_eq!(ranges(receive(&[10; 20], 30, &[1, 2, 3, 4, 5, 6, 7])), [[2, 18]]);
}

#[test]
fn eight_intervals_more_in_the_only_uncertain_hole_are_counted_from_the_end() {
    assert_eq!(ranges(receive(&[10; 40], 120, &[1])), [[10, 11]]);
    assert_eq!(ranges(receive(&[10; 60], 120, &[1, 2, 3])), [[10, 31]]);
}

#[test]
fn where_the_end_is_lost_too_all_from_an_uncertain_hole_on_is_missing() {
    assert_eq!(ranges(receive(&[10; 40], 120, &[1, 3])), [[10, 30]]);
    assert_eq!(ranges(receive(&[10; 40], 20, &[1, 23])), [[1, 3], [38, 2]]);
}

#[test]
fn two_uncertain_holes_are_one_with_all_between_them() {
    assert_eq!(ranges(receive(&[10; 60], 120, &[1, 3])), [[10, 31]]);
}

#[test]
fn a_hole_before_the_last_marker_that_came_is_one_with_the_lost_end() {
    let (scan, starts) = scan(&[10; 6]);
    let mut tracker = IntervalTracker::new(&info(6)).unwrap();
    // The only packet ends with a marker, and so no byte of the next interval has come.
    tracker.advance(starts[3] as u32, &scan[starts[3]..starts[4]], true, None);
    assert_eq!(ranges(tracker.finish(false, starts[4] as u32)), [[0, 6]]);
}

#[test]
fn what_the_sender_says_is_used_as_it_is() {
    let (scan, starts) = scan(&[10; 60]);
    let packet = |from: usize, to: usize| &scan[starts[from]..starts[to]];
    let restart = |count, first| Restart { interval: 1, first, last: true, count: Some(count) };
    let mut tracker = IntervalTracker::new(&info(60)).unwrap();
    tracker.advance(0, packet(0, 10), false, Some(restart(0, true)));
    tracker.advance(starts[30] as u32, packet(30, 31), true, Some(restart(30, true)));
    // In the middle of an interval.
    tracker.advance(starts[50] as u32 + 5, &packet(50, 60)[5..], true, Some(restart(50, false)));
    assert_eq!(ranges(tracker.finish(true, scan.len() as u32)), [[10, 20], [31, 20]]);
}

#[test]
fn a_packet_may_begin_with_the_marker_of_the_interval_before() {
    let (scan, starts) = scan(&[10; 20]);
    let mut tracker = IntervalTracker::new(&info(20)).unwrap();
    let restart = |count| Some(Restart { interval: 1, first: true, last: true, count: Some(count) });
    tracker.advance(0, &scan[..starts[5] - 2], false, restart(0));
    tracker.advance(starts[9] as u32 - 2, &scan[starts[9] - 2..], true, restart(9));
    let missing = tracker.finish(true, scan.len() as u32).unwrap();
    let range = MissingRange { first: 4, count: 5, start: starts[4] as u32, resume: starts[9] as u32 };
    assert_eq!(missing.ranges().collect::<Vec<_>>(), [range]);
}

#[test]
fn contradictions_are_not_resolved() {
    let (scan, starts) = scan(&[10; 20]);
    let finish = |edit: &dyn Fn(&mut IntervalTracker)| {
        let mut tracker = IntervalTracker::new(&info(20)).unwrap();
        tracker.advance(0, &scan[..starts[4]], false, None);
        edit(&mut tracker);
        tracker.finish(true, scan.len() as u32)
    };
    let from = |n: usize| (starts[n] as u32, &scan[starts[n]..]);
    assert!(finish(&|s| s.advance(from(6).0, from(6).1, true, None)).is_some());
    // A marker of another number, without a hole.
    assert_eq!(finish(&|s| s.advance(from(4).0, from(5).1, false, None)), None);
    // Fewer bytes than intervals.
    assert_eq!(finish(&|s| s.advance(from(4).0 + 1, from(9).1, true, None)), None);
    // More intervals than there are, and fewer.
    assert_eq!(finish(&|s| s.advance(from(6).0, &[from(6).1, &[0xFF, 0xD3, 1]].concat(), true, None)), None);
    assert_eq!(finish(&|s| s.advance(from(6).0, &from(6).1[..60], true, None)), None);
    // A number that the sender cannot mean.
    for (count, first) in [(4, true), (3, false), (20, true), (0x3FFE, true)] {
        let restart = Restart { interval: 1, first, last: true, count: Some(count) };
        assert_eq!(finish(&|s| s.advance(from(6).0, from(6).1, true, Some(restart))), None);
    }
}

#[test]
fn more_holes_than_there_is_room_for_are_put_together() {
    let lost: Vec<_> = (0..10).map(|n| 4 + 4 * n).collect();
    let missing = ranges(receive(&[10; 60], 12, &lost));
    assert_eq!(missing.len(), Missing::MAX);
    assert_eq!((missing[6], missing[7]), ([28, 2], [32, 10]));
    // The end as well.
    let missing = ranges(receive(&[10; 60], 12, &[&lost[..8], &[59]].concat()));
    assert_eq!(missing[7], [32, 28]);
}

proptest! {
    /// Whatever is not reported missing came, and is where the ranges say.
    #[test]
    fn no_interval_is_ever_taken_for_another(
        lengths in prop::collection::vec(prop_oneof![4 => 4usize..30, 1 => 4usize..300], 1..90),
        size in 1usize..200,
        fates in prop::collection::vec(prop::bool::weighted(0.1), 1..200),
    ) {
        let (scan, starts) = scan(&lengths);
        let is_lost = |at: usize| fates[at / size % fates.len()];
        let pieces = scan.len().div_ceil(size);
        let lost: Vec<_> = (0..pieces).filter(|n| is_lost(n * size)).collect();
        let missing = receive(&lengths, size, &lost);
        prop_assert_eq!(missing.is_some(), !lost.is_empty());
        let Some(missing) = missing else { return Ok(()) };
        for range in missing.ranges() {
            prop_assert_eq!(range.start as usize, starts[usize::from(range.first)]);
            prop_assert_eq!(range.resume as usize, starts[usize::from(range.end())]);
        }
        for n in 0..lengths.len() {
            let reported = missing.ranges().any(|range| (range.first..range.end()).contains(&(n as u16)));
            // With the markers before and after it.
            let touched = (starts[n].saturating_sub(2)..starts[n + 1]).any(is_lost);
            prop_assert!(reported || !touched, "interval {} of {:?}", n, missing);
            if lost.len() == 1 {
                prop_assert_eq!(reported, touched, "interval {} of {:?}", n, missing);
            }
        }
    }

    #[test]
    fn arbitrary_fragments_never_panic(
        intervals in 1u16..100,
        fragments in prop::collection::vec(
            (0u32..1000, prop::collection::vec(prop_oneof![Just(0xFF), 0xD0u8..0xD8, Just(0)], 0..40), any::<bool>(),
             any::<Option<(bool, bool, Option<u16>)>>()),
            0..20,
        ),
        to_end: bool,
    ) {
        let mut tracker = IntervalTracker::new(&info(intervals)).unwrap();
        for (offset, data, after_hole, restart) in fragments {
            let restart = restart.map(|(first, last, count)| Restart { interval: 1, first, last, count });
            tracker.advance(offset, &data, after_hole, restart);
        }
        if let Some(missing) = tracker.finish(to_end, 2_000) {
            prop_assert!(missing.ranges().all(|range| range.end() <= intervals));
        }
    }
}
