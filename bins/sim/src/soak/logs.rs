//! The queue of `pinhole-log`, whose reader stops and goes on.
use super::totals::Totals;
use super::violation::{Failure, Violation};
use fastrand::Rng;
use pinhole::time::Instant;
use pinhole_log::Rate;
use pinhole_log::simulation::{Told, VirtualQueue};
use std::collections::HashMap;
use std::net::IpAddr;
use std::time;

const KINDS: [&str; 3] = ["opened", "refused", "warning"];
const PEERS: u8 = 24;
/// The most lines of a kind that a peer may cause in ten seconds.
const LINES: u32 = 20;
/// How many times as many all peers may cause.
const ALL: u32 = 10;
const WINDOW: u64 = 10_000_000;
/// The bytes of the longest line.
const MAX_LINE: usize = 8_000;
/// How often something happens.
const EVENTS: u32 = 60;
/// The bytes that may wait, and one line and its notices more.
const MOST: usize = (1 << 20) + 2 * MAX_LINE;

/// The lines of one kind and peer that were queued in a window.
#[derive(Clone, Copy, Debug, Default)]
struct Written {
    since: u64,
    lines: u32,
}

struct Run {
    queue: VirtualQueue,
    random: Rng,
    origin: time::Instant,
    at: u64,
    offered: u64,
    dropped: u64,
    more: u64,
    written: u64,
    seen: HashMap<(&'static str, Option<IpAddr>), Written>,
}

/// Has peers cause lines, as a seed says, and a reader that stops and goes on. Adds what the queue did to
/// `totals`.
pub(super) fn run(seed: u64, totals: &mut Totals) -> Result<(), Failure> {
    let mut run = Run {
        queue: VirtualQueue::default(),
        random: Rng::with_seed(!seed),
        origin: time::Instant::now(),
        at: 0,
        offered: 0,
        dropped: 0,
        more: 0,
        written: 0,
        seen: HashMap::new(),
    };
    let came = run.run();
    let failed = |failure: Failure| {
        let (host, at) = ("log".to_owned(), Instant::from_micros(run.at));
        Failure { seed, at, host, ..failure }
    };
    came.map_err(|violation| failed(violation.into()))?;
    let logs = &mut totals.logs;
    logs.offered += run.offered;
    logs.written += run.written;
    logs.more += run.more;
    logs.dropped += run.dropped;
    Ok(())
}

impl Run {
    fn run(&mut self) -> Result<(), Violation> {
        let mut reads = true;
        for _ in 0..EVENTS {
            self.at += u64::from(self.random.u32(0..400_000));
            match self.random.u8(..12) {
                0 => reads = !reads,
                1 => {
                    // Anything that is not counted per peer.
                    let lines = self.random.u32(0..200);
                    let rate = Rate { kind: "many", label: "many", peer: None, lines: u32::MAX };
                    (0..lines).try_for_each(|_| self.offer(rate))?;
                }
                _ => {
                    let peer = IpAddr::from([192, 0, 2, 100 + self.random.u8(..PEERS)]);
                    let kind = KINDS[self.random.usize(..KINDS.len())];
                    let rate = Rate { kind, label: "a line", peer: Some(peer), lines: LINES };
                    let lines = self.random.u32(0..60);
                    (0..lines).try_for_each(|_| self.offer(rate))?;
                }
            }
            while reads && let Some(told) = self.queue.read(self.now()) {
                self.count(told);
            }
        }
        self.queue.end();
        while let Some(told) = self.queue.read(self.now()) {
            self.count(told);
        }
        let told = self.written + self.more + self.dropped;
        if told != self.offered {
            let Self { offered, written, more, dropped, .. } = self;
            let details = format!("{offered} lines: {written} written, {more} more, {dropped} dropped");
            return Err(Violation::of("each line is written or counted", details));
        }
        Ok(())
    }

    fn offer(&mut self, rate: Rate<'static>) -> Result<(), Violation> {
        let (len, mut was_made) = (self.random.usize(1..MAX_LINE), false);
        self.offered += 1;
        let line = || {
            was_made = true;
            "x".repeat(len)
        };
        self.queue.offer(rate, self.now(), line);
        let waiting = self.queue.waiting_bytes();
        if waiting > MOST {
            return Err(Violation::of("the lines that wait have a bound", format!("{waiting} bytes")));
        }
        if let (true, Some(peer)) = (was_made, rate.peer) {
            self.bound(rate.kind, Some(peer), rate.lines)?;
            self.bound(rate.kind, None, ALL * rate.lines)?;
        }
        Ok(())
    }

    /// Notes a line, and compares with what may be written from one window to the next.
    fn bound(&mut self, kind: &'static str, peer: Option<IpAddr>, most: u32) -> Result<(), Violation> {
        let written = self.seen.entry((kind, peer)).or_default();
        if self.at >= written.since + WINDOW {
            *written = Written { since: self.at, lines: 0 };
        }
        written.lines += 1;
        // A window of the queue may end, and the next begin, in one of these.
        if written.lines > 2 * most {
            return Err(Violation::of(
                "a peer causes so many lines",
                format!("{kind} of {peer:?}: {written:?}"),
            ));
        }
        Ok(())
    }

    fn count(&mut self, told: Told) {
        match told {
            Told::Line => self.written += 1,
            Told::Dropped(lines) => self.dropped += lines,
            Told::More(lines) => self.more += lines,
        }
    }

    fn now(&self) -> time::Instant {
        self.origin + time::Duration::from_micros(self.at)
    }
}
