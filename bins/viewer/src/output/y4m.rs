//! The pictures as they are on the screen, as a YUV4MPEG2 stream: one for each frame interval.
//!
//! Where a frame is missing, was dropped, or comes late, the picture before it is there again, as
//! who looks at a screen sees it. Each has its media time, in microseconds, as a comment in its
//! header (`XPTS=33333`).
use crate::decode::Picture;
use crate::playback::selection::Showing;
use pinhole::media::FrameClock;
use pinhole::sdp::FrameRate;
use pinhole::time::{Duration as Span, MediaTime};
use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use y4m::{Colorspace, Encoder, Frame, Ratio, VendorExtensionString};
use yuv::{YuvChromaSubsampling, YuvConversionMode, YuvPlanarImageMut, YuvRange, YuvStandardMatrix};

/// Pictures that wait while the reader, or a disk, is slow for a moment. Beyond that the show waits.
const WAITING: usize = 6;
/// In a longer step, media time has jumped, or nothing came.
const JUMP: Span = Span::from_secs(1);
/// Where nothing tells the rate.
const USUAL_RATE: FrameRate = FrameRate(25_000);

/// A stream of pictures that is being written.
#[derive(Debug)]
pub(crate) struct Pictures {
    shots: SyncSender<Shot>,
    writing: JoinHandle<io::Result<()>>,
    /// The picture on the screen.
    shown: Option<Picture>,
    places: Option<Places>,
}

impl Pictures {
    /// To a file, over what was there; to standard output if that is called `-`.
    ///
    /// # Errors
    /// The file cannot be created, or the system has no more threads.
    pub(crate) fn start(file: &Path) -> io::Result<Self> {
        if is_stdout(file) { Self::to(io::stdout()) } else { Self::to(File::create(file)?) }
    }

    /// A picture comes to the screen, so long after it was due. Returns whether more are taken.
    #[must_use]
    pub(crate) fn show(&mut self, picture: &Picture, after: Duration) -> bool {
        let Some(before) = self.shown.replace(picture.clone()) else { return true };
        let new = || Places::new(&before.showing, clock_of(&before.showing, Some(&picture.showing)));
        let places = self.places.get_or_insert_with(new);
        let times = places.until(&picture.showing, after);
        let shot = Shot { picture: before, times, clock: places.clock };
        self.shots.send(shot).is_ok()
    }

    /// The last picture was shown.
    ///
    /// # Errors
    /// Not all could be written; that nobody wants them is none.
    pub(crate) fn finish(self) -> io::Result<()> {
        let Self { shots, writing, shown, places } = self;
        if let Some(picture) = shown {
            let new = || Places::new(&picture.showing, clock_of(&picture.showing, None));
            let places = places.unwrap_or_else(new);
            // If it is not taken, what the thread returns says why.
            let _ = shots.send(Shot { picture, times: vec![places.time(places.place)], clock: places.clock });
        }
        drop(shots);
        match writing.join() {
            Ok(Err(error)) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            Ok(written) => written,
            Err(_) => Err(io::Error::other("the thread that writes them has died")),
        }
    }

    fn to(to: impl Write + Send + 'static) -> io::Result<Self> {
        let (shots, taken) = sync_channel(WAITING);
        let writing = thread::Builder::new().name("pictures".into()).spawn(move || write(&taken, to))?;
        Ok(Self { shots, writing, shown: None, places: None })
    }
}

/// Whether pictures of this file's name go to standard output.
pub(crate) fn is_stdout(file: &Path) -> bool {
    file == Path::new("-")
}

/// A picture, and the media times at which it is on the screen.
#[derive(Debug)]
struct Shot {
    picture: Picture,
    times: Vec<MediaTime>,
    clock: FrameClock,
}

/// The places of pictures in the stream: the first is at place 0.
#[derive(Debug)]
struct Places {
    clock: FrameClock,
    /// A media time, and its place.
    anchor: (MediaTime, u64),
    /// Of the picture on the screen.
    place: u64,
    pts: MediaTime,
    /// When it came there, in the player's time.
    at: Duration,
}

impl Places {
    fn new(first: &Showing, clock: FrameClock) -> Self {
        Self { clock, anchor: (first.pts, 0), place: 0, pts: first.pts, at: first.due }
    }

    /// The times at which the picture on the screen was there, until this one comes so long after
    /// it was due; none, if it has the same place.
    fn until(&mut self, next: &Showing, after: Duration) -> Vec<MediaTime> {
        let at = next.due.saturating_add(after);
        let runs_on = next.pts >= self.pts && next.pts.since(self.pts) <= JUMP;
        let place = if runs_on {
            self.anchor.1.saturating_add(self.clock.frames_in(next.pts.since(self.anchor.0) + after.into()))
        } else {
            self.place.saturating_add(self.clock.frames_in(at.saturating_sub(self.at).into()).max(1))
        };
        let place = place.max(self.place);
        let times = (self.place..place).map(|place| self.time(place)).collect();
        if !runs_on {
            self.anchor = (next.pts, place);
        }
        (self.place, self.pts, self.at) = (place, next.pts, at);
        times
    }

