//! Writes received frames to a file as they came. No frame is encoded again.
//!
//! The ending of the name decides the format. An `.mjpeg` or `.mjpg` file has the frames one after another,
//! without times. An `.avi` file has a clock. If the frames come at a steady rate, the clock ticks at that
//! rate; otherwise the clock has 120 or 1000 ticks per second. Each frame has its place on that clock. Where
//! frames are missing, the frame before them is shown for longer. A gap of more than ten seconds, or a step
//! back in time, becomes a cut.
//!
//! Sizes and counts in the file are updated with each frame. So the file opens with all frames that were
//! written whole, whatever ends the recording. Only the first eight frames of an `.avi` file wait in memory,
//! until the rate is known.
mod part;
mod timeline;

use part::{Kind, Part, Picture, Written};
use pinhole::codec::jpeg::{JpegInfo, Missing, TRACK, mend, mend_max_len};
use pinhole::frame::{Frame, Integrity};
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::mem;
use std::path::{Path, PathBuf};

/// The most files that one recording may take.
const MAX_FILES: usize = 100;

/// What a [`Recorder`] has recorded so far, from [`Recorder::recorded`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recorded {
    /// The paths of the files, in the order in which they were written: the file that was passed to
    /// [`Recorder::create`], and the files in which the recording was continued. A file without a frame is
    /// not in the list.
    pub files: Vec<PathBuf>,
    /// The number of frames in all files together.
    pub frames: u64,
    /// How many of the recorded frames lacked restart intervals. In the place of each missing interval, the
    /// file has empty MCUs (minimum coded units), so that any decoder reads the picture; see [`mend`].
    pub mended: u64,
    /// How many of the frames that were passed to [`Recorder::write`] are not in the files. They are no JPEG
    /// pictures, or are damaged in a way that cannot be mended.
    pub left_out: u64,
    /// The length of all files together, in bytes.
    pub bytes: u64,
}

/// Why nothing more is recorded. It is displayed as a sentence for the user.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The name of the file ends in none of `.avi`, `.mjpeg` and `.mjpg`, so that the format is not known.
    /// This contains the path.
    #[error("{}: a recording is an .avi or an .mjpeg file; give it a name that ends so", .0.display())]
    Name(PathBuf),
    /// A file with this path exists already. The file is not overwritten: choose another name.
    #[error("{} exists already; name another file, or remove this one", .0.display())]
    Exists(PathBuf),
    /// A file cannot be created or written, for example because the disk is full. The recording is over. The
    /// frames that [`Recorder::recorded`] counts stay in the files.
    #[error("{} cannot be written: {source}; {}", path.display(), advice(source))]
    Write {
        /// The path of the file that cannot be written.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// The frames change their size or rate so often that the recording would take more than 100 files. The
    /// 100 files stay. The recording is over. This contains the path that was passed to [`Recorder::create`].
    #[error("{}: the frames have changed their size or rate so often that there are {MAX_FILES} files", .0.display())]
    TooManyFiles(PathBuf),
}

/// Writes frames of a JPEG track to an `.avi`, `.mjpeg` or `.mjpg` file. The ending of the file's name
/// decides the format. Pass each frame to [`Self::write`] in order, and call [`Self::finish`] at the end.
///
/// All frames of an `.avi` file have one size in pixels. The file has one clock, which is chosen by its first
/// nine frames. If the size changes, or if frames come so fast that the clock cannot express it, the
/// recording continues in `NAME-2.avi`, and so on up to 100 files. Files that exist are never overwritten: if
/// a name is taken, the next number is used. An `.mjpeg` file takes frames of any size.
///
/// Frames that lack some restart intervals are mended (see [`mend`]). Frames that are damaged in another way
/// are left out.
///
/// If a recorder is dropped without [`Self::finish`], what is in the file depends on the format:
///
/// - An `.mjpeg` or `.mjpg` file has all frames.
/// - An `.avi` file that got nine frames or more has all frames, but no index of its last frames.
/// - An `.avi` file that got fewer than nine frames is empty, because these frames wait in memory.
///
/// ```no_run
/// # use pinhole_std::client::Client;
/// # use pinhole::frame::FrameId;
/// use pinhole_std::record::Recorder;
///
/// # fn record(client: &Client) -> Result<(), Box<dyn std::error::Error>> {
/// let mut recorder = Recorder::create("camera.avi".as_ref())?;
/// let mut next = FrameId(0);
/// while let Ok(frame) = client.frame(0, next) {
///     recorder.write(&frame)?;
///     next = next.next();
/// }
/// recorder.finish()?;
/// println!("{} frames", recorder.recorded().frames);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Recorder {
    path: PathBuf,
    kind: Kind,
    /// The number of the last file.
    number: usize,
    part: Option<(PathBuf, Part)>,
    /// What was recorded before the open file.
    recorded: Recorded,
    /// Room for frames that are mended.
    buffer: Vec<u8>,
}

