//! [`ServerConn`]: a connection, and what can be done with it without its storage.
use super::claim::{Claim, UdpRoute};
use super::config::{Config, MAX_TRACKS};
use super::event::{SessionId, Summary, TrackStatus};
use super::state::{ConnState, Front};
use super::stream::{Route, Stream};
use super::transmit::Transmit;
use super::turn::Turn;
use crate::frame::{FrameStore, TrackId};
use crate::rtp::{MAX_PACKET, MIN_PACKET, Port, Want};
use crate::rtsp::{Pair, Speed};
use crate::storage::Fifo;
use crate::time::{Now, Wake};
use core::net::SocketAddr;

/// The state of one RTSP connection to a client, and of all sessions that were set up on it.
///
/// `TRACKS` is how many tracks can be set up at once, over all sessions: from 1 to [`MAX_TRACKS`]. With any
/// other number the program does not compile. If this many tracks are set up, a SETUP of another track is
/// refused with 453.
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
    /// `peer` is the address and the port of the client's end of the RTSP connection, with the interface (RFC
    /// 4007, scope) if it is link-local. Datagrams are sent to that address only, and taken from it only.
    pub fn new(config: Config, now: Now, peer: SocketAddr) -> Self {
        Self::with_tracks(config, now, peer)
    }
}

impl<const TRACKS: usize> ServerConn<TRACKS> {
    /// Creates the state of a connection with room for `TRACKS` tracks. The room for each track takes about
    /// 370 bytes of the [`ServerConn`]. The parameters are those of [`ServerConn::new`].
    pub fn with_tracks(mut config: Config, now: Now, peer: SocketAddr) -> Self {
        const { assert!(1 <= TRACKS && TRACKS <= MAX_TRACKS, "a connection has from 1 to MAX_TRACKS tracks") };
        config.max_packet = config.max_packet.clamp(MIN_PACKET, MAX_PACKET);
        let state = ConnState {
            config,
            peer,
            front: Front::New,
            incoming: Fifo::default(),
            outgoing: Fifo::default(),
            stream_limit: usize::MAX,
            consumed: 0,
            discard: 0,
            error: None,
            error_told: false,
            cname: None,
            idle_at: now.at + config.request_timeout,
            closed: None,
            streams: heapless::Vec::new(),
        };
        Self { state }
    }

    /// Begins a turn at the time `now`. This ends sessions that have timed out. If a request was offered in
    /// the turn before and was not answered, the same request is offered again. After this call, use the
    /// methods of the returned [`Turn`]: hand in the bytes that arrived, serve requests, and send what is
    /// due.
    ///
    /// `storage` must have [`Config::storage_len`] bytes. If it has fewer than [`Config::storage_len`]`(0)`,
    /// the connection ends with [`super::ConnError::StorageTooSmall`].
    ///
    /// Look at what [`Turn::is_storage_free`] returned at the end of the turn before:
    ///
    /// - If it returned true, or if this is the first turn, `storage` may be any slice, with any bytes in it.
    /// - If it returned false, pass a slice of the same length with the same bytes as at the end of that
    ///   turn. If the slice has other bytes, the connection takes them for requests of the client, or sends
    ///   them to the client.
    pub fn turn<'a>(&'a mut self, now: Now, storage: &'a mut [u8]) -> Turn<'a> {
        Turn::new(self.state_mut(), storage, now)
    }

    /// Returns how strong this connection's claim is to the datagram `data`, which came from the address and
    /// port `from`. `socket` and `port` say where the datagram arrived: `socket` is the number of the pair of
    /// sockets ([`PortPair::socket`](super::PortPair::socket)), and `port` is the RTP or RTCP socket of that
    /// pair. The connection does not change.
    ///
    /// Ask all connections that use the pair. Then pass the datagram to [`Self::handle_datagram`] of the
    /// connection with the [strongest](Claim::strongest) claim. If there is only one connection, do not ask:
    /// call [`Self::handle_datagram`] at once.
    pub fn claim(&self, from: SocketAddr, socket: u8, port: Port, data: &[u8]) -> Claim {
        self.state().find(from, socket, port, data).map_or(Claim::No, |(_, claim)| claim)
    }

    /// Returns true if a track of this connection uses the pair of sockets with the number
    /// [`socket`](super::PortPair::socket), and no datagram has confirmed the client's ports of that track
    /// yet.
    ///
    /// A datagram from an unknown port may belong to such a track. If this is true for two connections from
    /// one IP address, it cannot be told to which of them the datagram belongs. So while this returns true
    /// for a connection, do not pass the same pair to [`Turn::set_ports`] of another connection from the same
    /// IP address: pass another pair.
    pub fn may_latch(&self, socket: u8) -> bool {
        self.state.streams.iter().filter(|stream| stream.is_open()).any(
            |stream| matches!(stream.route, Route::Udp { socket: own, latched: Pair { rtp: false, .. }, .. } if own == socket),
        )
    }

