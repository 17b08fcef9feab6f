//! What a receiver has to know of its stream.
use crate::codec::Codec;
use crate::frame::TrackInfo;

/// The configuration of a [`Receiver`](super::Receiver): what it has to know of its stream, usually from the session
/// description, and the names in its own reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ReceiverConfig {
    /// The number of the track in the [`FrameSink`](crate::frame::FrameSink), counted from 0. The receiver passes this
    /// number to the methods of the sink. If the sink has only one track, use 0.
    pub track: u8,
    /// The codec of the stream. It decides how frames are built from packets.
    pub codec: Codec,
    /// The payload type of the stream's packets, 0 to 127. Packets of any other type are refused
    /// ([`Handled::Refused`](super::Handled::Refused)).
    pub payload_type: u8,
    /// The clock rate of the stream's RTP timestamps in ticks per second.
    pub clock_rate: u32,
    /// The announced interval from one frame to the next, in ticks of the clock; `None` or 0 if the interval
    /// is not known. It is used for the durations of frames, and to count missing frames. If it is not known,
    /// the receiver measures the interval.
    pub frame_interval: Option<u32>,
    /// The announced width and height of the pictures in pixels, for pictures that are too large for
    /// their payload format to say; `None` if they are not announced. See
    /// [`Depacketizer::new`](crate::payload::Depacketizer::new).
    pub dimensions: Option<(u16, u16)>,
    /// The SSRC with which the receiver sends its own reports: a random number (RFC 3550, 8.1). It is not the
    /// SSRC of the stream.
    pub ssrc: u32,
    /// The canonical name (CNAME) in the receiver's reports. 16 random characters are enough (RFC 7022, 4.2).
    /// The characters should be ASCII; this is not checked.
    pub cname: [u8; 16],
}

impl ReceiverConfig {
    /// Returns a configuration with the codec and clock rate of `info`, and with this payload type. The track
    /// is 0; the frame interval and the dimensions are `None`. Set [`Self::ssrc`] and [`Self::cname`] to
    /// random values: they are 0 and 16 zeros in ASCII.
    pub const fn new(info: TrackInfo<'_>, payload_type: u8) -> Self {
        let TrackInfo { codec, clock_rate, .. } = info;
        let (track, frame_interval, dimensions, ssrc, cname) = (0, None, None, 0, [b'0'; 16]);
        Self { track, codec, payload_type, clock_rate, frame_interval, dimensions, ssrc, cname }
    }
}
