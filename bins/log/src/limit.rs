//! How many lines of one kind a peer can cause.
use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

/// The time for which lines are counted together.
const WINDOW: Duration = Duration::from_secs(10);
/// The time for which lines are counted together once more.
const HOUR: Duration = Duration::from_secs(3600);
/// How many windows full of lines a peer may cause in an hour. A thousand viewers may start at once, several times; who
/// goes on all day fills no disk.
const WINDOWS_AN_HOUR: u32 = 4;
/// How often windows that have ended are looked for.
const SWEEP: Duration = Duration::from_secs(1);
/// How many times as many lines of a kind all peers together may cause.
const PEERS: u32 = 10;

/// What a line is about, and how many like it are written in ten seconds.
#[derive(Clone, Copy, Debug)]
pub struct Rate<'a> {
    /// Lines of the same kind are counted together.
    pub kind: &'static str,
    /// What the lines are called where only their number is told.
    pub label: &'a str,
    /// Who causes the line, if it is a peer. The lines of each address are counted for themselves; IPv6
    /// addresses with the same first 64 bits, which one host can have all of, are one.
    pub peer: Option<IpAddr>,
    /// How many lines of this kind a peer may cause in ten seconds; in an hour, four times as many. All peers
    /// together may cause ten times as many. Without a peer, it is the number of all lines of this kind.
    pub lines: u32,
}

/// Lines that were not written, and of which the number is told.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct More {
    pub(crate) kind: &'static str,
    pub(crate) label: String,
    /// Whose they were: an address, a network, or nobody's in particular.
    pub(crate) peer: Option<Source>,
    pub(crate) lines: u64,
}

/// An address whose lines are counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Source {
    Host(IpAddr),
    /// The first 64 bits.
    Network(Ipv6Addr),
}

/// Counts lines.
#[derive(Debug, Default)]
pub(crate) struct Limiter {
    windows: HashMap<(&'static str, Option<Source>), Window>,
    sweep_at: Option<Instant>,
}

#[derive(Debug)]
struct Window {
    label: String,
    ends: Instant,
    written: u32,
    more: u64,
    long_ends: Instant,
    long_written: u32,
}

impl Limiter {
    /// Returns whether a line may be written. If not, it is counted.
    pub(crate) fn allows(&mut self, rate: &Rate<'_>, now: Instant) -> bool {
        let source = rate.peer.map(Source::of);
        let all = if source.is_some() { rate.lines.saturating_mul(PEERS) } else { rate.lines };
        // A peer that has used up its share takes nothing from that of all.
        if let Some(window) = self.windows.get_mut(&(rate.kind, source)).filter(|_| source.is_some())
            && !window.may_begin(now)
            && window.is_full(rate.lines)
        {
            window.more += 1;
            return false;
        }
        // Only peers with a written line have a window, so the number of windows is bounded.
        self.window(rate, None, now).takes(all)
            && (source.is_none() || self.window(rate, source, now).takes(rate.lines))
    }

    /// Returns what was not written in windows that have ended, and forgets these. `None` if it is too
    /// soon to look.
    pub(crate) fn ended(&mut self, now: Instant) -> Option<Vec<More>> {
        if self.sweep_at.is_some_and(|at| now < at) {
            return None;
        }
        self.sweep_at = Some(now + SWEEP);
        Some(self.take(|window| window.ends <= now, |window| window.long_ends <= now))
    }

    /// Returns what was not written in any window, and forgets all.
    pub(crate) fn all(&mut self) -> Vec<More> {
        self.take(|_| true, |_| true)
    }

    /// Returns how long until [`Self::ended`] is to be called even if no line comes; `None` if there is
    /// no need.
    pub(crate) fn wait(&self) -> Option<Duration> {
        self.windows.values().any(|window| window.more > 0).then_some(SWEEP)
    }

    fn window(&mut self, rate: &Rate<'_>, source: Option<Source>, now: Instant) -> &mut Window {
        let new = || Window::new(rate.label, now);
        let window = self.windows.entry((rate.kind, source)).or_insert_with(new);
        if window.may_begin(now) {
            window.begin(now);
        }
        window
    }

    fn take(
        &mut self,
        is_over: impl Fn(&Window) -> bool,
        is_forgotten: impl Fn(&Window) -> bool,
    ) -> Vec<More> {
        let mut more = Vec::new();
        self.windows.retain(|(kind, peer), window| {
            let lines = if is_over(window) { std::mem::take(&mut window.more) } else { 0 };
            if lines > 0 {
                more.push(More { kind, label: window.label.clone(), peer: *peer, lines });
            }
            !(is_over(window) && is_forgotten(window))
        });
        // In an order that is always the same.
        more.sort_unstable_by_key(|more| (more.kind, more.peer));
        more
    }
}

impl Window {
    fn new(label: &str, now: Instant) -> Self {
        let (ends, long_ends) = (now + WINDOW, now + HOUR);
        Self { label: label.to_owned(), ends, written: 0, more: 0, long_ends, long_written: 0 }
    }

    /// Returns whether it has ended, and what was left out in it is told.
    fn may_begin(&self, now: Instant) -> bool {
        self.ends <= now && self.more == 0
    }

    /// Begins anew after its end.
    fn begin(&mut self, now: Instant) {
        (self.ends, self.written) = (now + WINDOW, 0);
        if self.long_ends <= now {
            (self.long_ends, self.long_written) = (now + HOUR, 0);
        }
    }

