//! A request as a guard: what it says, and the ways to answer it.
use super::claim::PortPair;
use super::event::SessionId;
use super::receive::{Content, Received};
use super::reply::{DRAWS, Reply};
use super::state::ConnState;
use crate::frame::{FrameStore, Seek};
use crate::random::Random;
use crate::rtp::SenderConfig;
use crate::rtsp::{Header, LowerTransport, Method, RECEIVE_BUFFER, Range, Status, Url};
use crate::sdp::{AddressType, Presentation};
use crate::text::decimal;
use crate::time::{MediaTime, Now};
use core::fmt;
use core::net::SocketAddr;

/// A client's request that waits for an answer. [`Turn::poll_event`](super::Turn::poll_event) and
/// [`Application::request`](super::Application::request) pass it on.
///
/// Call one of these methods, each of which consumes the request:
/// - [`Self::action`] leads to the ways to accept the request.
/// - [`Self::refuse`] and [`Self::respond`] answer with any status.
/// - [`Self::proceed`] gives the usual answer of a server that does not care about the request.
/// - [`Self::later`] puts the request off.
///
/// While a request is not answered, no later request of the connection is read. If a request is dropped,
/// nothing has happened, and the request is offered again in the next turn.
#[must_use = "a request that is dropped is offered again in the next turn"]
pub struct Request<'a> {
    state: &'a mut ConnState,
    tx: &'a mut [u8],
    received: Received<'a>,
    now: Now,
    ports: Option<PortPair>,
    live_burst: u32,
}

/// The proof that a request was answered, or put off by [`Request::later`]. Every method that answers a
/// request returns an `Answered`, and there is no other way to get one.
///
/// [`Application::request`](super::Application::request) must return it, so that no request is forgotten. If
/// a program calls [`Turn::poll_event`](super::Turn::poll_event) itself, it can drop this value. After
/// [`Request::later`], begin the connection's next turn as soon as the answer is known. After any other
/// answer, nothing is left to do.
#[derive(Debug)]
#[must_use = "it is what `Application::request` returns"]
pub struct Answered(());

