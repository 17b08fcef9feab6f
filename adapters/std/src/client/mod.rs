//! An RTSP client on desktop sockets.
//!
//! The caller connects with [`Client::connect`], then calls [`Client::turn`] in a loop. After each turn it
//! fetches events with [`Client::poll_event`] and reads frames from the caches with [`Client::frame`].
//! Nothing is sent or received outside a turn. [`Client::teardown`] ends the session.
mod byte_stream;
mod error;
pub(crate) mod exchange;
mod findings;
mod gather;
pub(crate) mod http_login;
mod link;
mod options;
pub(crate) mod redirect;
pub(crate) mod refusal;
#[cfg(feature = "tls")]
mod secure;
pub(crate) mod sockets;
pub(crate) mod tunnel;
mod turn;

use crate::clock::Clock;
use crate::udp::{PIECES_AT_ONCE, RECEIVE_LEN};
use findings::Findings;
use gather::Gather;
use link::Link;
use mio::{Events, Poll, Token};
use pinhole::client::{
    ClientConn, LowerTransport, PlayOptions, Prefetch, ReceiverStatistics, TransportChoice,
};
use pinhole::frame::{
    ClockReference, Frame, FrameId, FrameRing, FrameStore, Miss, Seek, Slot, TrackId, TrackInfo,
};
use pinhole::rtsp::{Range, Scale, Speed};
use pinhole::time::{Instant as At, MediaTime};
use sockets::{TrackSockets, is_secure};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};
use turn::manner;
pub(crate) use turn::{login, session};

pub use crate::credentials::{Credentials, UserInfo};
pub use error::Error;
pub use options::{Event, Options, Statistics, Usage};
pub use pinhole::client::{LoginError, PrefetchOptions, TrackDescription};
pub use pinhole::frame::TimeRange;
pub use refusal::Refusal;
pub use tunnel::rtsp_url;

const WAKER: Token = Token(0);
const STREAM: Token = Token(1);
/// The first token of the UDP sockets, two for each track.
const UDP: usize = 2;

type Cache = FrameRing<Vec<Slot>, Vec<u8>>;

/// A handle with which another thread makes [`Client::turn`] return early. [`Client::waker`] returns it. It
/// can be cloned, and may outlive the client.
#[derive(Clone, Debug)]
pub struct Waker(Arc<mio::Waker>);

impl Waker {
    /// Makes the [`Client::turn`] under way return within some milliseconds. If no turn is under way, the
    /// next turn returns early. If the client was dropped, this does nothing.
    pub fn wake(&self) {
        // Fails only if the client is gone.
        let _ = self.0.wake();
    }
}

/// A session with an RTSP server. Call [`Self::turn`] in a loop: nothing is sent or received outside it.
///
/// The tracks are those of the server's description that this client can receive, at most four, numbered from
/// 0 in the order of the description. Each track has a cache of its own, in which frames have consecutive
/// numbers, counted from 0 since [`Self::connect`], in the order in which they came.
///
/// If a client is dropped, its connection is closed without TEARDOWN. To end the session in order, call
/// [`Self::teardown`] and go on with turns until [`Event::Closed`].
pub struct Client {
    url: String,
    credentials: Option<Credentials>,
    /// The URL that the last redirection led to, and the credentials for its host; without one, the same.
    current_url: String,
    current_credentials: Option<Credentials>,
    /// Whether RTSP is spoken over HTTP.
    is_tunnel: bool,
    /// How many redirections were followed since [`Self::connect`] or [`Self::reconnect`].
    redirects: u8,
    options: Options,
    poll: Poll,
    polled: Events,
    waker: Waker,
    clock: Clock,
    started: Instant,
    link: Link,
    conn: ClientConn<Vec<u8>, String>,
    tracks: Vec<TrackSockets>,
    caches: Vec<Cache>,
    prefetch: Prefetch,
    /// What was found out about the frames of each track.
    findings: HashMap<u8, Findings>,
    /// What is to be played as soon as the server has described the presentation; `None`: nothing.
    wanted: Option<PlayOptions>,
    scratch: Box<[u8]>,
    gather: Gather,
    events: VecDeque<Event>,
    /// The length of the presentation, once it is described; see [`Self::duration`].
    described: Option<Option<Duration>>,
    transport: Option<LowerTransport>,
    /// What is played, as [`Event::Playing`] says it.
    played: (Range, Scale, Speed),
    /// The figures of each track over earlier connections.
    before: Vec<ReceiverStatistics>,
    first_frame: Option<Duration>,
    /// The number of frames of all tracks that have come, and since when it is so.
    newest: (u64, At),
    /// Whether the caller has asked for the end.
    leaving: bool,
    /// Whether input was left for the next turn.
    more: bool,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("transport", &self.transport).finish_non_exhaustive()
    }
}

