//! Looks up the names of hosts, for which the system's resolver blocks.
use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

/// The most threads that look names up for one puller. A resolver that answers nobody holds each for some seconds.
const MOST_THREADS: usize = 8;

/// The addresses of a host, or why there are none.
pub(super) type Resolved = Result<Vec<SocketAddr>, String>;

type Job = (String, u16, Box<dyn FnOnce(Resolved) + Send>);

/// A pool of threads that look names up. There are none where there is nothing to do.
#[derive(Clone, Default)]
pub(super) struct Resolver(Arc<Mutex<Jobs>>);

#[derive(Default)]
struct Jobs {
    waiting: VecDeque<Job>,
    threads: usize,
}

impl Resolver {
    /// Looks up a host, and calls `done` with its addresses: on another thread, or at once if `host` is an address.
    pub(super) fn resolve(&self, host: &str, port: u16, done: impl FnOnce(Resolved) + Send + 'static) {
        if let Ok(ip) = host.parse::<IpAddr>() {
            return done(Ok(vec![SocketAddr::new(ip, port)]));
        }
        let mut jobs = self.lock();
        jobs.waiting.push_back((host.to_owned(), port, Box::new(done)));
        if jobs.threads == MOST_THREADS {
            return;
        }
        let all = self.clone();
        let thread = thread::Builder::new().name("resolve".into()).spawn(move || all.work());
        match thread {
            Ok(_) => jobs.threads += 1,
            Err(error) if jobs.threads == 0 => {
                let job = jobs.waiting.pop_back();
                drop(jobs);
                if let Some((_, _, done)) = job {
                    done(Err(format!("no thread to look the host up: {error}")));
                }
            }
            // Another one is at work, and will get there.
            Err(_) => {}
        }
    }

    fn work(&self) {
        loop {
            let mut jobs = self.lock();
            let Some((host, port, done)) = jobs.waiting.pop_front() else {
                jobs.threads -= 1;
                return;
            };
            drop(jobs);
            done(look_up(&host, port));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Jobs> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn look_up(host: &str, port: u16) -> Resolved {
    let found = (host, port).to_socket_addrs().map(Vec::from_iter);
    match found {
        Ok(addresses) if !addresses.is_empty() => Ok(addresses),
        Ok(_) => Err(format!("the host {host} has no address")),
        Err(error) if error.kind() == io::ErrorKind::Interrupted => look_up(host, port),
        Err(error) => Err(format!("the host {host} is not found: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;
    use std::time::Duration;

    #[test]
    fn addresses_and_names_are_looked_up() {
        let resolver = Resolver::default();
        let (sender, told) = channel();
        for host in ["192.0.2.1", "::1", "localhost"] {
            let sender = sender.clone();
            resolver.resolve(host, 554, move |found| sender.send((host, found)).unwrap());
        }
        for _ in 0..3 {
            let (host, found) = told.recv_timeout(Duration::from_secs(30)).unwrap();
            let found = found.unwrap();
            assert!(found.iter().all(|address| address.port() == 554) && !found.is_empty(), "{host}");
        }
    }

    #[test]
    fn there_are_few_threads() {
        let resolver = Resolver::default();
        let (sender, told) = channel();
        let (hold, until) = channel::<()>();
        let until = Arc::new(Mutex::new(until));
        for _ in 0..50 {
            let (sender, until) = (sender.clone(), Arc::clone(&until));
            resolver.resolve("localhost", 1, move |_| {
                let _ = until.lock().unwrap_or_else(PoisonError::into_inner).recv();
                sender.send(()).unwrap();
            });
            assert!(resolver.lock().threads <= MOST_THREADS);
        }
        drop(hold);
        for _ in 0..50 {
            told.recv_timeout(Duration::from_secs(30)).unwrap();
        }
    }
}
