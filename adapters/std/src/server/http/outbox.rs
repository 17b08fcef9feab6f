//! What waits to be written to a browser: one response, or one part of a stream.
use super::picture::Picture;
use std::io::{self, IoSlice, Write};
use std::sync::Arc;

/// Text, a picture, and text after it. A picture is shared with the store and not copied, so that a browser that does
/// not read costs the server the memory of one frame at most.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    before: String,
    picture: Option<Arc<Picture>>,
    after: String,
    written: usize,
}

impl Outbox {
    /// Returns whether all is written.
    pub(super) const fn is_empty(&self) -> bool {
        self.before.is_empty() && self.picture.is_none() && self.after.is_empty()
    }

    /// Puts text after all that waits.
    pub(super) fn text(&mut self) -> &mut String {
        if self.picture.is_some() { &mut self.after } else { &mut self.before }
    }

    /// Puts a picture after the text that waits. There must be none yet.
    pub(super) fn put(&mut self, picture: Arc<Picture>) {
        self.picture = Some(picture);
    }

    /// Writes up to `most` bytes. Returns how many were written; with the last byte, all is forgotten.
    ///
    /// # Errors
    /// Those of the socket.
    pub(super) fn write_to(&mut self, out: &mut impl Write, most: usize) -> io::Result<usize> {
        let none: [&[u8]; 2] = [&[], &[]];
        let [header, data] = self.picture.as_ref().map_or(none, |picture| picture.pieces());
        let pieces = [self.before.as_bytes(), header, data, self.after.as_bytes()];
        let total: usize = pieces.iter().map(|piece| piece.len()).sum();
        let (mut from, mut left) = (self.written, most);
        let slices = pieces.map(|piece| {
            let skipped = from.min(piece.len());
            from -= skipped;
            let rest = piece.get(skipped..).unwrap_or_default();
            let rest = rest.get(..left).unwrap_or(rest);
            left -= rest.len();
            IoSlice::new(rest)
        });
        let written = out.write_vectored(&slices)?;
        self.written += written;
        if self.written >= total {
            *self = Self::default();
        }
        Ok(written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_written_in_order_however_little_fits() {
        for most in 1..10 {
            let (mut outbox, mut out) = (Outbox::default(), Vec::new());
            outbox.text().push_str("abcde");
            outbox.text().push_str("fgh");
            while !outbox.is_empty() {
                let written = outbox.write_to(&mut out, most).unwrap();
                assert!((1..=most).contains(&written));
            }
            assert_eq!(out, b"abcdefgh");
            outbox.text().push('i');
            assert_eq!(outbox.write_to(&mut out, 9).unwrap(), 1);
            assert_eq!(out, b"abcdefghi");
        }
    }
}
