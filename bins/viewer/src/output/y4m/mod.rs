//! Pictures as they appear on the screen, as a YUV4MPEG2 stream with one picture for each frame
//! interval.
//!
//! Where a frame is missing, was dropped, or is late, the picture before it is repeated, as it stays
//! on a screen. The header of each picture has its media time in microseconds as a comment
//! (`XPTS=33333`).
mod timeline;
mod writer;

use crate::model::Picture;
use pinhole::media::FrameClock;
use pinhole::time::MediaTime;
use pinhole_std::new_file::NewFile;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use timeline::{Timeline, frame_clock};
use writer::Writer;

/// Pictures that may wait for a slow reader or disk. If there are more, the caller waits.
const QUEUE: usize = 6;
/// How often to look whether there is room again.
const POLL: Duration = Duration::from_millis(2);
/// How long the reader or disk may take for what waits, once the user has interrupted the program.
const PATIENCE: Duration = Duration::from_secs(1);

/// A stream of pictures that is being written, on a thread of its own.
#[derive(Debug)]
pub(crate) struct PictureStream {
    pictures: SyncSender<ShownPicture>,
    writing: JoinHandle<io::Result<()>>,
    /// The picture on the screen.
    current: Option<Picture>,
    timeline: Option<Timeline>,
    /// The new file, and the name that it gets at the end.
    file: Option<(NewFile, PathBuf)>,
}

/// A picture, and the media times at which it was on the screen.
#[derive(Debug)]
struct ShownPicture {
    picture: Picture,
    times: Vec<MediaTime>,
    clock: FrameClock,
}

impl PictureStream {
    /// Starts to write to standard output if `file` is `-`, to a pipe or a device of this name if there is
    /// one, and to a file otherwise. The file gets its name at the end, and replaces one that has it.
    ///
    /// # Errors
    /// The file cannot be created or opened, or the system has no more threads.
    pub(crate) fn start(file: &Path) -> io::Result<Self> {
        if is_stdout(file) {
            return Self::to(io::stdout());
        }
        if let Some(pipe) = open_special(file)? {
            return Self::to(pipe);
        }
        let new = NewFile::beside(file)?;
        let mut stream = Self::to(new.file()?)?;
        stream.file = Some((new, file.to_owned()));
        Ok(stream)
    }

    /// Adds a picture that appears on the screen `after` it was due, and waits for room until the program
    /// is `interrupted`. Returns whether more pictures are wanted; if not, [`Self::finish`] says why.
    #[must_use]
    pub(crate) fn show(&mut self, picture: &Picture, after: Duration, interrupted: &AtomicBool) -> bool {
        let Some(before) = self.current.replace(picture.clone()) else { return true };
        let (first, second) = (&before.presentation, &picture.presentation);
        let timeline =
            self.timeline.get_or_insert_with(|| Timeline::new(first, frame_clock(first, Some(second))));
        let (times, clock) = (timeline.advance(second, after), timeline.clock());
        let until = || interrupted.load(Ordering::Relaxed);
        send(&self.pictures, ShownPicture { picture: before, times, clock }, until)
    }

    /// Writes the last picture, waits until all are written, and gives a file its name. Once the program is
    /// `interrupted`, it waits no longer than a second.
    ///
    /// # Errors
    /// Not all could be written. It is no error if the reader wants no more. A file is removed.
    pub(crate) fn finish(self, interrupted: &AtomicBool) -> io::Result<()> {
        let Self { pictures, writing, current, timeline, file } = self;
        let mut since = None;
        let mut given_up = || {
            interrupted.load(Ordering::Relaxed) && since.get_or_insert_with(Instant::now).elapsed() > PATIENCE
        };
        if let Some(picture) = current {
            let first = &picture.presentation;
            let timeline = timeline.unwrap_or_else(|| Timeline::new(first, frame_clock(first, None)));
            let (times, clock) = (vec![timeline.now()], timeline.clock());
            // If this fails, the thread returns why.
            let _ = send(&pictures, ShownPicture { picture, times, clock }, &mut given_up);
        }
        drop(pictures);
        while !writing.is_finished() {
            if given_up() {
                return Err(io::Error::new(ErrorKind::TimedOut, "nothing takes them"));
            }
            thread::sleep(POLL);
        }
        match writing.join() {
            Ok(Err(error)) if error.kind() == ErrorKind::BrokenPipe => return Ok(()),
            Ok(written) => written?,
            Err(_) => return Err(io::Error::other("the thread that writes them has died")),
        }
        file.map_or(Ok(()), |(file, name)| file.replace(&name))
    }

