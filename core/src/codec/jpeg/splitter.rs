//! Finds JPEG frames in a stream of bytes.
use super::segments::{find_ff, marker};

/// The location of a frame in a stream of bytes, as [`Splitter`] finds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Found {
    /// The offset of the frame's SOI marker, in bytes from the start of the stream.
    pub start: u64,
    /// The length of the frame in bytes, with its EOI marker if there is one.
    pub len: u32,
    /// Whether the frame has an EOI marker. If this is false, the frame ends at the SOI marker of the next
    /// frame or at the end of the stream, and its data may be incomplete.
    pub eoi: bool,
    /// The number of bytes directly before this frame that belong to no returned frame. They begin at the
    /// end of the frame that was returned before, or at the start of the stream if this is the first frame.
    /// Skip these bytes.
    pub junk: u64,
}

impl Found {
    /// Returns the offset after the last byte of the frame, in bytes from the start of the stream.
    pub const fn end(&self) -> u64 {
        self.start.saturating_add(self.len as u64)
    }
}

/// Finds JPEG frames in a stream of bytes that arrives in pieces of any length.
///
/// A splitter parses the marker segments, so a thumbnail in an APPn segment is not taken for a frame. A
/// splitter stores no bytes: keep the bytes of the stream from [`Splitter::keep_from`] on yourself, until
/// [`Splitter::push`] returns the frame to which they belong.
///
/// ```
/// use pinhole::codec::jpeg::Splitter;
///
/// let stream = b"\r\n\xFF\xD8\xFF\xDA\x00\x02scan\xFF\xD9\xFF\xD8";
/// let mut splitter = Splitter::new(1_000_000);
/// let (consumed, found) = splitter.push(stream);
/// let found = found.unwrap();
/// assert_eq!((found.start, found.len, found.junk), (2, 12, 2));
/// assert_eq!(splitter.push(&stream[consumed..]), (2, None));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Splitter {
    state: SplitterState,
    /// The offset of the next byte.
    pos: u64,
    /// The offset of the open frame.
    start: u64,
    /// The offset after the frame before.
    end: u64,
    max_frame: u32,
    oversized: u32,
    /// The open frame has a scan.
    scanned: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SplitterState {
    /// Between frames.
    Junk,
    /// After an FF between frames.
    JunkFf,
    /// After FF D8. A frame starts here if another marker follows.
    Soi,
    /// At the start of a marker.
    Marker,
    /// After the FF of a marker.
    Code,
    /// At the first byte of a segment's length.
    Length { code: u8 },
    /// At the second byte of a segment's length.
    Length2 { code: u8, high: u8 },
    /// In a segment, of which `left` bytes are to come.
    Segment { code: u8, left: u16 },
    /// In entropy-coded data.
    Scan,
}

impl Splitter {
    /// Makes a splitter at the start of a stream. Frames of more than `max_frame` bytes are not returned:
    /// their bytes count as junk, and [`Self::oversized`] counts the frames.
    pub const fn new(max_frame: u32) -> Self {
        Self::starting_at(0, max_frame)
    }

    /// Creates a splitter whose first byte has the offset `pos`.
    pub(crate) const fn starting_at(pos: u64, max_frame: u32) -> Self {
        Self {
            state: SplitterState::Junk,
            pos,
            start: pos,
            end: pos,
            max_frame,
            oversized: 0,
            scanned: false,
        }
    }

    /// Takes the next bytes of the stream. Returns the number of bytes that were taken, and the location
    /// of a frame. If a frame ends in `data`, only the bytes up to its end are taken: call this again
    /// with the rest of `data`. If no frame ends in `data`, all of it is taken, and the location is
    /// `None`. The first bytes of a frame may have come with earlier calls: keep the bytes from
    /// [`Self::keep_from`] on.
    ///
    /// If a frame has no EOI, its end is known only after the SOI marker of the next frame. The bytes
    /// that are taken then include that marker. At the end of the stream, call [`Self::finish`].
    pub fn push(&mut self, data: &[u8]) -> (usize, Option<Found>) {
        let mut rest = data;
        while !rest.is_empty() {
            let room = match self.state {
                SplitterState::Junk | SplitterState::JunkFf => u64::MAX,
                _ => u64::from(self.max_frame).saturating_sub(self.pos.saturating_sub(self.start)),
            };
            if room == 0 {
                self.oversized = self.oversized.saturating_add(1);
                self.state = if self.state == SplitterState::Code {
                    SplitterState::JunkFf
                } else {
                    SplitterState::Junk
                };
                continue;
            }
            let within = usize::try_from(room).ok().and_then(|room| rest.get(..room)).unwrap_or(rest);
            let (taken, found) = self.step(within);
            rest = rest.get(taken..).unwrap_or_default();
            if found.is_some() {
                return (data.len() - rest.len(), found);
            }
        }
        (data.len(), None)
    }

    /// Ends the stream. If a frame has begun and its end has not come, returns that frame: either the frame
    /// is cut off, or it has no EOI marker. If no frame has begun since the last found one, returns `None`.
    pub fn finish(&mut self) -> Option<Found> {
        let open = !matches!(self.state, SplitterState::Junk | SplitterState::JunkFf | SplitterState::Soi);
        self.state = SplitterState::Junk;
        open.then(|| self.found(self.pos, false))
    }

