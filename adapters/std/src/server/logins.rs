//! Logins of all clients of a server: who there is, the key of nonces, and how often an address may try.
use super::access::Access;
use super::origin::Origin;
use super::users::{Users, UsersAt};
use pinhole::auth::NonceKey;
use pinhole::server::{Authenticator, Login};
use pinhole::time::{Duration, Instant};
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many logins of an address may fail before the next ones have to wait.
const FREE: u32 = 5;
/// How long the first login waits after those, and how long one waits at most: the time doubles with each.
const DELAYS: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(8));
/// A login that would have to wait for longer is refused.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long failures of an address are remembered after the last one.
const MEMORY: Duration = Duration::from_secs(600);
/// The most addresses whose failures are remembered.
const ADDRESSES: usize = 4096;

/// What all connections of a server with users share.
#[derive(Debug)]
pub(super) struct Logins {
    users: Users,
    kept: Arc<Kept>,
}

/// What stays when users change.
#[derive(Debug)]
struct Kept {
    key: NonceKey,
    failures: Mutex<Failures>,
}

/// Who asks, as far as it matters to the media: there may be some that are not there for everybody.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a> {
    users: Option<&'a Users>,
    user: Option<u16>,
    access: &'a Access,
    address: IpAddr,
}

/// Whether credentials may be tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trial {
    Now,
    /// Not before this time, which is kept for whoever asks.
    At(Instant),
    /// Too many others of the address wait.
    Never,
}

/// A time that is kept for a connection to try credentials.
pub(super) type Reserved = Option<Instant>;

/// The logins that failed, by address.
#[derive(Debug, Default)]
struct Failures {
    by_origin: HashMap<Origin, Failed>,
}

#[derive(Clone, Copy, Debug)]
struct Failed {
    count: u32,
    last: Instant,
    /// When the next login may be tried.
    next: Instant,
}

impl Logins {
    /// # Errors
    /// The system has no random numbers.
    pub(super) fn new(users: Users) -> io::Result<Arc<Self>> {
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(|error| io::Error::other(error.to_string()))?;
        let kept = Kept { key: NonceKey::new(key), failures: Mutex::default() };
        Ok(Arc::new(Self { users, kept: Arc::new(kept) }))
    }

    /// Returns logins of other users, with the same nonces and failures.
    pub(super) fn with_users(&self, users: Users) -> Arc<Self> {
        Arc::new(Self { users, kept: self.kept.clone() })
    }

    /// Returns the login of a connection, which began with other users. It is nobody's if the user is not among these.
    pub(super) fn renumbered(&self, before: Option<&Self>, login: &Login) -> Login {
        let user = login.user().zip(before);
        let mut login = *login;
        login.renumber(user.and_then(|(user, before)| self.users.number_of(&before.users, user)));
        login
    }

