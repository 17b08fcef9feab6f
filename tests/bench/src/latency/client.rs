//! The clients, and what is seen of the pictures that they put out.
use super::camera::Written;
use super::number::{self, ROWS};
use super::wire;
use crate::Result;
use crate::target::binary;
use nix::fcntl::{FcntlArg, fcntl};
use pinhole_tests::Transport;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// The bytes of pictures that a pipe holds, if the system allows it.
const PIPE: i32 = 1 << 20;
/// A picture that is seen later than this is taken for another one of the same number.
const LATEST: Duration = Duration::from_secs(4);

/// What receives the pictures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Client {
    /// No program: a socket that is read at once. It sees the last packet of each picture, and decodes
    /// nothing. If it announces its receive buffer, the server may send more of a picture at once.
    Wire {
        announces: bool,
    },
    /// pinhole-viewer, with the value of `--latency`, if it has that option.
    Viewer(Option<&'static str>),
    Gst,
    Ffmpeg,
}

/// Returns the viewer with each latency that is measured, if it has that option.
///
/// # Errors
/// Returns an error if the viewer cannot be run.
pub(super) fn viewers() -> Result<Vec<Client>> {
    let help = Command::new(binary("pinhole-viewer")?).arg("--help").output()?;
    let known = String::from_utf8_lossy(&help.stdout).contains("--latency");
    let latencies: &[_] = if known { &[Some("auto"), Some("0")] } else { &[None] };
    Ok(latencies.iter().copied().map(Client::Viewer).collect())
}

impl Client {
    /// Returns the name of the client, as it is in tables.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Wire { announces: false } => "the last packet".to_owned(),
            Self::Wire { announces: true } => "the last packet, with a large buffer".to_owned(),
            Self::Viewer(None) => "pinhole-viewer".to_owned(),
            Self::Viewer(Some(latency)) => format!("pinhole-viewer --latency {latency}"),
            Self::Gst => "GStreamer latency=0".to_owned(),
            Self::Ffmpeg => "ffmpeg nobuffer low_delay".to_owned(),
        }
    }

    /// Starts the client, which plays until what is returned is dropped. `size` is the width and the height
    /// of the pictures in pixels.
    ///
    /// # Errors
    /// Returns an error if the program cannot be started, or if the server refuses.
    pub(super) fn start(&self, url: &str, transport: Transport, size: (usize, usize)) -> Result<Seen> {
        let mut command = match self {
            Self::Wire { announces } => {
                return Ok(Seen::of_wire(wire::Session::start(url, transport, *announces)?));
            }
            Self::Viewer(latency) => {
                let mut command = Command::new(binary("pinhole-viewer")?);
                command.args(["--headless", "--pictures", "-"]);
                command.args(["--transport", &transport.to_string()]);
                command.args(latency.iter().flat_map(|latency| ["--latency", latency]));
                command.arg(url);
                command
            }
            Self::Gst => {
                let mut command = Command::new("gst-launch-1.0");
                let (location, protocols) = (format!("location={url}"), format!("protocols={transport}"));
                command.args(["-q", "rtspsrc", &location, &protocols, "latency=0"]);
                command.args(["!", "rtpjpegdepay", "!", "jpegdec", "!", "video/x-raw,format=I420"]);
                command.args(["!", "fdsink", "fd=1"]);
                command
            }
            Self::Ffmpeg => {
                let mut command = Command::new("ffmpeg");
                command.args(["-nostdin", "-v", "error", "-fflags", "nobuffer", "-flags", "low_delay"]);
                command.args(["-rtsp_transport", &transport.to_string(), "-i", url]);
                command.args(["-fps_mode", "passthrough", "-f", "rawvideo", "-flush_packets", "1", "-"]);
                command
            }
        };
        let is_viewer = matches!(self, Self::Viewer(_));
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut child = child.map_err(|error| format!("{}: {error}", self.name()))?;
        let pipe = child.stdout.take().ok_or("the client has no output")?;
        let pictures = Arc::new(Mutex::new(Vec::new()));
        let log = pictures.clone();
        thread::spawn(move || look(pipe, size, is_viewer, &log));
        Ok(Seen {
            pictures,
            source: Source::Program(child),
            sees: if is_viewer { Sees::Next } else { Sees::This },
        })
    }
}

/// A picture at the output of a client.
#[derive(Clone, Copy, Debug)]
struct Picture {
    /// When its first byte came.
    at: Instant,
    /// `None` if no number can be read in it.
    number: Option<u8>,
}

/// Of which picture the time is known when one is put out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sees {
    This,
    /// The next one: the viewer puts a picture out when another one takes its place on the screen.
    Next,
    /// That which was written to the server last: what has no decoder reads no numbers.
    Newest,
}

#[derive(Debug)]
enum Source {
    Program(Child),
    Wire(wire::Session),
}

/// The pictures that a client has put out. The client ends when this is dropped.
#[derive(Debug)]
pub(super) struct Seen {
    pictures: Arc<Mutex<Vec<Picture>>>,
    source: Source,
    sees: Sees,
}

impl Seen {
    fn of_wire(session: wire::Session) -> Self {
        Self { pictures: Arc::default(), source: Source::Wire(session), sees: Sees::Newest }
    }

