//! One round between a connection's state and its sockets: what came goes in, and what is due goes out.
use super::sockets::{Connection, TrackSockets};
use pinhole::client::{ClientConn, Port};
use pinhole::frame::FrameSink;
use pinhole::time::Now;

/// The most reads or writes before timers and events have their turn.
pub(crate) const STEPS: usize = 64;
/// Half of the bytes that come on a connection at once, and the packets of UDP that wait for others.
pub(crate) const WINDOW: usize = 128 << 10;

/// The state of a connection, with storage and URL of its own.
pub(crate) type Conn = ClientConn<Vec<u8>, String>;

/// Passes the datagrams that wait to `conn`, and their lengths to `took`. Returns whether there may be more.
pub(crate) fn receive_datagrams<K: FrameSink + ?Sized>(
    conn: &mut Conn,
    tracks: &mut [TrackSockets],
    (now, scratch): (Now, &mut [u8]),
    sink: &mut K,
    mut took: impl FnMut(usize),
) -> bool {
    let mut more = false;
    for (index, track) in (0_u8..).zip(tracks) {
        for port in [Port::Rtp, Port::Rtcp] {
            more |= track.receive(port, scratch, |datagram| {
                took(datagram.len());
                conn.handle_datagram(now, index, port, datagram, sink);
            });
        }
    }
    more
}

/// Passes what has come on the connection to `conn`, by `reads` reads at most, and its length to `took`. Returns whether
/// there may be more.
pub(crate) fn receive_stream<K: FrameSink + ?Sized>(
    conn: &mut Conn,
    (connection, reads): (&mut Connection, usize),
    (now, scratch): (Now, &mut [u8]),
    sink: &mut K,
    mut took: impl FnMut(usize),
) -> bool {
    for _ in 0..reads {
        match connection.read(scratch) {
            Ok(0) => break,
            Ok(read) => {
                took(read);
                // An error becomes an event.
                let _ = conn.handle_stream(now, scratch.get(..read).unwrap_or_default(), sink);
            }
            Err(_) => {
                conn.disconnected(now, sink);
                break;
            }
        }
    }
    connection.is_readable()
}

/// Writes and sends what is due. Returns whether the connection was found to be lost.
pub(crate) fn send<K: FrameSink + ?Sized>(
    conn: &mut Conn,
    connection: &mut Connection,
    tracks: &[TrackSockets],
    now: Now,
    sink: &mut K,
) -> bool {
    if connection.flush().is_err() {
        conn.disconnected(now, sink);
        return true;
    }
    for _ in 0..STEPS {
        let Some(chunk) = conn.poll_stream(now) else { break };
        match connection.write(chunk.bytes()) {
            Ok(0) => break,
            Ok(written) => chunk.advance(written),
            Err(_) => {
                conn.disconnected(now, sink);
                return true;
            }
        }
    }
    for _ in 0..STEPS {
        let Some(pending) = conn.poll_transmit(now) else { break };
        if let Some(track) = tracks.get(usize::from(pending.track())) {
            track.send(pending.port(), pending.to_port(), pending.bytes());
        }
        // A datagram that could not be sent is lost, as any may be.
        pending.commit();
    }
    false
}
