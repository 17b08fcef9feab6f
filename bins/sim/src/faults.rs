//! What can be wrong with a link.
use pinhole::time::Duration;

/// What one direction of a link does to the frames that are sent over it. The default is no harm.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Faults {
    /// The share of frames that is lost, from 0 to 1.
    pub loss: f64,
    /// How many frames in a row are lost on average (Gilbert's model); at 1 or less each is lost, or
    /// not, on its own.
    pub burst: f64,
    /// The share of IP packets in which some bits of one byte are changed.
    pub corrupt: f64,
    /// The share of frames that come twice.
    pub duplicate: f64,
    /// The share of frames that come behind up to three later ones.
    pub reorder: f64,
    /// How long each frame travels.
    pub delay: Duration,
    /// By how much that varies, upwards. Frames stay in their order.
    pub jitter: Duration,
    /// Bits a second. `None`: as many as come.
    pub rate: Option<u64>,
    /// How long a frame waits at most for its turn at that rate: those that would wait longer are lost.
    pub queue: Duration,
}

impl Faults {
    /// A link that delivers every frame at once.
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
