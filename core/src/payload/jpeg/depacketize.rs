//! Builds JPEG files from RTP/JPEG packets (RFC 2435, 3.1).
#[cfg(test)]
mod tests;

use super::error::DepacketizeError;
use super::header::{Payload, Q_IN_BAND};
use super::intervals::IntervalTracker;
use super::onvif::{Extension, Quantisers};
use crate::codec::jpeg::segments::marker;
use crate::codec::jpeg::{Header, JpegInfo, Missing, START, Sampling, quantisers, restart_marker};
use crate::frame::{ByteRange, Flags, FrameEnd, FrameSink, Integrity};
use crate::payload::{DepacketizerCounters, Pushed};
use crate::rtp;
use core::mem;

const EOI: [u8; 2] = [0xFF, marker::EOI];

/// How many bytes a lost packet may have carried, if no longer packet has come: an Ethernet frame.
const LOST_PACKET: u32 = 1_500;

/// Builds frames from the RTP/JPEG packets of one track, in a caller-provided [`FrameSink`]. A frame is a
/// whole JPEG file: this type makes the headers and tables, which the packets do not carry in that form.
///
/// All packets of a frame have one timestamp. A packet with the marker bit ends its frame, and a packet
/// with another timestamp ends the frame before. The length of the JPEG headers is known with the first
/// packet that comes of a frame. So the data of each packet is written to its place in the sink at once,
/// and this type stores no data.
///
/// If packets of a frame are missing, the frame keeps the data that came, and is not complete. If the frame
/// has restart markers, and it is known which restart intervals are missing, the frame is
/// [`Integrity::Partial`] and lists the missing bytes. If this is not known, the frame is
/// [`Integrity::Damaged`].
///
/// A packet that does not fit the earlier packets of its frame is refused. This is so if the packet leaves
/// a hole that is larger than lost packets can explain, if its data overlaps earlier data, or if it has
/// another picture size or another coding.
#[derive(Clone, Debug)]
pub struct Depacketizer {
    dimensions: Option<(u16, u16)>,
    tables: Option<InBand>,
    /// The restart interval that an extension has given, for frames whose type has none.
    restart_interval: u16,
    /// The most bytes that one packet has carried so far.
    largest: u32,
    /// Whether the packets carry whole JPEG files, as some bridges and home-made cameras send them, and not
    /// only scans.
    carries_files: bool,
    state: State,
    counters: DepacketizerCounters,
}

impl Depacketizer {
    /// Makes a depacketizer for one track. `dimensions` are the width and the height in pixels from the
    /// session description (`a=x-dimensions`). This size is needed for pictures that are wider or higher
    /// than [`MAX_DIMENSION`], because RFC 2435 cannot express their size. It also corrects a size that the
    /// packets give rounded up to a multiple of 8.
    ///
    /// With `None`, the size comes from the packets alone. Pictures that are too large for RFC 2435 are
    /// then dropped with [`DepacketizeError::NoDimensions`], unless their packets have the header
    /// extension of ONVIF.
    ///
    /// [`MAX_DIMENSION`]: super::MAX_DIMENSION
    pub const fn new(dimensions: Option<(u16, u16)>) -> Self {
        Self {
            dimensions,
            tables: None,
            restart_interval: 0,
            largest: 0,
            carries_files: false,
            state: State::Idle,
            counters: DepacketizerCounters::ZERO,
        }
    }

