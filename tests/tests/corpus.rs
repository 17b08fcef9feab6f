//! Pictures of many sizes and makers: each client that can show one shows its very pixels.
use pinhole_tests::clip::{Clip, TempDir};
use pinhole_tests::peer::{Peer, available};
use pinhole_tests::server::Server;
use pinhole_tests::{Transport, undisturbed, viewer, watch};

/// Qualities, samplings, tables; EXIF with a thumbnail, comments, fill bytes, no Huffman tables, no
/// EOI, junk between: what each clip of the corpus has. One decoder, the same for the stream and
/// for the plain pictures, proves that the coefficients are the same.
fn show(sizes: &[(u32, u32)], ffmpeg: bool) {
    if !available(&[Peer::Ffmpeg, Peer::Gstreamer, Peer::Pillow]) {
        return;
    }
    let _turn = undisturbed();
    let directory = TempDir::new();
    let clips = Clip::corpus(&directory, sizes);
    let paths: Vec<_> = clips.iter().map(|clip| &clip.path).collect();
    let server = Server::with(&["--fps", "25"], &paths);
    for (clip, size) in clips.iter().zip(sizes) {
        let url = server.url(clip.mount());
        let what = clip.mount();
        let report = viewer::watch(&url, Transport::Tcp, &[]);
        report.assert_whole(clip.frames);
        let seen = ["width", "height"].map(|side| report.number(side));
        assert_eq!(seen, [u64::from(size.0), u64::from(size.1)], "{what}");
        if ffmpeg {
            let file = watch::ffmpeg_file(&clip.plain);
            assert_eq!(file.len(), clip.frames, "{what}");
            watch::assert_same(&watch::ffmpeg_stream(&url, Transport::Tcp), &file, what);
        }
        let file = watch::gstreamer_file(&clip.plain);
        assert_eq!(file.len(), clip.frames, "{what}");
        watch::assert_same(&watch::gstreamer_stream(&url, Transport::Tcp), &file, what);
    }
    // Only the junk between frames is told of.
    let told = server.stop("TERM").stderr;
    assert!(told.lines().all(|line| line.ends_with("42 bytes belong to no frame")), "{told}");
}

#[test]
fn pictures_up_to_2040_pixels_are_shown() {
    show(&[(1, 1), (7, 5), (17, 33), (64, 48), (640, 359)], true);
}

#[test]
fn larger_pictures_need_the_described_size() {
    show(&[(2041, 40), (4096, 16), (2560, 1440)], false);
}

#[test]
fn only_carriable_pictures_are_shown() {
    if !available(&[Peer::Pillow]) {
        return;
    }
    let directory = TempDir::new();
    Clip::corpus(&directory, &[]);
    let path = directory.path().join("bad.mjpeg");
    let server = Server::with(&["--fps", "50"], &[&path]);
    let seen = viewer::watch(&server.url("bad"), Transport::Tcp, &[]).number("frames_complete");
    // The grey one is carried, too.
    assert_eq!(seen, 3);
    let told = server.stop("TERM").stderr;
    for reason in ["progressive", "4 components", "subsampling 4:4:4"] {
        assert!(told.contains(reason), "no '{reason}' in {told}");
    }
}
