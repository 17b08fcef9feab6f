//! The command line.
mod values;

use crate::network::network;
use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use pinhole::client::TransportChoice;
use pinhole::sdp::FrameRate;
use pinhole_args::{Manual, RATES, VALUES};
use pinhole_std::media::{NormaliseOptions, PatternFormat, SourceOptions, SourceUrl};
use pinhole_std::server::ipnet::IpNet;
use pinhole_std::server::{AddressList, Options};
use pinhole_std::tls::{Fingerprint, Identity, IdentityError};
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZero;
use std::path::PathBuf;
use std::time::Duration;
use values::{
    TLS_PORT, address, admin_address, avi_path, connections, http_address, media, proxy, realm, threads,
    timeout, tls_address,
};

pub(crate) use values::{mount, source_url, user_name};

/// Serves Motion-JPEG over RTSP: files, directories, or a live stream on standard input.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
#[command(after_help = format!("{VALUES}{RATES}\n\n{AFTER_HELP}"))]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,

    #[command(flatten)]
    pub(crate) file: ConfigFile,

    #[command(flatten)]
    pub(crate) serve: Serve,
}

/// Options for the configuration as a whole.
#[derive(Debug, Args)]
pub(crate) struct ConfigFile {
    /// Read options, media and users from this file, in TOML. Options count more, and so do environment variables of
    /// their names: PINHOLE_LISTEN is --listen, and PINHOLE_CONFIG this
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// Check the configuration and serve nothing: the exit status is 0 if it is right, and 1 if not
    #[arg(long)]
    pub(crate) check_config: bool,

    /// Print the configuration that is in force as a file with comments, also with hashes and passwords that are in it,
    /// and serve nothing
    #[arg(long, conflicts_with = "check_config")]
    pub(crate) print_config: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a file ready ahead of time: whatever is done to its frames when it is served is done
    /// once, and the result is served as it is
    Prepare(Prepare),
    /// Set the password of a user who may log in to a server with --users: it is asked for twice, or is a
    /// line of standard input
    Passwd(Passwd),
    /// Show the sessions of a running server in the terminal, those that are sent the most first; the server needs
    /// --admin
    #[cfg(feature = "top")]
    Top(Top),
    #[command(flatten)]
    Manual(Manual),
}

/// Options for what is done to each frame.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Frames {
    /// The largest IP packet in bytes, with its headers: the MTU of the network
    #[arg(long, value_name = "BYTES", default_value = "1400", value_parser = pinhole_args::mtu)]
    pub(crate) mtu: u16,

    /// Leave frames as they are where they can be carried so: without restart markers of its own
    /// a frame is lost with any of its packets
    #[arg(long)]
    pub(crate) no_strips: bool,

    /// Decode and encode anew, as 4:2:0, what RTP cannot carry: progressive, 4:4:4, 4:4:0 and CMYK
    /// pictures
    #[arg(long)]
    pub(crate) transcode: bool,
}

impl Frames {
    /// Returns the largest RTP packet in bytes: the MTU without the headers of IPv6, which are longer than
    /// those of IPv4, and of UDP.
    pub(crate) const fn max_packet(self) -> u16 {
        self.mtu.saturating_sub(40 + 8)
    }