impl Recorder {
    /// Creates the file at `path`. The file is empty until the first frame is written. The directory must
    /// exist; otherwise [`RecordError::Write`] is returned.
    ///
    /// # Errors
    /// [`RecordError::Name`] if the name ends in none of `.avi`, `.mjpeg` and `.mjpg`;
    /// [`RecordError::Exists`] if the file exists; [`RecordError::Write`] if the file cannot be created.
    pub fn create(path: &Path) -> Result<Self, RecordError> {
        let kind = Self::kind(path)?;
        let file = create(path).map_err(|source| match source.kind() {
            ErrorKind::AlreadyExists => RecordError::Exists(path.to_owned()),
            _ => RecordError::Write { path: path.to_owned(), source },
        })?;
        Ok(Self {
            path: path.to_owned(),
            kind,
            number: 1,
            part: Some((path.to_owned(), Part::new(file, kind))),
            recorded: Recorded::default(),
            buffer: Vec::new(),
        })
    }

    /// Checks whether a recording may have this name: the ending must be `.avi`, `.mjpeg` or `.mjpg`, in
    /// upper or lower case. The disk is not looked at, so [`Self::create`] can still fail.
    ///
    /// # Errors
    /// [`RecordError::Name`] if the ending is another one.
    pub fn check_name(path: &Path) -> Result<(), RecordError> {
        Self::kind(path).map(drop)
    }

    /// Appends a frame. If the frame is no JPEG picture, or is damaged in a way that cannot be mended, the
    /// frame is left out and counted in [`Recorded::left_out`], and the result is `Ok`.
    ///
    /// After an error, and after [`Self::finish`], the recording is over: further calls write nothing, and
    /// return `Ok`.
    ///
    /// # Errors
    /// [`RecordError::Write`] if a file cannot be written or created, and [`RecordError::TooManyFiles`] if
    /// the frame needs another file and the recording has 100 files already. The frames that
    /// [`Self::recorded`] counts stay in the files.
    pub fn write(&mut self, frame: &Frame<'_>) -> Result<(), RecordError> {
        let mut buffer = mem::take(&mut self.buffer);
        let written = match whole(frame, &mut buffer) {
            Some(picture) => self.write_whole(&picture),
            None => {
                self.recorded.left_out += 1;
                Ok(())
            }
        };
        self.buffer = buffer;
        written
    }

    /// Ends the recording: writes the frames that still wait in memory, and the index of an `.avi` file. If
    /// no frame was written to the open file, the file is removed. If the file cannot be removed, it stays,
    /// and the result is still `Ok`. After this call, [`Self::write`] writes nothing. A second call of this
    /// method does nothing, and returns `Ok`.
    ///
    /// # Errors
    /// [`RecordError::Write`] if the file cannot be written. The recording is over in this case, too. The
    /// frames that [`Self::recorded`] counts stay in the file, but an `.avi` file may have no index of its
    /// last frames.
    pub fn finish(&mut self) -> Result<(), RecordError> {
        let Some((path, part)) = &mut self.part else { return Ok(()) };
        let finished = part.finish().map_err(|source| RecordError::Write { path: path.clone(), source });
        self.close();
        finished
    }

