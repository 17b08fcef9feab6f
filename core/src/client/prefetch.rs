//! [`Prefetch`]: how far ahead of its viewer a recorded medium is fetched.
use super::conn::MAX_TRACKS;
use super::event::Event;
use super::intake::{Intake, Shift};
use super::play::PlayOptions;
use super::track_fetch::{Fill, TrackFetch};
use crate::frame::{FrameId, Seek};
use crate::frame::{FrameRing, Slot};
use crate::rtsp::{Method, Position, Range, Scale, Speed, Status};
use crate::time::{Duration, MediaTime};

/// Tracks that end within this of each other are fetched together.
const TOGETHER: Duration = Duration::from_secs(1);

/// How much of a ring is to be ahead of the viewer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct PrefetchOptions {
    /// PAUSE is sent when the frames ahead take this many percent of the ring's bytes or slots.
    pub high: u8,
    /// PLAY is sent again when the frames ahead take this many percent or fewer.
    pub low: u8,
    /// How much faster than it is shown the medium is to come, where the server allows it.
    pub speed: Speed,
}

impl Default for PrefetchOptions {
    /// Between a half and three quarters, at twice the rate.
    fn default() -> Self {
        Self { high: 75, low: 50, speed: Speed::from_thousandths(2_000).unwrap_or_default() }
    }
}

/// What the caller of [`Prefetch::poll`] is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum PrefetchAction {
    /// Call [`super::ClientConn::pause`].
    Pause,
    /// Call [`super::ClientConn::play_with`] with these options.
    Play(PlayOptions),
    /// Do nothing, but know that all frames that will come are in the rings. For media that are fetched
    /// ahead, this takes the place of [`Event::Ended`].
    Ended,
}

/// Decides what one presentation's server is asked for, so that the [`FrameRing`] of each watched track
/// is filled ahead of the viewer, and no frame is evicted that is still to be seen.
///
/// It governs recorded media that are played at scale 1. When the frames ahead take
/// [`PrefetchOptions::high`] of the ring of any watched track, the server is paused. When they are
/// down to [`PrefetchOptions::low`], it plays again from the earliest place that is missing (RFC 2326,
/// 10.5 and 10.6). Because PAUSE takes its time, frames can come for which there is no room. Such a
/// frame is not stored, nor are those of its track after it, so that no hole is left; they come again
/// later. Frames that come again although they are in the ring are not stored either.
///
/// All else is a window of time: the oldest frames make room for the newest. So is a track that nobody
/// watches. At first, only track 0 is watched.
///
/// The order of calls, in each turn of the caller's loop: frames go into [`Self::sink`]; each event of
/// the connection is passed to [`Self::on_event`]; then [`Self::poll`] is called until it returns
/// `None`. What the caller itself asks of the connection goes through [`Self::play`] and
/// [`Self::hold`]. The rings are those of the presentation's tracks, in their order, in all calls.
#[derive(Clone, Debug)]
pub struct Prefetch {
    /// `None`: all media are a window of time.
    options: Option<PrefetchOptions>,
    phase: Phase,
    tracks: [TrackFetch; MAX_TRACKS],
    shift: Shift,
    /// Where the medium ends; `None` if it is live, or that is not known.
    end: Option<MediaTime>,
    scale: Scale,
    /// Whether the server has refused PAUSE.
    never_pauses: bool,
}

/// A watched track, in comparison with the others.
#[derive(Clone, Copy, Debug)]
struct Need {
    track: usize,
    fill: Fill,
    /// Where its frames begin that have not come; `None` if that is not known.
    place: Option<MediaTime>,
    /// Whether the server has passed that place, or is to go there.
    missing: bool,
    /// Whether nothing has come of it for long, though nothing is missing.
    silent: bool,
    /// Whether all of it has come.
    done: bool,
    /// Whether nothing of it is missing, and the server has come to the end of the medium.
    at_end: bool,
}

/// The watched tracks of a presentation.
type Needs = heapless::Vec<Need, MAX_TRACKS>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Frames come.
    Fetching,
    /// PAUSE was asked for.
    Pausing,
    /// The server is paused, or there is none yet.
    Held,
    /// PLAY was asked for, by the caller or by [`Prefetch::poll`].
    Asked { by_caller: bool },
    /// The caller has paused the server.
    Stopped,
    /// The server has said that no more frames come; `surely` if there cannot be any.
    Ending { surely: bool },
    /// The last frame has come.
    Over,
}

