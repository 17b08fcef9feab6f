//! Output about a board, as text or JSON.
use super::budget::Budget;
use super::cable::FrameCounts;
use super::totals::SessionTotals;
use pinhole::server::{Notice, Summary};
use pinhole::text::Count;
use pinhole_sim::wire::Counters;
use serde_json::{Value, json};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::time::Duration;

/// Writes events to standard output, one per line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Report {
    pub(super) json: bool,
}

/// The state of a board.
#[derive(Clone, Copy, Debug)]
pub(super) struct Status {
    pub(super) time: Duration,
    pub(super) sessions: usize,
    pub(super) totals: SessionTotals,
    pub(super) counts: FrameCounts,
    /// The counters of the wires to the board, and from it.
    pub(super) faults: Option<[Counters; 2]>,
}

impl Report {
    /// Writes the URLs and the division of the memory. `flash` is the length of the clip, and `round_trip`
    /// the longest round trip with which a session over TCP receives all frames.
    pub(super) fn serving(
        self,
        urls: &[String],
        budget: &Budget,
        flash: usize,
        round_trip: Duration,
        seed: Option<u64>,
    ) {
        let round_trip = round_trip.as_micros() as f64 / 1000.0;
        if self.json {
            let parts: serde_json::Map<_, _> = budget
                .parts()
                .into_iter()
                .map(|(name, bytes)| (name.replace(' ', "_"), bytes.into()))
                .collect();
            self.say(&json!({ "event": "serving", "urls": urls, "ram": budget.ram, "ram_parts": parts,
                "ram_taken": budget.total(), "ram_left": budget.left(),
                "tcp_transmit": budget.resources.tcp.transmit,
                "tcp_round_trip_ms": round_trip, "frames_in_flash": flash, "seed": seed }));
            return;
        }
        self.say(&format_args!(
            "memory, of {} bytes; the frames are in flash, {flash} bytes:\n{budget}",
            budget.ram
        ));
        self.say(&format_args!("by TCP all frames arrive with round trips of up to {round_trip:.1} ms"));
        if let Some(seed) = seed {
            self.say(&format_args!("faults: --seed {seed}"));
        }
        for url in urls {
            self.say(&format_args!("{url}"));
        }
    }

    pub(super) fn notice(self, peer: SocketAddr, notice: Notice) {
        if self.json {
            if let Some(value) = as_json(peer, notice) {
                self.say(&value);
            }
            return;
        }
        match notice {
            Notice::Opened { session, transport, .. } => {
                self.say(&format_args!("{peer} opened session {session} by {}", transport.name()));
            }
            Notice::Closed { session, reason, summary, .. } => {
                self.say(&format_args!(
                    "{peer} closed session {session}: {}; {}",
                    reason.description(),
                    figures(&summary)
                ));
            }
            Notice::Skipped { frames, .. } => {
                let frames = Count(frames, "frame", "frames");
                self.say(&format_args!("{peer} was late: {frames} left out"));
            }
            Notice::Adapted { one_in: 1, .. } => {
                self.say(&format_args!("{peer} reports no more loss, and is sent every frame"));
            }
            Notice::Adapted { one_in, .. } => {
                self.say(&format_args!("{peer} reports loss, and is sent one frame in {one_in}"));
            }
            Notice::Disconnect(error) => self.say(&format_args!("{peer} disconnected: {error}")),
            _ => {}
        }
    }

    /// Writes the final statistics.
    pub(super) fn stopped(self, status: &Status) {
        if self.json {
            self.say(&status.json());
        } else {
            self.say(&status.text());
        }
    }

    /// Writes a line. The server goes on if it cannot be written.
    fn say(self, line: &dyn std::fmt::Display) {
        let mut out = io::stdout().lock();
        let _ = writeln!(out, "{line}").and_then(|()| out.flush());
    }
}

