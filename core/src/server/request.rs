//! What clients ask: what the core answers by itself, and what goes to the application.
use super::conn::{Asked, REPLY_ROOM, State};
use super::event::{Ask, CloseReason, ConnError, RequestId, SessionId};
use super::stream::{Route, Stream};
use crate::rtp;
use crate::rtp::MIN_PACKET;
use crate::rtsp::LowerTransport;
use crate::rtsp::interleaved::{Data, MAGIC};
use crate::rtsp::{
    Message, MessageWriter, Method, ParseError, ParseErrorKind, Parsed, Profile, Range, Request, Scale,
    Speed, Status, TransportSpec, Url, Version, parse_within, transports,
};
use crate::text::{self, OneLine, SliceSink, hex_digits};
use crate::time::Now;

const METHODS: &str = "OPTIONS, DESCRIBE, SETUP, PLAY, PAUSE, TEARDOWN, GET_PARAMETER, SET_PARAMETER";
const SERVER: &str = concat!("Pinhole/", env!("CARGO_PKG_VERSION"));
/// A body longer than this is not waited for to its end.
const MAX_DISCARD: usize = 1 << 20;

pub(super) type Reply<'a> = MessageWriter<SliceSink<'a>>;

/// What becomes of a request.
enum Outcome {
    /// It is answered.
    Answered,
    /// The application is to answer it.
    Ask,
}

impl State {
    /// There is a message, and room to answer it.
    pub(super) fn can_read(&self, rx: &[u8], tx: &[u8]) -> bool {
        let bytes = self.incoming.bytes(rx);
        self.asked.is_none()
            && self.error.is_none()
            && self.has_reply_room(tx)
            && !bytes.is_empty()
            && parse_within(bytes, rx.len()) != Ok(Parsed::Partial)
    }

    /// Deals with the messages that came in, until one needs the application, or a reply might not
    /// fit. Bounded: each round takes some of what came in, or ends.
    pub(super) fn read_messages(&mut self, now: Now, rx: &[u8], tx: &mut [u8]) {
        while self.asked.is_none() && self.error.is_none() && self.has_reply_room(tx) {
            let bytes = self.incoming.bytes(rx);
            match parse_within(bytes, rx.len()) {
                Ok(Parsed::Partial) => return,
                Ok(Parsed::Skip(len)) => self.consume(len),
                Ok(Parsed::Complete(message, len)) => {
                    self.heard = now.at;
                    let outcome = match message {
                        Message::Request(request) => self.request(now, &request, tx),
                        Message::Data(data) => self.interleaved(now, data),
                        Message::Response(_) => Outcome::Answered,
                    };
                    match outcome {
                        Outcome::Answered => self.consume(len),
                        Outcome::Ask => {
                            self.requests = self.requests.wrapping_add(1);
                            self.asked = Some(Asked { id: RequestId(self.requests), len, told: false });
                        }
                    }
                }
                Err(error) => self.malformed(error, bytes, tx),
            }
        }
    }

    /// Refuses the request that waits, if its session has ended since it came.
    pub(super) fn review(&mut self, rx: &[u8], tx: &mut [u8]) {
        let Some(asked) = self.asked.filter(|asked| !asked.told) else { return };
        let Some(request) = self.waiting(rx) else { return };
        if let Err(status) = self.check(&request) {
            self.status(tx, status, request.headers.cseq());
            self.asked = None;
            self.consume(asked.len);
        }
    }

