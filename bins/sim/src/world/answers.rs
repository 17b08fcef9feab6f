//! What a simulated program answers for its server.
use crate::clip::Clip;
use pinhole::rtsp::Url;
use pinhole::sdp::{AddressType, Presentation, Track};
use pinhole::time::Duration;

/// One medium, at `/clip`: the answers of an
/// [`Application`](pinhole_smoltcp::server::Application) that has no other.
#[derive(Clone, Debug)]
pub struct Answers {
    /// How long the medium is; `None`: live.
    pub duration: Option<Duration>,
    tracks: [Track; 1],
    random: u64,
}

impl Answers {
    /// Of a clip, as it is or live, for so long.
    pub fn new(clip: &Clip, duration: Option<Duration>) -> Self {
        Self { duration, tracks: [clip.track()], random: 7 }
    }

    /// The next number: always the same ones, as nobody is there to guess them.
    pub const fn random(&mut self) -> u64 {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        self.random
    }

    /// The medium's number, if the URL names it.
    pub fn find(&self, url: &Url<'_>) -> Option<u16> {
        url.path_is("clip").then_some(0)
    }

    /// Describes it.
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
