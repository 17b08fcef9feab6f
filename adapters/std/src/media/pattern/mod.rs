//! The built-in test pattern: a loop of frames, drawn and encoded before anyone watches.
//!
//! To draw and encode while sending would cost a core for each large picture. A loop costs memory
//! and a moment at the start, and any number of sessions read it.
mod draw;

use super::normalise::{Fault, Normaliser, Normalising, Ready};
use super::to_frame;
use draw::Picture;
use jpeg_encoder::{ColorType, Encoder, EncodingError, SamplingFactor};
use pinhole::codec::jpeg::TRACK;
use pinhole::frame::{Frame, FrameId, FrameStore, Miss, Seek, TrackId, TrackInfo};
use pinhole::media::FrameClock;
use pinhole::sdp::FrameRate;
use pinhole::time::MediaTime;
use std::num::NonZero;
use std::thread;
use thiserror::Error;

/// One MCU; there is nothing to see in less.
const MIN_SIDE: u16 = 16;
/// 8K fits, and the viewer decodes 8192x8192 at most.
const MAX_SIDE: u16 = 8192;
/// In thousandths of a frame per second.
const RATES: std::ops::RangeInclusive<u32> = 100..=1_000_000;
/// Pixels in a second: 8K at 60 frames. With more, the start would take minutes.
const MAX_PIXEL_RATE: u64 = 1 << 31;

/// The shape comes back to its place in so many seconds: a loop of a multiple has no seam.
const PERIOD: u64 = 2;
const MAX_LOOP_SECONDS: u64 = 60;
/// Pixels in a loop, where that is not less than one period: seconds of work for one core.
const LOOP_PIXELS: u64 = 1 << 28;
/// What the frames of a loop may take.
const LOOP_BYTES: usize = 256 << 20;
/// What the canvases of all threads may take.
const CANVAS_BYTES: usize = 256 << 20;
/// Of 100: flat colours and sharp letters without visible noise.
const QUALITY: u8 = 85;

/// Size and rate of a test pattern, within what can be made and shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PatternFormat {
    width: u16,
    height: u16,
    frame_rate: FrameRate,
}

impl PatternFormat {
    /// A pattern of `width` by `height` pixels.
    ///
    /// # Errors
    /// Which of the limits it is outside of.
    pub fn new(width: u16, height: u16, frame_rate: FrameRate) -> Result<Self, PatternFormatError> {
        let sides = MIN_SIDE..=MAX_SIDE;
        if !sides.contains(&width) || !sides.contains(&height) {
            return Err(PatternFormatError::Size { width, height });
        }
        if !RATES.contains(&frame_rate.0) {
            return Err(PatternFormatError::Rate);
        }
        let format = Self { width, height, frame_rate };
        if format.pixels() * u64::from(frame_rate.0) / 1000 > MAX_PIXEL_RATE {
            return Err(PatternFormatError::PixelRate);
        }
        Ok(format)
    }

    /// Pixels across and down.
    pub const fn size(self) -> (u16, u16) {
        (self.width, self.height)
    }

    /// The rate at which it is drawn, and played.
    pub const fn frame_rate(self) -> FrameRate {
        self.frame_rate
    }

    fn pixels(self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    /// How many frames a loop has, if they take `frame_len` bytes each.
    fn loop_frames(self, frame_len: usize) -> u64 {
        let in_seconds = |seconds: u64| (u64::from(self.frame_rate.0) * seconds).div_ceil(1000);
        let affordable = LOOP_PIXELS / (self.pixels() * u64::from(self.frame_rate.0) / 1000).max(1);
        let periods = (affordable.min(MAX_LOOP_SECONDS) / PERIOD).max(1);
        let room = (LOOP_BYTES / frame_len.max(1)) as u64;
        in_seconds(periods * PERIOD).min(room).max(1)
    }
}

/// Why there is no test pattern of this size and rate.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum PatternFormatError {
    /// A side is too short or too long.
    #[error("the size must be from {MIN_SIDE} to {MAX_SIDE} pixels each way, and is {width}x{height}")]
    Size {
        /// Pixels across.
        width: u16,
        /// Pixels down.
        height: u16,
    },
    /// Too few frames, or too many.
    #[error("the rate must be from 0.1 to 1000 frames per second")]
    Rate,
    /// Size and rate are good, but not both at once.
    #[error("this is more than 8K at 60 frames per second; lower the size or the rate")]
    PixelRate,
}

