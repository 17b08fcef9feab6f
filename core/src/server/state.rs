//! [`ConnState`]: the state of a connection, which all that is done with it changes.
use super::config::{Config, REPLY_ROOM};
use super::event::{CloseReason, ConnError, Notice, SessionId};
use super::stream::{Stream, earliest};
use super::transmit::Transmit;
use crate::fmt::debug;
use crate::frame::FrameStore;
use crate::rtp;
use crate::storage::Fifo;
use crate::time::{Instant, Now, Wake, sooner};
use core::net::SocketAddr;

/// What is known of the first message in the receive buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Front {
    /// Nothing yet.
    New,
    /// It is not complete.
    Partial,
    /// It is a request that was handed out in this turn and is not answered.
    Offered,
    /// It is a request that was handed out in an earlier turn and is not answered.
    Deferred,
}

/// The state of a connection. Code refers to it with a table of streams of unknown length, and is compiled
/// once for all lengths.
#[derive(Debug)]
pub(super) struct ConnState<T: ?Sized = heapless::VecView<Stream>> {
    pub(super) config: Config,
    /// The address of the client, with the interface if it is link-local, and the port of the connection.
    pub(super) peer: SocketAddr,
    pub(super) front: Front,
    pub(super) incoming: Fifo,
    pub(super) outgoing: Fifo,
    /// The most bytes that may be queued in `outgoing`, or be begun and not be written completely.
    pub(super) stream_limit: usize,
    /// Bytes of the connection that are dealt with, for errors to point at.
    pub(super) consumed: u64,
    /// Bytes of a message too long to hold that are still to arrive, and to be dropped.
    pub(super) discard: usize,
    pub(super) error: Option<ConnError>,
    pub(super) error_told: bool,
    /// The number that makes the CNAME of all streams, once there is one.
    pub(super) cname: Option<u64>,
    /// When the connection ends if it has no session and no request comes before.
    pub(super) idle_at: Instant,
    /// The end of a track that gave its place in the table to another.
    pub(super) closed: Option<Notice>,
    pub(super) streams: T,
}

impl ConnState {
    /// Returns when the next turn is due.
    pub(super) fn poll_at<S: FrameStore + ?Sized>(&self, store: &S) -> Wake {
        let mut wake = Wake::default();
        if !self.outgoing.is_empty() {
            wake.stream = Some(Instant::ZERO);
        }
        // A message may have been held back for want of room for a reply, or what was sent last may have
        // ended something.
        if (self.front == Front::New && self.can_read()) || self.has_notice() {
            wake.timer = Some(Instant::ZERO);
        }
        if self.streams.is_empty() && self.error.is_none() {
            sooner(&mut wake.timer, self.idle_at);
        }
        for stream in &self.streams {
            sooner(&mut wake.timer, self.expires_at(stream));
            if let Some(due) = stream.sender.poll_at(store) {
                sooner(if stream.is_udp() { &mut wake.datagram } else { &mut wake.stream }, due);
            }
        }
        wake
    }

    /// Ends the sessions from which nothing arrived in time, or the connection if it has none.
    pub(super) fn handle_timeout(&mut self, now: Now) {
        for index in 0..self.streams.len() {
            let expired = self.streams.get(index).is_some_and(|s| self.expires_at(s) <= now.at);
            if let Some(stream) = self.streams.get_mut(index).filter(|_| expired) {
                if stream.is_open() {
                    stream.leave(CloseReason::Timeout);
                } else {
                    // The connection does not take the BYE either.
                    stream.close(CloseReason::Timeout);
                }
            }
        }
        if self.streams.is_empty() && self.idle_at <= now.at {
            self.fail(ConnError::Idle);
        }
    }

    /// When a track is given up if nothing arrives for its session before: what arrives for one track
    /// keeps all of them (RFC 2326, A.2). A track that is leaving has as long again to send its BYE, or a
    /// client that reads nothing would hold it for ever.
    fn expires_at(&self, stream: &Stream) -> Instant {
        let session = self.streams.iter().filter(|other| other.session == stream.session);
        let last = session.map(|other| other.last_activity).fold(stream.last_activity, Instant::max);
        let timeout = self.config.session_timeout;
        if stream.is_open() { last + timeout } else { last + timeout + timeout }
    }

    pub(super) fn close(&mut self) {
        self.fail(ConnError::Closed);
    }

    pub(super) fn disconnected(&mut self) {
        self.close();
        for stream in self.streams.iter_mut().filter(|stream| !stream.is_udp()) {
            stream.close(CloseReason::Closed);
        }
    }