impl Status {
    /// Returns the status line.
    pub(super) fn line(&self) -> String {
        let SessionTotals { frames, skipped, packets, octets, .. } = self.totals;
        let lost = self.faults.iter().flatten().map(|way| way.lost + way.overflowed).sum::<u64>();
        format!(
            "{} s; {}; {}, {skipped} left out; {}, {:.1} MB; {} sent, {} received, {lost} lost",
            self.time.as_secs(),
            Count(self.sessions, "session", "sessions"),
            Count(frames, "frame", "frames"),
            Count(packets, "packet", "packets"),
            octets as f64 / 1e6,
            Count(self.counts.sent, "Ethernet frame", "Ethernet frames"),
            self.counts.received,
        )
    }

    fn text(&self) -> String {
        let faults = self.faults.map(|ways| {
            let way = |name, way: Counters| {
                format!(
                    "\n{name} the board: {} sent, {} lost, {} too much for the rate, {} twice, {} changed, {} reordered",
                    way.sent, way.lost, way.overflowed, way.duplicated, way.corrupted, way.reordered
                )
            };
            way("to", ways[0]) + &way("from", ways[1])
        });
        let down = match self.counts.not_taken {
            0 => String::new(),
            count => format!("\n{count} of them came when the TAP was down"),
        };
        self.line() + &down + &faults.unwrap_or_default()
    }

    fn json(&self) -> Value {
        let SessionTotals { frames, skipped, thinned, packets, octets } = self.totals;
        let way = |way: Counters| {
            json!({ "sent": way.sent, "delivered": way.delivered, "lost": way.lost,
                "overflowed": way.overflowed, "duplicated": way.duplicated, "corrupted": way.corrupted,
                "reordered": way.reordered })
        };
        let faults = self.faults.map(|[to, from]| json!({ "to_board": way(to), "from_board": way(from) }));
        json!({ "event": "stopped", "seconds": (self.time.as_secs_f64() * 1000.0).round() / 1000.0,
            "sessions": self.sessions, "frames": frames, "frames_skipped": skipped, "frames_thinned": thinned,
            "packets": packets, "bytes": octets, "ethernet_received": self.counts.received,
            "ethernet_sent": self.counts.sent, "ethernet_not_taken": self.counts.not_taken, "faults": faults })
    }
}

fn as_json(peer: SocketAddr, notice: Notice) -> Option<Value> {
    let peer = peer.to_string();
    Some(match notice {
        Notice::Opened { session, transport, .. } => json!({ "event": "opened", "peer": peer,
            "session": session.to_string(), "transport": transport.name() }),
        Notice::Skipped { session, frames, .. } => json!({ "event": "skipped", "peer": peer,
            "session": session.to_string(), "frames": frames }),
        Notice::Adapted { session, one_in, .. } => json!({ "event": "adapted", "peer": peer,
            "session": session.to_string(), "one_in": one_in }),
        Notice::Closed { session, reason, summary, .. } => json!({ "event": "closed", "peer": peer,
            "session": session.to_string(), "why": reason.description(), "frames": summary.frames,
            "frames_skipped": summary.frames_skipped, "frames_thinned": summary.frames_thinned,
            "packets": summary.packets, "bytes": summary.octets, "packets_lost": summary.lost,
            "seconds": summary.lifetime.as_millis() as f64 / 1000.0 }),
        Notice::Disconnect(error) => {
            json!({ "event": "disconnected", "peer": peer, "why": error.to_string() })
        }
        _ => return None,
    })
}

fn figures(summary: &Summary) -> String {
    let seconds = summary.lifetime.as_millis() as f64 / 1000.0;
    let Summary { frames, frames_skipped, frames_thinned, packets, lost, .. } = summary;
    let (frames, packets) = (Count(*frames, "frame", "frames"), Count(*packets, "packet", "packets"));
    format!(
        "{frames} ({frames_skipped} left out for time, {frames_thinned} for loss), {packets} \
         ({lost} reported lost) in {seconds:.1} s"
    )
}
