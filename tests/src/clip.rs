//! The media that tests play: the clips of the repository, and clips that the tests make in temporary
//! directories.
use crate::peer::PYTHON;
use crate::process::{repository, run};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// A file of Motion-JPEG that a test serves, and what the test has to know of the file. If the file was made
/// in a [`TempDir`], the file is removed when the [`TempDir`] is dropped.
#[derive(Clone, Debug)]
pub struct Clip {
    /// The path of the file to serve.
    pub path: PathBuf,
    /// The path of a file with the same pictures as concatenated JPEG, for programs that cannot read
    /// [`Self::path`]. Both paths are equal if the file to serve is concatenated JPEG already.
    pub plain: PathBuf,
    /// The number of frames in the file. A client that misses no frame shows that many frames.
    pub frames: usize,
}

impl Clip {
    /// Returns the sample clip of the repository: 60 frames of 512x288 as concatenated JPEG, 4:2:0, with the
    /// standard Huffman tables. The file has no clock: pass a frame rate to the server; otherwise the server
    /// assumes a rate.
    pub fn sample() -> Self {
        let plain = repository().join("video/bunny288.mjpeg");
        Self { path: plain.clone(), plain, frames: 60 }
    }

    /// Returns a clip of the repository with the frames of [`Self::sample`], in another format: the file has
    /// the length of each frame, in ASCII digits, before that frame. [`Self::plain`] is the file of
    /// [`Self::sample`].
    pub fn course() -> Self {
        Self { path: repository().join("video/bunny288-course.Mjpeg"), ..Self::sample() }
    }

    /// Makes a clip in `directory` from 25 frames of the sample clip: concatenated JPEG with Huffman tables
    /// made for the clip, as ffmpeg writes by default. RTP/JPEG cannot carry such tables, so a server has to
    /// re-code the frames.
    ///
    /// # Panics
    /// Panics if ffmpeg fails.
    pub fn own_huffman(directory: &TempDir) -> Self {
        make(directory, "small", 288, 25);
        let plain = directory.path().join("small288-optimal-huffman.mjpeg");
        Self { path: plain.clone(), plain, frames: 25 }
    }

    /// Makes a clip in `directory` from the sample clip, scaled to 1280x720: 60 frames as concatenated JPEG.
    ///
    /// # Panics
    /// Panics if ffmpeg fails.
    pub fn large(directory: &TempDir) -> Self {
        make(directory, "large", 720, 60);
        let plain = directory.path().join("large720.mjpeg");
        Self { path: plain.clone(), plain, frames: 60 }
    }

    /// Makes a clip in `directory` from `frames` frames of the sample clip, scaled to `height` pixels, as concatenated
    /// JPEG.
    ///
    /// # Panics
    /// Panics if ffmpeg fails.
    pub fn scaled(directory: &TempDir, height: u32, frames: usize) -> Self {
        make(directory, "scaled", height, frames);
        let plain = directory.path().join(format!("scaled{height}.mjpeg"));
        Self { path: plain.clone(), plain, frames }
    }

    /// Makes a clip in `directory` with a test picture of 320x240, 25 times, as concatenated JPEG. The
    /// pictures are coded 4:2:2 as RTP/JPEG type 0 wants it. GStreamer makes the clip by libjpeg, because
    /// ffmpeg writes 4:2:2 in MCUs (minimum coded units) of twice the height.
    ///
    /// # Panics
    /// Panics if GStreamer fails.
    pub fn yuv422(directory: &TempDir) -> Self {
        let plain = directory.path().join("test422.mjpeg");
        let mut command = Command::new("gst-launch-1.0");
        command.args(["-q", "videotestsrc", "num-buffers=25", "!"]);
        command.args(["video/x-raw,format=Y42B,width=320,height=240", "!", "jpegenc", "!", "filesink"]);
        done(command.arg(format!("location={}", plain.display())));
        Self { path: plain.clone(), plain, frames: 25 }
    }

    /// Makes an AVI file in `directory` with the sample clip at 30 frames a second, for servers that need a
    /// clock, such as [`crate::server::GstServer`].
    ///
    /// # Panics
    /// Panics if ffmpeg fails. It fails if `directory` has a file of that name already.
    pub fn avi(directory: &TempDir) -> Self {
        Self::sample().in_avi(directory, 30)
    }

    /// Makes a clip in `directory` from 25 frames of the sample clip, coded 4:2:2 as ffmpeg does it: in MCUs
    /// (minimum coded units) of twice the height that RTP/JPEG has. RTP/JPEG cannot carry such frames as they
    /// are.
    ///
    /// # Panics
    /// Panics if ffmpeg fails. It fails if `directory` has a file of that name already.
    pub fn tall_422(directory: &TempDir) -> Self {
        let plain = directory.path().join("tall422.mjpeg");
        let mut command = ffmpeg();
        command.args(["-r", "25", "-i"]).arg(&Self::sample().plain).args(["-frames:v", "25"]);
        done(command.args(["-pix_fmt", "yuvj422p", "-q:v", "4"]).arg(&plain));
        Self { path: plain.clone(), plain, frames: 25 }
    }

