//! JPEG in RTP (RFC 2435, 3.1).
use super::{Fragment, HEADER_MAX};
use crate::jpeg::JpegInfo;
use crate::wire::jpeg::{HeaderRepr, Q_DYNAMIC, Restart, Tables};

/// Fragment offsets have 24 bits.
const MAX_SCAN: u32 = 1 << 24;

/// Payloads are of one length but the last, as segmentation offload wants them: the one with the
/// tables takes that much less of the scan.
pub(super) fn fragment<'a>(
    info: &JpegInfo,
    data: &'a [u8],
    offset: u32,
    room: usize,
) -> Option<Fragment<'a>> {
    let scan = part(data, info.scan, info.scan_len)?;
    let header = header(info, data, offset)?;
    let [luma, chroma] = match header.tables {
        Some(Tables { luma, chroma }) => [&luma[..], &chroma[..]],
        None => [&[][..]; 2],
    };
    let rest = scan.get(usize::try_from(offset).ok()?..)?;
    // One byte at least: however small the room, the frame ends.
    let take = room.saturating_sub(header.buffer_len()).clamp(1, rest.len().max(1));
    let body = rest.get(..take).unwrap_or(rest);
    let end = offset.checked_add(u32::try_from(body.len()).ok()?)?;
    let mut fixed = [0; HEADER_MAX];
    let header_len = header.emit_head(&mut fixed)?;
    let next = (end < info.scan_len).then_some(end);
    Some(Fragment { header: fixed, header_len, parts: [luma, chroma, body], next })
}

pub(super) fn count(info: &JpegInfo, data: &[u8], room: usize) -> u32 {
    let sendable = (1..MAX_SCAN).contains(&info.scan_len);
    let Some(first) = header(info, data, 0).filter(|_| sendable) else { return 0 };
    if part(data, info.scan, info.scan_len).is_none() {
        return 0;
    }
    let take = |header: &HeaderRepr<'_>| {
        u32::try_from(room.saturating_sub(header.buffer_len())).unwrap_or(u32::MAX).max(1)
    };
    let later = HeaderRepr { offset: 1, tables: None, ..first };
    info.scan_len.saturating_sub(take(&first)).div_ceil(take(&later)).saturating_add(1)
}

/// The header at `offset`. The tables travel in band with each frame, as Q 255: of the ways to
/// carry them it is the one that all receivers take.
fn header<'a>(info: &JpegInfo, data: &'a [u8], offset: u32) -> Option<HeaderRepr<'a>> {
    let tables = match offset {
        0 => Some(Tables { luma: table(data, info.luma_table)?, chroma: table(data, info.chroma_table)? }),
        _ => None,
    };
    // Packets are not aligned to restart intervals: to be put together before decoding
    // (RFC 2435, 3.1.7).
    let restart = Restart { interval: info.restart_interval, first: true, last: true, count: None };
    Some(HeaderRepr {
        offset,
        sampling: info.sampling,
        restart: (info.restart_interval > 0).then_some(restart),
        q: Q_DYNAMIC,
        width: info.width,
        height: info.height,
        tables,
    })
}

fn table(data: &[u8], at: u32) -> Option<&[u8; 64]> {
    data.get(usize::try_from(at).ok()?..)?.first_chunk()
}

fn part(data: &[u8], at: u32, len: u32) -> Option<&[u8]> {
    data.get(usize::try_from(at).ok()?..)?.get(..usize::try_from(len).ok()?)
}
