//! What is told of the media of a library.
use super::super::medium::Medium;
use crate::authority::Authority;
use pinhole::sdp::FrameRate;
use std::fmt::Write;
use std::net::SocketAddr;
use std::path::PathBuf;

/// The entries of a directory that are not served because of what they are: files whose names have none of the
/// endings of media, hidden files, and directories. [`Library::ignored`](super::Library::ignored) returns them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ignored {
    /// The path of the directory.
    pub directory: PathBuf,
    /// The number of entries.
    pub count: usize,
    /// The paths of the first 1,000 entries, in the natural order of their names.
    pub paths: Vec<PathBuf>,
}

impl Ignored {
    pub(super) const PATHS_MAX: usize = 1000;
}

/// A description of one medium of a library, from [`Library::mounted`](super::Library::mounted).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mounted<'a> {
    /// The path of the medium in its URL, without the leading slash. It is not percent-encoded.
    pub mount: &'a str,
    /// The width and height of a frame in pixels: of the first frame of a recorded medium or a test
    /// pattern, and of the newest frame of a live input. `None` if a live input has no frame yet, or if the
    /// first frame of a recorded medium cannot be sent.
    pub size: Option<(u16, u16)>,
    /// Whether it is a source of the network: see [`Library::add_source`](super::Library::add_source).
    pub source: bool,
    /// The number of frames of a recorded medium when it is played once. Frames that were left out do not
    /// count. For a test pattern, this is the number of frames in its loop. `None` for a live input.
    pub frames: Option<u64>,
    /// The frame rate of the medium's own clock, by which it is played whatever [`Playback::frame_rate`](super::Playback::frame_rate) says. If
    /// its frames are not equally far apart, this is their rate on average. `None` if the medium has no clock of its own.
    pub own_rate: Option<FrameRate>,
    /// How many of the frames in [`Self::frames`] are re-coded without loss before they are sent. The number
    /// is an estimate from the headers of the frames. 0 for live inputs and test patterns.
    pub recoded: u64,
    /// How many of the frames in [`Self::frames`] are decoded and encoded anew before they are sent: see
    /// [`NormaliseOptions::transcode`](super::super::NormaliseOptions::transcode). The number is an estimate from the headers of the frames. 0 for live
    /// inputs and test patterns.
    pub transcoded: u64,
}

impl<'a> Mounted<'a> {
    pub(super) fn of(mount: &'a str, medium: &Medium) -> Self {
        let (recoded, transcoded) = match medium {
            Medium::Recorded(recorded) => recorded.index().to_change(),
            _ => (0, 0),
        };
        Self {
            mount,
            size: medium.size(),
            source: matches!(medium, Medium::Live(live) if live.demand().is_some()),
            frames: medium.frames(),
            own_rate: medium.own_rate(),
            recoded,
            transcoded,
        }
    }

    /// Returns the URL of the medium at a server with this address, as [`Authority`] writes it. The path is
    /// percent-encoded.
    pub fn url(&self, address: SocketAddr) -> String {
        format!("rtsp://{}{}", Authority(address), self.path())
    }

    /// Returns the path of the medium as it is in URLs: with a slash before it, and percent-encoded.
    pub(crate) fn path(&self) -> String {
        let mut path = String::from("/");
        for byte in self.mount.bytes() {
            match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                    path.push(char::from(byte));
                }
                // A string takes all that is written.
                byte => drop(write!(path, "%{byte:02X}")),
            }
        }
        path
    }
}
