//! The payload format of PCM audio (RFC 3551, 4.5.11 and 4.5.14): packets carry samples as they are, and
//! each packet has the time of its first sample.
use super::{Cursor, DepacketizerCounters, Fragment, Pushed};
use crate::codec::pcm::{Pcm, Sample};
use crate::frame::{Frame, FrameEnd, FrameSink, Full};
use crate::rtp;
use core::fmt;

/// Splits a run of samples into payloads of whole sampling instants.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Packetizer<'a> {
    data: &'a [u8],
    /// The length of one sampling instant, and that of a full payload, in bytes.
    instant: usize,
    payload: usize,
}

impl<'a> Packetizer<'a> {
    pub(super) fn new(pcm: Pcm, frame: &Frame<'a>, room: usize) -> Option<Self> {
        let (data, instant) = (frame.data, pcm.instant_len());
        let payload = room.checked_div(instant)?.checked_mul(instant).filter(|&payload| payload > 0)?;
        let is_whole = data.len().checked_rem(instant)? == 0;
        (is_whole && !data.is_empty()).then_some(Self { data, instant, payload })
    }

    pub(super) fn count(&self) -> u32 {
        let whole = self.data.len().checked_div(self.payload).unwrap_or(0);
        let rest = usize::from(self.data.len().checked_rem(self.payload) != Some(0));
        u32::try_from(whole.saturating_add(rest)).unwrap_or(u32::MAX)
    }

    pub(super) fn fragment(&self, at: Cursor) -> Option<Fragment> {
        let start = usize::try_from(at.at).ok()?;
        let rest = self.data.len().checked_sub(start).filter(|&rest| rest > 0)?;
        let payload = self.payload.min(rest);
        let next = u32::try_from(start.checked_add(payload)?).ok()?;
        Some(Fragment {
            at,
            extension: 0,
            payload,
            next: (payload < rest).then_some(Cursor { at: next, ..at }),
            // The marker is set only after silence that was not sent (RFC 3551, 4.1).
            marker: false,
            ticks: u32::try_from(start.checked_div(self.instant)?).ok()?,
            skip_after: 0,
        })
    }

    pub(super) fn parts(&self, fragment: &Fragment) -> Option<[&'a [u8]; 3]> {
        let part = self.data.get(usize::try_from(fragment.at.at).ok()?..)?.get(..fragment.payload)?;
        Some([part, &[], &[]])
    }
}

/// Returns the static payload type (RFC 3551, 6, table 4); 97, a dynamic one, if there is none.
pub(super) const fn payload_type(pcm: Pcm, clock_rate: u32) -> u8 {
    match (pcm.sample, clock_rate, pcm.channels) {
        (Sample::Pcmu, 8_000, 1) => 0,
        (Sample::L16, 44_100, 2) => 10,
        (Sample::L16, 44_100, 1) => 11,
        _ => 97,
    }
}

/// Makes a frame of each RTP packet of PCM audio, in a caller-provided [`FrameSink`]. To make and use a
/// depacketizer, call [`payload::Depacketizer::new`](super::Depacketizer::new) and the methods there.
#[derive(Clone, Debug)]
pub struct Depacketizer {
    instant: usize,
    counters: DepacketizerCounters,
}

/// Why a packet of PCM audio was not stored. Its samples are lost; go on with the next packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum DepacketizeError {
    /// The length of the payload is not a multiple of the length of a sampling instant (one sample of
    /// each channel). Either the packet is malformed, or the session description gives a wrong number of
    /// channels or a wrong sample format.
    Length {
        /// The length of the payload in bytes.
        len: usize,
        /// The length of a sampling instant in bytes; 0 if the track has no channels.
        instant: usize,
    },
    /// The [`FrameSink`] has no room for the frame, or does not want it.
    /// The frame is dropped: go on with the next packet.
    Full,
}

impl From<Full> for DepacketizeError {
    fn from(_: Full) -> Self {
        Self::Full
    }
}

impl fmt::Display for DepacketizeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length { len, instant } => {
                write!(f, "{len} bytes of PCM audio, of which each sampling instant has {instant}")
            }
            Self::Full => f.write_str("no room for the PCM audio"),
        }
    }
}

impl core::error::Error for DepacketizeError {}

impl Depacketizer {
    pub(super) const fn new(pcm: Pcm) -> Self {
        Self { instant: pcm.instant_len(), counters: DepacketizerCounters::ZERO }
    }

    pub(super) fn push<K: FrameSink + ?Sized>(
        &mut self,
        track: u8,
        packet: &rtp::Packet<&[u8]>,
        time: u64,
        sink: &mut K,
    ) -> Result<Pushed, DepacketizeError> {
        let payload = packet.payload();
        if payload.is_empty() {
            return Ok(Pushed::Skipped);
        }
        let stored = self.store(track, payload, time, sink);
        let counter = match stored {
            Ok(()) => &mut self.counters.complete,
            Err(DepacketizeError::Full) => &mut self.counters.unstored,
            Err(DepacketizeError::Length { .. }) => &mut self.counters.refused,
        };
        *counter = counter.wrapping_add(1);
        stored.map(|()| Pushed::Finished { complete: true })
    }

    pub(super) const fn counters(&self) -> DepacketizerCounters {
        self.counters
    }

    fn store<K: FrameSink + ?Sized>(
        &self,
        track: u8,
        payload: &[u8],
        time: u64,
        sink: &mut K,
    ) -> Result<(), DepacketizeError> {
        let (len, instant) = (payload.len(), self.instant);
        let instants = len.checked_div(instant).filter(|_| len.checked_rem(instant) == Some(0));
        let duration = instants.and_then(|instants| u32::try_from(instants).ok());
        let duration = duration.ok_or(DepacketizeError::Length { len, instant })?;
        sink.begin(track, time)?;
        if let Err(full) = sink.write_at(track, 0, payload) {
            sink.abandon(track);
            return Err(full.into());
        }
        sink.finish(track, FrameEnd::intra(len, duration));
        Ok(())
    }
}

#[cfg(test)]
mod tests;
