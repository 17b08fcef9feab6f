//! The figures of one event loop.
//!
//! The loop counts without a lock. About once a second it adds the figures of its sessions up, and publishes them. If
//! an admin port reads at that moment, it does so in the next turn.
use super::super::Event;
use super::{ENDED, INTERVAL, MAX_MEDIA, OTHERS, Observed, TurnTimes};
use crate::media::Library;
use pinhole::frame::{FrameStore, TrackId};
use pinhole::rtsp::LowerTransport;
use pinhole::server::{SessionId, Summary};
use pinhole::time::{Duration, Instant};
use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::TryLockError;
use std::sync::atomic::Ordering;

/// The longest jitter that counts: a client may report anything.
const MAX_JITTER: f64 = 10.0;

/// What carries frames to a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in super::super) enum Carrier {
    Udp,
    Tcp,
    /// The client is a browser.
    Http,
}

/// What a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Kind {
    Rtsp,
    /// RTSP over HTTP, with or without TLS.
    Tunnel,
    /// RTSP inside TLS.
    Rtsps,
    Http,
    /// HTTP inside TLS.
    Https,
    /// Not known yet: a proxy has to say whose it is, or a handshake of TLS is not finished.
    Beginning,
}

/// What was sent of one medium by one carrier.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(in super::super) struct Totals {
    /// The sessions that are open now.
    pub(in super::super) sessions: u64,
    pub(in super::super) frames: u64,
    /// Frames that were left out because they were late or cannot be sent.
    pub(in super::super) late: u64,
    /// Frames that were left out because the client reports loss.
    pub(in super::super) thinned: u64,
    pub(in super::super) packets: u64,
    pub(in super::super) bytes: u64,
    /// Packets that clients have reported as lost.
    pub(in super::super) lost: u64,
    /// Of the open sessions, how many have reported jitter, and the sum of it in seconds.
    pub(in super::super) reporters: u64,
    pub(in super::super) jitter: f64,
}

/// The same of each medium and carrier. Media beyond the first [`MAX_MEDIA`] count as one, [`OTHERS`].
#[derive(Clone, Debug, Default)]
struct ByMedium(HashMap<Arc<str>, [Totals; Carrier::ALL.len()]>);

/// A session as it is now.
#[derive(Clone, Debug)]
pub(in super::super) struct Row {
    /// `None` if the client is a browser.
    pub(in super::super) session: Option<SessionId>,
    pub(in super::super) track: TrackId,
    pub(in super::super) peer: SocketAddr,
    pub(in super::super) user: Option<Arc<str>>,
    pub(in super::super) carrier: Carrier,
    pub(in super::super) summary: Summary,
}

/// What a loop has published.
#[derive(Debug, Default)]
pub(in super::super) struct Snapshot {
    totals: ByMedium,
    /// How many connections there are of each [`Kind`].
    pub(in super::super) connections: [u64; Kind::NAMES.len()],
    pub(in super::super) turns: TurnTimes,
    /// The sessions, and when they were so.
    pub(in super::super) rows: (Instant, Vec<Row>),
    /// The sessions as they were a while before.
    pub(in super::super) rows_before: (Instant, Vec<Row>),
}

/// What a loop counts.
#[derive(Debug)]
pub(in super::super) struct LoopFigures {
    observed: Arc<Observed>,
    number: usize,
    /// What was sent by sessions that are closed now.
    closed: ByMedium,
    /// What was published last.
    before: ByMedium,
    turns: TurnTimes,
    published: Option<Instant>,
}

impl Carrier {
    pub(in super::super) const ALL: [Self; 3] = [Self::Udp, Self::Tcp, Self::Http];

    pub(in super::super) const fn name(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Http => "http",
        }
    }
}

impl From<LowerTransport> for Carrier {
    fn from(transport: LowerTransport) -> Self {
        match transport {
            LowerTransport::Udp => Self::Udp,
            LowerTransport::Interleaved => Self::Tcp,
        }
    }
}

