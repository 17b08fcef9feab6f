//! A short soak. `tests/run.sh` runs a long one.
use pinhole_sim::soak::{Failure, Soak, Totals};
use std::num::NonZero;
use std::process::{Command, Output};
use std::thread;

fn run(seeds: std::ops::Range<u64>, jobs: usize) -> Result<Totals, Failure> {
    Soak::new(1).unwrap().run(seeds, jobs)
}

#[test]
fn all_invariants_hold() {
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let totals = run(0..30, cores).unwrap_or_else(|failure| panic!("{failure}"));
    // Everything that can happen has happened.
    for (name, count) in totals.counts() {
        assert!(count > 0, "{name} is 0: {totals:#?}");
    }
}

#[test]
fn seeds_are_reproducible_on_any_number_of_threads() {
    let once = run(40..46, 1).unwrap();
    assert_eq!(once, run(40..46, 3).unwrap());
    assert_ne!(once, run(41..47, 1).unwrap());
}

fn program(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_pinhole-sim")).args(args).output().unwrap()
}

#[test]
fn a_seed_can_be_traced() {
    let directory = std::env::temp_dir().join(format!("pinhole-soak-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let file = directory.join("seen.pcap");
    let output = program(&["soak", "--seeds", "3..4", "--json", "-v", "--pcap", file.to_str().unwrap()]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && told.contains("client1   Playing {"), "{told}");
    let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(said["held"], true);
    assert!(said["counts"]["frames_complete"].as_u64().unwrap() > 100, "{said}");
    for host in ["server", "client1"] {
        let packets = std::fs::read(directory.join(format!("seen-{host}.pcap"))).unwrap();
        assert_eq!(packets[..4], 0xa1b2_c3d4_u32.to_ne_bytes(), "{host}");
        assert!(packets.len() > 10_000, "{host}");
    }
    std::fs::remove_dir_all(directory).unwrap();
}

#[test]
fn wrong_usage_is_explained() {
    for (args, expected) in [
        (&["soak"][..], "--seeds"),
        (&["soak", "--seeds", "5"], "0..2000"),
        (&["soak", "--seeds", "0..2", "-v"], "--seeds 0..1"),
        (&["soak", "--seeds", "0..1", "--minutes", "0"], "--minutes"),
    ] {
        let output = program(args);
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(2) && told.contains(expected), "{args:?}: {told}");
    }
    let output = program(&["soak", "--seeds", "0..1", "--pcap", "there/is/none.pcap"]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(1) && told.contains("there/is/none-server.pcap"), "{told}");
}
