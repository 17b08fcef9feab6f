//! Logging. Uses `defmt` if that feature is on, otherwise `log` if that is, otherwise nothing.

/// Logs a message of level *debug*. Without a logging feature the arguments are only borrowed.
#[cfg(any(feature = "client", feature = "server"))]
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

#[cfg(any(feature = "client", feature = "server"))]
pub(crate) use debug;
