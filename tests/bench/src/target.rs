//! The processes that are measured.
use crate::clip::{Clip, RATE};
use crate::load::Source;
use crate::machine;
use crate::sender::Kind;
use crate::{Result, sender};
use pinhole_tests::peer::PYTHON;
use pinhole_tests::process::{Running, repository};
use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{ChildStdin, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How long a server may take to come up; a bare sender lays out its memory first.
const STARTS: Duration = Duration::from_secs(30);

/// The program that sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// pinhole-server, the server of this workspace.
    Pinhole,
    /// The same, inside TLS.
    PinholeTls,
    /// gst-rtsp-server, the stock server.
    Gst,
    /// The same, inside TLS.
    GstTls,
    /// A bare sender, which sends packets that were recorded before and does nothing else.
    Bare(Kind),
}

/// The kind of medium that is sent to the clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Medium {
    /// A file, in which each client has a place of its own.
    Recorded,
    /// One stream, of which all clients get the same frames.
    Live,
}

/// How the clients of a measurement are spread.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spread {
    /// Over how many seconds of the long clip the clients' places are spread; 0 if all are at its start.
    pub(crate) places: f64,
    /// Over how long the clients' starts are spread; zero if they start together.
    pub(crate) starts: Duration,
}

impl Target {
    /// Returns the name of the sender, as it is in tables.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Pinhole => "pinhole-server",
            Self::PinholeTls => "pinhole-server, TLS",
            Self::Gst => "gst-rtsp-server",
            Self::GstTls => "gst-rtsp-server, TLS",
            Self::Bare(Kind::Gso) => "bare GSO",
            Self::Bare(Kind::Mmsg) => "bare sendmmsg",
            Self::Bare(Kind::Writev) => "bare writev",
        }
    }
}

/// What a server is started for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Order<'a> {
    /// The program to start.
    pub(crate) target: Target,
    /// The kind of medium that it sends.
    pub(crate) medium: Medium,
    /// The clip that it sends.
    pub(crate) clip: &'a Clip,
    /// The number of sessions that a bare sender waits for.
    pub(crate) sessions: usize,
    /// How a bare sender spreads its sessions.
    pub(crate) spread: Spread,
    /// Further command-line arguments of pinhole-server. Other programs do not get them.
    pub(crate) extra: &'a [String],
}

/// A running server. It is killed when this is dropped.
#[derive(Debug)]
pub(crate) struct Started {
    process: Running,
    /// Where clients get sessions of the server.
    pub(crate) source: Source,
}

impl Started {
    /// Starts a server on the processor [`machine::SERVER`], and waits until it listens. [`record`] must
    /// have been called for the clip before a bare sender is started.
    ///
    /// # Errors
    /// Returns an error if a file that the server needs cannot be made.
    ///
    /// # Panics
    /// Panics if the server cannot be started, or does not listen within 30 seconds.
    pub(crate) fn new(order: &Order<'_>) -> Result<Self> {
        machine::pin(machine::SERVER)?;
        let started = Self::on_this_processor(order);
        machine::pin(machine::LOAD)?;
        started
    }

    fn on_this_processor(order: &Order<'_>) -> Result<Self> {
        let &Order { target, medium, clip, sessions, spread, extra } = order;
        match target {
            Target::Pinhole => Self::pinhole(medium, clip, extra),
            Target::PinholeTls => {
                let file = certificate(clip)?;
                let tls = ["--tls-listen", "127.0.0.1:0", "--tls-cert", "--tls-key"].map(str::to_owned);
                let [listen, at, cert, key] = tls;
                let path = file.display().to_string();
                let tls = [extra, &[listen, at, cert, path.clone(), key, path]].concat();
                let mut started = Self::pinhole(medium, clip, &tls)?;
                let Source::Rtsp(url) = &started.source else { return Err("a server has a URL".into()) };
                let mount = url.rsplit('/').next().unwrap_or_default().to_owned();
                let secure = started.process.wait_stdout(STARTS, |lines| {
                    let url = lines.iter().find_map(|line| line.split_once("\"url\":\"rtsps://"))?.1;
                    Some(format!("rtsps://{}{mount}", url.split('"').next()?))
                });
                started.source = Source::Rtsps(secure, file);
                Ok(started)
            }
            Target::GstTls => {
                let file = certificate(clip)?;
                let mut command = Command::new(PYTHON);
                command.arg(repository().join("tests/peers/gst_server.py")).arg(clip.avi()?);
                let process = Running::start(command.arg("tls").arg(&file));
                let url = process.wait_stdout(STARTS, |lines| {
                    lines.iter().find(|line| line.starts_with("rtsps:")).cloned()
                });
                Ok(Self { process, source: Source::Rtsps(url, file) })
            }
            Target::Gst => {
                let mut command = Command::new(PYTHON);
                command.arg(repository().join("tests/peers/gst_server.py")).arg(clip.avi()?);
                let process =
                    Running::start(command.arg(if medium == Medium::Live { "shared" } else { "own" }));
                let url = process.wait_stdout(STARTS, |lines| {
                    lines.iter().find(|line| line.starts_with("rtsp:")).cloned()
                });
                Ok(Self { process, source: Source::Rtsp(url) })
            }
            Target::Bare(kind) => {
                let (quantum, apart) = match medium {
                    Medium::Recorded => (sender::QUANTUM, f64::from(u16::MAX)),
                    Medium::Live => sender::LIVE,
                };
                let options = sender::Options {
                    kind,
                    images: images(clip),
                    copies: clip.copies,
                    sessions,
                    places: if medium == Medium::Live { 0.0 } else { spread.places },
                    starts: if medium == Medium::Live { 0.0 } else { spread.starts.as_secs_f64() },
                    quantum,
                    apart,
                };
                let process = Running::start(
                    Command::new(std::env::current_exe()?).arg("sender").args(options.to_args()),
                );
                let address = process.wait_stdout(STARTS, |lines| {
                    lines.iter().find_map(|line| line.strip_prefix("listening ")?.parse().ok())
                });
                Ok(Self { process, source: Source::Bare(address) })
            }
        }
    }

