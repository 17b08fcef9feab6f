//! Splits JPEG files into RTP/JPEG payloads (RFC 2435, 3.1).
use super::header::{HeaderRepr, MAX_DIMENSION, ONVIF_PROFILE, Q_DYNAMIC, Restart, Tables};
use crate::codec::jpeg::{FRAME_HEADER_LEN, JpegInfo, frame_header};
use crate::frame::{ByteRange, Frame};
use crate::payload::{Cursor, Extension, Fragment};
use crate::storage::put;

/// The length of a scan that is too long to be sent, in bytes: fragment offsets have 24 bits.
const MAX_SCAN: u32 = 1 << 24;
/// The length of the extension in bytes: a frame header, filled up to whole words.
pub(crate) const EXTENSION_LEN: usize = FRAME_HEADER_LEN.next_multiple_of(4);
/// The length of a restart marker in bytes.
const MARKER_LEN: u32 = 2;

/// Splits a JPEG file into payloads. All packets but the last have one length, as segmentation offload
/// wants them: the first packet has the tables and the extension, and so less of the scan.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Packetizer<'a> {
    /// The payload header of the first packet. Those of later packets have no tables.
    header: HeaderRepr<'a>,
    scan: &'a [u8],
    /// The offset of the scan in the file.
    scan_at: u32,
    missing: &'a [ByteRange],
    first: Share,
    later: Share,
}

/// How the room of a packet is divided, in bytes.
#[derive(Clone, Copy, Debug)]
struct Share {
    extension: usize,
    /// The payload header with the tables.
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
        // Packets are not aligned to restart intervals, so they have to be reassembled before decoding
        // (RFC 2435, 3.1.7).
        let restart = Restart { interval: info.restart_interval, first: true, last: true, count: None };
        // Each frame carries its tables in band, as Q 255, which is the only way to carry tables that all
        // receivers accept.
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
        let rest = self.scan.len().checked_sub(at.at as usize)?;
        let share = self.share(at.at);
        let take = share.scan.min(rest);
        let end = at.at.wrapping_add(take as u32);
        if !self.missing.is_empty()
            && let Some(fragment) = self.before_hole(at, end)
        {
            return Some(fragment);
        }
        let is_last = take >= rest;
        Some(Fragment {
            at,
            extension: share.extension,
            payload: share.header.saturating_add(take),
            next: (!is_last).then_some(Cursor { at: end, ..at }),
            marker: is_last,
            ticks: 0,
            skip_after: 0,
        })
    }

    /// Returns a fragment that would reach to `end`, if bytes are missing before that: it ends before
    /// them. It leaves out as many sequence numbers as packets would carry these bytes; otherwise the next
    /// receiver would take the hole for a part of the picture.
    #[cold]
    #[inline(never)]
    fn before_hole(&self, at: Cursor, end: u32) -> Option<Fragment> {
        let start = at.at;
        let in_scan = |range: &ByteRange| {
            let [from, to] = [range.start(), range.end()].map(|at| at.saturating_sub(self.scan_at));
            (from, to)
        };
        let (from, to) = self.missing.iter().map(in_scan).find(|(from, to)| *to > start && *from < end)?;
        // No scan is longer: see `MAX_SCAN`.
        let (from, scan_len) = (from.max(start), self.scan.len() as u32);
        // By the marker at the end of the missing bytes, the receiver finds its place again.
        let resume = Some(to.saturating_sub(MARKER_LEN).max(from)).filter(|_| to < scan_len);
        let lost = resume.unwrap_or(scan_len).saturating_sub(from);
        let packets = lost.checked_div(self.later.scan as u32).unwrap_or(0).saturating_add(1);
        let share = self.share(start);
        Some(Fragment {
            at,
            extension: share.extension,
            payload: share.header.saturating_add(from.saturating_sub(start) as usize),
            next: resume.map(|next| Cursor { at: next, ..at }).filter(|next| next.at > start),
            marker: false,
            ticks: 0,
            skip_after: u16::try_from(packets).unwrap_or(u16::MAX),
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
        // A packet carries at least one byte, so that the frame ends however small the room is.
        let scan = room.saturating_sub(header).saturating_sub(extension).max(1);
        Self { extension, header, scan }
    }
}

/// Returns the extension with the true size of a picture, for the first packet of a frame. `None` if the
/// main header, which counts blocks of 8 pixels, expresses the size (ONVIF Streaming Specification, "JPEG
/// over RTP").
fn extension(header: &HeaderRepr<'_>) -> Option<Extension> {
    let exact = |side: u16| side <= MAX_DIMENSION && side.is_multiple_of(8);
    if exact(header.width) && exact(header.height) {
        return None;
    }
    // The rest is FF, which is filling in JPEG files, too.
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
