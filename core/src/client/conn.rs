//! [`ClientConn`]: a client's RTSP connection and its session.
use super::chunk::Chunk;
use super::config::{Config, OUTGOING_ROOM, TEXTS_ROOM, TransportChoice, Unusable};
use super::datagram::Datagram;
use super::event::{ClientError, Event, NotWaiting, TrackDescription};
#[cfg(feature = "auth")]
use super::login::Login;
use super::phase::{Command, Keepalive, Kind, Outstanding, Phase};
use super::play::PlayOptions;
use super::saved_texts::{SavedTexts, TextRange};
use super::track::{Route, Track};
use crate::fmt::debug;
use crate::frame::{ClockReference, FrameSink, Seek};
use crate::random::split_mix;
use crate::rtp::{Port, ReceiverStatistics};
use crate::rtsp::{Pair, Scale, Speed, Url, UrlError, UrlErrorKind};
use crate::storage::Fifo;
use crate::text::hex_digits;
use crate::time::{Duration, Instant, MediaTime, Now, Wake, sooner};

/// The most tracks of a presentation that are received. Further tracks are ignored.
pub(super) const MAX_TRACKS: usize = 4;
/// The most events that can wait to be fetched. Fewer happen between two fetches.
const MAX_EVENTS: usize = 16;

/// What is being played.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Playing {
    pub(super) since: Instant,
    pub(super) start: MediaTime,
    /// When the last frame is over, by the time that frames are shown at.
    pub(super) end: Option<MediaTime>,
    pub(super) scale: Scale,
    pub(super) speed: Speed,
    pub(super) stall_told: bool,
    /// Whether the server was asked for a sign of life since its last packet.
    pub(super) life_asked: bool,
    /// It was played to the end.
    pub(super) ended: bool,
}

#[derive(Debug)]
pub(super) struct ClientState {
    pub(super) config: Config,
    pub(super) phase: Phase,
    pub(super) want: Option<Command>,
    pub(super) outstanding: Option<Outstanding>,
    /// When the last request was asked that was answered: what the server wrote on the connection before
    /// that has come.
    pub(super) in_step: Instant,
    /// The first request that is no longer waited for; its response may still come, and those of the
    /// ones up to the one that is.
    pub(super) given_up: Option<u32>,
    pub(super) cseq: u32,
    pub(super) keepalive: Keepalive,
    pub(super) texts: SavedTexts,
    pub(super) aggregate: TextRange,
    pub(super) session: Option<TextRange>,
    pub(super) location: TextRange,
    /// The server has asked for the end of the session, which goes on at `location`.
    pub(super) redirected: bool,
    /// What the media of the description are coded as.
    pub(super) encodings: TextRange,
    pub(super) tracks: heapless::Vec<Track, MAX_TRACKS>,
    pub(super) duration: Option<Duration>,
    /// The server's RTP timestamps go by as fast as it delivers, where they should not depend on Speed
    /// (RFC 2326, 12.35): GStreamer's. It is not asked for any.
    pub(super) no_speed: bool,
    /// PLAY has neither Scale nor Speed, and a Range only if the caller named a place: what is described as
    /// `npt=now-` has no other pace or place, and some servers refuse a PLAY that has them.
    pub(super) plain: bool,
    /// What the last PLAY asked for, to ask for again over another transport.
    pub(super) last_play: PlayOptions,
    /// PLAY without a place starts over: never played, or played to the end.
    pub(super) from_start: bool,
    pub(super) playing: Playing,
    /// The media are to come in the connection, which has all of the storage then.
    pub(super) interleaved: bool,
    /// What the server is told that the receive buffers of the UDP sockets hold, in bytes of packets.
    pub(super) receive_buffer: Option<u32>,
    pub(super) incoming: Fifo,
    pub(super) outgoing: Fifo,
    /// Bytes of the connection that are dealt with, for errors to point at.
    pub(super) consumed: u64,
    /// Bytes of a message too long to hold that are still to come, and to be dropped.
    pub(super) discard: usize,
    pub(super) dropped: u64,
    pub(super) error: Option<ClientError>,
    pub(super) over_told: bool,
    pub(super) finished: bool,
    pub(super) events: heapless::Deque<Event<'static>, MAX_EVENTS>,
    pub(super) random: u64,
    #[cfg(feature = "auth")]
    pub(super) login: Option<Login>,
    /// What the server asks to log in to.
    #[cfg(feature = "auth")]
    pub(super) realm: TextRange,
    ssrc: u32,
    cname: [u8; 16],
}

