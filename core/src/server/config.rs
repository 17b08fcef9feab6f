//! How a connection behaves, and the storage that it needs for that.
use crate::rtp::{MIN_PACKET, SenderConfig};
use crate::rtsp::interleaved;
use crate::time::Duration;

/// The most tracks that one connection can have set up, over all of its sessions.
pub const MAX_TRACKS: usize = 4;
/// The shortest receive buffer of a connection in bytes: requests up to this length are always taken.
pub const MIN_REQUEST: usize = 256;
/// The longest reply in bytes: a session description, or RTP-Info for each track.
pub(super) const REPLY_ROOM: usize = 1536;

/// How a connection behaves.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Config {
    /// The length of an RTP packet in bytes, with its RTP header and without those of UDP and IP. Values
    /// are clamped to 548 up to 65,507. A client may ask for shorter packets with `Blocksize` (RFC 2326,
    /// 12.7).
    pub max_packet: u16,
    /// How late a frame may be before the session leaves out whole frames.
    pub late: Duration,
    /// How long a session is kept when nothing arrives from its client (RFC 2326, 12.37).
    pub session_timeout: Duration,
    /// The greatest delivery rate, as a multiple of the presentation rate, that a client may ask for with
    /// `Speed` (RFC 2326, 12.35). Over UDP it is limited to 4 in addition.
    pub max_speed: u16,
    /// Whether a session over UDP sends fewer frames, down to one in eight, when its client reports more
    /// than 10 % of packets lost, and all frames again when it reports less than 2 %.
    pub adapt: bool,
}

impl Config {
    /// Packets of 1400 bytes, frames left out when they are one second late, a session timeout of 60
    /// seconds, a speed of up to 16, and adaptation to loss.
    pub const DEFAULT: Self = Self {
        max_packet: SenderConfig::DEFAULT_MAX_PACKET,
        late: Duration::from_secs(1),
        session_timeout: Duration::from_secs(60),
        max_speed: 16,
        adapt: true,
    };

    /// Returns how many bytes of storage [`ServerConn::turn`](super::ServerConn::turn) needs with this
    /// configuration to take requests of up to `request` bytes. `request` counts as [`MIN_REQUEST`] where
    /// it is less.
    pub const fn storage_len(&self, request: usize) -> usize {
        let request = if request < MIN_REQUEST { MIN_REQUEST } else { request };
        request.saturating_add(self.outgoing_len())
    }

    /// Returns the length in bytes of the longest message that a connection writes: a reply, or an
    /// interleaved packet. A transport whose send buffer is shorter never takes that message: see
    /// [`Turn::limit_stream`](super::Turn::limit_stream).
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
