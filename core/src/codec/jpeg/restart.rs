//! Restart intervals: how long they should be, how many a picture has, and how short one can be.
use super::inspect::{McuShape, mcus};
use super::{JpegInfo, Sampling};
use crate::num::div_up;

/// The most restart intervals of a picture. They are numbered with 14 bits, and all ones mean that
/// there is no number (RFC 2435, 3.1.7).
const MAX_INTERVALS: u32 = 0x3FFF;

/// How many intervals a packet should carry. A lost packet costs all intervals that it touches, about
/// one more than this. More and finer intervals save little, and each costs two to three bytes.
const INTERVALS_PER_PACKET: u64 = 2;

/// Returns how many MCUs (minimum coded units) a restart interval should have, so that a lost packet
/// costs little of the picture. Such an interval is about half a packet long, and seldom longer than a
/// packet. Use the result as [`RecodeOptions::restart_interval`](super::RecodeOptions).
///
/// `info` describes the picture; only its size, its sampling and the length of its scan are used.
/// `packet_payload` is the number of bytes of the scan that one RTP packet carries. This number is the
/// length of the UDP payload less the RTP header (12 bytes), the RTP/JPEG header (8 bytes) and the restart
/// marker header (4 bytes). A value of 0 counts as 1.
///
/// If the whole scan fits into one packet, the result is 0, which means no restart markers: if that
/// packet is lost, the whole picture is lost in any case. Otherwise the result is at least 1, and the
/// picture then has at most 16,383 intervals.
pub fn restart_interval_for(info: &JpegInfo, packet_payload: usize) -> u16 {
    let (across, down) = mcus(info, McuShape::Standard);
    let total = across.saturating_mul(down);
    let payload = u64::try_from(packet_payload).unwrap_or(u64::MAX).max(1);
    if u64::from(info.scan_len) <= payload {
        return 0;
    }
    let intervals = u64::from(info.scan_len).saturating_mul(INTERVALS_PER_PACKET).div_ceil(payload);
    let intervals = u32::try_from(intervals).unwrap_or(u32::MAX).min(MAX_INTERVALS);
    // The division rounds up, so that there are never more intervals than that.
    u16::try_from(div_up(total, intervals.max(1)).max(1)).unwrap_or(u16::MAX)
}

/// The width of an MCU in pixels (RFC 2435, 4.1).
pub(super) const MCU_WIDTH: u32 = 16;

/// Returns the height of an MCU in pixels.
pub(super) const fn mcu_height(sampling: Sampling) -> u32 {
    match sampling {
        Sampling::Yuv422 => 8,
        Sampling::Yuv420 => 16,
    }
}

/// Returns how many restart intervals a picture has; `None` if it has no restart markers, or more
/// intervals than can be numbered.
pub(crate) fn intervals(info: &JpegInfo) -> Option<u16> {
    let (across, down) = mcus(info, McuShape::Standard);
    let interval = u32::from(info.restart_interval);
    let count = across.saturating_mul(down).checked_add(interval.checked_sub(1)?)?.checked_div(interval)?;
    u16::try_from(count).ok().filter(|count| (1..=MAX_INTERVALS).contains(&u32::from(*count)))
}

/// Returns the fewest bytes that `mcus` MCUs and the marker after them can take. In the standard tables
/// (T.81, K.3) an empty luma block has six bits, and an empty chroma block four.
pub(crate) const fn min_len(sampling: Sampling, mcus: u32) -> u32 {
    let bits = match sampling {
        Sampling::Yuv422 => 2 * 6 + 2 * 4,
        Sampling::Yuv420 => 4 * 6 + 2 * 4,
    };
    mcus.saturating_mul(bits).div_ceil(8).saturating_add(2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::jpeg::inspect::check_intervals;
    use proptest::prelude::*;

    fn info(width: u16, height: u16, sampling: Sampling, scan_len: u32) -> JpegInfo {
        JpegInfo { scan_len, ..JpegInfo::of_size(width, height, sampling) }
    }

    #[test]
    fn an_interval_is_about_half_a_packet() {
        // 8,160 MCUs of 33 bytes.
        let full_hd = info(1_920, 1_080, Sampling::Yuv420, 270_000);
        assert_eq!(restart_interval_for(&full_hd, 1_380), 21);
        assert_eq!(restart_interval_for(&full_hd, 8_900), 134);
        assert_eq!(restart_interval_for(&info(320, 240, Sampling::Yuv422, 40_000), 1_380), 11);
    }

    #[test]
    fn one_packet_needs_no_markers() {
        assert_eq!(restart_interval_for(&info(640, 480, Sampling::Yuv420, 1_380), 1_380), 0);
        assert_eq!(restart_interval_for(&info(640, 480, Sampling::Yuv420, 1_381), 1_380), 400);
        assert_eq!(restart_interval_for(&info(16, 16, Sampling::Yuv420, 5_000), 1_380), 1);
    }

    proptest! {
        #[test]
        fn the_intervals_can_be_numbered(
            width in 1u16.., height in 1u16.., tall: bool, scan_len: u32, payload in 0usize..70_000,
        ) {
            let sampling = if tall { Sampling::Yuv420 } else { Sampling::Yuv422 };
            let info = info(width, height, sampling, scan_len);
            let restart_interval = restart_interval_for(&info, payload);
            let marked = JpegInfo { restart_interval, ..info };
            prop_assert_eq!(check_intervals(&marked, McuShape::Standard), Ok(()));
        }
    }
}
