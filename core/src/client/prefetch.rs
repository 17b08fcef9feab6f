//! [`Prefetch`]: decides how far ahead of its viewer a recorded medium is fetched.
mod events;

use super::conn::MAX_TRACKS;
use super::event::Event;
use super::intake::{Intake, Shift};
use super::play::PlayOptions;
use super::prefetch_options::{PrefetchAction, PrefetchOptions};
use super::track_fetch::{Fill, TrackFetch};
use crate::frame::{ClockReference, FrameId, Seek};
use crate::frame::{FrameRing, Slot};
use crate::rtsp::{Method, Scale, Speed};
use crate::time::{Duration, MediaTime};

/// Tracks whose ends differ by less than this are fetched together.
const TOGETHER: Duration = Duration::from_secs(1);

/// Fetches a presentation ahead of its viewer: the code of the application that reads frames from the rings
/// and shows them. A prefetch decides when to pause the server and when to let the server play again. In
/// this way, the [`FrameRing`] of each watched track is filled ahead, and no frame is evicted before the
/// viewer has read it.
///
/// Media are fetched ahead only if they are recorded and played at scale 1. If the frames that the viewer
/// has not read yet take [`PrefetchOptions::high`] percent of the ring of any watched track, the server is
/// paused. When these frames are down to [`PrefetchOptions::low`] percent, the server is asked to play
/// again from the place of the earliest frame that is not stored (RFC 2326, 10.5 and 10.6). PAUSE takes
/// time to have effect, so frames may come for which there is no room. Such a frame and all later frames of
/// its track are not stored, so that no hole is left. The frames that were not stored are fetched again
/// later. If a frame comes again that is in the ring already, the frame is not stored again.
///
/// Nothing is fetched ahead if [`Self::new`] gets no options, if the medium is live or played at another
/// scale, or for tracks that nobody watches. The rings then hold the newest frames: the oldest frames make
/// room for the newest. At first, only track 0 is watched.
///
/// Do this in each turn of your loop: pass [`Self::sink`] to the calls of the connection; pass each event
/// of the connection to [`Self::on_event`]; tell [`Self::watch_from`] what the viewer reads next; and call
/// [`Self::poll`] until it returns `None`. If you want the server to play or to pause for a reason of your
/// own, such as a key that the user presses, call [`Self::play`] or [`Self::hold`] before you call the
/// connection's method.
///
/// The argument `rings` of the calls is always the same list: one ring for each track of the
/// presentation, in the order of the tracks' numbers. The frames of a track without a ring are dropped,
/// and such a track does not affect when the server plays.
#[derive(Clone, Debug)]
pub struct Prefetch {
    /// `None` if all rings hold the newest frames.
    options: Option<PrefetchOptions>,
    phase: FetchPhase,
    tracks: [TrackFetch; MAX_TRACKS],
    shift: Shift,
    /// The end of the medium; `None` if it is live, or if the end is not known.
    end: Option<MediaTime>,
    scale: Scale,
    /// The scale and the speed that PLAY was last asked for with.
    asked: (Scale, Speed),
    /// Whether the server has refused PAUSE.
    never_pauses: bool,
}

/// A watched track, in comparison with the others.
#[derive(Clone, Copy, Debug)]
struct Need {
    track: usize,
    fill: Fill,
    /// The time of the first frame that has not come; `None` if it is not known.
    place: Option<MediaTime>,
    /// Whether the server has passed that place, or has to go there.
    missing: bool,
    /// Whether no frame of the track has come for long, although none is missing.
    silent: bool,
    /// Whether all frames of the track have come.
    done: bool,
    /// Whether no frame of the track is missing, and the server has come to the end of the medium.
    at_end: bool,
}

/// The watched tracks of a presentation.
type Needs = heapless::Vec<Need, MAX_TRACKS>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FetchPhase {
    /// The server plays, and frames come.
    Fetching,
    /// PAUSE was asked for.
    Pausing,
    /// The server is paused, or there is none yet.
    Held,
    /// PLAY was asked for, by the caller or by [`Prefetch::poll`].
    Asked { by_caller: bool },
    /// The caller has paused the server.
    Stopped {
        /// Whether the server is known to be paused: until then, frames can come.
        paused: bool,
    },
    /// The server has said that no more frames come; `surely` if there cannot be any.
    Ending { surely: bool },
    /// The last frame has come.
    Over,
}

