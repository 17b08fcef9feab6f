//! Writes AVI with one Motion-JPEG stream, in segments as OpenDML has them: no size in the file
//! counts more than a segment, so that the file may be of any length.
use pinhole::media::FrameClock;
use std::io::{self, Seek, SeekFrom, Write};

/// A segment is closed when it has this many bytes. Readers of old take twice as many.
const SEGMENT: u64 = 1 << 30;
/// Segments that the first index has room for. There may be more: players then find their frames
/// one by one.
const INDEXED: u32 = 256;
const HAS_INDEX: u32 = 0x10;
/// A name and a size.
const CHUNK_HEADER: u64 = 8;

/// Where in the file what is only known at the end is.
#[derive(Clone, Copy, Debug, Default)]
struct Places {
    /// The main header's body.
    main: u64,
    /// The stream header's body.
    stream: u64,
    /// The bitmap header's body.
    bitmap: u64,
    /// The index of indexes' body.
    index: u64,
    /// The extended header's body.
    extended: u64,
}

/// One stream of frames, written as they come.
#[derive(Debug)]
pub(super) struct AviWriter<W> {
    out: W,
    at: u64,
    clock: FrameClock,
    places: Places,
    /// The open segment, and its list of frames.
    riff: u64,
    list: u64,
    segment: u64,
    segments: u32,
    /// Of the open segment's frames: where their data is in it, and how much.
    entries: Vec<(u32, u32)>,
    /// Frames in all, and in the first segment.
    frames: u64,
    first_frames: u32,
    size: Option<(u16, u16)>,
    largest: u32,
}

impl<W: Write + Seek> AviWriter<W> {
    /// Starts a file whose frames are shown by `clock`.
    pub(super) fn new(out: W, clock: FrameClock) -> io::Result<Self> {
        Self::with_segments(out, clock, SEGMENT)
    }

    fn with_segments(out: W, clock: FrameClock, segment: u64) -> io::Result<Self> {
        let mut avi = Self {
            out,
            at: 0,
            clock,
            places: Places::default(),
            riff: 0,
            list: 0,
            segment,
            segments: 0,
            entries: Vec::new(),
            frames: 0,
            first_frames: 0,
            size: None,
            largest: 0,
        };
        avi.riff = avi.begin(b"RIFF", b"AVI ")?;
        avi.headers()?;
        avi.list = avi.begin(b"LIST", b"movi")?;
        Ok(avi)
    }

    /// Appends a frame; the file tells the size of the first.
    pub(super) fn frame(&mut self, data: &[u8], size: (u16, u16)) -> io::Result<()> {
        self.size.get_or_insert(size);
        self.chunk(data)
    }

    /// Appends repetitions of the frame before, which take no bytes, until there are `frames`.
    pub(super) fn repeat_until(&mut self, frames: u64) -> io::Result<()> {
        while self.frames < frames {
            self.chunk(&[])?;
        }
        Ok(())
    }

    /// Writes what is known only now; returns how long the file is.
    pub(super) fn finish(mut self) -> io::Result<(W, u64)> {
        self.end_segment()?;
        let frames = u32::try_from(self.frames).unwrap_or(u32::MAX);
        let (width, height) = self.size.unwrap_or_default();
        let Places { main, stream, bitmap, index, extended } = self.places;
        let per_second = u64::from(self.largest) * u64::from(self.clock.frame_rate().0) / 1000;
        self.patch(main + 4, u32::try_from(per_second).unwrap_or(u32::MAX))?;
        self.patch(main + 16, self.first_frames)?;
        self.patch(main + 28, self.largest)?;
        self.patch(main + 32, u32::from(width))?;
        self.patch(main + 36, u32::from(height))?;
        self.patch(stream + 32, frames)?;
        self.patch(stream + 36, self.largest)?;
        self.patch(stream + 52, u32::from(width) | u32::from(height) << 16)?;
        self.patch(bitmap + 4, u32::from(width))?;
        self.patch(bitmap + 8, u32::from(height))?;
        self.patch(bitmap + 20, u32::from(width).saturating_mul(u32::from(height)).saturating_mul(3))?;
        self.patch(index + 4, self.segments.min(INDEXED))?;
        self.patch(extended, frames)?;
        self.out.flush()?;
        Ok((self.out, self.at))
    }

