//! Logins: stock clients watch with a name and a password, and never with a wrong one.
use futures_util::StreamExt as _;
use pinhole_tests::browser;
use pinhole_tests::clip::{Clip, TempDir};
use pinhole_tests::peer::{Peer, available};
use pinhole_tests::process::{Finished, Running, binary, run};
use pinhole_tests::server::{Server, passwd};
use pinhole_tests::{Transport, undisturbed, watch};
use retina::client::{Credentials, PlayOptions, Session, SessionOptions, SetupOptions};
use retina::codec::CodecItem;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);

/// Names and passwords with all that a URL could stumble over. FFmpeg cannot send quotes in names.
const USERS: [(&str, &str); 3] =
    [("anna", "secret"), ("a @/%", "p:w@/%25 \"\\\u{fc}"), ("\u{fc}ber all", "\u{e4} ")];

/// Makes a file with all users.
fn users(directory: &TempDir) -> PathBuf {
    let file = directory.path().join("users");
    for user in USERS {
        let done = passwd(&file, user, &[]);
        assert!(done.status.success(), "{done:?}");
    }
    file
}

/// Starts a server of a clip, also over HTTP, that asks for logins.
fn serve(directory: &TempDir, clip: &Clip, options: &[&str]) -> Server {
    let file = users(directory);
    let logins = ["--http", "127.0.0.1:0", "--users", file.to_str().expect("a name in UTF-8")];
    Server::with(&[&logins, options].concat(), &[&clip.path])
}

/// Returns a text as it is written into a URL.
fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric();
    text.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

/// Returns the URL of a clip with a name and a password in it.
fn url_as(server: &Server, clip: &Clip, (user, password): (&str, &str)) -> String {
    format!("rtsp://{}:{}@{}/{}", encoded(user), encoded(password), server.address(), clip.mount())
}

/// Waits until so many logins were refused.
fn wait_refused(server: &Server, count: usize) {
    let refused = server.wait_events("login_refused", count, LIMIT);
    assert!(refused.iter().all(|event| event["user"] == "anna"), "{refused:?}");
}

#[test]
fn ffmpeg_logs_in() {
    if !available(&[Peer::Ffmpeg]) {
        return;
    }
    let _turn = undisturbed();
    let (directory, clip) = (TempDir::new(), Clip::sample());
    let server = serve(&directory, &clip, &[]);
    let file = watch::ffmpeg_file(&clip.plain);
    for user in USERS {
        let url = url_as(&server, &clip, user);
        for transport in Transport::ALL {
            watch::assert_same(
                &watch::ffmpeg_stream(&url, transport),
                &file,
                &format!("{user:?} over {transport}"),
            );
        }
        watch::assert_same(&watch::ffmpeg_tunnel(&url), &file, &format!("{user:?} over HTTP"));
    }
    let wrong = url_as(&server, &clip, ("anna", "wrong"));
    for (number, program) in (1..).zip(["ffmpeg", "ffprobe"]) {
        let done = run(Command::new(program).args(["-v", "error", "-i", &wrong]), LIMIT).expect("it runs");
        assert!(!done.status.success() && done.stderr.contains("401"), "{done:?}");
        wait_refused(&server, number);
    }
    let right = url_as(&server, &clip, USERS[1]);
    let probed = run(
        Command::new("ffprobe").args(["-v", "error", "-show_entries", "stream=codec_name", &right]),
        LIMIT,
    );
    assert!(probed.expect("ffprobe runs").stdout.contains("codec_name=mjpeg"));
}

#[test]
fn gstreamer_logs_in() {
    if !available(&[Peer::Ffmpeg, Peer::Gstreamer]) {
        return;
    }
    let _turn = undisturbed();
    let (directory, clip) = (TempDir::new(), Clip::sample());
    let server = serve(&directory, &clip, &[]);
    let file = watch::gstreamer_file(&clip.plain);
    for user in USERS {
        let url = url_as(&server, &clip, user);
        for transport in Transport::ALL {
            let seen = watch::gstreamer_stream(&url, transport);
            watch::assert_same(&seen, &file, &format!("{user:?} over {transport}"));
        }
        let seen = watch::gstreamer_tunnel(&url.replacen("rtsp:", "rtsph:", 1));
        watch::assert_same(&seen, &file, &format!("{user:?} over HTTP"));
    }
    // By properties, which have no escapes.
    let watched = |user: &str, password: &str| {
        let location = format!("location={}", server.url(clip.mount()));
        let (user, password) = (format!("user-id={user}"), format!("user-pw={password}"));
        let mut command = Command::new("gst-launch-1.0");
        command.args([
            "rtspsrc",
            &location,
            "protocols=tcp",
            &user,
            &password,
            "!",
            "fakesink",
            "num-buffers=10",
        ]);
        run(&mut command, LIMIT).expect("GStreamer runs")
    };
    let right = watched("anna", "secret");
    assert!(right.status.success() || watch::cut_its_own_pause(&right.stderr), "{right:?}");
    let wrong = watched("anna", "wrong");
    assert!(!wrong.status.success() && wrong.stderr.contains("nauthorized"), "{wrong:?}");
    wait_refused(&server, 1);
}

