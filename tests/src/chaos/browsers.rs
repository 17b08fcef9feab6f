//! Attacks on the pages of the server, by what is a browser or claims to be one.
use super::troop::{Attacker, REPLY};
use crate::dialogue::Dialogue;
use crate::hostile::noise;
use socket2::SockRef;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::time::Duration;

/// Watches a stream for a while, and closes with a RST.
pub(super) fn killed(attacker: &mut Attacker<'_>) -> Option<()> {
    let (mut browser, path) = (attacker.browse()?, attacker.stream());
    get(&mut browser, &path);
    answered(&browser)?;
    let mut left = attacker.random.usize(0..200_000);
    let mut buffer = vec![0; 65_536];
    browser.stream().set_read_timeout(Some(Duration::from_millis(100))).ok()?;
    while left > 0 {
        let Ok(read @ 1..) = browser.stream().read(&mut buffer) else { break };
        left = left.saturating_sub(read);
    }
    SockRef::from(browser.stream()).set_linger(Some(Duration::ZERO)).ok()
}

/// Stops in the middle of a request, which may be the first one or a later one.
pub(super) fn cut_short(attacker: &mut Attacker<'_>) -> Option<()> {
    let (mut browser, request) = (attacker.browse()?, request(&attacker.stream()));
    if attacker.random.bool() {
        get(&mut browser, "/style.css");
        answered(&browser)?;
    }
    browser.send(request.as_bytes().get(..attacker.random.usize(1..request.len()))?);
    attacker.hold(browser, 8);
    Some(())
}

/// Connects and says nothing, or asks for a stream and closes its own side.
pub(super) fn half_open(attacker: &mut Attacker<'_>) -> Option<()> {
    let mut browser = attacker.browse()?;
    if attacker.random.bool() {
        get(&mut browser, &attacker.stream());
        answered(&browser)?;
        browser.stream().shutdown(Shutdown::Write).ok()?;
    }
    attacker.hold(browser, 20);
    Some(())
}

/// Sends a request for a stream a byte at a time, and reads the stream so.
pub(super) fn byte_by_byte(attacker: &mut Attacker<'_>) -> Option<()> {
    const REQUEST: &[u8] = b"GET /pattern.mjpeg HTTP/1.1\r\n\r\n";
    if attacker.held.len() < 3 || attacker.random.u8(..) == 0 {
        let browser = attacker.browse()?.with_buffer(1);
        browser.stream().set_read_timeout(Some(Duration::from_millis(1))).ok()?;
        attacker.hold(browser, 4);
    }
    for held in &mut attacker.held {
        match REQUEST.get(held.sent) {
            Some(&byte) => {
                held.dialogue.send(&[byte]);
                held.sent += 1;
            }
            // It may have ended, which the server decides.
            None => drop(held.dialogue.stream().read(&mut [0])),
        }
    }
    Some(())
}

/// Asks for a stream, and never reads it.
pub(super) fn never_read(attacker: &mut Attacker<'_>) -> Option<()> {
    let browser = attacker.browse()?;
    let mut browser = if attacker.random.bool() { browser.with_buffer(1) } else { browser };
    get(&mut browser, &attacker.stream());
    attacker.hold(browser, 6);
    Some(())
}

/// Asks for stills and pages without waiting for them, and reads them or not.
pub(super) fn flood(attacker: &mut Attacker<'_>) -> Option<()> {
    let mut browser = attacker.browse()?;
    for _ in 0..attacker.random.usize(10..100) {
        let medium = attacker.medium().name;
        let path = match attacker.random.u8(0..8) {
            0 => "/".to_owned(),
            1 => format!("/?from={}", attacker.random.u64(..)),
            2 => "/style.css".to_owned(),
            3 => "/api/media".to_owned(),
            4 => format!("/{medium}"),
            5 => format!("/%1b%5B2J%0d%0a<script>{}", "x".repeat(attacker.random.usize(..3000))),
            _ => format!("/{medium}.jpg"),
        };
        get(&mut browser, &path);
    }
    answered(&browser)?;
    browser.stream().set_read_timeout(Some(Duration::from_millis(50))).ok()?;
    let mut buffer = vec![0; 65_536];
    for _ in 0..attacker.random.usize(0..60) {
        let Ok(1..) = browser.stream().read(&mut buffer) else { break };
    }
    attacker.hold(browser, 3);
    Some(())
}

/// Sends what is no HTTP, or HTTP that no browser speaks.
pub(super) fn garbage(attacker: &mut Attacker<'_>) -> Option<()> {
    const ODD: [&[u8]; 8] = [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n",
        b"CONNECT 10.0.0.1:25 HTTP/1.1\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: 18446744073709551616\r\n\r\n",
        b"GET http://[::1%25x]:99999/../../etc/passwd HTTP/1.1\r\nHost: \"><\r\n\r\n",
        b"HEAD /pattern.mjpeg HTTP/1.1\r\nRange: bytes=-1\r\nUpgrade: websocket\r\n\r\n",
    ];
    let mut browser = attacker.browse()?;
    let bytes = match attacker.random.u8(0..3) {
        0 => ODD[attacker.random.usize(..ODD.len())].to_vec(),
        1 => noise()[attacker.random.usize(..noise().len())].clone(),
        _ => {
            let len = attacker.random.usize(1..20_000);
            attacker.bytes(len)
        }
    };
    browser.send(&bytes);
    // Wait for what it says to that, or not.
    if attacker.random.bool() {
        browser.stream().set_read_timeout(Some(Duration::from_millis(50))).ok()?;
        let _ = browser.stream().read(&mut [0; 512]);
    }
    Some(())
}

/// Sends a head without an end: one field, many of them, or a path.
pub(super) fn headers(attacker: &mut Attacker<'_>) -> Option<()> {
    let browser = attacker.browse()?;
    let mut stream = browser.stream();
    let (begin, more) = match attacker.random.u8(0..3) {
        0 => ("GET / HTTP/1.1\r\nCookie: ", "y".repeat(4096)),
        1 => ("GET / HTTP/1.1\r\n", "X: y\r\n".repeat(700)),
        _ => ("GET /", "%2e/".repeat(1000)),
    };
    stream.write_all(begin.as_bytes()).ok()?;
    let mut sent = 0;
    // Until the server has enough of it.
    while sent < 4 << 20 && stream.write_all(more.as_bytes()).is_ok() {
        sent += more.len();
    }
    (sent > 0).then_some(())
}

fn request(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: attacked\r\n\r\n")
}

/// Sends a request, and does not wait.
fn get(browser: &mut Dialogue, path: &str) {
    browser.send(request(path).as_bytes());
}

/// Waits for the begin of a response. `None` if there is nothing at the path, or the server refuses more clients.
fn answered(browser: &Dialogue) -> Option<()> {
    const ANSWERS: [&[u8]; 2] = [b"HTTP/1.1 200", b"HTTP/1.1 404"];
    let mut begin = [0; ANSWERS[0].len()];
    browser.stream().set_read_timeout(Some(REPLY)).ok()?;
    browser.stream().read_exact(&mut begin).ok()?;
    ANSWERS.contains(&&begin[..]).then_some(())
}
