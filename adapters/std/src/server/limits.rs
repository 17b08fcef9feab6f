//! What all clients together, and those of one address, may have of the server.
use super::Options;
use super::access::AddressList;
use super::bucket::Bucket;
use super::origin::Origin;
use crate::media::is_available;
use pinhole::text::Count;
use pinhole::time::Instant;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many connections that are too many are told so at once. Others are closed without a word.
pub(super) const FAREWELLS: usize = 16;
/// How many requests of one address are answered at once, and how many a second. A program that starts a
/// thousand viewers is not held up; one that asks without end has a small part of a loop.
const REQUESTS: (u32, u32) = (4096, 1000);
/// The same of handshakes of TLS. Whoever is one of many behind an address waits for some seconds at most when all come at
/// once, and a flood of one address takes a twentieth of a loop.
#[cfg(feature = "tls")]
const HANDSHAKES: (u32, u32) = (128, 50);

/// Memory that has to be left for a further connection, most of it for the frames of those that there are.
const MEMORY: usize = 8 << 20;

/// Stands for a rate without a limit.
const NO_LIMIT: u64 = u64::MAX;

/// Why a connection is one too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum TurnedAway {
    #[error("{} open already", Count(*limit, "connection is", "connections are"))]
    Server { limit: usize },
    #[error("{} open already from its address", Count(*limit, "connection is", "connections are"))]
    Address { limit: usize },
    #[error("there is not enough memory for another connection")]
    Memory,
    #[error("this server is about to end")]
    Draining,
    #[error("its address is not let in")]
    Denied,
}

/// The limits of a server, and what is used of them. All event loops share it.
#[derive(Debug)]
pub(super) struct Limits {
    max_connections: AtomicUsize,
    max_connections_per_ip: AtomicUsize,
    /// [`NO_LIMIT`] if there is none, as below.
    max_bitrate: AtomicU64,
    max_bitrate_per_ip: AtomicU64,
    /// Whether the server is about to end, so that nobody else is let in.
    draining: AtomicBool,
    /// From where clients are let in.
    addresses: Mutex<Arc<AddressList>>,
    used: Mutex<Used>,
    /// How often each of the limits has refused something.
    #[cfg(feature = "metrics")]
    refusals: [AtomicU64; Refusal::ALL.len()],
}

/// What refuses connections or plays.
#[cfg(feature = "metrics")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    Connections,
    ConnectionsPerAddress,
    Memory,
    Draining,
    Bitrate,
    BitratePerAddress,
    Denied,
}

#[derive(Debug, Default)]
struct Used {
    connections: usize,
    /// Connections that are only told that they are too many.
    farewells: usize,
    bitrate: u64,
    by_origin: HashMap<Origin, Share>,
}

/// What the clients of one address use.
#[derive(Debug)]
struct Share {
    /// Of whatever kind: the share is forgotten with the last.
    seats: usize,
    connections: usize,
    bitrate: u64,
    requests: Bucket,
    #[cfg(feature = "tls")]
    handshakes: Bucket,
}

/// The right of one connection to be there, which ends when this is dropped.
#[derive(Debug)]
pub(super) struct Seat {
    limits: Arc<Limits>,
    origin: Origin,
    too_many: Option<TurnedAway>,
    /// Whether the connection comes through a proxy.
    is_proxied: bool,
    bitrate: u64,
    /// When the request may be answered that waits for those of others from the same address.
    reserved: Option<Instant>,
    /// The same of a handshake.
    #[cfg(feature = "tls")]
    handshake: Option<Instant>,
}

#[cfg(feature = "metrics")]
impl Refusal {
    const ALL: [Self; 7] = [
        Self::Connections,
        Self::ConnectionsPerAddress,
        Self::Memory,
        Self::Draining,
        Self::Bitrate,
        Self::BitratePerAddress,
        Self::Denied,
    ];

    /// Returns the name of the limit.
    const fn name(self) -> &'static str {
        match self {
            Self::Connections => "connections",
            Self::ConnectionsPerAddress => "connections_per_address",
            Self::Memory => "memory",
            Self::Draining => "draining",
            Self::Bitrate => "bitrate",
            Self::BitratePerAddress => "bitrate_per_address",
            Self::Denied => "denied",
        }
    }
}

#[cfg(feature = "metrics")]
impl From<TurnedAway> for Refusal {
    fn from(reason: TurnedAway) -> Self {
        match reason {
            TurnedAway::Server { .. } => Self::Connections,
            TurnedAway::Address { .. } => Self::ConnectionsPerAddress,
            TurnedAway::Memory => Self::Memory,
            TurnedAway::Draining => Self::Draining,
            TurnedAway::Denied => Self::Denied,
        }
    }
}

