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

/// The state of one RTSP connection to a client, and of all sessions that were set up on it.
///
/// `TRACKS` is how many tracks can be set up at once, over all sessions, from 1 to [`MAX_TRACKS`]; with any
/// other number the program does not compile. A SETUP of a further track is refused with 453.
///
/// The caller provides the storage for requests and replies anew in each [`Self::turn`], so that several
/// connections can use one storage, one after the other.
#[derive(Debug)]
pub struct ServerConn<const TRACKS: usize = MAX_TRACKS> {
    state: ConnState<heapless::Vec<Stream, TRACKS>>,
}

impl ServerConn {
    /// Creates the state of a connection with room for [`MAX_TRACKS`] tracks.
    ///
    /// `peer` is the address and the port of the client's end of the RTSP connection; datagrams are sent to
    /// that address only. Draw `random` anew for each connection, from a source that is hard to guess:
    /// session identifiers, SSRCs and first sequence numbers are made from it (RFC 3550, 5.1), and somebody
    /// who guesses it could control the sessions.
    pub fn new(config: Config, now: Now, peer: SocketAddr, random: u64) -> Self {
        Self::with_tracks(config, now, peer, random)
    }
}

impl<const TRACKS: usize> ServerConn<TRACKS> {
    /// Creates the state of a connection with room for `TRACKS` tracks, each of which takes some 350 bytes.
    /// Otherwise this is like [`ServerConn::new`].
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

    /// Begins a turn at the time `now`: ends sessions that have timed out, and makes a request available
    /// again that was not answered in the turn before. Then hand in what arrived, serve, and send, by the
    /// methods of [`Turn`].
    ///
    /// `storage` must have [`Config::storage_len`] bytes. If it has fewer than [`Config::storage_len`]`(0)`,
    /// the connection ends with [`super::ConnError::StorageTooSmall`].
    ///
    /// Unless [`Turn::is_storage_free`] returned true at the end of the turn before, pass a slice of the same
    /// length that still holds the same bytes. Otherwise other bytes are taken for the client's, and sent to
    /// it.
    pub fn turn<'a>(&'a mut self, now: Now, storage: &'a mut [u8]) -> Turn<'a> {
        Turn::new(self.state_mut(), storage, now)
    }

    /// Returns how strong this connection's claim is to the datagram `data`, which came from the address and
    /// port `from`. `socket` and `port` say where it arrived: on the RTP or RTCP socket of the pair with the
    /// number [`socket`](super::PortPair::socket).
    ///
    /// Ask all connections that use the pair, and pass the datagram to [`Self::handle_datagram`] of the one
    /// with the [strongest](Claim::strongest) claim. If there is only one connection, no claim is needed.
    pub fn claim(&self, from: SocketAddr, socket: u8, port: Port, data: &[u8]) -> Claim {
        self.state().find(from, socket, port, data).map_or(Claim::No, |(_, claim)| claim)
    }

    /// Returns whether a session of this connection uses the pair with the number
    /// [`socket`](super::PortPair::socket), and its client's ports are not confirmed yet, so that a datagram
    /// on that pair could still settle them.
    ///
    /// Two connections from one client address for which this is true cannot be told apart. So while it is
    /// true for one of them, do not pass the same pair to [`Turn::set_ports`] of the other: give it another
    /// pair.
    pub fn may_latch(&self, socket: u8) -> bool {
        self.state.streams.iter().filter(|stream| stream.is_open()).any(
            |stream| matches!(stream.route, Route::Udp { socket: own, latched: false, .. } if own == socket),
        )
    }

    /// Takes the datagram `data`, which came from the address and port `from`. `socket` and `port` say where
    /// it arrived: on the RTP or RTCP socket of the pair with the number [`socket`](super::PortPair::socket).
    ///
    /// Call this on the connection that has the strongest [`Claim`] to the datagram. The datagram counts as a
    /// sign of life of the session, may settle the client's ports, and is read if it is an RTCP report. If
    /// the claim is [`Claim::No`], nothing changes.
    pub fn handle_datagram(&mut self, now: Now, from: SocketAddr, socket: u8, port: Port, data: &[u8]) {
        self.state_mut().handle_datagram(now, from, socket, port, data);
    }

    /// Begins to end all sessions. The connection takes no more requests.
    ///
    /// Go on with turns until all is reported: each track that has sent anything sends BYE,
    /// [`super::Notice::Closed`] is reported for each track, and [`super::Notice::Disconnect`] for the
    /// connection.
    pub fn close(&mut self) {
        self.state_mut().close();
    }

    /// Tells the connection that its transport is closed or lost. It takes no more requests. Sessions that
    /// were interleaved in it end at once; those over UDP end after their BYE.
    ///
    /// Send what [`Self::poll_transmit`] still returns, and serve another turn, in which
    /// [`super::Notice::Closed`] is reported for each track. Then drop the connection.
    pub fn disconnected(&mut self) {
        self.state_mut().disconnected();
    }

    /// Returns RTP or RTCP packets of one track over UDP that are due at the time `now`, all for one
    /// destination; `None` if there are none. Call it until it returns `None` or the socket takes no more.
    /// `store` has the frames.
    ///
    /// [`Turn::poll_transmit`] does the same within a turn. This one needs no storage.
    pub fn poll_transmit<'a, S: FrameStore + ?Sized>(
        &'a mut self,
        now: Now,
        store: &'a S,
    ) -> Option<Transmit<'a>> {
        self.state_mut().poll_transmit(now, store)
    }

    /// Returns the frame that each playing track reads next, in no particular order; nothing for tracks that
    /// are paused. If the store has to fetch or prepare frames, have it do so for these frames, and keep them
    /// and those that come after them in the direction of play.
    pub fn wanted(&self) -> impl Iterator<Item = Want> {
        self.state.streams.iter().filter_map(|stream| stream.sender.wanted())
    }

    /// Returns the figures of each track that is set up, from its SETUP to the time `now`.
    /// [`super::Notice::Closed`] has the final ones.
    pub fn summaries(&self, now: Now) -> impl Iterator<Item = (TrackId, Summary)> {
        self.state.streams.iter().map(move |stream| (stream.sender.track(), stream.summary(now)))
    }

    /// Returns when the next turn is due if nothing arrives before: at the earliest of the three times, apart
    /// from those of sockets that take no more at present ([`Wake::earliest`]). A time in the past means at
    /// once. `store` has the frames.
    ///
    /// A request that was offered and not answered does not count: begin a turn when the application can
    /// answer it.
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
