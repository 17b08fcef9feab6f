//! Writes AVI files with one Motion-JPEG stream. They are divided into segments as OpenDML says, so
//! that no size in the file counts more than a segment, and the file may have any length.
use pinhole::media::FrameClock;
use std::io::{self, Seek, SeekFrom, Write};

const HAS_INDEX: u32 = 0x10;
/// The length of a chunk's header, a name and a size, in bytes.
const CHUNK_HEADER: u64 = 8;

/// How a file is divided.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layout {
    /// A segment is closed when it has this many bytes. Old readers accept twice as many.
    segment: u64,
    /// A piece of the index is written after this many frames, and at the end of a segment.
    piece: usize,
    /// How many pieces the first index has room for. There may be more pieces; players then find their
    /// frames one by one.
    pieces: u32,
}

impl Layout {
    /// The layout of a file that nobody reads before it is finished.
    pub(crate) const PREPARED: Self = Self { segment: 1 << 30, piece: usize::MAX, pieces: 256 };
    /// The layout of a file that may be broken off: a few hundred frames at its end have no index then.
    /// The first index has room for ten hours at 30 frames per second.
    pub(crate) const RECORDED: Self = Self { segment: 1 << 30, piece: 512, pieces: 2048 };
}

/// The offsets in the file of values that are not known at its start.
#[derive(Clone, Copy, Debug, Default)]
struct Places {
    /// The body of the main header.
    main: u64,
    /// The body of the stream header.
    stream: u64,
    /// The body of the bitmap header.
    bitmap: u64,
    /// The body of the index of indexes.
    index: u64,
    /// The body of the extended header.
    extended: u64,
}

/// One stream of frames that is written as the frames come.
#[derive(Debug)]
pub(crate) struct AviWriter<W> {
    out: W,
    at: u64,
    clock: FrameClock,
    layout: Layout,
    places: Places,
    /// The offset of the open segment, and that of its list of frames.
    riff: u64,
    list: u64,
    /// How many pieces of the index were written.
    pieces: u32,
    /// The frames that are in no piece of the index yet: the offset of their data in the open segment,
    /// and its length.
    entries: Vec<(u32, u32)>,
    /// The number of frames in all, in the first segment, and in the open segment.
    frames: u64,
    first_frames: u32,
    segment_frames: u32,
    size: Option<(u16, u16)>,
    largest: u32,
}

impl<W: Write + Seek> AviWriter<W> {
    /// Starts a file whose frames are shown by `clock`.
    pub(crate) fn new(out: W, clock: FrameClock, layout: Layout) -> io::Result<Self> {
        let mut avi = Self {
            out,
            at: 0,
            clock,
            layout,
            places: Places::default(),
            riff: 0,
            list: 0,
            pieces: 0,
            entries: Vec::new(),
            frames: 0,
            first_frames: 0,
            segment_frames: 0,
            size: None,
            largest: 0,
        };
        avi.riff = avi.begin(b"RIFF", b"AVI ")?;
        avi.headers()?;
        avi.list = avi.begin(b"LIST", b"movi")?;
        Ok(avi)
    }

    /// Returns the length of the file in bytes.
    pub(crate) const fn len(&self) -> u64 {
        self.at
    }

    /// Appends a frame. The file has the size in pixels of its first frame.
    pub(crate) fn frame(&mut self, data: &[u8], size: (u16, u16)) -> io::Result<()> {
        if self.size.is_none() {
            self.size = Some(size);
            self.tell_size(size)?;
        }
        self.chunk(data)
    }

    /// Appends repetitions of the frame before, which take no bytes, until there are `frames` frames.
    pub(crate) fn repeat_until(&mut self, frames: u64) -> io::Result<()> {
        while self.frames < frames {
            self.chunk(&[])?;
        }
        Ok(())
    }

    /// Makes everything that was written so far a whole file, whatever follows, by updating the counts
    /// of frames and bytes.
    pub(crate) fn checkpoint(&mut self) -> io::Result<()> {
        self.end(self.list)?;
        self.end(self.riff)?;
        let frames = u32::try_from(self.frames).unwrap_or(u32::MAX);
        self.patch(self.places.main + 16, self.first_frames)?;
        self.patch(self.places.stream + 32, frames)?;
        self.patch(self.places.extended, frames)?;
        self.out.flush()
    }

    /// Writes what is known only at the end. Returns the output, and the length of the file in bytes.
    pub(crate) fn finish(mut self) -> io::Result<(W, u64)> {
        self.index()?;
        let per_second = u64::from(self.largest) * u64::from(self.clock.frame_rate().0) / 1000;
        self.patch(self.places.main + 4, u32::try_from(per_second).unwrap_or(u32::MAX))?;
        self.patch(self.places.main + 28, self.largest)?;
        self.patch(self.places.stream + 36, self.largest)?;
        self.checkpoint()?;
        Ok((self.out, self.at))
    }

    /// Returns the output, in whatever state it is.
    pub(crate) fn into_inner(self) -> W {
        self.out
    }

    fn tell_size(&mut self, (width, height): (u16, u16)) -> io::Result<()> {
        let Places { main, stream, bitmap, .. } = self.places;
        let (width, height) = (u32::from(width), u32::from(height));
        self.patch(main + 32, width)?;
        self.patch(main + 36, height)?;
        self.patch(stream + 52, width | height << 16)?;
        self.patch(bitmap + 4, width)?;
        self.patch(bitmap + 8, height)?;
        self.patch(bitmap + 20, width.saturating_mul(height).saturating_mul(3))
    }

