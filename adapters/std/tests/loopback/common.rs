//! Servers and clients of this crate, on real sockets of this machine.
use pinhole::client::TransportChoice;
use pinhole::server::CloseReason;
use pinhole_std::client::{Client, Event, Options};
use pinhole_std::media::{Library, Playback};
use pinhole_std::server::{self, Handle, Server};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::mpsc::{self, Receiver};
use std::thread::{self, JoinHandle, ThreadId};
use std::time::{Duration, Instant};

pub(crate) const LIMIT: Duration = Duration::from_secs(30);

pub(crate) fn library() -> Library {
    let mut library = Library::new(Playback::default());
    library.add_path(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../video/bunny288.mjpeg"));
    library
}

/// A server on its own thread, stopped when this is dropped.
pub(crate) struct Serving {
    pub(crate) address: SocketAddr,
    /// Where it listens for HTTP, if it does.
    pub(crate) http: Option<SocketAddr>,
    pub(crate) handle: Handle,
    events: Receiver<(ThreadId, server::Event)>,
    thread: Option<JoinHandle<Result<(), server::Error>>>,
}

impl Serving {
    pub(crate) fn start(listen: SocketAddr, library: Library) -> Self {
        Self::with(&server::Options::new(listen), library)
    }

    pub(crate) fn with(options: &server::Options, library: Library) -> Self {
        Self::run(Server::bind(options, library).expect("a port is free"))
    }

    /// Runs a server that is bound.
    pub(crate) fn run(server: Server) -> Self {
        let (address, http, handle) = (server.local_addr(), server.http_addr(), server.handle());
        let (sender, events) = mpsc::channel();
        let thread = thread::spawn(move || {
            server.run(|event| {
                // Nobody may listen any more.
                let _ = sender.send((thread::current().id(), event.clone()));
            })
        });
        Self { address, http, handle, events, thread: Some(thread) }
    }

    pub(crate) fn url(&self) -> String {
        format!("rtsp://{}/bunny288", self.address)
    }

    pub(crate) fn wait<T>(&self, mut pick: impl FnMut(server::Event) -> Option<T>) -> T {
        self.wait_on(|_, event| pick(event))
    }

    /// Waits until a session has ended. Returns why, and how many frames it was sent.
    pub(crate) fn closed(&self) -> (CloseReason, u64) {
        self.wait(|event| match event {
            server::Event::Closed { reason, summary, .. } => Some((reason, summary.frames)),
            _ => None,
        })
    }

    /// Waits for an event that `pick` takes. It is given the thread that told the event, too.
    pub(crate) fn wait_on<T>(&self, mut pick: impl FnMut(ThreadId, server::Event) -> Option<T>) -> T {
        let deadline = Instant::now() + LIMIT;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let (thread, event) = self.events.recv_timeout(left).expect("the server says so in time");
            if let Some(found) = pick(thread, event) {
                return found;
            }
        }
    }
}

impl Serving {
    /// Waits until the server has ended by itself.
    pub(crate) fn ended(mut self) {
        let deadline = Instant::now() + LIMIT;
        let thread = self.thread.take().expect("it was not waited for before");
        while !thread.is_finished() {
            assert!(Instant::now() < deadline, "the server goes on");
            thread::sleep(Duration::from_millis(10));
        }
        thread.join().expect("no panic").expect("no failure");
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.handle.stop();
        if let Some(thread) = self.thread.take()
            && !thread::panicking()
        {
            thread.join().expect("no panic").expect("no failure");
        }
    }
}

pub(crate) fn connect(url: &str, transport: TransportChoice) -> Client {
    Client::connect(url, &Options { transport, ..Options::default() }).expect("the server is there")
}

/// Turns until an event that is `wanted`, and returns it. Panics after a while.
pub(crate) fn until(client: &mut Client, wanted: impl Fn(&Event) -> bool) -> Event {
    let deadline = Instant::now() + LIMIT;
    loop {
        assert!(Instant::now() < deadline, "not in time");
        client.turn(Duration::from_millis(50)).expect("the session holds");
        while let Some(event) = client.poll_event() {
            if wanted(&event) {
                return event;
            }
        }
    }
}

/// Sends a request, and returns the reply.
pub(crate) fn ask(stream: &mut TcpStream, request: String) -> String {
    stream.write_all(request.as_bytes()).unwrap();
    let mut reply = [0; 1000];
    let read = stream.read(&mut reply).unwrap();
    String::from_utf8_lossy(&reply[..read]).into_owned()
}

/// Returns the session identifier of a reply.
pub(crate) fn session_of(reply: &str) -> &str {
    reply.split("Session: ").nth(1).and_then(|rest| rest.get(..16)).expect("a session")
}