    /// Returns the offset, in bytes from the start of the stream, at which the unfinished frame starts or
    /// may start. Keep the bytes from this offset on until a later call of [`Self::push`] has found the
    /// end of the frame. Bytes before the offset can be dropped.
    pub const fn keep_from(&self) -> u64 {
        match self.state {
            SplitterState::Junk => self.pos,
            _ => self.start,
        }
    }

    /// Returns how many bytes since the end of the last found frame belong to no frame. Before the first
    /// frame, the bytes since the start of the stream count. Bytes from [`Self::keep_from`] on do not
    /// count.
    pub const fn junk(&self) -> u64 {
        self.keep_from().saturating_sub(self.end)
    }

    /// Returns how many frames of the stream so far were longer than `max_frame` of [`Self::new`]. These
    /// frames were not returned.
    pub const fn oversized(&self) -> u32 {
        self.oversized
    }

    /// Consumes at least one byte, and as many as the current state covers.
    fn step(&mut self, data: &[u8]) -> (usize, Option<Found>) {
        let at = self.pos;
        let taken = match self.state {
            SplitterState::Junk | SplitterState::Scan => find_ff(data).map_or(data.len(), |ff| ff + 1),
            SplitterState::Segment { left, .. } => data.len().min(usize::from(left)),
            _ => 1,
        };
        self.pos = at.saturating_add(taken as u64);
        let Some(&last) = data.get(..taken).and_then(<[u8]>::last) else { return (taken, None) };
        let mut found = None;
        self.state = match self.state {
            SplitterState::Junk | SplitterState::JunkFf if last == 0xFF => {
                self.start = self.pos.saturating_sub(1);
                SplitterState::JunkFf
            }
            SplitterState::JunkFf if last == marker::SOI => {
                self.scanned = false;
                SplitterState::Soi
            }
            SplitterState::Junk | SplitterState::JunkFf => SplitterState::Junk,
            SplitterState::Soi | SplitterState::Marker | SplitterState::Scan if last == 0xFF => {
                SplitterState::Code
            }
            SplitterState::Scan => SplitterState::Scan,
            // Damage in the scan looked like a marker segment.
            SplitterState::Marker if self.scanned => SplitterState::Scan,
            SplitterState::Soi | SplitterState::Marker => SplitterState::Junk,
            SplitterState::Code => match last {
                0xFF => SplitterState::Code,
                marker::EOI => {
                    found = Some(self.found(self.pos, true));
                    SplitterState::Junk
                }
                marker::SOI => {
                    let end = self.pos.saturating_sub(2);
                    found = self.scanned.then(|| self.found(end, false));
                    self.start = end;
                    self.scanned = false;
                    SplitterState::Soi
                }
                code if self.scanned && !may_follow_scan(code) => SplitterState::Scan,
                0x00 => SplitterState::Junk,
                code if marker::stands_alone(code) => SplitterState::Marker,
                code => SplitterState::Length { code },
            },
            SplitterState::Length { code } => SplitterState::Length2 { code, high: last },
            SplitterState::Length2 { code, high } => match u16::from_be_bytes([high, last]).checked_sub(2) {
                Some(left) => self.segment(code, left),
                None if self.scanned => SplitterState::Scan,
                None => SplitterState::Junk,
            },
            SplitterState::Segment { code, left } => self.segment(code, left.saturating_sub(taken as u16)),
        };
        (taken, found)
    }

    /// Returns the state with `left` bytes of a segment to come.
    fn segment(&mut self, code: u8, left: u16) -> SplitterState {
        if left > 0 {
            return SplitterState::Segment { code, left };
        }
        self.scanned |= code == marker::SOS;
        if code == marker::SOS { SplitterState::Scan } else { SplitterState::Marker }
    }

    /// Completes the open frame, which ends at `end`.
    fn found(&mut self, end: u64, eoi: bool) -> Found {
        let len = end.saturating_sub(self.start).min(u64::from(u32::MAX)) as u32;
        let junk = self.start.saturating_sub(self.end);
        self.end = end;
        Found { start: self.start, len, eoi, junk }
    }
}

