//! `pinhole-sim tap`: what any client on this machine sees of a server with the memory of a
//! microcontroller.
use pinhole_tests::board::{Board, run_board};
use pinhole_tests::capture::Recording;
use pinhole_tests::clip::{Clip, TempDir};
use pinhole_tests::network::{in_own_namespaces, in_own_network};
use pinhole_tests::peer::{Peer, available};
use pinhole_tests::process::{binary, run};
use pinhole_tests::{Transport, undisturbed, viewer, watch};
use std::process::Command;
use std::thread;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(30);
const SIZE: (u32, u32) = (512, 288);
/// Six seconds of each client.
const FRAMES: usize = 180;

fn number(value: &serde_json::Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is no number"))
}

/// Starts a board of a clip with these options.
fn board(clip: &Clip, options: &[&str]) -> Board {
    let path = clip.path.to_str().expect("a path in UTF-8");
    Board::start(&[options, &[path]].concat())
}

#[test]
fn in_64_kib_four_clients_see_every_frame() {
    if !available(&[Peer::Ffmpeg, Peer::Gstreamer, Peer::Tshark, Peer::Namespaces]) {
        return;
    }
    let _turn = undisturbed();
    in_own_network("in_64_kib_four_clients_see_every_frame", || {
        let clip = Clip::sample();
        let board = board(&clip, &["--ram", "64KiB", "--sessions", "4"]);
        let taken: u64 = board.serving["ram_parts"].as_object().unwrap().values().map(number).sum();
        assert!(taken <= 65_536 && taken == number(&board.serving["ram_taken"]), "{}", board.serving);
        let (url, file) = (board.url(), watch::ffmpeg_file(&clip.plain));
        let from_gstreamer = watch::gstreamer_file(&clip.plain);
        thread::scope(|scope| {
            for transport in Transport::ALL {
                let file = &file;
                scope.spawn(move || {
                    let (size, seen) = watch::ffmpeg_start(url, transport, FRAMES);
                    assert_eq!(size, SIZE);
                    watch::assert_consecutive(&seen, file, &format!("ffmpeg by {transport}"));
                });
            }
            scope.spawn(|| {
                let seen = watch::gstreamer_start(url, Transport::Tcp, FRAMES, SIZE);
                watch::assert_consecutive(&seen, &from_gstreamer, "GStreamer");
            });
            scope.spawn(|| {
                let report = viewer::watch(url, Transport::Udp, &["--duration", "6"]);
                let bad =
                    ["frames_damaged", "frames_missing", "packets_lost"].map(|name| report.number(name));
                assert_eq!(bad, [0; 3], "{report:?}");
                assert!(report.number("frames_complete").abs_diff(FRAMES as u64) < 6, "{report:?}");
            });
            board.wait_events("opened", 4, LIMIT);
            // Everything was used once by then; what is taken later is taken for ever more.
            thread::sleep(Duration::from_secs(2));
            let early = board.memory();
            thread::sleep(Duration::from_secs(3));
            let grown = board.memory().zip(early).map_or(0, |(late, early)| late.saturating_sub(early));
            assert!(grown <= 16 << 10, "{grown} bytes more after three seconds");
        });
        let stopped = board.stop();
        assert_eq!(number(&stopped["frames_skipped"]), 0, "{stopped}");
        assert!(number(&stopped["frames"]) >= 4 * FRAMES as u64 - 6, "{stopped}");
    });
}

/// What waits to be acknowledged is the rate times the round trip, and that is memory.
#[test]
fn large_pictures_take_more_memory() {
    if !available(&[Peer::Ffmpeg, Peer::Tshark, Peer::Namespaces]) {
        return;
    }
    let _turn = undisturbed();
    in_own_network("large_pictures_take_more_memory", || {
        let directory = TempDir::new();
        let clip = Clip::large(&directory);
        let file = watch::ffmpeg_file(&clip.plain);
        let watched = |ram| {
            // Without a jitter, each round trip takes ten milliseconds.
            let options = ["--ram", ram, "--sessions", "1", "--fps", "30", "--delay", "5ms", "--seed", "1"];
            let board = board(&clip, &options);
            let enough = board.serving["tcp_round_trip_ms"].as_f64().unwrap();
            let (_, seen) = watch::ffmpeg_start(board.url(), Transport::Tcp, 90);
            println!("1280x720 in {ram}: all frames with round trips of up to {enough:.1} ms");
            (enough, seen, number(&board.stop()["frames_skipped"]))
        };
        let (enough, _, skipped) = watched("32KiB");
        assert!(enough < 9.0 && skipped > 0, "{enough} ms, {skipped} frames skipped");
        let (enough, seen, skipped) = watched("128KiB");
        assert!(enough > 12.0 && skipped == 0, "{enough} ms, {skipped} frames skipped");
        watch::assert_consecutive(&seen, &file, "ffmpeg by TCP, 10 ms away");
    });
}