    /// Returns what is done to each frame.
    pub(crate) const fn normalising(self) -> NormaliseOptions {
        NormaliseOptions {
            restart_intervals: !self.no_strips,
            max_packet: self.max_packet(),
            transcode: self.transcode,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Prepare {
    /// A file, or a directory of .jpg pictures
    #[arg(value_name = "IN")]
    pub(crate) input: PathBuf,

    /// The AVI file to write; its name ends in .avi
    #[arg(value_name = "OUT", value_parser = avi_path)]
    pub(crate) output: PathBuf,

    /// Replace OUT if it exists
    #[arg(long)]
    pub(crate) force: bool,

    /// Frames per second of an input without a clock of its own: 30, 29.97 or 30000/1001 [default: 30]
    #[arg(long, value_name = "N", value_parser = pinhole_args::frame_rate)]
    pub(crate) fps: Option<FrameRate>,

    #[command(flatten)]
    pub(crate) frames: Frames,

    /// Print events as JSON, one object a line
    #[arg(long)]
    pub(crate) json: bool,

    /// Say more on standard error; twice, and three times, for still more
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

#[derive(Debug, Args)]
pub(crate) struct Passwd {
    /// The name of the user
    #[arg(value_name = "USER", value_parser = user_name)]
    pub(crate) user: String,

    /// The file with the users, which is made if there is none
    #[arg(long, value_name = "FILE", default_value = "pinhole.users")]
    pub(crate) file: PathBuf,

    /// The realm, which clients show to whoever is to enter the password
    /// [default: that of the file's first user, or Pinhole]
    #[arg(long, value_name = "REALM", value_parser = realm)]
    pub(crate) realm: Option<String>,

    /// A path that the user may watch, such as front or 'cams/*', in which * is any text; may be given
    /// several times [default: as before, or *]
    #[arg(long, value_name = "PATH")]
    pub(crate) read: Vec<String>,

    /// Print events as JSON, one object a line
    #[arg(long)]
    pub(crate) json: bool,

    /// Say more on standard error; twice, and three times, for still more
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

#[cfg(feature = "top")]
#[derive(Debug, Args)]
pub(crate) struct Top {
    /// The admin port of the server
    #[arg(value_name = "[ADDR:]PORT", default_value = "127.0.0.1:9554", value_parser = admin_address)]
    pub(crate) address: SocketAddr,
}

/// Options for the addresses from which clients may come.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Addresses {
    /// Let in only clients from these addresses and networks, such as 10.0.0.0/8; may be repeated [default: all]
    #[arg(long, value_name = "ADDR[/BITS]", value_delimiter = ',', value_parser = network)]
    pub(crate) allow: Vec<IpNet>,

    /// Let in no client from these addresses and networks, whatever --allow says; may be repeated
    #[arg(long, value_name = "ADDR[/BITS]", value_delimiter = ',', value_parser = network)]
    pub(crate) deny: Vec<IpNet>,
}

impl Addresses {
    pub(crate) fn list(&self) -> AddressList {
        AddressList::new(self.allow.iter().copied(), self.deny.iter().copied())
    }
}

/// Options for logins.
#[derive(Clone, Debug, Args)]
pub(crate) struct Logins {
    /// Let in only the users in this file, which pinhole-server passwd writes [default: everybody]
    #[arg(long, value_name = "FILE")]
    pub(crate) users: Option<PathBuf>,

    /// The realm of the logins [default: that of the users in the file]
    #[arg(long, value_name = "REALM", value_parser = realm)]
    pub(crate) realm: Option<String>,

    /// Accept Basic logins, too, which send the password in the clear; inside TLS they always are
    #[arg(long)]
    pub(crate) allow_basic: bool,
}

/// Options for TLS.
#[derive(Clone, Debug, Args)]
pub(crate) struct Tls {
    /// Where to listen for RTSP inside TLS (rtsps://), beside RTSP without it, and for the pages of --http; ADDR alone, and port 0, will do
    /// [default: with a certificate 0.0.0.0:322, else nowhere]
    #[arg(long, value_name = "[ADDR:]PORT", value_parser = tls_address)]
    pub(crate) tls_listen: Option<SocketAddr>,

    /// The certificate for TLS, and those that lead from it to one that clients know, as PEM
    #[arg(long, value_name = "FILE")]
    pub(crate) tls_cert: Option<PathBuf>,

    /// The private key of the certificate, as PEM, which only its owner may read
    #[arg(long, value_name = "FILE")]
    pub(crate) tls_key: Option<PathBuf>,

    /// Make a certificate and its key when this is first run, and keep both in this file, or in this directory as
    /// pinhole-tls.pem; clients are told its fingerprint, which is printed
    #[arg(long, value_name = "PATH")]
    pub(crate) tls_self_signed: Option<PathBuf>,
}

impl Tls {
    /// Returns what does not go together, each with the key that is wrong.
    pub(crate) fn contradictions(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let Self { tls_listen, tls_cert, tls_key, tls_self_signed } = self;
        let [listens, has_cert, has_key, is_own] =
            [tls_listen.is_some(), tls_cert.is_some(), tls_key.is_some(), tls_self_signed.is_some()];
        [
            (has_cert && !has_key, "tls-cert", "--tls-cert needs --tls-key, the file with its private key"),
            (has_key && !has_cert, "tls-key", "--tls-key needs --tls-cert, the file with its certificate"),
            (
                is_own && has_cert,
                "tls-self-signed",
                "--tls-self-signed makes a certificate, and --tls-cert has one: leave one of them out",
            ),
            (
                listens && !is_own && !has_cert,
                "tls-listen",
                "--tls-listen needs a certificate: --tls-cert with --tls-key, or --tls-self-signed",
            ),
        ]
        .into_iter()
        .filter_map(|(is_so, key, why)| is_so.then_some((key, why)))
    }

    /// Returns where to listen, and the certificate to show; `None` if there is none.
    ///
    /// # Errors
    /// A file is wrong, or cannot be read or written.
    pub(crate) fn identity(&self) -> Result<Option<(SocketAddr, Identity)>, IdentityError> {
        let listen = self.tls_listen.unwrap_or((Ipv4Addr::UNSPECIFIED, TLS_PORT).into());
        let identity = match (&self.tls_self_signed, &self.tls_cert, &self.tls_key) {
            (Some(path), _, _) => {
                let names = [host_name(), Some(listen.ip().to_string())];
                Identity::self_signed(path, names.iter().flatten().map(String::as_str))?
            }
            (None, Some(certificate), Some(key)) => Identity::load(certificate, key)?,
            _ => return Ok(None),
        };
        Ok(Some((listen, identity)))
    }
}

/// Returns the name of this machine, if it is known.
fn host_name() -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    Some(name.trim().to_owned()).filter(|name| !name.is_empty())
}

#[derive(Clone, Debug, Args)]
pub(crate) struct Serve {
    /// Files with Motion-JPEG (.mjpeg, .mjpg, .avi, .mkv, .mp4, .mov, .multipart, the course's .Mjpeg),
    /// directories of them, directories of .jpg pictures, - for Motion-JPEG on standard input, a camera such
    /// as /dev/video0 (with the feature v4l2), or a camera or server of the network: rtsp://HOST/PATH,
    /// rtsps://HOST/PATH (inside TLS), rtsph://HOST/PATH (RTSP over HTTP), rtspsh://HOST/PATH (that inside TLS) or http://HOST/PATH, and NAME= before it to choose the name that it is
    /// served by [default: video/]
    #[arg(value_name = "MEDIA", value_hint = ValueHint::AnyPath)]
    #[arg(value_parser = OsStringValueParser::new().try_map(media))]
    pub(crate) media: Vec<Media>,

    #[command(flatten)]
    pub(crate) sources: Sources,

    /// Do not look for files that come, go or change in directories that are served; SIGHUP has them searched
    #[arg(long)]
    pub(crate) no_watch: bool,

    /// Where to listen; ADDR alone, PORT alone and port 0 (any free one) will do
    #[arg(long, value_name = "ADDR:PORT", default_value = "0.0.0.0:8554", value_parser = address)]
    pub(crate) listen: SocketAddr,

    /// Where to listen for browsers, which see pages with the moving pictures; ADDR alone, and port 0, will do
    /// [default: nowhere]
    #[arg(long, value_name = "[ADDR:]PORT", value_parser = http_address)]
    pub(crate) http: Option<SocketAddr>,

    #[command(flatten)]
    pub(crate) tls: Tls,

    /// Where to listen for programs and people who look after the server: /metrics, /healthz, /readyz and /sessions over
    /// HTTP, without a login; PORT alone is on this machine only [default: nowhere]
    #[arg(long, value_name = "[ADDR:]PORT", value_parser = admin_address)]
    pub(crate) admin: Option<SocketAddr>,

    /// Frames per second of media without a clock of their own, 30, 29.97 or 30000/1001; others, such as AVI
    /// and MP4 files, keep theirs [default: 30]
    #[arg(long, value_name = "N", value_parser = pinhole_args::frame_rate)]
    pub(crate) fps: Option<FrameRate>,

    /// Serve a moving test pattern of this size and rate at /pattern, without end; without MEDIA,
    /// nothing else
    #[arg(long, value_name = "WxH[@FPS]", value_parser = pinhole_args::pattern)]
    pub(crate) pattern: Option<PatternFormat>,

    /// Have cameras such as /dev/video0 give pictures of this size and rate; without this, as large ones as all
    /// clients show
    #[cfg(all(feature = "v4l2", target_os = "linux"))]
    #[arg(long, value_name = "WxH[@FPS]", value_parser = pinhole_args::pattern)]
    pub(crate) camera: Option<PatternFormat>,

    /// Start recorded media over when they end
    #[arg(long = "loop")]
    pub(crate) repeat: bool,

    /// Send every frame to clients that report loss, too: by default they are sent fewer until it
    /// ends
    #[arg(long)]
    pub(crate) no_adapt: bool,

    /// How long a connection may take to send its first request
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = timeout)]
    pub(crate) request_timeout: Duration,

    /// How long a session, or a connection without one, is kept when nothing comes from its client
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = timeout)]
    pub(crate) session_timeout: Duration,

    /// How long clients may go on after SIGTERM or SIGINT; meanwhile others are refused
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = pinhole_args::time)]
    pub(crate) drain: Duration,

    #[command(flatten)]
    pub(crate) frames: Frames,

    /// How much memory to use for frames that are made ready, such as 512MiB
    /// [default: a quarter of the machine's]
    #[arg(long, value_name = "SIZE", value_parser = pinhole_args::memory)]
    pub(crate) cache: Option<usize>,

    /// How many event loops serve, each on a thread of its own; a client stays with one
    /// [default: one a core]
    #[arg(long, value_name = "N", value_parser = threads)]
    pub(crate) threads: Option<NonZero<usize>>,

    #[command(flatten)]
    pub(crate) logins: Logins,

    /// Addresses and networks of proxies, such as HAProxy with send-proxy-v2, that say whose a connection is;
    /// may be repeated
    #[arg(long, value_name = "ADDR[/BITS]", value_delimiter = ',', value_parser = proxy)]
    pub(crate) trusted_proxy: Vec<IpNet>,

    #[command(flatten)]
    pub(crate) addresses: Addresses,

    #[command(flatten)]
    pub(crate) limits: Limits,

    /// Print events as JSON, one object a line
    #[arg(long)]
    pub(crate) json: bool,

    /// Say more on standard error; twice, and three times, for still more
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

