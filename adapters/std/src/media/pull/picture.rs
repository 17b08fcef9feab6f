//! Makes frames of the pictures that come from an RTSP source.
use super::super::header::standard_header;
use super::super::live::{Feed, InputTrouble, LiveFrame};
use super::super::memory::{self, NoMemory};
use super::super::normalise::{MAX_FRAME, NormaliseOptions, NormalisedFrame, Normaliser};
use super::super::problem::Problem;
use super::conceal::conceal;
use pinhole::codec::jpeg::{self, JpegInfo, Missing};
use pinhole::frame::{FrameEnd, FrameSink, Full, Integrity};
use pinhole::time::Instant;
use std::mem;
use std::path::Path;
use std::sync::Arc;

/// Room is made for a frame that is longer than the one before it by one part in so many.
const SLACK: usize = 8;

/// The frame of a source that is being received.
#[derive(Default)]
pub(super) struct Open {
    /// When it is shown, by the clock of the source; `None` if no frame is open.
    time: Option<u64>,
    data: Vec<u8>,
    /// The frame that was passed on before it.
    before: Option<Arc<LiveFrame>>,
    /// How many frames have come.
    frames: u64,
}

impl Open {
    pub(super) const fn frames(&self) -> u64 {
        self.frames
    }
}

/// Where the client of a source puts what it receives.
pub(super) struct Sink<'a> {
    pub(super) open: &'a mut Open,
    pub(super) feed: &'a Feed,
    /// The track that is passed on.
    pub(super) track: u8,
    pub(super) now: Instant,
}

impl FrameSink for Sink<'_> {
    fn begin(&mut self, track: u8, time: u64) -> Result<(), Full> {
        if track != self.track {
            return Err(Full);
        }
        let Open { time: open, data, before, .. } = &mut *self.open;
        data.clear();
        // It is passed on as it lies here, so that it should not have to move while it grows.
        let len = before.as_ref().map_or(0, |before| before.data().len());
        // Where there is no memory for it, that is told when it comes.
        let _ = data.try_reserve(len + len / SLACK);
        *open = Some(time);
        Ok(())
    }

    fn write_at(&mut self, track: u8, at: usize, bytes: &[u8]) -> Result<(), Full> {
        let end = at.checked_add(bytes.len()).filter(|end| *end <= MAX_FRAME as usize).ok_or(Full)?;
        if track != self.track || self.open.time.is_none() {
            return Err(Full);
        }
        let data = &mut self.open.data;
        if at == data.len() {
            return memory::extend(data, bytes).map_err(|NoMemory| Full);
        }
        memory::resize(data, data.len().max(end)).map_err(|NoMemory| Full)?;
        data.get_mut(at..end).ok_or(Full)?.copy_from_slice(bytes);
        Ok(())
    }

    fn finish(&mut self, track: u8, end: FrameEnd<'_>) {
        let Some(time) = self.open.time.take_if(|_| track == self.track) else { return };
        let Open { data, before, frames, .. } = &mut *self.open;
        let number = *frames;
        *frames += 1;
        data.truncate(end.len);
        if let Some(normalised) = normalised(data, &end) {
            *data = normalised;
        }
        let shown = before.as_ref().map_or(&[][..], |before| before.data());
        match picture(data, &end, shown) {
            Ok((mut frame, damaged)) => {
                if frame.data.capacity() > frame.data.len() + 2 * (frame.data.len() / SLACK) {
                    frame.data.shrink_to_fit();
                }
                let added = self.feed.timed_frame(frame, self.now, time, damaged);
                *before = added.or(before.take());
            }
            Err(reason) => {
                let problem = Some(Problem::frame(Path::new("source"), number, 0, reason));
                self.feed.trouble(InputTrouble { left_out: 1, problem, ..InputTrouble::default() });
            }
        }
    }

    fn abandon(&mut self, track: u8) {
        self.open.time.take_if(|_| track == self.track);
    }
}

/// Returns a whole picture as it can be sent, if it came as a file of the source's own: such a file may have other
/// Huffman tables than RTP has. `None` if it is as it is made of packets, or cannot be sent.
fn normalised(data: &[u8], end: &FrameEnd<'_>) -> Option<Vec<u8>> {
    let is_whole = end.flags.integrity == Integrity::Complete;
    let is_of_packets = || {
        let info = JpegInfo::locate(data)?;
        Some(data.starts_with(&standard_header(data, &info)?))
    };
    if !is_whole || is_of_packets() == Some(true) {
        return None;
    }
    let mut normaliser = Normaliser::new(NormaliseOptions::default());
    Some(memory::copy(normaliser.normalise(data).ok()?.data).ok()?.into_vec())
}

/// Returns a frame as it is passed on, and whether strips of it are missing. Those of the frame `before` are in their
/// place then, or empty ones if they do not fit: the restart intervals that came stay as they are. A whole frame is
/// taken out of `data`.
///
/// # Errors
/// Why it cannot be passed on.
fn picture(data: &mut Vec<u8>, end: &FrameEnd<'_>, before: &[u8]) -> Result<(NormalisedFrame, bool), String> {
    let info = JpegInfo::locate(data).ok_or("it is no picture that RTP can carry")?;
    match end.flags.integrity {
        Integrity::Complete => Ok((NormalisedFrame { data: mem::take(data), info }, false)),
        Integrity::Damaged => {
            let reason = match info.restart_interval {
                0 => "packets of it were lost, and it has no restart markers to go on at",
                _ => "packets of it were lost, and it is not known what they had",
            };
            Err(reason.to_owned())
        }
        Integrity::Partial => {
            let missing = Missing::locate(data, &info, end.missing)
                .ok_or("its restart markers do not fit what is missing of it")?;
            let mut mended = Vec::new();
            if !conceal(data, &info, &missing, before, &mut mended) {
                let most = jpeg::mend_max_len(&info, &missing, data.len());
                memory::resize(&mut mended, most).map_err(|error| error.to_string())?;
                let len =
                    jpeg::mend(data, &info, &missing, &mut mended).map_err(|error| error.to_string())?;
                mended.truncate(len);
            }
            let info = JpegInfo::locate(&mended).ok_or("it cannot be mended")?;
            Ok((NormalisedFrame { data: mended, info }, true))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pinhole::frame::Flags;

    fn came(data: &[u8], integrity: Integrity) -> Option<Vec<u8>> {
        let flags = Flags::INTRA.with_integrity(integrity);
        normalised(data, &FrameEnd { len: data.len(), duration: 0, flags, missing: &[] })
    }

    #[test]
    fn a_file_of_the_sources_own_gets_the_tables_of_rtp() {
        let own =
            include_bytes!("../../../../../core/src/codec/jpeg/testdata/cjpeg-420-optimal-restart3.jpg");
        let sent = came(own, Integrity::Complete).expect("its Huffman tables are its own");
        let info = JpegInfo::locate(&sent).unwrap();
        assert!(sent.starts_with(&standard_header(&sent, &info).unwrap()));
        let pixels = |data: &[u8]| zune_jpeg::JpegDecoder::new(std::io::Cursor::new(data)).decode().unwrap();
        assert!(pixels(&sent) == pixels(own));
        // What is made of packets stays, and so does what is not whole or no picture.
        assert_eq!(came(&sent, Integrity::Complete), None);
        assert_eq!(came(own, Integrity::Damaged), None);
        assert_eq!(came(b"\xFF\xD8\xFFnothing", Integrity::Complete), None);
    }
}
