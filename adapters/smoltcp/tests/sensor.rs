//! A sensor that makes JPEG, such as an OV2640, with the quirks of one: what it writes is checked before it is served.
mod common;

use common::sample;
use pinhole::codec::jpeg::{self, CheckErrorKind, TRACK};
use pinhole::frame::{FrameEnd, FramePool, FrameStore, Lease, PoolSlot, TrackId};
use pinhole_sim::clip::Clip;
use std::collections::BTreeMap;

const BUFFERS: usize = 4;
/// DMA writes whole blocks.
const BLOCK: usize = 64;
const T: TrackId = TrackId { media: 0, track: 0 };

type Pool = FramePool<[PoolSlot; BUFFERS], Vec<u8>>;

/// What the sensor does with a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Quirk {
    /// It writes the picture, and fills the last block.
    None,
    /// It begins with bytes of the picture before.
    Junk,
    /// It stops, and the rest of the buffer is an older picture.
    Stops,
    /// It stops, and writes an end of its own.
    Ends,
    /// It writes headers only.
    Headers,
}

/// A sensor with two DMA buffers: it writes to one while the other one is looked at.
struct Sensor {
    clip: Clip,
    random: fastrand::Rng,
    shot: u64,
    writing: Option<Lease>,
}

impl Sensor {
    /// Writes a picture to the leased buffer. Returns the lease, what was written, and what should have been.
    fn shoot(&mut self, pool: &mut Pool) -> Option<(Lease, Quirk, Vec<u8>)> {
        let lease = self.writing.take().or_else(|| pool.lease())?;
        // The next picture goes to another buffer, while this one is looked at.
        self.writing = pool.lease();
        let id = self.shot % self.clip.frame_count() as u64;
        self.shot += 1;
        let picture = self.clip.frame(T, pinhole::frame::FrameId(id)).unwrap().data.to_vec();
        let quirk = match self.random.u8(..100) {
            0..5 => Quirk::Junk,
            5..7 => Quirk::Stops,
            7..9 => Quirk::Ends,
            9 => Quirk::Headers,
            _ => Quirk::None,
        };
        let buffer = pool.buffer_mut(&lease);
        let mut write = |at: usize, bytes: &[u8]| buffer[at..at + bytes.len()].copy_from_slice(bytes);
        let cut = self.random.usize(1_000..picture.len() - 1_000);
        match quirk {
            Quirk::None | Quirk::Junk => {
                let start = if quirk == Quirk::Junk { 7 } else { 0 };
                write(0, &[0xA5; 7]);
                write(start, &picture);
                let end = start + picture.len();
                write(end, &vec![0; end.next_multiple_of(BLOCK) - end]);
            }
            Quirk::Stops => write(0, &picture[..cut]),
            Quirk::Ends => write(0, &[&picture[..cut], &[0xFF, 0xD9]].concat()),
            Quirk::Headers => write(0, &[&picture[..300], &[0; BLOCK]].concat()),
        }
        Some((lease, quirk, picture))
    }
}

#[test]
fn only_whole_pictures_are_served() {
    let clip = sample(60);
    let len = clip.longest().next_multiple_of(BLOCK) + BLOCK;
    let mut pool: Pool = FramePool::new(TRACK, [PoolSlot::EMPTY; BUFFERS], vec![0; BUFFERS * len]);
    let mut sensor = Sensor { clip, random: fastrand::Rng::with_seed(5), shot: 0, writing: None };
    let mut refused = BTreeMap::<Quirk, u64>::new();
    let mut mixed = 0;
    for shot in 0..3_000 {
        let (lease, quirk, picture) = sensor.shoot(&mut pool).expect("nobody holds a frame");
        let buffer = pool.buffer_mut(&lease);
        match jpeg::check(buffer) {
            Ok((found, _)) => {
                let len = found.len();
                buffer.copy_within(found, 0);
                pool.commit(lease, shot * 3_600, FrameEnd::intra(len, 3_600));
                let served = pool.newest_frame().unwrap();
                assert_eq!(served.time, shot * 3_600);
                if served.data != picture {
                    // Part new, part old, at the same MCU of a still scene.
                    assert_eq!(quirk, Quirk::Stops);
                    assert!(jpeg::extent(served.data).unwrap().is_whole());
                    mixed += 1;
                }
            }
            Err(error) => {
                assert!(!matches!(quirk, Quirk::None | Quirk::Junk), "{quirk:?}: {error}");
                assert!(
                    quirk != Quirk::Headers || !matches!(error.reason, CheckErrorKind::NoStart),
                    "{error}"
                );
                *refused.entry(quirk).or_default() += 1;
                pool.release(lease);
            }
        }
    }
    println!("refused {refused:?}, mixed {mixed}");
    assert!(refused.len() == 3 && refused.values().sum::<u64>() > 100, "{refused:?}");
    assert!(mixed * 2 < refused[&Quirk::Stops], "{mixed} of {refused:?}");
}
