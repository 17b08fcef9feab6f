//! One medium of a library, of whatever kind.
#[cfg(feature = "http")]
use super::held::{Held, HeldFrame};
use super::live::Live;
#[cfg(feature = "pattern")]
use super::pattern::Pattern;
use super::recorded::{LoopFrames, Recorded};
use pinhole::codec::jpeg;
use pinhole::frame::{Frame, FrameId, FrameStore, Miss, Seek, TrackId, TrackInfo};
use pinhole::sdp::FrameRate;
use std::sync::Arc;

/// A medium, with a view of it for one event loop if it is live.
#[derive(Debug)]
pub(super) enum Medium {
    Recorded(Arc<Recorded>),
    Live(Box<Live>),
    #[cfg(feature = "pattern")]
    Pattern(Arc<Pattern>),
}

impl Medium {
    /// Returns the same medium for another event loop.
    pub(super) fn share(&self) -> Self {
        match self {
            Self::Recorded(recorded) => Self::Recorded(recorded.clone()),
            Self::Live(live) => Self::Live(Box::new(live.share())),
            #[cfg(feature = "pattern")]
            Self::Pattern(pattern) => Self::Pattern(pattern.clone()),
        }
    }

    /// Returns the width and height of the video in pixels; `None` until that is known.
    pub(super) fn size(&self) -> Option<(u16, u16)> {
        match self {
            Self::Recorded(recorded) => recorded.size(),
            Self::Live(live) => live.size(),
            #[cfg(feature = "pattern")]
            Self::Pattern(pattern) => Some(pattern.format().size()),
        }
    }

    /// Returns the rate of the video; `None` if it is not steady.
    pub(super) fn frame_rate(&self) -> Option<FrameRate> {
        match self {
            Self::Recorded(recorded) => recorded.frame_rate(),
            Self::Live(live) => live.rate(),
            #[cfg(feature = "pattern")]
            Self::Pattern(pattern) => Some(pattern.format().frame_rate()),
        }
    }

    /// Returns the rate of the clock that the medium has of its own, on average; `None` if it has none.
    pub(super) fn own_rate(&self) -> Option<FrameRate> {
        match self {
            Self::Recorded(recorded) => recorded.index().own_rate(),
            Self::Live(_) => None,
            #[cfg(feature = "pattern")]
            Self::Pattern(pattern) => Some(pattern.format().frame_rate()),
        }
    }

    /// Returns what the medium was made of, for people.
    pub(super) fn origin(&self) -> String {
        match self {
            Self::Recorded(recorded) => recorded.index().path().display().to_string(),
            Self::Live(live) if live.demand().is_some() => "a source of the network".to_owned(),
            Self::Live(_) => "a live input".to_owned(),
            #[cfg(feature = "pattern")]
            Self::Pattern(_) => "the test pattern".to_owned(),
        }
    }

    /// Returns the rate at which frames are shown, on average; for a live input, that of its newest frames.
    /// `None` before there are any.
    #[cfg(feature = "http")]
    pub(super) fn mean_rate(&self) -> Option<FrameRate> {
        let live = || match self {
            Self::Live(live) => {
                let (_, ticks) = live.window().volume();
                let per_second = 1000 * u64::from(jpeg::TRACK.clock_rate);
                let rate = (live.window().len() as u64 * per_second).checked_div(ticks)?;
                u32::try_from(rate).ok().map(FrameRate)
            }
            _ => None,
        };
        self.frame_rate().or_else(|| self.own_rate()).or_else(live)
    }

    /// Returns the number of frames, once through; `None` for a live input.
    pub(super) fn frames(&self) -> Option<u64> {
        match self {
            Self::Recorded(recorded) => Some(recorded.index().frames()),
            Self::Live(_) => None,
            #[cfg(feature = "pattern")]
            Self::Pattern(pattern) => Some(pattern.frames()),
        }
    }

    /// Returns how many bits a second of the medium's time it has, on average; for a live input, those of its
    /// newest frames, and 0 before there are any.
    pub(super) fn bitrate(&self) -> u64 {
        let per_second = |bytes: u64, of: u64, second: u64| {
            u64::try_from(u128::from(bytes) * 8 * u128::from(second) / u128::from(of.max(1)))
                .unwrap_or(u64::MAX)
        };
        match self {
            Self::Recorded(recorded) => {
                per_second(recorded.bytes(), recorded.duration().as_micros(), 1_000_000)
            }
            Self::Live(live) => {
                let (bytes, ticks) = live.window().volume();
                per_second(bytes, ticks, u64::from(jpeg::TRACK.clock_rate))
            }
            #[cfg(feature = "pattern")]
            Self::Pattern(pattern) => {
                let rate = u64::from(pattern.format().frame_rate().0);
                per_second(pattern.bytes(), pattern.frames() * 1000, rate)
            }
        }
    }

    /// Returns the codec and clock of a track; `None` if there is no such track.
    pub(super) fn info(&self, track: TrackId) -> Option<TrackInfo<'_>> {
        match self {
            Self::Recorded(recorded) => recorded.info(track.track),
            Self::Live(live) => live.window().info(track),
            #[cfg(feature = "pattern")]
            Self::Pattern(pattern) => pattern.info(track),
        }
    }

    /// As [`FrameStore::frame`]. Frames of recorded media come from `loaded`.
    pub(super) fn frame<'a>(
        &'a self,
        track: TrackId,
        id: FrameId,
        loaded: &'a LoopFrames,
    ) -> Result<Frame<'a>, Miss> {
        match self {
            Self::Recorded(recorded) => recorded.frame(track, id, loaded),
            Self::Live(live) => live.window().frame(track, id),
            #[cfg(feature = "pattern")]
            Self::Pattern(pattern) => pattern.frame(track, id),
        }
    }

    /// Returns a frame that stays there for as long as it is held.
    ///
    /// # Errors
    /// As [`Self::frame`].
    #[cfg(feature = "http")]
    pub(super) fn hold(&self, track: TrackId, id: FrameId, loaded: &LoopFrames) -> Result<HeldFrame, Miss> {
        Ok(HeldFrame(match self {
            Self::Recorded(recorded) => Held::Recorded(recorded.cached(track, id, loaded)?.1.clone()),
            Self::Live(live) => Held::Live(live.window().shared(track, id)?.clone()),
            #[cfg(feature = "pattern")]
            Self::Pattern(pattern) => {
                pattern.frame(track, id).map(|_| Held::Pattern(pattern.clone(), track, id))?
            }
        }))
    }

    /// As [`FrameStore::seek`].
    pub(super) fn seek(&self, track: TrackId, to: Seek) -> Result<FrameId, Miss> {
        match self {
            Self::Recorded(recorded) => recorded.seek(track, to),
            Self::Live(live) => live.window().seek(track, to),
            #[cfg(feature = "pattern")]
            Self::Pattern(pattern) => pattern.seek(track, to),
        }
    }

    /// As [`FrameStore::time`]. Times of recorded media are known before their frames are loaded.
    pub(super) fn time(&self, track: TrackId, id: FrameId) -> Result<u64, Miss> {
        match self {
            Self::Recorded(recorded) => recorded.time(track, id),
            Self::Live(live) => live.window().time(track, id),
            #[cfg(feature = "pattern")]
            Self::Pattern(pattern) => pattern.time(track, id),
        }
    }
}
