//! Stock clients and decoders as referees. They decode a stream or a file to a list with one hash for each
//! frame. If the lists of a stream and of a file are equal, both show the same pictures. Compare only lists
//! of the same program: ffmpeg and GStreamer decode a JPEG to slightly different pixels.
use crate::Transport;
use crate::clip::{Clip, TempDir};
use crate::peer::{PYTHON, python_environment};
use crate::process::{repository, run};
use serde_json::Value;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// The hashes of the frames that a program has decoded. Each frame has one hash, of its decoded pixels, in
/// the order in which the program returned the frames. Compare only lists of the same program: ffmpeg and
/// GStreamer decode a JPEG to slightly different pixels.
pub type Hashes = Vec<String>;

/// How long a client may take. A clip is two seconds long; a client that falls back to TCP, or waits
/// for an end that does not come, takes longer.
const LIMIT: Duration = Duration::from_secs(40);

/// Has ffmpeg decode a file of concatenated JPEG. Returns the hashes of the frames.
///
/// # Panics
/// Panics if ffmpeg fails, or does not end within 40 seconds.
pub fn ffmpeg_file(path: &Path) -> Hashes {
    ffmpeg(Command::new("ffmpeg").args(["-nostdin", "-v", "error", "-f", "mjpeg", "-i"]).arg(path))
}

/// Has ffmpeg decode the video of a file, whose format ffmpeg detects by itself. Returns the hashes of the frames.
///
/// # Panics
/// Panics if ffmpeg fails, or does not end within 40 seconds.
pub fn ffmpeg_any(path: &Path) -> Hashes {
    ffmpeg(Command::new("ffmpeg").args(["-nostdin", "-v", "error", "-i"]).arg(path).arg("-an"))
}

/// Has ffmpeg play the stream at `url` over `transport`, and waits until the server ends the stream. Returns
/// the hashes of all frames that ffmpeg has decoded. The stream must end by itself.
///
/// # Panics
/// Panics if ffmpeg fails, or does not end within 40 seconds.
pub fn ffmpeg_stream(url: &str, transport: Transport) -> Hashes {
    let transport = transport.to_string();
    ffmpeg(Command::new("ffmpeg").args(["-nostdin", "-v", "error", "-rtsp_transport", &transport, "-i", url]))
}

/// Has ffmpeg play the medium at `url` over `transport`, from `second` seconds after the start of the
/// medium, and waits until the server ends the stream. Returns the hashes of all frames that ffmpeg has
/// decoded.
///
/// # Panics
/// Panics if ffmpeg fails, or does not end within 40 seconds.
pub fn ffmpeg_from(url: &str, transport: Transport, second: f64) -> Hashes {
    let (transport, second) = (transport.to_string(), second.to_string());
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-v", "error", "-rtsp_transport", &transport, "-ss", &second, "-i", url]);
    ffmpeg(&mut command)
}

/// Has ffmpeg play the stream at `url` over `transport`, and ends ffmpeg once it has decoded `frames` frames,
/// even if the stream goes on. Returns the width and the height of the stream in pixels, and the hashes of
/// these frames.
///
/// # Panics
/// Panics if ffmpeg fails, or if the stream ends before `frames` frames were decoded. Panics also if this
/// takes longer than 40 seconds plus a tenth of a second for each frame.
pub fn ffmpeg_start(url: &str, transport: Transport, frames: usize) -> ((u32, u32), Hashes) {
    let (transport, count) = (transport.to_string(), frames.to_string());
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-v", "error", "-rtsp_transport", &transport, "-i", url]);
    let report = framemd5_within(command.args(["-frames:v", &count]), LIMIT + playing_time(frames));
    let size = report.lines().find_map(|line| {
        let (width, height) = line.strip_prefix("#dimensions 0: ")?.split_once('x')?;
        Some((width.parse().ok()?, height.parse().ok()?))
    });
    let hashes = framemd5_hashes(&report);
    assert_eq!(hashes.len(), frames, "{url} over {transport}");
    (size.expect("ffmpeg says the size"), hashes)
}

