//! The server's side of one RTSP connection, and of all that was set up on it.
//!
//! The order of calls, in each turn of the caller's loop:
//!
//! 1. what came in: [`ServerConn::handle_stream`], [`ServerConn::handle_datagram`], and
//!    [`ServerConn::handle_timeout`];
//! 2. [`ServerConn::poll_event`] until `None`; each request is answered, now or in a later turn,
//!    by [`ServerConn::reply`];
//! 3. [`ServerConn::poll_stream`] and [`ServerConn::poll_transmit`] until `None`, or until their
//!    socket takes no more;
//! 4. sleep until [`ServerConn::poll_at`] says, or until there is input or a new frame.
mod chunk;
mod conn;
mod event;
mod reply;
mod request;
mod stream;
#[cfg(test)]
mod tests;
mod transmit;

pub use crate::rtp::{Batch, Port};
pub use crate::rtsp::LowerTransport;
pub use chunk::Chunk;
pub use conn::{Config, MAX_TRACKS, MIN_REQUEST, ServerConn, StorageTooSmall};
pub use event::{
    Answer, Ask, Claim, CloseReason, ConnError, Event, NotAsked, PortPair, RequestId, SessionId, Summary,
};
pub use transmit::Transmit;
