//! The firmware of a camera, in an emulator: what clients see of it, and what it survives.
use pinhole_tests::clip::{Clip, TempDir};
use pinhole_tests::dialogue::Dialogue;
use pinhole_tests::firmware::{Account, Firmware};
use pinhole_tests::hostile::{FALSE_REPORTS, bad_requests, narrow, noise, odd_requests, vanished};
use pinhole_tests::network::in_own_network;
use pinhole_tests::peer::{Peer, available};
use pinhole_tests::process::{Running, binary, poll, run};
use pinhole_tests::stranger::Strangers;
use pinhole_tests::viewer::{self, Report};
use pinhole_tests::watch::{self, Hashes};
use pinhole_tests::{Transport, undisturbed};
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream, UdpSocket};
use std::ops::Range;
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(30);
/// A session's timeout, and half as much again.
const SESSION_GONE: Duration = Duration::from_secs(75);
const SIZE: (u32, u32) = (512, 288);
/// What `bins/firmware/size.sh` counts for the stack.
const STACK: usize = 8 * 1024;
/// How many of the clip's pictures are in the flash, and how many it shows a second.
const PICTURES: usize = 30;
const RATE: u64 = 30;

/// Runs a test with the firmware, in a network of its own.
fn with_firmware(test: &str, body: impl FnOnce(Firmware)) {
    with_firmware_for(test, None, body);
}

/// Runs a test with the firmware of a camera that one user may watch, or everybody.
fn with_firmware_for(test: &str, account: Option<Account<'_>>, body: impl FnOnce(Firmware)) {
    if !available(&[Peer::Ffmpeg, Peer::Tshark, Peer::Namespaces, Peer::Qemu]) {
        return;
    }
    let _turn = undisturbed();
    Firmware::build_for(account);
    in_own_network(test, || body(Firmware::start_for(account)));
}

fn ip(arguments: &[&str]) -> bool {
    run(Command::new("ip").args(arguments), LIMIT).expect("ip runs").status.success()
}

#[track_caller]
fn assert_whole(report: &Report, at_least: u64) {
    let bad = ["frames_damaged", "frames_missing", "packets_lost"].map(|name| report.number(name));
    assert_eq!(bad, [0; 3], "{report:?}");
    assert!(report.number("frames_complete") >= at_least, "{report:?}");
}

/// The viewer, watching the clip for as long as it is wanted.
struct Watcher {
    transport: Transport,
    /// What the firmware calls it: its port.
    name: String,
    viewer: Running,
    directory: TempDir,
    since: Instant,
}

impl Watcher {
    /// Until the first frames have come.
    fn start(transport: Transport, firmware: &Firmware) -> Self {
        let directory = TempDir::new();
        let file = Self::file(&directory);
        let options = ["--record", file.to_str().expect("a path in UTF-8")];
        let opened = firmware.log().iter().filter(|line| line.contains("opened 0")).count();
        let viewer = viewer::start_with(&Firmware::url("clip"), transport, &options);
        let told = firmware.wait_log("opened 0", opened + 1, LIMIT);
        let name = told.split(' ').find(|word| word.ends_with(':')).expect("a port").to_owned();
        Self { transport, name, viewer, directory, since: Instant::now() }
    }

    fn file(directory: &TempDir) -> PathBuf {
        directory.path().join("seen.mjpeg")
    }

    /// Ends it: it was there all the time, and saw each frame with its very pixels.
    #[track_caller]
    fn stop(self, firmware: &Firmware) -> Report {
        let seconds = self.since.elapsed().as_secs();
        self.viewer.signal("INT");
        let report = viewer::report(&self.viewer.finish(LIMIT));
        // On a busy machine the emulator's clock is behind, and with it the camera's.
        assert_whole(&report, seconds.saturating_sub(1) * RATE * 9 / 10);
        let seen = watch::ffmpeg_file(&Self::file(&self.directory));
        assert_eq!(seen.len() as u64, report.number("frames_complete"), "{report:?}");
        watch::assert_consecutive(&seen, &pictures(), &format!("the viewer by {}", self.transport));
        // Where all pictures of the flash are left out, those that are seen are consecutive.
        let skipped =
            firmware.log().into_iter().find(|line| line.contains(&self.name) && line.ends_with("skipped"));
        assert_eq!(skipped, None, "{firmware}");
        report
    }
}

