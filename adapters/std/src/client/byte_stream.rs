//! A connection to a server, and the TLS inside it if there is any.
#[cfg(feature = "tls")]
use super::secure::Secure;
#[cfg(feature = "tls")]
use crate::tls::{Distrust, Fingerprint};
use mio::net::TcpStream;
use std::io::{self, Read, Write};

/// What is read from a server and written to it. Inside TLS, what was encrypted and the socket did not take yet waits here:
/// [`Write::flush`] writes as much of it as the socket takes now, and succeeds also if that is nothing.
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

impl ByteStream {
    /// Returns another connection with the same server, inside TLS if this one is.
    ///
    /// # Errors
    /// TLS cannot begin.
    pub(super) fn again(&self, socket: TcpStream) -> io::Result<Self> {
        Ok(Self {
            socket,
            #[cfg(feature = "tls")]
            tls: match &self.tls {
                Some(tls) => Some(Box::new(tls.again().map_err(io::Error::other)?)),
                None => None,
            },
        })
    }
}

#[cfg(feature = "tls")]
impl ByteStream {
    /// Puts what is said inside TLS. The server of `url` is known by `fingerprint`, or without one by the system's store of
    /// certificates.
    ///
    /// # Errors
    /// The host can be the name of no server.
    pub(super) fn secure(&mut self, url: &str, fingerprint: Option<Fingerprint>) -> Result<(), Distrust> {
        self.tls = Some(Box::new(Secure::new(url, fingerprint)?));
        Ok(())
    }

    /// Takes the reason why the server is not trusted, if it is not.
    pub(super) fn take_distrust(&mut self) -> Option<Distrust> {
        self.tls.as_mut()?.take_distrust()
    }
}

impl Read for ByteStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        #[cfg(feature = "tls")]
        if let Some(tls) = &mut self.tls {
            return tls.read(&mut self.socket, buffer);
        }
        self.socket.read(buffer)
    }
}

impl Write for ByteStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        #[cfg(feature = "tls")]
        if let Some(tls) = &mut self.tls {
            return tls.write(&mut self.socket, bytes);
        }
        self.socket.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        #[cfg(feature = "tls")]
        if let Some(tls) = &mut self.tls {
            return tls.flush(&mut self.socket);
        }
        Ok(())
    }
}
