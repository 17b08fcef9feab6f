//! A sample clip as a server holds it, and what is left of it at a client.
use pinhole::frame::{Format, Frame, FrameId, FrameStore, Miss, Seek, TrackId};
use pinhole::jpeg::{self, JpegInfo, RecodeOptions};
use pinhole::media::{FrameReader, SliceReader};
use pinhole::time::{Duration, MediaTime};

const INTERVAL: Duration = Duration::from_micros(33_333);

/// Frames as RTP/JPEG can carry them.
#[derive(Debug)]
pub struct Clip {
    frames: Vec<(Vec<u8>, JpegInfo)>,
    repeat: bool,
}

impl Clip {
    /// The first `count` frames of the sample.
    pub fn sample(count: usize) -> Self {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../video/bunny288.mjpeg");
        let file = std::fs::read(path).unwrap();
        let mut reader = FrameReader::new(SliceReader::new(&file), [0; 4096], 1 << 20).unwrap();
        let mut frames = vec![];
        while let Some(span) = reader.next().unwrap().filter(|_| frames.len() < count) {
            let data = &file[span.at as usize..][..span.len as usize];
            let inspected = jpeg::inspect(data).unwrap();
            if inspected.needs_recode() {
                let mut out = vec![0; jpeg::recode_max_len(data.len())];
                let done = jpeg::recode(data, &mut out, RecodeOptions::default()).unwrap();
                out.truncate(done.len);
                frames.push((out, done.info));
            } else {
                frames.push((data.to_vec(), inspected.info));
            }
        }
        assert_eq!(frames.len(), count);
        Self { frames, repeat: false }
    }

    /// The same over and over: a live source that goes back no further than its newest frame.
    pub fn repeated(self) -> Self {
        Self { repeat: true, ..self }
    }

    pub fn len(&self) -> usize {
        self.frames.len()
    }

    pub fn size(&self) -> (u16, u16) {
        (self.frames[0].1.width, self.frames[0].1.height)
    }

    pub fn duration(&self) -> Option<Duration> {
        (!self.repeat).then_some(INTERVAL.scaled(self.frames.len() as u64, 1))
    }

    /// Which frame a received one is by its time.
    pub fn at(pts: MediaTime) -> usize {
        let interval = INTERVAL.as_micros();
        ((pts.as_micros() + interval / 2) / interval) as usize
    }

    /// Whether the pictures are the same: size, quantisation, and every byte of the scan. The
    /// segments around them are the receiver's.
    pub fn matches(&self, index: usize, received: &Frame<'_>) -> bool {
        let (data, info) = &self.frames[index % self.frames.len()];
        let Format::Jpeg(told) = received.format else { return false };
        let read = jpeg::inspect(received.data).unwrap();
        assert!(!read.needs_recode());
        assert_eq!(read.info, told, "what is said of a frame is what is in it");
        picture(data, info) == picture(received.data, &read.info)
    }
}

fn picture<'a>(data: &'a [u8], info: &JpegInfo) -> (impl PartialEq + use<>, [&'a [u8]; 3]) {
    let part = |at: u32, len: u32| &data[at as usize..][..len as usize];
    let parts = [part(info.luma_table, 64), part(info.chroma_table, 64), part(info.scan, info.scan_len)];
    ((info.width, info.height, info.sampling, info.restart_interval), parts)
}

impl FrameStore for Clip {
    fn frame(&self, _: TrackId, id: FrameId) -> Result<Frame<'_>, Miss> {
        let count = self.frames.len() as u64;
        let index = if self.repeat { id.0 % count } else { id.0 };
        let (data, info) = self.frames.get(index as usize).ok_or(Miss::End)?;
        let pts = MediaTime::ZERO + INTERVAL.scaled(id.0, 1);
        Ok(Frame::jpeg(data, *info, pts, INTERVAL))
    }

    fn seek(&self, _: TrackId, to: Seek) -> FrameId {
        let end = if self.repeat { u64::MAX } else { self.frames.len() as u64 };
        match to {
            Seek::Live => FrameId(0),
            Seek::To(time) => FrameId(time.as_micros().div_ceil(INTERVAL.as_micros()).min(end)),
        }
    }
}
