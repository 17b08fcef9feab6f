//! What only some servers call: gathered writes and several sockets, with an operating system; turns with one
//! storage, without.
use pinhole::server::{Chunk, Config, ServerConn, Transmit};
use probe::{Ring, address, any, now, room, used};

pub(crate) fn rest() {
    let mut storage = [0; 100];
    used(any(Config::default()).storage_len(any(0)));
    let Ok(mut conn) =
        ServerConn::new(any(Config::DEFAULT), now(), address().ip(), any(1), room(&mut storage))
    else {
        return;
    };
    let conn = any(&mut conn);
    let rings: &[Ring<'_>] = any(&[]);
    used(conn.may_latch(any(0)));
    if let Some(chunk) = conn.poll_stream(now(), rings) {
        stream(chunk);
    }
    if let Some(pending) = conn.poll_transmit(now(), rings) {
        datagrams(pending);
    }
    conn.close();
    turns(&mut storage);
}

/// Of a connection with another length of table.
fn turns(storage: &mut [u8; 100]) {
    let mut storage = room(storage);
    let mut conn =
        ServerConn::<&mut [u8], 1>::without_storage(any(Config::DEFAULT), now(), address().ip(), any(1));
    let conn = any(&mut conn);
    used(any(Config::DEFAULT).message_len());
    used(conn.swap_storage(&mut storage));
    conn.limit_stream(any(0));
    used(conn.handle_stream_with(now(), |bytes| any(bytes).len()));
    used(conn.take_back());
}

fn stream(chunk: Chunk<'_, [Ring<'_>]>) {
    let mut heads = [0; 100];
    used(chunk.fill(room(&mut heads)));
    used(chunk.pieces(any(8), room(&mut heads), used));
    chunk.advance(any(0));
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
