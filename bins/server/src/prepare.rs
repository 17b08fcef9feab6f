//! The command `prepare`: writes a file whose frames are ready to be served.
use crate::cli::{DEFAULT_FPS, Prepare};
use crate::report::Report;
use crate::signals;
use indicatif::{ProgressBar, ProgressStyle};
use pinhole_log::Drawing;
use pinhole_std::media::{PrepareError, PrepareOptions, Progress, prepare};
use std::io;
use std::ops::ControlFlow;
use std::sync::atomic::Ordering;

/// Prepares the file that the command line names.
///
/// # Errors
/// The input cannot be served, or the output cannot be written.
pub(crate) fn run(cli: &Prepare, report: &Report) -> Result<(), Box<dyn std::error::Error>> {
    // An unfinished file is removed before the program ends.
    let stop = signals::stop_flag()?;
    let options = PrepareOptions {
        normalising: cli.frames.normalising(),
        frame_rate: cli.fps.unwrap_or(DEFAULT_FPS),
        replace: cli.force,
    };
    let drawing = bar()?;
    let result = prepare(&cli.input, &cli.output, options, |progress| {
        drawing.show(progress);
        match stop.load(Ordering::Relaxed) {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    });
    drawing.finish();
    match result {
        Ok(prepared) => {
            for problem in &prepared.problems {
                report.problem(problem);
            }
            report.own_clock(&cli.input.to_string_lossy(), prepared.own_rate, cli.fps);
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

/// Starts to draw a progress bar, which is hidden if standard error is no terminal.
fn bar() -> io::Result<Drawing<Progress>> {
    let bar = ProgressBar::new(0).with_style(
        ProgressStyle::with_template("{bar:40} {pos} of {len} frames, {per_sec}, {eta} left")
            .unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    Drawing::start(move |progress: Option<Progress>| match progress {
        Some(Progress { done, frames, .. }) => {
            bar.set_length(frames);
            bar.set_position(done);
        }
        None => bar.finish_and_clear(),
    })
}
