//! [`Turn`]: what is done with a connection at one time, with its storage.
use super::application::Application;
use super::chunk::Chunk;
use super::claim::PortPair;
use super::event::{ConnError, Notice};
use super::request::{Answered, Request};
use super::state::{ConnState, Front};
use super::stream::earliest;
use super::transmit::Transmit;
use crate::frame::FrameStore;
use crate::storage::put;
use crate::time::Now;

/// A connection together with its storage, for one pass of the main loop.
/// [`ServerConn::turn`](super::ServerConn::turn) begins a turn. No method of a turn waits.
///
/// Hand in bytes ([`Self::handle_stream`]), have requests answered ([`Self::serve`] or [`Self::poll_event`]),
/// send what is due ([`Self::poll_stream`], [`Self::poll_transmit`]), and serve once more. A turn needs no
/// end: just drop it.
#[derive(Debug)]
pub struct Turn<'a> {
    state: &'a mut ConnState,
    /// What arrived, and room for more.
    rx: &'a mut [u8],
    /// What goes out, and room for more.
    tx: &'a mut [u8],
    now: Now,
    ports: Option<PortPair>,
}

/// What [`Turn::poll_event`] returns: a request to answer, or a notice.
#[derive(Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "it is taken apart at once, and there is no allocator for a box"
)]
pub enum Event<'a> {
    /// A client's request waits for an answer. Answer the request by one of the methods of [`Request`]. If
    /// the request is dropped instead, it is offered again in the next turn, and no later request is read
    /// before that.
    Request(Request<'a>),
    /// Something happened. Each notice is reported once and needs no answer. After [`Notice::Disconnect`],
    /// close the transport once everything is sent.
    Notice(Notice),
}

impl<'a> Turn<'a> {
    pub(super) fn new(state: &'a mut ConnState, storage: &'a mut [u8], now: Now) -> Self {
        state.stream_limit = usize::MAX;
        if state.front == Front::Offered {
            state.front = Front::Deferred;
        }
        // What arrived is stored first, what goes out after it.
        let outgoing = state.config.outgoing_len();
        let (rx, tx) =
            storage.split_at_mut_checked(storage.len().saturating_sub(outgoing)).unwrap_or_default();
        let need = state.config.storage_len(0);
        if rx.len().saturating_add(tx.len()) < need {
            state.fail(ConnError::StorageTooSmall { need });
        }
        state.handle_timeout(now);
        Self { state, rx, tx, now, ports: None }
    }

    /// Sets the pair of UDP ports for tracks that are set up by UDP in this turn: the packets of these tracks
    /// will leave from this pair. Call this in each turn, before [`Self::serve`] or [`Self::poll_event`]. If
    /// this was not called in a turn, or was called with `None`, a SETUP in that turn gets the first interleaved
    /// transport that it offers, or 461 if it offers UDP alone. Tracks that were set up before keep their pair.
    pub const fn set_ports(&mut self, ports: Option<PortPair>) {
        self.ports = ports;
    }

    /// Sets how many bytes the transport takes now. The connection then never begins more than the transport
    /// takes, so that no rest stays in the storage. Use this if the storage must be free at the end of the
    /// turn, for example because another connection uses the storage next. Call this in each turn, and
    /// whenever the number has changed within the turn. If this was not called in a turn, there is no limit
    /// in that turn.
    ///
    /// A packet that is longer than the limit is not begun. While the limit leaves less room than 1,536 bytes
    /// for a reply, no request is read. If the limit always stays below
    /// [`Config::message_len`](super::Config::message_len), it can hold back everything for ever.
    pub const fn limit_stream(&mut self, bytes: usize) {
        self.state.stream_limit = bytes;
    }

    /// Returns how many bytes [`Self::handle_stream`] takes now. Read no more bytes than this from the
    /// socket; otherwise you have to keep the bytes that were not taken. If the result is 0, the storage is
    /// full of requests that wait for an answer, or for room for their replies: ask again after
    /// [`Self::poll_event`] has returned `None`, or in a later turn.
    pub fn stream_room(&self) -> usize {
        self.state.incoming.room(self.rx)
    }

    /// Takes bytes that arrived on the RTSP connection, and copies them to the storage. Pass the bytes in the
    /// order in which they arrived. Returns how many bytes were taken from the front of `data`, perhaps 0. If
    /// this is less than the length of `data`, keep the other bytes, and pass them again before newer ones:
    /// after [`Self::poll_event`] has returned `None`, or in a later turn.
    ///
    /// # Errors
    /// Returns the [`ConnError`] if the connection takes no more requests. Nothing is taken: drop the bytes.
    pub fn handle_stream(&mut self, data: &[u8]) -> Result<usize, ConnError> {
        self.handle_stream_with(|room| {
            let taken = data.len().min(room.len());
            put(room, 0, data.get(..taken).unwrap_or(&[]));
            taken
        })
    }

    /// Takes bytes that arrived on the RTSP connection. The function `read` gets them from the socket, and
    /// writes them into the storage directly. `read` is called once, with a slice of [`Self::stream_room`]
    /// bytes, which may be empty. `read` must write to the front of the slice, and return how many bytes it
    /// wrote. This method returns the same number.
    ///
    /// # Errors
    /// Returns the [`ConnError`] if the connection takes no more requests. `read` is not called.
    pub fn handle_stream_with(&mut self, read: impl FnOnce(&mut [u8]) -> usize) -> Result<usize, ConnError> {
        let Self { state, rx, .. } = self;
        if let Some(error) = state.error {
            return Err(error);
        }
        let room = state.incoming.room(rx);
        let taken = read(state.incoming.tail(rx, room)).min(room);
        state.receive(rx, taken);
        Ok(taken)
    }