    /// Returns how many pictures were seen so far.
    pub(super) fn count(&self) -> usize {
        self.pictures().len()
    }

    /// Returns what the client has written to standard error, once it has ended.
    pub(super) fn messages(mut self) -> String {
        let Source::Program(child) = &mut self.source else { return String::new() };
        let (_, mut text) = (child.kill(), String::new());
        if let Some(stderr) = &mut child.stderr {
            let _ = stderr.read_to_string(&mut text);
        }
        text
    }

    /// Returns the pictures among `written` that were seen, and how many microseconds each took.
    pub(super) fn latencies(&self, written: &[Written]) -> impl Iterator<Item = (Written, u32)> {
        latencies(&self.pictures(), written, self.sees).into_iter()
    }

    fn pictures(&self) -> Vec<Picture> {
        match &self.source {
            Source::Wire(session) => {
                session.ends().into_iter().map(|at| Picture { at, number: None }).collect()
            }
            Source::Program(_) => self.pictures.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }
}

impl Drop for Seen {
    fn drop(&mut self) {
        if let Source::Program(child) = &mut self.source {
            // It has ended, or does so now.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn latencies(pictures: &[Picture], written: &[Written], sees: Sees) -> Vec<(Written, u32)> {
    let mut found = Vec::new();
    // Each picture counts when it is seen first.
    let mut last = None;
    for (n, picture) in pictures.iter().enumerate() {
        let number = match sees {
            Sees::Newest => None,
            Sees::This => picture.number,
            Sees::Next => {
                let is_other = |next: &&Picture| next.number != picture.number;
                let next =
                    pictures.get(n..).into_iter().flatten().find(is_other).and_then(|next| next.number);
                // One between them may have been on the screen, and was not put out.
                next.filter(|next| picture.number.is_some_and(|number| number::follows(number, *next)))
            }
        };
        if sees != Sees::Newest && (number.is_none() || std::mem::replace(&mut last, number) == number) {
            continue;
        }
        let before = written.partition_point(|written| written.at <= picture.at);
        let candidates = written.get(..before).unwrap_or_default().iter().rev();
        let of = candidates
            .take_while(|written| picture.at - written.at < LATEST)
            .find(|written| number.is_none_or(|number| number == written.number));
        found.extend(of.map(|written| {
            let took = picture.at - written.at;
            (*written, u32::try_from(took.as_micros()).unwrap_or(u32::MAX))
        }));
    }
    found
}

/// Reads pictures until the client ends: of YUV4MPEG2 if that is so, and else their planes alone, in 4:2:0.
fn look(pipe: ChildStdout, (width, height): (usize, usize), y4m: bool, log: &Mutex<Vec<Picture>>) {
    // What is not granted only costs more calls.
    let _ = fcntl(&pipe, FcntlArg::F_SETPIPE_SZ(PIPE));
    let mut pipe = BufReader::with_capacity(64 << 10, pipe);
    let mut planes = vec![0; width * height * 3 / 2];
    let mut line = Vec::new();
    if y4m && pipe.read_until(b'\n', &mut line).is_err() {
        return;
    }
    // The first byte is waited for alone.
    while pipe.fill_buf().is_ok_and(|bytes| !bytes.is_empty()) {
        let at = Instant::now();
        if (y4m && pipe.read_until(b'\n', &mut line).is_err()) || pipe.read_exact(&mut planes).is_err() {
            return;
        }
        line.clear();
        let number = number::read(planes.get(..ROWS * width).unwrap_or_default(), width);
        log.lock().unwrap_or_else(PoisonError::into_inner).push(Picture { at, number });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pictures that were written every 10 ms, from number 254 on.
    fn written(start: Instant) -> Vec<Written> {
        let number = |n: u8| n.wrapping_add(254);
        (0..6).map(|n| Written { number: number(n), at: start + millis(10 * u64::from(n)) }).collect()
    }

    fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    /// What is found for pictures that are seen at these times in milliseconds.
    fn found(seen: &[(u64, Option<u8>)], sees: Sees) -> Vec<(u8, u32)> {
        let start = Instant::now();
        let picture = |&(at, number): &_| Picture { at: start + millis(at), number };
        let pictures: Vec<_> = seen.iter().map(picture).collect();
        let found = latencies(&pictures, &written(start), sees);
        found.into_iter().map(|(written, took)| (written.number, took / 1_000)).collect()
    }

    #[test]
    fn a_picture_is_known_by_its_number() {
        let seen = [(3, Some(254)), (17, Some(255)), (38, None), (39, Some(0)), (44, Some(0)), (45, Some(9))];
        assert_eq!(found(&seen, Sees::This), [(254, 3), (255, 7), (0, 19)]);
    }

    #[test]
    fn the_viewer_tells_when_the_next_picture_appeared() {
        let seen = [(13, Some(254)), (25, Some(255)), (25, Some(255)), (34, Some(0)), (56, Some(2))];
        assert_eq!(found(&seen, Sees::Next), [(255, 3), (0, 5)]);
    }

    #[test]
    fn what_has_no_number_is_the_newest() {
        assert_eq!(found(&[(2, None), (14, None)], Sees::Newest), [(254, 2), (255, 4)]);
    }
}
