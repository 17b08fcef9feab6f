//! Configurations: what is wrong with them and where, what counts more, and that what is printed can be read.
use super::*;
use pinhole_std::media::SourceOptions;
use proptest::prelude::*;
use std::fs;
use std::time::Duration;

/// Reads a file with this text, and a command line.
fn read_with(
    text: &str,
    options: &[&str],
    variable: fn(&str) -> Option<OsString>,
) -> Result<Configuration, Vec<String>> {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), text).unwrap();
    let words = ["pinhole-server", "--config"].map(OsString::from).into_iter();
    let words = words.chain([file.path().into()]).chain(options.iter().map(OsString::from)).collect();
    let path = file.path().display().to_string();
    let without_path = |told: Vec<String>| told.iter().map(|told| told.replace(&path, "F")).collect();
    Origins { words, variable }.read().map_err(without_path)
}

fn read(text: &str) -> Result<Configuration, Vec<String>> {
    read_with(text, &[], |_| None)
}

fn faults(text: &str) -> Vec<String> {
    read(text).map(|_| ()).expect_err(text)
}

#[test]
fn each_fault_is_told_with_its_place_and_what_is_accepted() {
    for (text, expected) in [
        ("listen = \"no where\"", "F:1:10: listen: \"no where\" is found; this is no address"),
        ("\n  fps = 0", "F:2:9: fps: \"0\" is found; a rate from 0.1 to 1000"),
        ("json = \"yes\"", "F:1:8: json: \"yes\" is found; true or false is expected"),
        ("loop = 1", "F:1:8: loop: 1 is found; true or false"),
        ("verbose = 256", "F:1:11: verbose: \"256\" is found; a number from 0 to 255"),
        ("verbose = true", "F:1:11: verbose: true is found; a whole number"),
        ("listen = [1]", "F:1:10: listen: a list is found; a text in quotes, or a number"),
        ("drain = 00:01:30", "F:1:9: drain: a date or time is found"),
        ("threads = 999999999999999999999999999999999999999999", "F:1:11: threads: this number is too large"),
        (
            "source-transport = \"tpc\"",
            "F:1:20: source-transport: \"tpc\" is found; one of auto, udp, tcp, http",
        ),
        ("listn = 1", "F:1:1: there is no key \"listn\" here; did you mean \"listen\"?"),
        (
            "session_timeout = 9",
            "F:1:1: there is no key \"session_timeout\" here; did you mean \"session-timeout\"?",
        ),
        ("config = \"x\"", "F:1:1: there is no key \"config\" here"),
        ("qqq = 1", "F:1:1: there is no key \"qqq\" here; the keys are always, linger"),
        ("a = ", "F:1:"),
        ("json = true\njson = true", "F:2:1: this is no TOML: duplicate key"),
        ("[limits]", "F:1:2: there is no key \"limits\" here"),
        ("media = 1", "F:1:9: media are written as [[media]]"),
        ("media = [1]", "F:1:9: media are written as [[media]]"),
        ("[[media]]\nname = \"a\"", "F:1:1: one of \"path\" and \"source\" is expected"),
        ("[[media]]\npath = \"a\"\nfsp = 1", "F:3:1: there is no key \"fsp\" here; did you mean \"fps\"?"),
        (
            "[[media]]\nsource = \"ftp://x\"",
            "F:2:10: source: \"ftp://x\" is found; the URL of a source begins",
        ),
        ("[[media]]\npath = \"a\"\nlinger = 1", "F:3:1: \"linger\" has no effect on a path"),
        ("[[media]]\nsource = \"rtsp://c/x\"\nloop = true", "F:3:1: \"loop\" has no effect on a source"),
        ("[[media]]\npath = \"a\"\nname = \"/\"", "F:3:8: name: \"/\" is found; a name is expected"),
        ("[[media]]\npath = \"a\"\nusers = []", "F:3:9: \"users\" names nobody"),
        ("[[media]]\npath = \"a\"\nusers = [1]", "F:3:9: users: a list with something else in it is found"),
        ("[[media]]\npath = \"a\"\nallow = []", "F:3:9: \"allow\" names nobody"),
        ("allow = []", "F:1:9: \"allow\" names nobody"),
        ("deny = [\"10.0.0.0/8\", \"x\"]", "F:1:8: deny: \"x\" is found; an address such as"),
        ("[[media]]\npath = \"a\"\nsource = \"rtsp://c/x\"", "F:3:1: one of \"path\" and \"source\""),
        ("json = true\nrealm = \"r\"", "F:2:1: --realm needs users"),
        ("allow-basic = true", "F:1:1: --allow-basic needs users"),
        ("json = true\n  tls-key = \"k\"", "F:2:3: --tls-key needs --tls-cert"),
        ("tls-listen = 322", "F:1:1: --tls-listen needs a certificate"),
        ("[[media]]\npath = \"a\"\nusers = [\"anna\"]", "F:3:1: media have users, and there are none"),
        (
            "[[media]]\nsource = \"rtsp://a/x\"\n[[media]]\nsource = \"rtsp://b/x\"",
            "F:4:1: two sources would be served as /x",
        ),
    ] {
        let told = faults(text);
        assert!(told.len() == 1 && told[0].starts_with(expected), "{text}: {told:?}");
    }
}

