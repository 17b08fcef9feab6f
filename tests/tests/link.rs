//! `pinhole-sim link`: frames that cross it, and what it says where it cannot be had.
use pinhole_tests::network::{Link, Namespace, in_own_namespaces};
use pinhole_tests::peer::{Peer, available};
use pinhole_tests::process::{Finished, binary, run};
use serde_json::Value;
use std::net::UdpSocket;
use std::process::Command;
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(20);
const DATAGRAM: usize = 1000;
/// With the headers of UDP, IPv4 and Ethernet.
const FRAME: usize = DATAGRAM + 8 + 20 + 14;

/// Sends datagrams from the near end at an even pace; returns how many came to the far one, and in
/// which time. Each end knows the other's Ethernet address before.
fn send(link: &Link, count: usize, bits_a_second: u64) -> (usize, Duration) {
    let far = link.far.run(|| UdpSocket::bind((Link::FAR, 0))).unwrap();
    let near = link.near.run(|| UdpSocket::bind((Link::NEAR, 0))).unwrap();
    far.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    near.connect(far.local_addr().unwrap()).unwrap();
    let mut buffer = [0; DATAGRAM + 1];
    // ARP may be lost, too.
    let known = (0..50).any(|_| near.send(b"first").is_ok() && far.recv(&mut buffer).is_ok());
    assert!(known, "nothing comes at all");

    let receiving = std::thread::spawn(move || {
        let (mut came, mut first, mut last) = (0, None, Instant::now());
        far.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
        while let Ok(len) = far.recv(&mut buffer) {
            if len == DATAGRAM {
                (came, last) = (came + 1, Instant::now());
                first.get_or_insert(last);
            }
        }
        (came, first.map_or(Duration::ZERO, |first| last - first))
    });
    let start = Instant::now();
    for sent in 0..count {
        near.send(&[0; DATAGRAM]).unwrap();
        let due = Duration::from_secs_f64((sent * FRAME * 8) as f64 / bits_a_second as f64);
        std::thread::sleep(due.saturating_sub(start.elapsed()));
    }
    receiving.join().unwrap()
}

/// The counts of one direction, which are to add up.
#[track_caller]
fn counts(report: &Value, direction: &str) -> impl Fn(&str) -> u64 {
    let counts = report[direction].clone();
    let count = move |name: &str| counts[name].as_u64().unwrap_or_else(|| panic!("no {name} in {counts}"));
    let known = ["delivered", "lost", "overflowed", "in_flight"].map(&count).iter().sum::<u64>();
    assert_eq!(count("sent") + count("duplicated"), known, "{report}");
    assert_eq!(count("not_taken"), 0, "{report}");
    count
}

#[test]
fn a_link_without_faults_loses_nothing() {
    if !available(&[Peer::Namespaces]) {
        return;
    }
    in_own_namespaces("a_link_without_faults_loses_nothing", || {
        let link = Link::start(["near", "far"], &[]);
        // More than video in HD needs.
        let (came, _) = send(&link, 6_000, 40_000_000);
        let report = link.stop();
        let there = counts(&report, "a_to_b");
        assert_eq!(came, 6_000, "{report}");
        assert!(there("sent") >= 6_000 && there("sent") == there("delivered"), "{report}");
        let back = counts(&report, "b_to_a");
        assert!(back("sent") >= 1 && back("sent") == back("delivered"), "ARP is answered: {report}");
    });
}

#[test]
fn a_lossy_link_reports_its_losses() {
    if !available(&[Peer::Namespaces]) {
        return;
    }
    in_own_namespaces("a_lossy_link_reports_its_losses", || {
        let link = Link::start(["near", "far"], &["--loss", "10%", "--duplicate", "5%", "--seed", "7"]);
        let (came, _) = send(&link, 4_000, 20_000_000);
        let report = link.stop();
        let there = counts(&report, "a_to_b");
        assert_eq!(report["seed"].as_u64(), Some(7));
        assert!((320..=480).contains(&there("lost")), "{report}");
        assert!((130..=230).contains(&there("duplicated")), "{report}");
        // Besides, there were ARP and the first of all.
        assert!(there("delivered").abs_diff(came as u64) < 20, "{came} came: {report}");
    });
}

