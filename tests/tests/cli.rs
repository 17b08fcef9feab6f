//! The command lines of the programs: exit codes, values that are written alike everywhere, and one clear line
//! where something is wrong.
use pinhole_tests::clip::{Clip, TempDir};
use pinhole_tests::process::{Finished, binary, repository, run};
use pinhole_tests::server::Server;
use pinhole_tests::{Transport, fake, viewer};
use std::ffi::OsStr;
use std::process::Command;
use std::time::Duration;

const PROGRAMS: [&str; 2] = ["pinhole-server", "pinhole-viewer"];

fn start(program: &str, arguments: &[impl AsRef<OsStr>]) -> Finished {
    run(Command::new(binary(program)).args(arguments), Duration::from_secs(60)).unwrap()
}

/// Asserts an exit code and a single line on standard error that says all of `words`.
#[track_caller]
fn assert_one_line(done: &Finished, code: i32, words: &[&str]) {
    assert_eq!(done.status.code(), Some(code), "{done:?}");
    assert_eq!(done.stderr.lines().filter(|line| !line.is_empty()).count(), 1, "{}", done.stderr);
    assert_says(&done.stderr, words);
}

#[track_caller]
fn assert_says(text: &str, words: &[&str]) {
    assert!(!text.contains("panicked"), "{text}");
    let lower = text.to_lowercase();
    for word in words {
        assert!(lower.contains(&word.to_lowercase()), "nothing of '{word}' in: {text}");
    }
}

#[test]
fn help_and_version_are_no_failures() {
    for program in PROGRAMS {
        let help = start(program, &["--help"]);
        assert_eq!(help.status.code(), Some(0));
        assert_says(&help.stdout, &["usage", program, "--json"]);
        let version = start(program, &["--version"]);
        assert_eq!(
            (version.status.code(), &*version.stdout),
            (Some(0), &*format!("{program} {}\n", env!("CARGO_PKG_VERSION")))
        );
    }
}

#[test]
fn event_loops_default_to_one_per_core() {
    let clip = Clip::sample();
    let cores = std::thread::available_parallelism().unwrap().get();
    for (options, loops) in [(&["--threads", "3"][..], 3), (&["--threads", "1"], 1), (&[], cores)] {
        let server = Server::with(options, &[&clip.path]);
        // The URLs are said a moment before the threads start; a session needs them all the same.
        viewer::watch(&server.url(clip.mount()), Transport::Udp, &[]).assert_whole(clip.frames);
        assert!(server.event_loops().is_none_or(|found| found == loops), "{:?}", server.event_loops());
        assert_eq!(server.stop("TERM").status.code(), Some(0));
    }
}

#[test]
fn wrong_usage_is_exit_code_2() {
    let cases: [(&str, &[&str], &str); 14] = [
        ("pinhole-server", &["--colour"], "--colour"),
        ("pinhole-server", &["--listen", "here"], "here"),
        ("pinhole-server", &["--fps", "0"], "0"),
        ("pinhole-server", &["--pattern", "wide"], "1280x720"),
        ("pinhole-server", &["--pattern", "640x9000"], "8192"),
        ("pinhole-server", &["--mtu", "90000"], "65535"),
        ("pinhole-server", &["--cache", "much"], "64MiB"),
        ("pinhole-server", &["--threads", "0"], "from 1 to 256"),
        ("pinhole-server", &["prepare"], "IN"),
        ("pinhole-server", &["prepare", "in.mjpeg", "out.mjpeg"], ".avi"),
        ("pinhole-viewer", &["--colour"], "--colour"),
        ("pinhole-viewer", &["--transport", "pigeon"], "pigeon"),
        ("pinhole-viewer", &["--headless", "http://127.0.0.1/clip"], "rtsp://"),
        ("pinhole-viewer", &["--headless", "rtsp://"], "rtsp://"),
    ];
    for (program, arguments, word) in cases {
        let done = start(program, arguments);
        assert_eq!(done.status.code(), Some(2), "{arguments:?}: {done:?}");
        assert_says(&done.stderr, &[word]);
    }
}

