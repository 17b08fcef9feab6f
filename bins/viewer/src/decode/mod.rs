//! JPEG to pixels, on a thread of its own.
pub(crate) mod conceal;

use crate::decode::conceal::{Gaps, Mender};
use crate::output::report::ErrorLog;
use crate::playback::clock::PlayerClock;
use crate::playback::selection::Showing;
use crate::player::handoff::{Choice, CloseOnDrop, Handoff};
use crate::player::tally::Tally;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

/// The largest picture that is decoded: 256 MiB of pixels. A JPEG header of a few bytes can ask
/// for sixty times as much.
const MAX_PIXELS: usize = 1 << 26;

/// Bytes of pixels that wait for the screen, where that is more than two pictures.
const PIXELS_AHEAD: usize = 128 << 20;

/// The most pixels for each byte of a file: an empty MCU of 16 x 16 takes 32 bits (ITU-T T.81, K.3).
const MAX_PIXELS_PER_BYTE: usize = 64;

/// How long the decoder sleeps when there is nothing to do; a new job wakes it.
const IDLE: Duration = Duration::from_secs(1);

/// A frame to decode.
#[derive(Debug)]
pub(crate) struct Job {
    /// Which frame, and when its picture is due.
    pub(crate) showing: Showing,
    /// When it came, if that is known.
    pub(crate) arrived: Option<Instant>,
    /// The JPEG file.
    pub(crate) data: Vec<u8>,
    /// What of it is missing; `None` if nothing is, or if it is not known.
    pub(crate) gaps: Option<Gaps>,
}

/// A decoded frame.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Picture {
    /// Which frame it is, and when it is due.
    pub(crate) showing: Showing,
    /// When the frame came, if that is known.
    pub(crate) arrived: Option<Instant>,
    /// Pixels across; not zero.
    pub(crate) width: u32,
    /// Pixels down; not zero.
    pub(crate) height: u32,
    /// Row by row, `0x00RRGGBB`.
    pub(crate) pixels: Arc<Vec<u32>>,
}

impl Picture {
    /// The pixels, to be written; others if these are shown elsewhere, too.
    pub(crate) fn pixels_mut(&mut self) -> &mut Vec<u32> {
        if Arc::get_mut(&mut self.pixels).is_none() {
            self.pixels = Arc::default();
        }
        Arc::make_mut(&mut self.pixels)
    }
}

/// What the decoder works with.
pub(crate) struct Bench<'a> {
    pub(crate) jobs: &'a Handoff<Job>,
    pub(crate) pictures: &'a Handoff<Picture>,
    pub(crate) clock: &'a PlayerClock,
    /// What is of an older generation than this is not decoded.
    pub(crate) generation: &'a AtomicU64,
    pub(crate) tally: &'a Tally,
    pub(crate) errors: &'a ErrorLog,
}

/// Decodes until the jobs are finished; then, and if it panics, closes the pictures.
///
/// A frame is skipped when one after it is due already: a decoder that is too slow shows fewer
/// pictures, each at its time.
pub(crate) fn run(bench: &Bench<'_>) {
    let Bench { jobs, pictures, clock, generation, tally, errors } = bench;
    let _close = CloseOnDrop(pictures);
    let mut mender = Mender::default();
    let is_old = |showing: &Showing| showing.generation < generation.load(Ordering::Acquire);
    loop {
        let choose = |queue: &VecDeque<Job>| {
            let now = clock.now();
            let due = queue.iter().skip(1).take_while(|job| job.showing.due <= now).count();
            Choice { count: queue.len().min(1) + due, again: None }
        };
        let taken = jobs.take(IDLE, choose, |skipped| tally.dropped(&skipped.showing));
        if taken.finished {
            return;
        }
        let Some(job) = taken.item else { continue };
        let mut picture = pictures.spare().unwrap_or_default();
        (picture.showing, picture.arrived) = (job.showing, job.arrived);
        let started = Instant::now();
        let decoded = if is_old(&job.showing) { Ok(()) } else { mender.decode(&job, &mut picture) };
        match decoded {
            Ok(()) if is_old(&job.showing) => pictures.give_back(picture),
            Ok(()) => {
                tally.decoded(started.elapsed());
                pictures.limit((PIXELS_AHEAD / (size_of::<u32>() * picture.pixels.len().max(1))).max(2));
                pictures.push(picture);
            }
            Err(reason) => {
                let frame = job.showing.id.0;
                tracing::info!(frame, reason, "a frame does not decode");
                errors.push(format!("frame {frame}: {reason}"));
                pictures.give_back(picture);
            }
        }
        jobs.give_back(job);
    }
}

