//! Boxes (ISO/IEC 14496-12, 4.2), one after the other.
use super::super::super::super::memory::{self, NoMemory};
use super::super::bytes::Bytes;
use super::super::{Refused, Told};
use mp4_atom::Atom;
use std::io;
use std::panic::catch_unwind;

/// The most bytes of a box that are read: a table of eight million frames.
const MAX_BODY: u64 = 64 << 20;
/// A box of which the lists take much memory, and how many times as much as the box: numbers may be twice as long as
/// in the file, and a list is copied when it grows.
const LARGE: usize = 1 << 20;
const LISTS: usize = 6;

/// A box: its name, and where it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mp4Box {
    pub(super) name: [u8; 4],
    pub(super) at: u64,
    pub(super) body: u64,
    pub(super) end: u64,
}

impl Mp4Box {
    /// Reads and decodes what is in it.
    ///
    /// # Errors
    /// It cannot be read, or is damaged.
    pub(super) fn decode<A: Atom>(self, bytes: &mut Bytes<'_, '_>) -> Result<A, Refused> {
        let body = self.bytes(bytes)?;
        if body.len() >= LARGE && !memory::is_available(LISTS.saturating_mul(body.len())) {
            return Err(NoMemory.into());
        }
        // A fault of the decoder would otherwise end the program.
        let decoded = catch_unwind(|| A::decode_body(&mut &body[..]));
        match decoded {
            Ok(Ok(atom)) => Ok(atom),
            Ok(Err(error)) => Err(self.damaged(&error.to_string())),
            Err(_) => Err(self.damaged("its decoder has failed")),
        }
    }

    /// Returns all that is in it.
    ///
    /// # Errors
    /// It is too large, or cannot be read.
    pub(super) fn bytes(self, bytes: &mut Bytes<'_, '_>) -> Result<Vec<u8>, Refused> {
        let len = usize::try_from(self.end.saturating_sub(self.body)).unwrap_or(usize::MAX);
        if len as u64 > MAX_BODY {
            return Err(self.damaged("it is too large"));
        }
        Ok(bytes.vec(self.body, len)?)
    }

    /// Returns the type of a handler (ISO/IEC 14496-12, 8.4.3).
    pub(super) fn handler(self, bytes: &mut Bytes<'_, '_>) -> io::Result<[u8; 4]> {
        Ok(bytes.array(self.body.saturating_add(8))?.unwrap_or_default())
    }

    /// Returns that this box is damaged.
    pub(super) fn damaged(self, why: &str) -> Refused {
        let reason = format!("the \"{}\" box is damaged: {why}", self.name.escape_ascii());
        Refused::Damaged(Told::at(self.at, reason))
    }
}

/// The boxes in a file, or in a box.
#[derive(Debug)]
pub(super) struct Boxes {
    at: u64,
    end: u64,
    cut_at: Option<u64>,
}

impl Boxes {
    const HEADER: u64 = 8;

    /// Returns the boxes of a file of `len` bytes.
    pub(super) const fn of_file(len: u64) -> Self {
        Self { at: 0, end: len, cut_at: None }
    }

    /// Returns the boxes in a box.
    pub(super) const fn within(parent: Mp4Box) -> Self {
        Self::after(parent, 0)
    }

    /// Returns the boxes in a box that begins with `len` bytes of other things.
    pub(super) const fn after(parent: Mp4Box, len: u64) -> Self {
        Self { at: parent.body.saturating_add(len), end: parent.end, cut_at: None }
    }

    /// Returns the next box, of which the end of what it is in may cut off a part; `None` after the last one.
    pub(super) fn next(&mut self, bytes: &mut Bytes<'_, '_>) -> io::Result<Option<Mp4Box>> {
        let at = self.at;
        let left = self.end.saturating_sub(at);
        if left < Self::HEADER {
            // QuickTime ends some lists with four zeros; only a file should not end with them.
            self.cut_at = self.cut_at.or((left > 0).then_some(at));
            return Ok(None);
        }
        let Some([size, name]) = bytes.array::<8>(at)?.map(|header| {
            let [a, b, c, d, name @ ..] = header;
            [[a, b, c, d], name]
        }) else {
            return Ok(None);
        };
        let (size, header) = match u32::from_be_bytes(size) {
            0 => (left, Self::HEADER),
            1 => match bytes.array(at.saturating_add(Self::HEADER))? {
                Some(size) => (u64::from_be_bytes(size), 2 * Self::HEADER),
                None => (0, Self::HEADER),
            },
            size => (size.into(), Self::HEADER),
        };
        if size < header {
            (self.at, self.cut_at) = (self.end, Some(at));
            return Ok(None);
        }
        if size > left {
            self.cut_at = Some(at);
        }
        let end = at.saturating_add(size).min(self.end);
        self.at = end;
        Ok(Some(Mp4Box { name, at, body: at.saturating_add(header).min(end), end }))
    }

    /// Returns the offset of the box that the end of what it is in cuts off, or of what is no box.
    pub(super) const fn cut_at(&self) -> Option<u64> {
        self.cut_at
    }
}
