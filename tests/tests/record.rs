//! `pinhole-viewer --record`: what is in the file is what was received, however it ended.
use pinhole_tests::clip::{Clip, TempDir};
use pinhole_tests::peer::{Peer, available};
use pinhole_tests::process::{Running, binary, poll, run};
use pinhole_tests::server::Server;
use pinhole_tests::watch::Hashes;
use pinhole_tests::{Transport, undisturbed, viewer, watch};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// What ffmpeg decodes of a recording.
fn decoded(path: &Path) -> Hashes {
    if path.extension().is_some_and(|extension| extension == "avi") {
        watch::ffmpeg_any(path)
    } else {
        watch::ffmpeg_file(path)
    }
}

/// Asserts that a recording is the start of the sample clip, played again and again, as ffmpeg and
/// the server read it; tells how many frames there are.
#[track_caller]
fn assert_start_of_sample(recording: &Path) -> usize {
    let seen = decoded(recording);
    let clip = watch::ffmpeg_file(&Clip::sample().plain);
    let expected: Hashes = clip.iter().cycle().take(seen.len()).cloned().collect();
    watch::assert_same(&seen, &expected, "the recording");
    let server = Server::start(&[recording]);
    let serving = &server.wait_events("serving", 1, Duration::from_secs(10))[0];
    assert_eq!(serving["frames"], seen.len());
    seen.len()
}

#[test]
fn a_recording_has_every_received_frame() {
    if !available(&[Peer::Ffmpeg]) {
        return;
    }
    let _turn = undisturbed();
    let directory = TempDir::new();
    let clip = Clip::sample().in_avi(&directory, 24);
    let server = Server::of(&[&clip]);
    for transport in Transport::ALL {
        for kind in ["avi", "mjpeg"] {
            let recording = directory.path().join(format!("{transport}-recorded.{kind}"));
            let done = viewer::run_viewer(&[
                "--json",
                "--transport",
                &transport.to_string(),
                "--record",
                text(&recording),
                &server.url(clip.mount()),
            ]);
            viewer::report(&done).assert_whole(clip.frames);
            let said = format!("pinhole-viewer: 60 frames are recorded in {}", recording.display());
            assert_eq!(done.stderr.trim_end(), said);
            let file = watch::ffmpeg_file(&clip.plain);
            watch::assert_same(&decoded(&recording), &file, &format!("{kind} over {transport}"));
        }
    }
    // Its clock is that of the medium.
    let server = Server::start(&[&directory.path().join("udp-recorded.avi")]);
    let report = viewer::watch(&server.url("udp-recorded"), Transport::Tcp, &[]);
    report.assert_whole(clip.frames);
    assert!((report.fraction("fps") - 24.0).abs() < 0.01, "{}", report.fraction("fps"));
}

#[test]
fn a_killed_viewer_leaves_its_recording() {
    if !available(&[Peer::Ffmpeg]) {
        return;
    }
    let _turn = undisturbed();
    let directory = TempDir::new();
    let clip = Clip::sample();
    let server = Server::with(&["--loop"], &[&clip.path]);
    for kind in ["avi", "mjpeg"] {
        let recording = directory.path().join(format!("killed.{kind}"));
        let mut command = Command::new(binary("pinhole-viewer"));
        command.args(["--headless", "--transport", "tcp", "--record", text(&recording)]);
        let running = Running::start(command.arg(server.url(clip.mount())));
        let enough = poll(Duration::from_secs(20), || {
            fs::metadata(&recording).ok().filter(|file| file.len() > 2_500_000)
        });
        assert!(enough.is_some(), "{running}");
        running.signal("KILL");
        running.finish(Duration::from_secs(10));
        let frames = assert_start_of_sample(&recording);
        assert!(frames > 60, "{frames} frames in {kind}");
    }
}

