//! Movie fragments (ISO/IEC 14496-12, 8.8).
use super::super::Refused;
use super::super::bytes::Bytes;
use super::super::samples::Samples;
use super::Track;
use super::boxes::{Boxes, Mp4Box};
use mp4_atom::{Tfdt, Tfhd, Trex, Trun, TrunSamples};

/// Reads the fragments of one track.
pub(super) struct Fragments {
    track: u32,
    /// What holds where a fragment says nothing, for each track.
    defaults: Vec<Trex>,
    /// Whether the track has frames besides.
    is_continued: bool,
}

impl Fragments {
    pub(super) fn new(bytes: &mut Bytes<'_, '_>, track: &Track, defaults: &[Mp4Box]) -> Self {
        let defaults = defaults.iter().filter_map(|trex| trex.decode::<Trex>(bytes).ok()).collect();
        Self { track: track.id, defaults, is_continued: false }
    }

    /// Adds the frames of all fragments. `end` is when the frames before them end. Returns when the last one
    /// ends.
    pub(super) fn samples(
        mut self,
        bytes: &mut Bytes<'_, '_>,
        fragments: &[Mp4Box],
        end: u64,
        samples: &mut Samples,
    ) -> Result<u64, Refused> {
        self.is_continued = !samples.all.is_empty();
        let before = samples.all.len();
        let mut next = end;
        for fragment in fragments {
            // What cannot be read costs this fragment.
            if let Err(refused) = self.fragment(bytes, *fragment, &mut next, samples) {
                match refused {
                    Refused::Damaged(told) => samples.tell(told),
                    other => return Err(other),
                }
            }
        }
        if self.is_continued {
            return Ok(next);
        }
        // A part of a longer recording has the times of the whole.
        let added = samples.all.get_mut(before..).unwrap_or_default();
        let first = added.iter().map(|sample| sample.time).min().unwrap_or(0);
        added.iter_mut().for_each(|sample| sample.time -= first);
        Ok(next.saturating_sub(first))
    }

    /// Adds the frames of one fragment. `next` is when the next one begins if it does not say so.
    fn fragment(
        &self,
        bytes: &mut Bytes<'_, '_>,
        fragment: Mp4Box,
        next: &mut u64,
        samples: &mut Samples,
    ) -> Result<(), Refused> {
        // Where data begin that nothing else is said of.
        let mut data = fragment.at;
        let mut children = Boxes::within(fragment);
        while let Some(child) = children.next(bytes)? {
            if child.name == *b"traf" {
                data = self.track(bytes, fragment, child, data, next, samples)?;
            }
        }
        Ok(())
    }

    /// Adds the frames of one track in a fragment, if it is the one. Returns where its data end.
    fn track(
        &self,
        bytes: &mut Bytes<'_, '_>,
        fragment: Mp4Box,
        parent: Mp4Box,
        data: u64,
        next: &mut u64,
        samples: &mut Samples,
    ) -> Result<u64, Refused> {
        let (mut header, mut runs, mut start) = (None, Vec::new(), None);
        let mut children = Boxes::within(parent);
        while let Some(child) = children.next(bytes)? {
            match &child.name {
                b"tfhd" => header = Some(child.decode::<Tfhd>(bytes)?),
                b"tfdt" => start = Some(child.decode::<Tfdt>(bytes)?.base_media_decode_time),
                b"trun" => runs.push(child),
                _ => {}
            }
        }
        let Some(header) = header else { return Err(parent.damaged("it has no header")) };
        let is_served = header.track_id == self.track;
        let base = match header.base_data_offset {
            Some(base) => base,
            None if header.default_base_is_moof => fragment.at,
            None => data,
        };
        let default = self.defaults.iter().find(|trex| trex.track_id == header.track_id);
        let or = |own: Option<u32>, of: fn(&Trex) -> u32| own.or(default.map(of)).unwrap_or(0);
        let duration = or(header.default_sample_duration, |trex| trex.default_sample_duration);
        let size = or(header.default_sample_size, |trex| trex.default_sample_size);
        let (mut at, mut time) = (base, start.unwrap_or(*next));
        for run in runs {
            let trun = run.decode::<Trun>(bytes)?;
            if let Some(offset) = trun.data_offset {
                at = base.saturating_add_signed(offset.into());
            }
            if let (TrunSamples::Inherited { count, .. }, false) = (&trun.samples, is_served) {
                at = at.saturating_add(u64::from(*count).saturating_mul(size.into()));
                continue;
            }
            for sample in &trun.samples {
                let len = u64::from(sample.size.unwrap_or(size));
                let duration = u64::from(sample.duration.unwrap_or(duration));
                if is_served {
                    let shown = time.saturating_add_signed(sample.cts.unwrap_or(0));
                    if !samples.add(bytes, at, len, shown)? {
                        return Ok(at);
                    }
                }
                at = at.saturating_add(len);
                time = time.saturating_add(duration);
            }
        }
        if is_served {
            *next = (*next).max(time);
        }
        Ok(at)
    }
}
