//! Clips: frames that a simulated server reads in place, as from flash.
use pinhole::codec::jpeg::{self, JpegInfo, TRACK};
use pinhole::frame::{Frame, FrameId, FrameStore, Miss, Seek, TrackId, TrackInfo};
use pinhole::sdp::{FrameRate, Track};
use pinhole::time::{Duration, Instant, MediaTime};
use pinhole_std::media::{Library, NormaliseOptions, PatternFormat, Playback};
use std::path::Path;
use thiserror::Error;

/// A clip: the frames of a Motion-JPEG medium in memory, changed as its [`NormaliseOptions`] say and ready to
/// be sent. As a [`FrameStore`], a clip is a recorded medium with one track, and ignores the [`TrackId`] that
/// is asked for. [`Clip::live`] returns a live source that repeats the clip.
#[derive(Clone, Debug)]
pub struct Clip {
    pictures: Vec<Picture>,
    frame_rate: FrameRate,
    duration: Duration,
}

#[derive(Clone, Debug)]
struct Picture {
    data: Box<[u8]>,
    info: JpegInfo,
    /// Time from the start of the clip.
    at: Duration,
    duration: Duration,
}

/// Why a clip cannot be made. Its `Display` form is a text for people to read.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{0}")]
pub struct NoClip(String);

impl NoClip {
    pub(crate) const fn new(why: String) -> Self {
        Self(why)
    }
}

impl Clip {
    /// Reads all frames of a file or a directory into memory. If a directory has several media, only the
    /// first one by name is taken. A frame that turns out to be damaged while it is read is left out.
    ///
    /// `frame_rate` is the frame rate of media that have no clock of their own. [`Self::track`] states
    /// `frame_rate` even if the medium has a clock.
    ///
    /// # Errors
    /// Returns [`NoClip`] if the headers show that any part of the file or directory cannot be served, or
    /// if no frame is found.
    pub fn open(path: &Path, frame_rate: FrameRate, normalising: NormaliseOptions) -> Result<Self, NoClip> {
        let mut library = Library::with(Playback { frame_rate, repeat: false }, normalising, 0);
        library.add_path(path);
        Self::of(&library, frame_rate)
    }

    /// Makes a clip of one loop of the test pattern. The loop lasts for up to 60 seconds. Blocks until all
    /// frames are drawn.
    ///
    /// # Errors
    /// Returns [`NoClip`] if a picture cannot be encoded.
    pub fn pattern(format: PatternFormat, normalising: NormaliseOptions) -> Result<Self, NoClip> {
        let mut library = Library::with(Playback::default(), normalising, 0);
        library.add_pattern("pattern", format);
        Self::of(&library, format.frame_rate())
    }

    fn of(library: &Library, frame_rate: FrameRate) -> Result<Self, NoClip> {
        if let Some(problem) = library.problems().first() {
            return Err(NoClip(problem.to_string()));
        }
        let frames = library.mounted().next().and_then(|mounted| mounted.frames).unwrap_or(0);
        let mut pictures = vec![];
        let mut duration = Duration::ZERO;
        for id in 0..frames {
            let Ok(frame) = library.load(TrackId::default(), FrameId(id)) else { continue };
            let Some(info) = JpegInfo::locate(frame.data) else { continue };
            let at = frame.media_time(TRACK.clock_rate).since(MediaTime::ZERO);
            let shown = Duration::from_ticks(u64::from(frame.duration), TRACK.clock_rate);
            duration = at + shown;
            pictures.push(Picture { data: frame.data.into(), info, at, duration: shown });
        }
        if pictures.is_empty() || duration == Duration::ZERO {
            return Err(NoClip("it has no frame that can be served".to_owned()));
        }
        Ok(Self { pictures, frame_rate, duration })
    }

    /// Returns the clip with only its first `frames` frames. If `frames` is 0, one frame stays. If the clip
    /// has no more than `frames` frames, all of them stay.
    #[must_use]
    pub fn first(mut self, frames: usize) -> Self {
        self.pictures.truncate(frames.max(1));
        self.duration = self.pictures.last().map_or(Duration::ZERO, |last| last.at + last.duration);
        self
    }