    /// Takes the next packet and writes its data to `sink`. Pass the packets in the order of their sequence
    /// numbers, each once. `track` is the number of the track, counted from 0, which is passed on to each
    /// call of `sink`. `gap` is the number of packets that were lost just before this packet; 0 if there
    /// were none. `time` says when the packet's frame is shown, in ticks of the track's clock.
    ///
    /// # Errors
    /// Returns the reason why the packet was not stored. In any case, go on with the next packet. What
    /// becomes of the packet's frame depends on the case:
    ///
    /// - If no packet of the frame was stored before, or if the error is [`DepacketizeError::Full`], the
    ///   frame is dropped. Later packets of the frame are not stored either: this returns
    ///   [`Pushed::Skipped`] for them.
    /// - Otherwise the frame stays open, and later packets of the frame are stored. The frame is finished
    ///   at its end, but as not complete.
    pub fn push<K: FrameSink + ?Sized>(
        &mut self,
        track: u8,
        packet: &rtp::Packet<&[u8]>,
        gap: u16,
        time: u64,
        sink: &mut K,
    ) -> Result<Pushed, DepacketizeError> {
        let timestamp = packet.timestamp();
        match &self.state {
            State::Open(open) if open.timestamp != timestamp => {
                // No marker came, but no packet was lost either: some cameras never set the marker.
                self.finish(track, gap == 0, sink);
            }
            State::Skipping { timestamp: skipped } if *skipped != timestamp => self.state = State::Idle,
            _ => {}
        }
        let stored = match &self.state {
            State::Skipping { .. } => Ok(Pushed::Skipped),
            _ => self.store(track, packet, gap, time, sink).map(|()| Pushed::Stored),
        };
        if !packet.marker() {
            return stored;
        }
        let finished = self.finish(track, true, sink);
        stored.map(|_| finished.map_or(Pushed::Skipped, |complete| Pushed::Finished { complete }))
    }

    /// Finishes the open frame in `sink`, as not complete. If no frame is open, does nothing. Call this
    /// if the source has left, if another source or sequence of packets begins, or if nothing has come
    /// for long. `track` is the number that was passed to [`Self::push`].
    pub fn finish_open<K: FrameSink + ?Sized>(&mut self, track: u8, sink: &mut K) {
        self.finish(track, false, sink);
    }

    /// Forgets the open frame without counting it. If no frame is open, does nothing. Call this if all
    /// packets of the frame will come again. The sink keeps the open frame until the next frame begins, and
    /// drops it then.
    pub fn forget_open(&mut self) {
        self.state = State::Idle;
    }

    /// Returns whether a frame is open: a packet of it was stored, and its end has not come yet.
    pub const fn has_open(&self) -> bool {
        matches!(self.state, State::Open(_))
    }

    /// Returns the counts of frames and packets since the depacketizer was made.
    pub const fn counters(&self) -> DepacketizerCounters {
        self.counters
    }

    /// Stores a packet in its frame. If that fails, takes care of the frame.
    fn store<K: FrameSink + ?Sized>(
        &mut self,
        track: u8,
        packet: &rtp::Packet<&[u8]>,
        gap: u16,
        time: u64,
        sink: &mut K,
    ) -> Result<(), DepacketizeError> {
        let stored = self.try_store(track, packet, gap, time, sink);
        let Err(error) = stored else { return stored };
        match &mut self.state {
            State::Open(open) if error != DepacketizeError::Full => {
                self.counters.refused = self.counters.refused.wrapping_add(1);
                open.complete = false;
                if matches!(error, DepacketizeError::Overlap { .. } | DepacketizeError::Changed) {
                    // Two packets contradict each other, and it is not known which is right.
                    open.intervals = None;
                }
                // The packet's data is missing now, as if the packet had been lost.
                open.missing = open.missing.saturating_add(1);
            }
            _ => {
                self.give_up(track, error == DepacketizeError::Full, sink);
                self.state = State::Skipping { timestamp: packet.timestamp() };
            }
        }
        Err(error)
    }

    /// Stores a packet in its frame, which it begins if need be.
    fn try_store<K: FrameSink + ?Sized>(
        &mut self,
        track: u8,
        packet: &rtp::Packet<&[u8]>,
        gap: u16,
        time: u64,
        sink: &mut K,
    ) -> Result<(), DepacketizeError> {
        let missing = u32::from(gap);
        if let State::Open(open) = &mut self.state {
            open.missing = open.missing.saturating_add(missing);
        }
        let payload = Payload::parse(packet.payload()).map_err(DepacketizeError::Payload)?;
        let len = payload.data.len() as u32;
        let largest = self.largest.max(LOST_PACKET);
        self.largest = self.largest.max(len);
        match &mut self.state {
            State::Open(open) => open.accept(&payload, largest)?,
            _ => {
                // This is checked before anything is written for the frame.
                believe(0, payload.offset, missing, largest)?;
                let open = self.open(track, packet, &payload, time, sink)?;
                self.state = State::Open(open);
            }
        }
        let State::Open(open) = &mut self.state else { return Ok(()) };
        if open.is_repeated(&payload) {
            return Ok(());
        }
        let at = open.info.scan.saturating_add(payload.offset) as usize;
        sink.write_at(track, at, payload.data)?;
        open.advance(&payload);
        Ok(())
    }

