//! What the main thread and the player say to each other: wishes one way, the state of things the
//! other way.
use crate::stream::Transport;
use pinhole::time::MediaTime;
use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

/// What the user wants of the player.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Command {
    /// Hold the picture, or go on. At the end of a medium: play it again.
    Toggle,
    /// Hold, and show the next frame.
    StepForward,
    /// Hold, and show the frame before.
    StepBack,
    /// Go on so many seconds later, or earlier.
    Jump(f64),
    /// Go on at a place. While the pointer drags, many follow each other: only the last counts.
    Seek(MediaTime),
    /// Go on at the live edge.
    GoLive,
    /// Play so many times as fast, 0.25 to 4, what is cached.
    Rate(f64),
    /// Start recording what is received to this file, or stop it.
    Record(Option<PathBuf>),
    /// End the session.
    Stop,
}

/// What the player does.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum State {
    /// Nothing has come yet.
    #[default]
    Connecting,
    /// It fetches before it shows: media time that is there, and that is wanted.
    Buffering {
        /// Ahead of the picture.
        have: Duration,
        /// Before it goes on.
        want: Duration,
    },
    /// Frames are shown as they become due.
    Playing,
    /// The picture is held.
    Paused,
    /// The last frame of the medium is shown.
    Ended,
    /// The server is gone; what is cached can be watched meanwhile.
    Reconnecting {
        /// How often it was tried.
        attempt: u32,
        /// The next try comes after this.
        wait: Duration,
        /// Why.
        reason: String,
    },
}

/// All that there is to show besides the picture.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Model {
    /// What it does.
    pub(crate) state: State,
    /// The picture is held by the user, whatever else goes on.
    pub(crate) held: bool,
    /// Of the frame that is shown, or is to be shown next.
    pub(crate) position: MediaTime,
    /// Of the medium; `None`: it is live, or that is not known.
    pub(crate) duration: Option<Duration>,
    /// What is cached, in the order of time; between two parts there is a gap.
    pub(crate) cached: Vec<Range<MediaTime>>,
    /// How far the picture is behind the newest frame; `None`: the medium is recorded.
    pub(crate) behind_live: Option<Duration>,
    /// How fast it plays.
    pub(crate) rate: f64,
    /// The file that is being recorded.
    pub(crate) recording: Option<PathBuf>,
    /// The figures.
    pub(crate) figures: Figures,
}

/// The figures of the overlay and of the report.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Figures {
    /// The address.
    pub(crate) url: String,
    /// How the media travel; `None` until that is agreed.
    pub(crate) transport: Option<Transport>,
    /// The newest frame's pixels across and down.
    pub(crate) size: (u16, u16),
    /// The encoding's name; `None` before the first frame.
    pub(crate) codec: Option<&'static str>,
    /// Frames for a second of media time.
    pub(crate) fps: f64,
    /// Bits for a second of media time, over the last seconds.
    pub(crate) bitrate: f64,
    /// RTP packets that never came.
    pub(crate) packets_lost: u64,
    /// Frames that were shown after their time, or not at all for that.
    pub(crate) frames_late: u64,
    /// Frames of which a part is missing.
    pub(crate) frames_damaged: u64,
    /// Frames of which nothing came.
    pub(crate) frames_missing: u64,
    /// Strips that were shown as they were in the picture before.
    pub(crate) strips_mended: u64,
    /// The interarrival jitter (RFC 3550, 6.4.1).
    pub(crate) jitter: Duration,
    /// What decoding a frame takes.
    pub(crate) decode: Duration,
    /// From a frame's arrival to the screen.
    pub(crate) latency: Duration,
    /// Frames in the cache.
    pub(crate) cache_frames: u64,
    /// Media time in the cache.
    pub(crate) cache_span: Duration,
    /// Bytes in the cache, and how many it may have.
    pub(crate) cache_bytes: (usize, usize),
}