    /// Writes a chunk of the stream: a frame, or an empty chunk that repeats the frame before.
    fn chunk(&mut self, data: &[u8]) -> io::Result<()> {
        let len = u32::try_from(data.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
        let needs = self.at - self.riff + CHUNK_HEADER + u64::from(len) + self.index_len(1);
        if needs > self.layout.segment && self.segment_frames > 0 {
            self.index()?;
            self.end(self.list)?;
            self.end(self.riff)?;
            self.riff = self.begin(b"RIFF", b"AVIX")?;
            self.list = self.begin(b"LIST", b"movi")?;
            self.segment_frames = 0;
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
        self.segment_frames += 1;
        self.first_frames += u32::from(self.riff == 0);
        self.largest = self.largest.max(len);
        if self.entries.len() >= self.layout.piece { self.index() } else { Ok(()) }
    }

    fn index_len(&self, more: u64) -> u64 {
        CHUNK_HEADER + 24 + 8 * (self.entries.len() as u64 + more)
    }

    /// Writes a piece of the index with the frames that are in none yet, and adds its place to the
    /// first index.
    fn index(&mut self) -> io::Result<()> {
        if self.entries.is_empty() {
            return Ok(());
        }
        let (index, len, count) = (self.at, self.index_len(0), self.entries.len() as u32);
        self.put(b"ix00")?;
        self.put_all(&[len as u32 - 8, 0x0100_0002, count])?;
        self.put(b"00dc")?;
        self.put(&self.riff.to_le_bytes())?;
        self.put_all(&[0])?;
        for (at, len) in std::mem::take(&mut self.entries) {
            self.put_all(&[at, len])?;
        }
        if self.pieces < self.layout.pieces {
            let entry = self.places.index + 24 + 16 * u64::from(self.pieces);
            let [low, high] = [index as u32, (index >> 32) as u32];
            for (n, value) in (0..).zip([low, high, len as u32, count]) {
                self.patch(entry + 4 * n, value)?;
            }
            self.pieces += 1;
            self.patch(self.places.index + 4, self.pieces)?;
        }
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
        // This is an index of indexes, with four words per entry.
        self.places.index = self.begin(b"indx", &4_u32.to_le_bytes())? + CHUNK_HEADER;
        self.put_all(&[0])?;
        self.put(b"00dc")?;
        self.put_all(&[0, 0, 0])?;
        for _ in 0..self.layout.pieces {
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

    /// Begins a chunk whose length is not known yet, with its first four bytes. Returns its offset.
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

    /// Makes a frame of `len` bytes, which may be odd.
    fn frame(len: usize) -> Vec<u8> {
        [&FRAME[..6], &vec![1; len - 8], &FRAME[10..]].concat()
    }

    fn write(frames: &[Option<Vec<u8>>], segment: u64) -> Vec<u8> {
        let clock = FrameClock::new(30_000, 1001).unwrap();
        let layout = Layout { segment, ..Layout::PREPARED };
        let mut avi = AviWriter::new(Cursor::new(Vec::new()), clock, layout).unwrap();
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
    fn all_segments_can_be_read() {
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

    #[test]
    fn an_unfinished_file_has_whole_frames() {
        let clock = FrameClock::new(25, 1).unwrap();
        let layout = Layout { segment: 600, piece: 3, pieces: 8 };
        let mut avi = AviWriter::new(Cursor::new(Vec::new()), clock, layout).unwrap();
        let frames: Vec<_> = (0..20).map(|n| frame(90 + n)).collect();
        for (n, frame) in frames.iter().enumerate() {
            let whole = avi.len() as usize;
            avi.frame(frame, (64, 48)).unwrap();
            for cut in whole..avi.len() as usize {
                let file = &avi.out.get_ref()[..cut];
                let read = read(file);
                // The padding of an odd frame is no part of it.
                let complete = n + usize::from(read.len() > n);
                assert_eq!(read, frames[..complete], "cut off at {cut}, {n} frames before");
            }
            avi.checkpoint().unwrap();
        }
        assert_eq!(read(avi.out.get_ref()), frames);
    }

    /// Returns the frames that are found; damage is skipped.
    fn read(file: &[u8]) -> Vec<Vec<u8>> {
        let mut reader = FrameReader::new(SliceReader::new(file), [0; 64], 1000).unwrap();
        let mut frames = Vec::new();
        loop {
            match reader.next() {
                Ok(Some(span)) => frames.push(file[span.at as usize..][..span.len as usize].to_vec()),
                Ok(None) => return frames,
                Err(_) => {}
            }
        }
    }

    #[test]
    fn each_frame_is_indexed_once() {
        let clock = FrameClock::new(25, 1).unwrap();
        let layout = Layout { segment: 2000, piece: 4, pieces: 3 };
        let mut avi = AviWriter::new(Cursor::new(Vec::new()), clock, layout).unwrap();
        let frames: Vec<_> = (0..30).map(|n| frame(90 + n)).collect();
        frames.iter().for_each(|frame| avi.frame(frame, (64, 48)).unwrap());
        let file = avi.finish().unwrap().0.into_inner();
        let word = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap()) as usize;
        let pieces: Vec<_> = (0..file.len() - 4).filter(|at| &file[*at..*at + 4] == b"ix00").collect();
        let mut found = Vec::new();
        for piece in &pieces {
            let (count, base) = (word(piece + 12), word(piece + 20));
            assert!(count <= 4, "{count}");
            for entry in (0..count).map(|n| piece + 32 + 8 * n) {
                found.push(file[base + word(entry)..][..word(entry + 4)].to_vec());
            }
        }
        assert_eq!(found, frames);
        let first = (0..file.len()).find(|at| &file[*at..*at + 4] == b"indx").unwrap();
        let told: Vec<_> = (0..word(first + 12)).map(|n| word(first + 32 + 16 * n)).collect();
        assert_eq!(told, pieces[..3]);
    }
}
