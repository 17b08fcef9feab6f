//! The media of a server, each under a name.
mod adding;
mod changing;
mod described;
mod directories;
mod losses;
mod sources;
#[cfg(test)]
mod tests;
mod watched;

#[cfg(all(feature = "v4l2", target_os = "linux"))]
use super::camera::{Camera, CameraOptions};
use super::directory_content::DirectoryContent;
#[cfg(feature = "http")]
use super::held::HeldFrame;
use super::live::{InputEvent, Live};
use super::medium::Medium;
use super::memory::default_cache;
use super::normalise::NormaliseOptions;
#[cfg(feature = "pattern")]
use super::pattern::{Pattern, PatternFormat};
use super::problem::Problem;
#[cfg(feature = "pull")]
use super::pull::Pullers;
#[cfg(feature = "metrics")]
use super::recorded::LoadingMeter;
use super::recorded::{Disk, FileId, Files, Indexing, LoopFrames};
use super::waiting::wait_for;
use super::wakers::Wakers;
use crate::clock::Clock;
use pinhole::frame::{Frame, FrameId, FrameStore, Miss, Seek, TrackId, TrackInfo};
use pinhole::rtp::Want;
use pinhole::rtsp::Url;
use pinhole::sdp::{AddressType, FrameRate, Presentation, Track};
use pinhole::time::{Instant, MediaTime};
use std::collections::HashMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;
use watched::Watched;

#[cfg(feature = "metrics")]
pub(crate) use changing::MediaNames;
#[cfg(feature = "server")]
pub(crate) use changing::PublishedMedia;
pub use described::{Ignored, Mounted};
pub use directories::{Directory, DirectoryChanges};
pub use losses::Losses;

/// So long nothing may be read of a file or directory that is added. A disk that rests needs a third of it.
const PATIENCE: Duration = Duration::from_secs(30);

/// How a [`Library`] plays recorded media. The default is 30 frames per second for media that have no clock,
/// and no repetition.
#[derive(Clone, Copy, Debug)]
pub struct Playback {
    /// The frame rate of recorded media that have no clock of their own. AVI, Matroska, MP4 and QuickTime files
    /// have one. A rate of 0 counts as 0.001 frames per second.
    pub frame_rate: FrameRate,
    /// Is true if recorded media start over when they end. If so, they never end, and are described to
    /// clients without a duration. If false, they end after their last frame.
    pub repeat: bool,
}

impl Default for Playback {
    fn default() -> Self {
        Self { frame_rate: FrameRate(30_000), repeat: false }
    }
}

/// The media of a server: files, directories, live inputs and test patterns. Add all media, look at
/// [`Self::problems`], and pass the library to [`Server::bind`](crate::server::Server::bind).
///
/// As a [`FrameStore`], a library numbers its media by [`TrackId::media`], from 0, in the order in which they
/// were added. Each medium has one track, number 0. If a frame of a recorded medium has to be read or
/// re-coded before it can be sent, [`FrameStore::frame`] returns [`Miss::NotYet`] until the frame is loaded.
/// A [`Server`](crate::server::Server) has threads that load frames. Without a server, call [`Self::load`].
#[derive(Debug)]
pub struct Library {
    /// `None` is what was removed: the numbers of others stay.
    media: Vec<(String, Option<Medium>)>,
    files: Arc<dyn Files>,
    /// Whether a medium whose path is taken gets another one.
    renames: bool,
    /// The files that were added, by what tells them apart, so that none is there twice.
    added: HashMap<FileId, PathBuf>,
    /// How long a disk may do nothing while a file is added.
    patience: Duration,
    playback: Playback,
    normalising: NormaliseOptions,
    loaded: LoopFrames,
    clock: Clock,
    wakers: Wakers,
    /// Which sources each connection plays.
    watched: Watched,
    /// What pulls the sources.
    #[cfg(feature = "pull")]
    pullers: Pullers,
    /// Whether all media are live inputs that have ended.
    over: bool,
    problems: Vec<Problem>,
    ignored: Vec<Ignored>,
    /// The first of the session ids of this server's presentations (RFC 4566, 5.2).
    session_id: u64,
}

