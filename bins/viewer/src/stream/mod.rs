//! Where frames come from: what the player asks of an RTSP client.
pub(crate) mod backoff;
#[cfg(test)]
pub(crate) mod fake;
pub(crate) mod received;
pub(crate) mod samples;

use crate::cli::TransportArg;
use pinhole::client::{LowerTransport, PlayOptions, PrefetchOptions, TransportChoice};
use pinhole::frame::{Frame, FrameId, Miss};
use pinhole::rtsp::{Position, Scale, Speed};
use pinhole::time::MediaTime;
use pinhole_std::client::{self, Client, Options};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

/// Why there is no stream, as one sentence for the user.
pub(crate) type Error = Box<dyn std::error::Error + Send + Sync>;

/// Why a turn failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The server is gone, or does not go on; it may be back later.
    Lost(Error),
    /// It is of no use to try again.
    Final(Error),
}

/// How RTP travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    /// Datagrams of its own.
    Udp,
    /// Interleaved in the RTSP connection.
    Tcp,
}

impl Transport {
    /// Its name in reports.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
        }
    }
}

/// What has happened to the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub(crate) enum Event {
    /// The server plays.
    Playing(Transport),
    /// No datagram came: it goes on over TCP.
    SwitchedToTcp,
    /// The server holds.
    Paused,
    /// The medium is over; all frames that will come are there.
    Ended,
    /// The session is torn down.
    Closed,
}

/// The session's figures so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Statistics {
    /// How the media travel; `None` until that is agreed.
    pub(crate) transport: Option<Transport>,
    /// Where in the medium the server began; `None`: it is live, or does not say.
    pub(crate) start: Option<MediaTime>,
    /// Where it ends; `None`: it is live, or the server does not say.
    pub(crate) end: Option<MediaTime>,
    /// How fast the medium goes by, as the server says.
    pub(crate) scale: Scale,
    /// How much sooner than they are shown frames come, as the server says.
    pub(crate) speed: Speed,
    pub(crate) frames_complete: u64,
    pub(crate) frames_damaged: u64,
    pub(crate) frames_missing: u64,
    pub(crate) packets: u64,
    pub(crate) packets_lost: u64,
    pub(crate) bytes: u64,
    /// The interarrival jitter (RFC 3550, 6.4.1).
    pub(crate) jitter: Duration,
    /// From the start of the connection to the end of the first frame.
    pub(crate) first_frame: Option<Duration>,
}

/// Frames with consecutive numbers that follow each other in media time, too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) frames: Range<FrameId>,
    pub(crate) time: Range<MediaTime>,
}

/// What the cache holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    pub(crate) frames: u64,
    pub(crate) bytes: usize,
    /// How many bytes it may hold.
    pub(crate) capacity: usize,
    /// Media time, all runs together.
    pub(crate) span: Duration,
}

/// Ends another thread's [`Source::turn`].
#[derive(Clone)]
pub(crate) struct Waker(pub(crate) Arc<dyn Fn() + Send + Sync>);

/// A session with a server, driven by turns, and the frames of it that are cached.
pub(crate) trait Source {
    /// Waits for input and timers, at most `at_most`, and moves everything.
    fn turn(&mut self, at_most: Duration) -> Result<(), Failure>;
    /// The next thing that has happened.
    fn poll_event(&mut self) -> Option<Event>;
    /// A frame from the cache.
    fn frame(&self, id: FrameId) -> Result<Frame<'_>, Miss>;
    /// The frames that are cached: the oldest, and the one after the newest.
    fn cached(&self) -> Range<FrameId>;
    /// The frame that is shown at this time, if it is cached.
    fn find(&self, at: MediaTime) -> Option<FrameId>;
    /// What is cached, in its parts, the newest first.
    fn runs(&self) -> Vec<Run>;
    /// How much is cached.
    fn usage(&self) -> Usage;
    /// How long the medium is; `None`: it is live, or that is not known.
    fn duration(&self) -> Option<Duration>;
    /// The medium has no end.
    fn is_live(&self) -> bool;
    /// Of a recorded medium, frames from this one on are needed, and what is before makes room.
    fn watch_from(&mut self, id: FrameId);
    /// Asks the server to go on at a place; returns the number that the first frame of it will have.
    fn seek(&mut self, to: MediaTime) -> FrameId;
    /// Connects anew, after a turn failed. What is cached stays.
    fn reconnect(&mut self);
    /// Asks the server to end the session.
    fn teardown(&mut self);
    /// A handle that ends a turn early.
    fn waker(&self) -> Waker;
    /// The figures so far.
    fn statistics(&self) -> Statistics;
}

