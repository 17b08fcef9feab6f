//! A bound for the memory of transcoding, of which only an estimate is known.
use super::super::memory::{NoMemory, default_cache, is_available};
use std::sync::{Condvar, LazyLock, Mutex, MutexGuard, PoisonError};

/// The memory that all threads together may use at the same time, by their estimates.
#[derive(Debug)]
pub(super) struct Workspace {
    most: usize,
    claimed: Mutex<usize>,
    freed: Condvar,
}

/// The right to memory of a [`Workspace`], until this is dropped.
#[derive(Debug)]
pub(super) struct Claim<'a> {
    workspace: &'a Workspace,
    bytes: usize,
}

impl Workspace {
    /// Returns the workspace that all threads of this process share: half of the memory that the process may use, which
    /// is twice the default cache.
    pub(super) fn of_process() -> &'static Self {
        static ALL: LazyLock<Workspace> = LazyLock::new(|| Workspace::new(default_cache().saturating_mul(2)));
        &ALL
    }

    const fn new(most: usize) -> Self {
        Self { most, claimed: Mutex::new(0), freed: Condvar::new() }
    }

    /// Claims `bytes`. Blocks until other claims leave room for them.
    ///
    /// # Errors
    /// The workspace is smaller than `bytes`, or this process cannot allocate all that is claimed.
    pub(super) fn claim(&self, bytes: usize) -> Result<Claim<'_>, NoMemory> {
        if bytes > self.most {
            return Err(NoMemory);
        }
        let room = self.most - bytes;
        let claimed = self.freed.wait_while(self.claimed(), |claimed| *claimed > room);
        let mut claimed = claimed.unwrap_or_else(PoisonError::into_inner);
        // Of what others have claimed, they may have taken nothing yet.
        let all = *claimed + bytes;
        if !is_available(all) {
            return Err(NoMemory);
        }
        *claimed = all;
        drop(claimed);
        Ok(Claim { workspace: self, bytes })
    }

    fn claimed(&self) -> MutexGuard<'_, usize> {
        self.claimed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        *self.workspace.claimed() -= self.bytes;
        self.workspace.freed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::thread;
    use std::time::Duration;

    #[test]
    fn work_waits_for_room_and_is_refused_if_there_never_is() {
        let workspace = Arc::new(Workspace::new(10));
        assert_eq!(workspace.claim(11).unwrap_err(), NoMemory);
        let (first, second) = (workspace.claim(6).unwrap(), workspace.claim(4).unwrap());
        let waits = thread::spawn({
            let workspace = workspace.clone();
            move || workspace.claim(5).map(|claim| claim.bytes)
        });
        drop(second);
        thread::sleep(Duration::from_millis(20));
        assert!(!waits.is_finished(), "4 of 10 are free");
        drop(first);
        assert_eq!(waits.join().unwrap(), Ok(5));
        assert_eq!(*workspace.claimed(), 0);
    }
}
