//! Tests programs on networks with faults and on small boards.
#![forbid(unsafe_code)]

#[cfg(target_os = "linux")]
mod link;
mod options;
mod output;
#[cfg(target_os = "linux")]
mod qemu;
#[cfg(target_os = "linux")]
mod signals;
mod soak_args;
#[cfg(target_os = "linux")]
mod tap;
#[cfg(target_os = "linux")]
mod tun;

use clap::{CommandFactory, Parser, Subcommand};
use pinhole_args::Manual;
use std::error::Error;
use std::process::ExitCode;

/// Tries programs over networks that are worse than the one at hand.
///
/// Exit code 0: it ran as long as it was to; 1: it could not; 2: wrong usage.
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    #[cfg(target_os = "linux")]
    Link(link::Args),
    #[cfg(target_os = "linux")]
    Qemu(qemu::Args),
    Soak(soak_args::Args),
    #[cfg(target_os = "linux")]
    Tap(tap::Args),
    #[command(flatten)]
    Manual(Manual),
}

fn main() -> ExitCode {
    let cli: Cli = pinhole_args::parse();
    match run(&cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        // A combination of values may be wrong usage, too.
        Err(error) => match error.downcast::<clap::Error>() {
            Ok(usage) => usage.exit(),
            Err(error) => {
                eprintln!("pinhole-sim: {error}");
                ExitCode::FAILURE
            }
        },
    }
}

fn run(command: &Command) -> Result<(), Box<dyn Error>> {
    match command {
        #[cfg(target_os = "linux")]
        Command::Link(args) => link::run(args),
        #[cfg(target_os = "linux")]
        Command::Qemu(args) => qemu::run(args),
        Command::Soak(args) => soak_args::run(args),
        #[cfg(target_os = "linux")]
        Command::Tap(args) => tap::run(args),
        Command::Manual(manual) => manual.run(Cli::command()).map_err(Into::into),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_valid() {
        Cli::command().debug_assert();
    }
}