    fn pinhole(medium: Medium, clip: &Clip, extra: &[String]) -> Result<Self> {
        let mut command = Command::new(binary("pinhole-server")?);
        command.args(["--json", "--listen", "127.0.0.1:0"]).args(extra);
        let mut process = match medium {
            Medium::Recorded => Running::start(command.arg(prepared(clip)?)),
            Medium::Live => Running::start(command.arg("-")),
        };
        if medium == Medium::Live {
            let (stdin, clip) = (process.take_stdin(), clip.clone());
            // It ends with the server.
            thread::spawn(move || feed(stdin, &clip));
        }
        let url = process.wait_stdout(STARTS, |lines| {
            lines.iter().find_map(|line| Some(line.split_once("\"url\":\"")?.1.split('"').next()?.to_owned()))
        });
        Ok(Self { process, source: Source::Rtsp(url) })
    }

    /// Returns the id of the server's process.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }
}

/// The long clip as `pinhole-server prepare` makes it, so that what is measured is to send it; made
/// when it is first asked for.
pub(crate) fn prepared(clip: &Clip) -> Result<PathBuf> {
    let directory = clip.directory.join("prepared");
    let file = directory.join(&clip.name).with_extension("avi");
    if !file.exists() {
        fs::create_dir_all(&directory)?;
        let mut command = Command::new(binary("pinhole-server")?);
        command.arg("prepare").arg(&clip.long).arg(&file).stdin(Stdio::null()).stdout(Stdio::null());
        if !command.status()?.success() {
            return Err("pinhole-server cannot prepare the clip".into());
        }
    }
    Ok(file)
}

/// A file with a certificate for 127.0.0.1 and its key, of ECDSA P-256; openssl makes it when it is first asked for.
fn certificate(clip: &Clip) -> Result<PathBuf> {
    let file = clip.directory.join("tls.pem");
    if !file.exists() {
        let [key, cert] = ["tls.key", "tls.cert"].map(|name| clip.directory.join(name));
        let mut command = Command::new("openssl");
        command.args(["req", "-x509", "-nodes", "-days", "2", "-subj", "/CN=bench", "-newkey", "ec"]);
        command.args(["-pkeyopt", "ec_paramgen_curve:P-256", "-addext", "subjectAltName=IP:127.0.0.1"]);
        command.args(["-addext", "basicConstraints=critical,CA:FALSE", "-keyout"]).arg(&key);
        command.arg("-out").arg(&cert).stdin(Stdio::null()).stderr(Stdio::null());
        if !command.status()?.success() {
            return Err("openssl makes no certificate".into());
        }
        // With the permissions of the key.
        fs::copy(&key, &file)?;
        fs::OpenOptions::new().append(true).open(&file)?.write_all(&fs::read(&cert)?)?;
    }
    Ok(file)
}

/// Where the packets of a clip are kept for bare senders.
fn images(clip: &Clip) -> PathBuf {
    clip.directory.join("packets")
}

/// Has pinhole-server send the clip once, and keeps the packets for the bare senders. `extra` are
/// further command-line arguments of pinhole-server.
///
/// # Errors
/// Returns an error if the server refuses or sends too few frames, or if the file cannot be written.
pub(crate) fn record(clip: &Clip, extra: &[String]) -> Result<()> {
    let spread = Spread { places: 0.0, starts: Duration::ZERO };
    let (target, medium) = (Target::Pinhole, Medium::Recorded);
    let started = Started::new(&Order { target, medium, clip, sessions: 1, spread, extra })?;
    let Source::Rtsp(url) = &started.source else { return Err("a server has a URL".into()) };
    sender::images::record(url, clip.frames.len(), &images(clip))
}

/// Builds one of the workspace's programs in the profile of this program, and puts it beside this
/// program.
///
/// # Errors
/// Returns an error if the program cannot be built, or if this program is not in Cargo's target
/// directory.
pub(crate) fn build(program: &str) -> Result<()> {
    let own = std::env::current_exe()?;
    let profile = own.ancestors().nth(1).and_then(|path| path.file_name()?.to_str());
    let profile = profile.map(|name| if name == "debug" { "dev" } else { name });
    let (Some(profile), Some(target)) = (profile, own.ancestors().nth(2)) else {
        return Err("this program is to be run by cargo".into());
    };
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.current_dir(repository()).args(["build", "--quiet", "-p", program, "--profile", profile]);
    if build.arg("--target-dir").arg(target).status()?.success() {
        return Ok(());
    }
    Err(format!("{program} cannot be built").into())
}

/// Returns the path at which [`build`] puts a program. That the file exists is not checked.
///
/// # Errors
/// Returns an error if this program does not know its own path.
pub(crate) fn binary(program: &str) -> Result<PathBuf> {
    Ok(std::env::current_exe()?.with_file_name(program))
}

/// Writes the clip over and over, each frame when its time has come, as a camera does.
fn feed(mut to: ChildStdin, clip: &Clip) {
    let Ok(data) = fs::read(&clip.original) else { return };
    let start = Instant::now();
    for (n, frame) in clip.frames.iter().cycle().enumerate() {
        let due = start + Duration::from_secs_f64(n as f64 / RATE);
        thread::sleep(due.saturating_duration_since(Instant::now()));
        if to.write_all(&data[frame.clone()]).is_err() {
            return;
        }
    }
}