    /// Begins a frame with its first fragment that came.
    fn open<K: FrameSink + ?Sized>(
        &mut self,
        track: u8,
        packet: &rtp::Packet<&[u8]>,
        payload: &Payload<'_>,
        time: u64,
        sink: &mut K,
    ) -> Result<Open, DepacketizeError> {
        let extension = packet.extension().map(Extension::parse).unwrap_or_default();
        self.dimensions = extension.dimensions.or(self.dimensions);
        if payload.offset == 0 {
            self.restart_interval = extension.restart_interval.unwrap_or(0);
        }
        let brought = extension.quantisers.or(payload.tables.map(|tables| (tables.luma, tables.chroma)));
        match brought {
            Some(tables) => self.tables = Some(InBand::new(payload.q, tables)),
            // If Q stands for a formula, the tables of an extension are valid for its frame only.
            None if payload.offset == 0 && payload.q < Q_IN_BAND => self.tables = None,
            None => {}
        }
        let picture = Picture::of(payload);
        let mut header = [0; Header::MAX_LEN];
        if payload.offset == 0 {
            // No scan begins with a marker.
            self.carries_files = payload.data.starts_with(&START);
        }
        let info = match (self.carries_files, payload.offset) {
            // The file has its own header, and the offsets count from its start.
            (true, 0) => JpegInfo::of_size(0, 0, picture.sampling),
            (true, _) => return Err(DepacketizeError::NoHeader),
            (false, _) => self.header(picture, &mut header)?,
        };
        let header = header.get(..info.scan as usize).unwrap_or(&header);
        sink.begin(track, time)?;
        sink.write_at(track, 0, header)?;
        Ok(Open {
            timestamp: packet.timestamp(),
            picture,
            info,
            intervals: IntervalTracker::new(&info).filter(|_| !self.carries_files),
            next: 0,
            last: None,
            missing: 0,
            complete: payload.offset == 0,
            tail: [0; 2],
        })
    }

    /// Writes the header of the JPEG file.
    fn header(
        &self,
        picture: Picture,
        out: &mut [u8; Header::MAX_LEN],
    ) -> Result<JpegInfo, DepacketizeError> {
        let (width, height) = self.dimensions.unzip();
        let (width, height) = (side(picture.width, width), side(picture.height, height));
        if width == 0 || height == 0 {
            return Err(DepacketizeError::NoDimensions);
        }
        let computed;
        let known = self.tables.as_ref().filter(|tables| tables.q == picture.q);
        let (luma, chroma) = match known {
            Some(known) => (&known.luma, &known.chroma),
            None => {
                let factor = Some(picture.q).filter(|q| *q < Q_IN_BAND);
                let no_tables = DepacketizeError::NoTables { q: picture.q };
                computed = factor.and_then(quantisers).ok_or(no_tables)?;
                (&computed.0, &computed.1)
            }
        };
        let restart_interval = picture.restart_interval.unwrap_or(self.restart_interval);
        let header = Header { width, height, sampling: picture.sampling, restart_interval, luma, chroma };
        header.emit(out).ok_or(DepacketizeError::Full)
    }

