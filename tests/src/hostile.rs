//! Requests and bytes that no decent client sends, and clients that behave badly. A test uses these to show
//! that a server refuses them or puts up with them, and goes on serving other clients.
use crate::dialogue::{Dialogue, UdpPair};

/// Returns requests that a server must refuse. Each item is a request and the status codes that the server's
/// reply to that request may have. Send each request over a new connection, because the server may close the
/// connection after the reply. `url` is the URL of a medium that the server has. `none` is a URL of the same
/// server at which there is no medium.
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

/// Returns bytes that are no RTSP message. Send each element over a new connection. The server may close that
/// connection, answer, or wait for more bytes. It must go on serving its other connections.
pub fn noise() -> [Vec<u8>; 4] {
    [vec![0; 10_000], b"$".to_vec(), b"$\x00\xff\xff".to_vec(), "\r\n".repeat(5_000).into_bytes()]
}

/// Returns four OPTIONS requests in one string, with CSeq 1 to 4, in unusual spellings. A server must
/// answer each of them with 200, in this order. `url` is the URL of a medium that the server has.
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

/// Three interleaved packets of broken RTCP, to be sent to a server: a receiver report whose length field
/// announces far more bytes than the packet has, an empty packet, and a packet of a single byte. Send these
/// packets on the connection of a session that was set up with the interleaved channels 0 and 1. The server
/// must ignore the packets, and the session must go on.
pub const FALSE_REPORTS: &[u8] =
    b"$\x01\x00\x08\x81\xc9\xff\xff\x00\x00\x00\x01$\x01\x00\x00$\x01\x00\x01\x80";

/// Plays over UDP, and then closes the client's UDP sockets, so that the host answers each RTP packet with an
/// ICMP error. `dialogue` is a connection without a session, and `url` is the URL of a medium of the server.
/// Returns the RTSP connection, which stays open until the returned value is dropped.
///
/// # Panics
/// Panics if the server refuses DESCRIBE, SETUP or PLAY.
#[must_use = "the connection stays while this is held"]
pub fn vanished(mut dialogue: Dialogue, url: &str) -> Dialogue {
    let pair = UdpPair::bind();
    dialogue.set_up(url, &pair.transport());
    dialogue.request("PLAY", url, &[]).ok();
    dialogue
}

/// Plays over TCP with the smallest receive buffer that the system allows, and reads neither the reply to
/// PLAY nor the stream. `dialogue` is a connection without a session, and `url` is the URL of a medium of the
/// server. Returns the connection, which stays open until the returned value is dropped.
///
/// # Panics
/// Panics if the server refuses DESCRIBE or SETUP.
#[must_use = "the connection stays while this is held"]
pub fn narrow(dialogue: Dialogue, url: &str) -> Dialogue {
    let mut dialogue = dialogue.with_buffer(1);
    dialogue.set_up_tcp(url);
    let session = dialogue.session.as_deref().expect("a session");
    let play = format!("PLAY {url} RTSP/1.0\r\nCSeq: 3\r\nSession: {session}\r\n\r\n");
    dialogue.send(play.as_bytes());
    dialogue
}
