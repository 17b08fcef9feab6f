//! An RTSP client on desktop sockets. The caller drives it by turns, and reads frames from its caches.
mod error;
mod gather;
mod link;
mod options;
mod sockets;
mod turn;

use crate::clock::Clock;
use crate::udp::{PIECES_AT_ONCE, RECEIVE_LEN};
use gather::Gather;
use link::Link;
use mio::{Events, Poll, Token};
use pinhole::client::{ClientConn, LowerTransport, PlayOptions, Prefetch, ReceiverStatistics};
use pinhole::frame::{
    ClockReference, Frame, FrameId, FrameRing, FrameStore, Miss, Seek, Slot, TrackId, TrackInfo,
};
use pinhole::rtsp::{Range, Scale, Speed};
use pinhole::time::{Instant as At, MediaTime};
use sockets::TrackSockets;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};
use turn::session;

pub use error::Error;
pub use options::{Event, Options, Statistics, Usage};
pub use pinhole::client::{PrefetchOptions, TrackDescription};
pub use pinhole::frame::TimeRange;

const WAKER: Token = Token(0);
const STREAM: Token = Token(1);
/// The first token of the UDP sockets, two for each track.
const UDP: usize = 2;

type Cache = FrameRing<Vec<Slot>, Vec<u8>>;

/// A handle with which another thread ends a [`Client::turn`] early.
#[derive(Clone, Debug)]
pub struct Waker(Arc<mio::Waker>);

impl Waker {
    /// Ends the current turn, or the next one if there is none.
    pub fn wake(&self) {
        // Fails only if the client is gone.
        let _ = self.0.wake();
    }
}

/// A session with an RTSP server.
///
/// Its tracks have the numbers that the server's description gives them, from 0. Each has a cache of
/// its own, in which frames have consecutive numbers, from 0, in the order in which they came.
pub struct Client {
    url: String,
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
    /// Connects to the server of `url`, and asks it to play what `options` say. Blocks until there is
    /// a connection.
    ///
    /// # Errors
    /// The URL is invalid, the host is not found, or nobody listens there.
    pub fn connect(url: &str, options: &Options) -> Result<Self, Error> {
        let (started, clock) = (Instant::now(), Clock::start());
        let mut conn = session(url, options.transport, clock.now())?;
        let poll = Poll::new().map_err(Error::Loop)?;
        let waker = mio::Waker::new(poll.registry(), WAKER).map_err(Error::Loop)?;
        let link = Link::open(url, options.connect_timeout, poll.registry())?;
        let mut prefetch = Prefetch::new(options.prefetch);
        conn.play_with(prefetch.play(options.play, &[] as &[Cache]));
        Ok(Self {
            url: url.to_owned(),
            options: *options,
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
            wanted: Some(options.play),
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

    /// Waits for input and timers, for `at_most` at the longest, and does what is due. Without a
    /// connection, it only waits.
    ///
    /// # Errors
    /// The session has failed, or [`Self::reconnect`] has. The caches keep their frames.
    pub fn turn(&mut self, at_most: Duration) -> Result<(), Error> {
        self.wait(at_most)?;
        let done = self.arrive().and_then(|()| self.advance());
        if done.is_err() {
            self.disconnect();
        }
        done
    }

    /// Returns what happened next; `None` if nothing has happened since.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Returns the number of tracks; 0 until [`Event::Described`].
    pub fn tracks(&self) -> u8 {
        u8::try_from(self.caches.len()).unwrap_or(u8::MAX)
    }

    /// Returns the codec, the clock rate and the parameters of a track; `None` if there is no such track,
    /// or the presentation is not described yet.
    pub fn track_info(&self, track: u8) -> Option<TrackInfo<'_>> {
        self.cache(track).map(FrameRing::track_info)
    }

    /// Returns the server's description of a track; `None` before [`Event::Described`], or if there is no
    /// such track.
    pub fn track(&self, track: u8) -> Option<TrackDescription> {
        self.conn.track(track)
    }

    /// Returns the server's wall clock with the time of a track that it stands for, which puts two tracks on
    /// one clock; `None` until the server has sent it.
    pub fn clock(&self, track: u8) -> Option<ClockReference> {
        self.conn.clock(track)
    }

    /// Returns a frame of a track from its cache. A frame of JPEG is a JPEG file.
    ///
    /// # Errors
    /// [`Miss::NotYet`] if the frame has not come yet; [`Miss::Overrun`] if it was evicted.
    pub fn frame(&self, track: u8, id: FrameId) -> Result<Frame<'_>, Miss> {
        self.cache(track).ok_or(Miss::NotYet)?.frame(TrackId { media: 0, track }, id)
    }

    /// Returns the media time during which a frame in the cache of a track is shown; empty if its
    /// duration is not known.
    ///
    /// # Errors
    /// As for [`Self::frame`].
    pub fn frame_time(&self, track: u8, id: FrameId) -> Result<std::ops::Range<MediaTime>, Miss> {
        let clock_rate = self.cache(track).ok_or(Miss::NotYet)?.track_info().clock_rate;
        let frame = self.frame(track, id)?;
        let end = frame.time.saturating_add(u64::from(frame.duration));
        Ok(frame.media_time(clock_rate)..MediaTime::from_ticks(end, clock_rate))
    }

    /// Returns the numbers of the frames in the cache of a track. The end is the number that the next
    /// frame will have.
    pub fn cached(&self, track: u8) -> std::ops::Range<FrameId> {
        self.cache(track).map_or(FrameId(0)..FrameId(0), FrameRing::frames)
    }

    /// Returns the frame in the cache of a track that is shown at `time`, if it is there.
    pub fn find(&self, track: u8, time: MediaTime) -> Option<FrameId> {
        self.cache(track)?.find(time)
    }

    /// Returns the parts of a track that are in its cache, the one that came last first; see
    /// [`FrameRing::time_ranges`].
    pub fn time_ranges(&self, track: u8) -> impl Iterator<Item = TimeRange> + '_ {
        self.cache(track).into_iter().flat_map(FrameRing::time_ranges)
    }

