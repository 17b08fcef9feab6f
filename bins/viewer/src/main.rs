//! Shows Motion-JPEG from RTSP in a window, or measures it without one.
//!
//! Data goes one way, commands the other:
//!
//! - [`stream`] is what comes: the RTSP client with its cache, and attempts to reconnect.
//! - [`playback`] decides which frame is shown when.
//! - [`decode`] makes pictures of frames.
//! - [`ui`] shows pictures in a window, with controls over them; [`output`] writes them to files and
//!   to the terminal.
//! - [`player`] runs these on their threads: one for the network, one for the decoder. [`show`] is
//!   the main thread's loop.
#![forbid(unsafe_code)]

mod cli;
mod decode;
mod model;
mod output;
mod playback;
mod player;
mod show;
mod stream;
mod ui;

use clap::Parser;
use cli::Cli;
use decode::Picture;
use output::recording::Outcome;
use output::y4m::{self, Pictures};
use output::{report, snapshot, terminal};
use pinhole::client::PlayOptions;
use pinhole::frame::Seek;
use playback::selection::Decode;
use player::{AtEnd, Player, Settings, Status};
use show::{Ending, Shown};
use signal_hook::consts::{SIGINT, SIGTERM};
use std::error::Error;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};
use stream::{Wanted, samples};
use tracing_subscriber::filter::LevelFilter;

/// Where nobody sees them, one picture in this time is decoded, and the last: enough to know that the
/// frames are pictures.
const HEADLESS_PACE: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    let cli = Cli::parse();
    start_log(cli.verbose);
    match run(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tell(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> Result<(), Box<dyn Error>> {
    if let Some(file) = &cli.snapshot {
        check_directory(file)?;
    }
    let output = cli.pictures.as_deref().map(|file| {
        Pictures::start(file).map_err(|error| format!("cannot write {}: {error}", file.display()))
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
            tell(&format!("serving the sample clips, of which this is one: {}", server.url));
            server.url.clone()
        }
        (None, None) => unreachable!("there is a server where there is no address"),
    };
    let settings = Settings {
        url: url.clone(),
        decode: what_to_decode(cli, headless),
        at_end: match (headless, &server) {
            (true, _) => AtEnd::Stop,
            (false, None) => AtEnd::Stay,
            // A sample of two seconds is over before one has looked at it.
            (false, Some(_)) => AtEnd::Repeat,
        },
        prebuffer: cli.prebuffer,
        reconnect: !cli.no_reconnect,
        record: cli.record.clone(),
    };
    let player = {
        let (url, wanted) = (url.clone(), what_to_play(cli));
        Player::start(move || stream::connect(&url, &wanted), settings)?
    };
    let options = show::Options {
        url: &url,
        headless,
        no_display,
        line: cli.verbose == 0,
        deadline,
        interrupted: &interrupted,
    };
    let Shown { ending, picture, headless } = show::run(&player, &options, output.as_mut());
    let written = output.map_or(Ok(()), Pictures::finish);

    let status = player.status();
    let mut errors = player.errors().messages();
    let shown = picture.is_some() || cli.no_decode;
    let result = verdict(ending, &status, shown, &errors, &url)
        .and_then(|()| save_snapshot(cli.snapshot.as_deref(), picture.as_ref(), ending))
        .and_then(|()| tell_recording(status.recorded.as_ref()))
        .and_then(|()| written.map_err(|error| format!("the pictures cannot be written: {error}")));
    if let Err(error) = &result {
        errors.push(error.clone());
    }
    let report = if cli.json {
        Some(report::json(&url, &status, &errors))
    } else {
        headless.then(|| format!("{url}: {}", terminal::summary(&status)))
    };
    let said = match (report, &cli.pictures) {
        (None, _) => Ok(()),
        (Some(report), Some(file)) if y4m::is_stdout(file) => say(io::stderr(), &report),
        (Some(report), _) => say(io::stdout(), &report),
    };
    result?;
    Ok(said.map_err(|error| format!("the report cannot be written: {error}"))?)
}

fn what_to_decode(cli: &Cli, headless: bool) -> Decode {
    match (cli.no_decode, headless && cli.pictures.is_none()) {
        (true, _) => Decode::Nothing,
        (false, true) => Decode::Every(HEADLESS_PACE),
        (false, false) => Decode::All,
    }
}

fn what_to_play(cli: &Cli) -> Wanted {
    let mut play = PlayOptions::default();
    (play.from, play.scale) = (cli.start.map(Seek::To), cli.scale);
    Wanted { transport: cli.transport, play, speed: cli.speed, cache: cli.cache }
}

/// Whether what was asked for was played; if not, why. `shown`: a picture was, or none was wanted.
fn verdict(ending: Ending, status: &Status, shown: bool, errors: &[String], url: &str) -> Result<(), String> {
    match (ending, &status.over) {
        // Why it takes no more is told elsewhere.
        (Ending::User | Ending::Output, _) => return Ok(()),
        (Ending::Stream, Some(Err(reason))) => return Err(reason.clone()),
        (Ending::Stream, None) => return Err(format!("{url}: a thread of the player has died; try -v")),
        _ => {}
    }
    let frames = status.statistics.frames_complete + status.statistics.frames_damaged;
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
        // Who quits before the first picture wants none.
        None if ending == Ending::User => Ok(()),
        None => Err(format!("{}: there is no picture to write", file.display())),
    }
}

/// Says where the recording is; one that has broken off was told of, and is a failure.
fn tell_recording(outcome: Option<&Outcome>) -> Result<(), String> {
    let Some(Outcome { recorded, error, .. }) = outcome else { return Ok(()) };
    let files: Vec<_> = recorded.files.iter().map(|file| file.display().to_string()).collect();
    let said = match files.is_empty() {
        true => "nothing was recorded".to_owned(),
        false => format!("{} frames are recorded in {}", recorded.frames, files.join(", ")),
    };
    if error.is_some() {
        return Err(format!("the recording has broken off: {said}"));
    }
    tell(&said);
    Ok(())
}

/// A snapshot that cannot be written is told before an hour of playing, not after it.
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

/// A flag that Ctrl-C and SIGTERM set; the second of them ends the program at once.
fn on_signals() -> io::Result<Arc<AtomicBool>> {
    let flag = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&flag))?;
        signal_hook::flag::register(signal, Arc::clone(&flag))?;
    }
    Ok(flag)
}

