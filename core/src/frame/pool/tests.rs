use super::*;
use crate::codec::jpeg::TRACK;
use crate::frame::ByteRange;
use crate::time::{Duration, MediaTime};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::vec::Vec;

const T: TrackId = TrackId { media: 0, track: 0 };
const AT: Instant = Instant::from_micros(1_000_000);

type Pool<const N: usize> = FramePool<[PoolSlot; N], Vec<u8>>;

fn pool<const N: usize>(len: usize) -> Pool<N> {
    FramePool::new(TRACK, [PoolSlot::EMPTY; N], std::vec![0; N * len])
}

fn add<const N: usize>(pool: &mut Pool<N>, byte: u8, len: usize) -> Option<FrameId> {
    let lease = pool.lease()?;
    pool.buffer_mut(&lease)[..len].fill(byte);
    let time = 3_600 * u64::from(byte);
    Some(pool.commit(lease, time, FrameEnd::intra(len, 3_600)))
}

/// Adds the first `count` frames, of a byte each.
fn fill<const N: usize>(pool: &mut Pool<N>, count: u8) {
    for byte in 0..count {
        add(pool, byte, 1).unwrap();
    }
}

fn want(frame: u64, held_until: Option<Instant>) -> Want {
    Want { track: T, frame: FrameId(frame), by: AT, backwards: false, held_until }
}

/// As of a session that has sent a part of the frame and may be late by a second.
fn middle_of(frame: u64) -> Want {
    want(frame, Some(AT + Duration::from_secs(1)))
}

#[test]
fn the_oldest_frame_gives_its_buffer_to_the_newest() {
    let mut pool = pool::<3>(10);
    assert_eq!(pool.buffer_len(), 10);
    assert_eq!(pool.frame(T, FrameId(0)), Err(Miss::NotYet));
    for byte in 0..5 {
        assert_eq!(add(&mut pool, byte, 4), Some(FrameId(byte.into())));
    }
    assert_eq!(pool.frame(T, FrameId(1)), Err(Miss::Overrun { newest: FrameId(4) }));
    for byte in 2..5 {
        assert_eq!(
            pool.frame(T, FrameId(byte.into())),
            Ok(Frame::intra(&[byte; 4], u64::from(byte) * 3_600, 3_600))
        );
    }
    assert_eq!(pool.newest_frame().unwrap().data, [4; 4]);
    assert_eq!(pool.frame(T, FrameId(5)), Err(Miss::NotYet));
    pool.end();
    assert_eq!(pool.frame(T, FrameId(5)), Err(Miss::End));
}

#[test]
fn a_frame_that_a_session_has_begun_stays() {
    let mut pool = pool::<3>(1);
    fill(&mut pool, 3);
    for byte in 3..40 {
        pool.hold(AT, [middle_of(1), want(2, None)]);
        assert_eq!(add(&mut pool, byte, 1), Some(FrameId(byte.into())));
        assert_eq!(pool.frame(T, FrameId(1)).unwrap().data, [1]);
        assert_eq!(pool.frame(T, FrameId(byte.into())).unwrap().data, [byte]);
    }
    // It is the oldest one as soon as the session is through.
    pool.hold(AT, [middle_of(39)]);
    add(&mut pool, 40, 1).unwrap();
    assert_eq!(pool.frame(T, FrameId(1)), Err(Miss::Overrun { newest: FrameId(40) }));
}

#[test]
fn a_frame_is_held_no_longer_than_its_session_may_be_late() {
    let mut pool = pool::<2>(1);
    fill(&mut pool, 2);
    let until = AT + Duration::from_secs(1);
    pool.hold(until - Duration::from_micros(1), [middle_of(0), middle_of(1)]);
    assert_eq!(pool.lease(), None);
    pool.hold(until, [middle_of(0), middle_of(1)]);
    assert_eq!(add(&mut pool, 2, 1), Some(FrameId(2)));
    assert!(pool.frame(T, FrameId(0)).is_err());
}

#[test]
fn two_buffers_can_be_leased_and_given_back() {
    let mut pool = pool::<3>(1);
    add(&mut pool, 7, 1).unwrap();
    let [one, two] = [pool.lease().unwrap(), pool.lease().unwrap()];
    assert_eq!(pool.frame(T, FrameId(0)).unwrap().data, [7], "free buffers come first");
    let three = pool.lease().unwrap();
    assert_eq!(pool.lease(), None);
    assert_eq!(pool.frame(T, FrameId(0)), Err(Miss::Overrun { newest: FrameId(1) }));
    pool.buffer_mut(&three)[0] = 3;
    pool.buffer_mut(&one)[0] = 1;
    assert_eq!(pool.commit(three, 0, FrameEnd::intra(1, 0)), FrameId(1));
    pool.release(two);
    assert_eq!(pool.commit(one, 0, FrameEnd::intra(1, 0)), FrameId(2));
    assert_eq!([1, 2].map(|id| pool.frame(T, FrameId(id)).unwrap().data[0]), [3, 1]);
    assert_eq!(add(&mut pool, 9, 1), Some(FrameId(3)), "the buffer that was given back");
    assert_eq!(pool.frame(T, FrameId(1)).unwrap().data, [3]);
}