#[test]
fn the_boards_traffic_is_well_formed() {
    if !available(&[Peer::Ffmpeg, Peer::Tshark, Peer::Namespaces]) {
        return;
    }
    let _turn = undisturbed();
    in_own_network("the_boards_traffic_is_well_formed", || {
        let clip = Clip::sample();
        let file = watch::ffmpeg_file(&clip.plain);
        let directory = TempDir::new();
        let pcap = directory.path().join("board.pcap");
        let options = ["--ip", "192.168.69.2/24", "--ip", "fd00:69::2/64", "--pcap", pcap.to_str().unwrap()];
        let board = board(&clip, &options);
        let [v4, v6] = [0, 1].map(|n| board.serving["urls"][n].as_str().unwrap().to_owned());
        assert!(v4 == "rtsp://192.168.69.2/bunny288" && v6 == "rtsp://[fd00:69::2]/bunny288", "{v4} {v6}");
        thread::scope(|scope| {
            let clients =
                [(&v4, Transport::Udp), (&v6, Transport::Udp), (&v4, Transport::Tcp), (&v6, Transport::Tcp)];
            let watching = clients.map(|(url, transport)| {
                (transport, scope.spawn(move || watch::ffmpeg_stream(url, transport)))
            });
            board.wait_events("opened", 4, LIMIT);
            thread::sleep(Duration::from_secs(2));
            let stopped = board.stop();
            for (transport, client) in watching {
                // It ends because the board took leave.
                let seen = client.join().expect("ffmpeg ends");
                assert!(seen.len() > 30, "{} frames by {transport}: {stopped}", seen.len());
                watch::assert_consecutive(&seen, &file, &format!("ffmpeg by {transport}"));
            }
        });
        let recording = Recording::of(directory, "board.pcap", Board::RTSP);
        for filter in ["ipv6 && rtsp", "ip && rtsp", "ipv6 && rtcp.pt == 203", "ip && rtcp.pt == 203"] {
            assert!(recording.count(filter) > 0, "no {filter}");
        }
        let bad = "(rtsp || rtp || rtcp || jpeg) && (_ws.malformed || _ws.expert.severity == error)";
        assert_eq!(recording.rows(bad, &["frame.number", "_ws.col.Info"]), [""; 0], "malformed");
    });
}

#[test]
fn faults_do_what_they_say() {
    if !available(&[Peer::Tshark, Peer::Namespaces]) {
        return;
    }
    let _turn = undisturbed();
    in_own_network("faults_do_what_they_say", || {
        let clip = Clip::sample();
        let faults =
            ["--loss", "5%", "--duplicate", "2%", "--reorder", "2%", "--corrupt", "1%", "--delay", "3ms"];
        let more = ["--jitter", "2ms", "--rate", "50Mbit", "--seed", "7"];
        let board = board(&clip, &[&faults[..], &more].concat());
        let report = viewer::watch(board.url(), Transport::Udp, &["--duration", "5"]);
        let stopped = board.stop();
        let from_board = |name: &str| number(&stopped["faults"]["from_board"][name]);
        let share = |name: &str| from_board(name) as f64 / from_board("sent") as f64;
        for (name, expected) in
            [("lost", 0.05), ("duplicated", 0.02), ("reordered", 0.02), ("corrupted", 0.01)]
        {
            assert!((share(name) / expected - 1.0).abs() < 0.5, "{name}: {stopped}");
        }
        // What was changed fails its checksum, and is lost too.
        let lost = report.number("packets_lost") as f64 / from_board("sent") as f64;
        assert!((0.03..0.09).contains(&lost), "{lost} lost: {report:?}");
        assert!(report.number("frames_damaged") > 20, "{report:?}");
    });
}

/// The video takes 6.5 Mbit/s, and the board's device a quarter of that: it pushes back, as a slow wireless module does.
#[test]
fn a_slow_device_sends_whole_frames() {
    if !available(&[Peer::Tshark, Peer::Namespaces]) {
        return;
    }
    let _turn = undisturbed();
    in_own_network("a_slow_device_sends_whole_frames", || {
        let clip = Clip::sample();
        let board = board(&clip, &["--rate", "1600kbit", "--queue", "10ms", "--push-back"]);
        for transport in [Transport::Udp, Transport::Tcp] {
            let report = viewer::watch(board.url(), transport, &["--duration", "8"]);
            let bad = ["frames_damaged", "packets_lost"].map(|name| report.number(name));
            assert_eq!(bad, [0; 2], "{transport}: {report:?}");
            // In eight seconds the link carries 59 frames of 27 KB.
            assert!(report.number("frames_complete") >= 40, "{transport}: {report:?}");
        }
        board.stop();
    });
}