    /// A chunk of the stream: a frame, or none in its time.
    fn chunk(&mut self, data: &[u8]) -> io::Result<()> {
        let len = u32::try_from(data.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
        let needs = self.at - self.riff + CHUNK_HEADER + u64::from(len) + self.index_len(1);
        if needs > self.segment && !self.entries.is_empty() {
            self.end_segment()?;
            self.riff = self.begin(b"RIFF", b"AVIX")?;
            self.list = self.begin(b"LIST", b"movi")?;
        }
        self.put(b"00dc")?;
        self.put(&len.to_le_bytes())?;
        let within = u32::try_from(self.at - self.riff).map_err(|_| io::ErrorKind::InvalidInput)?;
        self.put(data)?;
        if len % 2 == 1 {
            self.put(&[0])?;
        }
        self.entries.push((within, len));
        self.frames += 1;
        self.first_frames += u32::from(self.segments == 0);
        self.largest = self.largest.max(len);
        Ok(())
    }

    fn index_len(&self, more: u64) -> u64 {
        CHUNK_HEADER + 24 + 8 * (self.entries.len() as u64 + more)
    }

    /// Closes a segment, with an index of its frames.
    fn end_segment(&mut self) -> io::Result<()> {
        let (index, len, count) = (self.at, self.index_len(0), self.entries.len() as u32);
        self.put(b"ix00")?;
        self.put_all(&[len as u32 - 8, 0x0100_0002, count])?;
        self.put(b"00dc")?;
        self.put(&self.riff.to_le_bytes())?;
        self.put_all(&[0])?;
        for (at, len) in std::mem::take(&mut self.entries) {
            self.put_all(&[at, len])?;
        }
        self.end(self.list)?;
        self.end(self.riff)?;
        if self.segments < INDEXED {
            let entry = self.places.index + 24 + 16 * u64::from(self.segments);
            let [low, high] = [index as u32, (index >> 32) as u32];
            for (n, value) in (0..).zip([low, high, len as u32, count]) {
                self.patch(entry + 4 * n, value)?;
            }
        }
        self.segments += 1;
        Ok(())
    }

    fn headers(&mut self) -> io::Result<()> {
        let (rate, scale) = self.clock.fraction();
        let micros = u32::try_from(self.clock.interval().as_micros()).unwrap_or(u32::MAX);
        let list = self.begin(b"LIST", b"hdrl")?;
        self.places.main = self.begin(b"avih", &micros.to_le_bytes())? + CHUNK_HEADER;
        self.put_all(&[0, 0, HAS_INDEX, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0])?;
        let streams = self.begin(b"LIST", b"strl")?;
        self.places.stream = self.begin(b"strh", b"vids")? + CHUNK_HEADER;
        self.put(b"MJPG")?;
        self.put_all(&[0, 0, 0, scale, rate, 0, 0, 0, u32::MAX, 0, 0, 0])?;
        self.patch(self.places.stream - 4, 56)?;
        self.places.bitmap = self.begin(b"strf", &40_u32.to_le_bytes())? + CHUNK_HEADER;
        self.put_all(&[0, 0, 1 | 24 << 16])?;
        self.put(b"MJPG")?;
        self.put_all(&[0, 0, 0, 0, 0])?;
        // An index of indexes; four words an entry.
        self.places.index = self.begin(b"indx", &4_u32.to_le_bytes())? + CHUNK_HEADER;
        self.put_all(&[0])?;
        self.put(b"00dc")?;
        self.put_all(&[0, 0, 0])?;
        for _ in 0..INDEXED {
            self.put_all(&[0, 0, 0, 0])?;
        }
        self.end(self.places.index - CHUNK_HEADER)?;
        self.end(streams)?;
        let extended = self.begin(b"LIST", b"odml")?;
        self.places.extended = self.begin(b"dmlh", &0_u32.to_le_bytes())? + CHUNK_HEADER;
        self.end(extended)?;
        for (at, len) in [(self.places.main, 56), (self.places.bitmap, 40), (self.places.extended, 4)] {
            self.patch(at - 4, len)?;
        }
        self.end(list)
    }

    /// Begins a chunk whose length is not known yet, with its first four bytes; says where.
    fn begin(&mut self, name: &[u8; 4], first: &[u8; 4]) -> io::Result<u64> {
        let at = self.at;
        self.put(name)?;
        self.put_all(&[0])?;
        self.put(first)?;
        Ok(at)
    }

    /// Ends the chunk that was begun at `at`.
    fn end(&mut self, at: u64) -> io::Result<()> {
        let len = u32::try_from(self.at - at - CHUNK_HEADER).map_err(|_| io::ErrorKind::InvalidInput)?;
        self.patch(at + 4, len)
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)?;
        self.at += bytes.len() as u64;
        Ok(())
    }

