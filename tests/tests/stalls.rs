//! Servers and sources that stop, or never begin: what the viewer shows and tells then.
use pinhole_tests::clip::{Clip, TempDir};
use pinhole_tests::display::{Display, LIMIT, Picture};
use pinhole_tests::peer::{Peer, available};
use pinhole_tests::process::Running;
use pinhole_tests::server::Server;
use pinhole_tests::stage::{Stage, quit, wait};
use pinhole_tests::{Transport, fake, undisturbed, viewer};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::ChildStdin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

/// Titles and texts.
const WHITE: u32 = 0xf2_f2f2;
/// The window of the sample clip, and of what has no picture yet; where a message is, in the middle of what is
/// above the controls.
const SIZE: (usize, usize) = (1024, 576);
const MESSAGE: (usize, usize, usize, usize) = (0, SIZE.1 / 2 - 120, SIZE.0, 180);
/// A message in its large letters has more pixels than this of their colour.
const LETTERS: usize = 300;
/// A silence is told half a second after what jitter explains; the rest is for a busy machine.
const TOLD: Duration = Duration::from_secs(10);

/// A camera of the sample clip that sends 25 pictures a second until it is held.
struct Camera(Arc<AtomicBool>);

impl Camera {
    fn start(mut pipe: ChildStdin) -> Self {
        let held = Arc::<AtomicBool>::default();
        let holds = Arc::clone(&held);
        let clip = std::fs::read(Clip::sample().path).unwrap();
        let starts: Vec<usize> =
            (0..clip.len() - 2).filter(|at| clip[*at..].starts_with(&[0xff, 0xd8, 0xff])).collect();
        thread::spawn(move || {
            for pair in starts.windows(2).cycle() {
                while holds.load(Relaxed) {
                    thread::sleep(Duration::from_millis(5));
                }
                // The next start tells that the picture is whole.
                if pipe.write_all(&clip[pair[0]..pair[1]]).is_err() {
                    return;
                }
                thread::sleep(Duration::from_millis(40));
            }
        });
        Self(held)
    }

    fn hold(&self, held: bool) {
        self.0.store(held, Relaxed);
    }
}

fn brightness(picture: &Picture) -> f64 {
    let part = picture.part(0, 0, picture.size.0, picture.size.1 - 120);
    part.iter().map(|value| f64::from(*value)).sum::<f64>() / part.len() as f64
}

fn shows_message(picture: &Picture) -> bool {
    picture.size == SIZE && picture.count(MESSAGE, WHITE) > LETTERS
}

/// For how long no picture has come, as a title tells it.
fn seconds(title: &str) -> Option<u32> {
    title.strip_prefix("no picture for ")?.split(' ').next()?.parse().ok()
}

/// Waits for a line of standard error.
fn tells(viewer: &Running, line: &str) {
    viewer.wait_stderr(LIMIT, |lines| lines.iter().any(|told| told.contains(line)).then_some(()));
}

#[test]
fn a_live_picture_that_stands_says_so() {
    if !available(&[Peer::Display]) {
        return;
    }
    let _turn = undisturbed();
    let (server, pipe) = Server::of_pipe(&[]);
    let camera = Camera::start(pipe);
    server.wait_events("serving", 1, LIMIT);
    let stage = Stage::of(server, "live");
    let window = stage.display.window();
    window.wait_title(|title| title.starts_with("rtsp://") && !title.contains(" 0.00 fps"));
    let bright = brightness(&window.picture());
    for _ in 0..2 {
        camera.hold(true);
        let held = Instant::now();
        let title = window.wait_title(|title| title.starts_with("no picture for "));
        assert!(held.elapsed() < TOLD, "told after {:?}", held.elapsed());
        assert!(title.contains(" 0.00 fps"), "{title}");
        stage.wait("a message is over the dimmed picture", || {
            let picture = window.picture();
            (shows_message(&picture) && brightness(&picture) < bright * 0.7).then_some(())
        });
        // It counts on.
        window.wait_title(|title| seconds(title).is_some_and(|seconds| seconds >= 3));
        tells(&stage.viewer, "no picture comes any more");
        camera.hold(false);
        window.wait_title(|title| title.starts_with("rtsp://") && !title.contains(" 0.00 fps"));
        stage.wait("the picture is there again", || {
            (brightness(&window.picture()) > bright * 0.85).then_some(())
        });
    }
    // It was one session all the time.
    let server = stage.quit("q");
    assert_eq!(server.wait_events("opened", 1, LIMIT).len(), 1);
}