#[test]
fn all_faults_are_told_at_once_in_their_order() {
    let told = faults("mtu = 1\nlop = true\nfps = -1\n[[media]]\nx = 1\n");
    let places: Vec<_> = told.iter().map(|told| &told[..6]).collect();
    assert_eq!(places, ["F:1:7:", "F:2:1:", "F:3:7:", "F:5:1:"], "{told:?}");
}

#[test]
fn a_password_in_a_value_is_not_told() {
    let told = faults("listen = \"rtsp://me:secret@cam/1\"\n");
    assert!(told.len() == 1 && !told[0].contains("secret"), "{told:?}");
}

#[test]
#[cfg(unix)]
fn a_file_with_passwords_is_not_for_others() {
    use std::os::unix::fs::PermissionsExt as _;
    let file = tempfile::NamedTempFile::new().unwrap();
    let words = ["pinhole-server", "--config"].map(OsString::from).into_iter().chain([file.path().into()]);
    let origins = Origins { words: words.collect(), variable: |_| None };
    let hash = "0".repeat(32);
    for (text, is_secret) in [
        ("json = true".to_owned(), false),
        ("[[media]]\nsource = \"rtsp://c/x\"".to_owned(), false),
        ("[[media]]\nsource = \"rtsp://me:secret@c/x\"".to_owned(), true),
        (format!("[users.anna]\nrealm = \"r\"\nmd5 = \"{hash}\""), true),
    ] {
        fs::write(file.path(), &text).unwrap();
        for (mode, others) in [(0o600, false), (0o640, true), (0o604, true)] {
            fs::set_permissions(file.path(), fs::Permissions::from_mode(mode)).unwrap();
            let told = origins.read().map(|_| ()).err().map(|told| told.join("\n"));
            let refused = told.as_ref().is_some_and(|told| told.contains("others may read or change"));
            assert_eq!(refused, is_secret && others, "{mode:o} {text}: {told:?}");
        }
    }
}

#[test]
fn options_beat_the_environment_which_beats_the_file_which_beats_defaults() {
    let text = "mtu = 1000\nlinger = 5\nthreads = 3\nloop = true\nverbose = 1\n";
    let variable = |name: &str| match name {
        "PINHOLE_MTU" => Some("1100".into()),
        "PINHOLE_THREADS" => Some("4".into()),
        "PINHOLE_LOOP" => Some("No".into()),
        "PINHOLE_VERBOSE" => Some("3".into()),
        // As good as none.
        "PINHOLE_LINGER" => Some("".into()),
        _ => None,
    };
    let serve = read_with(text, &["--mtu", "1200"], variable).unwrap().serve;
    assert_eq!((serve.frames.mtu, serve.threads.map(|n| n.get())), (1200, Some(4)));
    assert_eq!((serve.repeat, serve.verbose, serve.sources.linger), (false, 3, Duration::from_secs(5)));
    assert_eq!(serve.session_timeout, Duration::from_secs(60));
    let serve = read_with(text, &["-v"], |_| None).unwrap().serve;
    assert_eq!((serve.frames.mtu, serve.repeat, serve.verbose), (1000, true, 1));
    let told = read_with("", &[], |name| (name == "PINHOLE_MTU").then(|| "small".into())).unwrap_err();
    assert!(told[0].starts_with("PINHOLE_MTU: \"small\" is found; ") && told.len() == 1, "{told:?}");
    let told = read_with("", &[], |name| (name == "PINHOLE_JSON").then(|| "perhaps".into())).unwrap_err();
    assert_eq!(told, ["PINHOLE_JSON: \"perhaps\" is found; true or false is expected"]);
}

