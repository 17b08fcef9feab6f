//! A request as a guard: what it says, and the ways to answer it.
use super::claim::PortPair;
use super::event::SessionId;
use super::receive::{Content, Offer, Received, Wish};
use super::state::ConnState;
use crate::frame::{FrameStore, Seek};
use crate::rtsp::{Header, LowerTransport, Method, Range, Status, Url};
use crate::sdp::{AddressType, Presentation};
use crate::time::{MediaTime, Now};
use core::fmt;
use core::net::SocketAddr;

/// A client's request that waits for an answer. [`Turn::poll_event`](super::Turn::poll_event) and
/// [`Application::request`](super::Application::request) pass it on.
///
/// It is answered by value: [`Self::action`] leads to the ways to accept it, [`Self::refuse`] and
/// [`Self::respond`] answer with any status, and [`Self::proceed`] answers as a server without an opinion
/// does. [`Self::later`] puts it off. While a request is not answered, no later request of the connection is
/// read. If a request is dropped, nothing has happened, and it is offered again in the next turn.
#[must_use = "a request that is dropped is offered again in the next turn"]
pub struct Request<'a> {
    state: &'a mut ConnState,
    tx: &'a mut [u8],
    received: Received<'a>,
    now: Now,
    ports: Option<PortPair>,
}

/// The proof that a request was answered, or put off by [`Request::later`]. Every method that answers a
/// request returns one, and there is no other way to get one.
///
/// [`Application::request`](super::Application::request) must return it, so that no request is forgotten. A
/// program that calls [`Turn::poll_event`](super::Turn::poll_event) itself drops it. After
/// [`Request::later`], the application must have the connection's next turn begun when it can answer; after
/// any other answer, nothing is left to do.
#[derive(Debug)]
#[must_use = "it is what `Application::request` returns"]
pub struct Answered(());

