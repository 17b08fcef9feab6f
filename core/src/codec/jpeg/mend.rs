//! Mends frames: fills their missing restart intervals with data that every decoder accepts.
use super::inspect::{McuShape, mcus};
use super::missing::Missing;
use super::restart::{intervals, min_len};
use super::segments::{marker, next_marker, restart_marker};
use super::{JpegInfo, Sampling};
use crate::storage::put;
use core::fmt;

/// Why [`mend`] cannot mend a frame. With [`Self::OutputFull`], try again with a longer buffer. With any
/// other error, show the frame without its missing parts, or drop the frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum MendError {
    /// The frame does not have the restart intervals that `missing` names. The frame has no restart
    /// markers, or more than 16,383 intervals, or fewer intervals than `missing` says.
    NoSuchInterval,
    /// A restart interval that should be there does not end with its restart marker. Another marker, or
    /// the end of the scan, is in place of that marker. So the scan is damaged also outside of the
    /// missing intervals.
    RestartMarker {
        /// The offset of the byte after the wrong marker, in bytes from the first byte of the scan. If no
        /// further marker was found, this is the offset of the end of the scan.
        at: u32,
        /// The number of the interval whose end was not found, counted from 0.
        interval: u16,
    },
    /// The frame's data is shorter than the [`JpegInfo`] or the [`Missing`] says.
    Truncated,
    /// The output buffer is too short. Try again with a buffer of [`mend_max_len`] bytes.
    OutputFull,
}

/// Returns how many bytes the output of [`mend`] needs at most for a frame of `frame_len` bytes. Pass the
/// same `info` and `missing` as to [`mend`].
pub fn mend_max_len(info: &JpegInfo, missing: &Missing, frame_len: usize) -> usize {
    let each = min_len(info.sampling, u32::from(info.restart_interval));
    let added = missing.count().saturating_mul(each);
    frame_len.saturating_add(usize::try_from(added).unwrap_or(usize::MAX)).saturating_add(2)
}

/// Writes the frame `data` to `out` as a whole JPEG file, so that any decoder reads it. Empty MCUs
/// (minimum coded units) take the place of the missing ones, and are shown grey. All other bytes are
/// copied, so that the rest of the picture decodes as before. Returns the length of the file in bytes.
///
/// `info` says where the parts of `data` are ([`JpegInfo::locate`]). `missing` says which restart
/// intervals are missing ([`Missing::locate`]). `out` should have [`mend_max_len`] bytes. The frame must
/// be coded with the standard Huffman tables, as all frames are that came over RTP. This is not checked;
/// a frame with other tables shows wrong pixels in the missing parts.
///
/// # Errors
/// Returns a [`MendError`] if the frame is not as `info` and `missing` describe it, or if `out` is too
/// short. The content of `out` is then of no use.
pub fn mend(data: &[u8], info: &JpegInfo, missing: &Missing, out: &mut [u8]) -> Result<usize, MendError> {
    let total = intervals(info).ok_or(MendError::NoSuchInterval)?;
    let head = data.get(..info.scan as usize).ok_or(MendError::Truncated)?;
    let scan = data.get(head.len()..).and_then(|rest| rest.get(..info.scan_len as usize));
    let mut walk = Walk { scan: scan.ok_or(MendError::Truncated)?, at: 0, interval: 0, total };
    let mut out = Output { out, len: 0 };
    out.put(head)?;
    for range in missing.ranges() {
        if range.end() > total {
            return Err(MendError::NoSuchInterval);
        }
        out.put(walk.to(range.first)?)?;
        for number in range.first..range.end() {
            out.grey(info, mcus_in(info, number))?;
            if number.saturating_add(1) < total {
                out.put(&restart_marker(number))?;
            }
        }
        walk = Walk { at: range.resume as usize, interval: range.end(), ..walk };
    }
    out.put(walk.to(total)?)?;
    out.put(&[0xFF, marker::EOI])?;
    Ok(out.len)
}

/// Returns how many MCUs an interval has. The last one may be shorter.
fn mcus_in(info: &JpegInfo, interval: u16) -> u32 {
    let (across, down) = mcus(info, McuShape::Standard);
    let each = u32::from(info.restart_interval);
    across.saturating_mul(down).saturating_sub(each.saturating_mul(u32::from(interval))).min(each)
}

/// Reads the intervals that are there.
struct Walk<'a> {
    scan: &'a [u8],
    /// The offset in the scan at which `interval` starts.
    at: usize,
    interval: u16,
    total: u16,
}

