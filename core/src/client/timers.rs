//! Timers of a client connection: timeouts, fallback to TCP, ends and stalls.
use super::config::TransportChoice;
use super::conn::{ClientState, window_of};
use super::event::{ClientError, Event};
use super::phase::{Before, Kind, Outstanding, Phase};
use super::track::{Route, Track};
use crate::frame::FrameSink;
use crate::time::{Duration, Instant, Now, sooner};

/// After this much silence at the end of the range, the end is taken to have come without a BYE.
const END_SILENCE: Duration = Duration::from_secs(1);

impl ClientState {
    pub(super) fn on_time<K: FrameSink + ?Sized>(&mut self, now: Now, windows: &mut [u8], sink: &mut K) {
        if let Some(asked) = self.outstanding.take_if(|asked| asked.until <= now.at) {
            self.given_up.get_or_insert(asked.cseq);
            match asked.kind {
                Kind::Teardown => self.close(),
                Kind::Leave => self.switch_to_tcp(),
                // While nothing else says that the server is there, it is asked again at once. While media
                // come, it is there.
                Kind::Keepalive if self.keepalive.forgive() || self.gets_media(now.at) => {
                    self.keepalive.due = self.is_silent(now.at);
                }
                _ => self.fail(ClientError::Timeout { method: asked.method }),
            }
        }
        if self.phase == Phase::Over {
            return;
        }
        let count = self.tracks.len();
        for (index, track) in (0u8..).zip(self.tracks.iter_mut()) {
            let storage = window_of(windows, index, count);
            track.receiver.handle_timeout(now.at, storage, sink);
        }
        if self.phase != Phase::Playing {
            return;
        }
        if self.fall_back_at().is_some_and(|at| at <= now.at) {
            return self.fall_back();
        }
        self.end_tracks(now, windows, sink);
        if self.tracks.iter().all(|track| track.ended) {
            return self.end();
        }
        if self.life_at().is_some_and(|at| at <= now.at) {
            (self.playing.life_asked, self.keepalive.due) = (true, true);
        }
        if self.stalled_at().is_some_and(|at| at <= now.at) {
            self.on_stall(now, windows, sink);
        }
    }

    /// Whether the server plays, and has sent nothing for so long that it may be gone.
    pub(super) fn is_silent(&self, now: Instant) -> bool {
        self.phase == Phase::Playing && self.quiet_since() + self.config.sign_of_life <= now
    }

    /// Whether the server plays, and media come.
    fn gets_media(&self, now: Instant) -> bool {
        self.phase == Phase::Playing && !self.is_silent(now)
    }

    /// When [`Self::on_time`] has something to do; `None` if nothing is planned.
    pub(super) fn timer_at(&self) -> Option<Instant> {
        if self.phase == Phase::Over {
            return (!self.finished).then_some(Instant::ZERO);
        }
        let mut at = self.outstanding.map(|asked| asked.until);
        for track in &self.tracks {
            if let Some(overdue) = track.receiver.poll_at() {
                sooner(&mut at, overdue);
            }
        }
        if self.phase == Phase::Playing {
            let ends = self.tracks.iter().filter_map(|track| self.end_at(track));
            let silences = [self.fall_back_at(), self.life_at(), self.stalled_at()];
            for due in silences.into_iter().flatten().chain(ends) {
                sooner(&mut at, due);
            }
        }
        at
    }

    fn end_tracks<K: FrameSink + ?Sized>(&mut self, now: Now, windows: &mut [u8], sink: &mut K) {
        let count = self.tracks.len();
        for index in 0..self.tracks.len() {
            let due = self.tracks.get(index).and_then(|track| self.end_at(track));
            let Some(track) = self.tracks.get_mut(index).filter(|_| due.is_some_and(|at| at <= now.at))
            else {
                continue;
            };
            let number = index as u8;
            track.receiver.finish(window_of(windows, number, count), sink);
            track.ended = true;
        }
    }

    fn end(&mut self) {
        self.phase = Phase::Ready;
        (self.from_start, self.playing.ended) = (true, true);
        self.tell(Event::Ended);
        // A PLAY that was asked for already starts after this end.
        if let Some(Outstanding { kind: Kind::Play { options, before }, .. }) = &mut self.outstanding {
            *before = Before::Held;
            let options = *options;
            self.expect_play(options);
        }
    }

    /// Whether all of what is played, or was paused, has come, as far as that is known.
    pub(super) fn is_played_out(&self) -> bool {
        self.tracks
            .iter()
            .all(|track| track.ended || track.receiver.ends_at().is_some() || self.is_at_end(track))
    }

