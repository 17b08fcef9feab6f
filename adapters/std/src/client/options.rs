//! The configuration of a client, and what it tells.
use pinhole::client::{LowerTransport, PlayOptions, PrefetchOptions, TransportChoice};
use pinhole::rtsp::{Method, Range, Scale, Speed, Status};
use std::time::Duration;

/// The configuration of a [`Client`](super::Client).
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The lower transport to ask the server for.
    pub transport: TransportChoice,
    /// What is played first. The scale and the speed stay until
    /// [`Client::play_with`](super::Client::play_with) changes them.
    pub play: PlayOptions,
    /// The number of bytes that the caches of all tracks together may hold.
    pub cache: usize,
    /// How far ahead of [`Client::watch_from`](super::Client::watch_from) recorded media are fetched.
    /// Frames from there on are not evicted then. With `None`, the oldest frames are evicted for the
    /// newest, as for live media.
    pub prefetch: Option<PrefetchOptions>,
    /// The time limit for connecting to each of the server's addresses.
    pub connect_timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            transport: TransportChoice::Auto,
            play: PlayOptions::default(),
            cache: 64 << 20,
            prefetch: None,
            connect_timeout: Duration::from_secs(10),
        }
    }
}

/// Something that happened to a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The server has described the presentation.
    Described {
        /// The number of tracks that are received.
        tracks: u8,
        /// The length of the presentation; `None` if it is live, or its length is unknown.
        duration: Option<Duration>,
    },
    /// The server has accepted PLAY, and plays.
    Playing {
        /// The lower transport of the media.
        transport: LowerTransport,
        /// The range that the server plays, as far as it says.
        range: Range,
        /// The rate of media time to the time in which it is shown.
        scale: Scale,
        /// The rate at which frames are sent to that at which they are shown.
        speed: Speed,
    },
    /// Nothing came by UDP, and the session goes on over TCP.
    SwitchedToTcp,
    /// The server has paused, as [`Client::pause`](super::Client::pause) asked.
    Paused,
    /// The server has refused a request. The session goes on as before.
    Refused {
        /// The method of the request that the server has refused.
        method: Method<'static>,
        /// The status of the server's response.
        status: Status,
    },
    /// Nothing has come for a while, although the server plays.
    Stalled,
    /// The presentation has ended. All frames that will come are in the caches.
    Ended,
    /// The session has ended. No event follows.
    Closed,
}

/// The state of a session, and how it began.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Statistics {
    /// The lower transport of the media; `None` until it is agreed on.
    pub transport: Option<LowerTransport>,
    /// The range that the server plays, or played last, as far as it says.
    pub range: Range,
    /// The rate of media time to the time in which it is shown.
    pub scale: Scale,
    /// The rate at which frames are sent to that at which they are shown.
    pub speed: Speed,
    /// The time from the start of the connection to the end of the first frame; `None` before that.
    pub first_frame: Option<Duration>,
}

/// How many frames and bytes the cache of a track holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Usage {
    /// The number of frames in the cache.
    pub frames: usize,
    /// The number of bytes that the frames in the cache take.
    pub bytes: usize,
    /// The number of bytes that the cache may hold.
    pub capacity: usize,
    /// The time for which they are shown, all together.
    pub span: Duration,
}
