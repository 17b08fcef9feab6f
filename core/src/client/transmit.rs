//! Datagrams: reports, and packets that open a path.
use super::track::{REPORT_MAX, Route, Track};
use crate::rtp;
use crate::rtp::Port;
use crate::rtp::Statistics;
use crate::storage::put;
use crate::time::{Instant, Now};

/// One datagram for the server. Dropped: nothing happened.
#[derive(Debug)]
#[must_use = "nothing is sent until `commit` says so"]
pub struct Pending<'a> {
    track: &'a mut Track,
    index: u8,
    bytes: [u8; REPORT_MAX],
    len: usize,
    port: Port,
    to: u16,
    after: Option<Statistics>,
    at: Instant,
    random: u32,
}

impl<'a> Pending<'a> {
    /// What the track has to send, if that is due.
    pub(super) fn of(
        track: &'a mut Track,
        index: u8,
        now: Now,
        ssrc: u32,
        cname: &[u8],
        random: u32,
    ) -> Option<Self> {
        let Route::Udp { server: Some(server) } = track.route else { return None };
        let mut bytes = [0; REPORT_MAX];
        let (len, port, to, after) = if track.punch {
            let payload_type = track.receiver.coding().payload_type;
            let repr = rtp::Repr { payload_type, marker: false, sequence_number: 0, timestamp: 0, ssrc };
            let mut header = [0; rtp::HEADER_LEN];
            repr.emit(&mut header);
            put(&mut bytes, 0, &header);
            (header.len(), Port::Rtp, server.rtp, None)
        } else {
            let (len, after) = track.report(now, ssrc, cname, &mut bytes)?;
            (len, Port::Rtcp, server.rtcp, after)
        };
        Some(Self { track, index, bytes, len, port, to, after, at: now.at, random })
    }

    /// Whose sockets to send it from.
    pub const fn track(&self) -> u8 {
        self.index
    }

    /// From which socket of the pair, and to which port of the server's pair.
    pub const fn port(&self) -> Port {
        self.port
    }

    /// The number of the server's port.
    pub const fn to_port(&self) -> u16 {
        self.to
    }

    /// The datagram.
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or(&[])
    }

    /// Copies the datagram to the front of `out`; returns its length, or `None` if it does not fit.
    pub fn emit(&self, out: &mut [u8]) -> Option<usize> {
        put(out, 0, self.bytes()).then_some(self.len)
    }

    /// It went out, or never will: the next one follows in its time.
    pub fn commit(self) {
        match self.port {
            Port::Rtp => self.track.punch = false,
            Port::Rtcp => self.track.reported(self.at, self.after, self.random),
        }
    }
}