/// A client's RTSP connection, and the session on it.
///
/// The caller connects to the server. In each turn of its loop, the caller passes in what has arrived and
/// the current time ([`Self::handle_stream`], [`Self::handle_datagram`], [`Self::handle_timeout`]). Then
/// the caller fetches events and sends what is due ([`Self::poll_event`], [`Self::poll_stream`],
/// [`Self::poll_transmit`]), and sleeps until [`Self::poll_at`]. Frames go to a [`FrameSink`]. The
/// [module](super) lists the calls of each turn in their order.
///
/// `U` is the type of the URL, such as `&str` or `String`. `B` is the type of the storage: a `Vec<u8>`, a
/// `&mut [u8]` or an array of [`Config::storage_len`] bytes. The storage holds all messages and packets
/// that are not complete, not sent or not in order yet.
#[derive(Debug)]
pub struct ClientConn<B, U> {
    state: ClientState,
    url: U,
    storage: B,
}

impl<B: AsRef<[u8]> + AsMut<[u8]>, U: AsRef<[u8]>> ClientConn<B, U> {
    /// Makes a connection for the presentation at `url`. Before, open the TCP connection to the server of
    /// that URL. `now` is the current time. The connection sends OPTIONS and DESCRIBE, sets the tracks up,
    /// and then waits for [`Self::play`]. Nothing is sent before the first [`Self::poll_stream`].
    ///
    /// `random` must be a random number that is different for each connection: the SSRC and the name in
    /// RTCP reports are made from this number (RFC 3550, 8.1). If two clients had equal numbers, the server
    /// would take both for one client.
    ///
    /// Give `storage` the length that [`Config::storage_len`] returns for the window that you want. If the
    /// storage is longer than that, the window is longer, too.
    ///
    /// # Errors
    /// Returns [`Unusable::Url`] if the URL cannot be parsed, or is an `rtsps://` URL without
    /// [`Config::secure`], and [`Unusable::StorageTooSmall`] if `storage` is shorter than
    /// [`Config::storage_len`] returns for a window of 0 bytes.
    pub fn new(config: Config, now: Now, url: U, random: u64, storage: B) -> Result<Self, Unusable> {
        if Url::parse(url.as_ref())?.is_secure() && !config.secure {
            return Err(UrlError { kind: UrlErrorKind::Rtsps, at: 0 }.into());
        }
        let need = config.storage_len(0);
        if storage.as_ref().len() < need {
            return Err(Unusable::StorageTooSmall { need });
        }
        let mut state = ClientState {
            config,
            phase: Phase::Options,
            want: None,
            outstanding: None,
            in_step: now.at,
            given_up: None,
            cseq: 0,
            keepalive: Keepalive::new(now.at),
            texts: SavedTexts::default(),
            aggregate: TextRange::default(),
            session: None,
            location: TextRange::default(),
            redirected: false,
            encodings: TextRange::default(),
            tracks: heapless::Vec::new(),
            duration: None,
            no_speed: false,
            plain: false,
            last_play: PlayOptions::default(),
            from_start: true,
            playing: Playing::default(),
            interleaved: config.transport == TransportChoice::Tcp,
            receive_buffer: None,
            incoming: Fifo::default(),
            outgoing: Fifo::default(),
            consumed: 0,
            discard: 0,
            dropped: 0,
            error: None,
            over_told: false,
            finished: false,
            events: heapless::Deque::new(),
            random,
            #[cfg(feature = "auth")]
            login: None,
            #[cfg(feature = "auth")]
            realm: TextRange::default(),
            ssrc: 0,
            cname: [0; 16],
        };
        state.ssrc = state.draw() as u32;
        state.cname = hex_digits(state.draw());
        Ok(Self { state, url, storage })
    }

    /// Has the connection log in with these credentials when the server asks for that. Call this before the
    /// first [`Self::poll_stream`]. Without it, the session fails with [`LoginError::Needed`] then.
    ///
    /// The `random` number of [`Self::new`] then has to be hard to guess, too: the client's nonce is made
    /// from it (RFC 7616, 5.8).
    ///
    /// [`LoginError::Needed`]: super::LoginError::Needed
    #[cfg(feature = "auth")]
    pub fn log_in_with(&mut self, login: Login) {
        self.state.login = Some(login);
    }