    /// Empties the part of the storage that holds received bytes, and returns how many bytes it held. These
    /// bytes were handed in and are not dealt with yet: they belong to messages that are not complete, to
    /// requests that were not answered, or to requests without room for their replies. Use this if the
    /// storage must be free at the end of the turn, for example because another connection uses the storage
    /// next.
    ///
    /// The bytes themselves are not returned. If the result is n, they are the last n bytes of all that were
    /// handed in on this connection, in this turn and in earlier ones. So keep a copy of the received bytes
    /// outside of the storage. In the next turn, hand in the last n bytes of that copy again, before newer
    /// ones. If they are not handed in again, the requests in them are lost.
    pub fn take_back(&mut self) -> usize {
        let len = self.state.incoming.len();
        self.state.incoming.pop(len);
        self.state.front = if self.has_unanswered() { Front::Deferred } else { Front::New };
        len
    }

    /// Returns true if a request was offered in this turn and was not answered, because it was dropped or put
    /// off. The request is offered again in the next turn.
    pub const fn has_unanswered(&self) -> bool {
        matches!(self.state.front, Front::Offered)
    }

    /// Returns true if the storage holds no bytes that the next turn needs: another connection may use the
    /// storage until that turn, and that turn may have other storage. If the result is false, keep the
    /// contents of the storage for the next turn of this connection.
    pub const fn is_storage_free(&self) -> bool {
        self.state.incoming.is_empty() && self.state.outgoing.is_empty()
    }

    /// Tells the connection that its transport is closed or lost, as
    /// [`ServerConn::disconnected`](super::ServerConn::disconnected) does. The connection takes no more
    /// requests. Tracks that were interleaved in it end at once. A track over UDP ends after its BYE. After
    /// this call, call [`Self::serve`] or [`Self::poll_event`]: these report [`Notice::Closed`] for each
    /// track that has ended.
    pub fn disconnected(&mut self) {
        self.state.disconnected();
    }

    /// Returns why the connection takes no more requests; `None` as long as it takes requests. If the result
    /// is an error, send what [`Self::poll_stream`] and [`Self::poll_transmit`] still return, then close the
    /// transport. Sessions that are still set up end with BYE.
    pub const fn error(&self) -> Option<ConnError> {
        self.state.error
    }

    /// Returns the next notice or the next request; `None` if there is none at present. Call this until it
    /// returns `None`: once after the received bytes were handed in, and once more after everything that is
    /// due was sent.
    ///
    /// Requests are offered one at a time, in the order in which they arrived. If a request is dropped or put
    /// off, no other request is offered in this turn. Malformed requests, and requests that RFC 2326 forbids
    /// in the session's state, are answered without the application.
    pub fn poll_event(&mut self) -> Option<Event<'_>> {
        let Self { state, rx, tx, now, ports } = self;
        if let Some(notice) = state.track_notice(*now) {
            return Some(Event::Notice(notice));
        }
        if let Some(received) = state.next_request(*now, rx, tx) {
            return Some(Event::Request(Request::new(state, tx, received, *now, *ports)));
        }
        state.last_notice().map(Event::Notice)
    }

    /// Calls [`Application::request`] of `app` for each request, and [`Application::notice`] for each notice,
    /// until there is nothing more. A program calls either this method or [`Self::poll_event`], not both.
    pub fn serve<A: Application + ?Sized>(&mut self, app: &mut A) {
        let peer = self.state.peer;
        let Self { state, rx, tx, now, ports } = self;
        // Not by events: to make one of a request or a notice, and to take it apart again, copies it.
        loop {
            if let Some(notice) = state.track_notice(*now) {
                app.notice(peer, notice);
            } else if let Some(received) = state.next_request(*now, rx, tx) {
                let _: Answered = app.request(Request::new(state, tx, received, *now, *ports));
            } else if let Some(notice) = state.last_notice() {
                app.notice(peer, notice);
            } else {
                return;
            }
        }
    }

    /// Returns the bytes that are due on the RTSP connection: replies and interleaved packets. `None` if
    /// nothing is due. Send the bytes as [`Chunk`] describes, and call this again until the result is `None`
    /// or the socket takes no more. Stop also if a [`Chunk`] has 0 bytes because of [`Self::limit_stream`].
    /// `store` has the frames.
    pub fn poll_stream<'t, S: FrameStore + ?Sized>(&'t mut self, store: &'t S) -> Option<Chunk<'t, S>> {
        let Self { state, tx, now, .. } = self;
        let now = *now;
        state.settle(now, store);
        // Without storage there is no place for the rest of a packet.
        let is_due = !state.outgoing.is_empty()
            || (!tx.is_empty() && earliest(&mut state.streams, false, now, store).is_some());
        is_due.then_some(Chunk { state, tx, store, now })
    }

    /// Returns RTP or RTCP packets of one track over UDP that are due, all for one destination. `None` if
    /// nothing is due. Send and commit the packets as [`Transmit`] describes, and call this again until it
    /// returns `None` or the socket takes no more. `store` has the frames.
    pub fn poll_transmit<'t, S: FrameStore + ?Sized>(&'t mut self, store: &'t S) -> Option<Transmit<'t>> {
        self.state.poll_transmit(self.now, store)
    }
}
