//! Inputs without a pattern, and those that once showed a fault.
use super::super::Files;
use super::super::index::Index;
use super::super::source::Tools;
use super::disk::Disk;
use super::input::contained;
use super::loaders::{HOW, expected};
use super::{Broken, Soaked, loaders, media, server, soak};
use pinhole::time::Duration;
use std::path::Path;
use std::sync::Arc;

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

#[test]
fn what_was_replaced_and_put_back_is_loaded_at_once() {
    let frames: Vec<_> = expected().iter().map(|frame| frame.to_vec()).collect();
    let (long, short) = match frames[0].len() > frames[2].len() {
        true => (0, 2),
        false => (2, 0),
    };
    let whole = contained(1, &frames);
    let at = whole.windows(frames[long].len()).position(|bytes| bytes == frames[long]);
    let at = at.expect("frames lie in the file as they are");
    let mut other = whole.clone();
    other[at..][..frames[long].len()].fill(0);
    other[at..][..frames[short].len()].copy_from_slice(&frames[short]);

    let disk = Disk::default();
    for (name, content) in [("clip", &whole), ("other", &other), ("same", &whole)] {
        disk.add(name, content.clone());
    }
    let files: Arc<dyn Files> = Arc::new(disk.clone());
    let (index, problems) = Index::of_file(&files, Path::new("clip"), HOW, &mut |_| ());
    assert_eq!(problems, []);
    let (index, mut tools) = (index.expect("it has frames"), Tools::new(HOW));
    let mut load = || index.load(long as u32, &mut tools).map(|frame| frame.to_vec());
    for _ in 0..2 {
        assert!(load() == Some(frames[long].clone()));
    }
    disk.replace(0, 1);
    assert!(load() == Some(frames[short].clone()));
    disk.replace(0, 2);
    assert!(load() == Some(frames[long].clone()));
}