    /// Takes no more requests, because of `error` if it is the first. Tracks that are set up end with BYE: the
    /// transport is about to be closed, and nothing could control them any more.
    pub(super) fn fail(&mut self, error: ConnError) {
        if self.error.is_none() {
            debug!("connection ends: {:?}", error);
        }
        self.error.get_or_insert(error);
        for stream in &mut self.streams {
            stream.leave(CloseReason::Closed);
        }
    }

    #[cfg_attr(target_pointer_width = "32", inline(never))]
    pub(super) fn poll_transmit<'a, S: FrameStore + ?Sized>(
        &'a mut self,
        now: Now,
        store: &'a S,
    ) -> Option<Transmit<'a>> {
        self.settle(now, store);
        let (stream, next) = earliest(&mut self.streams, true, now, store)?;
        let packets = rtp::Transmit::new(&mut stream.sender, next, now);
        Some(Transmit { packets, route: &stream.route, peer: &self.peer })
    }

    pub(super) fn settle<S: FrameStore + ?Sized>(&mut self, now: Now, store: &S) {
        for stream in &mut self.streams {
            stream.sender.settle(now, store);
        }
        // The tracks of a session share their clock: the first that has a frame sets it for the others.
        for index in 0..self.streams.len() {
            let stream = self.streams.get(index);
            let Some((session, Some((at, time)))) =
                stream.map(|stream| (stream.session, stream.sender.origin()))
            else {
                continue;
            };
            for other in self.streams.iter_mut().filter(|other| other.session == session) {
                other.sender.join(at, time);
            }
        }
    }

    /// Whether a message may be read: there are bytes, and room for any reply to them.
    pub(super) fn can_read(&self) -> bool {
        self.error.is_none()
            && !self.incoming.is_empty()
            && self.config.outgoing_len().saturating_sub(self.outgoing.len()).min(self.stream_room())
                >= REPLY_ROOM
    }

    /// How many bytes may be queued, or begun, in addition to those that are.
    pub(super) const fn stream_room(&self) -> usize {
        self.stream_limit.saturating_sub(self.outgoing.len())
    }

    /// Removes `n` bytes from the front of what arrived.
    pub(super) fn consume(&mut self, n: usize) {
        self.incoming.pop(n);
        self.consumed = self.consumed.saturating_add(n as u64);
        self.front = Front::New;
    }

    /// The tracks of a session that are not leaving.
    pub(super) fn tracks(&self, session: SessionId) -> impl Iterator<Item = &Stream> {
        self.streams.iter().filter(move |stream| stream.session == session && stream.is_open())
    }

    /// The tracks of a session that are not leaving, to change them.
    pub(super) fn tracks_mut(&mut self, session: SessionId) -> impl Iterator<Item = &mut Stream> {
        self.streams.iter_mut().filter(move |stream| stream.session == session && stream.is_open())
    }

    pub(super) fn has_session(&self, session: SessionId) -> bool {
        self.tracks(session).next().is_some()
    }

    fn has_notice(&self) -> bool {
        self.streams.iter().any(Stream::has_notice)
            || self.closed.is_some()
            || (self.error.is_some() && !self.error_told)
    }

    /// The next notice of a track.
    pub(super) fn track_notice(&mut self, now: Now) -> Option<Notice> {
        for stream in &mut self.streams {
            if let Some(notice) = stream.notice() {
                return Some(notice);
            }
        }
        self.closed.take().or_else(|| self.take_gone(now, false))
    }

    /// The notice that the connection ends, which comes after all others.
    pub(super) fn last_notice(&mut self) -> Option<Notice> {
        let error = self.error.filter(|_| !self.error_told)?;
        self.error_told = true;
        Some(Notice::Disconnect(error))
    }

    /// Removes a track that is gone from the table, which is to be told; with `leaving`, also one that has a BYE
    /// to send.
    pub(super) fn take_gone(&mut self, now: Now, leaving: bool) -> Option<Notice> {
        let mut streams = self.streams.iter().enumerate();
        let (index, reason) = streams.find_map(|(index, stream)| Some((index, stream.gone(leaving)?)))?;
        let stream = self.streams.get(index)?;
        let (session, track, summary) = (stream.session, stream.sender.track(), stream.summary(now));
        let transport = stream.route.lower();
        debug!("{:?}: {:?} is gone: {:?}", session, track, reason);
        // The last stream takes its place.
        let last = self.streams.pop()?;
        if let Some(free) = self.streams.get_mut(index) {
            *free = last;
        }
        Some(Notice::Closed { session, track, transport, reason, summary })
    }
}
