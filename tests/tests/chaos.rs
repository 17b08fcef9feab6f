//! Ten steady viewers beside clients of every kind that do harm, while files, output and signals do, too.
//!
//! Alone in its file: Cargo runs the files one after the other, `tests/streams.py` this one while no other test runs,
//! and it needs the machine.
//!
//! By hand, ten minutes in a release build, with the limits that are promised:
//!
//! ```sh
//! PINHOLE_CHAOS_SECONDS=600 PINHOLE_CHAOS_STRICT=1 cargo test --release -p pinhole-tests --test chaos -- --nocapture
//! ```
//!
//! `PINHOLE_CHAOS_SEED` repeats what the attackers of a run drew, whose seed is printed. What comes of it depends on
//! the times at which threads run, too.
#![cfg(target_os = "linux")]
use pinhole_tests::chaos::{Settings, run};

#[test]
fn ten_viewers_lose_no_frame_in_the_chaos() {
    let settings = Settings::from_environment();
    println!("{settings:?}");
    let report = run(settings);
    print!("{report}");
    report.assert();
}
