//! Logins by Digest and Basic, with what clients answer and what they had better not.
use super::*;
use crate::auth::{Algorithm, BasicResponse, Challenge, DigestChallenge, DigestResponse, Ha1, NonceKey};
use crate::text::{Emit, TextWriter};

pub(super) const REALM: &str = "a \"realm\"";
/// Names and passwords; the last one has no hash for MD5.
pub(super) const USERS: [(&str, &str); 3] =
    [("anna", "se:c@r/e%t \u{fc}"), ("o \"b\\\u{e9}", "pw"), ("carl", "pw")];

pub(super) struct Table;

impl Users for Table {
    fn find(&self, name: &[u8]) -> Option<u16> {
        USERS.iter().position(|(user, _)| user.as_bytes() == name).map(|at| at as u16)
    }

    fn ha1(&self, user: u16, algorithm: Algorithm) -> Option<Ha1> {
        let (name, password) = USERS[usize::from(user)];
        let known = algorithm == Algorithm::Sha256 || user < 2;
        known.then(|| Ha1::new(algorithm, name.as_bytes(), REALM, password.as_bytes()))
    }
}

/// A connection to a server with users.
struct Door {
    bench: Bench,
    key: NonceKey,
    login: Login,
    basic: bool,
}

/// What a client sends besides its password.
#[derive(Clone, Copy)]
pub(super) struct Sent<'a> {
    pub(super) method: &'a str,
    pub(super) url: &'a str,
    pub(super) uri: &'a str,
    pub(super) algorithm: Algorithm,
    pub(super) count: u32,
}

pub(super) const DESCRIBE: Sent<'_> =
    Sent { method: "DESCRIBE", url: URL, uri: URL, algorithm: Algorithm::Sha256, count: 1 };

fn text(value: &impl Emit) -> String {
    let mut out = TextWriter::new(Vec::new());
    value.emit(&mut out);
    String::from_utf8(out.finish().unwrap()).unwrap()
}

/// The challenges of a reply, of which a client takes that of `algorithm`.
fn challenge(reply: &Reply, algorithm: Algorithm) -> DigestChallenge<'_> {
    let mut all = challenges(reply).flat_map(|value| Challenge::parse(value.as_bytes()));
    all.find_map(|challenge| match challenge {
        Challenge::Digest(digest) if digest.algorithm == algorithm => Some(digest),
        _ => None,
    })
    .expect("a challenge")
}

fn challenges(reply: &Reply) -> impl Iterator<Item = &str> {
    let values = reply.headers.iter().filter(|(name, _)| name == CHALLENGE_FIELD);
    values.map(|(_, value)| value.as_str())
}

pub(super) fn is_stale(reply: &Reply) -> bool {
    challenge(reply, Algorithm::Md5).stale && challenge(reply, Algorithm::Sha256).stale
}

/// What a client answers to a reply.
pub(super) fn answer(reply: &Reply, (user, password): (&str, &str), sent: Sent<'_>) -> String {
    text(&DigestResponse {
        challenge: challenge(reply, sent.algorithm),
        user: user.as_bytes(),
        password: password.as_bytes(),
        method: sent.method,
        uri: sent.uri.as_bytes(),
        cnonce: 7,
        count: sent.count,
    })
}

impl Door {
    fn new() -> Self {
        Self { bench: Bench::new(), key: NonceKey::new([7; 32]), login: Login::default(), basic: false }
    }

    /// The same server as a client at another port sees it.
    fn from_port(port: u16) -> Self {
        let mut door = Self::new();
        let peer = SocketAddr::new(PEER, port);
        door.bench.conn = ServerConn::new(Config::DEFAULT, door.bench.now(), peer);
        door
    }

    /// Lets time pass. The connection has no session, and would be idle.
    fn wait(&mut self, seconds: u64) {
        self.bench.at = self.bench.at + Duration::from_secs(seconds);
        self.bench.conn = ServerConn::new(Config::DEFAULT, self.bench.now(), CLIENT);
    }

