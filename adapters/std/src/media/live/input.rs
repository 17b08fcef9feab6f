//! The two threads of a live input.
//!
//! One does nothing but read, so that an input is read as fast as it comes and each frame gets its true
//! time. The other normalises. Frames that it cannot keep up with are dropped, the oldest first.
use super::super::foreign;
use super::super::memory::{self, NoMemory};
use super::super::normalise::{NormaliseOptions, Normalised, Normaliser};
use super::super::problem::Problem;
use super::events::{InputTrouble, Junk};
use super::extraction::{Extraction, Part};
use super::stream::Feed;
use crate::clock::Clock;
use pinhole::text::Count;
use pinhole::time::Instant;
use std::collections::VecDeque;
use std::io::{self, Read};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

/// The most frames that wait to be normalised. An encoder may write as many in one piece.
const WAITING: usize = 8;
const CHUNK: usize = 64 << 10;

/// The reading thread.
pub(super) struct Input {
    name: String,
    clock: Clock,
    waiting: Arc<Waiting>,
    frames: u64,
    /// The number of bytes that came.
    bytes: u64,
}

/// A frame as it was read.
struct Raw {
    number: u64,
    /// Its offset in the input.
    start: u64,
    data: Box<[u8]>,
    at: Instant,
}

/// The frames between the two threads.
#[derive(Default)]
struct Waiting {
    backlog: Mutex<Backlog>,
    changed: Condvar,
}

#[derive(Default)]
struct Backlog {
    frames: VecDeque<Raw>,
    trouble: InputTrouble,
    /// Why there was no frame in the whole input.
    nothing: Option<String>,
    /// Whether the input has ended, or nobody takes its frames any more.
    over: bool,
}

impl Backlog {
    /// Whether there is a frame or trouble to take.
    fn has_something(&self) -> bool {
        !self.frames.is_empty() || self.trouble != InputTrouble::default()
    }
}

/// Ends the input when this is dropped, however its thread ends: the other one would wait for ever.
struct Closing(Arc<Waiting>);

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl Input {
    /// Starts both threads, which keep `feed` until the input ends.
    ///
    /// # Errors
    /// The system refuses a thread.
    pub(super) fn start(
        name: &str,
        reader: impl Read + Send + 'static,
        clock: Clock,
        feed: Feed,
        how: NormaliseOptions,
    ) -> io::Result<()> {
        let waiting = Arc::new(Waiting::default());
        let normalising = NormalisingThread { name: name.to_owned(), waiting: waiting.clone(), feed };
        thread::Builder::new().name(format!("{name} jpeg")).spawn(move || normalising.run(how))?;
        let input = Self { name: name.to_owned(), clock, waiting, frames: 0, bytes: 0 };
        thread::Builder::new().name(name.to_owned()).spawn(move || input.run(reader))?;
        Ok(())
    }

    fn run(mut self, mut reader: impl Read) {
        let _closing = Closing(self.waiting.clone());
        let mut extraction = Extraction::new();
        let (mut chunk, mut damaged) = (vec![0; CHUNK], false);
        loop {
            let read = match reader.read(&mut chunk) {
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    tracing::warn!(input = self.name, %error, "the input cannot be read any more");
                    0
                }
            };
            self.bytes = self.bytes.saturating_add(read as u64);
            if !extraction.push(chunk.get(..read).unwrap_or_default(), |part| self.pass_on(part)) {
                return;
            }
            if extraction.is_damaged() && !std::mem::replace(&mut damaged, true) {
                tracing::warn!(
                    input = self.name,
                    "something else is where an HTTP chunk should begin or end; it is read as if it were in none"
                );
            }
            if read == 0 {
                self.waiting.lock().nothing = self.about_nothing(extraction.foreign());
                return;
            }
        }
    }

    /// Gives a part of the input to the other thread. Returns `false` if the thread has ended.
    fn pass_on(&mut self, part: Part<'_>) -> bool {
        let (start, data, junk) = match part {
            Part::Frame { start, data, junk } => (start, data, junk),
            Part::Trouble { left_out, junk } => return self.waiting.put(None, left_out, junk),
        };
        let (number, at) = (self.frames, self.clock.now().at);
        self.frames += 1;
        match memory::copy(data) {
            Ok(data) => self.waiting.put(Some(Raw { number, start, data, at }), 0, junk),
            Err(NoMemory) => self.waiting.put(None, 1, junk),
        }
    }

    /// Returns why there was no frame in the input, which begins as `foreign` files do; `None` if there was.
    fn about_nothing(&self, foreign: Option<&str>) -> Option<String> {
        match (self.frames, self.bytes, foreign) {
            (0, 0, _) => Some("it has ended before anything came".to_owned()),
            (0, _, Some(format)) => {
                let how = foreign::PIPE;
                Some(format!(
                    "it is {format}, and no plain Motion-JPEG; this command makes that of it: {how}"
                ))
            }
            (0, bytes, None) => Some(format!(
                "it has ended, and no JPEG picture (FF D8 FF) is in the {} that came",
                Count(bytes, "byte", "bytes")
            )),
            _ => None,
        }
    }
}

