//! Serves Motion-JPEG files, directories and live input over RTSP.
//!
//! [`cli`] is the command line, [`prepare`] a command of it, [`report`] tells what happens, and [`log`]
//! writes that on a thread of its own.
mod cli;
mod log;
mod prepare;
mod report;

use clap::Parser;
use cli::{Cli, Command, Serve};
use log::{Log, Output, TraceWriter};
use pinhole_std::media::{Library, Playback, default_cache};
use pinhole_std::server::{Handle, Options, Server};
use report::Report;
use signal_hook::consts::{SIGINT, SIGTERM};
use std::io;
use std::num::NonZero;
use std::path::Path;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

/// How often it is told how far the media are indexed that take so long.
const PROGRESS: Duration = Duration::from_secs(2);

fn main() -> ExitCode {
    // Exits with code 2 if the command line is wrong.
    let cli = Cli::parse();
    let (log, writer) = match Log::start() {
        Ok(started) => started,
        Err(error) => {
            eprintln!("pinhole-server: {error}");
            return ExitCode::FAILURE;
        }
    };
    tell_panics(log.clone());
    let result = match &cli.command {
        Some(Command::Prepare(prepare)) => {
            start_tracing(prepare.verbose, &log);
            prepare::run(prepare, Report::new(prepare.json, log))
        }
        None => {
            start_tracing(cli.serve.verbose, &log);
            serve(&cli.serve, &Report::new(cli.serve.json, log))
        }
    };
    writer.finish();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("pinhole-server: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Serves until a signal stops it, or all live input has ended.
fn serve(cli: &Serve, report: &Report) -> Result<(), Box<dyn std::error::Error>> {
    let playback = Playback { frame_rate: cli.fps, repeat: cli.repeat };
    let cache = cli.cache.unwrap_or_else(default_cache);
    let mut library = Library::with(playback, cli.frames.normalising(), cache);
    for media in &cli.media {
        if media == Path::new("-") {
            library.add_live("live", io::stdin());
        } else {
            let mut told = Instant::now();
            library.add_path_with(media, |indexing| {
                if told.elapsed() >= PROGRESS {
                    told = Instant::now();
                    report.indexing(&indexing);
                }
            });
        }
    }
    if let Some(format) = cli.pattern {
        report.preparing(format);
        library.add_pattern("pattern", format);
    }
    for problem in library.problems() {
        report.problem(problem);
    }
    if library.is_empty() {
        return Err(
            "nothing can be served; name Motion-JPEG files (.mjpeg, .avi), directories, or - for standard input"
                .into(),
        );
    }
    let mut options = Options::new(cli.listen);
    options.config.max_packet = cli.frames.max_packet();
    let cores = || thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN);
    options.threads = cli.threads.unwrap_or_else(cores);
    options.config.adapt = !cli.no_adapt;
    options.config.request_timeout = cli.request_timeout.into();
    options.config.session_timeout = cli.session_timeout.into();
    let server = Server::bind(&options, library)
        .map_err(|error| format!("{error}; choose another address with --listen ADDR:PORT"))?;
    stop_on_signals(server.handle())?;
    report.serving(server.local_addr(), server.library());
    server.run(|event| report.event(event))?;
    report.stopped();
    Ok(())
}

/// Has SIGINT and SIGTERM stop the server, which says BYE to all clients. A second signal ends the program
/// at once.
fn stop_on_signals(handle: Handle) -> io::Result<()> {
    let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM])?;
    thread::Builder::new().name("signals".into()).spawn(move || {
        for (count, signal) in signals.forever().enumerate() {
            if count > 0 {
                std::process::exit(128 + signal);
            }
            handle.stop();
        }
    })?;
    Ok(())
}

/// Has panics told without waiting: a loader that has caught one goes on, whether or not somebody reads standard
/// error.
fn tell_panics(log: Log) {
    std::panic::set_hook(Box::new(move |panic| {
        log.offer(Output::Err, &format_args!("pinhole-server: this is a bug: {panic}"));
    }));
}

/// Has the libraries' log lines written to standard error: warnings, and more if `verbose`.
fn start_tracing(verbose: u8, log: &Log) {
    let level = match verbose {
        0 => tracing::Level::WARN,
        1 => tracing::Level::INFO,
        2 => tracing::Level::DEBUG,
        _ => tracing::Level::TRACE,
    };
    let log = log.clone();
    tracing_subscriber::fmt()
        .with_max_level(level)
        .with_target(false)
        .without_time()
        .with_writer(move || TraceWriter(log.clone()))
        .init();
}
