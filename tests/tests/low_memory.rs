//! A server whose memory is limited, so that allocations fail: what has no room costs its own sessions.
#![cfg(target_os = "linux")]
use pinhole_tests::clip::{Clip, TempDir};
use pinhole_tests::dialogue::Dialogue;
use pinhole_tests::server::Server;
use pinhole_tests::{Transport, undisturbed, viewer};
use std::path::{Path, PathBuf};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(120);
/// So many KiB are enough for whatever happens.
const PLENTY: usize = 8 << 20;

/// Asserts that the server plays a clip whole.
fn assert_serves(server: &Server, clip: &Clip) {
    viewer::watch(&server.url(clip.mount()), Transport::Tcp, &[]).assert_whole(clip.frames);
}

/// Makes a clip of progressive pictures of 4096x4096 pixels, all of them grey, which have to be transcoded.
fn progressive(directory: &TempDir) -> PathBuf {
    const SIDE: u16 = 4096;
    let sample = std::fs::read(Clip::sample().path).unwrap();
    let find = |marker: [u8; 2]| sample.windows(2).position(|bytes| bytes == marker).unwrap();
    let (frame, scan) = (find([0xff, 0xc0]), find([0xff, 0xda]) + 14);
    let mut file = sample[..scan].to_vec();
    file[frame + 1] = 0xc2;
    file[frame + 5..frame + 9].copy_from_slice(&[SIDE.to_be_bytes(), SIDE.to_be_bytes()].concat());
    // Only DC coefficients, whose differences are 0: two bits for each of the six blocks of an MCU.
    file[scan - 3..].fill(0);
    file.resize(scan + (usize::from(SIDE) / 16).pow(2) * 12 / 8, 0);
    file.extend([0xff, 0xd9]);
    directory.file("progressive.mjpeg", &file.repeat(3))
}

#[test]
fn a_picture_that_has_no_room_costs_its_own_sessions() {
    let _turn = undisturbed();
    let (directory, clip) = (TempDir::new(), Clip::sample());
    let large = progressive(&directory);
    let options = ["--transcode", "--cache", "8MiB"];
    let mut server = Server::with_memory(PLENTY, &options, &[&clip.path, &large]);
    // All threads have what each of them takes.
    assert_serves(&server, &clip);
    // Enough for all but for the pixels and the coefficients of such a picture, which are 100 MB: a part of them
    // would find a place in what a thread has already.
    server.limit_memory(40 << 20);
    let _waiting = viewer::start_with(&server.url("progressive"), Transport::Tcp, &[]);
    let ended = server.wait_events("ended", 2, LIMIT);
    let problem = ended.iter().find_map(|ended| ended["problem"].as_str()).unwrap_or_default();
    assert!(problem.contains("there is not enough memory for it"), "{ended:?}");
    assert_serves(&server, &clip);
    assert!(server.is_alive());
}

#[test]
fn connections_are_turned_away_before_memory_is_used_up() {
    let _turn = undisturbed();
    let clip = Clip::sample();
    let server = Server::with_memory(PLENTY, &["--loop"], &[&clip.path]);
    let url = server.url(clip.mount());
    let mut steady = Dialogue::connect(server.address());
    steady.set_up_tcp(&url);
    steady.request("PLAY", &url, &[]).ok();
    steady.interleaved(LIMIT).expect("it plays");
    server.limit_memory(12 << 20);
    let mut refused = Dialogue::connect(server.address());
    refused.send(b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n");
    assert!(refused.closes(LIMIT));
    assert_eq!(refused.try_reply(Duration::from_millis(1)), None);
    while steady.interleaved(Duration::ZERO).is_some() {}
    steady.interleaved(LIMIT).expect("it goes on");
    server.limit_memory(4 << 30);
    Dialogue::connect(server.address()).request("OPTIONS", &url, &[]).ok();
}

/// Returns a box of MP4.
fn mp4_box(name: &[u8; 4], body: &[u8]) -> Vec<u8> {
    [&(body.len() as u32 + 8).to_be_bytes()[..], name, body].concat()
}

/// Returns a box with a version and flags of 0, and these words.
fn words(name: &[u8; 4], words: &[u32]) -> Vec<u8> {
    let body: Vec<u8> = [&[0], words].concat().iter().flat_map(|word| word.to_be_bytes()).collect();
    mp4_box(name, &body)
}

/// Writes a small MP4 file with tables of forty million frames, of a byte each.
fn many_frames(path: &Path) {
    const FRAMES: u32 = 40_000_000;
    let entry = mp4_box(b"jpeg", &[&[0, 0, 0, 0, 0, 0, 0, 1][..], &[0; 70]].concat());
    let stsd = mp4_box(b"stsd", &[&[0, 0, 0, 0, 0, 0, 0, 1], &entry[..]].concat());
    let tables = [
        stsd,
        words(b"stts", &[1, FRAMES, 40]),
        words(b"stsc", &[1, 1, FRAMES, 1]),
        words(b"stsz", &[1, FRAMES]),
        words(b"stco", &[1, 0]),
    ];
    let minf = mp4_box(b"minf", &mp4_box(b"stbl", &tables.concat()));
    let mdhd = words(b"mdhd", &[0, 0, 1000, 0, 0]);
    let hdlr = mp4_box(b"hdlr", &[&[0; 8], &b"vide"[..], &[0; 13]].concat());
    let tkhd = words(b"tkhd", &[&[0, 0, 1, 0, 0][..], &[0; 15]].concat());
    let trak = mp4_box(b"trak", &[tkhd, mp4_box(b"mdia", &[mdhd, hdlr, minf].concat())].concat());
    let mvhd = words(b"mvhd", &[&[0, 0, 1000, 0][..], &[0; 20]].concat());
    let file = [mp4_box(b"ftyp", b"isom\0\0\0\0isom"), mp4_box(b"moov", &[mvhd, trak].concat())].concat();
    std::fs::write(path, file).unwrap();
    // The rest is a hole.
    std::fs::OpenOptions::new().write(true).open(path).unwrap().set_len(2 * u64::from(FRAMES)).unwrap();
}

#[test]
fn tables_that_have_no_room_cost_their_file() {
    let _turn = undisturbed();
    let (directory, clip) = (TempDir::new(), Clip::sample());
    let path = directory.path().join("many.mp4");
    many_frames(&path);
    let alone = Server::with_memory(PLENTY, &[], &[&clip.path]);
    assert_serves(&alone, &clip);
    // Less than the places of so many frames take, beside the program and the clip.
    let limit = alone.address_space() + (64 << 20);
    let mut server = Server::with_memory((limit >> 10) as usize, &[], &[&clip.path, &path]);
    let problem = server.wait_events("problem", 1, LIMIT).remove(0);
    assert!(problem["path"].as_str().is_some_and(|path| path.ends_with("many.mp4")), "{problem}");
    assert!(problem["reason"].as_str().is_some_and(|reason| reason.contains("out of memory")), "{problem}");
    server.limit_memory(1 << 30);
    assert_serves(&server, &clip);
    assert!(server.is_alive());
}
