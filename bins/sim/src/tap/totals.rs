//! Statistics of all sessions together.
use pinhole::server::Summary;

/// Sums of the statistics of sessions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct SessionTotals {
    /// Frames that were sent.
    pub(super) frames: u64,
    /// Frames that were left out because the session was late.
    pub(super) skipped: u64,
    /// Frames that were left out because the client reported loss.
    pub(super) thinned: u64,
    /// RTP packets that were sent.
    pub(super) packets: u64,
    /// Bytes of their payloads.
    pub(super) octets: u64,
}

impl SessionTotals {
    /// Adds the statistics of one session.
    pub(super) fn add(&mut self, summary: &Summary) {
        self.frames += summary.frames;
        self.skipped += summary.frames_skipped;
        self.thinned += summary.frames_thinned;
        self.packets += summary.packets;
        self.octets += summary.octets;
    }
}