#[test]
fn times_and_sizes_are_written_alike_in_all_programs() {
    let times = ["1", "1.5", "1s", "1500ms", "1m30s", "1:30", "1:00:01.5", "2min"];
    let sizes = ["30000000", "30MB", "30MiB", "30M", "512KiB", "0.5GiB"];
    // The programs come no further than to what is not there.
    let url = format!("rtsp://{}/clip", fake::nobody());
    let times_of_viewer = &["--duration", "--start", "--prebuffer"][..];
    for (program, first, media, time_options, size_option) in [
        ("pinhole-viewer", "--headless", &*url, times_of_viewer, "--cache"),
        ("pinhole-server", "--json", "/nonexistent", &["--request-timeout", "--session-timeout"], "--cache"),
        ("pinhole-sim", "tap", "/nonexistent", &["--duration", "--delay", "--jitter"], "--ram"),
    ] {
        let run = |option: &str, value: &str| start(program, &[first, option, value, media]);
        for option in time_options {
            for time in times {
                let done = run(option, time);
                assert_eq!(done.status.code(), Some(1), "{option} {time}: {done:?}");
            }
            let done = run(option, "soon");
            assert_eq!(done.status.code(), Some(2), "{option}: {done:?}");
            assert_says(&done.stderr, &["'soon'", option, "1.5s", "250ms", "1m30s", "1:30"]);
        }
        for size in sizes {
            let done = run(size_option, size);
            assert_eq!(done.status.code(), Some(1), "{size_option} {size}: {done:?}");
        }
        let done = run(size_option, "much");
        assert_eq!(done.status.code(), Some(2), "{done:?}");
        assert_says(&done.stderr, &["'much'", size_option, "64MiB", "10MB"]);
    }
    for (program, arguments) in [
        ("pinhole-viewer", &["--help"][..]),
        ("pinhole-server", &["--help"]),
        ("pinhole-sim", &["link", "--help"]),
        ("pinhole-sim", &["tap", "--help"]),
    ] {
        let help = start(program, arguments);
        assert_eq!(help.status.code(), Some(0), "{help:?}");
        assert_says(&help.stdout, &["Values:", "1m30s", "1:30", "64KiB"]);
    }
}

#[test]
fn the_help_explains_every_figure_of_the_report() {
    let clip = Clip::sample();
    let server = Server::of(&[&clip]);
    let done = viewer::run_viewer(&["--json", &server.url(clip.mount())]);
    let report: serde_json::Value = serde_json::from_str(done.stdout.lines().last().unwrap()).unwrap();
    let help = start("pinhole-viewer", &["--help"]).stdout;
    let words: Vec<&str> = help.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').collect();
    for (figure, _) in report.as_object().unwrap() {
        assert!(words.contains(&figure.as_str()), "the help says nothing of '{figure}'");
    }
    // Without a window few frames are shown, and the report in words says why.
    let done = viewer::run_viewer(&[&server.url(clip.mount())]);
    let lines: Vec<&str> = done.stdout.lines().collect();
    assert!(lines[0].contains("60 frames complete, 0 damaged"), "{lines:?}");
    assert!(lines[1].contains("as one a second is decoded without a window"), "{lines:?}");
}

#[test]
fn a_stream_that_fails_has_no_figures() {
    let url = format!("rtsp://{}/clip", fake::nobody());
    let done = viewer::run_viewer(&[&url]);
    assert_one_line(&done, 1, &["refused"]);
    assert_eq!(done.stdout, "");
}

#[test]
fn every_program_prints_completions_and_man_pages() {
    let directory = TempDir::new();
    for (program, command) in
        [("pinhole-server", "prepare"), ("pinhole-viewer", "completions"), ("pinhole-sim", "soak")]
    {
        for (shell, word) in
            [("bash", "complete -F"), ("zsh", "#compdef"), ("fish", "complete -c"), ("elvish", "edit:")]
        {
            let done = start(program, &["completions", shell]);
            assert_eq!((done.status.code(), &*done.stderr), (Some(0), ""), "{shell}");
            assert_says(&done.stdout, &[word, program, "json"]);
        }
        assert_eq!(start(program, &["completions", "cmd"]).status.code(), Some(2));
        let page = start(program, &["man"]);
        assert_eq!(page.status.code(), Some(0), "{page:?}");
        assert!(page.stdout.contains(&format!(".TH {program} 1")), "{}", page.stdout);
        let done = start(program, &["man".as_ref(), directory.path().as_os_str()]);
        assert_eq!((done.status.code(), &*done.stdout), (Some(0), ""), "{done:?}");
        for name in [format!("{program}.1"), format!("{program}-{command}.1")] {
            assert!(directory.path().join(&name).is_file(), "there is no {name}");
        }
        let unwritable = start(program, &["man", "/dev/null/man1"]);
        assert_one_line(&unwritable, 1, &["/dev/null/man1"]);
    }
}

#[test]
fn commands_for_ffmpeg_make_what_rtp_carries() {
    let read = |name: &str| std::fs::read_to_string(repository().join(name)).unwrap();
    let mut texts = vec![read("README.md"), start("pinhole-server", &["--help"]).stdout];
    for entry in std::fs::read_dir(repository().join("docs")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "md") {
            texts.push(std::fs::read_to_string(path).unwrap());
        }
    }
    let makes_jpeg = |line: &&str| {
        let command = line.split("ffmpeg ").nth(1).filter(|rest| rest.contains("-i "));
        // What is copied stays as it is.
        command.is_some_and(|command| {
            (command.contains("-f mjpeg") || command.contains(".jpg")) && !command.contains("-c copy")
        })
    };
    let lines: Vec<&str> = texts.iter().flat_map(|text| text.lines()).filter(makes_jpeg).collect();
    assert!(lines.len() >= 3, "{lines:?}");
    for line in lines {
        assert!(line.contains("-pix_fmt yuvj420p -q:v 4"), "{line}");
    }
}

