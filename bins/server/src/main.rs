//! Serves Motion-JPEG files, directories and live input over RTSP.
//!
//! [`cli`] is the command line, [`prepare`] a command of it, and [`config`] what it, the environment and a file say
//! together. [`indexing`] reads the media, [`mounts`] are where they are served, [`device`] adds cameras, and [`users`] are
//! those who may log in. [`reload`] takes over what has changed, [`watch`] finds out what has changed in [`directories`],
//! [`report`] tells what happens, [`service`] is for managers of services, [`signals`] are those of the system, and `top`
//! shows the sessions of another process of this program.
mod cli;
mod config;
mod device;
mod directories;
mod indexing;
mod mounts;
mod network;
mod prepare;
mod reload;
mod report;
mod service;
mod signals;
#[cfg(feature = "top")]
mod top;
mod users;
mod watch;

use clap::CommandFactory;
use cli::{Cli, Command, DEFAULT_FPS, DEFAULT_MEDIA, Media, Serve};
use config::{Configuration, Medium, Origins};
use directories::Directories;
use mounts::Mounts;
use pinhole_log::{Form, Log};
use pinhole_std::media::{Directory, InputEvent, Library, Playback, default_cache};
use pinhole_std::server::{self, Admin, Event, Options, Server, raise_descriptor_limit};
use reload::Running;
use report::Report;
use service::Sockets;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::num::NonZero;
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// The fewest descriptors with which one client can be served, beside two event loops and the loaders.
const MIN_DESCRIPTORS: usize = 32;
/// The descriptors that a source of the network takes: its connection, and a pair of UDP sockets.
const SOURCE_DESCRIPTORS: usize = 3;

fn main() -> ExitCode {
    // Exits with code 2 if the command line is wrong.
    let cli: Cli = pinhole_args::parse();
    let origins = Origins::of_process();
    let mut configuration = cli.command.is_none().then(|| origins.read());
    let (json, verbose) = match (&cli.command, &configuration) {
        (Some(Command::Prepare(prepare)), _) => (prepare.json, prepare.verbose),
        (Some(Command::Passwd(passwd)), _) => (passwd.json, passwd.verbose),
        #[cfg(feature = "top")]
        (Some(Command::Top(_)), _) => (false, 0),
        (None, Some(Ok(Configuration { serve, .. }))) => (serve.json, serve.verbose),
        _ => (cli.serve.json, cli.serve.verbose),
    };
    let log = match Log::start("pinhole-server", if json { Form::Json } else { Form::Words }) {
        Ok(log) => log,
        Err(error) => {
            eprintln!("pinhole-server: {error}");
            return ExitCode::FAILURE;
        }
    };
    let _farewell = log.farewell();
    log.report_panics();
    log.trace(level(verbose));
    if let Some(Err(faults)) = &configuration {
        faults.iter().for_each(|fault| log.complain(fault));
        // Without a file, the command line or the environment is wrong.
        let is_usage = origins.file(&cli).is_none() && !cli.file.check_config;
        return if is_usage { ExitCode::from(2) } else { ExitCode::FAILURE };
    }
    let report = Report::new(json, log.clone());
    let result = match &cli.command {
        Some(Command::Prepare(prepare)) => prepare::run(prepare, &report),
        Some(Command::Passwd(passwd)) => users::passwd(passwd).map(|done| report.password(&done)),
        #[cfg(feature = "top")]
        Some(Command::Top(top)) => top::run(top),
        Some(Command::Manual(manual)) => manual.run(Cli::command()).map_err(Into::into),
        None => match configuration.take() {
            Some(Ok(configuration)) if cli.file.print_config => print(&configuration),
            Some(Ok(configuration)) if cli.file.check_config => {
                configuration.users().map(|_| report.checked()).map_err(Into::into)
            }
            Some(Ok(configuration)) => serve(configuration, origins, &report, &log),
            _ => Ok(()),
        },
    };
    if let Err(error) = &result {
        log.complain(error);
    }
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// Prints the configuration to standard output, as it is: it can be read again.
///
/// # Errors
/// Standard output cannot be written. It is no error if its reader has left.
fn print(configuration: &Configuration) -> Result<(), Box<dyn std::error::Error>> {
    let mut out = io::stdout().lock();
    match out.write_all(configuration.to_toml().as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(format!("standard output cannot be written: {error}").into())
        }
        _ => Ok(()),
    }
}

