//! Recorded media: frames that are found when the medium is added, and loaded when a session is about to
//! read them.
mod borrowed;
mod cache;
mod chunks;
mod containers;
#[cfg(test)]
mod faults;
mod files;
mod health;
mod index;
mod loaders;
#[cfg(feature = "metrics")]
mod loading;
mod loop_frames;
#[cfg(test)]
mod memory_file;
mod open_file;
mod scan;
#[cfg(any(feature = "simulation", all(test, feature = "server", feature = "transcode")))]
#[cfg_attr(not(feature = "simulation"), allow(unreachable_pub, reason = "tests call what others call"))]
pub mod simulation;
mod source;

use super::Playback;
use super::normalise::NormaliseOptions;
pub(super) use cache::CachedFrame;
use cache::FrameKey;
use health::Outlook;
use pinhole::codec::jpeg;
use pinhole::frame::{Frame, FrameId, Miss, Seek, TrackId, TrackInfo};
use pinhole::media::FrameClock;
use pinhole::sdp::FrameRate;
use pinhole::time::{Duration, MediaTime};
use source::{Source, Tools};

pub(super) use containers::{Timing, Unit};
#[cfg(test)]
pub(super) use files::ReadAt;
pub(super) use files::{Disk, FileId, Files, Stamp};
pub use index::Indexing;
pub(super) use index::{Index, Watch};
#[cfg(feature = "metrics")]
pub(crate) use loading::LoadingMeter;
pub(super) use loop_frames::LoopFrames;

/// A file, or a directory of pictures. It has one track.
#[derive(Debug)]
pub(super) struct Recorded {
    index: Index,
    size: Option<(u16, u16)>,
    /// The length of a slot.
    unit: Unit,
    /// How long each frame is shown, in ticks; `None` if that is until the next one.
    interval: Option<u32>,
    /// `None` if frames are not equally far apart.
    frame_rate: Option<FrameRate>,
    repeat: bool,
    how: NormaliseOptions,
    bytes: u64,
}

impl Recorded {
    /// Creates a medium. If its first frame has to be transcoded, that is done here, to know its size.
    pub(super) fn new(index: Index, playback: Playback, how: NormaliseOptions) -> Self {
        let size = index.size().or_else(|| {
            let mut tools = Tools::new(how);
            let normalised = index.normalise(0, &mut tools.normaliser, &mut tools.buffer).ok()?;
            Some((normalised.info.width, normalised.info.height))
        });
        let (unit, clock) = match index.timing() {
            Timing::Varying { unit, .. } => (*unit, None),
            Timing::Steady(clock) => {
                let clock = clock.unwrap_or_else(|| playback.frame_rate.into());
                (clock.into(), Some(clock))
            }
        };
        let interval = clock.map(|clock| ticks(clock.interval()));
        let frame_rate = clock.map(FrameClock::frame_rate);
        let bytes = index.bytes();
        Self { index, size, unit, interval, frame_rate, repeat: playback.repeat, how, bytes }
    }

    pub(super) const fn index(&self) -> &Index {
        &self.index
    }

    /// Returns whether it starts over when it ends.
    pub(super) const fn repeats(&self) -> bool {
        self.repeat
    }

    /// Returns the width and height of the first frame, in pixels; `None` if it cannot be sent.
    pub(super) const fn size(&self) -> Option<(u16, u16)> {
        self.size
    }

    /// Returns the rate of the frames; `None` if they are not equally far apart.
    pub(super) const fn frame_rate(&self) -> Option<FrameRate> {
        self.frame_rate
    }

    /// Returns the length of the medium, once through.
    pub(super) fn duration(&self) -> Duration {
        self.unit.time(self.index.slots()).since(MediaTime::ZERO)
    }

