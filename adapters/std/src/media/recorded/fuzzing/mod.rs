//! What fuzz targets call: each function does what an input says, on a simulated disk and without threads, and
//! panics if something does not hold that must. The same input has the same effect each time.
//!
//! This is compiled for tests and with `--cfg fuzzing` only. Inputs that once showed a fault are tests here.
mod disk;
mod input;
mod loaders;
mod reading;
mod serving;
#[cfg(test)]
mod tests;

pub use loaders::loaders;
pub use reading::media;
pub use serving::server;

use super::super::normalise::NormaliseOptions;

/// Everything that is done to frames is on.
const fn normalising(max_packet: u16) -> NormaliseOptions {
    NormaliseOptions { restart_intervals: true, max_packet, transcode: true }
}
