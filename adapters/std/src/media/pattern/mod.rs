//! The test pattern: a loop of frames that are drawn and encoded before the server starts.
//!
//! Drawing and encoding while sending would take a core for each large picture. A loop takes memory and a
//! moment at the start, and any number of sessions read it.
mod draw;

use super::normalise::{Fault, NormaliseOptions, Normaliser};
use draw::Picture;
use jpeg_encoder::{ColorType, Encoder, EncodingError, SamplingFactor};
use pinhole::codec::jpeg::TRACK as JPEG;
use pinhole::frame::{Frame, FrameId, FrameStore, Miss, Seek, TrackId, TrackInfo};
use pinhole::media::FrameClock;
use pinhole::sdp::FrameRate;
use pinhole::time::MediaTime;
use std::num::NonZero;
use std::thread;
use thiserror::Error;

/// The shortest side in pixels: one MCU.
const MIN_SIDE: u16 = 16;
/// The longest side in pixels. 8K fits, and the viewer decodes at most 8192x8192.
const MAX_SIDE: u16 = 8192;
/// The range of rates, in thousandths of a frame per second.
const RATES: std::ops::RangeInclusive<u32> = 100..=1_000_000;
/// The most pixels per second: 8K at 60 frames. The start would take minutes with more.
const MAX_PIXEL_RATE: u64 = 1 << 31;

/// The seconds after which the shape is back at its place. A loop of a multiple has no seam.
const PERIOD: u64 = 2;
const MAX_LOOP_SECONDS: u64 = 60;
/// The most pixels of a loop, which has at least one period: seconds of work for one core.
const LOOP_PIXELS: u64 = 1 << 28;
/// The most bytes of the frames of a loop.
const LOOP_BYTES: usize = 256 << 20;
/// The most bytes of the canvases of all threads.
const CANVAS_BYTES: usize = 256 << 20;
/// The encoder's quality, of 100: flat colours and sharp letters without visible noise.
const QUALITY: u8 = 85;

/// The size and the frame rate of a test pattern. The width and the height are from 16 to 8192 pixels each,
/// and the rate is from 0.1 to 1000 frames per second. Width, height and rate multiplied are at most 2^31
/// pixels per second. [`Self::new`] refuses other values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PatternFormat {
    width: u16,
    height: u16,
    frame_rate: FrameRate,
}

impl PatternFormat {
    /// Creates the format of a test pattern. `width` and `height` are in pixels.
    ///
    /// # Errors
    /// - [`PatternFormatError::Size`] if the width or the height is less than 16 or more than 8192 pixels.
    /// - [`PatternFormatError::Rate`] if the rate is less than 0.1 or more than 1000 frames per second.
    /// - [`PatternFormatError::PixelRate`] if the pattern has more than 2^31 pixels per second.
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

    /// Returns the width and the height of the pattern in pixels.
    pub const fn size(self) -> (u16, u16) {
        (self.width, self.height)
    }

    /// Returns the frame rate at which the pattern is drawn and played.
    pub const fn frame_rate(self) -> FrameRate {
        self.frame_rate
    }

    fn pixels(self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    /// Returns how many frames a loop has, if each takes `frame_len` bytes.
    fn loop_frames(self, frame_len: usize) -> u64 {
        let in_seconds = |seconds: u64| (u64::from(self.frame_rate.0) * seconds).div_ceil(1000);
        let affordable = LOOP_PIXELS / (self.pixels() * u64::from(self.frame_rate.0) / 1000).max(1);
        let periods = (affordable.min(MAX_LOOP_SECONDS) / PERIOD).max(1);
        let room = (LOOP_BYTES / frame_len.max(1)) as u64;
        in_seconds(periods * PERIOD).min(room).max(1)
    }
}

/// Why a test pattern cannot have this size and frame rate. It is displayed as a sentence for the user.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum PatternFormatError {
    /// The width or the height is less than 16 or more than 8192 pixels.
    #[error("the size must be from {MIN_SIDE} to {MAX_SIDE} pixels each way, and is {width}x{height}")]
    Size {
        /// The width that was asked for, in pixels.
        width: u16,
        /// The height that was asked for, in pixels.
        height: u16,
    },
    /// The frame rate is less than 0.1 or more than 1000 frames per second.
    #[error("the rate must be from 0.1 to 1000 frames per second")]
    Rate,
    /// The size and the frame rate are each within their limits, but width, height and rate multiplied are
    /// more than 2^31 pixels per second. The limit is about 8K at 60 frames per second. Lower the size or the
    /// rate.
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
    frames: Vec<Box<[u8]>>,
}

impl Pattern {
    /// Draws and encodes a loop, on all cores. Blocks, for some seconds if the pictures are large.
    ///
    /// # Errors
    /// A picture cannot be encoded.
    pub(super) fn prepare(format: PatternFormat, how: NormaliseOptions) -> Result<Self, PrepareError> {
        let mut picture = Picture::new(format);
        let first = encode(&mut picture, 0, &mut Normaliser::new(how))?;
        // All frames are about as long as the first one: they differ in a few digits.
        let count = format.loop_frames(first.len());
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

    /// Returns when frame `number` is shown, in ticks.
    fn time_of(&self, number: u64) -> u64 {
        FrameClock::from(self.format.frame_rate).pts(number).to_ticks(JPEG.clock_rate)
    }

    /// Returns how many bytes the frames of the loop have.
    pub(super) fn bytes(&self) -> u64 {
        self.frames.iter().map(|frame| frame.len() as u64).sum()
    }

    /// Returns the number of frames before the first one comes again.
    pub(super) const fn frames(&self) -> u64 {
        self.frames.len() as u64
    }
}

impl FrameStore for Pattern {
    fn info(&self, track: TrackId) -> Option<TrackInfo<'_>> {
        (track.track == 0).then_some(JPEG)
    }

