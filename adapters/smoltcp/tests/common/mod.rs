//! Common to the tests.
use pinhole::sdp::FrameRate;
use pinhole::time::Duration;
use pinhole_sim::clip::Clip;
use pinhole_sim::faults::Faults;
use pinhole_std::media::NormaliseOptions;
use std::path::Path;

/// Returns the first `count` frames of the sample clip.
#[allow(dead_code, reason = "not every test needs it")]
pub(crate) fn sample(count: usize) -> Clip {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../video/bunny288.mjpeg");
    let as_it_is = NormaliseOptions { restart_intervals: false, ..NormaliseOptions::default() };
    Clip::open(Path::new(path), FrameRate(30_000), as_it_is).unwrap().first(count)
}

/// A fast network without faults, and a seed.
#[allow(dead_code, reason = "not every test needs it")]
pub(crate) const NO_FAULTS: (Faults, u64) = {
    let mut faults = Faults::NONE;
    faults.delay = Duration::from_micros(150);
    (faults, 1)
};