    /// Returns the state at `now` of a live source that repeats the clip for ever. The source shows its
    /// first frame at [`Instant::ZERO`], and keeps all frames. The returned value does not change as time
    /// passes: call this again for a later time.
    pub fn live(&self, now: Instant) -> Live<'_> {
        Live { clip: self, now: MediaTime::from_micros(now.as_micros()) }
    }

    /// Returns the number of frames of the clip, which is at least one.
    pub const fn frame_count(&self) -> usize {
        self.pictures.len()
    }

    /// Returns the time from the start of the first frame to the end of the last.
    pub const fn duration(&self) -> Duration {
        self.duration
    }

    /// Returns the length of the longest frame in bytes.
    pub fn longest(&self) -> usize {
        self.pictures.iter().map(|picture| picture.data.len()).max().unwrap_or(0)
    }

    /// Returns the length of all frames together in bytes.
    pub fn bytes(&self) -> usize {
        self.pictures.iter().map(|picture| picture.data.len()).sum()
    }

    /// Returns the description of the clip's track, for a session description. Its dimensions are those of
    /// the first frame.
    pub fn track(&self) -> Track<'static> {
        let dimensions = self.pictures.first().map(|first| (first.info.width, first.info.height));
        Track { info: TRACK, dimensions, frame_rate: Some(self.frame_rate) }
    }

    /// Returns the number of the frame that is shown at `time`, if the clip is repeated for ever from time
    /// 0. The numbers go on from round to round: in the second round, the first frame has the number
    /// [`Self::frame_count`].
    pub fn at(&self, time: MediaTime) -> FrameId {
        let micros = time.as_micros();
        let rounds = micros.checked_div(self.duration.as_micros()).unwrap_or(0);
        let into = Duration::from_micros(micros.checked_rem(self.duration.as_micros()).unwrap_or(0));
        let index = self.pictures.partition_point(|picture| picture.at <= into).saturating_sub(1);
        FrameId(rounds * self.pictures.len() as u64 + index as u64)
    }

    /// Returns the time at which frame `id` is shown, if the clip is repeated for ever from time 0. The
    /// numbers of frames go on from round to round.
    pub fn time_of(&self, id: FrameId) -> MediaTime {
        let count = self.pictures.len() as u64;
        let into = self.picture(id).map_or(Duration::ZERO, |picture| picture.at);
        MediaTime::ZERO + self.duration.scaled(id.0.checked_div(count).unwrap_or(0), 1) + into
    }

    /// Returns whether a received frame is frame `id` of the clip, if the clip is repeated for ever. The
    /// dimensions, the quantisation tables and every byte of the scan are compared. Other segments are not
    /// compared, because the receiver has written them itself. Returns false if `received` is no JPEG
    /// picture that RTP can carry as it is.
    pub fn matches(&self, id: FrameId, received: &Frame<'_>) -> bool {
        let Some(picture) = self.picture(id) else { return false };
        let Ok(read) = jpeg::inspect(received.data) else { return false };
        let essence = |info: &JpegInfo| (info.width, info.height, info.sampling, info.restart_interval);
        // What a packetizer finds is what is in it.
        Some(read.info) == JpegInfo::locate(received.data)
            && !read.needs_recode()
            && essence(&read.info) == essence(&picture.info)
            && parts(received.data, &read.info) == parts(&picture.data, &picture.info)
    }

    /// Returns a picture of the clip, repeated for ever.
    fn picture(&self, id: FrameId) -> Option<&Picture> {
        let index = id.0.checked_rem(self.pictures.len() as u64)?;
        self.pictures.get(index as usize)
    }

    /// Returns a frame of the clip, repeated for ever.
    pub(crate) fn repeated(&self, id: FrameId) -> Result<Frame<'_>, Miss> {
        let picture = self.picture(id).ok_or(Miss::End)?;
        let time = self.time_of(id).to_ticks(TRACK.clock_rate);
        Ok(Frame::intra(&picture.data, time, picture.duration.to_ticks(TRACK.clock_rate) as u32))
    }
}

/// Returns the tables and the scan, or `None` if `info` exceeds the data.
fn parts<'a>(data: &'a [u8], info: &JpegInfo) -> Option<[&'a [u8]; 3]> {
    let part = |at: u32, len: u32| data.get(at as usize..)?.get(..len as usize);
    Some([part(info.luma_table, 64)?, part(info.chroma_table, 64)?, part(info.scan, info.scan_len)?])
}

