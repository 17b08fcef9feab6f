//! Connections inside TLS.
use super::super::shared::Shared;
use super::{Link, Peer};
use crate::tls::Session;
use pinhole::server::Turn;
use pinhole::time::Now;
use std::io::{self, IoSlice};

/// How many pieces are encrypted at once at most: as many as the four records have that a session keeps.
const PIECES: usize = 192;

impl Peer {
    /// Has the connection be inside a TLS session.
    pub(in super::super) fn secured(mut self, session: Box<Session>) -> Self {
        #[cfg(feature = "http")]
        {
            self.link.spoken = super::tunnelled::Spoken::Rtsp;
        }
        self.link.tls = Some(session);
        self
    }
}

impl Link {
    /// Reads once, as [`Self::read`] does from an ordinary connection. What counts against the client is what comes, and
    /// not what it means.
    pub(super) fn read_secure(&mut self, now: Now, turn: &mut Turn<'_>, scratch: &mut [u8]) -> bool {
        let Some(session) = &mut self.tls else { return false };
        let room = turn.stream_room().min(scratch.len());
        if room == 0 || self.leaving.is_some() {
            return false;
        }
        let buffer = scratch.get_mut(..room).unwrap_or_default();
        match session.take(buffer) {
            Ok(0) => {
                self.lose(turn);
                return false;
            }
            Ok(read) => {
                // An error also comes as a notice.
                let _ = turn.handle_stream(buffer.get(..read).unwrap_or_default());
                return true;
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => {
                self.lose(turn);
                return false;
            }
        }
        if !self.readable || !self.allowance.may_read(now) {
            return false;
        }
        match session.receive(&mut self.stream) {
            Ok(0) => self.lose(turn),
            Ok(read) => {
                self.allowance.has_read(now, read);
                return true;
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.readable = false,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return true,
            Err(_) => self.lose(turn),
        }
        false
    }

    /// Writes what is due, as [`Self::write`] does to an ordinary connection. The pieces of many packets fill a record
    /// together.
    pub(super) fn write_secure(&mut self, turn: &mut Turn<'_>, shared: &mut Shared) -> bool {
        let Shared { library, scratch, .. } = shared;
        while self.quantum > 0 {
            if !self.flush_secure(turn) {
                return false;
            }
            let Some(session) = &mut self.tls else { return false };
            let Some(chunk) = turn.poll_stream(&*library) else { return true };
            let mut slices = heapless::Vec::<IoSlice<'_>, PIECES>::new();
            let pieces = chunk.pieces(PIECES, scratch, |piece| {
                let _ = slices.push(IoSlice::new(piece));
            });
            let written = session.write(&slices);
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
        let Some(session) = self.tls.as_mut().filter(|session| session.wants_write()) else { return true };
        if !self.writable {
            return false;
        }
        match session.flush(&mut self.stream) {
            Ok(()) => return true,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.writable = false,
            Err(_) => self.lose(turn),
        }
        false
    }

    /// Says that nothing more is sent.
    pub(super) fn farewell_secure(&mut self) {
        if let Some(session) = &mut self.tls {
            session.farewell(&mut self.stream);
        }
    }
}
