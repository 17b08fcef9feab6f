//! JPEG in RTP (RFC 2435, 3.1).
use super::header::{HeaderRepr, MAX_DIMENSION, ONVIF_PROFILE, Q_DYNAMIC, Restart, Tables};
use crate::codec::jpeg::{FRAME_HEADER_LEN, JpegInfo, frame_header};
use crate::payload::{Extension, Span};
use crate::storage::put;

/// Fragment offsets have 24 bits.
const MAX_SCAN: u32 = 1 << 24;
/// A frame header, filled up to whole words.
pub(crate) const EXTENSION_LEN: usize = FRAME_HEADER_LEN.next_multiple_of(4);

/// A frame to cut. Packets are of one length but the last, as segmentation offload wants them: the
/// one with the tables, and the extension, takes that much less of the scan.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cut<'a> {
    /// At offset 0; the others have no tables.
    header: HeaderRepr<'a>,
    scan: &'a [u8],
    first: Share,
    later: Share,
}

/// What a packet's room goes to.
#[derive(Clone, Copy, Debug)]
struct Share {
    extension: usize,
    /// The payload header, with the tables.
    header: usize,
    scan: usize,
}

impl<'a> Cut<'a> {
    pub(crate) fn new(info: &JpegInfo, data: &'a [u8], room: usize) -> Option<Self> {
        if !(1..MAX_SCAN).contains(&info.scan_len) {
            return None;
        }
        let scan = part(data, info.scan, info.scan_len)?;
        let tables = Tables { luma: table(data, info.luma_table)?, chroma: table(data, info.chroma_table)? };
        // Packets are not aligned to restart intervals: to be put together before decoding
        // (RFC 2435, 3.1.7).
        let restart = Restart { interval: info.restart_interval, first: true, last: true, count: None };
        // The tables travel in band with each frame, as Q 255: of the ways to carry them it is the
        // one that all receivers take.
        let header = HeaderRepr {
            offset: 0,
            sampling: info.sampling,
            restart: (info.restart_interval > 0).then_some(restart),
            q: Q_DYNAMIC,
            width: info.width,
            height: info.height,
            tables: Some(tables),
        };
        let first = Share::new(room, &header, extension(&header).as_ref());
        let later = Share::new(room, &HeaderRepr { offset: 1, tables: None, ..header }, None);
        Some(Self { header, scan, first, later })
    }

    pub(crate) fn count(&self) -> u32 {
        let rest = self.scan.len().saturating_sub(self.first.scan);
        let later = rest.checked_div(self.later.scan).unwrap_or(0);
        let partial = usize::from(later.wrapping_mul(self.later.scan) < rest);
        u32::try_from(later.saturating_add(partial).saturating_add(1)).unwrap_or(u32::MAX)
    }

    pub(crate) fn span(&self, offset: u32) -> Option<Span> {
        let rest = self.scan.len().checked_sub(usize::try_from(offset).ok()?)?;
        let share = self.share(offset);
        let take = share.scan.min(rest);
        let next = offset.checked_add(u32::try_from(take).ok()?)?;
        Some(Span {
            offset,
            extension: share.extension,
            payload: share.header.saturating_add(take),
            next: (take < rest).then_some(next),
        })
    }

    pub(crate) fn extension(&self, offset: u32) -> Option<Extension> {
        if offset == 0 { extension(&self.header) } else { None }
    }

    pub(crate) fn emit_head(&self, offset: u32, out: &mut [u8]) -> Option<usize> {
        match offset {
            0 => self.header.emit_head(out),
            offset => HeaderRepr { offset, tables: None, ..self.header }.emit_head(out),
        }
    }

    pub(crate) fn parts(&self, span: &Span) -> Option<[&'a [u8]; 3]> {
        let body = self.scan.get(usize::try_from(span.offset).ok()?..)?;
        let body = body.get(..span.payload.checked_sub(self.share(span.offset).header)?)?;
        Some(match (span.offset, &self.header.tables) {
            (0, Some(Tables { luma, chroma })) => [&luma[..], &chroma[..], body],
            _ => [&[], &[], body],
        })
    }

    const fn share(&self, offset: u32) -> &Share {
        if offset == 0 { &self.first } else { &self.later }
    }
}

impl Share {
    fn new(room: usize, header: &HeaderRepr<'_>, extension: Option<&Extension>) -> Self {
        let extension = extension.map_or(0, |extension| extension.repr().buffer_len());
        let header = header.buffer_len();
        // One byte at least: however small the room, the frame ends.
        let scan = room.saturating_sub(header).saturating_sub(extension).max(1);
        Self { extension, header, scan }
    }
}

/// The true size of a picture, in the first packet of a frame, where the main header's blocks of 8
/// pixels cannot say it (ONVIF Streaming Specification, "JPEG over RTP").
fn extension(header: &HeaderRepr<'_>) -> Option<Extension> {
    let exact = |side: u16| side <= MAX_DIMENSION && side.is_multiple_of(8);
    if exact(header.width) && exact(header.height) {
        return None;
    }
    // Filled up with what is filling in a JPEG file, too.
    let mut data = [0xFF; EXTENSION_LEN];
    put(&mut data, 0, &frame_header(header.width, header.height, header.sampling));
    Some(Extension { profile: ONVIF_PROFILE, data })
}

fn table(data: &[u8], at: u32) -> Option<&[u8; 64]> {
    data.get(usize::try_from(at).ok()?..)?.first_chunk()
}

fn part(data: &[u8], at: u32, len: u32) -> Option<&[u8]> {
    data.get(usize::try_from(at).ok()?..)?.get(..usize::try_from(len).ok()?)
}
