//! The tables of a track (ISO/IEC 14496-12, 8.6 and 8.7).
use super::super::bytes::Bytes;
use super::super::codecs::Kind;
use super::super::samples::Samples;
use super::super::{MAX_SAMPLES, Refused, Told};
use super::boxes::{Boxes, Mp4Box};
use mp4_atom::{Co64, Ctts, CttsEntry, Stco, Stsc, Stsz, StszSamples, Stts, SttsEntry};
use pinhole::text::Count;

/// Adds the frames that the tables name, with their times in units of the track. Returns when the last one
/// ends.
pub(super) fn samples(
    bytes: &mut Bytes<'_, '_>,
    tables: Mp4Box,
    codecs: &[Kind],
    samples: &mut Samples,
) -> Result<u64, Refused> {
    let (mut sizes, mut chunks, mut groups) = (Sizes::None, Vec::new(), Vec::new());
    let (mut durations, mut offsets) = (Vec::new(), Vec::new());
    let mut children = Boxes::within(tables);
    while let Some(child) = children.next(bytes)? {
        match &child.name {
            b"stsz" => sizes = child.decode::<Stsz>(bytes)?.into(),
            b"stz2" => sizes = compact(bytes, child)?,
            b"stco" => {
                chunks = child.decode::<Stco>(bytes)?.entries.into_iter().map(u64::from).collect();
            }
            b"co64" => chunks = child.decode::<Co64>(bytes)?.entries,
            b"stsc" => groups = child.decode::<Stsc>(bytes)?.entries,
            b"stts" => durations = child.decode::<Stts>(bytes)?.entries,
            b"ctts" => offsets = child.decode::<Ctts>(bytes)?.entries,
            _ => {}
        }
    }
    let mut durations = Runs::of(
        durations
            .into_iter()
            .map(|SttsEntry { sample_count, sample_delta }| (sample_count, i64::from(sample_delta))),
    );
    let mut offsets = Runs::of(
        offsets.into_iter().map(|CttsEntry { sample_count, sample_offset }| (sample_count, sample_offset)),
    );
    let (mut n, mut time, mut end, mut others) = (0, 0_u64, 0, 0_u64);
    let mut groups = groups.into_iter().peekable();
    let mut group = None;
    'all: for (chunk, at) in (1_u32..).zip(chunks) {
        while let Some(next) = groups.next_if(|next| next.first_chunk <= chunk) {
            group = Some(next);
        }
        let Some(group) = &group else { continue };
        let description = usize::try_from(group.sample_description_index).unwrap_or(0).checked_sub(1);
        let codec = description.and_then(|description| codecs.get(description));
        let mut at = at;
        for _ in 0..group.samples_per_chunk {
            let Some(len) = sizes.get(n).filter(|_| n < MAX_SAMPLES) else { break 'all };
            n += 1;
            let duration = durations.next().unwrap_or(0).unsigned_abs();
            let shown = time.saturating_add_signed(offsets.next().unwrap_or(0));
            time = time.saturating_add(duration);
            if codec.is_none_or(|codec| *codec == Kind::MotionJpeg) {
                if !samples.add(bytes, at, len.into(), shown)? {
                    break 'all;
                }
                end = end.max(shown.saturating_add(duration));
            } else {
                others += 1;
            }
            at = at.saturating_add(len.into());
        }
    }
    if others > 0 {
        samples.tell(Told::of(format!(
            "{} left out",
            Count(others, "frame of another codec is", "frames of another codec are")
        )));
    }
    Ok(end)
}

/// The lengths of frames in bytes.
#[derive(Debug)]
enum Sizes {
    None,
    Same { count: usize, len: u32 },
    Each(Vec<u32>),
}

impl Sizes {
    fn get(&self, n: usize) -> Option<u32> {
        match self {
            Self::None => None,
            Self::Same { count, len } => (n < *count).then_some(*len),
            Self::Each(lens) => lens.get(n).copied(),
        }
    }
}

impl From<Stsz> for Sizes {
    fn from(sizes: Stsz) -> Self {
        match sizes.samples {
            StszSamples::Identical { count, size } => Self::Same { count: count as usize, len: size },
            StszSamples::Different { sizes } => Self::Each(sizes),
        }
    }
}

/// Reads lengths of 4, 8 or 16 bits (ISO/IEC 14496-12, 8.7.3.3).
fn compact(bytes: &mut Bytes<'_, '_>, found: Mp4Box) -> Result<Sizes, Refused> {
    let body = found.bytes(bytes)?;
    let Some(([_, _, _, _, _, _, _, bits, a, b, c, d], fields)) = body.split_first_chunk() else {
        return Err(found.damaged("it is too short"));
    };
    let lens: Vec<u32> = match bits {
        4 => fields.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(u32::from).collect(),
        8 => fields.iter().copied().map(u32::from).collect(),
        16 => fields.as_chunks().0.iter().map(|len| u16::from_be_bytes(*len).into()).collect(),
        _ => return Err(found.damaged("its lengths have another size than 4, 8 and 16 bits")),
    };
    let count = u32::from_be_bytes([*a, *b, *c, *d]) as usize;
    Ok(Sizes::Each(lens.into_iter().take(count.min(MAX_SAMPLES)).collect()))
}

/// Values, each for a number of frames; the last one is for all further frames.
struct Runs {
    runs: std::vec::IntoIter<(u32, i64)>,
    left: u32,
    value: Option<i64>,
}

impl Runs {
    fn of(runs: impl Iterator<Item = (u32, i64)>) -> Self {
        let runs: Vec<_> = runs.filter(|(count, _)| *count > 0).collect();
        Self { runs: runs.into_iter(), left: 0, value: None }
    }

    fn next(&mut self) -> Option<i64> {
        if self.left == 0
            && let Some((count, value)) = self.runs.next()
        {
            (self.left, self.value) = (count, Some(value));
        }
        self.left = self.left.saturating_sub(1);
        self.value
    }
}
