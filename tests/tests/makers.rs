//! Files as their makers write them, served by pixels: what ffmpeg decodes of the stream is what it decodes of the
//! file.
use pinhole_tests::clip::TempDir;
use pinhole_tests::dialogue::Dialogue;
use pinhole_tests::peer::{PYTHON, Peer, available, python_environment};
use pinhole_tests::process::run;
use pinhole_tests::rtp::Rtp;
use pinhole_tests::server::Server;
use pinhole_tests::{Transport, undisturbed, viewer, watch};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(120);
const SOURCE: [&str; 4] = ["-f", "lavfi", "-i", "testsrc2=size=320x240:rate=25"];
const CODEC: [&str; 6] = ["-c:v", "mjpeg", "-pix_fmt", "yuvj420p", "-q:v", "4"];
const FRAMES: usize = 15;
/// Bytes of a picture in RGB.
const PICTURE: usize = 320 * 240 * 3;

/// Runs a program that makes a file.
fn make(command: &mut Command) {
    let done = run(command, LIMIT).unwrap();
    assert!(done.status.success(), "{command:?}: {}", done.stderr);
}

/// Has ffmpeg encode the source with these options.
fn ffmpeg(options: &[&str], path: &Path) {
    let frames = FRAMES.to_string();
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-v", "error", "-y"]).args(SOURCE).args(["-frames:v", &frames]);
    make(command.args(CODEC).args(options).arg(path));
}

/// Has GStreamer put pictures into a container.
fn gstreamer(muxer: &[&str], path: &Path) {
    let frames = format!("num-buffers={FRAMES}");
    let location = format!("location={}", path.display());
    let mut command = Command::new("gst-launch-1.0");
    command.args(["-q", "videotestsrc", &frames, "!", "video/x-raw,format=I420,width=320,height=240"]);
    command.args(["!", "jpegenc", "!"]).args(muxer).args(["!", "filesink", &location]);
    make(&mut command);
}

fn pillow(path: &Path) {
    make(Command::new(PYTHON).args(["-c", PILLOW]).arg(path));
}

fn opencv(path: &Path) {
    make(Command::new(python_environment()).args(["-c", OPENCV]).arg(path));
}

/// The offset of a name in a file.
fn position(file: &[u8], name: &[u8]) -> usize {
    file.windows(name.len()).position(|bytes| bytes == name).unwrap()
}

const PILLOW: &str = r#"
import sys
from PIL import Image
for n in range(15):
    picture = Image.radial_gradient("L").resize((320, 240)).rotate(20 * n)
    picture = Image.merge("RGB", (picture, picture.transpose(Image.FLIP_LEFT_RIGHT), picture))
    options = [dict(optimize=True), dict(exif=b"Exif\0\0II*\0\x08\0\0\0\0\0"), dict(comment=b"no. %d" % n, dpi=(72, 72))][n % 3]
    picture.save(f"{sys.argv[1]}/{n:03}.jpg", quality=50 + 3 * n, **options)
"#;

const OPENCV: &str = r#"
import sys, numpy, cv2
path, api = sys.argv[1], cv2.CAP_OPENCV_MJPEG if sys.argv[1].endswith(".avi") else cv2.CAP_FFMPEG
writer = cv2.VideoWriter(path, api, cv2.VideoWriter_fourcc(*"MJPG"), 25, (320, 240))
assert writer.isOpened()
for n in range(15):
    picture = numpy.full((240, 320, 3), (90, 160, 40), numpy.uint8)
    cv2.putText(picture, str(n), (90, 150), cv2.FONT_HERSHEY_SIMPLEX, 4, (255, 255, 255), 9)
    writer.write(picture)
writer.release()
"#;

/// Files by their names, how each is made, and whether something is told of it.
type Maker = (&'static str, fn(&Path), &'static str);

