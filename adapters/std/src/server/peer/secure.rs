//! Connections inside TLS.
use super::super::shared::Shared;
use super::Link;
#[cfg(feature = "http")]
use super::tunnelled::Spoken;
use pinhole::server::Turn;
use pinhole::time::Now;
use std::io::{self, IoSlice, Write as _};

/// How many pieces are encrypted at once at most: as many as the four records have that a session keeps.
const PIECES: usize = 192;

impl Link {
    /// Reads once, as [`Self::read`] does from an ordinary connection. What counts against the client is what comes, and
    /// not what it means.
    pub(super) fn read_secure(&mut self, now: Now, turn: &mut Turn<'_>, scratch: &mut [u8]) -> bool {
        let room = turn.stream_room().min(scratch.len());
        if !(self.readable || self.stream.has_more()) || room == 0 || self.leaving.is_some() {
            return false;
        }
        let is_readable = self.readable && self.allowance.may_read(now);
        let buffer = scratch.get_mut(..room).unwrap_or_default();
        match self.read_decrypted(is_readable, buffer) {
            Ok((0, 0)) => self.lose(turn),
            Ok((came, taken)) => {
                self.allowance.has_read(now, came);
                if taken > 0 {
                    // An error also comes as a notice.
                    let _ = turn.handle_stream(buffer.get(..taken).unwrap_or_default());
                }
                return true;
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.readable &= !is_readable,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return true,
            Err(_) => self.lose(turn),
        }
        false
    }

    /// Reads once, nothing but records before it is known that the client speaks RTSP.
    fn read_decrypted(&mut self, is_readable: bool, buffer: &mut [u8]) -> io::Result<(usize, usize)> {
        #[cfg(feature = "http")]
        if self.spoken != Spoken::Rtsp
            && let (Some(tls), socket) = self.stream.parts()
        {
            self.spoken = Spoken::of(tls.peek());
            match self.spoken {
                Spoken::Rtsp => {}
                Spoken::Unknown => return tls.receive(is_readable, socket),
                Spoken::Http => return Err(io::ErrorKind::WouldBlock.into()),
            }
        }
        self.stream.read(is_readable, buffer)
    }

    /// Writes what is due, as [`Self::write`] does to an ordinary connection. The pieces of many packets fill a record
    /// together.
    pub(super) fn write_secure(&mut self, turn: &mut Turn<'_>, shared: &mut Shared) -> bool {
        let Shared { library, scratch, .. } = shared;
        while self.quantum > 0 {
            if !self.flush_secure(turn) {
                return false;
            }
            let Some(chunk) = turn.poll_stream(&*library) else { return true };
            let mut slices = heapless::Vec::<IoSlice<'_>, PIECES>::new();
            let pieces = chunk.pieces(PIECES, scratch, |piece| {
                let _ = slices.push(IoSlice::new(piece));
            });
            let written = self.stream.write_vectored(&slices);
            drop(slices);
            match written {
                Ok(written) => {
                    self.quantum = self.quantum.saturating_sub(written.max(1));
                    chunk.advance_pieces(pieces, written);
                }
                Err(_) => self.lose(turn),
            }
        }
        self.flush_secure(turn)
    }

    /// Writes what is encrypted. Returns whether the connection takes more.
    fn flush_secure(&mut self, turn: &mut Turn<'_>) -> bool {
        if self.lost {
            return false;
        }
        if !self.stream.wants_write() {
            return true;
        }
        if !self.writable {
            return false;
        }
        match self.stream.flush() {
            Ok(()) => return true,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.writable = false,
            Err(_) => self.lose(turn),
        }
        false
    }
}