impl Client {
    /// Connects to the server of `url`, and asks it to play [`Options::play`]. `url` is `rtsp://HOST[:PORT]/PATH`, or
    /// begins with `rtsps://` for RTSP inside TLS, with the feature `tls`, or with `rtsph://` for RTSP over HTTP, or with
    /// `rtspsh://` for that inside TLS. Inside TLS, all media travel in the connection, whatever [`Options::transport`] says. The URL may have a user name and a
    /// password before the host; if it has none, those of [`Options::credentials`] are used. No other host is told them:
    /// a redirection leaves them behind unless it leads to the same host. A redirection from inside TLS to a URL without
    /// it is not followed.
    ///
    /// Blocks until there is a TCP connection, or no address of the host has answered within
    /// [`Options::connect_timeout`]. The session itself begins with the first [`Self::turn`].
    ///
    /// # Errors
    /// [`Error::Unusable`] if the URL is invalid, [`Error::Login`] if the user name or the password is too long,
    /// [`Error::Resolve`] if the host is not found,
    /// [`Error::Connect`] if no address of the host accepts a connection, and [`Error::Loop`] if the system
    /// refuses what the client needs.
    pub fn connect(url: &str, options: &Options) -> Result<Self, Error> {
        let (started, clock) = (Instant::now(), Clock::start());
        let (url, is_tunnel) = rtsp_url(url);
        let (is_tunnel, is_tls) = (is_tunnel || options.tunnel, is_secure(&url));
        let mut options = options.clone();
        if is_tunnel {
            options.transport = TransportChoice::Tcp;
        }
        let (url, user_info) = UserInfo::split(&url);
        let credentials = user_info.map(UserInfo::into_credentials).or_else(|| options.credentials.take());
        let login = login(credentials.as_ref(), options.allow_basic || is_tls)?;
        let mut conn = session(&url, options.transport, login.clone(), clock.now())?;
        let poll = Poll::new().map_err(Error::Loop)?;
        let waker = mio::Waker::new(poll.registry(), WAKER).map_err(Error::Loop)?;
        let manner = manner(is_tunnel, &login, &options);
        let link = Link::open(&url, manner, options.connect_timeout, poll.registry())?;
        let (mut prefetch, play) = (Prefetch::new(options.prefetch), options.play);
        conn.play_with(prefetch.play(play, &[] as &[Cache]));
        Ok(Self {
            url: url.to_string(),
            current_url: url.into_owned(),
            current_credentials: credentials.clone(),
            credentials,
            is_tunnel,
            redirects: 0,
            options,
            poll,
            polled: Events::with_capacity(64),
            waker: Waker(Arc::new(waker)),
            clock,
            started,
            link,
            conn,
            tracks: Vec::new(),
            caches: Vec::new(),
            prefetch,
            findings: HashMap::new(),
            wanted: Some(play),
            scratch: vec![0; PIECES_AT_ONCE * RECEIVE_LEN].into_boxed_slice(),
            gather: Gather::default(),
            events: VecDeque::new(),
            described: None,
            transport: None,
            played: Default::default(),
            before: Vec::new(),
            first_frame: None,
            newest: Default::default(),
            leaving: false,
            more: true,
        })
    }

    /// Waits for input or for the next time at which something is due, for `at_most` at the longest, and then
    /// receives and sends what is due. If `at_most` is zero, this does not wait. If there is no connection,
    /// this only waits, unless [`Self::reconnect`] was called.
    ///
    /// After each turn, call [`Self::poll_event`] until it returns `None`.
    ///
    /// # Errors
    /// Returns an error if the session has failed, or if [`Self::reconnect`] could not connect. The caches
    /// keep their frames, and earlier events can still be polled. Call [`Self::reconnect`] to go on, or drop
    /// the client. Until then, turns only wait.
    pub fn turn(&mut self, at_most: Duration) -> Result<(), Error> {
        self.wait(at_most)?;
        let done = self.arrive().and_then(|()| self.advance());
        if done.is_err() {
            self.disconnect();
        }
        done
    }

    /// Returns the oldest event that was not returned yet. `None` means that there is no event until the next
    /// [`Self::turn`].
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Returns the number of tracks. The number is 0 until [`Event::Described`]. After [`Self::reconnect`],
    /// it stays the same.
    pub fn tracks(&self) -> u8 {
        u8::try_from(self.caches.len()).unwrap_or(u8::MAX)
    }

