//! What people serve that is no tidy file of Motion-JPEG: rubbish before it, HTTP responses, fields, grey
//! pictures, other formats, and directories of all kinds of things.
use pinhole_tests::clip::{Clip, TempDir};
use pinhole_tests::dialogue::Dialogue;
use pinhole_tests::peer::{Peer, available};
use pinhole_tests::process::{Finished, Running, binary, run};
use pinhole_tests::server::Server;
use pinhole_tests::{Transport, watch};
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);
/// How ffmpeg makes Motion-JPEG that is served as it is.
const COMMAND: &str = "-an -c:v mjpeg -pix_fmt yuvj420p -q:v 4 ";

/// The frames of the sample.
fn frames() -> Vec<Vec<u8>> {
    let clip = std::fs::read(Clip::sample().path).unwrap();
    let mut starts: Vec<usize> =
        (0..clip.len() - 2).filter(|at| clip[*at..].starts_with(&[0xFF, 0xD8, 0xFF])).collect();
    starts.push(clip.len());
    starts.windows(2).map(|pair| clip[pair[0]..pair[1]].to_vec()).collect()
}

fn parts(frames: &[Vec<u8>]) -> Vec<u8> {
    let part = |data: &Vec<u8>| [b"--x\r\nContent-Type: image/jpeg\r\n\r\n", &data[..], b"\r\n"].concat();
    frames.iter().flat_map(part).collect()
}

/// An HTTP response in chunks of this length.
fn chunked(body: &[u8], len: usize) -> Vec<u8> {
    let mut message = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for data in body.chunks(len) {
        message.extend([format!("{:x};n=1\r\n", data.len()).as_bytes(), data, b"\r\n"].concat());
    }
    message.extend(b"0\r\n\r\n");
    message
}

/// Runs the server to its end.
fn server(arguments: &[&Path]) -> Finished {
    run(Command::new(binary("pinhole-server")).args(["--listen", "127.0.0.1:0"]).args(arguments), LIMIT)
        .unwrap()
}

fn ffmpeg(arguments: &[&str], output: &Path) {
    let mut command = Command::new("ffmpeg");
    let done =
        run(command.args(["-nostdin", "-v", "error", "-y"]).args(arguments).arg(output), LIMIT).unwrap();
    assert!(done.status.success(), "{}", done.stderr);
}

#[test]
fn what_is_before_the_frames_is_passed_over_and_named() {
    if !available(&[Peer::Ffmpeg]) {
        return;
    }
    let directory = TempDir::new();
    let all_frames = frames();
    let cut = &all_frames[59][all_frames[59].len() / 2..];
    let status =
        b"HTTP/1.0 200 OK\r\nServer: camera\r\nContent-Type: multipart/x-mixed-replace;boundary=x\r\n\r\n";
    let chunks = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let fields = format!("Content-Type: image/jpeg\r\nContent-Length: {}\r\n\r\n", all_frames[0].len());
    let all = watch::ffmpeg_file(&Clip::sample().path);
    // A short file has nothing after the rubbish that would make up for it.
    for (name, rubbish, frames) in [
        ("crlf", &b"\r\n"[..], 60),
        ("byte", b"\0", 60),
        ("cut", cut, 60),
        ("status", status, 60),
        ("fields", fields.as_bytes(), 60),
        ("chunks", chunks, 60),
        ("crlf", b"\r\n", 2),
        ("byte", b"\0", 2),
        ("cut", cut, 1),
        ("status", status, 2),
        ("fields", fields.as_bytes(), 2),
        ("chunks", chunks, 2),
    ] {
        let (all, frames) = (all[..frames].to_vec(), &all_frames[..frames]);
        let rest = match name {
            "status" => parts(frames),
            "fields" => [&frames[0], &b"\r\n"[..], &parts(&frames[1..])].concat(),
            "chunks" => chunked(&parts(frames), 3000),
            _ => frames.concat(),
        };
        let content = if name == "chunks" { rest } else { [rubbish, &rest].concat() };
        let path = directory.file(&format!("{name}.mjpeg"), &content);
        let server = Server::start(&[&path]);
        let seen = watch::ffmpeg_stream(&server.url(name), Transport::Tcp);
        watch::assert_same(&seen, &all, name);
        let said = server.stop("TERM").stderr;
        let junk = match rubbish.len() {
            1 => "1 byte belongs".to_owned(),
            len => format!("{len} bytes belong"),
        };
        let expected = format!("{name}.mjpeg: frame 0, byte 0: {junk} to no frame");
        assert!(said.contains(&expected) && said.lines().count() == 1, "{said}");
        // Standard input is understood in the same way.
        let (server, mut pipe) = Server::of_pipe(&[]);
        pipe.write_all(&content).unwrap();
        drop(pipe);
        let trouble = server.wait_events("input_trouble", 1, LIMIT).swap_remove(0);
        let junk = (trouble["junk_bytes"].as_u64(), trouble["junk_at"].as_u64());
        assert_eq!(junk, (Some(rubbish.len() as u64), Some(0)), "{name}: {trouble}");
        assert_eq!(server.wait_events("input_format", 1, LIMIT)[0]["width"], 512, "{name}");
        assert_eq!(server.finish().status.code(), Some(0), "{name}");
    }
}