/// Has GStreamer decode a file of concatenated JPEG. Returns the hashes of the frames.
///
/// # Panics
/// Panics if GStreamer fails, or does not end within 40 seconds.
pub fn gstreamer_file(path: &Path) -> Hashes {
    gstreamer(&["filesrc", &format!("location={}", path.display()), "!", "jpegparse", "!", "jpegdec"])
}

/// Has GStreamer play the stream at `url`, which begins with `rtsps://`, with whatever certificate the server has, and
/// waits until the server ends the stream. GStreamer asks for UDP first if `asks_for_udp`. Returns the hashes of all
/// frames that GStreamer has decoded.
///
/// # Panics
/// Panics if GStreamer fails, or does not end within 40 seconds.
pub fn gstreamer_tls(url: &str, asks_for_udp: bool) -> Hashes {
    let (location, protocols) =
        (format!("location={url}"), if asks_for_udp { "protocols=udp+tcp" } else { "protocols=tcp" });
    let source = ["rtspsrc", &location, protocols, "tls-validation-flags=0", "latency=100"];
    gstreamer(&[&source[..], &["!", "rtpjpegdepay", "!", "jpegdec"]].concat())
}

/// Has GStreamer play the stream at `url` over `transport`, and waits until the server ends the stream.
/// Returns the hashes of all frames that GStreamer has decoded.
///
/// # Panics
/// Panics if GStreamer fails, or does not end within 40 seconds.
pub fn gstreamer_stream(url: &str, transport: Transport) -> Hashes {
    let (location, protocols) = (format!("location={url}"), format!("protocols={transport}"));
    gstreamer(&["rtspsrc", &location, &protocols, "latency=100", "!", "rtpjpegdepay", "!", "jpegdec"])
}

/// Has ffmpeg play the stream at `url`, which begins with `rtsp://`, by RTSP over HTTP, and waits until the server ends
/// the stream. Returns the hashes of all frames that ffmpeg has decoded. The stream must end by itself.
///
/// # Panics
/// Panics if ffmpeg fails, or does not end within 40 seconds.
pub fn ffmpeg_tunnel(url: &str) -> Hashes {
    ffmpeg(Command::new("ffmpeg").args(["-nostdin", "-v", "error", "-rtsp_transport", "http", "-i", url]))
}

/// Has ffmpeg play the stream at `url` as [`ffmpeg_tunnel`] does, and all of that inside TLS.
///
/// # Panics
/// Panics if ffmpeg fails, or does not end within 40 seconds.
pub fn ffmpeg_tunnel_tls(url: &str) -> Hashes {
    ffmpeg(Command::new("ffmpeg").args(["-nostdin", "-v", "error", "-rtsp_transport", "https", "-i", url]))
}

/// Has GStreamer play the stream at `url`, which begins with `rtsph://`, by RTSP over HTTP, or with `rtspsh://` by that
/// inside TLS, with whatever certificate the server has, and waits until the server ends the stream. Returns the hashes of
/// all frames that GStreamer has decoded.
///
/// # Panics
/// Panics if GStreamer fails, or does not end within 40 seconds.
pub fn gstreamer_tunnel(url: &str) -> Hashes {
    let source = ["rtspsrc", &format!("location={url}"), "tls-validation-flags=0", "latency=100"];
    gstreamer(&[&source[..], &["!", "rtpjpegdepay", "!", "jpegdec"]].concat())
}

