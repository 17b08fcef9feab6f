//! Shows Motion-JPEG from RTSP in a window, or measures it without one.
//!
//! Data goes one way: [`stream`] receives frames, [`playback`] decides which one is shown when,
//! [`decode`] makes pictures of them, and [`ui`] and [`output`] show and write these. Commands of the
//! user go the other way. Value types that several of these share are in [`model`].
//!
//! There are three threads. [`player`] runs one for the network and one for the decoder of each stream; the main
//! thread shows pictures ([`show`]). Between them are queues ([`handoff`]) and the published
//! [`model::Model`]. Files are written by further threads, because a disk may be slow.
#![forbid(unsafe_code)]

mod cli;
mod decode;
mod handoff;
mod login;
mod model;
mod output;
mod pixels;
mod playback;
mod player;
mod playlist;
mod show;
mod stream;
mod ui;
mod verdict;

use clap::CommandFactory;
use cli::{Cli, TransportArg};
use login::{Given, Known};
use model::{Model, Picture, RecordingOutcome};
use output::messages::{print_message, print_to};
use output::recording::Recording;
use output::y4m::{self, PictureStream};
use output::{report, snapshot, terminal};
use pinhole::client::PlayOptions;
use pinhole::frame::Seek;
use pinhole::rtsp::{Scale, Speed};
use pinhole::text::Count;
use pinhole::time::MediaTime;
use pinhole_log::{Form, Log, escaped, redacted};
use pixels::PixelPool;
use playback::selection::DecodePolicy;
use player::{AtEnd, Player, Settings};
use playlist::{Item, Place, Playlist, SideBySide, Step};
use show::{Ending, Shown, View};
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
use stream::client;
use verdict::verdict;

/// How often a picture is decoded if none is shown: often enough to know that the frames are pictures.
const HEADLESS_INTERVAL: Duration = Duration::from_secs(1);
/// Bytes of coded frames that may wait for the decoder however small the cache is.
const LEAST_CODED_AHEAD: usize = 16 << 20;
/// How long the program may take to end after a signal, whatever it waits for.
const ENDING: Duration = Duration::from_secs(5);
/// How often to look for a second signal.
const SIGNAL_POLL: Duration = Duration::from_millis(20);

