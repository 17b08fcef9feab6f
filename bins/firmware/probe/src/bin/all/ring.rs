//! The ring, as a source writes it and a player reads it.
use pinhole::codec::jpeg::TRACK;
use pinhole::frame::Slot;
use pinhole::frame::{ByteRange, Flags, Frame, FrameEnd, FrameId, FrameSink, FrameStore, Seek, TrackId};
use pinhole::time::MediaTime;
use probe::{Ring, any, bytes, room, used};

pub(crate) fn all() {
    let (mut slots, mut frames) = ([Slot::EMPTY; 4], [0; 100]);
    let mut ring = Ring::new(TRACK, any(&mut slots), room(&mut frames));
    while any(true) {
        write(any(&mut ring));
        read(any(&mut ring));
    }
}

fn write(ring: &mut Ring<'_>) {
    let missing = any([ByteRange::new(any(0), any(1)); 2]);
    let (flags, missing) = (any(Flags::INTRA), any(&missing[..]));
    let end = any(FrameEnd { flags, missing, ..FrameEnd::intra(any(0), any(0)) });
    used(ring.push(&any(Frame { flags, missing, ..Frame::intra(bytes(), any(0), any(0)) })));
    ring.describe(any(0), any(TRACK));
    ring.set_info(any(TRACK));
    used(ring.begin(any(0), any(0)));
    used(ring.write_at(any(0), any(0), bytes()));
    match any(0) {
        0 => ring.finish(any(0), end),
        1 => ring.abandon(any(0)),
        2 => ring.restart(any(FrameId(0))),
        3 => ring.end(),
        _ => ring.keep_from(any(FrameId(0)).next()),
    }
    let rings: &mut [Ring<'_>] = any(&mut []);
    rings.describe(any(0), any(TRACK));
    used(rings.begin(any(0), any(0)));
    used(rings.write_at(any(0), any(0), bytes()));
    rings.finish(any(0), end);
    rings.abandon(any(0));
}

fn read(ring: &mut Ring<'_>) {
    let track = any(TrackId::default());
    used((
        ring.frames(),
        ring.track_info(),
        ring.newest_frame(),
        ring.frame_count(),
        ring.slot_count(),
        ring.bytes_used(),
        ring.capacity(),
    ));
    used(ring.bytes_from(any(FrameId(0))));
    used(ring.find(any(MediaTime::ZERO)));
    ring.time_ranges().for_each(used);
    if let Ok(frame) = ring.frame(track, any(FrameId(0))) {
        used((frame.flags.integrity.is_complete(), frame.media_time(any(90_000)), frame));
    }
    used((ring.seek(track, any(Seek::Live)), ring.time(track, any(FrameId(0)))));
    used((ring.info(track), ring.clock(track)));
    let rings: &[Ring<'_>] = any(&[]);
    used((rings.frame(track, any(FrameId(0))).is_ok(), rings.seek(track, any(Seek::Live))));
    used((rings.info(track), rings.clock(track), rings.time(track, any(FrameId(0)))));
}
