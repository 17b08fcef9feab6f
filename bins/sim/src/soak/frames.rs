//! Checks of the frames that a client receives: they are the source's, in order and in time.
use super::setting::Setting;
use super::source::{Source, SourceKind};
use super::violation::Violation;
use pinhole::client::ReceiverStatistics;
use pinhole::codec::jpeg::TRACK;
use pinhole::frame::{Frame, FrameId, FrameStore, TrackId};
use pinhole::frame::{FrameRing, Slot};
use pinhole::time::{Duration, Instant, MediaTime};

/// A client's frame ring.
pub(super) type Ring = FrameRing<Vec<Slot>, Vec<u8>>;

/// Largest error of a frame's time, in microseconds: RTP's clock and NPT are coarser.
const ROUNDING: i64 = 1_500;
/// Largest number of frames that a client holds to put packets in order.
const GRACE: u8 = 8;
/// A request is answered in this time, or the session is lost.
const RESPONSE_WAIT: Duration = Duration::from_secs(12);

/// The frames of one connection.
#[derive(Debug)]
pub(super) struct Frames {
    kind: SourceKind,
    /// The next frame in the ring.
    next: FrameId,
    /// A PLAY waits for its response: a frame may be from before it or after it, and so may its time.
    placing: bool,
    /// The largest number of responses that are to come: a request that was not sent yet is replaced by the
    /// next one. All have come by `answered_by`.
    asked: u8,
    answered_by: Instant,
    /// The number of PLAYs from another place of which perhaps no frame has come.
    jumps: u8,
    /// The number of frames after a response that may be from before it.
    grace: u8,
    /// The number of these frames whose time may be wrong.
    strays: u8,
    /// The source's time at the receiver's time 0, in microseconds. It is unknown before the first frame of
    /// a live source.
    epoch: Option<i64>,
    /// The newest frame of this play: its time, and its number, if known.
    last: Option<(MediaTime, Option<FrameId>)>,
    pub(super) complete: u64,
    pub(super) damaged: u64,
    /// The account of the current play.
    account: Option<Account>,
    /// The frame before, unless the user has gone to another place since.
    previous: Option<FrameId>,
    /// Two frames came that follow each other: the receiver knows how far apart frames are.
    adjacent: bool,
    /// Frames between those that came since then, over all plays that the user did not ask for.
    pub(super) holes: u64,
    /// Frames that were known to be absent at the last check.
    absent: u64,
}

/// The frames of one play from a complete one on, which must add up.
#[derive(Clone, Copy, Debug)]
struct Account {
    first: FrameId,
    last: FrameId,
    came: u64,
    /// The second frame followed the first: the receiver knows how far apart frames are.
    adjacent: bool,
    /// Frames that were known to be absent when the account began.
    before: u64,
}

impl Frames {
    pub(super) fn new(kind: SourceKind) -> Self {
        Self {
            kind,
            next: FrameId(0),
            placing: true,
            asked: 1,
            answered_by: Instant::from_micros(u64::MAX),
            jumps: 1,
            grace: 0,
            strays: 0,
            epoch: None,
            last: None,
            complete: 0,
            damaged: 0,
            account: None,
            previous: None,
            adjacent: false,
            holes: 0,
            absent: 0,
        }
    }

    /// Records that PLAY is asked for; `jumps`: from another place.
    pub(super) fn on_play(&mut self, at: Instant, jumps: bool) {
        self.asked += 1;
        self.answered_by = at + RESPONSE_WAIT;
        self.placing = true;
        self.jumps += u8::from(jumps);
        // Between two responses, it is not known of which PLAY a frame is.
        if jumps || self.asked > 1 {
            self.previous = None;
        }
        self.account = None;
    }

    /// Records that the medium has ended: a PLAY that was not sent yet starts over.
    pub(super) fn on_ended(&mut self) {
        self.jumps += u8::from(self.placing);
    }

    /// Records a response to PLAY.
    pub(super) fn on_playing(&mut self) {
        self.asked = self.asked.saturating_sub(1);
        if self.asked == 0 {
            self.settle();
        }
    }