impl Totals {
    fn add_summary(&mut self, summary: &Summary) {
        self.frames += summary.frames;
        self.late += summary.frames_skipped;
        self.thinned += summary.frames_thinned;
        self.packets += summary.packets;
        self.bytes += summary.octets;
        // No more can be lost than was sent.
        self.lost += u64::try_from(summary.lost).unwrap_or(0).min(summary.packets);
    }

    /// Keeps what was counted before, so that no count falls: packets may come after they were reported as lost, and a
    /// session may be forgotten with its connection.
    const fn keep(&mut self, before: &Self) {
        const fn keep(count: &mut u64, before: u64) {
            if *count < before {
                *count = before;
            }
        }
        keep(&mut self.frames, before.frames);
        keep(&mut self.late, before.late);
        keep(&mut self.thinned, before.thinned);
        keep(&mut self.packets, before.packets);
        keep(&mut self.bytes, before.bytes);
        keep(&mut self.lost, before.lost);
    }

    /// Adds those of another loop.
    pub(in super::super) fn add(&mut self, other: &Self) {
        self.sessions += other.sessions;
        self.frames += other.frames;
        self.late += other.late;
        self.thinned += other.thinned;
        self.packets += other.packets;
        self.bytes += other.bytes;
        self.lost += other.lost;
        self.reporters += other.reporters;
        self.jitter += other.jitter;
    }
}

impl Row {
    /// Returns the jitter that the client has reported, in seconds, of a medium with so many ticks a second.
    pub(in super::super) fn jitter(&self, clock_rate: u32) -> f64 {
        (f64::from(self.summary.jitter) / f64::from(clock_rate.max(1))).min(MAX_JITTER)
    }
}

impl ByMedium {
    /// Returns what was sent of a medium by a carrier.
    fn of(&mut self, medium: &str, carrier: Carrier) -> &mut Totals {
        let is_apart = self.0.contains_key(medium) || self.0.len() < MAX_MEDIA;
        let medium = if is_apart { medium } else { OTHERS };
        let known = self.0.get_key_value(medium).map(|(medium, _)| medium.clone());
        let [udp, tcp, http] = self.0.entry(known.unwrap_or_else(|| medium.into())).or_default();
        match carrier {
            Carrier::Udp => udp,
            Carrier::Tcp => tcp,
            Carrier::Http => http,
        }
    }

    /// Forgets media that are gone, to make room for others.
    fn forget_all_but(&mut self, library: &Library) {
        let there: HashSet<_> = library.mounts().collect();
        self.0.retain(|medium, _| &**medium == OTHERS || there.contains(&**medium));
    }
}

impl Snapshot {
    /// Returns what was sent, with the path of the medium and the carrier.
    pub(in super::super) fn totals(&self) -> impl Iterator<Item = (&Arc<str>, Carrier, &Totals)> {
        self.totals.0.iter().flat_map(|(medium, totals)| {
            Carrier::ALL.iter().zip(totals).map(move |(carrier, totals)| (medium, *carrier, totals))
        })
    }
}

impl LoopFigures {
    /// Creates the figures of loop `number`, which begins.
    pub(in super::super) fn new(observed: Arc<Observed>, number: usize) -> Self {
        let (closed, before) = Default::default();
        let figures = Self { observed, number, closed, before, turns: TurnTimes::default(), published: None };
        figures.has_turned(figures.observed.clock.now().at);
        figures
    }

    /// Counts an event of the loop.
    pub(in super::super) fn count(&mut self, event: &Event) {
        self.observed.counts.add(event);
        self.observed.sources.note(event);
        match event {
            Event::Closed { mount, transport, summary, .. } => {
                self.add_closed(mount, (*transport).into(), summary);
            }
            Event::BrowserClosed { mount, frames, frames_skipped, bytes, .. } => {
                let (frames, frames_skipped, octets) = (*frames, *frames_skipped, *bytes);
                let summary = Summary { frames, frames_skipped, octets, ..Summary::default() };
                self.add_closed(mount, Carrier::Http, &summary);
            }
            _ => {}
        }
    }