#[test]
fn every_option_of_serving_has_a_key_and_a_variable() {
    let keys = Keys::of::<Serve>();
    let all: Vec<_> = keys.all().map(|(key, _)| key).collect();
    assert!(all.len() > 25 && all.contains(&"listen") && all.contains(&"max-bitrate-per-ip"), "{all:?}");
    let of_tests = ["PEERS", "PROGRAMS", "ACCEPT", "SESSIONS", "OWN_NETWORK", "CONFIG"];
    for key in all {
        let variable = variable_of(key);
        let name = variable.strip_prefix(PREFIX).unwrap();
        assert!(!of_tests.contains(&name) && !name.starts_with("CHAOS"), "{variable}");
    }
}

#[test]
fn a_medium_has_settings_of_its_own() {
    let text = r#"
        fps = 25
        linger = "1m"
        [[media]]
        path = "a"
        fps = 29.97
        loop = true
        [[media]]
        path = "b"
        transcode = true
        [[media]]
        source = "rtsp://cam/x"
        name = "/front/"
        always = true
        source-transport = "tcp"
    "#;
    let configuration = read(text).unwrap();
    let (serve, media) = (&configuration.serve, &configuration.media);
    let playback = |number: usize| {
        let playback = media[number].playback(serve);
        (playback.frame_rate.0, playback.repeat)
    };
    assert_eq!((playback(0), playback(1)), ((29_970, true), (25_000, false)));
    assert_eq!([0, 1].map(|number: usize| media[number].normalising(serve).transcode), [false, true]);
    let SourceOptions { always, linger, tunnel, .. } = media[2].source_options(serve);
    assert_eq!((always, linger, tunnel), (true, Duration::from_secs(60), false));
    assert!(matches!(&media[2].media, Media::Source { name, .. } if name == "front"));
    // What the command line names takes their place.
    let named = read_with(text, &["c", "d=rtsp://cam/y"], |_| None).unwrap();
    assert!(named.media.len() == 2 && matches!(&named.media[0].media, Media::Path(path) if path == "c"));
    assert!(read("").is_ok_and(|none| !none.is_named && none.media.len() == 1));
    assert!(read("pattern = \"64x48\"").is_ok_and(|pattern| pattern.is_named && pattern.media.is_empty()));
}

const USERS_TOML: &str = r#"
    realm = "Pinhole"
    [[media]]
    path = "a"
    users = ["anna"]
    [users.anna]
    sha256 = "0000000000000000000000000000000000000000000000000000000000000000"
    [users."b \" \u007F \u00fc"]
    realm = "Pinhole"
    md5 = "00000000000000000000000000000000"
    read = ["*", "cams/*"]
"#;

#[test]
fn users_are_in_the_file_or_in_one_of_their_own() {
    // The name of the second one has a control character.
    let told = faults(USERS_TOML);
    assert!(told.len() == 1 && told[0].starts_with("F:8:12: a user name has"), "{told:?}");
    let right = USERS_TOML.replace("\\u007F", "x");
    let users = read(&right).unwrap().users().unwrap().expect("there are users");
    assert_eq!((users.len(), users.realm(), users.has("anna")), (2, "Pinhole", true));
    for (from, to, expected) in [
        ("realm = \"Pinhole\"\n    [[", "[[", "F:5:12: user \"anna\": \"realm\" is missing"),
        ("sha256 = \"0", "sha256 = \"x", "F:6:12: user \"anna\": \"sha256\" is no hash"),
        ("read = [", "raed = [", "F:11:5: there is no key \"raed\" here; did you mean \"read\"?"),
        ("[users.anna]", "[users.carl]\nread = []\n[users.anna]", "F:6:12: user \"carl\": there is neither"),
    ] {
        assert!(right.contains(from), "{from}");
        let told = faults(&right.replacen(from, to, 1));
        assert!(told.iter().any(|told| told.starts_with(expected)), "{from}: {told:?}");
    }
    let other_realm = right.replacen("\"Pinhole\"", "\"other\"", 1);
    let told = read(&other_realm).unwrap().users().unwrap_err();
    assert!(told.contains(":8:12: the password of") && told.contains("realm"), "{told}");
    let unknown = right.replace("users = [\"anna\"]", "users = [\"anna\", \"carl\"]");
    let told = read(&unknown).unwrap().users().unwrap_err();
    assert_eq!(told, "media have users who are not there: \"carl\"");
    // A file takes the place of the table.
    let told = read_with(&right, &["--users", "/there/is/none"], |_| None).unwrap().users().unwrap_err();
    assert!(told.starts_with("/there/is/none: "), "{told}");
}