/// Options for sources of the network.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Sources {
    /// Pull sources of the network always, and not only while somebody watches
    #[arg(long)]
    pub(crate) always: bool,

    /// How long a source of the network is kept after the last one who watches it has left
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = pinhole_args::time)]
    pub(crate) linger: Duration,

    /// How to ask RTSP sources for their packets; auto asks for UDP, and for TCP where UDP does not work; http is
    /// RTSP over HTTP
    #[arg(long, value_name = "HOW", default_value = "auto")]
    pub(crate) source_transport: SourceTransport,

    /// Trust the certificate with this SHA-256 fingerprint, and no other, of rtsps:// sources; without it, those
    /// that this system trusts are
    #[arg(long, value_name = "HEX")]
    pub(crate) source_fingerprint: Option<Fingerprint>,
}

/// How RTSP sources are asked for their packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SourceTransport {
    Auto,
    Udp,
    Tcp,
    Http,
}

impl Sources {
    pub(crate) const fn options(self) -> SourceOptions {
        let transport = match self.source_transport {
            SourceTransport::Auto => TransportChoice::Auto,
            SourceTransport::Udp => TransportChoice::Udp,
            SourceTransport::Tcp | SourceTransport::Http => TransportChoice::Tcp,
        };
        let tunnel = matches!(self.source_transport, SourceTransport::Http);
        SourceOptions {
            transport,
            tunnel,
            tls_fingerprint: self.source_fingerprint,
            always: self.always,
            linger: self.linger,
        }
    }
}

