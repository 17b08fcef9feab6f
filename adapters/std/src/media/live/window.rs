//! The newest frames of a live input, as one event loop sees them.
use super::super::normalise::NormalisedFrame;
use pinhole::codec::jpeg;
use pinhole::frame::{Frame, FrameId, FrameStore, Miss, Seek, TrackId, TrackInfo};
use pinhole::time::Duration;
use std::collections::VecDeque;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// A frame with its time and duration, in ticks.
pub(in super::super) struct LiveFrame {
    data: Vec<u8>,
    time: u64,
    duration: u32,
}

impl LiveFrame {
    /// Creates a frame that is shown at `time`, in ticks.
    pub(super) fn new(frame: NormalisedFrame, time: u64, duration: Duration) -> Self {
        let duration = u32::try_from(duration.to_ticks(jpeg::TRACK.clock_rate)).unwrap_or(0);
        Self { data: frame.data, time, duration }
    }

    #[cfg(any(feature = "http", feature = "pull"))]
    pub(in super::super) fn data(&self) -> &[u8] {
        &self.data
    }
}

/// Frames with consecutive numbers. All windows share their bytes. There is one track.
#[derive(Default)]
pub(in super::super) struct Window {
    frames: VecDeque<Arc<LiveFrame>>,
    first: u64,
    bytes: usize,
    ended: bool,
}

impl Window {
    /// Returns the numbers of the frames that can be read.
    pub(super) fn span(&self) -> Range<FrameId> {
        FrameId(self.first)..FrameId(self.next())
    }

    /// Returns how many bytes the frames have, and for how many ticks they are shown.
    pub(in super::super) fn volume(&self) -> (u64, u64) {
        (self.bytes as u64, self.frames.iter().map(|frame| u64::from(frame.duration)).sum())
    }

    /// Returns how many frames there are.
    #[cfg(feature = "http")]
    pub(in super::super) fn len(&self) -> usize {
        self.frames.len()
    }

    /// Returns whether the newest frame is the last one.
    pub(super) const fn is_over(&self) -> bool {
        self.ended
    }

    pub(super) const fn end(&mut self) {
        self.ended = true;
    }

    /// Adds the newest frame. The oldest are dropped if there are too many frames or bytes.
    pub(super) fn push(&mut self, frame: Arc<LiveFrame>, most_frames: usize, most_bytes: usize) {
        self.put(frame);
        while self.frames.len() > most_frames || self.bytes > most_bytes {
            self.drop_oldest();
        }
    }

    /// Drops the frames of which the time is before `oldest`, in ticks, but for the newest.
    pub(super) fn drop_before(&mut self, oldest: u64) {
        while self.frames.len() > 1 && self.frames.front().is_some_and(|frame| frame.time < oldest) {
            self.drop_oldest();
        }
    }

    /// Gives up all frames. The next one has the next number.
    pub(super) fn clear(&mut self) {
        self.first = self.next();
        self.frames = VecDeque::new();
        self.bytes = 0;
    }

    /// Takes on the frames of `newer`.
    pub(super) fn catch_up(&mut self, newer: &Self) {
        while self.first < newer.first && !self.frames.is_empty() {
            self.drop_oldest();
        }
        if self.frames.is_empty() {
            self.first = self.first.max(newer.first);
        }
        let known = usize::try_from(self.next() - newer.first).unwrap_or(usize::MAX);
        for frame in newer.frames.iter().skip(known) {
            self.put(frame.clone());
        }
        self.ended = newer.ended;
    }

    /// Returns a frame, which stays there for as long as somebody holds it.
    ///
    /// # Errors
    /// As [`FrameStore::frame`].
    pub(in super::super) fn shared(&self, track: TrackId, id: FrameId) -> Result<&Arc<LiveFrame>, Miss> {
        self.info(track).ok_or(Miss::End)?;
        let Some(index) = id.0.checked_sub(self.first) else {
            return Err(Miss::Overrun { newest: self.newest() });
        };
        let index = usize::try_from(index).unwrap_or(usize::MAX);
        self.frames.get(index).ok_or(if self.ended { Miss::End } else { Miss::NotYet })
    }

    fn next(&self) -> u64 {
        self.first + self.frames.len() as u64
    }

    /// Returns the number of the newest frame; without frames, the one that the next frame will have.
    fn newest(&self) -> FrameId {
        FrameId(self.next().saturating_sub(1).max(self.first))
    }

    fn put(&mut self, frame: Arc<LiveFrame>) {
        self.bytes += frame.data.len();
        self.frames.push_back(frame);
    }

    fn drop_oldest(&mut self) {
        if let Some(frame) = self.frames.pop_front() {
            self.bytes -= frame.data.len();
            self.first += 1;
        }
    }
}

