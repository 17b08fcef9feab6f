//! The configuration of a client, and what it tells.
use pinhole::client::{LowerTransport, PlayOptions, PrefetchOptions, TransportChoice};
use pinhole::rtsp::{Method, Range, Scale, Speed, Status};
use std::time::Duration;

/// The configuration of a [`Client`](super::Client). The default plays from the start over UDP, or
/// interleaved if UDP does not work, with caches of 64 MiB, no prefetch, and 10 seconds to connect.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The lower transport to ask the server for: UDP, interleaved in the RTSP connection, or UDP first and
    /// then interleaved.
    pub transport: TransportChoice,
    /// What is played first: from where, and how fast. The scale and the speed stay until
    /// [`Client::play_with`](super::Client::play_with) changes them.
    pub play: PlayOptions,
    /// The number of bytes that the caches of all tracks together may hold. Each track has an equal part,
    /// which should hold several frames: if the first frame of a track is larger, the session fails with
    /// [`Error::CacheTooSmall`](super::Error::CacheTooSmall), and later ones that are larger are left out.
    /// However short its frames are, a part holds at most one for each 6 KiB, or 64 if that is more.
    pub cache: usize,
    /// How far ahead of [`Client::watch_from`](super::Client::watch_from) recorded media are fetched, in
    /// parts of the cache. Frames from there on are not evicted then, so go on calling `watch_from`. With
    /// `None`, the oldest frames are evicted for the newest, as for live media.
    pub prefetch: Option<PrefetchOptions>,
    /// The time limit for connecting to each of the addresses of the server's host, which are tried in
    /// turn. The time to look up the host's addresses does not count. With zero, no connection can be made.
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

/// Something that happened to a session; see [`Client::poll_event`](super::Client::poll_event).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The server has described the presentation. This comes once on each connection, before the first
    /// [`Self::Playing`].
    Described {
        /// The number of tracks that are received. They are numbered from 0.
        tracks: u8,
        /// The length of the presentation; `None` if it is live, or its length is unknown.
        duration: Option<Duration>,
    },
    /// The server has accepted PLAY, and plays. This follows the start,
    /// [`Client::seek`](super::Client::seek) and the other calls that play.
    Playing {
        /// The lower transport of the media.
        transport: LowerTransport,
        /// The range that the server plays. It has no start, or no end, if the server does not say. At a
        /// negative scale, its end is before its start.
        range: Range,
        /// How fast the medium's own time goes: 1 is normal, also if the server does not say, and a
        /// negative scale plays backwards (RFC 2326, 12.34).
        scale: Scale,
        /// How many times faster than they are shown frames are sent; 1 if the server does not say (RFC
        /// 2326, 12.35).
        speed: Speed,
    },
    /// Nothing came by UDP, or the server refused UDP, and the session goes on over TCP. [`Self::Playing`]
    /// follows; nothing needs to be done.
    SwitchedToTcp,
    /// The server has paused, as [`Client::pause`](super::Client::pause) asked.
    /// [`Client::play`](super::Client::play) goes on from here.
    Paused,
    /// The server has refused PLAY or PAUSE. The session goes on as before: what was played or paused still
    /// is. A refusal without which there is no session is [`Error::Refused`](super::Error::Refused)
    /// instead.
    Refused {
        /// The method of the request that the server has refused.
        method: Method<'static>,
        /// The status of the server's response.
        status: Status,
    },
    /// Nothing has come for 10 seconds, although the server plays. This comes once, and again only after
    /// more has come. Wait on, or call [`Client::reconnect`](super::Client::reconnect).
    Stalled,
    /// The presentation has ended. All frames that will come are in the caches.
    /// [`Client::play`](super::Client::play) starts over, and [`Client::seek`](super::Client::seek) goes to
    /// another place.
    Ended,
    /// The session has ended, and the connection is closed: the client has torn it down, or the server has
    /// ended it. No event follows unless [`Client::reconnect`](super::Client::reconnect) is called.
    Closed,
}

/// What the server plays, by its last answer to PLAY, and how long the first frame took. Nothing in it
/// counts packets: see [`Client::track_statistics`](super::Client::track_statistics).
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Statistics {
    /// The lower transport of the media; `None` until the server first plays.
    pub transport: Option<LowerTransport>,
    /// The range that the server plays, or played last. It has no start, or no end, if the server does not
    /// say, and neither before the server plays.
    pub range: Range,
    /// How fast the medium's own time goes: 1 is normal, also before the server plays, and a negative scale
    /// plays backwards (RFC 2326, 12.34).
    pub scale: Scale,
    /// How many times faster than they are shown frames are sent; 1 is normal, also before the server plays
    /// (RFC 2326, 12.35).
    pub speed: Speed,
    /// The time from the call of [`Client::connect`](super::Client::connect) until the first frame of any
    /// track was in its cache; `None` before that.
    pub first_frame: Option<Duration>,
}

/// How many frames and bytes the cache of one track holds now, from
/// [`Client::usage`](super::Client::usage).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Usage {
    /// The number of frames in the cache.
    pub frames: usize,
    /// The number of bytes that the frames in the cache take.
    pub bytes: usize,
    /// The number of bytes that the cache may hold: the track's part of [`Options::cache`].
    pub capacity: usize,
    /// The media time for which the cached frames are shown, all
    /// [`Client::time_ranges`](super::Client::time_ranges) together.
    pub span: Duration,
}