impl Prefetch {
    /// Creates a prefetch. With `None`, all media are a window of time, whatever they are.
    pub const fn new(options: Option<PrefetchOptions>) -> Self {
        let mut tracks = [TrackFetch::UNWATCHED; MAX_TRACKS];
        let [first, ..] = &mut tracks;
        first.playhead = Some(FrameId(0));
        Self {
            options,
            phase: Phase::Held,
            tracks,
            shift: Shift::NONE,
            end: None,
            scale: Scale::NORMAL,
            never_pauses: false,
        }
    }

    /// Says that the viewer needs frame `id` of a track and those after it: none of these is evicted
    /// from now on, and more are fetched as there is room.
    ///
    /// That is the frame to be read next. With the frame that is being shown, a ring that holds only
    /// one frame would wait for ever.
    pub fn watch_from(&mut self, track: u8, id: FrameId) {
        if let Some(fetch) = self.tracks.get_mut(usize::from(track)) {
            fetch.playhead = Some(id);
        }
    }

    /// Says that the viewer goes on with the next frames to be stored, of all watched tracks.
    pub fn watch_newest<S, B>(&mut self, rings: &[FrameRing<S, B>])
    where
        S: AsRef<[Slot]> + AsMut<[Slot]>,
        B: AsRef<[u8]> + AsMut<[u8]>,
    {
        self.seek(Seek::Live, rings);
    }

    /// Says that nobody watches a track: its oldest frames make room for the newest, and it does not
    /// decide when the server plays.
    pub fn unwatch(&mut self, track: u8) {
        if let Some(fetch) = self.tracks.get_mut(usize::from(track)) {
            fetch.playhead = None;
        }
    }

    /// Returns the sink for the frames of the presentation, which go to the rings of their tracks.
    pub fn sink<'a, S, B>(&'a mut self, rings: &'a mut [FrameRing<S, B>]) -> Intake<'a, S, B>
    where
        S: AsRef<[Slot]> + AsMut<[Slot]>,
        B: AsRef<[u8]> + AsMut<[u8]>,
    {
        let (kept, unanswered) = (self.governs(), self.is_asking());
        for (fetch, ring) in self.tracks.iter().zip(rings.iter_mut()) {
            ring.keep_from(fetch.playhead.filter(|_| kept).unwrap_or(FrameId(u64::MAX)));
        }
        Intake { tracks: &mut self.tracks, rings, shift: &mut self.shift, kept, unanswered }
    }

    /// Returns what the caller is to ask the connection for if it wants `options`: without a place,
    /// frames that came and were not stored are fetched first. With a place, the viewer is taken to go
    /// there: the next frame that it needs of each watched track is the next one to be stored.
    pub fn play<S, B>(&mut self, options: PlayOptions, rings: &[FrameRing<S, B>]) -> PlayOptions
    where
        S: AsRef<[Slot]> + AsMut<[Slot]>,
        B: AsRef<[u8]> + AsMut<[u8]>,
    {
        let needs = self.needs(rings);
        let from = match options.from {
            // The connection may not know that there is no more.
            None if self.governs() && self.phase == Phase::Over => Some(Seek::To(MediaTime::ZERO)),
            from => from,
        };
        let from = match from {
            Some(place) => {
                self.seek(place, rings);
                from
            }
            None if self.goes_on(&needs) => {
                let at = needs.iter().filter_map(|need| need.place).min();
                if let Some(at) = at {
                    self.resume(at, &needs, rings);
                }
                at.map(Seek::To)
            }
            None => None,
        };
        self.phase = Phase::Asked { by_caller: true };
        self.paced(PlayOptions { from, ..options })
    }

    /// Says that the caller pauses the server, until [`Self::play`].
    pub const fn hold(&mut self) {
        self.phase = Phase::Stopped;
    }

    /// Says that the connection is lost. What [`Self::play`] returns next is for another connection:
    /// without a place, the medium goes on after the newest frames, or from the place that was asked
    /// for last.
    pub fn disconnected(&mut self) {
        let over = self.phase == Phase::Over;
        if self.end.is_some() && self.scale == Scale::NORMAL && !over {
            self.phase = Phase::Held;
            for fetch in self.tracks.iter_mut().filter(|fetch| fetch.is_watched()) {
                fetch.gate.shut();
            }
        }
    }

