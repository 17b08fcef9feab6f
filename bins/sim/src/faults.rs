//! Faults of a link.
use pinhole::time::Duration;

/// The faults of one direction of a link. The default is [`Self::NONE`]: start with that, and set the
/// fields that differ. Shares are from 0, for never, to 1, for always.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Faults {
    /// The share of frames that are lost, from 0 to 1.
    pub loss: f64,
    /// The average number of frames lost in a row (Gilbert's model). With 1 or less, losses are independent
    /// of each other, and also if `loss` is 0 or 1.
    pub burst: f64,
    /// The share of IP packets in which one byte is changed, from 0 to 1. Frames that hold no IP packet
    /// stay as they are.
    pub corrupt: f64,
    /// The share of frames that arrive twice, from 0 to 1.
    pub duplicate: f64,
    /// The share of frames that are held back, from 0 to 1, until one to three later frames have overtaken
    /// them, or for 10 milliseconds.
    pub reorder: f64,
    /// How long each frame travels, after it has left.
    pub delay: Duration,
    /// The most that is added to the travel time of a frame, at random. Frames do not overtake each other
    /// by it.
    pub jitter: Duration,
    /// The bit rate in bits per second, by which frames leave one after another. The link-layer header
    /// counts, the preamble and the checksum of Ethernet do not. `None` or 0: unlimited.
    pub rate: Option<u64>,
    /// The longest time that a frame waits for the link to be free. A frame that would wait longer is lost.
    /// This has no effect without a `rate`.
    pub queue: Duration,
}

impl Faults {
    /// No faults: every frame is delivered at once, in order. The queue has 100 milliseconds, for when a
    /// rate is set.
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
