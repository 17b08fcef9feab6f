//! The options of a PLAY request.
use crate::frame::Seek;
use crate::rtsp::{Scale, Speed};

/// Options of PLAY: where to play from, and how fast. Begin with the default, and change single fields.
/// By default, `from` is `None`, and the scale and the speed are 1.
///
/// A server may round the scale and the speed, or support neither: [`super::Event::Playing`] says which
/// values it uses.
///
/// The time of a received frame says when to show the frame. It starts at the media time from which the
/// server says that it plays, and goes forward at the usual rate. At a scale other than 1, it differs
/// from the medium's own time, which goes `scale` times as fast. At a speed above 1, frames arrive before
/// they are to be shown. A caller that shows frames by their times then needs a sink that stores them
/// until then.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct PlayOptions {
    /// The place to play from. `None` continues where the medium was paused. If it was never played or
    /// has ended, `None` starts at its beginning, or at its end if the scale is negative.
    pub from: Option<Seek>,
    /// How fast the medium's own time goes (RFC 2326, 12.34): 1 is normal, 2 is twice as fast, and a
    /// negative scale plays backwards.
    pub scale: Scale,
    /// How fast frames are delivered in comparison with how they are to be shown (RFC 2326, 12.35): 1 is
    /// normal, and 2 delivers them twice as fast. Servers by GStreamer are not asked for another speed
    /// than 1, because it would make their RTP timestamps wrong.
    pub speed: Speed,
}

impl PlayOptions {
    /// Whether `other` already implies these options.
    pub(super) fn is_done_by(&self, other: &Self) -> bool {
        self.from.is_none() && (self.scale, self.speed) == (other.scale, other.speed)
    }
}
