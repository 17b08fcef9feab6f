//! A session with the RTSP server of a source.
use super::super::live::Feed;
use super::end::End;
use super::picture::{Open, Sink};
use crate::client::exchange::{self, Conn, STEPS};
use crate::client::refusal::login;
use crate::client::sockets::{Connection, TrackSockets};
use crate::client::{self, Refusal, session};
use mio::Registry;
use pinhole::client::{ClientError, Event, Login, LowerTransport, TransportChoice};
use pinhole::codec::Codec;
use pinhole::time::{Instant, Now};

/// How often a connection is read before other sources have their turn, and how much at once: a large frame in all,
/// in parts that are still in the processor's cache when their packets are looked at.
const READS: usize = 5;
const READ_LEN: usize = 64 << 10;
/// The size of the receive buffers of a source that is requested of the kernel, in bytes: a large frame that comes at
/// once, and as much again. The kernel counts up to twice as much, and there may be hundreds of sources.
const RECEIVE_BUFFER: usize = 1 << 20;

/// A session that plays a source.
pub(super) struct Session {
    conn: Conn,
    connection: Connection,
    tracks: Vec<TrackSockets>,
    open: Open,
    /// The track that is passed on.
    track: u8,
    transport: Option<LowerTransport>,
    /// When the first picture came.
    since: Option<Instant>,
    /// Whether the source is taken leave of.
    leaving: bool,
    more: bool,
}

impl Session {
    /// Begins a session over a connection that was made for it, which logs in by `login` if the source asks for that.
    ///
    /// # Errors
    /// The URL is invalid, or the system gives no random numbers.
    pub(super) fn new(
        url: &str,
        transport: TransportChoice,
        login: Option<Login>,
        connection: Connection,
        now: Now,
    ) -> Result<Self, End> {
        let mut conn = session(url, transport, login, now).map_err(|error| End::Failed(error.to_string()))?;
        conn.play(None);
        Ok(Self {
            conn,
            connection,
            tracks: Vec::new(),
            open: Open::default(),
            track: 0,
            transport: None,
            since: None,
            leaving: false,
            more: true,
        })
    }

    /// Takes note of an event of the connection, or of UDP socket `number`.
    pub(super) fn ready(&mut self, udp: Option<usize>, readable: bool, writable: bool) {
        match udp {
            None => self.connection.ready(readable, writable),
            Some(number) => {
                if let Some(track) = self.tracks.get_mut(number / 2) {
                    track.ready(number % 2);
                }
            }
        }
    }

    /// Returns how the packets travel, once that is known.
    pub(super) const fn transport(&self) -> Option<LowerTransport> {
        self.transport
    }

    /// Returns since when pictures have come.
    pub(super) const fn since(&self) -> Option<Instant> {
        self.since
    }

    /// Takes leave of the source. Go on with turns until [`End::Closed`].
    pub(super) fn leave(&mut self) {
        self.leaving = true;
        self.conn.teardown();
    }

    /// Returns when the next turn is due; `None` if something has to come first.
    pub(super) fn poll_at(&self, now: Instant) -> Option<Instant> {
        if self.more {
            return Some(now);
        }
        self.conn.poll_at().earliest(self.connection.is_writable(), true)
    }

    /// Receives, sends, and passes pictures on to `feed`. UDP sockets are registered with tokens from `first` on.
    ///
    /// # Errors
    /// The session has ended.
    pub(super) fn turn(
        &mut self,
        now: Now,
        scratch: &mut [u8],
        feed: &Feed,
        (registry, first): (&Registry, usize),
    ) -> Result<(), End> {
        let Self { conn, connection, tracks, open, track, .. } = self;
        let mut sink = Sink { open, feed, track: *track, now: now.at };
        let mut more = exchange::receive_datagrams(conn, tracks, (now, scratch), &mut sink, |_| {});
        let part = scratch.get_mut(..READ_LEN).unwrap_or_default();
        more |= exchange::receive_stream(conn, (connection, READS), (now, part), &mut sink, |_| {});
        if let Some(refusal) = connection.take_refusal() {
            let reason = refusal.to_string();
            return Err(if matches!(refusal, Refusal::Login { .. }) { End::Barred } else { End::Failed }(
                reason,
            ));
        }
        #[cfg(feature = "tls")]
        if let Some(distrust) = connection.take_distrust() {
            let remedy = distrust.untrusted().map(|offered| {
                format!("; if that is the source's, trust it with --source-fingerprint {offered}")
            });
            return Err(End::Failed(format!("{distrust}{}", remedy.unwrap_or_default())));
        }
        conn.handle_timeout(now, &mut sink);
        self.more = more;
        for _ in 0..STEPS {
            let Self { conn, connection, tracks, open, track, .. } = self;
            let mut sink = Sink { open, feed, track: *track, now: now.at };
            self.more |= exchange::send(conn, connection, tracks, now, &mut sink);
            if !self.take_event(now, registry, first)? {
                break;
            }
        }
        if self.since.is_none() && self.open.frames() > 0 {
            self.since = Some(now.at);
            feed.connected(self.transport, self.conn.track(self.track).and_then(|track| track.frame_rate));
        }
        Ok(())
    }

    /// Follows one event of the connection. Returns whether there was one.
    fn take_event(&mut self, now: Now, registry: &Registry, first: usize) -> Result<bool, End> {
        let Some(event) = self.conn.poll_event(now) else { return Ok(false) };
        let failed = |reason: &str| Err(End::Failed(reason.to_owned()));
        match event {
            Event::Described { tracks, .. } => {
                let is_jpeg = |track: &u8| {
                    self.conn.track(*track).is_some_and(|described| described.codec == Codec::Jpeg)
                };
                match (0..tracks).find(is_jpeg) {
                    Some(track) => self.track = track,
                    None => return failed("it has no track with Motion-JPEG"),
                }
            }
            Event::Setup { track } => {
                let index = usize::from(track);
                let ends = (self.connection.local(), self.connection.server());
                let bound = TrackSockets::bind(ends, RECEIVE_BUFFER, registry, first + 2 * index);
                let bound = bound.inspect_err(|error| tracing::warn!(%error, "no UDP ports to receive on"));
                let ports = bound.ok().map(|sockets| {
                    let ports = sockets.ports();
                    self.conn.announce_buffer(sockets.packet_room());
                    self.tracks.truncate(index);
                    self.tracks.push(sockets);
                    ports
                });
                // It is pending, so that this does not fail.
                let _ = self.conn.setup(track, ports);
            }
            Event::ServerPorts { track, source, .. } => {
                if let Some(track) = self.tracks.get_mut(usize::from(track)) {
                    track.comes_from(source);
                }
            }
            Event::Playing { lower, .. } => self.transport = Some(lower),
            Event::SwitchedToTcp => self.tracks.clear(),
            Event::Stalled => return failed("it has sent nothing for 10 seconds"),
            Event::Ended => return failed("it has ended"),
            Event::Closed if self.leaving => return Err(End::Closed),
            Event::Closed => return failed("it has closed the session"),
            Event::Redirected { location } => {
                return Err(End::Redirected(String::from_utf8_lossy(location).into_owned()));
            }
            Event::Refused { method, status } => {
                return failed(&client::Error::Refused { method, status }.to_string());
            }
            Event::Failed(_) if self.leaving => return Err(End::Closed),
            Event::Failed(ClientError::Login(reason)) => {
                let realm = String::from_utf8_lossy(self.conn.realm());
                return Err(End::Barred(login(reason, &realm)));
            }
            Event::Failed(error) => return failed(&error.to_string()),
            _ => {}
        }
        Ok(true)
    }
}
