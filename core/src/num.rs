//! Arithmetic without a panic, also where the compiler optimises for size and proves less.

/// `n / d`, rounded up; 0 for a divisor of 0. As `u32::div_ceil` does it, but that is not inlined then,
/// and so keeps its panic.
pub(crate) const fn div_up(n: u32, d: u32) -> u32 {
    match (n.checked_div(d), n.checked_rem(d)) {
        (Some(whole), Some(rest)) => whole.saturating_add((rest > 0) as u32),
        _ => 0,
    }
}

/// `a * b + c`, if that fits. Called where a number of 64 bits takes two registers: it is long there.
#[cfg_attr(target_pointer_width = "32", inline(never))]
pub(crate) fn mul_add(a: u64, b: u32, c: u64) -> Option<u64> {
    a.checked_mul(u64::from(b))?.checked_add(c)
}

#[cfg(test)]
mod tests {
    use super::div_up;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_rest_counts_as_one_more(n: u32, d in 1u32..) {
            prop_assert_eq!(div_up(n, d), n.div_ceil(d));
            prop_assert_eq!(div_up(n, 0), 0);
        }
    }
}
