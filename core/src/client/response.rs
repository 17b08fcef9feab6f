//! What the server answers.
use super::address;
use super::config::TransportChoice;
use super::conn::{ClientState, MAX_TRACKS, Playing, window_of};
use super::dialogue::channels;
use super::event::{ClientError, Event};
use super::phase::{Before, Command, Kind, Outstanding, Phase};
use super::play::PlayOptions;
use super::track::{Coding, Route};
use crate::frame::Seek;
use crate::rtp::{Delivery, Start};
use crate::rtsp::LowerTransport;
use crate::rtsp::{
    Method, Position, Profile, Range, Response, RtpInfo, Scale, Session, Speed, Status, TransportSpec, Url,
    transports,
};
use crate::sdp::{Description, Media, Receivable, receivable};
use crate::text::{self, Emit, OneLine, TextWriter};
use crate::time::{Duration, MediaTime, Now};
use embedded_io::Write;

impl ClientState {
    pub(super) fn on_response(
        &mut self,
        now: Now,
        response: &Response<'_>,
        url: &[u8],
        texts: &mut [u8],
        windows: &mut [u8],
    ) {
        let status = response.status;
        // "Continue" answers nothing yet.
        if status.0 < 200 {
            return;
        }
        let cseq = response.headers.cseq();
        // Some devices count wrongly. As there is one request at a time, it is clear which one is
        // meant, unless others were given up before.
        let given_up = |asked: &Outstanding| {
            self.given_up.is_some_and(|first| cseq.is_none_or(|cseq| (first..asked.cseq).contains(&cseq)))
        };
        let Some(asked) = self.outstanding.filter(|asked| !given_up(asked)) else {
            // Responses come in the order of the requests.
            let next = cseq.map(|cseq| cseq.wrapping_add(1));
            self.given_up = next.filter(|next| self.outstanding.is_some_and(|asked| *next < asked.cseq));
            return;
        };
        self.given_up = None;
        (self.outstanding, self.in_step) = (None, asked.asked_at);
        #[cfg(feature = "auth")]
        if self.on_login(asked, response, texts) {
            return;
        }
        match asked.kind {
            Kind::Teardown => self.close(),
            Kind::Leave => self.switch_to_tcp(),
            Kind::Keepalive if status.is_success() => self.keepalive.bad = 0,
            Kind::Keepalive => self.on_bad_keepalive(now, status),
            _ if status.is_redirect() => self.on_redirect(response, texts),
            Kind::Options => self.on_options(response),
            _ if !status.is_success() => self.on_refusal(asked, response),
            Kind::Describe => self.on_description(response, url, texts),
            Kind::Setup(index) => self.on_setup(now, index, response, texts, windows),
            Kind::Play { options, before } => self.on_play(now, options, before, response, texts),
            Kind::Pause => {
                if self.phase == Phase::Playing {
                    self.phase = Phase::Ready;
                    self.tell(Event::Paused);
                }
            }
        }
    }

    /// A malformed response to a keepalive counts as a bad one.
    pub(super) fn forgive_keepalive(&mut self, now: Now) -> bool {
        let waits = self.outstanding.take_if(|asked| asked.kind == Kind::Keepalive).is_some();
        if waits {
            self.on_bad_keepalive(now, Status::BAD_REQUEST);
        }
        waits && self.phase != Phase::Over
    }

    /// A refusal is a sign of life as well: it ends the session if no media come either, or if the server says
    /// that there is no session.
    fn on_bad_keepalive(&mut self, now: Now, status: Status) {
        let lives = match self.phase {
            Phase::Playing => !self.is_silent(now.at),
            _ => status != Status::SESSION_NOT_FOUND,
        };
        if !self.keepalive.forgive() && !lives {
            self.fail(ClientError::SessionLost { status });
        }
    }

    fn on_redirect(&mut self, response: &Response<'_>, texts: &mut [u8]) {
        let location = OneLine(response.headers.get("Location").unwrap_or_default());
        self.location = self.texts.write(texts, &location).unwrap_or_default();
        self.tell(Event::Redirected { location: &[] });
        self.close();
    }