    fn settle(&mut self) {
        (self.placing, self.asked) = (false, 0);
        self.grace = GRACE;
        (self.epoch, self.strays) = match self.kind {
            // The frame that was begun before the response.
            SourceKind::Recorded { .. } => (Some(0), 1),
            // The mapping of time is found anew by the newest frame: one from before the response, and one
            // from after it.
            SourceKind::Live { .. } => (None, 2),
        };
    }

    /// Checks the frames since the last call. `whole`: all must be complete.
    pub(super) fn check(
        &mut self,
        name: &str,
        setting: Setting<'_, '_>,
        ring: &Ring,
        figures: &ReceiverStatistics,
        whole: bool,
    ) -> Result<(), Violation> {
        let frames = ring.frames();
        if frames.start > self.next {
            return Err(Violation::of(
                "the test itself",
                "frames came faster than it looks at them".to_owned(),
            ));
        }
        let Setting { at, source, newest, trace, .. } = setting;
        if self.placing && self.answered_by <= at {
            self.settle();
        }
        let before = std::mem::replace(&mut self.absent, absent(figures));
        let steady = before == self.absent;
        while self.next < frames.end {
            let Ok(frame) = ring.frame(TrackId::default(), self.next) else { break };
            self.next = self.next.next();
            if whole && !frame.flags.integrity.is_complete() {
                let what = format!(
                    "the frame at {:?} is {:?}",
                    frame.media_time(TRACK.clock_rate),
                    frame.flags.integrity
                );
                return Err(Violation::of("interleaved frames are whole", what));
            }
            let id = self.identify(source, newest, &frame)?;
            if id.is_some_and(|id| !source.is_mended(id, &frame)) {
                let what = format!("{id:?} cannot be mended: {:?} is missing", frame.missing);
                return Err(Violation::of("a mended frame has every interval that came", what));
            }
            trace.tell(at, name, || {
                format!("{id:?} at {:?}, {:?}", frame.media_time(TRACK.clock_rate), frame.flags.integrity)
            });
            self.check_order(frame.media_time(TRACK.clock_rate), id)?;
            match frame.flags.integrity.is_complete() {
                true => self.complete += 1,
                false => self.damaged += 1,
            }
            self.account_for(id, frame.flags.integrity.is_complete(), steady);
        }
        Ok(())
    }

    /// Returns the number of the frame in the source, or `None` if that cannot be told.
    fn identify(
        &mut self,
        source: &Source,
        newest: FrameId,
        frame: &Frame<'_>,
    ) -> Result<Option<FrameId>, Violation> {
        let is = |id| match frame.flags.integrity.is_complete() {
            true => source.is(id, frame),
            false => source.is_part(id, frame),
        };
        let by_time = self.epoch.and_then(|epoch| {
            let time = frame.media_time(TRACK.clock_rate).as_micros().checked_add_signed(epoch)?;
            let id = source.clip.at(MediaTime::from_micros(time) + Duration::from_micros(ROUNDING as u64));
            let error = time as i64 - source.clip.time_of(id).as_micros() as i64;
            (error.abs() <= ROUNDING).then_some(id)
        });
        if let Some(id) = by_time.filter(|id| is(*id)) {
            return Ok(Some(id));
        }
        let sought = self.epoch.is_none() || self.placing || (self.grace > 0 && self.strays > 0);
        // A part of a frame does not show the time of a live source.
        let shows = matches!(self.kind, SourceKind::Recorded { .. }) || frame.flags.integrity.is_complete();
        self.strays = self.strays.saturating_sub(u8::from(shows && !self.placing));
        if !frame.flags.integrity.is_complete() {
            // Too little of it may have arrived to identify it.
            return match sought {
                true => Ok(None),
                false => Err(self.wrong(source, frame, by_time)),
            };
        }
        let found = source.find(frame).filter(|_| sought);
        let Some(found) = found else { return Err(self.wrong(source, frame, by_time)) };
        if let SourceKind::Live { .. } = self.kind {
            // It may be of an earlier round; it is taken to be of this one.
            let round = source.clip.frame_count() as u64;
            let id = FrameId(newest.0 - newest.0 % round + found.0);
            let time = source.clip.time_of(id).as_micros() as i64;
            self.epoch = Some(time - frame.media_time(TRACK.clock_rate).as_micros() as i64);
            self.last = self.last.map(|(pts, _)| (pts, None));
            return Ok(Some(id));
        }
        Ok(None)
    }

