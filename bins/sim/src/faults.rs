//! Faults of a link.
use pinhole::time::Duration;

/// The faults of one direction of a link. The default is [`Self::NONE`]: start with that, and set the
/// fields that differ. Shares are from 0, for never, to 1, for always.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Faults {
    /// The share of frames that are lost, from 0 to 1.
    pub loss: f64,
    /// The average number of frames that are lost in a row (Gilbert's model). If this is 1 or less, or if
    /// `loss` is 0 or 1, the losses are independent of each other.
    pub burst: f64,
    /// The share of IP packets in which one byte is changed, from 0 to 1. Frames that hold no IP packet
    /// stay as they are.
    pub corrupt: f64,
    /// The share of frames that arrive twice, from 0 to 1.
    pub duplicate: f64,
    /// The share of frames that are held back, from 0 to 1. A frame is held back until one to three later
    /// frames have overtaken it, but for no longer than 10 milliseconds.
    pub reorder: f64,
    /// How long each frame travels, counted from the moment when it leaves the sender.
    pub delay: Duration,
    /// The most that is added at random to the travel time of a frame. This does not make a frame overtake
    /// an earlier one.
    pub jitter: Duration,
    /// The bit rate of the link in bits per second, at which frames leave one after another. The bytes of
    /// the link-layer header are counted; the preamble and the checksum of Ethernet are not. With `None` or
    /// 0, the rate is unlimited.
    pub rate: Option<u64>,
    /// The longest time that a frame waits until the link is free. A frame that would have to wait longer
    /// is lost. If `rate` is `None` or 0, no frame waits.
    pub queue: Duration,
}

impl Faults {
    /// No faults: every frame is delivered at once and in order. [`Self::queue`] is 100 milliseconds, which
    /// has an effect once a [`Self::rate`] is set.
    pub const NONE: Self = Self {
        loss: 0.0,
        burst: 1.0,
        corrupt: 0.0,
        duplicate: 0.0,
        reorder: 0.0,
        delay: Duration::ZERO,
        jitter: Duration::ZERO,
        rate: None,
        queue: Duration::from_millis(100),
    };
}

impl Default for Faults {
    fn default() -> Self {
        Self::NONE
    }
}