    /// Returns a [`UdpRoute`] for each track that travels by UDP, in no particular order. By them an adapter
    /// with many connections keeps an index, instead of asking each of them for its [`Self::claim`]. They
    /// change in a turn and when a datagram is handed in, and at no other time.
    pub fn routes(&self) -> impl Iterator<Item = UdpRoute> {
        self.state.streams.iter().filter_map(UdpRoute::of)
    }

    /// Returns the tracks that play, each with its session and with how many times faster than its frames
    /// are shown they are sent (RFC 2326, 12.35).
    pub fn plays(&self) -> impl Iterator<Item = (SessionId, TrackId, Speed)> {
        let playing = self.state.streams.iter().filter(|stream| stream.is_playing());
        playing.map(|stream| (stream.session, stream.sender.track(), stream.sender.pace().speed()))
    }

    /// Takes the datagram `data`, which came from the address and port `from`. `socket` and `port` say where
    /// the datagram arrived: `socket` is the number of the pair of sockets
    /// ([`PortPair::socket`](super::PortPair::socket)), and `port` is the RTP or RTCP socket of that pair.
    ///
    /// Call this on the connection that has the strongest [`Claim`] to the datagram. The datagram counts as a
    /// sign of life of the session. The port in `from` may tell which ports the client uses. If the datagram
    /// is an RTCP report from where the packets of the track go, the report is read. If the claim is
    /// [`Claim::No`], nothing changes.
    pub fn handle_datagram(&mut self, now: Now, from: SocketAddr, socket: u8, port: Port, data: &[u8]) {
        self.state_mut().handle_datagram(now, from, socket, port, data);
    }

    /// Begins to end all sessions, and returns at once. The connection takes no more requests. A second call
    /// changes nothing.
    ///
    /// Go on with turns. In these turns, each track that has sent anything sends BYE.
    /// [`super::Notice::Closed`] is reported for each track. [`super::Notice::Disconnect`] is reported for
    /// the connection, unless it was reported before. When all of these notices are reported and
    /// [`Turn::poll_stream`] returns `None`, close the transport.
    pub fn close(&mut self) {
        self.state_mut().close();
    }

    /// Tells the connection that its transport is closed or lost. The connection takes no more requests.
    /// Tracks that were interleaved in it end at once. A track over UDP ends after its BYE.
    ///
    /// Send what [`Self::poll_transmit`] still returns. Then begin another turn, and call [`Turn::serve`] or
    /// [`Turn::poll_event`] in that turn: the call reports [`super::Notice::Closed`] for each track. Then
    /// drop the connection.
    pub fn disconnected(&mut self) {
        self.state_mut().disconnected();
    }

    /// Returns RTP or RTCP packets of one track over UDP that are due at the time `now`, all for one
    /// destination. `None` if nothing is due. Call this again until it returns `None` or the socket takes no
    /// more. `store` has the frames. This method does not wait. Send the packets, and commit them as
    /// [`Transmit`](super::Transmit) describes.
    ///
    /// [`Turn::poll_transmit`] does the same within a turn. This method needs neither a turn nor storage.
    pub fn poll_transmit<'a, S: FrameStore + ?Sized>(
        &'a mut self,
        now: Now,
        store: &'a S,
    ) -> Option<Transmit<'a>> {
        self.state_mut().poll_transmit(now, store)
    }

    /// Returns the frame that each playing track reads next, in no particular order. Tracks that do not play
    /// are left out. Use this if the store has to fetch or prepare frames: have the store prepare the
    /// returned frames, and keep both the returned frames and those that come after them in the direction of
    /// play.
    pub fn wanted(&self) -> impl Iterator<Item = Want> {
        self.state.streams.iter().filter_map(|stream| stream.sender.wanted())
    }

    /// Returns the figures of each track that is set up, counted from its SETUP to the time `now`.
    /// [`super::Notice::Closed`] has the final figures of a track.
    pub fn summaries(&self, now: Now) -> impl Iterator<Item = (TrackId, Summary)> {
        self.state.streams.iter().map(move |stream| (stream.sender.track(), stream.summary(now)))
    }

    /// Returns each track that is set up, as it is at the time `now`, in no particular order.
    pub fn statuses(&self, now: Now) -> impl Iterator<Item = TrackStatus> {
        self.state.streams.iter().map(move |stream| stream.status(now))
    }

    /// Returns when the next turn is due if nothing arrives before. Ask for this after each turn. `store` has
    /// the frames.
    ///
    /// The result has three times: for the RTSP connection, for UDP sockets, and for the connection's own
    /// timers. [`Wake::earliest`] returns the first of these times, and leaves out the times of sockets that
    /// take no bytes at present. If that time is already past, begin a turn at once.
    ///
    /// A request that was offered and not answered is not taken into account: begin a turn as soon as the
    /// application can answer the request.
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
