//! Invariants that do not hold.
use pinhole::time::Instant;
use std::fmt;

/// An invariant that did not hold. It says in which seed, when and at which host this was found, and what
/// was found instead. Its `Display` form is a text with all of these. [`Soak::run`](super::Soak::run) and
/// [`Soak::replay`](super::Soak::replay) return it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The seed whose scenario shows the failure. To see the failure again, pass this seed to
    /// [`Soak::replay`](super::Soak::replay) of a [`Soak`](super::Soak) with the same number of minutes.
    pub seed: u64,
    /// The time of the failure on the network's clock, which starts at 0. If something has panicked, this
    /// is 0.
    pub at: Instant,
    /// The name of the host at which the failure was found: `server`, `client1` and so on, or `all`. Empty
    /// if something has panicked.
    pub host: String,
    /// The invariant that does not hold: a clause in English that says what should be.
    pub invariant: &'static str,
    /// What was found instead of what should hold, for people.
    pub details: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, at, host, invariant, details } = self;
        let at = seconds(*at);
        write!(f, "seed {seed}, {host} at {at}: it does not hold that {invariant}\n  {details}")
    }
}

/// An invariant that does not hold.
#[derive(Debug)]
pub(super) struct Violation {
    /// What should have held.
    pub(super) invariant: &'static str,
    /// What was found instead.
    pub(super) details: String,
}

impl Violation {
    pub(super) const fn of(invariant: &'static str, details: String) -> Self {
        Self { invariant, details }
    }
}

impl From<Violation> for Failure {
    fn from(Violation { invariant, details }: Violation) -> Self {
        Self { seed: 0, at: Instant::ZERO, host: String::new(), invariant, details }
    }
}

/// Runs `turn`, which must not allocate memory.
pub(super) fn without_allocation<T>(turn: impl FnOnce() -> T) -> Result<T, Violation> {
    let mut result = None;
    let taken = allocation_counter::measure(|| result = Some(turn()));
    match result {
        Some(result) if taken.count_total == 0 => Ok(result),
        _ => Err(Violation::of("nobody takes memory while it is polled", format!("{taken:?}"))),
    }
}

/// Formats a time on the network's clock.
pub(super) fn seconds(at: Instant) -> String {
    format!("{:.6} s", at.as_micros() as f64 / 1e6)
}