/// Why no window can be opened, where that is known beforehand.
fn missing_display() -> Option<&'static str> {
    let by_x11 = cfg!(all(unix, not(target_os = "macos")));
    let display = std::env::var_os("DISPLAY").unwrap_or_default();
    (by_x11 && display.is_empty()).then_some("DISPLAY is not set")
}

fn start_log(verbose: u8) {
    let level = match verbose {
        0 => return,
        1 => LevelFilter::INFO,
        2 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    let colours = io::stderr().is_terminal();
    tracing_subscriber::fmt().with_max_level(level).with_ansi(colours).with_writer(io::stderr).init();
}

/// Writes a line. That nobody reads it is no failure.
fn say(mut to: impl Write, line: &str) -> io::Result<()> {
    match writeln!(to, "{line}") {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

/// One line to standard error; there is nowhere to say that it failed.
fn tell(line: &str) {
    let _ = writeln!(io::stderr(), "pinhole-viewer: {line}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::Statistics;

    fn status(frames_complete: u64, over: Option<Result<(), String>>) -> Status {
        Status {
            statistics: Statistics { frames_complete, ..Statistics::default() },
            over,
            ..Status::default()
        }
    }

    #[test]
    fn what_was_asked_for_was_played_or_not() {
        let judge = |ending, status: &Status, shown| verdict(ending, status, shown, &[], "rtsp://a/").is_ok();
        assert!(judge(Ending::Stream, &status(9, Some(Ok(()))), true));
        assert!(judge(Ending::Deadline, &status(9, None), true));
        assert!(judge(Ending::User, &status(0, None), false));
        assert!(!judge(Ending::Stream, &status(9, Some(Err("gone".into()))), true));
        assert!(!judge(Ending::Stream, &status(9, None), true));
        assert!(!judge(Ending::Stream, &status(0, Some(Ok(()))), false));
        assert!(!judge(Ending::Deadline, &status(0, None), false));
        assert!(!judge(Ending::Deadline, &status(9, None), false));
    }

    #[test]
    fn a_snapshot_needs_a_directory() {
        assert!(check_directory(Path::new("picture.png")).is_ok());
        assert!(check_directory(Path::new("/nonexistent/picture.png")).is_err());
        assert!(check_directory(&std::env::temp_dir()).is_err());
    }
}