impl Limits {
    pub(super) fn new(options: &Options) -> Self {
        let limits = Self {
            max_connections: AtomicUsize::new(0),
            max_connections_per_ip: AtomicUsize::new(0),
            max_bitrate: AtomicU64::new(NO_LIMIT),
            max_bitrate_per_ip: AtomicU64::new(NO_LIMIT),
            draining: AtomicBool::new(false),
            addresses: Mutex::default(),
            used: Mutex::default(),
            #[cfg(feature = "metrics")]
            refusals: Default::default(),
        };
        limits.set(options);
        limits
    }

    /// Sets the limits to those of `options`. What is used beyond them already stays in use.
    pub(super) fn set(&self, options: &Options) {
        self.max_connections.store(options.max_connections, Ordering::Relaxed);
        self.max_connections_per_ip.store(options.max_connections_per_ip, Ordering::Relaxed);
        self.max_bitrate.store(options.max_bitrate.unwrap_or(NO_LIMIT), Ordering::Relaxed);
        self.max_bitrate_per_ip.store(options.max_bitrate_per_ip.unwrap_or(NO_LIMIT), Ordering::Relaxed);
    }

    /// Returns how many connections there may be.
    #[cfg(feature = "metrics")]
    pub(super) fn max_connections(&self) -> usize {
        self.max_connections.load(Ordering::Relaxed)
    }