impl Library {
    /// Creates an empty library that plays recorded media as `playback` says, and normalises frames in the
    /// default way. The cache of the library has [`default_cache`] bytes. To choose the normalisation and the
    /// size of the cache, use [`Self::with`].
    pub fn new(playback: Playback) -> Self {
        Self::with(playback, NormaliseOptions::default(), default_cache())
    }

    /// Creates an empty library that plays recorded media as `playback` says, and normalises frames as
    /// `normalising` says.
    ///
    /// `cache` is the number of bytes for frames of recorded media. All media together hold about that many
    /// bytes of frames, and at least one frame, even if `cache` is 0. Frames that are being sent, live inputs
    /// and test patterns take memory in addition to the cache.
    pub fn with(playback: Playback, normalising: NormaliseOptions, cache: usize) -> Self {
        let clock = Clock::start();
        Self {
            media: Vec::new(),
            files: Arc::new(Disk::default()),
            renames: false,
            added: HashMap::new(),
            patience: PATIENCE,
            playback,
            normalising,
            loaded: LoopFrames::new(cache, normalising),
            clock,
            wakers: Wakers::default(),
            watched: Watched::default(),
            #[cfg(feature = "pull")]
            pullers: Pullers::new(clock),
            over: false,
            problems: Vec::new(),
            ignored: Vec::new(),
            // Some clients read it as a signed number of 64 bits.
            session_id: clock.now().ntp.0 >> 1,
        }
    }

    /// Creates an empty library whose files are `files`, and whose loaders are no threads.
    #[cfg(any(feature = "simulation", all(test, feature = "server", feature = "transcode")))]
    pub(super) fn over(
        files: Arc<dyn Files>,
        playback: Playback,
        normalising: NormaliseOptions,
        cache: usize,
    ) -> Self {
        let loaded = LoopFrames::by_hand(cache, normalising);
        let mut library = Self::with(playback, normalising, cache);
        // A simulated disk never hangs, and a thread would make runs differ.
        (library.files, library.loaded, library.patience) = (files, loaded, Duration::MAX);
        library
    }

    /// Returns what its event loop has of the frames of recorded media.
    #[cfg(any(feature = "simulation", all(test, feature = "server", feature = "transcode")))]
    pub(super) const fn loaded(&self) -> &LoopFrames {
        &self.loaded
    }

    /// From now on, serves a medium whose path is taken under another one: the whole name of its file, and if that is
    /// taken, too, the name with a number. Without this, such a medium is left out.
    pub const fn rename_media(&mut self) {
        self.renames = true;
    }

    /// Sets how recorded media are played that are added from now on, and at which rate the frames of live inputs come.
    pub const fn set_playback(&mut self, playback: Playback) {
        self.playback = playback;
    }

    /// Sets how the frames of media are normalised that are added from now on.
    pub const fn set_normalising(&mut self, normalising: NormaliseOptions) {
        self.normalising = normalising;
    }

    /// Adds a file or a directory, and reads the headers of all frames before it returns. This takes long for
    /// large files; [`Self::add_path_with`] tells how far it is. Files and frames that cannot be served are left
    /// out, and added to [`Self::problems`]. Of up to 256 frames, the first ones are read in full until one can be
    /// served.
    ///
    /// A file becomes one medium, whatever its ending. The path in its URL is the file's name without the
    /// ending.
    ///
    /// In a directory, each file with the ending `.mjpeg`, `.mjpg`, `.avi`, `.mkv`, `.mov`, `.mp4` or
    /// `.multipart` becomes a medium. All `.jpg` and `.jpeg` pictures together become one medium: its path is the
    /// directory's name, and its frames are in the natural order of the file names: `frame2.jpg` comes before
    /// `frame10.jpg`. Other files, hidden ones and subdirectories are ignored, and added to [`Self::ignored`]. If a medium with the same path, or the same file, is there already,
    /// the second one is left out. What is no regular file is left out, too.
    ///
    /// If most of a file is no video, only its first part is searched: 1 GiB, and eight times the length of
    /// the frames that are found. The rest is left out, and added to [`Self::problems`].
    ///
    /// If nothing can be read for 30 seconds, the disk hangs: the file is left out, and so are the files of its
    /// directory that come after it.
    ///
    /// Files are read while they are served, and may be changed or lost meanwhile. Frames that cannot be read
    /// are passed over. If 16 frames one after the other cannot be read, or no frame of the medium can be sent,
    /// sessions that play the medium end. The file is tried again after 10 seconds. What was wrong goes to the
    /// log.
    pub fn add_path(&mut self, path: &Path) {
        self.add_path_with(path, None, |_| ());
    }

