//! Which frame is shown when.

pub(crate) mod clock;
pub(crate) mod playhead;
pub(crate) mod schedule;
pub(crate) mod selection;