    /// Returns the codec and the clock rate of a track; `None` if there is no such track, or the
    /// presentation is not described yet.
    pub fn track_info(&self, track: u8) -> Option<TrackInfo<'_>> {
        self.cache(track).map(FrameRing::track_info)
    }

    /// Returns the server's description of a track.
    ///
    /// `None` if there is no such track, or if the presentation is not described yet. This is also so after
    /// [`Self::reconnect`], until [`Event::Described`] comes from the new connection.
    pub fn track(&self, track: u8) -> Option<TrackDescription> {
        self.conn.track(track)
    }

    /// Returns one moment on two clocks: the server's wall clock, and the media time of a track. Both are
    /// from the newest RTCP sender report of the track. Use [`ClockReference::map`] with the results of two
    /// tracks to synchronise the tracks.
    ///
    /// `None` if there is no such track, or if no packet or no sender report of the track has come on this
    /// connection yet. Some servers never send a report.
    pub fn clock(&self, track: u8) -> Option<ClockReference> {
        let reference = self.conn.clock(track)?;
        Some(self.prefetch.shifted(reference, self.track_info(track)?.clock_rate))
    }

    /// Returns a frame of a track from its cache. The data of a frame of a JPEG track are a JPEG file. Frames
    /// of which a part was lost are returned, too: [`Frame::flags`] says so.
    ///
    /// # Errors
    /// - [`Miss::NotYet`] if the frame has not come yet: try again after the next [`Self::turn`]. After
    ///   [`Event::Ended`], the frame will not come. [`Miss::NotYet`] is also the result if there is no such
    ///   track.
    /// - [`Miss::Overrun`] if the frame was evicted: go on at the start of [`Self::cached`], or at the newest
    ///   frame.
    pub fn frame(&self, track: u8, id: FrameId) -> Result<Frame<'_>, Miss> {
        self.cache(track).ok_or(Miss::NotYet)?.frame(TrackId { media: 0, track }, id)
    }

    /// Returns the span of media time in which a frame in the cache of a track is shown, from its start to
    /// before its end. If the frame's duration is not known, the range is empty: it starts and ends at the
    /// frame's media time.
    ///
    /// # Errors
    /// The same as those of [`Self::frame`].
    pub fn frame_time(&self, track: u8, id: FrameId) -> Result<std::ops::Range<MediaTime>, Miss> {
        let clock_rate = self.cache(track).ok_or(Miss::NotYet)?.track_info().clock_rate;
        let frame = self.frame(track, id)?;
        let end = frame.time.saturating_add(u64::from(frame.duration));
        Ok(frame.media_time(clock_rate)..MediaTime::from_ticks(end, clock_rate))
    }

    /// Returns the numbers of the frames in the cache of a track. The range starts with the number of the
    /// oldest frame in the cache. The end of the range is the number that the next frame of the track will
    /// get, and is not included. If there is no such track, the range is empty, from 0 to 0.
    pub fn cached(&self, track: u8) -> std::ops::Range<FrameId> {
        self.cache(track).map_or(FrameId(0)..FrameId(0), FrameRing::frames)
    }

    /// Returns the number of the frame in the cache of a track that is shown at `time`. If `time` is in a gap
    /// between two frames of one of the [`Self::time_ranges`], the result is the frame before the gap. If
    /// several of the [`Self::time_ranges`] contain `time`, the result is the frame of the range that came
    /// last.
    ///
    /// `None` if no cached frame is shown at `time`: call [`Self::seek`] to fetch the frame. Also `None` if
    /// there is no such track.
    pub fn find(&self, track: u8, time: MediaTime) -> Option<FrameId> {
        self.cache(track)?.find(time)
    }

    /// Returns the parts of a track that are in its cache. Each part is a run of frames without a jump in
    /// media time: see [`FrameRing::time_ranges`]. The part that came last is returned first. Nothing is
    /// returned if the cache is empty or if there is no such track.
    pub fn time_ranges(&self, track: u8) -> impl Iterator<Item = TimeRange> + '_ {
        self.cache(track).into_iter().flat_map(FrameRing::time_ranges)
    }

    /// Returns how many frames and bytes the cache of a track holds. All figures are 0 if there is no such
    /// track, or before [`Event::Described`].
    pub fn usage(&self, track: u8) -> Usage {
        let Some(cache) = self.cache(track) else { return Usage::default() };
        let span = cache.time_ranges().map(|range| Duration::from(range.to.since(range.from))).sum();
        Usage { frames: cache.frame_count(), bytes: cache.bytes_used(), capacity: cache.capacity(), span }
    }

    /// Returns the length of the presentation. `None` if the presentation is live, if its length is unknown,
    /// or before [`Event::Described`].
    pub fn duration(&self) -> Option<Duration> {
        self.described.flatten()
    }

    /// Returns true if the presentation counts as live: its description gives no length. Returns false if the
    /// description gives a length, and before [`Event::Described`].
    pub fn is_live(&self) -> bool {
        self.described == Some(None)
    }

    /// Returns true if no frame of a track comes before frames of it have been read, because its cache has no
    /// room or enough: to wait for more frames would be to wait for ever. Play on with those that there are,
    /// and say so with [`Self::watch_from`]; if the newest one has been read, call it with the number after
    /// that. Returns false while frames come or are asked for, after the last frame, and where nothing is
    /// fetched ahead.
    pub fn awaits_viewer(&self, track: u8) -> bool {
        self.prefetch.awaits_viewer(track)
    }

    /// Tells the client that frame `id` of a track and all frames after it are still needed. `id` is the
    /// frame that will be read next, not the frame that is being shown. Call this whenever the viewer has
    /// gone on.
    ///
    /// - If [`Options::prefetch`] is set and the presentation is recorded, frames from `id` on are not
    ///   evicted from now on, and more frames are fetched as there is room.
    /// - If [`Options::prefetch`] is `None`, if the presentation is live, or if there is no such track, this
    ///   has no effect.
    ///
    /// At first, only track 0 is watched, from its first frame on. In every other track, the oldest frames
    /// are evicted to make room for the newest, until this is called for that track.
    pub fn watch_from(&mut self, track: u8, id: FrameId) {
        self.prefetch.watch_from(track, id);
    }

    /// Tells the client that nobody watches a track any more, for example because the viewer has switched it
    /// off. From now on, the oldest frames of the track are evicted to make room for its newest. The track no
    /// longer decides how far ahead the presentation is fetched. To watch the track again, call
    /// [`Self::watch_from`]. If there is no such track, this does nothing.
    pub fn unwatch(&mut self, track: u8) {
        self.prefetch.unwatch(track);
    }

    /// Asks the server to play from the media time `to`, at the scale and speed of the last PLAY. Returns at
    /// once. [`Event::Playing`] or [`Event::Refused`] follows. If there is no connection, this also calls
    /// [`Self::reconnect`].
    ///
    /// The new frames get the next free numbers: the first frame of each track from `to` on has the number at
    /// which [`Self::cached`] ends now. In each track that is watched, that frame counts as the frame that
    /// will be read next, as if it was passed to [`Self::watch_from`]. Older frames stay in the caches until
    /// their room is needed.
    ///
    /// If the presentation is live, `to` is ignored, nothing is asked of the server, and no event follows. In
    /// each track that is watched, the next frame that comes counts as the frame that will be read next.
    pub fn seek(&mut self, to: MediaTime) {
        if self.is_live() {
            self.prefetch.watch_newest(&self.caches);
            return;
        }
        let mut options = self.options.play;
        options.from = Some(Seek::To(to));
        self.play_with(options);
        if matches!(self.link, Link::Down) {
            self.reconnect();
        }
    }

    /// Asks the server to pause. Returns at once. What follows depends on the state:
    ///
    /// - If the server plays, [`Event::Paused`] follows, or [`Event::Refused`] if the server refuses and
    ///   plays on.
    /// - If a PLAY is not answered yet, [`Event::Playing`] comes first, and then [`Event::Paused`] or
    ///   [`Event::Refused`].
    /// - If the server does not play, for example before the session has started or because it is paused
    ///   already, no request is sent, and no event follows.
    ///
    /// If the client is asked to play again before [`Event::Paused`] has come, that event may not come.
    ///
    /// After this call, the client does not ask the server to play by itself, neither when the session starts
    /// nor after [`Self::reconnect`]. Call [`Self::play`], [`Self::play_with`] or [`Self::seek`] to go on.
    ///
    /// To show a still picture with [`Options::prefetch`], no pause is needed: the client pauses the server
    /// by itself whenever enough is fetched.
    pub fn pause(&mut self) {
        self.wanted = None;
        self.prefetch.hold();
        self.conn.pause();
    }

    /// Asks the server to go on where it was paused, or to start over after the end. Returns at once.
    /// [`Event::Playing`] or [`Event::Refused`] follows. If the server plays already, no event follows. If
    /// there is no connection, the request waits until there is one: call [`Self::reconnect`].
    pub fn play(&mut self) {
        let mut options = self.options.play;
        options.from = None;
        self.play_with(options);
    }

    /// Asks the server to play with `options`: from another place, or at another scale or speed. Returns at
    /// once. The scale and the speed stay until the next call of this method.
    ///
    /// [`Event::Playing`] or [`Event::Refused`] follows. There are three exceptions:
    ///
    /// - If the server plays with this scale and speed already, and [`PlayOptions::from`] is `None`, nothing
    ///   is asked of the server, and no event follows.
    /// - Before the presentation is described, the request waits for the description.
    /// - If there is no connection, the request waits until there is one: call [`Self::reconnect`].
    pub fn play_with(&mut self, options: PlayOptions) {
        self.options.play = options;
        self.wanted = Some(options);
        self.conn.play_with(self.prefetch.play(options, &self.caches));
    }

    /// Connects again to the URL that was passed to [`Self::connect`], after [`Self::turn`] has failed, or after [`Event::Closed`]. Returns at once; go on
    /// with turns. If there still is a connection, it is dropped first, without TEARDOWN.
    ///
    /// Once there is a new connection, [`Event::Described`] comes again, and then [`Event::Playing`], unless
    /// [`Self::pause`] was called and no call to play came after it. If no connection can be made,
    /// [`Self::turn`] returns the error: wait a little, and call [`Self::reconnect`] again.
    ///
    /// The caches keep their frames, and the numbers of new frames go on. A recorded presentation goes on
    /// after the newest frame, or from the last [`Self::seek`] that the server has not answered. A live
    /// presentation goes on at its newest frame: its media time goes on as if the stream had played
    /// meanwhile.
    pub fn reconnect(&mut self) {
        self.disconnect();
        self.leaving = false;
        self.redirects = 0;
        self.current_url.clone_from(&self.url);
        self.current_credentials.clone_from(&self.credentials);
        self.link = Link::connect(self.url.clone(), self.options.connect_timeout, self.waker.clone());
    }

    /// Sets the user name and the password with which the client logs in from the next connection on, in place of those
    /// it had. Call [`Self::reconnect`] next, after [`Error::Login`].
    pub fn log_in(&mut self, credentials: Credentials) {
        self.credentials = Some(credentials);
    }

    /// Returns true if there is a connection to the server. Returns false after an error and after
    /// [`Event::Closed`], until [`Self::reconnect`] has made a new connection.
    pub const fn is_connected(&self) -> bool {
        matches!(self.link, Link::Up(_))
    }

    /// Asks the server to end the session. Returns at once. Go on with turns until [`Event::Closed`], which
    /// follows even if the server does not answer. An attempt to connect is given up. If there is no connection,
    /// and no attempt under way, this does nothing, and no event follows.
    pub fn teardown(&mut self) {
        self.leaving = true;
        if matches!(self.link, Link::Connecting(_)) {
            self.link = Link::Down;
            self.events.push_back(Event::Closed);
        }
        self.conn.teardown();
    }

    /// Returns a handle with which another thread makes [`Self::turn`] return early.
    pub fn waker(&self) -> Waker {
        self.waker.clone()
    }

    /// Returns what the server plays, from its last answer to PLAY, and how long it took until the first
    /// frame came.
    pub const fn statistics(&self) -> Statistics {
        let (range, scale, speed) = self.played;
        Statistics { transport: self.transport, range, scale, speed, first_frame: self.first_frame }
    }

    /// Returns what was received of a track so far, over all connections together. Only
    /// [`ReceiverStatistics::jitter`] and [`ReceiverStatistics::jitter_time`] are those of the newest
    /// connection alone. All figures are 0 if there is no such track.
    ///
    /// A JPEG frame counts as complete if all of its MCUs can be decoded, apart from the last bits of the last one.
    pub fn track_statistics(&self, track: u8) -> ReceiverStatistics {
        let mut all = self.received_statistics(track);
        let not_whole = self.findings.get(&track).map_or(0, |findings| findings.not_whole);
        all.frames_complete = all.frames_complete.saturating_sub(not_whole);
        all.frames_damaged = all.frames_damaged.saturating_add(not_whole);
        all
    }

    /// Returns the most frequent reason for which received data of a track could not be used, as a text for people.
    /// `None` if all could be used, or if there is no such track.
    pub fn refusal(&self, track: u8) -> Option<&str> {
        self.findings.get(&track)?.reason()
    }

    /// Returns the figures over all connections, as the packets tell them.
    fn received_statistics(&self, track: u8) -> ReceiverStatistics {
        let received = self.conn.statistics(track).unwrap_or_default();
        self.before.get(usize::from(track)).map_or(received, |before| received.after(before))
    }

    fn cache(&self, track: u8) -> Option<&Cache> {
        self.caches.get(usize::from(track))
    }
}
