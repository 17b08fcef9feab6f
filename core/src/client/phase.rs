//! The phases of the dialogue with the server, and the requests in it.
use super::play::PlayOptions;
use crate::rtsp::{Method, Session};
use crate::time::{Duration, Instant};

/// How long the response to a request that keeps the session alive is waited for, however short the session's
/// timeout is.
const SHORTEST_WAIT: Duration = Duration::from_secs(1);

/// How far the dialogue with the server has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// The client asks OPTIONS, or waits for the response.
    Options,
    /// The client asks DESCRIBE, or waits for the response.
    Describe,
    /// The tracks are being set up, one after the other.
    Setup,
    /// All tracks are set up, and the server does not play (RFC 2326, A: Ready).
    Ready,
    /// The server plays.
    Playing,
    /// UDP is given up. The client asks the server to pause, and then sets the tracks up again,
    /// interleaved.
    FallingBack,
    /// The session is over.
    Over,
}

/// The last wish of the caller, which is not asked of the server yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Command {
    Play(PlayOptions),
    Pause,
    Teardown,
}

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Options,
    Describe,
    /// SETUP of the track with this number.
    Setup(u8),
    Play {
        options: PlayOptions,
        before: Before,
    },
    Pause,
    /// PAUSE of a session over UDP, before the tracks are set up again, interleaved.
    Leave,
    Keepalive,
    Teardown,
}

/// What the server did when PLAY was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Before {
    /// The server played.
    Playing,
    /// The server did not play: the medium was never played, is paused, or has ended.
    Held,
    /// The medium is paused, and all of it has come.
    PlayedOut,
}

/// A request that waits for its response.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outstanding {
    pub(super) kind: Kind,
    pub(super) method: Method<'static>,
    pub(super) cseq: u32,
    /// When the request was made.
    pub(super) asked_at: Instant,
    /// When the client stops waiting for the response.
    pub(super) until: Instant,
    /// Whether the request has credentials.
    #[cfg(feature = "auth")]
    pub(super) signed: bool,
}

/// When and how to keep the session alive by requests (RFC 2326, 12.37).
#[derive(Clone, Copy, Debug)]
pub(super) struct Keepalive {
    /// How long the server keeps the session without a request.
    pub(super) timeout: Duration,
    /// When the last request of any kind was made.
    pub(super) last: Instant,
    /// Whether to use GET_PARAMETER and not OPTIONS: the server has announced it, or OPTIONS has failed.
    pub(super) get_parameter: bool,
    /// How many of these requests in a row had a bad response or none.
    pub(super) bad: u8,
    /// Whether to ask the server at once, to learn if it is still there.
    pub(super) due: bool,
}

impl Keepalive {
    pub(super) fn new(now: Instant) -> Self {
        let timeout = Session { id: &[], timeout_secs: None }.timeout();
        Self { timeout, last: now, get_parameter: false, bad: 0, due: false }
    }

    /// Counts a bad or missing response. Returns true for the first one in a row, which is forgiven. The
    /// next request has the other method: some cameras announce GET_PARAMETER and do not answer it, and
    /// others answer OPTIONS with 501 once a session is set up.
    pub(super) fn forgive(&mut self) -> bool {
        self.get_parameter = !self.get_parameter;
        self.bad = self.bad.saturating_add(1);
        self.bad == 1
    }

    /// Returns how long to wait for a response, at most: a server that does not answer is asked by the other
    /// method before its timeout.
    pub(super) fn wait(&self) -> Duration {
        self.timeout.scaled(1, 2).max(SHORTEST_WAIT)
    }

    /// Returns when the next request to keep the session alive is due.
    pub(super) fn at(&self) -> Instant {
        if self.due { Instant::ZERO } else { self.last + self.timeout.scaled(1, 2) }
    }
}
