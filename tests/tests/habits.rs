//! Habits of cameras, bridges, recorders and their clients that others cope with: what they send, and what is seen.
use pinhole_tests::Transport;
use pinhole_tests::clip::{Clip, TempDir};
use pinhole_tests::dialogue::Dialogue;
use pinhole_tests::fake::{self, Script, Step};
use pinhole_tests::picture::{Picture, Sender, field};
use pinhole_tests::server::Server;
use pinhole_tests::viewer::{run_viewer, watch};
use std::time::Duration;

/// Frames that a camera sends before it says BYE.
const FRAMES: usize = 8;
/// The length of a table of quantisers.
const TABLE: usize = 64;
/// The index of the first table in the first packet of a frame.
const TABLES: usize = field::TABLES_LEN + 2;

/// A camera that sends some frames of a clip, whose packets `alter` changes; it is told the number of the frame.
fn camera(mut alter: impl FnMut(usize, &mut Vec<Vec<u8>>)) -> Script {
    let file = std::fs::read(Clip::sample().plain).unwrap();
    let mut sender = Sender { sequence: 7, timestamp: 90_000, ssrc: 0xCA4 };
    let mut steps = vec![Step::Silence(Duration::from_millis(100))];
    for (n, picture) in Picture::all_of(&file).iter().take(FRAMES).enumerate() {
        let mut packets = sender.frame(picture);
        alter(n, &mut packets);
        steps.extend(packets.into_iter().map(|packet| Step::Packet(0, packet)));
    }
    steps.push(Step::Packet(1, sender.bye()));
    Script { steps, ..Script::default() }
}

/// Encoders with a table for each colour component, of which the third is the second once more.
#[test]
fn of_tables_of_192_bytes_the_first_two_are_used() {
    let script = camera(|_, packets| {
        let first = &mut packets[0];
        first[field::TABLES_LEN + 1] = 192;
        let third = first[TABLES + TABLE..TABLES + 2 * TABLE].to_vec();
        first.splice(TABLES + 2 * TABLE..TABLES + 2 * TABLE, third);
    });
    watch(&script.serve(), Transport::Tcp, &[]).assert_whole(FRAMES);
}

#[test]
fn tables_of_16_bits_are_refused_with_that_reason() {
    let script = camera(|_, packets| packets[0][field::TABLES_LEN - 1] = 1);
    let done = run_viewer(&["--no-reconnect", "--transport", "tcp", &script.serve()]);
    done.assert_says(1, &["tables of 16 bits"]);
}

/// Bridges that put a whole JPEG file where its scan should be.
#[test]
fn a_whole_file_as_payload_is_seen() {
    let file = std::fs::read(Clip::sample().plain).unwrap();
    let end = file.windows(2).position(|pair| pair == [0xFF, 0xD9]).unwrap() + 2;
    let mut sender = Sender { sequence: 7, timestamp: 90_000, ssrc: 0xCA4 };
    let mut steps = vec![Step::Silence(Duration::from_millis(100))];
    for _ in 0..FRAMES {
        for (n, data) in file[..end].chunks(1_000).enumerate() {
            let at = n * 1_000;
            let mut packet = sender.header(at + data.len() == end);
            let [_, o0, o1, o2] = u32::try_from(at).unwrap().to_be_bytes();
            packet.extend([0, o0, o1, o2, 1, 60, 1, 1]);
            packet.extend(data);
            steps.push(Step::Packet(0, packet));
        }
        sender.timestamp += Sender::INTERVAL;
    }
    steps.push(Step::Packet(1, sender.bye()));
    let report = watch(&Script { steps, ..Script::default() }.serve(), Transport::Tcp, &[]);
    report.assert_whole(FRAMES);
    assert_eq!((report.number("width"), report.number("height")), (512, 288));
}

/// Proxies by live555 lose packets before they number them: the marker bit comes early, without a gap.
#[test]
fn a_frame_that_ends_short_is_neither_whole_nor_recorded_as_such() {
    let script = camera(|n, packets| {
        if n == 3 {
            packets.truncate(packets.len() / 2);
            packets.last_mut().unwrap()[1] |= 0x80;
        }
    });
    // As the sequence numbers go on, they have to be made anew.
    let mut steps = script.steps;
    let mut number = 7_u16;
    for step in &mut steps {
        if let Step::Packet(0, packet) = step {
            packet[2..4].copy_from_slice(&number.to_be_bytes());
            number += 1;
        }
    }
    let directory = TempDir::new();
    let recorded = directory.path().join("recorded.avi");
    let options = ["--record", recorded.to_str().unwrap()];
    let report = watch(&Script { steps, ..Script::default() }.serve(), Transport::Tcp, &options);
    let seen = ["frames_complete", "frames_damaged", "frames_missing", "packets_lost"]
        .map(|name| report.number(name));
    assert_eq!(seen, [FRAMES as u64 - 1, 1, 0, 0], "{report:?}");
    let file = std::fs::read(&recorded).unwrap();
    let frames = file.windows(4).filter(|word| word == b"00dc").count();
    // Each is in the file and in its index.
    assert!(frames <= 2 * FRAMES, "{frames}");
}