/// Why a loop could not be made.
#[derive(Debug, Error)]
pub(super) enum PrepareError {
    #[error(transparent)]
    Encode(#[from] EncodingError),
    #[error("the encoder's picture cannot be sent: {}", .0.reason)]
    Normalise(Fault),
}

impl From<Fault> for PrepareError {
    fn from(fault: Fault) -> Self {
        Self::Normalise(fault)
    }
}

/// The frames of one loop.
#[derive(Debug)]
pub(super) struct Pattern {
    format: PatternFormat,
    frames: Vec<Ready>,
}

impl Pattern {
    /// Draws and encodes a loop, on all cores; takes some seconds where the pictures are large.
    pub(super) fn prepare(format: PatternFormat, how: Normalising) -> Result<Self, PrepareError> {
        let mut picture = Picture::new(format);
        let first = encode(&mut picture, 0, &mut Normaliser::new(how))?;
        // The first frame tells what each will take: they differ in a few digits.
        let count = format.loop_frames(first.data.len());
        let threads = threads(picture.pixels().len());
        let share = (count - 1).div_ceil(threads).max(1);
        let mut frames = vec![first];
        thread::scope(|scope| {
            let starts = (1..count).step_by(usize::try_from(share).unwrap_or(usize::MAX));
            let workers: Vec<_> = starts
                .map(|start| {
                    let (mut picture, mut normaliser) = (picture.clone(), Normaliser::new(how));
                    let mut part = (start..count.min(start + share))
                        .map(move |n| encode(&mut picture, n, &mut normaliser));
                    scope.spawn(move || part.by_ref().collect::<Result<Vec<_>, _>>())
                })
                .collect();
            for worker in workers {
                match worker.join() {
                    Ok(part) => frames.extend(part?),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
            Ok(Self { format, frames })
        })
    }

    pub(super) const fn format(&self) -> PatternFormat {
        self.format
    }

    /// How many frames there are before the first comes again.
    pub(super) const fn frames(&self) -> u64 {
        self.frames.len() as u64
    }
}

impl FrameStore for Pattern {
    fn info(&self, _: TrackId) -> Option<TrackInfo<'_>> {
        Some(TRACK)
    }

    fn frame(&self, _: TrackId, id: FrameId) -> Result<Frame<'_>, Miss> {
        let index = usize::try_from(id.0 % self.frames().max(1)).unwrap_or(usize::MAX);
        let Ready { data, .. } = self.frames.get(index).ok_or(Miss::End)?;
        let clock = FrameClock::from(self.format.frame_rate);
        Ok(to_frame(data, clock.pts(id.0), clock.interval()))
    }

