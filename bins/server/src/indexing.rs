//! Tells how far media are read, and which one is waited for.
use pinhole_std::media::Indexing;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

/// How often it is told how far the media are indexed that take so long.
const PROGRESS: Duration = Duration::from_secs(2);

/// What is told while a file or directory is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// How far it is read.
    Progress(Seen),
    /// That nothing has come of it for so long: its disk hangs, or is slow.
    Waiting(PathBuf, Duration),
}

/// How far a file or directory is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) path: PathBuf,
    /// Bytes or pictures that were read.
    pub(crate) done: u64,
    /// Bytes or pictures in all.
    pub(crate) of: u64,
    /// Frames that were found.
    pub(crate) frames: u64,
}

/// Calls `read`, which reads a file or directory. Calls `tell`, on another thread, every two seconds in which something was
/// read, and ever more seldom while nothing comes. Returns what `read` returns.
///
/// # Errors
/// The system has no more threads.
pub(crate) fn read<R>(
    path: &Path,
    tell: impl FnMut(Told) + Send + 'static,
    read: impl FnOnce(&mut dyn FnMut(Indexing<'_>)) -> R,
) -> io::Result<R> {
    let watch = watch(path, PROGRESS, tell)?;
    Ok(read(&mut |Indexing { path, done, of, frames, .. }| {
        // Fails only if the thread has died.
        let _ = watch.send(Seen { path: path.to_owned(), done, of, frames });
    }))
}

/// Starts to watch how far `path` is read, which the returned sender is told. Ends when that is dropped.
fn watch(
    path: &Path,
    progress: Duration,
    mut tell: impl FnMut(Told) + Send + 'static,
) -> io::Result<Sender<Seen>> {
    let (sender, receiver) = channel::<Seen>();
    let mut path = path.to_owned();
    thread::Builder::new().name("progress".into()).spawn(move || {
        let (mut newest, mut moved, mut wait) = (None, Instant::now(), progress);
        let mut due = moved + progress;
        loop {
            match receiver.recv_timeout(due.saturating_duration_since(Instant::now())) {
                Ok(seen) => {
                    newest = Some(seen);
                    (moved, wait) = (Instant::now(), progress);
                    due = due.min(moved + progress);
                }
                Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {
                    match newest.take() {
                        Some(seen) => {
                            path.clone_from(&seen.path);
                            tell(Told::Progress(seen));
                            wait = progress;
                        }
                        None => {
                            tell(Told::Waiting(path.clone(), moved.elapsed()));
                            wait *= 2;
                        }
                    }
                    due = Instant::now() + wait;
                }
            }
        }
    })?;
    Ok(sender)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::Receiver;

    const LIMIT: Duration = Duration::from_secs(30);

    /// Waits until something is told that `is_right`.
    fn until(told: &Receiver<Told>, is_right: impl Fn(&Told) -> bool) {
        while !is_right(&told.recv_timeout(LIMIT).expect("it is told")) {}
    }

    #[test]
    fn a_disk_that_hangs_at_the_start_is_told() {
        let (sender, told) = channel();
        let tell = move |what| {
            let _ = sender.send(what);
        };
        let watch = watch(Path::new("hangs"), Duration::from_millis(5), tell).unwrap();
        // Nothing is read at all.
        for _ in 0..3 {
            until(&told, |told| matches!(told, Told::Waiting(path, _) if path == "hangs"));
        }
        // Something is read, and then nothing any more.
        let seen = Seen { path: "hangs/a.avi".into(), done: 1, of: 9, frames: 1 };
        watch.send(seen.clone()).unwrap();
        until(&told, |told| *told == Told::Progress(seen.clone()));
        until(&told, |told| matches!(told, Told::Waiting(path, _) if *path == seen.path));
        drop(watch);
        // The thread ends.
        while told.recv_timeout(LIMIT).is_ok() {}
        assert!(told.recv().is_err());
    }
}
