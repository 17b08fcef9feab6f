//! Media files: where their frames are.
//!
//! - [`FrameReader`] finds the frames of a file in any [`Container`], through the traits `Read` and
//!   `Seek` of `embedded_io`. An AVI file can have a clock of its own, a [`FrameClock`].
//! - [`SliceReader`] implements these traits for a slice, such as a file that is mapped to memory.
mod avi;
mod clock;
mod container;
mod error;
mod reader;
mod slice;
mod window;

pub use clock::FrameClock;
pub use container::{Container, DETECT_LEN, detect};
pub use error::{MediaError, MediaErrorKind, ReadError};
pub use reader::{FrameReader, FrameSpan};
pub use slice::SliceReader;