/// Has GStreamer play the medium at `url` over `transport`, from `second` seconds after the start of the
/// medium and at `rate` times the normal speed, and waits until the server ends the stream. Returns the
/// hashes of all frames that GStreamer has decoded.
///
/// If `skip` is true, GStreamer asks the server to leave frames out (the Scale header). If `skip` is false,
/// GStreamer asks the server to send all frames sooner (the Speed header).
///
/// # Panics
/// Panics if GStreamer fails, or does not end within 40 seconds.
pub fn gstreamer_from(url: &str, transport: Transport, second: f64, rate: f64, skip: bool) -> Hashes {
    let mut command = Command::new(PYTHON);
    command.arg(repository().join("tests/peers/gst_seek.py"));
    command.args([url, &transport.to_string(), &second.to_string(), &rate.to_string()]);
    let done = run(command.args(skip.then_some("skip")), LIMIT).expect("Python runs");
    assert!(done.status.success(), "{command:?} failed:\n{}", done.stderr);
    done.stdout.lines().map(str::to_owned).collect()
}

/// Has GStreamer play the stream at `url` over `transport`, and ends GStreamer once it has decoded `frames`
/// frames, even if the stream goes on. Returns the hashes of these frames. `size` is the width and the height
/// in pixels that the frames must have.
///
/// # Panics
/// Panics if GStreamer fails or does not end within 40 seconds, if the stream ends before `frames` frames
/// were decoded, or if its frames have another size.
pub fn gstreamer_start(url: &str, transport: Transport, frames: usize, size: (u32, u32)) -> Hashes {
    let (location, protocols) = (format!("location={url}"), format!("protocols={transport}"));
    // The frame at which the end is declared is not passed on.
    let end = format!("eos-after={}", frames + 1);
    let size = format!("video/x-raw,width={},height={}", size.0, size.1);
    let source = ["rtspsrc", &location, &protocols, "latency=100", "!", "rtpjpegdepay", "!", "jpegdec"];
    let hashes = gstreamer(&[&source[..], &["!", "identity", &end, "!", &size]].concat());
    assert_eq!(hashes.len(), frames, "{url} over {transport}");
    hashes
}

/// Has PyAV decode the video of a file, or of what is at a URL of HTTP, to the end. Returns the hashes of all
/// frames. Check for [`Peer::PyPi`](crate::peer::Peer::PyPi) first.
///
/// # Panics
/// Panics if PyAV fails, or does not end within 40 seconds.
pub fn pyav(source: &str) -> Hashes {
    python("pyav.py", &[source])
}

/// Has PyAV play the stream at `url` over `transport`, until the server ends the stream, or until there are `frames`
/// frames. Returns the hashes of the frames.
///
/// # Panics
/// Panics if PyAV fails, or does not end within 40 seconds.
pub fn pyav_stream(url: &str, transport: Transport, frames: Option<usize>) -> Hashes {
    python_stream("pyav.py", url, transport, frames)
}

/// Has OpenCV decode the video of a file, or of what is at a URL of HTTP, as [`pyav`] does.
///
/// # Panics
/// Panics if OpenCV fails, or does not end within 40 seconds.
pub fn opencv(source: &str) -> Hashes {
    python("opencv.py", &[source])
}

/// Has OpenCV play the stream at `url` over `transport`, as [`pyav_stream`] does.
///
/// # Panics
/// Panics if OpenCV fails, or does not end within 40 seconds.
pub fn opencv_stream(url: &str, transport: Transport, frames: Option<usize>) -> Hashes {
    python_stream("opencv.py", url, transport, frames)
}

/// Has aiortsp play the stream at `url` over `transport` until BYE. Returns what it has received: the script
/// `tests/peers/aiortsp_client.py` describes it.
///
/// # Panics
/// Panics if aiortsp fails, or does not end within 40 seconds.
pub fn aiortsp(url: &str, transport: Transport) -> Value {
    let report = python("aiortsp_client.py", &[url, &transport.to_string()]).concat();
    serde_json::from_str(&report).unwrap_or_else(|error| panic!("no JSON: {error}: {report}"))
}