    /// Returns what the server asks to log in to, which is a name for people to read. It is empty before the
    /// session has failed with [`ClientError::Login`], and if the server gives no name.
    #[cfg(feature = "auth")]
    pub fn realm(&self) -> &[u8] {
        self.state.realm.of(self.storage.as_ref().get(..TEXTS_ROOM).unwrap_or_default())
    }

    /// Returns how many bytes it is best to read from the RTSP connection at once: the length of the part
    /// of the storage that is for input. This is only advice: [`Self::handle_stream`] takes any number of
    /// bytes.
    pub fn stream_room(&self) -> usize {
        let fixed = TEXTS_ROOM + OUTGOING_ROOM;
        self.storage.as_ref().len().saturating_sub(fixed)
    }

    /// Takes bytes that came over the RTSP connection. Call this for all bytes, in their order; messages
    /// may be split anywhere. Interleaved media in `data` go to `sink` at once. Returns the length of
    /// `data`, because all of it is always taken. Bytes that come after the end of the session are
    /// dropped. After this call, call [`Self::poll_event`].
    ///
    /// # Errors
    /// Returns a [`ClientError`] if the session fails now or has failed before. Close the connection
    /// then. [`Event::Failed`] reports the same error.
    pub fn handle_stream<K: FrameSink + ?Sized>(
        &mut self,
        now: Now,
        data: &[u8],
        sink: &mut K,
    ) -> Result<usize, ClientError> {
        let mut parts = split_mut(&self.state, self.storage.as_mut());
        self.state.read(now, data, self.url.as_ref(), &mut parts, sink);
        self.state.settle_over(parts.windows, sink);
        self.state.error.map_or(Ok(data.len()), Err)
    }

    /// Takes one UDP datagram. `track` is the number of the track on whose port the datagram came,
    /// counted from 0, as in [`Event::Setup`]. `port` says whether that was the track's RTP port or its
    /// RTCP port. Media data is written to the frames in `sink`, and frames that become complete are
    /// finished there.
    ///
    /// Call this only for datagrams from the IP address in [`Event::ServerPorts`]. If the event gives no
    /// address, call this only for datagrams from the IP address of the RTSP connection. Drop other
    /// datagrams before: the address is not checked here. Datagrams that are not valid RTP or RTCP of the
    /// track are ignored. Datagrams for a track that does not exist or is not set up over UDP are
    /// ignored, too. After this call, call [`Self::poll_event`] and [`Self::poll_transmit`].
    pub fn handle_datagram<K: FrameSink + ?Sized>(
        &mut self,
        now: Now,
        track: u8,
        port: Port,
        data: &[u8],
        sink: &mut K,
    ) {
        let parts = split_mut(&self.state, self.storage.as_mut());
        let udp = |track: &Track| matches!(track.route, Route::Udp { .. });
        if self.state.tracks.get(usize::from(track)).is_some_and(udp) {
            self.state.on_packet(now, track, port, data, parts.windows, sink);
        }
    }

    /// Does what is due by time alone: gives up missing packets, lets requests time out, gives up UDP, and
    /// ends media that are over. Frames that become finished in this call are finished in `sink`. Call this
    /// in each turn after the input that has arrived, and at the time that [`Self::poll_at`] returns. If
    /// nothing is due, nothing happens. After this call, call [`Self::poll_event`].
    pub fn handle_timeout<K: FrameSink + ?Sized>(&mut self, now: Now, sink: &mut K) {
        let parts = split_mut(&self.state, self.storage.as_mut());
        self.state.on_time(now, parts.windows, sink);
        self.state.settle_over(parts.windows, sink);
    }

    /// Takes note that the RTSP connection is closed or lost. Call this when the server has closed the
    /// connection, or when reading or writing fails. The session ends. Open frames are finished in `sink`
    /// with the data that has come.
    ///
    /// [`Self::poll_event`] then returns [`Event::Closed`] if the medium had ended or [`Self::teardown`]
    /// was called, and otherwise [`Event::Failed`] with [`ClientError::Disconnected`]. If the session was
    /// over before, the call causes no event.
    pub fn disconnected<K: FrameSink + ?Sized>(&mut self, now: Now, sink: &mut K) {
        let parts = split_mut(&self.state, self.storage.as_mut());
        // A server that said BYE and closed the connection has ended: nothing more is on its way.
        for track in &mut self.state.tracks {
            track.receiver.end_now(now.at);
        }
        self.state.on_time(now, parts.windows, sink);
        let ended = self.state.phase == Phase::Ready && self.state.playing.ended;
        if ended || self.state.is_leaving() {
            self.state.close();
        } else {
            self.state.fail(ClientError::Disconnected);
        }
        self.state.settle_over(parts.windows, sink);
    }