/// A file system of its own, which is too small.
#[test]
fn a_full_disk_ends_only_the_recording() {
    if !available(&[Peer::Ffmpeg]) {
        return;
    }
    let directory = TempDir::new();
    let mount = directory.path().join("small");
    fs::create_dir(&mount).unwrap();
    let clip = Clip::sample();
    let server = Server::of(&[&clip]);
    for kind in ["avi", "mjpeg"] {
        let copy = directory.path().join(format!("copy.{kind}"));
        let script = "mount -t tmpfs -o size=400k none \"$1\" || exit 77; \
                      \"$2\" --headless --json --record \"$1/out.$5\" \"$3\"; \
                      code=$?; cp \"$1/out.$5\" \"$4\"; exit $code";
        let mut command = Command::new("unshare");
        command.args(["--map-root-user", "--mount", "sh", "-c", script, "sh"]).arg(&mount);
        command.arg(binary("pinhole-viewer")).args([&server.url(clip.mount()), text(&copy), kind]);
        let Ok(done) = run(&mut command, Duration::from_secs(60)) else {
            return eprintln!("left out: unshare is missing");
        };
        if done.status.code() == Some(77) || done.stderr.contains("unshare:") {
            return eprintln!("left out: no file system can be mounted here: {}", done.stderr);
        }
        assert_eq!(done.status.code(), Some(1), "{done:?}");
        for words in ["out.", "cannot be written", "make room", "playing goes on", "has broken off"] {
            assert!(done.stderr.contains(words), "nothing of '{words}' in {}", done.stderr);
        }
        let report: serde_json::Value = serde_json::from_str(done.stdout.lines().last().unwrap()).unwrap();
        assert_eq!(report["frames_complete"], clip.frames, "{report}");
        let frames = assert_start_of_sample(&copy);
        assert_eq!(report["recorded"]["frames"], frames);
        assert!((5..50).contains(&frames), "{frames} frames in 400 KiB");
    }
}

#[test]
fn each_picture_size_gets_a_file() {
    if !available(&[Peer::Ffmpeg]) {
        return;
    }
    let directory = TempDir::new();
    let source = |size: &str| {
        format!("ffmpeg -nostdin -v error -re -f lavfi -i testsrc2=size={size}:rate=25 -t 3 -f mjpeg -")
    };
    let mut camera = Command::new("sh");
    camera.args(["-c", &format!("{}; {}", source("320x240"), source("160x128"))]);
    let server = Server::of_camera(&mut camera);
    // With it goes this process's end of the pipe: the camera's end is the stream's.
    drop(camera);
    let recording = directory.path().join("camera.avi");
    let report = viewer::watch(&server.url("live"), Transport::Tcp, &["--record", text(&recording)]);
    let sizes = [&recording, &directory.path().join("camera-2.avi")].map(|file| {
        let size = run(
            Command::new("ffprobe")
                .args(["-v", "error", "-show_entries", "stream=width,height,nb_read_frames"])
                .args(["-count_frames", "-of", "csv=p=0"])
                .arg(file),
            Duration::from_secs(20),
        );
        size.unwrap().stdout.trim().to_owned()
    });
    let frames = |size: &str, said: &str| -> u64 {
        let frames = said.strip_prefix(size).unwrap_or_else(|| panic!("{sizes:?}"));
        frames.parse().unwrap()
    };
    let all = frames("320,240,", &sizes[0]) + frames("160,128,", &sizes[1]);
    assert_eq!(all, report.number("frames_complete"), "{sizes:?}");
}

#[test]
fn a_file_that_exists_is_left_alone() {
    let directory = TempDir::new();
    let precious = directory.file("precious.avi", b"precious");
    let clip = Clip::sample();
    let server = Server::of(&[&clip]);
    let done = viewer::run_viewer(&["--record", text(&precious), &server.url(clip.mount())]);
    assert_eq!(done.status.code(), Some(1), "{done:?}");
    assert!(done.stderr.contains("precious.avi exists already"), "{}", done.stderr);
    assert_eq!(fs::read(&precious).unwrap(), b"precious");
}

#[test]
fn the_progress_bar_is_for_terminals() {
    let clip = Clip::sample();
    let server = Server::of(&[&clip]);
    let url = server.url(clip.mount());
    let done = viewer::run_viewer(&[&url]);
    assert_eq!(done.stderr, "");
    // `script` is a terminal of 80 columns.
    let viewer = format!("stty cols 120; {} --headless {url}", binary("pinhole-viewer").display());
    let mut command = Command::new("script");
    let Ok(done) = run(command.args(["-qec", &viewer, "/dev/null"]), Duration::from_secs(30)) else {
        return eprintln!("left out: script is missing");
    };
    let shown = &done.stdout;
    assert!(shown.contains("0:01 / 0:02 [="), "{shown:?}");
    assert!(shown.contains("30.00 fps") && shown.contains("0 lost"), "{shown:?}");
}