#[test]
fn a_server_that_hangs_is_left_and_come_back_to() {
    if !available(&[Peer::Display]) {
        return;
    }
    let _turn = undisturbed();
    for transport in ["udp", "tcp"] {
        let server = Server::with(&["--pattern", "512x288@15"], &[""; 0]);
        let (display, directory) = (Display::start(), TempDir::new());
        let url = server.url("pattern");
        let viewer = viewer::start_in(directory.path(), display.name(), &["--transport", transport, &url]);
        let window = display.window();
        window.wait_title(|title| title.starts_with("rtsp://") && !title.contains(" 0.00 fps"));
        server.signal("STOP");
        window.wait_title(|title| title.starts_with("no picture for "));
        window.wait_title(|title| title.starts_with("reconnecting - "));
        wait(&viewer, "the window tells where it connects to", || {
            shows_message(&window.picture()).then_some(())
        });
        server.signal("CONT");
        window.wait_title(|title| title.starts_with("rtsp://") && !title.contains(" 0.00 fps"));
        assert!(server.wait_events("opened", 2, LIMIT).len() >= 2, "over {transport}");
        quit(viewer, &window, "q");
    }
}

#[test]
fn silences_are_in_the_report() {
    let (server, pipe) = Server::of_pipe(&[]);
    let camera = Camera::start(pipe);
    server.wait_events("serving", 1, LIMIT);
    let watching = viewer::start(&server.url("live"), Transport::Tcp);
    server.wait_events("opened", 1, LIMIT);
    thread::sleep(Duration::from_secs(1));
    camera.hold(true);
    tells(&watching, "no picture comes any more");
    thread::sleep(Duration::from_secs(1));
    camera.hold(false);
    tells(&watching, "pictures come again, after");
    watching.signal("TERM");
    let report = viewer::report(&watching.finish(LIMIT));
    assert!(report.number("silences") >= 1, "{report:?}");
    assert!(report.number("silence_ms") >= 1_000, "{report:?}");
}

/// Somebody else has the server's place, takes connections and says nothing; or nobody does.
#[test]
fn a_viewer_that_is_told_to_quit_while_it_reconnects_ends_well() {
    for transport in Transport::ALL {
        for mute in [true, false] {
            let server = Server::with(&["--pattern", "512x288@15"], &[""; 0]);
            let (address, url) = (server.address(), server.url("pattern"));
            let pictures = TempDir::new();
            let file = pictures.path().join("a.y4m");
            let viewer = viewer::start_with(&url, transport, &["--pictures", file.to_str().unwrap()]);
            // It gets its name at the end.
            wait(&viewer, "a picture came", || {
                let mut files = pictures.path().read_dir().unwrap();
                let is_picture =
                    |file: std::fs::DirEntry| file.metadata().is_ok_and(|data| data.len() > 1000);
                files.any(|file| file.is_ok_and(is_picture)).then_some(())
            });
            server.signal("KILL");
            let _ = server.finish();
            // The first attempts find nobody, perhaps.
            let listener = TcpListener::bind(address).unwrap();
            listener.set_nonblocking(true).unwrap();
            let connection = wait(&viewer, "it connects anew", || Some(listener.accept().ok()?.0));
            let mut byte = [0];
            connection.set_nonblocking(false).unwrap();
            connection.set_read_timeout(Some(LIMIT)).unwrap();
            (&connection).read_exact(&mut byte).expect("it asks");
            if !mute {
                drop((listener, connection));
            }
            viewer.signal("TERM");
            let done = viewer.finish(LIMIT);
            done.assert_says(0, &[]);
            let report = viewer::report(&done);
            assert!(report.number("frames_complete") > 0, "{report:?}");
        }
    }
}

#[test]
fn a_mute_server_is_named_in_the_window() {
    if !available(&[Peer::Display]) {
        return;
    }
    let _turn = undisturbed();
    let address = fake::server("", "");
    let display = Display::start();
    let viewer = viewer::start_on(display.name(), &[&format!("rtsp://me:secret@{address}/live")]);
    let window = display.early_window();
    assert_eq!(window.title(), format!("connecting - rtsp://***@{address}/live"));
    wait(&viewer, "a message is there", || shows_message(&window.picture()).then_some(()));
    let done = viewer.finish(LIMIT);
    done.assert_says(1, &["does not answer"]);

    // Who does not want to wait need not.
    let viewer = viewer::start_on(display.name(), &[&format!("rtsp://{address}/live")]);
    quit(viewer, &display.early_window(), "q");
}

#[test]
fn a_server_without_a_picture_is_waited_for_in_the_window() {
    if !available(&[Peer::Display]) {
        return;
    }
    let _turn = undisturbed();
    let url = fake::Script::default().serve();
    let display = Display::start();
    let viewer = viewer::start_on(display.name(), &["--transport", "tcp", &url]);
    let window = display.early_window();
    wait(&viewer, "a message is there", || shows_message(&window.picture()).then_some(()));
    quit(viewer, &window, "q");
}
