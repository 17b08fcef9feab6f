//! Does what README.md says, from top to bottom: each command as it is printed there.
use pinhole_tests::clip::{Clip, TempDir};
use pinhole_tests::display::Display;
use pinhole_tests::network::in_own_network;
use pinhole_tests::peer::{Peer, available};
use pinhole_tests::process::{Running, poll, repository, run};
use pinhole_tests::undisturbed;
use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

/// Long enough to build all in release mode on a busy machine.
const BUILDS: Duration = Duration::from_secs(1800);
/// Long enough for GStreamer to look at all its plugins, in a home directory where it never ran.
const LIMIT: Duration = Duration::from_secs(120);
/// For how long a client of another project is watched.
const WATCHED: Duration = Duration::from_secs(3);

/// What is to happen when a command is run.
enum Outcome {
    /// It ends without an error.
    Ends,
    /// It prints URLs, and serves until it is interrupted, or until another command serves.
    Serves,
    /// The server that was started last serves a session to it.
    Watches,
    /// The viewer's window shows pictures. Q ends it.
    Shows,
    /// It is not run here: this file has what runs it.
    Elsewhere(&'static str, &'static str),
}

use Outcome::{Elsewhere, Ends, Serves, Shows, Watches};

/// The commands of README.md, in the order in which they stand there.
const COMMANDS: &[(&str, Outcome)] = &[
    ("cargo run --release", Shows),
    ("cargo run --release -p pinhole-server -- video/", Serves),
    ("cargo run --release -- rtsp://127.0.0.1:8554/bunny288", Shows),
    ("ffplay rtsp://127.0.0.1:8554/bunny288", Watches),
    (
        "gst-launch-1.0 rtspsrc location=rtsp://127.0.0.1:8554/bunny288 ! rtpjpegdepay ! jpegdec ! autovideosink",
        Watches,
    ),
    ("cargo install --locked --path bins/server", Ends),
    ("cargo install --locked --path bins/viewer", Ends),
    ("mkdir -p ~/.local/share/bash-completion/completions", Ends),
    ("pinhole-viewer completions bash > ~/.local/share/bash-completion/completions/pinhole-viewer", Ends),
    ("pinhole-viewer man ~/.local/share/man/man1", Ends),
    (
        "cargo install --locked cargo-deb",
        Elsewhere("tests/tests/newcomer.rs", "fn a_package_has_both_programs"),
    ),
    ("bins/deb.sh", Elsewhere("tests/tests/newcomer.rs", "fn a_package_has_both_programs")),
    (
        "sudo apt install ./target/debian/pinhole_*.deb",
        Elsewhere("tests/tests/newcomer.rs", "fn a_package_has_both_programs"),
    ),
    ("ffmpeg -re -i anything -pix_fmt yuvj420p -q:v 4 -f mjpeg - | pinhole-server -", Serves),
    ("pinhole-server --pattern 2560x1440@30", Serves),
    ("pinhole-viewer a.avi b.mkv c.mjpeg", Shows),
    ("cargo run -p pinhole-sim -- qemu", Elsewhere("tests/tests/firmware.rs", "\"qemu\"")),
    ("cargo doc --workspace --no-deps --open", Elsewhere("tests/run.sh", "cargo doc --locked --workspace")),
    ("tests/run.sh", Elsewhere(".ci/run", "tests/run.sh")),
];

#[test]
fn the_readme_works_from_top_to_bottom() {
    if !available(&[Peer::Ffmpeg, Peer::Gstreamer, Peer::Display, Peer::Tshark]) {
        return;
    }
    let _turn = undisturbed();
    let readme = std::fs::read_to_string(repository().join("README.md")).expect("there is a README");
    let printed: Vec<_> = readme.lines().filter_map(|line| line.strip_prefix("    ")).collect();
    let known: Vec<_> = COMMANDS.iter().map(|(command, _)| *command).collect();
    assert_eq!(printed, known, "the commands of README.md are not those of this test");

    // To build may take longer than a test in a network of its own. One by one, as the commands do it: features
    // differ from those of both together.
    for package in ["pinhole-viewer", "pinhole-server"] {
        let mut build = Command::new("cargo");
        build.args(["build", "--locked", "--release", "-p", package]).current_dir(repository());
        let built = run(&mut build, BUILDS).expect("cargo runs");
        assert!(built.status.success(), "{}", built.stderr);
    }
    in_own_network("the_readme_works_from_top_to_bottom", || {
        let mut newcomer = Newcomer::new();
        for (command, outcome) in COMMANDS {
            newcomer.try_out(command, outcome);
        }
        newcomer.server.take().into_iter().for_each(interrupt);
    });
}

