//! Packets of one frame that leave one behind the other: the frame is looked up once for all of
//! them, and only the cursor moves.
use super::packet::Packet;
use super::stream::Stream;
use crate::frame::FrameStore;
use crate::payload::{Cut, Span};
use crate::rtp;
use crate::rtsp::interleaved;
use crate::storage::put;
use crate::time::{Duration, Instant, Now};

/// The most pieces that [`Message::pieces`] hands on.
pub(super) const PIECES: usize = 4;

/// What a stream has to send.
#[derive(Clone, Copy, Debug)]
pub(super) enum Next<'a> {
    /// A report, or a BYE.
    Report {
        due: Instant,
    },
    Media(Run<'a>),
}

impl Next<'_> {
    pub(super) const fn due(&self) -> Instant {
        match self {
            Self::Report { due } => *due,
            Self::Media(run) => run.due,
        }
    }
}

/// Packets that are due at once: the rest of a frame, or of a quantum of it. Never empty when made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run<'a> {
    pub(super) cut: Cut<'a>,
    pub(super) due: Instant,
    /// Of the `$` framing (RFC 2326, 10.12), for what is interleaved.
    pub(super) channel: Option<u8>,
    /// What the packets' headers have in common.
    pub(super) header: rtp::Repr,
    pub(super) cursor: Cursor,
    /// For how long it was played at the frame's end.
    pub(super) played: Duration,
    /// For how long the frame is shown.
    pub(super) shown: Duration,
    /// How long nothing more leaves after the run's last packet.
    pub(super) pause: Duration,
}

/// How far a [`Run`] has come: apart from it, for to look ahead is to walk a copy.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor {
    /// The next packet's.
    pub(super) sequence_number: u16,
    /// Where in the frame the next packet starts; `None`: the frame is sent.
    pub(super) offset: Option<u32>,
    /// How many packets may still leave.
    pub(super) left: u32,
    /// How many were passed, and their payload's bytes.
    pub(super) packets: u32,
    pub(super) octets: u32,
}

impl<'a> Run<'a> {
    /// The packet at the cursor; `None` at the run's end.
    pub(super) fn peek(&self) -> Option<Span> {
        self.cut.span(self.cursor.offset.filter(|_| self.cursor.left > 0)?)
    }

    /// The length of a packet, framing and all.
    pub(super) fn len(&self, span: &Span) -> usize {
        let framing = if self.channel.is_some() { interleaved::HEADER_LEN } else { 0 };
        framing + rtp::HEADER_LEN + span.extension + span.payload
    }

    /// Writes what is in front of the frame's bytes to the front of `out`, and says how long it is;
    /// `None` if it is longer than `out`.
    fn emit_head(&self, span: &Span, out: &mut [u8]) -> Option<usize> {
        let room = out.len();
        let mut rest = out;
        if let Some(channel) = self.channel {
            let len = self.len(span).saturating_sub(interleaved::HEADER_LEN);
            let len = u16::try_from(len).unwrap_or(u16::MAX);
            let (framing, behind) = rest.split_first_chunk_mut()?;
            *framing = interleaved::Header { channel, len }.emit();
            rest = behind;
        }
        let (fixed, mut rest) = rest.split_first_chunk_mut()?;
        let (marker, sequence_number) = (span.next.is_none(), self.cursor.sequence_number);
        rtp::Repr { marker, sequence_number, ..self.header }.emit(fixed);
        if span.extension > 0 {
            let extension = self.cut.extension(span.offset)?;
            let len = extension.repr().emit(fixed, rest)?;
            rest = rest.get_mut(len..)?;
        }
        let header = self.cut.emit_head(span.offset, rest)?;
        Some(room.saturating_sub(rest.len()).saturating_add(header))
    }

    /// Moves the cursor past a packet.
    // Inlined twice, it takes 280 bytes of a microcontroller's flash.
    #[cfg_attr(target_pointer_width = "32", inline(never))]
    pub(super) fn pass(&mut self, span: &Span) {
        let cursor = &mut self.cursor;
        cursor.sequence_number = cursor.sequence_number.wrapping_add(1);
        cursor.packets = cursor.packets.wrapping_add(1);
        cursor.octets = cursor.octets.wrapping_add(span.payload as u32);
        cursor.offset = span.next;
        cursor.left = cursor.left.saturating_sub(1);
    }
}

