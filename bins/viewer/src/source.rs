//! Where frames come from: what the player asks of an RTSP client.
use crate::cli::TransportArg;
use pinhole::client::{Lower, PlayOptions, TransportChoice};
use pinhole::frame::{Frame, FrameId, Miss};
use pinhole::time::MediaTime;
use pinhole::wire::rtsp::{Position, Scale, Speed};
use pinhole_std::client::{self, Client, Options};
use std::sync::Arc;
use std::time::Duration;

/// Why there is no stream, as one sentence for the user.
pub(crate) type Error = Box<dyn std::error::Error + Send + Sync>;

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
    /// From the start of the connection to the end of the first frame.
    pub(crate) first_frame: Option<Duration>,
}

/// Ends another thread's [`Source::turn`].
#[derive(Clone)]
pub(crate) struct Waker(pub(crate) Arc<dyn Fn() + Send + Sync>);

/// A session with a server, driven by turns.
pub(crate) trait Source {
    /// Waits for input and timers, at most `at_most`, and moves everything.
    fn turn(&mut self, at_most: Duration) -> Result<(), Error>;
    /// The next thing that has happened.
    fn poll_event(&mut self) -> Option<Event>;
    /// A frame from the cache.
    fn frame(&self, id: FrameId) -> Result<Frame<'_>, Miss>;
    /// Asks the server to hold.
    fn pause(&mut self);
    /// Asks the server to go on.
    fn play(&mut self);
    /// Asks the server to end the session.
    fn teardown(&mut self);
    /// A handle that ends a turn early.
    fn waker(&self) -> Waker;
    /// The figures so far.
    fn statistics(&self) -> Statistics;
}

/// Connects to the server of `url`, to play what is asked for.
///
/// # Errors
/// The address does not resolve, or nobody answers there.
pub(crate) fn connect(
    url: &str,
    transport: TransportArg,
    play: PlayOptions,
) -> Result<Box<dyn Source>, Error> {
    let transport = match transport {
        TransportArg::Auto => TransportChoice::Auto,
        TransportArg::Udp => TransportChoice::Udp,
        TransportArg::Tcp => TransportChoice::Tcp,
    };
    Ok(Box::new(Client::connect(url, &Options { transport, play, ..Options::default() })?))
}

impl Source for Client {
    fn turn(&mut self, at_most: Duration) -> Result<(), Error> {
        Ok(self.turn(at_most)?)
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

    fn pause(&mut self) {
        self.pause();
    }

    fn play(&mut self) {
        self.play();
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
            first_frame,
        }
    }
}

impl From<Lower> for Transport {
    fn from(lower: Lower) -> Self {
        match lower {
            Lower::Udp => Self::Udp,
            Lower::Interleaved => Self::Tcp,
        }
    }
}
