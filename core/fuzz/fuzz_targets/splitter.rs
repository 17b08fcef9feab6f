//! Splits a stream of JPEG frames that arrives in pieces. The frames found must not depend on where
//! the pieces are cut.
#![no_main]
use libfuzzer_sys::fuzz_target;
use pinhole::codec::jpeg::{Found, Splitter};

fn split<'a>(pieces: impl Iterator<Item = &'a [u8]>, max_frame: u32) -> (Vec<Found>, u32, u64) {
    let mut splitter = Splitter::new(max_frame);
    let mut all = Vec::new();
    for mut piece in pieces {
        while !piece.is_empty() {
            let (taken, found) = splitter.push(piece);
            assert!(taken > 0);
            all.extend(found);
            piece = &piece[taken..];
        }
    }
    all.extend(splitter.finish());
    (all, splitter.oversized(), splitter.junk())
}

fuzz_target!(|input: (u16, u8, &[u8])| {
    let (max_frame, piece, stream) = input;
    let whole = split([stream].into_iter(), u32::from(max_frame));
    assert_eq!(split(stream.chunks(usize::from(piece).max(1)), u32::from(max_frame)), whole);
    let mut end = 0;
    for found in &whole.0 {
        assert!(found.start >= end && found.end() <= stream.len() as u64);
        assert_eq!(found.start - end, found.junk);
        assert!(found.len <= u32::from(max_frame));
        end = found.end();
    }
});
