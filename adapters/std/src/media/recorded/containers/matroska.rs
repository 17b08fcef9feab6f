//! Matroska and WebM (RFC 9559).
//!
//! The elements are walked one by one, and those that hold others are entered, so that neither unknown sizes nor
//! an index matter: a recording may be unfinished or cut. After damage, the walk goes on at the next cluster.
use super::bytes::Bytes;
use super::codecs::Kind;
use super::samples::Samples;
use super::{MAX_TRACKS, Refused, Told, Unit, Video, timing};
use pinhole::text::Count;
use std::io;

const SEGMENT: u32 = 0x1853_8067;
const INFO: u32 = 0x1549_A966;
const TIMESTAMP_SCALE: u32 = 0x2A_D7B1;
const TRACKS: u32 = 0x1654_AE6B;
const TRACK_ENTRY: u32 = 0xAE;
const TRACK_NUMBER: u32 = 0xD7;
const TRACK_TYPE: u32 = 0x83;
const CODEC_ID: u32 = 0x86;
const CODEC_PRIVATE: u32 = 0x63A2;
const DEFAULT_DURATION: u32 = 0x23_E383;
const CONTENT_ENCODINGS: u32 = 0x6D80;
const CLUSTER: u32 = 0x1F43_B675;
const TIMESTAMP: u32 = 0xE7;
const SIMPLE_BLOCK: u32 = 0xA3;
const BLOCK_GROUP: u32 = 0xA0;
const BLOCK: u32 = 0xA1;
const BLOCK_DURATION: u32 = 0x9B;
const CRC_32: u32 = 0xBF;
const VOID: u32 = 0xEC;

const VIDEO: u64 = 1;
const AUDIO: u64 = 2;
/// Bytes of a string that are looked at.
const TEXT: usize = 128;
/// How long the last frame is shown if nothing says it, in nanoseconds.
const SHOWN: u64 = 40_000_000;

/// An element (RFC 8794): what it is, and where.
#[derive(Clone, Copy, Debug)]
struct Element {
    id: u32,
    at: u64,
    body: u64,
    /// `None` if its size is unknown.
    len: Option<u64>,
}

impl Element {
    /// Returns the offset after it; that of its body if its size is unknown.
    const fn end(self) -> u64 {
        match self.len {
            Some(len) => self.body.saturating_add(len),
            None => self.body,
        }
    }
}

/// A track that is described.
#[derive(Debug, Default)]
struct Track {
    number: u64,
    kind: u64,
    id: Vec<u8>,
    private: Vec<u8>,
    /// The interval of its frames in nanoseconds.
    interval: Option<u64>,
    encoded: bool,
}

impl Track {
    fn codec(&self) -> Kind {
        Kind::of_id(&self.id, &self.private)
    }
}

/// What is known so far.
struct Walk<'b, 'a, 'w> {
    bytes: &'b mut Bytes<'a, 'w>,
    /// Nanoseconds of a unit of time.
    scale: u64,
    tracks: Vec<Track>,
    /// Whether tracks were described after frames had come.
    late: bool,
    /// The time of the cluster, in units, and where it ends, if that is known.
    cluster: u64,
    cluster_end: Option<u64>,
    /// Where the file should end, as far as it says so.
    file_end: u64,
    /// The number of the track that is served.
    serving: Option<u64>,
    /// The time of the first block of any track.
    start: Option<u64>,
    /// The end of the last frame, and of the last block that says how long it is shown.
    end: u64,
    samples: Samples,
}

/// Finds the frames of a file. Blocks.
pub(super) fn find(bytes: &mut Bytes<'_, '_>) -> Result<Video, Refused> {
    let mut walk = Walk {
        bytes,
        scale: 1_000_000,
        tracks: Vec::new(),
        late: false,
        cluster: 0,
        cluster_end: None,
        file_end: 0,
        serving: None,
        start: None,
        end: 0,
        samples: Samples::default(),
    };
    walk.run()?;
    if std::mem::take(&mut walk.late) && walk.serving.is_some() {
        // What comes before the description is known only now.
        (walk.samples, walk.start, walk.end) = (Samples::default(), None, 0);
        walk.run()?;
    }
    walk.finish()
}

