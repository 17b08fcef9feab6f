//! Lines on the standard output and standard error of Pinhole's programs.
//!
//! Whoever reads these may be slow, or may have stopped reading: a terminal after Ctrl-S, a collector of logs
//! that hangs. Nothing that serves or receives may wait for that. A [`Log`] takes lines without waiting, and
//! one thread for each output writes them. Lines for which there is no room are dropped and counted, and
//! their number is told later.
//!
//! What peers, files and networks have named may contain anything. Each line is escaped ([`escaped`]) before
//! it is queued, so that it is one line and does nothing to a terminal, and credentials of URLs are taken out
//! of it ([`redacted`]). Texts of others are shortened ([`cut`]) where they are put into a line. A [`Rate`] bounds how many lines of one kind a peer can cause.
mod drawing;
mod limit;
mod queue;
#[cfg(feature = "simulation")]
pub mod simulation;
mod text;
mod trace;

pub use drawing::Drawing;
pub use limit::Rate;
pub use text::{cut, escaped, now, redacted, redacted_value};

use queue::{Notices, Queue};
use std::backtrace::{Backtrace, BacktraceStatus};
use std::fmt::Display;
use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// How long the lines that wait at the end may take.
const FAREWELL: Duration = Duration::from_secs(1);
/// The most characters of a line in words.
const MAX_LINE: usize = 8 << 10;

/// Where a line goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// To standard output.
    Out,
    /// To standard error.
    Err,
}

/// The form of the lines on standard output. Standard error has words always.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Text for people. Lines that [`Log::offer`] queues begin with the time.
    Words,
    /// One JSON object on each line. The caller puts the time into it: see [`now`].
    Json,
}

/// How many panics are reported.
const PANICS: Rate<'static> = Rate { kind: "panic", label: "panics", peer: None, lines: 20 };
/// How many lines may follow these in all.
const BACKTRACES: Rate<'static> =
    Rate { kind: "backtrace", label: "lines of backtraces", peer: None, lines: 2_000 };

/// Takes lines for standard output and standard error. Clones share the queues and their threads.
#[derive(Clone, Debug)]
pub struct Log {
    program: &'static str,
    form: Form,
    out: Arc<Queue>,
    err: Arc<Queue>,
}

impl Log {
    /// Starts two threads: one writes standard output, the other standard error. `program` is the name of
    /// the program, with which its messages on standard error begin.
    ///
    /// # Errors
    /// The system has no more threads.
    pub fn start(program: &'static str, form: Form) -> io::Result<Self> {
        let notices = match form {
            Form::Words => Notices::Words { program: None },
            Form::Json => Notices::Json,
        };
        let out = Arc::new(Queue::new(notices));
        let err = Arc::new(Queue::new(Notices::Words { program: Some(program) }));
        let (to_out, to_err) = (Arc::clone(&out), Arc::clone(&err));
        thread::Builder::new().name("stdout".into()).spawn(move || to_out.write_to(&mut io::stdout()))?;
        thread::Builder::new().name("stderr".into()).spawn(move || to_err.write_to(&mut io::stderr()))?;
        Ok(Self { program, form, out, err })
    }

    /// Queues a line for standard output without its time, however many lines wait. It never waits. Use it
    /// for results, and for what is said at the start: lines whose number the command line bounds, and not
    /// a peer.
    pub fn say(&self, line: &dyn Display) {
        self.out.keep(self.line(Output::Out, "", &line.to_string()));
    }

    /// Queues a message for standard error as [`Self::say`] does for standard output. It begins with the
    /// name of the program.
    pub fn complain(&self, message: &dyn Display) {
        self.err.keep(self.line(Output::Err, &format!("{}: ", self.program), &message.to_string()));
    }