/// The pictures in the flash.
fn pictures() -> Hashes {
    let mut file = watch::ffmpeg_file(&Clip::sample().plain);
    file.truncate(PICTURES);
    file
}

/// `docs/firmware.md` has it as the command that shows what the camera does.
#[test]
fn four_clients_see_every_frame() {
    with_firmware("four_clients_see_every_frame", |mut firmware| {
        let (url, file) = (Firmware::url("clip"), pictures());
        // Behind the first ten seconds, which end with the clock's wrap.
        let frames = 60 * RATE as usize;
        let watchers = Transport::ALL.map(|transport| Watcher::start(transport, &firmware));
        println!("client by      frames  damaged  missing  packets lost");
        thread::scope(|scope| {
            let clients = Transport::ALL.map(|transport| {
                let url = &url;
                (transport, scope.spawn(move || watch::ffmpeg_start(url, transport, frames)))
            });
            for (transport, client) in clients {
                let (size, seen) = client.join().expect("ffmpeg ends");
                assert_eq!(size, SIZE);
                watch::assert_consecutive(&seen, &file, &format!("ffmpeg by {transport}"));
                println!("ffmpeg {transport}     {:6}  each as in the file", seen.len());
            }
        });
        for watcher in watchers {
            let transport = watcher.transport;
            let report = watcher.stop(&firmware);
            let [whole, damaged, missing, lost] =
                ["frames_complete", "frames_damaged", "frames_missing", "packets_lost"]
                    .map(|name| report.number(name));
            println!("viewer {transport}     {whole:6}  {damaged:7}  {missing:7}  {lost:12}");
            assert!(whole >= frames as u64, "{report:?}");
        }
        assert_stack(&mut firmware);
        let done = firmware.stop("INT");
        assert_eq!(done.status.code(), Some(0), "{done:?}");
        assert!(!done.stdout.contains("skipped"), "{done:?}");
        assert!(!ip(&["link", "show", Firmware::TAP]), "the interface is left behind");
    });
}

/// Checks that the stack has not taken more than it may.
#[track_caller]
fn assert_stack(firmware: &mut Firmware) {
    firmware.command("stack");
    let told = firmware.wait_log("stack: ", 1, LIMIT);
    let used = told.split("stack: ").nth(1).and_then(|told| told.split(' ').next()?.parse::<usize>().ok());
    assert!(used.is_some_and(|used| (1_000..=STACK).contains(&used)), "{told}");
}

#[test]
fn only_the_user_watches() {
    let account = ("anna b", "p:w@/%");
    with_firmware_for("only_the_user_watches", Some(account), |mut firmware| {
        firmware.wait_log("anna b may watch", 1, LIMIT);
        let url = Firmware::url("clip");
        assert_eq!(connect().request("DESCRIBE", &url, &[]).status, 401);
        let as_user = |password: &str| url.replacen("rtsp://", &format!("rtsp://anna%20b:{password}@"), 1);
        let right = as_user("p%3Aw%40%2F%25");
        for transport in Transport::ALL {
            let (size, seen) = watch::ffmpeg_start(&right, transport, 60);
            assert_eq!(size, SIZE);
            watch::assert_consecutive(&seen, &pictures(), &format!("ffmpeg by {transport}"));
            let report = viewer::watch(&right, transport, &["--duration", "3"]);
            assert_whole(&report, 45);
        }
        let probe = |url: &str| {
            let mut ffprobe = Command::new("ffprobe");
            run(ffprobe.args(["-v", "error", "-rtsp_transport", "tcp", url]), LIMIT).expect("ffprobe runs")
        };
        let wrong = probe(&as_user("guess"));
        assert!(!wrong.status.success() && wrong.stderr.contains("401"), "{wrong:?}");
        firmware.wait_log("wrong name or password", 1, LIMIT);
        // Who has guessed once waits for a second.
        let right_again = poll(LIMIT, || probe(&right).status.success().then_some(()));
        assert!(right_again.is_some(), "{firmware}");
        assert_stack(&mut firmware);
    });
}

