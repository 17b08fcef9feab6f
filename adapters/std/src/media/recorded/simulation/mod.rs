//! What fuzz targets, and the soak of `pinhole-sim`, call: each function does what an input or a function says, on a
//! simulated disk and without threads, and tells by a panic or an error if something does not hold that must. The
//! same choices have the same effect each time.
//!
//! This is compiled for tests and with the feature `simulation` only. Inputs that once showed a fault are tests
//! here.
mod disk;
mod input;
mod jobs;
mod loaders;
mod reading;
mod serving;
mod soaking;
#[cfg(test)]
mod tests;

pub use loaders::loaders;
pub use reading::media;
pub use serving::server;
pub use soaking::{Broken, Soaked, soak};

use super::super::normalise::NormaliseOptions;

/// Everything that is done to frames is on.
const fn normalising(max_packet: u16) -> NormaliseOptions {
    NormaliseOptions { restart_intervals: true, max_packet, transcode: true }
}
