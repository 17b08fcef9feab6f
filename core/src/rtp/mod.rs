//! RTP and RTCP (RFC 3550), without RTSP: packets, and both ends of a stream.
//!
//! [`Receiver`] turns the packets of one stream into frames. It needs to know only how the stream is
//! coded:
//!
//! ```
//! use pinhole::codec::jpeg::TRACK;
//! use pinhole::frame::{FrameId, FrameRing, FrameStore, Slot, TrackId};
//! use pinhole::rtp::{Delivery, Port, Receiver, ReceiverConfig};
//! use pinhole::time::{Duration, Instant};
//!
//! let mut storage = [0; 16_384]; // ten packets that wait for those before them
//! let mut ring = FrameRing::new(TRACK, [Slot::EMPTY; 4], [0; 65_536]);
//! let config = ReceiverConfig { ssrc: 5, ..ReceiverConfig::new(TRACK, 26) };
//! let mut receiver = Receiver::new(config, 0x1234_5678_9ABC_DEF0);
//! let datagrams = Delivery::Datagrams { max_packet: 1_500, wait: Duration::from_millis(50) };
//! receiver.set_delivery(datagrams, &mut storage);
//!
//! // A socket would give this: a JPEG frame of 16 x 16 pixels, in one packet (RFC 2435).
//! let mut packet = [0x80, 26 | 0x80, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7].to_vec();
//! packet.extend([0, 0, 0, 0, 1, 50, 2, 2, 0x55, 0x55]);
//! let now = Instant::from_micros(40_000);
//! receiver.handle_packet(now, Port::Rtp, &packet, &mut storage, &mut ring);
//! assert!(ring.frame(TrackId::default(), FrameId(0)).unwrap().data.ends_with(&[0x55, 0x55, 0xFF, 0xD9]));
//!
//! // Until then, the receiver asks for nothing; then its first report is due.
//! let now = receiver.report_at().unwrap();
//! if let Some(report) = receiver.poll_report(now) {
//!     let _datagram = report.bytes();
//!     report.commit();
//! }
//! ```
//!
//! [`Sender`] is the other end: it sends the frames of a track as a stream, paced as they are shown.
//!
//! Below them are the parts: [`Statistics`] says where in its source's sequence a packet stands, and
//! counts; [`Reorder`] puts packets in order; [`Packet`] and [`rtcp`] read and write what is on the
//! wire.
mod packet;
mod receiver;
mod reorder;
pub mod rtcp;
mod sender;
mod sequence;
mod statistics;

pub use crate::frame::Want;
pub use packet::{Error, ExtensionRepr, HEADER_LEN, Packet, Repr};
pub use receiver::{Delivery, Handled, Receiver, ReceiverConfig, ReceiverStatistics, Report, Start};
pub(crate) use reorder::ReorderWindow;
pub use reorder::{Offer, Reorder, ReorderCounters};
pub use sender::{
    Batch, Framing, Pace, Play, Scale, Sender, SenderConfig, SenderCounters, SenderEvent, Speed, Transmit,
};
#[cfg(feature = "server")]
pub(crate) use sender::{
    MAX_PACKET, MAX_UDP_SPEED, MIN_PACKET, Message, Next, PIECES, Packet as SplitPacket, VARIES,
};
pub use sequence::Arrival;
pub use statistics::{Statistics, StatisticsCounters};

/// One of the two ports or interleaved channels of a stream: RTP or RTCP. By convention, the port of RTP has
/// an even number, and the port of RTCP is the odd one above it (RFC 3550, 11).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Port {
    /// The port or channel of RTP packets, which carry media.
    Rtp,
    /// The port or channel of RTCP packets, which carry reports.
    Rtcp,
}
