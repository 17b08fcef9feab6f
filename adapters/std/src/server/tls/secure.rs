//! The TLS session of a connection whose handshake is finished.
use crate::tls::Session;
use std::io::{self, IoSlice, Read, Write};

/// How many bytes can be looked at before they are read.
const AHEAD: usize = 5;

/// The TLS session of a client.
#[derive(Debug)]
pub(in super::super) struct Secure {
    session: Session,
    /// What was looked at, and not read.
    ahead: heapless::Vec<u8, AHEAD>,
    /// Whether there may be something that was received and not read.
    has_more: bool,
}

impl Secure {
    pub(in super::super) const fn new(session: Session) -> Self {
        Self { session, ahead: heapless::Vec::new(), has_more: true }
    }

    /// Returns whether there may be something that was received and not read.
    pub(in super::super) const fn has_more(&self) -> bool {
        self.has_more
    }

    /// Returns the first bytes of what is to be read, five at most, as far as they were received.
    #[cfg(feature = "http")]
    pub(in super::super) fn peek(&mut self) -> &[u8] {
        let mut more = [0; AHEAD];
        let room = more.get_mut(self.ahead.len()..).unwrap_or_default();
        if !room.is_empty()
            && let Ok(taken) = self.session.take(room)
        {
            // There is room for all of it.
            let _ = self.ahead.extend_from_slice(room.get(..taken).unwrap_or_default());
        }
        &self.ahead
    }

    /// Reads once: what was received, or else from `socket` if that `is_readable`. Returns how many bytes came from there,
    /// and how many were put into `buffer`. The end is `(0, 0)`.
    ///
    /// # Errors
    /// As for [`ByteStream::read`](super::super::byte_stream::ByteStream::read).
    pub(in super::super) fn read(
        &mut self,
        is_readable: bool,
        socket: impl Read + Write,
        buffer: &mut [u8],
    ) -> io::Result<(usize, usize)> {
        if !self.ahead.is_empty() {
            let len = self.ahead.len().min(buffer.len());
            let (early, rest) = self.ahead.split_at(len);
            buffer.iter_mut().zip(early).for_each(|(to, from)| *to = *from);
            self.ahead = rest.iter().copied().collect();
            return Ok((0, len));
        }
        match self.session.take(buffer) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.receive(is_readable, socket),
            taken => taken.map(|taken| (0, taken)),
        }
    }

    /// Receives once from `socket`, if that `is_readable`. Returns what [`Self::read`] does.
    pub(in super::super) fn receive(
        &mut self,
        is_readable: bool,
        socket: impl Read + Write,
    ) -> io::Result<(usize, usize)> {
        self.has_more = false;
        if !is_readable {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let came = self.session.receive(socket)?;
        self.has_more = came > 0;
        Ok((came, 0))
    }

    /// Encrypts the begin of what `pieces` are together, and writes it as far as `socket` takes it. Nothing is encrypted
    /// before all that was is written.
    ///
    /// # Errors
    /// Those of the socket.
    pub(in super::super) fn write(
        &mut self,
        mut socket: impl Write,
        pieces: &[IoSlice<'_>],
    ) -> io::Result<usize> {
        self.session.flush(&mut socket)?;
        let written = self.session.write(pieces)?;
        match self.session.flush(socket) {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            _ => Ok(written),
        }
    }

    /// Writes what is encrypted.
    ///
    /// # Errors
    /// Those of the socket; [`io::ErrorKind::WouldBlock`] if something is left.
    pub(in super::super) fn flush(&mut self, socket: impl Write) -> io::Result<()> {
        self.session.flush(socket)
    }

    /// Returns whether there is something to be written to the socket.
    pub(in super::super) fn wants_write(&self) -> bool {
        self.session.wants_write()
    }

    /// Says that nothing more is sent. What the socket does not take is lost.
    pub(in super::super) fn farewell(&mut self, socket: impl Write) {
        self.session.farewell(socket);
    }
}
