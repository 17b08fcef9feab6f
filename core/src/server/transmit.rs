//! Datagrams of one session, in batches as segmentation offload wants them.
use super::packet::Packet;
use super::stream::{Route, Stream};
use crate::frame::FrameStore;
use crate::time::Now;
use crate::transport::Port;
use core::net::SocketAddr;

/// The payload of the largest UDP datagram.
pub(super) const MAX_PACKET: u16 = 65_507;
/// The most that one send call takes.
const MAX_BATCH: usize = MAX_PACKET as usize;
/// A datagram that no path refuses, and no stream goes below (RFC 791: every host takes 576).
pub(super) const MIN_PACKET: u16 = 548;

/// One destination's due packets. Dropped: nothing happened.
#[derive(Debug)]
#[must_use = "nothing is sent until `commit` says so"]
pub struct Pending<'a, S: ?Sized> {
    pub(super) stream: &'a mut Stream,
    /// The stream after the packets that were written.
    pub(super) ahead: Stream,
    pub(super) first: Packet<'a>,
    pub(super) count: usize,
    pub(super) cname: [u8; 16],
    pub(super) store: &'a S,
    pub(super) now: Now,
}

/// What [`Pending::emit`] wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Batch {
    /// Bytes in all.
    pub len: usize,
    /// Bytes of each packet but the last, which may be shorter.
    pub segment: usize,
    /// Packets.
    pub count: usize,
}

impl<S: FrameStore + ?Sized> Pending<'_, S> {
    /// Where to send it.
    pub fn to(&self) -> SocketAddr {
        match self.stream.route {
            Route::Udp { rtcp, .. } if self.first.rtcp => rtcp,
            Route::Udp { rtp, .. } => rtp,
            // Never made for such a stream; an address that goes nowhere.
            Route::Interleaved { .. } => SocketAddr::from(([0, 0, 0, 0], 0)),
        }
    }

    /// The number of the pair of sockets to send it from: [`super::PortPair::socket`].
    pub fn socket(&self) -> u8 {
        match self.stream.route {
            Route::Udp { socket, .. } => socket,
            Route::Interleaved { .. } => 0,
        }
    }

    /// Which socket of the pair.
    pub fn port(&self) -> Port {
        if self.first.rtcp { Port::Rtcp } else { Port::Rtp }
    }

    /// The length of the first packet in bytes: the least that [`Self::emit`] needs.
    pub fn next_len(&self) -> usize {
        self.first.len()
    }

    /// Writes up to `max_segments` packets one behind the other: all of one length, but the last,
    /// which may be shorter. The state does not change. `None`: not even the first one fits.
    pub fn emit(&mut self, max_segments: usize, out: &mut [u8]) -> Option<Batch> {
        let segment = self.first.len();
        let mut batch = Batch { len: segment, segment, count: 1 };
        self.first.copy_from(0, out.get_mut(..segment)?);
        // Bounded by the room: a packet is never empty.
        while batch.count < max_segments && !self.first.rtcp {
            let before = self.ahead;
            let room = out.get_mut(batch.len..).unwrap_or_default();
            let most = segment.min(room.len()).min(MAX_BATCH.saturating_sub(batch.len));
            let len = match self.ahead.step(self.now, &self.cname, self.store) {
                Some(packet) if !packet.rtcp && packet.len() <= most => packet.copy_from(0, room),
                _ => {
                    self.ahead = before;
                    break;
                }
            };
            (batch.len, batch.count) = (batch.len + len, batch.count + 1);
            if len < segment {
                break;
            }
        }
        self.count = batch.count;
        Some(batch)
    }

    /// The first `sent` of the packets that were written went out.
    pub fn commit(self, sent: usize) {
        if sent >= self.count {
            *self.stream = self.ahead;
        } else {
            for _ in 0..sent {
                let _ = self.stream.step(self.now, &self.cname, self.store);
            }
        }
    }

    /// The network refuses packets as large as the first one (EMSGSIZE): nothing was sent. Frames
    /// are cut smaller from here on, down to 548 bytes; `false` where that is reached, and the
    /// first packet is left out.
    pub fn too_big(self) -> bool {
        let smaller = (self.stream.max_packet / 4 * 3).max(MIN_PACKET);
        if smaller >= self.stream.max_packet {
            let _ = self.stream.step(self.now, &self.cname, self.store);
            return false;
        }
        self.stream.max_packet = smaller;
        true
    }
}
