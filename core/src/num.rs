//! Arithmetic that cannot panic, even where the compiler optimises for size and so proves less.

/// Returns `n / d`, rounded up; 0 if `d` is 0. `u32::div_ceil` is not inlined for size, and then
/// keeps its panic.
pub(crate) const fn div_up(n: u32, d: u32) -> u32 {
    match (n.checked_div(d), n.checked_rem(d)) {
        (Some(whole), Some(rest)) => whole.saturating_add((rest > 0) as u32),
        _ => 0,
    }
}

/// Returns `a * b + c`; `None` if that does not fit.
pub(crate) fn mul_add(a: u64, b: u32, c: u64) -> Option<u64> {
    a.checked_mul(u64::from(b))?.checked_add(c)
}

#[cfg(test)]
mod tests {
    use super::div_up;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn div_up_rounds_up(n: u32, d in 1u32..) {
            prop_assert_eq!(div_up(n, d), n.div_ceil(d));
            prop_assert_eq!(div_up(n, 0), 0);
        }
    }
}
