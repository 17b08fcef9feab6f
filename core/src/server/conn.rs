//! [`ServerConn`]: a connection, and what can be done with it without its storage.
use super::claim::Claim;
use super::config::{Config, MAX_TRACKS};
use super::event::Summary;
use super::state::{ConnState, Front};
use super::stream::{Route, Stream};
use super::transmit::Transmit;
use super::turn::Turn;
use crate::frame::{FrameStore, TrackId};
use crate::random::split_mix;
use crate::rtp::{MAX_PACKET, MIN_PACKET, Port, Want};
use crate::storage::Fifo;
use crate::time::{Now, Wake};
use core::net::SocketAddr;

/// The state of one RTSP connection and of all sessions that were set up on it.
///
/// `TRACKS` is how many tracks can be set up at once, over all sessions, from 1 to [`MAX_TRACKS`]. A SETUP of
/// a further track is refused with 453.
///
/// The caller provides the storage for requests and replies anew in each [`Self::turn`], so that several
/// connections can use one storage after the other.
#[derive(Debug)]
pub struct ServerConn<const TRACKS: usize = MAX_TRACKS> {
    state: ConnState<heapless::Vec<Stream, TRACKS>>,
}

impl ServerConn {
    /// Creates the state of a connection from `peer`, with room for [`MAX_TRACKS`] tracks.
    ///
    /// `random` must be hard to guess, and different for each connection: session identifiers, SSRCs and
    /// first sequence numbers are made from it (RFC 3550, 5.1).
    pub fn new(config: Config, now: Now, peer: SocketAddr, random: u64) -> Self {
        Self::with_tracks(config, now, peer, random)
    }
}

impl<const TRACKS: usize> ServerConn<TRACKS> {
    /// Creates the state of a connection as [`Self::new`] does, with room for `TRACKS` tracks. Each takes
    /// some 350 bytes.
    pub fn with_tracks(mut config: Config, now: Now, peer: SocketAddr, random: u64) -> Self {
        const { assert!(1 <= TRACKS && TRACKS <= MAX_TRACKS, "a connection has from 1 to MAX_TRACKS tracks") };
        config.max_packet = config.max_packet.clamp(MIN_PACKET, MAX_PACKET);
        let mut state = ConnState {
            config,
            peer: peer.ip(),
            peer_port: peer.port(),
            front: Front::New,
            incoming: Fifo::default(),
            outgoing: Fifo::default(),
            stream_limit: usize::MAX,
            consumed: 0,
            discard: 0,
            error: None,
            error_told: false,
            random,
            cname: 0,
            last_activity: now.at,
            closed: None,
            streams: heapless::Vec::new(),
        };
        state.cname = split_mix(&mut state.random);
        Self { state }
    }

    /// Begins a turn at the time `now`: ends what has timed out, and offers a request again that was not
    /// answered in the turn before.
    ///
    /// `storage` must have [`Config::storage_len`] bytes; with less than it needs at least, the connection
    /// ends with [`super::ConnError::StorageTooSmall`]. It must hold the same bytes as at the end of the turn
    /// before, except after [`Turn::is_storage_free`] returned true.
    pub fn turn<'a>(&'a mut self, now: Now, storage: &'a mut [u8]) -> Turn<'a> {
        Turn::new(self.state_mut(), storage, now)
    }

    /// Returns how strong this connection's claim is to the datagram `data`, which arrived from `from` on
    /// `port` of the pair [`socket`](super::PortPair::socket).
    pub fn claim(&self, from: SocketAddr, socket: u8, port: Port, data: &[u8]) -> Claim {
        self.state().find(from, socket, port, data).map_or(Claim::No, |(_, claim)| claim)
    }

    /// Returns whether a datagram on the pair [`socket`](super::PortPair::socket) could still settle the
    /// ports of a session of this connection. Two connections from one address for which that is so cannot
    /// be told apart: give the second one another pair.
    pub fn may_latch(&self, socket: u8) -> bool {
        self.state.streams.iter().filter(|stream| stream.is_open()).any(
            |stream| matches!(stream.route, Route::Udp { socket: own, latched: false, .. } if own == socket),
        )
    }

    /// Takes a datagram to which this connection has the strongest [`Claim`]. Other datagrams change
    /// nothing.
    pub fn handle_datagram(&mut self, now: Now, from: SocketAddr, socket: u8, port: Port, data: &[u8]) {
        self.state_mut().handle_datagram(now, from, socket, port, data);
    }

    /// Ends all sessions: sends BYE for each, and then reports [`super::Notice::Closed`]. The connection takes no
    /// more requests.
    pub fn close(&mut self) {
        self.state_mut().close();
    }

    /// Reports that the connection is lost. Sessions that were interleaved in it end at once, the others
    /// after their BYE.
    pub fn disconnected(&mut self) {
        self.state_mut().disconnected();
    }

    /// Returns the datagrams that are due to one destination, or `None` if there are none.
    /// [`Turn::poll_transmit`] does the same within a turn.
    pub fn poll_transmit<'a, S: FrameStore + ?Sized>(
        &'a mut self,
        now: Now,
        store: &'a S,
    ) -> Option<Transmit<'a>> {
        self.state_mut().poll_transmit(now, store)
    }

    /// Returns the frame that each playing stream reads next. A store that must fetch or prepare frames
    /// does so for these frames, and keeps those from there on.
    pub fn wanted(&self) -> impl Iterator<Item = Want> {
        self.state.streams.iter().filter_map(|stream| stream.sender.wanted())
    }

    /// Returns the figures of each track so far. [`super::Notice::Closed`] has the final ones.
    pub fn summaries(&self, now: Now) -> impl Iterator<Item = (TrackId, Summary)> {
        self.state.streams.iter().map(move |stream| (stream.sender.track(), stream.summary(now)))
    }

    /// Returns when the next turn is due if nothing arrives before. A request that was offered and not
    /// answered does not count: the application knows when it can be.
    pub fn poll_at<S: FrameStore + ?Sized>(&self, store: &S) -> Wake {
        self.state().poll_at(store)
    }

    const fn state(&self) -> &ConnState {
        &self.state
    }

    const fn state_mut(&mut self) -> &mut ConnState {
        &mut self.state
    }
}
