//! The configuration, options, counters and events of a [`Sender`](super::Sender).
use super::Pace;
use crate::frame::{Seek, TrackId};
use crate::random::Random;
use crate::time::{Duration, MediaTime};

/// The first byte of a message on a byte stream.
pub(super) const MAGIC: u8 = b'$';
/// The length of the head of such a message: the first byte, a channel, and a length of 16 bits.
pub(super) const PREFIX_LEN: usize = 4;

/// How a [`Sender`](super::Sender)'s packets are separated on their way: by UDP datagrams, or by
/// interleaved messages on a byte stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Framing {
    /// Each packet is one UDP datagram. The packets of a frame are not due all at once: the sender spreads
    /// them over time. If [`SenderConfig::adapt`] is true, the sender sends fewer frames to a receiver that
    /// reports loss.
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

/// The [`Framing`], and what only concerns one kind of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outlet {
    /// In each burst of a live frame leave so many times [`LIVE_UNIT`] bytes.
    Datagrams {
        live_burst: u8,
    },
    Interleaved {
        rtp: u8,
        rtcp: u8,
    },
}

/// Of so many bytes a burst is a multiple: two packets, or one of 2,800 bytes.
pub(super) const LIVE_UNIT: u32 = 2 * 1400;

impl Outlet {
    pub(super) fn new(framing: Framing, live_burst: u32) -> Self {
        match framing {
            Framing::Datagram => {
                Self::Datagrams { live_burst: u8::try_from(live_burst / LIVE_UNIT).unwrap_or(u8::MAX) }
            }
            Framing::Interleaved { rtp, rtcp } => Self::Interleaved { rtp, rtcp },
        }
    }

    pub(super) const fn framing(self) -> Framing {
        match self {
            Self::Datagrams { .. } => Framing::Datagram,
            Self::Interleaved { rtp, rtcp } => Framing::Interleaved { rtp, rtcp },
        }
    }

    /// Makes the bursts those of [`SenderConfig::DEFAULT_LIVE_BURST`] if they are longer.
    pub(super) const fn limit_bursts(&mut self) {
        const DEFAULT: u8 = (SenderConfig::DEFAULT_LIVE_BURST / LIVE_UNIT) as u8;
        if let Self::Datagrams { live_burst } = self
            && *live_burst > DEFAULT
        {
            *live_burst = DEFAULT;
        }
    }
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
    /// The track to send. The sender passes this value to the frame store to get frames.
    pub track: TrackId,
    /// Whether packets are UDP datagrams or interleaved messages on a byte stream.
    pub framing: Framing,
    /// The length of the longest RTP packet in bytes. It includes the RTP header and its extension. It does
    /// not include the headers of UDP and IP, or the prefix of interleaved messages. Longer frames are sent
    /// in several packets. Values below 548 or above 65,507 are clamped.
    /// [`Transmit::too_big`](super::Transmit::too_big) lowers the limit.
    pub max_packet: u16,
    /// How long after the time at which it is due a frame may still be sent. If a frame is later than this,
    /// the sender leaves out whole frames to catch up. At a [`Speed`](super::Speed) above 1, the sender
    /// leaves out no late frame, because the receiver has a buffer. Values above 71 minutes count as 71
    /// minutes.
    pub late: Duration,
    /// Is true if the sender is to send fewer frames to a receiver that reports loss. If more than 10 % of
    /// packets are lost for about two seconds, the sender halves its frame rate. While the loss goes on, the
    /// sender halves the rate again, down to one frame in eight, but not below two frames a second. If less
    /// than 2 % of packets are lost, the sender doubles the frame rate again, up to all frames. Each change
    /// is a [`SenderEvent::Adapted`]. With [`Framing::Interleaved`], or without the feature `adapt`, this field has
    /// no effect.
    pub adapt: bool,
    /// How many bytes of a frame of live media leave at once, in packets of 1,400 bytes or fewer longer ones; at
    /// least one packet does. The number is rounded down to a multiple of 2,800, and is 714,000 at most. The next
    /// packets of the frame follow up to 4.2 ms later, and those of the next frame after up to 2.1 ms.
    ///
    /// [`Self::DEFAULT_LIVE_BURST`] fits the default receive buffer of a socket, and more makes large pictures come
    /// sooner. Set more only for a receiver of which it is known that so much fits its buffer. As soon as the
    /// receiver reports a lost packet, the default applies if it is less. With [`Framing::Interleaved`], and for
    /// recorded media, this field has no effect.
    pub live_burst: u32,
    /// A number whose 16 hexadecimal digits are the canonical name (CNAME, RFC 3550, 6.5.1). Give the same
    /// number to all streams that a receiver is to synchronise, and a different random number to other
    /// streams.
    pub cname: u64,
    /// The SSRC of the packets, which identifies the stream (RFC 3550, 8.1). Use a new random number for each
    /// sender: receivers confuse the streams of two senders with the same SSRC.
    pub ssrc: u32,
    /// The sequence number of the first packet. Use a random number (RFC 3550, 5.1).
    pub sequence_number: u16,
    /// The first RTP timestamp. Use a random number (RFC 3550, 5.1).
    pub timestamp: u32,
}

