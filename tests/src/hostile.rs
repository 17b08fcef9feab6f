//! Requests and bytes that no decent client sends, and clients that behave badly.
use crate::dialogue::{Dialogue, UdpPair};

/// Returns requests that a server must refuse, each with the status codes that are accepted. `url` is
/// served, and `none` is not.
pub fn bad_requests(url: &str, none: &str) -> Vec<(String, &'static [u16])> {
    vec![
        ("HELLO\r\n\r\n".to_owned(), &[400]),
        ("OPTIONS * RTSP/1.0\r\n\r\n".to_owned(), &[400]),
        ("OPTIONS * RTSP/1.0\r\nCSeq: many\r\n\r\n".to_owned(), &[400]),
        ("OPTIONS * RTSP/2.0\r\nCSeq: 1\r\n\r\n".to_owned(), &[505]),
        ("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".to_owned(), &[400, 505]),
        (format!("BREW {url} RTSP/1.0\r\nCSeq: 1\r\n\r\n"), &[405, 501]),
        (format!("DESCRIBE {none} RTSP/1.0\r\nCSeq: 1\r\n\r\n"), &[404]),
        (format!("OPTIONS {url} RTSP/1.0\r\nCSeq: 1\r\nRequire: warp\r\n\r\n"), &[551]),
        (format!("SETUP {url} RTSP/1.0\r\nCSeq: 1\r\nTransport: RTP/SAVP\r\n\r\n"), &[461]),
        (format!("SETUP {url} RTSP/1.0\r\nCSeq: 1\r\n\r\n"), &[400, 461]),
        (format!("PLAY {url} RTSP/1.0\r\nCSeq: 1\r\n\r\n"), &[454]),
        (format!("PLAY {url} RTSP/1.0\r\nCSeq: 1\r\nSession: 0123456789\r\n\r\n"), &[454]),
        (format!("OPTIONS {url} RTSP/1.0\r\nCSeq: 1\r\nContent-Length: -1\r\n\r\n"), &[400]),
        (format!("OPTIONS {url} RTSP/1.0\r\nCSeq: 1\r\nContent-Length: {}\r\n\r\n", u128::MAX), &[400, 413]),
        (
            format!("OPTIONS {url} RTSP/1.0\r\nCSeq: 1\r\nX: {}\r\n\r\n", "x".repeat(100_000)),
            &[400, 413, 414, 431],
        ),
    ]
}

/// Returns bytes that are no RTSP message.
pub fn noise() -> [Vec<u8>; 4] {
    [vec![0; 10_000], b"$".to_vec(), b"$\x00\xff\xff".to_vec(), "\r\n".repeat(5_000).into_bytes()]
}

/// Returns four requests, with CSeq 1 to 4, in unusual spellings that a server must accept all the
/// same.
pub fn odd_requests(url: &str) -> String {
    // A leading empty line, a strange spelling, a folded header, bare line feeds, trailing spaces,
    // and interleaved data of a channel that nobody knows.
    format!(
        "\r\nOPTIONS {url} RTSP/1.0\r\nCseq: 1  \r\nX-Note: one\r\n two\r\n\r\n\
         OPTIONS {url} RTSP/1.0\nCSEQ:2\n\n\
         $\u{9}\u{0}\u{4}abcd\
         OPTIONS {url} RTSP/1.0\r\nCSeq: 3\r\nContent-Length: 4\r\n\r\nbody\
         OPTIONS {url} RTSP/1.0\r\nCSeq: 4\r\n\r\n"
    )
}

/// RTCP with false lengths, for a session that was set up with the interleaved channels 0 and 1.
pub const FALSE_REPORTS: &[u8] =
    b"$\x01\x00\x08\x81\xc9\xff\xff\x00\x00\x00\x01$\x01\x00\x00$\x01\x00\x01\x80";

/// Plays over UDP and then closes the UDP sockets, so that the host answers each packet with an ICMP
/// error. Only the RTSP connection, which is returned, stays open.
///
/// # Panics
/// Panics if it cannot play.
#[must_use = "the connection stays while this is held"]
pub fn vanished(mut dialogue: Dialogue, url: &str) -> Dialogue {
    let pair = UdpPair::bind();
    dialogue.set_up(url, &pair.transport());
    dialogue.request("PLAY", url, &[]).ok();
    dialogue
}

/// Plays over TCP with the smallest possible receive buffer, and reads nothing of the stream.
///
/// # Panics
/// Panics if it cannot set up a session.
#[must_use = "the connection stays while this is held"]
pub fn narrow(dialogue: Dialogue, url: &str) -> Dialogue {
    let mut dialogue = dialogue.with_buffer(1);
    dialogue.set_up_tcp(url);
    let session = dialogue.session.as_deref().expect("a session");
    let play = format!("PLAY {url} RTSP/1.0\r\nCSeq: 3\r\nSession: {session}\r\n\r\n");
    dialogue.send(play.as_bytes());
    dialogue
}
