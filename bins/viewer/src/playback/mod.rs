//! Which frame is shown when.
//!
//! The [`playhead`] is a place in the cache that moves on. It gives each frame its time by a
//! [`schedule`], in the time of a [`clock`] that stands while the picture does; at the live edge, by a
//! [`playout`], which buffers as much as jitter makes necessary. A [`selection`] picks the frames that are
//! decoded.
pub(crate) mod clock;
pub(crate) mod playhead;
pub(crate) mod playout;
mod schedule;
pub(crate) mod selection;
