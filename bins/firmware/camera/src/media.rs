//! The frames of all media: the one store that the server reads.
use pinhole::codec::jpeg::TRACK;
use pinhole::frame::{Frame, FrameId, FramePool, FrameStore, Miss, PoolSlot, Seek, TrackId, TrackInfo, Want};
use pinhole::time::MediaTime;
use pinhole_camera::{clip, pattern};
use pinhole_smoltcp::memory::PoolSize;
use pinhole_smoltcp::time::{from_smoltcp, to_smoltcp};
use smoltcp::time::Instant;

/// The number of the clip in flash.
pub(crate) const CLIP: u16 = 0;
/// The number of the pattern.
pub(crate) const PATTERN: u16 = 1;

/// Room for the pattern's frames: one is drawn, one is the newest, and clients may be in the middle of others. If
/// all are in use, a picture is left out.
pub(crate) const POOL: PoolSize = PoolSize { buffers: 3, len: pattern::MAX_LEN };

/// All media, as they are now.
pub(crate) struct Media {
    clip: clip::Live,
    pattern: FramePool<&'static mut [PoolSlot], &'static mut [u8]>,
    /// The frame of the pattern that is drawn next.
    next: u64,
}

impl Media {
    /// The pattern's frames lie in this storage.
    pub(crate) fn new(slots: &'static mut [PoolSlot], bytes: &'static mut [u8]) -> Self {
        let clip = clip::Live::at(pinhole::time::Instant::ZERO);
        Self { clip, pattern: FramePool::new(TRACK, slots, bytes), next: 0 }
    }

    /// Brings them up to date, for sessions that want these frames; returns when there is another frame.
    ///
    /// Here a camera leases a buffer for its sensor, and commits the one that is full.
    pub(crate) fn update(&mut self, now: Instant, wanted: impl Iterator<Item = Want>) -> Option<Instant> {
        let now = from_smoltcp(now);
        self.clip = clip::Live::at(now);
        let newest = pattern::at(MediaTime::from_micros(now.as_micros()));
        if newest >= self.next {
            self.pattern.hold(now, wanted.filter(|want| want.track.media == PATTERN));
            // Fails if clients are in the middle of all frames.
            let _ = pattern::draw(&mut self.pattern, newest);
            self.next = newest + 1;
        }
        let pattern_at = pinhole::time::Instant::from_micros(pattern::time_of(self.next).as_micros());
        Some(to_smoltcp(self.clip.next_at().min(pattern_at)))
    }
}

impl FrameStore for Media {
    fn info(&self, track: TrackId) -> Option<TrackInfo<'_>> {
        match track.media {
            CLIP => self.clip.info(track),
            PATTERN => self.pattern.info(track),
            _ => None,
        }
    }

    fn frame(&self, track: TrackId, id: FrameId) -> Result<Frame<'_>, Miss> {
        match track.media {
            CLIP => self.clip.frame(track, id),
            PATTERN => self.pattern.frame(track, id),
            _ => Err(Miss::End),
        }
    }

    fn seek(&self, track: TrackId, to: Seek) -> Result<FrameId, Miss> {
        if track.media == PATTERN { self.pattern.seek(track, to) } else { self.clip.seek(track, to) }
    }
}
