//! What the threads tell each other: value types without behaviour of their own.
//!
//! The player publishes one [`Model`]; the window, the terminal and the report read it. The user's
//! [`Command`]s go the other way.
mod axis;
mod command;
mod errors;
mod figures;
mod frame;
mod picture;

pub(crate) use axis::MediaAxis;
pub(crate) use command::Command;
pub(crate) use errors::ErrorLog;
pub(crate) use figures::{CacheUsage, PresentedFigures, ReceivedFigures, SessionFigures};
pub(crate) use frame::FrameBuffer;
pub(crate) use picture::{Picture, Presentation, Shown};

use pinhole::time::MediaTime;
use pinhole_std::record::Recorded;
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The track that is shown: the first of the medium.
pub(crate) const VIDEO: u8 = 0;

/// What the player does at the moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum Activity {
    /// A file is searched for frames before it is played.
    Opening,
    /// No frame has arrived yet.
    #[default]
    Connecting,
    /// The server asks for a user name and a password, and the user is asked for them.
    LoggingIn {
        /// What the server says.
        reason: String,
        /// The user name that is known already, or was tried last; empty if there is none.
        user: String,
        /// Whether what was tried last was wrong.
        is_wrong: bool,
    },
    /// The picture stands until more of the medium is cached.
    Buffering {
        /// Media time that is cached after the picture.
        have: Duration,
        /// Media time that has to be cached before the picture moves on.
        want: Duration,
    },
    /// Frames are shown as they become due.
    Playing,
    /// A live stream brings no pictures.
    Silent {
        /// The time since the last one arrived.
        span: Duration,
    },
    /// The user holds the picture.
    Paused,
    /// The last frame of the medium is shown.
    Ended,
    /// The server is gone. What is cached can be watched meanwhile.
    Reconnecting {
        /// The number of the attempt that is next or under way, counted from 1.
        attempt: u32,
        /// The time until the next attempt; zero while one is under way.
        wait: Duration,
        /// Why the last attempt failed, or why the connection was lost.
        reason: String,
    },
}

/// What became of a recording.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RecordingOutcome {
    /// What the files contain.
    pub(crate) recorded: Recorded,
    /// Frames that were left out because the disk was too slow.
    pub(crate) dropped: u64,
    /// Why the recording ended early; `None` if it did not.
    pub(crate) error: Option<String>,
    /// Whether the file could be created.
    pub(crate) created: bool,
}

/// Everything there is to know of a stream besides its pictures.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Model {
    /// What is played: the address without user name and password, or the path of a file.
    pub(crate) url: String,
    /// What the player does at the moment.
    pub(crate) activity: Activity,
    /// Whether the user holds the picture, whatever else goes on.
    pub(crate) held: bool,
    /// Media time of the frame that is shown, or is shown next.
    pub(crate) position: MediaTime,
    /// Length of the medium; `None` if it is live, or if the length is not known.
    pub(crate) duration: Option<Duration>,
    /// Cached media time in ascending order. Neighbouring ranges do not touch.
    pub(crate) cached: Vec<Range<MediaTime>>,
    /// How far the picture is behind the newest frame; `None` if the medium is recorded.
    pub(crate) behind_live: Option<Duration>,
    /// How long after the earliest moment at which its frame can arrive a picture at the live edge is shown;
    /// `None` if the medium is recorded.
    pub(crate) live_delay: Option<Duration>,
    /// Media time that passes in a second of playing, negative if it is played backwards.
    pub(crate) rate: f64,
    /// How often a frame was due that had not arrived.
    pub(crate) stalls: u64,
    /// The silences of a live stream: how many there were, and how long they were together. One that goes
    /// on counts.
    pub(crate) silences: (u64, Duration),
    /// Whether a live stream brings no pictures at the moment, whatever is watched.
    pub(crate) is_silent: bool,
    /// How often the server was reached again after the connection was lost.
    pub(crate) reconnects: u64,
    /// The file that is being recorded.
    pub(crate) recording: Option<Arc<Path>>,
    /// What became of the last recording that has ended.
    pub(crate) recorded: Option<RecordingOutcome>,
    /// Set when the network thread ends. `Ok`: the medium ended, or the user stopped it.
    pub(crate) over: Option<Result<(), String>>,
    /// The most frequent reason for which received data could not be used.
    pub(crate) refusal: Option<String>,
    /// The figures of the RTSP session and of its video.
    pub(crate) session: SessionFigures,
    /// Figures of the video frames that were received.
    pub(crate) received: ReceivedFigures,
    /// How full the video's cache is.
    pub(crate) cache: CacheUsage,
    /// Figures of the pictures that were decoded and shown.
    pub(crate) presented: PresentedFigures,
    /// Why the last frame that was to be decoded is no picture; `None` if it is one.
    pub(crate) undecodable: Option<String>,
}

impl Default for Model {
    fn default() -> Self {
        Self {
            url: String::new(),
            activity: Activity::default(),
            held: false,
            position: MediaTime::ZERO,
            duration: None,
            cached: Vec::new(),
            behind_live: None,
            live_delay: None,
            refusal: None,
            rate: 1.0,
            stalls: 0,
            silences: (0, Duration::ZERO),
            is_silent: false,
            reconnects: 0,
            recording: None,
            recorded: None,
            over: None,
            session: SessionFigures::default(),
            received: ReceivedFigures::default(),
            cache: CacheUsage::default(),
            presented: PresentedFigures::default(),
            undecodable: None,
        }
    }
}

impl Model {
    /// Returns how many frames were shown after their time, were dropped because they were late, or
    /// had not arrived when they were due.
    pub(crate) const fn frames_late(&self) -> u64 {
        self.presented.late.saturating_add(self.stalls)
    }

    /// Returns how many frames and bits come in a second at present: none while no picture arrives.
    pub(crate) const fn rates(&self) -> (f64, f64) {
        match self.activity {
            Activity::Reconnecting { .. } => (0.0, 0.0),
            _ if self.is_silent => (0.0, 0.0),
            _ => (self.received.fps, self.received.bitrate),
        }
    }
}

/// A model that several threads read and write.
#[derive(Debug, Default)]
pub(crate) struct Published(Mutex<Model>);

impl Published {
    /// Publishes a first model.
    pub(crate) fn new(model: Model) -> Self {
        Self(Mutex::new(model))
    }

    /// Returns a copy of the model as it is now.
    pub(crate) fn read(&self) -> Model {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Changes the model. `change` must neither block nor take long: all other threads wait for it.
    pub(crate) fn update<R>(&self, change: impl FnOnce(&mut Model) -> R) -> R {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