fn main() -> ExitCode {
    let cli: Cli = pinhole_args::parse();
    if let Err(error) = cli.check() {
        error.exit();
    }
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
    let result = match &cli.manual {
        Some(manual) => manual.run(Cli::command()).map_err(Into::into),
        None => run(&cli),
    };
    if let Err(error) = &result {
        print_message(&error.to_string());
    }
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// Plays what the command line names, one after the other.
fn run(cli: &Cli) -> Result<(), Box<dyn Error>> {
    if let Some(file) = &cli.snapshot {
        check_directory(file)?;
    }
    let given = Given::of(cli)?;
    let output = cli.pictures.as_deref().map(|file| {
        PictureStream::start(file).map_err(|error| format!("cannot write {}: {error}", file.display()))
    });
    let mut output = output.transpose()?;
    let interrupted = on_signals()?;
    let deadline = cli.duration.and_then(|duration| Instant::now().checked_add(duration));
    let no_display = if cli.headless { None } else { missing_display() };
    let mut view = View::new(&show::Look {
        headless: cli.headless || no_display.is_some(),
        no_display,
        progress: cli.verbose == 0,
    });

    if cli.is_side_by_side() {
        return play_side_by_side(cli, &given, deadline, &interrupted, &mut view);
    }
    let mut playlist = Playlist::new(&cli.media, cli.fps);
    let (mut step, mut played, mut failed) = (Step::Next, 0_usize, 0_usize);
    let mut last_error: Option<String> = None;
    while !interrupted.load(Ordering::Relaxed) && playlist.go(step) {
        let name = playlist.name().unwrap_or_else(|| "the sample clips".to_owned());
        let options = options(deadline, &interrupted, &playlist);
        let item = show::opening(name.clone(), &options, &mut view, |wait| playlist.item(wait));
        // Of several, each tells why it was not played. Of one, the program does at its end.
        if let Some(error) = last_error.take() {
            print_message(&error);
        }
        let item = match item {
            Ok(Ok(item)) => item,
            Ok(Err(error)) => {
                (last_error, step) = (Some(error), Step::Next);
                continue;
            }
            Err(ending) => {
                if ending == Ending::Deadline {
                    (last_error, failed) =
                        (Some(format!("{name}: it could not be opened in time")), failed + 1);
                }
                let Some(to) = ending.step() else { break };
                step = to;
                continue;
            }
        };
        let one_of_many = playlist.has(Step::Next) || playlist.has(Step::Previous);
        if one_of_many && (cli.record.is_some() || cli.pictures.is_some()) {
            return Err(format!(
                "{}: --record and --pictures write one medium, and this is not all",
                item.name
            )
            .into());
        }
        let start = cli.start.filter(|_| played == 0);
        played += 1;
        // A directory has turned out to have several.
        let options = self::options(deadline, &interrupted, &playlist);
        let (ending, result) = play((cli, &given), &item, start, &options, &mut view, output.take())?;
        if let Err(error) = result {
            failed += 1;
            last_error = Some(error);
        }
        let Some(to) = ending.step() else { break };
        step = to;
    }
    let failed = failed.saturating_add(playlist.failed());
    match last_error {
        Some(error) => Err(error.into()),
        None if failed > 0 => Err(format!("not all could be played: {failed} failed").into()),
        None => Ok(()),
    }
}

/// Returns how to show an item of a playlist.
fn options<'a>(
    deadline: Option<Instant>,
    interrupted: &'a AtomicBool,
    playlist: &Playlist,
) -> show::Options<'a> {
    let [has_next, has_previous] = [Step::Next, Step::Previous].map(|step| playlist.has(step));
    show::Options { deadline, interrupted, has_next, has_previous }
}

/// Plays all that the command line names at once, and reports on each.
///
/// # Errors
/// Something was not played as the user asked, the system has no more threads, or the report cannot be written.
fn play_side_by_side(
    cli: &Cli,
    given: &Given,
    deadline: Option<Instant>,
    interrupted: &AtomicBool,
    view: &mut View,
) -> Result<(), Box<dyn Error>> {
    let options = show::Options { deadline, interrupted, has_next: false, has_previous: false };
    let opening = SideBySide::start(&cli.media, cli.fps)?;
    let name = Count(cli.media.len(), "medium", "media").to_string();
    let opened = match show::opening(name, &options, view, |wait| opening.recv_timeout(wait).ok()) {
        Ok(opened) => opened,
        Err(Ending::Deadline) => return Err("they could not be opened in time".into()),
        Err(_) => return Ok(()),
    };
    let items: Vec<_> = opened.items().collect();
    // A directory may have more than the command line names.
    if let Err(error) = cli::check_number(items.len()) {
        error.exit();
    }
    for error in &opened.errors {
        print_message(error);
    }
    let at_end = if view.is_headless() { AtEnd::Stop } else { AtEnd::Stay };
    let decode = decode_policy(cli, view.is_headless());
    let asks = !view.is_headless() || login::can_ask();
    let start = |item: &&Item| start_player((cli, given, asks), item, cli.start, at_end, decode, items.len());
    let players = items.iter().map(start).collect::<io::Result<Vec<_>>>()?;
    let shown = show::run(&players, &options, view, None);
    let mut failed = opened.errors.len();
    for ((item, player), shown) in items.iter().zip(&players).zip(&shown) {
        if let Err(error) =
            conclude(cli, item, player, shown, cli.start, Ok(()), (decode, view.is_headless()))?
        {
            print_message(&error);
            failed += 1;
        }
    }
    let of = items.len() + opened.errors.len();
    if failed > 0 { Err(format!("{failed} of {of} could not be played").into()) } else { Ok(()) }
}

