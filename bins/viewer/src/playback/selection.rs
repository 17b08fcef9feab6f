//! Which of the due frames are decoded.
use crate::model::Presentation;
use std::time::Duration;

/// How often a hidden picture is decoded: often enough for one that is not old when it is shown again.
const HIDDEN_INTERVAL: Duration = Duration::from_secs(1);

/// Which frames to decode.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum DecodePolicy {
    /// Every frame.
    #[default]
    All,
    /// One frame in this time, and the last.
    Every(Duration),
    /// No frame: frames are only counted.
    Nothing,
}

/// Picks the frames that are decoded from those that are due.
#[derive(Debug, Default)]
pub(crate) struct Selection {
    policy: DecodePolicy,
    /// Whether the pictures are hidden at the moment.
    hidden: bool,
    /// When the last picked frame was due.
    picked: Option<Duration>,
    /// The newest frame, if it was passed over.
    passed_over: Option<Presentation>,
}

impl Selection {
    /// Starts before the first frame.
    pub(crate) fn new(policy: DecodePolicy) -> Self {
        Self { policy, ..Self::default() }
    }

    /// Returns whether a frame is to be decoded. Frames are offered in the order in which they are
    /// due.
    #[must_use]
    pub(crate) fn picks(&mut self, frame: &Presentation) -> bool {
        let policy = match self.policy {
            DecodePolicy::All if self.hidden => DecodePolicy::Every(HIDDEN_INTERVAL),
            policy => policy,
        };
        match (policy, self.picked) {
            (DecodePolicy::Nothing, _) => false,
            (DecodePolicy::Every(interval), Some(last)) if frame.due < last + interval => {
                self.passed_over = Some(*frame);
                false
            }
            _ => {
                (self.picked, self.passed_over) = (Some(frame.due), None);
                true
            }
        }
    }

    /// Sets whether the pictures are hidden. If they come into view, returns the newest frame if it was passed over:
    /// it is to be decoded now.
    #[must_use]
    pub(crate) fn set_hidden(&mut self, hidden: bool) -> Option<Presentation> {
        let comes_into_view = std::mem::replace(&mut self.hidden, hidden) && !hidden;
        self.passed_over.take_if(|_| comes_into_view)
    }

    /// Returns the last frame of the stream if it was passed over: it is to be decoded after all.
    pub(crate) fn take_last(&mut self) -> Option<Presentation> {
        self.passed_over.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(ms: u64) -> Presentation {
        Presentation { due: Duration::from_millis(ms), ..Presentation::default() }
    }

    #[test]
    fn few_hidden_frames_are_picked_and_the_newest_when_they_are_shown() {
        let mut selection = Selection::new(DecodePolicy::All);
        assert!(selection.picks(&frame(0)) && selection.set_hidden(true).is_none());
        let picked: Vec<_> = (1..60).map(|n| n * 40).filter(|ms| selection.picks(&frame(*ms))).collect();
        assert_eq!(picked, [1_000, 2_000]);
        assert_eq!(selection.set_hidden(false), Some(frame(59 * 40)));
        assert_eq!(selection.set_hidden(false), None);
        assert!(selection.picks(&frame(2_400)) && selection.picks(&frame(2_440)));
    }

    fn picked(policy: DecodePolicy) -> (Vec<u64>, Option<u64>) {
        let mut selection = Selection::new(policy);
        let picked = [0, 40, 80, 120, 160].into_iter().filter(|ms| selection.picks(&frame(*ms))).collect();
        (picked, selection.take_last().map(|last| last.due.as_millis() as u64))
    }

    #[test]
    fn a_policy_picks_its_frames() {
        assert_eq!(picked(DecodePolicy::All), (vec![0, 40, 80, 120, 160], None));
        assert_eq!(picked(DecodePolicy::Every(Duration::from_millis(80))), (vec![0, 80, 160], None));
        assert_eq!(picked(DecodePolicy::Every(Duration::from_millis(100))), (vec![0, 120], Some(160)));
        assert_eq!(picked(DecodePolicy::Nothing), (vec![], None));
    }
}
