//! Attacks by sessions: too many, never used, never read, or asking for more than others.
use super::troop::{Attacker, Side, ask, send, set_up};
use super::viewer::server_port;
use std::io::Read;
use std::net::UdpSocket;
use std::thread;
use std::time::{Duration, Instant};

/// What a slow client reads in a second.
const SLOW: usize = 20_000;

/// Sets sessions up by UDP, to ports from which nothing is ever sent.
pub(super) fn unlatched(attacker: &mut Attacker<'_>) -> Option<()> {
    let mut dialogue = attacker.connect()?;
    let mut granted = 0;
    for _ in 0..8 {
        let streams = attacker.ground.streams();
        let of_viewer = streams[attacker.random.usize(..streams.len())].ports.map(|(client, _)| client);
        // Some claim the ports of a viewer at the same address.
        let own = of_viewer.filter(|_| attacker.side == Side::Neighbours && attacker.random.u8(0..8) == 0);
        let port = own.unwrap_or_else(|| attacker.random.u16(1024..60_000) & !1);
        let medium = attacker.medium();
        dialogue.session = None;
        let transport = format!("RTP/AVP;unicast;client_port={port}-{}", port + 1);
        if set_up(&mut dialogue, &medium, &transport).is_none() {
            continue;
        }
        granted += 1;
        if own.is_none() && attacker.random.bool() {
            // A session that plays is not replaced by the next one.
            ask(&mut dialogue, "PLAY", &medium.url, "Range: npt=0-0.001\r\n");
        }
    }
    attacker.hold(dialogue, 6);
    (granted > 0).then_some(())
}

/// Asks for random places without waiting, and hardly reads.
pub(super) fn seek(attacker: &mut Attacker<'_>) -> Option<()> {
    let (mut dialogue, medium) = attacker.set_up_tcp()?;
    let session = dialogue.session.clone();
    for _ in 0..30 {
        let from = attacker.random.f64() * 2.0;
        let scale = ["", "", "", "Scale: 2\r\n", "Scale: -1\r\n"][attacker.random.usize(..5)];
        send(&mut dialogue, "PLAY", &medium.url, &format!("Range: npt={from:.2}-\r\n{scale}"));
    }
    dialogue.session = session;
    let end = Instant::now() + Duration::from_millis(200);
    let mut replies = 0;
    while Instant::now() < end && dialogue.try_reply(Duration::from_millis(50)).is_some() {
        replies += 1;
    }
    attacker.hold(dialogue, 2);
    (replies > 0).then_some(())
}

/// Plays, and stops reading.
pub(super) fn stalled(attacker: &mut Attacker<'_>) -> Option<()> {
    let (dialogue, medium) = attacker.set_up_tcp()?;
    let mut dialogue = if attacker.random.bool() { dialogue.with_buffer(1) } else { dialogue };
    send(&mut dialogue, "PLAY", &medium.url, "");
    attacker.hold(dialogue, 6);
    Some(())
}

/// Plays, and reads less than is sent.
pub(super) fn slow(attacker: &mut Attacker<'_>) -> Option<()> {
    if attacker.held.len() < 3 || attacker.random.u8(..) == 0 {
        let (dialogue, medium) = attacker.set_up_tcp()?;
        let mut dialogue = dialogue.with_buffer(1 << 14);
        ask(&mut dialogue, "PLAY", &medium.url, "")?;
        dialogue.stream().set_read_timeout(Some(Duration::from_millis(1))).ok()?;
        attacker.hold(dialogue, 4);
    }
    for held in &mut attacker.held {
        let due = (SLOW as f64 * held.at.elapsed().as_secs_f64()) as usize;
        held.at = Instant::now();
        // It may have ended, which the server decides.
        let _ = held.dialogue.stream().read(&mut vec![0; due.clamp(1, SLOW)]);
    }
    let ended = attacker.held.iter().position(|held| {
        held.dialogue.stream().set_nonblocking(true).is_ok()
            && matches!(held.dialogue.stream().peek(&mut [0]), Ok(0))
    });
    for held in &attacker.held {
        held.dialogue.stream().set_nonblocking(false).ok()?;
    }
    ended.map(|ended| attacker.held.remove(ended));
    Some(())
}

/// Asks for all frames as fast as they come, and reads them.
pub(super) fn fast(attacker: &mut Attacker<'_>) -> Option<()> {
    let (mut dialogue, medium) = attacker.set_up_tcp()?;
    let headers = ["Speed: 16\r\n", "Scale: 8\r\n", "Speed: 16\r\nScale: 2\r\n"][attacker.random.usize(..3)];
    ask(&mut dialogue, "PLAY", &medium.url, headers)?;
    let end = Instant::now() + Duration::from_millis(attacker.random.u64(200..700));
    let mut buffer = vec![0; 65_536];
    dialogue.stream().set_read_timeout(Some(Duration::from_millis(100))).ok()?;
    while Instant::now() < end {
        if !matches!(dialogue.stream().read(&mut buffer), Ok(1..)) {
            break;
        }
    }
    Some(())
}

/// Plays by UDP, and closes its sockets, so that the system refuses what comes.
pub(super) fn vanished(attacker: &mut Attacker<'_>) -> Option<()> {
    let socket = UdpSocket::bind((attacker.address(), 0)).ok()?;
    let local = socket.local_addr().ok()?;
    let mut dialogue = super::troop::connect(local.ip(), attacker.ground.server)?;
    let medium = attacker.medium();
    let transport = format!("RTP/AVP;unicast;client_port={}-{}", local.port(), local.port().wrapping_add(1));
    let reply = set_up(&mut dialogue, &medium, &transport)?;
    ask(&mut dialogue, "PLAY", &medium.url, "")?;
    let port = server_port(reply.header("Transport")?)?;
    socket.send_to(&[0x80, 0, 0, 0], (attacker.ground.server.ip(), port)).ok()?;
    thread::sleep(Duration::from_millis(attacker.random.u64(0..200)));
    attacker.hold(dialogue, 4);
    Some(())
}
