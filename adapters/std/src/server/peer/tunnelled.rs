//! Connections that turn out to speak HTTP, and those of RTSP over HTTP.
use super::super::arrival::{Arrival, Role};
use super::super::tunnel::{Place, Post, TunnelInput};
use super::{Link, Peer};
use pinhole::server::Turn;
use pinhole::time::Now;
use std::io::{self, Write as _};

/// What a client speaks, by the begin of its first line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spoken {
    /// Too little has come.
    Unknown,
    Rtsp,
    Http,
}

impl Spoken {
    const HTTP: [&[u8]; 2] = [b"GET ", b"POST "];

    /// Tells by the first bytes that have come, as far as they have.
    pub(super) fn of(begin: &[u8]) -> Self {
        if Self::HTTP.iter().any(|method| begin.starts_with(method)) {
            Self::Http
        } else if Self::HTTP.iter().any(|method| method.starts_with(begin)) {
            Self::Unknown
        } else {
            Self::Rtsp
        }
    }
}

impl Peer {
    /// Has the connection read `input` in place of its own socket.
    pub(in super::super) fn tunnelled(mut self, input: Box<TunnelInput>) -> Self {
        (self.link.spoken, self.link.tunnel) = (Spoken::Rtsp, Some(input));
        self
    }

    /// Returns the connection as that of a client that speaks HTTP. Nothing was read from it.
    pub(in super::super) fn into_arrival(self) -> Arrival {
        let Link { stream, address, allowance, .. } = self.link;
        Arrival { role: Role::Http { has_pages: false }, stream, address, seat: allowance.into_seat() }
    }

    /// Returns whether the connection is the GET of the tunnel at `place`.
    pub(in super::super) fn is_at(&self, place: Place) -> bool {
        self.link.tunnel.as_ref().is_some_and(|tunnel| tunnel.is_at(place))
    }

    /// Attaches a POST, if the connection is a tunnel.
    pub(in super::super) fn attach(&mut self, post: Post) {
        if let Some(tunnel) = &mut self.link.tunnel {
            tunnel.attach(post);
        }
    }
}

impl Link {
    /// Finds out what the client speaks, without reading it. Returns whether it can be read as RTSP.
    pub(super) fn listen(&mut self) -> bool {
        let mut begin = [0; 5];
        let begin = match self.stream.socket.peek(&mut begin) {
            // It ends when it is read.
            Ok(0) => return true,
            Ok(len) => begin.get(..len).unwrap_or_default(),
            // What comes between this and a read would be read as RTSP.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.readable = false;
                return false;
            }
            // It comes again when it is read.
            Err(_) => return true,
        };
        self.spoken = Spoken::of(begin);
        if self.spoken == Spoken::Unknown {
            // More of it is an event.
            self.readable = false;
        }
        self.spoken == Spoken::Rtsp
    }

    /// Reads once from the POST of a tunnel, as [`Self::read`] does from an ordinary connection.
    pub(super) fn read_tunnel(&mut self, now: Now, turn: &mut Turn<'_>, scratch: &mut [u8]) -> bool {
        let Some(tunnel) = &mut self.tunnel else { return false };
        let room = turn.stream_room().min(scratch.len() / 2);
        if !(self.readable || self.stream.has_more() || tunnel.has_more())
            || room == 0
            || self.leaving.is_some()
        {
            return false;
        }
        if !self.allowance.may_read(now) {
            return false;
        }
        // The client has no more to say here, but closes this connection when it leaves.
        match self.stream.read(self.readable, scratch) {
            Ok((0, 0)) => {
                self.lose(turn);
                return false;
            }
            Ok((came, _)) => {
                self.allowance.has_read(now, came);
                return true;
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return true,
            Err(_) => {
                self.lose(turn);
                return false;
            }
        }
        let (text, out) = scratch.split_at_mut(room);
        let out = out.get_mut(..room).unwrap_or_default();
        match tunnel.read(self.readable, text, out) {
            Ok((read, written)) => {
                self.allowance.has_read(now, read);
                if written > 0 {
                    // An error also comes as a notice.
                    let _ = turn.handle_stream(out.get(..written).unwrap_or_default());
                }
                return true;
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.readable = false,
            Err(_) => self.lose(turn),
        }
        false
    }

    /// Writes what is left of the head of the answer to the GET of a tunnel. Returns whether all of it is written.
    pub(super) fn write_head(&mut self, turn: &mut Turn<'_>) -> bool {
        while let Some(tunnel) = self.tunnel.as_mut().filter(|tunnel| !tunnel.head().is_empty()) {
            if !self.writable || self.lost {
                return false;
            }
            match self.stream.write(tunnel.head()) {
                Ok(written) => tunnel.head_written(written),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.writable = false,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => self.lose(turn),
            }
        }
        true
    }
}
