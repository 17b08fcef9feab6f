//! Runs `pinhole-server`, the RTSP server of this repository, and the RTSP server of GStreamer, with which
//! the viewer is tested.
use crate::clip::Clip;
use crate::network::Namespace;
use crate::peer::PYTHON;
use crate::process::{Finished, Running, binary, repository, run};
use serde_json::Value;
use std::ffi::OsStr;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{ChildStdin, Command};
use std::time::Duration;

const STARTS: Duration = Duration::from_secs(20);

/// A running `pinhole-server`, the RTSP server of this repository. When this is dropped, the server is
/// killed. If the server was started with a camera program ([`Self::of_camera`]), that program is killed as
/// well.
#[derive(Debug)]
pub struct Server {
    process: Running,
    address: SocketAddr,
    _camera: Option<Running>,
}

impl Server {
    /// Starts a server of `media`, which are paths of files, on a free port of 127.0.0.1. Files without
    /// a clock are played at 30 frames a second.
    ///
    /// # Panics
    /// Panics if the server prints no URL within 20 seconds, for example because a file cannot be
    /// served.
    pub fn start(media: &[impl AsRef<OsStr>]) -> Self {
        Self::with(&[], media)
    }

    /// Starts a server of `media`, which are paths of files, on a free port of 127.0.0.1. `options` are
    /// further command-line options of `pinhole-server`, such as `--loop`. Without `--fps` in them,
    /// files without a clock are played at 30 frames a second.
    ///
    /// # Panics
    /// Panics if the server prints no URL within 20 seconds, for example because an option or a file is
    /// wrong.
    pub fn with(options: &[&str], media: &[impl AsRef<OsStr>]) -> Self {
        let mut command = command();
        let process = Running::start(command.args(options).args(media));
        let address = address(&process);
        Self { process, address, _camera: None }
    }

    /// Starts a server of `media`, which are paths of files, on a free port of 127.0.0.1. It may have
    /// `descriptors` files and sockets at once, and cannot raise that limit. `options` are further
    /// command-line options of `pinhole-server`.
    ///
    /// # Panics
    /// Panics if the server prints no URL within 20 seconds, for example because there are too few
    /// descriptors.
    pub fn with_descriptors(descriptors: usize, options: &[&str], media: &[impl AsRef<OsStr>]) -> Self {
        Self::limited(&format!("-n {descriptors}"), options, media)
    }

    /// Starts a server of `media`, which are paths of files, on a free port of 127.0.0.1. Its address space has
    /// `kibibytes`, until [`Self::limit_memory`]. `options` are further command-line options of `pinhole-server`.
    ///
    /// # Panics
    /// Panics if the server prints no URL within 20 seconds.
    pub fn with_memory(kibibytes: usize, options: &[&str], media: &[impl AsRef<OsStr>]) -> Self {
        Self::limited(&format!("-S -v {kibibytes}"), options, media)
    }

    fn limited(limit: &str, options: &[&str], media: &[impl AsRef<OsStr>]) -> Self {
        let mut limited = Command::new("sh");
        limited.args(["-c", &format!("ulimit {limit} && exec \"$@\""), "sh"]);
        let server = command();
        let process = Running::start(
            limited.arg(server.get_program()).args(server.get_args()).args(options).args(media),
        );
        let address = address(&process);
        Self { process, address, _camera: None }
    }

    /// Returns the most address space that the server has had at once, in bytes. Only for Linux.
    ///
    /// # Panics
    /// Panics if the server has ended.
    pub fn address_space(&self) -> u64 {
        self.process.memory("VmPeak").expect("the server runs")
    }

    /// Has the address space of the server grow by no more than so many bytes from now on. It must have been started
    /// with [`Self::with_memory`]. Only for Linux.
    ///
    /// # Panics
    /// Panics if the server has ended, or prlimit cannot be run.
    pub fn limit_memory(&self, bytes: u64) {
        let size = self.process.memory("VmSize").expect("the server runs");
        let limit = format!("--as={}:", size + bytes);
        let limit = Command::new("prlimit").args(["--pid", &self.id().to_string(), &limit]).status();
        assert!(limit.expect("prlimit runs").success());
    }

