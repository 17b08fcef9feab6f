//! Disks that fail, hang and vanish while they are served: that costs their own sessions, which are told why,
//! and nobody else.
#![cfg(target_os = "linux")]
mod disk;
mod viewer;

use disk::{Disk, Fault};
use pinhole_tests::Transport;
use pinhole_tests::clip::{Clip, TempDir};
use pinhole_tests::display::Display;
use pinhole_tests::network::in_own_namespaces;
use pinhole_tests::peer::{Peer, available};
use pinhole_tests::process::{Running, binary, poll};
use pinhole_tests::server::Server;
use pinhole_tests::viewer as program;
use serde_json::Value;
use std::fs;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};
use viewer::Viewer;

const LIMIT: Duration = Duration::from_secs(30);
/// How long a busy machine may leave a viewer without a frame. The faults last longer.
const BUSY: Duration = Duration::from_secs(5);
/// How long a server may take that was told to end.
const SECONDS: Duration = Duration::from_secs(5);
/// More than the time after which what could not be read is tried again.
const LONG: Duration = Duration::from_secs(11);
/// Frames of two seconds, which is all of the clip once.
const ROUND: usize = 60;

/// A server of a file on a disk that fails, one that nobody plays, and one on another disk; with viewers.
struct Stage {
    // The disk is dropped first: else whoever waits for it would be waited for.
    disk: Disk,
    watching: Vec<Viewer>,
    bystander: Viewer,
    server: Server,
    _other: Disk,
}

impl Stage {
    fn new(viewers: usize) -> Self {
        let [disk, other] = ["victim", "other"].map(|name| Disk::mount(name, content()));
        // A cache of a few frames: nobody plays on from what was read before.
        let server = Server::with(&["--cache", "256KiB"], &[disk.played(), disk.idle(), other.played()]);
        let watching = Transport::ALL.into_iter().cycle().take(viewers);
        let watching = watching.map(|transport| Viewer::play(&server, "victim", transport)).collect();
        let bystander = Viewer::play(&server, "other", Transport::Tcp);
        let stage = Self { disk, watching, bystander, server, _other: other };
        stage.all_go_on(ROUND);
        stage
    }

    fn all_go_on(&self, frames: usize) {
        for viewer in self.watching.iter().chain([&self.bystander]) {
            assert!(viewer.goes_on(frames, LIMIT), "{:?}", viewer.seen());
        }
    }

    /// Waits until all viewers of the disk have got BYE, and the server has said why.
    fn ends_with(&self, reasons: &[&str]) {
        for viewer in &self.watching {
            assert!(viewer.ends(LIMIT), "{:?}", viewer.seen());
        }
        let path = self.disk.played().display().to_string();
        for event in self.server.wait_events("ended", self.watching.len(), LIMIT) {
            let problem = event["problem"].as_str().unwrap_or_default();
            let is_told = problem.contains(&path) && reasons.iter().any(|reason| problem.contains(reason));
            assert!(event["mount"] == "victim" && is_told, "{event}");
        }
    }

    /// Waits until a new session plays as if nothing had happened.
    fn plays_again(&self) {
        let played = poll(LIMIT, || {
            let viewer = Viewer::play(&self.server, "victim", Transport::Tcp);
            let plays = viewer.goes_on(ROUND, LIMIT);
            // A client that asks again and again is not what is tested.
            thread::sleep(Duration::from_millis(if plays { 0 } else { 500 }));
            plays.then_some(())
        });
        played.expect("the disk is read again");
    }

    /// Checks that the bystander had no part in it, and ends the server. Returns what that has said.
    fn ends(self) -> String {
        assert!(self.bystander.goes_on(ROUND, LIMIT), "{:?}", self.bystander.seen());
        let gap = self.bystander.longest_gap();
        println!("the bystander's longest gap: {gap:?}");
        assert!(gap < BUSY, "{gap:?}");
        // The viewers go on reading until the server has said BYE.
        let done = self.server.stop("TERM");
        assert_eq!(done.status.code(), Some(0), "{done:?}");
        done.stderr
    }
}

fn content() -> Vec<u8> {
    fs::read(Clip::sample().path).unwrap()
}

/// Runs `body` where disks can be mounted, or leaves the test out.
fn with_disks(test: &str, body: impl FnOnce()) {
    if available(&[Peer::Namespaces, Peer::Fuse]) {
        // It is built outside.
        binary("pinhole-server");
        in_own_namespaces(test, body);
    }
}

