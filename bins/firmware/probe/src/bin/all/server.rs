//! What only some servers call: gathered writes and several sockets, with an operating system; turns with one
//! storage, without.
use core::net::SocketAddr;
use pinhole::rtsp::Status;
use pinhole::server::{
    Action, Answered, Application, Chunk, Config, Event, Notice, Request, ServerConn, Transmit,
};
use probe::{Ring, address, any, bytes, now, room, text, used};

pub(crate) fn rest() {
    let mut storage = [0; 100];
    used(any(Config::default()).storage_len(any(0)));
    used(any(Config::default()).message_len());
    let mut conn = ServerConn::new(any(Config::DEFAULT), now(), address());
    let conn = any(&mut conn);
    let rings: &[Ring<'_>] = any(&[]);
    used(conn.may_latch(any(0)));
    let mut turn = conn.turn(now(), room(&mut storage));
    if let Some(chunk) = turn.poll_stream(rings) {
        stream(chunk);
    }
    if let Some(pending) = turn.poll_transmit(rings) {
        datagrams(pending);
    }
    turn.disconnected();
    conn.close();
    turns(&mut storage);
}

/// Of a connection with another length of table.
fn turns(storage: &mut [u8; 100]) {
    let mut conn = ServerConn::<1>::with_tracks(any(Config::DEFAULT), now(), address());
    let mut turn = any(&mut conn).turn(now(), room(storage));
    turn.limit_stream(any(0));
    used(turn.handle_stream_with(|bytes| any(bytes).len()));
    turn.serve(&mut Gatekeeper);
    if let Some(Event::Request(request)) = turn.poll_event() {
        used(request.later());
    }
    used(turn.take_back());
    used((turn.has_unanswered(), turn.is_storage_free()));
}

/// An application that looks at all of a request, and answers by hand.
struct Gatekeeper;

impl Application for Gatekeeper {
    type Store = [Ring<'static>];

    fn store(&self) -> &Self::Store {
        &[]
    }

    fn request(&mut self, request: Request<'_>) -> Answered {
        used((request.method(), request.raw_url(), request.url(), request.body(), request.peer()));
        used((request.session(), request.now(), request.header(text())));
        request.headers().for_each(used);
        let request = match request.action() {
            Action::Setup(setup) => {
                used(setup.receive_buffer());
                setup.with_live_burst(any(1)).into_request()
            }
            other => other.into_request(),
        };
        let fields = any([("WWW-Authenticate", text()); 2]);
        if any(true) {
            request.refuse(any(Status::UNAUTHORIZED), &fields)
        } else {
            request.respond(any(Status::OK), &fields, text(), bytes())
        }
    }

    fn notice(&mut self, _: SocketAddr, notice: Notice) {
        used(notice);
    }
}

fn stream(chunk: Chunk<'_, [Ring<'_>]>) {
    let mut heads = [0; 100];
    used(chunk.fill(room(&mut heads)));
    let pieces = chunk.pieces(any(8), room(&mut heads), used);
    used(pieces.bytes());
    if any(true) {
        chunk.advance(any(0));
    } else {
        chunk.advance_pieces(pieces, any(0));
    }
}

fn datagrams(mut pending: Transmit<'_>) {
    let (mut heads, mut out) = ([0; 100], [0; 100]);
    used(pending.socket());
    used(pending.pieces(any(8), any(8), room(&mut heads), used));
    used(pending.emit(any(8), room(&mut out)));
    if any(true) {
        used(pending.too_big());
    } else {
        pending.commit(any(8));
    }
}
