//! Which frames of a medium are lost.
use super::super::problem::Problem;
use super::super::recorded::Recorded;
use std::sync::Arc;

/// Tells how many frames of a recorded medium cannot be sent, also while a server plays it. A clone tells of the same
/// medium. [`Library::losses`](super::Library::losses) returns it.
#[derive(Clone, Debug)]
pub struct Losses(pub(super) Arc<Recorded>);

impl Losses {
    /// Returns how many frames could not be read or sent when they were last tried, and what was wrong with the
    /// newest such frame. Frames that were not tried do not count. `None` if there is no such frame.
    pub fn newest(&self) -> Option<(u64, Problem)> {
        self.0.index().losses()
    }
}
