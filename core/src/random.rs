//! Random numbers: where a server gets those that nobody may guess, and a generator for those that anybody
//! may. The core has no source of randomness of its own.

/// A source of random numbers that are hard to guess, which the caller provides.
///
/// Session identifiers, SSRCs, the first sequence numbers and RTP timestamps, and canonical names are such
/// numbers (RFC 2326, 3.4; RFC 3550, 5.1). Some of them everybody on the network sees, and somebody who
/// knows a session identifier can control the session. So nobody who has seen any number of this source
/// may be able to work out another: use the generator of the operating system or of the chip, or a
/// cryptographic generator that is seeded from either, as those of the crate `rand_core` that are a
/// `CryptoRng`. SplitMix, xorshift or PCG will not do, whatever their seed: a few of their numbers tell all
/// others.
///
/// Closures that return a `u64` are sources, too.
pub trait Random {
    /// Returns the next number. All 64 bits of it must be random.
    fn random(&mut self) -> u64;
}

impl<F: FnMut() -> u64> Random for F {
    fn random(&mut self) -> u64 {
        self()
    }
}

/// Returns the next number of SplitMix64 (Steele, Lea and Flood, 2014) and advances `state`, which
/// starts as the seed. Each number tells all others.
pub(crate) const fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
