//! What a receiver counts of its stream.
use crate::time::Duration;

/// Counts of what has come of a stream since [`Receiver::new`](super::Receiver::new), over all of the stream's sources.
/// [`Receiver::statistics`](super::Receiver::statistics) returns them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct ReceiverStatistics {
    /// RTP packets that came and were accepted ([`Handled::Media`](super::Handled::Media)). Late packets count;
    /// duplicates do not.
    pub packets: u64,
    /// Bytes of RTP payload in the packets that [`Self::packets`] counts, without RTP headers, header
    /// extensions and padding.
    pub octets: u64,
    /// Packets that have not come, as far as the sequence numbers of later packets tell. If such a packet
    /// comes after all, the count falls by 1.
    pub lost: u64,
    /// Packets that came too late to be used, because they had been given up as lost. [`Self::packets`]
    /// includes them. This count begins again at 0 with each [`Receiver::set_delivery`](super::Receiver::set_delivery).
    pub late: u64,
    /// Packets that came although they had come before. They were dropped.
    pub duplicates: u64,
    /// Packets that came after a packet with a higher sequence number. Both those that could still be used
    /// and those that came too late count.
    pub reordered: u64,
    /// The interarrival jitter of the current source, in ticks of the track's clock (RFC 3550, 6.4.1). Before
    /// the second packet of the source, this is 0.
    pub jitter: u32,
    /// The same jitter as [`Self::jitter`], as a span of time.
    pub jitter_time: Duration,
    /// Frames of which all data came, and which are in the sink.
    pub frames_complete: u64,
    /// Frames that are in the sink although a part of their data is missing.
    pub frames_damaged: u64,
    /// Frames that are not in the sink because all or too much of their data was lost. This is an estimate
    /// from timestamps and lost packets.
    pub frames_missing: u64,
    /// Frames that came and are not in the sink because the sink refused them: the sink had no room, or did
    /// not want them.
    pub frames_unstored: u64,
    /// Frames that the sender left out. This is an estimate from timestamps and lost packets.
    pub frames_skipped: u64,
}

impl ReceiverStatistics {
    /// Returns the sum of these counts and `before`. Use this if the same track was received over an earlier
    /// connection, whose counts are `before`. [`Self::jitter`] and [`Self::jitter_time`] are not added up:
    /// the result has those of `self`.
    #[must_use]
    pub const fn after(self, before: &Self) -> Self {
        Self {
            packets: self.packets.saturating_add(before.packets),
            octets: self.octets.saturating_add(before.octets),
            lost: self.lost.saturating_add(before.lost),
            late: self.late.saturating_add(before.late),
            duplicates: self.duplicates.saturating_add(before.duplicates),
            reordered: self.reordered.saturating_add(before.reordered),
            jitter: self.jitter,
            jitter_time: self.jitter_time,
            frames_complete: self.frames_complete.saturating_add(before.frames_complete),
            frames_damaged: self.frames_damaged.saturating_add(before.frames_damaged),
            frames_missing: self.frames_missing.saturating_add(before.frames_missing),
            frames_unstored: self.frames_unstored.saturating_add(before.frames_unstored),
            frames_skipped: self.frames_skipped.saturating_add(before.frames_skipped),
        }
    }
}
