//! The server's side of an RTSP connection, and of the sessions that are set up on it.
//!
//! An adapter keeps a [`ServerConn`] for each connection, and provides storage for requests and replies. For
//! each connection it does the following in each round of its loop:
//!
//! 1. It hands in datagrams ([`ServerConn::handle_datagram`]), begins a [`Turn`] ([`ServerConn::turn`]),
//!    names the UDP ports for new tracks ([`Turn::set_ports`]), and hands in bytes of the connection
//!    ([`Turn::handle_stream`]).
//! 2. It calls [`Turn::serve`] with the program's [`Application`], which answers requests and takes note of
//!    events, or calls [`Turn::poll_event`] until that returns `None`.
//! 3. It sends what [`Turn::poll_stream`] and [`Turn::poll_transmit`] return, until they return `None` or
//!    their socket takes no more. It then serves once more, because sending may end sessions.
//! 4. It sleeps until the time of [`ServerConn::poll_at`], or until bytes, datagrams or frames arrive.
//!
//! When the transport is closed by the client or lost, the adapter calls [`ServerConn::disconnected`]. After
//! [`Notice::Disconnect`] it closes the transport, once everything is sent.
mod application;
mod chunk;
mod claim;
mod config;
mod conn;
mod echo;
mod event;
#[cfg(feature = "auth")]
mod login;
#[cfg(feature = "auth")]
mod login_app;
mod receive;
mod reply;
mod request;
mod state;
mod stream;
#[cfg(test)]
mod tests;
mod transmit;
mod turn;

pub use crate::rtp::{Batch, Port, Want};
pub use crate::rtsp::LowerTransport;
pub use application::{Application, Catalog, CatalogApp};
pub use chunk::{Chunk, Pieces};
pub use claim::{Claim, PortPair, UdpRoute};
pub use config::{Config, MAX_TRACKS, MIN_REQUEST};
pub use conn::ServerConn;
pub use event::{CloseReason, ConnError, Notice, SessionId, Summary, TrackStatus};
#[cfg(feature = "auth")]
pub use login::{
    Attempt, Authenticator, CHALLENGE_FIELD, Challenges, LIFETIME, Login, MAX_USER, Scope, Users, Verdict,
};
#[cfg(feature = "auth")]
pub use login_app::{LoginApp, Logins};
pub use request::{Action, Answered, Describe, Play, Request, Setup};
pub use transmit::Transmit;
pub use turn::{Event, Turn};
