//! The loaders of `pinhole-std` over disks and files with faults.
use super::totals::Totals;
use super::violation::Failure;
use fastrand::Rng;
use pinhole::time::Duration;
use pinhole_std::media::simulation::{Broken, soak};

/// Runs the loaders as a seed says, and adds what they did to `totals`.
pub(super) fn run(seed: u64, minutes: u32, totals: &mut Totals) -> Result<(), Failure> {
    let mut random = Rng::with_seed(seed);
    let result = soak(&mut |below| random.u32(..below), Duration::from_secs(60 * u64::from(minutes)));
    let failed = |Broken { at, invariant, details }| Failure {
        seed,
        at,
        host: "disks".to_owned(),
        invariant,
        details,
    };
    totals.disks += result.map_err(failed)?;
    Ok(())
}
