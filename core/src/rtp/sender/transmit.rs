//! What is due of one sender, in batches as segmentation offload wants them.
use super::Sender;
use super::burst::{Message, Next, PIECES};
use crate::rtp::Port;
use crate::time::Now;

/// The payload of the largest UDP datagram, in bytes.
pub(crate) const MAX_PACKET: u16 = 65_507;
/// The most bytes that one send call takes.
const MAX_BATCH: usize = MAX_PACKET as usize;
/// The smallest limit of a packet's length in bytes. No path refuses such a datagram, as every host
/// takes 576 bytes (RFC 791).
pub(crate) const MIN_PACKET: u16 = 548;

/// Packets that are due now, for one destination. A guard that is dropped changes nothing: the packets
/// stay due.
///
/// The caller writes packets with [`Self::emit`] or [`Self::pieces`], once or several times, sends what
/// was written, and passes the number of packets that were sent to [`Self::commit`].
#[derive(Debug)]
#[must_use = "nothing is sent until `commit` says so"]
pub struct Transmit<'a> {
    sender: &'a mut Sender,
    /// A burst's position is behind the packets that were written.
    next: Next<'a>,
    /// Whether a report was written.
    written: bool,
    now: Now,
}

/// The packets that [`Transmit::emit`] wrote: one after another in the buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Batch {
    /// The length of all packets together in bytes.
    pub len: usize,
    /// The length in bytes of each packet except the last one, which may be shorter.
    pub segment: usize,
    /// The number of packets that were written.
    pub count: usize,
}

impl<'a> Transmit<'a> {
    pub(crate) fn new(sender: &'a mut Sender, next: Next<'a>, now: Now) -> Self {
        Self { sender, next, written: false, now }
    }

    /// Returns whether the packets are RTP or RTCP, and so to which port or channel they go.
    pub const fn port(&self) -> Port {
        match self.next {
            Next::Report { .. } => Port::Rtcp,
            Next::Media(_) => Port::Rtp,
        }
    }

    /// Returns the length in bytes of the next packet to be written, which is the least room that
    /// [`Self::emit`] needs; 0 if there is no further packet.
    pub fn next_len(&self) -> usize {
        match &self.next {
            Next::Report { .. } => self.sender.report(self.now).len(),
            Next::Media(burst) => burst.peek().as_ref().map_or(0, |fragment| burst.len(fragment)),
        }
    }

    /// Writes up to `max_segments` packets one after another to `out`. All have one length except the
    /// last, which may be shorter. The next call continues after them, so that several batches can be
    /// sent at once. Returns what was written; `None` if there is no further packet, or if the next one
    /// does not fit.
    pub fn emit(&mut self, max_segments: usize, out: &mut [u8]) -> Option<Batch> {
        let mut room = out;
        self.batch(max_segments, |message| {
            let (to, rest) = core::mem::take(&mut room).split_at_mut_checked(message.len())?;
            room = rest;
            message.emit(to)
        })
    }

    /// Passes packets to `push` as up to `most` slices, for a system call that gathers slices. Bytes of
    /// the frame stay in the store, where all receivers share them. The headers before them are written
    /// to `heads`, about 30 bytes for each packet. Otherwise this is like [`Self::emit`].
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

    /// Has `write` write each packet of a batch. The batch ends where `write` returns `None`.
    fn batch(
        &mut self,
        max_segments: usize,
        mut write: impl FnMut(Message<'_, 'a>) -> Option<()>,
    ) -> Option<Batch> {
        let mut batch = Batch { len: 0, segment: 0, count: 0 };
        match &mut self.next {
            Next::Report { .. } if self.written => {}
            Next::Report { .. } => {
                let packet = &self.sender.report(self.now);
                write(Message::Report(packet))?;
                self.written = true;
                batch = Batch { len: packet.len(), segment: packet.len(), count: 1 };
            }
            Next::Media(burst) => {
                while batch.count < max_segments.max(1)
                    && let Some(fragment) = &burst.peek()
                {
                    let len = burst.len(fragment);
                    if batch.count == 0 {
                        batch.segment = len;
                    }
                    let fits = len <= batch.segment.min(MAX_BATCH.saturating_sub(batch.len));
                    if !fits || write(Message::Media(burst, fragment)).is_none() {
                        break;
                    }
                    burst.pass(fragment);
                    (batch.len, batch.count) = (batch.len.saturating_add(len), batch.count.saturating_add(1));
                    if len < batch.segment {
                        break;
                    }
                }
            }
        }
        Some(batch).filter(|batch| batch.count > 0)
    }

    /// Goes back to the first packet, so that the next [`Self::emit`] writes it again.
    pub fn rewind(&mut self) {
        match &mut self.next {
            Next::Report { .. } => self.written = false,
            Next::Media(burst) => burst.rewind(self.sender),
        }
    }

    /// Takes note that the first `sent` of the written packets were sent. The other packets stay due.
    pub fn commit(mut self, sent: usize) {
        self.advance(sent);
    }

    /// Takes note that the first `sent` of the written packets were sent, and continues with the
    /// packets after them, for a caller that sends packets one by one. Returns whether there are any.
    pub fn advance(&mut self, sent: usize) -> bool {
        let Next::Media(burst) = &mut self.next else {
            if sent > 0 {
                self.sender.pass_report(self.now);
            }
            return false;
        };
        let written = burst.at.packets as usize;
        if sent < written || written == 0 {
            burst.rewind(self.sender);
            // The first one counts as written.
            let sent = sent.min(written.max(1));
            while (burst.at.packets as usize) < sent
                && let Some(fragment) = &burst.peek()
            {
                burst.pass(fragment);
            }
        }
        self.sender.pass(self.now, burst);
        (burst.at.packets, burst.at.octets) = (0, 0);
        burst.has_more()
    }

    /// Says that the network has refused packets as long as the first one (EMSGSIZE), so that nothing
    /// was sent. From now on packets are shorter, down to 548 bytes. Returns false if that limit is
    /// reached; the first packet is then left out.
    pub fn too_big(self) -> bool {
        let smaller = (self.sender.max_packet / 4 * 3).max(MIN_PACKET);
        if smaller >= self.sender.max_packet {
            self.commit(1);
            return false;
        }
        self.sender.max_packet = smaller;
        true
    }
}
