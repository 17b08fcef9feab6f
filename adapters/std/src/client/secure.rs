//! The client's end of TLS.
use crate::tls::{Distrust, Fingerprint, Session, Trust};
use pinhole::rtsp::Url;
use std::io::{self, IoSlice, Read, Write};

/// A TLS session with a server.
#[derive(Debug)]
pub(super) struct Secure {
    session: Session,
    trust: Trust,
    host: String,
    distrust: Option<Distrust>,
}

impl Secure {
    /// Begins a session with the server of `url`, which is known by `fingerprint`, or without one by the system's store of
    /// certificates.
    ///
    /// # Errors
    /// The host can be the name of no server.
    pub(super) fn new(url: &str, fingerprint: Option<Fingerprint>) -> Result<Self, Distrust> {
        let host = Url::parse(url.as_bytes()).map(|url| String::from_utf8_lossy(url.host()).into_owned());
        Self::begin(Trust::new(fingerprint), host.unwrap_or_default())
    }

    /// Begins another session with the same server.
    ///
    /// # Errors
    /// Those of [`Self::new`].
    pub(super) fn again(&self) -> Result<Self, Distrust> {
        Self::begin(self.trust.clone(), self.host.clone())
    }

    fn begin(trust: Trust, host: String) -> Result<Self, Distrust> {
        let session = Session::new(trust.connect(&host)?);
        Ok(Self { session, trust, host, distrust: None })
    }

    /// Takes the reason why the server is not trusted, once the session has failed for it.
    pub(super) const fn take_distrust(&mut self) -> Option<Distrust> {
        self.distrust.take()
    }

    /// Reads what has come. The result is that of `stream`'s own `read`.
    pub(super) fn read(&mut self, stream: &mut (impl Read + Write), buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.session.take(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                taken => return taken,
            }
            match self.session.receive(&mut *stream) {
                Ok(0) => return Ok(0),
                // What came may ask for an answer, as all of a handshake does.
                Ok(_) => self.flush(stream)?,
                Err(error) => {
                    let tls = error.get_ref().and_then(|error| error.downcast_ref::<rustls::Error>());
                    self.distrust = tls.map(|error| self.trust.distrust(error));
                    return Err(error);
                }
            }
        }
    }

    /// Writes bytes. Returns how many; those of them that the socket does not take wait here.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] if there is no room, and those of the socket.
    pub(super) fn write(&mut self, stream: &mut impl Write, bytes: &[u8]) -> io::Result<usize> {
        self.flush(stream)?;
        match self.session.write(&[IoSlice::new(bytes)])? {
            0 if !bytes.is_empty() => Err(io::ErrorKind::WouldBlock.into()),
            written => self.flush(stream).map(|()| written),
        }
    }

    /// Writes what waits here, as far as the socket takes it.
    ///
    /// # Errors
    /// The connection is lost.
    pub(super) fn flush(&mut self, stream: &mut impl Write) -> io::Result<()> {
        match self.session.flush(stream) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            flushed => flushed,
        }
    }
}
