//! What the tests have in common.
use pinhole::sdp::FrameRate;
use pinhole::time::Duration;
use pinhole_sim::clip::Clip;
use pinhole_sim::faults::Faults;
use pinhole_std::media::Normalising;
use std::path::Path;

/// The first `count` frames of the sample.
pub(crate) fn sample(count: usize) -> Clip {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../video/bunny288.mjpeg");
    let as_it_is = Normalising { strips: false, ..Normalising::default() };
    Clip::open(Path::new(path), FrameRate(30_000), as_it_is).unwrap().first(count)
}

/// A quick network, and a seed.
pub(crate) const NO_FAULTS: (Faults, u64) = {
    let mut faults = Faults::NONE;
    faults.delay = Duration::from_micros(150);
    (faults, 1)
};
