//! A request as a guard: what it says, and the ways to answer it.
use super::claim::PortPair;
use super::event::SessionId;
use super::receive::{Content, Received};
use super::state::ConnState;
use crate::frame::{FrameStore, Seek};
use crate::rtsp::{Header, LowerTransport, Method, Range, Status, Url};
use crate::sdp::{AddressType, Presentation};
use crate::time::{MediaTime, Now};
use core::fmt;
use core::net::SocketAddr;

/// A client's request that waits for an answer.
///
/// It is answered by value: [`Self::action`] leads to the ways to accept it, [`Self::refuse`] and
/// [`Self::respond`] answer with any status, [`Self::proceed`] answers as a server without an opinion does.
/// While it is there, no later request of the connection is read. A request that is dropped changes nothing,
/// and is offered again in the next turn.
#[must_use = "a request that is dropped is offered again in the next turn"]
pub struct Request<'a> {
    state: &'a mut ConnState,
    tx: &'a mut [u8],
    received: Received<'a>,
    now: Now,
    ports: Option<PortPair>,
}

/// The proof that a request was answered, or put off on purpose.
#[derive(Debug)]
#[must_use = "it is what `Application::request` returns"]
pub struct Answered(());

/// A request by what accepts it. [`Request::action`] makes it.
#[derive(Debug)]
#[non_exhaustive]
pub enum Action<'a> {
    /// DESCRIBE asks for the description of a presentation (RFC 2326, 10.2).
    Describe(Describe<'a>),
    /// SETUP asks for a transport for a track (RFC 2326, 10.4).
    Setup(Setup<'a>),
    /// PLAY asks to play a session (RFC 2326, 10.5).
    Play(Play<'a>),
    /// Any other method. [`Request::proceed`] knows the answer.
    Other(Request<'a>),
}

/// A DESCRIBE request that waits for an answer.
#[must_use = "a request that is dropped is offered again in the next turn"]
#[derive(Debug)]
pub struct Describe<'a>(Request<'a>);

/// A SETUP request that waits for an answer.
#[must_use = "a request that is dropped is offered again in the next turn"]
#[derive(Debug)]
pub struct Setup<'a>(Request<'a>);

/// A PLAY request, for a session that exists, that waits for an answer.
#[must_use = "a request that is dropped is offered again in the next turn"]
#[derive(Debug)]
pub struct Play<'a>(Request<'a>);

impl<'a> Request<'a> {
    pub(super) const fn new(
        state: &'a mut ConnState,
        tx: &'a mut [u8],
        received: Received<'a>,
        now: Now,
        ports: Option<PortPair>,
    ) -> Self {
        Self { state, tx, received, now, ports }
    }

