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
    /// The number of bytes that the caches of all tracks together can hold. Each track has an equal part.
    ///
    /// A part should hold several frames. If the first frame of a track is larger than the track's part,
    /// the session fails with [`Error::CacheTooSmall`](super::Error::CacheTooSmall). Later frames that are
    /// larger are left out.
    ///
    /// The number of frames in a part is limited, too: to one for each 6 KiB of the part, or to 64 if that
    /// is more.
    pub cache: usize,
    /// How far ahead recorded media are fetched, in parts of the cache, counted from the frame that
    /// [`Client::watch_from`](super::Client::watch_from) names. Frames from that one on are not evicted, so
    /// call [`Client::watch_from`](super::Client::watch_from) whenever the viewer has gone on.
    ///
    /// With `None`, nothing is fetched ahead. The oldest frames are evicted to make room for the newest, as
    /// for live media.
    pub prefetch: Option<PrefetchOptions>,
    /// The time limit for connecting to one address. If the server's host has several addresses, they are
    /// tried in turn, and each has this limit. The time to look up the addresses does not count. With zero,
    /// no connection can be made.
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
    /// The server has accepted PLAY, and plays. This follows the start of the session,
    /// [`Client::seek`](super::Client::seek), [`Client::play`](super::Client::play) and
    /// [`Client::play_with`](super::Client::play_with).
    Playing {
        /// The lower transport of the media.
        transport: LowerTransport,
        /// The range that the server plays. It has no start, or no end, if the server does not say. At a
        /// negative scale, its end is before its start.
        range: Range,
        /// The scale: how many times faster than normal the medium's own time goes (RFC 2326, 12.34). 1 is
        /// normal. A negative scale plays backwards. The value is 1 if the server does not say.
        scale: Scale,
        /// The speed at which the server sends the frames, relative to that at which they are shown (RFC
        /// 2326, 12.35): 2 means twice as fast. The value is 1 if the server does not say.
        speed: Speed,
    },
    /// The session goes on over TCP, because nothing came by UDP or because the server refused UDP.
    /// [`Self::Playing`] follows. Nothing needs to be done.
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
    /// Nothing has come for 10 seconds, although the server should play. Wait on, or call
    /// [`Client::reconnect`](super::Client::reconnect). This event does not come again until something has
    /// come.
    Stalled,
    /// The presentation has ended. All frames that will come are in the caches.
    /// [`Client::play`](super::Client::play) starts over, and [`Client::seek`](super::Client::seek) goes to
    /// another place.
    Ended,
    /// The session has ended, and the connection is closed. Either the client has torn the session down, or
    /// the server has ended it. No event follows unless [`Client::reconnect`](super::Client::reconnect) is
    /// called.
    Closed,
}

/// What the server plays, by its last answer to PLAY, and how long the first frame took. Nothing in it
/// counts packets: see [`Client::track_statistics`](super::Client::track_statistics).
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Statistics {
    /// The lower transport of the media; `None` until the server first plays.
    pub transport: Option<LowerTransport>,
    /// The range that the server plays now or has played last. If the server does not say where the range
    /// starts or ends, that side is missing. Both sides are missing before the server first plays.
    pub range: Range,
    /// The scale: how many times faster than normal the medium's own time goes (RFC 2326, 12.34). 1 is
    /// normal. A negative scale plays backwards. The value is 1 before the server first plays, and if the
    /// server does not say.
    pub scale: Scale,
    /// The speed at which the server sends the frames, relative to that at which they are shown (RFC 2326,
    /// 12.35): 2 means twice as fast. The value is 1 before the server first plays, and if the server does
    /// not say.
    pub speed: Speed,
    /// The time from the call of [`Client::connect`](super::Client::connect) until the cache of any track
    /// had its first frame. `None` until then.
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
    /// The number of bytes that the cache can hold: the track's part of [`Options::cache`].
    pub capacity: usize,
    /// The media time for which the cached frames are shown: the sum of all
    /// [`Client::time_ranges`](super::Client::time_ranges).
    pub span: Duration,
}