/// Serves until a signal stops it, or all live input has ended.
///
/// # Errors
/// Nothing can be served, or no frame came before the end of all live input.
fn serve(
    configuration: Configuration,
    origins: Origins,
    report: &Report,
    log: &Log,
) -> Result<(), Box<dyn std::error::Error>> {
    let cli = configuration.serve.clone();
    let users = configuration.users()?;
    let tls = cli.tls.identity()?;
    let hang_up = signals::ignore(log.clone())?;
    // Before the media, for which a disk may be waited for without end. There is nobody to say BYE to yet.
    let stop = signals::on_stop({
        let (report, log) = (report.clone(), log.clone());
        move || {
            report.stopped();
            drop(log.farewell());
            std::process::exit(0);
        }
    })?;
    // Before the media, too, so that it tells that they are being read.
    let admin = cli.admin.map(Admin::bind).transpose();
    let admin = admin.map_err(|error| format!("{error}; choose another address with --admin ADDR:PORT"))?;
    if let Some(admin) = &admin {
        report.admin(admin.local_addr());
    }
    let descriptors = raise_descriptor_limit();
    if let Some(descriptors) = descriptors.filter(|descriptors| *descriptors < MIN_DESCRIPTORS) {
        return Err(format!(
            "{descriptors} files can be open at once, which is not enough for one client; raise the limit (ulimit -n) to \
             {MIN_DESCRIPTORS} at least, or better to 1024"
        )
        .into());
    }
    if !configuration.is_named {
        report.nothing_named(DEFAULT_MEDIA);
    }
    let (library, mounts, directories) = apart(|| library(&configuration, descriptors, report))??;
    for problem in library.problems() {
        report.problem(problem);
    }
    for ignored in library.ignored() {
        report.ignored(ignored, cli.verbose > 0);
    }
    for mounted in library.mounted() {
        let medium = mounts.medium_of(mounted.mount);
        let asked = medium.and_then(|medium| medium.keys.fps).or(cli.fps);
        report.own_clock(&format!("/{}", mounted.mount), mounted.own_rate, asked);
    }
    if library.is_empty() {
        return Err(
            "nothing can be served; name Motion-JPEG files (.mjpeg, .avi, .mkv, .mp4), directories, sources such as rtsp://camera/stream, or - for standard input"
                .into(),
        );
    }
    let options = options(&configuration, descriptors);
    let Sockets { listeners, tls: tls_listener } = service::sockets()?;
    let mut server = Server::with_listeners(listeners, &options, library)
        .map_err(|error| format!("{error}; {}", remedy(&error, cli.http)))?;
    let fingerprint = tls.as_ref().map(|(_, identity)| identity.fingerprint());
    match (tls, tls_listener) {
        (Some((_, identity)), Some(listener)) => {
            server.listen_tls_on(listener, identity)?;
        }
        (Some((address, identity)), None) => {
            let listens = server.listen_tls(address, identity);
            listens.map_err(|error| format!("{error}; {}", tls_remedy(&error)))?;
        }
        (None, Some(_)) => {
            return Err(
                "a socket for TLS was passed, and there is no certificate: add --tls-cert with --tls-key, \
                        or --tls-self-signed"
                    .into(),
            );
        }
        (None, None) => {}
    }
    let addresses = [Some(server.local_addr()), server.http_addr(), server.tls_addr()];
    let is_open = users.is_none() && addresses.iter().flatten().any(|at| !at.ip().is_loopback());
    if let Some(users) = users.clone() {
        report.logins(users.len(), users.realm());
        server.require_login(mounts.restrict(users, &configuration))?;
    }
    server.trust_proxies(cli.trusted_proxy.iter().copied());
    server.restrict(mounts.access(&configuration));
    if let Some(admin) = &admin {
        server.observe(admin);
    }
    let (handle, has_tls) = (server.handle(), server.tls_addr().is_some());
    if configuration.can_change() || !directories.is_empty() {
        let running = Running {
            origins,
            configuration,
            descriptors,
            mounts,
            directories,
            users,
            has_tls,
            options,
            handle: handle.clone(),
        };
        let running = Arc::new(Mutex::new(running));
        if !cli.no_watch {
            watch::start(running.clone(), report.clone())?;
        }
        let report = report.clone();
        hang_up.call(move || running.lock().unwrap_or_else(PoisonError::into_inner).reload(&report));
    }
    let stopped = Arc::new(AtomicBool::new(false));
    stop.call({
        let (stopped, report, drain) = (stopped.clone(), report.clone(), cli.drain);
        move || {
            stopped.store(true, Ordering::Relaxed);
            service::stopping();
            if drain.is_zero() {
                // The server says BYE to all clients.
                return handle.stop();
            }
            report.draining(drain);
            handle.drain();
            // Not on the thread of the signals, of which a second one ends the program at once.
            let waiting = thread::Builder::new().name("drain".into());
            let waiting = waiting.spawn({
                let handle = handle.clone();
                move || {
                    thread::sleep(drain);
                    handle.stop();
                }
            });
            if waiting.is_err() {
                handle.stop();
            }
        }
    });
    let nothing = AtomicBool::new(false);
    report.serving(server.local_addr(), server.library());
    if let Some(address) = server.http_addr() {
        report.pages(address);
    }
    if let Some((address, fingerprint)) = server.tls_addr().zip(fingerprint) {
        report.tls(address, fingerprint);
    }
    report.limits(&options);
    if is_open {
        report.open();
    }
    service::ready();
    server.run(|event| {
        if let Event::Input { event: InputEvent::Nothing(_), .. } = event {
            nothing.store(true, Ordering::Relaxed);
        }
        report.event(event);
    })?;
    report.stopped();
    match nothing.into_inner() && !stopped.load(Ordering::Relaxed) {
        true => Err("the input has ended, and not one frame of it could be sent".into()),
        false => Ok(()),
    }
}