/// Decodes a JPEG file into `picture`, whose buffer is used again. A file whose scan ends early,
/// or is damaged, gives what can be decoded of it.
pub(crate) fn decode(data: &[u8], picture: &mut Picture) -> Result<(), String> {
    let options = DecoderOptions::default().set_strict_mode(false).jpeg_set_out_colorspace(ColorSpace::RGBA);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(data), options);
    decoder.decode_headers().map_err(|error| error.to_string())?;
    let (width, height) = decoder.dimensions().ok_or("no dimensions")?;
    let pixels = width.saturating_mul(height);
    if !(1..=MAX_PIXELS).contains(&pixels) {
        return Err(format!("{width}x{height} is more than is decoded"));
    }
    if pixels / MAX_PIXELS_PER_BYTE > data.len() {
        return Err(format!("{width}x{height} is more than {} bytes can hold", data.len()));
    }
    let buffer = picture.pixels_mut();
    buffer.resize(pixels, 0);
    decoder.decode_into(bytemuck::cast_slice_mut(buffer)).map_err(|error| error.to_string())?;
    // The decoder's own BGRA is not vectorised; this is.
    for pixel in buffer {
        let [r, g, b, _] = pixel.to_ne_bytes();
        *pixel = u32::from_be_bytes([0, r, g, b]);
    }
    (picture.width, picture.height) = (width as u32, height as u32);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::fake::ORANGE;

    /// Where a size stands in the SOF segment: after the marker, the length and the precision.
    fn with_size(file: &[u8], width: u16, height: u16) -> Vec<u8> {
        let sof = file.windows(2).position(|marker| marker == [0xff, 0xc0]).unwrap();
        let mut file = file.to_vec();
        file[sof + 5..sof + 7].copy_from_slice(&height.to_be_bytes());
        file[sof + 7..sof + 9].copy_from_slice(&width.to_be_bytes());
        file
    }

    fn is_orange(pixel: u32) -> bool {
        let [none, r, g, b] = pixel.to_be_bytes();
        none == 0 && r > 0xf8 && g.abs_diff(0x80) < 8 && b < 8
    }

    #[test]
    fn pixels_are_red_green_blue_and_a_buffer_is_used_again() {
        let mut picture = Picture { pixels: Arc::new(vec![7; 9999]), ..Picture::default() };
        decode(ORANGE, &mut picture).unwrap();
        assert_eq!((picture.width, picture.height, picture.pixels.len()), (32, 16, 512));
        assert!(picture.pixels.iter().all(|pixel| is_orange(*pixel)), "{:08x}", picture.pixels[0]);
    }

    #[test]
    fn a_scan_that_ends_early_gives_what_there_is() {
        let mut picture = Picture::default();
        // Twice as high as its data.
        decode(&with_size(ORANGE, 32, 32), &mut picture).unwrap();
        assert_eq!(picture.pixels.len(), 1024);
        assert!(picture.pixels[..256].iter().all(|pixel| is_orange(*pixel)));
    }

    #[test]
    fn what_is_no_picture_has_a_reason() {
        let mut picture = Picture::default();
        for file in [&[][..], b"GET / HTTP/1.0", &[0xff, 0xd8], &ORANGE[..40]] {
            assert!(decode(file, &mut picture).is_err(), "{file:02x?}");
        }
    }

    #[test]
    fn a_header_cannot_ask_for_all_the_memory() {
        let mut picture = Picture::default();
        for (width, height) in [(16_000, 16_000), (65_535, 65_535), (8_000, 8_000), (0, 16)] {
            assert!(decode(&with_size(ORANGE, width, height), &mut picture).is_err(), "{width}x{height}");
            assert_eq!(picture.pixels.capacity(), 0);
        }
    }
}
