//! [`Prefetch`]: how far ahead of its viewer a recorded medium is fetched.
use super::event::Event;
use super::intake::{Gate, Intake, ROUNDING};
use super::play::PlayOptions;
use crate::frame::{FrameId, Seek};
use crate::frame::{FrameRing, Slot};
use crate::rtsp::{Method, Position, Range, Scale, Speed, Status};
use crate::time::{Duration, MediaTime};

/// How much of a ring is to be ahead of the viewer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct PrefetchOptions {
    /// With so many percent of the ring's bytes or slots ahead, PAUSE is sent.
    pub high: u8,
    /// With so many or fewer, PLAY is sent again.
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

/// What is to be done next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Ask {
    /// Of the connection: [`super::ClientConn::pause`].
    Pause,
    /// Of the connection: [`super::ClientConn::play_with`].
    Play(PlayOptions),
    /// Nothing: all frames that will come are in the ring. Of media that are fetched ahead, this says
    /// so, and not [`Event::Ended`].
    Ended,
}

/// Decides what one presentation's server is asked for, so that its first track's [`FrameRing`] is
/// filled ahead of the viewer, and that nothing is evicted which is still to be seen.
///
/// It governs recorded media that are played at scale 1. With [`PrefetchOptions::high`] of the ring
/// ahead, the server is paused, and at [`PrefetchOptions::low`] it goes on from the end of the newest
/// frame (RFC 2326, 10.5 and 10.6). A frame that comes when there is no room for it, since PAUSE takes
/// its time, is not stored, nor are those after it, so that no hole is left: they come again. Frames
/// that come again though they are there, because the server rounds the place, are not stored
/// either.
///
/// All else is a window of time: the oldest frames make room for the newest.
///
/// The order of calls, in each turn of the caller's loop: frames go into [`Self::sink`]; each event of
/// the connection is shown to [`Self::on_event`]; then [`Self::poll`] until `None`. What the caller
/// itself asks of the connection goes through [`Self::play`] and [`Self::hold`].
#[derive(Clone, Debug)]
pub struct Prefetch {
    /// `None`: all media are a window of time.
    options: Option<PrefetchOptions>,
    phase: Phase,
    /// The viewer needs this frame and those after it.
    playhead: FrameId,
    /// Where the medium ends; `None`: it is live, or that is not known.
    end: Option<MediaTime>,
    scale: Scale,
    /// The server does not know PAUSE.
    never_pauses: bool,
    /// Where the viewer was when PLAY was asked for here. Before it moves on, there is not more room
    /// than there was then.
    asked_at: Option<FrameId>,
    /// The frame that was to come next when the server ended too early.
    ended_before: Option<FrameId>,
    pub(super) gate: Gate,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Frames come.
    Fetching,
    /// PAUSE was asked for.
    Pausing,
    /// The server holds, or there is none yet.
    Held,
    /// PLAY was asked for, by the caller or not.
    Asked { by_caller: bool },
    /// The caller holds.
    Stopped,
    /// The server has said that no more frames come, or that there surely are none.
    Ending { surely: bool },
    /// The last frame has come.
    Over,
}

impl Prefetch {
    /// With `None`, all media are a window of time, whatever they are.
    pub const fn new(options: Option<PrefetchOptions>) -> Self {
        Self {
            options,
            phase: Phase::Held,
            playhead: FrameId(0),
            end: None,
            scale: Scale::NORMAL,
            never_pauses: false,
            asked_at: None,
            ended_before: None,
            gate: Gate::OPEN,
        }
    }

    /// The viewer needs frame `id` and those after it; none of them is evicted from now on.
    ///
    /// That is the frame to be read next. With the frame that is being shown, a ring that holds only
    /// one frame would wait for ever.
    pub const fn watch_from(&mut self, id: FrameId) {
        self.playhead = id;
    }

    /// Where the frames of the presentation go: the rings of its tracks in their order.
    pub fn sink<'a, S, B>(&'a mut self, rings: &'a mut [FrameRing<S, B>]) -> Intake<'a, S, B>
    where
        S: AsRef<[Slot]> + AsMut<[Slot]>,
        B: AsRef<[u8]> + AsMut<[u8]>,
    {
        let keep_from = if self.governs() { self.playhead } else { FrameId(u64::MAX) };
        if let Some(ring) = rings.first_mut() {
            ring.keep_from(keep_from);
        }
        let (kept, unanswered) = (self.governs(), self.is_asking());
        Intake { gate: &mut self.gate, rings, kept, unanswered }
    }