    /// Queues a line about something that happened, without waiting. `line` is only called if the line is
    /// written. Lines that exceed `rate` are counted, and their number follows within some seconds. Lines
    /// for which there is no room are dropped, and their number is told when there is room again.
    pub fn offer(&self, output: Output, rate: Rate<'_>, line: impl FnOnce() -> String) {
        let head = match (output, self.form) {
            (Output::Out, Form::Json) => String::new(),
            (Output::Out, Form::Words) => format!("{} ", now()),
            (Output::Err, _) => format!("{} {}: ", now(), self.program),
        };
        self.queue(output).offer(rate, Instant::now(), || self.line(output, &head, &line()));
    }

    /// Returns a guard that waits, when it is dropped, until all queued lines are written, but at most a
    /// second: perhaps nobody reads them. Lines of which only the number is known yet are told then. Drop it
    /// last in `main`; lines that are queued later may be lost. A panic that ends the program drops it, too.
    pub fn farewell(&self) -> Farewell {
        Farewell(self.clone())
    }

    /// Has panics of all threads reported by this log, at most 20 of them in ten seconds: what panics again
    /// and again may be caused by a peer or a file. The standard library's report waits for whoever reads
    /// standard error.
    pub fn report_panics(&self) {
        let log = self.clone();
        std::panic::set_hook(Box::new(move |panic| {
            let thread = thread::current();
            let (name, reason) = (thread.name().unwrap_or("?"), panic.payload_as_str().unwrap_or("?"));
            let place = panic.location().map(|at| format!(" at {at}")).unwrap_or_default();
            let mut is_told = false;
            log.offer(Output::Err, PANICS, || {
                is_told = true;
                format!("thread '{name}' panicked{place}: {reason}")
            });
            let trace = is_told.then(Backtrace::capture);
            if let Some(trace) = trace.filter(|trace| trace.status() == BacktraceStatus::Captured) {
                for line in trace.to_string().lines() {
                    log.offer(Output::Err, BACKTRACES, || line.to_owned());
                }
            }
        }));
    }

    /// Has the lines of `tracing` and of the crate `log` that are of `level` or above written to standard
    /// error, each with its time. Levels are coloured if that is a terminal and the environment variable
    /// `NO_COLOR` is not set. Does nothing if the program has another subscriber already.
    pub fn trace(&self, level: tracing::Level) {
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        trace::start(self.clone(), level, io::stderr().is_terminal() && !no_color && !dumb);
    }

    fn queue(&self, output: Output) -> &Queue {
        match output {
            Output::Out => &self.out,
            Output::Err => &self.err,
        }
    }

    /// Returns a line as it is written. `head` is ours, `text` may contain anything.
    fn line(&self, output: Output, head: &str, text: &str) -> String {
        let text = &redacted(text);
        match (output, self.form) {
            // A part of an object is none. Callers cut the texts in it.
            (Output::Out, Form::Json) => format!("{head}{}", escaped(text)),
            _ => format!("{head}{}", escaped(&text::cut_to(text, MAX_LINE))),
        }
    }
}

/// Waits for the lines of a [`Log`] when it is dropped. See [`Log::farewell`].
#[derive(Debug)]
pub struct Farewell(Log);

impl Drop for Farewell {
    fn drop(&mut self) {
        let deadline = Instant::now() + FAREWELL;
        self.0.out.finish(deadline);
        self.0.err.finish(deadline);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panics_have_a_bound() {
        let queue = || Arc::new(Queue::new(Notices::Words { program: None }));
        let log = Log { program: "test", form: Form::Words, out: queue(), err: queue() };
        let before = std::panic::take_hook();
        log.report_panics();
        for n in 0..1_000 {
            let panicked = std::panic::catch_unwind(|| panic!("fault {n}\nof a decoder"));
            assert!(panicked.is_err());
        }
        std::panic::set_hook(before);
        drop(log.farewell());
        let mut output = Vec::new();
        log.err.write_to(&mut output);
        let output = String::from_utf8(output).unwrap();
        let told = output.lines().filter(|line| line.contains("' panicked at ")).count();
        assert_eq!(told as u32, PANICS.lines, "{output}");
        assert!(output.contains(r": fault 0\u000aof a decoder"), "{output}");
        assert!(output.contains("and 980 more: panics"), "{output}");
    }
}