    /// The request that waits for the application, as it is told to it.
    pub(super) fn ask<'a>(&self, rx: &'a [u8]) -> Option<Ask<'a>> {
        let request = self.waiting(rx)?;
        self.check(&request).ok()
    }

    /// The request that waits for the application.
    pub(super) fn waiting<'a>(&self, rx: &'a [u8]) -> Option<Request<'a>> {
        match parse_within(self.incoming.bytes(rx), rx.len()) {
            Ok(Parsed::Complete(Message::Request(request), _)) => Some(request),
            _ => None,
        }
    }

    fn request(&mut self, now: Now, request: &Request<'_>, tx: &mut [u8]) -> Outcome {
        let headers = &request.headers;
        let session = session_of(request);
        // Any request refreshes its session (RFC 2326, A.2).
        for stream in self.streams.iter_mut().filter(|stream| Some(stream.session) == session) {
            stream.last_activity = now.at;
        }
        let Some(cseq) = headers.cseq() else {
            return self.status(tx, Status::BAD_REQUEST, None);
        };
        let cseq = Some(cseq);
        if request.version != Version::V1_0 {
            return self.status(tx, Status::VERSION_NOT_SUPPORTED, cseq);
        }
        if let Some(option) = headers.get("Require").or_else(|| headers.get("Proxy-Require")) {
            return self.respond(tx, Status::OPTION_NOT_SUPPORTED, cseq, &|reply| {
                reply.header("Unsupported", &OneLine(option));
                reply.end()
            });
        }
        match request.method {
            Method::Options => {
                return self.respond(tx, Status::OK, cseq, &|reply| {
                    reply.header("Public", METHODS);
                    reply.end()
                });
            }
            Method::Describe | Method::Setup | Method::Play => {
                return match self.check(request) {
                    Ok(_) => Outcome::Ask,
                    Err(status) => self.status(tx, status, cseq),
                };
            }
            Method::Announce | Method::Record | Method::Redirect => {
                return self.respond(tx, Status::METHOD_NOT_ALLOWED, cseq, &|reply| {
                    reply.header("Allow", METHODS);
                    reply.end()
                });
            }
            Method::Unknown(_) => return self.status(tx, Status::NOT_IMPLEMENTED, cseq),
            Method::Pause | Method::Teardown | Method::GetParameter | Method::SetParameter => {}
        }
        let known = session.is_some_and(|session| self.has_session(session));
        if headers.get("Session").is_some() && !known {
            return self.status(tx, Status::SESSION_NOT_FOUND, cseq);
        }
        let status = match request.method {
            // Without a body it only asks whether the server is there (RFC 2326, 10.8).
            Method::GetParameter | Method::SetParameter if request.body.is_empty() => Status::OK,
            Method::GetParameter | Method::SetParameter => Status::PARAMETER_NOT_UNDERSTOOD,
            _ => match session.filter(|_| known) {
                None => Status::SESSION_NOT_FOUND,
                Some(session) => self.pause_or_teardown(request, session),
            },
        };
        match session.filter(|_| known) {
            Some(session) => self.respond(tx, status, cseq, &|reply| {
                reply.header("Session", &hex_digits(session.0)[..]);
                reply.end()
            }),
            None => self.status(tx, status, cseq),
        }
    }

    fn pause_or_teardown(&mut self, request: &Request<'_>, session: SessionId) -> Status {
        let track = Url::parse(request.url).ok().and_then(|url| url.track()).map(|(_, track)| track);
        let several = self.tracks(session).count() > 1;
        let pause = request.method == Method::Pause;
        if several && track.is_some() && pause {
            return Status::ONLY_AGGREGATE_OPERATION_ALLOWED;
        }
        let alone = track.filter(|_| several);
        for stream in self.tracks_mut(session) {
            if pause {
                stream.sender.pause();
            } else if alone.is_none_or(|track| stream.sender.track().track == track) {
                stream.close(CloseReason::Teardown);
            }
        }
        Status::OK
    }

    /// What can be said against DESCRIBE, SETUP or PLAY without the application; else what to ask
    /// it.
    pub(super) fn check<'a>(&self, request: &Request<'a>) -> Result<Ask<'a>, Status> {
        let url = Url::parse(request.url).map_err(|_| Status::BAD_REQUEST)?;
        let session = session_of(request);
        let named = request.headers.get("Session").is_some();
        if named && !session.is_some_and(|session| self.has_session(session)) {
            return Err(Status::SESSION_NOT_FOUND);
        }
        match request.method {
            Method::Describe => match request.headers.get("Accept") {
                Some(accept) if !accepts_sdp(accept) => Err(Status::NOT_ACCEPTABLE),
                _ => Ok(Ask::Describe { url }),
            },
            Method::Setup => {
                if session.is_some_and(|session| self.tracks(session).any(Stream::is_playing)) {
                    return Err(Status::METHOD_NOT_VALID_IN_THIS_STATE);
                }
                max_packet(request, self.config.max_packet)?;
                let (lower, _) = self.transport(request).ok_or(Status::UNSUPPORTED_TRANSPORT)?;
                // A client with one track to set up may name the presentation.
                let (url, track) = url.track().unwrap_or((url, 0));
                Ok(Ask::Setup { url, track, lower })
            }
            _ => {
                let session = session.ok_or(Status::SESSION_NOT_FOUND)?;
                let mut tracks = self.tracks(session);
                let media = tracks.next().ok_or(Status::SESSION_NOT_FOUND)?.sender.track().media;
                if url.track().is_some() && tracks.next().is_some() {
                    return Err(Status::ONLY_AGGREGATE_OPERATION_ALLOWED);
                }
                let range = request.headers.get("Range").map(Range::parse).transpose();
                let range = range.map_err(|_| Status::INVALID_RANGE)?;
                asked_pace(request)?;
                Ok(Ask::Play { session, media, range })
            }
        }
    }

    /// The first way to carry the stream that is supported, of those that the client offers.
    pub(super) fn transport<'a>(&self, request: &Request<'a>) -> Option<(LowerTransport, TransportSpec<'a>)> {
        let is_play = |mode: &[u8]| mode.eq_ignore_ascii_case(b"play");
        for value in request.headers.get_all("Transport") {
            for spec in transports(value).flatten() {
                let lower = match spec.profile {
                    Profile::Udp if spec.client_port.is_some() => LowerTransport::Udp,
                    Profile::Tcp => LowerTransport::Interleaved,
                    _ => continue,
                };
                let plays = spec.mode.is_empty() || text::split(spec.mode, b',').any(is_play);
                if plays && !spec.multicast {
                    return Some((lower, spec));
                }
            }
        }
        None
    }

    fn interleaved(&mut self, now: Now, data: Data<'_>) -> Outcome {
        for stream in &mut self.streams {
            if let Route::Interleaved { rtp, rtcp } = stream.route
                && [rtp, rtcp].contains(&data.channel)
            {
                stream.last_activity = now.at;
                if data.channel == rtcp {
                    stream.sender.handle_rtcp(now, data.payload);
                }
            }
        }
        Outcome::Answered
    }

    /// Answers what cannot be read, and finds the next message behind it, if that can be done.
    fn malformed(&mut self, error: ParseError, bytes: &[u8], tx: &mut [u8]) {
        let at = self.consumed.saturating_add(error.at as u64);
        let held = bytes.len();
        match (error.kind, error.skip) {
            (ParseErrorKind::TooLong { .. }, skip) => {
                if bytes.first() != Some(&MAGIC) {
                    self.status(tx, Status::REQUEST_ENTITY_TOO_LARGE, error.cseq);
                }
                match skip {
                    Some(len) if len <= MAX_DISCARD => {
                        self.discard = len.saturating_sub(held);
                        self.consume(len.min(held));
                    }
                    _ => self.fail(ConnError::TooLong { at }),
                }
            }
            (_, skip) => {
                self.status(tx, Status::BAD_REQUEST, error.cseq);
                match skip {
                    Some(len) if len > 0 => self.consume(len),
                    _ => self.fail(ConnError::NotRtsp { at }),
                }
            }
        }
    }

    /// The tracks of a session that are not on their way out.
    pub(super) fn tracks(&self, session: SessionId) -> impl Iterator<Item = &Stream> {
        self.streams.iter().filter(move |stream| stream.session == session && stream.is_open())
    }

    /// The same, to change them.
    pub(super) fn tracks_mut(&mut self, session: SessionId) -> impl Iterator<Item = &mut Stream> {
        self.streams.iter_mut().filter(move |stream| stream.session == session && stream.is_open())
    }

    pub(super) fn has_session(&self, session: SessionId) -> bool {
        self.tracks(session).next().is_some()
    }

    fn status(&mut self, tx: &mut [u8], status: Status, cseq: Option<u32>) -> Outcome {
        self.respond(tx, status, cseq, &|reply| reply.end())
    }

    fn respond(
        &mut self,
        tx: &mut [u8],
        status: Status,
        cseq: Option<u32>,
        build: &dyn Fn(&mut Reply<'_>),
    ) -> Outcome {
        self.write_reply(tx, status, cseq, build);
        Outcome::Answered
    }

    /// Queues a reply. One that cannot be written becomes a 500, which always can.
    pub(super) fn write_reply(
        &mut self,
        tx: &mut [u8],
        status: Status,
        cseq: Option<u32>,
        build: &dyn Fn(&mut Reply<'_>),
    ) {
        if !self.try_reply(tx, usize::MAX, status, cseq, build) {
            self.try_reply(tx, usize::MAX, Status::INTERNAL_SERVER_ERROR, cseq, &|reply| reply.end());
        }
    }

    /// Queues a reply of at most so many bytes; `false`, and nothing queued, if it cannot be written.
    pub(super) fn try_reply(
        &mut self,
        tx: &mut [u8],
        most: usize,
        status: Status,
        cseq: Option<u32>,
        build: &dyn Fn(&mut Reply<'_>),
    ) -> bool {
        let most = most.min(self.stream_room());
        let room = self.outgoing.tail(tx, REPLY_ROOM);
        let most = room.len().min(most);
        let written = write(room.get_mut(..most).unwrap_or_default(), status, cseq, build);
        self.outgoing.grow(tx, written.unwrap_or(0));
        written.is_some()
    }
}

fn write(
    room: &mut [u8],
    status: Status,
    cseq: Option<u32>,
    build: &dyn Fn(&mut Reply<'_>),
) -> Option<usize> {
    let mut reply = MessageWriter::response(SliceSink::new(room), status, cseq);
    reply.header("Server", SERVER);
    build(&mut reply);
    Some(reply.into_sink().ok()?.len())
}

/// The session that a request names, if it can be one of ours.
pub(super) fn session_of(request: &Request<'_>) -> Option<SessionId> {
    // A timeout behind it is what the client was told.
    let id = text::split(request.headers.get("Session")?, b';').next()?;
    let (high, low) = id.split_at_checked(8).filter(|(_, low)| low.len() == 8)?;
    let (high, low) = (text::hexadecimal(high)?, text::hexadecimal(low)?);
    Some(SessionId(u64::from(high) << 32 | u64::from(low)))
}

/// The length of the packets that a SETUP asks for: `Blocksize` counts neither the RTP header nor
/// what is below it (RFC 2326, 12.7). None is longer than configured.
pub(super) fn max_packet(request: &Request<'_>, configured: u16) -> Result<u16, Status> {
    let Some(value) = request.headers.get("Blocksize") else { return Ok(configured) };
    let size = text::decimal(value).filter(|&size| size > 0).ok_or(Status::BAD_REQUEST)?;
    let packet = u16::try_from(size.saturating_add(rtp::HEADER_LEN as u64)).unwrap_or(u16::MAX);
    Ok(packet.max(MIN_PACKET).min(configured))
}

/// The scale and the speed that a PLAY asks for.
pub(super) fn asked_pace(request: &Request<'_>) -> Result<(Option<Scale>, Option<Speed>), Status> {
    let scale = match request.headers.get("Scale") {
        Some(value) => Some(Scale::parse(value).ok_or(Status::BAD_REQUEST)?),
        None => None,
    };
    let speed = match request.headers.get("Speed") {
        Some(value) => Some(Speed::parse(value).ok_or(Status::BAD_REQUEST)?),
        None => None,
    };
    Ok((scale, speed))
}

fn accepts_sdp(accept: &[u8]) -> bool {
    text::split(accept, b',').any(|kind| {
        let kind = text::split(kind, b';').next().unwrap_or_default();
        [&b"application/sdp"[..], b"application/*", b"*/*"].iter().any(|ours| kind.eq_ignore_ascii_case(ours))
    })
}
