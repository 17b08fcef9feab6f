//! The compression function of MD5 (RFC 1321, 3.4), as a loop.
//!
//! Libraries have its 64 steps one by one, which takes 1.4 KiB more of a microcontroller's flash. A login hashes a
//! few hundred bytes, so that the time of it does not matter.

/// Where a hash begins (RFC 1321, 3.3), with zeros behind it.
pub(super) const INITIAL: [u32; 8] = [0x6745_2301, 0xEFCD_AB89, 0x98BA_DCFE, 0x1032_5476, 0, 0, 0, 0];

/// Takes a block into the state, which is the first four words of `state`.
pub(super) fn compress(state: &mut [u32; 8], block: &[u8; 64]) {
    let (words, _) = block.as_chunks::<4>();
    let [a, b, c, d, ..] = state;
    let (mut w, mut x, mut y, mut z) = (*a, *b, *c, *d);
    for (step, sine) in SINES.iter().enumerate() {
        let round = step / 16;
        let (mixed, word) = match round {
            0 => (z ^ (x & (y ^ z)), step),
            1 => (y ^ (z & (x ^ y)), 5 * step + 1),
            2 => (x ^ y ^ z, 3 * step + 5),
            _ => (y ^ (x | !z), 7 * step),
        };
        let word = words.get(word % 16).map_or(0, |bytes| u32::from_le_bytes(*bytes));
        let bits = SHIFTS.get(round * 4 + step % 4).copied().unwrap_or_default();
        let sum = w.wrapping_add(mixed).wrapping_add(word).wrapping_add(*sine);
        (w, x, y, z) = (z, x.wrapping_add(sum.rotate_left(u32::from(bits))), x, y);
    }
    for (word, added) in [a, b, c, d].into_iter().zip([w, x, y, z]) {
        *word = word.wrapping_add(added);
    }
}

/// By how many bits the four steps of each round turn.
const SHIFTS: [u8; 16] = [7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21];

/// The whole part of 4294967296 times the absolute sine of each step, counted from 1.
#[rustfmt::skip]
const SINES: [u32; 64] = [
    0xD76A_A478, 0xE8C7_B756, 0x2420_70DB, 0xC1BD_CEEE, 0xF57C_0FAF, 0x4787_C62A, 0xA830_4613, 0xFD46_9501,
    0x6980_98D8, 0x8B44_F7AF, 0xFFFF_5BB1, 0x895C_D7BE, 0x6B90_1122, 0xFD98_7193, 0xA679_438E, 0x49B4_0821,
    0xF61E_2562, 0xC040_B340, 0x265E_5A51, 0xE9B6_C7AA, 0xD62F_105D, 0x0244_1453, 0xD8A1_E681, 0xE7D3_FBC8,
    0x21E1_CDE6, 0xC337_07D6, 0xF4D5_0D87, 0x455A_14ED, 0xA9E3_E905, 0xFCEF_A3F8, 0x676F_02D9, 0x8D2A_4C8A,
    0xFFFA_3942, 0x8771_F681, 0x6D9D_6122, 0xFDE5_380C, 0xA4BE_EA44, 0x4BDE_CFA9, 0xF6BB_4B60, 0xBEBF_BC70,
    0x289B_7EC6, 0xEAA1_27FA, 0xD4EF_3085, 0x0488_1D05, 0xD9D4_D039, 0xE6DB_99E5, 0x1FA2_7CF8, 0xC4AC_5665,
    0xF429_2244, 0x432A_FF97, 0xAB94_23A7, 0xFC93_A039, 0x655B_59C3, 0x8F0C_CC92, 0xFFEF_F47D, 0x8584_5DD1,
    0x6FA8_7E4F, 0xFE2C_E6E0, 0xA301_4314, 0x4E08_11A1, 0xF753_7E82, 0xBD3A_F235, 0x2AD7_D2BB, 0xEB86_D391,
];

#[cfg(test)]
mod tests {
    use super::SINES;

    #[test]
    fn the_constants_are_those_of_the_sine() {
        for (step, sine) in SINES.iter().enumerate() {
            let whole = ((step + 1) as f64).sin().abs() * 4_294_967_296.0;
            assert_eq!(f64::from(*sine), whole.floor(), "{step}");
        }
    }
}
