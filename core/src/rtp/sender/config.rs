//! What a [`Sender`](super::Sender) is told, and what it tells.
use super::Pace;
use crate::frame::{FrameId, Seek, TrackId};
use crate::time::{Duration, Instant, MediaTime};

/// The first byte of a message on a byte stream.
pub(super) const MAGIC: u8 = b'$';
/// The length of the head of such a message: the first byte, a channel, and a length of 16 bits.
pub(super) const PREFIX_LEN: usize = 4;

/// How packets are told apart on their way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Framing {
    /// Each packet is one datagram. Packets are paced, and the sender adapts to reported loss.
    Datagram,
    /// Packets are messages on a byte stream (RFC 2326, 10.12), which paces the sender by itself.
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

/// What a [`Sender`](super::Sender) is made of.
#[derive(Clone, Copy, Debug)]
pub struct SenderConfig {
    /// The track to send.
    pub track: TrackId,
    /// How packets are told apart on their way.
    pub framing: Framing,
    /// The length of an RTP packet in bytes at most, with its header: from 548 to 65,507.
    pub max_packet: u16,
    /// How far the sender may fall behind before it leaves out whole frames; over an hour counts as an
    /// hour.
    pub late: Duration,
    /// Whether a receiver that reports more than 10 % of datagrams lost is sent fewer frames, down to
    /// one in eight, until it reports less than 2 %.
    pub adapt: bool,
    /// The number whose 16 hexadecimal digits are the CNAME (RFC 3550, 6.5.1). Streams that are to be
    /// synchronised have the same one.
    pub cname: u64,
    /// A random number. The SSRC, the first sequence number and the first RTP time come from it, and
    /// must be hard to guess (RFC 3550, 5.1).
    pub random: u64,
}

impl SenderConfig {
    /// Packets of at most 1400 bytes as datagrams, frames left out when the sender is late by a second, and
    /// adapted to loss. The CNAME comes from `random`, too.
    pub const fn new(track: TrackId, random: u64) -> Self {
        Self {
            track,
            framing: Framing::Datagram,
            max_packet: 1400,
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

/// From where to where a track is played, and how fast.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Play {
    /// Where to begin. `None` goes on after the newest frame that was begun.
    pub from: Option<Seek>,
    /// Where to stop: no frame at this time or beyond it, in the direction of play, is sent. `None`
    /// plays to the track's end.
    pub stop: Option<MediaTime>,
    /// How fast.
    pub pace: Pace,
    /// Whether the track has no end and its frames come when they are made.
    pub live: bool,
}

/// The figures of a [`Sender`](super::Sender).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SenderCounters {
    /// Frames of which the last packet was sent.
    pub frames: u64,
    /// Frames that were due and not sent: the sender was late, the store had overrun it, or they could
    /// not be sent.
    pub frames_skipped: u64,
    /// Frames that were left out because the receiver reported loss.
    pub frames_thinned: u64,
    /// RTP packets sent.
    pub packets: u64,
    /// RTP payload bytes sent.
    pub octets: u64,
    /// The packets that the receiver last reported as lost in all; negative where duplicates outnumber
    /// them (RFC 3550, 6.4.1).
    pub lost: i32,
}

/// What happened to a [`Sender`](super::Sender).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum SenderEvent {
    /// So many frames were left out: see [`SenderCounters::frames_skipped`].
    Skipped(u64),
    /// One frame in so many is sent from here on, from 1 to 8, by what the receiver reported.
    Adapted(u8),
    /// The track was played to its end, or to where it was to stop, and BYE was sent.
    Ended,
}

/// A frame that a [`Sender`](super::Sender) sends next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Want {
    /// The track.
    pub track: TrackId,
    /// The frame. None before it is needed, in the direction of play.
    pub frame: FrameId,
    /// When the frame is due; [`Instant::ZERO`] if the receiver waits for it already.
    pub by: Instant,
    /// Whether the track is played backwards.
    pub backwards: bool,
}
