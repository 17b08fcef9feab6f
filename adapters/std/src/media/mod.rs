//! What a server serves: files and directories on disk, and live inputs, each under a name.
mod cache;
mod file;
mod index;
mod live;
mod loans;
mod memory;
mod normalise;
#[cfg(feature = "pattern")]
mod pattern;
mod prepare;
mod problem;
mod recorded;
mod transcode;
mod wakers;

use crate::clock::Clock;
use cache::Cache;
use index::Index;
use live::Live;
#[cfg(feature = "pattern")]
use pattern::Pattern;
use pinhole::codec::jpeg::TRACK;
use pinhole::frame::{Frame, FrameId, FrameStore, Miss, Seek, TrackId, TrackInfo};
use pinhole::rtsp::Url;
use pinhole::sdp::{AddressType, FrameRate, Presentation, Track};
use pinhole::time::{Duration, Instant, MediaTime};
use recorded::{Recorded, Workshop};
use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::task::Waker;
use wakers::Wakers;

pub use live::{InputNews, InputTrouble};
pub use memory::default_cache;
pub use normalise::Normalising;
#[cfg(feature = "pattern")]
pub use pattern::{PatternFormat, PatternFormatError};
pub use prepare::{PrepareError, PrepareOptions, Prepared, Progress, prepare};
pub use problem::Problem;

/// Extensions of files that are looked into when a directory is given.
const MOTION_JPEG: [&str; 4] = ["mjpeg", "mjpg", "avi", "multipart"];
const STILL_JPEG: [&str; 2] = ["jpg", "jpeg"];

/// How media are played.
#[derive(Clone, Copy, Debug)]
pub struct Playback {
    /// The rate of media without a clock of their own.
    pub frame_rate: FrameRate,
    /// Recorded media start over when they end.
    pub repeat: bool,
}

impl Default for Playback {
    fn default() -> Self {
        Self { frame_rate: FrameRate(30_000), repeat: false }
    }
}

/// The media of a server: a [`FrameStore`] in which a medium's number is its place here.
#[derive(Debug)]
pub struct Library {
    media: Vec<Medium>,
    playback: Playback,
    normalising: Normalising,
    workshop: Workshop,
    clock: Clock,
    wakers: Wakers,
    /// All of the media are live, and over.
    over: bool,
    problems: Vec<Problem>,
    /// Tells one server's presentations from another's (RFC 4566, 5.2).
    session_id: u64,
}

#[derive(Debug)]
struct Medium {
    mount: String,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Recorded(Arc<Recorded>),
    Live(Box<Live>),
    #[cfg(feature = "pattern")]
    Pattern(Arc<Pattern>),
}

impl Kind {
    /// The same for another event loop.
    fn share(&self) -> Self {
        match self {
            Self::Recorded(recorded) => Self::Recorded(recorded.clone()),
            Self::Live(live) => Self::Live(Box::new(live.share())),
            #[cfg(feature = "pattern")]
            Self::Pattern(pattern) => Self::Pattern(pattern.clone()),
        }
    }
}

/// One medium, for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mounted<'a> {
    /// Its path in the URL, without the leading slash.
    pub mount: &'a str,
    /// Pixels across and down; `None` until a live input's first frame.
    pub size: Option<(u16, u16)>,
    /// How many frames it has, once through; `None` for a live input.
    pub frames: Option<u64>,
    /// How many of them are re-coded before they are sent, without loss.
    pub recoded: u64,
    /// How many of them are decoded and encoded anew before they are sent.
    pub transcoded: u64,
}

impl Library {
    /// An empty library, with frames normalised as is the default, and [`default_cache`].
    pub fn new(playback: Playback) -> Self {
        Self::with(playback, Normalising::default(), default_cache())
    }

    /// An empty library. All of its media together hold about `cache` bytes of frames that had to
    /// be re-coded, or were read from single files, and one frame at the least; besides those that
    /// are being sent from. Live inputs and test patterns have memory of their own.
    pub fn with(playback: Playback, normalising: Normalising, cache: usize) -> Self {
        let clock = Clock::start();
        Self {
            media: Vec::new(),
            playback,
            normalising,
            workshop: Workshop::new(Arc::new(Cache::new(cache)), normalising),
            clock,
            wakers: Wakers::default(),
            over: false,
            problems: Vec::new(),
            session_id: clock.now().ntp.0,
        }
    }

    /// Adds a file, a directory of files, or a directory of single pictures. What cannot be served
    /// is left out, and said in [`Self::problems`].
    ///
    /// Files are mapped, not copied: one that is cut short while it is served ends the process.
    pub fn add_path(&mut self, path: &Path) {
        if path.is_dir() {
            self.add_directory(path);
        } else {
            self.add_recorded(path, Index::of_file(path, self.normalising));
        }
    }