    /// The media time of a place that is not before the anchor's.
    fn time(&self, place: u64) -> MediaTime {
        let (start, first) = self.anchor;
        start + self.clock.pts(place.saturating_sub(first)).since(MediaTime::ZERO)
    }
}

/// The rate at which frames like these come.
fn clock_of(first: &Showing, second: Option<&Showing>) -> FrameClock {
    let told = Some(first.interval).filter(|interval| *interval > Span::ZERO);
    let measured = || second.map(|second| second.pts.since(first.pts)).filter(|step| *step > Span::ZERO);
    let clock = told.or_else(measured).and_then(|interval| {
        let micros = interval.as_micros();
        FrameClock::new(u32::try_from((1_000_000_000 + micros / 2) / micros).ok()?, 1000)
    });
    clock.unwrap_or_else(|| USUAL_RATE.into())
}

/// Writes what comes, until nothing more does.
fn write(shots: &Receiver<Shot>, mut to: impl Write) -> io::Result<()> {
    let Ok(first) = shots.recv() else { return Ok(()) };
    let mut stream = Stream::begin(&mut to, &first)?;
    stream.write(&first)?;
    for shot in shots {
        stream.write(&shot)?;
    }
    to.flush()
}

/// A stream whose header is written.
struct Stream<'a, W: Write> {
    encoder: Encoder<&'a mut W>,
    size: (u32, u32),
    planes: YuvPlanarImageMut<'static, u8>,
    /// The bytes of a picture: blue, green, red, none.
    bytes: Vec<u8>,
}

impl<'a, W: Write> Stream<'a, W> {
    fn begin(to: &'a mut W, first: &Shot) -> io::Result<Self> {
        let (width, height) = (first.picture.width, first.picture.height);
        let (rate, scale) = first.clock.fraction();
        // As JPEG has its samples: ffmpeg reads the comment.
        let full_range = VendorExtensionString::new(b"COLORRANGE=FULL".to_vec()).map_err(into_io)?;
        let encoder = y4m::encode(width as usize, height as usize, Ratio::new(rate as usize, scale as usize))
            .with_colorspace(Colorspace::C420jpeg)
            .append_vendor_extension(full_range)
            .write_header(to)
            .map_err(into_io)?;
        let planes = YuvPlanarImageMut::alloc(width, height, YuvChromaSubsampling::Yuv420);
        Ok(Self { encoder, size: (width, height), planes, bytes: Vec::new() })
    }

    fn write(&mut self, Shot { picture, times, .. }: &Shot) -> io::Result<()> {
        if times.is_empty() {
            return Ok(());
        }
        let (size, planes) = ((picture.width, picture.height), &mut self.planes);
        if size != self.size {
            let (before, now) = (self.size, size);
            return Err(io::Error::other(format!(
                "it has one size, and the pictures' has changed from {}x{} to {}x{}",
                before.0, before.1, now.0, now.1
            )));
        }
        self.bytes.clear();
        self.bytes.extend(picture.pixels.iter().flat_map(|pixel| pixel.to_le_bytes()));
        let (range, matrix) = (YuvRange::Full, YuvStandardMatrix::Bt601);
        yuv::bgra_to_yuv420(planes, &self.bytes, size.0 * 4, range, matrix, YuvConversionMode::Balanced)
            .map_err(io::Error::other)?;
        let planes = [planes.y_plane.borrow(), planes.u_plane.borrow(), planes.v_plane.borrow()];
        for time in times {
            let comment = format!("XPTS={}", time.as_micros()).into_bytes();
            self.encoder.write_frame(&Frame::new(planes, Some(comment))).map_err(into_io)?;
        }
        Ok(())
    }
}

