//! The one place that knows which logging backend is compiled in: `defmt`, else `log`, else none.

macro_rules! debug {
    ($format:literal $(, $arg:expr)* $(,)?) => {{
        #[cfg(feature = "defmt")]
        ::defmt::debug!($format $(, $arg)*);
        #[cfg(all(feature = "log", not(feature = "defmt")))]
        ::log::debug!($format $(, $arg)*);
        #[cfg(not(any(feature = "defmt", feature = "log")))]
        {
            let _ = ($(&$arg,)*);
        }
    }};
}

pub(crate) use debug;
