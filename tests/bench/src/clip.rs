//! The clip that all servers send.
use crate::Result;
use pinhole::codec::jpeg::inspect;
use pinhole::media::{FrameReader, SliceReader};
use std::fs;
use std::io::Write as _;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The frames a second at which clips are played, as Motion-JPEG itself has no rate.
pub(crate) const RATE: f64 = 30.0;
/// No frame is larger: RFC 2435 counts its bytes in 24 bits.
const MAX_FRAME: u32 = 1 << 24;
const WINDOW: usize = 64 << 10;

/// A clip, and the files that are made of it for a run.
#[derive(Clone, Debug)]
pub(crate) struct Clip {
    /// The name of the file without its extension, under which pinhole-server serves it.
    pub(crate) name: String,
    /// The path of the clip as it was given.
    pub(crate) original: PathBuf,
    /// The range in the original file of each frame.
    pub(crate) frames: Vec<Range<usize>>,
    /// The path of a file with the clip `copies` times, so that each client can have a place of its own
    /// in it.
    pub(crate) long: PathBuf,
    /// How many times the clip is in the long file.
    pub(crate) copies: usize,
    /// The directory for files that are made of this clip.
    pub(crate) directory: PathBuf,
}

impl Clip {
    /// Reads the clip `original`, and writes it so often into a file in `directory` that the file lasts
    /// at least `seconds` seconds.
    ///
    /// # Errors
    /// Returns an error if the clip cannot be read, if it is no Motion-JPEG, or if the file cannot be
    /// written.
    pub(crate) fn new(original: &Path, directory: &Path, seconds: f64) -> Result<Self> {
        let data = fs::read(original).map_err(|error| format!("{}: {error}", original.display()))?;
        let name = original.file_stem().and_then(|name| name.to_str()).ok_or("the clip has no name")?;
        let mut reader = FrameReader::new(SliceReader::new(&data), vec![0; WINDOW], MAX_FRAME)
            .map_err(|_| format!("{}: this is no Motion-JPEG", original.display()))?;
        let mut frames = Vec::new();
        while let Ok(Some(span)) = reader.next() {
            let start = usize::try_from(span.at)?;
            frames.push(start..start + usize::try_from(span.len)?);
        }
        if frames.is_empty() {
            return Err(format!("{}: no frames", original.display()).into());
        }
        let copies = (seconds * RATE / frames.len() as f64).ceil() as usize;
        let directory = directory.join(name);
        fs::create_dir_all(&directory)?;
        let long = directory.join(format!("{name}.mjpeg"));
        let mut file = fs::File::create(&long)?;
        for _ in 0..copies {
            for frame in &frames {
                file.write_all(&data[frame.clone()])?;
            }
        }
        Ok(Self { name: name.to_owned(), original: original.to_owned(), frames, long, copies, directory })
    }

    /// Returns the mean size of a frame of the original file in Gbit. What a server adds to a frame, or
    /// makes of it, does not count as delivered.
    pub(crate) fn gbit_per_frame(&self) -> f64 {
        let bytes: usize = self.frames.iter().map(ExactSizeIterator::len).sum();
        bytes as f64 * 8e-9 / self.frames.len() as f64
    }

    /// Returns the width and the height in pixels of the first frame.
    ///
    /// # Errors
    /// Returns an error if that frame is no JPEG.
    pub(crate) fn size(&self) -> Result<(u16, u16)> {
        let data = fs::read(&self.original)?;
        let frame = self.frames.first().and_then(|frame| data.get(frame.clone())).unwrap_or_default();
        let inspected = inspect(frame).map_err(|error| format!("{}: {error}", self.name))?;
        Ok((inspected.info.width, inspected.info.height))
    }

    /// Returns the path of the long clip as AVI, for servers that need a clock. ffmpeg makes the file at
    /// the first call.
    ///
    /// # Errors
    /// Returns an error if ffmpeg cannot be run, or fails.
    pub(crate) fn avi(&self) -> Result<PathBuf> {
        let avi = self.long.with_extension("avi");
        if !avi.exists() {
            let mut command = Command::new("ffmpeg");
            command.args(["-v", "error", "-y", "-r", "30", "-f", "mjpeg", "-i"]).arg(&self.long);
            command.args(["-c", "copy", "-r", "30"]).arg(&avi).stdin(Stdio::null());
            if !command.status()?.success() {
                return Err("ffmpeg cannot make an AVI file".into());
            }
        }
        Ok(avi)
    }
}

/// A directory that is removed with all that is in it when this is dropped.
#[derive(Debug)]
pub(crate) struct Scratch(pub PathBuf);

impl Scratch {
    /// Makes the directory, among the temporary files of the system.
    ///
    /// # Errors
    /// Returns an error if the directory cannot be made.
    pub(crate) fn new() -> Result<Self> {
        let path = std::env::temp_dir().join(format!("pinhole-bench-{}", std::process::id()));
        fs::create_dir_all(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What is left behind is in the system's directory for such things.
        let _ = fs::remove_dir_all(&self.0);
    }
}