/// A packet that may be sent next: how long it is, is known before it is made.
#[derive(Debug)]
pub(super) enum Message<'r, 'a> {
    Report(&'r Packet<'a>),
    Media(&'r Run<'a>, &'r Span),
}

impl<'a> Message<'_, 'a> {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Report(packet) => packet.len(),
            Self::Media(run, span) => run.len(span),
        }
    }

    pub(super) fn packet(&self) -> Option<Packet<'a>> {
        match self {
            Self::Report(packet) => Some(**packet),
            Self::Media(run, span) => {
                Some(Packet::new(run.cut.parts(span)?, |head| run.emit_head(span, head)))
            }
        }
    }

    /// Writes the whole message to the front of `out`; `None`: it does not fit.
    pub(super) fn emit(&self, out: &mut [u8]) -> Option<()> {
        let (run, span) = match self {
            Self::Report(packet) => return (packet.copy_from(0, out) == packet.len()).then_some(()),
            Self::Media(run, span) => (run, span),
        };
        let mut at = run.emit_head(span, out)?;
        for part in run.cut.parts(span)?.iter().filter(|part| !part.is_empty()) {
            if !put(out, at, part) {
                return None;
            }
            at = at.saturating_add(part.len());
        }
        Some(())
    }

    /// Hands the message on in up to [`PIECES`] pieces, with what is not the frame's written to the
    /// front of `heads`; returns what is left of that. `None`, and nothing handed on: it does not
    /// fit there.
    pub(super) fn pieces<'h>(
        &self,
        heads: &'h mut [u8],
        mut push: impl FnMut(&'h [u8]),
    ) -> Option<&'h mut [u8]>
    where
        'a: 'h,
    {
        let (len, parts) = match self {
            Self::Report(packet) => (packet.copy_from(0, heads.get_mut(..packet.len())?), [&[][..]; 3]),
            Self::Media(run, span) => (run.emit_head(span, heads)?, run.cut.parts(span)?),
        };
        let (head, rest) = heads.split_at_mut_checked(len)?;
        push(head);
        parts.into_iter().filter(|part| !part.is_empty()).for_each(push);
        Some(rest)
    }
}

/// Goes through what the streams have to send now, in the order in which it was due, as long as
/// `take` takes it and it is no more than `most` bytes; the streams are then past what was taken.
pub(super) fn walk<'a, S: FrameStore + ?Sized>(
    streams: &mut [Stream],
    udp: bool,
    now: Now,
    cname: &[u8],
    store: &'a S,
    most: usize,
    take: &mut dyn FnMut(Message<'_, 'a>) -> bool,
) {
    let mut room = most;
    let mut take = |message: Message<'_, 'a>| {
        let Some(left) = room.checked_sub(message.len()) else { return false };
        room = left;
        take(message)
    };
    // Bounded by `take`, and by what is due.
    while let Some((stream, next)) = earliest(streams, udp, now, store) {
        match next {
            Next::Report { .. } => {
                if !take(Message::Report(&stream.report(now, cname))) {
                    return;
                }
                stream.pass_report(now);
            }
            Next::Media(mut run) => {
                while let Some(span) = run.peek() {
                    if !take(Message::Media(&run, &span)) {
                        return stream.pass(now, &run);
                    }
                    run.pass(&span);
                }
                stream.pass(now, &run);
            }
        }
    }
}

/// Of the streams that travel by UDP, or else of those that do not: the one whose packet was due
/// first, and what it has to send.
pub(super) fn earliest<'s, 'a, S: FrameStore + ?Sized>(
    streams: &'s mut [Stream],
    udp: bool,
    now: Now,
    store: &'a S,
) -> Option<(&'s mut Stream, Next<'a>)> {
    let mut earliest: Option<(&mut Stream, Next<'_>)> = None;
    for stream in streams.iter_mut().filter(|stream| stream.is_udp() == udp && stream.is_sending()) {
        let Some(next) = stream.next(now, store) else { continue };
        // A loop, for an iterator's minimum would move them about.
        if earliest.as_ref().is_none_or(|(_, other)| next.due() < other.due()) {
            earliest = Some((stream, next));
        }
    }
    earliest
}
