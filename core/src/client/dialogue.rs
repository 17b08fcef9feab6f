//! What the client asks, one request at a time, and what it answers to the server's requests.
use super::config::{MESSAGE_ROOM, TransportChoice};
use super::conn::{ClientState, Parts};
use super::event::{ClientError, Event, NotWaiting};
use super::phase::{Before, Command, Kind, Outstanding, Phase};
use super::play::{AskedRange, PlayOptions};
use super::saved_texts::TextRange;
use super::track::{Coding, Route, Track};
use crate::frame::Seek;
use crate::rtp::{Delivery, Receiver, ReceiverConfig, Report, Start};
use crate::rtsp::interleaved;
use crate::rtsp::{
    MessageWriter, Method, Pair, Profile, RECEIVE_BUFFER, Request, Scale, Speed, Status, TransportSpec, Url,
    WriteError,
};
use crate::sdp;
use crate::text::{OneLine, SliceSink};
use crate::time::{Duration, Instant, MediaTime, Now};
use embedded_io::SliceWriteError;

const USER_AGENT: &str = concat!("Pinhole/", env!("CARGO_PKG_VERSION"));
/// What a server may ask of the client.
const METHODS: &str = "OPTIONS, GET_PARAMETER, SET_PARAMETER, REDIRECT, TEARDOWN";
/// The most that an answer to the server takes.
const REPLY_ROOM: usize = 256;
/// How long to wait for a response without which it goes on as well.
const SHORT_WAIT: Duration = Duration::from_secs(2);

type Written<'a> = Result<SliceSink<'a>, WriteError<SliceWriteError>>;

impl ClientState {
    pub(super) fn command(&mut self, command: Command) {
        if self.phase != Phase::Over && self.want != Some(Command::Teardown) {
            self.want = Some(command);
        }
    }

    /// The caller has asked for the end.
    pub(super) fn is_leaving(&self) -> bool {
        let asked = self.outstanding.is_some_and(|outstanding| outstanding.kind == Kind::Teardown);
        asked || self.want == Some(Command::Teardown) || (self.phase == Phase::Over && self.error.is_none())
    }

    pub(super) fn set_ports(&mut self, track: u8, ports: Option<Pair<u16>>) -> Result<(), NotWaiting> {
        let waits = self.phase == Phase::Setup && self.track_to_set_up() == Some(track) && !self.interleaved;
        let track = self.tracks.get_mut(usize::from(track)).filter(|track| waits && track.ports.is_none());
        let track = track.ok_or(NotWaiting)?;
        match ports {
            Some(_) => track.ports = ports,
            None if self.config.transport == TransportChoice::Auto => self.switch_to_tcp(),
            None => self.fail(ClientError::NoPorts),
        }
        Ok(())
    }

    /// Asks for whatever is to be asked next, and reports what is due.
    pub(super) fn drive(&mut self, now: Now, url: &[u8], parts: &mut Parts<'_>) {
        self.report_interleaved(now, parts.tx);
        if self.want == Some(Command::Teardown) && self.session.is_none() {
            return self.close();
        }
        if self.phase == Phase::Setup
            && !self.interleaved
            && let Some(index) = self.track_to_set_up()
            && let Some(track) = self.tracks.get_mut(usize::from(index))
            && !core::mem::replace(&mut track.asked, true)
        {
            self.tell(Event::Setup { track: index });
        }
        if self.outgoing.room(parts.tx) < MESSAGE_ROOM {
            return;
        }
        if let Some(kind) = self.next_request(now.at) {
            self.ask(now, kind, url, parts);
        }
    }

    /// When [`Self::drive`] has something to say.
    pub(super) fn stream_at(&self) -> Option<Instant> {
        if !self.outgoing.is_empty() {
            return Some(Instant::ZERO);
        }
        if self.phase == Phase::Over {
            return None;
        }
        let asks = (self.want == Some(Command::Teardown) && self.session.is_none())
            || self.next_request(Instant::ZERO).is_some()
            || (self.phase == Phase::Setup && self.must_ask_for_ports());
        let set_up = matches!(self.phase, Phase::Ready | Phase::Playing);
        let keepalive = (set_up && self.outstanding.is_none()).then(|| self.keepalive.at());
        let reports = self.tracks.iter().filter(|track| matches!(track.route, Route::Interleaved(_)));
        let report = reports.filter_map(|track| track.receiver.report_at()).min();
        [asks.then_some(Instant::ZERO), keepalive, report].into_iter().flatten().min()
    }