    fn frame(&self, track: TrackId, id: FrameId) -> Result<Frame<'_>, Miss> {
        let info = self.info(track).ok_or(Miss::End)?;
        let index = usize::try_from(id.0 % self.frames().max(1)).unwrap_or(usize::MAX);
        let data = self.frames.get(index).ok_or(Miss::End)?;
        let interval = FrameClock::from(self.format.frame_rate).interval();
        let duration = u32::try_from(interval.to_ticks(info.clock_rate)).unwrap_or(0);
        Ok(Frame::intra(data, self.time_of(id.0), duration))
    }

    fn seek(&self, track: TrackId, to: Seek) -> Result<FrameId, Miss> {
        self.info(track).ok_or(Miss::End)?;
        let Seek::To(time) = to else { return Ok(FrameId(0)) };
        let number = steady_number(self.format.frame_rate, time);
        // The frame before may be shown at the same tick.
        let before = number.checked_sub(1).filter(|n| self.time_of(*n) >= time.to_ticks(JPEG.clock_rate));
        Ok(FrameId(before.unwrap_or(number)))
    }
}

/// Returns the first frame of a steady rate that is shown at `time` or later, in microseconds.
fn steady_number(rate: FrameRate, time: MediaTime) -> u64 {
    let number = (u128::from(time.as_micros()) * u128::from(rate.0)).div_ceil(1_000_000_000);
    u64::try_from(number).unwrap_or(u64::MAX)
}

fn encode(
    picture: &mut Picture,
    number: u64,
    normaliser: &mut Normaliser,
) -> Result<Box<[u8]>, PrepareError> {
    picture.draw(number);
    let mut jpeg = Vec::new();
    let mut encoder = Encoder::new(&mut jpeg, QUALITY);
    encoder.set_sampling_factor(SamplingFactor::F_2_2);
    let (width, height) = picture.format().size();
    encoder.encode(picture.pixels(), width, height, ColorType::Rgb)?;
    Ok(normaliser.normalise(&jpeg)?.data.into())
}

/// Returns how many threads draw at once, each on a canvas of `canvas` bytes.
fn threads(canvas: usize) -> u64 {
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    cores.min(CANVAS_BYTES / canvas.max(1)).max(1) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use pinhole::codec::jpeg::{self, Huffman, Sampling};

    const TRACK: TrackId = TrackId { media: 0, track: 0 };

    fn normaliser() -> Normaliser {
        Normaliser::new(NormaliseOptions::default())
    }

    fn format(width: u16, height: u16, fps: u32) -> PatternFormat {
        PatternFormat::new(width, height, FrameRate(fps * 1000)).unwrap()
    }

    #[test]
    fn frames_of_any_size_can_be_sent_as_they_are() {
        for (width, height) in [(16, 16), (17, 33), (641, 359), (2041, 16), (2560, 1440), (16, 8192)] {
            let frame = encode(&mut Picture::new(format(width, height, 1)), 7, &mut normaliser()).unwrap();
            let inspected = jpeg::inspect(&frame).unwrap();
            assert_eq!((inspected.info.width, inspected.info.height), (width, height));
            assert_eq!(inspected.info.sampling, Sampling::Yuv420, "{width}x{height}");
            assert_eq!(inspected.huffman, Huffman::Standard, "{width}x{height}");
            assert!(inspected.eoi && !inspected.needs_recode(), "{width}x{height}");
        }
    }

    #[test]
    fn threads_leave_the_frames_in_order() {
        let pattern = Pattern::prepare(format(64, 48, 5), NormaliseOptions::default()).unwrap();
        let mut picture = Picture::new(pattern.format());
        for (number, frame) in (0..).zip(&pattern.frames) {
            assert!(encode(&mut picture, number, &mut normaliser()).unwrap() == *frame, "frame {number}");
        }
    }

    #[test]
    fn the_loop_and_its_time_go_on_without_end() {
        let pattern = Pattern::prepare(format(32, 32, 10), NormaliseOptions::default()).unwrap();
        let count = pattern.frames();
        let frame = |id| pattern.frame(TRACK, FrameId(id)).unwrap();
        assert_eq!(frame(3).data, frame(3 + 5 * count).data);
        assert_ne!(frame(3).data, frame(4).data);
        assert_eq!(frame(5 * count).time, 5 * count * 9000);
        assert!(pattern.frame(TRACK, FrameId(u64::MAX)).is_ok());
    }

    #[test]
    fn a_seek_finds_the_next_frame() {
        let pattern = Pattern::prepare(
            PatternFormat::new(16, 16, FrameRate(29_970)).unwrap(),
            NormaliseOptions::default(),
        )
        .unwrap();
        for id in [0, 1, 100, 1_000_000] {
            let time = pattern.frame(TRACK, FrameId(id)).unwrap().media_time(90_000);
            assert_eq!(pattern.seek(TRACK, Seek::To(time)), Ok(FrameId(id)));
            let later = MediaTime::from_micros(time.as_micros() + 12);
            assert_eq!(pattern.seek(TRACK, Seek::To(later)), Ok(FrameId(id + 1)));
        }
    }

    #[test]
    fn a_loop_is_whole_periods_within_its_budget() {
        assert_eq!(format(320, 240, 25).loop_frames(10_000), 60 * 25);
        assert_eq!(format(2560, 1440, 30).loop_frames(200_000), 2 * 30);
        // A loop that would not fit is cut short.
        assert_eq!(format(8192, 8192, 30).loop_frames(LOOP_BYTES / 7), 7);
        assert_eq!(format(8192, 8192, 30).loop_frames(2 * LOOP_BYTES), 1);
    }

    #[test]
    fn impossible_formats_are_refused() {
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