/// A request, sorted by what accepts it. [`Request::action`] returns it. To treat an action like any other
/// request, turn it back with [`Self::into_request`].
#[derive(Debug)]
#[non_exhaustive]
pub enum Action<'a> {
    /// DESCRIBE asks for the description of a presentation (RFC 2326, 10.2). Answer with
    /// [`Describe::accept`], or refuse.
    Describe(Describe<'a>),
    /// SETUP asks for a transport for a track (RFC 2326, 10.4). Look whether the medium has the track, and
    /// answer with [`Setup::accept`], or refuse.
    Setup(Setup<'a>),
    /// PLAY asks to play a session (RFC 2326, 10.5). Answer with [`Play::accept`] or another method of
    /// [`Play`], or refuse. The packets then leave by themselves as they become due, from the store that is
    /// passed to each poll.
    Play(Play<'a>),
    /// A request with any other method. [`Request::proceed`] gives the usual answer.
    Other(Request<'a>),
}

/// A DESCRIBE request that waits for an answer. Its `Accept` header, if it has one, takes SDP: others were
/// refused with 406. If it is dropped, it is offered again in the next turn.
#[must_use = "a request that is dropped is offered again in the next turn"]
#[derive(Debug)]
pub struct Describe<'a>(Request<'a>);

/// A SETUP request that waits for an answer. It offers a transport that this server has: others were refused
/// with 461. If it is dropped, it is offered again in the next turn.
#[must_use = "a request that is dropped is offered again in the next turn"]
#[derive(Debug)]
pub struct Setup<'a> {
    request: Request<'a>,
    offer: Offer,
}

/// A PLAY request for a session that exists, which waits for an answer. Requests that name no such session
/// were refused with 454. If it is dropped, it is offered again in the next turn.
#[must_use = "a request that is dropped is offered again in the next turn"]
#[derive(Debug)]
pub struct Play<'a> {
    request: Request<'a>,
    wish: Wish,
}

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

    /// Returns the method of the request. A method that RFC 2326 does not know is [`Method::Unknown`].
    pub const fn method(&self) -> Method<'a> {
        self.received.message.method
    }

    /// Returns the bytes of the URL as they were sent. They are not empty, may be `*`, may have spaces in
    /// them, and are usually ASCII, which is not checked.
    pub const fn raw_url(&self) -> &'a [u8] {
        self.received.message.url
    }

    /// Returns the URL; `None` if what was sent is not a URL that [`Url::parse`] takes, such as `*`.
    /// DESCRIBE, SETUP and PLAY always have one: others were refused with 400.
    pub const fn url(&self) -> Option<Url<'a>> {
        self.received.url
    }

    /// Returns the value of the first header field with this name, whatever the case of its letters; `None`
    /// if there is none. `name` has no colon. The value is bytes, usually UTF-8, which is not checked.
    pub fn header(&self, name: &str) -> Option<&'a [u8]> {
        self.received.message.headers.get(name)
    }

    /// Returns all header fields, in the order in which they were sent.
    pub fn headers(&self) -> impl Iterator<Item = Header<'a>> + use<'a> {
        self.received.message.headers.iter()
    }

    /// Returns the body of the request; empty if there is none.
    pub const fn body(&self) -> &'a [u8] {
        self.received.message.body
    }

    /// Returns the address and the port of the client's end of the RTSP connection. Media may go to other
    /// ports of that address.
    pub const fn peer(&self) -> SocketAddr {
        SocketAddr::new(self.state.peer, self.state.peer_port)
    }

    /// Returns the session that the request names; `None` if it names none, or one that does not exist on
    /// this connection.
    pub const fn session(&self) -> Option<SessionId> {
        self.received.session
    }

    /// Returns the time at which the turn began.
    pub const fn now(&self) -> Now {
        self.now
    }

    /// Returns the request as what it asks for, with the ways to accept it. [`Action::into_request`] turns it
    /// back.
    pub fn action(self) -> Action<'a> {
        match self.received.content {
            Content::Describe => Action::Describe(Describe(self)),
            Content::Setup(offer) => Action::Setup(Setup { request: self, offer }),
            Content::Play(wish) => Action::Play(Play { request: self, wish }),
            Content::Other => Action::Other(self),
        }
    }

    /// Answers with `status`, which may also be one of success, these header fields, and no body. The fields
    /// are names without a colon and values; there may be several of one name. `CSeq` and `Server` are added.
    ///
    /// The reply is 500 instead if a header field has a control character in it, or if the reply is longer
    /// than the connection has room for, which is 1,536 bytes at least.
    pub fn refuse(self, status: Status, headers: &[(&str, &str)]) -> Answered {
        self.answer(status, headers, None)
    }

    /// Answers with `status`, these header fields, and `body`, whose MIME type is `content_type`. The fields
    /// are names without a colon and values; there may be several of one name. `CSeq`, `Server`,
    /// `Content-Type` and `Content-Length` are added.
    ///
    /// The reply is 500 instead if a header field has a control character in it, or if the reply, with its
    /// body, is longer than the connection has room for, which is 1,536 bytes at least.
    pub fn respond(
        self,
        status: Status,
        headers: &[(&str, &str)],
        content_type: &str,
        body: &[u8],
    ) -> Answered {
        self.answer(status, headers, Some((content_type, body)))
    }

    /// Puts the request off: it is offered again in the connection's next turn. Until then, no later request
    /// of the connection is read.
    ///
    /// The application must see to it that there is a next turn when it can answer, because
    /// [`ServerConn::poll_at`](super::ServerConn::poll_at) does not take the request into account.
    pub fn later(self) -> Answered {
        Answered(())
    }

    /// Gives the answer of a server without an opinion:
    ///
    /// - OPTIONS is answered with the list of methods.
    /// - PAUSE and TEARDOWN are carried out.
    /// - GET_PARAMETER and SET_PARAMETER are answered with 200 if they have no body, and refused with 451 if
    ///   they do.
    /// - ANNOUNCE, RECORD and REDIRECT are refused with 405.
    /// - Methods that RFC 2326 does not know are refused with 501.
    /// - DESCRIBE, SETUP and PLAY are refused with 404.
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
        match granted {
            Ok(()) => {
                self.state.consume(self.received.len);
                Answered(())
            }
            Err(status) => self.refuse(status, &[]),
        }
    }
}

/// Without the connection.
impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.received.message.fmt(f)
    }
}

impl<'a> Action<'a> {
    /// Returns the request itself, to answer it by a method of [`Request`], for example to refuse it.
    pub fn into_request(self) -> Request<'a> {
        match self {
            Self::Describe(Describe(request))
            | Self::Setup(Setup { request, .. })
            | Self::Play(Play { request, .. })
            | Self::Other(request) => request,
        }
    }
}

impl<'a> Describe<'a> {
    /// Returns a reference to the request itself, to look at its headers.
    pub const fn request(&self) -> &Request<'a> {
        &self.0
    }

    /// Returns the request itself, to answer it by a method of [`Request`], for example to refuse it.
    pub fn into_request(self) -> Request<'a> {
        self.0
    }

    /// Returns the URL of the presentation that is asked for.
    pub fn url(&self) -> Url<'a> {
        self.0.received.known_url()
    }

    /// Answers with 200 and `presentation` as a session description in SDP. Any
    /// [`Presentation::address_type`] will do: it is replaced by the address family of the connection. The
    /// reply is 500 if it is longer than the connection has room for, which is 1,536 bytes at least.
    pub fn accept(self, presentation: &Presentation<'_>) -> Answered {
        let Request { state, tx, received, .. } = self.0;
        let address_type = if state.peer.is_ipv4() { AddressType::Ip4 } else { AddressType::Ip6 };
        state.describe(&received, &Presentation { address_type, ..*presentation }, tx);
        state.consume(received.len);
        Answered(())
    }
}