    fn on_refusal(&mut self, asked: Outstanding, response: &Response<'_>) {
        let udp_refused = response.status == Status::UNSUPPORTED_TRANSPORT && !self.interleaved;
        if udp_refused
            && self.config.transport == TransportChoice::Auto
            && matches!(asked.kind, Kind::Setup(_))
        {
            return self.switch_to_tcp();
        }
        if self.asks_plainly(asked, response.status) {
            return;
        }
        if response.status == Status::SESSION_NOT_FOUND && self.session.is_some() {
            // Whatever is asked next is refused, too.
            return self.fail(ClientError::SessionLost { status: response.status });
        }
        self.tell(Event::Refused { method: asked.method, status: response.status });
        if matches!(asked.kind, Kind::Describe | Kind::Setup(_)) {
            self.leave();
        }
    }

    /// Asks for a refused PLAY once more, without Scale and Speed, and without a Range that the caller did not
    /// name. Returns false if the refusal is another one, or if there is nothing to leave out.
    fn asks_plainly(&mut self, asked: Outstanding, status: Status) -> bool {
        let Kind::Play { options, before } = asked.kind else { return false };
        let named = matches!(options.from, Some(Seek::To(_)));
        let paced = options.scale != Scale::NORMAL || options.speed != Speed::NORMAL;
        let may_help = match status {
            // A place that is beyond the end stays there.
            Status::INVALID_RANGE => !named,
            Status::BAD_REQUEST
            | Status::PARAMETER_NOT_UNDERSTOOD
            | Status::HEADER_FIELD_NOT_VALID
            | Status::NOT_IMPLEMENTED
            | Status::OPTION_NOT_SUPPORTED => true,
            _ => false,
        };
        let fewer = paced || self.names_pace(options, before) || (!named && self.range(options).is_some());
        if self.plain || !may_help || !fewer {
            return false;
        }
        self.plain = true;
        self.want.get_or_insert(Command::Play(options));
        true
    }

    /// Whatever it says: a server that refuses OPTIONS says why again, at DESCRIBE.
    fn on_options(&mut self, response: &Response<'_>) {
        self.keepalive.get_parameter = response
            .headers
            .get_all("Public")
            .flat_map(|methods| text::split(methods, b','))
            .any(|method| Method::from_name(method) == Method::GetParameter);
        self.phase = Phase::Describe;
    }

    fn on_description(&mut self, response: &Response<'_>, url: &[u8], texts: &mut [u8]) {
        let description = match Description::parse(response.body) {
            Ok(description) => description,
            Err(error) => return self.fail(ClientError::Description(error)),
        };
        let Ok(url) = Url::parse(url) else { return };
        let (base, location) =
            (response.headers.get("Content-Base"), response.headers.get("Content-Location"));
        let base = Url::base(base, location, url);
        let control = description.control().unwrap_or(b"*");
        let Some(aggregate) = self.texts.write(texts, &base.control(control)) else {
            return self.fail(ClientError::NoRoom);
        };
        self.aggregate = aggregate;
        // What the tracks' controls are relative to (RFC 2326, C.3). Some cameras have a Content-Base that
        // leads nowhere beside it.
        let base = Url::parse(control.trim_ascii()).unwrap_or(base);
        let range = description.range().and_then(Result::ok);
        self.plain = range.is_some_and(|range| range.start == Some(Position::Now));
        let mut end = range.and_then(|range| range.end);
        for (media, coding) in description.media().filter_map(|media| Some((media, coding(&media)?))) {
            if self.tracks.len() >= MAX_TRACKS {
                break;
            }
            let control = media.control().unwrap_or(b"*");
            let Some(url) = self.texts.write(texts, &base.control(control)) else {
                return self.fail(ClientError::NoRoom);
            };
            self.add_track(coding, url);
            end = end.or(media.range().and_then(Result::ok).and_then(|range| range.end));
        }
        if self.tracks.is_empty() {
            self.encodings = self.texts.write(texts, &Encodings(&description)).unwrap_or_default();
            return self.fail(ClientError::NoTrack);
        }
        self.duration = end.map(|end| end.since(MediaTime::ZERO)).filter(|span| span.as_micros() > 0);
        self.phase = Phase::Setup;
        let server = response.headers.get("Server").unwrap_or_default();
        let mut tails = (0..server.len()).filter_map(|at| server.get(at..));
        self.no_speed = tails.any(|tail| text::starts_with_ignore_case(tail, b"gstreamer"));
        self.tell(Event::Described { tracks: self.tracks.len() as u8, duration: self.duration });
    }

