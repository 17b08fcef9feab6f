//! From which addresses clients are let in. All of 127.0.0.0/8 is this machine.
use pinhole_tests::clip::{Clip, TempDir};
use pinhole_tests::dialogue::Dialogue;
use pinhole_tests::http::get;
use pinhole_tests::metrics::Metrics;
use pinhole_tests::process::{binary, poll, run};
use pinhole_tests::server::{Server, passwd};
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);
/// The credentials of a user by Basic authentication, with the password `secret`.
const ANNA: (&str, &str) = ("Authorization", "Basic YW5uYTpzZWNyZXQ=");
const NOBODY: (&str, &str) = ("User-Agent", "nobody");

/// The address 127.0.0.`host`.
fn ip(host: u8) -> IpAddr {
    Ipv4Addr::new(127, 0, 0, host).into()
}

fn describe(host: u8, server: &Server, mount: &str, header: (&str, &str)) -> u16 {
    Dialogue::connect_from(ip(host), server.address())
        .request("DESCRIBE", &server.url(mount), &[header])
        .status
}

/// Begins to watch from an address, and returns the connection.
fn watching(host: u8, server: &Server, mount: &str, header: (&str, &str)) -> Dialogue {
    let (url, mut viewer) = (server.url(mount), Dialogue::connect_from(ip(host), server.address()));
    let transport = ("Transport", "RTP/AVP/TCP;unicast;interleaved=0-1");
    viewer.request("SETUP", &format!("{url}/trackID=0"), &[transport, header]).ok();
    viewer.request("PLAY", &url, &[header]).ok();
    viewer.interleaved(LIMIT).expect("the stream begins");
    viewer
}

/// Returns whether a connection from an address is closed without a word.
fn is_turned_away(host: u8, address: SocketAddr) -> bool {
    Dialogue::connect_from(ip(host), address).closes(LIMIT)
}

/// A configuration file in a directory of its own.
struct Config {
    directory: TempDir,
    path: PathBuf,
}

impl Config {
    fn new() -> Self {
        let directory = TempDir::new();
        let path = directory.path().join("pinhole.toml");
        Self { directory, path }
    }

    fn write(&self, text: &str) {
        fs::write(&self.path, text).unwrap();
        fs::set_permissions(&self.path, fs::Permissions::from_mode(0o600)).unwrap();
    }

    fn serve(&self, options: &[&str]) -> Server {
        let path = self.path.to_str().expect("a name in UTF-8");
        Server::with(&[&["--config", path], options].concat(), &[] as &[&str])
    }
}

fn reload(server: &Server, count: usize) {
    server.signal("HUP");
    let reloaded = server.wait_events("reloaded", count, LIMIT);
    assert_eq!(reloaded.last().expect("there is one")["restart"], serde_json::json!([]));
}

#[test]
fn who_is_denied_is_turned_away_at_once() {
    let clip = Clip::sample();
    let options =
        ["--allow", "127.0.0.0/29", "--deny", "127.0.0.5", "--http", "127.0.0.1:0", "--admin", "127.0.0.1:0"];
    let server = Server::with(&options, &[&clip.path]);
    assert_eq!([1, 4].map(|host| describe(host, &server, clip.mount(), NOBODY)), [200, 200]);
    for address in [server.address(), server.http()] {
        // One is denied, and the other is not among those that are allowed.
        assert!(is_turned_away(5, address) && is_turned_away(9, address));
    }
    assert_eq!(get(server.http(), "/").status, 200);
    let denied = |metrics: &Metrics| metrics.sum("pinhole_refusals_total", &[("limit", "denied")]);
    assert_eq!(denied(&Metrics::get(server.admin())), 4.0);
    let done = server.stop("TERM");
    assert!(done.stderr.contains("is turned away: its address is not let in"), "{done:?}");
}

#[test]
fn addresses_of_ipv4_that_are_mapped_are_those_of_ipv4() {
    let clip = Clip::sample();
    let options = ["--http", "[::]:0", "--deny", "127.0.0.5,::ffff:127.0.0.6"];
    let server = Server::with(&options, &[&clip.path]);
    // The server has ::ffff:127.0.0.5 of a client that comes so.
    let address = SocketAddr::new(ip(1), server.http().port());
    assert!([5, 6].iter().all(|host| is_turned_away(*host, address)));
    assert_eq!(get(address, "/").status, 200);
}