/// A request, sorted by its method. [`Request::action`] returns it. The values in [`Self::Describe`],
/// [`Self::Setup`] and [`Self::Play`] have methods to accept the request. [`Self::into_request`] returns the
/// request itself, for example to refuse it.
#[derive(Debug)]
#[non_exhaustive]
pub enum Action<'a> {
    /// DESCRIBE asks for the description of a presentation (RFC 2326, 10.2). Answer with
    /// [`Describe::accept`], or refuse.
    Describe(Describe<'a>),
    /// SETUP asks for a transport for a track (RFC 2326, 10.4). Check that the medium has the track, and
    /// answer with [`Setup::accept`], or refuse.
    Setup(Setup<'a>),
    /// PLAY asks to play a session (RFC 2326, 10.5). Answer with [`Play::accept`] or another method of
    /// [`Play`], or refuse. After that, [`Turn::poll_stream`](super::Turn::poll_stream) and
    /// [`Turn::poll_transmit`](super::Turn::poll_transmit) return the packets as they become due, with frames
    /// of the store that is passed to them.
    Play(Play<'a>),
    /// A request with any other method. [`Request::proceed`] gives the usual answer.
    Other(Request<'a>),
}

/// A DESCRIBE request that waits for an answer. If the request has an `Accept` header, that header allows
/// SDP: a request whose `Accept` does not allow SDP was refused with 406 before. If this value is dropped,
/// the request is offered again in the next turn.
#[must_use = "a request that is dropped is offered again in the next turn"]
#[derive(Debug)]
pub struct Describe<'a>(Request<'a>);

/// A SETUP request that waits for an answer. The request offers a transport that this library supports: a
/// request without such a transport was refused with 461 before. If this value is dropped, the request is
/// offered again in the next turn.
#[must_use = "a request that is dropped is offered again in the next turn"]
#[derive(Debug)]
pub struct Setup<'a>(Request<'a>);

/// A PLAY request that waits for an answer. The request names a session of this connection: a request that
/// names none was refused with 454 before. If this value is dropped, the request is offered again in the next
/// turn.
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
        let live_burst = SenderConfig::DEFAULT_LIVE_BURST;
        Self { state, tx, received, now, ports, live_burst }
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

    /// Returns the URL; `None` if [`Url::parse`] does not accept what was sent, such as `*`. For DESCRIBE,
    /// SETUP and PLAY the result is never `None`: such requests without a URL were refused with 400 before.
    pub const fn url(&self) -> Option<Url<'a>> {
        self.received.url
    }

    /// Returns the value of the first header field with this name; `None` if there is no such field. Pass
    /// `name` without the colon. Its case does not matter. The value is bytes, usually UTF-8, which is not
    /// checked.
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
        self.state.peer
    }

    /// Returns the session that the request names; `None` if it names none, or one that does not exist on
    /// this connection.
    pub const fn session(&self) -> Option<SessionId> {
        self.received.session
    }

    /// Returns the time that was passed to [`ServerConn::turn`](super::ServerConn::turn) for this turn.
    pub const fn now(&self) -> Now {
        self.now
    }

    /// Sorts the request by its method. The result has the ways to accept the request.
    /// [`Action::into_request`] returns the request itself again.
    pub fn action(self) -> Action<'a> {
        match self.received.content {
            Content::Describe => Action::Describe(Describe(self)),
            Content::Setup(_) => Action::Setup(Setup(self)),
            Content::Play(_) => Action::Play(Play(self)),
            Content::Other => Action::Other(self),
        }
    }

    /// Answers with `status`, the header fields in `headers`, and no body. `status` may also be a success.
    /// Each header field is a name without the colon, and a value; there may be several fields of one name.
    /// `CSeq` and `Server` are added.
    ///
    /// If a header field has a control character in it, the reply is 500 instead. If the reply is longer than
    /// the connection has room for, the reply is 500, too. There is room for at least 1,536 bytes, with the
    /// status line and all header fields.
    pub fn refuse(self, status: Status, headers: &[(&str, &str)]) -> Answered {
        self.answer_with(status, headers, None)
    }

    /// Answers with `status`, the header fields in `headers`, and `body`. `content_type` is the MIME type of
    /// `body`. Each header field is a name without the colon, and a value; there may be several fields of one
    /// name. `CSeq`, `Server`, `Content-Type` and `Content-Length` are added.
    ///
    /// If a header field has a control character in it, the reply is 500 instead. If the reply is longer than
    /// the connection has room for, the reply is 500, too. There is room for at least 1,536 bytes, with the
    /// status line, all header fields and the body.
    pub fn respond(
        self,
        status: Status,
        headers: &[(&str, &str)],
        content_type: &str,
        body: &[u8],
    ) -> Answered {
        self.answer_with(status, headers, Some((content_type, body)))
    }

    /// Puts the request off: it is offered again in the connection's next turn. Until then, no later request
    /// of the connection is read.
    ///
    /// Begin the connection's next turn as soon as the answer is known:
    /// [`ServerConn::poll_at`](super::ServerConn::poll_at) does not take the request into account.
    pub fn later(self) -> Answered {
        Answered(())
    }

    /// Gives the usual answer of a server that does not care about the request:
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

    fn answer_with(self, status: Status, headers: &[(&str, &str)], body: Option<(&str, &[u8])>) -> Answered {
        self.answer(status, &|reply| {
            for (name, value) in headers {
                reply.header(name, *value);
            }
            match body {
                Some((content_type, body)) => reply.end_with(content_type, body),
                None => reply.end(),
            }
        })
    }

    /// Answers with a reply that `build` writes to its end.
    pub(super) fn answer(self, status: Status, build: &dyn Fn(&mut Reply<'_>)) -> Answered {
        let Self { state, tx, received, .. } = self;
        state.reply(tx, status, received.echo(), build);
        state.consume(received.len);
        Answered(())
    }

    /// Ends a request that was accepted, unless it could not be granted.
    pub(super) fn done(self, granted: Result<(), Status>) -> Answered {
        if let Err(status) = granted {
            self.state.reply(self.tx, status, self.received.echo(), &|reply| reply.end());
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
    /// Returns the request itself, to answer it by a method of [`Request`], for example to refuse it.
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
    /// [`Presentation::address_type`] will do: it is replaced by the address family of the connection. If the
    /// reply is longer than the connection has room for, the reply is 500 instead. There is room for at least
    /// 1,536 bytes, with the status line, all header fields and the description.
    pub fn accept(self, presentation: &Presentation<'_>) -> Answered {
        let Request { state, tx, received, .. } = self.0;
        let address_type = if state.peer.is_ipv4() { AddressType::Ip4 } else { AddressType::Ip6 };
        state.describe(&received, &Presentation { address_type, ..*presentation }, tx);
        state.consume(received.len);
        Answered(())
    }
}

impl<'a> Setup<'a> {
    /// How many random numbers [`Self::accept`] draws.
    pub const DRAWS: usize = DRAWS;

    /// Returns a reference to the request itself, to look at its headers.
    pub const fn request(&self) -> &Request<'a> {
        &self.0
    }

    /// Returns the request itself, to answer it by a method of [`Request`], for example to refuse it.
    pub fn into_request(self) -> Request<'a> {
        self.0
    }

    /// Returns the URL of the presentation, without the part that names the track.
    pub fn url(&self) -> Url<'a> {
        let url = self.0.received.known_url();
        url.track().map_or(url, |(presentation, _)| presentation)
    }

    /// Returns the number of the track that is to be set up, counted from 0 in the order of
    /// [`Presentation::tracks`]. If the medium has no track with this number, refuse the request. If the URL
    /// names no track, the result is 0, because a client may send the URL of the presentation if there is
    /// only one track.
    pub fn track(&self) -> u8 {
        self.0.received.track()
    }

    /// Returns how the packets of the track will travel. This is the first transport in the client's list
    /// that this library supports. If it is UDP and [`Self::ports`] is `None`, [`Self::accept`] takes the first
    /// interleaved one instead.
    pub const fn transport(&self) -> LowerTransport {
        self.0.received.offer().transport.lower()
    }

    /// Returns the pair of UDP ports that was passed to [`Turn::set_ports`](super::Turn::set_ports) in this
    /// turn. If no pair was passed, the result is `None`, and UDP cannot be used.
    pub const fn ports(&self) -> Option<PortPair> {
        self.0.ports
    }

    /// Has the track use the pair of UDP ports `ports`, instead of the one that was passed to
    /// [`Turn::set_ports`](super::Turn::set_ports). An adapter whose choice depends on the request makes it
    /// here, so that no request has to wait for it. With `None`, UDP cannot be used.
    pub const fn with_ports(mut self, ports: Option<PortPair>) -> Self {
        self.0.ports = ports;
        self
    }

    /// Returns how many bytes of packets fit the receive buffer of the client's socket, as the client says by
    /// [`RECEIVE_BUFFER`]. Nothing checks that: a client can claim any number. Returns `None` if the client says
    /// nothing, or what is no number of at most 64 bits.
    pub fn receive_buffer(&self) -> Option<u64> {
        decimal(self.0.header(RECEIVE_BUFFER)?)
    }

    /// Has `bytes` of a frame leave at once, if the medium is live and the track goes by UDP
    /// ([`SenderConfig::live_burst`]), instead of [`SenderConfig::DEFAULT_LIVE_BURST`]. An adapter can set more for
    /// a client whose [`Self::receive_buffer`] is large enough.
    pub const fn with_live_burst(mut self, bytes: u32) -> Self {
        self.0.live_burst = bytes;
        self
    }

    /// Sets the track up, and answers with 200 and the transport. `media` is the application's own number for
    /// the medium. The frame store and the notices get this number as
    /// [`TrackId::media`](crate::frame::TrackId::media). The identifier of the session and the numbers of the
    /// packets are drawn from `random`: [`Self::DRAWS`] numbers, whatever the reply.
    ///
    /// Check [`Self::track`] before: a track that the store does not have is set up all the same, and the
    /// client receives no media.
    ///
    /// The same track may be set up already on this connection:
    ///
    /// - If the request names the session of the former track, the former track is given up
    ///   ([`CloseReason::Replaced`](super::CloseReason::Replaced)), and the session has the new one in its
    ///   place.
    /// - If the request names no session, the new track begins a session. The former track is given up if it
    ///   does not play. If the former track plays, both tracks stay.
    ///
    /// If [`Self::ports`] is `None` and the client offers nothing but UDP, the reply is 461. If the connection
    /// has no room for another track, the reply is 453. In both cases nothing changes.
    pub fn accept<R: Random + ?Sized>(self, media: u16, random: &mut R) -> Answered {
        let Self(request) = self;
        let Request { now, ports, live_burst, .. } = request;
        let numbers = [(); Self::DRAWS].map(|()| random.random());
        let granted =
            request.state.setup(now, &request.received, media, (ports, live_burst), &numbers, request.tx);
        request.done(granted)
    }
}