    /// Moves the times of all frames to come, so that the next one of any track is shown at `at`: a live
    /// medium goes on although its source has begun a time of its own.
    pub const fn go_on_at(&mut self, at: MediaTime) {
        self.shift.go_on_at(at);
    }

    /// Takes note of an event. Returns whether it concerns the caller as well: `false` for the response
    /// to what [`Self::poll`] asked for, and for an end that [`PrefetchAction::Ended`] will tell.
    pub fn on_event(&mut self, event: &Event<'_>) -> bool {
        match *event {
            Event::Described { duration, .. } => {
                self.end = duration.map(|duration| MediaTime::ZERO + duration);
                true
            }
            Event::Playing { range, scale, .. } => self.on_playing(range, scale),
            Event::Paused => self.on_paused(),
            Event::Ended => self.on_ended(),
            Event::Refused { method: Method::Pause, .. } if self.phase == Phase::Pausing => {
                self.never_pauses = true;
                self.phase = Phase::Fetching;
                false
            }
            Event::Refused { method: Method::Play, status, .. } => self.on_refused(status),
            _ => true,
        }
    }

    /// Returns what is to be done now. Call it until it returns `None`.
    pub fn poll<S, B>(&mut self, rings: &[FrameRing<S, B>]) -> Option<PrefetchAction>
    where
        S: AsRef<[Slot]> + AsMut<[Slot]>,
        B: AsRef<[u8]> + AsMut<[u8]>,
    {
        let options = self.options.filter(|_| self.governs())?;
        let needs = self.needs(rings);
        let all_done = needs.iter().all(|need| need.done);
        if needs.is_empty() {
            return None;
        }
        if let Phase::Ending { surely } = self.phase {
            // BYE says that a server stops, too. It is asked once more where the medium is not over.
            // Then nothing more comes of a track that is a little shorter than the medium, either.
            let at_end = needs.iter().all(|need| need.at_end);
            let again = needs.iter().all(|need| self.has_ended_before(need));
            if surely || at_end || again {
                return self.over();
            }
            self.phase = Phase::Held;
            let mut more_came = false;
            for need in &needs {
                let Some(fetch) = self.tracks.get_mut(need.track) else { continue };
                more_came |= fetch.ended_before.replace(need.fill.next) != Some(need.fill.next);
            }
            if more_came {
                for fetch in &mut self.tracks {
                    fetch.asked_at = None;
                }
            }
        }
        match self.phase {
            Phase::Fetching if !self.never_pauses && self.has_enough(options, &needs) => {
                self.phase = Phase::Pausing;
                Some(PrefetchAction::Pause)
            }
            Phase::Held if all_done => self.over(),
            Phase::Held => self.go_on(options, &needs, rings, |_| true),
            Phase::Fetching => self.go_on(options, &needs, rings, |fetch| fetch.gate.is_shut()),
            _ => None,
        }
    }

    /// Returns a track, and the bytes of a frame of it, that is larger than the whole ring, where none
    /// was ever smaller.
    pub fn too_large(&self) -> Option<(u8, usize)> {
        (0u8..).zip(&self.tracks).find_map(|(track, fetch)| Some((track, fetch.gate.too_large()?)))
    }

    /// Whether PLAY was asked for and is not answered yet.
    pub const fn is_asking(&self) -> bool {
        matches!(self.phase, Phase::Asked { .. })
    }

    /// Whether all frames that will come are in the rings.
    pub fn is_over(&self) -> bool {
        self.phase == Phase::Over
    }

    fn over(&mut self) -> Option<PrefetchAction> {
        self.phase = Phase::Over;
        Some(PrefetchAction::Ended)
    }

    fn governs(&self) -> bool {
        self.options.is_some() && self.end.is_some() && self.scale == Scale::NORMAL
    }

    /// Whether nothing has come of a track since the server said before that no more frames come.
    fn has_ended_before(&self, need: &Need) -> bool {
        let fetch = self.tracks.get(need.track);
        fetch.is_some_and(|fetch| fetch.ended_before == Some(need.fill.next) && !fetch.gate.is_shut())
    }

    /// Whether PLAY without a place does not start over, but fetches what was not stored.
    fn goes_on(&self, needs: &Needs) -> bool {
        match self.phase {
            Phase::Over | Phase::Ending { .. } => false,
            Phase::Fetching | Phase::Asked { .. } => needs.iter().any(|need| need.missing),
            Phase::Pausing | Phase::Held | Phase::Stopped => {
                self.governs() || self.tracks.iter().any(|fetch| fetch.gate.is_shut())
            }
        }
    }

