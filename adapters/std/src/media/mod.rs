//! What a server serves: files and directories on disk, live inputs and test patterns, each under a
//! name; and files that are prepared ahead of time.
mod directory;
mod library;
mod live;
mod medium;
mod memory;
mod normalise;
#[cfg(feature = "pattern")]
mod pattern;
mod prepare;
mod problem;
mod recorded;
mod transcode;
mod wakers;

pub use library::{Library, Mounted, Playback};
pub use live::{InputEvent, InputTrouble};
pub use memory::default_cache;
pub use normalise::NormaliseOptions;
#[cfg(feature = "pattern")]
pub use pattern::{PatternFormat, PatternFormatError};
pub use prepare::{PrepareError, PrepareOptions, Prepared, Progress, prepare};
pub use problem::Problem;