#[test]
fn a_taken_port_is_exit_code_1() {
    let clip = Clip::sample();
    let taken = Server::of(&[&clip]);
    let address = taken.address().to_string();
    let done = start("pinhole-server", &["--listen".as_ref(), address.as_ref(), clip.path.as_os_str()]);
    assert_one_line(&done, 1, &[&address]);
}

#[test]
fn nothing_playable_is_exit_code_1() {
    let directory = TempDir::new();
    let text = directory.file("notes.txt", b"Dear diary, nothing here is a video.\n");
    let empty = directory.file("empty.mjpeg", b"");
    let missing = directory.path().join("missing.mjpeg");
    let done = start(
        "pinhole-server",
        &[
            "--listen".as_ref(),
            "127.0.0.1:0".as_ref(),
            text.as_os_str(),
            empty.as_os_str(),
            missing.as_os_str(),
        ],
    );
    assert_eq!(done.status.code(), Some(1), "{done:?}");
    assert_says(&done.stderr, &["notes.txt", "empty.mjpeg", "missing.mjpeg"]);
}

#[test]
fn good_frames_of_broken_files_are_served() {
    let directory = TempDir::new();
    let clip = std::fs::read(Clip::sample().path).unwrap();
    let frames = split(&clip);
    let cut = directory.file("cut.mjpeg", &clip[..clip.len() - frames[59].len() / 2]);
    // The third frame claims to be progressive: SOF2 in the place of SOF0.
    let mut odd = frames[..6].concat();
    let third = frames[0].len() + frames[1].len();
    let sof = third + frames[2].windows(2).position(|w| w == [0xff, 0xc0]).unwrap();
    odd[sof + 1] = 0xc2;
    let odd = directory.file("odd.mjpeg", &odd);
    let text = directory.file("notes.txt", b"no video");

    let server = Server::start(&[&cut, &odd, &text]);
    viewer::watch(&server.url("cut"), Transport::Tcp, &[]).assert_whole(59);
    viewer::watch(&server.url("odd"), Transport::Tcp, &[]).assert_whole(5);
    let done = server.stop("TERM");
    assert_says(&done.stderr, &["cut.mjpeg", "odd.mjpeg", "progressive", "frame", "notes.txt"]);
    let numbers = done.stderr.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse().ok());
    let at_the_fault = numbers.into_iter().any(|byte: usize| (sof..sof + 4).contains(&byte));
    assert!(at_the_fault, "byte {sof} of odd.mjpeg is not named: {}", done.stderr);
}

#[test]
fn an_unreachable_server_is_one_line() {
    let clip = Clip::sample();
    let server = Server::of(&[&clip]);
    let unauthorized =
        "RTSP/1.0 401 Unauthorized\r\nCSeq: CSEQ\r\nWWW-Authenticate: Basic realm=\"cam\"\r\n\r\n";
    let http = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
    let cases = [
        (server.url("none"), "404"),
        (format!("rtsp://{}/clip", fake::server("", unauthorized)), "401"),
        (format!("rtsp://{}/clip", fake::server("", http)), "RTSP"),
        (format!("rtsp://{}/clip", fake::server("SSH-2.0-OpenSSH_9.2\r\n", "")), "RTSP"),
        (format!("rtsp://{}/clip", fake::server("", "")), ""),
        (format!("rtsp://{}/clip", fake::nobody()), "refused"),
        ("rtsp://no-such-host.invalid/clip".to_owned(), "no-such-host.invalid"),
    ];
    for (url, word) in cases {
        assert_one_line(&viewer::run_viewer(&[&url]), 1, &[word]);
    }
}

#[test]
fn a_failure_is_in_the_json_too() {
    let url = format!("rtsp://{}/clip", fake::nobody());
    let done = viewer::run_viewer(&["--json", &url]);
    assert_eq!(done.status.code(), Some(1));
    let report: serde_json::Value = serde_json::from_str(done.stdout.lines().last().unwrap()).unwrap();
    assert_eq!(report["url"], url);
    assert_eq!(report["frames_complete"], 0);
    assert_ne!(report["errors"], serde_json::json!([]), "{report}");
}

/// The frames of concatenated JPEG without thumbnails: each begins where an image begins.
fn split(clip: &[u8]) -> Vec<&[u8]> {
    let starts = clip.windows(3).enumerate().filter(|(_, w)| *w == [0xff, 0xd8, 0xff]).map(|(at, _)| at);
    let mut ends: Vec<usize> = starts.skip(1).collect();
    ends.push(clip.len());
    let mut start = 0;
    ends.into_iter().map(|end| &clip[std::mem::replace(&mut start, end)..end]).collect()
}

#[test]
fn a_server_to_which_nothing_is_named_says_what_it_serves() {
    let directory = TempDir::new();
    let mut command = Command::new(binary("pinhole-server"));
    command.current_dir(directory.path()).args(["--listen", "127.0.0.1:0"]);
    let done = run(&mut command, Duration::from_secs(60)).unwrap();
    assert_eq!(done.status.code(), Some(1));
    assert_says(&done.stdout, &["no media are named, so these are served: video/"]);
    assert_says(&done.stderr, &["video/", "nothing can be served"]);
}
