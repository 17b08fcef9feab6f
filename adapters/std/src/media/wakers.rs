//! The event loops that wait for media.
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Waker;

/// The wakers of all event loops that serve a library. Empty before there is a server.
#[derive(Clone, Debug, Default)]
pub(super) struct Wakers(Arc<Mutex<Vec<Waker>>>);

impl Wakers {
    pub(super) fn add(&self, waker: Waker) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(waker);
    }

    /// Wakes all of them.
    pub(super) fn wake(&self) {
        for waker in self.0.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            waker.wake_by_ref();
        }
    }
}
