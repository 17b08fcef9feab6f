//! The pool, as a camera's DMA and a program write it, and sessions read it.
use pinhole::codec::jpeg::TRACK;
use pinhole::frame::{ByteRange, Flags, FrameEnd, FrameId, FramePool, FrameSink, FrameStore, PoolSlot};
use pinhole::frame::{Seek, TrackId, Want};
use pinhole::time::Instant;
use probe::{any, bytes, room, used};

type Pool<'a> = FramePool<&'a mut [PoolSlot], &'a mut [u8]>;

pub(crate) fn all() {
    let (mut slots, mut frames) = ([PoolSlot::EMPTY; 4], [0; 100]);
    let mut pool = Pool::new(TRACK, any(&mut slots), room(&mut frames));
    while any(true) {
        lease(any(&mut pool));
        write(any(&mut pool));
        read(any(&mut pool));
    }
}

fn end() -> FrameEnd<'static> {
    let missing: &[ByteRange] = any(&[]);
    any(FrameEnd { flags: any(Flags::INTRA), missing, ..FrameEnd::intra(any(0), any(0)) })
}

fn lease(pool: &mut Pool<'_>) {
    let at = any(Instant::ZERO);
    let want = Want {
        track: any(TrackId::default()),
        frame: any(FrameId(0)),
        by: at,
        backwards: any(false),
        held_until: any(Some(at)),
    };
    pool.hold(at, [any(want); 2]);
    let Some(lease) = pool.lease() else { return };
    used(pool.buffer_mut(&lease).len());
    match any(0) {
        0 => pool.release(lease),
        _ => used(pool.commit(lease, any(0), end())),
    }
}

fn write(pool: &mut Pool<'_>) {
    pool.describe(any(0), any(TRACK));
    used(pool.begin(any(0), any(0)));
    used(pool.write_at(any(0), any(0), bytes()));
    match any(0) {
        0 => pool.finish(any(0), end()),
        1 => pool.abandon(any(0)),
        _ => pool.end(),
    }
}

fn read(pool: &mut Pool<'_>) {
    let (track, pool) = (any(TrackId::default()), &*pool);
    used((pool.buffer_len(), pool.newest_frame(), pool.info(track)));
    used((pool.frame(track, any(FrameId(0))), pool.seek(track, any(Seek::Live))));
    // A reference is a store, too.
    used((FrameStore::time(&pool, track, any(FrameId(0))), FrameStore::clock(&pool, track)));
}