    /// Whether the server plays, from another place than the one to be asked for.
    fn flows(&self) -> bool {
        let waits = self.tracks.iter().any(|fetch| fetch.gate.is_waiting());
        matches!(self.phase, Phase::Fetching | Phase::Pausing) || waits
    }

    /// Adds the speed at which frames are fetched, if the caller wants the usual one.
    fn paced(&self, options: PlayOptions) -> PlayOptions {
        match self.options {
            Some(PrefetchOptions { speed, .. })
                if self.end.is_some() && (options.scale, options.speed) == (Scale::NORMAL, Speed::NORMAL) =>
            {
                PlayOptions { speed, ..options }
            }
            _ => options,
        }
    }

    /// Looks at the watched tracks.
    fn needs<S, B>(&self, rings: &[FrameRing<S, B>]) -> Needs
    where
        S: AsRef<[Slot]> + AsMut<[Slot]>,
        B: AsRef<[u8]> + AsMut<[u8]>,
    {
        let fetches = || self.tracks.iter().zip(rings);
        let open = || fetches().filter(|(fetch, _)| fetch.gate.is_open());
        let fills = || open().filter_map(|(fetch, ring)| fetch.fill(ring));
        // How far the server has come, by the tracks of which nothing is missing.
        let reached = fills().filter_map(|fill| fill.end).max();
        let all_came = self.end.is_some_and(|end| fills().any(|fill| fill.reaches(end)));
        let is_past = |place: MediaTime| reached.is_some_and(|reached| place + TOGETHER < reached);
        let need = |(track, (fetch, ring)): (usize, (&TrackFetch, &FrameRing<S, B>))| {
            let fill = fetch.fill(ring)?;
            let place = fetch.next_place(ring);
            let passed = place.is_some_and(is_past);
            // A track whose place the others have passed has no frames there.
            let missing = fetch.gate.is_shut() || (fetch.gate.place().is_some() && !passed);
            let silent = passed && !missing;
            let place = if silent { reached } else { place };
            let at_end = all_came && !missing;
            let done = at_end && (silent || self.end.is_some_and(|end| fill.reaches(end)));
            Some(Need { track, fill, place, missing, silent, done, at_end })
        };
        fetches().enumerate().filter_map(need).collect()
    }

    /// Whether the server is to be paused.
    fn has_enough(&self, options: PrefetchOptions, needs: &Needs) -> bool {
        let gate = |need: &Need| self.tracks.get(need.track).map(|fetch| &fetch.gate);
        let pending = |need: &Need| gate(need)?.place().filter(|_| need.missing);
        let first = needs.iter().filter_map(pending).min();
        let is_full = |need: &Need| {
            // A track that is further than the one that frames are fetched for gets none yet.
            let later = pending(need) > first;
            need.fill.percent >= u32::from(options.high) && !later
        };
        let is_shut = |need: &Need| gate(need).is_some_and(|gate| gate.is_shut());
        // The first frame of a track that has none comes before a pause.
        let starves = |need: &Need| need.fill.exhausted && !is_shut(need) && pending(need).is_some();
        needs.iter().any(|need| is_shut(need) || is_full(need)) && !needs.iter().any(starves)
    }

    /// Asks for the earliest place that is missing of a track with room for more, of those that `of`
    /// allows.
    fn go_on<S, B>(
        &mut self,
        options: PrefetchOptions,
        needs: &Needs,
        rings: &[FrameRing<S, B>],
        of: impl Fn(&TrackFetch) -> bool,
    ) -> Option<PrefetchAction>
    where
        S: AsRef<[Slot]> + AsMut<[Slot]>,
        B: AsRef<[u8]> + AsMut<[u8]>,
    {
        let is_low = |need: &Need| need.fill.percent <= u32::from(options.low);
        let fetch = |need: &Need| self.tracks.get(need.track);
        let wants = |need: &&Need| !need.done && !need.silent && is_low(need) && fetch(need).is_some_and(&of);
        let wanting = || needs.iter().filter(wants);
        let first = wanting().filter_map(|need| need.place).min()?;
        // All tracks that get frames at once have room, unless one has nothing left.
        let near = |place: MediaTime| place <= first + TOGETHER && first <= place + TOGETHER;
        let together = || needs.iter().filter(|need| !need.done && need.place.is_some_and(near));
        if !together().all(is_low) && !wanting().any(|need| need.fill.exhausted) {
            return None;
        }
        let moved = |need: &Need| fetch(need).is_some_and(|fetch| fetch.asked_at != fetch.playhead);
        if !wanting().any(moved) {
            return None;
        }
        let at = together().filter_map(|need| need.place).min()?;
        self.resume(at, needs, rings);
        for fetch in &mut self.tracks {
            fetch.asked_at = fetch.playhead;
        }
        self.phase = Phase::Asked { by_caller: false };
        let options = PlayOptions { from: Some(Seek::To(at)), ..PlayOptions::default() };
        Some(PrefetchAction::Play(self.paced(options)))
    }

