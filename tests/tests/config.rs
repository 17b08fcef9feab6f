//! The configuration of the server: a file, the environment, and reading both anew while clients watch.
use pinhole_tests::clip::{Clip, TempDir};
use pinhole_tests::dialogue::Dialogue;
use pinhole_tests::fake;
use pinhole_tests::http::get;
use pinhole_tests::process::{Finished, Running, binary, poll, run};
use pinhole_tests::server::{Server, passwd};
use pinhole_tests::{Transport, undisturbed, viewer};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);
/// The credentials of users by Basic authentication, with the password `secret`.
const ANNA: (&str, &str) = ("Authorization", "Basic YW5uYTpzZWNyZXQ=");
const BOB: (&str, &str) = ("Authorization", "Basic Ym9iOnNlY3JldA==");

/// A configuration file in a directory of its own.
struct Config {
    directory: TempDir,
    path: PathBuf,
}

impl Config {
    fn new(text: &str) -> Self {
        let directory = TempDir::new();
        let path = directory.path().join("pinhole.toml");
        let config = Self { directory, path };
        config.write(text);
        config
    }

    fn write(&self, text: &str) {
        fs::write(&self.path, text).unwrap();
        fs::set_permissions(&self.path, fs::Permissions::from_mode(0o600)).unwrap();
    }

    fn path(&self) -> &str {
        self.path.to_str().expect("a name in UTF-8")
    }

    /// Starts a server with this file.
    fn serve(&self, options: &[&str]) -> Server {
        Server::with(&[&["--config", self.path()], options].concat(), &[] as &[&str])
    }

    /// Writes a file with the users, all with the password `secret`. Returns the line that names it.
    fn users(&self, names: &[&str]) -> String {
        let file = self.directory.path().join("users");
        let _ = fs::remove_file(&file);
        for name in names {
            let done = passwd(&file, (name, "secret"), &[]);
            assert!(done.status.success(), "{done:?}");
        }
        format!("users = {file:?}\nallow-basic = true\n")
    }
}

/// Returns an entry for a file.
fn medium(path: &Path, more: &str) -> String {
    format!("[[media]]\npath = {path:?}\n{more}\n")
}

fn server_run(arguments: &[&str], variables: &[(&str, &str)]) -> Finished {
    let mut command = Command::new(binary("pinhole-server"));
    run(command.args(arguments).envs(variables.iter().copied()), LIMIT).expect("the server runs")
}

/// Sends SIGHUP, and waits until the server says what has come of it for the `count`th time.
fn reload(server: &Server, event: &str, count: usize) -> serde_json::Value {
    server.signal("HUP");
    server.wait_events(event, count, LIMIT).pop().expect("there is one")
}

/// Begins to watch, and returns the connection.
fn watching(server: &Server, mount: &str, credentials: (&str, &str)) -> Dialogue {
    let (url, mut viewer) = (server.url(mount), Dialogue::connect(server.address()));
    let transport = ("Transport", "RTP/AVP/TCP;unicast;interleaved=0-1");
    viewer.request("SETUP", &format!("{url}/trackID=0"), &[transport, credentials]).ok();
    viewer.request("PLAY", &url, &[credentials]).ok();
    viewer.interleaved(LIMIT).expect("the stream begins");
    viewer
}

/// Waits for the BYE (RFC 3550, 6.6) of a stream, and for the end of its connection.
fn assert_ends(viewer: &mut Dialogue) {
    let is_bye = |packet: &[u8]| {
        // Reports come before it in the same packet.
        let mut rest = packet;
        while let [_, kind, high, low, ..] = *rest {
            if kind == 203 {
                return true;
            }
            rest = rest.get(4 * (usize::from(u16::from_be_bytes([high, low])) + 1)..).unwrap_or_default();
        }
        false
    };
    let bye = poll(LIMIT, || {
        let (channel, packet) = viewer.interleaved(LIMIT).expect("there is a BYE before the end");
        (channel == 1 && is_bye(&packet)).then_some(())
    });
    assert!(bye.is_some() && viewer.closes(LIMIT));
}

