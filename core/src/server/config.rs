//! How a connection behaves, and the storage that it needs for that.
use crate::rtp::{MIN_PACKET, SenderConfig};
use crate::rtsp::interleaved;
use crate::time::Duration;

/// The most tracks that one connection can have set up at once, over all of its sessions together. It is the
/// greatest number that [`ServerConn`](super::ServerConn) takes as `TRACKS`. A SETUP of a further track is
/// refused with 453.
pub const MAX_TRACKS: usize = 4;
/// The length in bytes of the longest request that every connection has room for, header and body together. A
/// request of up to this length is never refused as too long. It is the least value of `request` in
/// [`Config::storage_len`].
pub const MIN_REQUEST: usize = 256;
/// The longest reply in bytes: a session description, or RTP-Info for each track.
pub(super) const REPLY_ROOM: usize = 1536;

/// How a server connection behaves: its packets, its timeouts, and what it grants. Begin with
/// [`Self::DEFAULT`], and change fields.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Config {
    /// The length in bytes of the longest RTP packet, with its RTP header, and without the headers of UDP and
    /// IP or of interleaving. Values below 548 or above 65,507 are clamped. A client may ask for shorter
    /// packets with `Blocksize` (RFC 2326, 12.7), but not for longer ones.
    pub max_packet: u16,
    /// How long after the time at which it is due a frame may still be sent. If a frame is later than this,
    /// the session leaves out whole frames, and goes on at the newest frame that is due. With 0, the session
    /// leaves out a frame as soon as a newer frame is due. In a codec whose frames need each other, frames
    /// that no other frame needs are left out already when they are late by a quarter of this duration.
    pub late: Duration,
    /// How long a session is kept when no sign of life comes from its client (RFC 2326, 12.37). When this
    /// time has passed since the last sign of life, the session ends with
    /// [`CloseReason::Timeout`](super::CloseReason::Timeout). A sign of life is a request that names the
    /// session, and a datagram or an interleaved packet from the client. If the session is interleaved, it is
    /// also a sign of life that the RTSP connection takes packets of the session. The response to SETUP tells
    /// the client the timeout in whole seconds, rounded down.
    ///
    /// A connection that has no session ends with [`ConnError::Idle`](super::ConnError::Idle) when no request
    /// has come from the client for the same time.
    pub session_timeout: Duration,
    /// How long a connection may take to send its first complete request. When this time has passed since
    /// the connection began, it ends with [`ConnError::Idle`](super::ConnError::Idle). Bytes that make no
    /// request do not prolong the time.
    pub request_timeout: Duration,
    /// The greatest delivery rate, as a multiple of the presentation rate, that a client gets; 0 counts as 1.
    /// A client asks for a rate with the header `Speed` (RFC 2326, 12.35). If the client asks for more than
    /// the limit, it gets the limit, and the reply says so. Over UDP, the limit is never more than 4. Live
    /// media always have speed 1, and so have all without the feature `scale`.
    pub max_speed: u16,
    /// Is true if sessions over UDP adapt to loss. When a client reports that more than 10 % of packets are
    /// lost, its session sends only every second frame. If the loss goes on, the session sends every fourth
    /// frame, and at last every eighth. When the client reports a loss of less than 2 %, the session goes
    /// back step by step to all frames. Each change is reported as
    /// [`Notice::Adapted`](super::Notice::Adapted). Interleaved sessions never adapt. Without the feature `adapt`, no
    /// session does.
    pub adapt: bool,
}

impl Config {
    /// The usual configuration: packets of up to 1400 bytes, frames left out when they are one second late, a
    /// session timeout of 60 seconds, 10 seconds for the first request, a speed of up to
    /// 16, and adaptation to loss.
    pub const DEFAULT: Self = Self {
        max_packet: SenderConfig::DEFAULT_MAX_PACKET,
        late: Duration::from_secs(1),
        session_timeout: Duration::from_secs(60),
        request_timeout: Duration::from_secs(10),
        max_speed: 16,
        adapt: true,
    };

    /// Returns how many bytes of storage [`ServerConn::turn`](super::ServerConn::turn) needs with this
    /// configuration to take requests of up to `request` bytes, header and body together. A `request` below
    /// [`MIN_REQUEST`] counts as [`MIN_REQUEST`].
    ///
    /// If a client sends a request that is longer than this storage can hold, the request is answered with
    /// 413. If a client sends an interleaved packet that is longer, the packet is dropped.
    pub const fn storage_len(&self, request: usize) -> usize {
        let request = if request < MIN_REQUEST { MIN_REQUEST } else { request };
        request.saturating_add(self.outgoing_len())
    }

    /// Returns the length in bytes of the longest message that a connection writes: a reply, which may have
    /// 1,536 bytes, or an interleaved packet with its 4 bytes of header. If you call
    /// [`Turn::limit_stream`](super::Turn::limit_stream) with the room in the transport's send buffer, give
    /// that buffer at least this length. In a shorter buffer, a long message never finds enough room, and is
    /// never sent.
    pub const fn message_len(&self) -> usize {
        let packet = self.packet_len();
        if packet < REPLY_ROOM { REPLY_ROOM } else { packet }
    }

    /// The bytes of storage for what goes out: the rest of a packet of which a part was written, and a
    /// reply after it.
    pub(super) const fn outgoing_len(&self) -> usize {
        REPLY_ROOM + self.packet_len()
    }

    const fn packet_len(&self) -> usize {
        let packet = if self.max_packet < MIN_PACKET { MIN_PACKET } else { self.max_packet };
        interleaved::HEADER_LEN + packet as usize
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::DEFAULT
    }
}