    /// Prepares all tracks for frames from another place.
    fn seek<S, B>(&mut self, place: Seek, rings: &[FrameRing<S, B>])
    where
        S: AsRef<[Slot]> + AsMut<[Slot]>,
        B: AsRef<[u8]> + AsMut<[u8]>,
    {
        let flows = self.flows();
        for (track, fetch) in self.tracks.iter_mut().enumerate() {
            if let Seek::To(place) = place {
                fetch.gate.seek(place, flows);
            }
            if let Some(playhead) = &mut fetch.playhead {
                *playhead = rings.get(track).map_or(FrameId(0), |ring| ring.frames().end);
            }
        }
    }

    /// Prepares all tracks for PLAY from `at`, each for the frames that it lacks.
    fn resume<S, B>(&mut self, at: MediaTime, needs: &Needs, rings: &[FrameRing<S, B>])
    where
        S: AsRef<[Slot]> + AsMut<[Slot]>,
        B: AsRef<[u8]> + AsMut<[u8]>,
    {
        let flows = self.flows();
        for (track, (fetch, ring)) in self.tracks.iter_mut().zip(rings).enumerate() {
            let need = needs.iter().find(|need| need.track == track);
            let place = need.map_or_else(|| fetch.next_place(ring), |need| need.place);
            match place {
                _ if need.is_some_and(|need| need.silent) => fetch.gate.open(),
                // Its frames from there to `at` do not come now.
                Some(place) if place < at && need.is_some() => fetch.gate.shut(),
                place => fetch.gate.resume(place.unwrap_or(at), flows),
            }
        }
    }

    fn on_playing(&mut self, range: Range, scale: Scale) -> bool {
        self.scale = scale;
        let start = match range.start {
            Some(Position::At(start)) => Some(start),
            _ => None,
        };
        for fetch in &mut self.tracks {
            fetch.gate.answered(start);
        }
        let told = self.phase != (Phase::Asked { by_caller: false });
        if self.phase != Phase::Stopped {
            self.phase = Phase::Fetching;
        }
        told
    }

    fn on_paused(&mut self) -> bool {
        match self.phase {
            Phase::Pausing => {
                self.phase = Phase::Held;
                false
            }
            // The caller has asked to go on meanwhile; PLAY follows.
            Phase::Asked { .. } => false,
            _ => true,
        }
    }

    fn on_ended(&mut self) -> bool {
        match self.phase {
            // PLAY is on its way.
            Phase::Asked { .. } => false,
            _ if self.governs() => {
                self.phase = Phase::Ending { surely: false };
                false
            }
            _ => {
                self.phase = Phase::Over;
                true
            }
        }
    }

    fn on_refused(&mut self, status: Status) -> bool {
        let Phase::Asked { by_caller } = self.phase else { return true };
        let asked_again = self.tracks.iter().any(|fetch| fetch.ended_before.is_some());
        let nothing_more = status == Status::INVALID_RANGE || asked_again;
        if by_caller || !nothing_more {
            // All is as it was before, as far as the server is concerned.
            let waits = self.tracks.iter().any(|fetch| fetch.gate.is_waiting());
            self.phase = if waits { Phase::Fetching } else { Phase::Held };
            self.open();
            return true;
        }
        // There is nothing after the newest frame: the medium is shorter than the server said.
        self.phase = Phase::Ending { surely: true };
        self.open();
        false
    }

    fn open(&mut self) {
        for fetch in &mut self.tracks {
            fetch.gate.open();
        }
    }
}