const MAKERS: [Maker; 26] = [
    ("ffmpeg.mjpeg", |path| ffmpeg(&["-f", "mjpeg"], path), ""),
    ("ffmpeg-422.mjpeg", |path| ffmpeg(&["-pix_fmt", "yuvj422p", "-f", "mjpeg"], path), ""),
    ("ffmpeg-standard-tables.avi", |path| ffmpeg(&["-huffman", "default"], path), ""),
    ("ffmpeg-with-audio.avi", |path| ffmpeg_with_audio(path), ""),
    ("ffmpeg.mkv", |path| ffmpeg(&[], path), ""),
    ("ffmpeg-with-audio.mkv", |path| ffmpeg_with_audio(path), ""),
    // Without sizes and an index, as it comes through a pipe.
    ("ffmpeg-live.mkv", |path| ffmpeg(&["-f", "matroska", "-live", "1"], path), ""),
    ("ffmpeg-vfw.mkv", |path| ffmpeg(&["-allow_raw_vfw", "1", "-tag:v", "MJPG"], path), ""),
    ("ffmpeg.mp4", |path| ffmpeg(&[], path), ""),
    ("ffmpeg-with-audio.mp4", |path| ffmpeg_with_audio(path), ""),
    ("ffmpeg-fragments.mp4", |path| ffmpeg(&["-movflags", "frag_every_frame+empty_moov"], path), ""),
    (
        "ffmpeg-dash.mp4",
        |path| {
            let flags = "frag_keyframe+empty_moov+default_base_moof";
            ffmpeg(&["-movflags", flags, "-frag_duration", "200000"], path);
        },
        "",
    ),
    ("ffmpeg.mov", |path| ffmpeg(&[], path), ""),
    ("ffmpeg-tables-first.mov", |path| ffmpeg(&["-movflags", "faststart"], path), ""),
    ("ffmpeg.multipart", |path| ffmpeg(&["-f", "mpjpeg"], path), ""),
    ("gstreamer.avi", |path| gstreamer(&["avimux"], path), ""),
    ("gstreamer.mkv", |path| gstreamer(&["matroskamux"], path), ""),
    ("gstreamer-live.mkv", |path| gstreamer(&["matroskamux", "streamable=true"], path), ""),
    ("gstreamer.mov", |path| gstreamer(&["qtmux"], path), ""),
    ("gstreamer-fragments.mov", |path| gstreamer(&["qtmux", "fragment-duration=200"], path), ""),
    ("gstreamer.multipart", |path| gstreamer(&["multipartmux"], path), ""),
    ("opencv.avi", opencv, ""),
    ("opencv.mkv", opencv, ""),
    ("cut.mkv", |path| cut(path), "bytes before it should"),
    ("cut.mov", |path| cut(path), "the file ends before its video does; "),
    ("damaged.mkv", |path| damaged(path), "bytes here are damaged, and passed over"),
];

fn ffmpeg_with_audio(path: &Path) {
    let frames = FRAMES.to_string();
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-v", "error", "-y", "-f", "lavfi", "-i", "sine=duration=0.6"]).args(SOURCE);
    make(
        command
            .args(["-frames:v", &frames])
            .args(CODEC)
            .args(["-c:a", "pcm_s16le"])
            .args(audio(path))
            .arg(path),
    );
}

/// MP4 cannot hold PCM.
fn audio(path: &Path) -> &'static [&'static str] {
    if path.extension().is_some_and(|extension| extension == "mp4") { &["-c:a", "aac"] } else { &[] }
}

/// Takes away the last third of a file, whose tables are at its start.
fn cut(path: &Path) {
    ffmpeg(&["-movflags", "faststart"], path);
    let file = std::fs::read(path).unwrap();
    std::fs::write(path, &file[..file.len() * 2 / 3]).unwrap();
}

/// Overwrites the header of the second of three clusters, which are of five frames each.
fn damaged(path: &Path) {
    ffmpeg(&["-cluster_time_limit", "200"], path);
    let mut file = std::fs::read(path).unwrap();
    let cluster = [0x1F, 0x43, 0xB6, 0x75];
    let first = position(&file, &cluster) + 4;
    let second = first + position(&file[first..], &cluster);
    file[second..second + 40].fill(0);
    std::fs::write(path, file).unwrap();
}

