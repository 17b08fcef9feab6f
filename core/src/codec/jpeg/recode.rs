//! Re-codes a JPEG picture to the standard Huffman tables, which are the only ones that RTP/JPEG has.
//! The coefficients stay as they are, so that the picture decodes to the same pixels.
use super::JpegInfo;
use super::error::JpegErrorKind;
use super::header::Header;
use super::inspect::{McuShape, Parsed, check_intervals};
use super::recode_error::{RecodeError, RecodeErrorKind};
use super::scan;

/// Options of [`recode`]: which restart markers the written file gets. The default keeps the restart
/// markers of the source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct RecodeOptions {
    /// The number of MCUs (minimum coded units: 16x8 pixels in 4:2:2, 16x16 in 4:2:0) in each restart
    /// interval of the written file. [`restart_interval_for`](super::restart_interval_for) advises one.
    /// With `Some(0)`, no restart markers are written. With `None`, a restart marker is written wherever
    /// the source has a restart marker; none, if the source is grey and a marker would be within an MCU.
    pub restart_interval: Option<u16>,
}

/// The result of [`recode`]: the length of the written file, and where its parts are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Recoded {
    /// The length of the written file in bytes, with its EOI marker. Bytes of the output buffer beyond this
    /// length are not part of the file.
    pub len: usize,
    /// The size of the picture, and the offsets of the parts of the written file.
    pub info: JpegInfo,
}

/// Returns how long an output buffer of [`recode`] should be, in bytes, for a source of `src_len` bytes.
///
/// This is enough for the pictures that encoders write, if no restart markers are added. Most pictures
/// grow by a few per cent. Flat pictures grow most, to less than three times their length. If
/// [`RecodeOptions`] add restart markers, add six bytes to the result for each marker.
///
/// A malicious source may need more, and so may a flat picture that is grey or has only one or two rows of tall
/// MCUs (see [`McuShape`]). [`recode`] then fails with [`RecodeErrorKind::OutputFull`]: try again with a longer
/// buffer, or leave the picture out.
pub const fn recode_max_len(src_len: usize) -> usize {
    src_len.saturating_mul(3).saturating_add(Header::MAX_LEN + 2)
}

/// Re-codes the picture at the start of `src` to the standard Huffman tables, so that RTP can carry the
/// picture. Writes the re-coded picture to the start of `out`, as a whole JPEG file with only the segments
/// that a decoder needs. Returns the file's length in bytes and where its parts are. The picture decodes to
/// the same pixels as before.
///
/// All pictures that [`inspect`](super::inspect()) accepts can be re-coded. Pictures with too many
/// restart intervals can be re-coded, too, if `options` ask for fewer. Tall MCUs (see [`McuShape`])
/// become standard ones, and grey pictures get chroma that is empty. `out` should be as long as
/// [`recode_max_len`] says. If the source's Huffman tables are not the standard ones, this takes about 28 KB of stack, and otherwise less than 2 KB.
///
/// # Errors
/// Returns a [`RecodeError`] if the picture cannot be carried, if its scan is damaged or cut short, or if
/// `out` is too short. The content of `out` is then of no use.
pub fn recode(src: &[u8], out: &mut [u8], options: RecodeOptions) -> Result<Recoded, RecodeError> {
    let parsed = Parsed::new(src)?;
    let from = &parsed.info;
    let table = |at: u32| src.get(at as usize..).and_then(<[u8]>::first_chunk::<64>);
    let (Some(luma), Some(chroma)) = (table(from.luma_table), table(from.chroma_table)) else {
        return Err(JpegErrorKind::MissingTable.at(from.scan as usize).into());
    };
    let restart_interval = options.restart_interval.unwrap_or(match parsed.mcu {
        McuShape::Standard | McuShape::Grey => from.restart_interval,
        // A tall MCU becomes two standard ones.
        McuShape::Tall => from.restart_interval.saturating_mul(2),
    });
    let header = Header {
        width: from.width,
        height: from.height,
        sampling: from.sampling,
        restart_interval,
        luma,
        chroma,
    };
    let full = RecodeErrorKind::OutputFull.at(0);
    let mut info = header.emit(out).ok_or(full)?;
    check_intervals(&info, McuShape::Standard)
        .map_err(|reason| RecodeErrorKind::Jpeg(reason).at(from.scan as usize))?;
    let scan = info.scan as usize;
    let len = scan::recode(&parsed, src, out, &info)?;
    info.scan_len = u32::try_from(len - scan - 2).map_err(|_| full)?;
    Ok(Recoded { len, info })
}

