//! Decoded pictures, and when they are shown.
use super::MediaAxis;
use crate::pixels::Pixels;
use pinhole::frame::FrameId;
use pinhole::time::{Duration as MediaDuration, MediaTime};
use std::time::{Duration, Instant};

/// Which frame is shown, when, and how long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Presentation {
    /// The frame's number in its track.
    pub(crate) id: FrameId,
    /// When the frame is shown, in the times of the source.
    pub(crate) time: MediaTime,
    /// How these correspond to the times of the medium.
    pub(crate) axis: MediaAxis,
    /// For how long the frame is shown; zero if that is not known.
    pub(crate) duration: MediaDuration,
    /// When the frame is due, in the player's time.
    pub(crate) due: Duration,
    /// How long after `due` the frame counts as late; `None` if its lateness is not counted.
    pub(crate) late_after: Option<Duration>,
    /// The playhead's generation when the frame was scheduled. Frames of an older generation than
    /// the playhead's are not shown.
    pub(crate) generation: u64,
}

/// A frame that has come onto the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    /// The frame's number in its track.
    pub(crate) id: FrameId,
    /// As [`Presentation::generation`]. In another generation, the player has moved elsewhere.
    pub(crate) generation: u64,
}

/// A decoded frame.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Picture {
    /// Which frame it is, and when it is shown.
    pub(crate) presentation: Presentation,
    /// When the frame arrived, if that is known.
    pub(crate) arrived: Option<Instant>,
    /// Width in pixels; not zero.
    pub(crate) width: u32,
    /// Height in pixels; not zero.
    pub(crate) height: u32,
    /// Rows from the top down, `0x00RRGGBB`.
    pub(crate) pixels: Pixels,
}