#[test]
fn clients_behind_a_proxy_are_judged_by_their_own_addresses() {
    let clip = Clip::sample();
    // The proxy itself need not be allowed.
    let options = ["--trusted-proxy", "127.0.0.1", "--allow", "10.0.0.0/8"];
    let server = Server::with(&options, &[&clip.path]);
    let status_of = |client: [u8; 4]| {
        let mut connection = TcpStream::connect(server.address()).unwrap();
        connection.set_read_timeout(Some(LIMIT)).unwrap();
        // The header of the PROXY protocol, version 2: a connection by TCP over IPv4.
        let mut bytes = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c".to_vec();
        bytes.extend(client.iter().chain(&[127, 0, 0, 1, 0x30, 0x39, 0x21, 0x6a]));
        bytes.extend(b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n");
        connection.write_all(&bytes).unwrap();
        let mut reply = [0; 12];
        connection.read_exact(&mut reply).map(|()| String::from_utf8_lossy(&reply).into_owned()).ok()
    };
    assert_eq!(status_of([10, 0, 0, 1]).as_deref(), Some("RTSP/1.0 200"));
    assert_eq!(status_of([11, 0, 0, 1]), None);
    assert_eq!(status_of([127, 0, 0, 1]), None);
    assert!(is_turned_away(2, server.address()));
}

#[test]
fn a_medium_is_not_there_for_other_addresses() {
    let (config, sample) = (Config::new(), Clip::sample());
    let files = ["all", "some"].map(|name| {
        let path = config.directory.path().join(name).with_extension("mjpeg");
        fs::copy(&sample.path, &path).unwrap();
        path
    });
    let text = |more: &str| {
        format!(
            "[[media]]\npath = {:?}\nloop = true\n[[media]]\npath = {:?}\nloop = true\n{more}\n",
            files[0], files[1]
        )
    };
    config.write(&text("allow = [\"127.0.0.1\", \"127.0.0.2\"]"));
    let server = config.serve(&["--http", "127.0.0.1:0"]);
    let seen = |host, mount: &str| describe(host, &server, mount, NOBODY);
    assert_eq!([seen(1, "some"), seen(3, "some"), seen(3, "all"), seen(3, "none")], [200, 404, 200, 404]);
    let reply = |mount: &str| {
        Dialogue::connect_from(ip(3), server.address()).request("DESCRIBE", &server.url(mount), &[]).body
    };
    // Lists leave it out, as they do what is not there at all.
    assert!(reply("none").contains("/all") && !reply("none").contains("/some"), "{}", reply("none"));
    let listed = get(server.http(), "/api/media").text().to_owned();
    assert!(listed.contains("/some"), "this is 127.0.0.1: {listed}");
    // Sessions end whose address may not watch any more, and no others.
    let mut stays = watching(1, &server, "some", NOBODY);
    let mut leaves = watching(2, &server, "some", NOBODY);
    config.write(&text("deny = [\"127.0.0.2\"]"));
    reload(&server, 1);
    assert!(leaves.closes(LIMIT));
    let revoked = server.wait_events("revoked", 1, LIMIT);
    assert!(revoked.len() == 1 && revoked[0]["why"].as_str().unwrap().contains("address"), "{revoked:?}");
    assert_eq!([seen(2, "some"), seen(3, "some")], [404, 200]);
    for _ in 0..100 {
        stays.interleaved(LIMIT).expect("the stream goes on");
    }
    // The same for the server as a whole.
    config.write(&format!("allow = [\"127.0.0.8/30\", \"127.0.0.3\"]\n{}", text("")));
    reload(&server, 2);
    assert!(stays.closes(LIMIT));
    assert!(is_turned_away(1, server.address()));
    // The second one of the list counts, too.
    assert_eq!([seen(3, "some"), seen(9, "all")], [200, 200]);
}

#[test]
fn a_user_logs_in_only_from_listed_addresses() {
    let (config, clip) = (Config::new(), Clip::sample());
    let file = config.directory.path().join("users");
    assert!(passwd(&file, ("anna", "secret"), &[]).status.success());
    let line = fs::read_to_string(&file).unwrap();
    let entry: serde_json::Value = serde_json::from_str(line.trim()).unwrap();
    let text = |more: &str| {
        format!(
            "realm = {}\nallow-basic = true\n[[media]]\npath = {:?}\nloop = true\n[users.anna]\nsha256 = {}\n\
             read = [\"*\"]\n{more}\n",
            entry["realm"], clip.path, entry["sha256"]
        )
    };
    config.write(&text("allow = [\"127.0.0.2/31\"]"));
    let server = config.serve(&[]);
    let seen = |host| describe(host, &server, clip.mount(), ANNA);
    assert_eq!([2, 3, 4].map(seen), [200, 200, 401]);
    let mut leaves = watching(3, &server, clip.mount(), ANNA);
    config.write(&text("allow = [\"127.0.0.2\"]"));
    reload(&server, 1);
    assert!(leaves.closes(LIMIT));
    assert_eq!(server.wait_events("revoked", 1, LIMIT)[0]["user"], "anna");
    assert_eq!([2, 3].map(seen), [200, 401]);
    // A file with users has the same, which another password does not change.
    let listed = line.replace("\"read\"", "\"allow\":[\"127.0.0.4\"],\"read\"");
    fs::write(&file, &listed).unwrap();
    assert!(passwd(&file, ("anna", "secret"), &[]).status.success());
    config.write(&format!("users = {file:?}\nallow-basic = true\n[[media]]\npath = {:?}\n", clip.path));
    reload(&server, 2);
    let changed = poll(LIMIT, || (seen(4) == 200).then_some(()));
    assert!(changed.is_some() && seen(2) == 401);
}

#[test]
fn a_network_that_is_none_is_wrong_usage() {
    for option in ["--allow", "--deny"] {
        let mut command = Command::new(binary("pinhole-server"));
        let done = run(command.args([option, "10.0.0.0/33"]), LIMIT).expect("the server runs");
        done.assert_says(2, &["10.0.0.0/33", "an address such as 10.0.0.7, or a network such as 10.0.0.0/8"]);
    }
}
