//! Bytes for the RTSP connection: replies, and interleaved packets (RFC 2326, 10.12).
use super::conn::State;
use super::packet::Packet;
use super::stream::Stream;
use crate::frame::FrameStore;
use crate::storage::put;
use crate::time::Now;

/// What the connection has to say now. Dropped: nothing happened.
#[derive(Debug)]
#[must_use = "nothing is sent until `advance` says how much was written"]
pub struct Chunk<'a, S: ?Sized> {
    pub(super) state: &'a mut State,
    pub(super) tx: &'a mut [u8],
    pub(super) store: &'a S,
    pub(super) now: Now,
}

impl<S: FrameStore + ?Sized> Chunk<'_, S> {
    /// Copies as many messages as fit into `out`, the last one possibly in part; returns the bytes
    /// copied. The state does not change.
    pub fn fill(&self, out: &mut [u8]) -> usize {
        let queued = self.state.outgoing.bytes(self.tx);
        let mut done = queued.len().min(out.len());
        put(out, 0, queued.get(..done).unwrap_or(&[]));
        let mut ahead = self.state.streams.clone();
        while done < out.len() {
            let Some(packet) = next_packet(&mut ahead, self.now, &self.state.cname, self.store) else {
                break;
            };
            done = done.saturating_add(packet.copy_from(0, out.get_mut(done..).unwrap_or_default()));
        }
        done
    }

    /// Takes the first `n` bytes as written: any `n` up to what [`Self::fill`] returned.
    ///
    /// A message of which only a part was written is finished later, whatever becomes of its
    /// frame: what is left of it moves into the connection's storage.
    pub fn advance(self, n: usize) {
        let queued = n.min(self.state.outgoing.len());
        self.state.outgoing.pop(queued);
        let mut left = n.saturating_sub(queued);
        while left > 0 && self.state.outgoing.is_empty() {
            let Some(packet) = next_packet(&mut self.state.streams, self.now, &self.state.cname, self.store)
            else {
                break;
            };
            let taken = left.min(packet.len());
            left = left.saturating_sub(taken);
            if taken < packet.len() {
                let tail = packet.len().saturating_sub(taken);
                let room = self.state.outgoing.tail(self.tx, tail);
                let copied = packet.copy_from(taken, room);
                self.state.outgoing.grow(self.tx, copied);
            }
        }
    }
}

/// The interleaved packet that was due first, and the cursor past it.
pub(super) fn next_packet<'a, S: FrameStore + ?Sized>(
    streams: &mut [Stream],
    now: Now,
    cname: &[u8],
    store: &'a S,
) -> Option<Packet<'a>> {
    let (stream, ahead, packet) = earliest(streams, false, now, cname, store)?;
    *stream = ahead;
    Some(packet)
}

/// Of the streams that travel by UDP, or else of those that do not: the one whose packet was due
/// first, what it is after that packet, and the packet.
pub(super) fn earliest<'s, 'a, S: FrameStore + ?Sized>(
    streams: &'s mut [Stream],
    udp: bool,
    now: Now,
    cname: &[u8],
    store: &'a S,
) -> Option<(&'s mut Stream, Stream, Packet<'a>)> {
    streams
        .iter_mut()
        .filter(|stream| stream.is_udp() == udp && stream.is_sending())
        .filter_map(|stream| {
            let mut ahead = *stream;
            let packet = ahead.step(now, cname, store)?;
            Some((stream, ahead, packet))
        })
        .min_by_key(|(_, _, packet)| packet.due)
}
