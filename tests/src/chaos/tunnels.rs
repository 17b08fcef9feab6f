//! Attacks on RTSP over HTTP.
use super::troop::{Attacker, connect};
use std::io::{Read, Write};
use std::time::Duration;

/// An OPTIONS request in base64.
const OPTIONS: &[u8] = b"T1BUSU9OUyAqIFJUU1AvMS4wDQpDU2VxOiAxDQoNCg==";

/// Opens the GET of a tunnel with a cookie that may be in use, and leaves it alone, or posts requests that are cut
/// anywhere, garbage, or with the cookie of nobody. It is done if the GET is answered.
pub(super) fn halves(attacker: &mut Attacker<'_>) -> Option<()> {
    let (from, server) = (attacker.address(), attacker.ground.server);
    let cookie = format!("cookie-{}", attacker.random.u8(0..16));
    let mut down = connect(from, server)?;
    let accept = "Accept: application/x-rtsp-tunnelled";
    down.send(format!("GET / HTTP/1.0\r\nx-sessioncookie: {cookie}\r\n{accept}\r\n\r\n").as_bytes());
    down.stream().set_read_timeout(Some(Duration::from_secs(2))).ok()?;
    let mut answer = [0; 9];
    down.stream().read_exact(&mut answer).ok()?;
    let act = attacker.random.u8(0..5);
    if act > 0 {
        let up = connect(from, server)?;
        let cookie = if act == 1 { "nobody" } else { &cookie };
        let mut body = match act {
            2 => attacker.bytes(200),
            3 => b"AA==\r\n".repeat(2000),
            _ => OPTIONS.repeat(20),
        };
        let cut = attacker.random.usize(..body.len());
        let head = format!("POST / HTTP/1.0\r\nx-sessioncookie: {cookie}\r\nContent-Length: 32767\r\n\r\n");
        let rest = body.split_off(cut);
        for piece in [head.into_bytes(), body, rest] {
            // The server may close it.
            let _ = up.stream().write_all(&piece);
        }
    }
    attacker.hold(down, 8);
    (&answer == b"HTTP/1.1 ").then_some(())
}
