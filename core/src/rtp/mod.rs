//! RTP and RTCP (RFC 3550), without RTSP: packets, and the order, loss and jitter of a stream.
//!
//! A received packet goes through [`Statistics`], which says where in the sequence it is, then through
//! [`Reorder`], which passes packets on in order.
//!
//! ```
//! use pinhole::rtp::{Arrival, Reorder, Statistics};
//! use pinhole::time::{Duration, Instant};
//!
//! # fn push(packet: &[u8], lost: u16) {}
//! # let (now, sequence_number, timestamp, packet) = (Instant::ZERO, 1, 0, &[0u8; 12][..]);
//! let mut statistics = Statistics::new(0x1234_5678, 90_000);
//! let mut reorder = Reorder::new([0; 16_384], 1_500, Duration::from_millis(50));
//!
//! let arrival = statistics.on_packet(now, sequence_number, timestamp);
//! if let Arrival::Restart { .. } = arrival {
//!     reorder.flush(&mut |packet, lost| push(packet, lost));
//! }
//! if let Some(sequence) = arrival.sequence() {
//!     reorder.offer(now, sequence, packet, &mut |packet, lost| push(packet, lost));
//! }
//! ```
mod packet;
mod reorder;
pub mod rtcp;
mod sender;
mod sequence;
mod statistics;

pub use packet::{Error, ExtensionRepr, HEADER_LEN, Packet, Repr};
pub(crate) use reorder::Window;
pub use reorder::{Offer, Reorder, ReorderCounters};
pub use sender::{
    Batch, Framing, Pace, Play, Scale, Sender, SenderConfig, SenderCounters, SenderEvent, Speed, Transmit,
};
pub(crate) use sender::{
    MAX_PACKET, MAX_UDP_SPEED, MIN_PACKET, Message, Next, PIECES, Packet as SplitPacket,
};
pub use sequence::Arrival;
pub use statistics::{Statistics, StatisticsCounters};

/// Which of a pair of ports: RTP has the even one, RTCP the odd one above it (RFC 3550, 11).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Port {
    /// Media.
    Rtp,
    /// Reports.
    Rtcp,
}