    /// Returns the method of the request.
    pub const fn method(&self) -> Method<'a> {
        self.received.message.method
    }

    /// Returns the URL as it was sent. It is not empty, may be `*`, and may have spaces in it.
    pub const fn raw_url(&self) -> &'a [u8] {
        self.received.message.url
    }

    /// Returns the URL, or `None` if it is none, such as `*`. DESCRIBE, SETUP and PLAY always have one.
    pub const fn url(&self) -> Option<Url<'a>> {
        self.received.url
    }

    /// Returns the value of the first header field with this name, whatever the case of its letters;
    /// `None` if there is none.
    pub fn header(&self, name: &str) -> Option<&'a [u8]> {
        self.received.message.headers.get(name)
    }

    /// Returns all header fields, in the order in which they were sent.
    pub fn headers(&self) -> impl Iterator<Item = Header<'a>> + use<'a> {
        self.received.message.headers.iter()
    }

    /// Returns the body, which is empty if there is none.
    pub const fn body(&self) -> &'a [u8] {
        self.received.message.body
    }

    /// Returns the client's address and port of the RTSP connection.
    pub const fn peer(&self) -> SocketAddr {
        SocketAddr::new(self.state.peer, self.state.peer_port)
    }

    /// Returns the session that the request names, or `None` if it names none that exists.
    pub const fn session(&self) -> Option<SessionId> {
        self.received.session
    }

    /// Returns the time at which the turn began.
    pub const fn now(&self) -> Now {
        self.now
    }

    /// Returns the request as one of the requests that can be accepted, with the ways to do so.
    pub fn action(self) -> Action<'a> {
        match self.received.content {
            Content::Describe => Action::Describe(Describe(self)),
            Content::Setup(_) => Action::Setup(Setup(self)),
            Content::Play(_) => Action::Play(Play(self)),
            Content::Other => Action::Other(self),
        }
    }

    /// Answers with `status`, these header fields, and no body. `CSeq` and `Server` are added. There may be
    /// several fields of one name.
    ///
    /// The reply is 500 instead if a header field has a control character in it, or if the whole is longer
    /// than the connection has room for, which is 1,536 bytes at least.
    pub fn refuse(self, status: Status, headers: &[(&str, &str)]) -> Answered {
        self.answer(status, headers, None)
    }

    /// Answers with `status`, these header fields, and a body of this content type. `CSeq`, `Server`,
    /// `Content-Type` and `Content-Length` are added. What cannot be sent is answered with 500, as
    /// [`Self::refuse`] says.
    pub fn respond(
        self,
        status: Status,
        headers: &[(&str, &str)],
        content_type: &str,
        body: &[u8],
    ) -> Answered {
        self.answer(status, headers, Some((content_type, body)))
    }

    /// Puts the request off: it is offered again in the connection's next turn. The application sees to it
    /// that there is one, for [`ServerConn::poll_at`](super::ServerConn::poll_at) does not name it.
    pub fn later(self) -> Answered {
        Answered(())
    }

    /// Gives the answer that needs no application: OPTIONS lists the methods; PAUSE and TEARDOWN are done;
    /// GET_PARAMETER and SET_PARAMETER are granted if they have no body, and refused with 451 else;
    /// ANNOUNCE, RECORD and REDIRECT are refused with 405, methods that RFC 2326 does not know with 501,
    /// and DESCRIBE, SETUP and PLAY with 404.
    pub fn proceed(self) -> Answered {
        let Self { state, tx, received, .. } = self;
        state.proceed(&received, tx);
        state.consume(received.len);
        Answered(())
    }

    fn answer(self, status: Status, headers: &[(&str, &str)], body: Option<(&str, &[u8])>) -> Answered {
        let Self { state, tx, received, .. } = self;
        state.reply(tx, status, received.message.headers.cseq(), &|reply| {
            for (name, value) in headers {
                reply.header(name, *value);
            }
            match body {
                Some((content_type, body)) => reply.end_with(content_type, body),
                None => reply.end(),
            }
        });
        state.consume(received.len);
        Answered(())
    }

    /// Ends a request that was accepted, unless it could not be granted.
    fn done(self, granted: Result<(), Status>) -> Answered {
        if let Err(status) = granted {
            self.state.reply(self.tx, status, self.received.message.headers.cseq(), &|reply| reply.end());
        }
        self.state.consume(self.received.len);
        Answered(())
    }
}

/// Without the connection.
impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.received.message.fmt(f)
    }
}

impl<'a> Action<'a> {
    /// Returns the request, to answer it by a method of [`Request`].
    pub fn into_request(self) -> Request<'a> {
        match self {
            Self::Describe(Describe(request))
            | Self::Setup(Setup(request))
            | Self::Play(Play(request))
            | Self::Other(request) => request,
        }
    }
}

impl<'a> Describe<'a> {
    /// Returns the underlying request, to look at its headers.
    pub const fn request(&self) -> &Request<'a> {
        &self.0
    }

    /// Returns the request, to answer it by a method of [`Request`].
    pub fn into_request(self) -> Request<'a> {
        self.0
    }

    /// Returns the URL of the presentation that is asked for.
    pub fn url(&self) -> Url<'a> {
        self.0.received.known_url()
    }

    /// Answers with a session description. [`Presentation::address_type`] is set to the address family of
    /// the connection.
    pub fn accept(self, presentation: &Presentation<'_>) -> Answered {
        let Request { state, tx, received, .. } = self.0;
        let address_type = if state.peer.is_ipv4() { AddressType::Ip4 } else { AddressType::Ip6 };
        state.describe(&received, &Presentation { address_type, ..*presentation }, tx);
        state.consume(received.len);
        Answered(())
    }
}