    /// Returns how many frames and bytes the cache of a track holds.
    pub fn usage(&self, track: u8) -> Usage {
        let Some(cache) = self.cache(track) else { return Usage::default() };
        let span = cache.time_ranges().map(|range| Duration::from(range.to.since(range.from))).sum();
        Usage { frames: cache.frame_count(), bytes: cache.bytes_used(), capacity: cache.capacity(), span }
    }

    /// Returns the length of the presentation; `None` if it is live, or not described yet.
    pub fn duration(&self) -> Option<Duration> {
        self.described.flatten()
    }

    /// Returns whether the presentation is live: it is described, and has no end.
    pub fn is_live(&self) -> bool {
        self.described == Some(None)
    }

    /// Notes that frame `id` of a track, and those after it, are still needed. With
    /// [`Options::prefetch`], those of recorded media are not evicted from now on, and more are fetched
    /// as there is room.
    ///
    /// This is the frame to be read next, not the one that is being shown. At first, only track 0 is
    /// watched: of other tracks, the oldest frames make room for the newest until this is called for
    /// them.
    pub fn watch_from(&mut self, track: u8, id: FrameId) {
        self.prefetch.watch_from(track, id);
    }

    /// Notes that nobody watches a track: its oldest frames make room for the newest, and it does not
    /// decide how far ahead the presentation is fetched.
    pub fn unwatch(&mut self, track: u8) {
        self.prefetch.unwatch(track);
    }

    /// Asks the server to play from another place. A live presentation is only watched from its newest
    /// frame on.
    ///
    /// The first frame of each track from there has the number that ends [`Self::cached`] now; of the
    /// watched tracks, it is taken to be the one that is needed next. Cached frames stay until there is no room for more.
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

    /// Asks the server to pause. This is not needed to show a still picture with [`Options::prefetch`]:
    /// the server is then paused whenever enough is fetched.
    pub fn pause(&mut self) {
        self.wanted = None;
        self.prefetch.hold();
        self.conn.pause();
    }

    /// Asks the server to go on where it was paused, or to start over after the end.
    pub fn play(&mut self) {
        let mut options = self.options.play;
        options.from = None;
        self.play_with(options);
    }

    /// Asks the server to play from another place, or at another scale or speed. Scale and speed stay
    /// until the next call.
    pub fn play_with(&mut self, options: PlayOptions) {
        self.options.play = options;
        self.wanted = Some(options);
        self.conn.play_with(self.prefetch.play(options, &self.caches));
    }

    /// Connects again after [`Self::turn`] has failed, or after [`Event::Closed`]. Returns at once: turns
    /// go on as without a connection meanwhile.
    ///
    /// The caches stay, and the numbers of their frames go on. A recorded presentation goes on after the
    /// newest frame, or from the last [`Self::seek`] that the server has not answered. A live one goes
    /// on at its newest frame, at a media time that is later by the time that has passed.
    pub fn reconnect(&mut self) {
        self.disconnect();
        self.leaving = false;
        self.link = Link::connect(self.url.clone(), self.options.connect_timeout, self.waker.clone());
    }

    /// Returns whether there is a connection to the server.
    pub const fn is_connected(&self) -> bool {
        matches!(self.link, Link::Up(_))
    }

    /// Asks the server to end the session. [`Event::Closed`] follows.
    pub fn teardown(&mut self) {
        self.leaving = true;
        self.conn.teardown();
    }

    /// Returns a handle with which another thread ends a [`Client::turn`] early.
    pub fn waker(&self) -> Waker {
        self.waker.clone()
    }

    /// Returns the state of the session.
    pub const fn statistics(&self) -> Statistics {
        let (range, scale, speed) = self.played;
        Statistics { transport: self.transport, range, scale, speed, first_frame: self.first_frame }
    }

    /// Returns what was received of a track so far, over all connections.
    pub fn track_statistics(&self, track: u8) -> ReceiverStatistics {
        let received = self.conn.statistics(track).unwrap_or_default();
        self.before.get(usize::from(track)).map_or(received, |before| received.after(before))
    }

    fn cache(&self, track: u8) -> Option<&Cache> {
        self.caches.get(usize::from(track))
    }
}