    /// What a caller is to ask for who wants `options`: frames that came and were not stored are
    /// fetched first, unless they say from where. With a place, the viewer is taken to go there: its
    /// next frame is the next one to be stored.
    pub fn play<S, B>(&mut self, options: PlayOptions, rings: &[FrameRing<S, B>]) -> PlayOptions
    where
        S: AsRef<[Slot]> + AsMut<[Slot]>,
        B: AsRef<[u8]> + AsMut<[u8]>,
    {
        let ring = rings.first();
        let (from, exact) = match options.from {
            Some(from) => (Some(from), false),
            // The connection may not know that there is no more.
            None if self.governs() && self.phase == Phase::Over => (Some(Seek::To(MediaTime::ZERO)), false),
            None if self.goes_on() => (ring.and_then(|ring| self.next_place(ring)).map(Seek::To), true),
            None => (None, true),
        };
        if let Some(Seek::To(place)) = from {
            self.gate.ask(place, exact, self.flows());
        }
        if !exact {
            self.playhead = ring.map_or(FrameId(0), |ring| ring.frames().end);
        }
        self.phase = Phase::Asked { by_caller: true };
        self.paced(PlayOptions { from, ..options })
    }

    /// The caller asks the server to hold; it does so until [`Self::play`].
    pub const fn hold(&mut self) {
        self.phase = Phase::Stopped;
    }

    /// The connection is lost. What [`Self::play`] says next, it says for the next one: without a
    /// place, the medium goes on behind the newest frame, or where it was last sought.
    pub fn disconnected(&mut self) {
        let over = self.phase == Phase::Over;
        if self.end.is_some() && self.scale == Scale::NORMAL && !over {
            self.phase = Phase::Held;
            self.gate.shut();
        }
    }

    /// The next frame to be stored is taken to be shown at `at`, whatever the server says: a live
    /// medium goes on though its source has begun a time of its own.
    pub const fn go_on_at(&mut self, at: MediaTime) {
        self.gate.go_on_at(at);
    }

    /// Takes note of an event; returns whether it is the caller's as well, and not only an answer
    /// to what was asked for here, or the end of a medium that [`Ask::Ended`] will tell.
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

    /// What is to be done now. To be called until `None`.
    pub fn poll<S, B>(&mut self, rings: &[FrameRing<S, B>]) -> Option<Ask>
    where
        S: AsRef<[Slot]> + AsMut<[Slot]>,
        B: AsRef<[u8]> + AsMut<[u8]>,
    {
        let (options, ring) = (self.options.filter(|_| self.governs())?, rings.first()?);
        let ahead = ahead(ring, self.playhead);
        let enough = ahead >= u32::from(options.high) || self.gate.is_shut();
        let low = ahead <= u32::from(options.low);
        if let Phase::Ending { surely } = self.phase {
            // BYE says that a server stops, too. It is asked once more where the medium is not over.
            let next = ring.frames().end;
            self.phase = match surely || self.has_all(ring) || self.ended_before == Some(next) {
                true => return self.over(),
                false => Phase::Held,
            };
            self.ended_before = Some(next);
        }
        match self.phase {
            Phase::Fetching if enough && !self.never_pauses => {
                self.phase = Phase::Pausing;
                Some(Ask::Pause)
            }
            Phase::Held if self.has_all(ring) => self.over(),
            Phase::Held if low => self.go_on(ring),
            Phase::Fetching if low && self.gate.is_shut() => self.go_on(ring),
            _ => None,
        }
    }

    /// The size of a frame that is larger than the whole ring, where none was ever smaller.
    pub const fn too_large(&self) -> Option<usize> {
        self.gate.too_large()
    }

    /// A PLAY was asked for, and not answered yet.
    pub const fn is_asking(&self) -> bool {
        matches!(self.phase, Phase::Asked { .. })
    }

    /// All frames that will come are in the ring.
    pub fn is_over(&self) -> bool {
        self.phase == Phase::Over
    }

    fn over(&mut self) -> Option<Ask> {
        self.phase = Phase::Over;
        Some(Ask::Ended)
    }

    fn governs(&self) -> bool {
        self.options.is_some() && self.end.is_some() && self.scale == Scale::NORMAL
    }