impl Prefetch {
    /// Makes a prefetch for one presentation. With `None`, nothing is fetched ahead, and the server is
    /// never paused: the rings of all media hold the newest frames.
    pub const fn new(options: Option<PrefetchOptions>) -> Self {
        let mut tracks = [TrackFetch::UNWATCHED; MAX_TRACKS];
        let [first, ..] = &mut tracks;
        first.playhead = Some(FrameId(0));
        Self {
            options,
            phase: FetchPhase::Held,
            tracks,
            shift: Shift::NONE,
            end: None,
            scale: Scale::NORMAL,
            asked: (Scale::NORMAL, Speed::NORMAL),
            never_pauses: false,
        }
    }

    /// Says that the viewer of a track will read frame `id` next. Call this whenever the viewer has read a
    /// frame. If the medium is fetched ahead, the ring then keeps frame `id` and all later frames; frames
    /// before `id` make room for more. A track number above 3 is ignored.
    ///
    /// `id` must be later than the frame that the viewer shows now. If `id` is the frame that is shown now,
    /// the room of that frame stays taken, and a ring with room for only one frame gets no other frame.
    pub fn watch_from(&mut self, track: u8, id: FrameId) {
        if let Some(fetch) = self.tracks.get_mut(usize::from(track)) {
            fetch.playhead = Some(id);
        }
    }

    /// Says that the viewers of all watched tracks skip the frames that are in the rings now. On each
    /// watched track, the viewer reads next the first frame that is stored after this call. Tracks that
    /// nobody watches stay unwatched. `rings` has one ring for each track, in the order of the tracks'
    /// numbers.
    pub fn watch_newest<S, B>(&mut self, rings: &[FrameRing<S, B>])
    where
        S: AsRef<[Slot]> + AsMut<[Slot]>,
        B: AsRef<[u8]> + AsMut<[u8]>,
    {
        self.seek(Seek::Live, rings);
    }

    /// Says that nobody watches a track any more. The oldest frames of the track's ring then make room
    /// for the newest, and the track does not affect when the server plays. To watch the track again,
    /// call [`Self::watch_from`]. A track number above 3 is ignored.
    pub fn unwatch(&mut self, track: u8) {
        if let Some(fetch) = self.tracks.get_mut(usize::from(track)) {
            fetch.playhead = None;
        }
    }

    /// Returns the sink to pass to a call of the connection. The sink stores frames in the rings of their
    /// tracks. `rings` has one ring for each track, in the order of the tracks' numbers: the first ring
    /// is for track 0. Frames of tracks without a ring are dropped. Make the sink anew for each call.
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