    fn on_setup(
        &mut self,
        now: Now,
        index: u8,
        response: &Response<'_>,
        texts: &mut [u8],
        windows: &mut [u8],
    ) {
        let headers = &response.headers;
        if let Some(session) = headers.get("Session").and_then(Session::parse) {
            self.keepalive.timeout = session.timeout();
            if let Some(before) = self.session.take() {
                self.texts.forget(before);
            }
            self.session = self.texts.write(texts, &OneLine(session.id));
            if self.session.is_none() {
                return self.fail(ClientError::NoRoom);
            }
        }
        let granted = headers.get("Transport").and_then(|value| transports(value).find_map(Result::ok));
        let Some(route) = self.granted_route(index, granted) else {
            return self.on_unusable_transport();
        };
        if let (Route::Interleaved(_), false) = (route, self.interleaved) {
            // Not asked for. From here on the storage is for messages.
            self.interleaved = true;
            for track in &mut self.tracks {
                track.receiver.set_delivery(Delivery::Ordered, &mut []);
            }
        }
        let (max_packet, wait) = (self.config.max_packet, self.config.reorder_wait);
        let count = self.tracks.len();
        let Some(track) = self.tracks.get_mut(usize::from(index)) else { return };
        track.route = route;
        track.receiver.expect_source(granted.and_then(|granted| granted.ssrc));
        if let Route::Udp { server } = route {
            if !self.interleaved {
                let storage = window_of(windows, index, count);
                track.receiver.set_delivery(Delivery::Datagrams { max_packet, wait }, storage);
            }
            track.open_path(now.at);
            let source = granted.and_then(|granted| address::parse(granted.source));
            self.tell(Event::ServerPorts { track: index, ports: server, source });
        }
        if self.track_to_set_up().is_none() {
            self.phase = Phase::Ready;
        }
    }

    /// What was granted; as it was asked for, where the server does not say.
    fn granted_route(&self, index: u8, granted: Option<TransportSpec<'_>>) -> Option<Route> {
        let asked = channels(index);
        let Some(granted) = granted else {
            return Some(match self.interleaved {
                true => Route::Interleaved(asked),
                false => Route::Udp { server: None },
            });
        };
        match granted.profile {
            Profile::Tcp => Some(Route::Interleaved(granted.interleaved.unwrap_or(asked))),
            Profile::Udp if !granted.multicast && !self.interleaved => {
                Some(Route::Udp { server: granted.server_port })
            }
            _ => None,
        }
    }

    fn on_unusable_transport(&mut self) {
        if self.config.transport == TransportChoice::Auto && !self.interleaved {
            return self.switch_to_tcp();
        }
        self.tell(Event::Refused { method: Method::Setup, status: Status::UNSUPPORTED_TRANSPORT });
        self.leave();
    }

    /// There is nothing to play; what was set up is torn down.
    fn leave(&mut self) {
        match self.session {
            Some(_) => self.command(Command::Teardown),
            None => self.close(),
        }
    }

    fn on_play(
        &mut self,
        now: Now,
        options: PlayOptions,
        before: Before,
        response: &Response<'_>,
        texts: &[u8],
    ) {
        let headers = &response.headers;
        let range = headers.get("Range").and_then(|value| Range::parse(value).ok()).unwrap_or_default();
        let scale = headers.get("Scale").and_then(Scale::parse).unwrap_or_default();
        let speed = headers.get("Speed").and_then(Speed::parse).unwrap_or_default();
        let playing = before == Before::Playing;
        // Without a place, what is played goes on; what is over starts anew (RFC 2326, 10.5).
        let over = before == Before::PlayedOut || (playing && self.is_played_out());
        let goes_on = options.from.is_none() && (scale, speed) == (self.playing.scale, self.playing.speed);
        let jumps = playing && (!goes_on || over);
        let mut start = Start { scale: Some(scale), ..self.asked_start(options) };
        if let Some(Position::At(pts)) = range.start {
            start.time = pts;
            // Some servers say 0 of wherever they resume. Where there is nothing to resume, or it jumps
            // while it plays, time is what the server says.
            start.resumed &= !playing && !over;
        }
        let info = headers.get("RTP-Info").unwrap_or_default();
        let count = self.tracks.len();
        for (index, track) in self.tracks.iter_mut().enumerate() {
            let info = rtp_info(info, track.url.of(texts), index, count);
            let (seq, rtptime) = info.map_or((None, None), |info| (info.seq, info.rtptime));
            let start = Start { rtp_time: rtptime, first_sequence: seq, ..start };
            if jumps {
                track.receiver.jump(start);
            }
            match playing {
                true => {
                    track.receiver.forget_bye();
                    track.ended = false;
                }
                false => track.receiver.confirm_start(start),
            }
            track.open_path(now.at);
        }
        // It does already what was asked for meanwhile without a place.
        let last = self.last_play;
        self.want.take_if(|want| matches!(want, Command::Play(options) if options.is_done_by(&last)));
        if !playing || jumps {
            self.playing = self.playing_from(now, start, range, scale, speed);
        }
        self.from_start = false;
        self.phase = Phase::Playing;
        let lower = self.tracks.first().and_then(|track| track.lower()).unwrap_or(LowerTransport::Udp);
        self.tell(Event::Playing { lower, range, scale, speed });
    }