/// The normalising thread.
struct NormalisingThread {
    name: String,
    waiting: Arc<Waiting>,
    feed: Feed,
}

impl NormalisingThread {
    fn run(self, how: NormaliseOptions) {
        let _closing = Closing(self.waiting.clone());
        let (mut normaliser, mut sent, mut first_problem) = (Normaliser::new(how), false, None);
        while let Some((raw, mut trouble)) = self.waiting.take() {
            let mut frame = None;
            if let Some(Raw { number, start, data, at }) = raw {
                match normaliser.normalise(&data).and_then(Normalised::to_frame) {
                    Ok(normalised) => frame = Some((normalised, at)),
                    Err(fault) => {
                        let problem = Problem::left_out(Path::new(&self.name), number, start, &fault, how);
                        trouble.left_out += 1;
                        first_problem.get_or_insert_with(|| problem.clone());
                        trouble.problem.get_or_insert(problem);
                    }
                }
            }
            let goes_on = trouble == InputTrouble::default() || self.feed.trouble(trouble);
            sent |= frame.is_some();
            if !goes_on || frame.is_some_and(|(frame, at)| !self.feed.frame(frame, at)) {
                return;
            }
        }
        if !sent {
            let nothing = self.waiting.lock().nothing.take();
            let problem = nothing.map(|reason| Problem::file(Path::new(&self.name), reason));
            let none =
                || Problem::file(Path::new(&self.name), "it has ended, and no frame of it can be sent");
            self.feed.nothing(problem.or(first_problem).unwrap_or_else(none));
        }
    }
}

impl Waiting {
    /// Adds a frame, and to the counts. The oldest frame is dropped if too many wait. Returns `false` if
    /// nobody takes frames any more.
    fn put(&self, frame: Option<Raw>, left_out: u64, junk: Option<Junk>) -> bool {
        let mut backlog = self.lock();
        backlog.trouble.left_out += left_out;
        backlog.trouble.add_junk(junk);
        backlog.frames.extend(frame);
        if backlog.frames.len() > WAITING {
            backlog.frames.pop_front();
            backlog.trouble.dropped += 1;
        }
        let (has_something, over) = (backlog.has_something(), backlog.over);
        drop(backlog);
        // Most parts of an input end no frame, and need not wake anybody.
        if has_something {
            self.changed.notify_one();
        }
        !over
    }

    /// Waits for a frame or for trouble, and takes it. Returns `None` at the end.
    fn take(&self) -> Option<(Option<Raw>, InputTrouble)> {
        let backlog = self.lock();
        let idle = |backlog: &mut Backlog| !backlog.over && !backlog.has_something();
        let mut backlog = self.changed.wait_while(backlog, idle).unwrap_or_else(PoisonError::into_inner);
        let (frame, trouble) = (backlog.frames.pop_front(), std::mem::take(&mut backlog.trouble));
        (frame.is_some() || trouble != InputTrouble::default()).then_some((frame, trouble))
    }

    fn close(&self) {
        self.lock().over = true;
        self.changed.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Backlog> {
        self.backlog.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
