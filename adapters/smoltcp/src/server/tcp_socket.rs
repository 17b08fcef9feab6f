//! The buffers of a TCP socket.
use smoltcp::socket::tcp;

/// Returns the bytes that the transmit buffer has room for: 0 once nothing can be sent.
pub(super) fn room(socket: &tcp::Socket<'_>) -> usize {
    let room = socket.send_capacity().saturating_sub(socket.send_queue());
    if socket.may_send() { room } else { 0 }
}

/// Drops up to `len` received bytes.
pub(super) fn discard(socket: &mut tcp::Socket<'_>, mut len: usize) {
    // At most two rounds: the buffer is a ring.
    while len > 0
        && let Ok(dropped @ 1..) = socket.recv(|bytes| {
            let dropped = bytes.len().min(len);
            (dropped, dropped)
        })
    {
        len -= dropped;
    }
}

/// Whether the peer may still send.
pub(super) fn is_receiving(socket: &tcp::Socket<'_>) -> bool {
    matches!(socket.state(), tcp::State::Established | tcp::State::FinWait1 | tcp::State::FinWait2)
}