    /// Copies the frames of this clip into an AVI file of `rate` frames a second in `directory`. In the
    /// returned clip, [`Self::path`] is the AVI file, and [`Self::plain`] is the same as before.
    ///
    /// # Panics
    /// Panics if ffmpeg fails. It fails if `rate` is 0, or if `directory` has a file of that name already.
    pub fn in_avi(self, directory: &TempDir, rate: u32) -> Self {
        let path = directory.path().join(self.mount()).with_extension("avi");
        let rate = rate.to_string();
        let mut command = ffmpeg();
        // The rate stands twice, or the header claims twice the rate.
        command.args(["-f", "mjpeg", "-r", &rate, "-i"]).arg(&self.plain);
        done(command.args(["-c", "copy", "-r", &rate]).arg(&path));
        Self { path, ..self }
    }

    /// Makes one file of concatenated JPEG in `directory` that has the frames of this clip `times` times,
    /// whatever the format of [`Self::path`]. If `times` is 0, the file is empty. Returns the new clip.
    ///
    /// # Panics
    /// Panics if the clip cannot be read, or if the file cannot be written.
    pub fn times(self, times: usize, directory: &TempDir) -> Self {
        let once = std::fs::read(&self.plain).expect("the clip can be read");
        let plain = directory.file(&format!("{}-times-{times}.mjpeg", self.mount()), &once.repeat(times));
        Self { path: plain.clone(), plain, frames: self.frames * times }
    }

    /// Copies the frames of this clip into a file in `directory` that is a multipart message, as IP cameras
    /// send it over HTTP. In the returned clip, [`Self::path`] is that file, and [`Self::plain`] is the same
    /// as before.
    ///
    /// # Panics
    /// Panics if ffmpeg fails. It fails if `directory` has a file of that name already.
    pub fn in_multipart(self, directory: &TempDir) -> Self {
        let path = directory.path().join(self.mount()).with_extension("multipart");
        let mut command = ffmpeg();
        command.args(["-f", "mjpeg", "-i"]).arg(&self.plain);
        done(command.args(["-c", "copy", "-f", "mpjpeg"]).arg(&path));
        Self { path, ..self }
    }

    /// Makes pictures as libjpeg, cameras and phones write them. Returns one clip for each of `sizes`, which
    /// are widths and heights in pixels. A clip has 26 frames, or 7 frames if its pictures have more than
    /// 1,048,576 pixels. The script `tests/src/corpus.py` makes the frames, and describes each kind. In
    /// [`Self::plain`] of a clip, each picture has the same coefficients, but is coded in the usual way.
    ///
    /// A file `bad.mjpeg` is also written into `directory`. RTP/JPEG cannot carry its pictures.
    ///
    /// # Panics
    /// Panics if Pillow fails. First check with [`crate::peer::available`] for [`crate::peer::Peer::Pillow`].
    pub fn corpus(directory: &TempDir, sizes: &[(u32, u32)]) -> Vec<Self> {
        let mut command = Command::new(PYTHON);
        command.arg(repository().join("tests/src/corpus.py")).arg(directory.path());
        done(command.args(sizes.iter().map(|(width, height)| format!("{width}x{height}"))));
        let clip = |(width, height): &(u32, u32)| {
            let path = directory.path().join(format!("{width}x{height}.mjpeg"));
            let plain = directory.path().join(format!("{width}x{height}-plain.mjpeg"));
            // Large pictures take time to decode: a quarter of them.
            let frames = if width * height > 1 << 20 { 7 } else { 26 };
            Self { path, plain, frames }
        };
        sizes.iter().map(clip).collect()
    }

    /// Returns the name under which `pinhole-server` serves the clip: the name of the file without its
    /// extension. Pass it to [`crate::server::Server::url`].
    ///
    /// # Panics
    /// Panics if [`Self::path`] has no such name in UTF-8. The paths of all clips that the functions of
    /// [`Clip`] make have one.
    pub fn mount(&self) -> &str {
        self.path.file_stem().and_then(|stem| stem.to_str()).expect("a clip has a plain name")
    }
}

fn ffmpeg() -> Command {
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-v", "error"]);
    command
}

/// Makes `frames` frames of the sample clip, scaled to `height` pixels by the script that the README
/// names.
fn make(directory: &TempDir, name: &str, height: u32, frames: usize) {
    let mut command = Command::new(repository().join("video/make.sh"));
    command.args([
        "-r",
        "25",
        "-t",
        &(frames as f64 / 25.0).to_string(),
        "-s",
        &height.to_string(),
        "-n",
        name,
    ]);
    done(command.arg(Clip::sample().plain).arg(directory.path()));
}

fn done(command: &mut Command) {
    let done = run(command, Duration::from_secs(120)).expect("the tool runs");
    assert!(done.status.success(), "{command:?} failed:\n{}", done.stderr);
}

/// A temporary directory that nothing else uses. When this value is dropped, the directory is removed with
/// all files in it, so keep this value for as long as the files are needed.
#[derive(Debug)]
pub struct TempDir(PathBuf);

impl TempDir {
    /// Makes a new, empty directory in the system's directory for temporary files.
    ///
    /// # Panics
    /// Panics if the directory cannot be made.
    #[expect(clippy::new_without_default, reason = "it does I/O")]
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("pinhole-test-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).expect("a temporary directory can be made");
        Self(path)
    }

    /// Returns the absolute path of the directory.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file with this name and content into the directory. A file with the same name is replaced.
    /// Returns the path of the file.
    ///
    /// # Panics
    /// Panics if the file cannot be written, for example because `name` contains a directory that does not
    /// exist.
    pub fn file(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, content).expect("a temporary file can be written");
        path
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
