//! What the event loops of a server have to do with each other.
//!
//! One of them accepts all connections, and hands each to the loop that has the fewest. Listeners
//! of their own, on one port by SO_REUSEPORT, would spread them by a hash of the addresses: of four
//! watchers, two loops would have two each in three cases of eight only, for as long as they watch;
//! and where the limit of connections is reached is known in one place.
use mio::Waker;
use mio::net::TcpStream;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Connections on their way to a loop; `None` once that is gone.
type Inbox = Option<Vec<(TcpStream, SocketAddr)>>;

#[derive(Debug)]
pub(super) struct Crew {
    members: Box<[Member]>,
    max_connections: usize,
    stop: AtomicBool,
    /// How many loops have nothing more to send.
    done: AtomicUsize,
}

/// One event loop, as the others know it.
#[derive(Debug)]
struct Member {
    waker: Arc<Waker>,
    inbox: Mutex<Inbox>,
    /// With those in the inbox.
    connections: AtomicUsize,
}

impl Crew {
    /// Loops that are woken by `wakers`, with up to `max_connections` in all.
    pub(super) fn new(wakers: impl IntoIterator<Item = Arc<Waker>>, max_connections: usize) -> Self {
        let member =
            |waker| Member { waker, inbox: Mutex::new(Some(Vec::new())), connections: AtomicUsize::new(0) };
        let members = wakers.into_iter().map(member).collect();
        Self { members, max_connections, stop: AtomicBool::new(false), done: AtomicUsize::new(0) }
    }

    /// Has all loops say what is left to say, and end.
    pub(super) fn stop(&self) {
        if !self.stop.swap(true, Ordering::AcqRel) {
            for member in &self.members {
                member.wake();
            }
        }
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    pub(super) const fn max_connections(&self) -> usize {
        self.max_connections
    }

    /// Gives a connection to the loop that has the fewest; `false` if there are too many already.
    /// Only one loop calls this, or there could be more than that.
    pub(super) fn hand_over(&self, stream: TcpStream, address: SocketAddr) -> bool {
        let connections = |member: &Member| member.connections.load(Ordering::Acquire);
        if self.members.iter().map(connections).sum::<usize>() >= self.max_connections {
            return false;
        }
        let Some(member) = self.members.iter().min_by_key(|member| connections(member)) else { return false };
        if let Some(waiting) = &mut *member.inbox() {
            member.connections.fetch_add(1, Ordering::AcqRel);
            waiting.push((stream, address));
        }
        member.wake();
        true
    }

    /// What was handed to loop `number`.
    pub(super) fn take_handed(&self, number: usize) -> Vec<(TcpStream, SocketAddr)> {
        let member = self.members.get(number);
        member.and_then(|member| member.inbox().as_mut().map(std::mem::take)).unwrap_or_default()
    }

    /// A connection of loop `number` is gone.
    pub(super) fn gone(&self, number: usize) {
        if let Some(member) = self.members.get(number) {
            member.connections.fetch_sub(1, Ordering::AcqRel);
        }
    }

    /// Loop `number` ends, and so do all others.
    pub(super) fn leave(&self, number: usize) {
        if let Some(member) = self.members.get(number) {
            *member.inbox() = None;
        }
        self.stop();
    }

    /// One loop has nothing more to send, or has again; once none has, all of them end.
    pub(super) fn set_done(&self, done: bool) {
        if !done {
            self.done.fetch_sub(1, Ordering::AcqRel);
        } else if self.done.fetch_add(1, Ordering::AcqRel) + 1 == self.members.len() {
            self.stop();
        }
    }
}

impl Member {
    fn wake(&self) {
        // Fails only where the loop is gone already.
        let _ = self.waker.wake();
    }

    fn inbox(&self) -> MutexGuard<'_, Inbox> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mio::{Poll, Token};
    use std::net::Ipv4Addr;

    /// The polls have to outlive their wakers.
    fn crew(loops: usize, max_connections: usize) -> (Crew, Vec<Poll>) {
        let polls: Vec<_> = (0..loops).map(|_| Poll::new().unwrap()).collect();
        let wakers = polls.iter().map(|poll| Arc::new(Waker::new(poll.registry(), Token(0)).unwrap()));
        (Crew::new(wakers, max_connections), polls)
    }

    fn connections(crew: &Crew) -> Vec<usize> {
        crew.members.iter().map(|member| member.connections.load(Ordering::Acquire)).collect()
    }

    fn stream() -> (TcpStream, SocketAddr) {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        (TcpStream::connect(address).unwrap(), address)
    }

    #[test]
    fn connections_go_where_there_are_fewest_and_the_limit_is_that_of_all() {
        let (crew, _polls) = crew(3, 7);
        let hand = || {
            let (stream, address) = stream();
            crew.hand_over(stream, address)
        };
        for _ in 0..6 {
            assert!(hand());
        }
        assert_eq!(connections(&crew), [2, 2, 2]);
        assert_eq!(crew.take_handed(1).len(), 2);
        assert_eq!(crew.take_handed(1).len(), 0);
        crew.gone(1);
        crew.gone(1);
        assert!(hand() && hand());
        assert_eq!(connections(&crew), [2, 2, 2]);
        assert!(hand() && !hand());
        assert_eq!(connections(&crew), [3, 2, 2]);
    }

    #[test]
    fn all_end_when_none_has_anything_to_send_or_one_is_gone() {
        let (crew, _polls) = crew(2, 7);
        crew.set_done(true);
        crew.set_done(false);
        crew.set_done(true);
        assert!(!crew.is_stopped());
        crew.set_done(true);
        assert!(crew.is_stopped());

        let (crew, _polls) = self::crew(2, 7);
        crew.leave(0);
        assert!(crew.is_stopped());
        let (stream, address) = stream();
        crew.hand_over(stream, address);
        assert_eq!(connections(&crew), [0, 0], "nobody would take it");
    }
}
