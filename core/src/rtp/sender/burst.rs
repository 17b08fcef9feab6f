//! Packets of one frame that leave together: the frame is looked up once for all of them.
use super::packet::Packet;
use super::{Framing, MAGIC, PREFIX_LEN, Sender};
use crate::payload::{Cursor, Fragment, Packetizer};
use crate::rtp;
use crate::storage::put;
use crate::time::Instant;

/// The most slices that [`Message::pieces`] hands on.
pub(crate) const PIECES: usize = 4;

/// What is due of a sender.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Next<'a> {
    /// A sender report, or a BYE.
    Report {
        due: Instant,
    },
    Media(Burst<'a>),
}

impl Next<'_> {
    pub(crate) const fn due(&self) -> Instant {
        match self {
            Self::Report { due } => *due,
            Self::Media(burst) => burst.due,
        }
    }
}

/// Packets that are due at once: the rest of a frame, or of a quantum of it. It is not empty when it is
/// made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Burst<'a> {
    pub(super) packetizer: Packetizer<'a>,
    pub(super) due: Instant,
    pub(super) framing: Framing,
    /// What the headers of all packets have in common.
    pub(super) header: rtp::Repr,
    pub(super) at: Position,
    /// The playing time at the frame's end, in ticks from the origin of the schedule.
    pub(super) played: u64,
    /// For how many ticks the frame is shown.
    pub(super) shown: u64,
}

/// How far a [`Burst`] has come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Position {
    /// The next packet's.
    pub(super) sequence_number: u16,
    /// Where in the frame the next packet starts; `None` after the frame's last packet.
    pub(super) cursor: Option<Cursor>,
    /// How many packets the burst still has at most.
    pub(super) left: u32,
    /// How many packets were passed, and how many payload bytes they had.
    pub(super) packets: u32,
    pub(super) octets: u32,
}

impl<'a> Burst<'a> {
    /// Returns the packet at the position; `None` at the burst's end.
    pub(crate) fn peek(&self) -> Option<Fragment> {
        self.packetizer.fragment(self.at.cursor.filter(|_| self.at.left > 0)?)
    }

    /// Whether [`Self::pass`] was called.
    pub(crate) const fn has_passed(&self) -> bool {
        self.at.packets > 0
    }

    /// Whether [`Self::peek`] has a packet.
    pub(super) const fn has_more(&self) -> bool {
        self.at.cursor.is_some() && self.at.left > 0
    }

    /// Returns the length of a packet in bytes, with its framing.
    pub(crate) fn len(&self, fragment: &Fragment) -> usize {
        self.framing.prefix_len() + rtp::HEADER_LEN + fragment.extension + fragment.payload
    }

    /// Goes back to where the sender stands, before the packets that were passed since.
    pub(super) fn rewind(&mut self, sender: &Sender) {
        let at = &mut self.at;
        if at.packets > 0 {
            (at.sequence_number, at.cursor) = (sender.sequence_number, Some(sender.cursor));
            at.left = at.left.saturating_add(at.packets);
            (at.packets, at.octets) = (0, 0);
        }
    }

    /// Moves the position past a packet.
    // Inlined twice, it takes 280 bytes of a microcontroller's flash.
    #[cfg_attr(target_pointer_width = "32", inline(never))]
    pub(crate) fn pass(&mut self, fragment: &Fragment) {
        let at = &mut self.at;
        at.sequence_number = at.sequence_number.wrapping_add(1).wrapping_add(fragment.skip_after);
        at.packets = at.packets.wrapping_add(1);
        at.octets = at.octets.wrapping_add(fragment.payload as u32);
        at.cursor = fragment.next;
        at.left = at.left.saturating_sub(1);
    }

    /// Writes what precedes the frame's bytes to the front of `out`; returns its length in bytes, or
    /// `None` where it is longer than `out`.
    fn emit_head(&self, fragment: &Fragment, out: &mut [u8]) -> Option<usize> {
        let room = out.len();
        let mut rest = out;
        if let Framing::Interleaved { rtp, .. } = self.framing {
            let len = self.len(fragment).saturating_sub(PREFIX_LEN);
            let (prefix, after) = rest.split_first_chunk_mut()?;
            *prefix = prefix_of(rtp, len);
            rest = after;
        }
        let (fixed, mut rest) = rest.split_first_chunk_mut()?;
        let (marker, sequence_number) = (fragment.marker, self.at.sequence_number);
        let timestamp = self.header.timestamp.wrapping_add(fragment.ticks);
        rtp::Repr { marker, sequence_number, timestamp, ..self.header }.emit(fixed);
        if fragment.extension > 0 {
            let extension = self.packetizer.extension(fragment)?;
            let len = extension.repr().emit(fixed, rest)?;
            rest = rest.get_mut(len..)?;
        }
        let header = self.packetizer.emit_head(fragment, rest)?;
        Some(room.saturating_sub(rest.len()).saturating_add(header))
    }
}

/// The head of a message of `len` bytes on a byte stream.
pub(super) fn prefix_of(channel: u8, len: usize) -> [u8; PREFIX_LEN] {
    let [high, low] = u16::try_from(len).unwrap_or(u16::MAX).to_be_bytes();
    [MAGIC, channel, high, low]
}

/// A packet that may be sent next. Its length is known before it is made.
#[derive(Debug)]
pub(crate) enum Message<'r, 'a> {
    Report(&'r Packet<'a>),
    Media(&'r Burst<'a>, &'r Fragment),
}

impl<'a> Message<'_, 'a> {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Report(packet) => packet.len(),
            Self::Media(burst, fragment) => burst.len(fragment),
        }
    }

    pub(crate) fn packet(&self) -> Option<Packet<'a>> {
        match self {
            Self::Report(packet) => Some(**packet),
            Self::Media(burst, fragment) => {
                Some(Packet::new(burst.packetizer.parts(fragment)?, |head| burst.emit_head(fragment, head)))
            }
        }
    }

    /// Writes the message to the front of `out`; `None` if it does not fit.
    pub(super) fn emit(&self, out: &mut [u8]) -> Option<()> {
        let (burst, fragment) = match self {
            Self::Report(packet) => return (packet.copy_from(0, out) == packet.len()).then_some(()),
            Self::Media(burst, fragment) => (burst, fragment),
        };
        let mut at = burst.emit_head(fragment, out)?;
        for part in burst.packetizer.parts(fragment)?.iter().filter(|part| !part.is_empty()) {
            if !put(out, at, part) {
                return None;
            }
            at = at.saturating_add(part.len());
        }
        Some(())
    }

    /// Hands the message on in up to [`PIECES`] slices: the head, which is written to the front of
    /// `heads`, and slices of the frame. Returns the rest of `heads`, or `None` where the head does not
    /// fit and nothing is handed on.
    pub(crate) fn pieces<'h>(
        &self,
        heads: &'h mut [u8],
        mut push: impl FnMut(&'h [u8]),
    ) -> Option<&'h mut [u8]>
    where
        'a: 'h,
    {
        let (len, parts) = match self {
            Self::Report(packet) => (packet.copy_from(0, heads.get_mut(..packet.len())?), [&[][..]; 3]),
            Self::Media(burst, fragment) => {
                (burst.emit_head(fragment, heads)?, burst.packetizer.parts(fragment)?)
            }
        };
        let (head, rest) = heads.split_at_mut_checked(len)?;
        push(head);
        parts.into_iter().filter(|part| !part.is_empty()).for_each(push);
        Some(rest)
    }
}
