//! What a [`Prefetch`](super::Prefetch) is configured with, and what it asks of its caller.
use super::play::PlayOptions;
use crate::rtsp::Speed;

/// Options of a [`Prefetch`](super::Prefetch): how much of each track's
/// [`FrameRing`](crate::frame::FrameRing) is fetched ahead of the viewer, and how fast. The share of a ring
/// that is taken is measured in percent of its bytes and in percent of its slots. The larger of the two
/// shares counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct PrefetchOptions {
    /// The share of a ring, in percent, at which the server is paused. The server is paused as soon as the
    /// frames that the viewer has not read yet take this share or more of the ring of any watched track.
    /// With a value over 100, the server is paused only when a frame does not fit.
    pub high: u8,
    /// The share of a ring, in percent, at which the server plays again. The server plays again as soon as
    /// the frames that the viewer has not read yet take this share or less of a ring. If several tracks are
    /// fetched together, this must be so for all of their rings, or the viewer must have read all frames of
    /// one ring. Choose a value below [`Self::high`]; otherwise the server may be asked to pause and to
    /// play again for every few frames.
    pub low: u8,
    /// The speed at which the server is asked to deliver a recorded medium. At 2, the medium is fetched
    /// twice as fast as it is shown. This speed is asked for in place of speed 1 if the caller asks for
    /// scale 1 and speed 1. A server may deliver more slowly than it was asked to.
    pub speed: Speed,
}

impl Default for PrefetchOptions {
    /// Returns 75 % for `high`, 50 % for `low`, and a speed of 2.
    fn default() -> Self {
        Self { high: 75, low: 50, speed: Speed::from_thousandths(2_000).unwrap_or_default() }
    }
}

/// What the caller has to do. [`Prefetch::poll`](super::Prefetch::poll) returns it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum PrefetchAction {
    /// Call [`super::ClientConn::pause`]. Do not call [`Prefetch::hold`](super::Prefetch::hold), which is
    /// only for pauses that the caller decides by itself.
    Pause,
    /// Call [`super::ClientConn::play_with`] with these options. Do not call
    /// [`Prefetch::play`](super::Prefetch::play), which is only for requests that the caller decides by
    /// itself.
    Play(PlayOptions),
    /// All frames that will come are in the rings. Let the viewer read all of these frames; ask nothing of
    /// the server. If the medium is fetched ahead, this comes in place of
    /// [`Event::Ended`](super::Event::Ended).
    Ended,
}
