//! The replies, and what they do to the connection.
use super::claim::PortPair;
use super::config::{MAX_TRACKS, REPLY_ROOM};
use super::echo::Echo;
use super::event::{CloseReason, SessionId};
use super::receive::{Content, Offer, OfferedTransport, Received, Wish, offered_transport};
use super::state::ConnState;
use super::stream::{Route, Stream};
use crate::frame::{FrameStore, Miss, Seek, TrackId};
use crate::rtp::{MAX_UDP_SPEED, Pace, Play, Sender, SenderConfig, VARIES};
use crate::rtsp::{
    MessageWriter, Method, Pair, Position, Profile, Range, RtpInfo, Scale, Session, Speed, Status,
    TransportSpec, Url,
};
use crate::sdp::{CONTENT_TYPE, CONTROL_PREFIX, Presentation};
#[cfg(feature = "timestamp")]
use crate::text::OneLine;
use crate::text::{Emit, SliceSink, TextWriter, hex_digits};
use crate::time::{Duration, MediaTime, Now};
use embedded_io::Write;

const METHODS: &str = "OPTIONS, DESCRIBE, SETUP, PLAY, PAUSE, TEARDOWN, GET_PARAMETER, SET_PARAMETER";
const SERVER: &str = concat!("Pinhole/", env!("CARGO_PKG_VERSION"));

/// How many random numbers a SETUP draws.
pub(super) const DRAWS: usize = 4;

/// A reply that is being written.
pub(super) type Reply<'a> = MessageWriter<SliceSink<'a>>;

impl<'a> Received<'a> {
    /// The URL, which all requests have that need one.
    // Inlined, it takes more of a microcontroller's flash.
    #[cfg_attr(target_pointer_width = "32", inline(never))]
    pub(super) fn known_url(&self) -> Url<'a> {
        self.url.unwrap_or(Url::NONE)
    }

    /// The number of the track that the URL names, or 0.
    pub(super) fn track(&self) -> u8 {
        self.known_url().track().map_or(0, |(_, track)| track)
    }

    /// What a SETUP offers. It stays in the request until it is asked for: a copy in each guard that a
    /// request becomes would be moved with it.
    pub(super) const fn offer(&self) -> Offer {
        match self.content {
            Content::Setup(offer) => offer,
            // Not reached: only the guard of a SETUP asks.
            _ => Offer { transport: OfferedTransport::Interleaved(None), max_packet: 0 },
        }
    }

    /// What a PLAY asks for.
    pub(super) const fn wish(&self) -> Wish {
        match self.content {
            Content::Play(wish) => wish,
            // Not reached: only the guard of a PLAY asks.
            _ => Wish { session: SessionId(0), range: None, scale: None, speed: None },
        }
    }

    pub(super) fn echo(&self) -> Echo<'a> {
        Echo::of(&self.message.headers)
    }
}

