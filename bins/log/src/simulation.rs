//! A queue without a thread and with virtual time, for the soak of `pinhole-sim`.
use crate::limit::Rate;
use crate::queue::{Notices, Queue};
use std::time::Instant;

/// Lines for one output. Whoever has this is the thread that writes them.
#[derive(Debug)]
pub struct VirtualQueue(Queue);

/// What a line is that was read from a [`VirtualQueue`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// A line that was offered.
    Line,
    /// So many lines were dropped, because there was no room.
    Dropped(u64),
    /// So many lines exceeded their rate.
    More(u64),
}

impl Default for VirtualQueue {
    fn default() -> Self {
        Self(Queue::new(Notices::Json))
    }
}

impl VirtualQueue {
    /// Does what [`Log::offer`](crate::Log::offer) does, at the time `now`. Lines must not begin with `{"event":`.
    pub fn offer(&self, rate: Rate<'_>, now: Instant, line: impl FnOnce() -> String) {
        self.0.offer(rate, now, line);
    }

    /// Takes the next line at the time `now`; `None` if there is none now.
    pub fn read(&self, now: Instant) -> Option<Told> {
        let line = self.0.next_at(now)?;
        let Some(notice) = line.strip_prefix(r#"{"event":""#) else { return Some(Told::Line) };
        let lines = notice.split_once(r#""lines":"#).map_or("", |(_, rest)| rest);
        let lines =
            lines.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default().parse().unwrap_or(0);
        Some(if notice.starts_with("dropped") { Told::Dropped(lines) } else { Told::More(lines) })
    }

    /// Has all numbers of lines told that are not yet, as at the end of a program. It does not wait.
    pub fn end(&self) {
        self.0.finish(Instant::now());
    }

    /// Returns the bytes of all lines that wait, with what each takes besides its text.
    pub fn waiting_bytes(&self) -> usize {
        self.0.waiting_bytes()
    }
}
