//! From JPEG files to RTP/JPEG packets (RFC 2435, 3.1).
use super::header::{HeaderRepr, MAX_DIMENSION, ONVIF_PROFILE, Q_DYNAMIC, Restart, Tables};
use crate::codec::jpeg::{FRAME_HEADER_LEN, JpegInfo, frame_header};
use crate::frame::{ByteRange, Frame};
use crate::payload::{Cursor, Extension, Fragment};
use crate::storage::put;

/// Fragment offsets have 24 bits.
const MAX_SCAN: u32 = 1 << 24;
/// A frame header, filled up to whole words.
pub(crate) const EXTENSION_LEN: usize = FRAME_HEADER_LEN.next_multiple_of(4);
/// Bytes of a restart marker.
const MARKER_LEN: u32 = 2;

/// A JPEG file that is cut into packets. Packets are of one length but the last, as segmentation offload
/// wants them: the one with the tables, and the extension, takes that much less of the scan.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Packetizer<'a> {
    /// At offset 0; the others have no tables.
    header: HeaderRepr<'a>,
    scan: &'a [u8],
    /// Where the scan is in the file.
    scan_at: u32,
    missing: &'a [ByteRange],
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

impl<'a> Packetizer<'a> {
    pub(crate) fn new(frame: &Frame<'a>, room: usize) -> Option<Self> {
        let info = &JpegInfo::locate(frame.data)?;
        if !(1..MAX_SCAN).contains(&info.scan_len) {
            return None;
        }
        let scan = part(frame.data, info.scan, info.scan_len)?;
        let luma = table(frame.data, info.luma_table)?;
        let tables = Tables { luma, chroma: table(frame.data, info.chroma_table)? };
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
        Some(Self { header, scan, scan_at: info.scan, missing: frame.missing, first, later })
    }

    pub(crate) fn count(&self) -> u32 {
        let rest = self.scan.len().saturating_sub(self.first.scan);
        let later = rest.checked_div(self.later.scan).unwrap_or(0);
        let partial = usize::from(later.wrapping_mul(self.later.scan) < rest);
        u32::try_from(later.saturating_add(partial).saturating_add(1)).unwrap_or(u32::MAX)
    }

    pub(crate) fn fragment(&self, at: Cursor) -> Option<Fragment> {
        let offset = at.at;
        let rest = self.scan.len().checked_sub(usize::try_from(offset).ok()?)?;
        let share = self.share(offset);
        let take = share.scan.min(rest);
        let next = offset.checked_add(u32::try_from(take).ok()?)?;
        let is_last = take >= rest;
        let fragment = Fragment {
            at,
            extension: share.extension,
            payload: share.header.saturating_add(take),
            next: (!is_last).then_some(Cursor { at: next, ..at }),
            marker: is_last,
            skip_after: 0,
        };
        if self.missing.is_empty() { Some(fragment) } else { self.before_hole(fragment, next) }
    }

    /// Ends a fragment, which goes on to `end`, where bytes are missing, and leaves out as many sequence
    /// numbers as those bytes took: otherwise who gets the frame next takes the hole for picture.
    #[cold]
    fn before_hole(&self, fragment: Fragment, end: u32) -> Option<Fragment> {
        let start = fragment.at.at;
        let in_scan = |range: &ByteRange| {
            let [from, to] = [range.start(), range.end()].map(|at| at.saturating_sub(self.scan_at));
            (from, to)
        };
        let Some((from, to)) = self.missing.iter().map(in_scan).find(|(from, to)| *to > start && *from < end)
        else {
            return Some(fragment);
        };
        let (from, scan_len) = (from.max(start), u32::try_from(self.scan.len()).ok()?);
        // The marker that ends the missing part tells the receiver where it is.
        let resume = Some(to.saturating_sub(MARKER_LEN).max(from)).filter(|_| to < scan_len);
        let lost = resume.unwrap_or(scan_len).saturating_sub(from);
        let room = u32::try_from(self.later.scan).ok()?;
        let skip_after = lost.checked_div(room)?.saturating_add(1);
        Some(Fragment {
            payload: self.share(start).header.saturating_add(from.saturating_sub(start) as usize),
            next: resume.map(|at| Cursor { at, ..fragment.at }).filter(|next| next.at > start),
            marker: false,
            skip_after: u16::try_from(skip_after).unwrap_or(u16::MAX),
            ..fragment
        })
    }

    pub(crate) fn extension(&self, fragment: &Fragment) -> Option<Extension> {
        if fragment.at.at == 0 { extension(&self.header) } else { None }
    }

    pub(crate) fn emit_head(&self, fragment: &Fragment, out: &mut [u8]) -> Option<usize> {
        match fragment.at.at {
            0 => self.header.emit_head(out),
            offset => HeaderRepr { offset, tables: None, ..self.header }.emit_head(out),
        }
    }

    pub(crate) fn parts(&self, fragment: &Fragment) -> Option<[&'a [u8]; 3]> {
        let offset = fragment.at.at;
        let body = self.scan.get(usize::try_from(offset).ok()?..)?;
        let body = body.get(..fragment.payload.checked_sub(self.share(offset).header)?)?;
        Some(match (offset, &self.header.tables) {
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