    /// Does what [`Self::add_path`] does, and calls `watch` up to four times a second for each file, and
    /// for each picture of a directory.
    ///
    /// `name` is the path in the URL of a file, or of the pictures of a directory, without the leading slash. It comes
    /// before the names of the other files of a directory, with a slash after it. With `None`, the name of the file or
    /// directory is the path.
    ///
    /// Returns what [`Self::update_directory`] needs to have the media follow what the directory holds; `None` if the path
    /// is no directory, or cannot be read.
    pub fn add_path_with(
        &mut self,
        path: &Path,
        name: Option<&str>,
        mut watch: impl FnMut(Indexing<'_>),
    ) -> Option<Directory> {
        let content = {
            let path = path.to_owned();
            wait_for(self.patience, &mut watch, move |_| path.is_dir().then(|| DirectoryContent::read(&path)))
        };
        match content {
            Ok(Some(Ok(content))) => return Some(self.add_directory(path, name, &content, &mut watch)),
            // What is wrong with it is told.
            Ok(None) => drop(self.add_file(path, name.map(str::to_owned), None, &mut watch)),
            Ok(Some(Err(error))) | Err(error) => self.problems.push(Problem::file(path, error)),
        }
        None
    }

    /// Adds a live input of Motion-JPEG. From now on, a thread of its own reads `reader` until `reader` ends.
    /// `mount` is the path in the input's URL, without the leading slash. `reader` must block until there are
    /// bytes: any error but [`Interrupted`](std::io::ErrorKind::Interrupted) ends the input.
    ///
    /// If `mount` is taken, or if the system refuses a thread, the input is not served, and the reason is
    /// added to [`Self::problems`].
    pub fn add_live(&mut self, mount: &str, reader: impl Read + Send + 'static) {
        let (wakers, rate) = (self.wakers.clone(), self.playback.frame_rate);
        match Live::start(mount, reader, self.clock, wakers, rate, self.normalising) {
            Ok(live) => drop(self.mount(Path::new(mount), mount.to_owned(), Medium::Live(Box::new(live)))),
            Err(error) => self.problems.push(Problem::file(Path::new(mount), error)),
        }
    }

    /// Adds a camera of this machine, such as `/dev/video0`, as a live input. The camera must give Motion-JPEG, and
    /// is started as `options` say before this returns. `mount` is the path in the input's URL, without the leading
    /// slash.
    ///
    /// If there is no such camera, or it gives no Motion-JPEG or not the size, it is not served. The reason is added
    /// to [`Self::problems`], with all formats and sizes that the camera gives.
    #[cfg(all(feature = "v4l2", target_os = "linux"))]
    pub fn add_camera(&mut self, mount: &str, path: &Path, options: CameraOptions) {
        match Camera::start(path, options) {
            Ok(camera) => self.add_live(mount, camera),
            Err(error) => self.problems.push(Problem::file(path, error)),
        }
    }

    /// Adds a test pattern: a moving picture without end, which shows a clock and the number of the frame.
    /// `mount` is the path in the pattern's URL, without the leading slash. The frames are a loop of at most
    /// 60 seconds, after which the clock and the number start over.
    ///
    /// The loop is made in this call, which blocks for that time: for seconds if the pictures are large. If
    /// `mount` is taken, or if a picture cannot be encoded, the pattern is not served, and the reason is
    /// added to [`Self::problems`].
    #[cfg(feature = "pattern")]
    pub fn add_pattern(&mut self, mount: &str, format: PatternFormat) {
        match Pattern::prepare(format, self.normalising) {
            Ok(pattern) => {
                drop(self.mount(Path::new(mount), mount.to_owned(), Medium::Pattern(Arc::new(pattern))));
            }
            Err(error) => self.problems.push(Problem::file(Path::new(mount), error)),
        }
    }

    /// Returns what could not be served, and why, in the order in which the problems were found. Empty if
    /// everything is served. For each file, and for the pictures of each directory, only the first eight
    /// problems are kept. If there were more, a ninth problem says how many more there were.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// Returns what of each directory is not served because of what it is, if there is any such thing.
    pub fn ignored(&self) -> &[Ignored] {
        &self.ignored
    }

    /// Returns a description of each medium, in the order in which they were added.
    pub fn mounted(&self) -> impl Iterator<Item = Mounted<'_>> {
        self.all().map(|(_, mount, medium)| Mounted::of(mount, medium))
    }

