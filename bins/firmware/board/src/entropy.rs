//! Numbers that are hard to guess, as far as the board has them.
use crate::clock;

/// A pool that is stirred with what differs from one run to the next.
///
/// The board has no generator of random numbers. What there is: what some words of RAM hold when power
/// comes, how often the program was started since then, the MAC address, and the microsecond in which
/// each number is asked for. That keeps sessions' identifiers apart and hard to guess from afar; it is
/// no ground for keys. On a board that has a generator, give its output instead.
#[derive(Debug)]
pub struct Entropy(pub(crate) u64);

impl Entropy {
    /// A number, another one each time.
    pub fn draw(&mut self) -> u64 {
        self.0 = stir(self.0, clock::micros());
        // What is given does not tell what is kept.
        mix(!self.0)
    }
}

/// A pool to begin with.
pub(crate) fn pool(seed: u64, mac: [u8; 6]) -> u64 {
    let [a, b, c, d, e, f] = mac;
    stir(seed, u64::from_be_bytes([0, 0, a, b, c, d, e, f]))
}

const fn stir(pool: u64, value: u64) -> u64 {
    mix(pool.rotate_left(23) ^ value)
}

/// Spreads each bit over all: SplitMix64 (Steele, Lea and Flood, 2014).
pub(crate) const fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let value = (value ^ value >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let value = (value ^ value >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ value >> 31
}
