//! Media files: where their frames are.
//!
//! - [`FrameReader`] finds the frames of a file in any [`Container`], through the traits `Read` and
//!   `Seek` of `embedded_io`. An AVI file can have a clock of its own, a [`FrameClock`].
//! - [`Detector`] finds where the frames of a file or stream begin, past rubbish, and in which container.
//!   [`Dechunker`] takes the chunks of a captured HTTP response apart.
//! - [`SliceReader`] implements these traits for a slice, such as a file that is mapped to memory.
mod avi;
mod clock;
mod container;
mod dechunk;
mod detect;
mod error;
mod line;
mod reader;
mod slice;
mod window;

pub use clock::FrameClock;
pub use container::Container;
pub use dechunk::Dechunker;
pub use detect::{Detector, Start};
pub use error::{MediaError, MediaErrorKind, ReadError};
pub use reader::{FrameReader, FrameSpan};
pub use slice::SliceReader;
