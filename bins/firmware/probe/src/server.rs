//! The server's side, as a camera links it.
//!
//! It does what a main loop over smoltcp does, by the same calls: each packet is written straight into
//! its socket's buffer. Its steps are functions of their own, as an application's are, so that none of
//! them pays for the others' variables.
use crate::{Ring, address, any, bytes, now, text, used};
use core::net::SocketAddr;
use pinhole::codec::jpeg::{TRACK, inspect};
use pinhole::frame::Slot;
use pinhole::frame::{Frame, FrameId};
use pinhole::sdp::{AddressType, Presentation, Track};
use pinhole::server::{
    Action, Answered, Application, Claim, Config, Notice, Port, PortPair, Request, ServerConn,
};

/// The program: it has the frames, and answers requests.
pub(crate) struct Camera<'a> {
    rings: [Ring<'a>; 1],
}

impl<'a> Application for Camera<'a> {
    type Store = [Ring<'a>];

    fn store(&self) -> &[Ring<'a>] {
        &self.rings
    }

    fn request(&mut self, request: Request<'_>) -> Answered {
        let tracks = [Track { info: TRACK, dimensions: any(Some((1, 1))), frame_rate: None }];
        match request.action() {
            Action::Describe(describe) if describe.url().path_is(text()) => describe.accept(&Presentation {
                name: text(),
                session_id: any(0),
                version: any(0),
                address_type: any(AddressType::Ip4),
                duration: any(None),
                tracks: &tracks,
            }),
            Action::Setup(setup) if setup.track() == 0 && setup.url().path_is(text()) => {
                setup.accept(any(0), &mut || any(1))
            }
            Action::Play(play) => play.accept_live(self.store()),
            other => other.into_request().proceed(),
        }
    }

    fn notice(&mut self, peer: SocketAddr, notice: Notice) {
        used((peer, notice));
    }
}

/// Connections, one after the other.
pub fn serve() {
    serve_by(|conn, storage, camera| answer(conn, storage, camera));
}

/// Connections, one after the other, whose requests `answer` answers.
pub(crate) fn serve_by(mut answer: impl FnMut(&mut ServerConn, &mut [u8], &mut Camera<'_>)) {
    let (mut storage, mut slots, mut frames) = ([0; 3000], [Slot::default(); 4], [0; 3000]);
    let mut camera = Camera { rings: [Ring::new(TRACK, any(&mut slots), any(&mut frames))] };
    let mut conn = accept();
    while any(true) {
        turn(any(&mut conn), any(&mut storage), any(&mut camera), &mut answer);
    }
}

#[inline(never)]
fn accept() -> ServerConn {
    let mut config = Config::DEFAULT;
    config.max_packet = any(1400);
    ServerConn::new(config, now(), address())
}

#[inline(never)]
fn turn(
    conn: &mut ServerConn,
    storage: &mut [u8],
    camera: &mut Camera<'_>,
    answer: &mut impl FnMut(&mut ServerConn, &mut [u8], &mut Camera<'_>),
) {
    capture(&mut camera.rings[0]);
    receive(conn, storage);
    answer(conn, storage, camera);
    write(conn, storage, camera.store());
    transmit(conn, camera.store());
    camera.rings[0].keep_from(conn.wanted().map(|want| want.frame).min().unwrap_or(FrameId(u64::MAX)));
    used(conn.poll_at(camera.store()).earliest(any(true), any(true)));
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
fn receive(conn: &mut ServerConn, storage: &mut [u8]) {
    let mut turn = conn.turn(now(), storage);
    used(turn.stream_room());
    used(turn.handle_stream(bytes()));
    let port = any(Port::Rtcp);
    let claims = [(0, conn.claim(address(), any(0), port, bytes()))];
    if Claim::strongest(any(claims)).is_some() {
        conn.handle_datagram(now(), address(), any(0), port, bytes());
    }
}

#[inline(never)]
pub(crate) fn answer(conn: &mut ServerConn, storage: &mut [u8], app: &mut impl Application) {
    let mut turn = conn.turn(now(), storage);
    turn.set_ports(any(Some(PortPair { socket: 0, rtp: 0, rtcp: 1 })));
    turn.serve(app);
}

#[inline(never)]
fn write(conn: &mut ServerConn, storage: &mut [u8], rings: &[Ring<'_>]) {
    let mut socket = [0; 1500];
    let mut turn = conn.turn(now(), storage);
    while let Some(chunk) = turn.poll_stream(rings) {
        used(chunk.write(any(&mut socket)));
    }
}

#[inline(never)]
fn transmit(conn: &mut ServerConn, rings: &[Ring<'_>]) {
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
