//! The RTSP connection of a client, which may be inside TLS.
use crate::Result;
use crate::rtsp::connect;
use mio::net::TcpStream;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use std::io::{self, Read, Write};
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;

/// An RTSP connection that never blocks.
#[derive(Debug)]
pub(super) enum Control {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Control {
    /// Takes a connection that blocks.
    pub(super) fn new(stream: std::net::TcpStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        Ok(Self::Plain(TcpStream::from_std(stream)))
    }

    /// Takes a connection inside TLS that blocks.
    pub(super) fn of_tls(stream: Secure) -> io::Result<Self> {
        let StreamOwned { conn, sock } = stream;
        sock.set_read_timeout(None)?;
        sock.set_nonblocking(true)?;
        Ok(Self::Tls(Box::new(StreamOwned::new(conn, TcpStream::from_std(sock)))))
    }

    pub(super) fn socket(&mut self) -> &mut TcpStream {
        match self {
            Self::Plain(stream) => stream,
            Self::Tls(stream) => stream.get_mut(),
        }
    }
}

impl Read for Control {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(buffer),
            Self::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Control {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.write(bytes),
            Self::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}

/// A connection inside TLS that blocks.
pub(super) type Secure = StreamOwned<ClientConnection, std::net::TcpStream>;

/// Connects to the server of a URL at 127.0.0.1, whose certificate is in a file.
///
/// # Errors
/// Returns an error if the connection fails, or if there is no certificate in the file.
pub(super) fn secure(url: &str, certificate: &Path) -> Result<Secure> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(certificate)?)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let config = Arc::new(config.with_root_certificates(roots).with_no_client_auth());
    let name = ServerName::IpAddress(Ipv4Addr::LOCALHOST.into());
    Ok(StreamOwned::new(ClientConnection::new(config, name)?, connect(url)?))
}
