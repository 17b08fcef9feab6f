//! What arrives: a session with a server, and its cached frames.
//!
//! The player sees a [`Source`]; [`client`] implements it with an RTSP client, and tests with frames
//! of their own. Frames, cached ranges and numbers belong to a track, which every look-up names.
pub(crate) mod backoff;
pub(crate) mod client;
#[cfg(test)]
pub(crate) mod fake;
pub(crate) mod local;
pub(crate) mod received;
pub(crate) mod scaled;
pub(crate) mod silence;

use crate::model::{CacheUsage, MediaAxis, SessionFigures};
use pinhole::client::LowerTransport;
use pinhole::codec::Codec;
use pinhole::frame::{Frame, FrameId, Miss};
use pinhole::rtsp::Status;
use pinhole::time::MediaTime;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

/// Why there is no stream, as one sentence for the user.
pub(crate) type Error = Box<dyn std::error::Error + Send + Sync>;

/// Why a server does not let the viewer in, as an [`Error`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LoginFailed {
    /// Why, as one sentence for the user.
    pub(crate) reason: String,
    /// Whether others may help: there were none, or they were wrong.
    pub(crate) asks: bool,
    /// Whether they were wrong.
    pub(crate) is_wrong: bool,
}

impl std::fmt::Display for LoginFailed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for LoginFailed {}

/// Why a turn failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The server is gone or does not answer. A later attempt may succeed.
    Lost(Error),
    /// Another attempt would fail in the same way.
    Final(Error),
}

/// A change of the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub(crate) enum Event {
    /// The server plays, and RTP travels this way.
    Playing(LowerTransport),
    /// No datagram arrived, so that the session goes on over TCP.
    SwitchedToTcp,
    /// The server paused.
    Paused,
    /// The server does not play from the place that was asked for.
    Refused(Status),
    /// The medium is over. All frames that will arrive have arrived.
    Ended,
    /// The session is over.
    Closed,
}

/// Cached frames with consecutive numbers and without a gap in media time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CachedRange {
    /// The numbers of the frames.
    pub(crate) frames: Range<FrameId>,
    /// From the first frame's start to the last frame's end.
    pub(crate) time: Range<MediaTime>,
}

/// Ends another thread's [`Source::turn`].
#[derive(Clone)]
pub(crate) struct Waker(pub(crate) Arc<dyn Fn() + Send + Sync>);

/// A session with a server, driven by turns, and its cached frames.
pub(crate) trait Source {
    /// Waits for input and timers, at most `at_most`, and processes them.
    ///
    /// # Errors
    /// The session cannot go on; the [`Failure`] says whether [`Self::reconnect`] may help.
    fn turn(&mut self, at_most: Duration) -> Result<(), Failure>;

    /// Returns the next change of the session; `None` if there is none until the next turn.
    fn poll_event(&mut self) -> Option<Event>;

    /// Returns the codec of a track; `None` if there is no such track, or if that is not known yet.
    fn codec(&self, track: u8) -> Option<Codec>;

    /// Returns a cached frame of a track.
    ///
    /// # Errors
    /// A [`Miss`] if the frame has not arrived or is no longer cached.
    fn frame(&self, track: u8, id: FrameId) -> Result<Frame<'_>, Miss>;

    /// Returns the media time during which a cached frame is shown; empty if its duration is not
    /// known.
    ///
    /// # Errors
    /// As for [`Self::frame`].
    fn frame_time(&self, track: u8, id: FrameId) -> Result<Range<MediaTime>, Miss>;

    /// Returns the numbers of a track's cached frames, from the oldest to before the next that will
    /// arrive.
    fn cached(&self, track: u8) -> Range<FrameId>;

    /// Returns the number of the frame that is shown at `time`; `None` if it is not cached.
    fn find(&self, track: u8, time: MediaTime) -> Option<FrameId>;

    /// Returns the cached ranges of a track, the one that arrived last first.
    fn cached_ranges(&self, track: u8) -> Vec<CachedRange>;

    /// Returns how full the cache of a track is.
    fn usage(&self, track: u8) -> CacheUsage;

    /// Returns the length of the medium; `None` if it is live, or if the length is not known.
    fn duration(&self) -> Option<Duration>;

    /// Returns how the times of the source correspond to those of the medium.
    fn axis(&self) -> MediaAxis {
        MediaAxis::NORMAL
    }

    /// Returns whether the medium is live, which means that it has no end.
    fn is_live(&self) -> bool;

    /// Returns whether no frame arrives before some of those in the cache are allowed to be evicted.
    fn awaits_viewer(&self, track: u8) -> bool;

    /// Allows a recorded medium's frames before `id` to be evicted in favour of later ones.
    fn watch_from(&mut self, track: u8, id: FrameId);

    /// Asks the server to go on at `time` with all tracks. Returns the number that the next frame of
    /// `track` will have.
    fn seek(&mut self, track: u8, time: MediaTime) -> FrameId;

    /// Connects again after a turn failed. Cached frames stay.
    fn reconnect(&mut self);

    /// Asks the server to end the session. [`Event::Closed`] tells when it has.
    fn teardown(&mut self);

    /// Returns a handle that ends a turn early.
    fn waker(&self) -> Waker;

    /// Returns the most frequent reason for which received data of a track could not be used.
    fn refusal(&self, track: u8) -> Option<&str>;

    /// Returns the figures of the session and of a track so far.
    fn figures(&self, track: u8) -> SessionFigures;
}
