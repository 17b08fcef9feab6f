//! Pseudo-random numbers from the caller's seed. The core has no source of randomness of its own.

/// Returns the next number of SplitMix64 (Steele, Lea and Flood, 2014) and advances `state`, which
/// starts as the seed.
pub(crate) const fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
