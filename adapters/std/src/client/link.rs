//! The connection to the server, which can be lost and made again.
use super::error::Error;
use super::sockets::{Connection, connect};
use super::{STREAM, Waker};
#[cfg(feature = "tls")]
use crate::tls::Fingerprint;
use mio::Registry;
use pinhole::client::Login;
use std::io;
use std::net::TcpStream;
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::thread;
use std::time::Duration;

/// The state of the connection.
#[derive(Debug)]
pub(super) enum Link {
    /// There is no connection.
    Down,
    /// A thread makes a connection: the system's resolver blocks.
    Connecting(Receiver<Result<TcpStream, Error>>),
    Up(Connection),
}

/// How a server is spoken to over the connection.
#[derive(Clone, Debug)]
pub(super) struct Manner {
    /// The login, if there is one, with which RTSP is spoken over HTTP; `None` if it is not.
    pub(super) tunnel: Option<Option<Login>>,
    /// By which certificate the server is known, if RTSP is spoken inside TLS.
    #[cfg(feature = "tls")]
    pub(super) fingerprint: Option<Fingerprint>,
}

impl Link {
    /// Connects. Blocks until that is done.
    pub(super) fn open(
        url: &str,
        manner: Manner,
        timeout: Duration,
        registry: &Registry,
    ) -> Result<Self, Error> {
        let stream = connect(url, timeout)?;
        connection(stream, url, manner, registry).map(Self::Up)
    }

    /// Begins to connect on another thread, which calls `waker` when it is done.
    pub(super) fn connect(url: String, timeout: Duration, waker: Waker) -> Self {
        let (sender, result) = sync_channel(1);
        thread::spawn(move || {
            // Fails if nobody waits for it any more.
            let _ = sender.send(connect(&url, timeout));
            waker.wake();
        });
        Self::Connecting(result)
    }

    /// Returns whether the connection to the server of `url` was made since the last call.
    ///
    /// # Errors
    /// It could not be made.
    pub(super) fn arrive(&mut self, url: &str, manner: Manner, registry: &Registry) -> Result<bool, Error> {
        let Self::Connecting(result) = self else { return Ok(false) };
        let stream = match result.try_recv() {
            Err(TryRecvError::Empty) => return Ok(false),
            Err(TryRecvError::Disconnected) => Err(Error::Loop(io::Error::other("a thread has ended"))),
            Ok(result) => result,
        };
        *self = Self::Down;
        *self = Self::Up(connection(stream?, url, manner, registry)?);
        Ok(true)
    }
}

fn connection(
    stream: TcpStream,
    url: &str,
    manner: Manner,
    registry: &Registry,
) -> Result<Connection, Error> {
    let connection = Connection::new(stream, registry, STREAM).map_err(Error::Loop)?;
    #[cfg(feature = "tls")]
    let connection = connection.secured(url, manner.fingerprint)?;
    match manner.tunnel {
        Some(login) => connection.tunnelled(url, login, registry, STREAM).map_err(Error::Loop),
        None => Ok(connection),
    }
}
