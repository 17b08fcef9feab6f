//! Lines that wait for one output, and the loop that writes them.
use crate::limit::{Limiter, More, Rate};
use crate::text::{escaped, now};
use std::collections::VecDeque;
use std::io::Write;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// How many bytes of lines may wait.
const CAPACITY: usize = 1 << 20;
/// What a line takes besides its bytes.
const LINE: usize = 64;

/// How numbers of lines are told.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Notices {
    /// In words, after the name of the program if there is one.
    Words { program: Option<&'static str> },
    /// As JSON objects.
    Json,
}

/// Lines that wait for one output.
#[derive(Debug)]
pub(crate) struct Queue {
    notices: Notices,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    lines: VecDeque<String>,
    /// The size of the lines, which is bounded.
    bytes: usize,
    /// Lines for which there was no room, and of which nobody was told yet.
    dropped: u64,
    limiter: Limiter,
    /// Whether a line was taken from the queue and is not written yet.
    writing: bool,
    /// Whether no line follows.
    ended: bool,
}

impl Queue {
    pub(crate) fn new(notices: Notices) -> Self {
        Self { notices, state: Mutex::default(), changed: Condvar::new() }
    }

    /// Queues a line, however many wait.
    pub(crate) fn keep(&self, line: String) {
        self.lock().push(line);
        self.changed.notify_all();
    }

    /// Queues a line if its rate allows it and there is room, and counts it otherwise.
    pub(crate) fn offer(&self, rate: Rate<'_>, at: Instant, line: impl FnOnce() -> String) {
        let mut state = self.lock();
        let more = state.limiter.ended(at).unwrap_or_default();
        self.tell(&mut state, more);
        if state.limiter.allows(&rate, at) {
            if state.bytes < CAPACITY {
                // A line that panics is reported here.
                drop(state);
                let line = line();
                self.lock().push(line);
            } else {
                state.dropped += 1;
            }
        }
        self.changed.notify_all();
    }

    /// Tells all numbers of lines, and waits until all is written, but not after `deadline`.
    pub(crate) fn finish(&self, deadline: Instant) {
        let mut state = self.lock();
        let more = state.limiter.all();
        self.tell(&mut state, more);
        state.ended = true;
        self.changed.notify_all();
        let waits = |state: &mut State| !state.lines.is_empty() || state.dropped > 0 || state.writing;
        let left = deadline.saturating_duration_since(Instant::now());
        drop(self.changed.wait_timeout_while(state, left, waits));
    }

    /// Writes lines until no line follows. A line that cannot be written is no reason to stop.
    pub(crate) fn write_to(&self, output: &mut impl Write) {
        while let Some(line) = self.take() {
            let _ = writeln!(output, "{line}").and_then(|()| output.flush());
            self.lock().writing = false;
            self.changed.notify_all();
        }
    }