    /// Returns what was recorded so far, including the open file. This can be called at any time, also after
    /// [`Self::finish`] and after an error. The first eight frames of an `.avi` file are counted only once
    /// they are written: when the ninth frame comes or [`Self::finish`] is called.
    pub fn recorded(&self) -> Recorded {
        let mut recorded = self.recorded.clone();
        if let Some((path, part)) = &self.part {
            recorded.add(path, part);
        }
        recorded
    }

    fn kind(path: &Path) -> Result<Kind, RecordError> {
        let extension = path.extension().unwrap_or_default().to_ascii_lowercase();
        match extension.to_str() {
            Some("avi") => Ok(Kind::Avi),
            Some("mjpeg" | "mjpg") => Ok(Kind::Mjpeg),
            _ => Err(RecordError::Name(path.to_owned())),
        }
    }

    fn write_whole(&mut self, picture: &Picture<'_>) -> Result<(), RecordError> {
        if !self.append(picture)? {
            self.finish()?;
            self.part = Some(self.next_file()?);
            self.append(picture)?;
        }
        Ok(())
    }

    /// Appends to the open file. Returns false if the picture needs another file.
    fn append(&mut self, picture: &Picture<'_>) -> Result<bool, RecordError> {
        let Some((path, part)) = &mut self.part else { return Ok(true) };
        match part.write(picture) {
            Ok(taken) => Ok(taken),
            Err(source) => {
                part.abandon();
                let path = path.clone();
                self.close();
                Err(RecordError::Write { path, source })
            }
        }
    }

    /// Closes the open file.
    fn close(&mut self) {
        if let Some((path, part)) = self.part.take() {
            if part.written().frames == 0 {
                // A file that cannot be removed is empty and harmless.
                let _ = fs::remove_file(&path);
            }
            self.recorded.add(&path, &part);
        }
    }

    /// Creates the next file, under the next name that is free.
    fn next_file(&mut self) -> Result<(PathBuf, Part), RecordError> {
        while self.number < MAX_FILES {
            self.number += 1;
            let mut name = self.path.file_stem().unwrap_or_default().to_owned();
            name.push(format!("-{}.", self.number));
            name.push(self.path.extension().unwrap_or_default());
            let path = self.path.with_file_name(name);
            match create(&path) {
                Ok(file) => {
                    tracing::info!(file = %path.display(), "the recording goes on in another file");
                    return Ok((path, Part::new(file, self.kind)));
                }
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(source) => return Err(RecordError::Write { path, source }),
            }
        }
        Err(RecordError::TooManyFiles(self.path.clone()))
    }
}

impl Recorded {
    fn add(&mut self, path: &Path, part: &Part) {
        let Written { frames, mended, bytes } = part.written();
        if frames > 0 {
            self.files.push(path.to_owned());
            self.frames += frames;
            self.mended += mended;
            self.bytes += bytes;
        }
    }
}

/// Creates a file, and never overwrites one, which may be another recording.
fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).open(path)
}

/// Returns a picture that decodes; `None` if the frame cannot be mended to one.
fn whole<'a>(frame: &Frame<'a>, buffer: &'a mut Vec<u8>) -> Option<Picture<'a>> {
    let info = JpegInfo::locate(frame.data)?;
    let data = match frame.flags.integrity {
        Integrity::Complete => frame.data,
        Integrity::Partial => {
            let missing = Missing::locate(frame.data, &info, frame.missing)?;
            buffer.resize(mend_max_len(&info, &missing, frame.data.len()), 0);
            let len = mend(frame.data, &info, &missing, buffer);
            buffer.get(..len.ok()?)?
        }
        Integrity::Damaged => return None,
    };
    let mended = !frame.flags.integrity.is_complete();
    let pts = frame.media_time(TRACK.clock_rate);
    Some(Picture { data, size: (info.width, info.height), pts, mended })
}

fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
            "make room there, or record elsewhere"
        }
        ErrorKind::NotFound | ErrorKind::NotADirectory => "name a file in a directory that exists",
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            "name a file in a directory that you may write to"
        }
        _ => "try another directory",
    }
}

#[cfg(test)]
mod tests;