#[test]
fn files_of_all_makers_are_served_by_pixels() {
    if !available(&[Peer::Ffmpeg, Peer::Gstreamer, Peer::PyPi]) {
        return;
    }
    let _turn = undisturbed();
    let directory = TempDir::new();
    for (name, make, told) in MAKERS {
        let path = directory.path().join(name);
        make(&path);
        let server = Server::start(&[&path]);
        let serving = server.wait_events("serving", 1, LIMIT).swap_remove(0);
        let url = server.url(path.file_stem().unwrap().to_str().unwrap());
        let seen = watch::ffmpeg_stream(&url, Transport::Tcp);
        assert_eq!(serving["frames"], seen.len(), "{name}");
        let mut file = watch::ffmpeg_any(&path);
        if name == "damaged.mkv" {
            // ffmpeg shows rubbish of the damaged part, or nothing.
            assert!((10..FRAMES).contains(&seen.len()), "{name}");
            file.retain(|frame| seen.contains(frame));
        } else if !told.is_empty() {
            // It also decodes what there is of a frame that is cut.
            file.truncate(seen.len());
            assert!((5..FRAMES).contains(&seen.len()), "{name}");
        } else {
            assert_eq!(seen.len(), FRAMES, "{name}");
        }
        if name == "opencv.avi" {
            let [seen, file] = [Path::new(&url), &path].map(watch::pixels);
            assert_same_but_for_the_last_corner(&seen, &file);
        } else {
            watch::assert_same(&seen, &file, name);
        }
        let said = server.stop("TERM").stderr;
        assert!(said.contains(told) && (said.is_empty() == told.is_empty()), "{name}: {said}");
    }
}

/// OpenCV loses the last bits of some pictures, for which each decoder puts what it likes.
fn assert_same_but_for_the_last_corner(seen: &[u8], file: &[u8]) {
    assert_eq!((seen.len(), file.len()), (FRAMES * PICTURE, FRAMES * PICTURE));
    for (n, (seen, file)) in seen.iter().zip(file).enumerate() {
        let (x, y) = (n % PICTURE / 3 % 320, n % PICTURE / 3 / 320);
        assert!(seen == file || (x >= 300 && y >= 220), "frame {}: {x}, {y}", n / PICTURE);
    }
}

