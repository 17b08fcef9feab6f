//! The configuration, options, counters and events of a [`Sender`](super::Sender).
use super::Pace;
use crate::frame::{FrameId, Seek, TrackId};
use crate::time::{Duration, Instant, MediaTime};

/// The first byte of a message on a byte stream.
pub(super) const MAGIC: u8 = b'$';
/// The length of the head of such a message: the first byte, a channel, and a length of 16 bits.
pub(super) const PREFIX_LEN: usize = 4;

/// How packets are separated on their way: by datagrams, or by messages on a byte stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Framing {
    /// Each packet is one UDP datagram. The sender paces packets, and can adapt to reported loss.
    Datagram,
    /// Packets are interleaved messages on a byte stream (RFC 2326, 10.12), whose flow control paces the
    /// sender.
    Interleaved {
        /// The channel of RTP packets.
        rtp: u8,
        /// The channel of RTCP packets.
        rtcp: u8,
    },
}

impl Framing {
    /// Returns the bytes in front of each packet.
    pub(super) const fn prefix_len(self) -> usize {
        match self {
            Self::Datagram => 0,
            Self::Interleaved { .. } => PREFIX_LEN,
        }
    }
}

/// The configuration of a [`Sender`](super::Sender).
#[derive(Clone, Copy, Debug)]
pub struct SenderConfig {
    /// The track to send.
    pub track: TrackId,
    /// Whether packets are datagrams or messages on a byte stream.
    pub framing: Framing,
    /// The length of the longest RTP packet in bytes, with its header. Values are clamped to 548 up to
    /// 65,507.
    pub max_packet: u16,
    /// How late the sender may be before it leaves out whole frames; more than an hour counts as an hour.
    pub late: Duration,
    /// Whether a receiver that reports more than 10 % of datagrams lost is sent fewer frames, down to
    /// one in eight, until it reports less than 2 %.
    pub adapt: bool,
    /// A number whose 16 hexadecimal digits are the CNAME (RFC 3550, 6.5.1). Streams that a receiver should
    /// synchronise need the same number.
    pub cname: u64,
    /// A random number. The SSRC, the first sequence number and the first RTP time come from it, and
    /// must be hard to guess (RFC 3550, 5.1).
    pub random: u64,
}

impl SenderConfig {
    /// The length in bytes of the longest RTP packet, if the caller does not set another: with the headers
    /// of UDP, IPv6 and a tunnel, it fits the 1500 bytes of an Ethernet frame.
    pub const DEFAULT_MAX_PACKET: u16 = 1400;

    /// Returns the configuration of a sender of datagrams, with packets of at most 1400 bytes, which leaves
    /// frames out when it is a second late, and adapts to loss. The CNAME comes from `random`, too.
    pub const fn new(track: TrackId, random: u64) -> Self {
        Self {
            track,
            framing: Framing::Datagram,
            max_packet: Self::DEFAULT_MAX_PACKET,
            late: Duration::from_secs(1),
            adapt: true,
            cname: random.rotate_left(32),
            random,
        }
    }

    /// Returns the SSRC of the sender.
    pub const fn ssrc(&self) -> u32 {
        (self.random >> 32) as u32
    }
}

/// Options of [`Sender::play`](super::Sender::play): from where to where a track is played, and how fast.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Play {
    /// The place to begin at. `None` continues after the newest frame that was begun.
    pub from: Option<Seek>,
    /// The media time to stop at: no frame at this time or beyond it, in the direction of play, is sent.
    /// `None` plays to the end of the track.
    pub stop: Option<MediaTime>,
    /// How fast the track is played and delivered.
    pub pace: Pace,
    /// Whether the track has no end, and its frames are sent as they come.
    pub live: bool,
}

/// Counts of what a [`Sender`](super::Sender) has sent and left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SenderCounters {
    /// The number of frames of which the last packet was sent.
    pub frames: u64,
    /// The number of frames that were due and not sent, because the sender was late, because the store no
    /// longer had them, or because they cannot be sent.
    pub frames_skipped: u64,
    /// The number of frames that were left out because the receiver reported loss.
    pub frames_thinned: u64,
    /// The number of RTP packets sent.
    pub packets: u64,
    /// The number of RTP payload bytes sent.
    pub octets: u64,
    /// The number of packets lost since the beginning, by the receiver's newest report. It is negative if
    /// more duplicates came than packets were lost (RFC 3550, 6.4.1).
    pub lost: i32,
}

/// An event of a [`Sender`](super::Sender).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum SenderEvent {
    /// This many frames were left out; see [`SenderCounters::frames_skipped`].
    Skipped(u64),
    /// The sender has adapted to the loss that the receiver reported: from now on it sends every n-th
    /// frame, where n is 1, 2, 4 or 8.
    Adapted(u8),
    /// The track was played to its end or to [`Play::stop`], and BYE was sent.
    Ended,
}

/// The frame that a [`Sender`](super::Sender) needs next, for a store that has to prepare frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Want {
    /// The track of the frame.
    pub track: TrackId,
    /// The number of the frame. No frame before it, in the direction of play, is needed any more.
    pub frame: FrameId,
    /// When the frame is due; [`Instant::ZERO`] if the receiver waits for it already.
    pub by: Instant,
    /// Whether the track is played backwards.
    pub backwards: bool,
}