    /// Starts a server of `media`, which are paths of files, in the network namespace `namespace`. `listen`
    /// is an address of the namespace with a port, such as `10.0.0.1:8554`. `options` are further command-line
    /// options of `pinhole-server`. Without `--fps` in them, files without a clock are played at 30 frames a
    /// second.
    ///
    /// # Panics
    /// Panics if the server prints no URL within 20 seconds, for example because the namespace has no such
    /// address.
    pub fn within(
        namespace: &Namespace,
        listen: &str,
        options: &[&str],
        media: &[impl AsRef<OsStr>],
    ) -> Self {
        let mut command = namespace.command(binary("pinhole-server"));
        let process = Running::start(command.args(["--listen", listen, "--json"]).args(options).args(media));
        let address = address(&process);
        Self { process, address, _camera: None }
    }

    /// Starts the program `camera`, and a server with one live medium, whose name is `live`. The medium is
    /// the Motion-JPEG that `camera` writes to its standard output. When the returned value is dropped, both
    /// programs are killed.
    ///
    /// # Panics
    /// Panics if `camera` cannot be started, or if the server prints no URL within 20 seconds.
    pub fn of_camera(camera: &mut Command) -> Self {
        Self::of_camera_with(&[], camera)
    }

    /// Starts the program `camera`, and a server with one live medium, whose name is `live`. The medium is
    /// the Motion-JPEG that `camera` writes to its standard output. `options` are further command-line
    /// options of `pinhole-server`. When the returned value is dropped, both programs are killed.
    ///
    /// # Panics
    /// Panics if `camera` cannot be started, or if the server prints no URL within 20 seconds.
    pub fn of_camera_with(options: &[&str], camera: &mut Command) -> Self {
        let mut process = Running::start(command().args(options).arg("-"));
        // Before the wait below: a server may only know what it serves once a frame has come.
        let camera = Running::sending(camera.stdout(process.take_stdin()));
        let address = address(&process);
        Self { process, address, _camera: Some(camera) }
    }

    /// Starts a server with one live medium, whose name is `live`. The medium is the Motion-JPEG that the
    /// test writes to the returned pipe. Drop the pipe to end the stream. `options` are further command-line
    /// options of `pinhole-server`.
    ///
    /// # Panics
    /// Panics if the server prints no URL within 20 seconds.
    pub fn of_pipe(options: &[&str]) -> (Self, ChildStdin) {
        let mut process = Running::start(command().args(options).arg("-"));
        let pipe = process.take_stdin();
        let address = address(&process);
        (Self { process, address, _camera: None }, pipe)
    }

    /// Returns the most physical memory that the server has used at once since its start, in bytes. Returns
    /// `None` if the system does not say, or if the server has ended: leave out the check in these cases.
    pub fn peak_memory(&self) -> Option<u64> {
        self.process.memory("VmHWM")
    }

