//! [`Datagram`]: datagrams for the server, which are reports and packets that open a path.
use super::track::{Route, Track};
use crate::rtp;
use crate::rtp::{Port, Report};
use crate::storage::put;
use crate::time::Now;

/// One UDP datagram that is due to be sent to the server: an RTCP report, or an RTP packet without a
/// payload. The RTP packet opens a path for media through NATs and firewalls.
///
/// Send [`Self::bytes`] from the socket that [`Self::track`] and [`Self::port`] name, to the server's IP
/// address and [`Self::to_port`], and then call [`Self::commit`]. If this value is dropped without
/// [`Self::commit`], the datagram stays due, and
/// [`ClientConn::poll_transmit`](super::ClientConn::poll_transmit) returns it again.
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

    /// Returns the number of the track whose socket has to send the datagram, counted from 0, as in
    /// [`Event::Setup`](super::Event::Setup).
    pub const fn track(&self) -> u8 {
        self.track
    }

    /// Returns which of the track's two local sockets has to send the datagram: the one on the RTP port
    /// or the one on the RTCP port that the caller passed to
    /// [`ClientConn::setup`](super::ClientConn::setup).
    pub const fn port(&self) -> Port {
        match self.content {
            Content::Punch { .. } => Port::Rtp,
            Content::Report(_) => Port::Rtcp,
        }
    }

    /// Returns the UDP port of the server to which the datagram has to be sent. Send the datagram to this
    /// port at the server's IP address in the RTSP connection.
    pub const fn to_port(&self) -> u16 {
        self.to
    }

    /// Returns the content of the datagram, which has to be sent as one piece.
    pub fn bytes(&self) -> &[u8] {
        match &self.content {
            Content::Punch { header, .. } => header,
            Content::Report(report) => report.bytes(),
        }
    }

    /// Copies the content of the datagram to the front of `out`. Returns the content's length in bytes.
    /// If the content is longer than `out`, returns `None` and copies nothing. Send the copy, and then
    /// call [`Self::commit`].
    pub fn emit(&self, out: &mut [u8]) -> Option<usize> {
        let bytes = self.bytes();
        put(out, 0, bytes).then_some(bytes.len())
    }

    /// Takes note that the datagram was sent. Call this also if the datagram can never be sent, to give it
    /// up. In both cases, the datagram is not returned again. Reports that become due later are returned as
    /// usual.
    pub fn commit(self) {
        match self.content {
            Content::Punch { due, .. } => *due = false,
            Content::Report(report) => report.commit(),
        }
    }
}
