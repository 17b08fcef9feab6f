//! Compares what clients show of a stream over a bad network, frame by frame, as an eye would see it.
//!
//! Each client has a network of its own, with the same faults and the same seed, and a server of its own, all
//! at the same time. Each client writes a file. The viewer writes what it shows. ffmpeg and GStreamer write
//! the frames that they pass on to a decoder, with the times of these frames. The times come from RTP
//! timestamps, and so tell which frame of the clip should be seen. At the end, ffmpeg decodes the files, and
//! compares them with the clip.
use crate::clip::{Clip, TempDir};
use crate::network::Link;
use crate::process::{Running, binary, poll, run};
use crate::server::Server;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// The server's frame rate for media without a clock.
const RATE: f64 = 30.0;
/// How long all may take. RTSP's connection loses packets, too, and repeats them after a second or
/// more.
const LATEST: Duration = Duration::from_secs(15);
const STOPS: Duration = Duration::from_secs(10);
const REFEREE: Duration = Duration::from_secs(60);
/// The clients' socket buffers in bytes, which the kernel doubles.
const SOCKET_BUFFER: u32 = 4_000_000;

/// A client whose picture quality [`compare`] measures. It says which of the results is whose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
    /// `pinhole-viewer`, the viewer of this repository, without a window.
    Viewer,
    /// The program ffmpeg, which writes the frames that its player ffplay would show.
    Ffmpeg,
    /// GStreamer's `rtspsrc` with `rtpjpegdepay`.
    Gstreamer,
}

impl Client {
    /// All clients, in the order of the results of [`compare`].
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Ffmpeg, Self::Gstreamer];

    /// Returns the client's name, as it is shown in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Viewer => "pinhole-viewer",
            Self::Ffmpeg => "ffmpeg",
            Self::Gstreamer => "GStreamer",
        }
    }

    /// Returns the namespaces of the client's network.
    const fn ends(self) -> [&'static str; 2] {
        match self {
            Self::Viewer => ["near-v", "far-v"],
            Self::Ffmpeg => ["near-f", "far-f"],
            Self::Gstreamer => ["near-g", "far-g"],
        }
    }

    const fn file(self) -> &'static str {
        match self {
            Self::Viewer => "viewer.y4m",
            Self::Ffmpeg => "ffmpeg.nut",
            Self::Gstreamer => "gstreamer.mkv",
        }
    }

    /// Starts the client, which watches over UDP into a file.
    fn watch(self, link: &Link, url: &str, file: &Path) -> Running {
        let mut command = match self {
            Self::Viewer => {
                let mut command = link.far.command(binary("pinhole-viewer"));
                command.args(["--headless", "--json", "--transport", "udp", "--pictures"]);
                command.arg(file).arg(url);
                command
            }
            Self::Ffmpeg => {
                let mut command = link.far.command("ffmpeg");
                command.args(["-nostdin", "-v", "error", "-rtsp_transport", "udp"]);
                command.args(["-buffer_size", &SOCKET_BUFFER.to_string(), "-i", url]);
                command.args(["-copyts", "-c", "copy", "-f", "nut"]).arg(file);
                command
            }
            Self::Gstreamer => {
                let mut command = link.far.command("gst-launch-1.0");
                // Without a buffer-mode, the times are those of arrival, smoothed.
                command.args(["-q", "-e", "rtspsrc", "protocols=udp", "latency=200", "buffer-mode=none"]);
                command.args([format!("location={url}"), format!("udp-buffer-size={SOCKET_BUFFER}")]);
                command.args(["!", "rtpjpegdepay", "!", "matroskamux", "!", "filesink"]);
                command.arg(format!("location={}", file.display()));
                command
            }
        };
        Running::start(&mut command)
    }
}

/// How close the pictures that a client showed were to the frames of the clip. For each frame of the clip,
/// this has the structural similarity (SSIM) of the luma of that frame and of the picture that the client
/// showed for it; 1 means that both are equal. If the client did not show a frame, the picture that it showed
/// last before is compared with that frame. If it had shown no picture yet, the value is 0.
#[derive(Clone, Debug)]
pub struct Quality(Vec<f64>);

impl Quality {
    /// Returns the mean similarity over all frames of the clip: 1 if every frame was shown exactly, and 0 if
    /// none was shown. For a clip without frames, the result is NaN.
    pub fn mean(&self) -> f64 {
        self.0.iter().sum::<f64>() / self.0.len() as f64
    }

    /// Returns the share of the clip's frames, from 0 to 1, for which the similarity is at least `like`. For
    /// a clip without frames, the result is NaN.
    pub fn share(&self, like: f64) -> f64 {
        self.0.iter().filter(|ssim| **ssim >= like).count() as f64 / self.0.len() as f64
    }
}

