//! The events of a live input.
use super::super::problem::Problem;
use pinhole::codec::jpeg::{JpegInfo, Sampling};
use pinhole::rtsp::LowerTransport;
use pinhole::time::Instant;
use std::collections::VecDeque;
use std::time::Duration;

/// The least time between two events of trouble. A broken input has some with each frame.
const TROUBLE_INTERVAL: Duration = Duration::from_secs(1);
/// The most changes of format, and of the connection to a source, that are kept.
const CHANGES: usize = 8;

/// Something that happened at a live input. [`Server::run`](crate::server::Server::run) passes it to the
/// function `tell`, with the path of the input.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InputEvent {
    /// The frames of the input have this format from now on. This event comes with the first frame, and
    /// whenever the format changes. Nothing needs to be done: the frames themselves tell clients their
    /// format.
    Format {
        /// The width of the frames in pixels.
        width: u16,
        /// The height of the frames in pixels.
        height: u16,
        /// The chroma sampling of the frames as they are sent. If frames are transcoded, it can differ from
        /// the sampling of the input.
        sampling: Sampling,
    },
    /// Parts of the input were not sent; the input goes on. This event comes at most once a second. If parts
    /// were not sent since the last such event, it also comes once right before [`Self::Ended`].
    Trouble(InputTrouble),
    /// The input has ended without a frame that can be sent. The problem says why. This event comes once,
    /// right before [`Self::Ended`].
    Nothing(Problem),
    /// The first picture of a source has come on a new connection.
    Connected {
        /// How RTP packets come; `None` if the source is an HTTP server.
        transport: Option<LowerTransport>,
    },
    /// A source cannot be reached, has failed, or has fallen silent. It is tried again for as long as somebody watches,
    /// or always if it is pulled always. Those who watch stay, and go on when the source is back.
    Lost {
        /// Why, as a clause in English. It may quote what the source has sent.
        reason: String,
        /// After how long it is tried again.
        again: Duration,
    },
    /// Nobody watches a source any more, and the connection to it is closed. The next one who asks for it has it opened
    /// again.
    Released,
    /// The input has ended, or cannot be read any more. This comes once, as the last event of the input.
    /// Clients still get the frames that are left. The input does not start again.
    Ended,
}

/// The parts of a live input that were not sent. Each count covers the time since the last
/// [`InputEvent::Trouble`] of the input; in the first such event, it covers the time since the start of the
/// input.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct InputTrouble {
    /// The number of frames that were dropped since the input's last [`InputEvent::Trouble`]. A frame is
    /// dropped if frames come faster than they can be normalised, or if the frame comes more than 100
    /// milliseconds ahead of real time.
    pub dropped: u64,
    /// The number of frames since the input's last [`InputEvent::Trouble`] that cannot be sent: damaged
    /// frames, frames that RTP cannot carry, and frames of more than 16 MiB.
    pub left_out: u64,
    /// The number of bytes since the input's last [`InputEvent::Trouble`] that belong to no frame. Bytes
    /// that the input's container format has between frames, such as the headers of parts, do not count.
    pub junk: u64,
    /// The offset of the first of the bytes that [`Self::junk`] counts, in bytes from the start of the input.
    /// If the input is an HTTP response in chunks, the lines with their sizes do not count. `None` if
    /// [`Self::junk`] is 0.
    pub junk_at: Option<u64>,
    /// The number of frames of a source, since the input's last [`InputEvent::Trouble`], of which strips were lost on the
    /// way here. They are passed on, with the strips of the frame before in place of those.
    pub damaged: u64,
    /// Why the first of the frames that [`Self::left_out`] counts cannot be sent. `None` if
    /// [`Self::left_out`] is 0, or if all frames that it counts are longer than 16 MiB.
    pub problem: Option<Problem>,
}

/// Bytes that belong to no frame.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Junk {
    at: u64,
    len: u64,
}

