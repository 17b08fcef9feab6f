//! What happens at a server.
#[cfg(feature = "tls")]
use super::tls::HandshakeError;
use crate::media::{InputEvent, Problem};
use pinhole::server::{CloseReason, ConnError, LowerTransport, SessionId, Summary};
use std::net::SocketAddr;
use std::sync::Arc;

/// Something that happened at a server, for logs and statistics: no event asks for an action.
/// [`Server::run`](super::Server::run) passes each event to the function `tell` of its caller.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// A client has set up a track of a session. Each track has an event of its own. The track does not
    /// play yet: the client has to ask for that with PLAY, which is no event.
    Opened {
        /// The address and TCP port from which the client has connected.
        peer: SocketAddr,
        /// The identifier of the session that the track belongs to.
        session: SessionId,
        /// The path of the medium, without the leading slash.
        mount: String,
        /// The lower transport of the track's packets.
        transport: LowerTransport,
        /// The name of the user who is logged in; `None` if the server asks for no login.
        user: Option<Arc<str>>,
    },
    /// Frames of a track were left out, so that the video keeps its duration. The usual cause is a client
    /// whose network is too slow, so that the frames were late or were no longer available. Frames that
    /// cannot be sent count, too.
    Skipped {
        /// The address and TCP port from which the client has connected.
        peer: SocketAddr,
        /// The identifier of the session that the track belongs to.
        session: SessionId,
        /// The path of the medium, without the leading slash.
        mount: String,
        /// How many frames of the track were left out since the last such event, or since the track was set
        /// up if there was none.
        frames: u64,
    },
    /// From now on, a client gets more or fewer of a track's frames. The number of frames falls if the client
    /// reports loss, and rises again if the client reports less loss.
    Adapted {
        /// The address and TCP port from which the client has connected.
        peer: SocketAddr,
        /// The identifier of the session that the track belongs to.
        session: SessionId,
        /// The path of the medium, without the leading slash.
        mount: String,
        /// From now on every n-th frame is sent, where n is this number: 1 (all frames), 2, 4 or 8. If every
        /// n-th frame would be less than two frames a second, more frames are sent.
        one_in: u8,
    },
    /// A track was played to its end, or to the end of the range that the client asked for, or its medium has
    /// failed. The track stays set up, so that the client can play it again.
    Ended {
        /// The address and TCP port from which the client has connected.
        peer: SocketAddr,
        /// The identifier of the session that the track belongs to.
        session: SessionId,
        /// The path of the medium, without the leading slash.
        mount: String,
        /// Why the track has ended before its end: the newest fault of a recorded medium of which no frame can be read or
        /// sent any more. See [`Library::add_path`](crate::media::Library::add_path). `None` if the track was played to its
        /// end.
        problem: Option<Problem>,
    },
    /// A track was removed from its session. When the last track of a session is removed, the session has
    /// ended.
    Closed {
        /// The address and TCP port from which the client has connected.
        peer: SocketAddr,
        /// The identifier of the session that the track belonged to.
        session: SessionId,
        /// The path of the medium, without the leading slash.
        mount: String,
        /// The lower transport of the track's packets.
        transport: LowerTransport,
        /// Why the track was removed.
        reason: CloseReason,
        /// The final counts of the track: frames, packets and bytes.
        summary: Summary,
        /// The name of the user who is logged in; `None` if the server asks for no login.
        user: Option<Arc<str>>,
    },
    /// The server has refused DESCRIBE or SETUP because the served [`Library`](crate::media::Library) has no such medium or
    /// track, or because no picture comes from the medium's source, or the request of a browser because there is no such
    /// page. If the server refuses a request for another reason, such as a malformed one, there is no event.
    Refused {
        /// The address and TCP port from which the client has connected.
        peer: SocketAddr,
        /// The URL of the refused request, for people to read; of a browser's, the path. Invalid UTF-8 in it is
        /// replaced.
        url: String,
        /// The status of the server's reply: 404 (Not Found) without such a medium or track, 503 (Service Unavailable)
        /// if the source of the medium has failed, and 504 (Gateway Time-out) if it has sent nothing for 8 seconds.
        status: u16,
    },
    /// A client has logged in: its first request with the right name and password on a connection has come.
    LoginGranted {
        /// The address and TCP port from which the client has connected.
        peer: SocketAddr,
        /// The user; `None` if the user is no longer known.
        user: Option<Arc<str>>,
    },
    /// Somebody has tried to log in with a wrong name or password, or tries too often to be heard. If nobody has tried
    /// yet, and if a client is only asked once more, there is no event.
    LoginRefused {
        /// The address and TCP port from which the client has connected.
        peer: SocketAddr,
        /// The user whose password was wrong; `None` if there is no such user, whose name may be a password that was
        /// entered in the wrong place, or if it was not looked at.
        user: Option<Arc<str>>,
    },
    /// A client has connected to the port for TLS, and its handshake has failed; see
    /// [`Server::listen_tls`](super::Server::listen_tls). If a client only closes the connection, there is no event.
    #[cfg(feature = "tls")]
    HandshakeFailed {
        /// The address and TCP port from which the client has connected.
        peer: SocketAddr,
        /// Why.
        reason: HandshakeError,
    },
    /// Whoever has this connection can or may not watch any more what it is set up for. The connection ends, with BYE to its
    /// sessions.
    Revoked {
        /// The address and TCP port from which the client has connected.
        peer: SocketAddr,
        /// The session of the medium; `None` if there is none, or the client is a browser.
        session: Option<SessionId>,
        /// The path of the medium that may not be watched any more, without the leading slash. The first, if there are several;
        /// `None` if nothing was set up.
        mount: Option<String>,
        /// The name of the user who was logged in; `None` if the server asked for no login.
        user: Option<Arc<str>>,
        /// What has changed.
        reason: RevokeReason,
    },
    /// A browser has begun to watch a medium, over HTTP.
    #[cfg(feature = "http")]
    BrowserOpened {
        /// The address and TCP port from which the browser has connected.
        peer: SocketAddr,
        /// The path of the medium, without the leading slash.
        mount: String,
        /// The name of the user who is logged in; `None` if the server asks for no login.
        user: Option<Arc<str>>,
    },
    /// A browser watches a medium no more: the medium has ended, or the connection has.
    #[cfg(feature = "http")]
    BrowserClosed {
        /// The address and TCP port from which the browser has connected.
        peer: SocketAddr,
        /// The path of the medium, without the leading slash.
        mount: String,
        /// How many frames were sent.
        frames: u64,
        /// How many frames were left out, because the browser was too slow for them.
        frames_skipped: u64,
        /// How many bytes the frames have that were sent.
        bytes: u64,
        /// The time since [`Self::BrowserOpened`].
        lifetime: pinhole::time::Duration,
        /// The name of the user who is logged in; `None` if the server asks for no login.
        user: Option<Arc<str>>,
        /// Why the medium has ended before its end, as [`Self::Ended`] has it.
        problem: Option<Problem>,
    },
    /// The server has closed a connection. If the client closes the connection, or the connection is lost,
    /// [`Self::Disconnected`] does not come: only [`Self::Closed`] comes, for each track of the connection.
    Disconnected {
        /// The address and TCP port from which the client had connected.
        peer: SocketAddr,
        /// Why the server has closed the connection. It is [`ConnError::Closed`] if the server was stopped.
        error: ConnError,
    },
    /// Something happened at a live input.
    Input {
        /// The path of the input, without the leading slash.
        mount: String,
        /// What happened at the input.
        event: InputEvent,
    },
}

/// Why a connection ends although its client and its medium have not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RevokeReason {
    /// The users have changed: [`Handle::set_users`](super::Handle::set_users).
    Users,
    /// The medium was removed: [`Handle::change_media`](super::Handle::change_media).
    Media,
    /// Nobody is let in from the client's address any more, or may watch the medium from there:
    /// [`Handle::restrict`](super::Handle::restrict).
    Address,
}