    /// Prepares for a PLAY that the caller decides by itself, for example because the user presses a key.
    /// Call this directly before [`super::ClientConn::play_with`], and pass the returned options to that
    /// method in place of `options`. The returned options may have another place and another speed than
    /// `options`. `rings` has one ring for each track, in the order of the tracks' numbers.
    ///
    /// What happens depends on [`PlayOptions::from`] of `options`:
    ///
    /// - With a place, the viewers of all watched tracks jump to that place. On each watched track, the
    ///   viewer skips the frames that are in the ring now, and reads next the first frame that is stored
    ///   after this call.
    /// - With `None`, the viewers do not jump. If frames of a watched track have come but were not stored,
    ///   or if a medium that is fetched ahead is paused, the returned options have a place: that of the
    ///   earliest frame that is not in the rings. In all other cases, the returned options have no place.
    /// - With `None` after [`Self::is_over`] has returned true, the medium starts over from its beginning,
    ///   and the viewers jump there.
    pub fn play<S, B>(&mut self, options: PlayOptions, rings: &[FrameRing<S, B>]) -> PlayOptions
    where
        S: AsRef<[Slot]> + AsMut<[Slot]>,
        B: AsRef<[u8]> + AsMut<[u8]>,
    {
        let needs = self.needs(rings);
        let from = match options.from {
            // The connection may not know that there is no more.
            None if self.governs() && self.phase == FetchPhase::Over => Some(Seek::To(MediaTime::ZERO)),
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
        let options = self.paced(PlayOptions { from, ..options });
        let asked = (options.scale, options.speed);
        // The connection asks for nothing that the server does already: there will be no response.
        let plays = self.phase == FetchPhase::Fetching && options.from.is_none() && self.asked == asked;
        if !plays {
            (self.phase, self.asked) = (FetchPhase::Asked { by_caller: true }, asked);
        }
        options
    }

    /// Says that the caller pauses the server by itself. Call this together with
    /// [`super::ClientConn::pause`]. Nothing is fetched until [`Self::play`]. If all frames have come
    /// already, this changes nothing: [`Self::is_over`] stays true, and [`Self::play`] without a place
    /// starts the medium over.
    pub const fn hold(&mut self) {
        self.phase = match self.phase {
            FetchPhase::Over => FetchPhase::Over,
            FetchPhase::Held | FetchPhase::Ending { .. } | FetchPhase::Stopped { paused: true } => {
                FetchPhase::Stopped { paused: true }
            }
            _ => FetchPhase::Stopped { paused: false },
        };
    }

    /// Says that the connection is lost. Call this after [`super::ClientConn::disconnected`], and make
    /// another connection. Then call [`Self::play`] for that connection. If the options of that call have
    /// no place, a recorded medium continues after the newest frame in the rings. If a place was asked for,
    /// and no frame of that place has come yet, the medium continues at that place.
    pub fn disconnected(&mut self) {
        let over = self.phase == FetchPhase::Over;
        if self.end.is_some() && self.scale == Scale::NORMAL && !over {
            self.phase = FetchPhase::Held;
            for fetch in self.tracks.iter_mut().filter(|fetch| fetch.is_watched()) {
                fetch.gate.shut();
            }
        }
    }

    /// Shifts the times of all frames that come after this call, in all tracks by the same span. The span
    /// is chosen so that the first of these frames, of whichever track, is shown at `at`. Call this if the
    /// source of a live medium has started again and counts its times from 0. Call this before the first
    /// frame of the restarted source comes.
    pub const fn go_on_at(&mut self, at: MediaTime) {
        self.shift.go_on_at(at);
    }

    /// Returns a clock reference of the connection, for a track whose clock has `clock_rate` ticks per second,
    /// with its media time shifted as the times of frames are (see [`Self::go_on_at`]). After a call of
    /// [`Self::go_on_at`], the shift is known as soon as the first frame has come.
    pub fn shifted(&self, reference: ClockReference, clock_rate: u32) -> ClockReference {
        ClockReference { time: self.shift.applied(reference.time, clock_rate), ..reference }
    }

    /// Takes note of an event of the connection. Call this for each event, in the order of the events. If
    /// this returns true, act on the event, too. If this returns false, ignore the event: the event is the
    /// response to what [`Self::poll`] asked for, or it is [`Event::Ended`], and [`PrefetchAction::Ended`]
    /// will say when all frames are in the rings.
    pub fn on_event(&mut self, event: &Event<'_>) -> bool {
        match *event {
            Event::Described { duration, .. } => {
                self.end = duration.map(|duration| MediaTime::ZERO + duration);
                true
            }
            Event::Playing { range, scale, .. } => self.on_playing(range, scale),
            Event::Paused => self.on_paused(),
            Event::Ended => self.on_ended(),
            Event::Refused { method: Method::Pause, .. } if self.phase == FetchPhase::Pausing => {
                self.never_pauses = true;
                self.phase = FetchPhase::Fetching;
                false
            }
            Event::Refused { method: Method::Play, status, .. } => self.on_refused(status),
            _ => true,
        }
    }

    /// Returns what the caller has to do now; `None` if there is nothing to do. Do what the action says,
    /// and call this again until it returns `None`. Call this in each turn of your main loop, after all
    /// events were passed to [`Self::on_event`], and whenever the viewer has read frames.
    ///
    /// `rings` has one ring for each track of the presentation, in the order of the tracks' numbers. If
    /// there are fewer rings than tracks, the tracks without a ring do not affect the result. If no
    /// watched track has a ring, or if the medium is not fetched ahead, the result is always `None`.
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
        if let FetchPhase::Ending { surely } = self.phase {
            // A BYE can also mean that the server stops, so it is asked once more if the medium is not
            // over. After that, a track that is a little shorter than the medium counts as complete.
            let at_end = needs.iter().all(|need| need.at_end);
            let again = needs.iter().all(|need| self.has_ended_before(need));
            if surely || at_end || again {
                return self.over();
            }
            self.phase = FetchPhase::Held;
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
            FetchPhase::Fetching if !self.never_pauses && self.has_enough(options, &needs) => {
                self.phase = FetchPhase::Pausing;
                Some(PrefetchAction::Pause)
            }
            FetchPhase::Held if all_done => self.over(),
            FetchPhase::Held => self.go_on(options, &needs, rings, |_| true),
            FetchPhase::Fetching => self.go_on(options, &needs, rings, |fetch| fetch.gate.is_shut()),
            _ => None,
        }
    }

