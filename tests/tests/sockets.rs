//! The sockets of a server: their number has a limit, and their addresses an interface.
use pinhole_tests::clip::{Clip, TempDir};
use pinhole_tests::dialogue::{Dialogue, UdpPair, datagram};
use pinhole_tests::network::{Namespace, in_own_namespaces};
use pinhole_tests::peer::{Peer, available};
use pinhole_tests::process::{binary, poll, run};
use pinhole_tests::server::Server;
use pinhole_tests::viewer;
use std::net::{IpAddr, SocketAddr};
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(30);
const DESCRIPTORS: usize = 256;
const VIEWERS: usize = 60;
const ATTACKERS: usize = 500;
/// How many attackers there are at once.
const CROWD: usize = 100;

/// A viewer that plays over UDP or in the RTSP connection.
struct Playing {
    dialogue: Dialogue,
    pair: Option<UdpPair>,
}

impl Playing {
    fn start(server: &Server, url: &str, by_udp: bool) -> Self {
        let mut dialogue = Dialogue::connect(server.address());
        let pair = by_udp.then(UdpPair::bind);
        match &pair {
            Some(pair) => dialogue.set_up(url, &pair.transport()),
            None => dialogue.set_up_tcp(url),
        };
        dialogue.request("PLAY", url, &[]).ok();
        Self { dialogue, pair }
    }

    /// Returns whether media come. What has come before is dropped. Shows the server that the viewer is there.
    fn is_served(&mut self, url: &str) -> bool {
        self.dialogue.request("GET_PARAMETER", url, &[]).ok();
        match &self.pair {
            Some(pair) => {
                pair.rtp.set_nonblocking(true).unwrap();
                while pair.rtp.recv(&mut [0; 2048]).is_ok() {}
                pair.rtp.set_nonblocking(false).unwrap();
                datagram(&pair.rtp, LIMIT).is_some()
            }
            None => {
                while self.dialogue.interleaved(Duration::ZERO).is_some() {}
                self.dialogue.interleaved(LIMIT).is_some()
            }
        }
    }
}

/// Comes from one of many addresses, sets up as much as it can by UDP, and never sends a packet.
fn attack(number: usize, to: SocketAddr, url: &str) -> Dialogue {
    let from = IpAddr::from([127, 0, 1, 1 + (number % 50) as u8]);
    let mut attacker = Dialogue::connect_from(from, to);
    for session in 0..4 {
        let port = 20_000 + 8 * number + 2 * session;
        let transport = format!("Transport: RTP/AVP;unicast;client_port={port}-{}", port + 1);
        let request = format!("SETUP {url}/track0 RTSP/1.0\r\nCSeq: {session}\r\n{transport}\r\n\r\n");
        attacker.send(request.as_bytes());
        // A session that plays is not replaced by the next one. Others are refused, or closed.
        let Some(reply) = attacker.try_reply(LIMIT) else { break };
        let Some(id) = reply.header("Session").and_then(|session| session.split(';').next()) else { break };
        let range = "Range: npt=0-0.001";
        let request = format!("PLAY {url} RTSP/1.0\r\nCSeq: 9\r\nSession: {id}\r\n{range}\r\n\r\n");
        attacker.send(request.as_bytes());
        attacker.try_reply(LIMIT);
    }
    attacker
}

fn descriptors(server: &Server) -> usize {
    std::fs::read_dir(format!("/proc/{}/fd", server.id())).expect("Linux lists them").count()
}

#[test]
fn attackers_leave_the_descriptors_to_viewers() {
    if !cfg!(target_os = "linux") {
        eprintln!("left out: only Linux has all of 127.0.0.0/8");
        return;
    }
    let clip = Clip::sample();
    let server = Server::with_descriptors(DESCRIPTORS, &["--loop", "--threads", "2"], &[&clip.path]);
    let limits = server.wait_events("limits", 1, LIMIT).remove(0);
    assert!(limits["connections"].as_u64().is_some_and(|n| (120..240).contains(&n)), "{limits}");
    let url = server.url(clip.mount());
    let view = || (0..VIEWERS).map(|n| Playing::start(&server, &url, n % 2 == 0)).collect::<Vec<_>>();
    let at_first = descriptors(&server);

    let mut viewers = view();
    let mut crowd = std::collections::VecDeque::new();
    for number in 0..ATTACKERS {
        crowd.push_back(attack(number, server.address(), &url));
        if crowd.len() > CROWD {
            crowd.pop_front();
        }
        if number % 100 == 99 {
            assert!(viewers.iter_mut().all(|viewer| viewer.is_served(&url)), "after {number} attackers");
            assert!(descriptors(&server) < DESCRIPTORS);
        }
    }
    drop(crowd);
    assert!(viewers.iter_mut().all(|viewer| viewer.is_served(&url)));
    drop(viewers);
    poll(LIMIT, || (descriptors(&server) <= at_first).then_some(())).expect("all descriptors come back");
    assert!(view().iter_mut().all(|viewer| viewer.is_served(&url)));
    assert_eq!(server.stop("TERM").status.code(), Some(0));
}

