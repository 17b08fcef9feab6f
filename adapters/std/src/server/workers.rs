//! The event loops of a server, as each of them knows the others.
//!
//! One loop accepts all connections, and hands each to the loop that has the fewest. Listeners of
//! their own, which share a port by SO_REUSEPORT, would spread connections by a hash of addresses:
//! of four viewers, two loops would have two each in only three cases of eight, for as long as they
//! watch.
use super::access::Access;
use super::arrival::Arrival;
use super::logins::Logins;
#[cfg(feature = "http")]
use super::tunnel::Tunnels;
use crate::media::PublishedMedia;
use mio::Waker;
use pinhole::server::Config;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Connections on their way to a worker; `None` once the worker has ended.
type Inbox = Option<Vec<Arrival>>;

/// All workers of a server. Each runs one event loop on a thread of its own.
#[derive(Debug)]
pub(super) struct Workers {
    workers: Box<[Worker]>,
    /// Whose connections may have come to different workers.
    #[cfg(feature = "http")]
    pub(super) tunnels: Arc<Tunnels>,
    stopped: AtomicBool,
    /// Whether the server is to end as soon as nobody is sent anything.
    draining: AtomicBool,
    /// How many workers have nothing more to send.
    done: AtomicUsize,
    /// How often what follows has changed.
    revision: AtomicU64,
    settings: Mutex<Settings>,
}

/// What can change while a server runs. Each worker has a copy of its own.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) config: Config,
    /// Who may log in; `None` if nobody has to.
    pub(super) logins: Option<Arc<Logins>>,
    /// From where clients may come.
    pub(super) access: Arc<Access>,
    /// The media; `None` if they are those with which the server has started.
    pub(super) media: Option<PublishedMedia>,
}

/// One event loop, as the others know it.
#[derive(Debug)]
struct Worker {
    waker: Arc<Waker>,
    inbox: Mutex<Inbox>,
    /// The connections that it has, and those in its inbox.
    connections: AtomicUsize,
}

impl Workers {
    /// Creates one worker for each waker. They begin with this configuration, and without logins.
    pub(super) fn new(wakers: impl IntoIterator<Item = Arc<Waker>>, config: Config) -> Self {
        let worker =
            |waker| Worker { waker, inbox: Mutex::new(Some(Vec::new())), connections: AtomicUsize::new(0) };
        let workers = wakers.into_iter().map(worker).collect();
        Self {
            workers,
            #[cfg(feature = "http")]
            tunnels: Arc::default(),
            stopped: AtomicBool::new(false),
            draining: AtomicBool::new(false),
            done: AtomicUsize::new(0),
            revision: AtomicU64::new(0),
            settings: Mutex::new(Settings { config, logins: None, access: Arc::default(), media: None }),
        }
    }

    /// Changes the settings that all workers take over before their next turns. `change` is given those in force.
    pub(super) fn change(&self, change: impl FnOnce(&mut Settings)) {
        change(&mut self.settings());
        self.revision.fetch_add(1, Ordering::Release);
        for worker in &self.workers {
            worker.wake();
        }
    }

    /// Returns how often the settings have changed.
    pub(super) fn revision(&self) -> u64 {
        self.revision.load(Ordering::Acquire)
    }

    pub(super) fn current(&self) -> Settings {
        self.settings().clone()
    }

    /// Held for a few steps only.
    fn settings(&self) -> MutexGuard<'_, Settings> {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes all workers take leave of their clients, and end.
    pub(super) fn stop(&self) {
        self.set(&self.stopped);
    }

    /// Makes all workers end as soon as none of them has anything to send.
    pub(super) fn drain(&self) {
        self.set(&self.draining);
    }

