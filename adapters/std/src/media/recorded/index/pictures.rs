//! Indexes a directory of pictures.
use super::super::super::foreign;
use super::super::super::memory;
use super::super::super::normalise::{MAX_FRAME, NormaliseOptions};
use super::super::super::problem::{Problem, Problems};
use super::super::containers::Timing;
use super::super::files::{Files, ReadAt, Stamp};
use super::problems::Unfit;
use super::{Found, Index, Indexing, Place, SOI, Watch};
use pinhole::codec::jpeg::JpegErrorKind;
use pinhole::media::MediaErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A file that is one picture.
#[derive(Debug)]
pub(super) struct Picture {
    pub(super) path: PathBuf,
    /// What the file was when it was indexed; `None` if it could not be opened.
    pub(super) stamp: Option<Stamp>,
}

impl Index {
    /// Indexes single pictures, which are played in this order. Returns what is wrong with them, too.
    /// Blocks.
    pub(in super::super::super) fn of_pictures(
        files: &Arc<dyn Files>,
        directory: &Path,
        paths: Vec<PathBuf>,
        how: NormaliseOptions,
        watch: Watch<'_>,
    ) -> (Option<Self>, Vec<Problem>) {
        let (mut found, mut problems) = (Found::new(how, 0), Problems::default());
        let (of, mut pictures) = (paths.len() as u64, Vec::with_capacity(paths.len()));
        for (number, path) in (0..).zip(paths) {
            let opened = files.open(&path).and_then(|file| Ok((file.stamp()?, file)));
            let stamp = opened.as_ref().ok().map(|(stamp, _)| *stamp);
            match opened.map_err(Unfit::Io).and_then(|(stamp, file)| found.add_picture(number, stamp, &*file))
            {
                Ok(0) => {}
                Ok(len) => problems.push(Problem::frame(&path, 0, 0, MediaErrorKind::Junk { len })),
                Err(fault) => {
                    found.left_out += 1;
                    problems.push(fault.of_frame(&path, 0, 0, how));
                }
            }
            pictures.push(Picture { path, stamp });
            watch(Indexing { path: directory, done: number + 1, of, frames: found.entries.len() as u64 });
        }
        let place = Place::Pictures { files: files.clone(), pictures };
        found.finish(directory, place, of, Timing::Steady(None), problems)
    }
}

impl Found {
    /// Adds a file that is one picture. Returns how many bytes are before the picture. Blocks.
    fn add_picture(&mut self, number: u64, stamp: Stamp, file: &dyn ReadAt) -> Result<u64, Unfit> {
        self.device = stamp.device();
        let len = u32::try_from(stamp.len).unwrap_or(u32::MAX);
        match self.add(number, len, number, |buffer| file.read_exact(buffer, 0)) {
            Err(Unfit::Jpeg(error)) if error.reason == JpegErrorKind::NotJpeg => {
                if len > MAX_FRAME {
                    return Err(Unfit::TooLarge);
                }
                memory::resize(&mut self.buffer, len as usize)?;
                file.read_exact(&mut self.buffer, 0).map_err(Unfit::Io)?;
                let head = self.buffer.get(..foreign::LOOKED_AT).unwrap_or(&self.buffer);
                let other =
                    if len == 0 { Some(Unfit::Empty) } else { foreign::format_of(head).map(Unfit::Foreign) };
                if let Some(other) = other {
                    return Err(other);
                }
                let before = picture_at(&self.buffer).ok_or(Unfit::Jpeg(error))? as u32;
                let read = |buffer: &mut [u8]| file.read_exact(buffer, before.into());
                self.add(number, len - before, number, read)?;
                Ok(before.into())
            }
            added => added.map(|()| 0),
        }
    }
}

/// Returns where the picture begins in a file that is one: a byte order mark or other bytes may be before it.
pub(super) fn picture_at(data: &[u8]) -> Option<usize> {
    let starts = |start: &[u8]| start.starts_with(&SOI) && start.ends_with(&[0xFF]);
    if data.starts_with(&SOI) { Some(0) } else { data.windows(SOI.len() + 1).position(starts) }
}
