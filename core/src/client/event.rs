//! The events and errors of a client connection.
use crate::codec::Codec;
use crate::rtsp::LowerTransport;
use crate::rtsp::{AuthScheme, Method, Pair, Range, Scale, Speed, Status};
use crate::sdp::{FrameRate, SdpError};
use crate::text::Escaped;
use crate::time::Duration;
use core::net::IpAddr;

/// An event of a client connection: what happened, or what the caller has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event<'a> {
    /// The server described the presentation.
    Described {
        /// The number of tracks that can be received. [`super::ClientConn::track`] describes them.
        tracks: u8,
        /// The duration of the presentation; `None` if it is live or the duration is not known.
        duration: Option<Duration>,
    },
    /// A track shall come over UDP. The caller binds two UDP ports for it and passes them to
    /// [`super::ClientConn::setup`]. The session waits until it does.
    Setup {
        /// The number of the track that needs ports.
        track: u8,
    },
    /// A track was set up over UDP. Packets from these ports belong to it.
    ServerPorts {
        /// The number of the track that was set up.
        track: u8,
        /// The server's UDP ports; `None` if it does not give them. Nothing is sent to the server then.
        ports: Option<Pair<u16>>,
        /// The address that packets come from; `None` if it is the server's own.
        source: Option<IpAddr>,
    },
    /// The server has accepted PLAY, and plays.
    Playing {
        /// The lower transport of the media.
        lower: LowerTransport,
        /// The range that the server plays, as far as it says. At a negative scale, its end is before
        /// its start.
        range: Range,
        /// How fast the medium's own time goes; 1 if the server does not say.
        scale: Scale,
        /// How many times faster than they are shown frames are delivered; 1 if the server does not say.
        speed: Speed,
    },
    /// No packets come over UDP, so the tracks are set up again, interleaved. [`Self::Playing`] follows.
    SwitchedToTcp,
    /// The server has paused. The next PLAY without a place continues there.
    Paused,
    /// Nothing has come for [`super::Config::stalled_after`], although the server plays. The event comes
    /// once, and again only after more has come.
    Stalled,
    /// All tracks were played to their end. The next PLAY without a place starts at the beginning.
    Ended,
    /// The presentation is at another URL (RFC 2326, 11.3). [`Self::Closed`] follows.
    Redirected {
        /// The other URL; empty if the server does not give it.
        location: &'a [u8],
    },
    /// The server has refused a request. After DESCRIBE and SETUP, [`Self::Closed`] follows. After PLAY
    /// and PAUSE the session continues as before.
    Refused {
        /// The method of the refused request.
        method: Method<'static>,
        /// The status of the server's response.
        status: Status,
        /// The authentication that the server asks for, with [`Status::UNAUTHORIZED`]; `None` with any
        /// other status, or if the server does not say.
        auth: Option<AuthScheme>,
    },
    /// The session has ended. The caller has to close the connection. No event follows.
    Closed,
    /// The session has failed. The caller has to close the connection. No event follows.
    Failed(ClientError),
}

/// Why a client session cannot continue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ClientError {
    /// The server has sent bytes that are not RTSP.
    NotRtsp {
        /// The offset of the first byte that is not RTSP, since the start of the connection.
        at: u64,
    },
    /// The server has sent an HTTP message instead of RTSP.
    Http {
        /// The offset of the HTTP message since the start of the connection, in bytes.
        at: u64,
    },
    /// The server has sent a malformed RTSP message.
    Malformed {
        /// The offset of the fault since the start of the connection, in bytes.
        at: u64,
    },
    /// A message of the server is longer than the caller's storage.
    TooLong {
        /// The offset of the message since the start of the connection, in bytes.
        at: u64,
        /// The length of the message in bytes, as far as it is known.
        need: usize,
    },
    /// The server's session description is malformed.
    Description(SdpError),
    /// The presentation has no track that this client can receive.
    NoTrack,
    /// The caller has no ports for UDP, and its configuration rules out interleaving.
    NoPorts,
    /// The server's URLs and session identifier are longer than the room that a client has for them.
    NoRoom,
    /// The server has not answered a request within [`super::Config::response_wait`].
    Timeout {
        /// The method of the request that was not answered.
        method: Method<'static>,
    },
    /// The server does not know the session any more, or refuses to keep it alive.
    SessionLost {
        /// The status of the server's response.
        status: Status,
    },
    /// The connection was lost before the session had ended.
    Disconnected,
}

impl core::fmt::Display for ClientError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::NotRtsp { at } => write!(f, "the server does not speak RTSP (byte {at})"),
            Self::Http { at } => write!(f, "the server speaks HTTP, not RTSP (byte {at})"),
            Self::Malformed { at } => write!(f, "the server's message is malformed (byte {at})"),
            Self::TooLong { at, need } => {
                write!(f, "the server's message at byte {at} takes {need} bytes, more than there is room for")
            }
            Self::Description(error) => error.fmt(f),
            Self::NoTrack => f.write_str("the server has no track that can be received"),
            Self::NoPorts => f.write_str("there are no ports to receive by UDP"),
            Self::NoRoom => f.write_str("the server's URLs are longer than there is room for"),
            Self::Timeout { method } => {
                write!(f, "the server does not answer {}", Escaped(method.name()))
            }
            Self::SessionLost { status } => {
                write!(f, "the server has dropped the session ({} {})", status.0, status.reason())
            }
            Self::Disconnected => f.write_str("the server has closed the connection"),
        }
    }
}

impl core::error::Error for ClientError {}

/// A track of the presentation, as the session description has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct TrackDescription {
    /// The codec of the track, which says what its frames are.
    pub codec: Codec,
    /// The payload type of the track's RTP packets.
    pub payload_type: u8,
    /// Ticks per second of the track's RTP clock.
    pub clock_rate: u32,
    /// The frame rate; `None` if the server does not give it.
    pub frame_rate: Option<FrameRate>,
    /// The width and the height in pixels, if the server gives them.
    pub dimensions: Option<(u16, u16)>,
    /// The lower transport of the track; `None` until it is set up.
    pub lower: Option<LowerTransport>,
}

/// The error of [`ClientConn::setup`](super::ClientConn::setup) that the track does not wait for ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct NotWaiting;

impl core::fmt::Display for NotWaiting {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("the track does not wait for ports")
    }
}

impl core::error::Error for NotWaiting {}