impl<'a> Setup<'a> {
    /// Returns the underlying request, to look at its headers.
    pub const fn request(&self) -> &Request<'a> {
        &self.0
    }

    /// Returns the request, to answer it by a method of [`Request`].
    pub fn into_request(self) -> Request<'a> {
        self.0
    }

    /// Returns the URL of the presentation, without the part that names the track.
    pub fn url(&self) -> Url<'a> {
        let url = self.0.received.known_url();
        url.track().map_or(url, |(presentation, _)| presentation)
    }

    /// Returns the number of the track, which is 0 if the URL names none: a client with one track to set up
    /// may name the presentation.
    pub fn track(&self) -> u8 {
        self.0.received.track()
    }

    /// Returns how the packets will travel: by the first transport that the client offers and that this
    /// server has.
    pub const fn transport(&self) -> LowerTransport {
        self.0.received.offer().transport.lower()
    }

    /// Returns the pair of UDP ports that the adapter provides for this turn, or `None` without one.
    pub const fn ports(&self) -> Option<PortPair> {
        self.0.ports
    }

    /// Sets the track up. `media` is the application's number for the medium, which
    /// [`TrackId::media`](crate::frame::TrackId::media) hands back. The reply is 461 for a track by UDP
    /// without [`Self::ports`], and 453 where the connection has no room for a further track.
    pub fn accept(self, media: u16) -> Answered {
        let Self(request) = self;
        let Request { now, ports, .. } = request;
        let granted = request.state.setup(now, &request.received, media, ports, request.tx);
        request.done(granted)
    }
}

impl<'a> Play<'a> {
    /// Returns the underlying request, to look at its headers.
    pub const fn request(&self) -> &Request<'a> {
        &self.0
    }

    /// Returns the request, to answer it by a method of [`Request`].
    pub fn into_request(self) -> Request<'a> {
        self.0
    }

    /// Returns the session that the client wants to play.
    pub const fn session(&self) -> SessionId {
        self.0.received.wish().session
    }

    /// Returns the number that [`Setup::accept`] was given for the session's medium.
    pub fn media(&self) -> u16 {
        self.0
            .state
            .tracks(self.0.received.wish().session)
            .next()
            .map_or(0, |stream| stream.sender.track().media)
    }

    /// Returns the range that is asked for, or `None` if the client says nothing of it.
    pub const fn range(&self) -> Option<Range> {
        self.0.received.wish().range
    }

    /// Plays the session from where the client asks. If it does not say, that is where the session was paused,
    /// or the start.
    ///
    /// `store` has the frames, and `end` is the time at which the medium ends, or `None` if it does not. A
    /// range that begins at 0 begins at the newest frame of a medium without an end. The reply is 457 for a
    /// range that is not within the medium.
    pub fn accept<S: FrameStore + ?Sized>(self, store: &S, end: Option<MediaTime>) -> Answered {
        self.play(store, None, end)
    }

    /// Plays a session of a live medium, which has no end: from where the client asks, or from the newest
    /// frame if it does not say. Otherwise it is [`Self::accept`].
    pub fn accept_live<S: FrameStore + ?Sized>(self, store: &S) -> Answered {
        let is_placed = self.0.received.wish().range.is_some_and(|range| range.start.is_some());
        self.play(store, (!is_placed).then_some(Seek::Live), None)
    }

    /// Plays the session from `from`, wherever the client asks. Otherwise it is [`Self::accept`].
    pub fn accept_from<S: FrameStore + ?Sized>(
        self,
        store: &S,
        from: Seek,
        end: Option<MediaTime>,
    ) -> Answered {
        self.play(store, Some(from), end)
    }

    fn play<S: FrameStore + ?Sized>(self, store: &S, from: Option<Seek>, end: Option<MediaTime>) -> Answered {
        let Self(request) = self;
        let granted = request.state.play(request.now, &request.received, from, end, store, request.tx);
        request.done(granted)
    }
}
