//! The TCP connection of a client, and the TLS inside it if there is any.
#[cfg(feature = "tls")]
use super::tls::Secure;
use mio::net::TcpStream;
#[cfg(any(feature = "http", feature = "tls"))]
use std::io::Read;
use std::io::{self, IoSlice, Write};

/// What is read from a client and written to it. Inside TLS, what was encrypted and the socket did not take yet waits here:
/// [`Write::flush`] writes it.
#[derive(Debug)]
pub(super) struct ByteStream {
    pub(super) socket: TcpStream,
    #[cfg(feature = "tls")]
    tls: Option<Box<Secure>>,
}

impl From<TcpStream> for ByteStream {
    /// Without TLS.
    fn from(socket: TcpStream) -> Self {
        Self {
            socket,
            #[cfg(feature = "tls")]
            tls: None,
        }
    }
}

#[cfg(any(feature = "http", feature = "tls"))]
impl ByteStream {
    /// Reads once, from the socket only if it `is_readable`. Returns how many bytes came from the socket, and how many were
    /// put into `buffer`; inside TLS, the latter may stand for bytes that came before. The end is `(0, 0)`.
    ///
    /// # Errors
    /// Those of the socket, [`io::ErrorKind::WouldBlock`] if there is nothing, and [`io::ErrorKind::InvalidData`] if TLS has
    /// failed.
    pub(super) fn read(&mut self, is_readable: bool, buffer: &mut [u8]) -> io::Result<(usize, usize)> {
        #[cfg(feature = "tls")]
        if let Some(tls) = &mut self.tls {
            return tls.read(is_readable, &mut self.socket, buffer);
        }
        if !is_readable {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.socket.read(buffer).map(|read| (read, read))
    }
}

#[cfg(not(feature = "tls"))]
impl ByteStream {
    pub(super) const fn is_secure(&self) -> bool {
        false
    }

    #[cfg(feature = "http")]
    pub(super) const fn has_more(&self) -> bool {
        false
    }

    #[cfg(feature = "http")]
    pub(super) const fn wants_write(&self) -> bool {
        false
    }

    pub(super) const fn farewell(&self) {}
}

#[cfg(feature = "tls")]
impl ByteStream {
    /// Puts what is said on this socket inside TLS.
    pub(super) fn secure(socket: TcpStream, tls: Box<Secure>) -> Self {
        Self { socket, tls: Some(tls) }
    }

    /// Returns what encrypts, if something does, and the socket.
    #[cfg(feature = "http")]
    pub(super) fn parts(&mut self) -> (Option<&mut Secure>, &mut TcpStream) {
        (self.tls.as_deref_mut(), &mut self.socket)
    }

    /// Returns whether this is inside TLS.
    pub(super) const fn is_secure(&self) -> bool {
        self.tls.is_some()
    }

    /// Returns whether there may be something to read of which the socket does not tell.
    pub(super) fn has_more(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.has_more())
    }

    /// Returns whether something waits here for the socket.
    pub(super) fn wants_write(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.wants_write())
    }

    /// Says that nothing more is sent, inside TLS.
    pub(super) fn farewell(&mut self) {
        if let Some(tls) = &mut self.tls {
            tls.farewell(&mut self.socket);
        }
    }
}

impl Write for ByteStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(bytes)])
    }

    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        #[cfg(feature = "tls")]
        if let Some(tls) = &mut self.tls {
            return tls.write(&mut self.socket, pieces);
        }
        self.socket.write_vectored(pieces)
    }

    fn flush(&mut self) -> io::Result<()> {
        #[cfg(feature = "tls")]
        if let Some(tls) = &mut self.tls {
            return tls.flush(&mut self.socket);
        }
        Ok(())
    }
}
