//! Waits for what a disk may never do.
use super::recorded::{Indexing, Watch};
use std::io;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

/// Runs `job` on a thread of its own, and returns what it returns. `watch` is called here with what the job
/// tells. Blocks until the job is done. If the job tells nothing for `patience`, its thread is left behind. With
/// [`Duration::MAX`], there is no other thread.
///
/// # Errors
/// `TimedOut` after so long a silence; the system has no more threads.
pub(super) fn wait_for<T: Send + 'static>(
    patience: Duration,
    watch: Watch<'_>,
    job: impl FnOnce(Watch<'_>) -> T + Send + 'static,
) -> io::Result<T> {
    if patience == Duration::MAX {
        return Ok(job(watch));
    }
    let (sender, steps) = channel::<(PathBuf, Indexing<'static>)>();
    let thread = thread::Builder::new().name("index".into()).spawn(move || {
        job(&mut |step| {
            // Fails only where nobody waits any more.
            let _ = sender.send((step.path.to_owned(), Indexing { path: Path::new(""), ..step }));
        })
    })?;
    loop {
        match steps.recv_timeout(patience) {
            Ok((path, step)) => watch(Indexing { path: &path, ..step }),
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {
                let reason = format!("its disk hangs: nothing was read for {} s", patience.as_secs());
                return Err(io::Error::new(io::ErrorKind::TimedOut, reason));
            }
        }
    }
    thread.join().or_else(|panic| resume_unwind(panic))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::Receiver;

    fn step() -> Indexing<'static> {
        Indexing { path: Path::new("a"), done: 1, of: 2, frames: 1 }
    }

    fn hang(until: &Receiver<()>) {
        assert!(until.recv().is_err());
    }

    #[test]
    fn a_job_that_goes_on_is_waited_for() {
        let mut told = 0;
        let patience = Duration::from_secs(30);
        let done = wait_for(patience, &mut |_| told += 1, |tell| {
            (0..3).for_each(|_| tell(step()));
            7
        });
        assert_eq!((done.unwrap(), told), (7, 3));
    }

    #[test]
    fn a_job_that_hangs_is_left_behind() {
        let (hold, until) = channel();
        let mut told = 0;
        let hanging = wait_for(Duration::from_millis(50), &mut |_| told += 1, move |tell| {
            tell(step());
            hang(&until);
        });
        assert_eq!((hanging.unwrap_err().kind(), told), (io::ErrorKind::TimedOut, 1));
        drop(hold);
    }
}