impl SenderConfig {
    /// The value of [`Self::max_packet`] that [`Self::new`] sets, in bytes. A packet of this length, with the
    /// headers of UDP, IPv6 and a tunnel around it, fits the 1500 bytes of an Ethernet frame.
    pub const DEFAULT_MAX_PACKET: u16 = 1400;
    /// The value of [`Self::live_burst`] that [`Self::new`] sets, in bytes: 86 packets of 1,400 bytes. The default
    /// receive buffer of Linux, 208 KiB as the kernel counts, holds about 90 of them.
    pub const DEFAULT_LIVE_BURST: u32 = 86 * 1400;

    /// Returns the configuration of a sender of UDP datagrams. RTP packets have at most 1,400 bytes. If a
    /// frame is more than a second late, frames are left out. The sender adapts to loss.
    ///
    /// The sender sends `track`. The SSRC, the first sequence number, the first RTP timestamp and the canonical
    /// name come from three numbers of `random`, which must be hard to guess. If several tracks are to be
    /// synchronised, set the same [`Self::cname`] for all of them.
    pub fn new<R: Random + ?Sized>(track: TrackId, random: &mut R) -> Self {
        let (stream, sequence) = (random.random(), random.random());
        Self {
            track,
            framing: Framing::Datagram,
            max_packet: Self::DEFAULT_MAX_PACKET,
            late: Duration::from_secs(1),
            adapt: true,
            live_burst: Self::DEFAULT_LIVE_BURST,
            cname: random.random(),
            ssrc: (stream >> 32) as u32,
            sequence_number: sequence as u16,
            timestamp: stream as u32,
        }
    }
}

/// Options of [`Sender::play`](super::Sender::play): from where to where a track is played, and how fast. The
/// default goes on from where the track was paused, to its end, at the usual pace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Play {
    /// The place to begin at. If this is `None`, there are three cases:
    ///
    /// - If the track was played before, it goes on after the newest frame of which a packet was sent.
    /// - If nothing was played yet, the track begins with frame 0.
    /// - If the track was played to its end, nothing is left to play: set a place in this case.
    pub from: Option<Seek>,
    /// The media time to stop at. Forwards, frames that begin at this time or later are not sent. Backwards,
    /// frames that begin before this time are not sent. After the last frame follow a BYE and
    /// [`SenderEvent::Ended`]. If this is `None`, the track is played to its end, or to its start if it is
    /// played backwards.
    pub stop: Option<MediaTime>,
    /// How fast, and in which direction, the track is played and delivered.
    pub pace: Pace,
    /// Is true if the track is live: it has no end, and its frames come as they are made.
    ///
    /// - If this is true and the sender has waited for a frame, the sender sends that frame as soon as the
    ///   store has it.
    /// - If this is false, each frame is sent when it is due by the times of the track.
    pub live: bool,
}

/// Counts of what a [`Sender`](super::Sender) has sent and left out since it was made, and of what its
/// receiver has reported. A packet counts as sent once the caller has committed it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SenderCounters {
    /// Frames whose last packet was sent.
    pub frames: u64,
    /// Frames that were due and not sent, for one of these reasons: the sender was late, the store no longer
    /// had the frame, the frame cannot be sent, or the frame cannot be decoded without another frame that was
    /// not sent. [`SenderEvent::Skipped`] reports these frames.
    pub frames_skipped: u64,
    /// Frames that were left out on purpose, because the receiver reported loss ([`SenderConfig::adapt`]). If
    /// frames of the track need each other, frames that are left out because of the scale or because the
    /// track is played backwards count here as well.
    pub frames_thinned: u64,
    /// RTP packets that were sent. RTCP packets do not count.
    pub packets: u64,
    /// Bytes of RTP payload that were sent, without RTP headers, header extensions and the prefix of
    /// interleaved messages.
    pub octets: u64,
    /// The number of packets that the receiver has lost since the beginning, as its newest report says.
    /// Before the first report, this is 0. If more duplicates came than packets were lost, this is negative
    /// (RFC 3550, 6.4.1).
    pub lost: i32,
    /// The interarrival jitter in the receiver's newest report, in ticks of the track's clock (RFC 3550, 6.4.1).
    /// Before the first report, this is 0.
    pub jitter: u32,
}

/// What happened to a [`Sender`](super::Sender), as [`Sender::poll_event`](super::Sender::poll_event)
/// returns it. Events only inform: the sender goes on by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum SenderEvent {
    /// This many frames were due and not sent since the last event of this kind. The documentation of
    /// [`SenderCounters::frames_skipped`] lists the possible reasons.
    Skipped(u64),
    /// The sender has changed its frame rate because of the loss that the receiver reports. From now on, the
    /// sender sends about one frame in n, where n is the value of this variant: 1 (all frames), 2, 4 or 8. If
    /// the loss ends, n falls again, and each change of n is another event of this kind.
    Adapted(u8),
    /// The track was played to its end or to [`Play::stop`], and a BYE was sent. The sender sends
    /// nothing more until the next [`Sender::play`](super::Sender::play).
    Ended,
}
