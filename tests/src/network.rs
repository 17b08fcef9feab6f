//! Networks for one test each. These networks do not touch the networks of the machine, and nothing of them
//! is left after the test.
use crate::process::{Running, binary, run};
use nix::sched::{CloneFlags, setns};
use serde_json::Value;
use std::ffi::OsStr;
use std::fs::File;
use std::process::Command;
use std::thread;
use std::time::Duration;

/// How long a test in a network of its own may take.
const LIMIT: Duration = Duration::from_secs(300);
/// How long a link may take to start: it runs `ip` a few times.
const STARTS: Duration = Duration::from_secs(20);
const STOPS: Duration = Duration::from_secs(10);

/// The environment variable that is set in a process with a network of its own.
const OWN_NETWORK: &str = "PINHOLE_OWN_NETWORK";

/// Runs `body` in a network namespace of its own, whose loopback interface takes one datagram at a time. On
/// the machine's own loopback interface, a capture would show a batch of datagrams as one packet, and tshark
/// could not dissect it.
///
/// To run `body` in the namespace, this function starts the program of the running test again as a second
/// process, in the namespace and with only the test `test`, and waits until the second process has ended.
/// Only the second process runs `body`. Whatever the test does before this call is done in both processes.
/// `test` is the test's name as the test runner prints it, with its modules.
///
/// First check with [`crate::peer::available`] for [`crate::peer::Peer::Tshark`].
///
/// # Panics
/// Panics if the test fails in the second process or takes more than five minutes, or if there is no test of
/// this name.
pub fn in_own_network(test: &str, body: impl FnOnce()) {
    apart(test, &["--net"], "ip link set lo up && ethtool -K lo tx-udp-segmentation off", body);
}

/// Runs `body` in a process that may make [`Namespace`]s. Only this test sees the names of these namespaces,
/// and the namespaces vanish with the test.
///
/// For this, the function starts the program of the running test again as a second process, in namespaces of
/// its own and with only the test `test`, and waits until the second process has ended. Only the second
/// process runs `body`. Whatever the test does before this call is done in both processes. `test` is the
/// test's name as the test runner prints it, with its modules.
///
/// First check with [`crate::peer::available`] for [`crate::peer::Peer::Namespaces`].
///
/// # Panics
/// Panics if the test fails in the second process or takes more than five minutes, or if there is no test of
/// this name.
pub fn in_own_namespaces(test: &str, body: impl FnOnce()) {
    apart(test, &["--net", "--mount"], "mount -t tmpfs none /run && ip link set lo up", body);
}

fn apart(test: &str, namespaces: &[&str], setup: &str, body: impl FnOnce()) {
    if std::env::var_os(OWN_NETWORK).is_some() {
        return body();
    }
    let setup = format!("{setup} && exec \"$@\"");
    let mut command = Command::new("unshare");
    command.arg("--map-root-user").args(namespaces).args(["sh", "-c", &setup, "sh"]);
    command.arg(std::env::current_exe().expect("this test is a program")).args([
        "--exact",
        test,
        "--nocapture",
    ]);
    let done = run(command.env(OWN_NETWORK, "1"), LIMIT).expect("unshare runs");
    assert!(done.status.success(), "{test} in its own network:\n{}\n{}", done.stdout, done.stderr);
    assert!(done.stdout.contains("1 passed"), "{test} did not run:\n{}", done.stdout);
    // What it measured, for who asks by --nocapture.
    print!("{}", done.stdout);
}

