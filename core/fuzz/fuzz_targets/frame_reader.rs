//! Reads arbitrary bytes as a media file. Reading must end, and the frames must be in order and lie
//! within the file. Taking the chunks of an HTTP body apart must end, too.
#![no_main]
use libfuzzer_sys::fuzz_target;
use pinhole::media::{Dechunker, FrameReader, ReadError, SliceReader};

const AVI: &[u8] = b"RIFF\0\0\0\0AVI strh\x38\0\0\0vidsMJPG\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\x19\0\0\0\
    \0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

fn walk(file: &[u8], max_frame: u32) {
    let Ok(mut reader) = FrameReader::new(SliceReader::new(file), [0; 32], max_frame) else { return };
    let (mut end, mut steps) = (0, 0);
    loop {
        match reader.next() {
            Ok(None) => break,
            Ok(Some(span)) => {
                assert!(span.at >= end && span.len <= max_frame && reader.slots() > 0);
                end = span.at + u64::from(span.len);
                assert!(end <= file.len() as u64);
            }
            Err(ReadError::Media(error)) => assert!(error.at <= file.len() as u64),
            Err(error) => panic!("{error}"),
        }
        steps += 1;
        assert!(steps <= file.len() + 1);
    }
}

fn dechunk(mut body: &[u8]) {
    let mut dechunker = Dechunker::new();
    while !body.is_empty() {
        let framing = dechunker.framing(body);
        body = &body[framing..];
        let taken = dechunker.body(body.len() as u64) as usize;
        assert!(framing + taken > 0 || dechunker.left() > 0);
        body = &body[taken..];
    }
}

fuzz_target!(|input: (u16, &[u8])| {
    let (max_frame, file) = input;
    walk(file, u32::from(max_frame));
    walk(&[AVI, file].concat(), u32::from(max_frame));
    dechunk(file);
});
