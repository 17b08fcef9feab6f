//! The client against servers that ask for a user name and a password.
use super::script::{OPTIONS, PLAY, SDP, Script, TCP, described};
use crate::auth::{Algorithm, Credentials, Ha1};
use crate::client::{ClientError, Event, Login, LoginError, TransportChoice};
use crate::rtsp::{Method, Status};
use crate::time::Duration;
use std::string::{String, ToString};
use std::vec::Vec;
use std::{format, vec};

const OK: &str = "RTSP/1.0 200 OK\r\nCSeq: {}\r\n\r\n";
const USER: &[u8] = b"us:er \"\\\xC3\xBC";
const PASSWORD: &[u8] = b"p@/%?# s\xC3\xA4ure:";

/// A response with status 401 and these challenges.
fn unauthorized(challenges: &[&str]) -> String {
    let fields: String =
        challenges.iter().map(|challenge| format!("WWW-Authenticate: {challenge}\r\n")).collect();
    format!("RTSP/1.0 401 Unauthorized\r\nCSeq: {{}}\r\n{fields}\r\n")
}

fn digest(realm: &str, nonce: &str, more: &str) -> String {
    unauthorized(&[&format!("Digest realm=\"{realm}\", nonce=\"{nonce}\"{more}")])
}

fn with_login(user: &[u8], password: &[u8], allows_basic: bool) -> Script {
    let mut script = Script::new(TransportChoice::Tcp);
    script.client.log_in_with(Login::new(user, password, allows_basic).unwrap());
    script.client.play(None);
    script
}

fn login() -> Script {
    with_login(USER, PASSWORD, false)
}

fn authorization(request: &str) -> Option<&str> {
    request.lines().find_map(|line| line.strip_prefix("Authorization: "))
}

/// Checks that a request has the right credentials. Returns the nonce and the count of them.
#[track_caller]
fn check(request: &str, algorithm: Algorithm, realm: &[u8]) -> (String, u32) {
    let mut words = request.split(' ');
    let (method, uri) = (words.next().unwrap(), words.next().unwrap());
    let value = authorization(request).unwrap_or_else(|| panic!("no credentials in {request}"));
    let Some(Credentials::Digest(given)) = Credentials::parse(value.as_bytes()) else { panic!("{value}") };
    let ha1 = Ha1::new(algorithm, USER, realm, PASSWORD);
    assert!(given.verify(&ha1, method.as_bytes()), "{request}");
    assert!(given.uri() == *uri.as_bytes(), "{request}");
    assert!(given.user() == *USER && given.realm() == *realm, "{request}");
    let nonce = String::from_utf8(given.nonce().raw().to_vec()).unwrap();
    (nonce, given.count().unwrap_or(0))
}

#[test]
fn all_requests_after_the_challenge_are_signed() {
    let mut script = login();
    assert_eq!(authorization(&script.request()), None);
    script.reply(&digest("c\\\"a\\\\m", "n1", ", algorithm=SHA-256, qop=\"auth\", opaque=\"op\""));
    let mut counts = Vec::new();
    for reply in [OPTIONS, &described(SDP), TCP, PLAY] {
        let request = script.request();
        let (nonce, count) = check(&request, Algorithm::Sha256, b"c\"a\\m");
        assert_eq!(nonce, "n1");
        assert!(request.contains(", opaque=\"op\"") && request.contains("qop=auth"), "{request}");
        assert!(request.ends_with("\r\n\r\n") && request.matches("\r\n\r\n").count() == 1, "{request}");
        counts.push(count);
        script.reply(reply);
    }
    assert_eq!(counts, [1, 2, 3, 4]);
    assert!(matches!(script.events().last(), Some(Event::Playing { .. })));
}

/// RFC 2069 by hand: `printf us:cam:pw | md5sum`, and so on.
#[test]
fn a_response_is_that_of_the_rfc() {
    let mut script = with_login(b"us", b"pw", false);
    script.request();
    script.reply(OPTIONS);
    script.request();
    script.reply(&digest("cam", "abc", ""));
    let value = "Digest username=\"us\", realm=\"cam\", nonce=\"abc\", \
        uri=\"rtsp://cam.example/live?channel=1\", response=\"c18d70590d900b9d4f8c50ddc6e4f937\"";
    assert_eq!(authorization(&script.request()), Some(value));
}

