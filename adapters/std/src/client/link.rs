//! The way to the server, which can be lost and found again.
use super::error::Error;
use super::sockets::{Connection, connect};
use super::{STREAM, Waker};
use mio::Registry;
use std::io;
use std::net::TcpStream;
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::thread;
use std::time::Duration;

/// The way to the server.
#[derive(Debug)]
pub(super) enum Link {
    /// There is none.
    Down,
    /// A thread of its own looks for one: the system's resolver blocks.
    Connecting(Receiver<Result<TcpStream, Error>>),
    Up(Connection),
}

impl Link {
    /// Connects; waits for that.
    pub(super) fn open(url: &str, timeout: Duration, registry: &Registry) -> Result<Self, Error> {
        let stream = connect(url, timeout)?;
        Connection::new(stream, registry, STREAM).map(Self::Up).map_err(Error::Loop)
    }

    /// Begins to connect; `waker` is called when that is done.
    pub(super) fn connect(url: String, timeout: Duration, waker: Waker) -> Self {
        let (sender, result) = sync_channel(1);
        thread::spawn(move || {
            // Nobody may wait for it any more.
            let _ = sender.send(connect(&url, timeout));
            waker.wake();
        });
        Self::Connecting(result)
    }

    /// Says whether it has come about just now.
    ///
    /// # Errors
    /// There is none.
    pub(super) fn arrive(&mut self, registry: &Registry) -> Result<bool, Error> {
        let Self::Connecting(result) = self else { return Ok(false) };
        let stream = match result.try_recv() {
            Err(TryRecvError::Empty) => return Ok(false),
            Err(TryRecvError::Disconnected) => Err(Error::Loop(io::Error::other("a thread has ended"))),
            Ok(result) => result,
        };
        *self = Self::Down;
        *self = Self::Up(Connection::new(stream?, registry, STREAM).map_err(Error::Loop)?);
        Ok(true)
    }
}