fn into_io(error: y4m::Error) -> io::Error {
    match error {
        y4m::Error::IoError(error) => error,
        other => io::Error::other(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    const FRAME: u64 = 33_333;

    fn showing(frame: u64) -> Showing {
        let pts = MediaTime::from_micros(frame * 100_000 / 3);
        let interval = Span::from_micros(FRAME);
        Showing { pts, interval, due: Duration::from_micros(pts.as_micros()), ..Showing::default() }
    }

    fn late(thirds: u64) -> Duration {
        Duration::from_micros(FRAME * thirds / 3)
    }

    /// For each picture that was shown, the frames in whose time it is on the screen.
    fn seen(shown: &[(Showing, Duration)]) -> Vec<Vec<u64>> {
        let mut places = Places::new(&shown[0].0, clock_of(&shown[0].0, None));
        let times = shown[1..].iter().map(|(showing, after)| places.until(showing, *after));
        let frame = |time: &MediaTime| (time.as_micros() + FRAME / 2) / FRAME;
        times.map(|times| times.iter().map(frame).collect()).collect()
    }

    #[test]
    fn each_picture_is_there_until_the_next() {
        let on_time = [0, 1, 2, 5, 6].map(|frame| (showing(frame), Duration::ZERO));
        assert_eq!(seen(&on_time), [vec![0], vec![1], vec![2, 3, 4], vec![5]]);
        let after_hours = [0, 108_000, 108_001].map(|frame| (showing(frame), Duration::ZERO));
        assert_eq!(seen(&after_hours)[1].len(), 1, "the clock does not drift");
    }

    #[test]
    fn who_comes_late_is_seen_late() {
        // By a third of an interval is on time, by four it comes with the next, and is not seen.
        let shown = [(0, 0), (1, 1), (2, 2), (3, 4), (4, 0), (5, 0)];
        let shown = shown.map(|(frame, thirds)| (showing(frame), late(thirds)));
        assert_eq!(seen(&shown), [vec![0], vec![1, 2], vec![3], vec![], vec![4]]);
    }

    #[test]
    fn a_jump_of_media_time_takes_as_long_as_it_takes() {
        let moved = |frame, due| Showing { due, ..showing(frame) };
        let shown = [
            showing(500),
            showing(501),
            moved(0, showing(504).due),
            moved(1, showing(505).due),
            moved(9000, showing(506).due),
            moved(9001, showing(507).due),
        ];
        let seen = seen(&shown.map(|showing| (showing, Duration::ZERO)));
        assert_eq!(seen, [vec![500], vec![501, 502, 503], vec![0], vec![1], vec![9000]]);
    }

    #[test]
    fn the_rate_is_told_by_the_stream_or_by_its_frames() {
        let unknown = |frame| Showing { interval: Span::ZERO, ..showing(frame) };
        let rate = |first: &Showing, second: Option<&Showing>| clock_of(first, second).fraction();
        assert_eq!(rate(&showing(0), None), (30_000, 1000));
        assert_eq!(rate(&unknown(0), Some(&unknown(2))), (15_000, 1000));
        assert_eq!(rate(&unknown(0), None), (25_000, 1000));
        assert_eq!(rate(&unknown(0), Some(&unknown(0))), (25_000, 1000));
    }

    /// Bytes that are written, and may be looked at.
    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn picture(frame: u64, size: (u32, u32), pixel: u32) -> Picture {
        let pixels = vec![pixel; (size.0 * size.1) as usize];
        Picture {
            showing: showing(frame),
            width: size.0,
            height: size.1,
            pixels: pixels.into(),
            ..Picture::default()
        }
    }

    #[test]
    fn the_stream_has_the_colours_the_rate_and_the_times() {
        let file = Shared::default();
        let mut pictures = Pictures::to(file.clone()).unwrap();
        // Of an odd size, chroma has a column and a row more than half.
        for (frame, pixel) in [(0, 0x00ff_ffff), (1, 0x00ff_0000), (3, 0)] {
            assert!(pictures.show(&picture(frame, (5, 3), pixel), Duration::ZERO));
        }
        pictures.finish().unwrap();
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
    fn a_stream_of_one_picture_has_it_once() {
        let file = Shared::default();
        let mut pictures = Pictures::to(file.clone()).unwrap();
        assert!(pictures.show(&picture(7, (2, 2), 0), Duration::ZERO));
        pictures.finish().unwrap();
        assert_eq!(file.0.lock().unwrap().windows(5).filter(|bytes| bytes == b"FRAME").count(), 1);
        // And of none, nothing.
        Pictures::to(file).unwrap().finish().unwrap();
    }

    #[test]
    fn another_size_ends_it_with_a_reason() {
        let mut pictures = Pictures::to(Shared::default()).unwrap();
        let shown = (0..100).map(|frame| picture(frame, if frame < 2 { (4, 4) } else { (8, 4) }, 0));
        let taken = shown.map(|picture| pictures.show(&picture, Duration::ZERO)).collect::<Vec<_>>();
        assert!(taken[0] && !taken[99]);
        assert!(pictures.finish().unwrap_err().to_string().contains("from 4x4 to 8x4"));
    }

    #[test]
    fn who_wants_no_more_gets_none_and_that_is_no_failure() {
        struct Closed;
        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut pictures = Pictures::to(Closed).unwrap();
        let taken = (0..100).map(|frame| pictures.show(&picture(frame, (2, 2), 0), Duration::ZERO));
        assert!(!taken.collect::<Vec<_>>()[99]);
        assert!(pictures.finish().is_ok());
    }
}