#[test]
fn a_package_has_both_programs() {
    if !available(&[Peer::Deb]) {
        return;
    }
    let _turn = undisturbed();
    let target = target();
    let done = run(Command::new("bins/deb.sh").current_dir(repository()), BUILDS).expect("the script runs");
    assert!(done.status.success(), "{}", done.stderr);

    let unpacked = TempDir::new();
    let deb = format!("dpkg-deb -x {}/debian/pinhole_*.deb {}", target.display(), unpacked.path().display());
    let done = run(Command::new("sh").args(["-c", &deb]), LIMIT).expect("sh runs");
    assert!(done.status.success(), "{}", done.stderr);
    for program in ["pinhole-server", "pinhole-viewer"] {
        let installed = unpacked.path().join("usr/bin").join(program);
        let done = run(Command::new(installed).arg("--version"), LIMIT).expect("it is installed");
        assert!(done.stdout.starts_with(program), "{done:?}");
        for file in [
            format!("man/man1/{program}.1.gz"),
            format!("bash-completion/completions/{program}"),
            format!("zsh/vendor-completions/_{program}"),
            format!("fish/vendor_completions.d/{program}.fish"),
        ] {
            let path = unpacked.path().join("usr/share").join(&file);
            assert!(path.metadata().is_ok_and(|file| file.len() > 0), "{file} is missing");
        }
    }
    let unit = unpacked.path().join("usr/lib/systemd/system/pinhole-server.service");
    let unit = std::fs::read_to_string(unit).expect("the package has a unit");
    assert!(unit.contains("ExecStart=/usr/bin/pinhole-server "), "{unit}");
}

/// Who has the repository, a home directory and a display, and reads README.md.
struct Newcomer {
    display: Display,
    home: TempDir,
    server: Option<Running>,
}

impl Newcomer {
    fn new() -> Self {
        let home = TempDir::new();
        let sample = Clip::sample();
        let clip = std::fs::read(&sample.path).expect("there is a clip");
        home.file("anything", &clip);
        home.file("c.mjpeg", &clip);
        let path = |name: &str| home.path().join(name);
        std::fs::rename(sample.in_avi(&home, 30).path, path("a.avi")).expect("there is a clip");
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg.arg("-i").arg(path("a.avi")).args(["-c", "copy"]).arg(path("b.mkv"));
        let done = run(&mut ffmpeg, LIMIT).expect("ffmpeg runs");
        assert!(done.status.success(), "{}", done.stderr);
        Self { display: Display::start(), home, server: None }
    }

    fn try_out(&mut self, text: &str, outcome: &Outcome) {
        println!("$ {text}");
        match outcome {
            Ends => {
                let done = run(&mut self.command(text), BUILDS).expect("bash runs");
                assert!(done.status.success(), "{text}: {done:?}");
            }
            Serves => {
                self.server.take().into_iter().for_each(interrupt);
                let server = Running::start(&mut self.command(text));
                server.wait_stdout(LIMIT, |lines| {
                    lines.iter().any(|line| line.starts_with("rtsp://")).then_some(())
                });
                self.server = Some(server);
            }
            Watches => {
                let server = self.server.as_ref().expect("a server was started before");
                let count = |word: &str| {
                    let lines = server.stdout();
                    lines.iter().filter(|line| line.contains(word) && !line.contains("; 0 frames")).count()
                };
                let (opened, closed) = (count(" opened "), count(" closed "));
                let client = Running::start(&mut self.command(text));
                let opens = poll(LIMIT, || (count(" opened ") > opened).then(Instant::now));
                let since = opens.unwrap_or_else(|| panic!("{text} does not watch: {client}"));
                thread::sleep(WATCHED.saturating_sub(since.elapsed()));
                interrupt(client);
                poll(LIMIT, || (count(" closed ") > closed).then_some(()))
                    .unwrap_or_else(|| panic!("{text} got no frame: {server}"));
            }
            Shows => {
                let mut viewer = Running::start(&mut self.command(text));
                let window = self.display.window();
                window.press("q");
                assert!(poll(LIMIT, || (!viewer.is_alive()).then_some(())).is_some(), "{viewer}");
                let done = viewer.finish(LIMIT);
                assert_eq!(done.status.code(), Some(0), "{text}: {done:?}");
            }
            Elsewhere(file, what) => {
                let file = std::fs::read_to_string(repository().join(file)).expect(file);
                assert!(file.contains(what), "nothing runs '{text}' any more");
            }
        }
    }

    /// Returns what a shell runs: in the repository what is of the repository, and else in the home directory.
    fn command(&self, text: &str) -> Command {
        let in_repository = ["cargo ", "bins/", "tests/"].iter().any(|start| text.starts_with(start));
        let mut command = Command::new("bash");
        command.args(["-c", text]).process_group(0);
        command.current_dir(if in_repository { repository() } else { self.home.path() });
        // Cargo and rustup keep what they have in the real home directory.
        let real = PathBuf::from(std::env::var_os("HOME").unwrap_or_default());
        for (name, directory) in [("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")] {
            if std::env::var_os(name).is_none() && real.join(directory).exists() {
                command.env(name, real.join(directory));
            }
        }
        let installed = self.home.path().join("installed");
        command.env("HOME", self.home.path()).env("DISPLAY", self.display.name());
        command.env("CARGO_INSTALL_ROOT", &installed).env("PATH", path(installed.join("bin")));
        command.env("CARGO_NET_OFFLINE", "true");
        command
    }
}

/// Presses Ctrl-C, and waits for the end.
fn interrupt(process: Running) {
    let group = format!("kill -INT -- -{}", process.id());
    let done = run(Command::new("bash").args(["-c", &group]), LIMIT).expect("bash runs");
    assert!(done.status.success(), "{group}: {done:?}; {process}");
    process.finish(LIMIT);
}

/// Returns the search path with one more directory, which is searched first.
fn path(first: PathBuf) -> OsString {
    let others = std::env::var_os("PATH").unwrap_or_default();
    std::env::join_paths(std::iter::once(first).chain(std::env::split_paths(&others))).expect("a search path")
}

/// Returns the directory that Cargo builds in.
fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| repository().join("target"), PathBuf::from)
}