#[test]
fn a_slow_link_delivers_at_its_rate() {
    if !available(&[Peer::Namespaces]) {
        return;
    }
    in_own_namespaces("a_slow_link_delivers_at_its_rate", || {
        let options = ["--rate", "4Mbit", "--queue", "30ms", "--delay", "10ms"];
        let link = Link::start(["near", "far"], &options);
        let (came, time) = send(&link, 2_000, 8_000_000);
        let report = link.stop();
        let rate = ((came - 1) * FRAME * 8) as f64 / time.as_secs_f64();
        assert!((3.6e6..4.2e6).contains(&rate), "{rate} bits a second: {report}");
        assert!((800..1200).contains(&counts(&report, "a_to_b")("overflowed")), "{report}");
    });
}

#[test]
fn a_slow_link_that_pushes_back_loses_nothing() {
    if !available(&[Peer::Namespaces]) {
        return;
    }
    in_own_namespaces("a_slow_link_that_pushes_back_loses_nothing", || {
        let options = ["--rate", "4Mbit", "--queue", "30ms", "--push-back"];
        let link = Link::start(["near", "far"], &options);
        // What waits fits the interface's own queue.
        let (came, time) = send(&link, 600, 8_000_000);
        let report = link.stop();
        assert_eq!((came, counts(&report, "a_to_b")("overflowed")), (600, 0), "{report}");
        let rate = ((came - 1) * FRAME * 8) as f64 / time.as_secs_f64();
        assert!((3.6e6..4.2e6).contains(&rate), "{rate} bits a second: {report}");
    });
}

fn link(arguments: &[&str]) -> Finished {
    run(Command::new(binary("pinhole-sim")).arg("link").args(arguments), LIMIT).unwrap()
}

#[test]
fn wrong_usage_is_exit_code_2() {
    let cases: [(&[&str], &str); 10] = [
        (&["a"], "NAME[@NETNS]"),
        (&["an-interface-name", "b"], "1 to 15 bytes"),
        (&["a@", "b"], "network namespace"),
        (&["a=10.0.0.1", "b"], "10.0.0.1/24"),
        (&["a", "b", "--loss", "3"], "5% or 0.05"),
        (&["a", "b", "--delay", "20x"], "250ms"),
        (&["a", "b", "--queue", "20ms"], "--rate"),
        (&["a", "b", "--push-back"], "--rate"),
        (&["a", "b", "--burst", "3"], "--loss 3%"),
        (&["a", "b", "--loss", "90%", "--burst", "2"], "--burst is 9"),
    ];
    for (arguments, word) in cases {
        link(arguments).assert_says(2, &["error: ", word]);
    }
}

#[test]
fn an_impossible_link_says_why() {
    if !available(&[Peer::Namespaces]) {
        return;
    }
    in_own_namespaces("an_impossible_link_says_why", || {
        let mut powerless = Command::new("setpriv");
        powerless.args(["--bounding-set=-all", "--inh-caps=-all"]);
        let done = run(powerless.arg(binary("pinhole-sim")).args(["link", "va", "vb"]), LIMIT).unwrap();
        done.assert_says(1, &["va", "root", "ip tuntap add dev va mode tap"]);

        link(&["lo", "vb"]).assert_says(1, &["lo exists and is no TAP"]);
        let no_namespace = link(&["va@nowhere", "vb"]);
        no_namespace.assert_says(1, &["`ip link set va netns nowhere` failed", "ip netns add nowhere"]);

        let _running = Link::start(["near", "far"], &[]);
        let home = Command::new("ip").args(["tuntap", "add", "dev", "kept", "mode", "tap"]).status().unwrap();
        assert!(home.success());
        let busy = link(&["kept", "kept", "--duration", "1s"]);
        busy.assert_says(1, &["kept is used by another program"]);
        // It can be had again, and outlives the link, as it was there before.
        link(&["kept=10.9.0.1/24", "va", "--duration", "1s"]).assert_says(0, &["kept and va are joined"]);
        link(&["kept=10.9.0.1/24", "va", "--duration", "1s"]).assert_says(0, &["kept and va are joined"]);
    });
}

#[test]
fn a_lost_interface_ends_the_link() {
    if !available(&[Peer::Namespaces]) {
        return;
    }
    in_own_namespaces("a_lost_interface_ends_the_link", || {
        let there = Namespace::new("there");
        let mut command = Command::new(binary("pinhole-sim"));
        let link = pinhole_tests::process::Running::start(command.args(["link", "va@there", "vb"]));
        link.wait_stderr(LIMIT, |lines| lines.iter().any(|line| line.contains("joined")).then_some(()));
        assert!(there.command("ip").args(["link", "delete", "va"]).status().unwrap().success());
        link.finish(LIMIT).assert_says(1, &["va is gone"]);
    });
}