/// Lets the disk fail for a while, from this time of the clip on, in rounds.
fn fails(from: u64) {
    let stage = Stage::new(2);
    stage.disk.set(Fault::Fails(from * content().len() as u64..u64::MAX));
    stage.ends_with(&["os error 5"]);
    stage.disk.set(Fault::Nothing);
    stage.plays_again();
    let said = stage.ends();
    assert_eq!(said.matches("sessions that play it end").count(), 1, "{said}");
}

#[test]
fn a_disk_that_fails_ends_its_sessions_and_is_read_again() {
    with_disks("a_disk_that_fails_ends_its_sessions_and_is_read_again", || fails(0));
}

#[test]
fn a_disk_that_fails_from_some_place_on_ends_its_sessions() {
    with_disks("a_disk_that_fails_from_some_place_on_ends_its_sessions", || fails(4));
}

#[test]
fn a_bad_sector_and_short_reads_cost_no_session() {
    with_disks("a_bad_sector_and_short_reads_cost_no_session", || {
        let stage = Stage::new(2);
        // Ahead of the viewers, who are at the fourth round or so, and less than they go on.
        let sector = 8 * content().len() as u64;
        stage.disk.set(Fault::Fails(sector..sector + 512));
        stage.all_go_on(3 * ROUND);
        stage.disk.set(Fault::Short(700));
        stage.all_go_on(ROUND);
        let said = stage.ends();
        assert!(said.contains("os error 5") && !said.contains("sessions that play it end"), "{said}");
    });
}

#[test]
fn a_disk_that_hangs_holds_up_nobody_else() {
    with_disks("a_disk_that_hangs_holds_up_nobody_else", || {
        // As many as there may be threads that read, each of which one of them could hold.
        let threads = thread::available_parallelism().map_or(2, usize::from).clamp(2, 8);
        let stage = Stage::new(threads);
        stage.disk.set(Fault::Hangs);
        let start = Instant::now();
        // New viewers are answered; those of the other disk play.
        let new = Viewer::play(&stage.server, "victim", Transport::Udp);
        assert!(Viewer::play(&stage.server, "other", Transport::Udp).goes_on(ROUND, LIMIT));
        thread::sleep(LONG.saturating_sub(start.elapsed()));
        assert!(stage.disk.waiting() > 0);
        let held: Vec<_> = stage.watching.iter().chain([&new]).map(|viewer| viewer.seen().frames).collect();
        stage.disk.set(Fault::Nothing);
        stage.all_go_on(ROUND);
        assert!(new.goes_on(ROUND, LIMIT), "{:?} after {held:?}", new.seen());
        drop(new);
        let said = stage.ends();
        assert!(!said.contains("sessions that play it end"), "{said}");
    });
}

#[test]
fn a_server_ends_while_its_disk_hangs() {
    with_disks("a_server_ends_while_its_disk_hangs", || {
        let Stage { _other, server, watching, bystander, disk } = Stage::new(2);
        disk.set(Fault::Hangs);
        poll(LIMIT, || (disk.waiting() > 0).then_some(())).expect("something is read");
        server.signal("TERM");
        server.wait_events("stopped", 1, SECONDS);
        assert_ends(&process_state(server.id()));
        assert!(watching.iter().chain([&bystander]).all(|viewer| viewer.ends(LIMIT)));
        // Only now does the kernel let go of the thread that waits for the disk.
        drop(disk);
        assert_eq!(server.finish().status.code(), Some(0));
    });
}

#[test]
fn a_start_that_waits_for_a_disk_ends_by_a_signal() {
    with_disks("a_start_that_waits_for_a_disk_ends_by_a_signal", || {
        let disk = Disk::mount("victim", content());
        let path = disk.played();
        disk.set(Fault::Hangs);
        let mut command = Command::new(binary("pinhole-server"));
        let server = Running::start(command.args(["--listen", "127.0.0.1:0", "--json"]).arg(&path));
        // It is dropped before the server.
        let disk = disk;
        let says = |what: &str, limit| {
            server.wait_stdout(limit, |lines| lines.iter().any(|line| is_event(line, what)).then_some(()));
        };
        says("waiting", LIMIT);
        server.signal("TERM");
        says("stopped", SECONDS);
        assert_ends(&process_state(server.id()));
        drop(disk);
        assert_eq!(server.finish(LIMIT).status.code(), Some(0));
    });
}

