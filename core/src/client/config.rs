//! The configuration of a client connection, and the storage that it needs.
use crate::rtsp::UrlError;
use crate::time::Duration;

/// Bytes for outgoing messages: a request, or a response to a request of the server, after the rest of
/// a message that was begun.
pub(super) const OUTGOING_ROOM: usize = 2 * MESSAGE_ROOM;
/// The length of the longest message that the client sends, in bytes. Credentials repeat the URL and what the server has
/// asked with.
pub(super) const MESSAGE_ROOM: usize = if cfg!(feature = "auth") { 2048 } else { 1024 };
/// Bytes for the URLs of the presentation and its tracks, and for the session's identifier.
pub(super) const TEXTS_ROOM: usize = 1024;
/// The least room for a response, in bytes.
const RESPONSE_ROOM: usize = 1024;

/// The transport that a client asks the server for: RTP over UDP, or RTP interleaved in the RTSP
/// connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum TransportChoice {
    /// The client first asks for RTP over UDP. The client switches to RTP interleaved in the RTSP
    /// connection in three cases: the server refuses UDP; the caller passes no UDP ports to
    /// [`ClientConn::setup`](super::ClientConn::setup); or no packet has come within [`Config::udp_wait`]
    /// after the server's response to PLAY. The caller need not ask for the switch:
    /// [`Event::SwitchedToTcp`](super::Event::SwitchedToTcp) reports the switch.
    #[default]
    Auto,
    /// The client asks for RTP over UDP only. If the server refuses UDP, the session ends after
    /// [`Event::Refused`](super::Event::Refused). If no packets come,
    /// [`Event::Stalled`](super::Event::Stalled) reports that after [`Config::stalled_after`].
    Udp,
    /// The client asks for RTP interleaved in the RTSP connection only (RFC 2326, 10.12). If the server
    /// refuses that, the session ends after [`Event::Refused`](super::Event::Refused).
    Tcp,
}

/// The configuration of a client connection: the transport, the times for which the client waits, and the
/// sizes of packets and responses that it has room for. Begin with [`Self::DEFAULT`] and change single
/// fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Config {
    /// The transport over which the client asks for RTP packets.
    pub transport: TransportChoice,
    /// How long the client waits for the first packet over UDP with [`TransportChoice::Auto`]. The wait
    /// begins with the server's response to PLAY. If no packet of any track has come by then, the client
    /// sets the tracks up again, interleaved in the RTSP connection. The other transports do not use this
    /// value.
    pub udp_wait: Duration,
    /// How long a packet that came by UDP waits, counted from its arrival, if packets with lower sequence
    /// numbers are missing. After this time, the missing packets count as lost, and the packet that waited
    /// is used. Interleaved packets never wait.
    pub reorder_wait: Duration,
    /// The length in bytes of the longest UDP packet that can wait for missing packets. The RTP header is
    /// counted; the headers of UDP and IP are not. A longer packet is used at once, and missing packets
    /// with lower sequence numbers count as lost. Each packet that waits takes this much storage, however
    /// short the packet is; see [`Self::storage_len`].
    pub max_packet: u16,
    /// The length in bytes of the longest response that the client has room for, head and body together.
    /// Values below 1024 count as 1024. The longest response is usually that to DESCRIBE. If the server
    /// sends a longer one, the session fails with [`ClientError::TooLong`](super::ClientError::TooLong).
    /// While media are interleaved, the window of [`Self::storage_len`] is room for responses, too.
    pub max_response: usize,
    /// How long to wait for the response to a request. After that, the session fails with
    /// [`ClientError::Timeout`](super::ClientError::Timeout). There are two exceptions: the client waits
    /// for the response to TEARDOWN for 2 seconds at most; and if one response to a request that keeps the
    /// session alive is missing, the session goes on. While the server sends no media, [`Self::sign_of_life`] counts
    /// instead.
    pub response_wait: Duration,
    /// The time after which [`Event::Stalled`](super::Event::Stalled) reports that no media packet of any
    /// track comes, although the server plays. The time begins with the last packet. If the response to
    /// PLAY came later than the last packet, the time begins with that response.
    pub stalled_after: Duration,
    /// How long the server may send no media packet of any track, although it plays, before the client asks
    /// it for a sign of life. The client then waits this long for the response. If none comes, the client
    /// asks once more, by another method, and waits as long again. After that, the session fails with
    /// [`ClientError::Timeout`](super::ClientError::Timeout). A server that answers is asked again only
    /// after it has sent packets and fallen silent once more.
    ///
    /// If no packet at all has come one second after all of the range could have been delivered, the client asks at
    /// once. If the server answers then, the range was empty, and [`Event::Ended`](super::Event::Ended) says so.
    pub sign_of_life: Duration,
    /// Is true if the connection is inside TLS, so that an `rtsps://` URL can be used (feature `rtsps`). This library encrypts nothing by
    /// itself. Set [`Self::transport`] to [`TransportChoice::Tcp`] then, or packets travel in the clear.
    pub secure: bool,
}

impl Config {
    /// The default configuration. The client asks for UDP, and switches to interleaving if no packet comes
    /// within 2 seconds. There is room for responses of up to 4096 bytes, and the client waits 10 seconds
    /// for each response. A UDP packet of up to 1500 bytes waits 50 milliseconds for missing packets with
    /// lower sequence numbers. [`Event::Stalled`](super::Event::Stalled) comes after 10 seconds without
    /// packets. A server that is gone without closing the connection is given up 15 seconds after its last
    /// packet.
    pub const DEFAULT: Self = Self {
        transport: TransportChoice::Auto,
        udp_wait: Duration::from_secs(2),
        reorder_wait: Duration::from_millis(50),
        max_packet: 1500,
        max_response: 4096,
        response_wait: Duration::from_secs(10),
        stalled_after: Duration::from_secs(10),
        sign_of_life: Duration::from_secs(5),
        secure: false,
    };

    /// Returns how many bytes of storage a connection needs with this configuration. `window` is the part
    /// of these bytes that is for received packets; 0 is allowed.
    ///
    /// Over UDP, the window holds packets that wait for missing packets with lower sequence numbers. Each
    /// track has an equal part of the window. Each waiting packet takes [`Self::max_packet`] plus 10 bytes.
    /// If a track's part is too short for one packet, no packet of the track waits. A packet that arrives
    /// after a packet with a higher sequence number is then lost.
    ///
    /// If media are interleaved, the window and the room for a response are one buffer. A packet of which
    /// only a part has come is kept in that buffer. A packet that is longer than the buffer is dropped, and
    /// [`ClientConn::dropped`](super::ClientConn::dropped) counts it. A window of 64 KiB is enough for any
    /// packet.
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

/// Why [`ClientConn::new`](super::ClientConn::new) cannot make a connection from its arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Unusable {
    /// The URL is not one that a client can connect to; the [`UrlError`] says why. Pass another URL.
    Url(UrlError),
    /// The storage is shorter than [`Config::storage_len`] returns for a window of 0 bytes. Pass in longer
    /// storage, or a configuration with a smaller [`Config::max_response`].
    StorageTooSmall {
        /// The result of [`Config::storage_len`] for a window of 0: the least length of the storage in
        /// bytes.
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
