//! The frames of all media: the one store that the server reads.
use pinhole::codec::jpeg::TRACK;
use pinhole::frame::{Frame, FrameId, FrameStore, Miss, Seek, TrackId, TrackInfo};
use pinhole::frame::{FrameRing, Slot};
use pinhole::time::MediaTime;
use pinhole_camera::{clip, pattern};
use pinhole_smoltcp::memory::RingSize;
use pinhole_smoltcp::time::{from_smoltcp, to_smoltcp};
use smoltcp::time::Instant;

/// The number of the clip in flash.
pub(crate) const CLIP: u16 = 0;
/// The number of the pattern.
pub(crate) const PATTERN: u16 = 1;

/// Room for the pattern's newest frames. A client may begin at a frame just before the next one comes,
/// and is sent all others that late, too: two are kept while a third is drawn.
pub(crate) const RING: RingSize = RingSize { slots: 3, bytes: 3 * pattern::MAX_LEN };

/// All media, as they are now.
pub(crate) struct Media {
    clip: clip::Live,
    pattern: FrameRing<&'static mut [Slot], &'static mut [u8]>,
    /// The frame of the pattern that is drawn next.
    next: u64,
}

impl Media {
    /// The pattern's frames lie in this storage.
    pub(crate) fn new(slots: &'static mut [Slot], bytes: &'static mut [u8]) -> Self {
        let clip = clip::Live::at(pinhole::time::Instant::ZERO);
        Self { clip, pattern: FrameRing::new(TRACK, slots, bytes), next: 0 }
    }

    /// Brings them up to date; returns when there is another frame.
    ///
    /// Here a camera puts the picture that its sensor has into the ring.
    pub(crate) fn update(&mut self, now: Instant) -> Option<Instant> {
        let now = from_smoltcp(now);
        self.clip = clip::Live::at(now);
        let newest = pattern::at(MediaTime::from_micros(now.as_micros()));
        if newest >= self.next {
            // The ring has room for any.
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