    fn must_ask_for_ports(&self) -> bool {
        let track = self.track_to_set_up().and_then(|index| self.tracks.get(usize::from(index)));
        !self.interleaved && track.is_some_and(|track| !track.asked)
    }

    fn next_request(&self, now: Instant) -> Option<Kind> {
        let teardown = self.want == Some(Command::Teardown) && self.session.is_some();
        let asked = self.outstanding.map(|outstanding| outstanding.kind);
        if teardown && asked != Some(Kind::Teardown) {
            // Whatever else is asked does not matter any more.
            return Some(Kind::Teardown);
        }
        if asked.is_some() {
            return None;
        }
        match self.phase {
            Phase::Options => Some(Kind::Options),
            Phase::Describe => Some(Kind::Describe),
            Phase::Setup => {
                let index = self.track_to_set_up()?;
                let track = self.tracks.get(usize::from(index))?;
                (self.interleaved || track.ports.is_some()).then_some(Kind::Setup(index))
            }
            Phase::FallingBack => Some(Kind::Leave),
            Phase::Ready | Phase::Playing => match self.want {
                Some(Command::Play(options)) => {
                    let scale = if self.plain { Scale::NORMAL } else { options.scale };
                    let speed = if self.plain || self.no_speed { Speed::NORMAL } else { options.speed };
                    let options = PlayOptions { scale, speed, ..options };
                    let before = match self.phase {
                        Phase::Playing => Before::Playing,
                        _ if self.is_played_out() => Before::PlayedOut,
                        _ => Before::Held,
                    };
                    Some(Kind::Play { options, before })
                }
                Some(Command::Pause) if self.phase == Phase::Playing => Some(Kind::Pause),
                _ => (self.keepalive.at() <= now).then_some(Kind::Keepalive),
            },
            Phase::Over => None,
        }
    }

    pub(super) fn track_to_set_up(&self) -> Option<u8> {
        (0u8..).zip(&self.tracks).find(|(_, track)| track.route == Route::None).map(|(index, _)| index)
    }

    fn ask(&mut self, now: Now, kind: Kind, url: &[u8], parts: &mut Parts<'_>) {
        self.cseq = self.cseq.wrapping_add(1);
        let method = self.method(kind);
        let room = self.outgoing.tail(parts.tx, MESSAGE_ROOM);
        let written = self.write(kind, method, url, parts.texts, room).ok().map(|sink| sink.len());
        #[cfg(feature = "auth")]
        let (signed, written) = match &mut self.login {
            Some(login) if login.is_challenged() => {
                (true, written.and_then(|len| login.sign(self.outgoing.tail(parts.tx, MESSAGE_ROOM), len)))
            }
            _ => (false, written),
        };
        let Some(len) = written else {
            return self.fail(ClientError::NoRoom);
        };
        self.outgoing.grow(parts.tx, len);
        if let Some(before) = self.outstanding {
            self.given_up.get_or_insert(before.cseq);
        }
        let wait = match kind {
            Kind::Leave | Kind::Teardown => SHORT_WAIT.min(self.config.response_wait),
            Kind::Keepalive if self.is_silent(now.at) || self.playing.life_asked => {
                self.config.sign_of_life.min(self.config.response_wait)
            }
            Kind::Keepalive => self.keepalive.wait().min(self.config.response_wait),
            _ => self.config.response_wait,
        };
        self.outstanding = Some(Outstanding {
            kind,
            method,
            cseq: self.cseq,
            asked_at: now.at,
            until: now.at + wait,
            #[cfg(feature = "auth")]
            signed,
        });
        (self.keepalive.last, self.keepalive.due) = (now.at, false);
        match kind {
            Kind::Play { options, before } => {
                self.want = None;
                self.last_play = options;
                if before != Before::Playing {
                    self.expect_play(options);
                }
            }
            Kind::Pause => self.want = None,
            _ => {}
        }
    }