    pub(super) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }

    fn set(&self, flag: &AtomicBool) {
        if !flag.swap(true, Ordering::AcqRel) {
            for worker in &self.workers {
                worker.wake();
            }
        }
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    /// Gives a connection to the worker that has the fewest.
    pub(super) fn hand_over(&self, arrival: Arrival) {
        let connections = |worker: &&Worker| worker.connections.load(Ordering::Acquire);
        if let Some(worker) = self.workers.iter().min_by_key(connections) {
            worker.give(arrival);
        }
    }

    /// Gives a connection to worker `number`.
    #[cfg(feature = "http")]
    pub(super) fn hand_to(&self, number: usize, arrival: Arrival) {
        if let Some(worker) = self.workers.get(number) {
            worker.give(arrival);
        }
    }

    /// Takes the connections that were handed to worker `number`.
    pub(super) fn take_handed(&self, number: usize) -> Vec<Arrival> {
        let worker = self.workers.get(number);
        worker.and_then(|worker| worker.inbox().as_mut().map(std::mem::take)).unwrap_or_default()
    }

    /// Notes that a connection of worker `number` has ended.
    pub(super) fn connection_ended(&self, number: usize) {
        if let Some(worker) = self.workers.get(number) {
            worker.connections.fetch_sub(1, Ordering::AcqRel);
        }
    }

    /// Notes that worker `number` ends, and stops all others.
    pub(super) fn leave(&self, number: usize) {
        if let Some(worker) = self.workers.get(number) {
            *worker.inbox() = None;
        }
        // Live inputs end when nobody has them.
        self.settings().media = None;
        self.stop();
    }

    /// Notes that one worker has nothing more to send, or has something again. When none has, all
    /// of them are stopped.
    pub(super) fn set_done(&self, done: bool) {
        if !done {
            self.done.fetch_sub(1, Ordering::AcqRel);
        } else if self.done.fetch_add(1, Ordering::AcqRel) + 1 == self.workers.len() {
            self.stop();
        }
    }
}

impl Worker {
    fn give(&self, arrival: Arrival) {
        if let Some(waiting) = &mut *self.inbox() {
            self.connections.fetch_add(1, Ordering::AcqRel);
            waiting.push(arrival);
        }
        self.wake();
    }

    fn wake(&self) {
        // Fails only if the worker's event loop is gone.
        let _ = self.waker.wake();
    }

    fn inbox(&self) -> MutexGuard<'_, Inbox> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Options;
    use super::super::arrival::Role;
    use super::super::limits::Limits;
    use super::*;
    use mio::net::TcpStream;
    use mio::{Poll, Token};
    use std::net::Ipv4Addr;

    /// The polls have to outlive their wakers.
    fn workers(count: usize) -> (Workers, Vec<Poll>) {
        let polls: Vec<_> = (0..count).map(|_| Poll::new().unwrap()).collect();
        let wakers = polls.iter().map(|poll| Arc::new(Waker::new(poll.registry(), Token(0)).unwrap()));
        (Workers::new(wakers, Config::DEFAULT), polls)
    }

    fn connections(workers: &Workers) -> Vec<usize> {
        workers.workers.iter().map(|worker| worker.connections.load(Ordering::Acquire)).collect()
    }

    fn hand_over(workers: &Workers) {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let seat = Arc::new(Limits::new(&Options::new(address))).admit(address).unwrap();
        let stream = TcpStream::connect(address).unwrap();
        workers.hand_over(Arrival { role: Role::Rtsp, stream: stream.into(), address, seat });
    }

    #[test]
    fn connections_go_to_the_least_busy_worker() {
        let (workers, _polls) = workers(3);
        for _ in 0..6 {
            hand_over(&workers);
        }
        assert_eq!(connections(&workers), [2, 2, 2]);
        assert_eq!(workers.take_handed(1).len(), 2);
        assert_eq!(workers.take_handed(1).len(), 0);
        workers.connection_ended(1);
        workers.connection_ended(1);
        hand_over(&workers);
        hand_over(&workers);
        assert_eq!(connections(&workers), [2, 2, 2]);
    }

    #[test]
    fn all_end_together() {
        let (workers, _polls) = workers(2);
        workers.set_done(true);
        workers.set_done(false);
        workers.set_done(true);
        assert!(!workers.is_stopped());
        workers.set_done(true);
        assert!(workers.is_stopped());

        let (workers, _polls) = self::workers(2);
        workers.leave(0);
        assert!(workers.is_stopped());
        hand_over(&workers);
        assert_eq!(connections(&workers), [0, 0], "nobody would take it");
    }
}
