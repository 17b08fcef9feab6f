//! The command `prepare`: writes a file whose frames are ready to be served.
use crate::cli::Prepare;
use crate::report::Report;
use indicatif::{ProgressBar, ProgressStyle};
use pinhole_std::media::{PrepareError, PrepareOptions, prepare};
use signal_hook::consts::{SIGINT, SIGTERM};
use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Prepares the file that the command line names.
///
/// # Errors
/// The input cannot be served, or the output cannot be written.
pub(crate) fn run(cli: &Prepare, report: Report) -> Result<(), Box<dyn std::error::Error>> {
    let stop = stop_on_signals()?;
    let options =
        PrepareOptions { normalising: cli.frames.normalising(), frame_rate: cli.fps, replace: cli.force };
    // The bar draws nothing if standard error is no terminal.
    let bar = ProgressBar::new(0).with_style(
        ProgressStyle::with_template("{bar:40} {pos} of {len} frames, {per_sec}, {eta} left")
            .unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    let result = prepare(&cli.input, &cli.output, options, |progress| {
        bar.set_length(progress.frames);
        bar.set_position(progress.done);
        match stop.load(Ordering::Relaxed) {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    });
    bar.finish_and_clear();
    match result {
        Ok(prepared) => {
            for problem in &prepared.problems {
                report.problem(problem);
            }
            report.prepared(&cli.output, &prepared);
            Ok(())
        }
        Err(PrepareError::Nothing(problems)) => {
            for problem in &problems {
                report.problem(problem);
            }
            Err(format!("{}: nothing in it can be served", cli.input.display()).into())
        }
        Err(error @ PrepareError::Exists(_)) => Err(format!("{error}; --force replaces it").into()),
        Err(PrepareError::BrokenOff) => {
            Err(format!("stopped; {} was not written", cli.output.display()).into())
        }
        Err(error) => Err(error.into()),
    }
}

/// Returns a flag that SIGINT and SIGTERM set, so that an unfinished file can be removed.
fn stop_on_signals() -> io::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, stop.clone())?;
    }
    Ok(stop)
}
