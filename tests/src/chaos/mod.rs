//! The chaos run: ten steady viewers of a server that everything happens to at once.
//!
//! - `attacked` is the server, `world` what happens to its files, its output and its process.
//! - `troop` are the attackers, who know what `ground` says; what they do is in `connections`, `requests`,
//!   `sessions`, `browsers`, `tunnels` and `datagrams`.
//! - `viewer` are the steady viewers, whose frames `frames` checks.
//! - `report` is what came of it.
mod attacked;
mod browsers;
mod connections;
mod datagrams;
mod frames;
mod ground;
mod report;
mod requests;
mod rtcp;
mod sessions;
mod troop;
mod tunnels;
mod viewer;
mod world;

use crate::Transport;
use crate::clip::{Clip, TempDir};
use crate::process::poll;
use crate::server::Server;
use attacked::{Attacked, Usage};
use fastrand::Rng;
use ground::Ground;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};
use troop::Troop;
use viewer::Viewer;

pub use report::Report;

/// How many connections one address may have. All attackers at the viewers' address have fewer.
const CONNECTIONS_OF_AN_ADDRESS: usize = 128;
/// How many steady viewers watch the clip, and how many the test pattern, over each transport.
const STEADY: (usize, usize) = (4, 1);
/// How many clips are changed while they are served. They and the steady clip do not fit the cache at once.
const CHANGING: usize = 8;
const CACHE: &str = "8MiB";
const PATTERN: &str = "320x240@30";
const STARTS: Duration = Duration::from_secs(30);
const ENDS: Duration = Duration::from_secs(10);
/// When memory is measured first, at the latest.
const WARM: Duration = Duration::from_secs(60);
/// How long connections may take to end after those at the other end have gone.
const SETTLES: Duration = Duration::from_secs(5);

/// How long a run takes, and what it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// What all random numbers are made of.
    pub seed: u64,
    /// How long the server is attacked.
    pub length: Duration,
    /// Whether the limits are those that the server promises, or generous ones, for a machine that may have other
    /// work at the same time.
    pub strict: bool,
}

impl Settings {
    /// Returns what the environment says: `PINHOLE_CHAOS_SEED`, by default one of the time of day;
    /// `PINHOLE_CHAOS_SECONDS`, by default 45; and strict if `PINHOLE_CHAOS_STRICT` is set.
    ///
    /// # Panics
    /// Panics if one of them is no number.
    pub fn from_environment() -> Self {
        let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
        Self {
            seed: number("PINHOLE_CHAOS_SEED").unwrap_or_else(|| fastrand::u64(..1 << 32)),
            length: Duration::from_secs(number("PINHOLE_CHAOS_SECONDS").unwrap_or(45)),
            strict: std::env::var_os("PINHOLE_CHAOS_STRICT").is_some(),
        }
    }
}

