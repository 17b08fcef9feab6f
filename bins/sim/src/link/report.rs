//! Output about a link.
use super::bridge::{Bridge, Direction};
use pinhole::text::Count;
use pinhole_sim::wire::Counters;
use std::time::Duration;

/// The statistics of both directions of a link.
pub(super) struct Report<'a> {
    names: [&'a str; 2],
    seed: u64,
    time: Duration,
    ways: [DirectionCounts; 2],
}

/// The statistics of one direction.
#[derive(Clone, Copy, Debug)]
struct DirectionCounts {
    counters: Counters,
    in_flight: usize,
    not_taken: u64,
}

impl<'a> Report<'a> {
    /// Returns the statistics of a bridge between two interfaces after it has run for `time`.
    pub(super) fn new(bridge: &Bridge, names: [&'a str; 2], seed: u64, time: Duration) -> Self {
        let ways = bridge.directions().each_ref().map(|Direction { wire, not_taken }| DirectionCounts {
            counters: wire.counters(),
            in_flight: wire.in_flight(),
            not_taken: *not_taken,
        });
        Self { names, seed, time, ways }
    }

    /// Returns the status line.
    pub(super) fn line(&self) -> String {
        let ways = self.directions().map(|(from, to, way)| {
            let Counters { sent, lost, overflowed, .. } = way.counters;
            format!("{from} to {to}: {sent} sent, {} lost", lost + overflowed)
        });
        format!("{} s; {}", self.time.as_secs(), ways.join("; "))
    }

    /// Returns a line for each direction.
    pub(super) fn text(&self) -> String {
        let ways = self.directions().map(|(from, to, way)| {
            let Counters { sent, delivered, lost, overflowed, duplicated, corrupted, reordered, .. } =
                way.counters;
            let not_taken = match way.not_taken {
                0 => String::new(),
                count => format!(" (of which {count} came when {to} was down)"),
            };
            format!(
                "{from} to {to}: {} sent, {delivered} delivered{not_taken}, {lost} lost, \
                 {overflowed} too much for the rate, {duplicated} twice, {corrupted} changed, \
                 {reordered} reordered, {} under way",
                Count(sent, "frame", "frames"),
                way.in_flight,
            )
        });
        ways.join("\n")
    }

    /// Returns all statistics as one line of JSON.
    pub(super) fn json(&self) -> String {
        let [a_to_b, b_to_a] = self.ways.map(|way| {
            let counters = way.counters;
            serde_json::json!({
                "sent": counters.sent,
                "delivered": counters.delivered,
                "not_taken": way.not_taken,
                "lost": counters.lost,
                "overflowed": counters.overflowed,
                "duplicated": counters.duplicated,
                "corrupted": counters.corrupted,
                "reordered": counters.reordered,
                "in_flight": way.in_flight,
            })
        });
        serde_json::json!({
            "a": self.names[0],
            "b": self.names[1],
            "seed": self.seed,
            "seconds": (self.time.as_secs_f64() * 1000.0).round() / 1000.0,
            "a_to_b": a_to_b,
            "b_to_a": b_to_a,
        })
        .to_string()
    }

    fn directions(&self) -> [(&str, &str, DirectionCounts); 2] {
        let [a, b] = self.names;
        [(a, b, self.ways[0]), (b, a, self.ways[1])]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report<'static> {
        let counters = Counters { sent: 100, delivered: 90, lost: 7, overflowed: 2, ..Counters::default() };
        let there = DirectionCounts { counters, in_flight: 1, not_taken: 3 };
        let back = DirectionCounts { counters: Counters::default(), in_flight: 0, not_taken: 0 };
        Report { names: ["va", "vb"], seed: 5, time: Duration::from_micros(2_000_400), ways: [there, back] }
    }

    #[test]
    fn text_has_a_line_for_each_direction() {
        let text = report().text();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 2);
        assert!(lines[0].starts_with("va to vb: 100 frames sent, 90 delivered (of which 3 came"), "{text}");
        assert!(lines[1].starts_with("vb to va: 0 frames sent, 0 delivered, "), "{text}");
        assert_eq!(report().line(), "2 s; va to vb: 100 sent, 9 lost; vb to va: 0 sent, 0 lost");
    }

    #[test]
    fn json_counts_add_up() {
        let text = report().json();
        assert_eq!(text.lines().count(), 1);
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!((json["seed"].as_u64(), json["seconds"].as_f64()), (Some(5), Some(2.0)));
        let count = |name: &str| json["a_to_b"][name].as_u64().unwrap();
        let known = ["delivered", "lost", "overflowed", "in_flight"].map(count).iter().sum::<u64>();
        assert_eq!(count("sent") + count("duplicated"), known);
    }
}