#[test]
fn the_second_field_is_told_with_the_command_that_keeps_it() {
    if !available(&[Peer::Ffmpeg]) {
        return;
    }
    let directory = TempDir::new();
    // Two fields of a picture twice as high, as capture cards write them.
    let clip = Clip::sample().in_avi(&directory, 25);
    let avi = std::fs::read(&clip.path).unwrap();
    let movi = avi.windows(4).position(|name| name == b"movi").unwrap() + 4;
    let mut content = avi[..movi].to_vec();
    for pair in frames().chunks(2) {
        let chunk = pair.concat();
        content.extend(
            [b"00dc", &(chunk.len() as u32).to_le_bytes()[..], &chunk, &[0][..chunk.len() % 2]].concat(),
        );
    }
    let path = directory.file("fields.avi", &content);
    let server = Server::start(&[&path]);
    assert_eq!(server.wait_events("serving", 1, LIMIT)[0]["frames"], 30);
    let first_fields = watch::ffmpeg_file(&Clip::sample().path).into_iter().step_by(2).collect();
    let seen = watch::ffmpeg_stream(&server.url("fields"), Transport::Tcp);
    watch::assert_same(&seen, &first_fields, "fields");
    let said = server.stop("TERM").stderr;
    let command = format!("ffmpeg -i {} {COMMAND}", path.display());
    for words in
        ["fields.avi: frame 0, byte ", "two fields each", "only the first one is served, 512x288", &command]
    {
        assert!(said.contains(words), "no {words} in {said}");
    }
}

#[test]
fn grey_pictures_are_served_as_they_are() {
    if !available(&[Peer::Ffmpeg, Peer::Display]) {
        return;
    }
    let directory = TempDir::new();
    let pictures = directory.path().join("grey");
    std::fs::create_dir(&pictures).unwrap();
    let picture = pictures.join("1.jpg");
    std::fs::write(&picture, &frames()[0]).unwrap();
    let done = run(Command::new("mogrify").args(["-colorspace", "Gray"]).arg(&picture), LIMIT).unwrap();
    assert!(done.status.success(), "{}", done.stderr);
    let server = Server::with(&["--loop"], &[&pictures]);
    let serving = &server.wait_events("serving", 1, LIMIT)[0];
    assert_eq!((&serving["recoded"], &serving["transcoded"]), (&1.into(), &0.into()));
    let seen = directory.path().join("seen.png");
    ffmpeg(&["-rtsp_transport", "tcp", "-i", &server.url("grey"), "-frames:v", "1"], &seen);
    let off = watch::mean_difference(&watch::pixels(&seen), &watch::pixels(&picture));
    assert!(off < 1.0, "{off}");
    assert_eq!(server.stop("TERM").stderr, "");
}

