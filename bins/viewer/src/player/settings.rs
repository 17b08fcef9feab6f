//! How to play a stream.
use crate::output::recording::{Feed, Recording};
use crate::pixels::PixelPool;
use crate::playback::playout::Latency;
use crate::playback::selection::DecodePolicy;
use pinhole_std::client::Credentials;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How to play a stream.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// What is played, as it is shown: see [`Model::url`](crate::model::Model::url).
    pub(crate) url: String,
    /// Which frames are decoded.
    pub(crate) decode: DecodePolicy,
    /// What follows the last frame.
    pub(crate) at_end: AtEnd,
    /// How much media time of a recorded medium is cached before it plays.
    pub(crate) prebuffer: Duration,
    /// How late a live medium is shown.
    pub(crate) latency: Latency,
    /// The memory that decoded pictures may take.
    pub(crate) pixels: PixelPool,
    /// Bytes of coded frames that may wait for the decoder, unless two frames take more.
    pub(crate) coded_ahead: usize,
    /// The user name and password with which to log in at first.
    pub(crate) credentials: Option<Credentials>,
    /// The user name to propose to the user; empty if there is none.
    pub(crate) user: String,
    /// Whether the user can be asked for a user name and a password.
    pub(crate) asks: bool,
    /// Whether to reconnect when the connection is lost.
    pub(crate) reconnect: bool,
    /// Whether to try again if the stream cannot be had at first.
    pub(crate) insist: bool,
    /// The file to which received frames are recorded.
    pub(crate) record: Option<PathBuf>,
    /// The options of the command line that a live medium ignores.
    pub(crate) for_recorded: Vec<&'static str>,
    /// Starts a recording: [`Recording::start`], or a stand-in for a disk in tests.
    pub(crate) start_recording: fn(&Path, u8, Feed) -> io::Result<Recording>,
}

/// What follows the last frame of a medium.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AtEnd {
    /// The session ends.
    Stop,
    /// The last frame stays until the user wants something else.
    Stay,
    /// The medium is played again.
    Repeat,
}
