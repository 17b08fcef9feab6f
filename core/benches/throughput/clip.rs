//! Reads the clips that are measured.
use pinhole::media::{FrameReader, SliceReader};
use std::path::Path;

const MAX_FRAME: u32 = 1 << 24;

/// Reads a clip of any kind that [`FrameReader`] knows.
pub(crate) fn read(path: &Path) -> Result<Vec<Vec<u8>>, String> {
    let file = std::fs::read(path).map_err(|error| error.to_string())?;
    let reader = SliceReader::new(&file);
    let mut reader =
        FrameReader::new(reader, vec![0; 1 << 16], MAX_FRAME).map_err(|error| format!("{error:?}"))?;
    let mut spans = Vec::new();
    while let Some(span) = reader.next().map_err(|error| format!("{error:?}"))? {
        spans.push(span);
    }
    let frames = spans.into_iter().map(|span| {
        let mut frame = vec![0; span.len as usize];
        let len = reader.read_frame(span, &mut frame).map_err(|error| format!("{error:?}"))?;
        frame.truncate(len);
        Ok(frame)
    });
    frames.collect()
}

/// The mean length of a frame in bytes.
pub(crate) fn mean_len(clip: &[Vec<u8>]) -> usize {
    total_len(clip) / clip.len().max(1)
}

/// The length of all frames in bytes.
fn total_len(clip: &[Vec<u8>]) -> usize {
    clip.iter().map(Vec::len).sum()
}
