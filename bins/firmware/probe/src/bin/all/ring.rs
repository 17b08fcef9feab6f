//! The ring, as a source writes it and a player reads it.
use pinhole::codec::jpeg::{JpegInfo, Sampling};
use pinhole::frame::Slot;
use pinhole::frame::{Format, FrameEnd, FrameId, FrameSink, FrameStore, Integrity, Seek, TrackId};
use pinhole::time::{Duration, MediaTime};
use probe::{Ring, any, bytes, room, used};

pub(crate) fn all() {
    let (mut slots, mut frames) = ([Slot::default(); 4], [0; 100]);
    let mut ring = Ring::new(any(&mut slots), room(&mut frames));
    while any(true) {
        write(any(&mut ring));
        read(any(&mut ring));
    }
}

fn write(ring: &mut Ring<'_>) {
    let info = any(JpegInfo::of_size(any(1), any(1), any(Sampling::Yuv420)));
    let end = any(FrameEnd {
        format: Format::Jpeg(info),
        duration: Duration::ZERO,
        integrity: Integrity::Complete,
    });
    used(ring.push(any(MediaTime::ZERO), bytes(), end));
    used(ring.begin(any(0), any(MediaTime::ZERO)));
    used(ring.write_at(any(0), any(0), bytes()));
    match any(0) {
        0 => ring.finish(any(0), end),
        1 => ring.abandon(any(0)),
        2 => ring.restart(any(FrameId(0))),
        3 => ring.end(),
        _ => ring.keep_from(any(FrameId(0)).next()),
    }
    let rings: &mut [Ring<'_>] = any(&mut []);
    used(rings.begin(any(0), any(MediaTime::ZERO)));
    used(rings.write_at(any(0), any(0), bytes()));
    rings.finish(any(0), end);
    rings.abandon(any(0));
}

fn read(ring: &mut Ring<'_>) {
    let track = any(TrackId::default());
    used((ring.span(), ring.frame_count(), ring.slot_count(), ring.bytes_used(), ring.capacity()));
    used(ring.bytes_from(any(FrameId(0))));
    used(ring.find(any(MediaTime::ZERO)));
    ring.spans().for_each(used);
    if let Ok(frame) = ring.frame(track, any(FrameId(0))) {
        used((frame.integrity.is_complete(), frame));
    }
    used(ring.seek(track, any(Seek::Live)));
    let rings: &[Ring<'_>] = any(&[]);
    used((rings.frame(track, any(FrameId(0))).is_ok(), rings.seek(track, any(Seek::Live))));
}
