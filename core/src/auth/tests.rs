use super::*;
use crate::text::{Emit, TextWriter};
use std::format;
use std::string::String;
use std::vec::Vec;

fn text(of: impl Emit) -> Vec<u8> {
    let mut out = TextWriter::new(Vec::new());
    of.emit(&mut out);
    out.finish().unwrap()
}

fn digest(value: &[u8]) -> DigestChallenge<'_> {
    match Challenge::best([value].into_iter()) {
        Some(Challenge::Digest(challenge)) => challenge,
        other => panic!("{other:?}"),
    }
}

fn credentials(value: &[u8]) -> DigestCredentials<'_> {
    match Credentials::parse(value) {
        Some(Credentials::Digest(credentials)) => credentials,
        other => panic!("{other:?} of {}", value.escape_ascii()),
    }
}

fn answer<'a>(challenge: DigestChallenge<'a>, user: &'a str, password: &'a str) -> DigestResponse<'a> {
    DigestResponse {
        challenge,
        user: user.as_bytes(),
        password: password.as_bytes(),
        method: "DESCRIBE",
        uri: b"rtsp://h/a",
        cnonce: 0x0A4F_113B,
        count: 1,
    }
}

/// RFC 7616, 3.9.1.
#[test]
fn the_examples_of_rfc_7616_verify() {
    for (algorithm, response) in [
        (Algorithm::Md5, "8ca523f5e9506fed4657c9700eebdbec"),
        (Algorithm::Sha256, "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ] {
        let value = format!(
            "Digest username=\"Mufasa\", realm=\"http-auth@example.org\", uri=\"/dir/index.html\", algorithm={}, \
             nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", nc=00000001, \
             cnonce=\"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ\", qop=auth, response=\"{response}\", \
             opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\"",
            algorithm.name()
        );
        let sent = credentials(value.as_bytes());
        let right = Ha1::new(algorithm, b"Mufasa", "http-auth@example.org", b"Circle of Life");
        assert!(sent.verify(&right, b"GET"));
        assert_eq!((sent.algorithm(), sent.count()), (algorithm, Some(1)));
        assert!(sent.user() == b"Mufasa"[..] && sent.uri() == b"/dir/index.html"[..]);
        assert!(!sent.verify(&right, b"PUT"));
        assert!(
            !sent.verify(&Ha1::new(algorithm, b"Mufasa", "http-auth@example.org", b"Circle of life"), b"GET")
        );
        let kept = Ha1::from_hex(algorithm, &text(right)).unwrap();
        assert!(sent.verify(&kept, b"GET"));
        let other = if algorithm == Algorithm::Md5 { Algorithm::Sha256 } else { Algorithm::Md5 };
        assert!(
            !sent.verify(&Ha1::new(other, b"Mufasa", "http-auth@example.org", b"Circle of Life"), b"GET")
        );
    }
}

/// RFC 2617, 3.5, and RFC 2069, 2.4 as its erratum has it.
#[test]
fn the_examples_of_the_older_rfcs_are_answered() {
    for (value, password, response) in [
        (
            "Digest realm=\"testrealm@host.com\", qop=\"auth,auth-int\", \
             nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", opaque=\"5ccc069c403ebaf9f0171e9517f40e41\"",
            "Circle Of Life",
            "6629fae49393a05397450978507c4ef1",
        ),
        (
            "Digest realm=\"testrealm@host.com\", nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\"",
            "CircleOfLife",
            "1949323746fe6a43ef61f9606e7febea",
        ),
    ] {
        let challenge = digest(value.as_bytes());
        let sent = DigestResponse {
            method: "GET",
            uri: b"/dir/index.html",
            ..answer(challenge, "Mufasa", password)
        };
        let sent = text(sent);
        let line = String::from_utf8(sent.clone()).unwrap();
        // The RFC's client nonce has eight digits, and ours sixteen: the response is another one.
        if challenge.counts {
            let ha1 = Ha1::new(Algorithm::Md5, b"Mufasa", "testrealm@host.com", password.as_bytes());
            let theirs = line.replace("000000000a4f113b", "0a4f113b");
            let own = &line[line.find("response=\"").unwrap() + 10..][..32];
            assert!(credentials(theirs.replace(own, response).as_bytes()).verify(&ha1, b"GET"));
            assert!(!credentials(theirs.as_bytes()).verify(&ha1, b"GET"));
            assert!(
                line.contains(
                    ", opaque=\"5ccc069c403ebaf9f0171e9517f40e41\", qop=auth, nc=00000001, cnonce="
                )
            );
        } else {
            assert!(line.contains(&format!(", response=\"{response}\"")), "{line}");
            assert!(!line.contains("cnonce") && !line.contains("algorithm"), "{line}");
        }
    }
}

#[test]
fn session_algorithms_hash_the_nonces_into_the_password() {
    for (name, algorithm, response) in [
        ("MD5-sess", Algorithm::Md5, "73fe3fc9d77d85fd4bd6490026ad270d"),
        (
            "sha-256-SESS",
            Algorithm::Sha256,
            "fb90612c38ae1c209adb98ac9383bc262dd25a6f42862fc721e4bd93768a6b4c",
        ),
    ] {
        let value = format!(
            "Digest username=\"Mufasa\", realm=\"http-auth@example.org\", nonce=\"nonce\", uri=\"rtsp://h/a\", \
             response=\"{response}\", algorithm={name}, qop=auth, nc=00000001, cnonce=\"cnonce\""
        );
        let ha1 = Ha1::new(algorithm, b"Mufasa", "http-auth@example.org", b"Circle of Life");
        assert!(credentials(value.as_bytes()).verify(&ha1, b"PLAY"));
        let value = format!(
            "Digest realm=\"http-auth@example.org\", nonce=\"nonce\", algorithm={name}, qop=\"auth\""
        );
        let sent = text(answer(digest(value.as_bytes()), "Mufasa", "Circle of Life"));
        assert!(credentials(&sent).verify(&ha1, b"DESCRIBE"), "{}", sent.escape_ascii());
        assert!(sent.windows(5).any(|part| part == b"-sess"));
    }
}

#[test]
fn odd_characters_pass_both_ways() {
    let (user, password) = ("r\u{f6}d \"quote\"", "p:w");
    let value = b"Digest realm=\"say \\\"friend\\\" \\\\ now\", nonce=\"n\"";
    let sent = text(answer(digest(value), user, password));
    let line = String::from_utf8(sent.clone()).unwrap();
    assert!(
        line.starts_with("Digest username=\"r\u{f6}d \\\"quote\\\"\", realm=\"say \\\"friend\\\" \\\\ now\""),
        "{line}"
    );
    assert!(line.contains("response=\"bd547c6d36687cfc903e177d6e9e8e2e\""), "{line}");
    let sent = credentials(&sent);
    assert!(sent.user() == *user.as_bytes() && sent.realm() == b"say \"friend\" \\ now"[..]);
    let ha1 = Ha1::new(Algorithm::Md5, user.as_bytes(), "say \"friend\" \\ now", password.as_bytes());
    assert!(sent.verify(&ha1, b"DESCRIBE"));
}

/// RFC 7616, 3.4, and RFC 8187, 3.2.
#[test]
fn a_name_may_be_percent_encoded() {
    let value = |user: &str| {
        format!(
            "Digest {user}, realm=\"r\", nonce=\"n\", uri=\"/\", response=\"8ca523f5e9506fed4657c9700eebdbec\""
        )
    };
    for (user, name) in [
        ("username*=UTF-8''J%C3%A4s%C3%B8n%20Doe", "J\u{e4}s\u{f8}n Doe"),
        ("username*=utf-8'en'a%2", "a%2"),
        ("username*=UTF-8''%25%zz", "%%zz"),
        ("username=\"a%20b\\\"c\\\\\"", "a%20b\"c\\"),
    ] {
        let value = value(user);
        assert!(credentials(value.as_bytes()).user() == *name.as_bytes(), "{user}");
    }
    for user in ["username*=ISO-8859-1''a", "username*=a", "username*=UTF-8''a, username=\"a\""] {
        assert!(Credentials::parse(value(user).as_bytes()).is_none(), "{user}");
    }
}

#[test]
fn a_servers_challenges_are_answered_with_the_strongest() {
    let key = NonceKey::new([7; 32]);
    let nonce = key.nonce(1000, b"192.0.2.1");
    let of = |algorithm, stale| {
        text(ChallengeRepr::Digest { realm: b"pin \"hole\"", nonce: &nonce, algorithm, stale })
    };
    let fields =
        [of(Algorithm::Sha256, false), text(ChallengeRepr::Basic { realm: b"b" }), of(Algorithm::Md5, true)];
    let nonce = String::from_utf8(nonce.as_bytes().to_vec()).unwrap();
    let start = format!("Digest realm=\"pin \\\"hole\\\"\", nonce=\"{nonce}\"");
    assert_eq!(fields[0], format!("{start}, algorithm=SHA-256, qop=\"auth\"").into_bytes());
    assert_eq!(fields[2], format!("{start}, stale=true").into_bytes());

    let best = |fields: &[Vec<u8>]| match Challenge::best(fields.iter().map(Vec::as_slice)) {
        Some(Challenge::Digest(challenge)) => Some(challenge.algorithm),
        Some(Challenge::Basic { realm }) => {
            assert!(realm == b"b"[..]);
            None
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(best(&fields), Some(Algorithm::Sha256));
    assert_eq!(best(&fields[1..]), Some(Algorithm::Md5));
    assert_eq!(best(&fields[1..2]), None);
    // All in one field, in any order.
    let joined = [&fields[2][..], &fields[1], &fields[0]].join(&b", "[..]);
    assert_eq!(best(&[joined]), Some(Algorithm::Sha256));

    let challenge = digest(&fields[2]);
    assert!(challenge.stale && !challenge.counts && !challenge.names_algorithm);
    let challenge = digest(&fields[0]);
    assert!(!challenge.stale && challenge.counts);
    let sent = text(answer(challenge, "u", "p"));
    let sent = credentials(&sent);
    assert!(sent.verify(&Ha1::new(Algorithm::Sha256, b"u", "pin \"hole\"", b"p"), b"DESCRIBE"));
    assert_eq!(key.check(sent.nonce().raw(), 1030, b"192.0.2.1", 30), NonceState::Valid { age: 30 });
}

#[test]
fn what_cannot_be_answered_says_why() {
    for (value, expected) in [
        (&b"Bearer realm=\"x\""[..], "the scheme Bearer"),
        (b"Digest realm=\"x\", nonce=\"n\", algorithm=SHA-512-256", "Digest with SHA-512-256"),
        (b"Digest realm=\"x\", nonce=\"n\", qop=\"auth-int\"", "Digest with the protection auth-int"),
        (b"Digest realm=\"x\"", "Digest without a nonce"),
    ] {
        match Challenge::best([value].into_iter()) {
            Some(Challenge::Unsupported(why)) => assert_eq!(text(why), expected.as_bytes()),
            other => panic!("{other:?}"),
        }
    }
    assert!(Challenge::best([&b""[..]].into_iter()).is_none());
    assert!(digest(b"Digest nonce=\"n\", qop=\"\"").realm == b""[..]);
    assert!(!digest(b"Digest nonce=\"n\", qop=\"\"").counts);
}

#[test]
fn credentials_that_lack_something_are_none() {
    let whole = "Digest username=\"u\", realm=\"r\", nonce=\"n\", uri=\"/\", qop=auth, nc=00000001, cnonce=\"c\", \
                 response=\"8ca523f5e9506fed4657c9700eebdbec\"";
    assert!(Credentials::parse(whole.as_bytes()).is_some());
    for (part, other) in [
        ("username=\"u\", ", ""),
        ("realm=\"r\", ", ""),
        ("nonce=\"n\", ", ""),
        ("uri=\"/\", ", ""),
        ("nc=00000001, ", ""),
        ("nc=00000001", "nc=x"),
        ("cnonce=\"c\", ", ""),
        ("qop=auth", "qop=auth-int"),
        ("realm=\"r\"", "realm=\"r\", realm=\"s\""),
        ("bdbec", "bdbe"),
        ("bdbec", "bdbeg"),
        ("bdbec\"", "bdbec\", algorithm=SHA-256"),
        ("bdbec\"", "bdbec\", Digest a=b"),
        ("Digest", "Diges"),
    ] {
        let odd = whole.replace(part, other);
        assert_ne!(odd, whole);
        assert!(Credentials::parse(odd.as_bytes()).is_none(), "{odd}");
    }
}

#[test]
fn nonces_are_known_again_without_being_kept() {
    let key = NonceKey::new([1; 32]);
    let nonce = key.nonce(5, b"a");
    let text = nonce.as_bytes();
    assert!(text.starts_with(b"00000005") && text.len() == 40);
    assert_eq!(key.check(text, 5, b"a", 0), NonceState::Valid { age: 0 });
    assert_eq!(key.check(text, 65, b"a", 60), NonceState::Valid { age: 60 });
    assert_eq!(key.check(text, 66, b"a", 60), NonceState::Expired);
    assert_eq!(key.check(text, 4, b"a", 60), NonceState::Expired);
    assert_eq!(key.check(text, 5, b"b", 60), NonceState::Forged);
    assert_eq!(NonceKey::new([2; 32]).check(text, 5, b"a", 60), NonceState::Forged);
    for at in 0..text.len() {
        let mut forged = text.to_vec();
        forged[at] ^= 1;
        assert_eq!(key.check(&forged, 5, b"a", 60), NonceState::Forged, "at {at}");
        assert_eq!(key.check(&text[..at], 5, b"a", 60), NonceState::Forged);
    }
    assert_eq!(key.check(&[text, b"0"].concat(), 5, b"a", 60), NonceState::Forged);
    assert_eq!(key.check("0000000\u{f6}".as_bytes(), 5, b"a", 60), NonceState::Forged);
}

#[test]
fn basic_is_base64_of_user_and_password() {
    // RFC 7617, 2 and 2.1.
    for (user, password, value) in [
        ("Aladdin", "open sesame", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
        ("test", "123\u{a3}", "Basic dGVzdDoxMjPCow=="),
        ("a", "b", "Basic YTpi"),
        ("", "", "Basic Og=="),
        ("u", "p:w", "Basic dTpwOnc="),
    ] {
        let sent = text(BasicResponse { user: user.as_bytes(), password: password.as_bytes() });
        assert_eq!(sent, value.as_bytes());
        let Some(Credentials::Basic(sent)) = Credentials::parse(&sent) else { panic!("{value}") };
        let mut out = [0; 64];
        assert_eq!(sent.user_and_password(&mut out), Some((user.as_bytes(), password.as_bytes())));
        assert_eq!(sent.user_and_password(&mut []), None);
    }
    for value in ["Basic", "Basic !", "Basic YWI=", "Basic YTpi YTpi"] {
        let Some(Credentials::Basic(sent)) = Credentials::parse(value.as_bytes()) else { panic!("{value}") };
        assert_eq!(sent.user_and_password(&mut [0; 64]), None, "{value}");
    }
}

#[test]
fn secrets_are_not_shown() {
    let challenge = digest(b"Digest realm=\"r\", nonce=\"n\"");
    let shown = format!(
        "{:?} {:?} {:?} {:?}",
        answer(challenge, "u", "secret"),
        BasicResponse { user: b"u", password: b"secret" },
        NonceKey::new([0x5A; 32]),
        Ha1::new(Algorithm::Md5, b"u", "r", b"secret"),
    );
    assert!(!shown.contains("secret") && !shown.contains("115, 101") && !shown.contains("90, 90"), "{shown}");
}
