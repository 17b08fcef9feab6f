//! What a reader of a store needs next.
use super::{FrameId, TrackId};
use crate::time::Instant;

/// The frame that a sender needs next. [`Sender::wanted`](crate::rtp::Sender::wanted) returns it. Use it if your
/// store has to read or decode frames before it can return them: it says which frame to prepare, and by when. A
/// [`FramePool`](super::FramePool) learns from it which frames to keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Want {
    /// The track of the frame.
    pub track: TrackId,
    /// The number of the frame. Frames that come before it in the direction of play are not needed any more.
    pub frame: FrameId,
    /// When the frame is due, on the clock of the times that were passed to the sender. [`Instant::ZERO`]
    /// means that the frame is wanted at once, because the schedule waits for that frame.
    pub by: Instant,
    /// Is true if the track is played backwards. If this is true, the frames that are needed after
    /// [`Self::frame`] have lower numbers than that frame. If this is false, they have higher numbers.
    pub backwards: bool,
    /// If a part of the frame was sent, the time until which the store should keep the frame for the rest:
    /// [`SenderConfig::late`](crate::rtp::SenderConfig::late) after its first packet was sent. `None` if nothing
    /// of the frame was sent yet. If the store drops the frame before, the receiver gets a damaged one.
    pub held_until: Option<Instant>,
}