/// Plays one item, and reports on it. Returns why it ended, and why it was not played as the user asked, if
/// so.
///
/// # Errors
/// The system has no more threads, or the report cannot be written.
fn play(
    (cli, given): (&Cli, &Given),
    item: &Item,
    from: Option<MediaTime>,
    options: &show::Options<'_>,
    view: &mut View,
    mut output: Option<PictureStream>,
) -> Result<(Ending, Result<(), String>), Box<dyn Error>> {
    let headless = view.is_headless();
    let at_end = match item.place {
        _ if headless || options.has_next => AtEnd::Stop,
        // A sample of two seconds would be over before the user has looked at it.
        Place::Samples => AtEnd::Repeat,
        Place::Remote | Place::File => AtEnd::Stay,
    };
    let decode = decode_policy(cli, headless);
    let asks = !headless || login::can_ask();
    let player = [start_player((cli, given, asks), item, from, at_end, decode, 1)?];
    let mut shown = show::run(&player, options, view, output.as_mut());
    let (Some(shown), [player]) = (shown.pop(), &player) else { return Ok((Ending::User, Ok(()))) };
    let written = output.map_or(Ok(()), |output| output.finish(options.interrupted));
    let result = conclude(cli, item, player, &shown, from, written, (decode, view.is_headless()))?;
    Ok((shown.ending, result))
}

/// Starts to play an item, one of so many at the same time, which share the cache. `asks` says whether the user can be asked
/// for a password.
///
/// # Errors
/// The system has no more threads.
fn start_player(
    (cli, given, asks): (&Cli, &Given, bool),
    item: &Item,
    from: Option<MediaTime>,
    at_end: AtEnd,
    decode: DecodePolicy,
    of: usize,
) -> io::Result<Player> {
    let cache = (cli.cache / of.max(1)).max(1);
    // Servers in this program ask for none.
    let given = if item.place == Place::Remote { given } else { &Given::default() };
    let Known { url, credentials, user } = given.known(&item.url);
    let settings = Settings {
        url: item.name.clone(),
        credentials,
        user,
        asks,
        decode,
        at_end,
        prebuffer: cli.prebuffer,
        latency: cli.latency,
        pixels: match cli.pictures {
            Some(_) => PixelPool::for_cache_and_conversion(cache),
            None => PixelPool::for_cache(cache),
        },
        coded_ahead: (cache / 8).max(LEAST_CODED_AHEAD),
        reconnect: !cli.no_reconnect,
        record: cli.record.clone(),
        // Alone, it is told why it is not there, and others need not wait for it.
        insist: of > 1 && at_end == AtEnd::Stay && !cli.no_reconnect,
        for_recorded: options_for_recorded(cli, from),
        start_recording: Recording::start,
    };
    let options = client_options(cli, from, item.place, cache);
    Player::start(move |credentials| client::connect(&url, credentials, &options), settings)
}

/// Returns the options of the command line that only recorded media obey.
fn options_for_recorded(cli: &Cli, from: Option<MediaTime>) -> Vec<&'static str> {
    let given = [
        ("--start", from.is_some()),
        ("--scale", cli.scale != Scale::NORMAL),
        ("--speed", cli.speed.is_some()),
    ];
    given.into_iter().filter(|(_, is_given)| *is_given).map(|(option, _)| option).collect()
}