impl Walk<'_, '_, '_> {
    /// Walks through the file.
    fn run(&mut self) -> Result<(), Refused> {
        let (mut at, mut segments) = (0, 0);
        while at < self.bytes.len() {
            let Some(element) = self.element(at)? else {
                at = self.go_on(at, false)?;
                continue;
            };
            match element.id {
                SEGMENT if segments > 0 => {
                    self.samples.tell(Told::at(at, "a second recording begins here, which is not served"));
                    break;
                }
                SEGMENT => {
                    segments += 1;
                    self.file_end = element.end();
                    at = element.body;
                    continue;
                }
                CLUSTER => {
                    self.cluster_end = element.len.map(|_| element.end());
                    self.file_end = self.file_end.max(element.end());
                    self.cluster = 0;
                    at = element.body;
                    continue;
                }
                // Their children are walked through like others.
                BLOCK_GROUP if element.len.is_none() => {
                    at = element.body;
                    continue;
                }
                _ if element.len.is_none() && element.id != TRACKS => {
                    at = self.go_on(at, false)?;
                    continue;
                }
                _ => {}
            }
            let outside = self.cluster_end.is_some_and(|end| at < end && element.end() > end);
            if outside || element.end() > self.bytes.len() {
                let is_block = matches!(element.id, SIMPLE_BLOCK | BLOCK_GROUP) && !outside;
                let in_frame = is_block && self.serves(element)?;
                at = self.go_on(at, in_frame)?;
                continue;
            }
            match element.id {
                INFO => self.info(element)?,
                TRACKS => self.describe(element)?,
                TIMESTAMP => self.cluster = self.unsigned(element)?,
                SIMPLE_BLOCK | BLOCK => self.block(element, None)?,
                BLOCK_GROUP => self.group(element)?,
                _ => {}
            }
            at = element.end();
        }
        let len = self.bytes.len();
        if let Some(missing @ 1..) = self.file_end.checked_sub(len) {
            self.samples.tell(Told::at(
                len,
                format!("the file ends {} before it should", Count(missing, "byte", "bytes")),
            ));
        }
        Ok(())
    }

    /// Returns the video.
    fn finish(self) -> Result<Video, Refused> {
        let of_kind = |kind: u64| self.tracks.iter().filter(move |track| track.kind == kind);
        let (videos, audio) = (of_kind(VIDEO).count(), of_kind(AUDIO).count());
        let serving = of_kind(VIDEO).find(|track| Some(track.number) == self.serving);
        let Some(track) = serving else {
            let encoded = of_kind(VIDEO).any(|track| track.codec() == Kind::MotionJpeg);
            return Err(match of_kind(VIDEO).next().map(Track::codec) {
                None if self.tracks.is_empty() => Refused::Damaged(Told::of("it describes no tracks")),
                None => Refused::NoVideo,
                _ if encoded => Refused::Codec("Motion-JPEG, compressed once more or encrypted,".into()),
                Some(Kind::Other(name)) => Refused::Codec(name),
                Some(Kind::MotionJpeg) => Refused::NoVideo,
            });
        };
        let Samples { mut all, mut told, .. } = self.samples;
        if videos > 1 {
            told.insert(0, super::about_tracks(videos, track.number));
        }
        let start = self.start.unwrap_or(0);
        all.iter_mut().for_each(|sample| sample.time = sample.time.saturating_sub(start));
        let Some(unit) = Unit::new(1_000_000_000, self.scale) else { return Err(Refused::NoVideo) };
        let shown = track.interval.unwrap_or(SHOWN) / self.scale.max(1);
        let last = all.iter().map(|sample| sample.time).max().unwrap_or(0);
        let end = self.end.saturating_sub(start).max(last.saturating_add(shown.max(1)));
        let (timing, slots) = timing::timing(&mut all, end, unit, track.interval);
        Ok(Video { samples: all, timing, slots, problems: told, audio })
    }

    /// Returns the element at `at`; `None` if there is none.
    fn element(&mut self, at: u64) -> io::Result<Option<Element>> {
        let Some((id, id_len)) = self.number(at, 4)? else { return Ok(None) };
        let Ok(id) = u32::try_from(id) else { return Ok(None) };
        let size_at = at.saturating_add(id_len);
        let Some((size, size_len)) = self.number(size_at, 8)? else { return Ok(None) };
        let bits = 7 * size_len;
        let (value, ones) = (size & !(1 << bits), (1_u64 << bits) - 1);
        let body = size_at.saturating_add(size_len);
        Ok(Some(Element { id, at, body, len: (value != ones).then_some(value) }))
    }

    /// Returns a number of variable length with its marker (RFC 8794, 4), and its length; `None` if there is
    /// none, or if it is longer than `most` bytes.
    fn number(&mut self, at: u64, most: u64) -> io::Result<Option<(u64, u64)>> {
        let Some(first) = self.bytes.byte(at)? else { return Ok(None) };
        let len = u64::from(first.leading_zeros()) + 1;
        if len > most {
            return Ok(None);
        }
        let mut number = u64::from(first);
        for n in 1..len {
            let Some(byte) = self.bytes.byte(at.saturating_add(n))? else { return Ok(None) };
            number = number << 8 | u64::from(byte);
        }
        Ok(Some((number, len)))
    }

    /// Returns a number without its marker, and the offset after it.
    fn plain(&mut self, at: u64) -> io::Result<Option<(u64, u64)>> {
        let number = self.number(at, 8)?;
        Ok(number.map(|(number, len)| (number & !(1 << (7 * len)), at.saturating_add(len))))
    }

    /// Tells of damage at `at`, and returns where reading goes on. `in_frame` is whether a frame begins there, whose
    /// end is not in the file.
    fn go_on(&mut self, at: u64, in_frame: bool) -> io::Result<u64> {
        let (cluster, end) = (self.next_cluster(at)?, self.bytes.len());
        let reason = match cluster {
            Some(cluster) => {
                format!("{} damaged, and passed over", Count(cluster - at, "byte here is", "bytes here are"))
            }
            None if in_frame => "the file ends in the middle of a frame".to_owned(),
            // Its end is told later.
            None if self.file_end > end => return Ok(end),
            None => format!("the last {} cut or damaged", Count(end - at, "byte is", "bytes are")),
        };
        self.samples.tell(Told::at(at, reason));
        Ok(cluster.unwrap_or(end))
    }

    /// Returns the offset of the next cluster after `at`, if there is one.
    fn next_cluster(&mut self, at: u64) -> io::Result<Option<u64>> {
        self.cluster_end = None;
        let mut from = at.saturating_add(1);
        while let Some(cluster) = self.bytes.search(CLUSTER.to_be_bytes(), from)? {
            // The time is the first thing in it (RFC 9559, 5.1.3.1.1), perhaps after a checksum.
            let element = self.element(cluster)?;
            let first = match element {
                Some(cluster) => self.element(cluster.body)?,
                None => None,
            };
            if first.is_some_and(|first| matches!(first.id, TIMESTAMP | CRC_32 | VOID)) {
                return Ok(Some(cluster));
            }
            from = cluster.saturating_add(1);
        }
        Ok(None)
    }

    /// Returns the children of an element, which are walked by calling this again with the offset after each.
    fn child(&mut self, parent: Element, at: u64) -> io::Result<Option<Element>> {
        let end = if parent.len.is_some() { parent.end() } else { self.bytes.len() };
        if at >= end {
            return Ok(None);
        }
        Ok(self.element(at)?.filter(|child| child.len.is_some() && child.end() <= end))
    }

    fn unsigned(&mut self, element: Element) -> io::Result<u64> {
        let len = usize::try_from(element.len.unwrap_or(0)).unwrap_or(0);
        let bytes = self.bytes.vec(element.body, if len <= 8 { len } else { 0 })?;
        Ok(bytes.iter().fold(0, |value, byte| value << 8 | u64::from(*byte)))
    }

    fn binary(&mut self, element: Element) -> io::Result<Vec<u8>> {
        let len = usize::try_from(element.len.unwrap_or(0)).unwrap_or(TEXT);
        self.bytes.vec(element.body, len.min(TEXT))
    }

    fn info(&mut self, info: Element) -> io::Result<()> {
        let mut at = info.body;
        while let Some(child) = self.child(info, at)? {
            if child.id == TIMESTAMP_SCALE {
                self.scale = self.unsigned(child)?.clamp(1, 1_000_000_000);
            }
            at = child.end();
        }
        Ok(())
    }

    fn describe(&mut self, tracks: Element) -> io::Result<()> {
        if !self.tracks.is_empty() {
            return Ok(());
        }
        let mut at = tracks.body;
        while let Some(entry) = self.child(tracks, at)? {
            if entry.id == TRACK_ENTRY && self.tracks.len() < MAX_TRACKS {
                let track = self.track(entry)?;
                self.tracks.push(track);
            }
            at = entry.end();
        }
        let carried =
            |track: &&Track| track.kind == VIDEO && !track.encoded && track.codec() == Kind::MotionJpeg;
        self.serving = self.tracks.iter().find(carried).map(|track| track.number);
        self.late = self.start.is_some();
        Ok(())
    }

    fn track(&mut self, entry: Element) -> io::Result<Track> {
        let (mut track, mut at) = (Track::default(), entry.body);
        while let Some(child) = self.child(entry, at)? {
            match child.id {
                TRACK_NUMBER => track.number = self.unsigned(child)?,
                TRACK_TYPE => track.kind = self.unsigned(child)?,
                CODEC_ID => track.id = self.binary(child)?,
                CODEC_PRIVATE => track.private = self.binary(child)?,
                DEFAULT_DURATION => track.interval = Some(self.unsigned(child)?).filter(|ns| *ns > 0),
                CONTENT_ENCODINGS => track.encoded = child.len > Some(0),
                _ => {}
            }
            at = child.end();
        }
        Ok(track)
    }

    /// Returns whether a block, or a group that begins with one, is of the track that is served.
    fn serves(&mut self, element: Element) -> io::Result<bool> {
        let body = match element.id {
            BLOCK_GROUP => match self.element(element.body)? {
                Some(block) if block.id == BLOCK => block.body,
                _ => return Ok(false),
            },
            _ => element.body,
        };
        let number = self.plain(body)?;
        Ok(number.is_some_and(|(number, _)| Some(number) == self.serving))
    }

    fn group(&mut self, group: Element) -> Result<(), Refused> {
        let (mut at, mut block, mut shown) = (group.body, None, None);
        while let Some(child) = self.child(group, at)? {
            match child.id {
                BLOCK => block = Some(child),
                BLOCK_DURATION => shown = Some(self.unsigned(child)?),
                _ => {}
            }
            at = child.end();
        }
        block.map_or(Ok(()), |block| self.block(block, shown))
    }

    /// Takes the frames of a block, which are shown for `shown` units in all, if that is known.
    fn block(&mut self, block: Element, shown: Option<u64>) -> Result<(), Refused> {
        let Some((number, at)) = self.plain(block.body)? else { return Ok(()) };
        let Some([high, low, flags]) = self.bytes.array(at)? else { return Ok(()) };
        let time = self.cluster.saturating_add_signed(i16::from_be_bytes([high, low]).into());
        self.start = Some(self.start.map_or(time, |start| start.min(time)));
        if Some(number) != self.serving {
            return Ok(());
        }
        let (at, end) = (at.saturating_add(3), block.end());
        let Some((first, lens)) = self.laced(flags, at, end)? else {
            self.samples.tell(Told::at(block.at, "the lengths of the frames in this block are wrong"));
            return Ok(());
        };
        let interval =
            self.tracks.iter().find(|track| track.number == number).and_then(|track| track.interval);
        let shown = shown.or_else(|| interval.map(|ns| ns.saturating_mul(lens.len() as u64) / self.scale));
        let mut at = first;
        for (n, len) in (0..).zip(&lens) {
            let later = shown.unwrap_or(0).saturating_mul(n) / lens.len() as u64;
            if !self.samples.add(self.bytes, at, *len, time.saturating_add(later))? {
                return Ok(());
            }
            at = at.saturating_add(*len);
        }
        self.end = self.end.max(time.saturating_add(shown.unwrap_or(0)));
        Ok(())
    }

    /// Returns where the first frame of a block is, and the lengths of its frames (RFC 9559, 10.3); `None` if they
    /// do not fit.
    fn laced(&mut self, flags: u8, mut at: u64, end: u64) -> io::Result<Option<(u64, Vec<u64>)>> {
        let lacing = (flags & 0x06) >> 1;
        if lacing == 0 {
            return Ok(end.checked_sub(at).map(|len| (at, vec![len])));
        }
        let Some(more) = self.bytes.byte(at)? else { return Ok(None) };
        at = at.saturating_add(1);
        let mut lens: Vec<u64> = Vec::with_capacity(usize::from(more) + 1);
        for _ in 0..more {
            let len = match lacing {
                1 => {
                    let mut len = 0_u64;
                    loop {
                        let Some(byte) = self.bytes.byte(at)?.filter(|_| at < end) else { return Ok(None) };
                        at = at.saturating_add(1);
                        len = len.saturating_add(byte.into());
                        if byte < 255 {
                            break len;
                        }
                    }
                }
                3 => {
                    let Some((number, after)) = self.plain(at)? else { return Ok(None) };
                    let bits = 7 * (after - at);
                    at = after;
                    match lens.last() {
                        None => number,
                        // The difference is signed, with a bias (RFC 9559, 10.3.3).
                        Some(last) => {
                            let bias = (1_u64 << (bits - 1)) - 1;
                            match last.checked_add(number).and_then(|sum| sum.checked_sub(bias)) {
                                Some(len) => len,
                                None => return Ok(None),
                            }
                        }
                    }
                }
                _ => match end.checked_sub(at) {
                    Some(rest) => rest / (u64::from(more) + 1),
                    None => return Ok(None),
                },
            };
            lens.push(len);
        }
        let before = lens.iter().try_fold(at, |sum, len| sum.checked_add(*len));
        let Some(last) = before.and_then(|before| end.checked_sub(before)) else { return Ok(None) };
        lens.push(last);
        Ok(Some((at, lens)))
    }
}
