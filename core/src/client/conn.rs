//! [`ClientConn`]: a client's RTSP connection and its session.
use super::chunk::Chunk;
use super::config::{Config, OUTGOING_ROOM, TEXTS_ROOM, TransportChoice, Unusable};
use super::datagram::Datagram;
use super::event::{ClientError, Event, NotWaiting, TrackDescription};
use super::phase::{Command, Keepalive, Kind, Outstanding, Phase};
use super::play::PlayOptions;
use super::saved_texts::{SavedTexts, TextRange};
use super::track::{Route, Track};
use crate::fmt::debug;
use crate::frame::{ClockReference, FrameSink, Seek};
use crate::random::split_mix;
use crate::rtp::{Port, ReceiverStatistics};
use crate::rtsp::{Pair, Scale, Speed, Url};
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
    pub(super) tracks: heapless::Vec<Track, MAX_TRACKS>,
    pub(super) duration: Option<Duration>,
    /// The server's RTP timestamps go by as fast as it delivers, where they should not depend on Speed
    /// (RFC 2326, 12.35): GStreamer's. It is not asked for any.
    pub(super) no_speed: bool,
    /// What the last PLAY asked for, to ask for again over another transport.
    pub(super) last_play: PlayOptions,
    /// PLAY without a place starts over: never played, or played to the end.
    pub(super) from_start: bool,
    pub(super) playing: Playing,
    /// The media are to come in the connection, which has all of the storage then.
    pub(super) interleaved: bool,
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
    ssrc: u32,
    cname: [u8; 16],
}

/// A client's RTSP connection, and the session on it.
///
/// The caller connects to the server and passes in what arrives and what time it is
/// ([`Self::handle_stream`], [`Self::handle_datagram`], [`Self::handle_timeout`]). Then it fetches what
/// happened and sends what is due ([`Self::poll_event`], [`Self::poll_stream`], [`Self::poll_transmit`]),
/// and waits until [`Self::poll_at`]. Frames go to a [`FrameSink`]. The [module](super) lists the calls
/// of each turn in their order.
///
/// `U` is the URL as text. `B` is the storage: a `Vec<u8>`, a `&mut [u8]` or an array of
/// [`Config::storage_len`] bytes. All messages and packets that wait are in the storage.
#[derive(Debug)]
pub struct ClientConn<B, U> {
    state: ClientState,
    url: U,
    storage: B,
}