    /// Returns the oldest event that was not returned yet; `None` if there is none. Call this in each turn
    /// until it returns `None`, and again after [`Self::poll_stream`]. At most 16 events wait; if 16 wait
    /// already, newer events are lost. The time that is passed in is not used at present.
    pub fn poll_event(&mut self, _now: Now) -> Option<Event<'_>> {
        let parts = split_mut(&self.state, self.storage.as_mut());
        match self.state.events.pop_front() {
            Some(Event::Redirected { .. }) => {
                Some(Event::Redirected { location: self.state.location.of(parts.texts) })
            }
            Some(event) => Some(event),
            None if self.state.phase == Phase::Over && !self.state.over_told => {
                self.state.over_told = true;
                Some(self.state.error.map_or(Event::Closed, Event::Failed))
            }
            None => None,
        }
    }

    /// Answers [`Event::Setup`] of the track with the number `track`. In `ports`, pass the UDP ports that
    /// the caller has bound for RTP and RTCP. If there are no ports, pass `None`. With
    /// [`TransportChoice::Auto`], `None` makes the client set all tracks up interleaved in the RTSP
    /// connection. With [`TransportChoice::Udp`], `None` makes the session fail with
    /// [`ClientError::NoPorts`].
    ///
    /// # Errors
    /// Returns [`NotWaiting`], and changes nothing, if the connection does not wait for the ports of this
    /// track now. For example, the connection has these ports already, there is no such track, or the
    /// tracks are interleaved.
    pub fn setup(&mut self, track: u8, ports: Option<Pair<u16>>) -> Result<(), NotWaiting> {
        self.state.set_ports(track, ports)
    }

    /// Has each SETUP of a track by UDP from now on say that the receive buffer of the socket for RTP holds `bytes`
    /// of packets ([`RECEIVE_BUFFER`](crate::rtsp::RECEIVE_BUFFER)). Call this before [`Self::setup`]. A server that
    /// knows the header may send that many bytes of a live frame at once, so that large pictures come some
    /// milliseconds sooner. So do not call this if the buffer might hold less, and mind that systems count more than
    /// the bytes of a packet. If this is not called, nothing is said.
    pub const fn announce_buffer(&mut self, bytes: u32) {
        self.state.receive_buffer = Some(bytes);
    }

    /// Asks the server to play from the place `from`, at the scale and speed of the last call. If `from` is
    /// `None`, the medium continues where it was paused. If the medium was never played or has ended,
    /// `None` starts the medium at its beginning, or at its end if the scale is negative.
    ///
    /// This may be called at any time. If the tracks are not set up yet, the request waits until they are.
    /// A later call replaces a request that waits; if the later call has no place, the place of the earlier
    /// call stays.
    ///
    /// If the server plays already, was not asked to pause, and `from` is `None`, nothing changes, and no
    /// event follows. If the server plays already and `from` is a place, the server is asked to jump to
    /// that place. Unless nothing changes, [`Event::Playing`] or [`Event::Refused`] follows when the server
    /// has answered. After [`Self::teardown`] and after the end of the session, the call has no effect.
    pub fn play(&mut self, from: Option<Seek>) {
        let last = match self.state.want {
            Some(Command::Play(options)) => options,
            _ => self.state.last_play,
        };
        self.play_with(PlayOptions { from, ..last });
    }

    /// Asks the server to play with these options: where from, and how fast. This may be called at any
    /// time. If the tracks are not set up yet, the request waits until they are, as with [`Self::play`].
    ///
    /// If the server plays with this scale and speed already, was not asked to pause, and
    /// [`PlayOptions::from`] is `None`, no request is sent, and no event follows. In all other cases,
    /// [`Event::Playing`] or [`Event::Refused`] follows when the server has answered. After
    /// [`Self::teardown`] and after the end of the session, the call has no effect.
    pub fn play_with(&mut self, options: PlayOptions) {
        let state = &mut self.state;
        let options = match state.want {
            // A place that was asked for, and was not asked of the server yet, stays.
            Some(Command::Play(waiting)) => PlayOptions { from: options.from.or(waiting.from), ..options },
            _ => options,
        };
        let pausing = state.outstanding.is_some_and(|outstanding| outstanding.kind == Kind::Pause);
        if options.is_done_by(&state.last_play) && state.phase == Phase::Playing && !pausing {
            // It does already: all there is to do is not to pause.
            state.want.take_if(|want| *want != Command::Teardown);
        } else {
            state.command(Command::Play(options));
        }
    }

    /// Asks the server to pause. [`Event::Paused`] or [`Event::Refused`] follows, or [`Event::Ended`] if
    /// the medium ends first. If the server does not play, and no PLAY was sent that the server still has
    /// to answer, no request is sent and no event follows. The call then only withdraws a call of
    /// [`Self::play`] whose request was not sent yet.
    pub fn pause(&mut self) {
        let state = &mut self.state;
        let starting =
            state.outstanding.is_some_and(|outstanding| matches!(outstanding.kind, Kind::Play { .. }));
        if state.phase == Phase::Playing || starting {
            state.command(Command::Pause);
        } else {
            state.want.take_if(|want| *want != Command::Teardown);
        }
    }

    /// Ends the session with TEARDOWN. [`Event::Closed`] follows when the server has answered. If the
    /// server does not answer, [`Event::Closed`] follows 2 seconds after the request. Until
    /// [`Event::Closed`], go on with the calls of each turn. If there is no session at the server yet, no
    /// request is sent, and [`Event::Closed`] follows after the next [`Self::poll_stream`]. If the session
    /// is over already, this does nothing.
    pub fn teardown(&mut self) {
        self.state.command(Command::Teardown);
    }

    /// Returns the bytes to write to the RTSP connection; `None` if there are none. Call this in each turn,
    /// also if nothing seems to be due, because this method makes the requests. Write the bytes, and say
    /// with [`Chunk::advance`] how many were written; the connection keeps the others. Call this again
    /// until it returns `None` or the socket takes no more bytes. Then call [`Self::poll_event`], because
    /// making a request can cause an event.
    pub fn poll_stream(&mut self, now: Now) -> Option<Chunk<'_>> {
        let mut parts = split_mut(&self.state, self.storage.as_mut());
        self.state.drive(now, self.url.as_ref(), &mut parts);
        if self.state.outgoing.is_empty() {
            return None;
        }
        Some(Chunk { outgoing: &mut self.state.outgoing, tx: parts.tx })
    }

    /// Returns the next UDP datagram to send; `None` if none is due. Send the datagram, and call
    /// [`Datagram::commit`]. Call this again until it returns `None` or the socket takes no more
    /// datagrams. After the end of the session, this returns `None`.
    pub fn poll_transmit(&mut self, now: Now) -> Option<Datagram<'_>> {
        if self.state.phase == Phase::Over {
            return None;
        }
        self.state.tracks.iter_mut().find_map(|track| Datagram::of(track, now))
    }

    /// Returns when to call [`Self::poll_stream`], [`Self::poll_transmit`] and [`Self::handle_timeout`]
    /// next if nothing arrives before: one time for each of the three. Call this at the end of a turn, and
    /// sleep until [`Wake::earliest`]. If that time has passed, begin the next turn at once. If
    /// [`Wake::earliest`] returns `None`, sleep until there is input.
    pub fn poll_at(&self) -> Wake {
        let state = &self.state;
        let mut wake = Wake { stream: state.stream_at(), datagram: None, timer: state.timer_at() };
        if state.phase != Phase::Over {
            for track in &state.tracks {
                if let (Route::Udp { server: Some(_) }, Some(at)) = (track.route, track.receiver.report_at())
                {
                    sooner(&mut wake.datagram, if track.punch { Instant::ZERO } else { at });
                }
            }
        }
        wake
    }

    /// Returns what the session description says of the track with the number `track`, counted from 0.
    /// Returns `None` if there is no track of that number, or before [`Event::Described`].
    pub fn track(&self, track: u8) -> Option<TrackDescription> {
        self.state.tracks.get(usize::from(track)).map(Track::info)
    }

    /// Returns the counts of packets and frames of a track since the session began, over all plays.
    /// `track` counts from 0. Returns `None` if there is no track of that number, or before
    /// [`Event::Described`].
    pub fn statistics(&self, track: u8) -> Option<ReceiverStatistics> {
        self.state.tracks.get(usize::from(track)).map(|track| track.receiver.statistics())
    }

    /// Returns one moment on two clocks, as the newest RTCP sender report of a track gives it: on the
    /// server's wall clock and on the clock of the track. `track` counts from 0. Pass the results for two
    /// tracks to [`ClockReference::map`] to convert a time of one track into a time of the other.
    ///
    /// Returns `None` in three cases: no packet or no sender report of the track has come yet; the server
    /// has no wall clock; or there is no track of that number. After a seek, the result is that of the new
    /// place as soon as a packet from the new place has come.
    pub fn clock(&self, track: u8) -> Option<ClockReference> {
        self.state.tracks.get(usize::from(track))?.receiver.clock()
    }

    /// Returns how many interleaved packets of this connection were dropped so far, because they were
    /// longer than the room for a packet in the storage. If the number is not 0, make the next connection
    /// with a larger window ([`Config::storage_len`]).
    pub const fn dropped(&self) -> u64 {
        self.state.dropped
    }

    /// Returns the names of the codecs of the description's media, separated by commas, such as
    /// `H264, MPEG4-GENERIC`. A medium whose codec has no name is left out. Use this after
    /// [`ClientError::NoTrack`](super::ClientError::NoTrack), to say what there is. Empty in all other cases.
    pub fn encodings(&self) -> &[u8] {
        let texts = self.storage.as_ref().get(..TEXTS_ROOM).unwrap_or_default();
        self.state.encodings.of(texts)
    }

    /// Returns the duration of the presentation; `None` if it is live, if the server does not give the
    /// duration, and before [`Event::Described`].
    pub const fn duration(&self) -> Option<Duration> {
        self.state.duration
    }
}