#[test]
fn wrong_usage_is_exit_code_2() {
    let cases: [(&[&str], &[&str]); 14] = [
        (&[], &["MEDIA"]),
        (&["a.mjpeg", "--pattern", "64x48"], &["--pattern"]),
        (&["--pattern", "64"], &["1280x720"]),
        (&["a.mjpeg", "--fps", "0"], &["0.1 to 1000"]),
        (&["a.mjpeg", "--ip", "192.168.69.2"], &["prefix"]),
        (&["a.mjpeg", "--ip", "192.168.69.0/24"], &["192.168.69.0", "host"]),
        (&["a.mjpeg", "--ip", "192.168.69.2/31"], &["/31", "/30"]),
        (
            &["a.mjpeg", "--ip", "10.0.0.2/24", "--ip", "10.1.0.2/24", "--ip", "10.2.0.2/24"],
            &["2 times, not 3"],
        ),
        (&["a.mjpeg", "--ram", "64KX"], &["64MiB"]),
        (&["a.mjpeg", "--sessions", "0"], &["1.."]),
        (&["a.mjpeg", "--mtu", "595"], &["596"]),
        (&["a.mjpeg", "--mtu", "65535"], &["14 more", "65521"]),
        (&["a.mjpeg", "--tap", "an-interface-name"], &["1 to 15 bytes"]),
        (&["a.mjpeg", "--loss", "101%"], &["100%"]),
    ];
    for (arguments, words) in cases {
        run_board(arguments).assert_says(2, &[&["error: "], words].concat());
    }
}

#[test]
fn a_refusal_says_what_would_fit() {
    let clip = Clip::sample();
    let path = clip.path.to_str().unwrap();
    let refused = run_board(&[path, "--ram", "10KiB"]);
    refused.assert_says(1, &["--sessions 4", "more than --ram 10240", "give --ram "]);
    let (_, least) = refused.stderr.rsplit_once("give --ram ").unwrap();
    let least: usize = least.split(',').next().unwrap().parse().unwrap();
    assert!(refused.stderr.contains(&format!(" {} more", least - 10_240)), "{}", refused.stderr);
    let refused = run_board(&[path, "--ram", &(least - 1).to_string()]);
    refused.assert_says(1, &[" 1 more than"]);
    run_board(&["there/is/none.mjpeg"]).assert_says(1, &["none.mjpeg"]);
}

#[test]
fn an_impossible_interface_says_why() {
    if !available(&[Peer::Namespaces]) {
        return;
    }
    in_own_namespaces("an_impossible_interface_says_why", || {
        let clip = Clip::sample();
        let path = clip.path.to_str().unwrap();
        let ip = |command: &str| {
            let done = run(Command::new("ip").args(command.split(' ')), LIMIT).unwrap();
            assert!(done.status.success(), "ip {command}: {}", done.stderr);
        };
        let powerless = |options: &[&str]| {
            let mut command = Command::new("setpriv");
            command.args(["--bounding-set=-all", "--inh-caps=-all"]).arg(binary("pinhole-sim"));
            run(command.args(["tap", path, "--duration", "1s"]).args(options), LIMIT).unwrap()
        };
        powerless(&[]).assert_says(1, &["tap0 cannot be had", "ip tuntap add dev tap0 mode tap user"]);
        // One that was made for the user can be had, and is told what else it takes.
        ip("tuntap add dev made mode tap user root");
        let needs = ["ip address add 192.168.69.1/24 dev made", "ip link set made up"];
        powerless(&["--tap", "made"]).assert_says(1, &[&["as root"], &needs[..]].concat());
        needs.iter().for_each(|command| ip(command.strip_prefix("ip ").unwrap()));
        powerless(&["--tap", "made"]).assert_says(0, &[]);

        let own = run_board(&[path, "--ip", "192.168.69.1/24"]);
        own.assert_says(1, &["192.168.69.1/24", "own address, on made"]);
        let overlaps = run_board(&[path, "--ip", "192.168.7.9/16"]);
        overlaps.assert_says(1, &["192.168.7.9/16", "192.168.69.1/24", "made"]);
        let twice = run_board(&[path, "--ip", "10.0.0.2/24", "--ip", "10.0.0.2/24"]);
        twice.assert_says(1, &["10.0.0.2/24 is given twice"]);
        let no_tap = run_board(&[path, "--ip", "10.0.0.2/24", "--tap", "lo"]);
        no_tap.assert_says(1, &["lo exists and is no TAP"]);
        let nowhere = run_board(&[path, "--ip", "10.0.0.2/24", "--pcap", "there/is/none.pcap"]);
        nowhere.assert_says(1, &["--pcap there/is/none.pcap"]);
        let taken = Board::start(&[path, "--ip", "10.0.0.2/24", "--tap", "made"]);
        run_board(&[path, "--ip", "10.1.0.2/24", "--tap", "made"])
            .assert_says(1, &["used by another program"]);
        taken.stop();

        let hidden = run(Command::new("mount").args(["-t", "tmpfs", "none", "/dev/net"]), LIMIT).unwrap();
        assert!(hidden.status.success(), "{}", hidden.stderr);
        run_board(&[path, "--ip", "10.2.0.2/24"]).assert_says(1, &["/dev/net/tun", "modprobe tun"]);
    });
}
