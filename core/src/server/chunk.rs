//! Bytes for the RTSP connection: replies, and interleaved packets (RFC 2326, 10.12).
use super::config::MAX_TRACKS;
use super::state::ConnState;
use super::stream::{Stream, walk};
use crate::frame::FrameStore;
use crate::rtp::{PIECES, SplitPacket};
use crate::storage::{Fifo, put};
use crate::time::Now;

/// Bytes that are due on an RTSP connection: replies, and packets that are interleaved in it.
/// [`Turn::poll_stream`](super::Turn::poll_stream) returns it.
///
/// There are two ways to send these bytes. Either copy bytes with [`Self::fill`] or get slices from
/// [`Self::pieces`], write them to the connection, and then pass the number of bytes that the connection took
/// to [`Self::advance`] or [`Self::advance_pieces`]. Or call [`Self::write`] alone. If a chunk is dropped
/// without any of these, nothing has happened: the bytes stay due, and the next
/// [`Turn::poll_stream`](super::Turn::poll_stream) returns them.
#[derive(Debug)]
#[must_use = "nothing is sent until `advance` says how much was written"]
pub struct Chunk<'a, S: ?Sized> {
    pub(super) state: &'a mut ConnState,
    pub(super) tx: &'a mut [u8],
    pub(super) store: &'a S,
    pub(super) now: Now,
}

/// How far [`Chunk::pieces`] has come, for [`Chunk::advance_pieces`].
#[derive(Debug)]
#[must_use = "nothing is sent until `advance_pieces` says how much was written"]
pub struct Pieces {
    bytes: usize,
    /// The streams past all of them.
    streams: heapless::Vec<Stream, MAX_TRACKS>,
}

impl Pieces {
    /// Returns the number of bytes in all slices that were passed on.
    pub const fn bytes(&self) -> usize {
        self.bytes
    }
}

impl<'a, S: FrameStore + ?Sized> Chunk<'a, S> {
    /// Copies the bytes that are due to `out` until `out` is full. If the last message does not fit, its
    /// first part is copied.
    ///
    /// Returns the number of bytes copied. The bytes stay due until [`Self::advance`] is called. The number
    /// is 0 in two cases:
    ///
    /// - `out` is empty.
    /// - The next message is longer than [`Turn::limit_stream`](super::Turn::limit_stream) allows. Nothing
    ///   can be sent in this turn then: go on in a later turn.
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

    /// Copies the bytes that are due to `out` until `out` is full, and counts these bytes as sent. If the
    /// last message does not fit, its first part is copied: the rest of that message is kept in the
    /// connection's storage and is sent next.
    ///
    /// This method is faster than [`Self::fill`] and [`Self::advance`]. Use it only if none of the copied
    /// bytes can be refused afterwards, for example if `out` is the transmit buffer of the socket itself.
    ///
    /// Returns the number of bytes copied. The number is 0 in two cases:
    ///
    /// - `out` is empty.
    /// - The next message is longer than [`Turn::limit_stream`](super::Turn::limit_stream) allows. Nothing
    ///   can be sent in this turn then: go on in a later turn.
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

    /// Passes the bytes that are due to `push` as slices, for a vectored write such as `writev`. The bytes of
    /// frames are slices of the store, and are not copied.
    ///
    /// `most` is the greatest number of slices that the vectored write takes; 0 counts as 1. Each packet
    /// takes up to four slices, and is passed as a whole or not at all. So no further packet is passed when
    /// fewer than four of these slices are left. `heads` is room for headers: about 30 bytes for each RTP
    /// packet, and less than 100 for each RTCP packet. If the header of a packet does not fit, neither this
    /// packet nor any after it is passed.
    ///
    /// The bytes stay due until [`Self::advance_pieces`] is called with the result. If [`Pieces::bytes`] is 0,
    /// nothing was passed, for one of these reasons:
    ///
    /// - `most` is less than 4, or `heads` is too small: call this again with more of it.
    /// - The next message is longer than [`Turn::limit_stream`](super::Turn::limit_stream) allows. Nothing
    ///   can be sent in this turn then: go on in a later turn.
    pub fn pieces<'h>(&'h self, most: usize, heads: &'h mut [u8], mut push: impl FnMut(&'h [u8])) -> Pieces
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
        let mut streams = self.ahead();
        walk(&mut streams, self.now, self.store, room, &mut |message| {
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
        Pieces { bytes, streams }
    }

    /// Counts the first `n` of the bytes that [`Self::pieces`] passed on as sent, as [`Self::advance`] does.
    /// `pieces` is what it returned. If the connection took all bytes, this takes much less time than
    /// [`Self::advance`].
    pub fn advance_pieces(self, pieces: Pieces, n: usize) {
        if n < pieces.bytes {
            return self.advance(n);
        }
        self.state.outgoing.pop(self.state.outgoing.len());
        self.state.streams.iter_mut().zip(&pieces.streams).for_each(|(stream, past)| stream.clone_from(past));
    }

    /// Counts the first `n` of the bytes that [`Self::fill`] copied or [`Self::pieces`] passed on as sent.
    /// Call this once the connection has taken these bytes. With 0, nothing changes. `n` must not be greater
    /// than the number of bytes that were copied or passed on: otherwise bytes count as sent that were never
    /// written.
    ///
    /// If only a part of a message was sent, the rest of that message is copied to the connection's storage
    /// and is sent next, even if the store has dropped the frame of that message by then.
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