#[test]
fn retina_logs_in() {
    let (directory, clip) = (TempDir::new(), Clip::sample());
    let server = serve(&directory, &clip, &[]);
    let url = server.url(clip.mount());
    for user in USERS {
        for transport in Transport::ALL {
            assert_eq!(frames(&url, user, transport, 30), Ok(30), "{user:?} over {transport}");
        }
    }
    let refused = frames(&url, ("anna", "wrong"), Transport::Tcp, 1).unwrap_err();
    assert!(refused.contains("401"), "{refused}");
    wait_refused(&server, 1);
}

/// Has retina receive so many frames. Returns how many there were.
fn frames(
    url: &str,
    (user, password): (&str, &str),
    transport: Transport,
    count: usize,
) -> Result<usize, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let watching = async {
        let credentials = Credentials { username: user.to_owned(), password: password.to_owned() };
        let options = SessionOptions::default().creds(Some(credentials));
        let mut session =
            Session::describe(url.parse().unwrap(), options).await.map_err(|error| error.to_string())?;
        let transport = transport.to_string().parse().unwrap();
        let setup = SetupOptions::default().transport(transport);
        session.setup(0, setup).await.map_err(|error| error.to_string())?;
        let playing = session.play(PlayOptions::default()).await.and_then(|session| session.demuxed());
        let mut stream = playing.map_err(|error| error.to_string())?;
        let mut seen = 0;
        while seen < count {
            if let Some(Ok(CodecItem::VideoFrame(_))) = stream.next().await {
                seen += 1;
            }
        }
        Ok(seen)
    };
    runtime.block_on(async { tokio::time::timeout(LIMIT, watching).await.expect("it plays in time") })
}

#[test]
fn curl_logs_in_to_pages() {
    if !available(&[Peer::Curl]) {
        return;
    }
    let (directory, clip) = (TempDir::new(), Clip::sample());
    let server = serve(&directory, &clip, &[]);
    let curl = |path: &str, user: (&str, &str), options: &[&str]| {
        let mut command = Command::new("curl");
        let url = format!("http://{}/{path}", server.http());
        // In a file, a quote and a backslash have a backslash before them.
        let escaped = format!("{}:{}", user.0, user.1).replace('\\', "\\\\").replace('"', "\\\"");
        let config = directory.file("curl", format!("user = \"{escaped}\"\n").as_bytes());
        command.args(["-s", "-o", "/dev/null", "-w", "%{http_code}", "--max-time", "60", "-K"]).arg(config);
        run(command.args(options).arg(url), LIMIT).expect("curl runs").stdout
    };
    let still = format!("{}.jpg", clip.mount());
    for user in USERS {
        for path in ["", "api/media", &still, &format!("{}?x=y", clip.mount())] {
            assert_eq!(curl(path, user, &["--digest"]), "200", "{user:?} {path}");
        }
    }
    assert_eq!(curl(&still, USERS[0], &["--basic"]), "401");
    assert_eq!(curl(&still, ("anna", "wrong"), &["--digest"]), "401");
    wait_refused(&server, 1);
    let basic = serve(&TempDir::new(), &clip, &["--allow-basic"]);
    let url = format!("http://{}/{still}", basic.http());
    let mut command = Command::new("curl");
    command.args(["-s", "-o", "/dev/null", "-w", "%{http_code}", "--basic", "-u", "anna:secret", &url]);
    assert_eq!(run(&mut command, LIMIT).expect("curl runs").stdout, "200");
}

#[test]
fn chromium_logs_in_to_a_page() {
    if !available(&[Peer::Chromium, Peer::PyPi]) {
        return;
    }
    let _turn = undisturbed();
    let (directory, clip) = (TempDir::new(), Clip::sample());
    let server = serve(&directory, &clip, &["--loop"]);
    let url = format!("http://anna:secret@{}/{}", server.http(), clip.mount());
    let shown = browser::screenshots(&url, &clip.plain);
    assert!(shown.iter().all(|shown| shown.psnr > 40.0), "{shown:?}");
    let opened = server.wait_events("browser_opened", 1, LIMIT);
    assert!(opened.iter().all(|event| event["user"] == "anna"), "{opened:?}");
}

