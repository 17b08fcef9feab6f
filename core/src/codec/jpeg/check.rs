//! Whether a buffer has a whole picture: what a sensor writes is not always one.
#[cfg(test)]
mod tests;

use super::inspect::Parsed;
use super::recode_error::RecodeError;
use super::segments::marker;
use super::{Extent, Inspected, JpegError};
use core::fmt;
use core::ops::Range;

/// How many bytes may follow the last MCU of a scan. Encoders fill the last byte with ones and write nothing more; where
/// a bit reader stands is known to a byte or two.
const MOST_LEFT: usize = 2;

/// Why a buffer has no whole picture, from [`check`]: the reason, and the offset of the part that causes it. Leave the
/// picture out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct CheckError {
    /// The offset of the faulty part, in bytes from the start of the buffer. In the scan (the entropy-coded data), it
    /// may be wrong by a few bytes.
    pub at: usize,
    /// The reason.
    pub reason: CheckErrorKind,
}

/// Why a buffer has no whole picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum CheckErrorKind {
    /// The buffer has no start of a picture: no SOI marker with another marker after it (FF D8 FF).
    NoStart,
    /// RTP cannot carry a picture of this kind, or its headers are cut short. The offset in this error is counted from
    /// the picture's start.
    Jpeg(JpegError),
    /// The scan cannot be decoded to its end: it is cut short, or has bytes of something else. The offset in this error
    /// is counted from the picture's start.
    Scan(RecodeError),
    /// The scan goes on after its last MCU (minimum coded unit). So it does if a sensor has stopped in the middle of a
    /// picture, and an older one's end is still in the buffer.
    OlderTail,
    /// The picture has no EOI marker (FF D9): its last bytes are not there yet.
    NoEnd,
}

impl fmt::Display for CheckError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.reason {
            CheckErrorKind::NoStart => f.write_str("no picture starts here"),
            CheckErrorKind::Jpeg(error) => write!(f, "{}", error.reason),
            CheckErrorKind::Scan(error) => write!(f, "{}", error.reason),
            CheckErrorKind::OlderTail => f.write_str("the scan goes on after its last MCU"),
            CheckErrorKind::NoEnd => f.write_str("the picture has no end"),
        }?;
        write!(f, " (byte {})", self.at)
    }
}

impl core::error::Error for CheckError {}

/// Checks that `buffer` has a whole picture, and returns where it is, from its SOI marker to its EOI marker. Use it on
/// what a sensor has written by DMA: a buffer may begin with junk, be filled up behind the picture, end in the middle
/// of it, or end in the rest of an older picture.
///
/// All MCUs (minimum coded units) are counted in one pass, without output and without decoding their coefficients.
/// One fault cannot be found: the rest of an older picture that begins with just the MCU at which the new one was cut. So
/// it may be in a still scene, where the two look alike.
///
/// A picture that passes can be sent, or [re-coded](super::recode()) if it [needs to be](Inspected::needs_recode).
///
/// # Errors
/// Returns why there is no whole picture that RTP can carry, at least after re-coding.
pub fn check(buffer: &[u8]) -> Result<(Range<usize>, Inspected), CheckError> {
    let start = (0..buffer.len()).find(|&at| is_start(buffer, at));
    let start = start.ok_or(CheckError { at: 0, reason: CheckErrorKind::NoStart })?;
    let picture = buffer.get(start..).unwrap_or_default();
    let error = |at: usize, reason| CheckError { at: start.saturating_add(at), reason };
    let in_headers = |fault: JpegError| error(fault.at, CheckErrorKind::Jpeg(fault));

    let parsed = &Parsed::new(picture).map_err(in_headers)?;
    let inspected = Inspected::of(parsed).map_err(in_headers)?;
    let extent = Extent::of(parsed, picture);
    if let Some(fault) = extent.fault {
        return Err(error(fault.at, CheckErrorKind::Scan(fault)));
    }
    let end = inspected.len.saturating_sub(if inspected.eoi { 2 } else { 0 });
    if extent.surplus > MOST_LEFT {
        return Err(error(end.saturating_sub(extent.surplus), CheckErrorKind::OlderTail));
    }
    if !inspected.eoi {
        return Err(error(end, CheckErrorKind::NoEnd));
    }
    Ok((start..start.saturating_add(inspected.len), inspected))
}

fn is_start(buffer: &[u8], at: usize) -> bool {
    buffer.get(at..).and_then(<[u8]>::first_chunk::<3>) == Some(&[0xFF, marker::SOI, 0xFF])
}
