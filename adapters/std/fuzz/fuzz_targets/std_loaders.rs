//! Loads frames for several readers from disks that fail, and whose jobs hang.
#![no_main]
use libfuzzer_sys::fuzz_target;
use pinhole_std::media::simulation::loaders;

fuzz_target!(|bytes: &[u8]| loaders(bytes));