impl<B: AsRef<[u8]> + AsMut<[u8]>, U: AsRef<[u8]>> ClientConn<B, U> {
    /// Makes a connection for the presentation at `url`. The caller has connected to the server of that
    /// URL before. The connection sends OPTIONS and DESCRIBE, sets the tracks up, and then waits for
    /// [`Self::play`]. Nothing is sent before the first [`Self::poll_stream`]. `random` must be a random
    /// number that is different each time: the SSRC and the name in RTCP reports come from it (RFC 3550,
    /// 8.1), and clients with equal ones would be confused. `storage` must have [`Config::storage_len`]
    /// bytes; more of them are a larger window.
    ///
    /// # Errors
    /// Returns [`Unusable::Url`] if the URL cannot be parsed, and [`Unusable::StorageTooSmall`] if
    /// `storage` is shorter than [`Config::storage_len`] of 0.
    pub fn new(config: Config, now: Now, url: U, random: u64, storage: B) -> Result<Self, Unusable> {
        Url::parse(url.as_ref())?;
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
            tracks: heapless::Vec::new(),
            duration: None,
            no_speed: false,
            last_play: PlayOptions::default(),
            from_start: true,
            playing: Playing::default(),
            interleaved: config.transport == TransportChoice::Tcp,
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
            ssrc: 0,
            cname: [0; 16],
        };
        state.ssrc = state.draw() as u32;
        state.cname = hex_digits(state.draw());
        Ok(Self { state, url, storage })
    }

    /// Returns how many bytes to read from the connection at once, so that nothing has to be split: the
    /// length of the part of the storage that is for input. [`Self::handle_stream`] takes fewer bytes and
    /// more bytes, too.
    pub fn stream_room(&self) -> usize {
        let fixed = TEXTS_ROOM + OUTGOING_ROOM;
        self.storage.as_ref().len().saturating_sub(fixed)
    }

    /// Takes bytes that came over the RTSP connection. Call this for all bytes, in their order; messages
    /// may be split anywhere. Interleaved media in `data` go to `sink` at once. The result is the length
    /// of `data`: all of it is taken. Then call [`Self::poll_event`]. Bytes that come after the end of
    /// the session are dropped.
    ///
    /// # Errors
    /// Returns a [`ClientError`] if the session has failed, now or before. Close the connection then.
    /// [`Event::Failed`] reports the same error.
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

    /// Takes one UDP datagram. `track` is the number of the track on whose port it came, counted from 0,
    /// as in [`Event::Setup`]. `port` says whether that was the track's RTP port or its RTCP port. Media
    /// data is written to the frames in `sink`, and frames that become complete are finished there.
    ///
    /// Call this only for datagrams from the IP address in [`Event::ServerPorts`], or from that of the
    /// RTSP connection if the event gives none. Drop other datagrams before: the address is not checked
    /// here. Datagrams that are not valid RTP or RTCP of the track are ignored, and so are those for a
    /// track that is unknown or not set up over UDP. Then call [`Self::poll_event`] and
    /// [`Self::poll_transmit`].
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

    /// Does what is due by time alone: gives up missing packets, lets requests time out, gives up UDP,
    /// and ends media that are over. Frames that are finished by that go to `sink`. Call this in each
    /// turn after the input that has arrived, and at the time in [`Self::poll_at`]; a call too many does
    /// nothing. Then call [`Self::poll_event`].
    pub fn handle_timeout<K: FrameSink + ?Sized>(&mut self, now: Now, sink: &mut K) {
        let parts = split_mut(&self.state, self.storage.as_mut());
        self.state.on_time(now, parts.windows, sink);
        self.state.settle_over(parts.windows, sink);
    }

    /// Takes note that the RTSP connection is closed or lost, and the session with it. Frames that are
    /// open are finished in `sink` with the data that has come. [`Self::poll_event`] then returns
    /// [`Event::Closed`] if the medium had ended or [`Self::teardown`] was called, and otherwise
    /// [`Event::Failed`] with [`ClientError::Disconnected`].
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

    /// Returns the next event; `None` if there is none. Call this in each turn until it returns `None`,
    /// also after [`Self::poll_stream`]. If 16 events wait, later ones are lost.
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

    /// Answers [`Event::Setup`] of this track with the UDP ports that the caller has bound. With `None`,
    /// the track cannot come over UDP: with [`TransportChoice::Auto`] all tracks are set up interleaved
    /// in the RTSP connection, and otherwise the session fails with [`ClientError::NoPorts`].
    ///
    /// # Errors
    /// Returns [`NotWaiting`], and changes nothing, if the connection does not wait for the ports of this
    /// track, for example because it has them already or there is no such track.
    pub fn setup(&mut self, track: u8, ports: Option<Pair<u16>>) -> Result<(), NotWaiting> {
        self.state.set_ports(track, ports)
    }

    /// Asks the server to play from a place, at the scale and speed of the last call. With `None`, the
    /// medium continues where it was paused, or starts at its beginning if it was never played or has
    /// ended.
    ///
    /// This may be called at any time. Before the tracks are set up, the request waits until they are; a
    /// later call replaces it, but with `None` the place of the earlier call stays. If the server plays
    /// already, `None` changes nothing, and a place is a seek. [`Event::Playing`] or [`Event::Refused`]
    /// follows once the server has answered. After [`Self::teardown`] and after the end of the session,
    /// the call has no effect.
    pub fn play(&mut self, from: Option<Seek>) {
        let last = match self.state.want {
            Some(Command::Play(options)) => options,
            _ => self.state.last_play,
        };
        self.play_with(PlayOptions { from, ..last });
    }

    /// Asks the server to play with these options: where from, and how fast. It may be called whenever
    /// [`Self::play`] may. If the server plays with this scale and speed already, and
    /// [`PlayOptions::from`] is `None`, no request is sent, and no event follows.
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

    /// Asks the server to pause. [`Event::Paused`] or [`Event::Refused`] follows. If the server does not
    /// play and was not asked to, this only withdraws a call of [`Self::play`] that still waits, and no
    /// event follows.
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

    /// Ends the session with TEARDOWN. [`Event::Closed`] follows, at the latest 2 seconds after the
    /// request if the server does not answer; go on with the calls of each turn until then. After the end
    /// of the session this does nothing.
    pub fn teardown(&mut self) {
        self.state.command(Command::Teardown);
    }

    /// Returns the bytes to write to the RTSP connection; `None` if there are none. Call this in each
    /// turn, because requests are made here. Write the bytes, say with [`Chunk::advance`] how many were
    /// written, and call this again until it returns `None` or the connection takes no more. Then call
    /// [`Self::poll_event`]: making a request can cause an event.
    pub fn poll_stream(&mut self, now: Now) -> Option<Chunk<'_>> {
        let mut parts = split_mut(&self.state, self.storage.as_mut());
        self.state.drive(now, self.url.as_ref(), &mut parts);
        if self.state.outgoing.is_empty() {
            return None;
        }
        Some(Chunk { outgoing: &mut self.state.outgoing, tx: parts.tx })
    }

    /// Returns the next UDP datagram to send; `None` if none is due. Send the datagram, call
    /// [`Datagram::commit`], and call this again until it returns `None` or the socket takes no more. At
    /// the end of the session nothing is due any more.
    pub fn poll_transmit(&mut self, now: Now) -> Option<Datagram<'_>> {
        if self.state.phase == Phase::Over {
            return None;
        }
        self.state.tracks.iter_mut().find_map(|track| Datagram::of(track, now))
    }

    /// Returns when to poll again if nothing arrives before: one time for each of [`Self::poll_stream`],
    /// [`Self::poll_transmit`] and [`Self::handle_timeout`]. Call this after all of them, at the end of a
    /// turn. Sleep until [`Wake::earliest`]; if that is `None`, until there is input.
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

    /// Returns what the session description says of a track, whose number counts from 0. Returns `None`
    /// if there is no track of that number, or before [`Event::Described`].
    pub fn track(&self, track: u8) -> Option<TrackDescription> {
        self.state.tracks.get(usize::from(track)).map(Track::info)
    }

    /// Returns the counts of packets and frames of a track since the session began, over all plays.
    /// Returns `None` if there is no track of that number, or before [`Event::Described`].
    pub fn statistics(&self, track: u8) -> Option<ReceiverStatistics> {
        self.state.tracks.get(usize::from(track)).map(|track| track.receiver.statistics())
    }

    /// Returns one moment on the server's wall clock and on the clock of a track, from the newest sender
    /// report of the track. With the references of two tracks, [`ClockReference::map`] converts a time of
    /// one into a time of the other.
    ///
    /// Returns `None` until a packet and a report of the track have come, if the server has no wall
    /// clock, and if there is no track of that number. After a seek, the reference is that of the new
    /// place once a packet from there has come.
    pub fn clock(&self, track: u8) -> Option<ClockReference> {
        self.state.tracks.get(usize::from(track))?.receiver.clock()
    }

    /// Returns how many interleaved packets were dropped because they were longer than the room in the
    /// storage. If there are any, the storage needs a larger window ([`Config::storage_len`]).
    pub const fn dropped(&self) -> u64 {
        self.state.dropped
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