#[cfg(test)]
mod tests {
    use super::super::bits::BitWriter;
    use super::super::segments::marker;
    use super::super::{Sampling, inspect};
    use super::*;
    use proptest::prelude::*;
    use std::vec;
    use std::vec::Vec;
    use zune_jpeg::JpegDecoder;
    use zune_jpeg::zune_core::colorspace::ColorSpace;
    use zune_jpeg::zune_core::options::DecoderOptions;

    const FFMPEG_420: &[u8] = include_bytes!("testdata/ffmpeg-420-optimal.jpg");
    const FFMPEG_422: &[u8] = include_bytes!("testdata/ffmpeg-422-optimal.jpg");
    const CJPEG_422: &[u8] = include_bytes!("testdata/cjpeg-422-optimal.jpg");
    const CJPEG_RESTART: &[u8] = include_bytes!("testdata/cjpeg-420-optimal-restart3.jpg");
    const FFMPEG_422_DEFAULT: &[u8] = include_bytes!("testdata/ffmpeg-422-default.jpg");
    const ALL: [&[u8]; 7] = [
        FFMPEG_420,
        FFMPEG_422,
        CJPEG_422,
        CJPEG_RESTART,
        include_bytes!("testdata/ffmpeg-420-default.jpg"),
        FFMPEG_422_DEFAULT,
        include_bytes!("testdata/cjpeg-422-restart-row.jpg"),
    ];

    fn pixels(file: &[u8]) -> Vec<u8> {
        JpegDecoder::new(std::io::Cursor::new(file)).decode().unwrap()
    }

    fn recoded(src: &[u8], restart_interval: Option<u16>) -> Result<Vec<u8>, RecodeError> {
        let mut out = vec![0; recode_max_len(src.len())];
        let done = recode(src, &mut out, RecodeOptions { restart_interval })?;
        out.truncate(done.len);
        let again = inspect(&out).unwrap();
        assert_eq!((again.info, again.len, again.eoi), (done.info, done.len, true));
        assert!(!again.needs_recode());
        Ok(out)
    }

    fn reason(src: &[u8]) -> RecodeErrorKind {
        recoded(src, None).unwrap_err().reason
    }

    /// The file with one byte replaced, counted from the scan's start.
    fn damaged(src: &[u8], offset: usize, byte: u8) -> Vec<u8> {
        let scan = inspect(src).unwrap().info.scan as usize;
        let mut file = src.to_vec();
        file[scan + offset] = byte;
        file
    }

    #[test]
    fn recoding_keeps_all_pixels() {
        for src in ALL {
            let before = pixels(src);
            for interval in [None, Some(0), Some(1), Some(3), Some(4), Some(1000)] {
                let out = recoded(src, interval).unwrap();
                assert_eq!(pixels(&out), before);
                if let Some(interval) = interval {
                    assert_eq!(inspect(&out).unwrap().info.restart_interval, interval);
                }
            }
        }
    }

    #[test]
    fn a_truncated_standard_scan_fails() {
        let info = inspect(FFMPEG_422_DEFAULT).unwrap().info;
        for cut in [0, 1, 100, info.scan_len as usize - 2] {
            let at = info.scan as usize + cut;
            let error = recoded(&FFMPEG_422_DEFAULT[..at], None).unwrap_err();
            assert_eq!((error.at, error.reason), (at, RecodeErrorKind::EndsEarly));
        }
    }

    /// Equal bytes of the scan prove equal coefficients; equal pixels would not.
    #[test]
    fn standard_scans_stay_byte_for_byte() {
        for src in ALL {
            let found = inspect(src).unwrap();
            let scan =
                |file: &[u8], info: &JpegInfo| file[info.scan as usize..][..info.scan_len as usize].to_vec();
            let out = recoded(src, None).unwrap();
            let info = inspect(&out).unwrap().info;
            assert_eq!(scan(src, &found.info) == scan(&out, &info), !found.needs_recode());
            // To other restart markers, and back to those of the source.
            let there = recoded(src, Some(2)).unwrap();
            assert_eq!(recoded(&there, Some(info.restart_interval)), Ok(out));
        }
    }