impl fmt::Debug for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Window").field("span", &self.span()).field("ended", &self.ended).finish()
    }
}

impl FrameStore for Window {
    fn info(&self, track: TrackId) -> Option<TrackInfo<'_>> {
        (track.track == 0).then_some(jpeg::TRACK)
    }

    fn frame(&self, track: TrackId, id: FrameId) -> Result<Frame<'_>, Miss> {
        let frame = self.shared(track, id)?;
        Ok(Frame::intra(&frame.data, frame.time, frame.duration))
    }

    fn seek(&self, track: TrackId, to: Seek) -> Result<FrameId, Miss> {
        let info = self.info(track).ok_or(Miss::End)?;
        Ok(match to {
            Seek::Live => self.newest(),
            Seek::To(time) => {
                let time = time.to_ticks(info.clock_rate);
                FrameId(self.first + self.frames.partition_point(|frame| frame.time < time) as u64)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pinhole::codec::jpeg::{JpegInfo, Sampling};
    use proptest::prelude::*;

    const T: TrackId = TrackId { media: 0, track: 0 };
    const INFO: JpegInfo = JpegInfo::of_size(16, 16, Sampling::Yuv420);

    fn frame(n: u64, len: usize) -> Arc<LiveFrame> {
        let data = vec![n as u8; len];
        let duration = Duration::from_millis(40);
        LiveFrame::new(NormalisedFrame { data, info: INFO }, n * 3600, duration).into()
    }

    #[test]
    fn late_readers_go_on_at_the_newest_frame() {
        let mut window = Window::default();
        assert_eq!(window.frame(T, FrameId(0)).unwrap_err(), Miss::NotYet);
        for n in 0..5 {
            window.push(frame(n, 10), 3, 1000);
        }
        assert_eq!(window.span(), FrameId(2)..FrameId(5));
        assert_eq!(window.frame(T, FrameId(1)).unwrap_err(), Miss::Overrun { newest: FrameId(4) });
        assert_eq!(window.frame(T, FrameId(5)).unwrap_err(), Miss::NotYet);
        window.end();
        assert_eq!(window.frame(T, FrameId(4)).unwrap().data, [4; 10]);
        assert_eq!(window.frame(T, FrameId(5)).unwrap_err(), Miss::End);
    }

    #[test]
    fn old_frames_are_dropped_but_for_the_newest() {
        let mut window = Window::default();
        for n in 0..5 {
            window.push(frame(n, 10), 9, 1000);
        }
        window.drop_before(3 * 3600);
        assert_eq!(window.span(), FrameId(3)..FrameId(5));
        window.drop_before(u64::MAX);
        assert_eq!((window.span(), window.bytes), (FrameId(4)..FrameId(5), 10));
    }

    #[test]
    fn a_window_that_was_cleared_goes_on_with_the_next_number() {
        let (mut window, mut view) = (Window::default(), Window::default());
        for n in 0..3 {
            window.push(frame(n, 10), 3, 1000);
        }
        view.catch_up(&window);
        window.clear();
        view.catch_up(&window);
        assert_eq!((view.span(), view.bytes), (FrameId(3)..FrameId(3), 0));
        assert_eq!(view.frame(T, FrameId(2)).unwrap_err(), Miss::Overrun { newest: FrameId(3) });
        window.push(frame(3, 10), 3, 1000);
        view.catch_up(&window);
        assert_eq!(view.frame(T, FrameId(3)).unwrap().data, [3; 10]);
    }

    proptest! {
        /// A window that catches up shows the same bytes as the other one, not copies.
        #[test]
        fn windows_show_the_same(
            pushes in prop::collection::vec((0usize..50, any::<bool>()), 0..60),
            most_frames in 1usize..6,
            most_bytes in 50usize..100,
        ) {
            let (mut all, mut view) = (Window::default(), Window::default());
            for (n, (len, catch_up)) in (0..).zip(pushes) {
                all.push(frame(n, len), most_frames, most_bytes);
                prop_assert!(all.frames.len() <= most_frames && all.bytes <= most_bytes);
                if !catch_up {
                    continue;
                }
                view.catch_up(&all);
                prop_assert_eq!((view.span(), view.bytes), (all.span(), all.bytes));
                for id in all.span().start.0..all.span().end.0 {
                    let shown = view.frame(T, FrameId(id)).unwrap();
                    prop_assert!(std::ptr::eq(shown.data, all.frame(T, FrameId(id)).unwrap().data));
                    prop_assert_eq!(shown.time, id * 3600);
                    prop_assert_eq!(view.seek(T, Seek::To(shown.media_time(90_000))), Ok(FrameId(id)));
                }
            }
        }
    }
}