    /// Returns what tells how many frames of a medium are lost; `None` if no recorded medium has this path.
    pub fn losses(&self, mount: &str) -> Option<Losses> {
        let (_, _, medium) = self.all().find(|(_, other, _)| *other == mount)?;
        match medium {
            Medium::Recorded(recorded) => Some(Losses(recorded.clone())),
            _ => None,
        }
    }

    /// Loads a frame of a recorded medium on this thread, and returns it. Blocks. Use this in programs that
    /// read a library without a [`Server`](crate::server::Server). A server does not need it, because it has
    /// threads that load frames.
    ///
    /// The frame stays in memory for as long as the library exists, whatever the size of the cache.
    ///
    /// # Errors
    /// - [`Miss::NotYet`] if a live input has not come that far: try again later.
    /// - [`Miss::Overrun`] if a live input no longer has the frame: go on at the newest frame, which the
    ///   error names.
    /// - [`Miss::Unusable`] if the frame cannot be read or sent: skip it.
    /// - [`Miss::End`] after the last frame, if no frame of the medium can be had, and if there is no such
    ///   track.
    pub fn load(&self, track: TrackId, id: FrameId) -> Result<Frame<'_>, Miss> {
        if let Some(Medium::Recorded(recorded)) = self.medium(track.media) {
            self.loaded.load(recorded, track, id, self.normalising);
        }
        self.frame(track, id)
    }

    /// Sets how many of the files that are added from now on stay open, so that their frames are read even after
    /// somebody has deleted or replaced the file. Further files are opened for each read. Without this call, all
    /// files stay open.
    pub fn keep_open(&mut self, files: usize) {
        self.files = Arc::new(Disk::keeping_open(files));
    }

    /// Returns how many bytes of frames the cache holds now.
    pub fn cached(&self) -> usize {
        self.loaded.cached_bytes()
    }

    /// Returns what tells how the loaders and the cache do.
    #[cfg(feature = "metrics")]
    pub(crate) fn loading(&self) -> LoadingMeter {
        self.loaded.meter()
    }

    /// Returns true if the library has no media: either nothing was added, or nothing that was added can be
    /// served (see [`Self::problems`]).
    pub fn is_empty(&self) -> bool {
        self.all().next().is_none()
    }

    /// Returns the numbers of all media.
    #[cfg(feature = "http")]
    pub(crate) fn numbers(&self) -> impl Iterator<Item = u16> {
        self.all().map(|(media, _, _)| media)
    }

    /// Returns a description of one medium, and the rate at which its frames are shown, on average.
    #[cfg(feature = "http")]
    pub(crate) fn about(&self, media: u16) -> Option<(Mounted<'_>, Option<FrameRate>)> {
        let medium = self.medium(media)?;
        Some((Mounted::of(self.mount_of(media), medium), medium.mean_rate()))
    }

    /// Returns how long a frame of a medium is shown, on average.
    #[cfg(feature = "http")]
    pub(crate) fn interval(&self, media: u16) -> pinhole::time::Duration {
        let rate = self.medium(media).and_then(Medium::mean_rate).unwrap_or(self.playback.frame_rate);
        pinhole::media::FrameClock::from(rate).interval()
    }

    /// Returns a frame that stays in memory for as long as it is held, beyond the turn.
    ///
    /// # Errors
    /// As [`FrameStore::frame`].
    #[cfg(feature = "http")]
    pub(crate) fn hold(&self, track: TrackId, id: FrameId) -> Result<HeldFrame, Miss> {
        self.medium(track.media).ok_or(Miss::End)?.hold(track, id, &self.loaded)
    }

    /// Returns the number of the medium that a URL names. Where there is only one, a URL without a path names it,
    /// too.
    pub(crate) fn find(&self, url: &Url<'_>) -> Option<u16> {
        let named = self.all().find(|(_, mount, _)| url.path_is(mount)).map(|(media, _, _)| media);
        named.or_else(|| {
            let mut all = self.all().map(|(media, _, _)| media);
            all.next().filter(|_| all.next().is_none() && url.path_is(""))
        })
    }

    /// Returns the paths of all media, without the leading slash.
    #[cfg(feature = "server")]
    pub(crate) fn mounts(&self) -> impl Iterator<Item = &str> {
        self.all().map(|(_, mount, _)| mount)
    }

    pub(crate) fn mount_of(&self, media: u16) -> &str {
        self.media.get(usize::from(media)).map_or("", |(mount, _)| mount)
    }

    pub(crate) fn is_live(&self, media: u16) -> bool {
        matches!(self.medium(media), Some(Medium::Live(_)))
    }

    /// Returns where a medium ends; `None` if it does not.
    pub(crate) fn end(&self, media: u16) -> Option<MediaTime> {
        match self.medium(media)? {
            Medium::Recorded(recorded) if !recorded.repeats() => Some(MediaTime::ZERO + recorded.duration()),
            _ => None,
        }
    }

    /// Returns how many bits a second a medium takes on the network at its own speed, about: headers are a
    /// twentieth.
    pub(crate) fn bitrate(&self, media: u16) -> u64 {
        let frames = self.medium(media).map_or(0, Medium::bitrate);
        frames.saturating_add(frames / 20)
    }

    /// Returns whether a medium has a track.
    pub(crate) fn has_track(&self, media: u16, track: u8) -> bool {
        self.info(TrackId { media, track }).is_some()
    }

    /// Calls `describe` with the description of a medium, or with `None` if there is no such medium. The
    /// server fills in the address type.
    pub(crate) fn present<R>(&self, media: u16, describe: impl FnOnce(Option<Presentation<'_>>) -> R) -> R {
        let Some(medium) = self.medium(media) else { return describe(None) };
        let tracks: Vec<_> = (0..=u8::MAX)
            .map_while(|track| medium.info(TrackId { media, track }))
            .map(|info| Track { info, dimensions: medium.size(), frame_rate: medium.frame_rate() })
            .collect();
        let duration = self.end(media).map(|end| end.since(MediaTime::ZERO));
        describe(Some(Presentation {
            name: self.mount_of(media),
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

    /// Returns the same media for another event loop. Files, frames and live inputs are shared.
    pub(crate) fn share(&self) -> Self {
        Self {
            media: self.shared_media(),
            files: self.files.clone(),
            renames: self.renames,
            added: HashMap::new(),
            patience: self.patience,
            playback: self.playback,
            normalising: self.normalising,
            loaded: self.loaded.share(),
            clock: self.clock,
            wakers: self.wakers.clone(),
            watched: Watched::default(),
            #[cfg(feature = "pull")]
            pullers: self.pullers.clone(),
            over: false,
            problems: Vec::new(),
            ignored: Vec::new(),
            session_id: self.session_id,
        }
    }

    /// Makes this an event loop's library: live inputs and loaders wake the loop by `waker` when they have
    /// something for it. Wakes it once for what came before.
    pub(crate) fn wake_by(&mut self, waker: Waker) {
        waker.wake_by_ref();
        self.loaded.wake_by(waker.clone());
        self.wakers.add(waker);
    }

    /// Takes what live inputs have received. Returns whether there was anything.
    pub(crate) fn take_live(&mut self) -> bool {
        let mut any = false;
        for (_, medium) in &mut self.media {
            if let Some(Medium::Live(live)) = medium {
                any |= live.take();
            }
        }
        if any {
            let over = self.all().all(|(_, _, m)| matches!(m, Medium::Live(live) if live.is_over()));
            self.over = over;
        }
        any
    }

    /// Returns whether the last [`Self::take_live`] took anything of this medium.
    pub(crate) fn is_fresh(&self, media: u16) -> bool {
        matches!(self.medium(media), Some(Medium::Live(live)) if live.is_fresh())
    }

    /// Takes the events of live inputs, each with the path of its input. An event is returned to only one
    /// of the event loops.
    pub(crate) fn live_events(&self, now: Instant) -> impl Iterator<Item = (&str, InputEvent)> {
        let live = self.all().filter_map(|(_, mount, medium)| match medium {
            Medium::Live(live) if live.is_fresh() => Some((mount, live)),
            _ => None,
        });
        live.flat_map(move |(mount, live)| std::iter::from_fn(move || Some((mount, live.next_event(now)?))))
    }

    /// Returns whether all media are live inputs that have ended.
    pub(crate) const fn is_over(&self) -> bool {
        self.over
    }

    /// Ends the turn of connection `peer`: tells the loaders which frame each of its streams reads next,
    /// and gives back the frames that were borrowed in the turn.
    pub(crate) fn end_turn(&mut self, now: Instant, peer: usize, wanted: impl Iterator<Item = Want>) {
        let mut streams = 0;
        let mut watched = self.watched.begin();
        for (stream, want) in (0_u8..).zip(wanted) {
            let media = want.track.media;
            if self.demand(media).is_some() {
                watched.push(media);
            }
            if let Some((_, Some(Medium::Recorded(recorded)))) = self.media.get(usize::from(want.track.media))
            {
                self.loaded.request(now, peer, stream, recorded, want);
            }
            streams = stream.saturating_add(1);
        }
        self.watch(now, peer, watched);
        self.loaded.forget(peer, streams);
        self.loaded.end_turn();
    }

    /// Takes the media of which no frame can be had any more, as whose turn it is has found out, and why.
    pub(crate) fn take_failed(&self) -> Vec<(u16, Problem)> {
        self.loaded.take_failed()
    }

    /// Takes the connections that waited for a frame which is loaded now. They can go on.
    pub(crate) fn take_served(&mut self) -> Vec<usize> {
        self.loaded.take_served()
    }

    fn medium(&self, media: u16) -> Option<&Medium> {
        self.media.get(usize::from(media))?.1.as_ref()
    }

    /// Returns all media with their numbers and paths.
    fn all(&self) -> impl Iterator<Item = (u16, &str, &Medium)> {
        let all = (0..=u16::MAX).zip(&self.media);
        all.filter_map(|(media, (mount, medium))| Some((media, mount.as_str(), medium.as_ref()?)))
    }
}

impl Drop for Library {
    /// Closes the files on another thread, for which nobody waits: a disk may hang then, too.
    fn drop(&mut self) {
        changing::close(std::mem::take(&mut self.media));
    }
}

impl FrameStore for Library {
    fn info(&self, track: TrackId) -> Option<TrackInfo<'_>> {
        self.medium(track.media)?.info(track)
    }

    fn frame(&self, track: TrackId, id: FrameId) -> Result<Frame<'_>, Miss> {
        self.medium(track.media).ok_or(Miss::End)?.frame(track, id, &self.loaded)
    }

    fn seek(&self, track: TrackId, to: Seek) -> Result<FrameId, Miss> {
        self.medium(track.media).ok_or(Miss::End)?.seek(track, to)
    }

    fn time(&self, track: TrackId, id: FrameId) -> Result<u64, Miss> {
        self.medium(track.media).ok_or(Miss::End)?.time(track, id)
    }
}
