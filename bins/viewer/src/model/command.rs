//! Commands of the user.
use pinhole::time::MediaTime;
use pinhole_std::client::Credentials;
use std::path::PathBuf;

/// What the user wants of the player.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Command {
    /// Holds the picture, or plays on. At the end of a medium: plays it again.
    Toggle,
    /// Holds the picture, and shows the next frame.
    StepForward,
    /// Holds the picture, and shows the frame before.
    StepBack,
    /// Plays on this many seconds later, or earlier if negative.
    Jump(f64),
    /// Plays on at this time. Of several in a row, such as while the pointer drags, only the last
    /// counts.
    Seek(MediaTime),
    /// Plays on at the live edge.
    GoLive,
    /// Sets how much media time passes in a second of playing: 0.25 to 4 times as much as the server plays in
    /// a second. The direction stays.
    Rate(f64),
    /// Starts to record what is shown to this file; `None` stops recording.
    Record(Option<PathBuf>),
    /// Answers [`Activity::LoggingIn`](super::Activity::LoggingIn); `None` gives up.
    LogIn(Option<Credentials>),
    /// Ends the session.
    Stop,
}