    /// What comes from now on is believed to be of a PLAY that was asked for.
    pub(super) fn expect_play(&mut self, options: PlayOptions) {
        let start = self.asked_start(options);
        for track in &mut self.tracks {
            track.receiver.expect_start(start);
            track.ended = false;
        }
    }

    /// Where a PLAY is believed to start until the server says.
    pub(super) fn asked_start(&self, options: PlayOptions) -> Start {
        let pts = match options.from {
            Some(Seek::To(pts)) => pts,
            Some(Seek::Live) => MediaTime::ZERO,
            None => self.whole_start(options.scale).unwrap_or_default(),
        };
        let resumed = options.from.is_none() && !self.from_start;
        Start { time: pts, resumed, scale: Some(options.scale), ..Start::default() }
    }

    /// Where all of the medium begins, played at this scale, if that is known.
    fn whole_start(&self, scale: Scale) -> Option<MediaTime> {
        match scale.is_reverse() {
            true => self.duration.map(|duration| MediaTime::ZERO + duration),
            false => Some(MediaTime::ZERO),
        }
    }

    const fn method(&self, kind: Kind) -> Method<'static> {
        match kind {
            Kind::Keepalive if self.keepalive.get_parameter => Method::GetParameter,
            Kind::Options | Kind::Keepalive => Method::Options,
            Kind::Describe => Method::Describe,
            Kind::Setup(_) => Method::Setup,
            Kind::Play { .. } => Method::Play,
            Kind::Pause | Kind::Leave => Method::Pause,
            Kind::Teardown => Method::Teardown,
        }
    }

    fn write<'a>(
        &self,
        kind: Kind,
        method: Method<'_>,
        url: &[u8],
        texts: &[u8],
        room: &'a mut [u8],
    ) -> Written<'a> {
        let sink = SliceSink::new(room);
        let track = match kind {
            Kind::Setup(index) => self.tracks.get(usize::from(index)).map(|track| (index, track)),
            _ => None,
        };
        let mut out = match (kind, track) {
            (Kind::Options | Kind::Describe, _) => match Url::parse(url) {
                Ok(url) => MessageWriter::request(sink, method, &url, self.cseq),
                // Never: it was parsed before. The server will say what it thinks of it.
                Err(_) => MessageWriter::request(sink, method, url, self.cseq),
            },
            (_, Some((_, track))) => MessageWriter::request(sink, method, track.url.of(texts), self.cseq),
            _ => MessageWriter::request(sink, method, self.aggregate.of(texts), self.cseq),
        };
        out.header("User-Agent", USER_AGENT);
        if let Some(session) = self.session {
            out.header("Session", session.of(texts));
        }
        if kind == Kind::Describe {
            out.header("Accept", sdp::CONTENT_TYPE);
        }
        if let Some((index, track)) = track {
            let offer = self.offer(index, track);
            out.header("Transport", &offer);
            if let Some(bytes) = self.receive_buffer.filter(|_| offer.profile == Profile::Udp) {
                out.header(RECEIVE_BUFFER, &bytes);
            }
        }
        if let Kind::Play { options, before } = kind {
            if let Some(range) = self.range(options) {
                out.header("Range", &range);
            }
            // Without a word, it is 1; or, where it is played already, as it was.
            let stays = self.names_pace(options, before);
            if options.scale != Scale::NORMAL || stays {
                out.header("Scale", &options.scale);
            }
            if options.speed != Speed::NORMAL || stays {
                out.header("Speed", &options.speed);
            }
        }
        out.finish()
    }

    /// Whether PLAY names scale and speed even if they are 1.
    pub(super) fn names_pace(&self, options: PlayOptions, before: Before) -> bool {
        before == Before::Playing && options.from.is_none() && !self.plain
    }

    /// Where to play from; `None`: where it was paused (RFC 2326, 10.5), or at the live edge.
    pub(super) fn range(&self, options: PlayOptions) -> Option<AskedRange> {
        match options.from {
            Some(Seek::To(pts)) => Some(AskedRange::From(pts)),
            _ if self.plain => None,
            Some(Seek::Live) => Some(AskedRange::Now),
            None if self.from_start => self.whole_start(options.scale).map(AskedRange::From),
            None => None,
        }
    }

    fn offer(&self, index: u8, track: &Track) -> TransportSpec<'static> {
        match track.ports.filter(|_| !self.interleaved) {
            Some(ports) => TransportSpec::udp(ports),
            None => TransportSpec::tcp(channels(index)),
        }
    }

    /// Gives UDP up. The tracks are to be set up anew.
    pub(super) fn switch_to_tcp(&mut self) {
        self.interleaved = true;
        for track in &mut self.tracks {
            track.unset();
            track.receiver.set_delivery(Delivery::Ordered, &mut []);
        }
        if let Some(session) = self.session.take() {
            // A SETUP without a session opens another: some servers close the connection after
            // TEARDOWN of the former one, which is over with its timeout.
            self.texts.forget(session);
        }
        self.phase = Phase::Setup;
        self.tell(Event::SwitchedToTcp);
    }

    /// Takes in the description of a track that can be received; false if there is no room for it.
    pub(super) fn add_track(&mut self, coding: Coding, url: TextRange) -> bool {
        let config = ReceiverConfig {
            track: self.tracks.len() as u8,
            codec: coding.codec,
            payload_type: coding.payload_type,
            clock_rate: coding.clock_rate,
            frame_interval: coding.frame_interval(),
            dimensions: coding.dimensions,
            ssrc: self.ssrc(),
            cname: self.cname(),
        };
        let receiver = Receiver::new(config, self.draw());
        self.tracks.push(Track::new(receiver, coding.frame_rate, url)).is_ok()
    }

    /// Answers a request of the server's.
    pub(super) fn on_request(&mut self, request: &Request<'_>, texts: &mut [u8], tx: &mut [u8]) {
        let location = request.headers.get("Location").filter(|location| !location.is_empty());
        let status = match request.method {
            Method::Options | Method::Teardown => Status::OK,
            Method::Redirect if location.is_some() => Status::OK,
            Method::Redirect => Status::BAD_REQUEST,
            // Without a body it only asks whether somebody is there (RFC 2326, 10.8).
            Method::GetParameter | Method::SetParameter if request.body.is_empty() => Status::OK,
            Method::GetParameter | Method::SetParameter => Status::PARAMETER_NOT_UNDERSTOOD,
            _ => Status::NOT_IMPLEMENTED,
        };
        // Room for a request is kept: who asks and does not read gets no answer.
        if self.outgoing.room(tx) >= MESSAGE_ROOM + REPLY_ROOM {
            let cseq = request.headers.cseq();
            let room = self.outgoing.tail(tx, REPLY_ROOM);
            if let Ok(sink) = write_reply(room, status, cseq, request.method == Method::Options) {
                self.outgoing.grow(tx, sink);
            }
        }
        match (request.method, location) {
            (Method::Teardown, _) => self.close(),
            // RFC 2326, 10.10: the session here is torn down, and there is another one elsewhere.
            (Method::Redirect, Some(location)) if self.phase != Phase::Over => {
                self.location = self.texts.write(texts, &OneLine(location)).unwrap_or_default();
                self.redirected = true;
                self.command(Command::Teardown);
            }
            _ => {}
        }
    }

    /// Queues the reports of interleaved tracks that are due.
    fn report_interleaved(&mut self, now: Now, tx: &mut [u8]) {
        for track in &mut self.tracks {
            let Route::Interleaved(pair) = track.route else { continue };
            let Some(report) = track.receiver.poll_report(now.at) else { continue };
            if self.outgoing.room(tx) < MESSAGE_ROOM + interleaved::HEADER_LEN + Report::MAX_LEN {
                return;
            }
            let header = interleaved::Header { channel: pair.rtcp, len: report.bytes().len() as u16 };
            self.outgoing.push(tx, &header.emit());
            self.outgoing.push(tx, report.bytes());
            report.commit();
        }
    }
}

/// The channels that are asked for.
pub(super) const fn channels(index: u8) -> Pair<u8> {
    let rtp = index.wrapping_mul(2);
    Pair { rtp, rtcp: rtp.wrapping_add(1) }
}

fn write_reply(
    room: &mut [u8],
    status: Status,
    cseq: Option<u32>,
    methods: bool,
) -> Result<usize, WriteError<SliceWriteError>> {
    let mut reply = MessageWriter::response(SliceSink::new(room), status, cseq);
    if methods {
        reply.header("Public", METHODS);
    }
    Ok(reply.finish()?.len())
}