#[test]
fn what_is_too_long_or_misses_parts_is_damaged() {
    let mut pool = pool::<2>(4);
    let lease = pool.lease().unwrap();
    pool.commit(lease, 0, FrameEnd::intra(5, 0));
    let lease = pool.lease().unwrap();
    pool.commit(lease, 0, FrameEnd { missing: &[ByteRange::new(0, 1)], ..FrameEnd::intra(4, 0) });
    for id in 0..2 {
        let frame = pool.frame(T, FrameId(id)).unwrap();
        assert_eq!((frame.data.len(), frame.flags.integrity), (4, Integrity::Damaged));
    }
}

#[test]
fn pieces_are_written_in_place() {
    let mut pool = pool::<2>(6);
    add(&mut pool, 9, 6).unwrap();
    add(&mut pool, 9, 6).unwrap();
    assert_eq!(pool.write_at(0, 0, b"x"), Err(Full), "no frame is open");
    pool.begin(0, 90).unwrap();
    pool.write_at(0, 4, b"ef").unwrap();
    pool.write_at(0, 0, b"ab").unwrap();
    assert_eq!(pool.write_at(0, 5, b"fg"), Err(Full));
    pool.finish(0, FrameEnd::intra(6, 0));
    assert_eq!(pool.newest_frame().unwrap(), Frame::intra(b"ab\0\0ef", 90, 0));
    pool.begin(0, 0).unwrap();
    pool.abandon(0);
    assert_eq!(pool.frame(T, FrameId(2)).unwrap().data, b"ab\0\0ef");
    assert_eq!(pool.frame(T, FrameId(3)), Err(Miss::NotYet));
    pool.hold(AT, [middle_of(1), middle_of(2)]);
    add(&mut pool, 1, 1).unwrap();
    pool.hold(AT, [middle_of(2), middle_of(3)]);
    assert_eq!(pool.begin(0, 0), Err(Full));
}

#[test]
fn a_pool_without_buffers_has_no_room() {
    let mut pool = FramePool::new(TRACK, [PoolSlot::EMPTY; 0], [0; 8]);
    assert_eq!((pool.buffer_len(), pool.lease()), (0, None));
    assert_eq!(pool.begin(0, 0), Err(Full));
    assert_eq!(pool.newest_frame(), None);
}

#[test]
fn a_place_is_found_among_what_is_there() {
    let mut pool = pool::<3>(1);
    assert_eq!(pool.seek(T, Seek::Live), Ok(FrameId(0)));
    fill(&mut pool, 5);
    let at = |millis: u64| pool.seek(T, Seek::To(MediaTime::from_micros(millis * 1_000)));
    assert_eq!([at(0), at(80), at(81), at(200)].map(Result::unwrap), [2, 2, 3, 5].map(FrameId));
    assert_eq!(pool.seek(T, Seek::Live), Ok(FrameId(4)));
}

proptest! {
    /// While readers hold frames, these keep their bytes, and the newest frame is never refused for lack of a
    /// buffer that nobody is in the middle of.
    #[test]
    fn held_frames_keep_their_bytes(steps in prop::collection::vec(prop::collection::vec(0u64..6, 0..4), 1..60)) {
        let mut pool = pool::<4>(8);
        let mut bytes = BTreeMap::new();
        for (n, readers) in (0u8..).zip(steps) {
            let newest = u64::from(n);
            let held: Vec<u64> = readers.iter().filter_map(|back| newest.checked_sub(*back)).collect();
            let there = |pool: &Pool<4>, id: u64| pool.frame(T, FrameId(id)).is_ok();
            let held: Vec<u64> = held.into_iter().filter(|id| there(&pool, *id)).collect();
            pool.hold(AT, held.iter().map(|id| middle_of(*id)));
            let distinct = held.iter().collect::<std::collections::BTreeSet<_>>().len();
            match add(&mut pool, n, 8) {
                Some(id) => drop(bytes.insert(id.0, n)),
                None => prop_assert_eq!(distinct, 4),
            }
            for id in held {
                let frame = pool.frame(T, FrameId(id)).unwrap();
                prop_assert_eq!(frame.data, [bytes[&id]; 8]);
            }
        }
    }
}
