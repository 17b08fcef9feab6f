//! Indexes media files with any content, with transcoding, and loads their frames.
#![no_main]
use libfuzzer_sys::fuzz_target;
use pinhole_std::media::simulation::media;

fuzz_target!(|bytes: &[u8]| media(bytes));
