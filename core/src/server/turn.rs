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
use core::net::SocketAddr;

/// A connection together with its storage, at one time. [`ServerConn::turn`](super::ServerConn::turn) makes
/// it; to drop it changes nothing.
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
pub enum Event<'a> {
    /// A client's request waits for an answer. Answer it by one of its methods; a request that is dropped
    /// is offered again in the next turn.
    Request(Request<'a>),
    /// Something happened. It is reported once and needs no answer.
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

    /// Sets the pair of UDP ports that the packets of a session leave from, if it is set up by UDP in this
    /// turn. Without one, a SETUP by UDP is refused with 461.
    pub const fn set_ports(&mut self, ports: Option<PortPair>) {
        self.ports = ports;
    }

    /// Sets how many bytes the transport takes now, for a connection whose storage must be free at the end
    /// of the turn. No message is begun that is longer, and none is read whose reply might be. Without a
    /// call, there is no limit. A limit that stays below [`Config::message_len`](super::Config::message_len)
    /// can hold back everything for ever.
    pub const fn limit_stream(&mut self, bytes: usize) {
        self.state.stream_limit = bytes;
    }

    /// Returns how many bytes [`Self::handle_stream`] takes now. A caller that reads no more than this from
    /// its socket needs no buffer for a rest.
    pub fn stream_room(&self) -> usize {
        self.state.incoming.room(self.rx)
    }

    /// Takes bytes from the connection. Returns how many it took; offer the rest again after
    /// [`Self::poll_event`] returned `None`.
    ///
    /// # Errors
    /// A [`ConnError`] once the connection takes no more requests; nothing is taken.
    pub fn handle_stream(&mut self, data: &[u8]) -> Result<usize, ConnError> {
        self.handle_stream_with(|room| {
            let taken = data.len().min(room.len());
            put(room, 0, data.get(..taken).unwrap_or(&[]));
            taken
        })
    }

    /// Takes bytes that `read` writes to the front of the slice it is given. `read` returns how many it
    /// wrote, as this method does.
    ///
    /// # Errors
    /// A [`ConnError`] once the connection takes no more requests; `read` is not called.
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

    /// Takes back the bytes that arrived and are not dealt with: of a message that is not complete, has no
    /// room for its reply, or is a request that was not answered. Returns how many; they are the first that
    /// must be offered again.
    pub fn take_back(&mut self) -> usize {
        let len = self.state.incoming.len();
        self.state.incoming.pop(len);
        self.state.front = if self.has_unanswered() { Front::Deferred } else { Front::New };
        len
    }

    /// Returns whether a request was offered in this turn that is not answered.
    pub const fn has_unanswered(&self) -> bool {
        matches!(self.state.front, Front::Offered)
    }

    /// Returns whether the storage holds no bytes that the next turn needs, so that another connection may
    /// use it.
    pub const fn is_storage_free(&self) -> bool {
        self.state.incoming.is_empty() && self.state.outgoing.is_empty()
    }

    /// Reports that the connection is lost, as
    /// [`ServerConn::disconnected`](super::ServerConn::disconnected) does.
    pub fn disconnected(&mut self) {
        self.state.disconnected();
    }

    /// Returns why the connection takes no more requests, or `None` while it does. Write what
    /// [`Self::poll_stream`] still returns, then close the transport.
    pub const fn error(&self) -> Option<ConnError> {
        self.state.error
    }

    /// Returns what happened, or the next request. Call it until it returns `None`.
    ///
    /// Requests are offered one at a time, in the order in which they arrived: the next one when the one
    /// before is answered. Malformed requests, and those that RFC 2326 forbids in the session's state, are
    /// answered without the application.
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

    /// Has `app` answer all requests and take note of all that happened.
    pub fn serve<A: Application + ?Sized>(&mut self, app: &mut A) {
        let peer = SocketAddr::new(self.state.peer, self.state.peer_port);
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

    /// Returns the bytes that are due on the connection, or `None` if there are none.
    pub fn poll_stream<'t, S: FrameStore + ?Sized>(&'t mut self, store: &'t S) -> Option<Chunk<'t, S>> {
        let Self { state, tx, now, .. } = self;
        let now = *now;
        state.settle(now, store);
        // Without storage there is no place for the rest of a packet.
        let is_due = !state.outgoing.is_empty()
            || (!tx.is_empty() && earliest(&mut state.streams, false, now, store).is_some());
        is_due.then_some(Chunk { state, tx, store, now })
    }

    /// Returns the datagrams that are due to one destination, or `None` if there are none.
    pub fn poll_transmit<'t, S: FrameStore + ?Sized>(&'t mut self, store: &'t S) -> Option<Transmit<'t>> {
        self.state.poll_transmit(self.now, store)
    }
}