#[test]
fn a_file_is_checked_and_faults_have_their_places() {
    let config = Config::new("listen = 0\nmtu = \"9000\"\n");
    let right = server_run(&["--config", config.path(), "--check-config"], &[]);
    assert!(right.status.success() && right.stdout.contains("is right"), "{right:?}");
    config.write("listen = 0\nmtu = 9\nlop = true\n");
    let path = config.path();
    let places = [&*format!("{path}:2:7: mtu: \"9\""), &*format!("{path}:3:1:"), "did you mean \"loop\"?"];
    for options in [&["--config", path, "--check-config"][..], &["--config", path]] {
        server_run(options, &[]).assert_says(1, &places);
    }
    server_run(&["--check-config"], &[("PINHOLE_CONFIG", path)]).assert_says(1, &places);
    server_run(&["--check-config", "--config", "/nowhere"], &[]).assert_says(1, &["/nowhere"]);
    server_run(&["--check-config"], &[("PINHOLE_FPS", "many")]).assert_says(1, &["PINHOLE_FPS: \"many\""]);
    server_run(&[], &[("PINHOLE_FPS", "many")]).assert_says(2, &["PINHOLE_FPS: \"many\""]);
    server_run(&["--check-config", "--print-config"], &[]).assert_says(2, &["cannot be used with"]);
    // Users are checked, too.
    config.write(&format!("{}[[media]]\npath = \"a\"\nusers = [\"carl\"]\n", config.users(&["anna"])));
    server_run(&["--config", path, "--check-config"], &[])
        .assert_says(1, &["users who are not there: \"carl\""]);
}

#[test]
fn what_is_printed_is_a_configuration() {
    let config =
        Config::new("fps = 29.97\nmtu = 1000\n[[media]]\nsource = \"rtsp://me:secret@10.0.0.1/x\"\n");
    let options = ["--config", config.path(), "--print-config", "--mtu", "1100"];
    let first = server_run(&options, &[("PINHOLE_LINGER", "5s"), ("PINHOLE_MTU", "1200")]);
    assert_eq!(first.status.code(), Some(0), "{first:?}");
    for line in ["fps = \"29.97\"", "linger = \"5s\"", "mtu = \"1100\"", "# http = \"[ADDR:]PORT\""] {
        assert!(first.stdout.lines().any(|printed| printed == line), "{line}: {}", first.stdout);
    }
    config.write(&first.stdout);
    let second = server_run(&["--config", config.path(), "--print-config"], &[]);
    assert_eq!(second.stdout, first.stdout);
}

#[test]
fn the_environment_alone_is_enough() {
    let address = fake::nobody().to_string();
    let mut command = Command::new(binary("pinhole-server"));
    command.envs([("PINHOLE_LISTEN", &*address), ("PINHOLE_JSON", "1"), ("PINHOLE_PATTERN", "160x120")]);
    let server = Running::start(&mut command);
    let url = format!("rtsp://{address}/pattern");
    server.wait_stdout(LIMIT, |lines| {
        lines.iter().any(|line| line.starts_with('{') && line.contains(&url)).then_some(())
    });
    viewer::watch(&url, Transport::Tcp, &["--duration", "1"]);
}

#[test]
fn media_are_served_as_the_file_says() {
    let (sample, directory) = (Clip::sample(), TempDir::new());
    for name in ["a.mjpeg", "b.mjpeg"] {
        fs::copy(&sample.path, directory.path().join(name)).unwrap();
    }
    let fast = medium(&sample.path, "name = \"lobby/fast\"\nfps = 120");
    let config = Config::new(&format!("{fast}{}", medium(directory.path(), "name = \"archive\"")));
    let server = config.serve(&[]);
    for (mount, fps) in [("lobby/fast", "120"), ("archive/a", "30"), ("archive/b", "30")] {
        let reply = Dialogue::connect(server.address()).request("DESCRIBE", &server.url(mount), &[]).ok();
        assert!(reply.body.contains(&format!("a=framerate:{fps}")), "{mount}: {}", reply.body);
    }
    viewer::watch(&server.url("lobby/fast"), Transport::Udp, &[]).assert_whole(sample.frames);
    // What the command line names takes the place of all that.
    let server = Server::with(&["--config", config.path()], &[&sample.path]);
    let reply = Dialogue::connect(server.address()).request("DESCRIBE", &server.url("archive/a"), &[]);
    assert_eq!(reply.status, 404);
}

