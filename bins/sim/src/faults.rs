//! Faults of a link.
use pinhole::time::Duration;

/// The faults of one direction of a link. The default has none. Shares are from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Faults {
    /// The share of frames that are lost, from 0 to 1.
    pub loss: f64,
    /// The average number of frames lost in a row (Gilbert's model). With 1 or less, losses are
    /// independent of each other.
    pub burst: f64,
    /// The share of IP packets in which one byte is changed.
    pub corrupt: f64,
    /// The share of frames that arrive twice, from 0 to 1.
    pub duplicate: f64,
    /// The share of frames that arrive after up to three later ones.
    pub reorder: f64,
    /// How long each frame travels.
    pub delay: Duration,
    /// The most that is added to the travel time of a frame. The order stays.
    pub jitter: Duration,
    /// The bit rate in bits per second. `None`: unlimited.
    pub rate: Option<u64>,
    /// The longest time that a frame waits for the link to be free. A frame that would wait longer is
    /// lost.
    pub queue: Duration,
}

impl Faults {
    /// No faults: every frame is delivered at once.
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
