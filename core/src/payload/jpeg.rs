//! JPEG in RTP (RFC 2435, 3.1).
use super::{Extension, Fragment, HEADER_MAX};
use crate::jpeg::{FRAME_HEADER_LEN, JpegInfo, frame_header};
use crate::storage::put;
use crate::wire::jpeg::{HeaderRepr, MAX_DIMENSION, ONVIF_PROFILE, Q_DYNAMIC, Restart, Tables};

/// Fragment offsets have 24 bits.
const MAX_SCAN: u32 = 1 << 24;
/// A frame header, filled up to whole words.
pub(super) const EXTENSION_LEN: usize = FRAME_HEADER_LEN.next_multiple_of(4);

/// Packets are of one length but the last, as segmentation offload wants them: the one with the
/// tables, and the extension, takes that much less of the scan.
pub(super) fn fragment<'a>(
    info: &JpegInfo,
    data: &'a [u8],
    offset: u32,
    room: usize,
) -> Option<Fragment<'a>> {
    let scan = part(data, info.scan, info.scan_len)?;
    let header = header(info, data, offset)?;
    let extension = extension(info, offset);
    let [luma, chroma] = match header.tables {
        Some(Tables { luma, chroma }) => [&luma[..], &chroma[..]],
        None => [&[][..]; 2],
    };
    let rest = scan.get(usize::try_from(offset).ok()?..)?;
    // One byte at least: however small the room, the frame ends.
    let take = taken(room, &header, extension.as_ref()).clamp(1, rest.len().max(1));
    let body = rest.get(..take).unwrap_or(rest);
    let end = offset.checked_add(u32::try_from(body.len()).ok()?)?;
    let mut fixed = [0; HEADER_MAX];
    let header_len = header.emit_head(&mut fixed)?;
    let next = (end < info.scan_len).then_some(end);
    Some(Fragment { extension, header: fixed, header_len, parts: [luma, chroma, body], next })
}

pub(super) fn count(info: &JpegInfo, data: &[u8], room: usize) -> u32 {
    let sendable = (1..MAX_SCAN).contains(&info.scan_len);
    let Some(first) = header(info, data, 0).filter(|_| sendable) else { return 0 };
    if part(data, info.scan, info.scan_len).is_none() {
        return 0;
    }
    let take = |header: &HeaderRepr<'_>, extension: Option<&Extension>| {
        u32::try_from(taken(room, header, extension)).unwrap_or(u32::MAX).max(1)
    };
    let later = HeaderRepr { offset: 1, tables: None, ..first };
    let first = take(&first, extension(info, 0).as_ref());
    info.scan_len.saturating_sub(first).div_ceil(take(&later, None)).saturating_add(1)
}

/// What a packet takes of the scan.
fn taken(room: usize, header: &HeaderRepr<'_>, extension: Option<&Extension>) -> usize {
    let extension = extension.map_or(0, |extension| extension.repr().buffer_len());
    room.saturating_sub(header.buffer_len()).saturating_sub(extension)
}

/// The true size of a picture, in the first packet of a frame, where the main header's blocks of 8
/// pixels cannot say it (ONVIF Streaming Specification, "JPEG over RTP").
fn extension(info: &JpegInfo, offset: u32) -> Option<Extension> {
    let exact = |side: u16| side <= MAX_DIMENSION && side.is_multiple_of(8);
    if offset > 0 || (exact(info.width) && exact(info.height)) {
        return None;
    }
    // Filled up with what is filling in a JPEG file, too.
    let mut data = [0xFF; EXTENSION_LEN];
    put(&mut data, 0, &frame_header(info.width, info.height, info.sampling));
    Some(Extension { profile: ONVIF_PROFILE, data })
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
