//! Attacks by what is sent in an RTSP connection.
use super::troop::{Attacker, ask, request, send};
use crate::hostile::{FALSE_REPORTS, noise};
use std::io::Write;
use std::thread;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(2);

/// Asks for URLs that nobody has, some of which are meant for whoever reads the server's log.
pub(super) fn unknown(attacker: &mut Attacker<'_>) -> Option<()> {
    let mut dialogue = attacker.connect()?;
    let server = attacker.ground.server;
    for _ in 0..20 {
        let len = attacker.random.usize(..1500);
        let name: String = match attacker.random.u8(0..3) {
            0 => "x".repeat(len),
            1 => "..%2f".repeat(len / 5),
            _ => "\u{1b}[2J\u{9b}\u{202e}%0d%0a".repeat(len / 30),
        };
        let method = ["DESCRIBE", "SETUP", "OPTIONS"][attacker.random.usize(..3)];
        send(&mut dialogue, method, &format!("rtsp://{server}/{name}"), "");
    }
    dialogue.try_reply(SOON).map(drop)
}

/// Sends headers without an end.
pub(super) fn headers(attacker: &mut Attacker<'_>) -> Option<()> {
    let dialogue = attacker.connect()?;
    let mut stream = dialogue.stream();
    stream.write_all(b"DESCRIBE rtsp://a/b RTSP/1.0\r\nCSeq: 1\r\n").ok()?;
    let line = format!("X-{}: {}\r\n", attacker.random.u32(..), "y".repeat(attacker.random.usize(..4000)));
    let lines = line.repeat(65_536 / line.len());
    let mut sent = 0;
    // Until the server has enough of it.
    while sent < 4 << 20 && stream.write_all(lines.as_bytes()).is_ok() {
        sent += lines.len();
    }
    (sent > 0).then_some(())
}

/// Sends a whole dialogue at once, cut anywhere.
pub(super) fn pipelined(attacker: &mut Attacker<'_>) -> Option<()> {
    let mut dialogue = attacker.connect()?;
    let mut all = Vec::new();
    for _ in 0..attacker.random.usize(2..12) {
        let medium = attacker.medium();
        let port = attacker.random.u16(1024..60_000) & !1;
        let (method, url, headers) = match attacker.random.u8(0..9) {
            0 => ("OPTIONS", medium.url, String::new()),
            1 => ("DESCRIBE", medium.url, String::new()),
            2 => ("SETUP", medium.track, "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n".into()),
            3 | 4 => {
                let ports = format!("client_port={port}-{}", port + 1);
                ("SETUP", medium.track, format!("Transport: RTP/AVP;unicast;{ports}\r\n"))
            }
            5 => ("PLAY", medium.url, "Range: npt=0.5-\r\n".into()),
            6 => ("PAUSE", medium.url, String::new()),
            7 => ("TEARDOWN", medium.url, String::new()),
            _ => ("GET_PARAMETER", medium.url, "Content-Length: 5\r\n\r\nabcde".into()),
        };
        // A session that hardly exists.
        let session = attacker.random.bool().then(|| format!("{:x}", attacker.random.u64(..)));
        all.extend(request(session.as_deref(), method, &url, &headers).into_bytes());
        if attacker.random.bool() {
            all.extend(FALSE_REPORTS);
        }
    }
    let mut rest = &all[..];
    while !rest.is_empty() {
        let (now, later) = rest.split_at(attacker.random.usize(1..=rest.len()));
        dialogue.send(now);
        rest = later;
        thread::sleep(Duration::from_millis(attacker.random.u64(0..3)));
    }
    dialogue.try_reply(SOON).map(drop)
}

/// Sends what is no RTSP.
pub(super) fn garbage(attacker: &mut Attacker<'_>) -> Option<()> {
    let mut dialogue = attacker.connect()?;
    let noise = noise();
    let bytes = match attacker.random.usize(..2 * noise.len()) {
        known if known < noise.len() => noise[known].clone(),
        _ => {
            let len = attacker.random.usize(1..20_000);
            attacker.bytes(len)
        }
    };
    dialogue.send(&bytes);
    // Wait for what it says to that, or not.
    if attacker.random.bool() {
        dialogue.stream().set_read_timeout(Some(Duration::from_millis(50))).ok()?;
        let _ = std::io::Read::read(&mut dialogue.stream(), &mut [0; 512]);
    }
    Some(())
}

/// Plays, and sends interleaved packets of any channel, with or without sense.
pub(super) fn interleaved_garbage(attacker: &mut Attacker<'_>) -> Option<()> {
    let (mut dialogue, medium) = attacker.set_up_tcp()?;
    ask(&mut dialogue, "PLAY", &medium.url, "")?;
    for _ in 0..20 {
        let len = attacker.random.u16(..1500);
        let [high, low] = len.to_be_bytes();
        let channel = if attacker.random.bool() { attacker.random.u8(0..2) } else { attacker.random.u8(..) };
        let data = attacker.bytes(len.into());
        dialogue.send(&[&[b'$', channel, high, low][..], &data].concat());
        dialogue.send(FALSE_REPORTS);
    }
    dialogue.interleaved(SOON)?;
    attacker.hold(dialogue, 3);
    Some(())
}