#[test]
fn a_window_takes_keys_while_the_next_file_hangs() {
    if !available(&[Peer::Display]) {
        return;
    }
    with_disks("a_window_takes_keys_while_the_next_file_hangs", || {
        let directory = TempDir::new();
        // Long enough for whatever happens meanwhile.
        let clip = directory.file("clip.mjpeg", &content().repeat(60));
        let display = Display::start();
        let disk = Disk::mount("victim", content());
        let media = [&clip, &disk.played()].map(|path| path.display().to_string());
        let viewer = program::start_on(display.name(), &media.each_ref().map(String::as_str));
        // It is dropped before the viewer.
        let disk = disk;
        let window = display.window();
        disk.set(Fault::Hangs);
        let opening = format!("opening - {}", media[1]);
        window.press("n");
        window.wait_title(|title| title == opening);
        let told = poll(LIMIT, || {
            let picture = window.picture();
            let (width, height) = picture.size;
            // Text in the middle of a black window.
            let text = picture.count((0, height / 3, width, height / 3), 0xf2_f2f2);
            (text > 30 && picture.count((0, 0, width, 20), 0) == width * 20).then_some(())
        });
        assert!(told.is_some(), "it is told what is waited for");
        window.press("Prior");
        window.wait_title(|title| title.starts_with(&format!("{} - 512x288 - ", media[0])));
        window.press("n");
        window.wait_title(|title| title == opening);
        let state = process_state(viewer.id());
        window.press("q");
        assert_ends(&state);
        drop(disk);
        assert_eq!(viewer.finish(LIMIT).status.code(), Some(0));
    });
}

#[test]
fn a_disk_that_hangs_at_the_start_costs_its_own_files() {
    with_disks("a_disk_that_hangs_at_the_start_costs_its_own_files", || {
        let disk = Disk::mount("victim", content());
        disk.set(Fault::Hangs);
        let mut command = Command::new(binary("pinhole-server"));
        command.args(["--listen", "127.0.0.1:0", "--json"]).args([disk.played(), Clip::sample().path]);
        let server = Running::start(&mut command);
        // It is dropped before the server.
        let disk = disk;
        let said = server.wait_stdout(2 * LIMIT, |lines| {
            lines.iter().any(|line| is_event(line, "serving")).then(|| lines.join("\n"))
        });
        assert!(said.contains("its disk hangs") && said.contains(Clip::sample().mount()), "{said}");
        server.signal("TERM");
        assert_ends(&process_state(server.id()));
        drop(disk);
        assert_eq!(server.finish(LIMIT).status.code(), Some(0));
    });
}

#[test]
fn a_disk_that_is_taken_away_ends_its_sessions() {
    with_disks("a_disk_that_is_taken_away_ends_its_sessions", || {
        let mut stage = Stage::new(2);
        // What is open stays so.
        stage.disk.detach();
        stage.all_go_on(ROUND);
        assert!(!stage.disk.played().exists());
        stage.disk.abort();
        stage.ends_with(&["os error 107", "os error 103"]);
        // It is mounted again.
        stage.disk.attach();
        stage.plays_again();
        let said = stage.ends();
        assert_eq!(said.matches("sessions that play it end").count(), 1, "{said}");
    });
}

#[test]
fn a_disk_that_is_taken_away_while_it_hangs_ends_its_sessions() {
    with_disks("a_disk_that_is_taken_away_while_it_hangs_ends_its_sessions", || {
        let stage = Stage::new(2);
        stage.disk.set(Fault::Hangs);
        poll(LIMIT, || (stage.disk.waiting() > 0).then_some(())).expect("something is read");
        stage.disk.abort();
        stage.ends_with(&["os error 107", "os error 103"]);
        stage.ends();
    });
}

fn is_event(line: &str, what: &str) -> bool {
    serde_json::from_str::<Value>(line).is_ok_and(|event| event["event"] == what)
}

/// Returns the file that tells the state of a process's main thread.
fn process_state(id: u32) -> String {
    format!("/proc/{id}/stat")
}

/// Waits until a process has ended, apart from threads that the kernel keeps.
fn assert_ends(state: &str) {
    let ended = poll(SECONDS, || {
        let stat = fs::read_to_string(state).unwrap_or_default();
        let after_name = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
        // A zombie, or none any more.
        after_name.starts_with(['Z', 'X']).then_some(()).or(stat.is_empty().then_some(()))
    });
    ended.expect("the program ends");
}
