//! What a server keeps in memory of large files, and how long it takes to open one.
//!
//! Alone in its file: Cargo runs the files one after the other, and this one measures.
use pinhole_tests::clip::{Clip, TempDir};
use pinhole_tests::server::Server;
use pinhole_tests::{Transport, viewer};
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::time::{Duration, Instant};

const MIB: u64 = 1 << 20;

/// The sample clip over and over, of at least `len` bytes.
fn long(directory: &TempDir, len: u64) -> std::path::PathBuf {
    let clip = std::fs::read(Clip::sample().path).unwrap();
    let path = directory.path().join("long.mjpeg");
    let mut file = File::create(&path).unwrap();
    for _ in 0..len.div_ceil(clip.len() as u64) {
        file.write_all(&clip).unwrap();
    }
    path
}

/// How long it takes to read a file that was just written.
fn read_once(path: &Path) -> Duration {
    let (mut file, mut buffer, begun) = (File::open(path).unwrap(), vec![0; 1 << 20], Instant::now());
    while file.read(&mut buffer).unwrap() > 0 {}
    begun.elapsed()
}

#[test]
fn a_gigabyte_file_opens_without_a_copy() {
    let directory = TempDir::new();
    let path = long(&directory, 1024 * MIB);
    let reading = read_once(&path);
    let begun = Instant::now();
    let server = Server::start(&[&path]);
    let opening = begun.elapsed();
    // Generous: this is no release build, and the machine has other work.
    assert!(opening < 20 * reading + Duration::from_secs(5), "{opening:?}, and {reading:?} to read it");
    let serving = &server.wait_events("serving", 1, Duration::from_secs(1))[0];
    assert!(serving["frames"].as_u64().unwrap() > 39_000, "{serving}");
    if let Some(peak) = server.peak_memory() {
        assert!(peak < 50 * MIB, "{} MiB at its peak", peak / MIB);
    }
}

#[test]
fn a_cache_bounds_a_larger_medium() {
    let directory = TempDir::new();
    // 20 MB, of which no two frames are one to the cache.
    let clip = std::fs::read(Clip::sample().path).unwrap();
    let path = directory.file("long.mjpeg", &clip.repeat(12));
    let peak = |cache: &str| {
        let server = Server::with(&["--cache", cache, "--fps", "240"], &[&path]);
        let report = viewer::watch(&server.url("long"), Transport::Tcp, &[]);
        // A busy machine leaves some out, and shows none damaged.
        assert!(report.number("frames_complete") > 200, "{report:?}");
        assert_eq!(report.number("frames_damaged"), 0, "{report:?}");
        server.peak_memory()
    };
    let (Some(small), Some(none), Some(large)) = (peak("1MiB"), peak("0"), peak("1GiB")) else {
        return eprintln!("left out: this system does not tell a process's memory");
    };
    assert!(small < 12 * MIB && none < 12 * MIB, "{small} and {none} bytes at the peak");
    assert!(large > small + 4 * MIB, "{large} bytes at the peak, {small} with a small cache");
}
