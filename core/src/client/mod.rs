//! The client's side of one RTSP connection: what it asks, and the media that come.
//!
//! The order of calls, in each turn of the caller's loop:
//!
//! 1. what came in: [`ClientConn::handle_stream`], [`ClientConn::handle_datagram`], and
//!    [`ClientConn::handle_timeout`]; frames go straight into the sink that is lent to them;
//! 2. [`ClientConn::poll_event`] until `None`; [`Event::Setup`] is answered by
//!    [`ClientConn::setup`];
//! 3. [`ClientConn::poll_stream`] and [`ClientConn::poll_transmit`] until `None`, or until their
//!    socket takes no more;
//! 4. sleep until [`ClientConn::poll_at`] says, or until there is input.
//!
//! The connection describes the presentation and sets its tracks up by itself; PLAY is sent when
//! that is done and [`ClientConn::play`] was called, before or after. What the times of frames mean is
//! said at [`PlayOptions`].
//!
//! [`Prefetch`] stands between the connection and the rings that a viewer reads from, for media that
//! are to be fetched ahead.
mod address;
mod chunk;
mod config;
mod conn;
mod datagram;
mod dialogue;
mod event;
mod gate;
mod incoming;
mod intake;
mod phase;
mod play;
mod prefetch;
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
pub use play::PlayOptions;
pub use prefetch::{Prefetch, PrefetchAction, PrefetchOptions};