/// What is asked of a source.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    /// How the media travel.
    pub(crate) transport: TransportArg,
    /// What is played first, at which scale.
    pub(crate) play: PlayOptions,
    /// How much faster than they are shown frames are asked for; `None`: as is best.
    pub(crate) speed: Option<Speed>,
    /// How many bytes are cached.
    pub(crate) cache: usize,
}

/// Connects to the server of `url`, to play what is asked for.
///
/// # Errors
/// The address does not resolve, or nobody answers there.
pub(crate) fn connect(url: &str, wanted: &Wanted) -> Result<Box<dyn Source>, Error> {
    let transport = match wanted.transport {
        TransportArg::Auto => TransportChoice::Auto,
        TransportArg::Udp => TransportChoice::Udp,
        TransportArg::Tcp => TransportChoice::Tcp,
    };
    let mut prefetch = PrefetchOptions::default();
    let mut play = wanted.play;
    match wanted.speed {
        Some(speed) => (play.speed, prefetch.speed) = (speed, speed),
        None => play.speed = prefetch.speed,
    }
    let (cache, prefetch) = (wanted.cache, Some(prefetch));
    let options = Options { transport, play, cache, prefetch, ..Options::default() };
    Ok(Box::new(Client::connect(url, &options)?))
}

impl Source for Client {
    fn turn(&mut self, at_most: Duration) -> Result<(), Failure> {
        self.turn(at_most).map_err(|error| match error {
            client::Error::CacheTooSmall { .. } | client::Error::Unusable(_) | client::Error::Loop(_) => {
                Failure::Final(error.into())
            }
            _ => Failure::Lost(error.into()),
        })
    }

    fn poll_event(&mut self) -> Option<Event> {
        // Those that the player has no use for are passed over.
        while let Some(event) = self.poll_event() {
            tracing::debug!(?event);
            return Some(match event {
                client::Event::Playing { transport, .. } => Event::Playing(transport.into()),
                client::Event::SwitchedToTcp => Event::SwitchedToTcp,
                client::Event::Paused => Event::Paused,
                client::Event::Ended => Event::Ended,
                client::Event::Closed => Event::Closed,
                _ => continue,
            });
        }
        None
    }

    fn frame(&self, id: FrameId) -> Result<Frame<'_>, Miss> {
        self.frame(id)
    }

    fn cached(&self) -> Range<FrameId> {
        self.cached()
    }

    fn find(&self, at: MediaTime) -> Option<FrameId> {
        self.find(at)
    }

    fn runs(&self) -> Vec<Run> {
        self.spans().map(|span| Run { frames: span.frames, time: span.from..span.to }).collect()
    }

    fn usage(&self) -> Usage {
        let client::Usage { frames, bytes, capacity, span, .. } = self.usage();
        Usage { frames: frames as u64, bytes, capacity, span }
    }

    fn duration(&self) -> Option<Duration> {
        self.duration()
    }

    fn is_live(&self) -> bool {
        self.is_live()
    }

    fn watch_from(&mut self, id: FrameId) {
        self.watch_from(id);
    }

    fn seek(&mut self, to: MediaTime) -> FrameId {
        self.seek(to)
    }

    fn reconnect(&mut self) {
        self.reconnect();
    }

    fn teardown(&mut self) {
        self.teardown();
    }

    fn waker(&self) -> Waker {
        let waker = self.waker();
        Waker(Arc::new(move || waker.wake()))
    }

    fn statistics(&self) -> Statistics {
        let client::Statistics { transport, range, scale, speed, track, first_frame, .. } = self.statistics();
        let start = range.start.and_then(|start| match start {
            Position::At(start) => Some(start),
            Position::Now => None,
        });
        Statistics {
            transport: transport.map(Into::into),
            start,
            end: range.end,
            scale,
            speed,
            frames_complete: track.frames_complete,
            frames_damaged: track.frames_damaged,
            frames_missing: track.frames_missing,
            packets: track.packets,
            packets_lost: track.lost,
            bytes: track.octets,
            jitter: track.jitter_time.into(),
            first_frame,
        }
    }
}

impl From<LowerTransport> for Transport {
    fn from(lower: LowerTransport) -> Self {
        match lower {
            LowerTransport::Udp => Self::Udp,
            LowerTransport::Interleaved => Self::Tcp,
        }
    }
}
