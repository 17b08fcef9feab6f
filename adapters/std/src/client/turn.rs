//! What a client does in a turn: waiting, receiving, sending, and following the events of its
//! connection.
use super::error::Error;
use super::exchange::{self, STEPS, WINDOW};
use super::findings::Inspecting;
use super::link::{Link, Manner};
use super::redirect::{MAX_REDIRECTS, Target, target};
use super::sockets::{TrackSockets, is_secure};
use super::tunnel::rtsp_url;
use super::{Client, Event, Options, STREAM, UDP};
use crate::credentials::{Credentials, UserInfo};
use crate::udp;
use pinhole::client::{
    self, ClientConn, ClientError, Config, Login, LowerTransport, PrefetchAction, TransportChoice,
};
use pinhole::codec::jpeg;
use pinhole::frame::{FrameRing, Slot, TrackInfo};
use pinhole::rtsp::{Method, Url};
use pinhole::time::Now;
use std::io;
use std::time::Duration;

/// Bytes of a cache for each frame that it can hold, however short, and the least such frames. The
/// description of a frame takes a thirtieth of that.
const BYTES_A_SLOT: usize = 6 << 10;
const MIN_SLOTS: usize = 64;

impl Client {
    /// Waits for input and timers, for `at_most` at the longest.
    pub(super) fn wait(&mut self, at_most: Duration) -> Result<(), Error> {
        let wake = match &self.link {
            Link::Up(connection) => self.conn.poll_at().earliest(connection.is_writable(), true),
            Link::Connecting(_) | Link::Down => None,
        };
        let wake = wake.map_or(at_most, |at| at.since(self.clock.now().at).into());
        let timeout = if self.more { Duration::ZERO } else { at_most.min(wake) };
        let buffer = self.tracks.iter().map(TrackSockets::receive_buffer).min().unwrap_or(0);
        // A live frame is shown as soon as it is whole.
        let recorded = self.transport.filter(|_| !self.is_live());
        let timeout = self.gather.rest(recorded, buffer, timeout);
        match self.poll.poll(&mut self.polled, Some(timeout)) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(Error::Loop(error)),
            Err(_) | Ok(()) => {}
        }
        for event in &self.polled {
            if event.token() == STREAM {
                if let Link::Up(connection) = &mut self.link {
                    connection.ready(event.is_readable() || event.is_read_closed(), event.is_writable());
                }
            } else if let Some(number) = event.token().0.checked_sub(UDP)
                && let Some(track) = self.tracks.get_mut(number / 2)
            {
                track.ready(number % 2);
            }
        }
        Ok(())
    }

    /// Begins a session if a connection was made just now.
    ///
    /// # Errors
    /// None could be made.
    pub(super) fn arrive(&mut self) -> Result<(), Error> {
        if !matches!(self.link, Link::Connecting(_)) {
            return Ok(());
        }
        let allow_basic = self.options.allow_basic || is_secure(&self.current_url);
        let login = login(self.current_credentials.as_ref(), allow_basic)?;
        let manner = manner(self.is_tunnel, &login, &self.options);
        if !self.link.arrive(&self.current_url, manner, self.poll.registry())? {
            return Ok(());
        }
        let (now, transport) = (self.clock.now(), self.options.transport);
        // UDP that did not work before would cost its time again.
        let transport = match (transport, self.transport) {
            (TransportChoice::Auto, Some(LowerTransport::Interleaved)) => TransportChoice::Tcp,
            _ => transport,
        };
        let conn = session(&self.current_url, transport, login, now)?;
        let tracks = 0..self.tracks();
        self.before = tracks.map(|track| self.received_statistics(track)).collect();
        self.conn = conn;
        if self.is_live() {
            let (_, at) = self.newest;
            let newest = self.caches.iter().filter_map(|cache| Some(cache.time_ranges().next()?.to)).max();
            if let Some(newest) = newest {
                self.prefetch.go_on_at(newest + now.at.since(at));
            }
        }
        if let Some(wanted) = self.wanted.as_mut().filter(|_| self.first_frame.is_some()) {
            // It goes on from where it is, not from where it began.
            wanted.from = None;
        }
        self.ask_for_wanted();
        self.more = true;
        Ok(())
    }

    /// Drops the connection, if there is one.
    pub(super) fn disconnect(&mut self) {
        if !matches!(self.link, Link::Down) {
            self.conn.disconnected(
                self.clock.now(),
                &mut Inspecting::new(&mut self.prefetch, &mut self.caches, &mut self.findings),
            );
            self.prefetch.disconnected();
            self.link = Link::Down;
            self.tracks.clear();
        }
        self.more = false;
    }

    /// Receives and sends, and follows the events of the connection.
    ///
    /// # Errors
    /// The session has failed, or a frame does not fit the cache.
    pub(super) fn advance(&mut self) -> Result<(), Error> {
        if !self.is_connected() {
            return Ok(());
        }
        let now = self.clock.now();
        self.more = false;
        self.receive(now);
        if let Link::Up(connection) = &mut self.link
            && let Some(refusal) = connection.take_refusal()
        {
            return Err(refusal.into());
        }
        #[cfg(feature = "tls")]
        if let Link::Up(connection) = &mut self.link
            && let Some(distrust) = connection.take_distrust()
        {
            return Err(distrust.into());
        }
        self.conn.handle_timeout(
            now,
            &mut Inspecting::new(&mut self.prefetch, &mut self.caches, &mut self.findings),
        );
        // Sending can cause an event, and following an event can cause something to send. There are few
        // such rounds before it is the server's turn.
        for _ in 0..STEPS {
            self.send(now);
            if !self.take_events(now)? {
                break;
            }
        }
        let count = self.caches.iter().map(|cache| cache.frames().end.0).sum();
        if count != self.newest.0 {
            self.newest = (count, now.at);
            self.first_frame.get_or_insert_with(|| self.started.elapsed());
        }
        match self.prefetch.too_large() {
            Some((track, frame)) => {
                let cache = self.cache(track).map_or(0, FrameRing::capacity);
                Err(Error::CacheTooSmall { frame, cache })
            }
            None => Ok(()),
        }
    }

    fn receive(&mut self, now: Now) {
        // The response to PLAY says which of the datagrams after it are wanted.
        if self.prefetch.is_asking() {
            self.receive_stream(now);
        }
        // Datagrams come before the rest: a server that stops sends BYE, and then closes the connection.
        let mut sink = Inspecting::new(&mut self.prefetch, &mut self.caches, &mut self.findings);
        let took = |len| self.gather.take(len);
        let with = (now, &mut *self.scratch);
        self.more |= exchange::receive_datagrams(&mut self.conn, &mut self.tracks, with, &mut sink, took);
        self.receive_stream(now);
    }

    fn receive_stream(&mut self, now: Now) {
        let Link::Up(connection) = &mut self.link else { return };
        let mut sink = Inspecting::new(&mut self.prefetch, &mut self.caches, &mut self.findings);
        let took = |len| self.gather.take(len);
        let with = (now, &mut *self.scratch);
        self.more |= exchange::receive_stream(&mut self.conn, (connection, STEPS), with, &mut sink, took);
    }

    fn send(&mut self, now: Now) {
        let Link::Up(connection) = &mut self.link else { return };
        let mut sink = Inspecting::new(&mut self.prefetch, &mut self.caches, &mut self.findings);
        self.more |= exchange::send(&mut self.conn, connection, &self.tracks, now, &mut sink);
    }

    /// Follows the events of the connection, and keeps those for the caller. Returns whether there was
    /// any.
    fn take_events(&mut self, now: Now) -> Result<bool, Error> {
        let mut happened = self.ask();
        while self.take_event(now)? {
            self.ask();
            happened = true;
        }
        Ok(happened)
    }

    /// Does what the prefetch asks for. Returns whether there was anything.
    fn ask(&mut self) -> bool {
        let mut asked = false;
        while let Some(action) = self.prefetch.poll(&self.caches) {
            asked = true;
            match action {
                PrefetchAction::Pause => self.conn.pause(),
                PrefetchAction::Play(options) => self.conn.play_with(options),
                PrefetchAction::Ended => self.events.push_back(Event::Ended),
                _ => {}
            }
        }
        asked
    }

    /// Follows one event. Returns whether there was one.
    fn take_event(&mut self, now: Now) -> Result<bool, Error> {
        let Some(event) = self.conn.poll_event(now) else { return Ok(false) };
        let told = self.prefetch.on_event(&event);
        let event = match event {
            client::Event::Described { tracks, duration } => {
                let duration = duration.map(Duration::from);
                self.described = Some(duration);
                self.make_caches(tracks);
                self.ask_for_wanted();
                Event::Described { tracks, duration }
            }
            client::Event::Setup { track } => {
                let ports = self.bind(track);
                // It is pending, so that this does not fail.
                let _ = self.conn.setup(track, ports);
                return Ok(true);
            }
            client::Event::ServerPorts { track, source, .. } => {
                if let Some(track) = self.tracks.get_mut(usize::from(track)) {
                    track.comes_from(source);
                }
                return Ok(true);
            }
            client::Event::Playing { lower, range, scale, speed } => {
                if told {
                    (self.transport, self.played) = (Some(lower), (range, scale, speed));
                }
                Event::Playing { transport: lower, range, scale, speed }
            }
            client::Event::SwitchedToTcp => Event::SwitchedToTcp,
            client::Event::Paused => Event::Paused,
            client::Event::Stalled => Event::Stalled,
            client::Event::Ended => Event::Ended,
            client::Event::Closed => {
                let cut_short = self.is_cut_short();
                self.disconnect();
                if cut_short {
                    return Err(Error::Session(ClientError::Disconnected));
                }
                Event::Closed
            }
            client::Event::Redirected { location } => {
                let location = String::from_utf8_lossy(location).into_owned();
                self.follow(now, location)?;
                return Ok(true);
            }
            client::Event::Refused { method, status } => {
                if !self.goes_on_without(method) {
                    return Err(Error::Refused { method, status });
                }
                Event::Refused { method, status }
            }
            client::Event::Failed(ClientError::NoTrack) => {
                let encodings = String::from_utf8_lossy(self.conn.encodings()).into_owned();
                return Err(Error::NoTrack { encodings });
            }
            client::Event::Failed(ClientError::Login(reason)) => {
                let realm = String::from_utf8_lossy(self.conn.realm()).into_owned();
                return Err(Error::Login { reason, realm });
            }
            client::Event::Failed(error) => return Err(Error::Session(error)),
            _ => return Ok(true),
        };
        if told {
            self.events.push_back(event);
        }
        Ok(true)
    }

    /// Goes on at the URL that the server has named.
    ///
    /// # Errors
    /// It is none that a client can connect to, or there were too many.
    fn follow(&mut self, now: Now, location: String) -> Result<(), Error> {
        let (named, is_tunnel) = rtsp_url(&location);
        // Errors tell it.
        let told = UserInfo::split(&location).0.into_owned();
        let Some(Target { url, user_info, is_same_host }) = target(&self.current_url, &named) else {
            return Err(Error::Redirected(told));
        };
        if self.redirects >= MAX_REDIRECTS {
            return Err(Error::RedirectedTooOften(told));
        }
        self.redirects = self.redirects.saturating_add(1);
        tracing::info!(redirects = self.redirects, "the server says that the stream is elsewhere");
        self.disconnect();
        // The end of the former session is no news.
        while self.conn.poll_event(now).is_some() {}
        if self.leaving {
            self.events.push_back(Event::Closed);
        } else {
            // Where HTTP was needed before, it is needed there, too.
            self.is_tunnel |= is_tunnel;
            self.link = Link::connect(url.clone(), self.options.connect_timeout, self.waker.clone());
            self.current_url = url;
            let kept = self.current_credentials.take().filter(|_| is_same_host);
            self.current_credentials = user_info.map(UserInfo::into_credentials).or(kept);
        }
        Ok(())
    }

    /// Returns whether the server has closed the session before the end of the presentation.
    fn is_cut_short(&self) -> bool {
        self.options.prefetch.is_some()
            && !self.leaving
            && self.duration().is_some()
            && !self.prefetch.is_over()
    }

    /// Returns whether the session goes on as before if the server refuses `method`.
    const fn goes_on_without(&self, method: Method<'_>) -> bool {
        self.transport.is_some() && matches!(method, Method::Play | Method::Pause)
    }

    /// Asks for what the caller wants to play.
    fn ask_for_wanted(&mut self) {
        if let Some(options) = self.wanted {
            self.conn.play_with(self.prefetch.play(options, &self.caches));
        }
    }

    /// Creates the caches, unless they are there from an earlier connection.
    fn make_caches(&mut self, tracks: u8) {
        if self.caches.is_empty() {
            let bytes = self.options.cache / usize::from(tracks.max(1));
            let slots = (bytes / BYTES_A_SLOT).max(MIN_SLOTS);
            let info = |track| match self.conn.track(track) {
                Some(described) => TrackInfo::new(described.codec, described.clock_rate),
                None => jpeg::TRACK,
            };
            let cache = |track| FrameRing::new(info(track), vec![Slot::EMPTY; slots], vec![0; bytes]);
            self.caches = (0..tracks).map(cache).collect();
        }
    }

    /// Binds the sockets of a track, after those of the tracks before it, and returns their ports; `None`
    /// if the system refuses them.
    fn bind(&mut self, track: u8) -> Option<pinhole::rtsp::Pair<u16>> {
        let Link::Up(connection) = &self.link else { return None };
        let index = usize::from(track);
        let first = UDP + 2 * index;
        let ends = (connection.local(), connection.server());
        match TrackSockets::bind(ends, udp::BUFFER, self.poll.registry(), first) {
            Ok(sockets) => {
                let ports = sockets.ports();
                self.conn.announce_buffer(sockets.packet_room());
                self.tracks.truncate(index);
                self.tracks.push(sockets);
                Some(ports)
            }
            Err(error) => {
                tracing::warn!(%error, "no UDP ports to receive on");
                None
            }
        }
    }
}

