//! The application's answers, as replies.
use super::conn::{MAX_TRACKS, REPLY_ROOM, State};
use super::event::{Answer, CloseReason, PortPair, SessionId};
use super::request::{asked_pace, max_packet, session_of};
use super::stream::{Route, Stream};
use crate::frame::{FrameStore, Seek, TrackId};
use crate::rtp::{MAX_UDP_SPEED, Pace, Play, Sender, SenderConfig};
use crate::rtsp::LowerTransport;
use crate::rtsp::{
    Method, Pair, Position, Profile, Range, Request, RtpInfo, Scale, Session, Speed, Status, TransportSpec,
    Url,
};
use crate::sdp::{CONTENT_TYPE, CONTROL_PREFIX, Presentation};
use crate::text::{Emit, TextWriter, hex_digits};
use crate::time::{Duration, MediaTime, Now};
use embedded_io::Write;

impl State {
    pub(super) fn answer<S: FrameStore + ?Sized>(
        &mut self,
        now: Now,
        answer: Answer<'_>,
        store: &S,
        rx: &[u8],
        tx: &mut [u8],
    ) {
        let Some(request) = self.waiting(rx) else { return };
        let Ok(url) = Url::parse(request.url) else { return };
        // Its session may have ended since it was asked.
        let done = self.check(&request).and_then(|_| match (request.method, answer) {
            (_, Answer::Refuse(status)) => Err(status),
            (Method::Describe, Answer::Describe(presentation)) => {
                self.describe(&request, url, &presentation, tx);
                Ok(())
            }
            (Method::Setup, Answer::Setup { media, ports }) => {
                self.setup(now, &request, url, media, ports, tx)
            }
            (Method::Play, Answer::Play { from, end }) => self.play(now, &request, url, from, end, store, tx),
            // The application's mistake, not the client's.
            _ => Err(Status::INTERNAL_SERVER_ERROR),
        });
        if let Err(status) = done {
            self.write_reply(tx, status, request.headers.cseq(), &|reply| reply.end());
        }
    }

    fn describe(
        &mut self,
        request: &Request<'_>,
        url: Url<'_>,
        presentation: &Presentation<'_>,
        tx: &mut [u8],
    ) {
        self.write_reply(tx, Status::OK, request.headers.cseq(), &|reply| {
            reply.header("Content-Base", &url.join(b"/"));
            reply.end_with(CONTENT_TYPE, presentation)
        });
    }

    fn setup(
        &mut self,
        now: Now,
        request: &Request<'_>,
        url: Url<'_>,
        media: u16,
        ports: Option<PortPair>,
        tx: &mut [u8],
    ) -> Result<(), Status> {
        let (lower, offered) = self.transport(request).ok_or(Status::UNSUPPORTED_TRANSPORT)?;
        let max_packet = max_packet(request, self.config.max_packet)?;
        let track = TrackId { media, track: url.track().map_or(0, |(_, track)| track) };
        let named = session_of(request);
        let by_udp = match lower {
            LowerTransport::Udp => Some(udp(&offered, ports).ok_or(Status::UNSUPPORTED_TRANSPORT)?),
            LowerTransport::Interleaved => None,
        };
        let others = self.streams.iter().filter(|stream| !is_replaced(stream, named, track));
        if others.filter(|stream| stream.gone().is_none()).count() >= self.streams.capacity() {
            return Err(Status::NOT_ENOUGH_BANDWIDTH);
        }
        // Nothing is refused from here on: what was set up before is given up, and its channels free.
        for stream in self.streams.iter_mut().filter(|stream| is_replaced(stream, named, track)) {
            stream.close(CloseReason::Replaced);
        }
        if self.streams.is_full() {
            // The end of the former one is told, too, but its place is needed now.
            self.closed = self.take_gone(now);
        }
        let (route, mut spec) = by_udp.unwrap_or_else(|| self.interleave(&offered));
        let session = named.unwrap_or_else(|| SessionId(self.draw()));
        let config = SenderConfig {
            track,
            framing: route.framing(),
            max_packet,
            late: self.config.late,
            adapt: self.config.adapt,
            cname: self.cname,
            random: self.draw(),
        };
        spec.ssrc = Some(config.ssrc());
        let sender = Sender::new(now, config);
        self.streams
            .push(Stream::new(now, session, route, sender))
            .map_err(|_| Status::NOT_ENOUGH_BANDWIDTH)?;
        let timeout_secs = u32::try_from(self.config.session_timeout.as_millis() / 1000).ok();
        self.write_reply(tx, Status::OK, request.headers.cseq(), &|reply| {
            reply.header("Session", &Session { id: &hex_digits(session.0), timeout_secs });
            reply.header("Transport", &spec);
            reply.end()
        });
        Ok(())
    }

