//! Attacks by connections: that break, stay, or are too many.
use super::troop::{Attacker, ask, connect, send};
use socket2::SockRef;
use std::io::Read;
use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

/// How many connections a crowd tries to have: more than one address may have.
const CROWD: usize = super::CONNECTIONS_OF_AN_ADDRESS + 16;

/// How long the server may take to close a connection that its client asks it to close.
const CLOSES: Duration = Duration::from_secs(20);

/// Plays, reads a little, and closes with a RST.
pub(super) fn reset(attacker: &mut Attacker<'_>) -> Option<()> {
    let (mut dialogue, medium) = attacker.set_up_tcp()?;
    ask(&mut dialogue, "PLAY", &medium.url, "")?;
    for _ in 0..attacker.random.u32(0..40) {
        dialogue.interleaved(Duration::from_millis(100))?;
    }
    if attacker.random.bool() {
        // In the middle of a request.
        dialogue.send(b"GET_PARAMETER rtsp://");
    }
    SockRef::from(dialogue.stream()).set_linger(Some(Duration::ZERO)).ok()
}

/// Connects and says nothing.
pub(super) fn half_open(attacker: &mut Attacker<'_>) -> Option<()> {
    let dialogue = attacker.connect()?;
    attacker.hold(dialogue, 20);
    Some(())
}

/// Sends a request that never ends, four bytes every two seconds.
pub(super) fn drip(attacker: &mut Attacker<'_>) -> Option<()> {
    if attacker.held.len() < 2 || attacker.random.u8(..) < 10 {
        let mut dialogue = attacker.connect()?;
        if attacker.random.bool() {
            // With a session, it has the patience of one.
            let url = attacker.medium().url;
            dialogue.send(format!("OPTIONS {url} RTSP/1.0\r\nCSeq: 1\r\n\r\n").as_bytes());
        }
        dialogue.send(b"OPTIONS * RTSP/1.0\r\nX: ");
        attacker.hold(dialogue, 8);
    }
    for held in &mut attacker.held {
        if held.at.elapsed() > Duration::from_secs(2) {
            held.dialogue.send(b"abcd");
            held.at = std::time::Instant::now();
        }
    }
    Some(())
}

/// Asks for its connection to be closed after any of the requests of a dialogue (RFC 2326, 12.10), and waits for that,
/// goes on all the same, or does not read. It is not done if the server does not answer, or keeps the connection of a
/// client that reads; it may keep that of one that plays.
pub(super) fn closes(attacker: &mut Attacker<'_>) -> Option<()> {
    const CLOSE: &str = "Connection: close\r\n";
    let (mut dialogue, medium) = attacker.set_up_tcp()?;
    let methods = ["OPTIONS", "DESCRIBE", "PLAY", "PAUSE", "GET_PARAMETER", "TEARDOWN"];
    let last = attacker.random.usize(..methods.len());
    for method in &methods[..last] {
        send(&mut dialogue, method, &medium.url, "");
    }
    send(&mut dialogue, methods[last], &medium.url, CLOSE);
    let goes_on = attacker.random.bool();
    for method in methods.iter().filter(|_| goes_on) {
        send(&mut dialogue, method, &medium.url, CLOSE);
    }
    if (methods[last] == "PLAY" && !goes_on) || attacker.random.u8(0..3) == 0 {
        attacker.hold(dialogue, 4);
        return Some(());
    }
    let closed = dialogue.closes(CLOSES);
    dialogue.try_reply(Duration::from_millis(1)).filter(|_| closed).map(drop)
}

/// Looks at ports as scanners do: connects and goes, speaks another protocol, or knocks at another port.
pub(super) fn knock(attacker: &mut Attacker<'_>) -> Option<()> {
    let port = attacker.random.u16(1024..);
    let to = SocketAddr::new(attacker.ground.server.ip(), port);
    // Mostly nobody is there.
    drop(connect(attacker.address(), to));
    let mut dialogue = attacker.connect()?;
    match attacker.random.u8(0..4) {
        0 => dialogue.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        1 => dialogue.send(&[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]),
        2 => dialogue.send(b"\r\n\r\nSSH-2.0-scan\r\n"),
        _ => return Some(()),
    }
    dialogue.stream().set_read_timeout(Some(Duration::from_millis(50))).ok()?;
    // A reply, an end, or nothing.
    let _ = dialogue.stream().read(&mut [0; 512]);
    Some(())
}

/// Takes all connections that one address may have, and tries to have more. It is not done if more are granted.
pub(super) fn crowd(attacker: &mut Attacker<'_>) -> Option<()> {
    let from = [127, 0, 2, attacker.random.u8(1..=4)].into();
    let mut crowd: Vec<_> = (0..CROWD).filter_map(|_| connect(from, attacker.ground.server)).collect();
    for dialogue in &mut crowd {
        send(dialogue, "OPTIONS", "*", "");
    }
    let replies = crowd.iter_mut().filter_map(|dialogue| dialogue.try_reply(Duration::from_millis(500)));
    let granted = replies.filter(|reply| reply.status == 200).count();
    thread::sleep(Duration::from_millis(attacker.random.u64(0..500)));
    let most = super::CONNECTIONS_OF_AN_ADDRESS;
    (most / 2..=most).contains(&granted).then_some(())
}