#[test]
fn a_medium_is_that_of_its_users() {
    let sample = Clip::sample();
    let config = Config::new("");
    let all = medium(&sample.path, "name = \"all\"");
    let private = medium(&sample.path, "name = \"private\"\nusers = [\"anna\"]");
    // The same file is served once only: another one for each.
    let copy = config.directory.path().join("copy.mjpeg");
    fs::copy(&sample.path, &copy).unwrap();
    let private = private.replace(&format!("{:?}", sample.path), &format!("{copy:?}"));
    config.write(&format!("{}{all}{private}", config.users(&["anna", "bob"])));
    let server = config.serve(&[]);
    let status = |mount: &str, user| {
        Dialogue::connect(server.address()).request("DESCRIBE", &server.url(mount), &[user]).status
    };
    let seen = [("all", ANNA), ("all", BOB), ("private", ANNA), ("private", BOB)];
    assert_eq!(seen.map(|(mount, user)| status(mount, user)), [200, 200, 200, 404]);
    // Others may from now on.
    config.write(&fs::read_to_string(&config.path).unwrap().replace("[\"anna\"]", "[\"bob\"]"));
    assert_eq!(reload(&server, "reloaded", 1)["restart"], serde_json::json!([]));
    let changed = poll(LIMIT, || (status("private", BOB) == 200).then_some(()));
    assert!(changed.is_some() && status("private", ANNA) == 404);
}

#[test]
fn the_configuration_is_read_anew_and_no_viewer_notices() {
    const TIMES: usize = 20;
    let _turn = undisturbed();
    let directory = TempDir::new();
    let clip = Clip::sample().times(4, &directory);
    let config = Config::new("");
    let text = |number: usize| {
        let names = [&["anna", "bob"][..], &["bob", "anna", "carl"]][number % 2];
        let limits = format!("max-connections = {}\nmax-bitrate = \"{number}Gbit\"\n", 100 + number);
        format!("{limits}{}{}", config.users(names), medium(&clip.path, ""))
    };
    config.write(&text(1));
    let server = config.serve(&["--threads", "2"]);
    let url = server.url(clip.mount()).replace("rtsp://", "rtsp://anna:secret@");
    let viewers: Vec<_> = (0..6).map(|number| viewer::start(&url, Transport::ALL[number % 2])).collect();
    server.wait_events("opened", viewers.len(), LIMIT);
    let descriptors = || fs::read_dir(format!("/proc/{}/fd", server.id())).expect("Linux lists them").count();
    let before = descriptors();
    for number in 1..=TIMES {
        config.write(&text(1 + number));
        reload(&server, "reloaded", number);
    }
    assert_eq!(descriptors(), before);
    for viewer in viewers {
        viewer::report(&viewer.finish(LIMIT)).assert_whole(clip.frames);
    }
    assert!(
        server
            .wait_events("reloaded", TIMES, LIMIT)
            .iter()
            .all(|event| event["restart"] == serde_json::json!([]))
    );
}

#[test]
fn who_may_not_watch_any_more_is_sent_away() {
    let clip = Clip::sample();
    let config = Config::new("");
    let media = medium(&clip.path, "loop = true");
    config.write(&format!("{}{media}", config.users(&["anna", "bob"])));
    let server = config.serve(&["--threads", "2"]);
    let [mut anna, mut bob] = [ANNA, BOB].map(|user| watching(&server, clip.mount(), user));
    // The line of anna is gone.
    config.write(&format!("{}{media}", config.users(&["bob"])));
    reload(&server, "reloaded", 1);
    assert_ends(&mut anna);
    let revoked = server.wait_events("revoked", 1, LIMIT);
    assert!(revoked.len() == 1 && revoked[0]["user"] == "anna", "{revoked:?}");
    let closed = server.wait_events("closed", 1, LIMIT);
    assert!(closed[0]["user"] == "anna", "{closed:?}");
    let status = |user| {
        Dialogue::connect(server.address()).request("DESCRIBE", &server.url(clip.mount()), &[user]).status
    };
    assert_eq!([ANNA, BOB].map(status), [401, 200]);
    for _ in 0..100 {
        bob.interleaved(LIMIT).expect("the stream goes on");
    }
    // As good as another user: whoever knew the former password.
    let file = config.directory.path().join("users");
    assert!(passwd(&file, ("bob", "other"), &[]).status.success());
    reload(&server, "reloaded", 2);
    assert_ends(&mut bob);
    assert_eq!(status(BOB), 401);
    // Without users, everybody may watch; with users, nobody who has not logged in.
    config.write(&media);
    reload(&server, "reloaded", 3);
    let opened = poll(LIMIT, || (status(("User-Agent", "nobody")) == 200).then_some(()));
    assert!(opened.is_some());
    let mut nobody = watching(&server, clip.mount(), ("User-Agent", "nobody"));
    config.write(&format!("{}{media}", config.users(&["bob"])));
    reload(&server, "reloaded", 4);
    assert_ends(&mut nobody);
    assert_eq!(server.wait_events("revoked", 3, LIMIT)[2]["user"], serde_json::Value::Null);
}