impl Junk {
    /// Returns `len` bytes from offset `at` on; `None` if these are none.
    pub(super) const fn new(at: u64, len: u64) -> Option<Self> {
        if len == 0 { None } else { Some(Self { at, len }) }
    }
}

impl InputTrouble {
    /// Adds bytes that belong to no frame.
    pub(in super::super) fn add_junk(&mut self, junk: Option<Junk>) {
        if let Some(Junk { at, len }) = junk {
            self.junk = self.junk.saturating_add(len);
            self.junk_at.get_or_insert(at);
        }
    }
}

/// The events that nobody has taken yet.
#[derive(Debug, Default)]
pub(super) struct PendingEvents {
    changes: VecDeque<InputEvent>,
    trouble: InputTrouble,
    /// When the last event of trouble was taken.
    trouble_taken: Option<Instant>,
    nothing: Option<Problem>,
    /// Whether [`InputEvent::Ended`] was taken.
    ended: bool,
}

impl PendingEvents {
    pub(super) fn format(&mut self, info: JpegInfo) {
        let JpegInfo { width, height, sampling, .. } = info;
        self.change(InputEvent::Format { width, height, sampling });
    }

    /// Adds a change of format, or of the connection to a source.
    pub(super) fn change(&mut self, event: InputEvent) {
        if self.changes.len() == CHANGES {
            self.changes.pop_front();
        }
        self.changes.push_back(event);
    }

    pub(super) const fn dropped(&mut self, frames: u64) {
        self.trouble.dropped = self.trouble.dropped.saturating_add(frames);
    }

    pub(super) fn trouble(&mut self, more: InputTrouble) {
        let InputTrouble { dropped, left_out, junk, junk_at, damaged, problem } = more;
        let all = &mut self.trouble;
        all.damaged = all.damaged.saturating_add(damaged);
        all.dropped = all.dropped.saturating_add(dropped);
        all.left_out = all.left_out.saturating_add(left_out);
        all.add_junk(junk_at.and_then(|at| Junk::new(at, junk)));
        if all.problem.is_none() {
            all.problem = problem;
        }
    }

    pub(super) fn nothing(&mut self, problem: Problem) {
        self.nothing = Some(problem);
    }

    /// Takes the next event. `over` is whether the input has ended.
    pub(super) fn next(&mut self, now: Instant, over: bool) -> Option<InputEvent> {
        if let Some(event) = self.changes.pop_front() {
            return Some(event);
        }
        let due = self.trouble_taken.is_none_or(|taken| Duration::from(now.since(taken)) >= TROUBLE_INTERVAL);
        if (due || over) && self.trouble != InputTrouble::default() {
            self.trouble_taken = Some(now);
            return Some(InputEvent::Trouble(std::mem::take(&mut self.trouble)));
        }
        if let Some(problem) = self.nothing.take_if(|_| over) {
            return Some(InputEvent::Nothing(problem));
        }
        (over && !std::mem::replace(&mut self.ended, over)).then_some(InputEvent::Ended)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::from_micros(millis * 1000)
    }

    fn dropped(event: Option<InputEvent>) -> Option<u64> {
        event.map(|event| match event {
            InputEvent::Trouble(trouble) => trouble.dropped,
            other => panic!("{other:?}"),
        })
    }

    #[test]
    fn trouble_is_reported_at_intervals() {
        let mut events = PendingEvents::default();
        assert_eq!(events.next(at(0), false), None);
        events.dropped(1);
        assert_eq!(dropped(events.next(at(1), false)), Some(1));
        events.dropped(2);
        events.dropped(3);
        assert_eq!(events.next(at(1000), false), None);
        assert_eq!(dropped(events.next(at(1001), false)), Some(5));
        events.dropped(7);
        assert_eq!(dropped(events.next(at(1002), true)), Some(7));
        assert_eq!(events.next(at(1003), true), Some(InputEvent::Ended));
        assert_eq!(events.next(at(9000), true), None);
    }
}
