//! Finds the frames in the bytes of a live input, which come in pieces.
use super::super::memory;
use super::super::normalise::MAX_FRAME;
use super::events::Junk;
use super::opening::{Content, Opening};
use pinhole::codec::jpeg::Splitter;

/// Finds frames, whatever the format of the input is.
pub(in super::super) struct Extraction {
    opening: Opening,
    splitter: Splitter,
    /// The bytes of the open frame, and the offset of the first of them in the content.
    held: Vec<u8>,
    held_from: u64,
    oversized: u32,
}

/// What there is in an input.
pub(in super::super) enum Part<'a> {
    /// A frame, and its offset in the input.
    Frame { start: u64, data: &'a [u8], junk: Option<Junk> },
    /// Bytes that belong to no frame, and the number of frames that are too long.
    Trouble { left_out: u64, junk: Option<Junk> },
}

impl Extraction {
    pub(in super::super) fn new() -> Self {
        let splitter = Splitter::new(MAX_FRAME);
        Self { opening: Opening::new(), splitter, held: Vec::new(), held_from: 0, oversized: 0 }
    }

    /// Takes the next bytes of the input; none are its end. Tells what is in them, until `tell` returns false. Returns
    /// whether it has not.
    pub(in super::super) fn push(&mut self, data: &[u8], mut tell: impl FnMut(Part<'_>) -> bool) -> bool {
        let Self { opening, splitter, held, held_from, oversized } = self;
        let is_end = data.is_empty();
        let undecided = if is_end { opening.finish() } else { 0 };
        let Content { data: mut rest, passed_over, start, allowed } = opening.content(data);
        let junk = Junk::new(0, passed_over + undecided);
        if !tell(Part::Trouble { left_out: 0, junk }) {
            return false;
        }
        let came = rest.len();
        if memory::extend(held, rest).is_err() {
            // What has come of the open frame is lost, and the frame with it.
            *held_from += (held.len() + came) as u64;
            *held = Vec::new();
        }
        loop {
            let (consumed, found) = splitter.push(rest);
            rest = rest.get(consumed..).unwrap_or_default();
            // The last frame may lack its EOI.
            let found = if is_end { splitter.finish() } else { found };
            let Some(found) = found else { break };
            let from = found.start.checked_sub(*held_from).and_then(|from| usize::try_from(from).ok());
            let data = from.and_then(|from| held.get(from..)?.get(..found.len as usize));
            let (start, junk) = (start + found.start, unless_allowed(found.junk, allowed));
            let junk = Junk::new(start.saturating_sub(junk), junk);
            let part = match data {
                Some(data) => Part::Frame { start, data, junk },
                None => Part::Trouble { left_out: 1, junk },
            };
            if !tell(part) {
                return false;
            }
        }
        let left_out = u64::from(splitter.oversized() - *oversized);
        *oversized = splitter.oversized();
        let junk = splitter.junk();
        let at = start + splitter.keep_from().saturating_sub(junk);
        let junk = Junk::new(at, if is_end { unless_allowed(junk, allowed) } else { 0 });
        let done = splitter.keep_from().saturating_sub(*held_from);
        held.drain(..usize::try_from(done).unwrap_or(usize::MAX).min(held.len()));
        *held_from += done;
        tell(Part::Trouble { left_out, junk })
    }

    /// Whether the input is a response in chunks, and something else was where a chunk should begin or end.
    pub(in super::super) fn is_damaged(&self) -> bool {
        self.opening.is_damaged()
    }

    /// Returns what the input is, if it is known to be no Motion-JPEG by the bytes it begins with.
    pub(in super::super) fn foreign(&self) -> Option<&'static str> {
        self.opening.foreign()
    }
}

const fn unless_allowed(junk: u64, allowed: u64) -> u64 {
    if junk > allowed { junk } else { 0 }
}