/// A directory by its name, and how pictures are put into it.
type PictureMaker = (&'static str, fn(&Path));

/// A directory of pictures is one medium.
#[test]
fn pictures_of_all_makers_are_served_by_pixels() {
    if !available(&[Peer::Ffmpeg, Peer::Pillow, Peer::Display]) {
        return;
    }
    let directory = TempDir::new();
    let makers: [PictureMaker; 3] = [
        ("pillow", pillow),
        ("ffmpeg", |path| ffmpeg(&["-f", "image2"], &path.join("%03d.jpg"))),
        ("imagemagick", |path| {
            let mut convert = Command::new("convert");
            convert.args(["-size", "320x240", "plasma:red-blue", "plasma:green-white", "-seed", "7"]);
            make(convert.args(["-morph", "8", "-sampling-factor", "4:2:0"]).arg(path.join("%03d.jpg")));
        }),
    ];
    for (name, make) in makers {
        let pictures = directory.path().join(name);
        std::fs::create_dir(&pictures).unwrap();
        make(&pictures);
        let mut paths: Vec<PathBuf> =
            std::fs::read_dir(&pictures).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        assert!(paths.len() >= 10, "{name}");
        let server = Server::start(&[&pictures]);
        let seen = watch::ffmpeg_stream(&server.url(name), Transport::Tcp);
        let file: Vec<_> = paths.iter().flat_map(|path| watch::ffmpeg_any(path)).collect();
        watch::assert_same(&seen, &file, name);
        assert_eq!(server.stop("TERM").stderr, "", "{name}");
    }
}

/// The times at which ffprobe says that the frames of a file are shown, in units of 1/90,000 s from the first.
fn times_of(path: &Path) -> Vec<u32> {
    let mut probe = Command::new("ffprobe");
    probe.args([
        "-v",
        "error",
        "-select_streams",
        "v:0",
        "-show_entries",
        "packet=pts_time",
        "-of",
        "csv=p=0",
    ]);
    let done = run(probe.arg(path), LIMIT).unwrap();
    let times: Vec<f64> =
        done.stdout.lines().filter_map(|line| line.trim_matches(',').parse().ok()).collect();
    times.iter().map(|time| ((time - times[0]) * 90_000.0).round() as u32).collect()
}

#[test]
fn frames_are_sent_with_the_times_of_their_container() {
    if !available(&[Peer::Ffmpeg]) {
        return;
    }
    let directory = TempDir::new();
    // Every frame, then every third, then one after a pause.
    let varying = "setpts=if(lt(N\\,5)\\,N\\,if(lt(N\\,10)\\,3*N-10\\,N+30))";
    for (name, options, steady) in [
        ("steady.mkv", &["-vf", "fps=30000/1001"][..], true),
        ("steady.mp4", &["-vf", "fps=30000/1001"], true),
        ("varying.mkv", &["-vf", varying, "-fps_mode", "vfr"], false),
        ("varying.mp4", &["-vf", varying, "-fps_mode", "vfr", "-video_track_timescale", "90000"], false),
        ("late.mp4", &["-output_ts_offset", "1.5"], false),
    ] {
        let path = directory.path().join(name);
        ffmpeg(options, &path);
        let server = Server::start(&[&path]);
        let url = server.url(path.file_stem().unwrap().to_str().unwrap());
        let mut dialogue = Dialogue::connect(server.address());
        let description = dialogue.request("DESCRIBE", &url, &[]).ok().body;
        assert_eq!(description.contains("a=framerate:"), steady, "{name}: {description}");
        dialogue.set_up_tcp(&url);
        dialogue.request("PLAY", &url, &[]).ok();
        let expected = times_of(&path);
        assert_eq!(expected.len(), FRAMES, "{name}");
        let packets = std::iter::from_fn(|| dialogue.interleaved(LIMIT));
        let rtp = packets.filter(|(channel, _)| *channel == 0).map(|(_, packet)| Rtp::parse(&packet));
        let times: Vec<u32> =
            rtp.filter(|rtp| rtp.marker).map(|rtp| rtp.timestamp).take(expected.len()).collect();
        for (time, expected) in times.iter().zip(&expected) {
            let sent = time.wrapping_sub(times[0]);
            // Matroska rounds to milliseconds, which a steady clock does not.
            let near = if steady { 91 } else { 1 };
            assert!(sent.abs_diff(*expected) <= near, "{name}: {sent} for {expected}");
        }
    }
}

#[test]
fn the_viewer_plays_containers() {
    if !available(&[Peer::Ffmpeg]) {
        return;
    }
    let directory = TempDir::new();
    for name in ["clip.mkv", "clip.mp4", "clip.mov"] {
        let path = directory.path().join(name);
        ffmpeg(&[], &path);
        let report = viewer::watch(path.to_str().unwrap(), Transport::Tcp, &[]);
        report.assert_whole(FRAMES);
    }
}

/// A recording that was broken off before its tables were written.
#[test]
fn an_mp4_without_its_tables_is_served_by_its_markers() {
    if !available(&[Peer::Ffmpeg]) {
        return;
    }
    let directory = TempDir::new();
    let path = directory.path().join("broken.mp4");
    ffmpeg(&[], &path);
    let all = watch::ffmpeg_any(&path);
    let file = std::fs::read(&path).unwrap();
    std::fs::write(&path, &file[..position(&file, b"moov") - 4]).unwrap();
    let server = Server::with(&["--fps", "25"], &[&path]);
    let seen = watch::ffmpeg_stream(&server.url("broken"), Transport::Tcp);
    watch::assert_same(&seen, &all, "broken.mp4");
    let said = server.stop("TERM").stderr;
    assert!(said.contains("it has no \"moov\" box"), "{said}");
}

#[test]
fn prepare_keeps_the_times_of_a_container() {
    if !available(&[Peer::Ffmpeg]) {
        return;
    }
    let directory = TempDir::new();
    let path = directory.path().join("varying.mkv");
    ffmpeg(&["-vf", "setpts=N+if(gt(N\\,7)\\,11\\,0)", "-fps_mode", "vfr"], &path);
    let made = directory.path().join("made.avi");
    make(Command::new(pinhole_tests::process::binary("pinhole-server")).arg("prepare").args([&path, &made]));
    let [expected, told] = [&path, &made].map(|path| times_of(path));
    assert_eq!(told.len(), FRAMES);
    for (told, expected) in told.iter().zip(expected) {
        assert!(told.abs_diff(expected) <= 450, "{told} for {expected}");
    }
}
