//! The one place that knows which logging backend is compiled in: `defmt`, else `log`, else none.
#![allow(unused_macros, unused_imports)]

macro_rules! backend {
    ($level:ident, $($arg:expr),*) => {{
        #[cfg(feature = "defmt")]
        ::defmt::$level!($($arg),*);
        #[cfg(all(feature = "log", not(feature = "defmt")))]
        ::log::$level!($($arg),*);
        #[cfg(not(any(feature = "defmt", feature = "log")))]
        { let _ = ($(&$arg),*); }
    }};
}

macro_rules! trace { ($($arg:expr),* $(,)?) => { backend!(trace, $($arg),*) }; }
macro_rules! debug { ($($arg:expr),* $(,)?) => { backend!(debug, $($arg),*) }; }
macro_rules! warning { ($($arg:expr),* $(,)?) => { backend!(warn, $($arg),*) }; }

pub(crate) use {backend, debug, trace, warning};
