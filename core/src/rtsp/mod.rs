//! RTSP 1.0 messages (RFC 2326): borrowed views over a receive buffer, and a writer.
//!
//! [`parse`] finds the next message in what has arrived; header values have a type each
//! ([`TransportSpec`], [`Range`], [`Scale`], [`Speed`], [`Session`], [`RtpInfo`]), which parses and emits itself;
//! [`MessageWriter`] puts a message together.
mod auth;
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
pub use auth::AuthScheme;
pub use headers::{Header, Headers};
pub use parse::{MAX_LEN, ParseError, ParseErrorKind, Parsed, parse, parse_within};
pub use range::{Position, Range, RangeError};
pub use rtp_info::RtpInfo;
pub use session::Session;
pub use status::Status;
pub use transport::{
    LowerTransport, Pair, Profile, TransportError, TransportErrorKind, TransportSpec, transports,
};
pub use url::{ControlUrl, DEFAULT_PORT, Url, UrlError, UrlErrorKind};
pub use write::{MessageWriter, WriteError};

use crate::text;

/// A message on an RTSP connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Message<'a> {
    /// A request from the peer. Clients get requests, too (RFC 2326, 10).
    Request(Request<'a>),
    /// The response to a request of this end.
    Response(Response<'a>),
    /// A frame of binary data between messages.
    Data(interleaved::Data<'a>),
}

/// A request (RFC 2326, 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Request<'a> {
    /// The method, which says what the peer asks for.
    pub method: Method<'a>,
    /// The URL as it was sent; [`Url::parse`] reads it unless it is `*`. It is not empty, and may have
    /// spaces in it, which some clients do not encode.
    pub url: &'a [u8],
    /// The version of the protocol.
    pub version: Version,
    /// The header fields.
    pub headers: Headers<'a>,
    /// The body, as many bytes as `Content-Length` says.
    pub body: &'a [u8],
}

/// A response (RFC 2326, 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Response<'a> {
    /// The version of the protocol.
    pub version: Version,
    /// The status code, which says what became of the request.
    pub status: Status,
    /// The reason phrase for people; may be empty.
    pub reason: &'a [u8],
    /// The header fields.
    pub headers: Headers<'a>,
    /// The body, as many bytes as `Content-Length` says.
    pub body: &'a [u8],
}

/// A version of the protocol: `RTSP/MAJOR.MINOR`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Version {
    /// The number before the point.
    pub major: u8,
    /// The number after the point.
    pub minor: u8,
}

impl Version {
    /// RTSP/1.0. Requests of any other version are answered with [`Status::VERSION_NOT_SUPPORTED`].
    pub const V1_0: Self = Self { major: 1, minor: 0 };
}

/// The method of a request (RFC 2326, 10). Names are case-sensitive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Method<'a> {
    /// OPTIONS asks what the other end can do. It also keeps a session alive (10.1).
    Options,
    /// DESCRIBE asks for the description of a presentation (10.2).
    Describe,
    /// ANNOUNCE sends a description to the server (10.3).
    Announce,
    /// SETUP asks for a transport for one stream (10.4).
    Setup,
    /// PLAY starts sending (10.5).
    Play,
    /// PAUSE stops sending for a while (10.6).
    Pause,
    /// TEARDOWN stops sending and ends the session (10.7).
    Teardown,
    /// GET_PARAMETER reads parameters. Without a body it keeps a session alive (10.8).
    GetParameter,
    /// SET_PARAMETER sets a parameter (10.9).
    SetParameter,
    /// REDIRECT sends the client to another server (10.10).
    Redirect,
    /// RECORD starts recording (10.11).
    Record,
    /// A method with this name, which the RFC does not know.
    Unknown(&'a [u8]),
}

/// The names of the methods of the RFC, in one text. A table of strings takes three times the flash.
const NAMES: &[u8] =
    b"OPTIONS,DESCRIBE,ANNOUNCE,SETUP,PLAY,PAUSE,TEARDOWN,GET_PARAMETER,SET_PARAMETER,REDIRECT,RECORD";

impl<'a> Method<'a> {
    /// Returns the method with this name; [`Method::Unknown`] if the RFC has none.
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

    /// Returns the name of the method, as it is sent.
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