/// Whether a segment with this code may occur between the scans of a frame or after the last scan (ITU-T
/// T.81, B.2.1).
const fn may_follow_scan(code: u8) -> bool {
    matches!(
        code,
        marker::DHT | marker::DAC | marker::SOS..=marker::DRI | marker::APP0..=marker::APP15 | marker::COM
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec;

    static SMALL: &[u8] = include_bytes!("testdata/ffmpeg-420-optimal.jpg");
    static RESTART: &[u8] = include_bytes!("testdata/cjpeg-420-optimal-restart3.jpg");
    static PROGRESSIVE: &[u8] = include_bytes!("testdata/cjpeg-progressive.jpg");

    /// Returns all frames of a stream that arrives in pieces of these lengths, over and over.
    fn split(stream: &[u8], pieces: &[usize], max_frame: u32) -> (Vec<Found>, u64, u32) {
        let mut splitter = Splitter::new(max_frame);
        let (mut all, mut rest) = (Vec::new(), stream);
        for piece in pieces.iter().cycle() {
            let (mut data, later) = rest.split_at((*piece).min(rest.len()));
            while !data.is_empty() {
                let kept = splitter.keep_from();
                let (consumed, found) = splitter.push(data);
                assert!(found.is_none_or(|found| found.start >= kept));
                data = &data[consumed..];
                all.extend(found);
            }
            rest = later;
            if rest.is_empty() {
                break;
            }
        }
        all.extend(splitter.finish());
        (all, splitter.junk(), splitter.oversized())
    }

    fn frame(start: usize, len: usize, eoi: bool, junk: u64) -> Found {
        Found { start: start as u64, len: len as u32, eoi, junk }
    }

    #[test]
    fn frames_and_junk_are_told_apart() {
        let stream = [SMALL, b"\r\n--boundary\r\n\xFF", RESTART, PROGRESSIVE, &[0; 7]].concat();
        let restart = SMALL.len() + 15;
        let progressive = restart + RESTART.len();
        let expected = [
            frame(0, SMALL.len(), true, 0),
            frame(restart, RESTART.len(), true, 15),
            frame(progressive, PROGRESSIVE.len(), true, 0),
        ];
        assert_eq!(split(&stream, &[usize::MAX], 10_000), (expected.to_vec(), 7, 0));
    }

    #[test]
    fn a_thumbnail_is_no_frame() {
        let len = (SMALL.len() + 2) as u16;
        let exif = [&[0xFF, 0xE1], &len.to_be_bytes()[..], SMALL].concat();
        let stream = [&RESTART[..2], &exif, &RESTART[2..]].concat();
        let expected = [frame(0, stream.len(), true, 0)];
        assert_eq!(split(&stream, &[usize::MAX], 10_000), (expected.to_vec(), 0, 0));
    }

    #[test]
    fn frames_without_eoi_end_at_the_next_soi() {
        let cut = &SMALL[..SMALL.len() - 2];
        let expected = [frame(0, cut.len(), false, 0), frame(cut.len(), cut.len(), false, 0)];
        assert_eq!(split(&[cut, cut].concat(), &[usize::MAX], 10_000), (expected.to_vec(), 0, 0));
    }

    #[test]
    fn a_damaged_header_is_junk() {
        let mut damaged = SMALL.to_vec();
        damaged[20] = 0;
        let stream = [&damaged, SMALL].concat();
        let expected = [frame(SMALL.len(), SMALL.len(), true, SMALL.len() as u64)];
        assert_eq!(split(&stream, &[usize::MAX], 10_000), (expected.to_vec(), 0, 0));
    }

    #[test]
    fn only_too_large_frames_are_dropped() {
        let max = RESTART.len();
        assert!(SMALL.len() > max);
        let stream = [SMALL, RESTART].concat();
        let expected = [frame(SMALL.len(), RESTART.len(), true, SMALL.len() as u64)];
        assert_eq!(split(&stream, &[usize::MAX], max as u32), (expected.to_vec(), 0, 1));
        assert_eq!(split(&stream, &[usize::MAX], max as u32 - 1), (Vec::new(), stream.len() as u64, 2));
    }

    /// Pieces of streams: whole frames, frames cut short or damaged, and bytes that look like
    /// the start of something.
    fn part() -> impl Strategy<Value = Vec<u8>> {
        let file = prop_oneof![Just(SMALL), Just(RESTART), Just(PROGRESSIVE)];
        let marker = prop_oneof![Just(0xFFu8), Just(0xD8), Just(0xD9), Just(0xDA), Just(0), any::<u8>()];
        prop_oneof![
            file.clone().prop_map(<[u8]>::to_vec),
            (file.clone(), any::<prop::sample::Index>()).prop_map(|(f, at)| f[..at.index(f.len())].to_vec()),
            (file, any::<prop::sample::Index>(), any::<u8>()).prop_map(|(f, at, byte)| {
                let mut f = f.to_vec();
                let at = at.index(f.len());
                f[at] = byte;
                f
            }),
            prop::collection::vec(marker, 0..30),
        ]
    }

    proptest! {
        #[test]
        fn pieces_of_any_length_yield_the_same_frames(
            parts in prop::collection::vec(part(), 0..6),
            pieces in prop::collection::vec(1usize..700, 1..8),
            max_frame in prop_oneof![Just(10_000u32), 1u32..2_000],
        ) {
            let stream = parts.concat();
            let whole = split(&stream, &[usize::MAX], max_frame);
            prop_assert_eq!(&split(&stream, &pieces, max_frame), &whole);
            prop_assert_eq!(&split(&stream, &[1], max_frame), &whole);
            let (frames, junk, _) = whole;
            let all: u64 = frames.iter().map(|f| f.junk + u64::from(f.len)).sum();
            prop_assert_eq!(all + junk, stream.len() as u64);
            for found in frames {
                prop_assert!(found.len <= max_frame);
                prop_assert_eq!(&stream[found.start as usize..][..3], &[0xFF, 0xD8, 0xFF]);
            }
        }
    }
}
