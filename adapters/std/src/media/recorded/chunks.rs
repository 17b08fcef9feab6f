//! Files that hold a body in chunks, as a program saves them that writes an HTTP response as it comes.
use super::files::{ReadAt, Stamp};
use super::scan::Meter;
use pinhole::media::Dechunker;
use std::io;
use std::sync::Arc;

/// The least distance between two points in the file. Between them, the framing is read again.
const STRIDE: u64 = 64 << 10;
/// Bytes of the file that are read at once.
const BLOCK: usize = 64 << 10;

/// Where the body is in the file.
#[derive(Debug)]
pub(super) struct Chunks {
    points: Vec<Point>,
    /// The length of the body in bytes.
    len: u64,
    damaged_at: Option<u64>,
}

/// A byte of the body.
#[derive(Clone, Copy, Debug)]
struct Point {
    /// Its offset in the body, and in the file.
    body: u64,
    file: u64,
    /// How many bytes of its chunk are to come.
    left: u64,
}

impl Chunks {
    /// Reads the framing of a file of `len` bytes, in which the first chunk's size is at `at`. Blocks.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn find(file: &dyn ReadAt, at: u64, len: u64, meter: &Meter<'_>) -> io::Result<Self> {
        let mut walk = Walk { dechunker: Dechunker::new(), body: 0, file: at };
        let mut blocks = Blocks::new(file);
        let mut points: Vec<Point> = Vec::new();
        let mut damaged_at = None;
        while walk.file < len {
            let block = blocks.at(walk.file)?;
            if block.is_empty() {
                break;
            }
            walk.framing(block);
            meter.tell(walk.file);
            if walk.dechunker.is_damaged() {
                damaged_at.get_or_insert(walk.file);
            }
            let left = walk.dechunker.left();
            let far = points.last().is_none_or(|last| walk.file.saturating_sub(last.file) >= STRIDE);
            if left > 0 && far {
                points.push(Point { body: walk.body, file: walk.file, left });
            }
            walk.body(len.saturating_sub(walk.file));
        }
        points.shrink_to_fit();
        Ok(Self { points, len: walk.body, damaged_at })
    }

    /// Creates the body of a file of `len` bytes that is all from `at` on.
    pub(super) fn after(at: u64, len: u64) -> Self {
        let left = len.saturating_sub(at);
        Self { points: vec![Point { body: 0, file: at, left }], len: left, damaged_at: None }
    }

    /// Returns the length of the body in bytes.
    pub(super) const fn len(&self) -> u64 {
        self.len
    }

    /// Returns the offset in the file from which on there is something else than chunks; `None` if there is
    /// nothing else.
    pub(super) const fn damaged_at(&self) -> Option<u64> {
        self.damaged_at
    }

    /// Returns the offset in the file of a byte of the body. Blocks.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn offset(&self, file: &dyn ReadAt, at: u64) -> io::Result<u64> {
        Ok(self.walk(&mut Blocks::new(file), at)?.map_or(0, |walk| walk.file))
    }

    /// Fills `buffer` with the body from `at` on. Returns how many bytes these are: fewer at its end. Blocks.
    ///
    /// # Errors
    /// What the system says.
    fn read(&self, file: &dyn ReadAt, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        let mut blocks = Blocks::new(file);
        let Some(mut walk) = self.walk(&mut blocks, at)? else { return Ok(0) };
        let mut filled = 0;
        while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            let block = blocks.at(walk.file)?;
            if block.is_empty() {
                break;
            }
            let framing = walk.framing(block);
            let block = block.get(framing..).unwrap_or_default();
            let taken = walk.body(block.len().min(rest.len()) as u64) as usize;
            for (to, from) in rest.iter_mut().zip(block.get(..taken).unwrap_or_default()) {
                *to = *from;
            }
            filled += taken;
        }
        Ok(filled)
    }

    /// Walks to byte `at` of the body. Returns `None` if there is no such byte.
    fn walk(&self, blocks: &mut Blocks<'_>, at: u64) -> io::Result<Option<Walk>> {
        let before = self.points.partition_point(|point| point.body <= at).checked_sub(1);
        let Some(point) = before.and_then(|before| self.points.get(before)) else { return Ok(None) };
        let mut walk = Walk { dechunker: Dechunker::within(point.left), body: point.body, file: point.file };
        loop {
            walk.body(at.saturating_sub(walk.body));
            if walk.dechunker.left() > 0 && walk.body == at {
                return Ok(Some(walk));
            }
            if walk.dechunker.left() == 0 {
                let block = blocks.at(walk.file)?;
                if block.is_empty() {
                    return Ok(None);
                }
                walk.framing(block);
            }
        }
    }
}

/// A place in the body.
struct Walk {
    dechunker: Dechunker,
    body: u64,
    file: u64,
}

impl Walk {
    /// Passes the framing that `block`, which begins here, begins with. Returns its length.
    fn framing(&mut self, block: &[u8]) -> usize {
        let passed = self.dechunker.framing(block);
        self.file = self.file.saturating_add(passed as u64);
        passed
    }

