//! The options of a PLAY request.
use crate::frame::Seek;
use crate::rtsp::{Scale, Speed};

/// Options of PLAY: where to play from, and how fast.
///
/// A server may round the scale and the speed, or support neither; [`super::Event::Playing`] says what
/// it does. The time of a received frame is when to show it: it starts at the media time from which the
/// server says that it plays, and goes forward at the usual rate. At a scale other than 1 this differs
/// from the medium's own time, which goes `scale` times as fast. At a speed above 1, frames come before
/// their time, so a caller that shows them by their times needs a sink that stores them until then.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct PlayOptions {
    /// The place to play from. `None` continues where the medium was paused, or starts at its beginning
    /// (at its end if the scale is negative).
    pub from: Option<Seek>,
    /// How fast the medium's own time goes: 1 is normal, a negative scale plays backwards
    /// (RFC 2326, 12.34).
    pub scale: Scale,
    /// How many times faster than they are shown frames are delivered (RFC 2326, 12.35).
    pub speed: Speed,
}

impl PlayOptions {
    /// Whether `other` already implies these options.
    pub(super) fn is_done_by(&self, other: &Self) -> bool {
        self.from.is_none() && (self.scale, self.speed) == (other.scale, other.speed)
    }
}