    /// PLAY without a place does not start over, but what was not stored comes first.
    fn goes_on(&self) -> bool {
        match self.phase {
            Phase::Over | Phase::Ending { .. } => false,
            Phase::Fetching | Phase::Asked { .. } => self.gate.is_shut() || self.gate.place().is_some(),
            Phase::Pausing | Phase::Held | Phase::Stopped => self.governs() || self.gate.is_shut(),
        }
    }

    /// The server plays, from another place than the one to be asked for.
    const fn flows(&self) -> bool {
        matches!(self.phase, Phase::Fetching | Phase::Pausing) || self.gate.is_waiting()
    }

    /// With the speed at which is fetched, where the caller wants none of its own.
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

    /// Where the frames that are not there begin.
    fn next_place<S, B>(&self, ring: &FrameRing<S, B>) -> Option<MediaTime>
    where
        S: AsRef<[Slot]> + AsMut<[Slot]>,
        B: AsRef<[u8]> + AsMut<[u8]>,
    {
        // A little less, for servers round, and what comes again is not stored.
        let end = newest(ring).map(|(pts, duration)| {
            let shown = duration.max(ROUNDING);
            pts + shown - ROUNDING.min(shown.scaled(1, 4))
        });
        self.gate.place().or(end)
    }

    fn go_on<S, B>(&mut self, ring: &FrameRing<S, B>) -> Option<Ask>
    where
        S: AsRef<[Slot]> + AsMut<[Slot]>,
        B: AsRef<[u8]> + AsMut<[u8]>,
    {
        if self.asked_at == Some(self.playhead) {
            return None;
        }
        let at = self.next_place(ring)?;
        self.asked_at = Some(self.playhead);
        self.gate.ask(at, true, self.flows());
        self.phase = Phase::Asked { by_caller: false };
        Some(Ask::Play(self.paced(PlayOptions { from: Some(Seek::To(at)), ..PlayOptions::default() })))
    }

    /// The newest frame goes on to the end of the medium, or beyond where the server said that is.
    fn has_all<S, B>(&self, ring: &FrameRing<S, B>) -> bool
    where
        S: AsRef<[Slot]> + AsMut<[Slot]>,
        B: AsRef<[u8]> + AsMut<[u8]>,
    {
        let reaches =
            |(end, (pts, duration)): (MediaTime, (MediaTime, Duration))| pts + duration.scaled(3, 2) >= end;
        let wants_none = self.gate.place().is_none() && !self.gate.is_shut();
        wants_none && self.end.zip(newest(ring)).is_some_and(reaches)
    }

    fn on_playing(&mut self, range: Range, scale: Scale) -> bool {
        self.scale = scale;
        let start = match range.start {
            Some(Position::At(start)) => Some(start),
            _ => None,
        };
        self.gate.answered(start);
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
        let nothing_more = status == Status::INVALID_RANGE || self.ended_before.is_some();
        if by_caller || !nothing_more {
            // All is as it was before, as far as the server is concerned.
            self.phase = if self.gate.is_waiting() { Phase::Fetching } else { Phase::Held };
            self.gate.open();
            return true;
        }
        // There is nothing behind the newest frame: the medium is shorter than the server said.
        self.phase = Phase::Ending { surely: true };
        self.gate.open();
        false
    }
}

/// When the newest frame of a ring is shown, and for how long.
fn newest<S, B>(ring: &FrameRing<S, B>) -> Option<(MediaTime, Duration)>
where
    S: AsRef<[Slot]> + AsMut<[Slot]>,
    B: AsRef<[u8]> + AsMut<[u8]>,
{
    let clock_rate = ring.track_info().clock_rate;
    let frame = ring.newest_frame()?;
    Some((frame.media_time(clock_rate), Duration::from_ticks(u64::from(frame.duration), clock_rate)))
}

/// How much of a ring the frames from `playhead` on take, in percent of its bytes or of its slots,
/// whichever is more.
fn ahead<S, B>(ring: &FrameRing<S, B>, playhead: FrameId) -> u32
where
    S: AsRef<[Slot]> + AsMut<[Slot]>,
    B: AsRef<[u8]> + AsMut<[u8]>,
{
    let span = ring.frames();
    let frames = span.end.0.saturating_sub(playhead.0.max(span.start.0));
    let percent = |part: u64, of: usize| part.saturating_mul(100).checked_div(of as u64).unwrap_or(0) as u32;
    percent(ring.bytes_from(playhead) as u64, ring.capacity()).max(percent(frames, ring.slot_count()))
}