    #[test]
    fn tall_mcus_become_standard_ones() {
        // 40 lines are two and a half rows of tall MCUs.
        let found = inspect(FFMPEG_422).unwrap();
        assert_eq!((found.mcu, found.info.height), (McuShape::Tall, 40));
        assert_eq!(pixels(&recoded(FFMPEG_422, Some(5)).unwrap()), pixels(FFMPEG_422));
    }

    /// The lower of the two rows is moved: by bits up to its first marker, by bytes from there on.
    #[test]
    fn tall_mcus_take_any_restart_interval() {
        for src in [FFMPEG_422, FFMPEG_422_DEFAULT] {
            let before = pixels(src);
            let plain = recoded(src, Some(0)).unwrap();
            for interval in 1..=24 {
                let out = recoded(src, Some(interval)).unwrap();
                assert_eq!(pixels(&out), before, "{interval}");
                // Without the markers, each coefficient is as before, and not only the pixels.
                assert_eq!(recoded(&out, Some(0)).as_ref(), Ok(&plain), "{interval}");
            }
        }
    }

    const GREY: &[u8] = include_bytes!("testdata/cjpeg-grey.jpg");

    fn decoded(file: &[u8], colors: ColorSpace) -> Vec<u8> {
        let options = DecoderOptions::default().jpeg_set_out_colorspace(colors);
        JpegDecoder::new_with_options(std::io::Cursor::new(file), options).decode().unwrap()
    }

    #[test]
    fn grey_pictures_get_empty_chroma() {
        let found = inspect(GREY).unwrap();
        assert_eq!(
            (found.mcu, found.info.sampling, found.needs_recode()),
            (McuShape::Grey, Sampling::Yuv422, true)
        );
        let before: Vec<_> = decoded(GREY, ColorSpace::Luma).iter().map(|luma| [*luma, 128, 128]).collect();
        for interval in [None, Some(0), Some(1), Some(3), Some(1000)] {
            let out = recoded(GREY, interval).unwrap();
            assert!(decoded(&out, ColorSpace::YCbCr).as_chunks().0 == before, "{interval:?}");
            // The coefficients are those of the source, whatever the markers are.
            assert_eq!(recoded(&out, Some(0)), recoded(GREY, Some(0)));
        }
        let cut = &GREY[..GREY.len() - 30];
        assert_eq!(reason(cut), RecodeErrorKind::EndsEarly);
    }

    #[test]
    fn eoi_may_be_missing() {
        let cut = &FFMPEG_420[..FFMPEG_420.len() - 2];
        assert_eq!(recoded(cut, None), recoded(FFMPEG_420, None));
    }

    #[test]
    fn a_truncated_scan_fails() {
        let info = inspect(FFMPEG_420).unwrap().info;
        for cut in [0, 1, 100, info.scan_len as usize - 2] {
            let at = info.scan as usize + cut;
            let error = recoded(&FFMPEG_420[..at], None).unwrap_err();
            assert_eq!((error.at, error.reason), (at, RecodeErrorKind::EndsEarly));
        }
    }

    /// A header that claims a huge picture costs neither memory nor time.
    #[test]
    fn a_claimed_size_of_65535_fails_early() {
        for src in [FFMPEG_420, FFMPEG_422] {
            let mut file = src.to_vec();
            let sof = file.windows(2).position(|pair| pair == [0xFF, 0xC0]).unwrap();
            file[sof + 5..][..4].fill(0xFF);
            assert_eq!(reason(&file), RecodeErrorKind::EndsEarly);
        }
    }

    #[test]
    fn restart_markers_must_be_in_order() {
        let info = inspect(CJPEG_RESTART).unwrap().info;
        let scan = &CJPEG_RESTART[info.scan as usize..];
        let rst1 = scan.windows(2).position(|pair| pair == [0xFF, 0xD1]).unwrap();
        let error = recoded(&damaged(CJPEG_RESTART, rst1 + 1, 0xD2), None).unwrap_err();
        let expected = RecodeErrorKind::RestartMarker { expected: 0xD1, found: Some(0xD2) };
        assert_eq!((error.at, error.reason), (info.scan as usize + rst1, expected));
        // The marker's two bytes as data: the next one comes too early.
        let reason = reason(&damaged(CJPEG_RESTART, rst1, 0x00));
        assert_eq!(reason, RecodeErrorKind::RestartMarker { expected: 0xD1, found: Some(0xD2) });
    }