/// The number that the last row of the pattern shows, in sixteen squares.
fn number_in(picture: &[u8]) -> u16 {
    const WIDTH: usize = 256;
    let row = &picture[(192 - 8) * WIDTH * 3..][..WIDTH * 3];
    (0..16).fold(0, |number, column| number << 1 | u16::from(row[(column * 16 + 8) * 3] > 128))
}

#[test]
fn the_pattern_counts_its_frames() {
    with_firmware("the_pattern_counts_its_frames", |_firmware| {
        let directory = TempDir::new();
        for transport in Transport::ALL {
            let file = directory.path().join(format!("{transport}.mjpeg"));
            let options = ["--duration", "4", "--record", file.to_str().expect("a path in UTF-8")];
            let report = viewer::watch(&Firmware::url("pattern"), transport, &options);
            assert_whole(&report, 90);
            let pixels = watch::pixels(&file);
            let numbers: Vec<_> = pixels.chunks_exact(256 * 192 * 3).map(number_in).collect();
            assert_eq!(numbers.len() as u64, report.number("frames_complete"), "{transport}: {numbers:?}");
            assert!(numbers.windows(2).all(|two| two[1] == two[0] + 1), "{transport}: {numbers:?}");
        }
    });
}

const SERVER: SocketAddr = SocketAddr::V4(Firmware::SERVER);

/// Connects, when a socket of the few is free again.
fn connect() -> Dialogue {
    let stream = poll(LIMIT, || TcpStream::connect_timeout(&SERVER, Duration::from_secs(2)).ok());
    Dialogue::over(stream.expect("a socket is free in time"))
}

/// Whether all sockets are in use, so that a client is turned away.
fn is_full() -> bool {
    let connected = TcpStream::connect_timeout(&SERVER, Duration::from_secs(2));
    connected.is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
}

