//! The camera: JPEGs with numbers, each of which is written when its time has come.
use super::number::{self, NUMBERS};
use crate::Result;
use crate::clip::{Clip, RATE};
use pinhole_tests::process::repository;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// The quality of the pictures for ffmpeg, and noise as that of a sensor: a picture of 1080p has about
/// 160 KB.
const QUALITY: &str = "6";
const NOISE: &str = "noise=alls=8:allf=t";

/// JPEGs of which each has its number drawn into it.
#[derive(Debug)]
pub(super) struct Pictures {
    jpegs: Vec<Vec<u8>>,
    /// Width and height in pixels.
    pub(super) size: (usize, usize),
}

impl Pictures {
    /// Makes pictures of a size out of `clip`, or of the sample clip, by ffmpeg, in `directory`.
    ///
    /// # Errors
    /// Returns an error if the clip cannot be read, or if ffmpeg cannot be run.
    pub(super) fn make(clip: Option<&PathBuf>, size: (usize, usize), directory: &Path) -> Result<Self> {
        let sample = repository().join("video/bunny288.mjpeg");
        let (width, height) = size;
        let directory = directory.join(format!("{width}x{height}"));
        let long = Clip::new(clip.unwrap_or(&sample), &directory, NUMBERS as f64 / RATE)?.long;
        let file = directory.join("numbers.mjpeg");
        let filters = format!("scale={width}:{height},{NOISE},{}", number::filters());
        let mut command = Command::new("ffmpeg");
        command.args(["-nostdin", "-v", "error", "-y", "-f", "mjpeg", "-framerate", "30", "-i"]).arg(long);
        command.args(["-vf", &filters, "-frames:v", &NUMBERS.to_string()]);
        command.args(["-pix_fmt", "yuvj420p", "-huffman", "default", "-q:v", QUALITY, "-f", "mjpeg"]);
        if !command.arg(&file).stdin(Stdio::null()).status()?.success() {
            return Err("ffmpeg cannot draw numbers into the clip".into());
        }
        let made = Clip::new(&file, &directory, 0.0)?;
        let bytes = fs::read(&file)?;
        let jpegs: Vec<_> = made.frames.iter().map(|frame| bytes[frame.clone()].to_vec()).collect();
        if jpegs.len() != NUMBERS {
            return Err(format!("ffmpeg has made {} pictures, and not {NUMBERS}", jpegs.len()).into());
        }
        Ok(Self { jpegs, size })
    }

    /// Returns how many bytes a picture has, on average.
    pub(super) fn mean_len(&self) -> usize {
        self.jpegs.iter().map(Vec::len).sum::<usize>() / self.jpegs.len().max(1)
    }
}

/// A picture that was written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Written {
    pub(super) number: u8,
    /// Right before its last byte was written.
    pub(super) at: Instant,
}

/// Writes pictures to a pipe from a thread of its own, until nobody reads them.
#[derive(Debug)]
pub(super) struct Camera(Arc<Mutex<Vec<Written>>>);

impl Camera {
    pub(super) fn start(to: ChildStdin, pictures: Arc<Pictures>) -> Self {
        let written = Arc::new(Mutex::new(Vec::new()));
        let log = written.clone();
        thread::spawn(move || write(to, &pictures, &log));
        Self(written)
    }

    /// Returns all pictures that were written so far, in order.
    pub(super) fn written(&self) -> Vec<Written> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn write(mut to: ChildStdin, pictures: &Pictures, log: &Mutex<Vec<Written>>) {
    let interval = Duration::from_secs_f64(1.0 / RATE);
    let mut due = Instant::now();
    for (number, jpeg) in (0..=u8::MAX).zip(&pictures.jpegs).cycle() {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        let Some((last, most)) = jpeg.split_last() else { return };
        if to.write_all(most).is_err() {
            return;
        }
        let at = Instant::now();
        if to.write_all(&[*last]).is_err() {
            return;
        }
        log.lock().unwrap_or_else(PoisonError::into_inner).push(Written { number, at });
        // A server that does not read yet holds the camera up, which does not make up for that.
        due = (due + interval).max(Instant::now());
    }
}
