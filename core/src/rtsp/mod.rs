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

pub use auth::AuthScheme;
pub use headers::{Header, Headers};
pub use pace::{Scale, Speed};
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

/// What can stand on an RTSP connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Message<'a> {
    /// Something asked of this end. Clients get requests too (RFC 2326, 10).
    Request(Request<'a>),
    /// The answer to a request.
    Response(Response<'a>),
    /// A frame of binary data between messages.
    Data(interleaved::Data<'a>),
}

/// A request (RFC 2326, 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Request<'a> {
    /// What is asked.
    pub method: Method<'a>,
    /// Of what, as it was sent: [`Url::parse`] reads it, unless it is `*`. Not empty; may have
    /// spaces in it, which some clients do not encode.
    pub url: &'a [u8],
    /// The version of the protocol.
    pub version: Version,
    /// The header fields.
    pub headers: Headers<'a>,
    /// As many bytes as `Content-Length` says.
    pub body: &'a [u8],
}

/// A response (RFC 2326, 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Response<'a> {
    /// The version of the protocol.
    pub version: Version,
    /// What became of the request.
    pub status: Status,
    /// The same for people; may be empty.
    pub reason: &'a [u8],
    /// The header fields.
    pub headers: Headers<'a>,
    /// As many bytes as `Content-Length` says.
    pub body: &'a [u8],
}

/// A version of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Version {
    /// Before the point.
    pub major: u8,
    /// After the point.
    pub minor: u8,
}

impl Version {
    /// RTSP/1.0. All others are answered with [`Status::VERSION_NOT_SUPPORTED`].
    pub const V1_0: Self = Self { major: 1, minor: 0 };
}

/// What a request asks (RFC 2326, 10). Names are case-sensitive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Method<'a> {
    /// What the other end can do; also used to keep a session alive (10.1).
    Options,
    /// The description of a presentation (10.2).
    Describe,
    /// A description that a client sends (10.3).
    Announce,
    /// A transport for one stream (10.4).
    Setup,
    /// Start sending (10.5).
    Play,
    /// Stop sending for a while (10.6).
    Pause,
    /// Stop sending and forget the session (10.7).
    Teardown,
    /// Read a parameter; without a body, keep a session alive (10.8).
    GetParameter,
    /// Set a parameter (10.9).
    SetParameter,
    /// Go to another server (10.10).
    Redirect,
    /// Start recording (10.11).
    Record,
    /// A method that the RFC does not know: its name.
    Unknown(&'a [u8]),
}

/// All that the RFC knows.
static METHODS: [(&[u8], Method<'static>); 11] = [
    (b"OPTIONS", Method::Options),
    (b"DESCRIBE", Method::Describe),
    (b"ANNOUNCE", Method::Announce),
    (b"SETUP", Method::Setup),
    (b"PLAY", Method::Play),
    (b"PAUSE", Method::Pause),
    (b"TEARDOWN", Method::Teardown),
    (b"GET_PARAMETER", Method::GetParameter),
    (b"SET_PARAMETER", Method::SetParameter),
    (b"REDIRECT", Method::Redirect),
    (b"RECORD", Method::Record),
];

impl<'a> Method<'a> {
    /// The method of this name.
    pub fn from_name(name: &'a [u8]) -> Self {
        METHODS.iter().find(|(known, _)| *known == name).map_or(Self::Unknown(name), |(_, method)| *method)
    }

    /// The name, as it is sent.
    pub fn name(self) -> &'a [u8] {
        match self {
            Self::Unknown(name) => name,
            _ => METHODS.iter().find(|(_, method)| *method == self).map_or(&[], |(name, _)| name),
        }
    }
}

/// Whether `b` may stand in a method or a header name (RFC 2326, 15.1, `token`).
const fn is_token(b: u8) -> bool {
    b.is_ascii_alphanumeric()
        || matches!(b, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~')
}