#[test]
fn what_is_printed_is_read_as_the_same() {
    let sources = "[[media]]\nsource = \"rtsp://u:p%20w@cam/x?a=b\"\nname = \"\u{fc} \\\\ \\\" b\"\nlinger = \"1m30s\"\n";
    let users = USERS_TOML.replace("\\u007F", "x");
    let options = "listen = 554\nhttp = \"127.0.0.1:80\"\nmtu = 1_000\nloop = true\nverbose = 2\nfps = 29.97\n\
                   max-bitrate = \"1.5Mbit\"\ncache = \"1MiB\"\nsession-timeout = \"1:30\"\n";
    for text in ["", options, sources, &users, &format!("{options}{sources}")] {
        let first = read(text).unwrap().to_toml();
        let second = read(&first).unwrap_or_else(|told| panic!("{told:?}\n{first}")).to_toml();
        assert_eq!(first, second);
        assert!(first.lines().all(|line| line.chars().count() <= 120 || !line.starts_with('#')), "{first}");
    }
    let printed = read(options).unwrap();
    let again = read(&printed.to_toml()).unwrap();
    assert_eq!(
        (printed.differences(&again), printed.media_beyond(&again).count()),
        (Vec::<String>::new(), 0)
    );
    // What the command line names is there, too.
    let named = read_with("", &["--fps", "7", "a b.avi", "x=rtsp://cam/y"], |_| None).unwrap();
    let again = read(&named.to_toml()).unwrap();
    assert_eq!((named.differences(&again), again.media.len()), (Vec::<String>::new(), 2));
}

#[test]
fn the_example_in_docs_is_right() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/pinhole.toml");
    let words = vec!["pinhole-server".into(), "--config".into(), path.into_os_string()];
    let example = Origins { words, variable: |_| None }.read().unwrap();
    assert!(
        example.media.len() > 2 && example.is_named && example.users().is_ok_and(|users| users.is_none())
    );
}

#[test]
fn what_differs_is_told_by_name() {
    let one = read("threads = 1\nmax-bitrate = \"1Mbit\"\n[[media]]\npath = \"a\"\n").unwrap();
    let two = read("threads = 2\nmax-bitrate = \"2Mbit\"\n[[media]]\npath = \"a\"\nfps = 1\n").unwrap();
    assert_eq!(one.differences(&two), ["threads", "max-bitrate"]);
    assert_eq!([one.media_beyond(&two).count(), one.media_beyond(&one).count()], [1, 0]);
}

#[test]
#[cfg(target_os = "linux")]
fn a_file_without_end_is_refused() {
    let words = ["pinhole-server", "--config", "/dev/zero"].map(OsString::from).into();
    let told = Origins { words, variable: |_| None }.read().unwrap_err();
    assert_eq!(told, ["/dev/zero: the file is longer than 4 MiB"]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// Whatever is in a file, it is read or refused.
    #[test]
    fn no_file_makes_the_program_panic(text in "\\PC{0,80}") {
        let (_, faults) = document::read(Path::new("F"), &text);
        fault::told(Path::new("F"), &text, faults);
    }

    /// The same of files that are nearly right.
    #[test]
    fn no_value_makes_the_program_panic(lines in prop::collection::vec((key(), value()), 0..8)) {
        let text: String = lines.iter().map(|(key, value)| format!("{key}{value}\n")).collect();
        let (_, faults) = document::read(Path::new("F"), &text);
        fault::told(Path::new("F"), &text, faults);
    }
}

fn key() -> impl Strategy<Value = String> {
    let words: Vec<_> = ["[[media]]\n", "[users.x]\n", "[users]\nx = ", "media = ", "users = ", "read = "]
        .into_iter()
        .map(str::to_owned)
        .chain(Keys::of::<Serve>().all().map(|(key, _)| format!("{key} = ")))
        .chain(Keys::of::<medium::MediumKeys>().all().map(|(key, _)| format!("{key} = ")))
        .collect();
    prop::sample::select(words)
}

fn value() -> impl Strategy<Value = String> {
    let plain = [
        "true",
        "-1",
        "0x_f",
        "1e400",
        "nan",
        "\"\"",
        "[]",
        "{}",
        "[{a=1}]",
        "1979-05-27",
        "\"\u{fc}\"",
        "''''''",
    ];
    prop_oneof![
        prop::sample::select(plain.map(str::to_owned).to_vec()),
        // No names, which would be looked up.
        "[0-9._:-]{0,12}",
        "\"[0-9 .:@%/-]{0,12}\"",
        "\\PC{0,12}",
    ]
}