/// Asserts that a client showed each frame of a file once, in order, with exactly the right pixels. `seen`
/// has the hashes of the frames that the client showed. `file` has the hashes of the file's frames, made by
/// the same program. `what` begins the message of a failure. Two empty lists are equal.
///
/// # Panics
/// Panics if the lists differ. The message says how many frames each has, and the index of the first frame
/// that differs.
pub fn assert_same(seen: &Hashes, file: &Hashes, what: &str) {
    let part = seen.iter().zip(file).position(|(seen, file)| seen != file);
    assert!(
        seen == file,
        "{what}: {} frames seen of {}; the first that differs: {part:?}",
        seen.len(),
        file.len()
    );
}

/// Asserts that a client showed frames of a file one after another, without a gap, with exactly the right
/// pixels. After the last frame of the file comes the first frame again. The client may begin and stop at any
/// frame. `seen` has the hashes of the frames that the client showed. `file` has the hashes of the file's
/// frames, made by the same program. `what` begins the message of a failure.
///
/// If `seen` is empty, this passes, so check the length of `seen` as well.
///
/// # Panics
/// Panics if a frame is left out, repeated or changed. The message says after how many frames of `seen` this
/// happens.
pub fn assert_consecutive(seen: &Hashes, file: &Hashes, what: &str) {
    let fits = |start: usize| {
        let shown = file.iter().cycle().skip(start);
        seen.iter().zip(shown).take_while(|(seen, shown)| seen == shown).count()
    };
    let longest = (0..file.len()).map(fits).max().unwrap_or(0);
    assert!(
        longest == seen.len(),
        "{what}: after {longest} of {} frames the next is not the next of the file",
        seen.len()
    );
}

/// Has ffmpeg decode [`Clip::plain`] of a clip. Returns the pixels of each frame: row by row, with three
/// bytes for each pixel, red, green and blue.
///
/// # Panics
/// Panics if ffmpeg fails, or if the decoded bytes cannot be divided into [`Clip::frames`] frames of one
/// size.
pub fn frames(clip: &Clip) -> Vec<Vec<u8>> {
    let all = pixels(&clip.plain);
    assert!(!all.is_empty() && all.len().is_multiple_of(clip.frames), "{} bytes of {clip:?}", all.len());
    all.chunks(all.len() / clip.frames).map(<[u8]>::to_vec).collect()
}

/// Has ffmpeg decode a file of pictures or video. Returns the pixels of all frames, one frame after
/// another: row by row, with three bytes for each pixel, red, green and blue.
///
/// # Panics
/// Panics if ffmpeg fails, or does not end within 40 seconds.
pub fn pixels(path: &Path) -> Vec<u8> {
    let directory = TempDir::new();
    let raw = directory.path().join("raw");
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-v", "error", "-i"]).arg(path);
    command.args(["-fps_mode", "passthrough", "-pix_fmt", "rgb24", "-f", "rawvideo"]).arg(&raw);
    let done = run(&mut command, LIMIT).expect("ffmpeg runs");
    assert!(done.status.success(), "{command:?} failed:\n{}", done.stderr);
    std::fs::read(raw).unwrap_or_default()
}

/// Finds the frame that a picture is most like. Returns the index of that frame in `frames`, and the mean
/// difference of the bytes, from 0 (equal) to 255. If several frames are equally close, the first of them
/// is returned.
///
/// The picture and all frames must have the same width, and three bytes for each pixel; this is not
/// checked. If the picture is shorter than the frames because it lacks its last rows, only the rows that it
/// has are compared.
///
/// # Panics
/// Panics if there are no frames, or if a frame has fewer bytes than the picture.
pub fn closest(picture: &[u8], frames: &[Vec<u8>]) -> (usize, f64) {
    let differences = frames.iter().map(|frame| mean_difference(picture, &frame[..picture.len()]));
    let closest = differences.enumerate().min_by(|a, b| a.1.total_cmp(&b.1));
    closest.expect("there are frames")
}

