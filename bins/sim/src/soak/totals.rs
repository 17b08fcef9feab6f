//! Totals of a soak.
use crate::wire::Counters;
use pinhole::time::Duration;
use pinhole_std::media::simulation::Soaked;
use std::fmt;

/// Totals of one seed or of many, from [`Soak::run`](super::Soak::run) and
/// [`Soak::replay`](super::Soak::replay).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Totals {
    /// The virtual time that passed in the runs of all seeds together.
    pub time: Duration,
    /// The number of TCP connections that clients began.
    pub connections: u64,
    /// The number of sessions that ended although the simulated user had not ended them.
    pub lost_sessions: u64,
    /// The number of frames that clients received completely, by UDP or interleaved.
    pub complete: u64,
    /// The number of complete frames that clients received interleaved in the RTSP connection. They count
    /// in [`Self::complete`], too.
    pub interleaved: u64,
    /// The number of frames that clients received with missing parts, by UDP or interleaved.
    pub damaged: u64,
    /// The number of frames of which a client received nothing useful, and which the client counted as
    /// missing.
    pub missing: u64,
    /// The number of frames that the server left out on purpose. This is the sum of what the clients have
    /// counted.
    pub skipped: u64,
    /// The number of RTP packets that left the server's host by UDP. Packets that did not arrive are
    /// counted, too.
    pub rtp_by_udp: u64,
    /// Counts of the link-layer frames on the clients' links, in both directions.
    pub links: LinkTotals,
    /// How often the server's program or host was restarted without warning.
    pub server_restarts: u64,
    /// How often a client's program or host was restarted without warning.
    pub client_restarts: u64,
    /// The number of clients that were disconnected for good, and could not tell the server.
    pub vanished: u64,
    /// How often the program of a client did nothing for a while, although its host went on.
    pub hangs: u64,
    /// How often a simulated user asked to play from another position.
    pub seeks: u64,
    /// What the loaders of `pinhole-std` did over disks with faults.
    pub disks: Soaked,
    /// What the queue of `pinhole-log` did.
    pub logs: LogTotals,
}

/// Counts of the lines of a log whose reader stops and goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogTotals {
    /// The number of lines that were offered.
    pub offered: u64,
    /// The number of lines that were written.
    pub written: u64,
    /// The number of lines that exceeded a rate.
    pub more: u64,
    /// The number of lines for which there was no room.
    pub dropped: u64,
}

/// Counts of link-layer frames on the links of all clients, in both directions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LinkTotals {
    /// The number of frames that were sent. Frames that did not arrive are counted, too.
    pub sent: u64,
    /// The number of frames that were lost at random.
    pub lost: u64,
    /// The number of frames that were lost because they were sent while the link was cut.
    pub cut: u64,
    /// The number of frames that were lost because they would have waited too long at the link's bit rate.
    pub overflowed: u64,
    /// The number of frames that were delivered twice.
    pub duplicated: u64,
    /// The number of frames in which a byte was changed.
    pub corrupted: u64,
    /// The number of frames that were held back so that later frames overtook them.
    pub reordered: u64,
}

/// Totals of a client, over all its connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ClientTotals {
    pub(super) complete: u64,
    pub(super) damaged: u64,
    pub(super) missing: u64,
    pub(super) skipped: u64,
    pub(super) interleaved: u64,
    pub(super) lost_sessions: u64,
}

impl Totals {
    pub(super) fn add_watcher(&mut self, totals: &ClientTotals, connections: u16) {
        self.complete += totals.complete;
        self.interleaved += totals.interleaved;
        self.damaged += totals.damaged;
        self.missing += totals.missing;
        self.skipped += totals.skipped;
        self.lost_sessions += totals.lost_sessions;
        self.connections += u64::from(connections);
    }

    pub(super) fn add_link(&mut self, counters: [Counters; 2]) {
        let links = &mut self.links;
        for counters in counters {
            links.sent += counters.sent;
            links.lost += counters.lost;
            links.cut += counters.cut;
            links.overflowed += counters.overflowed;
            links.duplicated += counters.duplicated;
            links.corrupted += counters.corrupted;
            links.reordered += counters.reordered;
        }
    }

    /// Adds the totals of another seed.
    pub(super) fn add(&mut self, other: &Self) {
        self.time = self.time + other.time;
        let other = *other;
        for (sum, (_, more)) in self.counts_mut().into_iter().zip(other.counts()) {
            *sum += more;
        }
    }

