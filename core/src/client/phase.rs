//! How far the dialogue with the server has come, and what is asked next.
use super::play::PlayOptions;
use crate::rtsp::{Method, Session};
use crate::time::{Duration, Instant};

/// How far the dialogue has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// OPTIONS is to be answered.
    Options,
    /// DESCRIBE is to be answered.
    Describe,
    /// Tracks are to be set up.
    Setup,
    /// All tracks are set up, and the server does not play (RFC 2326, A: Ready).
    Ready,
    /// The server plays.
    Playing,
    /// UDP is given up: the server is asked to stop sending by it.
    FallingBack,
    /// The session is over.
    Over,
}

/// What the caller wants next.
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
    /// SETUP of a track.
    Setup(u8),
    Play {
        options: PlayOptions,
        before: Before,
    },
    Pause,
    /// PAUSE of a session that is about to be replaced.
    Leave,
    Keepalive,
    Teardown,
}

/// What the media do when PLAY is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Before {
    /// They are played.
    Playing,
    /// They were never played, or are paused, or have ended.
    Held,
    /// They were paused, and nothing is left to play.
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
    /// When it times out.
    pub(super) until: Instant,
}

/// What keeps the session alive (RFC 2326, 12.37).
#[derive(Clone, Copy, Debug)]
pub(super) struct Keepalive {
    /// The session's timeout.
    pub(super) timeout: Duration,
    /// When the last request was made.
    pub(super) last: Instant,
    /// Whether the server knows GET_PARAMETER, and it has not failed.
    pub(super) get_parameter: bool,
    /// How many bad responses came in a row.
    pub(super) bad: u8,
    /// Whether the server is to be asked at once if it is there.
    pub(super) due: bool,
}

impl Keepalive {
    pub(super) fn new(now: Instant) -> Self {
        let timeout = Session { id: &[], timeout_secs: None }.timeout();
        Self { timeout, last: now, get_parameter: false, bad: 0, due: false }
    }

    /// Counts a bad response, or a missing one. Returns whether it is forgiven, as one is. The next
    /// request is a simpler one: some devices announce GET_PARAMETER and do not know it.
    pub(super) fn forgive(&mut self) -> bool {
        self.get_parameter = false;
        self.bad = self.bad.saturating_add(1);
        self.bad == 1
    }

    /// When the next request is due.
    pub(super) fn at(&self) -> Instant {
        if self.due { Instant::ZERO } else { self.last + self.timeout.scaled(1, 2) }
    }
}
