//! From bytes to requests: finding messages, and what is answered without the application.
use super::echo::Echo;
use super::event::{ConnError, SessionId};
use super::state::{ConnState, Front};
use super::stream::{Route, Stream};
use crate::rtp::{self, MIN_PACKET, VARIES};
use crate::rtsp::interleaved::{Data, MAGIC};
use crate::rtsp::{
    self, LowerTransport, Message, Method, Pair, ParseError, ParseErrorKind, Parsed, Profile, Range, Scale,
    Speed, Status, Url, Version, parse_within, transports,
};
use crate::text::{self, OneLine};
use crate::time::Now;

/// A body longer than this is not read to its end.
const MAX_DISCARD: usize = 1 << 20;

/// A request that is to be offered to the application.
pub(super) struct Received<'a> {
    pub(super) message: rtsp::Request<'a>,
    /// Its length in the receive buffer.
    pub(super) len: usize,
    /// The session that it names, if there is such a session.
    pub(super) session: Option<SessionId>,
    /// Its URL, if it is one.
    pub(super) url: Option<Url<'a>>,
    pub(super) content: Content,
}

/// What was read in the header fields of a request.
#[derive(Clone, Copy)]
pub(super) enum Content {
    Describe,
    Setup(Offer),
    Play(Wish),
    Other,
}

/// What a SETUP offers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Offer {
    pub(super) transport: OfferedTransport,
    pub(super) max_packet: u16,
}

/// The first transport of those that a client offers that is supported.
#[derive(Clone, Copy, Debug)]
pub(super) enum OfferedTransport {
    /// To these ports of the client.
    Udp(Pair<u16>),
    /// On these channels, or on any.
    Interleaved(Option<Pair<u8>>),
}

impl OfferedTransport {
    pub(super) const fn lower(self) -> LowerTransport {
        match self {
            Self::Udp(_) => LowerTransport::Udp,
            Self::Interleaved(_) => LowerTransport::Interleaved,
        }
    }
}

/// What a PLAY asks for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wish {
    pub(super) session: SessionId,
    pub(super) range: Option<Range>,
    pub(super) scale: Option<Scale>,
    pub(super) speed: Option<Speed>,
}

impl ConnState {
    /// Counts `len` bytes, already written after those that arrived before, as arrived.
    pub(super) fn receive(&mut self, rx: &[u8], len: usize) {
        self.incoming.grow(rx, len);
        if self.front == Front::Partial {
            self.front = Front::New;
        }
        // Nothing that is to be dropped comes after bytes that are not.
        let skip = self.discard.min(self.incoming.len());
        if skip > 0 {
            self.discard -= skip;
            self.consume(skip);
        }
    }