/// Returns what to do where the server cannot be started.
fn remedy(error: &server::Error, http: Option<SocketAddr>) -> &'static str {
    let (address, source) = match error {
        server::Error::Listen { address, source } => (Some(*address), Some(source)),
        server::Error::Loop(source) => (None, Some(source)),
        _ => (None, None),
    };
    match source.and_then(io::Error::raw_os_error) {
        // EMFILE and ENFILE. The standard library has no names for them.
        #[cfg(unix)]
        Some(libc::EMFILE | libc::ENFILE) => "raise the limit of open files (ulimit -n)",
        _ if address.is_some() && address == http => "choose another address with --http ADDR:PORT",
        _ => "choose another address with --listen ADDR:PORT",
    }
}

/// Returns what to do where the server cannot listen for TLS.
fn tls_remedy(error: &server::Error) -> &'static str {
    match error {
        server::Error::Listen { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
            "choose a port from 1024 on, such as --tls-listen 8322, or let this program have lower ones: \
             setcap cap_net_bind_service=+ep"
        }
        _ => "choose another address with --tls-listen ADDR:PORT",
    }
}

/// Returns the options of a server. It may have so many files open.
fn options(configuration: &Configuration, descriptors: Option<usize>) -> Options {
    let cli = &configuration.serve;
    let mut options = Options::new(cli.listen);
    options.http = cli.http;
    options.config.max_packet = cli.frames.max_packet();
    let cores = || thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN);
    options.threads = cli.threads.unwrap_or_else(cores);
    options.config.adapt = !cli.no_adapt;
    options.config.request_timeout = cli.request_timeout.into();
    options.config.session_timeout = cli.session_timeout.into();
    if let Some(descriptors) = descriptors {
        let sources = count_sources(configuration).saturating_mul(SOURCE_DESCRIPTORS).min(descriptors / 2);
        let of_admin = cli.admin.map_or(0, |_| Admin::MAX_DESCRIPTORS.min(descriptors / 4));
        options.for_descriptors(descriptors - sources - of_admin);
    }
    cli.limits.apply(&mut options);
    options
}

/// Returns how many sources of the network there are.
fn count_sources(configuration: &Configuration) -> usize {
    configuration.media.iter().filter(|medium| matches!(medium.media, Media::Source { .. })).count()
}

/// Reads the media. Blocks for as long as their disks do.
fn library(
    configuration: &Configuration,
    descriptors: Option<usize>,
    report: &Report,
) -> io::Result<(Library, Mounts, Directories)> {
    let cli = &configuration.serve;
    let playback = Playback { frame_rate: cli.fps.unwrap_or(DEFAULT_FPS), repeat: cli.repeat };
    let cache = cli.cache.unwrap_or_else(default_cache);
    let mut library = Library::with(playback, cli.frames.normalising(), cache);
    let (mut mounts, mut directories) = (Mounts::default(), Directories::default());
    if let Some(descriptors) = descriptors {
        // The others are for clients, however many files somebody puts there.
        library.keep_open(descriptors / 4);
    }
    for medium in &configuration.media {
        directories.note(medium, add(&mut library, medium, cli, report)?);
        mounts.note(medium, &library);
    }
    library.set_playback(playback);
    library.set_normalising(cli.frames.normalising());
    if let Some(format) = cli.pattern {
        report.preparing(format);
        library.add_pattern("pattern", format);
    }
    Ok((library, mounts, directories))
}

/// Adds a medium to the library. Returns what is needed to have the media of a directory follow what it holds. Blocks for as
/// long as its disk does.
fn add(
    library: &mut Library,
    medium: &Medium,
    cli: &Serve,
    report: &Report,
) -> io::Result<Option<Directory>> {
    library.set_playback(medium.playback(cli));
    library.set_normalising(medium.normalising(cli));
    let name = medium.keys.name.as_deref();
    match &medium.media {
        Media::Source { name, url } => library.add_source(name, url, medium.source_options(cli)),
        Media::Path(path) if path == Path::new("-") => library.add_live(name.unwrap_or("live"), io::stdin()),
        Media::Path(path) if device::is_device(path) => device::add(library, path, name, cli, report),
        Media::Path(path) => {
            return indexing::read(path, report.of_reading(), |watch| {
                library.add_path_with(path, name, watch)
            });
        }
    }
    Ok(None)
}

/// Calls `work` on another thread, and waits for it. The kernel gives signals to the main thread, which could
/// not take them while a disk holds it.
fn apart<T: Send>(work: impl FnOnce() -> T + Send) -> io::Result<T> {
    thread::scope(|scope| {
        let thread = thread::Builder::new().name("media".into()).spawn_scoped(scope, work)?;
        Ok(thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })
}

/// Returns which lines of the libraries are written: warnings, and more if `verbose`.
const fn level(verbose: u8) -> tracing::Level {
    match verbose {
        0 => tracing::Level::WARN,
        1 => tracing::Level::INFO,
        2 => tracing::Level::DEBUG,
        _ => tracing::Level::TRACE,
    }
}
