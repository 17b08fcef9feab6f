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
    /// RTP over UDP first, and otherwise RTP interleaved in the RTSP connection. The client changes over
    /// by itself if the server refuses UDP, if the caller has no UDP ports, or if no packet has come
    /// [`Config::udp_wait`] after the server began to play.
    #[default]
    Auto,
    /// RTP over UDP only. If the server refuses UDP, the session ends after
    /// [`Event::Refused`](super::Event::Refused); if no packets come,
    /// [`Event::Stalled`](super::Event::Stalled) says so.
    Udp,
    /// RTP interleaved in the RTSP connection only (RFC 2326, 10.12). If the server refuses that, the
    /// session ends after [`Event::Refused`](super::Event::Refused).
    Tcp,
}

/// The configuration of a client connection: its transport, its waits, and the sizes that it has room
/// for. Begin with [`Self::DEFAULT`] and change single fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Config {
    /// The transport over which the client asks for RTP packets.
    pub transport: TransportChoice,
    /// With [`TransportChoice::Auto`], how long to wait for the first packet over UDP after the server's
    /// response to PLAY. If none has come by then, the client sets the tracks up again, interleaved in
    /// the RTSP connection.
    pub udp_wait: Duration,
    /// How long a UDP packet waits for missing packets before it. After that, the missing packets count
    /// as lost, and the packet is used.
    pub reorder_wait: Duration,
    /// The length in bytes, with the RTP header and without the headers of UDP and IP, of the longest UDP
    /// packet that can wait for packets before it. A longer packet is used at once, and packets that are
    /// missing before it count as lost. Each packet that waits takes this much storage, however short it
    /// is; see [`Self::storage_len`].
    pub max_packet: u16,
    /// The length in bytes of the longest response that the client has room for, head and body together.
    /// Values below 1024 count as 1024. The longest response is usually that to DESCRIBE. If the server
    /// sends a longer one, the session fails with [`ClientError::TooLong`](super::ClientError::TooLong).
    /// While media are interleaved, the window of [`Self::storage_len`] is room for responses, too.
    pub max_response: usize,
    /// How long to wait for the response to a request. After that, the session fails with
    /// [`ClientError::Timeout`](super::ClientError::Timeout). There are two exceptions: the client waits
    /// for the response to TEARDOWN for 2 seconds at most, and it forgives one missing response to a
    /// request that keeps the session alive.
    pub response_wait: Duration,
    /// How long no media packet of any track must have come, while the server plays, until
    /// [`Event::Stalled`](super::Event::Stalled) is returned. The time counts from the last packet or
    /// from the response to PLAY, whichever is later.
    pub stalled_after: Duration,
}

impl Config {
    /// UDP, and interleaved if nothing comes within 2 seconds; responses of up to 4096 bytes, which are
    /// waited for 10 seconds; UDP packets of up to 1500 bytes, which wait for 50 milliseconds; a stall
    /// after 10 seconds without packets.
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
    /// bytes are for received packets. A window of 0 is allowed.
    ///
    /// Over UDP, packets wait in the window for missing packets before them. Each track has an equal part
    /// of the window, and each waiting packet takes [`Self::max_packet`] and 10 bytes. A track whose part
    /// is too short for one packet does not wait: packets that come after later ones are then lost. When
    /// media are interleaved, a packet of which only a part has come is kept in the window and in the
    /// room for a response. A packet that is longer than both is dropped, and counted by
    /// [`ClientConn::dropped`](super::ClientConn::dropped). A window of 64 KiB is enough for any packet.
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

/// Why [`ClientConn::new`](super::ClientConn::new) cannot make a connection from what the caller passed
/// in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Unusable {
    /// The URL is not one that a client can connect to. Another URL is needed.
    Url(UrlError),
    /// The storage is shorter than [`Config::storage_len`] says. Pass in a longer one, or a smaller
    /// [`Config::max_response`].
    StorageTooSmall {
        /// The least length of the storage in bytes, with a window of 0.
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