#[test]
fn the_reason_is_told_for_which_no_frame_could_be_used() {
    let no_size = camera(|_, packets| {
        packets.iter_mut().for_each(|packet| packet[field::WIDTH..][..2].fill(0));
    });
    let other_type = camera(|_, packets| packets.iter_mut().for_each(|packet| packet[1] += 70));
    for (script, reason) in [(no_size, "x-dimensions"), (other_type, "payload type 96")] {
        let url = script.serve();
        for (verbose, times) in [("-v", FRAMES), ("--no-decode", 0)] {
            // A BYE of a source of which nothing is known ends nothing.
            let watching = ["--no-reconnect", "--transport", "tcp", "--duration", "3"];
            let done = run_viewer(&[&watching[..], &[verbose, &url]].concat());
            done.assert_says(1, &[reason]);
            assert!(!done.stderr.contains("--transport"), "{}", done.stderr);
            // All of one payload type are one occurrence.
            let lines = done.stderr.matches("received data is dropped").count();
            let times = if reason.contains("type") { times.min(1) } else { times };
            assert_eq!(lines, times, "{}", done.stderr);
        }
    }
}

#[test]
fn the_codec_is_told_that_cannot_be_received() {
    let description = "v=0\r\ns=-\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n".to_owned();
    let url = Script { description, ..Script::default() }.serve();
    run_viewer(&["--no-reconnect", &url]).assert_says(1, &["H264"]);
}

#[test]
fn another_name_of_jpeg_is_understood() {
    let mut script = camera(|_, _| {});
    script.description += "a=rtpmap:26 MJPEG/90000\r\n";
    watch(&script.serve(), Transport::Tcp, &[]).assert_whole(FRAMES);
}

#[test]
fn redirections_are_followed_but_not_for_ever() {
    for status in ["301 Moved Permanently", "302 Moved Temporarily"] {
        let url = camera(|_, _| {}).serve();
        let answer = format!("RTSP/1.0 {status}\r\nCSeq: CSEQ\r\nLocation: {url}\r\n\r\n");
        let first = format!("rtsp://user:secret@{}/x", fake::server("", answer.leak()));
        watch(&first, Transport::Tcp, &[]).assert_whole(FRAMES);
    }
    // A path is one of the same server.
    let circle = fake::server("", "RTSP/1.0 302 Found\r\nCSeq: CSEQ\r\nLocation: /again\r\n\r\n");
    let done = run_viewer(&["--no-reconnect", &format!("rtsp://user:secret@{circle}/x")]);
    done.assert_says(1, &["moved five times", "/again"]);
    assert!(!done.stderr.contains("secret"), "{}", done.stderr);
}

/// A client may resolve the control against Content-Base as RFC 3986 says, or append it to what it asked for.
#[test]
fn a_query_in_a_url_does_not_hide_the_tracks() {
    let server = Server::of(&[&Clip::sample()]);
    let url = server.url(Clip::sample().mount());
    let mut dialogue = Dialogue::connect(server.address());
    let reply = dialogue.request("DESCRIBE", &format!("{url}?x=1"), &[]).ok();
    let control =
        reply.body.lines().filter_map(|line| line.strip_prefix("a=control:")).next_back().unwrap().to_owned();
    assert_eq!(control, "trackID=0");
    let base = reply.header("Content-Base").unwrap().to_owned();
    assert_eq!(base, format!("{url}/"));
    let id: u64 = reply
        .body
        .lines()
        .find_map(|line| line.strip_prefix("o=- ")?.split(' ').next())
        .unwrap()
        .parse()
        .unwrap();
    assert!(i64::try_from(id).is_ok());
    for track in [format!("{base}{control}"), format!("{url}?x=1/{control}"), format!("{url}/{control}?x=1")]
    {
        dialogue.session = None;
        dialogue.request("SETUP", &track, &[("Transport", "RTP/AVP/TCP;unicast;interleaved=0-1")]).ok();
    }
}

#[test]
fn what_there_is_stands_in_the_answer_to_what_is_not_there() {
    let server = Server::of(&[&Clip::sample()]);
    let mount = Clip::sample().mount().to_owned();
    let mut dialogue = Dialogue::connect(server.address());
    let root = format!("rtsp://{}/", server.address());
    // There is only one.
    dialogue.request("DESCRIBE", &root, &[]).ok();
    let setup = dialogue.request(
        "SETUP",
        &format!("{root}trackID=0"),
        &[("Transport", "RTP/AVP/TCP;interleaved=0-1")],
    );
    setup.ok();
    let reply = dialogue.request("DESCRIBE", &format!("{root}nothing"), &[("Timestamp", "12.5")]);
    assert_eq!((reply.status, reply.header("Timestamp")), (404, Some("12.5")));
    assert!(reply.body.contains(&format!("/{mount}\r\n")), "{reply:?}");
}
