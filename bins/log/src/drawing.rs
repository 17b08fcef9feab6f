//! Something that is drawn again and again, such as a progress bar.
use crate::FAREWELL;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

/// Draws the newest of several values, on a thread of its own: the terminal may have been stopped. Values
/// that come faster than they can be drawn are passed over.
#[derive(Debug)]
pub struct Drawing<T> {
    shared: Arc<Shared<T>>,
}

#[derive(Debug)]
struct Shared<T> {
    next: Mutex<Next<T>>,
    changed: Condvar,
}

#[derive(Debug)]
struct Next<T> {
    value: Option<T>,
    /// Whether no value follows.
    ended: bool,
    /// Whether the thread has drawn for the last time.
    done: bool,
}

impl<T: Send + 'static> Drawing<T> {
    /// Starts the thread, which calls `draw` with each value, and with `None` at the end, to remove what it
    /// has drawn.
    ///
    /// # Errors
    /// The system has no more threads.
    pub fn start(mut draw: impl FnMut(Option<T>) + Send + 'static) -> io::Result<Self> {
        let next = Next { value: None, ended: false, done: false };
        let shared = Arc::new(Shared { next: Mutex::new(next), changed: Condvar::new() });
        let drawing = Self { shared: Arc::clone(&shared) };
        thread::Builder::new().name("drawing".into()).spawn(move || {
            while let Some(value) = shared.take() {
                draw(Some(value));
            }
            draw(None);
            shared.lock().done = true;
            shared.changed.notify_all();
        })?;
        Ok(drawing)
    }

    /// Has a value drawn soon, and does not wait for that.
    pub fn show(&self, value: T) {
        self.shared.lock().value = Some(value);
        self.shared.changed.notify_all();
    }

    /// Has the drawing removed, and waits for that at most a second.
    pub fn finish(self) {
        let mut next = self.shared.lock();
        next.ended = true;
        self.shared.changed.notify_all();
        drop(self.shared.changed.wait_timeout_while(next, FAREWELL, |next| !next.done));
    }
}

impl<T> Shared<T> {
    /// Waits for a value; `None` if none follows.
    fn take(&self) -> Option<T> {
        let waits = |next: &mut Next<T>| next.value.is_none() && !next.ended;
        let next = self.changed.wait_while(self.lock(), waits);
        let mut next = next.unwrap_or_else(PoisonError::into_inner);
        if next.ended { None } else { next.value.take() }
    }

    fn lock(&self) -> MutexGuard<'_, Next<T>> {
        self.next.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::time::Duration;

    #[test]
    fn values_are_drawn_until_the_end() {
        let (to, drawn) = mpsc::channel();
        let drawing = Drawing::start(move |value| {
            let _ = to.send(value);
        })
        .unwrap();
        drawing.show(7);
        assert_eq!(drawn.recv_timeout(Duration::from_secs(20)), Ok(Some(7)));
        drawing.finish();
        assert_eq!(drawn.recv_timeout(Duration::from_secs(20)), Ok(None));
    }

    #[test]
    fn nobody_waits_for_a_stopped_terminal() {
        let (release, stopped) = mpsc::channel::<()>();
        let drawing = Drawing::start(move |_: Option<u32>| {
            let _ = stopped.recv();
        })
        .unwrap();
        let (done, is_done) = mpsc::channel();
        thread::spawn(move || {
            (0..100_000).for_each(|n| drawing.show(n));
            drawing.finish();
            let _ = done.send(());
        });
        assert_eq!(is_done.recv_timeout(Duration::from_secs(30)), Ok(()));
        drop(release);
    }
}