    /// Returns the number of the server's process.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Returns the number of the server's event loops, counted by the names of the server's threads. Returns
    /// `None` if the system does not list threads: leave out the check in this case.
    pub fn event_loops(&self) -> Option<usize> {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.process.id())).ok()?;
        let names = tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok());
        // One runs on the main thread.
        Some(1 + names.filter(|name| name.starts_with("loop ")).count())
    }

    /// Starts a server of `clips` on a free port of 127.0.0.1. Clips without a clock are played at 30
    /// frames a second.
    ///
    /// # Panics
    /// Panics if the server prints no URL within 20 seconds.
    pub fn of(clips: &[&Clip]) -> Self {
        Self::start(&clips.iter().map(|clip| &clip.path).collect::<Vec<_>>())
    }

    /// Returns the address and the TCP port at which the server listens for RTSP.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the address and the TCP port at which the server listens for HTTP. The server must have been started
    /// with `--http`.
    ///
    /// # Panics
    /// Panics if the server does not print the URL of its pages within 20 seconds.
    pub fn http(&self) -> SocketAddr {
        self.process.wait_stdout(STARTS, pages)
    }

    /// Returns the URL of a medium inside TLS. The server must have been started with `--tls-listen`.
    ///
    /// # Panics
    /// Panics if the server does not print where it listens for TLS within 20 seconds.
    pub fn tls_url(&self, mount: &str) -> String {
        format!("{}{mount}", self.process.wait_stdout(STARTS, |lines| tls(lines, "url")))
    }

    /// Returns the address and the TCP port at which the server listens for TLS. It must have been started with
    /// `--tls-listen`.
    ///
    /// # Panics
    /// Panics if the server does not print where it listens for TLS within 20 seconds.
    pub fn tls_address(&self) -> SocketAddr {
        let url = self.tls_url("");
        let address = url.strip_prefix("rtsps://").and_then(|rest| rest.strip_suffix('/')?.parse().ok());
        address.expect("a URL with an address")
    }

    /// Returns the fingerprint of the server's certificate. The server must have been started with `--tls-listen`.
    ///
    /// # Panics
    /// Panics if the server does not print the fingerprint within 20 seconds.
    pub fn fingerprint(&self) -> String {
        self.process.wait_stdout(STARTS, |lines| tls(lines, "fingerprint"))
    }

    /// Returns the address and the TCP port of the admin port. The server must have been started with `--admin`.
    ///
    /// # Panics
    /// Panics if the server does not print the URL of its admin port within 20 seconds.
    pub fn admin(&self) -> SocketAddr {
        self.process.wait_stdout(STARTS, admin)
    }

    /// Returns the URL of a medium. `mount` is the name under which the medium is served: [`Clip::mount`]
    /// for a clip, and `live` for a camera or a pipe. The name is not checked here: if there is no such
    /// medium, the server replies 404 to requests for the URL.
    pub fn url(&self, mount: &str) -> String {
        format!("rtsp://{}/{mount}", self.address)
    }

    /// Returns true if the server process is still running.
    pub fn is_alive(&mut self) -> bool {
        self.process.is_alive()
    }

    /// Waits until the server has printed at least `count` events of one kind, such as `opened`, since its
    /// start. Returns all events of that kind since the start, oldest first, as JSON objects.
    ///
    /// # Panics
    /// Panics if fewer events of this kind have come when `limit` is over or when the server ends.
    pub fn wait_events(&self, kind: &str, count: usize, limit: Duration) -> Vec<Value> {
        self.process.wait_stdout(limit, |lines| {
            let events: Vec<_> = events(lines, kind).collect();
            (events.len() >= count).then_some(events)
        })
    }

    /// Sends the server a signal, and waits until the server has ended. `signal` is the name of the signal
    /// without `SIG`, such as `TERM`. Returns the server's output and exit status. The caller has to check
    /// the status.
    ///
    /// # Panics
    /// Panics if there is no such signal, or if the server does not end within ten seconds.
    pub fn stop(self, signal: &str) -> Finished {
        self.signal(signal);
        self.finish()
    }

    /// Sends the server a signal, and does not wait. `signal` is the name of the signal without `SIG`, such as
    /// `TERM`. To wait for an effect, call [`Self::wait_events`] or [`Self::finish`].
    ///
    /// # Panics
    /// Panics if there is no such signal, or if [`Self::is_alive`] has returned false before.
    pub fn signal(&self, signal: &str) {
        self.process.signal(signal);
    }

    /// Waits until the server has ended, because of an earlier [`Self::signal`] or by itself. Returns the
    /// server's output and exit status. The caller has to check the status.
    ///
    /// # Panics
    /// Panics if the server does not end within ten seconds.
    pub fn finish(self) -> Finished {
        self.process.finish(Duration::from_secs(10))
    }
}

/// A running RTSP server of GStreamer (gst-rtsp-server) with one clip, on a free port of 127.0.0.1. When
/// this is dropped, the server is killed.
#[derive(Debug)]
pub struct GstServer {
    _process: Running,
    /// The URL of the clip that the server serves. The server has no other medium.
    pub url: String,
}

impl GstServer {
    /// Starts the server with `clip`, and waits until it serves. [`Clip::path`] must be an AVI file, as
    /// [`Clip::avi`] makes it. If it is another file, the server starts, but the clip cannot be played.
    /// First check with [`crate::peer::available`] for [`crate::peer::Peer::GstServer`].
    ///
    /// # Panics
    /// Panics if the server does not come up within 20 seconds.
    pub fn start(clip: &Clip) -> Self {
        Self::with(clip, &[])
    }

    /// Starts the server as [`Self::start`] does, for one user, who has to log in. `method` is `basic` or `digest`.
    ///
    /// # Panics
    /// Panics if the server does not come up within 20 seconds.
    pub fn with_login(clip: &Clip, method: &str, (user, password): (&str, &str), realm: &str) -> Self {
        Self::with(clip, &[method, user, password, realm])
    }

    /// Starts the server as [`Self::start`] does, inside TLS. `certificate` is a file with a certificate and its key, as
    /// PEM.
    ///
    /// # Panics
    /// Panics if the server does not come up within 20 seconds.
    pub fn with_tls(clip: &Clip, certificate: &Path) -> Self {
        Self::with(clip, &["tls", certificate.to_str().expect("a name in UTF-8")])
    }

    fn with(clip: &Clip, arguments: &[&str]) -> Self {
        let script = repository().join("tests/peers/gst_server.py");
        let process = Running::start(Command::new(PYTHON).arg(script).arg(&clip.path).args(arguments));
        let url = process.wait_stdout(STARTS, |lines| lines.iter().find(|l| l.starts_with("rtsp")).cloned());
        Self { _process: process, url }
    }