    /// Waits for the next line, and takes it; `None` if no line follows.
    fn take(&self) -> Option<String> {
        let mut state = self.lock();
        loop {
            if let Some(line) = self.next(&mut state) {
                return Some(line);
            }
            if state.ended {
                return None;
            }
            state = match state.limiter.wait() {
                Some(wait) => {
                    self.changed.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
            let more = state.limiter.ended(Instant::now()).unwrap_or_default();
            self.tell(&mut state, more);
        }
    }

    /// Takes the next line; `None` if none waits.
    fn next(&self, state: &mut State) -> Option<String> {
        // Lines were dropped after those that wait, and before those for which there will be room.
        if state.dropped > 0 && state.bytes <= CAPACITY / 2 {
            let notice = self.notices.dropped(std::mem::take(&mut state.dropped));
            state.push(notice);
        }
        let line = state.lines.pop_front()?;
        state.bytes -= line.len() + LINE;
        state.writing = true;
        Some(line)
    }

    fn tell(&self, state: &mut State, more: Vec<More>) {
        for more in more {
            if state.bytes < CAPACITY {
                state.push(self.notices.more(&more));
            } else {
                state.dropped += more.lines;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(feature = "simulation")]
impl Queue {
    /// Does what the thread of an output does at the time `now`, and returns the line that it would write; `None`
    /// if it would wait.
    pub(crate) fn next_at(&self, now: Instant) -> Option<String> {
        let mut state = self.lock();
        let more = state.limiter.ended(now).unwrap_or_default();
        self.tell(&mut state, more);
        self.next(&mut state)
    }

    /// Counts the bytes of the lines that wait one by one.
    pub(crate) fn waiting_bytes(&self) -> usize {
        self.lock().lines.iter().map(|line| line.len() + LINE).sum()
    }
}

impl State {
    fn push(&mut self, line: String) {
        self.bytes += line.len() + LINE;
        self.lines.push_back(line);
    }
}

impl Notices {
    fn dropped(self, lines: u64) -> String {
        match self {
            Self::Words { .. } => {
                let lines = if lines == 1 { "1 line was".to_owned() } else { format!("{lines} lines were") };
                self.words(&format!("{lines} dropped here, because lines are read too slowly"))
            }
            Self::Json => format!(r#"{{"event":"dropped","lines":{lines},"time":"{}"}}"#, now()),
        }
    }

    fn more(self, More { kind, label, peer, lines }: &More) -> String {
        let label = escaped(label);
        match (self, peer) {
            (Self::Words { .. }, Some(peer)) => self.words(&format!("{peer}: and {lines} more: {label}")),
            (Self::Words { .. }, None) => self.words(&format!("and {lines} more: {label}")),
            (Self::Json, peer) => {
                let peer = peer.map_or_else(|| "null".to_owned(), |peer| format!("\"{peer}\""));
                let time = now();
                format!(r#"{{"event":"more","lines":{lines},"of":"{kind}","peer":{peer},"time":"{time}"}}"#)
            }
        }
    }

    fn words(self, words: &str) -> String {
        match self {
            Self::Words { program: Some(program) } => format!("{} {program}: {words}", now()),
            _ => format!("{} {words}", now()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;
    use std::sync::mpsc::{Receiver, sync_channel};
    use std::sync::{Arc, mpsc};
    use std::thread;
    use std::time::Duration;

    const ANY: Rate<'static> = Rate { kind: "any", label: "any", peer: None, lines: u32::MAX };
    const WORDS: Notices = Notices::Words { program: None };

    fn written(queue: &Queue) -> Vec<String> {
        queue.lock().ended = true;
        let mut output = Vec::new();
        queue.write_to(&mut output);
        String::from_utf8(output).unwrap().lines().map(str::to_owned).collect()
    }

    #[test]
    fn lines_keep_their_order() {
        let queue = Queue::new(WORDS);
        queue.keep("one".into());
        queue.offer(ANY, Instant::now(), || "two".into());
        queue.keep("three".into());
        assert_eq!(written(&queue), ["one", "two", "three"]);
    }

    #[test]
    fn a_full_queue_drops_and_counts() {
        let queue = Queue::new(WORDS);
        for _ in 0..2_000 {
            queue.offer(ANY, Instant::now(), || "x".repeat(1_000));
        }
        // What the program has to say by itself is never dropped.
        queue.keep("kept".into());
        let dropped = queue.lock().dropped;
        assert!((900..1_100).contains(&dropped) && queue.lock().bytes < CAPACITY + 2_000, "{dropped}");
        let lines = written(&queue);
        assert_eq!(lines.len() as u64, 2_000 - dropped + 2);
        assert_eq!(lines.iter().filter(|line| *line == "kept").count(), 1);
        let told = format!("{dropped} lines were dropped here");
        assert_eq!(lines.iter().filter(|line| line.contains(&told)).count(), 1, "{told}");
    }

    #[test]
    fn what_exceeds_the_rate_is_told_by_its_number() {
        for (notices, told) in [(WORDS, "192.0.2.1: and 3 more: refused"), (Notices::Json, r#""lines":3"#)] {
            let queue = Queue::new(notices);
            let peer = Some("192.0.2.1".parse().unwrap());
            let rate = Rate { kind: "refused", label: "refused", peer, lines: 2 };
            let mut made = 0;
            for _ in 0..5 {
                queue.offer(rate, Instant::now(), || {
                    made += 1;
                    "line".into()
                });
            }
            assert_eq!(made, 2);
            queue.finish(Instant::now());
            let lines = written(&queue);
            assert_eq!(lines.len(), 3, "{lines:?}");
            assert!(lines[2].contains(told), "{lines:?}");
        }
    }

    #[test]
    fn numbers_are_told_without_a_further_line() {
        let queue = Arc::new(Queue::new(WORDS));
        let rate = Rate { lines: 1, ..ANY };
        // The window has ended already.
        let long_ago = Instant::now().checked_sub(Duration::from_secs(60)).unwrap();
        (0..4).for_each(|_| queue.offer(rate, long_ago, || "line".into()));
        let (to, from) = mpsc::channel();
        struct Lines(mpsc::Sender<Vec<u8>>);
        impl Write for Lines {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                let _ = self.0.send(bytes.to_vec());
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let writing = Arc::clone(&queue);
        let writer = thread::spawn(move || writing.write_to(&mut Lines(to)));
        let mut seen = String::new();
        while !seen.contains("and 3 more: any") {
            let bytes = from.recv_timeout(Duration::from_secs(20)).expect("the number is told");
            seen.push_str(&String::from_utf8_lossy(&bytes));
        }
        queue.finish(Instant::now() + Duration::from_secs(20));
        writer.join().unwrap();
    }

    #[test]
    fn numbers_of_lines_have_a_bound_too() {
        let (queue, start) = (Queue::new(WORDS), Instant::now());
        // Nobody reads for a year, and each hour many peers exceed their rate.
        for round in 0..10_000 {
            let at = start + round * Duration::from_secs(3_601);
            for peer in 0..4 {
                let peer = Some([192, 0, 2, peer].into());
                for _ in 0..2 {
                    queue.offer(Rate { peer, lines: 1, ..ANY }, at, || "x".into());
                }
            }
        }
        let state = queue.lock();
        assert!(state.bytes < CAPACITY + 2_000 && state.dropped > 0, "{}", state.bytes);
    }

    #[test]
    fn a_line_that_panics_holds_nobody_up() {
        let queue = Queue::new(WORDS);
        let line = || {
            queue.offer(ANY, Instant::now(), || "what a report of panics does".into());
            std::panic::resume_unwind(Box::new("a bug"))
        };
        let offered = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            queue.offer(ANY, Instant::now(), line);
        }));
        assert!(offered.is_err());
        queue.offer(ANY, Instant::now(), || "the next".into());
        assert_eq!(written(&queue), ["what a report of panics does", "the next"]);
    }

    /// An output whose reader has stopped reading.
    struct Stuck(Receiver<()>);

    impl Write for Stuck {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            let _ = self.0.recv();
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn nobody_waits_for_a_reader() {
        let queue = Arc::new(Queue::new(WORDS));
        let (release, stuck) = sync_channel(0);
        let writing = Arc::clone(&queue);
        let writer = thread::spawn(move || writing.write_to(&mut Stuck(stuck)));
        let (done, is_done) = mpsc::channel();
        thread::spawn(move || {
            for _ in 0..20_000 {
                queue.offer(ANY, Instant::now(), || "x".repeat(1_000));
            }
            queue.keep("kept".into());
            queue.finish(Instant::now() + Duration::from_millis(50));
            let _ = done.send(());
        });
        is_done.recv_timeout(Duration::from_secs(30)).expect("all lines were taken");
        drop(release);
        writer.join().unwrap();
    }
}