    /// Returns all counts of these totals except [`Self::time`], each with a name for reports. The order is
    /// the same in each call.
    pub fn counts(&self) -> [(&'static str, u64); 36] {
        let Self { links, disks, logs, .. } = self;
        [
            ("connections", self.connections),
            ("lost_sessions", self.lost_sessions),
            ("frames_complete", self.complete),
            ("frames_interleaved", self.interleaved),
            ("frames_damaged", self.damaged),
            ("frames_missing", self.missing),
            ("frames_skipped", self.skipped),
            ("rtp_by_udp", self.rtp_by_udp),
            ("link_sent", links.sent),
            ("link_lost", links.lost),
            ("link_cut", links.cut),
            ("link_overflowed", links.overflowed),
            ("link_duplicated", links.duplicated),
            ("link_corrupted", links.corrupted),
            ("link_reordered", links.reordered),
            ("server_restarts", self.server_restarts),
            ("client_restarts", self.client_restarts),
            ("vanished", self.vanished),
            ("hangs", self.hangs),
            ("seeks", self.seeks),
            ("disk_frames", disks.frames),
            ("disk_waits", disks.waits),
            ("disk_passed_over", disks.passed_over),
            ("disk_ends", disks.ends),
            ("disk_loads", disks.loads),
            ("disk_stalls", disks.stalls),
            ("disk_errors", disks.errors),
            ("disk_short", disks.short),
            ("disk_cuts", disks.cuts),
            ("disk_grown", disks.grown),
            ("disk_replaced", disks.replaced),
            ("disk_panics", disks.panics),
            ("log_offered", logs.offered),
            ("log_written", logs.written),
            ("log_more", logs.more),
            ("log_dropped", logs.dropped),
        ]
    }

    /// Returns all counts in the order of [`Self::counts`].
    const fn counts_mut(&mut self) -> [&mut u64; 36] {
        let Self { links, disks, logs, .. } = self;
        [
            &mut self.connections,
            &mut self.lost_sessions,
            &mut self.complete,
            &mut self.interleaved,
            &mut self.damaged,
            &mut self.missing,
            &mut self.skipped,
            &mut self.rtp_by_udp,
            &mut links.sent,
            &mut links.lost,
            &mut links.cut,
            &mut links.overflowed,
            &mut links.duplicated,
            &mut links.corrupted,
            &mut links.reordered,
            &mut self.server_restarts,
            &mut self.client_restarts,
            &mut self.vanished,
            &mut self.hangs,
            &mut self.seeks,
            &mut disks.frames,
            &mut disks.waits,
            &mut disks.passed_over,
            &mut disks.ends,
            &mut disks.loads,
            &mut disks.stalls,
            &mut disks.errors,
            &mut disks.short,
            &mut disks.cuts,
            &mut disks.grown,
            &mut disks.replaced,
            &mut disks.panics,
            &mut logs.offered,
            &mut logs.written,
            &mut logs.more,
            &mut logs.dropped,
        ]
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let links = &self.links;
        writeln!(
            f,
            "frames: {} complete ({} interleaved), {} damaged, {} missing, {} left out by the server",
            self.complete, self.interleaved, self.damaged, self.missing, self.skipped
        )?;
        writeln!(
            f,
            "sessions: {} connections, {} lost; {} RTP packets by UDP",
            self.connections, self.lost_sessions, self.rtp_by_udp
        )?;
        writeln!(
            f,
            "links: {} frames, {} lost, {} cut off, {} too many, {} twice, {} changed, {} out of order",
            links.sent,
            links.lost,
            links.cut,
            links.overflowed,
            links.duplicated,
            links.corrupted,
            links.reordered
        )?;
        writeln!(
            f,
            "mishaps: {} restarts of the server, {} of clients, {} vanished, {} hung; {} seeks",
            self.server_restarts, self.client_restarts, self.vanished, self.hangs, self.seeks
        )?;
        let (disks, logs) = (&self.disks, &self.logs);
        writeln!(
            f,
            "loaders: {} frames read, {} of them waited for, {} passed over, {} ends; {} loads",
            disks.frames, disks.waits, disks.passed_over, disks.ends, disks.loads
        )?;
        writeln!(
            f,
            "disks: {} stalls, {} errors, {} short reads, {} files cut, {} extended, {} replaced; {} panics",
            disks.stalls, disks.errors, disks.short, disks.cuts, disks.grown, disks.replaced, disks.panics
        )?;
        write!(
            f,
            "logs: {} lines, {} written, {} beyond their rate, {} without room",
            logs.offered, logs.written, logs.more, logs.dropped
        )
    }
}
