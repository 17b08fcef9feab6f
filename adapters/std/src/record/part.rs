//! One file of a recording. All whole frames in it can be read at any time.
use super::timeline::Timeline;
use crate::avi::{AviWriter, Layout};
use pinhole::time::MediaTime;
use std::fs::File;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::mem;

/// The length of the write buffer in bytes. Most frames fit, and are written at once.
const BUFFER: usize = 256 << 10;

/// The format of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// JPEG files, one after another.
    Mjpeg,
    /// An AVI file, which has a clock.
    Avi,
}

/// A frame to be recorded.
#[derive(Clone, Copy, Debug)]
pub(super) struct Picture<'a> {
    pub(super) data: &'a [u8],
    pub(super) size: (u16, u16),
    pub(super) pts: MediaTime,
    /// Whether the frame came with gaps, which are filled.
    pub(super) mended: bool,
}

/// What was written to a file.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Written {
    /// The number of whole frames.
    pub(super) frames: u64,
    /// How many of these frames were mended.
    pub(super) mended: u64,
    /// The length of the file up to the last whole frame, in bytes.
    pub(super) bytes: u64,
}

/// A file that is being written.
#[derive(Debug)]
pub(super) struct Part {
    state: PartState,
    written: Written,
}

#[derive(Debug)]
enum PartState {
    Mjpeg(File),
    /// The first frames, which wait until their rate is known.
    Waiting(File, Vec<Waiting>),
    Avi(Box<Avi>),
    Closed,
}

#[derive(Debug)]
struct Waiting {
    data: Vec<u8>,
    size: (u16, u16),
    pts: MediaTime,
    mended: bool,
}

#[derive(Debug)]
struct Avi {
    writer: AviWriter<BufWriter<File>>,
    timeline: Timeline,
    size: (u16, u16),
}

impl Part {
    /// Makes an empty file.
    pub(super) fn new(file: File, kind: Kind) -> Self {
        let state = match kind {
            Kind::Mjpeg => PartState::Mjpeg(file),
            Kind::Avi => PartState::Waiting(file, Vec::new()),
        };
        Self { state, written: Written::default() }
    }

    /// Returns what was written to the file.
    pub(super) const fn written(&self) -> Written {
        self.written
    }

    /// Appends a picture. Returns false, and writes nothing, if the picture does not fit this file's
    /// size or clock.
    ///
    /// # Errors
    /// Fails if the file cannot be written.
    pub(super) fn write(&mut self, picture: &Picture<'_>) -> io::Result<bool> {
        match &mut self.state {
            PartState::Mjpeg(file) => {
                append(file, self.written.bytes, picture.data)?;
                self.written.add(picture.mended, self.written.bytes + picture.data.len() as u64);
            }
            PartState::Waiting(_, frames) => {
                if frames.first().is_some_and(|first| first.size != picture.size) {
                    return Ok(false);
                }
                let &Picture { data, size, pts, mended } = picture;
                frames.push(Waiting { data: data.to_vec(), size, pts, mended });
                let times: Vec<_> = frames.iter().map(|frame| frame.pts).collect();
                if Timeline::is_known(&times) {
                    self.start(&times)?;
                }
            }
            PartState::Avi(avi) => {
                let Some(place) =
                    (avi.size == picture.size).then(|| avi.timeline.place(picture.pts)).flatten()
                else {
                    return Ok(false);
                };
                avi.writer.repeat_until(place)?;
                avi.writer.frame(picture.data, avi.size)?;
                avi.writer.checkpoint()?;
                self.written.add(picture.mended, avi.writer.len());
            }
            PartState::Closed => {}
        }
        Ok(true)
    }

    /// Writes everything that still waits.
    ///
    /// # Errors
    /// Fails if the file cannot be written.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        if let PartState::Waiting(_, frames) = &self.state
            && !frames.is_empty()
        {
            let times: Vec<_> = frames.iter().map(|frame| frame.pts).collect();
            self.start(&times)?;
        }
        if let PartState::Avi(avi) = mem::replace(&mut self.state, PartState::Closed) {
            self.written.bytes = avi.writer.finish()?.1;
        }
        Ok(())
    }

    /// Cuts off the part of the file that is no whole frame, after an error. If the system refuses this
    /// too, readers still know where the last whole frame ends.
    pub(super) fn abandon(&mut self) {
        let file = match mem::replace(&mut self.state, PartState::Closed) {
            PartState::Mjpeg(file) | PartState::Waiting(file, _) => file,
            // The bytes in the buffer must not be written, which dropping it would do.
            PartState::Avi(avi) => avi.writer.into_inner().into_parts().0,
            PartState::Closed => return,
        };
        let _ = file.set_len(self.written.bytes);
    }

    /// Writes the frames that have waited, on the clock that their times give.
    fn start(&mut self, times: &[MediaTime]) -> io::Result<()> {
        let PartState::Waiting(file, frames) = mem::replace(&mut self.state, PartState::Closed) else {
            return Ok(());
        };
        let mut timeline = Timeline::of(times);
        let file = BufWriter::with_capacity(BUFFER, file);
        let mut writer = AviWriter::new(file, timeline.clock(), Layout::RECORDED)?;
        let size = frames.first().map(|frame| frame.size).unwrap_or_default();
        for frame in &frames {
            // The first frames are not too fast for a clock that was made for them.
            writer.repeat_until(timeline.place(frame.pts).unwrap_or_default())?;
            writer.frame(&frame.data, size)?;
        }
        writer.checkpoint()?;
        frames.iter().for_each(|frame| self.written.add(frame.mended, writer.len()));
        self.state = PartState::Avi(Box::new(Avi { writer, timeline, size }));
        Ok(())
    }
}

impl Written {
    fn add(&mut self, mended: bool, bytes: u64) {
        self.frames += 1;
        self.mended += u64::from(mended);
        self.bytes = bytes;
    }
}

/// Writes a JPEG file at byte `at`, with its first byte last. Until that is written, no reader takes it
/// for a picture.
fn append(file: &mut File, at: u64, data: &[u8]) -> io::Result<()> {
    let Some((first, rest)) = data.split_first() else { return Ok(()) };
    file.seek(SeekFrom::Start(at + 1))?;
    file.write_all(rest)?;
    file.seek(SeekFrom::Start(at))?;
    file.write_all(&[*first])
}