    /// Sends a request with credentials, if any. Returns what came of them, and the reply.
    fn try_with(&mut self, method: &str, url: &str, authorization: Option<&str>) -> (Verdict, Reply) {
        let (key, basic) = (self.key.clone(), self.basic);
        let authenticator =
            Authenticator { realm: REALM, users: &Table, key: &key, lifetime: LIFETIME, basic };
        let field = authorization.map_or_else(String::new, |value| format!("Authorization: {value}\r\n"));
        let bytes = format!("{method} {url} RTSP/1.0\r\nCSeq: 1\r\n{field}\r\n");
        let now = self.bench.now();
        let mut turn = self.bench.conn.turn(now, &mut self.bench.storage);
        assert_eq!(turn.handle_stream(bytes.as_bytes()), Ok(bytes.len()));
        let Some(Event::Request(request)) = turn.poll_event() else { panic!("no request") };
        let verdict = request.log_in(&authenticator, &mut self.login);
        let _ = match verdict {
            Verdict::Public | Verdict::Granted(_) => request.refuse(Status::OK, &[]),
            verdict => request.deny(verdict, &authenticator),
        };
        self.bench.turn();
        (verdict, self.bench.reply())
    }

    /// Asks without credentials, and returns the challenges.
    fn asked(&mut self) -> Reply {
        let (verdict, reply) = self.try_with("DESCRIBE", URL, None);
        assert_eq!((verdict, reply.status), (Verdict::Challenged { stale: false }, 401));
        reply
    }

    fn log_in(&mut self, asked: &Reply, user: (&str, &str), sent: Sent<'_>) -> (Verdict, Reply) {
        self.try_with(sent.method, sent.url, Some(&answer(asked, user, sent)))
    }
}

#[test]
fn challenges_are_in_the_order_that_clients_need() {
    let reply = Door::new().asked();
    let values: Vec<_> = challenges(&reply).collect();
    let nonce = challenge(&reply, Algorithm::Sha256).nonce.raw();
    assert!(nonce == challenge(&reply, Algorithm::Md5).nonce.raw() && values.len() == 2);
    let begin = "Digest realm=\"a \\\"realm\\\"\", nonce=\"";
    assert!(values.iter().all(|value| value.starts_with(begin)), "{values:?}");
    assert!(values[0].contains("algorithm=SHA-256") && values[0].contains("qop=\"auth\""), "{values:?}");
    assert!(!values[1].contains("algorithm") && !values[1].contains("qop"), "{values:?}");
    let mut door = Door::new();
    door.basic = true;
    let reply = door.asked();
    assert_eq!(challenges(&reply).last(), Some("Basic realm=\"a \\\"realm\\\"\""));
}

#[test]
fn users_log_in_by_each_algorithm() {
    for (number, user) in (0..).zip(&USERS[..2]) {
        for algorithm in [Algorithm::Sha256, Algorithm::Md5] {
            let mut door = Door::new();
            let asked = door.asked();
            for count in 1..4 {
                let sent = Sent { algorithm, count, ..DESCRIBE };
                let (verdict, reply) = door.log_in(&asked, *user, sent);
                assert_eq!((verdict, reply.status), (Verdict::Granted(number), 200), "{algorithm:?}");
            }
            assert_eq!(door.login.user(), Some(number));
        }
    }
}

#[test]
fn only_options_is_for_everybody() {
    let mut door = Door::new();
    assert_eq!(door.try_with("OPTIONS", "*", None).0, Verdict::Public);
    assert_eq!(door.try_with("OPTIONS", URL, Some("Digest rubbish")).0, Verdict::Public);
    for method in ["DESCRIBE", "GET_PARAMETER", "SET_PARAMETER", "ANNOUNCE", "REDIRECT", "FETCH"] {
        let url = if method == "GET_PARAMETER" { "*" } else { URL };
        for authorization in [None, Some(""), Some("Bearer x"), Some("Digest rubbish"), Some("Basic YTpi")] {
            let (verdict, reply) = door.try_with(method, url, authorization);
            assert_eq!((verdict, reply.status), (Verdict::Challenged { stale: false }, 401), "{method}");
            assert!(!is_stale(&reply));
        }
    }
}