    fn to(to: impl Write + Send + 'static) -> io::Result<Self> {
        let (pictures, to_write) = sync_channel(QUEUE);
        let writing = thread::Builder::new().name("pictures".into()).spawn(move || write(&to_write, to))?;
        Ok(Self { pictures, writing, current: None, timeline: None, file: None })
    }
}

/// Returns whether this file stands for standard output.
pub(crate) fn is_stdout(file: &Path) -> bool {
    file == Path::new("-")
}

/// Opens a file that is no file to be replaced but a pipe or a device; `None` if it is none of these.
fn open_special(path: &Path) -> io::Result<Option<File>> {
    if !fs::metadata(path).is_ok_and(|found| !found.is_file() && !found.is_dir()) {
        return Ok(None);
    }
    let file = OpenOptions::new().write(true).open(path)?;
    // Another may have taken its place meanwhile.
    Ok(Some(file).filter(|file| file.metadata().is_ok_and(|found| !found.is_file())))
}

/// Passes a picture on, and waits for room until `given_up`. Returns whether it was taken.
fn send(
    pictures: &SyncSender<ShownPicture>,
    mut picture: ShownPicture,
    mut given_up: impl FnMut() -> bool,
) -> bool {
    loop {
        picture = match pictures.try_send(picture) {
            Ok(()) => return true,
            Err(TrySendError::Disconnected(_)) => return false,
            Err(TrySendError::Full(picture)) => picture,
        };
        if given_up() {
            return false;
        }
        thread::sleep(POLL);
    }
}