impl<'a> Walk<'a> {
    /// Returns the bytes from here to the start of interval `end`.
    fn to(&mut self, end: u16) -> Result<&'a [u8], MendError> {
        let (start, mut at) = (self.at, self.at);
        while self.interval < end {
            let rest = self.scan.get(at..).ok_or(MendError::Truncated)?;
            let (len, found) = next_marker(rest);
            let last = self.interval.saturating_add(1) >= self.total;
            let [_, code] = restart_marker(self.interval);
            let expected = (!last).then_some(code);
            at = at.saturating_add(len);
            // An interval has at least a byte of data.
            if found != expected || len <= 2 * usize::from(found.is_some()) {
                return Err(MendError::RestartMarker { at: at as u32, interval: self.interval });
            }
            self.interval = self.interval.saturating_add(1);
        }
        self.at = at;
        self.scan.get(start..at).ok_or(MendError::Truncated)
    }
}

/// The output buffer, and how many bytes were written to it.
struct Output<'a> {
    out: &'a mut [u8],
    len: usize,
}

impl Output<'_> {
    fn put(&mut self, bytes: &[u8]) -> Result<(), MendError> {
        if !put(self.out, self.len, bytes) {
            return Err(MendError::OutputFull);
        }
        self.len = self.len.saturating_add(bytes.len());
        Ok(())
    }

    /// Appends `mcus` empty MCUs. In the standard tables (T.81, K.3) an empty luma block is 00 for the DC
    /// difference and 1010 for the end of the block; an empty chroma block is 00 and 00.
    fn grey(&mut self, info: &JpegInfo, mcus: u32) -> Result<(), MendError> {
        match info.sampling {
            Sampling::Yuv420 => (0..mcus).try_for_each(|_| self.put(&[0x28, 0xA2, 0x8A, 0x00])),
            // An MCU has 20 bits: two of them are five bytes, and a single one is filled up with ones.
            Sampling::Yuv422 => {
                (0..mcus / 2).try_for_each(|_| self.put(&[0x28, 0xA0, 0x02, 0x8A, 0x00]))?;
                if mcus.is_multiple_of(2) { Ok(()) } else { self.put(&[0x28, 0xA0, 0x0F]) }
            }
        }
    }
}

impl fmt::Display for MendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchInterval => {
                f.write_str("the frame does not have the restart intervals that are missing")
            }
            Self::RestartMarker { at, interval } => {
                write!(f, "restart interval {interval} does not end at byte {at} of the scan")
            }
            Self::Truncated => f.write_str("the frame is shorter than it should be"),
            Self::OutputFull => f.write_str("no room for the mended frame"),
        }
    }
}