    fn put_all(&mut self, words: &[u32]) -> io::Result<()> {
        words.iter().try_for_each(|word| self.put(&word.to_le_bytes()))
    }

    fn patch(&mut self, at: u64, word: u32) -> io::Result<()> {
        self.out.seek(SeekFrom::Start(at))?;
        self.out.write_all(&word.to_le_bytes())?;
        self.out.seek(SeekFrom::Start(self.at))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pinhole::media::{FrameReader, SliceReader};
    use std::io::Cursor;

    const FRAME: &[u8] = b"\xFF\xD8\xFF\xDA\x00\x02scan\xFF\xD9";

    /// A frame of `len` bytes, which may be odd.
    fn frame(len: usize) -> Vec<u8> {
        [&FRAME[..6], &vec![1; len - 8], &FRAME[10..]].concat()
    }

    fn write(frames: &[Option<Vec<u8>>], segment: u64) -> Vec<u8> {
        let clock = FrameClock::new(30_000, 1001).unwrap();
        let mut avi = AviWriter::with_segments(Cursor::new(Vec::new()), clock, segment).unwrap();
        for (n, frame) in (0..).zip(frames) {
            if let Some(frame) = frame {
                avi.repeat_until(n).unwrap();
                avi.frame(frame, (640, 480)).unwrap();
            }
        }
        avi.repeat_until(frames.len() as u64).unwrap();
        let (file, len) = avi.finish().unwrap();
        assert_eq!(file.get_ref().len() as u64, len);
        file.into_inner()
    }

    #[test]
    fn the_reader_finds_each_frame_and_the_clock_however_many_segments_there_are() {
        let frames = [Some(frame(100)), None, Some(frame(101)), Some(frame(99)), None, None];
        for segment in [1 << 30, 5000, 1] {
            let file = write(&frames, segment);
            let mut reader = FrameReader::new(SliceReader::new(&file), [0; 64], 1000).unwrap();
            assert_eq!(reader.clock(), FrameClock::new(30_000, 1001));
            for (n, frame) in (1..).zip(&frames) {
                let Some(frame) = frame else { continue };
                let span = reader.next().unwrap().unwrap();
                assert_eq!(&file[span.at as usize..][..span.len as usize], &frame[..]);
                assert_eq!(reader.slots(), n);
            }
            assert_eq!(reader.next(), Ok(None));
            assert_eq!(reader.slots(), 6);
        }
    }

    #[test]
    fn each_chunk_ends_where_the_next_begins() {
        let file = write(&[Some(frame(101)), Some(frame(100)), Some(frame(9))], 1);
        let word = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap()) as usize;
        let (mut at, mut names) = (0, Vec::new());
        while at < file.len() {
            names.push(std::str::from_utf8(&file[at..at + 4]).unwrap());
            let list = matches!(&file[at..at + 4], b"RIFF" | b"LIST");
            at += if list { 12 } else { 8 + word(at + 4).next_multiple_of(2) };
        }
        assert_eq!(at, file.len());
        let (mut riff, mut riffs) = (0, 0);
        while riff < file.len() {
            assert_eq!(&file[riff..riff + 4], b"RIFF");
            riff += 8 + word(riff + 4);
            riffs += 1;
        }
        assert_eq!((riff, riffs), (file.len(), 3));
        let headers = ["RIFF", "LIST", "avih", "LIST", "strh", "strf", "indx", "LIST", "dmlh"];
        assert_eq!(names[..9], headers);
        assert_eq!(names[9..12], ["LIST", "00dc", "ix00"]);
    }
}