    /// What is played from now on, in the time by which frames are shown.
    fn playing_from(&self, now: Now, start: Start, range: Range, scale: Scale, speed: Speed) -> Playing {
        let newest = self.tracks.iter().filter_map(|track| track.receiver.newest()).max();
        let newest = newest.filter(|_| start.resumed).unwrap_or_default();
        // Resumed, and the server does not say where: only at scale 1 that is what was shown last.
        let begin = match range.start {
            None if start.resumed => (scale == Scale::NORMAL).then_some(newest),
            _ => Some(start.time),
        };
        let whole = self.duration.map(|duration| MediaTime::ZERO + duration);
        let length = begin.zip(range.end.or(if scale.is_reverse() { Some(MediaTime::ZERO) } else { whole }));
        let length = length.map(|(begin, end)| match scale.is_reverse() {
            true => begin.since(end),
            false => end.since(begin),
        });
        // Of nothing at the start, the length is not known; anywhere else, it is the end.
        let known = |length: &Duration| *length > Duration::ZERO || begin > Some(MediaTime::ZERO);
        let shown = length.filter(known).map(|length| played(length, scale));
        let start = begin.unwrap_or_default().max(newest);
        let end = shown.map(|shown| start + shown);
        Playing { since: now.at, start, end, scale, speed, ..Playing::default() }
    }

    /// UDP brings nothing.
    pub(super) fn fall_back(&mut self) {
        self.phase = Phase::FallingBack;
        // The last call decides, whether it came before or is still to come.
        if self.want.is_none() {
            self.want = Some(Command::Play(self.last_play));
        }
        self.from_start = true;
    }
}

/// For how long so much of a medium is played.
fn played(media: Duration, scale: Scale) -> Duration {
    media.scaled(1_000, u64::from(scale.magnitude()))
}

/// How a medium is coded, if it can be received.
fn coding(media: &Media<'_>) -> Option<Coding> {
    let Receivable { payload_type, codec, clock_rate } = receivable(media)?;
    let (frame_rate, dimensions) = (media.frame_rate(), media.dimensions());
    Some(Coding { payload_type, codec, clock_rate, frame_rate, dimensions })
}

/// The names of the codecs of all media.
struct Encodings<'a>(&'a Description<'a>);

impl Emit for Encodings<'_> {
    fn emit<W: Write>(&self, out: &mut TextWriter<W>) {
        let mut separator = "";
        for media in self.0.media() {
            let maps = media.payload_types().filter_map(|payload_type| media.rtpmap(payload_type));
            for map in maps.take(MAX_TRACKS) {
                out.text(separator);
                OneLine(map.encoding).emit(out);
                separator = ", ";
            }
        }
    }
}

/// The entry for a track: by its URL, of which some servers send only the end, else by its place.
fn rtp_info<'a>(value: &'a [u8], url: &[u8], index: usize, count: usize) -> Option<RtpInfo<&'a [u8]>> {
    let by_url = RtpInfo::iter(value).find(|info| text::ends_with(url, info.url));
    let entries = || RtpInfo::iter(value);
    by_url.or_else(|| entries().nth(index).filter(|_| entries().count() == count))
}
