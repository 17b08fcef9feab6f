//! What a client connection says.
use crate::codec::Codec;
use crate::rtsp::LowerTransport;
use crate::rtsp::{AuthScheme, Method, Pair, Range, Scale, Speed, Status};
use crate::sdp::{FrameRate, SdpError};
use crate::text::Escaped;
use crate::time::Duration;
use core::net::IpAddr;

/// What happened on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event<'a> {
    /// The server described the presentation.
    Described {
        /// How many tracks there are that can be received; [`super::ClientConn::track`] tells more.
        tracks: u8,
        /// How long it is; `None`: it is live, or that is not known.
        duration: Option<Duration>,
    },
    /// A track is to come by UDP: bind a pair of ports, and say which with
    /// [`super::ClientConn::setup`]. Everything waits for that.
    Setup {
        /// Which track.
        track: u8,
    },
    /// A track was set up over UDP: what comes from these ports belongs to it.
    ServerPorts {
        /// Which track.
        track: u8,
        /// The server's ports; `None` if it does not say. Nothing is sent to it then.
        ports: Option<Pair<u16>>,
        /// The address that packets come from, if it is not the server's own.
        source: Option<IpAddr>,
    },
    /// The server plays.
    Playing {
        /// How the media travel.
        lower: LowerTransport,
        /// What it plays, as far as it says. At a negative scale, the end comes before the start.
        range: Range,
        /// How fast the medium goes by; 1 where the server does not say.
        scale: Scale,
        /// How much sooner than they are shown frames come; 1 where the server does not say.
        speed: Speed,
    },
    /// UDP does not work: the tracks are set up anew, interleaved. [`Self::Playing`] follows.
    SwitchedToTcp,
    /// The server holds; PLAY goes on where it stopped.
    Paused,
    /// Nothing has come for [`super::Config::stalled_after`], though the server plays. Told once,
    /// and again only after more has come.
    Stalled,
    /// All tracks were played to their end; PLAY starts over.
    Ended,
    /// The presentation is elsewhere (RFC 2326, 11.3). [`Self::Closed`] follows.
    Redirected {
        /// The URL; empty if the server does not say.
        location: &'a [u8],
    },
    /// The server refused. After DESCRIBE and SETUP, [`Self::Closed`] follows; after PLAY and PAUSE
    /// all is as it was before.
    Refused {
        /// What it was asked.
        method: Method<'static>,
        /// What it answered.
        status: Status,
        /// What it wants to be shown, with [`Status::UNAUTHORIZED`].
        auth: Option<AuthScheme>,
    },
    /// The session is over: close the connection. The last event.
    Closed,
    /// The session is lost: close the connection. The last event.
    Failed(ClientError),
}

/// Why a session cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ClientError {
    /// The peer's: bytes that are not RTSP, at this byte of the connection.
    NotRtsp {
        /// Counted from the connection's first byte.
        at: u64,
    },
    /// The peer's: it speaks HTTP.
    Http {
        /// Counted from the connection's first byte.
        at: u64,
    },
    /// The peer's: an RTSP message that is malformed at this byte of the connection.
    Malformed {
        /// Counted from the connection's first byte.
        at: u64,
    },
    /// The caller's: a message of the server takes more storage than was lent.
    TooLong {
        /// Counted from the connection's first byte.
        at: u64,
        /// Bytes that it takes, as far as known.
        need: usize,
    },
    /// The peer's: what it sends to describe the presentation is none.
    Description(SdpError),
    /// Nobody's: there is no track that can be received.
    NoTrack,
    /// The caller's: no ports for UDP, and interleaving was ruled out.
    NoPorts,
    /// The caller's: the URLs and the session's identifier take more room than there is for them.
    NoRoom,
    /// The peer's: it does not answer.
    Timeout {
        /// What it was asked.
        method: Method<'static>,
    },
    /// The peer's: it does not know the session any more, or refuses to keep it alive.
    SessionLost {
        /// What it says.
        status: Status,
    },
    /// The connection was lost.
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

/// What is known of a track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct TrackDescription {
    /// What its frames are.
    pub codec: Codec,
    /// The RTP payload type.
    pub payload_type: u8,
    /// Ticks of its RTP clock in a second.
    pub clock_rate: u32,
    /// Frames in a second, if the server says so.
    pub frame_rate: Option<FrameRate>,
    /// Width and height in pixels, if the server says so.
    pub dimensions: Option<(u16, u16)>,
    /// How it travels; `None` until it is set up.
    pub lower: Option<LowerTransport>,
}

/// A request that the state does not allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct NotWaiting;

impl core::fmt::Display for NotWaiting {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("the track does not wait for ports")
    }
}

impl core::error::Error for NotWaiting {}