    /// A 16x16 picture with one-bit codes: DC category `dc`, and then only AC symbol `ac`.
    fn one_symbol(dc: u8, ac: u8, scan: &[u8]) -> Vec<u8> {
        let mut file = vec![0xFF, 0xD8, 0xFF, 0xDB, 0, 67, 0];
        file.extend([1; 64]);
        for (name, symbol) in [(0x00, dc), (0x10, ac)] {
            file.extend([0xFF, 0xC4, 0, 20, name, 1]);
            file.extend([0; 15]);
            file.push(symbol);
        }
        file.extend([0xFF, 0xC0, 0, 17, 8, 0, 16, 0, 16, 3, 1, 0x22, 0, 2, 0x11, 0, 3, 0x11, 0]);
        file.extend([0xFF, 0xDA, 0, 12, 3, 1, 0, 2, 0, 3, 0, 0, 63, 0]);
        file.extend(scan);
        file.extend([0xFF, 0xD9]);
        file
    }

    #[test]
    fn symbols_outside_baseline_fail() {
        let zeros = [0; 64];
        assert!(recoded(&one_symbol(0, 0, &zeros), None).is_ok());
        assert_eq!(reason(&one_symbol(12, 0, &zeros)), RecodeErrorKind::BadSymbol(12));
        assert_eq!(reason(&one_symbol(0, 0x0B, &zeros)), RecodeErrorKind::BadSymbol(0x0B));
        assert_eq!(reason(&one_symbol(0, 0x10, &zeros)), RecodeErrorKind::BadSymbol(0x10));
        // 63 is no multiple of 16: the fourth run goes over.
        assert_eq!(reason(&one_symbol(0, 0xF0, &zeros)), RecodeErrorKind::RunPastEnd);
        assert_eq!(reason(&one_symbol(0, 0xE1, &zeros)), RecodeErrorKind::RunPastEnd);
        assert_eq!(reason(&one_symbol(0, 0, &[0x80])), RecodeErrorKind::BadCode);
        assert_eq!(reason(&one_symbol(0, 0, &[0x00])), RecodeErrorKind::EndsEarly);
    }

    #[test]
    fn dc_differences_have_a_range() {
        // Two MCUs of blocks, each DC coefficient 2047 more than the one before: 0, eleven ones, and
        // 0 for the end of the block.
        let (mut scan, mut writer) = ([0; 64], BitWriter::new(0));
        for _ in 0..12 {
            writer.put(0x0FFE, 13);
            writer.flush(&mut scan).unwrap();
        }
        writer.marker(&mut scan, marker::EOI).unwrap();
        let mut file = one_symbol(11, 0, &scan[..writer.pos()]);
        let width = file.windows(2).position(|pair| pair == [0xFF, 0xC0]).unwrap() + 8;
        file[width] = 32;
        assert!(recoded(&file, None).is_ok());
        // After a restart marker the difference is the whole coefficient.
        let error = recoded(&file, Some(1)).unwrap_err();
        assert_eq!(error.reason, RecodeErrorKind::DcRange);
    }

    #[test]
    fn a_progressive_picture_is_refused() {
        let progressive = include_bytes!("testdata/cjpeg-progressive.jpg");
        assert_eq!(reason(progressive), RecodeErrorKind::Jpeg(JpegErrorKind::Progressive));
    }

    #[test]
    fn a_short_output_fails_at_every_length() {
        let whole = recoded(FFMPEG_420, Some(2)).unwrap();
        let options = RecodeOptions { restart_interval: Some(2) };
        for len in 0..whole.len() {
            let error = recode(FFMPEG_420, &mut vec![0; len], options).unwrap_err();
            assert_eq!(error.reason, RecodeErrorKind::OutputFull, "{len}");
        }
        let mut out = vec![0; whole.len()];
        assert_eq!(recode(FFMPEG_420, &mut out, options).map(|done| done.len), Ok(whole.len()));
        assert_eq!(out, whole);
    }

    static DAMAGEABLE: [&[u8]; 8] = [ALL[0], ALL[1], ALL[2], ALL[3], ALL[4], ALL[5], ALL[6], GREY];

    proptest! {
        #[test]
        fn damaged_pictures_recode_or_fail(
            file in prop::sample::select(&DAMAGEABLE[..]),
            damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
            cut in any::<prop::sample::Index>(),
            interval in prop::option::of(0u16..20),
        ) {
            let mut file = file.to_vec();
            for (at, byte) in damage {
                let at = at.index(file.len());
                file[at] = byte;
            }
            let _ = recoded(&file, interval);
            let _ = recoded(&file[..cut.index(file.len())], interval);
        }
    }
}
