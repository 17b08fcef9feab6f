//! RTP packets of one session: those that left the server, and those that arrived at the client.
//!
//! RTP is parsed here by hand: the core's own parsing is what is tested.
use pinhole::time::Instant;

const RTP_CLOCK: u64 = 90_000;
/// RTP time may be ahead of the clock by this, where frames were left out: twice the time that the server
/// keeps of a live source.
const AHEAD_SECS: u64 = 60;

/// The RTP packets to one port of a client: those of one session, as no port is used again.
#[derive(Clone, Debug, Default)]
pub(super) struct Flow {
    /// Packets that left the server, and the bytes of their payloads.
    pub(super) sent: u64,
    pub(super) octets: u64,
    arrived: Counts,
    /// The counts at each poll of the client since the last report.
    polled: Vec<Counts>,
    /// A bit for each of the last 65,536 numbers that arrived.
    numbers: Vec<u64>,
    /// The counts at the last poll of the client.
    pub(super) seen: Counts,
    /// Packets that arrived since.
    pub(super) unseen: usize,
    /// Expected and received packets at the last report.
    reported: (u64, u64),
    timestamp: Option<(Instant, u32)>,
    /// More packets arrived than a socket holds, or the port does not identify the session: the counts of
    /// both ends need not agree.
    pub(super) vague: bool,
}

/// Counts of packets that arrived.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// The lowest and the highest number; 0 before the first packet.
    first: u64,
    highest: u64,
    /// Different packets.
    pub(super) packets: u64,
    /// Further copies.
    pub(super) duplicates: u64,
    /// Packets that arrived after one with a higher number.
    pub(super) late: u64,
}

impl Counts {
    /// Returns the number of packets from the lowest to the highest.
    const fn expected(&self) -> u64 {
        if self.packets > 0 { self.highest - self.first + 1 } else { 0 }
    }

    pub(super) const fn lost(&self) -> u64 {
        self.expected().saturating_sub(self.packets)
    }
}

impl Flow {
    /// The client has been polled, and has received everything that arrived.
    pub(super) fn on_polled(&mut self) {
        (self.seen, self.unseen) = (self.arrived, 0);
        if self.polled.last() != Some(&self.arrived) {
            self.polled.push(self.arrived);
        }
    }

    pub(super) fn on_sent(&mut self, at: Instant, payload: &[u8]) -> Result<(), String> {
        let Some((_, rtp_timestamp)) = rtp(payload) else { return Err("a packet that is no RTP".to_owned()) };
        self.sent += 1;
        self.octets += payload.len() as u64 - 12;
        let (since, before) = self.timestamp.replace((at, rtp_timestamp)).unwrap_or((at, rtp_timestamp));
        let step = u64::from(rtp_timestamp.wrapping_sub(before));
        let most = (at.since(since).as_micros() / 1_000_000 + AHEAD_SECS) * RTP_CLOCK;
        if step > most {
            return Err(format!("its RTP time goes from {before} to {rtp_timestamp}"));
        }
        Ok(())
    }

    pub(super) fn on_arrived(&mut self, payload: &[u8]) {
        let Some((number, _)) = rtp(payload) else { return };
        self.unseen += 1;
        if self.arrived.packets == 0 {
            // Numbers before it may still arrive.
            let first = (1 << 16) + u64::from(number);
            (self.arrived.first, self.arrived.highest, self.numbers) = (first, first, vec![0; 1 << 10]);
        }
        let highest = self.arrived.highest;
        let ahead = number.wrapping_sub(highest as u16) as i16;
        let at = highest.saturating_add_signed(ahead.into());
        for passed in highest + 1..=at {
            *self.word(passed) &= !(1 << (passed % 64));
        }
        let bit = 1 << (at % 64);
        if *self.word(at) & bit != 0 {
            self.arrived.duplicates += 1;
            return;
        }
        *self.word(at) |= bit;
        self.arrived.packets += 1;
        self.arrived.late += u64::from(at < highest);
        self.arrived.first = self.arrived.first.min(at);
        self.arrived.highest = highest.max(at);
    }

    fn word(&mut self, number: u64) -> &mut u64 {
        &mut self.numbers[(number / 64 % (1 << 10)) as usize]
    }

    /// Checks a receiver report. It was made at the last poll of the client, or, if it `waits` before it
    /// leaves, at some poll since the report before.
    pub(super) fn on_receiver_report(&mut self, block: &[u8; 24], waits: bool) -> Result<(), String> {
        let said = (
            u64::from(block[4]),
            i64::from(u32::from_be_bytes([0, block[5], block[6], block[7]])),
            u16::from_be_bytes([block[10], block[11]]),
        );
        let truth = self.truth(&self.seen);
        let made = self.polled.iter().rposition(|seen| self.truth(seen) == said);
        let made = made.filter(|made| waits || made + 1 == self.polled.len());
        if made.is_none() && !self.vague {
            return Err(format!("it reports (fraction lost, lost, highest) {said:?}, and that is {truth:?}"));
        }
        self.polled.drain(..made.unwrap_or_default());
        let seen = self.polled.first().copied().unwrap_or_default();
        self.reported = (seen.expected(), seen.packets + seen.duplicates);
        Ok(())
    }

    /// Returns what a report must contain: the fraction lost, the cumulative number lost, and the highest
    /// number.
    fn truth(&self, seen: &Counts) -> (u64, i64, u16) {
        let (expected, received) = (seen.expected(), seen.packets + seen.duplicates);
        let (before, reported) = self.reported;
        let (expected_now, received_now) = (expected - before, received - reported);
        let fraction = (expected_now.saturating_sub(received_now) << 8).checked_div(expected_now);
        let lost = (expected as i64 - received as i64) & 0xFF_FFFF;
        (fraction.unwrap_or(0).min(255), lost, seen.highest as u16)
    }

    /// Checks a sender report. Up to `waiting` packets more or fewer may have left than it counts.
    pub(super) fn on_sender_report(&self, packets: u32, waiting: usize) -> Result<(), String> {
        let waiting = waiting as u64;
        let range = self.sent.saturating_sub(waiting)..=self.sent + waiting;
        if !range.contains(&packets.into()) && !self.vague {
            return Err(format!("it reports {packets} packets, and {} have left", self.sent));
        }
        Ok(())
    }
}

/// Returns the sequence number and the timestamp of an RTP packet.
fn rtp(payload: &[u8]) -> Option<(u16, u32)> {
    let [0x80 | 0x90, _, a, b, time @ ..] = payload else { return None };
    let (time, rest) = time.split_first_chunk()?;
    (rest.len() >= 4).then_some((u16::from_be_bytes([*a, *b]), u32::from_be_bytes(*time)))
}