    /// Adds a live input: Motion-JPEG, read from `reader` on a thread of its own until it ends.
    pub fn add_live(&mut self, mount: &str, reader: impl Read + Send + 'static) {
        let (wakers, rate) = (self.wakers.clone(), self.playback.frame_rate);
        match Live::start(mount, reader, self.clock, wakers, rate, self.normalising) {
            Ok(live) => self.mount(Path::new(mount), mount.to_owned(), Kind::Live(Box::new(live))),
            Err(error) => self.problems.push(Problem::file(Path::new(mount), error)),
        }
    }

    /// Adds a moving test pattern that does not end, with a clock and the frame's number. Both
    /// count from zero again after some seconds, as the frames are a loop, which is made here: for
    /// large pictures that takes seconds, too.
    #[cfg(feature = "pattern")]
    pub fn add_pattern(&mut self, mount: &str, format: PatternFormat) {
        match Pattern::prepare(format, self.normalising) {
            Ok(pattern) => self.mount(Path::new(mount), mount.to_owned(), Kind::Pattern(Arc::new(pattern))),
            Err(error) => self.problems.push(Problem::file(Path::new(mount), error)),
        }
    }

    /// What could not be served, and why, in the order in which it was found.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// What is served.
    pub fn mounted(&self) -> impl Iterator<Item = Mounted<'_>> {
        self.media.iter().map(|medium| {
            let mount = medium.mount.as_str();
            let (size, frames, (recoded, transcoded)) = match &medium.kind {
                Kind::Recorded(recorded) => {
                    let index = recorded.index();
                    (recorded.size(), Some(index.frames()), index.to_change())
                }
                Kind::Live(live) => (live.size(), None, (0, 0)),
                #[cfg(feature = "pattern")]
                Kind::Pattern(pattern) => (Some(pattern.format().size()), Some(pattern.frames()), (0, 0)),
            };
            Mounted { mount, size, frames, recoded, transcoded }
        })
    }

    /// Bytes of frames that the cache holds. What is sent from a mapped file as it is, is not
    /// among them.
    pub fn cached(&self) -> usize {
        self.workshop.cache().bytes()
    }

    /// Nothing is served.
    pub const fn is_empty(&self) -> bool {
        self.media.is_empty()
    }

    pub(crate) fn find(&self, url: &Url<'_>) -> Option<u16> {
        let index = self.media.iter().position(|medium| url.path_is(&medium.mount))?;
        u16::try_from(index).ok()
    }

    pub(crate) fn mount_of(&self, media: u16) -> &str {
        self.medium(media).map_or("", |medium| &medium.mount)
    }

    pub(crate) fn is_live(&self, media: u16) -> bool {
        matches!(self.medium(media), Some(Medium { kind: Kind::Live(_), .. }))
    }

    /// Where a medium ends; `None` for one that does not.
    pub(crate) fn end(&self, media: u16) -> Option<MediaTime> {
        match &self.medium(media)?.kind {
            Kind::Recorded(recorded) if !self.playback.repeat => Some(MediaTime::ZERO + recorded.duration()),
            _ => None,
        }
    }

    /// Calls `describe` with the description of a medium, or with `None` if there is no such medium. The
    /// server fills in the address type.
    pub(crate) fn present<R>(&self, media: u16, describe: impl FnOnce(Option<Presentation<'_>>) -> R) -> R {
        let Some(medium) = self.medium(media) else { return describe(None) };
        let (size, frame_rate) = match &medium.kind {
            Kind::Recorded(recorded) => (recorded.size(), Some(recorded.clock().frame_rate())),
            Kind::Live(live) => (live.size(), None),
            #[cfg(feature = "pattern")]
            Kind::Pattern(pattern) => (Some(pattern.format().size()), Some(pattern.format().frame_rate())),
        };
        let tracks = [Track { info: TRACK, dimensions: size, frame_rate }];
        let duration = self.end(media).map(|end| end.since(MediaTime::ZERO));
        describe(Some(Presentation {
            name: &medium.mount,
            session_id: self.session_id.wrapping_add(u64::from(media)),
            version: 0,
            address_type: AddressType::Ip4,
            duration,
            tracks: &tracks,
        }))
    }

    pub(crate) const fn clock(&self) -> Clock {
        self.clock
    }

    /// The same media for another event loop: files, frames and live inputs are shared.
    pub(crate) fn share(&self) -> Self {
        let share = |medium: &Medium| Medium { mount: medium.mount.clone(), kind: medium.kind.share() };
        Self {
            media: self.media.iter().map(share).collect(),
            playback: self.playback,
            normalising: self.normalising,
            workshop: self.workshop.share(),
            clock: self.clock,
            wakers: self.wakers.clone(),
            over: false,
            problems: Vec::new(),
            session_id: self.session_id,
        }
    }

    /// Registers an event loop that live inputs wake by `waker`, and wakes it for what came before.
    pub(crate) fn wake_by(&self, waker: Waker) {
        waker.wake_by_ref();
        self.wakers.add(waker);
    }

    /// Takes what live inputs have received; returns whether that was anything.
    pub(crate) fn take_live(&mut self) -> bool {
        let mut any = false;
        for medium in &mut self.media {
            if let Kind::Live(live) = &mut medium.kind {
                any |= live.take();
            }
        }
        if any {
            self.over = self.media.iter().all(|m| matches!(&m.kind, Kind::Live(live) if live.is_over()));
        }
        any
    }

    /// A live medium of which something came when [`Self::take_live`] was called last.
    pub(crate) fn is_fresh(&self, media: u16) -> bool {
        matches!(self.medium(media), Some(Medium { kind: Kind::Live(live), .. }) if live.is_fresh())
    }

    /// What is to be said of live inputs, each with where it is mounted: what one event loop asks,
    /// no other is told.
    pub(crate) fn live_news(&self, now: Instant) -> impl Iterator<Item = (&str, InputNews)> {
        let live = self.media.iter().filter_map(|medium| match &medium.kind {
            Kind::Live(live) => Some((medium.mount.as_str(), live)),
            _ => None,
        });
        live.flat_map(move |(mount, live)| std::iter::from_fn(move || Some((mount, live.news(now)?))))
    }

    /// All that there was is over: live inputs, every one of them ended.
    pub(crate) const fn is_over(&self) -> bool {
        self.over
    }

    /// Gives back the frames that this event loop was sending from: the cache may let go of them.
    pub(crate) fn trim(&mut self) {
        self.workshop.clear();
    }

    fn medium(&self, media: u16) -> Option<&Medium> {
        self.media.get(usize::from(media))
    }

    fn add_directory(&mut self, path: &Path) {
        let files = match files_in(path) {
            Ok(files) => files,
            Err(error) => return self.problems.push(Problem::file(path, error)),
        };
        let motion = files.iter().filter(|file| extension_is(file, &MOTION_JPEG));
        let found = motion.inspect(|file| self.add_path(file)).count() > 0;
        let stills = stills_of(files);
        if !stills.is_empty() {
            self.add_recorded(path, Index::of_pictures(path, stills, self.normalising));
        } else if !found {
            self.problems.push(Problem::file(
                path,
                "the directory holds no .mjpeg, .mjpg, .avi, .multipart or .jpg files",
            ));
        }
    }

    fn add_recorded(&mut self, path: &Path, (index, problems): (Option<Index>, Vec<Problem>)) {
        self.problems.extend(problems);
        let Some(index) = index else { return };
        let recorded = Recorded::new(index, self.playback, &self.workshop);
        let name = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let stem = if path.is_dir() { name.file_name() } else { name.file_stem() };
        let mount = stem.unwrap_or(OsStr::new("video")).to_string_lossy().into_owned();
        self.mount(path, mount, Kind::Recorded(Arc::new(recorded)));
    }

    fn mount(&mut self, path: &Path, mount: String, kind: Kind) {
        if self.media.iter().any(|medium| medium.mount == mount) {
            let reason = format!("/{mount} is served already; rename one of the two");
            return self.problems.push(Problem::file(path, reason));
        }
        if self.media.len() > usize::from(u16::MAX) {
            return self.problems.push(Problem::file(path, "there are too many media"));
        }
        self.media.push(Medium { mount, kind });
    }
}