    /// Returns the users who may log in from an address.
    pub(super) fn users_at(&self, address: SocketAddr) -> UsersAt<'_> {
        self.users.at(address.ip())
    }

    /// Returns what checks logins of users, with nonces that are good for `lifetime` seconds. On a connection that is encrypted
    /// passwords may come as they are.
    pub(super) fn authenticator<'a>(
        &'a self,
        users: &'a UsersAt<'a>,
        lifetime: u32,
        is_secure: bool,
    ) -> Authenticator<'a, UsersAt<'a>> {
        let basic = is_secure || self.users.allows_basic();
        Authenticator { realm: self.users.realm(), users, key: &self.kept.key, lifetime, basic }
    }

    /// Returns whether a client at `address` may try credentials now. Ask again with the same `reserved` at the time that
    /// this returns.
    pub(super) fn ask(&self, address: SocketAddr, reserved: &mut Reserved, now: Instant) -> Trial {
        if let Some(at) = *reserved {
            if at > now {
                return Trial::At(at);
            }
            *reserved = None;
            return Trial::Now;
        }
        let trial = self.failures().ask(Origin::of(address), now);
        if let Trial::At(at) = trial {
            *reserved = Some(at);
        }
        trial
    }

    /// Returns the name of a user.
    pub(super) fn name(&self, user: Option<u16>) -> Option<Arc<str>> {
        self.users.name(user?)
    }

    /// Takes note of a login of `address` that has failed.
    pub(super) fn has_failed(&self, address: SocketAddr, now: Instant) {
        self.failures().add(Origin::of(address), now);
    }

    /// Held for a few steps, or a few thousand where a new address takes the place of another one.
    fn failures(&self) -> MutexGuard<'_, Failures> {
        self.kept.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<'a> Reader<'a> {
    /// Returns who asks by a connection from an address, at a server that may have users.
    pub(super) fn new(
        logins: Option<&'a Logins>,
        login: &Login,
        access: &'a Access,
        address: SocketAddr,
    ) -> Self {
        Self { users: logins.map(|logins| &logins.users), user: login.user(), access, address: address.ip() }
    }

    /// Returns whether the medium at a path is there for whoever asks. The path has no leading slash.
    pub(super) fn may_read(self, path: &str) -> bool {
        let may_user = |users: &Users| {
            self.user.is_some_and(|user| users.admits(user, self.address) && users.may_read(user, path))
        };
        self.access.may_read(self.address, path) && self.users.is_none_or(may_user)
    }
}

/// Returns the name of the user who is logged in; `None` if nobody is.
pub(super) fn name_of(logins: Option<&Logins>, login: &Login) -> Option<Arc<str>> {
    logins?.name(login.user())
}

impl Failures {
    fn ask(&mut self, origin: Origin, now: Instant) -> Trial {
        let Some(failed) = self.by_origin.get_mut(&origin) else { return Trial::Now };
        if failed.last + MEMORY <= now {
            self.by_origin.remove(&origin);
            return Trial::Now;
        }
        if failed.count < FREE {
            return Trial::Now;
        }
        let at = failed.next.max(now);
        if at > now + PATIENCE {
            return Trial::Never;
        }
        failed.next = at + failed.delay();
        if at > now { Trial::At(at) } else { Trial::Now }
    }

    fn add(&mut self, origin: Origin, now: Instant) {
        if self.by_origin.len() >= ADDRESSES && !self.by_origin.contains_key(&origin) {
            let oldest =
                self.by_origin.iter().min_by_key(|(_, failed)| failed.last).map(|(origin, _)| *origin);
            oldest.map(|oldest| self.by_origin.remove(&oldest));
        }
        let failed = self.by_origin.entry(origin).or_insert(Failed { count: 0, last: now, next: now });
        failed.count = failed.count.saturating_add(1);
        failed.last = now;
        if failed.count >= FREE {
            failed.next = failed.next.max(now + failed.delay());
        }
    }
}

impl Failed {
    /// Returns how long this address waits between two logins.
    fn delay(&self) -> Duration {
        let doublings = self.count.saturating_sub(FREE).min(16);
        Duration::from_micros(DELAYS.0.as_micros() << doublings).min(DELAYS.1)
    }
}

#[cfg(test)]
mod tests {
    use super::super::access::AddressList;
    use super::super::users::User;
    use super::*;
    use pinhole::auth::{Algorithm, Ha1};
    use pinhole::server::{Attempt, Scope, Verdict};

    fn origin(host: u16) -> Origin {
        let [high, low] = host.to_be_bytes();
        Origin::of(SocketAddr::from(([10, 0, high, low], 1)))
    }

    fn at(ms: u64) -> Instant {
        Instant::from_micros(1_000_000_000 + ms * 1000)
    }

