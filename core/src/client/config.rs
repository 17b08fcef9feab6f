//! How a client connection behaves, and what it needs.
use crate::rtsp::UrlError;
use crate::time::Duration;

/// For a request, or the answer to one of the server's, behind the rest of one that was begun.
pub(super) const OUTGOING_ROOM: usize = 2 * MESSAGE_ROOM;
/// The most that one message of the client's takes.
pub(super) const MESSAGE_ROOM: usize = 1024;
/// For the URLs of the presentation and its tracks, and the session's identifier.
pub(super) const NOTES_ROOM: usize = 1024;
/// The least that a response takes.
const RESPONSE_ROOM: usize = 1024;

/// How the media are to travel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum TransportChoice {
    /// By UDP; interleaved, if the server refuses that or nothing comes.
    #[default]
    Auto,
    /// By UDP.
    Udp,
    /// Interleaved in the RTSP connection.
    Tcp,
}

/// How a client connection behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Config {
    /// How the media are to travel.
    pub transport: TransportChoice,
    /// With [`TransportChoice::Auto`]: how long to wait for the first packet.
    pub udp_wait: Duration,
    /// How long packets wait for those before them.
    pub reorder_wait: Duration,
    /// The longest UDP packet that can wait, in bytes. Longer ones are used, but cannot.
    pub max_packet: u16,
    /// The longest response in bytes, head and body together: that to DESCRIBE.
    pub max_response: usize,
    /// How long to wait for a response.
    pub response_wait: Duration,
    /// After how much silence [`super::Event::Stalled`] is told.
    pub stalled_after: Duration,
}

impl Config {
    /// UDP, else interleaved after two seconds; responses of up to 4 KiB; packets of up to 1500
    /// bytes wait for 50 milliseconds.
    pub const DEFAULT: Self = Self {
        transport: TransportChoice::Auto,
        udp_wait: Duration::from_secs(2),
        reorder_wait: Duration::from_millis(50),
        max_packet: 1500,
        max_response: 4096,
        response_wait: Duration::from_secs(10),
        stalled_after: Duration::from_secs(10),
    };

    /// The storage that a connection needs with this configuration, with `window` bytes for
    /// reception: what they are for depends on the transport.
    ///
    /// By UDP, packets wait in them for those before them, each track's in an equal part. One slot
    /// takes [`Self::max_packet`] and 10 bytes. Interleaved, a packet of which only a part has come
    /// is kept in them and in the room for a response; a longer one is dropped. 64 KiB hold any.
    pub const fn storage_len(&self, window: usize) -> usize {
        NOTES_ROOM.saturating_add(OUTGOING_ROOM).saturating_add(self.response_room()).saturating_add(window)
    }

    pub(super) const fn response_room(&self) -> usize {
        if self.max_response < RESPONSE_ROOM { RESPONSE_ROOM } else { self.max_response }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// The caller's: what a connection cannot be made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Unusable {
    /// The URL.
    Url(UrlError),
    /// The storage is smaller than [`Config::storage_len`].
    StorageTooSmall {
        /// Bytes that it takes at least.
        need: usize,
    },
}

impl From<UrlError> for Unusable {
    fn from(error: UrlError) -> Self {
        Self::Url(error)
    }
}

impl core::fmt::Display for Unusable {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Url(error) => error.fmt(f),
            Self::StorageTooSmall { need } => {
                write!(f, "a connection's storage must have {need} bytes or more")
            }
        }
    }
}

impl core::error::Error for Unusable {}