/// Each pixel format that Motion-JPEG is written in and RTP cannot carry.
#[test]
fn refusals_name_transcode_which_serves_the_picture() {
    if !available(&[Peer::Ffmpeg, Peer::Display]) {
        return;
    }
    let directory = TempDir::new();
    let rgb = directory.path().join("picture.png");
    ffmpeg(&["-f", "lavfi", "-i", "testsrc2=size=160x120", "-frames:v", "1"], &rgb);
    for (name, options) in [
        ("yuv444", &["-sampling-factor", "1x1"][..]),
        ("yuv440", &["-sampling-factor", "1x2"]),
        ("cmyk", &["-colorspace", "CMYK"]),
    ] {
        let picture = directory.path().join(format!("{name}.jpg"));
        let mut convert = Command::new("convert");
        let done =
            run(convert.arg(&rgb).args(options).args(["-quality", "95"]).arg(&picture), LIMIT).unwrap();
        assert!(done.status.success(), "{name}: {}", done.stderr);
        let refused = server(&[&picture]);
        assert_eq!(refused.status.code(), Some(1), "{name}");
        assert!(refused.stderr.contains("--transcode would serve it"), "{name}: {}", refused.stderr);
        let server = Server::with(&["--transcode", "--loop"], &[&picture]);
        let seen = directory.path().join("seen.png");
        ffmpeg(&["-rtsp_transport", "tcp", "-i", &server.url(name), "-frames:v", "1"], &seen);
        let off = watch::mean_difference(&watch::pixels(&seen), &watch::pixels(&rgb));
        assert!(off < 8.0, "{name}: {off}");
        assert_eq!(server.stop("TERM").stderr, "", "{name}");
    }
}

#[test]
fn other_formats_are_named_with_a_command_that_works() {
    if !available(&[Peer::Ffmpeg]) {
        return;
    }
    let directory = TempDir::new();
    for (name, format) in [
        ("clip.mp4", "an MP4 file with H.264 video"),
        ("clip.mov", "a QuickTime file (MOV) with H.264 video"),
        ("clip.mkv", "a Matroska file with H.264 video"),
        ("clip.webm", "a WebM file with VP9 video"),
        ("clip.ts", "an MPEG transport stream"),
        ("clip.h264", "H.264 video"),
        ("clip.gif", "a GIF"),
        ("clip.png", "a PNG picture"),
        ("clip.flv", "an FLV file"),
        ("clip.avi", "the video is FMP4"),
    ] {
        let path = directory.path().join(name);
        ffmpeg(&["-f", "lavfi", "-i", "testsrc2=size=160x120:rate=25", "-frames:v", "1"], &path);
        let refused = server(&[&path]);
        assert_eq!(refused.status.code(), Some(1), "{name}");
        assert!(refused.stderr.contains(format), "{name}: {}", refused.stderr);
        let start = refused.stderr.find("ffmpeg -i ").unwrap_or_else(|| panic!("{name}: {}", refused.stderr));
        let command = refused.stderr[start..].lines().next().unwrap();
        assert!(command.contains(COMMAND), "{command}");
        let output = Path::new(command.rsplit(' ').next().unwrap()).to_owned();
        let quiet = command.replacen("ffmpeg", "ffmpeg -nostdin -v error", 1);
        let done = run(Command::new("sh").args(["-c", &quiet]), LIMIT).unwrap();
        assert!(done.status.success(), "{name}: {}", done.stderr);
        let server = Server::start(&[&output]);
        assert_eq!(server.stop("TERM").stderr, "", "{name}");
        std::fs::remove_file(&output).unwrap();
    }
}

