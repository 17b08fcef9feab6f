//! Sources of the network: cameras and other servers, from which a library takes live pictures.
//!
//! [`puller`] is a thread that pulls many sources, [`connecting`] opens connections, [`resolver`] looks names up,
//! [`session`] is a session with a source, by [`rtsp`] or [`http`], [`picture`] makes frames of packets, and
//! [`conceal`] fills in what was lost.
mod conceal;
mod connecting;
mod end;
mod http;
mod picture;
mod puller;
mod resolver;
mod rtsp;
mod session;
mod url;

use super::live::{Demand, Live};
use super::normalise::NormaliseOptions;
use super::wakers::Wakers;
use crate::clock::Clock;
#[cfg(feature = "tls")]
use crate::tls::{Fingerprint, load_store};
use pinhole::client::TransportChoice;
use pinhole::sdp::FrameRate;
use puller::{Inbox, Pulled, Puller, Spec};
use std::io;
use std::num::NonZero;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

pub use url::{SourceUrl, SourceUrlError};

/// The most threads that pull sources. One takes what a gigabit carries.
const MOST_THREADS: usize = 4;

/// How a source of the network is pulled. Pass it to [`Library::add_source`](super::Library::add_source). The default
/// asks for UDP first, connects when somebody watches, and lets go after 30 seconds without.
#[derive(Clone, Copy, Debug)]
pub struct SourceOptions {
    /// How an RTSP source is asked for its packets: by UDP, interleaved in the RTSP connection, or by UDP first and then
    /// interleaved.
    pub transport: TransportChoice,
    /// Is true if RTSP is spoken over HTTP with the source, as it always is with an `rtsph://` or `rtspsh://` URL. Its packets are then
    /// interleaved, whatever [`Self::transport`] says. HTTP sources ignore this.
    pub tunnel: bool,
    /// The certificate by which the server of an `rtsps://` source is known, whoever has signed it and for whichever host.
    /// With `None`, the certificate has to be for the host of the URL and to lead to one in the system's store.
    #[cfg(feature = "tls")]
    pub tls_fingerprint: Option<Fingerprint>,
    /// Is true if the source is pulled even if nobody watches.
    pub always: bool,
    /// How long the source is kept after the last session that plays it has ended, and after it was last asked for.
    pub linger: Duration,
}

impl Default for SourceOptions {
    fn default() -> Self {
        Self {
            transport: TransportChoice::Auto,
            tunnel: false,
            #[cfg(feature = "tls")]
            tls_fingerprint: None,
            always: false,
            linger: Duration::from_secs(30),
        }
    }
}

/// The threads that pull the sources of a library and of those that share it. They end with the last of them.
#[derive(Clone, Debug)]
pub(super) struct Pullers(Arc<Threads>);

#[derive(Debug)]
struct Threads {
    clock: Clock,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    threads: Vec<(Arc<Inbox>, JoinHandle<()>)>,
    /// The number of sources.
    sources: usize,
}

impl Pullers {
    pub(super) fn new(clock: Clock) -> Self {
        Self(Arc::new(Threads { clock, state: Mutex::default() }))
    }

    /// Gives a source to one of the threads. Returns a view of it.
    ///
    /// # Errors
    /// The system refuses a thread.
    pub(super) fn add(
        &self,
        url: &SourceUrl,
        options: SourceOptions,
        how: (FrameRate, NormaliseOptions),
        wakers: &Wakers,
    ) -> io::Result<Live> {
        // By the threads that pull, no disk may be waited for. A redirection may need it, too.
        #[cfg(feature = "tls")]
        if options.tls_fingerprint.is_none() && !url.is_http() {
            load_store();
        }
        let (rate, normalising) = how;
        let Threads { clock, state } = &*self.0;
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        let number = state.sources;
        let cores = thread::available_parallelism().map_or(1, NonZero::get).min(MOST_THREADS);
        if state.threads.len() < cores {
            let name = format!("pull {}", state.threads.len());
            let puller = Puller::new(*clock)?;
            let inbox = puller.inbox();
            let thread = thread::Builder::new().name(name).spawn(move || puller.run())?;
            state.threads.push((inbox, thread));
        }
        let index = number % state.threads.len();
        let (inbox, _) = state.threads.get(index).ok_or(io::ErrorKind::NotFound)?;
        let (told, told_of) = (Arc::clone(inbox), number);
        let demand = Arc::new(Demand::new(options.always, move || told.want(told_of)));
        let (live, feed) = Live::of_source(Arc::clone(&demand), wakers.clone(), rate);
        let spec = Spec { url: url.clone(), options, normalising, demand: Arc::clone(&demand) };
        inbox.add(number, Pulled::new(spec, feed));
        state.sources += 1;
        if options.always {
            demand.ask(clock.now().at);
        }
        Ok(live)
    }
}

impl Drop for Threads {
    /// Has the threads take leave of their sources, and waits for them: they never wait for anything themselves.
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        for (inbox, _) in &state.threads {
            inbox.stop();
        }
        for (_, thread) in state.threads.drain(..) {
            // A thread that has panicked has ended, too.
            let _ = thread.join();
        }
    }
}