    /// Deals with the messages that arrived, until one is for the application, or there is no room for a
    /// reply. It ends: each round takes bytes that arrived, or is the last.
    // On its own it takes less flash: its variables would take registers of the whole dialogue.
    #[cfg_attr(target_pointer_width = "32", inline(never))]
    pub(super) fn next_request<'r>(&mut self, now: Now, rx: &'r [u8], tx: &mut [u8]) -> Option<Received<'r>> {
        while matches!(self.front, Front::New | Front::Deferred) && self.can_read() {
            let bytes = self.incoming.bytes(rx);
            match parse_within(bytes, rx.len()) {
                Ok(Parsed::Partial) => self.front = Front::Partial,
                Ok(Parsed::Skip(len)) => self.consume(len),
                Ok(Parsed::Complete(message, len)) => {
                    match message {
                        Message::Request(message) => {
                            let session = session_of(&message);
                            if self.front == Front::New {
                                self.idle_at = now.at + self.config.session_timeout;
                                self.refresh(now, session);
                            }
                            let session = session.filter(|session| self.has_session(*session));
                            let url = Url::parse(message.url).ok();
                            if let Some(content) = self.check(&message, session, url, tx) {
                                self.front = Front::Offered;
                                return Some(Received { message, len, session, url, content });
                            }
                        }
                        Message::Data(data) => self.interleaved(now, data),
                        Message::Response(_) => {}
                    }
                    self.consume(len);
                }
                Err(error) => self.malformed(error, bytes, tx),
            }
        }
        None
    }

    /// Any request refreshes its session (RFC 2326, A.2).
    fn refresh(&mut self, now: Now, session: Option<SessionId>) {
        for stream in self.streams.iter_mut().filter(|stream| Some(stream.session) == session) {
            stream.last_activity = now.at;
        }
    }

    /// Reads the header fields of a request. Answers it and returns `None` if it cannot be granted, whatever
    /// the application says.
    fn check(
        &mut self,
        message: &rtsp::Request<'_>,
        session: Option<SessionId>,
        url: Option<Url<'_>>,
        tx: &mut [u8],
    ) -> Option<Content> {
        let headers = &message.headers;
        let echo = Echo::of(headers);
        let refusal = if headers.cseq().is_none() {
            Status::BAD_REQUEST
        } else if message.version != Version::V1_0 {
            Status::VERSION_NOT_SUPPORTED
        } else if let Some(option) = headers.get("Require").or_else(|| headers.get("Proxy-Require")) {
            self.reply(tx, Status::OPTION_NOT_SUPPORTED, echo, &|reply| {
                reply.header("Unsupported", &OneLine(option));
                reply.end()
            });
            return None;
        } else {
            match self.content(message, session, url) {
                Ok(content) => return Some(content),
                Err(status) => status,
            }
        };
        self.reply(tx, refusal, echo, &|reply| reply.end());
        None
    }

    // On its own it takes less flash: its variables would take registers of the whole dialogue.
    #[cfg_attr(target_pointer_width = "32", inline(never))]
    fn content(
        &self,
        message: &rtsp::Request<'_>,
        session: Option<SessionId>,
        url: Option<Url<'_>>,
    ) -> Result<Content, Status> {
        let headers = &message.headers;
        match message.method {
            Method::Describe | Method::Setup | Method::Play if url.is_none() => {
                return Err(Status::BAD_REQUEST);
            }
            Method::Options | Method::Announce | Method::Record | Method::Redirect | Method::Unknown(_) => {
                return Ok(Content::Other);
            }
            _ if headers.get("Session").is_some() && session.is_none() => {
                return Err(Status::SESSION_NOT_FOUND);
            }
            _ => {}
        }
        match message.method {
            Method::Describe => match headers.get("Accept") {
                Some(accept) if !accepts_sdp(accept) => Err(Status::NOT_ACCEPTABLE),
                _ => Ok(Content::Describe),
            },
            Method::Setup => {
                if session.is_some_and(|session| self.tracks(session).any(Stream::is_playing)) {
                    return Err(Status::METHOD_NOT_VALID_IN_THIS_STATE);
                }
                let max_packet = max_packet(message, self.config.max_packet)?;
                let transport = offered_transport(message, true).ok_or(Status::UNSUPPORTED_TRANSPORT)?;
                Ok(Content::Setup(Offer { transport, max_packet }))
            }
            Method::Play | Method::Pause | Method::Teardown => {
                let session = session.ok_or(Status::SESSION_NOT_FOUND)?;
                let names_track = url.is_some_and(|url| url.track().is_some());
                let alone = names_track && self.tracks(session).count() > 1;
                if alone && message.method != Method::Teardown {
                    return Err(Status::ONLY_AGGREGATE_OPERATION_ALLOWED);
                }
                if message.method == Method::Play { wish(message, session) } else { Ok(Content::Other) }
            }
            _ => Ok(Content::Other),
        }
    }

    fn interleaved(&mut self, now: Now, data: Data<'_>) {
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
    }

    /// Answers what cannot be read, and finds the next message after it, if that can be done.
    fn malformed(&mut self, error: ParseError, bytes: &[u8], tx: &mut [u8]) {
        let at = self.consumed.saturating_add(error.at as u64);
        let held = bytes.len();
        match (error.kind, error.skip) {
            (ParseErrorKind::TooLong { .. }, skip) => {
                if bytes.first() != Some(&MAGIC) {
                    self.reply(tx, Status::REQUEST_ENTITY_TOO_LARGE, Echo::of_cseq(error.cseq), &|reply| {
                        reply.end()
                    });
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
                self.reply(tx, Status::BAD_REQUEST, Echo::of_cseq(error.cseq), &|reply| reply.end());
                match skip {
                    Some(len) if len > 0 => self.consume(len),
                    _ => self.fail(ConnError::NotRtsp { at }),
                }
            }
        }
    }
}

