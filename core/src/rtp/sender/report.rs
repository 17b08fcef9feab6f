//! Sender reports, and BYE.
use super::burst::prefix_of;
use super::packet::Packet;
use super::{Framing, PREFIX_LEN, Phase, Sender};
use crate::rtp::rtcp;
use crate::storage::put;
use crate::text::hex_digits;
use crate::time::{Duration, Now};

/// The time between sender reports on average (RFC 3550, 6.2, the recommended minimum).
const REPORT_EVERY: Duration = Duration::from_secs(5);

impl Sender {
    /// Returns the report or BYE that is due: SR and SDES, and BYE at the end, as one compound
    /// (RFC 3550, 6.1).
    pub(crate) fn report<'a>(&self, now: Now) -> Packet<'a> {
        let info = rtcp::sr::SenderInfo {
            ntp: now.ntp,
            rtp_timestamp: self.rtp_now(now),
            packets: self.counters.packets as u32,
            octets: self.counters.octets as u32,
        };
        let bye = matches!(self.phase, Phase::Leaving | Phase::Ending { .. });
        let cname = &hex_digits(self.cname);
        let compound = rtcp::CompoundRepr { ssrc: self.ssrc, sender: Some(info), reports: &[], cname, bye };
        Packet::new([&[]; 3], |head| {
            let len = compound.buffer_len();
            let at = match self.framing() {
                Framing::Datagram => 0,
                Framing::Interleaved { rtcp: channel, .. } => {
                    put(head, 0, &prefix_of(channel, len));
                    PREFIX_LEN
                }
            };
            compound.emit(head.get_mut(at..)?)?;
            Some(at.saturating_add(len))
        })
    }

    /// Moves past the report that was made at the same time.
    pub(crate) fn pass_report(&mut self, now: Now) {
        self.rtp_reported = self.rtp_now(now);
        self.random = xorshift(self.random);
        self.report_at = now.at + rtcp::interval(self.random, REPORT_EVERY);
        match self.phase {
            Phase::Leaving => self.phase = Phase::Over,
            Phase::Ending { over, .. } => {
                (self.phase, self.fresh, self.ended) = (Phase::Ready, over, true);
            }
            _ => {}
        }
    }

    /// The RTP time of a report: what is being delivered, for with a speed RTP time goes by as fast.
    fn rtp_now(&self, now: Now) -> u32 {
        let delivered = self
            .origin
            .begun()
            .map_or(self.played, |(at, _)| self.pace.delivered(now.at.since(at)).to_ticks(self.clock_rate));
        let ahead = self.rtp_at(delivered).wrapping_sub(self.rtp_reported);
        // A PLAY goes on from the newest frame, which was late, perhaps.
        if ahead < 1 << 31 { self.rtp_reported.wrapping_add(ahead) } else { self.rtp_reported }
    }
}

/// Marsaglia's generator: enough to keep reports of many senders from marching in step.
const fn xorshift(mut x: u32) -> u32 {
    x ^= x << 13;
    x ^= x >> 17;
    x ^ (x << 5)
}