/// Something to be served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Media {
    /// A file, directory or device, or standard input.
    Path(PathBuf),
    /// A source of the network, and the name that it is served by.
    Source { name: String, url: SourceUrl },
}

/// Options for how much clients may have.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Limits {
    /// How many clients may be connected at once; further ones are told to come again
    /// [default: as many as the limit of open files allows, 4096 at most]
    #[arg(long, value_name = "N", value_parser = connections)]
    pub(crate) max_connections: Option<usize>,

    /// How many of them may come from one IPv4 address, or from one IPv6 network of 64 bits
    /// [default: a quarter of all, but 64 at least]
    #[arg(long, value_name = "N", value_parser = connections)]
    pub(crate) max_connections_per_ip: Option<usize>,

    /// How much may be sent to all clients together, as a rate such as 800Mbit; PLAY is refused where
    /// it would be more [default: no limit]
    #[arg(long, value_name = "RATE", value_parser = pinhole_args::bit_rate)]
    pub(crate) max_bitrate: Option<u64>,

    /// How much may be sent to the clients of one address or network, as a rate [default: no limit]
    #[arg(long, value_name = "RATE", value_parser = pinhole_args::bit_rate)]
    pub(crate) max_bitrate_per_ip: Option<u64>,
}

impl Limits {
    /// Sets what was asked for in `options`, which have the defaults.
    pub(crate) fn apply(self, options: &mut Options) {
        if let Some(connections) = self.max_connections {
            options.set_max_connections(connections);
        }
        if let Some(connections) = self.max_connections_per_ip {
            options.max_connections_per_ip = connections;
        }
        options.max_bitrate = self.max_bitrate;
        options.max_bitrate_per_ip = self.max_bitrate_per_ip;
    }
}

