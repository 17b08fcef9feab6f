//! A session with a source, of whatever protocol.
use super::super::live::Feed;
use super::super::normalise::Normaliser;
use super::end::End;
use super::url::HttpUrl;
use super::{http, rtsp};
use mio::Registry;
use pinhole::client::LowerTransport;
use pinhole::time::{Instant, Now};

/// A session that plays a source.
pub(super) enum Session {
    Rtsp(Box<rtsp::Session>),
    Http(Box<http::Session>, Box<HttpUrl>),
}

impl Session {
    /// Takes note of an event of the connection, or of UDP socket `number`.
    pub(super) fn ready(&mut self, udp: Option<usize>, readable: bool, writable: bool) {
        match self {
            Self::Rtsp(session) => session.ready(udp, readable, writable),
            Self::Http(session, _) => session.ready(readable, writable),
        }
    }

    /// Returns how the packets travel, if they are packets and that is known.
    pub(super) fn transport(&self) -> Option<LowerTransport> {
        match self {
            Self::Rtsp(session) => session.transport(),
            Self::Http(..) => None,
        }
    }

    /// Returns since when pictures have come.
    pub(super) fn since(&self) -> Option<Instant> {
        match self {
            Self::Rtsp(session) => session.since(),
            Self::Http(session, _) => session.since(),
        }
    }

    /// Takes leave of the source. Returns the session if it has to go on with turns until [`End::Closed`].
    pub(super) fn leave(mut self) -> Option<Self> {
        match &mut self {
            Self::Rtsp(session) => session.leave(),
            Self::Http(..) => return None,
        }
        Some(self)
    }

    /// Returns when the next turn is due; `None` if something has to come first.
    pub(super) fn poll_at(&self, now: Instant) -> Option<Instant> {
        match self {
            Self::Rtsp(session) => session.poll_at(now),
            Self::Http(session, _) => Some(session.poll_at(now)),
        }
    }

    /// Receives, sends, and passes pictures on to `feed`. UDP sockets are registered with tokens from `first` on.
    ///
    /// # Errors
    /// The session has ended.
    pub(super) fn turn(
        &mut self,
        now: Now,
        scratch: &mut [u8],
        (feed, normaliser): (&Feed, &mut Normaliser),
        registry: (&Registry, usize),
    ) -> Result<(), End> {
        match self {
            Self::Rtsp(session) => session.turn(now, scratch, feed, registry),
            Self::Http(session, url) => session.turn(now.at, scratch, (feed, normaliser), url),
        }
    }
}
