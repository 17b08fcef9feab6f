//! What a server serves: files and directories on disk, live inputs and test patterns, each under a name in
//! a [`Library`]. [`prepare()`] normalises a file ahead of time, so that it is later served as it is.
#[cfg(all(feature = "v4l2", target_os = "linux"))]
mod camera;
mod directory;
mod directory_content;
mod foreign;
#[cfg(any(feature = "http", feature = "pull"))]
mod header;
#[cfg(feature = "http")]
mod held;
mod library;
// What is for sources of the network is needed by them only.
#[cfg_attr(not(feature = "pull"), allow(dead_code))]
mod live;
mod medium;
mod memory;
mod normalise;
mod orientation;
#[cfg(feature = "pattern")]
mod pattern;
mod prepare;
mod problem;
#[cfg(feature = "pull")]
mod pull;
mod recorded;
mod transcode;
mod waiting;
mod wakers;

#[cfg(all(feature = "v4l2", target_os = "linux"))]
pub use camera::CameraOptions;
pub use directory_content::{DirectoryContent, DirectoryWatch};
#[cfg(feature = "http")]
pub(crate) use header::standard_header;
#[cfg(feature = "http")]
pub(crate) use held::HeldFrame;
#[cfg(feature = "metrics")]
pub(crate) use library::MediaNames;
#[cfg(feature = "server")]
pub(crate) use library::PublishedMedia;
pub use library::{Directory, DirectoryChanges, Ignored, Library, Losses, Mounted, Playback};
#[cfg(feature = "server")]
pub(crate) use live::Supply;
pub use live::{InputEvent, InputTrouble};
#[cfg(feature = "server")]
pub(crate) use memory::is_available;
pub use memory::{default_cache, usable_memory};
pub use normalise::NormaliseOptions;
#[cfg(feature = "pattern")]
pub use pattern::{PatternFormat, PatternFormatError};
pub use prepare::{PrepareError, PrepareOptions, Prepared, Progress, prepare};
pub use problem::Problem;
#[cfg(feature = "pull")]
pub use pull::{SourceOptions, SourceUrl, SourceUrlError};
pub use recorded::Indexing;
#[cfg(feature = "metrics")]
pub(crate) use recorded::LoadingMeter;
#[cfg(feature = "simulation")]
pub use recorded::simulation;
