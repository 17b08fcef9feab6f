//! The firmware of a camera, in an emulator: what clients see of it, and what it survives.
use pinhole_tests::clip::{Clip, TempDir};
use pinhole_tests::dialogue::Dialogue;
use pinhole_tests::firmware::Firmware;
use pinhole_tests::hostile::{bad_requests, noise};
use pinhole_tests::network::in_own_network;
use pinhole_tests::peer::{Peer, available};
use pinhole_tests::process::{binary, poll, run};
use pinhole_tests::viewer::{self, Report};
use pinhole_tests::{Transport, undisturbed, watch};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(30);
const SIZE: (u32, u32) = (512, 288);
/// What `bins/firmware/size.sh` counts for the stack.
const STACK: usize = 8 * 1024;
/// How many of the clip's pictures are in the flash.
const PICTURES: usize = 30;

/// Runs a test with the firmware, in a network of its own.
fn with_firmware(test: &str, body: impl FnOnce(Firmware)) {
    if !available(&[Peer::Ffmpeg, Peer::Tshark, Peer::Namespaces, Peer::Qemu]) {
        return;
    }
    let _turn = undisturbed();
    Firmware::build();
    in_own_network(test, || body(Firmware::start()));
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

#[test]
fn two_clients_see_every_frame_of_the_clip() {
    with_firmware("two_clients_see_every_frame_of_the_clip", |mut firmware| {
        let mut file = watch::ffmpeg_file(&Clip::sample().plain);
        file.truncate(PICTURES);
        let url = Firmware::url("clip");
        // Behind the first ten seconds, which end with the clock's wrap.
        let frames = 12 * 30;
        thread::scope(|scope| {
            let viewer = scope.spawn(|| viewer::watch(&url, Transport::Udp, &["--duration", "12"]));
            let (size, seen) = watch::ffmpeg_start(&url, Transport::Tcp, frames);
            assert_eq!(size, SIZE);
            watch::assert_consecutive(&seen, &file, "ffmpeg by TCP");
            assert_whole(&viewer.join().expect("the viewer ends"), frames as u64 - 15);
        });
        firmware.command("stack");
        let told = firmware.wait_log("stack: ", 1, LIMIT);
        let used =
            told.split("stack: ").nth(1).and_then(|told| told.split(' ').next()?.parse::<usize>().ok());
        assert!(used.is_some_and(|used| (1_000..=STACK).contains(&used)), "{told}");
        let done = firmware.stop("INT");
        assert_eq!(done.status.code(), Some(0), "{done:?}");
        assert!(!done.stdout.contains("skipped"), "{done:?}");
        assert!(!ip(&["link", "show", Firmware::TAP]), "the interface is left behind");
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
            assert_whole(&viewer::watch(&Firmware::url("pattern"), transport, &options), 90);
            let pixels = watch::pixels(&file);
            let numbers: Vec<_> = pixels.chunks_exact(256 * 192 * 3).map(number_in).collect();
            assert!(numbers.len() >= 90, "{transport}: {numbers:?}");
            assert!(numbers.windows(2).all(|two| two[1] == two[0] + 1), "{transport}: {numbers:?}");
        }
    });
}

/// Connects, when a socket of the few is free again.
fn connect() -> Dialogue {
    let address = SocketAddr::new(Firmware::ADDRESS.parse().expect("an address"), Firmware::RTSP);
    let stream = poll(LIMIT, || TcpStream::connect_timeout(&address, Duration::from_secs(2)).ok());
    Dialogue::over(stream.expect("a socket is free in time"))
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
            let _ = socket.send_to(bytes, (Firmware::ADDRESS, port));
        }
        // Some thousands a second.
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn what_is_malformed_floods_or_hangs_on_disturbs_nobody() {
    with_firmware("what_is_malformed_floods_or_hangs_on_disturbs_nobody", |firmware| {
        let [clip, none] = ["clip", "none"].map(Firmware::url);
        thread::scope(|scope| {
            let viewer = scope.spawn(|| viewer::watch(&clip, Transport::Udp, &["--duration", "20"]));
            firmware.wait_log("opened 0", 1, LIMIT);
            for (request, statuses) in bad_requests(&clip, &none) {
                let mut dialogue = connect();
                dialogue.send(request.as_bytes());
                let status = dialogue.reply().status;
                assert!(statuses.contains(&status), "{status} instead of {statuses:?} for {request:.80}");
            }
            for noise in noise() {
                connect().send(&noise);
            }
            // RTCP that lies about its length, within a session.
            let mut rubbish = connect();
            rubbish.set_up_tcp(&clip);
            rubbish.request("PLAY", &clip, &[]).ok();
            rubbish.send(b"$\x01\x00\x08\x81\xc9\xff\xff\x00\x00\x00\x01$\x01\x00\x00$\x01\x00\x01\x80");
            spill(3);
            // Who says nothing, and who says half of something, until there is no socket left.
            let mut silent = [connect(), connect()];
            silent[1].send(b"OPTIONS * RTSP/1.0\r\nCSe");
            let refused = TcpStream::connect((Firmware::ADDRESS, Firmware::RTSP)).and_then(|stream| {
                stream.set_read_timeout(Some(LIMIT))?;
                std::io::Read::read(&mut &stream, &mut [0])
            });
            assert!(!matches!(refused, Ok(1..)), "there are more than four");
            assert!(rubbish.interleaved(LIMIT).is_some(), "its own session goes on, too");
            assert_whole(&viewer.join().expect("the viewer ends"), 19 * 30);
        });
        let done = firmware.stop("TERM");
        assert!(!done.stdout.contains("panic") && !done.stdout.contains("restarts: 1"), "{done:?}");
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
fn what_is_wrong_is_said_and_what_to_do() {
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