/// Has all clients watch a clip over UDP at the same time, each from a server of its own, over a network link
/// of its own. `options` are command-line options of the program `pinhole-sim link`, which makes the links
/// and loses packets (see [`crate::network::Link`]). They are the same for each link, such as `--loss`, `3%`,
/// `--seed`, `1`.
///
/// Returns one result for each client, in the order of [`Client::ALL`]. Blocks for about as long as the clip
/// lasts at 30 frames a second, and up to 15 seconds more. If a client shows nothing or ends with an error,
/// its result has low values, and there is no panic.
///
/// Call this within [`crate::network::in_own_namespaces`], and never twice at the same time.
///
/// # Panics
/// Panics if a link, a server or a client cannot be started, if a client does not stop, or if ffmpeg cannot
/// compare the pictures that a client has written with those of the clip.
pub fn compare(clip: &Clip, options: &[&str]) -> [Quality; 3] {
    let directory = TempDir::new();
    let file = |client: Client| directory.path().join(client.file());
    let networks = Client::ALL.map(|client| {
        let link = Link::start(client.ends(), options);
        let server = Server::within(&link.near, &format!("{}:8554", Link::NEAR), &[], &[&clip.path]);
        (link, server)
    });
    let mut watching = Client::ALL.map(|client| {
        let (link, server) = &networks[client as usize];
        client.watch(link, &server.url(clip.mount()), &file(client))
    });
    let latest = Instant::now() + Duration::from_secs_f64(clip.frames as f64 / RATE) + LATEST;
    poll(latest - Instant::now(), || watching.iter_mut().all(|client| !client.is_alive()).then_some(()));
    for mut client in watching {
        // A client whose server's BYE was lost waits for more.
        if client.is_alive() {
            client.signal("INT");
        }
        // Whose every frame was damaged may call that a failure: what it leaves is judged.
        client.finish(STOPS);
    }
    drop(networks);
    Client::ALL.map(|client| judge(clip, client, &file(client)))
}

fn judge(clip: &Clip, client: Client, file: &Path) -> Quality {
    let mut quality = vec![0.0; clip.frames];
    // The first picture's time, and by how much the file's times are behind it.
    let first = match client {
        Client::Viewer => first_comment(file).map(|first| (first, first)),
        Client::Ffmpeg | Client::Gstreamer => first_time(file).map(|first| (first, 0.0)),
    };
    let Some((first, behind)) = first else { return Quality(quality) };
    let directory = TempDir::new();
    let scores = directory.path().join("ssim");
    // Half an interval sooner, so that rounded times fall into the interval of their frame.
    let shift = format!("settb=AVTB,setpts=PTS+({behind}-0.5/{RATE})/TB");
    let graph = format!(
        "[0]extractplanes=y[clip];[1]extractplanes=y,{shift}[seen];[clip][seen]ssim=stats_file={}",
        scores.display()
    );
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-v", "error", "-r", &RATE.to_string(), "-f", "mjpeg", "-i"]);
    command.arg(&clip.plain).arg("-i").arg(file).args(["-lavfi", &graph, "-f", "null", "-"]);
    let done = run(&mut command, REFEREE).expect("ffmpeg runs");
    assert!(done.status.success(), "{command:?} failed:\n{}", done.stderr);
    let scores = std::fs::read_to_string(scores).unwrap_or_default();
    let scores: Vec<f64> = scores.lines().filter_map(ssim_of_luma).collect();
    assert_eq!(scores.len(), clip.frames, "{client:?}: {}", done.stderr);
    // Before the first picture, ffmpeg compares with that.
    let unseen = (first * RATE).round() as usize;
    for (quality, score) in quality.iter_mut().zip(scores).skip(unseen) {
        *quality = score;
    }
    Quality(quality)
}

/// Reads the SSIM of luma from a row like `n:1 Y:0.980228 All:0.980228 (17.039445)`.
fn ssim_of_luma(row: &str) -> Option<f64> {
    row.split(' ').find_map(|field| field.strip_prefix("Y:"))?.parse().ok()
}

/// Returns the media time of the first picture in seconds, from the comment in its header.
fn first_comment(y4m: &Path) -> Option<f64> {
    let mut lines = BufReader::new(std::fs::File::open(y4m).ok()?).split(b'\n');
    let _header = lines.next()?.ok()?;
    let frame = String::from_utf8(lines.next()?.ok()?).ok()?;
    Some(frame.strip_prefix("FRAME XPTS=")?.parse::<f64>().ok()? / 1e6)
}

/// Returns the time of the first packet in seconds.
fn first_time(file: &Path) -> Option<f64> {
    let mut command = Command::new("ffprobe");
    command.args(["-v", "error", "-show_entries", "packet=pts_time", "-of", "csv=p=0"]).arg(file);
    run(&mut command, REFEREE).expect("ffprobe runs").stdout.lines().next()?.parse().ok()
}
