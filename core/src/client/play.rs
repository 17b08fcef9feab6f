//! The options of a PLAY request.
use crate::frame::Seek;
use crate::rtsp::{Position, Range, Scale, Speed};
use crate::text::{Emit, TextWriter};
use crate::time::MediaTime;
use embedded_io::Write;

/// Options of PLAY: where to play from, and how fast. Begin with the default, and change single fields.
/// By default, `from` is `None`, and the scale and the speed are 1.
///
/// A server may round the scale and the speed, or support neither: [`super::Event::Playing`] says which
/// values the server uses.
///
/// The time of a received frame says when to show the frame. These times start at the media time at which
/// the server says that it begins to play, and go forward by one second for each second of showing. At a
/// scale other than 1, they differ from the medium's own time, which goes `scale` times as fast.
///
/// At a speed above 1, frames arrive before the time to show them. If you show frames by their times, use a
/// sink that stores each frame until its time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct PlayOptions {
    /// The place to play from. With `None`, the medium continues where it was paused. If the medium was
    /// never played or has ended, `None` starts the medium at its beginning, or at its end if the scale is
    /// negative.
    pub from: Option<Seek>,
    /// How fast the medium's own time goes (RFC 2326, 12.34): 1 is normal, 2 is twice as fast, and a
    /// negative scale plays backwards.
    pub scale: Scale,
    /// How fast frames are delivered (RFC 2326, 12.35). At 1, frames are delivered as fast as they have to
    /// be shown; at 2, twice as fast. A server by GStreamer is always asked for speed 1, because another
    /// speed would make its RTP timestamps wrong.
    pub speed: Speed,
}

impl PlayOptions {
    /// Whether `other` already implies these options.
    pub(super) fn is_done_by(&self, other: &Self) -> bool {
        self.from.is_none() && (self.scale, self.speed) == (other.scale, other.speed)
    }
}

/// The Range of a PLAY request: to the end from somewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AskedRange {
    Now,
    From(MediaTime),
}

impl Emit for AskedRange {
    fn emit<W: Write>(&self, out: &mut TextWriter<W>) {
        match *self {
            Self::Now => Range { start: Some(Position::Now), end: None }.emit(out),
            // There are cameras that answer `npt=0-` with 200 and send nothing, and play `npt=0.000-`, which is
            // what FFmpeg asks for.
            Self::From(at) => {
                out.text("npt=");
                out.npt(at);
                out.text(if at.as_micros() % 1_000_000 == 0 { ".000-" } else { "-" });
            }
        }
    }
}