impl core::error::Error for MendError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::jpeg::{Area, MissingRange, RecodeOptions, inspect, recode, recode_max_len};
    use proptest::prelude::*;
    use std::vec;
    use std::vec::Vec;
    use zune_jpeg::JpegDecoder;
    use zune_jpeg::zune_core::colorspace::ColorSpace;
    use zune_jpeg::zune_core::options::DecoderOptions;

    static ALL: [&[u8]; 4] = [
        include_bytes!("testdata/ffmpeg-420-optimal.jpg"),
        include_bytes!("testdata/ffmpeg-422-optimal.jpg"),
        include_bytes!("testdata/cjpeg-420-q75.jpg"),
        include_bytes!("testdata/cjpeg-422-restart-row.jpg"),
    ];

    fn marked(src: &[u8], interval: u16) -> (Vec<u8>, JpegInfo) {
        let mut out = vec![0; recode_max_len(src.len())];
        let done = recode(src, &mut out, RecodeOptions { restart_interval: Some(interval) }).unwrap();
        out.truncate(done.len);
        (out, done.info)
    }

    fn scan<'a>(file: &'a [u8], info: &JpegInfo) -> &'a [u8] {
        &file[info.scan as usize..][..info.scan_len as usize]
    }

    /// Where each interval starts in the scan, and where the last ends.
    fn starts(file: &[u8], info: &JpegInfo) -> Vec<usize> {
        let scan = scan(file, info);
        let markers = (2..scan.len()).filter(|&at| scan[at - 2] == 0xFF && scan[at - 1] & 0xF8 == 0xD0);
        [0].into_iter().chain(markers).chain([scan.len()]).collect()
    }

    fn mended(file: &[u8], info: &JpegInfo, missing: &Missing) -> Result<Vec<u8>, MendError> {
        let mut out = vec![0; mend_max_len(info, missing, file.len())];
        let len = mend(file, info, missing, &mut out)?;
        out.truncate(len);
        Ok(out)
    }

    /// Returns luma and both chroma components of each pixel, by rows.
    fn pixels(file: &[u8]) -> Vec<[u8; 3]> {
        let options = DecoderOptions::default().jpeg_set_out_colorspace(ColorSpace::YCbCr);
        let options = options.set_strict_mode(true);
        let mut decoder = JpegDecoder::new_with_options(std::io::Cursor::new(file), options);
        decoder.decode().unwrap().as_chunks().0.to_vec()
    }

    fn is_near(area: &Area, x: usize, y: usize, border: usize) -> bool {
        let within = |at: usize, from: u16, len: u16| {
            (usize::from(from)..usize::from(from + len) + 2 * border).contains(&(at + border))
        };
        within(x, area.x, area.width) && within(y, area.y, area.height)
    }

    proptest! {
        /// A decoder sees the same picture, except in the missing areas. Chroma is interpolated, so that
        /// it may also differ in two pixels around these areas.
        #[test]
        fn present_intervals_decode_as_before(
            src in prop::sample::select(&ALL[..]),
            interval in 1u16..9,
            lost in prop::collection::vec((0u16..60, 1u16..8), 1..4),
        ) {
            let (file, info) = marked(src, interval);
            let (starts, mut ranges) = (starts(&file, &info), Vec::<MissingRange>::new());
            let mut holed = file.clone();
            for (gap, count) in lost {
                let first = ranges.last().map_or(0, |range| range.end() + 1) + gap % 10;
                let total = starts.len() as u16 - 1;
                if first < total {
                    let end = total.min(first + count);
                    let [from, to] = [first, end].map(|n| starts[usize::from(n)]);
                    let (start, resume) = (from as u32, to as u32);
                    ranges.push(MissingRange { first, count: end - first, start, resume });
                    holed[info.scan as usize..][from..to].fill(0);
                }
            }
            prop_assume!(!ranges.is_empty());
            let missing = Missing::new(&ranges).unwrap();
            let whole = mended(&holed, &info, &missing).unwrap();
            let found = inspect(&whole).unwrap();
            prop_assert!(found.eoi && !found.needs_recode());

            let areas: Vec<_> = missing.areas(&info).collect();
            let width = usize::from(info.width);
            for (at, (before, after)) in pixels(&file).into_iter().zip(pixels(&whole)).enumerate() {
                let near = |border| areas.iter().any(|area| is_near(area, at % width, at / width, border));
                if near(0) {
                    prop_assert_eq!(after[0], 128);
                } else {
                    prop_assert_eq!(before[0], after[0]);
                    prop_assert!(before == after || near(2), "pixel {},{}", at % width, at / width);
                }
            }
        }

        #[test]
        fn damage_never_panics(
            src in prop::sample::select(&ALL[..]),
            damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
            ranges in prop::collection::vec((0u16..80, 0u16..20, 0u32..3_000), 1..4),
            len in 0usize..4_000,
        ) {
            let (mut file, info) = marked(src, 2);
            for (at, byte) in damage {
                let at = at.index(file.len());
                file[at] = byte;
            }
            let ranges: Vec<_> =
                ranges.into_iter().map(|(first, count, resume)| MissingRange { first, count, start: 0, resume }).collect();
            if let Some(missing) = Missing::new(&ranges) {
                let _ = mend(&file, &info, &missing, &mut vec![0; len]);
                let _ = mend(file.get(..len).unwrap_or(&file), &info, &missing, &mut vec![0; 4_000]);
            }
        }
    }

    #[test]
    fn a_wrong_description_is_refused() {
        let (file, info) = marked(ALL[0], 2);
        let starts = starts(&file, &info);
        let range = |first, count| MissingRange {
            first,
            count,
            start: starts[usize::from(first)] as u32,
            resume: starts.get(usize::from(first + count)).map_or(info.scan_len, |at| *at as u32),
        };
        let one = |range| Missing::new(&[range]).unwrap();
        let good = one(range(2, 1));
        assert!(mended(&file, &info, &good).is_ok());
        assert_eq!(mended(&file, &info, &one(range(7, 2))), Err(MendError::NoSuchInterval));
        let plain = JpegInfo { restart_interval: 0, ..info };
        assert_eq!(mended(&file, &plain, &good), Err(MendError::NoSuchInterval));
        assert_eq!(mended(&file[..file.len() - 3], &info, &good), Err(MendError::Truncated));
        // The ranges leave an interval out.
        let resume = one(MissingRange { resume: starts[4] as u32, ..range(2, 1) });
        let at = starts[5] as u32;
        assert_eq!(mended(&file, &info, &resume), Err(MendError::RestartMarker { at, interval: 3 }));
    }

    #[test]
    fn a_short_output_fails_at_every_length() {
        let (file, info) = marked(ALL[1], 3);
        let starts = starts(&file, &info);
        let (start, resume) = (starts[1] as u32, starts[4] as u32);
        let missing = Missing::new(&[MissingRange { first: 1, count: 3, start, resume }]).unwrap();
        let whole = mended(&file, &info, &missing).unwrap();
        for len in 0..whole.len() {
            assert_eq!(mend(&file, &info, &missing, &mut vec![0; len]), Err(MendError::OutputFull), "{len}");
        }
        assert_eq!(mend(&file, &info, &missing, &mut vec![0; whole.len()]), Ok(whole.len()));
    }
}
