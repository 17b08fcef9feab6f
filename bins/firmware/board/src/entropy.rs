//! Numbers that are hard to guess, as far as the board has them.
use crate::clock;

/// A keyed generator: each number is how many numbers there were before it and the microsecond in which it is
/// asked for, enciphered. Who has seen some of them cannot work out others, nor the key.
///
/// The board has no generator of random numbers, so the key is only as good as what there is: what some
/// words of RAM hold when power comes, how often the program was started since then, and the MAC address.
/// That keeps sessions' identifiers apart and hard to guess from afar; it is no ground for keys of others.
/// On a board that has a generator, give its output instead.
#[derive(Debug)]
pub struct Entropy {
    key: [u32; 4],
    drawn: u32,
}

impl Entropy {
    pub(crate) fn new(seed: u64, mac: [u8; 6]) -> Self {
        let [a, b, c, d, e, f] = mac;
        Self::keyed(seed, u64::from_be_bytes([0, 0, a, b, c, d, e, f]))
    }

    fn keyed(first: u64, second: u64) -> Self {
        Self { key: [first as u32, (first >> 32) as u32, second as u32, (second >> 32) as u32], drawn: 0 }
    }

    /// A number, another one each time.
    pub fn draw(&mut self) -> u64 {
        self.drawn = self.drawn.wrapping_add(1);
        encipher(&self.key, [self.drawn, clock::micros() as u32])
    }

    /// Another generator, whose numbers tell nothing of this one's.
    pub(crate) fn fork(&mut self) -> Self {
        Self::keyed(self.draw(), self.draw())
    }
}

/// Enciphers a block: XTEA (Needham and Wheeler, 1997), which takes some 80 bytes of flash, where those of
/// libraries take more than a kilobyte.
fn encipher(key: &[u32; 4], [mut left, mut right]: [u32; 2]) -> u64 {
    let mut sum = 0_u32;
    let half = |word: u32, part: u32| ((word << 4 ^ word >> 5).wrapping_add(word)) ^ part;
    for _ in 0..32 {
        left = left.wrapping_add(half(right, sum.wrapping_add(key[sum as usize & 3])));
        sum = sum.wrapping_add(0x9E37_79B9);
        right = right.wrapping_add(half(left, sum.wrapping_add(key[(sum >> 11) as usize & 3])));
    }
    u64::from(left) << 32 | u64::from(right)
}

/// Spreads each bit over all: SplitMix64 (Steele, Lea and Flood, 2014).
pub(crate) const fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let value = (value ^ value >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let value = (value ^ value >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ value >> 31
}