#[test]
fn limits_and_timeouts_are_those_of_the_file() {
    let clip = Clip::sample();
    let media = medium(&clip.path, "loop = true");
    let config = Config::new(&media);
    let server = config.serve(&[]);
    let url = server.url(clip.mount());
    let mut viewer = watching(&server, clip.mount(), ("User-Agent", "one"));
    config.write(&format!("session-timeout = 7\nmax-connections = 2\nmax-bitrate = 9600\n{media}"));
    reload(&server, "reloaded", 1);
    // The stream goes on, and another one is too much.
    let mut other = Dialogue::connect(server.address());
    let session = poll(LIMIT, || {
        let reply = other.set_up_tcp(&url);
        let session = reply.header("Session").expect("there is one").to_owned();
        session.contains("timeout=7").then_some(session)
    });
    assert!(session.is_some());
    assert_eq!(other.request("PLAY", &url, &[]).status, 453);
    assert_eq!(Dialogue::connect(server.address()).request("OPTIONS", "*", &[]).status, 503);
    for _ in 0..100 {
        viewer.interleaved(LIMIT).expect("the stream goes on");
    }
}

#[test]
fn a_broken_file_changes_nothing() {
    let clip = Clip::sample();
    let media = medium(&clip.path, "loop = true");
    let config = Config::new("");
    let right = format!("{}{media}", config.users(&["anna"]));
    config.write(&right);
    let server = config.serve(&["--threads", "2"]);
    let mut anna = watching(&server, clip.mount(), ANNA);
    let broken =
        ["max-connections = 1\nlisten =", "max-connections = 1\nusers = \"/nowhere\"", "max-conections = 1"];
    for (text, expected) in broken.iter().zip([":2:9: this is no TOML", "/nowhere", ":1:1: there is no key"])
    {
        config.write(&format!("{text}\n{media}"));
        let count = 1 + broken.iter().position(|other| other == text).expect("it is one of them");
        let faults = reload(&server, "not_reloaded", count)["faults"].to_string();
        assert!(faults.contains(expected), "{faults}");
    }
    fs::remove_file(&config.path).unwrap();
    reload(&server, "not_reloaded", 4);
    for _ in 0..100 {
        anna.interleaved(LIMIT).expect("the stream goes on");
    }
    let status = |user| {
        Dialogue::connect(server.address()).request("DESCRIBE", &server.url(clip.mount()), &[user]).status
    };
    assert_eq!([ANNA, BOB].map(status), [200, 401]);
    // What cannot change without a restart is said by name.
    config.write(&format!("mtu = 1000\nthreads = 9\n{right}"));
    let restart = reload(&server, "reloaded", 1)["restart"].clone();
    assert_eq!(restart, serde_json::json!(["mtu"]), "the command line has the number of threads");
}