    /// Ends the open frame. Returns whether it is complete; `None` if there was none, or if it was
    /// abandoned. `whole` says whether the end of the frame has come.
    fn finish<K: FrameSink + ?Sized>(&mut self, track: u8, whole: bool, sink: &mut K) -> Option<bool> {
        let State::Open(open) = mem::replace(&mut self.state, State::Idle) else { return None };
        // Some senders count EOI as part of the scan.
        let scan_len = if open.tail == EOI { open.next.saturating_sub(2) } else { open.next };
        let info = JpegInfo { scan_len, ..open.info };
        let end = info.scan.saturating_add(scan_len) as usize;
        let full = scan_len > 0 && sink.write_at(track, end, &EOI).is_err();
        if scan_len == 0 || full {
            self.give_up(track, full, sink);
            return None;
        }
        // A marker bit that comes early, without a gap in the sequence, ends a frame short of its size: proxies
        // that lose packets before they number them anew send such frames.
        let whole = whole && !open.ends_short();
        let complete = open.complete && whole;
        let mut ranges = [ByteRange::default(); ByteRange::MAX];
        let missing = match complete {
            true => None,
            false => open
                .missing(whole, scan_len)
                .and_then(|missing| write_missing(track, &info, &missing, &mut ranges, sink)),
        };
        let integrity = match missing {
            Some(_) => Integrity::Partial,
            None if complete => Integrity::Complete,
            None => Integrity::Damaged,
        };
        let counter = if complete { &mut self.counters.complete } else { &mut self.counters.damaged };
        *counter = counter.wrapping_add(1);
        sink.finish(
            track,
            FrameEnd {
                len: end.saturating_add(EOI.len()),
                duration: 0,
                flags: Flags::INTRA.with_integrity(integrity),
                missing: missing.unwrap_or_default(),
            },
        );
        Some(complete)
    }

    /// Abandons the open frame, because the sink is `full` or because there is too little data.
    fn give_up<K: FrameSink + ?Sized>(&mut self, track: u8, full: bool, sink: &mut K) {
        sink.abandon(track);
        let counter = if full { &mut self.counters.unstored } else { &mut self.counters.abandoned };
        *counter = counter.wrapping_add(1);
    }
}

/// Where in the stream the depacketizer is.
#[allow(clippy::large_enum_variant, reason = "a frame is open most of the time")]
#[derive(Clone, Debug)]
enum State {
    /// Between two frames.
    Idle,
    /// In a frame.
    Open(Open),
    /// In a frame that was abandoned.
    Skipping { timestamp: u32 },
}

/// A frame of which data has come.
#[derive(Clone, Debug)]
struct Open {
    timestamp: u32,
    picture: Picture,
    info: JpegInfo,
    /// `None` if restart intervals cannot be told apart.
    intervals: Option<IntervalTracker>,
    /// The offset in the scan at which the data so far ends.
    next: u32,
    /// The offset and the length of the last fragment.
    last: Option<(u32, u32)>,
    /// The number of packets that were lost or refused since the last fragment.
    missing: u32,
    complete: bool,
    /// The last two bytes of the data so far.
    tail: [u8; 2],
}

impl Open {
    /// Checks that the fragment can be a part of the frame.
    fn accept(&self, payload: &Payload<'_>, largest: u32) -> Result<(), DepacketizeError> {
        if Picture::of(payload) != self.picture {
            return Err(DepacketizeError::Changed);
        }
        if payload.offset < self.next && !self.is_repeated(payload) {
            return Err(DepacketizeError::Overlap { offset: payload.offset, expected: self.next });
        }
        believe(self.next, payload.offset, self.missing, largest)
    }

    /// Whether the fragment is the last one again.
    fn is_repeated(&self, payload: &Payload<'_>) -> bool {
        payload.offset < self.next && self.last == Some((payload.offset, payload.data.len() as u32))
    }

    /// Takes note of a fragment that was stored.
    fn advance(&mut self, payload: &Payload<'_>) {
        let len = payload.data.len() as u32;
        let follows = payload.offset == self.next;
        self.complete &= follows;
        if let Some(intervals) = &mut self.intervals {
            intervals.advance(payload.offset, payload.data, !follows, payload.restart);
        }
        self.next = payload.offset.saturating_add(len);
        self.last = Some((payload.offset, len));
        self.missing = 0;
        self.tail = match (payload.data, self.tail) {
            ([.., a, b], _) => [*a, *b],
            ([b], [_, a]) => [a, *b],
            ([], tail) => tail,
        };
    }

    /// Whether all of the scan that came follows on, and it ends before the last restart interval.
    fn ends_short(&self) -> bool {
        self.complete && self.intervals.as_ref().is_some_and(IntervalTracker::is_short)
    }

