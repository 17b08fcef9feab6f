//! What people are told of a live input.
use super::super::problem::Problem;
use pinhole::codec::jpeg::{JpegInfo, Sampling};
use pinhole::time::{Duration, Instant};
use std::collections::VecDeque;

/// Trouble is told at once, and then gathered for so long: a broken input has some with each frame.
const GATHERED: Duration = Duration::from_secs(1);
/// As many formats as frames that may come before this is asked for.
const FORMATS: usize = 8;

/// What happened at a live input.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InputNews {
    /// Its frames are so from here on: told with the first one, and when it changes.
    Format {
        /// Pixels across.
        width: u16,
        /// Pixels down.
        height: u16,
        /// How the chroma is sampled, as it is sent.
        sampling: Sampling,
    },
    /// Something of it is not sent, since this was told last.
    Trouble(InputTrouble),
    /// It has ended.
    Ended,
}

/// What of a live input is not sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct InputTrouble {
    /// Frames that came too fast.
    pub dropped: u64,
    /// Frames that cannot be sent.
    pub left_out: u64,
    /// Bytes that belong to no frame.
    pub junk: u64,
    /// The first of the frames that cannot be sent.
    pub problem: Option<Problem>,
}

/// What is still to be told.
#[derive(Debug, Default)]
pub(super) struct Notes {
    formats: VecDeque<JpegInfo>,
    trouble: InputTrouble,
    trouble_told: Option<Instant>,
    ended: bool,
}

impl Notes {
    pub(super) fn format(&mut self, info: JpegInfo) {
        if self.formats.len() == FORMATS {
            self.formats.pop_front();
        }
        self.formats.push_back(info);
    }

    pub(super) const fn dropped(&mut self, frames: u64) {
        self.trouble.dropped = self.trouble.dropped.saturating_add(frames);
    }

    pub(super) fn trouble(&mut self, more: InputTrouble) {
        let InputTrouble { dropped, left_out, junk, problem } = more;
        let all = &mut self.trouble;
        all.dropped = all.dropped.saturating_add(dropped);
        all.left_out = all.left_out.saturating_add(left_out);
        all.junk = all.junk.saturating_add(junk);
        if all.problem.is_none() {
            all.problem = problem;
        }
    }

    pub(super) fn next(&mut self, now: Instant, over: bool) -> Option<InputNews> {
        if let Some(JpegInfo { width, height, sampling, .. }) = self.formats.pop_front() {
            return Some(InputNews::Format { width, height, sampling });
        }
        let due = self.trouble_told.is_none_or(|told| now.since(told) >= GATHERED);
        if (due || over) && self.trouble != InputTrouble::default() {
            self.trouble_told = Some(now);
            return Some(InputNews::Trouble(std::mem::take(&mut self.trouble)));
        }
        (over && !std::mem::replace(&mut self.ended, over)).then_some(InputNews::Ended)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::from_micros(millis * 1000)
    }

    fn dropped(news: Option<InputNews>) -> Option<u64> {
        news.map(|news| match news {
            InputNews::Trouble(trouble) => trouble.dropped,
            other => panic!("{other:?}"),
        })
    }

    #[test]
    fn trouble_is_told_at_once_then_gathered_and_the_rest_told_at_the_end() {
        let mut notes = Notes::default();
        assert_eq!(notes.next(at(0), false), None);
        notes.dropped(1);
        assert_eq!(dropped(notes.next(at(1), false)), Some(1));
        notes.dropped(2);
        notes.dropped(3);
        assert_eq!(notes.next(at(1000), false), None);
        assert_eq!(dropped(notes.next(at(1001), false)), Some(5));
        notes.dropped(7);
        assert_eq!(dropped(notes.next(at(1002), true)), Some(7));
        assert_eq!(notes.next(at(1003), true), Some(InputNews::Ended));
        assert_eq!(notes.next(at(9000), true), None);
    }
}