/// Attacks a server for as long as the settings say, and returns what came of it. [`Report::assert`] asserts that
///
/// - no steady viewer has lost a frame, or sees one that is not of its clip;
/// - the longest gap between two frames is no longer than the interval and 100 ms (900 ms, unless the settings are
///   strict), beyond what the machine does to everybody: the longest gap of two viewers of another server, which
///   nobody attacks, and the longest time by which a thread overslept;
/// - no frame comes earlier than it is due by more than 100 ms and that;
/// - memory and descriptors have grown by no more than 5 % and a little between two times at which the attackers
///   rest and have closed their connections: after a minute, or a third of a run that is shorter than three
///   minutes, and at the end;
/// - each kind of attack was carried out, and a crowd of one address was not granted more connections than it may
///   have;
/// - the server still ends on SIGTERM, with exit code 0.
///
/// # Panics
/// Panics if the server ends or does not play, or if an attacker gets an answer that is no RTSP.
pub fn run(settings: Settings) -> Report {
    let (directory, clip) = (TempDir::new(), Clip::sample());
    let good = std::fs::read(&clip.path).expect("the clip can be read");
    let clips: Vec<PathBuf> =
        (0..CHANGING).map(|n| directory.file(&format!("changing{n}.mjpeg"), &good)).collect();
    let options = ["--loop", "--fps", "30"];
    let control = Server::with(&options, &[&clip.path]);
    let limit = CONNECTIONS_OF_AN_ADDRESS.to_string();
    let more = ["--cache", CACHE, "--pattern", PATTERN, "--max-connections-per-ip", &limit];
    let arguments = options.iter().chain(&more).map(OsString::from);
    let files = [&clip.path].into_iter().chain(&clips).map(OsString::from);
    let mut server = Attacked::start(arguments.chain(files));

    let names = clips.iter().map(|clip| clip.file_stem().unwrap().to_str().unwrap().to_owned());
    let mounts: Vec<String> = names.chain([clip.mount().to_owned(), "pattern".to_owned()]).collect();
    let ground = Ground::survey((server.address, server.pages), &mounts);
    let quiet = Ground::survey((control.address(), control.address()), &[]);
    let cycle = viewer::learn(&quiet, &control.url(clip.mount()), clip.frames);
    let viewers = |server: SocketAddr, mount: &str, cycle, each: usize| {
        let url = format!("rtsp://{server}/{mount}");
        let viewer = move |transport| Viewer { url: url.clone(), transport, cycle };
        Transport::ALL.into_iter().flat_map(move |transport| vec![viewer(transport); each])
    };
    let steady = viewers(server.address, clip.mount(), &cycle[..], STEADY.0).chain(viewers(
        server.address,
        "pattern",
        &[],
        STEADY.1,
    ));
    let unharmed = viewers(control.address(), clip.mount(), &cycle[..], 1);

    let (troop, over, truce) = (Troop::new(), AtomicBool::new(false), AtomicBool::new(false));
    let mut report = thread::scope(|scope| {
        // Whatever happens, the threads are told to end, or their scope would wait for ever.
        let _end = End(|| {
            over.store(true, Relaxed);
            troop.end();
        });
        let (over, ground, quiet, server) = (&over, &ground, &quiet, &server);
        let steady: Vec<_> = steady.map(|viewer| scope.spawn(move || viewer.watch(ground, over))).collect();
        let unharmed: Vec<_> =
            unharmed.map(|viewer| scope.spawn(move || viewer.watch(quiet, over))).collect();
        let overslept = scope.spawn(move || oversleep(over));
        let playing = || (ground.streams().len() == steady.len()).then_some(());
        poll(STARTS, playing).expect("all viewers play");

        let begun = Instant::now();
        troop.start(scope, ground, settings.seed);
        let (clips, good, truce) = (&clips, &good, &truce);
        let random = Rng::with_seed(settings.seed);
        let rage = scope.spawn(move || world::rage(server, clips, good, random, (truce, over)));
        let measure = |at: Duration| {
            thread::sleep(at.saturating_sub(begun.elapsed()));
            truce.store(true, Relaxed);
            troop.rest();
            let usage = settled(server);
            truce.store(false, Relaxed);
            troop.resume();
            usage
        };
        let usage = [measure(WARM.min(settings.length / 3)), measure(settings.length)];
        over.store(true, Relaxed);
        troop.end();
        Report {
            settings,
            watched: steady.into_iter().map(|viewer| viewer.join().expect("a viewer")).collect(),
            control: unharmed.into_iter().map(|viewer| viewer.join().expect("a viewer")).collect(),
            oversleep: overslept.join().expect("a thread that sleeps"),
            usage,
            deeds: troop.deeds().chain(rage.join().expect("the world")).collect(),
            ended: None,
            output: [0; 2],
            said: String::new(),
        }
    });
    server.signal("TERM");
    report.ended = poll(ENDS, || server.ended());
    report.output = [&server.stdout, &server.stderr].map(|outlet| outlet.bytes.load(Relaxed));
    report.said = server.said();
    report
}

/// Calls a function when this is dropped.
struct End<F: Fn()>(F);

impl<F: Fn()> Drop for End<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// Returns what the server uses once it has noticed that its clients have gone: the fewest descriptors of some
/// seconds.
fn settled(server: &Attacked) -> Usage {
    let end = Instant::now() + SETTLES;
    let mut usage = server.usage();
    while Instant::now() < end {
        thread::sleep(Duration::from_millis(100));
        usage = server.usage();
    }
    usage
}

/// Returns by how much a thread sleeps too long at most, until `over` is set.
fn oversleep(over: &AtomicBool) -> Duration {
    const SLEEP: Duration = Duration::from_millis(10);
    let mut longest = Duration::ZERO;
    while !over.load(Relaxed) {
        let begun = Instant::now();
        thread::sleep(SLEEP);
        longest = longest.max(begun.elapsed().saturating_sub(SLEEP));
    }
    longest
}