/// Datagrams to both ports: such as look like RTCP, and such as do not.
fn spill(seconds: u64) {
    let socket = UdpSocket::bind("0.0.0.0:0").expect("a free port");
    let garbage: [&[u8]; 6] = [
        b"",
        b"\x80",
        // A report that is longer than it is; one of another session; a BYE of it; half a header.
        b"\x81\xc9\xff\xff\x00\x00\x00\x01",
        b"\x81\xc9\x00\x07\x00\x00\x00\x01\x00\x00\x00\x02\xff\xff\xff\xff\x00\x00\x00\x00\x00\x00\x00\x00",
        b"\x81\xcb\x00\x01\x00\x00\x00\x02",
        &[0xFF; 1400],
    ];
    let end = Instant::now() + Duration::from_secs(seconds);
    while Instant::now() < end {
        for (bytes, port) in garbage.iter().zip(Firmware::UDP.into_iter().cycle()) {
            // The queue of the interface may be full.
            let _ = socket.send_to(bytes, (*Firmware::SERVER.ip(), port));
        }
        // Some thousands a second.
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn hostile_clients_disturb_nobody() {
    with_firmware("hostile_clients_disturb_nobody", |firmware| {
        let [clip, none] = ["clip", "none"].map(Firmware::url);
        let watcher = Watcher::start(Transport::Udp, &firmware);
        for (request, statuses) in bad_requests(&clip, &none) {
            let mut dialogue = connect();
            dialogue.send(request.as_bytes());
            let status = dialogue.reply().status;
            assert!(statuses.contains(&status), "{status} instead of {statuses:?} for {request:.80}");
        }
        for noise in noise() {
            connect().send(&noise);
        }
        let mut odd = connect();
        odd_requests(&clip).as_bytes().iter().for_each(|byte| odd.send(&[*byte]));
        for cseq in ["1", "2", "3", "4"] {
            assert_eq!(odd.reply().ok().header("CSeq"), Some(cseq));
        }
        drop(odd);

        let mut rubbish = connect();
        rubbish.set_up_tcp(&clip);
        rubbish.request("PLAY", &clip, &[]).ok();
        rubbish.send(FALSE_REPORTS);
        spill(3);
        // Who says nothing, and who says half of something, until there is no socket left.
        let mut silent = [connect(), connect()];
        silent[1].send(b"OPTIONS * RTSP/1.0\r\nCSe");
        assert!(is_full(), "there are more than four");
        assert!(rubbish.interleaved(LIMIT).is_some(), "its own session goes on, too");
        drop((silent, rubbish));

        // Whose host answers with errors, and who takes nothing.
        let bad_receivers = (vanished(connect(), &clip), narrow(connect(), &clip));
        firmware.wait_log("opened 0", 4, LIMIT);
        thread::sleep(Duration::from_secs(5));
        drop(bad_receivers);
        watcher.stop(&firmware);
        let done = firmware.stop("TERM");
        assert!(!done.stdout.contains("panic") && !done.stdout.contains("restarts: 1"), "{done:?}");
    });
}

/// Has these hosts begin connections, at some thousands a second. `known`: the firmware finds them, and
/// they do not answer.
fn flood(hosts: Range<u8>, known: bool, seconds: u64) {
    let strangers = Strangers::on(Firmware::TAP, Firmware::SERVER, Firmware::MAC);
    if known {
        hosts.clone().for_each(|number| strangers.introduce(host(number)));
    }
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut from = hosts.cycle().map(host).zip((1024..=u16::MAX).cycle());
    while Instant::now() < end {
        for (host, port) in from.by_ref().take(4) {
            strangers.half_open(SocketAddrV4::new(host, port));
        }
        thread::sleep(Duration::from_millis(1));
    }
}

/// A host on the network of the TAP.
fn host(number: u8) -> Ipv4Addr {
    let [a, b, c, _] = Firmware::SERVER.ip().octets();
    Ipv4Addr::new(a, b, c, number)
}

#[test]
fn half_open_connections_disturb_nobody() {
    with_firmware("half_open_connections_disturb_nobody", |firmware| {
        let url = Firmware::url("clip");
        let watchers = Transport::ALL.map(|transport| Watcher::start(transport, &firmware));
        for (hosts, known) in [(100..250, false), (10..14, true)] {
            thread::scope(|scope| {
                // Longer than the three seconds that one of them has.
                let flood = scope.spawn(|| flood(hosts, known, 5));
                let kept_out = poll(LIMIT, || is_full().then_some(()));
                assert!(kept_out.is_some() && !flood.is_finished(), "they had no sockets: {known}");
            });
            let since = Instant::now();
            let clients = [connect(), connect()];
            let waited = since.elapsed();
            println!("let in again after {:.1} s; known hosts: {known}", waited.as_secs_f64());
            assert!(waited < Duration::from_secs(10), "let in after {waited:?}");
            for mut client in clients {
                client.request("DESCRIBE", &url, &[]).ok();
            }
        }
        watchers.into_iter().for_each(|watcher| _ = watcher.stop(&firmware));
    });
}

/// Adds addresses of the machine's end of the TAP, or takes them away.
fn change_addresses(change: &str, hosts: &[Ipv4Addr]) {
    for host in hosts {
        assert!(ip(&["address", change, &format!("{host}/24"), "dev", Firmware::TAP]), "{change} {host}");
    }
}

/// Their addresses are taken away: nothing comes from them any more, no farewell either, and nobody answers
/// for them.
#[test]
fn vanished_hosts_cost_no_frame() {
    with_firmware("vanished_hosts_cost_no_frame", |firmware| {
        // Or the machine would look for them, and say that they are not to be found.
        std::fs::write("/proc/sys/net/ipv4/ip_forward", "0").expect("a network of the test's own");
        let url = Firmware::url("clip");
        let watcher = Watcher::start(Transport::Udp, &firmware);
        let hosts = [20, 21, 22].map(host);
        let [by_tcp, by_udp @ ..] = hosts;
        change_addresses("add", &hosts);
        let mut clients = hosts.map(|host| Dialogue::connect_from(host.into(), SERVER));
        for (client, host) in clients.iter_mut().zip(hosts) {
            let udp = "RTP/AVP;unicast;client_port=5000-5001";
            client.set_up(&url, if host == by_tcp { "RTP/AVP/TCP;unicast" } else { udp });
            client.request("PLAY", &url, &[]).ok();
        }
        assert!(clients[0].interleaved(LIMIT).is_some());
        thread::sleep(Duration::from_secs(1));
        for host in by_udp {
            // The last that is heard of it, as of most clients.
            let report = b"\x80\xc9\x00\x01\x00\x00\x00\x02";
            let socket = UdpSocket::bind((host, 5001)).expect("an address of the machine's");
            socket.send_to(report, (*Firmware::SERVER.ip(), Firmware::UDP[1])).expect("a way to it");
            thread::sleep(Duration::from_millis(250));
        }
        change_addresses("delete", &hosts);
        let since = Instant::now();
        assert!(is_full());

        firmware.wait_log("closed, Timeout", 3, SESSION_GONE);
        let clients = [connect(), connect(), connect()];
        println!("three are let in again after {:.1} s", since.elapsed().as_secs_f64());
        for mut client in clients {
            client.request("DESCRIBE", &url, &[]).ok();
        }
        watcher.stop(&firmware);
    });
}

#[test]
fn a_pulled_cable_and_a_hang_are_survived() {
    with_firmware("a_pulled_cable_and_a_hang_are_survived", |mut firmware| {
        let url = Firmware::url("clip");
        let viewer = viewer::start_with(&url, Transport::Udp, &["--duration", "40"]);
        firmware.wait_log("opened 0", 1, LIMIT);
        thread::sleep(Duration::from_secs(4));
        assert!(ip(&["link", "set", Firmware::TAP, "down"]));
        thread::sleep(Duration::from_secs(10));
        assert!(ip(&["link", "set", Firmware::TAP, "up"]));
        thread::sleep(Duration::from_secs(6));

        firmware.command("hang");
        let restart = firmware.wait_log("start: ", 2, LIMIT);
        assert!(restart.ends_with("start: Hung, restarts: 1"), "{restart}");
        firmware.wait_log("opened 0", 2, LIMIT);
        let report = viewer::report(&viewer.finish(LIMIT));
        assert_eq!(report.number("reconnects"), 1, "{report:?}\n{firmware}");
        // Four seconds, six, and ten: it tries again after longer and longer pauses.
        assert!(report.number("frames_complete") > 15 * 30, "{report:?}\n{firmware}");

        firmware.command("panic");
        firmware.wait_log("panic, called from 0x", 1, LIMIT);
        let restart = firmware.wait_log("start: ", 3, LIMIT);
        assert!(restart.ends_with("start: Panicked, restarts: 2"), "{restart}");
        firmware.command("nothing");
        firmware.wait_log("commands are: hang, panic, stack", 1, LIMIT);
    });
}

#[test]
fn the_emulator_does_not_outlive_its_parent() {
    with_firmware("the_emulator_does_not_outlive_its_parent", |firmware| {
        assert!(ip(&["link", "show", Firmware::TAP]));
        firmware.kill();
        // Gone with the last who has it.
        let gone = poll(LIMIT, || (!ip(&["link", "show", Firmware::TAP])).then_some(()));
        assert!(gone.is_some(), "the emulator still has the interface");
    });
}

#[test]
fn errors_say_what_to_do() {
    let cases: [(&[&str], i32, &str); 7] = [
        (&["--sessions", "5"], 2, "--sessions <N>"),
        (&["--watch", "5"], 2, "--watch <N>"),
        (&["--sessions", "1", "--watch", "2"], 2, "--watch 2 takes --sessions 2"),
        (&["--tap", "a@near=10.0.0.1/24", "--watch", "1"], 2, "in this network namespace"),
        (&["--tap", "a", "--watch", "1"], 2, "a TAP with an address"),
        (&["--elf", "no/such/file"], 1, "no/such/file: "),
        (&["--elf", "Cargo.toml"], 1, "Cargo.toml: no image of a firmware"),
    ];
    for (arguments, code, word) in cases {
        let mut command = Command::new(binary("pinhole-sim"));
        let done = run(command.arg("qemu").args(arguments), LIMIT).expect("pinhole-sim runs");
        assert_eq!(done.status.code(), Some(code), "{arguments:?}: {done:?}");
        assert!(done.stderr.contains(word), "nothing of '{word}' in: {}", done.stderr);
    }
}
