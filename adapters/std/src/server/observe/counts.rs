//! What is counted when it happens. All of it is seldom, next to packets.
use super::super::Event;
use super::loop_figures::Carrier;
use pinhole::server::CloseReason;
use std::sync::atomic::{AtomicU64, Ordering};

/// The results of a login.
const RESULTS: [&str; 2] = ["granted", "refused"];

/// The statuses with which requests are refused, of which there are events.
const STATUSES: [(u16, &str); 3] = [(404, "404"), (503, "503"), (504, "504")];

/// Why sessions are closed.
const REASONS: [&str; 4] = ["teardown", "timeout", "replaced", "connection"];

/// Counts of events. Event loops count, and an admin port reads.
#[derive(Debug, Default)]
pub(in super::super) struct Counts {
    opened: [Count; Carrier::ALL.len()],
    closed: [[Count; Carrier::ALL.len()]; REASONS.len()],
    refused: [Count; STATUSES.len()],
    logins: [Count; RESULTS.len()],
    #[cfg(feature = "tls")]
    handshakes_failed: Count,
}

#[derive(Debug, Default)]
struct Count(AtomicU64);

impl Counts {
    pub(super) fn add(&self, event: &Event) {
        match event {
            Event::Opened { transport, .. } => add_at(&self.opened, Carrier::from(*transport) as usize),
            Event::BrowserOpened { .. } => add_at(&self.opened, Carrier::Http as usize),
            Event::Closed { transport, reason, .. } => {
                let reason = match reason {
                    CloseReason::Teardown => 0,
                    CloseReason::Timeout => 1,
                    CloseReason::Replaced => 2,
                    _ => 3,
                };
                self.add_closed(reason, Carrier::from(*transport));
            }
            Event::BrowserClosed { .. } => self.add_closed(3, Carrier::Http),
            Event::Refused { status, .. } => {
                let known = STATUSES.iter().position(|(known, _)| known == status);
                known.into_iter().for_each(|place| add_at(&self.refused, place));
            }
            Event::LoginGranted { .. } => add_at(&self.logins, 0),
            Event::LoginRefused { .. } => add_at(&self.logins, 1),
            #[cfg(feature = "tls")]
            Event::HandshakeFailed { .. } => self.handshakes_failed.add(),
            _ => {}
        }
    }

    fn add_closed(&self, reason: usize, carrier: Carrier) {
        self.closed.get(reason).into_iter().for_each(|counts| add_at(counts, carrier as usize));
    }

    /// Returns how many sessions were opened, by what carries them.
    pub(in super::super) fn opened(&self) -> impl Iterator<Item = (&'static str, u64)> {
        Carrier::ALL.iter().zip(&self.opened).map(|(carrier, count)| (carrier.name(), count.get()))
    }

    /// Returns how many sessions were closed, by why and by what carried them.
    pub(in super::super) fn closed(&self) -> impl Iterator<Item = (&'static str, &'static str, u64)> {
        REASONS.iter().zip(&self.closed).flat_map(|(reason, counts)| {
            let carriers = Carrier::ALL.iter().zip(counts);
            carriers.map(|(carrier, count)| (*reason, carrier.name(), count.get()))
        })
    }

    /// Returns how many requests were refused because there is nothing to send, by the status of the reply.
    pub(in super::super) fn refused(&self) -> impl Iterator<Item = (&'static str, u64)> {
        STATUSES.iter().zip(&self.refused).map(|((_, status), count)| (*status, count.get()))
    }

    /// Returns how many logins there were, by their result.
    pub(in super::super) fn logins(&self) -> impl Iterator<Item = (&'static str, u64)> {
        RESULTS.iter().zip(&self.logins).map(|(result, count)| (*result, count.get()))
    }

    /// Returns how many handshakes of TLS have failed.
    #[cfg(feature = "tls")]
    pub(in super::super) fn handshakes_failed(&self) -> u64 {
        self.handshakes_failed.get()
    }
}

impl Count {
    fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

fn add_at(counts: &[Count], place: usize) {
    if let Some(count) = counts.get(place) {
        count.add();
    }
}
