//! Shows Motion-JPEG from RTSP in a window, or measures it without one.
//!
//! Data goes one way: [`stream`] receives frames, [`playback`] decides which one is shown when,
//! [`decode`] makes pictures of them, and [`ui`] and [`output`] show and write these. Commands of the
//! user go the other way. Value types that several of these share are in [`model`].
//!
//! There are three threads. [`player`] runs one for the network and one for the decoder; the main thread
//! shows pictures ([`show`]). Between them are queues ([`handoff`]) and the published
//! [`model::Model`]. Files are written by further threads, because a disk may be slow.
#![forbid(unsafe_code)]

mod cli;
mod decode;
mod handoff;
mod model;
mod output;
mod pixels;
mod playback;
mod player;
mod show;
mod stream;
mod ui;

use clap::Parser;
use cli::Cli;
use model::{Model, Picture, RecordingOutcome};
use output::messages::{print_message, print_to};
use output::recording::Recording;
use output::y4m::{self, PictureStream};
use output::{report, snapshot, terminal};
use pinhole::client::PlayOptions;
use pinhole::frame::Seek;
use pinhole_log::{Form, Log, escaped};
use pixels::PixelPool;
use playback::selection::DecodePolicy;
use player::{AtEnd, Player, Settings};
use show::{Ending, Shown};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::iterator::Signals;
use std::error::Error;
use std::io::{self, ErrorKind, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use stream::{client, samples};

/// How often a picture is decoded if none is shown: often enough to know that the frames are pictures.
const HEADLESS_INTERVAL: Duration = Duration::from_secs(1);
/// Bytes of coded frames that may wait for the decoder however small the cache is.
const LEAST_CODED_AHEAD: usize = 16 << 20;
/// How long the program may take to end after a signal, whatever it waits for.
const ENDING: Duration = Duration::from_secs(5);
/// How often to look for a second signal.
const SIGNAL_POLL: Duration = Duration::from_millis(20);

fn main() -> ExitCode {
    let cli = Cli::parse();
    let log = match Log::start("pinhole-viewer", Form::Words) {
        Ok(log) => log,
        Err(error) => {
            eprintln!("pinhole-viewer: {error}");
            return ExitCode::FAILURE;
        }
    };
    let _farewell = log.farewell();
    log.report_panics();
    if let Some(level) = level(cli.verbose) {
        log.trace(level);
    }
    print_to(log.clone());
    let result = run(&cli);
    if let Err(error) = &result {
        print_message(&error.to_string());
    }
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn run(cli: &Cli) -> Result<(), Box<dyn Error>> {
    if let Some(file) = &cli.snapshot {
        check_directory(file)?;
    }
    let output = cli.pictures.as_deref().map(|file| {
        PictureStream::start(file).map_err(|error| format!("cannot write {}: {error}", file.display()))
    });
    let mut output = output.transpose()?;
    let interrupted = on_signals()?;
    let deadline = cli.duration.and_then(|duration| Instant::now().checked_add(duration));
    let no_display = if cli.headless { None } else { missing_display() };
    let headless = cli.headless || no_display.is_some();

    let server = cli.url.is_none().then(samples::serve).transpose().map_err(|e| e as Box<dyn Error>)?;
    let url = match (&cli.url, &server) {
        (Some(url), _) => url.clone(),
        (None, Some(server)) => {
            print_message(&format!("serving the sample clips, of which this is one: {}", server.url));
            server.url.clone()
        }
        (None, None) => unreachable!("without an address, there is a server"),
    };
    let settings = Settings {
        url: url.clone(),
        decode: decode_policy(cli, headless),
        at_end: match (headless, &server) {
            (true, _) => AtEnd::Stop,
            (false, None) => AtEnd::Stay,
            // A sample of two seconds would be over before the user has looked at it.
            (false, Some(_)) => AtEnd::Repeat,
        },
        prebuffer: cli.prebuffer,
        pixels: match cli.pictures {
            Some(_) => PixelPool::for_cache_and_conversion(cli.cache),
            None => PixelPool::for_cache(cli.cache),
        },
        coded_ahead: (cli.cache / 8).max(LEAST_CODED_AHEAD),
        reconnect: !cli.no_reconnect,
        record: cli.record.clone(),
        start_recording: Recording::start,
    };
    let player = {
        let (url, options) = (url.clone(), client_options(cli));
        Player::start(move || client::connect(&url, &options), settings)?
    };
    let options = show::Options {
        headless,
        no_display,
        progress: cli.verbose == 0,
        deadline,
        interrupted: &interrupted,
    };
    let Shown { ending, picture, headless } = show::run(&player, &options, output.as_mut());
    let written = output.map_or(Ok(()), |output| output.finish(&interrupted));

    let model = player.model();
    let mut errors = player.errors().messages();
    let shown = picture.is_some() || cli.no_decode;
    let result = verdict(ending, &model, shown, &errors, &url)
        .and_then(|()| save_snapshot(cli.snapshot.as_deref(), picture.as_ref(), ending))
        .and_then(|()| print_recording(&model))
        .and_then(|()| written.map_err(|error| format!("the pictures cannot be written: {error}")));
    if let Err(error) = &result {
        errors.push(error.clone());
    }
    let report = if cli.json {
        Some(report::json(&model, &errors))
    } else {
        headless.then(|| terminal::summary(&model))
    };
    let written = match (report, &cli.pictures) {
        (None, _) => Ok(()),
        (Some(report), Some(file)) if y4m::is_stdout(file) => write_line(io::stderr(), &report),
        (Some(report), _) => write_line(io::stdout(), &report),
    };
    result?;
    Ok(written.map_err(|error| format!("the report cannot be written: {error}"))?)
}

fn decode_policy(cli: &Cli, headless: bool) -> DecodePolicy {
    match (cli.no_decode, headless && cli.pictures.is_none()) {
        (true, _) => DecodePolicy::Nothing,
        (false, true) => DecodePolicy::Every(HEADLESS_INTERVAL),
        (false, false) => DecodePolicy::All,
    }
}

fn client_options(cli: &Cli) -> client::Options {
    let mut play = PlayOptions::default();
    (play.from, play.scale) = (cli.start.map(Seek::To), cli.scale);
    client::Options { transport: cli.transport.into(), play, speed: cli.speed, cache: cli.cache }
}

/// Decides whether the stream was played as the user asked.
///
/// `shown` says whether a picture was shown, or none was wanted.
///
/// # Errors
/// The stream was not played; the message says why.
fn verdict(ending: Ending, model: &Model, shown: bool, errors: &[String], url: &str) -> Result<(), String> {
    match (ending, &model.over) {
        // The output says itself why it failed.
        (Ending::User | Ending::Output, _) => return Ok(()),
        (Ending::Stream, Some(Err(reason))) => return Err(reason.clone()),
        (Ending::Stream, None) => return Err(format!("{url}: a thread of the player has died; try -v")),
        _ => {}
    }
    let frames = model.session.frames_complete + model.session.frames_damaged;
    if frames == 0 {
        return Err(format!(
            "{url}: no picture came; is the stream live? try --transport tcp, or -v to see more"
        ));
    }
    if !shown {
        let reason = errors.first().map_or("they came too late", String::as_str);
        return Err(format!("{url}: none of {frames} frames could be shown: {reason}"));
    }
    Ok(())
}

fn save_snapshot(file: Option<&Path>, picture: Option<&Picture>, ending: Ending) -> Result<(), String> {
    let Some(file) = file else { return Ok(()) };
    match picture {
        Some(picture) => {
            snapshot::save(picture, file).map_err(|error| format!("{}: {error}", file.display()))
        }
        // A user who quits before the first picture wants none.
        None if ending == Ending::User => Ok(()),
        None => Err(format!("{}: there is no picture to write", file.display())),
    }
}

/// Prints where the recording is.
///
/// # Errors
/// The recording has ended early, and why was printed then; or the disk has not taken its end.
fn print_recording(model: &Model) -> Result<(), String> {
    if let Some(file) = &model.recording {
        let file = file.display();
        return Err(format!("{file}: the end of the recording is missing, because the disk takes none"));
    }
    let Some(RecordingOutcome { recorded, error, .. }) = &model.recorded else { return Ok(()) };
    let files: Vec<_> = recorded.files.iter().map(|file| file.display().to_string()).collect();
    let said = match files.is_empty() {
        true => "nothing was recorded".to_owned(),
        false => format!("{} frames are recorded in {}", recorded.frames, files.join(", ")),
    };
    if error.is_some() {
        return Err(format!("the recording has broken off: {said}"));
    }
    print_message(&said);
    Ok(())
}

/// Checks that a snapshot can be written, before an hour of playing and not after it.
///
/// # Errors
/// The directory does not exist, or the file is a directory.
fn check_directory(file: &Path) -> Result<(), String> {
    let directory = match file.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    if file.is_dir() || !directory.is_dir() {
        return Err(format!("cannot write {}: name a file in a directory that exists", file.display()));
    }
    Ok(())
}

/// Returns a flag that Ctrl-C, SIGTERM, SIGQUIT and SIGHUP set. The program has five seconds then to end: a
/// disk, a terminal or the reader of its output may hold it up. A second signal ends it at once.
fn on_signals() -> io::Result<Arc<AtomicBool>> {
    let flag = Arc::new(AtomicBool::new(false));
    let (interrupted, mut signals) = (Arc::clone(&flag), Signals::new([SIGINT, SIGTERM, SIGQUIT, SIGHUP])?);
    thread::Builder::new().name("signals".into()).spawn(move || {
        signals.forever().next();
        interrupted.store(true, Ordering::Relaxed);
        let deadline = Instant::now() + ENDING;
        while Instant::now() < deadline {
            if let Some(signal) = signals.pending().next() {
                std::process::exit(128 + signal);
            }
            thread::sleep(SIGNAL_POLL);
        }
        std::process::exit(1);
    })?;
    Ok(flag)
}

/// Returns why no window can be opened; `None` if one may open.
fn missing_display() -> Option<&'static str> {
    let by_x11 = cfg!(all(unix, not(target_os = "macos")));
    let display = std::env::var_os("DISPLAY").unwrap_or_default();
    (by_x11 && display.is_empty()).then_some("DISPLAY is not set")
}

/// Returns which lines of `tracing` are written; `None` if none are.
const fn level(verbose: u8) -> Option<tracing::Level> {
    match verbose {
        0 => None,
        1 => Some(tracing::Level::INFO),
        2 => Some(tracing::Level::DEBUG),
        _ => Some(tracing::Level::TRACE),
    }
}

/// Writes a line, in which servers may have named anything. It is no error if the reader has left.
fn write_line(mut to: impl Write, line: &str) -> io::Result<()> {
    match writeln!(to, "{}", escaped(line)) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::SessionFigures;

    fn model(frames_complete: u64, over: Option<Result<(), String>>) -> Model {
        let session = SessionFigures { frames_complete, ..SessionFigures::default() };
        Model { session, over, ..Model::default() }
    }

    #[test]
    fn the_verdict_needs_a_shown_picture() {
        let judge = |ending, model: &Model, shown| verdict(ending, model, shown, &[], "rtsp://a/").is_ok();
        assert!(judge(Ending::Stream, &model(9, Some(Ok(()))), true));
        assert!(judge(Ending::Deadline, &model(9, None), true));
        assert!(judge(Ending::User, &model(0, None), false));
        assert!(!judge(Ending::Stream, &model(9, Some(Err("gone".into()))), true));
        assert!(!judge(Ending::Stream, &model(9, None), true));
        assert!(!judge(Ending::Stream, &model(0, Some(Ok(()))), false));
        assert!(!judge(Ending::Deadline, &model(0, None), false));
        assert!(!judge(Ending::Deadline, &model(9, None), false));
    }

    #[test]
    fn a_snapshot_needs_a_directory() {
        assert!(check_directory(Path::new("picture.png")).is_ok());
        assert!(check_directory(Path::new("/nonexistent/picture.png")).is_err());
        assert!(check_directory(&std::env::temp_dir()).is_err());
    }
}