impl<'a> Play<'a> {
    /// Returns a reference to the request itself, to look at its headers.
    pub const fn request(&self) -> &Request<'a> {
        &self.0
    }

    /// Returns the request itself, to answer it by a method of [`Request`], for example to refuse it.
    pub fn into_request(self) -> Request<'a> {
        self.0
    }

    /// Returns the session that the client wants to play.
    pub const fn session(&self) -> SessionId {
        self.0.received.wish().session
    }

    /// Returns the application's own number for the session's medium, which was passed to [`Setup::accept`].
    /// If the tracks of the session have different numbers, the result is the number of one of them.
    pub fn media(&self) -> u16 {
        self.0
            .state
            .tracks(self.0.received.wish().session)
            .next()
            .map_or(0, |stream| stream.sender.track().media)
    }

    /// Returns the range of the medium that the client asks for; `None` if the request has no `Range`. A
    /// request with a malformed `Range` was refused with 457 before.
    pub const fn range(&self) -> Option<Range> {
        self.0.received.wish().range
    }

    /// Plays the session from where the client asks, and answers with 200. If the request gives no start,
    /// there are three cases:
    ///
    /// - If the session was paused, it goes on at the same place.
    /// - If the session was not played before, or was played to its end, it begins at the start of the
    ///   medium, or backwards at the end of the medium.
    /// - If the session plays, and the request has neither a range nor another pace, the session goes on as
    ///   before.
    ///
    /// `store` is the store from which the session is sent. `end` is the time at which the medium ends, or
    /// `None` if the medium is live. If the medium is live, and the range begins at 0, the session begins at
    /// the newest frame.
    ///
    /// If the range is not possible, the reply is 457, and nothing changes. Forwards, the start of the range
    /// must be before the medium's end, and the end of the range must be after the start of the range.
    /// Backwards, the start of the range must not be after the medium's end, and the end of the range must
    /// not be after the start of the range.
    pub fn accept<S: FrameStore + ?Sized>(self, store: &S, end: Option<MediaTime>) -> Answered {
        self.play(store, None, end)
    }

    /// Plays a session of a live medium, which has no end. The session begins where the client asks. If the
    /// request gives no start, the session begins at the newest frame, even after a pause. In all else, this
    /// is like [`Self::accept`] with `None` as `end`.
    pub fn accept_live<S: FrameStore + ?Sized>(self, store: &S) -> Answered {
        let is_placed = self.0.received.wish().range.is_some_and(|range| range.start.is_some());
        self.play(store, (!is_placed).then_some(Seek::Live), None)
    }

    /// Plays the session from the place `from`, whatever start the client asks for. The end of the client's
    /// range still applies. `store` and `end` are as in [`Self::accept`]. As there, if the session plays
    /// already, and the request has neither a range nor another pace, the session goes on as before, and
    /// does not jump to `from`. If `from` is a time that is not within the medium, the reply is 457.
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
