//! The receiving side of RTP: order, loss and jitter.
//!
//! A packet goes through [`Statistics`], which says where in the sequence it is, then through
//! [`Reorder`], which hands on packets in order, then through a [`Depacketizer`], which writes
//! what it carries straight to its place in a [`FrameSink`](crate::frame::FrameSink).
//!
//! ```
//! use pinhole::receive::{Arrival, Reorder, Statistics};
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
mod depacketize;
mod onvif;
mod reorder;
mod sequence;
mod statistics;
mod strips;

pub use depacketize::{DepacketizeError, Depacketizer, DepacketizerCounters, Pushed};
pub(crate) use reorder::Window;
pub use reorder::{Offer, Reorder, ReorderCounters};
pub use sequence::Arrival;
pub use statistics::{Statistics, StatisticsCounters};
