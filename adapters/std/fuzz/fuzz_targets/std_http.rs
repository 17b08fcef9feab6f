//! Reads requests of browsers that arrive in pieces.
#![no_main]
use libfuzzer_sys::fuzz_target;
use pinhole_std::server::simulation::http_request;

fuzz_target!(|input: (u16, &[u8])| http_request(input.1, usize::from(input.0)));