/// Whoever can put files into a directory cannot take the descriptors from the network.
#[test]
fn files_leave_the_descriptors_to_viewers() {
    if !cfg!(target_os = "linux") {
        eprintln!("left out: the number of descriptors is that of Linux");
        return;
    }
    let directory = TempDir::new();
    let clip = std::fs::read(Clip::sample().path).expect("the sample is read");
    let second =
        clip.windows(3).skip(1).position(|bytes| bytes == [0xFF, 0xD8, 0xFF]).expect("a second frame");
    for n in 0..2 * DESCRIPTORS {
        directory.file(&format!("{n:04}.mjpeg"), &clip[..=second]);
    }
    let options = ["--loop", "--threads", "2", "--cache", "64KiB"];
    let server = Server::with_descriptors(DESCRIPTORS, &options, &[directory.path()]);
    let urls: Vec<_> = (0..VIEWERS)
        .map(|n| {
            let mount = format!("{:04}", n * (2 * DESCRIPTORS - 1) / (VIEWERS - 1));
            server.url(&mount)
        })
        .collect();
    let mut viewers: Vec<_> =
        urls.iter().enumerate().map(|(n, url)| Playing::start(&server, url, n % 2 == 0)).collect();
    for (viewer, url) in viewers.iter_mut().zip(&urls) {
        assert!(viewer.is_served(url), "{url}");
    }
    drop(viewers);
    assert_eq!(server.stop("TERM").status.code(), Some(0));
}

/// Link-local addresses are those of many networks at home without a router that knows IPv6.
#[test]
fn link_local_addresses_are_known_by_their_interface() {
    if !available(&[Peer::Namespaces]) {
        return;
    }
    in_own_namespaces("link_local_addresses_are_known_by_their_interface", || {
        let [near, far] = ["near", "far"].map(Namespace::new);
        let ip = |namespace: &Namespace, arguments: &str| {
            let mut command = namespace.command("ip");
            let done = run(command.args(arguments.split(' ')), LIMIT).expect("ip runs");
            assert!(done.status.success(), "ip {arguments}: {}", done.stderr);
        };
        ip(&near, "link add veth0 type veth peer name veth1 netns far");
        for (namespace, interface, address) in [(&near, "veth0", "fe80::1"), (&far, "veth1", "fe80::2")] {
            let on = format!("echo 0 >/proc/sys/net/ipv6/conf/{interface}/disable_ipv6");
            let done = run(namespace.command("sh").args(["-c", &on]), LIMIT).expect("sh runs");
            assert!(done.status.success(), "{}", done.stderr);
            ip(namespace, &format!("address add {address}/64 dev {interface} nodad"));
            ip(namespace, &format!("link set {interface} up"));
        }
        // By which a machine reaches its own addresses.
        let on = "echo 0 >/proc/sys/net/ipv6/conf/lo/disable_ipv6";
        let done = run(near.command("sh").args(["-c", on]), LIMIT).expect("sh runs");
        assert!(done.status.success(), "{}", done.stderr);
        ip(&near, "link set lo up");
        let watch = |namespace: &Namespace, transport: &str, url: &str, frames| {
            let mut command: Command = namespace.command(binary("pinhole-viewer"));
            command.args(["--headless", "--json", "--transport", transport, url]);
            let done = run(&mut command, Duration::from_secs(60)).expect("the viewer runs");
            viewer::report(&done).assert_whole(frames);
        };
        let clip = Clip::sample();
        for listen in ["[::]:0", "[fe80::1%veth0]:0"] {
            let server = Server::within(&near, listen, &[], &[&clip.path]);
            let url = format!("rtsp://[fe80::1%25veth1]:{}/{}", server.address().port(), clip.mount());
            for transport in ["udp", "tcp"] {
                watch(&far, transport, &url, clip.frames);
            }
            // On the server's own machine, the URL is of use as it is printed.
            let printed = server.wait_events("serving", 1, LIMIT)[0]["url"].as_str().unwrap().to_owned();
            assert_eq!(printed.contains("[fe80::1%25veth0]:"), listen.contains("veth0"), "{printed}");
            if printed.contains("fe80") {
                watch(&near, "tcp", &printed, clip.frames);
            }
        }
    });
}
