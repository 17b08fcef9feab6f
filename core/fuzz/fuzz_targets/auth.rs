//! Parses challenges and credentials. What a client answers to a challenge is what a server can read.
#![no_main]
use libfuzzer_sys::fuzz_target;
use pinhole::auth::{Challenge, Credentials, DigestResponse, Ha1};
use pinhole::text::{Emit, TextWriter};

fn emitted(value: &impl Emit) -> Vec<u8> {
    let mut out = TextWriter::new(Vec::new());
    value.emit(&mut out);
    let text = out.finish().expect("a Vec takes all");
    assert_eq!(text.len(), value.text_len());
    text
}

fuzz_target!(|input: (&[u8], &[u8])| {
    let (value, user) = input;
    if let Some(Credentials::Digest(sent)) = Credentials::parse(value) {
        let ha1 = Ha1::new(sent.algorithm(), &sent.user().bytes().collect::<Vec<_>>(), sent.realm(), b"password");
        let _ = sent.verify(&ha1, b"PLAY");
    }
    // The first challenge is not worse than all others.
    assert_eq!(Challenge::parse(value).next().is_some(), Challenge::best([value].into_iter()).is_some());
    for challenge in Challenge::parse(value) {
        let Challenge::Digest(challenge) = challenge else { continue };
        let password = b"pass\"word";
        let response =
            DigestResponse { challenge, user, password, method: "PLAY", uri: b"rtsp://h/a", cnonce: 1, count: 1 };
        let text = emitted(&response);
        // A nonce that is no quoted string has no end that a server would find.
        if [challenge.realm, challenge.nonce].iter().chain(&challenge.opaque).any(|text| !is_quotable(text.raw())) {
            continue;
        }
        let Some(Credentials::Digest(sent)) = Credentials::parse(&text) else { panic!("{}", text.escape_ascii()) };
        assert!(sent.verify(&Ha1::new(challenge.algorithm, user, challenge.realm, password), b"PLAY"));
    }
});

/// Whether the text ends no quoted string: each quote has a backslash before it, and the last byte is not one
/// that escapes what follows.
fn is_quotable(text: &[u8]) -> bool {
    let mut escaped = false;
    text.iter().all(|&byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        !ends
    }) && !escaped
}
