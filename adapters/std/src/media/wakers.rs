//! What wakes the event loops of a server.
use mio::Waker;
use std::sync::{Arc, Mutex, PoisonError};

/// The wakers of all loops that serve a library; none before there is a server.
#[derive(Clone, Debug, Default)]
pub(super) struct Wakers(Arc<Mutex<Vec<Arc<Waker>>>>);

impl Wakers {
    pub(super) fn add(&self, waker: &Arc<Waker>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(waker.clone());
    }

    pub(super) fn wake(&self) {
        for waker in self.0.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            // Fails only where the loop is gone.
            let _ = waker.wake();
        }
    }
}
