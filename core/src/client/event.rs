//! The events and errors of a client connection.
#[cfg(feature = "auth")]
use super::login::LoginError;
use crate::codec::Codec;
use crate::rtsp::LowerTransport;
use crate::rtsp::{Method, Pair, Range, Scale, Speed, Status};
use crate::sdp::{FrameRate, SdpError};
use crate::text::Escaped;
use crate::time::Duration;
use core::net::IpAddr;

/// An event of a client connection: what happened, or what the caller has to do.
/// [`ClientConn::poll_event`](super::ClientConn::poll_event) returns it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event<'a> {
    /// The server has described the presentation. The client now sets its tracks up by itself.
    Described {
        /// The number of tracks that can be received, 1 to 4. Track numbers count from 0.
        /// [`super::ClientConn::track`] describes each track. Tracks in codecs that this library does not
        /// know are not counted, and neither are tracks after the fourth.
        tracks: u8,
        /// The duration of the presentation; `None` if it is live, or if the server does not give the
        /// duration.
        duration: Option<Duration>,
    },
    /// The client wants to receive a track over UDP. Bind two UDP ports for the track, usually an even
    /// port for RTP and the next port for RTCP, and pass them to [`super::ClientConn::setup`]. If no
    /// ports can be bound, pass `None`. The session waits until [`super::ClientConn::setup`] is called.
    Setup {
        /// The number of the track that needs ports, counted from 0.
        track: u8,
    },
    /// A track was set up over UDP. From now on, pass to
    /// [`ClientConn::handle_datagram`](super::ClientConn::handle_datagram) only those datagrams of the
    /// track that come from the IP address in `source`. Drop all other datagrams.
    ServerPorts {
        /// The number of the track that was set up, counted from 0.
        track: u8,
        /// The server's UDP ports for RTP and RTCP; `None` if the server does not give them. With `None`,
        /// the client sends no reports for the track. The caller need not do anything with these ports:
        /// each [`super::Datagram`] names the port to which it has to be sent.
        ports: Option<Pair<u16>>,
        /// The IP address from which the server sends the packets of the track. It is `None` if the
        /// server gives no address, and also if the server gives a host name in place of an address. In
        /// both cases, accept datagrams from the server's IP address in the RTSP connection, and from no
        /// other.
        source: Option<IpAddr>,
    },
    /// The server has accepted PLAY, and plays. The event comes for each successful response to PLAY,
    /// also if the server was playing before.
    Playing {
        /// The lower transport of the first track: UDP, or interleaved in the RTSP connection.
        lower: LowerTransport,
        /// The range of the medium that the server plays, as the server says, in the medium's own time. If
        /// the server gives no start, the start is `None`; if the server gives no end, the end is `None`.
        /// At a negative scale, the end of the range is before its start.
        range: Range,
        /// The scale at which the server plays, which may differ from the one that was asked for. At a
        /// scale of 2, two seconds of the medium are shown in one second. At a negative scale, the medium
        /// is shown backwards. The value is 1 if the response gives no valid scale.
        scale: Scale,
        /// The speed at which the server delivers, which may differ from the one that was asked for. At a
        /// speed of 2, frames arrive twice as fast as they have to be shown. The value is 1 if the response
        /// gives no valid speed.
        speed: Speed,
    },
    /// UDP is given up, because the server has refused UDP, the caller has passed in no ports, or no packet
    /// came by UDP. The client now sets all tracks up again, interleaved in the RTSP connection. The caller
    /// can close the UDP sockets of all tracks. If PLAY was asked for, [`Self::Playing`] or
    /// [`Self::Refused`] follows.
    SwitchedToTcp,
    /// The server has paused. To continue at the place where the server paused, call
    /// [`ClientConn::play`](super::ClientConn::play) with `None`.
    Paused,
    /// No media packet has come for [`super::Config::stalled_after`], although the server plays. The
    /// session goes on: wait, or end the session with
    /// [`ClientConn::teardown`](super::ClientConn::teardown). The event comes once for each stall. It can
    /// come again only after more packets have come, or after playing has begun anew.
    Stalled,
    /// All tracks were played to their end. The session stays open. To play the medium again from its
    /// beginning, call [`ClientConn::play`](super::ClientConn::play) with `None`. To end the session,
    /// call [`ClientConn::teardown`](super::ClientConn::teardown).
    Ended,
    /// The server says that the presentation is at another URL (RFC 2326, 11.3). To follow, connect to
    /// the server of that URL and make another [`ClientConn`](super::ClientConn). For this connection,
    /// [`Self::Closed`] follows.
    Redirected {
        /// The other URL, as the server has sent it. The URL is not checked. If the server does not give a
        /// URL, or if the connection has no room for the URL, this is empty: there is nothing to follow
        /// then.
        location: &'a [u8],
    },
    /// The server has refused a request. If the request was DESCRIBE or SETUP, the session ends, and
    /// [`Self::Closed`] follows. If the request was PLAY or PAUSE, the session continues as before, and
    /// the caller may ask for something else. With the feature `auth`, no request is refused with
    /// [`Status::UNAUTHORIZED`]: the client logs in, or fails with [`ClientError::Login`].
    Refused {
        /// The method of the refused request.
        method: Method<'static>,
        /// The status of the server's response. If the server has accepted SETUP, but with a transport
        /// that the client cannot use, the status is always [`Status::UNSUPPORTED_TRANSPORT`].
        status: Status,
    },
    /// The session has ended without an error: after [`ClientConn::teardown`](super::ClientConn::teardown),
    /// after a refusal or a redirection, or because the server has ended the session. Close the RTSP
    /// connection and the UDP sockets. No event follows.
    Closed,
    /// The session has failed. Close the RTSP connection and the UDP sockets. No event follows. For
    /// another attempt, connect again and make another [`ClientConn`](super::ClientConn).
    Failed(ClientError),
}

