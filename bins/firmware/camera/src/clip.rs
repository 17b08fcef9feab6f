//! A clip that is read in place, from flash.
use pinhole::codec::jpeg::TRACK;
use pinhole::frame::{Frame, FrameId, FrameStore, Miss, Seek, TrackId, TrackInfo};
use pinhole::sdp::{FrameRate, Track};
use pinhole::time::{Duration, Instant, MediaTime};

/// What `build.rs` has made of a file.
static CLIP: Clip = include!(concat!(env!("OUT_DIR"), "/clip.rs"));
static BYTES: [u8; include_bytes!(concat!(env!("OUT_DIR"), "/clip.bin")).len()] =
    *include_bytes!(concat!(env!("OUT_DIR"), "/clip.bin"));

const fn part(start: usize, len: usize) -> &'static [u8] {
    BYTES.as_slice().split_at(start).1.split_at(len).0
}

/// The bytes of a picture.
type Picture = &'static [u8];

struct Clip {
    frame_rate: FrameRate,
    dimensions: (u16, u16),
    pictures: &'static [Picture],
}

impl Clip {
    /// When a frame is shown.
    fn time_of(&self, id: FrameId) -> MediaTime {
        MediaTime::ZERO + Duration::from_secs(1).scaled(id.0.saturating_mul(1_000), self.frame_rate.0.into())
    }

    /// The frame that is shown at `time`.
    fn at(&self, time: MediaTime) -> FrameId {
        let rate = u64::from(self.frame_rate.0);
        let id = FrameId(time.as_micros().saturating_mul(rate) / 1_000_000_000);
        // The time of a frame is rounded down.
        if self.time_of(id.next()) <= time { id.next() } else { id }
    }
}

/// The clip's track, for a session description.
pub const fn track() -> Track<'static> {
    Track { info: TRACK, dimensions: Some(CLIP.dimensions), frame_rate: Some(CLIP.frame_rate) }
}

/// The clip as it is now: played without end since the clock's origin, all frames since then in reach.
#[derive(Clone, Copy, Debug)]
pub struct Live(MediaTime);

impl Live {
    /// As it is at `now`.
    pub const fn at(now: Instant) -> Self {
        Self(MediaTime::from_micros(now.as_micros()))
    }

    /// When there is another frame.
    pub fn next_at(&self) -> Instant {
        Instant::from_micros(CLIP.time_of(CLIP.at(self.0).next()).as_micros())
    }
}

impl FrameStore for Live {
    fn info(&self, _: TrackId) -> Option<TrackInfo<'_>> {
        Some(TRACK)
    }

    fn frame(&self, _: TrackId, id: FrameId) -> Result<Frame<'_>, Miss> {
        if id > CLIP.at(self.0) {
            return Err(Miss::NotYet);
        }
        let index = id.0.checked_rem(CLIP.pictures.len() as u64).ok_or(Miss::End)?;
        let picture = CLIP.pictures.get(index as usize).ok_or(Miss::End)?;
        let [time, end] = [id, id.next()].map(|id| CLIP.time_of(id).to_ticks(TRACK.clock_rate));
        Ok(Frame::intra(picture, time, end.saturating_sub(time) as u32))
    }

    fn seek(&self, _: TrackId, _: Seek) -> Result<FrameId, Miss> {
        Ok(CLIP.at(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pinhole::codec::jpeg::{JpegInfo, inspect};

    const T: TrackId = TrackId { media: 0, track: 0 };

    #[test]
    fn every_picture_is_what_is_said_of_it() {
        let live = Live::at(Instant::from_micros(60_000_000));
        for id in (0..CLIP.pictures.len() as u64).map(FrameId) {
            let frame = live.frame(T, id).unwrap();
            let inspected = inspect(frame.data).unwrap();
            assert!(!inspected.needs_recode() && inspected.info.restart_interval > 0, "{id:?}");
            assert_eq!(JpegInfo::locate(frame.data), Some(inspected.info), "{id:?}");
            assert_eq!((inspected.info.width, inspected.info.height), CLIP.dimensions);
        }
    }

    #[test]
    fn the_clip_repeats_by_the_clock() {
        for id in [0, 1, 2, 3, 29, 30, 31, 1_000_000].map(FrameId) {
            let live = Live::at(Instant::from_micros(CLIP.time_of(id).as_micros()));
            assert_eq!(live.seek(T, Seek::Live), Ok(id));
            assert_eq!(live.frame(T, id.next()).unwrap_err(), Miss::NotYet);
            let later = Live::at(live.next_at());
            assert_eq!(later.seek(T, Seek::Live), Ok(id.next()));
            let again = FrameId(id.0 + CLIP.pictures.len() as u64);
            let much_later = Live::at(Instant::from_micros(u64::MAX >> 20));
            let [a, b] = [id, again].map(|id| much_later.frame(T, id).unwrap());
            assert!(a.data == b.data && a.time < b.time);
        }
    }
}
