//! What the connection's events change of a [`Prefetch`].
use super::{FetchPhase, Prefetch};
use crate::rtsp::{Position, Range, Scale, Status};

impl Prefetch {
    pub(super) fn on_playing(&mut self, range: Range, scale: Scale) -> bool {
        self.scale = scale;
        let start = match range.start {
            Some(Position::At(start)) => Some(start),
            _ => None,
        };
        for fetch in &mut self.tracks {
            fetch.gate.answered(start);
        }
        let told = self.phase != (FetchPhase::Asked { by_caller: false });
        if !matches!(self.phase, FetchPhase::Stopped { .. }) {
            self.phase = FetchPhase::Fetching;
        }
        told
    }

    pub(super) fn on_paused(&mut self) -> bool {
        match self.phase {
            FetchPhase::Pausing => {
                self.phase = FetchPhase::Held;
                false
            }
            FetchPhase::Stopped { .. } => {
                self.phase = FetchPhase::Stopped { paused: true };
                true
            }
            // The caller has asked to go on meanwhile; PLAY follows.
            FetchPhase::Asked { .. } => false,
            _ => true,
        }
    }

    pub(super) fn on_ended(&mut self) -> bool {
        match self.phase {
            // PLAY is on its way.
            FetchPhase::Asked { .. } => false,
            _ if self.governs() => {
                self.phase = FetchPhase::Ending { surely: false };
                false
            }
            _ => {
                self.phase = FetchPhase::Over;
                true
            }
        }
    }

    pub(super) fn on_refused(&mut self, status: Status) -> bool {
        let FetchPhase::Asked { by_caller } = self.phase else { return true };
        let asked_again = self.tracks.iter().any(|fetch| fetch.ended_before.is_some());
        let nothing_more = status == Status::INVALID_RANGE || asked_again;
        if by_caller || !nothing_more {
            // All is as it was before, as far as the server is concerned.
            let waits = self.tracks.iter().any(|fetch| fetch.gate.is_waiting());
            self.phase = if waits { FetchPhase::Fetching } else { FetchPhase::Held };
            self.open();
            return true;
        }
        // There is nothing after the newest frame: the medium is shorter than the server said.
        self.phase = FetchPhase::Ending { surely: true };
        self.open();
        false
    }

    fn open(&mut self) {
        for fetch in &mut self.tracks {
            fetch.gate.open();
        }
    }
}
