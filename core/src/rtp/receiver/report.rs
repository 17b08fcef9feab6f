//! [`Report`]: receiver reports, and when they are due.
use super::Receiver;
use crate::random::split_mix;
use crate::rtp::Statistics;
use crate::rtp::rtcp::{CompoundRepr, interval};
use crate::storage::put;
use crate::time::{Duration, Instant, sooner};

/// The mean time between two reports: the recommended minimum (RFC 3550, 6.2).
const MINIMUM: Duration = Duration::from_secs(5);
/// In a unicast session, receivers may use a reduced minimum: 360 kbit divided by the session's
/// bandwidth (RFC 3550, 6.2). So it is the time in which this many octets come.
const REDUCED_OCTETS: u64 = 360_000 / 8;
/// The reduced minimum is no shorter than this.
const REDUCED_MINIMUM: Duration = Duration::from_secs(1);
/// Before the first report, the minimum is halved (RFC 3550, 6.3.1). As the bandwidth is not known
/// yet, that is half of the shortest reduced minimum. In a unicast session, this delay may even be
/// zero (RFC 3550, 6.2), also where the other reports keep to the full minimum.
const FIRST: Duration = Duration::from_millis(500);

/// When reports are due.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Schedule {
    /// Whether the reduced minimum is used.
    pub(super) reduced: bool,
    pub(super) at: Option<Instant>,
    /// Since when the bandwidth is measured, and how many octets of payload had come by then.
    since: Option<(Instant, u64)>,
    /// Whether a report was sent.
    sent: bool,
}

impl Schedule {
    /// Plans no report, as before any.
    pub(super) fn stop(&mut self) {
        *self = Self { reduced: self.reduced, ..Self::default() };
    }

    /// Plans a report soon after the stream's first packet, so that its sender learns early that
    /// somebody receives it.
    pub(super) fn on_first_packet(&mut self, now: Instant, random: u32) {
        let base = if self.sent { REDUCED_MINIMUM } else { FIRST };
        self.since.get_or_insert((now, 0));
        sooner(&mut self.at, now + interval(random, base));
    }

    fn on_sent(&mut self, now: Instant, octets: u64, random: u32) {
        let base = match self.since {
            Some((at, before)) if self.reduced && octets > before => {
                let octets = octets.saturating_sub(before);
                now.since(at).scaled(REDUCED_OCTETS, octets).clamp(REDUCED_MINIMUM, MINIMUM)
            }
            _ => MINIMUM,
        };
        (self.at, self.since) = (Some(now + interval(random, base)), Some((now, octets)));
        self.sent = true;
    }
}

/// A receiver report that is due: one compound RTCP packet. Send it to the RTCP port or channel of the
/// stream's sender, then call [`Self::commit`].
///
/// If this value is dropped without [`Self::commit`], nothing has happened: the report stays due, and the
/// next [`Receiver::poll_report`] returns it.
#[derive(Debug)]
#[must_use = "the report stays due until `commit` says that it was sent"]
pub struct Report<'a> {
    receiver: &'a mut Receiver,
    bytes: [u8; Report::MAX_LEN],
    len: usize,
    /// The statistics once the report is sent.
    after: Option<Statistics>,
    at: Instant,
}

impl<'a> Report<'a> {
    /// The length in bytes of the longest report, the whole compound RTCP packet. Use this as the size of the
    /// buffer that you pass to [`Self::emit`]: every report fits then.
    pub const MAX_LEN: usize = 80;

    pub(super) fn new(receiver: &'a mut Receiver, now: Instant) -> Option<Self> {
        receiver.reports.at.filter(|&at| at <= now)?;
        let mut after = receiver.statistics;
        let block = after.as_mut().map(|statistics| statistics.report_block(now));
        let compound = CompoundRepr {
            ssrc: receiver.config.ssrc,
            sender: None,
            reports: block.as_slice(),
            cname: &receiver.config.cname,
            bye: false,
        };
        let mut bytes = [0; Self::MAX_LEN];
        let len = compound.emit(&mut bytes)?;
        Some(Self { receiver, bytes, len, after, at: now })
    }

    /// Returns the bytes of the compound RTCP packet. Send them as one UDP datagram, or as the data of one
    /// interleaved message. You must add the 4-byte `$` prefix of an interleaved message yourself.
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or(&[])
    }

    /// Copies the compound RTCP packet to the front of `out`. Returns its length in bytes. Returns `None` and
    /// copies nothing if `out` is shorter than the packet.
    pub fn emit(&self, out: &mut [u8]) -> Option<usize> {
        put(out, 0, self.bytes()).then_some(self.len)
    }

    /// Says that the report was sent, or that it will never be sent. The next report is due about 5 seconds
    /// later, or sooner with [`Delivery::Datagrams`](super::Delivery::Datagrams): [`Receiver::report_at`]
    /// returns the time.
    pub fn commit(self) {
        let receiver = self.receiver;
        receiver.statistics = self.after;
        let random = split_mix(&mut receiver.random) as u32;
        receiver.reports.on_sent(self.at, receiver.octets, random);
    }
}