impl FrameStore for Clip {
    fn info(&self, _: TrackId) -> Option<TrackInfo<'_>> {
        Some(TRACK)
    }

    fn frame(&self, _: TrackId, id: FrameId) -> Result<Frame<'_>, Miss> {
        if id.0 < self.pictures.len() as u64 { self.repeated(id) } else { Err(Miss::End) }
    }

    fn seek(&self, _: TrackId, to: Seek) -> Result<FrameId, Miss> {
        let Seek::To(time) = to else { return Ok(FrameId(0)) };
        let at = time.since(MediaTime::ZERO);
        Ok(FrameId(self.pictures.partition_point(|picture| picture.at < at) as u64))
    }
}

/// A live source of frames at one moment, from [`Clip::live`]. As a [`FrameStore`], the source has all
/// frames up to the newest one at that moment. For a later frame, the source returns [`Miss::NotYet`].
/// Every seek leads to the newest frame.
#[derive(Clone, Copy, Debug)]
pub struct Live<'a> {
    clip: &'a Clip,
    now: MediaTime,
}

impl Live<'_> {
    /// Returns the number of the newest frame of the source.
    pub fn newest(&self) -> FrameId {
        self.clip.at(self.now)
    }

    /// Returns the time at which the source gets its next frame, on the clock of the time that was passed
    /// to [`Clip::live`].
    pub fn next_at(&self) -> Instant {
        Instant::from_micros(self.clip.time_of(self.newest().next()).as_micros())
    }
}

impl FrameStore for Live<'_> {
    fn info(&self, _: TrackId) -> Option<TrackInfo<'_>> {
        Some(TRACK)
    }

    fn frame(&self, _: TrackId, id: FrameId) -> Result<Frame<'_>, Miss> {
        if id > self.newest() { Err(Miss::NotYet) } else { self.clip.repeated(id) }
    }

    fn seek(&self, _: TrackId, _: Seek) -> Result<FrameId, Miss> {
        Ok(self.newest())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: FrameRate = FrameRate(25_000);
    const T: TrackId = TrackId { media: 0, track: 0 };

    fn pattern() -> Clip {
        let format = PatternFormat::new(32, 32, RATE).unwrap();
        Clip::pattern(format, NormaliseOptions::default()).unwrap().first(50)
    }

    #[test]
    fn recorded_clips_end_and_live_ones_go_on() {
        let clip = pattern();
        assert_eq!((clip.frame_count(), clip.duration()), (50, Duration::from_secs(2)));
        assert_eq!(clip.frame(T, FrameId(50)).unwrap_err(), Miss::End);
        let live = clip.live(Instant::from_micros(3_000_000));
        assert_eq!(live.newest(), FrameId(75));
        assert_eq!(live.frame(T, FrameId(75)).unwrap().time, 3 * 90_000);
        assert_eq!(live.frame(T, FrameId(76)).unwrap_err(), Miss::NotYet);
        assert_eq!(live.seek(T, Seek::Live), Ok(FrameId(75)));
        let later = clip.live(live.next_at());
        assert_eq!(later.newest(), FrameId(76));
    }

    #[test]
    fn times_and_frames_agree() {
        let clip = pattern();
        for id in [0, 1, 29, 49, 50, 51, 99, 100, 123_456_789].map(FrameId) {
            let time = clip.time_of(id);
            assert_eq!(clip.at(time), id);
            assert_eq!(clip.at(time + Duration::from_micros(39_999)), id);
            assert_eq!(clip.at(time + Duration::from_micros(40_000)), id.next());
        }
        assert_eq!(clip.seek(T, Seek::To(MediaTime::from_micros(40_001))), Ok(FrameId(2)));
        assert_eq!(clip.seek(T, Seek::To(clip.time_of(FrameId(7)))), Ok(FrameId(7)));
    }

    #[test]
    fn a_frame_matches_only_itself() {
        let clip = pattern();
        let frame = clip.frame(T, FrameId(3)).unwrap();
        assert!(clip.matches(FrameId(3), &frame) && clip.matches(FrameId(53), &frame));
        assert!(!clip.matches(FrameId(4), &frame));
        let info = JpegInfo::locate(frame.data).unwrap();
        let mut changed = frame.data.to_vec();
        changed[info.scan as usize + 5] ^= 1;
        assert!(!clip.matches(FrameId(3), &Frame { data: &changed, ..frame }));
    }

    #[test]
    fn errors_name_the_path() {
        let none =
            Clip::open(Path::new("there/is/none.mjpeg"), RATE, NormaliseOptions::default()).unwrap_err();
        assert!(none.to_string().contains("none.mjpeg"), "{none}");
    }
}