#[test]
fn a_wrong_password_and_an_unknown_user_have_one_answer() {
    let mut replies = Vec::new();
    for user in
        [("anna", "pw"), ("anna", ""), ("nobody", "pw"), ("nobody", ""), ("", ""), ("anna ", USERS[0].1)]
    {
        for algorithm in [Algorithm::Sha256, Algorithm::Md5] {
            let mut door = Door::new();
            let asked = door.asked();
            let (verdict, reply) = door.log_in(&asked, user, Sent { algorithm, ..DESCRIBE });
            let known = (user.0 == "anna").then_some(0);
            assert_eq!(verdict, Verdict::Wrong { user: known }, "{user:?}");
            assert!(door.login.user().is_none() && !is_stale(&reply));
            replies.push(reply);
        }
    }
    assert!(replies.iter().all(|reply| *reply == replies[0]), "{replies:?}");
}

#[test]
fn a_long_name_is_nobodys() {
    let long = "x".repeat(MAX_USER + 1);
    let mut door = Door::new();
    let asked = door.asked();
    assert_eq!(door.log_in(&asked, (&long, "pw"), DESCRIBE).0, Verdict::Wrong { user: None });
}

#[test]
fn what_was_overheard_is_of_no_use_on_another_connection() {
    let mut door = Door::new();
    let asked = door.asked();
    for sent in [DESCRIBE, Sent { algorithm: Algorithm::Md5, ..DESCRIBE }] {
        let overheard = answer(&asked, USERS[0], sent);
        let mut other = Door::from_port(1);
        let (verdict, reply) = other.try_with("DESCRIBE", URL, Some(&overheard));
        assert_eq!((verdict, reply.status), (Verdict::Challenged { stale: true }, 401));
        assert!(is_stale(&reply) && other.login.user().is_none());
        // Nor for another request.
        assert_eq!(door.try_with("SET_PARAMETER", URL, Some(&overheard)).0, Verdict::Wrong { user: Some(0) });
        assert_eq!(door.try_with("DESCRIBE", URL, Some(&overheard)).0, Verdict::Granted(0));
        door = Door::new();
    }
}

#[test]
fn a_nonce_that_expired_before_the_login_is_stale() {
    let mut door = Door::new();
    let asked = door.asked();
    door.wait(u64::from(LIFETIME) + 1);
    let (verdict, again) = door.log_in(&asked, USERS[0], DESCRIBE);
    assert_eq!(verdict, Verdict::Challenged { stale: true });
    assert!(is_stale(&again));
    // Nobody who does not know the password is told so.
    assert_eq!(door.log_in(&asked, ("anna", "pw"), DESCRIBE).0, Verdict::Wrong { user: Some(0) });
    assert_eq!(door.log_in(&again, USERS[0], DESCRIBE).0, Verdict::Granted(0));
}

#[test]
fn the_nonce_of_a_login_is_good_for_a_day_on_its_connection() {
    let mut door = Door::new();
    let asked = door.asked();
    let sent = |count| Sent { method: "SET_PARAMETER", algorithm: Algorithm::Md5, count, ..DESCRIBE };
    for hours in [0, 1, 22] {
        door.wait(hours * 3600);
        assert_eq!(door.log_in(&asked, USERS[0], sent(1)).0, Verdict::Granted(0), "{hours}");
    }
    door.wait(3601);
    let (verdict, again) = door.log_in(&asked, USERS[0], sent(1));
    assert_eq!(verdict, Verdict::Challenged { stale: true });
    assert_eq!(door.log_in(&again, USERS[0], sent(1)).0, Verdict::Granted(0));
}