#[test]
fn what_a_directory_has_besides_is_counted_and_named() {
    let directory = TempDir::new();
    let clip = std::fs::read(Clip::sample().path).unwrap();
    let media = directory.path().join("media");
    std::fs::create_dir_all(media.join("deeper")).unwrap();
    for name in ["clip.mjpeg", "clip.mjpg", "notes.txt", "film.iso"] {
        std::fs::write(media.join(name), &clip).unwrap();
    }
    for (options, names) in [(&[][..], false), (&["-v"], true)] {
        let server = Server::with(options, &[&media]);
        assert_eq!(server.wait_events("serving", 1, LIMIT).len(), 1);
        assert_eq!(server.wait_events("ignored", 1, LIMIT)[0]["count"], 3);
        let said = server.stop("TERM").stderr;
        let both = said
            .lines()
            .any(|line| line.contains("clip.mjpg: /clip is served") && line.contains("clip.mjpeg;"));
        assert!(both, "{said}");
        assert!(said.contains("media: 3 entries are not served"), "{said}");
        for name in ["notes.txt", "film.iso", "deeper"] {
            assert_eq!(said.contains(&format!("{name}: not served")), names, "{said}");
        }
    }
}

#[test]
fn a_clock_that_overrules_fps_is_told() {
    if !available(&[Peer::Ffmpeg]) {
        return;
    }
    let directory = TempDir::new();
    let clip = Clip::sample().in_avi(&directory, 25);
    let server = Server::with(&["--fps", "50"], &[&clip.path]);
    let description =
        Dialogue::connect(server.address()).request("DESCRIBE", &server.url(clip.mount()), &[]).ok();
    assert!(description.body.contains("a=framerate:25"), "{}", description.body);
    let said = server.stop("TERM").stderr;
    let expected =
        format!("/{}: --fps 50 is not used: it has a clock of its own, of 25 frames", clip.mount());
    assert!(said.contains(&expected), "{said}");
    for options in [&["--fps", "25"][..], &[]] {
        assert_eq!(Server::with(options, &[&clip.path]).stop("TERM").stderr, "");
    }
    let made = directory.path().join("made.avi");
    let mut prepare = Command::new(binary("pinhole-server"));
    let done = run(prepare.args(["prepare", "--fps", "50"]).args([&clip.path, &made]), LIMIT).unwrap();
    assert!(
        done.stderr.contains("--fps 50 is not used: it has a clock of its own, of 25"),
        "{}",
        done.stderr
    );
}

#[test]
fn an_input_without_a_frame_fails_with_the_reason() {
    let progressive = {
        let mut frame = frames().swap_remove(0);
        let sof = frame.windows(2).position(|pair| pair == [0xFF, 0xC0]).unwrap();
        frame[sof + 1] = 0xC2;
        frame
    };
    for (input, reason) in [
        (Vec::new(), "it has ended before anything came"),
        (vec![7; 3000], "no JPEG picture (FF D8 FF) is in the 3000 bytes that came"),
        ([b"\x1A\x45\xDF\xA3", &[7; 3000][..]].concat(), "it is a Matroska file, and no plain Motion-JPEG"),
        (
            progressive,
            "progressive JPEG cannot be carried; the frame is left out; --transcode would serve it",
        ),
    ] {
        let mut command = Command::new(binary("pinhole-server"));
        let mut server = Running::start(command.args(["--listen", "127.0.0.1:0", "-"]));
        server.take_stdin().write_all(&input).unwrap();
        let done = server.finish(LIMIT);
        assert_eq!(done.status.code(), Some(1), "{reason}: {}", done.stderr);
        assert!(done.stderr.contains(reason), "no {reason} in {}", done.stderr);
        assert!(done.stderr.contains("not one frame of it could be sent"), "{}", done.stderr);
    }
    let (server, pipe) = Server::of_pipe(&[]);
    assert_eq!(server.stop("TERM").status.code(), Some(0), "stopped before the input has ended");
    drop(pipe);
}
