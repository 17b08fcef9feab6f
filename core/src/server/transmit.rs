//! Datagrams of one session, in batches as segmentation offload wants them.
use super::packet::Packet;
use super::run::{Cursor, Message, Next, PIECES, Run};
use super::stream::{Route, Stream};
use crate::rtp::Port;
use crate::time::Now;
use core::net::{IpAddr, SocketAddr, SocketAddrV6};

/// The payload of the largest UDP datagram.
pub(super) const MAX_PACKET: u16 = 65_507;
/// The most that one send call takes.
const MAX_BATCH: usize = MAX_PACKET as usize;
/// A datagram that no path refuses, and no stream goes below (RFC 791: every host takes 576).
pub(super) const MIN_PACKET: u16 = 548;

/// One destination's due packets. Dropped: nothing happened.
#[derive(Debug)]
#[must_use = "nothing is sent until `commit` says so"]
pub struct Pending<'a> {
    stream: &'a mut Stream,
    peer: IpAddr,
    due: Due<'a>,
    now: Now,
}

#[derive(Debug)]
enum Due<'a> {
    Report(Packet<'a>),
    Media {
        /// Its cursor is behind the packets that were written.
        run: Run<'a>,
        /// Where it starts, and how long the packet there is.
        start: Cursor,
        segment: usize,
    },
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

impl<'a> Pending<'a> {
    pub(super) fn new(
        stream: &'a mut Stream,
        peer: IpAddr,
        next: Next<'a>,
        now: Now,
        cname: &[u8],
    ) -> Option<Self> {
        let due = match next {
            Next::Report { .. } => Due::Report(stream.report(now, cname)),
            Next::Media(run) => {
                let segment = run.len(&run.peek()?);
                Due::Media { start: run.cursor, segment, run }
            }
        };
        Some(Self { stream, peer, due, now })
    }

    /// Where to send it.
    pub fn to(&self) -> SocketAddr {
        let (port, scope_id) = match (self.stream.route, self.port()) {
            (Route::Udp { rtcp, scope_id, .. }, Port::Rtcp) => (rtcp, scope_id),
            (Route::Udp { rtp, scope_id, .. }, Port::Rtp) => (rtp, scope_id),
            // Never made for such a stream; a port where nobody is.
            (Route::Interleaved { .. }, _) => (0, 0),
        };
        match self.peer {
            IpAddr::V4(peer) => SocketAddr::from((peer, port)),
            IpAddr::V6(peer) => SocketAddrV6::new(peer, port, 0, scope_id).into(),
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
    pub const fn port(&self) -> Port {
        match self.due {
            Due::Report(_) => Port::Rtcp,
            Due::Media { .. } => Port::Rtp,
        }
    }

    /// The length of the first packet in bytes: the least that [`Self::emit`] needs.
    pub fn next_len(&self) -> usize {
        match &self.due {
            Due::Report(packet) => packet.len(),
            Due::Media { segment, .. } => *segment,
        }
    }

    /// Writes up to `max_segments` packets one behind the other: all of one length, but the last,
    /// which may be shorter. The state does not change. `None`: not even the first one fits.
    pub fn emit(&mut self, max_segments: usize, out: &mut [u8]) -> Option<Batch> {
        let mut room = out;
        self.batch(max_segments, |message| {
            let (to, rest) = core::mem::take(&mut room).split_at_mut_checked(message.len())?;
            room = rest;
            message.emit(to)
        })
    }

    /// The same in up to `most` pieces, for a system call that gathers them: what all watchers of a
    /// frame share as it lies in the store, the rest from `heads`, where it is written to, about 30
    /// bytes for each packet. `None`: not even the first one fits.
    pub fn pieces<'h>(
        &mut self,
        max_segments: usize,
        most: usize,
        heads: &'h mut [u8],
        mut push: impl FnMut(&'h [u8]),
    ) -> Option<Batch>
    where
        'a: 'h,
    {
        let (mut heads, mut left) = (heads, most);
        self.batch(max_segments, |message| {
            if left < PIECES {
                return None;
            }
            heads = message.pieces(core::mem::take(&mut heads), |piece| {
                left = left.saturating_sub(1);
                push(piece);
            })?;
            Some(())
        })
    }

    /// Has `write` write each packet of a batch; `None` ends it.
    fn batch(
        &mut self,
        max_segments: usize,
        mut write: impl FnMut(Message<'_, 'a>) -> Option<()>,
    ) -> Option<Batch> {
        let segment = self.next_len();
        let mut batch = Batch { len: 0, segment, count: 0 };
        match &mut self.due {
            Due::Report(packet) => {
                write(Message::Report(packet))?;
                batch = Batch { len: segment, segment, count: 1 };
            }
            Due::Media { run, start, .. } => {
                run.cursor = *start;
                while batch.count < max_segments.max(1)
                    && let Some(span) = run.peek()
                {
                    let len = run.len(&span);
                    let fits = len <= segment.min(MAX_BATCH.saturating_sub(batch.len));
                    if !fits || write(Message::Media(run, &span)).is_none() {
                        break;
                    }
                    run.pass(&span);
                    (batch.len, batch.count) = (batch.len.saturating_add(len), batch.count.saturating_add(1));
                    if len < segment {
                        break;
                    }
                }
            }
        }
        Some(batch).filter(|batch| batch.count > 0)
    }

    /// The first `sent` of the packets that were written went out.
    pub fn commit(mut self, sent: usize) {
        self.advance(sent);
    }

    /// The same, and goes on with what is behind them: for who sends packets one by one, and need not
    /// look all that is due up again for each. `false`: there is no more here.
    pub fn advance(&mut self, sent: usize) -> bool {
        let Due::Media { run, start, segment } = &mut self.due else {
            if sent > 0 {
                self.stream.pass_report(self.now);
            }
            return false;
        };
        let written = run.cursor.packets as usize;
        if sent < written || written == 0 {
            run.cursor = *start;
            // The first one counts as written.
            let sent = sent.min(written.max(1));
            while (run.cursor.packets as usize) < sent
                && let Some(span) = run.peek()
            {
                run.pass(&span);
            }
        }
        self.stream.pass(self.now, run);
        (run.cursor.packets, run.cursor.octets) = (0, 0);
        *start = run.cursor;
        run.peek().is_some_and(|next| {
            *segment = run.len(&next);
            true
        })
    }

    /// The network refuses packets as large as the first one (EMSGSIZE): nothing was sent. Frames
    /// are cut smaller from here on, down to 548 bytes; `false` where that is reached, and the
    /// first packet is left out.
    pub fn too_big(self) -> bool {
        let smaller = (self.stream.max_packet / 4 * 3).max(MIN_PACKET);
        if smaller >= self.stream.max_packet {
            self.commit(1);
            return false;
        }
        self.stream.max_packet = smaller;
        true
    }
}