#[test]
fn the_file_with_users_has_no_password_and_is_nobody_elses() {
    let directory = TempDir::new();
    let file = users(&directory);
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(USERS.iter().all(|(user, password)| text.contains(user) && !text.contains(password)), "{text}");
    let mode = |file: &Path| {
        std::os::unix::fs::PermissionsExt::mode(&file.metadata().unwrap().permissions()) & 0o777
    };
    assert_eq!(mode(&file), 0o600);
    let file = file.to_str().unwrap();
    for (mode, words) in [(0o640, "chmod 600"), (0o604, "chmod 600"), (0o620, "chmod 600")] {
        std::fs::set_permissions(file, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
        let served = server_run(&["--listen", "127.0.0.1:0", "--users", file]);
        served.assert_says(1, &[words, file]);
        passwd(Path::new(file), USERS[0], &[]).assert_says(1, &[words]);
    }
    std::fs::set_permissions(file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    std::fs::write(file, "# people\nanna:secret\n").unwrap();
    let served = server_run(&["--listen", "127.0.0.1:0", "--users", file]);
    served.assert_says(1, &["line 2", "passwd"]);
    assert!(!served.stderr.contains("secret"), "{served:?}");
    server_run(&["--users", "/nowhere"]).assert_says(1, &["/nowhere"]);
    server_run(&["--realm", "x"]).assert_says(2, &["--users"]);
    server_run(&["--allow-basic"]).assert_says(2, &["--users"]);
}

#[test]
fn a_password_is_set_anew_and_what_a_user_may_watch_stays() {
    let directory = TempDir::new();
    let file = directory.path().join("users");
    let set = |password: &str, options: &[&str]| {
        let done = passwd(&file, ("anna", password), options);
        assert!(done.status.success(), "{done:?}");
        std::fs::read_to_string(&file).unwrap()
    };
    let first = set("one", &["--realm", "cams", "--read", "front", "--read", "back/*"]);
    assert!(first.contains("\"realm\":\"cams\"") && first.contains("[\"front\",\"back/*\"]"), "{first}");
    let second = set("two", &[]);
    assert!(second != first && second.lines().count() == 1, "{second}");
    assert!(second.contains("\"realm\":\"cams\"") && second.contains("[\"front\",\"back/*\"]"), "{second}");
    assert_eq!(set("one", &[]), first);
    for bad in ["", &"x".repeat(257)] {
        passwd(&file, ("anna", bad), &[]).assert_says(1, &["password has"]);
    }
    assert_eq!(std::fs::read_to_string(&file).unwrap(), first);
}

#[test]
fn who_may_watch_is_told_at_the_start() {
    let clip = Clip::sample();
    let said = |options: &[&str], words: &str| {
        let mut command = Command::new(binary("pinhole-server"));
        command.args(["--listen", options[0]]).args(&options[1..]).arg(&clip.path);
        let server = Running::start(&mut command);
        server.wait_stdout(LIMIT, |lines| {
            lines.iter().any(|line| line.contains("connections at once")).then_some(())
        });
        server.signal("TERM");
        server.finish(LIMIT).stdout.contains(words)
    };
    let everybody = "anyone who reaches this server can watch";
    assert!(said(&["0.0.0.0:0"], everybody));
    assert!(!said(&["127.0.0.1:0"], everybody));
    assert!(said(&["127.0.0.1:0", "--http", "0.0.0.0:0"], everybody));
    let directory = TempDir::new();
    let file = users(&directory);
    let file = file.to_str().unwrap();
    assert!(!said(&["0.0.0.0:0", "--users", file], everybody));
    assert!(said(&["0.0.0.0:0", "--users", file], "only 3 users may watch"));
}

#[test]
fn logs_have_the_name_and_never_the_password() {
    let (directory, clip) = (TempDir::new(), Clip::sample());
    let file = users(&directory);
    let file = file.to_str().unwrap();
    for form in [&["--json", "-vvv"][..], &["-vvv"]] {
        let mut command = Command::new(binary("pinhole-server"));
        command.args(["--listen", "127.0.0.1:0", "--users", file]).args(form).arg(&clip.path);
        let server = Running::start(&mut command);
        let url = server.wait_stdout(LIMIT, |lines| {
            let line = lines.iter().find_map(|line| line.split("rtsp://").nth(1))?;
            Some(format!("rtsp://{}", line.split(['"', ' ']).next()?))
        });
        assert_eq!(frames(&url, USERS[1], Transport::Tcp, 3), Ok(3));
        assert!(frames(&url, ("anna", "s3cret-guess"), Transport::Tcp, 1).is_err());
        assert!(frames(&url, ("s3cret-name", "x"), Transport::Tcp, 1).is_err());
        let refused = |lines: &[String]| {
            lines.iter().filter(|line| line.contains("login_refused") || line.contains("not let in")).count()
                == 2
        };
        server.wait_stdout(LIMIT, |lines| refused(lines).then_some(()));
        server.signal("TERM");
        let done = server.finish(LIMIT);
        assert!(done.stdout.contains("anna") && done.stdout.contains("a @/%"), "{}", done.stdout);
        for text in [&done.stdout, &done.stderr] {
            for secret in ["s3cret", "p:w@", "nonce", "response=", "Digest"] {
                assert!(!text.contains(secret), "{secret}: {text}");
            }
        }
    }
}

fn server_run(arguments: &[&str]) -> Finished {
    run(Command::new(binary("pinhole-server")).args(arguments), LIMIT).expect("the server runs")
}
