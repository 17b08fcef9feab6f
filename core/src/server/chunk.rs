//! Bytes for the RTSP connection: replies, and interleaved packets (RFC 2326, 10.12).
use super::config::MAX_TRACKS;
use super::state::ConnState;
use super::stream::{Stream, walk};
use crate::frame::FrameStore;
use crate::rtp::{PIECES, SplitPacket};
use crate::storage::{Fifo, put};
use crate::time::Now;

/// Bytes that are due on an RTSP connection. A guard that is dropped changes nothing: they stay due.
#[derive(Debug)]
#[must_use = "nothing is sent until `advance` says how much was written"]
pub struct Chunk<'a, S: ?Sized> {
    pub(super) state: &'a mut ConnState,
    pub(super) tx: &'a mut [u8],
    pub(super) store: &'a S,
    pub(super) now: Now,
}

impl<'a, S: FrameStore + ?Sized> Chunk<'a, S> {
    /// Copies messages to `out` until it is full, the last one possibly in part. Returns the number of bytes
    /// copied. They stay due until [`Self::advance`] is called.
    pub fn fill(&self, out: &mut [u8]) -> usize {
        let queued = self.state.outgoing.bytes(self.tx);
        let mut done = queued.len().min(out.len());
        put(out, 0, queued.get(..done).unwrap_or(&[]));
        let room = self.state.stream_room();
        walk(&mut self.ahead(), self.now, self.store, room, &mut |message| {
            let room = out.get_mut(done..).filter(|room| !room.is_empty());
            let Some((room, packet)) = room.and_then(|room| Some((room, message.packet()?))) else {
                return false;
            };
            done = done.saturating_add(packet.copy_from(0, room));
            true
        });
        done
    }

    /// Copies messages to `out` until it is full, the last one possibly in part, and counts them as sent.
    /// Returns the number of bytes copied. It is faster than [`Self::fill`] and [`Self::advance`], for
    /// outlets that take all that was copied.
    pub fn write(self, out: &mut [u8]) -> usize {
        let Self { state, tx, store, now } = self;
        let queued = state.outgoing.bytes(tx);
        let mut done = queued.len().min(out.len());
        put(out, 0, queued.get(..done).unwrap_or(&[]));
        let most = state.stream_room();
        state.outgoing.pop(done);
        let outgoing = &mut state.outgoing;
        walk(&mut state.streams, now, store, most, &mut |message| {
            let room = out.get_mut(done..).filter(|room| outgoing.is_empty() && !room.is_empty());
            let Some((room, packet)) = room.and_then(|room| Some((room, message.packet()?))) else {
                return false;
            };
            let taken = packet.copy_from(0, room);
            done = done.saturating_add(taken);
            keep(outgoing, tx, &packet, taken);
            true
        });
        done
    }

    /// Hands whole messages to `push` as up to `most` slices, for a vectored write. The bytes of frames are
    /// slices of the store, and are not copied. Headers are written to `heads` first, about 30 bytes for
    /// each message; what does not fit in there is left out. Returns the number of bytes in all slices. They
    /// stay due until [`Self::advance`] is called.
    pub fn pieces<'h>(&'h self, most: usize, heads: &'h mut [u8], mut push: impl FnMut(&'h [u8])) -> usize
    where
        'a: 'h,
    {
        let (mut bytes, mut left) = (0_usize, most);
        let mut push = |piece: &'h [u8]| {
            bytes = bytes.saturating_add(piece.len());
            left = left.saturating_sub(1);
            push(piece);
            left
        };
        let queued = self.state.outgoing.bytes(self.tx);
        let mut left = if queued.is_empty() { most } else { push(queued) };
        let mut heads = heads;
        let room = self.state.stream_room();
        walk(&mut self.ahead(), self.now, self.store, room, &mut |message| {
            if left < PIECES {
                return false;
            }
            let room = core::mem::take(&mut heads);
            let rest = message.pieces(room, |piece| left = push(piece));
            rest.is_some_and(|rest| {
                heads = rest;
                true
            })
        });
        bytes
    }

    /// Counts the first `n` bytes as sent. `n` is at most what [`Self::fill`] or [`Self::pieces`] returned.
    ///
    /// If a message was sent in part, its rest is copied to the connection's storage and is sent next, even
    /// if its frame leaves the store before that.
    pub fn advance(self, n: usize) {
        let Self { state, tx, store, now } = self;
        let queued = n.min(state.outgoing.len());
        let most = state.stream_room();
        state.outgoing.pop(queued);
        let mut left = n.saturating_sub(queued);
        let outgoing = &mut state.outgoing;
        walk(&mut state.streams, now, store, most, &mut |message| {
            if left == 0 || !outgoing.is_empty() {
                return false;
            }
            let len = message.len();
            let taken = left.min(len);
            left = left.saturating_sub(taken);
            if taken < len {
                let Some(packet) = message.packet() else { return false };
                keep(outgoing, tx, &packet, taken);
            }
            true
        });
    }

    /// A copy of the streams, to find out what is due without a change.
    fn ahead(&self) -> heapless::Vec<Stream, MAX_TRACKS> {
        // No table is longer.
        heapless::Vec::from_slice(&self.state.streams).unwrap_or_default()
    }
}

/// Queues the rest of a message of which `written` bytes were sent.
fn keep(outgoing: &mut Fifo, tx: &mut [u8], packet: &SplitPacket<'_>, written: usize) {
    let room = outgoing.tail(tx, packet.len().saturating_sub(written));
    let copied = packet.copy_from(written, room);
    outgoing.grow(tx, copied);
}
