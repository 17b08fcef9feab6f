//! RTSP 1.0 messages (RFC 2326): a parser that borrows from the receive buffer, and a writer.
//!
//! [`parse`] finds the next message in the bytes that have arrived. There is a type for the value of each of
//! several headers ([`TransportSpec`], [`Range`], [`Scale`], [`Speed`], [`Session`], [`RtpInfo`]) with a
//! function that reads the value. [`MessageWriter`] writes messages, and takes these types as values of
//! headers.
mod headers;
pub mod interleaved;
mod pace;
mod parse;
mod range;
mod rtp_info;
mod session;
mod status;
#[cfg(test)]
mod tests;
mod transport;
mod url;
mod write;

pub use crate::rtp::{Scale, Speed};
pub use headers::{Header, Headers, RECEIVE_BUFFER};
pub use parse::{MAX_LEN, ParseError, ParseErrorKind, Parsed, parse, parse_within};
pub use range::{Position, Range, RangeError};
pub use rtp_info::RtpInfo;
pub use session::Session;
pub use status::Status;
pub use transport::{
    LowerTransport, Pair, Profile, TransportError, TransportErrorKind, TransportSpec, transports,
};
pub use url::{ControlUrl, DEFAULT_PORT, DEFAULT_TLS_PORT, Url, UrlError, UrlErrorKind};
pub use write::{MessageWriter, WriteError};

use crate::text;

/// A message that came on an RTSP connection, as [`parse`] returns it. It borrows from the receive buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Message<'a> {
    /// A request of the peer. Answer with a response that has the `CSeq` of the request. Clients get
    /// requests, too: a server may send requests to its client (RFC 2326, 10).
    Request(Request<'a>),
    /// The response to a request that this end has sent. The response has the `CSeq` of that request. Ignore
    /// a response if no request with this `CSeq` waits for one.
    Response(Response<'a>),
    /// A packet of RTP or RTCP that came between messages on the same connection. The channel of the packet
    /// says to which stream the packet belongs.
    Data(interleaved::Data<'a>),
}

/// A request (RFC 2326, 6), borrowed from the receive buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Request<'a> {
    /// The method, which says what the peer asks for.
    pub method: Method<'a>,
    /// The URL as bytes, as it was sent. The URL is not empty. It may have spaces in it, because some clients
    /// do not encode spaces. If it is `*`, it stands for the whole server. Otherwise read it with
    /// [`Url::parse`]. If [`Url::parse`] fails and the method needs a URL, answer 400.
    pub url: &'a [u8],
    /// The version of the protocol. If it is not [`Version::V1_0`], answer 505
    /// ([`Status::VERSION_NOT_SUPPORTED`]).
    pub version: Version,
    /// The header fields.
    pub headers: Headers<'a>,
    /// The body, which has as many bytes as the header field `Content-Length` says. If there is no such
    /// field, the body is empty.
    pub body: &'a [u8],
}

/// A response (RFC 2326, 7), borrowed from the receive buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Response<'a> {
    /// The version of the protocol that the peer sent. [`parse`] accepts any version.
    pub version: Version,
    /// The status code, which says what became of the request.
    pub status: Status,
    /// The reason phrase for people, as bytes; it may be empty. Decide by the status code, not by this
    /// phrase.
    pub reason: &'a [u8],
    /// The header fields.
    pub headers: Headers<'a>,
    /// The body, which has as many bytes as the header field `Content-Length` says. If there is no such
    /// field, the body is empty.
    pub body: &'a [u8],
}

/// A version of the protocol: `RTSP/MAJOR.MINOR`. Versions are ordered by their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Version {
    /// The number before the point: 1 in `RTSP/1.0`.
    pub major: u8,
    /// The number after the point: 0 in `RTSP/1.0`.
    pub minor: u8,
}

impl Version {
    /// RTSP/1.0, the only version that this library speaks. Answer requests of any other version with
    /// [`Status::VERSION_NOT_SUPPORTED`].
    pub const V1_0: Self = Self { major: 1, minor: 0 };
}

/// The method of a request (RFC 2326, 10). Names are case-sensitive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Method<'a> {
    /// OPTIONS asks which methods the other end supports. It also keeps a session alive (RFC 2326, 10.1).
    Options,
    /// DESCRIBE asks for the session description of a presentation (RFC 2326, 10.2).
    Describe,
    /// ANNOUNCE sends a session description to the other end, for example of a stream that is to be recorded
    /// (RFC 2326, 10.3).
    Announce,
    /// SETUP agrees on the transport of one stream, and begins a session or adds to one (RFC 2326, 10.4).
    Setup,
    /// PLAY makes the server start sending, from the place in the header field `Range` (RFC 2326, 10.5).
    Play,
    /// PAUSE makes the server stop sending until the next PLAY; the session stays (RFC 2326, 10.6).
    Pause,
    /// TEARDOWN makes the server stop sending, and ends the session (RFC 2326, 10.7).
    Teardown,
    /// GET_PARAMETER asks for the values of the parameters that its body names. If it has no body, it only
    /// keeps a session alive (RFC 2326, 10.8).
    GetParameter,
    /// SET_PARAMETER sets the parameters that its body gives (RFC 2326, 10.9).
    SetParameter,
    /// REDIRECT tells a client to connect to another server (RFC 2326, 10.10).
    Redirect,
    /// RECORD starts recording what the client sends (RFC 2326, 10.11).
    Record,
    /// A method that RFC 2326 does not have. The bytes are its name as it was sent. As a server, answer with
    /// [`Status::NOT_IMPLEMENTED`].
    Unknown(&'a [u8]),
}

/// The names of the methods of the RFC, in the order in which [`Method::from_name`] counts them. A table of
/// strings takes three times the flash.
const NAMES: &[u8] =
    b"OPTIONS,DESCRIBE,ANNOUNCE,SETUP,PLAY,PAUSE,TEARDOWN,GET_PARAMETER,SET_PARAMETER,REDIRECT,RECORD";

impl<'a> Method<'a> {
    /// Returns the method with this name. If RFC 2326 has no such method, the result is [`Method::Unknown`].
    /// Case matters: `play` is unknown.
    pub fn from_name(name: &'a [u8]) -> Self {
        match text::split(NAMES, b',').position(|known| known == name) {
            Some(0) => Self::Options,
            Some(1) => Self::Describe,
            Some(2) => Self::Announce,
            Some(3) => Self::Setup,
            Some(4) => Self::Play,
            Some(5) => Self::Pause,
            Some(6) => Self::Teardown,
            Some(7) => Self::GetParameter,
            Some(8) => Self::SetParameter,
            Some(9) => Self::Redirect,
            Some(10) => Self::Record,
            _ => Self::Unknown(name),
        }
    }

    /// Returns the name of the method, as it stands in a request.
    pub fn name(self) -> &'a [u8] {
        match self {
            Self::Unknown(name) => name,
            _ => text::split(NAMES, b',').find(|name| Method::from_name(name) == self).unwrap_or_default(),
        }
    }
}

/// Whether `b` may stand in the name of a method or header (RFC 2326, 15.1, `token`).
const fn is_token(b: u8) -> bool {
    b.is_ascii_alphanumeric()
        || matches!(b, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~')
}
