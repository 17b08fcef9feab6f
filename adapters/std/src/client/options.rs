//! The configuration of a client, and what it tells.
use crate::credentials::Credentials;
#[cfg(feature = "tls")]
use crate::tls::Fingerprint;
use pinhole::client::{LowerTransport, PlayOptions, PrefetchOptions, TransportChoice};
use pinhole::rtsp::{Method, Range, Scale, Speed, Status};
use std::time::Duration;

/// The configuration of a [`Client`](super::Client). Pass it to [`Client::connect`](super::Client::connect).
/// The default plays from the start over UDP, or interleaved if UDP does not work, with caches of 64 MiB, no
/// prefetch, 10 seconds to connect, and no credentials.
#[derive(Clone, Debug)]
pub struct Options {
    /// The lower transport to ask the server for: UDP, interleaved in the RTSP connection, or UDP first and
    /// then interleaved.
    pub transport: TransportChoice,
    /// Is true if RTSP is spoken over HTTP, as it always is with the server of an `rtsph://` or `rtspsh://` URL: responses and packets
    /// come as the answer to a GET, and requests go out as the body of a POST, in base64, on a second connection. This
    /// passes firewalls and proxies that let only HTTP through. Packets are then interleaved, whatever
    /// [`Self::transport`] says.
    pub tunnel: bool,
    /// What is played when the session starts: from where, and how fast. The scale and the speed stay until
    /// [`Client::play_with`](super::Client::play_with) changes them.
    pub play: PlayOptions,
    /// The number of bytes that the caches of all tracks together can hold. Each track has an equal part.
    ///
    /// A part should hold several frames. If the first frame of a track is larger than the track's part, the
    /// session fails with [`Error::CacheTooSmall`](super::Error::CacheTooSmall). If a later frame is larger
    /// than the part, that frame is left out.
    ///
    /// The number of frames in a part is limited, too: to one frame for each 6 KiB of the part, but never to
    /// less than 64 frames.
    pub cache: usize,
    /// How much of a recorded presentation is fetched ahead of the frame that
    /// [`Client::watch_from`](super::Client::watch_from) names, as shares of the cache. That frame and the
    /// frames after it are not evicted, so call [`Client::watch_from`](super::Client::watch_from) whenever
    /// the viewer has gone on.
    ///
    /// With `None`, nothing is fetched ahead. The oldest frames are evicted to make room for the newest, as
    /// always with live media.
    pub prefetch: Option<PrefetchOptions>,
    /// The user name and the password with which the client logs in, if the server asks for that. Those in the URL
    /// come before these.
    pub credentials: Option<Credentials>,
    /// Is true if the password may be sent in clear text, to a server that knows no better (Basic, RFC 7617). Everybody
    /// on the way reads it then. Inside TLS it may be sent in any case.
    pub allow_basic: bool,
    /// The certificate by which the server of an `rtsps://` URL is known, whoever has signed it and for whichever host.
    /// With `None`, the certificate has to be for the host of the URL and to lead to one in the system's store, or else the
    /// session fails with [`Error::Tls`](super::Error::Tls), which has the fingerprint of the certificate.
    #[cfg(feature = "tls")]
    pub tls_fingerprint: Option<Fingerprint>,
    /// The time limit for connecting to one address. If the server's host has several addresses, the
    /// addresses are tried in turn, each for this time at the longest. The time to look up the addresses does
    /// not count. With zero, no connection can be made.
    pub connect_timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            transport: TransportChoice::Auto,
            tunnel: false,
            play: PlayOptions::default(),
            cache: 64 << 20,
            prefetch: None,
            credentials: None,
            allow_basic: false,
            #[cfg(feature = "tls")]
            tls_fingerprint: None,
            connect_timeout: Duration::from_secs(10),
        }
    }
}

/// Something that happened to a session; see [`Client::poll_event`](super::Client::poll_event).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The server has described the presentation. This event comes once on each connection, before the first
    /// [`Self::Playing`] on that connection.
    Described {
        /// The number of tracks that are received. They are numbered from 0.
        tracks: u8,
        /// The length of the presentation; `None` if it is live, or its length is unknown.
        duration: Option<Duration>,
    },
    /// The server has accepted PLAY, and plays. This event comes after the start of the session, and after
    /// [`Client::seek`](super::Client::seek), [`Client::play`](super::Client::play) and
    /// [`Client::play_with`](super::Client::play_with).
    Playing {
        /// The lower transport of the media.
        transport: LowerTransport,
        /// The range that the server plays. If the server does not name the start or the end, that side is
        /// missing. At a negative scale, the end of the range is before its start.
        range: Range,
        /// The scale: how many times faster than normal the medium's own time goes (RFC 2326, 12.34). 1 is
        /// normal. A negative scale plays backwards. The value is 1 if the server does not say.
        scale: Scale,
        /// How fast the server sends the frames, compared with how fast they are shown (RFC 2326, 12.35): 2
        /// means twice as fast. The value is 1 if the server does not say.
        speed: Speed,
    },
    /// The session goes on over TCP, because nothing came by UDP or because the server refused UDP.
    /// [`Self::Playing`] follows. Nothing needs to be done.
    SwitchedToTcp,
    /// The server has paused, as [`Client::pause`](super::Client::pause) asked.
    /// [`Client::play`](super::Client::play) goes on from the place where the server paused.
    Paused,
    /// The server has refused PLAY or PAUSE. The session goes on as before the request: if the server played,
    /// it still plays, and if it was paused, it is still paused. If the server refuses a request without
    /// which there is no session, this event does not come: [`Client::turn`](super::Client::turn) returns
    /// [`Error::Refused`](super::Error::Refused).
    Refused {
        /// The method of the request that the server has refused.
        method: Method<'static>,
        /// The status of the server's response.
        status: Status,
    },
    /// Nothing has come for 10 seconds, although the server should play. Wait on, or call
    /// [`Client::reconnect`](super::Client::reconnect). This event does not come again until media have come
    /// after it.
    Stalled,
    /// The presentation has ended. All frames of the presentation that will come have come.
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
    /// The range that the server plays now or has played last. If the server does not name the start or the
    /// end, that side is missing. Both sides are missing before the server first plays.
    pub range: Range,
    /// The scale: how many times faster than normal the medium's own time goes (RFC 2326, 12.34). 1 is
    /// normal. A negative scale plays backwards. The value is 1 before the server first plays, and if the
    /// server does not say.
    pub scale: Scale,
    /// How fast the server sends the frames, compared with how fast they are shown (RFC 2326, 12.35): 2 means
    /// twice as fast. The value is 1 before the server first plays, and if the server does not say.
    pub speed: Speed,
    /// The time from the call of [`Client::connect`](super::Client::connect) to the moment when a frame was
    /// first in the cache of any track. `None` before that moment.
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
    /// The media time that the frames in the cache cover: the sum of the lengths of all
    /// [`Client::time_ranges`](super::Client::time_ranges).
    pub span: Duration,
}