impl ConnState {
    /// Queues a reply. One that cannot be written becomes a 500, which always can.
    pub(super) fn reply(
        &mut self,
        tx: &mut [u8],
        status: Status,
        echo: Echo<'_>,
        build: &dyn Fn(&mut Reply<'_>),
    ) {
        if !self.try_reply(tx, usize::MAX, status, echo, build) {
            self.try_reply(tx, usize::MAX, Status::INTERNAL_SERVER_ERROR, echo, &|reply| reply.end());
        }
    }

    /// Queues a reply of at most `limit` bytes. Returns false, and queues nothing, if it cannot be written.
    fn try_reply(
        &mut self,
        tx: &mut [u8],
        limit: usize,
        status: Status,
        echo: Echo<'_>,
        build: &dyn Fn(&mut Reply<'_>),
    ) -> bool {
        let limit = limit.min(self.stream_room());
        let room = self.outgoing.tail(tx, REPLY_ROOM);
        let limit = room.len().min(limit);
        let written = write(room.get_mut(..limit).unwrap_or_default(), status, echo, build);
        self.outgoing.grow(tx, written.unwrap_or(0));
        written.is_some()
    }

    /// Answers a request that needs no application.
    // Inlined into the dialogue it takes more flash.
    #[cfg_attr(target_pointer_width = "32", inline(never))]
    pub(super) fn proceed(&mut self, request: &Received<'_>, tx: &mut [u8]) {
        let has_body = !request.message.body.is_empty();
        let mut methods = None;
        let mut session = None;
        let status = match request.message.method {
            Method::Options => {
                methods = Some("Public");
                Status::OK
            }
            Method::Announce | Method::Record | Method::Redirect => {
                methods = Some("Allow");
                Status::METHOD_NOT_ALLOWED
            }
            Method::Describe | Method::Setup | Method::Play => Status::NOT_FOUND,
            Method::Unknown(_) => Status::NOT_IMPLEMENTED,
            Method::Pause | Method::Teardown | Method::GetParameter | Method::SetParameter => {
                session = request.session;
                match (request.message.method, session) {
                    (Method::Pause, Some(session)) => {
                        self.tracks_mut(session).for_each(|stream| stream.sender.pause())
                    }
                    (Method::Teardown, Some(session)) => self.tear_down(session, request.url),
                    _ => {}
                }
                // A parameter request without a body only asks whether the server is there (RFC 2326, 10.8).
                if has_body && matches!(request.message.method, Method::GetParameter | Method::SetParameter) {
                    Status::PARAMETER_NOT_UNDERSTOOD
                } else {
                    Status::OK
                }
            }
        };
        self.reply(tx, status, request.echo(), &|reply| {
            if let Some(name) = methods {
                reply.header(name, METHODS);
            }
            if let Some(session) = session {
                write_session(reply, session, None);
            }
            reply.end()
        });
    }

    /// Ends the track that `url` names, or all tracks of the session if it names none or the only one.
    fn tear_down(&mut self, session: SessionId, url: Option<Url<'_>>) {
        let track = url.and_then(|url| url.track()).map(|(_, track)| track);
        let alone = track.filter(|_| self.tracks(session).count() > 1);
        for stream in self.tracks_mut(session) {
            if alone.is_none_or(|track| stream.sender.track().track == track) {
                stream.leave(CloseReason::Teardown);
            }
        }
    }

    pub(super) fn describe(
        &mut self,
        request: &Received<'_>,
        presentation: &Presentation<'_>,
        tx: &mut [u8],
    ) {
        self.reply(tx, Status::OK, request.echo(), &|reply| {
            // A query in front of the final slash would take the path with it where a client resolves a control
            // as RFC 3986, 5.2 does.
            reply.header("Content-Base", &request.known_url().without_query().join(b"/"));
            reply.end_with(CONTENT_TYPE, presentation)
        });
    }

    // Inlined into the dialogue it takes more flash.
    #[cfg_attr(target_pointer_width = "32", inline(never))]
    #[allow(clippy::too_many_arguments, reason = "what a SETUP is made of")]
    pub(super) fn setup(
        &mut self,
        now: Now,
        request: &Received<'_>,
        media: u16,
        (ports, live_burst): (Option<PortPair>, u32),
        numbers: &[u64; DRAWS],
        tx: &mut [u8],
    ) -> Result<(), Status> {
        let offer = request.offer();
        let track = TrackId { media, track: request.track() };
        let named = request.session;
        let transport = match ports {
            None => offered_transport(&request.message, false).ok_or(Status::UNSUPPORTED_TRANSPORT)?,
            Some(_) => offer.transport,
        };
        let (by_udp, channels) = match transport {
            OfferedTransport::Udp(client) => (ports.map(|ports| udp(client, ports)), None),
            OfferedTransport::Interleaved(channels) => (None, channels),
        };
        let others = self.streams.iter().filter(|stream| !is_replaced(stream, named, track));
        if others.filter(|stream| stream.is_open()).count() >= self.streams.capacity() {
            return Err(Status::NOT_ENOUGH_BANDWIDTH);
        }
        // Nothing is refused from here on: what was set up before is given up, and its channels free.
        for stream in self.streams.iter_mut().filter(|stream| is_replaced(stream, named, track)) {
            stream.close(CloseReason::Replaced);
        }
        if self.streams.is_full() {
            // The end of the former one is reported, too, but its place is needed now: for its BYE it is too late.
            self.closed = self.take_gone(now, true);
        }
        let (route, mut spec) = by_udp.unwrap_or_else(|| self.interleave(channels));
        // Each is drawn on its own: all but the session's everybody on the network sees.
        let &[id, stream, sequence, cname] = numbers;
        let session = named.unwrap_or(SessionId(id));
        let config = SenderConfig {
            track,
            framing: route.framing(),
            max_packet: offer.max_packet,
            late: self.config.late,
            adapt: self.config.adapt,
            live_burst,
            cname: *self.cname.get_or_insert(cname),
            ssrc: (stream >> 32) as u32,
            sequence_number: sequence as u16,
            timestamp: stream as u32,
        };
        spec.ssrc = Some(config.ssrc);
        let sender = Sender::new(now, config);
        self.streams
            .push(Stream::new(now, session, route, sender))
            .map_err(|_| Status::NOT_ENOUGH_BANDWIDTH)?;
        let timeout_secs = u32::try_from(self.config.session_timeout.as_millis() / 1000).ok();
        self.reply(tx, Status::OK, request.echo(), &|reply| {
            write_session(reply, session, timeout_secs);
            reply.header("Transport", &spec);
            reply.end()
        });
        Ok(())
    }

    /// The client's channels, or free ones where it names none or such as are taken.
    fn interleave(&self, offered: Option<Pair<u8>>) -> (Route, TransportSpec<'static>) {
        let taken = |channel: u8| {
            self.streams.iter().filter(|stream| stream.gone(false).is_none()).any(|stream| {
                matches!(stream.route, Route::Interleaved { rtp, rtcp } if rtp == channel || rtcp == channel)
            })
        };
        let pair = match offered {
            Some(pair) if pair.rtp != pair.rtcp && !taken(pair.rtp) && !taken(pair.rtcp) => pair,
            _ => {
                let free = (0..=2 * MAX_TRACKS as u8).find(|n| !taken(2 * n) && !taken(2 * n + 1));
                let rtp = free.map_or(254, |n| 2 * n);
                Pair { rtp, rtcp: rtp + 1 }
            }
        };
        (Route::Interleaved { rtp: pair.rtp, rtcp: pair.rtcp }, TransportSpec::tcp(pair))
    }

    // Inlined into the dialogue it takes more flash.
    #[cfg_attr(target_pointer_width = "32", inline(never))]
    #[allow(clippy::too_many_arguments, reason = "what a PLAY is made of")]
    pub(super) fn play<S: FrameStore + ?Sized>(
        &mut self,
        now: Now,
        request: &Received<'_>,
        from: Option<Seek>,
        end: Option<MediaTime>,
        store: &S,
        tx: &mut [u8],
    ) -> Result<(), Status> {
        let Wish { session, range, scale, speed } = request.wish();
        let asked = range.and_then(|range| range.start).map(|start| match start {
            // What has no end has no start either, and FFmpeg asks for 0 whatever it is. The oldest frame
            // of a small ring would be gone before the next one could be sent.
            Position::At(MediaTime::ZERO) if end.is_none() => Seek::Live,
            Position::At(time) => Seek::To(time),
            Position::Now => Seek::Live,
        });
        let start = from.or(asked);
        let asked_stop = range.and_then(|range| range.end);
        let pace = self.pace(session, scale, speed, end);
        if let Some(Seek::To(time)) = start {
            let beyond_end = end.is_some_and(|end| match pace.is_reverse() {
                true => time > end,
                false => time >= end && time > MediaTime::ZERO,
            });
            let beyond_stop = asked_stop.is_some_and(|stop| match pace.is_reverse() {
                true => stop > time,
                false => stop <= time,
            });
            if beyond_end || beyond_stop {
                return Err(Status::INVALID_RANGE);
            }
        }
        // PLAY while playing, to no other place and at no other pace, is legal and changes nothing.
        let same_pace =
            |track: &Stream| !VARIES || (scale, speed) == (None, None) || track.sender.pace() == pace;
        let goes_on =
            range.is_none() && self.tracks(session).any(|track| track.is_playing() && same_pace(track));
        let stop = asked_stop.filter(|stop| pace.is_reverse() || end.is_none_or(|end| *stop < end));
        // At the end itself there is no frame: backwards begins with the one that is shown until then.
        let last = end.map(|end| end - Duration::from_micros(1));
        let (whole_start, whole_end) = match pace.is_reverse() {
            true => (last.unwrap_or_default(), Some(MediaTime::ZERO)),
            false => (MediaTime::ZERO, end),
        };
        let start = start.map(|to| match (to, last) {
            (Seek::To(time), Some(last)) if pace.is_reverse() => Seek::To(time.min(last)),
            _ => to,
        });
        let (mut first, mut is_over) = (None, true);
        if !goes_on {
            for stream in self.tracks_mut(session) {
                let whole = stream.sender.is_fresh().then_some(Seek::To(whole_start));
                let play = Play { from: start.or(whole), stop, pace, live: end.is_none() };
                match stream.sender.play(play, store) {
                    Ok(time) => first = first.filter(|&first| pace.is_before(first, time)).or(Some(time)),
                    Err(miss) => is_over &= miss == Miss::End,
                }
            }
            // The tracks of a session start together, at the earliest of their frames.
            if let Some(time) = first {
                for stream in self.tracks_mut(session) {
                    stream.sender.begin_with(time);
                }
            }
        }
        let mut infos = heapless::Vec::<_, MAX_TRACKS>::new();
        for stream in self.tracks(session) {
            let (seq, rtptime) = stream.sender.next_rtp(now, store);
            let _ = infos.push((stream.sender.track().track, seq, rtptime));
        }
        let first = match start {
            // Of what is played to its end, nothing is left but that.
            _ if is_over => first.or(whole_end),
            // The frame is not there yet, nor is its time known: it will be the one that was asked for.
            Some(Seek::To(time)) => first.or(Some(time)),
            _ => first,
        };
        let start = first.filter(|_| end.is_some()).map_or(Position::Now, Position::At);
        let played = Range { start: Some(start), end: stop.or(whole_end) };
        self.reply_to_play(request, (!goes_on).then_some(&played), pace, &infos, tx)
    }

    /// Answers a PLAY with the range that is played from here on; without it, where the session goes on as
    /// it did.
    // Inlined, it takes more flash where PLAY is for media with an end, too: there are few registers left.
    #[cfg_attr(target_pointer_width = "32", inline(never))]
    fn reply_to_play(
        &mut self,
        request: &Received<'_>,
        range: Option<&Range>,
        pace: Pace,
        infos: &[(u8, u16, u32)],
        tx: &mut [u8],
    ) -> Result<(), Status> {
        let Wish { session, scale, speed, .. } = request.wish();
        let url = request.known_url();
        let base = url.track().map_or(url, |(base, _)| base);
        // A hint, which a long URL for each track makes too long to be sent.
        for infos in [Some(RtpInfos { base, infos }), None] {
            let limit = if infos.is_some() { REPLY_ROOM } else { usize::MAX };
            let replied = self.try_reply(tx, limit, Status::OK, request.echo(), &|reply| {
                write_session(reply, session, None);
                if let Some(range) = range {
                    reply.header("Range", range);
                }
                if VARIES && scale.is_some() {
                    reply.header("Scale", &pace.scale());
                }
                if VARIES && speed.is_some() {
                    reply.header("Speed", &pace.speed());
                }
                if let Some(infos) = &infos {
                    reply.header("RTP-Info", infos);
                }
                reply.end()
            });
            if replied {
                return Ok(());
            }
        }
        Err(Status::INTERNAL_SERVER_ERROR)
    }

    /// The pace that a PLAY gets. What has no end comes at its own (RFC 2326, 12.34 and 12.35 leave
    /// it to the server, which says what it does).
    fn pace(
        &self,
        session: SessionId,
        scale: Option<Scale>,
        speed: Option<Speed>,
        end: Option<MediaTime>,
    ) -> Pace {
        if !VARIES || end.is_none() {
            return Pace::default();
        }
        let configured = u32::from(self.config.max_speed).saturating_mul(Speed::NORMAL.thousandths());
        let by_udp = self.tracks(session).any(Stream::is_udp);
        let max_speed = if by_udp { configured.min(MAX_UDP_SPEED) } else { configured };
        Pace::nearest(scale.unwrap_or_default(), speed.unwrap_or_default(), max_speed)
    }
}

/// A client that sets a track up again gives up the former one: FFmpeg does so, on the same
/// connection and without naming the session, when nothing comes by UDP.
fn is_replaced(stream: &Stream, session: Option<SessionId>, track: TrackId) -> bool {
    let again = session == Some(stream.session);
    let forgotten = session.is_none() && !stream.is_playing();
    stream.sender.track() == track && stream.is_open() && (again || forgotten)
}

/// To the ports that the client announced, at its own address: the destination that it names could be
/// somebody else's (RFC 2326, 16).
fn udp(client: Pair<u16>, ports: PortPair) -> (Route, TransportSpec<'static>) {
    let socket = ports.socket;
    let route =
        Route::Udp { socket, to: client, announced: client, latched: Pair { rtp: false, rtcp: false } };
    let server_port = Some(Pair { rtp: ports.rtp, rtcp: ports.rtcp });
    (route, TransportSpec { profile: Profile::Udp, server_port, ..TransportSpec::udp(client) })
}

fn write(room: &mut [u8], status: Status, echo: Echo<'_>, build: &dyn Fn(&mut Reply<'_>)) -> Option<usize> {
    let mut reply = MessageWriter::response(SliceSink::new(room), status, echo.cseq);
    reply.header("Server", SERVER);
    #[cfg(feature = "timestamp")]
    if let Some(timestamp) = echo.timestamp {
        reply.header("Timestamp", &OneLine(timestamp));
    }
    build(&mut reply);
    Some(reply.into_sink().ok()?.len())
}

/// Writes the session that a request named or began, and after SETUP its timeout (RFC 2326, 12.37).
// Inlined, it takes more of a microcontroller's flash.
#[cfg_attr(target_pointer_width = "32", inline(never))]
fn write_session(reply: &mut Reply<'_>, session: SessionId, timeout_secs: Option<u32>) {
    reply.header("Session", &Session { id: &hex_digits(session.0), timeout_secs });
}

/// The RTP-Info of all tracks of a session (RFC 2326, 12.33).
struct RtpInfos<'a> {
    base: Url<'a>,
    infos: &'a [(u8, u16, u32)],
}

impl Emit for RtpInfos<'_> {
    fn emit<W: Write>(&self, out: &mut TextWriter<W>) {
        for (index, &(track, seq, rtptime)) in self.infos.iter().enumerate() {
            if index > 0 {
                out.text(",");
            }
            let url = TrackUrl { base: self.base, track };
            RtpInfo { url, seq: Some(seq), rtptime: Some(rtptime) }.emit(out);
        }
    }
}

/// The URL of a track, as its control in the session description makes it.
struct TrackUrl<'a> {
    base: Url<'a>,
    track: u8,
}

impl Emit for TrackUrl<'_> {
    fn emit<W: Write>(&self, out: &mut TextWriter<W>) {
        self.base.join(CONTROL_PREFIX.as_bytes()).emit(out);
        out.dec(self.track)
    }
}