    /// Passes bytes of the body, `most` at most. Returns their number.
    fn body(&mut self, most: u64) -> u64 {
        let passed = self.dechunker.body(most);
        (self.body, self.file) = (self.body.saturating_add(passed), self.file.saturating_add(passed));
        passed
    }
}

/// A file that is read block by block.
struct Blocks<'a> {
    file: &'a dyn ReadAt,
    block: Vec<u8>,
    at: u64,
}

impl<'a> Blocks<'a> {
    const fn new(file: &'a dyn ReadAt) -> Self {
        Self { file, block: Vec::new(), at: 0 }
    }

    /// Returns the bytes from `at` on that were read at once: none at the end of the file.
    fn at(&mut self, at: u64) -> io::Result<&[u8]> {
        let within = |block: &Vec<u8>, from: u64| {
            at.checked_sub(from).and_then(|n| usize::try_from(n).ok()).filter(|n| *n < block.len())
        };
        if within(&self.block, self.at).is_none() {
            self.block.resize(BLOCK, 0);
            let read = self.file.read(&mut self.block, at);
            self.block.truncate(*read.as_ref().unwrap_or(&0));
            self.at = at;
            read?;
        }
        let from = within(&self.block, self.at).unwrap_or(self.block.len());
        Ok(self.block.get(from..).unwrap_or_default())
    }
}

/// The body of a file, as if it were a file.
#[derive(Debug)]
pub(super) struct Body {
    pub(super) file: Arc<dyn ReadAt>,
    pub(super) chunks: Arc<Chunks>,
}

impl ReadAt for Body {
    fn read_some(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        self.chunks.read(&*self.file, buffer, at)
    }

    fn stamp(&self) -> io::Result<Stamp> {
        self.file.stamp()
    }
}

#[cfg(test)]
mod tests {
    use super::super::memory_file::MemoryFile;
    use super::*;
    use std::fmt::Write as _;

    /// A body, and a file that holds it in chunks of these lengths, over and over, after `before`.
    fn file(before: &str, len: usize, chunks: &[usize]) -> (Vec<u8>, MemoryFile) {
        let body: Vec<u8> = (0..len).map(|n| (n * 7 + n / 251) as u8).collect();
        let (mut file, mut rest) = (before.as_bytes().to_vec(), &body[..]);
        for chunk in chunks.iter().cycle() {
            let (data, later) = rest.split_at((*chunk).min(rest.len()));
            let mut size = String::new();
            let _ = write!(size, "{:x};n\r\n", data.len());
            file.extend([size.as_bytes(), data, b"\r\n"].concat());
            rest = later;
            if data.is_empty() {
                break;
            }
        }
        (body, MemoryFile { data: file, at_once: 30_000 })
    }

    fn body(file: MemoryFile, at: u64) -> Body {
        let file: Arc<dyn ReadAt> = Arc::new(file);
        let len = file.stamp().unwrap().len;
        let chunks = Arc::new(Chunks::find(&*file, at, len, &Meter::new(&mut |_| ())).unwrap());
        Body { file, chunks }
    }

    #[test]
    fn the_body_is_read_from_anywhere() {
        for chunks in [&[1][..], &[700], &[65_536], &[1, 4096, 200_000, 3]] {
            let (expected, file) = file("HTTP/1.1 200 OK\r\n\r\n", 500_000, chunks);
            let whole = file.data.clone();
            let body = body(file, 19);
            assert_eq!((body.chunks.len(), body.chunks.damaged_at()), (500_000, None));
            assert!(body.chunks.points.len() <= 1 + whole.len() / STRIDE as usize);
            for at in [0, 1, 699, 700, 65_535, 65_536, 70_000, 204_100, 499_999] {
                for len in [1, 5000, 300_000] {
                    let mut buffer = vec![0; len];
                    let read = body.read_some(&mut buffer, at as u64).unwrap();
                    assert_eq!(read, len.min(expected.len() - at), "{at}, {len}");
                    assert_eq!(buffer[..read], expected[at..][..read], "{at}, {len}");
                }
                let offset = body.chunks.offset(&*body.file, at as u64).unwrap();
                assert_eq!(whole[offset as usize], expected[at]);
            }
            assert_eq!(body.read_some(&mut [0; 9], 500_000).unwrap(), 0);
        }
    }

    #[test]
    fn what_is_no_chunk_is_read_as_it_is() {
        let (expected, mut file) = file("", 1000, &[100]);
        let damage = file.data.len() - 6;
        file.data.truncate(damage);
        file.data.extend(b"--x\r\nmore");
        let body = body(file, 0);
        assert_eq!(body.chunks.damaged_at(), Some(damage as u64));
        let mut buffer = vec![0; 2000];
        let read = body.read_some(&mut buffer, 0).unwrap();
        assert_eq!(buffer[..read], [&expected[..], b"--x\r\nmore"].concat());
    }
}