/// Reports on what was played. Returns why it was not played as the user asked, if so. `written` is what became
/// of the pictures' output. The last value says what was decoded, and whether there is no window.
///
/// # Errors
/// The report cannot be written.
fn conclude(
    cli: &Cli,
    item: &Item,
    player: &Player,
    shown: &Shown,
    from: Option<MediaTime>,
    written: io::Result<()>,
    (decode, headless): (DecodePolicy, bool),
) -> Result<Result<(), String>, Box<dyn Error>> {
    let Shown { ending, picture } = shown;
    let model = player.model();
    let mut errors = player.errors().messages();
    let is_shown = picture.is_some() || cli.no_decode;
    let result = verdict(*ending, &model, is_shown, model.undecodable.as_slice(), from)
        .and_then(|()| save_snapshot(cli.snapshot.as_deref(), picture.as_ref(), *ending))
        .and_then(|()| print_recording(&model))
        .and_then(|()| written.map_err(|error| format!("the pictures cannot be written: {error}")));
    let lost = item.lost();
    errors.extend(lost.clone());
    if let Err(error) = &result {
        errors.push(error.clone());
    }
    let mut report = if cli.json {
        vec![report::json(&model, &errors)]
    } else if headless {
        terminal::summary(&model, decode)
    } else {
        Vec::new()
    };
    match lost {
        Some(lost) if headless && !cli.json => report.push(lost),
        Some(lost) if !headless => print_message(&lost),
        _ => {}
    }
    let to_stdout = !cli.pictures.as_deref().is_some_and(y4m::is_stdout);
    for line in report {
        let written =
            if to_stdout { write_line(io::stdout(), &line) } else { write_line(io::stderr(), &line) };
        if let Err(error) = written {
            // The stream's own failure counts for more.
            result?;
            return Err(format!("the report cannot be written: {error}").into());
        }
    }
    Ok(result)
}

fn decode_policy(cli: &Cli, headless: bool) -> DecodePolicy {
    match (cli.no_decode, headless && cli.pictures.is_none()) {
        (true, _) => DecodePolicy::Nothing,
        (false, true) => DecodePolicy::Every(HEADLESS_INTERVAL),
        (false, false) => DecodePolicy::All,
    }
}

fn client_options(cli: &Cli, start: Option<MediaTime>, place: Place, cache: usize) -> client::Options {
    let mut play = PlayOptions::default();
    (play.from, play.scale) = (start.map(Seek::To), cli.scale);
    let transport = match (cli.transport, place) {
        // Nothing of a file is lost.
        (TransportArg::Auto, Place::File) => TransportArg::Tcp,
        (transport, _) => transport,
    };
    // A file is there at once: it is fetched fast enough for the highest rate of the keys, which is 4.
    let speed = cli.speed.or_else(|| Speed::from_thousandths(8_000).filter(|_| place == Place::File));
    let tunnel = transport == TransportArg::Http;
    let tls_fingerprint = cli.tls_fingerprint;
    client::Options { transport: transport.into(), tunnel, tls_fingerprint, play, speed, cache }
}

fn save_snapshot(file: Option<&Path>, picture: Option<&Picture>, ending: Ending) -> Result<(), String> {
    let Some(file) = file else { return Ok(()) };
    match picture {
        Some(picture) => {
            snapshot::save(picture, file).map_err(|error| format!("{}: {error}", file.display()))
        }
        // A user who leaves before the first picture wants none.
        None if matches!(ending, Ending::User | Ending::Next | Ending::Previous) => Ok(()),
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
        false => {
            let frames = Count(recorded.frames, "frame is", "frames are");
            format!("{frames} recorded in {}", files.join(", "))
        }
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

/// Writes a line, in which servers may have named anything, without credentials of URLs. It is no error if the reader has left.
fn write_line(mut to: impl Write, line: &str) -> io::Result<()> {
    match writeln!(to, "{}", escaped(&redacted(line))) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_fetched_faster_than_the_keys_can_play_it() {
        let speed = |args: &[&str], place| {
            let cli = <Cli as clap::Parser>::parse_from([&["pinhole-viewer"], args].concat());
            client_options(&cli, None, place, 0).speed.map(Speed::thousandths)
        };
        assert_eq!(speed(&[], Place::File), Some(8_000));
        assert_eq!(speed(&["--speed", "1"], Place::File), Some(1_000));
        assert_eq!((speed(&[], Place::Remote), speed(&[], Place::Samples)), (None, None));
    }

    #[test]
    fn a_snapshot_needs_a_directory() {
        assert!(check_directory(Path::new("picture.png")).is_ok());
        assert!(check_directory(Path::new("/nonexistent/picture.png")).is_err());
        assert!(check_directory(&std::env::temp_dir()).is_err());
    }
}