#[test]
fn media_come_and_go_and_others_lose_no_frame() {
    let _turn = undisturbed();
    let directory = TempDir::new();
    let clip = Clip::sample().times(4, &directory);
    let file = |name: &str| {
        let path = directory.path().join(name).with_extension("mjpeg");
        fs::copy(&Clip::sample().path, &path).unwrap();
        path
    };
    let [one, two, three] = ["one", "two", "three"].map(file);
    let stays = medium(&clip.path, "");
    let config = Config::new(&format!("{}{stays}{}", medium(&one, "loop = true"), medium(&two, "")));
    let server = config.serve(&["--threads", "2", "--http", "127.0.0.1:0"]);
    let http = server.http();
    let viewers: Vec<_> =
        (0..4).map(|number| viewer::start(&server.url(clip.mount()), Transport::ALL[number % 2])).collect();
    server.wait_events("opened", viewers.len(), LIMIT);
    let descriptors = || fs::read_dir(format!("/proc/{}/fd", server.id())).expect("Linux lists them").count();
    let before = descriptors();
    let mut leaves = watching(&server, "one", ("User-Agent", "nobody"));
    let status =
        |mount: &str| Dialogue::connect(server.address()).request("DESCRIBE", &server.url(mount), &[]).status;
    let turns_out = |mount: &str, expected: u16| {
        let seen = poll(LIMIT, || (status(mount) == expected).then_some(()));
        assert!(seen.is_some(), "{mount} {expected}");
    };
    // One is gone, two is played in another way, and three is new.
    let text = format!("{stays}{}{}", medium(&two, "loop = true"), medium(&three, "name = \"new\""));
    config.write(&text);
    assert_eq!(reload(&server, "reloaded", 1)["restart"], serde_json::json!([]));
    assert_ends(&mut leaves);
    drop(leaves);
    let revoked = server.wait_events("revoked", 1, LIMIT);
    assert!(revoked.len() == 1 && revoked[0]["why"] == "the medium was removed", "{revoked:?}");
    turns_out("one", 404);
    turns_out("new", 200);
    let described = Dialogue::connect(server.address()).request("DESCRIBE", &server.url("two"), &[]).ok();
    assert!(!described.body.contains("a=range:npt=0-2"), "{}", described.body);
    let listed = get(http, "/api/media").text().to_owned();
    assert!(listed.contains("/new") && !listed.contains("/one"), "{listed}");
    viewer::watch(&server.url("new"), Transport::Udp, &[]).assert_whole(Clip::sample().frames);
    // A file that is not there is told, and tried again.
    let late = directory.path().join("late.mjpeg");
    let text = format!("{text}{}", medium(&late, ""));
    config.write(&text);
    reload(&server, "reloaded", 2);
    server.wait_events("problem", 1, LIMIT);
    assert_eq!(status("late"), 404);
    file("late");
    reload(&server, "reloaded", 3);
    turns_out("late", 200);
    // To and fro.
    for number in 4..14 {
        let more = if number % 2 == 0 { String::new() } else { medium(&one, "") };
        config.write(&format!("{text}{more}"));
        reload(&server, "reloaded", number);
    }
    turns_out("one", 200);
    for viewer in viewers {
        viewer::report(&viewer.finish(LIMIT)).assert_whole(clip.frames);
    }
    config.write(&stays);
    reload(&server, "reloaded", 14);
    // Each of the two that are gone had its file, and each viewer its connections.
    let fewer = poll(LIMIT, || (descriptors() < before).then_some(()));
    assert!(fewer.is_some(), "{before} descriptors have become {}", descriptors());
}

#[test]
fn sources_come_and_go() {
    let clip = Clip::sample();
    let camera = Server::with(&["--loop"], &[&clip.path]);
    let source =
        |name: &str| format!("[[media]]\nsource = \"{}\"\nname = \"{name}\"\n", camera.url(clip.mount()));
    let pattern = "pattern = \"64x48\"\n";
    let config = Config::new(pattern);
    let server = config.serve(&[]);
    config.write(&format!("{pattern}{}always = true\n", source("front")));
    reload(&server, "reloaded", 1);
    camera.wait_events("opened", 1, LIMIT);
    let mut viewer = watching(&server, "front", ("User-Agent", "nobody"));
    config.write(&format!("{pattern}{}", source("back")));
    reload(&server, "reloaded", 2);
    assert_ends(&mut viewer);
    // The source is let go at once, although it was pulled always.
    camera.wait_events("closed", 1, LIMIT);
    let reply = Dialogue::connect(server.address()).request("DESCRIBE", &server.url("back"), &[]);
    assert_eq!(reply.status, 200);
}

#[test]
fn the_manager_is_told_of_reading_anew() {
    let directory = TempDir::new();
    let path = directory.path().join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(LIMIT)).unwrap();
    let told = || {
        let mut text = [0; 200];
        let len = manager.recv(&mut text).expect("it is told");
        String::from_utf8_lossy(&text[..len]).trim_end().to_owned()
    };
    let config = Config::new("listen = \"127.0.0.1:0\"\npattern = \"64x48\"\n");
    let mut command = Command::new(binary("pinhole-server"));
    command.env("NOTIFY_SOCKET", &path).args(["--config", config.path()]);
    let server = Running::start(&mut command);
    assert_eq!(told(), "READY=1");
    server.signal("HUP");
    let reloading = told();
    let time = reloading.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").expect(&reloading);
    assert!(time.parse::<u64>().is_ok_and(|time| time > 0), "{reloading}");
    assert_eq!(told(), "READY=1");
    server.wait_stdout(LIMIT, |lines| lines.iter().any(|line| line.contains("was read anew")).then_some(()));
}