    fn wrong(&self, source: &Source, frame: &Frame<'_>, by_time: Option<FrameId>) -> Violation {
        let looks = source.find(frame);
        let what = format!(
            "the frame shown at {:?} ({:?}) is not the source's {by_time:?} of that time, but looks like {looks:?}",
            frame.media_time(TRACK.clock_rate),
            frame.flags.integrity
        );
        Violation::of("every frame is the source's", what)
    }

    /// Counts the frames since the last call without checking them.
    pub(super) fn count(&mut self, ring: &Ring) {
        for id in self.next.0..ring.frames().end.0 {
            match ring.frame(TrackId::default(), FrameId(id)) {
                Ok(frame) if frame.flags.integrity.is_complete() => self.complete += 1,
                _ => self.damaged += 1,
            }
        }
        self.next = ring.frames().end;
    }

    /// Checks that frames come in order, and each once.
    fn check_order(&mut self, pts: MediaTime, id: Option<FrameId>) -> Result<(), Violation> {
        if !self.placing {
            let again = |before: FrameId| id.is_some_and(|id| id <= before);
            let back = self.last.is_some_and(|(last, id)| pts <= last || id.is_some_and(again));
            if back && self.jumps == 0 {
                let what = format!("frame {id:?} at {pts:?} comes after {:?}", self.last);
                return Err(Violation::of("media time never goes back", what));
            }
            self.grace = self.grace.saturating_sub(1);
            self.jumps = if self.grace > 0 { self.jumps.saturating_sub(back.into()) } else { 0 };
        }
        self.last = Some((pts, id));
        Ok(())
    }

    /// Counts a frame for the account, and the frames between it and the one before. `steady`: no frame
    /// was found missing since the last look.
    fn account_for(&mut self, id: Option<FrameId>, complete: bool, steady: bool) {
        let before = std::mem::replace(&mut self.previous, id.filter(|_| self.jumps == 0 && self.asked < 2));
        if let Some((before, id)) = before.zip(self.previous) {
            self.adjacent |= id == before.next();
            self.holes += id.0.saturating_sub(before.0 + 1) * u64::from(self.adjacent);
        }
        let Some(id) = id.filter(|_| !self.placing && self.jumps == 0) else {
            self.account = None;
            return;
        };
        match &mut self.account {
            Some(account) => {
                account.adjacent |= complete && account.came == 1 && id == account.last.next();
                account.came += 1;
                account.last = id;
            }
            None if complete && steady => {
                let before = self.absent;
                self.account = Some(Account { first: id, last: id, came: 1, adjacent: false, before });
            }
            None => {}
        }
    }

    /// Checks that every frame from the first to the last of the account is accounted for. No frame may be
    /// open.
    pub(super) fn close_account(&mut self, figures: &ReceiverStatistics) -> Result<(), Violation> {
        let Some(account) = self.account.take().filter(|account| account.adjacent) else { return Ok(()) };
        let sent = account.last.0 - account.first.0 + 1;
        let known = account.came + absent(figures) - account.before;
        if known != sent {
            let what = format!(
                "from {:?} to {:?} there are {sent} frames, and {known} are known: {figures:?}",
                account.first, account.last
            );
            return Err(Violation::of("every frame is accounted for", what));
        }
        Ok(())
    }
}

/// Returns the number of frames that are known to be absent.
fn absent(figures: &ReceiverStatistics) -> u64 {
    figures.frames_missing + figures.frames_skipped + figures.frames_unstored
}