/// Why a client session has failed. In each case, close the connection: the session cannot be resumed.
/// The variants say whether another connection may succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ClientError {
    /// The server has sent bytes that are not RTSP. The server is probably not an RTSP server, and another
    /// attempt would fail, too.
    NotRtsp {
        /// The offset of the first byte that is not RTSP, in bytes from the start of what the server has
        /// sent on this connection.
        at: u64,
    },
    /// The server has sent an HTTP message. The server is not an RTSP server, or the port is wrong. Another
    /// attempt would fail, too.
    Http {
        /// The offset of the HTTP message, in bytes from the start of what the server has sent on this
        /// connection.
        at: u64,
    },
    /// The server has sent a malformed RTSP message, after which the session cannot go on. Another attempt
    /// would probably fail, too.
    Malformed {
        /// The offset of the byte at which the message is malformed, in bytes from the start of what the
        /// server has sent on this connection. Use the offset to find the fault in a recording of the
        /// connection.
        at: u64,
    },
    /// The server has sent a message that is longer than the room for messages in the storage. Make the
    /// next connection with a larger [`super::Config::max_response`].
    TooLong {
        /// The offset of the message, in bytes from the start of what the server has sent on this
        /// connection.
        at: u64,
        /// The length of the message in bytes. If the end of the message has not come yet, the message may
        /// be longer than this.
        need: usize,
    },
    /// The server's session description cannot be read. The error says why. Another attempt would
    /// probably fail, too.
    Description(SdpError),
    /// The presentation has no track in a codec that this library can receive. Another attempt would
    /// fail, too.
    NoTrack,
    /// The caller has passed `None` to [`ClientConn::setup`](super::ClientConn::setup), and
    /// [`super::TransportChoice::Udp`] rules out interleaving.
    NoPorts,
    /// The connection has no room for what the server gives. The URLs of the presentation and its tracks
    /// and the session identifier may have 1024 bytes together, and each request may have 1024 bytes, or 2048
    /// with the feature `auth`. No configuration gives more room: give the server up.
    NoRoom,
    /// The server has not answered a request within [`super::Config::response_wait`]. Another connection
    /// may succeed later.
    Timeout {
        /// The method of the request that was not answered.
        method: Method<'static>,
    },
    /// The server does not know the session any more, or has refused twice in a row to keep the session
    /// alive. Another connection can begin a new session.
    SessionLost {
        /// The status of the server's last response.
        status: Status,
    },
    /// The server does not let the client in. Another attempt would fail, too, unless the caller has other
    /// credentials: see [`ClientConn::log_in_with`](super::ClientConn::log_in_with).
    #[cfg(feature = "auth")]
    Login(LoginError),
    /// The connection was lost before the session had ended: the caller has called
    /// [`ClientConn::disconnected`](super::ClientConn::disconnected). Another connection may succeed.
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
            #[cfg(feature = "auth")]
            Self::Login(error) => error.fmt(f),
            Self::Disconnected => f.write_str("the server has closed the connection"),
        }
    }
}

impl core::error::Error for ClientError {}

/// A track of the presentation, as the session description announces it, and the transport that it was
/// set up with. [`ClientConn::track`](super::ClientConn::track) returns it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct TrackDescription {
    /// The codec of the track, which says what the bytes of its frames are.
    pub codec: Codec,
    /// The payload type of the track's RTP packets, 0 to 127. RTP packets of another type are ignored.
    pub payload_type: u8,
    /// The number of ticks per second of the track's RTP clock, in which the times of its frames are
    /// counted.
    pub clock_rate: u32,
    /// The frame rate in thousandths of a frame per second; `None` if the session description gives none,
    /// or 0. The actual rate of the frames may differ.
    pub frame_rate: Option<FrameRate>,
    /// The width and the height in pixels; `None` if the session description does not give both. The
    /// pictures themselves may have another size.
    pub dimensions: Option<(u16, u16)>,
    /// The lower transport that the track was set up with; `None` before the track is set up.
    pub lower: Option<LowerTransport>,
}

/// The error of [`ClientConn::setup`](super::ClientConn::setup): the connection does not wait for ports of
/// that track. Nothing has changed in the connection. The caller can close the UDP sockets whose ports were
/// passed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct NotWaiting;

impl core::fmt::Display for NotWaiting {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("the track does not wait for ports")
    }
}

impl core::error::Error for NotWaiting {}
