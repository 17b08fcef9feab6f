//! `qemu`: builds and boots the firmware of `bins/firmware`.
mod build;
mod log;
mod machine;
mod watch;

use crate::signals;
use crate::tun::{Place, Tap};
use clap::error::ErrorKind;
use log::Log;
use machine::Machine;
use pinhole_args::VALUES;
use std::error::Error;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};
use std::{fs, thread};
use watch::Watch;

/// Longest time until a signal is noticed.
const CHECK_EVERY: Duration = Duration::from_millis(50);

/// Build the firmware of a camera, and boot it in QEMU.
///
/// Its network is a TAP of this machine. The log of the firmware goes to standard output, and lines on
/// standard input go to it: `hang` or `panic` have its watchdog restart it. Runs until Ctrl-C or SIGTERM.
#[derive(Debug, clap::Args)]
#[command(after_help = VALUES)]
pub(crate) struct Args {
    /// The interface: a TAP that is there is used, else it is created. It is moved to the network
    /// namespace behind the @, and brought up with the address behind the =.
    #[arg(long, value_name = "NAME[@NETNS][=IP/PREFIX]", default_value = "pinhole0=192.168.69.1/24")]
    tap: Place,

    /// Clients at once, 1 to 4.
    #[arg(long, value_name = "N", default_value = "4", value_parser = clap::value_parser!(u8).range(1..=4))]
    sessions: u8,

    /// Boot this image, and build none.
    #[arg(long, value_name = "FILE", conflicts_with = "sessions")]
    elf: Option<PathBuf>,

    /// Watch with so many clients, alternately by UDP and TCP, and tell what they saw. It failed if a
    /// frame was not whole.
    #[arg(long, value_name = "N", default_value = "0", value_parser = clap::value_parser!(u8).range(..=4))]
    watch: u8,

    /// Stop so long after it is up, such as 60s.
    #[arg(long, value_name = "TIME", value_parser = pinhole_args::duration)]
    duration: Option<Duration>,
}

/// Runs the firmware until a signal, or until the time is over.
///
/// # Errors
/// Returns why the firmware cannot be built, why the TAP or QEMU cannot be used, or that frames were
/// damaged or missing.
pub(crate) fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    if args.watch > 0 && (args.tap.namespace.is_some() || args.tap.address.is_none()) {
        let message = "--watch takes a TAP with an address, in this network namespace\n";
        return Err(clap::Error::raw(ErrorKind::ArgumentConflict, message).into());
    }
    if args.elf.is_none() && args.watch > args.sessions {
        let message = format!("--watch {0} takes --sessions {0}\n", args.watch);
        return Err(clap::Error::raw(ErrorKind::ArgumentConflict, message).into());
    }
    let elf = match &args.elf {
        Some(elf) => elf.clone(),
        None => build::firmware(args.sessions)?,
    };
    let image = fs::read(&elf).map_err(|error| format!("{}: {error}", elf.display()))?;
    let log = Log::new(&image).map_err(|reason| format!("{}: {reason}", elf.display()))?;

    let stop = signals::stop_flag()?;
    let tap = Tap::open(&args.tap)?;
    let mut machine = Machine::start(&elf, tap.hand_on()?)?;
    let (said, lines) = mpsc::channel();
    let (input, output) = machine.serial()?;
    thread::spawn(move || log.read(output, |line| said.send(line).is_ok()));
    thread::spawn(move || io::copy(&mut io::stdin(), &mut { input }));

    let mut deadline = None;
    let mut watches = Vec::new();
    while !stop.load(Ordering::Relaxed) && deadline.is_none_or(|deadline| Instant::now() < deadline) {
        match lines.recv_timeout(CHECK_EVERY) {
            Ok(line) => {
                writeln!(io::stdout(), "{line}")?;
                let Some(url) = line.text.strip_prefix("serves ") else { continue };
                if deadline.is_none() {
                    deadline = args.duration.and_then(|duration| Instant::now().checked_add(duration));
                    watches.extend((0..args.watch).map(|n| Watch::start(url, n)));
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            // QEMU may have received the signal, too.
            Err(RecvTimeoutError::Disconnected) if stop.load(Ordering::Relaxed) => break,
            Err(RecvTimeoutError::Disconnected) => return Err(machine.why().into()),
        }
    }
    let mut whole = true;
    for watch in watches {
        let report = watch.stop()?;
        writeln!(io::stdout(), "{report}")?;
        whole &= report.is_whole();
    }
    if whole { Ok(()) } else { Err("not all frames came whole".into()) }
}
