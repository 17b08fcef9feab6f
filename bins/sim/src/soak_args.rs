//! `pinhole-sim soak`: its options and its output.
use crate::output::say;
use clap::error::ErrorKind;
use pinhole::text::Count;
use pinhole_sim::soak::{Failure, Soak, Totals, Trace};
use std::error::Error;
use std::num::NonZero;
use std::ops::Range;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use std::{fmt, thread};

/// Run a server and its clients in memory, with what befalls them drawn from seeds, and check all that
/// must hold.
///
/// No socket is opened, and time is virtual. A seed does the same each time. Exit code 0: all held; 1:
/// one did not, and how to see it again is said.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    /// The seeds, from the first to before the second.
    #[arg(long, value_name = "A..B", value_parser = seeds)]
    seeds: Range<u64>,

    /// Virtual minutes of each seed.
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u32).range(1..=600))]
    minutes: u32,

    /// Seeds at once [default: as many as there are processors].
    #[arg(long, value_name = "N")]
    jobs: Option<NonZero<usize>>,

    /// Say it as JSON.
    #[arg(long)]
    json: bool,

    /// Write what each host sends and receives: FILE is fail.pcap, that of the server is then
    /// fail-server.pcap. One seed only.
    #[arg(long, value_name = "FILE")]
    pcap: Option<PathBuf>,

    /// Tell on standard error what happens. One seed only.
    #[arg(long, short)]
    verbose: bool,
}

/// A failed seed, and how to replay it.
#[derive(Debug)]
struct Failed {
    failure: Failure,
    minutes: u32,
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { failure, minutes } = self;
        let (seed, end) = (failure.seed, failure.seed.saturating_add(1));
        writeln!(f, "{failure}")?;
        writeln!(f, "To see it again, with the packets of each host:")?;
        write!(f, "  pinhole-sim soak --seeds {seed}..{end} --minutes {minutes} --pcap fail.pcap -v")
    }
}

impl Error for Failed {}

/// Runs the seeds.
///
/// # Errors
/// Returns the first failed seed, or why the soak cannot run.
pub(crate) fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    let trace = Trace { verbose: args.verbose, pcap: args.pcap.as_deref() };
    let traced = trace.verbose || trace.pcap.is_some();
    let Range { start, end } = args.seeds;
    if traced && end - start > 1 {
        let message = format!("--pcap and --verbose show one seed, such as --seeds {start}..{}\n", start + 1);
        return Err(clap::Error::raw(ErrorKind::ArgumentConflict, message).into());
    }
    let began = Instant::now();
    let soak = Soak::new(args.minutes)?;
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let came = match traced {
        true => soak.replay(start, trace)?,
        false => soak.run(args.seeds.clone(), args.jobs.map_or(cores, NonZero::get)),
    };
    let took = began.elapsed();
    match &came {
        Ok(totals) if args.json => say(json(totals, end - start, took))?,
        Ok(totals) => {
            let hours = totals.time.as_millis() as f64 / 3.6e6;
            let (seeds, seconds) = (Count(end - start, "seed", "seeds"), took.as_secs_f64());
            say(format_args!("{seeds} held, {hours:.1} virtual hours in {seconds:.1} s\n{totals}"))?;
        }
        Err(failure) if args.json => say(json_failure(failure))?,
        Err(_) => {}
    }
    came.map(|_| ()).map_err(|failure| Failed { failure, minutes: args.minutes }.into())
}

fn json(totals: &Totals, seeds: u64, took: Duration) -> serde_json::Value {
    let counts: serde_json::Map<_, _> =
        totals.counts().into_iter().map(|(name, count)| (name.to_owned(), count.into())).collect();
    serde_json::json!({
        "held": true,
        "seeds": seeds,
        "virtual_seconds": totals.time.as_micros() as f64 / 1e6,
        "wall_seconds": took.as_secs_f64(),
        "counts": counts,
    })
}

fn json_failure(failure: &Failure) -> serde_json::Value {
    serde_json::json!({
        "held": false,
        "seed": failure.seed,
        "at_seconds": failure.at.as_micros() as f64 / 1e6,
        "host": failure.host,
        "invariant": failure.invariant,
        "details": failure.details,
    })
}

fn seeds(text: &str) -> Result<Range<u64>, String> {
    let range = text.split_once("..").and_then(|(start, end)| Some(start.parse().ok()?..end.parse().ok()?));
    range
        .filter(|range| !range.is_empty())
        .ok_or_else(|| "a range of numbers is expected, such as 0..2000, where 2000 is not run".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_a_range() {
        assert_eq!(seeds("0..2000"), Ok(0..2000));
        assert_eq!(seeds("17..18"), Ok(17..18));
        for wrong in ["17", "18..17", "17..17", "a..b", "..5", "-1..5", "1..2..3"] {
            assert!(seeds(wrong).is_err_and(|error| error.contains("0..2000")), "{wrong}");
        }
    }
}
