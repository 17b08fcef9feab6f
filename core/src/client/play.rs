//! What is asked of a PLAY.
use crate::frame::Seek;
use crate::rtsp::{Scale, Speed};

/// Where to play from, and how fast.
///
/// A server may round scale and speed, or know neither; [`super::Event::Playing`] tells what it
/// does. Frames come with the time at which they are to be shown: the media time that the PLAY
/// started at, as the server told it, and from there on the time that it is played for, which always
/// goes forward and at the usual rate. At a scale other than 1 that is not the medium's own time,
/// which goes by so many times as fast. At a speed above 1 frames come before they are to be shown:
/// who plays them by their times needs a sink that holds what is ahead.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct PlayOptions {
    /// From where; `None`: where it was paused, or from the start (at a negative scale, the end).
    pub from: Option<Seek>,
    /// How fast the medium is to go by (RFC 2326, 12.34).
    pub scale: Scale,
    /// How much sooner than they are shown frames are to come (RFC 2326, 12.35).
    pub speed: Speed,
}

impl PlayOptions {
    /// Who does what `other` says does this already.
    pub(super) fn is_done_by(&self, other: &Self) -> bool {
        self.from.is_none() && (self.scale, self.speed) == (other.scale, other.speed)
    }
}
