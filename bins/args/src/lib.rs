//! The command lines of Pinhole's programs: how values are written, how errors are told, and what every
//! program can print about itself.
//!
//! A parser takes the text of one value. Its error is a clause in English that says what is accepted; clap
//! prints it after the name of the option and the value. [`VALUES`] explains the forms in `--help`.
mod manual;
mod media;
mod number;
mod parse;
mod time;

pub use manual::Manual;
pub use media::frame_rate;
#[cfg(feature = "pattern")]
pub use media::pattern;
#[cfg(feature = "memory")]
pub use number::memory;
pub use number::{bit_rate, mtu, share, size};
pub use parse::{parse, try_matches, try_parse_from};
pub use time::{duration, time};

/// How times and sizes are written, for the end of `--help`. Lines are short enough for a man page.
pub const VALUES: &str = "\
Values:
  TIME  seconds, or with a unit: 2, 1.5, 250ms, 90s, 1m30s, 2h;
        or with colons: 1:30, 1:02:03.5
  SIZE  bytes, or with a unit: 500000, 64KiB, 1.5GiB, 10MB; KB, MB
        and GB are powers of 1000; KiB, MiB and GiB, and K, M and G
        alone, are powers of 1024";

/// How rates of the network are written, for the end of `--help`, after [`VALUES`].
pub const RATES: &str = "
  RATE  bits a second, or with a unit: 9600, 250kbit, 1.5Mbit, 1Gbit;
        units are powers of 1000";
