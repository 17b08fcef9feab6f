//! The client's side of one RTSP connection: what it asks, and the media that come.
//!
//! The order of calls, in each turn of the caller's loop:
//!
//! 1. Pass in what came: [`ClientConn::handle_stream`], [`ClientConn::handle_datagram`], and then
//!    [`ClientConn::handle_timeout`]. These calls write received frames straight into the sink that you
//!    pass to them.
//! 2. Call [`ClientConn::poll_event`] until it returns `None`. Answer [`Event::Setup`] with
//!    [`ClientConn::setup`]. After [`Event::Closed`] or [`Event::Failed`], close the connection and stop.
//! 3. Call [`ClientConn::poll_stream`] and [`ClientConn::poll_transmit`] until they return `None`, or until
//!    the socket takes no more.
//! 4. Sending can cause an event, and the answer to an event can cause something to send. Repeat steps 2
//!    and 3 until there is no event and nothing to send.
//! 5. Sleep until the time that [`ClientConn::poll_at`] returns, or until there is input.
//!
//! The connection describes the presentation and sets its tracks up by itself. It sends PLAY as soon as the
//! tracks are set up and [`ClientConn::play`] was called. Call [`ClientConn::play`] before or after the
//! tracks are set up. [`PlayOptions`] says what the times of frames mean.
//!
//! To fetch media ahead of a viewer, put a [`Prefetch`] between the connection and the rings that the
//! viewer reads from.
mod address;
#[cfg(feature = "auth")]
mod challenged;
mod chunk;
mod config;
mod conn;
mod datagram;
mod dialogue;
mod event;
mod gate;
mod incoming;
mod intake;
#[cfg(feature = "auth")]
mod login;
mod phase;
mod play;
mod prefetch;
mod prefetch_options;
mod response;
mod saved_texts;
#[cfg(test)]
mod tests;
mod timers;
mod track;
mod track_fetch;

pub use crate::rtp::{Port, ReceiverStatistics};
pub use crate::rtsp::LowerTransport;
pub use chunk::Chunk;
pub use config::{Config, TransportChoice, Unusable};
pub use conn::ClientConn;
pub use datagram::Datagram;
pub use event::{ClientError, Event, NotWaiting, TrackDescription};
pub use intake::Intake;
#[cfg(feature = "auth")]
pub use login::{Login, LoginError};
pub use play::PlayOptions;
pub use prefetch::Prefetch;
pub use prefetch_options::{PrefetchAction, PrefetchOptions};
