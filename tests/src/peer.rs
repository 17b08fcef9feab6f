//! The stock tools that the tests play against, and what to do if one is missing.
use crate::process::{repository, run};
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

/// Something outside of this repository that a test needs: a stock tool, or a capability of the machine.
/// Pass all that a test needs to [`available`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// The programs `ffmpeg` and `ffprobe`. `ffmpeg` is an RTSP client and a decoder of files.
    Ffmpeg,
    /// GStreamer's program `gst-launch-1.0`, with the plugins that the pipelines of the tests name. It is
    /// an RTSP client and a decoder that share no code with those of ffmpeg.
    Gstreamer,
    /// The library gst-rtsp-server of GStreamer, used from the system's Python. It is an RTSP server other
    /// than Pinhole's, with which clients are tested: see [`crate::server::GstServer`].
    GstServer,
    /// The program `tshark`, and the permission to make a network namespace in which it captures: see
    /// [`crate::network::in_own_network`].
    Tshark,
    /// The X server Xvfb, which has a screen in memory, the program `xdotool` to type and click, and
    /// ImageMagick's `import` to look at windows. See [`crate::display::Display`].
    Display,
    /// Pillow, a library for pictures, in the system's Python. It gives access to all options of libjpeg.
    /// [`crate::clip::Clip::corpus`] needs it.
    Pillow,
    /// PyAV, OpenCV, aiortsp and prometheus-client of PyPI, in the Python environment that `tests/python.sh` makes. PyAV and OpenCV are
    /// RTSP clients and decoders, each with an FFmpeg of its own, and OpenCV writes videos; aiortsp is an RTSP client
    /// that is written in Python; prometheus-client reads metrics. See [`python_environment`].
    PyPi,
    /// The permission to make network namespaces with names, and virtual Ethernet interfaces (TAP) in them:
    /// see [`crate::network::in_own_namespaces`].
    Namespaces,
    /// What the program `pinhole-sim qemu` needs to run the camera's firmware: the emulator QEMU, and a
    /// compiler for the board. See [`crate::firmware::Firmware`].
    Qemu,
    /// The permission to mount FUSE file systems in namespaces of the test's own: see
    /// [`crate::network::in_own_namespaces`].
    Fuse,
    /// The programs `cargo-deb` and `dpkg-deb`, which make and unpack Debian packages.
    Deb,
    /// The browser Chromium, without a window, which is driven from the system's Python. See
    /// [`crate::browser::screenshots`].
    Chromium,
    /// The program `curl`, an HTTP client.
    Curl,
    /// The programs `systemd-analyze`, which rates and checks units, and `systemd-socket-activate`, which opens
    /// sockets for a program. systemd itself need not run.
    Systemd,
    /// The program `openssl`, which makes certificates and is a client of TLS.
    Openssl,
    /// TLS for GStreamer, as a client and as a server: glib-networking.
    GioTls,
    /// The program `haproxy`, a load balancer.
    Haproxy,
    /// The system's Python, which gives programs a terminal.
    Python,
}

impl Peer {
    const COUNT: usize = 18;

