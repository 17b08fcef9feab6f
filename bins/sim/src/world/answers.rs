//! The answers of a simulated application.
use crate::clip::Clip;
use fastrand::Rng;
use pinhole::rtsp::Url;
use pinhole::sdp::{AddressType, Presentation, Track};
use pinhole::time::Duration;

/// The answers of a simulated application that has one medium, at `/clip`. Implement
/// [`Catalog`](pinhole::server::Catalog) for the application by calling the methods of this type.
#[derive(Clone, Debug)]
pub struct Answers {
    /// The duration of the medium, which DESCRIBE states; `None` if it is live.
    pub duration: Option<Duration>,
    tracks: [Track<'static>; 1],
    random: Rng,
}

impl Answers {
    /// Creates the server's answers to requests for `clip`. `duration` is the duration of the medium that
    /// DESCRIBE states, which need not be that of the clip. With `None`, DESCRIBE states a live medium. The
    /// pseudo-random numbers follow from `seed`.
    pub fn new(clip: &Clip, duration: Option<Duration>, seed: u64) -> Self {
        Self { duration, tracks: [clip.track()], random: Rng::with_seed(seed) }
    }

    /// Returns the next pseudo-random number. For the same seed, the sequence is the same.
    pub fn random(&mut self) -> u64 {
        self.random.u64(..)
    }

    /// Returns the number of the medium, which is 0, if the path of `url` is `/clip`. Returns `None` for
    /// any other path: refuse the request then.
    pub fn find(&self, url: &Url<'_>) -> Option<u16> {
        url.path_is("clip").then_some(0)
    }

    /// Returns the session description of the medium, for DESCRIBE.
    pub const fn describe(&self) -> Presentation<'_> {
        Presentation {
            name: "clip",
            session_id: 1,
            version: 1,
            address_type: AddressType::Ip4,
            duration: self.duration,
            tracks: &self.tracks,
        }
    }
}