    fn seek(&self, _: TrackId, to: Seek) -> Result<FrameId, Miss> {
        let Seek::To(time) = to else { return Ok(FrameId(0)) };
        Ok(FrameId(steady_number(self.format.frame_rate, time)))
    }
}

/// The first frame of a medium with a steady rate that is shown at `time` or later.
fn steady_number(rate: FrameRate, time: MediaTime) -> u64 {
    let number = (u128::from(time.as_micros()) * u128::from(rate.0)).div_ceil(1_000_000_000);
    u64::try_from(number).unwrap_or(u64::MAX)
}

fn encode(picture: &mut Picture, number: u64, normaliser: &mut Normaliser) -> Result<Ready, PrepareError> {
    picture.draw(number);
    let mut jpeg = Vec::new();
    let mut encoder = Encoder::new(&mut jpeg, QUALITY);
    encoder.set_sampling_factor(SamplingFactor::F_2_2);
    let (width, height) = picture.format().size();
    encoder.encode(picture.pixels(), width, height, ColorType::Rgb)?;
    Ok(normaliser.normalise(&jpeg)?.to_ready())
}

/// How many threads draw at once, each on a canvas of `canvas` bytes.
fn threads(canvas: usize) -> u64 {
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    cores.min(CANVAS_BYTES / canvas.max(1)).max(1) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use pinhole::codec::jpeg::{self, Huffman, Sampling};

    const T: TrackId = TrackId { media: 0, track: 0 };

    fn normaliser() -> Normaliser {
        Normaliser::new(Normalising::default())
    }

    fn format(width: u16, height: u16, fps: u32) -> PatternFormat {
        PatternFormat::new(width, height, FrameRate(fps * 1000)).unwrap()
    }

    #[test]
    fn frames_of_any_size_can_be_sent_as_they_are() {
        for (width, height) in [(16, 16), (17, 33), (641, 359), (2041, 16), (2560, 1440), (16, 8192)] {
            let frame = encode(&mut Picture::new(format(width, height, 1)), 7, &mut normaliser()).unwrap();
            let inspected = jpeg::inspect(&frame.data).unwrap();
            assert_eq!((inspected.info.width, inspected.info.height), (width, height));
            assert_eq!(inspected.info.sampling, Sampling::Yuv420, "{width}x{height}");
            assert_eq!(inspected.huffman, Huffman::Standard, "{width}x{height}");
            assert!(inspected.eoi && !inspected.needs_recode(), "{width}x{height}");
        }
    }

    #[test]
    fn threads_leave_the_frames_in_order() {
        let pattern = Pattern::prepare(format(64, 48, 5), Normalising::default()).unwrap();
        let mut picture = Picture::new(pattern.format());
        for (number, frame) in (0..).zip(&pattern.frames) {
            assert!(
                encode(&mut picture, number, &mut normaliser()).unwrap().data == frame.data,
                "frame {number}"
            );
        }
    }

    #[test]
    fn the_loop_goes_on_without_end_and_its_time_too() {
        let pattern = Pattern::prepare(format(32, 32, 10), Normalising::default()).unwrap();
        let count = pattern.frames();
        let frame = |id| pattern.frame(T, FrameId(id)).unwrap();
        assert_eq!(frame(3).data, frame(3 + 5 * count).data);
        assert_ne!(frame(3).data, frame(4).data);
        assert_eq!(frame(5 * count).time, 5 * count * 9_000);
        assert!(pattern.frame(T, FrameId(u64::MAX)).is_ok());
    }

    #[test]
    fn a_seek_finds_the_first_frame_at_the_time_or_after_it() {
        let pattern =
            Pattern::prepare(PatternFormat::new(16, 16, FrameRate(29_970)).unwrap(), Normalising::default())
                .unwrap();
        for id in [0, 1, 100, 1_000_000] {
            let pts = FrameClock::from(FrameRate(29_970)).pts(id);
            assert_eq!(pattern.seek(T, Seek::To(pts)), Ok(FrameId(id)));
            let later = MediaTime::from_micros(pts.as_micros() + 1);
            assert_eq!(pattern.seek(T, Seek::To(later)), Ok(FrameId(id + 1)));
        }
    }

    #[test]
    fn a_loop_is_whole_periods_within_its_budget() {
        assert_eq!(format(320, 240, 25).loop_frames(10_000), 60 * 25);
        assert_eq!(format(2560, 1440, 30).loop_frames(200_000), 2 * 30);
        // One that would not fit is cut.
        assert_eq!(format(8192, 8192, 30).loop_frames(LOOP_BYTES / 7), 7);
        assert_eq!(format(8192, 8192, 30).loop_frames(2 * LOOP_BYTES), 1);
    }

    #[test]
    fn what_cannot_be_made_is_refused() {
        let new = |width, height, rate| PatternFormat::new(width, height, FrameRate(rate));
        assert_eq!(new(15, 480, 30_000), Err(PatternFormatError::Size { width: 15, height: 480 }));
        assert_eq!(new(640, 8193, 30_000), Err(PatternFormatError::Size { width: 640, height: 8193 }));
        assert_eq!(new(640, 480, 99), Err(PatternFormatError::Rate));
        assert_eq!(new(640, 480, 1_000_001), Err(PatternFormatError::Rate));
        assert_eq!(new(8192, 8192, 60_000), Err(PatternFormatError::PixelRate));
        assert!(new(7680, 4320, 60_000).is_ok());
    }

    #[test]
    fn canvases_together_keep_to_their_budget() {
        assert_eq!(threads(CANVAS_BYTES), 1);
        assert_eq!(threads(4 * CANVAS_BYTES), 1);
        assert!(threads(1) >= 1);
    }
}
