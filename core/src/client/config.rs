//! The configuration of a client connection, and the storage that it needs.
use crate::rtsp::UrlError;
use crate::time::Duration;

/// Bytes for outgoing messages: a request, or a response to a request of the server, after the rest of
/// a message that was begun.
pub(super) const OUTGOING_ROOM: usize = 2 * MESSAGE_ROOM;
/// The length of the longest message that the client sends, in bytes.
pub(super) const MESSAGE_ROOM: usize = 1024;
/// Bytes for the URLs of the presentation and its tracks, and for the session's identifier.
pub(super) const TEXTS_ROOM: usize = 1024;
/// The least room for a response, in bytes.
const RESPONSE_ROOM: usize = 1024;

/// The transport over which a client asks for RTP packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum TransportChoice {
    /// RTP over UDP. If the server refuses that, or no packet comes within [`Config::udp_wait`], RTP
    /// interleaved in the RTSP connection.
    #[default]
    Auto,
    /// RTP over UDP only.
    Udp,
    /// RTP interleaved in the RTSP connection only (RFC 2326, 10.12).
    Tcp,
}

/// How a client connection behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Config {
    /// The transport over which to ask for RTP packets.
    pub transport: TransportChoice,
    /// With [`TransportChoice::Auto`], how long to wait for the first packet over UDP.
    pub udp_wait: Duration,
    /// How long a UDP packet waits for missing packets before it.
    pub reorder_wait: Duration,
    /// The length in bytes of the longest UDP packet that can wait for packets before it. A longer
    /// packet is used at once.
    pub max_packet: u16,
    /// The length in bytes of the longest response, head and body together. The longest one is usually
    /// that to DESCRIBE.
    pub max_response: usize,
    /// How long to wait for a response. After that the connection fails.
    pub response_wait: Duration,
    /// How long nothing must come while playing until [`super::Event::Stalled`] is returned.
    pub stalled_after: Duration,
}

impl Config {
    /// UDP, and interleaved if nothing comes within two seconds; responses of up to 4 KiB, which are
    /// waited for 10 seconds; packets of up to 1500 bytes, which wait for 50 milliseconds.
    pub const DEFAULT: Self = Self {
        transport: TransportChoice::Auto,
        udp_wait: Duration::from_secs(2),
        reorder_wait: Duration::from_millis(50),
        max_packet: 1500,
        max_response: 4096,
        response_wait: Duration::from_secs(10),
        stalled_after: Duration::from_secs(10),
    };

    /// Returns how many bytes of storage a connection needs with this configuration, of which `window`
    /// bytes are for received packets.
    ///
    /// Over UDP, packets wait in the window for missing packets before them. Each track has an equal
    /// part of it, and each waiting packet takes [`Self::max_packet`] and 10 bytes. Interleaved, a
    /// packet of which only a part has come is kept in the window and in the room for a response; a
    /// packet that is longer than both is dropped. 64 KiB are enough for any packet.
    pub const fn storage_len(&self, window: usize) -> usize {
        TEXTS_ROOM.saturating_add(OUTGOING_ROOM).saturating_add(self.response_room()).saturating_add(window)
    }

    /// Returns the room for a response in bytes.
    pub(super) const fn response_room(&self) -> usize {
        if self.max_response < RESPONSE_ROOM { RESPONSE_ROOM } else { self.max_response }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Why a client connection cannot be made from what the caller passed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Unusable {
    /// The URL is not one that a client can connect to.
    Url(UrlError),
    /// The storage is smaller than [`Config::storage_len`].
    StorageTooSmall {
        /// The length in bytes that the storage needs at least.
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