/// Writes pictures until their sender is gone.
fn write(pictures: &Receiver<ShownPicture>, mut to: impl Write) -> io::Result<()> {
    let Ok(first) = pictures.recv() else { return Ok(()) };
    let size = (first.picture.width, first.picture.height);
    let mut writer = Writer::begin(&mut to, size, first.clock)?;
    writer.write(&first.picture, &first.times)?;
    for next in pictures {
        writer.write(&next.picture, &next.times)?;
    }
    to.flush()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Presentation;
    use pinhole::time::Duration as MediaDuration;
    use std::sync::{Arc, Mutex};

    static NEVER: AtomicBool = AtomicBool::new(false);

    /// Written bytes that a test can look at.
    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn picture(frame: u64, size: (u32, u32), pixel: u32) -> Picture {
        let time = MediaTime::from_micros(frame * 100_000 / 3);
        let (duration, due) = (MediaDuration::from_micros(33_333), Duration::from_micros(time.as_micros()));
        let presentation = Presentation { time, duration, due, ..Presentation::default() };
        let pixels = vec![pixel; (size.0 * size.1) as usize];
        Picture { presentation, width: size.0, height: size.1, pixels: pixels.into(), ..Picture::default() }
    }

    #[test]
    fn the_stream_has_colours_rate_and_times() {
        let file = Written::default();
        let mut pictures = PictureStream::to(file.clone()).unwrap();
        // In an odd size, chroma is rounded up to a further column and row.
        for (frame, pixel) in [(0, 0x00ff_ffff), (1, 0x00ff_0000), (3, 0)] {
            assert!(pictures.show(&picture(frame, (5, 3), pixel), Duration::ZERO, &NEVER));
        }
        pictures.finish(&NEVER).unwrap();
        let written = file.0.lock().unwrap().clone();
        assert!(
            written.starts_with(b"YUV4MPEG2 W5 H3 F30000:1000 XCOLORRANGE=FULL C420jpeg\nFRAME XPTS=0\n")
        );
        let mut reader = y4m::decode(&written[..]).unwrap();
        let mut frames = vec![];
        while let Ok(frame) = reader.read_frame() {
            let first = [frame.get_y_plane()[0], frame.get_u_plane()[0], frame.get_v_plane()[0]];
            assert_eq!([frame.get_y_plane().len(), frame.get_u_plane().len()], [15, 6]);
            let time = String::from_utf8(frame.get_raw_params().unwrap().to_vec()).unwrap();
            frames.push((time, first));
        }
        let red = frames[1].1;
        let near = red.iter().zip([76, 85, 255]).all(|(is, should)| is.abs_diff(should) < 2);
        assert!(near, "{red:?} is not red");
        let expected = [
            ("XPTS=0", [255, 128, 128]),
            ("XPTS=33333", red),
            ("XPTS=66666", red),
            ("XPTS=100000", [0, 128, 128]),
        ];
        assert_eq!(frames, expected.map(|(time, pixel)| (time.to_owned(), pixel)));
    }

    #[test]
    fn a_dash_is_standard_output() {
        assert!(is_stdout(Path::new("-")) && !is_stdout(Path::new("./-")));
    }

    #[test]
    fn a_single_picture_is_written_once() {
        let file = Written::default();
        let mut pictures = PictureStream::to(file.clone()).unwrap();
        assert!(pictures.show(&picture(7, (2, 2), 0), Duration::ZERO, &NEVER));
        pictures.finish(&NEVER).unwrap();
        assert_eq!(file.0.lock().unwrap().windows(5).filter(|bytes| bytes == b"FRAME").count(), 1);
        // Without a picture, nothing is written.
        PictureStream::to(file).unwrap().finish(&NEVER).unwrap();
    }

    #[test]
    fn another_size_is_an_error() {
        let mut pictures = PictureStream::to(Written::default()).unwrap();
        let shown = (0..100).map(|frame| picture(frame, if frame < 2 { (4, 4) } else { (8, 4) }, 0));
        let taken = shown.map(|picture| pictures.show(&picture, Duration::ZERO, &NEVER)).collect::<Vec<_>>();
        assert!(taken[0] && !taken[99]);
        assert!(pictures.finish(&NEVER).unwrap_err().to_string().contains("from 4x4 to 8x4"));
    }

    #[test]
    fn a_reader_may_leave_early() {
        struct Closed;
        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut pictures = PictureStream::to(Closed).unwrap();
        let taken = (0..100).map(|frame| pictures.show(&picture(frame, (2, 2), 0), Duration::ZERO, &NEVER));
        assert!(!taken.collect::<Vec<_>>()[99]);
        assert!(pictures.finish(&NEVER).is_ok());
    }

    #[test]
    fn nobody_waits_for_a_reader_once_interrupted() {
        struct Stuck(Receiver<()>);
        impl Write for Stuck {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                // Who waits for it all the same fails then.
                let _ = self.0.recv_timeout(Duration::from_secs(30));
                Err(ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let (release, stuck) = sync_channel(0);
        let interrupted = Arc::new(AtomicBool::new(false));
        let mut pictures = PictureStream::to(Stuck(stuck)).unwrap();
        let interrupt = Arc::clone(&interrupted);
        thread::spawn(move || {
            thread::sleep(Duration::from_millis(100));
            interrupt.store(true, Ordering::Relaxed);
        });
        let all = (0..100).all(|n| pictures.show(&picture(n, (2, 2), 0), Duration::ZERO, &interrupted));
        assert!(!all);
        let error = pictures.finish(&interrupted).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        drop(release);
    }

    #[test]
    fn a_file_gets_its_name_at_the_end() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        let count = || fs::read_dir(directory.path()).unwrap().count();
        fs::write(at("precious"), "precious").unwrap();
        std::os::unix::fs::symlink(at("precious"), at("a.y4m")).unwrap();
        let mut pictures = PictureStream::start(&at("a.y4m")).unwrap();
        assert!(pictures.show(&picture(0, (2, 2), 0), Duration::ZERO, &NEVER));
        pictures.finish(&NEVER).unwrap();
        assert_eq!(fs::read(at("precious")).unwrap(), b"precious");
        assert!(fs::read(at("a.y4m")).unwrap().starts_with(b"YUV4MPEG2"));
        assert_eq!(count(), 2);
        // A change of size fails, and what was there before stays.
        let mut pictures = PictureStream::start(&at("precious")).unwrap();
        let sizes = [(2, 2), (4, 4), (4, 4)];
        for (n, size) in (0..).zip(sizes) {
            let _ = pictures.show(&picture(n, size, 0), Duration::ZERO, &NEVER);
        }
        pictures.finish(&NEVER).unwrap_err();
        assert_eq!((fs::read(at("precious")).unwrap(), count()), (b"precious".to_vec(), 2));
    }

    #[test]
    fn a_pipe_is_written_to_and_not_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&path).status();
        assert!(made.unwrap().success());
        let reader = thread::spawn({
            let path = path.clone();
            move || fs::read(path).unwrap()
        });
        let mut pictures = PictureStream::start(&path).unwrap();
        assert!(pictures.show(&picture(0, (2, 2), 0), Duration::ZERO, &NEVER));
        pictures.finish(&NEVER).unwrap();
        assert!(reader.join().unwrap().starts_with(b"YUV4MPEG2"));
        assert!(!fs::metadata(&path).unwrap().is_file());
    }
}
