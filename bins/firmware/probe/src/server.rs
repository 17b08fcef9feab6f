//! The server's side, as a camera links it.
//!
//! It does what a main loop over smoltcp does, by the same calls: each packet is written straight into
//! its socket's buffer. Its steps are functions of their own, as an application's are, so that none of
//! them pays for the others' variables.
use crate::{Ring, address, any, bytes, now, text, used};
use pinhole::codec::jpeg::{TRACK, inspect};
use pinhole::frame::Slot;
use pinhole::frame::{Frame, FrameId};
use pinhole::rtsp::Status;
use pinhole::sdp::{AddressType, Presentation, Track};
use pinhole::server::{Answer, Ask, Claim, Config, Event, Port, PortPair, ServerConn};

type Conn<'a> = ServerConn<&'a mut [u8]>;

/// Connections, one after the other.
pub fn serve() {
    let (mut storage, mut slots, mut frames) = ([0; 3000], [Slot::default(); 4], [0; 3000]);
    let mut rings = [Ring::new(TRACK, any(&mut slots), any(&mut frames))];
    let Some(mut conn) = accept(any(&mut storage)) else { return };
    while any(true) {
        turn(any(&mut conn), any(&mut rings));
    }
    used(conn.into_storage());
}

#[inline(never)]
fn accept(storage: &mut [u8]) -> Option<Conn<'_>> {
    let mut config = Config::DEFAULT;
    config.max_packet = any(1400);
    ServerConn::new(config, now(), address().ip(), any(1), storage).ok()
}

#[inline(never)]
fn turn(conn: &mut Conn<'_>, rings: &mut [Ring<'_>; 1]) {
    capture(&mut rings[0]);
    receive(conn);
    conn.handle_timeout(now());
    answer(conn, rings);
    write(conn, rings);
    transmit(conn, rings);
    rings[0].keep_from(conn.wanted().map(|(_, frame)| frame).min().unwrap_or(FrameId(u64::MAX)));
    used(conn.poll_at(&rings[..]).earliest(any(true), any(true)));
    if any(false) {
        conn.disconnected();
    }
}

/// A frame from the camera.
#[inline(never)]
fn capture(ring: &mut Ring<'_>) {
    let Ok(inspected) = inspect(bytes()) else { return };
    if !inspected.needs_recode() {
        used(ring.push(&Frame::intra(bytes(), any(0), any(0))));
    }
}

#[inline(never)]
fn receive(conn: &mut Conn<'_>) {
    used(conn.stream_room());
    used(conn.handle_stream(now(), bytes()));
    let port = any(Port::Rtcp);
    let claims = [(0, conn.claim(address(), any(0), port, bytes()))];
    if Claim::strongest(any(claims)).is_some() {
        conn.handle_datagram(now(), address(), any(0), port, bytes());
    }
}

#[inline(never)]
fn answer(conn: &mut Conn<'_>, rings: &[Ring<'_>]) {
    while let Some(event) = conn.poll_event(now()) {
        let Event::Request { id, ask } = event else {
            used(event);
            continue;
        };
        let tracks = [Track { info: TRACK, dimensions: any(Some((1, 1))), frame_rate: None }];
        let answer = match ask {
            Ask::Describe { url } if url.path_is(text()) => Answer::Describe(Presentation {
                name: text(),
                session_id: any(0),
                version: any(0),
                address_type: any(AddressType::Ip4),
                duration: any(None),
                tracks: &tracks,
            }),
            Ask::Setup { url, track: 0, .. } if url.path_is(text()) => {
                Answer::Setup { media: any(0), ports: any(Some(PortPair { socket: 0, rtp: 0, rtcp: 1 })) }
            }
            Ask::Play { .. } => Answer::Play { from: any(None), end: any(None) },
            _ => Answer::Refuse(Status::NOT_FOUND),
        };
        used(conn.reply(now(), id, answer, rings));
    }
}

#[inline(never)]
fn write(conn: &mut Conn<'_>, rings: &[Ring<'_>]) {
    let mut socket = [0; 1500];
    while let Some(chunk) = conn.poll_stream(now(), rings) {
        used(chunk.write(any(&mut socket)));
    }
}

#[inline(never)]
fn transmit(conn: &mut Conn<'_>, rings: &[Ring<'_>]) {
    let mut socket = [0; 1500];
    while let Some(mut pending) = conn.poll_transmit(now(), rings) {
        used((pending.to(), pending.port()));
        loop {
            used(pending.next_len());
            used(pending.emit(1, any(&mut socket)));
            if !pending.advance(any(1)) {
                break;
            }
        }
    }
}
