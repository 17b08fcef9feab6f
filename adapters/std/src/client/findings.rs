//! What is found out about received frames before they are kept: whether they are whole, and why others are not.
use super::Cache;
use pinhole::client::{Intake, Prefetch};
use pinhole::codec::jpeg;
use pinhole::frame::{ByteRange, FrameEnd, FrameSink, Full, Integrity, Slot, TrackInfo};
use std::collections::HashMap;
use std::fmt;

/// How many different reasons are kept. Those of a broken or hostile server may all differ.
const MAX_REASONS: usize = 8;

/// What was found out about the frames of one track.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// Frames of which all packets came, and which are not whole pictures.
    pub(super) not_whole: u64,
    /// Why data could not be used, and how often.
    reasons: Vec<(String, u64)>,
}

impl Findings {
    /// Returns the most frequent reason for which data could not be used.
    pub(super) fn reason(&self) -> Option<&str> {
        let (reason, _) = self.reasons.iter().rev().max_by_key(|(_, count)| *count)?;
        Some(reason)
    }

    fn refuse(&mut self, reason: String) {
        if let Some((_, count)) = self.reasons.iter_mut().find(|(known, _)| *known == reason) {
            *count = count.saturating_add(1);
        } else if self.reasons.len() < MAX_REASONS {
            self.reasons.push((reason, 1));
        }
    }
}

/// The caches as a sink that looks at each frame once it has come.
pub(super) struct Inspecting<'a> {
    intake: Intake<'a, Vec<Slot>, Vec<u8>>,
    findings: &'a mut HashMap<u8, Findings>,
}

impl<'a> Inspecting<'a> {
    pub(super) fn new(
        prefetch: &'a mut Prefetch,
        caches: &'a mut [Cache],
        findings: &'a mut HashMap<u8, Findings>,
    ) -> Self {
        Self { intake: prefetch.sink(caches), findings }
    }

    fn of(&mut self, track: u8) -> &mut Findings {
        self.findings.entry(track).or_default()
    }
}

impl FrameSink for Inspecting<'_> {
    fn describe(&mut self, track: u8, info: TrackInfo<'_>) {
        self.intake.describe(track, info);
    }

    fn begin(&mut self, track: u8, time: u64) -> Result<(), Full> {
        let begun = self.intake.begin(track, time);
        if begun.is_err() {
            tracing::debug!(track, time, "a frame is not kept: it is not wanted, or there is no room");
        }
        begun
    }

    fn write_at(&mut self, track: u8, at: usize, bytes: &[u8]) -> Result<(), Full> {
        self.intake.write_at(track, at, bytes)
    }

    /// A frame of which all packets came may end short of its size all the same, or be no picture: MCUs are
    /// counted. What is missing at its end counts as lost.
    fn finish(&mut self, track: u8, end: FrameEnd<'_>) {
        let data = self.intake.open_data(track);
        let extent = match end.flags.integrity {
            Integrity::Complete => jpeg::extent(data.get(..end.len).unwrap_or(data)).ok(),
            _ => None,
        };
        let Some(extent) = extent.filter(|extent| !extent.is_whole()) else {
            return self.intake.finish(track, end);
        };
        let (mcus, total) = (extent.mcus, extent.total);
        let fault = extent.fault.map(|fault| fault.reason.to_string()).unwrap_or_default();
        tracing::info!(track, mcus, total, fault, "a frame is not whole");
        let mut ranges = Vec::new();
        for range in extent.missing().iter().flat_map(jpeg::Missing::ranges) {
            let [start, end] = [range.start, range.resume].map(|at| at.saturating_add(extent.info.scan));
            ranges.push(ByteRange::new(start, end));
        }
        let integrity = if ranges.is_empty() { Integrity::Damaged } else { Integrity::Partial };
        let flags = end.flags.with_integrity(integrity);
        self.intake.finish(track, FrameEnd { flags, missing: &ranges, ..end });
        let findings = self.of(track);
        findings.not_whole = findings.not_whole.saturating_add(1);
    }

    fn abandon(&mut self, track: u8) {
        self.intake.abandon(track);
    }

    fn refused(&mut self, track: u8, reason: &dyn fmt::Display) {
        let reason = reason.to_string();
        tracing::info!(track, reason, "received data is dropped");
        self.of(track).refuse(reason);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_frequent_reason_is_told_and_few_are_kept() {
        let mut findings = Findings::default();
        assert_eq!(findings.reason(), None);
        for n in 0..50 {
            findings.refuse(format!("reason {n}"));
            findings.refuse("the usual one".to_owned());
        }
        assert_eq!(findings.reason(), Some("the usual one"));
        assert_eq!(findings.reasons.len(), MAX_REASONS);
    }
}