/// The frame rate of media that have no clock, where none is asked for.
pub(crate) const DEFAULT_FPS: FrameRate = FrameRate(30_000);
/// What is served if nothing is named.
pub(crate) const DEFAULT_MEDIA: &str = "video/";

const AFTER_HELP: &str = "\
Each file is served at rtsp://HOST:PORT/ and its name without the extension; standard input at /live:
  ffmpeg -re -i anything -pix_fmt yuvj420p -q:v 4 -f mjpeg - | pinhole-server -
A source of the network is pulled once, however many watch it, and only while somebody does:
  pinhole-server rtsp://camera/stream back=http://user:password@10.0.0.7/video
Only users with a password watch this:
  pinhole-server passwd anna && pinhole-server --users pinhole.users
Inside TLS as well, at rtsps://HOST/, with a certificate that is made for it:
  pinhole-server --tls-self-signed pinhole-tls.pem
Exit status: 0 stopped or all input ended, 1 failed, also if no frame came, 2 wrong usage.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        <Cli as clap::CommandFactory>::command().debug_assert();
    }

    fn path(path: &str) -> Media {
        Media::Path(PathBuf::from(path))
    }

    #[test]
    fn a_file_may_be_called_prepare() {
        let cli = |args: &[&str]| Cli::parse_from([&["pinhole-server"], args].concat());
        assert_eq!(cli(&["./prepare"]).serve.media, [path("./prepare")]);
        let Some(Command::Prepare(prepare)) = cli(&["prepare", "a", "b.AVI", "--force"]).command else {
            panic!("no command");
        };
        assert_eq!((prepare.input, prepare.output), (PathBuf::from("a"), PathBuf::from("b.AVI")));
        assert!(prepare.force);
        assert!(avi_path("out.mjpeg").unwrap_err().contains(".avi"));
    }

    #[test]
    fn packets_leave_room_for_headers() {
        let frames = |args: &[&str]| Cli::parse_from([&["pinhole-server"], args].concat()).serve.frames;
        assert_eq!(frames(&[]).max_packet(), 1352);
        assert_eq!(frames(&["--mtu", "9000"]).max_packet(), 8952);
        assert!(frames(&["--mtu", "65535"]).max_packet() <= 65_507);
    }

    #[test]
    fn limits_replace_defaults() {
        let options = |args: &[&str]| {
            let cli = Cli::parse_from([&["pinhole-server"], args].concat());
            let mut options = Options::new(cli.serve.listen);
            cli.serve.limits.apply(&mut options);
            (options.max_connections, options.max_connections_per_ip, options.max_bitrate)
        };
        assert_eq!(options(&[]), (1024, 256, None));
        assert_eq!(options(&["--max-connections", "100"]), (100, 64, None));
        assert_eq!(options(&["--max-connections", "9", "--max-bitrate", "2Mbit"]), (9, 9, Some(2_000_000)));
        assert_eq!(options(&["--max-connections-per-ip", "1000"]), (1024, 1000, None));
        assert!(connections("0").is_err() && connections("-1").is_err());
    }
}
