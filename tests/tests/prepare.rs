//! `pinhole-server prepare`: what it writes is what would be sent, and is sent so.
use pinhole_tests::clip::{Clip, TempDir};
use pinhole_tests::peer::{Peer, available};
use pinhole_tests::process::{Finished, Running, binary, run};
use pinhole_tests::server::Server;
use pinhole_tests::{Transport, viewer, watch};
use serde_json::Value;
use std::ffi::OsStr;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

fn prepare(arguments: &[&OsStr]) -> Finished {
    run(command().args(arguments), Duration::from_secs(60)).unwrap()
}

fn command() -> Command {
    let mut command = Command::new(binary("pinhole-server"));
    command.args(["prepare", "--json"]);
    command
}

/// What is said of a file that was written.
#[track_caller]
fn prepared(done: &Finished) -> Value {
    assert_eq!(done.status.code(), Some(0), "{done:?}");
    let said: Value = serde_json::from_str(done.stdout.lines().last().unwrap_or_default()).unwrap();
    assert_eq!(said["event"], "prepared", "{said}");
    said
}

fn files(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn a_prepared_file_is_served_unchanged() {
    if !available(&[Peer::Ffmpeg]) {
        return;
    }
    let directory = TempDir::new();
    for (name, clip) in
        [("own", Clip::own_huffman(&directory)), ("avi", Clip::sample().in_avi(&directory, 24))]
    {
        let output = directory.path().join(format!("{name}-prepared.avi"));
        let said =
            prepared(&prepare(&["--fps".as_ref(), "24".as_ref(), clip.path.as_ref(), output.as_ref()]));
        assert_eq!((&said["frames"], &said["left_out"]), (&clip.frames.into(), &0.into()));
        assert_eq!(said["bytes"], std::fs::metadata(&output).unwrap().len());

        let file = watch::ffmpeg_file(&clip.plain);
        let decoded = watch::ffmpeg_any(&output);
        watch::assert_same(&decoded, &file, "the prepared file");

        let server = Server::start(&[&output]);
        let serving = &server.wait_events("serving", 1, Duration::from_secs(10))[0];
        assert_eq!((&serving["frames"], &serving["recoded"]), (&clip.frames.into(), &0.into()));
        let url = server.url(&format!("{name}-prepared"));
        watch::assert_same(&watch::ffmpeg_stream(&url, Transport::Tcp), &file, "the stream");
        let begun = std::time::Instant::now();
        viewer::watch(&url, Transport::Tcp, &[]).assert_whole(clip.frames);
        let least = Duration::from_millis(clip.frames as u64 * 1000 / 24 - 300);
        assert!(begun.elapsed() > least, "{:?} for {} frames of 24 a second", begun.elapsed(), clip.frames);
        let done = server.stop("TERM");
        assert_eq!(done.stderr, "");
    }
}

#[test]
fn left_out_frames_are_counted() {
    let directory = TempDir::new();
    let mut clip = std::fs::read(Clip::sample().path).unwrap();
    let sof = clip.windows(2).skip(1000).position(|w| w == [0xff, 0xc0]).unwrap() + 1000;
    clip[sof + 1] = 0xc2;
    let input = directory.file("odd.mjpeg", &clip);
    let output = directory.path().join("odd.avi");
    let done = prepare(&[input.as_ref(), output.as_ref()]);
    let said = prepared(&done);
    assert_eq!((&said["frames"], &said["left_out"]), (&59.into(), &1.into()));
    assert!(done.stderr.contains("odd.mjpeg: frame 1, byte "), "{}", done.stderr);
    assert!(done.stderr.contains("progressive") && done.stderr.contains("--transcode"), "{}", done.stderr);
}

#[test]
fn existing_outputs_need_force() {
    let directory = TempDir::new();
    let clip = Clip::sample();
    let output = directory.file("out.avi", b"precious");
    let done = prepare(&[clip.path.as_ref(), output.as_ref()]);
    assert_eq!(done.status.code(), Some(1));
    assert!(done.stderr.contains("out.avi exists") && done.stderr.contains("--force"), "{}", done.stderr);
    assert_eq!(std::fs::read(&output).unwrap(), b"precious");
    prepared(&prepare(&["--force".as_ref(), clip.path.as_ref(), output.as_ref()]));
    assert!(std::fs::metadata(&output).unwrap().len() > 1_000_000);
    assert_eq!(files(directory.path()), ["out.avi"]);
}

#[test]
fn nothing_is_left_behind_where_it_fails() {
    let directory = TempDir::new();
    let text = directory.file("notes.txt", b"no video");
    let output = directory.path().join("out.avi");
    let done = prepare(&[text.as_ref(), output.as_ref()]);
    assert_eq!(done.status.code(), Some(1));
    assert!(done.stderr.contains("notes.txt"), "{}", done.stderr);
    let nowhere = directory.path().join("none/out.avi");
    let done = prepare(&[Clip::sample().path.as_ref(), nowhere.as_ref()]);
    assert_eq!(done.status.code(), Some(1));
    assert!(done.stderr.contains("none/out.avi cannot be written"), "{}", done.stderr);
    let done = prepare(&[Clip::sample().path.as_ref(), directory.path().join("out.mjpeg").as_ref()]);
    assert_eq!(done.status.code(), Some(2), "{}", done.stderr);
    // Of a scan of nothing but stuffed FF bytes, it is only known when the file has been begun.
    let clip = std::fs::read(Clip::sample().path).unwrap();
    let scan = clip.windows(2).position(|marker| marker == [0xff, 0xda]).unwrap();
    let head = scan + 2 + usize::from(u16::from_be_bytes([clip[scan + 2], clip[scan + 3]]));
    let frame = [&clip[..head], &[0xff, 0x00].repeat(10_000), &[0xff, 0xd9]].concat();
    let odd = directory.file("odd.mjpeg", &frame);
    let done = prepare(&[odd.as_ref(), output.as_ref()]);
    assert_eq!(done.status.code(), Some(1), "{done:?}");
    assert_eq!(files(directory.path()), ["notes.txt", "odd.mjpeg"]);
}

#[test]
fn an_interrupted_run_leaves_nothing_behind() {
    let directory = TempDir::new();
    let clip = std::fs::read(Clip::sample().path).unwrap();
    let input = directory.file("long.mjpeg", &clip.repeat(200));
    for signal in ["INT", "TERM", "QUIT", "HUP"] {
        let running = Running::start(command().arg(&input).arg(directory.path().join("out.avi")));
        let begun = pinhole_tests::process::poll(Duration::from_secs(10), || {
            files(directory.path()).iter().any(|name| name.ends_with(".part")).then_some(())
        });
        assert_eq!(begun, Some(()), "{running}");
        running.signal(signal);
        let done = running.finish(Duration::from_secs(10));
        assert_eq!(done.status.code(), Some(1), "{done:?}");
        assert!(done.stderr.contains("stopped"), "{}", done.stderr);
        assert_eq!(files(directory.path()), ["long.mjpeg"]);
    }
}

/// Whoever may write to the directory cannot have `prepare` write anywhere else.
#[cfg(unix)]
#[test]
fn planted_links_are_not_followed() {
    use std::os::unix::fs::symlink;
    let directory = TempDir::new();
    let precious = directory.file("precious.txt", b"precious");
    let clip = std::fs::read(Clip::sample().path).unwrap();
    let input = directory.file("in.mjpeg", &clip.repeat(50));
    let output = directory.path().join("out.avi");
    symlink(&precious, &output).unwrap();
    let done = prepare(&[input.as_ref(), output.as_ref()]);
    assert_eq!(done.status.code(), Some(1), "{done:?}");
    assert!(done.stderr.contains("out.avi exists already"), "{}", done.stderr);
    // A name that can be guessed from the number of the process, which the shell keeps.
    let mut command = Command::new("sh");
    command.args(["-c", "echo $$; read go; exec \"$0\" prepare --force \"$@\""]);
    let mut running = Running::start(command.arg(binary("pinhole-server")).args([&input, &output]));
    let id = running.wait_stdout(Duration::from_secs(20), |lines| lines.first().cloned());
    symlink(&precious, directory.path().join(format!(".out.avi.{id}.part"))).unwrap();
    running.take_stdin().write_all(b"\n").unwrap();
    let done = running.finish(Duration::from_secs(60));
    assert_eq!(done.status.code(), Some(0), "{done:?}");
    assert!(std::fs::symlink_metadata(&output).unwrap().is_file());
    // A link that leads nowhere is a file that exists.
    let dangling = directory.path().join("dangling.avi");
    symlink(directory.path().join("nowhere"), &dangling).unwrap();
    assert_eq!(prepare(&[input.as_ref(), dangling.as_ref()]).status.code(), Some(1));
    assert_eq!(std::fs::read(&precious).unwrap(), b"precious");
    let mut left = files(directory.path());
    left.retain(|name| !name.starts_with(".out.avi."));
    assert_eq!(left, ["dangling.avi", "in.mjpeg", "out.avi", "precious.txt"]);
}

/// A file system of its own, which is too small.
#[test]
fn a_full_disk_leaves_nothing_behind() {
    let directory = TempDir::new();
    let script = "mount -t tmpfs -o size=400k none \"$1\" || exit 77; \"$2\" prepare \"$3\" \"$1/out.avi\"; \
                  code=$?; ls -A \"$1\"; exit $code";
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--mount", "sh", "-c", script, "sh"]).arg(directory.path());
    let Ok(done) =
        run(command.arg(binary("pinhole-server")).arg(Clip::sample().path), Duration::from_secs(60))
    else {
        return eprintln!("left out: unshare is missing");
    };
    if done.status.code() == Some(77) || done.stderr.contains("unshare:") {
        return eprintln!("left out: no file system can be mounted here: {}", done.stderr);
    }
    assert_eq!((done.status.code(), &*done.stdout), (Some(1), ""), "{done:?}");
    assert!(done.stderr.contains("out.avi cannot be written"), "{}", done.stderr);
}
