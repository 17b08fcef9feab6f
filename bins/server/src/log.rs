//! Lines for standard output and standard error, which one thread writes.
//!
//! Whoever reads these may be slow, or stop reading. An event loop must not wait for that: it queues its
//! lines ([`Log::offer`]), and those for which there is no room are dropped and counted.
use std::fmt::Display;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Lines that may wait for their reader.
const QUEUE: usize = 1024;
/// How long the lines that wait at the end may take.
const FAREWELL: Duration = Duration::from_secs(1);

/// Where a line goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Output {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// Queues lines for the thread that writes them.
#[derive(Clone, Debug)]
pub(crate) struct Log {
    lines: SyncSender<Message>,
    dropped: Arc<AtomicU64>,
}

/// The thread that writes lines.
#[derive(Debug)]
pub(crate) struct Writer {
    log: Log,
    thread: JoinHandle<()>,
}

#[derive(Debug)]
enum Message {
    Line(Output, String),
    /// No line follows.
    End,
}

impl Log {
    /// Starts the thread that writes lines.
    ///
    /// # Errors
    /// The system has no more threads.
    pub(crate) fn start() -> io::Result<(Self, Writer)> {
        let (log, lines) = Self::new();
        let dropped = Arc::clone(&log.dropped);
        let write = move || write(&lines, &dropped, &mut io::stdout(), &mut io::stderr());
        let thread = thread::Builder::new().name("log".into()).spawn(write)?;
        Ok((log.clone(), Writer { log, thread }))
    }

    /// Queues a line without waiting. If too many lines wait, drops this one and counts it.
    pub(crate) fn offer(&self, output: Output, line: &dyn Display) {
        if self.lines.try_send(Message::Line(output, line.to_string())).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Queues a line, and waits for room if too many lines wait. Must not be called by an event loop.
    pub(crate) fn write(&self, output: Output, line: &dyn Display) {
        // Fails only if the thread has died, and then there is nowhere to tell it.
        let _ = self.lines.send(Message::Line(output, line.to_string()));
    }

    fn new() -> (Self, Receiver<Message>) {
        let (lines, to_write) = sync_channel(QUEUE);
        (Self { lines, dropped: Arc::default() }, to_write)
    }
}

impl Writer {
    /// Waits until all queued lines are written, but not for a reader who takes none.
    pub(crate) fn finish(self) {
        let deadline = Instant::now() + FAREWELL;
        let mut end = Some(Message::End);
        while Instant::now() < deadline && !self.thread.is_finished() {
            if let Some(message) = end.take()
                && let Err(TrySendError::Full(message)) = self.log.lines.try_send(message)
            {
                end = Some(message);
            }
            thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Takes the log lines of `tracing`, each in one piece.
pub(crate) struct TraceWriter(pub(crate) Log);

impl Write for TraceWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.offer(Output::Err, &String::from_utf8_lossy(bytes).trim_end());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes lines until [`Message::End`]. A line that cannot be written is no reason to stop serving.
fn write(lines: &Receiver<Message>, dropped: &AtomicU64, out: &mut impl Write, err: &mut impl Write) {
    while let Ok(Message::Line(output, line)) = lines.recv() {
        let _ = match output {
            Output::Out => writeln!(out, "{line}").and_then(|()| out.flush()),
            Output::Err => writeln!(err, "{line}"),
        };
        let dropped = dropped.swap(0, Ordering::Relaxed);
        if dropped > 0 {
            let _ = writeln!(err, "pinhole-server: {dropped} lines were dropped: they are read too slowly");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_keep_their_order() {
        let (log, lines) = Log::new();
        log.write(Output::Out, &"one");
        log.offer(Output::Err, &"two");
        let _ = TraceWriter(log.clone()).write(b"three\n");
        log.offer(Output::Out, &"four");
        drop(log);
        let (mut out, mut err) = (Vec::new(), Vec::new());
        write(&lines, &AtomicU64::new(0), &mut out, &mut err);
        assert_eq!((&out[..], &err[..]), (&b"one\nfour\n"[..], &b"two\nthree\n"[..]));
    }

    #[test]
    fn a_full_queue_drops_and_counts() {
        let (log, lines) = Log::new();
        for n in 0..QUEUE + 7 {
            log.offer(Output::Out, &n);
        }
        let dropped = Arc::clone(&log.dropped);
        drop(log);
        let (mut out, mut err) = (Vec::new(), Vec::new());
        write(&lines, &dropped, &mut out, &mut err);
        assert_eq!(out.split(|byte| *byte == b'\n').count() - 1, QUEUE);
        assert!(String::from_utf8_lossy(&err).contains("7 lines were dropped"));
    }
}