/// A network namespace, in which programs and sockets of a test can run. When this is dropped, the name of
/// the namespace is removed. If programs still run in the namespace, the namespace itself stays until they
/// end. IPv6 is off in the namespace, so that no host sends anything unasked.
#[derive(Debug)]
pub struct Namespace(&'static str);

impl Namespace {
    /// Makes a namespace of this name, in which the loopback interface is up. Call this only within
    /// [`in_own_namespaces`]. Elsewhere this fails, or, if the test runs as root, makes a namespace of the
    /// machine itself.
    ///
    /// # Panics
    /// Panics if the namespace cannot be made, or if there is a namespace of this name already.
    pub fn new(name: &'static str) -> Self {
        let namespace = Self(name);
        let ip = run(Command::new("ip").args(["netns", "add", name]), STARTS).expect("ip runs");
        assert!(ip.status.success(), "{}", ip.stderr);
        let setup = "ip link set lo up; for i in all default; do echo 1 >/proc/sys/net/ipv6/conf/$i/disable_ipv6; done";
        let done = run(namespace.command("sh").args(["-c", setup]), STARTS).expect("nsenter runs");
        assert!(done.status.success(), "{}", done.stderr);
        namespace
    }

    /// Returns a command that will run `program` in the namespace. Add arguments to the command, and start
    /// it while this [`Namespace`] is alive.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/run/netns/{}", self.0)).arg("--").arg(program);
        command
    }

    /// Runs `body` in the namespace, on a thread of its own, and waits until `body` returns. Returns the
    /// result of `body`. Sockets that `body` makes stay in the namespace, even if `body` returns them and the
    /// test uses them outside of the namespace.
    ///
    /// # Panics
    /// Panics if `body` panics, or if the namespace cannot be entered.
    pub fn run<T: Send>(&self, body: impl FnOnce() -> T + Send) -> T {
        let file = File::open(format!("/run/netns/{}", self.0)).expect("the namespace is there");
        let enter = move || {
            setns(file, CloneFlags::CLONE_NEWNET).expect("the namespace can be entered");
            body()
        };
        thread::scope(|scope| scope.spawn(enter).join().expect("nothing fails in the namespace"))
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // Fails where the test's own setup is gone, and then nothing is left to do.
        let _ = Command::new("ip").args(["netns", "delete", self.0]).status();
    }
}

/// Two namespaces, and a running `pinhole-sim link` that connects them. This program of the repository passes
/// Ethernet frames from one namespace to the other, and can lose, delay and spoil frames. When this value is
/// dropped, the program is killed, and both namespaces are removed. To get the program's report, call
/// [`Self::stop`].
#[derive(Debug)]
pub struct Link {
    process: Running,
    /// The first of the two namespaces: its interface has the address [`Self::NEAR`]. The two ends of the
    /// link differ only in name and address.
    pub near: Namespace,
    /// The second of the two namespaces: its interface has the address [`Self::FAR`]. The two ends of the
    /// link differ only in name and address.
    pub far: Namespace,
}

impl Link {
    /// The IPv4 address of the link's interface in [`Self::near`]. The prefix has 24 bits.
    pub const NEAR: &str = "10.0.0.1";
    /// The IPv4 address of the link's interface in [`Self::far`]. The prefix has 24 bits.
    pub const FAR: &str = "10.0.0.2";

    /// Makes two namespaces, and joins them by the program `pinhole-sim link`. Call this only within
    /// [`in_own_namespaces`].
    ///
    /// `names` are the names of [`Self::near`] and [`Self::far`], and also of their interfaces. Linux allows
    /// up to 15 bytes for each. `options` are command-line options of `pinhole-sim link`, such as `--loss`,
    /// `3%`. If `options` is empty, the link carries every Ethernet frame.
    ///
    /// # Panics
    /// Panics if the link is not ready within 20 seconds, for example because an option is wrong.
    pub fn start(names: [&'static str; 2], options: &[&str]) -> Self {
        let [near, far] = names.map(Namespace::new);
        let ends = [
            format!("{}@{}={}/24", near.0, near.0, Self::NEAR),
            format!("{}@{}={}/24", far.0, far.0, Self::FAR),
        ];
        let mut command = Command::new(binary("pinhole-sim"));
        let process = Running::start(command.arg("link").args(ends).arg("--json").args(options));
        let joined = |lines: &[String]| lines.iter().any(|line| line.contains("are joined")).then_some(());
        process.wait_stderr(STARTS, joined);
        Self { process, near, far }
    }

    /// Stops the program by SIGTERM, and waits for its end. Returns the program's report: one JSON object,
    /// with the counts of sent, delivered and lost Ethernet frames since the start of the link, from near to
    /// far in `a_to_b`, and from far to near in `b_to_a`.
    ///
    /// # Panics
    /// Panics if the program does not end within ten seconds, or ends with an error, or if its last line is
    /// no JSON.
    pub fn stop(self) -> Value {
        self.process.signal("TERM");
        let done = self.process.finish(STOPS);
        assert_eq!(done.status.code(), Some(0), "{done:?}");
        let last = done.stdout.lines().last().unwrap_or_default();
        serde_json::from_str(last).unwrap_or_else(|error| panic!("{error}: {last}"))
    }
}