impl FrameStore for Library {
    fn info(&self, track: TrackId) -> Option<TrackInfo<'_>> {
        self.medium(track.media).map(|_| TRACK)
    }

    fn frame(&self, track: TrackId, id: FrameId) -> Result<Frame<'_>, Miss> {
        match &self.medium(track.media).ok_or(Miss::End)?.kind {
            Kind::Recorded(recorded) => recorded.frame(track.media, id, &self.workshop),
            Kind::Live(live) => live.window().frame(track, id),
            #[cfg(feature = "pattern")]
            Kind::Pattern(pattern) => pattern.frame(track, id),
        }
    }

    fn seek(&self, track: TrackId, to: Seek) -> Result<FrameId, Miss> {
        match &self.medium(track.media).ok_or(Miss::End)?.kind {
            Kind::Recorded(recorded) => Ok(recorded.seek(to)),
            Kind::Live(live) => live.window().seek(track, to),
            #[cfg(feature = "pattern")]
            Kind::Pattern(pattern) => pattern.seek(track, to),
        }
    }
}

/// A normalised picture as a frame of its track.
fn to_frame(data: &[u8], pts: MediaTime, duration: Duration) -> Frame<'_> {
    let duration = u32::try_from(duration.to_ticks(TRACK.clock_rate)).unwrap_or(u32::MAX);
    Frame::intra(data, pts.to_ticks(TRACK.clock_rate), duration)
}

/// What is in a directory, in the order of its names.
fn files_in(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(directory)?.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.sort();
    Ok(files)
}

fn stills_of(mut files: Vec<PathBuf>) -> Vec<PathBuf> {
    files.retain(|file| extension_is(file, &STILL_JPEG));
    files
}

fn extension_is(path: &Path, extensions: &[&str]) -> bool {
    let extension = path.extension().and_then(OsStr::to_str).unwrap_or_default();
    extensions.iter().any(|known| extension.eq_ignore_ascii_case(known))
}
