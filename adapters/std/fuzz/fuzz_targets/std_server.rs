//! Drives connections with a server that serves files from a disk that fails.
#![no_main]
use libfuzzer_sys::fuzz_target;
use pinhole_std::media::simulation::server;

fuzz_target!(|bytes: &[u8]| server(bytes));