    #[test]
    fn failures_of_one_address_make_it_wait_longer_and_longer() {
        let mut failures = Failures::default();
        for _ in 0..FREE {
            assert_eq!(failures.ask(origin(1), at(0)), Trial::Now);
            failures.add(origin(1), at(0));
        }
        assert_eq!(failures.ask(origin(1), at(0)), Trial::At(at(250)));
        assert_eq!(failures.ask(origin(2), at(0)), Trial::Now, "others do not wait");
        // Each of those that come at once has a time of its own.
        assert_eq!(failures.ask(origin(1), at(0)), Trial::At(at(500)));
        let (mut now, mut waits) = (at(0), Vec::new());
        for _ in 0..10 {
            failures.add(origin(1), now);
            match failures.ask(origin(1), now) {
                Trial::At(until) => {
                    waits.push(until.since(now).as_millis());
                    now = until;
                }
                other => panic!("{other:?}"),
            }
        }
        assert!(waits.is_sorted() && waits.last() == Some(&8000), "{waits:?}");
        // Guesses in a day: 10,800 of one address.
        assert!(matches!(failures.ask(origin(1), now), Trial::At(_)));
        assert_eq!(failures.ask(origin(1), now), Trial::Never);
        assert_eq!(failures.ask(origin(1), now + MEMORY), Trial::Now, "it is forgotten");
    }

    #[test]
    fn so_many_addresses_are_remembered() {
        let mut failures = Failures::default();
        for host in 0..ADDRESSES as u16 + 100 {
            failures.add(origin(host), at(u64::from(host)));
        }
        assert_eq!(failures.by_origin.len(), ADDRESSES);
        assert!(
            !failures.by_origin.contains_key(&origin(99)) && failures.by_origin.contains_key(&origin(100))
        );
    }

    /// Who measures many answers learns nothing of names from their times. One measurement may be disturbed by other
    /// programs, so that it is made again; what differs in truth differs each time.
    #[test]
    fn a_name_that_nobody_has_takes_as_long_as_a_wrong_password() {
        const EACH: usize = 2000;
        let mut users = Users::new("pinhole").unwrap();
        let ha1 = |algorithm| Some(Ha1::new(algorithm, b"anna", "pinhole", b"secret"));
        let (sha256, md5) = (ha1(Algorithm::Sha256), ha1(Algorithm::Md5));
        let addresses = AddressList::default();
        users.add(User { name: "anna".into(), sha256, md5, read: vec!["*".into()], addresses }).unwrap();
        let logins = Logins::new(users).unwrap();
        let address = SocketAddr::from(([10, 0, 0, 1], 1));
        let known = logins.users_at(address);
        let authenticator = logins.authenticator(&known, 60, false);
        let scope = Scope::connection(address);
        let time = |name: &str, algorithm: Algorithm| {
            let digits = "0".repeat(if algorithm == Algorithm::Md5 { 32 } else { 64 });
            let credentials = format!(
                "Digest username=\"{name}\", realm=\"pinhole\", nonce=\"{}\", uri=\"/\", response=\"{digits}\", algorithm={}",
                "0".repeat(40),
                algorithm.name()
            );
            let authorization = Some(credentials.as_bytes());
            let attempt =
                Attempt { authorization, method: b"DESCRIBE", scope, now: at(0), is_target: &|_| true };
            let begun = std::time::Instant::now();
            let verdict = authenticator.check(&mut Login::default(), &attempt);
            let took = begun.elapsed();
            assert_eq!(verdict, Verdict::Wrong { user: (name == "anna").then_some(0) });
            took
        };
        for algorithm in [Algorithm::Md5, Algorithm::Sha256] {
            let ratio = || {
                let mut times = [Vec::new(), Vec::new()];
                for _ in 0..EACH {
                    // In turns, so that both are disturbed alike.
                    for (times, name) in times.iter_mut().zip(["anna", "otto"]) {
                        times.push(time(name, algorithm));
                    }
                }
                let [known, unknown] = times.map(|mut times| {
                    times.sort_unstable();
                    times[EACH / 2].as_secs_f64()
                });
                unknown / known
            };
            let ratios: Vec<_> =
                (0..20).map(|_| ratio()).take_while(|ratio| !(0.95..1.05).contains(ratio)).collect();
            assert!(ratios.len() < 20, "{algorithm:?}: {ratios:?}");
        }
    }
}
