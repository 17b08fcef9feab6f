//! Edit lists: which part of a track is shown, and when (ISO/IEC 14496-12, 8.6.6).
use super::super::bytes::Bytes;
use super::super::{MAX_SAMPLES, Refused, Sample};
use super::Track;
use mp4_atom::{Elst, ElstEntry};

/// How often a frame may be shown, on average.
const MAX_REPEATED: usize = 16;

/// The edits of a track, in its units of time.
#[derive(Default)]
pub(super) struct Edits(Vec<Edit>);

/// A part of a track, or a pause.
#[derive(Clone, Copy)]
struct Edit {
    /// Where it begins in the track; `None` for a pause.
    from: Option<u64>,
    /// For how long it is shown; `None` if that is up to the end of the track.
    shown: Option<u64>,
}

impl Edits {
    /// Reads the edit list of a track. `timescale` is how many units of the movie's time are a second.
    pub(super) fn read(bytes: &mut Bytes<'_, '_>, track: &Track, timescale: u32) -> Result<Self, Refused> {
        let Some(list) = track.edits else { return Ok(Self(Vec::new())) };
        let in_track = |duration: u64| {
            let units = u128::from(duration) * u128::from(track.timescale) / u128::from(timescale.max(1));
            u64::try_from(units).unwrap_or(u64::MAX)
        };
        let entries = list.decode::<Elst>(bytes)?.entries;
        let edit = |ElstEntry { segment_duration, media_time, .. }: ElstEntry| {
            // Without a duration, in a file of fragments, an edit lasts as long as the track does.
            let shown = (segment_duration > 0).then(|| in_track(segment_duration));
            Edit { from: media_time, shown }
        };
        Ok(Self(entries.into_iter().map(edit).collect()))
    }

    /// Returns the frames that are shown, and the end of the last one. `end` is that of the track.
    pub(super) fn apply(self, mut samples: Vec<Sample>, end: u64) -> (Vec<Sample>, u64) {
        if self.0.iter().all(|edit| edit.from.is_none()) {
            let pause = self.0.iter().fold(0_u64, |sum, edit| sum.saturating_add(edit.shown.unwrap_or(0)));
            samples.iter_mut().for_each(|sample| sample.time = sample.time.saturating_add(pause));
            return (samples, end.saturating_add(pause));
        }
        samples.sort_by_key(|sample| sample.time);
        let (mut edited, mut at) = (Vec::new(), 0_u64);
        let room = samples.len().saturating_mul(MAX_REPEATED).min(MAX_SAMPLES);
        for Edit { from, shown } in self.0 {
            let Some(from) = from else {
                at = at.saturating_add(shown.unwrap_or(0));
                continue;
            };
            let until = shown.map_or(end, |shown| from.saturating_add(shown).min(end)).max(from);
            // The frame that is shown at its start may have begun before.
            let first = samples.partition_point(|sample| sample.time <= from).saturating_sub(1);
            let rest = samples.get(first..).unwrap_or_default();
            let part = rest.iter().take_while(|sample| sample.time < until);
            edited.extend(part.take(room.saturating_sub(edited.len())).map(|sample| {
                let time = at.saturating_add(sample.time.saturating_sub(from));
                Sample { time, ..*sample }
            }));
            at = at.saturating_add(until - from);
        }
        (edited, at)
    }
}
