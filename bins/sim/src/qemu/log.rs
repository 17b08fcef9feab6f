//! The firmware's log. Its entries name their texts by numbers; the texts are in the image.
use defmt_decoder::{DecodeError, Table};
use std::fmt;
use std::io::Read;

/// Decodes the log of one image.
pub(super) struct Log(Table);

/// An entry of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// The time on the firmware's clock.
    time: String,
    level: &'static str,
    /// The text.
    pub(super) text: String,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>12} {:<5} {}", self.time, self.level, self.text)
    }
}

impl Log {
    /// Creates a decoder for the log of `image`.
    ///
    /// # Errors
    /// Returns an error if `image` is not an image with a log.
    pub(super) fn new(image: &[u8]) -> Result<Self, String> {
        let table = Table::parse(image).map_err(|error| format!("no image of a firmware: {error}"))?;
        table.map(Self).ok_or_else(|| "the image has no log by defmt".to_owned())
    }

    /// Reads `from` to its end, and calls `tell` with each entry until it returns `false`. Malformed bytes
    /// are skipped.
    pub(super) fn read(&self, mut from: impl Read, mut tell: impl FnMut(Line) -> bool) {
        let mut decoder = self.0.new_stream_decoder();
        let mut bytes = [0; 1024];
        while let Ok(len @ 1..) = from.read(&mut bytes) {
            decoder.received(&bytes[..len]);
            loop {
                let line = match decoder.decode() {
                    Ok(frame) => Line {
                        time: frame.display_timestamp().map_or_else(String::new, |time| time.to_string()),
                        level: frame.level().map_or("", |level| level.as_str()),
                        text: frame.display_message().to_string(),
                    },
                    Err(DecodeError::UnexpectedEof) => break,
                    Err(DecodeError::Malformed) => continue,
                };
                if !tell(line) {
                    return;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_files_are_refused() {
        assert!(Log::new(b"not an ELF file").is_err());
    }
}