    /// Whether the newest frame is the last one of the range.
    fn is_at_end(&self, track: &Track) -> bool {
        let near = track.receiver.frame_duration().scaled(3, 2);
        let ends = self.playing.end.zip(track.receiver.newest());
        !track.receiver.is_starting() && ends.is_some_and(|(end, newest)| newest + near >= end)
    }

    /// When a track ends if nothing more comes: its source said BYE, or, as a BYE can be lost, it has
    /// come to the end of the range or another track has ended. `None` if it does not end so.
    fn end_at(&self, track: &Track) -> Option<Instant> {
        if track.ended {
            return None;
        }
        if let Some(at) = track.receiver.ends_at() {
            return Some(at);
        }
        let last = self.tracks.iter().any(|track| track.ended);
        let quiet_since =
            track.receiver.last_activity().map_or(self.playing.since, |at| at.max(self.playing.since));
        ((self.is_at_end(track) || last) && !is_unfinished(track)).then_some(quiet_since + END_SILENCE)
    }

    /// When UDP is given up, because nothing ever came by it; `None` if it is not.
    fn fall_back_at(&self) -> Option<Instant> {
        let auto = self.config.transport == TransportChoice::Auto && !self.interleaved;
        let any_came = self.tracks.iter().any(|track| {
            track.receiver.last_activity().is_some() || !matches!(track.route, Route::Udp { .. })
        });
        (auto && !any_came && self.phase == Phase::Playing).then(|| self.playing.since + self.config.udp_wait)
    }

    /// When the last packet of any track came, or PLAY was answered, whichever is later.
    fn quiet_since(&self) -> Instant {
        let last = self.tracks.iter().filter_map(|track| track.receiver.last_activity()).max();
        last.map_or(self.playing.since, |at| at.max(self.playing.since))
    }

    /// When the server is asked for a sign of life; `None` if it was since its last packet.
    fn life_at(&self) -> Option<Instant> {
        let at = self.quiet_since() + self.config.sign_of_life;
        let at = self.empty_at().map_or(at, |empty| at.min(empty));
        (!self.playing.life_asked).then_some(at)
    }

    /// When the range counts as empty, because nothing has come although all of it could have: once the server has
    /// answered a later request. `None` if something has come, if the range has no known end, or if it is not known
    /// that UDP gets through.
    fn empty_at(&self) -> Option<Instant> {
        let is_empty = self.tracks.iter().all(|track| track.receiver.is_starting());
        let any_came = self.tracks.iter().any(|track| track.receiver.last_activity().is_some());
        Some(self.delivered_at()? + END_SILENCE).filter(|_| is_empty && (any_came || self.interleaved))
    }

    fn stalled_at(&self) -> Option<Instant> {
        if let Some(at) = self.empty_at().filter(|_| self.in_step > self.playing.since) {
            return Some(at);
        }
        let stalled_at = self.quiet_since() + self.config.stalled_after;
        match self.playing.stall_told {
            false => Some(stalled_at),
            true => self.over_at().map(|at| at.max(stalled_at)),
        }
    }

    /// When all of the range has been delivered; `None` if that is not known, or if something can be on
    /// its way: interleaved packets can until the server has answered a later request.
    fn over_at(&self) -> Option<Instant> {
        let awaited = self.interleaved && self.in_step < self.quiet_since();
        let unfinished = self.tracks.iter().any(is_unfinished);
        self.delivered_at().filter(|_| !unfinished && !awaited)
    }

    /// When a server that sends at its rate has sent all of the range; `None` if the range has no known end.
    fn delivered_at(&self) -> Option<Instant> {
        let length = self.playing.end?.since(self.playing.start);
        Some(self.playing.since + length.scaled(1_000, u64::from(self.playing.speed.thousandths())))
    }

    /// Handles silence: it is the end if the time for all of the range is over, and a stall otherwise.
    fn on_stall<K: FrameSink + ?Sized>(&mut self, now: Now, windows: &mut [u8], sink: &mut K) {
        if self.over_at().is_some_and(|at| at <= now.at) {
            let count = self.tracks.len();
            for (index, track) in (0u8..).zip(self.tracks.iter_mut()) {
                track.receiver.finish(window_of(windows, index, count), sink);
                track.ended = true;
            }
            return self.end();
        }
        self.playing.stall_told = true;
        self.keepalive.due |= self.interleaved;
        self.tell(Event::Stalled);
    }
}

/// Whether the rest of a frame is certain to come: interleaved packets are late, but never lost.
fn is_unfinished(track: &Track) -> bool {
    matches!(track.route, Route::Interleaved(_)) && track.receiver.has_open()
}
