//! [`Datagram`]: datagrams for the server, which are reports and packets that open a path.
use super::track::{Route, Track};
use crate::rtp;
use crate::rtp::{Port, Report};
use crate::storage::put;
use crate::time::Now;

/// One datagram for the server that is due.
///
/// Dropped without [`Self::commit`], nothing has happened, and it stays due.
#[derive(Debug)]
#[must_use = "the datagram stays due until `commit` says that it was sent"]
pub struct Datagram<'a> {
    content: Content<'a>,
    track: u8,
    to: u16,
}

#[allow(clippy::large_enum_variant, reason = "the value lives for one datagram")]
#[derive(Debug)]
enum Content<'a> {
    /// A packet without a payload, and whether it is to be sent.
    Punch {
        header: [u8; rtp::HEADER_LEN],
        due: &'a mut bool,
    },
    Report(Report<'a>),
}

impl<'a> Datagram<'a> {
    /// What the track has to send, if that is due.
    pub(super) fn of(track: &'a mut Track, now: Now) -> Option<Self> {
        let Route::Udp { server: Some(server) } = track.route else { return None };
        let &rtp::ReceiverConfig { track: index, payload_type, ssrc, .. } = track.receiver.config();
        if track.punch {
            let repr = rtp::Repr { payload_type, marker: false, sequence_number: 0, timestamp: 0, ssrc };
            let mut header = [0; rtp::HEADER_LEN];
            repr.emit(&mut header);
            let content = Content::Punch { header, due: &mut track.punch };
            return Some(Self { content, track: index, to: server.rtp });
        }
        let content = Content::Report(track.receiver.poll_report(now.at)?);
        Some(Self { content, track: index, to: server.rtcp })
    }

    /// Returns the number of the track whose sockets have to send the datagram.
    pub const fn track(&self) -> u8 {
        self.track
    }

    /// Returns which of the track's two sockets has to send the datagram.
    pub const fn port(&self) -> Port {
        match self.content {
            Content::Punch { .. } => Port::Rtp,
            Content::Report(_) => Port::Rtcp,
        }
    }

    /// Returns the UDP port of the server to which the datagram goes.
    pub const fn to_port(&self) -> u16 {
        self.to
    }

    /// Returns the bytes of the datagram.
    pub fn bytes(&self) -> &[u8] {
        match &self.content {
            Content::Punch { header, .. } => header,
            Content::Report(report) => report.bytes(),
        }
    }

    /// Copies the datagram to the front of `out`. Returns its length, or `None`, and nothing is
    /// copied, if it is longer than `out`.
    pub fn emit(&self, out: &mut [u8]) -> Option<usize> {
        let bytes = self.bytes();
        put(out, 0, bytes).then_some(bytes.len())
    }

    /// Says that the datagram was sent, or never will be. The next one follows in its time.
    pub fn commit(self) {
        match self.content {
            Content::Punch { due, .. } => *due = false,
            Content::Report(report) => report.commit(),
        }
    }
}
