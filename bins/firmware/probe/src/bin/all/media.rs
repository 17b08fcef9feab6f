//! Media files.
use pinhole::codec::Codec;
use pinhole::codec::jpeg::Splitter;
use pinhole::media::{Dechunker, Detector, FrameClock, FrameReader, FrameSpan, SliceReader};
use probe::{any, bytes, room, used};

pub(crate) fn all() {
    used(any(Detector::new()).push(bytes()));
    used(Codec::of_fourcc(any(*b"MJPG")));
    dechunk();
    read();
    split();
    let Some(clock) = FrameClock::new(any(1), any(1)) else { return };
    used((clock.fraction(), clock.frame_rate(), clock.pts(any(0)), clock.interval()));
}

fn read() {
    let (mut buffer, mut frame) = ([0; 100], [0; 100]);
    let Ok(mut reader) = FrameReader::new(SliceReader::new(bytes()), room(&mut buffer), any(0)) else {
        return;
    };
    while any(true) {
        let reader = any(&mut reader);
        used(reader.next());
        used(reader.read_frame(any(FrameSpan { at: 0, len: 0 }), room(&mut frame)));
        used((reader.container(), reader.clock(), reader.slots()));
    }
}

fn dechunk() {
    let mut dechunker = any(Dechunker::within(any(0)));
    while any(true) {
        let dechunker = any(&mut dechunker);
        used((dechunker.framing(bytes()), dechunker.body(any(0))));
        used((dechunker.left(), dechunker.is_damaged()));
    }
}

fn split() {
    let mut splitter = Splitter::new(any(0));
    while any(true) {
        let splitter = any(&mut splitter);
        if let (_, Some(found)) = splitter.push(bytes()) {
            used(found.end());
        }
        used((splitter.keep_from(), splitter.junk(), splitter.oversized()));
    }
    used(splitter.finish());
}