    /// Returns how many bytes all frames have, once through, before they are normalised.
    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) const fn info(&self, track: u8) -> Option<TrackInfo<'_>> {
        match track {
            0 => Some(jpeg::TRACK),
            _ => None,
        }
    }

    /// Returns a frame that `frames` has.
    ///
    /// # Errors
    /// [`Miss::NotYet`] if it has to be loaded first; [`Miss::Unusable`] if it cannot be sent;
    /// [`Miss::End`] if there is no such frame, and if neither it nor any other can be had.
    pub(super) fn frame<'a>(
        &'a self,
        track: TrackId,
        id: FrameId,
        frames: &'a LoopFrames,
    ) -> Result<Frame<'a>, Miss> {
        let (n, data) = self.cached(track, id, frames)?;
        let duration = self.interval.unwrap_or_else(|| self.shown(n));
        Ok(Frame::intra(data, self.time_at(id, n), duration))
    }

    /// Returns the bytes of a frame that `frames` has, and the place of the frame.
    ///
    /// # Errors
    /// As [`Self::frame`].
    pub(super) fn cached<'a>(
        &self,
        track: TrackId,
        id: FrameId,
        frames: &'a LoopFrames,
    ) -> Result<(u32, &'a CachedFrame), Miss> {
        let n = self.locate_in(track, id)?;
        let key = FrameKey { track, n };
        if let Some(data) = frames.get(key) {
            return Ok((n, data));
        }
        match self.index.outlook(n) {
            Outlook::PassOver => Err(Miss::Unusable),
            Outlook::Good { .. } if !self.index.is_down() => {
                frames.miss(key);
                Err(Miss::NotYet)
            }
            Outlook::Good { .. } | Outlook::End => Err(self.fail(track, frames)),
        }
    }

    /// Returns the time of a frame, which need not be loaded.
    ///
    /// # Errors
    /// [`Miss::End`] if there is no such frame.
    pub(super) fn time(&self, track: TrackId, id: FrameId) -> Result<u64, Miss> {
        Ok(self.time_at(id, self.locate_in(track, id)?))
    }

    pub(super) fn seek(&self, track: TrackId, to: Seek) -> Result<FrameId, Miss> {
        self.info(track.track).ok_or(Miss::End)?;
        let Seek::To(time) = to else { return Ok(FrameId(0)) };
        let whole = self.duration().as_micros().max(1);
        let round = if self.repeat { time.as_micros() / whole } else { 0 };
        let first = round * self.index.slots();
        let n = self.index.partition_point(|slot| self.unit.time(first + slot) < time);
        Ok(FrameId(round * self.index.frames() + n as u64))
    }

    /// Notes that a stream ends because the medium has failed.
    fn fail(&self, track: TrackId, frames: &LoopFrames) -> Miss {
        frames.fail(track.media, || self.index.newest_problem());
        Miss::End
    }

    fn locate_in(&self, track: TrackId, id: FrameId) -> Result<u32, Miss> {
        self.info(track.track).and_then(|_| self.locate(id)).ok_or(Miss::End)
    }

    /// Returns the time of frame `id`, which is at place `n`, in ticks.
    fn time_at(&self, id: FrameId, n: u32) -> u64 {
        let frames = self.index.frames().max(1);
        let round = if self.repeat && id.0 >= frames { id.0 / frames } else { 0 };
        let slot = self.index.slot(n).unwrap_or_default();
        self.unit.time(round * self.index.slots() + slot).to_ticks(jpeg::TRACK.clock_rate)
    }

    /// Returns for how long the frame at place `n` is shown, in ticks: until the next one, or the end.
    fn shown(&self, n: u32) -> u32 {
        let end =
            n.checked_add(1).and_then(|next| self.index.slot(next)).unwrap_or_else(|| self.index.slots());
        let start = self.index.slot(n).unwrap_or_default();
        ticks(self.unit.time(end).since(self.unit.time(start)))
    }
}

fn ticks(span: Duration) -> u32 {
    u32::try_from(span.to_ticks(jpeg::TRACK.clock_rate)).unwrap_or(0)
}

impl Source for Recorded {
    fn locate(&self, id: FrameId) -> Option<u32> {
        let count = self.index.frames();
        // A division costs more than the rest.
        let n = if self.repeat && id.0 >= count { id.0.checked_rem(count)? } else { id.0 };
        (n < count).then(|| u32::try_from(n).ok()).flatten()
    }

    fn needs_loading(&self, n: u32) -> bool {
        matches!(self.index.outlook(n), Outlook::Good { .. }) && !self.index.is_down()
    }

    fn load(&self, n: u32, tools: &mut Tools) -> Option<Box<[u8]>> {
        // Media may be normalised in different ways.
        tools.normaliser.set_how(self.how);
        self.index.load(n, tools)
    }

    fn panicked(&self, n: u32) {
        self.index.panicked(n);
    }

    fn device(&self) -> u64 {
        self.index.device()
    }
}