    /// The client's channels, or free ones where it names none or such as are taken.
    fn interleave<'a>(&self, offered: &TransportSpec<'a>) -> (Route, TransportSpec<'a>) {
        let taken = |channel: u8| {
            self.streams.iter().filter(|stream| stream.gone().is_none()).any(|stream| {
                matches!(stream.route, Route::Interleaved { rtp, rtcp } if rtp == channel || rtcp == channel)
            })
        };
        let pair = match offered.interleaved {
            Some(pair) if pair.rtp != pair.rtcp && !taken(pair.rtp) && !taken(pair.rtcp) => pair,
            _ => {
                let free = (0..=2 * MAX_TRACKS as u8).find(|n| !taken(2 * n) && !taken(2 * n + 1));
                let rtp = free.map_or(254, |n| 2 * n);
                Pair { rtp, rtcp: rtp + 1 }
            }
        };
        (Route::Interleaved { rtp: pair.rtp, rtcp: pair.rtcp }, TransportSpec::tcp(pair))
    }

    #[allow(clippy::too_many_arguments, reason = "what a PLAY is made of")]
    fn play<S: FrameStore + ?Sized>(
        &mut self,
        now: Now,
        request: &Request<'_>,
        url: Url<'_>,
        from: Option<Seek>,
        end: Option<MediaTime>,
        store: &S,
        tx: &mut [u8],
    ) -> Result<(), Status> {
        let session = session_of(request).ok_or(Status::SESSION_NOT_FOUND)?;
        let range = request.headers.get("Range").and_then(|value| Range::parse(value).ok());
        let asked = range.and_then(|range| range.start).map(|start| match start {
            // What has no end has no start either, and FFmpeg asks for 0 whatever it is. The oldest frame
            // of a small ring would be gone before the next one could be sent.
            Position::At(MediaTime::ZERO) if end.is_none() => Seek::Live,
            Position::At(time) => Seek::To(time),
            Position::Now => Seek::Live,
        });
        let start = from.or(asked);
        let asked_stop = range.and_then(|range| range.end);
        let (scale, speed) = asked_pace(request)?;
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
        let same_pace = |track: &Stream| (scale, speed) == (None, None) || track.sender.pace() == pace;
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
        let mut first = None;
        if !goes_on {
            for stream in self.tracks_mut(session) {
                let whole = stream.sender.is_fresh().then_some(Seek::To(whole_start));
                let play = Play { from: start.or(whole), stop, pace, live: end.is_none() };
                if let Some(time) = stream.sender.play(now, play, store) {
                    first = first.filter(|&first| pace.is_before(first, time)).or(Some(time));
                }
            }
            // The tracks of a session start together, at the earliest of their frames.
            if let Some(time) = first {
                for stream in self.tracks_mut(session) {
                    stream.sender.begin_at(now.at, time);
                }
            }
        }
        let mut infos = heapless::Vec::<_, MAX_TRACKS>::new();
        for stream in self.tracks(session) {
            let (seq, rtptime) = stream.sender.next_rtp(now, store);
            let _ = infos.push((stream.sender.track().track, seq, rtptime));
        }
        let live = end.is_none().then_some(Position::Now);
        // Of what is played to its end, nothing is left but that.
        let start = first.or(whole_end).map(Position::At).filter(|_| live.is_none()).or(live);
        let played = Range { start, end: stop.or(whole_end) };
        let base = url.track().map_or(url, |(base, _)| base);
        // A hint, which a long URL for each track makes too long to be sent.
        for infos in [Some(RtpInfos { base, infos: &infos }), None] {
            let most = if infos.is_some() { REPLY_ROOM } else { usize::MAX };
            let replied = self.try_reply(tx, most, Status::OK, request.headers.cseq(), &|reply| {
                reply.header("Session", &hex_digits(session.0)[..]);
                if !goes_on {
                    reply.header("Range", &played);
                }
                if scale.is_some() {
                    reply.header("Scale", &pace.scale());
                }
                if speed.is_some() {
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
        if end.is_none() {
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

/// Where the client announced its ports, at its own address: what it says of a destination would
/// aim the stream at others (RFC 2326, 16).
fn udp<'a>(offered: &TransportSpec<'a>, ports: Option<PortPair>) -> Option<(Route, TransportSpec<'a>)> {
    let (client, ports) = (offered.client_port?, ports?);
    let socket = ports.socket;
    let route = Route::Udp { socket, rtp: client.rtp, rtcp: client.rtcp, scope_id: 0, latched: false };
    let server_port = Some(Pair { rtp: ports.rtp, rtcp: ports.rtcp });
    Some((route, TransportSpec { profile: Profile::Udp, server_port, ..TransportSpec::udp(client) }))
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