/// Returns the login by these credentials, if there are any.
///
/// # Errors
/// The user name or the password is too long.
pub(crate) fn login(credentials: Option<&Credentials>, allow_basic: bool) -> Result<Option<Login>, Error> {
    let login = credentials
        .map(|credentials| Login::new(credentials.user(), credentials.password(), allow_basic))
        .transpose();
    login.map_err(|reason| Error::Login { reason, realm: String::new() })
}

/// Returns how a server is spoken to, with this login.
pub(super) fn manner(is_tunnel: bool, login: &Option<Login>, options: &Options) -> Manner {
    #[cfg(not(feature = "tls"))]
    let _ = options;
    Manner {
        tunnel: is_tunnel.then(|| login.clone()),
        #[cfg(feature = "tls")]
        fingerprint: options.tls_fingerprint,
    }
}

/// Creates the state of a session over a new connection, which logs in by `login` if the server asks for that. Inside TLS,
/// packets travel in the connection alone, whatever `transport` is.
///
/// # Errors
/// The URL is invalid.
pub(crate) fn session(
    url: &str,
    transport: TransportChoice,
    login: Option<Login>,
    now: Now,
) -> Result<ClientConn<Vec<u8>, String>, Error> {
    let mut config = Config::DEFAULT;
    config.secure = cfg!(feature = "tls");
    config.transport = if is_secure(url) { TransportChoice::Tcp } else { transport };
    let random = getrandom::u64().map_err(|error| Error::Loop(io::Error::other(error.to_string())))?;
    let storage = vec![0; config.storage_len(WINDOW)];
    let mut conn = ClientConn::new(config, now, without_zone(url), random, storage)?;
    if let Some(login) = login {
        conn.log_in_with(login);
    }
    Ok(conn)
}

/// Returns a URL without the interface of a link-local address, which means something on this machine only
/// (RFC 6874, 4).
fn without_zone(url: &str) -> String {
    let host = Url::parse(url.as_bytes()).ok().and_then(|url| std::str::from_utf8(url.host()).ok());
    match host.and_then(|host| Some((host, host.split_once('%')?.0))) {
        Some((host, address)) => url.replacen(&format!("[{host}]"), &format!("[{address}]"), 1),
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_not_told_interfaces() {
        for (url, told) in [
            ("rtsp://[fe80::1%25eth0]:8554/a%25b?[c]", "rtsp://[fe80::1]:8554/a%25b?[c]"),
            ("rtsp://u:p@[fe80::1%2]/", "rtsp://u:p@[fe80::1]/"),
            ("rtsp://[::1]/a%20b", "rtsp://[::1]/a%20b"),
            ("rtsp://host%20name/a", "rtsp://host%20name/a"),
            ("not a URL", "not a URL"),
        ] {
            assert_eq!(without_zone(url), told);
        }
    }
}