    fn add_closed(&mut self, mount: &str, carrier: Carrier, summary: &Summary) {
        self.closed.of(mount, carrier).add_summary(summary);
    }

    /// Takes note of a turn of the whole loop that has ended at `now`, and took `time`. Returns whether the figures are
    /// to be published.
    pub(in super::super) fn end_turn(&mut self, now: Instant, time: Duration) -> bool {
        self.turns.add(time);
        self.has_turned(now);
        self.published.is_none_or(|at| now.since(at) >= INTERVAL)
    }

    fn has_turned(&self, now: Instant) {
        if let Some(state) = self.observed.loops.get(self.number) {
            state.turned.store(now.as_micros().max(1), Ordering::Relaxed);
        }
    }

    /// Publishes the figures of all connections, unless somebody reads them. Each of `connections` passes its streams on,
    /// and returns its kind.
    pub(in super::super) fn publish(
        &mut self,
        now: Instant,
        connections: impl Iterator<Item = impl FnOnce(&mut dyn FnMut(Row)) -> Kind>,
        library: &Library,
    ) {
        if self.before.0.len() >= MAX_MEDIA {
            self.closed.forget_all_but(library);
            self.before.forget_all_but(library);
        }
        let Some(state) = self.observed.loops.get(self.number) else { return };
        let mut snapshot = match state.snapshot.try_lock() {
            Ok(snapshot) => snapshot,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        let Snapshot { totals, connections: counts, turns, rows: (at, rows), rows_before } = &mut *snapshot;
        totals.clone_from(&self.closed);
        turns.clone_from(&self.turns);
        *counts = Default::default();
        std::mem::swap(rows, &mut rows_before.1);
        rows_before.0 = std::mem::replace(at, now);
        rows.clear();
        for connection in connections {
            let kind = connection(&mut |row| {
                let totals = totals.of(library.mount_of(row.track.media), row.carrier);
                totals.sessions += 1;
                totals.add_summary(&row.summary);
                if row.summary.jitter > 0 {
                    totals.reporters += 1;
                    totals.jitter += row.jitter(library.info(row.track).map_or(0, |info| info.clock_rate));
                }
                rows.push(row);
            });
            if let Some(count) = counts.get_mut(kind as usize) {
                *count += 1;
            }
        }
        for (medium, before) in &self.before.0 {
            for (carrier, before) in Carrier::ALL.into_iter().zip(before) {
                totals.of(medium, carrier).keep(before);
            }
        }
        self.before.clone_from(totals);
        self.published = Some(now);
    }
}

impl Kind {
    /// The names of all kinds, in their order.
    pub(in super::super) const NAMES: [&str; 6] = ["rtsp", "tunnel", "rtsps", "http", "https", "beginning"];
}

impl Drop for LoopFigures {
    /// A loop that has ended is not stalled.
    fn drop(&mut self) {
        if let Some(state) = self.observed.loops.get(self.number) {
            state.turned.store(ENDED, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::Playback;
    use std::io;

    #[test]
    fn media_are_told_apart_up_to_a_bound_and_those_that_are_gone_make_room() {
        let mut figures = ByMedium::default();
        for number in 0..2 * MAX_MEDIA {
            figures.of(&format!("m{number}"), Carrier::Tcp).frames += 1;
        }
        figures.of("m0", Carrier::Tcp).frames += 1;
        let of = |figures: &ByMedium, medium: &str| figures.0.get(medium).map(|[_, tcp, _]| tcp.frames);
        assert_eq!(figures.0.len(), MAX_MEDIA + 1);
        assert_eq!(
            [of(&figures, "m0"), of(&figures, "m1"), of(&figures, OTHERS)],
            [Some(2), Some(1), Some(MAX_MEDIA as u64)]
        );
        let mut library = Library::new(Playback::default());
        library.add_live("m1", io::empty());
        figures.forget_all_but(&library);
        assert_eq!(figures.0.len(), 2);
        figures.of("new", Carrier::Tcp).frames += 1;
        assert_eq!([of(&figures, "m1"), of(&figures, "new")], [Some(1), Some(1)]);
    }
}
