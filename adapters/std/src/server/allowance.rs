//! How much one connection may ask for, and be sent.
use super::bucket::Bucket;
use super::limits::{Seat, TurnedAway};
use crate::media::Library;
use pinhole::rtsp::Speed;
use pinhole::server::{Config, MAX_TRACKS, Play, ServerConn, SessionId};
use pinhole::time::{Instant, Now};

/// How many requests of a connection are answered at once, and how many a second: more than a player that
/// seeks with each movement of a mouse sends. Further ones wait.
const REQUESTS: (u32, u32) = (64, 200);
/// How many KiB of requests, or of what is none, are read at once, and in a second.
const KIBIBYTES: (u32, u32) = (64, 256);
/// What one connection has left of its share.
#[derive(Debug)]
pub(super) struct Allowance {
    requests: Bucket,
    kibibytes: Bucket,
    /// Bytes that were read and do not make a KiB.
    odd_bytes: usize,
    /// When to read or answer more, if the client has asked too much.
    resume: Option<Instant>,
    seat: Seat,
    /// How many bits a second each of the sessions takes, if that is limited.
    rates: heapless::Vec<(SessionId, u64), MAX_TRACKS>,
}

impl Allowance {
    pub(super) const fn new(seat: Seat) -> Self {
        Self {
            requests: Bucket::new(REQUESTS.0, REQUESTS.1),
            kibibytes: Bucket::new(KIBIBYTES.0, KIBIBYTES.1),
            odd_bytes: 0,
            resume: None,
            seat,
            rates: heapless::Vec::new(),
        }
    }

    /// Returns the seat of the connection, which becomes another one.
    #[cfg(feature = "http")]
    pub(super) fn into_seat(self) -> Seat {
        self.seat
    }

    /// Returns why the connection is one too many, and is only told so; `None` if it is not.
    pub(super) const fn too_many(&self) -> Option<TurnedAway> {
        self.seat.too_many()
    }

    /// Returns whether the connection comes through a proxy, so that datagrams do not reach its client.
    pub(super) const fn is_proxied(&self) -> bool {
        self.seat.is_proxied()
    }

    /// Returns true if the server is about to end: nothing new is begun.
    pub(super) fn is_draining(&self) -> bool {
        self.seat.is_draining()
    }

    pub(super) const fn begin_turn(&mut self) {
        self.resume = None;
    }

    /// Returns when the connection needs another turn for what had to wait in this one; `None` if nothing had
    /// to.
    pub(super) const fn resume(&self) -> Option<Instant> {
        self.resume
    }

    /// Returns whether more may be read from the connection now.
    pub(super) fn may_read(&mut self, now: Now) -> bool {
        let next = self.kibibytes.next(now.at);
        if let Some(at) = next {
            self.wait_until(at);
        }
        next.is_none()
    }

    /// Takes note of bytes that were read.
    pub(super) fn has_read(&mut self, now: Now, bytes: usize) {
        self.odd_bytes += bytes;
        self.kibibytes.take(now.at, u32::try_from(self.odd_bytes >> 10).unwrap_or(u32::MAX));
        self.odd_bytes &= 1023;
    }

    /// Has the connection take another turn at this time.
    pub(super) fn wait_until(&mut self, at: Instant) {
        self.resume = Some(self.resume.map_or(at, |resume| resume.min(at)));
    }

    /// Takes the right to answer a request. Returns false if it has to wait.
    pub(super) fn may_answer(&mut self, now: Now) -> bool {
        let next = self.requests.next(now.at).or_else(|| self.seat.request(now.at));
        match next {
            Some(at) => self.wait_until(at),
            None => self.requests.take(now.at, 1),
        }
        next.is_none()
    }

    /// Takes the right to send a session, at the speed that its client asks for. Returns false if that would
    /// be too much.
    pub(super) fn may_play(&mut self, play: &Play<'_>, config: &Config, library: &Library) -> bool {
        if !self.seat.counts_bitrate() {
            return true;
        }
        let asked = play.request().header("Speed").filter(|_| !library.is_live(play.media()));
        let speed = asked.and_then(Speed::parse).unwrap_or_default();
        let most = u32::from(config.max_speed.max(1)).saturating_mul(Speed::NORMAL.thousandths());
        let rate = rate(library, play.media(), speed.thousandths().min(most));
        let session = play.session();
        let before = self.rates.iter().find(|(other, _)| *other == session).map_or(0, |(_, rate)| *rate);
        let granted = self.seat.reserve(rate.saturating_sub(before));
        if granted {
            self.rates.retain(|(other, _)| *other != session);
            // There are as many places as sessions.
            let _ = self.rates.push((session, rate));
        }
        granted
    }

    /// Returns whether the bits that are sent are limited.
    #[cfg(feature = "http")]
    pub(super) fn counts_bitrate(&self) -> bool {
        self.seat.counts_bitrate()
    }

    /// Takes the right to send a medium at its own speed, and nothing else. Returns false if that would be too much.
    #[cfg(feature = "http")]
    pub(super) fn may_send(&mut self, media: u16, library: &Library) -> bool {
        self.seat.set_bitrate(0);
        !self.seat.counts_bitrate() || self.seat.reserve(rate(library, media, Speed::NORMAL.thousandths()))
    }

    /// Gives back the right to send a medium.
    #[cfg(feature = "http")]
    pub(super) fn sends_nothing(&mut self) {
        self.seat.set_bitrate(0);
    }

    /// Counts what the connection is sent, if that is limited.
    pub(super) fn count_bitrate(&mut self, conn: &ServerConn, library: &Library) {
        if !self.seat.counts_bitrate() {
            return;
        }
        let plays = conn.plays().map(|(session, track, speed)| {
            let known = self.rates.iter().find(|(other, _)| *other == session).map(|(_, rate)| *rate);
            (session, known.unwrap_or_else(|| rate(library, track.media, speed.thousandths())))
        });
        let mut rates = heapless::Vec::<(SessionId, u64), MAX_TRACKS>::new();
        for (session, rate) in plays {
            if rates.iter().all(|(other, _)| *other != session) {
                let _ = rates.push((session, rate));
            }
        }
        self.rates = rates;
        self.seat.set_bitrate(self.rates.iter().fold(0, |sum: u64, (_, rate)| sum.saturating_add(*rate)));
    }
}

/// Returns how many bits a second a medium takes at a speed, in thousandths.
fn rate(library: &Library, media: u16, speed: u32) -> u64 {
    let rate = u128::from(library.bitrate(media)) * u128::from(speed) / 1000;
    u64::try_from(rate).unwrap_or(u64::MAX)
}