    /// Returns the restart intervals that did not come; `None` if that is not known. `whole` says whether
    /// the end of the frame has come.
    fn missing(&self, whole: bool, scan_len: u32) -> Option<Missing> {
        // The packet at the end may have been refused.
        self.intervals.as_ref()?.finish(whole && self.missing == 0, scan_len)
    }
}

/// The fields that must be equal in all packets of a frame (RFC 2435, 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Picture {
    sampling: Sampling,
    q: u8,
    width: u16,
    height: u16,
    restart_interval: Option<u16>,
}

impl Picture {
    fn of(payload: &Payload<'_>) -> Self {
        Self {
            sampling: payload.sampling,
            q: payload.q,
            width: payload.width,
            height: payload.height,
            restart_interval: payload.restart.map(|restart| restart.interval),
        }
    }
}

/// The quantisation tables that came last in band, and their Q value.
#[derive(Clone, Debug)]
struct InBand {
    q: u8,
    luma: [u8; 64],
    chroma: [u8; 64],
}

impl InBand {
    fn new(q: u8, (luma, chroma): Quantisers<'_>) -> Self {
        Self { q, luma: *luma, chroma: *chroma }
    }
}

/// Writes the markers of the missing restart intervals into the missing bytes, so that a reader of the
/// frame can count the intervals. Fills the rest of these bytes with FF, which may stand before any marker
/// (ITU-T T.81, B.1.1.2). Returns the missing ranges of bytes of the file; `None` if the markers do not
/// fit.
fn write_missing<'r, K: FrameSink + ?Sized>(
    track: u8,
    info: &JpegInfo,
    missing: &Missing,
    ranges: &'r mut [ByteRange; ByteRange::MAX],
    sink: &mut K,
) -> Option<&'r [ByteRange]> {
    let mut count = 0usize;
    for (range, place) in missing.ranges().zip(ranges.iter_mut()) {
        let [start, end] = [range.start, range.resume].map(|at| at.saturating_add(info.scan));
        *place = ByteRange::new(start, end);
        count = count.saturating_add(1);
        // A range to the end of the scan needs no markers, as all intervals from there on are missing.
        if range.resume < info.scan_len {
            write_markers(track, range.first, range.count, start, end, sink)?;
        }
    }
    ranges.get(..count)
}

/// Writes the markers of `count` intervals from number `first` on into the bytes from `start` to `end`
/// of the file. The last marker ends at `end`.
fn write_markers<K: FrameSink + ?Sized>(
    track: u8,
    first: u16,
    count: u16,
    start: u32,
    end: u32,
    sink: &mut K,
) -> Option<()> {
    const STEP: usize = 32;
    let last = end.checked_sub(2).filter(|&last| last >= start)?;
    let room = last.checked_sub(start)?.checked_div(2)?;
    if u32::from(count.checked_sub(1)?) > room {
        return None;
    }
    let mut at = start;
    let mut number = first;
    let next = first.checked_add(count)?.checked_sub(1)?;
    while at < last {
        let mut bytes = [0xFF; 2 * STEP];
        for pair in bytes.as_chunks_mut::<2>().0 {
            if number < next {
                *pair = restart_marker(number);
                number = number.saturating_add(1);
            }
        }
        let len = bytes.len().min(last.saturating_sub(at) as usize);
        sink.write_at(track, at as usize, bytes.get(..len)?).ok()?;
        at = at.saturating_add(len as u32);
    }
    sink.write_at(track, last as usize, &restart_marker(next)).ok()
}

/// Checks that `missing` packets of up to `largest` bytes can have filled the hole from `next` to
/// `offset`. Otherwise a single packet could claim the 16 MB that 24 bits of offset span.
fn believe(next: u32, offset: u32, missing: u32, largest: u32) -> Result<(), DepacketizeError> {
    match offset.saturating_sub(next) <= missing.saturating_mul(largest) {
        true => Ok(()),
        false => Err(DepacketizeError::Hole { offset, expected: next }),
    }
}

/// Returns the true width or height in pixels: `hint` if `sent` is 0, which means unknown, or if `sent`
/// is `hint` rounded up.
fn side(sent: u16, hint: Option<u16>) -> u16 {
    hint.filter(|hint| sent == 0 || hint.div_ceil(8) == sent / 8).unwrap_or(sent)
}
