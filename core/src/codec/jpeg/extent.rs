//! How much of a picture its scan has: MCUs are counted, without decoding their coefficients.
use super::error::JpegError;
use super::inspect::{McuShape, Parsed, mcus};
use super::recode_error::{RecodeError, RecodeErrorKind};
use super::scan::{self, Reach};
use super::{Area, JpegInfo, Missing, MissingRange, restart};
use crate::num::div_up;

/// How much of a picture its scan has. [`extent()`] returns it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Extent {
    /// The size of the picture, and the offsets of the parts of the file.
    pub info: JpegInfo,
    /// The number of MCUs (minimum coded units) from the start of the scan that can be decoded.
    pub mcus: u32,
    /// The number of MCUs that the picture has.
    pub total: u32,
    /// Why the MCU after these cannot be decoded; `None` if all of them can.
    pub fault: Option<RecodeError>,
    /// The number of bytes of the scan after these MCUs. Of a whole picture these are a few at most.
    pub surplus: usize,
    /// The offset in the file of the restart interval of that MCU.
    pub(super) interval_at: usize,
}

impl Extent {
    /// Returns true if the scan has the whole picture, or all but the last bits of its last MCU. Of these, OpenCV
    /// loses some in its AVI files; decoders take them for zeros.
    pub fn is_whole(&self) -> bool {
        let last = self.mcus.saturating_add(1) >= self.total;
        self.fault.is_none_or(|fault| last && fault.reason == RecodeErrorKind::EndsEarly)
    }

    /// Returns the restart intervals that are missing at the end of a scan that ends early, from the one with
    /// the first MCU that is missing. Returns `None` if there is another fault, if the picture has no restart
    /// markers, or if no interval is left.
    pub fn missing(&self) -> Option<Missing> {
        let ends = matches!(
            self.fault?.reason,
            RecodeErrorKind::EndsEarly | RecodeErrorKind::RestartMarker { found: None, .. }
        );
        let total = restart::intervals(&self.info)?;
        let first = self.mcus.checked_div(u32::from(self.info.restart_interval))?;
        let first = u16::try_from(first).ok().filter(|first| ends && *first > 0)?;
        let start = u32::try_from(self.interval_at).ok()?.checked_sub(self.info.scan)?;
        let count = total.checked_sub(first)?;
        Missing::new(&[MissingRange { first, count, start, resume: self.info.scan_len }])
    }
}

impl Extent {
    /// Returns the areas of the picture whose MCUs cannot be decoded, in pixels: the rest of a row, and all rows
    /// after it. There are none if the scan has the whole picture, or if its MCUs are not those of RTP/JPEG.
    pub fn missing_areas(&self) -> impl Iterator<Item = Area> + use<> {
        let JpegInfo { width, height, sampling, .. } = self.info;
        let (across, down) = mcus(&self.info, McuShape::Standard);
        let (row, column) = (self.mcus.checked_div(across), self.mcus.checked_rem(across));
        let (row, column) = (row.unwrap_or(0), column.unwrap_or(0));
        let row_height = restart::mcu_height(sampling);
        let area = |x: u32, rows: core::ops::Range<u32>| {
            let [x, y, end] = [
                x.saturating_mul(restart::MCU_WIDTH),
                rows.start.saturating_mul(row_height),
                rows.end.saturating_mul(row_height),
            ];
            let [x, y, end] = [x, y, end].map(|at| u16::try_from(at).unwrap_or(u16::MAX));
            let (width, height) = (width.saturating_sub(x), end.min(height).saturating_sub(y));
            Area { x, y, width, height }
        };
        let below = row.saturating_add(1);
        let areas = [area(column, row..below), area(0, below..down)];
        let known = self.fault.is_some() && self.total == across.saturating_mul(down);
        areas.into_iter().filter(move |area| known && area.width > 0 && area.height > 0)
    }
}

/// Counts the MCUs (minimum coded units) of the picture at the start of `data` that can be decoded. This takes
/// about as long as to copy the picture a few times, and much less than to decode it.
///
/// # Errors
/// Returns the error of [`inspect`](super::inspect()) if the file is no baseline picture that RTP can carry: its
/// MCUs cannot be counted.
pub fn extent(data: &[u8]) -> Result<Extent, JpegError> {
    Ok(Extent::of(&Parsed::new(data)?, data))
}