impl ClientState {
    pub(super) fn draw(&mut self) -> u64 {
        split_mix(&mut self.random)
    }

    pub(super) const fn ssrc(&self) -> u32 {
        self.ssrc
    }

    pub(super) const fn cname(&self) -> [u8; 16] {
        self.cname
    }

    pub(super) fn tell(&mut self, event: Event<'static>) {
        // Full only if the caller does not fetch events: it then loses the newest.
        let _ = self.events.push_back(event);
    }

    pub(super) fn fail(&mut self, error: ClientError) {
        if self.phase != Phase::Over {
            debug!("session ends: {:?}", error);
            self.error = Some(error);
            self.close();
        }
    }

    pub(super) fn close(&mut self) {
        if self.phase != Phase::Over && self.redirected {
            self.tell(Event::Redirected { location: &[] });
        }
        self.phase = Phase::Over;
        (self.want, self.outstanding) = (None, None);
    }

    /// Finishes what is open, once, when the session is over.
    fn settle_over<K: FrameSink + ?Sized>(&mut self, windows: &mut [u8], sink: &mut K) {
        if self.phase == Phase::Over && !core::mem::replace(&mut self.finished, true) {
            let count = self.tracks.len();
            for (index, track) in (0u8..).zip(self.tracks.iter_mut()) {
                track.receiver.finish(window_of(windows, index, count), sink);
            }
        }
    }
}

/// The storage, split: everything is in one piece.
pub(super) struct Parts<'b> {
    pub(super) texts: &'b mut [u8],
    pub(super) tx: &'b mut [u8],
    pub(super) rx: &'b mut [u8],
    /// For the reorder windows of all tracks.
    pub(super) windows: &'b mut [u8],
}

fn split_mut<'b>(state: &ClientState, storage: &'b mut [u8]) -> Parts<'b> {
    let (texts, rest) = storage.split_at_mut_checked(TEXTS_ROOM).unwrap_or_default();
    let (tx, rest) = rest.split_at_mut_checked(OUTGOING_ROOM).unwrap_or_default();
    let response = if state.interleaved { rest.len() } else { state.config.response_room() };
    let (rx, windows) = rest.split_at_mut_checked(response).unwrap_or_default();
    Parts { texts, tx, rx, windows }
}

/// One track's part of the window storage.
pub(super) fn window_of(windows: &mut [u8], track: u8, tracks: usize) -> &mut [u8] {
    let len = windows.len().checked_div(tracks).unwrap_or(0);
    let at = len.saturating_mul(usize::from(track));
    windows.get_mut(at..).and_then(|rest| rest.get_mut(..len)).unwrap_or_default()
}
