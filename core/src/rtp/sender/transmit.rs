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

/// Packets of one sender that are due now, all RTP or all RTCP, for one destination.
/// [`Sender::poll_transmit`](super::Sender::poll_transmit) returns it.
///
/// Do the following:
///
/// - Write packets with [`Self::emit`] or [`Self::pieces`], once or several times.
/// - Send what was written: UDP datagrams to the port that [`Self::port`] names, and interleaved messages on
///   the byte stream.
/// - Pass the number of packets that were sent to [`Self::commit`] or [`Self::advance`].
///
/// If this value is dropped without the last step, nothing has changed: the packets stay due, and the next
/// [`Sender::poll_transmit`](super::Sender::poll_transmit) returns them.
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

/// How many packets [`Transmit::emit`] or [`Transmit::pieces`] has written, and how long they are. It does
/// not hold the packets. The bytes of the packets are in the buffer or in the slices that were written, one
/// packet after another without gaps. [`Self::segment`] says where each packet ends, as segmentation offload
/// (`UDP_SEGMENT`) expects it. Lengths include the 4-byte prefix of interleaved messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Batch {
    /// The length of all packets together in bytes, at most 65,507. Only a single interleaved message may be
    /// longer, by its prefix of 4 bytes.
    pub len: usize,
    /// The length in bytes of each packet except the last one, which may be shorter. If there is a single
    /// packet, this is its length.
    pub segment: usize,
    /// The number of packets that were written, at least 1. Once all of these packets are sent, pass this
    /// number to [`Transmit::commit`].
    pub count: usize,
}

impl<'a> Transmit<'a> {
    pub(crate) fn new(sender: &'a mut Sender, next: Next<'a>, now: Now) -> Self {
        Self { sender, next, written: false, now }
    }

    /// Returns whether the packets are RTP or RTCP. Send UDP datagrams from your port and to the receiver's
    /// port for that kind. Interleaved messages need no port, because they contain their channel.
    pub const fn port(&self) -> Port {
        match self.next {
            Next::Report { .. } => Port::Rtcp,
            Next::Media(_) => Port::Rtp,
        }
    }

    /// Returns the length in bytes of the next packet to be written, with the 4-byte prefix of an interleaved
    /// message. [`Self::emit`] needs an `out` of at least this length. Once all RTP packets were written, the
    /// result is 0. If the packets are RTCP, there is only one packet, and the result is the length of that
    /// packet, also after it was written.
    pub fn next_len(&self) -> usize {
        match &self.next {
            Next::Report { .. } => self.sender.report(self.now).len(),
            Next::Media(burst) => burst.peek().as_ref().map_or(0, |fragment| burst.len(fragment)),
        }
    }

    /// Writes up to `max_segments` packets one after another to the front of `out`. If `max_segments` is 0,
    /// it counts as 1. All packets have one length, except the last one, which may be shorter. Together they
    /// have at most 65,507 bytes, or are a single interleaved message of up to 65,511 bytes. The next call writes
    /// the packets that follow, so you can write several batches, each to a buffer of its own, before you send
    /// them.
    ///
    /// Returns how many packets were written, and their lengths. Returns `None` if all packets were written
    /// already, or if the next packet is longer than `out` (see [`Self::next_len`]).
    pub fn emit(&mut self, max_segments: usize, out: &mut [u8]) -> Option<Batch> {
        let mut room = out;
        self.batch(max_segments, |message| {
            let (to, rest) = core::mem::take(&mut room).split_at_mut_checked(message.len())?;
            room = rest;
            message.emit(to)
        })
    }

    /// Passes packets to `push` as slices, in order, for a system call that gathers slices. The bytes of the
    /// frame are not copied: their slices lie in the store. The headers of each packet are written to
    /// `heads`, and the slice with the headers lies in `heads`. The headers of an RTP packet take about 30
    /// bytes, and at most 80. An RTCP packet lies in `heads` as a whole, with at most 80 bytes.
    ///
    /// `max_segments` limits the number of packets as in [`Self::emit`]. `most` limits the number of slices.
    /// A packet takes up to 4 slices, so no further packet is passed when fewer than 4 of `most` slices are
    /// left. The next call passes the packets that follow.
    ///
    /// Returns how many packets were passed, and their lengths. Returns `None` if all packets were passed
    /// already, if `most` is less than 4, or if the headers of the next packet do not fit into `heads`.
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
                    let is_first = batch.count == 0;
                    if is_first {
                        batch.segment = len;
                    }
                    // With its prefix, an interleaved message may be longer than a datagram.
                    let fits = is_first || len <= batch.segment.min(MAX_BATCH.saturating_sub(batch.len));
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

    /// Goes back to the first packet that was not committed. The next [`Self::emit`] or [`Self::pieces`]
    /// writes that packet again. Call this if packets were written but could not be sent, and the buffer with
    /// the written packets is gone.
    pub fn rewind(&mut self) {
        match &mut self.next {
            Next::Report { .. } => self.written = false,
            Next::Media(burst) => burst.rewind(self.sender),
        }
    }

    /// Counts packets as sent: the first `sent` of those that were written since the last [`Self::rewind`] or
    /// [`Self::advance`], or, without such a call, since this value was returned. The other packets stay due:
    /// the next [`Sender::poll_transmit`](super::Sender::poll_transmit) returns them. If `sent` is 0, nothing
    /// changes. If `sent` is more than the number of written packets, all written packets count as sent. If
    /// no packet was written and `sent` is above 0, the first packet is left out, and counts as sent.
    pub fn commit(mut self, sent: usize) {
        self.advance(sent);
    }

    /// Counts the first `sent` of the written packets as sent, as [`Self::commit`] does, and continues with
    /// the packets after them. Use this to send packets one by one, or a few at a time.
    ///
    /// Returns true if packets are left to write: call [`Self::emit`] or [`Self::pieces`] again. Packets that
    /// were written and not sent are written again. Returns false if no packets are left: drop this value,
    /// and call [`Sender::poll_transmit`](super::Sender::poll_transmit) again.
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

    /// Reports that the network has refused packets as long as the first one (EMSGSIZE), so that nothing was
    /// sent. Call this in place of [`Self::commit`].
    ///
    /// Returns true if the sender makes shorter packets from now on. The limit for the length of packets
    /// ([`SenderConfig::max_packet`](super::SenderConfig::max_packet)) falls by a quarter, but not below 548
    /// bytes. The next [`Sender::poll_transmit`](super::Sender::poll_transmit) returns the same data in
    /// shorter packets.
    ///
    /// Returns false if the limit is 548 bytes already. In this case, the first packet is left out, and
    /// counts as sent. Call [`Sender::poll_transmit`](super::Sender::poll_transmit) again for the packets
    /// after it.
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
