//! Frames that miss strips, shown with the picture before in the gaps.
use crate::decode::{Job, Picture, decode};
use pinhole::codec::jpeg::{Area, JpegInfo, Missing, mend, mend_max_len};

/// What of a frame is missing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gaps {
    /// How the frame is coded.
    pub(crate) info: JpegInfo,
    /// Its restart intervals that did not come.
    pub(crate) missing: Missing,
}

/// Frames that were mended, and strips in them. A strip is a row of restart intervals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mended {
    pub(crate) frames: u64,
    pub(crate) strips: u64,
}

impl Mended {
    /// Counts a frame.
    pub(crate) fn add(&mut self, missing: &Missing) {
        self.frames = self.frames.saturating_add(1);
        self.strips = self.strips.saturating_add(missing.ranges().count() as u64);
    }
}

/// Decodes frames, and fills the gaps of each from the one before.
#[derive(Debug, Default)]
pub(crate) struct Mender {
    /// The last picture, which shares its pixels with whoever shows it.
    before: Picture,
    /// A frame with grey in its gaps; the buffer is used again.
    file: Vec<u8>,
}

impl Mender {
    /// As [`decode`], with the gaps filled where the picture before had the same size.
    pub(crate) fn decode(&mut self, job: &Job, picture: &mut Picture) -> Result<(), String> {
        match job.gaps.and_then(|gaps| Some((gaps, self.fill(&gaps, &job.data)?))) {
            Some((Gaps { info, missing }, len)) => {
                decode(self.file.get(..len).unwrap_or_default(), picture)?;
                if (picture.width, picture.height) == (self.before.width, self.before.height) {
                    let (from, width) = (&self.before.pixels, picture.width as usize);
                    missing.areas(&info).for_each(|area| copy(area, from, picture.pixels_mut(), width));
                }
            }
            None => decode(&job.data, picture)?,
        }
        self.before.clone_from(picture);
        Ok(())
    }

    /// Makes a file of it that decodes, and gives its length.
    fn fill(&mut self, gaps: &Gaps, data: &[u8]) -> Option<usize> {
        self.file.resize(mend_max_len(&gaps.info, &gaps.missing, data.len()), 0);
        let mended = mend(data, &gaps.info, &gaps.missing, &mut self.file);
        mended.inspect_err(|error| tracing::debug!(%error, "a frame cannot be mended")).ok()
    }
}

fn copy(area: Area, from: &[u32], to: &mut [u32], width: usize) {
    for row in usize::from(area.y)..usize::from(area.y) + usize::from(area.height) {
        let start = row * width + usize::from(area.x);
        let span = start..start + usize::from(area.width);
        if let (Some(to), Some(from)) = (to.get_mut(span.clone()), from.get(span)) {
            to.copy_from_slice(from);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::playback::selection::Showing;
    use crate::stream::fake::ORANGE;
    use pinhole::codec::jpeg::{MissingRange, RecodeOptions, recode, recode_max_len};

    const GREY: u32 = 0x0080_8080;

    /// The orange picture with an interval for each of its two MCUs, of which the second is missing.
    fn right_half_missing() -> Job {
        let mut data = vec![0; recode_max_len(ORANGE.len())];
        let done = recode(ORANGE, &mut data, RecodeOptions { restart_interval: Some(1) }).unwrap();
        data.truncate(done.len);
        let (info, scan) = (done.info, done.info.scan as usize);
        let marker = data[scan..].windows(2).position(|pair| pair == [0xFF, 0xD0]).unwrap();
        data[scan + marker + 2..].fill(0);
        let range = MissingRange { first: 1, count: 1, resume: info.scan_len };
        job(data, Some(Gaps { info, missing: Missing::new(&[range]).unwrap() }))
    }

    fn job(data: Vec<u8>, gaps: Option<Gaps>) -> Job {
        Job { showing: Showing::default(), arrived: None, data, gaps }
    }

    fn corners(mender: &mut Mender, job: &Job) -> (u32, u32) {
        let mut picture = Picture::default();
        mender.decode(job, &mut picture).unwrap();
        assert_eq!((picture.width, picture.height), (32, 16));
        (picture.pixels[0], picture.pixels[31])
    }

    #[test]
    fn a_gap_shows_the_picture_before_or_grey_where_there_is_none() {
        let mut mender = Mender::default();
        let (left, right) = corners(&mut mender, &right_half_missing());
        assert_eq!(right, GREY);
        let whole = job(ORANGE.to_vec(), None);
        assert_eq!(corners(&mut mender, &whole), (left, left));
        assert_eq!(corners(&mut mender, &right_half_missing()), (left, left));
        // What was filled counts as shown.
        assert_eq!(corners(&mut mender, &right_half_missing()), (left, left));
    }

    #[test]
    fn a_picture_of_another_size_fills_no_gap() {
        let mut mender = Mender::default();
        corners(&mut mender, &job(ORANGE.to_vec(), None));
        mender.before.width = 16;
        mender.before.height = 32;
        assert_eq!(corners(&mut mender, &right_half_missing()).1, GREY);
    }

    #[test]
    fn a_frame_that_cannot_be_mended_is_decoded_as_it_is() {
        let mut broken = right_half_missing();
        if let Some(gaps) = &mut broken.gaps {
            gaps.info.restart_interval = 0;
        }
        corners(&mut Mender::default(), &broken);
    }
}