#[test]
fn a_count_that_does_not_grow_is_a_replay() {
    let mut door = Door::new();
    let asked = door.asked();
    for (count, granted) in [(1, true), (1, false), (5, true), (4, false), (5, false), (6, true)] {
        let (verdict, reply) = door.log_in(&asked, USERS[0], Sent { count, ..DESCRIBE });
        assert_eq!(verdict == Verdict::Granted(0), granted, "{count}: {verdict:?}");
        assert!(granted || is_stale(&reply));
    }
    // Another nonce is counted anew.
    let again = door.asked();
    assert_eq!(door.log_in(&again, USERS[0], DESCRIBE).0, Verdict::Challenged { stale: true });
    door.bench.at = door.bench.at + Duration::from_secs(1);
    let again = door.asked();
    assert_eq!(door.log_in(&again, USERS[0], DESCRIBE).0, Verdict::Granted(0));
}

#[test]
fn a_forged_nonce_lets_nobody_in() {
    let mut door = Door::new();
    let mut asked = door.asked();
    let nonce = String::from_utf8(challenge(&asked, Algorithm::Md5).nonce.raw().into()).unwrap();
    for forged in
        ["", "0", &nonce[1..], &nonce.replace(&nonce[..8], "ffffffff"), &nonce.replace(&nonce[39..], "x")]
    {
        let forge = |value: &str| value.replace(&nonce, forged);
        let headers = asked.headers.iter().map(|(name, value)| (name.clone(), forge(value)));
        let reply = Reply { headers: headers.collect(), ..asked.clone() };
        for (user, verdict) in [
            (USERS[0], Verdict::Challenged { stale: true }),
            (("anna", "pw"), Verdict::Wrong { user: Some(0) }),
        ] {
            for algorithm in [Algorithm::Sha256, Algorithm::Md5] {
                assert_eq!(door.log_in(&reply, user, Sent { algorithm, ..DESCRIBE }).0, verdict, "{forged}");
            }
        }
        asked = door.asked();
    }
    // That of a server that was started anew is, too.
    door.key = NonceKey::new([8; 32]);
    assert_eq!(door.log_in(&asked, USERS[0], DESCRIBE).0, Verdict::Challenged { stale: true });
}

#[test]
fn clients_write_the_uri_in_many_ways() {
    for (url, uri) in [
        (URL, "rtsp://h/clip"),
        (URL, "/clip"),
        (URL, "/clip/"),
        (URL, "rtsps://other:322/clip"),
        (URL, "RTSP://h/cl%69p?query"),
        ("rtsp://h/clip/trackID=0", "rtsp://h/clip/"),
        ("rtsp://h/clip/trackID=0", "rtsp://h/clip/trackID=0"),
        ("rtsp://h/clip", "rtsp://h/clip/trackID=0"),
        ("rtsp://h/clip?a=b/trackID=0", "/clip?a=b"),
        ("rtsp://h/", "rtsp://h"),
        ("*", "*"),
    ] {
        let mut door = Door::new();
        let asked = door.asked();
        let sent = Sent { method: "SET_PARAMETER", url, uri, ..DESCRIBE };
        assert_eq!(door.log_in(&asked, USERS[0], sent).0, Verdict::Granted(0), "{url} {uri}");
    }
}

#[test]
fn credentials_for_another_medium_are_refused() {
    for uri in [
        "rtsp://h/other",
        "/clip2",
        "/",
        "*",
        "",
        "http://h/clip",
        "clip",
        "rtsp:/clip",
        "rtsp://h/clip/x",
        "/x/clip",
    ] {
        for algorithm in [Algorithm::Sha256, Algorithm::Md5] {
            let mut door = Door::new();
            let asked = door.asked();
            let (verdict, reply) = door.log_in(&asked, USERS[0], Sent { uri, algorithm, ..DESCRIBE });
            assert_eq!((verdict, reply.status), (Verdict::Misdirected, 400), "{uri}");
            assert!(door.login.user().is_none());
        }
    }
}

