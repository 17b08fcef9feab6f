//! Attacks by datagrams to the ports at which the steady viewers are served.
use super::rtcp::{bye, receiver_report};
use super::troop::Attacker;
use std::net::UdpSocket;

/// Sends random bytes to RTP and RTCP, and what looks like the first packet of a client.
pub(super) fn noise(attacker: &mut Attacker<'_>) -> Option<()> {
    let socket = UdpSocket::bind((attacker.address(), 0)).ok()?;
    let ports = server_ports(attacker);
    for _ in 0..32 {
        let len = match attacker.random.u8(..) {
            0 => 65_507,
            1..40 => 4,
            _ => attacker.random.usize(..1500),
        };
        let mut bytes = attacker.bytes(len);
        if let Some(first) = bytes.first_mut().filter(|_| attacker.random.bool()) {
            *first = 0x80;
        }
        let port = ports[attacker.random.usize(..ports.len())];
        socket.send_to(&bytes, (attacker.ground.server.ip(), port)).ok()?;
    }
    Some(())
}

/// Says in the name of the viewers that they receive hardly anything, or are gone.
pub(super) fn forge(attacker: &mut Attacker<'_>) -> Option<()> {
    let socket = UdpSocket::bind((attacker.address(), 0)).ok()?;
    let ports = server_ports(attacker);
    for stream in attacker.ground.streams() {
        let about = if attacker.random.u8(..) < 200 { stream.ssrc } else { attacker.random.u32(..) };
        let (from, highest) = (attacker.random.u32(..), attacker.random.u32(..));
        let report = match attacker.random.u8(0..5) {
            0 => bye(about),
            1 => bye(super::viewer::RECEIVER),
            2 => receiver_report(super::viewer::RECEIVER, about, (255, 0x7f_ffff), highest),
            _ => receiver_report(from, about, (attacker.random.u8(..), from), highest),
        };
        let port = ports[attacker.random.usize(..ports.len())];
        socket.send_to(&report, (attacker.ground.server.ip(), port)).ok()?;
    }
    Some(())
}

/// Returns the ports of the server for RTP and RTCP at which viewers are served.
fn server_ports(attacker: &Attacker<'_>) -> Vec<u16> {
    let streams = attacker.ground.streams();
    streams.iter().filter_map(|stream| stream.ports).flat_map(|(_, port)| [port, port + 1]).collect()
}
