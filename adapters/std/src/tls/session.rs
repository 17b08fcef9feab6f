//! TLS over a socket that never waits, at either end.
use rustls::Connection;
use std::io::{self, IoSlice, Read, Write};

/// How many encrypted bytes wait here for the socket at most: four records of the largest size, which are one call. What
/// the socket takes no more of is thus left to the caller, who may leave frames out.
const BUFFER: usize = 64 << 10;

/// A TLS session. It reads and writes a socket only when it is told to.
#[derive(Debug)]
pub(crate) struct Session(Connection);

impl Session {
    pub(crate) fn new(connection: impl Into<Connection>) -> Self {
        let mut connection = connection.into();
        connection.set_buffer_limit(Some(BUFFER));
        Self(connection)
    }

    /// Returns whether the handshake is not finished.
    #[cfg(feature = "server")]
    pub(crate) fn is_handshaking(&self) -> bool {
        self.0.is_handshaking()
    }

    /// Returns whether there is something to be written to the socket.
    #[cfg(feature = "server")]
    pub(crate) fn wants_write(&self) -> bool {
        self.0.wants_write()
    }

    /// Takes bytes that were received and decrypted; none once the other end has said that it sends no more.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] if there are none: call [`Self::receive`].
    pub(crate) fn take(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.reader().read(buffer)
    }

    /// Reads once from the socket, and decrypts. Call this if [`Self::take`] has nothing. Returns how many bytes came; 0
    /// at their end.
    ///
    /// # Errors
    /// Those of the socket, and [`io::ErrorKind::InvalidData`] with a [`rustls::Error`] if the session has failed.
    pub(crate) fn receive(&mut self, mut socket: impl Read + Write) -> io::Result<usize> {
        let read = self.0.read_tls(&mut socket)?;
        if let Err(error) = self.0.process_new_packets() {
            // The alert, which says why. What the socket does not take is lost.
            let _ = self.0.write_tls(&mut socket);
            return Err(io::Error::new(io::ErrorKind::InvalidData, error));
        }
        Ok(read)
    }

    /// Encrypts the begin of what `pieces` are together, in as few records as they fill. Returns how many bytes: as many
    /// as there is room for, so that all room is there after [`Self::flush`].
    ///
    /// # Errors
    /// Never, as far as is known.
    pub(crate) fn write(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.writer().write_vectored(pieces)
    }

    /// Writes to the socket what is encrypted.
    ///
    /// # Errors
    /// Those of the socket; [`io::ErrorKind::WouldBlock`] if something is left.
    pub(crate) fn flush(&mut self, mut socket: impl Write) -> io::Result<()> {
        while self.0.wants_write() {
            match self.0.write_tls(&mut socket) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Says that nothing more is sent (RFC 8446, 6.1), so that the other end knows that nothing was cut off. What the
    /// socket does not take is lost.
    #[cfg(feature = "server")]
    pub(crate) fn farewell(&mut self, socket: impl Write) {
        self.0.send_close_notify();
        let _ = self.flush(socket);
    }
}