impl Extent {
    /// Counts the MCUs of the picture at the start of `data`.
    pub(super) fn of(parsed: &Parsed<'_>, data: &[u8]) -> Self {
        let (across, down) = match parsed.mcu {
            McuShape::Grey => {
                (div_up(u32::from(parsed.info.width), 8), div_up(u32::from(parsed.info.height), 8))
            }
            McuShape::Standard | McuShape::Tall => mcus(&parsed.info, parsed.mcu),
        };
        let total = across.saturating_mul(down);
        let Reach { mcus, fault, interval_at, left: surplus } = scan::reach(parsed, data, total);
        Self { info: parsed.info, mcus, total, fault, surplus, interval_at }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::jpeg::{RecodeOptions, recode, recode_max_len};
    use crate::frame::ByteRange;
    use proptest::prelude::*;
    use std::vec;
    use std::vec::Vec;

    static FILES: [&[u8]; 8] = [
        include_bytes!("testdata/ffmpeg-420-default.jpg"),
        include_bytes!("testdata/ffmpeg-422-default.jpg"),
        include_bytes!("testdata/ffmpeg-420-optimal.jpg"),
        include_bytes!("testdata/ffmpeg-422-optimal.jpg"),
        include_bytes!("testdata/cjpeg-420-q75.jpg"),
        include_bytes!("testdata/cjpeg-422-restart-row.jpg"),
        include_bytes!("testdata/cjpeg-420-optimal-restart3.jpg"),
        include_bytes!("testdata/cjpeg-grey.jpg"),
    ];

    fn with_interval(file: &[u8], restart_interval: u16) -> Vec<u8> {
        let mut out = vec![0; recode_max_len(file.len())];
        let len =
            recode(file, &mut out, RecodeOptions { restart_interval: Some(restart_interval) }).unwrap().len;
        out.truncate(len);
        out
    }

    #[test]
    fn whole_pictures_have_all_mcus() {
        for file in FILES {
            let extent = extent(file).unwrap();
            assert_eq!((extent.mcus, extent.fault, extent.missing()), (extent.total, None, None));
            assert!(extent.is_whole() && extent.total > 1);
        }
    }

    #[test]
    fn a_cut_scan_has_fewer_and_names_the_intervals() {
        let file = with_interval(FILES[4], 2);
        let whole = extent(&file).unwrap();
        let markers: Vec<_> = (whole.info.scan as usize..file.len() - 2)
            .filter(|&at| file[at] == 0xFF && (0xD0..=0xD7).contains(&file[at + 1]))
            .map(|at| at + 2)
            .collect();
        // Cut within the fourth interval.
        let cut = markers[2] + 3;
        let cut = [&file[..cut], &[0xFF, 0xD9]].concat();
        let extent = extent(&cut).unwrap();
        assert!((6..8).contains(&extent.mcus) && !extent.is_whole(), "{extent:?}");
        let missing: Vec<_> = extent.missing().unwrap().ranges().collect();
        let (start, resume) = ((markers[2] as u32) - extent.info.scan, extent.info.scan_len);
        let count = restart::intervals(&extent.info).unwrap() - 3;
        assert_eq!(missing, [MissingRange { first: 3, count, start, resume }]);
        // A reader of the file finds the same ones.
        let ranges = [ByteRange::new(start + extent.info.scan, resume + extent.info.scan)];
        let located = Missing::locate(&cut, &JpegInfo::locate(&cut).unwrap(), &ranges).unwrap();
        assert!(located.ranges().eq(missing));
    }

    #[test]
    fn what_cannot_be_decoded_is_the_rest_of_a_row_and_those_below() {
        let file = FILES[4];
        let whole = extent(file).unwrap();
        assert_eq!(whole.missing_areas().count(), 0);
        let JpegInfo { width, height, .. } = whole.info;
        let across = u32::from(width.div_ceil(16));
        for mcus in [0, 1, across, across + 1, whole.total - 1] {
            let extent = Extent { mcus, fault: Some(RecodeErrorKind::EndsEarly.at(0)), ..whole };
            let pixels: u32 = extent
                .missing_areas()
                .map(|area| {
                    assert!(area.x + area.width <= width && area.y + area.height <= height);
                    u32::from(area.width) * u32::from(area.height)
                })
                .sum();
            let (row, column) = (mcus / across, mcus % across);
            let left = u32::from(height).saturating_sub(16 * (row + 1)) * u32::from(width);
            let rest = (u32::from(width) - 16 * column) * u32::from(height).saturating_sub(16 * row).min(16);
            assert_eq!(pixels, left + rest, "{mcus}");
        }
    }

    #[test]
    fn the_last_bits_may_be_missing() {
        let file = FILES[0];
        let cut = [&file[..file.len() - 3], &[0xFF, 0xD9]].concat();
        let extent = extent(&cut).unwrap();
        assert_eq!(extent.mcus + 1, extent.total);
        assert!(extent.is_whole());
    }

    proptest! {
        /// Pictures that can be re-coded have all MCUs, and no others.
        #[test]
        fn what_recodes_is_whole(
            file in prop::sample::select(&FILES[..]),
            damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
            cut in any::<prop::sample::Index>(),
            cuts: bool,
        ) {
            let mut file = file.to_vec();
            let scan = Parsed::new(&file).unwrap().info.scan as usize;
            for (at, byte) in damage {
                let at = scan + at.index(file.len() - scan);
                file[at] = byte;
            }
            if cuts {
                file.truncate(scan + cut.index(file.len() - scan));
            }
            let Ok(extent) = extent(&file) else { return Ok(()) };
            let mut out = vec![0; 4 * file.len() + 4096];
            let recoded = recode(&file, &mut out, RecodeOptions { restart_interval: Some(0) });
            match (extent.fault, recoded) {
                (None, Ok(_)) => prop_assert_eq!(extent.mcus, extent.total),
                (Some(fault), Err(error)) => {
                    prop_assert!(extent.mcus < extent.total);
                    if error.reason == RecodeErrorKind::DcRange {
                        // Before the scan fails, damage may make DC coefficients that cannot be coded. Both offsets
                        // may be wrong by a few bytes.
                        prop_assert!(error.at <= fault.at + 8, "{error:?} after {fault:?}");
                    } else {
                        prop_assert_eq!(fault.reason, error.reason);
                    }
                }
                // Where DC coefficients follow others than before, their difference has a limit.
                (None, Err(error)) => prop_assert_eq!(error.reason, RecodeErrorKind::DcRange),
                (fault, Ok(_)) => prop_assert!(false, "{:?} re-codes", fault),
            }
        }
    }
}