    /// Returns the Debian packages to install.
    const fn packages(self) -> &'static str {
        match self {
            Self::Ffmpeg => "ffmpeg",
            Self::Gstreamer => "gstreamer1.0-tools gstreamer1.0-plugins-{base,good,bad} gstreamer1.0-x",
            Self::GstServer => "gstreamer1.0-rtsp gir1.2-gst-rtsp-server-1.0 python3-gi",
            Self::Tshark => "tshark ethtool iproute2 util-linux, and network namespaces",
            Self::Display => "xvfb xdotool imagemagick libx11-6 libxcursor1",
            Self::Pillow => "python3-pil",
            Self::PyPi => {
                "python3-venv, and PyAV, OpenCV, aiortsp and prometheus-client of PyPI: tests/python.sh"
            }
            Self::Qemu => "qemu-system-arm qemu-system-data util-linux lld rustc-web cargo-web rust-web-src",
            Self::Fuse => "mount util-linux, /dev/fuse, and namespaces in which FUSE can be mounted",
            Self::Deb => "dpkg, and cargo-deb: cargo install --locked cargo-deb",
            Self::Chromium => "chromium",
            Self::Curl => "curl",
            Self::Systemd => "systemd",
            Self::Openssl => "openssl",
            Self::GioTls => "glib-networking python3-gi",
            Self::Haproxy => "haproxy",
            Self::Python => "python3",
            Self::Namespaces => "iproute2 util-linux, and network namespaces with TAPs",
        }
    }

    fn works(self) -> bool {
        static FOUND: [OnceLock<bool>; Peer::COUNT] = [const { OnceLock::new() }; Peer::COUNT];
        let ok = |program: &str, args: &[&str]| {
            let mut command = Command::new(program);
            command.args(args);
            run(&mut command, Duration::from_secs(60)).is_ok_and(|done| done.status.success())
        };
        *FOUND[self as usize].get_or_init(|| match self {
            Self::Ffmpeg => ok("ffmpeg", &["-version"]) && ok("ffprobe", &["-version"]),
            Self::Gstreamer => ["rtspsrc", "rtpjpegdepay", "jpegdec", "jpegenc", "jpegparse", "checksumsink", "ximagesink"]
                .iter()
                .all(|element| ok("gst-inspect-1.0", &["--exists", element])),
            Self::GstServer => ok(
                PYTHON,
                &["-c", "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer"],
            ),
            Self::Tshark => ok(
                "unshare",
                &["--map-root-user", "--net", "sh", "-c", "ip link set lo up && ethtool -k lo && tshark -D"],
            ),
            Self::Display => {
                ok("Xvfb", &["-help"]) && ok("xdotool", &["--version"]) && ok("import", &["-version"])
            }
            Self::Pillow => ok(PYTHON, &["-c", "import PIL.Image"]),
            Self::PyPi => {
                let python = python_environment().display().to_string();
                ok(&python, &["-c", "import av, cv2, aiortsp.rtsp.session, prometheus_client"])
            }
            Self::Qemu => {
                let tool = |name: &str| repository().join("bins/firmware").join(name).display().to_string();
                ok("qemu-system-arm", &["--version"])
                    && ok("setpriv", &["--version"])
                    && ok(&tool("cargo.sh"), &["--version"])
                    && ok(&tool("tools/lld.sh"), &["--version"])
            }
            Self::Fuse => {
                let mount = "mount -i -t fuse none /run -o fd=3,rootmode=40000,user_id=0,group_id=0";
                let needed = format!("exec 3<>/dev/fuse && {mount}");
                ok("unshare", &["--map-root-user", "--net", "--mount", "sh", "-c", &needed])
            }
            Self::Chromium => ok("chromium", &["--version"]),
            Self::Curl => ok("curl", &["--version"]),
            Self::Systemd => {
                ok("systemd-analyze", &["--version"]) && ok("systemd-socket-activate", &["--version"])
            }
            Self::Openssl => ok("openssl", &["version"]),
            Self::Haproxy => ok("haproxy", &["-v"]),
            Self::Python => ok(PYTHON, &["-c", "import pty, termios"]),
            Self::GioTls => {
                let has_tls = "Gio.TlsBackend.get_default().supports_tls()";
                ok(PYTHON, &["-c", &format!("from gi.repository import Gio; assert {has_tls}")])
            }
            Self::Deb => ok("cargo", &["deb", "--version"]) && ok("dpkg-deb", &["--version"]),
            Self::Namespaces => {
                let needed = "mount -t tmpfs none /run && ip netns add a && ip tuntap add dev t mode tap";
                ok("unshare", &["--map-root-user", "--net", "--mount", "sh", "-c", needed])
            }
        })
    }
}

/// The path of the system's Python. Use it to run the tests' scripts: Debian's packages of Pillow and of the
/// bindings of GStreamer belong to this Python. The first Python in `PATH` may be another one, without these
/// packages.
pub const PYTHON: &str = "/usr/bin/python3";

/// Returns the path of the Python with the packages of [`Peer::PyPi`]. Use it to run the tests' scripts for these.
/// It is in the directory of the build, where `tests/python.sh` makes it.
///
/// # Panics
/// Panics if the running test is not in a directory of Cargo.
pub fn python_environment() -> PathBuf {
    // .../target/PROFILE/deps/test-HASH
    let test = std::env::current_exe().expect("the test's own path");
    test.ancestors().nth(3).expect("a profile lies in target/").join("python/bin/python")
}

/// Returns true if all of `peers` are installed and work. If this returns false, return from the test: the
/// test counts as passed. The first missing peer is named on standard error with the Debian packages that it
/// needs, even if the test runner captures output.
///
/// # Panics
/// Panics if a peer is missing and the environment variable `PINHOLE_PEERS` is set. That variable means that
/// no test may be skipped.
#[must_use = "a test without its peers is to return"]
pub fn available(peers: &[Peer]) -> bool {
    let Some(missing) = peers.iter().find(|peer| !peer.works()) else { return true };
    let needs = missing.packages();
    assert!(std::env::var_os("PINHOLE_PEERS").is_none(), "PINHOLE_PEERS is set, but this needs {needs}");
    let thread = std::thread::current();
    let _ = writeln!(std::io::stderr(), "{}: left out: needs {needs}", thread.name().unwrap_or("test"));
    false
}