    /// Returns the number of a track, counted from 0, and the length of one of its frames in bytes, if that
    /// frame is larger than the whole ring of the track, and no frame of the track was stored before. The
    /// medium cannot be played with this ring: give up, or use a larger ring. Returns `None` if there is no
    /// such frame.
    pub fn too_large(&self) -> Option<(u8, usize)> {
        (0u8..).zip(&self.tracks).find_map(|(track, fetch)| Some((track, fetch.gate.too_large?)))
    }

    /// Returns true if no frame of a track comes before the viewer has read frames of it, because its ring
    /// has no room or enough: a viewer that waits for more frames has to go on with those that there are.
    /// If the viewer is at the newest frame, and still keeps it, the viewer has to give that frame up:
    /// call [`Self::watch_from`] with the number after it.
    ///
    /// Returns false while frames come or are asked for, after the last frame, and if the medium is not
    /// fetched ahead or nobody watches the track. The result is that of the last [`Self::poll`].
    pub fn awaits_viewer(&self, track: u8) -> bool {
        let Some(fetch) = self.tracks.get(usize::from(track)).filter(|fetch| fetch.is_watched()) else {
            return false;
        };
        let paused = self.phase == FetchPhase::Held;
        let ignored = self.phase == FetchPhase::Fetching && fetch.gate.is_shut();
        self.governs() && (paused || ignored)
    }

    /// Returns whether PLAY was asked for, by the caller or by [`Self::poll`], and the server has not
    /// answered yet. As long as this is true, read the RTSP connection before the UDP sockets: the answer
    /// decides which packets are wanted.
    pub const fn is_asking(&self) -> bool {
        matches!(self.phase, FetchPhase::Asked { .. })
    }

    /// Returns whether all frames that will come are in the rings. At first, the result is false. Once the
    /// result is true, it stays true until [`Self::play`].
    pub fn is_over(&self) -> bool {
        self.phase == FetchPhase::Over
    }

    fn over(&mut self) -> Option<PrefetchAction> {
        self.phase = FetchPhase::Over;
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
            FetchPhase::Over | FetchPhase::Ending { .. } => false,
            FetchPhase::Fetching | FetchPhase::Asked { .. } => needs.iter().any(|need| need.missing),
            FetchPhase::Pausing | FetchPhase::Held | FetchPhase::Stopped { .. } => {
                self.governs() || self.tracks.iter().any(|fetch| fetch.gate.is_shut())
            }
        }
    }

    /// Whether the server plays, from another place than the one to be asked for.
    fn flows(&self) -> bool {
        let waits = self.tracks.iter().any(|fetch| fetch.gate.is_waiting());
        let plays = matches!(
            self.phase,
            FetchPhase::Fetching | FetchPhase::Pausing | FetchPhase::Stopped { paused: false }
        );
        plays || waits
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
        let mut needs = Needs::new();
        for need in fetches().enumerate().filter_map(need) {
            // There is room for all tracks.
            let _ = needs.push(need);
        }
        needs
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
        self.phase = FetchPhase::Asked { by_caller: false };
        let options = self.paced(PlayOptions { from: Some(Seek::To(at)), ..PlayOptions::default() });
        self.asked = (options.scale, options.speed);
        Some(PrefetchAction::Play(options))
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
}