impl<'a> Setup<'a> {
    /// Returns a reference to the request itself, to look at its headers.
    pub const fn request(&self) -> &Request<'a> {
        &self.request
    }

    /// Returns the request itself, to answer it by a method of [`Request`], for example to refuse it.
    pub fn into_request(self) -> Request<'a> {
        self.request
    }

    /// Returns the URL of the presentation, without the part that names the track.
    pub fn url(&self) -> Url<'a> {
        let url = self.request.received.known_url();
        url.track().map_or(url, |(presentation, _)| presentation)
    }

    /// Returns the number of the track that is to be set up, counted from 0 in the order of
    /// [`Presentation::tracks`]. It may be greater than the medium has tracks: refuse it then. It is 0 if the
    /// URL names no track, because a client with one track to set up may name the presentation.
    pub fn track(&self) -> u8 {
        self.request.received.track()
    }

    /// Returns how the packets of the track will travel: by the first transport of those that the client
    /// offers that this server has.
    pub const fn transport(&self) -> LowerTransport {
        self.offer.transport.lower()
    }

    /// Returns the pair of UDP ports that the adapter passed to [`Turn::set_ports`](super::Turn::set_ports)
    /// for this turn; `None` if it passed none, so that no track can be set up by UDP.
    pub const fn ports(&self) -> Option<PortPair> {
        self.request.ports
    }

    /// Sets the track up, and answers with 200 and the transport. `media` is the application's own number for
    /// the medium. The frame store is asked for its frames, and notices name it, by that number
    /// ([`TrackId::media`](crate::frame::TrackId::media)).
    ///
    /// Check [`Self::track`] before: a track that the store does not have is set up all the same, and the
    /// client receives no media. If the same track is set up already in the session that the request names,
    /// or in one that does not play if it names none, the former track is given up
    /// ([`CloseReason::Replaced`](super::CloseReason::Replaced)).
    ///
    /// The reply is 461 for a track by UDP without [`Self::ports`], and 453 if the connection has no room for
    /// a further track.
    pub fn accept(self, media: u16) -> Answered {
        let Self { request, offer } = self;
        let Request { state, tx, received, now, ports } = request;
        let granted = state.setup(now, &received, offer, media, ports, tx);
        Request { state, tx, received, now, ports }.done(granted)
    }
}

impl<'a> Play<'a> {
    /// Returns a reference to the request itself, to look at its headers.
    pub const fn request(&self) -> &Request<'a> {
        &self.request
    }

    /// Returns the request itself, to answer it by a method of [`Request`], for example to refuse it.
    pub fn into_request(self) -> Request<'a> {
        self.request
    }

    /// Returns the session that the client wants to play.
    pub const fn session(&self) -> SessionId {
        self.wish.session
    }

    /// Returns the application's own number for the session's medium, which [`Setup::accept`] was given. If
    /// the tracks of the session were given different numbers, it is that of one of them.
    pub fn media(&self) -> u16 {
        self.request.state.tracks(self.wish.session).next().map_or(0, |stream| stream.sender.track().media)
    }

    /// Returns the range of the medium that the client asks for; `None` if it does not say. A malformed
    /// `Range` was refused with 457.
    pub const fn range(&self) -> Option<Range> {
        self.wish.range
    }

    /// Plays the session from where the client asks, and answers with 200. If the client does not say, that
    /// is where the session was paused, or the start if it was not played before or was played to its end. If
    /// it plays already, and the request has neither a range nor another pace, it goes on as before.
    ///
    /// `store` is the store from which the session is sent. `end` is the time at which the medium ends, or
    /// `None` if it is live; a range that begins at 0 then begins at the newest frame.
    ///
    /// The reply is 457, and nothing changes, if the range begins beyond the medium's end, or at it when
    /// playing forwards, or if it ends before or where it begins.
    pub fn accept<S: FrameStore + ?Sized>(self, store: &S, end: Option<MediaTime>) -> Answered {
        self.play(store, None, end)
    }

    /// Plays a session of a live medium, which has no end: from where the client asks, or from the newest
    /// frame if it does not say, even after a pause. Otherwise this is like [`Self::accept`] without an
    /// `end`.
    pub fn accept_live<S: FrameStore + ?Sized>(self, store: &S) -> Answered {
        let is_placed = self.wish.range.is_some_and(|range| range.start.is_some());
        self.play(store, (!is_placed).then_some(Seek::Live), None)
    }

    /// Plays the session from `from`, whatever place the client asks for. The end of the range that it asks
    /// for still holds. Otherwise this is like [`Self::accept`]: a session that plays already goes on as
    /// before if the request has neither a range nor another pace, and a time that is not within the medium
    /// is answered with 457.
    pub fn accept_from<S: FrameStore + ?Sized>(
        self,
        store: &S,
        from: Seek,
        end: Option<MediaTime>,
    ) -> Answered {
        self.play(store, Some(from), end)
    }

    fn play<S: FrameStore + ?Sized>(self, store: &S, from: Option<Seek>, end: Option<MediaTime>) -> Answered {
        let Self { request, wish } = self;
        let Request { state, tx, received, now, ports } = request;
        let granted = state.play(now, &received, wish, from, end, store, tx);
        Request { state, tx, received, now, ports }.done(granted)
    }
}