/// The first transport that is supported, of those that the client offers. UDP is passed over unless `by_udp`.
pub(super) fn offered_transport(message: &rtsp::Request<'_>, by_udp: bool) -> Option<OfferedTransport> {
    let is_play = |mode: &[u8]| mode.eq_ignore_ascii_case(b"play");
    for value in message.headers.get_all("Transport") {
        for spec in transports(value).flatten() {
            let offered = match (spec.profile, spec.client_port) {
                (Profile::Udp, Some(ports)) if by_udp => OfferedTransport::Udp(ports),
                (Profile::Tcp, _) => OfferedTransport::Interleaved(spec.interleaved),
                _ => continue,
            };
            let plays = spec.mode.is_empty() || text::split(spec.mode, b',').any(is_play);
            if plays && !spec.multicast {
                return Some(offered);
            }
        }
    }
    None
}

/// The session that a request names, if it can be one of this server.
fn session_of(message: &rtsp::Request<'_>) -> Option<SessionId> {
    // Some clients repeat the timeout that they were told after it.
    let id = text::split(message.headers.get("Session")?, b';').next()?;
    let (high, low) = id.split_at_checked(8).filter(|(_, low)| low.len() == 8)?;
    let (high, low) = (text::hexadecimal(high)?, text::hexadecimal(low)?);
    Some(SessionId(u64::from(high) << 32 | u64::from(low)))
}

/// The length of the packets that a SETUP asks for, at most `configured`: `Blocksize` counts neither the RTP
/// header nor what is below it (RFC 2326, 12.7).
fn max_packet(message: &rtsp::Request<'_>, configured: u16) -> Result<u16, Status> {
    let Some(value) = message.headers.get("Blocksize") else { return Ok(configured) };
    let size = text::decimal(value).filter(|&size| size > 0).ok_or(Status::BAD_REQUEST)?;
    let packet = u16::try_from(size.saturating_add(rtp::HEADER_LEN as u64)).unwrap_or(u16::MAX);
    Ok(packet.max(MIN_PACKET).min(configured))
}

/// What a PLAY asks for.
fn wish(message: &rtsp::Request<'_>, session: SessionId) -> Result<Content, Status> {
    let headers = &message.headers;
    let range = headers.get("Range").map(Range::parse).transpose().map_err(|_| Status::INVALID_RANGE)?;
    // Whoever plays at one pace knows neither header, and does not answer them.
    let of_pace = |name| if VARIES { headers.get(name) } else { None };
    let scale = match of_pace("Scale") {
        Some(value) => Some(Scale::parse(value).ok_or(Status::BAD_REQUEST)?),
        None => None,
    };
    let speed = match of_pace("Speed") {
        Some(value) => Some(Speed::parse(value).ok_or(Status::BAD_REQUEST)?),
        None => None,
    };
    Ok(Content::Play(Wish { session, range, scale, speed }))
}

fn accepts_sdp(accept: &[u8]) -> bool {
    text::split(accept, b',').any(|kind| {
        let kind = text::split(kind, b';').next().unwrap_or_default();
        [&b"application/sdp"[..], b"application/*", b"*/*"].iter().any(|ours| kind.eq_ignore_ascii_case(ours))
    })
}
