//! The configuration, options, counters and events of a [`Sender`](super::Sender).
use super::Pace;
use crate::frame::{FrameId, Seek, TrackId};
use crate::time::{Duration, Instant, MediaTime};

/// The first byte of a message on a byte stream.
pub(super) const MAGIC: u8 = b'$';
/// The length of the head of such a message: the first byte, a channel, and a length of 16 bits.
pub(super) const PREFIX_LEN: usize = 4;

/// How a [`Sender`](super::Sender)'s packets are separated on their way: by UDP datagrams, or by
/// interleaved messages on a byte stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Framing {
    /// Each packet is one UDP datagram. The sender spreads the packets of a frame over time, and can
    /// adapt to reported loss.
    Datagram,
    /// Packets are interleaved messages on a byte stream (RFC 2326, 10.12): each has a 4-byte prefix
    /// with `$`, a channel and a length, which the sender writes. All packets of a frame are due
    /// together, as the flow control of the byte stream paces them.
    Interleaved {
        /// The channel of RTP packets, from the `Transport` header.
        rtp: u8,
        /// The channel of RTCP packets, from the `Transport` header.
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

/// The configuration of a [`Sender`](super::Sender): what it sends, how, and with which numbers.
#[derive(Clone, Copy, Debug)]
pub struct SenderConfig {
    /// The track to send, by which the sender asks the frame store for frames.
    pub track: TrackId,
    /// Whether packets are UDP datagrams or interleaved messages on a byte stream.
    pub framing: Framing,
    /// The length of the longest RTP packet in bytes, with the RTP header and its extension, and without
    /// the headers of UDP and IP and the prefix of interleaved messages. Longer frames are sent in
    /// several packets. Values below 548 or above 65,507 are clamped. With [`Framing::Interleaved`], set
    /// at most 65,503, as [`Transmit::emit`](super::Transmit::emit) cannot write longer packets with
    /// their prefix. [`Transmit::too_big`](super::Transmit::too_big) lowers the limit.
    pub max_packet: u16,
    /// How late a frame may be before the sender leaves out whole frames to catch up. More than 71
    /// minutes count as 71 minutes.
    pub late: Duration,
    /// Whether to send fewer frames to a receiver that reports loss. If more than 10 % of packets are
    /// lost for about two seconds, the sender halves its frame rate, down to one frame in eight, but
    /// sends no fewer than two frames a second for this reason. At less than 2 % loss it doubles the
    /// frame rate again. Each change is a [`SenderEvent::Adapted`]. With [`Framing::Interleaved`] this
    /// has no effect.
    pub adapt: bool,
    /// A number whose 16 hexadecimal digits are the canonical name (CNAME, RFC 3550, 6.5.1). Give the
    /// same number to all streams that a receiver is to synchronise, and a different random one to
    /// others.
    pub cname: u64,
    /// A random number, from a source that is hard to guess, and a new one for each sender: the SSRC,
    /// the first sequence number, the first RTP timestamp and the times of reports come from it. With
    /// the same number, two senders have one SSRC.
    pub random: u64,
}

impl SenderConfig {
    /// The length in bytes of the longest RTP packet, if the caller does not set another: with the headers
    /// of UDP, IPv6 and a tunnel, it fits the 1500 bytes of an Ethernet frame.
    pub const DEFAULT_MAX_PACKET: u16 = 1400;

    /// Returns the configuration of a sender of UDP datagrams: RTP packets have at most 1,400 bytes,
    /// frames are left out when one is more than a second late, and the sender adapts to loss. `track`
    /// and `random` become the fields of these names, and the canonical name comes from `random`, too.
    /// To have several tracks synchronised, set the same [`Self::cname`] for all of them.
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

    /// Returns the SSRC of the sender: the upper 32 bits of [`Self::random`].
    pub const fn ssrc(&self) -> u32 {
        (self.random >> 32) as u32
    }
}

/// Options of [`Sender::play`](super::Sender::play): from where to where a track is played, and how
/// fast. The default continues to the end at normal pace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Play {
    /// The place to begin at. `None` continues after the newest frame that was begun; if nothing was
    /// played yet, it begins with frame 0.
    pub from: Option<Seek>,
    /// The media time to stop at. No frame at this time or beyond it, in the direction of play, is sent;
    /// after the last frame before it follow a BYE and [`SenderEvent::Ended`]. `None` plays to the end
    /// of the track, or backwards to its start.
    pub stop: Option<MediaTime>,
    /// How fast, and in which direction, the track is played and delivered.
    pub pace: Pace,
    /// Whether the track is live: it has no end, and its frames come as they are made. A frame for which
    /// the sender waited is then sent at once. If this is false, each frame is sent when it is due by
    /// the times of the track.
    pub live: bool,
}

/// Counts of what a [`Sender`](super::Sender) has sent and left out since it was made, and of what its
/// receiver has reported. A packet counts as sent once the caller has committed it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SenderCounters {
    /// Frames of which the last packet was sent.
    pub frames: u64,
    /// Frames that were due and not sent, because the sender was late, because the store no longer had
    /// them, because they cannot be sent, or because they need such a frame to be decoded.
    /// [`SenderEvent::Skipped`] tells of them.
    pub frames_skipped: u64,
    /// Frames that were left out on purpose to send fewer, because the receiver reported loss
    /// ([`SenderConfig::adapt`]). Of a track with references between frames, frames that the scale or
    /// playing backwards leaves out count as well.
    pub frames_thinned: u64,
    /// RTP packets that were sent. RTCP packets do not count.
    pub packets: u64,
    /// Bytes of RTP payload that were sent, without RTP headers, header extensions and the prefix of
    /// interleaved messages.
    pub octets: u64,
    /// The number of packets lost since the beginning, by the receiver's newest report; 0 before the
    /// first one. It is negative if more duplicates came than packets were lost (RFC 3550, 6.4.1).
    pub lost: i32,
}

/// What happened to a [`Sender`](super::Sender), as [`Sender::poll_event`](super::Sender::poll_event)
/// returns it. Events only inform: the sender goes on by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum SenderEvent {
    /// This many frames were due and left out since the last event of this kind; see
    /// [`SenderCounters::frames_skipped`].
    Skipped(u64),
    /// The sender has adapted to the loss that the receiver reported: from now on it sends about one
    /// frame in n, where n is 1, 2, 4 or 8. n falls again when the loss ends.
    Adapted(u8),
    /// The track was played to its end or to [`Play::stop`], and a BYE was sent. The sender sends
    /// nothing more until the next [`Sender::play`](super::Sender::play).
    Ended,
}

/// The frame that a [`Sender`](super::Sender) needs next. A store that has to read or decode frames
/// before it can return them learns from this what to prepare, and by when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Want {
    /// The track of the frame.
    pub track: TrackId,
    /// The number of the frame. The sender needs no frame before it, in the direction of play, any more.
    pub frame: FrameId,
    /// When the frame is due; [`Instant::ZERO`] if the schedule waits for this frame, so that it is
    /// wanted at once.
    pub by: Instant,
    /// Whether the track is played backwards: the next frames to be needed have lower numbers than
    /// [`Self::frame`], not higher ones.
    pub backwards: bool,
}