#[test]
fn a_password_of_another_realm_is_wrong() {
    let mut door = Door::new();
    let asked = door.asked();
    let other = |value: &str| value.replace("a \\\"realm\\\"", "other");
    let headers = asked.headers.iter().map(|(name, value)| (name.clone(), other(value))).collect();
    let (verdict, _) = door.log_in(&Reply { headers, ..asked.clone() }, USERS[0], DESCRIBE);
    assert_eq!(verdict, Verdict::Wrong { user: Some(0) });
    // A client that hashes the right one, and names another, is told what the right one is.
    let right = answer(&asked, USERS[0], DESCRIBE);
    let (verdict, _) = door.try_with("DESCRIBE", URL, Some(&other(&right)));
    assert_eq!(verdict, Verdict::Wrong { user: Some(0) });
}

#[test]
fn a_user_without_a_hash_of_an_algorithm_cannot_be_downgraded_to_it() {
    let mut door = Door::new();
    let asked = door.asked();
    let md5 = Sent { algorithm: Algorithm::Md5, ..DESCRIBE };
    assert_eq!(door.log_in(&asked, USERS[2], md5).0, Verdict::Wrong { user: Some(2) });
    // Nor may a hash of one algorithm be taken for that of another.
    let sha256 = answer(&asked, USERS[2], DESCRIBE);
    for name in ["MD5", "SHA-512-256", "SHA-256-sess", ""] {
        let changed = sha256.replace("algorithm=SHA-256", &format!("algorithm={name}"));
        assert!(
            changed != sha256
                && !matches!(door.try_with("DESCRIBE", URL, Some(&changed)).0, Verdict::Granted(_))
        );
    }
    assert_eq!(door.try_with("DESCRIBE", URL, Some(&sha256)).0, Verdict::Granted(2));
}

#[test]
fn a_connection_is_that_of_the_first_user() {
    let mut door = Door::new();
    let asked = door.asked();
    assert_eq!(door.log_in(&asked, USERS[0], DESCRIBE).0, Verdict::Granted(0));
    door.bench.at = door.bench.at + Duration::from_secs(1);
    let asked = door.asked();
    for user in [USERS[1], ("nobody", "pw"), ("carl", "wrong")] {
        let (verdict, reply) = door.log_in(&asked, user, DESCRIBE);
        assert_eq!((verdict, reply.status), (Verdict::Foreign, 403), "{user:?}");
    }
    assert_eq!(door.log_in(&asked, USERS[0], DESCRIBE).0, Verdict::Granted(0));
    assert_eq!(
        door.log_in(&asked, ("anna", "pw"), Sent { count: 2, ..DESCRIBE }).0,
        Verdict::Wrong { user: Some(0) }
    );
}

#[test]
fn basic_is_taken_where_it_is_allowed() {
    let basic = |user: &str, password: &str| {
        text(&BasicResponse { user: user.as_bytes(), password: password.as_bytes() })
    };
    let mut door = Door::new();
    let right = basic(USERS[0].0, USERS[0].1);
    assert_eq!(door.try_with("DESCRIBE", URL, Some(&right)).0, Verdict::Challenged { stale: false });
    door.basic = true;
    for (user, password, known) in
        [("anna", "", Some(0)), ("anna", "pw", Some(0)), ("nobody", "", None), ("", "", None)]
    {
        let (verdict, _) = door.try_with("DESCRIBE", URL, Some(&basic(user, password)));
        assert_eq!(verdict, Verdict::Wrong { user: known }, "{user}");
    }
    for rubbish in ["Basic", "Basic %", "Basic YQ==", &format!("Basic {}", "YTpi".repeat(400))] {
        assert_eq!(door.try_with("DESCRIBE", URL, Some(rubbish)).0, Verdict::Wrong { user: None });
    }
    for _ in 0..2 {
        assert_eq!(door.try_with("DESCRIBE", URL, Some(&right)).0, Verdict::Granted(0));
    }
    let (verdict, _) = door.try_with("DESCRIBE", URL, Some(&basic(USERS[1].0, USERS[1].1)));
    assert_eq!(verdict, Verdict::Foreign);
}

#[test]
fn a_login_takes_few_bytes_of_a_connection() {
    assert!(size_of::<Login>() <= 16, "{}", size_of::<Login>());
}
