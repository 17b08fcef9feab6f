//! `link`: two TAPs, and a link with faults between them.
mod bridge;
mod report;

use crate::options::FaultArgs;
use crate::output::say;
use crate::signals;
use crate::tun::{Place, Tap};
use bridge::Bridge;
use fastrand::Rng;
use indicatif::ProgressBar;
use pinhole_args::{RATES, VALUES};
use pinhole_sim::wire::{Medium, Wire};
use report::Report;
use std::error::Error;
use std::io::{self, Write};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// How often the status line on the terminal is written.
const LINE_EVERY: Duration = Duration::from_secs(1);

/// Join two network interfaces, which are made for it, by a faulty wire.
///
/// Any two programs can so be tried over a bad network, each in a network namespace of its own. Runs
/// until Ctrl-C or SIGTERM, and then tells what became of the frames. The faults are for all frames.
#[derive(Debug, clap::Args)]
#[command(after_help = format!("{VALUES}{RATES}"))]
pub(crate) struct Args {
    /// One end: a TAP that is there is used, else it is created. It is moved to the network
    /// namespace behind the @, and brought up with the address behind the =.
    #[arg(value_name = "NAME[@NETNS][=IP/PREFIX]")]
    a: Place,

    /// The other end.
    #[arg(value_name = "NAME[@NETNS][=IP/PREFIX]")]
    b: Place,

    #[command(flatten)]
    faults: FaultArgs,

    /// Stop after this time, such as 30s.
    #[arg(long, value_name = "TIME", value_parser = pinhole_args::duration)]
    duration: Option<Duration>,

    /// At the end, write a report to standard output: a JSON object, as its last line.
    #[arg(long)]
    json: bool,
}

/// Joins the TAPs until a signal, or until the time is over.
///
/// # Errors
/// Returns why the faults are impossible, or why a TAP cannot be used.
pub(crate) fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    let faults = args.faults.faults()?;
    let stop = signals::stop_flag()?;
    let taps = [Tap::open(&args.a)?, Tap::open(&args.b)?];
    let seed = args.faults.seed();
    let mut seeds = Rng::with_seed(seed);
    let wires = [(); 2].map(|()| Wire::new(Medium::Ethernet, faults, seeds.u64(..)));
    let mut bridge = Bridge::new(taps, wires, args.faults.push_back)?;

    let names = [&args.a.name, &args.b.name].map(String::as_str);
    // A script may wait for this line.
    writeln!(io::stderr(), "pinhole-sim: {} and {} are joined; --seed {seed}", names[0], names[1])?;
    let start = Instant::now();
    let deadline = args.duration.and_then(|duration| start.checked_add(duration));
    // Draws nothing if standard error is not a terminal.
    let line = ProgressBar::new_spinner();
    let mut line_at = start;
    while !stop.load(Ordering::Relaxed) {
        let now = Instant::now();
        if deadline.is_some_and(|deadline| now >= deadline) {
            break;
        }
        if now >= line_at {
            line_at = now + LINE_EVERY;
            line.set_message(Report::new(&bridge, names, seed, now - start).line());
            line.tick();
        }
        let until = deadline.map_or(line_at, |deadline| deadline.min(line_at));
        bridge.turn(until - now)?;
    }
    line.finish_and_clear();
    let report = Report::new(&bridge, names, seed, start.elapsed());
    Ok(say(if args.json { report.json() } else { report.text() })?)
}
