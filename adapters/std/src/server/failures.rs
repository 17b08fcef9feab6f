//! Why the media of a connection have failed.
use crate::media::Problem;

/// The media that have failed streams of one connection since they were played, and why. It is kept because a
/// client that does not read its BYE is told to have ended later.
#[derive(Debug, Default)]
pub(super) struct Failures(Vec<(u16, Problem)>);

impl Failures {
    /// Notes which media have failed, and why. Of each medium, the newest reason counts.
    pub(super) fn note(&mut self, failed: Vec<(u16, Problem)>) {
        for (media, problem) in failed {
            self.forget(media);
            self.0.push((media, problem));
        }
    }

    /// Forgets why a medium has failed: it is played anew.
    pub(super) fn forget(&mut self, media: u16) {
        self.0.retain(|(known, _)| *known != media);
    }

    /// Returns why a medium has failed; `None` if it has not.
    pub(super) fn of(&self, media: u16) -> Option<&Problem> {
        self.0.iter().find(|(known, _)| *known == media).map(|(_, problem)| problem)
    }
}
