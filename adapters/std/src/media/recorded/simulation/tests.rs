//! Inputs without a pattern, and those that once showed a fault.
use super::{Broken, Soaked, loaders, media, server, soak};
use pinhole::time::Duration;

/// Calls `run` with inputs that follow from numbers.
fn with_random_inputs(count: u64, run: fn(&[u8])) {
    for seed in 0..count {
        let mut random = numbers(seed);
        let len = random() as usize % 600;
        let input: Vec<u8> = (0..len).map(|_| random() as u8).collect();
        run(&input);
    }
}

/// Numbers that have nothing to do with each other (splitmix64).
fn numbers(seed: u64) -> impl FnMut() -> u64 {
    let mut state = seed.wrapping_mul(0x5851_F42D_4C95_7F2D);
    move || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let n = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let n = (n ^ (n >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        n ^ (n >> 31)
    }
}

#[test]
fn media_with_any_content_are_read() {
    with_random_inputs(1000, media);
}

#[test]
fn every_reader_is_served_or_told() {
    with_random_inputs(1000, loaders);
}

#[test]
fn a_server_over_a_failing_disk_comes_to_rest() {
    with_random_inputs(300, server);
}

#[test]
fn faults_of_a_disk_are_its_own_readers() {
    let mut all = Soaked::default();
    for seed in 0..60 {
        let mut random = numbers(seed);
        let mut choose = |below: u32| (random() % u64::from(below)) as u32;
        let soaked: Result<Soaked, Broken> = soak(&mut choose, Duration::from_secs(30));
        let soaked = soaked.unwrap_or_else(|broken| panic!("seed {seed}: {broken:?}"));
        all.frames += soaked.frames;
        all.stalls += soaked.stalls;
        all.panics += soaked.panics;
    }
    assert!(all.frames > 5_000 && all.stalls > 10 && all.panics > 10, "{all:?}");
}
