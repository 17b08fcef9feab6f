//! Which of the due frames are decoded.
use crate::model::Presentation;
use std::time::Duration;

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
        match (self.policy, self.picked) {
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

    /// Returns the last frame of the stream if it was passed over: it is to be decoded after all.
    pub(crate) fn take_last(&mut self) -> Option<Presentation> {
        self.passed_over.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picked(policy: DecodePolicy) -> (Vec<u64>, Option<u64>) {
        let frame = |ms| Presentation { due: Duration::from_millis(ms), ..Presentation::default() };
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