    const fn is_full(&self, lines: u32) -> bool {
        self.written >= lines || self.long_written >= lines.saturating_mul(WINDOWS_AN_HOUR)
    }

    fn takes(&mut self, lines: u32) -> bool {
        let takes = !self.is_full(lines);
        if takes {
            self.written += 1;
            self.long_written += 1;
        } else {
            self.more += 1;
            if self.long_written >= lines.saturating_mul(WINDOWS_AN_HOUR) {
                // What is left out until then is told once.
                self.ends = self.ends.max(self.long_ends);
            }
        }
        takes
    }
}

impl Source {
    fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V6(address) if !address.is_loopback() => {
                Self::Network(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)))
            }
            address => Self::Host(address),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(address) => write!(f, "{address}"),
            Self::Network(network) => write!(f, "{network}/64"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(peer: Option<&str>) -> Rate<'static> {
        let peer = peer.map(|peer| peer.parse().unwrap());
        Rate { kind: "refused", label: "refused", peer, lines: 3 }
    }

    fn allowed(limiter: &mut Limiter, rate: Rate<'_>, times: u32, now: Instant) -> usize {
        (0..times).filter(|_| limiter.allows(&rate, now)).count()
    }

    #[test]
    fn a_peer_has_so_many_lines_and_the_rest_is_counted() {
        let (mut limiter, now) = (Limiter::default(), Instant::now());
        let (one, other) = (refused(Some("192.0.2.1")), refused(Some("192.0.2.2")));
        assert_eq!(allowed(&mut limiter, one, 1_000, now), 3);
        assert_eq!(allowed(&mut limiter, other, 2, now), 2);
        assert_eq!(limiter.wait(), Some(SWEEP));
        assert_eq!(limiter.ended(now), Some(vec![]));
        assert_eq!(limiter.ended(now), None);
        let later = now + WINDOW;
        let more = limiter.ended(later).unwrap();
        let peer = Some(Source::Host("192.0.2.1".parse().unwrap()));
        assert_eq!(more, [More { kind: "refused", label: "refused".into(), peer, lines: 997 }]);
        assert_eq!(limiter.wait(), None);
        assert_eq!(allowed(&mut limiter, one, 5, later), 3);
        assert_eq!(limiter.all()[0].lines, 2);
        assert_eq!(limiter.windows.len(), 0);
    }

    #[test]
    fn a_day_without_end_fills_no_disk() {
        let (mut limiter, start) = (Limiter::default(), Instant::now());
        let (one, other) = (refused(Some("192.0.2.1")), refused(Some("192.0.2.2")));
        let (mut written, mut told) = (0, Vec::new());
        for second in 0..24 * 3600 {
            let now = start + Duration::from_secs(second);
            written += allowed(&mut limiter, one, 100, now);
            told.extend(limiter.ended(now).unwrap_or_default());
        }
        let hours = 24 * 3 * WINDOWS_AN_HOUR as usize;
        assert!((hours - 12..=hours).contains(&written), "{written}");
        assert!(told.len() <= 24 * (1 + WINDOWS_AN_HOUR as usize), "{}", told.len());
        // Another peer has its own lines all the while, and who was quiet is forgotten.
        let now = start + Duration::from_secs(24 * 3600);
        assert_eq!(allowed(&mut limiter, other, 2, now), 2);
        limiter.ended(now + HOUR);
        limiter.ended(now + HOUR + HOUR);
        assert_eq!(limiter.windows.len(), 0);
    }

    #[test]
    fn kinds_do_not_share() {
        let (mut limiter, now) = (Limiter::default(), Instant::now());
        let refused = refused(Some("192.0.2.1"));
        assert_eq!(allowed(&mut limiter, refused, 9, now), 3);
        assert_eq!(allowed(&mut limiter, Rate { kind: "opened", ..refused }, 9, now), 3);
    }

    #[test]
    fn many_peers_have_a_bound_too() {
        let (mut limiter, now) = (Limiter::default(), Instant::now());
        let peers = (0..10_000_u32).map(|n| Ipv6Addr::from_bits(u128::from(n) << 64).into());
        let of = |peer| Rate { peer: Some(peer), ..refused(None) };
        assert_eq!(peers.filter(|peer| limiter.allows(&of(*peer), now)).count(), 30);
        assert!(limiter.windows.len() <= 31, "{}", limiter.windows.len());
        assert_eq!(limiter.all().iter().map(|more| more.lines).sum::<u64>(), 9_970);
    }

    #[test]
    fn a_host_cannot_multiply_by_its_addresses() {
        let (mut limiter, now) = (Limiter::default(), Instant::now());
        let peers = (0..100_u128).map(|n| Ipv6Addr::from_bits((0x2001_0db8 << 96) + n).into());
        let of = |peer| Rate { peer: Some(peer), ..refused(None) };
        assert_eq!(peers.filter(|peer| limiter.allows(&of(*peer), now)).count(), 3);
        assert_eq!(limiter.all()[0].peer.unwrap().to_string(), "2001:db8::/64");
    }

    #[test]
    fn lines_of_no_peer_are_counted_together() {
        let (mut limiter, now) = (Limiter::default(), Instant::now());
        assert_eq!(allowed(&mut limiter, refused(None), 10, now), 3);
        assert_eq!(limiter.all(), [More { kind: "refused", label: "refused".into(), peer: None, lines: 7 }]);
    }
}