    /// Returns the address and the TCP port at which the server listens for RTSP.
    ///
    /// # Panics
    /// Panics if the caller has changed [`Self::url`] to a URL without an IP address and a port.
    pub fn address(&self) -> SocketAddr {
        authority(&self.url).expect("a URL with an address")
    }
}

/// Sets the password of a user in a file, with `pinhole-server passwd`, which reads it from its standard input. `options`
/// are further options of that command.
///
/// # Panics
/// Panics if the program cannot be run, or does not end within a minute.
pub fn passwd(file: &Path, (user, password): (&str, &str), options: &[&str]) -> Finished {
    let mut command = Command::new("sh");
    let program = binary("pinhole-server");
    command.args(["-c", "printf '%s\\n' \"$1\" | { shift; exec \"$@\"; }", "sh", password]);
    command.arg(program).args(["passwd", "--file"]).arg(file).args(options).arg("--").arg(user);
    run(&mut command, Duration::from_secs(60)).expect("the server runs")
}

/// Starts a `pinhole-server` that serves a clip without end at `address`, as a camera does that comes back at the same
/// address. Returns when it listens.
///
/// # Panics
/// Panics if the server does not listen within a minute.
pub fn camera_at(address: SocketAddr, clip: &Clip) -> Running {
    let camera = Running::start(listening(&address.to_string()).arg("--loop").arg(&clip.path));
    camera.wait_stdout(3 * STARTS, |lines| lines.iter().any(|line| line.contains("limits")).then_some(()));
    camera
}

fn command() -> Command {
    listening("127.0.0.1:0")
}

fn listening(address: &str) -> Command {
    let mut command = Command::new(binary("pinhole-server"));
    command.args(["--listen", address, "--json"]);
    command
}

/// Returns the address at which a server listens, from the URLs that it prints.
fn address(process: &Running) -> SocketAddr {
    process.wait_stdout(STARTS, |lines| lines.iter().find_map(|line| authority(line)))
}

/// Returns the events of one kind among lines of JSON.
pub(crate) fn events<'a>(lines: &'a [String], kind: &'a str) -> impl Iterator<Item = Value> + 'a {
    let parsed = lines.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    parsed.filter(move |event| event["event"] == kind)
}

/// Returns what a server tells about TLS, if it is among its lines of JSON.
fn tls(lines: &[String], name: &str) -> Option<String> {
    events(lines, "tls").next()?[name].as_str().map(str::to_owned)
}

/// Returns the address of the pages of a server, if it is among its lines of JSON.
pub(crate) fn pages(lines: &[String]) -> Option<SocketAddr> {
    at_url(lines, "pages")
}

/// Returns the address of the admin port of a server, if it is among its lines of JSON.
pub fn admin(lines: &[String]) -> Option<SocketAddr> {
    at_url(lines, "admin")
}

/// Returns the address in the URL of the first event of a kind.
fn at_url(lines: &[String], kind: &str) -> Option<SocketAddr> {
    let url = events(lines, kind).next()?["url"].as_str()?.to_owned();
    url.strip_prefix("http://")?.strip_suffix('/')?.parse().ok()
}

/// Returns the address in the first URL of a line. If it has an interface, this is left out.
pub(crate) fn authority(line: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once("rtsp://")?;
    let authority = rest.split(['/', '"', ' ']).next()?;
    match authority.split_once("%25").and_then(|(ip, rest)| Some((ip, rest.split_once(']')?.1))) {
        Some((ip, port)) => format!("{ip}]{port}").parse().ok(),
        None => authority.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_found_in_json_and_in_plain_text() {
        let at = Some("127.0.0.1:40123".parse().unwrap());
        assert_eq!(authority(r#"{"event":"mounted","url":"rtsp://127.0.0.1:40123/bunny288"}"#), at);
        assert_eq!(authority("rtsp://127.0.0.1:40123/bunny288  512x288"), at);
        let local = "[fe80::1]:40123".parse().ok();
        assert_eq!(authority("rtsp://[fe80::1%25eth0]:40123/bunny288  512x288"), local);
        assert_eq!(authority("nothing here"), None);
    }

    #[test]
    fn events_are_told_apart_by_kind_and_other_lines_passed_over() {
        let lines = [r#"{"event":"opened"}"#, "not JSON", r#"{"event":"closed"}"#].map(str::to_owned);
        assert_eq!(events(&lines, "closed").count(), 1);
    }
}