#[test]
fn the_best_challenge_is_answered_in_whatever_order_they_come() {
    let [md5, sha, basic] = [
        "Digest realm=\"cam\", nonce=\"n1\"",
        "Digest realm=\"cam\", nonce=\"n1\", algorithm=SHA-256, qop=\"auth,auth-int\"",
        "Basic realm=\"cam\"",
    ];
    let unknown = "Digest realm=\"cam\", nonce=\"n1\", algorithm=SHA-512-256";
    let joined = format!("{basic}, {md5}, {unknown}, {sha}");
    for (challenges, algorithm) in [
        (vec![md5, sha, basic], Algorithm::Sha256),
        (vec![basic, sha, md5], Algorithm::Sha256),
        (vec!["Bearer", basic, unknown, md5], Algorithm::Md5),
        (vec![&*joined], Algorithm::Sha256),
        (
            vec![unknown, "Digest realm=\"cam\", nonce=\"n1\", algorithm=MD5-sess, qop=\"auth\""],
            Algorithm::Md5,
        ),
    ] {
        for allows_basic in [false, true] {
            let mut script = with_login(USER, PASSWORD, allows_basic);
            script.request();
            script.reply(&unauthorized(&challenges));
            check(&script.request(), algorithm, b"cam");
        }
    }
}

#[test]
fn a_password_goes_in_the_clear_only_where_that_is_allowed() {
    let basic = unauthorized(&["Basic realm=\"cam\""]);
    let mut script = with_login(b"user", b"s3cret", true);
    script.request();
    script.reply(&basic);
    for reply in [OPTIONS, &described(SDP)] {
        assert_eq!(authorization(&script.request()), Some("Basic dXNlcjpzM2NyZXQ="));
        script.reply(reply);
    }
    assert_eq!(authorization(&script.request()), Some("Basic dXNlcjpzM2NyZXQ="));
    script.reply(&basic);
    assert_eq!(script.events().last(), Some(&Event::Failed(ClientError::Login(LoginError::Refused))));

    let mut script = login();
    script.request();
    script.reply(&basic);
    assert_eq!(script.events(), [Event::Failed(ClientError::Login(LoginError::Basic))]);
    assert_eq!(script.client.realm(), b"cam");
    assert_eq!(script.request(), "");
}

#[test]
fn a_wrong_password_is_sent_once() {
    for again in
        [digest("cam", "n1", ""), digest("cam", "n2", ", stale=false"), unauthorized(&["Basic realm=\"x\""])]
    {
        let mut script = login();
        script.request();
        script.reply(&digest("cam", "n1", ""));
        check(&script.request(), Algorithm::Md5, b"cam");
        script.reply(&again);
        let told = script.events();
        assert!(matches!(told[..], [Event::Failed(ClientError::Login(_))]), "{told:?}");
        assert_eq!(script.request(), "");
    }
}

#[test]
fn a_stale_nonce_is_renewed_and_not_for_ever() {
    let mut script = login();
    script.request();
    script.reply(&digest("cam", "n1", ""));
    script.request();
    script.reply(&digest("cam", "n2", ", stale=TRUE"));
    assert_eq!(check(&script.request(), Algorithm::Md5, b"cam").0, "n2");
    script.reply(&digest("cam", "n3", ", stale=true"));
    assert_eq!(script.events(), [Event::Failed(ClientError::Login(LoginError::Refused))]);
    assert_eq!(script.request(), "");
}

/// Some cameras take each nonce for one request, and do not say `stale`.
#[test]
fn a_server_may_ask_anew_for_each_request() {
    let mut script = login();
    script.request();
    script.reply(&digest("cam", "n0", ""));
    for (n, reply) in [OPTIONS, &described(SDP), TCP, PLAY].iter().enumerate() {
        assert_eq!(check(&script.request(), Algorithm::Md5, b"cam").0, format!("n{n}"));
        script.reply(reply);
        if n < 3 {
            script.request();
            script.reply(&digest("cam", &format!("n{}", n + 1), ""));
        }
    }
    assert!(matches!(script.events().last(), Some(Event::Playing { .. })));
}

#[test]
fn a_nonce_may_expire_in_the_middle_of_a_session() {
    let mut script = login();
    script.request();
    script.reply(&digest("cam", "n0", ""));
    for reply in [OPTIONS, &described(SDP), TCP] {
        script.request();
        script.reply(reply);
    }
    let mut nonce = 0;
    let mut renew = |script: &mut Script, method: &str, more: &str| {
        let request = script.request();
        assert!(request.starts_with(method), "{request}");
        nonce += 1;
        script.reply(&digest("cam", &format!("n{nonce}"), more));
        let again = script.request();
        assert!(again.starts_with(method), "{again}");
        assert_eq!(check(&again, Algorithm::Md5, b"cam").0, format!("n{nonce}"));
        again
    };
    let again = renew(&mut script, "PLAY ", ", stale=true");
    assert!(
        again.contains("\r\nRange: npt=0.000-\r\n") && again.contains("\r\nSession: 4711\r\n"),
        "{again}"
    );
    script.reply(PLAY);
    script.pass(Duration::from_secs(15));
    renew(&mut script, "GET_PARAMETER ", "");
    script.reply(OK);
    script.client.pause();
    renew(&mut script, "PAUSE ", ", stale=true");
    script.reply(OK);
    assert_eq!(script.events().last(), Some(&Event::Paused));
    script.client.teardown();
    renew(&mut script, "TEARDOWN ", ", stale=true");
    script.reply(OK);
    assert_eq!(script.events(), [Event::Closed]);
}