    /// Counts what a limit has refused.
    #[cfg(feature = "metrics")]
    pub(super) fn refuse(&self, by: Refusal) {
        if let Some(count) = self.refusals.get(by as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Returns how often each limit has refused something.
    #[cfg(feature = "metrics")]
    pub(super) fn refusals(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let counts = self.refusals.iter().map(|count| count.load(Ordering::Relaxed));
        Refusal::ALL.iter().map(|refusal| refusal.name()).zip(counts)
    }

    /// Sets from where clients are let in.
    pub(super) fn restrict(&self, addresses: AddressList) {
        *self.addresses.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(addresses);
    }

    /// Returns whether clients at an address are let in.
    pub(super) fn admits(&self, address: SocketAddr) -> bool {
        // Held for a step only.
        let addresses = self.addresses.lock().unwrap_or_else(PoisonError::into_inner).clone();
        addresses.admits(address.ip())
    }

    /// From now on, nobody is let in, and who is in begins nothing new.
    pub(super) fn drain(&self) {
        self.draining.store(true, Ordering::Release);
    }

    fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }

    /// Returns whether what is sent has to be counted.
    pub(super) fn count_bitrate(&self) -> bool {
        let is_set = |limit: &AtomicU64| limit.load(Ordering::Relaxed) != NO_LIMIT;
        is_set(&self.max_bitrate) || is_set(&self.max_bitrate_per_ip)
    }

    /// Admits a connection from `address`, perhaps only to be told that it is one too many.
    ///
    /// # Errors
    /// It is to be closed at once: it is too many, and so are those that are told so, there is no memory for it, or nobody is
    /// let in from its address.
    pub(super) fn admit(self: &Arc<Self>, address: SocketAddr) -> Result<Seat, TurnedAway> {
        if !self.admits(address) {
            return Err(TurnedAway::Denied);
        }
        self.admit_of(address, self.max_connections_per_ip.load(Ordering::Relaxed))
    }

    /// Admits a connection of a proxy, which brings those of many clients: it may have any address. See [`Seat::exchange`].
    ///
    /// # Errors
    /// As for [`Self::admit`].
    pub(super) fn admit_proxy(self: &Arc<Self>, address: SocketAddr) -> Result<Seat, TurnedAway> {
        self.admit_of(address, usize::MAX)
    }

    fn admit_of(self: &Arc<Self>, address: SocketAddr, most: usize) -> Result<Seat, TurnedAway> {
        if !is_available(MEMORY) {
            return Err(TurnedAway::Memory);
        }
        let origin = Origin::of(address);
        let mut used = self.used();
        let own = used.by_origin.get(&origin).map_or(0, |share| share.connections);
        let all = self.max_connections.load(Ordering::Relaxed);
        let too_many = if self.is_draining() {
            Some(TurnedAway::Draining)
        } else if used.connections >= all {
            Some(TurnedAway::Server { limit: all })
        } else if own >= most {
            Some(TurnedAway::Address { limit: most })
        } else {
            None
        };
        match too_many {
            Some(too_many) if used.farewells >= FAREWELLS => return Err(too_many),
            Some(_) => used.farewells += 1,
            None => used.connections += 1,
        }
        let new = Share {
            seats: 0,
            connections: 0,
            bitrate: 0,
            requests: Bucket::new(REQUESTS.0, REQUESTS.1),
            #[cfg(feature = "tls")]
            handshakes: Bucket::new(HANDSHAKES.0, HANDSHAKES.1),
        };
        let share = used.by_origin.entry(origin).or_insert(new);
        share.seats += 1;
        share.connections += usize::from(too_many.is_none());
        drop(used);
        Ok(Seat {
            limits: self.clone(),
            origin,
            too_many,
            is_proxied: false,
            bitrate: 0,
            reserved: None,
            #[cfg(feature = "tls")]
            handshake: None,
        })
    }

    /// Held for a few steps only.
    fn used(&self) -> MutexGuard<'_, Used> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
    /// Gives the seat of a proxy up for that of its client.
    ///
    /// # Errors
    /// As for [`Limits::admit`].
    pub(super) fn exchange(self, client: SocketAddr) -> Result<Self, TurnedAway> {
        let limits = self.limits.clone();
        drop(self);
        let seat = limits.admit(client);
        #[cfg(feature = "metrics")]
        if let Err(reason) = seat {
            limits.refuse(reason.into());
        }
        let mut seat = seat?;
        seat.is_proxied = true;
        Ok(seat)
    }

    /// Returns whether the connection comes through a proxy, so that datagrams do not reach its client.
    pub(super) const fn is_proxied(&self) -> bool {
        self.is_proxied
    }

    /// Returns why the connection is one too many, and can only be told so; `None` if it is not.
    pub(super) const fn too_many(&self) -> Option<TurnedAway> {
        self.too_many
    }

    /// Returns true if the server is about to end: nothing new is begun.
    pub(super) fn is_draining(&self) -> bool {
        self.limits.is_draining()
    }

    /// Returns whether the limits need to know what is sent.
    pub(super) fn counts_bitrate(&self) -> bool {
        self.limits.count_bitrate()
    }

    /// Takes the right to one request. Returns when to ask again, if the clients of this address have asked
    /// too much.
    ///
    /// Each connection that has to wait has a time of its own, in the order in which they asked: one that
    /// asks without end waits as long for its next request as another one for its first.
    pub(super) fn request(&mut self, now: Instant) -> Option<Instant> {
        if self.reserved.is_some_and(|at| at > now) {
            return self.reserved;
        }
        let mut used = self.limits.used();
        used.by_origin.get_mut(&self.origin)?.requests.reserve(&mut self.reserved, now)
    }

    /// Takes the right to a handshake. Returns when to ask again, as [`Self::request`] does.
    #[cfg(feature = "tls")]
    pub(super) fn handshake(&mut self, now: Instant) -> Option<Instant> {
        let mut used = self.limits.used();
        used.by_origin.get_mut(&self.origin)?.handshakes.reserve(&mut self.handshake, now)
    }

    /// Takes the right to send `more` bits a second in addition. Returns false if that would be too much.
    pub(super) fn reserve(&mut self, more: u64) -> bool {
        let mut used = self.limits.used();
        let own = used.by_origin.get(&self.origin).map_or(0, |share| share.bitrate);
        let fits = |used: u64, limit: &AtomicU64| used.saturating_add(more) <= limit.load(Ordering::Relaxed);
        let [all, each] =
            [fits(used.bitrate, &self.limits.max_bitrate), fits(own, &self.limits.max_bitrate_per_ip)];
        if !all || !each {
            #[cfg(feature = "metrics")]
            self.limits.refuse(if all { Refusal::BitratePerAddress } else { Refusal::Bitrate });
            return false;
        }
        let bitrate = self.bitrate.saturating_add(more);
        used.set_bitrate(self.origin, &mut self.bitrate, bitrate);
        true
    }

    /// Sets how many bits a second the connection is sent, as far as it is known.
    pub(super) fn set_bitrate(&mut self, bitrate: u64) {
        if bitrate != self.bitrate {
            self.limits.used().set_bitrate(self.origin, &mut self.bitrate, bitrate);
        }
    }
}

impl Used {
    fn set_bitrate(&mut self, origin: Origin, own: &mut u64, bitrate: u64) {
        let before = std::mem::replace(own, bitrate);
        let set = |sum: &mut u64| *sum = sum.saturating_sub(before).saturating_add(bitrate);
        set(&mut self.bitrate);
        if let Some(share) = self.by_origin.get_mut(&origin) {
            set(&mut share.bitrate);
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.set_bitrate(0);
        let mut used = self.limits.used();
        match self.too_many {
            Some(_) => used.farewells -= 1,
            None => used.connections -= 1,
        }
        if let Some(share) = used.by_origin.get_mut(&self.origin) {
            if self.reserved.is_some() {
                share.requests.give_back();
            }
            #[cfg(feature = "tls")]
            if self.handshake.is_some() {
                share.handshakes.give_back();
            }
            share.seats -= 1;
            share.connections -= usize::from(self.too_many.is_none());
            if share.seats == 0 {
                used.by_origin.remove(&self.origin);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pinhole::time::Duration;
    use std::net::Ipv4Addr;

    fn limits(change: impl FnOnce(&mut Options)) -> Arc<Limits> {
        let mut options = Options::new((Ipv4Addr::LOCALHOST, 0).into());
        change(&mut options);
        Arc::new(Limits::new(&options))
    }

    fn from(host: u8) -> SocketAddr {
        (Ipv4Addr::new(10, 0, 0, host), 1).into()
    }

    #[test]
    fn one_address_does_not_take_all_connections() {
        let limits = limits(|options| (options.max_connections, options.max_connections_per_ip) = (5, 3));
        let seats = |host, count| (0..count).map(|_| limits.admit(from(host))).collect::<Vec<_>>();
        let granted = |seats: &[Result<Seat, TurnedAway>]| {
            seats.iter().flatten().filter(|seat| seat.too_many().is_none()).count()
        };
        let one = seats(1, 30);
        assert_eq!(granted(&one), 3);
        assert_eq!(one.iter().flatten().count(), 3 + FAREWELLS);
        assert_eq!(one[29].as_ref().unwrap_err(), &TurnedAway::Address { limit: 3 });
        let others: Vec<_> = seats(2, 1).into_iter().chain(seats(3, 2)).collect();
        assert_eq!(granted(&others), 2);
        drop(one);
        assert_eq!(granted(&seats(4, 4)), 3);
        drop(others);
        let used = limits.used();
        assert_eq!((used.connections, used.farewells, used.by_origin.len()), (0, 0, 0));
    }

    #[test]
    fn bits_are_given_back() {
        let limits = limits(|options| {
            (options.max_bitrate, options.max_bitrate_per_ip) = (Some(100), Some(70));
        });
        let [mut a, mut b, mut c] = [1, 1, 2].map(|host| limits.admit(from(host)).unwrap());
        assert!(a.reserve(50) && !b.reserve(21) && b.reserve(20));
        assert!(!c.reserve(31) && c.reserve(30));
        a.set_bitrate(10);
        assert!(!b.reserve(41) && b.reserve(40));
        drop((a, b));
        assert!(c.reserve(40) && !c.reserve(1));
        drop(c);
        assert_eq!(limits.used().bitrate, 0);
    }

    #[test]
    fn limits_change_while_they_are_used() {
        let limits = limits(|options| options.max_connections = 2);
        let mut options = Options::new((Ipv4Addr::LOCALHOST, 0).into());
        let [mut one, two] = [1, 2].map(|host| limits.admit(from(host)).unwrap());
        assert!(limits.admit(from(3)).unwrap().too_many().is_some());
        (options.max_connections, options.max_bitrate) = (1, Some(10));
        assert!(!limits.count_bitrate() && one.reserve(100));
        limits.set(&options);
        assert!(limits.count_bitrate() && !one.reserve(1));
        // Who is in stays.
        assert_eq!((one.too_many(), two.too_many()), (None, None));
        drop(two);
        assert_eq!(limits.admit(from(3)).unwrap().too_many(), Some(TurnedAway::Server { limit: 1 }));
        options.max_connections = 3;
        limits.set(&options);
        assert!(limits.admit(from(3)).unwrap().too_many().is_none());
    }

    #[test]
    fn requests_of_one_address_are_bounded() {
        let limits = limits(|_| ());
        let now = Instant::from_micros(1);
        let [mut a, mut b, mut other] = [1, 1, 2].map(|host| limits.admit(from(host)).unwrap());
        for _ in 0..REQUESTS.0 / 2 {
            assert_eq!((a.request(now), b.request(now)), (None, None));
        }
        assert!(a.request(now).is_some_and(|at| at > now) && b.request(now).is_some());
        assert_eq!(other.request(now), None);
    }

    #[test]
    fn a_new_connection_waits_no_longer_than_those_that_ask_without_end() {
        let limits = limits(|_| ());
        let mut now = Instant::from_micros(1);
        let mut greedy: Vec<_> = (0..60).map(|_| limits.admit(from(1)).unwrap()).collect();
        for _ in 0..100 {
            greedy.iter_mut().for_each(|seat| while seat.request(now).is_none() {});
        }
        let mut new = limits.admit(from(1)).unwrap();
        let at = new.request(now).expect("60 are before it");
        assert!(at <= now + Duration::from_millis(62), "{at:?}");
        let mut answered = 0;
        while new.request(now).is_some() {
            now = now + Duration::from_millis(1);
            answered +=
                greedy.iter_mut().filter_map(|seat| seat.request(now).is_none().then_some(())).count();
        }
        assert!(now >= at && (59..=61).contains(&answered), "{answered}");
        // What was reserved and not used is there for others.
        drop(greedy);
        assert!(new.request(now).is_none_or(|at| at <= now + Duration::from_millis(2)));
    }
}