/// Returns the mean difference of the bytes of two pictures in RGB, from 0 (equal) to 255. If both pictures
/// are empty, the result is NaN.
///
/// # Panics
/// Panics if the pictures have different numbers of bytes.
pub fn mean_difference(a: &[u8], b: &[u8]) -> f64 {
    assert_eq!(a.len(), b.len(), "pictures of different sizes");
    let sum: u64 = a.iter().zip(b).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    sum as f64 / a.len() as f64
}

/// Returns how long this many frames of a clip may take to play.
fn playing_time(frames: usize) -> Duration {
    const SLOWEST_A_SECOND: f64 = 10.0;
    Duration::from_secs_f64(frames as f64 / SLOWEST_A_SECOND)
}

fn python_stream(script: &str, url: &str, transport: Transport, frames: Option<usize>) -> Hashes {
    let (transport, frames) = (transport.to_string(), frames.map(|frames| frames.to_string()));
    let arguments: Vec<_> = [url, &transport].into_iter().chain(frames.as_deref()).collect();
    python(script, &arguments)
}

/// Runs a script in the environment of PyPI's peers. Returns the lines of its output.
fn python(script: &str, arguments: &[&str]) -> Vec<String> {
    let mut command = Command::new(python_environment());
    command.arg(repository().join("tests/peers").join(script)).args(arguments);
    let done = run(&mut command, LIMIT).expect("Python runs");
    assert!(done.status.success(), "{command:?} failed:\n{}", done.stderr);
    done.stdout.lines().map(str::to_owned).collect()
}

fn ffmpeg(input: &mut Command) -> Hashes {
    framemd5_hashes(&framemd5(input))
}

fn framemd5(input: &mut Command) -> String {
    framemd5_within(input, LIMIT)
}

fn framemd5_within(input: &mut Command, limit: Duration) -> String {
    // A rate that ffmpeg guesses must neither repeat frames nor drop them.
    let done = run(input.args(["-fps_mode", "passthrough", "-f", "framemd5", "-"]), limit);
    let done = done.expect("ffmpeg runs");
    assert!(done.status.success(), "{input:?} failed:\n{}", done.stderr);
    done.stdout
}

fn framemd5_hashes(report: &str) -> Hashes {
    // Rows of comma-separated columns after a commented header; the hash comes last.
    let rows = report.lines().filter(|line| !line.starts_with('#'));
    rows.filter_map(|row| row.rsplit(',').next()).map(|hash| hash.trim().to_owned()).collect()
}

fn gstreamer(pipeline: &[&str]) -> Hashes {
    let mut command = Command::new("gst-launch-1.0");
    command.arg("-q").args(pipeline).args(["!", "checksumsink", "hash=md5"]);
    let done = run(&mut command, LIMIT).expect("gst-launch-1.0 runs");
    let well = done.status.success() || cut_its_own_pause(&done.stderr);
    assert!(well, "{command:?} failed:\n{}", done.stderr);
    // Rows of timestamp and hash.
    done.stdout.lines().filter_map(|row| row.split_whitespace().nth(1)).map(str::to_owned).collect()
}

/// Returns whether GStreamer, which has written `stderr`, failed only because it stopped. In 1.22, closing flushes the connection on
/// which its PAUSE is being written, and rtspsrc sometimes calls that an end of file. All frames were
/// shown by then, and TEARDOWN still follows.
pub fn cut_its_own_pause(stderr: &str) -> bool {
    let count = |is: &dyn Fn(&str) -> bool| stderr.lines().filter(|line| is(line)).count();
    let paused = count(&|line| line.contains("gst_rtspsrc_pause ()"));
    let sent = count(&|line| line.contains("gst_rtspsrc_try_send ()"));
    let errors = count(&|line| line.starts_with("ERROR:"));
    paused == 1 && errors == paused + sent && stderr.contains("(Received end-of-file)")
}