/// What does not need an answer goes on without one.
#[test]
fn a_farewell_or_a_keepalive_that_is_not_let_in_is_no_failure() {
    let refusal = unauthorized(&["Bearer"]);
    let mut script = Script::playing();
    script.pass(Duration::from_secs(15));
    assert!(script.request().starts_with("GET_PARAMETER "));
    script.reply(&refusal);
    assert_eq!(script.events(), [Event::Stalled]);
    script.client.teardown();
    assert!(script.request().starts_with("TEARDOWN "));
    script.reply(&refusal);
    assert_eq!(script.events(), [Event::Closed]);
}

#[test]
fn without_credentials_it_is_told_what_they_are_for() {
    for (challenges, error, realm) in [
        (&["Digest realm=\"the \\\"cam\\\"\", nonce=\"1\""][..], LoginError::Needed, "the \"cam\""),
        (&["Basic realm=cam"], LoginError::Needed, "cam"),
        (&[], LoginError::Needed, ""),
        (&["Bearer"], LoginError::Unsupported("a scheme other than Digest and Basic"), ""),
    ] {
        let refusal = unauthorized(challenges);
        let mut script = Script::after(TransportChoice::Tcp, &[&refusal, &refusal]);
        assert_eq!(script.events(), [Event::Failed(ClientError::Login(error))], "{challenges:?}");
        assert_eq!(script.client.realm(), realm.as_bytes());
        assert_eq!(script.request(), "");
    }
    assert!(ClientError::Login(LoginError::Needed).to_string().contains("user name and a password"));
    assert!(ClientError::Login(LoginError::Refused).to_string().contains("wrong user name or password"));
}

#[test]
fn what_cannot_be_answered_says_why() {
    let long = "x".repeat(600);
    for (challenge, error) in [
        (format!("Digest realm=\"{long}\", nonce=\"1\""), LoginError::TooLong),
        (format!("Digest realm=\"a\", nonce=\"{long}\""), LoginError::TooLong),
        (
            "Digest realm=\"a\", nonce=\"1\", qop=\"auth-int\"".to_string(),
            LoginError::Unsupported("a protection other than auth, such as auth-int"),
        ),
        (
            "Digest realm=\"a\", nonce=\"1\", algorithm=SHA-512-256".to_string(),
            LoginError::Unsupported("a hash function other than MD5 and SHA-256"),
        ),
        ("Digest realm=\"a\"".to_string(), LoginError::Unsupported("Digest and no nonce")),
        ("Negotiate".to_string(), LoginError::Unsupported("a scheme other than Digest and Basic")),
    ] {
        let mut script = with_login(USER, PASSWORD, true);
        script.request();
        script.reply(&unauthorized(&[&challenge]));
        assert_eq!(script.events(), [Event::Failed(ClientError::Login(error))], "{challenge}");
    }
    assert_eq!(Login::new(&[b'x'; 129], b"", true).unwrap_err(), LoginError::TooLong);
    assert!(Login::new(&[b'x'; 128], &[b'x'; 128], true).is_ok());
}

#[test]
fn a_refusal_of_something_else_is_none_of_the_login() {
    let mut script = login();
    script.request();
    script.reply(&digest("cam", "n1", ""));
    script.request();
    script.reply(OPTIONS);
    script.request();
    script.reply("RTSP/1.0 404 Not Found\r\nCSeq: {}\r\n\r\n");
    let refused = Event::Refused { method: Method::Describe, status: Status::NOT_FOUND };
    assert_eq!(script.events(), [refused, Event::Closed]);
}

#[test]
fn a_login_shows_nothing_of_the_password() {
    let mut login = Login::new(b"quux", b"s3cret", true).unwrap();
    login.on_challenge([&b"Basic realm=x"[..]].into_iter(), 1, false).unwrap();
    let shown = format!("{login:?} {:?}", login.clone().authorization("GET", b"/"));
    assert!(!shown.contains("quux") && !shown.contains("s3cret") && !shown.contains("115"), "{shown}");
}
